"""The scenario through confluent-kafka (librdkafka): prints one JSON document of answers."""

import time

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from common import BASE, CODECS, KEEP, Answers, arguments, moment, record, settle, stable, value_of_config

BOOTSTRAP = arguments()
QUIET = {"bootstrap.servers": BOOTSTRAP, "log_level": 0, "error_cb": lambda error: None}
admin = AdminClient(dict(QUIET))


def error_of(error):
    if isinstance(error, KafkaException):
        return refusal(error.args[0])
    return {"error": type(error).__name__, "client": True}


def refusal(error):
    return {"error": error.name(), "message": stable(error.str())}


answers = Answers(error_of)
ask = answers.ask


def topic(name):
    return f"ck-{name}"


def one(futures):
    """The answer to the only question in the request."""
    (future,) = futures.values()
    return future.result(15)


# The cluster and its topics --------------------------------------------------------------------------------------

BROKERS = sorted(admin.list_topics(timeout=10).brokers)


def name_broker(broker_id):
    return f"b{BROKERS.index(broker_id)}" if broker_id in BROKERS else broker_id


def describe_cluster():
    cluster = admin.describe_cluster().result(10)
    return {
        "brokers": sorted(name_broker(n.id) for n in cluster.nodes),
        "controller_is_a_broker": cluster.controller.id in BROKERS,
        "has_cluster_id": bool(cluster.cluster_id),
    }


def create(name, partitions=1, rf=1, configs=None, assignments=None, validate_only=False):
    places = {"replica_assignment": assignments} if assignments else {"replication_factor": rf}
    new = NewTopic(name, num_partitions=len(assignments or []) or partitions, config=configs or {}, **places)
    one(admin.create_topics([new], validate_only=validate_only, operation_timeout=10, request_timeout=10))
    if not validate_only:
        settle(lambda: describe(name), lambda t: t["error"] is None and all(p["has_leader"] for p in t["partitions"]))
    return "created"


def describe(name):
    row = admin.list_topics(name, timeout=10).topics[name]
    return {
        "error": row.error and row.error.name(),
        "partitions": [
            {"index": p.id, "error": p.error and p.error.name(), "replicas": len(p.replicas), "isr": len(p.isrs), "has_leader": p.leader in BROKERS}
            for p in sorted(row.partitions.values(), key=lambda p: p.id)
        ],
    }


def describe_in_full(name):
    row = one(admin.describe_topics(TopicCollection([name])))
    return {
        "is_internal": row.is_internal,
        "partitions": [
            {"index": p.id, "replicas": [name_broker(n.id) for n in p.replicas], "isr": sorted(name_broker(n.id) for n in p.isr), "leader": name_broker(p.leader.id)}
            for p in row.partitions
        ],
    }


B0, B1, B2 = BROKERS
ask("cluster.describe", describe_cluster)
ask("create.plain", create, topic("plain"), 3, 1, KEEP)
ask("create.with_configs", create, topic("configured"), 1, 3, {**KEEP, "cleanup.policy": "compact", "min.insync.replicas": "2"})
ask("create.assigned", create, topic("assigned"), configs=KEEP, assignments=[[B0, B1], [B1, B2], [B2, B0]])
ask("create.default_counts", create, topic("defaults"), -1, -1, KEEP)
ask("create.append_time", create, topic("append-time"), 1, 1, {**KEEP, "message.timestamp.type": "LogAppendTime"})
ask("create.small", create, topic("small"), 1, 1, {**KEEP, "max.message.bytes": "500"})
ask("create.codecs", create, topic("codecs"), 1, 1, KEEP)
ask("create.validate_only", create, topic("validated"), 1, 1, validate_only=True)
ask("create.again", create, topic("plain"))
ask("create.factor_too_large", create, topic("bad"), 1, 9)
ask("create.unknown_config", create, topic("bad"), configs={"no.such.config": "1"})
ask("create.bad_config", create, topic("bad"), configs={"retention.ms": "soon"})
ask("create.bad_name", create, "ck bad name")
ask("create.unknown_broker", create, topic("bad"), assignments=[[99]])
ask("describe.plain", describe, topic("plain"))
ask("describe.assigned", lambda: settle(lambda: describe_in_full(topic("assigned")), lambda t: all(len(p["isr"]) == 2 for p in t["partitions"])))
ask("describe.absent_in_full", describe_in_full, topic("absent"))

# Producing -------------------------------------------------------------------------------------------------------


