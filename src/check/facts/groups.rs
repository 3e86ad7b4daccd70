//! Groups: who owned what and when, what was committed, what was processed.

use super::Facts;
use super::nanos;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::Outcome;
use crate::check::history::History;
use crate::check::names::Id;
use std::collections::BTreeMap;

const NEVER: u64 = u64::MAX;

/// From when to when a process owned a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) partition: u32,
    pub(crate) from: u64,
    /// Exclusive.
    pub(crate) to: u64,
    pub(crate) process: u32,
    /// None when the process assigned itself.
    pub(crate) group: Option<u32>,
    pub(crate) generation: Option<i64>,
    /// The event that began it.
    pub(crate) event: u32,
    /// The event that ended it.
    pub(crate) until: u32,
}

impl Interval {
    /// Whether it was still open when `event` happened at `t`; of what happens at one moment, the order of events
    /// decides.
    pub(crate) fn is_open(&self, t: u64, event: u32) -> bool {
        (self.to, self.until) > (t, event)
    }
}

/// An offset that a group committed, or may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    pub(crate) offset: i64,
    /// When it could take effect at the earliest: a transaction's offsets do when it ends.
    pub(crate) invoked: u64,
    /// When it had taken effect at the latest.
    pub(crate) completed: u64,
    /// None while it is pending.
    pub(crate) answer: Option<Answer>,
    pub(crate) event: u32,
    pub(crate) process: u32,
    pub(crate) txn: Option<u32>,
    /// When the commit itself was asked for, whatever its transaction did.
    pub(crate) asked: u64,
    /// When the commit itself was answered.
    pub(crate) answered: u64,
    /// How the commit itself was answered.
    pub(crate) accepted: Option<Answer>,
    /// When its group learned how its transaction ended, and how.
    pub(crate) settled: Option<(u64, Outcome)>,
}

/// A processed mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) id: Id,
    pub(crate) t: u64,
    pub(crate) event: u32,
}

pub(super) fn intervals(facts: &Facts<'_>) -> Vec<Interval> {
    let history = facts.history;
    let mut open: BTreeMap<(u32, u32), Interval> = BTreeMap::new();
    let mut closed: Vec<Interval> = Vec::new();
    let mut close = |open: &mut BTreeMap<(u32, u32), Interval>, key: (u32, u32), t: u64, until: u32| {
        if let Some(interval) = open.remove(&key) {
            closed.push(Interval { to: t, until, ..interval });
        }
    };
    for (event, line) in &history.others {
        let t = line.t().map_or(0, nanos);
        let began = Interval {
            partition: 0,
            from: t,
            to: NEVER,
            process: 0,
            group: None,
            generation: None,
            event: *event,
            until: u32::MAX,
        };
        match line {
            Event::Assigned(line) => {
                let group = line.group.as_deref().and_then(|group| history.groups.find(group));
                let Some(process) = history.processes.find(&line.process) else { continue };
                for name in line.partitions.keys() {
                    let Some(partition) = history.partitions.find(name) else { continue };
                    close(&mut open, (process, partition), t, *event);
                    let generation = line.generation;
                    let interval = Interval { partition, process, group, generation, ..began };
                    open.insert((process, partition), interval);
                }
            }
            Event::Kept(line) => {
                let group = history.groups.find(&line.group);
                let Some(process) = history.processes.find(&line.process) else { continue };
                for name in &line.partitions {
                    let Some(partition) = history.partitions.find(name) else { continue };
                    close(&mut open, (process, partition), t, *event);
                    let generation = Some(line.generation);
                    let interval = Interval { partition, process, group, generation, ..began };
                    open.insert((process, partition), interval);
                }
            }
            Event::Released(line) => {
                let Some(process) = history.processes.find(&line.process) else { continue };
                for name in &line.partitions {
                    if let Some(partition) = history.partitions.find(name) {
                        close(&mut open, (process, partition), t, *event);
                    }
                }
            }
            Event::Crashed(line) => {
                let Some(process) = history.processes.find(&line.process) else { continue };
                let keys: Vec<(u32, u32)> = open.keys().filter(|(owner, _)| *owner == process).copied().collect();
                for key in keys {
                    close(&mut open, key, t, *event);
                }
            }
            _ => {}
        }
    }
    closed.extend(open.into_values());
    closed.sort_by_key(|interval| (interval.partition, interval.from, interval.event));
    closed
}

