//! Group rules.

use super::Violations;
use super::model::Jump;
use super::model::Model;
use super::model::NEVER;
use super::model::Own;
use super::model::ns;
use super::records::is_visible;
use rehearsal::check::Event;
use rehearsal::check::OffsetReset;
use rehearsal::check::event::Answer;
use rehearsal::check::event::GroupStatus;
use rehearsal::check::event::Outcome;
use rehearsal::check::event::Removal;

/// A commit as it takes effect.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) number: usize,
    pub(super) process: String,
    pub(super) group: String,
    pub(super) p: String,
    pub(super) off: i64,
    pub(super) inv: u64,
    pub(super) cmp: u64,
    pub(super) answer: Option<Answer>,
    pub(super) txn: Option<String>,
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) accepted: Option<Answer>,
}

pub(super) fn commits(m: &Model) -> Vec<Commit> {
    let mut commits = Vec::new();
    for (number, event) in m.events.iter().enumerate() {
        let Event::Commit(line) = event else { continue };
        for (p, off) in &line.offsets {
            let asked = ns(line.t);
            let answered = line.end.as_ref().map_or(NEVER, |end| ns(end.t));
            let accepted = line.end.as_ref().map(|end| end.result);
            let (mut inv, mut cmp, mut answer) = (asked, answered, accepted);
            if let Some(txn) = line.txn.as_ref().filter(|_| accepted != Some(Answer::Fail)) {
                let ends = m.ends(txn);
                let commits: Vec<_> = ends.iter().filter(|(commit, ..)| *commit).collect();
                let with = |wanted| commits.iter().find(|(.., answer)| *answer == Some(wanted));
                inv = commits.first().map_or(asked, |(_, inv, ..)| *inv);
                (cmp, answer) = if commits.is_empty() {
                    let aborted = ends.iter().any(|(.., answer)| *answer == Some(Answer::Ok));
                    (NEVER, aborted.then_some(Answer::Fail))
                } else if let Some((_, _, end, _)) = with(Answer::Ok) {
                    (*end, accepted)
                } else if commits.iter().all(|(.., answer)| *answer == Some(Answer::Fail)) {
                    (NEVER, Some(Answer::Fail))
                } else if let Some((_, _, end, _)) = with(Answer::Info) {
                    (*end, Some(Answer::Info))
                } else {
                    (NEVER, None)
                };
            }
            commits.push(Commit {
                number,
                process: line.process.clone(),
                group: line.group.clone(),
                p: p.clone(),
                off: *off,
                inv,
                cmp,
                answer,
                txn: line.txn.clone(),
                asked,
                answered,
                accepted,
            });
        }
    }
    commits
}

fn of<'a>(all: &'a [Commit], group: &str, p: &str) -> Vec<&'a Commit> {
    all.iter().filter(|commit| commit.group == group && commit.p == p).collect()
}

fn ok<'a>(commits: &[&'a Commit]) -> Vec<&'a Commit> {
    commits.iter().copied().filter(|commit| commit.answer == Some(Answer::Ok)).collect()
}

/// The offset that a group certainly has at `t`.
pub(super) fn certain_commit(m: &Model, group: &str, p: &str, t: u64) -> Option<i64> {
    let removed = m
        .events
        .iter()
        .any(|event| matches!(event, Event::CommitRemoved(line) if line.group == group && line.partition == p));
    let all = commits(m);
    let all = of(&all, group, p);
    let last = ok(&all).into_iter().filter(|c| c.cmp < t).max_by_key(|c| (c.inv, c.number))?;
    if last.txn.is_some() && !m.setup.require_stable {
        return None;
    }
    let doubt = all.iter().any(|other| {
        let had_begun = other.inv <= t || other.txn.is_some() && other.asked <= t;
        other.number != last.number && other.answer != Some(Answer::Fail) && had_begun && other.cmp >= last.inv
    });
    (!removed && !doubt).then_some(last.off)
}

fn places(all: &[Commit]) -> Vec<(String, String)> {
    let mut places: Vec<_> = all.iter().map(|commit| (commit.group.clone(), commit.p.clone())).collect();
    places.sort();
    places.dedup();
    places
}

