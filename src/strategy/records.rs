//! Records and batches of them.

use crate::base::Timestamp;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::Header;
use crate::wire::batch::Record;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::Just;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::strategy::Strategy;
use std::ops::Range;

/// Records with and without key, value and headers; keys are few, so that they repeat, as compaction and partitioners
/// need it. Their offset is 0.
///
/// Shrinks to a tombstone without key, without headers, from the year 1970.
/// ```
/// use proptest::prelude::*;
/// use rehearsal::strategy;
/// use rehearsal::wire::batch::BatchBuilder;
///
/// proptest!(|(record in strategy::records())| {
///     let mut builder = BatchBuilder::new();
///     builder.append_record(&record);
///     let batch = builder.build().unwrap();
///     prop_assert_eq!(batch.records().unwrap().next().unwrap().unwrap(), record);
/// });
/// ```
pub fn records() -> impl Strategy<Value = Record> {
    let key = prop_oneof![2 => (0..8_u8).prop_map(|n| Bytes::from(format!("k{n}"))), 1 => bytes(12)];
    let header = ("[a-z]{1,8}", option::of(bytes(12)));
    let header = header.prop_map(|(key, value)| Header { key: key.into(), value });
    let timestamp = prop_oneof![Just(0), 0..4_102_444_800_000_i64];
    let parts = (option::of(key), option::of(bytes(64)), vec(header, 0..3), timestamp);
    parts.prop_map(|(key, value, headers, timestamp)| Record {
        key,
        value,
        headers,
        timestamp: Timestamp(timestamp),
        ..Record::default()
    })
}

/// Valid batches of so many [`records`], uncompressed, of no idempotent producer, at offset 0.
///
/// # Panics
/// When `length` allows for none: there is no batch without records.
/// ```
/// use proptest::prelude::*;
/// use rehearsal::strategy;
///
/// proptest!(|(batch in strategy::batches(1..10))| {
///     prop_assert_eq!(batch.validate(), Ok(()));
///     prop_assert!((1..10).contains(&batch.records().unwrap().count()));
/// });
/// ```
pub fn batches(length: Range<usize>) -> impl Strategy<Value = Batch> {
    assert!(length.start > 0, "a batch has one record at least");
    vec(records(), length).prop_map(|records| {
        let mut builder = BatchBuilder::new();
        records.iter().for_each(|record| {
            builder.append_record(record);
        });
        builder.build().expect("there is a record, and all of them are small")
    })
}

fn bytes(length_max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=length_max).prop_map(Bytes::from)
}