def send(target, records, **settings):
    """Sends one record after the other and returns where each landed, or why it did not."""
    client = Producer({**QUIET, "linger.ms": 0, "message.timeout.ms": 8000, **settings})
    landed = []

    def on_delivery(error, message):
        landed.append(refusal(error) if error else [message.partition(), message.offset(), message.timestamp()[0], moment(message.timestamp()[1])])

    for r in records:
        client.produce(target, on_delivery=on_delivery, **r)
        client.flush(10)
    return landed


def five(codec):
    return [
        {"key": b"k%d" % n, "value": (b"%s value %d " % (codec.encode(), n)) * 20, "partition": 0, "timestamp": BASE + CODECS.index(codec) * 1000 + n}
        for n in range(5)
    ]


for codec in CODECS:
    ask(f"produce.{codec}", send, topic("codecs"), five(codec), **{"compression.type": codec})
ask("produce.idempotent", send, topic("plain"), five("none")[:3], **{"enable.idempotence": True})
ODD = [
    {"key": b"headers", "value": b"v", "headers": [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None)], "partition": 1, "timestamp": BASE},
    {"key": b"tombstone", "value": None, "partition": 1, "timestamp": BASE + 5},
    {"key": None, "value": b"no key", "partition": 1, "timestamp": BASE + 3},
    {"key": b"", "value": b"", "partition": 1, "timestamp": BASE + 4},
]
ask("produce.odd", send, topic("plain"), ODD)
for acks in ("0", "1", "all"):
    ask(f"produce.acks_{acks}", send, topic("plain"), [{"value": f"acks {acks}".encode(), "partition": 2, "timestamp": BASE}], acks=acks)
ask("produce.append_time", send, topic("append-time"), [{"value": b"stamped", "partition": 0, "timestamp": BASE}])
ask("produce.too_large", send, topic("small"), [{"value": b"x" * 1000, "partition": 0, "timestamp": BASE}])
ask("produce.compacted_without_key", send, topic("configured"), [{"value": b"no key", "partition": 0, "timestamp": BASE}])
ask("produce.no_partition", send, topic("plain"), [{"value": b"x", "partition": 7, "timestamp": BASE}])
ask("produce.auto_create", send, topic("auto"), [{"value": b"made", "partition": 0, "timestamp": BASE}])
ask("produce.bad_name", send, "ck bad name", [{"value": b"x", "partition": 0, "timestamp": BASE}])

# Consuming -------------------------------------------------------------------------------------------------------


def read(name, partition, count, start, reset="error"):
    """Assigns one partition at `start` and returns up to `count` records, an error in its place."""
    client = Consumer({**QUIET, "group.id": "none", "enable.auto.commit": False, "auto.offset.reset": reset, "fetch.wait.max.ms": 100, "enable.partition.eof": True})
    try:
        client.assign([TopicPartition(topic(name), partition, start)])
        got, deadline = [], time.monotonic() + 10
        while time.monotonic() < deadline:
            message = client.poll(0.5)
            if message is None:
                continue
            if message.error():
                got.append(refusal(message.error()))
                break
            got.append(record(message.partition(), message.offset(), message.timestamp()[1], message.timestamp()[0], message.key(), message.value(), message.headers()))
            if len(got) == count:
                break
        low, high = client.get_watermark_offsets(TopicPartition(topic(name), partition), timeout=5)
        return {"records": got, "watermarks": [low, high]}
    finally:
        client.close()


ask("consume.codecs", read, "codecs", 0, 25, OFFSET_BEGINNING)
ask("consume.odd", read, "plain", 1, 4, OFFSET_BEGINNING)
ask("consume.acks", read, "plain", 2, 3, OFFSET_BEGINNING)
ask("consume.append_time", read, "append-time", 0, 1, OFFSET_BEGINNING)
ask("consume.from_17", read, "codecs", 0, 8, 17)
ask("consume.from_end", read, "codecs", 0, 1, OFFSET_END)
ask("consume.beyond_end", read, "codecs", 0, 1, 26)
ask("consume.beyond_end_reset", read, "codecs", 0, 1, 1000, "earliest")

# Offsets and deleting records ------------------------------------------------------------------------------------


def offset_of(name, spec, partition=0):
    found = one(admin.list_offsets({TopicPartition(topic(name), partition): spec}, request_timeout=10))
    return [found.offset, moment(found.timestamp), found.leader_epoch]


