"""The scenario through kafka-python: prints one JSON document of answers."""

import logging

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource
from kafka.errors import BrokerResponseError, KafkaError, for_code
from kafka.protocol.consumer import OffsetSpec

from common import BASE, CODECS, KEEP, Answers, arguments, moment, record, settle, stable, value_of_config

logging.disable(logging.CRITICAL)
BOOTSTRAP = arguments()
admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP, request_timeout_ms=20000)


def error_of(error):
    if isinstance(error, BrokerResponseError):
        return {"error": error.message}
    return {"error": type(error).__name__, "client": True}


answers = Answers(error_of)
ask = answers.ask


def topic(name):
    return f"kp-{name}"


def outcome(row):
    """The error code by name and the broker's own words."""
    return {"error": for_code(row["error_code"]).message, "message": stable(row.get("error_message"))}


# The cluster -----------------------------------------------------------------------------------------------------

# Not out of describe_cluster: that method trips over the answers of brokers before 3.7.
BROKERS = sorted(b["node_id"] for b in admin._manager.run(admin._get_cluster_metadata, [])["brokers"])


def name_broker(broker_id):
    return f"b{BROKERS.index(broker_id)}" if broker_id in BROKERS else broker_id


def describe_cluster():
    cluster = admin.describe_cluster()
    return {
        "brokers": [name_broker(b["broker_id"]) for b in sorted(cluster["brokers"], key=lambda b: b["broker_id"])],
        "controller_is_a_broker": cluster["controller_id"] in BROKERS,
        "authorized_operations": cluster.get("cluster_authorized_operations"),
    }


ask("cluster.describe", describe_cluster)

# Creating topics -------------------------------------------------------------------------------------------------


def create(name, partitions=1, rf=1, configs=None, assignments=None, validate_only=False, raw_name=None):
    options = {"configs": configs or {}}
    if assignments:
        options["assignments"] = assignments
    else:
        options.update(num_partitions=partitions, replication_factor=rf)
    reply = admin.create_topics({topic(name) if raw_name is None else raw_name: options}, validate_only=validate_only, raise_errors=False)
    row = reply["topics"][0]
    answer = outcome(row)
    for field in ("num_partitions", "replication_factor"):
        if field in row:
            answer[field] = row[field]
    if row.get("configs"):
        answer["configs"] = {
            key: [c["value"], c["config_source"], c["read_only"], c["is_sensitive"]] for key, c in sorted(row["configs"].items())}
    if answer["error"] == "NO_ERROR" and not validate_only:
        admin.wait_for_topics([topic(name)])
    return answer


def describe_topic(name):
    row = admin.describe_topics([topic(name)])[0]
    return {
        **outcome(row),
        "is_internal": row["is_internal"],
        "partitions": [
            {
                "index": p["partition_index"],
                "error": for_code(p["error_code"]).message,
                "replicas": [name_broker(b) for b in p["replica_nodes"]],
                "isr": sorted(name_broker(b) for b in p["isr_nodes"]),
                "leader": name_broker(p["leader_id"]),
                "leader_epoch": p.get("leader_epoch"),
                "offline": p.get("offline_replicas"),
            }
            for p in sorted(row["partitions"], key=lambda p: p["partition_index"])
        ],
    }


def shape(answer):
    """Kafka places replicas by chance: only their number can be compared."""
    for p in answer["partitions"]:
        p.update(replicas=len(p["replicas"]), isr=len(p["isr"]), leader=p["leader"] is not None)
    return answer


B0, B1, B2 = BROKERS[0], BROKERS[1], BROKERS[2]
ask("create.plain", create, "plain", 3, 1, KEEP)
ask("create.with_configs", create, "configured", 1, 3, {
    **KEEP, "cleanup.policy": "compact", "min.insync.replicas": "2", "max.message.bytes": "2000", "segment.bytes": "1048576"})
