"""librdkafka's transactional producer, told line by line what to do: init, begin, send VALUE, commit.

Prints for each line `ok`, or `fatal`, `abortable` or `other` and the error's name. Arguments: the bootstrap servers, the
topic, the transactional id.
"""

import sys

from confluent_kafka import KafkaException, Producer

bootstrap_servers, topic, transactional_id = sys.argv[1:]
producer = None


def init():
    global producer
    producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": transactional_id, "log_level": 0})
    producer.init_transactions(20)


def send(value):
    failures = []
    producer.produce(topic, value.encode(), partition=0, on_delivery=lambda error, _: error and failures.append(error))
    producer.flush(20)
    if failures:
        raise KafkaException(failures[0])


commands = {
    "init": init,
    "begin": lambda: producer.begin_transaction(),
    "send": send,
    "commit": lambda: producer.commit_transaction(20),
}
for line in sys.stdin:
    command, *arguments = line.split()
    try:
        commands[command](*arguments)
        print("ok", flush=True)
    except KafkaException as failure:
        error = failure.args[0]
        kind = "fatal" if error.fatal() else "abortable" if error.txn_requires_abort() else "other"
        print(kind, error.name(), flush=True)
