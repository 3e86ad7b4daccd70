//! Batches are built, taken apart, damaged.

use super::*;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use proptest::prelude::*;

/// A batch of three records with everything that a record can have.
fn three(codec: Compression) -> Batch {
    let mut builder = BatchBuilder::new().compression(codec).base_offset(Offset(100));
    builder.append(Timestamp(1_000), Some(b"key"), Some(b"value"), &[]);
    builder.append(Timestamp(900), None, None, &[]);
    let headers = [Header::new("h", "1"), Header::new("h", "2"), Header { key: "".into(), value: None }];
    builder.append(Timestamp(1_100), Some(b""), Some(b""), &headers);
    builder.build().unwrap()
}

#[test]
fn records_come_back_as_they_went_in() {
    for codec in Compression::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let batch = three(codec);
        assert_eq!(batch.validate(), Ok(()), "{codec}");
        assert_eq!(batch.header.max_timestamp, Timestamp(1_100));
        let records: Vec<Record> = batch.records().unwrap().collect::<Result<_, _>>().unwrap();
        let offsets: Vec<i64> = records.iter().map(|record| record.offset.0).collect();
        let timestamps: Vec<i64> = records.iter().map(|record| record.timestamp.0).collect();
        assert_eq!((offsets, timestamps), (vec![100, 101, 102], vec![1_000, 900, 1_100]));
        assert_eq!((records[0].key.as_deref(), records[1].value.as_deref()), (Some(&b"key"[..]), None));
        let headers: Vec<_> = records[2].headers.iter().map(|h| (&*h.key, h.value.as_deref())).collect();
        assert_eq!(headers, [("h", Some(&b"1"[..])), ("h", Some(&b"2"[..])), ("", None)]);
    }
}

#[test]
fn an_uncompressed_batch_has_the_known_bytes() {
    let mut builder = BatchBuilder::new().producer(ProducerId(5), ProducerEpoch(6), 7);
    builder.append(Timestamp(10), Some(b"k"), Some(b"v"), &[Header::new("h", "x")]);
    let batch = builder.build().unwrap();
    // length, attributes, deltas, key, value, one header of key and value
    assert_eq!(batch.body, b"\x18\0\0\0\x02k\x02v\x02\x02h\x02x"[..]);
    assert_eq!(BatchHeader::read(&batch.to_bytes()), Ok(batch.header));
    assert_eq!(batch.header.size_in_bytes(), batch.to_bytes().len());
}

fn check_defect(damage: impl FnOnce(&mut Vec<u8>), expected: BatchError) {
    let mut bytes = three(Compression::None).to_bytes().to_vec();
    damage(&mut bytes);
    let found = Batch::split(&bytes.into()).try_for_each(|batch| batch?.validate());
    assert_eq!(found, Err(expected));
}

