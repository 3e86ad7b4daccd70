//! Well-formed frames with hostile contents: Kafka's error, or a closed connection with a reason, and nothing lost.

use crate::peer::Peer;
use bytes::Bytes;
use rehearsal::client::{Client, ProducerRecord, StartFrom};
use rehearsal::wire::batch::{Batch, BatchBuilder};
use rehearsal::wire::compression::Compression;
use rehearsal::wire::messages as m;
use rehearsal::wire::{Request, Response};
use rehearsal::{Cluster, ErrorCode, NewTopic, Record};
use std::time::Duration;

fn produce(topic: &str, acks: i16, records: Option<Bytes>) -> Request {
    produce_to(topic, acks, [(0, records)])
}

fn produce_to(topic: &str, acks: i16, rows: impl IntoIterator<Item = (i32, Option<Bytes>)>) -> Request {
    let rows = rows.into_iter().map(|(index, records)| m::produce::PartitionProduceData {
        index,
        records: records.map(Into::into),
        ..Default::default()
    });
    let topic =
        m::produce::TopicProduceData { name: topic.into(), partition_data: rows.collect(), ..Default::default() };
    Request::Produce(m::produce::ProduceRequest {
        acks,
        timeout_ms: 1000,
        topic_data: vec![topic],
        ..Default::default()
    })
}

fn produce_codes(response: &Response) -> Vec<(ErrorCode, i64)> {
    let Response::Produce(response) = response else { panic!("{response:?}") };
    let rows = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    rows.map(|row| (ErrorCode::new(row.error_code), row.base_offset)).collect()
}

