//! What does the log itself cost: an append beside its CRC, and a fetch of 1 MiB?

use bytes::Bytes;
use criterion::BatchSize;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::TopicName;
use rehearsal::base::BrokerId;
use rehearsal::base::Offset;
use rehearsal::base::PartitionIndex;
use rehearsal::base::Timestamp;
use rehearsal::config::TopicConfig;
use rehearsal::log::AppendOrigin;
use rehearsal::log::Isolation;
use rehearsal::log::OffsetSpec;
use rehearsal::log::PartitionLog;
use rehearsal::log::ReadLimit;
use rehearsal::wire::batch::BatchBuilder;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const CLIENT: AppendOrigin = AppendOrigin::Client { produce_version: 9 };

fn partition(replicas: i32) -> PartitionLog {
    let brokers: Vec<BrokerId> = (0..replicas).map(BrokerId).collect();
    let topic = TopicName::new("orders").expect("a legal name");
    PartitionLog::new(topic, PartitionIndex(0), TopicConfig::default().into(), &brokers)
}

fn records(count: usize, size: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    for at in 0..count {
        let time = i64::try_from(at).expect("a small count");
        builder.append(Timestamp(NOW.0 + time), Some(b"key"), Some(&vec![7; size]), &[]);
    }
    builder.build().expect("nothing to compress").to_bytes()
}

fn append(log: &mut PartitionLog, records: &Bytes) {
    log.append(BrokerId(0), NOW, records, CLIENT, -1).expect("a good batch");
}

fn appending(c: &mut Criterion) {
    for (replicas, count) in [(1, 1), (3, 1), (1, 100), (3, 100)] {
        let batch = records(count, 100);
        c.bench_function(&format!("append/{count} records to {replicas} replicas, x1000"), |b| {
            b.iter_batched_ref(
                || partition(replicas),
                |log| (0..1_000).for_each(|_| append(log, &batch)),
                BatchSize::LargeInput,
            );
        });
    }
}

fn reading(c: &mut Criterion) {
    let limit = ReadLimit { max_bytes: 1 << 20, min_one: true };
    for count in [1, 160] {
        let batch = records(count, 100);
        let mut log = partition(1);
        (0..(8 << 20) / batch.len()).for_each(|_| append(&mut log, &batch));
        let middle = Offset(log.log_end_offset().0 / 2);
        c.bench_function(&format!("read/1 MiB in batches of {count}"), |b| {
            b.iter(|| log.read(BrokerId(0), middle, Isolation::ReadUncommitted, limit).expect("in range"));
        });
        c.bench_function(&format!("offset for a timestamp/batches of {count}"), |b| {
            b.iter(|| log.list_offset(OffsetSpec::Timestamp(NOW), Isolation::ReadUncommitted));
        });
    }
}

criterion_group!(log, appending, reading);
criterion_main!(log);
