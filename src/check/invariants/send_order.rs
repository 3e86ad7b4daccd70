//! `REORDER`, `SEND-SKIP`: a producer's records stand in the log in the order of their sends.
//!
//! Inside of one transaction a reordering is called `INT-NONMONO-SEND`. That others write between the sends of a
//! transaction is legal in Kafka, and worth knowing.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::facts::State;
use crate::check::facts::flag;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::names::Id;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let has_txns = !facts.history.send_txns.is_empty();
    for (partition, order) in (0..).zip(&facts.orders) {
        reordered(facts, findings, partition);
        if has_txns {
            let data = order.entries.iter().enumerate().filter(|(place, _)| order.state(*place) != State::Marker);
            skipped(facts, findings, partition, data.map(|(_, entry)| entry.id));
        }
    }
}

fn reordered(facts: &Facts<'_>, findings: &mut Findings, partition: u32) {
    let history = facts.history;
    let order = facts.order(partition);
    let entries = order.all();
    // By producer: the latest send so far that stands at its first offset, and where.
    let mut latest: Vec<Option<(Id, i64)>> = vec![None; history.producers.len()];
    let mut seen: BTreeSet<Id> = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.id != Id::FOREIGN) {
        // A copy of something that already stood before is no new order.
        let send = history.find_send(entry.id);
        let may_repeat = order.log.is_none() || send.is_none_or(|send| facts.has(send, flag::TWICE));
        if may_repeat && !seen.insert(entry.id) {
            continue;
        }
        let Some(latest) = latest.get_mut(entry.id.producer()) else { continue };
        match *latest {
            Some((before, at)) if before.seq() > entry.id.seq() => {
                findings.add(Code::Reorder, || {
                    let (first, second) = (facts.name(entry.id), facts.name(before));
                    let event = |id| history.find_send(id).map_or(0, |send| history.sends[send as usize].event);
                    let txn = |id| history.find_send(id).and_then(|send| history.send_txn(send));
                    let name = history.partition_name(partition);
                    let anomaly = Anomaly::of(first.clone())
                        .at(event(entry.id), format!("{first} was sent before {second}"))
                        .at(event(before), format!("{second} stands at offset {at} of {name}"))
                        .so(format!("{first} stands behind it, at offset {}", entry.offset));
                    let together = txn(before).is_some() && txn(before) == txn(entry.id);
                    if together { anomaly.variant("INT-NONMONO-SEND") } else { anomaly }
                });
            }
            _ => *latest = Some((entry.id, entry.offset)),
        }
    }
}

fn skipped(facts: &Facts<'_>, findings: &mut Findings, partition: u32, ids: impl Iterator<Item = Id>) {
    let history = facts.history;
    let mut last: BTreeMap<u32, (usize, u32)> = BTreeMap::new();
    for (place, id) in ids.enumerate() {
        let Some(send) = history.find_send(id) else { continue };
        let Some(txn) = history.send_txn(send) else { continue };
        if let Some((before, earlier)) = last.insert(txn, (place, send)) {
            if before + 1 < place {
                findings.add(Code::SendSkip, || {
                    let name = history.partition_name(partition);
                    Anomaly::of(facts.name(id))
                        .at(history.sends[earlier as usize].event, format!("{} sent", history.txn_name(txn)))
                        .at(history.sends[send as usize].event, format!("and sent again to {name}"))
                        .so("others wrote in between")
                });
            }
        }
    }
}
