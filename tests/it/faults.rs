//! Every row of the fault table, one test per row: what is matched, when it fires, where, and what happens.

use crate::peer::Peer;
use rehearsal::base::BrokerId;
use rehearsal::client::{Client, ConsumerRecord, ProducerRecord, StartFrom, TopicPartition};
use rehearsal::fault::{Condition, Delay, FaultError, Target};
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use rehearsal::wire::messages::find_coordinator::FindCoordinatorRequest;
use rehearsal::wire::messages::heartbeat::HeartbeatRequest;
use rehearsal::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use rehearsal::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use rehearsal::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use rehearsal::wire::{Request, Response};
use rehearsal::{ApiKey, Cluster, Error, ErrorCode, Fault, Record};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

async fn cluster() -> Cluster {
    Cluster::in_memory().brokers(1).topic("t", 3).topic("u", 1).start().await.unwrap()
}

fn produce(topics: &[(&str, &[i32])]) -> Request {
    let mut batch = BatchBuilder::new();
    batch.append(rehearsal::base::Timestamp(0), None, Some(b"value"), &[]);
    let batch = batch.build().unwrap().to_bytes();
    let row =
        |index: &i32| PartitionProduceData { index: *index, records: Some(batch.clone().into()), ..Default::default() };
    let topic = |(name, rows): &(&str, &[i32])| TopicProduceData {
        name: (*name).into(),
        partition_data: rows.iter().map(row).collect(),
        ..TopicProduceData::default()
    };
    let topic_data = topics.iter().map(topic).collect();
    Request::Produce(ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..ProduceRequest::default() })
}

fn one() -> Request {
    produce(&[("t", &[0])])
}

fn fetch(topics: &[(&str, &[i32])], max_wait_ms: i32) -> Request {
    let row =
        |partition: &i32| FetchPartition { partition: *partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = |(name, rows): &(&str, &[i32])| FetchTopic {
        topic: (*name).into(),
        partitions: rows.iter().map(row).collect(),
        ..FetchTopic::default()
    };
    let topics = topics.iter().map(topic).collect();
    Request::Fetch(FetchRequest { max_wait_ms, min_bytes: 1, session_epoch: -1, topics, ..FetchRequest::default() })
}

fn metadata(topics: &[&str]) -> Request {
    let topics = topics.iter().map(|name| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() });
    Request::Metadata(MetadataRequest { topics: Some(topics.collect()), ..MetadataRequest::default() })
}

fn heartbeat(group: &str) -> Request {
    Request::Heartbeat(HeartbeatRequest { group_id: group.into(), ..HeartbeatRequest::default() })
}

