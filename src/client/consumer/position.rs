//! Where each assigned partition stands, and what has been fetched and not handed out. It is told the time.
//!
//! Not here: fetching.

use super::super::TopicPartition;
use super::super::admin::OffsetSpec;
use super::super::error::Error;
use super::super::transaction::OffsetAndMetadata;
use super::StartFrom;
use super::member::Attention;
use super::nearest::Nearest;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Uuid;
use crate::wire::batch::Batch;
use crate::wire::batch::Record;
use crate::wire::batch::RecordIter;
use crate::wire::batch::TimestampType;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::task::Waker;
use tokio::time::Instant;

/// All that a consumer and its fetching task share.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) partitions: BTreeMap<TopicPartition, Position>,
    ready: VecDeque<Chunk>,
    /// The fetched bytes that have not been handed out completely.
    pub(super) buffered: usize,
    failures: VecDeque<Error>,
    waker: Option<Waker>,
    pub(super) closed: bool,
    /// What is fetched goes to the tasks of partitions, so that one slow task must not take all the room.
    pub(super) feeds_claims: bool,
    pub(super) next_generation: u64,
    /// What the user has to see to before it gets records.
    pub(super) attention: Attention,
}

/// Where one partition stands.
#[derive(Debug)]
pub(super) struct Position {
    /// When it was assigned or last sought: what was handed out before that does not count.
    pub(super) placed: u64,
    /// A fetch that was made for another generation does not count.
    pub(super) generation: u64,
    /// The topic that it is a position in; zero as long as nobody has said.
    pub(super) topic_id: Uuid,
    /// What to fetch next; `Err` as long as it has to be looked up.
    pub(super) fetch: Result<Offset, OffsetSpec>,
    /// The epoch of the leader that appended the record before `fetch`, where that is known.
    pub(super) fetched_epoch: LeaderEpoch,
    /// What to hand out next, once that is known.
    pub(super) next: Option<Offset>,
    /// The epoch of the leader that appended the record before `next`.
    pub(super) epoch: LeaderEpoch,
    /// Where it goes on is what the group has committed, which is not known yet.
    pub(super) awaits_commit: bool,
    /// What was handed out and has not been processed, where that is known: nothing behind it is committed.
    pub(super) unfinished: BTreeSet<Offset>,
    /// The bytes that lie with its task, if it has one.
    pub(super) held: usize,
    /// What was last committed, as far as this consumer knows.
    pub(super) committed: Option<Offset>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) paused: bool,
    /// The user has been told of an error that does not pass; only seeking helps.
    pub(super) halted: bool,
    /// The offset is being looked up.
    pub(super) looking: bool,
    pub(super) not_before: Option<Instant>,
    pub(super) failures: u32,
    /// The follower that is read from, if it is one.
    pub(super) nearest: Option<Nearest>,
    /// From where it was moved by itself since the last record was fetched.
    pub(super) moved: Option<Offset>,
}

/// What one fetch brought of one partition.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) partition: TopicPartition,
    pub(super) bytes: usize,
    /// The next offset to hand out.
    pub(super) next: Offset,
    /// The epoch of the leader that appended the record before that.
    pub(super) epoch: LeaderEpoch,
    /// From where the position was moved to its beginning, which the user has not been told.
    pub(super) moved: Option<Offset>,
    /// The topic that it was fetched from.
    pub(super) topic_id: Uuid,
    batches: std::vec::IntoIter<Batch>,
    records: Option<Open>,
}

#[derive(Debug)]
struct Open {
    records: RecordIter,
    end: Offset,
    leader_epoch: LeaderEpoch,
    timestamp_type: TimestampType,
}

/// A record with what only its batch knows.
pub(super) struct Opened {
    pub(super) record: Record,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) timestamp_type: TimestampType,
}

impl StartFrom {
    const fn fetch(self) -> Result<Offset, OffsetSpec> {
        match self {
            Self::Earliest => Err(OffsetSpec::Earliest),
            Self::Latest => Err(OffsetSpec::Latest),
            Self::Timestamp(timestamp) => Err(OffsetSpec::Timestamp(timestamp)),
            Self::Offset(offset) => Ok(offset),
            // Until the commit is known; then it is this or another offset.
            Self::Committed => Err(OffsetSpec::Latest),
        }
    }
}

impl State {
    /// Replaces the assignment.
    pub(super) fn assign(&mut self, partitions: Vec<(TopicPartition, StartFrom)>) {
        self.partitions.clear();
        self.ready.clear();
        self.buffered = 0;
        for (partition, start) in partitions {
            self.place(partition, start);
        }
    }

