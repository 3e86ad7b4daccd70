//! What goes in time: deleted, too old, too much, or overwritten by a later record of its key.

use super::*;
use crate::base::ErrorCode;
use std::sync::Arc;

#[test]
fn delete_records_moves_the_start_of_every_replica() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let mut log = partition(2, TopicConfig { segment_bytes: 2 * size, ..TopicConfig::default() });
    fill(&mut log, 5);
    let mut check = |before: i64, expected: Result<i64, ErrorCode>| {
        assert_eq!(log.delete_records(Offset(before)).map(|start| start.0), expected, "before {before}");
    };
    check(3, Ok(3));
    check(1, Ok(3));
    check(6, Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    check(-2, Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(read(&log, 2, ALL), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(read(&log, 3, ALL), Ok(vec![3, 4]));
    let bytes = |log: &PartitionLog| log.replicas()[1].log().size_in_bytes();
    assert_eq!(bytes(&log), 3 * u64::try_from(size).unwrap(), "the first segment is gone, the second still there");
    assert_eq!(log.delete_records(Offset::HIGH_WATERMARK), Ok(Offset(5)));
    assert_eq!(ends(&log, 1), (5, 5, 5));
    fill(&mut log, 1);
    assert_eq!(read(&log, 5, ALL), Ok(vec![5]));
}

#[test]
fn retention_by_time_takes_segments_whose_last_record_is_too_old() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let config = TopicConfig { retention_ms: Some(1_000), segment_bytes: 2 * size, ..TopicConfig::default() };
    let mut log = partition(2, config);
    for age in [900, 800, 700, 600, 500] {
        append(&mut log, &batch_at(Timestamp(NOW.0 - age), &[("k0", "v")])).unwrap();
    }
    let mut check = |later_ms: i64, expected: i64| {
        let before = log.log_start_offset();
        assert_eq!(log.maintain(Timestamp(NOW.0 + later_ms)).log_start_moved, before.0 != expected);
        assert_eq!([ends(&log, 0).0, ends(&log, 1).0], [expected, expected], "{later_ms} ms later");
    };
    check(200, 0);
    check(201, 2);
    check(401, 4);
    // The active segment goes too; the next offset stays.
    check(501, 5);
    check(9_999, 5);
    assert_eq!(append(&mut log, &batch(&[("a", "1")])).unwrap().base_offset, Offset(5));
}

#[test]
fn retention_by_size_keeps_at_least_what_is_allowed() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let allowed = u64::try_from(3 * size).unwrap();
    let config = TopicConfig { retention_bytes: Some(allowed), segment_bytes: size, ..TopicConfig::default() };
    let mut log = partition(1, config.clone());
    fill(&mut log, 5);
    assert!(log.apply_retention(NOW));
    assert_eq!(ends(&log, 0), (2, 5, 5));
    assert_eq!(log.replicas()[0].log().size_in_bytes(), allowed);
    log.set_config(TopicConfig { cleanup_policy: CleanupPolicy::COMPACT, retention_bytes: Some(0), ..config }.into());
    assert!(!log.apply_retention(NOW), "a topic that is only compacted has no retention");
}

#[test]
fn retention_spares_what_is_not_committed() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let config = TopicConfig { retention_ms: Some(0), segment_bytes: size, ..TopicConfig::default() };
    let mut log = partition(2, config);
    fill(&mut log, 1);
    log.set_replicating(BrokerId(1), false);
    fill(&mut log, 1);
    log.maintain(Timestamp(NOW.0 + 10));
    assert_eq!(ends(&log, 0), (1, 1, 2));
}

#[test]
fn a_segment_is_closed_by_time_as_well() {
    let mut log = partition(1, TopicConfig { segment_ms: 100, ..TopicConfig::default() });
    for ms in [0, 100, 101, 150] {
        append(&mut log, &batch_at(Timestamp(NOW.0 + ms), &[("k", "v")])).unwrap();
    }
    let bases: Vec<i64> = log.replicas()[0].log().segment_base_offsets().map(|offset| offset.0).collect();
    assert_eq!(bases, [0, 2]);
}

