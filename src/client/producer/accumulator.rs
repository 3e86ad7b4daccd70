//! Records that wait to be sent, in batches by partition. It is told the time.
//!
//! Not here: sending.

use super::super::TopicPartition;
use super::super::error::Error;
use super::completion::Ack;
use super::completion::Completion;
use super::completion::Delivery;
use super::completion::not_delivered;
use super::record::ProducerRecord;
use crate::base::BrokerId;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::BatchError;
use crate::wire::compression::Compression;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The distance between the ordinals of two batches: a batch of 2^31 records can be halved 31 times.
const SPAN: u64 = 1 << 32;

/// How batches are made.
#[derive(Clone, Debug)]
pub(super) struct Batching {
    pub(super) batch_size: usize,
    pub(super) linger: Duration,
    pub(super) compression: Compression,
    pub(super) delivery_timeout: Duration,
    pub(super) request_bytes_max: usize,
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

#[derive(Debug)]
pub(super) struct Accumulator {
    batching: Batching,
    queues: BTreeMap<TopicPartition, Queue>,
    identity: Identity,
    /// Somebody waits for everything to be sent, so nothing lingers.
    pub(super) flushing: usize,
    next_ordinal: u64,
    outstanding: BTreeMap<u64, Arc<Completion>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// In the order of sending; those that failed have come back to the front.
    waiting: VecDeque<Pending>,
    /// The ordinals of batches that have been sent and not answered.
    in_flight: Vec<u64>,
    next_sequence: i32,
    not_before: Option<Instant>,
}

/// A batch that is not acknowledged yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Batches of a partition are sent in this order.
    pub(super) ordinal: u64,
    /// The numbers from `ordinal` on that are this batch's, so that its parts can have their own.
    span: u64,
    pub(super) created: Instant,
    /// How often it has failed.
    pub(super) failures: u32,
    /// It was sent, and nobody knows what became of it.
    pub(super) may_be_in_log: bool,
    /// What it holds of the producer's buffer, in bytes.
    pub(super) reserved: usize,
    pub(super) completion: Arc<Completion>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Open(BatchBuilder),
    Sealed(Batch),
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

impl Pending {
    pub(super) fn records_count(&self) -> i32 {
        match &self.content {
            Content::Open(builder) => builder.records_count(),
            Content::Sealed(batch) => batch.header.records_count,
        }
    }

