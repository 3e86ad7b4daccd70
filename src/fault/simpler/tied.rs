//! Faults and commands tied to what was seen: to requests that were hit, to how far partitions had come.

use super::name_of;
use super::name_of_command;
use crate::base::Instant;
use crate::fault::action::Action;
use crate::fault::action::Delay;
use crate::fault::condition::Condition;
use crate::fault::plan::PlannedCommand;
use crate::fault::rule::Fault;
use crate::fault::rule::Trigger;
use crate::fault::rules::FaultReport;
use crate::fault::rules::Firing;
use std::collections::BTreeMap;

/// A fault by chance that has hit more requests than this is narrowed before it is tied to them one by one.
const PINNED_MAX: usize = 64;

/// What was seen of a run under a plan, as far as it helps to find a simpler plan.
#[derive(Clone, Debug, Default)]
pub struct PlanTrace {
    /// What became of the plan's faults and commands.
    pub reports: Vec<FaultReport>,
    /// How far partitions had come, in order: topic, partition and high watermark from a moment on.
    pub high_watermarks: Vec<(Instant, String, i32, i64)>,
}

impl PlanTrace {
    fn report(&self, name: &str) -> Option<&FaultReport> {
        self.reports.iter().find(|report| report.name == name)
    }
}

/// Whether it hits one certain request at most.
pub(super) fn is_pinned(trigger: &Trigger) -> bool {
    trigger.probability.is_none() && trigger.limit() == 1 && trigger.every.is_none()
}

/// A fault that fires on the n-th request that fits, and once.
pub(super) fn once(fault: &Fault, nth: u64) -> Fault {
    let trigger = Trigger {
        nth: (nth > 1).then_some(nth),
        every: None,
        times: None,
        always: false,
        probability: None,
        ..fault.trigger.clone()
    };
    Fault { trigger, ..fault.clone() }
}

/// The fault as one for each request that it hit. The first keeps the name, since others may wait for it.
pub(super) fn pinned(fault: &Fault, trace: &PlanTrace) -> Option<Vec<Fault>> {
    let name = name_of(fault);
    let report = trace.report(&name)?;
    let firings = &report.fired_on;
    if is_pinned(&fault.trigger) || firings.is_empty() || firings.len() > PINNED_MAX {
        return None;
    }
    let pin = |(n, firing): (usize, &Firing)| {
        let mut pin = once(fault, firing.nth);
        pin.name = Some(if n == 0 { name.clone() } else { format!("{name} @{}", firing.nth) });
        if let Some(Action::Delay(_)) = pin.action {
            let ms = u64::try_from(firing.delay.as_millis()).unwrap_or(u64::MAX);
            pin.action = Some(Action::Delay(Delay::FixedMs(ms)));
        }
        pin
    };
    Some(firings.iter().enumerate().map(pin).collect())
}

/// The fault in the first or in the second half of its hits.
pub(super) fn narrower(fault: &Fault, trace: &PlanTrace) -> Vec<(&'static str, Fault)> {
    let Some(report) = trace.report(&name_of(fault)) else { return Vec::new() };
    let hits = &report.fired_on;
    if hits.len() <= PINNED_MAX || is_pinned(&fault.trigger) {
        return Vec::new();
    }
    let ms = |at: Instant| u64::try_from(at.since_start().as_millis()).unwrap_or(u64::MAX);
    let (first, middle, last) = (ms(hits[0].at), ms(hits[hits.len() / 2].at), ms(hits[hits.len() - 1].at));
    let window = |from: u64, until: u64| {
        let trigger = Trigger { from_ms: Some(from), until_ms: Some(until), ..fault.trigger.clone() };
        Fault { trigger, ..fault.clone() }
    };
    let mut halves = Vec::new();
    if first < middle {
        halves.push(("only the first half of its hits", window(first, middle)));
    }
    if middle > first && middle <= last {
        halves.push(("only the second half of its hits", window(middle, last + 1)));
    }
    halves
}

/// The fault of one request, said by its API, its client and its number instead of a time.
pub(super) fn aimed(fault: &Fault, trace: &PlanTrace) -> Option<Fault> {
    let (on, trigger) = (&fault.on, &fault.trigger);
    let [firing] = &trace.report(&name_of(fault))?.fired_on[..] else { return None };
    let in_time = trigger.from_ms.is_some() || trigger.until_ms.is_some();
    let is_vague = in_time || on.api.is_none() || on.client_id.is_none();
    let is_plain = on.broker.is_none() && on.connection.is_none() && on.rows.is_everything() && on.fields.is_empty();
    if !is_pinned(trigger) || !is_vague || !is_plain || firing.client_id.is_empty() {
        return None;
    }
    let mut aimed = once(fault, firing.nth_of_client);
    aimed.on.api = Some(firing.api);
    aimed.on.client_id = Some(firing.client_id.clone());
    (aimed.trigger.from_ms, aimed.trigger.until_ms) = (None, None);
    // What can act on any API need not act on this one.
    aimed.check().is_ok().then_some(aimed)
}

/// How far partitions had come when the command was given by the clock.
pub(super) fn progress(planned: &PlannedCommand, trace: &PlanTrace) -> Vec<Condition> {
    if planned.at_ms.is_none() || planned.when.is_some() {
        return Vec::new();
    }
    let Some(given) = trace.report(&name_of_command(planned)).and_then(|report| report.first) else {
        return Vec::new();
    };
    let mut reached = BTreeMap::new();
    for (at, topic, partition, offset) in &trace.high_watermarks {
        if *at <= given {
            reached.insert((topic, *partition), *offset);
        }
    }
    let condition = |((topic, partition), offset): ((&String, i32), i64)| Condition::HighWatermark {
        topic: topic.clone(),
        partition,
        at_least: offset,
    };
    reached.into_iter().map(condition).collect()
}
