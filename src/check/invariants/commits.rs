//! `COMMIT-REGRESS`, `COMMIT-UNOWNED`, `COMMIT-LOST`, `COMMIT-STALE`, `COMMIT-EXPIRED`: a group's offset of a partition
//! is a register. It moves forward, only its owner moves it, and whoever asks is told its last value.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::FetchOffsets;
use crate::check::event::Removal;
use crate::check::facts::Commit;
use crate::check::facts::Facts;
use crate::check::facts::Opened;
use crate::check::facts::Session;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    regressions(facts, findings);
    strangers(facts, findings);
    answers(facts, findings);
    expiries(facts, findings);
    findings.count("commits", facts.commits.values().map(Vec::len).sum());
}

fn is_ok(commit: &&Commit) -> bool {
    commit.answer == Some(Answer::Ok)
}

fn place(facts: &Facts<'_>, group: u32, partition: u32) -> (String, String) {
    (facts.history.group_name(group).to_owned(), facts.history.partition_name(partition).to_owned())
}

fn regressions(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    // Whoever seeks, is reset or has its offset removed may go back.
    let mut rewinds: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (_, event) in &history.others {
        let (partition, t) = match event {
            Event::Seek(line) => (&line.partition, line.t),
            Event::Reset(line) => (&line.partition, line.t),
            Event::CommitRemoved(line) => (&line.partition, line.t),
            _ => continue,
        };
        if let Some(partition) = history.partitions.find(partition) {
            rewinds.entry(partition).or_default().push(nanos(t));
        }
    }
    let cuts = cuts(facts);
    for ((group, partition), commits) in &facts.commits {
        let cuts = cuts.get(partition).map_or(&[][..], Vec::as_slice);
        let rewinds = rewinds.get(partition).map_or(&[][..], Vec::as_slice);
        // Each stretch between two rewinds is a register of its own.
        for stretch in 0..=rewinds.len() {
            let from = if stretch == 0 { 0 } else { rewinds[stretch - 1] };
            let until = rewinds.get(stretch).copied().unwrap_or(u64::MAX);
            let earlier: Vec<&Commit> = commits.iter().filter(is_ok).filter(|commit| commit.invoked >= from).collect();
            let mut highest: Vec<&Commit> = Vec::with_capacity(earlier.len());
            for commit in &earlier {
                let best = highest.last().copied().filter(|best| best.offset >= commit.offset);
                highest.push(best.unwrap_or(commit));
            }
            for later in commits.iter().filter(is_ok) {
                if later.completed < from || later.completed >= until {
                    continue;
                }
                let before = earlier.partition_point(|commit| commit.completed < later.invoked);
                let Some(highest) = before.checked_sub(1).map(|last| highest[last]) else { continue };
                if highest.offset > later.offset {
                    findings.add(Code::CommitRegress, || {
                        let (group, partition) = place(facts, *group, *partition);
                        let is_cut = cuts.iter().any(|cut| cut.takes(highest) && cut.t <= later.completed);
                        Anomaly::of(format!("{group}:{partition}@{}", later.offset))
                            .over_budget(facts.over_budget.filter(|_| is_cut))
                            .at(
                                highest.event,
                                format!("group {group} committed offset {} of {partition}", highest.offset),
                            )
                            .at(later.event, format!("after that it committed offset {}", later.offset))
                    });
                }
            }
        }
    }
}

/// An election of a leader that has less, and what was appended since.
struct Cut {
    t: u64,
    appends: Vec<(u64, i64)>,
}

impl Cut {
    /// Whether what a commit covers may be gone: it was made before there was such a record again.
    fn takes(&self, commit: &Commit) -> bool {
        self.appends.iter().all(|(t, offset)| *t > commit.invoked || *offset + 1 < commit.offset)
    }
}

