//! `TRUNC-POINT`, `SILENT-TRUNC`: followers truncate to where they and the leader agree, and readers notice.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::event::Truncated;
use crate::check::facts::Facts;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut appends: BTreeMap<u32, Vec<(u64, i64, u32)>> = BTreeMap::new();
    for (event, line) in &history.others {
        match line {
            Event::Truncated(line) => {
                if let Some(point) = point(line).filter(|point| *point != line.to) {
                    findings.add(Code::TruncPoint, || {
                        Anomaly::of(format!("{}@{}", line.partition, line.to)).at(
                            *event,
                            format!(
                                "broker {} truncated {} to offset {}; its log and the leader's agree up to {point}",
                                line.broker, line.partition, line.to
                            ),
                        )
                    });
                }
            }
            Event::Append(line) => {
                if let Some(partition) = history.partitions.find(&line.partition) {
                    appends.entry(partition).or_default().push((nanos(line.t), line.offset, *event));
                }
            }
            _ => {}
        }
    }
    silent(facts, findings, &mut appends);
}

/// Where the log of a follower and that of its leader part: the end of the largest leader epoch that both have.
fn point(line: &Truncated) -> Option<i64> {
    let common = line.own.iter().rev().find(|(epoch, _)| line.leader.iter().any(|(other, _)| other == epoch))?.0;
    let end = |epochs: &[(i32, i64)], log_end: i64| {
        epochs.iter().find(|(epoch, _)| *epoch > common).map_or(log_end, |(_, start)| *start)
    };
    Some(end(&line.own, line.own_end).min(end(&line.leader, line.leader_end)))
}

/// A reader that was given an offset before a leader appended there again, and went on as if nothing had happened.
fn silent(facts: &Facts<'_>, findings: &mut Findings, appends: &mut BTreeMap<u32, Vec<(u64, i64, u32)>>) {
    let history = facts.history;
    // Only what is below an earlier append is an overwriting.
    for list in appends.values_mut() {
        let mut highest = -1;
        list.retain(|(_, offset, _)| {
            let again = *offset <= highest;
            highest = highest.max(*offset);
            again
        });
    }
    for session in &facts.sessions {
        let Some(overwritten) = appends.get(&session.partition).filter(|list| !list.is_empty()) else { continue };
        let mut last: Option<(i64, u64, u32)> = None;
        for chunk in &session.chunks {
            let chunk = &history.chunks[*chunk as usize];
            let poll = facts.poll_of(chunk);
            if let Some((position, seen, before)) = last {
                let gone =
                    overwritten.iter().find(|(t, offset, _)| *offset <= position && seen < *t && *t < poll.completed);
                if let Some((_, offset, event)) = gone {
                    findings.add(Code::SilentTrunc, || {
                        let (process, name) =
                            (history.process_name(session.process), history.partition_name(session.partition));
                        Anomaly::of(format!("{process}:{name}@{offset}"))
                            .at(before, format!("{process} had read {name} up to offset {position}"))
                            .at(*event, format!("a leader appended at offset {offset} again"))
                            .at(poll.event, format!("{process} read on as if nothing had happened"))
                    });
                }
            }
            let highest = facts.delivered(chunk).iter().map(|entry| entry.offset).max();
            last = highest.map(|highest| (highest, poll.completed, poll.event)).or(last);
        }
    }
}
