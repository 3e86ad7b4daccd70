//! A list of faults and commands as one thing: written down, read, injected together, healed together.
//!
//! Not here: carrying it out; an engine does that.

use super::condition::Condition;
use super::error::FaultError;
use super::error::nearest;
use super::rule::Fault;
use super::target::Target;
use crate::base::BrokerAction;
use crate::base::Command;
use crate::base::LinkAction;
use crate::base::PartitionAction;
use crate::base::ProcessAction;
use std::fmt;

/// Faults of requests and commands to the cluster, with when each is due.
///
/// Any part of a plan is a plan: what waits for something that never happens never happens itself, a part that nobody
/// plays is hit by nothing, and killing the dead is no error.
/// ```
/// use rehearsal::fault::FaultPlan;
///
/// let text = r#"{
///   "heal_at_ms": 60000,
///   "faults": [
///     {"name": "lost", "on": {"api": "Produce", "topic": "orders"}, "nth": 3, "stage": "answer", "action": "drop"}
///   ],
///   "commands": [
///     {"after": "lost", "after_ms": 10, "for_ms": 5000,
///      "do": {"broker": {"broker": "leader(orders, 0)", "action": "crash"}}}
///   ]
/// }"#;
/// let plan = FaultPlan::from_json(text).unwrap();
/// assert_eq!(plan.commands[0].to_string(), "crash broker leader(orders, 0) 10 ms after lost, for 5000 ms");
///
/// let typo = FaultPlan::from_json(&text.replace("Produce", "Prodduce")).unwrap_err();
/// assert_eq!(typo.to_string(), "line 4: no API is called `Prodduce`; did you mean `Produce`?");
/// ```
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// When everything ends that the plan has done: its faults, links that are cut, brokers that are down,
    /// markers that are held or slow. In milliseconds since the cluster's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal_at_ms: Option<u64>,
    /// The faults, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// The commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<PlannedCommand>,
}

/// A command and when it is given: at a time, after something else, when something holds; all that is said must be.
///
/// It is given once. One that says nothing of when is given at once.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCommand {
    /// Its name, for reports and for what comes after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Not before this time since the cluster's start, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Not before the fault or command of this name has fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// And so long after it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// Not before this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// So long after it, in milliseconds, its opposite is done: what was crashed restarts, what was cut heals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// What is done, with brokers named by their parts.
    #[serde(rename = "do")]
    pub command: Command<Target>,
}

impl FaultPlan {
    /// A plan of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds a command.
    #[must_use]
    pub fn command(mut self, command: PlannedCommand) -> Self {
        self.commands.push(command);
        self
    }

    /// Ends everything at this time since the cluster's start, in milliseconds.
    #[must_use]
    pub fn heal_at_ms(mut self, ms: u64) -> Self {
        self.heal_at_ms = Some(ms);
        self
    }

