//! Replication, fencing, retention, compaction and liveness rules.

use super::Violations;
use super::model::Jump;
use super::model::Model;
use super::model::State;
use super::model::Status;
use super::model::ns;
use super::model::topic;
use rehearsal::check::Event;
use rehearsal::check::OffsetReset;
use rehearsal::check::event::Answer;
use rehearsal::check::event::Compacted;
use rehearsal::check::event::Effect;
use rehearsal::check::event::GroupStatus;
use rehearsal::check::event::Removal;
use rehearsal::check::event::Truncated;

pub(super) fn check(m: &Model, found: &mut Violations) {
    for (place, event) in m.events.iter().enumerate() {
        one_event(m, found, &m.events[..place], event);
    }
    logs(m, found);
    liveness(m, found);
}

/// The last event of a kind before.
fn last<T>(before: &[Event], pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
    before.iter().rev().find_map(pick)
}

fn any(before: &[Event], holds: impl Fn(&Event) -> bool) -> bool {
    before.iter().any(holds)
}

fn one_event(m: &Model, found: &mut Violations, before: &[Event], event: &Event) {
    match event {
        Event::Lso(x) => {
            let same = |e: &Event| match e {
                Event::Lso(y) if y.partition == x.partition && y.epoch == x.epoch => Some(y.offset),
                _ => None,
            };
            if last(before, same).is_some_and(|y| y > x.offset) {
                found.insert(("LSO-REGRESS", format!("{}@{}", x.partition, x.offset)));
            }
        }
        Event::Served(x) => {
            let subject = format!("{}@{}", x.partition, x.last);
            if x.read_committed && x.last >= x.lso {
                found.insert(("LSO-LEAK", subject.clone()));
            }
            let other_epoch = matches!((x.epoch, x.request_epoch), (Some(a), Some(b)) if a != b);
            if x.follower && (x.last >= x.hw || other_epoch) {
                found.insert(("FOLLOWER-READ", subject));
            }
        }
        Event::Accepted(x) => {
            let raised = |e: &Event| matches!(e, Event::Epoch(y) if y.scope == x.scope && y.value > x.value);
            if any(before, raised) {
                found.insert(("ZOMBIE-EFFECT", format!("{}@{}", x.scope, x.value)));
            }
            let producer = |what| matches!(what, Effect::Produce | Effect::EndTxn);
            let newer = |e: &Event| {
                matches!(e, Event::Accepted(y) if producer(y.what) && y.scope == x.scope && y.place == x.place
                    && y.value > x.value)
            };
            if producer(x.what) && any(before, newer) {
                found.insert(("FENCE", format!("{}@{}", x.scope, x.value)));
            }
        }
        Event::Append(x) => {
            let hw = |e: &Event| matches!(e, Event::Hw(y) if y.partition == x.partition && y.offset > x.offset);
            if any(before, hw) {
                found.insert(("COMMITTED-TRUNC", format!("{}@{}", x.partition, x.offset)));
            }
            let first = before.iter().find_map(|e| match e {
                Event::Append(y) if y.partition == x.partition && y.epoch == x.epoch => Some(y.broker),
                _ => None,
            });
            if first.is_some_and(|first| first != x.broker) {
                found.insert(("TWO-LEADERS", format!("{}:{}", x.partition, x.epoch)));
            }
        }
        Event::Leader(x) if x.broker.is_some() => {
            let before = last(before, |e| match e {
                Event::Leader(y) if y.partition == x.partition && y.broker.is_some() => Some(y.epoch),
                _ => None,
            });
            if before.is_some_and(|before| before >= x.epoch) {
                found.insert(("TWO-LEADERS", format!("{}:{}", x.partition, x.epoch)));
            }
        }
        Event::Hw(x) => {
            let isr = isr(before, &x.partition).unwrap_or_default();
            let leader = last(before, |e| match e {
                Event::Leader(y) if y.partition == x.partition => Some(y.broker),
                _ => None,
            });
            let brokers = isr.iter().copied().chain(leader.flatten());
            let beyond =
                brokers.into_iter().any(|broker| leo(before, &x.partition, broker).is_some_and(|leo| leo < x.offset));
            let went_back = last(before, |e| match e {
                Event::Hw(y) if y.partition == x.partition && y.epoch == x.epoch => Some(y.offset),
                _ => None,
            });
            if beyond || went_back.is_some_and(|y| y > x.offset) {
                found.insert(("HW-BOUND", format!("{}@{}", x.partition, x.offset)));
            }
        }
        Event::Acked(x) => {
            let Some(isr) = isr(before, &x.partition) else { return };
            let behind = isr.iter().any(|broker| leo(before, &x.partition, *broker).is_some_and(|leo| leo <= x.offset));
            if behind || isr.len() < m.setup.min_insync_replicas {
                found.insert(("ISR-ACK", format!("{}@{}", x.partition, x.offset)));
            }
        }
        Event::Listed(x) => {
            let higher = |e: &Event| matches!(e, Event::Listed(y) if y.partition == x.partition && y.offset > x.offset);
            if any(before, higher) {
                found.insert(("LISTOFF-REGRESS", format!("{}@{}", x.partition, x.offset)));
            }
        }
        Event::LogStart(x) => {
            let known = last(before, |e| match e {
                Event::LogStart(y) if y.partition == x.partition => Some(y.offset),
                _ => None,
            });
            if known.is_some_and(|y| y > x.offset) {
                found.insert(("LOGSTART-REGRESS", format!("{}@{}", x.partition, x.offset)));
            }
            let setup = m.setup.topics.get(topic(&x.partition)).cloned().unwrap_or_default();
            // Right before it, retention took a segment for its age.
            let expired = last(before, |e| match e {
                Event::SegmentDeleted(y) => Some(
                    y.partition == x.partition
                        && y.t == x.t
                        && y.by == Removal::Expiry
                        && setup.retention_bytes < 0
                        && setup.retention_ms >= 0
                        && y.now_ms - y.max_timestamp_ms >= setup.retention_ms,
                ),
                Event::LogStart(_) => Some(false),
                _ => None,
            });
            let young = m.sends.iter().any(|send| {
                let there = send.p == x.partition && send.off >= known.unwrap_or(0) && send.off < x.offset;
                let age = i128::from(ns(x.t).saturating_sub(send.inv));
                there && send.status() == Status::Ok && age < i128::from(setup.retention_ms) * 1_000_000
            });
            if expired == Some(true) && young {
                found.insert(("EARLY-DELETE", x.partition.clone()));
            }
        }
        Event::Truncated(x) => truncated(found, x),
        Event::SegmentDeleted(x) => {
            let setup = m.setup.topics.get(topic(&x.partition)).cloned().unwrap_or_default();
            let old = setup.retention_ms >= 0 && x.now_ms - x.max_timestamp_ms >= setup.retention_ms;
            let large = setup.retention_bytes >= 0 && x.log_bytes > setup.retention_bytes;
            if x.by != Removal::Request && !old && !large {
                found.insert(("EARLY-DELETE", x.partition.clone()));
            }
        }
        Event::Compacted(x) => compacted(m, found, x),
        _ => {}
    }
}

