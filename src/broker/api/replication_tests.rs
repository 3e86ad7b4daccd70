//! What clients see when leaders die, followers lag and links break.

use super::testing::Answer;
use super::testing::TestCluster;
use super::testing::batch;
use crate::base::BrokerAction::Crash;
use crate::base::BrokerAction::Decommission;
use crate::base::BrokerAction::Fence;
use crate::base::BrokerAction::Flush;
use crate::base::BrokerAction::FreezeMetadata;
use crate::base::BrokerAction::Pause;
use crate::base::BrokerAction::PowerLoss;
use crate::base::BrokerAction::RefreshMetadata;
use crate::base::BrokerAction::Restart;
use crate::base::BrokerAction::Resume;
use crate::base::BrokerAction::Shutdown;
use crate::base::BrokerAction::Unfence;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::broker::Broker;
use crate::broker::PartitionSnapshot;
use crate::config::NewTopic;
use crate::wire::codec::Records;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchTopic;
use crate::wire::messages::list_offsets::ListOffsetsPartition;
use crate::wire::messages::list_offsets::ListOffsetsRequest;
use crate::wire::messages::list_offsets::ListOffsetsTopic;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceData;

/// How long a broker may be silent in these tests, in milliseconds.
const SESSION_MS: i64 = 9_000;

/// Three brokers and `a`, whose one partition is on all of them and led by the first.
fn cluster(config: &[(&str, &str)]) -> TestCluster {
    let mut cluster = TestCluster::with_config(3, &[("broker.session.timeout.ms", "9000")]);
    let mut topic = NewTopic::new("a").partitions(1).replication_factor(3);
    for (name, value) in config {
        topic = topic.config(*name, *value);
    }
    cluster.engine.create_topic(cluster.now, topic).unwrap();
    cluster
}

fn look(cluster: &TestCluster) -> PartitionSnapshot {
    cluster.engine.topic_snapshot("a").unwrap().partitions.remove(0)
}

/// Leader, epoch and ISR.
fn led(cluster: &TestCluster) -> (i32, i32, Vec<i32>) {
    let seen = look(cluster);
    (seen.leader.0, seen.leader_epoch.0, seen.isr.iter().map(|id| id.0).collect())
}

/// High watermark and log end of a replica.
fn ends(cluster: &TestCluster, broker: i32) -> (i64, i64) {
    let topic = cluster.engine.state.topics.get("a").unwrap().id;
    let log = cluster.engine.state.find_partition(topic, PartitionIndex(0)).unwrap();
    let replica = log.replica(BrokerId(broker)).unwrap();
    (replica.high_watermark().0, replica.log().log_end_offset().0)
}

fn produce(acks: i16, timeout_ms: i32, value: &str) -> ProduceRequest {
    let data = PartitionProduceData {
        index: 0,
        records: Some(Records::from(batch(&[value]).to_bytes())),
        ..PartitionProduceData::default()
    };
    let topic = TopicProduceData { name: "a".into(), partition_data: vec![data], ..TopicProduceData::default() };
    ProduceRequest { acks, timeout_ms, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn code(response: &ProduceResponse) -> ErrorCode {
    ErrorCode::new(response.responses[0].partition_responses[0].error_code)
}

fn answered(cluster: &mut TestCluster, connection: ConnectionId) -> Option<ErrorCode> {
    match cluster.received::<ProduceResponse>(connection) {
        Answer::Response(response) => Some(code(&response)),
        _ => None,
    }
}

fn hold(broker: i32) -> PartitionAction {
    PartitionAction::HoldReplication { broker: BrokerId(broker) }
}

fn release(broker: i32) -> PartitionAction {
    PartitionAction::ReleaseReplication { broker: BrokerId(broker) }
}

#[test]
fn a_dead_leader_is_replaced_when_its_session_ends() {
    let mut cluster = cluster(&[]);
    cluster.append("a", 0, &["x"]);
    cluster.broker(1, Crash);
    cluster.pass_ms(SESSION_MS - 1);
    assert_eq!(led(&cluster), (1, 0, vec![1, 2, 3]), "nobody has noticed yet");
    cluster.pass_ms(1);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3]));
    cluster.broker(1, Restart);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3, 1]), "back as a follower");
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(1, 1); 3]);
    cluster.pass_ms(300_000);
    assert_eq!(led(&cluster), (1, 2, vec![2, 3, 1]), "leaders go back to the preferred replicas after a while");
}

