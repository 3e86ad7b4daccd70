//! How many whole systems can one core run in a second: with failover, with the checker, and idle?
//!
//! A run is three brokers with RF 3, a client of ours that sends 100 records and fetches each through the codec, a
//! crash of the leader in the middle, and 60 seconds of virtual time. All is counted in seconds of this process's
//! CPU, so that a busy machine does not matter. Name rows to see only those: `cargo bench --bench sim -- run idle`.
//!
//! For scale, simpler systems on one core: turmoil 0.7.2 with three hosts and 100 echoed requests, 224 runs/s;
//! madsim 0.2.34 with the same, 776 runs/s, and 42,800 idle seconds of virtual time in one.

use bytes::Bytes;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::ClusterBuilder;
use rehearsal::NewTopic;
use rehearsal::base::BrokerId;
use rehearsal::base::ConnectionId;
use rehearsal::base::Instant;
use rehearsal::base::Seed;
use rehearsal::base::Timestamp;
use rehearsal::broker::Broker;
use rehearsal::broker::Engine;
use rehearsal::broker::EngineConfig;
use rehearsal::broker::Input;
use rehearsal::broker::Release;
use rehearsal::check::History;
use rehearsal::check::Recorder;
use rehearsal::check::Setup;
use rehearsal::client::Client;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::journal::JournalLimits;
use rehearsal::sim::Simulation;
use rehearsal::wire::Request;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::frame;
use rehearsal::wire::messages::fetch::FetchPartition;
use rehearsal::wire::messages::fetch::FetchRequest;
use rehearsal::wire::messages::fetch::FetchTopic;
use rehearsal::wire::messages::produce::PartitionProduceData;
use rehearsal::wire::messages::produce::ProduceRequest;
use rehearsal::wire::messages::produce::TopicProduceData;
use std::future::Future;
use std::time::Duration;
use tokio::time::sleep_until;

const RECORDS: u32 = 100;
const RUN: Duration = Duration::from_secs(60);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let rows: [(&str, fn()); 8] = [
        ("run", runs),
        ("checked", checked_runs),
        ("idle", idle),
        ("clients", idle_clients),
        ("members", idle_members),
        ("events", events),
        ("recorder", recorder),
        ("history", history),
    ];
    for (name, row) in rows {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            row();
        }
    }
}

/// One client's part of a run: a record sent and read, a hundred times.
async fn send_and_read(client: &Client) {
    let producer = client.producer().build();
    let mut consumer = client.consumer().build();
    consumer.assign_topic("orders", StartFrom::Earliest).await.expect("a topic");
    for n in 0..RECORDS {
        producer.send(ProducerRecord::new("orders").value(n.to_string())).await.expect("an acknowledgement");
        consumer.recv().await.expect("a record");
        tokio::time::sleep(RUN / (2 * RECORDS)).await;
    }
}

/// The first leader crashes in the middle and comes back five seconds later.
async fn fail_over(cluster: &Cluster) {
    tokio::time::sleep(RUN / 4).await;
    let leader = cluster.partition("orders", 0).snapshot().expect("a partition").leader.0;
    cluster.broker(leader).crash().expect("a broker");
    tokio::time::sleep(Duration::from_secs(5)).await;
    cluster.broker(leader).restart().expect("a broker");
}

fn three_brokers() -> ClusterBuilder {
    Cluster::in_memory().brokers(3).topic("orders", 1)
}

/// In a runtime of its own, as each test has one.
fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn runs() {
    per_second("runs without the checker", 2.0, || {
        in_virtual_time(async {
            let end = tokio::time::Instant::now() + RUN;
            let cluster = three_brokers().start().await.expect("a cluster");
            let client = Client::connect(cluster.endpoint()).await.expect("a running cluster");
            tokio::join!(send_and_read(&client), fail_over(&cluster));
            sleep_until(end).await;
        });
        1.0
    });
}

