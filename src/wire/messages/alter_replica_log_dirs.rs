//! `AlterReplicaLogDirs` (key 34): moves replicas between log directories.

use bytestring::ByteString;

message! {
    /// Moves replicas between log directories.
    request AlterReplicaLogDirsRequest(key 34, versions 0..=2, flexible 2..) {
        dirs: Vec<AlterReplicaLogDir> [0..],
    }

    /// Part of [`AlterReplicaLogDirsRequest`].
    struct AlterReplicaLogDir {
        path: ByteString [0..],
        topics: Vec<AlterReplicaLogDirTopic> [0..],
    }

    /// Part of [`AlterReplicaLogDir`].
    struct AlterReplicaLogDirTopic {
        name: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`AlterReplicaLogDirsRequest`].
    response AlterReplicaLogDirsResponse(key 34, versions 0..=2, flexible 2..) {
        throttle_time_ms: i32 [0..],
        results: Vec<AlterReplicaLogDirTopicResult> [0..],
    }

    /// Part of [`AlterReplicaLogDirsResponse`].
    struct AlterReplicaLogDirTopicResult {
        topic_name: ByteString [0..],
        partitions: Vec<AlterReplicaLogDirPartitionResult> [0..],
    }

    /// Part of [`AlterReplicaLogDirTopicResult`].
    struct AlterReplicaLogDirPartitionResult {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
