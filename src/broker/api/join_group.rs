//! `JoinGroup` (key 11): become, or stay, a member of a group.
//!
//! * Needs `READ` on the group.
//! * Errors, in Kafka's order: `INVALID_GROUP_ID`, `INVALID_SESSION_TIMEOUT`, `NOT_COORDINATOR`, `UNKNOWN_MEMBER_ID` (an
//!   id in a group that does not exist), `GROUP_MAX_SIZE_REACHED`, `INCONSISTENT_GROUP_PROTOCOL`, `MEMBER_ID_REQUIRED`
//!   (from version 4 on, for those who have no id and are not static), `FENCED_INSTANCE_ID`, `UNKNOWN_MEMBER_ID`.
//! * Answered when everybody has joined or the rebalance time-out is over.
//! * Differs: where a member joins on two connections at once, the first request gets `UNKNOWN_MEMBER_ID`; Kafka leaves
//!   it without an answer.
//! * Source: KIP-345, KIP-394, KIP-559, KIP-814, `GroupMetadataManager.classicGroupJoin`,
//!   <https://kafka.apache.org/protocol#The_Messages_JoinGroup>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::ClientIdentity;
use crate::coordinator::Joining;
use crate::coordinator::Reply;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupResponse;
use bytestring::ByteString;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    mut request: JoinGroupRequest,
) -> Outcome<JoinGroupResponse> {
    if ctx.api_version == 0 {
        request.rebalance_timeout_ms = request.session_timeout_ms;
    }
    let outcome = match check(state, ctx, &request) {
        Ok(()) => join(state, ctx, &request),
        Err(code) => Outcome::Reply(JoinGroupResponse {
            error_code: code.code(),
            member_id: request.member_id,
            ..JoinGroupResponse::default()
        }),
    };
    if ctx.api_version < 7 { outcome.map(with_protocol_name) } else { outcome }
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &JoinGroupRequest, code: ErrorCode) -> JoinGroupResponse {
    let member_id = request.member_id.clone();
    // Before version 7 the protocol's name cannot be null.
    let protocol_name = Some(ByteString::new());
    JoinGroupResponse { error_code: code.code(), member_id, protocol_name, ..JoinGroupResponse::default() }
}

fn check(state: &mut State, ctx: &RequestContext, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let config = state.broker_config(ctx.broker);
    let legal = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
    if !legal.contains(&request.session_timeout_ms) {
        return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
    }
    state.group_coordinator(ctx, &request.group_id).map(drop)
}

fn join(state: &mut State, ctx: &RequestContext, request: &JoinGroupRequest) -> Outcome<JoinGroupResponse> {
    let ticket = state.new_ticket();
    let client_id = ctx.client_id.as_deref().unwrap_or_default().into();
    let joining = Joining {
        request,
        ticket,
        client: ClientIdentity { client_id, host: ctx.host.clone() },
        api_version: ctx.api_version,
        uuid: state.new_member_uuid(),
    };
    if let Ok((coordinator, at)) = state.group_coordinator(ctx, &request.group_id) {
        let decision = coordinator.join(&at, &joining);
        state.carry_out(ctx.now, &request.group_id, decision);
    }
    state.await_reply(ticket, |reply| match reply {
        Reply::Join(response) => Some(response),
        _ => None,
    })
}

/// Before version 7 it cannot be null.
fn with_protocol_name(mut response: JoinGroupResponse) -> JoinGroupResponse {
    response.protocol_name.get_or_insert_default();
    response
}
