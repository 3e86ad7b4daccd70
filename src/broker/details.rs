//! Noting everything, for whoever checks the cluster: the bounds of logs, appends, transactions, subscriptions.
//!
//! Nothing of this happens, and nothing is kept for it, unless it was asked for.
//!
//! Not here: what is noted in any case (`changes`), and judging.

use super::engine::Engine;
use super::outcome::Watch;
use super::replication::PartitionKey;
use super::state::State;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
use crate::base::TopicName;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Transaction;
use crate::coordinator::of_consumer;
use crate::journal::AppendedHeader;
use crate::journal::Compaction;
use crate::journal::Detail;
use crate::journal::Divergence;
use crate::journal::Event;
use crate::journal::JournalDetail;
use crate::journal::KeyedRecord;
use crate::journal::LogBounds;
use crate::journal::RemovedBy;
use crate::journal::ReplicaBounds;
use crate::log::EpochStart;
use crate::log::LogTrace;
use crate::log::PartitionLog;
use crate::log::TracedRecord;
use crate::wire::Response;
use crate::wire::batch::Batch;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was noted in full.
#[derive(Debug, Default)]
pub(super) struct Details {
    bounds: BTreeMap<PartitionKey, LogBounds>,
    /// The journal's number of the request that is being handled.
    pub(super) request: Option<u64>,
    /// Whether what is removed now has expired.
    pub(super) is_expiry: bool,
}

impl State {
    fn note(&mut self, detail: Detail) {
        self.replication.news.push(Event::Detail(detail));
    }

    /// Notes a partition that has come into being.
    pub(super) fn note_created(&mut self, key: PartitionKey) {
        if self.changes.details.is_none() {
            return;
        }
        let Some(log) = self.partitions.get_mut(&key) else { return };
        log.set_traced(true);
        if log.topic().is_internal() {
            return;
        }
        let (topic, isr) = (log.topic().clone(), log.isr().to_vec());
        let (leader, leader_epoch) = (log.leader(), log.leader_epoch());
        self.note(Detail::Created { topic, topic_id: key.0, partition: key.1, leader, leader_epoch, isr });
        self.touch(Watch::Partition(key.0, key.1));
    }

    /// Notes what has become of a partition.
    pub(super) fn note_partition(&mut self, key: PartitionKey) {
        let Some(details) = &mut self.changes.details else { return };
        let Some(log) = self.partitions.get_mut(&key) else {
            if let Some(LogBounds { topic, partition, .. }) = details.bounds.remove(&key) {
                self.note(Detail::Deleted { topic, partition });
            }
            return;
        };
        let news = &mut self.replication.news;
        if let Some(trace) = log.take_trace() {
            let topic = log.topic().clone();
            details_of(trace, &topic, key.1, |detail| news.push(Event::Detail(detail)));
        }
        if log.topic().is_internal() {
            return;
        }
        let known = details.bounds.get(&key);
        if known.is_none_or(|known| !is_as_noted(log, known)) {
            let bounds = bounds_of(log);
            news.push(Event::Detail(Detail::Log(bounds.clone())));
            details.bounds.insert(key, bounds);
        }
    }

    /// Notes what a transaction coordinator has written down.
    pub(super) fn note_transaction(&mut self, transactional_id: &str, written: Option<&Transaction>) {
        let Some(details) = &self.changes.details else { return };
        let request = details.request;
        let known = written.map(|it| (it.producer_id, it.producer_epoch, it.state.name()));
        let Some((producer_id, producer_epoch, state)) = known else { return };
        let (transactional_id, state) = (transactional_id.to_owned(), state.to_owned());
        self.note(Detail::Transaction { transactional_id, producer_id, producer_epoch, state, request });
    }

