//! Transactions as clients see them, with every API that they use.

use super::testing::TestCluster;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::TransactionAction;
use crate::broker::TransactionState;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use crate::wire::codec::Records;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopic;
use crate::wire::messages::describe_producers::DescribeProducersRequest;
use crate::wire::messages::describe_producers::TopicRequest;
use crate::wire::messages::end_txn::EndTxnRequest;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchTopic;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::list_transactions::ListTransactionsRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestTopic;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::TopicProduceData;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequestPartition;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequestTopic;
use std::collections::BTreeMap;

/// A producer as a client has it: of transaction version 1, or of version 2.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) transactional_id: &'static str,
    pub(super) version: i16,
    id: i64,
    epoch: i16,
    /// The next sequence number by partition.
    pub(super) sequences: BTreeMap<i32, i32>,
    /// The broker that coordinates it.
    pub(super) coordinator: i32,
}

impl Client {
    /// A producer that has begun.
    #[track_caller]
    pub(super) fn begin(cluster: &mut TestCluster, transactional_id: &'static str, version: i16) -> Self {
        let coordinator = find(cluster, transactional_id);
        let mut client = Self { transactional_id, version, id: -1, epoch: -1, sequences: BTreeMap::new(), coordinator };
        assert_eq!(client.init(cluster), ErrorCode::NONE);
        client
    }

    pub(super) fn init_request(&self) -> InitProducerIdRequest {
        InitProducerIdRequest {
            transactional_id: Some(self.transactional_id.into()),
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        }
    }

    /// Asks for an id and an epoch, as a new incarnation.
    fn init(&mut self, cluster: &mut TestCluster) -> ErrorCode {
        let response = cluster.ask_broker(self.coordinator, 5, self.init_request());
        if response.error_code == 0 {
            self.become_producer(response.producer_id, response.producer_epoch);
        }
        ErrorCode::new(response.error_code)
    }

    pub(super) fn become_producer(&mut self, id: i64, epoch: i16) {
        (self.id, self.epoch) = (id, epoch);
        self.sequences.clear();
    }

