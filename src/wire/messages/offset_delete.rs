//! `OffsetDelete` (key 47): deletes positions of a group.

use bytestring::ByteString;

message! {
    /// Deletes positions of a group.
    request OffsetDeleteRequest(key 47, versions 0..=0) {
        group_id: ByteString [0..],
        topics: Vec<OffsetDeleteRequestTopic> [0..],
    }

    /// Part of [`OffsetDeleteRequest`].
    struct OffsetDeleteRequestTopic {
        name: ByteString [0..],
        partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }

    /// Part of [`OffsetDeleteRequestTopic`].
    struct OffsetDeleteRequestPartition {
        partition_index: i32 [0..],
    }

    /// Answers [`OffsetDeleteRequest`].
    response OffsetDeleteResponse(key 47, versions 0..=0) {
        error_code: i16 [0..],
        throttle_time_ms: i32 [0..],
        topics: Vec<OffsetDeleteResponseTopic> [0..],
    }

    /// Part of [`OffsetDeleteResponse`].
    struct OffsetDeleteResponseTopic {
        name: ByteString [0..],
        partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }

    /// Part of [`OffsetDeleteResponseTopic`].
    struct OffsetDeleteResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
