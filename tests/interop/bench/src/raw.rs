//! The work of a client that does nothing but move bytes, so that the cluster is what limits it.

use crate::target::TOPIC;
use rehearsal::ApiKey;
use rehearsal::base::Timestamp;
use rehearsal::wire::Request;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::codec::Records;
use rehearsal::wire::frame;
use rehearsal::wire::messages::fetch::FetchPartition;
use rehearsal::wire::messages::fetch::FetchRequest;
use rehearsal::wire::messages::fetch::FetchTopic;
use rehearsal::wire::messages::produce::PartitionProduceData;
use rehearsal::wire::messages::produce::ProduceRequest;
use rehearsal::wire::messages::produce::TopicProduceData;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::SystemTime;

/// One batch of records without keys, as it goes over the wire.
pub fn batch(records: usize, size: usize) -> bytes::Bytes {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.append(Timestamp(i64::try_from(now).expect("not yet")), None, Some(&vec![b'x'; size]), &[]);
    }
    builder.build().expect("nothing to compress").to_bytes()
}

/// A produce request for one partition.
pub fn produce_request(partition: usize, batch: &bytes::Bytes, acks: i16) -> Vec<u8> {
    let data = PartitionProduceData {
        index: number(partition),
        records: Some(Records::from(batch.clone())),
        ..Default::default()
    };
    let topic = TopicProduceData { name: TOPIC.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { acks, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
    encode(ApiKey::Produce, 9, &Request::Produce(request))
}

/// A fetch request without a session for one partition.
pub fn fetch_request(partition: usize, offset: usize, max_bytes: usize) -> Vec<u8> {
    let row = FetchPartition {
        partition: number(partition),
        fetch_offset: i64::try_from(offset).expect("a small offset"),
        partition_max_bytes: number(max_bytes),
        ..Default::default()
    };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![row], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: number(max_bytes),
        topics: vec![topic],
        ..Default::default()
    };
    encode(ApiKey::Fetch, 11, &Request::Fetch(request))
}

fn number(n: usize) -> i32 {
    i32::try_from(n).expect("a small number")
}

fn encode(api: ApiKey, api_version: i16, request: &Request) -> Vec<u8> {
    let header = RequestHeader { api_key: api.code(), api_version, correlation_id: 7, client_id: Some("raw".into()) };
    frame::encode_request(&header, request).expect("a request that exists").concat()
}

/// Sends `count` requests with up to `window` of them unanswered; returns the bytes of the answers.
pub fn exchange(address: &str, window: usize, count: usize, request: impl Fn(usize) -> Vec<u8>) -> usize {
    let mut stream = TcpStream::connect(address).expect("a cluster that listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut answer = vec![0; 64 << 10];
    let mut received = 0;
    for at in 0..count + window {
        if at < count {
            stream.write_all(&request(at)).expect("an open connection");
        }
        if at >= window {
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("an answer");
            let length = usize::try_from(u32::from_be_bytes(length)).expect("32 bits fit");
            if answer.len() < length {
                answer.resize(length, 0);
            }
            stream.read_exact(&mut answer[..length]).expect("an answer");
            received += length;
        }
    }
    received
}
