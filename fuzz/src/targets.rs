//! What is fuzzed: each target takes any bytes, does what a broker or a client would do with them, and checks it.

use bytes::Bytes;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::base::BrokerId;
use rehearsal::base::ConnectionId;
use rehearsal::base::Instant;
use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::base::Timestamp;
use rehearsal::broker::Engine;
use rehearsal::broker::EngineConfig;
use rehearsal::broker::Input;
use rehearsal::broker::Output;
use rehearsal::broker::Release;
use rehearsal::metadata::Broker;
use rehearsal::net::FrameReader;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::ResponseHeader;
use rehearsal::wire::batch::Batch;
use rehearsal::wire::batch::legacy;
use rehearsal::wire::codec::Encoder;
use rehearsal::wire::frame;
use rehearsal::wire::generate::Generator;
use rehearsal::wire::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::path::Path;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::memory::peak_during;
use crate::mutate::below;

/// One thing to fuzz.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Inputs to begin with.
    pub(crate) seeds: fn(&Path, &mut Rng) -> Vec<Vec<u8>>,
    /// Takes one input and says what became of it.
    pub(crate) run: fn(&[u8]) -> Outcome,
}

/// What became of an input.
pub(crate) struct Outcome {
    /// Whether it was what it should be.
    pub(crate) accepted: bool,
    /// A number for what happened: an input with a new number is worth keeping.
    pub(crate) signature: u64,
}

fn accepted(what: impl Hash) -> Outcome {
    Outcome { accepted: true, signature: signature(what) }
}

fn refused(what: impl Hash) -> Outcome {
    Outcome { accepted: false, signature: signature(what) }
}

/// The order of magnitude, so that not every size is news.
fn magnitude(n: usize) -> u32 {
    n.checked_ilog2().unwrap_or(0)
}

pub(crate) const TARGETS: [Target; 5] = [
    Target { name: "request_decode", seeds: request_seeds, run: request_decode },
    Target { name: "response_decode", seeds: response_seeds, run: response_decode },
    Target { name: "record_batch", seeds: batch_seeds, run: record_batch },
    Target { name: "connection", seeds: connection_seeds, run: connection },
    Target { name: "server", seeds: connection_seeds, run: server },
];

