//! What the controller does: elections, the ISR, brokers that are fenced, taken back, shut down.
//!
//! Not here: how records get from leaders to followers.

use super::outcome::Watch;
use super::replication::PartitionKey;
use super::state::State;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::journal::Event;
use crate::log::PartitionLog;
use crate::metadata::BrokerState;

/// A leader that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) leader: BrokerId,
    /// Whether it was in sync.
    pub(super) is_clean: bool,
}

/// What clients are told of a partition's replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    /// The leader; -1 for none that is alive.
    pub(crate) leader_id: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) replica_nodes: Vec<i32>,
    pub(crate) isr_nodes: Vec<i32>,
    /// Replicas whose brokers are fenced or not registered.
    pub(crate) offline_replicas: Vec<i32>,
}

impl State {
    /// What clients are told of a partition's replicas.
    pub(crate) fn leadership(&self, topic: Uuid, index: PartitionIndex) -> Option<Leadership> {
        let log = self.find_partition(topic, index)?;
        let replicas = || log.replicas().iter().map(|replica| replica.broker());
        let leader = if self.brokers.is_active(log.leader()) { log.leader() } else { BrokerId::NONE };
        Some(Leadership {
            leader_id: leader.0,
            leader_epoch: log.leader_epoch().0,
            replica_nodes: replicas().map(|id| id.0).collect(),
            isr_nodes: log.isr().iter().map(|id| id.0).collect(),
            offline_replicas: replicas().filter(|id| !self.brokers.is_active(*id)).map(|id| id.0).collect(),
        })
    }

    /// The first replica in the order of assignment that may lead: active, and in sync unless the topic lets others.
    ///
    /// Source: `PartitionChangeBuilder.electAnyLeader`.
    pub(super) fn choose_leader(
        &self,
        log: &PartitionLog,
        isr: &[BrokerId],
        is_unclean_allowed: bool,
    ) -> Option<Choice> {
        let replicas = || log.replicas().iter().map(|replica| replica.broker());
        let clean = replicas().find(|id| isr.contains(id) && self.brokers.is_active(*id));
        let unclean = || replicas().find(|id| is_unclean_allowed && self.brokers.is_active(*id));
        match clean {
            Some(leader) => Some(Choice { leader, is_clean: true }),
            None => unclean().map(|leader| Choice { leader, is_clean: false }),
        }
    }

    /// Puts a leader and an ISR in force, in a new epoch; [`BrokerId::NONE`] for no leader.
    pub(super) fn set_leader(&mut self, now: Instant, (topic, index): PartitionKey, choice: Choice, isr: &[BrokerId]) {
        let Choice { leader, is_clean } = choice;
        // Nothing must reach a follower that the new leader does not reach.
        self.stop_followers((topic, index), leader);
        let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
        let leader_epoch = LeaderEpoch(log.leader_epoch().0 + 1);
        log.elect(leader, leader_epoch, isr);
        self.replication.news.push(Event::Leader {
            topic: log.topic().clone(),
            partition: index,
            leader,
            leader_epoch,
            isr: isr.to_vec(),
            is_clean,
        });
        let is_preferred = log.replicas().first().is_some_and(|first| first.broker() == leader);
        self.refresh_followers(now, (topic, index));
        self.touch(Watch::Partition(topic, index));
        if !is_preferred {
            self.expect_balance(now);
        }
    }

    /// Puts an ISR in force.
    pub(super) fn set_isr(&mut self, now: Instant, (topic, index): PartitionKey, isr: &[BrokerId]) {
        let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
        let shrinks = isr.len() < log.isr().len();
        if log.isr() == isr || shrinks && log.config().mutants.has(BrokerMutant::KeepsIsr) {
            return;
        }
        log.set_isr(isr);
        log.tell_high_watermark();
        let partition = index;
        self.replication.news.push(Event::Isr { topic: log.topic().clone(), partition, isr: isr.to_vec() });
        self.touch(Watch::Partition(topic, index));
        self.advance_reassignment(now, (topic, index));
    }