pub(super) fn check(m: &Model, found: &mut Violations) {
    owners(m, found);
    let all = commits(m);
    for (group, p) in places(&all) {
        register(m, found, &all, &group, &p);
        processing(m, found, &all, &group, &p);
    }
    answers(m, found, &all);
    let marks: Vec<_> = m
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Processed(line) => Some((line.group.clone(), line.id.to_string())),
            _ => None,
        })
        .collect();
    for (place, (group, id)) in marks.iter().enumerate() {
        if marks[..place].contains(&(group.clone(), id.clone())) {
            found.insert(("GROUP-DUP", format!("{group}:{id}")));
        }
    }
    for event in &m.events {
        if let Event::Reset(line) = event {
            if let (Some(position), Some(start), Some(end)) = (line.position, line.log_start, line.log_end) {
                if start <= position && position <= end {
                    found.insert(("SPURIOUS-RESET", format!("{}:{}@{position}", line.process, line.partition)));
                }
            }
        }
    }
    end_to_end(m, found, &all);
}

fn owners(m: &Model, found: &mut Violations) {
    let owns = m.owns();
    let timeout = m.setup.session_timeout_ms * 1_000_000;
    let all = commits(m);
    for one in &owns {
        for other in &owns {
            let meet = one.from < other.from && one.to > other.from;
            if one.process == other.process
                || one.p != other.p
                || one.group.is_none()
                || one.group != other.group
                || !meet
            {
                continue;
            }
            let subject = format!("{}:{}+{}", one.p, one.process, other.process);
            if one.generation == other.generation {
                found.insert(("OVERLAP", subject));
                continue;
            }
            let (older, newer) = if one.generation < other.generation { (one, other) } else { (other, one) };
            let effect = all.iter().any(|c| {
                Some(&c.group) == older.group.as_ref()
                    && c.p == older.p
                    && c.process == older.process
                    && c.accepted == Some(Answer::Ok)
                    && c.asked >= newer.from
                    && c.asked < older.to.min(newer.to)
            });
            if effect || one.to.min(other.to).min(m.end).saturating_sub(other.from) > timeout {
                found.insert(("ZOMBIE-OVERLAP", subject));
            }
        }
    }
    for d in &m.deliveries {
        let member = owns.iter().any(|own| own.process == d.process);
        let own = |own: &Own| own.process == d.process && own.p == d.p && own.from <= d.cmp && own.to > d.inv;
        if member && !owns.iter().any(own) {
            found.insert(("UNOWNED-READ", format!("{}:{}", d.process, d.p)));
        }
    }
    for (place, event) in m.events.iter().enumerate() {
        let Event::GroupState(line) = event else { continue };
        let next = m.events[place + 1..].iter().find_map(|event| match event {
            Event::GroupState(next) if next.group == line.group => Some(ns(next.t)),
            _ => None,
        });
        let until = next.unwrap_or(m.end);
        if line.state != GroupStatus::Stable || until - ns(line.t) <= timeout {
            continue;
        }
        for p in &line.subscribed {
            let of_it = |own: &&Own| own.group.as_ref() == Some(&line.group) && own.p == *p;
            let owned = owns.iter().filter(of_it).any(|own| own.generation == Some(line.generation));
            let healed = if owns.iter().any(|own| of_it(&own)) { m.healed.unwrap_or(0) } else { 0 };
            if !owned && until.saturating_sub(ns(line.t).max(healed)) > timeout {
                found.insert(("HOLE-OWN", format!("{}:{p}", line.group)));
            }
        }
    }
}

fn register(m: &Model, found: &mut Violations, all: &[Commit], group: &str, p: &str) {
    let commits = of(all, group, p);
    let rewinds: Vec<u64> = m
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Seek(line) if line.partition == p => Some(ns(line.t)),
            Event::Reset(line) if line.partition == p => Some(ns(line.t)),
            Event::CommitRemoved(line) if line.partition == p => Some(ns(line.t)),
            _ => None,
        })
        .collect();
    for c1 in ok(&commits) {
        for c2 in ok(&commits) {
            let rewound = rewinds.iter().any(|t| c1.inv < *t && *t <= c2.cmp);
            if c1.cmp < c2.inv && c2.off < c1.off && !rewound {
                found.insert(("COMMIT-REGRESS", format!("{group}:{p}@{}", c2.off)));
            }
        }
    }
    let owns = m.owns();
    for c in commits.iter().filter(|c| c.accepted == Some(Answer::Ok)) {
        let mut own =
            owns.iter().filter(|own| own.process == c.process && own.group.as_deref() == Some(group)).peekable();
        if own.peek().is_none() {
            continue;
        }
        let holds = own.any(|own| own.p == p && own.from <= c.answered && own.to > c.asked);
        let jump = m.jump_before(&c.process, p, c.asked);
        let from = jump.as_ref().map_or(0, |(t, _)| *t);
        let start = jump.and_then(|(_, jump)| jump.to()).map(|to| to - 1);
        let read =
            m.given(&c.process, p).into_iter().filter(|d| d.cmp >= from && d.cmp <= c.asked).map(|d| d.off).max();
        let ahead = start.max(read).is_some_and(|last| {
            let beyond = m.log(p).is_some_and(|log| c.off > log.end() && c.off > last + 1);
            beyond || m.owes_between(p, last + 1, c.off, true)
        });
        if !holds || ahead {
            found.insert(("COMMIT-UNOWNED", format!("{group}:{p}@{}", c.off)));
        }
    }
    let retention = m.setup.offsets_retention_ms * 1_000_000;
    for event in &m.events {
        let Event::CommitRemoved(line) = event else { continue };
        if line.by == Removal::Expiry && line.group == group && line.partition == p {
            let t = ns(line.t);
            let last = ok(&commits).iter().filter(|c| c.cmp <= t).map(|c| c.cmp).max();
            if last.is_some_and(|last| t - last < retention) {
                found.insert(("COMMIT-EXPIRED", format!("{group}:{p}")));
            }
        }
    }
}

