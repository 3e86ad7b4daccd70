//! The faults that are in force: which of them hits a request, and how often each has fired.

use super::action::Action;
use super::action::Stage;
use super::error::FaultError;
use super::error::nearest;
use super::plan::PlannedCommand;
use super::rows::RowMatch;
use super::rule::Fault;
use super::subject::Subject;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::Rng;
use crate::base::Seed;
use crate::wire::ApiKey;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many firings of one fault are kept, and how many faults that have ended.
const KEPT_MAX: usize = 1000;

/// The number of a fault that was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(u64);

/// A request that a fault has hit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firing {
    /// When.
    pub at: Instant,
    /// The API.
    pub api: ApiKey,
    /// The version of the request.
    pub api_version: i16,
    /// What the client calls itself; empty when it has no name.
    pub client_id: String,
    /// The connection.
    pub connection: ConnectionId,
    /// The broker that was asked: what a symbolic target came to.
    pub broker: BrokerId,
    /// The how manieth it was of the requests that the fault could have hit, from 1.
    pub nth: u64,
    /// The how manieth it was of the client's requests of this API since faults were injected, from 1.
    pub nth_of_client: u64,
    /// How long it was delayed, if that is what the fault does.
    pub delay: Duration,
}

/// A fault and what has become of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FaultReport {
    /// Its name, or all that is said of it.
    pub name: String,
    /// All that is said of it.
    pub fault: String,
    /// How many requests it could have hit.
    pub seen: u64,
    /// How many it has hit.
    pub fired: u64,
    /// Which ones; the first thousand.
    pub fired_on: Vec<Firing>,
    /// When it fired first.
    pub first: Option<Instant>,
    /// Whether it is over.
    pub ended: bool,
}

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) id: FaultId,
    pub(crate) name: Arc<str>,
    pub(crate) action: Action,
    pub(crate) stage: Stage,
    /// How long, if the action is a delay.
    pub(crate) delay: Duration,
    pub(crate) rows: RowMatch,
}

/// A command of a plan.
struct Given {
    name: String,
    text: String,
    at: Option<Instant>,
}

struct Rule {
    name: Arc<str>,
    fault: Fault,
    rng: Rng,
    heal_at: Option<Instant>,
    seen: u64,
    fired: u64,
    fired_on: Vec<Firing>,
}

/// All faults that were injected.
pub(crate) struct Faults {
    seed: Seed,
    rules: BTreeMap<FaultId, Rule>,
    /// Those that can still fire, by API and in order of injection.
    by_api: BTreeMap<Option<ApiKey>, Vec<FaultId>>,
    /// Commands of plans, counted like faults.
    commands: BTreeMap<FaultId, Given>,
    ended: VecDeque<(FaultId, FaultReport)>,
    names: BTreeMap<String, u64>,
    clients: Vec<String>,
    /// How many requests of an API each of them has made.
    asked: BTreeMap<(usize, ApiKey), u64>,
    next: u64,
}

impl Faults {
    pub(crate) fn new(seed: Seed) -> Self {
        let (rules, by_api, ended) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        let commands = BTreeMap::new();
        Self {
            seed,
            rules,
            by_api,
            commands,
            ended,
            names: BTreeMap::new(),
            clients: Vec::new(),
            asked: BTreeMap::new(),
            next: 0,
        }
    }

