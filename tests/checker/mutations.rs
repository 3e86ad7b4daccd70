//! A valid history is clean; made wrong in one of 21 ways, it is found out, by the code that names the wrong.
//!
//! The long form, 1,000 seeds: `cargo test --test checker thousand -- --ignored`.

use super::generator::event;
use super::generator::valid;
use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::check::Code;
use rehearsal::check::Event;
use rehearsal::check::History;
use rehearsal::check::RecordName;
use rehearsal::check::Severity;
use rehearsal::check::event::Answer;
use rehearsal::check::event::Delivered;
use rehearsal::check::event::Log;
use rehearsal::check::event::Outcome;
use rehearsal::check::event::Poll;
use serde_json::json;

/// Makes a history wrong; false when it has nothing to make wrong in this way.
type Operator = fn(&mut Vec<Event>, &mut Rng) -> bool;

const OPERATORS: &[(&str, Operator, Code)] = &[
    ("delete a log entry", delete_entry, Code::Lost),
    ("duplicate a log entry", duplicate_entry, Code::Dup),
    ("swap two entries of a producer", |events, rng| swap_entries(events, rng), Code::Reorder),
    ("change an entry's id", |events, rng| change_id(events, rng), Code::Lost),
    ("shift an acknowledged offset", |events, rng| shift_ack(events, rng), Code::AckOff),
    ("turn an ok into a fail", |events, rng| ok_to_fail(events, rng), Code::FailVisible),
    ("drop a delivery", |events, rng| drop_delivery(events, rng), Code::PollSkip),
    ("repeat a delivery", |events, rng| repeat_delivery(events, rng), Code::NonmonoPoll),
    ("swap two deliveries", |events, rng| swap_deliveries(events, rng), Code::NonmonoPoll),
    ("deliver an aborted record", |events, rng| deliver_aborted(events, rng), Code::G1a),
    ("deliver before the marker", deliver_early, Code::Precommit),
    ("remove a marker", remove_marker, Code::Torn),
    ("split a transaction's outcome", |events, rng| split_outcome(events, rng), Code::Torn),
    ("lower a commit", lower_commit, Code::CommitRegress),
    ("raise a commit", |events, rng| raise_commit(events, rng), Code::CommitUnowned),
    ("drop a processed mark", drop_mark, Code::GroupLoss),
    ("double a processed mark", double_mark, Code::GroupDup),
    ("keep a partition over the next owner", |events, rng| keep_partition(events, rng), Code::ZombieOverlap),
    ("lower the last stable offset", |events, rng| lower_stable(events, rng), Code::LsoRegress),
    ("raise the high watermark", |events, rng| raise_watermark(events, rng), Code::HwBound),
    ("truncate what was committed", truncate, Code::CommittedTrunc),
];

/// Runs every operator on this many seeds that it can do something with; returns how many it took.
fn run(seeds: u64) {
    assert_eq!(OPERATORS.len(), 21);
    let mut applied = vec![0; OPERATORS.len()];
    for seed in 0..seeds * 4 {
        let history = valid(seed, 40);
        let report = History::from_events(history.clone()).unwrap().check();
        // Kafka does not isolate writes: that transactions interleave is no finding that counts.
        let wrong = report.findings.iter().find(|finding| finding.severity < Severity::S3);
        assert!(wrong.is_none(), "seed {seed}, nothing changed:\n{report}");
        for (number, (name, operator, code)) in OPERATORS.iter().enumerate() {
            if applied[number] == seeds {
                continue;
            }
            let mut rng = Seed(seed).stream(name);
            let mut changed = history.clone();
            if !operator(&mut changed, &mut rng) {
                continue;
            }
            applied[number] += 1;
            let changed = History::from_events(changed).unwrap_or_else(|error| panic!("{name}, seed {seed}: {error}"));
            let report = changed.check();
            let found = report.codes().contains(code);
            assert!(found, "{name}, seed {seed}: {code} was not found\n{report}\n{}", changed.to_json_lines());
        }
        if applied.iter().all(|count| *count == seeds) {
            return;
        }
    }
    for (count, (name, ..)) in applied.iter().zip(OPERATORS) {
        assert!(*count * 2 >= seeds, "{name} could be applied {count} times only");
    }
}

#[test]
fn every_mutation_is_found_by_its_code() {
    run(25);
}

#[test]
#[ignore = "the long form: two minutes"]
fn every_mutation_is_found_on_a_thousand_seeds() {
    run(1_000);
}

