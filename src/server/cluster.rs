//! A running cluster, and what a test can do with it without a client.

use super::acceptor::Site;
use super::acceptor::accept;
use super::acceptor::host_and_port;
use super::acceptor::listen;
use super::broker::Broker;
use super::builder::ClusterBuilder;
use super::error::Error;
use super::error::Result;
use super::exchange::Exchange;
use super::group::Group;
use super::inspect;
use super::inspect::Inspected;
use super::links::Links;
#[cfg(feature = "check")]
use super::onlooker::Onlooker;
use super::partition::Partition;
use super::record::Record;
use super::record::StoredRecord;
use super::saved::SavedCluster;
use super::shell::Shell;
use super::transaction::HeldMarkers;
use super::transaction::Transaction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
#[cfg(feature = "sim")]
use crate::base::ProcessAction;
use crate::base::Timestamp;
use crate::broker::Broker as Registration;
use crate::broker::ClusterSnapshot;
#[cfg(feature = "check")]
use crate::broker::Engine;
use crate::broker::PartitionSnapshot;
use crate::broker::TransactionSnapshot;
use crate::config::NewTopic;
use crate::journal::Filter;
use crate::journal::Journal;
use crate::net::Endpoint;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A Kafka cluster inside this process. It stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::{Cluster, Record};
/// let cluster = Cluster::builder().brokers(3).topic("orders", 6).start().await?;
/// cluster.seed("orders", [Record::new("two books").key("order-1")])?;
/// assert_eq!(cluster.topic("orders").records()[0].text(), "two books");
/// assert_eq!(cluster.bootstrap_servers().split(',').count(), 3); // for any Kafka client
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Cluster {
    shell: Arc<Shell>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    site: Site,
    bootstrap: Vec<String>,
    wait_deadline: Duration,
}

impl Cluster {
    /// Starts one broker on a free port of the loopback interface, without topics.
    ///
    /// # Errors
    /// [`Error::Bind`] when the operating system has no port.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Describes a cluster before it is started.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Describes a cluster that uses no socket: see [`ClusterBuilder::in_memory`].
    pub fn in_memory() -> ClusterBuilder {
        ClusterBuilder::default().in_memory()
    }

    pub(super) fn new(
        shell: Arc<Shell>,
        tasks: Vec<JoinHandle<()>>,
        site: Site,
        bootstrap: Vec<String>,
        wait_deadline: Duration,
    ) -> Self {
        Self { shell, tasks: Mutex::new(tasks), site, bootstrap, wait_deadline }
    }

    pub(super) fn shell(&self) -> &Shell {
        &self.shell
    }

    pub(super) fn shared_shell(&self) -> Arc<Shell> {
        Arc::clone(&self.shell)
    }

