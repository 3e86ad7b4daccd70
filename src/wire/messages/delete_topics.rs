//! `DeleteTopics` (key 20): deletes topics.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Deletes topics.
    request DeleteTopicsRequest(key 20, versions 0..=6, flexible 4..) {
        topics: Vec<DeleteTopicState> [6..],
        topic_names: Vec<ByteString> [0..=5],
        timeout_ms: i32 [0..],
    }

    /// Part of [`DeleteTopicsRequest`].
    struct DeleteTopicState {
        name: Option<ByteString> [6..] nullable [6..],
        topic_id: Uuid [6..],
    }

    /// Answers [`DeleteTopicsRequest`].
    response DeleteTopicsResponse(key 20, versions 0..=6, flexible 4..) {
        throttle_time_ms: i32 [1..],
        responses: Vec<DeletableTopicResult> [0..],
    }

    /// Part of [`DeleteTopicsResponse`].
    struct DeletableTopicResult {
        name: Option<ByteString> [0..] nullable [6..],
        topic_id: Uuid [6..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [5..] nullable [5..],
    }
}
