//! What one client did, as its interceptor is told.
//!
//! Not here: what the application and the cluster know besides.

use super::NAME_HEADER;
use super::SOURCE_HEADER;
use super::source_of;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::check::Attempt;
use crate::check::Event;
use crate::check::HEADER;
use crate::check::Open;
use crate::check::Operation;
use crate::check::RecordName;
use crate::check::Recorder;
use crate::check::classify;
use crate::check::event;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::Done;
use crate::check::event::End;
use crate::check::event::Source;
use crate::check::hash;
use crate::client::ConsumerRecord;
use crate::client::Error;
use crate::client::ProducerRecord;
use crate::client::RecordMetadata;
use crate::client::Result;
use crate::client::TopicPartition;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Records what one client does. Made by [`Recorder::client`].
pub struct ClientRecorder {
    process: String,
    recorder: Recorder,
    state: Mutex<State>,
}

/// Offsets on their way to a group: its name, the offsets, and the operation.
type Stored = (String, BTreeMap<TopicPartition, Offset>, Option<Open>);

#[derive(Default)]
struct State {
    /// How many records each producer has sent.
    sent: BTreeMap<u64, u64>,
    /// Sends without an outcome.
    open: BTreeMap<RecordName, OpenSend>,
    /// The transactions under way, and how many each producer has begun.
    transactions: BTreeMap<u64, Option<String>>,
    /// The end of each producer's transaction that is under way, and whether it is to commit.
    ending: BTreeMap<u64, (Option<Open>, bool)>,
    begun: u64,
    /// How many operations have ended in doubt.
    doubts: u64,
    /// The consumers that have read or owned something.
    consumers: BTreeSet<u64>,
    /// The offsets that each producer's transaction is to take for a group.
    storing: BTreeMap<u64, Vec<Stored>>,
    /// Each consumer's commits without an outcome, in order.
    committing: BTreeMap<u64, VecDeque<Option<Open>>>,
    /// After a crash nobody learns anything any more.
    dead: bool,
}

struct OpenSend {
    open: Option<Open>,
    partition: String,
    txn: Option<String>,
    source: Option<Source>,
}

/// A send that was acknowledged.
#[cfg_attr(not(feature = "sim"), expect(dead_code, reason = "only a simulation waits for what becomes of a record"))]
pub(crate) struct Acknowledged {
    pub(crate) id: RecordName,
    pub(crate) at: Source,
    pub(crate) txn: Option<String>,
    pub(crate) source: Option<Source>,
}

impl State {
    /// Who has done an operation, if it was not who began it. After one in doubt its process does nothing more, but a client
    /// does: so whatever ends in doubt was done by a process of its own.
    fn done(&mut self, name: impl FnOnce() -> String, end: End) -> Done {
        if end.result != Answer::Info {
            return Done::of(end);
        }
        self.doubts += 1;
        Done { process: Some(format!("{}?{}", name(), self.doubts)), ..Done::of(end) }
    }
}

impl ClientRecorder {
    pub(crate) fn new(recorder: Recorder, process: String) -> Self {
        Self { process, recorder, state: Mutex::default() }
    }

    /// The name of the process, with its incarnation.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Says that a record was processed for a group: without it nobody can know whether the group lost or doubled any.
    pub fn processed(&self, group: &str, record: &ConsumerRecord) {
        if let Some(id) = self.id_of(record) {
            let (process, group) = (self.process.clone(), group.to_owned());
            self.recorder.mark(|t| Event::Processed(event::Processed { t, process, group, id }));
        }
    }

    /// The process ends here, with all that it had begun; nothing is recorded of it any more. Its successor is another
    /// [`Recorder::client`] of the same name.
    pub fn crashed(&self) {
        self.crash();
    }

    /// Gives how many sends will never have an outcome.
    pub(crate) fn crash(&self) -> usize {
        let mut state = self.lock();
        if std::mem::replace(&mut state.dead, true) {
            return 0;
        }
        // Producers and consumers go by names of their own.
        let producers = state.sent.keys().map(|number| self.producer(*number));
        let consumers = state.consumers.iter().map(|number| self.consumer(*number));
        for process in [self.process.clone()].into_iter().chain(producers).chain(consumers) {
            self.recorder.mark(|t| Event::Crashed(event::Crashed { t, process }));
        }
        std::mem::take(&mut state.open).len()
    }

    /// Whether it has crashed.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Whether anybody learns what a consumer does.
    pub(crate) fn is_alive(&self, consumer: u64) -> bool {
        let mut state = self.lock();
        state.consumers.insert(consumer);
        !state.dead
    }

