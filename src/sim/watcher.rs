//! Writes the history of a run while it happens: an interceptor of each process's client.
//!
//! Not here: what the cluster knows (`white_box`), and judging (`check`).

use super::gate::Gate;
use super::ledger::Fate;
use super::ledger::Ledger;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::check::Attempt;
use crate::check::Event;
use crate::check::HEADER;
use crate::check::Operation;
use crate::check::RecordName;
use crate::check::classify;
use crate::check::event;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::End;
use crate::client::ConsumerRecord;
use crate::client::Error;
use crate::client::Interceptor;
use crate::client::ProducerRecord;
use crate::client::RecordMetadata;
use crate::client::Result;
use crate::client::TopicPartition;
use crate::tap::hash;
use crate::tap::name_of;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The header in which an output says which input it was made from: `orders-0@17`.
pub(super) const SOURCE_HEADER: &str = "kf-src";

/// The header that names a record which may be sent again: sends with the same name are attempts at the same send.
pub(super) const NAME_HEADER: &str = "kf-name";

/// Watches one process in one of its lives.
pub(super) struct Watcher {
    process: String,
    ledger: Arc<Ledger>,
    gate: Arc<Gate>,
    state: Mutex<State>,
}

/// Offsets on their way to a group: its name, the offsets, and where in the ledger they stand.
type Stored = (String, BTreeMap<TopicPartition, Offset>, usize);

#[derive(Default)]
struct State {
    /// How many records each producer has sent.
    sent: BTreeMap<u64, u64>,
    /// Where in the ledger a send without an outcome stands.
    open: BTreeMap<RecordName, usize>,
    /// The transactions under way, and how many each producer has begun.
    transactions: BTreeMap<u64, Option<String>>,
    /// Where in the ledger the end of each producer's transaction stands, and whether it is to commit.
    ending: BTreeMap<u64, (usize, bool)>,
    begun: u64,
    /// What transactions without an end have written.
    written: BTreeMap<String, Vec<Written>>,
    /// How many operations have ended in doubt.
    doubts: u64,
    /// The consumers that have read or owned something.
    consumers: BTreeSet<u64>,
    /// The offsets that each producer's transaction is to take for a group, and where in the ledger that stands.
    storing: BTreeMap<u64, Vec<Stored>>,
    /// Where in the ledger each consumer's commits without an outcome stand, in order.
    committing: BTreeMap<u64, VecDeque<usize>>,
    /// From where to where the log was when a position was out of range.
    out_of_range: BTreeMap<(u64, TopicPartition), (i64, i64)>,
    /// After a crash nobody learns anything any more.
    dead: bool,
}

impl State {
    /// Who has done an operation. After one in doubt its process does nothing more, but a client does: so whatever ends in
    /// doubt was done by a process of its own.
    fn actor(&mut self, name: String, end: &End) -> String {
        if end.result != Answer::Info {
            return name;
        }
        self.doubts += 1;
        format!("{name}?{}", self.doubts)
    }
}

/// A record that a transaction has written.
struct Written {
    topic: String,
    at: event::Source,
    id: RecordName,
    source: Option<event::Source>,
}

impl Watcher {
    pub(super) fn new(process: String, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { process, ledger, gate: Arc::default(), state: Mutex::default() })
    }

    /// What the process has to pass to go on.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The process has crashed: what it had begun stays unknown.
    pub(super) fn crash(&self) {
        let mut state = self.lock();
        state.dead = true;
        self.ledger.forget_pending(state.open.len());
        let t = self.ledger.now();
        // Producers and consumers go by names of their own.
        let producers = state.sent.keys().map(|number| self.producer(*number));
        let consumers = state.consumers.iter().map(|number| self.consumer(*number));
        for process in [self.process.clone()].into_iter().chain(producers).chain(consumers) {
            self.ledger.note(Event::Crashed(event::Crashed { t, process }));
        }
    }

    /// Whether it has crashed.
    pub(super) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Whether anybody learns what a consumer does.
    fn is_alive(&self, consumer: u64) -> bool {
        let mut state = self.lock();
        state.consumers.insert(consumer);
        !state.dead
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how an operation of a transaction that stands at a place has ended, and for whom.
    fn end_at(&self, place: usize, process: String, end: End) {
        self.ledger.amend(place, |event| match event {
            Event::EndTxn(line) => (line.process, line.end) = (process, Some(end)),
            Event::Commit(line) => (line.process, line.end) = (process, Some(end)),
            _ => {}
        });
    }

    fn producer(&self, number: u64) -> String {
        format!("{}/p{number}", self.process)
    }

    fn consumer(&self, number: u64) -> String {
        format!("{}/c{number}", self.process)
    }
}

