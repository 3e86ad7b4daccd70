//! `TxnOffsetCommit` (key 28): store within a transaction how far a group has read.
//!
//! * Needs `WRITE` on the transactional id, `READ` on the group and on each topic.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`; then for all others at once
//!   `INVALID_GROUP_ID`, `NOT_COORDINATOR`, those of the transaction's coordinator (see `Produce`), `ILLEGAL_GENERATION`,
//!   `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`; then `OFFSET_METADATA_TOO_LARGE`, and for what is
//!   left the error of the append.
//! * The offsets count when the transaction commits.
//! * From version 5 on the group's partition need not be added to the transaction before.
//! * Source: KIP-98, KIP-447, KIP-890, `OffsetMetadataManager.commitTransactionalOffset`,
//!   <https://kafka.apache.org/protocol#The_Messages_TxnOffsetCommit>.

use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::verification::Operation;
use crate::broker::verification::Verifying;
use crate::broker::verification::verify;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::OffsetAndMetadata;
use crate::coordinator::Producer;
use crate::log::Verification;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequestPartition;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitResponse;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitResponsePartition;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitResponseTopic;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: TxnOffsetCommitRequest,
) -> Outcome<TxnOffsetCommitResponse> {
    let is_known = |topic: &str, index: i32| {
        let id = state.topic_by_either(topic, Uuid::ZERO, false);
        id.is_ok_and(|id| state.find_partition(id, PartitionIndex(index)).is_some())
    };
    let known: Vec<Vec<bool>> = request
        .topics
        .iter()
        .map(|topic| topic.partitions.iter().map(|row| is_known(&topic.name, row.partition_index)).collect())
        .collect();
    if !known.iter().flatten().any(|known| *known) {
        return Outcome::Reply(answer(ctx, &request, &known, ErrorCode::NONE, state));
    }
    if request.group_id.is_empty() {
        return Outcome::Reply(answer(ctx, &request, &known, ErrorCode::INVALID_GROUP_ID, state));
    }
    let Some((topic, partition)) = state.group_partition(&request.group_id) else {
        return Outcome::Reply(answer(ctx, &request, &known, ErrorCode::NOT_COORDINATOR, state));
    };
    let verifying = Verifying {
        transactional_id: request.transactional_id.clone(),
        producer: Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) },
        operation: Operation::of_offset_commit(ctx.api_version),
        base_sequences: [((topic, partition), -1)].into(),
        since: ctx.now,
    };
    verify(state, ctx, verifying).then(state, ctx, move |state, ctx, verified| {
        let verified = verified.get(&(topic, partition)).copied().unwrap_or(Ok(Verification::Off));
        let committed = verified.and_then(|verification| commit(state, ctx, &request, &known, verification));
        let code = told_to_clients(committed.err().unwrap_or_default());
        Outcome::Reply(answer(ctx, &request, &known, code, state))
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse {
    rows(request, &|_, _| code)
}

fn rows(request: &TxnOffsetCommitRequest, code: &dyn Fn(usize, usize) -> ErrorCode) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().enumerate().map(|(at, topic)| {
        let rows = topic.partitions.iter().enumerate().map(|(row, partition)| TxnOffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: code(at, row).code(),
            ..TxnOffsetCommitResponsePartition::default()
        });
        TxnOffsetCommitResponseTopic {
            name: topic.name.clone(),
            partitions: rows.collect(),
            ..TxnOffsetCommitResponseTopic::default()
        }
    });
    TxnOffsetCommitResponse { topics: topics.collect(), ..TxnOffsetCommitResponse::default() }
}

/// The answer where `code` came of all partitions that are known.
fn answer(
    ctx: &RequestContext,
    request: &TxnOffsetCommitRequest,
    known: &[Vec<bool>],
    code: ErrorCode,
    state: &State,
) -> TxnOffsetCommitResponse {
    // Producers before version 2 cannot deal with it (KAFKA-7296).
    let code = match code {
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS if ctx.api_version < 2 => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        code => code,
    };
    rows(request, &|topic, row| {
        if !known[topic][row] {
            return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        }
        let too_large = is_too_large(state, ctx, &request.topics[topic].partitions[row]);
        if code == ErrorCode::NONE && too_large { ErrorCode::OFFSET_METADATA_TOO_LARGE } else { code }
    })
}

fn is_too_large(state: &State, ctx: &RequestContext, row: &TxnOffsetCommitRequestPartition) -> bool {
    let most = state.broker_config(ctx.broker).offset_metadata_max_bytes;
    row.committed_metadata.as_ref().is_some_and(|text| text.len() > most)
}

fn commit(
    state: &mut State,
    ctx: &RequestContext,
    request: &TxnOffsetCommitRequest,
    known: &[Vec<bool>],
    verification: Verification,
) -> Result<(), ErrorCode> {
    let (coordinator, _) = state.group_coordinator(ctx, &request.group_id)?;
    coordinator.check_txn_offset_commit(
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
    )?;
    let mut records = Vec::new();
    for (topic, known) in request.topics.iter().zip(known) {
        for (row, _) in topic.partitions.iter().zip(known).filter(|(_, known)| **known) {
            if !is_too_large(state, ctx, row) {
                records.push(record(ctx, &request.group_id, &topic.name, row));
            }
        }
    }
    let producer = Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) };
    state.write_group_records_in_transaction(ctx.now, &request.group_id, &records, producer, verification)
}

fn record(
    ctx: &RequestContext,
    group: &str,
    topic: &str,
    partition: &TxnOffsetCommitRequestPartition,
) -> CoordinatorRecord {
    let offset = OffsetAndMetadata {
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
        commit_timestamp: ctx.timestamp,
        expire_timestamp: Timestamp::NONE,
        topic_id: Uuid::ZERO,
    };
    CoordinatorRecord::Offset {
        group: group.to_owned(),
        topic: topic.to_owned(),
        partition: PartitionIndex(partition.partition_index),
        value: Some(offset.to_value()),
    }
}

/// Source: `CoordinatorOperationExceptionHelper`.
fn told_to_clients(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NETWORK_EXCEPTION => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER => ErrorCode::NOT_COORDINATOR,
        code => code,
    }
}
