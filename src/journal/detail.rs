//! What a journal has when everything is asked for: each change of a log, of a transaction, of a group's subscription.
//!
//! Not here: what is noted in any case, and judging.

use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::base::Uuid;
use std::fmt;

/// How much is noted in a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum JournalDetail {
    /// Connections, requests, answers, faults, commands, elections.
    #[default]
    Standard,
    /// Also each [`Detail`], and [decisions](super::Event::Decided) that faults or slow replication keep from clients:
    /// what a checker needs that looks into the cluster.
    Full,
}

/// A change that is noted only when [everything](JournalDetail::Full) is.
///
/// Of the cluster's own topics only the markers of transactions are noted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Detail {
    /// A partition came into being.
    Created {
        /// The topic.
        topic: TopicName,
        /// The topic's id, by which newer requests name it.
        topic_id: Uuid,
        /// The partition.
        partition: PartitionIndex,
        /// Its first leader; -1 for none.
        leader: BrokerId,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Those in sync.
        isr: Vec<BrokerId>,
    },
    /// A partition was deleted with its topic.
    Deleted {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The bounds of a partition's logs are others.
    Log(LogBounds),
    /// A leader appended a batch.
    Append {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The leader.
        broker: BrokerId,
        /// What the batch's header says.
        batch: AppendedHeader,
    },
    /// A follower found that its log was not its leader's, and cut it back.
    Truncation(Box<Divergence>),
    /// Retention or somebody's request removed a segment from the leader's log.
    SegmentDeleted {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Why.
        by: RemovedBy,
        /// What time it was in the world of records.
        now: Timestamp,
        /// The largest timestamp in the segment.
        max_timestamp: Timestamp,
        /// The size of the log before.
        log_bytes: u64,
    },
    /// The leader's log was compacted.
    Compacted(Box<Compaction>),
    /// A leader forgot a producer that was silent for long.
    ProducerExpired {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The producer.
        producer_id: ProducerId,
    },
    /// A transaction coordinator wrote down what has become of a transaction.
    Transaction {
        /// The transactional id.
        transactional_id: String,
        /// Its producer.
        producer_id: ProducerId,
        /// The producer's epoch.
        producer_epoch: ProducerEpoch,
        /// The state, by Kafka's name.
        state: String,
        /// The sequence number of the request that brought it about, if one did.
        request: Option<u64>,
    },
    /// What a group's members want to read, noted before the group's own entry when it becomes stable.
    Subscribed {
        /// The group.
        group: String,
        /// The topics that exist, each with how many partitions it has.
        topics: Vec<(String, usize)>,
    },
    /// A group coordinator removed a committed offset.
    OffsetRemoved {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// Why.
        by: RemovedBy,
    },
    /// A request has left its client, and the link or its broker keeps it for now; its own entry comes when it arrives.
    Underway {
        /// The connection.
        connection: ConnectionId,
        /// The request's number there.
        correlation_id: i32,
    },
}

/// Why something was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedBy {
    /// Its time was up.
    Expiry,
    /// The log was too large.
    Size,
    /// Somebody asked for it.
    Request,
}

/// Where the logs of a partition begin and end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogBounds {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The leader; -1 for none.
    pub leader: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// Up to where readers of committed transactions see at the leader.
    pub last_stable_offset: Offset,
    /// The replicas, in the order of assignment.
    pub replicas: Vec<ReplicaBounds>,
}

/// Where one replica's log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReplicaBounds {
    /// The broker that holds it.
    pub broker: BrokerId,
    /// Its first offset.
    pub log_start_offset: Offset,
    /// The offset of the next record.
    pub log_end_offset: Offset,
    /// Up to where it knows that records are replicated.
    pub high_watermark: Offset,
}

/// What the header of an appended batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AppendedHeader {
    /// The first offset.
    pub base_offset: Offset,
    /// The last one.
    pub last_offset: Offset,
    /// The epoch of the leader.
    pub leader_epoch: LeaderEpoch,
    /// The producer; -1 for none.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence number of the first record; -1 for none.
    pub base_sequence: i32,
    /// Whether it belongs to a transaction.
    pub is_transactional: bool,
    /// Of a marker: whether it commits.
    pub commits: Option<bool>,
}

