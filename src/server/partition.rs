//! A partition of a running cluster: what it is like, and what can be done to it.
//!
//! Not here: what clients see of it.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::broker::PartitionSnapshot;

/// A view of a partition; each call looks anew.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::{Cluster, Record};
/// let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
/// let orders = cluster.partition("orders", 0);
/// orders.hold_replication(2)?;
/// orders.hold_replication(3)?;
/// cluster.seed("orders", [Record::new("only the leader has it")])?;
/// assert_eq!((orders.high_watermark(), orders.log_end_offset()), (0, 1));
/// orders.elect(2)?;
/// assert_eq!((orders.leader(), orders.leader_epoch(), orders.log_end_offset()), (Some(2), 1, 0));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Partition<'a> {
    cluster: &'a Cluster,
    topic: String,
    partition: PartitionIndex,
}

impl<'a> Partition<'a> {
    pub(super) fn new(cluster: &'a Cluster, topic: &str, partition: i32) -> Self {
        Self { cluster, topic: topic.to_owned(), partition: PartitionIndex(partition) }
    }

    /// Everything about it but its records; `None` when there is no such partition.
    pub fn snapshot(&self) -> Option<PartitionSnapshot> {
        let all = self.cluster.topic(&self.topic).partitions();
        all.into_iter().find(|found| found.partition == self.partition)
    }

    /// Whether there is such a partition.
    pub fn exists(&self) -> bool {
        self.snapshot().is_some()
    }

    /// The broker that leads it, if any.
    pub fn leader(&self) -> Option<i32> {
        self.snapshot().map(|seen| seen.leader).filter(|leader| *leader != BrokerId::NONE).map(|leader| leader.0)
    }

    /// How many leaders it has had before this one; -1 when there is no such partition.
    pub fn leader_epoch(&self) -> i32 {
        self.snapshot().map_or(-1, |seen| seen.leader_epoch.0)
    }

    /// The brokers that hold it, the preferred leader first.
    pub fn replicas(&self) -> Vec<i32> {
        self.snapshot().map_or_else(Vec::new, |seen| seen.replicas.iter().map(|id| id.0).collect())
    }

    /// The brokers that are in sync.
    pub fn isr(&self) -> Vec<i32> {
        self.snapshot().map_or_else(Vec::new, |seen| seen.isr.iter().map(|id| id.0).collect())
    }

    /// Below this, records are replicated and can be read; -1 when there is no such partition.
    pub fn high_watermark(&self) -> i64 {
        self.snapshot().map_or(-1, |seen| seen.high_watermark.0)
    }

    /// The offset that the next record gets; -1 when there is no such partition.
    pub fn log_end_offset(&self) -> i64 {
        self.snapshot().map_or(-1, |seen| seen.log_end_offset.0)
    }

    /// The end of the log that one broker holds; `None` when it holds none.
    pub fn log_end_offset_on(&self, broker: i32) -> Option<i64> {
        let find = |engine: &crate::broker::Engine| {
            engine.replica_ends(&self.topic, self.partition, BrokerId(broker)).map(|(_, end)| end.0)
        };
        self.cluster.shell().look(|engine, _| find(engine))
    }

    /// Has a replica in sync lead.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition, or the broker holds no replica, is
    /// fenced, or is not in sync.
    pub fn elect(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::Elect { broker: BrokerId(broker) })
    }

    /// Has the preferred replica lead.
    ///
    /// # Errors
    /// As [`Partition::elect`].
    pub fn elect_preferred(&self) -> Result<()> {
        self.act(PartitionAction::ElectPreferred)
    }

    /// Has the first replica lead that may, if none does.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition.
    pub fn elect_any(&self) -> Result<()> {
        self.act(PartitionAction::ElectAny)
    }

    /// Has any replica lead, alone in sync; what it does not hold is lost.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition, or the broker holds no replica or is
    /// fenced.
    pub fn elect_unclean(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::ElectUnclean { broker: BrokerId(broker) })
    }

    /// Takes the leader away, until there is an election.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition.
    pub fn leaderless(&self) -> Result<()> {
        self.act(PartitionAction::Leaderless)
    }

    /// Takes a follower out of the ISR until [`Partition::expand_isr`].
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition, or the broker leads it.
    pub fn shrink_isr(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::ShrinkIsr { broker: BrokerId(broker) })
    }

    /// Takes a follower back into the ISR, level with the leader or not.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition or replica.
    pub fn expand_isr(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::ExpandIsr { broker: BrokerId(broker) })
    }

    /// Stops the high watermark where it is, whatever is replicated.
    ///
    /// # Errors
    /// As [`Partition::leaderless`].
    pub fn freeze_high_watermark(&self) -> Result<()> {
        self.act(PartitionAction::FreezeHighWatermark)
    }

    /// Lets the high watermark move again.
    ///
    /// # Errors
    /// As [`Partition::leaderless`].
    pub fn thaw_high_watermark(&self) -> Result<()> {
        self.act(PartitionAction::ThawHighWatermark)
    }

    /// Keeps a follower from fetching.
    ///
    /// # Errors
    /// As [`Partition::leaderless`].
    pub fn hold_replication(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::HoldReplication { broker: BrokerId(broker) })
    }

    /// Lets a follower fetch again.
    ///
    /// # Errors
    /// As [`Partition::leaderless`].
    pub fn release_replication(&self, broker: i32) -> Result<()> {
        self.act(PartitionAction::ReleaseReplication { broker: BrokerId(broker) })
    }

    /// Has a replica lose what it holds from `offset` on.
    ///
    /// # Errors
    /// As [`Partition::expand_isr`].
    pub fn truncate(&self, broker: i32, offset: i64) -> Result<()> {
        self.act(PartitionAction::Truncate { broker: BrokerId(broker), offset: Offset(offset) })
    }

    fn act(&self, action: PartitionAction) -> Result<()> {
        self.cluster.apply(&Command::Partition { topic: self.topic.clone(), partition: self.partition, action })
    }
}
