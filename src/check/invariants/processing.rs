//! `COMMIT-AHEAD`, `GROUP-LOSS`, `GROUP-DUP`: what a group's committed offset has passed, was processed, and once.
//!
//! Judged by the application's own marks; without them nothing can be said.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::facts::Commit;
use crate::check::facts::Facts;
use crate::check::facts::Mark;
use crate::check::facts::Opened;
use crate::check::facts::flag;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::known;
use crate::check::names::Id;
use crate::check::setup::CommitPolicy;
use crate::check::setup::OffsetReset;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    for (group, marks) in &facts.processed {
        let mut first: BTreeMap<Id, &Mark> = BTreeMap::new();
        let mut twice: BTreeMap<Id, &Mark> = BTreeMap::new();
        for mark in marks {
            let known = *first.entry(mark.id).or_insert(mark);
            if known.event != mark.event {
                twice.entry(mark.id).or_insert(mark);
            }
        }
        for (id, again) in twice {
            findings.add(Code::GroupDup, || {
                let (id, group) = (facts.name(id), history.group_name(*group));
                let event = first.get(&again.id).map_or(0, |mark| mark.event);
                Anomaly::of(format!("{group}:{id}"))
                    .at(event, format!("{group} processed {id}"))
                    .at(again.event, format!("{group} processed {id} again"))
            });
        }
    }
    for ((group, partition), commits) in &facts.commits {
        let Some(last) = last_commit(commits) else { continue };
        let Some(marks) = facts.processed.get(group) else {
            let in_transactions = commits.iter().all(|commit| commit.txn.is_some());
            if history.setup.commit != CommitPolicy::InTransaction && !in_transactions {
                let why = "the history has no marks of what was processed";
                findings.undecided(Code::GroupLoss, why);
                findings.undecided(Code::GroupDup, why);
            }
            continue;
        };
        let Some(start) = start(facts, *group, *partition) else {
            findings.undecided(Code::GroupLoss, "nobody says where the group began");
            continue;
        };
        let mut processed: BTreeMap<Id, u64> = BTreeMap::new();
        for mark in marks {
            processed.entry(mark.id).or_insert(mark.t);
        }
        one_partition(facts, findings, (*group, *partition), (commits, last, start), &processed);
    }
    findings.count("processed", facts.processed.values().map(Vec::len).sum());
}

fn one_partition(
    facts: &Facts<'_>,
    findings: &mut Findings,
    (group, partition): (u32, u32),
    (commits, last, start): (&[Commit], &Commit, i64),
    processed: &BTreeMap<Id, u64>,
) {
    let history = facts.history;
    let order = facts.order(partition);
    let ours = order
        .owed()
        .filter(|entry| entry.offset >= start.max(order.log_start) && history.find_send(entry.id).is_some());
    // By offset: when everything up to and including it had been processed.
    let mut done: Vec<(i64, u64)> = Vec::new();
    let mut so_far = 0;
    for entry in ours {
        let when = processed.get(&entry.id).copied();
        if when.is_none() && entry.offset < last.offset {
            findings.add(Code::GroupLoss, || {
                let (id, name) = (facts.name(entry.id), history.group_name(group));
                let partition = history.partition_name(partition);
                let sent = history.find_send(entry.id).map_or(0, |send| history.sends[send as usize].event);
                let anomaly = Anomaly::of(format!("{name}:{id}"))
                    .at(sent, format!("{id} was sent; it is at offset {} of {partition}", entry.offset))
                    .at(last.event, format!("{name} committed offset {} of {partition}, for good", last.offset))
                    .so(format!("nobody in {name} ever processed {id}"));
                let given = history.find_send(entry.id).is_some_and(|send| facts.has(send, flag::DELIVERED));
                let skipped = history.setup.auto_offset_reset == OffsetReset::Latest && !given;
                if skipped { anomaly.needs("auto.offset.reset=earliest") } else { anomaly }
            });
        }
        so_far = so_far.max(when.unwrap_or(u64::MAX));
        done.push((entry.offset, so_far));
    }
    for commit in commits.iter().filter(|commit| commit.answer == Some(Answer::Ok)) {
        let covered = done.partition_point(|(offset, _)| *offset < commit.offset);
        let Some((offset, when)) = covered.checked_sub(1).map(|last| done[last]) else { continue };
        if when > commit.asked {
            findings.add(Code::CommitAhead, || {
                let (name, partition) = (history.group_name(group), history.partition_name(partition));
                Anomaly::of(format!("{name}:{partition}@{}", commit.offset))
                    .at(commit.event, format!("{name} committed offset {} of {partition}", commit.offset))
                    .so(format!("not everything up to offset {offset} had been processed by then"))
            });
        }
    }
}

/// The commit that is left at the end.
pub(super) fn last_commit(commits: &[Commit]) -> Option<&Commit> {
    commits
        .iter()
        .filter(|commit| commit.answer == Some(Answer::Ok))
        .max_by_key(|commit| (commit.completed, commit.event))
}

/// From where on a group answers for a partition; none when nobody says.
pub(super) fn start(facts: &Facts<'_>, group: u32, partition: u32) -> Option<i64> {
    let history = facts.history;
    let order = facts.order(partition);
    if history.setup.auto_offset_reset == OffsetReset::Earliest {
        return Some(order.log_start);
    }
    let joined = facts.intervals.iter().filter(|own| own.group == Some(group)).map(|own| own.from).min();
    if let (Some(created), Some(joined)) = (facts.created.get(&partition), joined) {
        if joined < *created {
            return Some(order.log_start);
        }
    }
    let mut starts: Vec<(u64, i64)> = Vec::new();
    for session in facts.sessions.iter().filter(|session| session.partition == partition) {
        match session.opened {
            Opened::Assigned(Some(from), Some(of)) if of == group => starts.push((session.from, from)),
            _ => {}
        }
    }
    for (_, event) in &history.others {
        if let Event::Reset(line) = event {
            let member = facts
                .intervals
                .iter()
                .any(|own| own.group == Some(group) && history.process_name(own.process) == line.process);
            if let Some(to) = line.to.filter(|_| member && history.partitions.find(&line.partition) == Some(partition))
            {
                starts.push((nanos(line.t), to));
            }
        }
    }
    // Before it commits, a group has begun.
    let commits = facts.commits.get(&(group, partition)).into_iter().flatten();
    let accepted = commits.filter(|commit| commit.answer == Some(Answer::Ok));
    starts.extend(accepted.map(|commit| (commit.invoked, commit.offset)));
    if let Some((_, start)) = starts.iter().min() {
        return Some(*start);
    }
    let chunks = history
        .chunks
        .iter()
        .filter(|chunk| chunk.partition == partition && known(facts.poll_of(chunk).group) == Some(group));
    chunks.filter_map(|chunk| facts.delivered(chunk).first()).map(|entry| entry.offset).min()
}
