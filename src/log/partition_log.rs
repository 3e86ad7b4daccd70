//! A partition: the replicas, who leads, who is in sync, and what clients and coordinators ask of it.
//!
//! Not here: why leadership or the ISR changes, and when a waiting request is answered.

use super::AppendError;
use super::AppendOrigin;
use super::EpochEndOffset;
use super::LogAppendInfo;
use super::LogRead;
use super::LogTrace;
use super::ReadLimit;
use super::ReplicaLog;
use super::TimestampAndOffset;
use super::Verification;
use super::VerificationGuard;
use super::validate;
use super::validate::Validator;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::config::MessageTimestampType;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use bytes::Bytes;
use std::sync::Arc;

/// One partition of a topic with all its replicas.
///
/// Followers copy at once, unless one is told not to ([`PartitionLog::set_replicating`]); the single steps of
/// replication are in [`PartitionLog::replica_fetch`] and what follows it.
/// ```
/// use rehearsal::TopicName;
/// use rehearsal::base::{BrokerId, Offset, PartitionIndex, Timestamp};
/// use rehearsal::config::TopicConfig;
/// use rehearsal::log::{AppendOrigin, Isolation, PartitionLog, ReadLimit};
/// use rehearsal::wire::batch::BatchBuilder;
///
/// let config = TopicConfig::default().into();
/// let mut log = PartitionLog::new(TopicName::new("orders")?, PartitionIndex(0), config, &[BrokerId(0), BrokerId(1)]);
/// let mut batch = BatchBuilder::new();
/// batch.append(Timestamp(1_000), None, Some(b"hello"), &[]);
/// let records = batch.build()?.to_bytes();
///
/// let client = AppendOrigin::Client { produce_version: 9 };
/// let info = log.append(BrokerId(0), Timestamp(1_000), &records, client, -1)?;
/// assert_eq!((info.base_offset, log.high_watermark()), (Offset(0), Offset(1)));
///
/// let limit = ReadLimit { max_bytes: 1 << 20, min_one: true };
/// let read = log.read(BrokerId(0), Offset(0), Isolation::ReadUncommitted, limit)?;
/// assert_eq!(read.size_in_bytes, records.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PartitionLog {
    topic: TopicName,
    partition: PartitionIndex,
    pub(super) config: Arc<TopicConfig>,
    pub(super) leader: BrokerId,
    pub(super) leader_epoch: LeaderEpoch,
    /// Where the leader's log ended when it was elected.
    leader_epoch_start_offset: Offset,
    isr: Vec<BrokerId>,
    is_high_watermark_frozen: bool,
    pub(super) truncations: Vec<Truncation>,
    pub(super) trace: Option<Box<LogTrace>>,
    pub(super) replicas: Vec<Replica>,
}

/// Records that a replica held and lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The broker that held them.
    pub broker: BrokerId,
    /// Where its log ended before.
    pub from: Offset,
    /// Where its log ends now.
    pub to: Offset,
}

/// What one broker holds of a partition.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) broker: BrokerId,
    pub(super) log: ReplicaLog,
    pub(super) high_watermark: Offset,
    /// The end of this follower's log as far as the present leader knows; -1 before its first fetch.
    pub(super) known_log_end_offset: Offset,
    pub(super) is_replicating: bool,
}

/// Up to where a reader sees the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A consumer: below the high watermark.
    ReadUncommitted,
    /// A consumer of transactions: below the last stable offset.
    ReadCommitted,
    /// A follower: all of it.
    LogEnd,
}

/// What `ListOffsets` can ask for, by the number in its `timestamp` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first record not older than this.
    Timestamp(Timestamp),
    /// -1: the offset behind the last readable record.
    Latest,
    /// -2: the log start offset.
    Earliest,
    /// -3: the record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// -4: the first offset on local storage (KIP-405); the log start offset, as nothing is tiered here.
    EarliestLocal,
    /// -5: the last offset in tiered storage (KIP-1005); there is none here.
    LatestTiered,
    /// -6: the first offset that is not yet tiered (KIP-1023); nothing is ever to be tiered here.
    EarliestPendingUpload,
}

