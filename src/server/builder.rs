//! How a cluster is described before it starts.

use super::acceptor::Site;
use super::acceptor::accept;
use super::acceptor::host_and_port;
use super::acceptor::listen;
use super::clock::Clock;
use super::clock::wall_time;
use super::cluster::Cluster;
use super::connection::Limits;
use super::error::Error;
use super::error::Result;
use super::saved::SavedCluster;
use super::shell::Shell;
use crate::base::BrokerId;
#[cfg(feature = "mutants")]
use crate::base::BrokerMutant;
use crate::base::Seed;
use crate::base::Timestamp;
use crate::broker::Broker;
use crate::broker::Engine;
use crate::broker::EngineConfig;
use crate::broker::Release;
use crate::config::NewTopic;
use crate::journal::JournalDetail;
use crate::journal::JournalLimits;
use crate::net::Transport;
use crate::net::memory::Network;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// 2026-01-01T00:00:00Z: when in-memory clusters start, so that nothing in them depends on the day of the run.
const IN_MEMORY_START: Timestamp = Timestamp(1_767_225_600_000);

/// What a broker's own settings change so that tests need not wait.
const KAFKA_DEFAULTS: [(&str, &str); 6] = [
    ("group.initial.rebalance.delay.ms", "3000"),
    ("group.min.session.timeout.ms", "6000"),
    ("group.consumer.heartbeat.interval.ms", "5000"),
    ("group.consumer.min.heartbeat.interval.ms", "5000"),
    ("group.consumer.min.session.timeout.ms", "45000"),
    ("broker.session.timeout.ms", "9000"),
];

/// A cluster that has not started yet; [`Cluster::builder`] makes one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct ClusterBuilder {
    brokers: u16,
    racks: Vec<String>,
    host: String,
    port: u16,
    transport: Transport,
    topics: Vec<NewTopic>,
    broker_config: BTreeMap<String, String>,
    release: Result<Release, String>,
    transaction_version: i16,
    seed: Seed,
    start_time: Option<Timestamp>,
    journal: JournalLimits,
    wait_deadline: Duration,
    coordinator_load_time: Duration,
    note_high_watermarks: bool,
    detail: JournalDetail,
    restored: Option<SavedCluster>,
    #[cfg(feature = "mutants")]
    mutant: Option<BrokerMutant>,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            racks: Vec::new(),
            host: "127.0.0.1".to_owned(),
            port: 0,
            transport: Transport::Tcp,
            topics: Vec::new(),
            broker_config: BTreeMap::new(),
            release: Ok(Release::NEWEST),
            transaction_version: 2,
            seed: Seed(0),
            start_time: None,
            journal: JournalLimits::default(),
            wait_deadline: Duration::from_secs(10),
            coordinator_load_time: Duration::ZERO,
            note_high_watermarks: false,
            detail: JournalDetail::default(),
            restored: None,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

impl ClusterBuilder {
    /// Sets how many brokers there are, with the ids 1, 2, and so on. One unless told otherwise.
    pub fn brokers(mut self, count: u16) -> Self {
        self.brokers = count;
        self
    }

    /// Sets the brokers' racks; they are given out in turn.
    pub fn racks<S: Into<String>>(mut self, racks: impl IntoIterator<Item = S>) -> Self {
        self.racks = racks.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the address that brokers listen on and advertise. `127.0.0.1` unless told otherwise.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Sets the port of the first broker; the others take the ports after it. 0, any free port, unless told otherwise.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Keeps the cluster off the network: only clients given [`Cluster::endpoint`] reach it.
    ///
    /// Time starts at 2026-01-01T00:00:00Z and, in a paused Tokio runtime, is virtual.
    pub fn in_memory(mut self) -> Self {
        self.transport = Transport::Memory(Network::new());
        self
    }

    /// Adds a topic, replicated on up to three brokers.
    pub fn topic(self, name: impl Into<String>, partitions: usize) -> Self {
        self.new_topic(NewTopic::new(name).partitions(i32::try_from(partitions).unwrap_or(i32::MAX)))
    }

    /// Adds a topic described in full.
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
    /// use rehearsal::{Cluster, NewTopic};
    /// let changelog = NewTopic::new("changelog").partitions(2).config("cleanup.policy", "compact");
    /// let cluster = Cluster::builder().new_topic(changelog).start().await?;
    /// assert_eq!(cluster.topic("changelog").partitions().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn new_topic(mut self, topic: NewTopic) -> Self {
        self.topics.push(topic);
        self
    }

