//! `TORN`, `COMMIT-LIE`, `CROSS-TXN`, `HANG-TXN`: a transaction takes effect as a whole, as its client was told, by the
//! end that was meant for it, and in time.

use crate::check::code::Code;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::Outcome;
use crate::check::event::TxnStatus;
use crate::check::facts::ClientOutcome;
use crate::check::facts::Facts;
use crate::check::facts::State;
use crate::check::facts::flag;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use crate::check::names::Id;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What became of the parts of a transaction: the first that took effect and the first that did not, each with the event
/// that shows it.
#[derive(Clone, Default)]
struct Parts<'a> {
    effective: Option<(u32, Part<'a>)>,
    ineffective: Option<(u32, Part<'a>)>,
    /// How many records are in a log.
    logged: u32,
    logged_effective: u32,
}

/// What became of a part.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// A record in a log: its partition, and what it is.
    Logged(Id, u32, &'static str),
    Missing(Id),
    /// An offset of a group: partition, what it is, group.
    Offset(&'a str, &'static str, &'a str),
}

impl Part<'_> {
    fn in_words(&self, facts: &Facts<'_>) -> String {
        match self {
            Self::Logged(id, partition, is) => {
                format!("{} in {} is {is}", facts.name(*id), facts.history.partition_name(*partition))
            }
            Self::Missing(id) => format!("{} was acknowledged and is not there", facts.name(*id)),
            Self::Offset(partition, is, group) => format!("its offset of {partition} {is} in {group}"),
        }
    }
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.txns.len() > 0 {
        let parts = parts(facts);
        for (txn, parts) in (0..).zip(&parts) {
            whole(facts, findings, txn, parts);
            told(facts, findings, txn, parts);
        }
    }
    for (event, line) in &history.others {
        let Event::Append(line) = line else { continue };
        if let (Some(txn), Some(cause), Some(marker)) = (&line.txn, &line.cause, line.marker) {
            if txn != cause {
                findings.add(Code::CrossTxn, || {
                    let end = history.txns.find(cause).and_then(|txn| facts.txns[txn as usize].ends.first());
                    let anomaly = Anomaly::of(format!("{txn}<{cause}"));
                    let anomaly = match end {
                        Some(end) => anomaly.at(end.event, format!("the end of {cause} was asked for")),
                        None => anomaly,
                    };
                    let what = if marker == Outcome::Commit { "committed" } else { "aborted" };
                    let anomaly = anomaly.at(*event, format!("it {what} {txn} in {}", line.partition));
                    if history.setup.transaction_version < 2 { anomaly.needs("transaction.version=2") } else { anomaly }
                });
            }
        }
    }
    hanging(facts, findings);
    let ended = |commit| {
        let ends = facts.txns.iter().flat_map(|txn| &txn.ends);
        ends.filter(|end| end.commit == commit && end.answer == Some(Answer::Ok)).count()
    };
    findings.count("transactions committed", ended(true));
    findings.count("transactions aborted", ended(false));
}

fn parts<'a>(facts: &'a Facts<'_>) -> Vec<Parts<'a>> {
    let history = facts.history;
    let mut parts = vec![Parts::default(); history.txns.len()];
    for (partition, order) in (0..).zip(&facts.orders) {
        let Some(log) = order.log else { continue };
        for (place, entry) in order.entries.iter().enumerate() {
            let Some(txn) = history.find_send(entry.id).and_then(|send| history.send_txn(send)) else { continue };
            let parts = &mut parts[txn as usize];
            parts.logged += 1;
            let (first, is) = match order.state(place) {
                State::Visible => {
                    parts.logged_effective += 1;
                    (&mut parts.effective, "committed")
                }
                State::Aborted => (&mut parts.ineffective, "aborted"),
                _ => (&mut parts.ineffective, "still open"),
            };
            first.get_or_insert_with(|| {
                let event = log.batch_at(place).map_or(log.event, |batch| batch.event);
                (event, Part::Logged(entry.id, partition, is))
            });
        }
    }
    for (txn, facts_of) in facts.txns.iter().enumerate() {
        for send in &facts_of.sends {
            let row = &history.sends[*send as usize];
            let order = facts.order(row.partition);
            let may_be_gone = order.log.is_none()
                || order.compacted
                || facts.deleted[row.partition as usize]
                || row.offset < order.log_start && (row.offset >= 0 || order.log_start > 0);
            if facts.status(*send) == Status::Ok && !may_be_gone && !facts.has(*send, flag::IN_LOG) {
                parts[txn].ineffective.get_or_insert((row.event, Part::Missing(row.id)));
            }
        }
    }
    offsets(facts, &mut parts);
    parts
}

/// The offsets that transactions were to settle.
fn offsets<'a>(facts: &'a Facts<'_>, parts: &mut [Parts<'a>]) {
    let history = facts.history;
    let mut settled: BTreeSet<(u32, &str, &str)> = BTreeSet::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (event, line) in &history.others {
        let Event::Settled(line) = line else { continue };
        let Some(txn) = history.txns.find(&line.txn) else { continue };
        settled.insert((txn, &line.group, &line.partition));
        seen.insert(&line.group);
        let (group, partition) = (&line.group, &line.partition);
        match line.outcome {
            Outcome::Commit => {
                let part = Part::Offset(partition, "is committed", group);
                parts[txn as usize].effective.get_or_insert((*event, part));
            }
            Outcome::Abort => {
                let part = Part::Offset(partition, "is dropped", group);
                parts[txn as usize].ineffective.get_or_insert((*event, part));
            }
        }
    }
    for ((group, partition), commits) in &facts.commits {
        let (group, partition) = (history.group_name(*group), history.partition_name(*partition));
        for commit in commits.iter().filter(|commit| commit.accepted == Some(Answer::Ok)) {
            let Some(txn) = commit.txn else { continue };
            if seen.contains(group) && !settled.contains(&(txn, group, partition)) {
                let part = Part::Offset(partition, "was never settled", group);
                parts[txn as usize].ineffective.get_or_insert((commit.event, part));
            }
        }
    }
}

