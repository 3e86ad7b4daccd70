//! What must not change a verdict: other names, another order of what is independent, polls cut in pieces, more of what
//! is right.

use super::generator::event;
use super::generator::valid;
use rehearsal::base::Seed;
use rehearsal::check::Code;
use rehearsal::check::Event;
use rehearsal::check::History;
use rehearsal::check::event::Delivered;
use rehearsal::check::event::Poll;
use serde_json::json;

fn codes(events: Vec<Event>) -> Vec<Code> {
    History::from_events(events).unwrap().check().codes().to_vec()
}

/// Valid histories, and each with one record of the reader's taken away or repeated.
fn samples() -> impl Iterator<Item = Vec<Event>> {
    (0..15).flat_map(|seed| {
        let events = valid(seed, 25);
        let mut wrong = events.clone();
        let mut rng = Seed(seed).stream("metamorphic");
        let polls = wrong.iter_mut().filter_map(|event| match event {
            Event::Poll(Poll { end: Some(end), .. }) => end.records.values_mut().find(|records| records.len() > 2),
            _ => None,
        });
        for records in polls {
            match rng.below(4) {
                0 => drop(records.remove(1)),
                1 => records.swap(0, 1),
                _ => {}
            }
        }
        [events, wrong]
    })
}

/// The same verdict after a change of the lines' text.
fn unchanged_by_renaming(rename: impl Fn(&str) -> String) {
    for events in samples() {
        let before = codes(events.clone());
        let lines = History::from_events(events).unwrap().to_json_lines();
        let renamed = History::from_json_lines(&rename(&lines)).unwrap();
        assert_eq!(renamed.check().codes(), before, "{lines}");
    }
}

#[test]
fn other_names_change_nothing() {
    unchanged_by_renaming(|lines| lines.replace("\"p0.", "\"zebra.").replace("\"p1.", "\"aardvark."));
    unchanged_by_renaming(|lines| lines.replace("\"m0\"", "\"second\"").replace("\"m1\"", "\"first\""));
    unchanged_by_renaming(|lines| lines.replace("\"o-0\"", "\"z-9\"").replace("\"o-1\"", "\"b-3\""));
}

#[test]
fn partitions_in_another_order_change_nothing() {
    for events in samples() {
        let before = codes(events.clone());
        let mut moved = events;
        let logs = moved.iter().position(|event| matches!(event, Event::FinalLog(_))).unwrap();
        let mut tail = moved.split_off(logs);
        let partition = |event: &Event| match event {
            Event::FinalLog(line) => (std::cmp::Reverse(line.partition.clone()), line.broker),
            Event::Log(line) => (std::cmp::Reverse(line.partition.clone()), line.broker),
            _ => unreachable!("logs are last"),
        };
        tail.sort_by_key(partition);
        moved.extend(tail);
        assert_eq!(codes(moved), before);
    }
}

#[test]
fn polls_cut_in_pieces_change_nothing() {
    for events in samples() {
        let before = codes(events.clone());
        let mut cut = Vec::new();
        for event in events {
            let Event::Poll(poll) = &event else {
                cut.push(event);
                continue;
            };
            let Some(end) = &poll.end else { continue };
            // One poll per record, all within the time of the whole.
            let mut pieces: Vec<Event> = Vec::new();
            for (partition, records) in &end.records {
                for record in records {
                    let mut piece = poll.clone();
                    let only: Vec<Delivered> = vec![record.clone()];
                    piece.end.as_mut().unwrap().records = [(partition.clone(), only)].into();
                    pieces.push(Event::Poll(piece));
                }
            }
            if pieces.is_empty() {
                pieces.push(event);
            }
            cut.extend(pieces);
        }
        assert_eq!(codes(cut), before);
    }
}

#[test]
fn a_suffix_in_which_nothing_is_wrong_changes_nothing() {
    for events in samples() {
        let before = codes(events.clone());
        let mut longer = events;
        let end = 1_000_000;
        for (place, offset) in (0..3).enumerate() {
            let t = end + 10 * place;
            longer.push(event(json!({"event": "send", "t": t, "id": format!("late#{place}"), "to": "o-9",
                "end": {"t": t + 1, "result": "ok", "offset": offset}})));
        }
        longer.push(event(json!({"event": "poll", "t": end + 100, "process": "late reader", "end": {"t": end + 101,
            "result": "ok", "records": {"o-9": [[0, "late#0"], [1, "late#1"], [2, "late#2"]]}}})));
        assert_eq!(codes(longer), before);
    }
}

#[test]
fn more_reads_of_what_is_there_change_no_verdict_on_producers() {
    for events in samples() {
        let before = codes(events.clone());
        let mut records: std::collections::BTreeMap<String, Vec<serde_json::Value>> = std::collections::BTreeMap::new();
        for event in &events {
            if let Event::Log(line) = event {
                if let (None, Some(Some(id))) = (line.broker, line.ids.first()) {
                    records.entry(line.partition.clone()).or_default().push(json!([line.offset, id.to_string()]));
                }
            }
        }
        let mut more = events;
        more.push(event(
            json!({"event": "poll", "t": 1_000_000, "process": "late reader", "isolation": "read_uncommitted",
            "end": {"t": 1_000_001, "result": "ok", "records": records}}),
        ));
        let producers =
            [Code::Lost, Code::Dup, Code::Reorder, Code::AckOff, Code::InconsOff, Code::SeqHole, Code::Torn];
        let of_producers =
            |codes: Vec<Code>| codes.into_iter().filter(|code| producers.contains(code)).collect::<Vec<_>>();
        assert_eq!(of_producers(codes(more)), of_producers(before));
    }
}
