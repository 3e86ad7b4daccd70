//! Who gets which partition: the assignors that the leader of a classic group runs.
//!
//! Not here: groups whose coordinator assigns (KIP-848).

mod range;
mod round_robin;
mod sticky;

#[cfg(test)]
mod tests;

pub use range::RangeAssignor;
pub use round_robin::RoundRobinAssignor;
pub use sticky::CooperativeStickyAssignor;
pub use sticky::StickyAssignor;

use super::super::TopicPartition;
use super::super::metadata::Metadata;
use crate::base::TopicName;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;

/// Shares partitions out among the members of a classic group; the group's leader runs it.
///
/// All members must have it under the same name. Built in are [`RangeAssignor`], [`RoundRobinAssignor`],
/// [`StickyAssignor`] and [`CooperativeStickyAssignor`], which are compatible with those of other clients.
/// ```
/// use rehearsal::client::{Assignments, Assignor, GroupMember, Metadata, TopicPartition};
///
/// /// Everything to the first who subscribes.
/// #[derive(Debug)]
/// struct FirstAssignor;
///
/// impl Assignor for FirstAssignor {
///     fn name(&self) -> &str {
///         "first"
///     }
///
///     fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments {
///         let mut assignments = Assignments::new();
///         for topic in metadata.topics.values() {
///             if let Some(first) = members.iter().find(|member| member.topics.contains(&topic.name)) {
///                 let partitions = topic.partitions.iter().map(|partition| partition.index);
///                 let partition = |partition| TopicPartition { topic: topic.name.clone(), partition };
///                 assignments.entry(first.member_id.clone()).or_default().extend(partitions.map(partition));
///             }
///         }
///         assignments
///     }
/// }
///
/// assert_eq!(FirstAssignor.assign(&[GroupMember::new("a")], &Metadata::default()), Assignments::new());
/// ```
pub trait Assignor: fmt::Debug + Send + Sync {
    /// The name under which members agree on it: `partition.assignment.strategy`.
    fn name(&self) -> &str;

    /// Whether members give everything up before each rebalance (`Eager`, unless it says otherwise).
    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Eager
    }

    /// What a member adds to its subscription for the assignor at the leader to read (nothing).
    fn user_data(&self, _last: &LastAssignment) -> Option<Bytes> {
        None
    }

    /// What each member gets, by member id; one that is not in it gets nothing.
    ///
    /// `members` come in Kafka's order: static ones first, by instance id, the others by member id. `metadata` has
    /// the topics to which any of them subscribes, as far as they exist.
    fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments;
}

/// What each member gets, by member id.
pub type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// What members do with their partitions in a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// They give up everything before they join.
    Eager,
    /// They keep what they have until they are told to give it up; a partition that moves is free in between (KIP-429).
    Cooperative,
}

/// What a member had in the last generation in which it was assigned anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAssignment {
    /// The generation; -1 when there was none.
    pub generation: i32,
    /// The partitions, in order.
    pub partitions: Vec<TopicPartition>,
}

/// A member as the group's leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// Its own name, if it is a static member.
    pub instance_id: Option<String>,
    /// The rack it stands in, if it says so.
    pub rack: Option<String>,
    /// What it subscribes to, in order.
    pub topics: Vec<TopicName>,
    /// What it says it owns.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it owned that; -1 when it does not say.
    pub generation: i32,
    /// What its assignor added.
    pub user_data: Option<Bytes>,
}

impl GroupMember {
    /// A member that subscribes to nothing and owns nothing.
    pub fn new(member_id: &str) -> Self {
        Self {
            member_id: member_id.to_owned(),
            instance_id: None,
            rack: None,
            topics: Vec::new(),
            owned: Vec::new(),
            generation: -1,
            user_data: None,
        }
    }
}

/// Puts members into Kafka's order.
///
/// Source: `AbstractPartitionAssignor.MemberInfo.compareTo`.
pub(super) fn sort(members: &mut [GroupMember]) {
    members.sort_by(|one, other| match (&one.instance_id, &other.instance_id) {
        (Some(one), Some(other)) => one.cmp(other),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => one.member_id.cmp(&other.member_id),
    });
}

/// The partitions of a topic.
fn partitions<'a>(metadata: &'a Metadata, topic: &'a TopicName) -> impl Iterator<Item = TopicPartition> + 'a {
    let known = metadata.topic(topic.as_str()).map(|topic| &topic.partitions[..]).unwrap_or_default();
    known.iter().map(|partition| TopicPartition { topic: topic.clone(), partition: partition.index })
}

/// Everybody with nothing.
fn nothing(members: &[GroupMember]) -> Assignments {
    members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect()
}

/// The topics to which anybody subscribes.
fn subscribed(members: &[GroupMember]) -> std::collections::BTreeSet<&TopicName> {
    members.iter().flat_map(|member| &member.topics).collect()
}
