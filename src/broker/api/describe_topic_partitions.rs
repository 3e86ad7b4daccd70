//! `DescribeTopicPartitions` (key 75): show topics and their partitions, page by page.
//!
//! * Needs `DESCRIBE` on each topic.
//! * Errors per topic: `UNKNOWN_TOPIC_OR_PARTITION`, `INVALID_TOPIC_EXCEPTION`. For all topics: `INVALID_REQUEST` (a
//!   cursor on a topic that is not asked for, or on a negative partition).
//! * Topics come by name, whatever the request's order, each once; no topics in the request means all of them. A page
//!   ends after as many partitions as the request and `max.request.partition.size.limit` allow, at least one.
//! * Differs: the eligible leader replicas are always empty.
//! * Source: KIP-966, `DescribeTopicPartitionsRequestHandler`,
//!   <https://kafka.apache.org/protocol#The_Messages_DescribeTopicPartitions>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::broker::authorized;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::metadata::Topic;
use crate::wire::messages::describe_topic_partitions::DescribeTopicPartitionsRequest;
use crate::wire::messages::describe_topic_partitions::DescribeTopicPartitionsResponse;
use crate::wire::messages::describe_topic_partitions::DescribeTopicPartitionsResponsePartition;
use crate::wire::messages::describe_topic_partitions::DescribeTopicPartitionsResponseTopic;
use crate::wire::messages::describe_topic_partitions::ResponseCursor;
use bytestring::ByteString;
use std::collections::BTreeSet;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> Outcome<DescribeTopicPartitionsResponse> {
    let (from, first) = request.cursor.as_ref().map_or(("", 0), |cursor| (&*cursor.topic_name, cursor.partition_index));
    let all = request.topics.is_empty();
    let names: BTreeSet<ByteString> = if all {
        state.topics_seen_by(ctx.broker).iter().map(|topic| topic.name.as_str().into()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).collect()
    };
    let is_misplaced = request.cursor.is_some() && !all && !names.contains(from);
    if is_misplaced || first < 0 {
        return Outcome::Reply(refuse(&request, ErrorCode::INVALID_REQUEST));
    }
    let limit = state.broker_config(ctx.broker).max_request_partition_size_limit;
    let mut left = usize::try_from(request.response_partition_limit).unwrap_or(0).min(limit).max(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| **name >= *from) {
        if left == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = state.topics_seen_by(ctx.broker).get(&name) else {
            response.topics.push(absent(name));
            continue;
        };
        let first = if *name == *from { usize::try_from(first).unwrap_or(0) } else { 0 };
        let partitions: Vec<_> = page(state, ctx, topic, first, left).collect();
        let next = first.saturating_add(partitions.len());
        left -= partitions.len();
        response.topics.push(present(topic, partitions));
        if next < topic.assignment.len() {
            response.next_cursor = Some(cursor(name, next));
            break;
        }
    }
    Outcome::Reply(response)
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeTopicPartitionsRequest, code: ErrorCode) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(topic.name.clone()),
        ..DescribeTopicPartitionsResponseTopic::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..DescribeTopicPartitionsResponse::default() }
}

fn cursor(topic_name: ByteString, partition: usize) -> ResponseCursor {
    let partition_index = i32::try_from(partition).expect("a topic has fewer than 2^31 partitions");
    ResponseCursor { topic_name, partition_index, ..ResponseCursor::default() }
}

