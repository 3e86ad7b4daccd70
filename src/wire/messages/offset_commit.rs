//! `OffsetCommit` (key 8): stores a group's positions.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Stores a group's positions.
    request OffsetCommitRequest(key 8, versions 0..=10, flexible 8..) {
        group_id: ByteString [0..],
        generation_id_or_member_epoch: i32 [1..] = -1,
        member_id: ByteString [1..],
        group_instance_id: Option<ByteString> [7..] nullable [7..],
        retention_time_ms: i64 [2..=4] = -1,
        topics: Vec<OffsetCommitRequestTopic> [0..],
    }

    /// Part of [`OffsetCommitRequest`].
    struct OffsetCommitRequestTopic {
        name: ByteString [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitRequestPartition> [0..],
    }

    /// Part of [`OffsetCommitRequestTopic`].
    struct OffsetCommitRequestPartition {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [6..] = -1,
        commit_timestamp: i64 [1..=1] = -1,
        committed_metadata: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`OffsetCommitRequest`].
    response OffsetCommitResponse(key 8, versions 0..=10, flexible 8..) {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetCommitResponseTopic> [0..],
    }

    /// Part of [`OffsetCommitResponse`].
    struct OffsetCommitResponseTopic {
        name: ByteString [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitResponsePartition> [0..],
    }

    /// Part of [`OffsetCommitResponseTopic`].
    struct OffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
