//! `COMPACT-LOST`, `COMPACT-MOVE`, `COMPACT-EARLY`: a cleaner keeps the last value of each key, changes nothing that it
//! keeps, and removes nothing that is not due.

use crate::check::code::Code;
use crate::check::event::Compacted;
use crate::check::event::Event;
use crate::check::event::Keyed;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for (event, line) in &facts.history.others {
        if let Event::Compacted(line) = line {
            one_pass(facts, findings, *event, line);
        }
    }
}

fn one_pass(facts: &Facts<'_>, findings: &mut Findings, event: u32, line: &Compacted) {
    let topic = facts.history.setup.topic(&line.partition);
    let name = &line.partition;
    let before: BTreeMap<i64, &Keyed> = line.before.iter().map(|entry| (entry.offset, entry)).collect();
    let mut last = -1;
    let mut kept: BTreeMap<i64, &Keyed> = BTreeMap::new();
    for entry in &line.after {
        let same = before.get(&entry.offset).is_some_and(|known| *known == entry);
        if !same || entry.offset <= last {
            findings.add(Code::CompactMove, || {
                let text = format!("key {} stands at offset {} of {name} after compaction", entry.key, entry.offset);
                Anomaly::of(format!("{name}@{}", entry.offset))
                    .at(event, text)
                    .so("before, it was not there, or not in this order")
            });
        }
        last = entry.offset;
        kept.insert(entry.offset, entry);
    }
    // What follows of the same key below the last stable offset is newer.
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in line.before.iter().filter(|entry| entry.offset < line.lso) {
        newest.insert(&entry.key, entry.offset);
    }
    for entry in line.before.iter().filter(|entry| !kept.contains_key(&entry.offset)) {
        let age = line.now_ms.saturating_sub(entry.timestamp_ms);
        let is_last = newest.get(entry.key.as_str()) == Some(&entry.offset);
        let may_go = entry.tombstone && age >= topic.delete_retention_ms;
        let text = || format!("compaction removed key {} at offset {} of {name}", entry.key, entry.offset);
        if is_last && !may_go {
            findings.add(Code::CompactLost, || {
                Anomaly::of(format!("{name}@{}", entry.offset)).at(event, text()).so("it was the last of its key")
            });
        }
        if entry.offset >= line.lso || age < topic.min_compaction_lag_ms {
            findings.add(Code::CompactEarly, || {
                let why = if entry.offset >= line.lso {
                    format!("the last stable offset was {}", line.lso)
                } else {
                    format!("it was {age} ms old; min.compaction.lag.ms is {}", topic.min_compaction_lag_ms)
                };
                Anomaly::of(format!("{name}@{}", entry.offset)).at(event, text()).so(why)
            });
        }
    }
}
