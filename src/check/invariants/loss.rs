//! `LOST`, `LOST-UNACKED`: what was acknowledged must be in the log, or be delivered to whoever reads past it.
//!
//! Not lost is what retention, compaction or DeleteRecords took, what was sent with acks=0, and what belongs to a
//! transaction whose commit was not confirmed to anybody.

use crate::check::code::Code;
use crate::check::facts::ClientOutcome;
use crate::check::facts::Facts;
use crate::check::facts::Opened;
use crate::check::facts::flag;
use crate::check::facts::tombstones_removed;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What an acknowledged record may be missing for.
pub(super) struct Exemptions<'a> {
    facts: &'a Facts<'a>,
    superseded: BTreeMap<(u32, u32), i64>,
    /// Tombstones that cleaners have removed.
    cleaned: BTreeSet<(u32, i64)>,
}

impl<'a> Exemptions<'a> {
    pub(super) fn of(facts: &'a Facts<'a>) -> Self {
        let mut superseded = last_by_key(facts);
        let mut cleaned = BTreeSet::new();
        for (partition, entry) in tombstones_removed(facts.history) {
            cleaned.insert((partition, entry.offset));
            if let Some(key) = facts.history.keys.find(&entry.key) {
                let last = superseded.entry((partition, key)).or_insert(entry.offset);
                *last = entry.offset.max(*last);
            }
        }
        Self { facts, superseded, cleaned }
    }

    /// Whether an acknowledged send may be gone by right.
    pub(super) fn cover(&self, send: u32) -> bool {
        let (facts, history) = (self.facts, self.facts.history);
        let row = &history.sends[send as usize];
        let order = facts.order(row.partition);
        let unconfirmed = || {
            let txn = history.send_txn(send).map(|txn| &facts.txns[txn as usize]);
            txn.is_some_and(|txn| !txn.must() || txn.client_outcome() == ClientOutcome::Aborted)
        };
        let superseded = || {
            let last = history.send_key(send).map(|key| self.superseded.get(&(row.partition, key)));
            last.is_none_or(|last| last.is_some_and(|last| *last > row.offset))
        };
        facts.deleted[row.partition as usize]
            || unconfirmed()
            || row.offset < order.log_start && (row.offset >= 0 || order.log_start > 0)
            || order.compacted && (superseded() || self.cleaned.contains(&(row.partition, row.offset)))
    }
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let exemptions = Exemptions::of(facts);
    let first_read = first_read(facts);
    for (send, row) in (0..).zip(&history.sends) {
        let order = facts.order(row.partition);
        let status = facts.status(send);
        match status {
            Status::Ok => {}
            // In doubt itself, but part of a transaction that was committed as a whole.
            Status::Info if row.offset >= 0 && facts.txn_must(send) => {}
            Status::Unasked => {
                if order.log.is_some() && !facts.has(send, flag::IN_LOG) {
                    findings.add(Code::LostUnacked, || {
                        let id = facts.name(row.id);
                        let text = format!("{id} was sent with acks=0; it is not in the log");
                        Anomaly::of(id).at(row.event, text)
                    });
                }
                continue;
            }
            Status::Fail | Status::Info | Status::Pending => continue,
        }
        if exemptions.cover(send) {
            continue;
        }
        let txn = history.send_txn(send);
        if let Some(log) = order.log {
            let there = if txn.is_some() { flag::VISIBLE } else { flag::IN_LOG };
            if !facts.has(send, there) {
                findings.add(Code::Lost, || {
                    let id = facts.name(row.id);
                    let partition = history.partition_name(row.partition);
                    let end = log.end();
                    let is = if facts.has(send, flag::IN_LOG) { "is there, but not committed" } else { "is not there" };
                    Anomaly::of(id.clone())
                        .at(
                            row.event,
                            format!("{id} was sent to {partition} and acknowledged{}", at_offset(row.offset)),
                        )
                        .at(log.event, format!("at the end the log of {partition} goes up to offset {end}: {id} {is}"))
                        .over_budget(facts.over_budget)
                });
            }
        } else if !facts.has(send, flag::DELIVERED) {
            if row.offset < 0 || row.offset > order.max_delivered {
                let why = "acknowledged records lie behind everything that was delivered, and there is no log";
                findings.undecided(Code::Lost, why);
            } else if first_read.get(&row.partition).is_none_or(|first| *first <= row.offset) {
                findings.add(Code::Lost, || {
                    let id = facts.name(row.id);
                    let partition = history.partition_name(row.partition);
                    let (read, max) = (max_reader(facts, row.partition), order.max_delivered);
                    Anomaly::of(id.clone())
                        .at(
                            row.event,
                            format!("{id} was sent to {partition} and acknowledged{}", at_offset(row.offset)),
                        )
                        .at(read, format!("{partition} was read up to offset {max}; nobody was ever given {id}"))
                        .over_budget(facts.over_budget)
                });
            }
        }
    }
    findings.count("acknowledged", history.statuses.iter().filter(|status| **status == Status::Ok).count());
}

fn at_offset(offset: i64) -> String {
    if offset < 0 { String::new() } else { format!(" at offset {offset}") }
}

/// The last offset of each key in a compacted partition.
fn last_by_key(facts: &Facts<'_>) -> BTreeMap<(u32, u32), i64> {
    let mut last = BTreeMap::new();
    for (partition, order) in (0..).zip(&facts.orders) {
        if order.compacted {
            for entry in order.entries.iter() {
                let key = facts.history.find_send(entry.id).and_then(|send| facts.history.send_key(send));
                if let Some(key) = key {
                    last.insert((partition, key), entry.offset);
                }
            }
        }
    }
    last
}

/// Where the earliest reader of a partition began, if all of them said where.
pub(super) fn first_read(facts: &Facts<'_>) -> BTreeMap<u32, i64> {
    let mut first: BTreeMap<u32, i64> = BTreeMap::new();
    for session in facts.sessions.iter().filter(|session| !session.chunks.is_empty()) {
        let from = match session.opened {
            Opened::Assigned(Some(from), _) | Opened::Moved(Some(from)) => from,
            _ => 0,
        };
        first.entry(session.partition).and_modify(|first| *first = from.min(*first)).or_insert(from);
    }
    first
}

fn max_reader(facts: &Facts<'_>, partition: u32) -> u32 {
    let max = facts.order(partition).max_delivered;
    let chunks = facts.history.chunks.iter().filter(|chunk| chunk.partition == partition);
    let mut reading = chunks.filter(|chunk| facts.delivered(chunk).iter().any(|entry| entry.offset == max));
    reading.next().map_or(0, |chunk| facts.poll_of(chunk).event)
}
