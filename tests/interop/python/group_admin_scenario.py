"""Groups through confluent-kafka's admin, as Kafka's consumer-group tool manages them: prints one JSON document of answers.

One group commits only, one has a member, one has had a member, one was never there.
"""

import time

from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, ConsumerGroupType, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from common import Answers, arguments, settle, stable

BOOTSTRAP = arguments()
QUIET = {"bootstrap.servers": BOOTSTRAP, "log_level": 0, "error_cb": lambda error: None}
TOPIC = "ga-orders"
BASE = 1_600_000_000_000
admin = AdminClient(dict(QUIET))


def error_of(error):
    if isinstance(error, KafkaException):
        return {"error": error.args[0].name(), "message": stable(error.args[0].str())}
    return {"error": type(error).__name__, "client": True}


answers = Answers(error_of)
ask = answers.ask


def one(futures):
    (future,) = futures.values()
    return future.result(15)


def mine(groups):
    return [group for group in groups if group.group_id.startswith("ga-")]


def listed(**filters):
    result = admin.list_consumer_groups(request_timeout=10, **filters).result(15)
    rows = [
        {"group": row.group_id, "simple": row.is_simple_consumer_group, "state": row.state.name, "type": row.type.name}
        for row in mine(result.valid)
    ]
    return {"groups": sorted(rows, key=lambda row: row["group"]), "errors": len(result.errors)}


def described(group):
    row = one(admin.describe_consumer_groups([group], request_timeout=10))
    return {
        "state": row.state.name,
        "type": row.type.name,
        "assignor": row.partition_assignor,
        "simple": row.is_simple_consumer_group,
        "coordinator": row.coordinator is not None,
        "members": [
            {
                "client_id": member.client_id,
                "host": member.host,
                "instance": member.group_instance_id,
                "id": member.member_id.startswith(member.client_id),
                "assignment": sorted(f"{p.topic}-{p.partition}" for p in member.assignment.topic_partitions),
            }
            for member in row.members
        ],
    }


def rows_of(partitions):
    return [
        {"partition": f"{p.topic}-{p.partition}", "offset": p.offset, "metadata": p.metadata, "error": p.error and p.error.name()}
        for p in sorted(partitions, key=lambda p: (p.topic, p.partition))
    ]


def offsets(group, partitions=None):
    asked = ConsumerGroupTopicPartitions(group, partitions)
    return rows_of(one(admin.list_consumer_group_offsets([asked], request_timeout=10)).topic_partitions)


def alter(group, *rows):
    partitions = [TopicPartition(topic, partition, offset) for topic, partition, offset in rows]
    asked = ConsumerGroupTopicPartitions(group, partitions)
    return rows_of(one(admin.alter_consumer_group_offsets([asked], request_timeout=10)).topic_partitions)


def delete(group):
    return one(admin.delete_consumer_groups([group], request_timeout=10))


def attempt(question, *args):
    try:
        return question(*args)
    except KafkaException as error:
        return error


def at_time(ms):
    """The offsets from which on records are not older: what the tool's `--to-datetime` asks first."""
    partitions = {TopicPartition(TOPIC, partition): OffsetSpec.for_timestamp(ms) for partition in range(2)}
    found = admin.list_offsets(partitions, request_timeout=10)
    return [(TOPIC, p.partition, future.result(15).offset) for p, future in sorted(found.items(), key=lambda row: row[0].partition)]


def consumer(group, **more):
    return Consumer({
        **QUIET, "group.id": group, "client.id": f"{group}-app", "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "session.timeout.ms": 6000, "heartbeat.interval.ms": 200, "partition.assignment.strategy": "range", **more})


def read_all(member):
    """Polls until the member has everything there is, and commits."""
    seen, deadline = 0, time.monotonic() + 30
    while seen < 20 and time.monotonic() < deadline:
        message = member.poll(0.1)
        if message is not None and message.error() is None:
            seen += 1
    member.commit(asynchronous=False)
    return seen


# What there is ---------------------------------------------------------------------------------------------------

ask("create", lambda: one(admin.create_topics([NewTopic(TOPIC, 2, 1)])))
producer = Producer(dict(QUIET))
for n in range(20):
    producer.produce(TOPIC, value=str(n), partition=n % 2, timestamp=BASE + 1000 * n)
producer.flush(15)
# A real coordinator that was never asked before is not ready at once.
for group in ("ga-simple", "ga-busy", "ga-static", "ga-missing"):
    settle(lambda: alter(group, (TOPIC, 0, 0)), lambda rows: rows[0]["error"] is None, 30)
    settle(lambda: attempt(delete, group), lambda error: error is None)
ask("list.none", listed)

# A group that nobody was ever in.
ask("alter.new", alter, "ga-simple", (TOPIC, 0, 3), (TOPIC, 1, 4))
ask("offsets.new", offsets, "ga-simple")
ask("describe.simple", described, "ga-simple")
ask("alter.unknown_partition", alter, "ga-simple", (TOPIC, 9, 3))
ask("alter.unknown_topic", alter, "ga-simple", ("ga-missing", 0, 3))
ask("alter.negative", alter, "ga-simple", (TOPIC, 0, -7))
ask("offsets.some", offsets, "ga-simple", [TopicPartition(TOPIC, 1), TopicPartition(TOPIC, 9)])

# A group at work.
member = consumer("ga-busy")
member.subscribe([TOPIC])
ask("busy.read", read_all, member)
settle(lambda: described("ga-busy"), lambda group: group["state"] == "STABLE")
ask("describe.busy", described, "ga-busy")
ask("offsets.busy", offsets, "ga-busy")
ask("alter.busy", alter, "ga-busy", (TOPIC, 0, 0))
ask("delete.busy", delete, "ga-busy")
ask("describe.missing", described, "ga-missing")
ask("offsets.missing", offsets, "ga-missing")
ask("delete.missing", delete, "ga-missing")
ask("list.all", listed)
ask("list.stable", listed, states={ConsumerGroupState.STABLE})
ask("list.empty", listed, states={ConsumerGroupState.EMPTY})
ask("list.classic", listed, types={ConsumerGroupType.CLASSIC})
ask("list.consumer", listed, types={ConsumerGroupType.CONSUMER})

# The same group at rest, sent back to a time.
member.close()
settle(lambda: described("ga-busy"), lambda group: group["state"] == "EMPTY")
ask("describe.left", described, "ga-busy")
noon = at_time(BASE + 9_500)
ask("reset.time", alter, "ga-busy", *noon)
ask("reset.offsets", offsets, "ga-busy")
ask("reset.beyond_the_end", alter, "ga-busy", (TOPIC, 0, 99))

# A static member.
static = consumer("ga-static", **{"group.instance.id": "one"})
static.subscribe([TOPIC])
ask("static.read", read_all, static)
settle(lambda: described("ga-static"), lambda group: group["state"] == "STABLE")
ask("describe.static", described, "ga-static")
static.close()
ask("describe.static_away", described, "ga-static")

# The end.
ask("delete.simple", delete, "ga-simple")
ask("delete.left", delete, "ga-busy")
ask("delete.again", delete, "ga-busy")
ask("offsets.deleted", offsets, "ga-busy")
ask("delete.static_away", delete, "ga-static")
ask("list.left", listed)

answers.print()
