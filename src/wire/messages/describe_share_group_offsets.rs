//! `DescribeShareGroupOffsets` (key 90): shows the start offsets of share groups.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Shows the start offsets of share groups.
    request DescribeShareGroupOffsetsRequest(key 90, versions 0..=1, flexible 0..) {
        groups: Vec<DescribeShareGroupOffsetsRequestGroup> [0..],
    }

    /// Part of [`DescribeShareGroupOffsetsRequest`].
    struct DescribeShareGroupOffsetsRequestGroup {
        group_id: ByteString [0..],
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>> [0..] nullable [0..],
    }

    /// Part of [`DescribeShareGroupOffsetsRequestGroup`].
    struct DescribeShareGroupOffsetsRequestTopic {
        topic_name: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`DescribeShareGroupOffsetsRequest`].
    response DescribeShareGroupOffsetsResponse(key 90, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        groups: Vec<DescribeShareGroupOffsetsResponseGroup> [0..],
    }

    /// Part of [`DescribeShareGroupOffsetsResponse`].
    struct DescribeShareGroupOffsetsResponseGroup {
        group_id: ByteString [0..],
        topics: Vec<DescribeShareGroupOffsetsResponseTopic> [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }

    /// Part of [`DescribeShareGroupOffsetsResponseGroup`].
    struct DescribeShareGroupOffsetsResponseTopic {
        topic_name: ByteString [0..],
        topic_id: Uuid [0..],
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition> [0..],
    }

    /// Part of [`DescribeShareGroupOffsetsResponseTopic`].
    struct DescribeShareGroupOffsetsResponsePartition {
        partition_index: i32 [0..],
        start_offset: i64 [0..],
        leader_epoch: i32 [0..],
        lag: i64 [1..] = -1,
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
