//! What the cluster knows of what became of it: the journal of a run, as the checker wants it told.
//!
//! Everything is taken from the journal after the run. What clients were told comes from answers, or from
//! [decisions](Event::Decided) where an answer came later or never; the rest from [`Detail`]s.
//!
//! Where a broker says something of which a rule says that it must not lie, it is worked out here from other facts:
//! the last stable offset from what was appended, a follower's high watermark from its leader's.
//!
//! Not here: the logs at the end (`logs`), and what clients did (`wire`).

use super::Incarnations;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::check::RecordName;
use crate::check::event;
use crate::check::event::Effect;
use crate::check::event::FaultKind;
use crate::check::event::GroupStatus;
use crate::check::event::Outcome;
use crate::check::event::Removal;
use crate::check::event::TxnStatus;
use crate::journal::AppendedHeader;
use crate::journal::Detail;
use crate::journal::Divergence;
use crate::journal::Event;
use crate::journal::Journal;
use crate::journal::LogBounds;
use crate::journal::RemovedBy;
use crate::journal::RequestEntry;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::batch::BatchHeader;
use crate::wire::codec::Decoder;
use crate::wire::codec::Records;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchResponse;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

type Checked = crate::check::Event;
type Place = (TopicName, PartitionIndex);

/// Tells what a journal says of a cluster, each event with the number of the entry that it comes from.
///
/// `client` is what clients did, by which transactions get their names; `logs` are the final logs.
pub(crate) fn changes<'a>(
    journal: &'a Journal,
    transaction_version: i16,
    client: impl IntoIterator<Item = &'a Checked>,
    logs: &'a [Checked],
) -> Vec<(u64, Checked)> {
    let mut trace = Trace::new(journal, Transactions::new(client, logs));
    trace.transaction_version = transaction_version;
    for entry in journal.entries() {
        trace.t = entry.at;
        trace.events.place = entry.sequence;
        trace.take(entry.sequence, &entry.event);
    }
    trace.events.place = journal.next_sequence();
    trace.finish();
    trace.events.told
}

/// What has been told, each event with the number of the entry that it comes from.
#[derive(Default)]
struct Told {
    place: u64,
    told: Vec<(u64, Checked)>,
}

impl Told {
    fn push(&mut self, event: Checked) {
        self.told.push((self.place, event));
    }
}

struct Trace<'a> {
    journal: &'a Journal,
    t: Instant,
    events: Told,
    partitions: BTreeMap<Place, Partition>,
    topics: BTreeMap<Uuid, TopicName>,
    incarnations: Incarnations,
    down: BTreeSet<BrokerId>,
    /// When a request left its client that came later.
    underway: BTreeMap<(ConnectionId, i32), Instant>,
    /// The requests of which it is known already what was decided.
    decided: BTreeSet<u64>,
    /// The partition whose unclean election was the last command.
    forced: Option<(String, PartitionIndex)>,
    /// What the group of the next entry reads.
    subscribed: Option<(String, Vec<String>)>,
    /// Groups for which somebody commits whose operations are not noted.
    foreign: BTreeSet<String>,
    /// Groups of KIP-848.
    consumer_groups: BTreeSet<String>,
    transaction_version: i16,
    /// How often each classic group was forgotten, and its generation.
    generations: BTreeMap<String, (u32, i64)>,
    transactions: Transactions<'a>,
}

/// A partition as far as it has been told.
#[derive(Default)]
struct Partition {
    name: String,
    leader: Option<BrokerId>,
    epoch: i32,
    /// Per broker: where its log ends, and its high watermark.
    ends: BTreeMap<BrokerId, (i64, i64)>,
    high_watermark: Option<(i32, i64)>,
    /// The highest that any leader has had.
    highest: i64,
    last_stable: Option<(i32, i64)>,
    log_start: Option<(i32, i64)>,
    highest_start: i64,
    /// The last offset of a batch by its first.
    batches: BTreeMap<i64, i64>,
    /// Where each open transaction begins.
    open: BTreeMap<ProducerId, i64>,
    /// Transactions that have ended by a marker that not all replicas know as replicated: first offset, marker.
    ended: Vec<(i64, i64)>,
    has_transactions: bool,
    /// Whether something was cut off, so that what is open can no longer be told from what was appended.
    is_cut: bool,
    /// The epoch of each producer's last accepted batch that was told.
    accepted: BTreeMap<ProducerId, i64>,
    /// How followers were cut back that may be cut further.
    diverging: BTreeMap<BrokerId, event::Truncated>,
}

/// Transactions by the names that their clients gave them.
#[derive(Default)]
struct Transactions<'a> {
    of_record: BTreeMap<&'a RecordName, &'a str>,
    /// By partition and offset, for batches of transactions.
    at: BTreeMap<(&'a str, i64), &'a str>,
    ends: Vec<&'a event::EndTxn>,
    commits: Vec<&'a event::Commit>,
    ids: BTreeMap<i64, String>,
    /// The present epoch of each producer.
    epochs: BTreeMap<i64, i64>,
    /// What the last end of each producer's transaction was asked for with.
    cause: BTreeMap<i64, Vec<String>>,
    /// The offsets that each producer's transaction has in groups: group, partition, transaction.
    pending: BTreeMap<i64, Vec<(String, String, String)>>,
    states: BTreeMap<i64, TxnStatus>,
    /// The clients that note what they do.
    clients: BTreeSet<&'a str>,
    /// The groups whose members say what they own.
    owners: BTreeSet<&'a str>,
}

