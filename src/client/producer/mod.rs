//! Producing records.
//!
//! Not here: when a transaction begins and ends; what it writes goes through here all the same.

mod accumulator;
mod completion;
mod partitioner;
mod queue;
mod record;
mod sender;

#[cfg(test)]
mod tests;

pub use completion::Delivery;
pub use partitioner::Choice;
pub use partitioner::Partitioner;
pub use partitioner::RoundRobinPartitioner;
pub use partitioner::StickyPartitioner;
pub use record::ProducerRecord;
pub use record::RecordMetadata;

use super::TopicPartition;
use super::error::Error;
use super::error::Result;
use super::interceptor::Interceptor;
use super::legal;
use super::mutant::ClientMutant;
use super::routing::Router;
use super::routing::lock;
use super::transaction::Transactional;
use super::transaction::TransactionalBuilder;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::batch::BatchBuilder;
use crate::wire::compression::Compression;
use accumulator::Accumulator;
use bytestring::ByteString;
use queue::Batching;
use queue::Identity;
use sender::Sender;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::timeout_at;

/// Sends records. Clones share one buffer and one order; dropping the last one still sends what is in it.
///
/// Records of a partition are written in the order in which they were handed over, whatever has to be sent again.
/// Where the broker offers it, the producer is idempotent: sending again never writes a record twice.
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> rehearsal::client::Result<()> {
/// use rehearsal::client::ProducerRecord;
///
/// let producer = client.producer().build();
/// let first = producer.enqueue(ProducerRecord::new("orders").value("1")).await?;
/// let second = producer.enqueue(ProducerRecord::new("orders").value("2")).await?;
/// assert!(first.await?.offset < second.await?.offset);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Settings of a [`Producer`]. Each is called as Kafka calls it, and its default is Kafka's unless it says otherwise.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ProducerBuilder {
    router: Arc<Router>,
    acks: Acks,
    batch_size: usize,
    linger: Duration,
    compression: Compression,
    buffer_memory: usize,
    max_request_size: usize,
    max_block: Duration,
    delivery_timeout: Duration,
    retries: u32,
    idempotence: Option<bool>,
    partitioner: Option<Arc<dyn Partitioner>>,
}

/// Whose word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Acks {
    /// Nobody's: the broker does not even answer.
    None,
    /// The leader's.
    Leader,
    /// That of all replicas in sync.
    #[default]
    All,
}

impl Acks {
    const fn on_wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// A record whose partition is chosen, and that is not in the buffer yet.
#[derive(Debug)]
pub(super) struct Placed {
    record: ProducerRecord,
    partition: TopicPartition,
    size: usize,
    started: Instant,
    deadline: Instant,
}

impl Placed {
    pub(super) const fn partition(&self) -> &TopicPartition {
        &self.partition
    }
}

/// Ends the producer with its last clone.
#[derive(Debug)]
struct Handle {
    router: Arc<Router>,
    /// The producer's number in its client.
    number: u64,
    shared: Arc<Shared>,
    partitioner: Arc<dyn Partitioner>,
    buffer_memory: usize,
    max_request_size: usize,
    max_block: Duration,
}

/// What the producer and its sending task share.
struct Shared {
    accumulator: Mutex<Accumulator>,
    /// There may be something to send.
    wake: Notify,
    /// The free bytes of the buffer.
    memory: Semaphore,
    closed: AtomicBool,
    /// Whether the task has ended.
    ended: watch::Sender<bool>,
    acks: Acks,
    retries: u32,
    idempotence_required: bool,
    transactional: Option<Transactional>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("acks", &self.acks).finish_non_exhaustive()
    }
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        lock(&self.accumulator).flushing += 1;
        self.memory.close();
        self.wake.notify_one();
    }

    /// Why no record is to be sent any more, if it is a transaction's and that cannot be committed.
    fn doom(&self) -> Option<Error> {
        lock(&self.transactional.as_ref()?.state).doom().cloned()
    }

    /// A record was given up; the transaction that it is part of must not be committed.
    fn spoil(&self, error: &Error) {
        if let Some(transactional) = &self.transactional {
            lock(&transactional.state).on_record_lost(error.clone());
        }
    }

    /// Gives bytes back to the buffer.
    fn release(&self, bytes: usize) {
        if bytes > 0 {
            self.memory.add_permits(bytes);
        }
    }
}

