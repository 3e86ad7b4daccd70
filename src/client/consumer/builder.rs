//! Settings of consumers.
//!
//! Not here: what they change.

use super::super::admin::OffsetSpec;
use super::super::group::assignor::Assignor;
use super::super::group::assignor::CooperativeStickyAssignor;
use super::super::group::assignor::RangeAssignor;
use super::super::group::membership::GroupConfig;
use super::super::group::membership::GroupProtocol;
use super::super::group::membership::OnClose;
use super::super::routing::Router;
use super::Consumer;
use super::fetcher::FETCH_WAIT_DEFAULT;
use super::isolation::IsolationLevel;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::batch::RECORDS_BYTES_MAX;
use bytestring::ByteString;
use std::sync::Arc;
use std::time::Duration;

const AUTO_COMMIT_INTERVAL: Duration = Duration::from_millis(5_000);

/// Settings of a [`Consumer`]. Each is called as Kafka calls it, and its default is Kafka's unless it says otherwise.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ConsumerBuilder {
    router: Arc<Router>,
    settings: Settings,
    auto_commit: bool,
    auto_commit_interval: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) fetch_bytes_min: usize,
    pub(super) fetch_bytes_max: usize,
    pub(super) partition_bytes_max: usize,
    pub(super) prefetch_bytes: usize,
    pub(super) decompressed_bytes_max: usize,
    pub(super) fetch_wait_max: Duration,
    pub(super) reset: OffsetReset,
    pub(super) isolation: IsolationLevel,
    pub(super) group: GroupConfig,
    /// `None` when offsets are committed only when the user says so.
    pub(super) auto_commit: Option<Duration>,
}

/// From where a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// From the log's beginning.
    Earliest,
    /// From the next record that is written.
    Latest,
    /// From this offset.
    Offset(Offset),
    /// From the first record that is not older; from the next one if all are.
    Timestamp(Timestamp),
    /// From where the group has committed, or as `auto.offset.reset` says.
    Committed,
}

/// What happens when an offset is not in the log: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OffsetReset {
    /// The log's beginning is read.
    Earliest,
    /// The next record that is written is read.
    #[default]
    Latest,
    /// The records of this last time are read (KIP-1106).
    ByDuration(Duration),
    /// The records from this time on are read.
    Timestamp(Timestamp),
    /// The user is told, and the partition waits for a seek.
    None,
}

impl OffsetReset {
    /// Where to go on; `None` if that is for the user to say.
    pub(super) fn spec(self, now: Timestamp) -> Option<OffsetSpec> {
        match self {
            Self::Earliest => Some(OffsetSpec::Earliest),
            Self::Latest => Some(OffsetSpec::Latest),
            Self::ByDuration(duration) => {
                let ago = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                Some(OffsetSpec::Timestamp(Timestamp(now.0.saturating_sub(ago).max(0))))
            }
            Self::Timestamp(timestamp) => Some(OffsetSpec::Timestamp(timestamp)),
            Self::None => None,
        }
    }
}

impl ConsumerBuilder {
    pub(in crate::client) fn new(router: Arc<Router>) -> Self {
        let ms = Duration::from_millis;
        let group = GroupConfig {
            group_id: ByteString::new(),
            instance_id: None,
            rack: None,
            protocol: GroupProtocol::Classic,
            session_timeout: ms(45_000),
            heartbeat_interval: ms(3_000),
            poll_interval_max: ms(300_000),
            assignors: vec![Arc::new(RangeAssignor), Arc::new(CooperativeStickyAssignor)],
            server_assignor: None,
            on_close: OnClose::Default,
            retry_backoff: router.settings.retry_backoff,
            mutants: router.settings.mutants,
        };
        let settings = Settings {
            fetch_bytes_min: 1,
            fetch_bytes_max: 50 * 1024 * 1024,
            partition_bytes_max: 1024 * 1024,
            prefetch_bytes: 64 * 1024 * 1024,
            decompressed_bytes_max: RECORDS_BYTES_MAX,
            fetch_wait_max: FETCH_WAIT_DEFAULT,
            reset: OffsetReset::Latest,
            isolation: IsolationLevel::ReadUncommitted,
            group,
            auto_commit: None,
        };
        Self { router, settings, auto_commit: true, auto_commit_interval: AUTO_COMMIT_INTERVAL }
    }

