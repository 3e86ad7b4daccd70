//! `EARLY-DELETE`, `LOGSTART-REGRESS`, `SPURIOUS-RESET`: the start of a log moves forward, when it is time, and a
//! position within the log is not reset.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::event::Removal;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut starts: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
    let mut resets = 0;
    for (event, line) in &history.others {
        match line {
            Event::LogStart(line) => {
                let known = starts.entry(&line.partition).or_insert((line.offset, *event));
                if known.0 > line.offset {
                    let (before, earlier) = *known;
                    findings.add(Code::LogstartRegress, || {
                        Anomaly::of(format!("{}@{}", line.partition, line.offset))
                            .at(earlier, format!("the log start offset of {} was {before}", line.partition))
                            .at(*event, format!("it became {}", line.offset))
                    });
                }
                *known = (line.offset, *event);
            }
            Event::SegmentDeleted(line) => {
                let topic = history.setup.topic(&line.partition);
                let young =
                    topic.retention_ms < 0 || line.now_ms.saturating_sub(line.max_timestamp_ms) < topic.retention_ms;
                let small = topic.retention_bytes < 0 || line.log_bytes <= topic.retention_bytes;
                if line.by != Removal::Request && young && small {
                    findings.add(Code::EarlyDelete, || {
                        let age = line.now_ms.saturating_sub(line.max_timestamp_ms);
                        Anomaly::of(line.partition.clone())
                            .at(*event, format!("a segment of {} was deleted at the age of {age} ms", line.partition))
                            .so(format!("retention.ms is {}", topic.retention_ms))
                    });
                }
            }
            Event::Reset(line) => {
                resets += 1;
                let (Some(position), Some(start), Some(end)) = (line.position, line.log_start, line.log_end) else {
                    continue;
                };
                if (start..=end).contains(&position) {
                    findings.add(Code::SpuriousReset, || {
                        let text =
                            format!("{} was at offset {position} of {} and was reset", line.process, line.partition);
                        Anomaly::of(format!("{}:{}@{position}", line.process, line.partition))
                            .at(*event, text)
                            .so(format!("the log was there from offset {start} to {end}"))
                    });
                }
            }
            _ => {}
        }
    }
    findings.count("resets", resets);
}
