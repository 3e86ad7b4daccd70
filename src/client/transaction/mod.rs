//! Transactions: records and offsets that count all together or not at all.
//!
//! Not here: reading only what was committed; that is the consumer's isolation level.

mod coordinator;
mod error;
mod group;
mod pipeline;
mod state;

#[cfg(test)]
mod tests;

pub use error::TransactionError;
pub use group::GroupMetadata;
pub use group::OffsetAndMetadata;
pub use pipeline::Pipeline;
pub use pipeline::Progress;
pub use state::Outcome;

pub(super) use coordinator::CONCURRENT_RETRY;
pub(super) use state::State;

use super::TopicPartition;
use super::consumer::Consumer;
use super::error::Error;
use super::error::Result as ClientResult;
use super::mutant::ClientMutant;
use super::producer::Delivery;
use super::producer::Producer;
use super::producer::ProducerBuilder;
use super::producer::ProducerRecord;
use super::routing::lock;
use bytestring::ByteString;
use coordinator::Coordinators;
use state::Step;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

/// The result of a step of a transaction.
type Result<T> = std::result::Result<T, TransactionError>;

/// Settings of a [`TransactionalProducer`] to change before it takes its transactional id.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `init` is called"]
pub struct TransactionalBuilder {
    producer: ProducerBuilder,
    id: ByteString,
    timeout: Duration,
}

impl TransactionalBuilder {
    pub(super) const fn new(producer: ProducerBuilder, id: ByteString) -> Self {
        Self { producer, id, timeout: Duration::from_secs(60) }
    }

    /// After what time the coordinator aborts a transaction that has not ended (60 s): `transaction.timeout.ms`.
    pub const fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes the transactional id: whoever had it is fenced, and what they left open is aborted.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`] where transactions are not to be had, [`TransactionError::Retriable`] when the
    /// coordinator cannot be reached in time.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn init(self) -> Result<TransactionalProducer> {
        let router = self.producer.router();
        let coordinators = Coordinators::new(router, self.id.clone());
        let identity = coordinators.init_producer_id(self.timeout, None).await?;
        let state = Arc::new(Mutex::new(State::new(identity)));
        let producer = self.producer.build_transactional(Transactional { id: self.id, state: Arc::clone(&state) });
        producer.start_over(identity.0, identity.1);
        let core = Core { producer, coordinators, state, timeout: self.timeout, ending: tokio::sync::Mutex::new(()) };
        Ok(TransactionalProducer { core: Arc::new(core) })
    }
}

/// What the task that sends records has to know of transactions.
#[derive(Clone, Debug)]
pub(super) struct Transactional {
    pub(super) id: ByteString,
    pub(super) state: Arc<Mutex<State>>,
}

/// A producer with a transactional id, of which there is one at a time: a newer one fences it.
///
/// One transaction is open at a time, which the borrow checker sees to. What one transaction writes, and the offsets
/// that it stores, count all together or not at all for readers with
/// [`IsolationLevel::ReadCommitted`](super::IsolationLevel::ReadCommitted).
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> Result<(), rehearsal::client::TransactionError> {
/// use rehearsal::client::{ProducerRecord, TransactionError};
///
/// let mut producer = client.producer().transactional("transfers").init().await?;
/// let transaction = producer.begin().await?;
/// transaction.send(ProducerRecord::new("accounts").key("alice").value("-5")).await?;
/// transaction.send(ProducerRecord::new("accounts").key("bob").value("+5")).await?;
/// match transaction.commit().await {
///     Ok(()) => {}
///     // It was aborted instead: do it all again, with the same producer.
///     Err(TransactionError::Abortable(_)) => {}
///     // Nobody knows yet how it ended.
///     Err(TransactionError::Retriable(_)) => {
///         producer.resolve().await?;
///     }
///     // Somebody else has the transactional id now.
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TransactionalProducer {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    producer: Producer,
    coordinators: Coordinators,
    state: Arc<Mutex<State>>,
    timeout: Duration,
    /// Held while a transaction is being ended.
    ending: tokio::sync::Mutex<()>,
}

/// An open transaction. Dropping it aborts it.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<'a> {
    core: &'a Arc<Core>,
}

impl TransactionalProducer {
    /// Begins a transaction, after the end of one that was dropped.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`] once the producer is fenced; [`TransactionError::Retriable`] as long as the last
    /// transaction has not ended, and when it is not known whether it did: then [`TransactionalProducer::resolve`]
    /// is to be called.
    pub async fn begin(&mut self) -> Result<Transaction<'_>> {
        let core = &self.core;
        core.drop_forgotten();
        // What was dropped and is still being aborted; a commit without answer is for the user to ask about.
        if lock(&core.state).is_aborting() {
            core.finish().await?;
        }
        let implicit = core.coordinators.is_implicit().await?;
        lock(&core.state).begin(implicit)?;
        if let Some((interceptor, number)) = core.producer.interceptor() {
            interceptor.on_transaction_begin(number, core.coordinators.transactional_id());
        }
        Ok(Transaction { core })
    }

    /// Brings a transaction whose end is not known to its end, and says how it ended; `None` when there is none.
    ///
    /// A commit is asked for again, never an abort instead: it may have taken place.
    ///
    /// # Errors
    /// As [`Transaction::commit`], but for an abort, which is an outcome here.
    pub async fn resolve(&mut self) -> Result<Option<Outcome>> {
        self.core.drop_forgotten();
        self.core.finish().await.map(|ended| ended.map(|(outcome, _)| outcome))
    }
}

