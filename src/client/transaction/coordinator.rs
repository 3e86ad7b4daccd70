//! Asking the coordinators: of a transactional id, and of a group.
//!
//! Not here: when to ask for what.

use super::super::TopicPartition;
use super::super::connection::Connection;
use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::super::routing::Target;
use super::super::routing::lock;
use super::group::GroupMetadata;
use super::group::OffsetAndMetadata;
use super::state::Identity;
use super::state::Outcome;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::RequestMessage;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopic;
use crate::wire::messages::end_txn::EndTxnRequest;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequestPartition;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequestTopic;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

/// How soon to ask again while the coordinator still ends the transaction before.
///
/// Source: `TransactionManager.ADD_PARTITIONS_RETRY_BACKOFF_MS`.
pub(in crate::client) const CONCURRENT_RETRY: Duration = Duration::from_millis(20);

/// What a coordinator looks after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(ByteString),
    Transaction,
}

/// The way to the coordinators that one transactional id has to do with.
#[derive(Debug)]
pub(super) struct Coordinators {
    router: Arc<Router>,
    id: ByteString,
    known: Mutex<BTreeMap<Key, BrokerId>>,
}

impl Coordinators {
    /// Whose transactions these are.
    pub(super) fn transactional_id(&self) -> &str {
        &self.id
    }

    pub(super) fn new(router: Arc<Router>, id: ByteString) -> Self {
        Self { router, id, known: Mutex::default() }
    }

