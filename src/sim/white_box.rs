//! What the cluster itself knows, for the checker: its logs at the end of a run.
//!
//! Not here: what clients saw (`watcher`).

use super::watcher::name_of;
use crate::base::Offset;
use crate::broker::Engine;
use crate::check::Event;
use crate::check::HEADER;
use crate::check::event;
use crate::check::event::FaultKind;
use crate::check::event::Outcome;
use crate::journal;
use crate::journal::Journal;
use crate::log::PartitionLog;
use crate::log::ReplicaLog;
use crate::wire::batch::Batch;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use std::collections::BTreeMap;

/// What became of the cluster while it ran, as its journal has it.
pub(super) fn changes(journal: &Journal) -> Vec<Event> {
    let mut events = Vec::new();
    let mut epochs = BTreeMap::new();
    // The partition whose unclean election was the last command.
    let mut forced: Option<String> = None;
    for entry in journal.entries() {
        let t = entry.at;
        let fault =
            |kind, brokers, note: &str| Event::Fault(event::Fault { t, kind, brokers, note: Some(note.to_owned()) });
        match &entry.event {
            journal::Event::Leader { topic, partition, leader, leader_epoch, isr, is_clean } => {
                let partition = format!("{topic}-{partition}");
                // What the configuration allows is no fault of the schedule.
                if !is_clean && forced.as_deref() == Some(&*partition) {
                    let note = format!("unclean election of {partition}");
                    events.push(fault(FaultKind::UncleanElection, vec![leader.0], &note));
                }
                epochs.insert(partition.clone(), leader_epoch.0);
                let broker = (leader.0 >= 0).then_some(leader.0);
                let (epoch, unclean) = (leader_epoch.0, !is_clean);
                events.push(Event::Leader(event::Leader { t, partition: partition.clone(), broker, epoch, unclean }));
                let brokers = isr.iter().map(|broker| broker.0).collect();
                events.push(Event::Isr(event::Isr { t, partition, brokers }));
            }
            journal::Event::Isr { topic, partition, isr } => {
                let brokers = isr.iter().map(|broker| broker.0).collect();
                events.push(Event::Isr(event::Isr { t, partition: format!("{topic}-{partition}"), brokers }));
            }
            journal::Event::Broker { broker, state } if &**state == "down" => {
                events.push(fault(FaultKind::Kill, vec![broker.0], state));
            }
            journal::Event::Fault { fault: name, action, .. } => {
                events.push(fault(FaultKind::Other, Vec::new(), &format!("{name}: {action}")));
            }
            journal::Event::Command(text) => {
                forced =
                    text.strip_suffix(", unclean").and_then(|text| text.split_once(": ")).map(|(of, _)| of.to_owned());
                let lost = text.strip_prefix("cut the power of broker ").and_then(|broker| broker.parse().ok());
                let kind = if lost.is_some() { FaultKind::PowerLoss } else { FaultKind::Other };
                events.push(fault(kind, lost.into_iter().collect(), text));
            }
            _ => {}
        }
    }
    events
}

/// The logs of all topics, Kafka's own left out: first the leader's, which counts, then every replica's.
pub(super) fn final_logs(engine: &Engine) -> Vec<Event> {
    let mut events = Vec::new();
    for (topic, partition, log) in engine.partition_logs() {
        if topic.is_internal() {
            continue;
        }
        let name = format!("{topic}-{partition}");
        if let Some(leader) = log.leader_replica() {
            note(&mut events, &name, None, log, leader.log());
        }
        for replica in log.replicas() {
            note(&mut events, &name, Some(replica.broker().0), log, replica.log());
        }
    }
    events
}

fn note(events: &mut Vec<Event>, name: &str, broker: Option<i32>, log: &PartitionLog, replica: &ReplicaLog) {
    let log_start = replica.log_start_offset();
    events.push(Event::FinalLog(event::FinalLog {
        partition: name.to_owned(),
        broker,
        log_start: log_start.0,
        high_watermark: log.high_watermark().0.min(replica.log_end_offset().0),
    }));
    for batch in replica.batches(log_start) {
        events.push(Event::Log(line(name, broker, log_start, batch)));
    }
}

fn line(name: &str, broker: Option<i32>, log_start: Offset, batch: &Batch) -> event::Log {
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
        let id = record.headers.iter().find(|header| header.key == HEADER);
        line.ids.push(id.and_then(|header| name_of(header.value.as_deref()?)));
        offsets.push(record.offset.0);
    }
    let gapless = offsets.iter().zip(header.base_offset.0..).all(|(offset, expected)| *offset == expected);
    if !gapless {
        line.offset = offsets.first().copied().unwrap_or(line.offset);
        line.offsets = offsets;
    }
    line
}