    /// Adds a partition, or moves one that is assigned.
    pub(super) fn place(&mut self, partition: TopicPartition, start: StartFrom) {
        self.drop_chunks(&partition);
        self.next_generation += 1;
        let fetch = start.fetch();
        let before = self.partitions.get(&partition);
        let paused = before.is_some_and(|position| position.paused);
        let nearest = before.and_then(|position| position.nearest);
        let topic_id = before.map_or(Uuid::ZERO, |position| position.topic_id);
        let position = Position {
            placed: self.next_generation,
            generation: self.next_generation,
            topic_id,
            fetch,
            fetched_epoch: LeaderEpoch::NONE,
            next: fetch.ok(),
            epoch: LeaderEpoch::NONE,
            awaits_commit: start == StartFrom::Committed,
            unfinished: BTreeSet::new(),
            held: 0,
            committed: None,
            high_watermark: None,
            paused,
            halted: false,
            looking: false,
            not_before: None,
            failures: 0,
            nearest,
            moved: None,
        };
        self.partitions.insert(partition, position);
    }

    /// Takes a partition away.
    pub(super) fn remove(&mut self, partition: &TopicPartition) {
        self.drop_chunks(partition);
        self.partitions.remove(partition);
    }

    /// Tells the user that there is no group that could have committed anything.
    pub(super) fn refuse_committed(&mut self) {
        let waits: Vec<_> =
            self.partitions.iter().filter(|(_, position)| position.awaits_commit && !position.halted).collect();
        let waits: Vec<_> =
            waits.into_iter().map(|(partition, position)| (partition.clone(), position.generation)).collect();
        for (partition, generation) in waits {
            let reason = format!("{partition} cannot begin at what is committed: the consumer has no group_id");
            self.on_failure(&partition, generation, Error::Invalid(reason)).into_iter().for_each(Waker::wake);
        }
    }

    /// The partitions whose committed positions are to be asked for now, and when to look again.
    pub(super) fn uncommitted(&mut self, now: Instant) -> (Vec<(TopicPartition, u64)>, Option<Instant>) {
        let (mut asked, mut later) = (Vec::new(), None);
        for (partition, position) in &mut self.partitions {
            if !position.awaits_commit || position.looking || position.halted {
                continue;
            }
            match position.not_before.filter(|not_before| *not_before > now) {
                Some(not_before) => later = Some(later.map_or(not_before, |later: Instant| later.min(not_before))),
                None => {
                    position.looking = true;
                    asked.push((partition.clone(), position.generation));
                }
            }
        }
        (asked, later)
    }

    /// A record of this topic is being processed; nothing from it on may be committed until it is finished. Gives what
    /// to finish it with.
    pub(super) fn begin(&mut self, partition: &TopicPartition, topic_id: Uuid, offset: Offset) -> u64 {
        let Some(position) = self.partitions.get_mut(partition) else { return 0 };
        if position.topic_id == topic_id {
            position.unfinished.insert(offset);
        }
        position.placed
    }

    /// A record has been processed.
    pub(super) fn finish(&mut self, partition: &TopicPartition, placed: u64, offset: Offset) {
        let position = self.partitions.get_mut(partition).filter(|position| position.placed == placed);
        if let Some(position) = position {
            position.unfinished.remove(&offset);
        }
    }

    /// A record and all before it have been processed.
    pub(super) fn finish_up_to(&mut self, partition: &TopicPartition, placed: u64, offset: Offset) {
        let position = self.partitions.get_mut(partition).filter(|position| position.placed == placed);
        if let Some(position) = position {
            position.unfinished = position.unfinished.split_off(&offset.plus(1));
        }
    }

    /// Reads what was handed out and not finished once more. Says from where, if there is any.
    pub(super) fn rewind(&mut self, partition: &TopicPartition) -> Option<Offset> {
        let position = self.partitions.get(partition)?;
        let first = position.unfinished.first().copied();
        let epoch = position.epoch;
        if let Some(offset) = first.or(position.next).filter(|_| !position.awaits_commit) {
            let committed = position.committed;
            self.place(partition.clone(), StartFrom::Offset(offset));
            if let Some(position) = self.partitions.get_mut(partition) {
                position.committed = committed;
                position.epoch = if first.is_some() { LeaderEpoch::NONE } else { epoch };
            }
        }
        first
    }