#[test]
fn a_broker_that_shuts_down_in_order_hands_over_first() {
    let mut cluster = cluster(&[]);
    cluster.broker(1, Shutdown);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3]));
    // Again, or as a crash, it makes no difference.
    cluster.broker(1, Shutdown);
    cluster.broker(1, Crash);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3]));
}

#[test]
fn the_last_of_the_isr_keeps_its_place_and_leads_again() {
    let mut cluster = cluster(&[]);
    for broker in [1, 2, 3] {
        cluster.broker(broker, Shutdown);
    }
    assert_eq!(led(&cluster), (-1, 3, vec![3]));
    cluster.broker(1, Restart);
    assert_eq!(led(&cluster), (-1, 3, vec![3]), "it may have missed something");
    cluster.broker(3, Restart);
    assert_eq!(led(&cluster), (3, 4, vec![3, 1]));
}

#[test]
fn connections_to_a_dead_broker_are_cut_and_refused() {
    let mut cluster = cluster(&[]);
    let (before, other) = (cluster.connect(1), cluster.connect(2));
    cluster.broker(1, Crash);
    assert_eq!(cluster.received::<ProduceResponse>(before), Answer::Closed("broker 1 is down".to_owned()));
    let later = cluster.connect(1);
    assert_eq!(cluster.received::<ProduceResponse>(later), Answer::Closed("broker 1 is down".to_owned()));
    assert_eq!(cluster.received::<ProduceResponse>(other), Answer::Waiting);
    cluster.broker(1, Restart);
    let asked = MetadataRequest::default();
    let again = cluster.connect(1);
    assert_eq!(cluster.send(again, 12, asked).response().brokers.len(), 3);
}

#[test]
fn all_acks_wait_for_a_follower_that_lags_until_it_falls_out_of_the_isr() {
    let mut cluster = cluster(&[]);
    cluster.partition("a", hold(3));
    let producer = cluster.connect(1);
    assert_eq!(cluster.send(producer, 9, produce(-1, 60_000, "x")), Answer::Waiting);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(0, 1), (0, 1), (0, 0)]);
    cluster.pass_ms(30_000);
    assert_eq!(led(&cluster).2, [1, 2, 3]);
    cluster.pass_ms(15_100);
    assert_eq!(led(&cluster).2, [1, 2]);
    assert_eq!(answered(&mut cluster, producer), Some(ErrorCode::NONE));
    assert_eq!(ends(&cluster, 1), (1, 1));
    cluster.partition("a", release(3));
    assert_eq!(led(&cluster).2, [1, 2, 3]);
    assert_eq!(ends(&cluster, 3), (1, 1));
}

#[test]
fn a_follower_that_has_everything_stays_in_the_isr_for_ever() {
    let mut cluster = cluster(&[]);
    cluster.append("a", 0, &["x"]);
    cluster.partition("a", hold(3));
    cluster.pass_ms(1_000_000);
    assert_eq!(led(&cluster).2, [1, 2, 3]);
}

#[test]
fn what_is_not_replicated_in_time_is_told_so() {
    let mut cluster = cluster(&[]);
    cluster.partition("a", hold(2));
    let producer = cluster.connect(1);
    assert_eq!(cluster.send(producer, 9, produce(-1, 500, "x")), Answer::Waiting);
    cluster.pass_ms(500);
    assert_eq!(answered(&mut cluster, producer), Some(ErrorCode::REQUEST_TIMED_OUT));
}

