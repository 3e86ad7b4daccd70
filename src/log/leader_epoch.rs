//! At which offset each leader epoch began: what a follower asks for before it truncates.
//!
//! Not here: who becomes leader.

use crate::base::LeaderEpoch;
use crate::base::Offset;

/// The epochs of which a log holds records, each with its start offset, both strictly rising.
/// ```
/// use rehearsal::base::{LeaderEpoch, Offset};
/// use rehearsal::log::{EpochEndOffset, LeaderEpochs};
/// let mut epochs = LeaderEpochs::default();
/// epochs.assign(LeaderEpoch(0), Offset(0));
/// epochs.assign(LeaderEpoch(3), Offset(10));
/// let end = epochs.end_offset_for(LeaderEpoch(1), Offset(25));
/// assert_eq!(end, Some(EpochEndOffset { leader_epoch: LeaderEpoch(0), end_offset: Offset(10) }));
/// ```
/// Source: KIP-101; `LeaderEpochFileCache`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochStart>,
}

/// An epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EpochStart {
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The first offset written in it.
    pub start_offset: Offset,
}

/// An epoch and the offset behind its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch asked for, or the largest one before it that the log knows.
    pub leader_epoch: LeaderEpoch,
    /// The offset at which the next epoch begins, or the log end offset.
    pub end_offset: Offset,
}

impl LeaderEpochs {
    /// Notes that `epoch` begins at `start`; an epoch that is not newer than the last one changes nothing.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        // An epoch without a record has no place in the history: the new one takes over its start.
        while self.entries.last().is_some_and(|last| last.start_offset >= start) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { leader_epoch: epoch, start_offset: start });
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.leader_epoch)
    }

    /// The epoch in which `offset` was or will be written.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).map(|at| self.entries[at].leader_epoch)
    }

    /// Where `requested` ends in a log that ends at `log_end_offset`; `None` when that cannot be said.
    ///
    /// Source: `LeaderEpochFileCache.endOffsetFor`.
    pub fn end_offset_for(&self, requested: LeaderEpoch, log_end_offset: Offset) -> Option<EpochEndOffset> {
        if requested.0 < 0 {
            return None;
        }
        if self.latest() == Some(requested) {
            return Some(EpochEndOffset { leader_epoch: requested, end_offset: log_end_offset });
        }
        let higher = self.entries.partition_point(|entry| entry.leader_epoch <= requested);
        // An epoch newer than all that are known.
        let end_offset = self.entries.get(higher)?.start_offset;
        let leader_epoch = higher.checked_sub(1).map_or(requested, |floor| self.entries[floor].leader_epoch);
        Some(EpochEndOffset { leader_epoch, end_offset })
    }

    /// Forgets what begins at `end` or behind it.
    pub fn truncate_from_end(&mut self, end: Offset) {
        let keep = self.entries.partition_point(|entry| entry.start_offset < end);
        self.entries.truncate(keep);
    }

    /// Forgets the epochs that end at `start` or before it; the one that holds `start` now begins there.
    pub fn truncate_from_start(&mut self, start: Offset) {
        let gone = self.entries.partition_point(|entry| entry.start_offset <= start);
        if let Some(at) = gone.checked_sub(1) {
            self.entries.drain(..at);
            self.entries[0].start_offset = start;
        }
    }

    /// The history, oldest first.
    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    /// Takes back a history that [`LeaderEpochs::entries`] gave out; rows that are out of order are left out.
    pub fn from_entries(entries: &[EpochStart]) -> Self {
        let mut epochs = Self::default();
        for entry in entries {
            epochs.assign(entry.leader_epoch, entry.start_offset);
        }
        epochs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for &(epoch, start) in entries {
            epochs.assign(LeaderEpoch(epoch), Offset(start));
        }
        epochs
    }

    fn rows(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|entry| (entry.leader_epoch.0, entry.start_offset.0)).collect()
    }

    #[test]
    fn the_end_of_an_epoch_is_where_the_next_one_begins() {
        let epochs = history(&[(1, 0), (3, 10), (4, 20)]);
        let check = |asked: i32, expected: Option<(i32, i64)>| {
            let end = epochs.end_offset_for(LeaderEpoch(asked), Offset(25));
            assert_eq!(end.map(|end| (end.leader_epoch.0, end.end_offset.0)), expected, "epoch {asked}");
        };
        check(4, Some((4, 25)));
        check(3, Some((3, 20)));
        check(2, Some((1, 10)));
        check(1, Some((1, 10)));
        check(0, Some((0, 0)));
        check(5, None);
        check(-1, None);
        assert_eq!(LeaderEpochs::default().end_offset_for(LeaderEpoch(0), Offset(5)), None);
    }

    #[test]
    fn an_epoch_without_records_is_replaced() {
        assert_eq!(rows(&history(&[(0, 0), (1, 5), (2, 5), (2, 7), (1, 9)])), [(0, 0), (2, 5)]);
    }

    #[test]
    fn truncation_keeps_the_epoch_of_what_remains() {
        let check = |cut: fn(&mut LeaderEpochs, Offset), at: i64, expected: &[(i32, i64)]| {
            let mut epochs = history(&[(1, 0), (3, 10), (4, 20)]);
            cut(&mut epochs, Offset(at));
            assert_eq!(rows(&epochs), expected, "at {at}");
        };
        check(LeaderEpochs::truncate_from_end, 20, &[(1, 0), (3, 10)]);
        check(LeaderEpochs::truncate_from_end, 21, &[(1, 0), (3, 10), (4, 20)]);
        check(LeaderEpochs::truncate_from_end, 0, &[]);
        check(LeaderEpochs::truncate_from_start, 10, &[(3, 10), (4, 20)]);
        check(LeaderEpochs::truncate_from_start, 15, &[(3, 15), (4, 20)]);
        check(LeaderEpochs::truncate_from_start, 0, &[(1, 0), (3, 10), (4, 20)]);
    }
}
