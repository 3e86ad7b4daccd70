//! `G1A`, `PRECOMMIT`: nobody is given what was aborted, and nobody before it was committed.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::event::Outcome;
use crate::check::facts::ClientOutcome;
use crate::check::facts::Facts;
use crate::check::facts::State;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Entry;
use crate::check::history::known;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.send_txns.is_empty() {
        return;
    }
    let mut markers: BTreeMap<(u32, u32), (u64, u32)> = BTreeMap::new();
    for (event, line) in &history.others {
        let Event::Append(line) = line else { continue };
        let txn = line.txn.as_deref().and_then(|txn| history.txns.find(txn));
        let place = txn.zip(history.partitions.find(&line.partition));
        if let (Some(place), Some(Outcome::Commit)) = (place, line.marker) {
            markers.entry(place).or_insert_with(|| (nanos(line.t), *event));
        }
    }
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        let isolation = facts.isolation(poll);
        for entry in facts.delivered(chunk) {
            let Some(send) = history.find_send(entry.id) else { continue };
            let Some(txn) = history.send_txn(send) else { continue };
            let client = facts.txns[txn as usize].client_outcome();
            let logged = logged(facts, chunk.partition, *entry);
            let witness = || {
                let (id, name) = (facts.name(entry.id), history.txn_name(txn));
                Anomaly::of(id.clone())
                    .at(history.sends[send as usize].event, format!("{id} was sent in {name}"))
                    .at(poll.event, format!("{id} was delivered from {}", history.partition_name(chunk.partition)))
                    .read_with(isolation)
            };
            if logged == Some(State::Aborted) || client == ClientOutcome::Aborted {
                findings.add(Code::G1a, || {
                    let name = history.txn_name(txn);
                    match facts.txns[txn as usize].ends.last() {
                        Some(end) => witness().at(end.event, format!("{name} was aborted")),
                        None => witness().so(format!("{name} was aborted")),
                    }
                });
            } else if facts.reads_committed(poll) {
                let asked = facts.txns[txn as usize].commit_invoked();
                let marker = markers.get(&(txn, chunk.partition));
                let early = match marker {
                    Some((appended, _)) => poll.completed < *appended,
                    // Committed, as the log says, by somebody whose operations are not recorded.
                    None if asked.is_none() && logged == Some(State::Visible) => false,
                    None => known(poll.txn) == Some(txn) || asked.is_none_or(|asked| poll.completed < asked),
                };
                if early {
                    findings.add(Code::Precommit, || {
                        let name = history.txn_name(txn);
                        match (marker, facts.txns[txn as usize].ends.first()) {
                            (Some((_, event)), _) => {
                                witness().at(*event, format!("{name} was committed there after that"))
                            }
                            (None, Some(end)) => witness().at(end.event, format!("{name} was not committed by then")),
                            (None, None) => witness().so(format!("{name} was never committed")),
                        }
                    });
                }
            }
        }
    }
}

/// What the log says of an entry, if it is there.
fn logged(facts: &Facts<'_>, partition: u32, entry: Entry) -> Option<State> {
    let order = facts.order(partition);
    order.log?;
    let place = order.place(entry.offset);
    let found = order.entries.get(place).filter(|known| **known == entry);
    found.map(|_| order.state(place))
}
