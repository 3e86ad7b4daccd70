//! The task that keeps one long poll under way at every broker that leads an assigned partition.
//!
//! Not here: what is handed out when.

use super::super::TopicPartition;
use super::super::admin::ListedOffset;
use super::super::admin::OffsetSpec;
use super::super::admin::list_offsets;
use super::super::connection::Outstanding;
use super::super::error::Error;
use super::super::error::Result;
use super::super::metadata::Leader;
use super::super::metadata::Metadata;
use super::super::mutant::ClientMutant;
use super::super::mutant::Mutants;
use super::super::routing::Answers;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::super::routing::lock;
use super::OffsetReset;
use super::Shared;
use super::isolation::IsolationLevel;
use super::isolation::hide_aborted;
use super::session::Plan;
use super::session::Session;
use super::session::Want;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::net::Alarm;
use crate::wire::ApiKey;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchError;
use crate::wire::codec::Records;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchResponse;
use crate::wire::messages::fetch::FetchTopic;
use crate::wire::messages::fetch::ForgottenTopic;
use crate::wire::messages::fetch::PartitionData;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(super) struct Fetcher {
    /// The consumer's.
    number: u64,
    shared: Arc<Shared>,
    router: Arc<Router>,
    /// Others do not wait behind the long polls.
    lane: Lane,
    work: JoinSet<Done>,
    answers: Outstanding<(BrokerId, Asked), FetchRequest>,
    sessions: BTreeMap<BrokerId, Session>,
    /// What each broker is being asked, with the bytes that its answer may bring.
    in_flight: BTreeMap<BrokerId, usize>,
    /// How many fetches there were when a broker was last asked.
    asked_at: BTreeMap<BrokerId, u64>,
    fetches: u64,
    connecting: BTreeSet<BrokerId>,
    refreshing: bool,
}

/// How many bytes of records are checked in the task itself; more of them are checked beside it.
const OPENED_HERE_MAX: usize = 16 * 1024;

/// The partitions that a fetch is about, by generation and offset.
type Asked = BTreeMap<TopicPartition, (u64, Offset)>;

enum Done {
    Opened(BrokerId, Asked, FetchResponse, Vec<Row>),
    Found(BTreeMap<TopicPartition, u64>, Answers<Option<ListedOffset>>),
    Connected(BrokerId, Result<()>),
    Refreshed(Result<()>),
}

/// A row of an answer whose batches have been cut apart and checked beside the task.
struct Row {
    topic: Result<TopicName, Uuid>,
    data: PartitionData,
    bytes: usize,
    batches: Result<Vec<Batch>, BatchError>,
}

impl Fetcher {
    pub(super) fn new(number: u64, shared: Arc<Shared>, router: Arc<Router>) -> Self {
        Self {
            number,
            shared,
            lane: router.open_lane(),
            router,
            work: JoinSet::new(),
            answers: Outstanding::default(),
            sessions: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            asked_at: BTreeMap::new(),
            fetches: 0,
            connecting: BTreeSet::new(),
            refreshing: false,
        }
    }

    /// Runs until the consumer is gone.
    pub(super) async fn run(mut self) {
        let mut refresh_at = Instant::now() + self.router.settings.metadata_age_max;
        let mut alarm = Alarm::default();
        while let Some(wake) = self.step() {
            let wake = wake.map_or(refresh_at, |wake| wake.min(refresh_at));
            tokio::select! {
                biased;
                ((broker, asked), result) = self.answers.next() => self.on_answer(broker, asked, result),
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => self.on_done(done),
                    // Only a panic of ours ends a task early; it must not be lost.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = self.shared.wake.notified() => {}
                () = alarm.wait_until(wake) => {}
            }
            if Instant::now() >= refresh_at {
                refresh_at = Instant::now() + self.router.settings.metadata_age_max;
                self.refresh();
            }
        }
        self.router.close_lane(self.lane);
    }

