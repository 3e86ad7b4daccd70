//! What is known of brokers, topics and leaders.
//!
//! Not here: asking for it; that is [`super::routing`].

use super::TopicPartition;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::messages::metadata::MetadataResponse;
use crate::wire::messages::metadata::MetadataResponsePartition;
use crate::wire::messages::metadata::MetadataResponseTopic;
use std::collections::BTreeMap;

/// A view of the cluster, as of the last answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The cluster's id, if the broker tells it.
    pub cluster_id: Option<String>,
    /// The broker to which changes of topics are sent.
    pub controller: Option<BrokerId>,
    /// The brokers that are alive.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// The topics that this client has asked for.
    pub topics: BTreeMap<TopicName, Topic>,
    /// How many answers have gone into it.
    pub(super) generation: u64,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub id: BrokerId,
    /// The host it advertises.
    pub host: String,
    /// The port it advertises.
    pub port: u16,
    /// The rack it stands in.
    pub rack: Option<String>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero before Kafka 2.8.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Why there is no more to know, or `NONE`.
    pub error: ErrorCode,
    /// Its partitions by number.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: PartitionIndex,
    /// Its leader, unless it has none just now.
    pub leader: Option<BrokerId>,
    /// How many leaders it has had; `NONE` before Kafka 2.1.
    pub leader_epoch: LeaderEpoch,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those of them that are in sync.
    pub isr: Vec<BrokerId>,
    /// Those of them that are offline.
    pub offline_replicas: Vec<BrokerId>,
    /// What the broker says about it, or `NONE`.
    pub error: ErrorCode,
}

/// A leader and the epoch in which it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) broker: BrokerId,
    pub(super) epoch: LeaderEpoch,
}

impl Broker {
    /// Where to connect, as `host:port`.
    pub fn address(&self) -> String {
        // An IPv6 address needs its brackets before a port.
        if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether this is its [address](Self::address).
    pub(super) fn is_at(&self, address: &str) -> bool {
        let bare = |host: &str| host.trim_matches(['[', ']']) == self.host.trim_matches(['[', ']']);
        address.rsplit_once(':').is_some_and(|(host, port)| bare(host) && port.parse() == Ok(self.port))
    }
}

impl Topic {
    /// The partition of that number.
    pub fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.binary_search_by_key(&index, |partition| partition.index).ok().map(|at| &self.partitions[at])
    }
}

impl Metadata {
    /// A topic that exists and about which more than an error is known.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name).filter(|topic| !topic.partitions.is_empty())
    }

    /// The leader of a partition, if it has one that is alive.
    pub(super) fn leader(&self, topic: &str, partition: PartitionIndex) -> Option<Leader> {
        let partition = self.topic(topic)?.partition(partition)?;
        let broker = partition.leader.filter(|broker| self.brokers.contains_key(broker))?;
        Some(Leader { broker, epoch: partition.leader_epoch })
    }

    /// Whether a broker that holds a partition is alive.
    pub(super) fn is_online(&self, partition: &TopicPartition, broker: BrokerId) -> bool {
        let known = self.topic(partition.topic.as_str()).and_then(|topic| topic.partition(partition.partition));
        let holds = |known: &Partition| known.replicas.contains(&broker) && !known.offline_replicas.contains(&broker);
        self.brokers.contains_key(&broker) && known.is_some_and(holds)
    }

    /// The name that belongs to a topic id.
    pub(super) fn name_of(&self, id: Uuid) -> Option<&TopicName> {
        self.topics.values().find(|topic| topic.id == id && !id.is_zero()).map(|topic| &topic.name)
    }

    /// Takes in an answer, which may be older in parts than what is known.
    pub(super) fn apply(&mut self, response: MetadataResponse) {
        self.generation += 1;
        self.cluster_id = response.cluster_id.map(|id| id.to_string());
        self.controller = some_broker(response.controller_id);
        let broker = |row: crate::wire::messages::metadata::MetadataResponseBroker| {
            let rack = row.rack.map(|rack| rack.to_string());
            Some(Broker {
                id: row.node_id.into(),
                host: row.host.to_string(),
                port: u16::try_from(row.port).ok()?,
                rack,
            })
        };
        self.brokers = response.brokers.into_iter().filter_map(broker).map(|broker| (broker.id, broker)).collect();
        for row in response.topics {
            // A topic asked for by an id that is gone has no name to file it under.
            let Some(name) = row.name.as_deref().and_then(|name| TopicName::new(name).ok()) else { continue };
            let topic = Topic::new(name.clone(), row, self.topics.get(&name));
            self.topics.insert(name, topic);
        }
    }

    /// Takes in what an answer to another request says about a leader (KIP-951). Says whether it was news.
    pub(super) fn learn_leader(&mut self, topic: &str, index: PartitionIndex, leader: Leader) -> bool {
        let Some(topic) = self.topics.get_mut(topic) else { return false };
        let Some(partition) = topic.partitions.iter_mut().find(|partition| partition.index == index) else {
            return false;
        };
        if leader.epoch <= partition.leader_epoch || !self.brokers.contains_key(&leader.broker) {
            return false;
        }
        partition.leader = Some(leader.broker);
        partition.leader_epoch = leader.epoch;
        self.generation += 1;
        true
    }
}

