//! `OffsetForLeaderEpoch` (key 23): tells where the records of a leader epoch end.

use bytestring::ByteString;

message! {
    /// Tells where the records of a leader epoch end.
    request OffsetForLeaderEpochRequest(key 23, versions 0..=4, flexible 4..) {
        replica_id: i32 [3..] = -2,
        topics: Vec<OffsetForLeaderTopic> [0..],
    }

    /// Part of [`OffsetForLeaderEpochRequest`].
    struct OffsetForLeaderTopic {
        topic: ByteString [0..],
        partitions: Vec<OffsetForLeaderPartition> [0..],
    }

    /// Part of [`OffsetForLeaderTopic`].
    struct OffsetForLeaderPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [2..] = -1,
        leader_epoch: i32 [0..],
    }

    /// Answers [`OffsetForLeaderEpochRequest`].
    response OffsetForLeaderEpochResponse(key 23, versions 0..=4, flexible 4..) {
        throttle_time_ms: i32 [2..],
        topics: Vec<OffsetForLeaderTopicResult> [0..],
    }

    /// Part of [`OffsetForLeaderEpochResponse`].
    struct OffsetForLeaderTopicResult {
        topic: ByteString [0..],
        partitions: Vec<EpochEndOffset> [0..],
    }

    /// Part of [`OffsetForLeaderTopicResult`].
    struct EpochEndOffset {
        error_code: i16 [0..],
        partition: i32 [0..],
        leader_epoch: i32 [1..] = -1,
        end_offset: i64 [0..] = -1,
    }
}