pub(super) fn commits(facts: &Facts<'_>) -> BTreeMap<(u32, u32), Vec<Commit>> {
    let history = facts.history;
    let mut commits: BTreeMap<(u32, u32), Vec<Commit>> = BTreeMap::new();
    let settled = settled(history);
    for (event, line) in &history.others {
        let Event::Commit(line) = line else { continue };
        let Some(group) = history.groups.find(&line.group) else { continue };
        let process = history.processes.find(&line.process).unwrap_or(u32::MAX);
        let txn = line.txn.as_deref().and_then(|txn| history.txns.find(txn));
        let asked = nanos(line.t);
        let answered = line.end.as_ref().map_or(NEVER, |end| nanos(end.t));
        let accepted = line.end.as_ref().map(|end| end.result);
        for (name, offset) in &line.offsets {
            let Some(partition) = history.partitions.find(name) else { continue };
            let mut commit = Commit {
                offset: *offset,
                invoked: asked,
                completed: answered,
                answer: accepted,
                event: *event,
                process,
                txn,
                asked,
                answered,
                accepted,
                settled: None,
            };
            if let Some(txn) = txn {
                commit.settled = settled.get(&(txn, &*line.group, &**name)).copied();
                take_effect(facts, txn, &mut commit);
            }
            commits.entry((group, partition)).or_default().push(commit);
        }
    }
    for list in commits.values_mut() {
        list.sort_by_key(|commit| (commit.completed, commit.event));
    }
    commits
}

/// What became of the offsets that transactions had sent to groups, and when: by transaction, group and partition.
fn settled(history: &History) -> BTreeMap<(u32, &str, &str), (u64, Outcome)> {
    let mut settled = BTreeMap::new();
    for (_, line) in &history.others {
        let Event::Settled(line) = line else { continue };
        let Some(txn) = history.txns.find(&line.txn) else { continue };
        settled.entry((txn, &*line.group, &*line.partition)).or_insert_with(|| (nanos(line.t), line.outcome));
    }
    settled
}

/// Offsets sent to a transaction take effect with it.
fn take_effect(facts: &Facts<'_>, txn: u32, commit: &mut Commit) {
    if commit.accepted == Some(Answer::Fail) {
        return;
    }
    by_client(facts, txn, commit);
    // A client learns late how its transaction ended, or never; its group knows.
    match (commit.answer, commit.settled) {
        (Some(Answer::Ok), Some((t, Outcome::Commit))) => commit.completed = commit.completed.min(t),
        (None | Some(Answer::Info), Some((t, Outcome::Commit))) => {
            (commit.answer, commit.completed) = (Some(Answer::Ok), t);
        }
        (None | Some(Answer::Info), Some((_, Outcome::Abort))) => {
            (commit.answer, commit.completed) = (Some(Answer::Fail), NEVER);
        }
        _ => {}
    }
}

/// What the client of a transaction knows of its offsets.
fn by_client(facts: &Facts<'_>, txn: u32, commit: &mut Commit) {
    let txn = &facts.txns[txn as usize];
    let accepted = commit.accepted;
    let mut ends = txn.ends.iter().filter(|end| end.commit);
    let Some(first) = ends.next() else {
        // Nobody asked for a commit: it takes no effect, or the transaction is still open.
        commit.answer =
            if txn.ends.iter().any(|end| end.answer == Some(Answer::Ok)) { Some(Answer::Fail) } else { None };
        commit.completed = NEVER;
        return;
    };
    commit.invoked = first.invoked;
    commit.completed = NEVER;
    commit.answer = None;
    let all: Vec<_> = std::iter::once(first).chain(ends).collect();
    if let Some(end) = all.iter().find(|end| end.answer == Some(Answer::Ok)) {
        commit.completed = end.completed;
        commit.answer = accepted;
    } else if all.iter().all(|end| end.answer == Some(Answer::Fail)) {
        commit.answer = Some(Answer::Fail);
    } else if let Some(end) = all.iter().find(|end| end.answer == Some(Answer::Info)) {
        commit.completed = end.completed;
        commit.answer = Some(Answer::Info);
    }
}

pub(super) fn processed(history: &History) -> BTreeMap<u32, Vec<Mark>> {
    let mut processed: BTreeMap<u32, Vec<Mark>> = BTreeMap::new();
    for row in &history.processed {
        processed.entry(row.group).or_default().push(Mark { id: row.id, t: row.t, event: row.event });
    }
    processed
}
