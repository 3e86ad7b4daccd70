//! `DUP`: one send is in the log once. `DUP-X` when its places are in different partitions.
//!
//! Where committed data are read, what was aborted by the log does not count.

use crate::check::code::Code;
use crate::check::event::Isolation;
use crate::check::facts::Facts;
use crate::check::facts::Order;
use crate::check::facts::State;
use crate::check::facts::flag;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Batch;
use crate::check::history::Entry;
use crate::check::names::Id;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    // With logs everywhere the flags know who is there twice; only those are looked for.
    let all_logged = facts.orders.iter().all(|order| order.log.is_some() || order.entries.is_empty());
    let committed_only = history.setup.isolation == Isolation::ReadCommitted;
    let mut suspects: BTreeMap<Id, BTreeSet<(u32, i64)>> = BTreeMap::new();
    if all_logged && !facts.flags.iter().any(|flags| flags & flag::TWICE != 0) {
        return;
    }
    for (partition, order) in (0..).zip(&facts.orders) {
        let entries = order.all();
        for entry in entries.iter().filter(|entry| entry.id != Id::FOREIGN) {
            let Some(send) = history.find_send(entry.id) else { continue };
            let suspect = !all_logged || facts.has(send, flag::TWICE);
            if suspect && !(committed_only && is_aborted(order, *entry)) {
                suspects.entry(entry.id).or_default().insert((partition, entry.offset));
            }
        }
    }
    // The same offset twice is another rule's matter, unless the log itself has the record twice.
    for (id, places) in suspects.into_iter().filter(|(_, places)| places.len() > 1) {
        findings.add(Code::Dup, || {
            let send = history.find_send(id).map_or(0, |send| history.sends[send as usize].event);
            let mut anomaly = Anomaly::of(facts.name(id)).at(send, format!("{} was sent once", facts.name(id)));
            // A producer knows its own batches again, and nobody else's.
            let producers: BTreeSet<i64> =
                places.iter().filter_map(|(partition, offset)| Some(batch(facts, *partition, *offset)?.pid)).collect();
            if producers.len() > 1 && !(history.setup.transactional && committed_only) {
                anomaly = anomaly.needs("one producer for all attempts, or a transactional.id and read_committed");
            }
            for (partition, offset) in places.iter().take(4) {
                let event = batch(facts, *partition, *offset).map(|batch| batch.event);
                let name = history.partition_name(*partition);
                anomaly.steps.push((event, format!("it is at offset {offset} of {name}")));
            }
            let elsewhere =
                places.iter().any(|(partition, _)| Some(partition) != places.first().map(|(first, _)| first));
            if elsewhere { anomaly.variant("DUP-X") } else { anomaly }
        });
    }
}

fn is_aborted(order: &Order<'_>, entry: Entry) -> bool {
    let place = order.place(entry.offset);
    order.log.is_some() && order.entries.get(place) == Some(&entry) && order.state(place) == State::Aborted
}

fn batch<'a>(facts: &Facts<'a>, partition: u32, offset: i64) -> Option<&'a Batch> {
    let log = facts.order(partition).log?;
    let place = log.entries.iter().position(|entry| entry.offset == offset)?;
    log.batch_at(place)
}
