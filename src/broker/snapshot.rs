//! A cluster as plain values in a fixed order: for eyes, snapshots and conditions.
//!
//! Not here: anything that can be changed.

use super::engine::Engine;
use super::group_snapshot::GroupSnapshot;
use super::state::State;
use super::transaction_snapshot::TransactionSnapshot;
use crate::base::BrokerId;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::log::PartitionLog;
use crate::metadata::Broker;
use crate::metadata::Topic;
use std::collections::BTreeMap;
use std::fmt;

/// Everything there is in a cluster, apart from the records themselves.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClusterSnapshot {
    /// The cluster's id.
    pub cluster_id: String,
    /// What time it is in the cluster.
    pub timestamp: Timestamp,
    /// The brokers, by id.
    pub brokers: Vec<Broker>,
    /// The topics, by name.
    pub topics: Vec<TopicSnapshot>,
    /// The groups, by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSnapshot>,
    /// The transactional ids, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<TransactionSnapshot>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TopicSnapshot {
    /// The name.
    pub name: TopicName,
    /// The configuration that was set on it.
    pub config: BTreeMap<String, String>,
    /// The partitions, by number.
    pub partitions: Vec<PartitionSnapshot>,
}

/// A partition as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PartitionSnapshot {
    /// The number.
    pub partition: PartitionIndex,
    /// The leader; -1 for none.
    pub leader: BrokerId,
    /// How often the leader changed.
    pub leader_epoch: LeaderEpoch,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those in sync.
    pub isr: Vec<BrokerId>,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
    /// Below this, records are replicated and can be read.
    pub high_watermark: Offset,
    /// The offset that the next record gets.
    pub log_end_offset: Offset,
}

impl Engine {
    /// Everything there is now.
    pub fn snapshot(&self, now: Instant) -> ClusterSnapshot {
        ClusterSnapshot {
            cluster_id: self.state.cluster_id.clone(),
            timestamp: self.state.timestamp(now),
            brokers: self.state.brokers.iter().cloned().collect(),
            topics: self.state.topics.iter().map(|topic| snapshot_of(&self.state, topic)).collect(),
            groups: self.group_snapshots(),
            transactions: self.transactions(),
        }
    }

    /// The logs of all partitions with the names of their topics, in order.
    pub fn partition_logs(&self) -> impl Iterator<Item = (&TopicName, PartitionIndex, &PartitionLog)> {
        self.state.topics.iter().flat_map(|topic| {
            let logs = topic.partitions().filter_map(|partition| {
                Some((&topic.name, partition, self.state.find_partition(topic.id, partition)?))
            });
            logs.collect::<Vec<_>>()
        })
    }

    /// The name of the topic with this id, if it exists.
    pub fn topic_name(&self, id: Uuid) -> Option<String> {
        self.state.topics.by_id(id).map(|topic| topic.name.to_string())
    }

    /// One topic, if it exists.
    pub fn topic_snapshot(&self, name: &str) -> Option<TopicSnapshot> {
        self.state.topics.get(name).map(|topic| snapshot_of(&self.state, topic))
    }
}

fn snapshot_of(state: &State, topic: &Topic) -> TopicSnapshot {
    let partitions = topic.partitions().filter_map(|partition| {
        let log = state.find_partition(topic.id, partition)?;
        Some(PartitionSnapshot {
            partition,
            leader: log.leader(),
            leader_epoch: log.leader_epoch(),
            replicas: log.replicas().iter().map(|replica| replica.broker()).collect(),
            isr: log.isr().to_vec(),
            log_start_offset: log.log_start_offset(),
            high_watermark: log.high_watermark(),
            log_end_offset: log.log_end_offset(),
        })
    });
    TopicSnapshot { name: topic.name.clone(), config: topic.config.clone(), partitions: partitions.collect() }
}

/// One line per topic and partition, for messages of failed tests.
impl fmt::Display for ClusterSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} brokers, {} topics", self.brokers.len(), self.topics.len())?;
        // Kafka's own topics have many partitions and say little to eyes.
        for topic in self.topics.iter().filter(|topic| !topic.name.is_internal()) {
            writeln!(f, "{}", topic.name)?;
            for p in &topic.partitions {
                writeln!(
                    f,
                    "  partition {}: offsets {}..{}, high watermark {}, leader {} (epoch {}), in sync {:?} of {:?}",
                    p.partition,
                    p.log_start_offset,
                    p.log_end_offset,
                    p.high_watermark,
                    p.leader,
                    p.leader_epoch,
                    p.isr,
                    p.replicas
                )?;
            }
        }
        self.groups.iter().try_for_each(|group| write!(f, "{group}"))?;
        self.transactions.iter().try_for_each(|transaction| writeln!(f, "{transaction}"))
    }
}
