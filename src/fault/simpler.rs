//! What can be tried on a plan to make it smaller or simpler, while it still does what it did.
//!
//! Not here: trying it. Everything here is data: a plan goes in, plans that may do the same come out.

use super::action::Action;
use super::action::Delay;
use super::action::Stage;
use super::condition::Condition;
use super::plan::FaultPlan;
use super::plan::PlannedCommand;
use super::rule::Fault;
use super::rule::Trigger;
use super::rules::FaultReport;
use super::rules::Firing;
use super::target::Target;
use crate::base::BrokerAction;
use crate::base::Command;
use crate::base::Instant;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::PartitionAction;
use crate::base::reduce::Number;
use crate::base::reduce::Parts;
use crate::base::reduce::Proposal;
use crate::base::reduce::Reduction;
use crate::base::reduce::Rewrites;
use crate::wire::ApiKey;
use std::ops::Range;

/// A fault by chance that has hit more requests than this is narrowed before it is tied to them one by one.
const PINNED_MAX: usize = 64;

/// What was seen of a run under a plan, as far as it helps to find a simpler plan.
#[derive(Clone, Debug, Default)]
pub struct PlanTrace {
    /// What became of the plan's faults and commands.
    pub reports: Vec<FaultReport>,
    /// All requests, in order.
    pub asked: Vec<Asked>,
    /// How far partitions had come, in order: topic, partition and high watermark from a moment on.
    pub high_watermarks: Vec<(Instant, String, i32, i64)>,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Instant,
    /// Its API.
    pub api: ApiKey,
    /// What the client calls itself.
    pub client_id: String,
}

impl PlanTrace {
    fn report(&self, name: &str) -> Option<&FaultReport> {
        self.reports.iter().find(|report| report.name == name)
    }

    /// The requests of one API that a client had made when one of them was hit, with that one.
    fn asked_until(&self, firing: &Firing) -> u64 {
        let same = |asked: &&Asked| asked.api == firing.api && asked.client_id == firing.client_id;
        self.asked.iter().take_while(|asked| asked.at <= firing.at).filter(same).map(|_| 1).sum()
    }
}

impl FaultPlan {
    /// The plan without these of its parts, counted as in [`FaultPlan::without`], and without what would wait for them
    /// for ever.
    /// ```
    /// use rehearsal::fault::{FaultPlan, PlannedCommand};
    /// use rehearsal::{ApiKey, Fault};
    /// use rehearsal::base::Command;
    /// let plan = FaultPlan::new()
    ///     .fault(Fault::on(ApiKey::Produce).named("lost").drop_it())
    ///     .fault(Fault::on(ApiKey::Fetch).named("closed").close())
    ///     .command(PlannedCommand::new(Command::HealLinks).after("lost", 5));
    /// assert_eq!(plan.without_parts(1..2).len(), 2);
    /// assert_eq!(plan.without_parts(0..1).len(), 1);
    /// ```
    #[must_use]
    pub fn without_parts(&self, range: Range<usize>) -> Self {
        let mut n = 0..;
        let mut keep = || n.next().is_none_or(|n| !range.contains(&n));
        let mut plan = self.clone();
        plan.faults.retain(|_| keep());
        plan.commands.retain(|_| keep());
        plan.without_orphans()
    }

    /// The plan without faults and commands that never fired, going by what became of them.
    #[must_use]
    pub fn without_idle(&self, reports: &[FaultReport]) -> Self {
        let fired = |name: &str| reports.iter().all(|report| report.name != name || report.fired > 0);
        let mut plan = self.clone();
        plan.faults.retain(|fault| fired(&name_of(fault)));
        plan.commands.retain(|planned| fired(&name_of_command(planned)));
        plan.without_orphans()
    }

