//! A few numbers over time: what was unseen, how long sends took, how many replicas were in sync.

use super::describe::numbered;
use super::time::nanos;
use crate::check::History;
use crate::check::RecordName;
use crate::check::event::Answer;
use crate::check::event::Event;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How many points a curve has at most.
const POINTS_MAX: usize = 240;

/// One number over time.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// What a value is: `records`, `ms`, `replicas`.
    pub(super) unit: &'static str,
    pub(super) points: Vec<(u64, u64)>,
    pub(super) max: u64,
}

/// What is drawn, and when something was broken.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) series: Vec<Series>,
    pub(super) faults: Vec<u64>,
    pub(super) end: u64,
}

impl Metrics {
    pub(super) fn of(history: &History) -> Self {
        let mut acked: Vec<(u64, RecordName)> = Vec::new();
        let mut delivered: Vec<(u64, RecordName)> = Vec::new();
        let mut latency: Vec<(u64, u64)> = Vec::new();
        let mut isr: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut end = 0;
        for (_, event) in numbered(history) {
            end = event.t().map(nanos).unwrap_or(0).max(end);
            match event {
                Event::Send(send) => {
                    let Some(answer) = send.end else { continue };
                    end = nanos(answer.t).max(end);
                    latency.push((nanos(answer.t), nanos(answer.t).saturating_sub(nanos(send.t)) / 1_000_000));
                    if answer.result == Answer::Ok {
                        acked.push((nanos(answer.t), send.id));
                    }
                }
                Event::Poll(poll) => {
                    let Some(answer) = poll.end else { continue };
                    end = nanos(answer.t).max(end);
                    let records = answer.records.values().flatten().filter_map(|record| record.id().cloned());
                    delivered.extend(records.map(|id| (nanos(answer.t), id)));
                }
                // Kafka's own topics have their own troubles.
                Event::Isr(line) if !line.partition.starts_with("__") => {
                    isr.entry(line.partition).or_default().push((nanos(line.t), line.brokers.len() as u64));
                }
                Event::Fault(line) => faults.push(nanos(line.t)),
                _ => {}
            }
        }
        let mut series = Vec::new();
        if !delivered.is_empty() {
            series.push(unseen(acked, delivered));
        }
        latency.sort_unstable();
        series.push(Series::new("time to acknowledge".to_owned(), "ms", latency));
        for (partition, points) in isr.into_iter().take(4) {
            series.push(Series::new(format!("ISR of {partition}"), "replicas", points));
        }
        series.retain(|series| series.points.len() > 1);
        faults.dedup();
        Self { series, faults, end }
    }
}

/// How many acknowledged records nobody was given yet.
fn unseen(acked: Vec<(u64, RecordName)>, delivered: Vec<(u64, RecordName)>) -> Series {
    let acked_when = acked.into_iter().map(|(t, id)| (t, 0_u8, id));
    let delivered_when = delivered.into_iter().map(|(t, id)| (t, 1_u8, id));
    let mut all: Vec<(u64, u8, RecordName)> = acked_when.chain(delivered_when).collect();
    all.sort_unstable();
    let (mut waiting, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut points: Vec<(u64, u64)> = Vec::new();
    for (t, what, id) in all {
        if what == 0 {
            // Whoever reads at the high watermark may be faster than the acknowledgement.
            if !seen.contains(&id) {
                waiting.insert(id);
            }
        } else {
            waiting.remove(&id);
            seen.insert(id);
        }
        match points.last_mut().filter(|(last, _)| *last == t) {
            Some((_, count)) => *count = waiting.len() as u64,
            None => points.push((t, waiting.len() as u64)),
        }
    }
    Series::new("acknowledged, not yet delivered".to_owned(), "records", points)
}

impl Series {
    /// Keeps the greatest value where there are more points than anybody could see.
    fn new(name: String, unit: &'static str, points: Vec<(u64, u64)>) -> Self {
        let max = points.iter().map(|(_, value)| *value).max().unwrap_or(0);
        let each = points.len().div_ceil(POINTS_MAX).max(1);
        let points = points.chunks(each).filter_map(|chunk| chunk.iter().max_by_key(|(_, value)| *value)).copied();
        Self { name, unit, points: points.collect(), max }
    }
}
