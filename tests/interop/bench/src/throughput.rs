//! Records and bytes per second, and what they cost the cluster's processes.

use crate::Options;
use crate::librdkafka;
use crate::process::Server;
use crate::process::cpu_seconds_of_threads;
use crate::raw;
use crate::table::Table;
use crate::target::Kind;
use crate::target::Target;
use std::process::Command;
use std::time::Instant;

const PARTITIONS: u16 = 32;
/// So little for each partition that librdkafka's mock, which keeps 5 MB, still has all of it: what it forgets it need
/// not find memory for, and fresh memory is most of what writing costs.
const PARTITION_BYTES: usize = 4 << 20;

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu: f64,
    bytes: f64,
}

/// Measures work that says how many bytes it moved.
fn measure(target: &Target, work: impl FnOnce() -> usize) -> Cost {
    let cpu = target.cpu_seconds();
    let started = Instant::now();
    let bytes = work();
    #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
    let bytes = bytes as f64;
    Cost { seconds: started.elapsed().as_secs_f64(), cpu: target.cpu_seconds() - cpu, bytes }
}

/// Measures all kinds in turns, so that what else the machine does hits all alike; keeps the quickest run of each.
fn in_turns(kinds: &[Kind], runs: usize, mut once: impl FnMut(Kind) -> Cost) -> Vec<(Kind, Cost)> {
    let mut best: Vec<(Kind, Cost)> = Vec::new();
    for _ in 0..runs {
        for &kind in kinds {
            let cost = once(kind);
            match best.iter_mut().find(|(other, _)| *other == kind) {
                None => best.push((kind, cost)),
                Some((_, least)) => {
                    least.seconds = least.seconds.min(cost.seconds);
                    least.cpu = least.cpu.min(cost.cpu);
                }
            }
        }
    }
    best
}

fn rows(table: &mut Table, what: &str, record: usize, costs: &[(Kind, Cost)]) {
    let speed = |cost: &Cost| cost.bytes / cost.seconds;
    let thrift = |cost: &Cost| cost.bytes / cost.cpu;
    let ours = costs.iter().find(|(kind, _)| *kind == Kind::Ours).expect("it is always measured").1;
    for (kind, cost) in costs {
        #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
        let records = speed(cost) / record as f64;
        let mut remark = format!("{records:>9.0}/s {:>7.0} MB/CPU s", thrift(cost) / 1e6);
        if *kind != Kind::Ours {
            let (speed, thrift) = (speed(&ours) / speed(cost), thrift(&ours) / thrift(cost));
            remark += &format!("   rehearsal: {speed:.2} x as fast, {thrift:.2} x per CPU second");
        }
        table.row(&format!("{what}, {}", kind.name()), "MB/s", speed(cost) / 1e6, &remark);
    }
}

/// librdkafka's clients against each cluster.
pub fn librdkafka(table: &mut Table, options: &Options) {
    table.section("b. throughput over TCP, one librdkafka client, 1 broker, 32 partitions (best of several runs)");
    let kinds = options.kinds();
    for size in [100, 1024] {
        let count = usize::from(PARTITIONS) * (PARTITION_BYTES / size / 500 * 500);
        for acks in ["1", "all"] {
            let costs = in_turns(&kinds, options.runs, |kind| {
                let target = Target::start(kind, 1, PARTITIONS);
                let producer = librdkafka::producer(target.bootstrap_servers(), &[("linger.ms", "5"), ("acks", acks)]);
                librdkafka::produce(&producer, usize::from(PARTITIONS) * 500, 1, Some(PARTITIONS.into()));
                measure(&target, || {
                    librdkafka::produce(&producer, count, size, None);
                    count * size
                })
            });
            rows(table, &format!("produce {size} B, acks={acks}"), size, &costs);
        }
        let costs = in_turns(&kinds, options.runs, |kind| {
            let target = Target::start(kind, 1, PARTITIONS);
            let producer = librdkafka::producer(target.bootstrap_servers(), &[("linger.ms", "5"), ("acks", "1")]);
            librdkafka::produce(&producer, count, size, Some(PARTITIONS.into()));
            measure(&target, || {
                let consumer = librdkafka::consumer(target.bootstrap_servers(), PARTITIONS.into(), &[]);
                librdkafka::consume(&consumer, count);
                count * size
            })
        });
        rows(table, &format!("fetch {size} B"), size, &costs);
    }
}

