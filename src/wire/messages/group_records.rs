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
