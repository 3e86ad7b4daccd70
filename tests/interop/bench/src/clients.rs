//! Our client beside librdkafka's, against the same cluster of ours.

use crate::Options;
use crate::librdkafka;
use crate::ours;
use crate::process::cpu_seconds;
use crate::table::Table;
use crate::target::Kind;
use crate::target::Target;
use rehearsal::client::Acks;
use rehearsal::net::Endpoint;
use std::time::Instant;

const PARTITIONS: u16 = 6;

/// Records per second, and per second of the client's CPU.
#[derive(Clone, Copy, Default)]
struct Speed {
    wall: f64,
    cpu: f64,
}

fn measure(count: usize, work: impl FnOnce()) -> Speed {
    let own = std::process::id();
    let cpu = cpu_seconds(own);
    let started = Instant::now();
    work();
    #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
    let count = count as f64;
    Speed { wall: count / started.elapsed().as_secs_f64(), cpu: count / (cpu_seconds(own) - cpu) }
}

pub fn run(table: &mut Table, options: &Options) {
    table.section(
        "c. clients against rehearsal, 6 partitions, batch.size 128 KiB, linger 5 ms, acks=1: per client CPU second",
    );
    for size in [100, 1024] {
        let count = options.bytes / size / if size == 100 { 2 } else { 1 };
        let mut best = [[Speed::default(); 2]; 2];
        for _ in 0..options.runs {
            for (client, own) in [(0, true), (1, false)] {
                let target = Target::start(Kind::Ours, 1, PARTITIONS);
                let bootstrap = target.bootstrap_servers();
                let speeds =
                    if own { with_ours(bootstrap, count, size) } else { with_librdkafka(bootstrap, count, size) };
                for (best, speed) in best[client].iter_mut().zip(speeds) {
                    best.wall = best.wall.max(speed.wall);
                    best.cpu = best.cpu.max(speed.cpu);
                }
            }
        }
        for (work, what) in ["produce", "consume"].into_iter().enumerate() {
            let [own, other] = [best[0][work], best[1][work]];
            let remark = format!("{:>10.0} records/s  {:.2} x librdkafka", own.wall, own.cpu / other.cpu);
            table.row(&format!("{what} {size} B, own client"), "records/CPU s", own.cpu, &remark);
            let remark = format!("{:>10.0} records/s", other.wall);
            table.row(&format!("{what} {size} B, librdkafka"), "records/CPU s", other.cpu, &remark);
        }
    }
}

fn with_ours(bootstrap_servers: &str, count: usize, size: usize) -> [Speed; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(ours::connect(&Endpoint::from(bootstrap_servers)));
    let _entered = runtime.enter();
    let producer = ours::producer(&client, Acks::Leader);
    runtime.block_on(ours::produce(&producer, 1000, 1));
    let produced = measure(count, || runtime.block_on(ours::produce(&producer, count, size)));
    let consumed = measure(count, || {
        runtime.block_on(ours::consume(&client, count));
    });
    [produced, consumed]
}

fn with_librdkafka(bootstrap_servers: &str, count: usize, size: usize) -> [Speed; 2] {
    let settings = [("linger.ms", "5"), ("acks", "1"), ("batch.size", "131072")];
    let producer = librdkafka::producer(bootstrap_servers, &settings);
    librdkafka::produce(&producer, 1000, 1, None);
    let produced = measure(count, || librdkafka::produce(&producer, count, size, None));
    drop(producer);
    let consumed = measure(count, || {
        let consumer = librdkafka::consumer(bootstrap_servers, PARTITIONS.into(), &[]);
        librdkafka::consume(&consumer, count);
    });
    [produced, consumed]
}
