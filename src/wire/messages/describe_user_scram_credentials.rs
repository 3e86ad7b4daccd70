//! `DescribeUserScramCredentials` (key 50): lists users' SCRAM credentials.

use bytestring::ByteString;

message! {
    /// Lists users' SCRAM credentials.
    request DescribeUserScramCredentialsRequest(key 50, versions 0..=0, flexible 0..) {
        users: Option<Vec<UserName>> [0..] nullable [0..],
    }

    /// Part of [`DescribeUserScramCredentialsRequest`].
    struct UserName {
        name: ByteString [0..],
    }

    /// Answers [`DescribeUserScramCredentialsRequest`].
    response DescribeUserScramCredentialsResponse(key 50, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        results: Vec<DescribeUserScramCredentialsResult> [0..],
    }

    /// Part of [`DescribeUserScramCredentialsResponse`].
    struct DescribeUserScramCredentialsResult {
        user: ByteString [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        credential_infos: Vec<CredentialInfo> [0..],
    }

    /// Part of [`DescribeUserScramCredentialsResult`].
    struct CredentialInfo {
        mechanism: i8 [0..],
        iterations: i32 [0..],
    }
}
