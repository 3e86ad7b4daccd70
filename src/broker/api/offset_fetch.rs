//! `OffsetFetch` (key 9): read how far groups have read.
//!
//! * Needs `DESCRIBE` on each group and each topic.
//! * Errors per group, in Kafka's order: `NOT_COORDINATOR`, `UNKNOWN_MEMBER_ID`, `STALE_MEMBER_EPOCH` or
//!   `ILLEGAL_GENERATION` where a member of a consumer group asks (from version 9 on); before version 2, which has no place for it, in each partition. Errors per
//!   partition: `UNKNOWN_TOPIC_ID`; `UNSTABLE_OFFSET_COMMIT` with `require_stable`, while a transaction may yet change
//!   the offset; in version 0, `UNKNOWN_TOPIC_OR_PARTITION` where nothing was committed.
//! * A group that does not exist has committed nothing (-1), which is no error. Null topics ask for all.
//! * The offset of a topic that was deleted and made again is not that of the new one.
//! * Source: KIP-447, KIP-516, KIP-709, KIP-848, `OffsetMetadataManager.fetchOffsets`,
//!   <https://kafka.apache.org/protocol#The_Messages_OffsetFetch>.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::coordinator::OffsetAndMetadata;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestGroup;
use crate::wire::messages::offset_fetch::OffsetFetchRequestTopics;
use crate::wire::messages::offset_fetch::OffsetFetchResponse;
use crate::wire::messages::offset_fetch::OffsetFetchResponseGroup;
use crate::wire::messages::offset_fetch::OffsetFetchResponsePartition;
use crate::wire::messages::offset_fetch::OffsetFetchResponsePartitions;
use crate::wire::messages::offset_fetch::OffsetFetchResponseTopic;
use crate::wire::messages::offset_fetch::OffsetFetchResponseTopics;
use bytestring::ByteString;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: OffsetFetchRequest,
) -> Outcome<OffsetFetchResponse> {
    if ctx.api_version >= 8 {
        let groups = request.groups.into_iter().map(|group| fetch(state, ctx, group, request.require_stable)).collect();
        return Outcome::Reply(OffsetFetchResponse { groups, ..OffsetFetchResponse::default() });
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        });
        topics.collect()
    });
    let group = OffsetFetchRequestGroup { group_id: request.group_id, topics, ..OffsetFetchRequestGroup::default() };
    let group = fetch(state, ctx, group, request.require_stable);
    Outcome::Reply(OffsetFetchResponse {
        error_code: if ctx.api_version >= 2 { group.error_code } else { 0 },
        topics: group.topics.into_iter().map(of_older_version).collect(),
        ..OffsetFetchResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &OffsetFetchRequest, code: ErrorCode) -> OffsetFetchResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        let rows = topic.partition_indexes.iter().map(|index| OffsetFetchResponsePartition {
            partition_index: *index,
            committed_offset: -1,
            metadata: Some(ByteString::new()),
            error_code: code.code(),
            ..OffsetFetchResponsePartition::default()
        });
        OffsetFetchResponseTopic {
            name: topic.name.clone(),
            partitions: rows.collect(),
            ..OffsetFetchResponseTopic::default()
        }
    });
    let groups = request.groups.iter().map(|group| {
        let topics = group.topics.iter().flatten().map(|topic| {
            let rows = topic.partition_indexes.iter().map(|index| OffsetFetchResponsePartitions {
                partition_index: *index,
                committed_offset: -1,
                metadata: Some(ByteString::new()),
                error_code: code.code(),
                ..OffsetFetchResponsePartitions::default()
            });
            OffsetFetchResponseTopics {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions: rows.collect(),
                ..OffsetFetchResponseTopics::default()
            }
        });
        OffsetFetchResponseGroup {
            group_id: group.group_id.clone(),
            topics: topics.collect(),
            error_code: code.code(),
            ..OffsetFetchResponseGroup::default()
        }
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: code.code(),
        groups: groups.collect(),
        ..OffsetFetchResponse::default()
    }
}

fn fetch(
    state: &mut State,
    ctx: &RequestContext,
    request: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let refused = state
        .group_coordinator(ctx, &request.group_id)
        .and_then(|(coordinator, _)| {
            coordinator.check_offset_fetch(&request.group_id, request.member_id.as_deref(), request.member_epoch)
        })
        .err();
    let topics = match (request.topics, refused) {
        (_, Some(_)) if ctx.api_version >= 2 => Vec::new(),
        (Some(topics), _) => {
            let id = &request.group_id;
            topics.into_iter().map(|topic| asked(state, ctx, id, topic, require_stable)).collect()
        }
        (None, _) => all(state, ctx, &request.group_id, require_stable),
    };
    OffsetFetchResponseGroup {
        group_id: request.group_id,
        topics,
        error_code: refused.unwrap_or_default().code(),
        ..OffsetFetchResponseGroup::default()
    }
}

