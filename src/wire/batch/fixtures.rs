//! Batches that Kafka's own classes wrote (`fixtures/batches/good`) and damaged ones (`fixtures/batches/bad`).
//!
//! The good ones come from `tests/interop/java-fixtures`; the bad ones are made here, when the environment variable
//! `UPDATE_FIXTURES` is set, and compared with the files otherwise.

use super::*;
use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/batches").join(format!("{name}.bin"))
}

fn fixture(name: &str) -> Bytes {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}")).into()
}

fn only(bytes: &Bytes) -> Batch {
    let batches: Vec<Batch> = Batch::split(bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), 1);
    batches.into_iter().next().unwrap()
}

/// The hundred records that the Java program writes.
fn expected() -> Vec<Record> {
    let record = |i: i64| {
        let x = "x".repeat(usize::try_from(i * 17 % 400).unwrap());
        let header = |h| match h {
            2 => Header { key: "header".into(), value: None },
            h => Header::new("header", format!("h{h}")),
        };
        Record {
            offset: Offset(1_000 + i),
            timestamp: Timestamp(1_700_000_000_000 + i * 37 % 101),
            key: (i % 3 != 0).then(|| format!("key-{i}").into()),
            value: (i % 7 != 0).then(|| format!("value-{i}-{x}").into()),
            headers: (0..i % 4).map(header).collect(),
        }
    };
    (0..100).map(record).collect()
}

fn build(compression: Compression) -> BatchBuilder {
    let mut builder =
        BatchBuilder::new().base_offset(Offset(1_000)).partition_leader_epoch(LeaderEpoch(5)).compression(compression);
    for record in expected() {
        builder.append_record(&record);
    }
    builder
}

fn check_good(name: &str, change: impl Fn(&mut Record)) -> Batch {
    let batch = only(&fixture(&format!("good/{name}")));
    batch.validate().unwrap();
    let found: Vec<Record> = batch.records().unwrap().collect::<Result<_, _>>().unwrap();
    let mut expected = expected();
    expected.iter_mut().for_each(change);
    assert_eq!(found, expected, "{name}");
    batch
}

#[test]
fn batches_of_kafka_are_read_in_every_codec() {
    for codec in Compression::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let batch = check_good(codec.name(), |_| {});
        assert_eq!(batch.header.compression(), Ok(codec));
    }
    let batch = check_good("log-append-time", |record| record.timestamp = Timestamp(1_700_000_009_999));
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    let batch = check_good("transactional", |_| {});
    assert!(batch.header.is_transactional());
    assert_eq!((batch.header.base_sequence, batch.header.last_sequence()), (i32::MAX - 9, 89));
}

#[test]
fn uncompressed_batches_equal_those_of_kafka_byte_by_byte() {
    fn check(name: &str, builder: BatchBuilder) {
        assert_eq!(builder.build().unwrap().to_bytes(), fixture(&format!("good/{name}")), "{name}");
    }
    let plain = build(Compression::None);
    check("none", plain.clone());
    check("log-append-time", plain.clone().log_append_time(Timestamp(1_700_000_009_999)));
    check("transactional", plain.producer(ProducerId(7), ProducerEpoch(1), i32::MAX - 9).transactional(true));
}

#[test]
fn transaction_markers_equal_those_of_kafka_byte_by_byte() {
    for (name, control_type) in [("commit", ControlType::Commit), ("abort", ControlType::Abort)] {
        let marker = ControlRecord { control_type, coordinator_epoch: 9 };
        let bytes = fixture(&format!("good/control-{name}"));
        assert_eq!(ControlRecord::read(&only(&bytes)), Ok(marker));
        let time = Timestamp(1_700_000_000_000);
        let batch = marker.to_batch(Offset(42), time, LeaderEpoch(3), ProducerId(7), ProducerEpoch(1));
        assert_eq!(batch.unwrap().to_bytes(), bytes);
    }
}

