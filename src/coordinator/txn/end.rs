//! A transaction ends: what may be decided when, and how the decision reaches the partitions.
//!
//! Not here: the markers' way.

use super::Appending;
use super::EndedBy;
use super::Markers;
use super::Moment;
use super::Producer;
use super::Then;
use super::Ticket;
use super::TopicPartition;
use super::TransactionCoordinator;
use super::TransactionRecord;
use super::TxnEffect;
use super::TxnMoment;
use super::TxnReply;
use super::answer;
use super::append;
use super::producer_of;
use super::refused;
use super::transaction::Transaction;
use super::transaction::TransactionMetadata;
use super::transaction::TransactionState;
use super::transaction::is_epoch_exhausted;
use super::transaction::next_epoch;
use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use std::sync::Arc;

/// What a request to end a transaction comes to.
#[derive(Debug, PartialEq)]
enum Ends {
    /// It was done before; only the answer was lost.
    Before(Producer),
    /// It is to be prepared.
    Now(Box<Transaction>),
}

impl TransactionCoordinator {
    /// Commits or aborts a transaction; the answer comes to its ticket.
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_REQUEST`, `INVALID_PRODUCER_ID_MAPPING` for an id that is not known; then up to
    /// version 1 `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`, and in version 2
    /// `CONCURRENT_TRANSACTIONS`, `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`; then `INVALID_TXN_STATE` and
    /// `CONCURRENT_TRANSACTIONS` by the state.
    ///
    /// Source: `TransactionCoordinator.handleEndTransaction`.
    pub(crate) fn end(
        &mut self,
        at: &mut TxnMoment<'_>,
        id: &str,
        producer: Producer,
        committed: bool,
        client_transaction_version: i16,
        ticket: Ticket,
    ) -> Vec<TxnEffect> {
        self.end_as(at, id, producer, committed, client_transaction_version, EndedBy::Client(ticket))
    }

    pub(super) fn end_as(
        &mut self,
        at: &mut TxnMoment<'_>,
        id: &str,
        producer: Producer,
        committed: bool,
        version: i16,
        asked_by: EndedBy,
    ) -> Vec<TxnEffect> {
        let mut is_fence = false;
        let ends = self.find(id).and_then(|metadata| {
            is_fence = metadata.pending == Some(TransactionState::PrepareEpochFence);
            if version >= 2 {
                end_in_version_2(at, metadata, producer, committed, asked_by)
            } else {
                end_in_version_1(at, metadata, producer, committed, asked_by)
            }
        });
        // In version 2 the epoch is bumped again when the fence is tried again.
        let then = Then::Prepared { asked_by, is_fence: is_fence && version < 2 };
        match ends {
            Ok(Ends::Now(next)) => vec![append(id, *next, then)],
            Ok(Ends::Before(producer)) => vec![answer_end(asked_by, Ok(producer))].into_iter().flatten().collect(),
            Err(code) => refused(&then, code),
        }
    }

    /// The decision is replicated: the client is told, and the markers go out.
    pub(super) fn on_prepared(&mut self, at: &Moment<'_>, id: &Arc<str>, asked_by: EndedBy) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get(id) else { return Vec::new() };
        let current = &metadata.current;
        let next = if current.client_transaction_version >= 2 && current.next_producer_id != ProducerId::NONE {
            Producer { id: current.next_producer_id, epoch: ProducerEpoch(0) }
        } else {
            producer_of(current)
        };
        let reply = match asked_by {
            EndedBy::Successor(_) => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            // Before version 2 the answer has no room for it.
            EndedBy::Client(_) if current.client_transaction_version < 2 => Ok(NOBODY),
            EndedBy::Client(_) | EndedBy::TimeOut => Ok(next),
        };
        let mut effects: Vec<TxnEffect> = answer_end(asked_by, reply).into_iter().collect();
        effects.extend(self.send_markers(at, id));
        effects
    }

    /// Sends the markers of a transaction that is prepared, or completes it when there is none to send.
    pub(super) fn send_markers(&mut self, at: &Moment<'_>, id: &Arc<str>) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get_mut(id) else { return Vec::new() };
        let current = &metadata.current;
        let markers = Markers {
            transactional_id: id.to_string(),
            producer: producer_of(current),
            committed: current.state == TransactionState::PrepareCommit,
            transaction_version: current.client_transaction_version,
            partitions: current.partitions.clone(),
        };
        let next = metadata.prepare_complete(at.timestamp);
        metadata.completing = Some(Box::new(next));
        if markers.partitions.is_empty() {
            return self.complete(id);
        }
        vec![TxnEffect::WriteMarkers(Box::new(markers))]
    }

    /// A partition has its marker, or will never need one.
    pub(crate) fn on_marker_written(&mut self, id: &str, partition: &TopicPartition) -> Vec<TxnEffect> {
        let Some((id, metadata)) = self.transactions.get_key_value(id) else { return Vec::new() };
        if metadata.completing.is_none() {
            return Vec::new();
        }
        let id = Arc::clone(id);
        if let Some(metadata) = self.transactions.get_mut(&id) {
            metadata.current.partitions.remove(partition);
        }
        self.complete(&id)
    }

    /// Writes down that a transaction is complete, once no partition waits for its marker.
    fn complete(&mut self, id: &Arc<str>) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get_mut(id) else { return Vec::new() };
        if !metadata.current.partitions.is_empty() {
            return Vec::new();
        }
        let Some(next) = metadata.completing.take() else { return Vec::new() };
        let record = TransactionRecord { transactional_id: id.to_string(), value: Some(*next) };
        vec![TxnEffect::Append(Box::new(Appending { record, then: Then::Completed }))]
    }

    /// Aborts a transaction that has been open for too long, and fences its producer.
    ///
    /// Source: `TransactionCoordinator.abortTimedOutTransactions`.
    pub(super) fn time_out(&mut self, at: &mut TxnMoment<'_>, id: &Arc<str>) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get_mut(id) else { return Vec::new() };
        let current = &metadata.current;
        let open_ms = at.timestamp.0.saturating_sub(current.start_timestamp.0);
        let is_due = open_ms > current.timeout_ms.into();
        if metadata.pending.is_some() || current.state != TransactionState::Ongoing || !is_due {
            self.schedule(at, id);
            return Vec::new();
        }
        self.abort_as_timed_out(at, id)
    }

    /// Gives a transactional id this epoch, without a producer; the answer comes to its ticket.
    ///
    /// # Errors
    /// `CONCURRENT_TRANSACTIONS` unless it is idle.
    pub(crate) fn set_epoch(
        &mut self,
        at: &mut TxnMoment<'_>,
        id: &str,
        epoch: ProducerEpoch,
        timeout_ms: i32,
        ticket: Ticket,
    ) -> Vec<TxnEffect> {
        let metadata = self.transactions.entry(Arc::from(id)).or_insert_with(|| {
            TransactionMetadata::new(Transaction::new(at.new_producer_id(), timeout_ms, at.timestamp))
        });
        if metadata.pending.is_some() || !metadata.current.state.is_complete() {
            return vec![answer(ticket, Err(ErrorCode::CONCURRENT_TRANSACTIONS))];
        }
        let timeout_ms = metadata.current.timeout_ms;
        let Some(next) = metadata.prepare_epoch(timeout_ms, None, at.timestamp) else { return Vec::new() };
        vec![append(id, Transaction { producer_epoch: epoch, ..next }, Then::Initialized(ticket))]
    }

    /// Aborts an open transaction as if its time were over.
    pub(crate) fn abort_as_timed_out(&mut self, at: &mut TxnMoment<'_>, id: &str) -> Vec<TxnEffect> {
        let Some(metadata) = self.transactions.get_mut(id) else { return Vec::new() };
        let is_open = metadata.pending.is_none() && metadata.current.state == TransactionState::Ongoing;
        if !is_open || metadata.current.producer_epoch == ProducerEpoch(i16::MAX) {
            return Vec::new();
        }
        let fence = metadata.prepare_fence();
        let fence = Producer { id: fence.producer_id, epoch: fence.producer_epoch };
        let version = at.transaction_version;
        self.end_as(at, id, fence, false, version, EndedBy::TimeOut)
    }
}

/// What answers that have no room for a producer carry.
const NOBODY: Producer = Producer { id: ProducerId::NONE, epoch: ProducerEpoch::NONE };

fn answer_end(asked_by: EndedBy, reply: TxnReply) -> Option<TxnEffect> {
    match asked_by {
        EndedBy::Client(ticket) | EndedBy::Successor(ticket) => Some(answer(ticket, reply)),
        EndedBy::TimeOut => None,
    }
}

const fn prepared(committed: bool) -> TransactionState {
    if committed { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort }
}

/// Source: `TransactionCoordinator.endTransactionWithTV1`.
fn end_in_version_1(
    at: &TxnMoment<'_>,
    metadata: &mut TransactionMetadata,
    producer: Producer,
    committed: bool,
    asked_by: EndedBy,
) -> Result<Ends, ErrorCode> {
    let is_client = matches!(asked_by, EndedBy::Client(_));
    let current = &metadata.current;
    if current.producer_id != producer.id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if is_client && producer.epoch != current.producer_epoch || producer.epoch < current.producer_epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    let is_fence = metadata.pending == Some(TransactionState::PrepareEpochFence);
    if metadata.pending.is_some() && !is_fence {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    match (current.state, committed) {
        (TransactionState::Ongoing, _) => {
            if is_fence && !committed {
                metadata.pending = None;
                metadata.current.producer_epoch = producer.epoch;
                metadata.current.last_producer_epoch = ProducerEpoch::NONE;
            }
            let next = metadata.prepare_end(prepared(committed), 0, ProducerId::NONE, at.timestamp, false);
            Ok(Ends::Now(Box::new(next)))
        }
        (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => Ok(Ends::Before(NOBODY)),
        (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        _ => Err(ErrorCode::INVALID_TXN_STATE),
    }
}

/// With version 2 the epoch says whether a request is the same again or the next one:
///
/// | state | abort again | abort | commit again | commit |
/// |---|---|---|---|---|
/// | `Empty` | fenced | ends with a new epoch | fenced | invalid |
/// | `CompleteAbort` | done | ends with a new epoch | invalid | invalid |
/// | `CompleteCommit` | invalid | ends with a new epoch | done | invalid |
///
/// Source: `TransactionCoordinator.endTransaction`.
fn end_in_version_2(
    at: &mut TxnMoment<'_>,
    metadata: &mut TransactionMetadata,
    producer: Producer,
    committed: bool,
    asked_by: EndedBy,
) -> Result<Ends, ErrorCode> {
    let is_fence = metadata.pending == Some(TransactionState::PrepareEpochFence);
    if metadata.pending.is_some() && !is_fence {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let current = &metadata.current;
    let is_current = producer.epoch == current.producer_epoch;
    let again_with_old_id = !is_fence
        && current.previous_producer_id == producer.id
        && producer.epoch == ProducerEpoch(i16::MAX - 1)
        && current.producer_epoch == ProducerEpoch(0);
    let again_with_old_epoch = !is_fence && next_epoch(producer.epoch) == current.producer_epoch && !is_current;
    let is_again = again_with_old_id || again_with_old_epoch;
    if current.producer_id != producer.id && !again_with_old_id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    let is_valid = match current.state {
        _ if is_fence => {
            let is_client = matches!(asked_by, EndedBy::Client(_));
            (!is_client || is_current) && producer.epoch >= current.producer_epoch
        }
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => again_with_old_epoch,
        TransactionState::CompleteCommit | TransactionState::CompleteAbort => is_again || is_current,
        _ => is_current,
    };
    if !is_valid {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    let no_partition_added = match (current.state, committed) {
        (TransactionState::Ongoing, _) => false,
        (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) if is_again => {
            return Ok(Ends::Before(producer_of(current)));
        }
        (TransactionState::CompleteCommit | TransactionState::CompleteAbort, false) if !is_again => true,
        (TransactionState::Empty, false) => true,
        (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        _ => return Err(ErrorCode::INVALID_TXN_STATE),
    };
    let next_producer_id =
        if !is_fence && is_epoch_exhausted(current.producer_epoch) { at.new_producer_id() } else { ProducerId::NONE };
    if is_fence && !committed {
        metadata.pending = None;
    }
    let next = metadata.prepare_end(prepared(committed), 2, next_producer_id, at.timestamp, no_partition_added);
    Ok(Ends::Now(Box::new(next)))
}
