//! How the clients of a workload are configured; what is not said is as it should be.

use crate::check::Acks;
use crate::check::CommitPolicy;
use crate::check::OffsetReset;
use crate::check::event::Isolation;
use crate::client;
use crate::client::Client;
use crate::client::ClientBuilder;
use crate::client::ConsumerBuilder;
use crate::client::GroupProtocol;
use crate::client::IsolationLevel;
use crate::client::ProducerBuilder;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How the clients of a workload are configured; what is not said is as it should be.
///
/// ```
/// use rehearsal::check::Acks;
/// use rehearsal::sim::WorkloadConfig;
/// let config = WorkloadConfig { acks: Acks::Leader, ..WorkloadConfig::default() };
/// assert!(!config.is_idempotent());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadConfig {
    /// The producers' `acks`.
    pub acks: Acks,
    /// `enable.idempotence`; without `acks=all` it is off in any case.
    pub idempotence: bool,
    /// How many records of a producer may be on their way before it waits for the first of them.
    pub ahead: u32,
    /// `linger.ms`.
    pub linger_ms: u32,
    /// `batch.size`, in bytes.
    pub batch_bytes: u32,
    /// `delivery.timeout.ms`.
    pub delivery_timeout_ms: u32,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// When offsets are committed; after processing, or with the outputs, unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitPolicy>,
    /// `group.protocol`.
    pub group_protocol: GroupProtocolName,
    /// `session.timeout.ms`.
    pub session_timeout_ms: u32,
    /// `max.poll.interval.ms`, which is also for how long a rebalance waits for a member.
    pub max_poll_ms: u32,
    /// `transaction.timeout.ms`.
    pub transaction_timeout_ms: u32,
    /// `metadata.max.age.ms`.
    pub metadata_max_age_ms: u32,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u32,
    /// `default.api.timeout.ms`.
    pub api_timeout_ms: u32,
    /// How long a record takes to process, in milliseconds.
    pub process_ms: u32,
}

/// `group.protocol`: who assigns partitions to the members of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocolName {
    /// One of them.
    #[default]
    Classic,
    /// The coordinator (KIP-848).
    Consumer,
}

impl fmt::Display for GroupProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

impl Default for WorkloadConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            ahead: 1,
            linger_ms: 0,
            batch_bytes: 16_384,
            delivery_timeout_ms: 120_000,
            isolation: Isolation::ReadCommitted,
            auto_offset_reset: OffsetReset::Earliest,
            commit: None,
            group_protocol: GroupProtocolName::Classic,
            session_timeout_ms: 10_000,
            max_poll_ms: 20_000,
            transaction_timeout_ms: 15_000,
            metadata_max_age_ms: 30_000,
            request_timeout_ms: 10_000,
            api_timeout_ms: 60_000,
            process_ms: 5,
        }
    }
}

impl WorkloadConfig {
    /// Whether the broker recognises batches that are sent again.
    pub fn is_idempotent(&self) -> bool {
        self.idempotence && self.acks == Acks::All
    }

    pub(super) fn producer(&self, client: &Client) -> ProducerBuilder {
        let acks = match self.acks {
            Acks::None => client::Acks::None,
            Acks::Leader => client::Acks::Leader,
            Acks::All => client::Acks::All,
        };
        client
            .producer()
            .acks(acks)
            .enable_idempotence(self.is_idempotent())
            .linger(ms(self.linger_ms))
            .batch_size(usize::try_from(self.batch_bytes).unwrap_or(usize::MAX))
            .delivery_timeout(ms(self.delivery_timeout_ms))
    }

    pub(super) fn consumer(&self, client: &Client) -> ConsumerBuilder {
        let reset = match self.auto_offset_reset {
            OffsetReset::Earliest => client::OffsetReset::Earliest,
            OffsetReset::Latest => client::OffsetReset::Latest,
            OffsetReset::None => client::OffsetReset::None,
        };
        let isolation = match self.isolation {
            Isolation::ReadUncommitted => IsolationLevel::ReadUncommitted,
            Isolation::ReadCommitted => IsolationLevel::ReadCommitted,
        };
        let protocol = match self.group_protocol {
            GroupProtocolName::Classic => GroupProtocol::Classic,
            GroupProtocolName::Consumer => GroupProtocol::Consumer,
        };
        client
            .consumer()
            .auto_offset_reset(reset)
            .isolation_level(isolation)
            .group_protocol(protocol)
            .session_timeout(ms(self.session_timeout_ms))
            .max_poll_interval(ms(self.max_poll_ms))
    }

    /// The client itself.
    pub(in crate::sim) fn client(&self, builder: ClientBuilder) -> ClientBuilder {
        builder
            .metadata_max_age(ms(self.metadata_max_age_ms))
            .request_timeout(ms(self.request_timeout_ms))
            .api_timeout(ms(self.api_timeout_ms))
    }
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