impl Interceptor for Watcher {
    fn on_send(&self, producer: u64, mut record: ProducerRecord) -> ProducerRecord {
        // Its number is known when it joins a batch; the room for it is made here.
        record.headers.retain(|header| header.key != HEADER);
        let known = name_in(&record).and_then(|name| self.ledger.named(name));
        let id = known.unwrap_or_else(|| RecordName::new(self.producer(producer), 0));
        record.header(HEADER, id_text(&id))
    }

    fn on_enqueue(&self, producer: u64, record: &mut ProducerRecord, partition: &TopicPartition) {
        let mut state = self.lock();
        if state.dead {
            return;
        }
        let known = name_in(record).and_then(|name| self.ledger.named(name));
        let again = known.is_some();
        let id = known.unwrap_or_else(|| {
            let sent = state.sent.entry(producer).or_default();
            *sent += 1;
            RecordName::new(self.producer(producer), *sent - 1)
        });
        if let Some(name) = name_in(record) {
            self.ledger.name(name, &id);
        }
        for header in record.headers.iter_mut().filter(|header| header.key == HEADER) {
            header.value = Some(id_text(&id).into());
        }
        let source = record.headers.iter().find(|header| header.key == SOURCE_HEADER);
        let source = source.and_then(|header| source_of(header.value.as_deref()?));
        let place = self.ledger.note(Event::Send(event::Send {
            t: self.ledger.now(),
            op: None,
            process: again.then(|| self.producer(producer)),
            id: id.clone(),
            to: partition.to_string(),
            key: record.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()),
            hash: Some(hash(record.key.as_deref(), record.value.as_deref())),
            txn: state.transactions.get(&producer).cloned().flatten(),
            source,
            acks0: false,
            end: None,
        }));
        self.ledger.add_pending();
        state.open.insert(id, place);
    }

    fn on_acknowledgement(&self, _: u64, record: &ProducerRecord, outcome: &Result<RecordMetadata>) {
        let mut state = self.lock();
        let id = record.headers.iter().find(|header| header.key == HEADER);
        let id = id.and_then(|header| name_of(header.value.as_deref()?));
        let Some(id) = id else { return };
        let Some(place) = state.open.remove(&id) else { return };
        if state.dead {
            return;
        }
        self.ledger.forget_pending(1);
        let mut end = End { t: self.ledger.now(), ..End::default() };
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
        if end.result == Answer::Info {
            state.doubts += 1;
        }
        let in_doubt = (end.result == Answer::Info).then(|| format!("{}?{}", id.producer, state.doubts));
        let is_written = end.result == Answer::Ok && end.offset.is_some();
        let offset = end.offset.unwrap_or_default();
        let (mut txn, mut written) = (None, None);
        self.ledger.amend(place, |event| {
            let Event::Send(send) = event else { return };
            send.acks0 = end.result == Answer::Ok && end.offset.is_none();
            send.end = Some(end);
            if in_doubt.is_some() {
                send.process = in_doubt;
            }
            txn.clone_from(&send.txn);
            let at = event::Source { partition: send.to.clone(), offset };
            written = Some(Written { topic: record.topic.to_string(), at, id, source: send.source.clone() });
        });
        match (txn, written.filter(|_| is_written)) {
            (Some(txn), Some(written)) => state.written.entry(txn).or_default().push(written),
            (None, Some(written)) => self.settled(written),
            _ => {}
        }
    }

    fn on_transaction_begin(&self, producer: u64, transactional_id: &str) {
        let mut state = self.lock();
        state.begun += 1;
        let name = format!("{transactional_id}@{}/{}", self.process, state.begun);
        state.transactions.insert(producer, Some(name));
    }

    fn on_transaction_offsets_begin(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        if !state.dead {
            let txn = state.transactions.get(&producer).cloned().flatten();
            let place = self.note_commit(self.producer(producer), group, txn, offsets, None);
            state.storing.entry(producer).or_default().push((group.to_owned(), offsets.clone(), place));
        }
    }

    fn on_transaction_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        let storing = state.storing.entry(producer).or_default();
        let Some(at) = storing.iter().rposition(|(of, what, _)| of == group && what == offsets) else { return };
        let (_, _, place) = storing.remove(at);
        if !state.dead {
            let end = End { t: self.ledger.now(), result: Answer::Ok, ..End::default() };
            self.end_at(place, self.producer(producer), end);
        }
    }

    fn on_transaction_ending(&self, producer: u64, commit: bool) {
        let mut state = self.lock();
        if state.dead || state.ending.get(&producer).is_some_and(|(_, before)| *before == commit) {
            return;
        }
        let Some(txn) = state.transactions.get(&producer).cloned().flatten() else { return };
        let t = self.ledger.now();
        if let Some((refused, _)) = state.ending.remove(&producer) {
            // The other end is asked for only when this one was certainly refused.
            self.end_at(refused, self.producer(producer), End { t, result: Answer::Fail, ..End::default() });
        }
        let process = self.producer(producer);
        let place = self.ledger.note(Event::EndTxn(event::EndTxn { t, op: None, process, txn, commit, end: None }));
        state.ending.insert(producer, (place, commit));
    }

    fn on_transaction_end(&self, producer: u64, commit: bool, outcome: &Result<()>) {
        let mut state = self.lock();
        let asked = state.ending.remove(&producer);
        let Some(txn) = state.transactions.insert(producer, None).flatten() else { return };
        if state.dead {
            return;
        }
        let written = state.written.remove(&txn).unwrap_or_default();
        if commit && outcome.is_ok() {
            written.into_iter().for_each(|written| self.settled(written));
        }
        let t = self.ledger.now();
        for (_, _, place) in state.storing.remove(&producer).unwrap_or_default() {
            // Nobody waited for it, or it failed.
            let end = End { t, result: Answer::Info, ..End::default() };
            let process = state.actor(self.producer(producer), &end);
            self.end_at(place, process, end);
        }
        let end = end_of(t, outcome);
        match asked {
            Some((place, asked)) if asked == commit || end.result == Answer::Info => {
                let process = state.actor(self.producer(producer), &end);
                return self.end_at(place, process, end);
            }
            // Who says that it ended otherwise says that this was certainly refused.
            Some((refused, _)) => {
                let refusal = End { t, result: Answer::Fail, ..End::default() };
                self.end_at(refused, self.producer(producer), refusal);
            }
            None => {}
        }
        let process = state.actor(self.producer(producer), &end);
        self.ledger.note(Event::EndTxn(event::EndTxn { t, op: None, process, txn, commit, end: Some(end) }));
    }

    fn on_consume(&self, consumer: u64, group: Option<&str>, record: &ConsumerRecord) {
        if !self.is_alive(consumer) {
            return;
        }
        let id = record.headers.iter().find(|header| header.key == HEADER);
        let id = id.and_then(|header| name_of(header.value.as_deref()?));
        self.gate.on_record();
        self.ledger.expect(Fate::Delivered, record.topic.as_str());
        if let Some(id) = &id {
            self.ledger.settle(Fate::Delivered, record.topic.as_str(), id);
        }
        let source = record.headers.iter().find(|header| header.key == SOURCE_HEADER);
        if let Some(source) = source.and_then(|header| source_of(header.value.as_deref()?)) {
            // Whoever made it may have crashed before it learned that this was committed.
            self.ledger.copied(source);
        }
        let delivered = Delivered::Hashed(record.offset.0, id, hash(record.key.as_deref(), record.value.as_deref()));
        let t = self.ledger.now();
        let partition = format!("{}-{}", record.topic, record.partition);
        let records = [(partition, vec![delivered])].into();
        let end = End { t, result: Answer::Ok, records, ..End::default() };
        self.ledger.note(Event::Poll(event::Poll {
            t,
            op: None,
            process: self.consumer(consumer),
            group: group.map(str::to_owned),
            txn: None,
            isolation: None,
            end: Some(end),
        }));
    }

    fn on_commit_begin(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let mut state = self.lock();
        if !state.dead {
            let place = self.note_commit(self.consumer(consumer), group, None, offsets, None);
            state.committing.entry(consumer).or_default().push_back(place);
        }
    }

    fn on_commit(&self, consumer: u64, _: &str, _: &BTreeMap<TopicPartition, Offset>, outcome: &Result<()>) {
        let mut state = self.lock();
        let place = state.committing.get_mut(&consumer).and_then(VecDeque::pop_front);
        if state.dead {
            return;
        }
        let end = end_of(self.ledger.now(), outcome);
        let process = state.actor(self.consumer(consumer), &end);
        let Some(place) = place else { return };
        self.ledger.amend(place, |event| {
            let Event::Commit(commit) = event else { return };
            commit.process = process;
            commit.end = Some(end);
        });
    }

    fn on_assigned(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        if !self.is_alive(consumer) {
            return;
        }
        for partition in partitions {
            self.ledger.expect(Fate::Delivered, partition.topic.as_str());
        }
        self.ledger.note(Event::Assigned(event::Assigned {
            t: self.ledger.now(),
            process: self.consumer(consumer),
            group: Some(group.to_owned()),
            generation: Some(i64::from(generation)),
            partitions: partitions.iter().map(|partition| (partition.to_string(), None)).collect(),
        }));
    }

    fn on_released(&self, consumer: u64, group: &str, partitions: &[TopicPartition], _: bool) {
        if self.lock().dead {
            return;
        }
        self.ledger.note(Event::Released(event::Released {
            t: self.ledger.now(),
            process: self.consumer(consumer),
            group: Some(group.to_owned()),
            partitions: partitions.iter().map(ToString::to_string).collect(),
        }));
    }

    fn on_kept(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        if self.lock().dead {
            return;
        }
        self.ledger.note(Event::Kept(event::Kept {
            t: self.ledger.now(),
            process: self.consumer(consumer),
            group: group.to_owned(),
            generation: i64::from(generation),
            partitions: partitions.iter().map(ToString::to_string).collect(),
        }));
    }

    fn on_seek(&self, consumer: u64, partition: &TopicPartition, to: Option<Offset>) {
        if self.lock().dead {
            return;
        }
        let (t, process, partition) = (self.ledger.now(), self.consumer(consumer), partition.to_string());
        self.ledger.note(match to {
            Some(Offset(offset)) => Event::Seek(event::Seek { t, process, partition, offset }),
            None => {
                let (position, to, log_start, log_end) = (None, None, None, None);
                Event::Reset(event::Reset { t, process, partition, position, to, log_start, log_end })
            }
        });
    }

    fn on_out_of_range(&self, consumer: u64, partition: &TopicPartition, _: Offset) {
        if let Some(bounds) = self.ledger.bounds(partition) {
            self.lock().out_of_range.insert((consumer, partition.clone()), bounds);
        }
    }

    fn on_reset(&self, consumer: u64, partition: &TopicPartition, position: Offset, to: Offset) {
        let mut state = self.lock();
        if state.dead {
            return;
        }
        let bounds = state.out_of_range.remove(&(consumer, partition.clone()));
        self.ledger.note(Event::Reset(event::Reset {
            t: self.ledger.now(),
            process: self.consumer(consumer),
            partition: partition.to_string(),
            position: Some(position.0),
            to: Some(to.0),
            log_start: bounds.map(|(start, _)| start),
            log_end: bounds.map(|(_, end)| end),
        }));
    }
}

