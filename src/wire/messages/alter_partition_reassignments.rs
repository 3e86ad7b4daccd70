//! `AlterPartitionReassignments` (key 45): moves partitions to other brokers.

use bytestring::ByteString;

message! {
    /// Moves partitions to other brokers.
    request AlterPartitionReassignmentsRequest(key 45, versions 0..=1, flexible 0..) {
        timeout_ms: i32 [0..] = 60000,
        allow_replication_factor_change: bool [1..] = true,
        topics: Vec<ReassignableTopic> [0..],
    }

    /// Part of [`AlterPartitionReassignmentsRequest`].
    struct ReassignableTopic {
        name: ByteString [0..],
        partitions: Vec<ReassignablePartition> [0..],
    }

    /// Part of [`ReassignableTopic`].
    struct ReassignablePartition {
        partition_index: i32 [0..],
        replicas: Option<Vec<i32>> [0..] nullable [0..],
    }

    /// Answers [`AlterPartitionReassignmentsRequest`].
    response AlterPartitionReassignmentsResponse(key 45, versions 0..=1, flexible 0..) {
        throttle_time_ms: i32 [0..],
        allow_replication_factor_change: bool [1..] = true,
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        responses: Vec<ReassignableTopicResponse> [0..],
    }

    /// Part of [`AlterPartitionReassignmentsResponse`].
    struct ReassignableTopicResponse {
        name: ByteString [0..],
        partitions: Vec<ReassignablePartitionResponse> [0..],
    }

    /// Part of [`ReassignableTopicResponse`].
    struct ReassignablePartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