    /// The plan as it is up to this moment: what begins later is gone.
    #[must_use]
    pub fn until(&self, end: Instant) -> Self {
        let end = u64::try_from(end.since_start().as_millis()).unwrap_or(u64::MAX);
        let mut plan = self.clone();
        plan.faults.retain(|fault| fault.trigger.from_ms.is_none_or(|from| from <= end));
        plan.commands.retain(|planned| planned.at_ms.is_none_or(|at| at <= end));
        for fault in &mut plan.faults {
            fault.trigger.until_ms = fault.trigger.until_ms.map(|until| until.min(end + 1));
        }
        plan.without_orphans()
    }

    /// Drops what waits for something that is not in the plan: it would never happen, and a written plan may not have it.
    fn without_orphans(mut self) -> Self {
        loop {
            let names: Vec<String> = self.names().collect();
            let waits = |name: &Option<String>| name.as_ref().is_none_or(|name| names.contains(name));
            let before = self.len();
            self.faults.retain(|fault| waits(&fault.trigger.after));
            self.commands.retain(|planned| waits(&planned.after));
            if self.len() == before {
                return self;
            }
        }
    }

    /// Plans that are like this one and tied to what was seen to happen: a fault by chance to the requests that it hit,
    /// one by one; one that is tied to a time, to an API and a client; a command that is tied to a time, to how far a
    /// partition has come.
    pub fn tied(&self, trace: &PlanTrace) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        let whole = self.faults.iter().fold(Self { faults: Vec::new(), ..self.clone() }, |mut plan, fault| {
            plan.faults.extend(pinned(fault, trace).unwrap_or_else(|| vec![fault.clone()]));
            plan
        });
        if self.faults.iter().filter(|fault| pinned(fault, trace).is_some()).count() > 1 {
            list.push(Proposal { what: "all chance tied to the requests that were hit".to_owned(), value: whole });
        }
        for (at, fault) in self.faults.iter().enumerate() {
            let name = name_of(fault);
            for (what, narrow) in narrower(fault, trace) {
                list.push(self.with_fault(at, format!("{name}: {what}"), vec![narrow]));
            }
            if let Some(pinned) = pinned(fault, trace) {
                let what = format!("{name}: tied to the {} requests that it hit", pinned.len());
                list.push(self.with_fault(at, what, pinned));
            }
            if let Some(aimed) = aimed(fault, trace) {
                let what = format!("{name}: aimed at {}", aimed.on);
                list.push(self.with_fault(at, what, vec![aimed]));
            }
        }
        for (at, planned) in self.commands.iter().enumerate() {
            for condition in progress(planned, trace) {
                let what = format!("{}: when {condition}", name_of_command(planned));
                let planned = PlannedCommand { at_ms: None, when: Some(condition), ..planned.clone() };
                list.push(self.with_command(at, what, planned));
            }
        }
        list
    }

    /// Plans in which one thing is weaker than in this one, along power loss, crash, pause, reset, lost, late.
    pub fn weaker(&self) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        for (at, fault) in self.faults.iter().enumerate() {
            for weaker in weaker_faults(fault) {
                list.push(self.with_fault(at, format!("{}: now {weaker}", name_of(fault)), vec![weaker]));
            }
        }
        for (at, planned) in self.commands.iter().enumerate() {
            if let Some(command) = weaker_command(&planned.command) {
                let what = format!("{}: now {command}", name_of_command(planned));
                list.push(self.with_command(at, what, PlannedCommand { command, ..planned.clone() }));
            }
        }
        list
    }

    /// Plans in which one thing is said with fewer words or rounder numbers than in this one.
    pub fn plainer(&self) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        for (at, fault) in self.faults.iter().enumerate() {
            for plainer in plainer_faults(fault) {
                list.push(self.with_fault(at, format!("{}: now {plainer}", name_of(fault)), vec![plainer]));
            }
        }
        for (at, planned) in self.commands.iter().enumerate() {
            for plainer in plainer_commands(planned) {
                let what = format!("{}: now {plainer}", name_of_command(planned));
                list.push(self.with_command(at, what, plainer));
            }
        }
        for ms in self.heal_at_ms.into_iter().flat_map(rounder) {
            list.push(Proposal {
                what: format!("healed at {ms} ms"),
                value: Self { heal_at_ms: Some(ms), ..self.clone() },
            });
        }
        list
    }

    /// A search for the smallest plan, without anything being known of runs: fewer parts, then weaker ones, then plainer
    /// ones.
    /// ```
    /// use rehearsal::base::Seed;
    /// use rehearsal::fault::{FaultPlan, PlanScope};
    /// let scope = PlanScope { topics: vec![("orders".into(), 3)], heal_at_ms: 30_000, ..PlanScope::default() };
    /// let has_crash = |plan: &FaultPlan| plan.to_json().unwrap().contains("crash").then_some(());
    /// let start = (0..).map(|seed| FaultPlan::random(Seed(seed), &scope)).find(|plan| has_crash(plan).is_some());
    /// let (least, ()) = FaultPlan::reduction().run(start.unwrap(), (), has_crash);
    /// assert_eq!((least.faults.len(), least.commands.len()), (0, 1));
    /// ```
    pub fn reduction() -> Reduction<Self> {
        Reduction::new()
            .pass(Parts::new("faults", Self::len, |plan: &Self, range| plan.without_parts(range)))
            .pass(Rewrites::new(|plan: &Self, ()| plan.weaker()))
            .pass(Number::new(
                "healed at ms",
                1,
                |plan: &Self| plan.heal_at_ms,
                |plan, ms| Self { heal_at_ms: Some(ms), ..plan.clone() },
            ))
            .pass(Rewrites::new(|plan: &Self, ()| plan.plainer()))
    }

    fn with_fault(&self, at: usize, what: String, faults: Vec<Fault>) -> Proposal<Self> {
        let mut value = self.clone();
        value.faults.splice(at..=at, faults);
        Proposal { what, value }
    }

    fn with_command(&self, at: usize, what: String, planned: PlannedCommand) -> Proposal<Self> {
        let mut value = self.clone();
        value.commands[at] = planned;
        Proposal { what, value }
    }
}

