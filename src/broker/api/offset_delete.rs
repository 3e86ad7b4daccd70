//! `OffsetDelete` (key 47): forget how far a group has read some partitions.
//!
//! * Needs `DELETE` on the group and `READ` on each topic.
//! * Errors for all, in Kafka's order: `INVALID_GROUP_ID`, `NOT_COORDINATOR`, `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`
//!   (active groups that are no consumers). Errors per partition: `UNKNOWN_TOPIC_OR_PARTITION`,
//!   `GROUP_SUBSCRIBED_TO_TOPIC`.
//! * Source: KIP-496, `OffsetMetadataManager.deleteOffsets`,
//!   <https://kafka.apache.org/protocol#The_Messages_OffsetDelete>.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::CoordinatorRecord;
use crate::wire::messages::offset_delete::OffsetDeleteRequest;
use crate::wire::messages::offset_delete::OffsetDeleteResponse;
use crate::wire::messages::offset_delete::OffsetDeleteResponsePartition;
use crate::wire::messages::offset_delete::OffsetDeleteResponseTopic;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: OffsetDeleteRequest,
) -> Outcome<OffsetDeleteResponse> {
    Outcome::Reply(
        delete(state, ctx, request)
            .unwrap_or_else(|code| OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }),
    )
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &OffsetDeleteRequest, code: ErrorCode) -> OffsetDeleteResponse {
    let topics = request.topics.iter().map(|topic| {
        let rows = topic.partitions.iter().map(|row| OffsetDeleteResponsePartition {
            partition_index: row.partition_index,
            error_code: code.code(),
            ..OffsetDeleteResponsePartition::default()
        });
        OffsetDeleteResponseTopic {
            name: topic.name.clone(),
            partitions: rows.collect(),
            ..OffsetDeleteResponseTopic::default()
        }
    });
    OffsetDeleteResponse { error_code: code.code(), topics: topics.collect(), ..OffsetDeleteResponse::default() }
}

fn delete(
    state: &mut State,
    ctx: &RequestContext,
    request: OffsetDeleteRequest,
) -> Result<OffsetDeleteResponse, ErrorCode> {
    let group = &*request.group_id;
    if group.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let (coordinator, _) = state.group_coordinator(ctx, group)?;
    coordinator.check_offset_delete(group)?;
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let partitions = topic.partitions.iter().map(|row| {
            let result = delete_one(state, ctx, group, &topic.name, PartitionIndex(row.partition_index));
            let error_code = ErrorCode::of(&result).code();
            records.extend(result.ok().flatten());
            OffsetDeleteResponsePartition {
                partition_index: row.partition_index,
                error_code,
                ..OffsetDeleteResponsePartition::default()
            }
        });
        let partitions = partitions.collect();
        topics.push(OffsetDeleteResponseTopic { name: topic.name, partitions, ..OffsetDeleteResponseTopic::default() });
    }
    state.write_group_records(ctx.now, group, &records)?;
    Ok(OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() })
}

fn delete_one(
    state: &mut State,
    ctx: &RequestContext,
    group: &str,
    topic: &str,
    partition: PartitionIndex,
) -> Result<Option<CoordinatorRecord>, ErrorCode> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let id = state.topics.get(topic).ok_or(unknown)?.id;
    state.find_partition(id, partition).ok_or(unknown)?;
    let (coordinator, _) = state.group_coordinator(ctx, group)?;
    coordinator.delete_offset(group, topic, partition)
}
