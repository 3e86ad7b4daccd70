//! Consumers: each for itself, and members of a group.

use super::GROUP;
use super::Node;
use super::ORDERS;
use super::Workload;
use crate::check::CommitPolicy;
use crate::client;
use crate::client::Consumer;
use crate::client::ConsumerRecord;
use crate::client::StartFrom;
use crate::sim::node::AppError;
use std::time::Duration;

/// How many records are processed between two commits.
const BATCH: usize = 10;
/// How long a batch is waited for.
const POLL: Duration = Duration::from_secs(1);
/// How long nothing is asked for after an error.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Reads all partitions of a topic, from their start, until the run is over.
pub(super) async fn alone(workload: &Workload, node: &Node, topic: &str) -> Result<(), AppError> {
    node.reads(topic);
    let mut consumer = workload.config.consumer(node.client()).build();
    while consumer.assign_topic(topic, StartFrom::Earliest).await.is_err() {
        // A process that comes back in the midst of faults has time.
        tokio::time::sleep(AFTER_ERROR).await;
    }
    loop {
        tokio::select! {
            biased;
            () = node.stopped() => return Ok(()),
            record = consumer.recv() => {
                if let Err(error) = record {
                    tokio::time::sleep(AFTER_ERROR).await;
                    if !error.is_retriable() {
                        read_again(&mut consumer)?;
                    }
                }
            }
        }
    }
}

/// A partition whose records were damaged rests until somebody says where to go on: where it was.
fn read_again(consumer: &mut Consumer) -> client::Result<()> {
    for partition in consumer.assignment() {
        let start = consumer.position(&partition).map_or(StartFrom::Earliest, StartFrom::Offset);
        consumer.seek(&partition, start)?;
    }
    Ok(())
}

/// Reads what the group gives it, processes it, and commits in the order that is configured.
pub(super) async fn in_group(workload: &Workload, node: &Node) -> Result<(), AppError> {
    node.processes(ORDERS);
    let policy = workload.commit_policy();
    let is_auto = policy == CommitPolicy::Auto;
    let member = || -> client::Result<Consumer> {
        let consumer = workload.config.consumer(node.client()).group_id(GROUP).enable_auto_commit(is_auto);
        let mut consumer = consumer.build();
        consumer.subscribe([ORDERS])?;
        Ok(consumer)
    };
    let mut consumer = member()?;
    loop {
        let polled = tokio::select! {
            biased;
            () = node.stopped() => break,
            polled = consumer.poll_batch(BATCH, POLL) => polled,
        };
        let records = match polled {
            Ok(records) => records,
            Err(error) => {
                tokio::time::sleep(AFTER_ERROR).await;
                if !error.is_retriable() {
                    // A member that cannot go on is replaced by a new one.
                    consumer = member()?;
                }
                continue;
            }
        };
        match policy {
            CommitPolicy::BeforeProcessed => {
                commit(&mut consumer).await;
                process(workload, node, &records).await;
            }
            CommitPolicy::Auto => process(workload, node, &records).await,
            CommitPolicy::AfterProcessed | CommitPolicy::InTransaction => {
                process(workload, node, &records).await;
                commit(&mut consumer).await;
            }
        }
    }
    // What could not be committed is read again by somebody.
    let _ = consumer.close().await;
    Ok(())
}

/// A commit that fails is covered by the next one; that of nothing new costs nothing worth saving.
async fn commit(consumer: &mut Consumer) {
    let _ = consumer.commit().await;
}

async fn process(workload: &Workload, node: &Node, records: &[ConsumerRecord]) {
    for record in records {
        tokio::time::sleep(Duration::from_millis(workload.config.process_ms.into())).await;
        node.processed(GROUP, record);
    }
}