    const fn is_sealed(&self) -> bool {
        matches!(self.content, Content::Sealed(_))
    }
}

impl Accumulator {
    pub(super) fn new(batching: Batching, identity: Identity) -> Self {
        let queues = BTreeMap::new();
        Self { batching, queues, identity, flushing: 0, next_ordinal: 0, outstanding: BTreeMap::new() }
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
            let content = Content::Open(BatchBuilder::new().compression(self.batching.compression));
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
    /// `route` is asked only about partitions that have something to send. Batches that cannot be built fail here,
    /// and what they reserved is given back as the second value.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        mut route: impl FnMut(&TopicPartition) -> Route,
    ) -> (BTreeMap<BrokerId, Vec<Ready>>, usize) {
        let mut drained: BTreeMap<BrokerId, Vec<Ready>> = BTreeMap::new();
        let mut sizes: BTreeMap<BrokerId, usize> = BTreeMap::new();
        let mut released = 0;
        if self.identity == Identity::Unknown {
            return (drained, released);
        }
        for (partition, queue) in &mut self.queues {
            if !queue.is_due(now, &self.batching, self.identity, self.flushing > 0) {
                continue;
            }
            let Route::To(broker) = route(partition) else { continue };
            let size = sizes.entry(broker).or_insert(0);
            let next = queue.waiting.front().map_or(0, |pending| pending.reserved);
            if *size > 0 && *size + next > self.batching.request_bytes_max {
                continue;
            }
            *size += next;
            let pending = queue.waiting.pop_front().expect("a queue that is due has a batch");
            match queue.seal(pending, self.identity) {
                (Ok(batch), pending) => {
                    queue.in_flight.push(pending.ordinal);
                    drained.entry(broker).or_default().push(Ready { partition: partition.clone(), batch, pending });
                }
                (Err(error), pending) => {
                    released += pending.reserved;
                    self.outstanding.remove(&pending.ordinal);
                    let cause = Error::Invalid(format!("the batch cannot be built: {error}"));
                    pending.completion.finish(Err(not_delivered(partition, false, cause)));
                }
            }
        }
        (drained, released)
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

    /// Fails the batches that have waited for too long. Says what they had reserved, and whether a sequence number
    /// is lost with them.
    pub(super) fn expire(&mut self, now: Instant, last_error: Option<&Error>) -> (usize, bool) {
        let after = self.batching.delivery_timeout;
        let (mut released, mut broken) = (0, false);
        for (partition, queue) in &mut self.queues {
            while queue.waiting.front().is_some_and(|pending| now >= pending.created + after) {
                let pending = queue.waiting.pop_front().expect("there is a front");
                broken |= pending.is_sealed() && matches!(self.identity, Identity::Idempotent(..));
                released += pending.reserved;
                self.outstanding.remove(&pending.ordinal);
                let cause = last_error.cloned().map(Box::new);
                let cause = Error::Timeout { operation: "delivery", after, cause };
                pending.completion.finish(Err(not_delivered(partition, pending.may_be_in_log, cause)));
            }
        }
        (released, broken)
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
            let mut builder = BatchBuilder::new().compression(compression).producer(
                header.producer_id,
                header.producer_epoch,
                sequence,
            );
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

    /// Whether a batch of this partition is unanswered, or waits, that comes before `ordinal`.
    pub(super) fn has_earlier(&self, partition: &TopicPartition, ordinal: u64) -> bool {
        self.queues.get(partition).is_some_and(|queue| {
            let waiting = queue.waiting.iter().filter(|pending| pending.is_sealed()).map(|pending| pending.ordinal);
            queue.in_flight.iter().copied().chain(waiting).any(|other| other < ordinal)
        })
    }

    /// Writes as somebody else from now on; nothing may be in flight. Gives back what failed batches had reserved.
    ///
    /// A batch whose fate is unknown cannot be sent under the new name, since it could be written twice: it fails.
    pub(super) fn set_identity(&mut self, identity: Identity) -> usize {
        self.identity = identity;
        let mut released = 0;
        for (partition, queue) in &mut self.queues {
            queue.next_sequence = 0;
            for pending in std::mem::take(&mut queue.waiting) {
                if pending.may_be_in_log && pending.is_sealed() {
                    released += pending.reserved;
                    self.outstanding.remove(&pending.ordinal);
                    let cause =
                        Error::broker(crate::base::ErrorCode::UNKNOWN_PRODUCER_ID, crate::wire::ApiKey::Produce);
                    pending.completion.finish(Err(not_delivered(partition, true, cause)));
                    continue;
                }
                let renamed = queue.renamed(pending, identity);
                queue.waiting.push_back(renamed);
            }
        }
        released
    }

    /// Fails everything that waits. Gives back what it had reserved.
    pub(super) fn fail_all(&mut self, error: &Error) -> usize {
        let mut released = 0;
        for (partition, queue) in &mut self.queues {
            for pending in queue.waiting.drain(..) {
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

impl Queue {
    fn is_due(&self, now: Instant, batching: &Batching, identity: Identity, hurry: bool) -> bool {
        let Some(front) = self.waiting.front() else { return false };
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return false;
        }
        let room = match identity {
            // Without sequence numbers only one at a time keeps its place when it has to be sent again.
            Identity::Unknown | Identity::Plain => self.in_flight.is_empty(),
            // Kafka remembers the last five batches of a producer. One that comes again goes first.
            Identity::Idempotent(..) if front.is_sealed() => self.in_flight.iter().all(|other| front.ordinal < *other),
            Identity::Idempotent(..) => self.in_flight.len() < 5,
        };
        let Content::Open(builder) = &front.content else { return room };
        let full = self.waiting.len() > 1 || builder.size_in_bytes() >= batching.batch_size;
        room && (full || hurry || now >= front.created + batching.linger)
    }

    /// Builds a batch unless it was built before.
    fn seal(&mut self, pending: Pending, identity: Identity) -> (Result<Batch, BatchError>, Pending) {
        let Pending { content, ordinal, span, created, failures, may_be_in_log, reserved, completion } = pending;
        let rest = |content| Pending { content, ordinal, span, created, failures, may_be_in_log, reserved, completion };
        let mut builder = match content {
            Content::Sealed(batch) => return (Ok(batch.clone()), rest(Content::Sealed(batch))),
            Content::Open(builder) => builder,
        };
        let sequence = self.next_sequence;
        if let Identity::Idempotent(id, epoch) = identity {
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

    fn renamed(&mut self, mut pending: Pending, identity: Identity) -> Pending {
        if let (Content::Sealed(batch), Identity::Idempotent(id, epoch)) = (&mut pending.content, identity) {
            batch.header.producer_id = id;
            batch.header.producer_epoch = epoch;
            batch.header.base_sequence = self.next_sequence;
            batch.header.crc = batch.computed_crc();
            self.next_sequence = advance(self.next_sequence, batch.header.records_count);
        }
        pending
    }

    /// Puts a batch back to where its ordinal belongs.
    fn put_back(&mut self, pending: Pending) {
        let at = self.waiting.iter().position(|other| other.ordinal > pending.ordinal).unwrap_or(self.waiting.len());
        self.waiting.insert(at, pending);
    }
}

/// The sequence number `count` records further on; it starts again from 0 after `i32::MAX`.
///
/// Source: `DefaultRecordBatch.incrementSequence`.
fn advance(sequence: i32, count: i32) -> i32 {
    if sequence < 0 {
        return sequence;
    }
    sequence.checked_add(count).unwrap_or_else(|| count - (i32::MAX - sequence) - 1)
}
