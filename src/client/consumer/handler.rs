//! One task for each partition that the group gives to this consumer.
//!
//! Not here: many records of one partition at once; that is [`super::concurrent`].

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Router;
use super::super::routing::lock;
use super::Committer;
use super::Consumer;
use super::ConsumerRecord;
use super::Event;
use super::Shared;
use super::StartFrom;
use super::position::Chunk;
use crate::wire::ApiKey;
use std::collections::BTreeMap;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;

/// Processes the partitions that a group gives to a consumer, each in a task of its own.
///
/// ```
/// use rehearsal::client::{Claim, Error, GroupHandler};
///
/// struct Shipping;
///
/// impl GroupHandler for Shipping {
///     type Error = Error;
///
///     async fn consume(&self, mut claim: Claim) -> Result<(), Error> {
///         // It ends when the partition is to be somebody else's.
///         while let Some(order) = claim.recv().await? {
///             println!("{}-{} at {}", order.topic, order.partition, order.offset);
///             claim.mark(&order);
///         }
///         claim.commit().await
///     }
/// }
/// ```
pub trait GroupHandler: Send + Sync + 'static {
    /// What processing may fail with.
    type Error: From<Error> + Send + 'static;

    /// Partitions have been given to the consumer; their tasks begin when this has ended.
    fn set_up(&self, _partitions: &[TopicPartition]) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Ok(()) }
    }

    /// Processes one partition, until it is to be given up: [`Claim::recv`] tells.
    fn consume(&self, claim: Claim) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The tasks of partitions have ended; they are given up when this has ended, unless they were lost.
    fn clean_up(&self, _partitions: &[TopicPartition]) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Ok(()) }
    }
}

/// A partition while it is this consumer's. Not more is committed than has been marked.
#[derive(Debug)]
pub struct Claim {
    partition: TopicPartition,
    /// When it was placed.
    placed: u64,
    number: u64,
    router: Arc<Router>,
    shared: Arc<Shared>,
    chunks: mpsc::UnboundedReceiver<Chunk>,
    current: Option<Chunk>,
    cancelled: watch::Receiver<bool>,
    committer: Committer,
}

impl Claim {
    /// Which partition it is.
    pub const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The next record; `None` when the partition is to be given up.
    ///
    /// # Errors
    /// [`Error::Protocol`] when records make no sense.
    pub async fn recv(&mut self) -> Result<Option<ConsumerRecord>> {
        loop {
            if *self.cancelled.borrow() {
                return Ok(None);
            }
            if let Some(chunk) = &mut self.current {
                let begins_at = chunk.next;
                match chunk.next_record(self.shared.settings.decompressed_bytes_max) {
                    Ok(Some(opened)) => {
                        let record = ConsumerRecord::new(&self.partition, opened);
                        let mut state = lock(&self.shared.state);
                        state.begin(&self.partition, chunk.topic_id, record.offset);
                        let position = state.partitions.get_mut(&self.partition);
                        if let Some(position) = position.filter(|position| position.placed == self.placed) {
                            position.follow(chunk);
                        }
                        drop(state);
                        if let Some(interceptor) = &self.router.settings.interceptor {
                            if let Some(position) = chunk.moved.take() {
                                interceptor.on_reset(self.number, &self.partition, position, begins_at);
                            }
                            interceptor.on_consume(self.number, Some(&self.shared.settings.group.group_id), &record);
                        }
                        return Ok(Some(record));
                    }
                    Ok(None) => self.put_away(),
                    Err(error) => {
                        let reason = format!("the records of {} at offset {}: {error}", self.partition, chunk.next);
                        self.put_away();
                        return Err(Error::protocol(ApiKey::Fetch, reason));
                    }
                }
                continue;
            }
            tokio::select! {
                biased;
                _ = self.cancelled.changed() => {}
                chunk = self.chunks.recv() => match chunk {
                    Some(chunk) => self.current = Some(chunk),
                    None => return Ok(None),
                },
            }
        }
    }

    /// A record and all before it have been processed: that much may be committed.
    pub fn mark(&self, record: &ConsumerRecord) {
        lock(&self.shared.state).finish_up_to(&self.partition, self.placed, record.offset);
    }

    /// Commits what has been marked.
    ///
    /// # Errors
    /// Why the commit failed.
    pub async fn commit(&self) -> Result<()> {
        let position = super::group::position_of(&lock(&self.shared.state), &self.partition);
        self.committer.commit_offsets(position.map(|position| (self.partition.clone(), position))).await
    }

