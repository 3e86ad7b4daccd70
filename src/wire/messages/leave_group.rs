//! `LeaveGroup` (key 13): removes members from a classic group.

use bytestring::ByteString;

message! {
    /// Removes members from a classic group.
    request LeaveGroupRequest(key 13, versions 0..=5, flexible 4..) {
        group_id: ByteString [0..],
        member_id: ByteString [0..=2],
        members: Vec<MemberIdentity> [3..],
    }

    /// Part of [`LeaveGroupRequest`].
    struct MemberIdentity {
        member_id: ByteString [3..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
        reason: Option<ByteString> [5..] nullable [5..],
    }

    /// Answers [`LeaveGroupRequest`].
    response LeaveGroupResponse(key 13, versions 0..=5, flexible 4..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        members: Vec<MemberResponse> [3..],
    }

    /// Part of [`LeaveGroupResponse`].
    struct MemberResponse {
        member_id: ByteString [3..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
        error_code: i16 [3..],
    }
}
