//! What the processes of a run do, as data: ready-made applications for searching clusters, clients and settings for
//! faults.
//!
//! Not here: an application of one's own, which is a closure.

mod config;
mod copy;
mod read;
mod send;

pub use config::GroupProtocolName;
pub use config::WorkloadConfig;

use super::file::ClusterFile;
use super::node::AppError;
use super::node::Node;
use crate::check::CommitPolicy;
use crate::check::Contract;
use crate::check::Setup;
use crate::check::TopicSetup;
use crate::config::NewTopic;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The topic that producers write to.
pub(super) const ORDERS: &str = "orders";
/// The topic that copiers write to.
const SHIPMENTS: &str = "shipments";
/// The group of those who read together.
pub(super) const GROUP: &str = "shipping";

const SEGMENT_MS: i64 = 1_000;
const RETENTION_MS: i64 = 4_000;
const DELETE_RETENTION_MS: i64 = 3_000;
/// How often a broker looks for what it can remove.
const CLEAN_AFTER_MS: i64 = 2_000;
/// How long a partition is without a leader at most.
const ELECTION_MS: u32 = 10_000;
/// How often a coordinator looks for transactions whose time is up: Kafka's default.
const TXN_SCAN_MS: u32 = 10_000;

/// An application as data.
///
/// ```
/// use rehearsal::sim::{RunFile, Workload, WorkloadKind};
/// let workload = Workload { records: 10, ..Workload::new(WorkloadKind::Plain) };
/// let run = RunFile::new(1, workload).run().unwrap();
/// run.assert_ok();
/// assert_eq!(run.report().counters["acknowledged"], 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What it does.
    pub kind: Kind,
    /// Of an application of one's own: what it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many partitions each topic has.
    #[serde(default = "one_i32")]
    pub partitions: i32,
    /// How many processes send.
    #[serde(default = "one")]
    pub producers: u32,
    /// How many processes read.
    #[serde(default = "one")]
    pub consumers: u32,
    /// How many records each producer sends.
    #[serde(default)]
    pub records: u32,
    /// How long a producer waits between two records, in milliseconds.
    #[serde(default)]
    pub pause_ms: u32,
    /// Only these records are sent, at the times at which they would be if all were. A record's number is that of its
    /// producer times `records`, plus how many that producer has sent before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<u32>>,
    /// How its clients are configured.
    #[serde(default)]
    pub config: WorkloadConfig,
}

/// What a workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Producers send records without keys; consumers read all partitions, each for itself.
    Plain,
    /// The same with keys, of which each producer has its own.
    Keyed,
    /// Consumers share the work as members of a group; each processes a batch, and commits.
    Grouped,
    /// Copiers, which share the work as members of a group, write one shipment for each order, with their offsets in
    /// the same transaction. One process more reads the shipments.
    Copy,
    /// As [`Kind::Keyed`], in a topic that keeps the last value of each key only.
    Compacted,
    /// As [`Kind::Keyed`], in a topic that keeps records for a few seconds.
    Retention,
    /// An application of one's own, which the file knows by name only.
    App,
}

const fn one() -> u32 {
    1
}

const fn one_i32() -> i32 {
    1
}

impl Kind {
    /// All that come with this crate.
    pub const ALL: &'static [Self] =
        &[Self::Plain, Self::Keyed, Self::Grouped, Self::Copy, Self::Compacted, Self::Retention];
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        let kind = match self.kind {
            Kind::Plain => "plain",
            Kind::Keyed => "keyed",
            Kind::Grouped => "grouped",
            Kind::Copy => "copy",
            Kind::Compacted => "compacted",
            Kind::Retention => "retention",
            Kind::App => "app",
        };
        let Self { producers, consumers, records, partitions, pause_ms, .. } = self;
        write!(f, "{kind}, {producers} producers of {records} records every {pause_ms} ms, {consumers} consumers")?;
        write!(f, ", {partitions} partitions")?;
        if !self.groups().is_empty() {
            write!(f, ", group.protocol {}", self.config.group_protocol)?;
        }
        Ok(())
    }
}

