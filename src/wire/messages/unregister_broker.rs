//! `UnregisterBroker` (key 64): removes a broker's registration.

use bytestring::ByteString;

message! {
    /// Removes a broker's registration.
    request UnregisterBrokerRequest(key 64, versions 0..=0, flexible 0..) {
        broker_id: i32 [0..],
    }

    /// Answers [`UnregisterBrokerRequest`].
    response UnregisterBrokerResponse(key 64, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