    /// Notes what a group's members want to read.
    pub(super) fn note_subscribed(&mut self, group: &str) {
        if self.changes.details.is_none() {
            return;
        }
        let Some(coordinator) = self.coordinator_of(group) else { return };
        let mut names = BTreeSet::new();
        if let Some(classic) = coordinator.group(group) {
            let protocol = classic.protocol_name().unwrap_or_default();
            for (_, member) in classic.members() {
                let subscription = of_consumer::<ConsumerProtocolSubscription>(&member.metadata(protocol));
                names.extend(subscription.into_iter().flat_map(|it| it.topics).map(|name| name.to_string()));
            }
        }
        if let Some(consumers) = coordinator.consumer_group(group) {
            names.extend(consumers.members().flat_map(|member| member.topics.iter().map(|name| name.to_string())));
        }
        let sized =
            |name: String| self.topics.get(&name).map(|topic| topic.assignment.len()).map(|count| (name, count));
        let topics = names.into_iter().filter_map(sized).collect();
        self.note(Detail::Subscribed { group: group.to_owned(), topics });
    }

    /// Notes the offsets that a group coordinator has removed.
    pub(super) fn note_removed(&mut self, records: &[CoordinatorRecord]) {
        let Some(details) = &self.changes.details else { return };
        let by = if details.is_expiry { RemovedBy::Expiry } else { RemovedBy::Request };
        for record in records {
            if let CoordinatorRecord::Offset { group, topic, partition, value: None } = record {
                let (group, topic, partition) = (group.clone(), topic.clone(), *partition);
                self.note(Detail::OffsetRemoved { group, topic, partition, by });
            }
        }
    }

    /// Sets whether what is removed now has expired.
    pub(super) fn set_expiring(&mut self, on: bool) {
        if let Some(details) = &mut self.changes.details {
            details.is_expiry = on;
        }
    }

    /// The producers that the leaders know, if it is to be noted who is forgotten.
    pub(super) fn known_producers(&self) -> Option<Vec<(PartitionKey, ProducerId)>> {
        self.changes.details.as_ref()?;
        let known = self.partitions.iter().flat_map(|(key, log)| {
            let producers = log.leader_replica().into_iter().flat_map(|leader| leader.log().producers().iter());
            producers.map(move |(id, _)| (*key, id))
        });
        Some(known.collect())
    }

    /// Notes which of the producers that were known are forgotten.
    pub(super) fn note_forgotten(&mut self, before: Vec<(PartitionKey, ProducerId)>) {
        for (key, producer_id) in before {
            let Some(log) = self.partitions.get(&key).filter(|log| !log.topic().is_internal()) else { continue };
            if log.leader_replica().is_some_and(|leader| leader.log().producers().get(producer_id).is_none()) {
                let topic = log.topic().clone();
                self.note(Detail::ProducerExpired { topic, partition: key.1, producer_id });
            }
        }
    }
}

impl Engine {
    /// Sets how much is noted in the journal from now on. To be asked for before there are topics.
    pub fn set_journal_detail(&mut self, detail: JournalDetail) {
        self.state.changes.details = (detail == JournalDetail::Full).then(Details::default);
    }

    /// Notes what has changed so far, before an answer tells of it.
    pub(super) fn note_details(&mut self, now: Instant) {
        if self.state.changes.details.is_none() {
            return;
        }
        for (topic, partition) in self.state.touched_partitions() {
            self.state.notice_partition(topic, partition);
        }
        for event in self.state.replication.news.drain(..) {
            self.journal.record(now, event);
        }
    }

    /// Notes which request is being handled.
    pub(super) fn note_handled(&mut self, connection: Option<ConnectionId>) {
        let request = connection.and_then(|connection| self.current_request(connection));
        if let Some(details) = &mut self.state.changes.details {
            details.request = request;
        }
    }

    /// Notes an answer that is not given yet, or not as it is.
    pub(super) fn note_decided(&mut self, now: Instant, connection: ConnectionId, response: &Response) {
        if self.state.changes.details.is_none() {
            return;
        }
        self.note_details(now);
        if let Some(request) = self.current_request(connection) {
            let response = Arc::new(response.clone());
            self.journal.record(now, Event::Decided { request, response });
        }
    }

