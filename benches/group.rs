//! How long until a group of 100 members over 1,000 partitions is stable, for both protocols, on virtual time?
//!
//! The broker's side alone: requests go straight into the engine, and members do nothing but what they are told. With
//! the new protocol everybody learns of changes in heartbeats, so the time is that of all heartbeats until nothing moves.

use bytes::Bytes;
use bytestring::ByteString;
use criterion::BatchSize;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::NewTopic;
use rehearsal::base::BrokerId;
use rehearsal::base::ConnectionId;
use rehearsal::base::Instant;
use rehearsal::base::Seed;
use rehearsal::base::Timestamp;
use rehearsal::broker::Broker;
use rehearsal::broker::Engine;
use rehearsal::broker::EngineConfig;
use rehearsal::broker::GroupState;
use rehearsal::broker::Input;
use rehearsal::broker::Output;
use rehearsal::broker::Release;
use rehearsal::journal::JournalLimits;
use rehearsal::wire::Request;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::RequestMessage;
use rehearsal::wire::Response;
use rehearsal::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use rehearsal::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use rehearsal::wire::messages::consumer_group_heartbeat::TopicPartitions;
use rehearsal::wire::messages::find_coordinator::FindCoordinatorRequest;
use rehearsal::wire::messages::heartbeat::HeartbeatRequest;
use rehearsal::wire::messages::join_group::JoinGroupRequest;
use rehearsal::wire::messages::join_group::JoinGroupRequestProtocol;
use rehearsal::wire::messages::join_group::JoinGroupResponse;
use rehearsal::wire::messages::sync_group::SyncGroupRequest;
use rehearsal::wire::messages::sync_group::SyncGroupRequestAssignment;
use std::collections::BTreeMap;

const MEMBERS: u64 = 100;
const PARTITIONS: i32 = 1_000;

/// An engine with what it has answered and nobody has looked at.
struct Driven {
    engine: Engine,
    now: Instant,
    answers: BTreeMap<ConnectionId, Response>,
}

/// One broker with a topic, and a connection for each member.
fn driven() -> Driven {
    let broker = Broker { id: BrokerId(1), host: "broker".into(), port: 9092, rack: None };
    let config = EngineConfig {
        seed: Seed(0),
        start_time: Timestamp(1_767_225_600_000),
        brokers: vec![broker],
        broker_config: [].into(),
        release: Release::NEWEST,
        journal: JournalLimits::default(),
    };
    let mut engine = Engine::new(config).expect("a good configuration");
    engine.create_topic(Instant::START, NewTopic::new("t").partitions(PARTITIONS)).expect("a new topic");
    for id in 1..=MEMBERS {
        let connected = Input::Connected { connection: ConnectionId(id), broker: BrokerId(1), peer: "client".into() };
        engine.handle_input(Instant::START, connected);
    }
    let mut driven = Driven { engine, now: Instant::START, answers: BTreeMap::new() };
    let find = FindCoordinatorRequest { key: "g".into(), ..FindCoordinatorRequest::default() };
    driven.send(1, 3, find);
    driven.answers.clear();
    driven
}

impl Driven {
    fn send<R: RequestMessage + Into<Request>>(&mut self, member: u64, api_version: i16, request: R) {
        let header =
            RequestHeader { api_key: R::KEY.code(), api_version, correlation_id: 1, client_id: Some("c".into()) };
        let connection = ConnectionId(member);
        let input = Input::Request { connection, header, request: request.into(), body: Bytes::new() };
        self.engine.handle_input(self.now, input);
        while let Some(output) = self.engine.poll_output() {
            if let Output::Send { connection, response, .. } = output {
                self.answers.insert(connection, Response::clone(&response));
            }
        }
    }

    fn answer<R: TryFrom<Response>>(&mut self, member: u64) -> Option<R> {
        R::try_from(self.answers.remove(&ConnectionId(member))?).ok()
    }

    fn is_stable(&self) -> bool {
        let group = self.engine.group_snapshot("g").expect("a group");
        group.state == GroupState::Stable && group.members.len() == usize::try_from(MEMBERS).unwrap_or(0)
    }
}

