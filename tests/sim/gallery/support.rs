//! What many rows share: topics, processes that send and read, and leaders that die.
//!
//! Not here: what a row is about.

use super::Side;
use rehearsal::NewTopic;
use rehearsal::client::{
    Acks, ClientMutant, ConsumerBuilder, ConsumerRecord, IsolationLevel, OffsetReset, Pipeline, Producer,
    ProducerRecord, Progress, StartFrom, TransactionError,
};
use rehearsal::sim::{AppError, Node, Simulation, System};
use std::time::Duration;

/// The topic that most rows are about.
pub(super) const TOPIC: &str = "t";
/// Where pipelines write.
pub(super) const OUTPUT: &str = "out";
/// The group of those who read it together.
pub(super) const GROUP: &str = "g";

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One partition on three brokers.
pub(super) fn topic() -> NewTopic {
    NewTopic::new(TOPIC).partitions(1).replication_factor(3)
}

/// One partition on three brokers, which an acknowledgement of two of them suffices for.
pub(super) fn safe_topic() -> NewTopic {
    topic().config("min.insync.replicas", "2")
}

/// Three brokers that have this topic.
pub(super) fn cluster(topic: NewTopic) -> Simulation {
    Simulation::new(1).brokers(3).new_topic(topic)
}

pub(super) fn record(n: u32) -> ProducerRecord {
    ProducerRecord::new(TOPIC).value(n.to_string())
}

/// How a process sends.
#[derive(Clone, Copy)]
pub(super) struct Sending {
    pub(super) acks: Acks,
    pub(super) idempotent: bool,
    pub(super) count: u32,
    /// How long it waits after each record.
    pub(super) pause: Duration,
    pub(super) delivery_timeout: Duration,
}

impl Default for Sending {
    fn default() -> Self {
        Self { acks: Acks::All, idempotent: true, count: 100, pause: ms(20), delivery_timeout: secs(120) }
    }
}

impl Sending {
    pub(super) fn producer(self, node: &Node) -> Producer {
        let producer = node.client().producer().acks(self.acks).enable_idempotence(self.idempotent);
        producer.delivery_timeout(self.delivery_timeout).build()
    }

    /// Sends one record after another; what fails is not sent again.
    pub(super) async fn run(self, node: &Node) {
        let producer = self.producer(node);
        for n in 0..self.count {
            // The history says what became of it.
            let _ = producer.send(record(n)).await;
            tokio::time::sleep(self.pause).await;
        }
        producer.close().await;
    }
}

/// Sends forty records, two of them on their way at a time, each a batch of its own.
pub(super) async fn send_in_pairs(node: &Node) -> Result<(), AppError> {
    let producer = node.client().producer().batch_size(1).build();
    for n in 0..20 {
        let (one, other) = (producer.enqueue(record(2 * n)).await?, producer.enqueue(record(2 * n + 1)).await?);
        // The history says what became of them.
        let _ = (one.await, other.await);
        tokio::time::sleep(ms(20)).await;
    }
    producer.close().await;
    Ok(())
}

/// Reads the topic from its start until nothing comes for a while, and gives what it was handed.
pub(super) async fn read(node: &Node, idle: Duration) -> Result<Vec<ConsumerRecord>, AppError> {
    read_isolated(node, IsolationLevel::ReadUncommitted, idle).await
}

/// Does so at this isolation level.
pub(super) async fn read_isolated(
    node: &Node,
    isolation: IsolationLevel,
    idle: Duration,
) -> Result<Vec<ConsumerRecord>, AppError> {
    let consumer = node.client().consumer().auto_offset_reset(OffsetReset::Earliest).isolation_level(isolation);
    let mut consumer = consumer.build();
    consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
    let mut records = Vec::new();
    while let Ok(record) = tokio::time::timeout(idle, consumer.recv()).await {
        // A damaged answer is told once; the records come again.
        records.extend(record.ok());
    }
    Ok(records)
}

/// The followers stop fetching; a moment later the leader dies, one of them takes over, and the dead one comes back.
pub(super) async fn leader_dies_ahead_of_its_followers(system: &System, after: Duration) -> Result<(), AppError> {
    let cluster = system.cluster();
    let partition = cluster.partition(TOPIC, 0);
    tokio::time::sleep(after).await;
    for follower in [2, 3] {
        partition.hold_replication(follower)?;
    }
    tokio::time::sleep(ms(400)).await;
    cluster.broker(1).crash()?;
    for follower in [2, 3] {
        partition.release_replication(follower)?;
    }
    tokio::time::sleep(secs(5)).await;
    cluster.broker(1).restart()?;
    Ok(())
}

/// A member of the group that reads from the start, and commits only what it is told to.
pub(super) fn member(node: &Node) -> ConsumerBuilder {
    let consumer = node.client().consumer().group_id(GROUP).auto_offset_reset(OffsetReset::Earliest);
    // Long polls, since there is much idle time.
    consumer.session_timeout(secs(10)).fetch_max_wait(secs(5)).enable_auto_commit(false)
}

/// A member that takes part in transactions.
pub(super) fn transactional_member(node: &Node) -> ConsumerBuilder {
    member(node).isolation_level(IsolationLevel::ReadCommitted)
}

/// What becomes of an input, with the place it came from.
pub(super) fn output(record: &ConsumerRecord) -> ProducerRecord {
    let source = format!("{}-{}@{}", record.topic, record.partition, record.offset);
    let output = ProducerRecord::new(OUTPUT).partition(record.partition).header("kf-src", source);
    output.value(record.value.clone().unwrap_or_default())
}

/// Copies the topic, each batch in a transaction, until nothing comes for a while; it pauses before each batch.
pub(super) async fn copy_pipeline(node: &Node, pause: Duration) -> Result<(), AppError> {
    let mut consumer = transactional_member(node).build();
    consumer.subscribe([TOPIC])?;
    let producer = node.client().producer().transactional(format!("copy-{}", node.index())).init().await?;
    let mut pipeline = Pipeline::new(consumer, producer)?.max_poll_records(5).poll_timeout(secs(15));
    loop {
        match pipeline.step(|record| [output(record)]).await {
            Ok(Progress::Idle) => return Ok(()),
            Ok(_) | Err(TransactionError::Retriable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
    }
}

/// The wrong side has this bug in the clients of all processes.
pub(super) fn planted(simulation: Simulation, side: Side, bug: ClientMutant) -> Simulation {
    simulation.client(move |builder, _| if side.is_wrong() { builder.mutant(bug) } else { builder })
}