    pub(super) fn add_request(&self, topic: &str, partition: i32) -> AddPartitionsToTxnRequest {
        let topics = vec![AddPartitionsToTxnTopic {
            name: topic.into(),
            partitions: vec![partition],
            ..AddPartitionsToTxnTopic::default()
        }];
        AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: topics,
            ..AddPartitionsToTxnRequest::default()
        }
    }

    fn add(&self, cluster: &mut TestCluster, topic: &str, partition: i32) -> ErrorCode {
        let response = cluster.ask_broker(self.coordinator, 3, self.add_request(topic, partition));
        ErrorCode::new(response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code)
    }

    /// Sends records to partition 0 of a topic as this version does; broker 1 leads it.
    fn send(&mut self, cluster: &mut TestCluster, topic: &str, values: &[&str]) -> ErrorCode {
        if self.version < 2 {
            let added = self.add(cluster, topic, 0);
            if added.is_error() {
                return added;
            }
        }
        self.produce(cluster, topic, values)
    }

    /// Produces without adding the partition before.
    fn produce(&mut self, cluster: &mut TestCluster, topic: &str, values: &[&str]) -> ErrorCode {
        let (version, request) = self.produce_request(topic, 0, values);
        let response = cluster.ask(version, request);
        let code = ErrorCode::new(response.responses[0].partition_responses[0].error_code);
        if code == ErrorCode::NONE {
            *self.sequences.entry(0).or_default() += i32::try_from(values.len()).unwrap();
        }
        code
    }

    pub(super) fn produce_request(&self, topic: &str, index: i32, values: &[&str]) -> (i16, ProduceRequest) {
        let sequence = self.sequences.get(&index).copied().unwrap_or(0);
        let mut batch =
            BatchBuilder::new().producer(ProducerId(self.id), ProducerEpoch(self.epoch), sequence).transactional(true);
        for value in values {
            batch.append(super::testing::START_TIME, None, Some(value.as_bytes()), &[]);
        }
        let row = PartitionProduceData {
            index,
            records: Some(Records::from(batch.build().unwrap().to_bytes())),
            ..PartitionProduceData::default()
        };
        let version = if self.version < 2 { 11 } else { 12 };
        let data = TopicProduceData { name: topic.into(), partition_data: vec![row], ..TopicProduceData::default() };
        let request = ProduceRequest {
            transactional_id: Some(self.transactional_id.into()),
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![data],
            ..ProduceRequest::default()
        };
        (version, request)
    }

    pub(super) fn end_request(&self, committed: bool) -> (i16, EndTxnRequest) {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
            ..EndTxnRequest::default()
        };
        (if self.version < 2 { 4 } else { 5 }, request)
    }

    fn end(&mut self, cluster: &mut TestCluster, committed: bool) -> ErrorCode {
        let (version, request) = self.end_request(committed);
        let response = cluster.ask_broker(self.coordinator, version, request);
        if response.error_code == 0 && self.version >= 2 {
            self.become_producer(response.producer_id, response.producer_epoch);
        }
        ErrorCode::new(response.error_code)
    }

    pub(super) fn offset_request(&self, topic: &str, offset: i64) -> TxnOffsetCommitRequest {
        let row =
            TxnOffsetCommitRequestPartition { committed_offset: offset, ..TxnOffsetCommitRequestPartition::default() };
        let topic = TxnOffsetCommitRequestTopic { name: topic.into(), partitions: vec![row], ..Default::default() };
        TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.into(),
            group_id: "g".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![topic],
            ..TxnOffsetCommitRequest::default()
        }
    }

    /// Commits an offset of group `g` for partition 0 of a topic within the transaction.
    fn commit_offset(&self, cluster: &mut TestCluster, topic: &str, offset: i64) -> ErrorCode {
        if self.version < 2 {
            let request = AddOffsetsToTxnRequest {
                transactional_id: self.transactional_id.into(),
                producer_id: self.id,
                producer_epoch: self.epoch,
                group_id: "g".into(),
                ..AddOffsetsToTxnRequest::default()
            };
            let response = cluster.ask_broker(self.coordinator, 3, request);
            if response.error_code != 0 {
                return ErrorCode::new(response.error_code);
            }
        }
        let request = self.offset_request(topic, offset);
        let home = cluster.coordinator("g");
        let response = cluster.ask_broker(home, if self.version < 2 { 4 } else { 5 }, request);
        ErrorCode::new(response.topics[0].partitions[0].error_code)
    }
}

pub(super) fn find(cluster: &mut TestCluster, transactional_id: &str) -> i32 {
    let request = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: vec![transactional_id.into()],
        ..FindCoordinatorRequest::default()
    };
    let row = cluster.ask(4, request).coordinators.remove(0);
    assert_eq!(row.error_code, 0);
    row.node_id
}

/// The committed and uncommitted values of partition 0 of a topic as a consumer gets them, its last stable offset, and
/// the aborted transactions as producer and first offset.
fn read(cluster: &mut TestCluster, topic: &str, committed: bool) -> (Vec<String>, i64, Vec<(i64, i64)>) {
    let topics = vec![FetchTopic {
        topic: topic.into(),
        partitions: vec![FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() }],
        ..FetchTopic::default()
    }];
    let request = FetchRequest {
        max_bytes: 1 << 20,
        isolation_level: committed.into(),
        session_epoch: -1,
        topics,
        ..FetchRequest::default()
    };
    let row = cluster.ask(12, request).responses.remove(0).partitions.remove(0);
    assert_eq!(row.error_code, 0);
    let aborted: Vec<(i64, i64)> =
        row.aborted_transactions.iter().flatten().map(|found| (found.producer_id, found.first_offset)).collect();
    let values = values_of(&row.records.unwrap().into_bytes(), committed.then_some(&aborted));
    (values, row.last_stable_offset, aborted)
}

