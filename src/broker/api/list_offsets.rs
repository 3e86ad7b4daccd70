//! `ListOffsets` (key 2): find offsets, the first, the last, or the first at or after a timestamp.
//!
//! * Needs `DESCRIBE` on each topic.
//! * Errors per partition, in Kafka's order: `UNKNOWN_SERVER_ERROR` (an isolation level that there is not; for all
//!   partitions), `INVALID_REQUEST` (a partition twice), `UNSUPPORTED_VERSION` (a
//!   sentinel that the version does not know), `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`,
//!   `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`, `OFFSET_NOT_AVAILABLE` (before version 5 `LEADER_NOT_AVAILABLE`).
//! * Nothing is tiered here: -4 answers as -2 does, -5 and -6 find nothing.
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

pub(super) fn handle(state: &State, ctx: &RequestContext, request: ListOffsetsRequest) -> Outcome<ListOffsetsResponse> {
    if !(0..=1).contains(&request.isolation_level) {
        return Outcome::Reply(refuse(&request, ErrorCode::UNKNOWN_SERVER_ERROR));
    }
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

/// Refuses each partition of the request.
pub(super) fn refuse(request: &ListOffsetsRequest, code: ErrorCode) -> ListOffsetsResponse {
    let row = |asked: &ListOffsetsPartition| ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: code.code(),
        ..ListOffsetsPartitionResponse::default()
    };
    let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
        partitions: topic.partitions.iter().map(row).collect(),
        name: topic.name.clone(),
        ..ListOffsetsTopicResponse::default()
    });
    ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
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
    let found = log.list_offset(spec, isolation);
    // A new leader does not know yet how far its predecessor got (KIP-207).
    if isolation != Isolation::LogEnd && log.is_high_watermark_behind_epoch() {
        let is_hidden = || found.is_none() && log.list_offset(spec, Isolation::LogEnd).is_some();
        let is_bound = matches!(spec, OffsetSpec::Earliest | OffsetSpec::EarliestLocal);
        if spec == OffsetSpec::Latest || !is_bound && is_hidden() {
            let known = ctx.api_version >= 5;
            return Err(if known { ErrorCode::OFFSET_NOT_AVAILABLE } else { ErrorCode::LEADER_NOT_AVAILABLE });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::broker::api::testing::START_TIME;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::batch::BatchBuilder;
    use crate::wire::messages::list_offsets::ListOffsetsTopic;

    fn request(rows: &[(&str, i32, i64, i32)]) -> ListOffsetsRequest {
        let topics = rows.iter().map(|(name, partition_index, timestamp, current_leader_epoch)| ListOffsetsTopic {
            name: (*name).into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: *partition_index,
                timestamp: *timestamp,
                current_leader_epoch: *current_leader_epoch,
                ..ListOffsetsPartition::default()
            }],
            ..ListOffsetsTopic::default()
        });
        ListOffsetsRequest { replica_id: -1, topics: topics.collect(), ..ListOffsetsRequest::default() }
    }

    /// Error, timestamp, offset and leader epoch of each row.
    fn rows(response: &ListOffsetsResponse) -> Vec<(ErrorCode, i64, i64, i32)> {
        let rows = response.topics.iter().flat_map(|topic| &topic.partitions);
        rows.map(|row| (ErrorCode::new(row.error_code), row.timestamp, row.offset, row.leader_epoch)).collect()
    }

    /// Records 10 ms apart with the newest in the middle.
    fn cluster() -> TestCluster {
        let mut cluster = TestCluster::new(2).topic("a", 1, 1);
        for ms in [10, 30, 20] {
            let mut batch = BatchBuilder::new();
            batch.append(START_TIME.plus(std::time::Duration::from_millis(ms)), None, Some(b"x"), &[]);
            let (topic, batch) = ("a", batch.build().unwrap());
            cluster.engine.append(cluster.now, topic, vec![(PartitionIndex(0), batch)]).unwrap();
        }
        cluster
    }

    #[test]
    fn each_version_finds_ends_and_times() {
        let mut cluster = cluster();
        for version in 1..=11 {
            let mut check = |timestamp: i64, found: (i64, i64, i32)| {
                let response = cluster.ask(version, request(&[("a", 0, timestamp, -1)]));
                let epoch = if version >= 4 { found.2 } else { -1 };
                assert_eq!(rows(&response), [(ErrorCode::NONE, found.0, found.1, epoch)], "{version} {timestamp}");
            };
            let at = |ms: i64| START_TIME.0 + ms;
            check(-1, (-1, 3, 0));
            check(-2, (-1, 0, 0));
            check(0, (at(10), 0, 0));
            check(at(11), (at(30), 1, 0));
            check(at(31), (-1, -1, -1));
        }
    }

    #[test]
    fn a_sentinel_needs_a_version_that_knows_it() {
        let mut cluster = cluster();
        let mut check = |timestamp: i64, since: i16, found: (i64, i64, i32)| {
            let refused = (ErrorCode::UNSUPPORTED_VERSION, -1, -1, -1);
            assert_eq!(rows(&cluster.ask(since - 1, request(&[("a", 0, timestamp, -1)]))), [refused]);
            for version in since..=11 {
                let response = cluster.ask(version, request(&[("a", 0, timestamp, -1)]));
                assert_eq!(rows(&response), [(ErrorCode::NONE, found.0, found.1, found.2)], "{version} {timestamp}");
            }
        };
        check(-3, 7, (START_TIME.0 + 30, 1, 0));
        check(-4, 8, (-1, 0, 0));
        check(-5, 9, (-1, -1, -1));
        check(-6, 11, (-1, -1, -1));
        let response = cluster.ask(11, request(&[("a", 0, -7, -1)]));
        assert_eq!(rows(&response), [(ErrorCode::UNSUPPORTED_VERSION, -1, -1, -1)]);
    }

    #[test]
    fn each_refusal_has_kafkas_code() {
        let mut cluster = cluster();
        let mut check = |broker: i32, topic: &str, partition: i32, epoch: i32, expected: ErrorCode| {
            let response = cluster.ask_broker(broker, 11, request(&[(topic, partition, -1, epoch)]));
            assert_eq!(rows(&response), [(expected, -1, -1, -1)]);
        };
        check(1, "absent", 0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "a", 1, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(2, "a", 0, 9, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(1, "a", 0, 9, ErrorCode::UNKNOWN_LEADER_EPOCH);
    }

    #[test]
    fn an_unknown_isolation_level_is_refused() {
        let mut cluster = cluster();
        let asked = ListOffsetsRequest { isolation_level: 2, ..request(&[("a", 0, -1, -1), ("b", 0, -1, -1)]) };
        let refused = (ErrorCode::UNKNOWN_SERVER_ERROR, -1, -1, -1);
        assert_eq!(rows(&cluster.ask(11, asked)), [refused, refused]);
    }

    #[test]
    fn a_partition_asked_for_twice_is_refused_each_time() {
        let mut cluster = cluster().topic("b", 1, 1);
        let response = cluster.ask(11, request(&[("a", 0, -1, -1), ("b", 0, -1, -1), ("a", 0, -2, -1)]));
        let refused = (ErrorCode::INVALID_REQUEST, -1, -1, -1);
        assert_eq!(rows(&response), [refused, (ErrorCode::NONE, -1, 0, 0), refused]);
    }

    #[test]
    fn consumers_see_up_to_the_high_watermark_and_replicas_to_the_end() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        let log = cluster.engine.state.partitions.get_mut(&(id, PartitionIndex(0))).unwrap();
        log.set_replicating(BrokerId(2), false);
        cluster.append("a", 0, &["x"]);
        let mut check = |replica_id: i32, expected: i64| {
            let asked = ListOffsetsRequest { replica_id, ..request(&[("a", 0, -1, -1)]) };
            assert_eq!(rows(&cluster.ask(11, asked))[0].2, expected);
        };
        check(-1, 0);
        check(2, 1);
    }
}