#[test]
fn too_few_in_sync_replicas_are_an_error_before_and_after_the_append() {
    let mut cluster = cluster(&[("min.insync.replicas", "2")]);
    cluster.partition("a", hold(2));
    let producer = cluster.connect(1);
    assert_eq!(cluster.send(producer, 9, produce(-1, 60_000, "x")), Answer::Waiting);
    for broker in [3, 2] {
        cluster.partition("a", PartitionAction::ShrinkIsr { broker: BrokerId(broker) });
    }
    assert_eq!(answered(&mut cluster, producer), None, "the high watermark does not move with one in sync");
    assert_eq!(ends(&cluster, 1), (0, 1));
    assert_eq!(code(&cluster.ask(9, produce(-1, 1000, "y"))), ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(code(&cluster.ask(9, produce(1, 1000, "z"))), ErrorCode::NONE);
    cluster.partition("a", PartitionAction::ExpandIsr { broker: BrokerId(3) });
    assert_eq!(answered(&mut cluster, producer), Some(ErrorCode::NONE));
}

#[test]
fn a_producer_that_waits_is_told_when_its_leader_changes() {
    let mut cluster = cluster(&[]);
    cluster.partition("a", hold(2));
    let producer = cluster.connect(1);
    assert_eq!(cluster.send(producer, 9, produce(-1, 60_000, "x")), Answer::Waiting);
    cluster.partition("a", PartitionAction::Elect { broker: BrokerId(3) });
    assert_eq!(answered(&mut cluster, producer), Some(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(led(&cluster), (3, 1, vec![1, 2, 3]));
}

#[test]
fn one_ack_and_a_dead_leader_lose_what_was_not_replicated() {
    let mut cluster = cluster(&[]);
    cluster.append("a", 0, &["kept"]);
    for broker in [2, 3] {
        cluster.partition("a", hold(broker));
    }
    assert_eq!(code(&cluster.ask(9, produce(1, 1000, "lost"))), ErrorCode::NONE);
    cluster.broker(1, Crash);
    cluster.pass_ms(SESSION_MS);
    assert_eq!((led(&cluster), ends(&cluster, 2)), ((2, 1, vec![2, 3]), (1, 1)));
    for broker in [2, 3] {
        cluster.partition("a", release(broker));
    }
    assert_eq!(code(&cluster.ask_broker(2, 9, produce(-1, 1000, "instead"))), ErrorCode::NONE);
    cluster.broker(1, Restart);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(2, 2); 3]);
    assert_eq!(led(&cluster).2, [2, 3, 1]);
    assert!(cluster.engine.journal().render().contains("a-0 broker 1 truncated from 2 to 1"));
}

#[test]
fn an_unclean_election_happens_only_where_it_is_allowed() {
    let check = |allowed: &str, expected: (i32, i32, Vec<i32>)| {
        let mut cluster = cluster(&[("unclean.leader.election.enable", allowed)]);
        for broker in [2, 3] {
            cluster.broker(broker, Shutdown);
        }
        cluster.append("a", 0, &["x"]);
        cluster.broker(1, Shutdown);
        cluster.broker(2, Restart);
        assert_eq!(led(&cluster), expected);
    };
    check("false", (-1, 1, vec![1]));
    check("true", (2, 2, vec![2]));
}

#[test]
fn allowing_unclean_elections_brings_a_leader_at_once() {
    let mut cluster = cluster(&[]);
    for broker in [2, 3, 1] {
        cluster.broker(broker, Shutdown);
    }
    cluster.broker(3, Restart);
    assert_eq!(led(&cluster), (-1, 1, vec![1]));
    let config = [("unclean.leader.election.enable".to_owned(), "true".to_owned())].into();
    cluster.engine.state.set_topic_config("a", config);
    cluster.pass_ms(0);
    cluster.engine.clean_logs(cluster.now);
    assert_eq!(led(&cluster), (3, 2, vec![3]));
}

#[test]
fn a_cluster_that_was_saved_in_trouble_starts_in_order() {
    let mut broken = cluster(&[]);
    broken.append("a", 0, &["x"]);
    broken.partition("a", hold(3));
    broken.append("a", 0, &["y"]);
    for broker in [2, 1] {
        broken.broker(broker, Shutdown);
    }
    let saved = broken.engine.save(broken.now);
    let mut cluster = TestCluster::new(3);
    cluster.engine.restore(saved).unwrap();
    assert_eq!((led(&cluster).0, look(&cluster).isr.len()), (look(&broken).isr[0].0, 3));
    assert_eq!(ends(&cluster, 1), ends(&cluster, 3));
    cluster.append("a", 0, &["z"]);
    assert_eq!(ends(&cluster, 1), ends(&cluster, 3));
}

#[test]
fn a_lagging_follower_on_a_slow_link_catches_up_in_two_round_trips() {
    let mut cluster = cluster(&[]);
    for (from, to) in [(1, 3), (3, 1)] {
        cluster.link(from, to, LinkAction::Latency { min_ms: 10, max_ms: 10 });
    }
    cluster.pass_ms(1000);
    cluster.append("a", 0, &["x"]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((ends(&cluster, 1), ends(&cluster, 2), ends(&cluster, 3)));
        cluster.pass_ms(10);
    }
    let expected =
        [((0, 1), (0, 1), (0, 0)), ((0, 1), (0, 1), (0, 1)), ((1, 1), (1, 1), (0, 1)), ((1, 1), (1, 1), (1, 1))];
    assert_eq!(seen, expected, "the follower's high watermark comes one fetch later");
    cluster.apply(Command::HealLinks);
    cluster.append("a", 0, &["y"]);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(2, 2); 3]);
}

