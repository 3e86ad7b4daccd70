//! What does a request cost between the frame that came and the slices that go, without any socket or task?

use bytes::Bytes;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::ApiKey;
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
use rehearsal::broker::Output;
use rehearsal::broker::Release;
use rehearsal::journal::JournalLimits;
use rehearsal::wire::Request;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::ResponseHeader;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::frame;
use rehearsal::wire::messages::fetch::FetchPartition;
use rehearsal::wire::messages::fetch::FetchRequest;
use rehearsal::wire::messages::fetch::FetchTopic;
use rehearsal::wire::messages::produce::PartitionProduceData;
use rehearsal::wire::messages::produce::ProduceRequest;
use rehearsal::wire::messages::produce::TopicProduceData;

const NOW: Timestamp = Timestamp(1_767_225_600_000);
const CONNECTION: ConnectionId = ConnectionId(1);

/// Three brokers with one topic.
fn engine(partitions: usize) -> Engine {
    let brokers = (1..=3).map(|id| Broker { id: BrokerId(id), host: "broker".into(), port: 9092, rack: None });
    let config = EngineConfig {
        seed: Seed(0),
        start_time: NOW,
        brokers: brokers.collect(),
        broker_config: [].into(),
        release: Release::NEWEST,
        journal: JournalLimits::default(),
    };
    let mut engine = Engine::new(config).expect("a good configuration");
    // Every partition must be led by the broker that is asked.
    let assignment = vec![vec![BrokerId(1), BrokerId(2), BrokerId(3)]; partitions];
    let topic = NewTopic { assignment, ..NewTopic::new("orders") };
    engine.create_topic(Instant::START, topic).expect("a new topic");
    let connected = Input::Connected { connection: CONNECTION, broker: BrokerId(1), peer: "client".into() };
    engine.handle_input(Instant::START, connected);
    engine
}

fn frame(api: ApiKey, api_version: i16, request: &Request) -> Bytes {
    let header = RequestHeader { api_key: api.code(), api_version, correlation_id: 1, client_id: Some("c".into()) };
    Bytes::from(frame::encode_request(&header, request).expect("a good request").concat()).slice(4..)
}

fn produce(partitions: usize, records: usize) -> Bytes {
    let mut batch = BatchBuilder::new();
    for _ in 0..records {
        batch.append(NOW, None, Some(&[7; 100]), &[]);
    }
    let batch = batch.build().expect("nothing to compress").to_bytes();
    let data = |index| PartitionProduceData { index, records: Some(batch.clone().into()), ..Default::default() };
    let partition_data = (0..i32::try_from(partitions).expect("a few")).map(data).collect();
    let topic = TopicProduceData { name: "orders".into(), partition_data, ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    frame(ApiKey::Produce, 9, &Request::Produce(request))
}

fn fetch(partitions: usize) -> Bytes {
    let row = |partition| FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let partitions = (0..i32::try_from(partitions).expect("a few")).map(row).collect();
    let topic = FetchTopic { topic: "orders".into(), partitions, ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    frame(ApiKey::Fetch, 11, &Request::Fetch(request))
}

/// All that the shell does with a frame but read and write it; returns the bytes of the answer.
fn exchange(engine: &mut Engine, frame: &Bytes) -> usize {
    let (header, request, body) = frame::decode_request(frame.clone()).expect("a good frame");
    let input = Input::Request { connection: CONNECTION, header, request, body: frame.slice(body) };
    engine.handle_input(Instant::START, input);
    match engine.poll_output() {
        Some(Output::Send { correlation_id, api_version, response, .. }) => {
            let header = ResponseHeader { correlation_id };
            let slices = frame::encode_response(header, &response, api_version).expect("a good answer");
            slices.iter().map(Bytes::len).sum()
        }
        other => panic!("no answer but {other:?}"),
    }
}

fn producing(c: &mut Criterion) {
    for (partitions, records) in [(1, 1), (1, 1000), (100, 1)] {
        let request = produce(partitions, records);
        c.bench_function(&format!("produce/{records} x 100 B to each of {partitions} partitions"), |b| {
            // A new engine for each thousand requests: the log keeps all it gets.
            b.iter_custom(|count| {
                let mut elapsed = std::time::Duration::ZERO;
                let mut left = count;
                while left > 0 {
                    let now = left.min(1000);
                    let mut engine = engine(partitions);
                    let started = std::time::Instant::now();
                    for _ in 0..now {
                        exchange(&mut engine, &request);
                    }
                    elapsed += started.elapsed();
                    left -= now;
                }
                elapsed
            });
        });
    }
}

fn fetching(c: &mut Criterion) {
    for (partitions, records) in [(1, 1), (1, 1000), (100, 1)] {
        let mut engine = engine(partitions);
        let filling = produce(partitions, records);
        for _ in 0..(1 << 20) / filling.len() {
            exchange(&mut engine, &filling);
        }
        let request = fetch(partitions);
        let size = exchange(&mut engine, &request);
        c.bench_function(&format!("fetch/{size} B in batches of {records} from {partitions} partitions"), |b| {
            b.iter(|| exchange(&mut engine, &request));
        });
    }
}

criterion_group!(requests, producing, fetching);
criterion_main!(requests);
