//! `EndTxn` (key 26): commit or abort a transaction.
//!
//! * Needs `WRITE` on the transactional id.
//! * Errors, in Kafka's order: `INVALID_REQUEST`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`,
//!   `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED` (before version 2 `INVALID_PRODUCER_EPOCH`),
//!   `CONCURRENT_TRANSACTIONS`, `INVALID_TXN_STATE`, then those of the append.
//! * Answers when the decision is replicated; the markers go out then.
//! * From version 5 on each end has a new epoch, which the answer tells.
//! * Source: KIP-98, KIP-890, <https://kafka.apache.org/protocol#The_Messages_EndTxn>.

use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Producer;
use crate::wire::messages::end_txn::EndTxnRequest;
use crate::wire::messages::end_txn::EndTxnResponse;

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: EndTxnRequest) -> Outcome<EndTxnResponse> {
    let id = &request.transactional_id;
    let producer = Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) };
    let client_transaction_version = if ctx.api_version > 4 { 2 } else { 0 };
    let asked = state.ask_transaction(ctx.now, ctx.broker, id, |coordinator, at, ticket| {
        coordinator.end(at, id, producer, request.committed, client_transaction_version, ticket)
    });
    let version = ctx.api_version;
    state.await_transaction(asked).map_with(move |reply| {
        let code = match ErrorCode::of(&reply) {
            ErrorCode::PRODUCER_FENCED if version < 2 => ErrorCode::INVALID_PRODUCER_EPOCH,
            code => code,
        };
        EndTxnResponse {
            error_code: code.code(),
            producer_id: reply.map_or(-1, |producer| producer.id.0),
            producer_epoch: reply.map_or(-1, |producer| producer.epoch.0),
            ..EndTxnResponse::default()
        }
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &EndTxnRequest, code: ErrorCode) -> EndTxnResponse {
    EndTxnResponse { error_code: code.code(), producer_id: -1, producer_epoch: -1, ..EndTxnResponse::default() }
}
