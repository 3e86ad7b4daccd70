//! `CreateAcls` (key 30): creates access rules.

use bytestring::ByteString;

message! {
    /// Creates access rules.
    request CreateAclsRequest(key 30, versions 0..=3, flexible 2..) {
        creations: Vec<AclCreation> [0..],
    }

    /// Part of [`CreateAclsRequest`].
    struct AclCreation {
        resource_type: i8 [0..],
        resource_name: ByteString [0..],
        resource_pattern_type: i8 [1..] = 3,
        principal: ByteString [0..],
        host: ByteString [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// Answers [`CreateAclsRequest`].
    response CreateAclsResponse(key 30, versions 0..=3, flexible 2..) {
        throttle_time_ms: i32 [0..],
        results: Vec<AclCreationResult> [0..],
    }

    /// Part of [`CreateAclsResponse`].
    struct AclCreationResult {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
