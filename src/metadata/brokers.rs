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

/// What has become of a broker's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerState {
    /// It runs.
    #[default]
    Running,
    /// It stands still: nothing is answered, connections stay open.
    Paused,
    /// It does not run.
    Down,
}

/// The brokers by id, as the controller knows them: with what it believes of them (fenced or not), and what is so.
/// ```
/// use rehearsal::base::BrokerId;
/// use rehearsal::metadata::{Broker, BrokerState, Brokers};
/// let mut brokers = Brokers::default();
/// for id in [1, 2] {
///     brokers.register(Broker { id: BrokerId(id), host: "localhost".to_owned(), port: 9092, rack: None });
/// }
/// brokers.set_state(BrokerId(1), BrokerState::Down);
/// assert!(brokers.is_active(BrokerId(1)), "nobody has noticed yet");
/// brokers.set_fenced(BrokerId(1), true);
/// assert_eq!(brokers.active().map(|broker| broker.id).collect::<Vec<_>>(), [BrokerId(2)]);
/// assert_eq!(brokers.controller(), BrokerId(2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Brokers {
    by_id: BTreeMap<BrokerId, Registered>,
    /// The controller that was asked for, if any.
    controller: Option<BrokerId>,
}

#[derive(Clone, Debug)]
struct Registered {
    broker: Broker,
    state: BrokerState,
    fenced: bool,
}

impl Brokers {
    /// Adds a running broker, or replaces what its registration says.
    pub fn register(&mut self, broker: Broker) {
        match self.by_id.get_mut(&broker.id) {
            Some(known) => known.broker = broker,
            None => {
                self.by_id.insert(broker.id, Registered { broker, state: BrokerState::Running, fenced: false });
            }
        }
    }

    /// Takes a broker out; returns whether there was one.
    pub fn unregister(&mut self, id: BrokerId) -> bool {
        self.by_id.remove(&id).is_some()
    }

    /// The broker with this id.
    pub fn get(&self, id: BrokerId) -> Option<&Broker> {
        self.by_id.get(&id).map(|known| &known.broker)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Broker> {
        self.by_id.values().map(|known| &known.broker)
    }

    /// Those that are not fenced, by id: what clients are told of.
    pub fn active(&self) -> impl Iterator<Item = &Broker> + Clone {
        self.by_id.values().filter(|known| !known.fenced).map(|known| &known.broker)
    }

    /// Whether a broker is registered and not fenced, which is all that the controller knows of it.
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.by_id.get(&id).is_some_and(|known| !known.fenced)
    }

    /// Whether a broker is registered and fenced.
    pub fn is_fenced(&self, id: BrokerId) -> bool {
        self.by_id.get(&id).is_some_and(|known| known.fenced)
    }

    /// What has become of a broker's process; one that is not registered is down.
    pub fn state(&self, id: BrokerId) -> BrokerState {
        self.by_id.get(&id).map_or(BrokerState::Down, |known| known.state)
    }

    /// Whether a broker does anything.
    pub fn is_running(&self, id: BrokerId) -> bool {
        self.state(id) == BrokerState::Running
    }

    /// Says what has become of a broker's process; returns whether that is news.
    pub fn set_state(&mut self, id: BrokerId, state: BrokerState) -> bool {
        self.by_id.get_mut(&id).is_some_and(|known| std::mem::replace(&mut known.state, state) != state)
    }

    /// Fences a broker or takes it back; returns whether that is news.
    pub fn set_fenced(&mut self, id: BrokerId, fenced: bool) -> bool {
        self.by_id.get_mut(&id).is_some_and(|known| std::mem::replace(&mut known.fenced, fenced) != fenced)
    }

    /// Those of `leaders` that are active, each once, by id.
    pub fn leaders(&self, leaders: impl Iterator<Item = i32>) -> impl Iterator<Item = &Broker> {
        let ids: BTreeSet<BrokerId> = leaders.map(BrokerId).collect();
        ids.into_iter().filter(|id| self.is_active(*id)).filter_map(|id| self.get(id))
    }

    /// Their ids in order.
    pub fn ids(&self) -> Vec<BrokerId> {
        self.by_id.keys().copied().collect()
    }

    /// The ids of those that are active, then those of the others, each in order: where replicas are placed.
    pub fn usable(&self) -> Vec<BrokerId> {
        let (mut active, fenced): (Vec<_>, Vec<_>) = self.ids().into_iter().partition(|id| self.is_active(*id));
        active.extend(fenced);
        active
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The active controller as clients are told: the one that was asked for, as long as it is active and runs, or the
    /// one with the lowest id that is.
    pub fn controller(&self) -> BrokerId {
        let can = |id: &BrokerId| self.is_active(*id) && self.is_running(*id);
        let first = || self.by_id.keys().copied().find(can).or_else(|| self.by_id.keys().next().copied());
        self.controller.filter(can).or_else(first).unwrap_or(BrokerId::NONE)
    }

    /// Asks for a controller; returns whether it is the one now.
    pub fn move_controller(&mut self, id: BrokerId) -> bool {
        self.controller = Some(id);
        self.controller() == id
    }
}