    /// Sets a broker configuration by Kafka's name, for all brokers, as in `server.properties`.
    pub fn broker_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.broker_config.insert(name.into(), value.into());
        self
    }

    /// Emulates an older release: its API versions are offered and accepted, and no others.
    ///
    /// Written as in `0.11`, `2.8` or `4.1`. The newest that is known unless told otherwise.
    pub fn kafka_version(mut self, version: &str) -> Self {
        self.release = version.parse().map_err(|error: crate::broker::InvalidRelease| error.to_string());
        self
    }

    /// Sets the level of the feature `transaction.version`: 0, 1, or 2 with an epoch for each transaction (KIP-890).
    ///
    /// 2 unless told otherwise; releases before 4.0 know of 0 only.
    pub fn transaction_version(mut self, level: i16) -> Self {
        self.transaction_version = level;
        self
    }

    /// Sets the seed from which ids and all other chance follow. 0 unless told otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed);
        self
    }

    /// Sets what time it is in the cluster when it starts, in milliseconds since 1970.
    pub fn start_time(mut self, ms: i64) -> Self {
        self.start_time = Some(Timestamp(ms));
        self
    }

    /// Sets how much of what happened is remembered.
    pub fn journal(mut self, limits: JournalLimits) -> Self {
        self.journal = limits;
        self
    }

    /// Sets how much is noted in the journal.
    pub fn journal_detail(mut self, detail: JournalDetail) -> Self {
        self.detail = detail;
        self
    }

    /// Notes every move of a high watermark in the journal as well.
    pub fn note_high_watermarks(mut self) -> Self {
        self.note_high_watermarks = true;
        self
    }

    /// Sets how long [`Cluster::wait_until`] waits. Ten seconds, real or virtual, unless told otherwise.
    pub fn wait_deadline(mut self, deadline: Duration) -> Self {
        self.wait_deadline = deadline;
        self
    }

    /// Sets how long a broker that becomes a coordinator reads its log: see
    /// [`Cluster::set_coordinator_load_time`].
    pub fn coordinator_load_time(mut self, time: Duration) -> Self {
        self.coordinator_load_time = time;
        self
    }

    /// Uses Kafka's own defaults where this crate has friendlier ones for tests: a new group waits three seconds for
    /// more members (`group.initial.rebalance.delay.ms`), and members may not ask for a session time-out below six
    /// seconds (`group.min.session.timeout.ms`); members of KIP-848's protocol come every five seconds, and learn of
    /// changes no sooner (`group.consumer.heartbeat.interval.ms`). What [`broker_config`](Self::broker_config) says counts for more.
    pub fn kafka_defaults(mut self) -> Self {
        for (name, value) in KAFKA_DEFAULTS {
            self.broker_config.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        self
    }

    /// Starts with the topics and records of a cluster that was saved, on as many brokers, with the `transaction.version`
    /// that it had; its time goes on.
    pub fn restore(mut self, saved: SavedCluster) -> Self {
        self.brokers = u16::try_from(saved.0.brokers()).unwrap_or(u16::MAX);
        self.start_time = Some(saved.0.timestamp());
        self.restored = Some(saved);
        self
    }

    /// Plants a bug in all brokers.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub fn mutant(mut self, mutant: impl Into<Option<BrokerMutant>>) -> Self {
        self.mutant = mutant.into();
        self
    }

    /// Starts the brokers.
    ///
    /// Must be called within a Tokio runtime; the cluster's tasks end with the [`Cluster`] or with the runtime.
    ///
    /// # Errors
    /// [`Error::Bind`] when an address is taken, [`Error::Config`] when something is described that cannot be,
    /// [`Error::Broker`] when a topic is refused.
    pub async fn start(self) -> Result<Cluster> {
        let release = self.release.map_err(Error::Config)?;
        if self.brokers == 0 {
            return Err(Error::Config("a cluster needs at least one broker".to_owned()));
        }
        if !(0..=2).contains(&self.transaction_version) {
            return Err(Error::Config(format!("transaction.version is 0, 1 or 2, not {}", self.transaction_version)));
        }
        let mut listeners = Vec::new();
        let mut brokers = Vec::new();
        for n in 0..self.brokers {
            let listener = listen(&self.transport, &self.host, self.port, n).await?;
            let (host, port) = host_and_port(listener.local_address());
            let id = BrokerId(i32::from(n) + 1);
            let rack = self.racks.get(usize::from(n).checked_rem(self.racks.len()).unwrap_or(0)).cloned();
            brokers.push(Broker { id, host, port, rack });
            listeners.push((id, listener));
        }
        let virtual_start = matches!(self.transport, Transport::Memory(_)).then_some(IN_MEMORY_START);
        let start_time = self.start_time.or(virtual_start).unwrap_or_else(wall_time);
        let bootstrap: Vec<String> = listeners.iter().map(|(_, l)| l.local_address().to_owned()).collect();
        let clock = Clock::begin();
        let mut engine = Engine::new(EngineConfig {
            seed: self.seed,
            start_time,
            brokers,
            broker_config: self.broker_config,
            release,
            journal: self.journal,
        })
        .map_err(Error::Config)?;
        #[cfg(feature = "mutants")]
        if let Some(mutant) = self.mutant {
            engine.plant(mutant);
        }
        engine.note_high_watermarks(self.note_high_watermarks);
        engine.set_journal_detail(self.detail);
        if !self.coordinator_load_time.is_zero() {
            let ms = u32::try_from(self.coordinator_load_time.as_millis()).unwrap_or(u32::MAX);
            engine.set_coordinator_load_time(clock.now(), ms);
        }
        engine.set_transaction_version(self.transaction_version);
        if let Some(saved) = self.restored {
            engine.restore(saved.0).map_err(Error::Config)?;
        }
        for topic in self.topics {
            engine.create_topic(clock.now(), topic)?;
        }
        let limits = Limits { request_bytes_max: engine.request_bytes_max(), idle_max: engine.connection_idle_max() };
        let shell = Arc::new(Shell::new(engine, clock));
        let mut tasks = Vec::new();
        tasks.push(tokio::spawn({
            let shell = Arc::clone(&shell);
            async move { shell.keep_deadlines().await }
        }));
        for (broker, listener) in listeners {
            let transport = self.transport.clone();
            tasks.push(tokio::spawn(accept(Arc::clone(&shell), broker, transport, listener, limits)));
        }
        let site = Site { transport: self.transport, host: self.host, limits };
        Ok(Cluster::new(shell, tasks, site, bootstrap, self.wait_deadline))
    }
}