for title, spec in [("earliest", OffsetSpec.earliest()), ("latest", OffsetSpec.latest()), ("max_timestamp", OffsetSpec.max_timestamp()),
                    ("at_first", OffsetSpec.for_timestamp(BASE)), ("between", OffsetSpec.for_timestamp(BASE + 1500)), ("after_all", OffsetSpec.for_timestamp(BASE + 10**6))]:
    ask(f"offsets.{title}", offset_of, "codecs", spec)
ask("offsets.out_of_order_time", offset_of, "plain", OffsetSpec.for_timestamp(BASE + 4), 1)
ask("offsets.max_out_of_order", offset_of, "plain", OffsetSpec.max_timestamp(), 1)


def delete_before(name, offset, partition=0):
    return one(admin.delete_records([TopicPartition(topic(name), partition, offset)], request_timeout=10)).low_watermark


ask("delete_records.to_7", delete_before, "codecs", 7)
ask("delete_records.beyond", delete_before, "codecs", 26)
ask("delete_records.compacted", delete_before, "configured", 1)
ask("offsets.earliest_after_delete", offset_of, "codecs", OffsetSpec.earliest())
ask("consume.deleted", read, "codecs", 0, 1, 3)
ask("consume.after_delete", read, "codecs", 0, 3, OFFSET_BEGINNING)
ask("delete_records.to_high_watermark", delete_before, "codecs", OFFSET_END)

# Configuration ---------------------------------------------------------------------------------------------------

TOPIC, BROKER = ResourceType.TOPIC, ResourceType.BROKER


def configs(kind, name):
    rows = one(admin.describe_configs([ConfigResource(kind, name)], request_timeout=10))
    return {
        key: {
            "value": value_of_config(key, c.value, ConfigSource(c.source).name, c.is_sensitive), "source": ConfigSource(c.source).name,
            "read_only": c.is_read_only, "sensitive": c.is_sensitive,
            "synonyms": [[s.name, value_of_config(s.name, s.value, ConfigSource(s.source).name, False), ConfigSource(s.source).name] for s in c.synonyms.values()],
        }
        for key, c in sorted(rows.items())
    }


def alter(kind, name, **changes):
    entries = [ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType[op]) for key, (op, value) in changes.items()]
    one(admin.incremental_alter_configs([ConfigResource(kind, name, incremental_configs=entries)], request_timeout=10))
    return "altered"


def replace_all(name, changes):
    one(admin.alter_configs([ConfigResource(TOPIC, name, set_config=changes)], request_timeout=10))
    return "replaced"


def changed(name):
    return {key: c["value"] for key, c in configs(TOPIC, topic(name)).items() if c["source"] == "DYNAMIC_TOPIC_CONFIG"}


ask("configs.topic", configs, TOPIC, topic("plain"))
ask("configs.broker", configs, BROKER, str(B0))
ask("configs.absent", configs, TOPIC, topic("absent"))
ask("configs.set", alter, TOPIC, topic("plain"), retention_bytes=("SET", "123456"), cleanup_policy=("APPEND", "compact"))
ask("configs.after_set", lambda: settle(lambda: changed("plain"), lambda c: "retention.bytes" in c))
ask("configs.replace", replace_all, topic("plain"), {"segment.bytes": "2097152"})
ask("configs.after_replace", lambda: settle(lambda: changed("plain"), lambda c: "segment.bytes" in c))
ask("configs.bad_value", alter, TOPIC, topic("plain"), retention_ms=("SET", "soon"))
ask("configs.bad_name", alter, TOPIC, topic("plain"), no_such_config=("SET", "1"))
ask("configs.alter_absent", alter, TOPIC, topic("absent"), retention_ms=("SET", "1"))

# Partitions and deletion -----------------------------------------------------------------------------------------


def grow(name, count, **places):
    one(admin.create_partitions([NewPartitions(topic(name), count, **places)], operation_timeout=10, request_timeout=10))
    return "grown"


def remove(name):
    one(admin.delete_topics([topic(name)], operation_timeout=10, request_timeout=10))
    return "deleted"


ask("partitions.to_5", grow, "plain", 5)
ask("partitions.after", lambda: settle(lambda: describe(topic("plain")), lambda t: len(t["partitions"]) == 5 and all(p["has_leader"] for p in t["partitions"])))
ask("partitions.same", grow, "plain", 5)
ask("partitions.absent", grow, "absent", 5)
ask("partitions.unknown_broker", grow, "plain", 6, replica_assignment=[[99]])
ask("delete.topic", remove, "small")
ask("delete.absent", remove, "absent")
answers.print()
