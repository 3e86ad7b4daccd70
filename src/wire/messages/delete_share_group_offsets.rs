//! `DeleteShareGroupOffsets` (key 92): deletes the start offsets of a share group.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Deletes the start offsets of a share group.
    request DeleteShareGroupOffsetsRequest(key 92, versions 0..=0, flexible 0..) {
        group_id: ByteString [0..],
        topics: Vec<DeleteShareGroupOffsetsRequestTopic> [0..],
    }

    /// Part of [`DeleteShareGroupOffsetsRequest`].
    struct DeleteShareGroupOffsetsRequestTopic {
        topic_name: ByteString [0..],
    }

    /// Answers [`DeleteShareGroupOffsetsRequest`].
    response DeleteShareGroupOffsetsResponse(key 92, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        responses: Vec<DeleteShareGroupOffsetsResponseTopic> [0..],
    }

    /// Part of [`DeleteShareGroupOffsetsResponse`].
    struct DeleteShareGroupOffsetsResponseTopic {
        topic_name: ByteString [0..],
        topic_id: Uuid [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
