//! What an error says about what was done: certainly not, certainly, or nobody knows.
//!
//! A retried error that is taken for a definite one turns a correct broker into a wrong one, so this is a table, and
//! adapters classify by it and never by a message's text.

use super::event::Answer;
use crate::base::ErrorCode;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Produce`.
    Produce,
    /// `OffsetCommit` or `TxnOffsetCommit`.
    Commit,
    /// `EndTxn`.
    EndTxn,
}

/// What an attempt did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Certainly not applied.
    NotApplied,
    /// Applied.
    Applied,
    /// Applied or not; also every time-out, lost connection and cancelled call once bytes may have left.
    Unknown,
}

use Attempt::Applied;
use Attempt::NotApplied;
use Attempt::Unknown;

/// What each error of a `Produce` says about that attempt. Whatever is not here is [`Attempt::Unknown`].
///
/// Source: the order of checks in Kafka's `ReplicaManager` and `UnifiedLog`; KAFKA-13574 for NOT_LEADER_OR_FOLLOWER.
pub const PRODUCE: &[(ErrorCode, Attempt)] = &[
    // Refused before the append.
    (ErrorCode::MESSAGE_TOO_LARGE, NotApplied),
    (ErrorCode::RECORD_LIST_TOO_LARGE, NotApplied),
    (ErrorCode::INVALID_REQUIRED_ACKS, NotApplied),
    (ErrorCode::TOPIC_AUTHORIZATION_FAILED, NotApplied),
    (ErrorCode::INVALID_TIMESTAMP, NotApplied),
    (ErrorCode::POLICY_VIOLATION, NotApplied),
    (ErrorCode::INVALID_RECORD, NotApplied),
    (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, NotApplied),
    (ErrorCode::UNKNOWN_TOPIC_ID, NotApplied),
    (ErrorCode::CORRUPT_MESSAGE, NotApplied),
    (ErrorCode::NOT_ENOUGH_REPLICAS, NotApplied),
    // Of this attempt; an earlier one of the same batch may still be anywhere.
    (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, NotApplied),
    (ErrorCode::UNKNOWN_PRODUCER_ID, NotApplied),
    (ErrorCode::INVALID_PRODUCER_EPOCH, NotApplied),
    (ErrorCode::PRODUCER_FENCED, NotApplied),
    (ErrorCode::INVALID_TXN_STATE, NotApplied),
    // In the log, at an offset that is not known.
    (ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Applied),
    // It may be in the log.
    (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, Unknown),
    (ErrorCode::REQUEST_TIMED_OUT, Unknown),
    (ErrorCode::KAFKA_STORAGE_ERROR, Unknown),
    (ErrorCode::UNKNOWN_SERVER_ERROR, Unknown),
    (ErrorCode::NOT_LEADER_OR_FOLLOWER, Unknown),
];

/// What each error of an offset commit says. Whatever is not here is [`Attempt::Unknown`].
pub const COMMIT: &[(ErrorCode, Attempt)] = &[
    (ErrorCode::ILLEGAL_GENERATION, NotApplied),
    (ErrorCode::UNKNOWN_MEMBER_ID, NotApplied),
    (ErrorCode::REBALANCE_IN_PROGRESS, NotApplied),
    (ErrorCode::FENCED_INSTANCE_ID, NotApplied),
    (ErrorCode::FENCED_MEMBER_EPOCH, NotApplied),
    (ErrorCode::STALE_MEMBER_EPOCH, NotApplied),
];

/// What one attempt did, judged by its error; [`ErrorCode::NONE`] is success.
///
/// ```
/// use rehearsal::ErrorCode;
/// use rehearsal::check::{Attempt, Operation, classify};
/// assert_eq!(classify(Operation::Produce, ErrorCode::NOT_ENOUGH_REPLICAS), Attempt::NotApplied);
/// assert_eq!(classify(Operation::Produce, ErrorCode::NOT_LEADER_OR_FOLLOWER), Attempt::Unknown);
/// ```
pub fn classify(operation: Operation, code: ErrorCode) -> Attempt {
    if code == ErrorCode::NONE {
        return Applied;
    }
    let table = match operation {
        Operation::Produce => PRODUCE,
        Operation::Commit => COMMIT,
        // A later refusal says nothing of an earlier attempt that was not answered.
        Operation::EndTxn => &[],
    };
    table.iter().find(|(row, _)| *row == code).map_or(Unknown, |(_, attempt)| *attempt)
}

/// How an operation of these attempts ended: `ok` when one is known to be applied, `fail` when none was, else `info`.
///
/// No attempt at all is a `fail`: nothing left the process.
pub fn answer(attempts: impl IntoIterator<Item = Attempt>) -> Answer {
    let mut answer = Answer::Fail;
    for attempt in attempts {
        match attempt {
            Applied => return Answer::Ok,
            Unknown => answer = Answer::Info,
            NotApplied => {}
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_fails_only_when_every_attempt_did() {
        let check = |attempts: &[Attempt], expected| assert_eq!(answer(attempts.iter().copied()), expected);
        check(&[], Answer::Fail);
        check(&[NotApplied, NotApplied], Answer::Fail);
        check(&[Unknown, NotApplied], Answer::Info);
        check(&[Unknown, Applied], Answer::Ok);
    }

    #[test]
    fn each_code_has_its_row() {
        let check = |code: i16, expected| assert_eq!(classify(Operation::Produce, ErrorCode::new(code)), expected);
        for code in [10, 18, 21, 29, 32, 44, 87, 3, 100, 2, 19, 45, 59, 47, 90, 48] {
            check(code, NotApplied);
        }
        for code in [20, 7, 56, -1, 6, 13, 999] {
            check(code, Unknown);
        }
        check(46, Applied);
        for code in [22, 25, 27, 82, 110, 113] {
            assert_eq!(classify(Operation::Commit, ErrorCode::new(code)), NotApplied);
        }
        assert_eq!(classify(Operation::EndTxn, ErrorCode::PRODUCER_FENCED), Unknown);
    }
}
