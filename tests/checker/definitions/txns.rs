//! Transaction rules.

use super::Violations;
use super::model::Model;
use super::model::State;
use super::model::Status;
use super::model::ns;
use rehearsal::check::Event;
use rehearsal::check::event::Answer;
use rehearsal::check::event::Outcome;
use std::collections::BTreeSet;

fn names(m: &Model) -> BTreeSet<String> {
    let sends = m.sends.iter().filter_map(|send| send.txn.clone());
    let others = m.events.iter().filter_map(|event| match event {
        Event::EndTxn(line) => Some(line.txn.clone()),
        Event::Settled(line) => Some(line.txn.clone()),
        Event::Commit(line) => line.txn.clone(),
        _ => None,
    });
    sends.chain(others).collect()
}

pub(super) fn check(m: &Model, found: &mut Violations) {
    deliveries(m, found);
    for txn in names(m) {
        parts(m, found, &txn);
    }
    cycles(m, found);
    for event in &m.events {
        if let Event::Append(line) = event {
            if let (Some(txn), Some(cause), Some(_)) = (&line.txn, &line.cause, line.marker) {
                if txn != cause {
                    found.insert(("CROSS-TXN", format!("{txn}<{cause}")));
                }
            }
        }
    }
    hanging(m, found);
}

fn deliveries(m: &Model, found: &mut Violations) {
    for d in &m.deliveries {
        let Some(send) = m.send(d.id.as_ref()) else { continue };
        let Some(txn) = &send.txn else { continue };
        let logged = m
            .log(&d.p)
            .and_then(|_| m.order(&d.p).into_iter().find(|known| known.off == d.off).filter(|known| known.id == d.id));
        let logged = logged.map(|known| known.state);
        if logged == Some(State::Aborted) || m.told_aborted(txn) {
            found.insert(("G1A", send.id.clone()));
            continue;
        }
        if !d.committed {
            continue;
        }
        let asked = m.ends(txn).iter().filter(|(commit, ..)| *commit).map(|(_, inv, ..)| *inv).min();
        let marker = m.events.iter().find_map(|event| match event {
            Event::Append(line)
                if line.txn.as_ref() == Some(txn) && line.partition == d.p && line.marker == Some(Outcome::Commit) =>
            {
                Some(ns(line.t))
            }
            _ => None,
        });
        let early = match (marker, asked) {
            (Some(marker), _) => d.cmp < marker,
            (None, None) => logged != Some(State::Visible),
            (None, Some(asked)) => d.cmp < asked || d.txn.as_ref() == Some(txn),
        };
        if early {
            found.insert(("PRECOMMIT", send.id.clone()));
        }
    }
}

fn parts(m: &Model, found: &mut Violations, txn: &str) {
    let mut states: Vec<State> = Vec::new();
    for p in m.partitions().iter().filter(|p| m.log(p).is_some()) {
        let ours = m
            .order(p)
            .into_iter()
            .filter(|known| m.send(known.id.as_ref()).is_some_and(|send| send.txn.as_deref() == Some(txn)));
        states.extend(ours.map(|known| known.state));
    }
    let committed = states.iter().filter(|state| **state == State::Visible).count();
    let not = states.len() - committed;
    let missing = m.sends.iter().any(|send| {
        let logged = m.logs.iter().filter(|((_, broker), _)| broker.is_none());
        let there = logged.flat_map(|(_, log)| &log.entries).any(|entry| entry.id.as_ref() == Some(&send.id));
        let start = m.log_start(&send.p);
        let trimmed = send.off < start && (send.off >= 0 || start > 0);
        let deleted = m.events.iter().any(|event| matches!(event, Event::Deleted(line) if line.partition == send.p));
        let owed = m.log(&send.p).is_some() && !trimmed && !deleted && !m.compacted(&send.p);
        send.txn.as_deref() == Some(txn) && send.status() == Status::Ok && owed && !there
    });
    let settled = |outcome| {
        m.events.iter().any(|event| matches!(event, Event::Settled(line) if line.txn == txn && line.outcome == outcome))
    };
    let unsettled = m.events.iter().any(|event| {
        let Event::Commit(line) = event else { return false };
        let accepted = line.end.as_ref().is_some_and(|end| end.result == Answer::Ok);
        let watched = m.events.iter().any(|event| matches!(event, Event::Settled(s) if s.group == line.group));
        line.txn.as_deref() == Some(txn)
            && accepted
            && watched
            && line.offsets.keys().any(|p| {
                !m.events.iter().any(|event| {
                matches!(event, Event::Settled(s) if s.txn == txn && s.group == line.group && s.partition == *p)
            })
            })
    });
    let effective = committed > 0 || settled(Outcome::Commit);
    let ineffective = not > 0 || missing || settled(Outcome::Abort) || unsettled;
    if effective && ineffective {
        found.insert(("TORN", txn.to_owned()));
    }
    let lied = m.told_committed(txn) && !states.is_empty() && committed == 0 || m.told_aborted(txn) && committed > 0;
    if lied {
        found.insert(("COMMIT-LIE", txn.to_owned()));
    }
}

