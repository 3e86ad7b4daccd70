//! What each broker believes of the cluster: the truth, unless it was told to go on believing what was true once.
//!
//! Not here: what is true.

use super::leadership::Leadership;
use super::replication::PartitionKey;
use super::state::State;
use crate::base::BrokerId;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::metadata::Brokers;
use crate::metadata::Topics;
use std::collections::BTreeMap;

/// What was true when a broker's metadata was frozen.
#[derive(Debug)]
pub(super) struct View {
    brokers: Brokers,
    topics: Topics,
    leaderships: BTreeMap<PartitionKey, Leadership>,
}

impl State {
    /// Has a broker go on believing what is true now.
    pub(super) fn freeze_metadata(&mut self, broker: BrokerId) {
        let keys = self.partitions.keys();
        let leaderships = keys.filter_map(|key| Some((*key, self.leadership(key.0, key.1)?))).collect();
        let view = View { brokers: self.brokers.clone(), topics: self.topics.clone(), leaderships };
        self.views.insert(broker, view);
    }

    /// The brokers that there are, as one of them believes.
    pub(crate) fn brokers_seen_by(&self, broker: BrokerId) -> &Brokers {
        self.views.get(&broker).map_or(&self.brokers, |view| &view.brokers)
    }

    /// The topics that there are, as a broker believes.
    pub(crate) fn topics_seen_by(&self, broker: BrokerId) -> &Topics {
        self.views.get(&broker).map_or(&self.topics, |view| &view.topics)
    }

    /// What clients are told of a partition's replicas by a broker.
    pub(crate) fn leadership_seen_by(
        &self,
        broker: BrokerId,
        topic: Uuid,
        index: PartitionIndex,
    ) -> Option<Leadership> {
        match self.views.get(&broker) {
            Some(view) => view.leaderships.get(&(topic, index)).cloned(),
            None => self.leadership(topic, index),
        }
    }
}