fn checked_runs() {
    let mut seed = 0;
    per_second("runs with history and checker", 2.0, || {
        seed += 1;
        let simulation = Simulation::new(seed).brokers(3).topic("orders", 1);
        let simulation = simulation.app(|node| async move {
            let end = tokio::time::Instant::now() + RUN;
            send_and_read(node.client()).await;
            sleep_until(end).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            fail_over(system.cluster()).await;
            Ok(())
        });
        let run = simulation.run().expect("a description that can be");
        run.assert_ok();
        assert_eq!(run.report().counters["acknowledged"], u64::from(RECORDS));
        1.0
    });
}

const HOUR: Duration = Duration::from_secs(3600);

fn idle() {
    per_second("virtual seconds of an idle cluster", 1.0, || {
        in_virtual_time(async {
            let _cluster = three_brokers().start().await.expect("a cluster");
            tokio::time::sleep(10 * HOUR).await;
        });
        (10 * HOUR).as_secs_f64()
    });
}

fn idle_clients() {
    per_second("virtual seconds of ten clients that wait for records", 1.0, || {
        in_virtual_time(with_ten_consumers(None));
        HOUR.as_secs_f64()
    });
}

fn idle_members() {
    per_second("virtual seconds of a group of ten that waits for records", 1.0, || {
        in_virtual_time(with_ten_consumers(Some("billing")));
        HOUR.as_secs_f64()
    });
}

/// An hour in which nothing comes.
async fn with_ten_consumers(group: Option<&'static str>) {
    let cluster = Cluster::in_memory().brokers(3).topic("orders", 10).start().await.expect("a cluster");
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = Client::connect(cluster.endpoint()).await.expect("a running cluster");
        let mut consumer = match group {
            Some(group) => client.consumer().group_id(group).build(),
            None => client.consumer().build(),
        };
        match group {
            Some(_) => consumer.subscribe(["orders"]).expect("a name"),
            None => consumer.assign_topic("orders", StartFrom::Latest).await.expect("a topic"),
        }
        reading.spawn(async move { consumer.recv().await.map(|record| record.offset) });
    }
    tokio::time::sleep(HOUR).await;
    assert_eq!(reading.len(), 10, "nobody has got anything");
    assert!(reading.try_join_next().is_none(), "nobody has got anything");
}

/// What a broker is told and does: requests, answers, appends, fetches of followers, as many as the journal numbers.
fn events() {
    const CONNECTION: ConnectionId = ConnectionId(1);
    let brokers = (1..=3).map(|id| Broker { id: BrokerId(id), host: "broker".into(), port: 9092, rack: None });
    let config = EngineConfig {
        seed: Seed(0),
        start_time: Timestamp(1_767_225_600_000),
        brokers: brokers.collect(),
        broker_config: [].into(),
        release: Release::NEWEST,
        journal: JournalLimits::default(),
    };
    let mut batch = BatchBuilder::new();
    batch.append(config.start_time, None, Some(b"two apples"), &[]);
    let records = batch.build().expect("nothing to compress").to_bytes();
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(records.into()), ..Default::default() }];
    let topic_data = vec![TopicProduceData { name: "orders".into(), partition_data, ..Default::default() }];
    let produce = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() };
    let produce = frame_of(ApiKey::Produce, 9, &Request::Produce(produce));
    let fetch = |fetch_offset| {
        let row = FetchPartition { partition: 0, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
        let topic = FetchTopic { topic: "orders".into(), partitions: vec![row], ..Default::default() };
        let fetch = FetchRequest { max_bytes: 1 << 20, session_epoch: -1, topics: vec![topic], ..Default::default() };
        frame_of(ApiKey::Fetch, 11, &Request::Fetch(fetch))
    };
    let fetches: Vec<Bytes> = (0..1000).map(fetch).collect();
    per_second("events of brokers", 1.0, || {
        let mut engine = Engine::new(config.clone()).expect("a good configuration");
        let assignment = vec![vec![BrokerId(1), BrokerId(2), BrokerId(3)]];
        engine.create_topic(Instant::START, NewTopic { assignment, ..NewTopic::new("orders") }).expect("a new topic");
        let connected = Input::Connected { connection: CONNECTION, broker: BrokerId(1), peer: "client".into() };
        engine.handle_input(Instant::START, connected);
        let mut events = 0.0;
        let mut now = Instant::START;
        for fetch in &fetches {
            for frame in [&produce, fetch] {
                let (header, request, body) = frame::decode_request(frame.clone()).expect("a good frame");
                let input = Input::Request { connection: CONNECTION, header, request, body: frame.slice(body) };
                engine.handle_input(now, input);
                events += 1.0;
                // The followers fetch before the answer can go.
                while engine.poll_output().is_none() {
                    now = engine.poll_timeout().expect("an answer is to come");
                    engine.handle_timeout(now);
                    events += 1.0;
                }
                while engine.poll_output().is_some() {}
            }
        }
        events
    });
}