    /// Asks for what is wanted now, and says when to look again even if nothing happens; `None` ends the task.
    fn step(&mut self) -> Option<Option<Instant>> {
        let now = Instant::now();
        let shared = Arc::clone(&self.shared);
        let mut state = lock(&shared.state);
        if state.closed {
            return None;
        }
        let metadata = self.router.metadata();
        let mutants = self.router.settings.mutants;
        let goes_by_names = mutants.has(ClientMutant::BlindToTopicIds);
        let woken = match goes_by_names {
            true => None,
            false => {
                let reset = || shared.settings.reset.spec(self.router.settings.clock.now());
                state.begin_anew_where_recreated(&metadata, reset)
            }
        };
        let mut searches: Vec<(TopicPartition, OffsetSpec)> = Vec::new();
        let mut generations = BTreeMap::new();
        let mut wanted: BTreeMap<BrokerId, (BTreeMap<TopicPartition, Want>, Asked)> = BTreeMap::new();
        let mut busy: Vec<BrokerId> = Vec::new();
        let mut unknown = false;
        let mut wake: Option<Instant> = None;
        let share = match state.partitions.len() {
            count if state.feeds_claims && count > 0 => self.shared.settings.prefetch_bytes / count,
            _ => usize::MAX,
        };
        for (partition, position) in &mut state.partitions {
            if position.held > share {
                continue;
            }
            if let Some(not_before) = position.not_before.filter(|not_before| *not_before > now) {
                wake = Some(wake.map_or(not_before, |wake| wake.min(not_before)));
            }
            if !position.is_active(now) {
                continue;
            }
            let offset = match position.fetch {
                Ok(offset) => offset,
                Err(spec) => {
                    position.looking = true;
                    searches.push((partition.clone(), spec));
                    generations.insert(partition.clone(), position.generation);
                    continue;
                }
            };
            let Some(leader) = metadata.leader(partition.topic.as_str(), partition.partition) else {
                self.router.track(&partition.topic);
                unknown = true;
                continue;
            };
            let (broker, is_gone) = position.reads_from(leader, partition, &metadata, now);
            if is_gone {
                // The leader may still think otherwise, and would name it again at once.
                let until = now + self.router.retry_delay(0);
                position.not_before = Some(until);
                wake = Some(wake.map_or(until, |wake| wake.min(until)));
                unknown = true;
                continue;
            }
            if self.in_flight.contains_key(&broker) {
                if !busy.contains(&broker) {
                    busy.push(broker);
                }
                continue;
            }
            let topic_id = if goes_by_names { Uuid::ZERO } else { position.topic_id };
            let (leader_epoch, last_fetched_epoch) = match mutants.has(ClientMutant::BlindToEpochs) {
                false => (leader.epoch, position.fetched_epoch),
                true => (LeaderEpoch::NONE, LeaderEpoch::NONE),
            };
            let want = Want { topic_id, offset, leader_epoch, last_fetched_epoch };
            let (wanted, asked) = wanted.entry(broker).or_default();
            wanted.insert(partition.clone(), want);
            asked.insert(partition.clone(), (position.generation, offset));
        }
        let buffered = state.buffered;
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        if !searches.is_empty() {
            let router = Arc::clone(&self.router);
            let isolation = self.shared.settings.isolation;
            self.work.spawn(async move { Done::Found(generations, list_offsets(&router, searches, isolation).await) });
        }
        if unknown {
            self.refresh();
        }
        // A long poll takes room for as long as it waits. So that no broker takes what another one needs, none takes more
        // than its share, and who has waited longest comes first.
        let share = (self.shared.settings.prefetch_bytes / (wanted.len() + busy.len()).max(1)).max(1);
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_by_key(|(broker, _)| self.asked_at.get(broker).copied());
        for (broker, (wanted, asked)) in wanted {
            let taken = buffered + self.in_flight.values().sum::<usize>();
            if taken >= self.shared.settings.prefetch_bytes {
                continue;
            }
            let room = share.min(self.shared.settings.prefetch_bytes - taken);
            self.fetch(broker, &wanted, asked, room);
        }
        Some(wake)
    }

    fn refresh(&mut self) {
        if !self.refreshing {
            self.refreshing = true;
            let router = Arc::clone(&self.router);
            let known = router.metadata();
            self.work.spawn(async move { Done::Refreshed(router.refresh(&known).await) });
        }
    }

