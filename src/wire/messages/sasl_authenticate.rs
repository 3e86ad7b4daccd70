//! `SaslAuthenticate` (key 36): carries one step of a SASL exchange.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Carries one step of a SASL exchange.
    request SaslAuthenticateRequest(key 36, versions 0..=2, flexible 2..) {
        auth_bytes: Bytes [0..],
    }

    /// Answers [`SaslAuthenticateRequest`].
    response SaslAuthenticateResponse(key 36, versions 0..=2, flexible 2..) {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        auth_bytes: Bytes [0..],
        session_lifetime_ms: i64 [1..],
    }
}
