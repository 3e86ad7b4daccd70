//! `RenewDelegationToken` (key 39): prolongs a delegation token.

use bytes::Bytes;

message! {
    /// Prolongs a delegation token.
    request RenewDelegationTokenRequest(key 39, versions 0..=2, flexible 2..) {
        hmac: Bytes [0..],
        renew_period_ms: i64 [0..],
    }

    /// Answers [`RenewDelegationTokenRequest`].
    response RenewDelegationTokenResponse(key 39, versions 0..=2, flexible 2..) {
        error_code: i16 [0..],
        expiry_timestamp_ms: i64 [0..],
        throttle_time_ms: i32 [0..],
    }
}
