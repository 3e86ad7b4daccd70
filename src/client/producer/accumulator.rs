//! Records that wait to be sent, in batches by partition. It is told the time.
//!
//! Not here: sending.

use super::super::TopicPartition;
use super::super::error::Error;
use super::completion::Ack;
use super::completion::Completion;
use super::completion::Delivery;
use super::completion::not_delivered;
use super::queue::Batching;
use super::queue::Content;
use super::queue::Identity;
use super::queue::Pending;
use super::queue::Queue;
use super::queue::advance;
use super::record::ProducerRecord;
use crate::base::BrokerId;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::BatchError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The distance between the ordinals of two batches: a batch of 2^31 records can be halved 31 times.
const SPAN: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct Accumulator {
    batching: Batching,
    queues: BTreeMap<TopicPartition, Queue>,
    identity: Identity,
    /// Somebody waits for everything to be sent, so nothing lingers.
    pub(super) flushing: usize,
    next_ordinal: u64,
    /// A partition has used up the epochs of its producer id.
    exhausted: bool,
    outstanding: BTreeMap<u64, Arc<Completion>>,
}

/// Where the batches of a partition can go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    To(BrokerId),
    /// Not now; something will happen that changes it.
    Blocked,
}

/// A batch with its partition, to be sent or given back.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) partition: TopicPartition,
    pub(super) batch: Batch,
    pub(super) pending: Pending,
}

/// What is to be sent now.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// By the broker that it goes to.
    pub(super) batches: BTreeMap<BrokerId, Vec<Ready>>,
    /// Batches that cannot be built, and why; nobody has been told yet.
    pub(super) failed: Vec<(Arc<Completion>, Error)>,
    /// What they had reserved of the buffer.
    pub(super) released: usize,
}

impl Accumulator {
    pub(super) fn new(batching: Batching, identity: Identity) -> Self {
        let queues = BTreeMap::new();
        let outstanding = BTreeMap::new();
        Self { batching, queues, identity, flushing: 0, next_ordinal: 0, exhausted: false, outstanding }
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The outcomes that are still open.
    pub(super) fn outstanding(&self) -> Vec<Arc<Completion>> {
        self.outstanding.values().cloned().collect()
    }

    /// Adds a record, and says whether there may be something to send because of it.
    pub(super) fn append(
        &mut self,
        now: Instant,
        partition: TopicPartition,
        record: &ProducerRecord,
        timestamp: Timestamp,
        size: usize,
    ) -> (Delivery, bool) {
        let batch_size = self.batching.batch_size;
        let queue = self.queues.entry(partition.clone()).or_default();
        let fits = |pending: &Pending| match &pending.content {
            Content::Open(builder) => builder.size_in_bytes() + size <= batch_size,
            Content::Sealed(_) => false,
        };
        let is_new = !queue.waiting.back().is_some_and(fits);
        if is_new {
            let ordinal = self.next_ordinal;
            self.next_ordinal += SPAN;
            let completion = Completion::new();
            self.outstanding.insert(ordinal, Arc::clone(&completion));
            let builder = BatchBuilder::new().compression(self.batching.compression);
            let content = Content::Open(builder.transactional(self.batching.transactional));
            queue.waiting.push_back(Pending {
                ordinal,
                span: SPAN,
                created: now,
                failures: 0,
                may_be_in_log: false,
                reserved: 0,
                completion,
                content,
            });
        }
        let pending = queue.waiting.back_mut().expect("it was added if there was none");
        let Content::Open(builder) = &mut pending.content else { unreachable!("sealed batches take no record") };
        let index = i64::from(builder.records_count());
        let size_now = builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        pending.reserved += size;
        let completion = Arc::clone(&pending.completion);
        (Delivery { completion, index, partition, timestamp }, is_new || size_now >= batch_size)
    }

    /// Takes what is to be sent now, at most one batch of each partition, with the broker it goes to.
    ///
    /// `route` is asked only about partitions that have something to send. Batches that cannot be built fail here.
    pub(super) fn drain(&mut self, now: Instant, mut route: impl FnMut(&TopicPartition) -> Route) -> Drained {
        let mut drained = Drained::default();
        let mut sizes: BTreeMap<BrokerId, usize> = BTreeMap::new();
        if self.identity == Identity::Unknown {
            return drained;
        }
        for (partition, queue) in &mut self.queues {
            if !self.batching.transactional {
                self.exhausted |= !queue.close_gap(self.identity, self.batching.mutants);
            }
            let Some(at) = queue.due(now, &self.batching, self.identity, self.flushing > 0) else { continue };
            let Route::To(broker) = route(partition) else { continue };
            let size = sizes.entry(broker).or_insert(0);
            let next = queue.waiting[at].reserved;
            if *size > 0 && *size + next > self.batching.request_bytes_max {
                continue;
            }
            *size += next;
            let pending = queue.waiting.remove(at).expect("what is due waits");
            match queue.seal(pending, self.identity) {
                (Ok(batch), pending) => {
                    queue.in_flight.push(pending.ordinal);
                    // Mostly one: room for four would be more than a kilobyte.
                    let batches = drained.batches.entry(broker).or_insert_with(|| Vec::with_capacity(1));
                    batches.push(Ready { partition: partition.clone(), batch, pending });
                }
                (Err(error), pending) => {
                    drained.released += pending.reserved;
                    self.outstanding.remove(&pending.ordinal);
                    let cause = Error::Invalid(format!("the batch cannot be built: {error}"));
                    drained.failed.push((pending.completion, not_delivered(partition, false, cause)));
                }
            }
        }
        drained
    }

    /// Whether any batch is not under way.
    pub(super) fn has_waiting(&self) -> bool {
        self.queues.values().any(|queue| !queue.waiting.is_empty())
    }

    /// When something changes by itself after `now`: a batch has lingered, a delay is over, or a batch is too old.
    ///
    /// What is due already waits for something else to happen.
    pub(super) fn next_wake(&self, now: Instant) -> Option<Instant> {
        let wake = |queue: &Queue| {
            let front = queue.waiting.front()?;
            let linger = if front.is_sealed() || self.flushing > 0 { Duration::ZERO } else { self.batching.linger };
            let due = (front.created + linger).max(queue.not_before.unwrap_or(front.created));
            let expiry = front.created + self.batching.delivery_timeout;
            Some(if due > now { due.min(expiry) } else { expiry })
        };
        self.queues.values().filter_map(wake).min()
    }

    /// When the oldest waiting batch is given up.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let oldest = self.queues.values().filter_map(|queue| queue.waiting.iter().map(|pending| pending.created).min());
        oldest.min().map(|created| created + self.batching.delivery_timeout)
    }

