//! `LeaveGroup` (key 13): take members out of a group at once.
//!
//! * Needs `READ` on the group.
//! * Errors for all: `INVALID_GROUP_ID`, `NOT_COORDINATOR`. Errors per member: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`;
//!   before version 3, which has one member, that is the error of the whole.
//! * A static member may be named by its instance id alone.
//! * Source: KIP-345, KIP-800, `GroupMetadataManager.classicGroupLeave`,
//!   <https://kafka.apache.org/protocol#The_Messages_LeaveGroup>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::leave_group::LeaveGroupResponse;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::leave_group::MemberResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: LeaveGroupRequest,
) -> Outcome<LeaveGroupResponse> {
    let members = if ctx.api_version >= 3 {
        request.members
    } else {
        vec![MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() }]
    };
    let results = match leave(state, ctx, &request.group_id, &members) {
        Ok(results) => results,
        Err(code) => {
            return Outcome::Reply(LeaveGroupResponse { error_code: code.code(), ..LeaveGroupResponse::default() });
        }
    };
    if ctx.api_version < 3 {
        let error_code = results.first().map_or(0, |result| ErrorCode::of(result).code());
        return Outcome::Reply(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() });
    }
    let members = members.into_iter().zip(results).map(|(member, result)| MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: ErrorCode::of(&result).code(),
        ..MemberResponse::default()
    });
    Outcome::Reply(LeaveGroupResponse { members: members.collect(), ..LeaveGroupResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &LeaveGroupRequest, code: ErrorCode) -> LeaveGroupResponse {
    let members = request.members.iter().map(|member| MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: code.code(),
        ..MemberResponse::default()
    });
    LeaveGroupResponse { error_code: code.code(), members: members.collect(), ..LeaveGroupResponse::default() }
}

fn leave(
    state: &mut State,
    ctx: &RequestContext,
    group: &str,
    members: &[MemberIdentity],
) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
    if group.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let (coordinator, at) = state.group_coordinator(ctx, group)?;
    let (decision, results) = coordinator.leave(&at, group, members);
    state.carry_out(ctx.now, group, decision);
    Ok(results)
}
