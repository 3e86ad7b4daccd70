//! `Fetch` (key 1): reads record batches from partitions, waiting for them if asked.

use crate::base::Uuid;
use crate::wire::codec::Records;
use bytestring::ByteString;

message! {
    /// Reads record batches from partitions, waiting for them if asked.
    request FetchRequest(key 1, versions 4..=18, flexible 12..) {
        replica_id: i32 [0..=14] = -1,
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [3..] = i32::MAX,
        isolation_level: i8 [4..],
        session_id: i32 [7..],
        session_epoch: i32 [7..] = -1,
        topics: Vec<FetchTopic> [0..],
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        rack_id: ByteString [11..],
        @0 cluster_id: Option<ByteString> [12..] nullable [12..],
        @1 replica_state: ReplicaState [15..],
    }

    /// Part of [`FetchRequest`].
    struct ReplicaState {
        replica_id: i32 [15..] = -1,
        replica_epoch: i64 [15..] = -1,
    }

    /// Part of [`FetchRequest`].
    struct FetchTopic {
        topic: ByteString [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<FetchPartition> [0..],
    }

    /// Part of [`FetchTopic`].
    struct FetchPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [9..] = -1,
        fetch_offset: i64 [0..],
        last_fetched_epoch: i32 [12..] = -1,
        log_start_offset: i64 [5..] = -1,
        partition_max_bytes: i32 [0..],
        @0 replica_directory_id: Uuid [17..],
        @1 high_watermark: i64 [18..] = i64::MAX,
    }

    /// Part of [`FetchRequest`].
    struct ForgottenTopic {
        topic: ByteString [7..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32> [7..],
    }

    /// Answers [`FetchRequest`].
    response FetchResponse(key 1, versions 4..=18, flexible 12..) {
        throttle_time_ms: i32 [1..],
        error_code: i16 [7..],
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse> [0..],
        @0 node_endpoints: Vec<NodeEndpoint> [16..],
    }

    /// Part of [`FetchResponse`].
    struct FetchableTopicResponse {
        topic: ByteString [0..=12],
        topic_id: Uuid [13..],
        partitions: Vec<PartitionData> [0..],
    }

    /// Part of [`FetchableTopicResponse`].
    struct PartitionData {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        high_watermark: i64 [0..],
        last_stable_offset: i64 [4..] = -1,
        log_start_offset: i64 [5..] = -1,
        aborted_transactions: Option<Vec<AbortedTransaction>> [4..] nullable [4..],
        preferred_read_replica: i32 [11..] = -1,
        records: Option<Records> [0..] nullable [0..],
        @0 diverging_epoch: EpochEndOffset [12..],
        @1 current_leader: LeaderIdAndEpoch [12..],
        @2 snapshot_id: SnapshotId [12..],
    }

    /// Part of [`PartitionData`].
    struct EpochEndOffset {
        epoch: i32 [12..] = -1,
        end_offset: i64 [12..] = -1,
    }

    /// Part of [`PartitionData`].
    struct LeaderIdAndEpoch {
        leader_id: i32 [12..] = -1,
        leader_epoch: i32 [12..] = -1,
    }

    /// Part of [`PartitionData`].
    struct SnapshotId {
        end_offset: i64 [0..] = -1,
        epoch: i32 [0..] = -1,
    }

    /// Part of [`PartitionData`].
    struct AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }

    /// Part of [`FetchResponse`].
    struct NodeEndpoint {
        node_id: i32 [16..],
        host: ByteString [16..],
        port: i32 [16..],
        rack: Option<ByteString> [16..] nullable [16..],
    }
}
