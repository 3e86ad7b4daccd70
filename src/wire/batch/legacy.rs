//! Message sets of magic 0 and 1, as producers before Kafka 0.11 wrote them: read, and converted up.
//!
//! Not here: writing them. Nothing down-converts since Kafka 4.0.

use super::Batch;
use super::BatchBuilder;
use super::BatchError;
use super::Record;
use super::RecordDefect;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::compression::Compression;
use bytes::Bytes;

/// Offset and size, which the size does not count.
const OVERHEAD: usize = 12;
const COMPRESSION: u8 = 0x07;
const LOG_APPEND_TIME: u8 = 0x08;

/// Reads all messages of a set, those inside compressed wrappers too; decompresses at most `limit` bytes in all.
///
/// Messages of magic 0 have no timestamp ([`Timestamp::NONE`]). An incomplete last message is ignored.
/// ```
/// use rehearsal::wire::batch::legacy;
/// let set = b"\0\0\0\0\0\0\0\x09\0\0\0\x0f\xd2\x0c\xbf\xf5\0\0\xff\xff\xff\xff\0\0\0\x01v";
/// let records = legacy::read(&bytes::Bytes::from_static(set), 1000)?;
/// assert_eq!((records[0].offset.0, records[0].value.as_deref()), (9, Some(&b"v"[..])));
/// # Ok::<(), rehearsal::wire::batch::BatchError>(())
/// ```
///
/// # Errors
/// [`BatchError::Magic`], [`BatchError::Length`], [`BatchError::Record`] for a wrong CRC or a malformed message, and
/// the codec's errors.
///
/// Source: `AbstractLegacyRecordBatch`, `LegacyRecord`.
pub fn read(set: &Bytes, limit: usize) -> Result<Vec<Record>, BatchError> {
    let mut out = Vec::new();
    let mut room = limit;
    let mut messages = Messages { rest: set.clone(), index: 0 };
    while let Some(message) = messages.next()? {
        match message.compression()? {
            Compression::None => out.push(message.into_record()),
            codec => {
                let index = messages.index - 1;
                let wrapper = RecordDefect::Wrapper;
                let packed = message.value.as_ref().ok_or(BatchError::Record { index, defect: wrapper })?;
                let inner = codec.decompress_legacy(packed, room)?;
                room -= inner.len();
                let inner = Messages { rest: inner.into(), index: 0 };
                inner.unwrap_into(&message, &mut out)?;
            }
        }
    }
    Ok(out)
}

/// Converts a set to one batch of magic 2 with the same codec; decompresses at most `limit` bytes in all.
///
/// Offsets are given anew from that of the first message. Without timestamps the batch has none (-1).
///
/// # Errors
/// As [`read`], and [`BatchError::Count`] for an empty set.
///
/// Source: `RecordsUtil.downConvert`'s counterpart in `LogValidator` (Kafka before 4.0).
pub fn convert_up(set: &Bytes, limit: usize) -> Result<Batch, BatchError> {
    let Some(first) = (Messages { rest: set.clone(), index: 0 }).next()? else {
        return Err(BatchError::Count { records_count: 0, last_offset_delta: -1 });
    };
    let records = read(set, limit)?;
    let base_offset = records.first().map_or(Offset(0), |record| record.offset);
    let mut builder = BatchBuilder::new().base_offset(base_offset).compression(first.compression()?);
    for record in &records {
        builder.append_record(record);
    }
    builder.build()
}

struct Message {
    offset: i64,
    magic: i8,
    attributes: u8,
    timestamp: Timestamp,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

struct Messages {
    rest: Bytes,
    index: i32,
}

impl Message {
    fn compression(&self) -> Result<Compression, BatchError> {
        let id = i16::from(self.attributes & COMPRESSION);
        Compression::from_id(id).ok_or(BatchError::UnknownCompression(id))
    }

