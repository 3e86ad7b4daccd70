//! One replica's log: its batches, its bounds, and what can be looked up in it.
//!
//! Not here: other replicas and the high watermark.

use super::EpochEndOffset;
use super::LeaderEpochs;
use super::LogRead;
use super::ProducerStates;
use super::ReadLimit;
use super::segment::Entry;
use super::segment::Segment;
use super::segment::size_of;
use super::transactions::AbortedIndex;
use super::transactions::AbortedTransaction;
use crate::base::BrokerMutants;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchHeader;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The log of one replica; an empty one allocates nothing.
///
/// Batches are held by reference count: a follower's log holds the leader's batches, not copies.
#[derive(Clone, Debug, Default)]
pub struct ReplicaLog {
    pub(super) segments: VecDeque<Segment>,
    log_start_offset: Offset,
    log_end_offset: Offset,
    /// What lies below survives a loss of power.
    flushed_offset: Offset,
    size: u64,
    epochs: LeaderEpochs,
    producers: ProducerStates,
    aborted: Option<Box<AbortedIndex>>,
    /// Up to where it has been compacted.
    pub(super) first_dirty_offset: Offset,
}

/// A record found by time, as `ListOffsets` answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// The record's timestamp; -1 when the question was not about one.
    pub timestamp: Timestamp,
    /// The record's offset.
    pub offset: Offset,
    /// The epoch in which it was written; -1 when it is not known.
    pub leader_epoch: LeaderEpoch,
}

impl ReplicaLog {
    /// The first offset that readers may ask for.
    pub const fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset that the next record gets (LEO).
    pub const fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// What lies below is on disk and survives a loss of power; the rest is in the page cache.
    ///
    /// As in Kafka a segment is flushed when it is closed, and a log after each `flush.messages` records.
    pub const fn flushed_offset(&self) -> Offset {
        self.flushed_offset
    }

    /// Flushes everything to disk.
    pub(super) fn flush(&mut self) {
        self.flushed_offset = self.log_end_offset;
    }

    /// The sum of all batches in bytes, those included that are deleted but whose segment is still there.
    pub const fn size_in_bytes(&self) -> u64 {
        self.size
    }

    /// The history of leader epochs.
    pub const fn leader_epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// What is known of idempotent producers.
    pub const fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    pub(super) const fn producers_mut(&mut self) -> &mut ProducerStates {
        &mut self.producers
    }

    /// The aborted transactions that a reader of `from` up to `upto` has to know of, in the order of their markers.
    pub fn aborted_transactions(&self, from: Offset, upto: Offset) -> impl Iterator<Item = &AbortedTransaction> {
        self.aborted.iter().flat_map(move |aborted| aborted.between(from, upto))
    }

