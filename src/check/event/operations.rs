//! Operations: what a process asked for, and how that ended.

use super::is_default;
use super::parts::End;
use super::parts::Isolation;
use super::parts::Source;
use crate::base::Instant;
use crate::check::RecordName;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// A send: a record on its way to a partition. A second line with the same id is another attempt of the same send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// When it was invoked.
    pub t: Instant,
    /// Its number, when its end is a line of its own; numbers increase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Who invoked it; the producer itself unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Which record: producer incarnation and number, in the program's order.
    pub id: RecordName,
    /// The partition.
    pub to: String,
    /// The record's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A hash over key, value and headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<u64>,
    /// The transaction it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// The input that this record is an output for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Whether no answer was asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub acks0: bool,
    /// How it ended, when that is known in the same line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

impl Send {
    /// A send of which no more is known than its record and its partition, and not its end.
    pub fn new(t: Instant, id: RecordName, to: impl Into<String>) -> Self {
        let (op, process, key, hash, txn, source, end) = (None, None, None, None, None, None, None);
        Self { t, op, process, id, to: to.into(), key, hash, txn, source, acks0: false, end }
    }
}

/// A poll of a consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// When it was invoked.
    pub t: Instant,
    /// Its number, when its end is a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Who polled.
    pub process: String,
    /// The consumer's group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The transaction that the reader has open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// The reader's isolation level; the configuration's unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// A commit of a group's offsets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// When it was invoked.
    pub t: Instant,
    /// Its number, when its end is a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Who committed.
    pub process: String,
    /// The group.
    pub group: String,
    /// The transaction with which it takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// The generation or member epoch that the committer believes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// What is committed.
    pub offsets: BTreeMap<String, i64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// A question for a group's committed offsets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchOffsets {
    /// When it was invoked.
    pub t: Instant,
    /// Its number, when its end is a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Who asked.
    pub process: String,
    /// The group.
    pub group: String,
    /// Whether offsets of open transactions were to be waited for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub require_stable: bool,
    /// How it ended; `offsets` has the answer, -1 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// The end of a transaction as its client sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndTxn {
    /// When it was invoked.
    pub t: Instant,
    /// Its number, when its end is a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Who ended it.
    pub process: String,
    /// The transaction attempt.
    pub txn: String,
    /// Whether to commit.
    pub commit: bool,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// The end of an operation whose beginning was a line of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The operation's number.
    pub op: u64,
    /// Who did it, where that is not who began it: after an `info` nobody may go on, so one that does goes on by its name,
    /// and what ended in doubt gets another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Of a send: whether no answer was asked for, where that shows only in the end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub acks0: bool,
    /// How it ended.
    pub end: End,
}

impl Done {
    /// An end without more; whoever writes it down gives it its number.
    pub(crate) const fn of(end: End) -> Self {
        Self { op: 0, process: None, acks0: false, end }
    }
}
