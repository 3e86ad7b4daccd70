//! Records a history while it happens: in a test, around any client.
//!
//! Not here: a clock. Whoever records says what time it is, so that virtual time works as well as real time.

use super::event::Answer;
use super::event::Assigned;
use super::event::Commit;
use super::event::Delivered;
use super::event::Done;
use super::event::End;
use super::event::EndTxn;
use super::event::Event;
use super::event::Isolation;
use super::event::Poll;
use super::event::Processed;
use super::event::Released;
use super::event::Send;
use super::history::History;
use super::history::HistoryError;
use super::names::RecordName;
use super::setup::Setup;
use crate::base::Instant;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The record header that carries a record's id, as text.
pub const HEADER: &str = "kf-id";

/// Records a history. Cheap to clone; all clones write to the same history.
///
/// ```
/// use rehearsal::base::Instant;
/// use rehearsal::check::{Outcome, Recorder, Setup};
/// # fn tick() -> impl Fn() -> Instant { let n = std::sync::atomic::AtomicU64::new(0); move || Instant::START.plus_ms(n.fetch_add(1, std::sync::atomic::Ordering::Relaxed) as i64) }
/// let recorder = Recorder::new(Setup::default(), tick()); // or a test's clock
/// let producer = recorder.process("orders-app");
/// let send = producer.send("orders-0");
/// // ... hand the record to a client, with the header `kf-id: orders-app.0#0` ...
/// assert_eq!(send.id().unwrap().to_string(), "orders-app.0#0");
/// let id = send.id().unwrap().clone();
/// send.acknowledged(Some(0));
///
/// let consumer = recorder.process("billing");
/// consumer.poll(None).delivered([("orders-0", 0, Some(id))]);
/// assert_eq!(recorder.history()?.check().outcome(), Outcome::Passed);
/// # Ok::<(), rehearsal::check::HistoryError>(())
/// ```
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Box<dyn Fn() -> Instant + std::marker::Send + Sync>,
    tape: Mutex<Tape>,
}

struct Tape {
    events: Vec<Event>,
    last: Instant,
    ops: u64,
    /// How many incarnations each name has had.
    incarnations: BTreeMap<String, u32>,
}

/// One logical thread of an application: it sends, polls, commits.
///
/// After an operation of which nobody knows how it ended, it goes on under a new incarnation's name.
#[derive(Clone)]
pub struct Process {
    shared: Arc<Shared>,
    state: Arc<Mutex<Incarnation>>,
    name: String,
}

struct Incarnation {
    name: String,
    seq: u64,
    retired: bool,
}

/// An operation that has begun. Dropped without an end, it is written down as `info`: nobody knows.
#[must_use = "dropped at once, the operation counts as one of which nobody knows how it ended"]
pub struct OpGuard {
    process: Process,
    op: u64,
    id: Option<RecordName>,
    incarnation: String,
    done: bool,
}

impl Recorder {
    /// Starts a history of what is configured and required; `clock` is asked at the beginning and end of each operation.
    pub fn new(setup: Setup, clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static) -> Self {
        let tape = Tape {
            events: vec![Event::Setup(Box::new(setup))],
            last: Instant::START,
            ops: 0,
            incarnations: BTreeMap::new(),
        };
        Self { shared: Arc::new(Shared { clock: Box::new(clock), tape: Mutex::new(tape) }) }
    }

    /// Starts a process.
    pub fn process(&self, name: &str) -> Process {
        let incarnation = self.shared.incarnation(name);
        Process { shared: self.shared.clone(), state: Arc::new(Mutex::new(incarnation)), name: name.to_owned() }
    }

    /// Writes down any other event: a fault, an election, a final log. The event is made with the time to put into it.
    pub fn mark(&self, event: impl FnOnce(Instant) -> Event) {
        self.shared.write(event);
    }

    /// The history so far; operations that have not ended are pending in it.
    ///
    /// # Errors
    /// [`HistoryError`] when marks were made that cannot be.
    pub fn history(&self) -> Result<History, HistoryError> {
        let events = lock(&self.shared.tape).events.clone();
        History::from_events(events)
    }
}

impl Shared {
    /// Writes an event with a time that never goes backwards.
    fn write(&self, event: impl FnOnce(Instant) -> Event) {
        let mut tape = lock(&self.tape);
        let now = (self.clock)().max(tape.last);
        tape.last = now;
        tape.events.push(event(now));
    }

    fn begin(&self, event: impl FnOnce(Instant, u64) -> Event) -> u64 {
        let mut tape = lock(&self.tape);
        let now = (self.clock)().max(tape.last);
        tape.last = now;
        let op = tape.ops;
        tape.ops += 1;
        tape.events.push(event(now, op));
        op
    }