fn cycles(m: &Model, found: &mut Violations) {
    if m.sends.iter().all(|send| send.txn.is_none()) {
        return;
    }
    let names: Vec<String> = names(m).into_iter().collect();
    let takes_part = |txn: &String| !m.told_aborted(txn);
    let mut ww: BTreeSet<(String, String)> = BTreeSet::new();
    for p in m.partitions() {
        let writers: Vec<String> = m
            .order(&p)
            .into_iter()
            .filter(|known| !matches!(known.state, State::Marker | State::Aborted))
            .filter_map(|known| m.send(known.id.as_ref()).and_then(|send| send.txn.clone()))
            .filter(takes_part)
            .collect();
        // Before on p, whoever is in between.
        for (place, one) in writers.iter().enumerate() {
            for other in &writers[place + 1..] {
                if one != other {
                    ww.insert((one.clone(), other.clone()));
                }
            }
        }
    }
    let mut wr: BTreeSet<(String, String)> = BTreeSet::new();
    for d in &m.deliveries {
        let writer = m.send(d.id.as_ref()).and_then(|send| send.txn.clone());
        if let (Some(writer), Some(reader)) = (writer, d.txn.clone()) {
            if writer != reader && takes_part(&writer) && takes_part(&reader) {
                wr.insert((writer, reader));
            }
        }
    }
    let both: BTreeSet<_> = ww.union(&wr).cloned().collect();
    for (code, edges) in [("G0", &ww), ("G1C-WR", &wr), ("G1C", &both)] {
        let reach = |from: &String, to: &String| {
            let mut known: BTreeSet<&String> = BTreeSet::new();
            loop {
                let next: Vec<&String> = edges
                    .iter()
                    .filter(|(a, b)| (a == from || known.contains(a)) && !known.contains(b))
                    .map(|(_, b)| b)
                    .collect();
                if next.is_empty() {
                    return known.contains(to);
                }
                known.extend(next);
            }
        };
        for one in &names {
            let members: Vec<&String> =
                names.iter().filter(|other| *other == one || reach(one, other) && reach(other, one)).collect();
            let reads = wr.iter().any(|(a, b)| members.contains(&a) && members.contains(&b));
            if members.len() > 1 && (code != "G1C" || reads) {
                found.insert((code, members.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("+")));
            }
        }
    }
}

fn hanging(m: &Model, found: &mut Violations) {
    let bound = m.setup.transaction_max_timeout_ms * 1_000_000;
    for ((p, broker), log) in &m.logs {
        if broker.is_some() {
            continue;
        }
        for (place, entry) in log.entries.iter().enumerate() {
            let open = log.state(place) == State::Open;
            let earlier =
                (0..place).any(|before| log.state(before) == State::Open && log.entries[before].pid == entry.pid);
            let state = m.events.iter().rev().find_map(|event| match event {
                Event::TxnState(line) if line.pid == entry.pid => Some((ns(line.t), line.state)),
                _ => None,
            });
            let Some((since, state)) = state.filter(|_| open && !earlier) else { continue };
            let sent = m.send(entry.id.as_ref()).map_or(0, |send| send.inv);
            if !state.is_open() && m.end.saturating_sub(since.max(sent)) > bound {
                found.insert(("HANG-TXN", format!("{p}:{}", entry.pid)));
            }
        }
    }
}
