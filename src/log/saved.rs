//! A partition as plain data, to be written to a file and read back.
//!
//! Not here: the file.

use super::AbortedTransaction;
use super::AppendedBatch;
use super::EpochStart;
use super::LeaderEpochs;
use super::PartitionLog;
use super::ProducerStates;
use super::Replica;
use super::ReplicaLog;
use super::segment::Segment;
use crate::base::BrokerId;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// All that a [`PartitionLog`] holds but its name and configuration.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SavedPartition {
    /// The leader, or -1.
    pub leader: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// The replicas, in the order of assignment.
    pub replicas: Vec<SavedReplica>,
    /// Every batch once, however many replicas hold it. Bytes have no place in a serialized text: whoever saves writes
    /// these apart, one after the other, and puts them back with [`Batch::split`].
    #[serde(skip)]
    pub batches: Vec<Batch>,
}

/// One replica; its batches are places in [`SavedPartition::batches`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SavedReplica {
    /// The broker that holds it.
    pub broker: BrokerId,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Where its log begins.
    pub log_start_offset: Offset,
    /// Where its log ends.
    pub log_end_offset: Offset,
    /// Up to where it is compacted.
    pub first_dirty_offset: Offset,
    /// Whether the leader's appends reach it.
    pub is_replicating: bool,
    /// Its leader epochs.
    pub leader_epochs: Vec<EpochStart>,
    /// Its producers.
    pub producers: Vec<SavedProducer>,
    /// The aborted transactions in its log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aborted: Vec<AbortedTransaction>,
    /// Its segments.
    pub segments: Vec<SavedSegment>,
}

/// One idempotent producer.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SavedProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The time of its last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_txn_first_offset: Option<Offset>,
    /// Its last batches.
    pub batches: Vec<AppendedBatch>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SavedSegment {
    /// Where it begins.
    pub base_offset: Offset,
    /// When its last batch was appended.
    pub last_modified: Timestamp,
    /// Its batches.
    pub batches: Vec<usize>,
}

/// Why saved data is no partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSavedPartition(String);

impl PartitionLog {
    /// Gives everything out as plain data; batches are shared, not copied.
    pub fn export(&self) -> SavedPartition {
        let mut batches = Vec::new();
        let mut places = BTreeMap::new();
        let replicas = self.replicas.iter().map(|replica| replica.export(&mut batches, &mut places)).collect();
        SavedPartition {
            leader: self.leader(),
            leader_epoch: self.leader_epoch(),
            isr: self.isr().to_vec(),
            replicas,
            batches,
        }
    }

    /// Makes a partition of what [`PartitionLog::export`] gave out.
    ///
    /// # Errors
    /// [`InvalidSavedPartition`] for batches that are damaged, missing or out of order; no data makes it panic.
    pub fn import(
        topic: TopicName,
        partition: PartitionIndex,
        config: Arc<TopicConfig>,
        saved: SavedPartition,
    ) -> Result<Self, InvalidSavedPartition> {
        for (at, batch) in saved.batches.iter().enumerate() {
            batch.verify().map_err(|error| InvalidSavedPartition(format!("batch {at}: {error}")))?;
        }
        let batches: Vec<Arc<Batch>> = saved.batches.into_iter().map(Arc::new).collect();
        let mut log = Self::new(topic, partition, config, &[]);
        for replica in saved.replicas {
            let broker = replica.broker;
            if log.replica(broker).is_some() {
                return Err(InvalidSavedPartition(format!("broker {broker} holds two replicas")));
            }
            log.replicas.push(Replica::import(replica, &batches)?);
        }
        log.restore(saved.leader, saved.leader_epoch, saved.isr);
        Ok(log)
    }
}

