//! `InitProducerId` (key 22): hand out a producer id and its epoch.
//!
//! * Needs `IDEMPOTENT_WRITE` on the cluster, or `WRITE` on the transactional id.
//! * Errors: `INVALID_REQUEST` (an empty transactional id), `COORDINATOR_NOT_AVAILABLE` (any other one).
//! * Differs: there is no transaction coordinator yet, so only idempotent producers get an id.
//! * Source: KIP-98, KIP-360, <https://kafka.apache.org/protocol#The_Messages_InitProducerId>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::init_producer_id::InitProducerIdResponse;

pub(super) fn handle(
    state: &mut State,
    _ctx: &RequestContext,
    request: InitProducerIdRequest,
) -> Outcome<InitProducerIdResponse> {
    Outcome::Reply(match request.transactional_id.as_deref() {
        Some("") => refuse(&request, ErrorCode::INVALID_REQUEST),
        Some(_) => refuse(&request, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        // As Kafka does, an idempotent producer always gets a new id, whatever it had before.
        None => InitProducerIdResponse {
            producer_id: state.new_producer_id().0,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
    })
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
    fn a_transactional_id_finds_no_coordinator() {
        let mut cluster = TestCluster::new(1);
        let mut check = |id: &str, expected: ErrorCode| {
            let request =
                InitProducerIdRequest { transactional_id: Some(id.into()), ..InitProducerIdRequest::default() };
            let response = cluster.ask(5, request);
            assert_eq!((response.error_code, response.producer_id), (expected.code(), -1));
            assert_eq!(response.producer_epoch, -1);
        };
        check("", ErrorCode::INVALID_REQUEST);
        check("t", ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
}
