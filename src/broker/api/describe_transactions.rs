//! `DescribeTransactions` (key 65): show transactions by their ids.
//!
//! * Needs `DESCRIBE` on each transactional id; topics that may not be described are left out.
//! * Errors per id, in Kafka's order: `INVALID_REQUEST`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`,
//!   `TRANSACTIONAL_ID_NOT_FOUND`.
//! * Source: KIP-664, <https://kafka.apache.org/protocol#The_Messages_DescribeTransactions>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::TransactionMetadata;
use crate::wire::messages::describe_transactions::DescribeTransactionsRequest;
use crate::wire::messages::describe_transactions::DescribeTransactionsResponse;
use crate::wire::messages::describe_transactions::TopicData;
use crate::wire::messages::describe_transactions::TransactionState;
use bytestring::ByteString;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: DescribeTransactionsRequest,
) -> Outcome<DescribeTransactionsResponse> {
    let rows = request.transactional_ids.into_iter().map(|id| describe(state, ctx, id));
    let transaction_states = rows.collect();
    Outcome::Reply(DescribeTransactionsResponse { transaction_states, ..DescribeTransactionsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeTransactionsRequest, code: ErrorCode) -> DescribeTransactionsResponse {
    let rows = request.transactional_ids.iter().map(|id| refused(id.clone(), code));
    DescribeTransactionsResponse { transaction_states: rows.collect(), ..DescribeTransactionsResponse::default() }
}

fn refused(transactional_id: ByteString, code: ErrorCode) -> TransactionState {
    TransactionState { error_code: code.code(), transactional_id, ..TransactionState::default() }
}

fn describe(state: &mut State, ctx: &RequestContext, id: ByteString) -> TransactionState {
    let found = state.look_at_transaction(ctx.now, ctx.broker, &id);
    let found = found.and_then(|found| found.transaction(&id).ok_or(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND));
    match found {
        Err(code) => refused(id, code),
        Ok(metadata) => row(id, metadata),
    }
}

fn row(transactional_id: ByteString, metadata: &TransactionMetadata) -> TransactionState {
    let current = &metadata.current;
    let mut topics: Vec<TopicData> = Vec::new();
    for (topic, partition) in &current.partitions {
        match topics.last_mut() {
            Some(last) if *last.topic == **topic => last.partitions.push(partition.0),
            _ => {
                let topic = topic.as_ref().into();
                topics.push(TopicData { topic, partitions: vec![partition.0], ..TopicData::default() });
            }
        }
    }
    TransactionState {
        error_code: 0,
        transactional_id,
        transaction_state: current.state.name().into(),
        transaction_timeout_ms: current.timeout_ms,
        transaction_start_time_ms: current.start_timestamp.0,
        producer_id: current.producer_id.0,
        producer_epoch: current.producer_epoch.0,
        topics,
        ..TransactionState::default()
    }
}