ask("create.assigned", create, "assigned", configs=KEEP, assignments={0: [B0, B1], 1: [B1, B2], 2: [B2, B0]})
ask("create.validate_only", create, "validated", 2, 2, validate_only=True)
ask("create.default_counts", create, "defaults", -1, -1, KEEP)
ask("create.log_append_time", create, "append-time", 1, 1, {**KEEP, "message.timestamp.type": "LogAppendTime"})
ask("create.small", create, "small", 1, 1, {**KEEP, "max.message.bytes": "500"})
ask("create.again", create, "plain", 3, 1)
ask("create.zero_partitions", create, "bad", 0, 1)
ask("create.minus_two_partitions", create, "bad", -2, 1)
ask("create.factor_zero", create, "bad", 1, 0)
ask("create.factor_too_large", create, "bad", 1, 9)
ask("create.unknown_config", create, "bad", 1, 1, {"no.such.config": "1"})
ask("create.bad_int", create, "bad", 1, 1, {"segment.bytes": "many"})
ask("create.below_range", create, "bad", 1, 1, {"retention.ms": "-2"})
ask("create.bad_enum", create, "bad", 1, 1, {"cleanup.policy": "burn"})
ask("create.bad_compression", create, "bad", 1, 1, {"compression.type": "brotli"})
ask("create.bad_boolean", create, "bad", 1, 1, {"unclean.leader.election.enable": "maybe"})
ask("create.null_config", create, "bad", 1, 1, {"retention.ms": None})
for title, bad in [("space", "kp bad name"), ("dot", "."), ("dots", ".."), ("long", "x" * 250), ("slash", "a/b")]:
    ask(f"create.name_{title}", create, "bad", raw_name=bad)
ask("create.name_empty", create, "", raw_name="")
ask("create.collides", create, "collision.a", 1, 1)
ask("create.collides_with", create, "collision_a", 1, 1)
ask("create.assignment_gap", create, "bad", assignments={0: [B0], 2: [B1]})
ask("create.assignment_twice", create, "bad", assignments={0: [B0, B0]})
ask("create.assignment_unknown", create, "bad", assignments={0: [99]})
ask("create.assignment_uneven", create, "bad", assignments={0: [B0], 1: [B0, B1]})
ask("create.assignment_empty", create, "bad", assignments={0: []})
ask("describe.plain", lambda: shape(describe_topic("plain")))
ask("describe.assigned", lambda: settle(lambda: describe_topic("assigned"), lambda t: all(len(p["isr"]) == len(p["replicas"]) for p in t["partitions"])))
ask("describe.absent", describe_topic, "absent")
ask("list.topics", lambda: sorted(t for t in admin.list_topics() if t.startswith("kp-")))

# Producing -------------------------------------------------------------------------------------------------------


def producer(**settings):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, max_block_ms=8000, request_timeout_ms=8000, delivery_timeout_ms=12000, **settings)


def send(target, records, **settings):
    """Sends one record after the other and returns where each landed."""
    client = producer(**settings)
    try:
        landed = []
        for r in records:
            m = client.send(target, **r).get(timeout=15)
            landed.append([m.partition, m.offset, moment(m.timestamp)])
        return landed
    finally:
        client.close(timeout=5)


def five(codec):
    return [
        {"key": b"k%d" % n, "value": (b"%s value %d " % (codec.encode(), n)) * 20, "partition": 0, "timestamp_ms": BASE + CODECS.index(codec) * 1000 + n}
        for n in range(5)
    ]


ask("create.codecs", create, "codecs", 1, 1, KEEP)
for codec in CODECS:
    ask(f"produce.{codec}", send, topic("codecs"), five(codec), compression_type=None if codec == "none" else codec)
ODD = [
    {"key": b"headers", "value": b"v", "headers": [("a", b"1"), ("a", b"2"), ("empty", b"")], "partition": 1, "timestamp_ms": BASE},
    {"key": b"tombstone", "value": None, "partition": 1, "timestamp_ms": BASE + 5},
    {"key": None, "value": b"no key", "partition": 1, "timestamp_ms": BASE + 3},
    {"key": b"", "value": b"", "partition": 1, "timestamp_ms": BASE + 4},
]
ask("produce.odd", send, topic("plain"), ODD)
for acks in (0, 1, "all"):
    ask(f"produce.acks_{acks}", send, topic("plain"), [{"value": b"acks %s" % str(acks).encode(), "partition": 2, "timestamp_ms": BASE}], acks=acks, enable_idempotence=False)
