//! What a partition promises, by subject; here the helpers.

mod appending;
mod model;
mod old_records;
mod reading;
mod replicas;
mod restoring;
mod transactions;

use super::AppendError;
use super::AppendOrigin;
use super::Isolation;
use super::LogAppendInfo;
use super::PartitionLog;
use super::ReadLimit;
use crate::base::BrokerId;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::config::CleanupPolicy;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const CLIENT: AppendOrigin = AppendOrigin::Client { produce_version: 9 };
const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, min_one: true };

/// `orders-0` with replicas on brokers 0, 1, …; the first leads.
fn partition(replicas: i32, config: TopicConfig) -> PartitionLog {
    let brokers: Vec<BrokerId> = (0..replicas).map(BrokerId).collect();
    PartitionLog::new(TopicName::new("orders").unwrap(), PartitionIndex(0), config.into(), &brokers)
}

fn compacted() -> TopicConfig {
    TopicConfig { cleanup_policy: CleanupPolicy::COMPACT, ..TopicConfig::default() }
}

/// A batch of `(key, value)` records, all at `timestamp`; an empty text is null.
fn batch_at(timestamp: Timestamp, records: &[(&str, &str)]) -> Batch {
    let mut builder = BatchBuilder::new();
    for (key, value) in records {
        let key = Some(key.as_bytes()).filter(|key| !key.is_empty());
        builder.append(timestamp, key, Some(value.as_bytes()).filter(|value| !value.is_empty()), &[]);
    }
    builder.build().unwrap()
}

fn batch(records: &[(&str, &str)]) -> Batch {
    batch_at(NOW, records)
}

fn sequenced(id: i64, epoch: i16, base_sequence: i32, count: usize) -> Batch {
    let mut builder = BatchBuilder::new().producer(ProducerId(id), ProducerEpoch(epoch), base_sequence);
    (0..count).for_each(|_| {
        builder.append(NOW, Some(b"k"), Some(b"v"), &[]);
    });
    builder.build().unwrap()
}

/// Appends at whoever leads.
fn append(log: &mut PartitionLog, batch: &Batch) -> Result<LogAppendInfo, AppendError> {
    log.append(log.leader(), NOW, &batch.to_bytes(), CLIENT, 1)
}

/// Appends `count` batches of one record each: `k0`, `k1`, ….
fn fill(log: &mut PartitionLog, count: usize) {
    for at in 0..count {
        append(log, &batch(&[(&format!("k{at}"), "v")])).unwrap();
    }
}

/// What `broker` holds: offset, key and value of each record.
fn contents(log: &PartitionLog, broker: i32) -> Vec<(i64, String, String)> {
    let replica = log.replica(BrokerId(broker)).unwrap().log();
    let read = replica.read(replica.log_start_offset(), replica.log_end_offset(), ALL).unwrap();
    let text = |bytes: Option<bytes::Bytes>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    Batch::split(&read.to_bytes())
        .flat_map(|batch| batch.unwrap().records().unwrap())
        .map(|record| record.unwrap())
        .filter(|record| record.offset >= replica.log_start_offset())
        .map(|record| (record.offset.0, text(record.key), text(record.value)))
        .collect()
}

fn ends(log: &PartitionLog, broker: i32) -> (i64, i64, i64) {
    let replica = log.replica(BrokerId(broker)).unwrap();
    (replica.log().log_start_offset().0, replica.high_watermark().0, replica.log().log_end_offset().0)
}

fn read(log: &PartitionLog, from: i64, limit: ReadLimit) -> Result<Vec<i64>, crate::base::ErrorCode> {
    let read = log.read(log.leader(), Offset(from), Isolation::ReadUncommitted, limit)?;
    Ok(Batch::split(&read.to_bytes()).map(|batch| batch.unwrap().header.base_offset.0).collect())
}
