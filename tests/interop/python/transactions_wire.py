"""Questions about transactions that no client asks by itself: any epoch, sequence number and state, of both protocols.

The bytes travel through kafka-python's connections and message classes; batches.py lays out the batches. Each request goes
to the broker that it is for: a producer's coordinator, a group's coordinator, or the leader, which is one broker for all
partitions. The protocol of Kafka 4.0 (KIP-890) is Produce 12, TxnOffsetCommit 5 and EndTxn 5, which add partitions
by themselves and raise the epoch with each transaction; older versions are the older protocol.
"""

import logging

from batches import batch
from common import KEEP, Answers, arguments, settle
from kafka import KafkaAdminClient
from kafka.protocol.admin import DescribeTransactionsRequest, ListTransactionsRequest
from kafka.protocol.consumer import FetchRequest, OffsetFetchRequest
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
    WriteTxnMarkersRequest,
)

COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR = 14, 15, 16
NOT_READY = (COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR)
GROUP, TRANSACTION = 0, 1
TRANSACTIONAL, CONTROL = 16, 32

logging.disable(logging.CRITICAL)
admin = KafkaAdminClient(bootstrap_servers=arguments(), request_timeout_ms=15000)
LEADER = sorted(b["broker_id"] for b in admin.describe_cluster()["brokers"])[0]
answers = Answers(lambda error: {"error": type(error).__name__, "client": True})

# Which broker, and how an answer is written down -----------------------------------------------------------------

# Producer ids differ from run to run: in an answer stands whose it is.
owners = {}


def named(answer):
    """The answer with the owners of producer ids in their place."""
    if isinstance(answer, dict):
        return {key: owners.get(value, value) if key == "producer_id" else named(value) for key, value in answer.items()}
    return [named(value) for value in answer] if isinstance(answer, list) else answer


def ask(name, question, *args, **kwargs):
    return answers.ask(name, lambda: named(question(*args, **kwargs)))


def send(broker, request, version, **fields):
    """What the broker answers, without what no test is about."""
    message = request(min_version=version, max_version=version, **fields)
    reply = admin._manager.run(admin._manager.send, message, broker).to_dict()
    reply.pop("throttle_time_ms", None)
    return reply


def coordinator(key, key_type):
    """The broker that coordinates a group or a transactional id, as soon as there is one."""
    def question():
        return send(LEADER, FindCoordinatorRequest, 4, key_type=key_type, coordinator_keys=[key])["coordinators"][0]

    return settle(question, lambda answer: answer["error_code"] == 0, 30)["node_id"]


class Producer:
    """A transactional id with its producer id and epoch, which a question may replace by others."""

    def __init__(self, transactional_id):
        self.transactional_id = transactional_id
        self.coordinator = coordinator(transactional_id, TRANSACTION)
        self.id, self.epoch = -1, -1

    def start(self):
        """Gets the producer id and returns the answer."""
        answer = settle(lambda: init(self), lambda answer: answer["error_code"] not in NOT_READY, 30)
        self.id, self.epoch = answer["producer_id"], answer["producer_epoch"]
        owners[self.id] = self.transactional_id
        return answer

    def rest(self):
        """Waits until the markers of the transaction that ended are written."""
        settle(lambda: describe(self)["transaction_state"], lambda state: not state.startswith("Prepare"))


# The questions ---------------------------------------------------------------------------------------------------


def init(producer, producer_id=-1, epoch=-1, timeout=60_000, version=5, transactional_id=None):
    return send(producer.coordinator, InitProducerIdRequest, version, transaction_timeout_ms=timeout, producer_id=producer_id,
                producer_epoch=epoch, transactional_id=producer.transactional_id if transactional_id is None else transactional_id)


