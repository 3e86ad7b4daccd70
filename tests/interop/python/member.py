"""One member of a group: confluent-kafka, which is librdkafka, until its input ends.

    member.py BOOTSTRAP TOPIC GROUP [NAME=VALUE ...]

Prints a JSON document per line: {"owned": [partitions]} after each change, {"read": value} for each record. It commits
what it has read when it gives partitions up, and when it ends.
"""

import json
import sys
import threading

from confluent_kafka import Consumer


def say(**document):
    print(json.dumps(document), flush=True)


def main():
    servers, topic, group = sys.argv[1:4]
    settings = dict(pair.split("=", 1) for pair in sys.argv[4:])
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100, **settings}
    )
    consumer.subscribe([topic])
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    owned = None
    while not ended.is_set():
        message = consumer.poll(0.05)
        if message is not None and message.error():
            say(error=str(message.error()))
        elif message is not None:
            say(read=int(message.value()))
        now = sorted(partition.partition for partition in consumer.assignment())
        if now != owned:
            owned = now
            say(owned=owned)
    consumer.close()


main()
