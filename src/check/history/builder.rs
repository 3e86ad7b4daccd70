//! Puts a history together, event by event, and refuses what cannot have happened.

use super::Chunk;
use super::Entry;
use super::FinalLogRow;
use super::History;
use super::HistoryError;
use super::Mistake;
use super::PollRow;
use super::ProcessedRow;
use super::Resend;
use super::SendRow;
use super::Status;
use super::rows::Batch;
use super::rows::NEVER;
use super::rows::NONE;
use crate::base::Instant;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::Done;
use crate::check::event::End;
use crate::check::event::Event;
use crate::check::event::Log;
use crate::check::event::Poll;
use crate::check::event::Processed;
use crate::check::event::Send;
use crate::check::names::Id;
use crate::check::names::RecordName;
use std::collections::BTreeMap;

/// Puts a history together, event by event.
///
/// Events come in the order of their times. The end of an operation may come with its beginning, or as
/// [`Event::Done`] by the operation's number.
///
/// The three `dense` methods do what `push` does for the bulk of a large history, without a text per record.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    history: History,
    pending: BTreeMap<u64, Pending>,
    last_op: Option<u64>,
    last_t: u64,
    retired: BTreeMap<u32, u64>,
    pushed: u64,
}

/// A partition by its number in one builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionNumber(u32);

/// A producer by its number in one builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerNumber(u16);

/// An operation that has begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    what: What,
    process: u32,
    invoked: u64,
}

/// Who acts, by the numbers of one builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    process: u32,
    producer: ProducerNumber,
}

/// What is pending, and what the event says of its number and its end.
type Begun = (Pending, Option<u64>, Option<End>);

#[derive(Clone, Copy, Debug)]
enum What {
    Send(usize),
    Resend(usize),
    Poll(usize),
    Other(usize),
}

impl HistoryBuilder {
    /// Takes the next event.
    ///
    /// # Errors
    /// [`HistoryError`] with the event's number; the builder is of no use afterwards.
    pub fn push(&mut self, event: Event) -> Result<(), HistoryError> {
        self.pushed += 1;
        self.take(event).map_err(|mistake| self.blame(mistake))
    }

    /// The whole history.
    ///
    /// # Errors
    /// [`HistoryError`] for what shows only at the end: a producer's numbers against the program's order.
    pub fn build(mut self) -> Result<History, HistoryError> {
        self.history.sends.shrink_to_fit();
        Ok(self.history)
    }

    /// The number of a partition, for the dense methods.
    ///
    /// # Errors
    /// [`Mistake::TooLarge`].
    pub fn partition(&mut self, name: &str) -> Result<PartitionNumber, Mistake> {
        self.history.partitions.intern(name).map(PartitionNumber).ok_or(Mistake::TooLarge("partitions"))
    }

    /// The number of a producer, for the dense methods.
    ///
    /// # Errors
    /// [`Mistake::TooLarge`]: there are at most 65,535.
    pub fn producer(&mut self, name: &str) -> Result<ProducerNumber, Mistake> {
        let number = self.history.producers.intern(name).ok_or(Mistake::TooLarge("producers"))?;
        let number = u16::try_from(number).ok().filter(|number| *number < u16::MAX);
        let number = number.ok_or(Mistake::TooLarge("producers"))?;
        if self.history.by_producer.len() <= usize::from(number) {
            self.history.by_producer.push(Vec::new());
        }
        Ok(ProducerNumber(number))
    }