    /// Notes a request that has left its client and has not arrived.
    pub(super) fn note_underway(&mut self, now: Instant, connection: ConnectionId, correlation_id: i32) {
        if self.state.changes.details.is_some() {
            self.journal.record(now, Event::Detail(Detail::Underway { connection, correlation_id }));
        }
    }
}

fn is_as_noted(log: &PartitionLog, noted: &LogBounds) -> bool {
    log.leader() == noted.leader
        && log.leader_epoch() == noted.leader_epoch
        && log.last_stable_offset() == noted.last_stable_offset
        && log.replicas().len() == noted.replicas.len()
        && log.replicas().iter().map(bounds_of_replica).eq(noted.replicas.iter().copied())
}

fn bounds_of(log: &PartitionLog) -> LogBounds {
    LogBounds {
        topic: log.topic().clone(),
        partition: log.partition(),
        leader: log.leader(),
        leader_epoch: log.leader_epoch(),
        last_stable_offset: log.last_stable_offset(),
        replicas: log.replicas().iter().map(bounds_of_replica).collect(),
    }
}

fn bounds_of_replica(replica: &crate::log::Replica) -> ReplicaBounds {
    ReplicaBounds {
        broker: replica.broker(),
        log_start_offset: replica.log().log_start_offset(),
        log_end_offset: replica.log().log_end_offset(),
        high_watermark: replica.high_watermark(),
    }
}

fn details_of(trace: LogTrace, topic: &TopicName, partition: PartitionIndex, mut note: impl FnMut(Detail)) {
    let topic = || topic.clone();
    let is_internal = topic().is_internal();
    for (broker, batch) in trace.appended {
        let batch = header_of(&batch);
        if !is_internal || batch.commits.is_some() {
            note(Detail::Append { topic: topic(), partition, broker, batch });
        }
    }
    if is_internal {
        return;
    }
    for it in trace.divergences {
        note(Detail::Truncation(Box::new(Divergence {
            topic: topic(),
            partition,
            broker: it.broker,
            leader_epoch: it.leader_epoch,
            to: it.to,
            own: epochs_of(&it.own),
            own_end: it.own_end,
            leader: epochs_of(&it.leader),
            leader_end: it.leader_end,
        })));
    }
    for it in trace.deleted {
        let by = if it.is_too_large { RemovedBy::Size } else { RemovedBy::Expiry };
        let (now, max_timestamp, log_bytes) = (it.now, it.max_timestamp, it.log_bytes);
        note(Detail::SegmentDeleted { topic: topic(), partition, by, now, max_timestamp, log_bytes });
    }
    for it in trace.compactions {
        note(Detail::Compacted(Box::new(Compaction {
            topic: topic(),
            partition,
            now: it.now,
            last_stable_offset: it.last_stable_offset,
            before: it.before.into_iter().map(keyed).collect(),
            after: it.after.into_iter().map(keyed).collect(),
        })));
    }
}

fn epochs_of(epochs: &[EpochStart]) -> Vec<(crate::base::LeaderEpoch, crate::base::Offset)> {
    epochs.iter().map(|epoch| (epoch.leader_epoch, epoch.start_offset)).collect()
}

fn keyed(record: TracedRecord) -> KeyedRecord {
    let TracedRecord { offset, key, timestamp, is_tombstone } = record;
    KeyedRecord { offset, key: String::from_utf8_lossy(&key).into_owned(), timestamp, is_tombstone }
}

fn header_of(batch: &Batch) -> AppendedHeader {
    let header = &batch.header;
    let control = header.is_control().then(|| ControlRecord::read(batch).ok()).flatten();
    AppendedHeader {
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        leader_epoch: header.partition_leader_epoch,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        is_transactional: header.is_transactional(),
        commits: control.and_then(|control| match control.control_type {
            ControlType::Commit => Some(true),
            ControlType::Abort => Some(false),
            ControlType::Other(_) => None,
        }),
    }
}
