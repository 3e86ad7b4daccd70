//! `UnregisterBroker` (key 64): forget a broker that will not come back.
//!
//! * Needs `ALTER` on the cluster.
//! * Errors: `BROKER_ID_NOT_REGISTERED`.
//! * Partitions that are assigned to the broker keep naming it, as offline; it leads nothing and is in no ISR but as
//!   the last member.
//! * Source: KIP-185, `ReplicationControlManager.unregisterBroker`,
//!   <https://kafka.apache.org/protocol#The_Messages_UnregisterBroker>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::unregister_broker::UnregisterBrokerRequest;
use crate::wire::messages::unregister_broker::UnregisterBrokerResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: UnregisterBrokerRequest,
) -> Outcome<UnregisterBrokerResponse> {
    let id = BrokerId(request.broker_id);
    if state.brokers.get(id).is_none() {
        let message = format!("Broker ID {id} is not currently registered");
        return Outcome::Reply(UnregisterBrokerResponse {
            error_message: Some(message.into()),
            ..refuse(&request, ErrorCode::BROKER_ID_NOT_REGISTERED)
        });
    }
    state.fence(ctx.now, id);
    state.unregister_broker(id);
    state.after_change(ctx.now);
    Outcome::Reply(UnregisterBrokerResponse::default())
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &UnregisterBrokerRequest, code: ErrorCode) -> UnregisterBrokerResponse {
    UnregisterBrokerResponse { error_code: code.code(), ..UnregisterBrokerResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerAction;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::metadata::MetadataRequest;

    #[test]
    fn a_broker_that_is_forgotten_is_offline_wherever_it_is_named() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 3);
        cluster.broker(1, BrokerAction::Crash);
        let asked = |broker_id| UnregisterBrokerRequest { broker_id, ..UnregisterBrokerRequest::default() };
        let response = cluster.ask_broker(2, 0, asked(1));
        assert_eq!((response.error_code, response.error_message), (0, None));
        let response = cluster.ask_broker(2, 12, MetadataRequest::default());
        assert_eq!(response.brokers.iter().map(|row| row.node_id).collect::<Vec<_>>(), [2, 3]);
        let row = &response.topics[0].partitions[0];
        assert_eq!((row.leader_id, &row.offline_replicas[..], &row.isr_nodes[..]), (2, &[1][..], &[2, 3][..]));
        let response = cluster.ask_broker(2, 0, asked(1));
        assert_eq!(response.error_code, ErrorCode::BROKER_ID_NOT_REGISTERED.code());
        assert_eq!(response.error_message.as_deref(), Some("Broker ID 1 is not currently registered"));
    }
}
