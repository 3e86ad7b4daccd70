//! Consuming records: of partitions that the user names, or of those that a group gives to this consumer.
//!
//! Not here: how members of a group come to an agreement; that is [`super::group`].

mod builder;
mod concurrent;
mod fetcher;
mod group;
mod handler;
mod isolation;
mod member;
mod nearest;
mod position;
mod record;
mod recreation;
mod session;
mod transactional;
mod truncation;

#[cfg(test)]
mod tests;

pub use builder::ConsumerBuilder;
pub use builder::OffsetReset;
pub use builder::StartFrom;
pub use group::Committer;
pub use group::Message;
pub use group::MessageStream;
pub use group::Rebalance;
pub use group::RebalanceListener;
pub use handler::Claim;
pub use handler::GroupHandler;
pub use isolation::IsolationLevel;
pub use record::ConsumerRecord;

use super::TopicPartition;
use super::error::Error;
use super::error::Result;
use super::group::membership::Target;
use super::legal;
use super::routing::Router;
use super::routing::lock;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::ApiKey;
use builder::Settings;
use fetcher::Fetcher;
use futures_core::Stream;
use group::Link;
use member::Pulse;
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

/// Reads records from the partitions that it is given, by its user or by its group.
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
///
/// In a group, what moves to another member is given up when the next record is asked for, not in the midst of
/// processing one: a record counts as processed as soon as the next one is asked for. Who takes longer than
/// `max.poll.interval.ms` for one is put out of the group.
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> rehearsal::client::Result<()> {
/// let mut consumer = client.consumer().group_id("shipping").build();
/// consumer.subscribe(["orders"])?;
/// for _ in 0..10 {
///     let order = consumer.recv().await?;
///     println!("{}-{} at {}", order.topic, order.partition, order.offset);
/// }
/// consumer.close().await?; // commits, and leaves the group
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Consumer {
    /// Which one of its client it is.
    number: u64,
    router: Arc<Router>,
    shared: Arc<Shared>,
    /// What is being handed out.
    current: Option<Chunk>,
    /// The way to the task that is a member of the group.
    link: Option<Link>,
    /// What the group has said and has not been done yet.
    target: Option<Target>,
}

/// What the consumer and its fetching task share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There may be something to fetch.
    wake: Notify,
    /// Somebody calls for the user's attention, for those who do not wait for records just now.
    called: Notify,
    pulse: Pulse,
    settings: Settings,
}

/// What there is for the user.
enum Event {
    Record(ConsumerRecord),
    /// Partitions are given or taken.
    Rebalance,
}

