//! Transaction coordinators and their partitions of `__transaction_state`.
//!
//! Not here: what a coordinator decides; how markers travel, which is in `markers`.

use super::markers::MarkersOnTheWay;
use super::told_to_clients;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::coordinators::Coordinator;
use crate::broker::coordinators::Seats;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::Watch;
use crate::broker::settings::Settings;
use crate::broker::state::State;
use crate::broker::topics::Refusal;
use crate::config::NewTopic;
use crate::coordinator::Appending;
use crate::coordinator::Effect;
use crate::coordinator::Moment;
use crate::coordinator::Reply;
use crate::coordinator::Ticket;
use crate::coordinator::TransactionCoordinator;
use crate::coordinator::TransactionRecord;
use crate::coordinator::TxnEffect;
use crate::coordinator::TxnMoment;
use crate::coordinator::TxnReply;
use crate::log::AppendOrigin;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use std::collections::VecDeque;

/// The topic in which transaction coordinators keep what they know.
pub(crate) const TRANSACTION_STATE: &str = "__transaction_state";

/// How long the coordinator waits before it tries again what only it can try, in milliseconds.
pub(super) const RETRY_MS: i64 = 100;

/// The transaction coordinators of all brokers, and what they wait for.
#[derive(Default)]
pub(in crate::broker) struct Transactions {
    pub(super) seats: Seats<TransactionCoordinator>,
    /// How many coordinators there have been.
    generations: u64,
    /// Records that are not replicated yet, or whose coordinator tries again.
    waiting: Vec<Waiting>,
    pub(super) markers: MarkersOnTheWay,
}

/// A record on its way.
#[derive(Debug)]
struct Waiting {
    partition: PartitionIndex,
    generation: u64,
    /// Where it was appended; `None` when that is to be tried again.
    last_offset: Option<Offset>,
    deadline: Instant,
    appending: Appending,
}

/// What coordinators want to be done, each with its partition.
pub(super) type TxnEffects = VecDeque<(PartitionIndex, TxnEffect)>;

impl Coordinator for TransactionCoordinator {
    const TOPIC: &'static str = TRANSACTION_STATE;

    fn seats(state: &State) -> &Seats<Self> {
        &state.transactions.seats
    }

    fn seats_mut(state: &mut State) -> (&mut Seats<Self>, &Settings) {
        (&mut state.transactions.seats, &state.settings)
    }

    fn replay_batch(&mut self, batch: &Batch) {
        for record in batch.records().into_iter().flatten().flatten() {
            let Some(key) = &record.key else { continue };
            // What cannot be read is not ours: Kafka logs a warning and goes on too.
            if let Ok(Some(record)) = TransactionRecord::decode(key, record.value.as_ref()) {
                self.replay(record);
            }
        }
    }

    fn start(&mut self, at: &Moment<'_>) {
        self.start(at);
    }

    fn unload(self, _: &Moment<'_>, _: ErrorCode) -> Vec<Effect> {
        // Those who wait are told when it is seen that their record's coordinator is not there any more.
        Vec::new()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.next_timeout()
    }

    fn on_loaded(_: &mut State, _: PartitionIndex) {
        // What is to be done then needs the time: see `begin_transactions_of`.
    }
}

