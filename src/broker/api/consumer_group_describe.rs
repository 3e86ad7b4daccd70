//! `ConsumerGroupDescribe` (key 69): show consumer groups of KIP-848 with their members.
//!
//! * Needs `DESCRIBE` on each group and on the topics that its members have.
//! * Errors per group, in Kafka's order: `INVALID_GROUP_ID`, `NOT_COORDINATOR`, `COORDINATOR_LOAD_IN_PROGRESS`,
//!   `GROUP_ID_NOT_FOUND` (also for a classic group).
//! * Partitions of topics that are gone are not shown.
//! * Source: KIP-848, KIP-1099, `GroupMetadataManager.consumerGroupDescribe`,
//!   <https://kafka.apache.org/protocol#The_Messages_ConsumerGroupDescribe>.

use crate::base::ErrorCode;
use crate::broker::authorized;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::ConsumerGroup;
use crate::coordinator::ConsumerMember;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::Moment;
use crate::coordinator::Partitions;
use crate::coordinator::Refused;
use crate::coordinator::TopicsImage;
use crate::wire::messages::consumer_group_describe::Assignment;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeResponse;
use crate::wire::messages::consumer_group_describe::DescribedGroup;
use crate::wire::messages::consumer_group_describe::Member;
use crate::wire::messages::consumer_group_describe::TopicPartitions;
use bytestring::ByteString;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: ConsumerGroupDescribeRequest,
) -> Outcome<ConsumerGroupDescribeResponse> {
    let asked = request.include_authorized_operations;
    let groups = request.group_ids.into_iter().map(|id| match find(state, ctx, &id) {
        Ok((group, at)) => {
            let authorized_operations = if asked { authorized::ON_GROUP } else { i32::MIN };
            DescribedGroup { authorized_operations, ..describe(id, group, &at) }
        }
        Err(refused) => DescribedGroup {
            group_id: id,
            error_code: refused.code.code(),
            error_message: Some(refused.message).filter(|message| !message.is_empty()).map(Into::into),
            ..DescribedGroup::default()
        },
    });
    let groups = groups.collect();
    Outcome::Reply(ConsumerGroupDescribeResponse { groups, ..ConsumerGroupDescribeResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &ConsumerGroupDescribeRequest, code: ErrorCode) -> ConsumerGroupDescribeResponse {
    let groups = request.group_ids.iter().map(|id| DescribedGroup {
        group_id: id.clone(),
        error_code: code.code(),
        ..DescribedGroup::default()
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..ConsumerGroupDescribeResponse::default() }
}

fn find<'a>(state: &'a mut State, ctx: &RequestContext, id: &str) -> Result<(&'a ConsumerGroup, Moment<'a>), Refused> {
    if id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID.into());
    }
    let (coordinator, at) = state.group_coordinator(ctx, id)?;
    let message = match coordinator.group(id) {
        Some(_) => format!("Group {id} is not a consumer group."),
        None => format!("Group {id} not found."),
    };
    let group = coordinator.consumer_group(id);
    Ok((group.ok_or_else(|| Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, &message))?, at))
}

fn describe(group_id: ByteString, group: &ConsumerGroup, at: &Moment<'_>) -> DescribedGroup {
    DescribedGroup {
        group_id,
        group_state: group.state().name().into(),
        group_epoch: group.epoch(),
        assignment_epoch: group.target_epoch(),
        assignor_name: GroupCoordinator::assignor_of(group, at.config).name().into(),
        members: group.members().map(|member| describe_member(group, member, at.topics)).collect(),
        ..DescribedGroup::default()
    }
}

fn describe_member(group: &ConsumerGroup, member: &ConsumerMember, topics: &TopicsImage) -> Member {
    let optional = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(ByteString::from);
    Member {
        member_id: (*member.id).into(),
        instance_id: optional(&member.instance_id),
        rack_id: optional(&member.rack_id),
        member_epoch: member.epoch,
        client_id: (*member.client.client_id).into(),
        client_host: (*member.client.host).into(),
        subscribed_topic_names: member.topics.iter().map(|name| (**name).into()).collect(),
        subscribed_topic_regex: Some((*member.regex).into()),
        assignment: to_assignment(&member.assigned, topics),
        target_assignment: to_assignment(&group.target(&member.id), topics),
        member_type: i8::from(member.classic.is_none()),
        ..Member::default()
    }
}

fn to_assignment(partitions: &Partitions, topics: &TopicsImage) -> Assignment {
    let rows = partitions.iter().filter_map(|(topic_id, indexes)| {
        Some(TopicPartitions {
            topic_id: *topic_id,
            topic_name: (**topics.name(*topic_id)?).into(),
            partitions: indexes.iter().map(|index| index.0).collect(),
            ..TopicPartitions::default()
        })
    });
    Assignment { topic_partitions: rows.collect(), ..Assignment::default() }
}
