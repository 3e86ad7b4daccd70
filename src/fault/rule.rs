//! A fault as it is written: what it is about, when it fires, what happens.

use super::action::Action;
use super::action::Delay;
use super::action::Stage;
use super::action::millis;
use super::condition::Condition;
use super::error::FaultError;
use super::matching::Matching;
use super::target::Target;
use super::target::World;
use crate::base::Command;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::schema::FieldType;
use crate::wire::schema::Struct;
use crate::wire::schema::Versions;
use serde_json::Value;
use std::fmt;
use std::ops::Range;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

type StatePredicate = Arc<dyn Fn(&dyn World) -> bool + Send + Sync>;

/// Something that goes wrong: with which requests, when, and how.
///
/// ```
/// use rehearsal::{ApiKey, ErrorCode, Fault};
/// use std::time::Duration;
///
/// // The second commit of the group is applied, but the client never hears of it.
/// let lost = Fault::on(ApiKey::OffsetCommit).group("shipping").nth(2).lose_answer();
/// assert_eq!(lost.to_string(), "OffsetCommit group=shipping nth=2, once applied: drop");
///
/// // One fetch in ten of the leader's takes between 50 ms and 2 s.
/// let slow = Duration::from_millis(50)..=Duration::from_secs(2);
/// let slow = Fault::on(ApiKey::Fetch).probability(0.1).delay(slow);
/// assert_eq!(slow.to_string(), "Fetch probability=0.1: delay 50..=2000 ms");
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    pub(super) name: Option<String>,
    pub(super) on: Matching,
    pub(super) trigger: Trigger,
    pub(super) stage: Option<Stage>,
    pub(super) action: Option<Action>,
}

/// When a fault fires.
#[derive(Clone, Default)]
pub(super) struct Trigger {
    pub(super) nth: Option<u64>,
    pub(super) every: Option<u64>,
    pub(super) times: Option<u64>,
    pub(super) always: bool,
    pub(super) probability: Option<f64>,
    pub(super) from_ms: Option<u64>,
    pub(super) until_ms: Option<u64>,
    pub(super) after: Option<String>,
    pub(super) when: Option<Condition>,
    pub(super) when_it_holds: Option<StatePredicate>,
}

impl Fault {
    /// A fault of the requests of one API.
    pub fn on(api: ApiKey) -> Self {
        Self::about(Matching { api: Some(api), ..Matching::default() })
    }

    /// A fault of the requests of every API.
    pub fn on_any() -> Self {
        Self::about(Matching::default())
    }

    fn about(on: Matching) -> Self {
        Self { name: None, on, trigger: Trigger::default(), stage: None, action: None }
    }

    /// Names the fault, for reports, for [`Fault::after`], and for the chance that it draws.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only requests of these versions.
    pub fn versions(mut self, versions: RangeInclusive<i16>) -> Self {
        self.on.versions = Some(Versions::new(*versions.start(), *versions.end()));
        self
    }

    /// Only requests to this broker: an id, or a part that a broker plays when the request comes.
    pub fn broker(mut self, target: impl Into<Target>) -> Self {
        self.on.broker = Some(target.into());
        self
    }