#[test]
fn a_new_leader_does_not_tell_the_latest_offset_before_it_knows() {
    let mut cluster = cluster(&[]);
    for (from, to) in [(2, 3), (3, 2), (1, 2), (2, 1)] {
        cluster.link(from, to, LinkAction::Latency { min_ms: 10, max_ms: 10 });
    }
    cluster.pass_ms(1000);
    cluster.append("a", 0, &["x"]);
    cluster.pass_ms(20);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(1, 1), (0, 1), (1, 1)]);
    cluster.partition("a", PartitionAction::Elect { broker: BrokerId(2) });
    let mut ask = |version: i16, replica_id: i32| {
        let row = ListOffsetsPartition { timestamp: -1, current_leader_epoch: -1, ..ListOffsetsPartition::default() };
        let topic = ListOffsetsTopic { name: "a".into(), partitions: vec![row], ..ListOffsetsTopic::default() };
        let request = ListOffsetsRequest { replica_id, topics: vec![topic], ..ListOffsetsRequest::default() };
        let row = cluster.ask_broker(2, version, request).topics.remove(0).partitions.remove(0);
        cluster.pass_ms(0);
        (ErrorCode::new(row.error_code), row.offset)
    };
    assert_eq!(ask(4, -1), (ErrorCode::LEADER_NOT_AVAILABLE, -1));
    assert_eq!(ask(5, -1), (ErrorCode::OFFSET_NOT_AVAILABLE, -1));
    assert_eq!(ask(11, 3), (ErrorCode::NONE, 1), "a replica may ask");
    cluster.pass_ms(40);
    assert_eq!(ends(&cluster, 2), (1, 1));
}

#[test]
fn an_isolated_leader_is_replaced_and_truncates_when_it_comes_back() {
    let mut cluster = cluster(&[]);
    let isolate = |from: Node, to: Node| Command::Link { from, to, action: LinkAction::Cut };
    let alone = Node::Broker(BrokerId(1));
    cluster.apply(isolate(alone.clone(), Node::AnyBroker));
    cluster.apply(isolate(Node::AnyBroker, alone));
    cluster.append("a", 0, &["lost"]);
    cluster.pass_ms(SESSION_MS);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3]));
    assert_eq!(cluster.engine.state.brokers.controller(), BrokerId(2), "the majority has a controller");
    cluster.append("a", 0, &["x"]);
    cluster.append("a", 0, &["y"]);
    cluster.apply(Command::HealLinks);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(2, 2); 3]);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3, 1]));
}

#[test]
fn a_paused_broker_answers_when_it_goes_on() {
    let mut cluster = cluster(&[]);
    let client = cluster.connect(1);
    cluster.broker(1, Pause);
    assert_eq!(cluster.send(client, 12, MetadataRequest::default()), Answer::Waiting);
    cluster.pass_ms(SESSION_MS);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3]));
    cluster.broker(1, Resume);
    let response = cluster.received::<crate::wire::messages::metadata::MetadataResponse>(client).response();
    assert_eq!(response.brokers.len(), 3);
    assert_eq!(led(&cluster), (2, 1, vec![2, 3, 1]));
}

