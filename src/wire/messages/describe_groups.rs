//! `DescribeGroups` (key 15): shows the state and the members of classic groups.

use bytes::Bytes;
use bytestring::ByteString;

message! {
    /// Shows the state and the members of classic groups.
    request DescribeGroupsRequest(key 15, versions 0..=6, flexible 5..) {
        groups: Vec<ByteString> [0..],
        include_authorized_operations: bool [3..],
    }

    /// Answers [`DescribeGroupsRequest`].
    response DescribeGroupsResponse(key 15, versions 0..=6, flexible 5..) {
        throttle_time_ms: i32 [1..],
        groups: Vec<DescribedGroup> [0..],
    }

    /// Part of [`DescribeGroupsResponse`].
    struct DescribedGroup {
        error_code: i16 [0..],
        error_message: Option<ByteString> [6..] nullable [6..],
        group_id: ByteString [0..],
        group_state: ByteString [0..],
        protocol_type: ByteString [0..],
        protocol_data: ByteString [0..],
        members: Vec<DescribedGroupMember> [0..],
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// Part of [`DescribedGroup`].
    struct DescribedGroupMember {
        member_id: ByteString [0..],
        group_instance_id: Option<ByteString> [4..] nullable [4..],
        client_id: ByteString [0..],
        client_host: ByteString [0..],
        member_metadata: Bytes [0..],
        member_assignment: Bytes [0..],
    }
}
