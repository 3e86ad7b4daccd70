//! Plans drawn from a seed, after the manner of a swarm: some kinds of faults are off, the others come at wild rates.
//!
//! Not here: running them.

use super::action::Action;
use super::action::Delay;
use super::plan::FaultPlan;
use super::plan::PlannedCommand;
use super::rule::Fault;
use super::target::Target;
use crate::base::BrokerAction;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::GroupAction;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::base::ProcessAction;
use crate::base::Rng;
use crate::base::Seed;
use crate::wire::ApiKey;
use std::ops::Range;
use std::time::Duration;

/// What a random plan may touch, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanScope {
    /// Topics with how many partitions they have.
    pub topics: Vec<(String, i32)>,
    /// Groups.
    pub groups: Vec<String>,
    /// How many processes of a simulated application; a cluster without a simulation has none.
    pub processes: u32,
    /// When everything is healed, in milliseconds since the cluster's start.
    pub heal_at_ms: u64,
}

type Draw = fn(&mut Plan<'_>);

/// The kinds of faults, each of which a swarm has or has not. New kinds go to the end: a kind's number is in its chance.
const KINDS: &[(&str, Draw)] = &[
    ("produce errors", |plan| plan.errors(ApiKey::Produce, PRODUCE_ERRORS)),
    ("fetch errors", |plan| plan.errors(ApiKey::Fetch, FETCH_ERRORS)),
    ("metadata errors", |plan| plan.errors(ApiKey::Metadata, &[ErrorCode::LEADER_NOT_AVAILABLE])),
    ("coordinator errors", |plan| plan.errors(ApiKey::FindCoordinator, &[ErrorCode::COORDINATOR_NOT_AVAILABLE])),
    ("group errors", |plan| {
        plan.errors(ApiKey::Heartbeat, GROUP_ERRORS);
        plan.errors(ApiKey::OffsetCommit, GROUP_ERRORS);
        plan.errors(ApiKey::JoinGroup, GROUP_ERRORS);
    }),
    ("delays", |plan| {
        let (mean, most) = (plan.rng.below(50) + 1, plan.rng.below(3_000) + 50);
        plan.any(|fault| fault.delay(Delay::ExponentialMs(mean)));
        plan.any(|fault| fault.after_applied().delay(Delay::UniformMs(0, most)));
    }),
    ("losses", |plan| {
        plan.any(Fault::drop_it);
        plan.any(Fault::lose_answer);
    }),
    ("closed connections", |plan| {
        plan.any(Fault::close);
        plan.any(|fault| fault.after_applied().close());
    }),
    ("duplicates", |plan| plan.some(&[ApiKey::Produce, ApiKey::Heartbeat, ApiKey::OffsetCommit], Fault::duplicate)),
    ("damaged bytes", |plan| {
        let (cut, piece) = (plan.rng.below(40), plan.rng.below(7) + 1);
        plan.any(|fault| fault.truncate(usize::try_from(cut).unwrap_or(0)));
        plan.any(|fault| fault.chunks(usize::try_from(piece).unwrap_or(1)));
        plan.any(Fault::wrong_correlation_id);
    }),
    ("throttling", |plan| {
        let time = Duration::from_millis(plan.rng.below(1_000) + 1);
        plan.some(&[ApiKey::Produce, ApiKey::Fetch], |fault| fault.throttle(time));
    }),
    ("crashes", |plan| plan.brokers(&[BrokerAction::Crash, BrokerAction::Shutdown])),
    ("pauses", |plan| plan.brokers(&[BrokerAction::Pause, BrokerAction::Fence, BrokerAction::FreezeMetadata])),
    ("links", |plan| plan.links()),
    ("elections", |plan| plan.elections()),
    ("coordinators", |plan| plan.coordinators()),
    ("markers", |plan| plan.markers()),
    ("processes", |plan| plan.processes()),
    ("expelled members", |plan| plan.expelled_members()),
    ("late errors", |plan| {
        // Within the same time others are refused: who has several batches on their way is told in any order.
        let window = plan.window();
        for _ in 0..2 {
            if let Some(code) = plan.pick(LATE_PRODUCE_ERRORS) {
                plan.add_in(&window, RATES, Fault::on(ApiKey::Produce).after_applied().error(code));
            }
        }
        if let Some(code) = plan.pick(REFUSALS) {
            plan.add_in(&window, RATES, Fault::on(ApiKey::Produce).error(code));
        }
    }),
    ("damaged records", |plan| {
        plan.add(Fault::on(ApiKey::Fetch).after_applied().corrupt_records());
        plan.add(Fault::on(ApiKey::Produce).corrupt_records());
    }),
    ("answers twice", |plan| plan.some(ANSWERED, |fault| fault.after_applied().duplicate())),
    ("unheard", |plan| {
        for api in ANSWERED {
            if plan.rng.chance(0.3) {
                let window = plan.window();
                plan.add_in(&window, HIGH_RATES, Fault::on(*api).lose_answer());
            }
        }
    }),
];

const PRODUCE_ERRORS: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::KAFKA_STORAGE_ERROR,
];
const FETCH_ERRORS: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::OFFSET_NOT_AVAILABLE,
    ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
    ErrorCode::KAFKA_STORAGE_ERROR,
];
const GROUP_ERRORS: &[ErrorCode] =
    &[ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::COORDINATOR_NOT_AVAILABLE];
