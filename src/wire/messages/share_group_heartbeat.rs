//! `ShareGroupHeartbeat` (key 76): joins, keeps alive and leaves a share group.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Joins, keeps alive and leaves a share group.
    request ShareGroupHeartbeatRequest(key 76, versions 0..=1, flexible 0..) {
        group_id: ByteString [0..],
        member_id: ByteString [0..],
        member_epoch: i32 [0..],
        rack_id: Option<ByteString> [0..] nullable [0..],
        subscribed_topic_names: Option<Vec<ByteString>> [0..] nullable [0..],
    }

    /// Answers [`ShareGroupHeartbeatRequest`].
    response ShareGroupHeartbeatResponse(key 76, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        member_id: Option<ByteString> [0..] nullable [0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        assignment: Option<Assignment> [0..] nullable [0..],
    }

    /// Part of [`ShareGroupHeartbeatResponse`].
    nullable_struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0..],
    }

    /// Part of [`ShareGroupHeartbeatResponse`].
    struct TopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }
}