fn isr(before: &[Event], p: &str) -> Option<Vec<i32>> {
    last(before, |e| match e {
        Event::Isr(y) if y.partition == p => Some(y.brokers.clone()),
        _ => None,
    })
}

fn leo(before: &[Event], p: &str, broker: i32) -> Option<i64> {
    last(before, |e| match e {
        Event::Leo(y) if y.partition == p && y.broker == broker => Some(y.offset),
        _ => None,
    })
}

fn truncated(found: &mut Violations, x: &Truncated) {
    for epochs in [&x.own, &x.leader] {
        for pair in epochs.windows(2) {
            if pair[1].0 <= pair[0].0 || pair[1].1 <= pair[0].1 {
                found.insert(("EPOCH-ORDER", format!("{}@{}", x.partition, pair[1].1)));
            }
        }
    }
    // The largest is the last one that the log has. The end of an epoch is the start of the next one that the log has.
    let common = x.own.iter().map(|(epoch, _)| *epoch).filter(|epoch| x.leader.iter().any(|(other, _)| other == epoch));
    let Some(common) = common.max() else { return };
    let end =
        |epochs: &[(i32, i64)], log_end| epochs.iter().find(|(epoch, _)| *epoch > common).map_or(log_end, |e| e.1);
    let point = end(&x.own, x.own_end).min(end(&x.leader, x.leader_end));
    if point != x.to {
        found.insert(("TRUNC-POINT", format!("{}@{}", x.partition, x.to)));
    }
}

fn compacted(m: &Model, found: &mut Violations, x: &Compacted) {
    let setup = m.setup.topics.get(topic(&x.partition)).cloned().unwrap_or_default();
    for (place, entry) in x.after.iter().enumerate() {
        let same = x.before.iter().any(|old| old == entry);
        if !same || place > 0 && x.after[place - 1].offset >= entry.offset {
            found.insert(("COMPACT-MOVE", format!("{}@{}", x.partition, entry.offset)));
        }
    }
    for old in x.before.iter().filter(|old| x.after.iter().all(|entry| entry.offset != old.offset)) {
        let subject = format!("{}@{}", x.partition, old.offset);
        let age = x.now_ms - old.timestamp_ms;
        let newer = x.before.iter().any(|e| e.key == old.key && e.offset > old.offset && e.offset < x.lso);
        let is_last = old.offset < x.lso && !newer;
        if is_last && !(old.tombstone && age >= setup.delete_retention_ms) {
            found.insert(("COMPACT-LOST", subject.clone()));
        }
        if old.offset >= x.lso || age < setup.min_compaction_lag_ms {
            found.insert(("COMPACT-EARLY", subject));
        }
    }
}

