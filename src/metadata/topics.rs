//! Topics by name and by id.

use crate::base::BrokerId;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use std::collections::BTreeMap;

/// A topic: its identity, where its replicas live, and what was configured for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Topic {
    /// The id, which a topic of the same name created later does not share (KIP-516).
    pub id: Uuid,
    /// The name.
    pub name: TopicName,
    /// The replicas of each partition, the preferred leader first.
    pub assignment: Vec<Vec<BrokerId>>,
    /// Overridden configuration, by name.
    pub config: BTreeMap<String, String>,
}

impl Topic {
    /// The indexes of its partitions.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionIndex> + use<> {
        (0..self.assignment.len()).map(index)
    }

    /// The replicas of a partition, if it exists.
    pub fn replicas(&self, partition: PartitionIndex) -> Option<&[BrokerId]> {
        let at = usize::try_from(partition.0).ok()?;
        self.assignment.get(at).map(Vec::as_slice)
    }
}

/// A position in a list of partitions as Kafka's index.
fn index(at: usize) -> PartitionIndex {
    PartitionIndex(i32::try_from(at).expect("a topic has fewer than 2^31 partitions"))
}

/// All topics.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<TopicName, Topic>,
    names: BTreeMap<Uuid, TopicName>,
    version: u64,
}

impl Topics {
    /// Adds a topic; one of the same name is replaced.
    pub fn insert(&mut self, topic: Topic) {
        self.remove(topic.name.as_str());
        self.version += 1;
        self.names.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    /// Takes a topic out.
    pub fn remove(&mut self, name: &str) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.version += 1;
        self.names.remove(&topic.id);
        Some(topic)
    }

    /// The topic of this name.
    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The topic of this name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.version += 1;
        self.by_name.get_mut(name)
    }

    /// Counts changes: while it is the same, so are all topics.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.names.get(&id).and_then(|name| self.get(name.as_str()))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Topic> {
        self.by_name.values()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A topic whose name differs from `name` only in `.` and `_`, which would share its metric names.
    ///
    /// Source: `Topic.hasCollision`.
    pub fn colliding(&self, name: &str) -> Option<&Topic> {
        let is_either = |byte: u8| byte == b'.' || byte == b'_';
        if !name.bytes().any(is_either) {
            return None;
        }
        let collides = |other: &str| {
            let mut pairs = other.bytes().zip(name.bytes());
            other != name && other.len() == name.len() && pairs.all(|(a, b)| a == b || is_either(a) && is_either(b))
        };
        self.by_name.values().find(|topic| collides(topic.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, id: u8) -> Topic {
        Topic { id: Uuid([id; 16]), name: TopicName::new(name).unwrap(), assignment: vec![], config: BTreeMap::new() }
    }

    #[test]
    fn a_recreated_topic_is_not_found_by_its_old_id() {
        let mut topics = Topics::default();
        topics.insert(topic("a", 1));
        topics.insert(topic("a", 2));
        assert_eq!(topics.by_id(Uuid([1; 16])), None);
        assert_eq!(topics.by_id(Uuid([2; 16])).unwrap().name.as_str(), "a");
        topics.remove("a");
        assert_eq!(topics.by_id(Uuid([2; 16])), None);
    }

    #[test]
    fn dots_and_underscores_collide() {
        let mut topics = Topics::default();
        topics.insert(topic("a.b", 1));
        assert_eq!(topics.colliding("a_b").map(|t| t.name.as_str()), Some("a.b"));
        assert_eq!(topics.colliding("a.b"), None);
        assert_eq!(topics.colliding("ab"), None);
    }
}
