//! `NONMONO-LOG`, `SEQ-HOLE`: the offsets of a log and the sequence numbers of its producers follow each other.
//!
//! Compacted logs have holes by right, and a log whose start has moved may begin anywhere.

use crate::check::code::Code;
use crate::check::contract::Contract;
use crate::check::event::Event;
use crate::check::event::FaultKind;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::setup::name_of;
use crate::check::setup::topic_of;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut forgotten: BTreeSet<(&str, i64)> = BTreeSet::new();
    let mut unclean: BTreeSet<&str> = BTreeSet::new();
    let mut power_lost = false;
    for (_, event) in &history.others {
        match event {
            Event::ProducerExpired(line) => {
                forgotten.insert((&line.partition, line.pid));
            }
            Event::Fault(line) if line.kind == FaultKind::PowerLoss => power_lost = true,
            Event::Leader(line) if line.unclean => {
                unclean.insert(&line.partition);
            }
            _ => {}
        }
    }
    for (partition, order) in (0..).zip(&facts.orders) {
        let Some(log) = order.log else { continue };
        let name = history.partition_name(partition);
        for (place, pair) in log.entries.windows(2).enumerate() {
            let (last, next) = (pair[0].offset, pair[1].offset);
            if next <= last || !order.compacted && next != last + 1 {
                findings.add(Code::NonmonoLog, || {
                    let event = |place| log.batch_at(place).map_or(log.event, |batch| batch.event);
                    Anomaly::of(format!("{name}@{next}"))
                        .at(event(place), format!("{name} has an entry at offset {last}"))
                        .at(event(place + 1), format!("the next one is at offset {next}"))
                });
            }
        }
        if order.compacted {
            continue;
        }
        let mut next_seq: BTreeMap<(i64, i16), (i32, u32)> = BTreeMap::new();
        for (batch, places) in log.batches() {
            if batch.pid < 0 || batch.seq < 0 || batch.marker.is_some() {
                continue;
            }
            let key = (batch.pid, batch.pepoch);
            let expected = match next_seq.get(&key) {
                Some((next, _)) => Some(*next),
                None if order.log_start > 0 => None,
                // A producer goes on in a topic that was created anew, whose brokers have not heard of it.
                None if name_of(topic_of(name)) != topic_of(name) => None,
                None => Some(0),
            };
            let fresh = batch.seq == 0 && forgotten.contains(&(name, batch.pid));
            if expected.is_some_and(|expected| expected != batch.seq) && !fresh {
                findings.add(Code::SeqHole, || {
                    let offset = log.entries[places.start].offset;
                    let anomaly = Anomaly::of(format!("{name}@{offset}"));
                    let anomaly = match next_seq.get(&key) {
                        Some((_, event)) => anomaly.at(*event, format!("producer {} wrote to {name}", batch.pid)),
                        // With the log a broker has lost what it knew of the producer, and takes any batch as its first.
                        None if unclean.contains(name) => {
                            anomaly.over_budget(facts.over_budget).needs("unclean.leader.election.enable=false")
                        }
                        None if power_lost && Contract::Dur.promised(&history.setup).is_err() => anomaly
                            .over_budget(facts.over_budget)
                            .needs("eligible leader replicas, or flush.messages=1"),
                        None => anomaly.over_budget(facts.over_budget),
                    };
                    let expected = expected.unwrap_or_default();
                    anomaly.at(batch.event, format!("its next batch has sequence {} instead of {expected}", batch.seq))
                });
            }
            let count = i32::try_from(places.len()).unwrap_or(i32::MAX);
            let next = batch.seq.checked_add(count).unwrap_or_else(|| (batch.seq - i32::MAX) + (count - 1));
            next_seq.insert(key, (next, batch.event));
        }
    }
}