    /// The brokers' addresses, `host:port` separated by commas, as clients want them in `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.bootstrap.join(",")
    }

    /// Where and how our own client connects, over TCP or in memory.
    pub fn endpoint(&self) -> Endpoint {
        let endpoint = Endpoint::new(self.site.transport.clone(), self.bootstrap.clone());
        endpoint.with_time(self.shell.look(|engine, _| engine.timestamp(Instant::START)), self.shell.clock.start())
    }

    /// The time since the cluster's start.
    pub fn now(&self) -> Instant {
        self.shell.clock.now()
    }

    /// The cluster's idea of the time in the world, as it stamps records.
    pub fn timestamp(&self) -> Timestamp {
        self.shell.look(|engine, now| engine.timestamp(now))
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`Error::Broker`] with the code and the message that a client would get.
    pub fn create_topic(&self, topic: NewTopic) -> Result<()> {
        Ok(self.shell.with(|engine, now| engine.create_topic(now, topic))?)
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`Error::Broker`] when there is none of this name.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        Ok(self.shell.with(|engine, now| engine.delete_topic(now, name))?)
    }

    /// Writes records into a topic as its leaders would, and returns where each one went.
    ///
    /// All are written or none. Records without a timestamp get the cluster's time.
    ///
    /// # Errors
    /// [`Error::Broker`] when the topic or a partition does not exist, or a record is not one that the topic takes.
    pub fn seed(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Vec<(PartitionIndex, Offset)>> {
        let records: Vec<Record> = records.into_iter().collect();
        Ok(self.shell.with(|engine, now| super::seeding::seed(engine, now, topic, &records))?)
    }

    /// Writes the lines of a text as records, each read by [`Record::from_json_line`]; empty lines are passed over.
    ///
    /// # Errors
    /// [`Error::Line`] for the first line that cannot be read; then nothing is written. Otherwise as [`Cluster::seed`].
    pub fn seed_json_lines(&self, topic: &str, text: &str) -> Result<Vec<(PartitionIndex, Offset)>> {
        self.seed(topic, super::seeding::parse_lines("text", text)?)
    }

    /// Writes the lines of a file as records, as [`Cluster::seed_json_lines`] does.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, otherwise as [`Cluster::seed_json_lines`].
    pub fn seed_file(&self, topic: &str, path: impl AsRef<Path>) -> Result<Vec<(PartitionIndex, Offset)>> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: name.clone(), source })?;
        self.seed(topic, super::seeding::parse_lines(&name, &text)?)
    }

    /// All records of a topic, by partition and offset: [`Topic::records`].
    pub fn records(&self, topic: &str) -> Vec<StoredRecord> {
        self.topic(topic).records()
    }

    /// A view of a topic.
    pub fn topic(&self, name: &str) -> Topic<'_> {
        Topic { cluster: self, name: name.to_owned() }
    }

    /// A view of a consumer group.
    pub fn group(&self, id: &str) -> Group<'_> {
        Group::new(self, id)
    }

    /// Sets how long a broker that becomes a coordinator reads its log, if there is anything to read, before it answers.
    ///
    /// Clients see `COORDINATOR_LOAD_IN_PROGRESS` meanwhile. No time at all unless told otherwise.
    pub fn set_coordinator_load_time(&self, time: Duration) {
        let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self.shell.with(|engine, now| engine.set_coordinator_load_time(now, ms));
    }

    /// A partition: what it is like, and what can be done to it.
    pub fn partition(&self, topic: &str, partition: i32) -> Partition<'_> {
        Partition::new(self, topic, partition)
    }

    /// A broker: what has become of it, and what can be done to it. Brokers are numbered from 1.
    pub fn broker(&self, id: i32) -> Broker<'_> {
        Broker::new(self, id)
    }

    /// The links between brokers, and between clients and brokers.
    pub fn links(&self) -> Links<'_> {
        Links::new(self)
    }

    /// Adds a broker with the next free number, and returns its number. Replicas come to it with new topics and with
    /// reassignments; clients learn of it with their next metadata.
    ///
    /// # Errors
    /// [`Error::Bind`] when the operating system has no port.
    pub async fn add_broker(&self) -> Result<i32> {
        let listener = listen(&self.site.transport, &self.site.host, 0, 0).await?;
        let (host, port) = host_and_port(listener.local_address());
        let id = self.shell.with(|engine, now| {
            let last = engine.snapshot(now).brokers.last().map_or(0, |broker| broker.id.0);
            let id = BrokerId(last + 1);
            engine.add_broker(now, Registration { id, host, port, rack: None });
            id
        });
        let (shell, transport) = (Arc::clone(&self.shell), self.site.transport.clone());
        let task = tokio::spawn(accept(shell, id, transport, listener, self.site.limits));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(id.0)
    }

    /// The broker that clients are told is the controller.
    pub fn controller(&self) -> i32 {
        self.shell.look(|engine, _| engine.controller()).0
    }

    /// Has another broker be the controller.
    ///
    /// # Errors
    /// [`Error::Broker`] when there is no such broker, or it is down or fenced.
    pub fn move_controller(&self, broker: i32) -> Result<()> {
        self.apply(&Command::MoveController { broker: BrokerId(broker) })
    }

    /// Does something to the cluster that is given as data. What makes no difference is no error.
    ///
    /// # Errors
    /// [`Error::Broker`] when what it is to be done to does not exist, or it cannot be as asked.
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
    /// use rehearsal::Cluster;
    /// use rehearsal::base::{BrokerAction, BrokerId, Command};
    /// let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
    /// cluster.apply(&Command::Broker { broker: BrokerId(1), action: BrokerAction::Shutdown })?;
    /// assert_eq!(cluster.partition("orders", 0).leader(), Some(2));
    /// # Ok(()) }
    /// ```
    pub fn apply(&self, command: &Command) -> Result<()> {
        Ok(self.shell.with(|engine, now| engine.apply(now, command))?)
    }

    /// A view of a transactional id.
    pub fn transaction(&self, id: &str) -> Transaction<'_> {
        Transaction::new(self, id)
    }

    /// All transactional ids that have been used, in order, each with its last transaction.
    pub fn transactions(&self) -> Vec<TransactionSnapshot> {
        self.shell.look(|engine, _| engine.transactions())
    }

    /// Keeps the markers of all transactions from arriving until the guard is dropped.
    ///
    /// A transaction that ends meanwhile is decided but not complete: its records stay unreadable to those who read
    /// committed ones, and its producer's next transaction has to wait.
    pub fn hold_markers(&self) -> HeldMarkers<'_> {
        HeldMarkers::new(self)
    }

    /// Sets how long markers travel, for those that are sent from now on. No time at all unless told otherwise.
    pub fn set_marker_delay(&self, delay: Duration) {
        self.shell.with(|engine, now| engine.set_marker_delay(now, delay));
    }

    /// Everything there is, in a fixed order and ready to be serialized.
    pub fn snapshot(&self) -> ClusterSnapshot {
        self.shell.look(|engine, now| engine.snapshot(now))
    }

    /// The requests that came, oldest first, with their answers: what is kept of them, see
    /// [`JournalLimits`](crate::journal::JournalLimits).
    pub fn requests(&self) -> Vec<Exchange> {
        // Copied first: nobody should have to wait while it is read.
        Exchange::all(&self.shell.look(|engine, _| engine.journal().clone()))
    }

    /// The part of the journal that a filter wants, as data.
    ///
    /// Write it with [`Journal::to_json_lines`] and read it again with [`Journal::from_json_lines`].
    pub fn recorded(&self, filter: &Filter) -> Journal {
        // Copied first: nobody should have to wait while it is filtered.
        self.shell.look(|engine, _| engine.journal().clone()).select(filter)
    }

    /// The journal as text, one line per entry: see [`Journal::render`].
    pub fn journal(&self) -> String {
        self.shell.look(|engine, _| engine.journal().clone()).render()
    }

    /// Says that there are processes of an application, and gives what plans and tests do to them.
    #[cfg(feature = "sim")]
    pub(crate) fn host_processes(&self) -> tokio::sync::mpsc::UnboundedReceiver<(u32, ProcessAction)> {
        self.shell.host_processes()
    }

    /// Looks at the engine.
    #[cfg(feature = "check")]
    pub(crate) fn look<T>(&self, see: impl FnOnce(&Engine, Instant) -> T) -> T {
        self.shell.look(see)
    }

    /// Gives away the journal of a cluster with which nothing happens any more.
    #[cfg(feature = "sim")]
    pub(crate) fn take_journal(&self) -> Journal {
        self.shell.with(|engine, _| engine.take_journal())
    }

    /// Somebody who looks into the cluster while processes run.
    #[cfg(feature = "check")]
    pub(crate) fn onlooker(&self) -> Onlooker {
        Onlooker::new(Arc::clone(&self.shell))
    }

    /// Applies retention and compaction now, as the brokers otherwise do from time to time.
    pub fn clean_logs(&self) {
        self.shell.with(|engine, now| engine.clean_logs(now));
    }

    /// Waits until `condition` holds; it is asked again after every change in the cluster.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after the builder's [`wait_deadline`](ClusterBuilder::wait_deadline), with what the
    /// cluster looked like instead.
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
    /// use rehearsal::{Cluster, Record};
    /// let cluster = Cluster::builder().topic("orders", 1).start().await?;
    /// cluster.seed("orders", [Record::new("x")])?;
    /// cluster.wait_until(|c| c.topic("orders").records().len() == 1).await?;
    /// # Ok(()) }
    /// ```
    pub async fn wait_until(&self, mut condition: impl FnMut(&Self) -> bool) -> Result<()> {
        self.wait_for("the condition", || condition(self), || self.snapshot().to_string()).await
    }

    /// Waits until `condition` holds, or says what is `seen` instead of what is waited for.
    pub(super) async fn wait_for(
        &self,
        what: &str,
        mut condition: impl FnMut() -> bool,
        seen: impl FnOnce() -> String,
    ) -> Result<()> {
        let deadline = self.now().plus(self.wait_deadline);
        loop {
            let changed = self.shell.changed();
            tokio::pin!(changed);
            // From here on no change is missed, also not one that the condition itself makes.
            changed.as_mut().enable();
            if condition() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.shell.clock.sleep_until(deadline) => {
                    if condition() {
                        return Ok(());
                    }
                    return Err(Error::TimedOut {
                        waited_for: what.to_owned(),
                        after: self.wait_deadline,
                        seen: seen(),
                    });
                }
            }
        }
    }

    /// The whole cluster as data: what a restart keeps.
    pub fn saved(&self) -> SavedCluster {
        SavedCluster(self.shell.look(|engine, now| engine.save(now)))
    }

    /// Writes the whole cluster to a file, from which [`SavedCluster::load`] reads it.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.saved().store(path.as_ref())
    }

    /// Stops the brokers and waits until their ports are free, all connections are closed and all tasks have ended.
    ///
    /// Dropping the cluster stops it too, but does not wait: its tasks end when the runtime next runs them.
    pub async fn shutdown(mut self) {
        self.shell.stop();
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in std::mem::take(tasks) {
            // A task that panicked has said so.
            let _ = task.await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        super::epitaph::print_if_panicking(&self.shell);
        self.shell.stop();
    }
}

