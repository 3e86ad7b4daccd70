//! `EndTxn` (key 26): commits or aborts a transaction.

use bytestring::ByteString;

message! {
    /// Commits or aborts a transaction.
    request EndTxnRequest(key 26, versions 0..=5, flexible 3..) {
        transactional_id: ByteString [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        committed: bool [0..],
    }

    /// Answers [`EndTxnRequest`].
    response EndTxnResponse(key 26, versions 0..=5, flexible 3..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        producer_id: i64 [5..] = -1,
        producer_epoch: i16 [5..] = -1,
    }
}
