//! `Metadata` (key 3): tells which brokers, topics, partitions and leaders there are.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Tells which brokers, topics, partitions and leaders there are.
    request MetadataRequest(key 3, versions 0..=13, flexible 9..) {
        topics: Option<Vec<MetadataRequestTopic>> [0..] nullable [1..],
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// Part of [`MetadataRequest`].
    struct MetadataRequestTopic {
        topic_id: Uuid [10..],
        name: Option<ByteString> [0..] nullable [10..],
    }

    /// Answers [`MetadataRequest`].
    response MetadataResponse(key 3, versions 0..=13, flexible 9..) {
        throttle_time_ms: i32 [3..],
        brokers: Vec<MetadataResponseBroker> [0..],
        cluster_id: Option<ByteString> [2..] nullable [2..],
        controller_id: i32 [1..] = -1,
        topics: Vec<MetadataResponseTopic> [0..],
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: i16 [13..],
    }

    /// Part of [`MetadataResponse`].
    struct MetadataResponseBroker {
        node_id: i32 [0..],
        host: ByteString [0..],
        port: i32 [0..],
        rack: Option<ByteString> [1..] nullable [1..],
    }

    /// Part of [`MetadataResponse`].
    struct MetadataResponseTopic {
        error_code: i16 [0..],
        name: Option<ByteString> [0..] nullable [12..],
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Vec<MetadataResponsePartition> [0..],
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// Part of [`MetadataResponseTopic`].
    struct MetadataResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [7..] = -1,
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        offline_replicas: Vec<i32> [5..],
    }
}
