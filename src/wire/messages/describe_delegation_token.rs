//! `DescribeDelegationToken` (key 41): lists delegation tokens.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Lists delegation tokens.
    request DescribeDelegationTokenRequest(key 41, versions 0..=3, flexible 2..) {
        owners: Option<Vec<DescribeDelegationTokenOwner>> [0..] nullable [0..],
    }

    /// Part of [`DescribeDelegationTokenRequest`].
    struct DescribeDelegationTokenOwner {
        principal_type: ByteString [0..],
        principal_name: ByteString [0..],
    }

    /// Answers [`DescribeDelegationTokenRequest`].
    response DescribeDelegationTokenResponse(key 41, versions 0..=3, flexible 2..) {
        error_code: i16 [0..],
        tokens: Vec<DescribedDelegationToken> [0..],
        throttle_time_ms: i32 [0..],
    }

    /// Part of [`DescribeDelegationTokenResponse`].
    struct DescribedDelegationToken {
        principal_type: ByteString [0..],
        principal_name: ByteString [0..],
        token_requester_principal_type: ByteString [3..],
        token_requester_principal_name: ByteString [3..],
        issue_timestamp: i64 [0..],
        expiry_timestamp: i64 [0..],
        max_timestamp: i64 [0..],
        token_id: ByteString [0..],
        hmac: Bytes [0..],
        renewers: Vec<DescribedDelegationTokenRenewer> [0..],
    }

    /// Part of [`DescribedDelegationToken`].
    struct DescribedDelegationTokenRenewer {
        principal_type: ByteString [0..],
        principal_name: ByteString [0..],
    }
}
