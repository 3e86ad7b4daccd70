//! The members of the mill's group, which are set up in one of several ways, all of them right.
//!
//! Not here: what is done to them.

use super::mill::{GROUP, ORDERS, ms};
use rehearsal::base::Rng;
use rehearsal::client::{
    Consumer, ConsumerRecord, CooperativeStickyAssignor, GroupProtocol, OffsetReset, OnClose, Rebalance,
    RebalanceListener, TopicPartition,
};
use rehearsal::sim::{AppError, Node};
use std::sync::Arc;
use tokio::time::sleep;

/// How the members of a run are set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members {
    /// How many there are; whoever is alone leaves an empty group behind.
    count: usize,
    assigned: Assigned,
    commit: Commit,
    /// Whether the last one dies in the midst of a rebalance.
    last_dies: bool,
}

/// Who assigns partitions, and how.
#[derive(Clone, Copy, Debug)]
enum Assigned {
    Range,
    CooperativeSticky,
    ByCoordinator,
}

/// When offsets are committed besides.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Commit {
    /// After each record.
    Each,
    /// After a few records, and when partitions are taken away.
    OnRevoke,
    /// By themselves.
    Auto,
}

impl Members {
    pub(super) fn draw(rng: &mut Rng, last_dies: bool) -> Self {
        let assigned = match rng.below(4) {
            0 | 1 => Assigned::Range,
            2 => Assigned::CooperativeSticky,
            _ => Assigned::ByCoordinator,
        };
        let commit = match rng.below(3) {
            0 => Commit::Each,
            1 => Commit::OnRevoke,
            _ => Commit::Auto,
        };
        let count = if rng.below(3) == 0 { 1 } else { 2 };
        if last_dies {
            // What it dies of is known to classic groups only.
            return Self { count: 2, assigned: Assigned::Range, commit, last_dies };
        }
        Self { count, assigned, commit, last_dies }
    }

    /// Whether the member of this number dies in the midst of a rebalance.
    fn dies(self, n: usize) -> bool {
        self.last_dies && n + 1 == self.count
    }

    fn consumer(self, node: &Node, on_close: OnClose) -> Result<Consumer, AppError> {
        let consumer = node.client().consumer().group_id(GROUP).auto_offset_reset(OffsetReset::Earliest);
        let consumer = consumer.session_timeout(ms(6_000)).max_partition_fetch_bytes(2_000);
        let consumer = consumer.enable_auto_commit(self.commit == Commit::Auto).auto_commit_interval(ms(1_000));
        let consumer = consumer.max_poll_interval(ms(10_000)).on_close(on_close);
        let consumer = match self.assigned {
            Assigned::Range => consumer,
            Assigned::CooperativeSticky => {
                consumer.partition_assignment_strategy([Arc::new(CooperativeStickyAssignor) as _])
            }
            Assigned::ByCoordinator => consumer.group_protocol(GroupProtocol::Consumer),
        };
        let mut consumer = consumer.build();
        if self.commit == Commit::OnRevoke {
            consumer.set_rebalance_listener(CommitsWhatItGivesUp)?;
        }
        consumer.subscribe([ORDERS])?;
        Ok(consumer)
    }

    /// The member of this number: processes records, and starts over now and then.
    pub(super) async fn run(self, node: &Node, n: usize) -> Result<(), AppError> {
        if n >= self.count {
            return Ok(());
        }
        let mut rng = node.chance("member");
        let dies = self.dies(n);
        if !dies {
            sleep(ms(rng.below(1_500))).await;
        }
        let mut lives = 2;
        loop {
            let on_close = if dies || rng.below(2) == 0 { OnClose::RemainInGroup } else { OnClose::LeaveGroup };
            let mut consumer = self.consumer(node, on_close)?;
            let life = if dies { u64::MAX } else { 20 + rng.below(40) };
            let mut read = 0;
            loop {
                let record: Result<ConsumerRecord, _> = tokio::select! {
                    biased;
                    () = node.stopped() => return Ok(()),
                    () = sleep(ms(3_000)), if dies => return Ok(()),
                    record = consumer.recv() => record,
                };
                let record = match record {
                    Ok(record) => record,
                    Err(error) => {
                        sleep(ms(100)).await;
                        if error.is_retriable() {
                            continue;
                        }
                        // A member that cannot go on is replaced by a new one.
                        break;
                    }
                };
                node.processed(GROUP, &record);
                // Now and then the work takes longer than the group waits for.
                if rng.below(100) == 0 {
                    sleep(ms(12_000)).await;
                }
                read += 1;
                let is_due = match self.commit {
                    Commit::Each => true,
                    Commit::OnRevoke => read % 5 == 0,
                    Commit::Auto => false,
                };
                if is_due {
                    // What it may not commit another one processes again.
                    drop(consumer.commit().await);
                }
                if read >= life && lives > 0 {
                    lives -= 1;
                    break;
                }
            }
        }
    }
}

/// Each record is processed before the next one is asked for, so the position is what has been processed.
struct CommitsWhatItGivesUp;

impl RebalanceListener for CommitsWhatItGivesUp {
    fn on_revoked(&mut self, rebalance: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        partitions.iter().for_each(|partition| rebalance.commit(partition));
    }
}