impl<'a> Transaction<'a> {
    /// Hands a record over. [`Transaction::commit`] waits for it, and commits nothing if it fails.
    ///
    /// # Errors
    /// [`TransactionError::Retriable`] when the record was not taken in time, and can be handed over again;
    /// [`TransactionError::Abortable`] when the transaction cannot be committed any more.
    pub async fn send(&self, record: ProducerRecord) -> Result<()> {
        self.enqueue(record).await.map(drop)
    }

    /// Hands a record over as [`Transaction::send`] does, and gives a future for its place in the log, which says
    /// nothing about the transaction.
    ///
    /// # Errors
    /// As [`Transaction::send`].
    pub async fn enqueue(&self, record: ProducerRecord) -> Result<Delivery> {
        let core = self.core;
        lock(&core.state).check()?;
        let placed = core.producer.place(record).await.map_err(|error| core.spoiled(error))?;
        let partition = placed.partition();
        let (identity, unknown) = {
            let mut state = lock(&core.state);
            (state.identity(), state.needs_partition(partition))
        };
        if unknown {
            lock(&core.state).on_adding();
            let added = core.coordinators.add_partition(identity, partition).await;
            added.map_err(|error| core.spoiled(error))?;
            lock(&core.state).on_partition(partition.clone());
        }
        core.producer.hand_over(placed).await.map_err(|error| core.spoiled(error))
    }

    /// Makes a group's offsets part of the transaction: they are stored when it commits.
    ///
    /// Each offset is that of the next record to process. `group` is what fences a member that the group has given up;
    /// a consumer of the group knows it.
    ///
    /// # Errors
    /// As [`Transaction::send`]; [`TransactionError::Abortable`] as well when the member is fenced: then its
    /// partitions are somebody else's.
    pub async fn send_offsets<O: Into<OffsetAndMetadata>>(
        &self,
        group: &GroupMetadata,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        let core = self.core;
        let offsets: BTreeMap<TopicPartition, OffsetAndMetadata> =
            offsets.into_iter().map(|(partition, offset)| (partition, offset.into())).collect();
        lock(&core.state).check()?;
        if offsets.is_empty() {
            return Ok(());
        }
        let (identity, implicit, unknown) = {
            let mut state = lock(&core.state);
            (state.identity(), state.is_implicit(), state.needs_group(&group.group_id))
        };
        if unknown {
            lock(&core.state).on_adding();
            let added = core.coordinators.add_offsets(identity, &group.group_id).await;
            added.map_err(|error| core.spoiled(error))?;
            lock(&core.state).on_group(group.group_id.clone());
        }
        let told = || offsets.iter().map(|(partition, next)| (partition.clone(), next.offset)).collect();
        if let Some((interceptor, number)) = core.producer.interceptor() {
            interceptor.on_transaction_offsets_begin(number, &group.group_id, &told());
        }
        let stored = core.coordinators.commit_offsets(identity, implicit, group, &offsets).await;
        stored.map_err(|error| core.spoiled(error))?;
        if let Some((interceptor, number)) = core.producer.interceptor() {
            interceptor.on_transaction_offsets(number, &group.group_id, &told());
        }
        Ok(())
    }

    /// Makes the positions of a consumer part of the transaction: all that it has handed out counts as processed when
    /// the transaction commits.
    ///
    /// If it does not commit, the consumer is past records that do not count: it has to seek back, which
    /// [`Pipeline`] does.
    ///
    /// # Errors
    /// As [`Transaction::send_offsets`] and [`Consumer::group_metadata`].
    pub async fn send_positions(&self, consumer: &Consumer) -> Result<()> {
        let group = consumer.group_metadata().map_err(|error| self.core.spoiled(error))?;
        self.send_offsets(&group, consumer.positions()).await
    }

