//! Examples that Kafka's assignors share with ours, and the laws that hold for any group.

use super::*;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Seed;
use crate::base::Uuid;
use crate::client::metadata::Partition;
use crate::client::metadata::Topic;
use std::collections::BTreeSet;

fn metadata(topics: &[(&str, i32)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, count) in topics {
        let partition = |index| Partition {
            index: PartitionIndex(index),
            leader: None,
            leader_epoch: 0.into(),
            replicas: Vec::new(),
            isr: Vec::new(),
            offline_replicas: Vec::new(),
            error: ErrorCode::NONE,
        };
        let name = TopicName::new(name).unwrap();
        let topic = Topic {
            name: name.clone(),
            id: Uuid::ZERO,
            is_internal: false,
            error: ErrorCode::NONE,
            partitions: (0..*count).map(partition).collect(),
        };
        metadata.topics.insert(name, topic);
    }
    metadata
}

fn members(rows: &[(&str, &[&str])]) -> Vec<GroupMember> {
    let row = |(id, topics): &(&str, &[&str])| GroupMember {
        topics: topics.iter().map(|topic| TopicName::new(topic).unwrap()).collect(),
        ..GroupMember::new(id)
    };
    rows.iter().map(row).collect()
}

/// `m: t-0 t-1, n: u-0`.
fn shown(assignments: &Assignments) -> String {
    let row = |(member, partitions): (&String, &Vec<TopicPartition>)| {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{member}: {}", partitions.join(" "))
    };
    assignments.iter().map(row).collect::<Vec<_>>().join(", ")
}

fn all() -> [Box<dyn Assignor>; 4] {
    [
        Box::new(RangeAssignor),
        Box::new(RoundRobinAssignor),
        Box::new(StickyAssignor),
        Box::new(CooperativeStickyAssignor),
    ]
}

#[test]
fn range_and_round_robin_assign_as_in_kafkas_documentation() {
    fn check(assignor: &dyn Assignor, topics: &[(&str, i32)], group: &[(&str, &[&str])], expected: &str) {
        assert_eq!(shown(&assignor.assign(&members(group), &metadata(topics))), expected, "{assignor:?} {group:?}");
    }
    let two = [("t0", 3), ("t1", 3)];
    let both: [(&str, &[&str]); 2] = [("C0", &["t0", "t1"]), ("C1", &["t0", "t1"])];
    check(&RangeAssignor, &two, &both, "C0: t0-0 t0-1 t1-0 t1-1, C1: t0-2 t1-2");
    check(&RoundRobinAssignor, &two, &both, "C0: t0-0 t0-2 t1-1, C1: t0-1 t1-0 t1-2");
    let three = [("t0", 1), ("t1", 2), ("t2", 3)];
    let uneven: [(&str, &[&str]); 3] = [("C0", &["t0"]), ("C1", &["t0", "t1"]), ("C2", &["t0", "t1", "t2"])];
    check(&RoundRobinAssignor, &three, &uneven, "C0: t0-0, C1: t1-0, C2: t1-1 t2-0 t2-1 t2-2");
    // The sticky assignors do better on the same group.
    check(&StickyAssignor, &three, &uneven, "C0: t0-0, C1: t1-0 t1-1, C2: t2-0 t2-1 t2-2");
    check(
        &RangeAssignor,
        &[("t", 7)],
        &[("a", &["t"]), ("b", &["t"]), ("c", &["t"])],
        "a: t-0 t-1 t-2, b: t-3 t-4, c: t-5 t-6",
    );
    for assignor in all() {
        check(&*assignor, &[("t", 1)], &[("a", &["t"]), ("b", &["t"])], "a: t-0, b: ");
        check(&*assignor, &[("t", 2)], &[("a", &["none"]), ("b", &["t"])], "a: , b: t-0 t-1");
        check(&*assignor, &[], &[("a", &["t"])], "a: ");
        check(&*assignor, &[("t", 3)], &[], "");
        check(&*assignor, &[("t", 3)], &[("a", &[])], "a: ");
    }
}

#[test]
fn static_members_come_first_and_in_the_order_of_their_names() {
    let member = |id: &str, instance: Option<&str>| GroupMember {
        instance_id: instance.map(str::to_owned),
        ..GroupMember::new(id)
    };
    let mut group = vec![member("b", None), member("a", None), member("z", Some("2")), member("c", Some("10"))];
    sort(&mut group);
    let ids: Vec<&str> = group.iter().map(|member| member.member_id.as_str()).collect();
    assert_eq!(ids, ["c", "z", "a", "b"]);
}

