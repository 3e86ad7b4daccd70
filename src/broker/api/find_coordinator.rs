//! `FindCoordinator` (key 10): tell which broker coordinates a group or a transactional id.
//!
//! * Needs `DESCRIBE` on each group or transactional id.
//! * Errors per key: `INVALID_REQUEST` (share coordinators before version 6, or a kind that Kafka does not know),
//!   `COORDINATOR_NOT_AVAILABLE` (share groups, which nobody coordinates yet; a partition without leader).
//! * The first question for a group creates `__consumer_offsets`, that for a transactional id `__transaction_state`.
//! * Differs: Kafka answers that first question with `COORDINATOR_NOT_AVAILABLE`, and clients ask again.
//! * Source: KIP-699, `KafkaApis.getCoordinator`, <https://kafka.apache.org/protocol#The_Messages_FindCoordinator>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::find_coordinator::Coordinator;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::find_coordinator::FindCoordinatorResponse;
use bytestring::ByteString;

// `CoordinatorType`.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: FindCoordinatorRequest,
) -> Outcome<FindCoordinatorResponse> {
    if ctx.api_version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(|key| find(state, ctx, request.key_type, key));
        let coordinators = coordinators.collect();
        return Outcome::Reply(FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() });
    }
    let found = find(state, ctx, request.key_type, request.key);
    let message = match found.error_code {
        0 => "NONE",
        42 => {
            "This most likely occurs because of a request being malformed by the client library or the message was \
               sent to an incompatible broker. See the broker logs for more details."
        }
        _ => "The coordinator is not available.",
    };
    Outcome::Reply(FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: (ctx.api_version >= 1).then(|| ByteString::from_static(message)),
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..FindCoordinatorResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &FindCoordinatorRequest, code: ErrorCode) -> FindCoordinatorResponse {
    let rows = request.coordinator_keys.iter().map(|key| Coordinator {
        key: key.clone(),
        error_code: code.code(),
        node_id: -1,
        port: -1,
        ..Coordinator::default()
    });
    FindCoordinatorResponse {
        error_code: code.code(),
        node_id: -1,
        port: -1,
        coordinators: rows.collect(),
        ..FindCoordinatorResponse::default()
    }
}

fn find(state: &mut State, ctx: &RequestContext, key_type: i8, key: ByteString) -> Coordinator {
    let found = match key_type {
        GROUP => state.find_group_coordinator(&key),
        TRANSACTION => state.find_transaction_coordinator(&key),
        SHARE if ctx.api_version >= 6 => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        _ => Err(ErrorCode::INVALID_REQUEST),
    };
    let error_code = ErrorCode::of(&found).code();
    let broker = found.ok().and_then(|id| state.brokers.get(id));
    Coordinator {
        key,
        error_code,
        node_id: broker.map_or(-1, |broker| broker.id.0),
        host: broker.map(|broker| broker.host.as_str().into()).unwrap_or_default(),
        port: broker.map_or(-1, |broker| broker.port.into()),
        ..Coordinator::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;

    #[test]
    fn the_leader_of_the_groups_partition_is_its_coordinator() {
        let mut cluster = TestCluster::new(3);
        // `b` has hash 98, so partition 48, whose leader is the first broker of three.
        let request = FindCoordinatorRequest { key: "b".into(), ..FindCoordinatorRequest::default() };
        for version in 0..=3 {
            let response = cluster.ask_broker(2, version, request.clone());
            assert_eq!((response.error_code, response.node_id), (0, 1), "{version}");
            assert_eq!((&*response.host, response.port), ("broker-1", 9091));
        }
        let keys = ["b", "c", "d"].map(Into::into).into();
        let request = FindCoordinatorRequest { coordinator_keys: keys, ..FindCoordinatorRequest::default() };
        for version in 4..=6 {
            let response = cluster.ask(version, request.clone());
            let nodes: Vec<(&str, i32)> = response.coordinators.iter().map(|c| (&*c.key, c.node_id)).collect();
            assert_eq!(nodes, [("b", 1), ("c", 2), ("d", 1)], "{version}");
        }
        let topic = cluster.engine.topic_snapshot("__consumer_offsets").unwrap();
        assert_eq!((topic.partitions.len(), topic.partitions[0].replicas.len()), (50, 3));
        assert_eq!(topic.config["cleanup.policy"], "compact");
    }

    #[test]
    fn what_nobody_coordinates_is_refused() {
        let mut cluster = TestCluster::new(1);
        let mut check = |version: i16, key_type: i8, expected: ErrorCode| {
            let keys = vec!["k".into()];
            let request = FindCoordinatorRequest { key_type, coordinator_keys: keys, ..Default::default() };
            let row = cluster.ask(version, request).coordinators.remove(0);
            assert_eq!((row.error_code, row.node_id, row.port), (expected.code(), -1, -1));
        };
        check(5, 2, ErrorCode::INVALID_REQUEST);
        check(6, 2, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        check(6, 9, ErrorCode::INVALID_REQUEST);
    }

    #[test]
    fn without_brokers_for_the_replicas_there_is_no_coordinator() {
        let mut cluster = TestCluster::with_config(1, &[("offsets.topic.replication.factor", "3")]);
        let request = FindCoordinatorRequest { key: "g".into(), ..FindCoordinatorRequest::default() };
        let response = cluster.ask(3, request);
        assert_eq!(response.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE.code());
        assert_eq!(response.error_message.as_deref(), Some("The coordinator is not available."));
    }
}
