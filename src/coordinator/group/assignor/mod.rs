//! Server-side assignors of KIP-848: who should have which partitions.
//!
//! Not here: how a group gets from what it has to what it should have; that is reconciliation. As in Kafka 4.2, the
//! assignors do not look at racks; a change of racks still makes a group assign anew.
//! Source: KIP-848, `org.apache.kafka.coordinator.group.assignor` of Apache Kafka.

mod range;
mod uniform;

use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::subscribed::TopicsImage;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Partitions by topic.
pub(crate) type Partitions = BTreeMap<Uuid, BTreeSet<PartitionIndex>>;

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub(crate) struct MemberSpec {
    pub(crate) id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    /// What it reads; only topics that exist.
    pub(crate) topics: Arc<BTreeSet<Uuid>>,
    /// What it should have had until now.
    pub(crate) target: Arc<Partitions>,
}

/// An assignor that brokers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignor {
    /// The same number of partitions for everybody, as far as subscriptions allow, and few moves.
    Uniform,
    /// Of each topic a range of partitions for everybody, with the same members in front for all topics.
    Range,
}

impl Assignor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor that a client or a configuration means, by its name or by Kafka's class name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let class = name.strip_prefix("org.apache.kafka.coordinator.group.assignor.");
        match class.unwrap_or(name) {
            "uniform" | "UniformAssignor" => Some(Self::Uniform),
            "range" | "RangeAssignor" => Some(Self::Range),
            _ => None,
        }
    }

    /// What each member should have, in the order of `members`, which come in order of their ids.
    pub(crate) fn assign(self, members: &[MemberSpec], topics: &TopicsImage) -> Vec<Arc<Partitions>> {
        match self {
            Self::Uniform => uniform::assign(members, topics),
            Self::Range => range::assign(members, topics),
        }
    }
}