fn asked(
    state: &mut State,
    ctx: &RequestContext,
    group: &str,
    topic: OffsetFetchRequestTopics,
    require_stable: bool,
) -> OffsetFetchResponseTopics {
    let by_id = ctx.api_version >= 10;
    // A name that is not known is asked for all the same: there may be an offset from before.
    let (name, id, unknown) = match state.topic_by_either(&topic.name, topic.topic_id, by_id) {
        Ok(id) => (state.topics.by_id(id).map(|topic| topic.name.to_string()).unwrap_or_default(), id, None),
        Err(code) if by_id => (String::new(), topic.topic_id, Some(code)),
        Err(_) => (topic.name.to_string(), Uuid::ZERO, None),
    };
    let coordinator = state.group_coordinator(ctx, group).map(|(coordinator, _)| coordinator);
    let partitions = topic.partition_indexes.into_iter().map(|index| match (&coordinator, unknown) {
        (Err(code), _) => refusal(index, *code),
        (Ok(_), Some(code)) => refusal(index, code),
        (Ok(coordinator), None) if require_stable && coordinator.is_unstable(group, &name, PartitionIndex(index)) => {
            refusal(index, ErrorCode::UNSTABLE_OFFSET_COMMIT)
        }
        (Ok(coordinator), None) => match coordinator.offset(group, &name, id, PartitionIndex(index)) {
            Some(offset) => row(index, offset),
            None if ctx.api_version == 0 => refusal(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            None => refusal(index, ErrorCode::NONE),
        },
    });
    let partitions = partitions.collect();
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions,
        ..OffsetFetchResponseTopics::default()
    }
}

fn all(state: &mut State, ctx: &RequestContext, group: &str, require_stable: bool) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    let Ok((coordinator, _)) = state.group_coordinator(ctx, group) else { return topics };
    for (topic, partition, offset) in coordinator.offsets_of(group) {
        if topics.last().is_none_or(|last| *last.name != *topic) {
            topics.push(OffsetFetchResponseTopics { name: topic.into(), ..OffsetFetchResponseTopics::default() });
        }
        if let Some(last) = topics.last_mut() {
            let is_unstable = require_stable && coordinator.is_unstable(group, topic, partition);
            last.partitions.push(match is_unstable {
                true => refusal(partition.0, ErrorCode::UNSTABLE_OFFSET_COMMIT),
                false => row(partition.0, offset),
            });
        }
    }
    if ctx.api_version >= 10 {
        for topic in &mut topics {
            topic.topic_id = state.topics.get(&topic.name).map_or(Uuid::ZERO, |topic| topic.id);
        }
        // What has no id cannot be named.
        topics.retain(|topic| !topic.topic_id.is_zero());
    }
    topics
}

fn row(partition_index: i32, offset: &OffsetAndMetadata) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.offset.0,
        committed_leader_epoch: offset.leader_epoch.0,
        metadata: Some(offset.metadata.as_str().into()),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// A partition without an offset, with or without an error.
fn refusal(partition_index: i32, code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        metadata: Some("".into()),
        error_code: code.code(),
        ..OffsetFetchResponsePartitions::default()
    }
}