fn commit(group: &str, partitions: &[i32]) -> Request {
    let rows =
        partitions.iter().map(|index| OffsetCommitRequestPartition { partition_index: *index, ..Default::default() });
    let topic = OffsetCommitRequestTopic { name: "t".into(), partitions: rows.collect(), ..Default::default() };
    Request::OffsetCommit(OffsetCommitRequest {
        group_id: group.into(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    })
}

/// The rows of a produce answer: topic, partition, code.
fn produced(response: &Response) -> Vec<(String, i32, ErrorCode)> {
    let Response::Produce(response) = response else { panic!("{response:?}") };
    let rows = response.responses.iter().flat_map(|topic| {
        topic.partition_responses.iter().map(|row| (topic.name.to_string(), row.index, ErrorCode::new(row.error_code)))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    rows
}

fn is_hit(response: &Response) -> bool {
    produced(response).iter().any(|(_, _, code)| *code == ErrorCode::KAFKA_STORAGE_ERROR)
}

/// A fault of produce requests that is easy to see.
fn visible() -> Fault {
    Fault::on(ApiKey::Produce).error(ErrorCode::KAFKA_STORAGE_ERROR)
}

/// Which of the requests a fault hits.
async fn hits(cluster: &Cluster, fault: Fault, requests: impl IntoIterator<Item = Request>) -> Vec<bool> {
    let guard = cluster.inject(fault).unwrap();
    let mut peer = Peer::connect(cluster).await;
    let mut hits = Vec::new();
    for request in requests {
        hits.push(is_hit(&peer.ask(9, request).await));
    }
    assert_eq!(guard.fired(), u64::try_from(hits.iter().filter(|hit| **hit).count()).unwrap());
    hits
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_api_and_its_versions() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let guard = cluster.inject(visible().versions(9..=10)).unwrap();
    assert!(!is_hit(&peer.ask(8, one()).await));
    peer.ask(9, metadata(&["t"])).await;
    assert!(is_hit(&peer.ask(9, one()).await));
    assert_eq!(guard.fired_on()[0].api_version, 9);
    assert_eq!(guard.fired_on()[0].client_id, "peer");
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_broker_by_id_or_by_the_part_it_plays() {
    let cluster = Cluster::in_memory().brokers(3).topic("t", 3).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let leader = cluster.partition("t", 0).snapshot().unwrap().leader;
    let mut check = async |target: Target, expected: u64| {
        let guard = cluster.inject(Fault::on(ApiKey::Metadata).broker(target).delay(MS)).unwrap();
        peer.ask(9, metadata(&["t"])).await;
        assert_eq!(guard.fired(), expected, "{guard}");
    };
    // The peer is connected to broker 1, which is the controller.
    check(1.into(), 1).await;
    check(2.into(), 0).await;
    check(Target::Controller, 1).await;
    check(Target::All, 1).await;
    check(Target::Leader("t".into(), 0), u64::from(leader == BrokerId(1))).await;
    check(Target::Follower("t".into(), 0, 0), u64::from(leader != BrokerId(1))).await;
    check(Target::Leader("absent".into(), 0), 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_client_and_connection() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |fault: Fault, expected: u64| {
        let guard = cluster.inject(fault.delay(MS)).unwrap();
        peer.ask(9, one()).await;
        assert_eq!(guard.fired(), expected, "{guard}");
    };
    let on = || Fault::on(ApiKey::Produce);
    check(on().client_id("peer"), 1).await;
    check(on().client_id("other"), 0).await;
    check(on().client(0), 1).await;
    check(on().client(1), 0).await;
    check(on().principal("User:ANONYMOUS"), 1).await;
    check(on().principal("User:alice"), 0).await;
    check(on().connection(rehearsal::base::ConnectionId(1)), 1).await;
    check(on().connection(rehearsal::base::ConnectionId(2)), 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_goes_to_the_topics_and_partitions_that_were_matched() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |fault: Fault, hit: &[(&str, i32)]| {
        let _guard = cluster.inject(fault).unwrap();
        let answer = peer.ask(9, produce(&[("t", &[0, 1]), ("u", &[0])])).await;
        let expected: Vec<(String, i32, ErrorCode)> = [("t", 0), ("t", 1), ("u", 0)]
            .map(|row| {
                let code = if hit.contains(&row) { ErrorCode::KAFKA_STORAGE_ERROR } else { ErrorCode::NONE };
                (row.0.to_owned(), row.1, code)
            })
            .into();
        assert_eq!(produced(&answer), expected);
    };
    check(visible(), &[("t", 0), ("t", 1), ("u", 0)]).await;
    check(visible().topic("t"), &[("t", 0), ("t", 1)]).await;
    check(visible().topic("t").partition(1), &[("t", 1)]).await;
    check(visible().partition(0), &[("t", 0), ("u", 0)]).await;
    check(visible().after_applied().topic("t").partition(1), &[("t", 1)]).await;
    check(visible().topic("v"), &[]).await;
    // t-0: rows 2, 3 and 5 of the list were applied, and so was the row that was refused afterwards.
    let count = |topic: &str, partition| cluster.partition(topic, partition).high_watermark();
    assert_eq!((count("t", 0), count("t", 1), count("u", 0)), (3, 3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_group() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let guard = cluster.inject(Fault::on_any().group("g").error(ErrorCode::NOT_COORDINATOR).always()).unwrap();
    let code = |response: Response| match response {
        Response::Heartbeat(response) => ErrorCode::new(response.error_code),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(peer.ask(4, heartbeat("g")).await), ErrorCode::NOT_COORDINATOR);
    assert_ne!(code(peer.ask(4, heartbeat("h")).await), ErrorCode::NONE);
    let Response::OffsetCommit(answer) = peer.ask(8, commit("g", &[0, 1])).await else { panic!() };
    assert!(answer.topics[0].partitions.iter().all(|row| row.error_code == ErrorCode::NOT_COORDINATOR.code()));
    let find = FindCoordinatorRequest { coordinator_keys: vec!["g".into(), "h".into()], ..Default::default() };
    let Response::FindCoordinator(answer) = peer.ask(4, Request::FindCoordinator(find)).await else { panic!() };
    let codes: Vec<(&str, i16)> = answer.coordinators.iter().map(|row| (&*row.key, row.error_code)).collect();
    assert_eq!(codes, [("h", 0), ("g", ErrorCode::NOT_COORDINATOR.code())]);
    assert_eq!(guard.fired(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_fields_and_whatever_a_closure_wants() {
    let cluster = cluster().await;
    let check = async |fault: Fault, expected: &[bool]| {
        let requests = [one(), produce(&[("t", &[2])]), produce(&[("u", &[0])])];
        assert_eq!(hits(&cluster, fault.always(), requests).await, expected);
    };
    check(visible().field("topic_data[].partition_data[].index", 2), &[false, true, false]).await;
    check(visible().field("topic_data.name", "u"), &[false, false, true]).await;
    check(visible().field("acks", -1).field("topic_data.name", "t"), &[true, true, false]).await;
    check(visible().field("transactional_id", Value::Null), &[true, true, true]).await;
    check(visible().field("acks", 1), &[false, false, false]).await;
    let on_u = |request: &Request| matches!(request, Request::Produce(asked) if &*asked.topic_data[0].name == "u");
    check(visible().matching(on_u), &[false, false, true]).await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_about_its_producer() {
    let cluster = cluster().await;
    let client = Client::connect(&cluster).await.unwrap();
    let lost = cluster.inject(Fault::on(ApiKey::Produce).producer_id(0).delay(MS)).unwrap();
    let other = cluster.inject(Fault::on(ApiKey::Produce).producer_id(77).delay(MS)).unwrap();
    let producer = client.producer().build();
    producer.send(ProducerRecord::new("t").value("x")).await.unwrap();
    // Whatever the default of the client is: a producer without id has -1 in its batches.
    let asked = cluster.requests().iter().filter(|request| request.api() == ApiKey::InitProducerId).count();
    assert_eq!((lost.fired(), other.fired()), (u64::try_from(asked).unwrap(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_fault_fires_once_or_as_often_as_it_is_told() {
    let cluster = cluster().await;
    let check = async |fault: Fault, expected: &str| {
        let hits = hits(&cluster, fault, (0..8).map(|_| one())).await;
        let drawn: String = hits.iter().map(|hit| if *hit { 'x' } else { '.' }).collect();
        assert_eq!(drawn, expected);
    };
    check(visible(), "x.......").await;
    check(visible().times(3), "xxx.....").await;
    check(visible().nth(4), "...x....").await;
    check(visible().nth(4).times(2), "...xx...").await;
    check(visible().every(3), "..x..x..").await;
    check(visible().every(3).once(), "..x.....").await;
    check(visible().nth(1).every(3), "x..x..x.").await;
    check(visible().always(), "xxxxxxxx").await;
    check(visible().probability(0.0), "........").await;
    check(visible().probability(1.0), "xxxxxxxx").await;
    check(visible().probability(1.0).times(2), "xx......").await;
}

#[tokio::test(start_paused = true)]
async fn chance_follows_from_the_seed_and_the_name_and_from_nothing_else() {
    async fn drawn(seed: u64, others: &[&str]) -> String {
        let cluster = Cluster::in_memory().topic("t", 1).seed(seed).start().await.unwrap();
        for name in others {
            let other = Fault::on(ApiKey::Produce).named(*name).probability(0.5).delay(MS);
            cluster.inject(other).unwrap().keep();
        }
        let fault = cluster.inject(visible().named("mine").probability(0.5)).unwrap();
        let mut peer = Peer::connect(&cluster).await;
        for _ in 0..32 {
            peer.ask(9, one()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // Where another fault had the request, this one did not.
        let others: Vec<_> = cluster.faults().into_iter().filter(|report| report.name != "mine").collect();
        let mut taken: Vec<u64> = others
            .iter()
            .flat_map(|report| report.fired_on.iter().map(|firing| firing.at.since_start().as_secs()))
            .collect();
        taken.sort_unstable();
        let own: Vec<u64> = fault.fired_on().iter().map(|firing| firing.at.since_start().as_secs()).collect();
        (0..32)
            .map(|at| {
                if own.contains(&at) {
                    'x'
                } else if taken.contains(&at) {
                    '?'
                } else {
                    '.'
                }
            })
            .collect()
    }
    let alone = drawn(1, &[]).await;
    assert!((8..=24).contains(&alone.matches('x').count()), "{alone}");
    assert_ne!(alone, drawn(2, &[]).await);
    let together = drawn(1, &["other", "one more"]).await;
    for (alone, together) in alone.chars().zip(together.chars()) {
        assert!(together == '?' || alone == together, "{alone} {together}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_keeps_to_its_window_of_time() {
    let cluster = cluster().await;
    let guard = cluster.inject(visible().between(100 * MS..200 * MS).always()).unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |until_ms: u64, expected: bool| {
        let now = cluster.now().since_start();
        tokio::time::sleep(Duration::from_millis(until_ms).saturating_sub(now)).await;
        assert_eq!(is_hit(&peer.ask(9, one()).await), expected, "{until_ms}");
    };
    check(0, false).await;
    check(99, false).await;
    check(100, true).await;
    check(199, true).await;
    check(200, false).await;
    assert_eq!(guard.fired(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fault_waits_for_another_one_or_for_the_cluster() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let first = cluster.inject(Fault::on(ApiKey::Metadata).named("first").delay(MS)).unwrap();
    let second = cluster.inject(visible().after("first")).unwrap();
    assert!(!is_hit(&peer.ask(9, one()).await));
    peer.ask(9, metadata(&["t"])).await;
    assert!(is_hit(&peer.ask(9, one()).await));
    drop((first, second));

    let two = Condition::HighWatermark { topic: "u".into(), partition: 0, at_least: 2 };
    let _guard = cluster.inject(visible().when(two)).unwrap();
    assert!(!is_hit(&peer.ask(9, produce(&[("u", &[0])])).await));
    assert!(!is_hit(&peer.ask(9, produce(&[("u", &[0])])).await));
    assert!(is_hit(&peer.ask(9, produce(&[("u", &[0])])).await));

    let led = |world: &dyn rehearsal::fault::World| world.leader("t", 0).is_none();
    let never = cluster.inject(visible().when_it_holds(led)).unwrap();
    assert!(!is_hit(&peer.ask(9, one()).await));
    assert_eq!(never.fired(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_fault_that_fires_has_the_request_to_itself() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let first = cluster.inject(visible()).unwrap();
    let second = cluster.inject(Fault::on_any().close()).unwrap();
    assert!(is_hit(&peer.ask(9, one()).await));
    assert_eq!((first.fired(), second.fired()), (1, 0));
    peer.send(9, one()).await;
    assert_eq!(peer.receive().await, None);
    assert_eq!((first.fired(), second.fired()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_can_come_before_or_after_the_request_is_applied() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |fault: Fault, records: usize| {
        let _guard = cluster.inject(fault).unwrap();
        assert!(is_hit(&peer.ask(9, one()).await));
        assert_eq!(cluster.records("t").len(), records);
    };
    check(visible(), 0).await;
    check(visible().after_applied(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_without_acks_closes_the_connection() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let _guard = cluster.inject(visible()).unwrap();
    let Request::Produce(mut asked) = one() else { panic!() };
    asked.acks = 0;
    peer.send(9, Request::Produce(asked)).await;
    assert_eq!(peer.receive().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_has_its_error_in_the_partition_also_within_a_session() {
    let cluster = cluster().await;
    cluster.seed("t", [Record::new("x").partition(0), Record::new("y").partition(1)]).unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let rows = |response: Response| {
        let Response::Fetch(response) = response else { panic!("{response:?}") };
        assert_eq!(response.error_code, 0);
        let rows = response.responses.iter().flat_map(|topic| &topic.partitions);
        let rows = rows.map(|row| (row.partition_index, ErrorCode::new(row.error_code)));
        (response.session_id, rows.collect::<Vec<_>>())
    };
    let Request::Fetch(mut asked) = fetch(&[("t", &[0, 1])], 1000) else { panic!() };
    asked.session_epoch = 0;
    let (session, _) = rows(peer.ask(11, Request::Fetch(asked.clone())).await);
    assert_ne!(session, 0);
    let fault = Fault::on(ApiKey::Fetch).topic("t").partition(1).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let guard = cluster.inject(fault).unwrap();
    // The session knows the partitions, so the request names none.
    let asked = FetchRequest { session_id: session, session_epoch: 1, topics: Vec::new(), ..asked };
    let (_, found) = rows(peer.ask(11, Request::Fetch(asked)).await);
    assert!(found.contains(&(1, ErrorCode::NOT_LEADER_OR_FOLLOWER)), "{found:?}");
    assert!(!found.contains(&(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)), "{found:?}");
    guard.assert_fired();
}

#[tokio::test(start_paused = true)]
async fn metadata_tells_of_the_brokers_although_a_topic_is_refused() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let fault = Fault::on(ApiKey::Metadata).topic("t").error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let _guard = cluster.inject(fault).unwrap();
    let Response::Metadata(answer) = peer.ask(9, metadata(&["t", "u"])).await else { panic!() };
    assert_eq!(answer.brokers.len(), 1);
    let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [3, 0]);
    let fault = Fault::on(ApiKey::Metadata).topic("t").partition(2).error(ErrorCode::LEADER_NOT_AVAILABLE);
    let _guard = cluster.inject(fault);
    assert!(matches!(_guard, Err(Error::Fault(FaultError::Impossible(_)))), "a metadata request names no partitions");
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_as_long_as_it_says() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |fault: Fault, range: std::ops::RangeInclusive<u128>| {
        let _guard = cluster.inject(fault).unwrap();
        let start = Instant::now();
        peer.ask(9, one()).await;
        assert!(range.contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    };
    let on = || Fault::on(ApiKey::Produce);
    check(on().delay(300 * MS), 300..=301).await;
    check(on().after_applied().delay(300 * MS), 300..=301).await;
    check(on().delay(100 * MS..=200 * MS), 100..=201).await;
    check(on().delay(Delay::ExponentialMs(50)), 0..=1000).await;
    let answered: Vec<u128> = cluster
        .requests()
        .iter()
        .filter(|exchange| exchange.api() == ApiKey::Produce)
        .map(|exchange| exchange.answered_at.unwrap().since(exchange.at).as_millis())
        .collect();
    assert_eq!(&answered[..2], [300, 300], "the journal knows");
}

#[tokio::test(start_paused = true)]
async fn a_request_or_its_answer_is_lost_and_the_connection_goes_on() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let mut check = async |fault: Fault, records: usize| {
        let guard = cluster.inject(fault).unwrap();
        peer.send(9, one()).await;
        peer.ask(9, metadata(&["t"])).await;
        guard.assert_fired();
        assert_eq!(cluster.records("t").len(), records);
    };
    check(Fault::on(ApiKey::Produce).drop_it(), 0).await;
    check(Fault::on(ApiKey::Produce).lose_answer(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_before_or_after_the_request_is_applied() {
    let cluster = cluster().await;
    for (fault, records) in [(Fault::on(ApiKey::Produce), 0), (Fault::on(ApiKey::Produce).after_applied(), 1)] {
        let _guard = cluster.inject(fault.close()).unwrap();
        let mut peer = Peer::connect(&cluster).await;
        peer.send(9, one()).await;
        assert_eq!(peer.receive().await, None);
        assert_eq!(cluster.records("t").len(), records);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_stays_open_and_answers_nothing_more() {
    let cluster = cluster().await;
    let _guard = cluster.inject(Fault::on(ApiKey::Produce).silence()).unwrap();
    let mut peer = Peer::connect(&cluster).await;
    peer.send(9, one()).await;
    peer.send(9, metadata(&["t"])).await;
    assert!(tokio::time::timeout(Duration::from_secs(60), peer.receive()).await.is_err(), "not even an end");
    let mut other = Peer::connect(&cluster).await;
    assert!(!is_hit(&other.ask(9, one()).await));
}

#[tokio::test(start_paused = true)]
async fn a_held_request_goes_on_when_it_is_released_or_its_fault_ends() {
    let cluster = cluster().await;
    let mut held = Peer::connect(&cluster).await;
    let mut other = Peer::connect(&cluster).await;
    for (fault, applied) in [(Fault::on(ApiKey::Produce), 0), (Fault::on(ApiKey::Produce).after_applied(), 1)] {
        let before = cluster.records("t").len();
        let guard = cluster.inject(fault.hold()).unwrap();
        held.send(9, one()).await;
        assert!(tokio::time::timeout(Duration::from_secs(5), held.receive()).await.is_err());
        assert_eq!(cluster.records("t").len(), before + applied);
        // Nobody else waits.
        other.ask(9, metadata(&["t"])).await;
        guard.release();
        assert!(held.receive().await.is_some());
        assert_eq!(cluster.records("t").len(), before + 1);
    }
    let guard = cluster.inject(Fault::on(ApiKey::Produce).hold()).unwrap();
    held.send(9, one()).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), held.receive()).await.is_err());
    drop(guard);
    assert!(held.receive().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn two_requests_change_places() {
    let cluster = cluster().await;
    let mut first = Peer::connect(&cluster).await;
    let mut second = Peer::connect(&cluster).await;
    let until = Fault::on(ApiKey::Produce).topic("u");
    let guard = cluster.inject(Fault::on(ApiKey::Produce).topic("t").hold_until(until)).unwrap();
    first.send(9, one()).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), first.receive()).await.is_err());
    assert!(!is_hit(&second.ask(9, produce(&[("u", &[0])])).await));
    assert!(first.receive().await.is_some());
    guard.assert_fired();
    let order: Vec<u64> = cluster
        .requests()
        .iter()
        .filter(|exchange| exchange.api() == ApiKey::Produce)
        .map(|exchange| exchange.connection().0)
        .collect();
    assert_eq!(order, [1, 2], "they came in this order");
    assert_eq!(cluster.records("t").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_arrives_twice_or_its_answer_does() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let _guard = cluster.inject(Fault::on(ApiKey::Produce).duplicate()).unwrap();
    assert!(!is_hit(&peer.ask(9, one()).await));
    assert_eq!(cluster.records("t").len(), 2);
    let _guard = cluster.inject(Fault::on(ApiKey::Produce).after_applied().duplicate()).unwrap();
    peer.send(9, one()).await;
    let (first, second) = (peer.receive().await.unwrap(), peer.receive().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(cluster.records("t").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_an_answer_are_damaged() {
    async fn frame_of(cluster: &Cluster, fault: Fault) -> (Option<(i32, usize)>, Duration, bool) {
        let guard = cluster.inject(fault).unwrap();
        let mut peer = Peer::connect(cluster).await;
        let start = Instant::now();
        peer.send(9, metadata(&["t"])).await;
        let received = tokio::time::timeout(Duration::from_secs(60), peer.receive()).await;
        guard.assert_fired();
        let is_open = received.is_err();
        (received.ok().flatten().map(|(id, frame)| (id, frame.len())), start.elapsed(), is_open)
    }
    let cluster = cluster().await;
    let on = || Fault::on(ApiKey::Metadata);
    let (whole, _, _) = frame_of(&cluster, on().delay(Duration::ZERO)).await;
    let (id, length) = whole.unwrap();
    assert_eq!(id, 1);
    assert_eq!(frame_of(&cluster, on().wrong_correlation_id()).await.0, Some((2, length)));
    let (cut, after, is_open) = frame_of(&cluster, on().truncate(10)).await;
    assert_eq!((cut, after, is_open), (None, Duration::ZERO, false), "closed within the frame");
    let (endless, _, is_open) = frame_of(&cluster, on().oversize(1_000_000)).await;
    assert_eq!((endless, is_open), (None, true), "the rest never comes");
    assert_eq!(frame_of(&cluster, on().oversize(-1)).await.0, None, "no frame has such a length");
    assert_eq!(frame_of(&cluster, on().chunks(1)).await, (Some((1, length)), Duration::ZERO, false));
    let (slow, after, _) = frame_of(&cluster, on().slow(100)).await;
    assert_eq!(slow, Some((1, length)));
    let expected = Duration::from_millis(10) * u32::try_from(length + 3).unwrap();
    assert!(after >= expected && after < expected + 20 * MS, "{after:?} {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn corrupt_records_are_noticed_by_whoever_reads_them() {
    let cluster = cluster().await;
    let client = Client::connect(&cluster).await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let guard = cluster.inject(Fault::on(ApiKey::Produce).topic("t").corrupt_records()).unwrap();
    let answer = peer.ask(9, produce(&[("t", &[0]), ("u", &[0])])).await;
    let expected = [("t".to_owned(), 0, ErrorCode::CORRUPT_MESSAGE), ("u".to_owned(), 0, ErrorCode::NONE)];
    assert_eq!(produced(&answer), expected);
    guard.assert_fired();

    // A fetch that has no records is not hit.
    let guard = cluster.inject(Fault::on(ApiKey::Fetch).after_applied().corrupt_records()).unwrap();
    peer.ask(11, fetch(&[("t", &[0])], 0)).await;
    assert_eq!(guard.fired(), 0);
    let mut consumer = client.consumer().build();
    let partition = TopicPartition::new("u", 0).unwrap();
    consumer.assign([(partition.clone(), StartFrom::Earliest)]);
    let error = consumer.recv().await.unwrap_err();
    assert!(error.to_string().contains("a batch's CRC is stored as"), "{error}");
    // The consumer stays where it is until it is told to try again.
    consumer.seek(&partition, StartFrom::Earliest).unwrap();
    let read: ConsumerRecord = consumer.recv().await.unwrap();
    assert_eq!(read.value.as_deref(), Some(&b"value"[..]));
    assert_eq!(guard.fired(), 1);
    assert_eq!(cluster.topic("u").unreadable(), Vec::<String>::new(), "the log itself is unharmed");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_is_told_so_and_not_read_for_so_long() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let _guard = cluster.inject(Fault::on(ApiKey::Produce).throttle(500 * MS)).unwrap();
    let start = Instant::now();
    let Response::Produce(answer) = peer.ask(9, one()).await else { panic!() };
    assert_eq!((answer.throttle_time_ms, start.elapsed()), (500, Duration::ZERO));
    peer.ask(9, metadata(&["t"])).await;
    assert_eq!(start.elapsed(), 500 * MS);
    peer.ask(9, metadata(&["t"])).await;
    assert_eq!(start.elapsed(), 500 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_guard_counts_tells_and_ends_its_fault() {
    let cluster = cluster().await;
    let mut peer = Peer::connect(&cluster).await;
    let guard = cluster.inject(visible().named("storage").always()).unwrap();
    assert!(is_hit(&peer.ask(9, one()).await));
    let fired_on: Vec<String> = guard.fired_on().iter().map(ToString::to_string).collect();
    assert_eq!(fired_on, ["+0ns Produce v9 of \"peer\" on connection 1 to broker 1"]);
    let said = "fired 1 of 1 times: storage: Produce always: error KAFKA_STORAGE_ERROR";
    assert_eq!(guard.to_string(), said);
    drop(guard);
    assert!(!is_hit(&peer.ask(9, one()).await));
    assert_eq!(cluster.faults()[0].to_string(), format!("{said} (ended)"));
    cluster.inject(visible().always()).unwrap().keep();
    assert!(is_hit(&peer.ask(9, one()).await));
    assert!(cluster.journal().contains("fault on "), "{}", cluster.journal());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the fault has not fired: fired 0 of 0 times: Produce: error KAFKA_STORAGE_ERROR")]
async fn a_fault_that_never_fired_can_fail_the_test() {
    let cluster = cluster().await;
    cluster.inject(visible()).unwrap().assert_fired();
}

#[tokio::test]
async fn what_cannot_happen_is_refused_when_it_is_injected() {
    let cluster = cluster().await;
    let check = |fault: Fault, expected: &str| {
        let error = cluster.inject(fault).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    let on = |api| Fault::on(api);
    check(on(ApiKey::Produce), "the fault has no action; say what happens, such as `.error(…)` or `.close()`");
    check(
        on(ApiKey::Produce).field("topic_data[].nam", "t").close(),
        "a request of Produce has no field `topic_data[].nam`; did you mean `name`?",
    );
    check(
        on(ApiKey::Produce).field("acks", "all").close(),
        "the field `acks` of Produce takes a whole number, and can never have this value",
    );
    check(on(ApiKey::Heartbeat).topic("t").close(), "a request of Heartbeat names no topics");
    check(on(ApiKey::Produce).group("g").close(), "a request of Produce names no groups");
    check(on(ApiKey::Heartbeat).corrupt_records(), "`corrupt records` has nothing to act on in Heartbeat");
    check(
        on(ApiKey::Fetch).corrupt_records(),
        "the records of Fetch are in its answer, so `corrupt records` must act there",
    );
    check(on(ApiKey::Produce).error(ErrorCode::NONE), "NONE is no error; name the code that is to be answered");
    check(on(ApiKey::Produce).error(ErrorCode::new(999)), "no error code is called `999`");
    check(
        on(ApiKey::Produce).versions(20..=30).close(),
        "Produce is not served in this way: versions 3\u{2013}13, not 20\u{2013}30",
    );
    check(on(ApiKey::AddRaftVoter).close(), "AddRaftVoter is not served in this way: no broker of this release has it");
    check(on(ApiKey::Produce).probability(1.5).close(), "a probability is between 0 and 1");
    check(on(ApiKey::Produce).nth(0).close(), "nth, every and times count from 1");
    check(on(ApiKey::Produce).between(MS..MS).close(), "the window of time is empty");
    check(on(ApiKey::Produce).after("frist").close(), "no fault is called `frist`, so nothing can happen after it");
    let _first = cluster.inject(visible().named("first")).unwrap();
    check(
        on(ApiKey::Produce).after("frist").close(),
        "no fault is called `frist`, so nothing can happen after it; did you mean `first`?",
    );
}

#[test]
fn a_fault_is_read_from_json_and_bad_json_is_refused_with_the_nearest_name() {
    let check = |written: Value, expected: &str| {
        let error = serde_json::from_value::<Fault>(written).map(|fault| fault.to_string()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(json!({"on": {"api": "Prodce"}, "action": "drop"}), "no API is called `Prodce`; did you mean `Produce`?");
    check(
        json!({"on": {"api": "Produce"}, "action": {"error": "NOT_LEDER_OR_FOLLOWER"}}),
        "no error code is called `NOT_LEDER_OR_FOLLOWER`; did you mean `NOT_LEADER_OR_FOLLOWER`?",
    );
    check(json!({"on": {"api": "Produce", "topc": "t"}, "action": "drop"}), "unknown field `topc`, expected one of");
    check(
        json!({"on": {"api": "Heartbeat", "topic": "t"}, "action": "drop"}),
        "a request of Heartbeat names no topics",
    );
    check(json!({"on": {"broker": "boss"}, "action": "drop"}), "`boss` names no broker");
    let whole = json!({
        "name": "all", "nth": 2, "every": 3, "times": 4, "probability": 0.5, "from_ms": 1, "until_ms": 2, "after": "x",
        "on": {
            "api": "Produce", "versions": [3, 9], "broker": "leader(t, 0)", "client_id": "c", "client": 1,
            "principal": "User:a", "connection": 5, "topic": "t", "partition": 0, "transactional_id": "x",
            "producer_id": 7, "fields": {"acks": -1},
        },
        "when": {"isr": {"topic": "t", "partition": 0, "at_most": 1}}, "stage": "answer", "action": {"delay": {"fixed_ms": 5}},
    });
    let fault: Fault = serde_json::from_value(whole.clone()).unwrap();
    assert_eq!(serde_json::to_value(&fault).unwrap(), whole);
}
