//! `DeleteRecords` (key 21): moves the log start offset of partitions forward.

use bytestring::ByteString;

message! {
    /// Moves the log start offset of partitions forward.
    request DeleteRecordsRequest(key 21, versions 0..=2, flexible 2..) {
        topics: Vec<DeleteRecordsTopic> [0..],
        timeout_ms: i32 [0..],
    }

    /// Part of [`DeleteRecordsRequest`].
    struct DeleteRecordsTopic {
        name: ByteString [0..],
        partitions: Vec<DeleteRecordsPartition> [0..],
    }

    /// Part of [`DeleteRecordsTopic`].
    struct DeleteRecordsPartition {
        partition_index: i32 [0..],
        offset: i64 [0..],
    }

    /// Answers [`DeleteRecordsRequest`].
    response DeleteRecordsResponse(key 21, versions 0..=2, flexible 2..) {
        throttle_time_ms: i32 [0..],
        topics: Vec<DeleteRecordsTopicResult> [0..],
    }

    /// Part of [`DeleteRecordsResponse`].
    struct DeleteRecordsTopicResult {
        name: ByteString [0..],
        partitions: Vec<DeleteRecordsPartitionResult> [0..],
    }

    /// Part of [`DeleteRecordsTopicResult`].
    struct DeleteRecordsPartitionResult {
        partition_index: i32 [0..],
        low_watermark: i64 [0..],
        error_code: i16 [0..],
    }
}
