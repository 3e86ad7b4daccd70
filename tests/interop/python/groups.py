"""Two consumers of each Python client share a group: subscribe, rebalance, commit, leave, come back.

Prints one JSON document with what was seen; anything unexpected ends it with an error.
"""

import json
import sys
import threading
import time

from common import arguments

RECORDS = 40


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain: {what}")
        time.sleep(0.02)


class Confluent:
    """confluent-kafka, which is librdkafka."""

    name = "confluent-kafka"

    def __init__(self, servers):
        from confluent_kafka import Producer
        from confluent_kafka.admin import AdminClient, NewTopic

        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.admin.create_topics([NewTopic("cg", 4, 1)])["cg"].result(10)
        producer = Producer({"bootstrap.servers": servers})
        for n in range(RECORDS):
            producer.produce("cg", value=str(n), partition=n % 4)
        producer.flush(10)

    def consumer(self, strategy, instance=None):
        from confluent_kafka import Consumer

        config = {
            "bootstrap.servers": self.servers,
            "group.id": f"confluent-{strategy}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "partition.assignment.strategy": strategy,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 100,
        }
        if instance:
            config["group.instance.id"] = instance
        return Confluent.Member(Consumer(config))

    class Member:
        def __init__(self, consumer):
            self.consumer = consumer
            consumer.subscribe(["cg"])

        def poll(self):
            message = self.consumer.poll(0.05)
            if message is None:
                return []
            if message.error():
                sys.exit(f"poll: {message.error()}")
            return [int(message.value())]

        def owned(self):
            return sorted(partition.partition for partition in self.consumer.assignment())

        def commit(self):
            self.consumer.commit(asynchronous=False)

        def close(self):
            self.consumer.close()

    def groups(self):
        listed = self.admin.list_consumer_groups().result(10).valid
        # Others may have groups of their own.
        return sorted((group.group_id, group.state.name) for group in listed if group.group_id.startswith("confluent-"))

    def offsets(self, group):
        from confluent_kafka import ConsumerGroupTopicPartitions

        answer = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
        return sorted((row.partition, row.offset) for row in answer.topic_partitions)

    def delete(self, group):
        self.admin.delete_consumer_groups([group])[group].result(10)


class KafkaPython:
    """kafka-python, pure Python."""

    name = "kafka-python"

    def __init__(self, servers):
        from kafka import KafkaProducer
        from kafka.admin import KafkaAdminClient, NewTopic

        self.servers = servers
        KafkaAdminClient(bootstrap_servers=servers).create_topics([NewTopic("kg", 4, 1)])
        producer = KafkaProducer(bootstrap_servers=servers)
        for n in range(RECORDS):
            producer.send("kg", value=str(n).encode(), partition=n % 4)
        producer.close()

    def consumer(self, strategy, instance=None):
        from kafka import KafkaConsumer
        from kafka.coordinator.assignors.range import RangePartitionAssignor
        from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

        assignor = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}[strategy]
        consumer = KafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=f"python-{strategy}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            partition_assignment_strategy=[assignor],
            session_timeout_ms=6000,
            heartbeat_interval_ms=100,
        )
        # A leader that joins before it knows the topic assigns nothing, joins again, and sometimes stands still for good.
        wait_for(lambda: consumer.partitions_for_topic("kg"), "the topic's partitions")
        consumer.subscribe(["kg"])
        return KafkaPython.Member(consumer)

    class Member:
        def __init__(self, consumer):
            self.consumer = consumer

        def poll(self):
            polled = self.consumer.poll(timeout_ms=50)
            return [int(record.value) for records in polled.values() for record in records]

        def owned(self):
            return sorted(partition.partition for partition in self.consumer.assignment())

        def commit(self):
            self.consumer.commit()

        def close(self):
            self.consumer.close(autocommit=False)


class Running:
    """A member that polls in a thread of its own, and is asked for nothing elsewhere: its clients are not for two threads."""

    def __init__(self, member):
        self.member = member
        self.seen = []
        self.partitions = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            polled = self.member.poll()
            if polled:
                self.seen += polled
                self.member.commit()
            self.partitions = self.member.owned()

    def owned(self):
        return self.partitions

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        self.member.close()


def scenario(client, strategy):
    one = Running(client.consumer(strategy))
    wait_for(lambda: one.owned() == [0, 1, 2, 3], f"{strategy}: all partitions for the first member")
    wait_for(lambda: len(set(one.seen)) == RECORDS, f"{strategy}: all records for the first member")
    two = Running(client.consumer(strategy))
    wait_for(lambda: len(one.owned()) == 2 and len(two.owned()) == 2, f"{strategy}: two partitions each")
    shared = sorted(one.owned() + two.owned())
    two.stop()
    wait_for(lambda: one.owned() == [0, 1, 2, 3], f"{strategy}: all partitions back")
    one.stop()
    three = Running(client.consumer(strategy))
    wait_for(lambda: three.owned() == [0, 1, 2, 3], f"{strategy}: all partitions for the third member")
    time.sleep(0.3)
    three.stop()
    again = len(two.seen) + len(three.seen)
    return {"shared": shared, "read again after commits": again}


def main():
    servers = arguments()
    document = {}
    for kind, strategies in ((Confluent, ["range", "cooperative-sticky"]), (KafkaPython, ["range", "roundrobin"])):
        client = kind(servers)
        document[client.name] = {strategy: scenario(client, strategy) for strategy in strategies}
        if kind is Confluent:
            document["groups"] = client.groups()
            document["offsets"] = client.offsets("confluent-range")
            client.delete("confluent-range")
            document["groups left"] = client.groups()
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
