//! `DescribeConfigs` (key 32): shows configuration values and where they come from.

use bytestring::ByteString;

message! {
    /// Shows configuration values and where they come from.
    request DescribeConfigsRequest(key 32, versions 0..=4, flexible 4..) {
        resources: Vec<DescribeConfigsResource> [0..],
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }

    /// Part of [`DescribeConfigsRequest`].
    struct DescribeConfigsResource {
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        configuration_keys: Option<Vec<ByteString>> [0..] nullable [0..],
    }

    /// Answers [`DescribeConfigsRequest`].
    response DescribeConfigsResponse(key 32, versions 0..=4, flexible 4..) {
        throttle_time_ms: i32 [0..],
        results: Vec<DescribeConfigsResult> [0..],
    }

    /// Part of [`DescribeConfigsResponse`].
    struct DescribeConfigsResult {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        configs: Vec<DescribeConfigsResourceResult> [0..],
    }

    /// Part of [`DescribeConfigsResult`].
    struct DescribeConfigsResourceResult {
        name: ByteString [0..],
        value: Option<ByteString> [0..] nullable [0..],
        read_only: bool [0..],
        is_default: bool [0..=0],
        config_source: i8 [1..] = -1,
        is_sensitive: bool [0..],
        synonyms: Vec<DescribeConfigsSynonym> [1..],
        config_type: i8 [3..],
        documentation: Option<ByteString> [3..] nullable [0..],
    }

    /// Part of [`DescribeConfigsResourceResult`].
    struct DescribeConfigsSynonym {
        name: ByteString [1..],
        value: Option<ByteString> [1..] nullable [0..],
        source: i8 [1..],
    }
}
