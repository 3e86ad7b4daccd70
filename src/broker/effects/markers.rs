//! Markers on their way from a transaction coordinator to the leaders of the partitions.
//!
//! Each travels by itself, may be held back, and is sent again until its partition has it and has replicated it.
//!
//! Not here: what the coordinator does when all have arrived.

use super::GROUP_METADATA;
use super::transactions::RETRY_MS;
use super::transactions::TxnEffects;
use super::transactions::of_partition;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::links::Transit;
use crate::broker::outcome::Watch;
use crate::broker::state::State;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::Markers;
use crate::coordinator::Producer;
use crate::coordinator::TopicPartition;
use crate::log::AppendOrigin;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use std::time::Duration;

/// What a marker and its answer are taken to weigh, in bytes, where a link has a bandwidth.
const MARKER_BYTES: usize = 100;

/// All markers that have not arrived yet.
#[derive(Debug, Default)]
pub(in crate::broker) struct MarkersOnTheWay {
    markers: Vec<Marker>,
    /// How many tests hold them back.
    holds: u32,
    /// Whether a command holds them back.
    is_held_by_command: bool,
    /// How long the way is.
    delay: Duration,
}

/// The end of a transaction as one partition is told.
#[derive(Clone, Debug)]
pub(crate) struct TransactionMarker {
    pub(crate) producer: Producer,
    pub(crate) committed: bool,
    pub(crate) coordinator_epoch: i32,
    pub(crate) transaction_version: i16,
}

#[derive(Debug)]
struct Marker {
    transactional_id: String,
    coordinator: PartitionIndex,
    generation: u64,
    to: TopicPartition,
    marker: TransactionMarker,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Leaves the coordinator then.
    Waiting(Instant),
    /// Arrives at a broker then.
    Sent { to: BrokerId, at: Instant },
    /// Is in the leader's log; until then all replicas must have it.
    Appended { topic: Uuid, leader: BrokerId, offset: Offset, deadline: Instant },
    /// The answer arrives at the coordinator then.
    Answered { at: Instant, result: Result<(), ErrorCode> },
}

/// What has become of a marker.
enum Step {
    /// Nothing yet.
    Waits,
    /// It has arrived, or there is no such partition any more.
    Done,
    /// Its transaction is none of this coordinator's any more.
    Void,
}

impl MarkersOnTheWay {
    pub(super) fn is_empty(&self) -> bool {
        self.markers.is_empty()
    }

    fn are_held(&self) -> bool {
        self.holds > 0 || self.is_held_by_command
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = self.markers.iter().filter_map(|marker| match marker.phase {
            Phase::Waiting(_) | Phase::Sent { .. } if self.are_held() => None,
            Phase::Waiting(at) | Phase::Sent { at, .. } | Phase::Answered { at, .. } => Some(at),
            Phase::Appended { deadline, .. } => Some(deadline),
        });
        due.min()
    }

    /// How many have not arrived yet.
    pub(in crate::broker) fn len(&self) -> usize {
        self.markers.len()
    }
}

impl State {
    pub(super) fn send_markers(&mut self, now: Instant, coordinator: PartitionIndex, markers: &Markers) {
        let Some((topic, _, ready)) = self.transactions.seats.ready_mut(coordinator) else { return };
        let generation = ready.generation;
        let (_, leader_epoch) = self.leader_of(topic, coordinator);
        for to in &markers.partitions {
            let marker = TransactionMarker {
                producer: markers.producer,
                committed: markers.committed,
                coordinator_epoch: leader_epoch,
                transaction_version: markers.transaction_version,
            };
            let again = self.has(BrokerMutant::WritesMarkersTwice).then(|| now.plus_ms(1000));
            for at in [Some(now), again].into_iter().flatten() {
                self.transactions.markers.markers.push(Marker {
                    transactional_id: markers.transactional_id.clone(),
                    coordinator,
                    generation,
                    to: to.clone(),
                    marker: marker.clone(),
                    phase: Phase::Waiting(at),
                });
            }
        }
    }

