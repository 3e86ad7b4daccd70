//! A group of a running cluster: looking at it, waiting for it, and doing things to it.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::BrokerId;
use crate::base::GroupAction;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::broker::CommittedOffset;
use crate::broker::GroupMemberSnapshot;
use crate::broker::GroupSnapshot;
use crate::broker::GroupState;
use std::collections::BTreeSet;

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

    /// How many records it has not read in all topics that it reads or has committed offsets for; `None` when there is
    /// no such group, or it reads nothing.
    pub fn total_lag(&self) -> Option<i64> {
        self.cluster.shell().look(|engine, _| {
            let group = engine.group_snapshot(&self.id)?;
            let subscribed = group.members.iter().flat_map(|member| &member.subscription);
            let topics: BTreeSet<&String> = subscribed.chain(group.offsets.iter().map(|row| &row.topic)).collect();
            (!topics.is_empty()).then(|| topics.iter().map(|topic| engine.group_lag(&self.id, topic)).sum())
        })
    }

    /// The broker that coordinates it; `None` while there is none.
    pub fn coordinator(&self) -> Option<BrokerId> {
        self.cluster.shell().look(|engine, _| engine.coordinator_of(&self.id))
    }

    // --- waiting

    /// Waits until something is true of it.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut) after the builder's
    /// [`wait_deadline`](crate::ClusterBuilder::wait_deadline), with what the group looked like instead.
    pub async fn wait_until(&self, mut condition: impl FnMut(&GroupSnapshot) -> bool) -> Result<()> {
        self.wait_for("the condition", || self.snapshot().is_some_and(|group| condition(&group))).await
    }

    /// Waits until it has members and each knows what is its own.
    ///
    /// # Errors
    /// As [`Group::wait_until`].
    pub async fn wait_until_stable(&self) -> Result<()> {
        self.wait_for("a stable group", || self.is_stable()).await
    }

    /// Waits until it is stable with this number of members.
    ///
    /// # Errors
    /// As [`Group::wait_until`].
    pub async fn wait_for_members(&self, count: usize) -> Result<()> {
        let stable = |group: GroupSnapshot| group.state == GroupState::Stable && group.members.len() == count;
        self.wait_for(&format!("a stable group of {count}"), || self.snapshot().is_some_and(stable)).await
    }

    /// Waits until it is stable and every partition of a topic belongs to one of its members.
    ///
    /// # Errors
    /// As [`Group::wait_until`].
    pub async fn wait_for_assignment(&self, topic: &str) -> Result<()> {
        let assigned = || {
            let Some(group) = self.snapshot().filter(|group| group.state == GroupState::Stable) else { return false };
            let count = self.cluster.topic(topic).partitions().len();
            let given = group.members.iter().flat_map(|member| &member.assignment);
            let given: BTreeSet<PartitionIndex> = given.filter(|(name, _)| name == topic).map(|row| row.1).collect();
            count > 0 && given.len() == count
        };
        self.wait_for(&format!("an assignment of all partitions of {topic}"), assigned).await
    }

    /// Waits until so many records are left for it to read: see [`Group::total_lag`].
    ///
    /// # Errors
    /// As [`Group::wait_until`].
    pub async fn wait_until_lag_is(&self, lag: i64) -> Result<()> {
        self.wait_for(&format!("a lag of {lag}"), || self.total_lag() == Some(lag)).await
    }

    async fn wait_for(&self, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
        let seen = || match self.snapshot() {
            Some(group) => {
                let lag = self.total_lag().map_or_else(|| "it reads nothing".to_owned(), |lag| format!("lag {lag}"));
                format!("{group}  {lag}")
            }
            None => {
                let groups = self.cluster.snapshot().groups;
                let ids: Vec<&str> = groups.iter().map(|group| group.group_id.as_str()).collect();
                format!("no group {}; there are [{}]", self.id, ids.join(", "))
            }
        };
        self.cluster.wait_for(&format!("{what} (group {})", self.id), condition, seen).await
    }

    // --- doing

    /// Commits an offset without a client. The group need not exist yet, and nobody may be in it.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such partition, or somebody is in the group.
    pub fn commit(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let offsets = [(topic.to_owned(), PartitionIndex(partition), Offset(offset))];
        Ok(self.cluster.shell().with(|engine, now| engine.commit_offsets(now, &self.id, &offsets))?)
    }

    /// Commits several offsets without a client, given as topic, partition and offset: all or none.
    ///
    /// # Errors
    /// As [`Group::commit`].
    pub fn commit_offsets<S: Into<String>>(&self, offsets: impl IntoIterator<Item = (S, i32, i64)>) -> Result<()> {
        let row = |(topic, partition, offset): (S, i32, i64)| (topic.into(), PartitionIndex(partition), Offset(offset));
        let offsets: Vec<(String, PartitionIndex, Offset)> = offsets.into_iter().map(row).collect();
        Ok(self.cluster.shell().with(|engine, now| engine.commit_offsets(now, &self.id, &offsets))?)
    }

    /// Makes its members join anew, as when a member comes or goes.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such group, or nobody is in it.
    pub fn rebalance_now(&self) -> Result<()> {
        self.act(GroupAction::Rebalance)
    }

    /// Takes a member out as if its session had timed out. It is named by its id, its `group.instance.id`, or the
    /// `client.id` that nobody else in the group has.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such group or member.
    pub fn expire_member(&self, member: &str) -> Result<()> {
        self.act(GroupAction::ExpireMember { member: member.to_owned() })
    }

    /// Lets every committed offset expire that may: all while nobody is in the group, which then is gone, otherwise
    /// those of topics that nobody in it reads.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such group.
    pub fn expire_offsets(&self) -> Result<()> {
        self.act(GroupAction::ExpireOffsets)
    }

    /// Makes another broker its coordinator, and that of all groups that share its partition of `__consumer_offsets`.
    ///
    /// Whoever waits for the old one is answered with `NOT_COORDINATOR`; the new one reads what is in the log, for
    /// which it takes [no time](Cluster::set_coordinator_load_time) unless told otherwise.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when the broker has no replica of that partition in sync.
    pub fn move_coordinator(&self, to: i32) -> Result<()> {
        self.act(GroupAction::MoveCoordinator { broker: BrokerId(to) })
    }

    /// Has its coordinator forget all that it has in memory and read its log again.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when nobody can coordinate it.
    pub fn unload_coordinator(&self) -> Result<()> {
        self.act(GroupAction::UnloadCoordinator)
    }

    fn act(&self, action: GroupAction) -> Result<()> {
        Ok(self.cluster.shell().with(|engine, now| engine.act_on_group(now, &self.id, &action))?)
    }
}
