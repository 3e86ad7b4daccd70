//! `ElectLeaders` (key 43): elects leaders of partitions.

use bytestring::ByteString;

message! {
    /// Elects leaders of partitions.
    request ElectLeadersRequest(key 43, versions 0..=2, flexible 2..) {
        election_type: i8 [1..],
        topic_partitions: Option<Vec<TopicPartitions>> [0..] nullable [0..],
        timeout_ms: i32 [0..] = 60000,
    }

    /// Part of [`ElectLeadersRequest`].
    struct TopicPartitions {
        topic: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`ElectLeadersRequest`].
    response ElectLeadersResponse(key 43, versions 0..=2, flexible 2..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [1..],
        replica_election_results: Vec<ReplicaElectionResult> [0..],
    }

    /// Part of [`ElectLeadersResponse`].
    struct ReplicaElectionResult {
        topic: ByteString [0..],
        partition_result: Vec<PartitionResult> [0..],
    }

    /// Part of [`ReplicaElectionResult`].
    struct PartitionResult {
        partition_id: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
