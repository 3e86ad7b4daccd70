//! What a seed decides besides chance itself: what breaks, and how everything is set up within what is promised.
//!
//! Not here: the faults themselves (`fault`).

use super::file::ClusterFile;
use super::file::RunFile;
use super::workload::GroupProtocolName;
use super::workload::Kind;
use super::workload::Workload;
use crate::base::Command;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Rng;
use crate::base::Seed;
use crate::fault::FaultPlan;
use crate::fault::PlanScope;
use crate::fault::PlannedCommand;
use std::time::Duration;

/// How seeds are turned into runs: which faults and options a seed may draw.
///
/// Some kinds of faults are off in a run, the others come at wild rates; one plan in eight is of peace. Everything is
/// drawn before the run, and its [`RunFile`] shows it.
/// ```
/// use rehearsal::sim::{Swarm, WorkloadKind};
///
/// let swarm = Swarm::default();
/// let file = swarm.file(7);
/// println!("{file}");
/// assert_eq!(file.to_json(), swarm.file(7).to_json());
/// assert_ne!(file.to_json(), swarm.file(8).to_json());
/// assert_eq!(swarm.file_of(7, WorkloadKind::Copy).workload.kind, WorkloadKind::Copy);
/// ```
///
/// For an application of one's own it draws the faults only:
/// ```
/// use rehearsal::sim::{Simulation, Swarm};
///
/// let simulation = Simulation::new(7).brokers(3).topic("orders", 2).processes(2).app(|node| async move {
///     node.stopped().await;
///     Ok(())
/// });
/// let run = simulation.faults(Swarm::default()).run().unwrap();
/// println!("{}", run.file());
/// ```
#[derive(Clone, Debug)]
pub struct Swarm {
    heal_after: Duration,
    groups: Vec<String>,
    processes: bool,
    options: bool,
}

impl Default for Swarm {
    fn default() -> Self {
        Self { heal_after: Duration::from_secs(15), groups: Vec::new(), processes: true, options: true }
    }
}

impl Swarm {
    /// Sets when everything is healed. After 15 seconds unless told otherwise.
    #[must_use]
    pub fn heal_after(mut self, time: Duration) -> Self {
        self.heal_after = time;
        self
    }

    /// Names the groups of an application of one's own, to which something may be done as well.
    #[must_use]
    pub fn groups<S: Into<String>>(mut self, groups: impl IntoIterator<Item = S>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether processes crash, stand still, and are asked to end. They do unless told otherwise.
    #[must_use]
    pub fn processes(mut self, may_fail: bool) -> Self {
        self.processes = may_fail;
        self
    }

    /// Sets whether numbers and settings of workloads and clusters are drawn too, within what is promised, instead of
    /// those of [`Workload::new`]. They are unless told otherwise.
    #[must_use]
    pub fn options(mut self, draw: bool) -> Self {
        self.options = draw;
        self
    }

    /// The run of a seed, of one of the workloads.
    pub fn file(&self, seed: u64) -> RunFile {
        let mut rng = Seed(seed).stream("swarm/workload");
        self.file_of(seed, pick(&mut rng, Kind::ALL))
    }

    /// The run of a seed, of this workload.
    pub fn file_of(&self, seed: u64, kind: Kind) -> RunFile {
        let mut file = RunFile::new(seed, Workload::new(kind));
        if self.options {
            file.workload = workload(Seed(seed), kind);
            file.cluster = Some(cluster(Seed(seed)));
        }
        let topics = vec![(super::workload::ORDERS.to_owned(), file.workload.partitions)];
        let processes = u32::try_from(file.workload.processes()).unwrap_or(u32::MAX);
        file.faults = self.plan(Seed(seed), topics, file.workload.groups(), processes);
        if self.options {
            file.faults.commands.extend(latency(Seed(seed)));
        }
        file
    }

    /// What breaks in the run of a seed.
    pub(super) fn plan(
        &self,
        seed: Seed,
        topics: Vec<(String, i32)>,
        groups: Vec<String>,
        processes: u32,
    ) -> FaultPlan {
        let groups = if groups.is_empty() { self.groups.clone() } else { groups };
        let processes = if self.processes { processes } else { 0 };
        let heal_at_ms = u64::try_from(self.heal_after.as_millis()).unwrap_or(u64::MAX);
        FaultPlan::random(seed, &PlanScope { topics, groups, processes, heal_at_ms })
    }
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    let at = rng.below(u64::try_from(from.len()).unwrap_or(1));
    from[usize::try_from(at).unwrap_or(0)].clone()
}

/// One stream for each option, so that a new one leaves the others as they were.
fn draw<T: Clone>(seed: Seed, name: &str, from: &[T]) -> T {
    pick(&mut seed.stream(&format!("swarm/{name}")), from)
}

fn workload(seed: Seed, kind: Kind) -> Workload {
    let mut workload = Workload::new(kind);
    workload.partitions = draw(seed, "partitions", &[1, 2, 3]);
    workload.producers = draw(seed, "producers", &[1, 2, 3]);
    workload.consumers = draw(seed, "consumers", &[1, 2, 3]);
    workload.records = draw(seed, "records", &[10, 30, 50]);
    workload.pause_ms = draw(seed, "pause", &[10, 100, 300]);
    let config = &mut workload.config;
    config.ahead = draw(seed, "ahead", &[1, 1, 5]);
    config.linger_ms = draw(seed, "linger", &[0, 5, 200]);
    config.batch_bytes = draw(seed, "batch", &[200, 16_384]);
    config.group_protocol = draw(seed, "protocol", &[GroupProtocolName::Classic, GroupProtocolName::Consumer]);
    config.session_timeout_ms = draw(seed, "session", &[6_000, 10_000]);
    config.process_ms = draw(seed, "process", &[0, 5, 50]);
    let (request, api) = draw(seed, "patience", &[(10_000, 60_000), (10_000, 60_000), (1_000, 5_000), (3_000, 10_000)]);
    (config.request_timeout_ms, config.api_timeout_ms) = (request, api);
    // Some give up soon, and some do not before everything is over.
    config.delivery_timeout_ms = draw(seed, "delivery", &[120_000, 10_000, 3_600_000]);
    workload
}

fn cluster(seed: Seed) -> ClusterFile {
    ClusterFile { brokers: draw(seed, "brokers", &[3, 3, 4, 5]), ..ClusterFile::default() }
}

/// How far clients and brokers are from each other.
fn latency(seed: Seed) -> Vec<PlannedCommand> {
    let max_ms = draw(seed, "latency", &[0, 0, 2, 30]);
    if max_ms == 0 {
        return Vec::new();
    }
    let ends =
        [(Node::AnyClient, Node::AnyBroker), (Node::AnyBroker, Node::AnyClient), (Node::AnyBroker, Node::AnyBroker)];
    let link = |(number, (from, to))| {
        let action = LinkAction::Latency { min_ms: 0, max_ms };
        PlannedCommand::new(Command::Link { from, to, action }).named(format!("latency {number}"))
    };
    (0..).zip(ends).map(|at: (u32, _)| link(at)).collect()
}