    /// Gets a producer id and epoch: the first of this session, or the one after `current`.
    pub(super) async fn init_producer_id(&self, timeout: Duration, current: Option<Identity>) -> Result<Identity> {
        let (producer_id, producer_epoch) = current.map_or((-1, -1), |(id, epoch)| (id.0, epoch.0));
        let request = InitProducerIdRequest {
            transactional_id: Some(self.id.clone()),
            transaction_timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        // Before version 3 the request cannot say whose epoch is to follow, and would fence whoever has the id now.
        let lowest = if current.is_some() { 3 } else { 0 };
        let versions = lowest..=i16::MAX;
        let response = self.ask(Key::Transaction, versions, &request, |response| response.error_code).await?;
        Ok((response.producer_id.into(), response.producer_epoch.into()))
    }

    /// Whether brokers add partitions by themselves and each end brings a new epoch (KIP-890).
    pub(super) async fn is_implicit(&self) -> Result<bool> {
        let deadline = self.deadline();
        let connection =
            self.router.until(deadline, "FindCoordinator", |_| async { self.connect(&Key::Transaction).await }).await?;
        let current = connection.feature("transaction.version") >= 2;
        Ok(current && connection.version(ApiKey::EndTxn, i16::MAX).is_ok_and(|version| version >= 5))
    }

    /// Tells of a partition that will be written to.
    pub(super) async fn add_partition(&self, (id, epoch): Identity, partition: &TopicPartition) -> Result<()> {
        let topic = AddPartitionsToTxnTopic {
            name: partition.topic.as_str().into(),
            partitions: vec![partition.partition.0],
            ..Default::default()
        };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.id.clone(),
            v3_and_below_producer_id: id.0,
            v3_and_below_producer_epoch: epoch.0,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        // Later versions are the brokers' own.
        self.ask(Key::Transaction, 0..=3, &request, |response| {
            let topics = response.results_by_topic_v3_and_below.iter();
            let mut codes = topics.flat_map(|topic| &topic.results_by_partition).map(|row| row.partition_error_code);
            codes.find(|code| *code != 0).unwrap_or(0)
        })
        .await
        .map(drop)
        .map_err(|error| error.about(&partition.topic, Some(partition.partition)))
    }

    /// Tells of a group whose offsets will be stored.
    pub(super) async fn add_offsets(&self, (id, epoch): Identity, group_id: &ByteString) -> Result<()> {
        let request = AddOffsetsToTxnRequest {
            transactional_id: self.id.clone(),
            producer_id: id.0,
            producer_epoch: epoch.0,
            group_id: group_id.clone(),
            ..Default::default()
        };
        // The version of KIP-890 belongs to brokers that need not be told.
        self.ask(Key::Transaction, 0..=i16::MAX, &request, |response| response.error_code).await.map(drop)
    }

    /// Stores a group's offsets as part of the transaction.
    pub(super) async fn commit_offsets(
        &self,
        (id, epoch): Identity,
        implicit: bool,
        group: &GroupMetadata,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<()> {
        let mut topics: Vec<TxnOffsetCommitRequestTopic> = Vec::new();
        for (partition, offset) in offsets {
            let row = TxnOffsetCommitRequestPartition {
                partition_index: partition.partition.0,
                committed_offset: offset.offset.0,
                committed_leader_epoch: offset.leader_epoch.0,
                committed_metadata: Some(offset.metadata.clone()),
                ..Default::default()
            };
            match topics.last_mut() {
                Some(topic) if &*topic.name == partition.topic.as_str() => topic.partitions.push(row),
                _ => topics.push(TxnOffsetCommitRequestTopic {
                    name: partition.topic.as_str().into(),
                    partitions: vec![row],
                    ..Default::default()
                }),
            }
        }
        let request = TxnOffsetCommitRequest {
            transactional_id: self.id.clone(),
            group_id: group.group_id.clone(),
            producer_id: id.0,
            producer_epoch: epoch.0,
            generation_id: group.generation_id,
            member_id: group.member_id.clone(),
            group_instance_id: group.group_instance_id.clone(),
            topics,
            ..Default::default()
        };
        // Without a member to fence, old brokers do as well (KIP-447).
        let lowest = if group.is_member() { 3 } else { 0 };
        let versions = lowest..=if implicit { i16::MAX } else { 4 };
        self.ask(Key::Group(group.group_id.clone()), versions, &request, |response| {
            let mut codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|row| row.error_code);
            codes.find(|code| *code != 0).unwrap_or(0)
        })
        .await
        .map(drop)
    }

    /// Ends the transaction. Gives the producer's new identity where the end brings one.
    pub(super) async fn end(
        &self,
        (id, epoch): Identity,
        implicit: bool,
        outcome: Outcome,
    ) -> Result<Option<Identity>> {
        let request = EndTxnRequest {
            transactional_id: self.id.clone(),
            producer_id: id.0,
            producer_epoch: epoch.0,
            committed: outcome == Outcome::Committed,
            ..Default::default()
        };
        let versions = if implicit { 5..=i16::MAX } else { 0..=4 };
        let response = self.ask(Key::Transaction, versions, &request, |response| response.error_code).await?;
        let renamed = response.producer_id >= 0 && response.producer_epoch >= 0;
        Ok(renamed.then(|| (response.producer_id.into(), response.producer_epoch.into())))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.router.settings.api_timeout
    }

    /// Asks until there is an answer that counts, or the time is up.
    async fn ask<R: RequestMessage>(
        &self,
        key: Key,
        versions: std::ops::RangeInclusive<i16>,
        request: &R,
        verdict: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response> {
        let started = Instant::now();
        let deadline = started + self.router.settings.api_timeout;
        let operation = R::KEY.name();
        let mut last: Option<Error> = None;
        for failures in 0.. {
            let attempt = async {
                let connection = self.connect(&key).await?;
                let version = connection.version(R::KEY, *versions.end())?;
                if version < *versions.start() {
                    let broker = Some((R::KEY.versions().min, version));
                    return Err(Error::UnsupportedVersion { api: R::KEY, broker });
                }
                let response = connection.start(request, version, Duration::ZERO)?.get().await?;
                let code = ErrorCode::new(verdict(&response));
                code.ok().map_err(|code| Error::broker(code, R::KEY)).map(|()| response)
            };
            let error = match timeout_at(deadline, attempt).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error,
                Err(_) => break,
            };
            if !error.is_retriable() {
                return Err(error);
            }
            tracing::debug!(operation, %error, "a coordinator is asked again");
            let mut delay = self.router.retry_delay(failures);
            match error.code() {
                Some(ErrorCode::CONCURRENT_TRANSACTIONS) => delay = delay.min(CONCURRENT_RETRY),
                Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
                _ => {
                    lock(&self.known).remove(&key);
                }
            }
            last = Some(error);
            if Instant::now() + delay >= deadline {
                break;
            }
            sleep(delay).await;
        }
        Err(Error::Timeout { operation, after: started.elapsed(), cause: last.map(Box::new) })
    }

    /// The connection to a coordinator, which is looked for unless it is known.
    async fn connect(&self, key: &Key) -> Result<Arc<Connection>> {
        let known = lock(&self.known).get(key).copied();
        let broker = match known {
            Some(broker) => broker,
            None => self.find(key).await?,
        };
        let metadata = self.router.metadata();
        if !metadata.brokers.contains_key(&broker) {
            self.router.refresh(&metadata).await?;
        }
        match self.router.broker(Lane::SHARED, broker).await {
            Ok(connection) => {
                lock(&self.known).insert(key.clone(), broker);
                Ok(connection)
            }
            Err(error) => {
                // There will be another coordinator.
                lock(&self.known).remove(key);
                Err(error)
            }
        }
    }

    async fn find(&self, key: &Key) -> Result<BrokerId> {
        let (name, key_type) = match key {
            Key::Group(group) => (group.clone(), 0),
            Key::Transaction => (self.id.clone(), 1),
        };
        let request =
            FindCoordinatorRequest { key: name.clone(), key_type, coordinator_keys: vec![name], ..Default::default() };
        let connection = self.router.target(Target::Any).await?;
        let api = ApiKey::FindCoordinator;
        let version = connection.version(api, i16::MAX)?;
        if version < 1 && key_type != 0 {
            return Err(Error::UnsupportedVersion { api, broker: Some((0, version)) });
        }
        let response = connection.start(&request, version, Duration::ZERO)?.get().await?;
        let (code, broker, words) = match response.coordinators.first() {
            Some(row) => (row.error_code, row.node_id, row.error_message.clone()),
            None => (response.error_code, response.node_id, response.error_message),
        };
        ErrorCode::new(code).ok().map_err(|code| Error::broker(code, api).saying(words))?;
        Ok(broker.into())
    }
}