fn answers(m: &Model, found: &mut Violations, all: &[Commit]) {
    for event in &m.events {
        let Event::FetchOffsets(line) = event else { continue };
        let Some(end) = line.end.as_ref().filter(|end| end.result == Answer::Ok) else { continue };
        let (asked, answered) = (ns(line.t), ns(end.t));
        for (p, r) in &end.offsets {
            let subject = format!("{}:{p}@{r}", line.group);
            let commits = of(all, &line.group, p);
            let pending = commits.iter().any(|c| {
                c.txn.as_ref().is_some_and(|txn| m.ends(txn).iter().all(|(_, inv, ..)| *inv > answered))
                    && c.accepted == Some(Answer::Ok)
                    && c.answered < asked
            });
            if line.require_stable && pending {
                found.insert(("COMMIT-STALE", subject));
                continue;
            }
            // What has certainly been overwritten before the question can be no answer.
            let overwritten = |t: u64| ok(&commits).iter().any(|y| y.inv > t && y.cmp < asked);
            let Some(last) = ok(&commits).into_iter().filter(|c| c.cmp < asked).max_by_key(|c| (c.inv, c.number))
            else {
                continue;
            };
            let removed = m.events.iter().any(|event| {
                matches!(event, Event::CommitRemoved(gone) if gone.group == line.group && gone.partition == *p
                    && ns(gone.t) <= answered && !overwritten(ns(gone.t)))
            });
            let candidate = commits
                .iter()
                .any(|x| x.off == *r && x.answer != Some(Answer::Fail) && x.inv <= answered && !overwritten(x.cmp));
            if *r == -1 && !removed {
                found.insert(("COMMIT-LOST", subject));
            } else if *r >= 0 && *r < last.off && !candidate {
                found.insert(("COMMIT-STALE", subject));
            }
        }
    }
}

/// From where on a group answers for a partition.
fn start(m: &Model, group: &str, p: &str) -> Option<i64> {
    if m.setup.auto_offset_reset == OffsetReset::Earliest {
        return Some(m.log_start(p));
    }
    let members: Vec<String> =
        m.owns().iter().filter(|own| own.group.as_deref() == Some(group)).map(|own| own.process.clone()).collect();
    let joined = m.owns().iter().filter(|own| own.group.as_deref() == Some(group)).map(|own| own.from).min();
    let created = m.events.iter().rev().find_map(|event| match event {
        Event::Created(line) if line.partition == p => Some(ns(line.t)),
        _ => None,
    });
    if created.zip(joined).is_some_and(|(created, joined)| joined < created) {
        return Some(m.log_start(p));
    }
    let mut starts: Vec<(u64, i64)> = Vec::new();
    let mut processes: Vec<String> = members.clone();
    processes.sort();
    processes.dedup();
    for process in processes {
        for (t, jump) in m.jumps(&process, p) {
            if let Jump::Assigned(Some(to), Some(of)) = jump {
                if of == group {
                    starts.push((t, to));
                }
            }
        }
    }
    for event in &m.events {
        if let Event::Reset(line) = event {
            if let Some(to) = line.to.filter(|_| line.partition == p && members.contains(&line.process)) {
                starts.push((ns(line.t), to));
            }
        }
    }
    let all = commits(m);
    starts.extend(ok(&of(&all, group, p)).into_iter().map(|c| (c.inv, c.off)));
    if let Some((_, start)) = starts.iter().min() {
        return Some(*start);
    }
    let mut firsts: Vec<i64> = Vec::new();
    for (place, d) in m.deliveries.iter().enumerate() {
        let leads = !m.deliveries[..place].iter().any(|other| other.poll == d.poll && other.p == d.p);
        if d.group.as_deref() == Some(group) && d.p == p && leads {
            firsts.push(d.off);
        }
    }
    firsts.into_iter().min()
}