/// Picks one of the places where `pick` has something.
fn any<T>(events: &[Event], rng: &mut Rng, pick: impl Fn(&Event) -> Option<T>) -> Option<(usize, T)> {
    let places: Vec<usize> = (0..events.len()).filter(|place| pick(&events[*place]).is_some()).collect();
    let place = *places.get(usize::try_from(rng.below(u64::try_from(places.len()).unwrap())).unwrap())?;
    pick(&events[place]).map(|picked| (place, picked))
}

fn entry(event: &Event) -> Option<&Log> {
    match event {
        Event::Log(line) if line.broker.is_none() && line.marker.is_none() => Some(line),
        _ => None,
    }
}

fn id(line: &Log) -> RecordName {
    line.ids[0].clone().unwrap()
}

fn acked(events: &[Event], name: &RecordName) -> bool {
    events.iter().any(|event| {
        matches!(event, Event::Send(send) if send.id == *name && send.end.as_ref().is_some_and(|end| end.result == Answer::Ok))
    })
}

/// An entry that was acknowledged and belongs to no transaction.
fn acked_entry(events: &[Event], rng: &mut Rng) -> Option<(usize, Log)> {
    let all = events.to_vec();
    any(events, rng, |event| entry(event).filter(|line| !line.transactional && acked(&all, &id(line))).cloned())
}

fn delete_entry(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let Some((place, _)) = acked_entry(events, rng) else { return false };
    events.remove(place);
    true
}

fn duplicate_entry(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let Some((_, mut copy)) = acked_entry(events, rng) else { return false };
    let of =
        |event: &Event| matches!(event, Event::Log(line) if line.broker.is_none() && line.partition == copy.partition);
    let last = events.iter().rposition(of).unwrap();
    let Event::Log(line) = &events[last] else { return false };
    copy.offset = line.offset + 1;
    copy.epoch = line.epoch;
    events.insert(last + 1, Event::Log(copy));
    true
}

fn swap_entries(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, line)) = any(events, rng, |event| entry(event).cloned()) else { return false };
    let (first, mut twin) = (id(&line), None);
    for (at, event) in events.iter().enumerate().skip(place + 1) {
        let Some(other) = entry(event).filter(|other| other.partition == line.partition) else { continue };
        if id(other).producer == first.producer {
            twin = Some((at, id(other)));
            break;
        }
    }
    let Some((at, second)) = twin else { return false };
    for (place, id) in [(place, second), (at, first)] {
        let Event::Log(line) = &mut events[place] else { return false };
        line.ids = vec![Some(id)];
    }
    true
}

fn change_id(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, _)) = acked_entry(events, rng) else { return false };
    let Event::Log(line) = &mut events[place] else { return false };
    line.ids = vec![Some(RecordName::new("ghost", 0))];
    true
}

fn shift_ack(events: &mut [Event], rng: &mut Rng) -> bool {
    let all = events.to_vec();
    let taken = |partition: &str, offset: i64| {
        all.iter().any(|event| entry(event).is_some_and(|line| line.partition == partition && line.offset == offset))
    };
    let pick = |event: &Event| match event {
        Event::Send(send) => send.end.as_ref()?.offset.filter(|offset| taken(&send.to, offset + 1)),
        _ => None,
    };
    let Some((place, offset)) = any(events, rng, pick) else { return false };
    let Event::Send(send) = &mut events[place] else { return false };
    send.end.as_mut().unwrap().offset = Some(offset + 1);
    true
}

fn ok_to_fail(events: &mut [Event], rng: &mut Rng) -> bool {
    let pick = |event: &Event| match event {
        Event::Send(send) if send.txn.is_none() && send.end.as_ref()?.result == Answer::Ok => Some(()),
        _ => None,
    };
    let Some((place, ())) = any(events, rng, pick) else { return false };
    let Event::Send(send) = &mut events[place] else { return false };
    let end = send.end.as_mut().unwrap();
    (end.result, end.offset) = (Answer::Fail, None);
    true
}

/// A poll of the reader that returned at least this many records of a partition, and which.
fn reading(events: &[Event], rng: &mut Rng, least: usize) -> Option<(usize, String)> {
    any(events, rng, |event| match event {
        Event::Poll(poll) if poll.process == "r" => {
            let records = &poll.end.as_ref()?.records;
            records.iter().find(|(_, list)| list.len() >= least).map(|(name, _)| name.clone())
        }
        _ => None,
    })
}

fn delivered<'a>(events: &'a mut [Event], place: usize, partition: &str) -> &'a mut Vec<Delivered> {
    let Event::Poll(poll) = &mut events[place] else { panic!("no poll") };
    poll.end.as_mut().unwrap().records.get_mut(partition).unwrap()
}

fn drop_delivery(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, partition)) = reading(events, rng, 3) else { return false };
    delivered(events, place, &partition).remove(1);
    true
}