impl<'a> Transactions<'a> {
    fn new(client: impl IntoIterator<Item = &'a Checked>, logs: &'a [Checked]) -> Self {
        let mut transactions = Self::default();
        for event in client {
            if let Some((client, _)) = process_of(event).and_then(|process| process.split_once('/')) {
                transactions.clients.insert(client);
            }
            match event {
                Checked::Send(send) => {
                    if let Some(txn) = &send.txn {
                        transactions.of_record.insert(&send.id, txn);
                    }
                }
                Checked::EndTxn(end) => transactions.ends.push(end),
                Checked::Assigned(event::Assigned { group: Some(group), .. }) => {
                    transactions.owners.insert(group);
                }
                Checked::Commit(commit) if commit.txn.is_some() => transactions.commits.push(commit),
                _ => {}
            }
        }
        for event in logs {
            let Checked::Log(line) = event else { continue };
            let first = line.ids.iter().flatten().next().filter(|_| line.transactional);
            if let Some(txn) = first.and_then(|id| transactions.of_record.get(id)) {
                transactions.at.insert((&line.partition, line.offset), txn);
            }
        }
        transactions
    }

    /// The transactions for whose end a client may have sent a request at this moment; where several began to end at one
    /// moment, it may be any of them.
    fn ended_by(&self, client_id: &str, transactional_id: &str, sent: Instant) -> Vec<String> {
        let is_of = |end: &&&event::EndTxn| {
            let process = end.process.strip_prefix(client_id).is_some_and(|rest| rest.starts_with('/'));
            process && end.txn.strip_prefix(transactional_id).is_some_and(|rest| rest.starts_with('@'))
        };
        let begun = self.ends.iter().filter(is_of).filter(|end| end.t <= sent);
        let under_way = begun.filter(|end| end.end.as_ref().is_none_or(|end| end.t >= sent));
        under_way.map(|end| end.txn.clone()).collect()
    }
}

impl<'a> Trace<'a> {
    fn new(journal: &'a Journal, transactions: Transactions<'a>) -> Self {
        Self {
            journal,
            t: Instant::START,
            events: Told::default(),
            partitions: BTreeMap::new(),
            topics: BTreeMap::new(),
            incarnations: Incarnations::default(),
            down: BTreeSet::new(),
            underway: BTreeMap::new(),
            decided: BTreeSet::new(),
            forced: None,
            subscribed: None,
            foreign: BTreeSet::new(),
            consumer_groups: BTreeSet::new(),
            transaction_version: 2,
            generations: BTreeMap::new(),
            transactions,
        }
    }

    fn partition(&mut self, topic: &TopicName, index: PartitionIndex) -> &mut Partition {
        let make = || Partition::new(&self.incarnations, topic, index);
        self.partitions.entry((topic.clone(), index)).or_insert_with(make)
    }

    fn fault(&mut self, kind: FaultKind, brokers: Vec<i32>, note: &str) {
        let (t, note) = (self.t, Some(note.to_owned()));
        self.events.push(Checked::Fault(event::Fault { t, kind, brokers, note }));
    }

    fn take(&mut self, sequence: u64, entry: &Event) {
        match entry {
            Event::Leader { topic, partition, leader, leader_epoch, isr, is_clean } => {
                // What the configuration allows is no fault of the schedule.
                if !is_clean && self.forced == Some((topic.to_string(), *partition)) {
                    let note = format!("unclean election of {topic}-{partition}");
                    self.fault(FaultKind::UncleanElection, vec![leader.0], &note);
                }
                self.leader((topic, *partition), *leader, leader_epoch.0, !is_clean, isr);
            }
            Event::Isr { topic, partition, isr } => self.isr(self.name(topic.as_str(), partition), isr),
            Event::Broker { broker, state } => match &**state {
                "down" => {
                    self.down.insert(*broker);
                    self.fault(FaultKind::Kill, vec![broker.0], state);
                }
                "running" => {
                    self.down.remove(broker);
                }
                _ => {}
            },
            Event::Fault { fault, action, .. } => {
                self.fault(FaultKind::Other, Vec::new(), &format!("{fault}: {action}"));
            }
            Event::Command(text) => {
                let forced = text.strip_suffix(", unclean").and_then(|text| text.split_once(": "));
                let forced = forced.and_then(|(of, _)| of.rsplit_once('-'));
                self.forced = forced.and_then(|(of, index)| Some((of.to_owned(), PartitionIndex(index.parse().ok()?))));
                if let Some((_, group)) = text.strip_prefix("commit ").and_then(|text| text.split_once(" offsets for "))
                {
                    self.foreign.insert(group.to_owned());
                }
                let lost = text.strip_prefix("cut the power of broker ").and_then(|broker| broker.parse().ok());
                let kind = if lost.is_some() { FaultKind::PowerLoss } else { FaultKind::Other };
                self.fault(kind, lost.into_iter().collect(), text);
            }
            Event::Group { group, state, generation, .. } => self.group(group, state, *generation),
            Event::Request(request) if request.api == ApiKey::ConsumerGroupHeartbeat => {
                if let Some(Request::ConsumerGroupHeartbeat(heartbeat)) = decoded(request) {
                    self.consumer_groups.insert(heartbeat.group_id.to_string());
                }
            }
            // What a group has become counts when it is told: until its records are replicated, another coordinator may know
            // nothing of it.
            Event::Decided { response, .. } if matches!(**response, Response::ConsumerGroupHeartbeat(_)) => {}
            // The first decision counts, and an answer where there was none.
            Event::Decided { request, response } if self.decided.insert(*request) => self.answered(*request, response),
            Event::Response { request, response } if !self.decided.remove(request) => self.answered(*request, response),
            Event::Detail(detail) => self.detail(sequence, detail),
            _ => {}
        }
    }

