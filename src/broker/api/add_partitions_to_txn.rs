//! `AddPartitionsToTxn` (key 24): add partitions to a transaction, or ask whether they are in it.
//!
//! * Needs `WRITE` on the transactional id and each topic; from version 4 on, which brokers use among themselves,
//!   `CLUSTER_ACTION` on the cluster.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION` (and `OPERATION_NOT_ATTEMPTED` for the others
//!   of the transaction), `INVALID_REQUEST`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`,
//!   `INVALID_PRODUCER_ID_MAPPING`, `CONCURRENT_TRANSACTIONS`, `PRODUCER_FENCED` (before version 2
//!   `INVALID_PRODUCER_EPOCH`), and `TRANSACTION_ABORTABLE` for a partition that is only asked for.
//! * Source: KIP-98, KIP-890, <https://kafka.apache.org/protocol#The_Messages_AddPartitionsToTxn>.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Producer;
use crate::coordinator::TopicPartition;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnPartitionResult;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnResponse;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnResult;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopic;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopicResult;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTransaction;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What is answered for each partition.
type Codes = BTreeMap<TopicPartition, ErrorCode>;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: AddPartitionsToTxnRequest,
) -> Outcome<AddPartitionsToTxnResponse> {
    if ctx.api_version >= 4 {
        let answered = AddPartitionsToTxnResponse::default();
        return add_next(state, ctx, request.transactions.into(), answered);
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        topics: request.v3_and_below_topics,
        ..AddPartitionsToTxnTransaction::default()
    };
    add(state, ctx, transaction).map(|result| AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: result.topic_results,
        ..AddPartitionsToTxnResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &AddPartitionsToTxnRequest, code: ErrorCode) -> AddPartitionsToTxnResponse {
    AddPartitionsToTxnResponse {
        error_code: code.code(),
        results_by_topic_v3_and_below: rows(&request.v3_and_below_topics, &|_| code),
        ..AddPartitionsToTxnResponse::default()
    }
}

/// One transaction after the other.
fn add_next(
    state: &mut State,
    ctx: &RequestContext,
    mut left: std::collections::VecDeque<AddPartitionsToTxnTransaction>,
    mut answered: AddPartitionsToTxnResponse,
) -> Outcome<AddPartitionsToTxnResponse> {
    let Some(transaction) = left.pop_front() else { return Outcome::Reply(answered) };
    add(state, ctx, transaction).then(state, ctx, move |state, ctx, result| {
        answered.results_by_transaction.push(result);
        add_next(state, ctx, left, answered)
    })
}

fn add(
    state: &mut State,
    ctx: &RequestContext,
    transaction: AddPartitionsToTxnTransaction,
) -> Outcome<AddPartitionsToTxnResult> {
    let partitions: BTreeSet<TopicPartition> = transaction
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| ((*topic.name).into(), PartitionIndex(*index))))
        .collect();
    let exists = |(topic, index): &TopicPartition| {
        let id = state.topic_by_either(topic, Uuid::ZERO, false);
        id.is_ok_and(|id| state.find_partition(id, *index).is_some())
    };
    if !partitions.iter().all(exists) {
        let code = |partition: &TopicPartition| {
            if exists(partition) { ErrorCode::OPERATION_NOT_ATTEMPTED } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION }
        };
        return Outcome::Reply(answer(&transaction, &code));
    }
    let id = transaction.transactional_id.clone();
    let producer =
        Producer { id: ProducerId(transaction.producer_id), epoch: ProducerEpoch(transaction.producer_epoch) };
    if transaction.verify_only {
        let found = state.look_at_transaction(ctx.now, ctx.broker, &id);
        let verified = found.and_then(|coordinator| coordinator.verify(&id, producer, &partitions));
        let codes: Codes = verified.unwrap_or_else(|code| partitions.into_iter().map(|at| (at, code)).collect());
        let code = |partition: &TopicPartition| codes.get(partition).copied().unwrap_or_default();
        return Outcome::Reply(answer(&transaction, &code));
    }
    let client_transaction_version = if ctx.api_version > 3 { 2 } else { 0 };
    let asked = state.ask_transaction(ctx.now, ctx.broker, &id, |coordinator, at, ticket| {
        coordinator.add_partitions(at, &id, producer, &partitions, client_transaction_version, ticket)
    });
    let version = ctx.api_version;
    state.await_transaction(asked).map_with(move |reply| {
        let code = match ErrorCode::of(&reply) {
            ErrorCode::PRODUCER_FENCED if version < 2 => ErrorCode::INVALID_PRODUCER_EPOCH,
            code => code,
        };
        answer(&transaction, &|_| code)
    })
}

fn answer(
    transaction: &AddPartitionsToTxnTransaction,
    code: &dyn Fn(&TopicPartition) -> ErrorCode,
) -> AddPartitionsToTxnResult {
    AddPartitionsToTxnResult {
        transactional_id: transaction.transactional_id.clone(),
        topic_results: rows(&transaction.topics, code),
        ..AddPartitionsToTxnResult::default()
    }
}

fn rows(
    topics: &[AddPartitionsToTxnTopic],
    code: &dyn Fn(&TopicPartition) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let rows = topics.iter().map(|topic| {
        let results = topic.partitions.iter().map(|index| AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: code(&((*topic.name).into(), PartitionIndex(*index))).code(),
            ..AddPartitionsToTxnPartitionResult::default()
        });
        AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            results_by_partition: results.collect(),
            ..AddPartitionsToTxnTopicResult::default()
        }
    });
    rows.collect()
}
