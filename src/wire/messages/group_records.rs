//! What group coordinators write into `__consumer_offsets`: keys and values, each behind its version as 16 bits.

use crate::base::Uuid;
use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Whose position in which partition; its versions are the key types 0 and 1.
    data OffsetCommitKey(versions 0..=1) {
        group: ByteString [0..],
        topic: ByteString [0..],
        partition: i32 [0..],
    }

    /// A committed position.
    data OffsetCommitValue(versions 0..=4, flexible 4..) {
        offset: i64 [0..],
        leader_epoch: i32 [3..] = -1,
        metadata: ByteString [0..],
        commit_timestamp: i64 [0..],
        expire_timestamp: i64 [1..=1] = -1,
        @0 topic_id: Uuid [4..],
    }

    /// Which group; its version is the key type 2.
    data GroupMetadataKey(versions 2..=2) {
        group: ByteString [2..],
    }

    /// A classic group after a rebalance.
    data GroupMetadataValue(versions 0..=4, flexible 4..) {
        protocol_type: ByteString [0..],
        generation: i32 [0..],
        protocol: Option<ByteString> [0..] nullable [0..],
        leader: Option<ByteString> [0..] nullable [0..],
        current_state_timestamp: i64 [2..] = -1,
        members: Vec<MemberMetadata> [0..],
    }

    /// Part of [`GroupMetadataValue`].
    struct MemberMetadata {
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
        client_id: ByteString [0..],
        client_host: ByteString [0..],
        rebalance_timeout: i32 [1..] = -1,
        session_timeout: i32 [0..],
        subscription: Bytes [0..],
        assignment: Bytes [0..],
    }
}

message! {
    /// Which consumer group (KIP-848); its version is the key type 3.
    data ConsumerGroupMetadataKey(versions 3..=3) {
        group_id: ByteString [3..],
    }

    /// How often what a consumer group is about has changed.
    data ConsumerGroupMetadataValue(versions 0..=0, flexible 0..) {
        epoch: i32 [0..],
        @0 metadata_hash: i64 [0..],
    }

    /// Which consumer group; its version is the key type 4. Since Kafka 4.1 there are only tombstones of it.
    data ConsumerGroupPartitionMetadataKey(versions 4..=4) {
        group_id: ByteString [4..],
    }

    /// Which member of a consumer group; its version is the key type 5.
    data ConsumerGroupMemberMetadataKey(versions 5..=5) {
        group_id: ByteString [5..],
        member_id: ByteString [5..],
    }

    /// Who a member is and what it wants.
    data ConsumerGroupMemberMetadataValue(versions 0..=0, flexible 0..) {
        instance_id: Option<ByteString> [0..] nullable [0..],
        rack_id: Option<ByteString> [0..] nullable [0..],
        client_id: ByteString [0..],
        client_host: ByteString [0..],
        subscribed_topic_names: Vec<ByteString> [0..],
        subscribed_topic_regex: Option<ByteString> [0..] nullable [0..],
        rebalance_timeout_ms: i32 [0..] = -1,
        server_assignor: Option<ByteString> [0..] nullable [0..],
    }

    /// What a member of the classic protocol has said beside it.
    ///
    /// It is the field with tag 0 of [`ConsumerGroupMemberMetadataValue`], behind a byte that says whether it is there
    /// (1) or null (0): a form that no other message has. Kafka takes the absence of the tag for an empty struct.
    data ClassicMemberMetadata(versions 0..=0, flexible 0..) {
        session_timeout_ms: i32 [0..],
        supported_protocols: Vec<ClassicProtocol> [0..],
    }

    /// Part of [`ClassicMemberMetadata`].
    struct ClassicProtocol {
        name: ByteString [0..],
        metadata: Bytes [0..],
    }

    /// Which consumer group; its version is the key type 6.
    data ConsumerGroupTargetAssignmentMetadataKey(versions 6..=6) {
        group_id: ByteString [6..],
    }

    /// Of which group epoch the target assignment is.
    data ConsumerGroupTargetAssignmentMetadataValue(versions 0..=0, flexible 0..) {
        assignment_epoch: i32 [0..],
    }

    /// Which member of a consumer group; its version is the key type 7.
    data ConsumerGroupTargetAssignmentMemberKey(versions 7..=7) {
        group_id: ByteString [7..],
        member_id: ByteString [7..],
    }

    /// What a member should have.
    data ConsumerGroupTargetAssignmentMemberValue(versions 0..=0, flexible 0..) {
        topic_partitions: Vec<TopicPartitions> [0..],
    }

    /// Part of what is assigned.
    struct TopicPartitions {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }

    /// Which member of a consumer group; its version is the key type 8.
    data ConsumerGroupCurrentMemberAssignmentKey(versions 8..=8) {
        group_id: ByteString [8..],
        member_id: ByteString [8..],
    }

    /// What a member has.
    data ConsumerGroupCurrentMemberAssignmentValue(versions 0..=0, flexible 0..) {
        member_epoch: i32 [0..],
        previous_member_epoch: i32 [0..],
        state: i8 [0..],
        assigned_partitions: Vec<TopicPartitions> [0..],
        partitions_pending_revocation: Vec<TopicPartitions> [0..],
    }

    /// Which regular expression of a consumer group; its key type is 16.
    data ConsumerGroupRegularExpressionKey(versions 16..=16) {
        group_id: ByteString [16..],
        regular_expression: ByteString [16..],
    }

    /// The topics that a regular expression stands for.
    data ConsumerGroupRegularExpressionValue(versions 0..=0, flexible 0..) {
        topics: Vec<ByteString> [0..],
        version: i64 [0..],
        timestamp: i64 [0..],
    }
}
