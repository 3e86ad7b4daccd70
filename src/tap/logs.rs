//! What the cluster itself knows, for the checker: its logs at the end of a run.
//!
//! Not here: what became of it while it ran (`trace`), and what clients saw (`wire`).

use super::Incarnations;
use crate::base::Offset;
use crate::broker::Engine;
use crate::check::Event;
use crate::check::HEADER;
use crate::check::RecordName;
use crate::check::event;
use crate::check::event::Outcome;
use crate::log::PartitionLog;
use crate::log::ReplicaLog;
use crate::wire::batch::Batch;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use crate::wire::batch::Record;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which record is which: of a partition, of a batch.
type Names<'a> = dyn Fn(&str, &Batch, &Record) -> Option<RecordName> + 'a;

/// The id that a record carries.
pub(crate) fn id_of(record: &Record) -> Option<RecordName> {
    let id = record.headers.iter().find(|header| header.key == HEADER)?;
    RecordName::from_header(id.value.as_deref()?)
}

/// The logs of all topics, Kafka's own left out: first the leader's, which counts, then every replica's.
/// `topics` says what topics are called, `names` which record is which: partition, batch, record.
pub(crate) fn final_logs(engine: &Engine, topics: &Incarnations, names: &Names<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    for (topic, partition, log) in engine.partition_logs() {
        if topic.is_internal() {
            continue;
        }
        let name = format!("{}-{partition}", topics.of_name(topic.as_str()));
        let mut known = Known::new();
        if let Some(leader) = log.leader_replica() {
            note(&mut events, (&name, None), log, leader.log(), (names, &mut known));
        }
        for replica in log.replicas() {
            note(&mut events, (&name, Some(replica.broker().0)), log, replica.log(), (names, &mut known));
        }
    }
    events
}

/// Batches that were read already, by their first offset: replicas share them.
type Known<'a> = BTreeMap<Offset, (&'a Arc<Batch>, event::Log)>;

fn note<'a>(
    events: &mut Vec<Event>,
    (name, broker): (&str, Option<i32>),
    log: &PartitionLog,
    replica: &'a ReplicaLog,
    (names, known): (&Names<'_>, &mut Known<'a>),
) {
    let log_start = replica.log_start_offset();
    events.push(Event::FinalLog(event::FinalLog {
        partition: name.to_owned(),
        broker,
        log_start: log_start.0,
        high_watermark: log.high_watermark().0.min(replica.log_end_offset().0),
    }));
    for batch in replica.batches(log_start) {
        let first = batch.header.base_offset;
        // Of one that begins before the log does, not all is told.
        let is_whole = first >= log_start;
        let line = match known.get(&first) {
            Some((same, line)) if is_whole && Arc::ptr_eq(same, batch) => event::Log { broker, ..line.clone() },
            _ => {
                let line = line((name, broker), log_start, batch, names);
                if is_whole {
                    known.insert(first, (batch, line.clone()));
                }
                line
            }
        };
        // What compaction has emptied only keeps a producer's sequence number.
        if line.marker.is_some() || !line.ids.is_empty() {
            events.push(Event::Log(line));
        }
    }
}

fn line((name, broker): (&str, Option<i32>), log_start: Offset, batch: &Batch, names: &Names<'_>) -> event::Log {
    let header = &batch.header;
    let idempotent = header.producer_id.0 >= 0;
    let mut line = event::Log {
        partition: name.to_owned(),
        broker,
        offset: header.base_offset.0,
        offsets: Vec::new(),
        epoch: header.partition_leader_epoch.0,
        pid: idempotent.then_some(header.producer_id.0),
        pepoch: idempotent.then_some(header.producer_epoch.0),
        seq: (idempotent && header.base_sequence >= 0).then_some(header.base_sequence),
        transactional: header.is_transactional(),
        marker: None,
        ids: Vec::new(),
        digest: Some(u64::from(header.crc)),
    };
    if header.is_control() {
        line.marker = ControlRecord::read(batch).ok().and_then(|record| match record.control_type {
            ControlType::Commit => Some(Outcome::Commit),
            ControlType::Abort => Some(Outcome::Abort),
            ControlType::Other(_) => None,
        });
        return line;
    }
    let mut offsets = Vec::new();
    // What cannot be read is nobody's record, and the readers will say so.
    for record in batch.records().into_iter().flatten().flatten().filter(|record| record.offset >= log_start) {
        line.ids.push(names(name, batch, &record));
        offsets.push(record.offset.0);
    }
    let gapless = offsets.iter().zip(header.base_offset.0..).all(|(offset, expected)| *offset == expected);
    if !gapless {
        line.offset = offsets.first().copied().unwrap_or(line.offset);
        line.offsets = offsets;
    }
    line
}
