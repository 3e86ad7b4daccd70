//! Records a history while it happens: in a test, around any client.
//!
//! Not here: a clock. Whoever records says what time it is, so that virtual time works as well as real time.

mod tape;
#[cfg(test)]
mod tests;

pub(crate) use tape::Open;
pub(crate) use tape::Taped;

use super::event::Answer;
use super::event::Assigned;
use super::event::Commit;
use super::event::Crashed;
use super::event::Delivered;
use super::event::Done;
use super::event::End;
use super::event::EndTxn;
use super::event::Event;
use super::event::Isolation;
use super::event::Poll;
use super::event::Processed;
use super::event::Released;
use super::event::Seek;
use super::event::Send;
use super::history::Actor;
use super::history::History;
use super::history::HistoryError;
use super::history::Mistake;
use super::names::RecordName;
use super::setup::Setup;
use crate::base::Instant;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tape::Tape;

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
    desk: Mutex<Desk>,
}

struct Desk {
    tape: Tape,
    /// The first mark that cannot be, or what writing met; nothing is written down after it.
    failed: Option<HistoryError>,
    last: Instant,
    /// How many incarnations each name has had.
    incarnations: BTreeMap<String, u32>,
    /// Records to which the application has given names.
    names: BTreeMap<Vec<u8>, RecordName>,
    closed: bool,
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
    open: Option<Open>,
    id: Option<RecordName>,
    incarnation: Arc<str>,
    done: bool,
}

impl Recorder {
    /// Starts a history of what is configured and required; `clock` is asked at the beginning and end of each operation.
    pub fn new(setup: Setup, clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static) -> Self {
        let (tape, failed) = Tape::tables(setup);
        Self::on(tape, failed, clock)
    }

    /// Starts a history that is written as JSON lines while it happens, and takes no memory.
    ///
    /// Every line is written whole, at once and in order: whatever a process had written when it died makes a history up
    /// to the last whole line ([`Reader::accept_cut`](super::Reader::accept_cut)). A buffer around `target` is faster, and
    /// costs such a process its last lines. [`Recorder::finish`] ends the file, without which it counts as cut.
    ///
    /// ```
    /// use rehearsal::base::Instant;
    /// use rehearsal::check::{History, Recorder, Setup};
    ///
    /// let path = std::env::temp_dir().join(format!("history-{}.jsonl", std::process::id()));
    /// let recorder = Recorder::to_json_lines(Setup::default(), || Instant::START, std::fs::File::create(&path)?);
    /// recorder.process("orders-app").send("orders-0").acknowledged(Some(0));
    /// recorder.finish()?;
    ///
    /// let file = std::io::BufReader::new(std::fs::File::open(&path)?);
    /// assert_eq!(History::read_json_lines(file)?.check().counters["acknowledged"], 1);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json_lines(
        setup: Setup,
        clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static,
        target: impl io::Write + std::marker::Send + 'static,
    ) -> Self {
        Self::on(Tape::lines(setup, target), None, clock)
    }

    /// Starts a history beside a cluster's journal, whose place `stamp` gives.
    pub(crate) fn beside(
        setup: Setup,
        clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static,
        stamp: impl Fn() -> u64 + std::marker::Send + Sync + 'static,
    ) -> Self {
        Self::on(Tape::list(setup, Box::new(stamp)), None, clock)
    }

    fn on(
        tape: Tape,
        failed: Option<HistoryError>,
        clock: impl Fn() -> Instant + std::marker::Send + Sync + 'static,
    ) -> Self {
        let (last, incarnations, names) = (Instant::START, BTreeMap::new(), BTreeMap::new());
        let desk = Mutex::new(Desk { tape, failed, last, incarnations, names, closed: false });
        Self { shared: Arc::new(Shared { clock: Box::new(clock), desk }) }
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
    /// [`HistoryError`] when marks were made that cannot be, and [`Mistake::Written`] when it was written as lines.
    pub fn history(&self) -> Result<History, HistoryError> {
        let desk = lock(&self.shared.desk);
        desk.failed.clone().map_or_else(|| desk.tape.history(), Err)
    }

    /// Ends the recording: what comes later is not written down. Lines get their last one, which says how many there are.
    ///
    /// # Errors
    /// What writing has met, [`Mistake::Unwritable`], or marks that cannot be.
    pub fn finish(&self) -> Result<(), HistoryError> {
        let mut desk = lock(&self.shared.desk);
        if !desk.closed && desk.failed.is_none() {
            desk.closed = true;
            if let Err(mistake) = desk.tape.close() {
                desk.failed = Some(desk.tape.blame(mistake));
            }
        }
        desk.failed.clone().map_or(Ok(()), Err)
    }

    // --- for those who watch a client, and those who bring histories together

    /// A name that nobody has had.
    pub(crate) fn incarnation(&self, name: &str) -> String {
        lock(&self.shared.desk).incarnation(name)
    }

    /// The names of processes, without their incarnations.
    pub(crate) fn process_names(&self) -> Vec<String> {
        lock(&self.shared.desk).incarnations.keys().cloned().collect()
    }

    /// Begins an operation; none when nothing more is written down.
    pub(crate) fn begin(&self, event: impl FnOnce(Instant) -> Event) -> Option<Open> {
        self.shared.note(|tape, t| tape.begin(event(t)))
    }

    /// Ends an operation, if it has begun.
    pub(crate) fn end(&self, open: Option<Open>, done: impl FnOnce(Instant) -> Done) {
        if let Some(open) = open {
            self.shared.note(|tape, t| tape.finish(&open, done(t)));
        }
    }

    /// Writes down that one record was handed out.
    pub(crate) fn delivered(&self, process: &str, group: Option<&str>, partition: &str, record: Delivered) {
        self.shared.note(|tape, t| tape.delivered(t, process, group, partition, record));
    }

    /// The record to which the application has given this name.
    pub(crate) fn named(&self, name: &[u8]) -> Option<RecordName> {
        lock(&self.shared.desk).names.get(name).cloned()
    }

    /// Gives a record a name, unless another one has it.
    pub(crate) fn name(&self, name: &[u8], id: &RecordName) {
        lock(&self.shared.desk).names.entry(name.to_vec()).or_insert_with(|| id.clone());
    }

    /// The setup, and all events in order, each with its place in the journal if the recorder stands beside one.
    pub(crate) fn taped(&self) -> Result<Taped, HistoryError> {
        let desk = lock(&self.shared.desk);
        desk.failed.clone().map_or_else(|| desk.tape.taped(), Err)
    }

    /// Looks at the events so far from beside a journal.
    #[cfg(feature = "sim")]
    pub(crate) fn look<T>(&self, see: impl FnOnce(&[(u64, Event)]) -> T) -> T {
        see(lock(&self.shared.desk).tape.listed())
    }

    /// Takes all events from beside a journal.
    #[cfg(feature = "sim")]
    pub(crate) fn take(&self) -> Vec<(u64, Event)> {
        lock(&self.shared.desk).tape.take()
    }

    /// What time it is.
    #[cfg(feature = "sim")]
    pub(crate) fn now(&self) -> Instant {
        (self.shared.clock)()
    }
}

