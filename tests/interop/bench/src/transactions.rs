//! How many transactions a second does our client commit, and librdkafka, against the same cluster of ours?

use crate::Options;
use crate::librdkafka;
use crate::ours;
use crate::process::cpu_seconds;
use crate::table::Table;
use crate::target::Kind;
use crate::target::TOPIC;
use crate::target::Target;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use rehearsal::client::ProducerRecord;
use rehearsal::client::TransactionalProducer;
use rehearsal::net::Endpoint;
use std::time::Duration;
use std::time::Instant;

const RECORDS: usize = 10;
const SIZE: usize = 100;
const PARTITIONS: u16 = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// Transactions per second, and per second of the client's CPU.
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
    table.section("f. transactions of 10 x 100 B, one after the other, against rehearsal: 1 broker, 6 partitions");
    let count = if options.quick { 500 } else { 3000 };
    let mut best = [Speed::default(); 2];
    for _ in 0..options.runs {
        for (client, own) in [(0, true), (1, false)] {
            let target = Target::start(Kind::Ours, 1, PARTITIONS);
            let bootstrap = target.bootstrap_servers();
            let speed = if own { with_ours(bootstrap, count) } else { with_librdkafka(bootstrap, count) };
            best[client].wall = best[client].wall.max(speed.wall);
            best[client].cpu = best[client].cpu.max(speed.cpu);
        }
    }
    let [own, other] = best;
    let remark = format!("{:>9.0}/CPU s  {:.2} x librdkafka", own.cpu, own.wall / other.wall);
    table.row("own client", "transactions/s", own.wall, &remark);
    table.row("librdkafka", "transactions/s", other.wall, &format!("{:>9.0}/CPU s", other.cpu));
}

fn with_ours(bootstrap_servers: &str, count: usize) -> Speed {
    async fn commit(producer: &mut TransactionalProducer, count: usize) {
        for _ in 0..count {
            let transaction = producer.begin().await.expect("the last one has ended");
            for _ in 0..RECORDS {
                transaction.send(ProducerRecord::new(TOPIC).value(vec![b'x'; SIZE])).await.expect("room in the buffer");
            }
            transaction.commit().await.expect("a commit");
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = ours::connect(&Endpoint::from(bootstrap_servers)).await;
        let mut producer = client.producer().transactional("own").init().await.expect("a transactional id");
        commit(&mut producer, 50).await;
        let own = std::process::id();
        let (cpu, started) = (cpu_seconds(own), Instant::now());
        commit(&mut producer, count).await;
        #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
        let count = count as f64;
        Speed { wall: count / started.elapsed().as_secs_f64(), cpu: count / (cpu_seconds(own) - cpu) }
    })
}

fn with_librdkafka(bootstrap_servers: &str, count: usize) -> Speed {
    fn commit(producer: &BaseProducer, count: usize) {
        let payload = [b'x'; SIZE];
        for _ in 0..count {
            producer.begin_transaction().expect("the last one has ended");
            for _ in 0..RECORDS {
                producer.send(BaseRecord::<(), [u8]>::to(TOPIC).payload(&payload[..])).expect("room in the queue");
            }
            // Each takes 100 ms here, whatever the broker does; confluent-kafka, on the same librdkafka, takes 3.
            producer.commit_transaction(PATIENCE).expect("a commit");
        }
    }
    let producer = librdkafka::producer(bootstrap_servers, &[("transactional.id", "librdkafka"), ("linger.ms", "0")]);
    producer.init_transactions(PATIENCE).expect("a transactional id");
    commit(&producer, 50);
    measure(count, || commit(&producer, count))
}
