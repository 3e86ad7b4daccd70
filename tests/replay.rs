//! The engine is a function of its configuration, its seed and its inputs: the same script gives the same bytes.

use bytes::Bytes;
use proptest::prelude::*;
use rehearsal::NewTopic;
use rehearsal::base::{BrokerId, ConnectionId, Instant, PartitionIndex, Rng, Seed, Timestamp};
use rehearsal::broker::{Broker, Engine, EngineConfig, Input, Output, Release};
use rehearsal::journal::JournalLimits;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::codec::Records;
use rehearsal::wire::frame::{decode_request, encode_request, encode_response};
use rehearsal::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use rehearsal::wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use rehearsal::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use rehearsal::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use rehearsal::wire::{Request, RequestHeader, ResponseHeader};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// Drives an engine with a script that is drawn from `script`, and writes down all that comes out.
struct Driver {
    engine: Engine,
    now: Instant,
    busy: BTreeSet<ConnectionId>,
    transcript: String,
}

impl Driver {
    fn new(seed: Seed) -> Self {
        let broker = |id| Broker { id: BrokerId(id), host: "broker".into(), port: 9092, rack: None };
        let config = EngineConfig {
            seed,
            start_time: Timestamp(1_767_225_600_000),
            brokers: (1..=3).map(broker).collect(),
            broker_config: [("num.partitions".to_owned(), "2".to_owned())].into(),
            release: Release::NEWEST,
            journal: JournalLimits::default(),
        };
        let mut driver = Self {
            engine: Engine::new(config).unwrap(),
            now: Instant::START,
            busy: BTreeSet::new(),
            transcript: String::new(),
        };
        driver.engine.create_topic(Instant::START, NewTopic::new("t").partitions(3)).unwrap();
        driver
    }

    fn input(&mut self, input: Input) {
        self.engine.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { connection, correlation_id, api_version, response, not_before, fault } => {
                    self.busy.remove(&connection);
                    let slices = encode_response(ResponseHeader { correlation_id }, &response, api_version).unwrap();
                    let bytes = Records::from_slices(slices).into_bytes();
                    writeln!(self.transcript, "{connection} {not_before:?} {fault:?} {bytes:x}").unwrap();
                }
                Output::Continue { connection } => {
                    self.busy.remove(&connection);
                    writeln!(self.transcript, "{connection} continue").unwrap();
                }
                Output::Close { connection, reason } => {
                    self.busy.remove(&connection);
                    writeln!(self.transcript, "{connection} close {reason}").unwrap();
                }
                Output::Listen { broker, is_open } => {
                    writeln!(self.transcript, "broker {broker} listens: {is_open}").unwrap();
                }
                Output::Process { process, action } => {
                    writeln!(self.transcript, "{action} process {process}").unwrap();
                }
            }
        }
    }

    fn advance(&mut self, by: Duration) {
        let target = self.now.plus(by);
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= target) {
            self.now = self.now.max(due);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = target;
    }

    fn send(&mut self, connection: ConnectionId, correlation_id: i32, version: i16, request: Request) {
        let api_key = request.api_key().code();
        let client_id = Some("script".into());
        let header = RequestHeader { api_key, api_version: version, correlation_id, client_id };
        let mut frame = Records::from_slices(encode_request(&header, &request).unwrap()).into_bytes();
        let frame = frame.split_off(4);
        let (header, request, body) = decode_request(frame.clone()).unwrap();
        self.busy.insert(connection);
        self.input(Input::Request { connection, header, request, body: frame.slice(body) });
    }
}

fn batch(rng: &mut Rng) -> Bytes {
    let mut builder = BatchBuilder::new();
    for n in 0..=rng.below(3) {
        builder.append(Timestamp(1_767_225_600_000), Some(&n.to_be_bytes()), Some(b"value"), &[]);
    }
    builder.build().unwrap().to_bytes()
}

