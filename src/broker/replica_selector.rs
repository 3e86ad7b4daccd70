//! Which replica a consumer had better read from (KIP-392).
//!
//! Not here: reading from it; that is the handler of `Fetch`.

use super::outcome::RequestContext;
use super::state::State;
use crate::base::BrokerId;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;

/// The only `replica.selector.class` that does anything besides Kafka's default, which picks the leader.
const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

impl State {
    /// The follower in the consumer's rack that it had better read from; `None` when that is the leader, or nobody.
    ///
    /// Source: `ReplicaManager.findPreferredReadReplica`, `RackAwareReplicaSelector`.
    pub(crate) fn preferred_read_replica(
        &self,
        ctx: &RequestContext,
        topic: Uuid,
        index: PartitionIndex,
        rack: &str,
        from: Offset,
    ) -> Option<BrokerId> {
        if rack.is_empty() || self.broker_config(ctx.broker).replica_selector_class.as_deref() != Some(RACK_AWARE) {
            return None;
        }
        let log = self.find_partition(topic, index).filter(|log| log.leader() == ctx.broker)?;
        let is_near = |id: BrokerId| {
            let broker = self.brokers.get(id).filter(|_| self.brokers.is_active(id));
            broker.is_some_and(|broker| broker.rack.as_deref() == Some(rack))
        };
        if is_near(ctx.broker) {
            return None;
        }
        let candidates = log.replicas().iter().filter(|replica| {
            let id = replica.broker();
            id != ctx.broker
                && is_near(id)
                && log.isr().contains(&id)
                && replica.known_log_end_offset() >= from
                && replica.log().log_start_offset() <= from
        });
        let best =
            candidates.max_by_key(|replica| (replica.known_log_end_offset(), std::cmp::Reverse(replica.broker())));
        best.map(|replica| replica.broker())
    }
}
