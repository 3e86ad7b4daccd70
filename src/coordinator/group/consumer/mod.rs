//! A consumer group of KIP-848: what its members want, should have and have. It is a fold of its records.
//!
//! Not here: what requests do to it; `heartbeat`, `classic` and `convert` decide on records, and time is theirs.
//! Source: KIP-848, `ConsumerGroup` of Apache Kafka.
//!
//! ```text
//!            subscription, topics, members         assignor                 each member's heartbeat
//!   epoch  --------------------------------> target epoch, targets --------------------------------> member epochs
//!   (Assigning while it is ahead of the target)              (Reconciling until all are there, then Stable)
//! ```

mod classic;
mod convert;
mod heartbeat;
mod member;
mod reconcile;
mod records;
mod regex;
mod subscriptions;

pub(crate) use classic::ClassicJoined;
pub(crate) use convert::Downgraded;
pub(crate) use convert::upgrade;
pub(crate) use heartbeat::Consumers;
pub(crate) use heartbeat::Heartbeat;
pub(crate) use heartbeat::default_assignor;
pub(crate) use member::ConsumerMember;
pub(crate) use records::ConsumerRecord;

use super::GroupState;
use super::assignor::Assignor;
use super::assignor::Partitions;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use member::of_rows;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use subscriptions::Resolved;
use subscriptions::Subscriptions;

/// A group of the consumer protocol, in which there may be members of the classic protocol as well.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    pub(super) id: Arc<str>,
    /// How often what the group is about has changed.
    pub(super) epoch: i32,
    /// What the topics were like at that epoch.
    metadata_hash: i64,
    pub(super) members: BTreeMap<Arc<str>, ConsumerMember>,
    /// From group instance id to member id.
    static_members: BTreeMap<Arc<str>, Arc<str>>,
    subscriptions: Subscriptions,
    resolved: BTreeMap<Arc<str>, Resolved>,
    /// The epoch of the targets.
    target_epoch: i32,
    targets: BTreeMap<Arc<str>, Arc<Partitions>>,
    /// The epoch in which its owner got each partition that has one.
    partition_epochs: BTreeMap<(Uuid, PartitionIndex), i32>,
    /// The version of the topics with which the hash was compared last, and the group's epoch after that.
    checked: Option<(u64, i32)>,
}