impl ProducerBuilder {
    pub(super) const fn new(router: Arc<Router>) -> Self {
        Self {
            router,
            acks: Acks::All,
            batch_size: 16 * 1024,
            linger: Duration::ZERO,
            compression: Compression::None,
            buffer_memory: 32 * 1024 * 1024,
            max_request_size: 1024 * 1024,
            max_block: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            retries: u32::MAX,
            idempotence: None,
            partitioner: None,
        }
    }

    /// Whose word counts (all replicas in sync).
    pub const fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// How large a batch becomes before it is sent, in bytes before compression (16 KiB).
    pub const fn batch_size(mut self, bytes: usize) -> Self {
        self.batch_size = bytes;
        self
    }

    /// How long a batch waits for more records (not at all; Kafka: 5 ms). While a batch is under way the next one
    /// fills all the same.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How batches are compressed (not at all).
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How much may wait to be sent, in bytes (32 MiB); who sends more has to wait.
    pub const fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// The largest request, and the largest record, in bytes (1 MiB).
    pub const fn max_request_size(mut self, bytes: usize) -> Self {
        self.max_request_size = bytes;
        self
    }

    /// How long handing over a record may wait for metadata and for room in the buffer (60 s): `max.block.ms`.
    pub const fn max_block(mut self, limit: Duration) -> Self {
        self.max_block = limit;
        self
    }

    /// After what time a record that is not acknowledged has failed (2 min).
    pub const fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// How often a batch is sent again before its delivery times out (without limit).
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Whether the broker is to recognise batches that are sent again.
    ///
    /// By default it is where the broker offers it and `acks` are `All`. Asked for with other `acks`, it is not.
    pub const fn enable_idempotence(mut self, enable: bool) -> Self {
        self.idempotence = Some(enable);
        self
    }

    /// Chooses partitions (the key's hash; without key one partition at a time).
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Makes it a producer of transactions, under an id that only one producer has at a time; it is idempotent, and the
    /// word of all replicas in sync counts, whatever was asked for.
    pub fn transactional(self, transactional_id: impl Into<ByteString>) -> TransactionalBuilder {
        TransactionalBuilder::new(self, transactional_id.into())
    }

    pub(super) fn router(&self) -> Arc<Router> {
        Arc::clone(&self.router)
    }

    /// Starts the producer, whose work is done by a task of the current Tokio runtime.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn build(self) -> Producer {
        self.start(None)
    }

    pub(super) fn build_transactional(self, transactional: Transactional) -> Producer {
        Self { acks: Acks::All, idempotence: Some(true), ..self }.start(Some(transactional))
    }

    fn start(self, transactional: Option<Transactional>) -> Producer {
        let batching = Batching {
            batch_size: self.batch_size,
            linger: self.linger,
            compression: self.compression,
            delivery_timeout: self.delivery_timeout,
            request_bytes_max: self.max_request_size,
            transactional: transactional.is_some(),
            mutants: self.router.settings.mutants,
        };
        let plain = self.idempotence == Some(false) || self.acks != Acks::All;
        let identity = if plain { Identity::Plain } else { Identity::Unknown };
        let shared = Arc::new(Shared {
            accumulator: Mutex::new(Accumulator::new(batching, identity)),
            wake: Notify::new(),
            memory: Semaphore::new(self.buffer_memory.min(Semaphore::MAX_PERMITS)),
            closed: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            acks: self.acks,
            retries: self.retries,
            idempotence_required: self.idempotence == Some(true),
            transactional,
        });
        let rng = self.router.settings.seed.stream("client/sticky");
        let partitioner = self.partitioner.unwrap_or_else(|| Arc::new(StickyPartitioner::new(self.batch_size, rng)));
        tokio::spawn(Sender::new(Arc::clone(&shared), Arc::clone(&self.router)).run());
        Producer {
            handle: Arc::new(Handle {
                number: self.router.next_producer(),
                router: self.router,
                shared,
                partitioner,
                buffer_memory: self.buffer_memory,
                max_request_size: self.max_request_size,
                max_block: self.max_block,
            }),
        }
    }
}

