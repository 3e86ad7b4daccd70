//! Records as they stand in an uncompressed body, read in place.

use super::BatchError;
use super::RecordDefect;
use crate::wire::varint;

/// A record's parts, before offset and timestamp are worked out.
#[derive(Clone, Copy)]
pub(super) struct RawRecord<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers_count: i32,
    /// The headers' bytes, already walked once.
    pub(super) headers: &'a [u8],
    /// The whole record with its length field, in bytes.
    pub(super) size: usize,
}

/// Steps through a body, record by record, and at the end asks for the body to be used up.
pub(super) struct Walk<'a> {
    rest: &'a [u8],
    index: i32,
    count: i32,
}

impl<'a> Walk<'a> {
    /// # Errors
    /// [`BatchError::Count`] when `count` is negative.
    pub(super) const fn new(body: &'a [u8], count: i32) -> Result<Self, BatchError> {
        if count < 0 {
            return Err(BatchError::Count { records_count: count, last_offset_delta: count });
        }
        Ok(Self { rest: body, index: 0, count })
    }

    /// The next record, or `None` behind the last.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<RawRecord<'a>>, BatchError> {
        if self.index == self.count {
            let left = self.rest.len();
            return if left == 0 { Ok(None) } else { Err(BatchError::TrailingBytes(left)) };
        }
        let index = self.index;
        let record = record(&mut self.rest).map_err(|defect| BatchError::Record { index, defect })?;
        self.index += 1;
        Ok(Some(record))
    }
}

/// Proves that `count` records with the offset deltas 0, 1, 2 … fill `body`.
pub(super) fn check_consecutive(body: &[u8], count: i32) -> Result<(), BatchError> {
    let mut walk = Walk::new(body, count)?;
    let mut index = 0;
    while let Some(record) = walk.next()? {
        if record.offset_delta != index {
            return Err(BatchError::Record { index, defect: RecordDefect::OffsetDelta(record.offset_delta) });
        }
        index += 1;
    }
    Ok(())
}

/// Cuts one record off the front.
#[inline]
pub(super) fn record<'a>(bytes: &mut &'a [u8]) -> Result<RawRecord<'a>, RecordDefect> {
    let before = bytes.len();
    let length = varint::read_i32(bytes)?;
    let (mut body, rest) = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.split_at_checked(length))
        .ok_or(RecordDefect::Length(length))?;
    // The attributes of a record have no meaning yet, and a reader skips them.
    body = body.get(1..).ok_or(RecordDefect::Length(length))?;
    let timestamp_delta = varint::read_i64(&mut body)?;
    let offset_delta = varint::read_i32(&mut body)?;
    let key = nullable(&mut body)?;
    let value = nullable(&mut body)?;
    let headers_count = varint::read_i32(&mut body)?;
    if headers_count < 0 {
        return Err(RecordDefect::HeadersCount(headers_count));
    }
    let headers = body;
    for _ in 0..headers_count {
        header(&mut body)?;
    }
    if !body.is_empty() {
        return Err(RecordDefect::Unused(body.len()));
    }
    *bytes = rest;
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, headers_count, headers, size: before - rest.len() })
}

/// Cuts one header off the front: key and value.
#[inline]
pub(super) fn header<'a>(bytes: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), RecordDefect> {
    let key = nullable(bytes)?.ok_or(RecordDefect::HeaderKey)?;
    Ok((key, nullable(bytes)?))
}

/// Cuts off a length and that many bytes; any negative length is null, as it is to Kafka.
#[inline]
fn nullable<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordDefect> {
    let length = varint::read_i32(bytes)?;
    let Ok(length) = usize::try_from(length) else {
        return Ok(None);
    };
    let (field, rest) = bytes.split_at_checked(length).ok_or(RecordDefect::Overrun)?;
    *bytes = rest;
    Ok(Some(field))
}