/// Returns how many heartbeats it took.
fn consumer_protocol(mut driven: Driven) -> usize {
    let mut members: Vec<(i32, Option<Vec<TopicPartitions>>)> = vec![(0, Some(Vec::new())); 100];
    let mut heartbeats = 0;
    loop {
        for (member, (epoch, says)) in (1..).zip(&mut members) {
            let joins = *epoch == 0;
            let request = ConsumerGroupHeartbeatRequest {
                group_id: "g".into(),
                member_id: ByteString::from(format!("m{member:03}")),
                member_epoch: *epoch,
                rebalance_timeout_ms: if joins { 60_000 } else { -1 },
                subscribed_topic_names: joins.then(|| vec!["t".into()]),
                topic_partitions: says.take(),
                ..ConsumerGroupHeartbeatRequest::default()
            };
            driven.send(member, 1, request);
            heartbeats += 1;
            let response: ConsumerGroupHeartbeatResponse = driven.answer(member).expect("an answer at once");
            assert_eq!(response.error_code, 0);
            *epoch = response.member_epoch;
            // A client says what it owns after it has changed.
            *says = response.assignment.map(|assignment| {
                let rows = assignment.topic_partitions.into_iter();
                let rows = rows.map(|row| TopicPartitions {
                    topic_id: row.topic_id,
                    partitions: row.partitions,
                    ..TopicPartitions::default()
                });
                rows.collect()
            });
        }
        if driven.is_stable() {
            return heartbeats;
        }
        driven.now = driven.now.plus_ms(100);
        driven.engine.handle_timeout(driven.now);
    }
}

/// Returns how many requests it took.
fn classic_protocol(mut driven: Driven) -> usize {
    // An assignment as the consumer's range assignor would write it, of ten partitions.
    let part = Bytes::from(vec![0; 60]);
    let join = |id: &ByteString| JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 60_000,
        member_id: id.clone(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff]),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    };
    // By member: its id, and its generation once it has its part.
    let mut members: BTreeMap<u64, (ByteString, Option<i32>)> = BTreeMap::new();
    let mut requests = 0;
    for member in 1..=MEMBERS {
        driven.send(member, 4, join(&ByteString::new()));
        let told: JoinGroupResponse = driven.answer(member).expect("an id at once");
        driven.send(member, 4, join(&told.member_id));
        members.insert(member, (told.member_id, None));
        requests += 2;
    }
    loop {
        for (member, (id, generation)) in &mut members {
            match driven.answers.remove(&ConnectionId(*member)) {
                Some(Response::JoinGroup(joined)) => {
                    let assignments = joined.members.iter().map(|row| SyncGroupRequestAssignment {
                        member_id: row.member_id.clone(),
                        assignment: part.clone(),
                        ..SyncGroupRequestAssignment::default()
                    });
                    *generation = Some(joined.generation_id);
                    let request = SyncGroupRequest {
                        group_id: "g".into(),
                        generation_id: joined.generation_id,
                        member_id: id.clone(),
                        assignments: assignments.collect(),
                        ..SyncGroupRequest::default()
                    };
                    driven.send(*member, 3, request);
                    requests += 1;
                }
                Some(Response::SyncGroup(synced)) if synced.error_code != 0 => {
                    driven.send(*member, 4, join(id));
                    *generation = None;
                    requests += 1;
                }
                // It has its part.
                Some(_) => {
                    let request = HeartbeatRequest {
                        group_id: "g".into(),
                        generation_id: generation.unwrap_or(-1),
                        member_id: id.clone(),
                        ..HeartbeatRequest::default()
                    };
                    driven.send(*member, 3, request);
                    requests += 1;
                    let rebalances = driven.answers.get(&ConnectionId(*member));
                    if matches!(rebalances, Some(Response::Heartbeat(beat)) if beat.error_code != 0) {
                        driven.answers.remove(&ConnectionId(*member));
                        driven.send(*member, 4, join(id));
                        *generation = None;
                        requests += 1;
                    }
                }
                // It waits.
                None => {}
            }
        }
        if driven.is_stable() {
            return requests;
        }
        driven.now = driven.now.plus_ms(100);
        driven.engine.handle_timeout(driven.now);
    }
}

fn until_stable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("100 members, 1,000 partitions, until stable");
    group.sample_size(10);
    group.bench_function("consumer protocol", |bencher| {
        bencher.iter_batched(driven, consumer_protocol, BatchSize::PerIteration);
    });
    group.bench_function("classic protocol", |bencher| {
        bencher.iter_batched(driven, classic_protocol, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, until_stable);
criterion_main!(benches);
