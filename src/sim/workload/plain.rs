//! Producers that send records without keys, and consumers that read everything, each for itself.

use super::Node;
use super::ORDERS;
use super::Workload;
use crate::client::ProducerRecord;
use crate::client::StartFrom;
use crate::sim::node::AppError;
use std::time::Duration;

pub(super) async fn produce(workload: &Workload, node: &Node) -> Result<(), AppError> {
    let producer = workload.config.producer(node.client()).build();
    for n in 0..workload.records {
        if workload.is_sent(node.index(), n) {
            // What failed is not sent again: the history says whether it may be there.
            let _ = producer.send(ProducerRecord::new(ORDERS).value(n.to_string())).await;
        }
        tokio::time::sleep(Duration::from_millis(workload.pause_ms.into())).await;
    }
    Ok(())
}

pub(super) async fn consume(workload: &Workload, node: &Node) -> Result<(), AppError> {
    node.reads(ORDERS);
    let mut consumer = workload.config.consumer(node.client()).build();
    consumer.assign_topic(ORDERS, StartFrom::Earliest).await?;
    loop {
        tokio::select! {
            biased;
            () = node.stopped() => return Ok(()),
            // A damaged answer is told once; the records come again.
            _ = consumer.recv() => {}
        }
    }
}