/// What a leader may say although it has written the records.
const LATE_PRODUCE_ERRORS: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::UNKNOWN_SERVER_ERROR,
];
/// After which nothing is sent again.
const REFUSALS: &[ErrorCode] = &[ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode::TOPIC_AUTHORIZATION_FAILED];
/// What clients do all the time, and need the answer of.
const ANSWERED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::Metadata,
    ApiKey::Heartbeat,
    ApiKey::OffsetCommit,
    ApiKey::EndTxn,
    ApiKey::InitProducerId,
];

/// How likely a fault is, if it is there at all.
const RATES: &[f64] = &[0.01, 0.03, 0.1, 0.3];
/// How likely one is that is hardly one below a certain rate.
const HIGH_RATES: &[f64] = &[0.3, 0.7, 1.0];

/// A plan of one kind that is being drawn.
struct Plan<'a> {
    rng: Rng,
    scope: &'a PlanScope,
    kind: &'static str,
    plan: FaultPlan,
}

impl FaultPlan {
    /// A plan that follows from a seed: some kinds of faults, at some rates, in some windows of time, all of which are
    /// healed at the end of the scope.
    ///
    /// Records that were acknowledged by all replicas in sync survive every such plan: no election is unclean, nothing
    /// is truncated, and no disk is lost.
    /// ```
    /// use rehearsal::base::Seed;
    /// use rehearsal::fault::{FaultPlan, PlanScope};
    /// let scope = PlanScope { topics: vec![("orders".into(), 3)], heal_at_ms: 30_000, ..PlanScope::default() };
    /// let plan = FaultPlan::random(Seed(7), &scope);
    /// assert_eq!(plan.to_json(), FaultPlan::random(Seed(7), &scope).to_json());
    /// assert_ne!(plan.to_json(), FaultPlan::random(Seed(8), &scope).to_json());
    /// ```
    pub fn random(seed: Seed, scope: &PlanScope) -> Self {
        let mut whole = Self::new().heal_at_ms(scope.heal_at_ms);
        // One plan in eight is of peace: what fails then is not the faults' doing.
        if seed.stream("fault plan").below(8) == 0 {
            return whole;
        }
        for (kind, draw) in KINDS {
            let mut rng = seed.stream(&format!("fault plan {kind}"));
            if rng.chance(0.4) {
                let mut plan = Plan { rng, scope, kind, plan: Self::new() };
                draw(&mut plan);
                whole.faults.extend(plan.plan.faults);
                whole.commands.extend(plan.plan.commands);
            }
        }
        whole
    }
}

