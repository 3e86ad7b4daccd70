//! What a failure means for the transaction and for the producer.
//!
//! Not here: the failures themselves; they are the client's.

use super::super::error::Error;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use std::fmt;

/// Why a step of a transaction failed, sorted by what helps.
/// ```
/// use rehearsal::client::{Error, TransactionError};
/// use rehearsal::{ApiKey, ErrorCode};
///
/// let fenced = TransactionError::from(Error::broker(ErrorCode::PRODUCER_FENCED, ApiKey::EndTxn));
/// assert!(matches!(fenced, TransactionError::Fatal(_)));
/// let refused = TransactionError::from(Error::broker(ErrorCode::TOPIC_AUTHORIZATION_FAILED, ApiKey::Produce));
/// assert!(matches!(refused, TransactionError::Abortable(_)));
/// ```
/// Source: KIP-1050; the handlers of `TransactionManager`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TransactionError {
    /// Nothing is lost: the same call may succeed later. After a commit it means that nobody knows yet how the
    /// transaction ended; [`TransactionalProducer::resolve`](super::TransactionalProducer::resolve) finds out.
    Retriable(Error),
    /// The transaction cannot be committed, or has been aborted instead; the producer can begin another one.
    Abortable(Error),
    /// The producer is of no more use: another one has its transactional id, or it is not allowed to go on.
    Fatal(Error),
}

/// What helps against an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Retriable,
    Abortable,
    Fatal,
}

impl TransactionError {
    /// What happened.
    pub const fn cause(&self) -> &Error {
        match self {
            Self::Retriable(error) | Self::Abortable(error) | Self::Fatal(error) => error,
        }
    }

    /// The broker's error code, if that is what it was.
    pub fn code(&self) -> Option<ErrorCode> {
        self.cause().code()
    }

    /// Whether another producer has taken over the transactional id.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Fatal(error) if matches!(
            error.code(),
            Some(ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH)
        ))
    }
}

/// Sorts what a broker or the way to it said.
impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        match severity_of(&error) {
            Severity::Retriable => Self::Retriable(error),
            Severity::Abortable => Self::Abortable(error),
            Severity::Fatal => Self::Fatal(error),
        }
    }
}

impl From<TransactionError> for Error {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Retriable(error)
            | TransactionError::Abortable(error)
            | TransactionError::Fatal(error) => error,
        }
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retriable(error) => write!(f, "it may be tried again: {error}"),
            Self::Abortable(error) => write!(f, "the transaction cannot be committed: {error}"),
            Self::Fatal(error) => write!(f, "the producer cannot go on: {error}"),
        }
    }
}

impl std::error::Error for TransactionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause())
    }
}

fn severity_of(error: &Error) -> Severity {
    match error {
        Error::Broker { code, api, .. } => severity(*api, *code),
        // A record that was given up on leaves a transaction that is not whole.
        Error::NotDelivered { cause, .. } => match severity_of(cause) {
            Severity::Fatal => Severity::Fatal,
            Severity::Retriable | Severity::Abortable => Severity::Abortable,
        },
        Error::Connection { .. } | Error::Timeout { .. } => Severity::Retriable,
        Error::UnsupportedVersion { .. } | Error::Protocol { .. } | Error::Closed => Severity::Fatal,
        _ => Severity::Abortable,
    }
}

/// What helps against an error code that an API answers a transactional producer with.
pub(super) fn severity(api: ApiKey, code: ErrorCode) -> Severity {
    match code {
        ErrorCode::PRODUCER_FENCED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTION_COORDINATOR_FENCED
        | ErrorCode::INVALID_TRANSACTION_TIMEOUT
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT => Severity::Fatal,
        // A leader cannot tell a zombie from a producer whose transaction timed out; the coordinator will (KIP-588).
        ErrorCode::INVALID_PRODUCER_EPOCH if api == ApiKey::Produce => Severity::Abortable,
        ErrorCode::INVALID_PRODUCER_EPOCH => Severity::Fatal,
        ErrorCode::INVALID_TXN_STATE if api == ApiKey::Produce => Severity::Abortable,
        ErrorCode::INVALID_TXN_STATE => Severity::Fatal,
        ErrorCode::TRANSACTION_ABORTABLE
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::OPERATION_NOT_ATTEMPTED
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::STALE_MEMBER_EPOCH
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::REBALANCE_IN_PROGRESS
        | ErrorCode::OFFSET_METADATA_TOO_LARGE => Severity::Abortable,
        code if code.is_retriable() => Severity::Retriable,
        // Records that are refused, for whatever reason, only spoil the transaction that they are in.
        _ if api == ApiKey::Produce => Severity::Abortable,
        _ => Severity::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_as_kafkas_own_client_sorts_them() {
        use Severity::*;
        let check = |api: ApiKey, code: ErrorCode, expected: Severity| {
            assert_eq!(severity(api, code), expected, "{api} {code}");
        };
        for api in [ApiKey::InitProducerId, ApiKey::AddPartitionsToTxn, ApiKey::AddOffsetsToTxn, ApiKey::EndTxn] {
            check(api, ErrorCode::PRODUCER_FENCED, Fatal);
            check(api, ErrorCode::INVALID_PRODUCER_EPOCH, Fatal);
            check(api, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal);
            check(api, ErrorCode::UNKNOWN_SERVER_ERROR, Fatal);
            check(api, ErrorCode::INVALID_TXN_STATE, Fatal);
            check(api, ErrorCode::TRANSACTION_ABORTABLE, Abortable);
            check(api, ErrorCode::INVALID_PRODUCER_ID_MAPPING, Abortable);
            check(api, ErrorCode::CONCURRENT_TRANSACTIONS, Retriable);
            check(api, ErrorCode::NOT_COORDINATOR, Retriable);
            check(api, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, Retriable);
        }
        check(ApiKey::InitProducerId, ErrorCode::INVALID_TRANSACTION_TIMEOUT, Fatal);
        check(ApiKey::AddPartitionsToTxn, ErrorCode::TOPIC_AUTHORIZATION_FAILED, Abortable);
        check(ApiKey::AddPartitionsToTxn, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Retriable);
        check(ApiKey::AddOffsetsToTxn, ErrorCode::GROUP_AUTHORIZATION_FAILED, Abortable);
        for code in [
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::FENCED_INSTANCE_ID,
            ErrorCode::STALE_MEMBER_EPOCH,
        ] {
            check(ApiKey::TxnOffsetCommit, code, Abortable);
        }
        check(ApiKey::TxnOffsetCommit, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, Fatal);
        check(ApiKey::Produce, ErrorCode::INVALID_PRODUCER_EPOCH, Abortable);
        check(ApiKey::Produce, ErrorCode::PRODUCER_FENCED, Fatal);
        check(ApiKey::Produce, ErrorCode::INVALID_TXN_STATE, Abortable);
        check(ApiKey::Produce, ErrorCode::MESSAGE_TOO_LARGE, Abortable);
        check(ApiKey::Produce, ErrorCode::UNKNOWN_SERVER_ERROR, Abortable);
    }
}
