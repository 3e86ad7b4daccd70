//! `UpdateFeatures` (key 57): changes the finalized feature levels.

use bytestring::ByteString;

message! {
    /// Changes the finalized feature levels.
    request UpdateFeaturesRequest(key 57, versions 0..=2, flexible 0..) {
        timeout_ms: i32 [0..] = 60000,
        feature_updates: Vec<FeatureUpdateKey> [0..],
        validate_only: bool [1..],
    }

    /// Part of [`UpdateFeaturesRequest`].
    struct FeatureUpdateKey {
        feature: ByteString [0..],
        max_version_level: i16 [0..],
        allow_downgrade: bool [0..=0],
        upgrade_type: i8 [1..] = 1,
    }

    /// Answers [`UpdateFeaturesRequest`].
    response UpdateFeaturesResponse(key 57, versions 0..=2, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        results: Vec<UpdatableFeatureResult> [0..=1],
    }

    /// Part of [`UpdateFeaturesResponse`].
    struct UpdatableFeatureResult {
        feature: ByteString [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
