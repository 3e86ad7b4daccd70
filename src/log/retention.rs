//! Dropping old segments: by time, by size, and on request.
//!
//! Not here: how often it is done; the broker has `log.retention.check.interval.ms` for that.

use super::DeletedSegment;
use super::PartitionLog;
use super::ReplicaLog;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::config::TopicConfig;
use std::sync::Arc;

/// What [`PartitionLog::maintain`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Whether the leader's log start offset moved.
    pub log_start_moved: bool,
    /// Whether the leader's log was compacted.
    pub compacted: bool,
}

impl PartitionLog {
    /// Does what is due by `now`: retention by time and size, and compaction, as the topic's configuration says.
    pub fn maintain(&mut self, now: Timestamp) -> Maintained {
        Maintained { log_start_moved: self.apply_retention(now), compacted: self.compact_when_due(now) }
    }

    /// Drops segments that are too old or too many; returns whether the leader's log start offset moved.
    ///
    /// As in Kafka the active segment goes too when all of its records are too old, and only what is below the high
    /// watermark goes.
    ///
    /// Source: `UnifiedLog.deleteOldSegments`.
    pub fn apply_retention(&mut self, now: Timestamp) -> bool {
        let before = self.log_start_offset();
        let config = Arc::clone(self.config());
        if !config.cleanup_policy.delete {
            return false;
        }
        let leader = self.leader();
        for replica in self.replicas.iter_mut().filter(|replica| replica.broker == leader || replica.is_replicating) {
            let deleted = replica.log.apply_retention(now, &config, replica.high_watermark);
            replica.clamp_high_watermark();
            if let Some(trace) = self.trace.as_mut().filter(|_| replica.broker == leader) {
                trace.deleted.extend(deleted);
            }
        }
        self.log_start_offset() > before
    }

    /// Closes the active segment of each replica, so that compaction and retention reach all that is there.
    pub fn roll_segments(&mut self, now: Timestamp) {
        self.replicas.iter_mut().for_each(|replica| replica.log.roll(now));
    }
}

impl ReplicaLog {
    fn apply_retention(&mut self, now: Timestamp, config: &TopicConfig, high_watermark: Offset) -> Vec<DeletedSegment> {
        let mut deleted = Vec::new();
        while let Some(size) = self.first_segment_below(high_watermark) {
            let too_large =
                config.retention_bytes.is_some_and(|most| self.size_in_bytes().saturating_sub(most) >= size);
            let age = now.0.saturating_sub(self.segments[0].largest_timestamp().0);
            let too_old = config.retention_ms.is_some_and(|most| age > most);
            if !too_large && !too_old {
                break;
            }
            let (max_timestamp, log_bytes) = (self.segments[0].largest_timestamp(), self.size_in_bytes());
            deleted.push(DeletedSegment { is_too_large: too_large, now, max_timestamp, log_bytes });
            self.drop_first_segment();
        }
        deleted
    }

    /// The size of the first segment, if it has records and all of them are below `high_watermark`.
    fn first_segment_below(&self, high_watermark: Offset) -> Option<u64> {
        let first = self.segments.front()?;
        let end = self.segments.get(1).map_or_else(|| self.log_end_offset(), |next| next.base_offset);
        (end <= high_watermark && !(first.entries.is_empty() && self.segments.len() == 1)).then_some(first.size)
    }
}
