//! `ListTransactions` (key 66): lists transactions.

use bytestring::ByteString;

message! {
    /// Lists transactions.
    request ListTransactionsRequest(key 66, versions 0..=2, flexible 0..) {
        state_filters: Vec<ByteString> [0..],
        producer_id_filters: Vec<i64> [0..],
        duration_filter: i64 [1..] = -1,
        transactional_id_pattern: Option<ByteString> [2..] nullable [2..],
    }

    /// Answers [`ListTransactionsRequest`].
    response ListTransactionsResponse(key 66, versions 0..=2, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        unknown_state_filters: Vec<ByteString> [0..],
        transaction_states: Vec<TransactionState> [0..],
    }

    /// Part of [`ListTransactionsResponse`].
    struct TransactionState {
        transactional_id: ByteString [0..],
        producer_id: i64 [0..],
        transaction_state: ByteString [0..],
    }
}
