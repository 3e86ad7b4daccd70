//! The rows of the dense tables.

use crate::check::event::Outcome;
use crate::check::names::Id;

/// The number that stands for "none".
pub(crate) const NONE: u32 = u32::MAX;

/// The time of what never ended.
pub(crate) const NEVER: u64 = u64::MAX;

/// A send, 40 bytes: ten million are 400 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendRow {
    pub(crate) invoked: u64,
    pub(crate) completed: u64,
    /// The acknowledged offset; -1 when it is not known.
    pub(crate) offset: i64,
    pub(crate) id: Id,
    pub(crate) partition: u32,
    pub(crate) event: u32,
}

/// How an operation stands at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Ok,
    Fail,
    Info,
    /// Sent with acks=0 and gone: nobody will ever say.
    Unasked,
}

/// A record at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    pub(crate) id: Id,
}

/// A poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PollRow {
    pub(crate) invoked: u64,
    pub(crate) completed: u64,
    pub(crate) process: u32,
    pub(crate) group: u32,
    pub(crate) txn: u32,
    pub(crate) event: u32,
    pub(crate) status: Status,
    /// Whether the poll itself said so; the configuration decides otherwise.
    pub(crate) isolation: Option<crate::check::event::Isolation>,
    /// Its chunks.
    pub(crate) first_chunk: u32,
    pub(crate) chunks: u32,
}

/// What one poll returned of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) poll: u32,
    pub(crate) partition: u32,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// A log as it is at the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FinalLogRow {
    pub(crate) partition: u32,
    pub(crate) broker: Option<i32>,
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    pub(crate) event: u32,
    pub(crate) batches: Vec<Batch>,
    pub(crate) entries: Vec<Entry>,
}

/// What the entries from `first` on have in common, up to the next batch's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) first: u32,
    pub(crate) event: u32,
    pub(crate) epoch: i32,
    pub(crate) pid: i64,
    pub(crate) pepoch: i16,
    pub(crate) seq: i32,
    pub(crate) transactional: bool,
    pub(crate) marker: Option<Outcome>,
    pub(crate) digest: Option<u64>,
}

impl FinalLogRow {
    /// The batches, each with the places of its entries.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (&Batch, std::ops::Range<usize>)> {
        let ends = self.batches.iter().skip(1).map(|next| next.first as usize).chain([self.entries.len()]);
        self.batches.iter().zip(ends).map(|(batch, end)| (batch, batch.first as usize..end))
    }

    /// The batch that holds the entry at this place.
    pub(crate) fn batch_at(&self, place: usize) -> Option<&Batch> {
        let after = self.batches.partition_point(|batch| batch.first as usize <= place);
        self.batches.get(after.checked_sub(1)?)
    }

    /// One past its last offset.
    pub(crate) fn end(&self) -> i64 {
        self.entries.last().map_or(self.log_start, |entry| entry.offset + 1)
    }
}

/// That a record was processed for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessedRow {
    pub(crate) t: u64,
    pub(crate) id: Id,
    pub(crate) process: u32,
    pub(crate) group: u32,
    pub(crate) event: u32,
}

/// A column of hashes that takes no room until one is set. Any number may be a hash, so which are set is noted beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    values: Vec<u64>,
    is_set: Vec<u64>,
}

impl Hashes {
    pub(crate) fn set(&mut self, row: u32, hash: u64) {
        let row = row as usize;
        if self.values.len() <= row {
            self.values.resize(row + 1, 0);
            self.is_set.resize(row / 64 + 1, 0);
        }
        self.values[row] = hash;
        self.is_set[row / 64] |= 1 << (row % 64);
    }

    #[inline]
    pub(crate) fn get(&self, row: u32) -> Option<u64> {
        let row = row as usize;
        let is_set = self.is_set.get(row / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1);
        is_set.then(|| self.values[row])
    }
}

/// A column of small numbers that takes no room until one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column(Vec<u32>);

impl Column {
    pub(crate) fn set(&mut self, row: u32, value: u32) {
        if value != NONE {
            let row = row as usize;
            if self.0.len() <= row {
                self.0.resize(row + 1, NONE);
            }
            self.0[row] = value;
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: u32) -> u32 {
        self.0.get(row as usize).copied().unwrap_or(NONE)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
