//! Consume, transform, produce: each input has one output, and both count together.

use super::GROUP;
use super::Node;
use super::ORDERS;
use super::SHIPMENTS;
use super::Workload;
use crate::check::CommitPolicy;
use crate::client::Consumer;
use crate::client::ConsumerRecord;
use crate::client::Pipeline;
use crate::client::ProducerRecord;
use crate::client::TransactionError;
use crate::client::TransactionalProducer;
use crate::sim::node::AppError;
use std::time::Duration;

/// How many records one transaction takes at most.
const BATCH: usize = 10;
/// How long a copier waits before it starts over.
const AFTER_ERROR: Duration = Duration::from_millis(200);

pub(super) async fn run(workload: &Workload, node: &Node) -> Result<(), AppError> {
    node.copies(ORDERS);
    while !is_done(workload, node).await {
        // Fenced, or without a coordinator for too long: a new producer goes on where the last commit left off.
        tokio::time::sleep(AFTER_ERROR).await;
    }
    Ok(())
}

/// Copies until the run is over, or until this producer can commit nothing any more.
async fn is_done(workload: &Workload, node: &Node) -> bool {
    let consumer = workload.config.consumer(node.client()).group_id(GROUP).enable_auto_commit(false);
    let mut consumer = consumer.build();
    if consumer.subscribe([ORDERS]).is_err() {
        return true;
    }
    let timeout = Duration::from_millis(workload.config.transaction_timeout_ms.into());
    let producer = workload.config.producer(node.client()).transactional(format!("copier-{}", node.index()));
    let producer = tokio::select! {
        biased;
        () = node.stopped() => return true,
        producer = producer.transaction_timeout(timeout).init() => producer,
    };
    let Ok(producer) = producer else { return false };
    match workload.commit_policy() {
        CommitPolicy::InTransaction => exactly_once(node, consumer, producer).await,
        _ => with_offsets_apart(workload, node, consumer, producer).await,
    }
}

async fn exactly_once(node: &Node, consumer: Consumer, producer: TransactionalProducer) -> bool {
    let Ok(pipeline) = Pipeline::new(consumer, producer) else { return true };
    let mut pipeline = pipeline.max_poll_records(BATCH);
    loop {
        let step = tokio::select! {
            biased;
            () = node.stopped() => {
                let (consumer, _) = pipeline.into_parts();
                let _ = consumer.close().await;
                return true;
            }
            step = pipeline.step(|input| [output(node, input)]) => step,
        };
        match step {
            Ok(_) => {}
            Err(TransactionError::Fatal(_)) => return false,
            Err(_) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

/// The wrong way: outputs in transactions, and offsets committed beside them.
async fn with_offsets_apart(
    workload: &Workload,
    node: &Node,
    mut consumer: Consumer,
    mut producer: TransactionalProducer,
) -> bool {
    loop {
        let polled = tokio::select! {
            biased;
            () = node.stopped() => return true,
            polled = consumer.poll_batch(BATCH, AFTER_ERROR) => polled,
        };
        let records = match polled {
            Ok(records) => records,
            Err(error) if error.is_retriable() => {
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
            Err(_) => return false,
        };
        if records.is_empty() {
            continue;
        }
        let is_before = workload.commit_policy() == CommitPolicy::BeforeProcessed;
        if is_before {
            let _ = consumer.commit().await;
        }
        if write(node, &mut producer, &records).await.is_err() {
            return false;
        }
        if !is_before {
            let _ = consumer.commit().await;
        }
    }
}

async fn write(
    node: &Node,
    producer: &mut TransactionalProducer,
    records: &[ConsumerRecord],
) -> Result<(), TransactionError> {
    let transaction = producer.begin().await?;
    for record in records {
        transaction.send(output(node, record)).await?;
    }
    transaction.commit().await
}

fn output(node: &Node, input: &ConsumerRecord) -> ProducerRecord {
    let output = ProducerRecord::new(SHIPMENTS).value(input.value.clone().unwrap_or_default());
    let output = match &input.key {
        Some(key) => output.key(key.clone()),
        None => output,
    };
    node.made_from(output, input)
}
