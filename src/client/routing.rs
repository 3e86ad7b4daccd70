//! Which broker to ask, and the connections to all of them.
//!
//! Not here: what to ask.

use super::Settings;
use super::TopicPartition;
use super::backoff::Backoff;
use super::backoff::delay_after;
use super::connection::Connection;
use super::error::Error;
use super::error::Result;
use super::metadata::Leader;
use super::metadata::Metadata;
use super::rounds::Rounds;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::RequestMessage;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::metadata::MetadataRequestTopic;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

/// The way to all brokers of one cluster.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) settings: Arc<Settings>,
    slots: Mutex<BTreeMap<Lane, BTreeMap<String, Arc<Slot>>>>,
    next_lane: AtomicU64,
    next_producer: AtomicU64,
    next_consumer: AtomicU64,
    metadata: watch::Sender<Arc<Metadata>>,
    /// Wakes those who wait for other metadata in the order in which they came; the sender's own order is of chance.
    news: Notify,
    tracked: Mutex<BTreeSet<TopicName>>,
    /// Held while metadata is being asked for, so that one question is enough for all who want to know.
    refreshing: tokio::sync::Mutex<Refreshing>,
    /// Which address is asked next when no connection is open.
    turn: AtomicUsize,
    rng: Mutex<Rng>,
}

#[derive(Debug)]
struct Refreshing {
    at: Option<Instant>,
    failures: u32,
}

/// The one connection to one address.
#[derive(Debug)]
struct Slot {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting.
    connecting: tokio::sync::Mutex<Connecting>,
}

#[derive(Debug)]
struct Connecting {
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// Which of the connections to a broker is meant.
///
/// A broker answers the requests of a connection one after the other, so a long poll needs a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane(u64);

impl Lane {
    /// The one that all share who do not wait long for their answers.
    pub(super) const SHARED: Self = Self(0);
}

/// To whom a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Whichever broker is connected, or can be.
    Any,
    /// The broker that changes topics.
    Controller,
    /// This broker.
    Broker(BrokerId),
}

/// The result for each partition.
pub(super) type Answers<R> = Vec<(TopicPartition, Result<R>)>;

/// Nothing is left half done under these locks, so one that a panic has poisoned is as good as any.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `at`, and not at all when that has passed: a timer of Tokio's takes up to a millisecond even then.
pub(super) async fn sleep_until(at: Instant) {
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
}

impl Router {
    pub(super) fn new(settings: Settings) -> Self {
        let rng = settings.seed.stream("client/retry");
        Self {
            settings: Arc::new(settings),
            slots: Mutex::default(),
            next_producer: AtomicU64::new(0),
            next_lane: AtomicU64::new(1),
            next_consumer: AtomicU64::new(0),
            metadata: watch::Sender::new(Arc::default()),
            news: Notify::new(),
            tracked: Mutex::default(),
            refreshing: tokio::sync::Mutex::new(Refreshing { at: None, failures: 0 }),
            turn: AtomicUsize::new(0),
            rng: Mutex::new(rng),
        }
    }

    /// The number of a new producer.
    pub(super) fn next_producer(&self) -> u64 {
        self.next_producer.fetch_add(1, Ordering::Relaxed)
    }

