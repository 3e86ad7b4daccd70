//! What clients did, as requests and answers show it.
//!
//! Not here: which record is which (`names`), and what the cluster knows beyond that (`trace`).

use super::Incarnations;
use super::hash;
use super::names::Names;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Uuid;
use crate::check::Attempt;
use crate::check::Event as Checked;
use crate::check::Operation;
use crate::check::RecordName;
use crate::check::classify;
use crate::check::event;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::End;
use crate::check::event::Isolation;
use crate::journal::Detail;
use crate::journal::Event;
use crate::journal::Journal;
use crate::journal::RequestEntry;
use crate::wire::Message;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::batch::Batch;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use crate::wire::codec::Decoder;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What the clients of a journal did, in the order of time, and what their records are called.
pub(super) fn operations(journal: &Journal) -> (Vec<Checked>, Names) {
    let mut wire = Wire::default();
    for entry in journal.entries() {
        wire.t = entry.at;
        wire.take(entry.sequence, &entry.event);
    }
    wire.finish()
}

#[derive(Default)]
struct Wire {
    t: Instant,
    names: Names,
    topics: Incarnations,
    /// Requests without an answer, by the journal's number.
    asked: BTreeMap<u64, Asked>,
    /// What was decided on requests whose answer came otherwise, or did not come.
    decided: BTreeMap<u64, Response>,
    /// Requests whose answer was damaged on its way.
    damaged: BTreeSet<u64>,
    sends: BTreeMap<RecordName, Vec<event::Send>>,
    events: Vec<Checked>,
    /// Where each connection reads: partition, where its next fetch should begin.
    positions: BTreeMap<(ConnectionId, String), Position>,
    transactions: BTreeMap<String, Transaction>,
    /// What each member owns, by its connection.
    owned: BTreeMap<ConnectionId, Owned>,
    /// How many operations have ended in doubt.
    doubts: u64,
}

/// A request under way.
struct Asked {
    t: Instant,
    connection: ConnectionId,
    process: String,
    client: String,
    request: Request,
    /// Of a produce request: partition, and its records with the hash of each.
    sent: Vec<(String, Vec<(RecordName, u64)>)>,
    /// The transaction that it is about.
    txn: Option<String>,
}

#[derive(Default)]
struct Position {
    fetch_offset: i64,
    /// Behind what was handed out last.
    next: Option<i64>,
}

/// The transactions of a transactional id, which follow one another.
#[derive(Default)]
struct Transaction {
    number: u64,
    /// Whether anything belongs to the present one.
    is_begun: bool,
}

#[derive(Default)]
struct Owned {
    group: String,
    process: String,
    generation: i64,
    partitions: BTreeSet<String>,
}

impl Wire {
    fn take(&mut self, sequence: u64, entry: &Event) {
        match entry {
            Event::Request(request) => self.request(sequence, request),
            Event::Fault { request: Some(request), action, .. } => {
                let spoils = ["wrong correlation id", "truncate", "announce", "corrupt", "close", "drop", "silence"];
                if spoils.iter().any(|what| action.starts_with(what)) {
                    self.damaged.insert(*request);
                }
            }
            Event::Decided { request, response } => {
                if let Some(asked) = self.asked.remove(request) {
                    self.placed(&asked, response);
                    self.asked.insert(*request, asked);
                    self.decided.entry(*request).or_insert_with(|| Response::clone(response));
                }
            }
            Event::Response { request, response } => {
                let Some(asked) = self.asked.remove(request) else { return };
                let decided = self.decided.remove(request);
                if decided.is_none() {
                    self.placed(&asked, response);
                }
                if self.damaged.remove(request) {
                    self.ended(&asked, None, Some(decided.as_ref().unwrap_or(response)));
                } else {
                    self.ended(&asked, Some(response), Some(decided.as_ref().unwrap_or(response)));
                }
            }
            Event::NoResponse { request } => {
                if let Some(asked) = self.asked.remove(request) {
                    let decided = self.decided.remove(request);
                    self.ended(&asked, None, decided.as_ref());
                }
            }
            Event::Disconnected { connection, .. } => {
                let lost: Vec<u64> =
                    self.asked.iter().filter(|(_, asked)| asked.connection == *connection).map(|(at, _)| *at).collect();
                for request in lost {
                    if let Some(asked) = self.asked.remove(&request) {
                        let decided = self.decided.remove(&request);
                        self.ended(&asked, None, decided.as_ref());
                    }
                }
                self.own(*connection, |_| BTreeSet::new());
                self.owned.remove(connection);
            }
            Event::Detail(Detail::Created { topic, topic_id, .. }) => {
                self.topics.learn(topic.as_str(), *topic_id);
            }
            _ => {}
        }
    }

