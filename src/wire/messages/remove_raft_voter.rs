//! `RemoveRaftVoter` (key 81): removes a voter from the metadata quorum.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Removes a voter from the metadata quorum.
    request RemoveRaftVoterRequest(key 81, versions 0..=0, flexible 0..) {
        cluster_id: Option<ByteString> [0..] nullable [0..],
        voter_id: i32 [0..],
        voter_directory_id: Uuid [0..],
    }

    /// Answers [`RemoveRaftVoterRequest`].
    response RemoveRaftVoterResponse(key 81, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
