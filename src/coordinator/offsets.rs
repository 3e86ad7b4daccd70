//! Committed offsets of the groups of one coordinator.
//!
//! Not here: who may commit; that depends on the group.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
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

/// An offset, and which record of all it came with: a later one counts for more.
type Numbered = (u64, OffsetAndMetadata);
type OfGroup = BTreeMap<String, BTreeMap<PartitionIndex, Numbered>>;
/// Whose offset of which partition: group, topic, partition.
type Place = (String, String, PartitionIndex);

/// Offsets by group, topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_group: BTreeMap<String, OfGroup>,
    /// Those in open transactions.
    pending: BTreeMap<ProducerId, BTreeMap<Place, Numbered>>,
    /// How many records there were.
    records: u64,
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
        let (_, found) = self.by_group.get(group)?.get(topic)?.get(&partition)?;
        (!found.is_of_another(topic_id)).then_some(found)
    }

    /// All offsets of a group, by topic and partition.
    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = (&str, PartitionIndex, &OffsetAndMetadata)> {
        self.by_group.get(group).into_iter().flatten().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(partition, (_, offset))| (topic.as_str(), *partition, offset))
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
        self.records += 1;
        if let Some(value) = value {
            let topics = self.by_group.entry(group.to_owned()).or_default();
            let partitions = topics.entry(topic.to_owned()).or_default();
            partitions.insert(partition, (self.records, OffsetAndMetadata::of_value(value)));
            return;
        }
        let place = (group.to_owned(), topic.to_owned(), partition);
        self.pending.retain(|_, offsets| {
            offsets.remove(&place);
            !offsets.is_empty()
        });
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

/// What transactions add: offsets that count when the transaction commits.
impl Offsets {
    /// Takes in a record that a transaction wrote.
    pub(crate) fn replay_in_transaction(
        &mut self,
        producer_id: ProducerId,
        group: &str,
        topic: &str,
        partition: PartitionIndex,
        value: &OffsetCommitValue,
    ) {
        self.records += 1;
        let place = (group.to_owned(), topic.to_owned(), partition);
        let offsets = self.pending.entry(producer_id).or_default();
        offsets.insert(place, (self.records, OffsetAndMetadata::of_value(value)));
    }

    /// Takes in the end of a producer's transaction.
    ///
    /// Source: `OffsetMetadataManager.replayEndTransactionMarker`.
    pub(crate) fn replay_marker(&mut self, producer_id: ProducerId, committed: bool) {
        let offsets = self.pending.remove(&producer_id).filter(|_| committed);
        for ((group, topic, partition), offset) in offsets.into_iter().flatten() {
            let topics = self.by_group.entry(group).or_default();
            let partitions = topics.entry(topic).or_default();
            // What was committed meanwhile without the transaction stays.
            if partitions.get(&partition).is_none_or(|(number, _)| *number < offset.0) {
                partitions.insert(partition, offset);
            }
        }
    }

    /// Whether an open transaction may yet change the offset of a partition.
    pub(crate) fn is_unstable(&self, group: &str, topic: &str, partition: PartitionIndex) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let place = (group.to_owned(), topic.to_owned(), partition);
        self.pending.values().any(|offsets| offsets.contains_key(&place))
    }

    /// Whether an open transaction may yet change an offset of a group.
    pub(crate) fn has_unstable(&self, group: &str) -> bool {
        self.pending.values().flat_map(BTreeMap::keys).any(|(of, _, _)| of == group)
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
        assert!(offsets.by_group.is_empty());
    }

    #[test]
    fn an_offset_in_a_transaction_counts_when_that_commits_unless_a_later_one_came() {
        let value = |offset| OffsetCommitValue { offset, ..OffsetCommitValue::default() };
        let check = |committed: bool, later: Option<i64>, expected: Option<i64>| {
            let mut offsets = Offsets::default();
            let at = PartitionIndex(0);
            offsets.replay("g", "t", at, Some(&value(1)));
            offsets.replay_in_transaction(ProducerId(7), "g", "t", at, &value(5));
            if let Some(later) = later {
                offsets.replay("g", "t", at, Some(&value(later)));
            }
            assert!(offsets.is_unstable("g", "t", at) && !offsets.is_unstable("h", "t", at));
            assert!(offsets.has_unstable("g") && !offsets.has_unstable("h"));
            offsets.replay_marker(ProducerId(8), true);
            assert!(offsets.is_unstable("g", "t", at), "the marker of another producer");
            offsets.replay_marker(ProducerId(7), committed);
            assert!(!offsets.is_unstable("g", "t", at));
            let found = offsets.get("g", "t", Uuid::ZERO, at).map(|found| found.offset.0);
            assert_eq!(found, expected, "{committed} {later:?}");
        };
        check(true, None, Some(5));
        check(false, None, Some(1));
        check(true, Some(3), Some(3));
        check(false, Some(3), Some(3));
    }

    #[test]
    fn a_tombstone_takes_away_what_a_transaction_would_commit() {
        let mut offsets = Offsets::default();
        offsets.replay_in_transaction(ProducerId(7), "g", "t", PartitionIndex(0), &OffsetCommitValue::default());
        offsets.replay("g", "t", PartitionIndex(0), None);
        offsets.replay_marker(ProducerId(7), true);
        assert_eq!(offsets.get("g", "t", Uuid::ZERO, PartitionIndex(0)), None);
    }
}