fn rows(rows: &[(i64, &str, &str)]) -> Vec<(i64, String, String)> {
    rows.iter().map(|(offset, key, value)| (*offset, (*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn compaction_keeps_the_last_record_of_each_key_at_its_offset() {
    let mut log = partition(3, compacted());
    append(&mut log, &batch(&[("a", "1"), ("b", "1"), ("a", "2")])).unwrap();
    append(&mut log, &batch(&[("c", "1")])).unwrap();
    append(&mut log, &batch(&[("b", "2"), ("c", "2")])).unwrap();
    assert!(!log.compact(NOW), "the active segment is left alone");
    log.roll_segments(NOW);
    append(&mut log, &batch(&[("a", "3")])).unwrap();
    assert!(log.compact(NOW));
    let expected = rows(&[(2, "a", "2"), (4, "b", "2"), (5, "c", "2"), (6, "a", "3")]);
    (0..3).for_each(|broker| assert_eq!(contents(&log, broker), expected, "broker {broker}"));
    assert_eq!(ends(&log, 0), (0, 7, 7), "bounds are as before");
    assert_eq!(read(&log, 3, ALL), Ok(vec![4, 6]), "a reader in the hole goes on behind it");
    let first = |broker: usize| log.replicas()[broker].log().batches(Offset(0)).next().unwrap();
    assert!(Arc::ptr_eq(first(0), first(2)), "new batches are shared like old ones");
    log.replicas()[0].log().batches(Offset(0)).for_each(|batch| batch.verify().unwrap());
    assert!(!log.compact(NOW), "there is nothing new");
}

#[test]
fn a_tombstone_stays_until_its_horizon() {
    let config = TopicConfig { delete_retention_ms: 1_000, ..compacted() };
    let mut log = partition(2, config);
    append(&mut log, &batch(&[("a", "1")])).unwrap();
    append(&mut log, &batch(&[("a", ""), ("b", "1")])).unwrap();
    let mut round = |ms: i64| {
        // Something dirty, so that there is a reason to clean.
        append(&mut log, &batch(&[("z", "1")])).unwrap();
        log.roll_segments(NOW);
        assert!(log.compact(Timestamp(NOW.0 + ms)));
        contents(&log, 1).into_iter().filter(|(_, key, _)| key != "z").collect::<Vec<_>>()
    };
    assert_eq!(round(0), rows(&[(1, "a", ""), (2, "b", "1")]));
    assert_eq!(round(999), rows(&[(1, "a", ""), (2, "b", "1")]));
    assert_eq!(round(1_000), rows(&[(2, "b", "1")]));
    assert_eq!(log.replicas()[0].log().batches(Offset(2)).next().unwrap().header.max_timestamp, NOW);
}

#[test]
fn compaction_waits_for_its_lag_and_its_ratio() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let base = TopicConfig { segment_bytes: size, ..compacted() };
    let check = |config: TopicConfig, later_ms: i64, expected: bool| {
        let mut log = partition(1, config);
        (0..3).for_each(|_| {
            append(&mut log, &batch(&[("k0", "v")])).unwrap();
        });
        assert_eq!(log.maintain(Timestamp(NOW.0 + later_ms)).compacted, expected, "{later_ms} ms");
    };
    check(base.clone(), 0, true);
    check(TopicConfig { min_compaction_lag_ms: 100, ..base.clone() }, 99, false);
    check(TopicConfig { min_compaction_lag_ms: 100, ..base.clone() }, 100, true);
    check(TopicConfig { min_cleanable_dirty_ratio: 1.0, ..base.clone() }, 0, false);
    let lagging = TopicConfig { min_cleanable_dirty_ratio: 1.0, max_compaction_lag_ms: 50, ..base.clone() };
    check(lagging.clone(), 50, false);
    check(lagging, 51, true);
    check(TopicConfig { cleanup_policy: CleanupPolicy::DELETE, ..base }, 0, false);
}

#[test]
fn the_last_batch_of_a_producer_stays_even_without_records() {
    let mut log = partition(1, compacted());
    append(&mut log, &sequenced(1, 0, 0, 1)).unwrap();
    append(&mut log, &sequenced(2, 0, 0, 1)).unwrap();
    append(&mut log, &batch(&[("x", "1")])).unwrap();
    log.roll_segments(NOW);
    assert!(log.compact(NOW));
    let left: Vec<_> = log.replicas()[0].log().batches(Offset(0)).map(|batch| batch.header.records_count).collect();
    assert_eq!(left, [0, 1, 1]);
    assert!(append(&mut log, &sequenced(1, 0, 0, 1)).unwrap().is_duplicate);
}