    /// Only requests of clients that call themselves so.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.on.client_id = Some(client_id.into());
        self
    }

    /// Only requests of the n-th client, from 0, in the order in which clients (by `client.id`) have asked since faults
    /// were first injected.
    pub fn client(mut self, n: usize) -> Self {
        self.on.client = Some(n);
        self
    }

    /// Only requests of this principal, as Kafka writes it: `User:alice`.
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.on.principal = Some(principal.into());
        self
    }

    /// Only requests on this connection.
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.on.connection = Some(connection);
        self
    }

    /// Only requests about this topic, by name or by id; an error code goes to its partitions only.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.on.rows.topic = Some(topic.into());
        self
    }

    /// Only requests about the partition of this number; an error code goes to it only.
    pub fn partition(mut self, partition: i32) -> Self {
        self.on.rows.partition = Some(partition);
        self
    }

    /// Only requests about this group.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.on.rows.group = Some(group.into());
        self
    }

    /// Only requests with this transactional id.
    pub fn transactional_id(mut self, id: impl Into<String>) -> Self {
        self.on.rows.transactional_id = Some(id.into());
        self
    }

    /// Only requests of this producer, in a field or in a record batch.
    pub fn producer_id(mut self, id: i64) -> Self {
        self.on.producer_id = Some(id);
        self
    }

    /// Only requests in which a field has this value. Fields of lists are found in any element:
    /// `topic_data[].partition_data[].index`.
    ///
    /// Names are those of the protocol guide in lower case with underscores. An API must have been named.
    pub fn field(mut self, path: impl Into<String>, value: impl Into<Value>) -> Self {
        self.on.fields.push((path.into(), value.into()));
        self
    }

    /// Only requests for which this holds. Such a fault cannot be written down.
    pub fn matching(mut self, holds: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.on.predicates.push(Arc::new(holds));
        self
    }

    /// Fires once, also with [`Fault::every`] or [`Fault::probability`].
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Fires at most so often.
    pub fn times(mut self, times: u64) -> Self {
        self.trigger.times = Some(times);
        self
    }

    /// Fires whenever it can.
    pub fn always(mut self) -> Self {
        self.trigger.always = true;
        self
    }

    /// Fires from the n-th request on that fits, counted from 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.trigger.nth = Some(n);
        self
    }

    /// Fires on each n-th request that fits, without end unless [`Fault::times`] sets one.
    pub fn every(mut self, n: u64) -> Self {
        self.trigger.every = Some(n);
        self
    }

    /// Fires by chance, without end unless [`Fault::times`] sets one.
    pub fn probability(mut self, p: f64) -> Self {
        self.trigger.probability = Some(p);
        self
    }

    /// Fires only in this window of time since the cluster's start, in whole milliseconds; the end is not in it.
    pub fn between(mut self, window: Range<Duration>) -> Self {
        self.trigger.from_ms = Some(millis(window.start));
        self.trigger.until_ms = Some(millis(window.end));
        self
    }

    /// Fires only after the fault of this name has fired.
    pub fn after(mut self, fault: impl Into<String>) -> Self {
        self.trigger.after = Some(fault.into());
        self
    }

    /// Fires only while this holds in the cluster.
    pub fn when(mut self, condition: Condition) -> Self {
        self.trigger.when = Some(condition);
        self
    }

    /// Fires only while this holds in the cluster. Such a fault cannot be written down.
    pub fn when_it_holds(mut self, holds: impl Fn(&dyn World) -> bool + Send + Sync + 'static) -> Self {
        self.trigger.when_it_holds = Some(Arc::new(holds));
        self
    }

    /// Lets the request be applied first: what happens, happens to the answer.
    pub fn after_applied(mut self) -> Self {
        self.stage = Some(Stage::Answer);
        self
    }

    /// Does this.
    pub fn action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// Answers with an error code, in every place where the API has one for what was matched.
    pub fn error(self, code: ErrorCode) -> Self {
        self.action(Action::Error(code))
    }

    /// Lets it take longer: a fixed time, a range of times, or a [`Delay`].
    pub fn delay(self, delay: impl Into<Delay>) -> Self {
        self.action(Action::Delay(delay.into()))
    }

    /// Loses the request; the connection goes on. After [`Fault::after_applied`]: loses the answer.
    pub fn drop_it(self) -> Self {
        self.action(Action::Drop)
    }

    /// Applies the request and loses the answer; the connection goes on.
    pub fn lose_answer(self) -> Self {
        self.after_applied().drop_it()
    }

    /// Closes the connection.
    pub fn close(self) -> Self {
        self.action(Action::Close)
    }

    /// Answers nothing more on this connection and leaves it open.
    pub fn silence(self) -> Self {
        self.action(Action::Silence)
    }

    /// Holds it until the guard's `release` is called or the fault ends. A request arrives even if its client has given
    /// it up meanwhile.
    pub fn hold(self) -> Self {
        self.action(Action::Hold)
    }

    /// Holds it until a later request that `other` is about has been handled. Only what `other` matches counts.
    pub fn hold_until(self, other: Self) -> Self {
        self.action(Action::HoldUntil(Box::new(other.on)))
    }

    /// Lets the request arrive twice. After [`Fault::after_applied`]: sends the answer twice.
    pub fn duplicate(self) -> Self {
        self.action(Action::Duplicate)
    }

    /// Answers with the number of another request.
    pub fn wrong_correlation_id(self) -> Self {
        self.action(Action::WrongCorrelationId)
    }

    /// Closes the connection after so many bytes of the answer.
    pub fn truncate(self, bytes: usize) -> Self {
        self.action(Action::Truncate { bytes })
    }

    /// Announces an answer of this length.
    pub fn oversize(self, length: i32) -> Self {
        self.action(Action::Oversize { length })
    }

    /// Flips a bit of the last record batch on its way.
    pub fn corrupt_records(self) -> Self {
        self.action(Action::CorruptRecords)
    }

    /// Sends the answer slowly.
    pub fn slow(self, bytes_per_second: u64) -> Self {
        self.action(Action::Slow { bytes_per_second })
    }

    /// Sends the answer in pieces of this size.
    pub fn chunks(self, bytes: usize) -> Self {
        self.action(Action::Chunks { bytes })
    }

    /// Does something to the cluster: before the request is handled, or, after [`Fault::after_applied`], before its
    /// answer is sent.
    pub fn command(self, command: Command<Target>) -> Self {
        self.action(Action::Command(command))
    }

    /// Throttles the client, as a quota does.
    pub fn throttle(self, time: Duration) -> Self {
        self.action(Action::Throttle { ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX) })
    }

    /// The API, if it is about one.
    pub fn api(&self) -> Option<ApiKey> {
        self.on.api
    }

    /// The fault that must have fired before it.
    pub(crate) fn waits_for(&self) -> Option<&str> {
        self.trigger.after.as_deref()
    }

    /// The command that it gives, if that is what it does.
    pub(crate) fn command_given(&self) -> Option<&Command<Target>> {
        match &self.action {
            Some(Action::Command(command)) => Some(command),
            _ => None,
        }
    }

    /// The versions that it is about, if not all.
    pub(crate) fn wanted_versions(&self) -> Option<Versions> {
        self.on.versions
    }

    /// Where it acts.
    pub(super) fn acts_at(&self) -> Option<Stage> {
        let action = self.action.as_ref()?;
        match (self.stage, action.natural_stage()) {
            // Bytes are those of the answer.
            (Some(Stage::Answer), Stage::Bytes) => Some(Stage::Bytes),
            (stage, natural) => Some(stage.unwrap_or(natural)),
        }
    }

    /// Refuses what could never happen.
    ///
    /// # Errors
    /// [`FaultError`], with what was perhaps meant.
    pub fn check(&self) -> Result<(), FaultError> {
        let impossible = |why: String| Err(FaultError::Impossible(why));
        self.on.check()?;
        let (Some(action), Some(stage)) = (&self.action, self.acts_at()) else {
            return impossible(
                "the fault has no action; say what happens, such as `.error(…)` or `.close()`".to_owned(),
            );
        };
        action.check()?;
        if !action.acts_at(stage) {
            return impossible(format!("`{action}` cannot act on the stage {stage:?}; leave the stage out"));
        }
        if let Some(api) = self.on.api {
            check_on(api, action, stage)?;
        }
        let trigger = &self.trigger;
        if trigger.nth == Some(0) || trigger.every == Some(0) || trigger.times == Some(0) {
            return impossible("nth, every and times count from 1".to_owned());
        }
        if trigger.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return impossible("a probability is between 0 and 1".to_owned());
        }
        if trigger.until_ms.is_some_and(|until| until <= trigger.from_ms.unwrap_or(0)) {
            return impossible("the window of time is empty".to_owned());
        }
        Ok(())
    }
}