    fn request(&mut self, sequence: u64, entry: &RequestEntry) {
        let version = entry.header.api_version;
        let Ok(request) = Request::decode_prefix(&mut Decoder::new(entry.body.clone(), false), entry.api, version)
        else {
            return;
        };
        let client = entry.header.client_id.as_deref().unwrap_or_default().to_owned();
        let process = format!("{client}/{}", entry.connection);
        let (t, connection) = (self.t, entry.connection);
        let mut asked = Asked { t, connection, process, client, request, sent: Vec::new(), txn: None };
        match &asked.request {
            Request::Produce(produce) => {
                asked.txn = produce.transactional_id.as_deref().map(|id| self.transaction(id));
                asked.sent = self.produce(&asked.client, produce, asked.txn.as_deref());
            }
            Request::Fetch(fetch) => self.fetch(connection, fetch),
            Request::TxnOffsetCommit(commit) => asked.txn = Some(self.transaction(&commit.transactional_id)),
            Request::EndTxn(end) => {
                let known = self.transactions.entry(end.transactional_id.to_string()).or_default();
                // The same end again: nothing has begun since.
                let number = if known.is_begun || known.number == 0 { known.number } else { known.number - 1 };
                asked.txn = Some(format!("{}@{number}", end.transactional_id));
                if known.is_begun {
                    (known.number, known.is_begun) = (known.number + 1, false);
                }
            }
            Request::JoinGroup(join) => {
                let kept = join.protocols.first().and_then(|protocol| {
                    let subscription: ConsumerProtocolSubscription = of_consumer(&protocol.metadata)?;
                    let owned = subscription.owned_partitions.into_iter();
                    let owned = owned.flat_map(|topic| {
                        let name = self.topics.of_name(&topic.topic);
                        topic.partitions.iter().map(|index| format!("{name}-{index}")).collect::<Vec<_>>()
                    });
                    Some(owned.collect::<BTreeSet<_>>())
                });
                let kept = kept.unwrap_or_default();
                self.own(connection, |owned| owned.intersection(&kept).cloned().collect());
            }
            Request::LeaveGroup(_) => self.own(connection, |_| BTreeSet::new()),
            Request::ConsumerGroupHeartbeat(heartbeat) => {
                if heartbeat.member_epoch < 0 {
                    self.own(connection, |_| BTreeSet::new());
                } else if let Some(topics) = &heartbeat.topic_partitions {
                    let reported = topics.iter().flat_map(|topic| {
                        let name = self.topics.of_id(topic.topic_id).unwrap_or_default();
                        topic.partitions.iter().map(move |index| format!("{name}-{index}")).collect::<Vec<_>>()
                    });
                    let reported: BTreeSet<String> = reported.collect();
                    self.member(&asked, &heartbeat.group_id, heartbeat.member_epoch.into());
                    self.own(connection, |_| reported);
                }
            }
            Request::OffsetCommit(_) | Request::SyncGroup(_) | Request::Metadata(_) | Request::InitProducerId(_) => {}
            _ => return,
        }
        self.asked.insert(sequence, asked);
    }