fn absent(name: ByteString) -> DescribeTopicPartitionsResponseTopic {
    let checked = TopicName::new(&name);
    let code = if checked.is_ok() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name),
        is_internal: checked.is_ok_and(|name| name.is_internal()),
        topic_authorized_operations: authorized::ON_TOPIC,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn present(
    topic: &Topic,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions,
        topic_authorized_operations: authorized::ON_TOPIC,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

/// At most `count` partitions from number `first` on.
fn page(
    state: &State,
    ctx: &RequestContext,
    topic: &Topic,
    first: usize,
    count: usize,
) -> impl Iterator<Item = DescribeTopicPartitionsResponsePartition> {
    topic.partitions().skip(first).take(count).filter_map(|index: PartitionIndex| {
        let found = state.leadership_seen_by(ctx.broker, topic.id, index)?;
        let led = found.leader_id != BrokerId::NONE.0;
        let code = if led { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
        Some(DescribeTopicPartitionsResponsePartition {
            error_code: code.code(),
            partition_index: index.0,
            leader_id: found.leader_id,
            leader_epoch: found.leader_epoch,
            replica_nodes: found.replica_nodes,
            isr_nodes: found.isr_nodes,
            offline_replicas: found.offline_replicas,
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..DescribeTopicPartitionsResponsePartition::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::describe_topic_partitions::Cursor;
    use crate::wire::messages::describe_topic_partitions::TopicRequest;

    fn request(topics: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
        let topics =
            topics.iter().map(|name| TopicRequest { name: (*name).into(), ..TopicRequest::default() }).collect();
        let cursor = cursor.map(|(topic_name, partition_index)| Cursor {
            topic_name: topic_name.into(),
            partition_index,
            ..Cursor::default()
        });
        DescribeTopicPartitionsRequest {
            topics,
            response_partition_limit: limit,
            cursor,
            ..DescribeTopicPartitionsRequest::default()
        }
    }

    fn rows(response: &DescribeTopicPartitionsResponse) -> Vec<(&str, ErrorCode, Vec<i32>)> {
        let indexes = |topic: &DescribeTopicPartitionsResponseTopic| {
            topic.partitions.iter().map(|row| row.partition_index).collect()
        };
        let topics = response.topics.iter();
        topics.map(|row| (row.name.as_deref().unwrap(), ErrorCode::new(row.error_code), indexes(row))).collect()
    }

    fn next(response: &DescribeTopicPartitionsResponse) -> Option<(&str, i32)> {
        response.next_cursor.as_ref().map(|cursor| (&*cursor.topic_name, cursor.partition_index))
    }

    #[test]
    fn a_partition_is_described_with_its_leader_and_replicas() {
        let mut cluster = TestCluster::new(3).topic("a", 2, 3).topic("__consumer_offsets", 1, 1);
        let response = cluster.ask(0, request(&["a"], 2000, None));
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        let topic = &response.topics[0];
        assert_eq!((topic.topic_id, topic.is_internal, topic.topic_authorized_operations), (id, false, 3576));
        let row = &topic.partitions[1];
        assert_eq!((row.error_code, row.leader_id, row.leader_epoch), (0, 2, 0));
        assert_eq!((&row.replica_nodes[..], &row.isr_nodes[..]), (&[2, 3, 1][..], &[2, 3, 1][..]));
        assert_eq!((&row.eligible_leader_replicas, &row.last_known_elr), (&Some(vec![]), &Some(vec![])));
        assert!(row.offline_replicas.is_empty());
        assert_eq!(next(&response), None);
        let response = cluster.ask(0, request(&["__consumer_offsets"], 2000, None));
        assert!(response.topics[0].is_internal);
    }

    #[test]
    fn topics_come_by_name_and_once_and_only_those_asked_for_can_be_absent() {
        let mut cluster = TestCluster::new(1).topic("b", 1, 1).topic("a", 1, 1);
        let ok = |name| (name, ErrorCode::NONE, vec![0]);
        assert_eq!(rows(&cluster.ask(0, request(&[], 2000, None))), [ok("a"), ok("b")]);
        let response = cluster.ask(0, request(&["b", "absent", "b", "a/b"], 2000, None));
        let unknown = ("absent", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, vec![]);
        let illegal = ("a/b", ErrorCode::INVALID_TOPIC_EXCEPTION, vec![]);
        assert_eq!(rows(&response), [illegal, unknown, ok("b")]);
        assert!(response.topics[1].topic_id.is_zero());
        assert_eq!(response.topics[1].topic_authorized_operations, 3576);
    }

    #[test]
    fn pages_continue_at_the_cursor() {
        let mut cluster = TestCluster::new(1).topic("a", 3, 1).topic("b", 1, 1).topic("c", 2, 1);
        let mut check = |cursor: Option<(&str, i32)>, expected: &[(&str, &[i32])], and_then: Option<(&str, i32)>| {
            let response = cluster.ask(0, request(&[], 2, cursor));
            let expected: Vec<_> =
                expected.iter().map(|(name, indexes)| (*name, ErrorCode::NONE, indexes.to_vec())).collect();
            assert_eq!(rows(&response), expected);
            assert_eq!(next(&response), and_then);
        };
        check(None, &[("a", &[0, 1])], Some(("a", 2)));
        check(Some(("a", 2)), &[("a", &[2]), ("b", &[0])], Some(("c", 0)));
        check(Some(("c", 0)), &[("c", &[0, 1])], None);
        // The topic of the cursor may be gone, or have fewer partitions than it says.
        check(Some(("bb", 5)), &[("c", &[0, 1])], None);
        check(Some(("b", i32::MAX)), &[("b", &[]), ("c", &[0, 1])], None);
    }

    #[test]
    fn a_page_has_at_least_one_partition_and_at_most_as_many_as_the_broker_allows() {
        let config = [("max.request.partition.size.limit", "2")];
        let mut cluster = TestCluster::with_config(1, &config).topic("a", 3, 1);
        let mut check = |limit: i32, expected: &[i32]| {
            let response = cluster.ask(0, request(&[], limit, None));
            assert_eq!(rows(&response), [("a", ErrorCode::NONE, expected.to_vec())]);
        };
        check(-1, &[0]);
        check(0, &[0]);
        check(i32::MAX, &[0, 1]);
    }

    #[test]
    fn a_cursor_has_to_be_on_a_topic_that_is_asked_for() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        let mut check = |cursor: (&str, i32)| {
            let response = cluster.ask(0, request(&["b", "a"], 2000, Some(cursor)));
            let refused = |name| (name, ErrorCode::INVALID_REQUEST, vec![]);
            assert_eq!(rows(&response), [refused("b"), refused("a")]);
        };
        check(("c", 0));
        check(("a", -1));
    }
}