fn signature(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// The promise of `Decoder`, with room for the lists of slices that are not booked.
fn assert_bounded(peak: usize, input: usize) {
    let bound = (64 << 10) + 40 * input;
    assert!(peak <= bound, "{peak} bytes of memory for an input of {input} bytes");
}

// ---- requests: a frame without its length

fn request_decode(data: &[u8]) -> Outcome {
    let frame = Bytes::copy_from_slice(data);
    let (decoded, peak) = peak_during(|| frame::decode_request(frame.clone()));
    assert_bounded(peak, data.len());
    match decoded {
        Err((header, error)) => {
            let api = header.as_ref().and_then(RequestHeader::api);
            // One version that does not exist is as good as another.
            let known = api.map(|api| (api, header.map(|h| h.api_version).filter(|v| api.versions().contains(*v))));
            refused((known, std::mem::discriminant(&error.kind), magnitude(error.at)))
        }
        Ok((header, request, body)) => {
            let version = header.api_version;
            let write = |request| {
                let slices = frame::encode_request(&header, request).expect("what was read can be written");
                Bytes::from(slices.concat()).slice(4..)
            };
            let written = write(&request);
            let (_, again, _) = frame::decode_request(written.clone()).expect("what was written can be read");
            assert_eq!(write(&again), written, "the second writing differs from the first");
            // A broker passes over what follows the request; JSON does not.
            json::request_summary(frame.slice(..body.end)).expect("JSON reads what the codec reads");
            let json = request.to_json(version).expect("what was read can be shown");
            let back = json::from_json(request.api_key().request_facts(), &json, version).expect("JSON reads its own");
            assert!(written.ends_with(&back), "JSON gives other bytes back");
            accepted((request.api_key(), version, magnitude(data.len())))
        }
    }
}

fn fixtures(root: &Path) -> Vec<serde_json::Value> {
    let text = |api: &ApiKey| fs::read_to_string(root.join(format!("fixtures/frames/{api}.jsonl"))).expect("fixtures");
    let lines = ApiKey::ALL.iter().flat_map(|api| {
        text(api).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<serde_json::Value>>()
    });
    lines.collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn request_frame(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let header =
        RequestHeader { api_key: api.code(), api_version: version, correlation_id: 1, client_id: Some("fuzz".into()) };
    let mut encoder = Encoder::new(false);
    header.encode(&mut encoder).expect("a short name");
    encoder.raw(body);
    encoder.into_bytes().to_vec()
}

fn request_seeds(root: &Path, rng: &mut Rng) -> Vec<Vec<u8>> {
    let is_request = |line: &&serde_json::Value| line["kind"] == "request";
    let mut seeds: Vec<Vec<u8>> =
        fixtures(root).iter().filter(is_request).map(|line| from_hex(line["hex"].as_str().expect("hex"))).collect();
    let mut generator = Generator::new(rng.clone());
    for api in ApiKey::ALL.iter().copied() {
        for version in api.versions().iter() {
            let body = generator.body(api.request_facts(), version);
            seeds.push(request_frame(api, version, &body));
        }
    }
    seeds
}

// ---- responses: API key and version in two bytes, then a frame without its length

fn response_decode(data: &[u8]) -> Outcome {
    let [key, version, frame @ ..] = data else { return refused(0) };
    let Some(api) = ApiKey::new(i16::from(*key)) else { return refused(1) };
    let version = i16::from(*version);
    let frame = Bytes::copy_from_slice(frame);
    let (decoded, peak) = peak_during(|| frame::decode_response(frame.clone(), api, version));
    assert_bounded(peak, data.len());
    match decoded {
        Err(error) => refused((
            api,
            Some(version).filter(|v| api.versions().contains(*v)),
            std::mem::discriminant(&error.kind),
            magnitude(error.at),
        )),
        Ok((header, response)) => {
            let write = |response| {
                let slices = frame::encode_response(header, response, version).expect("what was read can be written");
                Bytes::from(slices.concat()).slice(4..)
            };
            let written = write(&response);
            let (_, again) = frame::decode_response(written.clone(), api, version).expect("written, so readable");
            assert_eq!(write(&again), written, "the second writing differs from the first");
            json::response_summary(frame, api, version).expect("JSON reads what the codec reads");
            let json = response.to_json(version).expect("what was read can be shown");
            let back = json::from_json(api.response_facts(), &json, version).expect("JSON reads its own");
            assert!(written.ends_with(&back), "JSON gives other bytes back");
            accepted((api, version, magnitude(data.len())))
        }
    }
}

fn response_seeds(root: &Path, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let prefix =
        |api: ApiKey, version: i16| [u8::try_from(api.code()).expect("small"), u8::try_from(version).expect("small")];
    for line in fixtures(root).iter().filter(|line| line["kind"] == "response") {
        let api = ApiKey::from_name(line["api"].as_str().expect("a name")).expect("an API");
        let version = line["version"].as_i64().and_then(|version| i16::try_from(version).ok()).expect("a version");
        let frame = from_hex(line["hex"].as_str().expect("hex"));
        seeds.push([&prefix(api, version)[..], &frame].concat());
    }
    let mut generator = Generator::new(rng.clone());
    for api in ApiKey::ALL.iter().copied() {
        for version in api.versions().iter() {
            let mut encoder = Encoder::new(false);
            ResponseHeader { correlation_id: 1 }.encode(&mut encoder, api, version);
            encoder.raw(&generator.body(api.response_facts(), version));
            seeds.push([&prefix(api, version)[..], &encoder.into_bytes()].concat());
        }
    }
    seeds
}

// ---- record batches: the bytes of a records field

/// What a reader of records allows them to become.
const RECORDS_BYTES_MAX: usize = 256 << 10;

fn record_batch(data: &[u8]) -> Outcome {
    let records = Bytes::copy_from_slice(data);
    let (outcome, peak) = peak_during(|| {
        let mut outcome = Vec::new();
        for batch in Batch::split(&records).take(64) {
            match batch {
                Err(error) => outcome.push((false, signature(std::mem::discriminant(&error)))),
                Ok(batch) => outcome.push(read_batch(&batch)),
            }
        }
        let old = legacy::read(&records, RECORDS_BYTES_MAX);
        outcome.push((
            old.is_ok(),
            signature(old.as_ref().map(|records| magnitude(records.len())).map_err(std::mem::discriminant)),
        ));
        if let Ok(batch) = legacy::convert_up(&records, RECORDS_BYTES_MAX) {
            batch.validate().expect("a batch of our own is valid");
        }
        outcome
    });
    // Records are structs of some hundred bytes, and a byte may decompress to a thousand.
    let bound = (8 << 20) + 400 * data.len() + 100 * RECORDS_BYTES_MAX;
    assert!(peak <= bound, "{peak} bytes of memory for records of {} bytes", data.len());
    Outcome { accepted: outcome.iter().any(|(accepted, _)| *accepted), signature: signature(outcome) }
}

fn read_batch(batch: &Batch) -> (bool, u64) {
    let valid = batch.validate();
    let walked = batch.records_within(RECORDS_BYTES_MAX).and_then(|records| {
        let mut count = 0u64;
        for record in records {
            record?;
            count += 1;
        }
        Ok(count)
    });
    if valid.is_ok()
        && batch.header.attributes.compression().is_ok_and(|c| c == rehearsal::wire::compression::Compression::None)
    {
        assert!(walked.is_ok(), "a valid batch cannot be read: {walked:?}");
    }
    let read = walked.is_ok();
    let what = (
        valid.map_err(|error| std::mem::discriminant(&error)),
        walked.map(|count| count.min(8)).map_err(|error| std::mem::discriminant(&error)),
    );
    (read, signature(what))
}

fn batch_seeds(root: &Path, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in ["good", "bad"] {
        for entry in fs::read_dir(root.join("fixtures/batches").join(folder)).expect("fixtures") {
            let path = entry.expect("a readable directory").path();
            if path.extension().is_some_and(|extension| extension == "bin") {
                seeds.push(fs::read(path).expect("a readable file"));
            }
        }
    }
    seeds.sort();
    // Pairs of batches, one after the other.
    for _ in 0..10 {
        let pair = [&seeds[below(rng, seeds.len())][..], &seeds[below(rng, seeds.len())]].concat();
        seeds.push(pair);
    }
    seeds
}

// ---- connections: everything a client sends on one connection, with the lengths of the frames

/// No frame may be larger than this.
const REQUEST_BYTES_MAX: usize = 1 << 20;

fn connection(data: &[u8]) -> Outcome {
    let mut outcome = Vec::new();
    let (answers, peak) = peak_during(|| serve(data, &mut outcome));
    // A cluster with its topics, and what requests may ask for.
    let bound = (32 << 20) + 200 * data.len();
    assert!(peak <= bound, "{peak} bytes of memory for a connection that sent {} bytes", data.len());
    Outcome { accepted: answers > 0, signature: signature((outcome, answers.min(8))) }
}

/// Returns the number of answered requests.
fn serve(data: &[u8], outcome: &mut Vec<u64>) -> usize {
    let mut engine = Engine::new(EngineConfig {
        seed: Seed(1),
        start_time: Timestamp(1_700_000_000_000),
        brokers: (1..=2)
            .map(|id| Broker { id: BrokerId(id), host: "localhost".to_owned(), port: 9092, rack: None })
            .collect(),
        broker_config: BTreeMap::new(),
        release: Release::NEWEST,
        journal: Default::default(),
    })
    .expect("no configuration is a valid one");
    let connection = ConnectionId(1);
    let mut now = Instant::default();
    engine.handle_input(now, Input::Connected { connection, broker: BrokerId(1), peer: "fuzz".into() });
    let mut answers = 0;
    let mut reader = FrameReader::new(data, REQUEST_BYTES_MAX);
    loop {
        let frame = match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Some(frame))) => frame,
            Poll::Ready(Ok(None)) => break,
            Poll::Ready(Err(error)) => {
                outcome.push(signature(std::mem::discriminant(&error)));
                break;
            }
            Poll::Pending => panic!("bytes in memory are always ready"),
        };
        let input = match frame::decode_request(frame.clone()) {
            Ok((header, request, body)) => {
                outcome.push(signature((header.api_key, header.api_version)));
                Input::Request { connection, header, request, body: frame.slice(body) }
            }
            Err((header, error)) => {
                outcome.push(signature(std::mem::discriminant(&error.kind)));
                Input::Undecodable { connection, header, error }
            }
        };
        engine.handle_input(now, input);
        if !answered(&mut engine, &mut now, outcome) {
            break;
        }
        answers += 1;
    }
    engine.handle_input(now, Input::Disconnected { connection, reason: "the end".into() });
    assert!(engine.poll_output().is_none(), "something is sent to a connection that has ended");
    answers
}

