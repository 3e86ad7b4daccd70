//! What lines are made of.

use super::is_default;
use crate::base::Instant;
use crate::check::RecordName;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// How an operation ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// When it ended.
    pub t: Instant,
    /// What its caller may believe.
    pub result: Answer,
    /// The error, in Kafka's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of a send: the acknowledged offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Of a poll: what was delivered, by partition, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Vec<Delivered>>,
    /// Of a question for offsets: the answer, by partition; -1 for none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offsets: BTreeMap<String, i64>,
}

/// What the caller of an operation may believe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was applied.
    Ok,
    /// It was certainly not applied.
    Fail,
    /// It may have been applied, or may still be.
    #[default]
    Info,
}

/// A delivered record: `[offset, id]`, or `[offset, id, hash]`; the id is null where a record is not ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Delivered {
    /// Offset and id.
    Record(i64, Option<RecordName>),
    /// Offset, id, and a hash over key, value and headers.
    Hashed(i64, Option<RecordName>, u64),
}

impl Delivered {
    /// The record's offset.
    pub fn offset(&self) -> i64 {
        match self {
            Self::Record(offset, _) | Self::Hashed(offset, _, _) => *offset,
        }
    }

    /// The record's id, if it has one.
    pub fn id(&self) -> Option<&RecordName> {
        match self {
            Self::Record(_, id) | Self::Hashed(_, id, _) => id.as_ref(),
        }
    }

    /// The hash of what was delivered, if it was taken.
    pub fn hash(&self) -> Option<u64> {
        match self {
            Self::Record(..) => None,
            Self::Hashed(_, _, hash) => Some(*hash),
        }
    }
}

/// The input that an output was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The input's partition.
    pub partition: String,
    /// The input's offset.
    pub offset: i64,
}

/// What a consumer is shown of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Everything.
    #[default]
    ReadUncommitted,
    /// What was committed.
    ReadCommitted,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was committed.
    Commit,
    /// It was aborted.
    Abort,
}

/// Why data was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Its time was up.
    Expiry,
    /// The log was too large.
    Size,
    /// Somebody asked for it.
    Request,
}

/// What a fault broke, as far as promises depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A replica outside of the ISR was made leader.
    UncleanElection,
    /// Brokers lost what they had not flushed.
    PowerLoss,
    /// A broker ended.
    Kill,
    /// Anything else.
    Other,
}

/// What was accepted from an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// `OffsetCommit`.
    Commit,
    /// `TxnOffsetCommit`.
    TxnCommit,
    /// `Produce`.
    Produce,
    /// `EndTxn`.
    EndTxn,
}

/// A transaction coordinator's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TxnStatus {
    /// Nothing was begun.
    Empty,
    /// Open.
    Ongoing,
    /// The decision is written, the markers are not.
    PrepareCommit,
    /// The decision is written, the markers are not.
    PrepareAbort,
    /// All markers are written.
    CompleteCommit,
    /// All markers are written.
    CompleteAbort,
    /// Forgotten.
    Dead,
}

impl TxnStatus {
    /// Whether partitions may have the transaction open.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Ongoing | Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// A group's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// Without members.
    Empty,
    /// Waiting for members, an assignment or acknowledgements.
    Rebalancing,
    /// Every member has its partitions.
    Stable,
    /// Forgotten.
    Dead,
}

/// An entry of a compacted log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyed {
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its timestamp, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timestamp_ms: i64,
    /// Whether it deletes its key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tombstone: bool,
}
