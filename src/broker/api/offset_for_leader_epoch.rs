//! `OffsetForLeaderEpoch` (key 23): tell where a leader epoch ends, by which a reader notices that a log was truncated.
//!
//! * Needs `DESCRIBE` on each topic, or `CLUSTER_ACTION` on the cluster.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER` (no replica here),
//!   `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`, `NOT_LEADER_OR_FOLLOWER` (a follower).
//! * An epoch that the log has not heard of is no error: epoch and offset are -1 then.
//! * Source: KIP-101, KIP-279, KIP-320, `ReplicaManager.lastOffsetForLeaderEpoch`,
//!   <https://kafka.apache.org/protocol#The_Messages_OffsetForLeaderEpoch>.

use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::offset_for_leader_epoch::EpochEndOffset;
use crate::wire::messages::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use crate::wire::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use crate::wire::messages::offset_for_leader_epoch::OffsetForLeaderPartition;
use crate::wire::messages::offset_for_leader_epoch::OffsetForLeaderTopicResult;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> Outcome<OffsetForLeaderEpochResponse> {
    let topics = request.topics.into_iter().map(|topic| {
        let rows = topic.partitions.iter().map(|asked| {
            let found = find(state, ctx, &topic.topic, asked);
            let row = EpochEndOffset {
                partition: asked.partition,
                error_code: ErrorCode::of(&found).code(),
                ..EpochEndOffset::default()
            };
            match found {
                Ok(Some(end)) => {
                    EpochEndOffset { leader_epoch: end.leader_epoch.0, end_offset: end.end_offset.0, ..row }
                }
                _ => row,
            }
        });
        let partitions = rows.collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions, ..OffsetForLeaderTopicResult::default() }
    });
    let topics = topics.collect();
    Outcome::Reply(OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &OffsetForLeaderEpochRequest, code: ErrorCode) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let rows = topic.partitions.iter().map(|asked| EpochEndOffset {
            error_code: code.code(),
            partition: asked.partition,
            ..EpochEndOffset::default()
        });
        OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            partitions: rows.collect(),
            ..OffsetForLeaderTopicResult::default()
        }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..OffsetForLeaderEpochResponse::default() }
}

fn find(
    state: &State,
    ctx: &RequestContext,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<crate::log::EpochEndOffset>, ErrorCode> {
    let topic = state.topics.get(topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?.id;
    let log = state.partition_hosted_by(topic, PartitionIndex(asked.partition), ctx.broker)?;
    log.check_leader(ctx.broker, LeaderEpoch(asked.current_leader_epoch))?;
    Ok(log.end_offset_for_epoch(LeaderEpoch(asked.leader_epoch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::offset_for_leader_epoch::OffsetForLeaderTopic;

    fn request(topic: &str, rows: &[(i32, i32, i32)]) -> OffsetForLeaderEpochRequest {
        let rows = rows.iter().map(|(partition, current_leader_epoch, leader_epoch)| OffsetForLeaderPartition {
            partition: *partition,
            current_leader_epoch: *current_leader_epoch,
            leader_epoch: *leader_epoch,
            ..OffsetForLeaderPartition::default()
        });
        let topic =
            OffsetForLeaderTopic { topic: topic.into(), partitions: rows.collect(), ..OffsetForLeaderTopic::default() };
        OffsetForLeaderEpochRequest { topics: vec![topic], ..OffsetForLeaderEpochRequest::default() }
    }

    /// Two records of epoch 0 and one of epoch 3.
    fn cluster() -> TestCluster {
        let mut cluster = TestCluster::new(3).topic("a", 1, 2);
        cluster.append("a", 0, &["x", "y"]);
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        let log = cluster.engine.state.partitions.get_mut(&(id, PartitionIndex(0))).unwrap();
        log.elect(BrokerId(1), LeaderEpoch(3), &[BrokerId(1), BrokerId(2)]);
        cluster.append("a", 0, &["z"]);
        cluster
    }

    #[test]
    fn each_version_tells_where_an_epoch_ends() {
        for version in 0..=4 {
            let mut cluster = cluster();
            let mut check = |epoch: i32, expected: (i32, i64)| {
                let response = cluster.ask(version, request("a", &[(0, -1, epoch)]));
                let row = &response.topics[0].partitions[0];
                let leader_epoch = if version == 0 { -1 } else { expected.0 };
                assert_eq!((row.error_code, row.leader_epoch, row.end_offset), (0, leader_epoch, expected.1));
            };
            check(0, (0, 2));
            check(1, (0, 2));
            check(3, (3, 3));
            check(4, (-1, -1));
            check(-1, (-1, -1));
        }
    }

    #[test]
    fn what_the_reader_believes_of_the_leader_is_checked() {
        let mut cluster = cluster();
        let mut check = |broker: i32, topic: &str, partition: i32, current: i32, expected: ErrorCode| {
            let response = cluster.ask_broker(broker, 4, request(topic, &[(partition, current, 0)]));
            assert_eq!(&*response.topics[0].topic, topic);
            let row = &response.topics[0].partitions[0];
            assert_eq!((row.partition, row.error_code), (partition, expected.code()));
            assert_eq!(row.end_offset, if expected.is_error() { -1 } else { 2 });
        };
        check(1, "a", 0, 3, ErrorCode::NONE);
        check(1, "absent", 0, 3, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "a", 1, 3, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "a", 0, 2, ErrorCode::FENCED_LEADER_EPOCH);
        check(1, "a", 0, 4, ErrorCode::UNKNOWN_LEADER_EPOCH);
        // A follower looks at the epoch first, a broker without replica does not.
        check(2, "a", 0, 3, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(2, "a", 0, 2, ErrorCode::FENCED_LEADER_EPOCH);
        check(3, "a", 0, 2, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
}
