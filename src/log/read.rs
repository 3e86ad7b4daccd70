//! What a fetch gets out of a log: slices of the batches, not copies.
//!
//! Not here: which offsets a reader may see.

use crate::base::Offset;
use crate::wire::batch::Batch;
use crate::wire::batch::HEADER_SIZE;
use bytes::Bytes;
use bytes::BytesMut;

/// How much one read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// The most bytes, whole batches only.
    pub max_bytes: usize,
    /// Whether the first batch comes even if it alone is larger than `max_bytes`, so that a reader always gets on.
    pub min_one: bool,
}

/// Batches in wire order, ready for a vectored write.
/// ```
/// use rehearsal::log::LogRead;
/// assert!(LogRead::default().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct LogRead {
    /// Header, body, header, body, …; all headers share one small buffer and the bodies are the log's own.
    pub slices: Vec<Bytes>,
    /// The sum of the slices, in bytes.
    pub size_in_bytes: usize,
    /// The base offset of the first batch; [`Offset::INVALID`] without one.
    pub first_offset: Offset,
    /// The offset behind the last batch; where the read began, without one.
    pub next_offset: Offset,
}

impl Default for LogRead {
    fn default() -> Self {
        Self { slices: Vec::new(), size_in_bytes: 0, first_offset: Offset::INVALID, next_offset: Offset::INVALID }
    }
}

impl LogRead {
    /// Lays out `batches`, which were read for `from`.
    pub(super) fn collect<'a>(from: Offset, batches: impl Iterator<Item = &'a Batch>) -> Self {
        let batches: Vec<&Batch> = batches.collect();
        let count = batches.len();
        if count == 0 {
            return Self { next_offset: from, ..Self::default() };
        }
        let mut heads = BytesMut::with_capacity(count * HEADER_SIZE);
        batches.iter().for_each(|batch| heads.extend_from_slice(&batch.header.encode()));
        let mut heads = heads.freeze();
        let mut read = Self {
            slices: Vec::with_capacity(2 * count),
            size_in_bytes: 0,
            first_offset: Offset::INVALID,
            next_offset: from,
        };
        for batch in batches {
            if read.slices.is_empty() {
                read.first_offset = batch.header.base_offset;
            }
            read.slices.push(heads.split_to(HEADER_SIZE));
            read.slices.push(batch.body.clone());
            read.size_in_bytes += batch.size_in_bytes();
            read.next_offset = batch.header.next_offset();
        }
        read
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// The batches as one piece, for tests and tools; copies.
    pub fn to_bytes(&self) -> Bytes {
        self.slices.concat().into()
    }
}
