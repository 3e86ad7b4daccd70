//! Compaction: of each key only the last record stays, at the offset it has.
//!
//! Records of aborted transactions go, and do not stand for their keys; what is not decided yet is left alone.
//!
//! Not here: markers, which stay for good.

use super::PartitionLog;
use super::ReplicaLog;
use super::TracedCompaction;
use super::segment::Segment;
use super::segment::to_u64;
use crate::base::BrokerMutant;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use crate::wire::batch::RecordView;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Which part of a log a compaction is about: segment by segment, never the active one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cleanable {
    /// What is below has been compacted before.
    first_dirty_offset: Offset,
    /// What is here or behind is left alone.
    first_uncleanable_offset: Offset,
    /// How many segments lie below `first_uncleanable_offset`.
    segments: usize,
    /// Whether the dirty part is worth it, or older than `max.compaction.lag.ms`.
    is_due: bool,
}

/// What takes the place of the first segments of a log.
#[derive(Clone)]
struct Cleaned {
    cleanable: Cleanable,
    segments: Vec<Segment>,
}

impl PartitionLog {
    /// Compacts the closed segments now, however little there is to gain; returns whether there was anything to look at.
    ///
    /// [`PartitionLog::roll_segments`] closes the active segment.
    pub fn compact(&mut self, now: Timestamp) -> bool {
        self.compact_if(now, |_| true)
    }

    /// Compacts if the topic is compacted and its configuration says that it is time.
    ///
    /// Source: `LogCleanerManager.grabFilthiestCompactedLog`.
    pub(super) fn compact_when_due(&mut self, now: Timestamp) -> bool {
        self.config.is_compacted() && self.compact_if(now, |cleanable| cleanable.is_due)
    }

    fn compact_if(&mut self, now: Timestamp, wanted: impl Fn(&Cleanable) -> bool) -> bool {
        let config = Arc::clone(self.config());
        let Some(leader) = self.leader_replica() else {
            return false;
        };
        let cleanable = leader.log.cleanable(now, &config, leader.last_stable_offset()).filter(&wanted);
        let Some(cleaned) = cleanable.map(|cleanable| leader.log.clean(cleanable, now, &config)) else {
            return false;
        };
        let traced = self.trace.is_some().then(|| (leader.log.keyed_records(), leader.last_stable_offset()));
        let leader_id = self.leader();
        // Followers whose log is the same get the same new batches, so that these are shared too.
        let same: Vec<bool> =
            self.replicas.iter().map(|replica| leader.log.shares(&replica.log, &cleaned.cleanable)).collect();
        for (replica, same) in self.replicas.iter_mut().zip(same) {
            if replica.broker != leader_id && !replica.is_replicating {
                continue;
            }
            if same {
                replica.log.replace(cleaned.clone());
            } else if let Some(cleanable) =
                replica.log.cleanable(now, &config, replica.last_stable_offset()).filter(&wanted)
            {
                let own = replica.log.clean(cleanable, now, &config);
                replica.log.replace(own);
            }
        }
        let after = traced.zip(self.leader_replica().map(|leader| leader.log.keyed_records()));
        if let (Some(((before, last_stable_offset), after)), Some(trace)) = (after, &mut self.trace) {
            trace.compactions.push(TracedCompaction { now, last_stable_offset, before, after });
        }
        true
    }
}

impl ReplicaLog {
    /// What may be compacted; `None` when that is nothing.
    ///
    /// Source: `LogCleanerManager.cleanableOffsets`, `LogToClean`.
    fn cleanable(&self, now: Timestamp, config: &TopicConfig, last_stable_offset: Offset) -> Option<Cleanable> {
        let first_dirty_offset = self.first_dirty_offset.max(self.log_start_offset());
        let closed = self.segments.len().checked_sub(1)?;
        let too_young = |segment: &Segment| {
            config.min_compaction_lag_ms > 0
                && now.0.saturating_sub(segment.largest_timestamp().0) < config.min_compaction_lag_ms
        };
        let end_of = |at: usize| self.segments[at + 1].base_offset;
        let segments = (0..closed)
            .take_while(|&at| {
                let dirty = end_of(at) > first_dirty_offset;
                end_of(at) <= last_stable_offset && !(dirty && too_young(&self.segments[at]))
            })
            .count();
        let first_uncleanable_offset = end_of(segments.checked_sub(1)?);
        if first_uncleanable_offset <= first_dirty_offset {
            return None;
        }
        let mut sizes = [0, 0];
        let mut oldest = i64::MAX;
        for (at, segment) in self.segments.iter().enumerate().take(segments) {
            let dirty = end_of(at) > first_dirty_offset;
            sizes[usize::from(dirty)] += segment.size;
            if let (true, Some(first)) = (dirty, segment.entries.first()) {
                oldest = oldest.min(first.batch.header.max_timestamp.0);
            }
        }
        let [clean, dirty] = sizes;
        #[allow(clippy::cast_precision_loss, reason = "a ratio of sizes needs no exactness")]
        let ratio = dirty as f64 / (clean + dirty).max(1) as f64;
        let overdue = now.0.saturating_sub(oldest) > config.max_compaction_lag_ms;
        let is_due = ratio > config.min_cleanable_dirty_ratio || overdue && dirty > 0;
        Some(Cleanable { first_dirty_offset, first_uncleanable_offset, segments, is_due })
    }