    /// Waits for all records and commits.
    ///
    /// # Errors
    /// [`TransactionError::Abortable`] when it was aborted instead, because of what is told;
    /// [`TransactionError::Retriable`] when it is not known how it ended, see [`TransactionalProducer::resolve`];
    /// [`TransactionError::Fatal`] when the producer is fenced: then it may have been committed if an attempt before
    /// went unanswered, otherwise it was not.
    pub async fn commit(self) -> Result<()> {
        lock(&self.core.state).end(Outcome::Committed);
        let ended = self.core.finish().await;
        if let (Some((interceptor, number)), Err(TransactionError::Fatal(why))) =
            (self.core.producer.interceptor(), &ended)
        {
            interceptor.on_transaction_end(number, true, &Err(why.clone()));
        }
        match ended? {
            Some((Outcome::Aborted, why)) => Err(TransactionError::Abortable(why.unwrap_or(Error::Aborted))),
            _ => Ok(()),
        }
    }

    /// Aborts: nothing of it counts.
    ///
    /// # Errors
    /// [`TransactionError::Retriable`] when the coordinator could not be told in time; the transaction will be aborted
    /// all the same, by the next [`TransactionalProducer::begin`] or by its time-out. [`TransactionError::Fatal`] when
    /// the producer is fenced.
    pub async fn abort(self) -> Result<()> {
        lock(&self.core.state).end(Outcome::Aborted);
        self.core.finish().await.map(drop)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !lock(&self.core.state).is_open() {
            return;
        }
        lock(&self.core.state).end(Outcome::Aborted);
        // Without a runtime its time-out is what aborts it, or the next transaction.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let core = Arc::clone(self.core);
            runtime.spawn(async move {
                if let Err(error) = core.finish().await {
                    tracing::debug!(%error, "a dropped transaction could not be aborted");
                }
            });
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let (Some((interceptor, number)), false) = (self.producer.interceptor(), lock(&self.state).is_idle()) {
            // Whoever comes next under this transactional id sees to it.
            interceptor.on_transaction_end(number, false, &Err(Error::Closed));
        }
    }
}

impl Core {
    /// Sorts an error of a step and remembers what it means for the transaction.
    fn spoiled(&self, error: Error) -> TransactionError {
        lock(&self.state).on_failure(error)
    }

    /// Has a transaction aborted whose value was forgotten instead of dropped.
    fn drop_forgotten(&self) {
        lock(&self.state).end(Outcome::Aborted);
    }

    /// Ends the transaction as it is to end, if there is one, and says how and why.
    async fn finish(&self) -> Result<Option<(Outcome, Option<Error>)>> {
        let _alone = self.ending.lock().await;
        if lock(&self.state).ending()?.is_none() {
            return Ok(None);
        }
        self.end().await.map(Some)
    }

    async fn end(&self) -> Result<(Outcome, Option<Error>)> {
        // Those of a doomed transaction are given up by the task that sends; those under way have to land.
        self.producer.flush().await;
        let gives_up = self.producer.has_mutant(ClientMutant::AbortAfterCommitTimeout);
        loop {
            // Asked first: the task that sends takes these locks in the other order.
            let gap = self.producer.has_gap();
            let step = lock(&self.state).step(gap)?;
            let (identity, implicit) = {
                let state = lock(&self.state);
                (state.identity(), state.is_implicit())
            };
            match step {
                Step::End(outcome) => {
                    if let Some((interceptor, number)) = self.producer.interceptor() {
                        interceptor.on_transaction_ending(number, outcome == Outcome::Committed);
                    }
                    match self.coordinators.end(identity, implicit, outcome).await {
                        Ok(renamed) => lock(&self.state).on_ended(renamed),
                        Err(error) if gives_up && outcome == Outcome::Committed && error.is_retriable() => {
                            lock(&self.state).on_end_forgotten(error);
                        }
                        Err(error) => {
                            let refused = lock(&self.state).on_end_refused(error);
                            // Of a commit, who asked for it says so.
                            let abort = self.producer.interceptor().filter(|_| outcome == Outcome::Aborted);
                            if let (Some((interceptor, number)), Err(TransactionError::Fatal(why))) = (abort, &refused)
                            {
                                interceptor.on_transaction_end(number, false, &Err(why.clone()));
                            }
                            refused?;
                        }
                    }
                }
                Step::Renew => {
                    let renewed: ClientResult<_> =
                        self.coordinators.init_producer_id(self.timeout, Some(identity)).await;
                    let renewed = renewed.map_err(|error| lock(&self.state).on_renewal_refused(error))?;
                    lock(&self.state).on_renewed(renewed);
                }
                Step::Done(outcome) => {
                    if let Some((interceptor, number)) = self.producer.interceptor() {
                        interceptor.on_transaction_end(number, outcome == Outcome::Committed, &Ok(()));
                    }
                    if self.producer.identity() != Some(identity) {
                        self.producer.start_over(identity.0, identity.1);
                    }
                    return Ok((outcome, lock(&self.state).on_done()));
                }
            }
        }
    }
}
