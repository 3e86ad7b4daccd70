//! `OffsetCommit` (key 8): store how far a group has read.
//!
//! * Needs `READ` on the group and on each topic.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`; then for all others at
//!   once `NOT_COORDINATOR`, `GROUP_ID_NOT_FOUND` (from version 9 on) or `ILLEGAL_GENERATION` for a group that does not
//!   exist, `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`; then
//!   `OFFSET_METADATA_TOO_LARGE`, and for what is left the error of the append.
//! * Without a generation it creates a group with nobody in it, or commits for one.
//! * The offset itself is not looked at: negative and far ones are kept as they come, as Kafka does.
//! * Differs: version 0, which Kafka kept in ZooKeeper, is kept like the others; the answer does not wait for followers,
//!   which copy at once.
//! * Source: KIP-211, KIP-516, KIP-848, `OffsetMetadataManager.commitOffset`,
//!   <https://kafka.apache.org/protocol#The_Messages_OffsetCommit>.

use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::OffsetAndMetadata;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitResponse;
use crate::wire::messages::offset_commit::OffsetCommitResponsePartition;
use crate::wire::messages::offset_commit::OffsetCommitResponseTopic;
use std::time::Duration;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    mut request: OffsetCommitRequest,
) -> Outcome<OffsetCommitResponse> {
    let topics = std::mem::take(&mut request.topics);
    let mut records = Vec::new();
    // Where the rows are whose fate is that of the whole commit.
    let mut accepted = Vec::new();
    let mut checked: Option<Result<(), ErrorCode>> = None;
    let mut rows = Vec::with_capacity(topics.len());
    for topic in topics {
        let by_id = ctx.api_version >= 10;
        let found = state.topic_by_either(&topic.name, topic.topic_id, by_id).map(|id| {
            let name = state.topics.by_id(id).map(|topic| topic.name.to_string()).unwrap_or_default();
            (id, name)
        });
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let index = PartitionIndex(partition.partition_index);
            let result = found.as_ref().map_err(|code| *code).and_then(|(id, name)| {
                state.find_partition(*id, index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                (*checked.get_or_insert_with(|| check_group(state, ctx, &request)))?;
                if partition.committed_metadata.as_ref().is_some_and(|text| text.len() > metadata_max(state, ctx)) {
                    return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
                }
                accepted.push((rows.len(), partitions.len()));
                records.push(record(ctx, &request, name, *id, &partition));
                Ok(())
            });
            partitions.push(OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: ErrorCode::of(&result).code(),
                ..OffsetCommitResponsePartition::default()
            });
        }
        rows.push(OffsetCommitResponseTopic {
            name: topic.name,
            topic_id: topic.topic_id,
            partitions,
            ..OffsetCommitResponseTopic::default()
        });
    }
    if let Err(code) = state.write_group_records(ctx.now, &request.group_id, &records) {
        for (topic, partition) in accepted {
            rows[topic].partitions[partition].error_code = code.code();
        }
    }
    Outcome::Reply(OffsetCommitResponse { topics: rows, ..OffsetCommitResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let rows = topic.partitions.iter().map(|row| OffsetCommitResponsePartition {
            partition_index: row.partition_index,
            error_code: code.code(),
            ..OffsetCommitResponsePartition::default()
        });
        OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: rows.collect(),
            ..OffsetCommitResponseTopic::default()
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }
}

fn check_group(state: &mut State, ctx: &RequestContext, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
    let (coordinator, at) = state.group_coordinator(ctx, &request.group_id)?;
    coordinator.check_offset_commit(
        &at,
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id_or_member_epoch,
        ctx.api_version,
    )
}

fn metadata_max(state: &State, ctx: &RequestContext) -> usize {
    state.broker_config(ctx.broker).offset_metadata_max_bytes
}

