//! Noticing what changed: after requests, commands and time have touched something, it is compared with what was noted.
//!
//! Not here: elections and the ISR, which say so themselves; and bringing anything about.

use super::details::Details;
use super::engine::Engine;
use super::state::State;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::journal::Event;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What was noted.
#[derive(Default)]
pub(super) struct Changes {
    /// State by name and generation.
    groups: BTreeMap<String, (&'static str, i32)>,
    /// High watermarks, when they are to be noted.
    high_watermarks: Option<BTreeMap<(Uuid, PartitionIndex), Offset>>,
    /// Everything else, when it is to be noted.
    pub(super) details: Option<Details>,
}

impl State {
    /// Compares a partition with what was noted of it.
    pub(super) fn notice_partition(&mut self, topic: Uuid, partition: PartitionIndex) {
        self.note_partition((topic, partition));
        let Some(noted) = &mut self.changes.high_watermarks else { return };
        let Some(log) = self.partitions.get(&(topic, partition)) else {
            noted.remove(&(topic, partition));
            return;
        };
        let high_watermark = log.high_watermark();
        if noted.insert((topic, partition), high_watermark).unwrap_or(Offset(0)) != high_watermark {
            let topic = log.topic().clone();
            self.replication.news.push(Event::HighWatermark { topic, partition, high_watermark });
        }
    }

    /// Compares a group with what was noted of it.
    pub(super) fn notice_group(&mut self, id: &str) {
        // While nobody can say how it is, nothing is known to have changed.
        let Some(coordinator) = self.coordinator_of(id) else { return };
        let classic =
            coordinator.group(id).map(|group| ((group.state().name(), group.generation()), group.members().len()));
        let consumers = || {
            let group = coordinator.consumer_group(id)?;
            Some(((group.state().name(), group.epoch()), group.members().count()))
        };
        let now = classic.or_else(consumers);
        let noted = self.changes.groups.get(id).copied();
        if noted == now.map(|now| now.0) {
            return;
        }
        let ((state, generation), members) = match now {
            Some(now) => {
                self.changes.groups.insert(id.to_owned(), now.0);
                now
            }
            None => {
                self.changes.groups.remove(id);
                (("Dead", noted.map_or(0, |noted| noted.1)), 0)
            }
        };
        if state == "Stable" {
            self.note_subscribed(id);
        }
        self.replication.news.push(Event::Group { group: id.into(), state: state.into(), generation, members });
    }

    /// Compares all groups of a partition of the offsets topic with what was noted of them.
    pub(super) fn notice_groups_at(&mut self, partition: PartitionIndex) {
        let is_here = |id: &&String| self.group_partition(id).is_some_and(|(_, at)| at == partition);
        let noted = self.changes.groups.keys().filter(is_here).cloned();
        let ids: BTreeSet<String> = noted.chain(self.groups_at(partition)).collect();
        ids.iter().for_each(|id| self.notice_group(id));
    }
}

impl Engine {
    /// Notes changes of high watermarks in the journal as well, or no longer.
    pub fn note_high_watermarks(&mut self, on: bool) {
        self.state.changes.high_watermarks = on.then(BTreeMap::new);
    }
}