impl Replica {
    fn export(&self, batches: &mut Vec<Batch>, places: &mut BTreeMap<*const Batch, usize>) -> SavedReplica {
        let log = &self.log;
        let mut place = |batch: &Arc<Batch>| {
            *places.entry(Arc::as_ptr(batch)).or_insert_with(|| {
                batches.push(Batch::clone(batch));
                batches.len() - 1
            })
        };
        let segments = log.segments.iter().map(|segment| SavedSegment {
            base_offset: segment.base_offset,
            last_modified: segment.last_modified,
            batches: segment.entries.iter().map(|entry| place(&entry.batch)).collect(),
        });
        let producers = log.producers().iter().map(|(producer_id, state)| SavedProducer {
            producer_id,
            producer_epoch: state.producer_epoch,
            last_timestamp: state.last_timestamp,
            coordinator_epoch: Some(state.coordinator_epoch).filter(|epoch| *epoch >= 0),
            current_txn_first_offset: state.current_txn_first_offset,
            batches: state.batches().to_vec(),
        });
        SavedReplica {
            broker: self.broker,
            high_watermark: self.high_watermark,
            log_start_offset: log.log_start_offset(),
            log_end_offset: log.log_end_offset(),
            first_dirty_offset: log.first_dirty_offset,
            is_replicating: self.is_replicating,
            leader_epochs: log.leader_epochs().entries().to_vec(),
            aborted: log.aborted().to_vec(),
            segments: segments.collect(),
            producers: producers.collect(),
        }
    }

    fn import(saved: SavedReplica, batches: &[Arc<Batch>]) -> Result<Self, InvalidSavedPartition> {
        let refuse = |what: String| Err(InvalidSavedPartition(format!("replica {}: {what}", saved.broker)));
        let mut segments: Vec<Segment> = Vec::new();
        let mut next = Offset(0);
        for row in &saved.segments {
            if row.base_offset < next || row.base_offset > saved.log_end_offset {
                return refuse(format!("segment {} is out of order", row.base_offset));
            }
            next = row.base_offset;
            let mut segment = Segment::new(row.base_offset, row.last_modified);
            for &place in &row.batches {
                let Some(batch) = batches.get(place) else {
                    return refuse(format!("batch {place} is missing"));
                };
                let header = &batch.header;
                let in_order = header.base_offset >= next && header.last_offset_delta >= 0;
                if !in_order || header.next_offset() > saved.log_end_offset {
                    return refuse(format!("batch {place} at offset {} is out of order", header.base_offset));
                }
                next = header.next_offset();
                segment.push(Arc::clone(batch), row.last_modified);
            }
            segments.push(segment);
        }
        let start = saved.log_start_offset;
        if start < Offset(0) || start > saved.log_end_offset {
            return refuse(format!("log start {start} lies behind the end {}", saved.log_end_offset));
        }
        let mut log = ReplicaLog::default();
        log.truncate_fully_and_start_at(start);
        let epochs = LeaderEpochs::from_entries(&saved.leader_epochs);
        if !saved.aborted.is_sorted_by_key(|aborted| aborted.last_offset) {
            return refuse("its aborted transactions are out of order".to_owned());
        }
        log.restore(segments, saved.log_end_offset, epochs, saved.aborted);
        log.first_dirty_offset = saved.first_dirty_offset.clamp(start, saved.log_end_offset);
        for producer in &saved.producers {
            let state = ProducerStates::saved(
                producer.producer_epoch,
                producer.last_timestamp,
                producer.coordinator_epoch.unwrap_or(-1),
                producer.current_txn_first_offset,
            );
            log.producers_mut().restore(producer.producer_id, &state, &producer.batches);
        }
        let mut replica = Self::new(saved.broker);
        replica.log = log;
        replica.high_watermark = saved.high_watermark;
        replica.is_replicating = saved.is_replicating;
        replica.clamp_high_watermark();
        Ok(replica)
    }
}

impl fmt::Display for InvalidSavedPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved partition cannot be restored: {}", self.0)
    }
}

impl std::error::Error for InvalidSavedPartition {}
