//! `OffsetFetch` (key 9): reads a group's stored positions.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Reads a group's stored positions.
    request OffsetFetchRequest(key 9, versions 0..=10, flexible 6..) {
        group_id: ByteString [0..=7],
        topics: Option<Vec<OffsetFetchRequestTopic>> [0..=7] nullable [2..=7],
        groups: Vec<OffsetFetchRequestGroup> [8..],
        require_stable: bool [7..],
    }

    /// Part of [`OffsetFetchRequest`].
    struct OffsetFetchRequestTopic {
        name: ByteString [0..=7],
        partition_indexes: Vec<i32> [0..=7],
    }

    /// Part of [`OffsetFetchRequest`].
    struct OffsetFetchRequestGroup {
        group_id: ByteString [8..],
        member_id: Option<ByteString> [9..] nullable [9..],
        member_epoch: i32 [9..] = -1,
        topics: Option<Vec<OffsetFetchRequestTopics>> [8..] nullable [8..],
    }

    /// Part of [`OffsetFetchRequestGroup`].
    struct OffsetFetchRequestTopics {
        name: ByteString [8..=9],
        topic_id: Uuid [10..],
        partition_indexes: Vec<i32> [8..],
    }

    /// Answers [`OffsetFetchRequest`].
    response OffsetFetchResponse(key 9, versions 0..=10, flexible 6..) {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetFetchResponseTopic> [0..=7],
        error_code: i16 [2..=7],
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    /// Part of [`OffsetFetchResponse`].
    struct OffsetFetchResponseTopic {
        name: ByteString [0..=7],
        partitions: Vec<OffsetFetchResponsePartition> [0..=7],
    }

    /// Part of [`OffsetFetchResponseTopic`].
    struct OffsetFetchResponsePartition {
        partition_index: i32 [0..=7],
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7] = -1,
        metadata: Option<ByteString> [0..=7] nullable [0..=7],
        error_code: i16 [0..=7],
    }

    /// Part of [`OffsetFetchResponse`].
    struct OffsetFetchResponseGroup {
        group_id: ByteString [8..],
        topics: Vec<OffsetFetchResponseTopics> [8..],
        error_code: i16 [8..],
    }

    /// Part of [`OffsetFetchResponseGroup`].
    struct OffsetFetchResponseTopics {
        name: ByteString [8..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetFetchResponsePartitions> [8..],
    }

    /// Part of [`OffsetFetchResponseTopics`].
    struct OffsetFetchResponsePartitions {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8..] = -1,
        metadata: Option<ByteString> [8..] nullable [8..],
        error_code: i16 [8..],
    }
}
