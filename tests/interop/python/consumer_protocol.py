"""librdkafka in consumer groups of KIP-848: share, leave, a regular expression, and the way from the classic protocol
to the new one and back while the members are there.

Prints one JSON document with what was seen, the same for every cluster; anything unexpected ends it with an error.
"""

import json
import sys
import threading
import time

from common import arguments
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient, NewTopic

RECORDS = 40
# Others may have topics and groups of their own: the names of all that is made here start so.
OURS = "cp-"
TOPIC, MATCHED, NEW = OURS + "t", OURS + "x1", OURS + "new"


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain: {what}")
        time.sleep(0.02)


class Member:
    """A consumer that polls and commits in a thread of its own."""

    def __init__(self, servers, group, topics, protocol="consumer", strategy="range", instance=None):
        config = {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "group.protocol": protocol,
        }
        if protocol == "classic":
            config |= {
                "partition.assignment.strategy": strategy,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 100,
            }
        if instance:
            config["group.instance.id"] = instance
        self.consumer = Consumer(config)
        self.consumer.subscribe(topics)
        self.seen, self.partitions = [], []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            message = self.consumer.poll(0.05)
            if message is not None and not message.error():
                self.seen.append(int(message.value()))
                try:
                    self.consumer.commit(asynchronous=False)
                except Exception as error:  # a rebalance came between: the records are read again
                    print(error, file=sys.stderr)
            self.partitions = sorted((p.topic, p.partition) for p in self.consumer.assignment())

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        self.consumer.close()


def group_of(admin, group):
    for row in admin.list_consumer_groups().result(10).valid:
        if row.group_id == group:
            return [row.type.name, row.state.name]
    return None


def share(*members):
    """Whether all four partitions are read, two by each of two."""
    parts = [member.partitions for member in members]
    return sorted(sum(parts, [])) == [(TOPIC, n) for n in range(4)] and all(len(part) == 4 // len(members) for part in parts)


def main():
    servers = arguments()
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(TOPIC, 4, 1), NewTopic(MATCHED, 1, 1)]).values():
        future.result(10)
    producer = Producer({"bootstrap.servers": servers})
    for n in range(RECORDS):
        producer.produce(TOPIC, value=str(n), partition=n % 4)
    producer.flush(10)
    document = {}

    one = Member(servers, NEW, [TOPIC])
    wait_for(lambda: share(one), "all partitions for the first member")
    wait_for(lambda: len(set(one.seen)) == RECORDS, "all records for the first member")
    document["alone"] = group_of(admin, NEW)
    two = Member(servers, NEW, [TOPIC])
    wait_for(lambda: share(one, two), "two partitions each")
    described = admin.describe_consumer_groups([NEW])[NEW].result(10)
    document["described"] = {
        "type": described.type.name,
        "assignor": described.partition_assignor,
        "members": [sorted([p.topic, p.partition] for p in m.assignment.topic_partitions) for m in described.members],
    }
    document["described"]["members"].sort()
    two.stop()
    wait_for(lambda: share(one), "all partitions back")
    one.stop()
    document["left"] = group_of(admin, NEW)
    answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(NEW)])[NEW].result(10)
    document["offsets"] = sorted([p.topic, p.partition, p.offset] for p in answer.topic_partitions)
    document["read again"] = len(two.seen)

    regex = Member(servers, OURS + "regex", [f"^{OURS}x.*"])
    wait_for(lambda: regex.partitions == [(MATCHED, 0)], "the topic of the regular expression")
    regex.stop()

    named = Member(servers, OURS + "static", [TOPIC], instance="i")
    wait_for(lambda: share(named), "all partitions for a static member")
    named.stop()
    document["static away"] = group_of(admin, OURS + "static")
    named = Member(servers, OURS + "static", [TOPIC], instance="i")
    wait_for(lambda: share(named), "all partitions for a static member that came back")
    named.stop()

    for strategy in ["range", "cooperative-sticky"]:
        group, seen = f"{OURS}moving-{strategy}", {}
        old = Member(servers, group, [TOPIC], "classic", strategy)
        wait_for(lambda: share(old), f"{group}: all partitions by the old protocol")
        seen["before"] = group_of(admin, group)
        new = Member(servers, group, [TOPIC])
        wait_for(lambda: share(old, new), f"{group}: shared by both protocols")
        seen["both"] = group_of(admin, group)
        new.stop()
        wait_for(lambda: share(old), f"{group}: all back to the old protocol")
        seen["back"] = group_of(admin, group)
        if strategy == "range":
            # Not so cooperative-sticky: librdkafka's leader keeps data of its own in assignments, and Kafka refuses
            # to lose it (GROUP_ID_NOT_FOUND, which ends the new member).
            new = Member(servers, group, [TOPIC])
            wait_for(lambda: share(old, new), f"{group}: shared by both protocols again")
            old.stop()
            wait_for(lambda: share(new), f"{group}: all partitions by the new protocol")
            seen["after"] = group_of(admin, group)
            new.stop()
        else:
            old.stop()
        document[f"moving-{strategy}"] = seen

    admin.delete_consumer_groups([NEW])[NEW].result(10)
    left = [row.group_id for row in admin.list_consumer_groups().result(10).valid]
    document["groups left"] = sorted(group for group in left if group.startswith(OURS))
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
