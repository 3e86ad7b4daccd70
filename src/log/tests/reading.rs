//! What a read returns, and where a time leads.

use super::*;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::log::OffsetSpec;

#[test]
fn a_read_returns_whole_batches_within_its_limit() {
    let mut log = partition(1, TopicConfig::default());
    (0..3).for_each(|_| {
        append(&mut log, &batch(&[("a", "1"), ("b", "2")])).unwrap();
    });
    let size = batch(&[("a", "1"), ("b", "2")]).size_in_bytes();
    let check = |from: i64, max_bytes: usize, min_one: bool, expected: Result<&[i64], ErrorCode>| {
        let seen = read(&log, from, ReadLimit { max_bytes, min_one });
        assert_eq!(seen.as_deref().map_err(|code| *code), expected, "from {from}, {max_bytes} bytes");
    };
    check(0, usize::MAX, false, Ok(&[0, 2, 4]));
    check(0, 2 * size, false, Ok(&[0, 2]));
    check(0, 3 * size - 1, false, Ok(&[0, 2]));
    check(1, size, false, Ok(&[0]));
    check(2, size - 1, false, Ok(&[]));
    check(2, 0, true, Ok(&[2]));
    check(6, usize::MAX, true, Ok(&[]));
    check(7, usize::MAX, true, Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    check(-1, usize::MAX, true, Err(ErrorCode::OFFSET_OUT_OF_RANGE));
}

#[test]
fn a_reader_sees_only_what_is_committed() {
    let mut log = partition(2, TopicConfig::default());
    fill(&mut log, 1);
    log.set_replicating(BrokerId(1), false);
    fill(&mut log, 2);
    assert_eq!(read(&log, 0, ALL), Ok(vec![0]));
    assert_eq!(read(&log, 2, ALL), Ok(vec![]));
    let size = u64::try_from(batch(&[("k0", "v")]).size_in_bytes()).unwrap();
    assert_eq!(log.bytes_available(BrokerId(0), Offset(0), Isolation::ReadUncommitted), size);
    assert_eq!(log.bytes_available(BrokerId(0), Offset(1), Isolation::LogEnd), 2 * size);
    assert_eq!(log.bytes_available(BrokerId(0), Offset(3), Isolation::LogEnd), 0);
    assert!(log.set_replicating(BrokerId(1), true));
    assert_eq!(read(&log, 0, ALL), Ok(vec![0, 1, 2]));
}

#[test]
fn reads_and_sums_cross_segments() {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let mut log = partition(1, TopicConfig { segment_bytes: 2 * size, ..TopicConfig::default() });
    fill(&mut log, 5);
    let replica = log.replicas()[0].log();
    assert_eq!(replica.segment_base_offsets().map(|offset| offset.0).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(read(&log, 1, ALL), Ok(vec![1, 2, 3, 4]));
    let size = u64::try_from(size).unwrap();
    for from in 0..=5_i64 {
        for upto in from..=5 {
            let expected = u64::try_from(upto - from).unwrap() * size;
            assert_eq!(replica.bytes_between(Offset(from), Offset(upto)), expected, "{from}..{upto}");
        }
    }
}

#[test]
fn list_offsets_answers_by_bounds_and_by_time() {
    let mut log = partition(1, TopicConfig::default());
    let at = |ms: i64| Timestamp(NOW.0 - 1_000 + ms);
    append(&mut log, &batch_at(at(10), &[("a", "1"), ("b", "2")])).unwrap();
    append(&mut log, &batch_at(at(30), &[("c", "3")])).unwrap();
    append(&mut log, &batch_at(at(20), &[("d", "4")])).unwrap();
    log.elect(BrokerId(0), LeaderEpoch(4), &[BrokerId(0)]);
    append(&mut log, &batch_at(at(30), &[("e", "5")])).unwrap();
    let check = |log: &PartitionLog, spec: OffsetSpec, expected: Option<(i64, i64, i32)>| {
        let found = log.list_offset(spec, Isolation::ReadUncommitted);
        let seen = found.map(|found| {
            let ms = if found.timestamp == Timestamp::NONE { -1 } else { found.timestamp.0 - at(0).0 };
            (ms, found.offset.0, found.leader_epoch.0)
        });
        assert_eq!(seen, expected, "{spec:?}");
    };
    check(&log, OffsetSpec::Earliest, Some((-1, 0, 0)));
    check(&log, OffsetSpec::EarliestLocal, Some((-1, 0, 0)));
    check(&log, OffsetSpec::Latest, Some((-1, 5, 4)));
    check(&log, OffsetSpec::LatestTiered, None);
    check(&log, OffsetSpec::MaxTimestamp, Some((30, 2, 0)));
    check(&log, OffsetSpec::Timestamp(at(0)), Some((10, 0, 0)));
    check(&log, OffsetSpec::Timestamp(at(10)), Some((10, 0, 0)));
    check(&log, OffsetSpec::Timestamp(at(11)), Some((30, 2, 0)));
    check(&log, OffsetSpec::Timestamp(at(31)), None);

    log.delete_records(Offset(1)).unwrap();
    check(&log, OffsetSpec::Earliest, Some((-1, 1, 0)));
    check(&log, OffsetSpec::Timestamp(at(0)), Some((10, 1, 0)));
    log.delete_records(Offset(3)).unwrap();
    check(&log, OffsetSpec::Timestamp(at(0)), Some((20, 3, 0)));
    log.delete_records(Offset::HIGH_WATERMARK).unwrap();
    // Kafka answers out of the segment, which is still there.
    check(&log, OffsetSpec::MaxTimestamp, Some((30, 2, 0)));
    check(&log, OffsetSpec::Earliest, Some((-1, 5, 4)));
}

#[test]
fn each_sentinel_has_its_meaning() {
    let check = |wire: i64, expected: Option<OffsetSpec>| assert_eq!(OffsetSpec::from_wire(wire), expected);
    check(5, Some(OffsetSpec::Timestamp(Timestamp(5))));
    check(-1, Some(OffsetSpec::Latest));
    check(-2, Some(OffsetSpec::Earliest));
    check(-3, Some(OffsetSpec::MaxTimestamp));
    check(-6, Some(OffsetSpec::EarliestPendingUpload));
    check(-7, None);
}
