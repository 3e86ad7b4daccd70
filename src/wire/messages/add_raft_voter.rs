//! `AddRaftVoter` (key 80): adds a voter to the metadata quorum.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Adds a voter to the metadata quorum.
    request AddRaftVoterRequest(key 80, versions 0..=1, flexible 0..) {
        cluster_id: Option<ByteString> [0..] nullable [0..],
        timeout_ms: i32 [0..],
        voter_id: i32 [0..],
        voter_directory_id: Uuid [0..],
        listeners: Vec<Listener> [0..],
        ack_when_committed: bool [1..] = true,
    }

    /// Part of [`AddRaftVoterRequest`].
    struct Listener {
        name: ByteString [0..],
        host: ByteString [0..],
        port: u16 [0..],
    }

    /// Answers [`AddRaftVoterRequest`].
    response AddRaftVoterResponse(key 80, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