def add(producer, topic, partition=0, epoch=None):
    """AddPartitionsToTxn, which clients need in the older protocol only."""
    of_topic = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
    reply = send(producer.coordinator, AddPartitionsToTxnRequest, 3, v3_and_below_transactional_id=producer.transactional_id,
                 v3_and_below_producer_id=producer.id, v3_and_below_producer_epoch=producer.epoch if epoch is None else epoch,
                 v3_and_below_topics=[of_topic(name=topic, partitions=[partition])])
    return reply["results_by_topic_v3_and_below"][0]["results_by_partition"][0]["partition_error_code"]


def add_offsets(producer, group):
    return send(producer.coordinator, AddOffsetsToTxnRequest, 3, transactional_id=producer.transactional_id,
                producer_id=producer.id, producer_epoch=producer.epoch, group_id=group)["error_code"]


def end(producer, commit, version, epoch=None, producer_id=None, transactional_id=None):
    return send(producer.coordinator, EndTxnRequest, version, committed=commit,
                transactional_id=producer.transactional_id if transactional_id is None else transactional_id,
                producer_id=producer.id if producer_id is None else producer_id,
                producer_epoch=producer.epoch if epoch is None else epoch)


def produce(producer, topic, sequence, version, epoch=None, attributes=TRANSACTIONAL, with_id=True):
    """One record of the producer; the answer is an error code and an offset."""
    records = batch(attributes=attributes, producer=(producer.id, producer.epoch if epoch is None else epoch, sequence))
    rows = ProduceRequest.TopicProduceData.PartitionProduceData(index=0, records=records)
    reply = send(LEADER, ProduceRequest, version, transactional_id=producer.transactional_id if with_id else None, acks=-1,
                 timeout_ms=3000, topic_data=[ProduceRequest.TopicProduceData(name=topic, partition_data=[rows])])
    row = reply["responses"][0]["partition_responses"][0]
    return {"error_code": row["error_code"], "base_offset": row["base_offset"]}


def commit_offset(producer, group, topic, offset, version, epoch=None, generation=-1):
    of_topic = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
    row = of_topic.TxnOffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_leader_epoch=-1, committed_metadata=None)
    reply = send(coordinator(group or GROUP_ID, GROUP), TxnOffsetCommitRequest, version, group_id=group, producer_id=producer.id,
                 transactional_id=producer.transactional_id, producer_epoch=producer.epoch if epoch is None else epoch,
                 generation_id=generation, member_id="", group_instance_id=None, topics=[of_topic(name=topic, partitions=[row])])
    return reply["topics"][0]["partitions"][0]["error_code"]


def committed(group, topic, stable):
    """The group's offset; with `stable`, an error while a transaction may still change it."""
    of_topic = OffsetFetchRequest.OffsetFetchRequestTopic
    return send(coordinator(group, GROUP), OffsetFetchRequest, 7, group_id=group, require_stable=stable,
                topics=[of_topic(name=topic, partition_indexes=[0])])


def fetch(topic, read_committed):
    """What a consumer sees of where transactions stand, from the start of the log."""
    row = FetchRequest.FetchTopic.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    reply = send(LEADER, FetchRequest, 4, replica_id=-1, max_wait_ms=100, min_bytes=1, max_bytes=1 << 20,
                 isolation_level=int(read_committed), topics=[FetchRequest.FetchTopic(topic=topic, partitions=[row])])
    row = reply["responses"][0]["partitions"][0]
    return {key: row[key] for key in ("error_code", "high_watermark", "last_stable_offset", "aborted_transactions")}


def describe(producer, transactional_id=None):
    asked = producer.transactional_id if transactional_id is None else transactional_id
    reply = send(producer.coordinator, DescribeTransactionsRequest, 0, transactional_ids=[asked])["transaction_states"][0]
    if reply["error_code"]:
        # The other fields have their defaults, and 0 may be somebody's producer id.
        return {key: reply[key] for key in ("error_code", "transaction_state", "topics")}
    started = reply["transaction_start_time_ms"]
    return {**reply, "transaction_start_time_ms": started if started <= 0 else "some"}


