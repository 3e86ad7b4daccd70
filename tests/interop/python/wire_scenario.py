"""Questions that no client asks by itself: requests and batches made by hand, and every field of the answers.

The bytes travel through kafka-python's connections and message classes; batches.py lays out the batches.
"""

import hashlib
import logging
import time
import uuid

from kafka import KafkaAdminClient
from kafka.protocol.admin import DeleteRecordsRequest
from kafka.protocol.consumer import FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest

from batches import batch
from common import BASE, KEEP, Answers, arguments, moment, settle

logging.disable(logging.CRITICAL)
admin = KafkaAdminClient(bootstrap_servers=arguments(), request_timeout_ms=5000)
BROKERS = sorted(b["broker_id"] for b in admin.describe_cluster()["brokers"])
answers = Answers(lambda error: {"error": type(error).__name__, "client": True})

# How an answer is written down -----------------------------------------------------------------------------------

COORDINATOR_LOAD_IN_PROGRESS = 14
# What differs between clusters, or only says who the brokers are.
LEFT_OUT = {"controller_id", "throttle_time_ms", "node_endpoints", "cluster_id", "brokers", "producer_id"}


def settled(field, value):
    """Without what varies from run to run: ids, clock times, the order of a topic's partitions."""
    if isinstance(value, dict):
        return {k: settled(k, v) for k, v in value.items() if k not in LEFT_OUT}
    if field == "partitions" and value and "partition_index" in value[0]:
        value = sorted(value, key=lambda row: row["partition_index"])
    if isinstance(value, list):
        return [settled(None, v) for v in value]
    if field == "records" and value:
        return "sha256 " + hashlib.sha256(value.encode()).hexdigest()[:16]
    if field in ("topic_id", "session_id") and value:
        return "some"
    if isinstance(value, int):
        return moment(value)
    if field == "batch_index_error_message":
        return " ".join("N" if word.strip("[],-").isdigit() and len(word) > 12 else word for word in value.split())
    return value


def ask(name, request, version, **fields):
    def question():
        message = request(min_version=version, max_version=version, **fields)
        return settled(None, admin._manager.run(admin._manager.send, message, BROKERS[0]).to_dict())

    # A broker that has just started cannot give out producer ids yet.
    answers.ask(name, settle, question, lambda answer: answer.get("error_code") != COORDINATOR_LOAD_IN_PROGRESS)


# Topics: partition 0 is led by the first broker, partition 1 by the second ---------------------------------------

TOPICS = {
    "w-a": KEEP,
    # What our cluster may refuse and Kafka accepts, or the other way round, goes here: offsets elsewhere stay the same.
    "w-odd": KEEP,
    "w-append-time": {**KEEP, "message.timestamp.type": "LogAppendTime"},
    "w-compacted": {"cleanup.policy": "compact"},
    "w-small": {**KEEP, "max.message.bytes": "200"},
    "w-empty": KEEP,
}
admin.create_topics({name: {"assignments": {0: [BROKERS[0]], 1: [BROKERS[1]]}, "configs": c} for name, c in TOPICS.items()}, raise_errors=False)
admin.wait_for_topics(list(TOPICS))
# Also in the view of their leaders, who are asked directly below.
for partition, broker in enumerate(BROKERS[:2]):
    of_topic = ListOffsetsRequest.ListOffsetsTopic
    rows = [of_topic.ListOffsetsPartition(partition_index=partition, current_leader_epoch=-1, timestamp=-1)]
    message = ListOffsetsRequest(min_version=6, max_version=6, replica_id=-1, isolation_level=0, topics=[of_topic(name=name, partitions=rows) for name in TOPICS])
    settle(lambda: admin._manager.run(admin._manager.send, message, broker),
           lambda reply: all(topic.partitions[0].error_code == 0 for topic in reply.topics))
TOPIC_ID = admin.describe_topics(["w-a"])[0]["topic_id"]

# Produce ---------------------------------------------------------------------------------------------------------


def produce(name, records, topic="w-a", partition=0, acks=-1, version=12):
    rows = ProduceRequest.TopicProduceData.PartitionProduceData(index=partition, records=records)
    topic_data = [ProduceRequest.TopicProduceData(name=topic, partition_data=[rows])]
    ask(f"produce.{name}", ProduceRequest, version, transactional_id=None, acks=acks, timeout_ms=3000, topic_data=topic_data)


produce("three", batch(3))
produce("again", batch(3, at=100))
for version in (3, 5, 7, 8, 9):
    produce(f"v{version}", batch(at=200 + version), version=version)
