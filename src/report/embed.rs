//! The events as the page's script wants them, within a budget of bytes.

use super::describe::Lane;
use super::describe::Leaders;
use super::describe::Line;
use super::describe::Sign;
use super::describe::describe;
use super::describe::numbered;
use crate::check::History;
use crate::check::event::Answer;
use crate::check::event::Event;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// What all events may take together; the rest of a page is small beside it.
const BYTES_MAX: usize = 1_300_000;

/// How many events around one that matters are kept when not all can be.
const AROUND: u32 = 60;

/// The events of a page.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) data: Value,
    pub(super) shown: usize,
    pub(super) total: usize,
    /// Whether each event has its line of the history with it.
    pub(super) is_raw: bool,
}

/// Which events are kept: all, or what matters with its surroundings, marks before operations.
pub(super) fn embed(history: &History, leaders: &Leaders, witness: &BTreeSet<u32>) -> Embedded {
    let total = history.len();
    let mut sizes: Vec<(u32, u8, usize, usize)> = Vec::with_capacity(total);
    for (number, event) in numbered(history) {
        let near = witness.range(number.saturating_sub(AROUND)..=number.saturating_add(AROUND)).next().is_some();
        let rank = match &event {
            _ if witness.contains(&number) => 0,
            Event::Fault(_)
            | Event::Leader(_)
            | Event::Crashed(_)
            | Event::Healed(_)
            | Event::Stopping(_)
            | Event::Truncated(_) => 1,
            _ if near => 2,
            Event::Send(_) | Event::Poll(_) | Event::Commit(_) | Event::EndTxn(_) => 3,
            _ => 4,
        };
        let raw = serde_json::to_string(&event).map_or(0, |raw| raw.len());
        let text = describe(number, &event, leaders).text.len() + 40;
        sizes.push((number, rank, text, raw + raw / 6));
    }
    let sum =
        |with_raw: bool| sizes.iter().map(|(_, _, text, raw)| text + if with_raw { *raw } else { 0 }).sum::<usize>();
    let is_raw = sum(true) <= BYTES_MAX;
    let mut kept: BTreeSet<u32> = BTreeSet::new();
    if is_raw || sum(false) <= BYTES_MAX {
        kept.extend(sizes.iter().map(|(number, ..)| *number));
    } else {
        let mut order: Vec<&(u32, u8, usize, usize)> = sizes.iter().collect();
        order.sort_by_key(|(number, rank, ..)| (*rank, *number));
        let mut left = BYTES_MAX;
        for (number, _, text, _) in order {
            let Some(rest) = left.checked_sub(*text) else { break };
            left = rest;
            kept.insert(*number);
        }
    }
    let mut lanes: BTreeSet<Lane> = BTreeSet::new();
    let lines: Vec<(Line, Event)> = numbered(history)
        .filter(|(number, _)| kept.contains(number))
        .map(|(number, event)| (describe(number, &event, leaders), event))
        .inspect(|(line, _)| {
            lanes.insert(line.lane.clone());
        })
        .collect();
    let lanes: Vec<Lane> = lanes.into_iter().collect();
    let mut partitions: BTreeSet<String> = BTreeSet::new();
    let mut rows: Vec<Value> = Vec::with_capacity(lines.len());
    for (line, event) in &lines {
        partitions.extend(line.partitions.iter().cloned());
        rows.push(row(line, event, &lanes, is_raw));
    }
    let data = json!({
        "lanes": lanes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "signs": Sign::ALL.map(Sign::name),
        "partitions": partitions,
        "witness": witness,
        "events": rows,
    });
    Embedded { data, shown: kept.len(), total, is_raw }
}

/// Number, time, end, lane, sign, answer, text, partitions, and the line of the history.
fn row(line: &Line, event: &Event, lanes: &[Lane], is_raw: bool) -> Value {
    let lane = lanes.binary_search(&line.lane).unwrap_or(0);
    let sign = Sign::ALL.iter().position(|sign| *sign == line.sign).unwrap_or(0);
    let answer = match (line.sign.is_operation(), line.answer) {
        (false, _) => "",
        (true, Some(Answer::Ok)) => "ok",
        (true, Some(Answer::Fail)) => "fail",
        (true, Some(Answer::Info)) => "info",
        (true, None) => "open",
    };
    let mut row = vec![
        json!(line.number),
        json!(line.t),
        json!(line.end),
        json!(lane),
        json!(sign),
        json!(answer),
        json!(line.text),
        json!(line.partitions),
    ];
    if is_raw {
        row.push(serde_json::to_value(event).unwrap_or_default());
    }
    Value::Array(row)
}