impl ConsumerGroup {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            epoch: 0,
            metadata_hash: 0,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            resolved: BTreeMap::new(),
            target_epoch: 0,
            targets: BTreeMap::new(),
            partition_epochs: BTreeMap::new(),
            checked: None,
        }
    }

    pub(crate) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The epoch of the target assignment.
    pub(crate) fn target_epoch(&self) -> i32 {
        self.target_epoch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members, by id.
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = &ConsumerMember> {
        self.members.values()
    }

    /// What a member should have.
    pub(crate) fn target(&self, member_id: &str) -> Arc<Partitions> {
        self.targets.get(member_id).cloned().unwrap_or_default()
    }

    /// Where it stands. Cost: one look at each member.
    pub(crate) fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.target_epoch {
            GroupState::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// Whether somebody reads a topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscriptions.has_topic(topic)
    }

    /// The assignor that most members would like; `fallback` when nobody says.
    pub(crate) fn assignor(&self, fallback: Assignor) -> Assignor {
        preferred(self.members.values(), fallback)
    }

    fn static_member(&self, instance_id: &str) -> Option<&ConsumerMember> {
        self.static_members.get(instance_id).and_then(|id| self.members.get(id))
    }

    /// Whether a partition has an owner, who may be giving it up.
    fn is_owned(&self, topic: Uuid, index: PartitionIndex) -> bool {
        self.partition_epochs.contains_key(&(topic, index))
    }

    fn classic_members(&self) -> usize {
        self.members.values().filter(|member| member.classic.is_some()).count()
    }

    /// Remembers with which version of the topics its hash was compared.
    pub(crate) fn on_checked(&mut self, checked: (u64, i32)) {
        self.checked = Some(checked);
    }

    /// Takes in a record.
    pub(crate) fn replay(&mut self, record: &ConsumerRecord) {
        match record {
            ConsumerRecord::Epoch(value) => {
                let value = value.clone().unwrap_or_default();
                (self.epoch, self.metadata_hash) = (value.epoch, value.metadata_hash);
            }
            ConsumerRecord::PartitionMetadata => {}
            ConsumerRecord::Member(id, Some(value)) => {
                self.change(id, |member| member.take_metadata(value));
            }
            ConsumerRecord::Member(id, None) => self.remove(id),
            ConsumerRecord::Current(id, value) => {
                if value.is_some() || self.members.contains_key(id.as_str()) {
                    self.change(id, |member| member.take_assignment(value.as_ref()));
                }
            }
            ConsumerRecord::TargetEpoch(value) => {
                self.target_epoch = value.as_ref().map_or(-1, |value| value.assignment_epoch);
            }
            ConsumerRecord::Target(id, Some(value)) => {
                self.targets.insert(id.as_str().into(), Arc::new(of_rows(&value.topic_partitions)));
            }
            ConsumerRecord::Target(id, None) => drop(self.targets.remove(id.as_str())),
            ConsumerRecord::Regex(regex, value) => {
                if let Some(before) = self.resolved.remove(regex.as_str()) {
                    self.subscriptions.count_resolved(&before, false);
                }
                if let Some(value) = value {
                    let topics = value.topics.iter().map(|name| (**name).into()).collect();
                    let resolved =
                        Resolved { topics: Arc::new(topics), version: value.version, timestamp: value.timestamp };
                    self.subscriptions.count_resolved(&resolved, true);
                    self.resolved.insert(regex.as_str().into(), resolved);
                }
            }
        }
    }

    /// Changes a member, which is made if there is none, and everything that follows from it.
    fn change(&mut self, id: &str, change: impl FnOnce(&mut ConsumerMember)) {
        let before = self.members.remove(id);
        let mut member = before.clone().unwrap_or_else(|| ConsumerMember::new(id));
        change(&mut member);
        if let Some(before) = &before {
            self.count(before, false);
        }
        self.count(&member, true);
        self.members.insert(Arc::clone(&member.id), member);
    }

    fn remove(&mut self, id: &str) {
        if let Some(member) = self.members.remove(id) {
            self.count(&member, false);
        }
    }

    fn count(&mut self, member: &ConsumerMember, more: bool) {
        self.subscriptions.count(member, more);
        if let Some(instance_id) = &member.instance_id {
            if more {
                self.static_members.insert(Arc::clone(instance_id), Arc::clone(&member.id));
            } else if self.static_members.get(instance_id) == Some(&member.id) {
                self.static_members.remove(instance_id);
            }
        }
        for (topic, indexes) in member.assigned.iter().chain(member.revoking.iter()) {
            for index in indexes {
                let key = (*topic, *index);
                if more {
                    let epoch = self.partition_epochs.entry(key).or_insert(member.epoch);
                    *epoch = member.epoch.max(*epoch);
                } else if self.partition_epochs.get(&key) == Some(&member.epoch) {
                    // Otherwise somebody else has it already.
                    self.partition_epochs.remove(&key);
                }
            }
        }
    }

    /// The records that delete the group.
    pub(crate) fn tombstones(&self) -> Vec<ConsumerRecord> {
        let ids = || self.members.keys().map(ToString::to_string);
        let mut records: Vec<ConsumerRecord> = ids().map(|id| ConsumerRecord::Current(id, None)).collect();
        records.extend(ids().map(|id| ConsumerRecord::Target(id, None)));
        records.push(ConsumerRecord::TargetEpoch(None));
        records.extend(ids().map(|id| ConsumerRecord::Member(id, None)));
        records.extend(self.resolved.keys().map(|regex| ConsumerRecord::Regex(regex.to_string(), None)));
        records.push(ConsumerRecord::PartitionMetadata);
        records.push(ConsumerRecord::Epoch(None));
        records
    }

    /// Checks that offsets may be committed.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`; `UNSUPPORTED_VERSION` before version 9, in which there was no place for
    /// a member epoch; `STALE_MEMBER_EPOCH`, or `ILLEGAL_GENERATION` for a member of the classic protocol.
    ///
    /// Source: `ConsumerGroup.validateOffsetCommit`.
    pub(crate) fn check_offset_commit(&self, member_id: &str, epoch: i32, api_version: i16) -> Result<(), ErrorCode> {
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        let member = self.members.get(member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.classic.is_none() && api_version < 9 {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        check_epoch(member, epoch)
    }

    /// Checks that a member may ask for offsets; who is no member may always.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, then `STALE_MEMBER_EPOCH` or `ILLEGAL_GENERATION`.
    ///
    /// Source: `ConsumerGroup.validateOffsetFetch`.
    pub(crate) fn check_offset_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        if member_id.is_none() && epoch < 0 {
            return Ok(());
        }
        let member = member_id.and_then(|id| self.members.get(id)).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        check_epoch(member, epoch)
    }
}

fn check_epoch(member: &ConsumerMember, epoch: i32) -> Result<(), ErrorCode> {
    match (epoch == member.epoch, &member.classic) {
        (true, _) => Ok(()),
        (false, Some(_)) => Err(ErrorCode::ILLEGAL_GENERATION),
        (false, None) => Err(ErrorCode::STALE_MEMBER_EPOCH),
    }
}

/// The assignor that most of these would like; of several, the first by name.
fn preferred<'a>(members: impl Iterator<Item = &'a ConsumerMember>, fallback: Assignor) -> Assignor {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in members.filter_map(|member| member.assignor.as_deref()) {
        *counts.entry(name).or_default() += 1;
    }
    let best = counts.iter().rev().max_by_key(|(_, count)| **count);
    best.and_then(|(name, _)| Assignor::of_name(name)).unwrap_or(fallback)
}

/// The names that a member reads, with those that its regular expression stands for.
fn topics_of(member: &ConsumerMember, resolved: &BTreeMap<Arc<str>, Resolved>) -> Arc<BTreeSet<Arc<str>>> {
    match resolved.get(&member.regex) {
        Some(found) if member.topics.is_empty() => Arc::clone(&found.topics),
        Some(found) if !found.topics.is_empty() => Arc::new(member.topics.union(&found.topics).cloned().collect()),
        _ => Arc::clone(&member.topics),
    }
}