def listed(producer, states=(), producers=(), longer_than=-1):
    return send(producer.coordinator, ListTransactionsRequest, 1, state_filters=list(states), producer_id_filters=list(producers),
                duration_filter=longer_than)


def marker(producer_id, epoch, topic, partition=0, coordinator_epoch=0, version=1, transaction_version=0):
    """A commit marker, which only coordinators write."""
    of_marker = WriteTxnMarkersRequest.WritableTxnMarker
    of_topic = of_marker.WritableTxnMarkerTopic
    row = of_marker(producer_id=producer_id, producer_epoch=epoch, transaction_result=True, coordinator_epoch=coordinator_epoch,
                    transaction_version=transaction_version, topics=[of_topic(name=topic, partition_indexes=[partition])])
    return send(LEADER, WriteTxnMarkersRequest, version, markers=[row])["markers"][0]["topics"][0]["partitions"][0]["error_code"]


# Producer ids, and ends of transactions in which nothing happened ------------------------------------------------

A, B = "tw-a", "tw-b"
GROUP_ID, NO_GROUP, OTHER_GROUP = "tw-group", "tw-none", "tw-other-group"
admin.create_topics({name: {"assignments": {0: [LEADER]}, "configs": KEEP} for name in (A, B)}, raise_errors=False)
admin.wait_for_topics([A, B])
settle(lambda: [fetch(topic, False)["error_code"] for topic in (A, B)], lambda errors: errors == [0, 0])

one = Producer("tw-one")
nobody = Producer("tw-nobody")
# A coordinator that was found may still be loading.
settle(lambda: describe(nobody)["error_code"], lambda error: error not in NOT_READY, 30)
for group in (GROUP_ID, NO_GROUP, OTHER_GROUP):
    settle(lambda: committed(group, B, False)["error_code"], lambda error: error not in NOT_READY, 30)
ask("init", one.start)
nobody.id, nobody.epoch = one.id, one.epoch
ask("init.no_timeout", init, one, timeout=0)
ask("init.timeout_too_long", init, one, timeout=900_001)
ask("init.empty_id", init, one, transactional_id="")
ask("init.producer_id_without_epoch", init, one, producer_id=5)
ask("init.later_epoch_v3", init, one, producer_id=one.id, epoch=7, version=3)
ask("init.later_epoch", init, one, producer_id=one.id, epoch=7)
ask("init.other_producer_id", init, one, producer_id=one.id + 999, epoch=0)

ask("end.nothing_commit_v4", end, one, True, 4)
ask("end.nothing_abort_v4", end, one, False, 4)
ask("end.nothing_commit_v5", end, one, True, 5)
one.epoch = ask("end.nothing_abort_v5", end, one, False, 5)["producer_epoch"]
one.rest()
ask("end.same_abort_again", end, one, False, 5, epoch=one.epoch - 1)
ask("end.commit_after_abort", end, one, True, 5, epoch=one.epoch - 1)
ask("end.other_producer_id", end, one, True, 5, producer_id=one.id + 5)
ask("end.unknown_id", end, nobody, True, 5)
ask("end.empty_id", end, one, True, 5, transactional_id="")

# A transaction of the older protocol -----------------------------------------------------------------------------

