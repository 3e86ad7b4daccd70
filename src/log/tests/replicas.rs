//! Leaders, followers, and what becomes of records that only some of them hold.

use super::*;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;

#[test]
fn the_high_watermark_is_what_all_in_sync_hold() {
    let mut log = partition(3, TopicConfig::default());
    fill(&mut log, 2);
    log.set_replicating(BrokerId(2), false);
    fill(&mut log, 1);
    assert_eq!([ends(&log, 0), ends(&log, 1), ends(&log, 2)], [(0, 2, 3), (0, 2, 3), (0, 2, 2)]);
    assert!(!log.is_committed(Offset(2)));
    assert!(log.set_isr(&[BrokerId(0), BrokerId(1)]), "without the slow one the rest is committed");
    assert!(log.is_committed(Offset(2)));
    assert_eq!([ends(&log, 0), ends(&log, 1), ends(&log, 2)], [(0, 3, 3), (0, 3, 3), (0, 2, 2)]);
    log.set_replicating(BrokerId(2), true);
    assert_eq!(ends(&log, 2), (0, 3, 3));
}

#[test]
fn a_record_that_only_the_old_leader_holds_is_lost() {
    let mut log = partition(2, TopicConfig::default());
    fill(&mut log, 2);
    log.set_replicating(BrokerId(1), false);
    append(&mut log, &batch(&[("lost", "v")])).unwrap();
    assert!(!log.elect(BrokerId(1), LeaderEpoch(1), &[BrokerId(1)]), "nothing of it was committed");
    append(&mut log, &batch(&[("new", "v")])).unwrap();
    let keys = |broker: i32| contents(&log, broker).into_iter().map(|(_, key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(1), ["k0", "k1", "new"]);
    assert_eq!(keys(0), ["k0", "k1", "new"], "the old leader has truncated and caught up");
    assert_eq!(ends(&log, 0), (0, 3, 3));
}

#[test]
fn an_epoch_without_records_does_not_stop_a_follower() {
    let mut log = partition(2, TopicConfig::default());
    fill(&mut log, 1);
    for epoch in 1..6 {
        log.elect(BrokerId(epoch % 2), LeaderEpoch(epoch), &[BrokerId(0), BrokerId(1)]);
    }
    fill(&mut log, 1);
    assert_eq!([ends(&log, 0), ends(&log, 1)], [(0, 2, 2), (0, 2, 2)]);
    let epochs = |broker: i32| log.replica(BrokerId(broker)).unwrap().log().leader_epochs().clone();
    assert_eq!(epochs(0), epochs(1));
}

#[test]
fn a_truncated_replica_knows_its_producers_as_before() {
    let mut log = partition(2, TopicConfig::default());
    append(&mut log, &sequenced(1, 0, 0, 1)).unwrap();
    log.set_replicating(BrokerId(1), false);
    append(&mut log, &sequenced(1, 0, 1, 1)).unwrap();
    log.elect(BrokerId(1), LeaderEpoch(1), &[BrokerId(0), BrokerId(1)]);
    log.elect(BrokerId(0), LeaderEpoch(2), &[BrokerId(0), BrokerId(1)]);
    // The retry of the lost batch is no duplicate any more where it was lost.
    let info = append(&mut log, &sequenced(1, 0, 1, 1)).unwrap();
    assert_eq!((info.base_offset, info.is_duplicate), (Offset(1), false));
    log.set_replicating(BrokerId(1), true);
    assert_eq!(contents(&log, 0), contents(&log, 1));
}

#[test]
fn clients_are_told_when_they_follow_another_history() {
    let mut log = partition(1, TopicConfig::default());
    fill(&mut log, 3);
    log.elect(BrokerId(0), LeaderEpoch(2), &[BrokerId(0)]);
    fill(&mut log, 1);
    let check = |epoch: i32, expected: Result<(), ErrorCode>| {
        assert_eq!(log.check_leader(BrokerId(0), LeaderEpoch(epoch)), expected, "epoch {epoch}");
    };
    check(-1, Ok(()));
    check(2, Ok(()));
    check(1, Err(ErrorCode::FENCED_LEADER_EPOCH));
    check(3, Err(ErrorCode::UNKNOWN_LEADER_EPOCH));
    let diverging = |epoch: i32, from: i64| {
        let end = log.diverging_epoch(BrokerId(0), LeaderEpoch(epoch), Offset(from));
        end.map(|end| end.map(|end| (end.leader_epoch.0, end.end_offset.0)))
    };
    assert_eq!(diverging(0, 3), Ok(None));
    assert_eq!(diverging(0, 4), Ok(Some((0, 3))));
    assert_eq!(diverging(1, 3), Ok(Some((0, 3))));
    assert_eq!(diverging(2, 4), Ok(None));
    assert_eq!(diverging(-1, 9), Ok(None));
    assert_eq!(diverging(5, 3), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
}

#[test]
fn the_steps_of_replication_bring_what_one_step_brings() {
    let mut log = partition(2, TopicConfig::default());
    log.set_replicating(BrokerId(1), false);
    fill(&mut log, 3);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let fetch = log.replica_fetch(BrokerId(1)).unwrap();
        let (fetched, moved) = log.handle_replica_fetch(fetch, 1).unwrap();
        log.handle_replica_fetched(BrokerId(1), fetched.clone(), NOW);
        // What comes twice changes nothing.
        log.handle_replica_fetched(BrokerId(1), fetched, NOW);
        seen.push((moved, ends(&log, 0), ends(&log, 1)));
    }
    let expected = [
        (false, (0, 0, 3), (0, 0, 1)),
        (true, (0, 1, 3), (0, 1, 2)),
        (true, (0, 2, 3), (0, 2, 3)),
        (true, (0, 3, 3), (0, 3, 3)),
    ];
    assert_eq!(seen, expected);
    let mut stale = log.replica_fetch(BrokerId(1)).unwrap();
    stale.leader_epoch = LeaderEpoch(9);
    assert_eq!(log.handle_replica_fetch(stale, 1).unwrap_err(), ErrorCode::UNKNOWN_LEADER_EPOCH);
}

#[test]
fn a_new_replica_begins_where_the_leader_does() {
    let mut log = partition(1, TopicConfig::default());
    append(&mut log, &batch(&[("a", "1"), ("b", "2"), ("c", "3")])).unwrap();
    fill(&mut log, 1);
    log.delete_records(Offset(1)).unwrap();
    log.add_replica(BrokerId(7), true);
    assert_eq!(ends(&log, 7), (1, 4, 4));
    assert_eq!(contents(&log, 7), contents(&log, 0));
    assert_eq!(log.isr(), [BrokerId(0)]);
    log.remove_replica(BrokerId(7));
    assert!(log.replica(BrokerId(7)).is_none());
}

#[test]
fn without_a_leader_nothing_is_appended_and_nothing_forgotten() {
    let mut log = partition(2, TopicConfig::default());
    fill(&mut log, 2);
    log.elect(BrokerId::NONE, LeaderEpoch(1), &[BrokerId(1)]);
    assert_eq!(append(&mut log, &batch(&[("a", "1")])).unwrap_err().code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!((log.high_watermark(), log.log_end_offset()), (Offset(2), Offset(2)));
    log.elect(BrokerId(1), LeaderEpoch(2), &[BrokerId(1)]);
    assert_eq!(append(&mut log, &batch(&[("a", "1")])).unwrap().base_offset, Offset(2));
}

#[test]
fn an_empty_partition_is_small() {
    let log = partition(1, TopicConfig::default());
    let held = size_of::<PartitionLog>() + size_of_val(log.replicas()) + size_of_val(log.isr());
    let history = log.replicas()[0].log().leader_epochs().entries();
    assert!(held + 4 * size_of_val(history) < 400, "{held} bytes");
}
