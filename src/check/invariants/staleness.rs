//! `STALE-READ`: a poll does not lag further behind what is known to exist than the bound that the test sets.
//!
//! Conservative: only what somebody was told before the poll began counts, and records of transactions do not.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::facts::Opened;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let Some(bound) = history.setup.staleness_ms else { return };
    let bound = bound.saturating_mul(1_000_000);
    let known = known_since(facts);
    let mut polls: Vec<Vec<u32>> = vec![Vec::new(); history.processes.len()];
    for (number, poll) in (0..).zip(&history.polls) {
        if poll.status == Status::Ok {
            polls[poll.process as usize].push(number);
        }
    }
    for polls in &mut polls {
        polls.sort_by_key(|number| history.polls[*number as usize].completed);
    }
    for (place, session) in facts.sessions.iter().enumerate() {
        let next = facts.sessions.get(place + 1);
        let same = |next: &&crate::check::facts::Session| {
            (next.process, next.partition) == (session.process, session.partition)
        };
        let until = next.filter(same).map_or(u64::MAX, |next| next.from);
        let mut position = match session.opened {
            Opened::Moved(Some(start)) | Opened::Assigned(Some(start), _) => Some(start.saturating_sub(1)),
            _ => None,
        };
        let mut chunks = session.chunks.iter().map(|chunk| &history.chunks[*chunk as usize]).peekable();
        for number in &polls[session.process as usize] {
            let poll = &history.polls[*number as usize];
            if poll.completed < session.from || poll.completed >= until {
                continue;
            }
            while let Some(chunk) = chunks.next_if(|chunk| facts.poll_of(chunk).completed <= poll.completed) {
                let last = facts.delivered(chunk).iter().map(|entry| entry.offset).max();
                position = position.max(last);
            }
            let Some(position) = position else { continue };
            let steps = &known[session.partition as usize];
            let Some((since, _, event)) = steps.get(steps.partition_point(|(_, offset, _)| *offset <= position)) else {
                continue;
            };
            if poll.invoked > since.saturating_add(bound) {
                findings.add(Code::StaleRead, || {
                    let (process, partition) =
                        (history.process_name(session.process), history.partition_name(session.partition));
                    let lag = (poll.invoked - since) / 1_000_000;
                    Anomaly::of(format!("{process}:{partition}@{position}"))
                        .at(*event, format!("{partition} is known to have more than offset {position}"))
                        .at(poll.event, format!("{lag} ms later {process} polled and still was at offset {position}"))
                });
            }
        }
    }
}

/// By partition, the moments at which higher offsets were first known: time, offset, event.
fn known_since(facts: &Facts<'_>) -> Vec<Vec<(u64, i64, u32)>> {
    let history = facts.history;
    let mut known: Vec<Vec<(u64, i64, u32)>> = vec![Vec::new(); history.partitions.len()];
    for (send, row) in (0..).zip(&history.sends) {
        if history.statuses[send as usize] == Status::Ok && row.offset >= 0 && history.send_txn(send).is_none() {
            known[row.partition as usize].push((row.completed, row.offset, row.event));
        }
    }
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        for entry in facts.delivered(chunk) {
            let plain = history.find_send(entry.id).is_some_and(|send| history.send_txn(send).is_none());
            if plain {
                known[chunk.partition as usize].push((poll.completed, entry.offset, poll.event));
            }
        }
    }
    for steps in &mut known {
        steps.sort_unstable();
        let mut highest = -1;
        steps.retain(|(_, offset, _)| {
            let higher = *offset > highest;
            highest = highest.max(*offset);
            higher
        });
    }
    known
}
