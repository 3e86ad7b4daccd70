//! `SaslHandshake` (key 17): chooses a SASL mechanism.

use bytestring::ByteString;

message! {
    /// Chooses a SASL mechanism.
    request SaslHandshakeRequest(key 17, versions 0..=1) {
        mechanism: ByteString [0..],
    }

    /// Answers [`SaslHandshakeRequest`].
    response SaslHandshakeResponse(key 17, versions 0..=1) {
        error_code: i16 [0..],
        mechanisms: Vec<ByteString> [0..],
    }
}
