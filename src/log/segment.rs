//! A run of batches that is dropped or compacted as one: Kafka's segment, without a file.
//!
//! Not here: when a segment begins or goes; the log and its retention decide that.

use crate::base::Offset;
use crate::base::Timestamp;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchHeader;
use std::sync::Arc;

/// Batches in the order of their offsets, with what is needed to find one by offset, time or bytes.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) base_offset: Offset,
    /// When its last batch was appended; the segment's begin until then.
    pub(super) last_modified: Timestamp,
    pub(super) entries: Vec<Entry>,
    pub(super) size: u64,
}

/// A batch, shared between replicas, and the running sums up to it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) batch: Arc<Batch>,
    /// The bytes before it in its segment.
    pub(super) position: u64,
    /// The largest timestamp in the segment up to and with this batch.
    pub(super) max_timestamp_so_far: Timestamp,
}

impl Segment {
    pub(super) const fn new(base_offset: Offset, now: Timestamp) -> Self {
        Self { base_offset, last_modified: now, entries: Vec::new(), size: 0 }
    }

    pub(super) fn push(&mut self, batch: Arc<Batch>, now: Timestamp) {
        let max_timestamp_so_far = self.max_timestamp().max(batch.header.max_timestamp);
        let position = self.size;
        self.size += size_of(&batch);
        self.last_modified = now;
        self.entries.push(Entry { batch, position, max_timestamp_so_far });
    }

    /// The largest timestamp of its records, -1 without any.
    pub(super) fn max_timestamp(&self) -> Timestamp {
        self.entries.last().map_or(Timestamp::NONE, |entry| entry.max_timestamp_so_far)
    }

    /// The time that retention goes by: of its records, or of its last append when they have none.
    pub(super) fn largest_timestamp(&self) -> Timestamp {
        if self.max_timestamp().0 >= 0 { self.max_timestamp() } else { self.last_modified }
    }

    /// The place of the first batch that holds `offset` or something behind it.
    pub(super) fn index_of(&self, offset: Offset) -> usize {
        self.entries.partition_point(|entry| entry.batch.header.last_offset() < offset)
    }

    /// The bytes before the batch at `index`, which may be one behind the last.
    pub(super) fn position_of(&self, index: usize) -> u64 {
        self.entries.get(index).map_or(self.size, |entry| entry.position)
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.size = self.position_of(len);
        self.entries.truncate(len);
    }

    /// Whether `next` must go to a new segment.
    ///
    /// Source: `LogSegment.shouldRoll`.
    pub(super) fn should_roll(&self, next: &BatchHeader, now: Timestamp, config: &TopicConfig) -> bool {
        let Some(first) = self.entries.first() else {
            return false;
        };
        let too_large = self.size + to_u64(next.size_in_bytes()) > to_u64(config.segment_bytes);
        let too_far = next.last_offset().0 - self.base_offset.0 > i64::from(i32::MAX);
        let first_timestamp = first.batch.header.max_timestamp;
        let waited = if first_timestamp.0 >= 0 && next.max_timestamp.0 >= 0 {
            next.max_timestamp.0 - first_timestamp.0
        } else {
            now.0.saturating_sub(self.last_modified.0)
        };
        too_large || too_far || waited > segment_ms(config)
    }
}

/// The age at which a segment is closed; a compacted topic with a bound on its lag closes them in time for it.
fn segment_ms(config: &TopicConfig) -> i64 {
    if config.is_compacted() { config.segment_ms.min(config.max_compaction_lag_ms) } else { config.segment_ms }
}

pub(super) fn size_of(batch: &Batch) -> u64 {
    to_u64(batch.size_in_bytes())
}

pub(super) fn to_u64(size: usize) -> u64 {
    u64::try_from(size).expect("an address has at most 64 bits")
}
