//! How a simulation is described, and how it runs.
//!
//! Not here: what a process is while it runs (`system`), and when all is well again (`liveness`).

use super::error::Error;
use super::file::RunFile;
use super::liveness;
use super::liveness::Course;
use super::node::AppError;
use super::node::Node;
use super::run::Run;
use super::swarm::Swarm;
use super::system::App;
use super::system::Configure;
use super::system::System;
use super::workload::Workload;
use crate::base::Seed;
use crate::check::Contract;
use crate::check::Setup;
use crate::client::ClientBuilder;
use crate::config::NewTopic;
use crate::fault::FaultPlan;
use crate::journal::JournalDetail;
use crate::journal::JournalLimits;
use crate::server::Cluster;
use crate::server::ClusterBuilder;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Not `Send`: a simulation is one thread.
type Task = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;
type Invariant = Box<dyn Fn(&Run) -> Result<(), String>>;
type Nemesis = Box<dyn FnOnce(System) -> Task>;

/// A system in virtual time, before it runs.
///
/// Everything in a run follows from the seed and from this description; a run on another machine, or on another day,
/// is the same run.
///
/// A run has two phases. First things break, by plan or by a nemesis. Then all is healed, if there is a moment for it
/// ([`FaultPlan::heal_at_ms`], [`Simulation::heal_after`]), and from then on everything has to become well within a
/// bound ([`Simulation::converge_within`]): leaders, groups, transactions, and every record that was promised to
/// somebody. It ends when all processes have returned or wait for [`Node::stopped`].
#[must_use = "a simulation does nothing until `run` is called"]
pub struct Simulation {
    seed: Seed,
    name: String,
    cluster: ClusterBuilder,
    processes: usize,
    app: Option<App>,
    configure: Option<Configure>,
    workload: Option<RunFile>,
    nemesis: Option<Nemesis>,
    faults: Option<Faults>,
    heal_after: Option<Duration>,
    must_reach: Vec<String>,
    invariants: Vec<(String, Invariant)>,
    setup: Setup,
    time_max: Duration,
}

/// What is broken by plan: a [`FaultPlan`], or what a [`Swarm`] draws from the seed.
#[derive(Debug)]
pub struct Faults(Source);

#[derive(Debug)]
enum Source {
    Plan(FaultPlan),
    Swarm(Swarm),
}

impl From<FaultPlan> for Faults {
    fn from(plan: FaultPlan) -> Self {
        Self(Source::Plan(plan))
    }
}

impl From<Swarm> for Faults {
    fn from(swarm: Swarm) -> Self {
        Self(Source::Swarm(swarm))
    }
}

impl Simulation {
    /// Begins with one broker, no topics and one process, for at most an hour of virtual time.
    pub fn new(seed: u64) -> Self {
        let limits = JournalLimits { entries_max: 1_000_000, bytes_max: 1 << 30 };
        let cluster = Cluster::in_memory().seed(seed).journal(limits).journal_detail(JournalDetail::Full);
        Self {
            seed: Seed(seed),
            name: "app".to_owned(),
            cluster,
            processes: 1,
            app: None,
            configure: None,
            workload: None,
            nemesis: None,
            faults: None,
            heal_after: None,
            must_reach: Vec::new(),
            invariants: Vec::new(),
            setup: Setup::default(),
            time_max: Duration::from_secs(3600),
        }
    }