    /// Up to where a reader of committed transactions sees, when all below `high_watermark` is replicated (LSO).
    ///
    /// Source: `UnifiedLog.fetchLastStableOffsetMetadata`.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        let unstable = self.producers.first_unstable_offset(high_watermark);
        unstable.map_or(high_watermark, |first| first.max(self.log_start_offset).min(high_watermark))
    }

    /// Whether a batch belongs to an aborted transaction.
    pub(super) fn is_aborted(&self, header: &BatchHeader) -> bool {
        let offset = header.base_offset;
        let mut around = self.aborted_transactions(offset, offset.plus(1));
        header.is_transactional() && around.any(|aborted| aborted.producer_id == header.producer_id)
    }

    /// All aborted transactions, in the order of their markers.
    pub(super) fn aborted(&self) -> &[AbortedTransaction] {
        self.aborted.as_ref().map_or(&[], |aborted| aborted.entries())
    }

    /// Where `epoch` ends in this log; see [`LeaderEpochs::end_offset_for`].
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<EpochEndOffset> {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// The base offsets of its segments, oldest first; the last one is the active segment.
    pub fn segment_base_offsets(&self) -> impl Iterator<Item = Offset> {
        self.segments.iter().map(|segment| segment.base_offset)
    }

    /// The batches from the one that holds `from` on, in order.
    pub fn batches(&self, from: Offset) -> impl Iterator<Item = &Arc<Batch>> + Clone {
        let at = self.segment_of(from);
        let first = self.segments.get(at).map_or(&[][..], |segment| &segment.entries[segment.index_of(from)..]);
        let rest = self.segments.iter().skip(at + 1).flat_map(|segment| &segment.entries);
        first.iter().chain(rest).map(|entry| &entry.batch)
    }

    /// Notes that `epoch` begins at the end of the log.
    pub(super) fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.log_end_offset);
    }

    /// Appends a batch that has its offset and epoch and follows the last one; gaps are what compaction leaves.
    pub(super) fn append(&mut self, batch: Arc<Batch>, now: Timestamp, config: &TopicConfig) {
        let header = &batch.header;
        // A log that begins anew may begin in the middle of a batch, whose head is below its start.
        let next = if self.segments.is_empty() { header.last_offset() } else { header.base_offset };
        assert!(next >= self.log_end_offset, "offsets in a log only rise");
        self.epochs.assign(header.partition_leader_epoch, header.base_offset);
        let completed = self.producers.update(&batch, config.mutants);
        if let Some(completed) = completed.filter(|completed| completed.is_aborted) {
            self.aborted.get_or_insert_default().push(AbortedTransaction {
                producer_id: completed.producer_id,
                first_offset: completed.first_offset,
                last_offset: completed.last_offset,
                last_stable_offset: self.producers.stable_behind(completed.last_offset),
            });
        }
        self.log_end_offset = header.next_offset();
        self.size += size_of(&batch);
        if self.log_end_offset.0 - self.flushed_offset.0 >= config.flush_messages {
            self.flushed_offset = self.log_end_offset;
        }
        match self.segments.back_mut() {
            Some(active) if !active.should_roll(header, now, config) => active.push(batch, now),
            Some(active) if active.entries.is_empty() => active.push(batch, now),
            _ => {
                self.flushed_offset = self.flushed_offset.max(header.base_offset);
                let mut segment = Segment::new(header.base_offset, now);
                segment.push(batch, now);
                self.segments.push_back(segment);
            }
        }
    }

    /// When its last batch was appended.
    pub(super) fn last_modified(&self) -> Timestamp {
        self.segments.back().map_or(Timestamp::NONE, |active| active.last_modified)
    }

    /// Closes the active segment, so that retention and compaction may have it; an empty one stays.
    pub(super) fn roll(&mut self, now: Timestamp) {
        if self.segments.back().is_some_and(|active| !active.entries.is_empty()) {
            self.flush();
            self.segments.push_back(Segment::new(self.log_end_offset, now));
        }
    }

    /// Reads whole batches from the one that holds `from` on, as long as they end below `upto`.
    ///
    /// Cost: two binary searches and what is returned; record bytes are not copied.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` when `from` is below the log start offset or beyond the log end offset.
    pub fn read(&self, from: Offset, upto: Offset, limit: ReadLimit) -> Result<LogRead, ErrorCode> {
        if from < self.log_start_offset || from > self.log_end_offset {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let mut size = 0;
        let batches = self.batches(from).map(Arc::as_ref).take_while(move |batch| {
            let first = size == 0;
            size += batch.size_in_bytes();
            batch.header.last_offset() < upto && (size <= limit.max_bytes || first && limit.min_one)
        });
        Ok(LogRead::collect(from, batches))
    }

    /// Where the next segment begins, if `from` is in the last batch of one that ends below `upto`; otherwise `from`.
    pub(super) fn behind_last_batch(&self, from: Offset, upto: Offset) -> Offset {
        let at = self.segment_of(from);
        let last = self.segments.get(at).and_then(|segment| segment.entries.last());
        let next = self.segments.get(at + 1).map(|segment| segment.base_offset);
        let is_last = last.is_some_and(|last| last.batch.header.base_offset <= from);
        next.filter(|next| is_last && *next < upto).unwrap_or(from)
    }

    /// The bytes that a read of `from` up to `upto` without limit would give; for `min_bytes` of a fetch.
    pub fn bytes_between(&self, from: Offset, upto: Offset) -> u64 {
        let upto = upto.min(self.log_end_offset);
        if from >= upto || self.segments.is_empty() {
            return 0;
        }
        let (first, last) = (self.segment_of(from), self.segment_of(upto));
        let position = |at: usize, offset: Offset| {
            self.segments.get(at).map_or(0, |segment| segment.position_of(segment.index_of(offset)))
        };
        let before: u64 = self.segments.range(first..last.min(self.segments.len())).map(|segment| segment.size).sum();
        (before + position(last, upto)).saturating_sub(position(first, from))
    }

    /// Finds the first record below `upto` that is not older than `target`; looks into one batch as a rule.
    ///
    /// Source: `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`.
    pub fn offset_for_timestamp(&self, target: Timestamp, upto: Offset) -> Option<TimestampAndOffset> {
        for segment in &self.segments {
            if segment.max_timestamp() < target {
                continue;
            }
            let by_time = segment.entries.partition_point(|entry| entry.max_timestamp_so_far < target);
            let first = by_time.max(segment.index_of(self.log_start_offset));
            for Entry { batch, .. } in &segment.entries[first..] {
                if batch.header.base_offset >= upto {
                    return None;
                }
                if batch.header.max_timestamp >= target {
                    let found = find_record(batch, |timestamp, offset| {
                        timestamp >= target && offset >= self.log_start_offset && offset < upto
                    });
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// Finds the first record with the largest timestamp of all; `None` when it is not below `upto`.
    ///
    /// As in Kafka a record counts as long as its segment is there, also below the log start.
    ///
    /// Source: KIP-734; `UnifiedLog.fetchOffsetByTimestamp` with `MAX_TIMESTAMP`.
    pub fn max_timestamp_offset(&self, upto: Offset) -> Option<TimestampAndOffset> {
        let largest = self.segments.iter().map(Segment::max_timestamp).max()?;
        let segment = self.segments.iter().find(|segment| segment.max_timestamp() == largest)?;
        let at = segment.entries.partition_point(|entry| entry.max_timestamp_so_far < largest);
        let found = find_record(&segment.entries.get(at)?.batch, |timestamp, _| timestamp == largest);
        found.filter(|found| found.offset < upto)
    }

    /// Moves the log start offset forward to `target`; a lower one changes nothing. Whole segments below it go.
    ///
    /// Returns whether anything changed.
    pub(super) fn advance_log_start(&mut self, target: Offset) -> bool {
        let target = target.min(self.log_end_offset);
        if target <= self.log_start_offset {
            return false;
        }
        self.log_start_offset = target;
        self.forget_aborted_below(target);
        self.first_dirty_offset = self.first_dirty_offset.max(target);
        self.epochs.truncate_from_start(target);
        while self.segments.get(1).is_some_and(|next| next.base_offset <= target) {
            self.drop_first_segment();
        }
        true
    }

    fn forget_aborted_below(&mut self, offset: Offset) {
        if let Some(aborted) = &mut self.aborted {
            aborted.forget_below(offset);
        }
    }

    /// Drops the oldest segment; its records stop being readable.
    pub(super) fn drop_first_segment(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            self.size -= segment.size;
            let next = self.segments.front().map_or(self.log_end_offset, |segment| segment.base_offset);
            if next > self.log_start_offset {
                self.log_start_offset = next;
                self.forget_aborted_below(next);
                self.epochs.truncate_from_start(next);
            }
        }
    }

    /// Cuts off everything from `end` on; a batch that holds `end` in its middle goes as a whole.
    ///
    /// Producers are known again from what is left. Returns whether anything was cut.
    pub(super) fn truncate_to(&mut self, end: Offset) -> bool {
        // Even when no record goes: a leader that was replaced before its first append has noted its epoch here.
        self.epochs.truncate_from_end(end);
        if end >= self.log_end_offset {
            return false;
        }
        if end < self.log_start_offset {
            self.truncate_fully_and_start_at(end);
            return true;
        }
        let mut new_end = end;
        while let Some(last) = self.segments.back_mut() {
            let keep = last.entries.partition_point(|entry| entry.batch.header.last_offset() < end);
            if let Some(cut) = last.entries.get(keep) {
                new_end = new_end.min(cut.batch.header.base_offset);
            }
            self.size -= last.size - last.position_of(keep);
            last.truncate(keep);
            if keep > 0 || last.base_offset < end {
                break;
            }
            self.segments.pop_back();
        }
        self.log_end_offset = new_end.max(self.log_start_offset);
        self.flushed_offset = self.flushed_offset.min(self.log_end_offset);
        self.first_dirty_offset = self.first_dirty_offset.min(self.log_end_offset);
        self.epochs.truncate_from_end(self.log_end_offset);
        if let Some(aborted) = &mut self.aborted {
            aborted.truncate_to(self.log_end_offset);
        }
        self.rebuild_producers();
        true
    }

    /// Empties the log, which then begins and ends at `offset`.
    pub(super) fn truncate_fully_and_start_at(&mut self, offset: Offset) {
        *self =
            Self { log_start_offset: offset, log_end_offset: offset, first_dirty_offset: offset, ..Self::default() };
        self.flush();
    }

    /// Puts everything behind the log start back as it was saved, producers aside.
    pub(super) fn restore(
        &mut self,
        segments: Vec<Segment>,
        log_end_offset: Offset,
        epochs: LeaderEpochs,
        aborted: Vec<AbortedTransaction>,
    ) {
        self.segments = segments.into();
        self.aborted = (!aborted.is_empty()).then(|| Box::new(AbortedIndex::of(aborted)));
        self.log_end_offset = log_end_offset;
        self.epochs = epochs;
        // It comes from a file.
        self.flush();
        self.recount();
    }

    /// Counts the bytes anew after segments were rewritten.
    pub(super) fn recount(&mut self) {
        self.size = self.segments.iter().map(|segment| segment.size).sum();
    }

    fn rebuild_producers(&mut self) {
        self.producers.clear();
        for entry in self.segments.iter().flat_map(|segment| &segment.entries) {
            let _known_as_aborted = self.producers.update(&entry.batch, BrokerMutants::default());
        }
    }

    /// The place of the segment that holds `offset`.
    fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }
}

/// The first record of `batch` that `wanted` accepts; an unreadable batch has none.
fn find_record(batch: &Batch, wanted: impl Fn(Timestamp, Offset) -> bool) -> Option<TimestampAndOffset> {
    let mut found = None;
    // What a client sent compressed has not been looked into before and may be garbage.
    let walked = batch.walk(batch.records_bytes_max(), |record| {
        if !wanted(record.timestamp, record.offset) {
            return ControlFlow::Continue(());
        }
        found = Some(TimestampAndOffset {
            timestamp: record.timestamp,
            offset: record.offset,
            leader_epoch: batch.header.partition_leader_epoch,
        });
        ControlFlow::Break(())
    });
    walked.ok().and(found)
}
