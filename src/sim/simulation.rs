//! How a simulation is described, and how it runs.

use super::node::AppError;
use super::node::Inner;
use super::node::Node;
use super::node::name_of;
use super::run::Ending;
use super::run::Run;
use super::watcher::Ledger;
use super::watcher::Watcher;
use super::white_box;
use crate::base::Seed;
use crate::check::Contract;
use crate::check::Event;
use crate::check::History;
use crate::check::HistoryError;
use crate::check::Setup;
use crate::check::event;
use crate::client::Client;
use crate::config::NewTopic;
use crate::fault::FaultPlan;
use crate::fault::PlanScope;
use crate::journal::JournalLimits;
use crate::server::Cluster;
use crate::server::ClusterBuilder;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::task::JoinHandle;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Not `Send`: a simulation is one thread.
type Task = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;
type App = Rc<dyn Fn(Node) -> Task>;
type Nemesis = Box<dyn FnOnce(System) -> Task>;

/// A system in virtual time, before it runs.
///
/// Everything in a run follows from the seed and from this description; a run on another machine, or on another day,
/// is the same run.
#[must_use = "a simulation does nothing until `run` is called"]
pub struct Simulation {
    seed: Seed,
    cluster: ClusterBuilder,
    processes: usize,
    app: Option<App>,
    nemesis: Option<Nemesis>,
    faults: Option<Faults>,
    setup: Setup,
    time_max: Duration,
}

/// What is broken by plan.
#[derive(Debug)]
enum Faults {
    Plan(FaultPlan),
    /// Drawn from the seed, and healed after this time.
    Swarm(Duration, Vec<String>),
}

/// Why a simulation could not run. What goes wrong in a run is in the [`Run`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The description is not one of something that can be.
    Cluster(crate::server::Error),
    /// The plan of faults names something that does not exist, or says something that cannot happen.
    Faults(crate::server::Error),
    /// There is nothing to run.
    NoApp,
    /// A process could not connect, although nothing was broken yet.
    Connect(crate::client::Error),
    /// The operating system gave no runtime, or this was called from within one.
    Runtime(std::io::Error),
    /// What breaks things has failed itself.
    Nemesis(AppError),
    /// What was noted cannot have happened: a bug of the simulator.
    History(HistoryError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "the simulated cluster did not start: {error}"),
            Self::Faults(error) => write!(f, "the plan of faults cannot be carried out: {error}"),
            Self::NoApp => f.write_str("there is nothing to simulate: describe the application with `app`"),
            Self::Connect(error) => write!(f, "a process could not connect: {error}"),
            Self::Runtime(error) => write!(f, "no runtime for the simulation: {error}"),
            Self::Nemesis(error) => write!(f, "the nemesis failed: {error}"),
            Self::History(error) => write!(f, "what was noted makes no history: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl Simulation {
    /// Begins with one broker, no topics and one process, for at most an hour of virtual time.
    pub fn new(seed: u64) -> Self {
        let limits = JournalLimits { entries_max: 1_000_000, bytes_max: 1 << 30 };
        let cluster = Cluster::in_memory().seed(seed).journal(limits);
        Self {
            seed: Seed(seed),
            cluster,
            processes: 1,
            app: None,
            nemesis: None,
            faults: None,
            setup: Setup::default(),
            time_max: Duration::from_secs(3600),
        }
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
        self.cluster = change(self.cluster).in_memory().seed(seed);
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

    /// Sets what is done to the system while it runs. When it returns, what is still broken stays broken.
    pub fn nemesis<F, R>(mut self, nemesis: F) -> Self
    where
        F: FnOnce(System) -> R + 'static,
        R: Future<Output = Result<(), AppError>> + 'static,
    {
        self.nemesis = Some(Box::new(move |system| Box::pin(nemesis(system))));
        self
    }

    /// Sets what is broken, and when.
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = Some(Faults::Plan(plan));
        self
    }

    /// Has faults drawn from the seed, for all topics and for these groups, until everything is healed.
    pub fn swarm<S: Into<String>>(mut self, heal_after: Duration, groups: impl IntoIterator<Item = S>) -> Self {
        self.faults = Some(Faults::Swarm(heal_after, groups.into_iter().map(Into::into).collect()));
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
        let ledger = Ledger::new(started);
        let inner = Rc::new(SystemInner { cluster, seed: self.seed, app, ledger, processes: RefCell::default() });
        let system = System { inner };
        for index in 0..self.processes {
            system.start_process(index).await.map_err(Error::Connect)?;
        }
        let plan = self.faults.map(|faults| faults.plan(self.seed, system.cluster()));
        if let Some(plan) = &plan {
            system.cluster().inject_plan(plan).map_err(Error::Faults)?.keep();
        }
        let nemesis = self.nemesis.map(|nemesis| tokio::task::spawn_local(nemesis(system.clone())));
        let deadline = started + self.time_max;
        let mut endings = Vec::with_capacity(self.processes);
        for index in 0..self.processes {
            endings.push(system.ending_of(index, deadline).await);
        }
        if let Some(nemesis) = nemesis {
            match tokio::time::timeout_at(deadline, nemesis).await {
                Ok(Ok(result)) => result.map_err(Error::Nemesis)?,
                Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                Err(_) => {}
            }
        }
        system.finish(self.setup, plan.unwrap_or_default(), endings)
    }
}