#[test]
fn metadata_tells_of_the_living_only() {
    let mut cluster = cluster(&[]);
    cluster.broker(1, Fence);
    let mut check = |version: i16, leader: i32, replicas: &[i32], offline: &[i32], code: ErrorCode| {
        let topics = (version == 0).then(Vec::new);
        let response = cluster.ask_broker(2, version, MetadataRequest { topics, ..MetadataRequest::default() });
        let brokers: Vec<i32> = response.brokers.iter().map(|row| row.node_id).collect();
        assert_eq!(brokers, [2, 3]);
        let row = &response.topics[0].partitions[0];
        assert_eq!((row.leader_id, row.error_code), (leader, code.code()));
        assert_eq!((&row.replica_nodes[..], &row.offline_replicas[..]), (replicas, offline));
    };
    check(12, 2, &[1, 2, 3], &[1], ErrorCode::NONE);
    check(0, 2, &[2, 3], &[], ErrorCode::REPLICA_NOT_AVAILABLE);
    cluster.partition("a", PartitionAction::Leaderless);
    let mut check = |expected: (i32, i16)| {
        let response = cluster.ask_broker(2, 12, MetadataRequest::default());
        let row = &response.topics[0].partitions[0];
        assert_eq!((row.leader_id, row.error_code), expected);
    };
    check((-1, ErrorCode::LEADER_NOT_AVAILABLE.code()));
    cluster.broker(1, Unfence);
    assert_eq!(led(&cluster), (2, 3, vec![2, 3, 1]), "who comes back looks for partitions without a leader");
}

#[test]
fn a_loss_of_power_takes_what_was_not_flushed() {
    let mut cluster = cluster(&[]);
    cluster.append("a", 0, &["x"]);
    cluster.broker(1, Flush);
    cluster.append("a", 0, &["y"]);
    for broker in [2, 3] {
        cluster.broker(broker, PowerLoss);
    }
    cluster.broker(1, PowerLoss);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker).1), [1, 0, 0]);
    cluster.pass_ms(SESSION_MS);
    assert_eq!(led(&cluster), (-1, 3, vec![3]));
    for broker in [1, 2, 3] {
        cluster.broker(broker, Restart);
    }
    // Only the last of the ISR may lead, and it has nothing left.
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker).1), [0; 3]);
}

#[test]
fn a_frozen_high_watermark_hides_what_is_appended() {
    let mut cluster = cluster(&[]);
    cluster.partition("a", PartitionAction::FreezeHighWatermark);
    cluster.append("a", 0, &["x"]);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(0, 1); 3]);
    cluster.partition("a", PartitionAction::ThawHighWatermark);
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(1, 1); 3]);
}

#[test]
fn a_truncated_leader_takes_its_followers_along() {
    let mut cluster = cluster(&[]);
    cluster.append("a", 0, &["x"]);
    cluster.append("a", 0, &["y"]);
    cluster.partition("a", PartitionAction::Truncate { broker: BrokerId(2), offset: Offset(0) });
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker).1), [2; 3], "a follower has it again at once");
    cluster.partition("a", PartitionAction::Truncate { broker: BrokerId(1), offset: Offset(1) });
    assert_eq!([1, 2, 3].map(|broker| ends(&cluster, broker)), [(1, 1); 3]);
}

