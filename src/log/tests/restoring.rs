//! A partition that is saved and restored is the same, and saved data that is damaged is refused.

use super::*;
use crate::base::LeaderEpoch;
use crate::log::SavedPartition;
use std::sync::Arc;

fn eventful() -> PartitionLog {
    let size = batch(&[("k0", "v")]).size_in_bytes();
    let mut log = partition(3, TopicConfig { segment_bytes: 2 * size, ..compacted() });
    fill(&mut log, 3);
    append(&mut log, &sequenced(1, 0, 0, 1)).unwrap();
    log.delete_records(Offset(1)).unwrap();
    log.set_replicating(BrokerId(2), false);
    log.elect(BrokerId(1), LeaderEpoch(3), &[BrokerId(0), BrokerId(1)]);
    fill(&mut log, 2);
    log.compact(NOW);
    log
}

fn restore(saved: SavedPartition) -> Result<PartitionLog, String> {
    let topic = TopicName::new("orders").unwrap();
    let config = Arc::new(compacted());
    PartitionLog::import(topic, PartitionIndex(0), config, saved).map_err(|error| error.to_string())
}

#[test]
fn a_restored_partition_is_the_same_and_goes_on() {
    let log = eventful();
    let saved = log.export();
    let text = serde_json::to_string(&saved).unwrap();
    let mut read: SavedPartition = serde_json::from_str(&text).unwrap();
    read.batches = saved.batches.clone();
    assert_eq!(read, saved);
    let mut restored = restore(read).unwrap();
    assert_eq!(restored.export(), saved);
    for broker in 0..3 {
        assert_eq!(contents(&restored, broker), contents(&log, broker));
        assert_eq!(ends(&restored, broker), ends(&log, broker));
    }
    let first = |broker: usize| restored.replicas()[broker].log().batches(Offset(0)).next().unwrap();
    assert!(Arc::ptr_eq(first(0), first(1)), "batches are shared again");
    assert!(append(&mut restored, &sequenced(1, 0, 0, 1)).unwrap().is_duplicate);
    assert_eq!(append(&mut restored, &batch(&[("a", "1")])).unwrap().base_offset, log.log_end_offset());
}

#[test]
fn damaged_data_is_refused() {
    let check = |damage: fn(&mut SavedPartition), expected: &str| {
        let mut saved = eventful().export();
        damage(&mut saved);
        let error = restore(saved).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(|saved| saved.batches[0].header.crc ^= 1, "batch 0");
    check(|saved| saved.batches.truncate(1), "is missing");
    check(|saved| saved.replicas[0].segments[0].batches.reverse(), "out of order");
    check(|saved| saved.replicas[0].segments.reverse(), "out of order");
    check(|saved| saved.replicas[0].log_end_offset = Offset(2), "out of order");
    check(|saved| saved.replicas[0].log_start_offset = Offset(99), "log start");
    check(|saved| saved.replicas[1].broker = BrokerId(0), "two replicas");
}
