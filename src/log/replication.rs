//! How a follower gets what the leader has: in single steps, so that a link with delays and losses fits between them.
//!
//! Not here: when a follower fetches, and when it falls out of the ISR.

use super::EpochEndOffset;
use super::PartitionLog;
use super::Replica;
use super::Truncation;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::batch::Batch;
use std::sync::Arc;

/// What a follower asks of the leader: where its log ends, and in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaFetch {
    /// The follower.
    pub replica: BrokerId,
    /// The epoch in which it follows.
    pub leader_epoch: LeaderEpoch,
    /// The end of its log.
    pub fetch_offset: Offset,
    /// The epoch of its last record; -1 when it has none.
    pub last_fetched_epoch: LeaderEpoch,
}

/// What the leader answers a follower.
#[derive(Clone, Debug)]
pub struct ReplicaFetched {
    /// The batches from the follower's end on, shared and not copied.
    pub batches: Vec<Arc<Batch>>,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start offset.
    pub log_start_offset: Offset,
    /// Where the follower must truncate to before it asks again.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The follower's end lies outside the leader's log: it begins anew at the log start, or truncates to this end.
    pub out_of_range: Option<Offset>,
}

impl PartitionLog {
    /// First step: what the follower on `replica` asks.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` for a broker without a replica.
    pub fn replica_fetch(&self, replica: BrokerId) -> Result<ReplicaFetch, ErrorCode> {
        let log = self.replica(replica).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?.log();
        Ok(ReplicaFetch {
            replica,
            leader_epoch: self.leader_epoch(),
            fetch_offset: log.log_end_offset(),
            last_fetched_epoch: log.leader_epochs().latest().unwrap_or(LeaderEpoch::NONE),
        })
    }

    /// Second step: the leader learns how far the follower is, maybe raises its high watermark, and answers.
    ///
    /// At most `max_bytes` come at once, but always one batch. Returns the answer and whether the high watermark moved.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`.
    pub fn handle_replica_fetch(
        &mut self,
        fetch: ReplicaFetch,
        max_bytes: usize,
    ) -> Result<(ReplicaFetched, bool), ErrorCode> {
        self.check_leader(self.leader(), fetch.leader_epoch)?;
        let diverging = self.diverging_epoch(self.leader(), fetch.last_fetched_epoch, fetch.fetch_offset);
        let leader = self.leader_replica().expect("the leader is a replica, as was just checked");
        let log = leader.log();
        let bounds = log.log_start_offset()..=log.log_end_offset();
        let mut fetched = ReplicaFetched {
            batches: Vec::new(),
            high_watermark: leader.high_watermark(),
            log_start_offset: log.log_start_offset(),
            diverging_epoch: diverging.unwrap_or(None),
            out_of_range: None,
        };
        if fetched.diverging_epoch.is_some() {
            return Ok((fetched, false));
        }
        if diverging.is_err() || !bounds.contains(&fetch.fetch_offset) {
            fetched.out_of_range = Some(log.log_end_offset());
            return Ok((fetched, false));
        }
        let mut size = 0;
        for batch in log.batches(fetch.fetch_offset) {
            size += batch.size_in_bytes();
            if size > max_bytes && !fetched.batches.is_empty() {
                break;
            }
            fetched.batches.push(Arc::clone(batch));
        }
        if let Some(follower) = self.replica_mut(fetch.replica) {
            follower.known_log_end_offset = fetch.fetch_offset;
        }
        let moved = self.advance_high_watermark();
        fetched.high_watermark = self.high_watermark();
        Ok((fetched, moved))
    }

    /// Third step: the follower on `replica` truncates, or appends what came and takes over the high watermark.
    ///
    /// Batches that do not go on from its end, because something else happened meanwhile, are dropped.
    pub fn handle_replica_fetched(&mut self, replica: BrokerId, fetched: ReplicaFetched, now: Timestamp) {
        let config = Arc::clone(self.config());
        let is_traced = self.trace.is_some();
        let Some(follower) = self.replica_mut(replica) else {
            return;
        };
        let from = follower.log.log_end_offset();
        let cuts = fetched.diverging_epoch.is_some() || fetched.out_of_range.is_some();
        let is_anew = fetched.out_of_range.is_some();
        let own = (is_traced && cuts).then(|| follower.log.leader_epochs().entries().to_vec());
        if let Some(diverging) = fetched.diverging_epoch {
            follower.truncate_to_agree(diverging);
        } else if let Some(end) = fetched.out_of_range {
            if follower.log.log_end_offset() > end {
                follower.log.truncate_to(end);
            } else {
                follower.log.truncate_fully_and_start_at(fetched.log_start_offset);
            }
        } else {
            for batch in fetched.batches {
                // After a restart from the log start the first batch may begin before it.
                let at = follower.log.log_end_offset();
                let goes_on = batch.header.base_offset >= at
                    || follower.log.segments.is_empty() && batch.header.last_offset() >= at;
                if !goes_on {
                    continue;
                }
                follower.log.append(batch, now, &config);
            }
            follower.high_watermark = follower.high_watermark.max(fetched.high_watermark);
            if follower.log.log_end_offset() >= fetched.log_start_offset {
                follower.log.advance_log_start(fetched.log_start_offset);
            }
        }
        follower.clamp_high_watermark();
        if config.mutants.has(BrokerMutant::FollowerRunsAhead) {
            follower.high_watermark = follower.log.log_end_offset();
        }
        let to = follower.log.log_end_offset();
        if to < from {
            self.truncations.push(Truncation { broker: replica, from, to });
            if let Some(own) = own {
                self.trace_divergence(replica, (own, from), is_anew);
            }
        }
    }

