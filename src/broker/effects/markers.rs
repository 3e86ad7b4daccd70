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
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
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

/// All markers that have not arrived yet.
#[derive(Debug, Default)]
pub(in crate::broker) struct MarkersOnTheWay {
    markers: Vec<Marker>,
    /// How many tests hold them back.
    holds: u32,
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
    /// Arrives then.
    Sent(Instant),
    /// Is in the leader's log; until then all replicas must have it.
    Appended { topic: Uuid, leader: BrokerId, offset: Offset, deadline: Instant },
}

/// What has become of a marker.
enum Step {
    /// Nothing yet.
    Waits(Phase),
    /// It has arrived, or there is no such partition any more.
    Done,
    /// Its transaction is none of this coordinator's any more.
    Void,
}

impl MarkersOnTheWay {
    pub(super) fn is_empty(&self) -> bool {
        self.markers.is_empty()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = self.markers.iter().filter_map(|marker| match marker.phase {
            Phase::Sent(_) if self.holds > 0 => None,
            Phase::Sent(at) => Some(at),
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
        let at = now.plus(self.transactions.markers.delay);
        for to in &markers.partitions {
            let marker = TransactionMarker {
                producer: markers.producer,
                committed: markers.committed,
                coordinator_epoch: leader_epoch,
                transaction_version: markers.transaction_version,
            };
            self.transactions.markers.markers.push(Marker {
                transactional_id: markers.transactional_id.clone(),
                coordinator,
                generation,
                to: to.clone(),
                marker,
                phase: Phase::Sent(at),
            });
        }
    }

    /// Lets markers arrive that are due, and says what their coordinators want then.
    pub(super) fn run_markers(&mut self, now: Instant) -> TxnEffects {
        let mut effects = TxnEffects::new();
        let mut kept = Vec::new();
        let mut void: Vec<(String, u64)> = Vec::new();
        for mut marker in std::mem::take(&mut self.transactions.markers.markers) {
            match self.step_marker(now, &marker) {
                Step::Waits(phase) => {
                    marker.phase = phase;
                    kept.push(marker);
                }
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

    fn step_marker(&mut self, now: Instant, marker: &Marker) -> Step {
        let ready = self.transactions.seats.ready_mut(marker.coordinator);
        let Some((_, from, _)) = ready.filter(|(_, _, ready)| ready.generation == marker.generation) else {
            return Step::Void;
        };
        let timeout_ms = self.broker_config(from).request_timeout_ms;
        let again = Step::Waits(Phase::Sent(now.plus_ms(RETRY_MS)));
        match marker.phase {
            Phase::Sent(at) if at > now || self.transactions.markers.holds > 0 => Step::Waits(Phase::Sent(at)),
            Phase::Sent(_) => {
                let (topic, partition) = (&*marker.to.0, marker.to.1);
                // A topic that is gone needs no marker.
                let Some(topic) = self.topics.get(topic).map(|topic| topic.id) else { return Step::Done };
                let Some(leader) = self.find_partition(topic, partition).map(|log| log.leader()) else {
                    return Step::Done;
                };
                match self.write_marker(now, leader, topic, partition, &marker.marker) {
                    Ok(offset) => match self.acknowledged(topic, partition, leader, offset) {
                        Some(Ok(())) => Step::Done,
                        Some(Err(_)) => again,
                        None => {
                            let deadline = now.plus_ms(timeout_ms.into());
                            Step::Waits(Phase::Appended { topic, leader, offset, deadline })
                        }
                    },
                    // Source: `TransactionMarkerRequestCompletionHandler`.
                    Err(ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_COORDINATOR_FENCED) => Step::Void,
                    Err(ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT | ErrorCode::UNSUPPORTED_VERSION) => Step::Done,
                    Err(_) => again,
                }
            }
            Phase::Appended { topic, leader, offset, deadline } => {
                match self.acknowledged(topic, marker.to.1, leader, offset) {
                    Some(Ok(())) => Step::Done,
                    Some(Err(_)) => again,
                    None if deadline <= now => again,
                    None => Step::Waits(Phase::Appended { topic, leader, offset, deadline }),
                }
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

    /// Sets how long markers travel, for those that are sent from now on.
    pub(in crate::broker) fn delay_markers(&mut self, delay: Duration) {
        self.transactions.markers.delay = delay;
    }
}
