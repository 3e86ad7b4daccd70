//! `CreateDelegationToken` (key 38): creates a delegation token.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Creates a delegation token.
    request CreateDelegationTokenRequest(key 38, versions 0..=3, flexible 2..) {
        owner_principal_type: Option<ByteString> [3..] nullable [3..],
        owner_principal_name: Option<ByteString> [3..] nullable [3..],
        renewers: Vec<CreatableRenewers> [0..],
        max_lifetime_ms: i64 [0..],
    }

    /// Part of [`CreateDelegationTokenRequest`].
    struct CreatableRenewers {
        principal_type: ByteString [0..],
        principal_name: ByteString [0..],
    }

    /// Answers [`CreateDelegationTokenRequest`].
    response CreateDelegationTokenResponse(key 38, versions 0..=3, flexible 2..) {
        error_code: i16 [0..],
        principal_type: ByteString [0..],
        principal_name: ByteString [0..],
        token_requester_principal_type: ByteString [3..],
        token_requester_principal_name: ByteString [3..],
        issue_timestamp_ms: i64 [0..],
        expiry_timestamp_ms: i64 [0..],
        max_timestamp_ms: i64 [0..],
        token_id: ByteString [0..],
        hmac: Bytes [0..],
        throttle_time_ms: i32 [0..],
    }
}
