//! `WriteTxnMarkers` (key 27): writes the markers that end a transaction.

use bytestring::ByteString;

message! {
    /// Writes the markers that end a transaction.
    request WriteTxnMarkersRequest(key 27, versions 0..=2, flexible 1..) {
        markers: Vec<WritableTxnMarker> [0..],
    }

    /// Part of [`WriteTxnMarkersRequest`].
    struct WritableTxnMarker {
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        transaction_result: bool [0..],
        topics: Vec<WritableTxnMarkerTopic> [0..],
        coordinator_epoch: i32 [0..],
        transaction_version: i8 [2..],
    }

    /// Part of [`WritableTxnMarker`].
    struct WritableTxnMarkerTopic {
        name: ByteString [0..],
        partition_indexes: Vec<i32> [0..],
    }

    /// Answers [`WriteTxnMarkersRequest`].
    response WriteTxnMarkersResponse(key 27, versions 0..=2, flexible 1..) {
        markers: Vec<WritableTxnMarkerResult> [0..],
    }

    /// Part of [`WriteTxnMarkersResponse`].
    struct WritableTxnMarkerResult {
        producer_id: i64 [0..],
        topics: Vec<WritableTxnMarkerTopicResult> [0..],
    }

    /// Part of [`WritableTxnMarkerResult`].
    struct WritableTxnMarkerTopicResult {
        name: ByteString [0..],
        partitions: Vec<WritableTxnMarkerPartitionResult> [0..],
    }

    /// Part of [`WritableTxnMarkerTopicResult`].
    struct WritableTxnMarkerPartitionResult {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
