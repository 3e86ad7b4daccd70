//! `LSO-LEAK`, `LSO-REGRESS`, `FOLLOWER-READ`: what a fetch may be answered with.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut stable: BTreeMap<(&str, i32), (i64, u32)> = BTreeMap::new();
    let mut blocked = 0;
    for (event, line) in &facts.history.others {
        match line {
            Event::Lso(line) => {
                let before = stable.insert((&line.partition, line.epoch), (line.offset, *event));
                if let Some((before, earlier)) = before.filter(|(before, _)| *before > line.offset) {
                    findings.add(Code::LsoRegress, || {
                        Anomaly::of(format!("{}@{}", line.partition, line.offset))
                            .at(earlier, format!("the last stable offset of {} was {before}", line.partition))
                            .at(*event, format!("in the same leader epoch it became {}", line.offset))
                    });
                }
            }
            Event::Served(line) => {
                if line.read_committed && line.lso < line.hw {
                    blocked += 1;
                }
                let subject = || format!("{}@{}", line.partition, line.last);
                let text = || {
                    format!("broker {} answered a fetch of {} up to offset {}", line.broker, line.partition, line.last)
                };
                if line.read_committed && line.last >= line.lso {
                    findings.add(Code::LsoLeak, || {
                        Anomaly::of(subject()).at(*event, text()).so(format!("the last stable offset was {}", line.lso))
                    });
                }
                let fenced = line.epoch.zip(line.request_epoch).is_some_and(|(epoch, request)| epoch != request);
                if line.follower && (line.last >= line.hw || fenced) {
                    findings.add(Code::FollowerRead, || {
                        let why = if fenced {
                            "the leader epoch in the request was another one".to_owned()
                        } else {
                            format!("this follower's high watermark was {}", line.hw)
                        };
                        Anomaly::of(subject()).at(*event, text()).so(why)
                    });
                }
            }
            _ => {}
        }
    }
    findings.count("fetches held back by the last stable offset", blocked);
}
