//! Carrying out the commands of fault plans: at their time, after what they wait for, and back again.
//!
//! Not here: faults of requests, which are rules like any other, and what a command does.

use super::engine::Engine;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::Instant;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::fault::Fault;
use crate::fault::FaultError;
use crate::fault::FaultId;
use crate::fault::FaultPlan;
use crate::fault::PlannedCommand;
use crate::fault::Target;
use crate::fault::World as _;
use crate::fault::opposite;
use crate::journal::Event;
use crate::metadata::BrokerState;
use std::collections::BTreeMap;

/// Commands that are still to be given.
#[derive(Default)]
pub(super) struct Plans {
    /// By number, so in the order of the plan.
    pending: BTreeMap<FaultId, PlannedCommand>,
    due: BTreeMap<(Instant, u64), Due>,
    /// When the next of `pending` has its time, as far as that is known.
    next_pending: Option<Instant>,
    sequence: u64,
}

enum Due {
    /// Undo what was done.
    Undo(Command),
    /// End a plan.
    Heal(Heal),
}

/// What ends with a plan, besides what is done to links and brokers.
struct Heal {
    /// Its faults and commands.
    ids: Vec<FaultId>,
    /// The partitions to which it does something.
    partitions: Vec<(String, PartitionIndex)>,
    /// What undoes what it does to the cluster as a whole.
    undo: Vec<Command>,
}

impl Plans {
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.due.keys().next().map(|(at, _)| *at), self.next_pending].into_iter().flatten().min()
    }

    /// Gives up a command that has not been given.
    pub(super) fn cancel(&mut self, id: FaultId) {
        self.pending.remove(&id);
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), due);
    }
}

impl Heal {
    fn new(plan: &FaultPlan, ids: Vec<FaultId>) -> Self {
        let (mut partitions, mut undo) = (Vec::new(), Vec::new());
        let of_faults = plan.faults.iter().filter_map(Fault::command_given);
        for command in plan.commands.iter().map(|planned| &planned.command).chain(of_faults) {
            match command {
                Command::Partition { topic, partition, .. } => partitions.push((topic.clone(), *partition)),
                Command::HoldMarkers
                | Command::MarkerDelay { .. }
                | Command::CoordinatorLoadTime { .. }
                | Command::Process { .. } => {
                    let opposite = opposite(command).and_then(|command| command.try_map(&mut |_| None));
                    undo.extend(opposite.filter(|opposite| !undo.contains(opposite)));
                }
                _ => {}
            }
        }
        Self { ids, partitions, undo }
    }
}

