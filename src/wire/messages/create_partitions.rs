//! `CreatePartitions` (key 37): adds partitions to topics.

use bytestring::ByteString;

message! {
    /// Adds partitions to topics.
    request CreatePartitionsRequest(key 37, versions 0..=3, flexible 2..) {
        topics: Vec<CreatePartitionsTopic> [0..],
        timeout_ms: i32 [0..],
        validate_only: bool [0..],
    }

    /// Part of [`CreatePartitionsRequest`].
    struct CreatePartitionsTopic {
        name: ByteString [0..],
        count: i32 [0..],
        assignments: Option<Vec<CreatePartitionsAssignment>> [0..] nullable [0..],
    }

    /// Part of [`CreatePartitionsTopic`].
    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32> [0..],
    }

    /// Answers [`CreatePartitionsRequest`].
    response CreatePartitionsResponse(key 37, versions 0..=3, flexible 2..) {
        throttle_time_ms: i32 [0..],
        results: Vec<CreatePartitionsTopicResult> [0..],
    }

    /// Part of [`CreatePartitionsResponse`].
    struct CreatePartitionsTopicResult {
        name: ByteString [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
    }
}
