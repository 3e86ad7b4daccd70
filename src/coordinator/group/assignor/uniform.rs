//! The `uniform` assignor: everybody gets the same number of partitions, and as few as possible change hands.
//!
//! Members that read the same topics are one case, which takes one walk; otherwise partitions go to whoever of their
//! readers has least, and are then moved until no topic can make its readers more even.
//! Source: `UniformAssignor` of Apache Kafka.

use super::MemberSpec;
use super::Partitions;
use super::is_homogeneous;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::subscribed::TopicsImage;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often all topics are looked at to even out members that read different topics.
const ROUNDS: usize = 16;

pub(super) fn assign(members: &[MemberSpec], topics: &TopicsImage) -> Vec<Arc<Partitions>> {
    if members.is_empty() {
        Vec::new()
    } else if is_homogeneous(members) {
        assign_alike(members, topics)
    } else {
        Table::new(members, topics).assign()
    }
}

/// A partition's number as a position in a list.
fn position(partition: PartitionIndex) -> Option<usize> {
    usize::try_from(partition.0).ok()
}

fn assign_alike(members: &[MemberSpec], topics: &TopicsImage) -> Vec<Arc<Partitions>> {
    let Some(read) = members.first().map(|member| Arc::clone(&member.topics)) else { return Vec::new() };
    let mut taken: BTreeMap<Uuid, Vec<bool>> = BTreeMap::new();
    for topic in read.iter() {
        let partitions = usize::try_from(topics.partitions(*topic)).unwrap_or(0);
        taken.insert(*topic, vec![false; partitions]);
    }
    let total: usize = taken.values().map(Vec::len).sum();
    let share = total / members.len();
    // So many members get one more than that.
    let mut extra = total % members.len();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut parts: Vec<Arc<Partitions>> = Vec::with_capacity(members.len());
    for (at, member) in members.iter().enumerate() {
        let mut room = share + usize::from(extra > 0);
        let kept = keep(&member.target, &mut taken, &mut room);
        parts.push(kept);
        if extra > 0 {
            // Those who come later may have one too many already: they are given it before somebody who has not.
            if room > 0 && members.len() - at > extra {
                room -= 1;
            } else {
                extra -= 1;
            }
        }
        if room > 0 {
            open.push((at, room));
        }
    }
    let free = taken.iter().flat_map(|(topic, taken)| {
        let free = (0_i32..).zip(taken).filter(|(_, taken)| !**taken);
        free.map(move |(index, _)| (*topic, PartitionIndex(index)))
    });
    let mut free = free.collect::<Vec<_>>().into_iter();
    for (at, room) in open {
        let part = Arc::make_mut(&mut parts[at]);
        for (topic, index) in free.by_ref().take(room) {
            part.entry(topic).or_default().insert(index);
        }
    }
    parts
}

/// Takes as much of a target as there is room for; what is nobody's business any more falls away.
fn keep(target: &Arc<Partitions>, taken: &mut BTreeMap<Uuid, Vec<bool>>, room: &mut usize) -> Arc<Partitions> {
    let mut lost: Vec<(Uuid, PartitionIndex)> = Vec::new();
    for (topic, indexes) in &**target {
        let mut flags = taken.get_mut(topic);
        for index in indexes {
            let flag = position(*index).and_then(|at| flags.as_mut()?.get_mut(at));
            match flag {
                Some(flag) if !*flag && *room > 0 => {
                    *flag = true;
                    *room -= 1;
                }
                _ => lost.push((*topic, *index)),
            }
        }
    }
    if lost.is_empty() {
        return Arc::clone(target);
    }
    let mut kept = Partitions::clone(target);
    for (topic, index) in lost {
        take(&mut kept, topic, index);
    }
    Arc::new(kept)
}

/// Takes a partition out; a topic without partitions is not mentioned.
fn take(partitions: &mut Partitions, topic: Uuid, index: PartitionIndex) {
    if let Some(indexes) = partitions.get_mut(&topic) {
        indexes.remove(&index);
        if indexes.is_empty() {
            partitions.remove(&topic);
        }
    }
}

/// The assignment of members that read different topics, while it is made.
struct Table<'a> {
    members: &'a [MemberSpec],
    parts: Vec<Arc<Partitions>>,
    sizes: Vec<usize>,
    readers: BTreeMap<Uuid, Vec<usize>>,
    owners: BTreeMap<Uuid, Vec<Option<usize>>>,
}

impl<'a> Table<'a> {
    fn new(members: &'a [MemberSpec], topics: &TopicsImage) -> Self {
        let mut readers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (at, member) in members.iter().enumerate() {
            member.topics.iter().for_each(|topic| readers.entry(*topic).or_default().push(at));
        }
        let count = |topic: &Uuid| usize::try_from(topics.partitions(*topic)).unwrap_or(0);
        let owners = readers.keys().map(|topic| (*topic, vec![None; count(topic)])).collect();
        Self { members, parts: Vec::new(), sizes: vec![0; members.len()], readers, owners }
    }

    fn assign(mut self) -> Vec<Arc<Partitions>> {
        for (at, member) in self.members.iter().enumerate() {
            let part = self.keep(at, member);
            self.parts.push(part);
        }
        let topics = self.in_order();
        for topic in &topics {
            self.hand_out(*topic);
        }
        for _ in 0..ROUNDS {
            let moved: usize = topics.iter().map(|topic| self.even_out(*topic)).sum();
            if moved == 0 {
                break;
            }
        }
        self.parts
    }

