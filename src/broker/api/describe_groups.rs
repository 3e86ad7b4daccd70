//! `DescribeGroups` (key 15): show groups with their members.
//!
//! * Needs `DESCRIBE` on each group.
//! * Errors per group: `NOT_COORDINATOR`; from version 6 on `GROUP_ID_NOT_FOUND`, before that a group that does not
//!   exist is `Dead`.
//! * Subscriptions and the protocol are shown while the group is stable only, as Kafka does.
//! * Source: KIP-345, KIP-430, KIP-1043, `GroupMetadataManager.describeGroups`,
//!   <https://kafka.apache.org/protocol#The_Messages_DescribeGroups>.

use crate::base::ErrorCode;
use crate::broker::authorized;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::ClassicGroup;
use crate::coordinator::GroupState;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsResponse;
use crate::wire::messages::describe_groups::DescribedGroup;
use crate::wire::messages::describe_groups::DescribedGroupMember;
use bytes::Bytes;
use bytestring::ByteString;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: DescribeGroupsRequest,
) -> Outcome<DescribeGroupsResponse> {
    let asked = ctx.api_version >= 3 && request.include_authorized_operations;
    let groups = request.groups.into_iter().map(|id| {
        let mut row = match state.group_coordinator(ctx, &id) {
            Err(code) => refusal(id, code, None),
            Ok((coordinator, _)) => match coordinator.group(&id) {
                Some(group) => describe(id, group),
                None if ctx.api_version >= 6 => {
                    let message = format!("Group {id} not found.");
                    DescribedGroup {
                        group_state: "Dead".into(),
                        ..refusal(id, ErrorCode::GROUP_ID_NOT_FOUND, Some(message))
                    }
                }
                None => DescribedGroup { group_state: "Dead".into(), ..refusal(id, ErrorCode::NONE, None) },
            },
        };
        if asked && row.error_code == 0 {
            row.authorized_operations = authorized::ON_GROUP;
        }
        row
    });
    let groups = groups.collect();
    Outcome::Reply(DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeGroupsRequest, code: ErrorCode) -> DescribeGroupsResponse {
    let rows = request.groups.iter().map(|id| refusal(id.clone(), code, None));
    DescribeGroupsResponse { groups: rows.collect(), ..DescribeGroupsResponse::default() }
}

fn refusal(group_id: ByteString, code: ErrorCode, message: Option<String>) -> DescribedGroup {
    DescribedGroup {
        group_id,
        error_code: code.code(),
        error_message: message.map(ByteString::from),
        ..DescribedGroup::default()
    }
}

fn describe(group_id: ByteString, group: &ClassicGroup) -> DescribedGroup {
    let protocol = group.protocol_name().filter(|_| group.state() == GroupState::Stable);
    let members = group.members().map(|(id, member)| DescribedGroupMember {
        member_id: id.into(),
        group_instance_id: member.instance_id.as_deref().map(ByteString::from),
        client_id: (*member.client.client_id).into(),
        client_host: (*member.client.host).into(),
        member_metadata: protocol.map(|protocol| member.metadata(protocol)).unwrap_or_default(),
        member_assignment: if protocol.is_some() { member.assignment.clone() } else { Bytes::new() },
        ..DescribedGroupMember::default()
    });
    DescribedGroup {
        group_id,
        group_state: group.state().name().into(),
        protocol_type: group.protocol_type().into(),
        protocol_data: protocol.unwrap_or_default().into(),
        members: members.collect(),
        ..DescribedGroup::default()
    }
}
