//! Which transactions of a log are open, and which were aborted.
//!
//! Not here: who decides about a transaction; the log only sees its records and its marker.

use crate::base::Offset;
use crate::base::ProducerId;
use std::collections::BTreeMap;

/// A transaction whose records in this log are void, from its first record to its marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of the marker.
    pub last_offset: Offset,
    /// Up to where the log was stable with this marker; later transactions begin there or behind.
    pub last_stable_offset: Offset,
}

/// A transaction that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CompletedTransaction {
    pub(super) producer_id: ProducerId,
    pub(super) first_offset: Offset,
    pub(super) last_offset: Offset,
    pub(super) is_aborted: bool,
}

/// The transactions that keep a log from being stable, by the offset of their first record.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenTransactions {
    ongoing: BTreeMap<Offset, ProducerId>,
    /// Those that have ended, with the offset of the marker, until that is replicated.
    unreplicated: BTreeMap<Offset, Offset>,
}

impl OpenTransactions {
    pub(super) fn begin(&mut self, first_offset: Offset, producer_id: ProducerId) {
        self.ongoing.insert(first_offset, producer_id);
    }

    pub(super) fn complete(&mut self, first_offset: Offset, marker: Offset) {
        self.ongoing.remove(&first_offset);
        self.unreplicated.insert(first_offset, marker);
    }

    /// The first record of a transaction that has no marker yet.
    pub(super) fn first_open(&self) -> Option<Offset> {
        self.ongoing.keys().next().copied()
    }

    /// The first record of a transaction that has no marker below `high_watermark`.
    pub(super) fn first_unstable_offset(&self, high_watermark: Offset) -> Option<Offset> {
        let mut unreplicated = self.unreplicated.iter();
        let unreplicated = unreplicated.find(|(_, marker)| **marker >= high_watermark).map(|(first, _)| *first);
        self.first_open().into_iter().chain(unreplicated).min()
    }

    pub(super) fn forget_replicated(&mut self, high_watermark: Offset) {
        self.unreplicated.retain(|_, marker| *marker >= high_watermark);
    }
}

/// The aborted transactions of a log, in the order of their markers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AbortedIndex {
    entries: Vec<AbortedTransaction>,
}

impl AbortedIndex {
    pub(super) fn of(entries: Vec<AbortedTransaction>) -> Self {
        Self { entries }
    }

    pub(super) fn entries(&self) -> &[AbortedTransaction] {
        &self.entries
    }

    pub(super) fn push(&mut self, aborted: AbortedTransaction) {
        self.entries.push(aborted);
    }

    /// Those that have a record or their marker at `from` or behind, and a record below `upto`.
    ///
    /// Source: `TransactionIndex.collectAbortedTxns`.
    pub(super) fn between(&self, from: Offset, upto: Offset) -> impl Iterator<Item = &AbortedTransaction> {
        let first = self.entries.partition_point(|aborted| aborted.last_offset < from);
        let mut is_complete = false;
        let candidates = self.entries[first..].iter().take_while(move |aborted| {
            let goes_on = !is_complete;
            is_complete = aborted.last_stable_offset >= upto;
            goes_on
        });
        candidates.filter(move |aborted| aborted.first_offset < upto)
    }

    /// Forgets those whose marker is cut off; they are open again.
    pub(super) fn truncate_to(&mut self, end: Offset) {
        self.entries.retain(|aborted| aborted.last_offset < end);
    }

    /// Forgets those that lie below the log start altogether.
    pub(super) fn forget_below(&mut self, log_start_offset: Offset) {
        let gone = self.entries.partition_point(|aborted| aborted.last_offset < log_start_offset);
        self.entries.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_gets_the_aborted_transactions_that_reach_into_it() {
        let aborted = |producer_id, first, last, stable| AbortedTransaction {
            producer_id: ProducerId(producer_id),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(stable),
        };
        // The second one began before the first and ended behind it.
        let index = AbortedIndex::of(vec![aborted(1, 2, 4, 1), aborted(2, 1, 6, 7), aborted(3, 8, 9, 10)]);
        let check = |from: i64, upto: i64, expected: &[i64]| {
            let found: Vec<i64> = index.between(Offset(from), Offset(upto)).map(|a| a.producer_id.0).collect();
            assert_eq!(found, expected, "{from}..{upto}");
        };
        check(0, 1, &[]);
        check(0, 2, &[2]);
        check(0, 3, &[1, 2]);
        check(5, 6, &[2]);
        check(5, 9, &[2, 3]);
        check(7, 8, &[]);
        check(9, 20, &[3]);
        check(10, 20, &[]);
    }
}
