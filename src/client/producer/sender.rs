//! The task that sends batches, and decides what becomes of those that fail.
//!
//! Not here: how batches are made; that is the accumulator.

use super::super::connection::Answer;
use super::super::connection::Connection;
use super::super::connection::Outstanding;
use super::super::error::Error;
use super::super::error::Result;
use super::super::metadata::Leader;
use super::super::mutant::ClientMutant;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::super::routing::Target;
use super::super::routing::lock;
use super::super::transaction::CONCURRENT_RETRY;
use super::Acks;
use super::Shared;
use super::accumulator::Ready;
use super::accumulator::Route;
use super::completion::Ack;
use super::queue::Identity;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::net::Alarm;
use crate::wire::ApiKey;
use crate::wire::codec::Records;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::PartitionProduceResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceData;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many requests one broker is sent before it answers the first.
const IN_FLIGHT_MAX: usize = 5;

pub(super) struct Sender {
    shared: Arc<Shared>,
    router: Arc<Router>,
    work: JoinSet<Done>,
    answers: Outstanding<(BrokerId, Vec<Ready>), ProduceRequest>,
    in_flight: BTreeMap<BrokerId, usize>,
    connecting: BTreeSet<BrokerId>,
    refreshing: bool,
    asking_identity: bool,
    last_error: Option<Error>,
}

