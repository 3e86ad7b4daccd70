//! Random histories against a plain list of records.

use super::*;
use crate::base::LeaderEpoch;
use proptest::prelude::*;

const BROKERS: i32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Append { keys: Vec<u8>, acks_all: bool },
    Delete { share: u8 },
    Link { broker: i32, on: bool },
    Elect { broker: i32 },
    Roll,
    Compact { later_ms: i64 },
    SaveAndRestore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::collection::vec(0u8..5, 1..4), any::<bool>()).prop_map(|(keys, acks_all)| Step::Append { keys, acks_all }),
        1 => (0u8..=100).prop_map(|share| Step::Delete { share }),
        2 => (0..BROKERS, any::<bool>()).prop_map(|(broker, on)| Step::Link { broker, on }),
        2 => (0..BROKERS).prop_map(|broker| Step::Elect { broker }),
        1 => Just(Step::Roll),
        1 => (0i64..2_000).prop_map(|later_ms| Step::Compact { later_ms }),
        1 => Just(Step::SaveAndRestore),
    ]
}

/// What was committed and at which offset; compaction may take away what a later record of its key overwrites.
#[derive(Default)]
struct Model {
    committed: Vec<(i64, String, String)>,
    /// The highest high watermark that any leader had. A new leader may not know of it yet, but it has the records.
    high_watermark: i64,
    compacted: bool,
}

fn run(steps: Vec<Step>) {
    let config = TopicConfig { segment_bytes: 400, delete_retention_ms: i64::MAX, ..compacted() };
    let mut log = partition(BROKERS, config);
    let mut model = Model::default();
    let mut epoch = 0;
    let mut value = 0;
    for step in steps {
        match step {
            Step::Append { keys, acks_all } => {
                let mut builder = BatchBuilder::new();
                for key in &keys {
                    value += 1;
                    builder.append(NOW, Some(format!("k{key}").as_bytes()), Some(value.to_string().as_bytes()), &[]);
                }
                let records = builder.build().unwrap().to_bytes();
                log.append(log.leader(), NOW, &records, CLIENT, if acks_all { -1 } else { 1 }).unwrap();
            }
            Step::Delete { share } => {
                let (start, end) = (log.log_start_offset().0, log.high_watermark().0);
                log.delete_records(Offset(start + (end - start) * i64::from(share) / 100)).unwrap();
            }
            Step::Link { broker, on } => {
                log.set_replicating(BrokerId(broker), on);
            }
            Step::Elect { broker } => {
                // Only a replica that holds all that is committed may lead: a clean election.
                let replica = log.replica(BrokerId(broker)).unwrap();
                if replica.log().log_end_offset().0 >= model.high_watermark && log.isr().contains(&BrokerId(broker)) {
                    epoch += 1;
                    log.elect(BrokerId(broker), LeaderEpoch(epoch), &(0..BROKERS).map(BrokerId).collect::<Vec<_>>());
                }
            }
            Step::Roll => log.roll_segments(NOW),
            Step::Compact { later_ms } => model.compacted |= log.compact(Timestamp(NOW.0 + later_ms)),
            Step::SaveAndRestore => {
                let saved = log.export();
                let topic = log.topic().clone();
                let config = log.config().clone();
                log = PartitionLog::import(topic, PartitionIndex(0), config, saved.clone()).unwrap();
                if log.replicas().iter().all(|replica| !replica.is_replicating()) {
                    assert_eq!(log.export(), saved);
                }
            }
        }
        check(&log, &mut model);
    }
    check_reads(&log);
}

fn check(log: &PartitionLog, model: &mut Model) {
    let leader = log.leader().0;
    let (start, high_watermark, _) = ends(log, leader);
    let held = contents(log, leader);
    model.high_watermark = model.high_watermark.max(high_watermark);
    let committed: Vec<_> = held.iter().filter(|row| row.0 < model.high_watermark).cloned().collect();

    // What was committed stays, until it is deleted or overwritten.
    for row in model.committed.iter().filter(|row| row.0 >= start) {
        let overwritten = model.compacted && held.iter().any(|later| later.0 > row.0 && later.1 == row.1);
        assert!(overwritten || committed.contains(row), "{row:?} is lost from {held:?}");
    }
    model.committed = committed;

    for replica in log.replicas() {
        let (start, high_watermark, end) = ends(log, replica.broker().0);
        assert!(start <= high_watermark && high_watermark <= end, "{start} <= {high_watermark} <= {end}");
        let mut next = 0;
        let mut size = 0;
        for batch in replica.log().batches(Offset(0)) {
            batch.verify().unwrap();
            assert!(batch.header.base_offset.0 >= next, "batches do not overlap");
            next = batch.header.next_offset().0;
            size += u64::try_from(batch.size_in_bytes()).unwrap();
            if batch.header.last_offset().0 >= start {
                let epoch = replica.log().leader_epochs().epoch_of(batch.header.last_offset());
                assert_eq!(epoch, Some(batch.header.partition_leader_epoch));
            }
        }
        assert!(next <= end);
        assert_eq!(replica.log().size_in_bytes(), size);
        assert_eq!(replica.log().bytes_between(Offset(0), Offset(end)), size);
        // Below both high watermarks all replicas agree, record by record, unless one has been compacted meanwhile.
        if !model.compacted {
            let both = |row: &&(i64, String, String)| row.0 < high_watermark && row.0 >= start.max(ends(log, leader).0);
            let theirs = contents(log, replica.broker().0);
            let theirs: Vec<_> = theirs.iter().filter(both).collect();
            assert_eq!(theirs, held.iter().filter(both).collect::<Vec<_>>());
        }
    }
}

/// Every offset can be read from, and a read never begins behind it.
fn check_reads(log: &PartitionLog) {
    for replica in log.replicas() {
        let (start, _, end) = ends(log, replica.broker().0);
        for from in start..=end {
            let read =
                replica.log().read(Offset(from), Offset(end), ReadLimit { max_bytes: 1, min_one: true }).unwrap();
            let batches: Vec<_> = Batch::split(&read.to_bytes()).map(Result::unwrap).collect();
            assert!(batches.len() <= 1);
            for batch in batches {
                assert!(batch.header.last_offset().0 >= from);
                assert_eq!(read.next_offset, batch.header.next_offset());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn committed_records_survive_any_history(steps in prop::collection::vec(step(), 1..30)) {
        run(steps);
    }
}
