//! The bytes of records stay where the socket's read has put them, until the socket's write takes them from there.

use bytes::Bytes;
use rehearsal::base::{BrokerId, ConnectionId, Instant, Seed, Timestamp};
use rehearsal::broker::{Broker, Engine, EngineConfig, Input, Output, Release};
use rehearsal::journal::JournalLimits;
use rehearsal::wire::batch::{BatchBuilder, HEADER_SIZE};
use rehearsal::wire::frame::{decode_request, encode_request, encode_response};
use rehearsal::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use rehearsal::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use rehearsal::wire::{Request, RequestHeader, ResponseHeader};
use rehearsal::{ApiKey, NewTopic};

/// A request as it comes out of the frame reader: one piece, without its length.
fn frame(api: ApiKey, api_version: i16, request: &Request) -> Bytes {
    let header = RequestHeader { api_key: api.code(), api_version, correlation_id: 1, client_id: Some("c".into()) };
    Bytes::from(encode_request(&header, request).unwrap().concat()).slice(4..)
}

/// What is handed to the socket.
fn exchange(engine: &mut Engine, frame: &Bytes) -> Vec<Bytes> {
    let (header, request, body) = decode_request(frame.clone()).unwrap();
    let input = Input::Request { connection: ConnectionId(1), header, request, body: frame.slice(body) };
    engine.handle_input(Instant::START, input);
    let Some(Output::Send { correlation_id, api_version, response, .. }) = engine.poll_output() else {
        panic!("no answer")
    };
    encode_response(ResponseHeader { correlation_id }, &response, api_version).unwrap()
}

#[test]
fn records_are_not_copied_between_the_frame_and_the_write() {
    let brokers = (1..=3).map(|id| Broker { id: BrokerId(id), host: "broker".into(), port: 9092, rack: None });
    let mut engine = Engine::new(EngineConfig {
        seed: Seed(0),
        start_time: Timestamp(1_767_225_600_000),
        brokers: brokers.collect(),
        broker_config: [].into(),
        release: Release::NEWEST,
        journal: JournalLimits::default(),
    })
    .unwrap();
    engine.create_topic(Instant::START, NewTopic::new("t").partitions(1)).unwrap();
    let connected = Input::Connected { connection: ConnectionId(1), broker: BrokerId(1), peer: "client".into() };
    engine.handle_input(Instant::START, connected);

    let mut frames = Vec::new();
    for _ in 0..3 {
        let mut batch = BatchBuilder::new();
        for _ in 0..100 {
            batch.append(Timestamp(1_767_225_600_000), None, Some(&[7; 100]), &[]);
        }
        let records = Some(batch.build().unwrap().to_bytes().into());
        let data = PartitionProduceData { records, ..Default::default() };
        let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
        frames.push(frame(ApiKey::Produce, 9, &Request::Produce(request)));
        exchange(&mut engine, &frames[frames.len() - 1]);
    }

    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let slices = exchange(&mut engine, &frame(ApiKey::Fetch, 11, &Request::Fetch(request)));

    let within = |slice: &Bytes| frames.iter().position(|frame| frame.as_ptr_range().contains(&slice.as_ptr()));
    let origins: Vec<usize> = slices.iter().filter_map(within).collect();
    assert_eq!(origins, [0, 1, 2], "each batch's records come out of the frame in which they came in");
    // All else is small: the answer's own fields, and the batches' headers, which got their offsets.
    let copied: usize = slices.iter().filter(|slice| within(slice).is_none()).map(Bytes::len).sum();
    assert!(copied < 100 + 3 * HEADER_SIZE, "{copied} bytes were copied");
}
