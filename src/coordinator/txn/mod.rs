//! The coordinator of the transactions of one partition of `__transaction_state`.
//!
//! ```text
//! Empty ──add──> Ongoing ──end──> PrepareCommit | PrepareAbort ──all markers──> CompleteCommit | CompleteAbort
//!                   └──time-out, or another producer begins──> (PrepareEpochFence) ──> PrepareAbort
//! ```
//! A change is first a record: while that is not replicated the change is pending, and whoever asks meanwhile is told
//! to come again (`CONCURRENT_TRANSACTIONS`).
//!
//! Not here: logs, markers on their way and answers; `broker::effects` appends, carries and hands out.

mod end;
mod init_producer_id;
mod records;
#[cfg(test)]
mod state_table;
mod transaction;

pub(crate) use records::TransactionRecord;
pub(crate) use transaction::TopicPartition;
pub(crate) use transaction::Transaction;
pub(crate) use transaction::TransactionMetadata;
pub use transaction::TransactionState;

use super::Moment;
use super::Reply;
use super::Ticket;
use super::timers::Timers;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// What a transaction coordinator is told with everything it is asked.
#[derive(Debug)]
pub(crate) struct TxnMoment<'a> {
    pub(crate) moment: Moment<'a>,
    /// The cluster's `transaction.version`.
    pub(crate) transaction_version: i16,
    /// The next producer id of the cluster.
    pub(crate) next_producer_id: &'a mut i64,
}

/// Who speaks for a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

/// What comes of a request: the producer to go on as, or why not.
pub(crate) type TxnReply = Result<Producer, ErrorCode>;

/// Something to be done for a transaction coordinator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TxnEffect {
    /// Answer the request with this ticket.
    Complete(Ticket, Reply),
    /// Append a record, and say when it is replicated or could not be.
    Append(Box<Appending>),
    /// Carry markers to the leaders of these partitions, and say where each one is.
    WriteMarkers(Box<Markers>),
}

/// A record on its way into the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Appending {
    pub(crate) record: TransactionRecord,
    then: Then,
}

/// The end of a transaction on its way to the partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Markers {
    pub(crate) transactional_id: String,
    pub(crate) producer: Producer,
    pub(crate) committed: bool,
    pub(crate) transaction_version: i16,
    pub(crate) partitions: BTreeSet<TopicPartition>,
}

/// How things go on once a record is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Then {
    /// The producer is told who it is.
    Initialized(Ticket),
    /// The partitions are in the transaction.
    Added(Ticket),
    /// The end is decided: markers go out.
    Prepared { asked_by: EndedBy, is_fence: bool },
    /// The end is complete.
    Completed,
    /// The transactional id is forgotten.
    Expired,
}

/// On whose behalf a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndedBy {
    /// Its producer.
    Client(Ticket),
    /// A producer that takes its place, and has to come again.
    Successor(Ticket),
    /// Time.
    TimeOut,
}

/// What a coordinator's deadlines are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// A transaction has been open for too long.
    TimeOut(Arc<str>),
    /// A transactional id was not used for long.
    Expiry(Arc<str>),
}

/// The transactions of one partition of `__transaction_state`.
#[derive(Debug, Default)]
pub(crate) struct TransactionCoordinator {
    transactions: BTreeMap<Arc<str>, TransactionMetadata>,
    timers: Timers<Deadline>,
    /// What is still to be done for transactions that were prepared before.
    begun: Vec<TxnEffect>,
    /// Tells this coordinator from another one of the same partition, before or after it; 0 until it is known.
    pub(crate) generation: u64,
}

impl<'a> Deref for TxnMoment<'a> {
    type Target = Moment<'a>;

    fn deref(&self) -> &Moment<'a> {
        &self.moment
    }
}

impl TxnMoment<'_> {
    /// Takes a producer id that nobody has.
    fn new_producer_id(&mut self) -> ProducerId {
        let id = ProducerId(*self.next_producer_id);
        *self.next_producer_id += 1;
        id
    }
}

/// The first moment at which a scan that runs every `interval_ms` finds what is due at `due`.
fn next_scan(at: &Moment<'_>, due: Timestamp, interval_ms: i32) -> Instant {
    // What is overdue has its turn with the next scan.
    let left = due.0.saturating_sub(at.timestamp.0).max(1);
    let due = at.now.plus_ms(left).since_start();
    let interval = Duration::from_millis(u64::try_from(interval_ms.max(1)).unwrap_or(1));
    // At least one interval after the start, and then at a whole number of them.
    let scans = due.as_nanos().div_ceil(interval.as_nanos()).max(1);
    Instant::START.plus_ms(i64::try_from(scans * interval.as_millis()).unwrap_or(i64::MAX))
}