/// What members say in the next rebalance, when each has what it was given.
fn go_on(assignor: &dyn Assignor, group: &mut [GroupMember], assignments: &Assignments, generation: i32) {
    for member in group {
        let partitions = assignments.get(&member.member_id).cloned().unwrap_or_default();
        member.user_data = assignor.user_data(&LastAssignment { generation, partitions: partitions.clone() });
        if assignor.protocol() == RebalanceProtocol::Cooperative {
            member.owned = partitions;
            member.generation = generation;
        }
    }
}

/// Rebalances until nothing moves any more, and says what moved from one member to another.
fn settle(
    assignor: &dyn Assignor,
    group: &mut [GroupMember],
    metadata: &Metadata,
    before: &Assignments,
    generation: &mut i32,
) -> (Assignments, usize) {
    loop {
        *generation += 1;
        let assignments = assignor.assign(group, metadata);
        let unique: BTreeSet<&TopicPartition> = assignments.values().flatten().collect();
        assert_eq!(unique.len(), assignments.values().flatten().count(), "two have the same partition");
        let revoked = group.iter().any(|member| {
            let mine = &assignments[&member.member_id];
            member.owned.iter().any(|partition| !mine.contains(partition))
        });
        go_on(assignor, group, &assignments, *generation);
        if !revoked || assignor.protocol() == RebalanceProtocol::Eager {
            let stays = |id: &String| group.iter().any(|member| member.member_id == *id);
            let moved = before.iter().filter(|(id, _)| stays(id)).map(|(id, partitions)| {
                partitions.iter().filter(|partition| !assignments[id].contains(partition)).count()
            });
            let moved = moved.sum();
            return (assignments, moved);
        }
    }
}

#[test]
fn sticky_assignors_move_no_more_than_balance_asks_for() {
    for assignor in [&StickyAssignor as &dyn Assignor, &CooperativeStickyAssignor] {
        let metadata = metadata(&[("t", 12)]);
        let (mut generation, mut group) = (0, members(&[("a", &["t"])]));
        let mut check = |group: &mut Vec<GroupMember>, before: &Assignments, moves: usize, loads: &[usize]| {
            let (after, moved) = settle(assignor, group, &metadata, before, &mut generation);
            assert_eq!(after.values().map(Vec::len).collect::<Vec<_>>(), loads, "{assignor:?}");
            assert_eq!(moved, moves, "{assignor:?} {}", shown(&after));
            after
        };
        let one = check(&mut group, &Assignments::new(), 0, &[12]);
        group.extend(members(&[("b", &["t"])]));
        let two = check(&mut group, &one, 6, &[6, 6]);
        group.extend(members(&[("c", &["t"])]));
        let three = check(&mut group, &two, 4, &[4, 4, 4]);
        let same = check(&mut group, &three, 0, &[4, 4, 4]);
        group.remove(0);
        let left = check(&mut group, &same, 0, &[6, 6]);
        group.extend(members(&[("d", &["t"]), ("e", &["t"]), ("f", &["t"])]));
        check(&mut group, &left, 6, &[3, 3, 2, 2, 2]);
    }
}

#[test]
fn a_partition_that_moves_is_nobodys_for_one_generation() {
    let metadata = metadata(&[("t", 4)]);
    let mut group = members(&[("a", &["t"])]);
    let one = CooperativeStickyAssignor.assign(&group, &metadata);
    go_on(&CooperativeStickyAssignor, &mut group, &one, 1);
    group.extend(members(&[("b", &["t"])]));
    let two = CooperativeStickyAssignor.assign(&group, &metadata);
    assert_eq!(shown(&two), "a: t-0 t-1, b: ");
    go_on(&CooperativeStickyAssignor, &mut group, &two, 2);
    assert_eq!(shown(&CooperativeStickyAssignor.assign(&group, &metadata)), "a: t-0 t-1, b: t-2 t-3");
}

#[test]
fn who_claims_an_older_generation_has_lost_it() {
    let metadata = metadata(&[("t", 2)]);
    let check = |claims: [(i32, &[i32]); 2], expected: &str| {
        let mut group = members(&[("a", &["t"]), ("b", &["t"])]);
        for (member, (generation, indexes)) in group.iter_mut().zip(claims) {
            let partitions = indexes.iter().map(|index| TopicPartition::new("t", *index).unwrap()).collect();
            member.user_data = StickyAssignor.user_data(&LastAssignment { generation, partitions });
        }
        assert_eq!(shown(&StickyAssignor.assign(&group, &metadata)), expected, "{claims:?}");
    };
    check([(3, &[0]), (4, &[0])], "a: t-1, b: t-0");
    check([(4, &[1]), (3, &[1])], "a: t-1, b: t-0");
    check([(4, &[1]), (4, &[1])], "a: t-0, b: t-1");
    check([(4, &[7]), (4, &[0])], "a: t-1, b: t-0");
    check([(-1, &[]), (4, &[0, 1])], "a: t-1, b: t-0");
}

