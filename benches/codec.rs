//! What do the messages cost that clients send most: produce, fetch, and metadata of 100 topics?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use bytes::Bytes;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::ApiKey;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::ResponseHeader;
use rehearsal::wire::frame;
use rehearsal::wire::json;
use rehearsal::wire::messages::Request;
use rehearsal::wire::messages::Response;
use rehearsal::wire::messages::fetch;
use rehearsal::wire::messages::metadata;
use rehearsal::wire::messages::produce;
use std::hint::black_box;

/// One megabyte of records for each of ten partitions.
const RECORDS_BYTES: usize = 1 << 20;
const PARTITIONS: i32 = 10;

fn records() -> Bytes {
    vec![0x5a; RECORDS_BYTES].into()
}

fn produce_request() -> Request {
    let partition = |index| produce::PartitionProduceData {
        index,
        records: Some(records().into()),
        ..produce::PartitionProduceData::default()
    };
    let topic = produce::TopicProduceData {
        name: "orders".into(),
        partition_data: (0..PARTITIONS).map(partition).collect(),
        ..produce::TopicProduceData::default()
    };
    let request = produce::ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..produce::ProduceRequest::default()
    };
    request.into()
}

fn fetch_response() -> Response {
    let partition = |partition_index| fetch::PartitionData {
        partition_index,
        high_watermark: 1_000,
        last_stable_offset: 1_000,
        records: Some(records().into()),
        ..fetch::PartitionData::default()
    };
    let topic = fetch::FetchableTopicResponse {
        topic: "orders".into(),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..fetch::FetchableTopicResponse::default()
    };
    fetch::FetchResponse { responses: vec![topic], ..fetch::FetchResponse::default() }.into()
}

/// 100 topics of 6 partitions with 3 replicas each.
fn metadata_response() -> Response {
    let partition = |partition_index| metadata::MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        leader_epoch: 5,
        replica_nodes: vec![1, 2, 3],
        isr_nodes: vec![1, 2, 3],
        ..metadata::MetadataResponsePartition::default()
    };
    let topic = |n: u32| metadata::MetadataResponseTopic {
        name: Some(format!("topic-number-{n}").into()),
        partitions: (0..6).map(partition).collect(),
        ..metadata::MetadataResponseTopic::default()
    };
    metadata::MetadataResponse { topics: (0..100).map(topic).collect(), ..metadata::MetadataResponse::default() }.into()
}

fn request_bench(c: &mut Criterion, name: &str, request: &Request, version: i16) {
    let header = RequestHeader {
        api_key: request.api_key().code(),
        api_version: version,
        correlation_id: 1,
        client_id: Some("bench".into()),
    };
    let encode = || frame::encode_request(&header, black_box(request)).expect("it can be written");
    let frame = Bytes::from(encode().concat()).slice(4..);
    let mut group = c.benchmark_group(format!("{name} of {} bytes", frame.len()));
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |b| b.iter(encode));
    group.bench_function("decode", |b| b.iter(|| frame::decode_request(black_box(frame.clone()))));
    group.finish();
}

fn response_bench(c: &mut Criterion, name: &str, response: &Response, version: i16) {
    let api = response.api_key();
    let header = ResponseHeader { correlation_id: 1 };
    let encode = || frame::encode_response(header, black_box(response), version).expect("it can be written");
    let frame = Bytes::from(encode().concat()).slice(4..);
    let mut group = c.benchmark_group(format!("{name} of {} bytes", frame.len()));
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |b| b.iter(encode));
    group.bench_function("decode", |b| b.iter(|| frame::decode_response(black_box(frame.clone()), api, version)));
    group.bench_function("summary as JSON", |b| {
        b.iter(|| json::response_summary(black_box(frame.clone()), api, version));
    });
    group.finish();
}

fn codec(c: &mut Criterion) {
    request_bench(c, "produce request", &produce_request(), 9);
    response_bench(c, "fetch response", &fetch_response(), 12);
    let newest = ApiKey::Metadata.versions().max;
    response_bench(c, "metadata response", &metadata_response(), newest);
    response_bench(c, "metadata response before KIP-482", &metadata_response(), 8);
}

criterion_group!(benches, codec);
criterion_main!(benches);