    fn fetch(&mut self, broker: BrokerId, wanted: &BTreeMap<TopicPartition, Want>, asked: Asked, room: usize) {
        let Some(connection) = self.router.ready(self.lane, broker) else {
            if self.connecting.insert(broker) {
                let router = Arc::clone(&self.router);
                let lane = self.lane;
                let connect = async move { router.broker(lane, broker).await.map(|_| ()) };
                self.work.spawn(async move { Done::Connected(broker, connect.await) });
            }
            return;
        };
        let settings = &self.shared.settings;
        let by_id = wanted.values().all(|want| !want.topic_id.is_zero());
        // From version 13 on topics go by their ids alone.
        let version = connection.version(ApiKey::Fetch, if by_id { i16::MAX } else { 12 });
        let session = self.sessions.entry(broker).or_default();
        let bytes_max = settings.fetch_bytes_max.min(room);
        let started = version.and_then(|version| {
            let plan = session.plan(wanted, version >= 13);
            let request = request(plan, settings, bytes_max);
            connection.start(&request, version, settings.fetch_wait_max)
        });
        match started {
            Ok(answer) => {
                self.in_flight.insert(broker, bytes_max);
                self.fetches += 1;
                self.asked_at.insert(broker, self.fetches);
                self.answers.push((broker, asked), answer);
            }
            Err(error) => {
                session.restart();
                self.on_fetch_failed(&asked, &error);
            }
        }
    }

    fn on_answer(&mut self, broker: BrokerId, asked: Asked, result: Result<FetchResponse>) {
        let (isolation, mutants) = (self.shared.settings.isolation, self.router.settings.mutants);
        match result {
            // Checking much takes long enough for another thread to be worth it.
            Ok(response) if records_size(&response) > OPENED_HERE_MAX => {
                self.work.spawn(async move {
                    let (response, rows) = open(response, isolation, mutants);
                    Done::Opened(broker, asked, response, rows)
                });
            }
            Ok(response) => {
                let (response, rows) = open(response, isolation, mutants);
                self.on_response(broker, &asked, &response, rows);
            }
            Err(error) => {
                self.in_flight.remove(&broker);
                self.sessions.entry(broker).or_default().restart();
                self.on_fetch_failed(&asked, &error);
            }
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Opened(broker, asked, response, rows) => self.on_response(broker, &asked, &response, rows),
            Done::Found(generations, answers) => self.on_found(&generations, answers),
            Done::Connected(broker, result) => {
                self.connecting.remove(&broker);
                // A new connection knows nothing of the old one's session, though the broker may.
                self.sessions.entry(broker).or_default().restart();
                if let Err(error) = result {
                    tracing::debug!(%broker, %error, "a broker cannot be reached");
                    let until = Instant::now() + self.router.retry_delay(0);
                    lock(&self.shared.state).read_from_leaders(broker, until);
                    self.refresh();
                }
            }
            Done::Refreshed(result) => {
                self.refreshing = false;
                if let Err(error) = result {
                    tracing::debug!(%error, "metadata could not be refreshed");
                }
            }
        }
    }

    /// The request as a whole failed.
    fn on_fetch_failed(&mut self, asked: &Asked, error: &Error) {
        tracing::debug!(%error, "a fetch failed");
        let mut waker = None;
        {
            let mut state = lock(&self.shared.state);
            for (partition, (generation, from)) in asked {
                if !state.awaits(partition, *generation, *from) {
                    continue;
                }
                state.read_from_leader(partition);
                if error.is_retriable() {
                    let failures = state.partitions.get(partition).map_or(0, |position| position.failures);
                    let until = Instant::now() + self.router.retry_delay(failures);
                    state.delay(partition, *generation, until);
                } else {
                    let woken = state.on_failure(partition, *generation, error.clone());
                    waker = waker.or(woken);
                }
            }
        }
        waker.into_iter().for_each(Waker::wake);
        if error.is_retriable() {
            self.refresh();
        }
    }

    fn on_found(&self, generations: &BTreeMap<TopicPartition, u64>, answers: Answers<Option<ListedOffset>>) {
        let mut waker = None;
        {
            let mut state = lock(&self.shared.state);
            for (partition, result) in answers {
                let Some(generation) = generations.get(&partition) else { continue };
                match result {
                    Ok(found) => state.on_found(&partition, *generation, found.map(|found| found.offset)),
                    Err(error) if error.is_retriable() => {
                        // It was tried for long enough to say so, and is tried on.
                        state.delay(&partition, *generation, Instant::now() + self.router.retry_delay(0));
                        let woken = state.tell(error);
                        waker = waker.or(woken);
                    }
                    Err(error) => {
                        let woken = state.on_failure(&partition, *generation, error);
                        waker = waker.or(woken);
                    }
                }
            }
        }
        waker.into_iter().for_each(Waker::wake);
    }

