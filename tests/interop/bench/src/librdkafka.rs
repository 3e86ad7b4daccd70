//! The work as librdkafka's clients do it.

use crate::target::TOPIC;
use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use std::time::Duration;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

pub fn producer(bootstrap_servers: &str, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("compression.type", "none")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "1000000")
        .set("delivery.report.only.error", "true");
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    config.create().expect("settings that librdkafka knows")
}

/// Hands over `count` records, to all partitions in turns of 500 if told how many there are, and waits for the last acknowledgement.
pub fn produce(producer: &BaseProducer, count: usize, size: usize, partitions: Option<usize>) {
    let payload = vec![b'x'; size];
    for at in 0..count {
        let mut record = BaseRecord::<(), [u8]>::to(TOPIC).payload(&payload[..]);
        if let Some(partitions) = partitions {
            record = record.partition(i32::try_from(at / 500 % partitions).expect("a few partitions"));
        }
        while let Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) = producer.send(record) {
            producer.poll(Duration::from_millis(10));
            record = unsent;
        }
        if at % 10_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(PATIENCE).expect("all records are acknowledged");
}

/// A consumer that is given all partitions from their beginning.
pub fn consumer(bootstrap_servers: &str, partitions: usize, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set("group.id", "bench").set("enable.auto.commit", "false");
    // Otherwise a full queue makes it pause for a second, whatever it reads from.
    config.set("fetch.queue.backoff.ms", "10");
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    let consumer: BaseConsumer = config.create().expect("settings that librdkafka knows");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        let partition = i32::try_from(partition).expect("a few partitions");
        assignment.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("a partition");
    }
    // Otherwise it looks for the leaders half a second later.
    consumer.fetch_metadata(Some(TOPIC), PATIENCE).expect("a running cluster");
    consumer.assign(&assignment).expect("an assignment");
    consumer
}

/// Reads `count` records.
pub fn consume(consumer: &BaseConsumer, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < count {
        match consumer.poll(Duration::from_millis(1000)) {
            Some(Ok(_)) => seen += 1,
            Some(Err(error)) => panic!("cannot read: {error}"),
            None => assert!(Instant::now() < deadline, "only {seen} of {count} records came"),
        }
    }
}
