//! Producer, log and session rules.

use super::Violations;
use super::model::Jump;
use super::model::Model;
use super::model::Send;
use super::model::State;
use super::model::Status;
use super::model::ns;
use super::model::topic;
use rehearsal::check::Event;
use rehearsal::check::event::Isolation;

pub(super) fn check(m: &Model, found: &mut Violations) {
    for send in &m.sends {
        one_send(m, found, send);
    }
    for p in m.partitions() {
        one_partition(m, found, &p);
    }
    for a in &m.deliveries {
        let send = m.send(a.id.as_ref());
        let altered = send.and_then(|send| send.hash).zip(a.hash).is_some_and(|(one, other)| one != other);
        if let Some(id) = a.id.as_ref().filter(|_| send.is_none() || altered) {
            found.insert(("PHANTOM", id.clone()));
        }
    }
    sessions(m, found);
    staleness(m, found);
    keys(m, found);
}

/// Whether an acknowledged send may be gone by right.
pub(super) fn exempt(m: &Model, send: &Send) -> bool {
    let start = m.log_start(&send.p);
    let deleted = m.events.iter().any(|event| matches!(event, Event::Deleted(line) if line.partition == send.p));
    let unconfirmed = send.txn.as_ref().is_some_and(|txn| !m.must(txn) || m.told_aborted(txn));
    let trimmed = send.off < start && (send.off >= 0 || start > 0);
    let newer = m
        .order(&send.p)
        .iter()
        .any(|known| known.off > send.off && m.send(known.id.as_ref()).is_some_and(|other| other.key == send.key));
    // A tombstone that a cleaner has removed stood there, or behind it.
    let cleaned = m.tombstone_removed(&send.p, send.off, send.key.as_ref());
    let superseded = m.compacted(&send.p) && (send.key.is_none() || newer || cleaned);
    deleted || unconfirmed || trimmed || superseded
}

fn is_logged(m: &Model, id: &str) -> bool {
    let logs = m.logs.iter().filter(|((_, broker), _)| broker.is_none());
    logs.flat_map(|(_, log)| &log.entries).any(|entry| entry.id.as_deref() == Some(id))
}

/// Whether readers of committed data find it in some log.
pub(super) fn is_visible(m: &Model, id: &str) -> bool {
    m.logs.iter().filter(|((_, broker), _)| broker.is_none()).any(|((p, _), log)| {
        (0..log.entries.len()).any(|place| {
            let entry = &log.entries[place];
            entry.id.as_deref() == Some(id) && log.state(place) == State::Visible && entry.off < m.last_stable(p)
        })
    })
}

pub(super) fn is_delivered(m: &Model, id: &str) -> bool {
    m.deliveries.iter().any(|delivery| delivery.id.as_deref() == Some(id))
}

/// Where the earliest reader began; 0 for one that did not say.
fn first_read(m: &Model, p: &str) -> Option<i64> {
    let begun = m.deliveries.iter().filter(|delivery| delivery.p == p).map(|delivery| {
        let jump = m.jump_before(&delivery.process, p, delivery.cmp);
        jump.and_then(|(_, jump)| jump.to()).unwrap_or(0)
    });
    begun.min()
}