    /// How many faults and commands there are.
    pub fn len(&self) -> usize {
        self.faults.len() + self.commands.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The plan without its n-th part, faults first; the parts that are left do what they did.
    #[must_use]
    pub fn without(&self, n: usize) -> Self {
        let mut plan = self.clone();
        if n < plan.faults.len() {
            drop(plan.faults.remove(n));
        } else if n < self.len() {
            plan.commands.remove(n - self.faults.len());
        }
        plan
    }

    /// The names of its faults and commands, so far as they have any.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let commands = self.commands.iter().map(|planned| planned.name.clone());
        self.faults.iter().map(|fault| fault.name.clone()).chain(commands).flatten()
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// [`FaultError::Plan`] with the line, and what was perhaps meant.
    pub fn from_json(text: &str) -> Result<Self, FaultError> {
        let plan: Self = serde_json::from_str(text).map_err(|error| {
            let line = error.line();
            let message = error.to_string();
            // The position is said in front.
            let end = message.rfind(" at line ").unwrap_or(message.len());
            FaultError::Plan { line, message: message[..end].to_owned() }
        })?;
        plan.check_names(text)?;
        Ok(plan)
    }

    /// Writes the plan, for [`FaultPlan::from_json`].
    ///
    /// # Errors
    /// [`FaultError::Impossible`] when a closure is in it.
    pub fn to_json(&self) -> Result<String, FaultError> {
        serde_json::to_string_pretty(self).map_err(|error| FaultError::Impossible(error.to_string()))
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// [`FaultError::Plan`] with the line, and what was perhaps meant.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, FaultError> {
        let plan: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            FaultError::Plan { line: line_of(text, at), message: error.message().trim_end().to_owned() }
        })?;
        plan.check_names(text)?;
        Ok(plan)
    }

    /// Writes the plan, for [`FaultPlan::from_toml`].
    ///
    /// # Errors
    /// [`FaultError::Impossible`] when there is something in it that TOML has no form for, a closure or null.
    #[cfg(feature = "toml")]
    pub fn to_toml(&self) -> Result<String, FaultError> {
        toml::to_string(self).map_err(|error| FaultError::Impossible(error.to_string()))
    }

    /// Refuses a whole plan in which something waits for a name that nobody has.
    pub(crate) fn check_names(&self, text: &str) -> Result<(), FaultError> {
        let names: Vec<String> = self.names().collect();
        let faults = self.faults.iter().map(|fault| &fault.trigger.after);
        for wanted in faults.chain(self.commands.iter().map(|planned| &planned.after)).flatten() {
            if !names.contains(wanted) {
                let nearest = nearest(names.iter().map(|name| (name.clone(), name.clone())), wanted);
                let error = FaultError::UnknownFault { name: wanted.clone(), nearest };
                let line = line_of(text, text.find(&format!("\"{wanted}\"")).unwrap_or(0));
                return Err(FaultError::Plan { line, message: error.to_string() });
            }
        }
        Ok(())
    }
}

/// The line of a position, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

impl PlannedCommand {
    /// A command that is given at once.
    /// ```
    /// use rehearsal::base::{BrokerAction, Command};
    /// use rehearsal::fault::{PlannedCommand, Target};
    /// let crash = Command::Broker { broker: Target::Leader("orders".into(), 0), action: BrokerAction::Crash };
    /// let planned = PlannedCommand::new(crash).at_ms(1000).for_ms(5000);
    /// assert_eq!(planned.to_string(), "crash broker leader(orders, 0) at 1000 ms, for 5000 ms");
    /// ```
    pub fn new(command: Command<Target>) -> Self {
        Self { name: None, at_ms: None, after: None, after_ms: None, when: None, for_ms: None, command }
    }

    /// Gives it a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Not before this time since the cluster's start, in milliseconds.
    #[must_use]
    pub fn at_ms(mut self, ms: u64) -> Self {
        self.at_ms = Some(ms);
        self
    }

    /// So many milliseconds after the fault or command of this name has fired first.
    #[must_use]
    pub fn after(mut self, name: impl Into<String>, ms: u64) -> Self {
        (self.after, self.after_ms) = (Some(name.into()), Some(ms));
        self
    }

    /// Not before this holds.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.when = Some(condition);
        self
    }

    /// Undoes it so many milliseconds later.
    #[must_use]
    pub fn for_ms(mut self, ms: u64) -> Self {
        self.for_ms = Some(ms);
        self
    }
}

impl fmt::Display for PlannedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.command)?;
        if let Some(ms) = self.at_ms {
            write!(f, " at {ms} ms")?;
        }
        if let Some(after) = &self.after {
            match self.after_ms {
                None | Some(0) => write!(f, " after {after}")?,
                Some(ms) => write!(f, " {ms} ms after {after}")?,
            }
        }
        if let Some(condition) = &self.when {
            write!(f, " when {condition}")?;
        }
        self.for_ms.map_or(Ok(()), |ms| write!(f, ", for {ms} ms"))
    }
}