impl Faults {
    fn plan(self, seed: Seed, cluster: &Cluster) -> FaultPlan {
        match self {
            Self::Plan(plan) => plan,
            Self::Swarm(heal_after, groups) => {
                let topics = cluster.snapshot().topics.into_iter();
                let topics =
                    topics.map(|topic| (topic.name.to_string(), topic.partitions.len().try_into().unwrap_or(1)));
                let heal_at_ms = heal_after.as_millis().try_into().unwrap_or(u64::MAX);
                FaultPlan::random(seed, &PlanScope { topics: topics.collect(), groups, heal_at_ms })
            }
        }
    }
}

/// A running system, for those who break it.
#[derive(Clone)]
pub struct System {
    inner: Rc<SystemInner>,
}

struct SystemInner {
    cluster: Cluster,
    seed: Seed,
    app: App,
    ledger: Arc<Ledger>,
    processes: RefCell<Vec<Process>>,
}

/// A process in its present life.
struct Process {
    incarnation: u32,
    watcher: Arc<Watcher>,
    task: Option<JoinHandle<Result<(), AppError>>>,
    abort: AbortHandle,
}

impl System {
    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    /// Ends a process at once, with all that it had under way, and starts it again after a while.
    ///
    /// A process that has ended already stays as it is.
    ///
    /// # Errors
    /// What the client says when it cannot connect for its next life.
    pub async fn crash_process(&self, index: usize, restart_after: Duration) -> crate::client::Result<()> {
        {
            let processes = self.inner.processes.borrow();
            let Some(process) = processes.get(index).filter(|process| !process.abort.is_finished()) else {
                return Ok(());
            };
            process.watcher.crash();
            process.abort.abort();
        }
        tokio::time::sleep(restart_after).await;
        self.start_process(index).await
    }

    async fn start_process(&self, index: usize) -> crate::client::Result<()> {
        let SystemInner { cluster, seed, app, ledger, processes } = &*self.inner;
        let incarnation = processes.borrow().get(index).map_or(0, |process| process.incarnation + 1);
        let name = name_of(index, incarnation);
        let watcher = Watcher::new(name.clone(), Arc::clone(ledger));
        let endpoint = cluster.endpoint();
        let own = Seed(seed.stream(&format!("client/{name}")).next_u64());
        let builder = Client::builder().endpoint(endpoint.clone()).client_id(name).seed(own);
        let client = builder.interceptor(Arc::clone(&watcher) as _).connect().await?;
        let (ledger, of_node) = (Arc::clone(ledger), Arc::clone(&watcher));
        let inner = Inner { index, incarnation, seed: *seed, endpoint, client, watcher: of_node, ledger };
        let task = tokio::task::spawn_local(app(Node { inner: Arc::new(inner) }));
        let process = Process { incarnation, watcher, abort: task.abort_handle(), task: Some(task) };
        let mut processes = processes.borrow_mut();
        match processes.get_mut(index) {
            Some(slot) => *slot = process,
            None => processes.push(process),
        }
        Ok(())
    }

    /// Waits until a process returns, in whichever of its lives.
    async fn ending_of(&self, index: usize, deadline: Instant) -> Ending {
        loop {
            let task = self.inner.processes.borrow_mut()[index].task.take();
            let Some(task) = task else {
                // It has crashed and is not back yet.
                if Instant::now() >= deadline {
                    return Ending::Running;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            return match tokio::time::timeout_at(deadline, task).await {
                Ok(Ok(Ok(()))) => Ending::Finished,
                Ok(Ok(Err(error))) => Ending::Failed(error.to_string()),
                Ok(Err(ended)) if ended.is_cancelled() => continue,
                Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                Err(_) => Ending::Running,
            };
        }
    }

    /// Takes everything down and has it checked.
    fn finish(self, setup: Setup, plan: FaultPlan, endings: Vec<Ending>) -> Result<Run, Error> {
        let SystemInner { cluster, seed, ledger, .. } = &*self.inner;
        let (journal, logs) = cluster.look(|engine, _| (engine.journal().clone(), white_box::final_logs(engine)));
        let mut events = ledger.take();
        events.extend(white_box::changes(&journal));
        if let Some(ms) = plan.heal_at_ms {
            let t = crate::base::Instant::after_start(Duration::from_millis(ms)).min(ledger.now());
            events.push(Event::Healed(event::Healed { t }));
        }
        // Stable: at one moment what a client does comes before what the cluster makes of it.
        events.sort_by_key(Event::t);
        let all = [Event::Setup(Box::new(setup))].into_iter().chain(events).chain(logs);
        let history = History::from_events(all).map_err(Error::History)?;
        let report = history.check();
        Ok(Run {
            seed: *seed,
            elapsed: cluster.now().since_start(),
            endings,
            snapshot: cluster.snapshot(),
            plan,
            journal,
            history,
            report,
        })
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("cluster", &self.inner.cluster).finish_non_exhaustive()
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
