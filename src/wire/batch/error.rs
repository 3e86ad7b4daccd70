//! What can be wrong with a batch, and what Kafka answers to it.

use crate::base::ErrorCode;
use crate::wire::compression::CompressionError;
use crate::wire::varint::VarintError;
use std::fmt;

/// What is wrong with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end before the batch does.
    Truncated {
        /// How many bytes the batch has, as far as it can be known.
        needed: usize,
        /// How many bytes there are.
        available: usize,
    },
    /// The format is not 2; 0 and 1 are the [`legacy`](super::legacy) message sets.
    Magic(i8),
    /// The batch's length field is too small for a header, or not the length of what is there.
    Length(i32),
    /// The stored checksum is not that of the bytes.
    Crc {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The number of records and the last offset contradict each other, or there is no record.
    Count {
        /// How many records the header claims.
        records_count: i32,
        /// The last offset minus the base offset.
        last_offset_delta: i32,
    },
    /// The codec's id is one of 5, 6 and 7.
    UnknownCompression(i16),
    /// The records cannot be compressed or decompressed.
    Compression(CompressionError),
    /// A record is malformed.
    Record {
        /// The record's place in its batch, from 0.
        index: i32,
        /// What is wrong with it.
        defect: RecordDefect,
    },
    /// Bytes are left when all records are read.
    TrailingBytes(usize),
    /// The records take more than 2 GiB.
    TooLarge(usize),
    /// A control batch's record is no control record: its key or its value is too short.
    NotControl,
}

/// What is wrong with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordDefect {
    /// A number in it is malformed or cut short.
    Varint(VarintError),
    /// Its length is negative, or more than what is left of the batch.
    Length(i32),
    /// A key, value or header reaches beyond the record's end.
    Overrun,
    /// It claims a negative number of headers.
    HeadersCount(i32),
    /// A header has no key.
    HeaderKey,
    /// Its parts do not fill it: this many bytes are left.
    Unused(usize),
    /// Its offset delta is not its place in the batch.
    OffsetDelta(i32),
    /// Its checksum is wrong (magic 0 and 1).
    Crc,
    /// It is a compressed message inside of a compressed message, or has no value (magic 0 and 1).
    Wrapper,
}

impl BatchError {
    /// The code a broker answers a produce request with.
    ///
    /// Source: `ProduceRequest.validateRecords`, `ByteBufferLogInputStream`, `DefaultRecordBatch`, `LogValidator`;
    /// exceptions outside Kafka's own hierarchy become `UNKNOWN_SERVER_ERROR` there.
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::Length(_) | Self::Crc { .. } => ErrorCode::CORRUPT_MESSAGE,
            Self::Magic(magic) if *magic < 0 || *magic > 2 => ErrorCode::CORRUPT_MESSAGE,
            Self::Compression(CompressionError::NotBuiltIn(_)) => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            Self::Compression(CompressionError::TooLarge { .. }) | Self::TooLarge(_) => ErrorCode::MESSAGE_TOO_LARGE,
            Self::Compression(_) | Self::UnknownCompression(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Self::Magic(_)
            | Self::Truncated { .. }
            | Self::Count { .. }
            | Self::Record { .. }
            | Self::TrailingBytes(_)
            | Self::NotControl => ErrorCode::INVALID_RECORD,
        }
    }
}

impl From<CompressionError> for BatchError {
    fn from(error: CompressionError) -> Self {
        Self::Compression(error)
    }
}

impl From<VarintError> for RecordDefect {
    fn from(error: VarintError) -> Self {
        Self::Varint(error)
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "a batch of {needed} bytes is cut short after {available}")
            }
            Self::Magic(magic) => write!(f, "magic is {magic}, not 2"),
            Self::Length(length) => write!(f, "a batch's length cannot be {length}"),
            Self::Crc { stored, computed } => {
                write!(f, "a batch's CRC is stored as {stored:#010x} and computed as {computed:#010x}")
            }
            Self::Count { records_count, last_offset_delta } => {
                write!(f, "{records_count} records do not end at offset delta {last_offset_delta}")
            }
            Self::UnknownCompression(id) => write!(f, "there is no compression type {id}"),
            Self::Compression(error) => error.fmt(f),
            Self::Record { index, defect } => write!(f, "record {index} is malformed: {defect}"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes are left behind the last record"),
            Self::TooLarge(size) => write!(f, "{size} bytes of records are too many for one batch"),
            Self::NotControl => f.write_str("the record of a control batch is no control record"),
        }
    }
}

impl fmt::Display for RecordDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Varint(error) => error.fmt(f),
            Self::Length(length) => write!(f, "its length cannot be {length}"),
            Self::Overrun => f.write_str("a part of it reaches beyond its end"),
            Self::HeadersCount(count) => write!(f, "it cannot have {count} headers"),
            Self::HeaderKey => f.write_str("a header has no key"),
            Self::Unused(count) => write!(f, "{count} bytes are left at its end"),
            Self::OffsetDelta(delta) => write!(f, "its offset delta is {delta}"),
            Self::Crc => f.write_str("its checksum is wrong"),
            Self::Wrapper => f.write_str("it is no wrapper of uncompressed messages"),
        }
    }
}

impl std::error::Error for BatchError {}

impl std::error::Error for RecordDefect {}
