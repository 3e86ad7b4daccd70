//! What a consumer does when a leader no longer holds what it has read: after an unclean election, most likely.
//!
//! Each fetch says in which epoch the last record was written; the leader compares that with its own history (KIP-595),
//! so that nothing has to be asked beside it. Brokers before 2.7 do not, and there nothing is noticed.
//!
//! Not here: offsets that are out of range for other reasons.

use super::super::TopicPartition;
use super::super::error::Error;
use super::position::State;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use std::task::Waker;

impl State {
    /// The leader's log and what was read agree below `diverged_at` only, which is written in `epoch` up to there.
    ///
    /// Reading goes on from there if `goes_on`, as it does where an offset that is gone is reset; otherwise the user is
    /// told, as of an offset that is gone. What was fetched and not handed out is dropped. Gives whom to wake.
    ///
    /// Source: KIP-320, `SubscriptionState.maybeCompleteValidation`.
    pub(super) fn on_truncated(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        from: Offset,
        diverged_at: Offset,
        epoch: LeaderEpoch,
        goes_on: bool,
    ) -> Option<Waker> {
        let position = self.partitions.get_mut(partition)?;
        if position.generation != generation || position.fetch != Ok(from) {
            return None;
        }
        let diverged_at = diverged_at.min(from);
        if !goes_on {
            let error = Error::LogTruncated {
                topic: partition.topic.clone(),
                partition: partition.partition,
                position: from,
                diverged_at,
            };
            return self.on_failure(partition, generation, error);
        }
        tracing::warn!(%partition, position = from.0, diverged_at = diverged_at.0, "the log was truncated");
        position.moved = position.moved.or(Some(from));
        position.fetch = Ok(diverged_at);
        position.fetched_epoch = epoch;
        position.next = position.next.map(|next| next.min(diverged_at));
        self.drop_chunks(partition);
        None
    }
}
