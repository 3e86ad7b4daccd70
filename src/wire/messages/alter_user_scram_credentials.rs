//! `AlterUserScramCredentials` (key 51): changes users' SCRAM credentials.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Changes users' SCRAM credentials.
    request AlterUserScramCredentialsRequest(key 51, versions 0..=0, flexible 0..) {
        deletions: Vec<ScramCredentialDeletion> [0..],
        upsertions: Vec<ScramCredentialUpsertion> [0..],
    }

    /// Part of [`AlterUserScramCredentialsRequest`].
    struct ScramCredentialDeletion {
        name: ByteString [0..],
        mechanism: i8 [0..],
    }

    /// Part of [`AlterUserScramCredentialsRequest`].
    struct ScramCredentialUpsertion {
        name: ByteString [0..],
        mechanism: i8 [0..],
        iterations: i32 [0..],
        salt: Bytes [0..],
        salted_password: Bytes [0..],
    }

    /// Answers [`AlterUserScramCredentialsRequest`].
    response AlterUserScramCredentialsResponse(key 51, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        results: Vec<AlterUserScramCredentialsResult> [0..],
    }

    /// Part of [`AlterUserScramCredentialsResponse`].
    struct AlterUserScramCredentialsResult {
        user: ByteString [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