    /// Those topics first of which each reader gets most, so that the others can make up for it.
    fn in_order(&self) -> Vec<Uuid> {
        let mut topics: Vec<Uuid> = self.readers.keys().copied().collect();
        topics.sort_by(|a, b| {
            let of = |topic: &Uuid| (self.owners[topic].len(), self.readers[topic].len());
            let ((partitions_a, readers_a), (partitions_b, readers_b)) = (of(a), of(b));
            let by_share = (partitions_b * readers_a).cmp(&(partitions_a * readers_b));
            by_share.then(readers_a.cmp(&readers_b)).then(a.cmp(b))
        });
        topics
    }

    fn keep(&mut self, at: usize, member: &MemberSpec) -> Arc<Partitions> {
        let mut lost: Vec<(Uuid, PartitionIndex)> = Vec::new();
        for (topic, indexes) in &*member.target {
            let mut owners = self.owners.get_mut(topic).filter(|_| member.topics.contains(topic));
            for index in indexes {
                let owner = position(*index).and_then(|at| owners.as_mut()?.get_mut(at));
                match owner {
                    Some(owner) if owner.is_none() => {
                        *owner = Some(at);
                        self.sizes[at] += 1;
                    }
                    _ => lost.push((*topic, *index)),
                }
            }
        }
        let mut part = Arc::clone(&member.target);
        if !lost.is_empty() {
            let part = Arc::make_mut(&mut part);
            lost.into_iter().for_each(|(topic, index)| take(part, topic, index));
        }
        part
    }

    fn give(&mut self, topic: Uuid, position: usize, to: usize) {
        let Some(owner) = self.owners.get_mut(&topic).and_then(|owners| owners.get_mut(position)) else { return };
        let index = PartitionIndex(i32::try_from(position).unwrap_or(i32::MAX));
        if let Some(before) = owner.replace(to) {
            take(Arc::make_mut(&mut self.parts[before]), topic, index);
            self.sizes[before] -= 1;
        }
        Arc::make_mut(&mut self.parts[to]).entry(topic).or_default().insert(index);
        self.sizes[to] += 1;
    }

    /// Gives what nobody has to whoever of the readers has least.
    fn hand_out(&mut self, topic: Uuid) {
        let owners = &self.owners[&topic];
        let free: Vec<usize> = (0..owners.len()).filter(|position| owners[*position].is_none()).collect();
        let mut by_size: BTreeSet<(usize, usize)> =
            self.readers[&topic].iter().map(|at| (self.sizes[*at], *at)).collect();
        for position in free {
            let Some((size, at)) = by_size.pop_first() else { return };
            self.give(topic, position, at);
            by_size.insert((size + 1, at));
        }
    }

    /// Moves partitions of a topic from those who have most to those who have least; returns how many.
    fn even_out(&mut self, topic: Uuid) -> usize {
        let mut held: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, owner) in self.owners[&topic].iter().enumerate() {
            owner.iter().for_each(|at| held.entry(*at).or_default().push(position));
        }
        let mut takers: BTreeSet<(usize, usize)> =
            self.readers[&topic].iter().map(|at| (self.sizes[*at], *at)).collect();
        let mut givers: BTreeSet<Reverse<(usize, usize)>> =
            held.keys().map(|at| Reverse((self.sizes[*at], *at))).collect();
        let mut moved = 0;
        while let (Some(Reverse((most, from))), Some((least, to))) = (givers.pop_first(), takers.first().copied()) {
            if most <= least + 1 {
                break;
            }
            let Some(position) = held.get_mut(&from).and_then(Vec::pop) else { continue };
            self.give(topic, position, to);
            held.entry(to).or_default().push(position);
            moved += 1;
            takers.remove(&(least, to));
            takers.remove(&(most, from));
            takers.insert((least + 1, to));
            takers.insert((most - 1, from));
            givers.remove(&Reverse((least, to)));
            givers.insert(Reverse((least + 1, to)));
            givers.insert(Reverse((most - 1, from)));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::MemberSpec;
    use super::super::tests::image;
    use super::super::tests::member;
    use super::super::tests::shown;
    use super::*;

    fn with(member: MemberSpec, target: &[(u8, i32)]) -> MemberSpec {
        let mut partitions = Partitions::new();
        for (topic, index) in target {
            partitions.entry(Uuid([*topic; 16])).or_default().insert(PartitionIndex(*index));
        }
        MemberSpec { target: Arc::new(partitions), ..member }
    }

    #[track_caller]
    fn check(partitions: &[i32], members: &[MemberSpec], expected: &[&str]) {
        assert_eq!(shown(&Assignor::Uniform.assign(members, &image(partitions))), expected);
    }

    #[test]
    fn all_partitions_of_all_topics_count_alike() {
        check(&[3, 2], &[member("a", &[1, 2]), member("b", &[1, 2])], &["1:0 1:1", "1:2 2:0 2:1"]);
    }

    #[test]
    fn who_has_one_too_many_keeps_it() {
        let members = [with(member("a", &[1]), &[(1, 0)]), with(member("b", &[1]), &[(1, 1), (1, 2)])];
        check(&[3], &members, &["1:0", "1:1 1:2"]);
    }

    #[test]
    fn what_is_not_read_any_more_goes() {
        let members = [with(member("a", &[2]), &[(1, 0), (2, 0)]), with(member("b", &[2]), &[(1, 1), (2, 1)])];
        check(&[2, 2], &members, &["2:0", "2:1"]);
    }

    #[test]
    fn a_member_that_reads_less_is_made_up_for() {
        check(&[4, 4], &[member("a", &[1]), member("b", &[1, 2])], &["1:0 1:1 1:2 1:3", "2:0 2:1 2:2 2:3"]);
    }

    #[test]
    fn uneven_targets_of_mixed_members_are_evened_out() {
        let members = [with(member("a", &[1]), &[(1, 0), (1, 1), (1, 2), (1, 3)]), member("b", &[1, 2])];
        check(&[4, 1], &members, &["1:0 1:1 1:2", "1:3 2:0"]);
    }
}
