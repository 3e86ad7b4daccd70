//! `DescribeTransactions` (key 65): shows transactions.

use bytestring::ByteString;

message! {
    /// Shows transactions.
    request DescribeTransactionsRequest(key 65, versions 0..=0, flexible 0..) {
        transactional_ids: Vec<ByteString> [0..],
    }

    /// Answers [`DescribeTransactionsRequest`].
    response DescribeTransactionsResponse(key 65, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        transaction_states: Vec<TransactionState> [0..],
    }

    /// Part of [`DescribeTransactionsResponse`].
    struct TransactionState {
        error_code: i16 [0..],
        transactional_id: ByteString [0..],
        transaction_state: ByteString [0..],
        transaction_timeout_ms: i32 [0..],
        transaction_start_time_ms: i64 [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        topics: Vec<TopicData> [0..],
    }

    /// Part of [`TransactionState`].
    struct TopicData {
        topic: ByteString [0..],
        partitions: Vec<i32> [0..],
    }
}