impl State {
    /// The broker that coordinates a transactional id; makes the topic of transactions if there is none yet.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` when the topic cannot be made or the partition has no leader.
    pub(crate) fn find_transaction_coordinator(&mut self, id: &str) -> Result<BrokerId, ErrorCode> {
        self.create_transactions_topic().map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let (topic, partition) = self.transaction_partition(id).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let leader = self.find_partition(topic, partition).map_or(BrokerId::NONE, |log| log.leader());
        if leader == BrokerId::NONE { Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) } else { Ok(leader) }
    }

    /// The broker that coordinates a transactional id, if there is one now.
    pub(crate) fn leader_of_transactions(&self, id: &str) -> Option<BrokerId> {
        let (topic, partition) = self.transaction_partition(id)?;
        let leader = self.find_partition(topic, partition)?.leader();
        (leader != BrokerId::NONE).then_some(leader)
    }

    /// Whether two brokers can ask each other.
    pub(crate) fn reaches(&self, one: BrokerId, other: BrokerId) -> bool {
        self.brokers.is_running(other) && self.replication.links.are_connected(one, other)
    }

    fn create_transactions_topic(&mut self) -> Result<(), Refusal> {
        if self.topics.get(TRANSACTION_STATE).is_some() {
            return Ok(());
        }
        let config = self.broker_config(self.brokers.controller());
        let segment_bytes = config.transaction_state_log_segment_bytes.to_string();
        let min_isr = config.transaction_state_log_min_isr.to_string();
        let replication_factor = i16::try_from(config.transaction_state_log_replication_factor).unwrap_or(i16::MAX);
        let new = NewTopic::new(TRANSACTION_STATE).partitions(config.transaction_state_log_num_partitions);
        self.create_topic(
            new.replication_factor(replication_factor)
                .config("cleanup.policy", "compact")
                .config("compression.type", "uncompressed")
                .config("min.insync.replicas", min_isr)
                .config("segment.bytes", segment_bytes)
                .config("unclean.leader.election.enable", "false"),
        )
    }

    /// Where the state of a transactional id is kept.
    pub(in crate::broker) fn transaction_partition(&self, id: &str) -> Option<(Uuid, PartitionIndex)> {
        self.coordinator_partition::<TransactionCoordinator>(id)
    }

    /// The coordinator of a transactional id, whichever broker is that, if it knows anything.
    pub(in crate::broker) fn transaction_coordinator(&self, id: &str) -> Option<(BrokerId, &TransactionCoordinator)> {
        let (topic, partition) = self.transaction_partition(id)?;
        let leader = self.find_partition(topic, partition)?.leader();
        Some((leader, self.transactions.seats.ready(partition)?))
    }

    /// How many markers are on their way.
    pub(in crate::broker) fn markers_on_the_way(&self) -> usize {
        self.transactions.markers.len()
    }

    /// The coordinators that are ready, with the broker that each one is on.
    pub(crate) fn transaction_coordinators(&self) -> impl Iterator<Item = (BrokerId, &TransactionCoordinator)> {
        self.transactions.seats.iter()
    }

    /// Whether one of a broker's transaction coordinators is reading its log.
    pub(crate) fn is_loading_transactions(&self, broker: BrokerId) -> bool {
        self.transactions.seats.is_loading(broker)
    }

    /// Asks the coordinator of a transactional id on `broker`; the answer comes to the ticket.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an empty id, `NOT_COORDINATOR` when `broker` is not the coordinator,
    /// `COORDINATOR_LOAD_IN_PROGRESS`.
    pub(crate) fn ask_transaction(
        &mut self,
        now: Instant,
        broker: BrokerId,
        id: &str,
        ask: impl FnOnce(&mut TransactionCoordinator, &mut TxnMoment<'_>, Ticket) -> Vec<TxnEffect>,
    ) -> Result<Ticket, ErrorCode> {
        let partition = self.begin_transactions(now, broker, id)?;
        let ticket = self.new_ticket();
        let effects = self.with_transactions(now, partition, |coordinator, at| ask(coordinator, at, ticket));
        self.carry_out_transactions(now, of_partition(partition, effects.ok_or(ErrorCode::NOT_COORDINATOR)?));
        Ok(ticket)
    }

    /// Answers a request with what comes to a ticket, now or later.
    pub(crate) fn await_transaction(&mut self, asked: Result<Ticket, ErrorCode>) -> Outcome<TxnReply> {
        match asked {
            Err(code) => Outcome::Reply(Err(code)),
            Ok(ticket) => self.await_reply(ticket, txn_reply),
        }
    }

    /// Looks into the coordinator of a transactional id on `broker`.
    ///
    /// # Errors
    /// As [`State::ask_transaction`].
    pub(crate) fn look_at_transaction(
        &mut self,
        now: Instant,
        broker: BrokerId,
        id: &str,
    ) -> Result<&mut TransactionCoordinator, ErrorCode> {
        let partition = self.begin_transactions(now, broker, id)?;
        let ready = self.transactions.seats.ready_mut(partition);
        ready.map(|(_, _, coordinator)| coordinator).ok_or(ErrorCode::NOT_COORDINATOR)
    }

    fn begin_transactions(&mut self, now: Instant, broker: BrokerId, id: &str) -> Result<PartitionIndex, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let (_, partition) = self.transaction_partition(id).ok_or(ErrorCode::NOT_COORDINATOR)?;
        self.coordinator::<TransactionCoordinator>(now, broker, id)?;
        self.begin_transactions_of(now, partition);
        Ok(partition)
    }

    /// Lets a coordinator that has just read its log complete what was prepared before.
    fn begin_transactions_of(&mut self, now: Instant, partition: PartitionIndex) {
        let next = self.transactions.generations + 1;
        let Some((_, _, coordinator)) = self.transactions.seats.ready_mut(partition) else { return };
        if coordinator.generation == 0 {
            coordinator.generation = next;
            let begun = coordinator.take_begun();
            self.transactions.generations = next;
            self.carry_out_transactions(now, of_partition(partition, begun));
        }
    }

    /// Has all coordinators read their logs, after those came from a file.
    pub(in crate::broker) fn load_transactions(&mut self, now: Instant) {
        self.seat_all::<TransactionCoordinator>(now);
        for partition in self.transactions.seats.partitions() {
            self.begin_transactions_of(now, partition);
        }
    }

    /// Forgets all transactions, because their topic has been deleted.
    pub(super) fn forget_transactions(&mut self, now: Instant) {
        for partition in self.transactions.seats.partitions() {
            self.unseat::<TransactionCoordinator>(now, partition);
        }
        self.run_transactions(now);
    }

    pub(super) fn with_transactions<T>(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        act: impl FnOnce(&mut TransactionCoordinator, &mut TxnMoment<'_>) -> T,
    ) -> Option<T> {
        let timestamp = self.timestamp(now);
        let transaction_version = self.transaction_version();
        let (_, leader, coordinator) = self.transactions.seats.ready_mut(partition)?;
        let moment = self.settings.moment(now, timestamp, leader);
        let mut at = TxnMoment { moment, transaction_version, next_producer_id: &mut self.next_producer_id };
        Some(act(coordinator, &mut at))
    }

    /// Does what coordinators have decided, and what follows from that.
    pub(super) fn carry_out_transactions(&mut self, now: Instant, mut effects: TxnEffects) {
        loop {
            while let Some((partition, effect)) = effects.pop_front() {
                match effect {
                    TxnEffect::Complete(ticket, reply) => self.reply_to(ticket, reply),
                    TxnEffect::Append(appending) => effects.extend(self.append_transaction(now, partition, *appending)),
                    TxnEffect::WriteMarkers(markers) => self.send_markers(now, partition, &markers),
                }
            }
            effects = self.run_markers(now);
            if effects.is_empty() {
                return;
            }
        }
    }

    fn reply_to(&mut self, ticket: Ticket, reply: Reply) {
        self.groups.replies.insert(ticket, reply);
        self.touch(Watch::Ticket(ticket));
    }

    fn append_transaction(&mut self, now: Instant, partition: PartitionIndex, appending: Appending) -> TxnEffects {
        match self.try_append_transaction(now, partition, &appending.record) {
            Ok((topic, leader, last_offset)) => {
                if let Some(replicated) = self.acknowledged(topic, partition, leader, last_offset) {
                    return self.on_transaction_appended(now, partition, appending, replicated);
                }
                let timeout = self.broker_config(leader).request_timeout_ms;
                self.wait_for_append(partition, Some(last_offset), now.plus_ms(timeout.into()), appending);
                TxnEffects::new()
            }
            Err(code) => self.on_transaction_appended(now, partition, appending, Err(code)),
        }
    }

    fn wait_for_append(
        &mut self,
        partition: PartitionIndex,
        last_offset: Option<Offset>,
        deadline: Instant,
        appending: Appending,
    ) {
        let Some(coordinator) = self.transactions.seats.ready(partition) else { return };
        let generation = coordinator.generation;
        self.transactions.waiting.push(Waiting { partition, generation, last_offset, deadline, appending });
    }

    fn try_append_transaction(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        record: &TransactionRecord,
    ) -> Result<(Uuid, BrokerId, Offset), ErrorCode> {
        let timestamp = self.timestamp(now);
        let (key, value) = record.encode(self.transaction_version())?;
        let mut builder = BatchBuilder::new();
        builder.append(timestamp, Some(&key), value.as_deref(), &[]);
        let batch = builder.build().map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let ready = self.transactions.seats.ready_mut(partition);
        let (topic, leader, _) = ready.ok_or(ErrorCode::NOT_COORDINATOR)?;
        if !self.brokers.is_running(leader) {
            // Nobody acts on a broker that is down, also if nobody has taken its place yet.
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        let log = self.partitions.get_mut(&(topic, partition)).ok_or(ErrorCode::NOT_COORDINATOR)?;
        let info =
            log.append_batch(leader, timestamp, batch, AppendOrigin::Coordinator, -1).map_err(|error| error.code)?;
        self.note_transaction(&record.transactional_id, record.value.as_ref());
        self.touch(Watch::Partition(topic, partition));
        Ok((topic, leader, info.last_offset))
    }

    fn on_transaction_appended(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        appending: Appending,
        appended: Result<(), ErrorCode>,
    ) -> TxnEffects {
        let appended = appended.map_err(told_to_clients);
        if appended == Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) && appending.completes() {
            // Nobody else would try again.
            self.wait_for_append(partition, None, now.plus_ms(RETRY_MS), appending);
            return TxnEffects::new();
        }
        let effects =
            self.with_transactions(now, partition, |coordinator, at| coordinator.on_appended(at, appending, appended));
        of_partition(partition, effects.unwrap_or_default())
    }

    /// Goes on with the records that have been replicated meanwhile, or have waited for too long.
    fn run_waiting(&mut self, now: Instant) -> TxnEffects {
        let mut effects = TxnEffects::new();
        for waiting in std::mem::take(&mut self.transactions.waiting) {
            let ready = self.transactions.seats.ready_mut(waiting.partition);
            let Some((topic, leader, _)) = ready.filter(|(_, _, ready)| ready.generation == waiting.generation) else {
                effects.extend(of_partition(waiting.partition, waiting.appending.refuse(ErrorCode::NOT_COORDINATOR)));
                continue;
            };
            let replicated = match waiting.last_offset {
                None if waiting.deadline <= now => {
                    effects.extend(self.append_transaction(now, waiting.partition, waiting.appending));
                    continue;
                }
                None => None,
                Some(last_offset) => self.acknowledged(topic, waiting.partition, leader, last_offset),
            };
            let replicated = match replicated {
                None if waiting.last_offset.is_some() && waiting.deadline <= now => {
                    Some(Err(ErrorCode::REQUEST_TIMED_OUT))
                }
                other => other,
            };
            match replicated {
                None => self.transactions.waiting.push(waiting),
                Some(replicated) => {
                    let Waiting { partition, appending, .. } = waiting;
                    effects.extend(self.on_transaction_appended(now, partition, appending, replicated));
                }
            }
        }
        effects
    }

    /// Looks what a change of a partition means for transactions: another coordinator, or something is replicated.
    pub(in crate::broker) fn follow_transactions(&mut self, now: Instant, topic: Uuid, partition: PartitionIndex) {
        self.follow::<TransactionCoordinator>(now, topic, partition);
        if self.topics.get(TRANSACTION_STATE).is_some_and(|transactions| transactions.id == topic) {
            self.seat::<TransactionCoordinator>(now, topic, partition);
            self.begin_transactions_of(now, partition);
        }
        self.run_transactions(now);
    }

    fn run_transactions(&mut self, now: Instant) {
        if !self.transactions.waiting.is_empty() || !self.transactions.markers.is_empty() {
            let effects = self.run_waiting(now);
            self.carry_out_transactions(now, effects);
        }
    }

    pub(in crate::broker) fn next_transaction_timeout(&self) -> Option<Instant> {
        let waiting = self.transactions.waiting.iter().map(|waiting| waiting.deadline);
        let others = [self.transactions.seats.next_timeout(), self.transactions.markers.next_timeout()];
        waiting.chain(others.into_iter().flatten()).min()
    }

    pub(in crate::broker) fn handle_transaction_timeouts(&mut self, now: Instant) {
        for partition in self.transactions.seats.partitions() {
            self.finish_loading::<TransactionCoordinator>(now, partition);
            self.begin_transactions_of(now, partition);
            while let Some(Some(effects)) =
                self.with_transactions(now, partition, TransactionCoordinator::handle_timeout)
            {
                self.carry_out_transactions(now, of_partition(partition, effects));
            }
        }
        self.run_transactions(now);
    }
}

pub(super) fn of_partition(partition: PartitionIndex, effects: Vec<TxnEffect>) -> TxnEffects {
    effects.into_iter().map(|effect| (partition, effect)).collect()
}

fn txn_reply(reply: Reply) -> Option<TxnReply> {
    match reply {
        Reply::Txn(reply) => Some(reply),
        _ => None,
    }
}
