//! The words of an append: who asks, what came of it, why it was refused.
//!
//! Not here: the checks themselves.

use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::batch::BatchError;
use std::fmt;

/// Who appends, which decides how much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer with this version of `Produce`.
    Client {
        /// The request's version; it decides on the codecs that are allowed.
        produce_version: i16,
    },
    /// A coordinator or the broker itself: control batches are allowed and sequence numbers are not checked.
    Coordinator,
    /// A transaction coordinator that ends a transaction.
    Marker {
        /// The transaction version with which the transaction was written; 2 has another epoch for each one.
        transaction_version: i16,
    },
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogAppendInfo {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset of the last record; `acks=all` waits for the high watermark to pass it.
    pub last_offset: Offset,
    /// The broker's time for `LogAppendTime` topics and for duplicates, otherwise -1.
    pub log_append_time: Timestamp,
    /// The leader's log start offset.
    pub log_start_offset: Offset,
    /// Whether the producer had sent the same batch before; then nothing was appended.
    pub is_duplicate: bool,
    /// Whether the append moved the high watermark, so that waiting fetches have something to see.
    pub high_watermark_moved: bool,
}

/// Why nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendError {
    /// What the response says.
    pub code: ErrorCode,
    /// The `error_message` of the response, which Kafka gives with `record_errors` and for a senseless magic only.
    pub message: Option<String>,
    /// The records that are to blame (KIP-467).
    pub record_errors: Vec<RecordError>,
    /// The leader's log start offset where Kafka's answer has it, otherwise -1.
    pub log_start_offset: Offset,
    /// What was wrong, for journals and logs.
    pub reason: String,
}

/// A record that made its batch fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Its place in the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

impl AppendError {
    pub(crate) fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            message: None,
            record_errors: Vec::new(),
            log_start_offset: Offset::INVALID,
            reason: reason.into(),
        }
    }
}

impl From<BatchError> for AppendError {
    fn from(error: BatchError) -> Self {
        let mut refused = Self::new(error.error_code(), error.to_string());
        if let (BatchError::Magic(magic), ErrorCode::CORRUPT_MESSAGE) = (&error, refused.code) {
            refused.message = Some(format!("Invalid magic found in record: {magic}"));
        }
        refused
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl std::error::Error for AppendError {}
