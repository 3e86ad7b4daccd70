//! `DescribeCluster` (key 60): tells which brokers there are.

use bytestring::ByteString;

message! {
    /// Tells which brokers there are.
    request DescribeClusterRequest(key 60, versions 0..=2, flexible 0..) {
        include_cluster_authorized_operations: bool [0..],
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }

    /// Answers [`DescribeClusterRequest`].
    response DescribeClusterResponse(key 60, versions 0..=2, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        endpoint_type: i8 [1..] = 1,
        cluster_id: ByteString [0..],
        controller_id: i32 [0..] = -1,
        brokers: Vec<DescribeClusterBroker> [0..],
        cluster_authorized_operations: i32 [0..] = i32::MIN,
    }

    /// Part of [`DescribeClusterResponse`].
    struct DescribeClusterBroker {
        broker_id: i32 [0..],
        host: ByteString [0..],
        port: i32 [0..],
        rack: Option<ByteString> [0..] nullable [0..],
        is_fenced: bool [2..],
    }
}