    /// Cuts a follower's log back to its own high watermark: what Kafka did before KIP-101, and a planted bug does.
    pub fn truncate_to_high_watermark(&mut self, replica: BrokerId) {
        let Some(follower) = self.replica_mut(replica) else { return };
        let own = (follower.log.leader_epochs().entries().to_vec(), follower.log.log_end_offset());
        let end = follower.high_watermark;
        if self.truncate_replica(replica, end) {
            self.trace_divergence(replica, own, false);
        }
    }

    /// Lets the leader's appends reach the follower on `replica`, or keeps them from it; it catches up at once.
    ///
    /// Returns whether the high watermark moved.
    pub fn set_replicating(&mut self, replica: BrokerId, on: bool) -> bool {
        if let Some(replica) = self.replica_mut(replica) {
            replica.is_replicating = on;
        }
        on && self.replicate()
    }

    /// Runs the steps until every replicating follower has all that the leader has; returns whether the high watermark moved.
    pub fn replicate(&mut self) -> bool {
        let mut moved = false;
        // Twice: what the last follower's fetch commits, the first one learns with its next.
        for _ in 0..2 {
            for at in 0..self.replicas.len() {
                let Replica { broker, is_replicating, .. } = self.replicas[at];
                if is_replicating && broker != self.leader() {
                    moved |= self.catch_up(broker);
                }
            }
        }
        moved
    }

    fn catch_up(&mut self, follower: BrokerId) -> bool {
        let mut moved = false;
        loop {
            let Ok(fetch) = self.replica_fetch(follower) else {
                return moved;
            };
            let Ok((fetched, raised)) = self.handle_replica_fetch(fetch, usize::MAX) else {
                return moved;
            };
            moved |= raised;
            let now = self.leader_replica().map_or(Timestamp::NONE, |leader| leader.log.last_modified());
            self.handle_replica_fetched(follower, fetched, now);
            // The answer to the same question would be the same again.
            if self.replica_fetch(follower) == Ok(fetch) {
                return moved;
            }
        }
    }

    /// The short way for followers that are level with the leader: they take the batch that was just appended.
    pub(super) fn copy_to_followers(&mut self, batch: &Arc<Batch>, now: Timestamp) {
        let config = Arc::clone(self.config());
        let (leader, base_offset) = (self.leader(), batch.header.base_offset);
        let mut behind = false;
        for replica in self.replicas.iter_mut().filter(|replica| replica.broker != leader && replica.is_replicating) {
            if replica.known_log_end_offset == base_offset && replica.log.log_end_offset() == base_offset {
                replica.log.append(Arc::clone(batch), now, &config);
                replica.known_log_end_offset = replica.log.log_end_offset();
            } else {
                behind = true;
            }
        }
        if behind {
            self.replicate();
            return;
        }
        self.advance_high_watermark();
        self.tell_high_watermark();
    }

    /// Tells the followers that copy at once how far the high watermark is.
    pub fn tell_high_watermark(&mut self) {
        let high_watermark = self.high_watermark();
        let (leader, runs_ahead) = (self.leader, self.config.mutants.has(BrokerMutant::FollowerRunsAhead));
        for replica in self.replicas.iter_mut().filter(|replica| replica.is_replicating) {
            if runs_ahead && replica.broker != leader {
                replica.high_watermark = replica.log.log_end_offset();
                continue;
            }
            replica.high_watermark = replica.high_watermark.max(high_watermark.min(replica.log.log_end_offset()));
        }
    }
}

impl Replica {
    /// Cuts the log back to the end of the last epoch that it has in common with the leader.
    ///
    /// Source: KIP-101, KIP-595; `AbstractFetcherThread.getOffsetTruncationState`.
    fn truncate_to_agree(&mut self, leader: EpochEndOffset) {
        let own = self.log.end_offset_for(leader.leader_epoch);
        let end = match own {
            // The leader knows nothing so old: only what was committed is safe.
            None if leader.leader_epoch == LeaderEpoch::NONE => self.high_watermark,
            None => leader.end_offset,
            Some(own) => own.end_offset.min(leader.end_offset),
        };
        self.log.truncate_to(end);
    }
}