impl Producer {
    /// Sends a record and waits until it is acknowledged.
    ///
    /// # Errors
    /// As [`Producer::enqueue`], and [`Error::NotDelivered`], which says whether the record may be in the log.
    pub async fn send(&self, record: ProducerRecord) -> Result<RecordMetadata> {
        self.enqueue(record).await?.await
    }

    /// Hands a record over, as soon as the topic is known and there is room in the buffer.
    ///
    /// Gives a future for the record's place in the log; the record is sent whether or not anyone waits for it.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `max_block`, [`Error::Broker`] with `MESSAGE_TOO_LARGE` for a record above
    /// `max_request_size`, [`Error::Invalid`] for a name or a partition that cannot be; [`Error::Closed`].
    pub async fn enqueue(&self, record: ProducerRecord) -> Result<Delivery> {
        let placed = self.place(record).await?;
        self.hand_over(placed).await
    }

    /// Chooses a record's partition.
    pub(super) async fn place(&self, record: ProducerRecord) -> Result<Placed> {
        let handle = &*self.handle;
        if handle.shared.is_closed() {
            return Err(Error::Closed);
        }
        let record = match self.interceptor() {
            Some((interceptor, number)) => interceptor.on_send(number, record),
            None => record,
        };
        let started = Instant::now();
        let deadline = started + handle.max_block;
        let size = BatchBuilder::size_of_record(record.key.as_deref(), record.value.as_deref(), &record.headers);
        if size > handle.max_request_size.min(handle.buffer_memory) {
            let reason = format!("the record needs {size} bytes, and the limit is {}", handle.max_request_size);
            return Err(Error::broker(ErrorCode::MESSAGE_TOO_LARGE, ApiKey::Produce).saying(Some(reason)));
        }
        let partition = self.choose(&record, size, deadline).await?;
        Ok(Placed { record, partition, size, started, deadline })
    }

    /// Puts a record into the buffer, as soon as there is room.
    pub(super) async fn hand_over(&self, placed: Placed) -> Result<Delivery> {
        let handle = &*self.handle;
        let Placed { mut record, partition, size, started, deadline } = placed;
        let interceptor = self.interceptor();
        let permits = u32::try_from(size).map_err(|_| Error::Invalid("the record is too large".to_owned()))?;
        let reserved = match handle.shared.memory.try_acquire_many(permits) {
            Ok(reserved) => reserved,
            Err(_) => timeout_at(deadline, handle.shared.memory.acquire_many(permits))
                .await
                .map_err(|_| Error::Timeout {
                    operation: "waiting for room in the producer's buffer",
                    after: started.elapsed(),
                    cause: None,
                })?
                .map_err(|_| Error::Closed)?,
        };
        let timestamp = record.timestamp.unwrap_or_else(|| handle.router.settings.clock.now());
        let (delivery, news) = {
            let mut accumulator = lock(&handle.shared.accumulator);
            // Looked at under the lock, so that nothing comes behind the last flush.
            if handle.shared.is_closed() {
                return Err(Error::Closed);
            }
            if let Some((interceptor, number)) = interceptor {
                interceptor.on_enqueue(number, &mut record, &partition);
            }
            accumulator.append(Instant::now(), partition, &record, timestamp, size)
        };
        if let Some((interceptor, number)) = interceptor {
            let (interceptor, outcome) = (Arc::clone(interceptor), delivery.again());
            tokio::spawn(async move { interceptor.on_acknowledgement(number, &record, &outcome.await) });
        }
        // The bytes come back with the batch's outcome.
        reserved.forget();
        if news {
            handle.shared.wake.notify_one();
        }
        Ok(delivery)
    }