    /// Waits until the partition is to be given up.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        // Whoever could say so is gone: then it is over as well.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    fn put_away(&mut self) {
        if let Some(chunk) = self.current.take() {
            let mut state = lock(&self.shared.state);
            state.let_go(&self.partition, self.placed, chunk.bytes);
            let position = state.partitions.get_mut(&self.partition);
            if let Some(position) = position.filter(|position| position.placed == self.placed) {
                position.follow(&chunk);
            }
            drop(state);
            self.shared.wake.notify_one();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What has not been handed out takes no room any more.
        self.chunks.close();
        let mut bytes = self.current.take().map_or(0, |chunk| chunk.bytes);
        while let Ok(chunk) = self.chunks.try_recv() {
            bytes += chunk.bytes;
        }
        lock(&self.shared.state).let_go(&self.partition, self.placed, bytes);
        self.shared.wake.notify_one();
    }
}

/// What the consumer knows of a claim.
struct Task {
    chunks: mpsc::UnboundedSender<Chunk>,
    cancel: watch::Sender<bool>,
    abort: AbortHandle,
}

/// The tasks of all claims.
struct Crew<'a, H: GroupHandler> {
    consumer: &'a mut Consumer,
    handler: Arc<H>,
    tasks: BTreeMap<TopicPartition, Task>,
    work: JoinSet<(TopicPartition, Result<(), H::Error>)>,
    failed: Option<H::Error>,
}

impl<H: GroupHandler> Drop for Crew<'_, H> {
    fn drop(&mut self) {
        self.consumer.shared.pulse.leave();
        lock(&self.consumer.shared.state).feeds_claims = false;
        // What was fetched for a claim and not handed out is fetched again.
        for partition in self.tasks.keys() {
            self.consumer.rewind(partition);
        }
    }
}

impl Consumer {
    /// Processes what the group gives to this consumer until `until` is done, one task for each partition.
    ///
    /// Partitions that are to be given up are held until their tasks have ended and cleaned up, for at most
    /// `max.poll.interval.ms`. Marked positions are committed as configured; what was not marked is read again.
    ///
    /// # Errors
    /// The first that a task, set-up or clean-up ends with, when all tasks have ended, and those of
    /// [`Consumer::recv`].
    pub async fn run<H: GroupHandler>(&mut self, handler: H, until: impl Future<Output = ()>) -> Result<(), H::Error> {
        let committer = self.committer()?;
        self.rewind_for_claims();
        let mut crew = Crew {
            consumer: self,
            handler: Arc::new(handler),
            tasks: BTreeMap::new(),
            work: JoinSet::new(),
            failed: None,
        };
        let mut until = pin!(until);
        crew.claim(&committer).await?;
        loop {
            if let Some(error) = crew.failed.take() {
                crew.end().await;
                return Err(error);
            }
            let (consumer, tasks) = (&mut *crew.consumer, &crew.tasks);
            tokio::select! {
                biased;
                () = &mut until => {
                    crew.end().await;
                    return crew.failed.take().map_or(Ok(()), Err);
                }
                Some(done) = crew.work.join_next() => crew.on_end(done),
                event = poll_fn(|cx| poll_feed(consumer, tasks, cx)) => match event {
                    Ok(()) => {
                        crew.give_up().await;
                        crew.consumer.rebalance();
                        crew.claim(&committer).await?;
                    }
                    Err(error) => crew.failed = Some(error.into()),
                },
            }
        }
    }

    /// What was fetched is fetched again, for the claims.
    fn rewind_for_claims(&mut self) {
        self.put_away();
        lock(&self.shared.state).feeds_claims = true;
        self.assignment().iter().for_each(|partition| self.rewind(partition));
    }

    /// Reads what was handed out of a partition and not finished once more.
    pub(super) fn rewind(&self, partition: &TopicPartition) {
        let again = lock(&self.shared.state).rewind(partition);
        if let Some(first) = again {
            self.tell_moved(partition, StartFrom::Offset(first));
        }
    }
}

