//! `sticky` and `cooperative-sticky`: as even as can be, and with as few moves as that allows.
//!
//! Not here: racks. Source for what members tell each other: `StickyAssignor` and `CooperativeStickyAssignor` of Apache
//! Kafka. The algorithm is our own: what is claimed stays, what is free goes to the least loaded, and then loads are
//! levelled along the shortest chain of moves that makes two of them more even, until there is none.

use super::Assignments;
use super::Assignor;
use super::GroupMember;
use super::LastAssignment;
use super::RebalanceProtocol;
use super::partitions;
use super::subscribed;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::client::TopicPartition;
use crate::client::metadata::Metadata;
use crate::wire::codec::Decoder;
use crate::wire::codec::Encoder;
use crate::wire::codec::Field;
use crate::wire::messages::consumer_protocol::RequestTopicPartition;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

/// Keeps what members had, as far as balance allows; they give everything up in between.
#[derive(Clone, Copy, Debug, Default)]
pub struct StickyAssignor;

/// Keeps what members had, as far as balance allows; what does not move is read on all the time (KIP-429).
///
/// A partition that moves is nobody's for one generation, so a rebalance that moves any is followed by a second one.
#[derive(Clone, Copy, Debug, Default)]
pub struct CooperativeStickyAssignor;

impl Assignor for StickyAssignor {
    fn name(&self) -> &str {
        "sticky"
    }

    fn user_data(&self, last: &LastAssignment) -> Option<Bytes> {
        let mut rows: Vec<RequestTopicPartition> = Vec::new();
        for partition in &last.partitions {
            match rows.last_mut() {
                Some(row) if &*row.topic == partition.topic.as_str() => row.partitions.push(partition.partition.0),
                _ => rows.push(RequestTopicPartition {
                    topic: partition.topic.as_str().into(),
                    partitions: vec![partition.partition.0],
                    ..RequestTopicPartition::default()
                }),
            }
        }
        let mut encoder = Encoder::new(false);
        rows.encode(&mut encoder, 0, false).ok()?;
        last.generation.encode(&mut encoder, 0, false).ok()?;
        Some(encoder.into_bytes())
    }

    fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments {
        // Members own nothing when they join; what they had is in their user data.
        let claim = |member: &GroupMember| member.user_data.as_ref().and_then(previous).unwrap_or_default();
        assign(members, members.iter().map(claim).collect(), metadata)
    }
}

impl Assignor for CooperativeStickyAssignor {
    fn name(&self) -> &str {
        "cooperative-sticky"
    }

    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Cooperative
    }

    fn user_data(&self, last: &LastAssignment) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(&last.generation.to_be_bytes()))
    }

    fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments {
        let claim = |member: &GroupMember| {
            // Members from before the subscription had a generation say it in their user data.
            let said = || member.user_data.as_ref().and_then(|bytes| bytes.first_chunk()).copied();
            let generation =
                if member.generation >= 0 { member.generation } else { said().map_or(-1, i32::from_be_bytes) };
            Claim { generation, partitions: member.owned.clone() }
        };
        let mut assignments = assign(members, members.iter().map(claim).collect(), metadata);
        // Who has it reads it on until it is told otherwise, so nobody else may have it yet.
        let mut owners: BTreeMap<&TopicPartition, BTreeSet<&str>> = BTreeMap::new();
        for member in members {
            for partition in &member.owned {
                owners.entry(partition).or_default().insert(&member.member_id);
            }
        }
        for (member, assigned) in &mut assignments {
            assigned.retain(|partition| {
                let others = owners.get(partition).map_or(0, |owners| owners.iter().filter(|id| *id != member).count());
                others == 0
            });
        }
        assignments
    }
}

/// What a member says it had, and when.
#[derive(Debug, Default, PartialEq)]
struct Claim {
    generation: i32,
    partitions: Vec<TopicPartition>,
}

/// Reads a sticky member's user data; its first version had no generation.
fn previous(bytes: &Bytes) -> Option<Claim> {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let rows = Vec::<RequestTopicPartition>::decode(&mut decoder, 0, false).ok()?;
    let generation = decoder.int32().unwrap_or(-1);
    let mut partitions = Vec::new();
    for row in rows {
        let Ok(topic) = TopicName::new(&row.topic) else { continue };
        let partition = |index| TopicPartition { topic: topic.clone(), partition: PartitionIndex(index) };
        partitions.extend(row.partitions.into_iter().map(partition));
    }
    Some(Claim { generation, partitions })
}

fn assign(members: &[GroupMember], claims: Vec<Claim>, metadata: &Metadata) -> Assignments {
    let topics: Vec<&TopicName> = subscribed(members).into_iter().collect();
    let mut plan = Plan::new(members, &topics);
    plan.claim(claims, metadata);
    let mut free: Vec<(usize, usize, TopicPartition)> = Vec::new();
    for (at, topic) in topics.iter().enumerate() {
        let takers = plan.takers[at].len();
        free.extend(partitions(metadata, topic).filter(|p| !plan.owner.contains_key(p)).map(|p| (takers, at, p)));
    }
    // Those that few can take come first.
    free.sort();
    for (_, topic, partition) in free {
        plan.give(topic, partition);
    }
    while plan.level() {}
    let assigned = |(member, owned): (&GroupMember, Vec<BTreeSet<TopicPartition>>)| {
        (member.member_id.clone(), owned.into_iter().flatten().collect())
    };
    members.iter().zip(plan.owned).map(assigned).collect()
}

