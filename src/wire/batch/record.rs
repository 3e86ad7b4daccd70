//! Records as a reader sees them: as values that own their slices, or as views in place.

use super::BatchError;
use super::BatchHeader;
use super::TimestampType;
use super::parse;
use crate::base::Offset;
use crate::base::Timestamp;
use bytes::Bytes;
use bytestring::ByteString;

/// One record; key and value are slices of the buffer that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// The producer's time, or that of the append.
    pub timestamp: Timestamp,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value; without one the record is a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order, duplicates included.
    pub headers: Vec<Header>,
}

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// The key; bytes that are not UTF-8 read as U+FFFD, as in Java.
    pub key: ByteString,
    /// The value, which may be null.
    pub value: Option<Bytes>,
}

/// One record in place, for as long as a visit lasts.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Its place in the partition.
    pub offset: Offset,
    /// The producer's time, or that of the append.
    pub timestamp: Timestamp,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value; without one the record is a tombstone.
    pub value: Option<&'a [u8]>,
    /// How many headers it has.
    pub headers_count: i32,
    /// The record with its length field, uncompressed, in bytes.
    pub size_in_bytes: usize,
    headers: &'a [u8],
}

/// The headers of a [`RecordView`]: key and value.
#[derive(Clone, Debug)]
pub struct HeaderViews<'a> {
    rest: &'a [u8],
}

/// The records of a batch, one by one; see [`Batch::records`](super::Batch::records).
///
/// It ends behind the first error. Bytes behind the last record are an error too.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    body: Bytes,
    position: usize,
    index: i32,
    done: bool,
}

impl Header {
    /// A header with a value.
    pub fn new(key: impl Into<ByteString>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: Some(value.into()) }
    }
}

impl<'a> RecordView<'a> {
    pub(super) fn new(header: &BatchHeader, raw: parse::RawRecord<'a>) -> Self {
        Self {
            offset: offset_of(header, raw.offset_delta),
            timestamp: timestamp_of(header, raw.timestamp_delta),
            key: raw.key,
            value: raw.value,
            headers_count: raw.headers_count,
            size_in_bytes: raw.size,
            headers: raw.headers,
        }
    }

    /// The headers, in order.
    pub const fn headers(&self) -> HeaderViews<'a> {
        HeaderViews { rest: self.headers }
    }
}

impl<'a> Iterator for HeaderViews<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(parse::header(&mut self.rest).expect("the record's parser has walked them"))
    }
}

impl Records {
    pub(super) const fn new(header: BatchHeader, body: Bytes) -> Self {
        Self { header, body, position: 0, index: 0, done: false }
    }

    fn step(&mut self) -> Result<Option<Record>, BatchError> {
        let mut rest = &self.body[self.position..];
        if self.index >= self.header.records_count {
            self.done = true;
            return match rest.len() {
                _ if self.header.records_count < 0 => Err(BatchError::Count {
                    records_count: self.header.records_count,
                    last_offset_delta: self.header.last_offset_delta,
                }),
                0 => Ok(None),
                left => Err(BatchError::TrailingBytes(left)),
            };
        }
        let index = self.index;
        let raw = parse::record(&mut rest).map_err(|defect| BatchError::Record { index, defect })?;
        let view = RecordView::new(&self.header, raw);
        let record = Record {
            offset: view.offset,
            timestamp: view.timestamp,
            key: view.key.map(|key| self.body.slice_ref(key)),
            value: view.value.map(|value| self.body.slice_ref(value)),
            headers: view
                .headers()
                .map(|(key, value)| Header {
                    key: text(self.body.slice_ref(key)),
                    value: value.map(|value| self.body.slice_ref(value)),
                })
                .collect(),
        };
        self.position = self.body.len() - rest.len();
        self.index += 1;
        Ok(Some(record))
    }
}

impl Iterator for Records {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        self.done |= step.is_err();
        step.transpose()
    }
}

const fn offset_of(header: &BatchHeader, delta: i32) -> Offset {
    Offset(header.base_offset.0.wrapping_add(delta as i64))
}

const fn timestamp_of(header: &BatchHeader, delta: i64) -> Timestamp {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        // Wraps where Java's addition does; the sum of hostile numbers means nothing anyway.
        TimestampType::CreateTime => Timestamp(header.base_timestamp.0.wrapping_add(delta)),
    }
}

fn text(bytes: Bytes) -> ByteString {
    ByteString::try_from(bytes.clone()).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
}
