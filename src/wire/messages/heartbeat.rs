//! `Heartbeat` (key 12): keeps a member of a classic group alive.

use bytestring::ByteString;

message! {
    /// Keeps a member of a classic group alive.
    request HeartbeatRequest(key 12, versions 0..=4, flexible 4..) {
        group_id: ByteString [0..],
        generation_id: i32 [0..],
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [3..] nullable [3..],
    }

    /// Answers [`HeartbeatRequest`].
    response HeartbeatResponse(key 12, versions 0..=4, flexible 4..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
    }
}