    /// The transaction that a transactional id is in.
    fn transaction(&mut self, id: &str) -> String {
        let known = self.transactions.entry(id.to_owned()).or_default();
        known.is_begun = true;
        format!("{id}@{}", known.number)
    }

    fn topic(&self, name: &str, id: Uuid) -> Option<String> {
        let name = if name.is_empty() { self.topics.of_id(id)? } else { self.topics.of_name(name) };
        let name = name.to_owned();
        (!name.starts_with("__")).then_some(name)
    }

    fn produce(
        &mut self,
        client: &str,
        produce: &ProduceRequest,
        txn: Option<&str>,
    ) -> Vec<(String, Vec<(RecordName, u64)>)> {
        let mut sent = Vec::new();
        for topic in &produce.topic_data {
            let Some(name) = self.topic(&topic.name, topic.topic_id) else { continue };
            for row in &topic.partition_data {
                let partition = format!("{name}-{}", row.index);
                let bytes = row.records.clone().unwrap_or_default().into_bytes();
                let mut taken = Vec::new();
                let mut rows = Vec::new();
                for batch in Batch::split(&bytes).filter_map(Result::ok) {
                    let records = batch.records().into_iter().flatten().filter_map(Result::ok);
                    for (index, record) in records.enumerate() {
                        let name = self.names.sent(client, &partition, &batch, (index, &record), &taken);
                        taken.push(name.clone());
                        let content = hash(record.key.as_deref(), record.value.as_deref());
                        rows.push((name.clone(), content));
                        let is_transactional = batch.header.is_transactional();
                        self.sends.entry(name.clone()).or_default().push(event::Send {
                            t: self.t,
                            op: None,
                            process: None,
                            id: name,
                            to: partition.clone(),
                            key: record.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()),
                            hash: Some(content),
                            txn: txn.filter(|_| is_transactional).map(str::to_owned),
                            source: None,
                            acks0: produce.acks == 0,
                            end: None,
                        });
                    }
                }
                sent.push((partition, rows));
            }
        }
        sent
    }

    /// Where a connection reads; what it does not say is as it was.
    fn fetch(&mut self, connection: ConnectionId, fetch: &FetchRequest) {
        for topic in &fetch.topics {
            let Some(name) = self.topic(&topic.topic, topic.topic_id) else { continue };
            for row in &topic.partitions {
                let place = (connection, format!("{name}-{}", row.partition));
                self.positions.entry(place).or_default().fetch_offset = row.fetch_offset;
            }
        }
    }

    /// A broker has put records into its log.
    fn placed(&mut self, asked: &Asked, response: &Response) {
        let Response::Produce(response) = response else { return };
        for (partition, rows) in &asked.sent {
            let Some((0, base)) = self.row_of(response, partition) else { continue };
            for (offset, (name, content)) in (base..).zip(rows).filter(|_| base >= 0) {
                self.names.placed(partition, offset, *content, name);
            }
        }
    }

    /// The error code and the base offset of a partition.
    fn row_of(&self, response: &ProduceResponse, partition: &str) -> Option<(i16, i64)> {
        response.responses.iter().find_map(|topic| {
            let name = self.topic(&topic.name, topic.topic_id)?;
            let index: i32 = partition.strip_prefix(&*name)?.strip_prefix('-')?.parse().ok()?;
            let row = topic.partition_responses.iter().find(|row| row.index == index)?;
            Some((row.error_code, row.base_offset))
        })
    }

    /// A request is over: with what the client was told, if it was, and with what was decided, if that is known.
    fn ended(&mut self, asked: &Asked, told: Option<&Response>, truth: Option<&Response>) {
        match &asked.request {
            Request::Produce(produce) => self.produced(asked, produce.acks, told, truth),
            Request::Fetch(fetch) => {
                if let Some(Response::Fetch(response)) = told {
                    self.fetched(asked, fetch, response);
                }
            }
            Request::Metadata(_) => {
                if let Some(Response::Metadata(response)) = told {
                    let named = response.topics.iter().filter(|topic| topic.error_code == 0);
                    for topic in named {
                        if let Some(name) = &topic.name {
                            self.topics.learn(name, topic.topic_id);
                        }
                    }
                }
            }
            Request::OffsetCommit(commit) => {
                let code = told.map(|told| match told {
                    Response::OffsetCommit(told) => {
                        first_code(told.topics.iter().flat_map(|topic| &topic.partitions).map(|row| row.error_code))
                    }
                    _ => ErrorCode::UNKNOWN_SERVER_ERROR,
                });
                let mut offsets = BTreeMap::new();
                for topic in &commit.topics {
                    let Some(name) = self.topic(&topic.name, topic.topic_id) else { continue };
                    offsets.extend(
                        topic
                            .partitions
                            .iter()
                            .map(|row| (format!("{name}-{}", row.partition_index), row.committed_offset)),
                    );
                }
                let generation = commit.generation_id_or_member_epoch;
                self.committed(asked, &commit.group_id, generation, offsets, code);
            }
            Request::TxnOffsetCommit(commit) => {
                let code = told.map(|told| match told {
                    Response::TxnOffsetCommit(told) => {
                        first_code(told.topics.iter().flat_map(|topic| &topic.partitions).map(|row| row.error_code))
                    }
                    _ => ErrorCode::UNKNOWN_SERVER_ERROR,
                });
                let rows = commit.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)));
                let name = |name: &str| self.topics.of_name(name).to_owned();
                let rows = rows.map(|(topic, row)| {
                    (format!("{}-{}", name(&topic.name), row.partition_index), row.committed_offset)
                });
                let rows = rows.collect();
                self.committed(asked, &commit.group_id, commit.generation_id, rows, code);
            }
            Request::EndTxn(end) => {
                let code = told.map(|told| match told {
                    Response::EndTxn(told) => ErrorCode::new(told.error_code),
                    _ => ErrorCode::UNKNOWN_SERVER_ERROR,
                });
                let Some(txn) = asked.txn.clone() else { return };
                let end_of = self.end(Operation::EndTxn, code);
                let (process, commit) = (self.actor(&asked.process, &end_of), end.committed);
                let t = asked.t;
                self.events.push(Checked::EndTxn(event::EndTxn {
                    t,
                    op: None,
                    process,
                    txn,
                    commit,
                    end: Some(end_of),
                }));
            }
            Request::SyncGroup(sync) => {
                let Some(Response::SyncGroup(response)) =
                    told.filter(|_| sync.protocol_type.as_deref() != Some("connect"))
                else {
                    return;
                };
                if response.error_code != 0 {
                    return;
                }
                let assignment: Option<ConsumerProtocolAssignment> = of_consumer(&response.assignment);
                let topics = assignment.into_iter().flat_map(|assignment| assignment.assigned_partitions);
                let given = topics.flat_map(|topic| {
                    let name = self.topics.of_name(&topic.topic);
                    topic.partitions.iter().map(|index| format!("{name}-{index}")).collect::<Vec<_>>()
                });
                let given: BTreeSet<String> = given.collect();
                self.member(asked, &sync.group_id, sync.generation_id.into());
                self.own(asked.connection, |_| given);
            }
            _ => {}
        }
    }

    fn end(&self, operation: Operation, code: Option<ErrorCode>) -> End {
        let result = match code.map(|code| classify(operation, code)) {
            Some(Attempt::Applied) => Answer::Ok,
            Some(Attempt::NotApplied) => Answer::Fail,
            Some(Attempt::Unknown) | None => Answer::Info,
        };
        let error = match code {
            Some(code) if code.is_error() => Some(code.to_string()),
            Some(_) => None,
            None => Some("the answer was lost".to_owned()),
        };
        End { t: self.t, result, error, ..End::default() }
    }

    /// Whatever ends in doubt was done by a process of its own, since its client goes on.
    fn actor(&mut self, process: &str, end: &End) -> String {
        if end.result != Answer::Info {
            return process.to_owned();
        }
        self.doubts += 1;
        format!("{process}?{}", self.doubts)
    }

    fn produced(&mut self, asked: &Asked, acks: i16, told: Option<&Response>, truth: Option<&Response>) {
        let row = |response: Option<&Response>, partition: &str| match response {
            Some(Response::Produce(response)) => self.row_of(response, partition),
            _ => None,
        };
        let rows: Vec<_> =
            asked.sent.iter().map(|(partition, _)| (row(told, partition), row(truth, partition))).collect();
        for ((_, sent), (told, truth)) in asked.sent.iter().zip(rows) {
            let place = truth.filter(|(code, base)| *code == 0 && *base >= 0).map(|(_, base)| base);
            for (offset, (name, _)) in (0_i64..).zip(sent) {
                let mut end = match acks {
                    0 => End { t: self.t, result: Answer::Ok, ..End::default() },
                    _ => self.end(Operation::Produce, told.map(|(code, _)| ErrorCode::new(code))),
                };
                end.offset = place.filter(|_| acks != 0).map(|base| base + offset);
                if end.result == Answer::Ok {
                    self.names.close(name);
                }
                let process = self.actor(&asked.process, &end);
                let attempts = self.sends.entry(name.clone()).or_default();
                // Attempts of one request began with it.
                let attempt = attempts.iter_mut().find(|attempt| attempt.t == asked.t && attempt.end.is_none());
                if let Some(attempt) = attempt {
                    (attempt.process, attempt.end) = (Some(process), Some(end));
                }
            }
        }
    }

    fn committed(
        &mut self,
        asked: &Asked,
        group: &str,
        generation: i32,
        offsets: BTreeMap<String, i64>,
        code: Option<ErrorCode>,
    ) {
        let end = self.end(Operation::Commit, code);
        let process = self.actor(&asked.process, &end);
        self.events.push(Checked::Commit(event::Commit {
            t: asked.t,
            op: None,
            process,
            group: group.to_owned(),
            txn: asked.txn.clone(),
            generation: (generation >= 0).then_some(generation.into()),
            offsets: offsets.into_iter().filter(|(_, offset)| *offset >= 0).collect(),
            end: Some(end),
        }));
    }

    fn fetched(&mut self, asked: &Asked, fetch: &FetchRequest, response: &FetchResponse) {
        let is_committed = fetch.isolation_level == 1;
        let mut records = BTreeMap::new();
        for topic in &response.responses {
            let Some(name) = self.topic(&topic.topic, topic.topic_id) else { continue };
            for row in &topic.partitions {
                let partition = format!("{name}-{}", row.partition_index);
                let bytes = row.records.clone().unwrap_or_default().into_bytes();
                if bytes.is_empty() || row.error_code != 0 {
                    continue;
                }
                let place = (asked.connection, partition.clone());
                let Some(position) = self.positions.get_mut(&place) else { continue };
                let from = position.fetch_offset;
                if position.next != Some(from) {
                    let (t, process, partition) = (asked.t, asked.process.clone(), partition.clone());
                    self.events.push(Checked::Seek(event::Seek { t, process, partition, offset: from }));
                }
                let mut aborted: Vec<(i64, i64)> = match &row.aborted_transactions {
                    Some(aborted) if is_committed => {
                        aborted.iter().map(|aborted| (aborted.first_offset, aborted.producer_id)).collect()
                    }
                    _ => Vec::new(),
                };
                aborted.sort_unstable();
                let mut aborted = aborted.into_iter().peekable();
                let mut dropping = BTreeSet::new();
                let mut delivered = Vec::new();
                for batch in Batch::split(&bytes).ignoring_partial_tail().filter_map(Result::ok) {
                    let header = &batch.header;
                    position.next = Some(header.next_offset().0);
                    while let Some((_, id)) = aborted.next_if(|(first, _)| *first <= header.last_offset().0) {
                        dropping.insert(id);
                    }
                    if header.is_control() {
                        let read = ControlRecord::read(&batch);
                        if read.is_ok_and(|control| control.control_type == ControlType::Abort) {
                            dropping.remove(&header.producer_id.0);
                        }
                        continue;
                    }
                    if header.is_transactional() && dropping.contains(&header.producer_id.0) {
                        continue;
                    }
                    for record in batch.records().into_iter().flatten().filter_map(Result::ok) {
                        if record.offset.0 >= from {
                            let content = hash(record.key.as_deref(), record.value.as_deref());
                            let name = self.names.find(&partition, &batch, &record);
                            delivered.push(Delivered::Hashed(record.offset.0, name, content));
                        }
                    }
                }
                // What is not asked for again is asked for from here.
                position.fetch_offset = position.next.unwrap_or(from);
                if !delivered.is_empty() {
                    records.insert(partition, delivered);
                }
            }
        }
        if records.is_empty() {
            return;
        }
        let isolation = if is_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
        let (t, process) = (asked.t, asked.process.clone());
        let end = Some(End { t: self.t, result: Answer::Ok, records, ..End::default() });
        let (group, txn, isolation) = (None, None, Some(isolation));
        self.events.push(Checked::Poll(event::Poll { t, op: None, process, group, txn, isolation, end }));
    }

    /// The member of a group at the other end of a connection.
    fn member(&mut self, asked: &Asked, group: &str, generation: i64) {
        let owned = self.owned.entry(asked.connection).or_default();
        (owned.group, owned.process, owned.generation) = (group.to_owned(), asked.process.clone(), generation);
    }

    /// What a member owns from now on, as it follows from what it owned.
    fn own(&mut self, connection: ConnectionId, now: impl FnOnce(&BTreeSet<String>) -> BTreeSet<String>) {
        let Some(owned) = self.owned.get_mut(&connection) else { return };
        let next = now(&owned.partitions);
        let (t, process, group) = (self.t, owned.process.clone(), Some(owned.group.clone()));
        let released: Vec<String> = owned.partitions.difference(&next).cloned().collect();
        if !released.is_empty() {
            let (process, group, partitions) = (process.clone(), group.clone(), released);
            self.events.push(Checked::Released(event::Released { t, process, group, partitions }));
        }
        if !next.is_empty() {
            let partitions = next.iter().map(|partition| (partition.clone(), None)).collect();
            let generation = Some(owned.generation);
            self.events.push(Checked::Assigned(event::Assigned { t, process, group, generation, partitions }));
        }
        owned.partitions = next;
    }

    fn finish(mut self) -> (Vec<Checked>, Names) {
        // A producer's sends are told in the order of its program, also where a later one arrived first.
        let mut latest: BTreeMap<String, Instant> = BTreeMap::new();
        for (name, attempts) in self.sends.iter_mut().rev() {
            let bound = latest.entry(name.producer.clone()).or_insert(Instant::FAR_FUTURE);
            if let Some(first) = attempts.first_mut() {
                first.t = first.t.min(*bound);
                *bound = first.t;
            }
        }
        let mut events: Vec<Checked> = self.sends.into_values().flatten().map(Checked::Send).collect();
        events.extend(self.events);
        // Stable: a producer's sends of one moment stay in its order.
        events.sort_by_key(Checked::t);
        (events, self.names)
    }
}

fn first_code(mut codes: impl Iterator<Item = i16>) -> ErrorCode {
    ErrorCode::new(codes.find(|code| *code != 0).unwrap_or(0))
}

/// What consumers put into the protocol of classic groups: a version, and a message of it.
fn of_consumer<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let version = decoder.int16().ok().filter(|version| *version >= 0)?;
    M::decode_body(&mut decoder, version.min(M::FACTS.versions.max)).ok()
}