/// A client that moves bytes only, against each cluster and against a plain loopback.
pub fn raw(table: &mut Table, options: &Options) {
    table.section("d. the clusters' own limit: a client that only moves bytes, one connection");
    let kinds = options.kinds();
    let partition = |at: usize| at % usize::from(PARTITIONS);
    for (records, size, window, count) in [(1, 100, 8, 40_000), (1000, 100, 4, 1100), (1000, 1000, 4, 120)] {
        let batch = raw::batch(records, size);
        let requests: Vec<Vec<u8>> =
            (0..usize::from(PARTITIONS)).map(|at| raw::produce_request(at, &batch, 1)).collect();
        let costs = in_turns(&kinds, options.runs, |kind| {
            let target = Target::start(kind, 1, PARTITIONS);
            raw::exchange(target.bootstrap_servers(), window, 64, |at| requests[partition(at)].clone());
            measure(&target, || {
                raw::exchange(target.bootstrap_servers(), window, count, |at| requests[partition(at)].clone());
                count * batch.len()
            })
        });
        let what = format!("produce requests of {records} x {size} B");
        rows(table, &what, batch.len() / records, &costs);
    }
    for (records, size) in [(1000, 100), (100, 1024)] {
        let batch = raw::batch(records, size);
        let per_fetch = (1 << 20) / batch.len();
        let max_bytes = per_fetch * batch.len();
        let fetches = PARTITION_BYTES / max_bytes;
        let count = if options.quick { 500 } else { 4000 };
        let request = |at: usize| {
            let fetch = at / usize::from(PARTITIONS) % fetches;
            raw::fetch_request(partition(at), fetch * per_fetch * records, max_bytes)
        };
        let costs = in_turns(&kinds, options.runs, |kind| {
            let target = Target::start(kind, 1, PARTITIONS);
            raw::exchange(target.bootstrap_servers(), 4, fetches * per_fetch * usize::from(PARTITIONS), |at| {
                raw::produce_request(partition(at), &batch, 1)
            });
            raw::exchange(target.bootstrap_servers(), 2, 64, request);
            measure(&target, || raw::exchange(target.bootstrap_servers(), 2, count, request))
        });
        rows(table, &format!("fetch 1 MiB of {records} x {size} B"), batch.len() / records, &costs);
        let ours = costs.iter().find(|(kind, _)| *kind == Kind::Ours).expect("it is always measured").1;
        #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
        let (asked, got) = ((count * max_bytes) as f64, ours.bytes);
        assert!(got >= asked, "every fetch was answered in full: {got} < {asked}");
        let plain = plain(max_bytes, count, options.runs, request);
        let (time, cpu) = (plain.bytes / plain.seconds * ours.seconds / got, plain.bytes / plain.cpu * ours.cpu / got);
        let remark = format!(
            "{:>21.0} MB/CPU s   rehearsal: {time:.2} x the time, {cpu:.2} x the CPU (target 1.5)",
            plain.bytes / plain.cpu / 1e6
        );
        table.row("the same by plain write and read", "MB/s", plain.bytes / plain.seconds / 1e6, &remark);
    }
}

fn plain(size: usize, count: usize, runs: usize, request: impl Fn(usize) -> Vec<u8> + Copy) -> Cost {
    let own = std::env::current_exe().expect("this program is a file");
    let mut best = Cost { seconds: f64::INFINITY, cpu: f64::INFINITY, bytes: 0.0 };
    for _ in 0..runs {
        let server = Server::start(Command::new(&own).args(["serve-loopback", &size.to_string()]));
        raw::exchange(server.bootstrap_servers(), 2, 64, request);
        let cpu = cpu_seconds_of_threads(server.pid());
        let started = Instant::now();
        let bytes = raw::exchange(server.bootstrap_servers(), 2, count, request);
        #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
        let bytes = bytes as f64;
        best.bytes = bytes;
        best.seconds = best.seconds.min(started.elapsed().as_secs_f64());
        best.cpu = best.cpu.min(cpu_seconds_of_threads(server.pid()) - cpu);
    }
    best
}