fn logs(m: &Model, found: &mut Violations) {
    for ((p, broker), log) in &m.logs {
        let starts: Vec<_> = log.entries.iter().filter(|entry| entry.starts).collect();
        for pair in starts.windows(2) {
            if pair[0].epoch > pair[1].epoch {
                found.insert(("EPOCH-ORDER", format!("{p}@{}", pair[1].off)));
            }
        }
        if broker.is_some() {
            continue;
        }
        for (place, batch) in starts.iter().enumerate().filter(|(_, batch)| batch.pid >= 0) {
            let newer = starts[..place].iter().any(|other| other.pid == batch.pid && other.pepoch > batch.pepoch);
            if newer {
                found.insert(("FENCE", format!("{p}@{}", batch.off)));
            }
        }
        let hw = m.events.iter().filter_map(|e| match e {
            Event::Hw(y) if y.partition == *p => Some(y.offset),
            _ => None,
        });
        if hw.max().is_some_and(|hw| hw > log.end()) {
            found.insert(("COMMITTED-TRUNC", format!("{p}@{}", log.end())));
        }
    }
    for (place, one) in m.log_order.iter().enumerate() {
        for other in m.log_order[place + 1..].iter().filter(|other| other.0 == one.0) {
            let (a, b) = (&m.logs[one], &m.logs[other]);
            let from = a.start.max(b.start);
            // Where offsets repeat, the last entry counts.
            let at = |log: &super::model::FinalLog, off: i64| {
                log.entries.iter().rfind(|e| e.off == off && off >= from).cloned()
            };
            let mut offsets: Vec<i64> =
                a.entries.iter().chain(&b.entries).map(|e| e.off).filter(|off| *off >= from).collect();
            offsets.sort_unstable();
            offsets.dedup();
            let max = |log: &super::model::FinalLog| log.entries.iter().map(|e| e.off).filter(|off| *off >= from).max();
            let (Some(a_max), Some(b_max)) = (max(a), max(b)) else { continue };
            let same = |off: i64| match (at(a, off), at(b, off)) {
                (Some(x), Some(y)) => {
                    // A cleaner may have left less of one's batch than of the other's.
                    let digest =
                        m.compacted(&one.0) || x.digest.is_none() || y.digest.is_none() || x.digest == y.digest;
                    x.epoch == y.epoch && x.id == y.id && x.marker == y.marker && digest
                }
                (None, None) => true,
                _ => m.compacted(&one.0),
            };
            let wrong = offsets.iter().find(|off| {
                let common = **off <= a_max.min(b_max);
                let agreed = matches!((at(a, **off), at(b, **off)), (Some(x), Some(y)) if x.epoch == y.epoch);
                common && agreed && offsets.iter().any(|before| before <= *off && !same(*before))
            });
            if let Some(off) = wrong {
                found.insert(("LOG-MATCH", format!("{}@{off}", one.0)));
            }
        }
    }
}

/// An operation: number, process, when it was invoked, whether it is pending, whether it was of use, whether it writes.
type Op = (usize, String, u64, bool, bool, bool);

