//! The batches of one partition: in which order they are sent, and under whose sequence numbers. It is told the time.
//!
//! Not here: other partitions, and sending.

use super::super::mutant::ClientMutant;
use super::super::mutant::Mutants;
use super::completion::Completion;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::BatchError;
use crate::wire::compression::Compression;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Kafka remembers the last five batches of a producer.
const IN_FLIGHT_MAX: usize = 5;

/// How batches are made.
#[derive(Clone, Debug)]
pub(super) struct Batching {
    pub(super) batch_size: usize,
    pub(super) linger: Duration,
    pub(super) compression: Compression,
    pub(super) delivery_timeout: Duration,
    pub(super) request_bytes_max: usize,
    /// Records are written as part of a transaction.
    pub(super) transactional: bool,
    pub(super) mutants: Mutants,
}

/// As whom the producer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Not known yet: nothing can be sent.
    Unknown,
    /// As nobody; a batch that is sent twice may be written twice.
    Plain,
    /// As an idempotent producer.
    Idempotent(ProducerId, ProducerEpoch),
}

impl Identity {
    pub(super) const fn is_idempotent(self) -> bool {
        matches!(self, Self::Idempotent(..))
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In the order of sending; those that failed have come back to the front.
    pub(super) waiting: VecDeque<Pending>,
    /// The ordinals of batches that have been sent and not answered.
    pub(super) in_flight: Vec<u64>,
    /// As whom this partition is written; the epoch may be above that of the others.
    pub(super) identity: Option<(ProducerId, ProducerEpoch)>,
    pub(super) next_sequence: i32,
    /// A batch of this identity is acknowledged. A broker that has seen none takes any sequence number for the first, so
    /// that until then no batch may be on its way whose predecessor can get lost.
    pub(super) is_known: bool,
    /// The first batch whose sequence numbers are lost, so that none behind it can be written under this epoch.
    pub(super) gap: Option<u64>,
    pub(super) not_before: Option<Instant>,
}

/// A batch that is not acknowledged yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Batches of a partition are sent in this order.
    pub(super) ordinal: u64,
    /// The numbers from `ordinal` on that are this batch's, so that its parts can have their own.
    pub(super) span: u64,
    pub(super) created: Instant,
    /// How often it has failed.
    pub(super) failures: u32,
    /// It was sent, and nobody knows what became of it.
    pub(super) may_be_in_log: bool,
    /// What it holds of the producer's buffer, in bytes.
    pub(super) reserved: usize,
    pub(super) completion: Arc<Completion>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Open(BatchBuilder),
    Sealed(Batch),
}

impl Pending {
    pub(super) fn records_count(&self) -> i32 {
        match &self.content {
            Content::Open(builder) => builder.records_count(),
            Content::Sealed(batch) => batch.header.records_count,
        }
    }

    pub(super) const fn is_sealed(&self) -> bool {
        matches!(self.content, Content::Sealed(_))
    }
}

