//! `ListGroups` (key 16): list the groups that a broker coordinates.
//!
//! * Needs `DESCRIBE` on the cluster, or on each group.
//! * Errors: `COORDINATOR_LOAD_IN_PROGRESS`.
//! * Filters are read in any case of letters; a state or type that does not exist fits no group.
//! * Source: KIP-518, KIP-848, `GroupMetadataManager.listGroups`,
//!   <https://kafka.apache.org/protocol#The_Messages_ListGroups>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::list_groups::ListGroupsResponse;
use crate::wire::messages::list_groups::ListedGroup;
use bytestring::ByteString;

const CLASSIC: &str = "Classic";
const CONSUMER: &str = "Consumer";

pub(super) fn handle(state: &State, ctx: &RequestContext, request: ListGroupsRequest) -> Outcome<ListGroupsResponse> {
    let fits = |filter: &[ByteString], name: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let coordinators = match state.coordinators_of(ctx.broker) {
        Ok(coordinators) => coordinators,
        Err(code) => {
            return Outcome::Reply(ListGroupsResponse { error_code: code.code(), ..ListGroupsResponse::default() });
        }
    };
    let coordinators: Vec<_> = coordinators.collect();
    let consumers = coordinators.iter().flat_map(|coordinator| coordinator.consumer_groups());
    let consumers = consumers
        .map(|(id, group)| (id, group, group.state().name()))
        .filter(|(_, _, state)| fits(&request.states_filter, state))
        .filter(|_| fits(&request.types_filter, CONSUMER))
        .map(|(id, _, state)| ListedGroup {
            group_id: id.into(),
            protocol_type: "consumer".into(),
            group_state: state.into(),
            group_type: CONSUMER.into(),
            ..ListedGroup::default()
        });
    let groups = coordinators
        .iter()
        .flat_map(|coordinator| coordinator.groups())
        .filter(|(_, group)| fits(&request.states_filter, group.state().name()))
        .filter(|_| fits(&request.types_filter, CLASSIC))
        .map(|(id, group)| ListedGroup {
            group_id: id.into(),
            protocol_type: group.protocol_type().into(),
            group_state: group.state().name().into(),
            group_type: CLASSIC.into(),
            ..ListedGroup::default()
        });
    Outcome::Reply(ListGroupsResponse { groups: groups.chain(consumers).collect(), ..ListGroupsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &ListGroupsRequest, code: ErrorCode) -> ListGroupsResponse {
    ListGroupsResponse { error_code: code.code(), ..ListGroupsResponse::default() }
}
