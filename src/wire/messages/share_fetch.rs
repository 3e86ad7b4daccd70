//! `ShareFetch` (key 78): acquires records for a member of a share group.

use crate::base::Uuid;
use crate::wire::codec::Records;
use bytestring::ByteString;

message! {
    /// Acquires records for a member of a share group.
    request ShareFetchRequest(key 78, versions 0..=2, flexible 0..) {
        group_id: Option<ByteString> [0..] nullable [0..],
        member_id: Option<ByteString> [0..] nullable [0..],
        share_session_epoch: i32 [0..],
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [0..] = i32::MAX,
        max_records: i32 [1..],
        batch_size: i32 [1..],
        share_acquire_mode: i8 [2..],
        is_renew_ack: bool [2..],
        topics: Vec<FetchTopic> [0..],
        forgotten_topics_data: Vec<ForgottenTopic> [0..],
    }

    /// Part of [`ShareFetchRequest`].
    struct FetchTopic {
        topic_id: Uuid [0..],
        partitions: Vec<FetchPartition> [0..],
    }

    /// Part of [`FetchTopic`].
    struct FetchPartition {
        partition_index: i32 [0..],
        partition_max_bytes: i32 [0..=0],
        acknowledgement_batches: Vec<AcknowledgementBatch> [0..],
    }

    /// Part of [`FetchPartition`].
    struct AcknowledgementBatch {
        first_offset: i64 [0..],
        last_offset: i64 [0..],
        acknowledge_types: Vec<i8> [0..],
    }

    /// Part of [`ShareFetchRequest`].
    struct ForgottenTopic {
        topic_id: Uuid [0..],
        partitions: Vec<i32> [0..],
    }

    /// Answers [`ShareFetchRequest`].
    response ShareFetchResponse(key 78, versions 0..=2, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        acquisition_lock_timeout_ms: i32 [1..],
        responses: Vec<ShareFetchableTopicResponse> [0..],
        node_endpoints: Vec<NodeEndpoint> [0..],
    }

    /// Part of [`ShareFetchResponse`].
    struct ShareFetchableTopicResponse {
        topic_id: Uuid [0..],
        partitions: Vec<PartitionData> [0..],
    }

    /// Part of [`ShareFetchableTopicResponse`].
    struct PartitionData {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        acknowledge_error_code: i16 [0..],
        acknowledge_error_message: Option<ByteString> [0..] nullable [0..],
        current_leader: LeaderIdAndEpoch [0..],
        records: Option<Records> [0..] nullable [0..=0],
        acquired_records: Vec<AcquiredRecords> [0..],
    }

    /// Part of [`PartitionData`].
    struct LeaderIdAndEpoch {
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
    }

    /// Part of [`PartitionData`].
    struct AcquiredRecords {
        first_offset: i64 [0..],
        last_offset: i64 [0..],
        delivery_count: i16 [0..],
    }

    /// Part of [`ShareFetchResponse`].
    struct NodeEndpoint {
        node_id: i32 [0..],
        host: ByteString [0..],
        port: i32 [0..],
        rack: Option<ByteString> [0..] nullable [0..],
    }
}
