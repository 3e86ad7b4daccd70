//! What does a batch cost on its way through the broker: 100 records of 100 bytes?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use bytes::Bytes;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::base::Timestamp;
use rehearsal::wire::batch::Batch;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::compression::Compression;
use std::hint::black_box;
use std::ops::ControlFlow;

fn build(codec: Compression) -> Batch {
    let mut builder = BatchBuilder::new().compression(codec);
    for i in 0..100u8 {
        // Half of it repeats, as real records do.
        let value: Vec<u8> = (0..100u8).map(|n| if n < 50 { n } else { n.wrapping_mul(i) }).collect();
        builder.append(Timestamp(1_700_000_000_000 + i64::from(i)), None, Some(&value), &[]);
    }
    builder.build().expect("the codec is built in")
}

fn batch(c: &mut Criterion) {
    let bytes: Bytes = build(Compression::None).to_bytes();
    let batch = Batch::split(&bytes).next().expect("one batch").expect("a good one");
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(100));
    group.bench_function("split and validate", |b| {
        b.iter(|| Batch::split(black_box(&bytes)).try_for_each(|batch| batch?.validate()));
    });
    group.bench_function("walk", |b| {
        b.iter(|| {
            let mut sum = 0;
            batch
                .walk(usize::MAX, |record| {
                    sum += record.timestamp.0;
                    ControlFlow::Continue(())
                })
                .map(|()| sum)
        });
    });
    group.bench_function("records", |b| b.iter(|| batch.records().map(|records| records.count())));
    for codec in Compression::ALL {
        let packed = build(codec);
        group.bench_function(format!("build {codec}"), |b| b.iter(|| build(codec)));
        group.bench_function(format!("read {codec}"), |b| b.iter(|| packed.records().map(|records| records.count())));
    }
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