    fn leader(
        &mut self,
        place: (&TopicName, PartitionIndex),
        leader: BrokerId,
        epoch: i32,
        unclean: bool,
        isr: &[BrokerId],
    ) {
        let t = self.t;
        let partition = self.partition(place.0, place.1);
        partition.leader = (leader.0 >= 0).then_some(leader);
        partition.epoch = epoch;
        // Whoever is elected decides what is right: a follower that was not done is not wrong.
        partition.diverging.clear();
        let (name, broker) = (partition.name.clone(), partition.leader.map(|leader| leader.0));
        let partition = name.clone();
        self.events.push(Checked::Leader(event::Leader { t, partition, broker, epoch, unclean }));
        self.isr(name, isr);
    }

    fn isr(&mut self, partition: String, isr: &[BrokerId]) {
        let brokers = isr.iter().map(|broker| broker.0).collect();
        self.events.push(Checked::Isr(event::Isr { t: self.t, partition, brokers }));
    }

    fn group(&mut self, group: &str, state: &str, generation: i32) {
        let t = self.t;
        let status = match state {
            "Empty" => GroupStatus::Empty,
            "Stable" => GroupStatus::Stable,
            "Dead" => GroupStatus::Dead,
            _ => GroupStatus::Rebalancing,
        };
        let generation = i64::from(generation);
        let of_group = self.subscribed.take().filter(|(of, _)| of == group);
        // Who owns what is told by the members; where none does, nothing is said of what should be owned.
        let subscribed = of_group.filter(|_| self.transactions.owners.contains(group)).map(|(_, all)| all);
        self.events.push(Checked::GroupState(event::GroupState {
            t,
            group: group.to_owned(),
            state: status,
            generation,
            subscribed: subscribed.unwrap_or_default(),
        }));
        // The members of a consumer group have epochs of their own.
        if !self.consumer_groups.contains(group) && status != GroupStatus::Dead {
            let known = self.generations.entry(group.to_owned()).or_default();
            // A group that was forgotten begins again.
            let life = if generation < known.1 { known.0 + 1 } else { known.0 };
            *known = (life, generation);
            let scope = self.scope(group);
            self.events.push(Checked::Epoch(event::Epoch { t, scope, value: generation }));
        }
    }

    /// Under what name the generations of a classic group count.
    fn scope(&self, group: &str) -> String {
        match self.generations.get(group) {
            Some((life, _)) if *life > 0 => format!("group:{group}#{life}"),
            _ => format!("group:{group}"),
        }
    }

    fn detail(&mut self, _: u64, detail: &Detail) {
        let t = self.t;
        match detail {
            Detail::Created { topic, topic_id, partition, leader, leader_epoch, isr } => {
                self.topics.insert(*topic_id, topic.clone());
                self.incarnations.learn(topic.as_str(), *topic_id);
                let name = self.partition(topic, *partition).name.clone();
                self.events.push(Checked::Created(event::Created { t, partition: name }));
                self.leader((topic, *partition), *leader, leader_epoch.0, false, isr);
            }
            Detail::Deleted { topic, partition } => {
                if let Some(Partition { name, .. }) = self.partitions.remove(&(topic.clone(), *partition)) {
                    self.events.push(Checked::Deleted(event::Deleted { t, partition: name }));
                }
            }
            Detail::Log(bounds) => self.bounds(bounds),
            Detail::Append { topic, partition, broker, batch } if topic.is_internal() => {
                if topic.as_str() == "__consumer_offsets" {
                    self.settle(batch);
                }
                let _ = (partition, broker);
            }
            Detail::Append { topic, partition, broker, batch } => self.append((topic, *partition), *broker, batch),
            Detail::Truncation(divergence) => self.truncated(divergence),
            Detail::SegmentDeleted { topic, partition, by, now, max_timestamp, log_bytes } => {
                let partition = self.partition(topic, *partition).name.clone();
                let (now_ms, max_timestamp_ms) = (now.0, max_timestamp.0);
                let log_bytes = i64::try_from(*log_bytes).unwrap_or(i64::MAX);
                let by = removal(*by);
                let line = event::SegmentDeleted { t, partition, by, now_ms, max_timestamp_ms, log_bytes };
                self.events.push(Checked::SegmentDeleted(line));
            }
            Detail::Compacted(it) => {
                let keyed = |records: &[crate::journal::KeyedRecord]| {
                    let keyed = records.iter().map(|record| event::Keyed {
                        offset: record.offset.0,
                        key: record.key.clone(),
                        timestamp_ms: record.timestamp.0,
                        tombstone: record.is_tombstone,
                    });
                    keyed.collect()
                };
                let (before, after) = (keyed(&it.before), keyed(&it.after));
                let known = self.partition(&it.topic, it.partition);
                let lso = known.stable(known.leader).unwrap_or(it.last_stable_offset.0).min(it.last_stable_offset.0);
                let partition = known.name.clone();
                let line = event::Compacted { t, partition, now_ms: it.now.0, lso, before, after };
                self.events.push(Checked::Compacted(line));
            }
            Detail::ProducerExpired { topic, partition, producer_id } => {
                let partition = self.partition(topic, *partition).name.clone();
                self.events.push(Checked::ProducerExpired(event::ProducerExpired { t, partition, pid: producer_id.0 }));
            }
            Detail::Transaction { transactional_id, producer_id, producer_epoch, state, request } => {
                self.transaction(transactional_id, producer_id.0, producer_epoch.0, state, *request);
            }
            Detail::Subscribed { group, topics } => {
                let of_topic = |(topic, count): &(String, usize)| {
                    (0..*count).map(|index| self.name(topic, index)).collect::<Vec<_>>()
                };
                self.subscribed = Some((group.clone(), topics.iter().flat_map(of_topic).collect()));
            }
            Detail::OffsetRemoved { group, topic, partition, by } => {
                let (group, partition, by) = (group.clone(), self.name(topic.as_str(), partition), removal(*by));
                self.events.push(Checked::CommitRemoved(event::CommitRemoved { t, group, partition, by }));
            }
            Detail::Underway { connection, correlation_id } => {
                self.underway.entry((*connection, *correlation_id)).or_insert(t);
            }
        }
    }