    /// Makes the segments that take the place of the cleanable ones; closed segments that have become small are joined.
    ///
    /// Source: `Cleaner.doClean`, `groupSegmentsBySize`.
    fn clean(&self, cleanable: Cleanable, now: Timestamp, config: &TopicConfig) -> Cleaned {
        let last_offsets = self.last_offsets(&cleanable);
        let mut segments: Vec<Segment> = Vec::new();
        let mut group_size = 0;
        for segment in self.segments.iter().take(cleanable.segments) {
            let batches = segment.entries.iter().filter_map(|entry| {
                let keep_empty = self.must_stay(&entry.batch, &cleanable);
                let is_aborted = self.is_aborted(&entry.batch.header);
                clean_batch(&entry.batch, &last_offsets, is_aborted, keep_empty, now, config)
            });
            let joins = segments.last().is_some_and(|last| {
                group_size + segment.size <= to_u64(config.segment_bytes)
                    && segment.base_offset.0 - last.base_offset.0 <= i64::from(i32::MAX) / 2
            });
            if !joins {
                group_size = 0;
                segments.push(Segment::new(segment.base_offset, segment.last_modified));
            }
            group_size += segment.size;
            let target = segments.last_mut().expect("one was pushed unless there was one to join");
            batches.for_each(|batch| target.push(batch, segment.last_modified));
            target.last_modified = segment.last_modified;
        }
        segments.retain(|segment| !segment.entries.is_empty());
        Cleaned { cleanable, segments }
    }

    /// The last offset of each key in the dirty part.
    fn last_offsets(&self, cleanable: &Cleanable) -> BTreeMap<Vec<u8>, Offset> {
        let mut last_offsets = BTreeMap::new();
        let dirty = self.batches(cleanable.first_dirty_offset);
        for batch in dirty.take_while(|batch| batch.header.base_offset < cleanable.first_uncleanable_offset) {
            if batch.header.is_control() || self.is_aborted(&batch.header) {
                continue;
            }
            // A batch that cannot be read stays as it is, so what it hides does not count either.
            let _unreadable = batch.walk(batch.records_bytes_max(), |record| {
                if let Some(key) = record.key {
                    last_offsets.insert(key.to_vec(), record.offset);
                }
                ControlFlow::Continue(())
            });
        }
        last_offsets
    }

    /// Whether `batch` stays even without records: it tells a producer's last sequence number or where the round ended.
    fn must_stay(&self, batch: &Batch, cleanable: &Cleanable) -> bool {
        let last_of_producer = self.producers().get(batch.header.producer_id).and_then(|state| state.batches().last());
        batch.header.next_offset() == cleanable.first_uncleanable_offset
            || last_of_producer.is_some_and(|last| last.last_offset == batch.header.last_offset())
    }

    /// Whether `other` holds the same batches in the same segments as far as `cleanable` reaches.
    fn shares(&self, other: &Self, cleanable: &Cleanable) -> bool {
        self.log_start_offset() == other.log_start_offset()
            && self.first_dirty_offset == other.first_dirty_offset
            && other.segments.len() > cleanable.segments
            && self.segments.iter().zip(&other.segments).take(cleanable.segments).all(|(ours, theirs)| {
                ours.base_offset == theirs.base_offset
                    && ours.entries.len() == theirs.entries.len()
                    && ours.entries.iter().zip(&theirs.entries).all(|(a, b)| Arc::ptr_eq(&a.batch, &b.batch))
            })
    }

    fn replace(&mut self, cleaned: Cleaned) {
        self.segments.drain(..cleaned.cleanable.segments);
        for segment in cleaned.segments.into_iter().rev() {
            self.segments.push_front(segment);
        }
        self.first_dirty_offset = cleaned.cleanable.first_uncleanable_offset;
        self.recount();
    }
}

/// What is left of `batch`; `None` when nothing is and it need not stay.
///
/// Source: `Cleaner.shouldRetainRecord`, `MemoryRecords.filterTo`, KIP-534.
fn clean_batch(
    batch: &Arc<Batch>,
    last_offsets: &BTreeMap<Vec<u8>, Offset>,
    is_aborted: bool,
    keep_empty: bool,
    now: Timestamp,
    config: &TopicConfig,
) -> Option<Arc<Batch>> {
    let header = &batch.header;
    if header.is_control() {
        return Some(Arc::clone(batch));
    }
    let drops_tombstones = header.delete_horizon().is_some_and(|horizon| now >= horizon);
    let keep = |record: &RecordView<'_>| {
        let Some(key) = record.key.filter(|_| !is_aborted) else {
            return false;
        };
        let is_gone = config.mutants.has(BrokerMutant::CompactsLastValue);
        let is_last = last_offsets
            .get(key)
            .is_none_or(|&last| if is_gone { record.offset > last } else { record.offset >= last });
        is_last && (record.value.is_some() || !drops_tombstones)
    };
    let (mut kept, mut tombstones) = (0, false);
    let walked = batch.walk(batch.records_bytes_max(), |record| {
        if keep(&record) {
            kept += 1;
            tombstones |= record.value.is_none();
        }
        ControlFlow::Continue(())
    });
    if walked.is_err() {
        return Some(Arc::clone(batch));
    }
    if kept == 0 && !keep_empty {
        return None;
    }
    let horizon = (tombstones && header.delete_horizon().is_none())
        .then(|| Timestamp(now.0.saturating_add(config.delete_retention_ms)));
    if kept == header.records_count && horizon.is_none() {
        return Some(Arc::clone(batch));
    }
    // Only a codec that cannot compress any more makes this fail; then the batch stays.
    let rewritten = batch.retain(batch.records_bytes_max(), horizon, keep).map_or_else(|_| Arc::clone(batch), Arc::new);
    Some(rewritten)
}
