//! Weaker words for what a fault does, and fewer or rounder ones for when.

use super::is_pinned;
use crate::base::BrokerAction;
use crate::base::Command;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::PartitionAction;
use crate::base::ProcessAction;
use crate::fault::action::Action;
use crate::fault::action::Delay;
use crate::fault::action::Stage;
use crate::fault::plan::PlannedCommand;
use crate::fault::rule::Fault;
use crate::fault::rule::Trigger;
use crate::fault::target::Target;

pub(super) fn weaker_faults(fault: &Fault) -> Vec<Fault> {
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
            weaker_commands(command).into_iter().map(|command| action(Action::Command(command))).collect()
        }
        _ => Vec::new(),
    }
}

/// The gentlest first: what does it too need not be tried in a rougher way.
pub(super) fn weaker_commands(command: &Command<Target>) -> Vec<Command<Target>> {
    let Command::Process { process, action } = command else {
        return weaker_command(command).into_iter().collect();
    };
    let slow = ProcessAction::Slow { ms: 1000 };
    let weaker = match action {
        ProcessAction::Crash => vec![slow, ProcessAction::Cancel, ProcessAction::Pause],
        ProcessAction::Pause | ProcessAction::Cancel => vec![slow],
        ProcessAction::Stop => vec![slow, ProcessAction::Cancel],
        _ => Vec::new(),
    };
    weaker.into_iter().map(|action| Command::Process { process: *process, action }).collect()
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

pub(super) fn plainer_faults(fault: &Fault) -> Vec<Fault> {
    let trigger = &fault.trigger;
    let mut list = Vec::new();
    let mut push = |trigger: Trigger| list.push(Fault { trigger, ..fault.clone() });
    if trigger.when.is_some() {
        push(Trigger { when: None, ..trigger.clone() });
    }
    if trigger.after.is_some() {
        push(Trigger { after: None, ..trigger.clone() });
    }
    if trigger.probability.is_some() {
        push(Trigger { probability: None, always: trigger.times.is_none(), ..trigger.clone() });
    }
    if is_pinned(trigger) && (trigger.from_ms.is_some() || trigger.until_ms.is_some()) {
        push(Trigger { from_ms: None, until_ms: None, ..trigger.clone() });
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

pub(super) fn plainer_commands(planned: &PlannedCommand) -> Vec<PlannedCommand> {
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
    list.extend(shorter_delays(&planned.command).map(|command| PlannedCommand { command, ..planned.clone() }));
    list
}

/// A command that makes something slow, for which less may be enough.
fn shorter_delays(command: &Command<Target>) -> impl Iterator<Item = Command<Target>> + '_ {
    let ms = match command {
        Command::Process { action: ProcessAction::Slow { ms }, .. }
        | Command::MarkerDelay { ms }
        | Command::CoordinatorLoadTime { ms } => *ms,
        _ => 0,
    };
    let shorter = rounder(ms.into()).into_iter().chain([u64::from(ms / 10)]).filter(|ms| *ms > 0);
    shorter.map(move |shorter| {
        let ms = u32::try_from(shorter).unwrap_or(ms);
        match command {
            Command::Process { process, .. } => {
                Command::Process { process: *process, action: ProcessAction::Slow { ms } }
            }
            Command::MarkerDelay { .. } => Command::MarkerDelay { ms },
            _ => Command::CoordinatorLoadTime { ms },
        }
    })
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
