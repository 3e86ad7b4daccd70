//! `EARLY-DELETE`, `LOGSTART-REGRESS`, `SPURIOUS-RESET`: the start of a log moves forward, when it is time, and a
//! position within the log is not reset.

use crate::base::Instant;
use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::event::LogStart;
use crate::check::event::Removal;
use crate::check::facts::Facts;
use crate::check::facts::nanos;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    let mut starts: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
    let mut resets = 0;
    // What retention has just taken for its age.
    let mut expired: Option<(String, Instant)> = None;
    for (event, line) in &history.others {
        match line {
            Event::LogStart(line) => {
                let from = starts.get(line.partition.as_str()).map_or(0, |(start, _)| *start);
                if expired.take().is_some_and(|(partition, t)| partition == line.partition && t == line.t) {
                    by_wrong_clocks(facts, findings, *event, line, from);
                }
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
                let due = !young && topic.retention_bytes < 0 && line.by == Removal::Expiry;
                expired = due.then(|| (line.partition.clone(), line.t));
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

/// Records that were old by their timestamps and young by the time at which they were sent.
fn by_wrong_clocks(facts: &Facts<'_>, findings: &mut Findings, event: u32, line: &LogStart, from: i64) {
    let history = facts.history;
    let retention = history.setup.topic(&line.partition).retention_ms;
    let Ok(retention) = u64::try_from(retention) else { return };
    let Some(partition) = history.partitions.find(&line.partition) else { return };
    let taken = |send: u32| {
        let row = &history.sends[send as usize];
        let young = nanos(line.t).saturating_sub(row.invoked) < retention.saturating_mul(1_000_000);
        let there = row.partition == partition && (from..line.offset).contains(&row.offset);
        there && young && facts.status(send) == Status::Ok
    };
    let sends = u32::try_from(history.sends.len()).unwrap_or(u32::MAX);
    let Some(send) = (0..sends).find(|send| taken(*send)) else { return };
    findings.add(Code::EarlyDelete, || {
        let row = &history.sends[send as usize];
        let age = nanos(line.t).saturating_sub(row.invoked) / 1_000_000;
        Anomaly::of(line.partition.clone())
            .at(row.event, format!("{} was sent to {}", facts.name(row.id), line.partition))
            .at(event, format!("{age} ms later it was deleted for its age"))
            .so(format!("retention.ms is {retention}, and timestamps are the producers'"))
            .allowed_without("message.timestamp.type=LogAppendTime")
    });
}
