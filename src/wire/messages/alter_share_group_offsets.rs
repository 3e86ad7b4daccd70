//! `AlterShareGroupOffsets` (key 91): changes the start offsets of a share group.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Changes the start offsets of a share group.
    request AlterShareGroupOffsetsRequest(key 91, versions 0..=0, flexible 0..) {
        group_id: ByteString [0..],
        topics: Vec<AlterShareGroupOffsetsRequestTopic> [0..],
    }

    /// Part of [`AlterShareGroupOffsetsRequest`].
    struct AlterShareGroupOffsetsRequestTopic {
        topic_name: ByteString [0..],
        partitions: Vec<AlterShareGroupOffsetsRequestPartition> [0..],
    }

    /// Part of [`AlterShareGroupOffsetsRequestTopic`].
    struct AlterShareGroupOffsetsRequestPartition {
        partition_index: i32 [0..],
        start_offset: i64 [0..],
    }

    /// Answers [`AlterShareGroupOffsetsRequest`].
    response AlterShareGroupOffsetsResponse(key 91, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        responses: Vec<AlterShareGroupOffsetsResponseTopic> [0..],
    }

    /// Part of [`AlterShareGroupOffsetsResponse`].
    struct AlterShareGroupOffsetsResponseTopic {
        topic_name: ByteString [0..],
        topic_id: Uuid [0..],
        partitions: Vec<AlterShareGroupOffsetsResponsePartition> [0..],
    }

    /// Part of [`AlterShareGroupOffsetsResponseTopic`].
    struct AlterShareGroupOffsetsResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