/// Changes bytes and makes the CRC right again, so that what comes behind the CRC is reached.
fn sealed(change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&mut Vec<u8>) {
    |bytes| {
        change(bytes);
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

#[test]
fn every_defect_has_its_name() {
    let whole = three(Compression::None);
    let (size, body) = (whole.size_in_bytes(), whole.body.len());
    let record = |index, defect| BatchError::Record { index, defect };
    check_defect(|b| b.truncate(size - 1), BatchError::Truncated { needed: size, available: size - 1 });
    check_defect(|b| b.truncate(16), BatchError::Truncated { needed: HEADER_SIZE, available: 16 });
    check_defect(|b| b.push(0), BatchError::Truncated { needed: HEADER_SIZE, available: 1 });
    check_defect(|b| b[16] = 3, BatchError::Magic(3));
    check_defect(|b| b[16] = 1, BatchError::Magic(1));
    check_defect(|b| b[8] = 0xff, BatchError::Length((0xff << 24) + whole.header.batch_length));
    check_defect(|b| b[11] = 13, BatchError::Length(13));
    check_defect(|b| b[11] = 48, BatchError::Length(48));
    let stored = whole.header.crc;
    check_defect(|b| b[17] ^= 1, BatchError::Crc { stored: stored ^ 0x0100_0000, computed: stored });
    check_defect(sealed(|b| b[22] = 5), BatchError::UnknownCompression(5));
    check_defect(sealed(|b| b[60] = 4), BatchError::Count { records_count: 4, last_offset_delta: 2 });
    check_defect(sealed(|b| b[57] = 0xff), BatchError::Count { records_count: -16_777_213, last_offset_delta: 2 });
    check_defect(
        sealed(|b| (b[26], b[60]) = (3, 4)),
        record(3, RecordDefect::Varint(crate::wire::varint::VarintError::Truncated)),
    );
    let last_two = sealed(|b: &mut Vec<u8>| (b[26], b[60]) = (1, 2));
    check_defect(last_two, BatchError::TrailingBytes(body - 15 - 8));
    check_defect(sealed(|b| b[61] = 1), record(0, RecordDefect::Length(-1)));
    check_defect(sealed(|b| b[64] = 2), record(0, RecordDefect::OffsetDelta(1)));
    check_defect(sealed(|b| b[65] = 60), record(0, RecordDefect::Overrun));
    check_defect(sealed(|b| b[75] = 1), record(0, RecordDefect::HeadersCount(-1)));
}

#[test]
fn a_partial_tail_ends_a_fetch_answer_silently() {
    let whole = three(Compression::None).to_bytes();
    for cut in 0..whole.len() {
        let bytes: Bytes = [&whole[..], &whole[..cut]].concat().into();
        assert_eq!(Batch::split(&bytes).ignoring_partial_tail().map(Result::unwrap).count(), 1, "{cut}");
        assert_eq!(Batch::split(&bytes).filter(Result::is_err).count(), usize::from(cut > 0), "{cut}");
    }
}

#[test]
fn stamping_moves_the_batch_and_keeps_it_valid() {
    let mut batch = three(Compression::None);
    let body = batch.body.as_ptr();
    batch.stamp(Offset(500), LeaderEpoch(7));
    batch.validate().unwrap();
    batch.stamp_log_append_time(Timestamp(9_999));
    batch.validate().unwrap();
    assert_eq!(batch.body.as_ptr(), body, "the body is not copied");
    let records: Vec<_> = batch.records().unwrap().map(|r| r.map(|r| (r.offset.0, r.timestamp.0))).collect();
    assert_eq!(records, [Ok((500, 9_999)), Ok((501, 9_999)), Ok((502, 9_999))]);
}

#[test]
fn sequences_wrap_to_zero() {
    let mut header = three(Compression::None).header;
    let mut check = |base_sequence, expected| {
        header.base_sequence = base_sequence;
        assert_eq!(header.last_sequence(), expected);
    };
    check(-1, -1);
    check(0, 2);
    check(i32::MAX - 2, i32::MAX);
    check(i32::MAX - 1, 0);
}

#[test]
fn a_delete_horizon_is_set_once_and_keeps_the_timestamps() {
    let batch = three(Compression::None);
    let timestamps = |batch: &Batch| -> Vec<i64> { batch.records().unwrap().map(|r| r.unwrap().timestamp.0).collect() };
    let compacted = batch.retain(1_000, Some(Timestamp(50_000)), |record| record.offset.0 != 101).unwrap();
    assert_eq!(compacted.header.delete_horizon(), Some(Timestamp(50_000)));
    assert_eq!(timestamps(&compacted), [1_000, 1_100]);
    assert_eq!(compacted.verify(), Ok(()));
    let again = compacted.retain(1_000, Some(Timestamp(60_000)), |record| record.offset.0 == 102).unwrap();
    assert_eq!(again.header.delete_horizon(), Some(Timestamp(50_000)));
    assert_eq!((again.header.last_offset(), timestamps(&again)), (Offset(102), vec![1_100]));
    let empty = again.retain(1_000, None, |_| false).unwrap();
    assert_eq!((empty.verify(), empty.header.records_count, empty.records().unwrap().count()), (Ok(()), 0, 0));
}

#[test]
fn a_bomb_is_refused_when_it_is_looked_at() {
    let codecs = Compression::ALL.into_iter().filter(|codec| codec.is_built_in() && *codec != Compression::None);
    for codec in codecs {
        let mut builder = BatchBuilder::new().compression(codec);
        builder.append(Timestamp(0), None, Some(&vec![0; 1 << 20]), &[]);
        let bomb = builder.build().unwrap();
        assert!(bomb.size_in_bytes() < 1 << 17);
        assert_eq!(bomb.validate(), Ok(()), "compressed records are opaque");
        let refused = bomb.walk(1 << 20, |_| ControlFlow::Continue(()));
        assert_eq!(refused.map_err(|e| e.error_code()), Err(crate::base::ErrorCode::MESSAGE_TOO_LARGE), "{codec}");
    }
}

type Parts = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn any_records() -> impl Strategy<Value = Vec<Parts>> {
    let headers = prop::collection::vec((".{0,4}", any::<Option<Vec<u8>>>()), 0..3);
    prop::collection::vec((any::<i64>(), any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>(), headers), 1..12)
}

fn batch_of(records: &[Parts], codec: Compression) -> (Batch, Vec<Record>) {
    let mut builder = BatchBuilder::new().compression(codec);
    let mut expected = Vec::new();
    for (offset, (timestamp, key, value, headers)) in (0..).zip(records) {
        let bytes = |field: &Option<Vec<u8>>| field.clone().map(Bytes::from);
        let headers = headers.iter().map(|(key, value)| Header { key: key.clone().into(), value: bytes(value) });
        let record = Record {
            offset: Offset(offset),
            timestamp: Timestamp(*timestamp),
            key: bytes(key),
            value: bytes(value),
            headers: headers.collect(),
        };
        let before = builder.size_in_bytes();
        let bound = BatchBuilder::size_of_record(record.key.as_deref(), record.value.as_deref(), &record.headers);
        let after = builder.append_record(&record);
        assert!(after - before <= bound);
        expected.push(record);
    }
    (builder.build().unwrap(), expected)
}

/// Looks at a batch in every way there is; returns whether it was accepted.
fn look(bytes: &Bytes) -> bool {
    let mut accepted = true;
    for batch in Batch::split(bytes) {
        let Ok(batch) = batch else { return false };
        accepted &= batch.validate().is_ok();
        let _ = batch.walk(10_000, |record| {
            record.headers().count();
            ControlFlow::Continue(())
        });
        if let Ok(records) = batch.records_within(10_000) {
            records.for_each(drop);
        }
        let _ = batch.retain(10_000, None, |record| record.key.is_some());
        let _ = ControlRecord::read(&batch);
        assert_eq!(BatchHeader::read(&batch.to_bytes()), Ok(batch.header));
    }
    let _ = legacy::read(bytes, 10_000);
    accepted
}

proptest! {
    #[test]
    fn records_survive_every_codec(records in any_records(), codec in 0i16..5) {
        let codec = Compression::from_id(codec).filter(|codec| codec.is_built_in()).unwrap_or_default();
        let (batch, expected) = batch_of(&records, codec);
        let bytes = batch.to_bytes();
        let split: Vec<Batch> = Batch::split(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(&split, std::slice::from_ref(&batch));
        prop_assert_eq!(split[0].validate(), Ok(()));
        let found: Vec<Record> = split[0].records().unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(batch.retain(1 << 20, None, |_| true), Ok(batch));
    }

    #[test]
    fn any_bytes_are_looked_at_without_panic(bytes: Vec<u8>) {
        look(&bytes.into());
    }

    #[test]
    fn any_body_behind_a_good_header_is_looked_at_without_panic(body: Vec<u8>, count in 0i32..9, codec in 0i16..8) {
        let mut header = three(Compression::None).header;
        header.attributes = Attributes(codec);
        header.records_count = count;
        header.last_offset_delta = count - 1;
        header.batch_length = i32::try_from(49 + body.len()).unwrap();
        let mut batch = Batch { header, body: body.into() };
        batch.header.crc = batch.computed_crc();
        look(&batch.to_bytes());
    }

    #[test]
    fn a_damaged_batch_is_refused(records in any_records(), at: prop::sample::Index, bits in 1u8.., codec in 0i16..5) {
        let codec = Compression::from_id(codec).filter(|codec| codec.is_built_in()).unwrap_or_default();
        let mut bytes = batch_of(&records, codec).0.to_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        // Base offset and leader epoch are the broker's to change, so nothing protects them.
        prop_assert_eq!(look(&bytes.into()), at < 8 || (12..16).contains(&at));
    }
}