impl From<&Cluster> for Endpoint {
    fn from(cluster: &Cluster) -> Self {
        cluster.endpoint()
    }
}

/// A view of a topic of a running cluster; each call looks anew.
#[derive(Debug)]
pub struct Topic<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Topic<'_> {
    /// Whether there is such a topic.
    pub fn exists(&self) -> bool {
        !self.partitions().is_empty()
    }

    /// Its partitions; none when the topic does not exist.
    pub fn partitions(&self) -> Vec<PartitionSnapshot> {
        self.cluster.shell.look(|engine, _| engine.topic_snapshot(&self.name)).map_or_else(Vec::new, |t| t.partitions)
    }

    /// Its records as the leaders hold them, by partition and offset, also those that are not replicated yet;
    /// markers of transactions are left out. None when the topic does not exist.
    ///
    /// A batch is left out whose records cannot be read: see [`Topic::unreadable`].
    pub fn records(&self) -> Vec<StoredRecord> {
        self.inspect().records
    }

    /// What [`Topic::records`] does not show, one sentence per batch with its offsets and the reason.
    ///
    /// Such a batch was damaged, has a codec that is not built in, or grows out of all proportion when it is
    /// decompressed: beyond [`Batch::records_bytes_max`](crate::wire::batch::Batch::records_bytes_max), or beyond
    /// 512 MiB together with the topic's other compressed batches.
    pub fn unreadable(&self) -> Vec<String> {
        self.inspect().unreadable
    }

    /// Takes the batches at one moment and reads them while the brokers go on.
    fn inspect(&self) -> Inspected {
        let stored = self.cluster.shell.look(|engine, _| inspect::stored(engine, &self.name));
        inspect::inspect(&self.name, stored)
    }
}
