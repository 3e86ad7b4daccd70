//! What transaction coordinators write into `__transaction_state`: keys and values, each behind its version as 16 bits.

use bytestring::ByteString;

message! {
    /// Whose transaction; its version is the key type 0.
    data TransactionLogKey(versions 0..=0) {
        transactional_id: ByteString [0..],
    }

    /// Where a transaction stands.
    data TransactionLogValue(versions 0..=1, flexible 1..) {
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        transaction_timeout_ms: i32 [0..],
        transaction_status: i8 [0..],
        transaction_partitions: Option<Vec<PartitionsSchema>> [0..] nullable [0..],
        transaction_last_update_timestamp_ms: i64 [0..],
        transaction_start_timestamp_ms: i64 [0..],
        @0 previous_producer_id: i64 [1..] = -1,
        @1 next_producer_id: i64 [1..] = -1,
        @2 client_transaction_version: i16 [1..],
        @3 next_producer_epoch: i16 [1..] = -1,
    }

    /// Part of [`TransactionLogValue`].
    struct PartitionsSchema {
        topic: ByteString [0..],
        partition_ids: Vec<i32> [0..],
    }
}