impl Workload {
    /// A workload of this kind: two producers of 50 records each and two consumers, with two partitions, everything
    /// configured as it should be.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: None,
            partitions: 2,
            producers: 2,
            consumers: 2,
            records: 50,
            pause_ms: 200,
            only: None,
            config: WorkloadConfig::default(),
        }
    }

    /// An application of one's own.
    pub fn app(name: impl Into<String>) -> Self {
        let none = Self { partitions: 1, producers: 0, consumers: 0, records: 0, pause_ms: 0, ..Self::new(Kind::App) };
        Self { name: Some(name.into()), ..none }
    }

    /// How many processes it has.
    pub fn processes(&self) -> usize {
        let readers = u32::from(self.kind == Kind::Copy);
        let all = self.producers.saturating_add(self.consumers).saturating_add(readers);
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// What it is for: the contracts that it keeps when everything is configured as it should be.
    pub fn intent(&self) -> Vec<Contract> {
        use Contract::*;
        match self.kind {
            Kind::Grouped => vec![Dur, NoDup, Ord, Alo, Live, Base],
            Kind::Copy => Contract::exactly_once(),
            _ => vec![Dur, NoDup, Ord, Live, Base],
        }
    }

    /// When its offsets are committed, if it has any.
    pub fn commit_policy(&self) -> CommitPolicy {
        let right = if self.kind == Kind::Copy { CommitPolicy::InTransaction } else { CommitPolicy::AfterProcessed };
        self.config.commit.unwrap_or(right)
    }

    /// The groups that its processes are members of.
    pub fn groups(&self) -> Vec<String> {
        if matches!(self.kind, Kind::Grouped | Kind::Copy) { vec![GROUP.to_owned()] } else { Vec::new() }
    }

    /// Its topics on a cluster.
    pub(super) fn topics(&self, cluster: &ClusterFile) -> Vec<NewTopic> {
        let orders = cluster.topic(ORDERS, self.partitions);
        match self.kind {
            Kind::Copy => vec![orders, cluster.topic(SHIPMENTS, self.partitions)],
            Kind::Compacted => vec![
                orders
                    .config("cleanup.policy", "compact")
                    .config("min.cleanable.dirty.ratio", "0.01")
                    .config("segment.ms", SEGMENT_MS.to_string())
                    .config("delete.retention.ms", DELETE_RETENTION_MS.to_string()),
            ],
            Kind::Retention => vec![
                orders.config("retention.ms", RETENTION_MS.to_string()).config("segment.ms", SEGMENT_MS.to_string()),
            ],
            _ => vec![orders],
        }
    }

    /// What it asks of the brokers' configuration.
    pub(super) fn broker_config(&self) -> BTreeMap<String, String> {
        let ms = self.config.session_timeout_ms.to_string();
        let mut config: BTreeMap<&str, String> = match self.kind {
            Kind::Grouped | Kind::Copy => {
                [("group.consumer.session.timeout.ms", ms), ("group.consumer.heartbeat.interval.ms", "1000".to_owned())]
                    .into()
            }
            _ => BTreeMap::new(),
        };
        if self.kind == Kind::Compacted {
            config.insert("log.cleaner.backoff.ms", CLEAN_AFTER_MS.to_string());
        }
        if self.kind == Kind::Retention {
            config.insert("log.retention.check.interval.ms", CLEAN_AFTER_MS.to_string());
        }
        config.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the checker has to know of it.
    pub(super) fn setup(&self, cluster: &ClusterFile) -> Setup {
        let config = &self.config;
        Setup {
            intent: self.intent(),
            acks: config.acks,
            min_insync_replicas: usize::from(cluster.min_isr.clamp(1, cluster.replication.min(cluster.brokers).max(1))),
            unclean_leader_election: cluster.unclean,
            idempotence: config.is_idempotent(),
            transaction_version: u8::try_from(cluster.txn_version).unwrap_or(2),
            isolation: config.isolation,
            auto_offset_reset: config.auto_offset_reset,
            commit: self.commit_policy(),
            converge_ms: self.converge_ms(),
            topics: self.topic_setups(),
            session_timeout_ms: config.session_timeout_ms.into(),
            ..match self.kind {
                Kind::Copy => Setup::exactly_once(),
                _ => Setup::default(),
            }
        }
    }

    fn topic_setups(&self) -> BTreeMap<String, TopicSetup> {
        let setup = match self.kind {
            Kind::Compacted => {
                TopicSetup { compacted: true, delete_retention_ms: DELETE_RETENTION_MS, ..TopicSetup::default() }
            }
            Kind::Retention => TopicSetup { retention_ms: RETENTION_MS, ..TopicSetup::default() },
            _ => return BTreeMap::new(),
        };
        [(ORDERS.to_owned(), setup)].into()
    }

    /// Within what time after the last fault all must be well: twice what an election, the longest of what a group and
    /// a transaction take to give up on somebody, and the longest pause of a client take together.
    fn converge_ms(&self) -> u64 {
        let config = &self.config;
        let away = (config.session_timeout_ms + config.max_poll_ms).max(config.transaction_timeout_ms + TXN_SCAN_MS);
        2 * u64::from(ELECTION_MS + away + config.metadata_max_age_ms.max(config.request_timeout_ms))
    }

    /// What the process of this number does.
    pub(super) async fn run(self, node: Node) -> Result<(), AppError> {
        let producers = usize::try_from(self.producers).unwrap_or(usize::MAX);
        match node.index().checked_sub(producers) {
            None => send::run(&self, &node).await,
            Some(consumer) if self.kind == Kind::Copy => {
                let is_copier = u32::try_from(consumer).is_ok_and(|consumer| consumer < self.consumers);
                if is_copier { copy::run(&self, &node).await } else { read::alone(&self, &node, SHIPMENTS).await }
            }
            Some(_) if self.kind == Kind::Grouped => read::in_group(&self, &node).await,
            Some(_) => read::alone(&self, &node, ORDERS).await,
        }
    }

    /// The records of the producer with this number that it is to send, of all that it could.
    fn is_sent(&self, producer: usize, n: u32) -> bool {
        let Some(only) = &self.only else { return true };
        let before = u32::try_from(producer).unwrap_or(u32::MAX).saturating_mul(self.records);
        only.contains(&before.saturating_add(n))
    }
}
