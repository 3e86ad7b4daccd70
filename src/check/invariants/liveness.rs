//! `STUCK-*`, `LEADERLESS`, `LIVELOCK`: when nothing is broken any more, all goes on within the time to converge.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::End;
use crate::check::event::Event;
use crate::check::event::GroupStatus;
use crate::check::facts::Facts;
use crate::check::facts::Interval;
use crate::check::facts::Opened;
use crate::check::facts::State;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use crate::check::setup::OffsetReset;
use std::collections::BTreeMap;

/// An operation: event, process, when it was invoked, whether it is pending, whether it succeeded, whether it writes.
struct Op {
    event: u32,
    process: u32,
    invoked: u64,
    pending: bool,
    ok: bool,
    writes: bool,
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let (Some(healed), Some(deadline)) = (facts.healed, facts.deadline()) else {
        if facts.healed.is_some() {
            findings.undecided(Code::Livelock, "the history ends before there was time to converge");
        }
        return;
    };
    // Whatever began later than this has no reason to be done.
    let (stopping, _) = facts.stopping;
    let long_ago = stopping - (deadline - healed);
    let ops = operations(facts);
    for op in ops.iter().filter(|op| op.pending && op.invoked <= long_ago) {
        if facts.crashed.contains_key(&op.process) {
            continue;
        }
        let code = if op.writes { Code::StuckProducer } else { Code::StuckConsumer };
        findings.add(code, || {
            let process = history.process_name(op.process);
            Anomaly::of(format!("{process}#{}", op.event)).at(op.event, format!("{process} still waits for an answer"))
        });
    }
    let tried = ops.iter().rfind(|op| op.invoked > deadline);
    if let Some(tried) = tried {
        if !ops.iter().any(|op| op.ok && op.invoked > healed) {
            findings.add(Code::Livelock, || {
                Anomaly::of("all")
                    .at(tried.event, "this was tried long after all was healed, and not for the first time")
            });
        }
    }
    coordinators(facts, findings, long_ago);
    for (partition, order) in (0..).zip(&facts.orders) {
        let Some(log) = order.log.filter(|log| order.last_stable < log.high_watermark) else { continue };
        let first = order.entries.iter().enumerate().find(|(place, _)| order.state(*place) == State::Open);
        let Some((place, entry)) = first else { continue };
        let sent = history.find_send(entry.id).map_or(0, |send| history.sends[send as usize].invoked);
        if sent <= long_ago {
            findings.add(Code::StuckLso, || {
                let name = history.partition_name(partition);
                let event = log.batch_at(place).map_or(log.event, |batch| batch.event);
                Anomaly::of(name)
                    .at(event, format!("{} is the first record of a transaction without an end", facts.name(entry.id)))
                    .at(log.event, format!("{name} is stable up to offset {} only", order.last_stable))
            });
        }
    }
    consumers(facts, findings, deadline, deadline - healed);
}

fn operations(facts: &Facts<'_>) -> Vec<Op> {
    let history = facts.history;
    let mut ops: Vec<Op> = Vec::new();
    for (send, row) in (0..).zip(&history.sends) {
        let status = history.statuses[send as usize];
        let process = match history.send_processes.get(send) {
            u32::MAX => history.processes.find(history.producers.name(row.id.producer())).unwrap_or(u32::MAX),
            process => process,
        };
        let (pending, ok) = (status == Status::Pending, status == Status::Ok);
        ops.push(Op { event: row.event, process, invoked: row.invoked, pending, ok, writes: true });
    }
    for poll in &history.polls {
        // A poll that returns nothing is no progress.
        let (pending, ok) = (poll.status == Status::Pending, poll.status == Status::Ok && poll.chunks > 0);
        ops.push(Op { event: poll.event, process: poll.process, invoked: poll.invoked, pending, ok, writes: false });
    }
    for (event, line) in &history.others {
        let (process, t, end, writes): (&str, _, &Option<End>, bool) = match line {
            Event::Commit(line) => (&line.process, line.t, &line.end, false),
            Event::FetchOffsets(line) => (&line.process, line.t, &line.end, false),
            Event::EndTxn(line) => (&line.process, line.t, &line.end, true),
            _ => continue,
        };
        let process = history.processes.find(process).unwrap_or(u32::MAX);
        let ok = end.as_ref().is_some_and(|end| end.result == Answer::Ok);
        ops.push(Op { event: *event, process, invoked: nanos(t), pending: end.is_none(), ok, writes });
    }
    ops
}

