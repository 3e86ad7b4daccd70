//! Record batches: bytes that are opaque to the log and open to whoever wants to look.
//!
//! Not here: where a batch is kept and which offset it is given.
//!
//! ```
//! use rehearsal::wire::batch::{Batch, BatchBuilder};
//! use rehearsal::base::Timestamp;
//!
//! let mut builder = BatchBuilder::new();
//! builder.append(Timestamp(1_700_000_000_000), Some(b"k"), Some(b"v"), &[]);
//! let bytes = builder.build()?.to_bytes();
//!
//! let batch = Batch::split(&bytes).next().expect("one batch")?;
//! batch.validate()?;
//! assert_eq!(batch.records()?.next().expect("one record")?.value.as_deref(), Some(&b"v"[..]));
//! # Ok::<(), rehearsal::wire::batch::BatchError>(())
//! ```
//! Source: <https://kafka.apache.org/documentation/#recordbatch>.

mod attributes;
mod builder;
mod control;
mod error;
mod header;
pub mod legacy;
mod parse;
mod record;
mod retain;
mod split;

pub use attributes::Attributes;
pub use attributes::TimestampType;
pub use builder::BatchBuilder;
pub use control::ControlRecord;
pub use control::ControlType;
pub use error::BatchError;
pub use error::RecordDefect;
pub use header::BatchHeader;
pub use header::HEADER_SIZE;
pub use record::Header;
pub use record::HeaderViews;
pub use record::Record;
pub use record::RecordIter;
pub use record::RecordView;

pub use split::Batches;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::compression::Compression;
use bytes::Bytes;
use std::ops::ControlFlow;

/// How many bytes of records are decompressed where the caller sets no limit: Kafka's largest request (100 MiB).
pub const RECORDS_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What a batch may become when it is decompressed, however small it is: far more than clients put into one.
const SMALL_BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much larger than itself a batch may become beyond that.
const RATIO_MAX: usize = 64;

/// One batch as bytes: the header parsed once, the records untouched.
///
/// Cheap to clone. It keeps alive what it is a slice of, such as the frame that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The first 61 bytes.
    pub header: BatchHeader,
    /// Everything after them: the records, compressed or not.
    pub body: Bytes,
}

impl Batch {
    /// Walks the batches that stand one after the other in `records`, without copying them.
    ///
    /// An incomplete last batch is an error, as for a produce request; a fetch reader calls
    /// [`Batches::ignoring_partial_tail`]. After an error the walk is over.
    pub fn split(records: &Bytes) -> Batches {
        Batches::new(records.clone())
    }

    /// Proves what a broker relies on when a producer sent this batch.
    ///
    /// Beyond [`Batch::verify`]: at least one record, offset deltas that count from 0 without gap, and for an
    /// uncompressed batch records that fill the body exactly. Compressed records stay compressed.
    /// Cost: about 2 µs for 100 records of 100 bytes.
    ///
    /// # Errors
    /// [`BatchError`], whose [`error_code`](BatchError::error_code) is Kafka's answer.
    ///
    /// Source: `LogValidator.validateBatch`, `DefaultRecordBatch.ensureValid`.
    /// Differs: Kafka renumbers uncompressed records whose deltas have gaps; here they are refused.
    pub fn validate(&self) -> Result<(), BatchError> {
        self.verify()?;
        let header = &self.header;
        if header.records_count <= 0 || header.last_offset_delta != header.records_count - 1 {
            return Err(BatchError::Count {
                records_count: header.records_count,
                last_offset_delta: header.last_offset_delta,
            });
        }
        if header.compression()? == Compression::None {
            parse::check_consecutive(&self.body, header.records_count)?;
        }
        Ok(())
    }

