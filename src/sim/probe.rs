//! What is tried once all should be well: a record is written, read and committed for a group, plainly and in a
//! transaction.
//!
//! Not here: the application's own operations. The probe is no part of a history, since nobody depends on its records.

use super::system::System;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Seed;
use crate::client::Client;
use crate::client::Consumer;
use crate::client::IsolationLevel;
use crate::client::ProducerRecord;
use crate::client::StartFrom;
use crate::client::TopicPartition;
use crate::config::NewTopic;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// The topic, group and transactional id of the probe.
pub(super) const PROBE: &str = "rehearsal.probe";
/// How long one step may take: longer than any session that the run has left behind.
const STEP: Duration = Duration::from_secs(60);

/// Tries it; in words what did not work.
pub(super) async fn run(system: &System) -> Result<(), String> {
    let cluster = system.cluster();
    let brokers = cluster.look(|engine, _| engine.running_brokers());
    let replicas = i16::try_from(brokers.min(3)).unwrap_or(3);
    let topic = NewTopic::new(PROBE).partitions(1).replication_factor(replicas.max(1));
    let topic = topic.config("min.insync.replicas", "1");
    // There is one already when the run was healed before.
    let _ = cluster.create_topic(topic);
    let own = Seed(system.inner.seed.stream("client/probe").next_u64());
    let client = Client::builder().endpoint(cluster.endpoint()).client_id(PROBE).seed(own);
    let client = step("connect", client.connect()).await?;
    let place = TopicPartition::new(PROBE, 0).map_err(|error| error.to_string())?;

    let producer = client.producer().build();
    let plain = step("produce", producer.send(ProducerRecord::new(PROBE).value("plain"))).await?;
    let consumer = client.consumer().group_id(PROBE).enable_auto_commit(false);
    let mut consumer = consumer.isolation_level(IsolationLevel::ReadCommitted).build();
    consumer.assign([(place.clone(), StartFrom::Offset(plain.offset))]);
    read(&mut consumer, plain.offset).await?;
    step("commit", consumer.commit()).await?;
    let committed = step("ask for what was committed", consumer.committed([&place])).await?;
    if committed.get(&place).cloned().flatten().is_none() {
        return Err("what it committed was forgotten".to_owned());
    }

    let producer = client.producer().transactional(PROBE);
    let mut producer = step("take a transactional id", producer.init()).await?;
    let transaction = step("begin a transaction", producer.begin()).await?;
    let record = ProducerRecord::new(PROBE).value("transactional");
    let delivery = step("produce in a transaction", transaction.enqueue(record)).await?;
    step("commit a transaction", transaction.commit()).await?;
    let written = step("produce in a transaction", delivery).await?;
    read(&mut consumer, written.offset).await?;
    let _ = consumer.close().await;
    Ok(())
}

async fn read(consumer: &mut Consumer, offset: Offset) -> Result<(), String> {
    let record = step("read", consumer.recv()).await?;
    if (record.partition, record.offset) == (PartitionIndex(0), offset) {
        return Ok(());
    }
    Err(format!("it wrote at offset {offset} and was given offset {}", record.offset))
}

async fn step<T, E: Display>(what: &str, done: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(STEP, done).await {
        Ok(result) => result.map_err(|error| format!("it could not {what}: {error}")),
        Err(_) => Err(format!("it could not {what} within {} s", STEP.as_secs())),
    }
}