fn batch(values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(rehearsal::base::Timestamp(1_767_225_600_000), Some(b"k"), Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap()
}

/// Puts `value` where it is in the header and makes the checksum right again, if it should be.
fn patched(at: usize, value: &[u8], with_crc: bool) -> Bytes {
    let mut bytes = batch(&["one", "two"]).to_bytes().to_vec();
    bytes[at..at + value.len()].copy_from_slice(value);
    if with_crc {
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    bytes.into()
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_lies_gets_kafkas_code_and_leaves_the_log_alone() {
    let cluster = Cluster::in_memory().topic("t", 1).topic("witness", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let good = batch(&["one", "two"]).to_bytes();
    let doubled = Bytes::from([&good[..], &good[..]].concat());
    let cases: &[(&str, Option<Bytes>, ErrorCode)] = &[
        ("no records", None, ErrorCode::INVALID_RECORD),
        ("empty records", Some(Bytes::new()), ErrorCode::INVALID_RECORD),
        ("a wrong checksum", Some(patched(60, &[0x55], false)), ErrorCode::CORRUPT_MESSAGE),
        ("magic 3", Some(patched(16, &[3], true)), ErrorCode::CORRUPT_MESSAGE),
        ("magic -1", Some(patched(16, &[0xff], true)), ErrorCode::CORRUPT_MESSAGE),
        ("a length beyond the bytes", Some(patched(8, &1_000i32.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("the largest length", Some(patched(8, &i32::MAX.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("a negative length", Some(patched(8, &(-1i32).to_be_bytes(), true)), ErrorCode::CORRUPT_MESSAGE),
        ("a length too short for a header", Some(patched(8, &10i32.to_be_bytes(), true)), ErrorCode::CORRUPT_MESSAGE),
        ("fewer records than claimed", Some(patched(57, &3i32.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("two billion records", Some(patched(57, &i32::MAX.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("minus one records", Some(patched(57, &(-1i32).to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("another last offset", Some(patched(23, &7i32.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("an offset of its own", Some(patched(0, &5i64.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("a control batch", Some(patched(21, &0x20i16.to_be_bytes(), true)), ErrorCode::INVALID_RECORD),
        ("half a batch", Some(good.slice(..good.len() - 1)), ErrorCode::INVALID_RECORD),
        ("half a header", Some(good.slice(..30)), ErrorCode::INVALID_RECORD),
        ("two batches", Some(doubled), ErrorCode::INVALID_RECORD),
    ];
    for version in [3, 8, 9, 12] {
        for (what, records, expected) in cases {
            let response = peer.ask(version, produce("t", -1, records.clone())).await;
            assert_eq!(produce_codes(&response), [(*expected, -1)], "{what}, version {version}");
        }
    }
    assert_eq!(cluster.records("t"), []);
    assert_eq!(produce_codes(&peer.ask(12, produce("t", -1, Some(good))).await), [(ErrorCode::NONE, 0)]);
    assert_eq!(cluster.records("t").len(), 2);
    assert_eq!(cluster.topic("t").unreadable(), Vec::<String>::new());
}

/// Zeros, compressed a thousandfold.
fn bomb(codec: Compression, size: usize) -> Batch {
    let mut builder = BatchBuilder::new().compression(codec);
    builder.append(rehearsal::base::Timestamp(1_767_225_600_000), Some(b"k"), Some(&vec![0; size]), &[]);
    builder.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_decompression_bomb_is_stored_unopened_and_told_of_in_words() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let bombs = [(Compression::Gzip, 17 << 20), (Compression::Zstd, 17 << 20), (Compression::Lz4, 17 << 20)];
    for (codec, size) in bombs {
        let records = bomb(codec, size).to_bytes();
        assert!(records.len() < 110_000, "{codec}: {}", records.len());
        let response = peer.ask(9, produce("t", 1, Some(records))).await;
        assert_eq!(produce_codes(&response)[0].0, ErrorCode::NONE);
    }
    cluster.seed("t", [Record::new("beside")]).unwrap();
    let topic = cluster.topic("t");
    assert_eq!(topic.records().iter().map(|record| record.text()).collect::<Vec<_>>(), ["beside"]);
    let unreadable = topic.unreadable();
    assert_eq!(unreadable.len(), 3);
    assert_eq!(
        unreadable[0],
        "t-0, batch of offsets 0 to 0: gzip data exceeds 16777216 bytes when decompressed; 0 records shown"
    );
    // A reader of our own says so too, and reads on behind it where it is told to.
    let client = Client::connect(&cluster).await.unwrap();
    let mut consumer = client.consumer().decompressed_bytes_max(1 << 20).build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    let error = consumer.recv().await.unwrap_err();
    assert!(error.to_string().contains("1048576"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_bomb_does_not_go_off_where_brokers_look_into_batches() {
    let compacted = NewTopic::new("compacted").partitions(1).config("cleanup.policy", "compact");
    let unpacked = NewTopic::new("unpacked").partitions(1).config("compression.type", "uncompressed");
    let cluster = Cluster::in_memory().new_topic(compacted).new_topic(unpacked).topic("t", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let records = bomb(Compression::Gzip, 17 << 20).to_bytes();
    for topic in ["compacted", "unpacked"] {
        let response = peer.ask(9, produce(topic, 1, Some(records.clone()))).await;
        assert_eq!(produce_codes(&response), [(ErrorCode::MESSAGE_TOO_LARGE, -1)], "{topic}");
    }
    assert_eq!(produce_codes(&peer.ask(9, produce("t", 1, Some(records))).await), [(ErrorCode::NONE, 0)]);
    let row = m::list_offsets::ListOffsetsPartition { timestamp: 1, ..Default::default() };
    let topic = m::list_offsets::ListOffsetsTopic { name: "t".into(), partitions: vec![row], ..Default::default() };
    let request = m::list_offsets::ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let Response::ListOffsets(response) = peer.ask(7, Request::ListOffsets(request)).await else { panic!() };
    assert_eq!((response.topics[0].partitions[0].error_code, response.topics[0].partitions[0].offset), (0, -1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_very_many_bad_records_is_answered_with_some_of_them() {
    let compacted = NewTopic::new("compacted").partitions(1).config("cleanup.policy", "compact");
    let cluster = Cluster::in_memory().new_topic(compacted).start().await.unwrap();
    let mut builder = BatchBuilder::new().compression(Compression::Gzip);
    for _ in 0..20_000 {
        builder.append(rehearsal::base::Timestamp(1_767_225_600_000), None, Some(b""), &[]);
    }
    let mut peer = Peer::connect(&cluster).await;
    let records = builder.build().unwrap().to_bytes();
    let Response::Produce(response) = peer.ask(9, produce("compacted", 1, Some(records))).await else { panic!() };
    let row = &response.responses[0].partition_responses[0];
    assert_eq!((row.error_code, row.record_errors.len()), (ErrorCode::INVALID_RECORD.code(), 10_000));
    assert!(row.error_message.as_ref().unwrap().contains("20000 record errors in total"));
}

#[tokio::test(start_paused = true)]
async fn acks_0_with_an_error_ends_the_connection_and_without_one_is_silent() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    peer.send(9, produce("t", 0, Some(batch(&["x"]).to_bytes()))).await;
    // The next answer is that of the next request.
    let response = peer.ask(9, produce("t", 7, Some(batch(&["x"]).to_bytes()))).await;
    assert_eq!(produce_codes(&response), [(ErrorCode::INVALID_REQUIRED_ACKS, -1)]);
    peer.send(9, produce("t", 0, Some(patched(60, &[0x55], false)))).await;
    assert!(peer.receive().await.is_none());
    assert_eq!(cluster.records("t").len(), 1);
    assert!(cluster.journal().contains("acks=0 failed"));
}

#[tokio::test(start_paused = true)]
async fn a_produce_request_for_a_hundred_thousand_unknown_partitions_is_answered() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let response = peer.ask(9, produce_to("absent", -1, (0..100_000).map(|index| (index, None)))).await;
    let codes = produce_codes(&response);
    assert_eq!(codes.len(), 100_000);
    assert!(codes.iter().all(|row| *row == (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1)));
}

#[tokio::test(start_paused = true)]
async fn negative_sizes_offsets_and_waits_of_a_fetch_are_taken_for_nothing() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    cluster.seed("t", [Record::new("x")]).unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |offset: i64, all: i32, expected: ErrorCode| {
        let row = m::fetch::FetchPartition {
            fetch_offset: offset,
            partition_max_bytes: all,
            log_start_offset: i64::MIN,
            ..Default::default()
        };
        let topic = m::fetch::FetchTopic { topic: "t".into(), partitions: vec![row], ..Default::default() };
        let request = m::fetch::FetchRequest {
            max_wait_ms: all,
            min_bytes: all,
            max_bytes: all,
            session_id: all,
            session_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let Response::Fetch(response) = peer.ask(11, Request::Fetch(request)).await else { panic!() };
        let row = &response.responses[0].partitions[0];
        assert_eq!(ErrorCode::new(row.error_code), expected, "{offset} {all}");
    };
    check(0, i32::MIN, ErrorCode::NONE).await;
    check(0, -1, ErrorCode::NONE).await;
    check(-1, i32::MIN, ErrorCode::OFFSET_OUT_OF_RANGE).await;
    check(i64::MIN, -1, ErrorCode::OFFSET_OUT_OF_RANGE).await;
    check(i64::MAX, i32::MAX, ErrorCode::OFFSET_OUT_OF_RANGE).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_client_id_and_a_negative_correlation_id_are_nothing_special() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let name = "c".repeat(32_767);
    for correlation_id in [-1, i32::MIN, i32::MAX, 0] {
        peer.send_as(correlation_id, Some(&name), 3, api_versions()).await;
        assert_eq!(peer.receive().await.unwrap().0, correlation_id);
    }
    assert_eq!(cluster.requests()[0].client_id(), name);
}

fn api_versions() -> Request {
    Request::ApiVersions(m::api_versions::ApiVersionsRequest {
        client_software_name: "peer".into(),
        client_software_version: "1".into(),
        ..Default::default()
    })
}

/// Illegal names where a name can be given: the code that says so, or that there is no such topic.
#[tokio::test(start_paused = true)]
async fn an_illegal_topic_name_is_refused_by_every_api() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let long = "x".repeat(30_000);
    for name in ["", ".", "..", "a b", "a/b", "ä", "a\0b", "\u{202e}", &long] {
        let bad = ErrorCode::INVALID_TOPIC_EXCEPTION;
        let absent = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let requests = [
            (8, bad, Request::Metadata(metadata(&[name]))),
            (9, absent, produce(name, -1, Some(batch(&["x"]).to_bytes()))),
            (
                9,
                absent,
                Request::Fetch(m::fetch::FetchRequest {
                    session_epoch: -1,
                    topics: vec![m::fetch::FetchTopic {
                        topic: name.into(),
                        partitions: vec![Default::default()],
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                5,
                absent,
                Request::ListOffsets(m::list_offsets::ListOffsetsRequest {
                    topics: vec![m::list_offsets::ListOffsetsTopic {
                        name: name.into(),
                        partitions: vec![m::list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() }],
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                5,
                bad,
                Request::CreateTopics(m::create_topics::CreateTopicsRequest {
                    timeout_ms: 1000,
                    topics: vec![m::create_topics::CreatableTopic {
                        name: name.into(),
                        num_partitions: 1,
                        replication_factor: 1,
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                3,
                absent,
                Request::DeleteTopics(m::delete_topics::DeleteTopicsRequest {
                    timeout_ms: 1000,
                    topic_names: vec![name.into()],
                    ..Default::default()
                }),
            ),
            (
                2,
                absent,
                Request::DeleteRecords(m::delete_records::DeleteRecordsRequest {
                    topics: vec![m::delete_records::DeleteRecordsTopic {
                        name: name.into(),
                        partitions: vec![Default::default()],
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                3,
                absent,
                Request::OffsetForLeaderEpoch(m::offset_for_leader_epoch::OffsetForLeaderEpochRequest {
                    topics: vec![m::offset_for_leader_epoch::OffsetForLeaderTopic {
                        topic: name.into(),
                        partitions: vec![Default::default()],
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                4,
                bad,
                Request::DescribeConfigs(m::describe_configs::DescribeConfigsRequest {
                    resources: vec![m::describe_configs::DescribeConfigsResource {
                        resource_type: 2,
                        resource_name: name.into(),
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                2,
                absent,
                Request::CreatePartitions(m::create_partitions::CreatePartitionsRequest {
                    timeout_ms: 1000,
                    topics: vec![m::create_partitions::CreatePartitionsTopic {
                        name: name.into(),
                        count: 2,
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            ),
            (
                0,
                bad,
                Request::DescribeTopicPartitions(m::describe_topic_partitions::DescribeTopicPartitionsRequest {
                    topics: vec![m::describe_topic_partitions::TopicRequest {
                        name: name.into(),
                        ..Default::default()
                    }],
                    response_partition_limit: 10,
                    ..Default::default()
                }),
            ),
        ];
        for (version, expected, request) in requests {
            let api = request.api_key();
            let response = peer.ask(version, request).await;
            let json = response.to_json(version).unwrap();
            assert_eq!(
                rehearsal::journal::first_error(&json),
                expected,
                "{api} of {:?}",
                name.get(..9).unwrap_or(name)
            );
        }
    }
    assert_eq!(cluster.snapshot().topics.len(), 1);
}

fn metadata(names: &[&str]) -> m::metadata::MetadataRequest {
    let topics =
        names.iter().map(|name| m::metadata::MetadataRequestTopic { name: Some((*name).into()), ..Default::default() });
    m::metadata::MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: true,
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_creates_ten_thousand_partitions_at_most() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let names: Vec<String> = (0..10_001).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Response::Metadata(response) = peer.ask(8, Request::Metadata(metadata(&names))).await else { panic!() };
    assert!(response.topics.iter().all(|row| row.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code()));
    assert_eq!(cluster.snapshot().topics.len(), 0);
    peer.ask(8, Request::Metadata(metadata(&names[..10]))).await;
    assert_eq!(cluster.snapshot().topics.len(), 10);
}

/// A resource of a few bytes is answered with hundreds of configs.
#[tokio::test(start_paused = true)]
async fn a_small_request_does_not_make_an_answer_without_end() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let broker = m::describe_configs::DescribeConfigsResource {
        resource_type: 4,
        resource_name: "1".into(),
        configuration_keys: None,
        ..Default::default()
    };
    let request = m::describe_configs::DescribeConfigsRequest { resources: vec![broker; 5_000], ..Default::default() };
    peer.send(4, Request::DescribeConfigs(request)).await;
    assert!(peer.receive().await.is_none());
    assert!(cluster.journal().contains("more than 250,000 configs"));
}

/// Old clients send bytes that they do not need (see `wire::frame`), so what follows a request is passed over.
#[tokio::test(start_paused = true)]
async fn what_follows_a_request_in_its_frame_is_not_kept() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let mut frame = peer.frame(3, api_versions());
    frame.resize(1 << 20, 0);
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    peer.write(&frame).await;
    assert!(peer.receive().await.is_some());
    assert_eq!(cluster.requests()[0].body()["client_software_name"], "peer");
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order_although_nobody_reads() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let (mut reader, mut writer) = Peer::connect(&cluster).await.split();
    let write = async {
        for correlation_id in 0..20_000 {
            writer.send_as(correlation_id, None, 3, api_versions()).await;
        }
    };
    let written = tokio::time::timeout(Duration::from_secs(60), write).await;
    assert!(written.is_err(), "the peer is held back: its answers and its requests fill both directions");
    let handled = cluster.requests().len();
    assert!(handled < 2_000, "{handled}");
    for correlation_id in 0..i32::try_from(handled).unwrap() {
        assert_eq!(reader.receive().await.unwrap(), correlation_id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_byte_by_byte_is_answered() {
    let cluster = Cluster::in_memory().start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    for byte in peer.frame(3, api_versions()) {
        peer.write(&[byte]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(peer.receive().await.is_some());
}

/// Kafka counts a connection as idle on which nothing comes or goes, whatever it waits for.
#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_or_does_not_read_is_idle_too() {
    let cluster = Cluster::in_memory().topic("t", 1).broker_config("connections.max.idle.ms", "5000");
    let cluster = cluster.start().await.unwrap();
    let ends = |what: &'static str| {
        cluster.wait_until(move |c| c.journal().lines().any(|line| line.contains(what) && line.contains("idle")))
    };
    let row = m::fetch::FetchPartition { partition_max_bytes: 1, ..Default::default() };
    let topic = m::fetch::FetchTopic { topic: "t".into(), partitions: vec![row], ..Default::default() };
    let poll = m::fetch::FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes: 1,
        max_bytes: 1,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let mut waiting = Peer::connect(&cluster).await;
    // The second one is the frame that is read ahead, behind which a hang-up cannot be seen.
    waiting.send(11, Request::Fetch(poll.clone())).await;
    waiting.send(11, Request::Fetch(poll)).await;
    ends("connection 1 ended").await.unwrap();
    assert!(waiting.receive().await.is_none());

    cluster.seed("t", [Record::new("x".repeat(900_000))]).unwrap();
    let mut deaf = Peer::connect(&cluster).await;
    let row = m::fetch::FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = m::fetch::FetchTopic { topic: "t".into(), partitions: vec![row], ..Default::default() };
    let fetch =
        m::fetch::FetchRequest { max_bytes: 1 << 20, topics: vec![topic], session_epoch: -1, ..Default::default() };
    deaf.send(11, Request::Fetch(fetch)).await;
    ends("connection 2 ended").await.unwrap();
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_frame_disturbs_nobody() {
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    let client = Client::connect(&cluster).await.unwrap();
    let producer = client.producer().build();
    for _ in 0..20 {
        let mut peer = Peer::connect(&cluster).await;
        let frame = peer.frame(3, api_versions());
        peer.write(&frame).await;
        peer.write(&frame[..9]).await;
        // The answer has come and is not read: dropping the socket resets the connection.
        cluster.wait_until(|c| c.requests().iter().any(|request| request.client_id() == "peer")).await.unwrap();
        drop(peer);
        producer.send(ProducerRecord::new("t").value("x")).await.unwrap();
    }
    assert_eq!(cluster.records("t").len(), 20);
}