ask("produce.append_time", send, topic("append-time"), [{"value": b"stamped", "partition": 0, "timestamp_ms": BASE}])
ask("produce.too_large", send, topic("small"), [{"value": b"x" * 1000, "partition": 0}])
ask("produce.fits", send, topic("small"), [{"value": b"x" * 100, "partition": 0, "timestamp_ms": BASE}])
ask("produce.compacted_without_key", send, topic("configured"), [{"value": b"no key", "partition": 0, "timestamp_ms": BASE}])
ask("produce.compacted_with_key", send, topic("configured"), [{"key": b"k", "value": b"v", "partition": 0, "timestamp_ms": BASE}])
ask("produce.auto_create", send, topic("auto"), [{"value": b"made", "partition": 0, "timestamp_ms": BASE}])
ask("produce.invalid_topic", send, "kp bad name", [{"value": b"x", "partition": 0}])
ask("describe.auto", lambda: shape(describe_topic("auto")))

# Consuming -------------------------------------------------------------------------------------------------------


def read(name, partition, count, start, reset="none"):
    """Assigns one partition, starts at `start` (offset, "earliest" or "latest") and returns up to `count` records."""
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset=reset, enable_auto_commit=False, fetch_max_wait_ms=200)
    try:
        tp = TopicPartition(topic(name), partition)
        consumer.assign([tp])
        {"earliest": consumer.seek_to_beginning, "latest": consumer.seek_to_end}.get(start, lambda tp: consumer.seek(tp, start))(tp)
        got = []
        while len(got) < count:
            batch = consumer.poll(timeout_ms=3000)
            if not batch:
                break
            got += [record(r.partition, r.offset, r.timestamp, r.timestamp_type, r.key, r.value, r.headers) for r in batch[tp]]
        return {"records": got, "position": consumer.position(tp)}
    finally:
        consumer.close()


ask("consume.codecs", read, "codecs", 0, 25, "earliest")
ask("consume.odd", read, "plain", 1, 4, "earliest")
ask("consume.acks", read, "plain", 2, 3, "earliest")
ask("consume.append_time", read, "append-time", 0, 1, "earliest")
ask("consume.from_17", read, "codecs", 0, 8, 17)
ask("consume.from_end", read, "codecs", 0, 0, "latest")
ask("consume.beyond_end", read, "codecs", 0, 1, 26)
ask("consume.beyond_end_reset", read, "codecs", 0, 25, 1000, "earliest")

# Offsets ---------------------------------------------------------------------------------------------------------


def offset_of(name, spec, partition=0):
    tp = TopicPartition(topic(name), partition)
    found = admin.list_partition_offsets({tp: spec})[tp]
    return [found.offset, moment(found.timestamp), found.leader_epoch]


for title, spec in [("earliest", OffsetSpec.EARLIEST), ("latest", OffsetSpec.LATEST), ("max_timestamp", OffsetSpec.MAX_TIMESTAMP),
                    ("earliest_local", OffsetSpec.EARLIEST_LOCAL), ("latest_tiered", OffsetSpec.LATEST_TIERED),
                    ("at_first", BASE), ("in_the_middle", BASE + 1002), ("between", BASE + 1500), ("after_all", BASE + 10**6), ("zero", 0)]:
    ask(f"offsets.{title}", offset_of, "codecs", spec)
ask("offsets.out_of_order_time", offset_of, "plain", BASE + 4, 1)
ask("offsets.max_out_of_order", offset_of, "plain", OffsetSpec.MAX_TIMESTAMP, 1)
ask("offsets.max_of_empty", offset_of, "defaults", OffsetSpec.MAX_TIMESTAMP)
ask("offsets.no_partition", offset_of, "codecs", OffsetSpec.LATEST, 7)

# Deleting records ------------------------------------------------------------------------------------------------


def delete_before(name, offset, partition=0):
    tp = TopicPartition(topic(name), partition)
    return admin.delete_records({tp: offset})[tp]["low_watermark"]


ask("delete_records.to_7", delete_before, "codecs", 7)
ask("delete_records.lower", delete_before, "codecs", 3)
ask("delete_records.beyond", delete_before, "codecs", 26)
ask("delete_records.negative", delete_before, "codecs", -2)
ask("delete_records.compacted", delete_before, "configured", 1)
ask("delete_records.no_topic", delete_before, "absent", 1)
ask("offsets.earliest_after_delete", offset_of, "codecs", OffsetSpec.EARLIEST)
ask("offsets.time_after_delete", offset_of, "codecs", BASE)
ask("consume.deleted", read, "codecs", 0, 1, 3)
ask("consume.after_delete", read, "codecs", 0, 3, "earliest")
ask("delete_records.to_high_watermark", delete_before, "codecs", -1)
ask("offsets.earliest_after_all", offset_of, "codecs", OffsetSpec.EARLIEST)
ask("offsets.max_timestamp_after_all", offset_of, "codecs", OffsetSpec.MAX_TIMESTAMP)

