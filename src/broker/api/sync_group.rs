//! `SyncGroup` (key 14): the leader hands in the assignment, everybody gets theirs.
//!
//! * Needs `READ` on the group.
//! * Errors, in Kafka's order: `INCONSISTENT_GROUP_PROTOCOL` (from version 5 on, type and name must be there),
//!   `INVALID_GROUP_ID`, `NOT_COORDINATOR`, `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`,
//!   `INCONSISTENT_GROUP_PROTOCOL`, `REBALANCE_IN_PROGRESS`.
//! * Answered when the leader has handed in the assignment and it is in the log.
//! * Source: KIP-559, `GroupMetadataManager.classicGroupSync`,
//!   <https://kafka.apache.org/protocol#The_Messages_SyncGroup>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Reply;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupResponse;

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: SyncGroupRequest) -> Outcome<SyncGroupResponse> {
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if ctx.api_version >= 5 && !names_protocol {
        return Outcome::Reply(refuse(&request, ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
    }
    if request.group_id.is_empty() {
        return Outcome::Reply(refuse(&request, ErrorCode::INVALID_GROUP_ID));
    }
    let ticket = state.new_ticket();
    let decision = match state.group_coordinator(ctx, &request.group_id) {
        Ok((coordinator, at)) => coordinator.sync(&at, &request, ticket),
        Err(code) => return Outcome::Reply(refuse(&request, code)),
    };
    state.carry_out(ctx.now, &request.group_id, decision);
    state.await_reply(ticket, |reply| match reply {
        Reply::Sync(response) => Some(response),
        _ => None,
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &SyncGroupRequest, code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() }
}
