//! From nothing to a record that was written and read again.

use crate::Options;
use crate::librdkafka;
use crate::ours;
use crate::table::Table;
use crate::table::median;
use crate::target::Kind;
use crate::target::TOPIC;
use crate::target::Target;
use rehearsal::Cluster;
use rehearsal::ClusterBuilder;
use rehearsal::client::Acks;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use std::time::Instant;

pub fn run(table: &mut Table, options: &Options) {
    table.section("a. start 3 brokers, produce one record, fetch it (median)");
    let memory = own_client(|| Cluster::in_memory(), 200);
    table.row("rehearsal in memory, own client", "ms", memory, "target < 1");
    let tcp = own_client(|| Cluster::builder(), 200);
    table.row("rehearsal over TCP, own client", "ms", tcp, "target < 3");
    let ours = median((0..20).map(|_| with_librdkafka()).collect());
    table.row("rehearsal over TCP, librdkafka", "ms", ours, "");
    let mock = median((0..20).map(|_| mock_with_librdkafka()).collect());
    table.row("librdkafka's mock, librdkafka", "ms", mock, &ratio(mock, ours));
    if options.kfake {
        let kfake = median((0..20).map(|_| kfake_with_librdkafka()).collect());
        table.row("kfake, librdkafka", "ms", kfake, &ratio(kfake, ours));
    }
    if options.kafka {
        let started = Instant::now();
        let target = Target::start(Kind::Kafka, 3, 1);
        table.row("Apache Kafka, start alone", "ms", ms(started), "");
        let kafka = median((0..5).map(|_| one_record(target.bootstrap_servers(), Instant::now())).collect());
        table.row("Apache Kafka already started, librdkafka", "ms", kafka, &ratio(kafka, ours));
    }
}

fn ratio(other: f64, ours: f64) -> String {
    format!("{:.1} x rehearsal's", other / ours)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn own_client(builder: impl Fn() -> ClusterBuilder, runs: usize) -> f64 {
    let once = || {
        crate::block_on(async {
            let started = Instant::now();
            let cluster = builder().brokers(3).topic(TOPIC, 1).start().await.expect("a cluster");
            let client = ours::connect(&cluster.endpoint()).await;
            let producer = client.producer().acks(Acks::All).build();
            producer.send(ProducerRecord::new(TOPIC).value("x")).await.expect("an acknowledgement");
            let mut consumer = client.consumer().build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await.expect("a topic");
            consumer.recv().await.expect("a record");
            ms(started)
        })
    };
    median((0..runs).map(|_| once()).collect())
}

fn with_librdkafka() -> f64 {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let cluster = runtime.block_on(Cluster::builder().brokers(3).topic(TOPIC, 1).start()).expect("a cluster");
    one_record(&cluster.bootstrap_servers(), started)
}

fn mock_with_librdkafka() -> f64 {
    let started = Instant::now();
    let mock = rdkafka::mocking::MockCluster::new(3).expect("a mock cluster");
    mock.create_topic(TOPIC, 1, 3).expect("a topic");
    one_record(&mock.bootstrap_servers(), started)
}

/// The start of the process is left out: only what kfake itself says that it took.
fn kfake_with_librdkafka() -> f64 {
    let Target::Child(server) = Target::start(Kind::Kfake, 3, 1) else { unreachable!("it is a child") };
    server.ready["start_ms"].as_f64().expect("a number") + one_record(server.bootstrap_servers(), Instant::now())
}

/// Writes and reads one record; returns the time since `started`, without that in which librdkafka's threads end.
fn one_record(bootstrap_servers: &str, started: Instant) -> f64 {
    let producer = librdkafka::producer(bootstrap_servers, &[("linger.ms", "0"), ("acks", "all")]);
    librdkafka::produce(&producer, 1, 1, None);
    let consumer = librdkafka::consumer(bootstrap_servers, 1, &[]);
    librdkafka::consume(&consumer, 1);
    ms(started)
}
