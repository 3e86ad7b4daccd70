//! `ConsumerGroupHeartbeat` (key 68): join a consumer group of KIP-848, stay in it, learn what is one's own, leave it.
//!
//! * Needs `READ` on the group and `DESCRIBE` on the topics that are named.
//! * Errors, in Kafka's order: `INVALID_REQUEST`, `UNSUPPORTED_ASSIGNOR`, `NOT_COORDINATOR`,
//!   `COORDINATOR_LOAD_IN_PROGRESS`, `GROUP_ID_NOT_FOUND`, `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`,
//!   `UNRELEASED_INSTANCE_ID`, `FENCED_INSTANCE_ID`, `FENCED_MEMBER_EPOCH`, `INVALID_REGULAR_EXPRESSION`.
//! * Before version 1 the coordinator makes the member's id.
//! * Differs: the words of error messages are our own; regular expressions have no Unicode classes.
//! * Source: KIP-848, KIP-1082, `GroupCoordinatorService.consumerGroupHeartbeat`,
//!   <https://kafka.apache.org/protocol#The_Messages_ConsumerGroupHeartbeat>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::Assignor;
use crate::coordinator::ClientIdentity;
use crate::coordinator::Decision;
use crate::coordinator::Heartbeat;
use crate::coordinator::Refused;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: ConsumerGroupHeartbeatRequest,
) -> Outcome<ConsumerGroupHeartbeatResponse> {
    Outcome::Reply(heartbeat(state, ctx, &request).unwrap_or_else(|refused| ConsumerGroupHeartbeatResponse {
        error_code: refused.code.code(),
        error_message: Some(refused.message).filter(|message| !message.is_empty()).map(Into::into),
        ..ConsumerGroupHeartbeatResponse::default()
    }))
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &ConsumerGroupHeartbeatRequest, code: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse { error_code: code.code(), ..ConsumerGroupHeartbeatResponse::default() }
}

fn heartbeat(
    state: &mut State,
    ctx: &RequestContext,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, Refused> {
    check(state, ctx, request)?;
    let group = &*request.group_id;
    // Only who asks for an id uses up one.
    let member_id = match &*request.member_id {
        "" => state.new_member_id(),
        id => id.to_owned(),
    };
    let client_id = ctx.client_id.as_deref().unwrap_or_default().into();
    let client = ClientIdentity { client_id, host: ctx.host.clone() };
    let (coordinator, at) = state.group_coordinator(ctx, group)?;
    let beat = Heartbeat { request, member_id: &member_id, client };
    let (decision, response) = coordinator.consumer_group_heartbeat(&at, &beat)?;
    let written = state.write_group_records(ctx.now, group, &decision.records);
    // What others are told does not depend on it.
    let then = decision.then.filter(|_| written.is_ok());
    state.carry_out(ctx.now, group, Decision { records: Vec::new(), effects: decision.effects, then });
    written?;
    Ok(response)
}

/// Checks what can be seen without the group.
fn check(state: &State, ctx: &RequestContext, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    let invalid = |message: &str| Err(Refused::new(ErrorCode::INVALID_REQUEST, message));
    let epoch = request.member_epoch;
    let is_blank = |text: &str| text.trim().is_empty();
    if (ctx.api_version >= 1 || epoch > 0 || epoch == -1) && is_blank(&request.member_id) {
        return invalid("The member id is empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("The group id is empty.");
    }
    if request.instance_id.as_deref().is_some_and(is_blank) {
        return invalid("The instance id is empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("The rack id is empty.");
    }
    match epoch {
        0 if request.rebalance_timeout_ms == -1 => return invalid("A member that joins has a rebalance time-out."),
        0 if request.topic_partitions.as_ref().is_none_or(|rows| !rows.is_empty()) => {
            return invalid("A member that joins owns no partitions.");
        }
        0 if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() => {
            return invalid("A member that joins subscribes to topics, by name or by regular expression.");
        }
        -2 if request.instance_id.is_none() => return invalid("Only a member with an instance id leaves for a while."),
        ..=-3 => return invalid("There is no such member epoch."),
        _ => {}
    }
    let known = &state.broker_config(ctx.broker).group_consumer_assignors;
    match request.server_assignor.as_deref() {
        Some(name) if !known.iter().any(|known| Assignor::of_name(known).is_some_and(|known| known.name() == name)) => {
            let message = format!("There is no assignor {name}, but {}.", known.join(", "));
            Err(Refused::new(ErrorCode::UNSUPPORTED_ASSIGNOR, &message))
        }
        _ => Ok(()),
    }
}
