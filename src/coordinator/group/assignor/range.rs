//! The `range` assignor: of each topic, members get neighbouring partitions, in the order of their names.
//!
//! Topics with the same number of partitions and the same readers are cut alike (co-partitioning). What members had
//! before does not matter.
//! Source: `RangeAssignor` of Apache Kafka.

use super::MemberSpec;
use super::Partitions;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::subscribed::TopicsImage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a topic is cut: so many each, one more for the first few.
struct Cut {
    readers: i32,
    next: i32,
    given: i32,
}

pub(super) fn assign(members: &[MemberSpec], topics: &TopicsImage) -> Vec<Arc<Partitions>> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    // Static members come first, by the names that outlive their ids.
    order.sort_by_key(|at| {
        let member = &members[*at];
        (member.instance_id.is_none(), member.instance_id.clone(), Arc::clone(&member.id))
    });
    let mut cuts: BTreeMap<Uuid, Cut> = BTreeMap::new();
    for topic in members.iter().flat_map(|member| member.topics.iter()) {
        cuts.entry(*topic).or_insert(Cut { readers: 0, next: 0, given: 0 }).readers += 1;
    }
    let mut parts = vec![Partitions::new(); members.len()];
    for at in order {
        for topic in members[at].topics.iter() {
            let Some(cut) = cuts.get_mut(topic) else { continue };
            let all = topics.partitions(*topic);
            let share = all / cut.readers + i32::from(cut.given < all % cut.readers);
            cut.given += 1;
            let range = cut.next..cut.next + share;
            cut.next = range.end;
            if !range.is_empty() {
                parts[at].insert(*topic, range.map(PartitionIndex).collect());
            }
        }
    }
    parts.into_iter().map(Arc::new).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::MemberSpec;
    use super::super::tests::image;
    use super::super::tests::member;
    use super::super::tests::shown;

    #[track_caller]
    fn check(partitions: &[i32], members: &[MemberSpec], expected: &[&str]) {
        assert_eq!(shown(&Assignor::Range.assign(members, &image(partitions))), expected);
    }

    #[test]
    fn the_first_get_one_more() {
        check(
            &[5, 2],
            &[member("a", &[1, 2]), member("b", &[1, 2]), member("c", &[1, 2])],
            &["1:0 1:1 2:0", "1:2 1:3 2:1", "1:4"],
        );
    }

    #[test]
    fn only_readers_count() {
        check(
            &[4, 3],
            &[member("a", &[1]), member("b", &[1, 2]), member("c", &[2])],
            &["1:0 1:1", "1:2 1:3 2:0 2:1", "2:2"],
        );
    }

    #[test]
    fn static_members_stand_in_front_by_their_names() {
        let named = |name: &str, id: &str| MemberSpec { instance_id: Some(id.into()), ..member(name, &[1]) };
        check(&[3], &[member("a", &[1]), named("b", "y"), named("c", "x")], &["1:2", "1:1", "1:0"]);
    }
}