fn processing(m: &Model, found: &mut Violations, all: &[Commit], group: &str, p: &str) {
    let commits = of(all, group, p);
    let Some(last) = ok(&commits).into_iter().max_by_key(|c| (c.cmp, c.number)) else { return };
    let marks: Vec<_> = m
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Processed(line) if line.group == group => Some((line.id.to_string(), ns(line.t))),
            _ => None,
        })
        .collect();
    let (false, Some(start)) = (marks.is_empty(), start(m, group, p)) else { return };
    let start = start.max(m.log_start(p));
    let ours: Vec<_> = m
        .order(p)
        .into_iter()
        .filter(|known| known.off >= start && m.sees(p, known, true) && !m.cleanable(p, known))
        .filter(|known| m.send(known.id.as_ref()).is_some())
        .collect();
    for known in &ours {
        let id = known.id.clone().unwrap();
        if known.off < last.off && !marks.iter().any(|(marked, _)| *marked == id) {
            found.insert(("GROUP-LOSS", format!("{group}:{id}")));
        }
    }
    for c in ok(&commits) {
        let ahead = ours.iter().any(|known| {
            known.off < c.off && !marks.iter().any(|(id, t)| Some(id) == known.id.as_ref() && *t <= c.asked)
        });
        if ahead {
            found.insert(("COMMIT-AHEAD", format!("{group}:{p}@{}", c.off)));
        }
    }
}

fn end_to_end(m: &Model, found: &mut Violations, all: &[Commit]) {
    let visible = |send: &super::model::Send| {
        if m.log(&send.p).is_some() {
            return is_visible(m, &send.id);
        }
        let given = m.deliveries.iter().any(|d| d.committed && d.id.as_ref() == Some(&send.id));
        let confirmed = send.txn.as_ref().is_none_or(|txn| m.must(txn));
        given || confirmed && send.status() == super::model::Status::Ok
    };
    let count = |p: &str, off: i64| {
        let outputs = m.sends.iter().filter(|send| send.source.as_ref().is_some_and(|s| s.0 == p && s.1 == off));
        outputs.filter(|send| visible(send)).count()
    };
    let expected = m.setup.outputs_per_input as usize;
    let mut inputs: Vec<&String> = Vec::new();
    for (p, off) in m.sends.iter().filter_map(|send| send.source.as_ref()) {
        inputs.push(p);
        if count(p, *off) > expected {
            found.insert(("EOS-DUP", format!("{p}@{off}")));
        }
    }
    for p in inputs {
        for (group, _) in places(all).into_iter().filter(|(_, of)| of == p) {
            let commits = of(all, &group, p);
            let last = ok(&commits).into_iter().max_by_key(|c| (c.cmp, c.number));
            let unsure = commits.iter().any(|c| {
                c.answer != Some(Answer::Ok)
                    && c.answer != Some(Answer::Fail)
                    && last.is_none_or(|last| c.cmp >= last.inv)
            });
            let (false, Some(start)) = (unsure, start(m, &group, p)) else { continue };
            let settled = |c: &Commit, wanted| {
                m.events.iter().any(|event| {
                    matches!(event, Event::Settled(s) if Some(&s.txn) == c.txn.as_ref() && s.group == group
                        && s.partition == *p && s.outcome == wanted)
                })
            };
            let dropped = |c: &Commit| settled(c, Outcome::Abort) && !settled(c, Outcome::Commit);
            let kept = ok(&commits).into_iter().filter(|c| !dropped(c)).max_by_key(|c| (c.cmp, c.number));
            let committed = kept.map_or(start, |last| last.off);
            for known in m.order(p).iter().filter(|known| known.off >= start && m.sees(p, known, true)) {
                let subject = format!("{p}@{}", known.off);
                if count(p, known.off) == 0 && m.cleanable(p, known) {
                    continue;
                }
                if known.off < committed && count(p, known.off) < expected {
                    found.insert(("EOS-LOSS", subject.clone()));
                }
                if (count(p, known.off) > 0) != (known.off < committed) {
                    found.insert(("EOS-SPLIT", subject));
                }
            }
        }
    }
}