impl Consumer {
    fn new(router: Arc<Router>, settings: Settings) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Notify::new(),
            called: Notify::new(),
            pulse: Pulse::default(),
            settings,
        });
        let number = router.next_consumer();
        tokio::spawn(Fetcher::new(number, Arc::clone(&shared), Arc::clone(&router)).run());
        let link = Link::start(number, &router, &shared);
        Self { number, router, shared, current: None, link, target: None }
    }

    /// Reads these partitions from now on, and no others. A subscription ends.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartFrom)>) {
        self.unsubscribe();
        let partitions: Vec<_> = partitions.into_iter().collect();
        partitions.iter().for_each(|(partition, _)| self.router.track(&partition.topic));
        self.current = None;
        lock(&self.shared.state).assign(partitions);
        self.look_up();
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
    /// [`Error`], once for each partition that cannot be read; and each time when the group does not want this member.
    pub async fn recv(&mut self) -> Result<ConsumerRecord> {
        // Whoever stops waiting is away from then on.
        let shared = Arc::clone(&self.shared);
        let _away = shared.pulse.leave_later();
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The form of [`Consumer::recv`] for those who poll.
    ///
    /// # Errors
    /// As [`Consumer::recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<ConsumerRecord>> {
        loop {
            match self.poll_event(cx) {
                Poll::Ready(Ok(Event::Record(record))) => return Poll::Ready(Ok(record)),
                Poll::Ready(Ok(Event::Rebalance)) => self.rebalance(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for a record, and takes as many more as are there, up to `max`; none when nothing came within `timeout`.
    ///
    /// # Errors
    /// As [`Consumer::recv`]; what was taken before an error is not lost by it.
    pub async fn poll_batch(&mut self, max: usize, timeout: Duration) -> Result<Vec<ConsumerRecord>> {
        let mut records = Vec::new();
        match tokio::time::timeout(timeout, self.recv()).await {
            Ok(first) if max > 0 => records.push(first?),
            _ => return Ok(records),
        }
        while records.len() < max && !self.shared.pulse.is_called() {
            // Nothing is waited for here, nor does an error spoil what there is: it comes next time.
            match self.next_at_hand() {
                Some(record) => records.push(record),
                None => break,
            }
        }
        Ok(records)
    }

    /// The next thing that the user has to know.
    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Result<Event>> {
        self.shared.pulse.enter();
        let event = self.poll_next_event(cx);
        if event.is_ready() {
            self.shared.pulse.leave();
        }
        event
    }

    fn poll_next_event(&mut self, cx: &Context<'_>) -> Poll<Result<Event>> {
        loop {
            if self.shared.pulse.is_called() {
                if let Some(event) = self.attend() {
                    return Poll::Ready(event);
                }
            }
            if self.current.is_some() {
                if let Some(record) = self.open_next() {
                    return Poll::Ready(record.map(Event::Record));
                }
            }
            let mut state = lock(&self.shared.state);
            match state.take(cx.waker()) {
                Some(Ok(chunk)) => {
                    drop(state);
                    self.current = Some(chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                // Whoever called meanwhile has not seen the waker.
                None if self.shared.pulse.is_called() => {}
                None => return Poll::Pending,
            }
        }
    }

    /// The next record that need not be waited for.
    fn next_at_hand(&mut self) -> Option<ConsumerRecord> {
        loop {
            match self.open_next() {
                Some(Ok(record)) => return Some(record),
                // The user is told when it comes next.
                Some(Err(error)) => {
                    lock(&self.shared.state).tell(error);
                    return None;
                }
                None => self.current = Some(lock(&self.shared.state).take_ready()?),
            }
        }
    }

    /// The next record of the current chunk; `None` when there is none left.
    fn open_next(&mut self) -> Option<Result<ConsumerRecord>> {
        let chunk = self.current.as_mut()?;
        let begins_at = chunk.next;
        match chunk.next_record(self.shared.settings.decompressed_bytes_max) {
            Ok(Some(opened)) => {
                let record = ConsumerRecord::new(&chunk.partition, opened);
                if let Some(interceptor) = &self.router.settings.interceptor {
                    if let Some(position) = chunk.moved.take() {
                        interceptor.on_reset(self.number, &chunk.partition, position, begins_at);
                    }
                    interceptor.on_consume(self.number, self.group_id(), &record);
                }
                Some(Ok(record))
            }
            Ok(None) => {
                self.put_away();
                None
            }
            Err(error) => {
                let reason = format!("the records of {} at offset {}: {error}", chunk.partition, chunk.next);
                let partition = chunk.partition.clone();
                self.put_away();
                let mut state = lock(&self.shared.state);
                if let Some(position) = state.partitions.get_mut(&partition) {
                    position.halted = true;
                }
                Some(Err(Error::protocol(ApiKey::Fetch, reason)))
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
        self.tell_moved(partition, start);
        self.look_up();
        Ok(())
    }

    /// Reads all assigned partitions from their first record on that is not older; from the next one if all are.
    pub fn seek_to_timestamp(&mut self, timestamp: Timestamp) {
        self.current = None;
        {
            let mut state = lock(&self.shared.state);
            let partitions: Vec<TopicPartition> = state.partitions.keys().cloned().collect();
            for partition in partitions {
                self.tell_moved(&partition, StartFrom::Timestamp(timestamp));
                state.place(partition, StartFrom::Timestamp(timestamp));
            }
        }
        self.look_up();
    }

    fn tell_moved(&self, partition: &TopicPartition, start: StartFrom) {
        let to = if let StartFrom::Offset(offset) = start { Some(offset) } else { None };
        if let Some(interceptor) = &self.router.settings.interceptor {
            interceptor.on_seek(self.number, partition, to);
        }
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
                position.follow(&chunk);
            }
        }
        self.shared.wake.notify_one();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // The group's task sees its link cut, and leaves the group.
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

impl Drop for RecordStream<'_> {
    fn drop(&mut self) {
        self.consumer.shared.pulse.leave();
    }
}

impl Stream for RecordStream<'_> {
    type Item = Result<ConsumerRecord>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.consumer.poll_recv(cx).map(Some)
    }
}
