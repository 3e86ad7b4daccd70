//! Where logs and coordinators meet: records that a coordinator decides on are appended to its partition of
//! `__consumer_offsets`, and answers that it gives are handed to the requests that wait.
//!
//! Not here: what a coordinator decides.

mod markers;
mod transactions;

pub(super) use markers::TransactionMarker;
pub(super) use transactions::TRANSACTION_STATE;
pub(super) use transactions::Transactions;

use super::coordinators::Coordinator;
use super::coordinators::Seats;
use super::outcome::Outcome;
use super::outcome::Park;
use super::outcome::RequestContext;
use super::outcome::Watch;
use super::outcome::Woken;
use super::settings::Settings;
use super::state::State;
use super::topics::Refusal;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::Seed;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::config::NewTopic;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Decision;
use crate::coordinator::Effect;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::Moment;
use crate::coordinator::OffsetAndMetadata;
use crate::coordinator::Producer;
use crate::coordinator::Reply;
use crate::coordinator::Ticket;
use crate::coordinator::TopicPartition;
use crate::coordinator::partition_of;
use crate::log::AppendOrigin;
use crate::log::Verification;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use std::collections::BTreeMap;

/// The topic in which coordinators keep what they know.
pub(crate) const GROUP_METADATA: &str = "__consumer_offsets";

/// The group coordinators of all brokers, and the answers that nobody has taken yet.
pub(super) struct Groups {
    seats: Seats<GroupCoordinator>,
    replies: BTreeMap<Ticket, Reply>,
    next_ticket: u64,
    member_ids: Rng,
}

impl Groups {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            seats: Seats::default(),
            replies: BTreeMap::new(),
            next_ticket: 0,
            member_ids: seed.stream("member ids"),
        }
    }
}

impl Coordinator for GroupCoordinator {
    const TOPIC: &'static str = GROUP_METADATA;

    fn seats(state: &State) -> &Seats<Self> {
        &state.groups.seats
    }

    fn seats_mut(state: &mut State) -> (&mut Seats<Self>, &Settings) {
        (&mut state.groups.seats, &state.settings)
    }

    fn replay_batch(&mut self, batch: &Batch) {
        let header = &batch.header;
        if header.is_control() {
            let marker = ControlRecord::read(batch).map(|marker| marker.control_type);
            if let Ok(end @ (ControlType::Commit | ControlType::Abort)) = marker {
                self.replay_marker(header.producer_id, end == ControlType::Commit);
            }
            return;
        }
        for record in batch.records().into_iter().flatten().flatten() {
            let Some(key) = &record.key else { continue };
            // What cannot be read is not ours: Kafka logs a warning and goes on too.
            if let Ok(Some(record)) = CoordinatorRecord::decode(key, record.value.as_ref()) {
                match header.is_transactional() {
                    true => self.replay_in_transaction(header.producer_id, &record),
                    false => self.replay(&record),
                }
            }
        }
    }

    fn start(&mut self, at: &Moment<'_>) {
        self.start(at);
    }

    fn unload(self, at: &Moment<'_>, code: ErrorCode) -> Vec<Effect> {
        self.unload(at, code).effects
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.next_timeout()
    }

    fn on_loaded(state: &mut State, partition: PartitionIndex) {
        state.notice_groups_at(partition);
    }
}

