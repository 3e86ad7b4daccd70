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
        let chunk = &history.chunks[*chunk as usize];
        let poll = facts.poll_of(chunk);
        let Some((starts, by)) = starts(facts, session, poll.completed, &removed) else { continue };
        let Some(first) = facts.delivered(chunk).first() else { continue };
        let order = facts.order(session.partition);
        let skipped = |start| order.first_owed(start, first.offset, facts.reads_committed(poll));
        if starts.iter().any(|start| *start <= first.offset && skipped(*start).is_none()) {
            continue;
        }
        let Some(&start) = starts.first() else { continue };
        let code = if first.offset < start { Code::StartRewind } else { Code::StartSkip };
        let skipped = skipped(start);
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

/// Where a session whose first records came at `read` may have begun, and the commit that says so: first the offset that
/// its group certainly had when it began, then those that others may have committed until it had asked.
fn starts(
    facts: &Facts<'_>,
    session: &Session,
    read: u64,
    removed: &BTreeSet<(&str, &str)>,
) -> Option<(Vec<i64>, Option<u32>)> {
    let history = facts.history;
    let group = match session.opened {
        Opened::Moved(to) => return to.map(|to| (vec![to], None)),
        Opened::Assigned(Some(from), _) => return Some((vec![from], None)),
        Opened::Assigned(None, group) => group?,
        // A topic created anew has its name, and nothing of its predecessor.
        Opened::Unknown => return begun_anew(history, session.partition).then_some((vec![0], None)),
    };
    if removed.contains(&(history.group_name(group), history.partition_name(session.partition))) {
        return None;
    }
    let Some(commits) = facts.commits.get(&(group, session.partition)) else {
        return begun_anew(history, session.partition).then_some((vec![0], None));
    };
    let settled = commits.iter().filter(|commit| commit.answer == Some(Answer::Ok) && commit.completed < session.from);
    let last = settled.max_by_key(|commit| (commit.invoked, commit.event))?;
    if last.txn.is_some() && !history.setup.require_stable {
        // Who does not wait for the markers may be told of the commit before.
        return None;
    }
    // The owner before may have a transaction to end, and who was removed without knowing it has owners after it.
    let others = commits.iter().filter(|commit| {
        commit.answer != Some(Answer::Fail) && commit.invoked <= read && commit.completed >= last.invoked
    });
    let starts = std::iter::once(last.offset).chain(others.map(|commit| commit.offset));
    Some((starts.collect(), Some(last.event)))
}

/// Whether a partition is of a topic that was created anew, and is read from its beginning.
fn begun_anew(history: &History, partition: u32) -> bool {
    let topic = topic_of(history.partition_name(partition));
    name_of(topic) != topic && history.setup.auto_offset_reset == OffsetReset::Earliest
}