    fn bounds(&mut self, bounds: &LogBounds) {
        let t = self.t;
        let LogBounds { topic, partition, leader, leader_epoch, last_stable_offset, replicas } = bounds;
        let is_down = |broker: &BrokerId| self.down.contains(broker);
        let up: Vec<_> = replicas.iter().filter(|replica| !is_down(&replica.broker)).collect();
        let make = || Partition::new(&self.incarnations, topic, *partition);
        let known = self.partitions.entry((topic.clone(), *partition)).or_insert_with(make);
        let events = &mut self.events;
        for replica in up {
            let broker = replica.broker;
            let (end, high_watermark) = (replica.log_end_offset.0, replica.high_watermark.0);
            let before = known.ends.insert(broker, (end, high_watermark));
            if before.is_none_or(|(before, _)| before != end) {
                let partition = known.name.clone();
                events.push(Checked::Leo(event::Leo { t, partition, broker: broker.0, offset: end }));
                // It goes on from where it was cut back to: it has found the place.
                if let Some(cut) = known.diverging.remove(&broker) {
                    if end > cut.to {
                        events.push(Checked::Truncated(cut));
                    } else {
                        known.diverging.insert(broker, cut);
                    }
                }
            }
            if before.is_some_and(|(before, _)| end < before) && *leader == broker {
                known.is_cut = true;
            }
        }
        let epoch = leader_epoch.0;
        let Some(own) = replicas.iter().find(|replica| replica.broker == *leader && !self.down.contains(leader)) else {
            return;
        };
        let high_watermark = own.high_watermark.0;
        if known.high_watermark != Some((epoch, high_watermark)) {
            known.high_watermark = Some((epoch, high_watermark));
            known.highest = known.highest.max(high_watermark);
            let partition = known.name.clone();
            events.push(Checked::Hw(event::Hw { t, partition, epoch, offset: high_watermark }));
        }
        let stable = last_stable_offset.0;
        // Without transactions it is the high watermark, and no second story.
        let is_news = known.has_transactions || stable != high_watermark;
        if is_news && known.last_stable != Some((epoch, stable)) {
            known.last_stable = Some((epoch, stable));
            let partition = known.name.clone();
            events.push(Checked::Lso(event::Lso { t, partition, epoch, offset: stable }));
        }
        let start = own.log_start_offset.0;
        let before = known.log_start.replace((epoch, start));
        // Another leader may not have dropped as much yet.
        let in_epoch = before.is_some_and(|(known, before)| known == epoch && before > start);
        if in_epoch || start > known.highest_start {
            known.highest_start = start;
            let partition = known.name.clone();
            events.push(Checked::LogStart(event::LogStart { t, partition, offset: start }));
        }
    }