    fn incarnation(&self, name: &str) -> Incarnation {
        let mut tape = lock(&self.tape);
        let count = tape.incarnations.entry(name.to_owned()).or_default();
        let name = format!("{name}.{count}");
        *count += 1;
        Incarnation { name, seq: 0, retired: false }
    }
}

impl Process {
    /// The name of the incarnation that acts now.
    pub fn incarnation(&self) -> String {
        self.current().name.clone()
    }

    fn current(&self) -> MutexGuard<'_, Incarnation> {
        let mut state = lock(&self.state);
        if state.retired {
            *state = self.shared.incarnation(&self.name);
        }
        state
    }

    fn guard(&self, incarnation: String, op: u64, id: Option<RecordName>) -> OpGuard {
        OpGuard { process: self.clone(), op, id, incarnation, done: false }
    }

    /// Begins a send; the guard has the id to put into the header [`HEADER`].
    pub fn send(&self, to: &str) -> OpGuard {
        self.send_with(to, |_| {})
    }

    /// Begins a send of which more is known: its key, its transaction, its source.
    pub fn send_with(&self, to: &str, more: impl FnOnce(&mut Send)) -> OpGuard {
        let (id, op, incarnation) = {
            // Numbered and written down in one go, so that numbers are in the order of the program.
            let mut state = self.current();
            let id = RecordName::new(state.name.clone(), state.seq);
            state.seq += 1;
            let (process, to) = (Some(state.name.clone()), to.to_owned());
            let op = self.shared.begin(|t, op| {
                let mut send = Send {
                    t,
                    op: Some(op),
                    process,
                    id: id.clone(),
                    to,
                    key: None,
                    hash: None,
                    txn: None,
                    source: None,
                    acks0: false,
                    end: None,
                };
                more(&mut send);
                Event::Send(send)
            });
            (id, op, state.name.clone())
        };
        self.guard(incarnation, op, Some(id))
    }

    /// Begins a poll, of a member of this group if it is one.
    pub fn poll(&self, group: Option<&str>) -> OpGuard {
        self.poll_with(group, None, None)
    }

    /// Begins a poll with an isolation level of its own, or within a transaction.
    pub fn poll_with(&self, group: Option<&str>, isolation: Option<Isolation>, txn: Option<&str>) -> OpGuard {
        let process = self.incarnation();
        let (group, txn) = (group.map(str::to_owned), txn.map(str::to_owned));
        let name = process.clone();
        let op = self
            .shared
            .begin(|t, op| Event::Poll(Poll { t, op: Some(op), process: name, group, txn, isolation, end: None }));
        self.guard(process, op, None)
    }

    /// Begins a commit of these offsets, with a transaction if one is named.
    pub fn commit<'a>(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (&'a str, i64)>,
        txn: Option<&str>,
    ) -> OpGuard {
        let process = self.incarnation();
        let offsets = offsets.into_iter().map(|(partition, offset)| (partition.to_owned(), offset)).collect();
        let (group, txn) = (group.to_owned(), txn.map(str::to_owned));
        let name = process.clone();
        let op = self.shared.begin(|t, op| {
            Event::Commit(Commit { t, op: Some(op), process: name, group, txn, generation: None, offsets, end: None })
        });
        self.guard(process, op, None)
    }

    /// Begins the end of a transaction.
    pub fn end_txn(&self, txn: &str, commit: bool) -> OpGuard {
        let process = self.incarnation();
        let (name, txn) = (process.clone(), txn.to_owned());
        let op =
            self.shared.begin(|t, op| Event::EndTxn(EndTxn { t, op: Some(op), process: name, txn, commit, end: None }));
        self.guard(process, op, None)
    }

    /// Marks a record as processed for a group.
    pub fn processed(&self, group: &str, id: RecordName) {
        let (process, group) = (self.incarnation(), group.to_owned());
        self.shared.write(|t| Event::Processed(Processed { t, process, group, id }));
    }

    /// Marks partitions as assigned, each with the offset to start from if it is known.
    pub fn assigned<'a>(
        &self,
        group: Option<&str>,
        generation: Option<i64>,
        partitions: impl IntoIterator<Item = (&'a str, Option<i64>)>,
    ) {
        let (process, group) = (self.incarnation(), group.map(str::to_owned));
        let partitions = partitions.into_iter().map(|(name, from)| (name.to_owned(), from)).collect();
        self.shared.write(|t| Event::Assigned(Assigned { t, process, group, generation, partitions }));
    }

    /// Marks partitions as revoked or lost.
    pub fn released<'a>(&self, group: Option<&str>, partitions: impl IntoIterator<Item = &'a str>) {
        let (process, group) = (self.incarnation(), group.map(str::to_owned));
        let partitions = partitions.into_iter().map(str::to_owned).collect();
        self.shared.write(|t| Event::Released(Released { t, process, group, partitions }));
    }
}

