//! A view of a group of a running cluster.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::broker::CommittedOffset;
use crate::broker::GroupMemberSnapshot;
use crate::broker::GroupSnapshot;
use crate::broker::GroupState;

/// A view of a group; each call looks anew.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::{Cluster, Record};
/// let cluster = Cluster::builder().topic("orders", 1).start().await?;
/// cluster.seed("orders", [Record::new("a"), Record::new("b"), Record::new("c")])?;
/// let group = cluster.group("shipping");
/// group.commit("orders", 0, 1)?; // as if somebody had read one record
/// assert_eq!((group.committed("orders", 0), group.lag("orders")), (Some(1), 2));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Group<'a> {
    cluster: &'a Cluster,
    id: String,
}

impl<'a> Group<'a> {
    pub(super) fn new(cluster: &'a Cluster, id: &str) -> Self {
        Self { cluster, id: id.to_owned() }
    }

    /// Everything about it; `None` when there is no such group.
    pub fn snapshot(&self) -> Option<GroupSnapshot> {
        self.cluster.shell().look(|engine, _| engine.group_snapshot(&self.id))
    }

    /// Whether there is such a group.
    pub fn exists(&self) -> bool {
        self.snapshot().is_some()
    }

    /// Where it stands; `None` when there is no such group.
    pub fn state(&self) -> Option<GroupState> {
        self.snapshot().map(|group| group.state)
    }

    /// Whether it has members and each knows what is its own.
    pub fn is_stable(&self) -> bool {
        self.state() == Some(GroupState::Stable)
    }

    /// How many rebalances it has completed; 0 when there is no such group.
    pub fn generation(&self) -> i32 {
        self.snapshot().map_or(0, |group| group.generation)
    }

    /// Its members, in the order in which they joined.
    pub fn members(&self) -> Vec<GroupMemberSnapshot> {
        self.snapshot().map_or_else(Vec::new, |group| group.members)
    }

    /// What it has committed, by topic and partition.
    pub fn offsets(&self) -> Vec<CommittedOffset> {
        self.snapshot().map_or_else(Vec::new, |group| group.offsets)
    }

    /// The offset that it has committed for a partition, if any.
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        let mut offsets = self.offsets().into_iter();
        offsets.find(|row| row.topic == topic && row.partition.0 == partition).map(|row| row.offset.0)
    }

    /// How many records of a topic it has not read: those behind what it has committed, or all of a partition for
    /// which it has committed nothing.
    pub fn lag(&self, topic: &str) -> i64 {
        self.cluster.shell().look(|engine, _| engine.group_lag(&self.id, topic))
    }

    /// Commits an offset without a client. The group need not exist yet, and nobody may be in it.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition, or somebody is in the group.
    pub fn commit(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let offsets = [(topic.to_owned(), PartitionIndex(partition), Offset(offset))];
        Ok(self.cluster.shell().with(|engine, now| engine.commit_offsets(now, &self.id, &offsets))?)
    }
}