/// Gives what was fetched to the tasks. Ready when there is a rebalance, or an error.
fn poll_feed(consumer: &mut Consumer, tasks: &BTreeMap<TopicPartition, Task>, cx: &Context<'_>) -> Poll<Result<()>> {
    consumer.shared.pulse.enter();
    loop {
        if consumer.shared.pulse.is_called() {
            match consumer.attend() {
                Some(Ok(Event::Rebalance)) => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(Event::Record(_))) | None => {}
            }
        }
        let mut state = lock(&consumer.shared.state);
        match state.take(cx.waker()) {
            Some(Ok(chunk)) => {
                let bytes = chunk.bytes;
                state.hold(&chunk.partition, bytes);
                let partition = chunk.partition.clone();
                let placed = state.partitions.get(&partition).map_or(0, |position| position.placed);
                let sent = tasks.get(&chunk.partition).is_some_and(|task| task.chunks.send(chunk).is_ok());
                if !sent {
                    // Nobody wants it any more.
                    state.let_go(&partition, placed, bytes);
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(error)),
            // Whoever called meanwhile has not seen the waker.
            None if consumer.shared.pulse.is_called() => {}
            None => return Poll::Pending,
        }
    }
}

impl<H: GroupHandler> Crew<'_, H> {
    /// Starts a task for each partition that has none.
    async fn claim(&mut self, committer: &Committer) -> Result<(), H::Error> {
        let mut partitions = self.consumer.assignment();
        partitions.retain(|partition| !self.tasks.contains_key(partition));
        if partitions.is_empty() {
            return Ok(());
        }
        self.handler.set_up(&partitions).await?;
        for partition in partitions {
            let placed = lock(&self.consumer.shared.state).partitions.get(&partition).map_or(0, |found| found.placed);
            let (chunks, receiver) = mpsc::unbounded_channel();
            let (cancel, cancelled) = watch::channel(false);
            let claim = Claim {
                partition: partition.clone(),
                placed,
                number: self.consumer.number,
                router: Arc::clone(&self.consumer.router),
                shared: Arc::clone(&self.consumer.shared),
                chunks: receiver,
                current: None,
                cancelled,
                committer: committer.clone(),
            };
            let (handler, name) = (Arc::clone(&self.handler), partition.clone());
            let abort = self.work.spawn(async move { (name, handler.consume(claim).await) });
            self.tasks.insert(partition, Task { chunks, cancel, abort });
        }
        Ok(())
    }

    fn on_end(&mut self, done: Result<(TopicPartition, Result<(), H::Error>), tokio::task::JoinError>) {
        match done {
            Ok((partition, result)) => {
                // A task that is content before its partition is given up gets no more of it.
                if self.tasks.get(&partition).is_some_and(|task| !*task.cancel.borrow()) {
                    lock(&self.consumer.shared.state).set_paused(&partition, true);
                }
                if let Err(error) = result {
                    self.failed.get_or_insert(error);
                }
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Ends the tasks of partitions that are to be given up, and cleans up behind them.
    async fn give_up(&mut self) {
        let mut partitions = self.consumer.to_give_up();
        partitions.retain(|partition| self.tasks.contains_key(partition));
        self.finish(&partitions).await;
    }

    /// Ends everything.
    async fn end(&mut self) {
        let partitions: Vec<TopicPartition> = self.tasks.keys().cloned().collect();
        self.finish(&partitions).await;
        for partition in &partitions {
            lock(&self.consumer.shared.state).set_paused(partition, false);
            self.consumer.rewind(partition);
        }
    }

    async fn finish(&mut self, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        let ending = |task: &&Task| !task.abort.is_finished();
        for task in partitions.iter().filter_map(|partition| self.tasks.get(partition)) {
            // A task that has ended listens no more.
            let _ = task.cancel.send(true);
        }
        // From now on the group counts how long this takes.
        self.consumer.shared.pulse.leave();
        loop {
            let tasks: Vec<&Task> = partitions.iter().filter_map(|partition| self.tasks.get(partition)).collect();
            if !tasks.iter().any(ending) {
                break;
            }
            if self.consumer.is_lost() {
                tasks.iter().for_each(|task| task.abort.abort());
            }
            let called = self.consumer.shared.called.notified();
            tokio::select! {
                biased;
                done = self.work.join_next() => match done {
                    Some(done) => self.on_end(done),
                    None => break,
                },
                () = called => {}
            }
        }
        if let Err(error) = self.handler.clean_up(partitions).await {
            self.failed.get_or_insert(error);
        }
        self.tasks.retain(|partition, _| !partitions.contains(partition));
    }
}