    /// Whether no request can be hit.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_api.is_empty()
    }

    /// Puts a fault into force, until `heal_at` at the latest. `to_come` are the names of faults that follow.
    pub(crate) fn inject(
        &mut self,
        fault: Fault,
        heal_at: Option<Instant>,
        to_come: &[String],
    ) -> Result<FaultId, FaultError> {
        fault.check()?;
        if let Some(name) = &fault.trigger.after {
            let known = || self.names.keys().chain(to_come);
            if !known().any(|other| other == name) {
                let nearest = nearest(known().map(|other| (other.clone(), other.clone())), name);
                return Err(FaultError::UnknownFault { name: name.clone(), nearest });
            }
        }
        let id = FaultId(self.next);
        self.next += 1;
        let name = fault.name.clone().unwrap_or_else(|| fault.to_string());
        let namesakes = self.names.entry(name.clone()).or_default();
        *namesakes += 1;
        let stream = if *namesakes == 1 { format!("fault {name}") } else { format!("fault {name} #{namesakes}") };
        let rng = self.seed.stream(&stream);
        self.by_api.entry(fault.api()).or_default().push(id);
        let rule = Rule { name: name.into(), fault, rng, heal_at, seen: 0, fired: 0, fired_on: Vec::new() };
        self.rules.insert(id, rule);
        Ok(id)
    }

    /// Ends a fault; its report is kept.
    pub(crate) fn end(&mut self, id: FaultId) {
        self.retire(id);
        let report = self.rules.remove(&id).map(|rule| rule.report());
        if let Some(report) = report.or_else(|| self.commands.remove(&id).map(|given| given.report())) {
            self.ended.push_back((id, FaultReport { ended: true, ..report }));
            if self.ended.len() > KEPT_MAX {
                self.ended.pop_front();
            }
        }
    }

    /// Takes a fault that cannot fire any more out of the way.
    fn retire(&mut self, id: FaultId) {
        let Some(rule) = self.rules.get(&id) else { return };
        let api = rule.fault.api();
        if let Some(ids) = self.by_api.get_mut(&api) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_api.remove(&api);
            }
        }
    }

    /// Decides what happens to a request.
    ///
    /// Every fault that the request fits counts it and draws its chance, whichever of them has it in the end, so that
    /// their numbers do not depend on each other.
    pub(crate) fn decide(&mut self, now: Instant, subject: &Subject<'_>) -> Option<Decision> {
        let client_id = subject.client_id.unwrap_or_default();
        let client = self.clients.iter().position(|known| known == client_id).unwrap_or(self.clients.len());
        if client == self.clients.len() && self.clients.len() < KEPT_MAX {
            self.clients.push(client_id.to_owned());
        }
        let asked = self.asked.entry((client, subject.api())).or_default();
        *asked += 1;
        let nth_of_client = *asked;
        let of_api = self.by_api.get(&Some(subject.api())).map_or(&[][..], Vec::as_slice);
        let of_any = self.by_api.get(&None).map_or(&[][..], Vec::as_slice);
        if of_api.is_empty() && of_any.is_empty() {
            return None;
        }
        let mut ids: Vec<FaultId> = of_api.iter().chain(of_any).copied().collect();
        if !of_any.is_empty() {
            ids.sort_unstable();
        }
        let mut winner: Option<FaultId> = None;
        let mut over = Vec::new();
        for id in ids {
            let after = self.rules.get(&id).and_then(|rule| rule.fault.trigger.after.clone());
            let is_after = after.is_none_or(|name| self.has_fired(&name));
            let Some(rule) = self.rules.get_mut(&id) else { continue };
            if rule.heal_at.is_some_and(|heal_at| now >= heal_at) {
                over.push(id);
                continue;
            }
            if is_after && rule.is_due(now, subject, &self.clients) && winner.is_none() {
                winner = Some(id);
            }
        }
        over.into_iter().for_each(|id| self.retire(id));
        let id = winner?;
        let rule = self.rules.get_mut(&id)?;
        let decision = rule.fire(id, now, subject, nth_of_client)?;
        if rule.fired >= rule.fault.trigger.limit() {
            self.retire(id);
        }
        Some(decision)
    }

    /// The faults whose held requests go on once this request has been handled, besides `own`.
    pub(crate) fn released_by(&self, subject: &Subject<'_>, own: Option<FaultId>) -> Vec<FaultId> {
        let fits = |(id, rule): (&FaultId, &Rule)| match &rule.fault.action {
            Some(Action::HoldUntil(other)) if Some(*id) != own => other.fits(subject, &self.clients).then_some(*id),
            _ => None,
        };
        self.rules.iter().filter_map(fits).collect()
    }

    /// Whether any fault holds requests until another one was handled.
    pub(crate) fn any_holds_until(&self) -> bool {
        self.rules.values().any(|rule| matches!(rule.fault.action, Some(Action::HoldUntil(_))))
    }

    /// Undoes the last firing of a fault, which came to nothing.
    pub(crate) fn take_back(&mut self, id: FaultId) {
        let Some(rule) = self.rules.get_mut(&id) else { return };
        rule.fired = rule.fired.saturating_sub(1);
        rule.fired_on.pop();
        let ids = self.by_api.entry(rule.fault.api()).or_default();
        if let Err(at) = ids.binary_search(&id) {
            ids.insert(at, id);
        }
    }

    /// Counts a command of a plan among the faults.
    pub(crate) fn add_command(&mut self, planned: &PlannedCommand) -> FaultId {
        let id = FaultId(self.next);
        self.next += 1;
        let text = planned.to_string();
        let name = planned.name.clone().unwrap_or_else(|| text.clone());
        self.commands.insert(id, Given { name, text, at: None });
        id
    }

    /// Notes that a command has been given.
    pub(crate) fn command_fired(&mut self, id: FaultId, now: Instant) {
        if let Some(given) = self.commands.get_mut(&id) {
            given.at = Some(now);
        }
    }

    /// When the fault or command of this name has fired first.
    pub(crate) fn first_fired(&self, name: &str) -> Option<Instant> {
        let rules = self.rules.values().filter(|rule| &*rule.name == name);
        let rules = rules.filter_map(|rule| rule.fired_on.first().map(|firing| firing.at));
        let commands = self.commands.values().filter(|given| given.name == name).filter_map(|given| given.at);
        let ended = self.ended.iter().filter(|(_, report)| report.name == name).filter_map(|(_, report)| report.first);
        rules.chain(commands).chain(ended).min()
    }

    fn has_fired(&self, name: &str) -> bool {
        self.first_fired(name).is_some()
    }

    /// What has become of a fault or command.
    pub(crate) fn report(&self, id: FaultId) -> Option<FaultReport> {
        let rule = self.rules.get(&id).map(Rule::report);
        let command = || self.commands.get(&id).map(Given::report);
        let ended = || self.ended.iter().find(|(ended, _)| *ended == id).map(|(_, report)| report.clone());
        rule.or_else(command).or_else(ended)
    }

    /// Whether a fault or command is in force.
    pub(crate) fn is_in_force(&self, id: FaultId) -> bool {
        self.rules.contains_key(&id) || self.commands.contains_key(&id)
    }

    /// How often a fault or command has fired.
    pub(crate) fn fired(&self, id: FaultId) -> Option<u64> {
        self.rules.get(&id).map(|rule| rule.fired).or_else(|| self.report(id).map(|report| report.fired))
    }

    /// What has become of all faults: those that have ended, then those in force.
    pub(crate) fn reports(&self) -> Vec<FaultReport> {
        let ended = self.ended.iter().map(|(_, report)| report.clone());
        ended.chain(self.rules.values().map(Rule::report)).chain(self.commands.values().map(Given::report)).collect()
    }
}