# Configuration ---------------------------------------------------------------------------------------------------


def configs(kind, name, keys=None, synonyms=False):
    rows = admin.describe_configs([ConfigResource(kind, name, keys)], include_synonyms=synonyms, config_filter="all")[kind.lower()][name]
    return {
        key: {
            "value": value_of_config(key, c["value"], c["config_source"], c["is_sensitive"]),
            "source": c["config_source"], "read_only": c["read_only"], "sensitive": c["is_sensitive"], "type": c.get("config_type"),
            **({"synonyms": [[s["name"], value_of_config(s["name"], s["value"], s["source"], False), s["source"]] for s in c["synonyms"]]} if synonyms else {}),
        }
        for key, c in sorted(rows.items())
    }


def alter(kind, name, changes, incremental=True, validate_only=False):
    reply = admin.alter_configs([ConfigResource(kind, name, changes)], incremental=incremental, raise_on_unknown=False, validate_only=validate_only)
    return stable(reply[kind.lower()][name])


def replace_all(name, changes):
    """AlterConfigs itself; the client's own method would add what is not named."""
    from kafka.protocol.admin import AlterConfigsRequest
    request = AlterConfigsRequest(resources=[(2, topic(name), list(changes.items()))], validate_only=False)
    reply = admin._manager.run(admin._manager.send, request)
    return outcome(reply.responses[0].to_dict())


def changed(name):
    """What is set on the topic itself."""
    return {key: c["value"] for key, c in configs("TOPIC", topic(name)).items() if c["source"] == "DYNAMIC_TOPIC_CONFIG"}


ask("configs.topic", configs, "TOPIC", topic("plain"), synonyms=True)
ask("configs.topic_filtered", configs, "TOPIC", topic("configured"), ["min.insync.replicas", "cleanup.policy", "no.such.config"])
ask("configs.topic_none_asked", configs, "TOPIC", topic("plain"), [])
ask("configs.broker", configs, "BROKER", str(B0))
ask("configs.topic_absent", configs, "TOPIC", topic("absent"))
ask("configs.broker_absent", lambda: configs("BROKER", "99"))
ask("configs.set", alter, "TOPIC", topic("plain"), {"retention.bytes": ("SET", "123456"), "cleanup.policy": ("APPEND", "compact")})
ask("configs.after_set", lambda: settle(lambda: changed("plain"), lambda c: "retention.bytes" in c))
ask("configs.subtract", alter, "TOPIC", topic("plain"), {"cleanup.policy": ("SUBTRACT", "delete"), "retention.bytes": ("DELETE", None)})
ask("configs.after_subtract", lambda: settle(lambda: changed("plain"), lambda c: "retention.bytes" not in c))
ask("configs.validate_only", alter, "TOPIC", topic("plain"), {"retention.bytes": ("SET", "5")}, validate_only=True)
ask("configs.replace", replace_all, "plain", {"segment.bytes": "2097152"})
ask("configs.after_replace", lambda: settle(lambda: changed("plain"), lambda c: "segment.bytes" in c))
ask("configs.bad_value", alter, "TOPIC", topic("plain"), {"retention.ms": ("SET", "soon")})
ask("configs.bad_name", alter, "TOPIC", topic("plain"), {"no.such.config": ("SET", "1")})
ask("configs.append_to_no_list", alter, "TOPIC", topic("plain"), {"retention.ms": ("APPEND", "1")})
ask("configs.null_value", alter, "TOPIC", topic("plain"), {"retention.ms": ("SET", None)})
ask("configs.alter_absent", alter, "TOPIC", topic("absent"), {"retention.ms": ("SET", "1")})
ask("configs.replace_bad_value", replace_all, "plain", {"retention.ms": "soon"})
ask("configs.replace_absent", replace_all, "absent", {"retention.ms": "1"})
ask("configs.broker_set", alter, "BROKER", str(B0), {"log.cleaner.threads": ("SET", "2")})
ask("configs.broker_after_set", lambda: settle(lambda: configs("BROKER", str(B0), ["log.cleaner.threads"], synonyms=True), lambda c: c["log.cleaner.threads"]["value"] == "2"))
ask("configs.broker_read_only", alter, "BROKER", str(B0), {"broker.rack": ("SET", "r")})
ask("configs.broker_delete", alter, "BROKER", str(B0), {"log.cleaner.threads": ("DELETE", None)})
ask("configs.list_topics", lambda: sorted(t for t in admin.list_config_resources(["TOPIC"])["topic"] if t.startswith("kp-")))
ask("configs.list_brokers", lambda: sorted(n and name_broker(int(n)) for n in admin.list_config_resources(["BROKER"])["broker"]))
ask("configs.list_client_metrics", lambda: admin.list_config_resources(["CLIENT_METRICS"]))