impl TransactionCoordinator {
    /// Takes in a record of the log.
    pub(crate) fn replay(&mut self, record: TransactionRecord) {
        let id: Arc<str> = record.transactional_id.into();
        match record.value {
            Some(value) => self.transactions.insert(id, TransactionMetadata::new(value)),
            None => self.transactions.remove(&id),
        };
    }

    /// Begins to work, after all records were replayed: what was prepared is completed.
    ///
    /// Source: `TransactionStateManager.loadTransactionsForTxnTopicPartition`.
    pub(crate) fn start(&mut self, at: &Moment<'_>) {
        let ids: Vec<Arc<str>> = self.transactions.keys().cloned().collect();
        ids.iter().for_each(|id| self.schedule(at, id));
        if at.mutants.has(BrokerMutant::ForgetsPrepared) {
            self.transactions.values_mut().for_each(TransactionMetadata::forget_prepared);
        }
        let prepared = self.transactions.iter_mut().filter(|(_, metadata)| metadata.current.state.is_prepared());
        let ids: Vec<Arc<str>> = prepared.map(|(id, _)| Arc::clone(id)).collect();
        self.begun = ids.iter().flat_map(|id| self.send_markers(at, id)).collect();
    }

    /// What the beginning of its work made necessary, once.
    pub(crate) fn take_begun(&mut self) -> Vec<TxnEffect> {
        std::mem::take(&mut self.begun)
    }

