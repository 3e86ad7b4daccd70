//! Consuming records of assigned partitions.
//!
//! Not here: groups, until the broker has them.

mod fetcher;
mod isolation;
mod position;
mod session;

#[cfg(test)]
mod tests;

pub use isolation::IsolationLevel;

use super::TopicPartition;
use super::error::Error;
use super::error::Result;
use super::legal;
use super::routing::Router;
use super::routing::lock;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::batch::Header;
use crate::wire::batch::RECORDS_BYTES_MAX;
use crate::wire::batch::TimestampType;
use bytes::Bytes;
use fetcher::FETCH_WAIT_DEFAULT;
use fetcher::Fetcher;
use futures_core::Stream;
use position::Chunk;
use position::State;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Reads records from the partitions that it is given.
///
/// Fetching goes on while records are processed: one long poll for each broker, and at most `prefetch_bytes` in
/// memory. Records of a partition come in the order of their offsets.
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> rehearsal::client::Result<()> {
/// use rehearsal::client::{StartFrom, TopicPartition};
///
/// let mut consumer = client.consumer().build();
/// consumer.assign([(TopicPartition::new("orders", 0)?, StartFrom::Earliest)]);
/// let first = consumer.recv().await?;
/// let second = consumer.recv().await?;
/// assert!(first.offset < second.offset);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Consumer {
    router: Arc<Router>,
    shared: Arc<Shared>,
    /// What is being handed out.
    current: Option<Chunk>,
}

/// Settings of a [`Consumer`]. Each is called as Kafka calls it, and its default is Kafka's unless it says otherwise.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ConsumerBuilder {
    router: Arc<Router>,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    fetch_bytes_min: usize,
    fetch_bytes_max: usize,
    partition_bytes_max: usize,
    prefetch_bytes: usize,
    decompressed_bytes_max: usize,
    fetch_wait_max: Duration,
    reset: OffsetReset,
    isolation: IsolationLevel,
}

/// What the consumer and its fetching task share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There may be something to fetch.
    wake: Notify,
    settings: Settings,
}

/// From where a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// From the log's beginning.
    Earliest,
    /// From the next record that is written.
    Latest,
    /// From this offset.
    Offset(Offset),
    /// From the first record that is not older; from the next one if all are.
    Timestamp(Timestamp),
}

/// What happens when an offset is not in the log: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OffsetReset {
    /// The log's beginning is read.
    Earliest,
    /// The next record that is written is read.
    #[default]
    Latest,
    /// The user is told, and the partition waits for a seek.
    None,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset.
    pub offset: Offset,
    /// The record's time.
    pub timestamp: Timestamp,
    /// Whose time it is.
    pub timestamp_type: TimestampType,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<Header>,
}

impl ConsumerBuilder {
    pub(super) const fn new(router: Arc<Router>) -> Self {
        let settings = Settings {
            fetch_bytes_min: 1,
            fetch_bytes_max: 50 * 1024 * 1024,
            partition_bytes_max: 1024 * 1024,
            prefetch_bytes: 64 * 1024 * 1024,
            decompressed_bytes_max: RECORDS_BYTES_MAX,
            fetch_wait_max: FETCH_WAIT_DEFAULT,
            reset: OffsetReset::Latest,
            isolation: IsolationLevel::ReadUncommitted,
        };
        Self { router, settings }
    }

    /// What happens when an offset is not in the log (the latest is taken).
    pub const fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.settings.reset = reset;
        self
    }

    /// Which records are seen (all).
    ///
    /// With [`IsolationLevel::ReadCommitted`] the end of a partition is where the first open transaction begins, for
    /// [`StartFrom::Latest`] and [`Consumer::lag`] as well.
    pub const fn isolation_level(mut self, isolation: IsolationLevel) -> Self {
        self.settings.isolation = isolation;
        self
    }

    /// How many bytes a broker waits for before it answers (1).
    pub const fn fetch_min_bytes(mut self, bytes: usize) -> Self {
        self.settings.fetch_bytes_min = bytes;
        self
    }

    /// How many bytes a broker answers with at most, unless one batch alone is larger (50 MiB).
    pub const fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.settings.fetch_bytes_max = bytes;
        self
    }

    /// How many of them at most are of one partition, unless one batch alone is larger (1 MiB).
    pub const fn max_partition_fetch_bytes(mut self, bytes: usize) -> Self {
        self.settings.partition_bytes_max = bytes;
        self
    }

    /// How long a broker waits at most (500 ms).
    pub const fn fetch_max_wait(mut self, wait: Duration) -> Self {
        self.settings.fetch_wait_max = wait;
        self
    }

    /// How many bytes may lie in memory or be under way before they are handed out (64 MiB), give or take one batch
    /// for each broker.
    pub const fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.settings.prefetch_bytes = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// How large one batch may become when it is decompressed, in bytes (100 MiB).
    pub const fn decompressed_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.decompressed_bytes_max = bytes;
        self
    }

    /// Starts the consumer, whose fetching is done by a task of the current Tokio runtime.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn build(self) -> Consumer {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Notify::new(), settings: self.settings });
        tokio::spawn(Fetcher::new(Arc::clone(&shared), Arc::clone(&self.router)).run());
        Consumer { router: self.router, shared, current: None }
    }
}

