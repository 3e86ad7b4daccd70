//! `UNSEEN`: some time after all was healed, what was acknowledged has reached a live reader.
//!
//! Without a log, lost and late cannot be told apart.

use super::loss::Exemptions;
use super::loss::first_read;
use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::facts::flag;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let (Some(healed), Some(deadline)) = (facts.healed, facts.deadline()) else {
        if facts.healed.is_some() {
            findings.undecided(Code::Unseen, "the history ends before there was time to converge");
        }
        return;
    };
    let converge = u64::try_from(history.setup.converge().as_nanos()).unwrap_or(u64::MAX);
    // Until when a partition had a reader, and the event that shows it.
    let mut readers: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    let mut reads = |partition: u32, until: u64, event: u32| {
        let known = readers.entry(partition).or_insert((until, event));
        if known.0 < until {
            *known = (until, event);
        }
    };
    for interval in facts.intervals.iter().filter(|interval| interval.to >= deadline) {
        reads(interval.partition, interval.to.min(history.end_t), interval.event);
    }
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        if poll.completed >= healed && !facts.crashed.contains_key(&poll.process) {
            reads(chunk.partition, history.end_t, poll.event);
        }
    }
    let exemptions = Exemptions::of(facts);
    let first_read = first_read(facts);
    for (send, row) in (0..).zip(&history.sends) {
        if facts.has(send, flag::DELIVERED) || facts.status(send) != Status::Ok || exemptions.cover(send) {
            continue;
        }
        let Some((until, reader)) = readers.get(&row.partition) else { continue };
        if row.completed.saturating_add(converge) > *until {
            continue;
        }
        if first_read.get(&row.partition).is_some_and(|first| *first > row.offset) {
            continue;
        }
        findings.add(Code::Unseen, || {
            let (id, partition) = (facts.name(row.id), history.partition_name(row.partition));
            Anomaly::of(id.clone())
                .at(row.event, format!("{id} was sent to {partition} and acknowledged"))
                .at(*reader, format!("{partition} has a live reader"))
                .so(format!("{id} was never delivered, although all was healed long ago"))
        });
    }
}
