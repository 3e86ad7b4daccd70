//! Marks: what the application and the test say of themselves.

use super::parts::FaultKind;
use super::parts::Removal;
use crate::base::Instant;
use crate::check::RecordName;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// A member was given partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    /// When.
    pub t: Instant,
    /// The member.
    pub process: String,
    /// Its group; none when it assigned itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The generation or member epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// The partitions, each with the offset it starts from, if known.
    pub partitions: BTreeMap<String, Option<i64>>,
}

/// A member keeps partitions in a new generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// When.
    pub t: Instant,
    /// The member.
    pub process: String,
    /// Its group.
    pub group: String,
    /// The new generation or member epoch.
    pub generation: i64,
    /// The partitions.
    pub partitions: Vec<String>,
}

/// A member no longer owns partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// When.
    pub t: Instant,
    /// The member.
    pub process: String,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The partitions.
    pub partitions: Vec<String>,
}

/// A consumer moved its position on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seek {
    /// When.
    pub t: Instant,
    /// The consumer.
    pub process: String,
    /// The partition.
    pub partition: String,
    /// The new position.
    pub offset: i64,
}

/// A consumer's position was reset: out of range, truncated, or none committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// When.
    pub t: Instant,
    /// The consumer.
    pub process: String,
    /// The partition.
    pub partition: String,
    /// Where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Where it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// The log's start at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_start: Option<i64>,
    /// The log's end at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_end: Option<i64>,
}

/// The application has processed a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processed {
    /// When.
    pub t: Instant,
    /// Who.
    pub process: String,
    /// For which group.
    pub group: String,
    /// The record.
    pub id: RecordName,
}

/// A process ended: it owns nothing and does nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crashed {
    /// When.
    pub t: Instant,
    /// Which.
    pub process: String,
}

/// Something was broken on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub t: Instant,
    /// What.
    pub kind: FaultKind,
    /// Where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brokers: Vec<i32>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Everything broken on purpose works again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healed {
    /// When.
    pub t: Instant,
}

/// A partition came into being.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// When.
    pub t: Instant,
    /// Which.
    pub partition: String,
}

/// A partition was deleted with its topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deleted {
    /// When.
    pub t: Instant,
    /// Which.
    pub partition: String,
}

/// A committed offset was removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitRemoved {
    /// When.
    pub t: Instant,
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: String,
    /// Why.
    pub by: Removal,
}

/// Everybody was asked to end: whether all went on is judged by what was before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// When.
    pub t: Instant,
}

/// The recording ended: whatever had not happened by then did not happen in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// When.
    pub t: Instant,
}

/// The last line: how many lines came before it, so that a file that was cut is noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The number of lines before this one.
    pub lines: u64,
}
