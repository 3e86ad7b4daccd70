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
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let (Some(healed), Some(deadline)) = (facts.healed, facts.deadline()) else {
        if facts.healed.is_some() {
            findings.undecided(Code::Unseen, "the history ends before there was time to converge");
        }
        return;
    };
    let converge = u64::try_from(history.setup.converge().as_nanos()).unwrap_or(u64::MAX);
    // By partition, who reads it until when.
    let mut readers: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    for interval in facts.intervals.iter().filter(|interval| interval.to >= deadline) {
        let last = readers.entry(interval.partition).or_default();
        *last = (interval.to, interval.event).max(*last);
    }
    let members: BTreeSet<(u32, u32)> = facts.intervals.iter().map(|own| (own.process, own.partition)).collect();
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        // Of members it is known until when they read.
        let is_member = members.contains(&(poll.process, chunk.partition));
        if !is_member && poll.completed >= healed && !facts.crashed.contains_key(&poll.process) {
            let last = readers.entry(chunk.partition).or_default();
            *last = (u64::MAX, poll.event).max(*last);
        }
    }
    let exemptions = Exemptions::of(facts);
    let first_read = first_read(facts);
    for (send, row) in (0..).zip(&history.sends) {
        let due = row.completed.saturating_add(converge);
        let late = due <= facts.stopping.0;
        if facts.has(send, flag::DELIVERED) || !late || facts.status(send) != Status::Ok || exemptions.cover(send) {
            continue;
        }
        // Whoever gave it up before had no time left for it.
        let reader = readers.get(&row.partition).filter(|(until, _)| *until >= due);
        let Some((_, reader)) = reader else { continue };
        if first_read.get(&row.partition).is_some_and(|first| *first > row.offset) {
            continue;
        }
        findings.add(Code::Unseen, || {
            let (id, partition) = (facts.name(row.id), history.partition_name(row.partition));
            // What is gone nobody can be given; why it is gone excuses both.
            let gone = facts.order(row.partition).log.is_some() && !facts.has(send, flag::IN_LOG);
            Anomaly::of(id.clone())
                .over_budget(facts.over_budget.filter(|_| gone))
                .at(row.event, format!("{id} was sent to {partition} and acknowledged"))
                .at(*reader, format!("{partition} has a live reader"))
                .so(format!("{id} was never delivered, although all was healed long ago"))
        });
    }
}