    /// Fails the batches that have waited for too long. Gives what they had reserved, and why they failed if any did.
    pub(super) fn expire(&mut self, now: Instant, last_error: Option<&Error>) -> (usize, Option<Error>) {
        let after = self.batching.delivery_timeout;
        let (mut released, mut expired) = (0, None);
        for (partition, queue) in &mut self.queues {
            while queue.waiting.front().is_some_and(|pending| now >= pending.created + after) {
                let pending = queue.waiting.pop_front().expect("there is a front");
                if pending.is_sealed() && self.identity.is_idempotent() {
                    queue.lose(pending.ordinal);
                }
                released += pending.reserved;
                self.outstanding.remove(&pending.ordinal);
                let cause = last_error.cloned().map(Box::new);
                let cause = Error::Timeout { operation: "delivery", after, cause };
                let error = not_delivered(partition, pending.may_be_in_log, cause);
                expired = Some(error.clone());
                pending.completion.finish(Err(error));
            }
        }
        (released, expired)
    }

    /// Takes back a batch that has its outcome. Gives back what it had reserved.
    pub(super) fn finish(
        &mut self,
        partition: &TopicPartition,
        pending: &Pending,
        result: Result<Ack, Error>,
    ) -> usize {
        self.landed(partition, pending.ordinal);
        self.outstanding.remove(&pending.ordinal);
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.is_known |= result.is_ok();
        }
        if result.is_err() && self.identity.is_idempotent() {
            self.lose(partition, pending.ordinal);
        }
        pending.completion.finish(result.map_err(|cause| not_delivered(partition, pending.may_be_in_log, cause)));
        pending.reserved
    }

    /// Takes back a batch that is to be sent again, not before the given time.
    pub(super) fn retry(&mut self, ready: Ready, not_before: Instant) {
        self.landed(&ready.partition, ready.pending.ordinal);
        let queue = self.queues.get_mut(&ready.partition).expect("a batch in flight has a queue");
        queue.not_before = Some(not_before);
        queue.put_back(Pending { content: Content::Sealed(ready.batch), ..ready.pending });
    }

    /// Cuts a batch in two that the broker finds too large; both halves are sent as soon as possible.
    ///
    /// Gives the batch back when it has but one record or cannot be read.
    pub(super) fn split(&mut self, ready: Ready) -> Option<Ready> {
        let records: Result<Vec<_>, BatchError> = match ready.batch.records() {
            Ok(records) => records.collect(),
            Err(error) => Err(error),
        };
        let Ok(records) = records else { return Some(ready) };
        if records.len() < 2 {
            return Some(ready);
        }
        let header = &ready.batch.header;
        let half = records.len() / 2;
        let mut sequence = header.base_sequence;
        let mut parts = Vec::new();
        for part in [&records[..half], &records[half..]] {
            let compression = self.batching.compression;
            let mut builder = BatchBuilder::new()
                .compression(compression)
                .transactional(header.is_transactional())
                .producer(header.producer_id, header.producer_epoch, sequence);
            for record in part {
                builder.append_record(record);
            }
            sequence = advance(sequence, builder.records_count());
            let Ok(batch) = builder.build() else { return Some(ready) };
            parts.push((batch, Completion::new()));
        }
        self.landed(&ready.partition, ready.pending.ordinal);
        self.outstanding.remove(&ready.pending.ordinal);
        let at = i64::try_from(half).expect("a batch has less than 2^31 records");
        ready.pending.completion.split(at, Arc::clone(&parts[0].1), Arc::clone(&parts[1].1));
        let queue = self.queues.get_mut(&ready.partition).expect("a batch in flight has a queue");
        let span = ready.pending.span / 2;
        let reserved = ready.pending.reserved / 2;
        let shares = [(0, reserved), (span, ready.pending.reserved - reserved)];
        for ((batch, completion), (shift, reserved)) in parts.into_iter().zip(shares) {
            let ordinal = ready.pending.ordinal + shift;
            self.outstanding.insert(ordinal, Arc::clone(&completion));
            queue.put_back(Pending {
                ordinal,
                span,
                created: ready.pending.created,
                failures: ready.pending.failures,
                may_be_in_log: ready.pending.may_be_in_log,
                reserved,
                completion,
                content: Content::Sealed(batch),
            });
        }
        None
    }

    /// Whether a batch of this partition is unanswered that comes before `ordinal`, or is to be sent before it.
    pub(super) fn has_earlier(&self, partition: &TopicPartition, ordinal: u64) -> bool {
        self.queues.get(partition).is_some_and(|queue| queue.has_earlier(ordinal))
    }

    /// The sequence numbers of a batch are lost: those behind it need another epoch.
    pub(super) fn lose(&mut self, partition: &TopicPartition, ordinal: u64) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.lose(ordinal);
        }
    }

    /// Whether sequence numbers are lost that only another epoch makes good.
    pub(super) fn has_gap(&self) -> bool {
        self.queues.values().any(|queue| queue.gap.is_some())
    }

    /// Whether a new producer id is needed before a partition can be written on.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Writes as somebody from now on, or as somebody else where that was waited for.
    pub(super) const fn set_identity(&mut self, identity: Identity) {
        self.identity = identity;
        self.exhausted = false;
    }

    /// Writes every partition as somebody else from now on, beginning with sequence number 0; nothing may wait or be
    /// in flight.
    pub(super) fn start_over(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        self.set_identity(Identity::Idempotent(id, epoch));
        for queue in self.queues.values_mut() {
            debug_assert!(
                queue.waiting.is_empty() && queue.in_flight.is_empty(),
                "a transaction ends with its records"
            );
            (queue.identity, queue.next_sequence, queue.gap, queue.is_known) = (None, 0, None, false);
        }
    }

    /// Fails everything that waits. Gives back what it had reserved.
    pub(super) fn fail_all(&mut self, error: &Error) -> usize {
        let mut released = 0;
        for (partition, queue) in &mut self.queues {
            for pending in std::mem::take(&mut queue.waiting) {
                if pending.is_sealed() && self.identity.is_idempotent() {
                    queue.lose(pending.ordinal);
                }
                released += pending.reserved;
                self.outstanding.remove(&pending.ordinal);
                pending.completion.finish(Err(not_delivered(partition, pending.may_be_in_log, error.clone())));
            }
        }
        released
    }

    fn landed(&mut self, partition: &TopicPartition, ordinal: u64) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.in_flight.retain(|other| *other != ordinal);
        }
    }
}