impl Consumer {
    /// Reads these partitions from now on, and no others.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartFrom)>) {
        let partitions: Vec<_> = partitions.into_iter().collect();
        partitions.iter().for_each(|(partition, _)| self.router.track(&partition.topic));
        self.current = None;
        lock(&self.shared.state).assign(partitions);
        self.shared.wake.notify_one();
    }

    /// Reads all partitions of a topic from now on, and no others.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is not legal, [`Error::Timeout`] when the topic does not exist.
    pub async fn assign_topic(&mut self, topic: &str, start: StartFrom) -> Result<()> {
        let name = legal(topic)?;
        let deadline = Instant::now() + self.router.settings.api_timeout;
        let metadata = self.router.topic(&name, deadline).await?;
        let partitions = metadata.topic(topic).map(|topic| &topic.partitions[..]).unwrap_or_default();
        let row = |index| (TopicPartition { topic: name.clone(), partition: index }, start);
        self.assign(partitions.iter().map(|partition| row(partition.index)));
        Ok(())
    }

    /// The assigned partitions, in order.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        lock(&self.shared.state).partitions.keys().cloned().collect()
    }

    /// Waits for the next record of any partition.
    ///
    /// Cancel safe: no record is lost. After an error the other partitions can be read on.
    ///
    /// # Errors
    /// [`Error`], once for each partition that cannot be read.
    pub async fn recv(&mut self) -> Result<ConsumerRecord> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The form of [`Consumer::recv`] for those who poll.
    ///
    /// # Errors
    /// As [`Consumer::recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<ConsumerRecord>> {
        loop {
            if let Some(chunk) = &mut self.current {
                match chunk.next_record(self.shared.settings.decompressed_bytes_max) {
                    Ok(Some(opened)) => {
                        let (topic, partition) = (chunk.partition.topic.clone(), chunk.partition.partition);
                        let record = opened.record;
                        return Poll::Ready(Ok(ConsumerRecord {
                            topic,
                            partition,
                            offset: record.offset,
                            timestamp: record.timestamp,
                            timestamp_type: opened.timestamp_type,
                            leader_epoch: opened.leader_epoch,
                            key: record.key,
                            value: record.value,
                            headers: record.headers,
                        }));
                    }
                    Ok(None) => self.put_away(),
                    Err(error) => {
                        let reason = format!("the records of {} at offset {}: {error}", chunk.partition, chunk.next);
                        let partition = chunk.partition.clone();
                        self.put_away();
                        let mut state = lock(&self.shared.state);
                        if let Some(position) = state.partitions.get_mut(&partition) {
                            position.halted = true;
                        }
                        return Poll::Ready(Err(Error::protocol(ApiKey::Fetch, reason)));
                    }
                }
            }
            match lock(&self.shared.state).take(cx.waker()) {
                Some(Ok(chunk)) => self.current = Some(chunk),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Pending,
            }
        }
    }

    /// The records as a stream without end.
    pub fn stream(&mut self) -> RecordStream<'_> {
        RecordStream { consumer: self }
    }

    /// Reads a partition from another place on.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, start: StartFrom) -> Result<()> {
        self.forget_current(partition);
        {
            let mut state = lock(&self.shared.state);
            if !state.partitions.contains_key(partition) {
                return Err(not_assigned(partition));
            }
            state.place(partition.clone(), start);
        }
        self.shared.wake.notify_one();
        Ok(())
    }

    /// The offset of the record that comes next in a partition; `None` as long as it has not been looked up.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        match &self.current {
            Some(chunk) if chunk.partition == *partition => Some(chunk.next),
            _ => lock(&self.shared.state).partitions.get(partition)?.next,
        }
    }

    /// How many offsets lie between a partition's position and its end, as of the last fetch.
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let position = self.position(partition)?;
        let end = lock(&self.shared.state).partitions.get(partition)?.high_watermark?;
        Some(end.0.saturating_sub(position.0).max(0))
    }

    /// Hands out no record of these partitions until they are resumed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a partition is not assigned.
    pub fn pause<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<()> {
        self.set_paused(partitions, true)
    }

    /// Hands out records of paused partitions again.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a partition is not assigned.
    pub fn resume<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<()> {
        self.set_paused(partitions, false)
    }

    fn set_paused<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>, paused: bool) -> Result<()> {
        for partition in partitions {
            if paused {
                self.forget_current(partition);
            }
            if !lock(&self.shared.state).set_paused(partition, paused) {
                return Err(not_assigned(partition));
            }
        }
        self.shared.wake.notify_one();
        Ok(())
    }

    fn forget_current(&mut self, partition: &TopicPartition) {
        if self.current.as_ref().is_some_and(|chunk| chunk.partition == *partition) {
            self.put_away();
        }
    }

    /// Ends the current chunk and remembers how far it was read.
    fn put_away(&mut self) {
        let Some(chunk) = self.current.take() else { return };
        {
            let mut state = lock(&self.shared.state);
            state.release(chunk.bytes);
            if let Some(position) = state.partitions.get_mut(&chunk.partition) {
                position.next = Some(chunk.next);
            }
        }
        self.shared.wake.notify_one();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        lock(&self.shared.state).closed = true;
        self.shared.wake.notify_one();
    }
}

fn not_assigned(partition: &TopicPartition) -> Error {
    Error::Invalid(format!("{partition} is not assigned to this consumer"))
}

/// The records of a [`Consumer`] as a stream; it does not end.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct RecordStream<'a> {
    consumer: &'a mut Consumer,
}

impl Stream for RecordStream<'_> {
    type Item = Result<ConsumerRecord>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.consumer.poll_recv(cx).map(Some)
    }
}
