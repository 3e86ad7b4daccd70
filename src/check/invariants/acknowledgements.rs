//! `ACK-OFF`, `INCONS-OFF`: an offset holds one record, the one that was acknowledged there.
//!
//! Not here: an offset that a later leader wrote again. What had been acknowledged there is `LOST`, and the answer was
//! true when it was given.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::facts::flag;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Entry;
use crate::check::history::FinalLogRow;
use crate::check::names::Id;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    acknowledged_elsewhere(facts, findings);
    two_at_one_offset(facts, findings);
}

fn acknowledged_elsewhere(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let logged = facts.orders.iter().any(|order| order.log.is_some());
    if !logged {
        return;
    }
    for (send, row) in (0..).zip(&history.sends) {
        for (partition, offset) in facts.acked(send) {
            let order = facts.order(partition);
            let Some(log) = order.log else { continue };
            if offset < order.log_start {
                continue;
            }
            // The order stops at the high watermark; the log itself does not, and its offsets may repeat.
            let committed = offset < log.high_watermark;
            let entries = if committed { &order.entries[order.place(offset)..] } else { &log.entries };
            let near = entries.iter().take_while(|entry| !committed || entry.offset == offset);
            let mut there = near.filter(|entry| entry.offset == offset).peekable();
            let Some(entry) = there.peek().copied().copied() else { continue };
            let same = there.any(|entry| entry.id == row.id);
            if !same && (facts.has(send, flag::IN_LOG) || !is_overwritten(facts, log, offset, row.invoked)) {
                findings.add(Code::AckOff, || {
                    let (id, partition) = (facts.name(row.id), history.partition_name(partition));
                    Anomaly::of(id.clone())
                        .at(row.event, format!("{id} was acknowledged at offset {offset} of {partition}"))
                        .at(log.event, format!("at the end that offset holds {}", facts.name(entry.id)))
                });
            }
        }
    }
}

/// Whether a leader wrote this offset that was elected only after `t`.
fn is_overwritten(facts: &Facts<'_>, log: &FinalLogRow, offset: i64, t: u64) -> bool {
    let place = log.entries.iter().position(|entry| entry.offset == offset);
    let Some(epoch) = place.and_then(|place| log.batch_at(place)).map(|batch| batch.epoch) else { return false };
    let name = facts.history.partition_name(log.partition);
    facts.history.others.iter().any(|(_, event)| match event {
        Event::Leader(line) => line.partition == name && nanos(line.t) > t && line.epoch <= epoch,
        _ => false,
    })
}

fn two_at_one_offset(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    // What was delivered against what is in the log, or against all that is known.
    let mut reported: BTreeSet<(u32, i64)> = BTreeSet::new();
    for (partition, order) in (0..).zip(&facts.orders) {
        for pair in order.entries.windows(2) {
            if pair[0].offset == pair[1].offset
                && pair[0].id != pair[1].id
                && reported.insert((partition, pair[0].offset))
            {
                report(facts, findings, partition, pair[0], pair[1].id);
            }
        }
    }
    for chunk in &history.chunks {
        let order = facts.order(chunk.partition);
        if order.log.is_none() {
            continue;
        }
        let delivered = facts.delivered(chunk);
        let mut place = delivered.first().map_or(0, |first| order.place(first.offset));
        for entry in delivered {
            let near = order.entries.get(place).is_some_and(|known| known.offset == entry.offset);
            if !near {
                place = order.place(entry.offset);
            }
            if let Some(known) = order.entries.get(place) {
                let differs = known.offset == entry.offset && known.id != entry.id;
                if differs && reported.insert((chunk.partition, entry.offset)) {
                    report(facts, findings, chunk.partition, *entry, known.id);
                }
            }
            place += 1;
        }
    }
}

fn report(facts: &Facts<'_>, findings: &mut Findings, partition: u32, entry: Entry, other: Id) {
    findings.add(Code::InconsOff, || {
        let name = facts.history.partition_name(partition);
        let mut anomaly = Anomaly::of(format!("{name}@{}", entry.offset));
        for id in [entry.id, other] {
            let (event, how) = observer(facts, partition, Entry { id, ..entry });
            anomaly = anomaly.at(event, format!("{} {how} at offset {} of {name}", facts.name(id), entry.offset));
        }
        anomaly.over_budget(facts.over_budget)
    });
}

/// Who saw this record at this offset.
fn observer(facts: &Facts<'_>, partition: u32, entry: Entry) -> (u32, &'static str) {
    let history = facts.history;
    let mut chunks = history.chunks.iter().filter(|chunk| chunk.partition == partition);
    if let Some(chunk) = chunks.find(|chunk| facts.delivered(chunk).contains(&entry)) {
        return (facts.poll_of(chunk).event, "was delivered");
    }
    if let Some(log) = history.log(partition) {
        if let Some(place) = log.entries.iter().position(|known| *known == entry) {
            return (log.batch_at(place).map_or(log.event, |batch| batch.event), "is in the log");
        }
    }
    let send = history.find_send(entry.id).map_or(0, |send| history.sends[send as usize].event);
    (send, "was acknowledged")
}
