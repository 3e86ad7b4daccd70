//! One transactional id: where its transaction stands, and which states may follow.
//!
//! Not here: who asks, and the order of the errors.

use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A partition of a topic, by name as transactions know it.
pub(crate) type TopicPartition = (Arc<str>, PartitionIndex);

/// Where a transaction stands.
///
/// ```
/// use rehearsal::broker::TransactionState;
/// assert_eq!(TransactionState::PrepareCommit.to_string(), "PrepareCommit");
/// assert!(!TransactionState::PrepareCommit.is_complete());
/// ```
/// Source: `org.apache.kafka.coordinator.transaction.TransactionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum TransactionState {
    /// There was no transaction since the producer was initialized.
    Empty,
    /// It is open.
    Ongoing,
    /// It is decided that it commits; markers are on their way.
    PrepareCommit,
    /// It is decided that it aborts; markers are on their way.
    PrepareAbort,
    /// It has committed, and each partition has its marker.
    CompleteCommit,
    /// It has aborted, and each partition has its marker.
    CompleteAbort,
    /// The transactional id has expired.
    Dead,
    /// Its producer is being fenced.
    PrepareEpochFence,
}

impl TransactionState {
    /// All states, by their number.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
        Self::Dead,
        Self::PrepareEpochFence,
    ];

    /// Whether nothing is open or on its way.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort | Self::Dead)
    }

    /// Whether markers are on their way.
    pub const fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The number in records.
    pub(super) fn id(self) -> i8 {
        Self::ALL.iter().zip(0..).find(|(state, _)| **state == self).map_or(0, |(_, id)| id)
    }

    /// The state with this number in records.
    pub(super) fn from_id(id: i8) -> Option<Self> {
        Self::ALL.get(usize::try_from(id).ok()?).copied()
    }

    /// Whether `self` may follow `before`.
    fn follows(self, before: Self) -> bool {
        use TransactionState::*;
        match self {
            Empty => matches!(before, Empty | CompleteCommit | CompleteAbort),
            Ongoing => matches!(before, Ongoing | Empty | CompleteCommit | CompleteAbort),
            PrepareCommit => before == Ongoing,
            PrepareAbort => matches!(before, Ongoing | PrepareEpochFence | Empty | CompleteCommit | CompleteAbort),
            CompleteCommit => before == PrepareCommit,
            CompleteAbort => before == PrepareAbort,
            Dead => matches!(before, Empty | CompleteAbort | CompleteCommit),
            PrepareEpochFence => before == Ongoing,
        }
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a record says of a transactional id.
///
/// Source: `TxnTransitMetadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) producer_id: ProducerId,
    /// The id before the last change of id; a client may repeat what it asked with that one.
    pub(crate) previous_producer_id: ProducerId,
    /// The id that the client was told to use next.
    pub(crate) next_producer_id: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    /// The epoch before, with which a client may repeat what it asked.
    pub(crate) last_producer_epoch: ProducerEpoch,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    /// When its first partition was added; -1 without a transaction.
    pub(crate) start_timestamp: Timestamp,
    pub(crate) last_update_timestamp: Timestamp,
    /// The transaction version of the client that last changed it.
    pub(crate) client_transaction_version: i16,
}

/// A transactional id, and the state that it is on its way to.
///
/// Source: `TransactionMetadata`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TransactionMetadata {
    pub(crate) current: Transaction,
    /// The state whose record is being appended; until then everything else has to wait.
    pub(crate) pending: Option<TransactionState>,
    /// Whether a fence could not be written; then the next one does not bump the epoch again.
    pub(super) has_failed_epoch_fence: bool,
    /// What is written down when no partition waits for its marker any more.
    pub(super) completing: Option<Box<Transaction>>,
}

/// The last epoch that a producer gets; one more is kept to fence it.
const LAST_EPOCH: ProducerEpoch = ProducerEpoch(i16::MAX - 1);

/// Whether a producer has used up its epochs.
pub(super) fn is_epoch_exhausted(epoch: ProducerEpoch) -> bool {
    epoch >= LAST_EPOCH
}

/// The epoch behind `epoch`.
pub(super) fn next_epoch(epoch: ProducerEpoch) -> ProducerEpoch {
    ProducerEpoch(epoch.0.saturating_add(1))
}

impl Transaction {
    /// A transactional id that was never used.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer_id,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            last_producer_epoch: ProducerEpoch::NONE,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_timestamp: Timestamp::NONE,
            last_update_timestamp: now,
            client_transaction_version: 0,
        }
    }
}

impl TransactionMetadata {
    pub(super) const fn new(current: Transaction) -> Self {
        Self { current, pending: None, has_failed_epoch_fence: false, completing: None }
    }

