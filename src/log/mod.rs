//! The replicas of a partition: logs of opaque batches, validated as Kafka does and shared by reference count.
//!
//! Not here: who leads and who is told; no clock, no request, no other partition.
//!
//! ```text
//! PartitionLog ── leader, ISR, append, list offsets, delete records
//!   └─ Replica (one per broker) ── high watermark
//!        └─ ReplicaLog ── log start and end, leader epochs, producers
//!             └─ Segment ── Arc<Batch>, Arc<Batch>, …   (the same batches in every replica)
//! ```

mod append;
mod compaction;
mod leader_epoch;
mod partition_log;
mod producer_state;
mod read;
mod replica_log;
mod replication;
mod retention;
mod saved;
mod segment;
mod trace;
mod transactions;
mod validate;
mod verification;

#[cfg(test)]
mod tests;

pub use append::AppendError;
pub use append::AppendOrigin;
pub use append::LogAppendInfo;
pub use append::RecordError;
pub use leader_epoch::EpochEndOffset;
pub use leader_epoch::EpochStart;
pub use leader_epoch::LeaderEpochs;
pub use partition_log::Isolation;
pub use partition_log::OffsetSpec;
pub use partition_log::PartitionLog;
pub use partition_log::Replica;
pub use partition_log::Truncation;
pub use producer_state::AppendedBatch;
pub use producer_state::ProducerState;
pub use producer_state::ProducerStates;
pub use read::LogRead;
pub use read::ReadLimit;
pub use replica_log::ReplicaLog;
pub use replica_log::TimestampAndOffset;
pub use replication::ReplicaFetch;
pub use replication::ReplicaFetched;
pub use retention::Maintained;
pub use saved::InvalidSavedPartition;
pub use saved::SavedPartition;
pub use saved::SavedProducer;
pub use saved::SavedReplica;
pub use saved::SavedSegment;
pub use trace::DeletedSegment;
pub use trace::LogTrace;
pub use trace::TracedCompaction;
pub use trace::TracedDivergence;
pub use trace::TracedRecord;
pub use transactions::AbortedTransaction;
pub use verification::Verification;
pub use verification::VerificationGuard;