#[test]
fn sticky_user_data_is_what_kafka_writes() {
    let last = LastAssignment {
        generation: 5,
        partitions: [0, 2].map(|index| TopicPartition::new("t", index).unwrap()).into(),
    };
    let bytes = StickyAssignor.user_data(&last).unwrap();
    assert_eq!(&bytes[..], b"\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\x05");
    assert_eq!(&CooperativeStickyAssignor.user_data(&last).unwrap()[..], b"\0\0\0\x05");
    // Bytes of others, and of the version before generations.
    let check = |bytes: &'static [u8], expected: &str| {
        let mut group = members(&[("a", &["t"]), ("b", &["t"])]);
        group[1].user_data = Some(Bytes::from_static(bytes));
        assert_eq!(shown(&StickyAssignor.assign(&group, &metadata(&[("t", 2)]))), expected, "{bytes:?}");
    };
    check(b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0", "a: t-1, b: t-0");
    check(b"", "a: t-0, b: t-1");
    check(b"\x7f\xff\xff\xff", "a: t-0, b: t-1");
    check(b"nonsense that is long enough for anything", "a: t-0, b: t-1");
}

/// Whether some chain of moves makes two loads more even, found the slow way.
fn can_be_levelled(group: &[GroupMember], assignments: &Assignments) -> bool {
    let load = |member: &GroupMember| assignments[&member.member_id].len();
    let takes = |from: &GroupMember, to: &GroupMember| {
        assignments[&from.member_id].iter().any(|partition| to.topics.contains(&partition.topic))
    };
    group.iter().any(|source| {
        let mut reached = BTreeSet::from([source.member_id.as_str()]);
        loop {
            let inside = group.iter().filter(|member| reached.contains(member.member_id.as_str()));
            let reach = |from: &GroupMember| {
                group.iter().filter(|to| takes(from, to)).map(|to| to.member_id.as_str()).collect::<Vec<_>>()
            };
            let more: Vec<&str> = inside.flat_map(reach).filter(|id| !reached.contains(id)).collect();
            if more.is_empty() {
                break;
            }
            reached.extend(more);
        }
        group.iter().any(|to| reached.contains(to.member_id.as_str()) && load(to) + 2 <= load(source))
    })
}

/// Random groups through random changes: every partition that somebody wants has one owner, and for the sticky
/// assignors nothing can be more even, and nothing moves when nothing changes.
#[test]
fn laws_hold_for_any_group_through_any_change() {
    for seed in 0..150 {
        for assignor in all() {
            let mut rng = Seed(seed).stream("group");
            let mut below = |bound: u64| usize::try_from(rng.below(bound)).unwrap();
            let names = ["a", "b", "c", "d"];
            let mut counts: Vec<i32> = (0..4).map(|_| i32::try_from(below(6)).unwrap()).collect();
            let alike = below(2) == 0;
            let mut group: Vec<GroupMember> = Vec::new();
            let (mut before, mut generation, mut born) = (Assignments::new(), 0, 0);
            for _ in 0..6 {
                match below(3) {
                    0 if group.len() > 1 => drop(group.remove(below(u64::try_from(group.len()).unwrap()))),
                    1 => counts[below(4)] += 1,
                    _ => {
                        born += 1;
                        let wants: Vec<&str> = names.into_iter().filter(|_| alike || below(2) == 0).collect();
                        group.extend(members(&[(&format!("m{born}"), &wants)]));
                    }
                }
                sort(&mut group);
                let topics: Vec<(&str, i32)> = names.into_iter().zip(counts.iter().copied()).collect();
                let metadata = metadata(&topics);
                let (after, _) = settle(&*assignor, &mut group, &metadata, &before, &mut generation);
                let wanted: usize =
                    subscribed(&group).into_iter().map(|topic| partitions(&metadata, topic).count()).sum();
                assert_eq!(after.values().map(Vec::len).sum::<usize>(), wanted, "seed {seed} {assignor:?}");
                for member in &group {
                    assert!(after[&member.member_id].iter().all(|partition| member.topics.contains(&partition.topic)));
                }
                if assignor.name().contains("sticky") {
                    assert!(!can_be_levelled(&group, &after), "seed {seed} {assignor:?} {}", shown(&after));
                    let (again, moved) = settle(&*assignor, &mut group, &metadata, &after, &mut generation);
                    assert_eq!((shown(&again), moved), (shown(&after), 0), "seed {seed} {assignor:?}");
                }
                before = after;
            }
        }
    }
}