    /// Takes in what a group has committed for a partition, or where else to go on; `None` if that is for the user to say.
    pub(super) fn on_committed(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        committed: Option<&OffsetAndMetadata>,
        otherwise: Option<OffsetSpec>,
    ) -> Option<Waker> {
        let position = self.partitions.get_mut(partition).filter(|position| position.generation == generation)?;
        position.looking = false;
        match (committed, otherwise) {
            (Some(committed), _) => {
                position.fetch = Ok(committed.offset);
                position.fetched_epoch = committed.leader_epoch;
                position.next = Some(committed.offset);
                position.committed = Some(committed.offset);
                position.epoch = committed.leader_epoch;
            }
            (None, Some(spec)) => position.fetch = Err(spec),
            (None, None) => {
                let reason = format!("nothing is committed for {partition}, and auto.offset.reset is none");
                return self.on_failure(partition, generation, Error::Invalid(reason));
            }
        }
        position.awaits_commit = false;
        None
    }

    /// Stops or resumes handing out records. What was fetched is fetched again later, so that it blocks nobody.
    pub(super) fn set_paused(&mut self, partition: &TopicPartition, paused: bool) -> bool {
        if paused {
            self.drop_chunks(partition);
        }
        let Some(position) = self.partitions.get_mut(partition) else { return false };
        if paused && !position.paused && !position.awaits_commit {
            if let (Some(next), Ok(_)) = (position.next, position.fetch) {
                position.fetch = Ok(next);
                position.fetched_epoch = position.epoch;
            }
            self.next_generation += 1;
            position.generation = self.next_generation;
            position.looking = false;
        }
        position.paused = paused;
        true
    }

    pub(super) fn drop_chunks(&mut self, partition: &TopicPartition) {
        let dropped = self.ready.iter().filter(|chunk| chunk.partition == *partition).map(|chunk| chunk.bytes).sum();
        self.ready.retain(|chunk| chunk.partition != *partition);
        self.release(dropped);
    }

    /// Gives back the room that a chunk took.
    pub(super) fn release(&mut self, bytes: usize) {
        self.buffered = self.buffered.saturating_sub(bytes);
    }

    /// A partition's task has got bytes.
    pub(super) fn hold(&mut self, partition: &TopicPartition, bytes: usize) {
        if let Some(position) = self.partitions.get_mut(partition) {
            position.held += bytes;
        }
    }

    /// A partition's task gives back the room of bytes.
    pub(super) fn let_go(&mut self, partition: &TopicPartition, placed: u64, bytes: usize) {
        self.release(bytes);
        if let Some(position) = self.partitions.get_mut(partition).filter(|position| position.placed == placed) {
            position.held = position.held.saturating_sub(bytes);
        }
    }

