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
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestGroup;
use crate::wire::messages::sync_group::SyncGroupRequest;
use bytes::Bytes;
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

fn commit(cluster: &mut TestCluster, version: i16, member_id: &str, epoch: i32) -> ErrorCode {
    let partition = OffsetCommitRequestPartition { partition_index: 0, committed_offset: 1, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: epoch,
        member_id: member_id.into(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    ErrorCode::new(cluster.ask(version, request).topics[0].partitions[0].error_code)
}

fn fetch(cluster: &mut TestCluster, member_id: Option<&str>, member_epoch: i32) -> ErrorCode {
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        member_id: member_id.map(Into::into),
        member_epoch,
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    ErrorCode::new(cluster.ask(9, request).groups[0].error_code)
}

#[test]
fn offsets_are_for_members_in_their_epoch() {
    let mut cluster = cluster();
    let _a = Client::join(&mut cluster, "a", &["t"]);
    let mut check = |version: i16, member_id: &str, epoch: i32, expected: ErrorCode| {
        assert_eq!(commit(&mut cluster, version, member_id, epoch), expected, "{version} {member_id} {epoch}");
    };
    check(9, "a", 1, ErrorCode::NONE);
    check(9, "a", 0, ErrorCode::STALE_MEMBER_EPOCH);
    check(9, "a", 2, ErrorCode::STALE_MEMBER_EPOCH);
    check(9, "b", 1, ErrorCode::UNKNOWN_MEMBER_ID);
    check(9, "", -1, ErrorCode::UNKNOWN_MEMBER_ID);
    check(8, "a", 1, ErrorCode::UNSUPPORTED_VERSION);
    let mut check = |member_id: Option<&str>, epoch: i32, expected: ErrorCode| {
        assert_eq!(fetch(&mut cluster, member_id, epoch), expected, "{member_id:?} {epoch}");
    };
    check(None, -1, ErrorCode::NONE);
    check(Some("a"), 1, ErrorCode::NONE);
    check(Some("a"), 0, ErrorCode::STALE_MEMBER_EPOCH);
    check(Some("b"), 1, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(code(&mut cluster, beat("a", -1)), ErrorCode::NONE);
    // Now it is empty, and an administrator may.
    assert_eq!(commit(&mut cluster, 8, "", -1), ErrorCode::NONE);
}

#[test]
fn groups_are_listed_described_and_deleted_by_type() {
    let mut cluster = cluster();
    let _a = Client::join(&mut cluster, "a", &["t"]);
    let mut list = |types: &[&str], states: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        let request =
            ListGroupsRequest { types_filter: texts(types), states_filter: texts(states), ..Default::default() };
        let groups = cluster.ask(5, request).groups;
        let line = |group: &crate::wire::messages::list_groups::ListedGroup| {
            format!("{} {} {} {}", group.group_id, group.group_type, group.group_state, group.protocol_type)
        };
        groups.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(list(&[], &[]), ["g Consumer Stable consumer"]);
    assert_eq!(list(&["consumer"], &["stable"]), ["g Consumer Stable consumer"]);
    assert_eq!(list(&["classic"], &[]), [""; 0]);
    assert_eq!(list(&["consumer"], &["assigning"]), [""; 0]);
    let request = DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() };
    let classic = cluster.ask(6, request.clone()).groups.remove(0);
    assert_eq!((classic.error_code, &*classic.group_state), (69, "Dead"));
    assert_eq!(cluster.ask(5, request).groups[0].error_code, 0);
    assert_eq!(describe(&mut cluster, "h").error_code, ErrorCode::GROUP_ID_NOT_FOUND.code());
    assert_eq!(describe(&mut cluster, "").error_code, ErrorCode::INVALID_GROUP_ID.code());
    let delete = DeleteGroupsRequest { groups_names: vec!["g".into()], ..Default::default() };
    let mut check = |expected: ErrorCode| {
        assert_eq!(cluster.ask(2, delete.clone()).results[0].error_code, expected.code());
    };
    check(ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(code(&mut cluster, beat("a", -1)), ErrorCode::NONE);
    let mut check = |expected: ErrorCode| {
        assert_eq!(cluster.ask(2, delete.clone()).results[0].error_code, expected.code());
    };
    check(ErrorCode::NONE);
    check(ErrorCode::GROUP_ID_NOT_FOUND);
}

fn classic(metadata: &'static [u8]) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: Bytes::from_static(metadata),
        ..JoinGroupRequestProtocol::default()
    };
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

/// Version 0: topics `t`, no user data.
const READS_T: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];

#[test]
fn a_classic_group_becomes_a_consumer_group_and_goes_back() {
    let mut cluster = cluster();
    let joined = cluster.ask(3, classic(READS_T));
    let sync = |generation_id: i32| SyncGroupRequest {
        group_id: "g".into(),
        member_id: joined.member_id.clone(),
        generation_id,
        ..SyncGroupRequest::default()
    };
    assert_eq!(cluster.ask(3, sync(joined.generation_id)).error_code, 0);
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    // The classic member was given nothing by its leader, so the new one may have its half at once.
    assert_eq!((a.epoch, a.owned.len()), (2, 2));
    assert_eq!(cluster.engine.group_snapshot("g").unwrap().members.len(), 2);
    assert_eq!(describe(&mut cluster, "g").members[1].member_type, 0);
    let rejoin = JoinGroupRequest { member_id: joined.member_id.clone(), ..classic(READS_T) };
    let again = cluster.ask(3, rejoin);
    assert_eq!((again.error_code, again.generation_id, &*again.leader), (0, 2, ""));
    let synced = cluster.ask(3, sync(2));
    // Version 0: the topic `t` with two partitions.
    assert_eq!(&synced.assignment[..17], [0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 2]);
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(a.leave(&mut cluster, -1), ErrorCode::NONE);
    let snapshot = cluster.engine.group_snapshot("g").unwrap();
    assert_eq!((snapshot.state, snapshot.generation), (GroupState::PreparingRebalance, 2));
    assert_eq!(describe(&mut cluster, "g").error_code, ErrorCode::GROUP_ID_NOT_FOUND.code());
}

#[test]
fn a_group_stays_classic_when_it_cannot_be_understood_or_must_not_change() {
    let check = |config: &[(&str, &str)], protocol_type: &str, metadata: &'static [u8]| {
        let mut cluster = TestCluster::with_config(1, config).topic("t", 4, 1);
        cluster.coordinator("g");
        let joined = cluster.ask(3, JoinGroupRequest { protocol_type: protocol_type.into(), ..classic(metadata) });
        assert_eq!(joined.error_code, 0);
        assert_eq!(code(&mut cluster, join("a", &["t"])), ErrorCode::GROUP_ID_NOT_FOUND, "{config:?}");
        assert_eq!(cluster.engine.group_snapshot("g").unwrap().members.len(), 1);
    };
    check(&[], "consumer", b"?");
    check(&[], "connect", READS_T);
    check(&[("group.consumer.migration.policy", "downgrade")], "consumer", READS_T);
    check(&[("group.consumer.migration.policy", "disabled")], "consumer", READS_T);
}

#[test]
fn what_is_wrong_with_a_classic_member_of_a_consumer_group_hurts_nobody_else() {
    let mut cluster = TestCluster::with_config(1, &[("group.consumer.max.size", "2")]).topic("t", 4, 1);
    cluster.coordinator("g");
    let mut a = Client::join(&mut cluster, "a", &["t"]);
    let mut check = |request: JoinGroupRequest, expected: ErrorCode| {
        assert_eq!(ErrorCode::new(cluster.ask(3, request).error_code), expected);
    };
    check(classic(b"?"), ErrorCode::UNKNOWN_SERVER_ERROR);
    check(
        JoinGroupRequest { protocol_type: "connect".into(), ..classic(READS_T) },
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
    );
    check(JoinGroupRequest { protocols: Vec::new(), ..classic(READS_T) }, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(classic(READS_T), ErrorCode::NONE);
    check(classic(READS_T), ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(code(&mut cluster, join("c", &["t"])), ErrorCode::GROUP_MAX_SIZE_REACHED);
    let heartbeat = |member_id: &str, generation_id| SyncGroupRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        generation_id,
        ..SyncGroupRequest::default()
    };
    assert_eq!(cluster.ask(3, heartbeat("a", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID.code());
    assert_eq!(a.beat(&mut cluster), ErrorCode::NONE);
    assert_eq!(cluster.engine.group_snapshot("g").unwrap().members.len(), 2);
}

#[test]
fn an_empty_group_is_whoever_comes_firsts() {
    let mut cluster = cluster();
    let a = Client::join(&mut cluster, "a", &["t"]);
    assert_eq!(commit(&mut cluster, 9, "a", 1), ErrorCode::NONE);
    assert_eq!(a.leave(&mut cluster, -1), ErrorCode::NONE);
    let joined = cluster.ask(3, classic(READS_T));
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(cluster.engine.group_snapshot("g").unwrap().offsets.len(), 1);
    // And a group that only has offsets becomes a consumer group.
    cluster.pass_ms(i64::from(REBALANCE_MS) * 2);
    let a = Client::join(&mut cluster, "a", &["t"]);
    assert_eq!((a.epoch, a.owned.len()), (1, 4));
    assert_eq!(cluster.engine.group_snapshot("g").unwrap().offsets.len(), 1);
}

#[test]
fn settings_of_a_group_count_for_more_than_those_of_its_broker() {
    let mut cluster = cluster();
    let response = cluster.ask(1, join("a", &["t"]));
    assert_eq!(response.heartbeat_interval_ms, 100);
    let set = [("consumer.heartbeat.interval.ms", "7"), ("consumer.session.timeout.ms", "1000")];
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
    cluster.engine.state.settings.set_named(crate::config::ConfigKind::Group, "g", set.into());
    let response = cluster.ask(1, join("a", &["t"]));
    assert_eq!(response.heartbeat_interval_ms, 7);
    cluster.pass_ms(1_000);
    assert_eq!(state(&mut cluster), "Empty");
}

#[test]
fn the_assignor_is_that_of_most_members() {
    let mut cluster = cluster();
    let with = |id: &str, name: &str| ConsumerGroupHeartbeatRequest {
        server_assignor: Some(name.into()),
        ..join(id, &["t", "u"])
    };
    let mut a = Client::join_with(&mut cluster, with("a", "range"));
    assert_eq!(describe(&mut cluster, "g").assignor_name, "range");
    let mut b = Client::join_with(&mut cluster, with("b", "range"));
    settle(&mut cluster, &mut [&mut a, &mut b]);
    let topics = |client: &Client| client.owned.iter().map(|(topic, _)| *topic).collect::<BTreeSet<_>>().len();
    assert_eq!((topics(&a), topics(&b)), (2, 2));
}