    /// The id that a record carries, of a process that lives.
    pub(crate) fn id_of(&self, record: &ConsumerRecord) -> Option<RecordName> {
        (!self.is_dead()).then(|| id_in(record)).flatten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn producer(&self, number: u64) -> String {
        format!("{}/p{number}", self.process)
    }

    fn consumer(&self, number: u64) -> String {
        format!("{}/c{number}", self.process)
    }

    /// Makes room for the record's id, which is known when it joins a batch.
    pub(super) fn send(&self, producer: u64, mut record: ProducerRecord) -> ProducerRecord {
        record.headers.retain(|header| header.key != HEADER);
        let known = name_in(&record).and_then(|name| self.recorder.named(name));
        let id = known.unwrap_or_else(|| RecordName::new(self.producer(producer), 0));
        record.header(HEADER, id_text(&id))
    }

    /// Begins a send; whether it did.
    pub(crate) fn enqueue(&self, producer: u64, record: &mut ProducerRecord, partition: &TopicPartition) -> bool {
        let mut state = self.lock();
        if state.dead {
            return false;
        }
        let known = name_in(record).and_then(|name| self.recorder.named(name));
        let again = known.is_some();
        let id = known.unwrap_or_else(|| {
            let sent = state.sent.entry(producer).or_default();
            *sent += 1;
            RecordName::new(self.producer(producer), *sent - 1)
        });
        if let Some(name) = name_in(record) {
            self.recorder.name(name, &id);
        }
        for header in record.headers.iter_mut().filter(|header| header.key == HEADER) {
            header.value = Some(id_text(&id).into());
        }
        let source = record.headers.iter().find(|header| header.key == SOURCE_HEADER);
        let source = source.and_then(|header| source_of(header.value.as_deref()?));
        let txn = state.transactions.get(&producer).cloned().flatten();
        let partition = partition.to_string();
        let open = self.recorder.begin(|t| {
            let mut send = event::Send::new(t, id.clone(), &*partition);
            send.process = again.then(|| self.producer(producer));
            send.key = record.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned());
            send.hash = Some(hash(record.key.as_deref(), record.value.as_deref()));
            (send.txn, send.source) = (txn.clone(), source.clone());
            Event::Send(send)
        });
        state.open.insert(id, OpenSend { open, partition, txn, source });
        true
    }

    /// Ends a send, if it was under way, and gives where the record is, if that is known.
    pub(crate) fn acknowledge(
        &self,
        record: &ProducerRecord,
        outcome: &Result<RecordMetadata>,
    ) -> Option<Option<Acknowledged>> {
        let mut state = self.lock();
        let id = record.headers.iter().find(|header| header.key == HEADER);
        let id = id.and_then(|header| RecordName::from_header(header.value.as_deref()?))?;
        let OpenSend { open, partition, txn, source } = state.open.remove(&id)?;
        let mut end = End::default();
        match outcome {
            Ok(written) => {
                end.result = Answer::Ok;
                end.offset = Some(written.offset.0).filter(|offset| *offset >= 0);
            }
            Err(error) => {
                let may_be = !matches!(error, Error::NotDelivered { may_be_in_log: false, .. });
                end.result = if may_be { Answer::Info } else { Answer::Fail };
                end.error = Some(error.to_string());
            }
        }
        let is_ok = end.result == Answer::Ok;
        let offset = end.offset;
        let done = state.done(|| id.producer.clone(), end);
        self.recorder.end(open, |t| at(t, Done { acks0: is_ok && offset.is_none(), ..done }));
        let offset = offset.filter(|_| is_ok);
        Some(offset.map(|offset| Acknowledged { id, at: Source { partition, offset }, txn, source }))
    }

    pub(super) fn begin_transaction(&self, producer: u64, transactional_id: &str) {
        let mut state = self.lock();
        state.begun += 1;
        let name = format!("{transactional_id}@{}/{}", self.process, state.begun);
        state.transactions.insert(producer, Some(name));
    }

    /// The transaction that a producer is in.
    #[cfg(feature = "sim")]
    pub(crate) fn transaction(&self, producer: u64) -> Option<String> {
        self.lock().transactions.get(&producer).cloned().flatten()
    }