impl OffsetSpec {
    /// Reads the number of a request; `None` for negative numbers that mean nothing.
    pub const fn from_wire(timestamp: i64) -> Option<Self> {
        Some(match timestamp {
            0.. => Self::Timestamp(Timestamp(timestamp)),
            -1 => Self::Latest,
            -2 => Self::Earliest,
            -3 => Self::MaxTimestamp,
            -4 => Self::EarliestLocal,
            -5 => Self::LatestTiered,
            -6 => Self::EarliestPendingUpload,
            _ => return None,
        })
    }
}

impl Replica {
    pub(super) fn new(broker: BrokerId) -> Self {
        Self {
            broker,
            log: ReplicaLog::default(),
            high_watermark: Offset(0),
            known_log_end_offset: Offset::INVALID,
            is_replicating: true,
        }
    }

    /// The broker that holds it.
    pub const fn broker(&self) -> BrokerId {
        self.broker
    }

    /// Its log.
    pub const fn log(&self) -> &ReplicaLog {
        &self.log
    }

    /// Its high watermark, which on a follower may lag behind the leader's.
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The end of its log as far as the present leader knows; -1 before its first fetch.
    pub const fn known_log_end_offset(&self) -> Offset {
        self.known_log_end_offset
    }

    /// Up to where a reader of committed transactions sees in it (LSO).
    pub fn last_stable_offset(&self) -> Offset {
        self.log.last_stable_offset(self.high_watermark)
    }

    /// Whether the leader's appends reach it.
    pub const fn is_replicating(&self) -> bool {
        self.is_replicating
    }

    /// Keeps the high watermark between the log's bounds, whatever happened to them.
    pub(super) fn clamp_high_watermark(&mut self) {
        self.high_watermark = self.high_watermark.clamp(self.log.log_start_offset(), self.log.log_end_offset());
    }
}

impl PartitionLog {
    /// An empty partition; the first of `replicas` leads with epoch 0 and all are in sync.
    pub fn new(topic: TopicName, partition: PartitionIndex, config: Arc<TopicConfig>, replicas: &[BrokerId]) -> Self {
        let mut log = Self {
            topic,
            partition,
            config,
            leader: BrokerId::NONE,
            leader_epoch: LeaderEpoch::NONE,
            leader_epoch_start_offset: Offset(0),
            isr: Vec::new(),
            is_high_watermark_frozen: false,
            truncations: Vec::new(),
            trace: None,
            replicas: replicas.iter().copied().map(Replica::new).collect(),
        };
        if let Some(&first) = replicas.first() {
            log.elect(first, LeaderEpoch(0), replicas);
        }
        log
    }

    /// The topic.
    pub const fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The partition's number.
    pub const fn partition(&self) -> PartitionIndex {
        self.partition
    }

    /// The topic's configuration in force.
    pub const fn config(&self) -> &Arc<TopicConfig> {
        &self.config
    }

    /// Puts another configuration in force, for what comes.
    pub fn set_config(&mut self, config: Arc<TopicConfig>) {
        self.config = config;
    }

    /// The leader, or [`BrokerId::NONE`].
    pub const fn leader(&self) -> BrokerId {
        self.leader
    }

    /// The epoch of the leader, or of the last one.
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The in-sync replicas, in the order they were given.
    pub fn isr(&self) -> &[BrokerId] {
        &self.isr
    }