impl Queue {
    /// Which of the waiting batches is to be sent now.
    pub(super) fn due(&self, now: Instant, batching: &Batching, identity: Identity, hurry: bool) -> Option<usize> {
        let front = self.waiting.front()?;
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return None;
        }
        if self.gap.is_some() {
            return self.unresolved().filter(|_| self.in_flight.is_empty());
        }
        let room = match identity {
            // Without sequence numbers only one at a time keeps its place when it has to be sent again.
            Identity::Unknown | Identity::Plain => self.in_flight.is_empty(),
            // One that comes again goes first.
            Identity::Idempotent(..) if front.is_sealed() => self.in_flight.iter().all(|other| front.ordinal < *other),
            Identity::Idempotent(..) => self.in_flight.len() < if self.is_known { IN_FLIGHT_MAX } else { 1 },
        };
        let due = match &front.content {
            Content::Sealed(_) => true,
            Content::Open(builder) => {
                let full = self.waiting.len() > 1 || builder.size_in_bytes() >= batching.batch_size;
                full || hurry || now >= front.created + batching.linger
            }
        };
        (room && due).then_some(0)
    }

    pub(super) fn lose(&mut self, ordinal: u64) {
        self.gap = Some(self.gap.map_or(ordinal, |gap| gap.min(ordinal)));
    }

    /// The first waiting batch that has to be sent under the present epoch although sequence numbers are lost: one that
    /// comes before the gap, or one that may be in the log, since under another epoch it could be written twice.
    fn unresolved(&self) -> Option<usize> {
        self.gap?;
        self.waiting.iter().position(|pending| self.is_of_this_epoch(pending))
    }

    /// Whether a waiting batch is to be sent under the present epoch, whatever was lost.
    fn is_of_this_epoch(&self, pending: &Pending) -> bool {
        pending.is_sealed() && (pending.may_be_in_log || self.gap.is_none_or(|gap| pending.ordinal < gap))
    }

    /// Whether a batch before this one is unanswered, or is to be sent before it.
    pub(super) fn has_earlier(&self, ordinal: u64) -> bool {
        let waiting = self.waiting.iter().filter(|pending| self.is_of_this_epoch(pending));
        self.in_flight.iter().copied().chain(waiting.map(|pending| pending.ordinal)).any(|other| other < ordinal)
    }

    /// Goes on under the next epoch once nothing is left to find out under the present one. False when there is no
    /// next epoch and no other producer id yet.
    ///
    /// Source: KIP-360; `TransactionManager.bumpIdempotentProducerEpoch`, which does not wait for what is unresolved
    /// (KAFKA-14034).
    pub(super) fn close_gap(&mut self, identity: Identity, mutants: Mutants) -> bool {
        let Some((id, epoch)) = self.identity.filter(|_| self.gap.is_some()) else { return true };
        let unresolved = self.unresolved().is_some() && !mutants.has(ClientMutant::BumpUnresolved);
        if !self.in_flight.is_empty() || unresolved {
            return true;
        }
        let next = match (epoch.0.checked_add(1), identity) {
            (Some(next), _) => (id, ProducerEpoch(next)),
            (None, Identity::Idempotent(other, epoch)) if other != id => (other, epoch),
            (None, _) => return false,
        };
        (self.identity, self.next_sequence, self.gap, self.is_known) = (Some(next), 0, None, false);
        for mut pending in std::mem::take(&mut self.waiting) {
            self.rename(&mut pending, next);
            self.waiting.push_back(pending);
        }
        true
    }

    /// Builds a batch unless it was built before.
    pub(super) fn seal(&mut self, pending: Pending, identity: Identity) -> (Result<Batch, BatchError>, Pending) {
        let Pending { content, ordinal, span, created, failures, may_be_in_log, reserved, completion } = pending;
        let rest = |content| Pending { content, ordinal, span, created, failures, may_be_in_log, reserved, completion };
        let mut builder = match content {
            Content::Sealed(batch) => return (Ok(batch.clone()), rest(Content::Sealed(batch))),
            Content::Open(builder) => builder,
        };
        let sequence = self.next_sequence;
        if let Identity::Idempotent(id, epoch) = identity {
            let (id, epoch) = *self.identity.get_or_insert((id, epoch));
            builder.set_producer(id, epoch, sequence);
        }
        match builder.build() {
            Ok(batch) => {
                if let Identity::Idempotent(..) = identity {
                    self.next_sequence = advance(sequence, batch.header.records_count);
                }
                (Ok(batch.clone()), rest(Content::Sealed(batch)))
            }
            Err(error) => (Err(error), rest(Content::Open(BatchBuilder::new()))),
        }
    }

    fn rename(&mut self, pending: &mut Pending, (id, epoch): (ProducerId, ProducerEpoch)) {
        if let Content::Sealed(batch) = &mut pending.content {
            batch.header.producer_id = id;
            batch.header.producer_epoch = epoch;
            batch.header.base_sequence = self.next_sequence;
            batch.header.crc = batch.computed_crc();
            self.next_sequence = advance(self.next_sequence, batch.header.records_count);
        }
    }

    /// Puts a batch back to where its ordinal belongs.
    pub(super) fn put_back(&mut self, pending: Pending) {
        let at = self.waiting.iter().position(|other| other.ordinal > pending.ordinal).unwrap_or(self.waiting.len());
        self.waiting.insert(at, pending);
    }
}

/// The sequence number `count` records further on; it starts again from 0 after `i32::MAX`.
///
/// Source: `DefaultRecordBatch.incrementSequence`.
pub(super) fn advance(sequence: i32, count: i32) -> i32 {
    if sequence < 0 {
        return sequence;
    }
    sequence.checked_add(count).unwrap_or_else(|| count - (i32::MAX - sequence) - 1)
}
