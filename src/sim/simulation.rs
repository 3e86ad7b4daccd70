//! How a simulation is described, and how it runs.

use super::node::AppError;
use super::node::Inner;
use super::node::Node;
use super::node::name_of;
use super::run::Ending;
use super::run::Run;
use super::run::elapsed;
use crate::base::Seed;
use crate::client::Client;
use crate::config::NewTopic;
use crate::journal::JournalLimits;
use crate::server::Cluster;
use crate::server::ClusterBuilder;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::LocalSet;

/// What a process does. Not `Send`: a simulation is one thread.
type App = Rc<dyn Fn(Node) -> Pin<Box<dyn Future<Output = Result<(), AppError>>>>>;

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
    time_max: Duration,
}

/// Why a simulation could not run. What goes wrong in a run is in the [`Run`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The description is not one of something that can be.
    Cluster(crate::server::Error),
    /// There is nothing to run.
    NoApp,
    /// A process could not connect, although nothing was broken yet.
    Connect(crate::client::Error),
    /// The operating system gave no runtime, or this was called from within one.
    Runtime(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "the simulated cluster did not start: {error}"),
            Self::NoApp => f.write_str("there is nothing to simulate: describe the application with `app`"),
            Self::Connect(error) => write!(f, "a process could not connect: {error}"),
            Self::Runtime(error) => write!(f, "no runtime for the simulation: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl Simulation {
    /// Begins with one broker, no topics and one process, for at most an hour of virtual time.
    pub fn new(seed: u64) -> Self {
        let limits = JournalLimits { entries_max: 1_000_000, bytes_max: 1 << 30 };
        let cluster = Cluster::in_memory().seed(seed).journal(limits);
        Self { seed: Seed(seed), cluster, processes: 1, app: None, time_max: Duration::from_secs(3600) }
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

    /// Sets what each process does, from its start to its end.
    pub fn app<F, R>(mut self, app: F) -> Self
    where
        F: Fn(Node) -> R + 'static,
        R: Future<Output = Result<(), AppError>> + 'static,
    {
        self.app = Some(Rc::new(move |node| Box::pin(app(node))));
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
        let cluster = self.cluster.start().await.map_err(Error::Cluster)?;
        let mut processes = Vec::with_capacity(self.processes);
        for index in 0..self.processes {
            let node = start_node(&cluster, self.seed, index).await.map_err(Error::Connect)?;
            processes.push(tokio::task::spawn_local(app(node)));
        }
        let deadline = tokio::time::Instant::now() + self.time_max;
        let mut endings = Vec::with_capacity(processes.len());
        for process in &mut processes {
            endings.push(match tokio::time::timeout_at(deadline, process).await {
                Ok(Ok(Ok(()))) => Ending::Finished,
                Ok(Ok(Err(error))) => Ending::Failed(error.to_string()),
                Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                Err(_) => Ending::Running,
            });
        }
        let run = Run {
            seed: self.seed,
            elapsed: elapsed(cluster.now()),
            endings,
            journal: cluster.journal_so_far(),
            snapshot: cluster.snapshot(),
        };
        cluster.shutdown().await;
        Ok(run)
    }
}

async fn start_node(cluster: &Cluster, seed: Seed, index: usize) -> crate::client::Result<Node> {
    let incarnation = 0;
    let endpoint = cluster.endpoint();
    let name = name_of(index, incarnation);
    let own = Seed(seed.stream(&format!("client/{name}")).next_u64());
    let client = Client::builder().endpoint(endpoint.clone()).client_id(name).seed(own).connect().await?;
    Ok(Node { inner: Arc::new(Inner { index, incarnation, seed, endpoint, client }) })
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("seed", &self.seed)
            .field("cluster", &self.cluster)
            .field("processes", &self.processes)
            .field("time_max", &self.time_max)
            .finish_non_exhaustive()
    }
}
