//! Control batches: the end of a transaction, written by the broker among the records.
//!
//! Not here: when a marker is due.

use super::Batch;
use super::BatchBuilder;
use super::BatchError;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction's records are void.
    Abort,
    /// The transaction's records count.
    Commit,
    /// Something else by its number: the metadata log has types of its own.
    Other(i16),
}

/// The record of a control batch.
///
/// ```
/// use rehearsal::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
/// use rehearsal::wire::batch::{ControlRecord, ControlType};
/// let marker = ControlRecord { control_type: ControlType::Commit, coordinator_epoch: 3 };
/// let batch = marker.to_batch(Offset(9), Timestamp(1), LeaderEpoch(0), ProducerId(7), ProducerEpoch(1))?;
/// assert!(batch.header.is_control() && batch.header.is_transactional());
/// assert_eq!(ControlRecord::read(&batch)?, marker);
/// # Ok::<(), rehearsal::wire::batch::BatchError>(())
/// ```
/// Source: `ControlRecordType`, `EndTransactionMarker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ControlRecord {
    /// Commit or abort.
    pub control_type: ControlType,
    /// The epoch of the transaction coordinator that decided; -1 for other types.
    pub coordinator_epoch: i32,
}

impl ControlType {
    /// The number on the wire.
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(id) => id,
        }
    }

    /// The type with this number.
    pub const fn from_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Other(other),
        }
    }
}

impl ControlRecord {
    /// Reads the one record of a control batch.
    ///
    /// # Errors
    /// [`BatchError::NotControl`] when the batch is none or its record too short, otherwise as [`Batch::records`].
    pub fn read(batch: &Batch) -> Result<Self, BatchError> {
        if !batch.header.is_control() {
            return Err(BatchError::NotControl);
        }
        let record = batch.records()?.next().ok_or(BatchError::NotControl)??;
        Self::parse(record.key.as_deref(), record.value.as_deref())
    }

    /// Reads a control record's key and value; later versions may be longer.
    ///
    /// # Errors
    /// [`BatchError::NotControl`] when one is too short or its version negative.
    pub fn parse(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, BatchError> {
        let [v0, v1, t0, t1, ..] = *key.unwrap_or_default() else {
            return Err(BatchError::NotControl);
        };
        if i16::from_be_bytes([v0, v1]) < 0 {
            return Err(BatchError::NotControl);
        }
        let control_type = ControlType::from_id(i16::from_be_bytes([t0, t1]));
        let coordinator_epoch = match (control_type, value.unwrap_or_default()) {
            (ControlType::Other(_), _) => -1,
            (_, [v0, v1, epoch @ ..]) if i16::from_be_bytes([*v0, *v1]) >= 0 => {
                i32::from_be_bytes(*epoch.first_chunk().ok_or(BatchError::NotControl)?)
            }
            _ => return Err(BatchError::NotControl),
        };
        Ok(Self { control_type, coordinator_epoch })
    }

    /// The record's key: version 0 and the type.
    pub const fn key(self) -> [u8; 4] {
        let [t0, t1] = self.control_type.id().to_be_bytes();
        [0, 0, t0, t1]
    }

    /// The record's value: version 0 and the coordinator's epoch.
    pub const fn value(self) -> [u8; 6] {
        let [e0, e1, e2, e3] = self.coordinator_epoch.to_be_bytes();
        [0, 0, e0, e1, e2, e3]
    }

    /// The batch that ends a producer's transaction in one partition.
    ///
    /// # Errors
    /// None in practice: the batch is small and uncompressed.
    pub fn to_batch(
        self,
        base_offset: Offset,
        timestamp: Timestamp,
        partition_leader_epoch: LeaderEpoch,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
    ) -> Result<Batch, BatchError> {
        let mut builder = BatchBuilder::new()
            .base_offset(base_offset)
            .partition_leader_epoch(partition_leader_epoch)
            .producer(producer_id, producer_epoch, -1)
            .transactional(true)
            .control(true);
        builder.append(timestamp, Some(&self.key()), Some(&self.value()), &[]);
        builder.build()
    }
}
