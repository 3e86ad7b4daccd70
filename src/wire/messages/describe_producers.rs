//! `DescribeProducers` (key 61): shows the producers that are active on partitions.

use bytestring::ByteString;

message! {
    /// Shows the producers that are active on partitions.
    request DescribeProducersRequest(key 61, versions 0..=0, flexible 0..) {
        topics: Vec<TopicRequest> [0..],
    }

    /// Part of [`DescribeProducersRequest`].
    struct TopicRequest {
        name: ByteString [0..],
        partition_indexes: Vec<i32> [0..],
    }

    /// Answers [`DescribeProducersRequest`].
    response DescribeProducersResponse(key 61, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        topics: Vec<TopicResponse> [0..],
    }

    /// Part of [`DescribeProducersResponse`].
    struct TopicResponse {
        name: ByteString [0..],
        partitions: Vec<PartitionResponse> [0..],
    }

    /// Part of [`TopicResponse`].
    struct PartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        active_producers: Vec<ProducerState> [0..],
    }

    /// Part of [`PartitionResponse`].
    struct ProducerState {
        producer_id: i64 [0..],
        producer_epoch: i32 [0..],
        last_sequence: i32 [0..] = -1,
        last_timestamp: i64 [0..] = -1,
        coordinator_epoch: i32 [0..],
        current_txn_start_offset: i64 [0..] = -1,
    }
}
