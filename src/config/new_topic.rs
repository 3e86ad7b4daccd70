//! A topic to be created, as a test, a client and the broker all describe it.
//!
//! Not here: whether it can be; the broker says that.

use super::Overrides;
use crate::base::BrokerId;

/// A topic to be created; what is not said is for the broker's configuration to say.
/// ```
/// use rehearsal::NewTopic;
/// let topic = NewTopic::new("orders").partitions(6).replication_factor(2).config("retention.ms", "60000");
/// assert_eq!((topic.name.as_str(), topic.partitions), ("orders", 6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is created until it is given to somebody who creates it"]
pub struct NewTopic {
    /// The name; whether it is legal is for the broker to say.
    pub name: String,
    /// How many partitions; -1 for the broker's `num.partitions`, or for what `assignment` says.
    pub partitions: i32,
    /// How many replicas each; -1 for the broker's `default.replication.factor`, or for what `assignment` says.
    pub replication_factor: i16,
    /// The brokers that hold each partition, the preferred leader first; empty to have them chosen.
    pub assignment: Vec<Vec<BrokerId>>,
    /// Configuration by Kafka's names.
    pub configs: Overrides,
}

impl NewTopic {
    /// Names the topic.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: -1,
            replication_factor: -1,
            assignment: Vec::new(),
            configs: Overrides::new(),
        }
    }

    /// Sets the number of partitions.
    pub const fn partitions(mut self, count: i32) -> Self {
        self.partitions = count;
        self
    }

    /// Sets the number of replicas of each partition.
    pub const fn replication_factor(mut self, count: i16) -> Self {
        self.replication_factor = count;
        self
    }

    /// Adds a partition that these brokers hold, the preferred leader first; instead of the two numbers.
    pub fn replicas(mut self, brokers: impl IntoIterator<Item = BrokerId>) -> Self {
        self.assignment.push(brokers.into_iter().collect());
        self
    }

    /// Sets a topic configuration, for example `retention.ms`.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }
}
