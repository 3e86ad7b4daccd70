//! The work as our own client does it.

use crate::target::TOPIC;
use rehearsal::client::Acks;
use rehearsal::client::Client;
use rehearsal::client::Consumer;
use rehearsal::client::Producer;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::net::Endpoint;
use std::time::Duration;

pub async fn connect(endpoint: &Endpoint) -> Client {
    Client::connect(endpoint.clone()).await.expect("a running cluster")
}

pub fn producer(client: &Client, acks: Acks) -> Producer {
    client.producer().acks(acks).batch_size(128 << 10).linger(Duration::from_millis(5)).build()
}

pub async fn produce(producer: &Producer, count: usize, size: usize) {
    let payload = bytes(size);
    for _ in 0..count {
        let _sent =
            producer.enqueue(ProducerRecord::new(TOPIC).value(payload.clone())).await.expect("room in the buffer");
    }
    producer.flush().await;
}

pub async fn consume(client: &Client, count: usize) -> usize {
    let mut consumer: Consumer = client.consumer().build();
    consumer.assign_topic(TOPIC, StartFrom::Earliest).await.expect("a topic");
    let mut read = 0;
    for _ in 0..count {
        let record = consumer.recv().await.expect("a record");
        read += record.value.as_ref().map_or(0, |value| value.len());
    }
    read
}

fn bytes(size: usize) -> bytes::Bytes {
    vec![b'x'; size].into()
}