/// The values in batches as a consumer sees them: all, or without those of aborted transactions.
pub(super) fn values_of(bytes: &bytes::Bytes, aborted: Option<&Vec<(i64, i64)>>) -> Vec<String> {
    let mut aborted: Vec<(i64, i64)> = aborted.into_iter().flatten().copied().collect();
    aborted.sort_by_key(|(_, first)| *first);
    let mut coming = aborted.into_iter().peekable();
    let mut void: Vec<i64> = Vec::new();
    let mut values = Vec::new();
    for batch in Batch::split(bytes).map(Result::unwrap) {
        let producer = batch.header.producer_id.0;
        while let Some((id, _)) = coming.next_if(|(_, first)| *first <= batch.header.last_offset().0) {
            void.push(id);
        }
        if batch.header.is_control() {
            if ControlRecord::read(&batch).unwrap().control_type == ControlType::Abort {
                void.retain(|id| *id != producer);
            }
        } else if !(batch.header.is_transactional() && void.contains(&producer)) {
            let records = batch.records().unwrap().map(Result::unwrap);
            values.extend(records.map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    values
}

fn state(cluster: &TestCluster, id: &str) -> TransactionState {
    cluster.engine.transaction(id).unwrap().state
}

#[test]
fn a_committed_transaction_is_read_and_an_aborted_one_is_not() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(3).topic("a", 1, 3);
        let mut client = Client::begin(&mut cluster, "t", version);
        assert_eq!((client.epoch, state(&cluster, "t")), (0, TransactionState::Empty));
        assert_eq!(client.send(&mut cluster, "a", &["x", "y"]), ErrorCode::NONE);
        assert_eq!(state(&cluster, "t"), TransactionState::Ongoing);
        assert_eq!(read(&mut cluster, "a", true), (vec![], 0, vec![]), "{version}");
        assert_eq!(read(&mut cluster, "a", false).0, ["x", "y"]);
        assert_eq!(client.end(&mut cluster, true), ErrorCode::NONE);
        assert_eq!(state(&cluster, "t"), TransactionState::CompleteCommit);
        assert_eq!(client.epoch, if version < 2 { 0 } else { 1 });
        assert_eq!(read(&mut cluster, "a", true), (vec!["x".into(), "y".into()], 3, vec![]));
        assert_eq!(client.send(&mut cluster, "a", &["z"]), ErrorCode::NONE);
        assert_eq!(client.end(&mut cluster, false), ErrorCode::NONE);
        assert_eq!(state(&cluster, "t"), TransactionState::CompleteAbort);
        assert_eq!(read(&mut cluster, "a", true), (vec!["x".into(), "y".into()], 5, vec![(client.id, 3)]), "{version}");
        assert_eq!(read(&mut cluster, "a", false).0, ["x", "y", "z"]);
    }
}

#[test]
fn the_last_stable_offset_waits_for_the_oldest_open_transaction() {
    let mut cluster = TestCluster::new(1).topic("a", 1, 1);
    let mut first = Client::begin(&mut cluster, "t", 2);
    let mut second = Client::begin(&mut cluster, "u", 2);
    first.send(&mut cluster, "a", &["1"]);
    second.send(&mut cluster, "a", &["2"]);
    cluster.append("a", 0, &["3"]);
    second.end(&mut cluster, true);
    assert_eq!(read(&mut cluster, "a", true), (vec![], 0, vec![]));
    first.end(&mut cluster, false);
    assert_eq!(read(&mut cluster, "a", true), (vec!["2".into(), "3".into()], 5, vec![(first.id, 0)]));
}

#[test]
fn markers_that_are_held_keep_a_transaction_prepared() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(3).topic("a", 1, 3);
        let mut client = Client::begin(&mut cluster, "t", version);
        client.send(&mut cluster, "a", &["x"]);
        cluster.engine.hold_markers(cluster.now);
        assert_eq!(client.end(&mut cluster, true), ErrorCode::NONE);
        assert_eq!((state(&cluster, "t"), cluster.engine.markers_on_the_way()), (TransactionState::PrepareCommit, 1));
        assert_eq!(read(&mut cluster, "a", true).1, 0);
        assert_eq!(client.clone().end(&mut cluster, true), ErrorCode::CONCURRENT_TRANSACTIONS);
        assert_eq!(client.clone().init(&mut cluster), ErrorCode::CONCURRENT_TRANSACTIONS);
        assert_eq!(client.add(&mut cluster, "a", 0), ErrorCode::CONCURRENT_TRANSACTIONS);
        cluster.engine.release_markers(cluster.now);
        assert_eq!(state(&cluster, "t"), TransactionState::CompleteCommit);
        assert_eq!(read(&mut cluster, "a", true).0, ["x"]);
    }
}