/// What undoes a command; `None` for one that cannot be undone, or is over as soon as it was done.
pub(crate) fn opposite<B: Clone>(command: &Command<B>) -> Option<Command<B>> {
    Some(match command {
        Command::Broker { broker, action } => {
            let action = match action {
                BrokerAction::Crash | BrokerAction::PowerLoss | BrokerAction::Shutdown => BrokerAction::Restart,
                BrokerAction::Pause => BrokerAction::Resume,
                BrokerAction::Fence => BrokerAction::Unfence,
                BrokerAction::FreezeMetadata => BrokerAction::RefreshMetadata,
                _ => return None,
            };
            Command::Broker { broker: broker.clone(), action }
        }
        Command::Partition { topic, partition, action } => {
            let action = match action {
                PartitionAction::Leaderless => PartitionAction::ElectAny,
                PartitionAction::ShrinkIsr { broker } => PartitionAction::ExpandIsr { broker: broker.clone() },
                PartitionAction::FreezeHighWatermark => PartitionAction::ThawHighWatermark,
                PartitionAction::HoldReplication { broker } => {
                    PartitionAction::ReleaseReplication { broker: broker.clone() }
                }
                _ => return None,
            };
            Command::Partition { topic: topic.clone(), partition: *partition, action }
        }
        Command::Link { from, to, action } => {
            let action = match action {
                LinkAction::Clog => LinkAction::Release,
                LinkAction::Cut | LinkAction::Latency { .. } | LinkAction::Bandwidth { .. } => LinkAction::Heal,
                _ => return None,
            };
            Command::Link { from: from.clone(), to: to.clone(), action }
        }
        Command::Process { process, action } => {
            let action = match action {
                ProcessAction::Crash | ProcessAction::Stop => ProcessAction::Restart,
                ProcessAction::Pause => ProcessAction::Resume,
                ProcessAction::Slow { .. } => ProcessAction::Slow { ms: 0 },
                _ => return None,
            };
            Command::Process { process: *process, action }
        }
        Command::CoordinatorLoadTime { .. } => Command::CoordinatorLoadTime { ms: 0 },
        Command::HoldMarkers => Command::ReleaseMarkers,
        Command::MarkerDelay { .. } => Command::MarkerDelay { ms: 0 },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "faults": [
    {"name": "lost", "on": {"api": "Produce"}, "action": "drop"},
    {"on": {"api": "Fetch"},
     "after": "lost",
     "action": {"error": "NOT_LEADER_OR_FOLLOWER"}}
  ],
  "commands": [
    {"after": "lost", "do": "heal_links"},
    {"at_ms": 5, "do": {"partition": {"topic": "t", "partition": 0, "action": "elect_preferred"}}}
  ]
}"#;

    #[test]
    fn a_plan_is_written_and_read() {
        let plan = FaultPlan::from_json(TEXT).unwrap();
        let again = FaultPlan::from_json(&plan.to_json().unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plan:?}"));
        assert_eq!(plan.len(), 4);
        assert_eq!(plan.without(0).len(), 3);
        assert_eq!(plan.without(3).commands.len(), 1);
        assert_eq!(plan.without(9).len(), 4);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(TEXT.contains(from));
            let error = FaultPlan::from_json(&TEXT.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        };
        check("\"Fetch\"", "\"Fecth\"", "line 4: no API is called `Fecth`; did you mean `Fetch`?");
        check("FOLLOWER", "FOLOWER", "line 6: no error code is called `NOT_LEADER_OR_FOLOWER`; did you mean");
        check("\"action\": {\"error\"", "\"acton\": {\"error\"", "line 6: unknown field `acton`, expected one of");
        check(
            "\"action\": \"drop\"",
            "\"action\": \"corrupt_records\", \"stage\": \"answer\"",
            "line 3: the records of",
        );
        check("\"after\": \"lost\",\n", "\"after\": \"lsot\",\n", "line 5: no fault is called `lsot`");
        check("heal_links", "heal_all", "line 9: unknown variant `heal_all`");
        check("\"commands\"", "\"comands\"", "line 8: unknown field `comands`");
        check("}", "", "line 3: ");
    }

    #[cfg(feature = "toml")]
    #[test]
    fn a_plan_is_written_and_read_as_toml() {
        let plan = FaultPlan::from_json(TEXT).unwrap();
        let text = plan.to_toml().unwrap();
        let again = FaultPlan::from_toml(&text).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plan:?}"), "{text}");
        let error = FaultPlan::from_toml("\n[[faults]]\non = { api = \"Fecth\" }\naction = \"drop\"\n").unwrap_err();
        assert_eq!(error.to_string(), "line 3: no API is called `Fecth`; did you mean `Fetch`?");
        let error = FaultPlan::from_toml("heal_at_ms = 1\nfaults = 7\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2: invalid type"), "{error}");
    }
}