    fn append(&mut self, place: (&TopicName, PartitionIndex), broker: BrokerId, batch: &AppendedHeader) {
        let t = self.t;
        let make = || Partition::new(&self.incarnations, place.0, place.1);
        let known = self.partitions.entry((place.0.clone(), place.1)).or_insert_with(make);
        let (offset, pid) = (batch.base_offset.0, batch.producer_id);
        if known.batches.last_key_value().is_some_and(|(_, last)| *last >= offset) {
            known.is_cut = true;
            known.batches.split_off(&offset);
        }
        known.batches.insert(offset, batch.last_offset.0);
        let transactions = &self.transactions;
        let (mut txn, mut cause) = (None, None);
        let first = match batch.commits {
            Some(_) => {
                let first = known.open.remove(&pid);
                if let Some(first) = first {
                    known.ended.push((first, offset));
                }
                cause = first.and_then(|_| transactions.cause.get(&pid.0));
                first
            }
            None if batch.is_transactional => {
                known.has_transactions = true;
                Some(*known.open.entry(pid).or_insert(offset))
            }
            None => None,
        };
        if let Some(first) = first {
            txn = transactions.at.get(&(known.name.as_str(), first)).map(|txn| (*txn).to_owned());
        }
        let cause = cause.and_then(|may_be| match &txn {
            Some(txn) if may_be.contains(txn) => Some(txn.clone()),
            _ => may_be.last().cloned(),
        });
        let partition = known.name.clone();
        let marker = batch.commits.map(outcome);
        let (broker, epoch) = (broker.0, batch.leader_epoch.0);
        self.events.push(Checked::Append(event::Append { t, partition, broker, epoch, offset, txn, marker, cause }));
        if pid.0 < 0 || batch.commits.is_some() {
            return;
        }
        // The same epoch again says nothing, unless it is not the producer's epoch any more.
        let value = i64::from(batch.producer_epoch.0);
        let is_old = transactions.epochs.get(&pid.0).is_some_and(|current| *current > value);
        if known.accepted.insert(pid, value) != Some(value) || is_old {
            // Before version 2 a leader knows of epochs by what it was sent, and of no others.
            let scope = if self.transaction_version >= 2 { format!("pid:{pid}") } else { format!("pid:{pid} there") };
            let place = Some(known.name.clone());
            let line = event::Accepted { t, scope, value, what: Effect::Produce, place };
            self.events.push(Checked::Accepted(line));
        }
    }

    fn truncated(&mut self, it: &Divergence) {
        let t = self.t;
        let (broker, to) = (it.broker, it.to.0);
        let epochs = |epochs: &[(crate::base::LeaderEpoch, Offset)]| {
            epochs.iter().map(|(epoch, start)| (epoch.0, start.0)).collect::<Vec<_>>()
        };
        let known = self.partition(&it.topic, it.partition);
        if known.epoch != it.leader_epoch.0 {
            return;
        }
        // One that steps back more than once has not been wrong before the last step.
        if let Some(before) = known.diverging.get_mut(&broker) {
            before.to = to;
            before.t = t;
            return;
        }
        let cut = event::Truncated {
            t,
            partition: known.name.clone(),
            broker: broker.0,
            to,
            own: epochs(&it.own),
            own_end: it.own_end.0,
            leader: epochs(&it.leader),
            leader_end: it.leader_end.0,
        };
        known.diverging.insert(broker, cut);
    }

    fn transaction(&mut self, id: &str, pid: i64, epoch: i16, state: &str, request: Option<u64>) {
        let t = self.t;
        self.transactions.ids.insert(pid, id.to_owned());
        let status = match state {
            "Ongoing" => TxnStatus::Ongoing,
            "PrepareCommit" => TxnStatus::PrepareCommit,
            "PrepareAbort" | "PrepareEpochFence" => TxnStatus::PrepareAbort,
            "CompleteCommit" => TxnStatus::CompleteCommit,
            "CompleteAbort" => TxnStatus::CompleteAbort,
            "Dead" => TxnStatus::Dead,
            _ => TxnStatus::Empty,
        };
        self.transactions.states.insert(pid, status);
        self.events.push(Checked::TxnState(event::TxnState { t, pid, state: status }));
        match status {
            TxnStatus::PrepareCommit | TxnStatus::PrepareAbort => {
                self.transactions.cause.remove(&pid);
                let Some(asked) = request.and_then(|request| self.journal.request(request).zip(Some(request))) else {
                    return;
                };
                let (entry, number) = asked;
                let Some(Request::EndTxn(end)) = decoded(entry) else { return };
                let (scope, place) = (format!("pid:{pid}"), Some(format!("txn:{id}")));
                let value = i64::from(end.producer_epoch);
                let line = event::Accepted { t, scope, value, what: Effect::EndTxn, place };
                self.events.push(Checked::Accepted(line));
                let came = self.arrival(number);
                let sent = self.underway.get(&(entry.connection, entry.header.correlation_id)).copied();
                let client_id = entry.header.client_id.as_deref().unwrap_or_default();
                let may_be = self.transactions.ended_by(client_id, id, sent.unwrap_or(came));
                self.transactions.cause.insert(pid, may_be);
            }
            TxnStatus::CompleteCommit | TxnStatus::CompleteAbort => self.raise(pid, epoch.into()),
            _ => {}
        }
    }

    /// When a request came, which may be long before it was handled.
    fn arrival(&self, request: u64) -> Instant {
        let mut entries = self.journal.entries();
        let first = entries.len().min(usize::try_from(request - self.journal.dropped()).unwrap_or(0));
        entries.nth(first).filter(|entry| entry.sequence == request).map_or(self.t, |entry| entry.at)
    }

    /// A producer has a new epoch: whoever has an older one is too late.
    fn raise(&mut self, pid: i64, epoch: i64) {
        let current = self.transactions.epochs.entry(pid).or_insert(-1);
        if *current < epoch {
            *current = epoch;
            self.events.push(Checked::Epoch(event::Epoch { t: self.t, scope: format!("pid:{pid}"), value: epoch }));
        }
    }