fn one_send(m: &Model, found: &mut Violations, send: &Send) {
    let logged = m.log(&send.p).is_some();
    let status = send.status();
    if status == Status::Unasked && logged && !is_logged(m, &send.id) {
        found.insert(("LOST-UNACKED", send.id.clone()));
    }
    let part_of_a_whole = status == Status::Info && send.off >= 0 && send.txn.as_ref().is_some_and(|txn| m.must(txn));
    if part_of_a_whole && !exempt(m, send) || status == Status::Ok && !exempt(m, send) {
        let max = m.deliveries.iter().filter(|delivery| delivery.p == send.p).map(|delivery| delivery.off).max();
        let lost = if logged {
            if send.txn.is_some() { !is_visible(m, &send.id) } else { !is_logged(m, &send.id) }
        } else {
            !is_delivered(m, &send.id)
                && send.off >= 0
                && max.is_some_and(|max| send.off <= max)
                && first_read(m, &send.p).is_none_or(|first| first <= send.off)
        };
        if lost {
            found.insert(("LOST", send.id.clone()));
        }
        if let Some(healed) = m.healed.filter(|_| status == Status::Ok) {
            let converge = m.setup.converge_ms * 1_000_000;
            let reader =
                m.owns().iter().any(|own| own.p == send.p && own.to >= healed.max(send.cmp).saturating_add(converge))
                    || m.deliveries.iter().any(|d| {
                        let is_member = m.owns().iter().any(|own| own.p == d.p && own.process == d.process);
                        d.p == send.p && d.cmp >= healed && !m.crashed(&d.process) && !is_member
                    });
            let late = send.cmp.saturating_add(converge) <= m.end && healed + converge <= m.end;
            let behind = first_read(m, &send.p).is_some_and(|first| first > send.off);
            if late && reader && !behind && !is_delivered(m, &send.id) {
                found.insert(("UNSEEN", send.id.clone()));
            }
        }
    }
    if send.attempts.iter().all(|attempt| attempt.status == Status::Fail)
        && send.txn.is_none()
        && (is_logged(m, &send.id) || is_delivered(m, &send.id))
    {
        found.insert(("FAIL-VISIBLE", send.id.clone()));
    }
    for attempt in send.attempts.iter().filter(|attempt| m.counts(send, attempt) && attempt.off >= 0) {
        let Some(log) = m.log(&attempt.p) else { continue };
        let there: Vec<_> = log.entries.iter().filter(|entry| entry.off == attempt.off).collect();
        let trimmed = attempt.off < m.log_start(&attempt.p);
        // Gone from everywhere, and a leader that was elected after the send wrote over its place: that is a loss.
        let overwritten = there.first().is_some_and(|entry| {
            m.events.iter().any(|event| match event {
                Event::Leader(x) => x.partition == attempt.p && ns(x.t) > send.inv && x.epoch <= entry.epoch,
                _ => false,
            })
        });
        if overwritten && !is_logged(m, &send.id) {
            continue;
        }
        if !trimmed && !there.is_empty() && there.iter().all(|entry| entry.id.as_ref() != Some(&send.id)) {
            found.insert(("ACK-OFF", send.id.clone()));
        }
    }
    // Every place at which it stands.
    let mut places: Vec<(String, i64)> = Vec::new();
    for p in m.partitions() {
        match m.log(&p) {
            Some(log) => {
                let order = m.order(&p);
                let aborted = |off: i64| {
                    let known = order.iter().find(|known| known.off == off);
                    let known =
                        known.is_some_and(|known| known.id.as_ref() == Some(&send.id) && known.state == State::Aborted);
                    known && m.setup.isolation == Isolation::ReadCommitted
                };
                let there = log.entries.iter().filter(|entry| entry.id.as_ref() == Some(&send.id));
                places.extend(there.filter(|entry| !aborted(entry.off)).map(|entry| (p.clone(), entry.off)));
            }
            None => {
                let there = m.order(&p).into_iter().filter(|known| known.id.as_ref() == Some(&send.id));
                places.extend(there.map(|known| (p.clone(), known.off)));
            }
        }
    }
    places.sort();
    places.dedup();
    if places.len() > 1 {
        found.insert(("DUP", send.id.clone()));
    }
}

