//! Open and aborted transactions in a log: what is stable, what is void, and what comes too late.

use super::CLIENT;
use super::NOW;
use super::append;
use super::batch;
use super::compacted;
use super::contents;
use super::partition;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::config::TopicConfig;
use crate::log::AppendOrigin;
use crate::log::LogAppendInfo;
use crate::log::PartitionLog;
use crate::log::Verification;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;

fn transactional(id: i64, epoch: i16, sequence: i32, key: &str) -> Batch {
    let mut builder = BatchBuilder::new().producer(ProducerId(id), ProducerEpoch(epoch), sequence).transactional(true);
    builder.append(NOW, Some(key.as_bytes()), Some(b"v"), &[]);
    builder.build().unwrap()
}

fn write(log: &mut PartitionLog, id: i64, epoch: i16, sequence: i32) -> Result<Offset, ErrorCode> {
    let info = append(log, &transactional(id, epoch, sequence, "k"));
    info.map(|info| info.base_offset).map_err(|error| error.code)
}

fn end(log: &mut PartitionLog, id: i64, epoch: i16, committed: bool) -> Result<LogAppendInfo, ErrorCode> {
    mark(log, id, epoch, committed, 0, 0)
}

fn mark(
    log: &mut PartitionLog,
    id: i64,
    epoch: i16,
    committed: bool,
    coordinator_epoch: i32,
    transaction_version: i16,
) -> Result<LogAppendInfo, ErrorCode> {
    let control_type = if committed { ControlType::Commit } else { ControlType::Abort };
    let record = ControlRecord { control_type, coordinator_epoch };
    let marker = record.to_batch(Offset(0), NOW, LeaderEpoch(0), ProducerId(id), ProducerEpoch(epoch)).unwrap();
    let origin = AppendOrigin::Marker { transaction_version };
    log.append_batch(log.leader(), NOW, marker, origin, -1).map_err(|error| error.code)
}

/// Producer, first and last offset of each aborted transaction that `broker` knows.
fn aborted(log: &PartitionLog, broker: i32) -> Vec<(i64, i64, i64)> {
    let replica = log.replica(BrokerId(broker)).unwrap().log();
    let all = replica.aborted_transactions(Offset(0), Offset(i64::MAX));
    all.map(|found| (found.producer_id.0, found.first_offset.0, found.last_offset.0)).collect()
}

#[test]
fn a_log_is_stable_up_to_its_oldest_open_transaction() {
    let mut log = partition(2, TopicConfig::default());
    append(&mut log, &batch(&[("a", "1")])).unwrap();
    write(&mut log, 1, 0, 0).unwrap();
    write(&mut log, 2, 0, 0).unwrap();
    assert_eq!(log.last_stable_offset(), Offset(1));
    end(&mut log, 2, 0, false).unwrap();
    assert_eq!(log.last_stable_offset(), Offset(1));
    end(&mut log, 1, 0, true).unwrap();
    assert_eq!(log.last_stable_offset(), Offset(5));
    for broker in 0..2 {
        assert_eq!(aborted(&log, broker), [(2, 2, 3)]);
    }
}

#[test]
fn an_end_counts_when_its_marker_is_replicated() {
    let mut log = partition(2, TopicConfig::default());
    write(&mut log, 1, 0, 0).unwrap();
    log.set_replicating(BrokerId(1), false);
    end(&mut log, 1, 0, true).unwrap();
    assert_eq!((log.high_watermark(), log.last_stable_offset()), (Offset(1), Offset(0)));
    log.set_replicating(BrokerId(1), true);
    assert_eq!((log.high_watermark(), log.last_stable_offset()), (Offset(2), Offset(2)));
}

#[test]
fn a_transaction_whose_marker_is_cut_off_is_open_again() {
    let mut log = partition(2, TopicConfig::default());
    write(&mut log, 1, 0, 0).unwrap();
    log.set_replicating(BrokerId(1), false);
    end(&mut log, 1, 0, false).unwrap();
    log.elect(BrokerId(1), LeaderEpoch(1), &[BrokerId(1)]);
    append(&mut log, &batch(&[("a", "1")])).unwrap();
    log.replicate();
    for broker in 0..2 {
        assert_eq!(aborted(&log, broker), [], "{broker}");
        assert_eq!(log.replica(BrokerId(broker)).unwrap().last_stable_offset(), Offset(0), "{broker}");
    }
    end(&mut log, 1, 0, false).unwrap();
    assert_eq!((log.last_stable_offset(), aborted(&log, 0)), (Offset(3), vec![(1, 0, 2)]));
}