    /// Lets markers arrive that are due, and says what their coordinators want then.
    pub(super) fn run_markers(&mut self, now: Instant) -> TxnEffects {
        let mut effects = TxnEffects::new();
        let mut kept = Vec::new();
        let mut void: Vec<(String, u64)> = Vec::new();
        for mut marker in std::mem::take(&mut self.transactions.markers.markers) {
            match self.step_marker(now, &mut marker) {
                Step::Waits => kept.push(marker),
                Step::Void => void.push((marker.transactional_id, marker.generation)),
                Step::Done => {
                    let Marker { coordinator, transactional_id, to, .. } = marker;
                    let wanted = self.with_transactions(now, coordinator, |coordinator, _| {
                        coordinator.on_marker_written(&transactional_id, &to)
                    });
                    effects.extend(of_partition(coordinator, wanted.unwrap_or_default()));
                }
            }
        }
        kept.retain(|marker| !void.iter().any(|(id, of)| *id == marker.transactional_id && *of == marker.generation));
        // Nothing was sent meanwhile: coordinators only said what they want.
        self.transactions.markers.markers = kept;
        effects
    }

    /// Takes a marker as far as it gets now.
    fn step_marker(&mut self, now: Instant, marker: &mut Marker) -> Step {
        loop {
            let ready = self.transactions.seats.ready_mut(marker.coordinator);
            let Some((_, home, _)) = ready.filter(|(_, _, ready)| ready.generation == marker.generation) else {
                return Step::Void;
            };
            let again = Phase::Waiting(now.plus_ms(RETRY_MS));
            let is_held = self.transactions.markers.are_held();
            marker.phase = match &marker.phase {
                Phase::Waiting(at) | Phase::Sent { at, .. } | Phase::Answered { at, .. } if *at > now => {
                    return Step::Waits;
                }
                Phase::Waiting(_) | Phase::Sent { .. } if is_held => return Step::Waits,
                Phase::Waiting(_) if self.has(BrokerMutant::SkipsGroupMarkers) && &*marker.to.0 == GROUP_METADATA => {
                    return Step::Done;
                }
                Phase::Waiting(_) => match self.leader_of_marker(&marker.to) {
                    // A topic that is gone needs no marker.
                    None => return Step::Done,
                    Some(BrokerId::NONE) => again,
                    Some(to) => match self.travel(now, home, to) {
                        Some(at) => Phase::Sent { to, at: at.plus(self.transactions.markers.delay) },
                        None => again,
                    },
                },
                Phase::Sent { to, .. } => match self.arrive_marker(now, home, *to, marker) {
                    Some(phase) => phase,
                    None => again,
                },
                Phase::Appended { topic, leader, offset, deadline } => {
                    match self.acknowledged(*topic, marker.to.1, *leader, *offset) {
                        None if *deadline > now => return Step::Waits,
                        result => {
                            let result = result.unwrap_or(Err(ErrorCode::REQUEST_TIMED_OUT));
                            match self.travel(now, *leader, home) {
                                Some(at) => Phase::Answered { at, result },
                                None => again,
                            }
                        }
                    }
                }
                // Source: `TransactionMarkerRequestCompletionHandler`.
                Phase::Answered { result, .. } => match result {
                    Ok(()) | Err(ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT | ErrorCode::UNSUPPORTED_VERSION) => {
                        return Step::Done;
                    }
                    Err(ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_COORDINATOR_FENCED) => {
                        return Step::Void;
                    }
                    Err(_) => again,
                },
            };
        }
    }

    /// The leader that a marker has to go to; `None` when there is no such partition.
    fn leader_of_marker(&self, (topic, partition): &TopicPartition) -> Option<BrokerId> {
        let topic = self.topics.get(topic)?.id;
        Some(self.find_partition(topic, *partition)?.leader())
    }