fn one_partition(m: &Model, found: &mut Violations, p: &str) {
    // In the order in which it stands: the log as it is, else by offset.
    let ids: Vec<(i64, Option<String>)> = match m.log(p) {
        Some(log) => log.entries.iter().map(|entry| (entry.off, entry.id.clone())).collect(),
        None => m.order(p).into_iter().map(|known| (known.off, known.id)).collect(),
    };
    let split = |id: &String| {
        let (producer, seq) = id.rsplit_once('#').unwrap();
        (producer.to_owned(), seq.parse::<u64>().unwrap())
    };
    let first = |id: &String| ids.iter().position(|(_, other)| other.as_ref() == Some(id)).unwrap();
    for (_, one) in &ids {
        for (_, other) in &ids {
            let (Some(one), Some(other)) = (one, other) else { continue };
            let ((one_producer, one_seq), (other_producer, other_seq)) = (split(one), split(other));
            if one_producer == other_producer && one_seq < other_seq && first(one) > first(other) {
                found.insert(("REORDER", one.clone()));
            }
        }
    }
    // Neighbours within a transaction, markers left out.
    let data: Vec<_> = m.order(p).into_iter().filter(|known| known.state != State::Marker).collect();
    let txn_of = |place: usize| m.send(data[place].id.as_ref()).and_then(|send| send.txn.clone());
    for (later, known) in data.iter().enumerate() {
        let Some(txn) = txn_of(later) else { continue };
        let before = (0..later).rev().find(|place| txn_of(*place).as_ref() == Some(&txn));
        if before.is_some_and(|before| before + 1 < later) {
            found.insert(("SEND-SKIP", known.id.clone().unwrap()));
        }
    }
    // Two at one offset: what is known, and what was delivered.
    let order = m.order(p);
    for one in &order {
        let twin = order.iter().any(|other| other.off == one.off && other.id != one.id);
        let delivered = m.deliveries.iter().any(|d| d.p == p && d.off == one.off && d.id != one.id);
        if twin || delivered {
            found.insert(("INCONS-OFF", format!("{p}@{}", one.off)));
        }
    }
    let Some(log) = m.log(p) else { return };
    for pair in log.entries.windows(2) {
        let (a, b) = (pair[0].off, pair[1].off);
        if b <= a || !m.compacted(p) && b != a + 1 {
            found.insert(("NONMONO-LOG", format!("{p}@{b}")));
        }
    }
    if m.compacted(p) {
        return;
    }
    let batches: Vec<_> =
        log.entries.iter().filter(|e| e.starts && e.marker.is_none() && e.pid >= 0 && e.seq >= 0).collect();
    for (place, batch) in batches.iter().enumerate() {
        let same = |other: &&&super::model::Entry| (other.pid, other.pepoch) == (batch.pid, batch.pepoch);
        let before = batches[..place].iter().rev().find(same);
        let expected = match before {
            Some(before) => Some((i64::from(before.seq) + i64::from(before.in_batch)) % (1 << 31)),
            None if m.log_start(p) > 0 => None,
            None => Some(0),
        };
        let forgotten = m
            .events
            .iter()
            .any(|event| matches!(event, Event::ProducerExpired(line) if line.partition == p && line.pid == batch.pid));
        let fresh = batch.seq == 0 && forgotten;
        if expected.is_some_and(|expected| expected != i64::from(batch.seq)) && !fresh {
            found.insert(("SEQ-HOLE", format!("{p}@{}", batch.off)));
        }
    }
}

fn sessions(m: &Model, found: &mut Violations) {
    for (place, later) in m.deliveries.iter().enumerate() {
        let given = m.given(&later.process, &later.p);
        let mut before = given.iter().take_while(|other| !std::ptr::eq(**other, &m.deliveries[place]));
        let subject = format!("{}:{}@{}", later.process, later.p, later.off);
        let jump = m.jump_before(&later.process, &later.p, later.cmp);
        let Some(earlier) =
            before.by_ref().last().filter(|earlier| jump.as_ref().is_none_or(|(t, _)| *t <= earlier.cmp))
        else {
            first_of_session(m, found, later, jump, subject);
            continue;
        };
        if later.off <= earlier.off {
            found.insert(("NONMONO-POLL", subject));
        } else if m.owes_between(&later.p, earlier.off + 1, later.off, later.committed) {
            found.insert(("POLL-SKIP", subject));
        }
        // A leader appended again where this reader had been.
        let appends: Vec<(u64, i64)> = m
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Append(line) if line.partition == later.p => Some((ns(line.t), line.offset)),
                _ => None,
            })
            .collect();
        // Polls, not single records: the last poll before this one.
        let last_poll: Vec<_> = given.iter().filter(|d| d.poll == earlier.poll && d.poll != later.poll).collect();
        if let Some(position) = last_poll.iter().map(|d| d.off).max() {
            for (place, (t, off)) in appends.iter().enumerate() {
                let again = appends[..place].iter().any(|(_, other)| other >= off);
                if again && *off <= position && earlier.cmp < *t && *t < later.cmp {
                    // Only the first such append is named.
                    let first = appends.iter().enumerate().find(|(at, (t, off))| {
                        appends[..*at].iter().any(|(_, other)| other >= off)
                            && *off <= position
                            && earlier.cmp < *t
                            && *t < later.cmp
                    });
                    found.insert(("SILENT-TRUNC", format!("{}:{}@{}", later.process, later.p, first.unwrap().1.1)));
                }
            }
        }
    }
}

