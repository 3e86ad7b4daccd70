//! `ListConfigResources` (key 74): lists what can be configured.

use bytestring::ByteString;

message! {
    /// Lists what can be configured.
    request ListConfigResourcesRequest(key 74, versions 0..=1, flexible 0..) {
        resource_types: Vec<i8> [1..],
    }

    /// Answers [`ListConfigResourcesRequest`].
    response ListConfigResourcesResponse(key 74, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        config_resources: Vec<ConfigResource> [0..],
    }

    /// Part of [`ListConfigResourcesResponse`].
    struct ConfigResource {
        resource_name: ByteString [0..],
        resource_type: i8 [1..] = 16,
    }
}
