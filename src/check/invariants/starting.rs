//! `START-SKIP`, `START-REWIND`: a session begins with the first visible record at or after where it was to begin.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::facts::Opened;
use crate::check::facts::Session;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::History;
use crate::check::setup::OffsetReset;
use crate::check::setup::name_of;
use crate::check::setup::topic_of;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut removed: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (_, event) in &history.others {
        if let Event::CommitRemoved(line) = event {
            removed.insert((&line.group, &line.partition));
        }
    }
    for session in &facts.sessions {
        let Some(chunk) = session.chunks.first() else { continue };
        let Some((start, by)) = start(facts, session, &removed) else { continue };
        let chunk = &history.chunks[*chunk as usize];
        let poll = facts.poll_of(chunk);
        let Some(first) = facts.delivered(chunk).first() else { continue };
        let skipped = facts.order(session.partition).first_owed(start, first.offset, facts.reads_committed(poll));
        let code = match skipped {
            _ if first.offset < start => Code::StartRewind,
            Some(_) => Code::StartSkip,
            None => continue,
        };
        findings.add(code, || {
            let (process, partition) =
                (history.process_name(session.process), history.partition_name(session.partition));
            let mut anomaly = Anomaly::of(format!("{process}:{partition}@{}", first.offset));
            if let Some(event) = by.or(session.event) {
                anomaly = anomaly.at(event, format!("{process} was to begin {partition} at offset {start}"));
            }
            anomaly = anomaly.at(poll.event, format!("the first offset it was given is {}", first.offset));
            if let Some(skipped) = skipped {
                anomaly = anomaly.so(format!("{} at offset {} comes before", facts.name(skipped.id), skipped.offset));
            }
            if history.setup.unclean_leader_election || facts.over_budget.is_some() {
                anomaly = anomaly.needs("unclean.leader.election.enable=false");
            }
            anomaly
        });
    }
}

/// Where a session was to begin, and the commit that says so.
fn start(facts: &Facts<'_>, session: &Session, removed: &BTreeSet<(&str, &str)>) -> Option<(i64, Option<u32>)> {
    let history = facts.history;
    let group = match session.opened {
        Opened::Moved(to) => return to.map(|to| (to, None)),
        Opened::Assigned(Some(from), _) => return Some((from, None)),
        Opened::Assigned(None, group) => group?,
        // A topic created anew has its name, and nothing of its predecessor.
        Opened::Unknown => return begun_anew(history, session.partition).then_some((0, None)),
    };
    if removed.contains(&(history.group_name(group), history.partition_name(session.partition))) {
        return None;
    }
    // The last commit, if it is certain which one that is; at one instant the order of events decides.
    let Some(commits) = facts.commits.get(&(group, session.partition)) else {
        return begun_anew(history, session.partition).then_some((0, None));
    };
    let settled = commits.iter().filter(|commit| commit.answer == Some(Answer::Ok) && commit.completed < session.from);
    let last = settled.max_by_key(|commit| (commit.invoked, commit.event))?;
    if last.txn.is_some() && !history.setup.require_stable {
        // Who does not wait for the markers may be told of the commit before.
        return None;
    }
    let certain = commits.iter().all(|commit| {
        // Whoever begins waits for a transaction that holds offsets already.
        let waited_for = commit.txn.is_some() && commit.asked <= session.from;
        commit.event == last.event
            || commit.answer == Some(Answer::Fail)
            || !waited_for && (commit.invoked, commit.begun_by) > (session.from, session.event.unwrap_or(u32::MAX))
            || commit.completed < last.invoked
    });
    certain.then_some((last.offset, Some(last.event)))
}

/// Whether a partition is of a topic that was created anew, and is read from its beginning.
fn begun_anew(history: &History, partition: u32) -> bool {
    let topic = topic_of(history.partition_name(partition));
    name_of(topic) != topic && history.setup.auto_offset_reset == OffsetReset::Earliest
}