impl Plan<'_> {
    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.rng.below(u64::try_from(from.len()).unwrap_or(0));
        from.get(usize::try_from(at).unwrap_or(0)).cloned()
    }

    /// A moment before everything is healed.
    fn moment(&mut self) -> u64 {
        self.rng.below(self.scope.heal_at_ms)
    }

    /// Some time before everything is healed.
    fn window(&mut self) -> Range<Duration> {
        let (a, b) = (self.moment(), self.moment());
        Duration::from_millis(a.min(b))..Duration::from_millis(a.max(b) + 1)
    }

    fn add(&mut self, fault: Fault) {
        let window = self.window();
        self.add_in(&window, RATES, fault);
    }

    fn add_in(&mut self, window: &Range<Duration>, rates: &[f64], fault: Fault) {
        let rate = self.pick(rates).unwrap_or(0.1);
        let name = format!("{} {}", self.kind, self.plan.faults.len());
        self.plan.faults.push(fault.named(name).between(window.clone()).probability(rate));
    }

    fn any(&mut self, make: impl FnOnce(Fault) -> Fault) {
        self.add(make(Fault::on_any()));
    }

    fn some(&mut self, apis: &[ApiKey], make: impl FnOnce(Fault) -> Fault) {
        if let Some(api) = self.pick(apis) {
            self.add(make(Fault::on(api)));
        }
    }

    fn errors(&mut self, api: ApiKey, codes: &[ErrorCode]) {
        if let Some(code) = self.pick(codes) {
            self.add(Fault::on(api).action(Action::Error(code)));
        }
    }

    fn partition(&mut self) -> Option<(String, i32)> {
        let topics = self.scope.topics.clone();
        let (topic, partitions) = self.pick(&topics)?;
        let partition = self.rng.below(u64::try_from(partitions).unwrap_or(1));
        Some((topic, i32::try_from(partition).unwrap_or(0)))
    }

    /// A broker by some part that it plays.
    fn target(&mut self) -> Target {
        let at = self.partition();
        let groups = self.scope.groups.clone();
        let group = self.pick(&groups);
        match (self.rng.below(5), at, group) {
            (0, _, Some(group)) => Target::Coordinator(group),
            (1, Some((topic, partition)), _) => Target::Follower(topic, partition, 0),
            (2, Some((topic, partition)), _) => Target::IsrMin(topic, partition),
            (3, ..) => Target::Controller,
            (_, Some((topic, partition)), _) => Target::Leader(topic, partition),
            _ => Target::Controller,
        }
    }

    fn command(&mut self, command: Command<Target>) {
        let (at, time) = (self.moment(), self.rng.below(10_000) + 1);
        let name = format!("{} {}", self.kind, self.plan.commands.len());
        self.plan.commands.push(PlannedCommand::new(command).named(name).at_ms(at).for_ms(time));
    }

    fn brokers(&mut self, actions: &[BrokerAction]) {
        for _ in 0..=self.rng.below(3) {
            let broker = self.target();
            if let Some(action) = self.pick(actions) {
                self.command(Command::Broker { broker, action });
            }
        }
    }

    fn links(&mut self) {
        for _ in 0..=self.rng.below(3) {
            let (one, other) = (Node::Broker(self.target()), self.target());
            let other = match self.rng.below(3) {
                0 => Node::AnyClient,
                1 => Node::AnyBroker,
                _ => Node::Broker(other),
            };
            let max_ms = u32::try_from(self.rng.below(500)).unwrap_or(0);
            let latency = LinkAction::Latency { min_ms: 0, max_ms };
            let action = self.pick(&[LinkAction::Cut, LinkAction::Clog, LinkAction::Reset, latency]);
            let (from, to) = if self.rng.chance(0.5) { (one, other) } else { (other, one) };
            if let Some(action) = action {
                self.command(Command::Link { from, to, action });
            }
        }
    }

    fn elections(&mut self) {
        for _ in 0..=self.rng.below(3) {
            let Some((topic, partition)) = self.partition() else { return };
            let broker = Target::Follower(topic.clone(), partition, 0);
            let elect = PartitionAction::Elect { broker: broker.clone() };
            let hold = PartitionAction::HoldReplication { broker };
            let actions = [elect, hold, PartitionAction::ElectPreferred, PartitionAction::Leaderless];
            if let Some(action) = self.pick(&actions) {
                self.command(Command::Partition { topic, partition: PartitionIndex(partition), action });
            }
        }
    }

    fn coordinators(&mut self) {
        for group in self.scope.groups.clone() {
            let broker = self.target();
            let move_it = GroupAction::MoveCoordinator { broker };
            if let Some(action) = self.pick(&[GroupAction::Rebalance, GroupAction::UnloadCoordinator, move_it]) {
                self.command(Command::Group { group, action });
            }
        }
    }

    fn expelled_members(&mut self) {
        for group in self.scope.groups.clone() {
            for _ in 0..=self.rng.below(3) {
                let n = u32::try_from(self.rng.below(6)).unwrap_or(0);
                self.command(Command::Group { group: group.clone(), action: GroupAction::ExpireAny { n } });
            }
        }
    }

    fn processes(&mut self) {
        if self.scope.processes == 0 {
            return;
        }
        for _ in 0..=self.rng.below(2) {
            let process = u32::try_from(self.rng.below(self.scope.processes.into())).unwrap_or(0);
            let ms = u32::try_from(self.rng.below(500) + 1).unwrap_or(1);
            use ProcessAction::*;
            if let Some(action) = self.pick(&[Crash, Crash, Pause, Slow { ms }, Cancel, Stop]) {
                self.command(Command::Process { process, action });
            }
        }
    }

    fn markers(&mut self) {
        for _ in 0..=self.rng.below(2) {
            let ms = u32::try_from(self.rng.below(3_000) + 1).unwrap_or(1);
            if let Some(command) = self.pick(&[Command::HoldMarkers, Command::MarkerDelay { ms }]) {
                self.command(command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_drawn_and_every_plan_can_be_written_and_injected() {
        let topics = vec![("orders".into(), 3)];
        let scope = PlanScope { topics, groups: vec!["g".into()], processes: 2, heal_at_ms: 30_000 };
        let mut seen = std::collections::BTreeSet::new();
        let mut empty = 0;
        for seed in 0..300 {
            let plan = FaultPlan::random(Seed(seed), &scope);
            empty += u32::from(plan.is_empty());
            let names: Vec<String> = plan.names().collect();
            assert_eq!(names.len(), plan.len());
            seen.extend(names.iter().map(|name| name.rsplit_once(' ').unwrap().0.to_owned()));
            for fault in &plan.faults {
                fault.check().unwrap();
            }
            let text = plan.to_json().unwrap();
            assert_eq!(FaultPlan::from_json(&text).unwrap().to_json().unwrap(), text);
        }
        assert_eq!(seen.len(), KINDS.len(), "{seen:?}");
        assert!((20..60).contains(&empty), "{empty}");
    }
}