    /// Whether a leader can have the controller change an ISR.
    pub(super) fn can_change_isr(&self, leader: BrokerId) -> bool {
        self.brokers.is_running(leader) && self.is_heard_of(leader)
    }

    /// Whether the controller hears of a broker.
    fn is_heard_of(&self, broker: BrokerId) -> bool {
        if self.replication.links.are_whole() {
            return self.brokers.is_running(broker);
        }
        let links = &self.replication.links;
        self.brokers.is_running(broker)
            && self.quorum_controller().is_some_and(|controller| links.are_connected(controller, broker))
    }

    /// The controller that a majority of the brokers reaches; the one that clients are told of, if it is that.
    fn quorum_controller(&self) -> Option<BrokerId> {
        let ids = self.brokers.ids();
        let reaches_majority = |id: &BrokerId| {
            let reached = ids.iter().filter(|other| self.replication.links.are_connected(*id, **other));
            self.brokers.is_running(*id) && 2 * reached.count() > ids.len()
        };
        let present = Some(self.brokers.controller()).filter(reaches_majority);
        present.or_else(|| ids.iter().copied().find(reaches_majority))
    }

    /// Looks anew at who can reach whom: sessions of brokers begin to run out or are taken up, followers go on or stop.
    pub(super) fn after_change(&mut self, now: Instant) {
        if !self.replication.links.are_whole() {
            if let Some(controller) = self.quorum_controller() {
                self.brokers.move_controller(controller);
            }
        }
        for broker in self.brokers.ids() {
            if self.is_heard_of(broker) {
                self.replication.sessions.remove(&broker);
                if self.brokers.is_fenced(broker) && !self.replication.fenced.contains(&broker) {
                    self.unfence(now, broker);
                }
            } else if !self.brokers.is_fenced(broker) && !self.replication.sessions.contains_key(&broker) {
                let timeout_ms = self.broker_config(broker).broker_session_timeout_ms;
                self.replication.sessions.insert(broker, now.plus_ms(timeout_ms.into()));
            }
        }
        self.refresh_all_followers(now);
    }

    /// Fences the brokers whose sessions have run out.
    pub(super) fn fence_silent_brokers(&mut self, now: Instant) {
        loop {
            let silent = self.replication.sessions.iter().find(|(_, deadline)| **deadline <= now).map(|(id, _)| *id);
            let Some(broker) = silent else { return };
            self.replication.sessions.remove(&broker);
            self.fence(now, broker);
        }
    }

    /// Takes a broker for dead: others lead, and it is in no ISR unless nobody else is.
    ///
    /// Source: `ReplicationControlManager.handleBrokerFenced`.
    pub(super) fn fence(&mut self, now: Instant, broker: BrokerId) {
        if self.brokers.set_fenced(broker, true) {
            self.replication.sessions.remove(&broker);
            self.replication.news.push(Event::Broker { broker, state: "fenced".into() });
            self.leave(now, broker);
        }
    }

    /// Takes a broker for alive: it may lead what nobody leads.
    ///
    /// Source: `ReplicationControlManager.handleBrokerUnfenced`.
    pub(super) fn unfence(&mut self, now: Instant, broker: BrokerId) {
        if self.brokers.set_fenced(broker, false) {
            self.replication.news.push(Event::Broker { broker, state: "unfenced".into() });
            self.elect_for_leaderless(now);
        }
    }

