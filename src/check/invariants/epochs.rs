//! `TWO-LEADERS`, `EPOCH-ORDER`, `LOG-MATCH`: a leader epoch has one leader, epochs grow along a log, and where two
//! replicas have the same offset and epoch they have the same log up to there.

use crate::check::code::Code;
use crate::check::event::Event;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Batch;
use crate::check::history::Entry;
use crate::check::history::FinalLogRow;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    leaders(facts, findings);
    orders(facts, findings);
    let history = facts.history;
    for (place, one) in history.logs.iter().enumerate() {
        for other in history.logs[place + 1..].iter().filter(|other| other.partition == one.partition) {
            matching(facts, findings, one, other);
        }
    }
}

fn leaders(facts: &Facts<'_>, findings: &mut Findings) {
    let mut wrote: BTreeMap<(&str, i32), (i32, u32)> = BTreeMap::new();
    let mut elected: BTreeMap<&str, (i32, u32)> = BTreeMap::new();
    let mut elections = 0;
    for (event, line) in &facts.history.others {
        match line {
            Event::Append(line) => {
                let (broker, earlier) = *wrote.entry((&line.partition, line.epoch)).or_insert((line.broker, *event));
                if broker != line.broker {
                    findings.add(Code::TwoLeaders, || {
                        let (name, epoch) = (&line.partition, line.epoch);
                        Anomaly::of(format!("{name}:{epoch}"))
                            .at(earlier, format!("broker {broker} appended to {name} as leader of epoch {epoch}"))
                            .at(*event, format!("broker {} did so too", line.broker))
                    });
                }
            }
            Event::Leader(line) => {
                if line.broker.is_none() {
                    continue;
                }
                // The first leader of a partition is nobody's choice.
                elections += usize::from(line.epoch > 0);
                let before = elected.insert(&line.partition, (line.epoch, *event));
                if let Some((epoch, earlier)) = before.filter(|(epoch, _)| *epoch >= line.epoch) {
                    findings.add(Code::TwoLeaders, || {
                        let name = &line.partition;
                        Anomaly::of(format!("{name}:{}", line.epoch))
                            .at(earlier, format!("{name} got a leader with epoch {epoch}"))
                            .at(*event, format!("its next leader got epoch {}", line.epoch))
                    });
                }
            }
            _ => {}
        }
    }
    findings.count("elections", elections);
}

fn orders(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    for log in &history.logs {
        for pair in log.batches.windows(2) {
            if pair[0].epoch > pair[1].epoch {
                findings.add(Code::EpochOrder, || {
                    let name = history.partition_name(log.partition);
                    Anomaly::of(format!("{name}@{}", log.entries[pair[1].first as usize].offset))
                        .at(pair[0].event, format!("{name} has a batch of leader epoch {}", pair[0].epoch))
                        .at(pair[1].event, format!("the next one is of leader epoch {}", pair[1].epoch))
                });
            }
        }
    }
    for (event, line) in &history.others {
        let Event::Truncated(line) = line else { continue };
        for epochs in [&line.own, &line.leader] {
            for pair in epochs.windows(2) {
                if pair[0].0 >= pair[1].0 || pair[0].1 >= pair[1].1 {
                    findings.add(Code::EpochOrder, || {
                        let ((before, from), (epoch, start)) = (pair[0], pair[1]);
                        Anomaly::of(format!("{}@{start}", line.partition)).at(
                            *event,
                            format!(
                                "leader epoch {before} from offset {from} is followed by {epoch} from offset {start}"
                            ),
                        )
                    });
                }
            }
        }
    }
}

/// Whether two logs are the same from an offset to the end of the shorter one, entry by entry: the usual case, without
/// a table of their entries. Where they are not, it takes a closer look to say what that means.
fn agree(one: &FinalLogRow, other: &FinalLogRow, from: i64) -> bool {
    let (mut next, mut ours, mut theirs) = (from, rows(one, from), rows(other, from));
    loop {
        let entry = match (ours.next(), theirs.next()) {
            (Some((entry, batch)), Some((twin, twin_batch))) => {
                let same = are_the_same((entry, batch), (twin, twin_batch));
                if !(same && entry.offset == twin.offset && batch.epoch == twin_batch.epoch) {
                    return false;
                }
                entry
            }
            // What one of them has more may come back to offsets that both have.
            (Some((entry, _)), None) | (None, Some((entry, _))) => entry,
            (None, None) => return true,
        };
        if entry.offset < next {
            return false;
        }
        next = entry.offset + 1;
    }
}

