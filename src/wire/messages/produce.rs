//! `Produce` (key 0): appends record batches to partitions.

use crate::base::Uuid;
use crate::wire::codec::Records;
use bytestring::ByteString;

message! {
    /// Appends record batches to partitions.
    request ProduceRequest(key 0, versions 3..=13, flexible 9..) {
        transactional_id: Option<ByteString> [3..] nullable [3..],
        acks: i16 [0..],
        timeout_ms: i32 [0..],
        topic_data: Vec<TopicProduceData> [0..],
    }

    /// Part of [`ProduceRequest`].
    struct TopicProduceData {
        name: ByteString [0..=12],
        topic_id: Uuid [13..],
        partition_data: Vec<PartitionProduceData> [0..],
    }

    /// Part of [`TopicProduceData`].
    struct PartitionProduceData {
        index: i32 [0..],
        records: Option<Records> [0..] nullable [0..],
    }

    /// Answers [`ProduceRequest`].
    response ProduceResponse(key 0, versions 3..=13, flexible 9..) {
        responses: Vec<TopicProduceResponse> [0..],
        throttle_time_ms: i32 [1..],
        @0 node_endpoints: Vec<NodeEndpoint> [10..],
    }

    /// Part of [`ProduceResponse`].
    struct TopicProduceResponse {
        name: ByteString [0..=12],
        topic_id: Uuid [13..],
        partition_responses: Vec<PartitionProduceResponse> [0..],
    }

    /// Part of [`TopicProduceResponse`].
    struct PartitionProduceResponse {
        index: i32 [0..],
        error_code: i16 [0..],
        base_offset: i64 [0..],
        log_append_time_ms: i64 [2..] = -1,
        log_start_offset: i64 [5..] = -1,
        record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        error_message: Option<ByteString> [8..] nullable [8..],
        @0 current_leader: LeaderIdAndEpoch [10..],
    }

    /// Part of [`PartitionProduceResponse`].
    struct BatchIndexAndErrorMessage {
        batch_index: i32 [8..],
        batch_index_error_message: Option<ByteString> [8..] nullable [8..],
    }

    /// Part of [`PartitionProduceResponse`].
    struct LeaderIdAndEpoch {
        leader_id: i32 [10..] = -1,
        leader_epoch: i32 [10..] = -1,
    }

    /// Part of [`ProduceResponse`].
    struct NodeEndpoint {
        node_id: i32 [10..],
        host: ByteString [10..],
        port: i32 [10..],
        rack: Option<ByteString> [10..] nullable [10..],
    }
}