produce("append_time", batch(2), "w-append-time")
produce("append_time_acks_1", batch(), "w-append-time", acks=1)
produce("wrong_crc", batch(crc=1))
produce("magic_1", batch(magic=1))
produce("magic_3", batch(magic=3))
produce("acks_2", batch(), acks=2)
produce("unknown_topic", batch(), "w-none")
produce("unknown_partition", batch(), partition=9)
produce("invalid_topic", batch(), "a b")
produce("not_leader", batch(), partition=1)
produce("not_leader_v9", batch(), partition=1, version=9)
produce("two_batches", batch() + batch())
produce("empty", b"")
produce("base_offset_77", batch(base=77))
produce("leader_epoch_9", batch(at=301, epoch=9))
produce("codec_7", batch(attributes=7))
produce("gzip_of_garbage", batch(attributes=1), "w-odd")
produce("unused_attribute", batch(at=302, attributes=128))
produce("control", batch(attributes=32))
produce("transactional_without_id", batch(attributes=16))
produce("two_hours_ahead", batch(first=int(time.time() * 1000) + 7_200_000))
produce("no_timestamp", batch(first=-1, largest=-1))
produce("log_append_time_from_client", batch(attributes=8, at=303))
produce("count_too_large", batch(count=2, last=1))
produce("count_too_small", batch(2, count=1, last=0))
produce("last_delta_too_large", batch(last=5))
produce("count_0", batch(0, last=0, count=0))
produce("count_negative", batch(count=-1))
produce("delta_out_of_place", batch(deltas=[3]), "w-odd")
produce("largest_timestamp_lies", batch(at=400, largest=BASE + 5400))
produce("bytes_inside_batch", batch(extra=b"xx"))
produce("cut_short", batch()[:-3])
produce("forty_bytes", batch()[:40])
produce("bytes_behind_batch", batch() + b"zz")
produce("compacted_without_key", batch(key=None), "w-compacted")
produce("compacted_three_without_key", batch(3, key=None), "w-compacted", version=8)
produce("too_large", batch(value=b"x" * 500), "w-small")

# Idempotent producers --------------------------------------------------------------------------------------------

ask("producer_id", InitProducerIdRequest, 4, transactional_id=None, transaction_timeout_ms=60000, producer_id=-1, producer_epoch=-1)


def idempotent(name, sequence, epoch=0, n=1, producer=7):
    produce(f"idempotent.{name}", batch(n, at=1000, producer=(producer, epoch, sequence)))


idempotent("0_1", 0, n=2)
idempotent("0_1_again", 0, n=2)
idempotent("2", 2)
idempotent("5_too_early", 5)
for sequence in (3, 4, 5, 6, 7):
    idempotent(str(sequence), sequence)
idempotent("2_again", 2)
idempotent("0_1_forgotten", 0, n=2)
idempotent("overlap", 6, n=5)
idempotent("new_epoch_from_3", 3, epoch=1)
idempotent("new_epoch_from_0", 0, epoch=1)
idempotent("old_epoch", 8)
idempotent("unknown_from_5", 5, producer=987654)
idempotent("negative_epoch", 0, epoch=-1, producer=55)
idempotent("negative_sequence", -1, producer=56)

# Fetch -----------------------------------------------------------------------------------------------------------


def fetch(name, offset, topic="w-a", partition=0, version=12, epoch=-1, last_epoch=-1, partition_bytes=1, max_bytes=1 << 20,
          session=(0, -1), topic_id=TOPIC_ID, isolation=0):
    row = FetchRequest.FetchTopic.FetchPartition(
        partition=partition, current_leader_epoch=epoch, fetch_offset=offset, last_fetched_epoch=last_epoch, log_start_offset=-1,
        partition_max_bytes=partition_bytes)
    topics = [FetchRequest.FetchTopic(partitions=[row], **({"topic": topic} if version < 13 else {"topic_id": topic_id}))]
    ask(f"fetch.{name}", FetchRequest, version, replica_id=-1, max_wait_ms=50, min_bytes=1, max_bytes=max_bytes, isolation_level=isolation,
        session_id=session[0], session_epoch=session[1], topics=topics, forgotten_topics_data=[], rack_id="")


for version in (4, 5, 7, 11, 12, 13, 16, 17):
    fetch(f"v{version}", 0, version=version)
fetch("inside_a_batch", 1)
fetch("read_committed", 0, isolation=1)
fetch("isolation_3", 0, isolation=3)
fetch("beyond", 100_000)
fetch("negative", -5)
fetch("unknown_topic", 0, topic="w-none")
fetch("unknown_partition", 0, partition=9)
fetch("unknown_id", 0, version=13, topic_id=uuid.uuid4())
fetch("not_leader", 0, partition=1)
fetch("not_leader_v16", 0, partition=1, version=16)
fetch("epoch_7", 0, epoch=7)
fetch("epoch_0", 0, epoch=0)
fetch("last_epoch_5", 1, last_epoch=5)
fetch("last_epoch_0", 1, last_epoch=0)
fetch("max_bytes_0", 0, max_bytes=0)
fetch("partition_max_bytes_0", 0, partition_bytes=0)
fetch("no_session", 0, session=(77, 1))
fetch("session_anew", 0, session=(77, 0))
fetch("session_new", 0, session=(0, 0))

