//! `InitProducerId` (key 22): hand out a producer id and its epoch.
//!
//! * Needs `IDEMPOTENT_WRITE` on the cluster, or `WRITE` on the transactional id.
//! * Errors, in Kafka's order: `INVALID_REQUEST` (an id without an epoch, an empty transactional id),
//!   `INVALID_TRANSACTION_TIMEOUT`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`, `CONCURRENT_TRANSACTIONS`,
//!   `PRODUCER_FENCED` (before version 4 `INVALID_PRODUCER_EPOCH`), then those of the append.
//! * An open transaction is aborted first; until that is done the answer is `CONCURRENT_TRANSACTIONS`.
//! * Source: KIP-98, KIP-360, <https://kafka.apache.org/protocol#The_Messages_InitProducerId>.

use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Producer;
use crate::coordinator::TransactionCoordinator;
use crate::coordinator::TxnReply;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::init_producer_id::InitProducerIdResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: InitProducerIdRequest,
) -> Outcome<InitProducerIdResponse> {
    let (none_id, none_epoch) = (request.producer_id == -1, request.producer_epoch == -1);
    if none_id != none_epoch {
        return Outcome::Reply(refuse(&request, ErrorCode::INVALID_REQUEST));
    }
    let Some(id) = &request.transactional_id else {
        // As Kafka does, an idempotent producer always gets a new id, whatever it had before.
        let producer = Producer { id: state.new_producer_id(), epoch: ProducerEpoch(0) };
        return Outcome::Reply(answer(ctx.api_version, Ok(producer)));
    };
    let expected = (!none_id)
        .then_some(Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) });
    let timeout_ms = request.transaction_timeout_ms;
    let checked = TransactionCoordinator::check_begin(state.broker_config(ctx.broker), id, timeout_ms);
    let asked = checked.and_then(|()| {
        state.ask_transaction(ctx.now, ctx.broker, id, |coordinator, at, ticket| {
            coordinator.init_producer_id(at, id, timeout_ms, expected, ticket)
        })
    });
    let version = ctx.api_version;
    state.await_transaction(asked).map_with(move |reply| answer(version, reply))
}

fn answer(version: i16, reply: TxnReply) -> InitProducerIdResponse {
    let code = match ErrorCode::of(&reply) {
        ErrorCode::PRODUCER_FENCED if version < 4 => ErrorCode::INVALID_PRODUCER_EPOCH,
        code => code,
    };
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: reply.map_or(-1, |producer| producer.id.0),
        producer_epoch: reply.map_or(-1, |producer| producer.epoch.0),
        ..InitProducerIdResponse::default()
    }
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &InitProducerIdRequest, code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;

    #[test]
    fn every_idempotent_producer_gets_an_id_of_its_own() {
        let mut cluster = TestCluster::new(1);
        let mut check = |version: i16, expected: i64| {
            let response = cluster.ask(version, InitProducerIdRequest::default());
            assert_eq!((response.error_code, response.producer_id, response.producer_epoch), (0, expected, 0));
        };
        check(0, 0);
        check(2, 1);
        check(5, 2);
    }

    #[test]
    fn what_cannot_be_is_refused_in_kafkas_order() {
        let mut cluster = TestCluster::new(2);
        let mut check = |id: &str, timeout_ms: i32, producer_id: i64, expected: ErrorCode| {
            let request = InitProducerIdRequest {
                transactional_id: Some(id.into()),
                transaction_timeout_ms: timeout_ms,
                producer_id,
                ..InitProducerIdRequest::default()
            };
            let response = cluster.ask(5, request);
            assert_eq!((response.error_code, response.producer_id), (expected.code(), -1), "{id} {timeout_ms}");
            assert_eq!(response.producer_epoch, -1);
        };
        check("", 0, 7, ErrorCode::INVALID_REQUEST);
        check("", 0, -1, ErrorCode::INVALID_REQUEST);
        check("t", 0, -1, ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        check("t", 900_001, -1, ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        // Nobody has asked for a coordinator, so there is none.
        check("t", 900_000, -1, ErrorCode::NOT_COORDINATOR);
    }
}