    /// A marker has come to the groups: the offsets of its transaction are committed, or forgotten.
    fn settle(&mut self, marker: &AppendedHeader) {
        let Some(commits) = marker.commits else { return };
        let settled = self.transactions.pending.remove(&marker.producer_id.0).unwrap_or_default();
        for (group, partition, txn) in settled {
            let (t, outcome) = (self.t, outcome(commits));
            self.events.push(Checked::Settled(event::Settled { t, txn, group, partition, outcome }));
        }
    }

    fn finish(&mut self) {
        let cut: Vec<event::Truncated> =
            self.partitions.values_mut().flat_map(|known| std::mem::take(&mut known.diverging).into_values()).collect();
        let t = self.t;
        cut.into_iter().for_each(|cut| self.events.push(Checked::Truncated(event::Truncated { t, ..cut })));
        // What its coordinator takes for done and no marker has reached was dropped.
        for (pid, pending) in std::mem::take(&mut self.transactions.pending) {
            let state = self.transactions.states.get(&pid);
            if !matches!(state, Some(TxnStatus::CompleteCommit | TxnStatus::CompleteAbort | TxnStatus::Empty)) {
                continue;
            }
            for (group, partition, txn) in pending {
                let outcome = Outcome::Abort;
                self.events.push(Checked::Settled(event::Settled { t, txn, group, partition, outcome }));
            }
        }
    }

