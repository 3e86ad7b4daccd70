//! In a paused runtime a cluster and its clients live in virtual time.

use rehearsal::base::BrokerId;
use rehearsal::client::{Client, ProducerRecord, Target};
use rehearsal::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use rehearsal::{ApiKey, Cluster, Record};
use std::time::Duration;
use tokio::time::Instant;

fn long_poll(fetch_offset: i64, max_wait_ms: i32) -> FetchRequest {
    let row = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![row], ..FetchTopic::default() };
    FetchRequest { max_wait_ms, min_bytes: 1, session_epoch: -1, topics: vec![topic], ..FetchRequest::default() }
}

async fn client_of(cluster: &Cluster) -> Client {
    Client::connect(cluster).await.unwrap()
}

/// The topic's id is looked up by the client; asking in version 12 names it.
async fn fetch(client: &Client, request: &FetchRequest) -> i64 {
    let answer = client.call_at_most(Target::Broker(BrokerId(1)), request, 12).await.unwrap();
    let row = &answer.responses[0].partitions[0];
    assert_eq!(row.error_code, 0);
    row.high_watermark
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_idle_long_polls_passes_at_once() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let start = Instant::now();
    for _ in 0..180 {
        assert_eq!(fetch(&client, &long_poll(0, 20_000)).await, 0);
    }
    assert_eq!(start.elapsed().as_secs(), 3_600);
    let polls = cluster.requests().into_iter().filter(|exchange| exchange.api() == ApiKey::Fetch);
    let waited: Vec<u128> = polls.map(|poll| poll.answered_at.unwrap().since(poll.at).as_millis()).collect();
    assert_eq!(waited, [20_000; 180]);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_in_the_instant_of_the_append() {
    let cluster = Cluster::in_memory().brokers(3).topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let start = Instant::now();
    let producer = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        cluster.seed("t", [Record::new("x")]).unwrap();
    };
    let poll = long_poll(0, 20_000);
    let (high_watermark, ()) = tokio::join!(fetch(&client, &poll), producer);
    assert_eq!((high_watermark, start.elapsed().as_secs()), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn retention_passes_with_virtual_time() {
    let topic =
        rehearsal::NewTopic::new("t").partitions(1).config("retention.ms", "60000").config("segment.ms", "10000");
    let cluster = Cluster::in_memory().new_topic(topic).start().await.unwrap();
    cluster.seed("t", [Record::new("old")]).unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    cluster.seed("t", [Record::new("new")]).unwrap();
    assert_eq!(cluster.records("t").len(), 2);
    // The next check after the first record's minute is over.
    tokio::time::sleep(Duration::from_secs(300)).await;
    let partition = cluster.partition("t", 0).snapshot().unwrap();
    assert!(partition.log_start_offset.0 >= 1, "{partition:?}");
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_test_have_the_same_journal() {
    async fn run() -> String {
        let cluster = Cluster::in_memory().brokers(3).topic("t", 6).seed(7).start().await.unwrap();
        let client = client_of(&cluster).await;
        let producer = client.producer().build();
        for n in 0..20 {
            let record = ProducerRecord::new("t").key(format!("k{n}")).value("v");
            producer.send(record).await.unwrap();
        }
        producer.close().await;
        cluster.journal()
    }
    let first = run().await;
    assert!(first.lines().count() > 40, "{first}");
    assert_eq!(first, run().await);
}