fn cuts(facts: &Facts<'_>) -> BTreeMap<u32, Vec<Cut>> {
    let history = facts.history;
    let mut cuts: BTreeMap<u32, Vec<Cut>> = BTreeMap::new();
    for (_, event) in &history.others {
        match event {
            Event::Leader(line) if line.unclean => {
                let partition = history.partitions.find(&line.partition);
                let known = partition.map(|partition| cuts.entry(partition).or_default());
                known.into_iter().for_each(|cuts| cuts.push(Cut { t: nanos(line.t), appends: Vec::new() }));
            }
            Event::Append(line) => {
                let known = history.partitions.find(&line.partition).and_then(|partition| cuts.get_mut(&partition));
                let cuts = known.into_iter().flatten();
                cuts.for_each(|cut| cut.appends.push((nanos(line.t), line.offset)));
            }
            _ => {}
        }
    }
    cuts
}

fn strangers(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut sessions: BTreeMap<(u32, u32), Vec<&Session>> = BTreeMap::new();
    for session in &facts.sessions {
        sessions.entry((session.process, session.partition)).or_default().push(session);
    }
    for ((group, partition), commits) in &facts.commits {
        let order = facts.order(*partition);
        for commit in commits.iter().filter(|commit| commit.accepted == Some(Answer::Ok)) {
            let mut own =
                facts.intervals.iter().filter(|own| own.process == commit.process && own.group == Some(*group));
            if own.clone().next().is_none() {
                continue;
            }
            let witness = |text: String| {
                let (group, partition) = place(facts, *group, *partition);
                let process = history.process_name(commit.process);
                Anomaly::of(format!("{group}:{partition}@{}", commit.offset))
                    .at(
                        commit.event,
                        format!("{process} committed offset {} of {partition} for {group}", commit.offset),
                    )
                    .so(text)
            };
            // What takes no time has its place among the events.
            let by = if commit.asked == commit.answered { commit.event } else { u32::MAX };
            let holds = own.any(|own| {
                let had = (own.from, own.event) <= (commit.answered, by) && own.is_open(commit.asked, commit.event);
                had && own.partition == *partition
            });
            if !holds {
                findings.add(Code::CommitUnowned, || witness("it did not own that partition then".to_owned()));
                continue;
            }
            let all = sessions.get(&(commit.process, *partition)).map_or(&[][..], Vec::as_slice);
            let Some(last) = last_read(facts, all, commit.asked) else { continue };
            let unread = order.first_owed(last + 1, commit.offset, true);
            let beyond = order.log.is_some_and(|log| commit.offset > log.end().max(last + 1));
            if unread.is_some() || beyond {
                findings.add(Code::CommitUnowned, || witness(format!("the last offset it had read was {last}")));
            }
        }
    }
}

/// The last offset that a process had behind it at `t`, by what it was given or where it was told to begin.
fn last_read(facts: &Facts<'_>, sessions: &[&Session], t: u64) -> Option<i64> {
    let session = sessions.iter().rev().find(|session| session.from <= t)?;
    let start = match session.opened {
        Opened::Assigned(Some(start), _) | Opened::Moved(Some(start)) => Some(start.saturating_sub(1)),
        _ => None,
    };
    let chunks = session.chunks.iter().map(|chunk| &facts.history.chunks[*chunk as usize]);
    let read = chunks.filter(|chunk| facts.poll_of(chunk).completed <= t);
    read.flat_map(|chunk| facts.delivered(chunk)).map(|entry| entry.offset).max().max(start)
}

/// What an answer to OffsetFetch may be.
fn answers(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut removals: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
    for (_, event) in &history.others {
        if let Event::CommitRemoved(line) = event {
            removals.entry((&line.group, &line.partition)).or_default().push(nanos(line.t));
        }
    }
    for (event, line) in &history.others {
        let Event::FetchOffsets(line) = line else { continue };
        let Some(end) = line.end.as_ref().filter(|end| end.result == Answer::Ok) else { continue };
        let Some(group) = history.groups.find(&line.group) else { continue };
        for (name, answer) in &end.offsets {
            let Some(partition) = history.partitions.find(name) else { continue };
            let Some(commits) = facts.commits.get(&(group, partition)) else { continue };
            let removed = removals.get(&(line.group.as_str(), name.as_str())).map_or(&[][..], Vec::as_slice);
            one_answer(facts, findings, (*event, line), name, *answer, (nanos(end.t), commits, removed));
        }
    }
}

