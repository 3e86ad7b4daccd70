//! A peer for tests that speaks just enough of the protocol, and does what a test tells it.
//!
//! Not here: Kafka's semantics; the client is tried against the real thing and our own broker elsewhere.

use super::Client;
use super::settings::ClientBuilder;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::Uuid;
use crate::net::FrameReader;
use crate::net::FrameWriter;
use crate::net::Stream;
use crate::net::Transport;
use crate::net::memory::Network;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::RequestHeader;
use crate::wire::Response;
use crate::wire::ResponseHeader;
use crate::wire::batch::Batch;
use crate::wire::codec::Records;
use crate::wire::frame::decode_request;
use crate::wire::frame::encode_response;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnPartitionResult;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnResponse;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopicResult;
use crate::wire::messages::api_versions::ApiVersion;
use crate::wire::messages::api_versions::ApiVersionsResponse;
use crate::wire::messages::api_versions::FinalizedFeatureKey;
use crate::wire::messages::create_topics::CreatableTopicResult;
use crate::wire::messages::create_topics::CreateTopicsResponse;
use crate::wire::messages::end_txn::EndTxnResponse;
use crate::wire::messages::fetch;
use crate::wire::messages::find_coordinator::Coordinator;
use crate::wire::messages::find_coordinator::FindCoordinatorResponse;
use crate::wire::messages::init_producer_id::InitProducerIdResponse;
use crate::wire::messages::list_offsets;
use crate::wire::messages::metadata;
use crate::wire::messages::produce;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;

/// What a test's script does with a request.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Act {
    /// What the fake does by itself.
    Serve,
    /// Answers with this instead.
    Answer(Response),
    /// Does what was asked, and answers with this instead.
    ServeAndAnswer(Response),
    /// Does what was asked, and breaks the connection instead of answering.
    ServeAndBreak,
    /// Breaks the connection.
    Break,
    /// Does nothing at all, for ever.
    Ignore,
    /// Serves, and holds the answer back.
    Delay(Duration),
}

type Script = Box<dyn FnMut(i32, &RequestHeader, &Request) -> Act + Send>;

#[derive(Default)]
pub(super) struct FakePartition {
    pub(super) leader: i32,
    pub(super) epoch: i32,
    pub(super) log: Vec<Batch>,
    pub(super) log_start: i64,
    pub(super) end: i64,
    /// The epoch and the next sequence number by producer id.
    pub(super) sequences: BTreeMap<i64, (i16, i32)>,
}

#[derive(Default)]
pub(super) struct FakeState {
    pub(super) topics: BTreeMap<String, Vec<FakePartition>>,
    pub(super) asked: Vec<(i32, ApiKey, i16)>,
    /// The versions that differ from those of this crate.
    pub(super) versions: BTreeMap<ApiKey, Option<(i16, i16)>>,
    next_producer_id: i64,
    /// The epoch that producers begin with.
    pub(super) first_epoch: i16,
    /// The level of the feature `transaction.version`.
    pub(super) transaction_version: i16,
    /// How transactions have ended: true for those that were committed.
    pub(super) ends: Vec<bool>,
    sessions: BTreeMap<i32, BTreeMap<(Uuid, i32), i64>>,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) network: Network,
    pub(super) state: Arc<Mutex<FakeState>>,
    script: Arc<Mutex<Script>>,
}

fn id_of(topic: &str) -> Uuid {
    let mut id = [0; 16];
    for (at, byte) in topic.bytes().enumerate() {
        id[at % 16] ^= byte;
    }
    Uuid(id)
}

impl Fake {
    /// Brokers 1 to `brokers`, and topics whose partitions they lead in turn.
    pub(super) async fn start(brokers: i32, topics: &[(&str, i32)]) -> Self {
        let mut state = FakeState::default();
        for (name, count) in topics {
            let partition = |index: i32| FakePartition { leader: index % brokers + 1, ..Default::default() };
            state.topics.insert((*name).to_owned(), (0..*count).map(partition).collect());
        }
        let script: Script = Box::new(|_, _, _| Act::Serve);
        let fake =
            Self { network: Network::new(), state: Arc::new(Mutex::new(state)), script: Arc::new(Mutex::new(script)) };
        let transport = Transport::Memory(fake.network.clone());
        for id in 1..=brokers {
            let mut listener = transport.listen(&format!("b{id}:9092")).await.unwrap();
            let fake = fake.clone();
            tokio::spawn(async move {
                while let Ok(stream) = listener.accept().await {
                    tokio::spawn(fake.clone().serve(id, brokers, stream));
                }
            });
        }
        fake
    }

