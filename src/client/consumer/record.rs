//! A record that was read.
//!
//! Not here: reading it.

use super::super::TopicPartition;
use super::super::transaction::OffsetAndMetadata;
use super::position::Opened;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::wire::batch::Header;
use crate::wire::batch::TimestampType;
use bytes::Bytes;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset.
    pub offset: Offset,
    /// The record's time.
    pub timestamp: Timestamp,
    /// Whose time it is.
    pub timestamp_type: TimestampType,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<Header>,
}

impl ConsumerRecord {
    pub(super) fn new(partition: &TopicPartition, opened: Opened) -> Self {
        let record = opened.record;
        Self {
            topic: partition.topic.clone(),
            partition: partition.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: opened.timestamp_type,
            leader_epoch: opened.leader_epoch,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }

    /// The partition from which it was read.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// What to commit when it and all before it have been processed: the offset behind it.
    pub fn next_offset(&self) -> OffsetAndMetadata {
        OffsetAndMetadata { leader_epoch: self.leader_epoch, ..self.offset.plus(1).into() }
    }
}
