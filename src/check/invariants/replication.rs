//! `HW-BOUND`, `ISR-ACK`, `LISTOFF-REGRESS`, `COMMITTED-TRUNC`: the high watermark is what the whole ISR has, what is
//! acknowledged is below it, and what is below it stays.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

#[derive(Default)]
struct Replicas<'a> {
    isr: Option<(&'a [i32], u32)>,
    leo: BTreeMap<i32, (i64, u32)>,
    leader: Option<i32>,
    /// By leader epoch.
    hw: BTreeMap<i32, (i64, u32)>,
    highest: Option<(i64, u32)>,
    listed: Option<(i64, u32)>,
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut partitions: BTreeMap<&str, Replicas<'_>> = BTreeMap::new();
    for (event, line) in &history.others {
        match line {
            Event::Isr(line) => partitions.entry(&line.partition).or_default().isr = Some((&line.brokers, *event)),
            Event::Leader(line) => partitions.entry(&line.partition).or_default().leader = line.broker,
            Event::Leo(line) => {
                partitions.entry(&line.partition).or_default().leo.insert(line.broker, (line.offset, *event));
            }
            Event::Hw(line) => {
                let state = partitions.entry(&line.partition).or_default();
                high_watermark(findings, state, line, *event);
            }
            Event::Acked(line) => {
                let state = partitions.entry(&line.partition).or_default();
                let Some((isr, isr_event)) = state.isr else { continue };
                let behind = state.leo.iter().find(|(broker, (leo, _))| isr.contains(broker) && *leo <= line.offset);
                let small = isr.len() < history.setup.min_insync_replicas;
                if behind.is_some() || small {
                    findings.add(Code::IsrAck, || {
                        let anomaly = Anomaly::of(format!("{}@{}", line.partition, line.offset))
                            .at(isr_event, format!("the ISR of {} is {isr:?}", line.partition));
                        let anomaly = match behind {
                            Some((broker, (leo, leo_event))) => {
                                anomaly.at(*leo_event, format!("broker {broker} has it up to offset {leo}"))
                            }
                            None => anomaly.so("min.insync.replicas is larger"),
                        };
                        anomaly.at(*event, format!("offset {} was acknowledged with acks=all", line.offset))
                    });
                }
            }
            Event::Listed(line) => {
                let state = partitions.entry(&line.partition).or_default();
                let highest = state.listed.get_or_insert((line.offset, *event));
                if highest.0 > line.offset {
                    let (offset, earlier) = *highest;
                    findings.add(Code::ListoffRegress, || {
                        Anomaly::of(format!("{}@{}", line.partition, line.offset))
                            .at(earlier, format!("ListOffsets said that {} ends at {offset}", line.partition))
                            .at(*event, format!("after that it said {}", line.offset))
                            .over_budget(facts.over_budget)
                    });
                } else {
                    *highest = (line.offset, *event);
                }
            }
            Event::Append(line) => {
                let state = partitions.entry(&line.partition).or_default();
                if let Some((hw, earlier)) = state.highest.filter(|(hw, _)| *hw > line.offset) {
                    findings.add(Code::CommittedTrunc, || {
                        Anomaly::of(format!("{}@{}", line.partition, line.offset))
                            .at(earlier, format!("the high watermark of {} was {hw}", line.partition))
                            .at(*event, format!("broker {} appended at offset {}", line.broker, line.offset))
                            .over_budget(facts.over_budget)
                    });
                }
            }
            _ => {}
        }
    }
    for (name, state) in &partitions {
        let Some((hw, event)) = state.highest else { continue };
        let Some(log) = history.partitions.find(name).and_then(|partition| facts.order(partition).log) else {
            continue;
        };
        let end = log.end();
        if end < hw {
            findings.add(Code::CommittedTrunc, || {
                Anomaly::of(format!("{name}@{end}"))
                    .at(event, format!("the high watermark of {name} was {hw}"))
                    .at(log.event, format!("at the end its log goes up to offset {end}"))
                    .over_budget(facts.over_budget)
            });
        }
    }
}

fn high_watermark(findings: &mut Findings, state: &mut Replicas<'_>, line: &crate::check::event::Hw, event: u32) {
    let name = &line.partition;
    let isr = state.isr.map_or(&[][..], |(isr, _)| isr);
    let bound = |broker: &i32| isr.contains(broker) || state.leader == Some(*broker);
    let beyond = state.leo.iter().find(|(broker, (leo, _))| bound(broker) && *leo < line.offset);
    let before = state.hw.get(&line.epoch).filter(|(hw, _)| *hw > line.offset);
    if beyond.is_some() || before.is_some() {
        findings.add(Code::HwBound, || {
            let anomaly = Anomaly::of(format!("{name}@{}", line.offset));
            match (beyond, before) {
                (Some((broker, (leo, leo_event))), _) => anomaly
                    .at(*leo_event, format!("broker {broker}, in the ISR of {name}, has its log up to offset {leo}"))
                    .at(event, format!("the high watermark became {}", line.offset)),
                (None, Some((hw, earlier))) => anomaly
                    .at(*earlier, format!("the high watermark of {name} was {hw}"))
                    .at(event, format!("in the same leader epoch it became {}", line.offset)),
                (None, None) => anomaly,
            }
        });
    }
    state.hw.insert(line.epoch, (line.offset, event));
    if state.highest.is_none_or(|(highest, _)| highest < line.offset) {
        state.highest = Some((line.offset, event));
    }
}
