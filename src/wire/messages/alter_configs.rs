//! `AlterConfigs` (key 33): replaces the whole configuration of a resource.

use bytestring::ByteString;

message! {
    /// Replaces the whole configuration of a resource.
    request AlterConfigsRequest(key 33, versions 0..=2, flexible 2..) {
        resources: Vec<AlterConfigsResource> [0..],
        validate_only: bool [0..],
    }

    /// Part of [`AlterConfigsRequest`].
    struct AlterConfigsResource {
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        configs: Vec<AlterableConfig> [0..],
    }

    /// Part of [`AlterConfigsResource`].
    struct AlterableConfig {
        name: ByteString [0..],
        value: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`AlterConfigsRequest`].
    response AlterConfigsResponse(key 33, versions 0..=2, flexible 2..) {
        throttle_time_ms: i32 [0..],
        responses: Vec<AlterConfigsResourceResponse> [0..],
    }

    /// Part of [`AlterConfigsResponse`].
    struct AlterConfigsResourceResponse {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
    }
}