fn repeat_delivery(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, partition)) = reading(events, rng, 1) else { return false };
    let records = delivered(events, place, &partition);
    let again = records[0].clone();
    records.insert(1, again);
    true
}

fn swap_deliveries(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, partition)) = reading(events, rng, 2) else { return false };
    delivered(events, place, &partition).swap(0, 1);
    true
}

fn deliver_aborted(events: &mut [Event], rng: &mut Rng) -> bool {
    let mut aborted: Vec<(String, i64, RecordName)> = Vec::new();
    let mut open: Vec<(String, i64, RecordName)> = Vec::new();
    for event in events.iter() {
        let Event::Log(line) = event else { continue };
        if line.broker.is_some() || !line.transactional && line.marker.is_none() {
            continue;
        }
        let here = |entry: &(String, i64, RecordName)| entry.0 == line.partition;
        match line.marker {
            Some(Outcome::Abort) => aborted.extend(open.extract_if(.., |entry| here(entry))),
            Some(Outcome::Commit) => open.retain(|entry| !here(entry)),
            None => open.push((line.partition.clone(), line.offset, id(line))),
        }
    }
    let Some((partition, offset, name)) = aborted.first().cloned() else { return false };
    let pick = |event: &Event| match event {
        Event::Poll(poll) if poll.end.as_ref()?.records.contains_key(&partition) => Some(()),
        _ => None,
    };
    let Some((place, ())) = any(events, rng, pick) else { return false };
    let records = delivered(events, place, &partition);
    let at = records.partition_point(|record| record.offset() < offset);
    records.insert(at, Delivered::Record(offset, Some(name)));
    true
}

/// Moves a commit marker's append behind a poll that returned a record of its transaction.
fn deliver_early(events: &mut Vec<Event>, _: &mut Rng) -> bool {
    let of_txn = |events: &[Event], name: &RecordName| {
        events.iter().find_map(|event| match event {
            Event::Send(send) if send.id == *name => send.txn.clone(),
            _ => None,
        })
    };
    let mut found = None;
    for event in events.iter() {
        let Event::Poll(Poll { end: Some(end), .. }) = event else { continue };
        for (partition, records) in &end.records {
            for record in records {
                if let Some(txn) = record.id().and_then(|name| of_txn(events, name)) {
                    found = Some((partition.clone(), txn, end.t));
                }
            }
        }
    }
    let Some((partition, txn, read)) = found else { return false };
    let marker = events.iter().position(|event| {
        matches!(event, Event::Append(line)
            if line.partition == partition && line.txn.as_ref() == Some(&txn) && line.marker.is_some())
    });
    let Some(marker) = marker else { return false };
    let Event::Append(mut line) = events.remove(marker) else { return false };
    let later = events.iter().position(|event| event.t().is_some_and(|t| t > read));
    let at = later.unwrap_or_else(|| events.iter().rposition(|event| event.t().is_some()).unwrap() + 1);
    line.t = later.and_then(|later| events[later].t()).unwrap_or_else(|| read.plus(std::time::Duration::from_nanos(9)));
    events.insert(at, Event::Append(line));
    true
}

/// The commit markers of transactions that wrote to both partitions, the last of their producer there.
fn last_markers(events: &[Event]) -> Vec<usize> {
    let mut markers = Vec::new();
    let mut last: std::collections::BTreeMap<String, (usize, Option<String>)> = std::collections::BTreeMap::new();
    let mut txn_of: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for event in events {
        if let Event::Send(send) = event {
            if let Some(txn) = &send.txn {
                txn_of.insert(send.id.to_string(), txn.clone());
            }
        }
    }
    let mut open: std::collections::BTreeMap<String, Option<String>> = std::collections::BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        let Event::Log(line) = event else { continue };
        if line.broker.is_some() {
            continue;
        }
        match line.marker {
            None if line.transactional => {
                open.insert(line.partition.clone(), txn_of.get(&id(line).to_string()).cloned());
            }
            Some(outcome) => {
                let txn = open.remove(&line.partition).flatten().filter(|_| outcome == Outcome::Commit);
                last.insert(line.partition.clone(), (place, txn));
            }
            None => {}
        }
    }
    let txns: Vec<&Option<String>> = last.values().map(|(_, txn)| txn).collect();
    if txns.len() == 2 && txns[0].is_some() && txns[0] == txns[1] {
        markers.extend(last.values().map(|(place, _)| *place));
    }
    markers
}

fn remove_marker(events: &mut Vec<Event>, _: &mut Rng) -> bool {
    let Some(place) = last_markers(events).first().copied() else { return false };
    events.remove(place);
    true
}

