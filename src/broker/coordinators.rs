//! The coordinators of one kind, on all brokers: whoever leads a partition of the kind's topic is the coordinator that
//! keeps its state there, and reads it from there when it becomes the leader.
//!
//! Not here: what a coordinator decides, and what is done about it (`effects`).
//!
//! ```text
//!                leader moves here            load time is over
//!   elsewhere -------------------> loading ---------------------> ready
//!   NOT_COORDINATOR                COORDINATOR_LOAD_IN_PROGRESS   |
//!     ^                                                           |
//!     +---- leader moves away: all who wait get NOT_COORDINATOR --+
//! ```

use super::settings::Settings;
use super::state::State;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::Effect;
use crate::coordinator::Moment;
use crate::coordinator::partition_of;
use crate::wire::batch::Batch;
use std::collections::BTreeMap;

/// A kind of coordinator: it is a fold of the records in its partition of its topic.
pub(super) trait Coordinator: Default + Sized {
    /// The topic in which coordinators of this kind keep what they know.
    const TOPIC: &'static str;

    /// Where a cluster keeps its coordinators of this kind.
    fn seats(state: &State) -> &Seats<Self>;

    /// The same to change it, with the settings that coordinators are told.
    fn seats_mut(state: &mut State) -> (&mut Seats<Self>, &Settings);

    /// Takes in a batch of its partition's log: records, or a marker.
    fn replay_batch(&mut self, batch: &Batch);

    /// Begins to work, after everything was replayed.
    fn start(&mut self, at: &Moment<'_>);

    /// Answers everybody who waits with an error, because the coordinator is elsewhere now.
    fn unload(self, at: &Moment<'_>, code: ErrorCode) -> Vec<Effect>;

    /// When it wants to be called.
    fn next_timeout(&self) -> Option<Instant>;

    /// The coordinator of a partition has begun to work.
    fn on_loaded(state: &mut State, partition: PartitionIndex);
}

/// The coordinators of one kind by partition, as far as there is anything for them to know.
pub(super) struct Seats<C> {
    /// The topic's id, once anybody has asked for a coordinator.
    topic: Uuid,
    by_partition: BTreeMap<PartitionIndex, Seat<C>>,
}

/// A coordinator as a certain leader of its partition.
struct Seat<C> {
    topic: Uuid,
    leader: BrokerId,
    leader_epoch: LeaderEpoch,
    reading: Reading<C>,
}

enum Reading<C> {
    /// It reads its log until then.
    Until(Instant),
    /// It has read its log.
    Done(C),
}

impl<C> Default for Seats<C> {
    fn default() -> Self {
        Self { topic: Uuid::ZERO, by_partition: BTreeMap::new() }
    }
}

impl<C> Seat<C> {
    fn ready(&self) -> Option<&C> {
        match &self.reading {
            Reading::Done(coordinator) => Some(coordinator),
            Reading::Until(_) => None,
        }
    }
}

impl<C: Coordinator> Seats<C> {
    /// The coordinator of a partition, if it is ready.
    pub(super) fn ready(&self, partition: PartitionIndex) -> Option<&C> {
        self.by_partition.get(&partition)?.ready()
    }

    /// The coordinator of a partition, if it is ready, with its topic and its broker.
    pub(super) fn ready_mut(&mut self, partition: PartitionIndex) -> Option<(Uuid, BrokerId, &mut C)> {
        let seat = self.by_partition.get_mut(&partition)?;
        match &mut seat.reading {
            Reading::Done(coordinator) => Some((seat.topic, seat.leader, coordinator)),
            Reading::Until(_) => None,
        }
    }

    /// All that are ready, with their brokers, by partition.
    pub(super) fn iter(&self) -> impl Iterator<Item = (BrokerId, &C)> {
        self.by_partition.values().filter_map(|seat| Some((seat.leader, seat.ready()?)))
    }

    /// Whether one of a broker's coordinators is reading its log.
    pub(super) fn is_loading(&self, broker: BrokerId) -> bool {
        self.by_partition.values().any(|seat| seat.leader == broker && seat.ready().is_none())
    }

    /// The partitions that have a coordinator, ready or not.
    pub(super) fn partitions(&self) -> Vec<PartitionIndex> {
        self.by_partition.keys().copied().collect()
    }

    /// The next deadline.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let deadlines = self.by_partition.values().filter_map(|seat| match &seat.reading {
            Reading::Until(deadline) => Some(*deadline),
            Reading::Done(coordinator) => coordinator.next_timeout(),
        });
        deadlines.min()
    }
}

impl State {
    /// The partition that keeps what the coordinator of `key` knows.
    pub(super) fn coordinator_partition<C: Coordinator>(&self, key: &str) -> Option<(Uuid, PartitionIndex)> {
        let topic = self.topics.get(C::TOPIC)?;
        Some((topic.id, partition_of(key, topic.partitions().len())))
    }

