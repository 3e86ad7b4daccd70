//! Batches are built, taken apart, damaged.

use super::*;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::wire::compression::Compression;

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
