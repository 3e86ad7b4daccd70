//! The 61 bytes in front of every batch.

use super::Attributes;
use super::BatchError;
use super::TimestampType;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::compression::Compression;

/// The size of a batch's header, in bytes.
pub const HEADER_SIZE: usize = 61;
/// Base offset and length field, which the length does not count.
pub(super) const LENGTH_OVERHEAD: usize = 12;
/// Where the magic stands in a batch, and in a legacy message.
pub(super) const MAGIC_AT: usize = 16;
/// From here on the CRC protects the batch.
const ATTRIBUTES_AT: usize = 21;

/// A batch's header, field by field in the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, before compaction.
    pub base_offset: Offset,
    /// The size of the batch in bytes without the first 12.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// The format: 2.
    pub magic: i8,
    /// CRC32C of everything that follows it.
    pub crc: u32,
    /// Codec, kind of timestamp and flags.
    pub attributes: Attributes,
    /// The last offset minus the base offset; compaction leaves it as it was.
    pub last_offset_delta: i32,
    /// The timestamp that the records' deltas are added to; with a delete horizon, that horizon.
    pub base_timestamp: Timestamp,
    /// The latest timestamp of the records, or that of the append.
    pub max_timestamp: Timestamp,
    /// The producer, when it is idempotent or transactional.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence number of the first record; -1 for none.
    pub base_sequence: i32,
    /// How many records there are.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads a header from the first 61 bytes; what follows is not looked at.
    ///
    /// # Errors
    /// [`BatchError::Truncated`], or [`BatchError::Magic`] and [`BatchError::Length`] when this is no batch of magic 2.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(BatchError::Truncated { needed: HEADER_SIZE, available: bytes.len() });
        };
        let mut reader = Reader(header);
        let header = Self {
            base_offset: Offset(i64::from_be_bytes(reader.take())),
            batch_length: i32::from_be_bytes(reader.take()),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(reader.take())),
            magic: i8::from_be_bytes(reader.take()),
            crc: u32::from_be_bytes(reader.take()),
            attributes: Attributes(i16::from_be_bytes(reader.take())),
            last_offset_delta: i32::from_be_bytes(reader.take()),
            base_timestamp: Timestamp(i64::from_be_bytes(reader.take())),
            max_timestamp: Timestamp(i64::from_be_bytes(reader.take())),
            producer_id: ProducerId(i64::from_be_bytes(reader.take())),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(reader.take())),
            base_sequence: i32::from_be_bytes(reader.take()),
            records_count: i32::from_be_bytes(reader.take()),
        };
        header.check()?;
        Ok(header)
    }

    /// The header as its 61 bytes.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut out = [0; HEADER_SIZE];
        let mut writer = Writer(&mut out);
        writer.put(self.base_offset.0.to_be_bytes());
        writer.put(self.batch_length.to_be_bytes());
        writer.put(self.partition_leader_epoch.0.to_be_bytes());
        writer.put(self.magic.to_be_bytes());
        writer.put(self.crc.to_be_bytes());
        writer.put(self.attributes.0.to_be_bytes());
        writer.put(self.last_offset_delta.to_be_bytes());
        writer.put(self.base_timestamp.0.to_be_bytes());
        writer.put(self.max_timestamp.0.to_be_bytes());
        writer.put(self.producer_id.0.to_be_bytes());
        writer.put(self.producer_epoch.0.to_be_bytes());
        writer.put(self.base_sequence.to_be_bytes());
        writer.put(self.records_count.to_be_bytes());
        out
    }

    /// The offset of the last record, before compaction.
    pub const fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(self.last_offset_delta as i64))
    }

    /// The offset behind the last record.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// The sequence number of the last record, -1 for none; 0 follows 2147483647.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        i32::try_from(sum.rem_euclid(1 << 31)).expect("31 bits")
    }

    /// The size of the whole batch in bytes, by its length field.
    pub fn size_in_bytes(&self) -> usize {
        LENGTH_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// [`BatchError::UnknownCompression`].
    pub const fn compression(&self) -> Result<Compression, BatchError> {
        self.attributes.compression()
    }

    /// Whose clock the timestamps come from.
    pub const fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// Whether the records belong to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether the records are a broker's own.
    pub const fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// Whether an idempotent or transactional producer wrote the batch.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id.0 >= 0
    }

    /// From when compaction may drop the batch's tombstones and markers, if that has been decided.
    pub const fn delete_horizon(&self) -> Option<Timestamp> {
        if self.attributes.has_delete_horizon() { Some(self.base_timestamp) } else { None }
    }

    /// Refuses what is no header of magic 2.
    pub(super) fn check(&self) -> Result<(), BatchError> {
        if self.magic != 2 {
            return Err(BatchError::Magic(self.magic));
        }
        if self.size_in_bytes() < HEADER_SIZE {
            return Err(BatchError::Length(self.batch_length));
        }
        Ok(())
    }
}

/// The CRC32C of a batch whose header is encoded as `header`.
pub(super) fn crc_of(header: &[u8; HEADER_SIZE], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[ATTRIBUTES_AT..]), body)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the fields have 61 bytes together");
        self.0 = rest;
        *field
    }
}

struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        let (place, rest) =
            std::mem::take(&mut self.0).split_first_chunk_mut().expect("the fields have 61 bytes together");
        *place = field;
        self.0 = rest;
    }
}