/// Refuses actions that have nothing to act on.
fn check_on(api: ApiKey, action: &Action, stage: Stage) -> Result<(), FaultError> {
    let (request, response) = (api.request_facts().body, api.response_facts().body);
    let possible = match (action, stage) {
        (Action::CorruptRecords, Stage::Request) => has_records(request),
        (Action::CorruptRecords, _) => has_records(response),
        (Action::Throttle { .. }, _) => response.fields.iter().any(|field| field.name == "throttle_time_ms"),
        (Action::Error(_), _) => has_codes(response),
        _ => true,
    };
    if possible {
        return Ok(());
    }
    let why = match action {
        Action::CorruptRecords if has_records(request) || has_records(response) => {
            let other = if has_records(request) { "request" } else { "answer" };
            format!("the records of {api} are in its {other}, so `{action}` must act there")
        }
        _ => format!("`{action}` has nothing to act on in {api}"),
    };
    Err(FaultError::Impossible(why))
}

fn has_records(facts: &Struct) -> bool {
    any_field(facts, &|_, ty| matches!(ty, FieldType::Records))
}

fn has_codes(facts: &Struct) -> bool {
    any_field(facts, &|name, _| name == "error_code")
}

fn any_field(facts: &Struct, holds: &dyn Fn(&str, &FieldType) -> bool) -> bool {
    facts.fields.iter().any(|field| {
        holds(field.name, &field.ty)
            || match &field.ty {
                FieldType::Struct(inner) | FieldType::Array(FieldType::Struct(inner)) => any_field(inner, holds),
                _ => false,
            }
    })
}

impl Trigger {
    /// How often it fires at most.
    pub(super) fn limit(&self) -> u64 {
        let unbounded = self.always || self.every.is_some() || self.probability.is_some();
        self.times.unwrap_or(if unbounded { u64::MAX } else { 1 })
    }
}

/// All that is said of it, in a fixed order.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.on)?;
        let trigger = &self.trigger;
        let mut say = |name: &str, value: Option<String>| value.map_or(Ok(()), |value| write!(f, " {name}={value}"));
        say("nth", trigger.nth.map(|n| n.to_string()))?;
        say("every", trigger.every.map(|n| n.to_string()))?;
        say("times", trigger.times.map(|n| n.to_string()))?;
        say("probability", trigger.probability.map(|p| p.to_string()))?;
        say("from_ms", trigger.from_ms.map(|ms| ms.to_string()))?;
        say("until_ms", trigger.until_ms.map(|ms| ms.to_string()))?;
        say("after", trigger.after.clone())?;
        if trigger.always {
            f.write_str(" always")?;
        }
        if let Some(condition) = &trigger.when {
            write!(f, " when {condition}")?;
        }
        if trigger.when_it_holds.is_some() {
            f.write_str(" when a closure holds")?;
        }
        match (&self.action, self.stage) {
            (None, _) => f.write_str(": nothing"),
            (Some(action), Some(Stage::Answer)) => write!(f, ", once applied: {action}"),
            (Some(action), _) => write!(f, ": {action}"),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}
