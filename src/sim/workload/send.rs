//! Producers: of records with and without keys, and of values that replace each other.

use super::Kind;
use super::Node;
use super::ORDERS;
use super::Workload;
use crate::client::ProducerRecord;
use crate::sim::node::AppError;
use std::collections::VecDeque;
use std::time::Duration;

/// How many keys a producer has.
const KEYS: u32 = 7;
/// Of the records of a compacted topic, one in so many says that its key is gone.
const TOMBSTONE_EVERY: u32 = 10;

pub(super) async fn run(workload: &Workload, node: &Node) -> Result<(), AppError> {
    let producer = workload.config.producer(node.client()).build();
    let ahead = usize::try_from(workload.config.ahead).unwrap_or(usize::MAX);
    let mut under_way = VecDeque::new();
    for n in 0..workload.records {
        if workload.is_sent(node.index(), n) {
            // What failed is not sent again: the history says whether it may be there.
            under_way.extend(producer.enqueue(record(workload.kind, node.index(), n)).await);
        }
        while under_way.len() >= ahead {
            let Some(first) = under_way.pop_front() else { break };
            let _ = first.await;
        }
        tokio::select! {
            biased;
            // Waited for beside the pause only: who is told to end does, between two records.
            () = node.asked_to_stop() => break,
            () = tokio::time::sleep(Duration::from_millis(workload.pause_ms.into())) => {}
        }
    }
    for sent in under_way {
        let _ = sent.await;
    }
    Ok(())
}

fn record(kind: Kind, producer: usize, n: u32) -> ProducerRecord {
    let record = ProducerRecord::new(ORDERS);
    let keyed = |record: ProducerRecord| record.key(format!("p{producer}-k{}", n % KEYS));
    match kind {
        Kind::Plain | Kind::App => record.value(n.to_string()),
        Kind::Compacted if n % TOMBSTONE_EVERY == TOMBSTONE_EVERY - 1 => keyed(record),
        _ => keyed(record).value(n.to_string()),
    }
}