/// Lets time pass until the request is answered; false when the connection is closed instead.
fn answered(engine: &mut Engine, now: &mut Instant, outcome: &mut Vec<u64>) -> bool {
    loop {
        let mut done = None;
        while let Some(output) = engine.poll_output() {
            assert!(done.is_none(), "two answers to one request");
            match output {
                Output::Send { correlation_id, api_version, response, .. } => {
                    let header = ResponseHeader { correlation_id };
                    let slices =
                        frame::encode_response(header, &response, api_version).expect("an answer can be written");
                    let frame = Bytes::from(slices.concat()).slice(4..);
                    let api = response.api_key();
                    // The answer to an ApiVersions request of an unknown version is written as version 0.
                    frame::decode_response(frame, api, api_version).expect("an answer can be read");
                    outcome.push(signature(slices.len().min(8)));
                    done = Some(true);
                }
                Output::Continue { .. } => done = Some(true),
                Output::Close { .. } => done = Some(false),
                Output::Listen { .. } | Output::Process { .. } => {}
            }
        }
        if let Some(done) = done {
            return done;
        }
        // A request without an answer waits for a deadline.
        *now = engine.poll_timeout().expect("a request is answered, or closed, or waits for a time");
        engine.handle_timeout(*now);
    }
}

// ---- servers: the same bytes to a whole cluster, with sockets of memory and virtual time