    fn into_record(self) -> Record {
        let Self { offset, timestamp, key, value, .. } = self;
        Record { offset: Offset(offset), timestamp, key, value, headers: Vec::new() }
    }
}

impl Messages {
    /// Reads the messages inside of `wrapper`, whose offset is that of the last of them.
    fn unwrap_into(mut self, wrapper: &Message, out: &mut Vec<Record>) -> Result<(), BatchError> {
        let start = out.len();
        while let Some(mut message) = self.next()? {
            let index = self.index - 1;
            if message.compression()? != Compression::None || message.magic != wrapper.magic {
                return Err(BatchError::Record { index, defect: RecordDefect::Wrapper });
            }
            if wrapper.attributes & LOG_APPEND_TIME != 0 {
                message.timestamp = wrapper.timestamp;
            }
            out.push(message.into_record());
        }
        let Some(last) = out[start..].last().map(|record| record.offset.0) else {
            return Err(BatchError::Record { index: 0, defect: RecordDefect::Wrapper });
        };
        // With magic 1 the offsets inside are relative, and the broker only ever stamped the wrapper.
        if wrapper.magic == 1 {
            let shift = wrapper.offset.wrapping_sub(last);
            for record in &mut out[start..] {
                record.offset.0 = record.offset.0.wrapping_add(shift);
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Message>, BatchError> {
        let index = self.index;
        let Some(overhead) = self.rest.first_chunk::<OVERHEAD>() else {
            return Ok(None);
        };
        let [o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3] = *overhead;
        let offset = i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
        let length = i32::from_be_bytes([s0, s1, s2, s3]);
        // CRC, magic, attributes and two lengths.
        let size = usize::try_from(length).ok().filter(|&size| size >= 14).ok_or(BatchError::Length(length))?;
        if self.rest.len() < OVERHEAD + size {
            return Ok(None);
        }
        let mut bytes = self.rest.slice(OVERHEAD..OVERHEAD + size);
        let refuse = |defect| BatchError::Record { index, defect };
        let crc = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let (magic, attributes) = (i8::from_be_bytes([bytes[4]]), bytes[5]);
        if !matches!(magic, 0 | 1) {
            return Err(BatchError::Magic(magic));
        }
        if crc32(&bytes[4..]) != crc {
            return Err(refuse(RecordDefect::Crc));
        }
        bytes = bytes.slice(6..);
        let mut timestamp = Timestamp::NONE;
        if magic == 1 {
            let field = bytes.first_chunk().ok_or_else(|| refuse(RecordDefect::Overrun))?;
            timestamp = Timestamp(i64::from_be_bytes(*field));
            bytes = bytes.slice(8..);
        }
        let key = nullable(&mut bytes).map_err(refuse)?;
        let value = nullable(&mut bytes).map_err(refuse)?;
        if !bytes.is_empty() {
            return Err(refuse(RecordDefect::Unused(bytes.len())));
        }
        self.rest = self.rest.slice(OVERHEAD + size..);
        self.index = index.saturating_add(1);
        Ok(Some(Message { offset, magic, attributes, timestamp, key, value }))
    }
}

/// Cuts off a length of four bytes and that many more.
fn nullable(bytes: &mut Bytes) -> Result<Option<Bytes>, RecordDefect> {
    let length = i32::from_be_bytes(*bytes.first_chunk().ok_or(RecordDefect::Overrun)?);
    *bytes = bytes.slice(4..);
    let Ok(length) = usize::try_from(length) else {
        return Ok(None);
    };
    if length > bytes.len() {
        return Err(RecordDefect::Overrun);
    }
    Ok(Some(bytes.split_to(length)))
}

/// The CRC32 of gzip and Ethernet, which these formats have instead of CRC32C; slow and rarely needed.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        let mut first: u32 = 0;
        while i < 256 {
            let mut crc = first;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
            first += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, &byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(magic: i8, attributes: u8, offset: i64, timestamp: i64, value: &[u8]) -> Vec<u8> {
        let mut body = vec![magic.to_be_bytes()[0], attributes];
        if magic == 1 {
            body.extend(timestamp.to_be_bytes());
        }
        body.extend((-1i32).to_be_bytes());
        body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value);
        let size = i32::try_from(4 + body.len()).unwrap();
        [&offset.to_be_bytes()[..], &size.to_be_bytes(), &crc32(&body).to_be_bytes(), &body].concat()
    }

    fn check(set: Vec<u8>, expected: Result<Vec<(i64, i64)>, BatchError>) {
        let found =
            read(&set.into(), 1 << 20).map(|records| records.iter().map(|r| (r.offset.0, r.timestamp.0)).collect());
        assert_eq!(found, expected);
    }

    #[test]
    fn the_crc_is_the_one_everybody_knows() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn plain_messages_keep_offset_and_timestamp() {
        check([message(0, 0, 5, 0, b"a"), message(1, 0, 6, 77, b"b")].concat(), Ok(vec![(5, -1), (6, 77)]));
    }

    #[test]
    #[cfg(feature = "compression")]
    fn a_wrapper_numbers_its_messages_by_the_last() {
        let inner = [message(1, 0, 0, 10, b"a"), message(1, 0, 1, 20, b"b")].concat();
        let packed = Compression::Gzip.compress(&inner).unwrap();
        check(message(1, 1, 101, 20, &packed), Ok(vec![(100, 10), (101, 20)]));
        check(message(1, 1 | LOG_APPEND_TIME, 101, 99, &packed), Ok(vec![(100, 99), (101, 99)]));
    }

    #[test]
    fn defects_are_named() {
        let refuse = |defect| Err(BatchError::Record { index: 0, defect });
        let mut wrong_crc = message(1, 0, 0, 0, b"v");
        *wrong_crc.last_mut().unwrap() ^= 1;
        check(wrong_crc, refuse(RecordDefect::Crc));
        check(message(2, 0, 0, 0, b"v"), Err(BatchError::Magic(2)));
        check(message(1, 6, 0, 0, b"v"), Err(BatchError::UnknownCompression(6)));
        check(message(0, 0, 0, 0, b"v")[..20].to_vec(), Ok(vec![]));
        check(vec![0; 12], Err(BatchError::Length(0)));
    }

    #[test]
    fn conversion_keeps_the_records() {
        let set: Bytes = [message(1, 0, 5, 50, b"a"), message(1, 0, 6, 60, b"b")].concat().into();
        let batch = convert_up(&set, 1000).unwrap();
        batch.validate().unwrap();
        let converted: Vec<Record> = batch.records().unwrap().map(Result::unwrap).collect();
        assert_eq!(converted, read(&set, 1000).unwrap());
    }
}
