//! Obeying commands: what a test or a plan of faults does to brokers, partitions and links.
//!
//! Not here: what a cluster makes of it; elections and replication follow on their own.

use super::engine::Engine;
use super::engine::Output;
use super::leadership::Choice;
use super::replication::PartitionKey;
use super::state::State;
use super::topics::Refusal;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::fault::FaultError;
use crate::journal::Event;
use crate::metadata::Broker;
use crate::metadata::BrokerState;
use std::time::Duration;

/// What has to happen outside of the state because of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// All connections to a broker end, and nobody can connect to it.
    Stop(BrokerId),
    /// Clients can connect to a broker.
    Listen(BrokerId),
    /// What was kept back because of a pause or a link is looked at again.
    Release,
    /// Connections between a client and a broker, in either direction, end.
    Reset(Node, Node),
}

impl Engine {
    /// Does something to the cluster. What makes no difference is no error.
    ///
    /// # Errors
    /// [`Refusal`] when the broker, topic or partition does not exist, or it cannot be as asked: only a replica that
    /// runs can be elected, and only one in sync without `unclean`.
    /// ```
    /// # use rehearsal::base::{BrokerAction, BrokerId, Command, Instant, Seed, Timestamp};
    /// # use rehearsal::broker::{Broker, Engine, EngineConfig, Release};
    /// # use rehearsal::journal::JournalLimits;
    /// # let brokers = [1, 2].map(|id| Broker { id: BrokerId(id), host: "localhost".into(), port: 9092, rack: None });
    /// # let mut engine = Engine::new(EngineConfig {
    /// #     seed: Seed(0), start_time: Timestamp(0), brokers: brokers.into(), broker_config: [].into(),
    /// #     release: Release::NEWEST, journal: JournalLimits::default(),
    /// # })?;
    /// use rehearsal::NewTopic;
    /// engine.create_topic(Instant::START, NewTopic::new("orders").partitions(1)).unwrap();
    /// let fence = Command::Broker { broker: BrokerId(1), action: BrokerAction::Fence };
    /// engine.apply(Instant::START, &fence).unwrap();
    /// assert_eq!(engine.topic_snapshot("orders").unwrap().partitions[0].leader, BrokerId(2));
    /// # Ok::<(), String>(())
    /// ```
    pub fn apply(&mut self, now: Instant, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Group { group, action } => return self.act_on_group(now, group, action),
            Command::CoordinatorLoadTime { ms } => {
                self.set_coordinator_load_time(now, *ms);
                return Ok(());
            }
            Command::Transaction { transactional_id, action } => {
                return self.act_on_transaction(now, transactional_id, *action);
            }
            Command::HoldMarkers | Command::ReleaseMarkers => {
                self.hold_markers_by_command(now, *command == Command::HoldMarkers);
                return Ok(());
            }
            Command::MarkerDelay { ms } => {
                self.set_marker_delay(now, Duration::from_millis((*ms).into()));
                return Ok(());
            }
            Command::Process { process, action } => {
                self.check_process(command)
                    .map_err(|error| Refusal::new(ErrorCode::INVALID_REQUEST, error.to_string()))?;
                self.journal.record(now, Event::Command(command.to_string().into()));
                self.outputs.push_back(Output::Process { process: *process, action: *action });
                return Ok(());
            }
            _ => {}
        }
        self.journal.record(now, Event::Command(command.to_string().into()));
        let result = self.state.obey(now, command);
        self.carry_out_aftermath(now);
        self.wake_touched(now);
        result
    }

    /// Says that there are processes of an application, to which something can be done.
    pub fn host_processes(&mut self) {
        self.hosts_processes = true;
    }

    /// Refuses what is to be done to a process where there are none.
    pub(super) fn check_process<B>(&self, command: &Command<B>) -> Result<(), FaultError> {
        if matches!(command, Command::Process { .. }) && !self.hosts_processes {
            let why = "only a simulation has processes to which something can happen; this cluster has clients";
            return Err(FaultError::Impossible(why.to_owned()));
        }
        Ok(())
    }

    /// Adds a broker, or replaces the address of one; replicas come to it with new topics and with reassignments.
    pub fn add_broker(&mut self, now: Instant, broker: Broker) {
        self.journal.record(now, Event::Command(format!("add broker {}", broker.id).into()));
        self.state.add_broker(now, broker);
        self.wake_touched(now);
    }

    /// What has become of a broker's process.
    pub fn broker_state(&self, broker: BrokerId) -> BrokerState {
        self.state.brokers.state(broker)
    }

    /// Whether a broker is neither down nor standing still.
    pub fn is_running(&self, broker: BrokerId) -> bool {
        self.broker_state(broker) == BrokerState::Running
    }

    /// How many brokers are neither down nor standing still.
    pub fn running_brokers(&self) -> usize {
        self.state.brokers.iter().filter(|broker| self.is_running(broker.id)).count()
    }

    /// The broker that clients are told is the controller.
    pub fn controller(&self) -> BrokerId {
        self.state.brokers.controller()
    }

    /// High watermark and log end of one replica; `None` when there is no such replica.
    pub fn replica_ends(&self, topic: &str, partition: PartitionIndex, broker: BrokerId) -> Option<(Offset, Offset)> {
        let id = self.state.topics.get(topic)?.id;
        let replica = self.state.find_partition(id, partition)?.replica(broker)?;
        Some((replica.high_watermark(), replica.log().log_end_offset()))
    }

    /// Whether the controller takes a broker for dead.
    pub fn is_fenced(&self, broker: BrokerId) -> bool {
        self.state.brokers.is_fenced(broker)
    }
}

