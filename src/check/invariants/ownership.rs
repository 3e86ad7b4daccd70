//! `OVERLAP`, `ZOMBIE-OVERLAP`, `UNOWNED-READ`, `HOLE-OWN`: a partition has one owner in a group, and only the owner
//! is given its records.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::GroupStatus;
use crate::check::facts::Facts;
use crate::check::facts::Interval;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    overlaps(facts, findings);
    unowned_reads(facts, findings);
    holes(facts, findings);
}

fn overlaps(facts: &Facts<'_>, findings: &mut Findings) {
    let mut by_place: BTreeMap<(u32, u32), Vec<&Interval>> = BTreeMap::new();
    for interval in &facts.intervals {
        if let Some(group) = interval.group {
            by_place.entry((group, interval.partition)).or_default().push(interval);
        }
    }
    for intervals in by_place.values() {
        // Sorted by their beginnings: only those that are still open can overlap with the next one.
        let mut open: Vec<&Interval> = Vec::new();
        for interval in intervals {
            open.retain(|earlier| earlier.to > interval.from);
            for earlier in open.iter().filter(|earlier| earlier.process != interval.process) {
                overlap(facts, findings, earlier, interval);
            }
            open.push(interval);
        }
    }
}

fn overlap(facts: &Facts<'_>, findings: &mut Findings, earlier: &Interval, later: &Interval) {
    let history = facts.history;
    let witness = || {
        let partition = history.partition_name(later.partition);
        let (one, other) = (history.process_name(earlier.process), history.process_name(later.process));
        let in_generation = |interval: &Interval| {
            interval.generation.map_or_else(String::new, |generation| format!(" in generation {generation}"))
        };
        Anomaly::of(format!("{partition}:{one}+{other}"))
            .at(earlier.event, format!("{one} was given {partition}{}", in_generation(earlier)))
            .at(later.event, format!("{other} was given it too{}", in_generation(later)))
            .so(format!("{one} had not let go of it"))
    };
    if earlier.generation == later.generation {
        findings.add(Code::Overlap, witness);
        return;
    }
    let until = earlier.to.min(later.to).min(history.end_t);
    let timeout = u64::try_from(history.setup.session_timeout().as_nanos()).unwrap_or(u64::MAX);
    let (older, newer) = if earlier.generation < later.generation { (earlier, later) } else { (later, earlier) };
    // Something that the older one did was accepted although there was a newer one.
    let commits = older.group.and_then(|group| facts.commits.get(&(group, older.partition)));
    let accepted = commits.into_iter().flatten().any(|commit| {
        commit.process == older.process
            && commit.accepted == Some(Answer::Ok)
            && commit.asked >= newer.from
            && commit.asked < older.to
            && commit.asked < newer.to
    });
    if accepted || until.saturating_sub(later.from) > timeout {
        findings.add(Code::ZombieOverlap, witness);
    }
}

fn unowned_reads(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut owned: BTreeMap<(u32, u32), Vec<&Interval>> = BTreeMap::new();
    let mut members: Vec<bool> = vec![false; history.processes.len()];
    for interval in &facts.intervals {
        members[interval.process as usize] = true;
        owned.entry((interval.process, interval.partition)).or_default().push(interval);
    }
    for chunk in history.chunks.iter().filter(|chunk| chunk.count > 0) {
        let poll = facts.poll_of(chunk);
        if !members[poll.process as usize] {
            continue;
        }
        // One process's intervals follow each other: the last one that began before the poll's end is the one.
        let intervals = owned.get(&(poll.process, chunk.partition)).map_or(&[][..], Vec::as_slice);
        let begun = intervals.partition_point(|interval| interval.from <= poll.completed);
        let owner = begun.checked_sub(1).is_some_and(|last| intervals[last].is_open(poll.invoked, poll.event));
        if !owner {
            findings.add(Code::UnownedRead, || {
                let (process, partition) =
                    (history.process_name(poll.process), history.partition_name(chunk.partition));
                let mut anomaly = Anomaly::of(format!("{process}:{partition}"));
                if let Some(last) = begun.checked_sub(1) {
                    anomaly = anomaly.at(intervals[last].event, format!("{process} owned {partition} from here"));
                }
                anomaly.at(poll.event, format!("{process} was given records of {partition}, which it did not own"))
            });
        }
    }
}

fn holes(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let timeout = u64::try_from(history.setup.session_timeout().as_nanos()).unwrap_or(u64::MAX);
    let mut states: BTreeMap<&str, Vec<(u32, &crate::check::event::GroupState)>> = BTreeMap::new();
    for (event, line) in &history.others {
        if let Event::GroupState(line) = line {
            states.entry(&line.group).or_default().push((*event, line));
        }
    }
    for (name, states) in states {
        let group = history.groups.find(name);
        for (place, (event, state)) in states.iter().enumerate() {
            let until = states.get(place + 1).map_or(history.end_t, |(_, next)| nanos(next.t));
            if state.state != GroupStatus::Stable || until.saturating_sub(nanos(state.t)) <= timeout {
                continue;
            }
            for partition in &state.subscribed {
                let number = history.partitions.find(partition);
                let mut intervals = facts.intervals.iter().filter(|interval| {
                    interval.group == group && group.is_some() && Some(interval.partition) == number
                });
                // While something is broken a member may not be able to take what it is given. What nobody ever gets
                // is no matter of that.
                let is_ever = intervals.clone().next().is_some();
                let since = nanos(state.t).max(facts.healed.filter(|_| is_ever).unwrap_or(0));
                let owned = intervals.any(|interval| interval.generation == Some(state.generation));
                if !owned && until.saturating_sub(since) > timeout {
                    findings.add(Code::HoleOwn, || {
                        let generation = state.generation;
                        Anomaly::of(format!("{name}:{partition}"))
                            .at(*event, format!("group {name} became stable in generation {generation}"))
                            .so(format!("nobody was given {partition} in it"))
                    });
                }
            }
        }
    }
}
