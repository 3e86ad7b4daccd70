//! `ExpireDelegationToken` (key 40): ends a delegation token.

use bytes::Bytes;

message! {
    /// Ends a delegation token.
    request ExpireDelegationTokenRequest(key 40, versions 0..=2, flexible 2..) {
        hmac: Bytes [0..],
        expiry_time_period_ms: i64 [0..],
    }

    /// Answers [`ExpireDelegationTokenRequest`].
    response ExpireDelegationTokenResponse(key 40, versions 0..=2, flexible 2..) {
        error_code: i16 [0..],
        expiry_timestamp_ms: i64 [0..],
        throttle_time_ms: i32 [0..],
    }
}
