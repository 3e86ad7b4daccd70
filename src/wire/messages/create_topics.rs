//! `CreateTopics` (key 19): creates topics.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Creates topics.
    request CreateTopicsRequest(key 19, versions 0..=7, flexible 5..) {
        topics: Vec<CreatableTopic> [0..],
        timeout_ms: i32 [0..] = 60000,
        validate_only: bool [1..],
    }

    /// Part of [`CreateTopicsRequest`].
    struct CreatableTopic {
        name: ByteString [0..],
        num_partitions: i32 [0..],
        replication_factor: i16 [0..],
        assignments: Vec<CreatableReplicaAssignment> [0..],
        configs: Vec<CreatableTopicConfig> [0..],
    }

    /// Part of [`CreatableTopic`].
    struct CreatableReplicaAssignment {
        partition_index: i32 [0..],
        broker_ids: Vec<i32> [0..],
    }

    /// Part of [`CreatableTopic`].
    struct CreatableTopicConfig {
        name: ByteString [0..],
        value: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`CreateTopicsRequest`].
    response CreateTopicsResponse(key 19, versions 0..=7, flexible 5..) {
        throttle_time_ms: i32 [2..],
        topics: Vec<CreatableTopicResult> [0..],
    }

    /// Part of [`CreateTopicsResponse`].
    struct CreatableTopicResult {
        name: ByteString [0..],
        topic_id: Uuid [7..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [1..] nullable [0..],
        num_partitions: i32 [5..] = -1,
        replication_factor: i16 [5..] = -1,
        configs: Option<Vec<CreatableTopicConfigs>> [5..] nullable [5..],
        @0 topic_config_error_code: i16 [5..],
    }

    /// Part of [`CreatableTopicResult`].
    struct CreatableTopicConfigs {
        name: ByteString [5..],
        value: Option<ByteString> [5..] nullable [5..],
        read_only: bool [5..],
        config_source: i8 [5..] = -1,
        is_sensitive: bool [5..],
    }
}