fn first_of_session(
    m: &Model,
    found: &mut Violations,
    first: &super::model::Delivery,
    jump: Option<(u64, Jump)>,
    subject: String,
) {
    let Some((t, jump)) = jump else { return };
    let start = match jump {
        Jump::Released | Jump::Moved(None) | Jump::Assigned(None, None) => return,
        Jump::Moved(Some(to)) | Jump::Assigned(Some(to), _) => to,
        Jump::Assigned(None, Some(group)) => match super::groups::certain_commit(m, &group, &first.p, t) {
            Some(offset) => offset,
            None => return,
        },
    };
    if first.off < start {
        found.insert(("START-REWIND", subject));
    } else if m.owes_between(&first.p, start, first.off, first.committed) {
        found.insert(("START-SKIP", subject));
    }
}

fn staleness(m: &Model, found: &mut Violations) {
    let Some(bound) = m.setup.staleness_ms else { return };
    let bound = bound * 1_000_000;
    for event in &m.events {
        let Event::Poll(poll) = event else { continue };
        let Some(end) = poll.end.as_ref().filter(|end| end.result == rehearsal::check::event::Answer::Ok) else {
            continue;
        };
        let cmp = ns(end.t);
        let mut partitions = m.partitions();
        for event in &m.events {
            match event {
                Event::Assigned(line) => partitions.extend(line.partitions.keys().cloned()),
                Event::Seek(line) => partitions.push(line.partition.clone()),
                Event::Reset(line) => partitions.push(line.partition.clone()),
                _ => {}
            }
        }
        partitions.sort();
        partitions.dedup();
        for p in partitions {
            let jump = m.jump_before(&poll.process, &p, cmp);
            let from = jump.as_ref().map_or(0, |(t, _)| *t);
            let start = jump.and_then(|(_, jump)| jump.to()).map(|to| to - 1);
            let read =
                m.given(&poll.process, &p).into_iter().filter(|d| d.cmp >= from && d.cmp <= cmp).map(|d| d.off).max();
            let Some(position) = start.max(read) else { continue };
            let plain = |id: Option<&String>| m.send(id).is_some_and(|send| send.txn.is_none());
            let acked =
                m.sends.iter().filter(|s| s.p == p && s.first == Status::Ok && s.off > position && s.txn.is_none());
            let seen = m.deliveries.iter().filter(|d| d.p == p && d.off > position && plain(d.id.as_ref()));
            let since = acked.map(|s| s.cmp).chain(seen.map(|d| d.cmp)).min();
            if since.is_some_and(|since| ns(poll.t) > since + bound) {
                found.insert(("STALE-READ", format!("{}:{p}@{position}", poll.process)));
            }
        }
    }
}

fn keys(m: &Model, found: &mut Violations) {
    let reader = |d: &super::model::Delivery| match &d.group {
        Some(group) => format!("g {group}"),
        None => format!("p {}", d.process),
    };
    let readers: Vec<String> = m.deliveries.iter().map(reader).collect();
    for who in &readers {
        let seen = |send: &Send| {
            let places = m.deliveries.iter().enumerate();
            let there = places.filter(|(_, d)| d.id.as_ref() == Some(&send.id) && reader(d) == *who);
            there.map(|(place, d)| (d.cmp, d.poll, place)).min()
        };
        for one in &m.sends {
            for other in &m.sends {
                let same = one.key.is_some() && one.key == other.key && one.producer == other.producer;
                if !same || one.seq >= other.seq || one.p == other.p || topic(&one.p) != topic(&other.p) {
                    continue;
                }
                if let (Some(first), Some(second)) = (seen(one), seen(other)) {
                    if second < first {
                        found.insert(("KEY-ORDER", other.id.clone()));
                    }
                }
            }
        }
    }
}