fn record(
    ctx: &RequestContext,
    request: &OffsetCommitRequest,
    topic: &str,
    topic_id: Uuid,
    partition: &OffsetCommitRequestPartition,
) -> CoordinatorRecord {
    let expires = u64::try_from(request.retention_time_ms).ok();
    let offset = OffsetAndMetadata {
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
        commit_timestamp: ctx.timestamp,
        expire_timestamp: expires.map_or(Timestamp::NONE, |ms| ctx.timestamp.plus(Duration::from_millis(ms))),
        topic_id,
    };
    CoordinatorRecord::Offset {
        group: request.group_id.to_string(),
        topic: topic.to_owned(),
        partition: PartitionIndex(partition.partition_index),
        value: Some(offset.to_value()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Instant;
    use crate::broker::api::testing::START_TIME;
    use crate::broker::api::testing::TestCluster;
    use crate::coordinator::CoordinatorRecord;
    use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
    use crate::wire::messages::offset_fetch::OffsetFetchRequest;
    use crate::wire::messages::offset_fetch::OffsetFetchRequestTopic;

    fn commit(topic: &str, partition_index: i32, committed_offset: i64) -> OffsetCommitRequest {
        let partition = OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_metadata: Some("m".into()),
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
        OffsetCommitRequest { group_id: "g".into(), topics: vec![topic], ..OffsetCommitRequest::default() }
    }

    fn code(response: &OffsetCommitResponse) -> ErrorCode {
        ErrorCode::new(response.topics[0].partitions[0].error_code)
    }

    fn committed(cluster: &mut TestCluster, topic: &str, partition: i32) -> (i64, i32, String) {
        let topic =
            OffsetFetchRequestTopic { name: topic.into(), partition_indexes: vec![partition], ..Default::default() };
        let request = OffsetFetchRequest { group_id: "g".into(), topics: Some(vec![topic]), ..Default::default() };
        let row = cluster.ask(5, request).topics.remove(0).partitions.remove(0);
        (row.committed_offset, row.committed_leader_epoch, row.metadata.unwrap().to_string())
    }

    #[test]
    fn every_version_stores_an_offset_without_a_group() {
        let mut cluster = TestCluster::new(1).topic("t", 2, 1);
        cluster.coordinator("g");
        let id = cluster.engine.state.topics.get("t").unwrap().id;
        for version in 0..=10_i16 {
            let mut request = commit("t", 1, version.into());
            if version >= 6 {
                request.topics[0].partitions[0].committed_leader_epoch = 3;
            }
            if version >= 10 {
                request.topics[0].name = "".into();
                request.topics[0].topic_id = id;
            }
            assert_eq!(code(&cluster.ask(version, request)), ErrorCode::NONE, "{version}");
            let epoch = if version >= 6 { 3 } else { -1 };
            assert_eq!(committed(&mut cluster, "t", 1), (version.into(), epoch, "m".to_owned()), "{version}");
        }
        assert_eq!(committed(&mut cluster, "t", 0), (-1, -1, String::new()));
    }

    #[test]
    fn errors_come_in_kafkas_order() {
        let mut cluster = TestCluster::with_config(2, &[("offset.metadata.max.bytes", "2")]).topic("t", 1, 1);
        let home = cluster.coordinator("g");
        let mut check = |what: &str, broker: i32, version: i16, expected: ErrorCode| {
            let mut request = commit("t", 0, 1);
            match what {
                "topic" => request.topics[0].name = "u".into(),
                "partition" => request.topics[0].partitions[0].partition_index = 1,
                "generation" => request.generation_id_or_member_epoch = 0,
                "metadata" => request.topics[0].partitions[0].committed_metadata = Some("mmm".into()),
                _ => {}
            }
            assert_eq!(code(&cluster.ask_broker(broker, version, request)), expected, "{what} {version}");
        };
        let other = 3 - home;
        check("topic", other, 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check("id", other, 10, ErrorCode::UNKNOWN_TOPIC_ID);
        check("partition", other, 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check("metadata", other, 9, ErrorCode::NOT_COORDINATOR);
        check("generation", home, 8, ErrorCode::ILLEGAL_GENERATION);
        check("generation", home, 9, ErrorCode::GROUP_ID_NOT_FOUND);
        check("metadata", home, 9, ErrorCode::OFFSET_METADATA_TOO_LARGE);
        check("", home, 9, ErrorCode::NONE);
        // Now there is a group, with nobody in it.
        check("generation", home, 9, ErrorCode::UNKNOWN_MEMBER_ID);
    }

    #[test]
    fn without_enough_replicas_nothing_changes() {
        let mut cluster = TestCluster::new(2).topic("t", 1, 1);
        let home = cluster.coordinator("g");
        assert_eq!(code(&cluster.ask_broker(home, 2, commit("t", 0, 5))), ErrorCode::NONE);
        let config = [("min.insync.replicas".to_owned(), "2".to_owned())].into();
        cluster.engine.state.set_topic_config("__consumer_offsets", config);
        cluster.broker(3 - home, crate::base::BrokerAction::Shutdown);
        assert_eq!(code(&cluster.ask_broker(home, 2, commit("t", 0, 6))), ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert_eq!(cluster.engine.group_snapshot("g").unwrap().offsets[0].offset.0, 5);
    }

    #[test]
    fn a_topic_that_is_made_again_has_no_offsets() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        cluster.coordinator("g");
        cluster.ask(2, commit("t", 0, 5));
        cluster.engine.delete_topic(Instant::START, "t").unwrap();
        assert_eq!(committed(&mut cluster, "t", 0).0, -1);
        let mut cluster = cluster.topic("t", 1, 1);
        assert_eq!(committed(&mut cluster, "t", 0).0, -1);
    }

    #[test]
    fn the_log_says_what_was_committed() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        cluster.coordinator("g");
        cluster.ask(2, OffsetCommitRequest { retention_time_ms: 60_000, ..commit("t", 0, 5) });
        // `g` has hash 103.
        let batches = cluster.engine.batches("__consumer_offsets", PartitionIndex(3));
        let record = batches[0].records().unwrap().next().unwrap().unwrap();
        let decoded = CoordinatorRecord::decode(record.key.as_ref().unwrap(), record.value.as_ref()).unwrap();
        let Some(CoordinatorRecord::Offset { group, topic, partition, value }) = decoded else { panic!("{decoded:?}") };
        let value = value.unwrap();
        assert_eq!((group.as_str(), topic.as_str(), partition.0, value.offset), ("g", "t", 0, 5));
        assert_eq!(value.expire_timestamp, START_TIME.0 + 60_000);
    }
}