/// An assignment that is being made. Members and topics go by their place.
struct Plan<'a> {
    topics: BTreeMap<&'a str, usize>,
    /// Who subscribes, by topic.
    takers: Vec<Vec<usize>>,
    /// By member and topic.
    owned: Vec<Vec<BTreeSet<TopicPartition>>>,
    load: Vec<usize>,
    owner: BTreeMap<TopicPartition, usize>,
    /// Whose it was.
    before: BTreeMap<TopicPartition, usize>,
}

impl<'a> Plan<'a> {
    fn new(members: &[GroupMember], topics: &[&'a TopicName]) -> Self {
        let takers = |topic: &&TopicName| {
            let subscribes = |(_, member): &(usize, &GroupMember)| member.topics.binary_search(topic).is_ok();
            members.iter().enumerate().filter(subscribes).map(|(at, _)| at).collect()
        };
        Self {
            topics: topics.iter().enumerate().map(|(at, topic)| (topic.as_str(), at)).collect(),
            takers: topics.iter().map(takers).collect(),
            owned: vec![vec![BTreeSet::new(); topics.len()]; members.len()],
            load: vec![0; members.len()],
            owner: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    /// Lets members keep what they had. The newest generation counts; two claims of the same one count for nothing.
    fn claim(&mut self, claims: Vec<Claim>, metadata: &Metadata) {
        let mut best: BTreeMap<TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
        for (member, claim) in claims.into_iter().enumerate() {
            let generation = claim.generation;
            for partition in claim.partitions.into_iter().collect::<BTreeSet<_>>() {
                let best = best.entry(partition).or_insert((i32::MIN, None));
                match generation.cmp(&best.0) {
                    std::cmp::Ordering::Greater => *best = (generation, Some(member)),
                    std::cmp::Ordering::Equal => best.1 = None,
                    std::cmp::Ordering::Less => {}
                }
            }
        }
        for (partition, (_, member)) in best {
            let (Some(member), Some(&topic)) = (member, self.topics.get(partition.topic.as_str())) else { continue };
            let known = metadata.topic(partition.topic.as_str());
            let exists = known.is_some_and(|topic| topic.partition(partition.partition).is_some());
            if exists && self.takers[topic].contains(&member) {
                self.before.insert(partition.clone(), member);
                self.put(member, topic, partition);
            }
        }
    }

    fn put(&mut self, member: usize, topic: usize, partition: TopicPartition) {
        self.owned[member][topic].insert(partition.clone());
        self.load[member] += 1;
        self.owner.insert(partition, member);
    }

    /// Gives a free partition to the least loaded who can take it.
    fn give(&mut self, topic: usize, partition: TopicPartition) {
        let taker = self.takers[topic].iter().copied().min_by_key(|member| (self.load[*member], *member));
        if let Some(taker) = taker {
            self.put(taker, topic, partition);
        }
    }

    /// Makes two loads more even, if any two that a chain of moves connects differ by more than one.
    fn level(&mut self) -> bool {
        let least = self.load.iter().copied().min().unwrap_or(0);
        let mut sources: Vec<usize> = (0..self.load.len()).filter(|member| self.load[*member] >= least + 2).collect();
        sources.sort_by_key(|member| std::cmp::Reverse(self.load[*member]));
        for source in sources {
            if let Some(chain) = self.chain(source) {
                for (from, topic, to) in chain {
                    self.move_one(from, topic, to);
                }
                return true;
            }
        }
        false
    }

    /// The shortest chain of moves from a member to one that has at least two less.
    fn chain(&self, source: usize) -> Option<Vec<(usize, usize, usize)>> {
        let mut came: Vec<Option<(usize, usize)>> = vec![None; self.load.len()];
        let mut asked = vec![false; self.topics.len()];
        let mut front = VecDeque::from([source]);
        while let Some(from) = front.pop_front() {
            let mut ends: Vec<usize> = Vec::new();
            for topic in (0..self.topics.len()).filter(|topic| !self.owned[from][*topic].is_empty()) {
                // Whoever can take of this topic has been reached already.
                if std::mem::replace(&mut asked[topic], true) {
                    continue;
                }
                for &to in &self.takers[topic] {
                    if to != source && came[to].is_none() {
                        came[to] = Some((from, topic));
                        front.push_back(to);
                        if self.load[to] + 2 <= self.load[source] {
                            ends.push(to);
                        }
                    }
                }
            }
            let Some(mut to) = ends.into_iter().min_by_key(|member| (self.load[*member], *member)) else { continue };
            let mut chain = Vec::new();
            while let Some((from, topic)) = came[to] {
                chain.push((from, topic, to));
                to = from;
            }
            return Some(chain);
        }
        None
    }

    /// Moves the partition of a topic whose move costs least: home, or one that is not at home anyway.
    fn move_one(&mut self, from: usize, topic: usize, to: usize) {
        let cost = |partition: &&TopicPartition| match self.before.get(*partition) {
            Some(member) if *member == to => 0,
            Some(member) if *member == from => 2,
            _ => 1,
        };
        // Of those that cost the same the last one goes.
        let Some(partition) = self.owned[from][topic].iter().rev().min_by_key(cost).cloned() else { return };
        self.owned[from][topic].remove(&partition);
        self.load[from] -= 1;
        self.put(to, topic, partition);
    }
}
