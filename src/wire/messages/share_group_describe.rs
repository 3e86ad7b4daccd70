//! `ShareGroupDescribe` (key 77): shows share groups.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Shows share groups.
    request ShareGroupDescribeRequest(key 77, versions 0..=1, flexible 0..) {
        group_ids: Vec<ByteString> [0..],
        include_authorized_operations: bool [0..],
    }

    /// Answers [`ShareGroupDescribeRequest`].
    response ShareGroupDescribeResponse(key 77, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        groups: Vec<DescribedGroup> [0..],
    }

    /// Part of [`ShareGroupDescribeResponse`].
    struct DescribedGroup {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        group_id: ByteString [0..],
        group_state: ByteString [0..],
        group_epoch: i32 [0..],
        assignment_epoch: i32 [0..],
        assignor_name: ByteString [0..],
        members: Vec<Member> [0..],
        authorized_operations: i32 [0..] = i32::MIN,
    }

    /// Part of [`DescribedGroup`].
    struct Member {
        member_id: ByteString [0..],
        rack_id: Option<ByteString> [0..] nullable [0..],
        member_epoch: i32 [0..],
        client_id: ByteString [0..],
        client_host: ByteString [0..],
        subscribed_topic_names: Vec<ByteString> [0..],
        assignment: Assignment [0..],
    }

    /// Part of [`ShareGroupDescribeResponse`].
    struct TopicPartitions {
        topic_id: Uuid [0..],
        topic_name: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Part of [`ShareGroupDescribeResponse`].
    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0..],
    }
}
