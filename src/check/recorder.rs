//! Records a history while it happens: in a test, around any client.
//!
//! Not here: a clock. Whoever records says what time it is, so that virtual time works as well as real time.

use super::event::Answer;
use super::event::Assigned;
use super::event::Commit;
use super::event::End;
use super::event::EndTxn;
use super::event::Event;
use super::event::Isolation;
use super::event::Poll;
use super::event::Processed;
use super::event::Released;
use super::event::Send;
use super::history::Actor;
use super::history::History;
use super::history::HistoryBuilder;
use super::history::HistoryError;
use super::history::Mistake;
use super::history::Pending;
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
    builder: HistoryBuilder,
    /// The first mark that cannot be; nothing is written down after it.
    failed: Option<HistoryError>,
    last: Instant,
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
    name: Arc<str>,
    /// None when the tape takes nothing more.
    actor: Option<Actor>,
    seq: u64,
    retired: bool,
}

/// An operation that has begun. Dropped without an end, it is written down as `info`: nobody knows.
#[must_use = "dropped at once, the operation counts as one of which nobody knows how it ended"]
pub struct OpGuard {
    process: Process,
    /// None when the tape takes nothing more.
    pending: Option<Pending>,
    id: Option<RecordName>,
    incarnation: Arc<str>,
    done: bool,
}

impl Recorder {
    /// Starts a history of what is configured and required; `clock` is asked at the beginning and end of each operation.
    pub fn new(setup: Setup, clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static) -> Self {
        let mut builder = History::builder();
        let failed = builder.push(Event::Setup(Box::new(setup))).err();
        let tape = Tape { builder, failed, last: Instant::START, incarnations: BTreeMap::new() };
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
        let tape = lock(&self.shared.tape);
        tape.failed.clone().map_or_else(|| Ok(tape.builder.so_far().clone()), Err)
    }
}

impl Shared {
    /// Writes an event with a time that never goes backwards.
    fn write(&self, event: impl FnOnce(Instant) -> Event) {
        self.note(|builder, t| {
            let event = event(t);
            // Marks may be anything, an operation's end included.
            builder.push(event).map_err(|error| error.mistake)
        });
    }

    fn note<T>(&self, note: impl FnOnce(&mut HistoryBuilder, Instant) -> Result<T, Mistake>) -> Option<T> {
        let mut tape = lock(&self.tape);
        let now = (self.clock)().max(tape.last);
        tape.last = now;
        if tape.failed.is_some() {
            return None;
        }
        match note(&mut tape.builder, now) {
            Ok(noted) => Some(noted),
            Err(mistake) => {
                tape.failed = Some(tape.builder.blame(mistake));
                None
            }
        }
    }

    fn incarnation(&self, name: &str) -> Incarnation {
        let mut tape = lock(&self.tape);
        let count = tape.incarnations.entry(name.to_owned()).or_default();
        let name: Arc<str> = format!("{name}.{count}").into();
        *count += 1;
        let actor = match tape.builder.actor(&name) {
            Ok(actor) => Some(actor),
            Err(mistake) => {
                let error = tape.builder.blame(mistake);
                tape.failed.get_or_insert(error);
                None
            }
        };
        Incarnation { name, actor, seq: 0, retired: false }
    }
}

impl Process {
    /// The name of the incarnation that acts now.
    pub fn incarnation(&self) -> String {
        self.current().name.to_string()
    }