/// Whether all members read the same topics.
fn is_homogeneous(members: &[MemberSpec]) -> bool {
    let mut pairs = members.iter().zip(members.iter().skip(1));
    pairs.all(|(a, b)| Arc::ptr_eq(&a.topics, &b.topics) || a.topics == b.topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::base::Seed;
    use crate::coordinator::subscribed::SubscribableTopic;

    pub(super) fn id(topic: u8) -> Uuid {
        Uuid([topic; 16])
    }

    /// Topics 1, 2, ... with so many partitions.
    pub(super) fn image(partitions: &[i32]) -> TopicsImage {
        let mut image = TopicsImage::default();
        let topics: Vec<(String, SubscribableTopic)> = (1_u8..)
            .zip(partitions)
            .map(|(topic, count)| (topic.to_string(), SubscribableTopic::new(id(topic), *count, std::iter::empty())))
            .collect();
        image.update(1, topics.iter().map(|(name, topic)| (name.as_str(), *topic)));
        image
    }

    pub(super) fn member(name: &str, topics: &[u8]) -> MemberSpec {
        MemberSpec {
            id: name.into(),
            instance_id: None,
            topics: Arc::new(topics.iter().copied().map(id).collect()),
            target: Arc::default(),
        }
    }

    /// Each member's part as `topic:partition` in order.
    pub(super) fn shown(parts: &[Arc<Partitions>]) -> Vec<String> {
        let one = |parts: &Arc<Partitions>| {
            let rows = parts.iter().flat_map(|(topic, indexes)| indexes.iter().map(move |i| (topic.0[0], i.0)));
            rows.map(|(topic, index)| format!("{topic}:{index}")).collect::<Vec<_>>().join(" ")
        };
        parts.iter().map(one).collect()
    }

    fn count(partitions: &Partitions) -> usize {
        partitions.values().map(BTreeSet::len).sum()
    }

    /// Every partition that somebody reads has one owner, who reads it.
    fn check_valid(members: &[MemberSpec], topics: &TopicsImage, parts: &[Arc<Partitions>]) {
        let mut owners: BTreeMap<(Uuid, PartitionIndex), usize> = BTreeMap::new();
        for (at, part) in parts.iter().enumerate() {
            for (topic, indexes) in &**part {
                assert!(members[at].topics.contains(topic));
                for index in indexes {
                    assert!(topics.has(*topic, *index));
                    assert_eq!(owners.insert((*topic, *index), at), None);
                }
            }
        }
        let read: BTreeSet<Uuid> = members.iter().flat_map(|member| member.topics.iter().copied()).collect();
        let all: i32 = read.iter().map(|topic| topics.partitions(*topic)).sum();
        assert_eq!(owners.len(), usize::try_from(all).unwrap());
    }

    #[test]
    fn everything_is_assigned_once_whatever_happens_before() {
        for seed in 0..300 {
            let mut rng = Seed(seed).stream("assignors");
            let mut pick = |bound: usize| usize::try_from(rng.below(u64::try_from(bound).unwrap())).unwrap();
            let same = pick(2) == 0;
            let mut counts: Vec<i32> = (0..4).map(|_| i32::try_from(pick(9)).unwrap()).collect();
            let mut members: Vec<MemberSpec> = Vec::new();
            for round in 0..12 {
                let assignor = if pick(3) == 0 { Assignor::Range } else { Assignor::Uniform };
                match pick(4) {
                    0 if !members.is_empty() => drop(members.remove(pick(members.len()))),
                    1 => counts[pick(4)] += 1,
                    _ => {
                        let read: Vec<u8> =
                            if same { vec![1, 2, 3] } else { (1..=4).filter(|_| pick(2) == 0).collect() };
                        members.push(member(&format!("{}-{round}", pick(100)), &read));
                    }
                }
                members.sort_by(|a, b| a.id.cmp(&b.id));
                let topics = image(&counts);
                let parts = assignor.assign(&members, &topics);
                check_valid(&members, &topics, &parts);
                if same && assignor == Assignor::Uniform && !members.is_empty() {
                    let sizes = || parts.iter().map(|part| count(part));
                    assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1, "{:?}", shown(&parts));
                }
                for (member, part) in members.iter_mut().zip(parts) {
                    member.target = part;
                }
            }
        }
    }

    #[test]
    fn names_are_those_of_kafka() {
        let check = |name: &str, expected: Option<Assignor>| assert_eq!(Assignor::of_name(name), expected, "{name}");
        check("uniform", Some(Assignor::Uniform));
        check("range", Some(Assignor::Range));
        check("org.apache.kafka.coordinator.group.assignor.RangeAssignor", Some(Assignor::Range));
        check("Uniform", None);
        check("", None);
    }

    /// So that nobody counts on one member being there.
    #[test]
    fn nobody_gets_nothing() {
        let topics = image(&[3]);
        for assignor in [Assignor::Uniform, Assignor::Range] {
            assert!(assignor.assign(&[], &topics).is_empty());
            assert_eq!(shown(&assignor.assign(&[member("a", &[])], &topics)), [""]);
        }
    }

    /// A target that came from elsewhere, such as a classic group's leader, may be nonsense.
    #[test]
    fn a_target_that_cannot_be_is_mended() {
        let topics = image(&[2, 2]);
        let nonsense: Partitions =
            [(id(1), [0, 7].map(PartitionIndex).into()), (id(9), [PartitionIndex(0)].into())].into();
        for read in [[1_u8, 2].as_slice(), &[1]] {
            let mut members = vec![member("a", &[1, 2]), member("b", read)];
            members.iter_mut().for_each(|member| member.target = Arc::new(nonsense.clone()));
            let parts = Assignor::Uniform.assign(&members, &topics);
            check_valid(&members, &topics, &parts);
        }
    }

    fn moves(before: &[Arc<Partitions>], after: &[Arc<Partitions>]) -> usize {
        let kept = |(a, b): (&Arc<Partitions>, &Arc<Partitions>)| -> usize {
            let pairs = a.iter().filter_map(|(topic, indexes)| Some((indexes, b.get(topic)?)));
            pairs.map(|(a, b)| a.intersection(b).count()).sum()
        };
        let all: usize = before.iter().map(|part| count(part)).sum();
        all - before.iter().zip(after).map(kept).sum::<usize>()
    }

    #[test]
    fn uniform_moves_no_more_than_it_must() {
        let topics = image(&[12]);
        let mut members = vec![member("a", &[1]), member("b", &[1])];
        let before = Assignor::Uniform.assign(&members, &topics);
        for (member, part) in members.iter_mut().zip(&before) {
            member.target = Arc::clone(part);
        }
        members.push(member("c", &[1]));
        let after = Assignor::Uniform.assign(&members, &topics);
        assert_eq!(after.iter().map(|part| count(part)).collect::<Vec<_>>(), [4, 4, 4]);
        assert_eq!(moves(&before, &after), 4);
    }

    /// Cost: linear in partitions and members, so that 100 members and 1,000 partitions are nothing.
    #[test]
    fn a_large_group_is_assigned_evenly_when_subscriptions_differ() {
        let topics = image(&[500, 500]);
        let mut rng: Rng = Seed(3).stream("large");
        let mut members: Vec<MemberSpec> =
            (0..100).map(|at| member(&format!("{at:03}"), if rng.below(2) == 0 { &[1, 2] } else { &[1] })).collect();
        for _ in 0..3 {
            let parts = Assignor::Uniform.assign(&members, &topics);
            check_valid(&members, &topics, &parts);
            let both = members.iter().zip(&parts).filter(|(member, _)| member.topics.len() == 2);
            let sizes: Vec<usize> = both.map(|(_, part)| count(part)).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            for (member, part) in members.iter_mut().zip(parts) {
                member.target = part;
            }
            members.truncate(70);
        }
    }
}
