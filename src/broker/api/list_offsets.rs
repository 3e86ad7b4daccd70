//! `ListOffsets` (key 2): find offsets, the first, the last, or the first at or after a timestamp.
//!
//! * Needs `DESCRIBE` on each topic.
//! * Errors per partition, in Kafka's order: `INVALID_REQUEST` (a partition twice), `UNSUPPORTED_VERSION` (a
//!   sentinel that the version does not know), `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`,
//!   `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`.
//! * Nothing is tiered here: -4 and -6 answer as -2 does, -5 finds nothing.
//! * Source: KIP-79, KIP-207, KIP-405, KIP-734, KIP-1005, KIP-1023,
//!   <https://kafka.apache.org/protocol#The_Messages_ListOffsets>.

use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::log::Isolation;
use crate::log::OffsetSpec;
use crate::log::TimestampAndOffset;
use crate::wire::messages::list_offsets::ListOffsetsPartition;
use crate::wire::messages::list_offsets::ListOffsetsPartitionResponse;
use crate::wire::messages::list_offsets::ListOffsetsRequest;
use crate::wire::messages::list_offsets::ListOffsetsResponse;
use crate::wire::messages::list_offsets::ListOffsetsTopicResponse;
use std::collections::BTreeSet;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: ListOffsetsRequest,
) -> Outcome<ListOffsetsResponse> {
    let isolation = match (request.replica_id, request.isolation_level) {
        (0.., _) => Isolation::LogEnd,
        (_, 1) => Isolation::ReadCommitted,
        _ => Isolation::ReadUncommitted,
    };
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        for asked in &topic.partitions {
            let partition = (topic.name.clone(), asked.partition_index);
            if !seen.insert(partition.clone()) {
                twice.insert(partition);
            }
        }
    }
    let topics = request.topics.into_iter().map(|topic| {
        let rows = topic.partitions.iter().map(|asked| {
            let found = if twice.contains(&(topic.name.clone(), asked.partition_index)) {
                Err(ErrorCode::INVALID_REQUEST)
            } else {
                find(state, ctx, &topic.name, asked, isolation)
            };
            let error_code = ErrorCode::of(&found).code();
            let row = ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code,
                ..ListOffsetsPartitionResponse::default()
            };
            match found {
                Ok(Some(found)) => ListOffsetsPartitionResponse {
                    timestamp: found.timestamp.0,
                    offset: found.offset.0,
                    leader_epoch: found.leader_epoch.0,
                    ..row
                },
                _ => row,
            }
        });
        let partitions = rows.collect();
        ListOffsetsTopicResponse { name: topic.name, partitions, ..ListOffsetsTopicResponse::default() }
    });
    let topics = topics.collect();
    Outcome::Reply(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
}

fn find(
    state: &State,
    ctx: &RequestContext,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<Option<TimestampAndOffset>, ErrorCode> {
    let spec = OffsetSpec::from_wire(asked.timestamp).ok_or(ErrorCode::UNSUPPORTED_VERSION)?;
    let since = match spec {
        OffsetSpec::Timestamp(_) | OffsetSpec::Latest | OffsetSpec::Earliest => 1,
        OffsetSpec::MaxTimestamp => 7,
        OffsetSpec::EarliestLocal => 8,
        OffsetSpec::LatestTiered => 9,
        OffsetSpec::EarliestPendingUpload => 11,
    };
    if ctx.api_version < since {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let topic = state.topic_by_either(topic, crate::base::Uuid::ZERO, false)?;
    let log = state.partition_hosted_by(topic, PartitionIndex(asked.partition_index), ctx.broker)?;
    log.check_leader(ctx.broker, LeaderEpoch(asked.current_leader_epoch))?;
    Ok(log.list_offset(spec, isolation))
}
