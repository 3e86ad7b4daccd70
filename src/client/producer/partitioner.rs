//! Which partition a record goes to.

use super::super::metadata::Topic;
use super::super::routing::lock;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::TopicName;
use crate::base::murmur2;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

/// Chooses the partition of records that do not name one.
///
/// ```
/// use rehearsal::client::{Choice, Partitioner};
/// use rehearsal::base::PartitionIndex;
///
/// /// Sends everything to the last partition.
/// #[derive(Debug)]
/// struct Last;
///
/// impl Partitioner for Last {
///     fn partition(&self, choice: &Choice<'_>) -> PartitionIndex {
///         choice.topic.partitions.last().map_or(PartitionIndex(0), |partition| partition.index)
///     }
/// }
/// ```
pub trait Partitioner: fmt::Debug + Send + Sync {
    /// The partition for a record. The topic has at least one partition.
    fn partition(&self, choice: &Choice<'_>) -> PartitionIndex;
}

/// What a partitioner may look at.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The topic with its partitions and their leaders.
    pub topic: &'a Topic,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value.
    pub value: Option<&'a [u8]>,
    /// The record's size in a batch, in bytes.
    pub size: usize,
}

/// Kafka's default: the key's murmur2 hash, and for records without a key one partition at a time, changed after
/// each `batch_size` bytes.
///
/// Source: KIP-480, KIP-794, `BuiltInPartitioner`. Differs: partitions of slow brokers are not avoided.
#[derive(Debug)]
pub struct StickyPartitioner {
    batch_size: usize,
    state: Mutex<Sticky>,
}

#[derive(Debug)]
struct Sticky {
    rng: Rng,
    current: BTreeMap<TopicName, (PartitionIndex, usize)>,
}

/// One partition after the other, whatever the key.
#[derive(Debug, Default)]
pub struct RoundRobinPartitioner {
    next: Mutex<BTreeMap<TopicName, usize>>,
}

impl StickyPartitioner {
    /// Changes the partition after `batch_size` bytes, and chooses it by `rng`.
    pub fn new(batch_size: usize, rng: Rng) -> Self {
        Self { batch_size, state: Mutex::new(Sticky { rng, current: BTreeMap::new() }) }
    }
}

impl Partitioner for StickyPartitioner {
    fn partition(&self, choice: &Choice<'_>) -> PartitionIndex {
        let topic = choice.topic;
        if let Some(key) = choice.key {
            return murmur2::partition(key, topic.partitions.len());
        }
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if let Some((partition, written)) = state.current.get_mut(&topic.name) {
            let usable = topic.partition(*partition).is_some_and(|partition| partition.leader.is_some());
            if *written < self.batch_size && usable {
                *written += choice.size;
                return *partition;
            }
        }
        let partition = pick(topic, &mut state.rng);
        state.current.insert(topic.name.clone(), (partition, choice.size));
        partition
    }
}

/// Any partition that has a leader; any at all if none has.
fn pick(topic: &Topic, rng: &mut Rng) -> PartitionIndex {
    let led: Vec<PartitionIndex> = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader.is_some())
        .map(|partition| partition.index)
        .collect();
    let all = || topic.partitions.iter().map(|partition| partition.index).collect();
    let candidates = if led.is_empty() { all() } else { led };
    let at = rng.below(u64::try_from(candidates.len()).expect("a usize has at most 64 bits"));
    candidates[usize::try_from(at).expect("below a usize")]
}

impl Partitioner for RoundRobinPartitioner {
    fn partition(&self, choice: &Choice<'_>) -> PartitionIndex {
        let mut next = lock(&self.next);
        let turn = next.entry(choice.topic.name.clone()).or_insert(0);
        let partition = choice.topic.partitions[*turn % choice.topic.partitions.len()].index;
        *turn = turn.wrapping_add(1);
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::base::ErrorCode;
    use crate::base::LeaderEpoch;
    use crate::base::Seed;
    use crate::base::Uuid;
    use crate::client::metadata::Partition;

    fn topic(leaders: &[bool]) -> Topic {
        let partition = |(index, led): (usize, &bool)| Partition {
            index: PartitionIndex(i32::try_from(index).unwrap()),
            leader: led.then_some(BrokerId(1)),
            leader_epoch: LeaderEpoch(0),
            replicas: Vec::new(),
            isr: Vec::new(),
            offline_replicas: Vec::new(),
            error: ErrorCode::NONE,
        };
        let name = TopicName::new("t").unwrap();
        let partitions = leaders.iter().enumerate().map(partition).collect();
        Topic { name, id: Uuid::ZERO, is_internal: false, error: ErrorCode::NONE, partitions }
    }

    #[test]
    fn records_without_key_stay_until_a_batch_is_full_and_avoid_partitions_without_leader() {
        let topic = topic(&[true, false, true, true]);
        let partitioner = StickyPartitioner::new(100, Seed(1).stream("sticky"));
        let choice = Choice { topic: &topic, key: None, value: None, size: 25 };
        let chosen: Vec<i32> = (0..400).map(|_| partitioner.partition(&choice).0).collect();
        assert!(chosen.chunks(4).all(|four| four.iter().all(|index| *index == four[0] && *index != 1)));
        assert!([0, 2, 3].iter().all(|index| chosen.contains(index)));
    }

    #[test]
    fn round_robin_takes_each_partition_in_turn() {
        let topic = topic(&[true, true, true]);
        let partitioner = RoundRobinPartitioner::default();
        let choice = Choice { topic: &topic, key: Some(b"same"), value: None, size: 1 };
        let chosen: Vec<i32> = (0..5).map(|_| partitioner.partition(&choice).0).collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1]);
    }
}