fn rows(log: &FinalLogRow, from: i64) -> impl Iterator<Item = (&Entry, &Batch)> {
    let rows = log.batches().flat_map(|(batch, places)| log.entries[places].iter().map(move |entry| (entry, batch)));
    rows.filter(move |(entry, _)| entry.offset >= from)
}

/// Whether two entries of the same offset and epoch are the same, as far as is known.
fn are_the_same((entry, batch): (&Entry, &Batch), (twin, twin_batch): (&Entry, &Batch)) -> bool {
    let digests = batch.digest.zip(twin_batch.digest).is_none_or(|(one, other)| one == other);
    entry.id == twin.id && digests && batch.marker == twin_batch.marker
}

fn matching(facts: &Facts<'_>, findings: &mut Findings, one: &FinalLogRow, other: &FinalLogRow) {
    let from = one.log_start.max(other.log_start);
    if agree(one, other, from) {
        return;
    }
    let compacted = facts.order(one.partition).compacted;
    let rows = |log: &FinalLogRow| -> BTreeMap<i64, (Entry, Batch)> {
        let entries = log.batches().flat_map(|(batch, places)| {
            log.entries[places].iter().map(|entry| (entry.offset, (*entry, batch.clone()))).collect::<Vec<_>>()
        });
        entries.filter(|(offset, _)| *offset >= from).collect()
    };
    let (left, right) = (rows(one), rows(other));
    let last = left.keys().next_back().min(right.keys().next_back()).copied();
    let Some(last) = last else { return };
    let mut diverged: Option<i64> = None;
    let offsets: std::collections::BTreeSet<i64> = left.keys().chain(right.keys()).copied().collect();
    for offset in offsets.into_iter().filter(|offset| *offset <= last) {
        let differs = match (left.get(&offset), right.get(&offset)) {
            (Some((entry, batch)), Some((twin, twin_batch))) if batch.epoch == twin_batch.epoch => {
                // A cleaner may have left less of one's batch than of the other's.
                let cleaned = |batch: &Batch| Batch { digest: batch.digest.filter(|_| !compacted), ..batch.clone() };
                let same = are_the_same((entry, &cleaned(batch)), (twin, &cleaned(twin_batch)));
                if diverged.is_none() && same {
                    continue;
                }
                true
            }
            (Some(_), Some(_)) => false,
            // Cleaners of different replicas are not equally far.
            _ if compacted => continue,
            _ => false,
        };
        if !differs {
            diverged.get_or_insert(offset);
            continue;
        }
        findings.add(Code::LogMatch, || {
            let name = facts.history.partition_name(one.partition);
            let whose = |log: &FinalLogRow| match log.broker {
                Some(broker) => format!("broker {broker}"),
                None => "the leader".to_owned(),
            };
            let event = |side: &BTreeMap<i64, (Entry, Batch)>, log: &FinalLogRow| {
                side.get(&offset).map_or(log.event, |(_, batch)| batch.event)
            };
            let show = |side: &BTreeMap<i64, (Entry, Batch)>, log: &FinalLogRow| {
                let id = side.get(&offset).map_or_else(|| "nothing".to_owned(), |(entry, _)| facts.name(entry.id));
                format!("{} has {id} at offset {offset} of {name}", whose(log))
            };
            let anomaly = Anomaly::of(format!("{name}@{offset}"))
                .at(event(&left, one), show(&left, one))
                .at(event(&right, other), format!("{}, in the same leader epoch", show(&right, other)));
            match diverged {
                Some(before) => anomaly.so(format!("their logs differ from offset {before} on")),
                None => anomaly,
            }
        });
        return;
    }
}
