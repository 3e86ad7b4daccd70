//! `ZOMBIE-EFFECT`, `FENCE`: whose time is over changes nothing any more.

use crate::check::code::Code;
use crate::check::event::Effect;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut current: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
    let mut accepted: BTreeMap<(&str, Option<&str>), (i64, u32)> = BTreeMap::new();
    for (event, line) in &facts.history.others {
        match line {
            Event::Epoch(line) => {
                let known = current.entry(&line.scope).or_insert((line.value, *event));
                if line.value > known.0 {
                    *known = (line.value, *event);
                }
            }
            Event::Accepted(line) => {
                if let Some((value, raised)) = current.get(line.scope.as_str()).filter(|(value, _)| *value > line.value)
                {
                    findings.add(Code::ZombieEffect, || {
                        Anomaly::of(format!("{}@{}", line.scope, line.value))
                            .at(*raised, format!("the current epoch of {} is {value}", line.scope))
                            .at(*event, format!("{:?} was accepted from epoch {}", line.what, line.value))
                    });
                }
                if !matches!(line.what, Effect::Produce | Effect::EndTxn) {
                    continue;
                }
                let highest = accepted.entry((&line.scope, line.place.as_deref())).or_insert((line.value, *event));
                if highest.0 > line.value {
                    let (value, earlier) = *highest;
                    findings.add(Code::Fence, || {
                        Anomaly::of(format!("{}@{}", line.scope, line.value))
                            .at(earlier, format!("{:?} was accepted from epoch {value} of {}", line.what, line.scope))
                            .at(*event, format!("after that it was accepted from epoch {}", line.value))
                    });
                } else {
                    *highest = (line.value, *event);
                }
            }
            _ => {}
        }
    }
    for (partition, order) in (0..).zip(&facts.orders) {
        let Some(log) = order.log else { continue };
        let mut highest: BTreeMap<i64, (i16, u32)> = BTreeMap::new();
        for (batch, places) in log.batches().filter(|(batch, _)| batch.pid >= 0) {
            let known = highest.entry(batch.pid).or_insert((batch.pepoch, batch.event));
            if known.0 > batch.pepoch {
                let (epoch, earlier) = *known;
                findings.add(Code::Fence, || {
                    let name = facts.history.partition_name(partition);
                    Anomaly::of(format!("{name}@{}", log.entries[places.start].offset))
                        .at(earlier, format!("{name} has a batch of epoch {epoch} of producer {}", batch.pid))
                        .at(batch.event, format!("a batch of epoch {} stands behind it", batch.pepoch))
                });
            } else {
                *known = (batch.pepoch, batch.event);
            }
        }
    }
}
