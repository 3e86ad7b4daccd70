//! `TxnOffsetCommit` (key 28): stores a group's positions within a transaction.

use bytestring::ByteString;

message! {
    /// Stores a group's positions within a transaction.
    request TxnOffsetCommitRequest(key 28, versions 0..=5, flexible 3..) {
        transactional_id: ByteString [0..],
        group_id: ByteString [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        generation_id: i32 [3..] = -1,
        member_id: ByteString [3..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
        topics: Vec<TxnOffsetCommitRequestTopic> [0..],
    }

    /// Part of [`TxnOffsetCommitRequest`].
    struct TxnOffsetCommitRequestTopic {
        name: ByteString [0..],
        partitions: Vec<TxnOffsetCommitRequestPartition> [0..],
    }

    /// Part of [`TxnOffsetCommitRequestTopic`].
    struct TxnOffsetCommitRequestPartition {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [2..] = -1,
        committed_metadata: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`TxnOffsetCommitRequest`].
    response TxnOffsetCommitResponse(key 28, versions 0..=5, flexible 3..) {
        throttle_time_ms: i32 [0..],
        topics: Vec<TxnOffsetCommitResponseTopic> [0..],
    }

    /// Part of [`TxnOffsetCommitResponse`].
    struct TxnOffsetCommitResponseTopic {
        name: ByteString [0..],
        partitions: Vec<TxnOffsetCommitResponsePartition> [0..],
    }

    /// Part of [`TxnOffsetCommitResponseTopic`].
    struct TxnOffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
