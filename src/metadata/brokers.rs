//! The brokers of a cluster.

use crate::base::BrokerId;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// One broker as its registration describes it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Broker {
    /// The node id.
    pub id: BrokerId,
    /// The host that clients are told to connect to.
    pub host: String,
    /// The port that clients are told to connect to.
    pub port: u16,
    /// The rack (`broker.rack`), if it has one.
    pub rack: Option<String>,
}

/// The brokers by id.
#[derive(Clone, Debug, Default)]
pub struct Brokers {
    by_id: BTreeMap<BrokerId, Broker>,
}

impl Brokers {
    /// Adds a broker, or replaces what is known of it.
    pub fn register(&mut self, broker: Broker) {
        self.by_id.insert(broker.id, broker);
    }

    /// The broker with this id.
    pub fn get(&self, id: BrokerId) -> Option<&Broker> {
        self.by_id.get(&id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Broker> {
        self.by_id.values()
    }

    /// Those of `leaders` that are registered, each once, by id.
    pub fn leaders(&self, leaders: impl Iterator<Item = i32>) -> impl Iterator<Item = &Broker> {
        let ids: BTreeSet<BrokerId> = leaders.map(BrokerId).collect();
        ids.into_iter().filter_map(|id| self.get(id))
    }

    /// Their ids in order.
    pub fn ids(&self) -> Vec<BrokerId> {
        self.by_id.keys().copied().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The active controller as clients are told: the broker with the lowest id.
    pub fn controller(&self) -> BrokerId {
        self.by_id.keys().next().copied().unwrap_or(BrokerId::NONE)
    }
}
