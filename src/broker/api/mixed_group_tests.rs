//! Groups whose members come, go, hang and crash at random, of the new protocol and of the classic one in both its
//! styles: no partition is ever owned by two members, and at the end each is owned by one.

use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::GroupAction;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::Seed;
use crate::broker::Input;
use crate::broker::api::testing::Answer;
use crate::broker::api::testing::TestCluster;
use crate::coordinator::of_consumer;
use crate::wire::codec::Message;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::consumer_group_heartbeat::TopicPartitions;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::consumer_protocol::RequestTopicPartition;
use crate::wire::messages::consumer_protocol::TopicPartition;
use crate::wire::messages::create_partitions::CreatePartitionsRequest;
use crate::wire::messages::create_partitions::CreatePartitionsTopic;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupRequestAssignment;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 30_000;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Consumer,
    /// Classic: gives everything up before it joins.
    Eager,
    /// Classic: gives up only what it is not given again.
    Cooperative,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Join,
    Sync,
}

struct Client {
    kind: Kind,
    connection: ConnectionId,
    id: String,
    epoch: i32,
    owned: BTreeSet<i32>,
    asks: Option<Asks>,
    crashed: bool,
    paused_until: Instant,
}

struct Crowd {
    cluster: TestCluster,
    clients: Vec<Client>,
    partitions: i32,
    joined: usize,
}

fn versioned(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put(message.to_bytes(1).unwrap());
    bytes.freeze()
}

/// What the leader of a classic group makes of its members: nobody is given what somebody else still owns.
fn assign(members: &[JoinGroupResponseMember], partitions: i32) -> Vec<SyncGroupRequestAssignment> {
    let mut owners: BTreeMap<i32, usize> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        let said = of_consumer::<ConsumerProtocolSubscription>(&member.metadata).unwrap();
        for index in said.owned_partitions.iter().flat_map(|row| row.partitions.clone()) {
            owners.insert(index, at);
        }
    }
    let mut given = vec![Vec::new(); members.len()];
    // Only the leader is told of anybody.
    for index in (0..partitions).filter(|_| !members.is_empty()) {
        let to = usize::try_from(index).unwrap() % members.len();
        if owners.get(&index).is_none_or(|owner| *owner == to) {
            given[to].push(index);
        }
    }
    let rows = members.iter().zip(given).map(|(member, partitions)| {
        let row = RequestTopicPartition { topic: "t".into(), partitions, ..Default::default() };
        let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![row], ..Default::default() };
        SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: versioned(&assignment),
            ..SyncGroupRequestAssignment::default()
        }
    });
    rows.collect()
}

impl Crowd {
    fn new() -> Self {
        let session = SESSION_MS.to_string();
        let mut cluster = TestCluster::with_config(1, &[("group.consumer.session.timeout.ms", &session)]);
        cluster = cluster.topic("t", 6, 1);
        cluster.coordinator("g");
        Self { cluster, clients: Vec::new(), partitions: 6, joined: 0 }
    }

    fn add(&mut self, kind: Kind) {
        self.joined += 1;
        let id = if kind == Kind::Consumer { format!("c{:03}", self.joined) } else { String::new() };
        self.clients.push(Client {
            kind,
            connection: self.cluster.connect(1),
            id,
            epoch: 0,
            owned: BTreeSet::new(),
            asks: None,
            crashed: false,
            paused_until: Instant::START,
        });
        self.join(self.clients.len() - 1);
    }

    fn join(&mut self, at: usize) {
        if self.clients[at].kind == Kind::Consumer {
            self.clients[at].epoch = 0;
            self.clients[at].owned.clear();
            return self.beat(at);
        }
        let client = &mut self.clients[at];
        client.asks = Some(Asks::Join);
        if client.kind == Kind::Eager {
            client.owned.clear();
        }
        let partitions: Vec<i32> = client.owned.iter().copied().collect();
        let owned_partitions = if partitions.is_empty() {
            Vec::new()
        } else {
            vec![TopicPartition { topic: "t".into(), partitions, ..Default::default() }]
        };
        let said = ConsumerProtocolSubscription { topics: vec!["t".into()], owned_partitions, ..Default::default() };
        let name = if client.kind == Kind::Eager { "range" } else { "cooperative-sticky" };
        let protocol = JoinGroupRequestProtocol { name: name.into(), metadata: versioned(&said), ..Default::default() };
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: client.id.as_str().into(),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        let answer = self.cluster.send(client.connection, 5, request);
        self.on_joined(at, answer);
    }