impl OpGuard {
    /// The id of the record that is being sent; goes into the header [`HEADER`].
    pub fn id(&self) -> Option<&RecordName> {
        self.id.as_ref()
    }

    /// The send was acknowledged, at this offset if the client says one.
    pub fn acknowledged(self, offset: Option<i64>) {
        self.end(Answer::Ok, |end| end.offset = offset);
    }

    /// The poll has returned these records: partition, offset and id, null where a record is not ours.
    pub fn delivered<'a>(self, records: impl IntoIterator<Item = (&'a str, i64, Option<RecordName>)>) {
        let mut by_partition: BTreeMap<String, Vec<Delivered>> = BTreeMap::new();
        for (partition, offset, id) in records {
            by_partition.entry(partition.to_owned()).or_default().push(Delivered::Record(offset, id));
        }
        self.end(Answer::Ok, |end| end.records = by_partition);
    }

    /// The operation succeeded.
    pub fn ok(self) {
        self.end(Answer::Ok, |_| {});
    }

    /// The operation certainly had no effect; [`answer`](super::answer) knows which errors say so.
    pub fn failed(self, error: &str) {
        let error = Some(error.to_owned());
        self.end(Answer::Fail, |end| end.error = error);
    }

    /// Nobody knows. The process goes on under another incarnation's name.
    pub fn unknown(self, error: &str) {
        let error = Some(error.to_owned());
        self.end(Answer::Info, |end| end.error = error);
    }

    fn end(mut self, result: Answer, more: impl FnOnce(&mut End)) {
        self.done = true;
        let op = self.op;
        if result == Answer::Info {
            self.retire();
        }
        self.process.shared.write(|t| {
            let mut end = End { t, result, ..End::default() };
            more(&mut end);
            Event::Done(Done { op, end })
        });
    }

    fn retire(&self) {
        let mut state = lock(&self.process.state);
        if state.name == self.incarnation {
            state.retired = true;
        }
    }
}

impl Drop for OpGuard {
    fn drop(&mut self) {
        if !self.done {
            self.retire();
            let op = self.op;
            self.process.shared.write(|t| {
                let error = Some("abandoned".to_owned());
                Event::Done(Done { op, end: End { t, result: Answer::Info, error, ..End::default() } })
            });
        }
    }
}

/// A poisoned lock holds what was written before somebody panicked: all the more worth reading.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("events", &lock(&self.shared.tape).events.len()).finish()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpGuard").field("op", &self.op).field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::code::Code;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    fn recorder() -> Recorder {
        let ticks = AtomicU64::new(0);
        let clock = move || Instant::START.plus(std::time::Duration::from_nanos(ticks.fetch_add(1, Ordering::Relaxed)));
        Recorder::new(Setup::default(), clock)
    }

    #[test]
    fn a_dropped_guard_says_that_nobody_knows_and_retires_its_process() {
        let recorder = recorder();
        let process = recorder.process("app");
        drop(process.send("orders-0"));
        assert_eq!(process.incarnation(), "app.1");
        process.send("orders-0").acknowledged(Some(0));
        let history = recorder.history().unwrap();
        let lines = history.to_json_lines();
        assert!(
            lines.contains(r#""id":"app.0#0","to":"orders-0","end":{"t":1,"result":"info","error":"abandoned"}"#),
            "{lines}"
        );
        assert!(lines.contains(r#""id":"app.1#0""#), "{lines}");
    }

    #[test]
    fn sends_in_flight_beside_an_unknown_one_may_end() {
        let recorder = recorder();
        let process = recorder.process("app");
        let (first, second) = (process.send("orders-0"), process.send("orders-0"));
        first.unknown("REQUEST_TIMED_OUT");
        second.acknowledged(Some(0));
        assert!(recorder.history().is_ok());
    }

    #[test]
    fn what_was_recorded_can_be_checked() {
        let recorder = recorder();
        let process = recorder.process("app");
        let send = process.send("orders-0");
        let id = send.id().cloned();
        send.acknowledged(Some(0));
        let reader = recorder.process("reader");
        reader.poll(None).delivered([("orders-0", 0, id.clone())]);
        reader.poll(None).delivered([("orders-0", 0, id)]);
        assert_eq!(recorder.history().unwrap().check().codes(), [Code::NonmonoPoll]);
    }
}
