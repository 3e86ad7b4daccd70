//! What only someone sees who can look into the cluster.

use super::is_default;
use super::parts::Effect;
use super::parts::GroupStatus;
use super::parts::Keyed;
use super::parts::Outcome;
use super::parts::Removal;
use super::parts::TxnStatus;
use crate::base::Instant;
use crate::check::RecordName;
use serde::Deserialize;
use serde::Serialize;

/// A log as it is at the end; its batches follow as `log` lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalLog {
    /// The partition.
    pub partition: String,
    /// Whose replica; none for the authoritative leader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
    /// Its first offset.
    #[serde(default, skip_serializing_if = "is_default")]
    pub log_start: i64,
    /// Where what is committed ends.
    pub high_watermark: i64,
}

/// One batch of a final log, in log order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The partition.
    pub partition: String,
    /// Whose replica; none for the authoritative leader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
    /// Its first offset.
    pub offset: i64,
    /// The offset of each record, where they have gaps; they increase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<i64>,
    /// The leader epoch.
    #[serde(default, skip_serializing_if = "is_default")]
    pub epoch: i32,
    /// The producer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// The producer epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pepoch: Option<i16>,
    /// The first record's sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i32>,
    /// Whether it belongs to a transaction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transactional: bool,
    /// What this control batch says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<Outcome>,
    /// The records; none where a record is not ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Option<RecordName>>,
    /// A hash of the batch's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<u64>,
}

/// An election.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leader {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The leader; none when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
    /// The leader epoch.
    pub epoch: i32,
    /// Whether it was out of the ISR.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unclean: bool,
}

/// The in-sync replicas changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isr {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The ISR.
    pub brokers: Vec<i32>,
}

/// A replica's log end offset moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leo {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// Whose.
    pub broker: i32,
    /// The log end offset.
    pub offset: i64,
}

/// The leader's high watermark moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hw {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The leader epoch.
    pub epoch: i32,
    /// The high watermark.
    pub offset: i64,
}

/// The leader's last stable offset moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lso {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The leader epoch.
    pub epoch: i32,
    /// The last stable offset.
    pub offset: i64,
}

/// The log's start moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogStart {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The log start offset.
    pub offset: i64,
}

/// A leader appended a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The leader.
    pub broker: i32,
    /// The leader epoch.
    pub epoch: i32,
    /// The batch's first offset.
    pub offset: i64,
    /// The transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// What this control batch says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<Outcome>,
    /// The transaction for whose end the request was sent that caused the marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// An append with acks=all was acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acked {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The last offset of what was acknowledged.
    pub offset: i64,
}

/// A fetch was answered with records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// By whom.
    pub broker: i32,
    /// Whether by a follower.
    #[serde(default, skip_serializing_if = "is_default")]
    pub follower: bool,
    /// Whether for a reader of committed data.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read_committed: bool,
    /// The last offset in the answer.
    pub last: i64,
    /// The serving replica's high watermark.
    pub hw: i64,
    /// The serving replica's last stable offset.
    pub lso: i64,
    /// The serving replica's leader epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i32>,
    /// The leader epoch in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_epoch: Option<i32>,
}

/// ListOffsets(latest) was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The answer.
    pub offset: i64,
}

/// A follower truncated its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truncated {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The follower.
    pub broker: i32,
    /// Its new log end offset.
    pub to: i64,
    /// Its leader epochs with their first offsets, before.
    pub own: Vec<(i32, i64)>,
    /// Its log end offset, before.
    pub own_end: i64,
    /// The leader's epochs with their first offsets.
    pub leader: Vec<(i32, i64)>,
    /// The leader's log end offset.
    pub leader_end: i64,
}

/// A generation, member epoch or producer epoch was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// When.
    pub t: Instant,
    /// Whose: `group:billing`, `pid:7`.
    pub scope: String,
    /// The current value.
    pub value: i64,
}

/// A coordinator or leader accepted an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// When.
    pub t: Instant,
    /// Under which generation or epoch: `group:billing`, `pid:7`.
    pub scope: String,
    /// The actor's generation or epoch.
    pub value: i64,
    /// What was accepted.
    pub what: Effect,
    /// The partition or coordinator that accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A transaction coordinator's state for a producer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TxnState {
    /// When.
    pub t: Instant,
    /// The producer id.
    pub pid: i64,
    /// The state.
    pub state: TxnStatus,
}

/// A transaction's offsets took effect in a group, or were dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// When.
    pub t: Instant,
    /// The transaction.
    pub txn: String,
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: String,
    /// Which of the two.
    pub outcome: Outcome,
}

/// A group's state as its coordinator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupState {
    /// When.
    pub t: Instant,
    /// The group.
    pub group: String,
    /// The state.
    pub state: GroupStatus,
    /// The generation or group epoch.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generation: i64,
    /// The partitions of all topics that members subscribe to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribed: Vec<String>,
}

/// Retention or DeleteRecords removed a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDeleted {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// Why.
    pub by: Removal,
    /// The broker's wall clock.
    pub now_ms: i64,
    /// The largest timestamp in the segment.
    pub max_timestamp_ms: i64,
    /// The size of the log before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub log_bytes: i64,
}

/// A cleaner's pass over a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compacted {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The broker's wall clock.
    pub now_ms: i64,
    /// The last stable offset.
    pub lso: i64,
    /// The log before.
    pub before: Vec<Keyed>,
    /// The log after.
    pub after: Vec<Keyed>,
}

/// A partition forgot a producer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerExpired {
    /// When.
    pub t: Instant,
    /// The partition.
    pub partition: String,
    /// The producer id.
    pub pid: i64,
}