impl State {
    /// The broker that coordinates a group; makes the offsets topic if there is none yet.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` when the topic cannot be made or the partition has no leader.
    pub(crate) fn find_group_coordinator(&mut self, group: &str) -> Result<BrokerId, ErrorCode> {
        self.create_offsets_topic().map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let (topic, partition) = self.group_partition(group).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let leader = self.find_partition(topic, partition).map_or(BrokerId::NONE, |log| log.leader());
        if leader == BrokerId::NONE { Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) } else { Ok(leader) }
    }

    fn create_offsets_topic(&mut self) -> Result<(), Refusal> {
        if self.topics.get(GROUP_METADATA).is_some() {
            return Ok(());
        }
        let config = self.broker_config(self.brokers.controller());
        let segment_bytes = config.offsets_topic_segment_bytes.to_string();
        let replication_factor = i16::try_from(config.offsets_topic_replication_factor).unwrap_or(i16::MAX);
        let new = NewTopic::new(GROUP_METADATA).partitions(config.offsets_topic_num_partitions);
        self.create_topic(
            new.replication_factor(replication_factor)
                .config("cleanup.policy", "compact")
                .config("compression.type", "producer")
                .config("segment.bytes", segment_bytes),
        )
    }

    /// Where the state of a group is kept.
    pub(crate) fn group_partition(&self, group: &str) -> Option<(Uuid, PartitionIndex)> {
        self.coordinator_partition::<GroupCoordinator>(group)
    }

    /// The coordinator of a group on `ctx`'s broker, with what it is told.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` when another broker is that, `COORDINATOR_LOAD_IN_PROGRESS`.
    pub(crate) fn group_coordinator(
        &mut self,
        ctx: &RequestContext,
        group: &str,
    ) -> Result<(&mut GroupCoordinator, Moment<'_>), ErrorCode> {
        self.coordinator(ctx.now, ctx.broker, group)
    }

    /// The coordinator of a group, wherever it is, made if need be.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE`, `COORDINATOR_LOAD_IN_PROGRESS`.
    pub(super) fn start_group_coordinator(
        &mut self,
        now: Instant,
        group: &str,
    ) -> Result<&GroupCoordinator, ErrorCode> {
        let broker = self.find_group_coordinator(group)?;
        self.coordinator::<GroupCoordinator>(now, broker, group).map(|(coordinator, _)| &*coordinator)
    }

    /// Appends the records of a group's coordinator and takes them in, all or none.
    ///
    /// # Errors
    /// What clients are told when the log refuses; nothing has changed then.
    pub(crate) fn write_group_records(
        &mut self,
        now: Instant,
        group: &str,
        records: &[CoordinatorRecord],
    ) -> Result<(), ErrorCode> {
        let (_, partition) = self.group_partition(group).ok_or(ErrorCode::NOT_COORDINATOR)?;
        self.write_records(now, partition, records)?;
        self.notice_group(group);
        Ok(())
    }

    /// Appends offsets that a transaction commits, and takes them in as its own.
    ///
    /// # Errors
    /// What clients are told when the log refuses; nothing has changed then.
    pub(crate) fn write_group_records_in_transaction(
        &mut self,
        now: Instant,
        group: &str,
        records: &[CoordinatorRecord],
        producer: Producer,
        verification: Verification,
    ) -> Result<(), ErrorCode> {
        let (_, partition) = self.group_partition(group).ok_or(ErrorCode::NOT_COORDINATOR)?;
        if records.is_empty() {
            return Ok(());
        }
        let timestamp = self.timestamp(now);
        let builder = BatchBuilder::new().producer(producer.id, producer.epoch, -1).transactional(true);
        let batch = batch_of(builder, timestamp, records)?;
        let ready = self.groups.seats.ready_mut(partition);
        let (topic, leader, coordinator) = ready.ok_or(ErrorCode::NOT_COORDINATOR)?;
        let log = self.partitions.get_mut(&(topic, partition)).ok_or(ErrorCode::NOT_COORDINATOR)?;
        let info = log
            .append_batch_verified(leader, timestamp, batch, AppendOrigin::Coordinator, -1, verification)
            .map_err(|error| told_to_clients(error.code))?;
        records.iter().for_each(|record| coordinator.replay_in_transaction(producer.id, record));
        self.note_write(now, topic, partition, info.last_offset);
        self.touch(Watch::Partition(topic, partition));
        Ok(())
    }

    /// The partition that keeps a group's offsets, as transactions name it.
    pub(crate) fn offsets_of_group(&self, group: &str) -> TopicPartition {
        let partition = self.group_partition(group).map(|(_, partition)| partition);
        let partition = partition.unwrap_or_else(|| {
            // As many as there will be when somebody asks for a group.
            let count = self.broker_config(self.brokers.controller()).offsets_topic_num_partitions;
            partition_of(group, usize::try_from(count).unwrap_or(1))
        });
        (GROUP_METADATA.into(), partition)
    }

    fn write_records(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        records: &[CoordinatorRecord],
    ) -> Result<(), ErrorCode> {
        let is_offset = |record: &CoordinatorRecord| matches!(record, CoordinatorRecord::Offset { .. });
        if self.has(BrokerMutant::CommitsInMemory) && records.iter().all(is_offset) {
            let (_, _, coordinator) = self.groups.seats.ready_mut(partition).ok_or(ErrorCode::NOT_COORDINATOR)?;
            records.iter().for_each(|record| coordinator.replay_own(record));
            return Ok(());
        }
        if records.is_empty() {
            return Ok(());
        }
        let timestamp = self.timestamp(now);
        let batch = batch_of(BatchBuilder::new(), timestamp, records)?;
        let ready = self.groups.seats.ready_mut(partition);
        let (topic, leader, coordinator) = ready.ok_or(ErrorCode::NOT_COORDINATOR)?;
        let log = self.partitions.get_mut(&(topic, partition)).ok_or(ErrorCode::NOT_COORDINATOR)?;
        let info = log
            .append_batch(leader, timestamp, batch, AppendOrigin::Coordinator, -1)
            .map_err(|error| told_to_clients(error.code))?;
        records.iter().for_each(|record| coordinator.replay_own(record));
        self.note_removed(records);
        self.note_write(now, topic, partition, info.last_offset);
        self.touch(Watch::Partition(topic, partition));
        Ok(())
    }

    /// Does what the coordinator of a group has decided.
    pub(crate) fn carry_out(&mut self, now: Instant, group: &str, decision: Decision) {
        if let Some((_, partition)) = self.group_partition(group) {
            self.carry_out_at(now, partition, decision);
        }
        self.notice_group(group);
    }

    pub(super) fn carry_out_at(&mut self, now: Instant, partition: PartitionIndex, mut decision: Decision) {
        loop {
            let wrote = !decision.records.is_empty();
            let appended = self.write_records(now, partition, &decision.records);
            self.hand_out(decision.effects);
            let Some(mut then) = decision.then else { return };
            if wrote && appended.is_ok() {
                let Some(at_once) = self.put_off(partition, then) else { return };
                then = at_once;
            }
            let Some((coordinator, at)) = self.coordinator_at::<GroupCoordinator>(now, partition) else { return };
            decision = coordinator.on_appended(&at, then, appended);
        }
    }

    pub(super) fn hand_out(&mut self, effects: Vec<Effect>) {
        for Effect::Complete(ticket, reply) in effects {
            self.groups.replies.insert(ticket, reply);
            self.touch(Watch::Ticket(ticket));
        }
    }

    /// A ticket for a request that may have to wait.
    pub(crate) fn new_ticket(&mut self) -> Ticket {
        self.groups.next_ticket += 1;
        Ticket(self.groups.next_ticket)
    }

    /// The random part of a member id.
    pub(crate) fn new_member_uuid(&mut self) -> String {
        let Uuid(bytes) = super::state::random_uuid(&mut self.groups.member_ids);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// An id for a member that has none, as Kafka makes it.
    pub(crate) fn new_member_id(&mut self) -> String {
        super::state::random_uuid(&mut self.groups.member_ids).to_string()
    }

    /// Answers a request with what its ticket gets, now or later.
    pub(crate) fn await_reply<R: 'static>(&mut self, ticket: Ticket, pick: fn(Reply) -> Option<R>) -> Outcome<R> {
        match self.groups.replies.remove(&ticket) {
            Some(reply) => pick(reply).map_or(Outcome::Close("a coordinator mixed up its answers"), Outcome::Reply),
            None => Outcome::Park(Park {
                watch: vec![Watch::Ticket(ticket)],
                // The coordinator has its own deadlines.
                deadline: Instant::FAR_FUTURE,
                resume: Box::new(move |state, _, _: Woken| state.await_reply(ticket, pick)),
            }),
        }
    }

    /// Drops an answer whose request is gone.
    pub(super) fn forget_reply(&mut self, watch: Watch) {
        if let Watch::Ticket(ticket) = watch {
            self.groups.replies.remove(&ticket);
        }
    }

    /// Deletes the offsets of a topic that has been deleted.
    pub(super) fn forget_offsets(&mut self, now: Instant, topic: &str) {
        if topic == GROUP_METADATA {
            for partition in self.groups.seats.partitions() {
                self.unseat::<GroupCoordinator>(now, partition);
            }
            return;
        }
        if topic == TRANSACTION_STATE {
            self.forget_transactions(now);
            return;
        }
        for partition in self.groups.seats.partitions() {
            let ready = self.groups.seats.ready(partition);
            let records = ready.map_or_else(Vec::new, |coordinator| coordinator.forget_topic(topic));
            // Where the log refuses, the offsets stay until they expire.
            let _ = self.write_records(now, partition, &records);
        }
    }

    /// The coordinators that `broker` is.
    ///
    /// # Errors
    /// `COORDINATOR_LOAD_IN_PROGRESS` when one of them is not ready.
    pub(crate) fn coordinators_of(
        &self,
        broker: BrokerId,
    ) -> Result<impl Iterator<Item = &GroupCoordinator>, ErrorCode> {
        if self.groups.seats.is_loading(broker) {
            return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
        Ok(self.groups.seats.iter().filter(move |(leader, _)| *leader == broker).map(|(_, coordinator)| coordinator))
    }

    /// The coordinator of a group, whichever broker is that, if it has been asked anything yet and is ready.
    pub(super) fn coordinator_of(&self, group: &str) -> Option<&GroupCoordinator> {
        let (_, partition) = self.group_partition(group)?;
        self.groups.seats.ready(partition)
    }

    /// The groups of the coordinator of a partition.
    pub(super) fn groups_at(&self, partition: PartitionIndex) -> Vec<String> {
        let ready = self.groups.seats.ready(partition);
        let Some(coordinator) = ready else { return Vec::new() };
        let consumers = coordinator.consumer_groups().map(|(id, _)| id.to_owned());
        coordinator.groups().map(|(id, _)| id.to_owned()).chain(consumers).collect()
    }

    /// All coordinators that are ready.
    pub(super) fn coordinators(&self) -> impl Iterator<Item = &GroupCoordinator> {
        self.groups.seats.iter().map(|(_, coordinator)| coordinator)
    }

    pub(super) fn next_group_timeout(&self) -> Option<Instant> {
        [self.groups.seats.next_timeout(), self.next_unfinished()].into_iter().flatten().min()
    }

    pub(super) fn handle_group_timeouts(&mut self, now: Instant) {
        self.finish_writes(now);
        for partition in self.groups.seats.partitions() {
            self.finish_loading::<GroupCoordinator>(now, partition);
            while let Some((coordinator, at)) = self.coordinator_at::<GroupCoordinator>(now, partition) {
                let Some(decision) = coordinator.handle_timeout(&at) else { break };
                self.set_expiring(true);
                self.carry_out_at(now, partition, decision);
                self.set_expiring(false);
                self.notice_groups_at(partition);
            }
        }
    }
}

