//! `ListOffsets` (key 2): finds offsets: the first, the last, or the first at or after a timestamp.

use bytestring::ByteString;

message! {
    /// Finds offsets: the first, the last, or the first at or after a timestamp.
    request ListOffsetsRequest(key 2, versions 1..=11, flexible 6..) {
        replica_id: i32 [0..],
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic> [0..],
        timeout_ms: i32 [10..],
    }

    /// Part of [`ListOffsetsRequest`].
    struct ListOffsetsTopic {
        name: ByteString [0..],
        partitions: Vec<ListOffsetsPartition> [0..],
    }

    /// Part of [`ListOffsetsTopic`].
    struct ListOffsetsPartition {
        partition_index: i32 [0..],
        current_leader_epoch: i32 [4..] = -1,
        timestamp: i64 [0..],
    }

    /// Answers [`ListOffsetsRequest`].
    response ListOffsetsResponse(key 2, versions 1..=11, flexible 6..) {
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse> [0..],
    }

    /// Part of [`ListOffsetsResponse`].
    struct ListOffsetsTopicResponse {
        name: ByteString [0..],
        partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }

    /// Part of [`ListOffsetsTopicResponse`].
    struct ListOffsetsPartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        timestamp: i64 [1..] = -1,
        offset: i64 [1..] = -1,
        leader_epoch: i32 [4..] = -1,
    }
}