fn random_request(rng: &mut Rng) -> (i16, Request) {
    let partition = i32::try_from(rng.below(4)).unwrap();
    let name = if rng.chance(0.9) { "t" } else { "auto" };
    match rng.below(4) {
        0 => {
            let records = Some(Records::from(batch(rng)));
            let data = PartitionProduceData { index: partition, records, ..PartitionProduceData::default() };
            let topic =
                TopicProduceData { name: name.into(), partition_data: vec![data], ..TopicProduceData::default() };
            let acks = [-1, 0, 1][usize::try_from(rng.below(3)).unwrap()];
            let request =
                ProduceRequest { acks, timeout_ms: 1_000, topic_data: vec![topic], ..ProduceRequest::default() };
            (9, request.into())
        }
        1 => {
            let fetch_offset = i64::try_from(rng.below(4)).unwrap();
            let row =
                FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
            let topics = vec![FetchTopic { topic: name.into(), partitions: vec![row], ..FetchTopic::default() }];
            let max_wait_ms = i32::try_from(rng.below(5_000)).unwrap();
            let request = FetchRequest {
                max_wait_ms,
                min_bytes: 1,
                session_epoch: if rng.chance(0.5) { 0 } else { -1 },
                topics,
                ..FetchRequest::default()
            };
            (12, request.into())
        }
        2 => {
            let timestamp = -1 - i64::try_from(rng.below(3)).unwrap();
            let row = ListOffsetsPartition { partition_index: partition, timestamp, ..ListOffsetsPartition::default() };
            let topic = ListOffsetsTopic { name: name.into(), partitions: vec![row], ..ListOffsetsTopic::default() };
            (7, ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }.into())
        }
        _ => {
            let topic = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
            (12, MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }.into())
        }
    }
}

/// Everything that comes out of a random script: the outputs as bytes, and the journal as text.
fn run(cluster: Seed, script: Seed) -> (String, String) {
    let mut rng = script.stream("script");
    let mut driver = Driver::new(cluster);
    let connections: Vec<ConnectionId> = (1..=4).map(ConnectionId).collect();
    for connection in &connections {
        let broker = BrokerId(1 + i32::try_from(rng.below(3)).unwrap());
        driver.input(Input::Connected { connection: *connection, broker, peer: "script".into() });
    }
    for step in 0..60 {
        let connection = connections[usize::try_from(rng.below(4)).unwrap()];
        if rng.chance(0.3) {
            driver.advance(Duration::from_millis(rng.below(3_000)));
        }
        if rng.chance(0.05) {
            let records = batch(&mut rng);
            let batch = rehearsal::wire::batch::Batch::split(&records).next().unwrap().unwrap();
            driver.engine.append(driver.now, "t", vec![(PartitionIndex(0), batch)]).unwrap();
            driver.drain();
        }
        let (version, request) = random_request(&mut rng);
        if !driver.busy.contains(&connection) {
            driver.send(connection, step, version, request);
        }
    }
    driver.advance(Duration::from_secs(3_600));
    (driver.transcript, driver.engine.journal().render())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_seed_and_script_give_the_same_bytes_and_journal(cluster: u64, script: u64) {
        let first = run(Seed(cluster), Seed(script));
        prop_assert!(first.0.lines().count() > 5, "the script does something");
        prop_assert_eq!(first, run(Seed(cluster), Seed(script)));
    }
}

#[test]
fn another_seed_gives_other_ids_and_nothing_else() {
    let sessions = |seed: u64| run(Seed(seed), Seed(5)).0;
    assert_ne!(sessions(1), sessions(2));
    let shape = |text: &str| text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(shape(&sessions(1)), shape(&sessions(2)));
}

/// In another process, on another day and machine: this text is compared with what is in the repository.
#[test]
fn the_journal_of_one_script_is_known() {
    let (_, journal) = run(Seed(1), Seed(1));
    let head: Vec<&str> = journal.lines().take(24).collect();
    insta::assert_snapshot!(head.join("\n"));
}