ask("add.unknown_partition", add, one, A, partition=99)
ask("add.old_epoch", add, one, A, epoch=one.epoch - 1)
ask("add.unknown_id", add, nobody, A)
ask("old.not_added_v11", produce, one, A, 0, 11)
ask("old.not_added_v10", produce, one, A, 0, 10)
ask("old.add", add, one, A)
ask("old.first", produce, one, A, 0, 11)
ask("old.first_again", produce, one, A, 0, 11)
ask("old.sequence_too_early", produce, one, A, 5, 11)
ask("old.not_transactional", produce, one, A, 1, 11, attributes=0)
ask("old.control", produce, one, A, 1, 11, attributes=TRANSACTIONAL | CONTROL)
ask("old.old_epoch", produce, one, A, 0, 11, epoch=one.epoch - 1)
ask("old.later_epoch", produce, one, A, 0, 11, epoch=one.epoch + 1)
ask("old.without_id", produce, one, A, 1, 11, with_id=False)
ask("old.fetch_committed", fetch, A, True)
ask("old.fetch_uncommitted", fetch, A, False)
ask("list.ongoing", listed, one, states=["Ongoing"], producers=[one.id])
ask("list.unknown_state", listed, one, states=["Nope"], producers=[one.id])
ask("list.older_than_an_hour", listed, one, producers=[one.id], longer_than=3_600_000)
ask("describe.ongoing", describe, one)
ask("describe.unknown", describe, nobody)
ask("describe.empty_id", describe, one, transactional_id="")
ask("old.commit", end, one, True, 4)
one.rest()
ask("old.commit_again", end, one, True, 4)
ask("old.abort_after_commit", end, one, False, 4)
ask("old.late", produce, one, A, 1, 11)
ask("old.first_again_late", produce, one, A, 0, 11)

# Transactions of the newer protocol ------------------------------------------------------------------------------

two = Producer("tw-two")
two.start()
ask("new.first", produce, two, B, 0, 12)
ask("new.first_sequence_is_3", produce, two, A, 3, 12)
aborted = ask("new.abort", end, two, False, 5)
two.rest()
ask("new.late", produce, two, B, 1, 12)
two.epoch = aborted["producer_epoch"]
ask("new.fetch_after_abort", fetch, B, True)
ask("new.next_sequence_is_1", produce, two, B, 1, 12)
ask("new.next", produce, two, B, 0, 12)
ask("offsets.commit", commit_offset, two, GROUP_ID, B, 7, 5)
ask("offsets.stable", committed, GROUP_ID, B, True)
ask("offsets.unstable", committed, GROUP_ID, B, False)
ask("offsets.unknown_generation", commit_offset, two, NO_GROUP, B, 7, 5, generation=3)
ask("offsets.unknown_topic", commit_offset, two, GROUP_ID, "tw-none", 7, 5)
ask("offsets.empty_group", commit_offset, two, "", B, 7, 5)
ask("offsets.old_epoch", commit_offset, two, GROUP_ID, B, 7, 5, epoch=two.epoch - 1)
ask("offsets.old_epoch_v4", commit_offset, two, GROUP_ID, B, 7, 4, epoch=two.epoch - 1)
two.epoch = ask("new.commit", end, two, True, 5)["producer_epoch"]
two.rest()
ask("offsets.after_commit", committed, GROUP_ID, B, True)

# A successor, and what its predecessor can still do --------------------------------------------------------------

old = Producer("tw-three")
old.start()
ask("fence.first", produce, old, B, 0, 12)
ask("fence.init_during_transaction", init, old)
old.rest()
new = Producer("tw-three")
ask("fence.init", new.start)
ask("fence.produce_v12", produce, old, B, 1, 12)
ask("fence.produce_v11", produce, old, B, 1, 11)
ask("fence.end_v5", end, old, True, 5)
ask("fence.end_v1", end, old, True, 1)
ask("fence.add_offsets", add_offsets, new, GROUP_ID)
ask("fence.commit_offset_v4", commit_offset, new, GROUP_ID, B, 9, 4)
ask("fence.commit_offset_of_other_group_v4", commit_offset, new, OTHER_GROUP, B, 9, 4)
ask("fence.init_with_epoch", init, new, producer_id=new.id, epoch=new.epoch)

# Markers that no coordinator wrote -------------------------------------------------------------------------------

ask("marker.unknown_producer", marker, 987654, 0, A)
ask("marker.unknown_partition", marker, 987654, 0, A, partition=77)
ask("marker.old_epoch", marker, two.id, 0, B)
ask("marker.same_epoch_v2", marker, two.id, two.epoch, B, version=2, transaction_version=2)
ask("marker.old_coordinator", marker, two.id, two.epoch + 3, B, coordinator_epoch=-5)
answers.print()
