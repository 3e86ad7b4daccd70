//! `ListPartitionReassignments` (key 46): lists moves of partitions that are under way.

use bytestring::ByteString;

message! {
    /// Lists moves of partitions that are under way.
    request ListPartitionReassignmentsRequest(key 46, versions 0..=0, flexible 0..) {
        timeout_ms: i32 [0..] = 60000,
        topics: Option<Vec<ListPartitionReassignmentsTopics>> [0..] nullable [0..],
    }

    /// Part of [`ListPartitionReassignmentsRequest`].
    struct ListPartitionReassignmentsTopics {
        name: ByteString [0..],
        partition_indexes: Vec<i32> [0..],
    }

    /// Answers [`ListPartitionReassignmentsRequest`].
    response ListPartitionReassignmentsResponse(key 46, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        topics: Vec<OngoingTopicReassignment> [0..],
    }

    /// Part of [`ListPartitionReassignmentsResponse`].
    struct OngoingTopicReassignment {
        name: ByteString [0..],
        partitions: Vec<OngoingPartitionReassignment> [0..],
    }

    /// Part of [`OngoingTopicReassignment`].
    struct OngoingPartitionReassignment {
        partition_index: i32 [0..],
        replicas: Vec<i32> [0..],
        adding_replicas: Vec<i32> [0..],
        removing_replicas: Vec<i32> [0..],
    }
}