    /// Changes the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed);
        self.cluster = self.cluster.seed(seed);
        self
    }

    /// Sets what the application is called in files of its runs. `app` unless told otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how many brokers there are.
    pub fn brokers(mut self, count: u16) -> Self {
        self.cluster = self.cluster.brokers(count);
        self
    }

    /// Adds a topic, replicated on up to three brokers.
    pub fn topic(mut self, name: impl Into<String>, partitions: usize) -> Self {
        self.cluster = self.cluster.topic(name, partitions);
        self
    }

    /// Adds a topic described in full.
    pub fn new_topic(mut self, topic: NewTopic) -> Self {
        self.cluster = self.cluster.new_topic(topic);
        self
    }

    /// Sets anything else about the cluster; its seed and its transport stay.
    pub fn cluster(mut self, change: impl FnOnce(ClusterBuilder) -> ClusterBuilder) -> Self {
        let Seed(seed) = self.seed;
        self.cluster = change(self.cluster).in_memory().seed(seed).journal_detail(JournalDetail::Full);
        self
    }

    /// Sets how many processes of the application run at the same time. One unless told otherwise.
    pub fn processes(mut self, count: usize) -> Self {
        self.processes = count;
        self
    }

    /// Sets how long processes may run, in virtual time. An hour unless told otherwise.
    pub fn time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
        self
    }

    /// Sets what each process does, from its start to its end; after a crash it is done again, from its start.
    pub fn app<F, R>(mut self, app: F) -> Self
    where
        F: Fn(Node) -> R + 'static,
        R: Future<Output = Result<(), AppError>> + 'static,
    {
        self.app = Some(Rc::new(move |node| Box::pin(app(node))));
        self
    }

    /// Changes how the client of each process is set up, beside what was changed before; the closure gets the number of
    /// the process.
    pub fn client(mut self, configure: impl Fn(ClientBuilder, usize) -> ClientBuilder + 'static) -> Self {
        self.configure = Some(match self.configure.take() {
            Some(before) => Rc::new(move |builder, process| configure(before(builder, process), process)),
            None => Rc::new(configure),
        });
        self
    }

    /// Sets what is done to the system while it runs. When it returns, what is still broken stays broken.
    pub fn nemesis<F, R>(mut self, nemesis: F) -> Self
    where
        F: FnOnce(System) -> R + 'static,
        R: Future<Output = Result<(), AppError>> + 'static,
    {
        self.nemesis = Some(Box::new(move |system| Box::pin(nemesis(system))));
        self
    }

    /// Sets what is broken, and when: by a plan, or as a swarm draws it from the seed.
    pub fn faults(mut self, faults: impl Into<Faults>) -> Self {
        self.faults = Some(faults.into());
        self
    }

    /// Has faults drawn from the seed, for all topics and for these groups, until everything is healed.
    pub fn swarm<S: Into<String>>(self, heal_after: Duration, groups: impl IntoIterator<Item = S>) -> Self {
        self.faults(Swarm::default().processes(false).heal_after(heal_after).groups(groups))
    }

    /// Says when everything that was broken has been mended, if no plan says it: from then on all must become well.
    pub fn heal_after(mut self, time: Duration) -> Self {
        self.heal_after = Some(time);
        self
    }

    /// Sets within what time all must be well again after everything is healed: [`Setup::converge_ms`].
    pub fn converge_within(mut self, time: Duration) -> Self {
        self.setup.converge_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Names what the run has to see at least once ([`Run::counters`]): without it, it proves nothing, and fails.
    pub fn must_reach<S: Into<String>>(mut self, counters: impl IntoIterator<Item = S>) -> Self {
        self.must_reach = counters.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a rule of one's own, which is asked when the run is over; what it answers with is told in the report.
    /// ```
    /// use rehearsal::sim::Simulation;
    /// let simulation = Simulation::new(7).topic("orders", 1).app(|_| async { Ok(()) });
    /// let simulation = simulation.invariant("somebody orders", |run| match run.snapshot().topics[0].partitions[0] {
    ///     ref partition if partition.log_end_offset.0 == 0 => Err("nobody did".to_owned()),
    ///     _ => Ok(()),
    /// });
    /// let run = simulation.run().unwrap();
    /// assert_eq!(run.broken(), ["somebody orders: nobody did"]);
    /// assert!(!run.is_ok());
    /// ```
    pub fn invariant(mut self, name: impl Into<String>, rule: impl Fn(&Run) -> Result<(), String> + 'static) -> Self {
        self.invariants.push((name.into(), Box::new(rule)));
        self
    }

    /// Sets what must hold. [`Contract::strict`] unless told otherwise.
    pub fn promise(mut self, contracts: impl IntoIterator<Item = Contract>) -> Self {
        self.setup.intent = contracts.into_iter().collect();
        self
    }

    /// Sets how clients and topics are configured, from which follows what Kafka promises.
    pub fn setup(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    /// The application is one that comes with this crate.
    pub(super) fn workload(self, file: RunFile) -> Self {
        let workload = file.workload.clone();
        let simulation = match workload.kind {
            super::WorkloadKind::App => self,
            _ => {
                let config = workload.config.clone();
                let simulation = self.client(move |builder, _| config.client(builder));
                simulation.processes(workload.processes()).app(move |node| workload.clone().run(node))
            }
        };
        Self { workload: Some(file), ..simulation }
    }

    /// Runs it. Not for use within a Tokio runtime, since it brings one of its own: a plain `#[test]` is the place.
    ///
    /// # Errors
    /// [`Error`], for what is wrong before anything happens.
    pub fn run(self) -> Result<Run, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(Error::Runtime)?;
        LocalSet::new().block_on(&runtime, self.run_within())
    }

    async fn run_within(self) -> Result<Run, Error> {
        let app = self.app.ok_or(Error::NoApp)?;
        let started = Instant::now();
        let cluster = self.cluster.start().await.map_err(Error::Cluster)?;
        let fleeting = self.setup.topics.iter().filter(|(_, topic)| topic.is_fleeting()).map(|(name, _)| name);
        let system = System::new(cluster, self.seed, app, self.configure, started);
        fleeting.for_each(|topic| system.ledger().expect_nothing(topic));
        let mut commands = system.cluster().host_processes();
        let acting = system.clone();
        let acting = tokio::task::spawn_local(async move {
            while let Some((process, action)) = commands.recv().await {
                acting.act(usize::try_from(process).unwrap_or(usize::MAX), action);
            }
        });
        for index in 0..self.processes {
            system.start_first(index).await.map_err(Error::Connect)?;
        }
        let Seed(seed) = self.seed;
        let mut file = self.workload.unwrap_or_else(|| RunFile {
            cluster: None,
            intent: self.setup.intent.clone(),
            ..RunFile::new(seed, Workload::app(self.name))
        });
        file.seed = seed;
        if let Some(faults) = self.faults {
            file.faults = faults.plan(self.seed, system.cluster(), self.processes);
            system.cluster().inject_plan(&file.faults).map_err(Error::Faults)?.keep();
        }
        if let Some(nemesis) = self.nemesis {
            system.start_nemesis(nemesis(system.clone()));
        }
        let healed = file.faults.heal_at_ms.map(Duration::from_millis).max(self.heal_after);
        let course = Course {
            healed: healed.map(|after| started + after),
            converge: Duration::from_millis(self.setup.converge_ms),
            probes: self.setup.intent.contains(&Contract::Live),
            may_lose: self.setup.unclean_leader_election,
            deadline: started + self.time_max,
        };
        let mut setup = self.setup;
        let converged = liveness::see_through(&system, &course).await;
        system.end_nemesis(course.deadline).await?;
        if let Some(time) = converged.within {
            // Found to be well before its time was up, all is judged by the time that it took.
            setup.converge_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        }
        let healed = healed.filter(|_| Instant::now() >= course.healed.unwrap_or(started));
        acting.abort();
        let mut run = system.finish(setup, file, healed, converged.unmet)?;
        run.unreached = self.must_reach;
        if !run.unreached.is_empty() {
            let counters = run.counters();
            run.unreached.retain(|name| counters.get(name.as_str()).is_none_or(|count| *count == 0));
        }
        for (name, rule) in &self.invariants {
            run.broken.extend(rule(&run).err().map(|why| format!("{name}: {why}")));
        }
        Ok(run)
    }
}

impl Faults {
    fn plan(self, seed: Seed, cluster: &Cluster, processes: usize) -> FaultPlan {
        match self.0 {
            Source::Plan(plan) => plan,
            Source::Swarm(swarm) => {
                let topics = cluster.snapshot().topics.into_iter();
                let topics =
                    topics.map(|topic| (topic.name.to_string(), topic.partitions.len().try_into().unwrap_or(1)));
                let processes = u32::try_from(processes).unwrap_or(u32::MAX);
                swarm.plan(seed, topics.collect(), Vec::new(), processes)
            }
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("seed", &self.seed)
            .field("cluster", &self.cluster)
            .field("processes", &self.processes)
            .field("setup", &self.setup)
            .field("time_max", &self.time_max)
            .finish_non_exhaustive()
    }
}