#[test]
fn a_decommissioned_broker_leaves_nothing_behind() {
    let mut cluster = TestCluster::new(4);
    let topic = NewTopic::new("a").partitions(1).replication_factor(3);
    cluster.engine.create_topic(cluster.now, topic).unwrap();
    cluster.append("a", 0, &["x"]);
    cluster.broker(1, Decommission);
    let seen = look(&cluster);
    assert_eq!(seen.replicas, [4, 2, 3].map(BrokerId));
    assert_eq!((seen.leader, seen.isr.len()), (BrokerId(4), 3));
    assert_eq!(ends(&cluster, 4), (1, 1));
    assert_eq!(cluster.engine.snapshot(cluster.now).brokers.len(), 3);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut cluster = cluster(&[]);
    cluster.broker(3, Fence);
    let mut check = |command: Command, expected: ErrorCode| {
        let refusal = cluster.engine.apply(cluster.now, &command).unwrap_err();
        assert_eq!(refusal.code, expected, "{refusal}");
    };
    let broker = |id: i32| Command::Broker { broker: BrokerId(id), action: Crash };
    let on = |topic: &str, action| Command::Partition { topic: topic.to_owned(), partition: PartitionIndex(0), action };
    check(broker(7), ErrorCode::BROKER_ID_NOT_REGISTERED);
    check(on("b", PartitionAction::Leaderless), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check(on("a", PartitionAction::Elect { broker: BrokerId(3) }), ErrorCode::BROKER_NOT_AVAILABLE);
    check(on("a", PartitionAction::Elect { broker: BrokerId(9) }), ErrorCode::REPLICA_NOT_AVAILABLE);
    check(on("a", PartitionAction::ShrinkIsr { broker: BrokerId(1) }), ErrorCode::INVALID_REQUEST);
    check(Command::MoveController { broker: BrokerId(3) }, ErrorCode::BROKER_NOT_AVAILABLE);
}

#[test]
fn a_consumer_is_sent_to_the_replica_in_its_rack() {
    let brokers = (1..=3).map(|id| Broker {
        id: BrokerId(id),
        host: "broker".to_owned(),
        port: 9092,
        rack: Some(format!("r{id}")),
    });
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let mut cluster = TestCluster::of_brokers(brokers.collect(), &[("replica.selector.class", selector)]);
    cluster.engine.create_topic(cluster.now, NewTopic::new("a").partitions(1).replication_factor(3)).unwrap();
    cluster.append("a", 0, &["x"]);
    let mut check = |broker: i32, version: i16, rack: &str, expected: (i32, bool)| {
        let partition =
            FetchPartition { partition_max_bytes: 1000, current_leader_epoch: -1, ..FetchPartition::default() };
        let topic = FetchTopic { topic: "a".into(), partitions: vec![partition], ..FetchTopic::default() };
        let request = FetchRequest {
            max_bytes: 1000,
            session_epoch: -1,
            rack_id: rack.into(),
            topics: vec![topic],
            ..FetchRequest::default()
        };
        let row = cluster.ask_broker(broker, version, request).responses.remove(0).partitions.remove(0);
        assert_eq!((row.preferred_read_replica, row.records.unwrap().is_empty()), expected, "{broker} {rack}");
    };
    check(1, 12, "r3", (3, true));
    check(1, 12, "r1", (-1, false));
    check(1, 12, "r9", (-1, false));
    check(1, 12, "", (-1, false));
    check(3, 12, "r3", (-1, false));
}

#[test]
fn a_frozen_view_tells_of_what_was() {
    let mut cluster = cluster(&[]);
    cluster.broker(3, FreezeMetadata);
    cluster.broker(1, Shutdown);
    cluster.engine.create_topic(cluster.now, NewTopic::new("b")).unwrap();
    let mut ask = |broker: i32| {
        let response = cluster.ask_broker(broker, 12, MetadataRequest::default());
        let topics = response.topics.iter().map(|topic| topic.partitions[0].leader_id).collect::<Vec<_>>();
        (response.brokers.len(), topics)
    };
    assert_eq!((ask(3), ask(2)), ((3, vec![1]), (2, vec![2, 2])));
    cluster.broker(3, RefreshMetadata);
    let response = cluster.ask_broker(3, 12, MetadataRequest::default());
    assert_eq!((response.brokers.len(), response.topics.len()), (2, 2));
}

#[test]
fn a_link_between_a_client_and_a_broker_delays_keeps_and_resets() {
    let mut cluster = cluster(&[]);
    let (client, broker) = (Node::Client("test".to_owned()), Node::Broker(BrokerId(1)));
    let link = |action| Command::Link { from: client.clone(), to: broker.clone(), action };
    let connection = cluster.connect(1);
    cluster.apply(link(LinkAction::Latency { min_ms: 5, max_ms: 5 }));
    assert_eq!(cluster.send(connection, 9, produce(1, 1000, "x")), Answer::Waiting);
    assert_eq!(look(&cluster).log_end_offset, Offset(0), "it has not arrived");
    cluster.pass_ms(5);
    assert_eq!(answered(&mut cluster, connection), Some(ErrorCode::NONE));
    cluster.apply(link(LinkAction::Clog));
    assert_eq!(cluster.send(connection, 9, produce(1, 1000, "x")), Answer::Waiting);
    cluster.pass_ms(60_000);
    assert_eq!(look(&cluster).log_end_offset, Offset(1));
    cluster.apply(link(LinkAction::Release));
    cluster.pass_ms(5);
    assert_eq!(answered(&mut cluster, connection), Some(ErrorCode::NONE));
    cluster.apply(Command::Link { from: broker.clone(), to: client.clone(), action: LinkAction::Clog });
    cluster.apply(link(LinkAction::Heal));
    assert_eq!(cluster.send(connection, 9, produce(1, 1000, "x")), Answer::Waiting);
    assert_eq!(look(&cluster).log_end_offset, Offset(3), "only the answer is missing");
    cluster.apply(link(LinkAction::Reset));
    assert_eq!(cluster.received::<ProduceResponse>(connection), Answer::Closed("the link was reset".to_owned()));
}
