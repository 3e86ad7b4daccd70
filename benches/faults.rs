//! What does the fault layer cost a request: with no fault set, with a thousand for others, and with a thousand for it?

use bytes::Bytes;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::ApiKey;
use rehearsal::Fault;
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
use rehearsal::wire::frame;
use rehearsal::wire::messages::fetch::FetchPartition;
use rehearsal::wire::messages::fetch::FetchRequest;
use rehearsal::wire::messages::fetch::FetchTopic;
use std::collections::BTreeMap;

const CONNECTION: ConnectionId = ConnectionId(1);
const RULES: usize = 1000;

fn engine() -> Engine {
    let broker = Broker { id: BrokerId(1), host: "broker".into(), port: 9092, rack: None };
    let config = EngineConfig {
        seed: Seed(0),
        start_time: Timestamp(1_767_225_600_000),
        brokers: vec![broker],
        broker_config: BTreeMap::new(),
        release: Release::NEWEST,
        journal: JournalLimits::default(),
    };
    let mut engine = Engine::new(config).expect("a good configuration");
    engine.create_topic(Instant::START, NewTopic::new("orders").partitions(1)).expect("a new topic");
    let connected = Input::Connected { connection: CONNECTION, broker: BrokerId(1), peer: "client".into() };
    engine.handle_input(Instant::START, connected);
    engine
}

fn fetch() -> Bytes {
    let row = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "orders".into(), partitions: vec![row], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let api_key = ApiKey::Fetch.code();
    let header = RequestHeader { api_key, api_version: 11, correlation_id: 1, client_id: Some("c".into()) };
    let slices = frame::encode_request(&header, &Request::Fetch(request)).expect("a good request");
    Bytes::from(slices.concat()).slice(4..)
}

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

fn fetching(c: &mut Criterion) {
    let mut measure = |name: &str, fault: Option<fn(usize) -> Fault>| {
        let mut engine = engine();
        for n in 0..RULES {
            if let Some(fault) = fault {
                engine.inject(Instant::START, fault(n), None, &[]).expect("a good fault");
            }
        }
        let request = fetch();
        c.bench_function(&format!("fetch/{name}"), |b| b.iter(|| exchange(&mut engine, &request)));
    };
    measure("no fault", None);
    measure("1000 faults of other APIs", Some(|_| Fault::on(ApiKey::Produce).close()));
    measure("1000 faults of other clients", Some(|n| Fault::on(ApiKey::Fetch).client_id(format!("c{n}")).close()));
    measure("1000 faults of other topics", Some(|n| Fault::on(ApiKey::Fetch).topic(format!("t{n}")).close()));
}

criterion_group!(faults, fetching);
criterion_main!(faults);