impl Rule {
    /// Counts a request that fits, and says whether the fault wants it.
    fn is_due(&mut self, now: Instant, subject: &Subject<'_>, clients: &[String]) -> bool {
        let trigger = &self.fault.trigger;
        let ms = u64::try_from(now.since_start().as_millis()).unwrap_or(u64::MAX);
        let in_window =
            trigger.from_ms.is_none_or(|from| from <= ms) && trigger.until_ms.is_none_or(|until| ms < until);
        let has_stage = self.fault.acts_at() == Some(Stage::Request) || subject.is_answered();
        if !in_window || !has_stage || !self.fault.on.fits(subject, clients) {
            return false;
        }
        let holds = trigger.when.as_ref().is_none_or(|condition| condition.holds(subject.world))
            && trigger.when_it_holds.as_ref().is_none_or(|holds| holds(subject.world));
        if !holds {
            return false;
        }
        self.seen += 1;
        let by_chance = trigger.probability.is_none_or(|p| self.rng.chance(p));
        // Without `nth`, every third is the third, the sixth, and so on.
        let every = trigger.every.unwrap_or(1);
        let first = trigger.nth.unwrap_or(every);
        let has_turn = self.seen >= first && (self.seen - first).is_multiple_of(every);
        has_turn && by_chance && self.fired < trigger.limit()
    }

    fn fire(&mut self, id: FaultId, now: Instant, subject: &Subject<'_>, nth_of_client: u64) -> Option<Decision> {
        let (action, stage) = (self.fault.action.clone()?, self.fault.acts_at()?);
        let delay = match &action {
            Action::Delay(delay) => delay.draw(&mut self.rng),
            _ => Duration::ZERO,
        };
        self.fired += 1;
        if self.fired_on.len() < KEPT_MAX {
            self.fired_on.push(Firing {
                at: now,
                api: subject.api(),
                api_version: subject.api_version,
                client_id: subject.client_id.unwrap_or_default().to_owned(),
                connection: subject.connection,
                broker: subject.broker,
                nth: self.seen,
                nth_of_client,
                delay,
            });
        }
        Some(Decision { id, name: Arc::clone(&self.name), action, stage, delay, rows: self.fault.on.rows.clone() })
    }

    fn report(&self) -> FaultReport {
        FaultReport {
            name: self.name.to_string(),
            fault: self.fault.to_string(),
            seen: self.seen,
            fired: self.fired,
            fired_on: self.fired_on.clone(),
            first: self.fired_on.first().map(|firing| firing.at),
            ended: false,
        }
    }
}

impl Given {
    fn report(&self) -> FaultReport {
        FaultReport {
            name: self.name.clone(),
            fault: self.text.clone(),
            seen: 1,
            fired: u64::from(self.at.is_some()),
            fired_on: Vec::new(),
            first: self.at,
            ended: false,
        }
    }
}

/// One line: what it is and how often it fired.
impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fired {} of {} times: ", self.fired, self.seen)?;
        if self.name != self.fault {
            write!(f, "{}: ", self.name)?;
        }
        f.write_str(&self.fault)?;
        if self.ended {
            f.write_str(" (ended)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Firing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, api, api_version, client_id, connection, broker, .. } = self;
        write!(f, "{at:?} {api} v{api_version} of {client_id:?} on connection {connection} to broker {broker}")
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
