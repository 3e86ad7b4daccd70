//! `ListGroups` (key 16): lists groups with their states and types.

use bytestring::ByteString;

message! {
    /// Lists groups with their states and types.
    request ListGroupsRequest(key 16, versions 0..=5, flexible 3..) {
        states_filter: Vec<ByteString> [4..],
        types_filter: Vec<ByteString> [5..],
    }

    /// Answers [`ListGroupsRequest`].
    response ListGroupsResponse(key 16, versions 0..=5, flexible 3..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        groups: Vec<ListedGroup> [0..],
    }

    /// Part of [`ListGroupsResponse`].
    struct ListedGroup {
        group_id: ByteString [0..],
        protocol_type: ByteString [0..],
        group_state: ByteString [4..],
        group_type: ByteString [5..],
    }
}
