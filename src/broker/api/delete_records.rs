//! `DeleteRecords` (key 21): move the log start offset of partitions forward.
//!
//! * Needs `DELETE` on each topic.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`, `INVALID_TOPIC_EXCEPTION` (Kafka's own
//!   topics), `NOT_LEADER_OR_FOLLOWER`, `POLICY_VIOLATION` (`cleanup.policy` is `compact` alone), `OFFSET_OUT_OF_RANGE`.
//! * A partition that is given twice has one row; the last offset counts.
//! * Differs: followers that replicate move at once, so `timeout_ms` is not waited for.
//! * Source: KIP-107, `KafkaApis.handleDeleteRecordsRequest`, `Partition.deleteRecordsOnLeader`,
//!   <https://kafka.apache.org/protocol#The_Messages_DeleteRecords>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::outcome::Watch;
use crate::broker::state::State;
use crate::wire::messages::delete_records::DeleteRecordsPartitionResult;
use crate::wire::messages::delete_records::DeleteRecordsRequest;
use crate::wire::messages::delete_records::DeleteRecordsResponse;
use crate::wire::messages::delete_records::DeleteRecordsTopicResult;
use bytestring::ByteString;
use indexmap::IndexMap;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: DeleteRecordsRequest,
) -> Outcome<DeleteRecordsResponse> {
    let mut topics: IndexMap<ByteString, IndexMap<i32, i64>> = IndexMap::new();
    for topic in request.topics {
        let rows = topic.partitions.iter().map(|row| (row.partition_index, row.offset));
        topics.entry(topic.name).or_default().extend(rows);
    }
    let topics = topics.into_iter().map(|(name, rows)| {
        let rows = rows.into_iter().map(|(partition_index, before)| {
            let result = delete_before(state, ctx.broker, &name, PartitionIndex(partition_index), Offset(before));
            DeleteRecordsPartitionResult {
                partition_index,
                low_watermark: result.unwrap_or(Offset::INVALID).0,
                error_code: ErrorCode::of(&result).code(),
                ..DeleteRecordsPartitionResult::default()
            }
        });
        let partitions = rows.collect();
        DeleteRecordsTopicResult { name, partitions, ..DeleteRecordsTopicResult::default() }
    });
    let topics = topics.collect();
    Outcome::Reply(DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DeleteRecordsRequest, code: ErrorCode) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let rows = topic.partitions.iter().map(|row| DeleteRecordsPartitionResult {
            partition_index: row.partition_index,
            low_watermark: Offset::INVALID.0,
            error_code: code.code(),
            ..DeleteRecordsPartitionResult::default()
        });
        DeleteRecordsTopicResult {
            name: topic.name.clone(),
            partitions: rows.collect(),
            ..DeleteRecordsTopicResult::default()
        }
    });
    DeleteRecordsResponse { topics: topics.collect(), ..DeleteRecordsResponse::default() }
}

/// Returns the new log start offset, which the protocol calls `low_watermark`.
fn delete_before(
    state: &mut State,
    broker: BrokerId,
    name: &str,
    index: PartitionIndex,
    before: Offset,
) -> Result<Offset, ErrorCode> {
    let topic = state.topics.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let (id, is_internal) = (topic.id, topic.name.is_internal());
    if is_internal && state.find_partition(id, index).is_some() {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let log = state.partition_led_by(id, index, broker)?;
    let policy = log.config().cleanup_policy;
    if policy.compact && !policy.delete {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let low_watermark = log.delete_records(before)?;
    state.touch(Watch::Partition(id, index));
    Ok(low_watermark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::config::NewTopic;
    use crate::wire::messages::delete_records::DeleteRecordsPartition;
    use crate::wire::messages::delete_records::DeleteRecordsTopic;

    fn request(rows: &[(&str, i32, i64)]) -> DeleteRecordsRequest {
        let topics = rows.iter().map(|(name, partition_index, offset)| DeleteRecordsTopic {
            name: (*name).into(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: *partition_index,
                offset: *offset,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        });
        DeleteRecordsRequest { topics: topics.collect(), timeout_ms: 1000, ..DeleteRecordsRequest::default() }
    }

    fn rows(response: &DeleteRecordsResponse) -> Vec<(&str, i32, i64, ErrorCode)> {
        let mut rows = Vec::new();
        for topic in &response.topics {
            for row in &topic.partitions {
                rows.push((&*topic.name, row.partition_index, row.low_watermark, ErrorCode::new(row.error_code)));
            }
        }
        rows
    }

    #[test]
    fn each_version_moves_the_log_start_of_every_replica() {
        for version in 0..=2 {
            let mut cluster = TestCluster::new(3).topic("a", 1, 3);
            cluster.append("a", 0, &["x", "y", "z"]);
            let mut check = |offset: i64, expected: i64| {
                let response = cluster.ask(version, request(&[("a", 0, offset)]));
                assert_eq!(rows(&response), [("a", 0, expected, ErrorCode::NONE)], "{version}");
                let id = cluster.engine.state.topics.get("a").unwrap().id;
                let log = cluster.engine.state.find_partition(id, PartitionIndex(0)).unwrap();
                assert!(log.replicas().iter().all(|replica| replica.log().log_start_offset() == Offset(expected)));
            };
            check(1, 1);
            check(0, 1);
            check(-1, 3);
            check(3, 3);
        }
    }

    #[test]
    fn each_refusal_leaves_the_log_as_it_is() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 1).topic("__consumer_offsets", 1, 1);
        let compacted = NewTopic::new("compacted").partitions(1).config("cleanup.policy", "compact");
        cluster.engine.create_topic(cluster.now, compacted).unwrap();
        cluster.append("a", 0, &["x"]);
        let mut check = |broker: i32, topic: &str, partition: i32, offset: i64, expected: ErrorCode| {
            let response = cluster.ask_broker(broker, 2, request(&[(topic, partition, offset)]));
            assert_eq!(rows(&response), [(topic, partition, -1, expected)]);
        };
        check(1, "absent", 0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "a", 1, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "a", -1, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, "__consumer_offsets", 0, 0, ErrorCode::INVALID_TOPIC_EXCEPTION);
        check(1, "__consumer_offsets", 7, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(2, "a", 0, 9, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(1, "compacted", 0, 9, ErrorCode::POLICY_VIOLATION);
        check(1, "a", 0, 2, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(1, "a", 0, -2, ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(cluster.engine.batches("a", PartitionIndex(0)).len(), 1);
    }

    #[test]
    fn a_partition_given_twice_has_one_row_and_the_last_offset_counts() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        cluster.append("a", 0, &["x", "y", "z"]);
        let response = cluster.ask(2, request(&[("a", 0, 3), ("b", 0, 0), ("a", 0, 1)]));
        assert_eq!(rows(&response), [("a", 0, 1, ErrorCode::NONE), ("b", 0, 0, ErrorCode::NONE)]);
    }
}