#[test]
fn legacy_message_sets_of_kafka_are_read_and_converted() {
    for codec in Compression::ALL.into_iter().filter(|codec| codec.is_built_in() && *codec != Compression::Zstd) {
        for magic in [0, 1] {
            let name = format!("good/magic{magic}-{codec}");
            let mut expected = expected();
            for record in &mut expected {
                record.headers.clear();
                if magic == 0 {
                    record.timestamp = Timestamp::NONE;
                }
            }
            assert_eq!(legacy::read(&fixture(&name), 1 << 20), Ok(expected.clone()), "{name}");
            let batch = legacy::convert_up(&fixture(&name), 1 << 20).unwrap();
            batch.validate().unwrap();
            let converted: Vec<Record> = batch.records().unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(converted, expected, "{name}");
        }
    }
}

/// Every damaged file, how it comes from `good/none`, and what Kafka answers to it; only the gap it would mend.
#[test]
fn damaged_batches_are_refused_with_the_code_of_kafka() {
    fn check(name: &str, seal: bool, code: ErrorCode, damage: impl Fn(&mut Vec<u8>)) {
        let mut bytes = fixture("good/none").to_vec();
        damage(&mut bytes);
        if seal {
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        let name = format!("bad/{name}");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(path(&name), &bytes).unwrap();
        }
        assert_eq!(fixture(&name), bytes, "{name} is stale: run this test with UPDATE_FIXTURES=1");
        let refused = Batch::split(&bytes.into()).try_for_each(|batch| batch?.validate());
        assert_eq!(refused.map_err(|error| error.error_code()), Err(code), "{name}");
    }
    check("wrong-crc", false, ErrorCode::CORRUPT_MESSAGE, |b| b[17] ^= 0xff);
    check("flipped-value-byte", false, ErrorCode::CORRUPT_MESSAGE, |b| b[1_000] ^= 1);
    check("magic-3", false, ErrorCode::CORRUPT_MESSAGE, |b| b[16] = 3);
    check("magic-negative", false, ErrorCode::CORRUPT_MESSAGE, |b| b[16] = 0xff);
    check("length-negative", false, ErrorCode::CORRUPT_MESSAGE, |b| b[8] = 0xff);
    check("length-shorter-than-header", false, ErrorCode::CORRUPT_MESSAGE, |b| {
        b[8..12].copy_from_slice(&[0, 0, 0, 20])
    });
    check("length-too-long", false, ErrorCode::INVALID_RECORD, |b| b[8] = 0x7f);
    check("truncated", false, ErrorCode::INVALID_RECORD, |b| b.truncate(5_000));
    check("truncated-in-header", false, ErrorCode::INVALID_RECORD, |b| b.truncate(40));
    check("count-too-high", true, ErrorCode::INVALID_RECORD, |b| (b[26], b[60]) = (100, 101));
    check("count-too-low", true, ErrorCode::INVALID_RECORD, |b| (b[26], b[60]) = (98, 99));
    check("count-against-last-offset-delta", true, ErrorCode::INVALID_RECORD, |b| b[60] = 99);
    check("count-negative", true, ErrorCode::INVALID_RECORD, |b| b[57] = 0xff);
    check("record-length-negative", true, ErrorCode::INVALID_RECORD, |b| b[61] = 1);
    check("record-offset-delta-gap", true, ErrorCode::INVALID_RECORD, |b| b[64] = 4);
    check("key-length-beyond-record", true, ErrorCode::INVALID_RECORD, |b| b[65] = 0x7e);
}

/// Writes what our codecs make of the hundred records, for `Fixtures --read` of the Java program.
#[test]
#[ignore = "writes files for a Java program: `.ci/run kafka` runs both"]
fn batches_are_written_for_kafka_to_read() {
    let folder = PathBuf::from(std::env::var_os("BATCHES_OUT").expect("BATCHES_OUT names a folder"));
    for codec in Compression::ALL {
        let batch = build(codec).build().unwrap();
        std::fs::write(folder.join(format!("{codec}.bin")), batch.to_bytes()).unwrap();
    }
}