impl State {
    fn obey(&mut self, now: Instant, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Broker { broker, action } => self.obey_broker(now, *broker, *action)?,
            Command::MoveController { broker } => {
                self.check_broker(*broker)?;
                if !self.brokers.move_controller(*broker) {
                    let message = format!("broker {broker} is down or fenced and cannot be the controller");
                    return Err(Refusal::new(ErrorCode::BROKER_NOT_AVAILABLE, message));
                }
            }
            Command::Partition { topic, partition, action } => {
                let key = self.check_partition(topic, *partition)?;
                self.obey_partition(now, key, action)?;
            }
            Command::Link { from, to, action } => {
                if *action == LinkAction::Reset {
                    self.aftermath.push(Aftermath::Reset(from.clone(), to.clone()));
                }
                self.replication.links.apply(from.clone(), to.clone(), *action);
                self.after_change(now);
                self.aftermath.push(Aftermath::Release);
            }
            Command::HealLinks => {
                self.replication.links.heal();
                self.after_change(now);
                self.aftermath.push(Aftermath::Release);
            }
            // Groups and transactions are the engine's; processes are somebody else's.
            Command::Group { .. }
            | Command::CoordinatorLoadTime { .. }
            | Command::Transaction { .. }
            | Command::HoldMarkers
            | Command::ReleaseMarkers
            | Command::MarkerDelay { .. }
            | Command::Process { .. } => {}
        }
        Ok(())
    }

    fn check_broker(&self, broker: BrokerId) -> Result<(), Refusal> {
        if self.brokers.get(broker).is_some() {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::BROKER_ID_NOT_REGISTERED, format!("there is no broker {broker}")))
    }

    fn check_partition(&self, topic: &str, partition: PartitionIndex) -> Result<PartitionKey, Refusal> {
        let unknown = |what: String| Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what);
        let id = self.topics.get(topic).ok_or_else(|| unknown(format!("there is no topic {topic}")))?.id;
        match self.find_partition(id, partition) {
            Some(_) => Ok((id, partition)),
            None => Err(unknown(format!("{topic} has no partition {partition}"))),
        }
    }

    fn obey_broker(&mut self, now: Instant, broker: BrokerId, action: BrokerAction) -> Result<(), Refusal> {
        self.check_broker(broker)?;
        match action {
            BrokerAction::Crash => self.stop_broker(now, broker),
            BrokerAction::PowerLoss => {
                self.stop_broker(now, broker);
                self.on_own_logs(broker, |log| {
                    log.lose_unflushed(broker);
                });
            }
            BrokerAction::Shutdown => {
                if self.brokers.state(broker) == BrokerState::Running {
                    self.fence(now, broker);
                }
                self.stop_broker(now, broker);
            }
            BrokerAction::Restart => self.restart_broker(now, broker),
            BrokerAction::Pause => {
                if self.brokers.is_running(broker) {
                    self.set_broker_state(broker, BrokerState::Paused);
                    self.after_change(now);
                }
            }
            BrokerAction::Resume => {
                if self.brokers.state(broker) == BrokerState::Paused {
                    self.set_broker_state(broker, BrokerState::Running);
                    self.after_change(now);
                    self.aftermath.push(Aftermath::Release);
                }
            }
            BrokerAction::Fence => {
                self.replication.fenced.insert(broker);
                self.fence(now, broker);
            }
            BrokerAction::Unfence => {
                self.replication.fenced.remove(&broker);
                self.after_change(now);
            }
            BrokerAction::Decommission => self.decommission(now, broker)?,
            BrokerAction::Flush => self.on_own_logs(broker, |log| log.flush(broker)),
            BrokerAction::FreezeMetadata => self.freeze_metadata(broker),
            BrokerAction::RefreshMetadata => {
                self.views.remove(&broker);
            }
        }
        Ok(())
    }

    fn on_own_logs(&mut self, broker: BrokerId, mut act: impl FnMut(&mut crate::log::PartitionLog)) {
        let mut keys = Vec::new();
        for (key, log) in self.partitions.iter_mut().filter(|(_, log)| log.replica(broker).is_some()) {
            act(log);
            keys.push(*key);
        }
        keys.into_iter().for_each(|key| self.after_replication(key));
    }

    fn set_broker_state(&mut self, broker: BrokerId, state: BrokerState) {
        if self.brokers.set_state(broker, state) {
            let state = match state {
                BrokerState::Running => "running",
                BrokerState::Paused => "paused",
                BrokerState::Down => "down",
            };
            self.replication.news.push(Event::Broker { broker, state: state.into() });
        }
    }

    /// Ends a broker's process.
    fn stop_broker(&mut self, now: Instant, broker: BrokerId) {
        if self.brokers.state(broker) != BrokerState::Down {
            self.set_broker_state(broker, BrokerState::Down);
            self.forget_sessions_of(broker);
            self.views.remove(&broker);
            self.aftermath.push(Aftermath::Stop(broker));
            self.after_change(now);
        }
    }

    /// Starts a broker's process.
    fn restart_broker(&mut self, now: Instant, broker: BrokerId) {
        if self.brokers.state(broker) == BrokerState::Down {
            // The controller takes no second broker of the same id while it believes in the first.
            self.fence(now, broker);
            self.set_broker_state(broker, BrokerState::Running);
            self.aftermath.push(Aftermath::Listen(broker));
            self.after_change(now);
        }
    }

    /// Moves everything away from a broker and forgets it.
    fn decommission(&mut self, now: Instant, broker: BrokerId) -> Result<(), Refusal> {
        if self.brokers.len() == 1 {
            let message = format!("broker {broker} is the last one");
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
        }
        let hosted = self.partitions.iter().filter(|(_, log)| log.replica(broker).is_some());
        let hosted: Vec<PartitionKey> = hosted.map(|(key, _)| *key).collect();
        for key in hosted {
            let Some(log) = self.partitions.get(&key) else { continue };
            let present: Vec<BrokerId> = log.replicas().iter().map(|replica| replica.broker()).collect();
            let others = self.brokers.usable().into_iter();
            let mut instead = others.filter(|id| *id != broker && !present.contains(id) && self.brokers.is_active(*id));
            // The partition's number spreads what has to move.
            let instead: Vec<BrokerId> = instead.by_ref().collect();
            let place = usize::try_from(key.1.0).unwrap_or(0).checked_rem(instead.len()).unwrap_or(0);
            let instead = instead.get(place).copied();
            let target = present.iter().filter_map(|id| if *id == broker { instead } else { Some(*id) });
            let target: Vec<BrokerId> = target.collect();
            if !target.is_empty() {
                self.reassign(now, key, &target);
            }
        }
        self.fence(now, broker);
        self.stop_broker(now, broker);
        self.unregister_broker(broker);
        Ok(())
    }

    /// Forgets a broker; partitions that are assigned to it keep naming it.
    pub(crate) fn unregister_broker(&mut self, broker: BrokerId) -> bool {
        self.replication.fenced.remove(&broker);
        self.replication.sessions.remove(&broker);
        self.brokers.unregister(broker)
    }

    fn add_broker(&mut self, now: Instant, broker: Broker) {
        self.settings.add_broker(&broker);
        let id = broker.id;
        self.brokers.register(broker);
        self.replication.news.push(Event::Broker { broker: id, state: "registered".into() });
        self.after_change(now);
    }

    fn obey_partition(&mut self, now: Instant, key: PartitionKey, action: &PartitionAction) -> Result<(), Refusal> {
        let Some(log) = self.partitions.get_mut(&key) else { return Ok(()) };
        let replica_key = |broker: BrokerId| (key.0, key.1, broker);
        let isr = log.isr().to_vec();
        match action {
            PartitionAction::Elect { broker } => {
                self.check_candidate(key, *broker)?;
                if !isr.contains(broker) {
                    let message = format!("broker {broker} is not in sync; its election would be unclean");
                    return Err(Refusal::new(ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE, message));
                }
                self.set_leader(now, key, Choice { leader: *broker, is_clean: true }, &isr);
            }
            PartitionAction::ElectPreferred => {
                if self.elect_preferred(now, key).is_none() {
                    let message = "the preferred replica is not in sync or not alive";
                    return Err(Refusal::new(ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE, message));
                }
            }
            PartitionAction::ElectAny => self.elect_if_leaderless(now, key),
            PartitionAction::ElectUnclean { broker } => {
                self.check_candidate(key, *broker)?;
                let is_clean = isr.contains(broker);
                self.set_leader(now, key, Choice { leader: *broker, is_clean }, &[*broker]);
            }
            PartitionAction::Leaderless => {
                self.set_leader(now, key, Choice { leader: BrokerId::NONE, is_clean: true }, &isr);
            }
            PartitionAction::ShrinkIsr { broker } => {
                if log.leader() == *broker {
                    let message = format!("broker {broker} leads, and a leader is always in sync");
                    return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
                }
                if isr == [*broker] {
                    let message = format!("broker {broker} is the last one in sync");
                    return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
                }
                self.replication.kept_out.insert(replica_key(*broker));
                let isr: Vec<BrokerId> = isr.into_iter().filter(|id| id != broker).collect();
                self.set_isr(now, key, &isr);
            }
            PartitionAction::ExpandIsr { broker } => {
                if log.replica(*broker).is_none() {
                    return Err(no_replica(*broker));
                }
                if log.leader() == BrokerId::NONE {
                    let message = "without a leader nobody says who is in sync";
                    return Err(Refusal::new(ErrorCode::LEADER_NOT_AVAILABLE, message));
                }
                self.replication.kept_out.remove(&replica_key(*broker));
                if !isr.contains(broker) {
                    let mut isr = isr;
                    isr.push(*broker);
                    self.set_isr(now, key, &isr);
                }
            }
            PartitionAction::FreezeHighWatermark => {
                log.set_high_watermark_frozen(true);
            }
            PartitionAction::ThawHighWatermark => {
                log.set_high_watermark_frozen(false);
                self.after_replication(key);
            }
            PartitionAction::HoldReplication { broker } => {
                self.replication.held.insert(replica_key(*broker));
                self.refresh_followers(now, key);
            }
            PartitionAction::ReleaseReplication { broker } => {
                self.replication.held.remove(&replica_key(*broker));
                self.refresh_followers(now, key);
            }
            PartitionAction::Truncate { broker, offset } => {
                if log.replica(*broker).is_none() {
                    return Err(no_replica(*broker));
                }
                log.truncate_replica(*broker, *offset);
                // Whoever copies at once has it again, or follows the leader to its new end.
                log.replicate();
                self.after_replication(key);
            }
        }
        Ok(())
    }

    /// Checks that a broker holds a replica and may be elected.
    fn check_candidate(&self, (topic, index): PartitionKey, broker: BrokerId) -> Result<(), Refusal> {
        if self.find_partition(topic, index).and_then(|log| log.replica(broker)).is_none() {
            return Err(no_replica(broker));
        }
        if self.brokers.is_active(broker) {
            return Ok(());
        }
        let message = format!("broker {broker} is fenced and cannot lead");
        Err(Refusal::new(ErrorCode::BROKER_NOT_AVAILABLE, message))
    }
}

fn no_replica(broker: BrokerId) -> Refusal {
    Refusal::new(ErrorCode::REPLICA_NOT_AVAILABLE, format!("broker {broker} holds no replica of this partition"))
}