    /// A state of which this is the next record, and the id as it was before.
    fn prepare(&mut self, state: TransactionState) -> Transaction {
        assert!(self.pending.is_none(), "a transition waits for the one before");
        assert!(state.follows(self.current.state), "{state} does not follow {}", self.current.state);
        self.pending = Some(state);
        Transaction { state, previous_producer_id: self.current.producer_id, ..self.current.clone() }
    }

    /// Source: `prepareFenceProducerEpoch`.
    pub(super) fn prepare_fence(&mut self) -> Transaction {
        let bumped = next_epoch(self.current.producer_epoch);
        let producer_epoch = if self.has_failed_epoch_fence { self.current.producer_epoch } else { bumped };
        Transaction { producer_epoch, ..self.prepare(TransactionState::PrepareEpochFence) }
    }

    /// A new epoch for a producer that begins, or goes on after an error; or `None` when it has been replaced.
    ///
    /// Source: KIP-360; `prepareIncrementProducerEpoch`.
    pub(super) fn prepare_epoch(
        &mut self,
        timeout_ms: i32,
        expected: Option<ProducerEpoch>,
        now: Timestamp,
    ) -> Option<Transaction> {
        let (epoch, last) = (self.current.producer_epoch, self.current.last_producer_epoch);
        let (producer_epoch, last_producer_epoch) = match expected {
            None => (next_epoch(epoch), ProducerEpoch::NONE),
            Some(expected) if epoch == ProducerEpoch::NONE || expected == epoch => (next_epoch(epoch), epoch),
            // The answer to the same question was lost.
            Some(expected) if expected == last => (epoch, last),
            Some(_) => return None,
        };
        Some(Transaction {
            producer_epoch,
            last_producer_epoch,
            timeout_ms,
            partitions: BTreeSet::new(),
            start_timestamp: Timestamp::NONE,
            last_update_timestamp: now,
            ..self.prepare(TransactionState::Empty)
        })
    }

    /// Source: `prepareProducerIdRotation`.
    pub(super) fn prepare_rotation(
        &mut self,
        producer_id: ProducerId,
        timeout_ms: i32,
        now: Timestamp,
        records_last_epoch: bool,
    ) -> Transaction {
        let epoch = self.current.producer_epoch;
        Transaction {
            producer_id,
            producer_epoch: ProducerEpoch(0),
            last_producer_epoch: if records_last_epoch { epoch } else { ProducerEpoch::NONE },
            timeout_ms,
            partitions: BTreeSet::new(),
            start_timestamp: Timestamp::NONE,
            last_update_timestamp: now,
            ..self.prepare(TransactionState::Empty)
        }
    }

    /// Source: `prepareAddPartitions`.
    pub(super) fn prepare_add(
        &mut self,
        partitions: &BTreeSet<TopicPartition>,
        now: Timestamp,
        client_transaction_version: i16,
    ) -> Transaction {
        let begins = self.current.state != TransactionState::Ongoing;
        let mut next = self.prepare(TransactionState::Ongoing);
        if begins {
            next.start_timestamp = now;
        }
        next.partitions.extend(partitions.iter().cloned());
        Transaction { last_update_timestamp: now, client_transaction_version, ..next }
    }

    /// Source: `prepareAbortOrCommit`.
    pub(super) fn prepare_end(
        &mut self,
        state: TransactionState,
        client_transaction_version: i16,
        next_producer_id: ProducerId,
        now: Timestamp,
        no_partition_added: bool,
    ) -> Transaction {
        let mut next = self.prepare(state);
        if client_transaction_version >= 2 {
            next.last_producer_epoch = next.producer_epoch;
            next.producer_epoch = next_epoch(next.producer_epoch);
        }
        if no_partition_added {
            next.start_timestamp = now;
        }
        Transaction { next_producer_id, last_update_timestamp: now, client_transaction_version, ..next }
    }

    /// Source: `prepareComplete`.
    pub(super) fn prepare_complete(&mut self, now: Timestamp) -> Transaction {
        self.has_failed_epoch_fence = false;
        let state = match self.current.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            _ => TransactionState::CompleteAbort,
        };
        let mut next = self.prepare(state);
        if next.client_transaction_version >= 2 && next.next_producer_id != ProducerId::NONE {
            next.producer_id = next.next_producer_id;
            next.producer_epoch = ProducerEpoch(0);
        }
        next.next_producer_id = ProducerId::NONE;
        next.partitions.clear();
        Transaction { last_update_timestamp: now, ..next }
    }

    /// Takes markers that are on their way for written.
    pub(super) fn forget_prepared(&mut self) {
        if self.current.state.is_prepared() {
            self.current = self.prepare_complete(self.current.last_update_timestamp);
            self.pending = None;
        }
    }

    /// Source: `prepareDead`.
    pub(super) fn prepare_dead(&mut self) {
        self.prepare(TransactionState::Dead);
    }

    /// The record has been appended.
    pub(super) fn complete(&mut self, next: Transaction) {
        self.pending = None;
        self.current = next;
    }
}