# Partitions ------------------------------------------------------------------------------------------------------


def grow(name, count, assignments=None, validate_only=False):
    reply = admin.create_partitions({topic(name): {"count": count, "assignments": assignments} if assignments else count}, raise_errors=False, validate_only=validate_only)
    return outcome(reply.results[0].to_dict())


ask("partitions.validate_only", grow, "plain", 9, validate_only=True)
ask("partitions.to_5", grow, "plain", 5)
ask("partitions.after", lambda: shape(settle(lambda: describe_topic("plain"), lambda t: len(t["partitions"]) == 5)))
ask("partitions.assigned", grow, "assigned", 4, [[B2, B0]])
ask("partitions.after_assigned", lambda: settle(lambda: describe_topic("assigned"), lambda t: len(t["partitions"]) == 4 and len(t["partitions"][3]["isr"]) == 2))
ask("partitions.same", grow, "plain", 5)
ask("partitions.fewer", grow, "plain", 2)
ask("partitions.zero", grow, "plain", 0)
ask("partitions.absent", grow, "absent", 5)
ask("partitions.too_few_assigned", grow, "plain", 7, [[B0]])
ask("partitions.too_many_assigned", grow, "plain", 6, [[B0], [B1]])
ask("partitions.unknown_broker", grow, "plain", 6, [[99]])
ask("partitions.uneven", grow, "plain", 6, [[B0, B1]])


def describe_partitions(names, **options):
    reply = admin.describe_topic_partitions([topic(n) for n in names], **options)
    return {
        "next_cursor": reply["next_cursor"],
        "topics": [
            {
                "name": t["name"], "error": for_code(t["error_code"]).message, "is_internal": t["is_internal"],
                "partitions": [
                    {
                        "index": p["partition_index"], "error": for_code(p["error_code"]).message, "replicas": len(p["replica_nodes"]),
                        "eligible": p.get("eligible_leader_replicas"), "last_known": p.get("last_known_elr"),
                    }
                    for p in t["partitions"]
                ],
            }
            for t in reply["topics"]
        ],
    }


ask("describe_partitions.all", describe_partitions, ["plain", "absent", "assigned"])
ask("describe_partitions.page", describe_partitions, ["plain", "assigned"], response_partition_limit=3)
ask("describe_partitions.from_cursor", describe_partitions, ["plain", "assigned"], cursor={"topic_name": topic("assigned"), "partition_index": 1})

# Log directories and deletion ------------------------------------------------------------------------------------


def log_dirs(name):
    found = []
    for broker in admin.describe_log_dirs({topic(name): [0, 1]}):
        for directory in broker["log_dirs"]:
            rows = [
                {"partition": p["partition_index"], "size": p["partition_size"], "lag": p["offset_lag"], "is_future": p["is_future_key"]}
                for t in directory["topics"] for p in t["partitions"]
            ]
            found.append({
                "broker": name_broker(broker["broker"]), "error": for_code(directory["error_code"]).message, "partitions": sorted(rows, key=lambda r: r["partition"]),
                "has_total": directory.get("total_bytes", -1) > 0, "cordoned": directory.get("is_cordoned")})
    return found


ask("log_dirs.assigned", log_dirs, "assigned")
ask("log_dirs.absent", log_dirs, "absent")


def remove(name):
    row = admin.delete_topics([topic(name)], raise_errors=False)["topics"][0]
    return outcome(row)


ask("delete.topic", remove, "small")
ask("delete.again", lambda: settle(lambda: remove("small"), lambda r: r["error"] != "NO_ERROR"))
ask("delete.absent", remove, "absent")
ask("delete.described", lambda: settle(lambda: describe_topic("small"), lambda t: t["error"] != "NO_ERROR"))
admin.close()
answers.print()