fn of_older_version(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|row| OffsetFetchResponsePartition {
        partition_index: row.partition_index,
        committed_offset: row.committed_offset,
        committed_leader_epoch: row.committed_leader_epoch,
        metadata: row.metadata,
        error_code: row.error_code,
        ..OffsetFetchResponsePartition::default()
    });
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: partitions.collect(),
        ..OffsetFetchResponseTopic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::offset_commit::OffsetCommitRequest;
    use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
    use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
    use crate::wire::messages::offset_fetch::OffsetFetchRequestTopic;

    fn commit(cluster: &mut TestCluster, group: &str, topic: &str, offsets: &[i64]) {
        let partitions = (0..).zip(offsets).map(|(partition_index, offset)| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: *offset,
            ..OffsetCommitRequestPartition::default()
        });
        let partitions = partitions.collect();
        let topics = vec![OffsetCommitRequestTopic { name: topic.into(), partitions, ..Default::default() }];
        let request = OffsetCommitRequest { group_id: group.into(), topics, ..OffsetCommitRequest::default() };
        let broker = cluster.coordinator(group);
        assert_eq!(cluster.ask_broker(broker, 7, request).topics[0].partitions[0].error_code, 0);
    }

    /// A line per partition: topic, partition, offset, error.
    fn lines(topics: &[OffsetFetchResponseTopics]) -> Vec<String> {
        let line = |topic: &OffsetFetchResponseTopics| {
            let name = topic.name.to_string();
            let rows = topic.partitions.clone().into_iter();
            rows.map(move |p| format!("{name} {} {} {}", p.partition_index, p.committed_offset, p.error_code))
        };
        topics.iter().flat_map(line).collect()
    }

    #[test]
    fn several_groups_are_asked_for_at_once() {
        let mut cluster = TestCluster::new(1).topic("t", 2, 1).topic("u", 1, 1);
        commit(&mut cluster, "g", "t", &[4, 5]);
        commit(&mut cluster, "g", "u", &[6]);
        commit(&mut cluster, "h", "t", &[7]);
        let group = |id: &str, topics| OffsetFetchRequestGroup { group_id: id.into(), topics, ..Default::default() };
        let one = OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![1, 0, 9], ..Default::default() };
        for version in 8..=9 {
            let groups = vec![group("g", None), group("h", Some(vec![one.clone()])), group("i", None)];
            let request = OffsetFetchRequest { groups, require_stable: true, ..Default::default() };
            let response = cluster.ask(version, request);
            let seen: Vec<Vec<String>> = response.groups.iter().map(|group| lines(&group.topics)).collect();
            assert_eq!(seen[0], ["t 0 4 0", "t 1 5 0", "u 0 6 0"]);
            assert_eq!(seen[1], ["t 1 -1 0", "t 0 7 0", "t 9 -1 0"]);
            assert_eq!(seen[2], [""; 0]);
        }
    }

    #[test]
    fn topics_are_named_by_id_from_version_10_on() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        commit(&mut cluster, "g", "t", &[4]);
        let id = cluster.engine.state.topics.get("t").unwrap().id;
        let topic = |topic_id| OffsetFetchRequestTopics { topic_id, partition_indexes: vec![0], ..Default::default() };
        let topics = Some(vec![topic(id), topic(Uuid([9; 16]))]);
        let mut ask = |topics| {
            let groups = vec![OffsetFetchRequestGroup { group_id: "g".into(), topics, ..Default::default() }];
            let response = cluster.ask(10, OffsetFetchRequest { groups, ..Default::default() });
            response.groups[0].topics.clone()
        };
        let seen = ask(topics);
        assert_eq!(lines(&seen), [" 0 4 0", " 0 -1 100"]);
        assert_eq!((seen[0].topic_id, seen[1].topic_id), (id, Uuid([9; 16])));
        assert_eq!(ask(None)[0].topic_id, id);
    }

    #[test]
    fn errors_stand_where_each_version_has_a_place() {
        let mut cluster = TestCluster::new(2).topic("t", 1, 1);
        commit(&mut cluster, "g", "t", &[4]);
        let other = 3 - cluster.coordinator("g");
        let topics =
            vec![OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0], ..Default::default() }];
        let request = OffsetFetchRequest { group_id: "g".into(), topics: Some(topics), ..Default::default() };
        let mut check = |version: i16, all: i16, partition: Option<i16>| {
            let response = cluster.ask_broker(other, version, request.clone());
            let row = response.topics.first().map(|topic| topic.partitions[0].error_code);
            assert_eq!((response.error_code, row), (all, partition), "{version}");
        };
        let code = ErrorCode::NOT_COORDINATOR.code();
        check(0, 0, Some(code));
        check(1, 0, Some(code));
        check(2, code, None);
        check(7, code, None);
        let groups = vec![OffsetFetchRequestGroup { group_id: "g".into(), ..Default::default() }];
        let response = cluster.ask_broker(other, 8, OffsetFetchRequest { groups, ..Default::default() });
        assert_eq!(response.groups[0].error_code, code);
    }

    #[test]
    fn version_0_says_that_nothing_was_committed() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        cluster.coordinator("g");
        let topics =
            vec![OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0], ..Default::default() }];
        let request = OffsetFetchRequest { group_id: "g".into(), topics: Some(topics), ..Default::default() };
        let mut check = |version: i16, expected: i16| {
            let row = cluster.ask(version, request.clone()).topics.remove(0).partitions.remove(0);
            assert_eq!((row.committed_offset, row.error_code, row.metadata.as_deref()), (-1, expected, Some("")));
        };
        check(0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code());
        check(1, 0);
    }
}
