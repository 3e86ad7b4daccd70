//! `SyncGroup` (key 14): hands out the assignment of a classic group.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Hands out the assignment of a classic group.
    request SyncGroupRequest(key 14, versions 0..=5, flexible 4..) {
        group_id: ByteString [0..],
        generation_id: i32 [0..],
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
        protocol_type: Option<ByteString> [5..] nullable [5..],
        protocol_name: Option<ByteString> [5..] nullable [5..],
        assignments: Vec<SyncGroupRequestAssignment> [0..],
    }

    /// Part of [`SyncGroupRequest`].
    struct SyncGroupRequestAssignment {
        member_id: ByteString [0..],
        assignment: Bytes [0..],
    }

    /// Answers [`SyncGroupRequest`].
    response SyncGroupResponse(key 14, versions 0..=5, flexible 4..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        protocol_type: Option<ByteString> [5..] nullable [5..],
        protocol_name: Option<ByteString> [5..] nullable [5..],
        assignment: Bytes [0..],
    }
}
