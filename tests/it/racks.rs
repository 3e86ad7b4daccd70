//! Consumers that read from the replica in their rack (KIP-392).

use rehearsal::client::Client;
use rehearsal::client::Consumer;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::{ApiKey, Cluster, ErrorCode, Fault, NewTopic};
use std::time::Duration;
use tokio::time::timeout;

const SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// Reads what there is, and says which broker handed it out last.
async fn read(cluster: &Cluster, consumer: &mut Consumer, expected: std::ops::Range<i64>) -> i32 {
    for offset in expected {
        let record = timeout(Duration::from_secs(60), consumer.recv()).await.expect("it goes on").unwrap();
        assert_eq!(record.offset.0, offset, "nothing comes twice, and nothing is left out");
    }
    assert!(timeout(Duration::from_secs(2), consumer.recv()).await.is_err());
    let fetches = cluster.requests().into_iter().filter(|exchange| exchange.api() == ApiKey::Fetch);
    fetches.last().unwrap().broker().0
}

async fn send(client: &Client, values: std::ops::Range<i64>) {
    let producer = client.producer().build();
    for value in values {
        producer.send(ProducerRecord::new("t").value(value.to_string())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_reads_in_its_rack_as_long_as_it_can() {
    let cluster = Cluster::in_memory().brokers(3).racks(["r1", "r2", "r3"]);
    let cluster = cluster.broker_config("replica.selector.class", SELECTOR);
    let topic = NewTopic::new("t").partitions(1).replication_factor(3);
    let cluster = cluster.new_topic(topic).start().await.unwrap();
    let client = Client::builder().endpoint(cluster.endpoint()).metadata_max_age(Duration::from_secs(60));
    let client = client.connect().await.unwrap();
    send(&client, 0..5).await;

    let mut consumer = client.consumer().client_rack("r3").build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    assert_eq!(read(&cluster, &mut consumer, 0..5).await, 3);

    // It has no such offset, it says; the leader has, and names it again.
    let refused = Fault::on(ApiKey::Fetch).broker(3).error(ErrorCode::OFFSET_OUT_OF_RANGE);
    let refused = cluster.inject(refused).unwrap();
    send(&client, 5..10).await;
    assert_eq!(read(&cluster, &mut consumer, 5..10).await, 3);
    refused.assert_fired();

    cluster.broker(3).crash().unwrap();
    send(&client, 10..15).await;
    assert_eq!(read(&cluster, &mut consumer, 10..15).await, 1, "the leader is left");
    cluster.broker(3).restart().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    send(&client, 15..20).await;
    assert_eq!(read(&cluster, &mut consumer, 15..20).await, 3, "it is in sync again");

    // Another leader, and a consumer in its rack: nobody is named.
    cluster.partition("t", 0).elect(3).unwrap();
    send(&client, 20..25).await;
    assert_eq!(read(&cluster, &mut consumer, 20..25).await, 3);

    let mut elsewhere = client.consumer().client_rack("r9").build();
    elsewhere.assign_topic("t", StartFrom::Earliest).await.unwrap();
    assert_eq!(read(&cluster, &mut elsewhere, 0..25).await, 3, "there is nobody in its rack");
}
