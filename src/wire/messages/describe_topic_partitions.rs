//! `DescribeTopicPartitions` (key 75): shows topics and their partitions, page by page.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Shows topics and their partitions, page by page.
    request DescribeTopicPartitionsRequest(key 75, versions 0..=0, flexible 0..) {
        topics: Vec<TopicRequest> [0..],
        response_partition_limit: i32 [0..] = 2000,
        cursor: Option<Cursor> [0..] nullable [0..],
    }

    /// Part of [`DescribeTopicPartitionsRequest`].
    struct TopicRequest {
        name: ByteString [0..],
    }

    /// Part of [`DescribeTopicPartitionsRequest`].
    nullable_struct Cursor {
        topic_name: ByteString [0..],
        partition_index: i32 [0..],
    }

    /// Answers [`DescribeTopicPartitionsRequest`].
    response DescribeTopicPartitionsResponse(key 75, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        topics: Vec<DescribeTopicPartitionsResponseTopic> [0..],
        next_cursor: Option<ResponseCursor> [0..] nullable [0..],
    }

    /// Part of [`DescribeTopicPartitionsResponse`].
    struct DescribeTopicPartitionsResponseTopic {
        error_code: i16 [0..],
        name: Option<ByteString> [0..] nullable [0..],
        topic_id: Uuid [0..],
        is_internal: bool [0..],
        partitions: Vec<DescribeTopicPartitionsResponsePartition> [0..],
        topic_authorized_operations: i32 [0..] = i32::MIN,
    }

    /// Part of [`DescribeTopicPartitionsResponseTopic`].
    struct DescribeTopicPartitionsResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..] = -1,
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        eligible_leader_replicas: Option<Vec<i32>> [0..] nullable [0..],
        last_known_elr: Option<Vec<i32>> [0..] nullable [0..],
        offline_replicas: Vec<i32> [0..],
    }

    /// Part of [`DescribeTopicPartitionsResponse`].
    nullable_struct ResponseCursor {
        topic_name: ByteString [0..],
        partition_index: i32 [0..],
    }
}