fn split_outcome(events: &mut [Event], _: &mut Rng) -> bool {
    let Some(place) = last_markers(events).last().copied() else { return false };
    let Event::Log(line) = &mut events[place] else { return false };
    line.marker = Some(Outcome::Abort);
    true
}

fn lower_commit(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let pick = |event: &Event| match event {
        Event::Commit(line) if line.group == "g" => {
            line.offsets.iter().find(|(_, offset)| **offset > 0).map(|(name, offset)| (name.clone(), *offset))
        }
        _ => None,
    };
    let Some((place, (partition, offset))) = any(events, rng, pick) else { return false };
    let Event::Commit(line) = &events[place] else { return false };
    // The same member commits once more, and less.
    let mut again = line.clone();
    let after = again.end.as_ref().unwrap().t.plus(std::time::Duration::from_nanos(1));
    let later = events.iter().position(|event| event.t().is_some_and(|t| t > after));
    let Some(later) = later else { return false };
    again.t = events[later].t().unwrap();
    again.end.as_mut().unwrap().t = again.t;
    again.offsets.retain(|name, _| *name == partition);
    again.offsets.insert(partition, offset - 1);
    events.insert(later, Event::Commit(again));
    true
}

fn raise_commit(events: &mut [Event], rng: &mut Rng) -> bool {
    let all = events.to_vec();
    let has_read = |process: &str, partition: &str, before: rehearsal::base::Instant| {
        all.iter().any(|event| {
            matches!(event, Event::Poll(poll) if poll.process == process
                && poll.end.as_ref().is_some_and(|end| end.t <= before && end.records.contains_key(partition)))
        })
    };
    let pick = |event: &Event| match event {
        Event::Commit(line) if line.group == "g" => {
            line.offsets.keys().find(|name| has_read(&line.process, name, line.t)).cloned()
        }
        _ => None,
    };
    let Some((place, partition)) = any(events, rng, pick) else { return false };
    let Event::Commit(line) = &mut events[place] else { return false };
    line.offsets.insert(partition, 1_000);
    true
}

fn mark(event: &Event) -> Option<()> {
    matches!(event, Event::Processed(_)).then_some(())
}

fn drop_mark(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let Some((place, ())) = any(events, rng, mark) else { return false };
    events.remove(place);
    // Without any mark at all nothing can be said.
    events.iter().any(|event| mark(event).is_some())
}

fn double_mark(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let Some((place, ())) = any(events, rng, mark) else { return false };
    let again = events[place].clone();
    events.insert(place, again);
    true
}

fn keep_partition(events: &mut [Event], rng: &mut Rng) -> bool {
    let all = events.to_vec();
    let pick = |event: &Event| {
        let Event::Released(line) = event else { return None };
        line.partitions.iter().find_map(|partition| {
            let next = all.iter().find_map(|event| match event {
                Event::Assigned(next) if next.t > line.t && next.partitions.contains_key(partition) => Some(next),
                _ => None,
            })?;
            (next.process != line.process).then(|| partition.clone())
        })
    };
    let Some((place, partition)) = any(events, rng, pick) else { return false };
    let Event::Released(line) = &mut events[place] else { return false };
    line.partitions.retain(|name| *name != partition);
    true
}

fn lower_stable(events: &mut [Event], rng: &mut Rng) -> bool {
    let mut last: std::collections::BTreeMap<(String, i32), i64> = std::collections::BTreeMap::new();
    let mut places = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if let Event::Lso(line) = event {
            let before = last.insert((line.partition.clone(), line.epoch), line.offset);
            if before.is_some_and(|before| before > 0) {
                places.push((place, before.unwrap()));
            }
        }
    }
    let Some((place, before)) =
        places.get(usize::try_from(rng.below(places.len().try_into().unwrap())).unwrap()).copied()
    else {
        return false;
    };
    let Event::Lso(line) = &mut events[place] else { return false };
    line.offset = before - 1;
    true
}

fn raise_watermark(events: &mut [Event], rng: &mut Rng) -> bool {
    let Some((place, ())) = any(events, rng, |event| matches!(event, Event::Hw(_)).then_some(())) else { return false };
    let Event::Hw(line) = &mut events[place] else { return false };
    line.offset += 1;
    true
}

fn truncate(events: &mut Vec<Event>, rng: &mut Rng) -> bool {
    let partition = format!("o-{}", rng.below(2));
    let of = |event: &Event| matches!(event, Event::Log(line) if line.broker.is_none() && line.partition == partition);
    let Some(last) = events.iter().rposition(of) else { return false };
    events.remove(last);
    true
}

#[test]
fn events_can_be_written_as_json() {
    assert!(matches!(event(json!({"event": "healed", "t": 1})), Event::Healed(_)));
}