    /// The coordinator of `key` on a broker, with what it is told.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` when another broker is that, `COORDINATOR_LOAD_IN_PROGRESS`.
    pub(super) fn coordinator<C: Coordinator>(
        &mut self,
        now: Instant,
        broker: BrokerId,
        key: &str,
    ) -> Result<(&mut C, Moment<'_>), ErrorCode> {
        let (topic, partition) = self.coordinator_partition::<C>(key).ok_or(ErrorCode::NOT_COORDINATOR)?;
        let log = self.find_partition(topic, partition).ok_or(ErrorCode::NOT_COORDINATOR)?;
        if log.leader() != broker {
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        self.seat::<C>(now, topic, partition);
        self.coordinator_at(now, partition).ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    }

    /// The coordinator of a partition, if it is ready, with what it is told.
    pub(super) fn coordinator_at<C: Coordinator>(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
    ) -> Option<(&mut C, Moment<'_>)> {
        self.settings.update_image(&self.topics, &self.brokers);
        let timestamp = self.timestamp(now);
        let (seats, settings) = C::seats_mut(self);
        let (_, leader, coordinator) = seats.ready_mut(partition)?;
        Some((coordinator, settings.moment(now, timestamp, leader)))
    }

    /// Sees to it that the leader of a partition, and nobody else, is its coordinator.
    ///
    /// To be called whenever the leader may have changed; one that is the coordinator already stays it.
    pub(super) fn seat<C: Coordinator>(&mut self, now: Instant, topic: Uuid, partition: PartitionIndex) {
        let log = self.find_partition(topic, partition);
        let (leader, leader_epoch) =
            log.map_or((BrokerId::NONE, LeaderEpoch::NONE), |log| (log.leader(), log.leader_epoch()));
        if let Some(seat) = C::seats(self).by_partition.get(&partition) {
            if (seat.topic, seat.leader, seat.leader_epoch) == (topic, leader, leader_epoch) {
                return;
            }
        }
        let is_empty = log.is_none_or(|log| log.log_end_offset() == log.log_start_offset());
        self.unseat::<C>(now, partition);
        if leader == BrokerId::NONE {
            return;
        }
        // There is nothing to read where nothing was written.
        let ready_at = if is_empty { now } else { now.plus(self.coordinator_load_time) };
        let seat = Seat { topic, leader, leader_epoch, reading: Reading::Until(ready_at) };
        let (seats, _) = C::seats_mut(self);
        seats.topic = topic;
        seats.by_partition.insert(partition, seat);
        self.finish_loading::<C>(now, partition);
    }

    /// Has a coordinator forget everything, and tell those who wait.
    pub(super) fn unseat<C: Coordinator>(&mut self, now: Instant, partition: PartitionIndex) {
        let timestamp = self.timestamp(now);
        let (seats, settings) = C::seats_mut(self);
        let Some(seat) = seats.by_partition.remove(&partition) else { return };
        if let Reading::Done(coordinator) = seat.reading {
            let at = settings.moment(now, timestamp, seat.leader);
            let effects = coordinator.unload(&at, ErrorCode::NOT_COORDINATOR);
            self.hand_out(effects);
        }
    }

    /// Has a coordinator whose time has come read its log.
    pub(super) fn finish_loading<C: Coordinator>(&mut self, now: Instant, partition: PartitionIndex) {
        let Some(seat) = C::seats(self).by_partition.get(&partition) else { return };
        let topic = seat.topic;
        if !matches!(seat.reading, Reading::Until(ready_at) if ready_at <= now) {
            return;
        }
        let mut coordinator = C::default();
        if let Some(replica) = self.find_partition(topic, partition).and_then(|log| log.leader_replica()) {
            let log = replica.log();
            log.batches(log.log_start_offset()).for_each(|batch| coordinator.replay_batch(batch));
        }
        self.settings.update_image(&self.topics, &self.brokers);
        let timestamp = self.timestamp(now);
        let (seats, settings) = C::seats_mut(self);
        let Some(seat) = seats.by_partition.get_mut(&partition) else { return };
        coordinator.start(&settings.moment(now, timestamp, seat.leader));
        seat.reading = Reading::Done(coordinator);
        C::on_loaded(self, partition);
    }

    /// Seats the coordinators of all partitions that hold anything.
    pub(super) fn seat_all<C: Coordinator>(&mut self, now: Instant) {
        let Some(topic) = self.topics.get(C::TOPIC) else { return };
        let (id, partitions) = (topic.id, topic.partitions());
        for partition in partitions {
            if self.find_partition(id, partition).is_some_and(|log| log.log_end_offset().0 > 0) {
                self.seat::<C>(now, id, partition);
            }
        }
    }

    /// Follows a change of a partition, if it is one that coordinators of this kind keep their state in.
    pub(super) fn follow<C: Coordinator>(&mut self, now: Instant, topic: Uuid, partition: PartitionIndex) {
        if C::seats(self).topic == topic && !topic.is_zero() {
            self.seat::<C>(now, topic, partition);
        }
    }
}
