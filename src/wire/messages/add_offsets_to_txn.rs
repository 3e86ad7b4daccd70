//! `AddOffsetsToTxn` (key 25): adds a group's offsets to a transaction.

use bytestring::ByteString;

message! {
    /// Adds a group's offsets to a transaction.
    request AddOffsetsToTxnRequest(key 25, versions 0..=4, flexible 3..) {
        transactional_id: ByteString [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        group_id: ByteString [0..],
    }

    /// Answers [`AddOffsetsToTxnRequest`].
    response AddOffsetsToTxnResponse(key 25, versions 0..=4, flexible 3..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
    }
}
