//! `AddOffsetsToTxn` (key 25): add a group's offsets to a transaction.
//!
//! * Needs `WRITE` on the transactional id and `READ` on the group.
//! * Errors, in Kafka's order: `INVALID_REQUEST`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`,
//!   `INVALID_PRODUCER_ID_MAPPING`, `CONCURRENT_TRANSACTIONS`, `PRODUCER_FENCED` (before version 2
//!   `INVALID_PRODUCER_EPOCH`), then those of the append.
//! * Source: KIP-98, <https://kafka.apache.org/protocol#The_Messages_AddOffsetsToTxn>.

use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Producer;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: AddOffsetsToTxnRequest,
) -> Outcome<AddOffsetsToTxnResponse> {
    let id = &request.transactional_id;
    let offsets = state.offsets_of_group(&request.group_id);
    let producer = Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) };
    let asked = state.ask_transaction(ctx.now, ctx.broker, id, |coordinator, at, ticket| {
        coordinator.add_partitions(at, id, producer, &[offsets].into(), 0, ticket)
    });
    let version = ctx.api_version;
    state.await_transaction(asked).map_with(move |reply| {
        let code = match ErrorCode::of(&reply) {
            ErrorCode::PRODUCER_FENCED if version < 2 => ErrorCode::INVALID_PRODUCER_EPOCH,
            code => code,
        };
        refuse(&request, code)
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &AddOffsetsToTxnRequest, code: ErrorCode) -> AddOffsetsToTxnResponse {
    AddOffsetsToTxnResponse { error_code: code.code(), ..AddOffsetsToTxnResponse::default() }
}