    /// What is known of the cluster.
    pub(super) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.metadata.borrow())
    }

    /// What is known of the cluster, and each change of it.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Metadata>> {
        self.metadata.subscribe()
    }

    /// Waits until there is other metadata than the receiver has seen.
    pub(super) async fn changed(&self, seen: &watch::Receiver<Arc<Metadata>>) {
        let mut news = std::pin::pin!(self.news.notified());
        loop {
            news.as_mut().enable();
            if seen.has_changed().unwrap_or(false) {
                return;
            }
            news.as_mut().await;
            news.set(self.news.notified());
        }
    }

    /// The delay before a request is tried again that has failed `failures` times before.
    pub(super) fn retry_delay(&self, failures: u32) -> Duration {
        let (min, max) = self.settings.retry_backoff;
        delay_after(failures, min, max, &mut lock(&self.rng))
    }

    /// Takes in a leader that an answer has named.
    pub(super) fn learn_leader(&self, topic: &str, partition: PartitionIndex, leader: Leader) -> bool {
        let learned =
            self.metadata.send_if_modified(|metadata| Arc::make_mut(metadata).learn_leader(topic, partition, leader));
        self.news.notify_waiters();
        learned
    }

    // --- connections

    /// A number for each consumer of this client.
    pub(super) fn next_consumer(&self) -> u64 {
        self.next_consumer.fetch_add(1, Ordering::Relaxed)
    }

    /// Connections of somebody's own.
    pub(super) fn open_lane(&self) -> Lane {
        Lane(self.next_lane.fetch_add(1, Ordering::Relaxed))
    }

    /// Closes them.
    pub(super) fn close_lane(&self, lane: Lane) {
        lock(&self.slots).remove(&lane);
    }

    /// The open connection to a broker, if there is one.
    pub(super) fn ready(&self, lane: Lane, broker: BrokerId) -> Option<Arc<Connection>> {
        let metadata = self.metadata.borrow();
        let broker = metadata.brokers.get(&broker)?;
        let slots = lock(&self.slots);
        // Few addresses are compared sooner than one is put together.
        slots.get(&lane)?.iter().find(|(address, _)| broker.is_at(address))?.1.ready()
    }

    /// A connection to a broker, opened if need be.
    pub(super) async fn broker(&self, lane: Lane, broker: BrokerId) -> Result<Arc<Connection>> {
        let address = self.metadata.borrow().brokers.get(&broker).map(super::metadata::Broker::address);
        match address {
            Some(address) => self.connect(lane, &address).await,
            // It may have been fenced for a moment, or have come a moment ago: who tries again may reach it.
            None => {
                let unknown = std::io::Error::new(std::io::ErrorKind::NotFound, "it is not among the brokers");
                Err(Error::connection(&format!("broker {broker}"), false, unknown))
            }
        }
    }

    /// A connection to whoever `target` stands for.
    pub(super) async fn target(&self, target: Target) -> Result<Arc<Connection>> {
        match target {
            Target::Broker(broker) => self.broker(Lane::SHARED, broker).await,
            Target::Any => self.any().await,
            Target::Controller => match self.metadata().controller {
                Some(controller) => self.broker(Lane::SHARED, controller).await,
                None => Err(Error::broker(ErrorCode::NOT_CONTROLLER, ApiKey::Metadata)),
            },
        }
    }

    /// A connection to any broker: an open one rather than a new one.
    async fn any(&self) -> Result<Arc<Connection>> {
        let mut addresses: Vec<String> =
            self.metadata().brokers.values().map(super::metadata::Broker::address).collect();
        addresses.extend(self.settings.bootstrap_servers.iter().cloned());
        let open = addresses.iter().find_map(|address| self.slot(Lane::SHARED, address).ready());
        if let Some(connection) = open {
            return Ok(connection);
        }
        let mut last = Error::Invalid("no bootstrap server is given".to_owned());
        for _ in 0..addresses.len() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let address = &addresses[turn % addresses.len()];
            match self.connect(Lane::SHARED, address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn slot(&self, lane: Lane, address: &str) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        let slots = slots.entry(lane).or_default();
        if let Some(slot) = slots.get(address) {
            return Arc::clone(slot);
        }
        let rng = self.settings.seed.stream(&format!("client/reconnect/{}/{address}", lane.0));
        let backoff = Backoff::new(self.settings.reconnect_backoff, rng);
        let connecting = tokio::sync::Mutex::new(Connecting { backoff, not_before: None });
        let slot = Arc::new(Slot { connection: Mutex::default(), connecting });
        slots.insert(address.to_owned(), Arc::clone(&slot));
        slot
    }

    async fn connect(&self, lane: Lane, address: &str) -> Result<Arc<Connection>> {
        let slot = self.slot(lane, address);
        if let Some(connection) = slot.ready() {
            return Ok(connection);
        }
        let mut connecting = slot.connecting.lock().await;
        // Somebody else may have connected meanwhile.
        if let Some(connection) = slot.ready() {
            return Ok(connection);
        }
        if let Some(not_before) = connecting.not_before {
            sleep_until(not_before).await;
        }
        // A connection that breaks at once must not be opened in a tight loop either.
        let delay = connecting.backoff.next();
        match Connection::open(address, &self.settings).await {
            Ok(connection) => {
                connecting.backoff.reset();
                connecting.not_before = Some(Instant::now() + delay);
                let connection = Arc::new(connection);
                *lock(&slot.connection) = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                connecting.not_before = Some(Instant::now() + delay);
                Err(error)
            }
        }
    }

    // --- metadata

    /// Keeps a topic's metadata fresh from now on.
    pub(super) fn track(&self, topic: &TopicName) {
        let mut tracked = lock(&self.tracked);
        if !tracked.contains(topic) {
            tracked.insert(topic.clone());
        }
    }

    /// Asks for metadata, unless somebody else has since `known` was looked at.
    pub(super) async fn refresh(&self, known: &Metadata) -> Result<()> {
        let mut refreshing = self.refreshing.lock().await;
        let tracked = lock(&self.tracked).clone();
        let metadata = self.metadata();
        let complete = tracked.iter().all(|topic| metadata.topics.contains_key(topic));
        if metadata.generation > known.generation && complete {
            return Ok(());
        }
        if let Some(at) = refreshing.at {
            // Those who come again and again without success do not hurry the broker.
            let gap = if complete || refreshing.failures > 0 {
                self.retry_delay(refreshing.failures)
            } else {
                Duration::ZERO
            };
            sleep_until(at + gap).await;
        }
        let result = self.ask(tracked).await;
        refreshing.at = Some(Instant::now());
        refreshing.failures = if result.is_ok() { 0 } else { refreshing.failures.saturating_add(1) };
        result
    }

    async fn ask(&self, topics: BTreeSet<TopicName>) -> Result<()> {
        let connection = self.any().await?;
        let row = |topic: TopicName| MetadataRequestTopic { name: Some(topic.as_str().into()), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(topics.into_iter().map(row).collect()),
            allow_auto_topic_creation: self.settings.allow_auto_create_topics,
            ..MetadataRequest::default()
        };
        let response = connection.call(&request, i16::MAX).await?;
        let code = ErrorCode::new(response.error_code);
        code.ok().map_err(|code| Error::broker(code, ApiKey::Metadata))?;
        self.metadata.send_modify(|metadata| Arc::make_mut(metadata).apply(response));
        self.news.notify_waiters();
        Ok(())
    }

    /// Waits until a topic is known, for as long as `deadline` allows.
    pub(super) async fn topic(&self, name: &TopicName, deadline: Instant) -> Result<Arc<Metadata>> {
        let metadata = self.metadata();
        if metadata.topic(name.as_str()).is_some() {
            return Ok(metadata);
        }
        self.track(name);
        let operation = "waiting for a topic's metadata";
        self.until(deadline, operation, |known| async move {
            self.refresh(&known).await?;
            let metadata = self.metadata();
            match metadata.topics.get(name) {
                Some(topic) if !topic.partitions.is_empty() => Ok(metadata),
                topic => {
                    let code = topic.map_or(ErrorCode::NONE, |topic| topic.error);
                    let code = if code.is_error() { code } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
                    Err(Error::broker(code, ApiKey::Metadata).about(name, None))
                }
            }
        })
        .await
    }

    /// Tries until it works, fails for good, or the time is up.
    ///
    /// `attempt` gets what is known of the cluster when it begins.
    pub(super) async fn until<T, F: Future<Output = Result<T>>>(
        &self,
        deadline: Instant,
        operation: &'static str,
        attempt: impl Fn(Arc<Metadata>) -> F,
    ) -> Result<T> {
        let started = Instant::now();
        let mut failures = 0;
        let mut last = None;
        loop {
            match timeout_at(deadline, attempt(self.metadata())).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) if !error.is_retriable() => return Err(error),
                Ok(Err(error)) => {
                    tracing::debug!(operation, %error, "trying again");
                    last = Some(error);
                }
                Err(_) => {
                    return Err(Error::Timeout { operation, after: started.elapsed(), cause: last.map(Box::new) });
                }
            }
            let delay = self.retry_delay(failures);
            failures += 1;
            if Instant::now() + delay >= deadline {
                return Err(Error::Timeout { operation, after: started.elapsed(), cause: last.map(Box::new) });
            }
            sleep(delay).await;
        }
    }

    /// Asks the leaders of some partitions, each for its own, until every partition has an answer that counts.
    ///
    /// `ask` gets those of one leader. Partitions that are answered with a retriable code are asked again.
    pub(super) async fn on_leaders<T: Clone, R, F: Future<Output = Result<Answers<R>>>>(
        &self,
        operation: &'static str,
        items: Vec<(TopicPartition, T)>,
        ask: impl Fn(Arc<Connection>, Vec<(TopicPartition, T)>) -> F,
    ) -> Answers<R> {
        let mut rounds = Rounds::of(operation, items);
        let deadline = rounds.started() + self.settings.api_timeout;
        let mut failures = 0;
        loop {
            let known = self.metadata();
            // Those without an answer in time stay open.
            let asked = timeout_at(deadline, self.ask_leaders(rounds.open(), &ask)).await;
            let (results, unanswered) = asked.unwrap_or_default();
            let last = rounds.take(results.into_iter().chain(unanswered));
            if rounds.open().is_empty() {
                return rounds.finish(last);
            }
            let delay = self.retry_delay(failures);
            if Instant::now() + delay >= deadline {
                return rounds.finish(last);
            }
            sleep(delay).await;
            failures += 1;
            // Without fresh metadata the next attempt may still find the leader.
            let _ = timeout_at(deadline, self.refresh(&known)).await;
        }
    }

    async fn ask_leaders<T: Clone, R, F: Future<Output = Result<Answers<R>>>>(
        &self,
        items: &[(TopicPartition, T)],
        ask: &impl Fn(Arc<Connection>, Vec<(TopicPartition, T)>) -> F,
    ) -> (Answers<R>, Answers<R>) {
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        let mut by_leader: BTreeMap<BrokerId, Vec<(TopicPartition, T)>> = BTreeMap::new();
        for (partition, item) in items {
            match self.leader(partition).await {
                Ok(leader) => by_leader.entry(leader.broker).or_default().push((partition.clone(), item.clone())),
                Err(error) => failed.push((partition.clone(), Err(error))),
            }
        }
        for (leader, group) in by_leader {
            let partitions: Vec<TopicPartition> = group.iter().map(|(partition, _)| partition.clone()).collect();
            let result = match self.broker(Lane::SHARED, leader).await {
                Ok(connection) => ask(connection, group).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(rows) => answers.extend(rows),
                Err(error) => failed.extend(partitions.into_iter().map(|partition| (partition, Err(error.clone())))),
            }
        }
        (answers, failed)
    }

    /// The leader of a partition, asked for once if its topic is not known yet.
    async fn leader(&self, partition: &TopicPartition) -> Result<Leader> {
        let mut metadata = self.metadata();
        if metadata.topic(partition.topic.as_str()).is_none() {
            self.track(&partition.topic);
            self.refresh(&metadata).await?;
            metadata = self.metadata();
        }
        let refuse = |code| Error::broker(code, ApiKey::Metadata).about(&partition.topic, Some(partition.partition));
        match metadata.leader(partition.topic.as_str(), partition.partition) {
            Some(leader) => Ok(leader),
            None if metadata
                .topic(partition.topic.as_str())
                .is_some_and(|t| t.partition(partition.partition).is_some()) =>
            {
                Err(refuse(ErrorCode::LEADER_NOT_AVAILABLE))
            }
            None => Err(refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        }
    }

    /// Sends a request to a target and tries again while that helps; `verdict` finds the error inside the answer.
    pub(super) async fn call<R: RequestMessage>(
        &self,
        target: Target,
        cap: i16,
        request: &R,
        verdict: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response> {
        let deadline = Instant::now() + self.settings.api_timeout;
        let verdict = &verdict;
        self.until(deadline, R::KEY.name(), |known| async move {
            let connection = match self.target(target).await {
                Ok(connection) => connection,
                Err(error) => {
                    // The broker may have moved, or there may be another controller.
                    self.refresh(&known).await?;
                    return Err(error);
                }
            };
            let response = connection.call(request, cap).await?;
            let code = verdict(&response);
            if code.is_error() && code.is_retriable() {
                if matches!(code, ErrorCode::NOT_CONTROLLER | ErrorCode::NOT_LEADER_OR_FOLLOWER) {
                    self.refresh(&known).await?;
                }
                return Err(Error::broker(code, R::KEY));
            }
            Ok(response)
        })
        .await
    }
}

impl Slot {
    fn ready(&self) -> Option<Arc<Connection>> {
        lock(&self.connection).as_ref().filter(|connection| !connection.is_closed()).cloned()
    }
}