    /// Takes a broker, which is fenced or about to be, out of all ISRs and leaderships.
    pub(super) fn leave(&mut self, now: Instant, broker: BrokerId) {
        let is_in = |log: &PartitionLog| log.leader() == broker || log.isr().contains(&broker);
        let keys: Vec<PartitionKey> =
            self.partitions.iter().filter(|(_, log)| is_in(log)).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(log) = self.partitions.get(&key) else { continue };
            let rest: Vec<BrokerId> = log.isr().iter().copied().filter(|id| *id != broker).collect();
            // The last one stays: it alone is known to hold everything.
            let isr = if rest.is_empty() { log.isr().to_vec() } else { rest };
            if log.leader() != broker {
                self.set_isr(now, key, &isr);
                continue;
            }
            let unclean = log.config().unclean_leader_election_enable;
            match self.choose_leader(log, &isr, unclean) {
                Some(choice) if choice.is_clean => self.set_leader(now, key, choice, &isr),
                Some(choice) => self.set_leader(now, key, choice, &[choice.leader]),
                None => self.set_leader(now, key, Choice { leader: BrokerId::NONE, is_clean: true }, &isr),
            }
        }
    }

    /// Elects leaders of the partitions that have none, where somebody may lead now.
    pub(super) fn elect_for_leaderless(&mut self, now: Instant) {
        let keys = self.partitions.iter().filter(|(_, log)| log.leader() == BrokerId::NONE).map(|(key, _)| *key);
        let keys: Vec<PartitionKey> = keys.collect();
        keys.into_iter().for_each(|key| self.elect_if_leaderless(now, key));
    }

    /// Elects a leader of a partition that has none, if somebody may lead now.
    pub(super) fn elect_if_leaderless(&mut self, now: Instant, key: PartitionKey) {
        let Some(log) = self.partitions.get(&key).filter(|log| log.leader() == BrokerId::NONE) else { return };
        let (isr, unclean) = (log.isr().to_vec(), log.config().unclean_leader_election_enable);
        if let Some(choice) = self.choose_leader(log, &isr, unclean) {
            let isr = if choice.is_clean { isr } else { vec![choice.leader] };
            self.set_leader(now, key, choice, &isr);
        }
    }

    fn expect_balance(&mut self, now: Instant) {
        let config = self.broker_config(self.brokers.controller());
        if config.auto_leader_rebalance_enable {
            let at = now.plus_ms(config.leader_imbalance_check_interval_seconds.saturating_mul(1000));
            self.replication.schedule_balance(at);
        }
    }

    /// Has the preferred replicas lead wherever they can.
    ///
    /// Source: `ReplicationControlManager.maybeBalancePartitionLeaders`.
    pub(super) fn balance_leaders(&mut self, now: Instant) {
        let keys: Vec<PartitionKey> = self.partitions.keys().copied().collect();
        let mut is_balanced = true;
        for key in keys {
            is_balanced &= self.elect_preferred(now, key).is_some();
        }
        if !is_balanced {
            self.expect_balance(now);
        }
    }

    /// Has the preferred replica lead, if it may; `Some(false)` when it does already, `None` when it may not.
    pub(super) fn elect_preferred(&mut self, now: Instant, key: PartitionKey) -> Option<bool> {
        let log = self.partitions.get(&key)?;
        let preferred = log.replicas().first()?.broker();
        if log.leader() == preferred {
            return Some(false);
        }
        if !log.isr().contains(&preferred) || !self.brokers.is_active(preferred) {
            return None;
        }
        let isr = log.isr().to_vec();
        self.set_leader(now, key, Choice { leader: preferred, is_clean: true }, &isr);
        Some(true)
    }

    /// Takes in a new partition; nobody who is fenced leads it or is in its ISR.
    pub(super) fn install_partition(&mut self, key: PartitionKey, mut log: PartitionLog) {
        let active = log.replicas().iter().map(|replica| replica.broker()).filter(|id| self.brokers.is_active(*id));
        let active: Vec<BrokerId> = active.collect();
        if active.len() < log.replicas().len() {
            let leader = active.first().copied().unwrap_or(BrokerId::NONE);
            let isr = if active.is_empty() { log.isr().to_vec() } else { active };
            log.elect(leader, LeaderEpoch(0), &isr);
        }
        let leader = log.leader();
        self.partitions.insert(key, log);
        if !self.is_undisturbed() || !self.replication.held.is_empty() {
            self.stop_followers(key, leader);
            self.replication.note_new(key);
        }
        self.note_created(key);
    }

    /// Whether every broker runs, is taken for alive, and every link is whole.
    pub(super) fn is_undisturbed(&self) -> bool {
        let is_well = |id: &BrokerId| self.brokers.is_active(*id) && self.brokers.state(*id) == BrokerState::Running;
        self.replication.links.are_whole() && self.brokers.ids().iter().all(is_well)
    }
}
