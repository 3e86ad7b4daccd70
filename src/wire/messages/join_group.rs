//! `JoinGroup` (key 11): makes a client a member of a classic group.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Makes a client a member of a classic group.
    request JoinGroupRequest(key 11, versions 0..=9, flexible 6..) {
        group_id: ByteString [0..],
        session_timeout_ms: i32 [0..],
        rebalance_timeout_ms: i32 [1..] = -1,
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [5..] nullable [5..],
        protocol_type: ByteString [0..],
        protocols: Vec<JoinGroupRequestProtocol> [0..],
        reason: Option<ByteString> [8..] nullable [8..],
    }

    /// Part of [`JoinGroupRequest`].
    struct JoinGroupRequestProtocol {
        name: ByteString [0..],
        metadata: Bytes [0..],
    }

    /// Answers [`JoinGroupRequest`].
    response JoinGroupResponse(key 11, versions 0..=9, flexible 6..) {
        throttle_time_ms: i32 [2..],
        error_code: i16 [0..],
        generation_id: i32 [0..] = -1,
        protocol_type: Option<ByteString> [7..] nullable [7..],
        protocol_name: Option<ByteString> [0..] nullable [7..],
        leader: ByteString [0..],
        skip_assignment: bool [9..],
        member_id: ByteString [0..],
        members: Vec<JoinGroupResponseMember> [0..],
    }

    /// Part of [`JoinGroupResponse`].
    struct JoinGroupResponseMember {
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [5..] nullable [5..],
        metadata: Bytes [0..],
    }
}
