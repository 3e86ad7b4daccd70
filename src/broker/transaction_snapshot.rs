//! Transactions as plain values, for eyes, snapshots and conditions.
//!
//! Not here: what a test does to them; that is `transaction_command`.

use super::engine::Engine;
use crate::base::BrokerId;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::coordinator::TransactionMetadata;
use crate::coordinator::TransactionState;
use std::fmt;

/// A transactional id and its last transaction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TransactionSnapshot {
    /// The id.
    pub transactional_id: String,
    /// Its producer.
    pub producer_id: ProducerId,
    /// The producer's epoch; -1 before the first.
    pub producer_epoch: ProducerEpoch,
    /// Where it stands.
    pub state: TransactionState,
    /// How long a transaction may be open, in milliseconds.
    pub timeout_ms: i32,
    /// The partitions in it, by topic and number; while it ends, those that wait for their marker.
    pub partitions: Vec<(String, PartitionIndex)>,
    /// When it was begun; -1 without a transaction.
    pub start_timestamp: Timestamp,
    /// When it was last changed.
    pub last_update_timestamp: Timestamp,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
}

impl Engine {
    /// All transactional ids, in order; none of a coordinator that is still reading its log.
    pub fn transactions(&self) -> Vec<TransactionSnapshot> {
        let coordinators = self.state.transaction_coordinators();
        let mut all: Vec<TransactionSnapshot> = coordinators
            .flat_map(|(broker, coordinator)| {
                coordinator.transactions().map(move |(id, metadata)| snapshot_of(id, metadata, broker))
            })
            .collect();
        all.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        all
    }

    /// One transactional id, if it is known and its coordinator has read its log.
    pub fn transaction(&self, id: &str) -> Option<TransactionSnapshot> {
        let (broker, coordinator) = self.state.transaction_coordinator(id)?;
        Some(snapshot_of(id, coordinator.transaction(id)?, broker))
    }

    /// How many markers are on their way.
    pub fn markers_on_the_way(&self) -> usize {
        self.state.markers_on_the_way()
    }
}

fn snapshot_of(id: &str, metadata: &TransactionMetadata, coordinator: BrokerId) -> TransactionSnapshot {
    let current = &metadata.current;
    TransactionSnapshot {
        transactional_id: id.to_owned(),
        producer_id: current.producer_id,
        producer_epoch: current.producer_epoch,
        state: current.state,
        timeout_ms: current.timeout_ms,
        partitions: current.partitions.iter().map(|(topic, index)| (topic.to_string(), *index)).collect(),
        start_timestamp: current.start_timestamp,
        last_update_timestamp: current.last_update_timestamp,
        coordinator,
    }
}

impl fmt::Display for TransactionSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transactional_id, state, producer_id, producer_epoch, coordinator, .. } = self;
        write!(f, "transaction {transactional_id}  {state}  producer {producer_id} epoch {producer_epoch}")?;
        write!(f, "  coordinator {coordinator}  partitions [")?;
        for (at, (topic, partition)) in self.partitions.iter().enumerate() {
            write!(f, "{}{topic}-{partition}", if at > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}