fn frame_of(api: ApiKey, api_version: i16, request: &Request) -> Bytes {
    let header = RequestHeader { api_key: api.code(), api_version, correlation_id: 1, client_id: Some("c".into()) };
    Bytes::from(frame::encode_request(&header, request).expect("a good request").concat()).slice(4..)
}

/// Sends and what polls brought, written down, and what that takes of memory.
fn recorder() {
    const COUNT: u32 = 200_000;
    const POLL: u32 = 100;
    let before = resident_bytes();
    let (mut ns, mut bytes) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let recorder = Recorder::new(Setup::default(), || Instant::START);
        let (producer, consumer) = (recorder.process("orders-app"), recorder.process("billing"));
        let started = cpu_seconds();
        for first in (0..COUNT).step_by(POLL as usize) {
            let mut records = Vec::with_capacity(POLL as usize);
            for offset in first..first + POLL {
                let send = producer.send("orders-0");
                records.push(("orders-0", offset.into(), send.id().cloned()));
                send.acknowledged(Some(offset.into()));
            }
            consumer.poll(None).delivered(records);
        }
        ns = ns.min((cpu_seconds() - started) * 1e9 / f64::from(2 * COUNT));
        bytes = bytes.min((resident_bytes() - before) / f64::from(COUNT));
        drop(recorder);
    }
    println!("recorder: {ns:.0} ns for a record sent or read, {bytes:.0} B for one sent and read");
}

/// What a history takes of memory that was read from a file: a record sent, read and processed, with a hash of its content.
fn history() {
    const COUNT: u32 = 200_000;
    let before = resident_bytes();
    let mut builder = History::builder();
    for n in 0..COUNT {
        let (id, hash) = (format!("p#{n}"), u64::from(n) << 32);
        let end = format!(r#""t":{n},"result":"ok""#);
        for line in [
            format!(r#"{{"event":"send","t":{n},"id":"{id}","to":"t-0","hash":{hash},"end":{{{end},"offset":{n}}}}}"#),
            format!(
                r#"{{"event":"poll","t":{n},"process":"c","end":{{{end},"records":{{"t-0":[[{n},"{id}",{hash}]]}}}}}}"#
            ),
            format!(r#"{{"event":"processed","t":{n},"process":"c","group":"g","id":"{id}"}}"#),
        ] {
            builder.push(serde_json::from_str(&line).expect("an event")).expect("what can be");
        }
    }
    let bytes = (resident_bytes() - before) / f64::from(COUNT);
    println!("history: {bytes:.0} B for a record sent, read alone and processed");
    drop(builder);
}

/// Does it again and again for some seconds of CPU, three times, and prints the best and the middle.
fn per_second(what: &str, seconds: f64, mut once: impl FnMut() -> f64) {
    once();
    let mut rates: Vec<f64> = Vec::new();
    for _ in 0..3 {
        let (started, mut done) = (cpu_seconds(), 0.0);
        let mut taken = 0.0;
        while taken < seconds {
            done += once();
            taken = cpu_seconds() - started;
        }
        rates.push(done / taken);
    }
    rates.sort_by(f64::total_cmp);
    println!("{what}: {:.0} per second of CPU, {:.0} at best", rates[1], rates[2]);
}

/// The processor time of this thread, as Linux counts it in nanoseconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let ns: u64 = text.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("a number of nanoseconds");
    Duration::from_nanos(ns).as_secs_f64()
}

/// The memory that this process has.
fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u32 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    f64::from(pages) * 4096.0
}