/// Longer than anything a request may wait for: an idle connection is closed after ten minutes.
const HANGS: Duration = Duration::from_secs(3600);

fn server(data: &[u8]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets");
    runtime.block_on(async {
        let cluster = Cluster::in_memory().brokers(2).topic("name-3", 2).start().await.expect("a valid description");
        let endpoint = cluster.endpoint();
        let dial = || endpoint.transport().dial(&endpoint.addresses()[0]);
        let (mut read, mut write) = tokio::io::split(dial().await.expect("a cluster that listens"));
        let mut answers = Vec::new();
        let served = async {
            // A broker that hangs up before all is written is in its right.
            let written = async {
                let _ = write.write_all(data).await;
                let _ = write.shutdown().await;
            };
            tokio::join!(written, read.read_to_end(&mut answers)).1
        };
        // Whether it ended well or by a reset is all the same.
        let _ = tokio::time::timeout(HANGS, served).await.expect("a connection that ends");
        // Another client is served as if nothing had been.
        let mut other = dial().await.expect("a cluster that still listens");
        let frame = with_length(&request_frame(ApiKey::Metadata, 1, &[0, 0, 0, 0]));
        other.write_all(&frame).await.expect("a broker that reads");
        let length = tokio::time::timeout(HANGS, other.read_i32()).await.expect("a broker that answers");
        assert!(length.expect("an answer") > 0);
        let reasons: BTreeSet<String> = cluster.journal().lines().filter_map(reason).collect();
        tokio::time::timeout(HANGS, cluster.shutdown()).await.expect("a cluster that stops");
        Outcome { accepted: !answers.is_empty(), signature: signature((magnitude(answers.len()), reasons)) }
    })
}

/// Why a connection ended, without numbers.
fn reason(line: &str) -> Option<String> {
    let (_, reason) = line.split_once(" ended: ")?;
    Some(reason.chars().filter(|c| !c.is_ascii_digit()).collect())
}

fn with_length(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("short frames");
    [&length.to_be_bytes()[..], frame].concat()
}

fn connection_seeds(root: &Path, rng: &mut Rng) -> Vec<Vec<u8>> {
    let requests: Vec<Vec<u8>> = request_seeds(root, rng).iter().map(|frame| with_length(frame)).collect();
    // A little life first, so that there is something to ask for.
    let request = |api: ApiKey, version: i16, body: serde_json::Value| {
        let body = json::from_json(api.request_facts(), &body, version).expect("a valid request");
        with_length(&request_frame(api, version, &body))
    };
    let name = "name-3";
    let batch = fs::read(root.join("fixtures/batches/good/none.bin")).expect("a fixture");
    let batch = base64(&batch);
    let life = [
        request(
            ApiKey::ApiVersions,
            3,
            serde_json::json!({"client_software_name": "fuzz", "client_software_version": "1"}),
        ),
        request(
            ApiKey::CreateTopics,
            7,
            serde_json::json!({"timeout_ms": 1000,
            "topics": [{"name": name, "num_partitions": 2, "replication_factor": 2}]}),
        ),
        request(ApiKey::Metadata, 12, serde_json::json!({"topics": null})),
        request(
            ApiKey::Produce,
            9,
            serde_json::json!({"acks": -1, "timeout_ms": 1000, "topic_data": [
            {"name": name, "partition_data": [{"index": 0, "records": batch}, {"index": 1, "records": batch}]}]}),
        ),
        request(
            ApiKey::Fetch,
            12,
            serde_json::json!({"max_wait_ms": 100, "min_bytes": 1, "topics": [
            {"topic": name, "partitions": [{"partition": 0, "partition_max_bytes": 1_000_000}]}]}),
        ),
        request(
            ApiKey::ListOffsets,
            7,
            serde_json::json!({"replica_id": -1, "topics": [
            {"name": name, "partitions": [{"partition_index": 0, "timestamp": -1}]}]}),
        ),
    ];
    let mut seeds = vec![life.concat()];
    seeds.extend(life.iter().cloned());
    for request in &requests {
        seeds.push([&life[1][..], &life[3], request].concat());
    }
    for _ in 0..200 {
        let row: Vec<&[u8]> = (0..4).map(|_| &requests[below(rng, requests.len())][..]).collect();
        seeds.push(row.concat());
    }
    seeds
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let shown = i <= group.len();
            text.push(if shown { char::from(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]) } else { '=' });
        }
    }
    text
}