impl Engine {
    /// Puts a plan into force. Returns the numbers of its faults and commands in their order, faults first.
    ///
    /// Names that a fault or command waits for need not exist: any part of a plan is a plan.
    ///
    /// # Errors
    /// [`FaultError`] when a fault is one that cannot happen; then nothing of the plan is in force.
    pub fn inject_plan(&mut self, now: Instant, plan: &FaultPlan) -> Result<Vec<FaultId>, FaultError> {
        let heal_at = plan.heal_at_ms.map(|ms| Instant::START.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)));
        plan.faults.iter().try_for_each(|fault| self.check_fault(fault))?;
        plan.commands.iter().try_for_each(|planned| self.check_process(&planned.command))?;
        let mut ids = Vec::with_capacity(plan.len());
        for fault in &plan.faults {
            let names: Vec<String> = fault.waits_for().map(str::to_owned).into_iter().collect();
            ids.push(self.inject(now, fault.clone(), heal_at, &names)?);
        }
        for planned in &plan.commands {
            let id = self.faults.add_command(planned);
            self.faults.plans.pending.insert(id, planned.clone());
            ids.push(id);
        }
        if let Some(at) = heal_at {
            self.faults.plans.schedule(at, Due::Heal(Heal::new(plan, ids.clone())));
        }
        self.wake_touched(now);
        Ok(ids)
    }

    /// Refuses a fault as [`Engine::inject`] does, without putting it into force.
    ///
    /// # Errors
    /// As [`Engine::inject`].
    pub(super) fn check_fault(&self, fault: &Fault) -> Result<(), FaultError> {
        self.check_served(fault)?;
        fault.command_given().map_or(Ok(()), |command| self.check_process(command))?;
        fault.check()
    }

    /// Gives the commands whose time has come; whether there were any.
    pub(super) fn advance_plans(&mut self, now: Instant) -> bool {
        let mut is_any = false;
        while self.faults.plans.due.keys().next().is_some_and(|(at, _)| *at <= now) {
            is_any = true;
            match self.faults.plans.due.pop_first() {
                Some((_, Due::Undo(command))) => self.give(now, &command),
                Some((_, Due::Heal(heal))) => self.heal(now, &heal),
                None => break,
            }
        }
        if self.faults.plans.pending.is_empty() {
            self.faults.plans.next_pending = None;
            return is_any;
        }
        let mut next: Option<Instant> = None;
        let ids: Vec<FaultId> = self.faults.plans.pending.keys().copied().collect();
        for id in ids {
            let Some(planned) = self.faults.plans.pending.get(&id) else { continue };
            let Some(earliest) = self.earliest(planned) else { continue };
            if earliest > now {
                next = Some(next.map_or(earliest, |next| next.min(earliest)));
            } else if planned.when.as_ref().is_none_or(|condition| condition.holds(&self.state)) {
                if let Some(planned) = self.faults.plans.pending.remove(&id) {
                    is_any = true;
                    self.faults.command_fired(id, now);
                    self.carry_out(now, &planned.command, planned.for_ms);
                }
            }
        }
        self.faults.plans.next_pending = next;
        is_any
    }

    /// When a command may be given at the earliest; `None` while what it waits for has not happened.
    fn earliest(&self, planned: &PlannedCommand) -> Option<Instant> {
        let ms = |ms: Option<u64>| i64::try_from(ms.unwrap_or(0)).unwrap_or(i64::MAX);
        let at = Instant::START.plus_ms(ms(planned.at_ms));
        match &planned.after {
            Some(name) => Some(at.max(self.faults.first_fired(name)?.plus_ms(ms(planned.after_ms)))),
            None => Some(at),
        }
    }

    /// Finds the brokers that are meant now and does it to them; what cannot be done is noted and no error.
    pub(super) fn carry_out(&mut self, now: Instant, command: &Command<Target>, for_ms: Option<u64>) {
        let all = match command {
            Command::Broker { broker, action } => {
                let brokers = broker.resolve(&self.state).into_iter();
                brokers.map(|broker| Command::Broker { broker, action: *action }).collect()
            }
            command => {
                let named = command.try_map(&mut |target| target.resolve(&self.state).first().copied());
                named.into_iter().collect::<Vec<Command>>()
            }
        };
        if all.is_empty() {
            let text = format!("{command}: nobody is that now");
            self.journal.record(now, Event::Command(text.into()));
        }
        for command in all {
            self.give(now, &command);
            if let (Some(ms), Some(undo)) = (for_ms, opposite(&command)) {
                let at = now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX));
                self.faults.plans.schedule(at, Due::Undo(undo));
            }
        }
    }

    fn give(&mut self, now: Instant, command: &Command) {
        if let Err(refusal) = self.apply(now, command) {
            self.journal.record(now, Event::Command(format!("{command}: {}", refusal.message).into()));
        }
    }

    fn heal(&mut self, now: Instant, heal: &Heal) {
        self.journal.record(now, Event::Command("heal".into()));
        for id in &heal.ids {
            self.end_fault(now, *id);
        }
        self.give(now, &Command::HealLinks);
        for broker in self.state.brokers() {
            for action in self.healing(broker) {
                self.give(now, &Command::Broker { broker, action });
            }
        }
        for (topic, partition) in &heal.partitions {
            let partition = *partition;
            let replicas = self.state.replicas(topic, partition.0).into_iter();
            let release = replicas.map(|broker| PartitionAction::ReleaseReplication { broker });
            for action in release.chain([PartitionAction::ThawHighWatermark, PartitionAction::ElectAny]) {
                self.give(now, &Command::Partition { topic: topic.clone(), partition, action });
            }
        }
        for command in &heal.undo {
            self.give(now, command);
        }
    }

    /// What brings a broker back.
    fn healing(&self, broker: BrokerId) -> Vec<BrokerAction> {
        let mut actions = match self.broker_state(broker) {
            BrokerState::Running => Vec::new(),
            BrokerState::Paused => vec![BrokerAction::Resume],
            BrokerState::Down => vec![BrokerAction::Restart],
        };
        if self.is_fenced(broker) {
            actions.push(BrokerAction::Unfence);
        }
        actions.push(BrokerAction::RefreshMetadata);
        actions
    }
}