#[test]
fn a_produce_request_waits_a_moment_for_the_transaction_before() {
    let mut cluster = TestCluster::new(1).topic("a", 1, 1);
    let mut client = Client::begin(&mut cluster, "t", 2);
    client.send(&mut cluster, "a", &["x"]);
    let mut send = |released_after_ms: i64, expected: ErrorCode| {
        cluster.engine.hold_markers(cluster.now);
        client.end(&mut cluster, true);
        let connection = cluster.connect(1);
        let (version, request) = client.produce_request("a", 0, &["y"]);
        assert_eq!(cluster.send(connection, version, request), super::testing::Answer::Waiting);
        cluster.pass_ms(released_after_ms);
        cluster.engine.release_markers(cluster.now);
        cluster.pass_ms(40);
        let response: crate::wire::messages::produce::ProduceResponse = cluster.received(connection).response();
        assert_eq!(ErrorCode::new(response.responses[0].partition_responses[0].error_code), expected);
    };
    send(50, ErrorCode::NONE);
    send(110, ErrorCode::CONCURRENT_TRANSACTIONS);
}

#[test]
fn a_moved_coordinator_completes_what_was_prepared() {
    for version in [0, 2] {
        for committed in [true, false] {
            let mut cluster = TestCluster::new(3).topic("a", 1, 3);
            let mut client = Client::begin(&mut cluster, "t", version);
            client.send(&mut cluster, "a", &["x"]);
            cluster.engine.hold_markers(cluster.now);
            client.end(&mut cluster, committed);
            let to = client.coordinator % 3 + 1;
            let action = TransactionAction::MoveCoordinator { broker: crate::base::BrokerId(to) };
            cluster.engine.act_on_transaction(cluster.now, "t", action).unwrap();
            assert_eq!(client.clone().init(&mut cluster), ErrorCode::NOT_COORDINATOR);
            client.coordinator = to;
            assert_eq!(client.clone().init(&mut cluster), ErrorCode::CONCURRENT_TRANSACTIONS);
            cluster.engine.release_markers(cluster.now);
            assert!(state(&cluster, "t").is_complete());
            let values: &[&str] = if committed { &["x"] } else { &[] };
            assert_eq!(read(&mut cluster, "a", true).0, values, "{version}");
            assert_eq!(read(&mut cluster, "a", true).1, 2);
            assert_eq!(client.send(&mut cluster, "a", &["y"]), ErrorCode::NONE);
        }
    }
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut client = Client::begin(&mut cluster, "t", version);
        client.send(&mut cluster, "a", &["x"]);
        // The scan comes every ten seconds and takes what is over the time.
        cluster.pass_ms(69_999);
        assert_eq!(state(&cluster, "t"), TransactionState::Ongoing);
        cluster.pass_ms(1);
        assert_eq!(state(&cluster, "t"), TransactionState::CompleteAbort);
        assert_eq!(read(&mut cluster, "a", true), (vec![], 2, vec![(client.id, 0)]));
        let code = if version < 2 { ErrorCode::PRODUCER_FENCED } else { ErrorCode::INVALID_TXN_STATE };
        assert_eq!(client.end(&mut cluster, true), code, "{version}");
        assert_eq!(client.produce(&mut cluster, "a", &["y"]), ErrorCode::INVALID_PRODUCER_EPOCH);
    }
}

