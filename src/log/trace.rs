//! What a partition remembers of its own changes until somebody takes it, when it is asked to: for whoever checks it.
//!
//! Not here: what is told without being asked for; those are [`Truncation`](super::Truncation)s.

use super::EpochStart;
use super::PartitionLog;
use super::ReplicaLog;
use crate::base::BrokerId;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::batch::Batch;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What has become of a partition since this was last taken.
#[derive(Clone, Debug, Default)]
pub struct LogTrace {
    /// What leaders appended, in order, each with its leader.
    pub appended: Vec<(BrokerId, Arc<Batch>)>,
    /// How followers' logs were cut back to agree with their leaders'.
    pub divergences: Vec<TracedDivergence>,
    /// The segments that retention removed from the leader's log.
    pub deleted: Vec<DeletedSegment>,
    /// What the cleaner did to the leader's log.
    pub compactions: Vec<TracedCompaction>,
}

/// A follower's log that was cut back, and its leader's.
#[derive(Clone, Debug)]
pub struct TracedDivergence {
    /// The follower.
    pub broker: BrokerId,
    /// The epoch of its leader.
    pub leader_epoch: LeaderEpoch,
    /// Where its log ends now.
    pub to: Offset,
    /// Its leader epochs before.
    pub own: Vec<EpochStart>,
    /// Where its log ended before.
    pub own_end: Offset,
    /// The leader's epochs; none when the follower began anew.
    pub leader: Vec<EpochStart>,
    /// Where the leader's log ends.
    pub leader_end: Offset,
}

/// A segment that retention removed.
#[derive(Clone, Copy, Debug)]
pub struct DeletedSegment {
    /// Whether because the log was too large; else because the segment was too old.
    pub is_too_large: bool,
    /// What time it was.
    pub now: Timestamp,
    /// The largest timestamp in it.
    pub max_timestamp: Timestamp,
    /// The size of the log before.
    pub log_bytes: u64,
}

/// One pass of the cleaner.
#[derive(Clone, Debug)]
pub struct TracedCompaction {
    /// What time it was.
    pub now: Timestamp,
    /// The last stable offset.
    pub last_stable_offset: Offset,
    /// The records before.
    pub before: Vec<TracedRecord>,
    /// The records after.
    pub after: Vec<TracedRecord>,
}

/// A record as a cleaner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its key.
    pub key: Vec<u8>,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Whether it has no value.
    pub is_tombstone: bool,
}

impl LogTrace {
    fn is_empty(&self) -> bool {
        let Self { appended, divergences, deleted, compactions } = self;
        appended.is_empty() && divergences.is_empty() && deleted.is_empty() && compactions.is_empty()
    }
}

impl PartitionLog {
    /// Has the partition remember its changes, or no longer.
    ///
    /// What is remembered grows until [`PartitionLog::take_trace`] takes it.
    pub fn set_traced(&mut self, on: bool) {
        self.trace = on.then(Box::default);
    }

    /// Takes what was remembered; `None` when that is nothing.
    pub fn take_trace(&mut self) -> Option<LogTrace> {
        let trace = self.trace.as_mut().filter(|trace| !trace.is_empty())?;
        Some(std::mem::take(&mut **trace))
    }

    /// Remembers that a follower's log was cut back to agree with its leader's; `own` is that log before.
    pub(super) fn trace_divergence(&mut self, broker: BrokerId, own: (Vec<EpochStart>, Offset), is_anew: bool) {
        let to = self.replica(broker).map_or(own.1, |replica| replica.log().log_end_offset());
        let leader = self.leader_replica().map(|leader| {
            let log = leader.log();
            (log.leader_epochs().entries().to_vec(), log.log_end_offset())
        });
        let leader_epoch = self.leader_epoch();
        let (leader, leader_end) = leader.filter(|_| !is_anew).unwrap_or_default();
        if let Some(trace) = &mut self.trace {
            let (own, own_end) = own;
            trace.divergences.push(TracedDivergence { broker, leader_epoch, to, own, own_end, leader, leader_end });
        }
    }
}

impl ReplicaLog {
    /// The keyed records that count: no markers, nothing of aborted transactions.
    pub(super) fn keyed_records(&self) -> Vec<TracedRecord> {
        let mut records = Vec::new();
        for batch in self.batches(self.log_start_offset()) {
            if batch.header.is_control() || self.is_aborted(&batch.header) {
                continue;
            }
            // What cannot be read is left alone by the cleaner too.
            let _unreadable = batch.walk(batch.records_bytes_max(), |record| {
                if let Some(key) = record.key {
                    let (key, is_tombstone) = (key.to_vec(), record.value.is_none());
                    records.push(TracedRecord {
                        offset: record.offset,
                        key,
                        timestamp: record.timestamp,
                        is_tombstone,
                    });
                }
                ControlFlow::Continue(())
            });
        }
        records
    }
}