/// A follower's log and its leader's, when the follower cut its own back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Divergence {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The follower.
    pub broker: BrokerId,
    /// The epoch of its leader.
    pub leader_epoch: LeaderEpoch,
    /// Where its log ends now.
    pub to: Offset,
    /// Its leader epochs with their first offsets, before.
    pub own: Vec<(LeaderEpoch, Offset)>,
    /// Where its log ended before.
    pub own_end: Offset,
    /// The leader's epochs with their first offsets.
    pub leader: Vec<(LeaderEpoch, Offset)>,
    /// Where the leader's log ends.
    pub leader_end: Offset,
}

/// One pass of the cleaner over a log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Compaction {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// What time it was in the world of records.
    pub now: Timestamp,
    /// The last stable offset.
    pub last_stable_offset: Offset,
    /// The records before, without those of aborted transactions.
    pub before: Vec<KeyedRecord>,
    /// Those after.
    pub after: Vec<KeyedRecord>,
}

/// What a cleaner looks at in a record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyedRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its key as text; what is no text is shown as such.
    pub key: String,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Whether it deletes its key.
    pub is_tombstone: bool,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { topic, partition, leader, leader_epoch, isr, .. } => {
                write!(f, "{topic}-{partition} created, leader {leader} epoch {leader_epoch} ISR {isr:?}")
            }
            Self::Deleted { topic, partition } => write!(f, "{topic}-{partition} deleted"),
            Self::Log(bounds) => bounds.fmt(f),
            Self::Append { topic, partition, broker, batch } => {
                write!(f, "{topic}-{partition} broker {broker} appended {batch}")
            }
            Self::Truncation(it) => write!(
                f,
                "{}-{} broker {} agrees with its leader up to {} (own epochs {:?} to {}, leader's {:?} to {})",
                it.topic, it.partition, it.broker, it.to, it.own, it.own_end, it.leader, it.leader_end
            ),
            Self::SegmentDeleted { topic, partition, by, max_timestamp, .. } => {
                write!(f, "{topic}-{partition} segment deleted: {by} (latest timestamp {})", max_timestamp.0)
            }
            Self::Compacted(it) => write!(
                f,
                "{}-{} compacted: {} records became {}",
                it.topic,
                it.partition,
                it.before.len(),
                it.after.len()
            ),
            Self::ProducerExpired { topic, partition, producer_id } => {
                write!(f, "{topic}-{partition} forgot producer {producer_id}")
            }
            Self::Transaction { transactional_id, producer_id, producer_epoch, state, request } => {
                write!(f, "transaction {transactional_id} {state} producer {producer_id} epoch {producer_epoch}")?;
                request.map_or(Ok(()), |request| write!(f, " by {request}"))
            }
            Self::Subscribed { group, topics } => {
                let names: Vec<&str> = topics.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "group {group} subscribed to [{}]", names.join(", "))
            }
            Self::OffsetRemoved { group, topic, partition, by } => {
                write!(f, "group {group} lost its offset of {topic}-{partition}: {by}")
            }
            Self::Underway { connection, correlation_id } => {
                write!(f, "connection {connection} #{correlation_id} is under way")
            }
        }
    }
}

impl fmt::Display for RemovedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expiry => "expired",
            Self::Size => "too large",
            Self::Request => "asked for",
        })
    }
}

impl fmt::Display for LogBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, leader, leader_epoch, last_stable_offset, replicas } = self;
        write!(f, "{topic}-{partition} logs leader {leader} epoch {leader_epoch} stable {last_stable_offset}")?;
        for replica in replicas {
            let ReplicaBounds { broker, log_start_offset, log_end_offset, high_watermark } = replica;
            write!(f, " broker {broker}: {log_start_offset}..{log_end_offset} high watermark {high_watermark}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AppendedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={} in epoch {}", self.base_offset, self.last_offset, self.leader_epoch)?;
        if self.producer_id.0 >= 0 {
            write!(f, " producer {} epoch {} #{}", self.producer_id, self.producer_epoch, self.base_sequence)?;
        }
        match self.commits {
            Some(true) => f.write_str(", a commit marker"),
            Some(false) => f.write_str(", an abort marker"),
            None if self.is_transactional => f.write_str(", transactional"),
            None => Ok(()),
        }
    }
}
