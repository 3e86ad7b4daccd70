//! What the processes of a run do, as data: ready-made applications for searching clusters, clients and settings for
//! faults.
//!
//! Not here: an application of one's own, which is a closure.

mod config;
mod plain;

pub use config::GroupProtocolName;
pub use config::WorkloadConfig;

use super::file::ClusterFile;
use super::node::AppError;
use super::node::Node;
use crate::check::Contract;
use crate::check::Setup;
use crate::config::NewTopic;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// The topic that producers write to.
pub(super) const ORDERS: &str = "orders";

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
    pub const ALL: &'static [Self] = &[Self::Plain];
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
        let all = self.producers.saturating_add(self.consumers);
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// What it is for: the contracts that it keeps when everything is configured as it should be.
    pub fn intent(&self) -> Vec<Contract> {
        vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Live, Contract::Base]
    }

    /// Its topics on a cluster.
    pub(super) fn topics(&self, cluster: &ClusterFile) -> Vec<NewTopic> {
        vec![cluster.topic(ORDERS, self.partitions)]
    }

    /// What it asks of the brokers' configuration.
    pub(super) fn broker_config(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
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
            session_timeout_ms: config.session_timeout_ms.into(),
            ..Setup::default()
        }
    }

    /// What the process of this number does.
    pub(super) async fn run(self, node: Node) -> Result<(), AppError> {
        let producers = usize::try_from(self.producers).unwrap_or(usize::MAX);
        match node.index().checked_sub(producers) {
            None => plain::produce(&self, &node).await,
            Some(_) => plain::consume(&self, &node).await,
        }
    }

    /// The records of the producer with this number that it is to send, of all that it could.
    fn is_sent(&self, producer: usize, n: u32) -> bool {
        let Some(only) = &self.only else { return true };
        let before = u32::try_from(producer).unwrap_or(u32::MAX).saturating_mul(self.records);
        only.contains(&before.saturating_add(n))
    }
}
