//! Brokers by the part they play, found when a fault fires.

use super::error::FaultError;
use crate::base::BrokerId;
use crate::base::Uuid;
use std::fmt;
use std::str::FromStr;

/// A broker by its id or by the part it plays at the moment a fault fires.
///
/// A part that nobody plays (a partition without leader) fits no broker; that is no error.
/// ```
/// use rehearsal::fault::Target;
/// let target: Target = "leader(orders, 0)".parse().unwrap();
/// assert_eq!(target, Target::Leader("orders".into(), 0));
/// assert_eq!(target.to_string(), "leader(orders, 0)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The broker with this id.
    Broker(BrokerId),
    /// The leader of a partition.
    Leader(String, i32),
    /// The k-th replica of a partition, from 0, that does not lead it, in the order of its assignment.
    Follower(String, i32, usize),
    /// The replica in the ISR that holds the fewest records; of several the first by id.
    IsrMin(String, i32),
    /// The coordinator of a group.
    Coordinator(String),
    /// The coordinator of a transactional id.
    TxnCoordinator(String),
    /// The controller as clients are told of it.
    Controller,
    /// Every broker.
    All,
}

/// What faults have to know of the cluster; the engine tells them.
pub trait World {
    /// The name of a topic.
    fn topic_name(&self, id: Uuid) -> Option<String>;
    /// All brokers, by id.
    fn brokers(&self) -> Vec<BrokerId>;
    /// The controller as clients are told of it.
    fn controller(&self) -> Option<BrokerId>;
    /// The leader of a partition.
    fn leader(&self, topic: &str, partition: i32) -> Option<BrokerId>;
    /// The brokers that hold a partition, in the order of its assignment.
    fn replicas(&self, topic: &str, partition: i32) -> Vec<BrokerId>;
    /// The brokers in a partition's ISR.
    fn isr(&self, topic: &str, partition: i32) -> Vec<BrokerId>;
    /// Where a broker's replica of a partition ends.
    fn log_end_offset(&self, topic: &str, partition: i32, broker: BrokerId) -> Option<i64>;
    /// Up to where a partition's records are committed.
    fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64>;
    /// The coordinator of a group.
    fn coordinator(&self, group: &str) -> Option<BrokerId>;
    /// The coordinator of a transactional id.
    fn txn_coordinator(&self, transactional_id: &str) -> Option<BrokerId>;
    /// The state of a group by Kafka's name, and how many members it has.
    fn group(&self, group: &str) -> Option<(String, usize)>;
    /// The partitions that a fetch session of a broker reads, besides those that the request names.
    fn session_partitions(&self, broker: BrokerId, session: i32) -> Vec<(String, i32)>;
}

impl Target {
    /// The brokers that play this part now.
    pub fn resolve(&self, world: &dyn World) -> Vec<BrokerId> {
        match self {
            Self::Broker(id) => vec![*id],
            Self::Leader(topic, partition) => world.leader(topic, *partition).into_iter().collect(),
            Self::Follower(topic, partition, k) => {
                let leader = world.leader(topic, *partition);
                let replicas = world.replicas(topic, *partition);
                replicas.into_iter().filter(|id| Some(*id) != leader).nth(*k).into_iter().collect()
            }
            Self::IsrMin(topic, partition) => {
                let end = |id: &BrokerId| (world.log_end_offset(topic, *partition, *id), id.0);
                world.isr(topic, *partition).into_iter().min_by_key(end).into_iter().collect()
            }
            Self::Coordinator(group) => world.coordinator(group).into_iter().collect(),
            Self::TxnCoordinator(id) => world.txn_coordinator(id).into_iter().collect(),
            Self::Controller => world.controller().into_iter().collect(),
            Self::All => world.brokers(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "{id}"),
            Self::Leader(topic, partition) => write!(f, "leader({topic}, {partition})"),
            Self::Follower(topic, partition, k) => write!(f, "follower({topic}, {partition}, {k})"),
            Self::IsrMin(topic, partition) => write!(f, "isr_min({topic}, {partition})"),
            Self::Coordinator(group) => write!(f, "coordinator({group})"),
            Self::TxnCoordinator(id) => write!(f, "txn_coordinator({id})"),
            Self::Controller => f.write_str("controller"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Target {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let unknown = || FaultError::UnknownTarget { text: text.to_owned() };
        let trimmed = text.trim();
        if let Ok(id) = trimmed.parse() {
            return Ok(Self::Broker(BrokerId(id)));
        }
        let Some((part, rest)) = trimmed.split_once('(') else {
            return match trimmed {
                "controller" => Ok(Self::Controller),
                "all" => Ok(Self::All),
                _ => Err(unknown()),
            };
        };
        let inner = rest.strip_suffix(')').ok_or_else(unknown)?;
        // A group's name may have a comma in it, a topic's may not.
        let mut fields = inner.split(',').map(str::trim);
        let mut topic_and_partition = || {
            let topic = fields.next().filter(|topic| !topic.is_empty())?;
            Some((topic.to_owned(), fields.next()?.parse().ok()?))
        };
        let target = match part.trim() {
            "leader" => topic_and_partition().map(|(topic, partition)| Self::Leader(topic, partition)),
            "isr_min" => topic_and_partition().map(|(topic, partition)| Self::IsrMin(topic, partition)),
            "follower" => topic_and_partition()
                .and_then(|(topic, partition)| Some(Self::Follower(topic, partition, fields.next()?.parse().ok()?))),
            "coordinator" => return Ok(Self::Coordinator(inner.trim().to_owned())),
            "txn_coordinator" => return Ok(Self::TxnCoordinator(inner.trim().to_owned())),
            _ => None,
        };
        target.filter(|_| fields.next().is_none()).ok_or_else(unknown)
    }
}

impl From<BrokerId> for Target {
    fn from(id: BrokerId) -> Self {
        Self::Broker(id)
    }
}

impl From<i32> for Target {
    fn from(id: i32) -> Self {
        Self::Broker(BrokerId(id))
    }
}

impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Broker(id) => serializer.serialize_i32(id.0),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a broker's id or a part such as `leader(topic, 0)`")]
        enum Written {
            Id(i32),
            Part(String),
        }
        match serde::Deserialize::deserialize(deserializer)? {
            Written::Id(id) => Ok(id.into()),
            Written::Part(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for text in [
            "7",
            "leader(orders, 0)",
            "follower(orders, 3, 1)",
            "isr_min(orders, 0)",
            "coordinator(a, b)",
            "txn_coordinator(x)",
            "controller",
            "all",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in
            ["", "leader", "leader()", "leader(a)", "leader(a, b)", "leader(a, 0, 1)", "follower(a, 0)", "boss(a)"]
        {
            assert_eq!(text.parse::<Target>(), Err(FaultError::UnknownTarget { text: text.to_owned() }));
        }
    }
}
