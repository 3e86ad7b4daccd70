//! `EOS-DUP`, `EOS-LOSS`, `EOS-SPLIT`: every input that a pipeline has committed has its outputs, no more and no fewer.
//!
//! Outputs name their inputs. What counts is what readers of committed data see at the end.

use super::processing::last_commit;
use super::processing::start;
use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::Outcome;
use crate::check::facts::Commit;
use crate::check::facts::Facts;
use crate::check::facts::flag;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.send_sources.is_empty() {
        return;
    }
    let mut outputs: BTreeMap<(u32, i64), Vec<u32>> = BTreeMap::new();
    let mut inputs: BTreeSet<u32> = BTreeSet::new();
    for (send, (partition, offset)) in &history.send_sources {
        inputs.insert(*partition);
        if is_visible(facts, *send) {
            outputs.entry((*partition, *offset)).or_default().push(*send);
        }
    }
    let expected = history.setup.outputs_per_input as usize;
    for ((partition, offset), sends) in &outputs {
        if sends.len() > expected {
            findings.add(Code::EosDup, || {
                let name = history.partition_name(*partition);
                let mut anomaly = Anomaly::of(format!("{name}@{offset}"));
                for send in sends.iter().take(4) {
                    let row = &history.sends[*send as usize];
                    anomaly = anomaly
                        .at(row.event, format!("{} is an output for offset {offset} of {name}", facts.name(row.id)));
                }
                anomaly.so(format!("there should be {expected}"))
            });
        }
    }
    let dropped = dropped(facts);
    for partition in inputs {
        let mut groups = facts.commits.iter().filter(|((_, of), _)| *of == partition).peekable();
        if groups.peek().is_none() {
            findings.undecided(Code::EosSplit, "nobody committed an offset of the inputs");
        }
        for ((group, _), commits) in groups {
            let last = last_commit(commits);
            let unsure = commits.iter().any(|commit| {
                !matches!(commit.answer, Some(Answer::Ok | Answer::Fail))
                    && last.is_none_or(|last| commit.completed >= last.invoked)
            });
            if unsure {
                findings.undecided(Code::EosSplit, "nobody knows whether the last commit took effect");
                continue;
            }
            let Some(start) = start(facts, *group, partition) else { continue };
            // What a client takes for committed may have been dropped by the group.
            let kept: Vec<Commit> = commits
                .iter()
                .filter(|commit| commit.txn.is_none_or(|txn| !dropped.contains(&(txn, *group, partition))))
                .copied()
                .collect();
            let last = last_commit(&kept);
            let committed = last.map_or(start, |last| last.offset);
            let order = facts.order(partition);
            for (place, entry) in order.visible().filter(|(_, entry)| entry.offset >= start) {
                let count = outputs.get(&(partition, entry.offset)).map_or(0, Vec::len);
                if count == 0 && order.is_cleanable(place) {
                    continue;
                }
                let witness = || {
                    let (name, group) = (history.partition_name(partition), history.group_name(*group));
                    let mut anomaly = Anomaly::of(format!("{name}@{}", entry.offset));
                    if let Some(last) = last {
                        anomaly = anomaly.at(last.event, format!("{group} has committed offset {committed} of {name}"));
                    }
                    if let Some(send) = outputs.get(&(partition, entry.offset)).and_then(|sends| sends.first()) {
                        let row = &history.sends[*send as usize];
                        anomaly = anomaly.at(row.event, format!("{} is an output for it", facts.name(row.id)));
                    }
                    anomaly.so(format!("offset {} has {count} outputs", entry.offset))
                };
                if entry.offset < committed && count < expected {
                    findings.add(Code::EosLoss, witness);
                }
                if (count > 0) != (entry.offset < committed) {
                    findings.add(Code::EosSplit, witness);
                }
            }
        }
    }
}

/// The offsets of transactions that a group has dropped: transaction, group, partition.
fn dropped(facts: &Facts<'_>) -> BTreeSet<(u32, u32, u32)> {
    let history = facts.history;
    let (mut dropped, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for (_, event) in &history.others {
        let Event::Settled(line) = event else { continue };
        let place =
            (history.txns.find(&line.txn), history.groups.find(&line.group), history.partitions.find(&line.partition));
        let (Some(txn), Some(group), Some(partition)) = place else { continue };
        let list = if line.outcome == Outcome::Abort { &mut dropped } else { &mut kept };
        list.insert((txn, group, partition));
    }
    &dropped - &kept
}

/// Whether readers of committed data see an output.
fn is_visible(facts: &Facts<'_>, send: u32) -> bool {
    let row = &facts.history.sends[send as usize];
    if facts.order(row.partition).log.is_some() {
        return facts.has(send, flag::VISIBLE);
    }
    let confirmed = match facts.history.send_txn(send) {
        Some(txn) => facts.txns[txn as usize].must(),
        None => true,
    };
    facts.has(send, flag::DELIVERED_COMMITTED) || confirmed && facts.status(send) == Status::Ok
}
