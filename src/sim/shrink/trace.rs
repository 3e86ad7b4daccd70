//! What a run shows that helps to find a smaller one: which faults hit what, how far partitions had come, and when the
//! first thing went wrong.

use super::Failure;
use crate::base::Instant;
use crate::check::Event;
use crate::check::History;
use crate::fault::PlanTrace;
use crate::sim::Run;
use std::time::Duration;

/// What was seen of the smallest run so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) run: Run,
    pub(super) trace: PlanTrace,
    /// When the first violation was complete, as far as its witness has times.
    pub(super) violated: Option<Instant>,
}

impl Seen {
    pub(super) fn new(run: Run, failure: &Failure) -> Self {
        let trace = PlanTrace { reports: run.faults().to_vec(), high_watermarks: acknowledged(run.history()) };
        let violated = violated(&run, failure);
        Self { run, trace, violated }
    }
}

/// The high watermark is at least behind what was acknowledged.
fn acknowledged(history: &History) -> Vec<(Instant, String, i32, i64)> {
    let sends = history.sends.iter().filter(|send| send.offset >= 0);
    let mut list: Vec<_> = sends
        .filter_map(|send| {
            let (topic, partition) = history.partition_name(send.partition).rsplit_once('-')?;
            let at = Instant::after_start(Duration::from_nanos(send.completed));
            Some((at, topic.to_owned(), partition.parse().ok()?, send.offset + 1))
        })
        .collect();
    list.sort();
    list
}

/// The moment of the last event of the witness that is complete first.
fn violated(run: &Run, failure: &Failure) -> Option<Instant> {
    let Failure::Finding(code, _) = failure else { return None };
    let history = run.history();
    let examples = run.report().finding(*code)?.examples.iter();
    let last = examples.filter_map(|example| example.steps.iter().filter_map(|step| at(history, step.event?)).max());
    last.min()
}

/// When the event of this number had happened.
fn at(history: &History, number: u32) -> Option<Instant> {
    let after = |nanos: u64| Some(Instant::after_start(Duration::from_nanos(nanos)));
    let ended = |invoked: u64, completed: u64| after(if completed == u64::MAX { invoked } else { completed });
    if let Some(send) = history.sends.iter().find(|send| send.event == number) {
        return ended(send.invoked, send.completed);
    }
    if let Some(poll) = history.polls.iter().find(|poll| poll.event == number) {
        return ended(poll.invoked, poll.completed);
    }
    history.others.iter().find(|(event, _)| *event == number).and_then(|(_, event)| Event::t(event))
}