fn whole(facts: &Facts<'_>, findings: &mut Findings, txn: u32, parts: &Parts<'_>) {
    let (Some((good, effective)), Some((bad, ineffective))) = (parts.effective, parts.ineffective) else { return };
    findings.add(Code::Torn, || {
        let name = facts.history.txn_name(txn);
        let mut anomaly = Anomaly::of(name);
        if let Some(end) = facts.txns[txn as usize].ends.first() {
            anomaly = anomaly.at(end.event, format!("{name} was ended"));
        }
        anomaly.at(good, effective.in_words(facts)).at(bad, ineffective.in_words(facts))
    });
}

fn told(facts: &Facts<'_>, findings: &mut Findings, txn: u32, parts: &Parts<'_>) {
    let client = facts.txns[txn as usize].client_outcome();
    let (told, is) = match client {
        ClientOutcome::Committed if parts.logged > 0 && parts.logged_effective == 0 => {
            ("committed", "nothing of it is")
        }
        ClientOutcome::Aborted if parts.logged_effective > 0 => ("aborted", "it is committed"),
        _ => return,
    };
    findings.add(Code::CommitLie, || {
        let name = facts.history.txn_name(txn);
        let mut anomaly = Anomaly::of(name);
        if let Some(end) = facts.txns[txn as usize].ends.last() {
            anomaly = anomaly.at(end.event, format!("the client was told that {name} was {told}"));
        }
        let anomaly = match parts.effective.or(parts.ineffective) {
            Some((event, part)) => anomaly.at(event, part.in_words(facts)),
            None => anomaly,
        };
        anomaly.so(format!("in the log {is}"))
    });
}

fn hanging(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut coordinator: BTreeMap<i64, (u64, u32, TxnStatus)> = BTreeMap::new();
    for (event, line) in &history.others {
        if let Event::TxnState(line) = line {
            coordinator.insert(line.pid, (nanos(line.t), *event, line.state));
        }
    }
    let bound = history.setup.transaction_max_timeout_ms.saturating_mul(1_000_000);
    for (partition, order) in (0..).zip(&facts.orders) {
        let Some(log) = order.log else { continue };
        let mut open: BTreeMap<i64, (usize, u32)> = BTreeMap::new();
        for (batch, places) in log.batches() {
            if batch.marker.is_some() {
                open.remove(&batch.pid);
            } else if batch.transactional {
                open.entry(batch.pid).or_insert((places.start, batch.event));
            }
        }
        for (pid, (place, event)) in open {
            let Some((since, state_event, state)) = coordinator.get(&pid) else { continue };
            let sent = history.find_send(log.entries[place].id).map_or(0, |send| history.sends[send as usize].invoked);
            if !state.is_open() && history.end_t.saturating_sub(sent.max(*since)) > bound {
                findings.add(Code::HangTxn, || {
                    let name = history.partition_name(partition);
                    let anomaly = Anomaly::of(format!("{name}:{pid}"))
                        .at(*state_event, format!("the coordinator has nothing open for producer {pid}"))
                        .at(event, format!("{name} has, from offset {} on", log.entries[place].offset));
                    if history.setup.transaction_version < 2 { anomaly.needs("transaction.version=2") } else { anomaly }
                });
            }
        }
    }
}