    /// Who watches, and by what number they know this producer.
    pub(super) fn interceptor(&self) -> Option<(&Arc<dyn Interceptor>, u64)> {
        let interceptor = self.handle.router.settings.interceptor.as_ref()?;
        Some((interceptor, self.handle.number))
    }

    /// Whether a bug is planted.
    pub(super) fn has_mutant(&self, mutant: ClientMutant) -> bool {
        self.handle.router.settings.mutants.has(mutant)
    }

    /// As whom records are written now, if that is known.
    pub(super) fn identity(&self) -> Option<(ProducerId, ProducerEpoch)> {
        match lock(&self.handle.shared.accumulator).identity() {
            Identity::Idempotent(id, epoch) => Some((id, epoch)),
            Identity::Unknown | Identity::Plain => None,
        }
    }

    /// Writes as somebody else from now on; nothing may be on its way.
    pub(super) fn start_over(&self, id: ProducerId, epoch: ProducerEpoch) {
        lock(&self.handle.shared.accumulator).start_over(id, epoch);
    }

    /// Whether sequence numbers were lost with records that failed.
    pub(super) fn has_gap(&self) -> bool {
        lock(&self.handle.shared.accumulator).has_gap()
    }

    /// Waits until every record that was handed over has an outcome; none of them lingers.
    ///
    /// Whether they were acknowledged is told by their own futures.
    pub async fn flush(&self) {
        /// Ends the hurry, however the wait ends.
        struct Hurry<'a>(&'a Shared);
        impl Drop for Hurry<'_> {
            fn drop(&mut self) {
                lock(&self.0.accumulator).flushing -= 1;
            }
        }
        let shared = &self.handle.shared;
        let outstanding = {
            let mut accumulator = lock(&shared.accumulator);
            accumulator.flushing += 1;
            accumulator.outstanding()
        };
        let _hurry = Hurry(shared);
        shared.wake.notify_one();
        for completion in outstanding {
            completion.settled().await;
        }
    }

    /// Sends what is left, and ends the producer with all its clones.
    pub async fn close(&self) {
        self.handle.shared.close();
        let mut ended = self.handle.shared.ended.subscribe();
        // An error means that the task went away with its runtime, which is an end as well.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    async fn choose(&self, record: &ProducerRecord, size: usize, deadline: Instant) -> Result<TopicPartition> {
        let handle = &*self.handle;
        let mut metadata = handle.router.metadata();
        if metadata.topic(&record.topic).is_none() {
            metadata = handle.router.topic(&legal(&record.topic)?, deadline).await?;
        }
        let topic = metadata.topic(&record.topic).expect("waiting for a topic ends with its metadata");
        let partition = match record.partition {
            Some(partition) => partition,
            None => {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                handle.partitioner.partition(&Choice { topic, key, value, size })
            }
        };
        if topic.partition(partition).is_none() {
            return self.wait_for_partition(topic.name.clone(), partition, deadline).await;
        }
        Ok(TopicPartition { topic: topic.name.clone(), partition })
    }

    /// A partition may have been added a moment ago.
    async fn wait_for_partition(
        &self,
        topic: TopicName,
        partition: PartitionIndex,
        deadline: Instant,
    ) -> Result<TopicPartition> {
        let router = &self.handle.router;
        let operation = "waiting for a partition";
        let topic = &topic;
        router
            .until(deadline, operation, |known| async move {
                router.refresh(&known).await?;
                let metadata = router.metadata();
                let found = metadata.topic(topic.as_str()).is_some_and(|topic| topic.partition(partition).is_some());
                if found {
                    return Ok(());
                }
                let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                Err(Error::broker(code, ApiKey::Metadata).about(topic, Some(partition)))
            })
            .await?;
        Ok(TopicPartition { topic: topic.clone(), partition })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}