/// The name under which it is reported.
fn name_of(fault: &Fault) -> String {
    fault.name.clone().unwrap_or_else(|| fault.to_string())
}

fn name_of_command(planned: &PlannedCommand) -> String {
    planned.name.clone().unwrap_or_else(|| planned.to_string())
}

/// Whether it hits one certain request at most.
fn is_pinned(trigger: &Trigger) -> bool {
    trigger.probability.is_none() && trigger.limit() == 1 && trigger.every.is_none()
}

/// A fault that fires on the n-th request that fits, and once.
fn once(fault: &Fault, nth: u64) -> Fault {
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
fn pinned(fault: &Fault, trace: &PlanTrace) -> Option<Vec<Fault>> {
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
fn narrower(fault: &Fault, trace: &PlanTrace) -> Vec<(&'static str, Fault)> {
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
fn aimed(fault: &Fault, trace: &PlanTrace) -> Option<Fault> {
    let (on, trigger) = (&fault.on, &fault.trigger);
    let [firing] = &trace.report(&name_of(fault))?.fired_on[..] else { return None };
    let in_time = trigger.from_ms.is_some() || trigger.until_ms.is_some();
    let is_vague = in_time || on.api.is_none() || on.client_id.is_none();
    let is_plain = on.broker.is_none() && on.connection.is_none() && on.rows.is_everything() && on.fields.is_empty();
    if !is_pinned(trigger) || !is_vague || !is_plain || firing.client_id.is_empty() {
        return None;
    }
    let mut aimed = once(fault, trace.asked_until(firing));
    aimed.on.api = Some(firing.api);
    aimed.on.client_id = Some(firing.client_id.clone());
    (aimed.trigger.from_ms, aimed.trigger.until_ms) = (None, None);
    // What can act on any API need not act on this one.
    aimed.check().is_ok().then_some(aimed)
}

/// How far partitions had come when the command was given by the clock.
fn progress(planned: &PlannedCommand, trace: &PlanTrace) -> Vec<Condition> {
    if planned.at_ms.is_none() || planned.when.is_some() {
        return Vec::new();
    }
    let Some(given) = trace.report(&name_of_command(planned)).and_then(|report| report.first) else {
        return Vec::new();
    };
    let mut reached = std::collections::BTreeMap::new();
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

fn weaker_faults(fault: &Fault) -> Vec<Fault> {
    let action = |action: Action| {
        // The bytes of an answer are its answer.
        let stage = fault.stage.filter(|stage| *stage != Stage::Bytes);
        let of_bytes = (fault.acts_at() == Some(Stage::Bytes)).then_some(Stage::Answer);
        Fault { action: Some(action), stage: stage.or(of_bytes), ..fault.clone() }
    };
    match &fault.action {
        Some(
            Action::Close
            | Action::Silence
            | Action::Truncate { .. }
            | Action::Oversize { .. }
            | Action::WrongCorrelationId
            | Action::CorruptRecords,
        ) => vec![action(Action::Drop)],
        Some(Action::Drop | Action::Hold | Action::HoldUntil(_) | Action::Slow { .. } | Action::Chunks { .. }) => {
            vec![action(Action::Delay(Delay::FixedMs(1000)))]
        }
        Some(Action::Delay(Delay::UniformMs(_, max))) => vec![action(Action::Delay(Delay::FixedMs(*max)))],
        Some(Action::Delay(Delay::ExponentialMs(mean))) => vec![action(Action::Delay(Delay::FixedMs(*mean)))],
        Some(Action::Command(command)) => {
            weaker_command(command).into_iter().map(|command| action(Action::Command(command))).collect()
        }
        _ => Vec::new(),
    }
}

fn weaker_command(command: &Command<Target>) -> Option<Command<Target>> {
    Some(match command {
        Command::Broker { broker, action } => {
            let action = match action {
                BrokerAction::PowerLoss | BrokerAction::Decommission => BrokerAction::Crash,
                BrokerAction::Crash => BrokerAction::Pause,
                BrokerAction::Pause => {
                    let (from, to) = (Node::AnyClient, Node::Broker(broker.clone()));
                    return Some(Command::Link { from, to, action: LinkAction::Reset });
                }
                _ => return None,
            };
            Command::Broker { broker: broker.clone(), action }
        }
        Command::Link { from, to, action } => {
            let action = match action {
                LinkAction::Cut | LinkAction::Clog => LinkAction::Reset,
                LinkAction::Reset => LinkAction::Latency { min_ms: 1000, max_ms: 1000 },
                LinkAction::Latency { min_ms, max_ms } if min_ms != max_ms => {
                    LinkAction::Latency { min_ms: *max_ms, max_ms: *max_ms }
                }
                _ => return None,
            };
            Command::Link { from: from.clone(), to: to.clone(), action }
        }
        Command::Partition { topic, partition, action: PartitionAction::ElectUnclean { broker } } => {
            let action = PartitionAction::Elect { broker: broker.clone() };
            Command::Partition { topic: topic.clone(), partition: *partition, action }
        }
        _ => return None,
    })
}

fn plainer_faults(fault: &Fault) -> Vec<Fault> {
    let trigger = &fault.trigger;
    let mut list = Vec::new();
    let mut push = |trigger: Trigger| list.push(Fault { trigger, ..fault.clone() });
    if trigger.when.is_some() {
        push(Trigger { when: None, ..trigger.clone() });
    }
    if trigger.after.is_some() {
        push(Trigger { after: None, ..trigger.clone() });
    }
    if is_pinned(trigger) {
        if trigger.from_ms.is_some() || trigger.until_ms.is_some() {
            push(Trigger { from_ms: None, until_ms: None, ..trigger.clone() });
        }
        if let Some(nth) = trigger.nth {
            push(Trigger { nth: None, ..trigger.clone() });
            for smaller in [nth / 2, nth - 1].into_iter().filter(|smaller| *smaller > 1) {
                push(Trigger { nth: Some(smaller), ..trigger.clone() });
            }
        }
    }
    for from in trigger.from_ms.into_iter().flat_map(|from| rounder(from).into_iter().chain([0])) {
        if trigger.from_ms != Some(from) {
            push(Trigger { from_ms: (from > 0).then_some(from), ..trigger.clone() });
        }
    }
    for unit in UNITS {
        if let Some(until) = trigger.until_ms.filter(|until| !until.is_multiple_of(unit)) {
            push(Trigger { until_ms: Some(until.next_multiple_of(unit)), ..trigger.clone() });
        }
    }
    if let Some(Action::Delay(Delay::FixedMs(ms))) = fault.action {
        list.extend(
            rounder(ms)
                .into_iter()
                .map(|ms| Fault { action: Some(Action::Delay(Delay::FixedMs(ms))), ..fault.clone() }),
        );
    }
    list
}

fn plainer_commands(planned: &PlannedCommand) -> Vec<PlannedCommand> {
    let mut list = Vec::new();
    if planned.when.is_some() {
        list.push(PlannedCommand { when: None, ..planned.clone() });
    }
    if planned.after.is_some() {
        list.push(PlannedCommand { after: None, after_ms: None, ..planned.clone() });
    }
    if planned.for_ms.is_some() {
        list.push(PlannedCommand { for_ms: None, ..planned.clone() });
    }
    if planned.at_ms.is_some() {
        list.push(PlannedCommand { at_ms: None, ..planned.clone() });
    }
    let numbers = |ms: Option<u64>| ms.into_iter().flat_map(rounder);
    list.extend(numbers(planned.at_ms).map(|ms| PlannedCommand { at_ms: Some(ms), ..planned.clone() }));
    list.extend(numbers(planned.after_ms).map(|ms| PlannedCommand { after_ms: Some(ms), ..planned.clone() }));
    list.extend(numbers(planned.for_ms).map(|ms| PlannedCommand { for_ms: Some(ms), ..planned.clone() }));
    list
}

const UNITS: [u64; 4] = [10_000, 1_000, 100, 10];

/// Smaller numbers with more zeros at their end, the roundest first.
fn rounder(number: u64) -> Vec<u64> {
    let mut list: Vec<u64> =
        UNITS.iter().filter(|unit| !number.is_multiple_of(**unit)).map(|unit| number - number % unit).collect();
    list.retain(|smaller| *smaller > 0);
    list.dedup();
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::base::ConnectionId;
    use std::time::Duration;

    fn at(ms: u64) -> Instant {
        Instant::after_start(Duration::from_millis(ms))
    }

    fn firing(ms: u64, client: &str, nth: u64) -> Firing {
        Firing {
            at: at(ms),
            api: ApiKey::Produce,
            api_version: 9,
            client_id: client.to_owned(),
            connection: ConnectionId(1),
            broker: BrokerId(0),
            nth,
            delay: Duration::from_millis(nth),
        }
    }

    fn report(name: &str, fired_on: Vec<Firing>) -> FaultReport {
        FaultReport {
            name: name.to_owned(),
            fault: String::new(),
            seen: 9,
            fired: fired_on.len() as u64,
            first: fired_on.first().map(|firing| firing.at),
            fired_on,
            ended: false,
        }
    }

    fn texts(list: &[Proposal<FaultPlan>]) -> Vec<String> {
        let parts = |plan: &FaultPlan| {
            let faults = plan.faults.iter().map(ToString::to_string);
            faults.chain(plan.commands.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; ")
        };
        list.iter().map(|proposal| parts(&proposal.value)).collect()
    }

    #[test]
    fn what_never_fired_goes_with_what_waits_for_it() {
        let plan = FaultPlan::new()
            .fault(Fault::on(ApiKey::Produce).named("a").drop_it())
            .fault(Fault::on(ApiKey::Fetch).named("b").after("a").drop_it())
            .command(PlannedCommand::new(Command::HealLinks).named("c").after("b", 1))
            .command(PlannedCommand::new(Command::HealLinks).named("d"));
        let reports = [report("a", Vec::new()), report("d", vec![firing(1, "x", 1)])];
        assert_eq!(plan.without_idle(&reports).names().collect::<Vec<_>>(), ["d"]);
        assert_eq!(plan.without_parts(1..2).names().collect::<Vec<_>>(), ["a", "d"]);
    }

    #[test]
    fn what_begins_later_is_cut_off() {
        let window = |from, until| Duration::from_millis(from)..Duration::from_millis(until);
        let plan = FaultPlan::new()
            .fault(Fault::on(ApiKey::Produce).between(window(10, 900)).drop_it())
            .fault(Fault::on(ApiKey::Produce).between(window(501, 900)).drop_it())
            .command(PlannedCommand::new(Command::HealLinks).at_ms(500))
            .command(PlannedCommand::new(Command::HealLinks).at_ms(501));
        let cut = [Proposal { what: String::new(), value: plan.until(at(500)) }];
        assert_eq!(texts(&cut), ["Produce from_ms=10 until_ms=501: drop; heal all links at 500 ms"]);
    }

    #[test]
    fn chance_is_tied_to_what_it_hit_and_then_aimed_at_it() {
        let fault = Fault::on_any().named("loss").probability(0.1).delay(Delay::ExponentialMs(70));
        let plan = FaultPlan::new().fault(fault);
        let hits = vec![firing(10, "x", 3), firing(50, "y", 8)];
        let trace = PlanTrace { reports: vec![report("loss", hits)], ..PlanTrace::default() };
        let tied = plan.tied(&trace);
        assert_eq!(texts(&tied), ["any API nth=3: delay 3 ms; any API nth=8: delay 8 ms"]);
        assert_eq!(tied[0].value.names().collect::<Vec<_>>(), ["loss", "loss @8"]);

        let asked = |ms, client: &str| Asked { at: at(ms), api: ApiKey::Produce, client_id: client.to_owned() };
        let second = tied[0].value.without_parts(0..1);
        let trace = PlanTrace {
            reports: vec![report("loss @8", vec![firing(50, "y", 8)])],
            asked: vec![asked(1, "y"), asked(2, "x"), asked(50, "y"), asked(60, "y")],
            ..PlanTrace::default()
        };
        assert_eq!(texts(&second.tied(&trace)), ["Produce client_id=y nth=2: delay 8 ms"]);
        assert!(second.tied(&trace)[0].value.tied(&trace).is_empty());
    }

    #[test]
    fn a_command_waits_for_progress_instead_of_the_clock() {
        let plan = FaultPlan::new().command(PlannedCommand::new(Command::HoldMarkers).named("hold").at_ms(7384));
        let mut seen = report("hold", Vec::new());
        seen.first = Some(at(7384));
        let far = |ms, offset| (at(ms), "t".to_owned(), 0, offset);
        let trace = PlanTrace {
            reports: vec![seen],
            high_watermarks: vec![far(1, 1), far(7000, 20), far(7400, 21)],
            ..PlanTrace::default()
        };
        assert_eq!(texts(&plan.tied(&trace)), ["hold markers when the high watermark of t-0 is at least 20"]);
    }

    #[test]
    fn weaker_and_plainer_ways_come_to_an_end() {
        let loss = Command::Broker { broker: Target::Controller, action: BrokerAction::PowerLoss };
        let plan = FaultPlan::new()
            .fault(Fault::on(ApiKey::Fetch).nth(13).between(at(15).since_start()..at(1234).since_start()).truncate(7))
            .command(PlannedCommand::new(loss).at_ms(7384).for_ms(1234))
            .heal_at_ms(31_234);
        let mut steps = 0;
        let anything = |_: &FaultPlan| {
            steps += 1;
            Some(())
        };
        let keep = Reduction::new()
            .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.weaker()))
            .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.plainer()))
            .run(plan, (), anything);
        let plainest = Proposal { what: String::new(), value: keep.0 };
        assert_eq!(plainest.value.heal_at_ms, Some(30_000));
        assert_eq!(
            texts(&[plainest]),
            ["Fetch, once applied: delay 1000 ms; link from any client to broker controller: latency 1000..=1000 ms"]
        );
        assert!(steps < 20, "{steps}");
    }
}
