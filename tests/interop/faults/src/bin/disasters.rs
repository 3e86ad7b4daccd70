//! What librdkafka makes of dead leaders, lost records and near replicas; says `ok` or panics.

use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rehearsal::{ApiKey, Cluster, ClusterBuilder, NewTopic, Record};

const WAIT: Duration = Duration::from_secs(30);

fn three_brokers() -> ClusterBuilder {
    Cluster::builder().brokers(3).new_topic(NewTopic::new("t").partitions(1).replication_factor(3))
}

fn settings(cluster: &Cluster) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", cluster.bootstrap_servers()).set_log_level(RDKafkaLogLevel::Emerg);
    settings.set("group.id", "none").set("enable.auto.commit", "false");
    settings
}

fn consumer(settings: &ClientConfig) -> BaseConsumer {
    let consumer: BaseConsumer = settings.create().expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset("t", 0, Offset::Beginning).expect("an offset");
    consumer.assign(&partitions).expect("an assignment");
    consumer
}

/// The next record, or the next error that is not of the network.
async fn next(consumer: BaseConsumer) -> (BaseConsumer, Result<(i64, String), KafkaError>) {
    tokio::task::spawn_blocking(move || {
        loop {
            let polled = match consumer.poll(WAIT).expect("a record in time") {
                Ok(message) => {
                    Ok((message.offset(), String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()))
                }
                Err(error) => Err(error),
            };
            let passes = matches!(
                polled.as_ref().map_err(KafkaError::rdkafka_error_code),
                Err(Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown))
            );
            if !passes {
                return (consumer, polled);
            }
        }
    })
    .await
    .expect("no panic")
}

async fn a_leader_dies_between_records() {
    let cluster = three_brokers().start().await.expect("a cluster");
    let mut settings = settings(&cluster);
    let producer: FutureProducer = settings.set("enable.idempotence", "true").create().expect("a producer");
    let mut consumer = consumer(&settings);
    for n in 0..20 {
        if n == 10 {
            cluster.broker(1).crash().expect("a broker");
        }
        let value = n.to_string();
        let sent = producer.send(FutureRecord::<(), _>::to("t").partition(0).payload(&value), WAIT).await;
        sent.expect("librdkafka finds the next leader");
        let read;
        (consumer, read) = next(consumer).await;
        assert_eq!(read.expect("a record"), (n, value));
    }
    assert_eq!(cluster.partition("t", 0).leader(), Some(2));
}

async fn a_truncated_log_is_noticed() {
    let cluster = three_brokers().start().await.expect("a cluster");
    let partition = cluster.partition("t", 0);
    cluster.seed("t", [Record::new("kept")]).expect("a topic");
    for broker in [2, 3] {
        partition.hold_replication(broker).expect("a partition");
        partition.shrink_isr(broker).expect("a partition");
    }
    cluster.seed("t", [Record::new("lost"), Record::new("lost too")]).expect("a topic");
    let mut settings = settings(&cluster);
    let mut consumer = consumer(settings.set("auto.offset.reset", "error"));
    for expected in ["kept", "lost", "lost too"] {
        let read;
        (consumer, read) = next(consumer).await;
        assert_eq!(read.expect("a record").1, expected);
    }
    cluster.broker(1).shutdown().expect("a broker");
    partition.elect_unclean(2).expect("an election");
    cluster.seed("t", [Record::new("instead")]).expect("a topic");
    let (_, read) = next(consumer).await;
    let code = read.expect_err("what was read is gone").rdkafka_error_code();
    // Its words say that the log was truncated; its code is that of any offset that is not to be reset.
    assert_eq!(code, Some(RDKafkaErrorCode::AutoOffsetReset));
    let asked = cluster.requests().iter().any(|request| request.api() == ApiKey::OffsetForLeaderEpoch);
    assert!(asked, "librdkafka compares epochs");
}

async fn the_replica_in_the_rack_is_read() {
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let builder = three_brokers().racks(["r1", "r2", "r3"]).broker_config("replica.selector.class", selector);
    let cluster = builder.start().await.expect("a cluster");
    cluster.seed("t", [Record::new("x")]).expect("a topic");
    let (_, read) = next(consumer(settings(&cluster).set("client.rack", "r3"))).await;
    assert_eq!(read.expect("a record"), (0, "x".to_owned()));
    let fetched =
        |id: i32| cluster.requests().iter().any(|request| request.api() == ApiKey::Fetch && request.broker().0 == id);
    assert!(fetched(1) && fetched(3) && !fetched(2), "the leader sends it to broker 3");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    a_leader_dies_between_records().await;
    a_truncated_log_is_noticed().await;
    the_replica_in_the_rack_is_read().await;
    println!("ok");
}