    fn on_joined(&mut self, at: usize, answer: Answer<JoinGroupResponse>) {
        let Answer::Response(joined) = answer else { return };
        let client = &mut self.clients[at];
        client.asks = None;
        match ErrorCode::new(joined.error_code) {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                client.id = joined.member_id.to_string();
                return self.join(at);
            }
            // It comes again with its next turn.
            ErrorCode::REBALANCE_IN_PROGRESS => return client.epoch = -1,
            _ => return self.lose(at),
        }
        (client.epoch, client.asks) = (joined.generation_id, Some(Asks::Sync));
        let assignments = assign(&joined.members, self.partitions);
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            assignments,
            ..SyncGroupRequest::default()
        };
        let answer = self.cluster.send(client.connection, 3, request);
        self.on_synced(at, answer);
    }

    /// It is no member any more: what it had is lost.
    fn lose(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.owned.clear();
        client.epoch = -1;
        if client.kind != Kind::Consumer {
            client.id.clear();
        }
    }

    fn on_synced(&mut self, at: usize, answer: Answer<SyncGroupResponse>) {
        let Answer::Response(synced) = answer else { return };
        let client = &mut self.clients[at];
        client.asks = None;
        match ErrorCode::new(synced.error_code) {
            ErrorCode::NONE => {}
            ErrorCode::REBALANCE_IN_PROGRESS => return client.epoch = -1,
            _ => return self.lose(at),
        }
        let given = of_consumer::<ConsumerProtocolAssignment>(&synced.assignment).unwrap();
        let given: BTreeSet<i32> = given.assigned_partitions.iter().flat_map(|row| row.partitions.clone()).collect();
        let gives_up = !client.owned.is_subset(&given);
        client.owned = given;
        if client.kind == Kind::Cooperative && gives_up {
            client.epoch = -1;
        }
    }

    fn beat(&mut self, at: usize) {
        let client = &self.clients[at];
        let topic_id = self.cluster.engine.state.topics.get("t").unwrap().id;
        let partitions: Vec<i32> = client.owned.iter().copied().collect();
        let rows = vec![TopicPartitions { topic_id, partitions, ..TopicPartitions::default() }];
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: client.id.as_str().into(),
            member_epoch: client.epoch,
            rebalance_timeout_ms: REBALANCE_MS,
            subscribed_topic_names: Some(vec!["t".into()]),
            topic_partitions: Some(if client.owned.is_empty() { Vec::new() } else { rows }),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let response: ConsumerGroupHeartbeatResponse = self.cluster.send(client.connection, 1, request).response();
        let client = &mut self.clients[at];
        match ErrorCode::new(response.error_code) {
            ErrorCode::NONE => {
                client.epoch = response.member_epoch;
                if let Some(assignment) = response.assignment {
                    let rows = assignment.topic_partitions.iter();
                    client.owned = rows.flat_map(|row| row.partitions.clone()).collect();
                }
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::GROUP_ID_NOT_FOUND => {
                self.lose(at);
            }
            other => panic!("{other:?} {:?}", response.error_message),
        }
    }

    fn turn_of(&mut self, at: usize) {
        let client = &self.clients[at];
        let connection = client.connection;
        if client.crashed || client.paused_until > self.cluster.now {
            return;
        }
        match client.asks {
            Some(Asks::Join) => {
                let answer = self.cluster.received(connection);
                self.on_joined(at, answer);
            }
            Some(Asks::Sync) => {
                let answer = self.cluster.received(connection);
                self.on_synced(at, answer);
            }
            None if client.epoch < 0 => self.join(at),
            None if client.kind == Kind::Consumer => self.beat(at),
            None => {
                let (generation_id, member_id) = (client.epoch, client.id.as_str().into());
                let request = HeartbeatRequest { group_id: "g".into(), generation_id, member_id, ..Default::default() };
                match ErrorCode::new(self.cluster.send(connection, 3, request).response().error_code) {
                    ErrorCode::NONE => {}
                    ErrorCode::REBALANCE_IN_PROGRESS => self.join(at),
                    _ => {
                        self.lose(at);
                        self.join(at);
                    }
                }
            }
        }
        self.check();
    }

    fn turn(&mut self) {
        (0..self.clients.len()).for_each(|at| self.turn_of(at));
    }

    /// Who is a member has its partitions to itself; who is none any more will hear of it.
    fn check(&self) {
        let Some(group) = self.cluster.engine.group_snapshot("g") else { return };
        let members: BTreeSet<&str> = group.members.iter().map(|member| member.member_id.as_str()).collect();
        let mut owners: BTreeMap<i32, &str> = BTreeMap::new();
        for client in self.clients.iter().filter(|client| members.contains(client.id.as_str())) {
            for index in &client.owned {
                let before = owners.insert(*index, &client.id);
                assert_eq!(before, None, "t-{index} belongs to {} too\n{group}", client.id);
            }
        }
    }

    fn leave(&mut self, at: usize) {
        let client = self.clients.swap_remove(at);
        let input = Input::Disconnected { connection: client.connection, reason: "left".into() };
        self.cluster.engine.handle_input(self.cluster.now, input);
        if client.kind == Kind::Consumer {
            let request = ConsumerGroupHeartbeatRequest {
                group_id: "g".into(),
                member_id: client.id.as_str().into(),
                member_epoch: -1,
                ..ConsumerGroupHeartbeatRequest::default()
            };
            self.cluster.ask(1, request);
        } else {
            let member = MemberIdentity { member_id: client.id.as_str().into(), ..Default::default() };
            let request = LeaveGroupRequest { group_id: "g".into(), members: vec![member], ..Default::default() };
            self.cluster.ask(4, request);
        }
        self.check();
    }

    fn add_partition(&mut self) {
        self.partitions += 1;
        let topic = CreatePartitionsTopic { name: "t".into(), count: self.partitions, ..Default::default() };
        let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() };
        assert_eq!(self.cluster.ask(3, request).results[0].error_code, 0);
    }

    /// Lets everything come to rest and checks that each partition has exactly one owner.
    fn settle(&mut self) {
        let alive = |crowd: &Self| crowd.clients.iter().any(|client| !client.crashed);
        for round in 0..60 {
            self.cluster.pass_ms(2_000);
            self.turn();
            if round == 20 && alive(self) {
                // Classic members do not look for new partitions by themselves here.
                let _ = self.cluster.engine.act_on_group(self.cluster.now, "g", &GroupAction::Rebalance);
            }
        }
        self.clients.retain(|client| !client.crashed);
        let mut owned: Vec<i32> = self.clients.iter().flat_map(|client| client.owned.iter().copied()).collect();
        owned.sort_unstable();
        let all: Vec<i32> = if self.clients.is_empty() { Vec::new() } else { (0..self.partitions).collect() };
        let Some(group) = self.cluster.engine.group_snapshot("g") else { return assert_eq!(owned, all) };
        assert_eq!(owned, all, "{group}");
        assert_eq!(group.members.len(), self.clients.len());
        for member in &group.members {
            let client = self.clients.iter().find(|client| client.id == member.member_id).unwrap();
            let assigned: BTreeSet<i32> = member.assignment.iter().map(|(_, PartitionIndex(index))| *index).collect();
            assert_eq!(client.owned, assigned);
        }
        self.check_replay();
    }

    /// What is in the log says the same as what the coordinator knows.
    fn check_replay(&self) {
        let before = self.cluster.engine.group_snapshot("g").unwrap();
        let saved = self.cluster.engine.save(self.cluster.now);
        let mut other = TestCluster::new(1);
        other.engine.restore(saved).unwrap();
        assert_eq!(other.engine.group_snapshot("g").unwrap(), before);
    }
}