fn one_answer(
    facts: &Facts<'_>,
    findings: &mut Findings,
    (event, line): (u32, &FetchOffsets),
    partition: &str,
    answer: i64,
    (answered, commits, removed): (u64, &[Commit], &[u64]),
) {
    let asked = nanos(line.t);
    let group = &line.group;
    if line.require_stable {
        let open = commits.iter().find(|commit| {
            let Some(txn) = commit.txn else { return false };
            // What began at the instant of the answer may have come before it; and not only its client ends a
            // transaction: the next producer of the name does, and time.
            let ended = facts.txns[txn as usize].ends.iter().any(|end| end.invoked <= answered)
                || commit.settled.is_some_and(|(t, _)| t <= answered);
            commit.accepted == Some(Answer::Ok) && commit.answered < asked && !ended
        });
        if let Some(open) = open {
            findings.add(Code::CommitStale, || {
                Anomaly::of(format!("{group}:{partition}@{answer}"))
                    .at(open.event, format!("offset {} of {partition} waits for its transaction to end", open.offset))
                    .at(event, format!("a question for stable offsets was answered with {answer} all the same"))
            });
            return;
        }
    }
    let settled = &commits[..commits.partition_point(|commit| commit.completed < asked)];
    let Some(last) = settled.iter().filter(is_ok).max_by_key(|commit| (commit.invoked, commit.event)) else { return };
    let may_be = commits.iter().any(|commit| {
        commit.offset == answer
            && commit.answer != Some(Answer::Fail)
            && commit.invoked <= answered
            && commit.completed >= last.invoked
    });
    let may_be_none = removed.iter().any(|t| *t <= answered && *t >= last.invoked);
    let code = match answer {
        -1 if !may_be_none => Code::CommitLost,
        answer if answer >= 0 && answer < last.offset && !may_be => Code::CommitStale,
        _ => return,
    };
    findings.add(code, || {
        let told = if answer < 0 { "that there was none".to_owned() } else { format!("offset {answer}") };
        let anomaly = Anomaly::of(format!("{group}:{partition}@{answer}"))
            .at(last.event, format!("group {group} committed offset {} of {partition}", last.offset))
            .at(event, format!("whoever asked after that was told {told}"));
        let unstable = last.txn.is_some() && !line.require_stable;
        if unstable { anomaly.needs("require_stable=true") } else { anomaly }
    });
}

fn expiries(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let retention = history.setup.offsets_retention_ms.saturating_mul(1_000_000);
    for (event, line) in &history.others {
        let Event::CommitRemoved(line) = line else { continue };
        if line.by != Removal::Expiry {
            continue;
        }
        let place = history.groups.find(&line.group).zip(history.partitions.find(&line.partition));
        let Some(commits) = place.and_then(|place| facts.commits.get(&place)) else { continue };
        let t = nanos(line.t);
        let before = commits.iter().filter(is_ok).filter(|commit| commit.completed <= t);
        let Some(last) = before.max_by_key(|commit| (commit.completed, commit.event)) else { continue };
        if t - last.completed < retention {
            findings.add(Code::CommitExpired, || {
                let (group, partition) = (&line.group, &line.partition);
                let age = (t - last.completed) / 1_000_000;
                Anomaly::of(format!("{group}:{partition}"))
                    .at(last.event, format!("group {group} committed offset {} of {partition}", last.offset))
                    .at(*event, format!("it expired {age} ms later, before offsets.retention.minutes had passed"))
            });
        }
    }
}