fn coordinators(facts: &Facts<'_>, findings: &mut Findings, long_ago: u64) {
    // Since when a group has not been stable, a partition has had no leader.
    let mut groups: BTreeMap<&str, Option<(u64, u32)>> = BTreeMap::new();
    let mut leaders: BTreeMap<&str, Option<(u64, u32)>> = BTreeMap::new();
    let (_, stopping) = facts.stopping;
    for (event, line) in facts.history.others.iter().filter(|(event, _)| *event < stopping) {
        let (since, is_well, t) = match line {
            Event::GroupState(line) => {
                (groups.entry(&line.group).or_default(), line.state != GroupStatus::Rebalancing, line.t)
            }
            Event::Leader(line) => (leaders.entry(&line.partition).or_default(), line.broker.is_some(), line.t),
            _ => continue,
        };
        *since = if is_well { None } else { since.or(Some((nanos(t), *event))) };
    }
    let long_since = |since: Option<(u64, u32)>| since.filter(|(t, _)| *t <= long_ago).map(|(_, event)| event);
    for (group, since) in groups {
        let Some(event) = long_since(since) else { continue };
        findings.add(Code::StuckGroup, || {
            Anomaly::of(group).at(event, format!("{group} began to rebalance, and never became stable"))
        });
    }
    for (partition, since) in leaders {
        let Some(event) = long_since(since) else { continue };
        findings.add(Code::Leaderless, || {
            Anomaly::of(partition).at(event, format!("{partition} lost its leader, and never got another one"))
        });
    }
}

/// Members that own a partition, have something to read, and do not.
fn consumers(facts: &Facts<'_>, findings: &mut Findings, deadline: u64, converge: u64) {
    let history = facts.history;
    for own in facts.intervals.iter().filter(|own| own.to >= deadline) {
        // Whoever gave it up in the end had until then.
        let long_ago = own.to.min(facts.stopping.0) - converge;
        if own.from > long_ago {
            continue;
        }
        // Who was put out of the group may not know it yet; what waits is for the next owner.
        let is_next = |other: &Interval| {
            let same = own.group.is_some() && (other.group, other.partition) == (own.group, own.partition);
            same && other.process != own.process && other.from > own.from
        };
        if facts.intervals.iter().any(is_next) {
            continue;
        }
        let order = facts.order(own.partition);
        let mut position: Option<i64> = match history.setup.auto_offset_reset {
            OffsetReset::Earliest => Some(order.log_start),
            _ => None,
        };
        // It goes on where the group may have been before, or gets to with transactions that it has to wait for.
        let commits = own.group.and_then(|group| facts.commits.get(&(group, own.partition)));
        let before = commits.into_iter().flatten().filter(|commit| commit.asked <= own.from);
        let committed = before.filter(|commit| commit.answer != Some(Answer::Fail)).map(|commit| commit.offset).max();
        position = committed.max(position);
        let begins = position;
        let mut last_read = 0;
        for session in &facts.sessions {
            if (session.process, session.partition) != (own.process, own.partition) {
                continue;
            }
            if let Opened::Assigned(Some(start), _) | Opened::Moved(Some(start)) = session.opened {
                position = Some(start);
            } else if let Opened::Assigned(None, _) = session.opened {
                position = begins.max(position);
            }
            for chunk in &session.chunks {
                let chunk = &history.chunks[*chunk as usize];
                let last = facts.delivered(chunk).iter().map(|entry| entry.offset + 1).max();
                position = last.max(position);
                last_read = facts.poll_of(chunk).completed;
            }
        }
        let Some(position) = position else { continue };
        if last_read > long_ago {
            continue;
        }
        let waiting = order.owed().find(|entry| {
            let old = history.find_send(entry.id).is_some_and(|send| {
                facts.status(send) == Status::Ok && history.sends[send as usize].completed <= long_ago
            });
            entry.offset >= position && old
        });
        if let Some(waiting) = waiting {
            findings.add(Code::StuckConsumer, || {
                let (process, name) = (history.process_name(own.process), history.partition_name(own.partition));
                Anomaly::of(format!("{process}:{name}"))
                    .at(own.event, format!("{process} was given {name}"))
                    .so(format!("{} at offset {} waits for it", facts.name(waiting.id), waiting.offset))
            });
        }
    }
}
