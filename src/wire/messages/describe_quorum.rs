//! `DescribeQuorum` (key 55): shows the metadata quorum.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Shows the metadata quorum.
    request DescribeQuorumRequest(key 55, versions 0..=2, flexible 0..) {
        topics: Vec<TopicData> [0..],
    }

    /// Part of [`DescribeQuorumRequest`].
    struct TopicData {
        topic_name: ByteString [0..],
        partitions: Vec<PartitionData> [0..],
    }

    /// Part of [`TopicData`].
    struct PartitionData {
        partition_index: i32 [0..],
    }

    /// Answers [`DescribeQuorumRequest`].
    response DescribeQuorumResponse(key 55, versions 0..=2, flexible 0..) {
        error_code: i16 [0..],
        error_message: Option<ByteString> [2..] nullable [2..],
        topics: Vec<ResponseTopicData> [0..],
        nodes: Vec<Node> [2..],
    }

    /// Part of [`DescribeQuorumResponse`].
    struct ResponseTopicData {
        topic_name: ByteString [0..],
        partitions: Vec<ResponsePartitionData> [0..],
    }

    /// Part of [`ResponseTopicData`].
    struct ResponsePartitionData {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [2..] nullable [2..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
        high_watermark: i64 [0..],
        current_voters: Vec<ReplicaState> [0..],
        observers: Vec<ReplicaState> [0..],
    }

    /// Part of [`DescribeQuorumResponse`].
    struct Node {
        node_id: i32 [2..],
        listeners: Vec<Listener> [2..],
    }

    /// Part of [`Node`].
    struct Listener {
        name: ByteString [2..],
        host: ByteString [2..],
        port: u16 [2..],
    }

    /// Part of [`DescribeQuorumResponse`].
    struct ReplicaState {
        replica_id: i32 [0..],
        replica_directory_id: Uuid [2..],
        log_end_offset: i64 [0..],
        last_fetch_timestamp: i64 [1..] = -1,
        last_caught_up_timestamp: i64 [1..] = -1,
    }
}