    /// The next chunk that need not be waited for.
    pub(super) fn take_ready(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Whom to wake, if anybody waits for something.
    pub(super) fn waiting(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// The next chunk, or an error that the user has to know, or nothing yet; then `waker` is woken later.
    pub(super) fn take(&mut self, waker: &Waker) -> Option<Result<Chunk, Error>> {
        // Errors come behind what was fetched before them.
        if let Some(chunk) = self.ready.pop_front() {
            return Some(Ok(chunk));
        }
        if let Some(error) = self.failures.pop_front() {
            return Some(Err(error));
        }
        self.waker = Some(waker.clone());
        None
    }

    /// Takes in what a fetch from `from` brought. Gives whom to wake.
    pub(super) fn on_batches(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        from: Offset,
        batches: Vec<Batch>,
        bytes: usize,
        high_watermark: Offset,
    ) -> Option<Waker> {
        let position = self.partitions.get_mut(partition)?;
        if position.generation != generation || position.fetch != Ok(from) {
            return None;
        }
        position.high_watermark = Some(high_watermark);
        position.failures = 0;
        let last = &batches.last()?.header;
        position.fetch = Ok(last.next_offset().max(from));
        position.fetched_epoch = last.partition_leader_epoch;
        self.buffered += bytes;
        let (partition, epoch, moved) = (partition.clone(), position.epoch, position.moved.take());
        let topic_id = position.topic_id;
        self.ready.push_back(Chunk {
            partition,
            bytes,
            next: from,
            epoch,
            moved,
            topic_id,
            batches: batches.into_iter(),
            records: None,
        });
        self.waker.take()
    }

    /// Whether a partition still waits for what a fetch from `from` brings. An answer may be so late that another leader
    /// has been asked since, or the offset is being looked up.
    pub(super) fn awaits(&self, partition: &TopicPartition, generation: u64, from: Offset) -> bool {
        let position = self.partitions.get(partition);
        position.is_some_and(|position| position.generation == generation && position.fetch == Ok(from))
    }

    /// Takes in an offset that was looked up.
    pub(super) fn on_found(&mut self, partition: &TopicPartition, generation: u64, found: Option<Offset>) {
        let Some(position) = self.partitions.get_mut(partition) else { return };
        if position.generation != generation {
            return;
        }
        position.looking = false;
        match found {
            Some(offset) => {
                position.fetch = Ok(offset);
                position.fetched_epoch = LeaderEpoch::NONE;
                // What was fetched before may still have to be handed out.
                let is_before = |chunk: &Chunk| chunk.partition == *partition && chunk.topic_id == position.topic_id;
                if !self.ready.iter().any(is_before) {
                    position.next = Some(offset);
                }
            }
            // No record is as young as that: wait for one.
            None => position.fetch = Err(OffsetSpec::Latest),
        }
    }

    /// The offset is not in the log any more, or not yet.
    pub(super) fn on_out_of_range(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        reset: Option<OffsetSpec>,
        error: Error,
    ) -> Option<Waker> {
        let Some(spec) = reset else { return self.on_failure(partition, generation, error) };
        let position = self.partitions.get_mut(partition)?;
        if position.generation == generation {
            tracing::info!(%partition, ?spec, "the offset is out of range and is reset");
            position.moved = position.moved.or_else(|| position.fetch.ok());
            position.fetch = Err(spec);
        }
        None
    }

    /// An error that does not pass: the user is told once, and the partition rests.
    pub(super) fn on_failure(&mut self, partition: &TopicPartition, generation: u64, error: Error) -> Option<Waker> {
        let position = self.partitions.get_mut(partition)?;
        if position.generation != generation {
            return None;
        }
        position.looking = false;
        position.halted = true;
        self.tell(error)
    }

    /// Tells the user of an error. Gives whom to wake.
    pub(super) fn tell(&mut self, error: Error) -> Option<Waker> {
        self.failures.push_back(error);
        self.waker.take()
    }

    /// An error that may pass.
    pub(super) fn delay(&mut self, partition: &TopicPartition, generation: u64, until: Instant) {
        let position = self.partitions.get_mut(partition).filter(|position| position.generation == generation);
        if let Some(position) = position {
            position.failures = position.failures.saturating_add(1);
            position.not_before = Some(until);
            position.looking = false;
        }
    }
}

impl Position {
    /// This much of a chunk has been handed out. What was fetched from a topic of before says nothing of this one.
    pub(super) fn follow(&mut self, chunk: &Chunk) {
        if self.topic_id == chunk.topic_id {
            self.next = Some(chunk.next);
            self.epoch = chunk.epoch;
        }
    }

    /// Whether it wants something of a broker at this moment.
    pub(super) fn is_active(&self, now: Instant) -> bool {
        !self.paused
            && !self.halted
            && !self.looking
            && !self.awaits_commit
            && self.not_before.is_none_or(|not_before| not_before <= now)
    }
}

impl Chunk {
    /// The next record; `None` when all have been handed out.
    pub(super) fn next_record(
        &mut self,
        decompressed_max: usize,
    ) -> Result<Option<Opened>, crate::wire::batch::BatchError> {
        loop {
            if let Some(open) = &mut self.records {
                match open.records.next() {
                    Some(record) => {
                        let record = record?;
                        // A batch may begin before the offset that was asked for.
                        if record.offset < self.next {
                            continue;
                        }
                        self.next = record.offset.plus(1);
                        let (leader_epoch, timestamp_type) = (open.leader_epoch, open.timestamp_type);
                        self.epoch = leader_epoch;
                        return Ok(Some(Opened { record, leader_epoch, timestamp_type }));
                    }
                    None => {
                        // Compaction may have taken the last records of the batch away.
                        self.next = self.next.max(open.end);
                        self.records = None;
                    }
                }
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let end = batch.header.last_offset().plus(1);
            if batch.header.attributes.is_control() {
                self.next = self.next.max(end);
                continue;
            }
            let records = batch.records_within(decompressed_max)?;
            let timestamp_type = batch.header.timestamp_type();
            let leader_epoch = batch.header.partition_leader_epoch;
            self.records = Some(Open { records, end, leader_epoch, timestamp_type });
        }
    }
}