    /// All replicas, in the order of assignment.
    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// The replica on `broker`.
    pub fn replica(&self, broker: BrokerId) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.broker == broker)
    }

    pub(super) fn replica_mut(&mut self, broker: BrokerId) -> Option<&mut Replica> {
        self.replicas.iter_mut().find(|replica| replica.broker == broker)
    }

    /// The leader's replica; without a leader there is nothing to say.
    pub fn leader_replica(&self) -> Option<&Replica> {
        self.replica(self.leader)
    }

    /// The leader's high watermark; without a leader the highest that any replica knows.
    pub fn high_watermark(&self) -> Offset {
        self.leading(|replica| replica.high_watermark)
    }

    /// Up to where a reader of committed transactions sees at the leader.
    pub fn last_stable_offset(&self) -> Offset {
        self.leading(Replica::last_stable_offset)
    }

    /// Begins to verify at `broker` that a transaction may write here; see
    /// [`ProducerStates::start_verification`](super::ProducerStates::start_verification).
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`, `INVALID_PRODUCER_EPOCH`.
    pub fn start_verification(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: i32,
        supports_epoch_bump: bool,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        self.check_leader(broker, LeaderEpoch::NONE)?;
        let leader = self.replica_mut(broker).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        leader.log.producers_mut().start_verification(id, epoch, base_sequence, supports_epoch_bump, now)
    }

    /// The leader's log start offset.
    pub fn log_start_offset(&self) -> Offset {
        self.leading(|replica| replica.log.log_start_offset())
    }

    /// The leader's log end offset.
    pub fn log_end_offset(&self) -> Offset {
        self.leading(|replica| replica.log.log_end_offset())
    }

    fn leading(&self, what: impl Fn(&Replica) -> Offset) -> Offset {
        match self.leader_replica() {
            Some(leader) => what(leader),
            None => self.replicas.iter().map(what).max().unwrap_or_default(),
        }
    }

    /// Where the leader's log ended when it was elected.
    pub const fn leader_epoch_start_offset(&self) -> Offset {
        self.leader_epoch_start_offset
    }

    /// Whether a new leader does not know yet that what it found in its log is committed (KIP-207).
    pub fn is_high_watermark_behind_epoch(&self) -> bool {
        self.high_watermark() < self.leader_epoch_start_offset
    }

    /// How many replicas must be in sync for `acks=all`: `min.insync.replicas`, but not more than there are replicas.
    ///
    /// Source: `Partition.effectiveMinIsr`.
    pub fn effective_min_isr(&self) -> usize {
        self.config.min_insync_replicas.min(self.replicas.len())
    }

    /// Whether too few replicas are in sync for `acks=all`.
    pub fn is_under_min_isr(&self) -> bool {
        self.isr.len() < self.effective_min_isr()
    }

    /// Whether the follower on `broker` holds what is committed, and knows where the present leader began.
    ///
    /// Source: `Partition.isFollowerInSync`.
    pub fn is_follower_in_sync(&self, broker: BrokerId) -> bool {
        let end = self.replica(broker).map_or(Offset::INVALID, |replica| replica.known_log_end_offset);
        end >= self.high_watermark() && end >= self.leader_epoch_start_offset
    }

    /// Checks what a client believes of the leader: that `broker` leads, and in which epoch (-1 asks nothing).
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH` for an old epoch, `UNKNOWN_LEADER_EPOCH` for one to come.
    pub fn check_leader(&self, broker: BrokerId, current_leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_epoch(current_leader_epoch)?;
        if broker == self.leader && self.replica(broker).is_some() {
            Ok(())
        } else {
            Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        }
    }

    /// Checks the leader epoch that a reader believes in; -1 asks nothing.
    ///
    /// # Errors
    /// `FENCED_LEADER_EPOCH` for an old epoch, `UNKNOWN_LEADER_EPOCH` for one to come.
    pub fn check_epoch(&self, current_leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        match current_leader_epoch {
            LeaderEpoch::NONE => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH),
            epoch if epoch > self.leader_epoch => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }

    /// Appends the records of a produce request at `broker`, as the leader does, and lets the followers copy them.
    ///
    /// `required_acks` is the request's: -1 asks for `min.insync.replicas`. Records keep their bytes; only a codec
    /// that `compression.type` asks for makes new ones. A duplicate of an idempotent producer is not appended again.
    ///
    /// # Errors
    /// An [`AppendError`] with Kafka's code; nothing has been appended then.
    ///
    /// Source: `Partition.appendRecordsToLeader`, `UnifiedLog.append`.
    pub fn append(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        records: &Bytes,
        origin: AppendOrigin,
        required_acks: i16,
    ) -> Result<LogAppendInfo, AppendError> {
        self.append_verified(broker, now, records, origin, required_acks, Verification::Off)
    }

    /// Appends as [`PartitionLog::append`], where a batch that begins a transaction has to prove that the transaction
    /// is known to its coordinator.
    ///
    /// # Errors
    /// As [`PartitionLog::append`], and `INVALID_TXN_STATE` without the proof.
    pub fn append_verified(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        records: &Bytes,
        origin: AppendOrigin,
        required_acks: i16,
        verification: Verification,
    ) -> Result<LogAppendInfo, AppendError> {
        let produce_version = match origin {
            AppendOrigin::Client { produce_version } => produce_version,
            AppendOrigin::Coordinator | AppendOrigin::Marker { .. } => i16::MAX,
        };
        let batch = validate::only_batch(records, produce_version)?;
        self.append_batch_verified(broker, now, batch, origin, required_acks, verification)
    }

    /// Appends one batch that is already a value; otherwise as [`PartitionLog::append`].
    ///
    /// # Errors
    /// As [`PartitionLog::append`].
    pub fn append_batch(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        batch: Batch,
        origin: AppendOrigin,
        required_acks: i16,
    ) -> Result<LogAppendInfo, AppendError> {
        self.append_batch_verified(broker, now, batch, origin, required_acks, Verification::Off)
    }

    /// Appends one batch that is already a value; otherwise as [`PartitionLog::append_verified`].
    ///
    /// # Errors
    /// As [`PartitionLog::append_verified`].
    pub fn append_batch_verified(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        batch: Batch,
        origin: AppendOrigin,
        required_acks: i16,
        verification: Verification,
    ) -> Result<LogAppendInfo, AppendError> {
        let log_start_offset = self.log_start_offset();
        self.try_append(broker, now, batch, origin, required_acks, verification).map_err(|mut error| {
            // Kafka's answer has the log start offset unless the error is one of these.
            let without = [
                ErrorCode::NOT_LEADER_OR_FOLLOWER,
                ErrorCode::MESSAGE_TOO_LARGE,
                ErrorCode::RECORD_LIST_TOO_LARGE,
                ErrorCode::CORRUPT_MESSAGE,
            ];
            if !without.contains(&error.code) {
                error.log_start_offset = log_start_offset;
            }
            error
        })
    }

    /// Checks a batch of a client as [`PartitionLog::append_batch`] would, and appends nothing.
    ///
    /// # Errors
    /// As [`PartitionLog::append_batch`], but for those of sequence numbers and of replicas.
    pub fn check_batch(&self, now: Timestamp, batch: Batch) -> Result<(), AppendError> {
        let origin = AppendOrigin::Client { produce_version: i16::MAX };
        let validator = Validator { topic: &self.topic, partition: self.partition, config: &self.config, origin, now };
        validator.validate(batch).map(drop)
    }

    fn try_append(
        &mut self,
        broker: BrokerId,
        now: Timestamp,
        batch: Batch,
        origin: AppendOrigin,
        required_acks: i16,
        verification: Verification,
    ) -> Result<LogAppendInfo, AppendError> {
        self.check_leader(broker, LeaderEpoch::NONE).map_err(|code| {
            AppendError::new(code, format!("broker {broker} does not lead {}-{}", self.topic, self.partition))
        })?;
        if required_acks == -1 && self.is_under_min_isr() {
            let reason = format!("{} replicas are in sync, {} are asked for", self.isr.len(), self.effective_min_isr());
            return Err(AppendError::new(ErrorCode::NOT_ENOUGH_REPLICAS, reason));
        }
        let validator = Validator { topic: &self.topic, partition: self.partition, config: &self.config, origin, now };
        let mut batch = validator.validate(batch)?;
        let before = self.high_watermark();
        let leader_epoch = self.leader_epoch;
        let config = Arc::clone(&self.config);
        let leader = self.replica_mut(broker).expect("the leader is a replica, as was just checked");
        let log = &mut leader.log;
        if batch.header.has_producer_id() {
            if let Some(duplicate) = log.producers().check(&batch, origin, verification)? {
                if config.mutants.has(BrokerMutant::RefusesDuplicates) {
                    return Err(AppendError::new(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ""));
                }
                let is_zero = config.mutants.has(BrokerMutant::AnswersOffsetZero);
                return Ok(LogAppendInfo {
                    base_offset: if is_zero { Offset(0) } else { duplicate.base_offset },
                    last_offset: duplicate.last_offset,
                    log_append_time: duplicate.timestamp,
                    log_start_offset: log.log_start_offset(),
                    is_duplicate: true,
                    high_watermark_moved: false,
                });
            }
        }
        batch.stamp(log.log_end_offset(), leader_epoch);
        let mut info = LogAppendInfo {
            base_offset: batch.header.base_offset,
            last_offset: batch.header.last_offset(),
            log_append_time: Timestamp::NONE,
            log_start_offset: log.log_start_offset(),
            is_duplicate: false,
            high_watermark_moved: false,
        };
        if config.message_timestamp_type == MessageTimestampType::LogAppendTime {
            info.log_append_time = now;
        }
        let batch = Arc::new(batch);
        log.append(Arc::clone(&batch), now, &config);
        if let Some(trace) = &mut self.trace {
            trace.appended.push((broker, Arc::clone(&batch)));
        }
        self.copy_to_followers(&batch, now);
        for replica in &mut self.replicas {
            replica.log.producers_mut().forget_replicated(replica.high_watermark);
        }
        info.high_watermark_moved = self.high_watermark() > before;
        Ok(info)
    }

    /// Reads at `broker`, leader or follower, from `from` up to where `isolation` lets see.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when `broker` has no replica, `OFFSET_OUT_OF_RANGE`.
    pub fn read(
        &self,
        broker: BrokerId,
        from: Offset,
        isolation: Isolation,
        limit: ReadLimit,
    ) -> Result<LogRead, ErrorCode> {
        let replica = self.replica(broker).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        let upto = self.visible(replica, isolation);
        let skips = self.config.mutants.has(BrokerMutant::SkipsEndOfSegment);
        let from = if skips { replica.log.behind_last_batch(from, upto) } else { from };
        replica.log.read(from, upto, limit)
    }

    /// The bytes that a reader at `broker` could have from `from` on; 0 where there is no replica.
    pub fn bytes_available(&self, broker: BrokerId, from: Offset, isolation: Isolation) -> u64 {
        self.replica(broker).map_or(0, |replica| replica.log.bytes_between(from, self.visible(replica, isolation)))
    }

    fn visible(&self, replica: &Replica, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::ReadUncommitted => replica.high_watermark,
            Isolation::ReadCommitted if self.config.mutants.has(BrokerMutant::ReadsBehindStable) => {
                replica.last_stable_offset().plus(1).min(replica.high_watermark)
            }
            Isolation::ReadCommitted => replica.last_stable_offset(),
            Isolation::LogEnd => replica.log.log_end_offset(),
        }
    }

    /// Answers one question of `ListOffsets` at the leader; `None` when no record fits.
    ///
    /// Source: `Partition.fetchOffsetForTimestamp`, `UnifiedLog.fetchOffsetByTimestamp`.
    pub fn list_offset(&self, spec: OffsetSpec, isolation: Isolation) -> Option<TimestampAndOffset> {
        let replica = self.leader_replica()?;
        let upto = self.visible(replica, isolation);
        let log = &replica.log;
        let bound = |offset: Offset, leader_epoch: Option<LeaderEpoch>| {
            let leader_epoch = leader_epoch.unwrap_or(LeaderEpoch::NONE);
            Some(TimestampAndOffset { timestamp: Timestamp::NONE, offset, leader_epoch })
        };
        match spec {
            OffsetSpec::Timestamp(target) => log.offset_for_timestamp(target, upto),
            OffsetSpec::MaxTimestamp => log.max_timestamp_offset(upto),
            OffsetSpec::Latest => bound(upto, Some(self.leader_epoch)),
            OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                bound(log.log_start_offset(), log.leader_epochs().epoch_of(log.log_start_offset()))
            }
            OffsetSpec::LatestTiered | OffsetSpec::EarliestPendingUpload => None,
        }
    }

    /// Where `epoch` ends in the leader's log, for `OffsetForLeaderEpoch`; `None` for an epoch it has not heard of.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEndOffset> {
        self.leader_replica()?.log.end_offset_for(epoch)
    }

    /// Whether a reader that last saw `last_fetched_epoch` before `from` has read what the log on `broker` does not
    /// hold.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` when that log has not heard of the epoch, or begins behind `from`.
    ///
    /// Source: KIP-595; `Partition.readRecords`.
    pub fn diverging_epoch(
        &self,
        broker: BrokerId,
        last_fetched_epoch: LeaderEpoch,
        from: Offset,
    ) -> Result<Option<EpochEndOffset>, ErrorCode> {
        if last_fetched_epoch.0 < 0 {
            return Ok(None);
        }
        let log = self.replica(broker).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?.log();
        let end = log.end_offset_for(last_fetched_epoch).ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        if from < log.log_start_offset() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        Ok((end.leader_epoch < last_fetched_epoch || end.end_offset < from).then_some(end))
    }

    /// Moves the log start offset forward to `before`, in every replica that is replicating.
    ///
    /// [`Offset::HIGH_WATERMARK`] means the high watermark; a lower offset than the log start changes nothing.
    /// Returns the log start offset in force afterwards.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` without a leader, `OFFSET_OUT_OF_RANGE` when `before` is negative or beyond the high watermark.
    ///
    /// Source: KIP-107; `Partition.deleteRecordsOnLeader`.
    pub fn delete_records(&mut self, before: Offset) -> Result<Offset, ErrorCode> {
        let leader = self.leader_replica().ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        let high_watermark = leader.high_watermark;
        let target = if before == Offset::HIGH_WATERMARK { high_watermark } else { before };
        if target < Offset(0) || target > high_watermark {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let broker = self.leader;
        for replica in &mut self.replicas {
            if replica.broker == broker || replica.is_replicating {
                // A follower that is behind would lose its place; it learns of the new start when it catches up.
                if replica.log.log_end_offset() >= target {
                    replica.log.advance_log_start(target);
                    replica.clamp_high_watermark();
                }
            }
        }
        Ok(self.log_start_offset())
    }

    /// Whether everything up to and with `last_offset` is replicated as `acks=all` asks.
    pub fn is_committed(&self, last_offset: Offset) -> bool {
        self.high_watermark() > last_offset
    }

    /// Makes `leader` the leader in `leader_epoch` with this ISR, and lets the followers truncate and catch up.
    ///
    /// [`BrokerId::NONE`] leaves the partition without a leader. Returns whether the high watermark moved.
    ///
    /// Source: `Partition.makeLeader`.
    pub fn elect(&mut self, leader: BrokerId, leader_epoch: LeaderEpoch, isr: &[BrokerId]) -> bool {
        self.leader = leader;
        self.leader_epoch = leader_epoch;
        for replica in &mut self.replicas {
            replica.known_log_end_offset = Offset::INVALID;
            if replica.broker == leader {
                replica.log.begin_epoch(leader_epoch);
                if self.config.mutants.has(BrokerMutant::ForgetsProducers) {
                    replica.log.producers_mut().clear();
                }
                self.leader_epoch_start_offset = replica.log.log_end_offset();
            }
        }
        self.set_isr(isr)
    }

    /// Takes leadership over as it was saved, without beginning an epoch.
    pub(super) fn restore(&mut self, leader: BrokerId, leader_epoch: LeaderEpoch, isr: Vec<BrokerId>) {
        self.leader = leader;
        self.leader_epoch = leader_epoch;
        self.isr = isr;
        self.replicate();
    }

    /// Forgets producers whose last batch is older than `expiration_ms`, the broker's `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now: Timestamp, expiration_ms: i64) {
        self.replicas.iter_mut().for_each(|replica| replica.log.producers_mut().expire(now, expiration_ms));
    }

    /// Adds an empty replica on `broker`, outside the ISR, or does nothing if there is one. It catches up at once if
    /// the leader's appends are to reach it.
    pub fn add_replica(&mut self, broker: BrokerId, is_replicating: bool) {
        if self.replica(broker).is_none() {
            self.replicas.push(Replica { is_replicating, ..Replica::new(broker) });
            self.replicate();
        }
    }

    /// Puts the replicas into the order of `assignment`; those that are not in it come last.
    pub fn order_replicas(&mut self, assignment: &[BrokerId]) {
        let place = |broker: BrokerId| assignment.iter().position(|id| *id == broker).unwrap_or(assignment.len());
        self.replicas.sort_by_key(|replica| place(replica.broker));
    }

    /// Stops the high watermark where it is, or lets it move again; returns whether it moved.
    pub fn set_high_watermark_frozen(&mut self, frozen: bool) -> bool {
        self.is_high_watermark_frozen = frozen;
        let moved = self.advance_high_watermark();
        self.tell_high_watermark();
        moved
    }

    /// Has the replica on `broker` lose what it holds from `end` on; returns whether it held anything there.
    ///
    /// A leader that loses records does not know what its followers hold any more, and asks them anew.
    pub fn truncate_replica(&mut self, broker: BrokerId, end: Offset) -> bool {
        let is_leader = broker == self.leader;
        let Some(replica) = self.replica_mut(broker) else {
            return false;
        };
        let end = end.max(replica.log.log_start_offset());
        let from = replica.log.log_end_offset();
        let truncated = replica.log.truncate_to(end);
        replica.clamp_high_watermark();
        replica.known_log_end_offset = replica.known_log_end_offset.min(replica.log.log_end_offset());
        let to = replica.log.log_end_offset();
        if truncated {
            self.truncations.push(Truncation { broker, from, to });
        }
        if truncated && is_leader {
            for follower in self.replicas.iter_mut().filter(|replica| replica.broker != broker) {
                follower.known_log_end_offset = Offset::INVALID;
            }
        }
        truncated
    }

    /// Has the replica on `broker` lose what was not flushed to disk; returns whether there was anything.
    pub fn lose_unflushed(&mut self, broker: BrokerId) -> bool {
        let flushed = self.replica(broker).map(|replica| replica.log.flushed_offset());
        flushed.is_some_and(|end| self.truncate_replica(broker, end))
    }

    /// Takes what replicas have lost since this was last asked.
    pub fn take_truncations(&mut self) -> Vec<Truncation> {
        std::mem::take(&mut self.truncations)
    }

    /// Flushes the replica on `broker` to disk.
    pub fn flush(&mut self, broker: BrokerId) {
        if let Some(replica) = self.replica_mut(broker) {
            replica.log.flush();
        }
    }

    /// Drops the replica on `broker`, also from the ISR; returns whether the high watermark moved.
    pub fn remove_replica(&mut self, broker: BrokerId) -> bool {
        self.replicas.retain(|replica| replica.broker != broker);
        self.isr.retain(|member| *member != broker);
        self.advance_high_watermark()
    }

    /// Changes the ISR; returns whether the high watermark moved.
    pub fn set_isr(&mut self, isr: &[BrokerId]) -> bool {
        self.isr.clear();
        self.isr.extend_from_slice(isr);
        let moved = self.advance_high_watermark();
        self.replicate() || moved
    }

    /// Raises the leader's high watermark to what all of the ISR hold; returns whether it moved.
    ///
    /// It does not move while too few replicas are in sync (KIP-966).
    pub(super) fn advance_high_watermark(&mut self) -> bool {
        if self.is_high_watermark_frozen || self.is_under_min_isr() {
            return false;
        }
        let Some(leader) = self.leader_replica() else {
            return false;
        };
        let mut committed = leader.log.log_end_offset();
        for replica in &self.replicas {
            let counts = !self.config.mutants.has(BrokerMutant::AcksBeforeCommit);
            if counts && replica.broker != self.leader && self.isr.contains(&replica.broker) {
                committed = committed.min(replica.known_log_end_offset);
            }
        }
        let moved = committed > leader.high_watermark;
        if moved {
            let broker = self.leader;
            self.replica_mut(broker).expect("the leader is a replica").high_watermark = committed;
        }
        moved
    }
}
