//! Peers that do not keep to the protocol: they lose their connection, and nobody else loses anything.

use rehearsal::client::{Client, ProducerRecord};
use rehearsal::{Cluster, ErrorCode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(cluster: &Cluster) -> TcpStream {
    TcpStream::connect(cluster.bootstrap_servers().split(',').next().unwrap()).await.unwrap()
}

/// Sends `bytes`, expects to be cut off, and that the journal says why.
async fn check(bytes: &[u8], reason: &str) {
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    let bystander = Client::connect(&cluster).await.unwrap();
    let producer = bystander.producer().build();
    producer.send(ProducerRecord::new("t").value("before")).await.unwrap();

    let mut peer = connect(&cluster).await;
    peer.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as any.
    let _ = tokio::time::timeout(Duration::from_secs(5), peer.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"", "{reason}");
    cluster.wait_until(|c| c.journal().contains(reason)).await.unwrap();

    producer.send(ProducerRecord::new("t").value("after")).await.unwrap();
    assert_eq!(cluster.records("t").len(), 2);
}

#[tokio::test]
async fn a_negative_length_ends_the_connection() {
    check(&(-1i32).to_be_bytes(), "-1").await;
}

#[tokio::test]
async fn a_length_beyond_the_limit_ends_the_connection() {
    check(&i32::MAX.to_be_bytes(), "2147483647").await;
}

#[tokio::test]
async fn a_frame_without_a_header_ends_the_connection() {
    check(b"\0\0\0\x01\0", "cannot read a request header").await;
}

#[tokio::test]
async fn an_unknown_api_ends_the_connection() {
    check(b"\0\0\0\x0a\x03\xe7\0\0\0\0\0\x01\xff\xff", "API key 999").await;
}

#[tokio::test]
async fn an_unknown_version_ends_the_connection() {
    check(b"\0\0\0\x0a\0\x03\0\x63\0\0\0\x01\xff\xff", "Metadata version 99").await;
}

#[tokio::test]
async fn a_body_that_ends_too_early_ends_the_connection() {
    check(b"\0\0\0\x0b\0\x03\0\x01\0\0\0\x01\xff\xff\0", "the frame ends inside a value").await;
}

#[tokio::test]
async fn an_array_of_more_elements_than_bytes_ends_the_connection() {
    // Metadata version 9: a compact array of 2^32 - 2 topics.
    check(b"\0\0\0\x10\0\x03\0\x09\0\0\0\x01\xff\xff\0\xff\xff\xff\xff\x0f", "the frame ends inside a value").await;
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let cluster = Cluster::start().await.unwrap();
    let mut peer = connect(&cluster).await;
    peer.write_all(b"\0\0\0\x0a\0\x12\0\x63\0\0\0\x07\xff\xff").await.unwrap();
    let length = peer.read_i32().await.unwrap();
    assert_eq!(peer.read_i32().await.unwrap(), 7);
    assert_eq!(peer.read_i16().await.unwrap(), ErrorCode::UNSUPPORTED_VERSION.code());
    assert_eq!(peer.read_i32().await.unwrap(), 1, "one API is told: ApiVersions itself");
    assert_eq!(peer.read_i16().await.unwrap(), 18);
    assert_eq!((peer.read_i16().await.unwrap(), peer.read_i16().await.unwrap()), (0, 4));
    assert_eq!(length, 4 + 2 + 4 + 6);
}

#[tokio::test]
async fn a_peer_that_stops_reading_holds_up_nobody_else() {
    let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
    let value = "x".repeat(500_000);
    for _ in 0..20 {
        cluster.seed("t", [rehearsal::Record::new(value.clone())]).unwrap();
    }
    // Two hundred fetches of ten megabytes each, and not a byte is read.
    let mut greedy = connect(&cluster).await;
    let fetch = fetch_frame(10 << 20);
    let wrote = tokio::time::timeout(Duration::from_millis(300), async {
        for _ in 0..200 {
            greedy.write_all(&fetch).await.unwrap();
        }
    });
    let _ = wrote.await;
    let client = Client::connect(&cluster).await.unwrap();
    client.producer().build().send(ProducerRecord::new("t").value("through")).await.unwrap();
    assert_eq!(cluster.records("t").len(), 21);
    // One answer is on its way and one more request may have been read; the others wait in the socket.
    let fetches = cluster.requests().iter().filter(|exchange| exchange.api() == rehearsal::ApiKey::Fetch).count();
    assert!((1..=8).contains(&fetches), "{fetches}");
}

fn fetch_frame(bytes: i32) -> Vec<u8> {
    use rehearsal::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
    use rehearsal::wire::{Request, RequestHeader, frame};
    let row = FetchPartition { partition_max_bytes: bytes, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![row], ..FetchTopic::default() };
    let request = FetchRequest { max_bytes: bytes, topics: vec![topic], ..FetchRequest::default() };
    let header = RequestHeader { api_key: 1, api_version: 11, correlation_id: 1, client_id: None };
    frame::encode_request(&header, &Request::Fetch(request)).unwrap().concat()
}

#[tokio::test]
async fn hundreds_of_silent_connections_cost_little_and_are_let_go_of() {
    let cluster = Cluster::builder().broker_config("connections.max.idle.ms", "1000").start().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(connect(&cluster).await);
    }
    cluster.wait_until(|c| c.journal().lines().filter(|line| line.contains("idle")).count() == 300).await.unwrap();
    let mut byte = [0];
    assert_eq!(silent[299].read(&mut byte).await.unwrap(), 0, "the broker has hung up");
}

#[tokio::test]
#[tracing_test::traced_test]
async fn why_a_connection_was_closed_is_logged() {
    let cluster = Cluster::start().await.unwrap();
    let mut peer = connect(&cluster).await;
    peer.write_all(b"\0\0\0\x0a\x03\xe7\0\0\0\0\0\x01\xff\xff").await.unwrap();
    cluster.wait_until(|c| c.journal().contains("ended")).await.unwrap();
    assert!(logs_contain("connection ended"));
    assert!(logs_contain("API key 999 version 0: API key 999 is not known"));
}