    /// Proves what any reader relies on: magic 2, a length that is the body's, a known codec and the CRC.
    ///
    /// A compacted batch passes, which has fewer records than offsets.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn verify(&self) -> Result<(), BatchError> {
        let header = &self.header;
        header.check()?;
        if header.size_in_bytes() != HEADER_SIZE + self.body.len() {
            return Err(BatchError::Length(header.batch_length));
        }
        header.compression()?;
        let computed = self.computed_crc();
        if header.crc != computed {
            return Err(BatchError::Crc { stored: header.crc, computed });
        }
        Ok(())
    }

    /// The CRC32C of everything behind the CRC field.
    pub fn computed_crc(&self) -> u32 {
        header::crc_of(&self.header.encode(), &self.body)
    }

    /// How many bytes this batch is decompressed into at most where the caller sets no limit.
    ///
    /// 64 times its own size, at least 16 MiB and at most [`RECORDS_BYTES_MAX`]: enough for what clients send, and
    /// little for a batch that was made to fill the memory of those who look into it.
    /// ```
    /// # use rehearsal::wire::batch::BatchBuilder;
    /// let mut builder = BatchBuilder::new();
    /// builder.append(Default::default(), None, Some(b"v"), &[]);
    /// assert_eq!(builder.build()?.records_bytes_max(), 16 << 20);
    /// # Ok::<(), rehearsal::wire::batch::BatchError>(())
    /// ```
    pub fn records_bytes_max(&self) -> usize {
        self.body.len().saturating_mul(RATIO_MAX).clamp(SMALL_BATCH_BYTES_MAX, RECORDS_BYTES_MAX)
    }

    /// Reads the records one by one; decompresses at most [`Batch::records_bytes_max`].
    ///
    /// Keys and values are slices of the body or of the decompressed buffer. The CRC is not looked at.
    ///
    /// # Errors
    /// An unknown codec or compressed data that is malformed or too large. A malformed record is an error of the
    /// iterator, which ends there.
    pub fn records(&self) -> Result<RecordIter, BatchError> {
        self.records_within(self.records_bytes_max())
    }

    /// Reads the records one by one; decompresses at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Batch::records`].
    pub fn records_within(&self, limit: usize) -> Result<RecordIter, BatchError> {
        Ok(RecordIter::new(self.header, self.uncompressed_body(limit)?))
    }

    /// Shows each record to `visit` in place, without building structs, until it breaks; decompresses at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Batch::records`], and the first malformed record that is reached.
    pub fn walk(
        &self,
        limit: usize,
        mut visit: impl FnMut(RecordView<'_>) -> ControlFlow<()>,
    ) -> Result<(), BatchError> {
        let body = self.uncompressed_body(limit)?;
        let mut walk = parse::Walk::new(&body, self.header.records_count)?;
        while let Some(raw) = walk.next()? {
            if visit(RecordView::new(&self.header, raw)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The records' bytes after decompression into at most `limit` bytes; without compression no copy is made.
    ///
    /// # Errors
    /// An unknown codec, or compressed data that is malformed or too large.
    pub fn uncompressed_body(&self, limit: usize) -> Result<Bytes, BatchError> {
        match self.header.compression()? {
            Compression::None => Ok(self.body.clone()),
            codec => Ok(codec.decompress(&self.body, limit)?.into()),
        }
    }

    /// The size of header and body, in bytes.
    pub fn size_in_bytes(&self) -> usize {
        HEADER_SIZE + self.body.len()
    }

    /// Header and body as slices for a vectored write; the body is not copied.
    pub fn to_slices(&self) -> [Bytes; 2] {
        [Bytes::copy_from_slice(&self.header.encode()), self.body.clone()]
    }

    /// Header and body as one piece; copies.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_in_bytes());
        self.encode(&mut out);
        out.into()
    }

    /// Appends header and body to `out`.
    pub fn encode(&self, out: &mut impl bytes::BufMut) {
        out.put_slice(&self.header.encode());
        out.put_slice(&self.body);
    }

    /// Gives the batch its place in a log: neither field is under the CRC.
    pub fn stamp(&mut self, base_offset: Offset, partition_leader_epoch: LeaderEpoch) {
        self.header.base_offset = base_offset;
        self.header.partition_leader_epoch = partition_leader_epoch;
    }

    /// Makes `now` the timestamp of every record (`LogAppendTime`) and computes the CRC anew, without copying the body.
    pub fn stamp_log_append_time(&mut self, now: Timestamp) {
        self.header.attributes = self.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.header.max_timestamp = now;
        self.header.crc = self.computed_crc();
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