    /// What was decided on a request.
    fn answered(&mut self, request: u64, response: &Response) {
        let Some(entry) = self.journal.request(request) else { return };
        match response {
            Response::Produce(response) => {
                let Some(Request::Produce(asked)) = decoded(entry) else { return };
                if asked.acks != -1 {
                    return;
                }
                for topic in &response.responses {
                    let Some(name) = self.topic(&topic.name, topic.topic_id) else { continue };
                    for row in topic.partition_responses.iter().filter(|row| row.error_code == 0) {
                        let t = self.t;
                        let place = (name.clone(), PartitionIndex(row.index));
                        let Some(known) = self.partitions.get(&place) else { continue };
                        let Some(last) = known.batches.get(&row.base_offset) else { continue };
                        let (partition, offset) = (known.name.clone(), *last);
                        self.events.push(Checked::Acked(event::Acked { t, partition, offset }));
                    }
                }
            }
            Response::Fetch(response) => {
                let has_records =
                    |records: &Option<Records>| records.as_ref().is_some_and(|records| !records.is_empty());
                let rows =
                    response.responses.iter().flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)));
                let mut rows = rows.filter(|(_, row)| has_records(&row.records)).peekable();
                if rows.peek().is_none() {
                    return;
                }
                let Some(Request::Fetch(asked)) = decoded(entry) else { return };
                let broker = entry.broker;
                for (topic, row) in rows {
                    let Some(name) = self.topic(&topic.topic, topic.topic_id) else { continue };
                    let index = PartitionIndex(row.partition_index);
                    let wanted = asked.topics.iter().filter(|wanted| match topic.topic.is_empty() {
                        true => wanted.topic_id == topic.topic_id,
                        false => wanted.topic == topic.topic,
                    });
                    let mut wanted = wanted.flat_map(|wanted| &wanted.partitions);
                    let wanted = wanted.find(|wanted| wanted.partition == index.0);
                    let request_epoch = wanted.map(|wanted| wanted.current_leader_epoch).filter(|epoch| *epoch >= 0);
                    let Some(last) = row.records.as_ref().and_then(last_offset) else { continue };
                    self.served(
                        (&name, index),
                        broker,
                        asked.isolation_level == 1,
                        request_epoch,
                        (last, row.last_stable_offset),
                    );
                }
            }
            Response::ListOffsets(response) => {
                let Some(Request::ListOffsets(asked)) = decoded(entry) else { return };
                if asked.isolation_level != 0 || asked.replica_id >= 0 {
                    return;
                }
                for topic in &response.topics {
                    let wanted = asked.topics.iter().filter(|wanted| wanted.name == topic.name);
                    let wanted: Vec<_> = wanted.flat_map(|wanted| &wanted.partitions).collect();
                    for row in topic.partitions.iter().filter(|row| row.error_code == 0 && row.offset >= 0) {
                        let latest =
                            wanted.iter().any(|it| it.partition_index == row.partition_index && it.timestamp == -1);
                        if latest {
                            let partition = self.name(&topic.name, row.partition_index);
                            let (t, offset) = (self.t, row.offset);
                            self.events.push(Checked::Listed(event::Listed { t, partition, offset }));
                        }
                    }
                }
            }
            Response::InitProducerId(response) if response.error_code == 0 => {
                let Some(Request::InitProducerId(asked)) = decoded(entry) else { return };
                if asked.transactional_id.is_some() {
                    self.raise(response.producer_id, response.producer_epoch.into());
                }
            }
            Response::ConsumerGroupHeartbeat(response) if response.error_code == 0 && response.member_epoch > 0 => {
                let Some(Request::ConsumerGroupHeartbeat(asked)) = decoded(entry) else { return };
                let member = response.member_id.as_deref().unwrap_or(&asked.member_id);
                let (t, scope) = (self.t, format!("group:{}/{member}", asked.group_id));
                self.events.push(Checked::Epoch(event::Epoch { t, scope, value: response.member_epoch.into() }));
            }
            Response::OffsetCommit(response) => {
                let Some(Request::OffsetCommit(asked)) = decoded(entry) else { return };
                let mut rows = response.topics.iter().flat_map(|topic| &topic.partitions);
                let generation = asked.generation_id_or_member_epoch;
                let client_id = entry.header.client_id.as_deref().unwrap_or_default();
                if !self.transactions.clients.contains(client_id) {
                    self.foreign.insert(asked.group_id.to_string());
                }
                if generation >= 0 && rows.any(|row| row.error_code == 0) {
                    self.accept_commit(&asked.group_id, &asked.member_id, generation, Effect::Commit);
                }
            }
            Response::OffsetFetch(response) => {
                let Some(Request::OffsetFetch(asked)) = decoded(entry) else { return };
                self.offsets_told(request, entry, &asked, response);
            }
            Response::TxnOffsetCommit(response) => {
                let Some(Request::TxnOffsetCommit(asked)) = decoded(entry) else { return };
                let rows =
                    response.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)));
                let accepted: BTreeSet<String> = rows
                    .filter(|(_, row)| row.error_code == 0)
                    .map(|(topic, row)| self.name(&topic.name, row.partition_index))
                    .collect();
                if accepted.is_empty() {
                    return;
                }
                let (pid, t) = (asked.producer_id, self.t);
                if asked.generation_id >= 0 {
                    self.accept_commit(&asked.group_id, &asked.member_id, asked.generation_id, Effect::TxnCommit);
                }
                let (scope, value) = (format!("pid:{pid}"), i64::from(asked.producer_epoch));
                let place = Some(format!("group:{}", asked.group_id));
                let line = event::Accepted { t, scope, value, what: Effect::TxnCommit, place };
                self.events.push(Checked::Accepted(line));
                self.expect_settled(entry, &asked, &accepted);
            }
            _ => {}
        }
    }

    /// Somebody was told which offsets groups have committed.
    fn offsets_told(
        &mut self,
        number: u64,
        entry: &RequestEntry,
        asked: &OffsetFetchRequest,
        told: &OffsetFetchResponse,
    ) {
        let mut groups: Vec<(&str, BTreeMap<String, i64>)> = Vec::new();
        if told.groups.is_empty() && told.error_code == 0 {
            let rows = told.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)));
            let rows = rows.filter(|(_, row)| row.error_code == 0);
            let offsets = rows.map(|(topic, row)| (self.name(&topic.name, row.partition_index), row.committed_offset));
            groups.push((&asked.group_id, offsets.collect()));
        }
        for group in told.groups.iter().filter(|group| group.error_code == 0) {
            let mut offsets = BTreeMap::new();
            for topic in &group.topics {
                let Some(name) = self.topic(&topic.name, topic.topic_id) else { continue };
                for row in topic.partitions.iter().filter(|row| row.error_code == 0) {
                    offsets.insert(self.name(name.as_str(), row.partition_index), row.committed_offset);
                }
            }
            groups.push((&group.group_id, offsets));
        }
        let client_id = entry.header.client_id.as_deref().unwrap_or_default();
        let (asked_at, t) = (self.arrival(number), self.t);
        for (group, offsets) in groups.into_iter().filter(|(_, offsets)| !offsets.is_empty()) {
            if self.foreign.contains(group) {
                continue;
            }
            let end = event::End { t, result: event::Answer::Ok, offsets, ..event::End::default() };
            self.events.push(Checked::FetchOffsets(event::FetchOffsets {
                t: asked_at,
                op: None,
                process: format!("{client_id}@{}", entry.connection),
                group: group.to_owned(),
                require_stable: asked.require_stable,
                end: Some(end),
            }));
        }
    }

    fn accept_commit(&mut self, group: &str, member: &str, generation: i32, what: Effect) {
        let is_consumer = self.consumer_groups.contains(group);
        let scope = if is_consumer { format!("group:{group}/{member}") } else { self.scope(group) };
        let line = event::Accepted { t: self.t, scope, value: generation.into(), what, place: None };
        self.events.push(Checked::Accepted(line));
    }

    /// Offsets wait for the end of their transaction.
    fn expect_settled(&mut self, entry: &RequestEntry, asked: &TxnOffsetCommitRequest, partitions: &BTreeSet<String>) {
        let client_id = entry.header.client_id.as_deref().unwrap_or_default();
        let rows = asked.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)));
        let offsets = rows.map(|(topic, row)| (self.name(&topic.name, row.partition_index), row.committed_offset));
        let offsets: BTreeMap<String, i64> = offsets.filter(|(name, _)| partitions.contains(name)).collect();
        // The client notes a commit when it begins, and when it is told; one that was asked again is one.
        let t = self.t;
        let is_it = |commit: &event::Commit| {
            let process = commit.process.strip_prefix(client_id).is_some_and(|rest| rest.starts_with('/'));
            let txn = commit.txn.as_deref().and_then(|txn| txn.strip_prefix(&*asked.transactional_id));
            let is_under_way = commit.t <= t && commit.end.as_ref().is_none_or(|end| end.t >= t);
            let is_same = commit.group == *asked.group_id && commit.offsets == offsets;
            process && is_same && is_under_way && txn.is_some_and(|rest| rest.starts_with('@'))
        };
        let commits = &mut self.transactions.commits;
        // One that nobody waited for any more may look the same; of those that began at one moment the first comes first.
        let latest = commits.iter().filter(|commit| is_it(commit)).map(|commit| commit.t).max();
        let Some(at) = commits.iter().position(|commit| is_it(commit) && Some(commit.t) == latest) else { return };
        let Some(txn) = commits.remove(at).txn.clone() else { return };
        let pending = self.transactions.pending.entry(asked.producer_id).or_default();
        for partition in offsets.into_keys() {
            let row = (asked.group_id.to_string(), partition, txn.clone());
            if !pending.contains(&row) {
                pending.push(row);
            }
        }
    }

    /// What a partition of the topic that has this name now is called.
    fn name(&self, topic: &str, index: impl std::fmt::Display) -> String {
        format!("{}-{index}", self.incarnations.of_name(topic))
    }

    fn served(
        &mut self,
        place: (&TopicName, PartitionIndex),
        broker: BrokerId,
        read_committed: bool,
        request_epoch: Option<i32>,
        (last, told): (i64, i64),
    ) {
        let t = self.t;
        // Of what is not there nobody can say how it should be read.
        let Some(known) = self.partitions.get_mut(&(place.0.clone(), place.1)) else { return };
        let follower = known.leader != Some(broker);
        let own = known.ends.get(&broker).map_or(known.highest, |(_, high_watermark)| *high_watermark);
        // A follower knows of no more than a leader has known.
        let hw = if follower { own.min(known.highest) } else { own };
        let told = if told >= 0 { told } else { hw };
        let lso = known.stable(Some(broker)).unwrap_or(told).min(told);
        let (partition, epoch) = (known.name.clone(), Some(known.epoch));
        self.events.push(Checked::Served(event::Served {
            t,
            partition,
            broker: broker.0,
            follower,
            read_committed,
            last,
            hw,
            lso,
            epoch,
            request_epoch,
        }));
    }

    /// The topic that has this name or id, unless it is one of Kafka's, or another one has its name by now.
    fn topic(&self, name: &str, id: Uuid) -> Option<TopicName> {
        let by_id = || self.topics.get(&id).filter(|_| self.incarnations.is_current(id)).cloned();
        let topic = if name.is_empty() { by_id() } else { TopicName::new(name).ok() };
        topic.filter(|topic| !topic.is_internal())
    }
}

