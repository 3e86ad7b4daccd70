//! What coordinators know of topics: which there are, how many partitions they have, and where those are.
//!
//! Not here: the topics themselves; whoever asks a coordinator passes this in.

use crate::base::PartitionIndex;
use crate::base::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A topic as members may subscribe to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubscribableTopic {
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    /// Changes with the id, the number of partitions and the racks of the replicas.
    pub(crate) hash: u64,
}

impl SubscribableTopic {
    /// A topic whose partitions have replicas in these racks.
    pub(crate) fn new<'a>(id: Uuid, partitions: i32, racks: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut hash = hash_bytes(BASIS, &id.0);
        hash = hash_bytes(hash, &partitions.to_be_bytes());
        for rack in racks {
            hash = hash_bytes(hash, rack.unwrap_or_default().as_bytes());
            // So that "ab", "c" and "a", "bc" are two things.
            hash = hash_bytes(hash, &[u8::from(rack.is_some()), 0xff]);
        }
        Self { id, partitions, hash }
    }
}

/// All topics at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicsImage {
    by_name: BTreeMap<Arc<str>, SubscribableTopic>,
    names: BTreeMap<Uuid, Arc<str>>,
    version: u64,
    /// The version in which a topic was last added.
    added: u64,
}

impl TopicsImage {
    /// Takes over what there is now; a version that differs from the last one says that something may have changed.
    pub(crate) fn update<'a>(&mut self, version: u64, topics: impl Iterator<Item = (&'a str, SubscribableTopic)>) {
        let topics: BTreeMap<Arc<str>, SubscribableTopic> = topics.map(|(name, topic)| (name.into(), topic)).collect();
        if topics.values().any(|topic| !self.names.contains_key(&topic.id)) {
            self.added = version;
        }
        self.names = topics.iter().map(|(name, topic)| (topic.id, Arc::clone(name))).collect();
        self.by_name = topics;
        self.version = version;
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The version in which a topic was last added.
    pub(crate) fn added(&self) -> u64 {
        self.added
    }

    pub(crate) fn get(&self, name: &str) -> Option<SubscribableTopic> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// How many partitions the topic with this id has; 0 when there is no such topic.
    pub(crate) fn partitions(&self, id: Uuid) -> i32 {
        self.name(id).and_then(|name| self.get(name)).map_or(0, |topic| topic.partitions)
    }

    /// Whether there is such a partition.
    pub(crate) fn has(&self, id: Uuid, partition: PartitionIndex) -> bool {
        (0..self.partitions(id)).contains(&partition.0)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// One number for the state of several topics; those that do not exist count for nothing, and no topics make 0.
    ///
    /// Differs: Kafka makes its number with XXH3; nobody but the coordinator that wrote it looks at it.
    pub(crate) fn hash_of<'a>(&self, names: impl Iterator<Item = &'a str>) -> i64 {
        let hashes = names.filter_map(|name| Some((name, self.get(name)?.hash)));
        let mut any = false;
        let hash = hashes.fold(BASIS, |hash, (name, topic)| {
            any = true;
            hash_bytes(hash_bytes(hash, name.as_bytes()), &topic.to_be_bytes())
        });
        if any { i64::from_be_bytes(hash.to_be_bytes()) } else { 0 }
    }
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a.
fn hash_bytes(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_what_an_assignment_depends_on() {
        let id = Uuid([1; 16]);
        let of = |id, partitions, racks: &[Option<&str>]| {
            let mut image = TopicsImage::default();
            let topic = SubscribableTopic::new(id, partitions, racks.iter().copied());
            image.update(1, [("t", topic)].into_iter());
            image.hash_of(["t", "u"].into_iter())
        };
        let base = of(id, 1, &[Some("a")]);
        assert_eq!(of(id, 1, &[Some("a")]), base);
        let check = |other: i64| assert_ne!(other, base);
        check(of(Uuid([2; 16]), 1, &[Some("a")]));
        check(of(id, 2, &[Some("a")]));
        check(of(id, 1, &[Some("b")]));
        check(of(id, 1, &[None]));
        assert_eq!(TopicsImage::default().hash_of(["t"].into_iter()), 0);
    }

    #[test]
    fn a_topic_that_is_made_again_is_a_new_one() {
        let mut image = TopicsImage::default();
        let topic = |id: u8, partitions| SubscribableTopic::new(Uuid([id; 16]), partitions, std::iter::empty());
        image.update(1, [("t", topic(1, 1))].into_iter());
        image.update(2, [("t", topic(1, 2))].into_iter());
        assert_eq!((image.version(), image.added()), (2, 1));
        image.update(3, [("t", topic(2, 2))].into_iter());
        assert_eq!((image.version(), image.added()), (3, 3));
        assert_eq!((image.partitions(Uuid([1; 16])), image.partitions(Uuid([2; 16]))), (0, 2));
    }
}