    fn on_response(&mut self, broker: BrokerId, asked: &Asked, response: &FetchResponse, rows: Vec<Row>) {
        self.in_flight.remove(&broker);
        let code = ErrorCode::new(response.error_code);
        let session = self.sessions.entry(broker).or_default();
        if !session.on_answer(code, response.session_id) {
            let lost = matches!(
                code,
                ErrorCode::FETCH_SESSION_ID_NOT_FOUND
                    | ErrorCode::INVALID_FETCH_SESSION_EPOCH
                    | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            );
            if !lost {
                self.on_fetch_failed(asked, &Error::broker(code, ApiKey::Fetch));
            }
            return;
        }
        let metadata = self.router.metadata();
        let mut refresh = false;
        let mut waker = None;
        let mutants = self.router.settings.mutants;
        let misread = |code| {
            matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH)
                && mutants.has(ClientMutant::NotLeaderIsOutOfRange)
        };
        let trusts_leaders = !mutants.has(ClientMutant::FollowerIsBelieved);
        {
            let shared = Arc::clone(&self.shared);
            let mut state = lock(&shared.state);
            for row in rows {
                let Some(partition) = row.partition(&metadata) else { continue };
                let asked = asked.get(&partition).copied();
                let Some((generation, from)) =
                    asked.filter(|(generation, from)| state.awaits(&partition, *generation, *from))
                else {
                    continue;
                };
                let code = ErrorCode::new(row.data.error_code);
                let error = || Error::broker(code, ApiKey::Fetch).about(&partition.topic, Some(partition.partition));
                let diverging = &row.data.diverging_epoch;
                let woken = match code {
                    ErrorCode::NONE if diverging.end_offset >= 0 => {
                        let (end, epoch) = (diverging.end_offset.into(), diverging.epoch.into());
                        let goes_on = self.shared.settings.reset != OffsetReset::None;
                        state.on_truncated(&partition, generation, from, end, epoch, goes_on)
                    }
                    ErrorCode::NONE if row.data.preferred_read_replica >= 0 => {
                        let until = Instant::now() + self.router.settings.metadata_age_max;
                        state.read_from(&partition, generation, row.data.preferred_read_replica.into(), until);
                        None
                    }
                    ErrorCode::NONE => match row.batches {
                        Ok(batches) => {
                            let end = match self.shared.settings.isolation {
                                IsolationLevel::ReadUncommitted => row.data.high_watermark,
                                IsolationLevel::ReadCommitted => row.data.last_stable_offset,
                            };
                            state.on_batches(&partition, generation, from, batches, row.bytes, end.into())
                        }
                        Err(error) => {
                            let reason = format!("the records of {partition} from offset {from} on: {error}");
                            state.on_failure(&partition, generation, Error::protocol(ApiKey::Fetch, reason))
                        }
                    },
                    // A follower may lack what the leader has.
                    ErrorCode::OFFSET_OUT_OF_RANGE if trusts_leaders && state.read_from_leader(&partition) => {
                        state.delay(&partition, generation, Instant::now() + self.router.retry_delay(0));
                        None
                    }
                    code if code == ErrorCode::OFFSET_OUT_OF_RANGE || misread(code) => {
                        let reset = self.shared.settings.reset.spec(self.router.settings.clock.now());
                        if let Some(interceptor) = &self.router.settings.interceptor {
                            interceptor.on_out_of_range(self.number, &partition, from);
                        }
                        state.on_out_of_range(&partition, generation, reset, error())
                    }
                    code if code.is_retriable() => {
                        state.read_from_leader(&partition);
                        let current = &row.data.current_leader;
                        let leader = Leader { broker: current.leader_id.into(), epoch: current.leader_epoch.into() };
                        let learned = self.router.learn_leader(partition.topic.as_str(), partition.partition, leader);
                        refresh |= !learned;
                        let failures = state.partitions.get(&partition).map_or(0, |position| position.failures);
                        state.delay(&partition, generation, Instant::now() + self.router.retry_delay(failures));
                        None
                    }
                    _ => state.on_failure(&partition, generation, error()),
                };
                waker = waker.or(woken);
            }
        }
        waker.into_iter().for_each(Waker::wake);
        if refresh {
            self.refresh();
        }
    }
}