impl Partition {
    fn new(incarnations: &Incarnations, topic: &TopicName, index: PartitionIndex) -> Self {
        Self { name: format!("{}-{index}", incarnations.of_name(topic.as_str())), ..Self::default() }
    }

    /// Up to where a reader of committed transactions may see at a broker, by what was appended; `None` when something
    /// was cut off since.
    ///
    /// A transaction that has ended stays unstable until its marker is known to be replicated.
    fn stable(&mut self, broker: Option<BrokerId>) -> Option<i64> {
        if self.is_cut {
            return None;
        }
        let lowest = self.ends.values().map(|(_, high_watermark)| *high_watermark).min().unwrap_or(0);
        self.ended.retain(|(_, marker)| *marker >= lowest);
        let (_, own) = *self.ends.get(&broker?)?;
        let open = self.open.values().min().copied();
        let ended = self.ended.iter().filter(|(_, marker)| *marker >= own).map(|(first, _)| *first).min();
        Some([Some(own), open, ended].into_iter().flatten().min().unwrap_or(own))
    }
}

/// Who has done an operation of which there are few.
fn process_of(event: &Checked) -> Option<&str> {
    match event {
        Checked::Commit(line) => Some(&line.process),
        Checked::EndTxn(line) => Some(&line.process),
        Checked::Assigned(line) => Some(&line.process),
        _ => None,
    }
}

fn outcome(commits: bool) -> Outcome {
    if commits { Outcome::Commit } else { Outcome::Abort }
}

fn removal(by: RemovedBy) -> Removal {
    match by {
        RemovedBy::Expiry => Removal::Expiry,
        RemovedBy::Size => Removal::Size,
        RemovedBy::Request => Removal::Request,
    }
}

pub(crate) fn decoded(entry: &RequestEntry) -> Option<Request> {
    let version = entry.header.api_version;
    Request::decode_prefix(&mut Decoder::new(entry.body.clone(), false), entry.api, version).ok()
}

/// The last offset of what was handed out. Headers and bodies are slices of their own, and bodies are passed over.
fn last_offset(records: &Records) -> Option<i64> {
    let (mut last, mut rest) = (None, 0);
    for slice in records.slices() {
        let mut at = 0;
        while at < slice.len() {
            if rest > 0 {
                let passed = rest.min(slice.len() - at);
                (at, rest) = (at + passed, rest - passed);
                continue;
            }
            // What is cut or damaged is told by those who read it.
            let Ok(header) = BatchHeader::read(&slice[at..]) else { return last };
            last = Some(header.last_offset().0);
            rest = usize::try_from(header.batch_length).unwrap_or(0).saturating_add(12);
        }
    }
    last
}
