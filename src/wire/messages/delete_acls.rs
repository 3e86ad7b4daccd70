//! `DeleteAcls` (key 31): deletes access rules.

use bytestring::ByteString;

message! {
    /// Deletes access rules.
    request DeleteAclsRequest(key 31, versions 0..=3, flexible 2..) {
        filters: Vec<DeleteAclsFilter> [0..],
    }

    /// Part of [`DeleteAclsRequest`].
    struct DeleteAclsFilter {
        resource_type_filter: i8 [0..],
        resource_name_filter: Option<ByteString> [0..] nullable [0..],
        pattern_type_filter: i8 [1..] = 3,
        principal_filter: Option<ByteString> [0..] nullable [0..],
        host_filter: Option<ByteString> [0..] nullable [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// Answers [`DeleteAclsRequest`].
    response DeleteAclsResponse(key 31, versions 0..=3, flexible 2..) {
        throttle_time_ms: i32 [0..],
        filter_results: Vec<DeleteAclsFilterResult> [0..],
    }

    /// Part of [`DeleteAclsResponse`].
    struct DeleteAclsFilterResult {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        matching_acls: Vec<DeleteAclsMatchingAcl> [0..],
    }

    /// Part of [`DeleteAclsFilterResult`].
    struct DeleteAclsMatchingAcl {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        pattern_type: i8 [1..] = 3,
        principal: ByteString [0..],
        host: ByteString [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }
}
