//! Committed offsets of the groups of one coordinator.
//!
//! Not here: who may commit; that depends on the group.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::wire::messages::group_records::OffsetCommitValue;
use std::collections::BTreeMap;

/// A committed offset with what was committed beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OffsetAndMetadata {
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) metadata: String,
    pub(crate) commit_timestamp: Timestamp,
    /// When it expires, if its commit said so (versions 2 to 4); -1 otherwise.
    pub(crate) expire_timestamp: Timestamp,
    /// The topic that was meant; zero when that is not known.
    pub(crate) topic_id: Uuid,
}

type OfGroup = BTreeMap<String, BTreeMap<PartitionIndex, OffsetAndMetadata>>;

/// Offsets by group, topic and partition.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Offsets {
    by_group: BTreeMap<String, OfGroup>,
}

impl OffsetAndMetadata {
    pub(crate) fn to_value(&self) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: self.offset.0,
            leader_epoch: self.leader_epoch.0,
            metadata: self.metadata.as_str().into(),
            commit_timestamp: self.commit_timestamp.0,
            expire_timestamp: self.expire_timestamp.0,
            topic_id: self.topic_id,
            ..OffsetCommitValue::default()
        }
    }

    fn of_value(value: &OffsetCommitValue) -> Self {
        Self {
            offset: Offset(value.offset),
            leader_epoch: LeaderEpoch(value.leader_epoch),
            metadata: value.metadata.to_string(),
            commit_timestamp: Timestamp(value.commit_timestamp),
            expire_timestamp: Timestamp(value.expire_timestamp),
            topic_id: value.topic_id,
        }
    }

    /// Whether it is of another topic of the same name.
    fn is_of_another(&self, topic_id: Uuid) -> bool {
        !self.topic_id.is_zero() && !topic_id.is_zero() && self.topic_id != topic_id
    }
}

impl Offsets {
    pub(crate) fn get(
        &self,
        group: &str,
        topic: &str,
        topic_id: Uuid,
        partition: PartitionIndex,
    ) -> Option<&OffsetAndMetadata> {
        let found = self.by_group.get(group)?.get(topic)?.get(&partition)?;
        (!found.is_of_another(topic_id)).then_some(found)
    }

    /// All offsets of a group, by topic and partition.
    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = (&str, PartitionIndex, &OffsetAndMetadata)> {
        self.by_group.get(group).into_iter().flatten().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(partition, offset)| (topic.as_str(), *partition, offset))
        })
    }

    /// Every group, topic and partition with a committed offset for one of these topics.
    pub(crate) fn of_topic(&self, topic: &str) -> Vec<(String, PartitionIndex)> {
        let of_topic = self.by_group.iter().filter_map(|(group, topics)| Some((group, topics.get(topic)?)));
        of_topic
            .flat_map(|(group, partitions)| partitions.keys().map(|partition| (group.clone(), *partition)))
            .collect()
    }

    /// Takes in a record.
    pub(crate) fn replay(
        &mut self,
        group: &str,
        topic: &str,
        partition: PartitionIndex,
        value: Option<&OffsetCommitValue>,
    ) {
        if let Some(value) = value {
            let topics = self.by_group.entry(group.to_owned()).or_default();
            let partitions = topics.entry(topic.to_owned()).or_default();
            partitions.insert(partition, OffsetAndMetadata::of_value(value));
            return;
        }
        let Some(topics) = self.by_group.get_mut(group) else { return };
        if let Some(partitions) = topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            self.by_group.remove(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_not_that_of_another_topic_of_the_same_name() {
        let (one, two) = (Uuid([1; 16]), Uuid([2; 16]));
        let check = |committed: Uuid, asked: Uuid, found: bool| {
            let mut offsets = Offsets::default();
            let value = OffsetCommitValue { topic_id: committed, ..OffsetCommitValue::default() };
            offsets.replay("g", "t", PartitionIndex(0), Some(&value));
            assert_eq!(offsets.get("g", "t", asked, PartitionIndex(0)).is_some(), found, "{committed} {asked}");
        };
        check(one, one, true);
        check(one, two, false);
        // Older records have no id, and older requests neither.
        check(Uuid::ZERO, one, true);
        check(one, Uuid::ZERO, true);
    }

    #[test]
    fn the_last_tombstone_leaves_nothing_behind() {
        let mut offsets = Offsets::default();
        let value = OffsetCommitValue::default();
        offsets.replay("g", "t", PartitionIndex(0), Some(&value));
        offsets.replay("g", "t", PartitionIndex(1), Some(&value));
        assert_eq!(offsets.of_topic("t"), [("g".into(), PartitionIndex(0)), ("g".into(), PartitionIndex(1))]);
        offsets.replay("g", "t", PartitionIndex(0), None);
        offsets.replay("g", "t", PartitionIndex(1), None);
        assert_eq!(offsets, Offsets::default());
    }
}