#[test]
fn what_does_not_belong_to_a_transaction_is_refused() {
    let mut log = partition(1, TopicConfig::default());
    write(&mut log, 1, 1, 0).unwrap();
    let plain = {
        let mut builder = BatchBuilder::new().producer(ProducerId(1), ProducerEpoch(1), 1);
        builder.append(NOW, Some(b"k"), Some(b"v"), &[]);
        builder.build().unwrap()
    };
    assert_eq!(append(&mut log, &plain).unwrap_err().code, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(write(&mut log, 1, 0, 1), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(write(&mut log, 1, 2, 1), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(end(&mut log, 1, 0, true), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    let record = ControlRecord { control_type: ControlType::Commit, coordinator_epoch: 0 };
    let marker = record.to_batch(Offset(0), NOW, LeaderEpoch(0), ProducerId(1), ProducerEpoch(1)).unwrap();
    let refused = log.append(BrokerId(0), NOW, &marker.to_bytes(), CLIENT, 1).unwrap_err();
    assert_eq!(refused.code, ErrorCode::INVALID_RECORD, "clients write no markers");
    assert_eq!((log.log_end_offset(), log.last_stable_offset()), (Offset(1), Offset(0)));
    // A marker for a producer that nobody knows is written all the same.
    assert_eq!(end(&mut log, 9, 0, true).unwrap().base_offset, Offset(1));
}

#[test]
fn a_marker_of_version_2_has_a_higher_epoch_unless_it_comes_again() {
    let mut log = partition(1, TopicConfig::default());
    write(&mut log, 1, 4, 0).unwrap();
    assert_eq!(mark(&mut log, 1, 4, true, 0, 2), Err(ErrorCode::INVALID_PRODUCER_EPOCH), "it ends another one");
    assert!(mark(&mut log, 1, 5, true, 0, 2).is_ok());
    assert!(mark(&mut log, 1, 5, true, 0, 2).is_ok(), "its answer was lost");
    assert_eq!(mark(&mut log, 1, 4, true, 0, 2), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(write(&mut log, 1, 4, 1), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(write(&mut log, 1, 5, 0), Ok(Offset(3)), "sequence numbers begin anew");
    assert_eq!(
        mark(&mut log, 1, 5, true, 0, 2),
        Err(ErrorCode::INVALID_PRODUCER_EPOCH),
        "now it would end the next one"
    );
}

#[test]
fn a_coordinator_that_was_replaced_ends_nothing() {
    let mut log = partition(1, TopicConfig::default());
    write(&mut log, 1, 0, 0).unwrap();
    mark(&mut log, 1, 0, true, 3, 0).unwrap();
    write(&mut log, 1, 0, 1).unwrap();
    assert_eq!(mark(&mut log, 1, 0, false, 2, 0), Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED));
    assert!(mark(&mut log, 1, 0, true, 3, 0).is_ok());
    assert_eq!(log.last_stable_offset(), Offset(4));
}

#[test]
fn the_first_records_of_a_transaction_need_a_fresh_proof() {
    let mut log = partition(1, TopicConfig::default());
    let broker = BrokerId(0);
    let start = |log: &mut PartitionLog, epoch: i16, sequence: i32, bumps: bool| {
        log.start_verification(broker, NOW, ProducerId(1), ProducerEpoch(epoch), sequence, bumps)
    };
    let send = |log: &mut PartitionLog, epoch: i16, sequence: i32, proof: Verification| {
        let records = transactional(1, epoch, sequence, "k").to_bytes();
        let info = log.append_verified(broker, NOW, &records, CLIENT, 1, proof);
        info.map(|info| info.base_offset.0).map_err(|error| error.code)
    };
    assert_eq!(send(&mut log, 0, 0, Verification::Missing), Err(ErrorCode::INVALID_TXN_STATE));
    let proof = Verification::Guard(start(&mut log, 0, 0, false).unwrap().unwrap());
    assert_eq!(send(&mut log, 0, 1, proof), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER), "0 has asked first");
    assert_eq!(send(&mut log, 0, 0, proof), Ok(0));
    assert_eq!(start(&mut log, 0, 1, false), Ok(None));
    assert_eq!(send(&mut log, 0, 1, Verification::Missing), Ok(1));
    end(&mut log, 1, 0, false).unwrap();
    // The proof was for the transaction that is over.
    assert_eq!(send(&mut log, 0, 2, proof), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(send(&mut log, 0, 1, Verification::Missing), Ok(1), "a duplicate is one also then");
    let proof = Verification::Guard(start(&mut log, 1, 0, true).unwrap().unwrap());
    // The marker of version 2 with the epoch of the next transaction leaves its proof alone.
    mark(&mut log, 1, 1, false, 0, 2).unwrap();
    assert_eq!(send(&mut log, 1, 0, proof), Ok(4));
    assert_eq!(start(&mut log, 0, 0, true), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
}

#[test]
fn a_producer_of_version_2_begins_with_0_where_nothing_is_known_of_it() {
    let mut log = partition(1, TopicConfig::default());
    let broker = BrokerId(0);
    let mut check = |id: i64, bumps: bool, expected: Result<(), ErrorCode>| {
        let guard = log.start_verification(broker, NOW, ProducerId(id), ProducerEpoch(0), 3, bumps).unwrap().unwrap();
        let records = transactional(id, 0, 3, "k").to_bytes();
        let sent = log.append_verified(broker, NOW, &records, CLIENT, 1, Verification::Guard(guard));
        assert_eq!(sent.map(drop).map_err(|error| error.code), expected);
    };
    check(1, false, Ok(()));
    check(2, true, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
}

#[test]
fn producers_in_a_transaction_are_not_forgotten() {
    let mut log = partition(1, TopicConfig::default());
    write(&mut log, 1, 0, 0).unwrap();
    append(&mut log, &super::sequenced(2, 0, 0, 1)).unwrap();
    log.expire_producers(Timestamp(NOW.0 + 1_000), 1_000);
    let producers = log.replicas()[0].log().producers();
    assert_eq!(producers.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn compaction_drops_aborted_records_and_spares_what_is_open() {
    let mut log = partition(2, compacted());
    append(&mut log, &batch(&[("a", "1"), ("b", "1")])).unwrap();
    append(&mut log, &transactional(1, 0, 0, "a")).unwrap();
    end(&mut log, 1, 0, false).unwrap();
    append(&mut log, &transactional(1, 0, 1, "b")).unwrap();
    end(&mut log, 1, 0, true).unwrap();
    log.roll_segments(NOW);
    append(&mut log, &transactional(2, 0, 0, "a")).unwrap();
    log.roll_segments(NOW);
    append(&mut log, &batch(&[("a", "3")])).unwrap();
    assert!(log.compact(NOW));
    for broker in 0..2 {
        let kept: Vec<(i64, String)> = contents(&log, broker)
            .into_iter()
            .filter(|row| row.1 == "a" || row.1 == "b")
            .map(|row| (row.0, row.1))
            .collect();
        let expected = [(0, "a"), (4, "b"), (6, "a"), (7, "a")].map(|(offset, key)| (offset, key.to_owned()));
        assert_eq!(kept, expected, "the aborted one is gone, and did not take its key with it");
    }
}

#[test]
fn a_restored_log_knows_its_transactions() {
    let mut log = partition(1, TopicConfig::default());
    write(&mut log, 1, 0, 0).unwrap();
    end(&mut log, 1, 0, false).unwrap();
    write(&mut log, 1, 0, 1).unwrap();
    let saved = log.export();
    let text = serde_json::to_string(&saved).unwrap();
    let read: crate::log::SavedPartition = serde_json::from_str(&text).unwrap();
    let read = crate::log::SavedPartition { batches: saved.batches, ..read };
    let name = TopicName::new("orders").unwrap();
    let mut back = PartitionLog::import(name, PartitionIndex(0), TopicConfig::default().into(), read).unwrap();
    assert_eq!((back.last_stable_offset(), aborted(&back, 0)), (Offset(2), vec![(1, 0, 1)]));
    end(&mut back, 1, 0, false).unwrap();
    assert_eq!(aborted(&back, 0), [(1, 0, 1), (1, 2, 3)]);
}
