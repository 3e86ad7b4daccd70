//! One line of a history: an operation, a mark of the application, or what a white box shows.
//!
//! The names of the fields are the names in JSON. What the lines mean together is for the rules to judge.

mod marks;
mod operations;
mod parts;
mod white_box;

pub use marks::*;
pub use operations::*;
pub use parts::*;
pub use white_box::*;

use super::Setup;
use crate::base::Instant;
use serde::Deserialize;
use serde::Serialize;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What was configured, promised and intended. The first line, if there is one.
    Setup(Box<Setup>),
    /// A send: a record on its way to a partition. A second line with the same id is another attempt of the same send.
    Send(Send),
    /// A poll of a consumer.
    Poll(Poll),
    /// A commit of a group's offsets.
    Commit(Commit),
    /// A question for a group's committed offsets.
    FetchOffsets(FetchOffsets),
    /// The end of a transaction as its client sees it.
    EndTxn(EndTxn),
    /// The end of an operation whose beginning was a line of its own.
    Done(Done),
    /// A member was given partitions.
    Assigned(Assigned),
    /// A member keeps partitions in a new generation.
    Kept(Kept),
    /// A member no longer owns partitions.
    Released(Released),
    /// A consumer moved its position on purpose.
    Seek(Seek),
    /// A consumer's position was reset: out of range, truncated, or none committed.
    Reset(Reset),
    /// The application has processed a record.
    Processed(Processed),
    /// A process ended: it owns nothing and does nothing any more.
    Crashed(Crashed),
    /// Something was broken on purpose.
    Fault(Fault),
    /// Everything broken on purpose works again.
    Healed(Healed),
    /// Everybody was asked to end: up to here all had to go on, from here on whoever ends may leave things as they are.
    Stopping(Stopping),
    /// The recording ended; without it, it is taken to end with its last event.
    Ended(Ended),
    /// A partition came into being.
    Created(Created),
    /// A partition was deleted with its topic.
    Deleted(Deleted),
    /// A committed offset was removed.
    CommitRemoved(CommitRemoved),
    /// White box: a log as it is at the end; its batches follow as `log` lines.
    FinalLog(FinalLog),
    /// White box: one batch of a final log, in log order.
    Log(Log),
    /// White box: an election.
    Leader(Leader),
    /// White box: the in-sync replicas changed.
    Isr(Isr),
    /// White box: a replica's log end offset moved.
    Leo(Leo),
    /// White box: the leader's high watermark moved.
    Hw(Hw),
    /// White box: the leader's last stable offset moved.
    Lso(Lso),
    /// White box: the log's start moved.
    LogStart(LogStart),
    /// White box: a leader appended a batch.
    Append(Append),
    /// White box: an append with acks=all was acknowledged.
    Acked(Acked),
    /// White box: a fetch was answered with records.
    Served(Served),
    /// White box: ListOffsets(latest) was answered.
    Listed(Listed),
    /// White box: a follower truncated its log.
    Truncated(Truncated),
    /// White box: a generation, member epoch or producer epoch was raised.
    Epoch(Epoch),
    /// White box: a coordinator or leader accepted an effect.
    Accepted(Accepted),
    /// White box: a transaction coordinator's state for a producer.
    TxnState(TxnState),
    /// White box: a transaction's offsets took effect in a group, or were dropped.
    Settled(Settled),
    /// White box: a group's state as its coordinator sees it.
    GroupState(GroupState),
    /// White box: retention or DeleteRecords removed a segment.
    SegmentDeleted(SegmentDeleted),
    /// White box: a cleaner's pass over a log.
    Compacted(Compacted),
    /// White box: a partition forgot a producer.
    ProducerExpired(ProducerExpired),
    /// The last line: how many lines came before it, so that a file that was cut is noticed.
    Finish(Finish),
}

impl Event {
    /// When it happened or was invoked; none for what has no moment of its own.
    pub fn t(&self) -> Option<Instant> {
        match self {
            Self::Setup(_) | Self::FinalLog(_) | Self::Log(_) | Self::Done(_) | Self::Finish(_) => None,
            Self::Send(line) => Some(line.t),
            Self::Poll(line) => Some(line.t),
            Self::Commit(line) => Some(line.t),
            Self::FetchOffsets(line) => Some(line.t),
            Self::EndTxn(line) => Some(line.t),
            Self::Assigned(line) => Some(line.t),
            Self::Kept(line) => Some(line.t),
            Self::Released(line) => Some(line.t),
            Self::Seek(line) => Some(line.t),
            Self::Reset(line) => Some(line.t),
            Self::Processed(line) => Some(line.t),
            Self::Crashed(line) => Some(line.t),
            Self::Fault(line) => Some(line.t),
            Self::Healed(line) => Some(line.t),
            Self::Stopping(line) => Some(line.t),
            Self::Ended(line) => Some(line.t),
            Self::Created(line) => Some(line.t),
            Self::Deleted(line) => Some(line.t),
            Self::CommitRemoved(line) => Some(line.t),
            Self::Leader(line) => Some(line.t),
            Self::Isr(line) => Some(line.t),
            Self::Leo(line) => Some(line.t),
            Self::Hw(line) => Some(line.t),
            Self::Lso(line) => Some(line.t),
            Self::LogStart(line) => Some(line.t),
            Self::Append(line) => Some(line.t),
            Self::Acked(line) => Some(line.t),
            Self::Served(line) => Some(line.t),
            Self::Listed(line) => Some(line.t),
            Self::Truncated(line) => Some(line.t),
            Self::Epoch(line) => Some(line.t),
            Self::Accepted(line) => Some(line.t),
            Self::TxnState(line) => Some(line.t),
            Self::Settled(line) => Some(line.t),
            Self::GroupState(line) => Some(line.t),
            Self::SegmentDeleted(line) => Some(line.t),
            Self::Compacted(line) => Some(line.t),
            Self::ProducerExpired(line) => Some(line.t),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