# ListOffsets and OffsetForLeaderEpoch ----------------------------------------------------------------------------


def offsets(name, timestamp, version=10, partition=0, topic="w-a", epoch=-1, isolation=0):
    of_topic = ListOffsetsRequest.ListOffsetsTopic
    row = of_topic.ListOffsetsPartition(partition_index=partition, current_leader_epoch=epoch, timestamp=timestamp)
    ask(f"offsets.{name}", ListOffsetsRequest, version, replica_id=-1, isolation_level=isolation, timeout_ms=1000,
        topics=[of_topic(name=topic, partitions=[row])])


for timestamp in (-1, -2, -3, -4, -5, -6, -7, -100, 0):
    offsets(str(timestamp), timestamp)
for after in (0, 1, 302, 10**9):
    offsets(f"at_{after}", BASE + after)
for version in (1, 2, 4, 6):
    offsets(f"v{version}", -1, version=version)
offsets("max_timestamp_v6", -3, version=6)
offsets("read_committed", -1, isolation=1)
offsets("isolation_2", -1, isolation=2)
offsets("unknown_partition", -1, partition=9)
offsets("unknown_topic", -1, topic="w-none")
offsets("not_leader", -1, partition=1)
offsets("epoch_7", -1, epoch=7)
offsets("empty", -1, topic="w-empty")
offsets("empty_max_timestamp", -3, topic="w-empty")
offsets("empty_time", BASE, topic="w-empty")


def epoch_end(name, epoch, current=-1, partition=0, topic="w-a"):
    of_topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
    row = of_topic.OffsetForLeaderPartition(partition=partition, current_leader_epoch=current, leader_epoch=epoch)
    ask(f"epoch_end.{name}", OffsetForLeaderEpochRequest, 4, replica_id=-1, topics=[of_topic(topic=topic, partitions=[row])])


epoch_end("0", 0)
epoch_end("5", 5)
epoch_end("-1", -1)
epoch_end("current_9", 0, current=9)
epoch_end("unknown_partition", 0, partition=9)
epoch_end("not_leader", 0, partition=1)
epoch_end("empty", 0, topic="w-empty")

# DeleteRecords ---------------------------------------------------------------------------------------------------


def delete(name, offset, topic="w-a", partition=0):
    of_topic = DeleteRecordsRequest.DeleteRecordsTopic
    row = of_topic.DeleteRecordsPartition(partition_index=partition, offset=offset)
    ask(f"delete.{name}", DeleteRecordsRequest, 2, topics=[of_topic(name=topic, partitions=[row])], timeout_ms=2000)


delete("to_2", 2)
delete("back_to_1", 1)
delete("beyond", 10**6)
delete("negative", -2)
delete("not_leader", 1, partition=1)
delete("unknown_partition", 1, partition=9)
delete("unknown_topic", 1, "w-none")
delete("compacted", 0, "w-compacted")
delete("empty", 0, "w-empty")
fetch("below_start", 1)
fetch("at_start_inside_a_batch", 2)
offsets("earliest_after_delete", -2)
offsets("time_after_delete", BASE)
offsets("max_timestamp_after_delete", -3)
epoch_end("after_delete", 0)
produce("after_delete", batch(at=2000))
delete("all", -1)
offsets("earliest_after_all", -2)
offsets("max_timestamp_after_all", -3)
offsets("time_after_all", BASE)
epoch_end("after_all", 0)

# Metadata --------------------------------------------------------------------------------------------------------


def metadata(title, version=12, create=False, **wanted):
    ask(f"metadata.{title}", MetadataRequest, version, topics=[MetadataRequest.MetadataRequestTopic(**wanted)],
        allow_auto_topic_creation=create, include_topic_authorized_operations=False)


metadata("known", name="w-a")
metadata("known_v8", version=8, name="w-a")
metadata("unknown", name="w-none")
metadata("unknown_created", create=True, name="w-made")
metadata("invalid", name="a b")
metadata("invalid_created", create=True, name="a b")
metadata("empty", create=True, name="")
metadata("unknown_id", topic_id=uuid.uuid4(), name=None)
metadata("known_id", topic_id=TOPIC_ID, name=None)
metadata("id_and_name", topic_id=TOPIC_ID, name="w-none")
metadata("neither", name=None)
metadata("neither_v10", version=10, name=None)

# What Kafka answers by closing the connection, or never, comes last ----------------------------------------------

produce("acks_0_wrong_crc", batch(crc=1), acks=0)
answers.print()
