//! `IncrementalAlterConfigs` (key 44): changes single configuration values.

use bytestring::ByteString;

message! {
    /// Changes single configuration values.
    request IncrementalAlterConfigsRequest(key 44, versions 0..=1, flexible 1..) {
        resources: Vec<AlterConfigsResource> [0..],
        validate_only: bool [0..],
    }

    /// Part of [`IncrementalAlterConfigsRequest`].
    struct AlterConfigsResource {
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        configs: Vec<AlterableConfig> [0..],
    }

    /// Part of [`AlterConfigsResource`].
    struct AlterableConfig {
        name: ByteString [0..],
        config_operation: i8 [0..],
        value: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`IncrementalAlterConfigsRequest`].
    response IncrementalAlterConfigsResponse(key 44, versions 0..=1, flexible 1..) {
        throttle_time_ms: i32 [0..],
        responses: Vec<AlterConfigsResourceResponse> [0..],
    }

    /// Part of [`IncrementalAlterConfigsResponse`].
    struct AlterConfigsResourceResponse {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
    }
}
