//! Moves of partitions to other brokers: replicas are added, catch up, and then the others go.
//!
//! Not here: the requests that ask for it; those are the handlers of `AlterPartitionReassignments` and its sibling.

use super::leadership::Choice;
use super::replication::PartitionKey;
use super::state::State;
use crate::base::BrokerId;
use crate::base::Instant;

/// A move that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reassignment {
    /// The replicas at the end.
    pub(crate) target: Vec<BrokerId>,
    /// Those that come.
    pub(crate) adding: Vec<BrokerId>,
    /// Those that go.
    pub(crate) removing: Vec<BrokerId>,
}

impl State {
    /// The move of a partition that is under way, if any.
    pub(crate) fn reassignment(&self, key: PartitionKey) -> Option<&Reassignment> {
        self.reassignments.get(&key)
    }

    /// Begins to move a partition to `target`, in place of a move that is under way.
    ///
    /// Source: `PartitionReassignmentReplicas`, `ReplicationControlManager.changePartitionReassignment`.
    pub(crate) fn reassign(&mut self, now: Instant, key: PartitionKey, target: &[BrokerId]) {
        let (topic, index) = key;
        // What a move of before was adding goes again, unless it is wanted still.
        let was_adding = self.reassignments.remove(&key).unwrap_or_default().adding;
        let Some(log) = self.find_partition(topic, index) else { return };
        let present: Vec<BrokerId> = log.replicas().iter().map(|replica| replica.broker()).collect();
        let removing: Vec<BrokerId> = present.iter().copied().filter(|id| !target.contains(id)).collect();
        let adding: Vec<BrokerId> = target
            .iter()
            .copied()
            .filter(|id| !present.contains(id) || was_adding.contains(id) && !log.isr().contains(id))
            .collect();
        let mut all = target.to_vec();
        all.extend(removing.iter().copied());
        let Some(log) = self.partitions.get_mut(&key) else { return };
        target.iter().for_each(|broker| log.add_replica(*broker, false));
        log.order_replicas(&all);
        self.reassignments.insert(key, Reassignment { target: target.to_vec(), adding, removing });
        self.write_assignment(key);
        self.refresh_followers(now, key);
        self.advance_reassignment(now, key);
    }

    /// Calls a move off: what it added goes again. Returns whether there was one.
    pub(crate) fn cancel_reassignment(&mut self, now: Instant, key: PartitionKey) -> bool {
        let Some(reassignment) = self.reassignments.remove(&key) else { return false };
        let Some(log) = self.find_partition(key.0, key.1) else { return false };
        let present = log.replicas().iter().map(|replica| replica.broker());
        let target: Vec<BrokerId> = present.filter(|id| !reassignment.adding.contains(id)).collect();
        self.finish_reassignment(now, key, &target);
        true
    }

    /// Ends a move when all of its replicas are in sync.
    ///
    /// Source: `PartitionReassignmentReplicas.maybeCompleteReassignment`.
    pub(super) fn advance_reassignment(&mut self, now: Instant, key: PartitionKey) {
        let Some(reassignment) = self.reassignments.get(&key) else { return };
        let Some(log) = self.find_partition(key.0, key.1) else { return };
        let in_sync = |id: &BrokerId| log.isr().contains(id);
        // What stays must not lose its last member of the ISR.
        if reassignment.adding.iter().all(in_sync) && reassignment.target.iter().any(in_sync) {
            let target = reassignment.target.clone();
            self.reassignments.remove(&key);
            self.finish_reassignment(now, key, &target);
        }
    }

    fn finish_reassignment(&mut self, now: Instant, key: PartitionKey, target: &[BrokerId]) {
        let (topic, index) = key;
        let Some(log) = self.find_partition(topic, index) else { return };
        let isr: Vec<BrokerId> = log.isr().iter().copied().filter(|id| target.contains(id)).collect();
        let removed = log.replicas().iter().map(|replica| replica.broker()).filter(|id| !target.contains(id));
        let removed: Vec<BrokerId> = removed.collect();
        let leader = log.leader();
        let chosen = if target.contains(&leader) {
            Choice { leader, is_clean: true }
        } else {
            let first = target.iter().copied().find(|id| isr.contains(id) && self.brokers.is_active(*id));
            Choice { leader: first.unwrap_or(BrokerId::NONE), is_clean: true }
        };
        // Those who leave are fenced by the new epoch, also where the leader stays.
        if !removed.is_empty() || chosen.leader != leader {
            self.set_leader(now, key, chosen, &isr);
        }
        if let Some(log) = self.partitions.get_mut(&key) {
            for broker in &removed {
                log.remove_replica(*broker);
            }
            log.order_replicas(target);
        }
        removed.into_iter().for_each(|broker| self.forget_follower((topic, index, broker)));
        self.write_assignment(key);
        self.refresh_followers(now, key);
    }

    /// Writes the replicas of a partition into its topic's assignment.
    pub(super) fn write_assignment(&mut self, (topic, index): PartitionKey) {
        let Some(log) = self.partitions.get(&(topic, index)) else { return };
        let replicas: Vec<BrokerId> = log.replicas().iter().map(|replica| replica.broker()).collect();
        let name = log.topic().clone();
        let place = usize::try_from(index.0).ok();
        let topic = self.topics.get_mut(name.as_str());
        if let Some(row) = place.and_then(|place| topic?.assignment.get_mut(place)) {
            *row = replicas;
        }
    }
}
