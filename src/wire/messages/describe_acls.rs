//! `DescribeAcls` (key 29): lists access rules.

use bytestring::ByteString;

message! {
    /// Lists access rules.
    request DescribeAclsRequest(key 29, versions 0..=3, flexible 2..) {
        resource_type_filter: i8 [0..],
        resource_name_filter: Option<ByteString> [0..] nullable [0..],
        pattern_type_filter: i8 [1..] = 3,
        principal_filter: Option<ByteString> [0..] nullable [0..],
        host_filter: Option<ByteString> [0..] nullable [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// Answers [`DescribeAclsRequest`].
    response DescribeAclsResponse(key 29, versions 0..=3, flexible 2..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        resources: Vec<DescribeAclsResource> [0..],
    }

    /// Part of [`DescribeAclsResponse`].
    struct DescribeAclsResource {
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        pattern_type: i8 [1..] = 3,
        acls: Vec<AclDescription> [0..],
    }

    /// Part of [`DescribeAclsResource`].
    struct AclDescription {
        principal: ByteString [0..],
        host: ByteString [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }
}