/// Work that went on beside the task and is over.
enum Done {
    Connected(BrokerId, Result<()>),
    Refreshed(Result<()>),
    Identified(Result<Identity>),
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>, router: Arc<Router>) -> Self {
        Self {
            shared,
            router,
            work: JoinSet::new(),
            answers: Outstanding::default(),
            in_flight: BTreeMap::new(),
            connecting: BTreeSet::new(),
            refreshing: false,
            asking_identity: false,
            last_error: None,
        }
    }

    /// Runs until the producer is closed and nothing is left to send.
    pub(super) async fn run(mut self) {
        let mut refresh_at = Instant::now() + self.router.settings.metadata_age_max;
        let mut alarm = Alarm::default();
        loop {
            let wake = self.step();
            if self.shared.is_closed() && self.in_flight.is_empty() && lock(&self.shared.accumulator).is_empty() {
                break;
            }
            let wake = wake.map_or(refresh_at, |wake| wake.min(refresh_at));
            tokio::select! {
                biased;
                ((broker, batches), result) = self.answers.next() => self.on_answer(broker, batches, result),
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
        self.shared.ended.send_replace(true);
    }

    /// Sends what can be sent, and says when to look again even if nothing happens.
    fn step(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let shared = Arc::clone(&self.shared);
        let mut accumulator = lock(&shared.accumulator);
        let (released, expired) = accumulator.expire(now, self.last_error.as_ref());
        shared.release(released);
        if let Some(error) = expired {
            shared.spoil(&error);
        }
        // What has not been sent of a transaction that cannot be committed need not be.
        if let Some(doom) = shared.doom() {
            shared.release(accumulator.fail_all(&doom));
        }
        if accumulator.identity() == Identity::Unknown {
            if !accumulator.is_empty() {
                self.identify();
            }
            return accumulator.next_expiry();
        }
        let metadata = self.router.metadata();
        let (mut unknown, mut unconnected, mut ready) = (false, BTreeSet::new(), BTreeMap::new());
        let drained = accumulator.drain(now, |partition| {
            let Some(leader) = metadata.leader(partition.topic.as_str(), partition.partition) else {
                unknown = true;
                return Route::Blocked;
            };
            let broker = leader.broker;
            if self.in_flight.get(&broker).is_some_and(|count| *count >= IN_FLIGHT_MAX) {
                return Route::Blocked;
            }
            if let Entry::Vacant(entry) = ready.entry(broker) {
                let Some(connection) = self.router.ready(Lane::SHARED, broker) else {
                    unconnected.insert(broker);
                    return Route::Blocked;
                };
                entry.insert(connection);
            }
            Route::To(broker)
        });
        shared.release(drained.released);
        for (completion, error) in drained.failed {
            // Before anybody is told, as in `settle_all`.
            shared.spoil(&error);
            completion.finish(Err(error));
        }
        let drained = drained.batches;
        if accumulator.is_exhausted() {
            self.identify();
        }
        // Behind what goes now there may be more that is due.
        let goes_on = !drained.is_empty() && accumulator.has_waiting();
        let wake = if goes_on { Some(now) } else { accumulator.next_wake(now) };
        drop(accumulator);
        for (broker, batches) in drained {
            self.send(broker, &ready[&broker], batches);
        }
        for broker in unconnected {
            if self.connecting.insert(broker) {
                let router = Arc::clone(&self.router);
                let connect = async move { router.broker(Lane::SHARED, broker).await.map(|_| ()) };
                self.work.spawn(async move { Done::Connected(broker, connect.await) });
            }
        }
        if unknown {
            self.refresh();
        }
        wake
    }

    fn refresh(&mut self) {
        if !self.refreshing && !self.router.settings.mutants.has(ClientMutant::NoRefresh) {
            self.refreshing = true;
            let router = Arc::clone(&self.router);
            let known = router.metadata();
            self.work.spawn(async move { Done::Refreshed(router.refresh(&known).await) });
        }
    }

    fn identify(&mut self) {
        if !self.asking_identity {
            self.asking_identity = true;
            let (router, required) = (Arc::clone(&self.router), self.shared.idempotence_required);
            self.work.spawn(async move { Done::Identified(ask_identity(&router, required).await) });
        }
    }

    fn send(&mut self, broker: BrokerId, connection: &Connection, batches: Vec<Ready>) {
        match self.start(connection, &batches) {
            Ok(Some(answer)) => {
                *self.in_flight.entry(broker).or_insert(0) += 1;
                self.answers.push((broker, batches), answer);
            }
            Ok(None) => self.settle_all(batches, &Ok(Ack { base_offset: Offset::INVALID, log_append_time: None })),
            Err(error) => self.on_failure(batches, &error),
        }
    }

    /// Puts the request in line; `None` when there will be no answer.
    fn start(&self, connection: &Connection, batches: &[Ready]) -> Result<Option<Answer<ProduceRequest>>> {
        let metadata = self.router.metadata();
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        let mut ids_known = true;
        for ready in batches {
            let data = PartitionProduceData {
                index: ready.partition.partition.0,
                records: Some(Records::from_slices(ready.batch.to_slices().into())),
                ..Default::default()
            };
            let name = ready.partition.topic.as_str();
            match topic_data.last_mut() {
                Some(topic) if &*topic.name == name => topic.partition_data.push(data),
                _ => {
                    let topic_id = metadata.topic(name).map(|topic| topic.id).unwrap_or_default();
                    ids_known &= !topic_id.is_zero();
                    let name = name.into();
                    topic_data.push(TopicProduceData {
                        name,
                        topic_id,
                        partition_data: vec![data],
                        ..Default::default()
                    });
                }
            }
        }
        let timeout = self.router.settings.request_timeout;
        let transactional = self.shared.transactional.as_ref();
        let request = ProduceRequest {
            transactional_id: transactional.map(|transactional| transactional.id.clone()),
            acks: self.shared.acks.on_wire(),
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data,
            ..Default::default()
        };
        // From version 13 on topics go by their ids alone. From version 12 on a broker adds the partition to the
        // transaction by itself, which is not to be where the coordinator has to be told.
        let explicit = transactional.is_some_and(|transactional| !lock(&transactional.state).is_implicit());
        let highest = match (explicit, ids_known) {
            (true, _) => 11,
            (false, true) => i16::MAX,
            (false, false) => 12,
        };
        let version = connection.version(ApiKey::Produce, highest)?;
        if self.shared.acks == Acks::None {
            connection.start_unanswered(&request, version)?;
            return Ok(None);
        }
        connection.start(&request, version, Duration::ZERO).map(Some)
    }

    fn on_answer(&mut self, broker: BrokerId, batches: Vec<Ready>, result: Result<ProduceResponse>) {
        if let Some(count) = self.in_flight.get_mut(&broker) {
            *count -= 1;
            if *count == 0 {
                self.in_flight.remove(&broker);
            }
        }
        match result {
            Ok(response) => self.on_response(batches, &response),
            Err(error) => self.on_failure(batches, &error),
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Connected(broker, result) => {
                self.connecting.remove(&broker);
                if let Err(error) = result {
                    self.last_error = Some(error);
                    self.refresh();
                }
            }
            Done::Refreshed(result) => {
                self.refreshing = false;
                if let Err(error) = result {
                    tracing::debug!(%error, "metadata could not be refreshed");
                    self.last_error = Some(error);
                }
            }
            Done::Identified(result) => {
                self.asking_identity = false;
                self.on_identity(result);
            }
        }
    }

    fn on_identity(&mut self, result: Result<Identity>) {
        let mut accumulator = lock(&self.shared.accumulator);
        match result {
            Ok(identity) => accumulator.set_identity(identity),
            Err(error) if error.is_retriable() => self.last_error = Some(error),
            Err(error) => self.shared.release(accumulator.fail_all(&error)),
        }
    }

    /// The request as a whole failed.
    fn on_failure(&mut self, mut batches: Vec<Ready>, error: &Error) {
        tracing::debug!(%error, batches = batches.len(), "a produce request failed");
        let sent = match error {
            Error::Connection { sent, .. } => *sent,
            Error::Timeout { .. } | Error::Protocol { .. } => true,
            _ => false,
        };
        for ready in &mut batches {
            ready.pending.may_be_in_log |= sent;
        }
        if error.is_retriable() {
            self.refresh();
            batches.into_iter().for_each(|ready| self.retry(ready, error.clone()));
        } else {
            self.settle_all(batches, &Err(error.clone()));
        }
    }

    fn on_response(&mut self, batches: Vec<Ready>, response: &ProduceResponse) {
        let metadata = self.router.metadata();
        let mut rows: BTreeMap<(&str, PartitionIndex), &PartitionProduceResponse> = BTreeMap::new();
        for topic in &response.responses {
            let name = if topic.topic_id.is_zero() {
                &*topic.name
            } else {
                metadata.name_of(topic.topic_id).map_or("", TopicName::as_str)
            };
            for row in &topic.partition_responses {
                rows.insert((name, row.index.into()), row);
            }
        }
        for mut ready in batches {
            let partition = &ready.partition;
            let Some(row) = rows.get(&(partition.topic.as_str(), partition.partition)).copied() else {
                ready.pending.may_be_in_log = true;
                let error = Error::protocol(ApiKey::Produce, "it says nothing about a partition");
                self.settle_all(vec![ready], &Err(error));
                continue;
            };
            self.on_row(ready, row);
        }
    }

    fn on_row(&mut self, mut ready: Ready, row: &PartitionProduceResponse) {
        let code = ErrorCode::new(row.error_code);
        let error = || {
            let (topic, partition) = (&ready.partition.topic, ready.partition.partition);
            Error::broker(code, ApiKey::Produce).saying(row.error_message.as_ref()).about(topic, Some(partition))
        };
        let leader =
            Leader { broker: row.current_leader.leader_id.into(), epoch: row.current_leader.leader_epoch.into() };
        match code {
            ErrorCode::NONE => {
                let log_append_time = (row.log_append_time_ms >= 0).then_some(Timestamp(row.log_append_time_ms));
                let ack = Ack { base_offset: row.base_offset.into(), log_append_time };
                self.settle_all(vec![ready], &Ok(ack));
            }
            // An earlier attempt had arrived; where is not told any more.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                self.settle_all(vec![ready], &Ok(Ack { base_offset: Offset::INVALID, log_append_time: None }));
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::INVALID_PRODUCER_EPOCH
                if !ready.batch.header.producer_id.0.is_negative() =>
            {
                let error = error();
                self.on_sequence_refused(ready, code, error);
            }
            ErrorCode::MESSAGE_TOO_LARGE if ready.pending.records_count() > 1 => {
                let error = error();
                let split = lock(&self.shared.accumulator).split(ready);
                if let Some(ready) = split {
                    self.settle_all(vec![ready], &Err(error));
                }
            }
            code if code.is_retriable() && !self.is_taken_for_failure(code) => {
                let error = error();
                ready.pending.may_be_in_log |= may_have_been_written(code);
                let topic = ready.partition.topic.as_str();
                let stubborn = self.router.settings.mutants.has(ClientMutant::NoRefresh);
                if !stubborn && !self.router.learn_leader(topic, ready.partition.partition, leader) {
                    self.refresh();
                }
                self.retry(ready, error);
            }
            _ => {
                let error = error();
                ready.pending.may_be_in_log |= may_have_been_written(code) && !self.is_taken_for_failure(code);
                self.settle_all(vec![ready], &Err(error));
            }
        }
    }

    /// Whether a planted bug takes this code for a failure that passes on its own.
    fn is_taken_for_failure(&self, code: ErrorCode) -> bool {
        let mutants = self.router.settings.mutants;
        mutants.has(ClientMutant::NotLeaderIsFailure) && code == ErrorCode::NOT_LEADER_OR_FOLLOWER
            || mutants.has(ClientMutant::StorageErrorIsFailure) && code == ErrorCode::KAFKA_STORAGE_ERROR
    }

    /// The broker does not take the batch because of who wrote what came before it.
    ///
    /// This attempt was not written. What became of earlier ones is not told by that, and under another epoch they
    /// would not be recognised: a batch that may be in the log fails.
    fn on_sequence_refused(&mut self, ready: Ready, code: ErrorCode, error: Error) {
        let waits_for_earlier = code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            && lock(&self.shared.accumulator).has_earlier(&ready.partition, ready.pending.ordinal);
        if !waits_for_earlier {
            let in_doubt = ready.pending.may_be_in_log;
            let in_doubt = in_doubt && !self.router.settings.mutants.has(ClientMutant::BumpUnresolved);
            if in_doubt || self.shared.transactional.is_some() {
                self.settle_all(vec![ready], &Err(error));
                return;
            }
            // The broker has forgotten what came before; nothing of it is unresolved any more.
            lock(&self.shared.accumulator).lose(&ready.partition, ready.pending.ordinal);
        }
        self.retry(ready, error);
    }

    fn retry(&mut self, mut ready: Ready, error: Error) {
        if ready.pending.failures >= self.shared.retries || self.shared.doom().is_some() {
            self.settle_all(vec![ready], &Err(error));
            return;
        }
        tracing::debug!(%error, partition = %ready.partition, "a batch is sent again");
        let mut delay = self.router.retry_delay(ready.pending.failures);
        if error.code() == Some(ErrorCode::CONCURRENT_TRANSACTIONS) {
            delay = delay.min(CONCURRENT_RETRY);
        }
        let not_before = Instant::now() + delay;
        ready.pending.failures += 1;
        self.last_error = Some(error);
        lock(&self.shared.accumulator).retry(ready, not_before);
    }

    fn settle_all(&self, batches: Vec<Ready>, result: &Result<Ack>) {
        // Before anybody is told of the records, so that who knows of the failure finds the transaction doomed.
        if let Err(error) = result {
            self.shared.spoil(error);
        }
        let mut accumulator = lock(&self.shared.accumulator);
        for ready in batches {
            let released = accumulator.finish(&ready.partition, &ready.pending, result.clone());
            self.shared.release(released);
        }
    }
}

/// Whether a batch that was answered with this error may have been appended all the same.
///
/// A leader that is none any more, or whose disk fails, or that waits for its followers in vain, may have written it
/// (KAFKA-13574); so may one that fails in a way that nobody has foreseen.
fn may_have_been_written(code: ErrorCode) -> bool {
    code.name().is_none()
        || matches!(
            code,
            ErrorCode::UNKNOWN_SERVER_ERROR
                | ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::REQUEST_TIMED_OUT
                | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                | ErrorCode::KAFKA_STORAGE_ERROR
        )
}

/// Asks for a producer id, or settles for none where that is allowed.
async fn ask_identity(router: &Arc<Router>, required: bool) -> Result<Identity> {
    let deadline = Instant::now() + router.settings.api_timeout;
    let request = InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
    let result = router
        .until(deadline, "InitProducerId", |_| async {
            let connection = router.target(Target::Any).await?;
            if !connection.has(ApiKey::InitProducerId) && !required {
                return Ok(Identity::Plain);
            }
            let response = connection.call(&request, i16::MAX).await?;
            let code = ErrorCode::new(response.error_code);
            code.ok().map_err(|code| Error::broker(code, ApiKey::InitProducerId))?;
            Ok(Identity::Idempotent(response.producer_id.into(), response.producer_epoch.into()))
        })
        .await;
    match result {
        // Old clusters let only some write idempotently; who has not asked for it need not fail.
        Err(Error::Broker { code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED, .. }) if !required => Ok(Identity::Plain),
        result => result,
    }
}
