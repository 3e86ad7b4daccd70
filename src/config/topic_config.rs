//! What a topic's log is told to do, as plain typed values.
//!
//! Not here: names, ranges and where a value came from; those are rows of the table of definitions.

use std::fmt;

use crate::base::BrokerMutants;
use crate::config::definition::Value;
use crate::config::layers::BrokerLayers;
use crate::config::layers::Overrides;
use crate::config::values::Values;

/// Whose clock a record's timestamp is, `message.timestamp.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum MessageTimestampType {
    /// The producer's: the record keeps the timestamp it came with.
    #[default]
    CreateTime,
    /// The broker's: every batch is stamped when it is appended.
    LogAppendTime,
}

/// How batches lie in the log, `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum CompressionType {
    /// As the producer sent them.
    #[default]
    Producer,
    /// Not compressed, whatever the producer sent.
    Uncompressed,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with snappy.
    Snappy,
    /// Compressed with lz4.
    Lz4,
    /// Compressed with zstd.
    Zstd,
}

/// What becomes of old records, `cleanup.policy`; both may hold at once, and since 4.2 neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CleanupPolicy {
    /// Whole segments go once they are too old or the log too large.
    pub delete: bool,
    /// Only the last record of each key stays.
    pub compact: bool,
}

impl CleanupPolicy {
    /// `delete` alone, Kafka's default.
    pub const DELETE: Self = Self { delete: true, compact: false };
    /// `compact` alone.
    pub const COMPACT: Self = Self { delete: false, compact: true };
}

impl Default for CleanupPolicy {
    fn default() -> Self {
        Self::DELETE
    }
}

/// The configuration of one topic as its log and its partitions read it; `default()` is Kafka's.
///
/// Times are milliseconds and sizes are bytes. `None` stands for "no limit" where Kafka writes -1.
/// ```
/// use rehearsal::config::TopicConfig;
/// let config = TopicConfig::default();
/// assert_eq!(config.retention_ms, Some(7 * 24 * 60 * 60 * 1000));
/// assert_eq!(config.retention_bytes, None);
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`.
    pub compression_type: CompressionType,
    /// `delete.retention.ms`: how long a tombstone outlives its compaction.
    pub delete_retention_ms: i64,
    /// `flush.messages`: after how many records a log is forced to disk.
    pub flush_messages: i64,
    /// `max.compaction.lag.ms`: a record older than this makes its log due for compaction.
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`: the largest batch, compressed and with its header, that is accepted.
    pub max_message_bytes: usize,
    /// `message.timestamp.after.max.ms`: how far ahead of the broker's clock a record may be.
    pub message_timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`: how far behind the broker's clock a record may be.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.type`.
    pub message_timestamp_type: MessageTimestampType,
    /// `min.cleanable.dirty.ratio`: the uncompacted share of the log, 0 to 1, that makes compaction worth it.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: a record younger than this is not compacted away.
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`: how many replicas `acks=all` asks for.
    pub min_insync_replicas: usize,
    /// `retention.bytes`, per partition.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`.
    pub retention_ms: Option<i64>,
    /// `segment.bytes`: the size at which a new segment is begun.
    pub segment_bytes: usize,
    /// `segment.ms`: the age at which a new segment is begun.
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`: whether a replica that is not in sync may lead when no other can.
    pub unclean_leader_election_enable: bool,
    /// What is wrong with the broker on purpose.
    #[doc(hidden)]
    #[serde(skip)]
    pub mutants: BrokerMutants,
}

impl TopicConfig {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    /// The configuration in force for a topic with `topic` set on it, on a broker with `broker` set on it.
    pub fn new(topic: &Overrides, broker: &BrokerLayers) -> Self {
        Self::read(&mut |name| broker.topic_value(topic, name))
    }

    pub(super) fn read(source: &mut dyn FnMut(&'static str) -> Option<Value>) -> Self {
        let mut from = Values(source);
        let policy = from.list("cleanup.policy");
        let has = |wanted: &str| policy.iter().any(|one| one == wanted);
        Self {
            cleanup_policy: CleanupPolicy { delete: has("delete"), compact: has("compact") },
            compression_type: match from.text("compression.type").as_str() {
                "uncompressed" => CompressionType::Uncompressed,
                "gzip" => CompressionType::Gzip,
                "snappy" => CompressionType::Snappy,
                "lz4" => CompressionType::Lz4,
                "zstd" => CompressionType::Zstd,
                _ => CompressionType::Producer,
            },
            delete_retention_ms: from.long("delete.retention.ms"),
            flush_messages: from.long("flush.messages"),
            max_compaction_lag_ms: from.long("max.compaction.lag.ms"),
            max_message_bytes: from.size("max.message.bytes"),
            message_timestamp_after_max_ms: from.long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: from.long("message.timestamp.before.max.ms"),
            message_timestamp_type: match from.text("message.timestamp.type").as_str() {
                "LogAppendTime" => MessageTimestampType::LogAppendTime,
                _ => MessageTimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: from.double("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: from.long("min.compaction.lag.ms"),
            min_insync_replicas: from.size("min.insync.replicas"),
            retention_bytes: u64::try_from(from.long("retention.bytes")).ok(),
            retention_ms: Some(from.long("retention.ms")).filter(|ms| *ms >= 0),
            // The internal config goes below the bound of the public one; it wins where it is set.
            segment_bytes: match (from.size("internal.segment.bytes"), from.size("segment.bytes")) {
                (0, public) => public,
                (internal, _) => internal,
            },
            segment_ms: from.long("segment.ms"),
            unclean_leader_election_enable: from.flag("unclean.leader.election.enable"),
            mutants: BrokerMutants::default(),
        }
    }

    /// Whether records need a key and old values of a key go.
    pub const fn is_compacted(&self) -> bool {
        self.cleanup_policy.compact
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            cleanup_policy: CleanupPolicy::DELETE,
            compression_type: CompressionType::Producer,
            delete_retention_ms: Self::DAY_MS,
            flush_messages: i64::MAX,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: 1_048_588,
            message_timestamp_after_max_ms: 60 * 60 * 1000,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_type: MessageTimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            retention_bytes: None,
            retention_ms: Some(7 * Self::DAY_MS),
            segment_bytes: 1 << 30,
            segment_ms: 7 * Self::DAY_MS,
            unclean_leader_election_enable: false,
            mutants: BrokerMutants::default(),
        }
    }
}

impl fmt::Display for CleanupPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.compact, self.delete) {
            (true, true) => "compact,delete",
            (true, false) => "compact",
            (false, true) => "delete",
            (false, false) => "",
        })
    }
}
