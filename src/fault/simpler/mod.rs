//! What can be tried on a plan to make it smaller or simpler, while it still does what it did.
//!
//! Not here: trying it. Everything here is data: a plan goes in, plans that may do the same come out.

mod tied;
mod words;

#[cfg(test)]
mod tests;

pub use tied::PlanTrace;

use super::action::Action;
use super::plan::FaultPlan;
use super::plan::PlannedCommand;
use super::rule::Fault;
use super::rules::FaultReport;
use super::target::Target;
use crate::base::Command;
use crate::base::Instant;
use crate::base::Node;
use crate::base::reduce::Parts;
use crate::base::reduce::Proposal;
use crate::base::reduce::Reduction;
use crate::base::reduce::Rewrites;
use std::ops::Range;
use tied::aimed;
use tied::is_pinned;
use tied::narrower;
use tied::once;
use tied::pinned;
use tied::progress;
use words::plainer_commands;
use words::plainer_faults;
use words::weaker_commands;
use words::weaker_faults;

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

    /// Plans of one of its parts each: one may be enough, where taking others away one by one ends with several that do
    /// the same together.
    pub fn alone(&self) -> Vec<Proposal<Self>> {
        let only = |n: usize| Proposal {
            what: format!("only {}", self.part(n).unwrap_or_default()),
            value: self.without_parts(n + 1..self.len()).without_parts(0..n),
        };
        // Of two, either is what is left without the other.
        let parts = if self.len() > 2 { 0..self.len() } else { 0..0 };
        parts.map(only).filter(|proposal| proposal.value.len() == 1).collect()
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
    /// one by one, or, if it hit very many, to a part of its time.
    pub fn tied(&self, trace: &PlanTrace) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        list.extend(self.all_with("all chance tied to the requests that were hit", |fault| pinned(fault, trace)));
        for (at, fault) in self.faults.iter().enumerate() {
            let name = name_of(fault);
            for (what, narrow) in narrower(fault, trace) {
                list.push(self.with_fault(at, format!("{name}: {what}"), vec![narrow]));
            }
            if let Some(pinned) = pinned(fault, trace) {
                let what = format!("{name}: tied to the {} requests that it hit", pinned.len());
                list.push(self.with_fault(at, what, pinned));
            }
        }
        list
    }

    /// Plans that say by events what this one says by the clock: a fault that hit one request names its API, its client
    /// and its number; a command waits until a partition has come as far as it had.
    pub fn aimed(&self, trace: &PlanTrace) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        list.extend(self.all_with("all faults aimed at APIs and clients", |fault| Some(vec![aimed(fault, trace)?])));
        for (at, fault) in self.faults.iter().enumerate() {
            if let Some(aimed) = aimed(fault, trace) {
                let what = format!("{}: aimed at {}", name_of(fault), aimed.on);
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

    /// The plan with all of its faults changed for which there is a change, if there are several.
    fn all_with(&self, what: &str, change: impl Fn(&Fault) -> Option<Vec<Fault>>) -> Option<Proposal<Self>> {
        let mut value = Self { faults: Vec::new(), ..self.clone() };
        let mut changed = 0;
        for fault in &self.faults {
            let instead = change(fault);
            changed += usize::from(instead.is_some());
            value.faults.extend(instead.unwrap_or_else(|| vec![fault.clone()]));
        }
        (changed > 1).then(|| Proposal { what: what.to_owned(), value })
    }

    /// Plans in which one thing is weaker than in this one, along power loss, crash, pause, reset, lost, late; for
    /// processes along crash, pause, cancelled, slow.
    pub fn weaker(&self) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        for (at, fault) in self.faults.iter().enumerate() {
            for weaker in weaker_faults(fault) {
                list.push(self.with_fault(at, format!("{}: now {weaker}", name_of(fault)), vec![weaker]));
            }
        }
        for (at, planned) in self.commands.iter().enumerate() {
            for command in weaker_commands(&planned.command) {
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
        for (at, fault) in self.faults.iter().enumerate() {
            if fault.name.is_some() && self.is_apart(&name_of(fault), &fault.to_string()) {
                let what = format!("{}: without a name", name_of(fault));
                list.push(self.with_fault(at, what, vec![Fault { name: None, ..fault.clone() }]));
            }
        }
        for (at, planned) in self.commands.iter().enumerate() {
            if planned.name.is_some() && self.is_apart(&name_of_command(planned), &planned.to_string()) {
                let what = format!("{}: without a name", name_of_command(planned));
                list.push(self.with_command(at, what, PlannedCommand { name: None, ..planned.clone() }));
            }
        }
        list
    }

    /// Whether nothing waits for this name, and no other part would be confused with one that has only its text.
    fn is_apart(&self, name: &str, text: &str) -> bool {
        let waits = |after: &Option<String>| after.as_deref() == Some(name);
        let waited_for = self.faults.iter().any(|fault| waits(&fault.trigger.after))
            || self.commands.iter().any(|planned| waits(&planned.after));
        let same = self.faults.iter().map(ToString::to_string).filter(|other| other == text).count()
            + self.commands.iter().map(ToString::to_string).filter(|other| other == text).count();
        !waited_for && same == 1
    }

    /// Plans in which a fault that hits one certain request hits one that comes earlier.
    pub fn earlier(&self) -> Vec<Proposal<Self>> {
        let mut list = Vec::new();
        for (at, fault) in self.faults.iter().enumerate().filter(|(_, fault)| is_pinned(&fault.trigger)) {
            // Of any requests, an earlier one is another one altogether.
            let Some(nth) = fault.trigger.nth.filter(|_| fault.api().is_some()) else { continue };
            for earlier in [1, nth / 2].into_iter().filter(|earlier| *earlier > 0) {
                let earlier = once(fault, earlier);
                list.push(self.with_fault(at, format!("{}: now {earlier}", name_of(fault)), vec![earlier]));
            }
        }
        list
    }

    /// Plans that are healed sooner, at a round time: at once first.
    pub fn healed_sooner(&self) -> Vec<Proposal<Self>> {
        let round = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000].into_iter();
        let sooner = round.filter(|ms| self.heal_at_ms.is_some_and(|now| *ms < now));
        let healed =
            |ms| Proposal { what: format!("healed at {ms} ms"), value: Self { heal_at_ms: Some(ms), ..self.clone() } };
        sooner.map(healed).collect()
    }

    /// The plan with clients under other names.
    #[must_use]
    pub fn with_clients(&self, name: impl Fn(&str) -> String) -> Self {
        let node = |node: &Node<Target>| match node {
            Node::Client(client_id) => Node::Client(name(client_id)),
            other => other.clone(),
        };
        let command = |command: &mut Command<Target>| {
            if let Command::Link { from, to, .. } = command {
                (*from, *to) = (node(from), node(to));
            }
        };
        let mut plan = self.clone();
        for fault in &mut plan.faults {
            fault.on.client_id = fault.on.client_id.as_deref().map(&name);
            match &mut fault.action {
                Some(Action::Command(given)) => command(given),
                Some(Action::HoldUntil(other)) => other.client_id = other.client_id.as_deref().map(&name),
                _ => {}
            }
        }
        plan.commands.iter_mut().for_each(|planned| command(&mut planned.command));
        plan
    }

    /// The plan with processes under other numbers, without what happens to those that have none.
    #[must_use]
    pub fn with_processes(&self, number: impl Fn(u32) -> Option<u32>) -> Self {
        let moved = |command: &mut Command<Target>| match command {
            Command::Process { process, .. } => number(*process).map(|moved| *process = moved).is_some(),
            _ => true,
        };
        let mut plan = self.clone();
        plan.faults.retain_mut(|fault| match &mut fault.action {
            Some(Action::Command(command)) => moved(command),
            _ => true,
        });
        plan.commands.retain_mut(|planned| moved(&mut planned.command));
        plan.without_orphans()
    }

    /// What its n-th part says, counted from 0, faults first; none when there are fewer.
    pub fn part(&self, n: usize) -> Option<String> {
        let command = || self.commands.get(n.checked_sub(self.faults.len())?).map(ToString::to_string);
        self.faults.get(n).map(ToString::to_string).or_else(command)
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
            .pass(Rewrites::new(|plan: &Self, ()| plan.earlier()))
            .pass(Rewrites::new(|plan: &Self, ()| plan.healed_sooner()))
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
