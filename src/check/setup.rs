//! What was configured, what the test requires of it, and the bounds by which lateness is judged.

use super::contract::Contract;
use super::event::Isolation;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The first line of a history. What is not said has Kafka's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// What the test requires; [`Contract::strict`] unless said.
    pub intent: Vec<Contract>,
    /// The producers' `acks`.
    pub acks: Acks,
    /// `min.insync.replicas` of the topics.
    pub min_insync_replicas: usize,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// Whether eligible leader replicas (KIP-966) are on: without them, who loses power may lose what is acknowledged.
    /// A simulation sets it to what its brokers have.
    pub eligible_leader_replicas: bool,
    /// Whether every record is flushed before it is acknowledged (`flush.messages=1`).
    pub flush_each: bool,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: u32,
    /// Whether outputs are written in transactions.
    pub transactional: bool,
    /// The transaction version (KIP-890): from 2 on every transaction has an epoch of its own.
    pub transaction_version: u8,
    /// The consumers' `isolation.level`, where a poll does not say.
    pub isolation: Isolation,
    /// When offsets are committed.
    pub commit: CommitPolicy,
    /// Whether offsets are sent with the group's metadata (KIP-447).
    pub group_metadata: bool,
    /// Whether committed offsets are asked for with `require_stable`.
    pub require_stable: bool,
    /// Whether the application goes back to the committed offsets after an abort.
    pub rewind_on_abort: bool,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `session.timeout.ms`.
    pub session_timeout_ms: u64,
    /// `transaction.max.timeout.ms` of the brokers.
    pub transaction_max_timeout_ms: u64,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// How long after the last fault all must be well again.
    pub converge_ms: u64,
    /// How far a reader may lag behind what is known to exist; unbounded unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staleness_ms: Option<u64>,
    /// How many outputs an input has.
    pub outputs_per_input: u32,
    /// Topics that are not as by default.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, TopicSetup>,
    /// Counters that must not be zero: a run that never saw what it is about proves nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must_reach: Vec<String>,
}

/// A topic's configuration, as far as it decides what may be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicSetup {
    /// `cleanup.policy` contains `compact`.
    pub compacted: bool,
    /// `retention.ms`; -1 for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 for any size.
    pub retention_bytes: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
}

/// The producers' `acks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acks {
    /// No answer.
    #[serde(rename = "0")]
    None,
    /// The leader's.
    #[serde(rename = "1")]
    Leader,
    /// The whole ISR's.
    #[default]
    #[serde(rename = "all")]
    All,
}

/// When offsets are committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitPolicy {
    /// Only after the application has processed what they cover.
    AfterProcessed,
    /// Before it is processed, and never again.
    BeforeProcessed,
    /// With the outputs, in their transaction.
    InTransaction,
    /// By the clock, as `enable.auto.commit` does.
    #[default]
    Auto,
}

/// `auto.offset.reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetReset {
    /// The log's start.
    Earliest,
    /// The log's end.
    #[default]
    Latest,
    /// An error.
    None,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            intent: Contract::strict(),
            acks: Acks::All,
            min_insync_replicas: 1,
            unclean_leader_election: false,
            eligible_leader_replicas: true,
            flush_each: false,
            idempotence: true,
            max_in_flight: 5,
            transactional: false,
            transaction_version: 2,
            isolation: Isolation::ReadUncommitted,
            commit: CommitPolicy::Auto,
            group_metadata: false,
            require_stable: false,
            rewind_on_abort: false,
            auto_offset_reset: OffsetReset::Latest,
            session_timeout_ms: 45_000,
            transaction_max_timeout_ms: 900_000,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            converge_ms: 22 * 60_000,
            staleness_ms: None,
            outputs_per_input: 1,
            topics: BTreeMap::new(),
            must_reach: Vec::new(),
        }
    }
}

impl Default for TopicSetup {
    fn default() -> Self {
        Self {
            compacted: false,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            delete_retention_ms: 24 * 3_600_000,
            min_compaction_lag_ms: 0,
        }
    }
}

impl TopicSetup {
    /// Whether a record may be gone before anybody has read it, in a test's time.
    #[cfg(feature = "sim")]
    pub(crate) fn is_fleeting(&self) -> bool {
        let lasting = Self::default();
        self.compacted || self.retention_ms != lasting.retention_ms || self.retention_bytes >= 0
    }
}

impl Setup {
    /// Everything set so that exactly-once holds: the configuration that [`Contract::exactly_once`] needs.
    pub fn exactly_once() -> Self {
        Self {
            intent: Contract::exactly_once(),
            min_insync_replicas: 2,
            transactional: true,
            isolation: Isolation::ReadCommitted,
            commit: CommitPolicy::InTransaction,
            group_metadata: true,
            require_stable: true,
            rewind_on_abort: true,
            auto_offset_reset: OffsetReset::Earliest,
            ..Self::default()
        }
    }

    /// The configuration of the topic that `partition` (`orders-0`) belongs to.
    pub(crate) fn topic(&self, partition: &str) -> TopicSetup {
        self.topics.get(name_of(topic_of(partition))).cloned().unwrap_or_default()
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        Duration::from_millis(self.session_timeout_ms)
    }

    pub(crate) fn converge(&self) -> Duration {
        Duration::from_millis(self.converge_ms)
    }
}

/// `orders` of `orders-0`.
pub(crate) fn topic_of(partition: &str) -> &str {
    partition.rsplit_once('-').map_or(partition, |(topic, _)| topic)
}

/// `orders` of `orders#2`, which is the second topic of that name.
pub(crate) fn name_of(topic: &str) -> &str {
    // No topic has such a name itself.
    topic.split_once('#').map_or(topic, |(name, _)| name)
}
