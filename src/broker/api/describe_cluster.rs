//! `DescribeCluster` (key 60): tell which brokers there are.
//!
//! * Needs nothing; `DESCRIBE` on the cluster to see what else is allowed.
//! * Errors: `UNSUPPORTED_ENDPOINT_TYPE`, `MISMATCHED_ENDPOINT_TYPE` (the controllers, asked of a broker).
//! * Differs: the controller is always the broker with the lowest id; Kafka names any broker.
//! * Source: KIP-700, KIP-919, KIP-1073, <https://kafka.apache.org/protocol#The_Messages_DescribeCluster>.

use crate::base::ErrorCode;
use crate::broker::authorized;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::describe_cluster::DescribeClusterBroker;
use crate::wire::messages::describe_cluster::DescribeClusterRequest;
use crate::wire::messages::describe_cluster::DescribeClusterResponse;
use bytestring::ByteString;

/// The numbers of endpoint types.
const BROKER: i8 = 1;
const CONTROLLER: i8 = 2;

pub(super) fn handle(
    state: &State,
    _ctx: &RequestContext,
    request: DescribeClusterRequest,
) -> Outcome<DescribeClusterResponse> {
    let refuse = |code: ErrorCode, message: String| {
        Outcome::Reply(DescribeClusterResponse {
            error_code: code.code(),
            error_message: Some(message.into()),
            ..DescribeClusterResponse::default()
        })
    };
    match request.endpoint_type {
        BROKER => {}
        CONTROLLER => {
            let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type \
                           CONTROLLER";
            return refuse(ErrorCode::MISMATCHED_ENDPOINT_TYPE, message.to_owned());
        }
        other => return refuse(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("Unsupported endpoint type {other}")),
    }
    let asked = request.include_cluster_authorized_operations;
    let fenced_too = request.include_fenced_brokers;
    let shown = state.brokers.iter().filter(|broker| fenced_too || state.brokers.is_active(broker.id));
    let brokers = shown.map(|broker| DescribeClusterBroker {
        is_fenced: state.brokers.is_fenced(broker.id),
        broker_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(ByteString::from),
        ..DescribeClusterBroker::default()
    });
    Outcome::Reply(DescribeClusterResponse {
        cluster_id: state.cluster_id.as_str().into(),
        controller_id: state.brokers.controller().0,
        brokers: brokers.collect(),
        cluster_authorized_operations: if asked { authorized::ON_CLUSTER } else { authorized::NOT_ASKED },
        ..DescribeClusterResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &DescribeClusterRequest, code: ErrorCode) -> DescribeClusterResponse {
    DescribeClusterResponse { error_code: code.code(), ..DescribeClusterResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;

    #[test]
    fn every_broker_and_version_names_all_brokers() {
        let mut cluster = TestCluster::new(3);
        let cluster_id = cluster.engine.state.cluster_id.clone();
        for version in 0..=2 {
            let response = cluster.ask_broker(2, version, DescribeClusterRequest::default());
            assert_eq!((response.error_code, response.error_message.as_deref()), (0, None));
            assert_eq!((&*response.cluster_id, response.controller_id), (&*cluster_id, 1));
            assert_eq!(response.cluster_authorized_operations, i32::MIN);
            let brokers: Vec<_> = response.brokers.iter().map(|row| (row.broker_id, &*row.host, row.port)).collect();
            assert_eq!(brokers, [(1, "broker-1", 9091), (2, "broker-2", 9092), (3, "broker-3", 9093)]);
            assert!(response.brokers.iter().all(|broker| broker.rack.is_none() && !broker.is_fenced));
        }
    }

    #[test]
    fn everybody_may_do_everything() {
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations: true, ..DescribeClusterRequest::default() };
        assert_eq!(TestCluster::new(1).ask(2, request).cluster_authorized_operations, 8096);
    }

    #[test]
    fn only_brokers_are_found_at_a_broker() {
        let mut cluster = TestCluster::new(1);
        let mut check = |endpoint_type: i8, code: ErrorCode, message: &str| {
            let request = DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() };
            let response = cluster.ask(2, request);
            assert_eq!((response.error_code, response.error_message.as_deref()), (code.code(), Some(message)));
            assert_eq!((response.brokers.len(), response.controller_id, &*response.cluster_id), (0, -1, ""));
        };
        check(
            2,
            ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        );
        check(0, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 0");
        check(-3, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type -3");
    }
}