fn liveness(m: &Model, found: &mut Violations) {
    let Some(healed) = m.healed else { return };
    let converge = m.setup.converge_ms * 1_000_000;
    let deadline = healed + converge;
    if m.stopping() < deadline {
        return;
    }
    let long_ago = m.stopping() - converge;
    let mut ops: Vec<Op> = Vec::new();
    // Events are numbered without the set-up.
    let setup = usize::from(matches!(m.events.first(), Some(Event::Setup(_))));
    for (number, event) in m.events.iter().enumerate() {
        let number = number.wrapping_sub(setup);
        let done = |end: &Option<rehearsal::check::event::End>| {
            (end.is_none(), end.as_ref().is_some_and(|end| end.result == Answer::Ok))
        };
        match event {
            Event::Send(x) => {
                let repeated = m.events[..number + setup].iter().any(|e| matches!(e, Event::Send(y) if y.id == x.id));
                if !repeated {
                    let (pending, ok) = done(&x.end);
                    let process = x.process.clone().unwrap_or_else(|| x.id.producer.clone());
                    ops.push((number, process, ns(x.t), pending && !x.acks0, ok && !x.acks0, true));
                }
            }
            Event::Poll(x) => {
                let (pending, ok) = done(&x.end);
                let some = x.end.as_ref().is_some_and(|end| !end.records.is_empty());
                ops.push((number, x.process.clone(), ns(x.t), pending, ok && some, false));
            }
            Event::Commit(x) => ops.push((number, x.process.clone(), ns(x.t), done(&x.end).0, done(&x.end).1, false)),
            Event::FetchOffsets(x) => {
                ops.push((number, x.process.clone(), ns(x.t), done(&x.end).0, done(&x.end).1, false));
            }
            Event::EndTxn(x) => ops.push((number, x.process.clone(), ns(x.t), done(&x.end).0, done(&x.end).1, true)),
            _ => {}
        }
    }
    for (number, process, inv, pending, _, writes) in &ops {
        if *pending && *inv <= long_ago && !m.crashed(process) {
            let code = if *writes { "STUCK-PRODUCER" } else { "STUCK-CONSUMER" };
            found.insert((code, format!("{process}#{number}")));
        }
    }
    let tried = ops.iter().any(|(_, _, inv, ..)| *inv > deadline);
    if tried && !ops.iter().any(|(_, _, inv, _, ok, _)| *ok && *inv > healed) {
        found.insert(("LIVELOCK", "all".to_owned()));
    }
    for (place, event) in m.before_stopping().iter().enumerate() {
        let later = &m.before_stopping()[place + 1..];
        match event {
            Event::GroupState(x) if x.state == GroupStatus::Rebalancing && ns(x.t) <= long_ago => {
                let is_well = |e: &Event| matches!(e, Event::GroupState(y) if y.group == x.group && y.state != GroupStatus::Rebalancing);
                if !any(later, is_well) {
                    found.insert(("STUCK-GROUP", x.group.clone()));
                }
            }
            Event::Leader(x) if x.broker.is_none() && ns(x.t) <= long_ago => {
                let is_well =
                    |e: &Event| matches!(e, Event::Leader(y) if y.partition == x.partition && y.broker.is_some());
                if !any(later, is_well) {
                    found.insert(("LEADERLESS", x.partition.clone()));
                }
            }
            _ => {}
        }
    }
    for ((p, broker), log) in &m.logs {
        let open = m.order(p).into_iter().find(|known| known.state == State::Open);
        let old = open.is_some_and(|known| m.send(known.id.as_ref()).map_or(0, |send| send.inv) <= long_ago);
        if broker.is_none() && old && m.last_stable(p) < log.hw {
            found.insert(("STUCK-LSO", p.clone()));
        }
    }
    for own in m.owns().iter().filter(|own| own.to >= deadline) {
        let long_ago = own.to.min(m.stopping()) - (deadline - healed);
        if own.from > long_ago {
            continue;
        }
        let p = &own.p;
        let is_next = |other: &super::model::Own| {
            let same = own.group.is_some() && other.group == own.group && other.p == *p;
            same && other.process != own.process && other.from > own.from
        };
        if m.owns().iter().any(is_next) {
            continue;
        }
        let earliest = (m.setup.auto_offset_reset == OffsetReset::Earliest).then(|| m.log_start(p));
        let before = super::groups::commits(m)
            .into_iter()
            .filter(|commit| Some(&commit.group) == own.group.as_ref() && commit.p == *p && commit.asked <= own.from);
        let committed = before.filter(|commit| commit.answer != Some(Answer::Fail)).map(|commit| commit.off).max();
        let earliest = committed.max(earliest);
        let mut jumps = m.jumps(&own.process, p);
        jumps.sort_by_key(|(t, _)| *t);
        let start = jumps.iter().rev().find_map(|(t, jump)| jump.to().map(|to| (*t, to)));
        let since = jumps.iter().rev().take_while(|(_, jump)| jump.to().is_none());
        let from_group = since.into_iter().any(|(_, jump)| matches!(jump, Jump::Assigned(None, _)));
        let after = start.map_or(0, |(t, _)| t);
        let given = m.given(&own.process, p);
        let read = given.iter().filter(|d| d.cmp >= after).map(|d| d.off + 1).max();
        let begins = earliest.filter(|_| from_group);
        let Some(position) = start.map(|(_, to)| to).or(earliest).max(read).max(begins) else { continue };
        if given.iter().any(|d| d.cmp > long_ago) {
            continue;
        }
        let waiting = m.order(p).iter().any(|known| {
            let old = m.send(known.id.as_ref()).is_some_and(|send| send.status() == Status::Ok && send.cmp <= long_ago);
            known.off >= position && m.sees(p, known, true) && !m.cleanable(p, known) && old
        });
        if waiting {
            found.insert(("STUCK-CONSUMER", format!("{}:{p}", own.process)));
        }
    }
}