    pub(super) fn begin_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        if !state.dead {
            let txn = state.transactions.get(&producer).cloned().flatten();
            let open = self.begin_commit(self.producer(producer), group, txn, offsets);
            state.storing.entry(producer).or_default().push((group.to_owned(), offsets.clone(), open));
        }
    }

    pub(super) fn end_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        let storing = state.storing.entry(producer).or_default();
        let Some(place) = storing.iter().rposition(|(of, what, _)| of == group && what == offsets) else { return };
        let (_, _, open) = storing.remove(place);
        if !state.dead {
            self.recorder.end(open, |t| at(t, Done::of(ended(Answer::Ok))));
        }
    }

    pub(super) fn begin_end(&self, producer: u64, commit: bool) {
        let mut state = self.lock();
        if state.dead || state.ending.get(&producer).is_some_and(|(_, before)| *before == commit) {
            return;
        }
        let Some(txn) = state.transactions.get(&producer).cloned().flatten() else { return };
        if let Some((refused, _)) = state.ending.remove(&producer) {
            // The other end is asked for only when this one was certainly refused.
            self.recorder.end(refused, |t| at(t, Done::of(ended(Answer::Fail))));
        }
        state.ending.insert(producer, (self.begin_end_txn(producer, txn, commit), commit));
    }

    fn begin_end_txn(&self, producer: u64, txn: String, commit: bool) -> Option<Open> {
        let process = self.producer(producer);
        self.recorder.begin(|t| Event::EndTxn(event::EndTxn { t, op: None, process, txn, commit, end: None }))
    }

    /// Ends a transaction, if one was under way.
    pub(crate) fn end_transaction(&self, producer: u64, commit: bool, outcome: &Result<()>) {
        let mut state = self.lock();
        let asked = state.ending.remove(&producer);
        let Some(txn) = state.transactions.insert(producer, None).flatten() else { return };
        if state.dead {
            return;
        }
        for (_, _, open) in state.storing.remove(&producer).unwrap_or_default() {
            // Nobody waited for it, or it failed.
            let done = state.done(|| self.producer(producer), ended(Answer::Info));
            self.recorder.end(open, |t| at(t, done));
        }
        let done = state.done(|| self.producer(producer), end_of(outcome));
        match asked {
            Some((open, asked)) if asked == commit || done.end.result == Answer::Info => {
                return self.recorder.end(open, |t| at(t, done));
            }
            // Who says that it ended otherwise says that this was certainly refused.
            Some((refused, _)) => self.recorder.end(refused, |t| at(t, Done::of(ended(Answer::Fail)))),
            None => {}
        }
        let open = self.begin_end_txn(producer, txn, commit);
        self.recorder.end(open, |t| at(t, done));
    }

    pub(crate) fn consume(&self, consumer: u64, group: Option<&str>, record: &ConsumerRecord, id: Option<RecordName>) {
        let delivered = Delivered::Hashed(record.offset.0, id, hash(record.key.as_deref(), record.value.as_deref()));
        let partition = format!("{}-{}", record.topic, record.partition);
        self.recorder.delivered(&self.consumer(consumer), group, &partition, delivered);
    }

    pub(super) fn commit(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        if !state.dead {
            let open = self.begin_commit(self.consumer(consumer), group, None, offsets);
            state.committing.entry(consumer).or_default().push_back(open);
        }
    }

    pub(super) fn committed(&self, consumer: u64, outcome: &Result<()>) {
        let mut state = self.lock();
        let open = state.committing.get_mut(&consumer).and_then(VecDeque::pop_front);
        if let Some(open) = open.filter(|_| !state.dead) {
            let done = state.done(|| self.consumer(consumer), end_of(outcome));
            self.recorder.end(open, |t| at(t, done));
        }
    }

    fn begin_commit(
        &self,
        process: String,
        group: &str,
        txn: Option<String>,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Option<Open> {
        let offsets = offsets.iter().map(|(partition, offset)| (partition.to_string(), offset.0)).collect();
        let (group, op, generation, end) = (group.to_owned(), None, None, None);
        self.recorder.begin(|t| Event::Commit(event::Commit { t, op, process, group, txn, generation, offsets, end }))
    }

    /// Writes down what a consumer says of itself, if anybody learns it.
    pub(super) fn mark(&self, consumer: u64, event: impl FnOnce(Instant, String) -> Event) {
        if self.is_alive(consumer) {
            let process = self.consumer(consumer);
            self.recorder.mark(|t| event(t, process));
        }
    }

    /// A consumer goes on elsewhere; `bounds` is from where to where the log was when the position was out of range.
    pub(crate) fn reset(
        &self,
        consumer: u64,
        partition: &TopicPartition,
        (position, to): (Offset, Offset),
        bounds: Option<(i64, i64)>,
    ) {
        self.mark(consumer, |t, process| {
            Event::Reset(event::Reset {
                t,
                process,
                partition: partition.to_string(),
                position: Some(position.0),
                to: Some(to.0),
                log_start: bounds.map(|(start, _)| start),
                log_end: bounds.map(|(_, end)| end),
            })
        });
    }
}

impl fmt::Debug for ClientRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRecorder").field("process", &self.process).finish_non_exhaustive()
    }
}

fn ended(result: Answer) -> End {
    End { result, ..End::default() }
}

fn at(t: Instant, mut done: Done) -> Done {
    done.end.t = t;
    done
}

/// How an operation ended that has no result of its own.
fn end_of(outcome: &Result<()>) -> End {
    match outcome {
        Ok(()) => ended(Answer::Ok),
        Err(error) => {
            let refused = matches!(error, Error::Broker { code, .. } if is_definite(*code));
            let result = if refused { Answer::Fail } else { Answer::Info };
            End { error: Some(error.to_string()), ..ended(result) }
        }
    }
}

fn is_definite(code: ErrorCode) -> bool {
    classify(Operation::Commit, code) == Attempt::NotApplied
}

/// An id as it stands in a record: of one length, whatever the number.
fn id_text(id: &RecordName) -> String {
    format!("{}#{:015}", id.producer, id.seq)
}

/// The id that a record carries.
pub(crate) fn id_in(record: &ConsumerRecord) -> Option<RecordName> {
    let id = record.headers.iter().find(|header| header.key == HEADER)?;
    RecordName::from_header(id.value.as_deref()?)
}

/// The name that the application has given a record.
fn name_in(record: &ProducerRecord) -> Option<&[u8]> {
    record.headers.iter().find(|header| header.key == NAME_HEADER)?.value.as_deref()
}