impl Topic {
    fn new(name: TopicName, row: MetadataResponseTopic, known: Option<&Self>) -> Self {
        let known = known.filter(|known| known.id == row.topic_id);
        let mut partitions: Vec<Partition> = row.partitions.into_iter().map(Partition::new).collect();
        partitions.sort_by_key(|partition| partition.index);
        for partition in &mut partitions {
            // A broker that lags behind must not lead the client back to an older leader (KIP-320).
            let newer = known.and_then(|known| known.partition(partition.index)).filter(|known| {
                partition.leader_epoch != LeaderEpoch::NONE && known.leader_epoch > partition.leader_epoch
            });
            if let Some(newer) = newer {
                *partition = newer.clone();
            }
        }
        Self { name, id: row.topic_id, is_internal: row.is_internal, error: ErrorCode::new(row.error_code), partitions }
    }
}

impl Partition {
    fn new(row: MetadataResponsePartition) -> Self {
        let brokers = |ids: Vec<i32>| ids.into_iter().map(BrokerId).collect();
        Self {
            index: row.partition_index.into(),
            leader: some_broker(row.leader_id),
            leader_epoch: row.leader_epoch.into(),
            replicas: brokers(row.replica_nodes),
            isr: brokers(row.isr_nodes),
            offline_replicas: brokers(row.offline_replicas),
            error: ErrorCode::new(row.error_code),
        }
    }
}

fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::metadata::MetadataResponseBroker;

    fn answer(id: u8, leader_id: i32, leader_epoch: i32) -> MetadataResponse {
        let partition = MetadataResponsePartition { leader_id, leader_epoch, ..Default::default() };
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: Uuid([id; 16]),
            partitions: vec![partition],
            ..Default::default()
        };
        let broker = |node_id| MetadataResponseBroker { node_id, host: "h".into(), port: 1, ..Default::default() };
        MetadataResponse { brokers: vec![broker(1), broker(2)], topics: vec![topic], ..Default::default() }
    }

    #[test]
    fn an_older_leader_epoch_is_not_believed_unless_the_topic_is_another() {
        let mut metadata = Metadata::default();
        let mut check = |response, leader: i32, epoch: i32| {
            metadata.apply(response);
            let expected = Leader { broker: BrokerId(leader), epoch: LeaderEpoch(epoch) };
            assert_eq!(metadata.leader("t", PartitionIndex(0)), Some(expected));
        };
        check(answer(7, 1, 5), 1, 5);
        check(answer(7, 2, 4), 1, 5);
        check(answer(7, 2, 6), 2, 6);
        // Brokers before 2.1 tell no epoch: their last word counts.
        check(answer(7, 1, -1), 1, -1);
        check(answer(7, 1, 9), 1, 9);
        check(answer(8, 2, 0), 2, 0);
    }

    #[test]
    fn a_leader_that_is_no_live_broker_is_none() {
        let mut metadata = Metadata::default();
        metadata.apply(answer(7, 3, 1));
        assert_eq!(metadata.leader("t", PartitionIndex(0)), None);
        assert!(!metadata.learn_leader("t", PartitionIndex(0), Leader { broker: BrokerId(9), epoch: LeaderEpoch(2) }));
        assert!(metadata.learn_leader("t", PartitionIndex(0), Leader { broker: BrokerId(2), epoch: LeaderEpoch(2) }));
        assert_eq!(metadata.leader("t", PartitionIndex(0)).map(|leader| leader.broker), Some(BrokerId(2)));
    }
}