    /// Takes a send that was acknowledged at `acked`, or is pending.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn dense_send(
        &mut self,
        t: Instant,
        producer: ProducerNumber,
        seq: u64,
        to: PartitionNumber,
        acked: Option<(Instant, i64)>,
    ) -> Result<(), Mistake> {
        self.advance(t)?;
        let event = self.next_event()?;
        let (status, completed, offset) = match acked {
            Some((end, offset)) => (Status::Ok, nanos(end), offset),
            None => (Status::Pending, NEVER, -1),
        };
        if completed < nanos(t) {
            return Err(Mistake::EndsBeforeItBegan);
        }
        let id = Id::new(producer.0, seq);
        self.add_send(SendRow { invoked: nanos(t), completed, offset, id, partition: to.0, event }, status)?;
        Ok(())
    }

    /// Takes a poll that returned these records, `(partition, offset, producer, seq)`, one partition after the other.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn dense_poll(
        &mut self,
        t: Instant,
        end: Instant,
        process: &str,
        records: impl IntoIterator<Item = (PartitionNumber, i64, ProducerNumber, u64)>,
    ) -> Result<(), Mistake> {
        self.advance(t)?;
        let event = self.next_event()?;
        let process = self.process(process)?;
        self.may_act(process, nanos(t))?;
        let poll = number(self.history.polls.len(), "polls")?;
        let first_chunk = number(self.history.chunks.len(), "polls")?;
        let mut chunk: Option<Chunk> = None;
        for (partition, offset, producer, seq) in records {
            let at = number(self.history.deliveries.len(), "deliveries")?;
            match &mut chunk {
                Some(chunk) if chunk.partition == partition.0 => chunk.count += 1,
                _ => {
                    self.history.chunks.extend(chunk);
                    chunk = Some(Chunk { poll, partition: partition.0, first: at, count: 1 });
                }
            }
            self.history.deliveries.push(Entry { offset, id: Id::new(producer.0, seq) });
        }
        self.history.chunks.extend(chunk);
        self.history.polls.push(PollRow {
            invoked: nanos(t),
            completed: nanos(end),
            process,
            group: NONE,
            txn: NONE,
            event,
            status: Status::Ok,
            isolation: None,
            first_chunk,
            chunks: number(self.history.chunks.len(), "polls")? - first_chunk,
        });
        Ok(())
    }

    /// Takes a batch of records, `(producer, seq)`, of an authoritative log that `final_log` announced.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn dense_log(
        &mut self,
        partition: PartitionNumber,
        offset: i64,
        records: impl IntoIterator<Item = (ProducerNumber, u64)>,
    ) -> Result<(), Mistake> {
        let event = self.next_event()?;
        let log = self.announced(partition.0, None)?;
        let first = number(log.entries.len(), "log entries")?;
        let (epoch, pid, pepoch, seq) = (0, -1, -1, -1);
        log.batches.push(Batch {
            first,
            event,
            epoch,
            pid,
            pepoch,
            seq,
            transactional: false,
            marker: None,
            digest: None,
        });
        let entry =
            |(offset, (producer, seq)): (i64, (ProducerNumber, u64))| Entry { offset, id: Id::new(producer.0, seq) };
        log.entries.extend((offset..).zip(records).map(entry));
        Ok(())
    }

    // --- for a recorder, which is told of each operation twice

    /// The numbers of a process that sends under its own name.
    pub(crate) fn actor(&mut self, name: &str) -> Result<Actor, Mistake> {
        Ok(Actor { process: self.process(name)?, producer: self.producer(name)? })
    }

    /// Begins a send about which there is no more to say.
    pub(crate) fn begin_send(&mut self, t: Instant, actor: Actor, seq: u64, to: &str) -> Result<Pending, Mistake> {
        self.pushed += 1;
        self.advance(t)?;
        let event = self.next_event()?;
        let invoked = nanos(t);
        self.may_act(actor.process, invoked)?;
        let (id, partition) = (Id::new(actor.producer.0, seq), self.partition(to)?.0);
        let row = SendRow { invoked, completed: NEVER, offset: -1, id, partition, event };
        let at = self.add_send(row, Status::Pending)?;
        Ok(Pending { what: What::Send(at as usize), process: actor.process, invoked })
    }

    /// Begins any other operation.
    pub(crate) fn begin_event(&mut self, event: Event) -> Result<Pending, Mistake> {
        self.pushed += 1;
        if let Some(t) = event.t() {
            self.advance(t)?;
        }
        match event {
            Event::Send(send) => self.begin_any_send(&send),
            Event::Poll(poll) => self.begin_poll(&poll),
            other => {
                let begun = self.begin_other(other)?;
                begun.map(|(pending, ..)| pending).ok_or(Mistake::ForeignEnd("operation"))
            }
        }
    }

    /// Ends an operation; its number says nothing here.
    pub(crate) fn finish(&mut self, pending: &Pending, done: Done) -> Result<(), Mistake> {
        self.advance(done.end.t)?;
        let mut pending = *pending;
        if let Some(name) = done.process {
            pending.process = self.process(&name)?;
            self.hand_over(&pending, name)?;
        }
        if done.acks0 {
            match pending.what {
                What::Send(at) => self.history.statuses[at] = Status::Unasked,
                What::Resend(at) => self.history.resends[at].status = Status::Unasked,
                _ => return Err(Mistake::ForeignEnd("acks0")),
            }
        }
        self.end(&pending, done.end)
    }

    /// Somebody else has done it than who is said to have begun it.
    fn hand_over(&mut self, pending: &Pending, name: String) -> Result<(), Mistake> {
        match pending.what {
            What::Send(at) => self.history.send_processes.set(number(at, "sends")?, pending.process),
            What::Resend(at) => self.history.resends[at].process = pending.process,
            What::Poll(at) => self.history.polls[at].process = pending.process,
            What::Other(at) => match &mut self.history.others[at].1 {
                Event::Commit(line) => line.process = name,
                Event::FetchOffsets(line) => line.process = name,
                Event::EndTxn(line) => line.process = name,
                _ => {}
            },
        }
        Ok(())
    }

    /// Takes a poll that returned one record, and took no time.
    pub(crate) fn take_delivery(
        &mut self,
        t: Instant,
        process: &str,
        group: Option<&str>,
        partition: &str,
        record: &Delivered,
    ) -> Result<(), Mistake> {
        self.pushed += 1;
        self.advance(t)?;
        let event = self.next_event()?;
        let (process, partition) = (self.process(process)?, self.partition(partition)?.0);
        self.may_act(process, nanos(t))?;
        let group = self.optional(group, |history| &mut history.groups)?;
        let (poll, first) =
            (number(self.history.polls.len(), "polls")?, number(self.history.deliveries.len(), "deliveries")?);
        let first_chunk = number(self.history.chunks.len(), "polls")?;
        self.deliver(record)?;
        self.history.chunks.push(Chunk { poll, partition, first, count: 1 });
        self.history.polls.push(PollRow {
            invoked: nanos(t),
            completed: nanos(t),
            process,
            group,
            txn: NONE,
            event,
            status: Status::Ok,
            isolation: None,
            first_chunk,
            chunks: 1,
        });
        Ok(())
    }

    /// Ends a poll that returned these records, `(partition, offset, id)`.
    pub(crate) fn finish_poll<'a>(
        &mut self,
        pending: &Pending,
        t: Instant,
        records: impl IntoIterator<Item = (&'a str, i64, Option<RecordName>)>,
    ) -> Result<(), Mistake> {
        let first = self.history.deliveries.len();
        let mut runs: Vec<Chunk> = Vec::new();
        let mut scattered = false;
        for (partition, offset, id) in records {
            if !(0..i64::MAX).contains(&offset) {
                return Err(Mistake::NegativeOffset(offset));
            }
            let partition = self.partition(partition)?.0;
            let id = self.id(id.as_ref())?;
            let at = number(self.history.deliveries.len(), "deliveries")?;
            self.history.deliveries.push(Entry { offset, id });
            match runs.last_mut() {
                Some(run) if run.partition == partition => run.count += 1,
                _ => {
                    scattered |= runs.iter().any(|run| run.partition == partition);
                    runs.push(Chunk { poll: 0, partition, first: at, count: 1 });
                }
            }
        }
        if scattered {
            // Those of a partition stand together.
            let mut by_partition: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
            for run in runs.drain(..) {
                let places = run.first as usize..(run.first + run.count) as usize;
                by_partition.entry(run.partition).or_default().extend_from_slice(&self.history.deliveries[places]);
            }
            self.history.deliveries.truncate(first);
            for (partition, entries) in by_partition {
                let first = number(self.history.deliveries.len(), "deliveries")?;
                let count = number(entries.len(), "deliveries")?;
                runs.push(Chunk { poll: 0, partition, first, count });
                self.history.deliveries.extend(entries);
            }
        }
        let What::Poll(at) = pending.what else { return Err(Mistake::ForeignEnd("records")) };
        self.advance(t)?;
        let (poll, first_chunk) = (number(at, "polls")?, number(self.history.chunks.len(), "polls")?);
        self.history.chunks.extend(runs.into_iter().map(|run| Chunk { poll, ..run }));
        let chunks = number(self.history.chunks.len(), "polls")? - first_chunk;
        let row = &mut self.history.polls[at];
        (row.completed, row.status, row.first_chunk, row.chunks) = (nanos(t), Status::Ok, first_chunk, chunks);
        Ok(())
    }

    /// Says which event a mistake was made in: the last one.
    pub(crate) const fn blame(&self, mistake: Mistake) -> HistoryError {
        HistoryError { line: self.pushed, mistake }
    }

    /// What has been taken so far.
    pub(crate) const fn so_far(&self) -> &History {
        &self.history
    }

    fn take(&mut self, event: Event) -> Result<(), Mistake> {
        if let Some(t) = event.t() {
            self.advance(t)?;
        }
        match event {
            Event::Setup(setup) => {
                if self.pushed != 1 {
                    return Err(Mistake::LateSetup);
                }
                self.history.setup = *setup;
                Ok(())
            }
            Event::Send(send) => self.take_send(send),
            Event::Poll(poll) => self.take_poll(poll),
            Event::Log(batch) => self.take_log(batch),
            Event::Processed(mark) => self.take_processed(&mark),
            Event::FinalLog(line) => {
                let partition = self.partition(&line.partition)?.0;
                if self.announced(partition, line.broker).is_ok() {
                    return Err(Mistake::LogTwice);
                }
                let event = self.next_event()?;
                self.history.logs.push(FinalLogRow {
                    partition,
                    broker: line.broker,
                    log_start: line.log_start,
                    high_watermark: line.high_watermark,
                    event,
                    batches: Vec::new(),
                    entries: Vec::new(),
                });
                Ok(())
            }
            Event::Done(done) => {
                self.advance(done.end.t)?;
                let pending = self.pending.remove(&done.op).ok_or(Mistake::NotPending(done.op))?;
                self.finish(&pending, done)
            }
            Event::Finish(_) => Err(Mistake::AfterFinish),
            other => self.take_other(other),
        }
    }

    fn take_send(&mut self, send: Send) -> Result<(), Mistake> {
        let pending = self.begin_any_send(&send)?;
        self.begin(send.op, send.end, pending)
    }

    fn begin_any_send(&mut self, send: &Send) -> Result<Pending, Mistake> {
        let event = self.next_event()?;
        let producer = self.producer(&send.id.producer)?;
        let partition = self.partition(&send.to)?.0;
        let process = match &send.process {
            Some(process) => self.process(process)?,
            None => NONE,
        };
        let actor = match process {
            NONE => self.process(&send.id.producer)?,
            process => process,
        };
        let txn = self.optional(send.txn.as_deref(), |history| &mut history.txns)?;
        let id = Id::new(producer.0, send.id.seq);
        let invoked = nanos(send.t);
        self.may_act(actor, invoked)?;
        let row = SendRow { invoked, completed: NEVER, offset: -1, id, partition, event };
        let status = if send.acks0 { Status::Unasked } else { Status::Pending };
        let key = self.optional(send.key.as_deref(), |history| &mut history.keys)?;
        let source = match &send.source {
            Some(source) => Some((self.partition(&source.partition)?.0, source.offset)),
            None => None,
        };
        let what = if let Some(first) = self.history.find_send(id) {
            let same = self.history.send_keys.get(first) == key
                && self.history.send_hashes.get(first) == send.hash
                && self.history.send_sources.get(&first).copied() == source;
            if !same {
                return Err(Mistake::ResendDiffers(send.id.to_string()));
            }
            self.history.resends.push(Resend { send: first, row, status, txn, process, error: None });
            What::Resend(self.history.resends.len() - 1)
        } else {
            let at = self.add_send(row, status)?;
            self.history.send_keys.set(at, key);
            self.history.send_txns.set(at, txn);
            self.history.send_processes.set(at, process);
            if let Some(hash) = send.hash {
                self.history.send_hashes.set(at, hash);
            }
            if let Some(source) = source {
                self.history.send_sources.insert(at, source);
            }
            What::Send(at as usize)
        };
        Ok(Pending { what, process: actor, invoked })
    }

    fn add_send(&mut self, row: SendRow, status: Status) -> Result<u32, Mistake> {
        let at = number(self.history.sends.len(), "sends")?;
        let rows = &mut self.history.by_producer[row.id.producer()];
        if rows.last().is_some_and(|last| self.history.sends[*last as usize].id >= row.id) {
            let name = self.history.producers.name(row.id.producer());
            return Err(Mistake::OutOfProgramOrder(RecordName::new(name, row.id.seq()).to_string()));
        }
        rows.push(at);
        self.history.sends.push(row);
        self.history.statuses.push(status);
        Ok(at)
    }

    fn take_poll(&mut self, poll: Poll) -> Result<(), Mistake> {
        let pending = self.begin_poll(&poll)?;
        self.begin(poll.op, poll.end, pending)
    }

    fn begin_poll(&mut self, poll: &Poll) -> Result<Pending, Mistake> {
        let event = self.next_event()?;
        let process = self.process(&poll.process)?;
        let invoked = nanos(poll.t);
        self.may_act(process, invoked)?;
        let row = PollRow {
            invoked,
            completed: NEVER,
            process,
            group: self.optional(poll.group.as_deref(), |history| &mut history.groups)?,
            txn: self.optional(poll.txn.as_deref(), |history| &mut history.txns)?,
            event,
            status: Status::Pending,
            isolation: poll.isolation,
            first_chunk: 0,
            chunks: 0,
        };
        self.history.polls.push(row);
        let what = What::Poll(self.history.polls.len() - 1);
        Ok(Pending { what, process, invoked })
    }

    fn take_processed(&mut self, mark: &Processed) -> Result<(), Mistake> {
        let event = self.next_event()?;
        let id = Id::new(self.producer(&mark.id.producer)?.0, mark.id.seq);
        let group = self.history.groups.intern(&mark.group).ok_or(Mistake::TooLarge("groups"))?;
        let process = self.process(&mark.process)?;
        self.history.processed.push(ProcessedRow { t: nanos(mark.t), id, process, group, event });
        Ok(())
    }

    /// Operations of which there are few, and marks; they are kept as they are.
    fn take_other(&mut self, other: Event) -> Result<(), Mistake> {
        match self.begin_other(other)? {
            Some((pending, op, end)) => self.begin(op, end, pending),
            None => Ok(()),
        }
    }

    /// Gives what is pending, if it is an operation, and what it says of its end.
    fn begin_other(&mut self, mut other: Event) -> Result<Option<Begun>, Mistake> {
        let event = self.next_event()?;
        let t = other.t().map_or(0, nanos);
        let operation = match &mut other {
            Event::Commit(line) => {
                if let Some(offset) = line.offsets.values().find(|offset| **offset < 0) {
                    return Err(Mistake::NegativeOffset(*offset));
                }
                Some((&line.process, line.op.take(), line.end.take()))
            }
            Event::FetchOffsets(line) => Some((&line.process, line.op.take(), line.end.take())),
            Event::EndTxn(line) => Some((&line.process, line.op.take(), line.end.take())),
            _ => None,
        };
        let operation = match operation {
            Some((process, op, end)) => Some((self.process(process)?, op, end)),
            None => None,
        };
        if let Event::Crashed(line) = &other {
            let process = self.process(&line.process)?;
            self.retired.entry(process).or_insert(t);
        }
        self.name_all(&other)?;
        self.history.others.push((event, other));
        let Some((process, op, end)) = operation else { return Ok(None) };
        self.may_act(process, t)?;
        let what = What::Other(self.history.others.len() - 1);
        Ok(Some((Pending { what, process, invoked: t }, op, end)))
    }

    /// Gives numbers to the names that rules look up.
    fn name_all(&mut self, event: &Event) -> Result<(), Mistake> {
        let (mut partitions, mut groups, mut processes, mut txns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        match event {
            Event::Commit(line) => {
                partitions.extend(line.offsets.keys());
                groups.push(&line.group);
                txns.extend(&line.txn);
            }
            Event::FetchOffsets(line) => groups.push(&line.group),
            Event::EndTxn(line) => txns.push(&line.txn),
            Event::Assigned(line) => {
                partitions.extend(line.partitions.keys());
                groups.extend(&line.group);
                processes.push(&line.process);
            }
            Event::Kept(line) => {
                partitions.extend(&line.partitions);
                groups.push(&line.group);
                processes.push(&line.process);
            }
            Event::Released(line) => {
                partitions.extend(&line.partitions);
                processes.push(&line.process);
            }
            Event::Seek(line) => {
                partitions.push(&line.partition);
                processes.push(&line.process);
            }
            Event::Reset(line) => {
                partitions.push(&line.partition);
                processes.push(&line.process);
            }
            Event::Append(line) => {
                partitions.push(&line.partition);
                txns.extend(&line.txn);
            }
            Event::Settled(line) => txns.push(&line.txn),
            _ => {}
        }
        for name in partitions {
            self.partition(name)?;
        }
        for (names, names_of, what) in [
            (groups, &mut self.history.groups, "groups"),
            (processes, &mut self.history.processes, "processes"),
            (txns, &mut self.history.txns, "transactions"),
        ] {
            for name in names {
                names_of.intern(name).ok_or(Mistake::TooLarge(what))?;
            }
        }
        Ok(())
    }

    fn take_log(&mut self, line: Log) -> Result<(), Mistake> {
        let event = self.next_event()?;
        let partition = self.partition(&line.partition)?.0;
        if line.marker.is_some() != line.ids.is_empty() {
            return Err(Mistake::MixedBatch);
        }
        let count = line.ids.len().max(1);
        if !line.offsets.is_empty() && line.offsets.len() != count {
            return Err(Mistake::OffsetsDoNotFit);
        }
        let mut ids = Vec::with_capacity(count);
        for id in &line.ids {
            ids.push(self.id(id.as_ref())?);
        }
        if ids.is_empty() {
            ids.push(Id::FOREIGN);
        }
        let log = self.announced(partition, line.broker)?;
        let first = number(log.entries.len(), "log entries")?;
        let mut last = -1;
        for (place, id) in (0..).zip(ids) {
            let offset = match line.offsets.get(place) {
                Some(offset) => *offset,
                None => line.offset.saturating_add(i64::try_from(place).unwrap_or(i64::MAX)),
            };
            if offset <= last || offset < line.offset || offset == i64::MAX {
                return Err(Mistake::OffsetsDecrease);
            }
            last = offset;
            log.entries.push(Entry { offset, id });
        }
        log.batches.push(Batch {
            first,
            event,
            epoch: line.epoch,
            pid: line.pid.unwrap_or(-1),
            pepoch: line.pepoch.unwrap_or(-1),
            seq: line.seq.unwrap_or(-1),
            transactional: line.transactional || line.marker.is_some(),
            marker: line.marker,
            digest: line.digest,
        });
        Ok(())
    }

    fn announced(&mut self, partition: u32, broker: Option<i32>) -> Result<&mut FinalLogRow, Mistake> {
        let mut logs = self.history.logs.iter_mut().rev();
        logs.find(|log| log.partition == partition && log.broker == broker).ok_or(Mistake::UnannouncedLog)
    }

    fn begin(&mut self, op: Option<u64>, end: Option<End>, pending: Pending) -> Result<(), Mistake> {
        if let Some(op) = op {
            if end.is_some() {
                return Err(Mistake::EndedTwice(op));
            }
            if self.last_op.is_some_and(|last| last >= op) {
                return Err(Mistake::OpNotIncreasing(op));
            }
            self.last_op = Some(op);
            self.pending.insert(op, pending);
            return Ok(());
        }
        end.map_or(Ok(()), |end| self.end(&pending, end))
    }

    fn end(&mut self, pending: &Pending, end: End) -> Result<(), Mistake> {
        let completed = nanos(end.t);
        if completed < pending.invoked {
            return Err(Mistake::EndsBeforeItBegan);
        }
        self.history.end_t = self.history.end_t.max(completed);
        let is_fetch =
            matches!(pending.what, What::Other(at) if matches!(self.history.others[at].1, Event::FetchOffsets(_)));
        if end.offset.is_some() && !matches!(pending.what, What::Send(_) | What::Resend(_)) {
            return Err(Mistake::ForeignEnd("offset"));
        }
        if !end.records.is_empty() && !matches!(pending.what, What::Poll(_)) {
            return Err(Mistake::ForeignEnd("records"));
        }
        if !end.offsets.is_empty() && !is_fetch {
            return Err(Mistake::ForeignEnd("offsets"));
        }
        if let Some(offset) = end.offset.filter(|offset| !(0..i64::MAX).contains(offset)) {
            return Err(Mistake::NegativeOffset(offset));
        }
        if end.result == Answer::Info {
            self.retired.entry(pending.process).and_modify(|t| *t = completed.min(*t)).or_insert(completed);
        }
        let status = match end.result {
            Answer::Ok => Status::Ok,
            Answer::Fail => Status::Fail,
            Answer::Info => Status::Info,
        };
        match pending.what {
            What::Send(at) => {
                let row = &mut self.history.sends[at];
                row.completed = completed;
                row.offset = end.offset.unwrap_or(-1);
                if self.history.statuses[at] != Status::Unasked {
                    self.history.statuses[at] = status;
                }
                if let Some(error) = end.error {
                    self.history.send_errors.insert(number(at, "sends")?, error);
                }
            }
            What::Resend(at) => {
                let resend = &mut self.history.resends[at];
                resend.row.completed = completed;
                resend.row.offset = end.offset.unwrap_or(-1);
                resend.error = end.error;
                if resend.status != Status::Unasked {
                    resend.status = status;
                }
            }
            What::Poll(at) => self.end_poll(at, completed, status, end)?,
            What::Other(at) => {
                for name in end.offsets.keys() {
                    self.partition(name)?;
                }
                match &mut self.history.others[at].1 {
                    Event::Commit(line) => line.end = Some(end),
                    Event::FetchOffsets(line) => line.end = Some(end),
                    Event::EndTxn(line) => line.end = Some(end),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn end_poll(&mut self, at: usize, completed: u64, status: Status, end: End) -> Result<(), Mistake> {
        let first_chunk = number(self.history.chunks.len(), "polls")?;
        for (partition, records) in end.records {
            let partition = self.partition(&partition)?.0;
            let first = number(self.history.deliveries.len(), "deliveries")?;
            for record in &records {
                self.deliver(record)?;
            }
            let count = number(records.len(), "deliveries")?;
            self.history.chunks.push(Chunk { poll: number(at, "polls")?, partition, first, count });
        }
        let chunks = number(self.history.chunks.len(), "polls")? - first_chunk;
        if let Some(error) = end.error {
            self.history.poll_errors.insert(number(at, "polls")?, error);
        }
        let row = &mut self.history.polls[at];
        (row.completed, row.status, row.first_chunk, row.chunks) = (completed, status, first_chunk, chunks);
        Ok(())
    }

    fn deliver(&mut self, record: &Delivered) -> Result<(), Mistake> {
        let offset = record.offset();
        if !(0..i64::MAX).contains(&offset) {
            return Err(Mistake::NegativeOffset(offset));
        }
        let id = self.id(record.id())?;
        if let Some(hash) = record.hash() {
            let place = number(self.history.deliveries.len(), "deliveries")?;
            self.history.delivery_hashes.set(place, hash);
        }
        self.history.deliveries.push(Entry { offset, id });
        Ok(())
    }

    fn id(&mut self, name: Option<&RecordName>) -> Result<Id, Mistake> {
        match name {
            Some(name) => Ok(Id::new(self.producer(&name.producer)?.0, name.seq)),
            None => Ok(Id::FOREIGN),
        }
    }

    fn advance(&mut self, t: Instant) -> Result<(), Mistake> {
        if nanos(t) < self.last_t {
            return Err(Mistake::TimeDecreases);
        }
        self.last_t = nanos(t);
        self.history.end_t = self.history.end_t.max(self.last_t);
        Ok(())
    }

    fn next_event(&mut self) -> Result<u32, Mistake> {
        let event = self.history.events;
        self.history.events = event.checked_add(1).ok_or(Mistake::TooLarge("events"))?;
        Ok(event)
    }

    fn process(&mut self, name: &str) -> Result<u32, Mistake> {
        self.history.processes.intern(name).ok_or(Mistake::TooLarge("processes"))
    }

    fn optional(
        &mut self,
        name: Option<&str>,
        names: impl Fn(&mut History) -> &mut crate::check::names::Names,
    ) -> Result<u32, Mistake> {
        name.map_or(Ok(NONE), |name| names(&mut self.history).intern(name).ok_or(Mistake::TooLarge("names")))
    }

    /// Whether the process is still there: after an `info` nobody knows what it does.
    fn may_act(&self, process: u32, t: u64) -> Result<(), Mistake> {
        if self.retired.get(&process).is_some_and(|retired| *retired < t) {
            return Err(Mistake::Retired(self.history.process_name(process).to_owned()));
        }
        Ok(())
    }
}

pub(super) fn nanos(t: Instant) -> u64 {
    u64::try_from(t.since_start().as_nanos()).unwrap_or(u64::MAX)
}

fn number(count: usize, what: &'static str) -> Result<u32, Mistake> {
    u32::try_from(count).ok().filter(|number| *number < NONE).ok_or(Mistake::TooLarge(what))
}