    fn current(&self) -> MutexGuard<'_, Incarnation> {
        let mut state = lock(&self.state);
        if state.retired {
            *state = self.shared.incarnation(&self.name);
        }
        state
    }

    fn guard(&self, incarnation: Arc<str>, pending: Option<Pending>, id: Option<RecordName>) -> OpGuard {
        OpGuard { process: self.clone(), pending, id, incarnation, done: false }
    }

    /// Begins an operation under the present incarnation's name.
    fn begin(&self, event: impl FnOnce(Instant, String) -> Event) -> OpGuard {
        let name = Arc::clone(&self.current().name);
        let pending = self.shared.note(|builder, t| builder.begin_event(event(t, name.to_string())));
        self.guard(name, pending, None)
    }

    /// Begins a send; the guard has the id to put into the header [`HEADER`].
    pub fn send(&self, to: &str) -> OpGuard {
        let mut state = self.current();
        let (seq, actor) = (state.seq, state.actor);
        state.seq += 1;
        let pending = actor.and_then(|actor| self.shared.note(|builder, t| builder.begin_send(t, actor, seq, to)));
        let name = Arc::clone(&state.name);
        drop(state);
        let id = RecordName::new(&*name, seq);
        self.guard(name, pending, Some(id))
    }

    /// Begins a send of which more is known: its key, its transaction, its source.
    pub fn send_with(&self, to: &str, more: impl FnOnce(&mut Send)) -> OpGuard {
        // Numbered and written down in one go, so that numbers are in the order of the program.
        let mut state = self.current();
        let id = RecordName::new(&*state.name, state.seq);
        state.seq += 1;
        let pending = self.shared.note(|builder, t| {
            let mut send = Send {
                t,
                op: None,
                process: Some(state.name.to_string()),
                id: id.clone(),
                to: to.to_owned(),
                key: None,
                hash: None,
                txn: None,
                source: None,
                acks0: false,
                end: None,
            };
            more(&mut send);
            builder.begin_event(Event::Send(send))
        });
        let name = Arc::clone(&state.name);
        drop(state);
        self.guard(name, pending, Some(id))
    }

    /// Begins a poll, of a member of this group if it is one.
    pub fn poll(&self, group: Option<&str>) -> OpGuard {
        self.poll_with(group, None, None)
    }

    /// Begins a poll with an isolation level of its own, or within a transaction.
    pub fn poll_with(&self, group: Option<&str>, isolation: Option<Isolation>, txn: Option<&str>) -> OpGuard {
        let (group, txn) = (group.map(str::to_owned), txn.map(str::to_owned));
        self.begin(|t, process| Event::Poll(Poll { t, op: None, process, group, txn, isolation, end: None }))
    }

    /// Begins a commit of these offsets, with a transaction if one is named.
    pub fn commit<'a>(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (&'a str, i64)>,
        txn: Option<&str>,
    ) -> OpGuard {
        let offsets = offsets.into_iter().map(|(partition, offset)| (partition.to_owned(), offset)).collect();
        let (group, txn) = (group.to_owned(), txn.map(str::to_owned));
        self.begin(|t, process| {
            Event::Commit(Commit { t, op: None, process, group, txn, generation: None, offsets, end: None })
        })
    }

    /// Begins the end of a transaction.
    pub fn end_txn(&self, txn: &str, commit: bool) -> OpGuard {
        let txn = txn.to_owned();
        self.begin(|t, process| Event::EndTxn(EndTxn { t, op: None, process, txn, commit, end: None }))
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
    pub fn delivered<'a>(mut self, records: impl IntoIterator<Item = (&'a str, i64, Option<RecordName>)>) {
        self.done = true;
        if let Some(pending) = self.pending {
            self.process.shared.note(|builder, t| builder.finish_poll(&pending, t, records));
        }
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
        self.write_end(result, more);
    }

    fn write_end(&mut self, result: Answer, more: impl FnOnce(&mut End)) {
        self.done = true;
        if result == Answer::Info {
            self.retire();
        }
        let Some(pending) = self.pending else { return };
        self.process.shared.note(|builder, t| {
            let mut end = End { t, result, ..End::default() };
            more(&mut end);
            builder.finish(&pending, end)
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
            self.write_end(Answer::Info, |end| end.error = Some("abandoned".to_owned()));
        }
    }
}

/// A poisoned lock holds what was written before somebody panicked: all the more worth reading.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("events", &lock(&self.shared.tape).builder.so_far().len()).finish()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpGuard").field("pending", &self.pending).field("id", &self.id).finish_non_exhaustive()
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
    fn records_of_one_partition_stand_together_however_they_came() {
        let check = |order: &[(&'static str, i64)]| {
            let recorder = recorder();
            let foreign = order.iter().map(|(partition, offset)| (*partition, *offset, None));
            recorder.process("reader").poll(None).delivered(foreign);
            let lines = recorder.history().unwrap().to_json_lines();
            assert!(lines.contains(r#""records":{"a-0":[[4,null],[5,null]],"b-0":[[1,null],[2,null]]}"#), "{lines}");
        };
        check(&[("a-0", 4), ("a-0", 5), ("b-0", 1), ("b-0", 2)]);
        check(&[("a-0", 4), ("b-0", 1), ("a-0", 5), ("b-0", 2)]);
    }

    #[test]
    fn a_mark_that_cannot_be_is_told_with_its_number() {
        let recorder = recorder();
        recorder.process("app").send("orders-0").acknowledged(Some(0));
        recorder.mark(|_| Event::Setup(Box::default()));
        recorder.process("app").send("orders-0").acknowledged(Some(1));
        assert_eq!(recorder.history().unwrap_err().line, 3);
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
