//! `FindCoordinator` (key 10): tells which broker looks after a group, a transactional id or a share partition.

use bytestring::ByteString;

message! {
    /// Tells which broker looks after a group, a transactional id or a share partition.
    request FindCoordinatorRequest(key 10, versions 0..=6, flexible 3..) {
        key: ByteString [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<ByteString> [4..],
    }

    /// Answers [`FindCoordinatorRequest`].
    response FindCoordinatorResponse(key 10, versions 0..=6, flexible 3..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..=3],
        error_message: Option<ByteString> [1..=3] nullable [1..=3],
        node_id: i32 [0..=3],
        host: ByteString [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator> [4..],
    }

    /// Part of [`FindCoordinatorResponse`].
    struct Coordinator {
        key: ByteString [4..],
        node_id: i32 [4..],
        host: ByteString [4..],
        port: i32 [4..],
        error_code: i16 [4..],
        error_message: Option<ByteString> [4..] nullable [4..],
    }
}
