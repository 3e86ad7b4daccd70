//! What fault rules are told of the cluster.

use super::state::State;
use crate::base::BrokerId;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::partition_of;
use crate::fault::World;
use crate::log::PartitionLog;

/// The topic in which transaction coordinators keep what they know.
const TRANSACTION_STATE: &str = "__transaction_state";

impl State {
    fn log_of(&self, topic: &str, partition: i32) -> Option<&PartitionLog> {
        self.find_partition(self.topics.get(topic)?.id, PartitionIndex(partition))
    }

    fn leader_for(&self, topic: &str, key: &str) -> Option<BrokerId> {
        let partitions = self.topics.get(topic)?.partitions().len();
        self.leader(topic, partition_of(key, partitions).0)
    }
}

impl World for State {
    fn topic_name(&self, id: Uuid) -> Option<String> {
        self.topics.by_id(id).map(|topic| topic.name.as_str().to_owned())
    }

    fn brokers(&self) -> Vec<BrokerId> {
        self.brokers.ids()
    }

    fn controller(&self) -> Option<BrokerId> {
        Some(self.brokers.controller()).filter(|id| *id != BrokerId::NONE)
    }

    fn leader(&self, topic: &str, partition: i32) -> Option<BrokerId> {
        self.log_of(topic, partition).map(PartitionLog::leader).filter(|id| *id != BrokerId::NONE)
    }

    fn replicas(&self, topic: &str, partition: i32) -> Vec<BrokerId> {
        let found = self.topics.get(topic).and_then(|topic| topic.replicas(PartitionIndex(partition)));
        found.unwrap_or_default().to_vec()
    }

    fn isr(&self, topic: &str, partition: i32) -> Vec<BrokerId> {
        self.log_of(topic, partition).map_or_else(Vec::new, |log| log.isr().to_vec())
    }

    fn log_end_offset(&self, topic: &str, partition: i32, broker: BrokerId) -> Option<i64> {
        let replica = self.log_of(topic, partition)?.replica(broker)?;
        Some(replica.log().log_end_offset().0)
    }

    fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64> {
        self.log_of(topic, partition).map(|log| log.high_watermark().0)
    }

    fn coordinator(&self, group: &str) -> Option<BrokerId> {
        self.leader_for(super::effects::GROUP_METADATA, group)
    }

    fn txn_coordinator(&self, transactional_id: &str) -> Option<BrokerId> {
        self.leader_for(TRANSACTION_STATE, transactional_id)
    }

    fn group(&self, group: &str) -> Option<(String, usize)> {
        let found = self.coordinator_of(group)?.group(group)?;
        Some((found.state().name().to_owned(), found.members().len()))
    }

    fn session_partitions(&self, broker: BrokerId, session: i32) -> Vec<(String, i32)> {
        let members = self.session_members(broker, session);
        let named = members.filter_map(|wanted| {
            let name = if wanted.name.is_empty() { self.topic_name(wanted.id)? } else { wanted.name.to_string() };
            Some((name, wanted.partition))
        });
        named.collect()
    }
}