    /// All transactional ids, in order.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = (&str, &TransactionMetadata)> {
        self.transactions.iter().map(|(id, metadata)| (&**id, metadata))
    }

    /// A transactional id, if it is known.
    pub(crate) fn transaction(&self, id: &str) -> Option<&TransactionMetadata> {
        self.transactions.get(id)
    }

    /// The next deadline.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does one thing that is due; `None` when nothing is.
    pub(crate) fn handle_timeout(&mut self, at: &mut TxnMoment<'_>) -> Option<Vec<TxnEffect>> {
        Some(match self.timers.pop_due(at.now)? {
            Deadline::TimeOut(id) => self.time_out(at, &id),
            Deadline::Expiry(id) => self.expire(at, &id),
        })
    }

    /// Adds partitions to a transaction, and begins one if there is none; the answer comes to its ticket.
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_REQUEST`, `INVALID_PRODUCER_ID_MAPPING` for an id that is not known,
    /// `CONCURRENT_TRANSACTIONS`, `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`.
    ///
    /// Source: `TransactionCoordinator.handleAddPartitionsToTransaction`.
    pub(crate) fn add_partitions(
        &mut self,
        at: &TxnMoment<'_>,
        id: &str,
        producer: Producer,
        partitions: &BTreeSet<TopicPartition>,
        client_transaction_version: i16,
        ticket: Ticket,
    ) -> Vec<TxnEffect> {
        let added = self.try_add(at, id, producer, partitions, client_transaction_version);
        match added {
            Ok(Some(next)) => vec![append(id, next, Then::Added(ticket))],
            Ok(None) => vec![answer(ticket, Ok(producer))],
            Err(code) => vec![answer(ticket, Err(code))],
        }
    }

    fn try_add(
        &mut self,
        at: &TxnMoment<'_>,
        id: &str,
        producer: Producer,
        partitions: &BTreeSet<TopicPartition>,
        client_transaction_version: i16,
    ) -> Result<Option<Transaction>, ErrorCode> {
        let metadata = self.find(id)?;
        if metadata.pending.is_some() {
            // First of all: the change may be one of the producer's id.
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        check_producer(metadata, producer)?;
        let current = &metadata.current;
        if current.state.is_prepared() {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        if current.state == TransactionState::Ongoing && partitions.is_subset(&current.partitions) {
            return Ok(None);
        }
        Ok(Some(metadata.prepare_add(partitions, at.timestamp, client_transaction_version)))
    }

    /// Says of each partition whether it is in the transaction.
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_REQUEST`, `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`,
    /// `CONCURRENT_TRANSACTIONS`; of a single partition `TRANSACTION_ABORTABLE`.
    ///
    /// Source: `TransactionCoordinator.handleVerifyPartitionsInTransaction`.
    pub(crate) fn verify(
        &mut self,
        id: &str,
        producer: Producer,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, ErrorCode>, ErrorCode> {
        let metadata = self.find(id)?;
        check_producer(metadata, producer)?;
        let current = &metadata.current;
        if current.state.is_prepared() {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        let verified = partitions.iter().map(|partition| {
            let is_in = current.partitions.contains(partition);
            (partition.clone(), if is_in { ErrorCode::NONE } else { ErrorCode::TRANSACTION_ABORTABLE })
        });
        Ok(verified.collect())
    }

    fn find(&mut self, id: &str) -> Result<&mut TransactionMetadata, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        self.transactions.get_mut(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
    }

    /// Goes on with what waited for a record to be replicated.
    pub(crate) fn on_appended(
        &mut self,
        at: &Moment<'_>,
        appending: Appending,
        appended: Result<(), ErrorCode>,
    ) -> Vec<TxnEffect> {
        let Appending { record, then } = appending;
        let id: Arc<str> = record.transactional_id.into();
        let Some(metadata) = self.transactions.get_mut(&id) else { return refused(&then, ErrorCode::NOT_COORDINATOR) };
        if let Err(code) = appended {
            metadata.pending = None;
            if matches!(then, Then::Prepared { is_fence: true, .. }) {
                metadata.has_failed_epoch_fence = true;
            }
            self.schedule(at, &id);
            return refused(&then, code);
        }
        match record.value {
            Some(next) => metadata.complete(next),
            None => {
                self.transactions.remove(&id);
            }
        }
        self.schedule(at, &id);
        match then {
            Then::Initialized(ticket) | Then::Added(ticket) => {
                let current = self.transactions.get(&id).map(|metadata| producer_of(&metadata.current));
                vec![answer(ticket, current.ok_or(ErrorCode::NOT_COORDINATOR))]
            }
            Then::Prepared { asked_by, .. } => self.on_prepared(at, &id, asked_by),
            Then::Completed | Then::Expired => Vec::new(),
        }
    }

    /// Sets the deadlines that follow from where a transaction stands.
    fn schedule(&mut self, at: &Moment<'_>, id: &Arc<str>) {
        let (time_out, expiry) = (Deadline::TimeOut(Arc::clone(id)), Deadline::Expiry(Arc::clone(id)));
        self.timers.cancel(&time_out);
        self.timers.cancel(&expiry);
        let Some(metadata) = self.transactions.get(id) else { return };
        let current = &metadata.current;
        // A time-out without end is that of a transaction in two phases.
        if current.state == TransactionState::Ongoing && current.timeout_ms != i32::MAX {
            // Only what is over the time is aborted.
            let due = current.start_timestamp.0.saturating_add(current.timeout_ms.into()).saturating_add(1);
            let interval = at.config.transaction_abort_timed_out_transaction_cleanup_interval_ms;
            self.timers.schedule(time_out, next_scan(at, Timestamp(due), interval));
        } else if current.state.is_complete() {
            let expiration = i64::from(at.config.transactional_id_expiration_ms);
            let due = current.last_update_timestamp.0.saturating_add(expiration);
            let interval = at.config.transaction_remove_expired_transaction_cleanup_interval_ms;
            self.timers.schedule(expiry, next_scan(at, Timestamp(due), interval));
        }
    }

    /// Source: `TransactionStateManager.removeExpiredTransactionalIds`.
    fn expire(&mut self, at: &TxnMoment<'_>, id: &Arc<str>) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get_mut(id) else { return Vec::new() };
        let age = at.timestamp.0.saturating_sub(metadata.current.last_update_timestamp.0);
        let is_due = age >= at.config.transactional_id_expiration_ms.into();
        if metadata.pending.is_some() || !metadata.current.state.is_complete() || !is_due {
            self.schedule(at, id);
            return Vec::new();
        }
        metadata.prepare_dead();
        let record = TransactionRecord { transactional_id: id.to_string(), value: None };
        vec![TxnEffect::Append(Box::new(Appending { record, then: Then::Expired }))]
    }
}

fn producer_of(transaction: &Transaction) -> Producer {
    Producer { id: transaction.producer_id, epoch: transaction.producer_epoch }
}

fn check_producer(metadata: &TransactionMetadata, producer: Producer) -> Result<(), ErrorCode> {
    if metadata.current.producer_id != producer.id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if metadata.current.producer_epoch != producer.epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    Ok(())
}

fn answer(ticket: Ticket, reply: TxnReply) -> TxnEffect {
    TxnEffect::Complete(ticket, Reply::Txn(reply))
}

fn append(id: &str, next: Transaction, then: Then) -> TxnEffect {
    let record = TransactionRecord { transactional_id: id.to_owned(), value: Some(next) };
    TxnEffect::Append(Box::new(Appending { record, then }))
}

impl Appending {
    /// Tells whoever waits for this record that it will not be known what came of it.
    pub(crate) fn refuse(&self, code: ErrorCode) -> Vec<TxnEffect> {
        refused(&self.then, code)
    }

    /// Whether nobody but the coordinator itself would try again.
    pub(crate) fn completes(&self) -> bool {
        self.then == Then::Completed
    }
}

fn refused(then: &Then, code: ErrorCode) -> Vec<TxnEffect> {
    match then {
        Then::Initialized(ticket)
        | Then::Added(ticket)
        | Then::Prepared { asked_by: EndedBy::Client(ticket) | EndedBy::Successor(ticket), .. } => {
            vec![answer(*ticket, Err(code))]
        }
        Then::Prepared { asked_by: EndedBy::TimeOut, .. } | Then::Completed | Then::Expired => Vec::new(),
    }
}
