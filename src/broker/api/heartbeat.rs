//! `Heartbeat` (key 12): say that a member lives, and learn whether its group rebalances.
//!
//! * Needs `READ` on the group.
//! * Errors, in Kafka's order: `INVALID_GROUP_ID`, `NOT_COORDINATOR`, `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`,
//!   `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
//! * While the coordinator reads its log, every heartbeat is good.
//! * Source: KIP-345, `GroupMetadataManager.classicGroupHeartbeat`,
//!   <https://kafka.apache.org/protocol#The_Messages_Heartbeat>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::heartbeat::HeartbeatResponse;

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: HeartbeatRequest) -> Outcome<HeartbeatResponse> {
    let result = heartbeat(state, ctx, &request);
    Outcome::Reply(HeartbeatResponse { error_code: ErrorCode::of(&result).code(), ..HeartbeatResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &HeartbeatRequest, code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() }
}

fn heartbeat(state: &mut State, ctx: &RequestContext, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    match state.group_coordinator(ctx, &request.group_id) {
        Ok((coordinator, at)) => coordinator.heartbeat(&at, request),
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => Ok(()),
        Err(code) => Err(code),
    }
}
