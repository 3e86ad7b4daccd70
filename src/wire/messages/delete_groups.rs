//! `DeleteGroups` (key 42): deletes empty groups.

use bytestring::ByteString;

message! {
    /// Deletes empty groups.
    request DeleteGroupsRequest(key 42, versions 0..=2, flexible 2..) {
        groups_names: Vec<ByteString> [0..],
    }

    /// Answers [`DeleteGroupsRequest`].
    response DeleteGroupsResponse(key 42, versions 0..=2, flexible 2..) {
        throttle_time_ms: i32 [0..],
        results: Vec<DeletableGroupResult> [0..],
    }

    /// Part of [`DeleteGroupsResponse`].
    struct DeletableGroupResult {
        group_id: ByteString [0..],
        error_code: i16 [0..],
    }
}