#[test]
fn a_successor_fences_the_producer_before_it() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut zombie = Client::begin(&mut cluster, "t", version);
        zombie.send(&mut cluster, "a", &["x"]);
        let mut successor = zombie.clone();
        // The first attempt aborts what is open.
        assert_eq!(successor.init(&mut cluster), ErrorCode::CONCURRENT_TRANSACTIONS);
        assert_eq!(successor.init(&mut cluster), ErrorCode::NONE);
        assert_eq!((successor.id, successor.epoch), (zombie.id, 2));
        assert_eq!(zombie.produce(&mut cluster, "a", &["y"]), ErrorCode::INVALID_PRODUCER_EPOCH);
        assert_eq!(zombie.add(&mut cluster, "a", 0), ErrorCode::PRODUCER_FENCED);
        assert_eq!(zombie.end(&mut cluster, true), ErrorCode::PRODUCER_FENCED);
        assert_eq!(successor.send(&mut cluster, "a", &["z"]), ErrorCode::NONE);
        assert_eq!(successor.end(&mut cluster, true), ErrorCode::NONE);
        assert_eq!(read(&mut cluster, "a", true).0, ["z"]);
    }
}

#[test]
fn records_outside_of_a_transaction_are_refused() {
    let mut cluster = TestCluster::new(1).topic("a", 2, 1);
    let mut old = Client::begin(&mut cluster, "t", 0);
    assert_eq!(old.produce(&mut cluster, "a", &["x"]), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(old.add(&mut cluster, "a", 0), ErrorCode::NONE);
    assert_eq!(old.produce(&mut cluster, "a", &["x"]), ErrorCode::NONE);
    assert_eq!(old.end(&mut cluster, true), ErrorCode::NONE);
    // Late: the partition is not in a transaction any more.
    assert_eq!(old.produce(&mut cluster, "a", &["y"]), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(cluster.engine.batches("a", PartitionIndex(0)).len(), 2);
    let mut stranger = Client { transactional_id: "unknown", ..old.clone() };
    stranger.coordinator = find(&mut cluster, "unknown");
    assert_eq!(stranger.produce(&mut cluster, "a", &["y"]), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(stranger.add(&mut cluster, "a", 0), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(stranger.end(&mut cluster, true), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(old.add(&mut cluster, "a", 7), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

/// The committed offset of group `g` for partition 0, or the error.
fn offset(cluster: &mut TestCluster, topic: &str, require_stable: bool) -> Result<i64, ErrorCode> {
    let topic = OffsetFetchRequestTopic { name: topic.into(), partition_indexes: vec![0], ..Default::default() };
    let request = OffsetFetchRequest {
        group_id: "g".into(),
        topics: Some(vec![topic]),
        require_stable,
        ..OffsetFetchRequest::default()
    };
    let home = cluster.coordinator("g");
    let row = cluster.ask_broker(home, 7, request).topics.remove(0).partitions.remove(0);
    ErrorCode::new(row.error_code).ok().map(|()| row.committed_offset)
}

#[test]
fn offsets_count_when_their_transaction_commits() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(3).topic("a", 1, 3);
        let mut client = Client::begin(&mut cluster, "t", version);
        for (committed, expected) in [(true, 5), (false, 5)] {
            let offered = if committed { 5 } else { 9 };
            let before = offset(&mut cluster, "a", false);
            assert_eq!(client.commit_offset(&mut cluster, "a", offered), ErrorCode::NONE, "{version}");
            assert_eq!(offset(&mut cluster, "a", false), before);
            assert_eq!(offset(&mut cluster, "a", true), Err(ErrorCode::UNSTABLE_OFFSET_COMMIT));
            assert_eq!(client.end(&mut cluster, committed), ErrorCode::NONE);
            assert_eq!(offset(&mut cluster, "a", true), Ok(expected));
        }
        // A coordinator that reads it all again comes to the same.
        cluster.engine.act_on_group(cluster.now, "g", &crate::base::GroupAction::UnloadCoordinator).unwrap();
        assert_eq!(offset(&mut cluster, "a", true), Ok(5));
    }
}

#[test]
fn a_producer_whose_epochs_are_used_up_gets_another_id() {
    for version in [0, 2] {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut client = Client::begin(&mut cluster, "t", version);
        let first = client.id;
        cluster.engine.act_on_transaction(cluster.now, "t", TransactionAction::ExhaustEpoch).unwrap();
        assert_eq!(client.init(&mut cluster), ErrorCode::NONE);
        assert_eq!((client.id, client.epoch), (first, i16::MAX - 1));
        assert_eq!(client.send(&mut cluster, "a", &["x"]), ErrorCode::NONE);
        let before = client.clone();
        assert_eq!(client.end(&mut cluster, true), ErrorCode::NONE);
        if version < 2 {
            assert_eq!(client.init(&mut cluster), ErrorCode::NONE);
        } else {
            // The answer was lost: the same again is answered the same.
            let mut again = before;
            assert_eq!(again.end(&mut cluster, true), ErrorCode::NONE);
            assert_eq!((again.id, again.epoch), (client.id, client.epoch));
        }
        assert_eq!((client.id > first, client.epoch), (true, 0), "{version}");
        assert_eq!(client.send(&mut cluster, "a", &["y"]), ErrorCode::NONE);
        assert_eq!(client.end(&mut cluster, true), ErrorCode::NONE);
        assert_eq!(read(&mut cluster, "a", true).0, ["x", "y"]);
    }
}

#[test]
fn a_transactional_id_that_is_not_used_is_forgotten() {
    let mut cluster = TestCluster::with_config(1, &[("transactional.id.expiration.ms", "7200000")]).topic("a", 1, 1);
    let client = Client::begin(&mut cluster, "t", 2);
    // The scan comes every hour.
    cluster.pass_ms(7_199_999);
    assert!(cluster.engine.transaction("t").is_some());
    cluster.pass_ms(1);
    assert_eq!(cluster.engine.transactions(), []);
    assert_eq!(client.add(&mut cluster, "a", 0), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    cluster.engine.act_on_transaction(cluster.now, "t", TransactionAction::UnloadCoordinator).unwrap();
    assert_eq!(cluster.engine.transactions(), []);
}

#[test]
fn transactions_are_listed_by_every_filter() {
    let mut cluster = TestCluster::new(1).topic("a", 1, 1);
    let first = Client::begin(&mut cluster, "orders-1", 2);
    let mut second = Client::begin(&mut cluster, "orders-2", 2);
    let third = Client::begin(&mut cluster, "shipments", 2);
    second.send(&mut cluster, "a", &["x"]);
    cluster.pass_ms(1_000);
    let mut check = |states: &[&str], ids: &[i64], duration: i64, pattern: &str, expected: &[&str]| {
        let request = ListTransactionsRequest {
            state_filters: states.iter().map(|name| (*name).into()).collect(),
            producer_id_filters: ids.to_vec(),
            duration_filter: duration,
            transactional_id_pattern: (!pattern.is_empty()).then(|| pattern.into()),
            ..ListTransactionsRequest::default()
        };
        let response = cluster.ask(2, request);
        let mut found: Vec<String> =
            response.transaction_states.iter().map(|row| row.transactional_id.to_string()).collect();
        // They come by the coordinators' partitions.
        found.sort();
        let unknown = response.unknown_state_filters.iter().map(|name| format!("unknown {name}"));
        let code = ErrorCode::new(response.error_code);
        let refused = code.is_error().then(|| code.to_string());
        let all: Vec<String> = found.into_iter().chain(unknown).chain(refused).collect();
        assert_eq!(all, expected, "{states:?} {ids:?} {duration} {pattern}");
    };
    check(&[], &[], -1, "", &["orders-1", "orders-2", "shipments"]);
    check(&["Ongoing"], &[], -1, "", &["orders-2"]);
    check(&["Empty", "Ongoing"], &[first.id, second.id], -1, "", &["orders-1", "orders-2"]);
    check(&["ongoing"], &[], -1, "", &["unknown ongoing"]);
    check(&[], &[third.id], -1, "", &["shipments"]);
    check(&["Ongoing"], &[], 999, "", &["orders-2"]);
    check(&["Ongoing"], &[], 1_000, "", &[]);
    check(&[], &[], -1, "orders-.*", &["orders-1", "orders-2"]);
    check(&[], &[], -1, "orders", &[]);
    check(&[], &[], -1, "(", &["INVALID_REGULAR_EXPRESSION"]);
}

#[test]
fn a_leader_shows_its_producers() {
    let mut cluster = TestCluster::new(2).topic("a", 1, 1);
    let mut client = Client::begin(&mut cluster, "t", 2);
    client.send(&mut cluster, "a", &["x", "y"]);
    let describe = |cluster: &mut TestCluster, broker: i32, topic: &str, index: i32| {
        let topic = TopicRequest { name: topic.into(), partition_indexes: vec![index], ..TopicRequest::default() };
        let request = DescribeProducersRequest { topics: vec![topic], ..DescribeProducersRequest::default() };
        let row = cluster.ask_broker(broker, 0, request).topics.remove(0).partitions.remove(0);
        let producers = row.active_producers.iter();
        let rows: Vec<(i64, i32, i32, i64)> = producers
            .map(|row| (row.producer_id, row.producer_epoch, row.last_sequence, row.current_txn_start_offset))
            .collect();
        (ErrorCode::new(row.error_code), rows)
    };
    assert_eq!(describe(&mut cluster, 1, "a", 0), (ErrorCode::NONE, vec![(client.id, 0, 1, 0)]));
    let id = client.id;
    client.end(&mut cluster, true);
    assert_eq!(describe(&mut cluster, 1, "a", 0), (ErrorCode::NONE, vec![(id, 1, -1, -1)]));
    let check = |cluster: &mut TestCluster, broker: i32, topic: &str, index: i32, expected: ErrorCode| {
        assert_eq!(describe(cluster, broker, topic, index).0, expected);
    };
    check(&mut cluster, 1, "a b", 0, ErrorCode::INVALID_TOPIC_EXCEPTION);
    check(&mut cluster, 1, "b", 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check(&mut cluster, 1, "a", 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check(&mut cluster, 2, "a", 0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn a_producer_of_an_old_group_generation_commits_no_offsets() {
    let mut cluster = TestCluster::new(1).topic("a", 1, 1);
    let client = Client::begin(&mut cluster, "t", 2);
    let home = cluster.coordinator("g");
    let mut check = |generation_id: i32, member: &str, expected: ErrorCode| {
        let row = TxnOffsetCommitRequestPartition::default();
        let topic = TxnOffsetCommitRequestTopic { name: "a".into(), partitions: vec![row], ..Default::default() };
        let request = TxnOffsetCommitRequest {
            transactional_id: "t".into(),
            group_id: "g".into(),
            producer_id: client.id,
            producer_epoch: client.epoch,
            generation_id,
            member_id: member.into(),
            topics: vec![topic],
            ..TxnOffsetCommitRequest::default()
        };
        let response = cluster.ask_broker(home, 5, request);
        assert_eq!(ErrorCode::new(response.topics[0].partitions[0].error_code), expected, "{generation_id} {member}");
    };
    check(3, "m", ErrorCode::ILLEGAL_GENERATION);
    check(-1, "", ErrorCode::NONE);
    // Now there is a group, with nobody in it.
    check(3, "m", ErrorCode::UNKNOWN_MEMBER_ID);
    check(-1, "m", ErrorCode::NONE);
}
