//! `ApiVersions` (key 18): tells which versions of which APIs a broker speaks.

use bytestring::ByteString;

message! {
    /// Tells which versions of which APIs a broker speaks.
    request ApiVersionsRequest(key 18, versions 0..=4, flexible 3..) {
        client_software_name: ByteString [3..],
        client_software_version: ByteString [3..],
    }

    /// Answers [`ApiVersionsRequest`].
    response ApiVersionsResponse(key 18, versions 0..=4, flexible 3..) {
        error_code: i16 [0..],
        api_keys: Vec<ApiVersion> [0..],
        throttle_time_ms: i32 [1..],
        @0 supported_features: Vec<SupportedFeatureKey> [3..],
        @1 finalized_features_epoch: i64 [3..] = -1,
        @2 finalized_features: Vec<FinalizedFeatureKey> [3..],
        @3 zk_migration_ready: bool [3..],
    }

    /// Part of [`ApiVersionsResponse`].
    struct ApiVersion {
        api_key: i16 [0..],
        min_version: i16 [0..],
        max_version: i16 [0..],
    }

    /// Part of [`ApiVersionsResponse`].
    struct SupportedFeatureKey {
        name: ByteString [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    /// Part of [`ApiVersionsResponse`].
    struct FinalizedFeatureKey {
        name: ByteString [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}