    /// What happens when an offset is not in the log (the latest is taken).
    pub const fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.settings.reset = reset;
        self
    }

    /// Which records are seen (all).
    ///
    /// With [`IsolationLevel::ReadCommitted`] the end of a partition is where the first open transaction begins, for
    /// [`StartFrom::Latest`] and [`Consumer::lag`] as well.
    pub const fn isolation_level(mut self, isolation: IsolationLevel) -> Self {
        self.settings.isolation = isolation;
        self
    }

    /// How many bytes a broker waits for before it answers (1).
    pub const fn fetch_min_bytes(mut self, bytes: usize) -> Self {
        self.settings.fetch_bytes_min = bytes;
        self
    }

    /// How many bytes a broker answers with at most, unless one batch alone is larger (50 MiB).
    pub const fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.settings.fetch_bytes_max = bytes;
        self
    }

    /// How many of them at most are of one partition, unless one batch alone is larger (1 MiB).
    pub const fn max_partition_fetch_bytes(mut self, bytes: usize) -> Self {
        self.settings.partition_bytes_max = bytes;
        self
    }

    /// How long a broker waits at most (500 ms).
    pub const fn fetch_max_wait(mut self, wait: Duration) -> Self {
        self.settings.fetch_wait_max = wait;
        self
    }

    /// How many bytes may lie in memory or be under way before they are handed out (64 MiB), give or take one batch
    /// for each broker.
    pub const fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.settings.prefetch_bytes = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// How large one batch may become when it is decompressed, in bytes (100 MiB).
    pub const fn decompressed_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.decompressed_bytes_max = bytes;
        self
    }

    /// The group to which the consumer belongs: it can subscribe to topics, and commit.
    pub fn group_id(mut self, group_id: impl Into<ByteString>) -> Self {
        self.settings.group.group_id = group_id.into();
        self
    }

    /// Makes it a static member under this name: one that may be away for its session time-out without a rebalance.
    pub fn group_instance_id(mut self, instance_id: impl Into<ByteString>) -> Self {
        self.settings.group.instance_id = Some(instance_id.into());
        self
    }

    /// Who assigns partitions to members (the classic way: one of them).
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.settings.group.protocol = protocol;
        self
    }

    /// After what time of silence the member is out (45 s). For groups whose coordinator assigns the broker says it.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.group.session_timeout = timeout;
        self
    }

    /// How often it shows that it is alive (3 s). For groups whose coordinator assigns the broker says it.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.group.heartbeat_interval = interval;
        self
    }

    /// For how long the user may do without asking for a record before the member leaves the group, and how long a
    /// rebalance waits for it (5 min).
    pub fn max_poll_interval(mut self, interval: Duration) -> Self {
        self.settings.group.poll_interval_max = interval;
        self
    }

    /// The assignors of a classic group, the preferred one first (range, then cooperative-sticky):
    /// `partition.assignment.strategy`.
    ///
    /// The group takes one that all its members have. Members keep their partitions through a rebalance only if all
    /// of their assignors are cooperative.
    pub fn partition_assignment_strategy(mut self, assignors: impl IntoIterator<Item = Arc<dyn Assignor>>) -> Self {
        self.settings.group.assignors = assignors.into_iter().collect();
        self
    }

    /// Which of its assignors the coordinator should use (its own choice).
    pub fn group_remote_assignor(mut self, name: impl Into<ByteString>) -> Self {
        self.settings.group.server_assignor = Some(name.into());
        self
    }

    /// The rack where the consumer stands (none): partitions are read from a follower there, where the leader names one
    /// (KIP-392), and assignors may look at it.
    ///
    /// Brokers name followers only with `replica.selector.class` set to Kafka's `RackAwareReplicaSelector`. The leader is
    /// asked again when `metadata.max.age.ms` is over, and when the follower refuses or goes away.
    /// ```no_run
    /// # fn example(client: rehearsal::client::Client) {
    /// let consumer = client.consumer().client_rack("cellar").build();
    /// # }
    /// ```
    pub fn client_rack(mut self, rack: impl Into<ByteString>) -> Self {
        self.settings.group.rack = Some(rack.into());
        self
    }

    /// Whether positions are committed by themselves: at an interval, before a rebalance, and on closing (yes).
    ///
    /// A record counts as processed when the next one is asked for.
    pub const fn enable_auto_commit(mut self, enable: bool) -> Self {
        self.auto_commit = enable;
        self
    }

    /// How often positions are committed by themselves (5 s), if they are at all.
    pub const fn auto_commit_interval(mut self, interval: Duration) -> Self {
        self.auto_commit_interval = interval;
        self
    }

    /// Whether the member leaves the group when its consumer is closed or dropped (unless it is a static one).
    pub fn on_close(mut self, on_close: OnClose) -> Self {
        self.settings.group.on_close = on_close;
        self
    }

    /// Starts the consumer, whose fetching is done by a task of the current Tokio runtime, and its membership by
    /// another.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn build(mut self) -> Consumer {
        self.settings.auto_commit = self.auto_commit.then_some(self.auto_commit_interval);
        Consumer::new(self.router, self.settings)
    }
}
