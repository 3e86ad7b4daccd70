//! What members of a classic consumer group tell each other, as bytes inside `JoinGroup` and `SyncGroup`.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// What a member wants: topics, what it owns, and its rack.
    data ConsumerProtocolSubscription(versions 0..=3) {
        topics: Vec<ByteString> [0..],
        user_data: Option<Bytes> [0..] nullable [0..],
        owned_partitions: Vec<TopicPartition> [1..],
        generation_id: i32 [2..] = -1,
        rack_id: Option<ByteString> [3..] nullable [3..],
    }

    /// Part of [`ConsumerProtocolSubscription`].
    struct TopicPartition {
        topic: ByteString [1..],
        partitions: Vec<i32> [1..],
    }

    /// What a member gets.
    data ConsumerProtocolAssignment(versions 0..=3) {
        assigned_partitions: Vec<RequestTopicPartition> [0..],
        user_data: Option<Bytes> [0..] nullable [0..],
    }

    /// Part of [`ConsumerProtocolAssignment`].
    struct RequestTopicPartition {
        topic: ByteString [0..],
        partitions: Vec<i32> [0..],
    }
}