impl Desk {
    fn incarnation(&mut self, name: &str) -> String {
        let count = self.incarnations.entry(name.to_owned()).or_default();
        let name = format!("{name}.{count}");
        *count += 1;
        name
    }
}

impl Shared {
    /// Writes an event with a time that never goes backwards.
    fn write(&self, event: impl FnOnce(Instant) -> Event) {
        self.note(|tape, t| tape.note(event(t)));
    }

    fn note<T>(&self, note: impl FnOnce(&mut Tape, Instant) -> Result<T, Mistake>) -> Option<T> {
        let mut desk = lock(&self.desk);
        let now = (self.clock)().max(desk.last);
        desk.last = now;
        if desk.failed.is_some() || desk.closed {
            return None;
        }
        match note(&mut desk.tape, now) {
            Ok(noted) => Some(noted),
            Err(mistake) => {
                desk.failed = Some(desk.tape.blame(mistake));
                None
            }
        }
    }

    fn incarnation(&self, name: &str) -> Incarnation {
        let mut desk = lock(&self.desk);
        let name: Arc<str> = desk.incarnation(name).into();
        let actor = match desk.tape.actor(&name) {
            Ok(actor) => actor,
            Err(mistake) => {
                let error = desk.tape.blame(mistake);
                desk.failed.get_or_insert(error);
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

    fn guard(&self, incarnation: Arc<str>, open: Option<Open>, id: Option<RecordName>) -> OpGuard {
        OpGuard { process: self.clone(), open, id, incarnation, done: false }
    }

    /// Begins an operation under the present incarnation's name.
    fn begin(&self, event: impl FnOnce(Instant, String) -> Event) -> OpGuard {
        let name = Arc::clone(&self.current().name);
        let open = self.shared.note(|tape, t| tape.begin(event(t, name.to_string())));
        self.guard(name, open, None)
    }

    /// Begins a send; the guard has the id to put into the header [`HEADER`].
    pub fn send(&self, to: &str) -> OpGuard {
        let mut state = self.current();
        let (seq, actor) = (state.seq, state.actor);
        state.seq += 1;
        let open = self.shared.note(|tape, t| tape.begin_send(t, (&state.name, actor), seq, to));
        let name = Arc::clone(&state.name);
        drop(state);
        let id = RecordName::new(&*name, seq);
        self.guard(name, open, Some(id))
    }

    /// Begins a send of which more is known: its key, its transaction, its source.
    pub fn send_with(&self, to: &str, more: impl FnOnce(&mut Send)) -> OpGuard {
        // Numbered and written down in one go, so that numbers are in the order of the program.
        let mut state = self.current();
        let id = RecordName::new(&*state.name, state.seq);
        state.seq += 1;
        let open = self.shared.note(|tape, t| {
            let mut send = Send::new(t, id.clone(), to);
            send.process = Some(state.name.to_string());
            more(&mut send);
            tape.begin(Event::Send(send))
        });
        let name = Arc::clone(&state.name);
        drop(state);
        self.guard(name, open, Some(id))
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

    /// Marks a position as moved on purpose.
    pub fn sought(&self, partition: &str, offset: i64) {
        let (process, partition) = (self.incarnation(), partition.to_owned());
        self.shared.write(|t| Event::Seek(Seek { t, process, partition, offset }));
    }

    /// Marks the process as gone; what comes next is another incarnation.
    pub fn crashed(&self) {
        let process = self.incarnation();
        self.shared.write(|t| Event::Crashed(Crashed { t, process }));
        lock(&self.state).retired = true;
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
        if let Some(open) = self.open {
            self.process.shared.note(|tape, t| tape.finish_poll(&open, t, records));
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
        let Some(open) = self.open else { return };
        self.process.shared.note(|tape, t| {
            let mut end = End { t, result, ..End::default() };
            more(&mut end);
            tape.finish(&open, Done::of(end))
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
        f.debug_struct("Recorder").field("events", &lock(&self.shared.desk).tape.len()).finish()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpGuard").field("open", &self.open).field("id", &self.id).finish_non_exhaustive()
    }
}