impl Row {
    fn partition(&self, metadata: &Metadata) -> Option<TopicPartition> {
        let topic = match &self.topic {
            Ok(name) => name.clone(),
            Err(id) => metadata.name_of(*id)?.clone(),
        };
        Some(TopicPartition { topic, partition: PartitionIndex(self.data.partition_index) })
    }
}

fn request(plan: Plan, settings: &super::Settings, bytes_max: usize) -> FetchRequest {
    let wire_size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let mut request = FetchRequest {
        max_wait_ms: i32::try_from(settings.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: wire_size(settings.fetch_bytes_min),
        max_bytes: wire_size(bytes_max),
        isolation_level: settings.isolation.on_wire(),
        session_id: plan.session_id,
        session_epoch: plan.session_epoch,
        rack_id: settings.group.rack.clone().unwrap_or_default(),
        ..Default::default()
    };
    // Partitions come in order, so those of one topic stand together.
    for (partition, want) in plan.fetch {
        let row = FetchPartition {
            partition: partition.partition.0,
            current_leader_epoch: want.leader_epoch.0,
            fetch_offset: want.offset.0,
            last_fetched_epoch: want.last_fetched_epoch.0,
            partition_max_bytes: wire_size(settings.partition_bytes_max.min(bytes_max)),
            ..Default::default()
        };
        match request.topics.last_mut() {
            Some(topic) if &*topic.topic == partition.topic.as_str() => topic.partitions.push(row),
            _ => request.topics.push(FetchTopic {
                topic: partition.topic.as_str().into(),
                topic_id: want.topic_id,
                partitions: vec![row],
                ..Default::default()
            }),
        }
    }
    for (partition, topic_id) in plan.forget {
        match request.forgotten_topics_data.last_mut() {
            Some(topic) if &*topic.topic == partition.topic.as_str() && topic.topic_id == topic_id => {
                topic.partitions.push(partition.partition.0);
            }
            _ => request.forgotten_topics_data.push(ForgottenTopic {
                topic: partition.topic.as_str().into(),
                topic_id,
                partitions: vec![partition.partition.0],
                ..Default::default()
            }),
        }
    }
    request
}

fn records_size(response: &FetchResponse) -> usize {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.filter_map(|data| data.records.as_ref()).map(Records::len).sum()
}

/// Cuts the batches of an answer apart, checks them and hides what is void; the answer keeps its head.
fn open(mut response: FetchResponse, isolation: IsolationLevel, mutants: Mutants) -> (FetchResponse, Vec<Row>) {
    let count = response.responses.iter().map(|topic| topic.partitions.len()).sum();
    let mut rows = Vec::with_capacity(count);
    for topic in std::mem::take(&mut response.responses) {
        let name = if topic.topic_id.is_zero() {
            TopicName::new(&topic.topic).map_err(|_| Uuid::ZERO)
        } else {
            Err(topic.topic_id)
        };
        for mut data in topic.partitions {
            let records = data.records.take().unwrap_or_default().into_bytes();
            let bytes = records.len();
            let checked = |batch: Result<Batch, BatchError>| batch.and_then(|batch| verified(batch, mutants));
            let mut batches: Result<Vec<Batch>, BatchError> =
                Batch::split(&records).ignoring_partial_tail().map(checked).collect();
            if isolation == IsolationLevel::ReadCommitted {
                let aborted = data.aborted_transactions.take().unwrap_or_default();
                batches = batches.and_then(|batches| hide_aborted(batches, &aborted, mutants));
            }
            rows.push(Row { topic: name.clone(), data, bytes, batches });
        }
    }
    (response, rows)
}

/// A batch whose checksum is right.
fn verified(mut batch: Batch, mutants: Mutants) -> Result<Batch, BatchError> {
    match batch.verify() {
        Err(_) if mutants.has(ClientMutant::TrustChecksums) => Ok(batch),
        Err(_) if mutants.has(ClientMutant::SkipCorruptBatches) => {
            batch.header.attributes = batch.header.attributes.with_control(true);
            Ok(batch)
        }
        verdict => verdict.map(|()| batch),
    }
}

/// How long at most a broker is asked to wait; kept here so that the request time-out can be added to it.
pub(super) const FETCH_WAIT_DEFAULT: Duration = Duration::from_millis(500);
