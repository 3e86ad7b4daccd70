//! Consumer groups of KIP-848 through the protocol, on virtual time.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::GroupState;
use crate::broker::api::testing::TestCluster;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::consumer_group_describe::DescribedGroup;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::consumer_group_heartbeat::TopicPartitions;
use std::collections::BTreeSet;

const REBALANCE_MS: i32 = 30_000;
const SESSION_MS: i64 = 45_000;

fn cluster() -> TestCluster {
    let mut cluster = TestCluster::new(1).topic("t", 4, 1).topic("u", 2, 1);
    cluster.coordinator("g");
    cluster
}

fn join(member_id: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        rebalance_timeout_ms: REBALANCE_MS,
        subscribed_topic_names: Some(topics.iter().map(|name| (*name).into()).collect()),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn join_static(instance_id: &str, member_id: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { instance_id: Some(instance_id.into()), ..join(member_id, &["t"]) }
}

fn beat(member_id: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        member_epoch,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// A client as it should be: it does what it is told, at once.
struct Client {
    id: String,
    epoch: i32,
    owned: BTreeSet<(Uuid, PartitionIndex)>,
    instance_id: Option<String>,
}

impl Client {
    fn join(cluster: &mut TestCluster, id: &str, topics: &[&str]) -> Self {
        Self::join_with(cluster, join(id, topics))
    }

    fn join_with(cluster: &mut TestCluster, request: ConsumerGroupHeartbeatRequest) -> Self {
        let instance_id = request.instance_id.as_ref().map(ToString::to_string);
        let response = cluster.ask(1, request);
        assert_eq!(response.error_code, 0, "{:?}", response.error_message);
        let id = response.member_id.clone().unwrap().to_string();
        let mut client = Self { id, epoch: 0, owned: BTreeSet::new(), instance_id };
        client.take(&response);
        client
    }

    fn take(&mut self, response: &ConsumerGroupHeartbeatResponse) {
        self.epoch = response.member_epoch;
        if let Some(assignment) = &response.assignment {
            let rows = assignment.topic_partitions.iter();
            let rows = rows.flat_map(|row| row.partitions.iter().map(|index| (row.topic_id, PartitionIndex(*index))));
            self.owned = rows.collect();
        }
    }

    /// Says what it has, as after a change, and takes what it gets.
    fn beat(&mut self, cluster: &mut TestCluster) -> ErrorCode {
        let rows = self.owned.iter().map(|(topic_id, index)| TopicPartitions {
            topic_id: *topic_id,
            partitions: vec![index.0],
            ..TopicPartitions::default()
        });
        let mut request = beat(&self.id, self.epoch);
        request.topic_partitions = Some(rows.collect());
        request.instance_id = self.instance_id.as_deref().map(Into::into);
        let response = cluster.ask(1, request);
        if response.error_code == 0 {
            self.take(&response);
        }
        ErrorCode::new(response.error_code)
    }

    fn leave(&self, cluster: &mut TestCluster, epoch: i32) -> ErrorCode {
        let instance_id = self.instance_id.as_deref().map(Into::into);
        code(cluster, ConsumerGroupHeartbeatRequest { instance_id, ..beat(&self.id, epoch) })
    }
}

/// Lets everybody come until nothing moves any more.
fn settle(cluster: &mut TestCluster, clients: &mut [&mut Client]) {
    for _ in 0..4 {
        clients.iter_mut().for_each(|client| assert_eq!(client.beat(cluster), ErrorCode::NONE));
    }
    assert_eq!(state(cluster), "Stable");
}

fn code(cluster: &mut TestCluster, request: ConsumerGroupHeartbeatRequest) -> ErrorCode {
    ErrorCode::new(cluster.ask(1, request).error_code)
}

fn describe(cluster: &mut TestCluster, group: &str) -> DescribedGroup {
    let request = ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
    cluster.ask(1, request).groups.remove(0)
}

fn state(cluster: &mut TestCluster) -> String {
    describe(cluster, "g").group_state.to_string()
}

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut cluster = cluster();
    let client = Client::join(&mut cluster, "a", &["t", "u"]);
    assert_eq!((client.epoch, client.owned.len()), (1, 6));
    assert_eq!(state(&mut cluster), "Stable");
    let group = describe(&mut cluster, "g");
    assert_eq!((group.group_epoch, group.assignment_epoch, &*group.assignor_name), (1, 1, "uniform"));
    let member = &group.members[0];
    assert_eq!((&*member.member_id, member.member_epoch, member.member_type), ("a", 1, 1));
    assert_eq!(member.assignment, member.target_assignment);
    assert_eq!(member.assignment.topic_partitions.len(), 2);
    let snapshot = cluster.engine.group_snapshot("g").unwrap();
    assert_eq!((snapshot.state, snapshot.generation, snapshot.members[0].assignment.len()), (GroupState::Stable, 1, 6));
}

#[test]
fn partitions_are_given_up_before_somebody_else_gets_them() {
    let mut cluster = cluster();
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    let mut b = Client::join(&mut cluster, "b", &["t"]);
    assert_eq!((b.epoch, b.owned.len()), (2, 0));
    assert_eq!(state(&mut cluster), "Reconciling");
    // The first is told what it keeps, and says that it owns no more than that.
    let before = a.owned.clone();
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (1, 2));
    assert_eq!(b.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(b.owned.len(), 0);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (2, 2));
    assert_eq!(b.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((b.epoch, b.owned.len()), (2, 2));
    assert!(a.owned.is_disjoint(&b.owned));
    assert_eq!(a.owned.union(&b.owned).copied().collect::<BTreeSet<_>>(), before);
    assert_eq!(state(&mut cluster), "Stable");
}

#[test]
fn who_leaves_frees_its_partitions_and_who_is_silent_is_taken_out() {
    let mut cluster = cluster();
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    let b = Client::join(&mut cluster, "b", &["t"]);
    assert_eq!(b.leave(&mut cluster, -1), ErrorCode::NONE);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (3, 4));
    cluster.pass_ms(SESSION_MS - 1);
    assert_eq!(state(&mut cluster), "Stable");
    cluster.pass_ms(1);
    assert_eq!(state(&mut cluster), "Empty");
    assert_eq!(a.beat(&mut cluster), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_does_not_give_up_in_time_is_taken_out() {
    let mut cluster = cluster();
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    let mut b = Client::join(&mut cluster, "b", &["t"]);
    // It hears that it has to give up, and goes on without saying that it has.
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    for _ in 0..3 {
        cluster.pass_ms(i64::from(REBALANCE_MS) / 3);
        let expected = if cluster.now.since_start().as_millis() < 30_000 { 0 } else { 25 };
        assert_eq!(code(&mut cluster, beat("a", 1)).code(), expected);
        assert_eq!(b.beat(&mut cluster), ErrorCode::NONE);
    }
    assert_eq!(b.owned.len(), 4);
}

#[test]
fn errors_come_in_kafkas_order() {
    let mut cluster = cluster();
    let mut check = |request: ConsumerGroupHeartbeatRequest, expected: ErrorCode| {
        assert_eq!(code(&mut cluster, request.clone()), expected, "{request:?}");
    };
    let good = join("a", &["t"]);
    check(join("", &["t"]), ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { group_id: "".into(), ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { instance_id: Some("".into()), ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { rack_id: Some(" ".into()), ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { topic_partitions: None, ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..good.clone() }, ErrorCode::INVALID_REQUEST);
    check(beat("a", -2), ErrorCode::INVALID_REQUEST);
    check(beat("a", -3), ErrorCode::INVALID_REQUEST);
    let assignor = ConsumerGroupHeartbeatRequest { server_assignor: Some("best".into()), ..good.clone() };
    check(assignor, ErrorCode::UNSUPPORTED_ASSIGNOR);
    check(beat("a", 1), ErrorCode::GROUP_ID_NOT_FOUND);
    check(beat("a", -1), ErrorCode::GROUP_ID_NOT_FOUND);
    let regex = ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some("(".into()), ..good.clone() };
    check(regex, ErrorCode::INVALID_REGULAR_EXPRESSION);
    // None of that has made a group.
    check(beat("a", 1), ErrorCode::GROUP_ID_NOT_FOUND);
    check(good, ErrorCode::NONE);
    check(beat("b", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    check(beat("b", -1), ErrorCode::UNKNOWN_MEMBER_ID);
    check(beat("a", 2), ErrorCode::FENCED_MEMBER_EPOCH);
    check(beat("a", 1), ErrorCode::NONE);
}

#[test]
fn the_last_answer_may_get_lost() {
    let mut cluster = cluster();
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    let _b = Client::join(&mut cluster, "b", &["t"]);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    let before = (a.epoch, a.owned.clone());
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(a.epoch, 2);
    // It never got that one, and says the same again: it is told again.
    (a.epoch, a.owned) = before;
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(a.epoch, 2);
    // With anything else, or less, it is fenced.
    assert_eq!(code(&mut cluster, beat("a", 1)), ErrorCode::FENCED_MEMBER_EPOCH);
}

#[test]
fn a_static_member_may_be_away_for_a_while() {
    let mut cluster = cluster();
    let mut a = Client::join_with(&mut cluster, join_static("i", "a"));
    let mut b = Client::join(&mut cluster, "b", &["t"]);
    settle(&mut cluster, &mut [&mut a, &mut b]);
    let (epoch, owned) = (a.epoch, a.owned.clone());
    // Its name is taken while it is there.
    assert_eq!(code(&mut cluster, join_static("i", "c")), ErrorCode::UNRELEASED_INSTANCE_ID);
    assert_eq!(a.leave(&mut cluster, -2), ErrorCode::NONE);
    assert_eq!(
        code(&mut cluster, ConsumerGroupHeartbeatRequest { instance_id: Some("i".into()), ..beat("a", epoch) }),
        ErrorCode::FENCED_MEMBER_EPOCH
    );
    let mut c = Client::join_with(&mut cluster, join_static("i", "c"));
    assert_eq!((c.epoch, &c.owned), (epoch, &owned));
    assert_eq!(a.beat(&mut cluster), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(c.beat(&mut cluster), ErrorCode::NONE);
    let unknown = ConsumerGroupHeartbeatRequest { instance_id: Some("j".into()), ..beat("c", epoch) };
    assert_eq!(code(&mut cluster, unknown), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(c.leave(&mut cluster, -2), ErrorCode::NONE);
    cluster.pass_ms(SESSION_MS / 2);
    assert_eq!(b.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(b.owned.len(), 2);
    cluster.pass_ms(SESSION_MS / 2);
    assert_eq!(b.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(b.owned.len(), 4);
}

#[test]
fn before_version_1_the_coordinator_makes_the_id() {
    let mut cluster = cluster();
    let response = cluster.ask(0, join("", &["t"]));
    assert_eq!((response.error_code, response.member_epoch), (0, 1));
    assert_eq!(response.member_id.unwrap().len(), 22);
}

#[test]
fn a_new_topic_is_assigned_when_it_is_there() {
    let mut cluster = cluster();
    let mut a = Client::join(&mut cluster, "a", &["later"]);
    assert_eq!((a.epoch, a.owned.len()), (1, 0));
    cluster = cluster.topic("later", 3, 1);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (2, 3));
}

#[test]
fn a_regular_expression_stands_for_topics_of_now_and_later() {
    let mut cluster = cluster();
    let mut request = join("a", &[]);
    request.subscribed_topic_names = None;
    request.subscribed_topic_regex = Some("[tv].*".into());
    let mut a = Client::join_with(&mut cluster, request);
    assert_eq!((a.epoch, a.owned.len()), (1, 0));
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (2, 4));
    // The whole name has to fit. Topics are looked at again after ten seconds.
    cluster = cluster.topic("v1", 1, 1).topic("xv", 1, 1);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(a.owned.len(), 4);
    cluster.pass_ms(10_001);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!((a.epoch, a.owned.len()), (3, 5));
    assert_eq!(describe(&mut cluster, "g").members[0].subscribed_topic_regex.as_deref(), Some("[tv].*"));
}

#[test]
fn groups_are_found_again_after_a_move() {
    let mut cluster = cluster();
    let mut a = Client::join_with(&mut cluster, join_static("i", "a"));
    let mut b = Client::join(&mut cluster, "b", &["t"]);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    let before = describe(&mut cluster, "g");
    cluster.engine.act_on_group(cluster.now, "g", &crate::base::GroupAction::UnloadCoordinator).unwrap();
    assert_eq!(describe(&mut cluster, "g"), before);
    settle(&mut cluster, &mut [&mut a, &mut b]);
    assert_eq!((a.owned.len(), b.owned.len()), (2, 2));
}
