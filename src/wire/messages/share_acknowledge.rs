//! `ShareAcknowledge` (key 79): acknowledges acquired records.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Acknowledges acquired records.
    request ShareAcknowledgeRequest(key 79, versions 0..=2, flexible 0..) {
        group_id: Option<ByteString> [0..] nullable [0..],
        member_id: Option<ByteString> [0..] nullable [0..],
        share_session_epoch: i32 [0..],
        is_renew_ack: bool [2..],
        topics: Vec<AcknowledgeTopic> [0..],
    }

    /// Part of [`ShareAcknowledgeRequest`].
    struct AcknowledgeTopic {
        topic_id: Uuid [0..],
        partitions: Vec<AcknowledgePartition> [0..],
    }

    /// Part of [`AcknowledgeTopic`].
    struct AcknowledgePartition {
        partition_index: i32 [0..],
        acknowledgement_batches: Vec<AcknowledgementBatch> [0..],
    }

    /// Part of [`AcknowledgePartition`].
    struct AcknowledgementBatch {
        first_offset: i64 [0..],
        last_offset: i64 [0..],
        acknowledge_types: Vec<i8> [0..],
    }

    /// Answers [`ShareAcknowledgeRequest`].
    response ShareAcknowledgeResponse(key 79, versions 0..=2, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        acquisition_lock_timeout_ms: i32 [2..],
        responses: Vec<ShareAcknowledgeTopicResponse> [0..],
        node_endpoints: Vec<NodeEndpoint> [0..],
    }

    /// Part of [`ShareAcknowledgeResponse`].
    struct ShareAcknowledgeTopicResponse {
        topic_id: Uuid [0..],
        partitions: Vec<PartitionData> [0..],
    }

    /// Part of [`ShareAcknowledgeTopicResponse`].
    struct PartitionData {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        current_leader: LeaderIdAndEpoch [0..],
    }

    /// Part of [`PartitionData`].
    struct LeaderIdAndEpoch {
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
    }

    /// Part of [`ShareAcknowledgeResponse`].
    struct NodeEndpoint {
        node_id: i32 [0..],
        host: ByteString [0..],
        port: i32 [0..],
        rack: Option<ByteString> [0..] nullable [0..],
    }
}