fn batch_of(
    mut builder: BatchBuilder,
    timestamp: Timestamp,
    records: &[CoordinatorRecord],
) -> Result<Batch, ErrorCode> {
    for record in records {
        let (key, value) = record.encode()?;
        builder.append(timestamp, Some(&key), value.as_deref(), &[]);
    }
    builder.build().map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// An offset that is committed without a client.
pub(super) fn offset_record(
    commit_timestamp: Timestamp,
    group: &str,
    topic: &str,
    topic_id: Uuid,
    partition: PartitionIndex,
    offset: Offset,
) -> CoordinatorRecord {
    let committed = OffsetAndMetadata {
        offset,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
        commit_timestamp,
        expire_timestamp: Timestamp::NONE,
        topic_id,
    };
    CoordinatorRecord::Offset {
        group: group.to_owned(),
        topic: topic.to_owned(),
        partition,
        value: Some(committed.to_value()),
    }
}

/// Source: `CoordinatorOperationExceptionHelper`, `appendGroupMetadataErrorToResponseError`.
fn told_to_clients(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::REQUEST_TIMED_OUT => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::NOT_COORDINATOR,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE | ErrorCode::INVALID_FETCH_SIZE => {
            ErrorCode::UNKNOWN_SERVER_ERROR
        }
        code => code,
    }
}
