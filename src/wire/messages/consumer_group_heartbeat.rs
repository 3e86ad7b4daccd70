//! `ConsumerGroupHeartbeat` (key 68): joins, keeps alive and leaves a consumer group of KIP-848.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Joins, keeps alive and leaves a consumer group of KIP-848.
    request ConsumerGroupHeartbeatRequest(key 68, versions 0..=1, flexible 0..) {
        group_id: ByteString [0..],
        member_id: ByteString [0..],
        member_epoch: i32 [0..],
        instance_id: Option<ByteString> [0..] nullable [0..],
        rack_id: Option<ByteString> [0..] nullable [0..],
        rebalance_timeout_ms: i32 [0..] = -1,
        subscribed_topic_names: Option<Vec<ByteString>> [0..] nullable [0..],
        subscribed_topic_regex: Option<ByteString> [1..] nullable [1..],
        server_assignor: Option<ByteString> [0..] nullable [0..],
        topic_partitions: Option<Vec<TopicPartitions>> [0..] nullable [0..],
    }

    /// Part of [`ConsumerGroupHeartbeatRequest`].
    struct TopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`ConsumerGroupHeartbeatRequest`].
    response ConsumerGroupHeartbeatResponse(key 68, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        member_id: Option<ByteString> [0..] nullable [0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        assignment: Option<Assignment> [0..] nullable [0..],
    }

    /// Part of [`ConsumerGroupHeartbeatResponse`].
    nullable_struct Assignment {
        topic_partitions: Vec<ResponseTopicPartitions> [0..],
    }

    /// Part of [`ConsumerGroupHeartbeatResponse`].
    struct ResponseTopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }
}
