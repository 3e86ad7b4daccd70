//! Writing batches: for the client, for seeding, for compaction.

use super::Attributes;
use super::Batch;
use super::BatchError;
use super::BatchHeader;
use super::HEADER_SIZE;
use super::Header;
use super::Record;
use super::TimestampType;
use super::header;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::compression::Compression;
use crate::wire::varint;
use bytes::BufMut;

/// Builds one batch; the records are encoded as they come and compressed at the end.
///
/// ```
/// use rehearsal::base::{Offset, Timestamp};
/// use rehearsal::wire::batch::BatchBuilder;
/// use rehearsal::wire::compression::Compression;
///
/// let mut builder = BatchBuilder::new().compression(Compression::Gzip).base_offset(Offset(40));
/// for value in [b"a", b"b", b"c"] {
///     builder.append(Timestamp(5), None, Some(value), &[]);
/// }
/// let batch = builder.build()?;
/// assert_eq!(batch.header.last_offset(), Offset(42));
/// assert_eq!(batch.validate(), Ok(()));
/// # Ok::<(), rehearsal::wire::batch::BatchError>(())
/// ```
/// Source: `MemoryRecordsBuilder`, `DefaultRecord.writeTo`.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    base_offset: Offset,
    partition_leader_epoch: LeaderEpoch,
    compression: Compression,
    attributes: Attributes,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: i32,
    /// The first record's, or the delete horizon.
    base_timestamp: Option<Timestamp>,
    max_timestamp: Timestamp,
    log_append_time: Option<Timestamp>,
    records_count: i32,
    next_offset_delta: i32,
    body: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// Starts a batch at offset 0, uncompressed, of no idempotent producer.
    pub const fn new() -> Self {
        Self {
            base_offset: Offset(0),
            partition_leader_epoch: LeaderEpoch::NONE,
            compression: Compression::None,
            attributes: Attributes(0),
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: -1,
            base_timestamp: None,
            max_timestamp: Timestamp::NONE,
            log_append_time: None,
            records_count: 0,
            next_offset_delta: 0,
            body: Vec::new(),
        }
    }

    /// Sets the first record's offset.
    #[must_use]
    pub const fn base_offset(mut self, base_offset: Offset) -> Self {
        self.base_offset = base_offset;
        self
    }

    /// Sets the epoch of the leader that appends the batch.
    #[must_use]
    pub const fn partition_leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.partition_leader_epoch = epoch;
        self
    }

    /// Sets the codec.
    #[must_use]
    pub const fn compression(mut self, codec: Compression) -> Self {
        self.compression = codec;
        self
    }

    /// Names the idempotent producer and the sequence number of its first record.
    #[must_use]
    pub const fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.set_producer(id, epoch, base_sequence);
        self
    }

    /// Names the idempotent producer when it becomes known only after records were appended.
    pub const fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
    }

    /// Makes the records part of a transaction.
    #[must_use]
    pub const fn transactional(mut self, on: bool) -> Self {
        self.attributes = self.attributes.with_transactional(on);
        self
    }

    /// Makes the records a broker's own.
    #[must_use]
    pub const fn control(mut self, on: bool) -> Self {
        self.attributes = self.attributes.with_control(on);
        self
    }

    /// Makes `now` the timestamp of all records, as a leader does where `message.timestamp.type` asks for it.
    #[must_use]
    pub const fn log_append_time(mut self, now: Timestamp) -> Self {
        self.log_append_time = Some(now);
        self
    }

    /// Sets from when compaction may drop the batch's tombstones; call it before the first record.
    #[must_use]
    pub const fn delete_horizon(mut self, horizon: Timestamp) -> Self {
        self.attributes = self.attributes.with_delete_horizon(true);
        self.base_timestamp = Some(horizon);
        self
    }

    /// Appends a record at the next offset.
    ///
    /// Returns the batch's size in bytes so far, before compression.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> usize {
        let headers = headers.iter().map(|header| (header.key.as_bytes().as_ref(), header.value.as_deref()));
        self.write(timestamp, key, value, headers)
    }

    /// Appends a record that was read elsewhere; its offset is not taken over.
    ///
    /// Returns the batch's size in bytes so far, before compression.
    pub fn append_record(&mut self, record: &Record) -> usize {
        self.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers)
    }

    /// How many records have been appended.
    pub const fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Whether there is no record yet.
    pub const fn is_empty(&self) -> bool {
        self.records_count == 0
    }

    /// The batch's size in bytes so far, before compression.
    pub fn size_in_bytes(&self) -> usize {
        HEADER_SIZE + self.body.len()
    }

    /// What one more record would add, in bytes before compression, at most.
    pub fn size_of_record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
        let headers = headers.iter().map(|header| (header.key.as_bytes().as_ref(), header.value.as_deref()));
        // Five bytes of length, one of attributes, ten and five of deltas.
        21 + content_size(key, value, headers)
    }

    /// Compresses the records and puts the header in front.
    ///
    /// # Errors
    /// [`BatchError::Count`] without records, [`BatchError::TooLarge`] beyond 2 GiB, and
    /// [`BatchError::Compression`] when the codec is not built in.
    pub fn build(self) -> Result<Batch, BatchError> {
        if self.is_empty() {
            return Err(BatchError::Count { records_count: 0, last_offset_delta: -1 });
        }
        let last_offset_delta = self.next_offset_delta - 1;
        self.finish(last_offset_delta)
    }

    /// Builds with a last offset of its own, as compaction does; there may be no records left at all.
    pub(super) fn finish(self, last_offset_delta: i32) -> Result<Batch, BatchError> {
        let body = match self.compression {
            // Compaction leaves batches behind that say they are compressed and have nothing to compress.
            _ if self.records_count == 0 => Vec::new(),
            Compression::None => self.body,
            codec => codec.compress(&self.body)?,
        };
        let timestamp_type = match self.log_append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        let header = BatchHeader {
            base_offset: self.base_offset,
            batch_length: i32::try_from(HEADER_SIZE - header::LENGTH_OVERHEAD + body.len())
                .map_err(|_| BatchError::TooLarge(body.len()))?,
            partition_leader_epoch: self.partition_leader_epoch,
            magic: 2,
            crc: 0,
            attributes: self.attributes.with_compression(self.compression).with_timestamp_type(timestamp_type),
            last_offset_delta,
            base_timestamp: self.base_timestamp.unwrap_or(Timestamp::NONE),
            max_timestamp: self.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            records_count: self.records_count,
        };
        let mut batch = Batch { header, body: body.into() };
        batch.header.crc = batch.computed_crc();
        Ok(batch)
    }

    /// Leaves out the offsets up to `delta`, as compaction does.
    pub(super) const fn skip_to(&mut self, delta: i32) {
        self.next_offset_delta = delta;
    }

    /// Appends a record whose headers stand elsewhere as bytes.
    pub(super) fn write<'a>(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
    ) -> usize {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(base.0);
        let offset_delta = self.next_offset_delta;
        self.next_offset_delta = offset_delta.saturating_add(1);
        self.records_count = self.records_count.saturating_add(1);

        let size = 1
            + varint::size_i64(timestamp_delta)
            + varint::size_i32(offset_delta)
            + content_size(key, value, headers.clone());
        let out = &mut self.body;
        out.reserve(size + 5);
        put_length(out, size);
        out.put_u8(0);
        varint::write_i64(out, timestamp_delta);
        varint::write_i32(out, offset_delta);
        put_nullable(out, key);
        put_nullable(out, value);
        put_length(out, headers.clone().count());
        for (key, value) in headers {
            put_nullable(out, Some(key));
            put_nullable(out, value);
        }
        self.size_in_bytes()
    }
}

/// Key, value and headers with their lengths, in bytes.
fn content_size<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> usize {
    let mut count = 0;
    let mut size = nullable_size(key) + nullable_size(value);
    for (key, value) in headers {
        count += 1;
        size += nullable_size(Some(key)) + nullable_size(value);
    }
    size + varint::size_i32(wire_length(count))
}

fn nullable_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |field| varint::size_i32(wire_length(field.len())) + field.len())
}

fn put_nullable(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => varint::write_i32(out, -1),
        Some(field) => {
            put_length(out, field.len());
            out.put_slice(field);
        }
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    varint::write_i32(out, wire_length(length));
}

/// A length as the wire has it. What exceeds 2 GiB is refused when the batch is built, by its size.
fn wire_length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