impl Watcher {
    /// A record is where it is for good.
    fn settled(&self, written: Written) {
        self.ledger.acknowledged(&written.topic, written.at, &written.id);
        if let Some(source) = written.source {
            self.ledger.copied(source);
        }
    }

    fn note_commit(
        &self,
        process: String,
        group: &str,
        txn: Option<String>,
        offsets: &BTreeMap<TopicPartition, Offset>,
        end: Option<End>,
    ) -> usize {
        let offsets = offsets.iter().map(|(partition, offset)| (partition.to_string(), offset.0)).collect();
        self.ledger.note(Event::Commit(event::Commit {
            t: self.ledger.now(),
            op: None,
            process,
            group: group.to_owned(),
            txn,
            generation: None,
            offsets,
            end,
        }))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("process", &self.process).finish_non_exhaustive()
    }
}

/// How an operation ended that has no result of its own.
fn end_of(t: Instant, outcome: &Result<()>) -> End {
    match outcome {
        Ok(()) => End { t, result: Answer::Ok, ..End::default() },
        Err(error) => {
            let refused = matches!(error, Error::Broker { code, .. } if is_definite(*code));
            let result = if refused { Answer::Fail } else { Answer::Info };
            End { t, result, error: Some(error.to_string()), ..End::default() }
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

/// The name that the application has given a record.
fn name_in(record: &ProducerRecord) -> Option<&[u8]> {
    record.headers.iter().find(|header| header.key == NAME_HEADER)?.value.as_deref()
}

fn source_of(header: &[u8]) -> Option<event::Source> {
    let (partition, offset) = std::str::from_utf8(header).ok()?.rsplit_once('@')?;
    Some(event::Source { partition: partition.to_owned(), offset: offset.parse().ok()? })
}