/// Says which life failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// A random life of a group with clients of these kinds.
fn live(seed: u64, kinds: &[Kind]) {
    let _named = Named(seed);
    let mut rng: Rng = Seed(seed).stream("mixed crowd");
    let mut pick = |bound: usize| usize::try_from(rng.below(u64::try_from(bound).unwrap())).unwrap();
    let mut crowd = Crowd::new();
    for _ in 0..80 {
        let at = pick(crowd.clients.len().max(1));
        let there = at < crowd.clients.len();
        match pick(12) {
            0..=2 if crowd.clients.len() < 8 => crowd.add(kinds[pick(kinds.len())]),
            3 if there => crowd.leave(at),
            4 if there => crowd.clients[at].crashed = true,
            5 if there => {
                let ms = i64::try_from(pick(20_000)).unwrap();
                crowd.clients[at].paused_until = crowd.cluster.now.plus_ms(ms);
            }
            6 => crowd.cluster.pass_ms(i64::try_from(pick(6_000)).unwrap()),
            7 if pick(4) == 0 => crowd.add_partition(),
            8 if there => crowd.turn_of(at),
            _ => crowd.turn(),
        }
        crowd.check();
    }
    crowd.settle();
}

#[test]
fn members_of_the_new_protocol_share_whatever_happens() {
    (0..30).for_each(|seed| live(seed, &[Kind::Consumer]));
}

#[test]
fn eager_members_of_the_classic_protocol_share_with_those_of_the_new_one() {
    (0..30).for_each(|seed| live(seed, &[Kind::Consumer, Kind::Eager]));
}

/// The 743rd life moved a partition to a new member while a cooperative one, whom the last leader had given it no more,
/// had not heard of that.
#[test]
fn cooperative_members_of_the_classic_protocol_share_with_those_of_the_new_one() {
    (0..30).chain([743]).for_each(|seed| live(seed, &[Kind::Consumer, Kind::Cooperative]));
}