    pub(super) fn script(&self, script: impl FnMut(i32, &RequestHeader, &Request) -> Act + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        Client::builder().bootstrap_servers("b1:9092").transport(Transport::Memory(self.network.clone()))
    }

    pub(super) async fn client(&self) -> Client {
        self.builder().connect().await.unwrap()
    }

    /// How often an API was asked for.
    pub(super) fn count(&self, api: ApiKey) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(_, other, _)| *other == api).count()
    }

    /// The values in a partition's log.
    pub(super) fn values(&self, topic: &str, index: usize) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let records = state.topics[topic][index].log.iter().flat_map(|batch| batch.records().unwrap());
        records.map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()).collect()
    }

    async fn serve(self, broker: i32, brokers: i32, stream: Stream) {
        let (read, write) = stream.into_split();
        let (mut reader, mut writer) = (FrameReader::new(read, 1 << 24), FrameWriter::new(write));
        while let Ok(Some(frame)) = reader.next().await {
            let (header, request, _) = match decode_request(frame) {
                Ok(request) => request,
                Err((header, error)) => panic!("the client sent {header:?}: {error}"),
            };
            let api = request.api_key();
            self.state.lock().unwrap().asked.push((broker, api, header.api_version));
            let act = (self.script.lock().unwrap())(broker, &header, &request);
            let mut break_after = false;
            let response = match act {
                Act::Serve => self.answer(broker, brokers, &header, request).await,
                Act::Delay(delay) => {
                    let response = self.answer(broker, brokers, &header, request).await;
                    sleep(delay).await;
                    response
                }
                Act::ServeAndBreak => {
                    break_after = true;
                    self.answer(broker, brokers, &header, request).await
                }
                Act::ServeAndAnswer(response) => {
                    let version = header.api_version;
                    self.answer(broker, brokers, &header, request).await;
                    Some((response, version))
                }
                Act::Answer(response) => Some((response, header.api_version)),
                Act::Break => return,
                Act::Ignore => std::future::pending().await,
            };
            if break_after {
                return;
            }
            if let Some((response, version)) = response {
                let header = ResponseHeader { correlation_id: header.correlation_id };
                if writer.write(encode_response(header, &response, version).unwrap()).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn answer(
        &self,
        broker: i32,
        brokers: i32,
        header: &RequestHeader,
        request: Request,
    ) -> Option<(Response, i16)> {
        let version = header.api_version;
        let response = match request {
            Request::ApiVersions(_) => return Some(self.api_versions(version)),
            Request::Metadata(request) => Response::Metadata(self.metadata(brokers, &request)),
            Request::Produce(request) => {
                let acks = request.acks;
                let response = self.produce(broker, request);
                if acks == 0 {
                    return None;
                }
                Response::Produce(response)
            }
            Request::Fetch(request) => Response::Fetch(self.fetch(broker, version, request).await),
            Request::ListOffsets(request) => Response::ListOffsets(self.list_offsets(&request)),
            Request::FindCoordinator(request) => {
                // The one with the highest number, as it is the controller.
                let row = |key: bytestring::ByteString| Coordinator { key, node_id: brokers, ..Default::default() };
                let coordinators = request.coordinator_keys.into_iter().map(row).collect();
                let node_id = brokers;
                Response::FindCoordinator(FindCoordinatorResponse { node_id, coordinators, ..Default::default() })
            }
            Request::InitProducerId(request) if request.producer_id >= 0 => {
                Response::InitProducerId(InitProducerIdResponse {
                    producer_id: request.producer_id,
                    producer_epoch: request.producer_epoch + 1,
                    ..Default::default()
                })
            }
            Request::InitProducerId(_) => {
                let mut state = self.state.lock().unwrap();
                state.next_producer_id += 1;
                let producer_id = state.next_producer_id;
                let producer_epoch = std::mem::take(&mut state.first_epoch);
                Response::InitProducerId(InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() })
            }
            Request::CreateTopics(request) => {
                let mut state = self.state.lock().unwrap();
                let mut response = CreateTopicsResponse::default();
                for topic in request.topics {
                    let name = topic.name.to_string();
                    let error = if state.topics.contains_key(&name) {
                        ErrorCode::TOPIC_ALREADY_EXISTS
                    } else {
                        ErrorCode::NONE
                    };
                    let partition = |index: i32| FakePartition { leader: index % brokers + 1, ..Default::default() };
                    let partitions = || (0..topic.num_partitions).map(partition).collect();
                    state.topics.entry(name).or_insert_with(partitions);
                    response.topics.push(CreatableTopicResult {
                        name: topic.name,
                        error_code: error.code(),
                        num_partitions: topic.num_partitions,
                        ..Default::default()
                    });
                }
                Response::CreateTopics(response)
            }
            Request::AddPartitionsToTxn(request) => {
                let mut response = AddPartitionsToTxnResponse::default();
                for topic in request.v3_and_below_topics {
                    let row = |partition_index: &i32| AddPartitionsToTxnPartitionResult {
                        partition_index: *partition_index,
                        ..Default::default()
                    };
                    response.results_by_topic_v3_and_below.push(AddPartitionsToTxnTopicResult {
                        name: topic.name,
                        results_by_partition: topic.partitions.iter().map(row).collect(),
                        ..Default::default()
                    });
                }
                Response::AddPartitionsToTxn(response)
            }
            Request::AddOffsetsToTxn(_) => Response::AddOffsetsToTxn(Default::default()),
            Request::TxnOffsetCommit(_) => Response::TxnOffsetCommit(Default::default()),
            Request::EndTxn(request) => {
                self.state.lock().unwrap().ends.push(request.committed);
                let mut response = EndTxnResponse::default();
                if version >= 5 {
                    response.producer_id = request.producer_id;
                    response.producer_epoch = request.producer_epoch + 1;
                }
                Response::EndTxn(response)
            }
            other => panic!("the fake does not speak {}", other.api_key()),
        };
        Some((response, version))
    }

    fn api_versions(&self, version: i16) -> (Response, i16) {
        let state = self.state.lock().unwrap();
        let range = |api: &ApiKey| match state.versions.get(api) {
            Some(range) => *range,
            None => Some((api.versions().min, api.versions().max)),
        };
        let mut response = ApiVersionsResponse::default();
        response.finalized_features.push(FinalizedFeatureKey {
            name: "transaction.version".into(),
            max_version_level: state.transaction_version,
            ..Default::default()
        });
        for api in ApiKey::ALL {
            let Some((min_version, max_version)) = range(api) else { continue };
            response.api_keys.push(ApiVersion { api_key: api.code(), min_version, max_version, ..Default::default() });
        }
        if range(&ApiKey::ApiVersions).is_some_and(|(_, max)| version > max) {
            response.error_code = ErrorCode::UNSUPPORTED_VERSION.code();
            return (Response::ApiVersions(response), 0);
        }
        (Response::ApiVersions(response), version)
    }

    fn metadata(&self, brokers: i32, request: &metadata::MetadataRequest) -> metadata::MetadataResponse {
        let state = self.state.lock().unwrap();
        let names: Vec<String> = match &request.topics {
            None => state.topics.keys().cloned().collect(),
            Some(topics) => topics.iter().map(|topic| topic.name.as_ref().unwrap().to_string()).collect(),
        };
        let topic = |name: String| {
            let mut row = metadata::MetadataResponseTopic { name: Some(name.as_str().into()), ..Default::default() };
            let Some(partitions) = state.topics.get(&name) else {
                row.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code();
                return row;
            };
            row.topic_id = id_of(&name);
            for (index, partition) in partitions.iter().enumerate() {
                row.partitions.push(metadata::MetadataResponsePartition {
                    partition_index: i32::try_from(index).unwrap(),
                    leader_id: partition.leader,
                    leader_epoch: partition.epoch,
                    ..Default::default()
                });
            }
            row
        };
        let broker = |node_id: i32| metadata::MetadataResponseBroker {
            node_id,
            host: format!("b{node_id}").into(),
            port: 9092,
            ..Default::default()
        };
        metadata::MetadataResponse {
            brokers: (1..=brokers).map(broker).collect(),
            controller_id: brokers,
            topics: names.into_iter().map(topic).collect(),
            ..Default::default()
        }
    }

    fn produce(&self, broker: i32, request: produce::ProduceRequest) -> produce::ProduceResponse {
        let mut state = self.state.lock().unwrap();
        let mut response = produce::ProduceResponse::default();
        for topic in request.topic_data {
            let name = name_of(&state, &topic.name, topic.topic_id);
            let mut rows =
                produce::TopicProduceResponse { name: topic.name, topic_id: topic.topic_id, ..Default::default() };
            for data in topic.partition_data {
                let partition = &mut state.topics.get_mut(&name).unwrap()[usize::try_from(data.index).unwrap()];
                let mut row = produce::PartitionProduceResponse { index: data.index, ..Default::default() };
                match partition.append(broker, data.records.unwrap()) {
                    Ok(offset) => row.base_offset = offset,
                    Err(code) => row.error_code = code.code(),
                }
                rows.partition_responses.push(row);
            }
            response.responses.push(rows);
        }
        response
    }

    async fn fetch(&self, broker: i32, version: i16, request: fetch::FetchRequest) -> fetch::FetchResponse {
        let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap());
        let session_id = match self.open_session(&request) {
            Ok(session_id) => session_id,
            Err(code) => return fetch::FetchResponse { error_code: code.code(), ..Default::default() },
        };
        loop {
            let response = self.read(broker, version, &request, session_id);
            let rows = || response.responses.iter().flat_map(|topic| &topic.partitions);
            let news = rows().any(|row| row.error_code != 0 || row.records.as_ref().is_some_and(|r| !r.is_empty()));
            if news || Instant::now() >= deadline {
                return response;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Keeps full sessions as KIP-227 says, one per client, without limits.
    fn open_session(&self, request: &fetch::FetchRequest) -> Result<i32, ErrorCode> {
        let mut state = self.state.lock().unwrap();
        let id = match (request.session_id, request.session_epoch) {
            (_, -1) => return Ok(0),
            (old, 0) => {
                state.sessions.remove(&old);
                let id = state.sessions.keys().max().unwrap_or(&100) + 1;
                state.sessions.insert(id, BTreeMap::new());
                id
            }
            (id, _) => id,
        };
        let session = state.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        for topic in &request.forgotten_topics_data {
            for index in &topic.partitions {
                session.remove(&(topic.topic_id, *index));
            }
        }
        for topic in &request.topics {
            for row in &topic.partitions {
                session.insert((topic.topic_id, row.partition), row.fetch_offset);
            }
        }
        Ok(id)
    }

    fn read(&self, broker: i32, version: i16, request: &fetch::FetchRequest, session_id: i32) -> fetch::FetchResponse {
        let state = self.state.lock().unwrap();
        let mut wanted: Vec<(String, Uuid, i32, i64)> = Vec::new();
        if session_id == 0 || version < 13 {
            for topic in &request.topics {
                let name = name_of(&state, &topic.topic, topic.topic_id);
                wanted.extend(
                    topic.partitions.iter().map(|p| (name.clone(), topic.topic_id, p.partition, p.fetch_offset)),
                );
            }
        } else {
            for ((id, index), offset) in &state.sessions[&session_id] {
                wanted.push((name_of(&state, "", *id), *id, *index, *offset));
            }
        }
        let mut response = fetch::FetchResponse { session_id, ..Default::default() };
        for (name, topic_id, index, offset) in wanted {
            let partition = &state.topics[&name][usize::try_from(index).unwrap()];
            let row = partition.read(broker, index, offset);
            if session_id != 0 && row.error_code == 0 && row.records.as_ref().is_none_or(Records::is_empty) {
                continue;
            }
            let topic = if version < 13 { name.into() } else { Default::default() };
            response.responses.push(fetch::FetchableTopicResponse {
                topic,
                topic_id,
                partitions: vec![row],
                ..Default::default()
            });
        }
        response
    }

    fn list_offsets(&self, request: &list_offsets::ListOffsetsRequest) -> list_offsets::ListOffsetsResponse {
        let state = self.state.lock().unwrap();
        let mut response = list_offsets::ListOffsetsResponse::default();
        for topic in &request.topics {
            let mut rows = list_offsets::ListOffsetsTopicResponse { name: topic.name.clone(), ..Default::default() };
            for asked in &topic.partitions {
                let partition = &state.topics[&*topic.name][usize::try_from(asked.partition_index).unwrap()];
                let (offset, timestamp) = match asked.timestamp {
                    -1 => (partition.end, -1),
                    -2 => (partition.log_start, -1),
                    timestamp => partition.find(timestamp),
                };
                rows.partitions.push(list_offsets::ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    offset,
                    timestamp,
                    ..Default::default()
                });
            }
            response.topics.push(rows);
        }
        response
    }
}

fn name_of(state: &FakeState, name: &str, id: Uuid) -> String {
    if id.is_zero() {
        return name.to_owned();
    }
    state.topics.keys().find(|name| id_of(name) == id).unwrap().clone()
}

impl FakePartition {
    fn append(&mut self, broker: i32, records: Records) -> Result<i64, ErrorCode> {
        if broker != self.leader {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let bytes = records.into_bytes();
        let mut batches: Vec<Batch> = Batch::split(&bytes).map(Result::unwrap).collect();
        let mut batch = batches.pop().unwrap();
        assert!(batches.is_empty(), "a produce request has one batch for each partition");
        batch.validate().unwrap();
        let header = &batch.header;
        if header.producer_id.0 >= 0 {
            let epoch = header.producer_epoch.0;
            let (current, expected) = self.sequences.entry(header.producer_id.0).or_insert((epoch, 0));
            match epoch.cmp(current) {
                std::cmp::Ordering::Less => return Err(ErrorCode::INVALID_PRODUCER_EPOCH),
                std::cmp::Ordering::Greater if header.base_sequence == 0 => (*current, *expected) = (epoch, 0),
                std::cmp::Ordering::Greater => return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
                std::cmp::Ordering::Equal => {}
            }
            match header.base_sequence.cmp(expected) {
                std::cmp::Ordering::Less => return Err(ErrorCode::DUPLICATE_SEQUENCE_NUMBER),
                std::cmp::Ordering::Greater => return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
                std::cmp::Ordering::Equal => *expected += header.records_count,
            }
        }
        let base = self.end;
        self.end += i64::from(header.records_count);
        batch.stamp(Offset(base), self.epoch.into());
        self.log.push(batch);
        Ok(base)
    }

    fn read(&self, broker: i32, partition_index: i32, offset: i64) -> fetch::PartitionData {
        let mut row = fetch::PartitionData { partition_index, high_watermark: self.end, ..Default::default() };
        if broker != self.leader {
            row.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER.code();
        } else if offset < self.log_start || offset > self.end {
            row.error_code = ErrorCode::OFFSET_OUT_OF_RANGE.code();
        } else {
            // Two batches at a time, so that a reader has to come again.
            let batches = self.log.iter().filter(|batch| batch.header.last_offset().0 >= offset).take(2);
            row.records = Some(Records::from_slices(batches.flat_map(Batch::to_slices).collect()));
        }
        row
    }

    fn find(&self, timestamp: i64) -> (i64, i64) {
        let records = self.log.iter().flat_map(|batch| batch.records().unwrap()).map(Result::unwrap);
        let found = records.into_iter().find(|record| record.timestamp.0 >= timestamp);
        found.map_or((-1, -1), |record| (record.offset.0, record.timestamp.0))
    }
}
