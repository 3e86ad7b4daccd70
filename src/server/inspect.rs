//! Records out of logs, past the protocol, within bounds that a hostile batch cannot move.
//!
//! Not here: what is not in a record; that is in snapshots.

use super::record::StoredRecord;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::broker::Engine;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchError;
use crate::wire::compression::Compression;
use crate::wire::compression::CompressionError;
use std::sync::Arc;

/// What compressed batches may need in memory, all that are looked at together, in bytes.
const TOTAL_BYTES_MAX: usize = 512 << 20;

/// A partition's batches as they were at one moment.
pub(super) struct Stored {
    partition: PartitionIndex,
    log_start_offset: Offset,
    batches: Vec<Arc<Batch>>,
}

/// What is in a topic, and in words what could not be looked into.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub(super) records: Vec<StoredRecord>,
    pub(super) unreadable: Vec<String>,
}

/// The batches of a topic as its leaders hold them. Cheap: nothing is copied.
pub(super) fn stored(engine: &Engine, topic: &str) -> Vec<Stored> {
    let partitions = engine.topic_snapshot(topic).map_or_else(Vec::new, |topic| topic.partitions);
    let stored = partitions.into_iter().map(|partition| Stored {
        partition: partition.partition,
        log_start_offset: partition.log_start_offset,
        batches: engine.batches(topic, partition.partition),
    });
    stored.collect()
}

/// The records of a topic's batches, without markers of transactions.
pub(super) fn inspect(topic: &str, stored: Vec<Stored>) -> Inspected {
    let mut inspected = Inspected::default();
    let mut room = TOTAL_BYTES_MAX;
    for Stored { partition, log_start_offset, batches } in stored {
        for batch in batches.iter().filter(|batch| !batch.header.is_control()) {
            let before = inspected.records.len();
            let read = read(batch, partition, log_start_offset, &mut room, &mut inspected.records);
            if let Err(why) = read {
                let header = &batch.header;
                let (first, last) = (header.base_offset, header.last_offset());
                let shown = inspected.records.len() - before;
                let what =
                    format!("{topic}-{partition}, batch of offsets {first} to {last}: {why}; {shown} records shown");
                tracing::warn!("{what}");
                inspected.unreadable.push(what);
            }
        }
    }
    inspected
}

/// Adds the records of `batch` to `records`; compressed ones use up `room`.
fn read(
    batch: &Batch,
    partition: PartitionIndex,
    log_start_offset: Offset,
    room: &mut usize,
    records: &mut Vec<StoredRecord>,
) -> Result<(), String> {
    let words = |error: BatchError| error.to_string();
    let mut plain = batch.clone();
    if batch.header.compression().map_err(words)? != Compression::None {
        let limit = batch.records_bytes_max();
        // A record of a few bytes is a struct of many.
        let count = usize::try_from(batch.header.records_count).unwrap_or(0);
        let structs = count.saturating_mul(size_of::<StoredRecord>());
        if structs > limit.saturating_mul(4) {
            return Err(format!("{} bytes claim to be {count} records", batch.size_in_bytes()));
        }
        let full = || format!("the topic's compressed batches together would need more than {TOTAL_BYTES_MAX} bytes");
        let left = room.checked_sub(structs).ok_or_else(full)?;
        plain.body = match batch.uncompressed_body(limit.min(left)) {
            Ok(body) => body,
            Err(BatchError::Compression(CompressionError::TooLarge { .. })) if left < limit => return Err(full()),
            Err(error) => return Err(words(error)),
        };
        *room = left - plain.body.len();
        plain.header.attributes = plain.header.attributes.with_compression(Compression::None);
    }
    for record in plain.records().map_err(words)? {
        let record = record.map_err(words)?;
        if record.offset < log_start_offset {
            continue;
        }
        let headers = record.headers.into_iter().map(|header| (header.key.to_string(), header.value));
        records.push(StoredRecord {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: headers.collect(),
        });
    }
    Ok(())
}