    /// When what one broker sends to another now arrives; `None` when that cannot be said.
    fn travel(&mut self, now: Instant, from: BrokerId, to: BrokerId) -> Option<Instant> {
        if !self.brokers.is_running(from) || !self.brokers.is_running(to) {
            return None;
        }
        if from == to {
            return Some(now);
        }
        match self.replication.links.send(now, &Node::Broker(from), &Node::Broker(to), MARKER_BYTES) {
            Transit::Arrives(at) => Some(at),
            Transit::Kept => None,
        }
    }

    /// Has the broker that a marker was sent to write it, if it leads; `None` when there is no answer.
    fn arrive_marker(&mut self, now: Instant, home: BrokerId, to: BrokerId, marker: &Marker) -> Option<Phase> {
        if !self.brokers.is_running(to) {
            return None;
        }
        let partition = marker.to.1;
        let topic = self.topics.get(&marker.to.0).map(|topic| topic.id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let written =
            topic.and_then(|topic| Ok((topic, self.write_marker(now, to, topic, partition, &marker.marker)?)));
        match written {
            Ok((topic, offset)) => {
                let deadline = now.plus_ms(self.broker_config(to).request_timeout_ms.into());
                Some(Phase::Appended { topic, leader: to, offset, deadline })
            }
            Err(code) => {
                let at = self.travel(now, to, home)?;
                Some(Phase::Answered { at, result: Err(code) })
            }
        }
    }

    /// Ends a transaction in one partition, at its leader; returns the offset of the marker.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`, `UNKNOWN_TOPIC_OR_PARTITION`, and those of the append.
    pub(crate) fn write_marker(
        &mut self,
        now: Instant,
        broker: BrokerId,
        topic: Uuid,
        partition: PartitionIndex,
        marker: &TransactionMarker,
    ) -> Result<Offset, ErrorCode> {
        let timestamp = self.timestamp(now);
        let is_of_groups = self.topics.get(GROUP_METADATA).is_some_and(|groups| groups.id == topic);
        if is_of_groups {
            self.seat::<GroupCoordinator>(now, topic, partition);
        }
        let TransactionMarker { producer, committed, coordinator_epoch, transaction_version } = marker;
        let control_type = if *committed { ControlType::Commit } else { ControlType::Abort };
        let record = ControlRecord { control_type, coordinator_epoch: *coordinator_epoch };
        let batch = record
            .to_batch(Offset(0), timestamp, LeaderEpoch::NONE, producer.id, producer.epoch)
            .map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let log = self.partition_led_by(topic, partition, broker)?;
        let origin = AppendOrigin::Marker { transaction_version: *transaction_version };
        let info = log.append_batch(broker, timestamp, batch, origin, -1).map_err(|error| error.code)?;
        if is_of_groups {
            if let Some((_, _, coordinator)) = self.groups.seats.ready_mut(partition) {
                coordinator.replay_marker(producer.id, *committed);
            }
        }
        self.touch(Watch::Partition(topic, partition));
        Ok(info.base_offset)
    }

    /// Keeps markers from arriving, or lets them go when nobody else holds them.
    pub(in crate::broker) fn hold_markers(&mut self, now: Instant, hold: bool) {
        let holds = &mut self.transactions.markers.holds;
        *holds = if hold { holds.saturating_add(1) } else { holds.saturating_sub(1) };
        self.carry_out_transactions(now, TxnEffects::new());
    }

    /// The same by a command: of several the last one counts.
    pub(in crate::broker) fn hold_markers_by_command(&mut self, now: Instant, hold: bool) {
        self.transactions.markers.is_held_by_command = hold;
        self.carry_out_transactions(now, TxnEffects::new());
    }

    /// Sets how long markers travel, for those that are sent from now on.
    pub(in crate::broker) fn delay_markers(&mut self, delay: Duration) {
        self.transactions.markers.delay = delay;
    }
}
