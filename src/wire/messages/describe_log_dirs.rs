//! `DescribeLogDirs` (key 35): shows log directories and the replicas in them.

use bytestring::ByteString;

message! {
    /// Shows log directories and the replicas in them.
    request DescribeLogDirsRequest(key 35, versions 0..=4, flexible 2..) {
        topics: Option<Vec<DescribableLogDirTopic>> [0..] nullable [0..],
    }

    /// Part of [`DescribeLogDirsRequest`].
    struct DescribableLogDirTopic {
        topic: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`DescribeLogDirsRequest`].
    response DescribeLogDirsResponse(key 35, versions 0..=4, flexible 2..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [3..],
        results: Vec<DescribeLogDirsResult> [0..],
    }

    /// Part of [`DescribeLogDirsResponse`].
    struct DescribeLogDirsResult {
        error_code: i16 [0..],
        log_dir: ByteString [0..],
        topics: Vec<DescribeLogDirsTopic> [0..],
        total_bytes: i64 [4..] = -1,
        usable_bytes: i64 [4..] = -1,
    }

    /// Part of [`DescribeLogDirsResult`].
    struct DescribeLogDirsTopic {
        name: ByteString [0..],
        partitions: Vec<DescribeLogDirsPartition> [0..],
    }

    /// Part of [`DescribeLogDirsTopic`].
    struct DescribeLogDirsPartition {
        partition_index: i32 [0..],
        partition_size: i64 [0..],
        offset_lag: i64 [0..],
        is_future_key: bool [0..],
    }
}
