//! Groups of several members through the protocol, on virtual time.

use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::Seed;
use crate::broker::GroupState;
use crate::broker::Input;
use crate::broker::api::testing::Answer;
use crate::broker::api::testing::TestCluster;
use crate::coordinator::Member;
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
use crate::wire::messages::offset_delete::OffsetDeleteRequest;
use crate::wire::messages::offset_delete::OffsetDeleteRequestPartition;
use crate::wire::messages::offset_delete::OffsetDeleteRequestTopic;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupRequestAssignment;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytes::Bytes;
use std::collections::BTreeMap;

pub(super) const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 30_000;

fn cluster(config: &[(&str, &str)]) -> TestCluster {
    let mut cluster = TestCluster::with_config(1, config).topic("t", 4, 1);
    cluster.coordinator("g");
    cluster
}

pub(super) fn join(member_id: &str) -> JoinGroupRequest {
    join_with(member_id, &["range"])
}

fn join_with(member_id: &str, protocols: &[&str]) -> JoinGroupRequest {
    let protocols = protocols.iter().map(|name| JoinGroupRequestProtocol {
        name: (*name).into(),
        metadata: Bytes::from(format!("of {name}")),
        ..JoinGroupRequestProtocol::default()
    });
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: protocols.collect(),
        ..JoinGroupRequest::default()
    }
}

fn join_static(instance_id: &str, member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: Some(instance_id.into()), ..join(member_id) }
}

pub(super) fn sync(joined: &JoinGroupResponse, assignments: &[(&str, &'static str)]) -> SyncGroupRequest {
    let assignments = assignments.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment {
        member_id: (*member_id).into(),
        assignment: Bytes::from_static(assignment.as_bytes()),
        ..SyncGroupRequestAssignment::default()
    });
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: assignments.collect(),
        ..SyncGroupRequest::default()
    }
}

fn heartbeat(cluster: &mut TestCluster, generation_id: i32, member_id: &str) -> ErrorCode {
    let request =
        HeartbeatRequest { group_id: "g".into(), generation_id, member_id: member_id.into(), ..Default::default() };
    ErrorCode::new(cluster.ask(2, request).error_code)
}

fn leave(cluster: &mut TestCluster, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
    let members = members.iter().map(|(member_id, instance_id)| MemberIdentity {
        member_id: (*member_id).into(),
        group_instance_id: instance_id.map(Into::into),
        ..MemberIdentity::default()
    });
    let request = LeaveGroupRequest { group_id: "g".into(), members: members.collect(), ..Default::default() };
    let response = cluster.ask(4, request);
    response.members.iter().map(|member| ErrorCode::new(member.error_code)).collect()
}

fn commit(cluster: &mut TestCluster, generation: i32, member_id: &str) -> ErrorCode {
    let partition = OffsetCommitRequestPartition { partition_index: 0, committed_offset: 1, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.into(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    ErrorCode::new(cluster.ask(7, request).topics[0].partitions[0].error_code)
}

/// Joins alone, with an id that was given out before, and gets everything.
pub(super) fn first_member(cluster: &mut TestCluster) -> (ConnectionId, JoinGroupResponse) {
    let connection = cluster.connect(1);
    let id = cluster.send(connection, 9, join("")).response().member_id;
    let joined = cluster.send(connection, 9, join(&id)).response();
    assert_eq!((joined.error_code, &joined.leader), (0, &joined.member_id));
    let synced = cluster.send(connection, 4, sync(&joined, &[(&joined.member_id, "all")])).response();
    assert_eq!((synced.error_code, &*synced.assignment), (0, &b"all"[..]));
    (connection, joined)
}

/// Adds a member, of version 3 so that it needs no id first, and gives each of the two its own.
pub(super) fn two_members(cluster: &mut TestCluster) -> [(ConnectionId, JoinGroupResponse); 2] {
    let (one, joined) = first_member(cluster);
    let two = cluster.connect(1);
    assert_eq!(cluster.send(two, 3, join("")), Answer::Waiting);
    let first = cluster.send(one, 9, join(&joined.member_id)).response();
    let second: JoinGroupResponse = cluster.received(two).response();
    assert_eq!(cluster.send(two, 3, sync(&second, &[])), Answer::Waiting);
    let assignments = [(&*first.member_id, "first"), (&*second.member_id, "second")];
    assert_eq!(&*cluster.send(one, 4, sync(&first, &assignments)).response().assignment, b"first");
    let synced: SyncGroupResponse = cluster.received(two).response();
    assert_eq!((synced.error_code, &*synced.assignment), (0, &b"second"[..]));
    [(one, first), (two, second)]
}

/// All that the coordinator knows of the members, assignments included.
fn members_of(cluster: &TestCluster) -> Vec<(String, Member)> {
    let group = cluster.engine.state.coordinator_of("g").unwrap().group("g").unwrap();
    group.members().map(|(id, member)| (id.to_owned(), member.clone())).collect()
}

pub(super) fn state(cluster: &TestCluster) -> GroupState {
    cluster.engine.group_snapshot("g").unwrap().state
}

#[test]
fn every_version_joins_and_leaves() {
    for version in 0..=9 {
        let mut cluster = cluster(&[]);
        let mut joined = cluster.ask(version, join(""));
        if version >= 4 {
            assert_eq!(joined.error_code, ErrorCode::MEMBER_ID_REQUIRED.code(), "{version}");
            assert!(joined.member_id.starts_with("test-"), "{}", joined.member_id);
            joined = cluster.ask(version, join(&joined.member_id));
        }
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "{version}");
        assert_eq!((joined.protocol_name.as_deref(), joined.members.len()), (Some("range"), 1));
        assert_eq!(&*joined.members[0].metadata, b"of range");
        let mut request = sync(&joined, &[(&joined.member_id, "mine")]);
        if version >= 5 {
            (request.protocol_type, request.protocol_name) = (Some("consumer".into()), Some("range".into()));
        }
        let synced = cluster.ask(version.min(5), request);
        assert_eq!((synced.error_code, &*synced.assignment), (0, &b"mine"[..]), "{version}");
        assert_eq!(heartbeat(&mut cluster, 1, &joined.member_id), ErrorCode::NONE);
        let id = joined.member_id;
        let members = vec![MemberIdentity { member_id: id.clone(), ..MemberIdentity::default() }];
        let (member_id, members) = if version < 3 { (id, Vec::new()) } else { ("".into(), members) };
        let request = LeaveGroupRequest { group_id: "g".into(), member_id, members, ..Default::default() };
        let left = cluster.ask(version.min(5), request);
        assert_eq!((left.error_code, left.members.len()), (0, usize::from(version >= 3)));
        assert_eq!(state(&cluster), GroupState::Empty);
    }
}

#[test]
fn a_second_member_makes_the_first_join_again() {
    let mut cluster = cluster(&[]);
    let (one, joined) = first_member(&mut cluster);
    let two = cluster.connect(1);
    assert_eq!(cluster.send(two, 3, join("")), Answer::Waiting);
    assert_eq!(heartbeat(&mut cluster, 1, &joined.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
    // Whoever is told so may still commit.
    assert_eq!(commit(&mut cluster, 1, &joined.member_id), ErrorCode::NONE);
    let first = cluster.send(one, 9, join(&joined.member_id)).response();
    let second: JoinGroupResponse = cluster.received(two).response();
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!((&first.leader, &second.leader), (&joined.member_id, &joined.member_id));
    assert_eq!(commit(&mut cluster, 2, &first.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(commit(&mut cluster, 1, &first.member_id), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(state(&cluster), GroupState::CompletingRebalance);
}

#[test]
fn errors_come_in_kafkas_order() {
    let mut cluster = cluster(&[("group.max.session.timeout.ms", "60000"), ("group.max.size", "2")]);
    let [(one, first), (_, second)] = two_members(&mut cluster);
    let code = |cluster: &mut TestCluster, request: JoinGroupRequest| {
        let connection = cluster.connect(1);
        ErrorCode::new(cluster.send(connection, 9, request).response().error_code)
    };
    let empty = JoinGroupRequest { group_id: "".into(), session_timeout_ms: 0, ..join("") };
    assert_eq!(code(&mut cluster, empty), ErrorCode::INVALID_GROUP_ID);
    let long = JoinGroupRequest { session_timeout_ms: 60_001, ..join("") };
    assert_eq!(code(&mut cluster, long), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(code(&mut cluster, join_with("", &["other"])), ErrorCode::GROUP_MAX_SIZE_REACHED);
    let other = join_with(&first.member_id, &["other"]);
    assert_eq!(code(&mut cluster, other.clone()), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let other = JoinGroupRequest { protocol_type: "connect".into(), ..join(&first.member_id) };
    assert_eq!(code(&mut cluster, other), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(code(&mut cluster, join_static("i", &first.member_id)), ErrorCode::UNKNOWN_MEMBER_ID);
    let elsewhere = JoinGroupRequest { group_id: "h".into(), ..join("somebody") };
    assert_eq!(code(&mut cluster, elsewhere), ErrorCode::UNKNOWN_MEMBER_ID);
    // Nobody was harmed.
    assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::NONE);

    assert_eq!(heartbeat(&mut cluster, 2, "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut cluster, 1, &second.member_id), ErrorCode::ILLEGAL_GENERATION);
    let check = |cluster: &mut TestCluster, version: i16, request: SyncGroupRequest, expected: ErrorCode| {
        assert_eq!(cluster.send(one, version, request).response().error_code, expected.code());
    };
    let good = sync(&first, &[]);
    check(&mut cluster, 5, good.clone(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(&mut cluster, 4, SyncGroupRequest { group_id: "".into(), ..good.clone() }, ErrorCode::INVALID_GROUP_ID);
    check(&mut cluster, 4, SyncGroupRequest { group_id: "h".into(), ..good.clone() }, ErrorCode::UNKNOWN_MEMBER_ID);
    check(&mut cluster, 4, SyncGroupRequest { member_id: "x".into(), ..good.clone() }, ErrorCode::UNKNOWN_MEMBER_ID);
    check(&mut cluster, 4, SyncGroupRequest { generation_id: 1, ..good.clone() }, ErrorCode::ILLEGAL_GENERATION);
    let other = SyncGroupRequest {
        protocol_type: Some("consumer".into()),
        protocol_name: Some("other".into()),
        ..good.clone()
    };
    check(&mut cluster, 5, other, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(&mut cluster, 4, good, ErrorCode::NONE);
    assert_eq!(commit(&mut cluster, -1, ""), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(commit(&mut cluster, 2, "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(commit(&mut cluster, 2, &second.member_id), ErrorCode::NONE);
    assert_eq!(leave(&mut cluster, &[("nobody", None), ("", Some("i"))]), [ErrorCode::UNKNOWN_MEMBER_ID; 2]);
}

#[test]
fn a_broker_that_is_no_coordinator_says_so() {
    let mut cluster = TestCluster::new(2).topic("t", 4, 1);
    let other = 3 - cluster.coordinator("g");
    assert_eq!(cluster.ask_broker(other, 9, join("")).error_code, ErrorCode::NOT_COORDINATOR.code());
    let request = HeartbeatRequest { group_id: "g".into(), ..HeartbeatRequest::default() };
    assert_eq!(cluster.ask_broker(other, 4, request).error_code, ErrorCode::NOT_COORDINATOR.code());
    let request = LeaveGroupRequest { group_id: "g".into(), ..LeaveGroupRequest::default() };
    assert_eq!(cluster.ask_broker(other, 4, request).error_code, ErrorCode::NOT_COORDINATOR.code());
    let request = SyncGroupRequest { group_id: "g".into(), ..SyncGroupRequest::default() };
    assert_eq!(cluster.ask_broker(other, 4, request).error_code, ErrorCode::NOT_COORDINATOR.code());
    let request = DescribeGroupsRequest { groups: vec!["g".into()], ..DescribeGroupsRequest::default() };
    assert_eq!(cluster.ask_broker(other, 5, request).groups[0].error_code, ErrorCode::NOT_COORDINATOR.code());
}

#[test]
fn a_silent_member_is_removed_after_its_session_timeout() {
    let mut cluster = cluster(&[]);
    let [(one, first), (_, second)] = two_members(&mut cluster);
    cluster.pass_ms(i64::from(SESSION_MS) - 1);
    assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::NONE);
    cluster.pass_ms(1);
    assert_eq!(heartbeat(&mut cluster, 2, &second.member_id), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = cluster.send(one, 9, join(&first.member_id)).response();
    assert_eq!((joined.generation_id, joined.members.len()), (3, 1));
}

#[test]
fn who_misses_a_rebalance_is_out() {
    let mut cluster = cluster(&[]);
    let [(one, first), (_, second)] = two_members(&mut cluster);
    assert_eq!(cluster.send(one, 9, join_with(&first.member_id, &["range", "sticky"])), Answer::Waiting);
    for _ in 0..3 {
        cluster.pass_ms(9_999);
        assert_eq!(heartbeat(&mut cluster, 2, &second.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
    }
    cluster.pass_ms(3);
    let joined: JoinGroupResponse = cluster.received(one).response();
    assert_eq!((joined.generation_id, joined.members.len()), (3, 1));
    assert_eq!(heartbeat(&mut cluster, 2, &second.member_id), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_joins_late_is_not_the_leader_any_more() {
    let mut cluster = cluster(&[]);
    let [_, (two, second)] = two_members(&mut cluster);
    assert_eq!(cluster.send(two, 9, join_with(&second.member_id, &["range", "x"])), Answer::Waiting);
    cluster.pass_ms(REBALANCE_MS.into());
    let joined: JoinGroupResponse = cluster.received(two).response();
    assert_eq!((&joined.leader, joined.members.len()), (&second.member_id, 1));
}

#[test]
fn who_does_not_ask_for_its_assignment_is_out() {
    let mut cluster = cluster(&[]);
    let (one, joined) = first_member(&mut cluster);
    let two = cluster.connect(1);
    cluster.send(two, 3, join(""));
    let first = cluster.send(one, 9, join(&joined.member_id)).response();
    assert_eq!(cluster.send(one, 4, sync(&first, &[])).response().error_code, 0);
    let second: JoinGroupResponse = cluster.received(two).response();
    for _ in 0..3 {
        cluster.pass_ms(9_999);
        assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::NONE);
        assert_eq!(heartbeat(&mut cluster, 2, &second.member_id), ErrorCode::NONE);
    }
    cluster.pass_ms(3);
    assert_eq!(heartbeat(&mut cluster, 2, &second.member_id), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_leader_that_dies_before_it_assigns_starts_another_rebalance() {
    let mut cluster = cluster(&[]);
    let (one, joined) = first_member(&mut cluster);
    let two = cluster.connect(1);
    cluster.send(two, 3, join(""));
    cluster.send(one, 9, join(&joined.member_id)).response();
    let second: JoinGroupResponse = cluster.received(two).response();
    assert_eq!(cluster.send(two, 3, sync(&second, &[])), Answer::Waiting);
    assert_eq!(leave(&mut cluster, &[(&joined.member_id, None)]), [ErrorCode::NONE]);
    let synced: SyncGroupResponse = cluster.received(two).response();
    assert_eq!(synced.error_code, ErrorCode::REBALANCE_IN_PROGRESS.code());
    let again = cluster.send(two, 3, join(&second.member_id)).response();
    assert_eq!((&again.leader, again.generation_id), (&second.member_id, 3));
}

#[test]
fn an_empty_group_waits_for_its_initial_delay_while_members_come() {
    let mut cluster = cluster(&[("group.initial.rebalance.delay.ms", "3000")]);
    let connections: Vec<ConnectionId> = (0..3).map(|_| cluster.connect(1)).collect();
    assert_eq!(cluster.send(connections[0], 3, join("")), Answer::Waiting);
    cluster.pass_ms(2_999);
    assert_eq!(cluster.send(connections[1], 3, join("")), Answer::Waiting);
    cluster.pass_ms(1);
    // Somebody came, so it waits again.
    assert_eq!(cluster.send(connections[2], 3, join("")), Answer::Waiting);
    cluster.pass_ms(2_999);
    assert_eq!(cluster.received::<JoinGroupResponse>(connections[0]), Answer::Waiting);
    cluster.pass_ms(3_001);
    for connection in connections {
        let joined: JoinGroupResponse = cluster.received(connection).response();
        assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    }
}

#[test]
fn the_protocol_that_most_prefer_among_the_common_ones_is_chosen() {
    let mut cluster = cluster(&[("group.initial.rebalance.delay.ms", "10")]);
    let wishes = [&["a", "b", "c"][..], &["c", "b", "a"], &["x", "b", "c"]];
    let connections: Vec<ConnectionId> = wishes.iter().map(|_| cluster.connect(1)).collect();
    for (connection, wish) in connections.iter().zip(wishes) {
        assert_eq!(cluster.send(*connection, 3, join_with("", wish)), Answer::Waiting);
    }
    cluster.pass_ms(100);
    let joined: JoinGroupResponse = cluster.received(connections[0]).response();
    assert_eq!(joined.protocol_name.as_deref(), Some("b"));
    assert_eq!(&*joined.members[2].metadata, b"of b");
}

#[test]
fn an_id_that_is_not_used_expires() {
    let mut cluster = cluster(&[]);
    let id = cluster.ask(9, join("")).member_id;
    cluster.pass_ms(SESSION_MS.into());
    assert_eq!(cluster.ask(9, join(&id)).error_code, ErrorCode::UNKNOWN_MEMBER_ID.code());
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut cluster = cluster(&[]);
    let one = cluster.connect(1);
    let joined = cluster.send(one, 9, join_static("i", "")).response();
    assert_eq!(joined.error_code, 0);
    assert!(joined.member_id.starts_with("i-"), "{}", joined.member_id);
    cluster.send(one, 4, sync(&joined, &[(&joined.member_id, "mine")])).response();
    let two = cluster.connect(1);
    let again = cluster.send(two, 9, join_static("i", "")).response();
    assert_eq!((again.error_code, again.generation_id, again.skip_assignment), (0, 1, true));
    assert_ne!(again.member_id, joined.member_id);
    assert_eq!((&again.leader, again.members.len()), (&again.member_id, 1));
    let synced = cluster.send(two, 4, sync(&again, &[])).response();
    assert_eq!(&*synced.assignment, b"mine");
    // The former one is fenced wherever it says who it is.
    let fenced = ErrorCode::FENCED_INSTANCE_ID;
    let rejoined = cluster.send(one, 9, join_static("i", &joined.member_id)).response();
    assert_eq!(rejoined.error_code, fenced.code());
    let request = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 1,
        member_id: joined.member_id.clone(),
        group_instance_id: Some("i".into()),
        ..HeartbeatRequest::default()
    };
    assert_eq!(cluster.ask(4, request).error_code, fenced.code());
    assert_eq!(leave(&mut cluster, &[(&joined.member_id, Some("i"))]), [fenced]);
    // An older client is told of another leader, so that it does not assign anew.
    let older = cluster.send(one, 8, join_static("i", "")).response();
    assert_eq!((&older.leader, older.members.len()), (&again.member_id, 0));
    assert_eq!(leave(&mut cluster, &[("", Some("i"))]), [ErrorCode::NONE]);
    assert_eq!(state(&cluster), GroupState::Empty);
}

#[test]
fn a_static_member_that_wants_another_protocol_rebalances() {
    let mut cluster = cluster(&[]);
    let one = cluster.connect(1);
    let joined = cluster.send(one, 9, join_static("i", "")).response();
    cluster.send(one, 4, sync(&joined, &[])).response();
    // Nobody else is there, so that any protocol will do.
    let request = JoinGroupRequest { protocols: join_with("", &["range", "sticky"]).protocols, ..join_static("i", "") };
    assert_eq!(cluster.send(one, 9, request).response().generation_id, 1);
    let request = JoinGroupRequest { protocols: join_with("", &["sticky", "range"]).protocols, ..join_static("i", "") };
    let again = cluster.send(one, 9, request).response();
    assert_eq!((again.generation_id, again.protocol_name.as_deref()), (2, Some("sticky")));
}

#[test]
fn a_group_is_described_listed_and_deleted() {
    let mut cluster = cluster(&[]);
    let [(_, first), (_, second)] = two_members(&mut cluster);
    let describe = |cluster: &mut TestCluster, version: i16, group: &str| {
        let request = DescribeGroupsRequest {
            groups: vec![group.into()],
            include_authorized_operations: version >= 3,
            ..DescribeGroupsRequest::default()
        };
        cluster.ask(version, request).groups.remove(0)
    };
    for version in 0..=6 {
        let group = describe(&mut cluster, version, "g");
        assert_eq!(
            (&*group.group_state, &*group.protocol_type, &*group.protocol_data),
            ("Stable", "consumer", "range")
        );
        let member = &group.members[1];
        assert_eq!((&member.member_id, &*member.client_id, &*member.client_host), (&second.member_id, "test", "/test"));
        assert_eq!((&*member.member_metadata, &*member.member_assignment), (&b"of range"[..], &b"second"[..]));
        assert_eq!(group.authorized_operations, if version >= 3 { 3400 } else { i32::MIN });
    }
    let none = describe(&mut cluster, 6, "h");
    assert_eq!((&*none.group_state, none.error_code), ("Dead", ErrorCode::GROUP_ID_NOT_FOUND.code()));
    assert_eq!(none.error_message.as_deref(), Some("Group h not found."));
    assert_eq!((&*describe(&mut cluster, 5, "h").group_state, describe(&mut cluster, 5, "h").error_code), ("Dead", 0));
    let list = |cluster: &mut TestCluster, state: &str, kind: &str| {
        let filter = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.into()] };
        let request = ListGroupsRequest {
            states_filter: filter(state),
            types_filter: filter(kind),
            ..ListGroupsRequest::default()
        };
        cluster.ask(5, request).groups.len()
    };
    assert_eq!(cluster.ask(0, ListGroupsRequest::default()).groups[0].group_id, "g");
    assert_eq!([list(&mut cluster, "stable", "classic"), list(&mut cluster, "Empty", "")], [1, 0]);
    assert_eq!(list(&mut cluster, "", "consumer"), 0);
    let delete = |cluster: &mut TestCluster, group: &str| {
        let request = DeleteGroupsRequest { groups_names: vec![group.into()], ..DeleteGroupsRequest::default() };
        ErrorCode::new(cluster.ask(2, request).results[0].error_code)
    };
    assert_eq!(commit(&mut cluster, 2, &first.member_id), ErrorCode::NONE);
    assert_eq!(delete(&mut cluster, "g"), ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(delete(&mut cluster, "h"), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(leave(&mut cluster, &[(&first.member_id, None), (&second.member_id, None)]), [ErrorCode::NONE; 2]);
    assert_eq!(list(&mut cluster, "Empty", ""), 1);
    assert_eq!(delete(&mut cluster, "g"), ErrorCode::NONE);
    assert_eq!(cluster.engine.group_snapshot("g"), None);
}

#[test]
fn offsets_are_deleted_where_nobody_reads() {
    let mut cluster = cluster(&[]);
    let delete = |cluster: &mut TestCluster, group: &str, topic: &str| {
        let partitions = vec![OffsetDeleteRequestPartition::default()];
        let topics = vec![OffsetDeleteRequestTopic { name: topic.into(), partitions, ..Default::default() }];
        let request = OffsetDeleteRequest { group_id: group.into(), topics, ..OffsetDeleteRequest::default() };
        let response = cluster.ask(0, request);
        let row = response.topics.first().map(|topic| ErrorCode::new(topic.partitions[0].error_code));
        (ErrorCode::new(response.error_code), row)
    };
    assert_eq!(delete(&mut cluster, "", "t"), (ErrorCode::INVALID_GROUP_ID, None));
    assert_eq!(delete(&mut cluster, "g", "t"), (ErrorCode::GROUP_ID_NOT_FOUND, None));
    assert_eq!(commit(&mut cluster, -1, ""), ErrorCode::NONE);
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(delete(&mut cluster, "g", "u"), (ErrorCode::NONE, unknown));
    assert_eq!(delete(&mut cluster, "g", "t"), (ErrorCode::NONE, Some(ErrorCode::NONE)));
    assert_eq!(cluster.engine.group_snapshot("g").unwrap().offsets, []);
    let [(_, first), _] = two_members(&mut cluster);
    assert_eq!(commit(&mut cluster, 2, &first.member_id), ErrorCode::NONE);
    // Its members' metadata cannot be read here, so it may read anything.
    assert_eq!(delete(&mut cluster, "g", "t"), (ErrorCode::NONE, Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC)));
}

#[test]
fn offsets_expire_when_their_group_has_been_empty_for_long() {
    let mut cluster = cluster(&[("offsets.retention.minutes", "60"), ("offsets.retention.check.interval.ms", "60000")]);
    let (_, joined) = first_member(&mut cluster);
    assert_eq!(commit(&mut cluster, 1, &joined.member_id), ErrorCode::NONE);
    for _ in 0..1_000 {
        cluster.pass_ms(9_000);
        assert_eq!(heartbeat(&mut cluster, 1, &joined.member_id), ErrorCode::NONE);
    }
    let offsets = |cluster: &TestCluster| cluster.engine.group_snapshot("g").map(|group| group.offsets.len());
    assert_eq!(offsets(&cluster), Some(1));
    leave(&mut cluster, &[(&joined.member_id, None)]);
    cluster.pass_ms(59 * 60_000);
    assert_eq!(offsets(&cluster), Some(1));
    cluster.pass_ms(2 * 60_000);
    assert_eq!(offsets(&cluster), None);
}

#[test]
fn a_coordinator_that_moves_knows_what_it_knew() {
    let mut cluster = TestCluster::new(2).topic("t", 4, 1);
    assert_eq!(cluster.coordinator("g"), 2);
    let two = cluster.connect(2);
    let joined = cluster.send(two, 3, join("")).response();
    cluster.send(two, 3, sync(&joined, &[(&joined.member_id, "mine")])).response();
    let before = cluster.engine.group_snapshot("g").unwrap();
    let late = cluster.connect(2);
    assert_eq!(cluster.send(late, 3, join("")), Answer::Waiting);
    let topic = cluster.engine.state.topics.get("__consumer_offsets").unwrap().id;
    let log = cluster.engine.state.partitions.get_mut(&(topic, PartitionIndex(3))).unwrap();
    log.elect(BrokerId(1), LeaderEpoch(1), &[BrokerId(1), BrokerId(2)]);
    assert_eq!(heartbeat(&mut cluster, 1, &joined.member_id), ErrorCode::NONE);
    assert_eq!(cluster.received::<JoinGroupResponse>(late).response().error_code, ErrorCode::NOT_COORDINATOR.code());
    assert_eq!(cluster.engine.group_snapshot("g").unwrap(), before);
    assert_eq!(cluster.ask(3, sync(&joined, &[])).assignment, "mine");
    let request = HeartbeatRequest { group_id: "g".into(), ..HeartbeatRequest::default() };
    assert_eq!(cluster.ask_broker(2, 0, request).error_code, ErrorCode::NOT_COORDINATOR.code());
    // Its members have their session time-out to be heard of.
    cluster.pass_ms(SESSION_MS.into());
    assert_eq!(state(&cluster), GroupState::Empty);
}

/// A consumer as far as the coordinator can tell.
struct Consumer {
    connection: ConnectionId,
    id: String,
    generation: i32,
    asks: Option<Asks>,
    assignment: Option<Bytes>,
    crashed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Join,
    Sync,
}

/// Consumers that join, leave and crash as chance will have it, and what each generation gave to whom.
struct Crowd {
    cluster: TestCluster,
    consumers: Vec<Consumer>,
    /// By generation, then by partition.
    owners: BTreeMap<i32, BTreeMap<u8, String>>,
}

const PARTITIONS: u8 = 16;

impl Crowd {
    fn new() -> Self {
        Self { cluster: cluster(&[]), consumers: Vec::new(), owners: BTreeMap::new() }
    }

    fn add(&mut self) {
        let connection = self.cluster.connect(1);
        let consumer =
            Consumer { connection, id: String::new(), generation: -1, asks: None, assignment: None, crashed: false };
        self.consumers.push(consumer);
        self.join(self.consumers.len() - 1);
    }

    fn join(&mut self, at: usize) {
        let consumer = &mut self.consumers[at];
        (consumer.asks, consumer.assignment) = (Some(Asks::Join), None);
        let answer = self.cluster.send(consumer.connection, 5, join(&consumer.id));
        self.on_joined(at, answer);
    }

    fn on_joined(&mut self, at: usize, answer: Answer<JoinGroupResponse>) {
        let Answer::Response(joined) = answer else { return };
        let consumer = &mut self.consumers[at];
        consumer.asks = None;
        match ErrorCode::new(joined.error_code) {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                consumer.id = joined.member_id.to_string();
                return self.join(at);
            }
            _ => {
                consumer.id.clear();
                return self.join(at);
            }
        }
        (consumer.generation, consumer.asks) = (joined.generation_id, Some(Asks::Sync));
        let count = u8::try_from(joined.members.len()).unwrap();
        let assignments = (0..).zip(&joined.members).map(|(n, member)| SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: (0..PARTITIONS).filter(|partition| partition % count == n).collect::<Vec<u8>>().into(),
            ..SyncGroupRequestAssignment::default()
        });
        let assignments = assignments.collect();
        let request = SyncGroupRequest { assignments, ..sync(&joined, &[]) };
        let answer = self.cluster.send(consumer.connection, 3, request);
        self.on_synced(at, answer);
    }

    fn on_synced(&mut self, at: usize, answer: Answer<SyncGroupResponse>) {
        let Answer::Response(synced) = answer else { return };
        let consumer = &mut self.consumers[at];
        consumer.asks = None;
        if synced.error_code != 0 {
            return self.join(at);
        }
        for partition in &synced.assignment {
            let owners = self.owners.entry(consumer.generation).or_default();
            let before = owners.insert(*partition, consumer.id.clone());
            assert!(before.is_none_or(|before| before == consumer.id), "{partition} has two owners");
        }
        consumer.assignment = Some(synced.assignment);
    }

    /// Everybody takes in what came, and says that it lives.
    fn turn(&mut self) {
        for at in 0..self.consumers.len() {
            let consumer = &self.consumers[at];
            let connection = consumer.connection;
            match consumer.asks {
                _ if consumer.crashed => {}
                Some(Asks::Join) => {
                    let answer = self.cluster.received(connection);
                    self.on_joined(at, answer);
                }
                Some(Asks::Sync) => {
                    let answer = self.cluster.received(connection);
                    self.on_synced(at, answer);
                }
                None => {
                    let (generation_id, member_id) = (consumer.generation, consumer.id.as_str().into());
                    let request =
                        HeartbeatRequest { group_id: "g".into(), generation_id, member_id, ..Default::default() };
                    match ErrorCode::new(self.cluster.send(connection, 3, request).response().error_code) {
                        ErrorCode::NONE => {}
                        ErrorCode::REBALANCE_IN_PROGRESS => self.join(at),
                        _ => {
                            self.consumers[at].id.clear();
                            self.join(at);
                        }
                    }
                }
            }
        }
    }

    fn leave(&mut self, at: usize) {
        let consumer = self.consumers.swap_remove(at);
        leave(&mut self.cluster, &[(&consumer.id, None)]);
        let input = Input::Disconnected { connection: consumer.connection, reason: "left".into() };
        self.cluster.engine.handle_input(self.cluster.now, input);
    }

    /// Lets everything come to rest and checks that each partition has exactly one owner.
    fn settle(&mut self) {
        for _ in 0..60 {
            self.cluster.pass_ms(2_000);
            self.turn();
        }
        self.consumers.retain(|consumer| !consumer.crashed);
        let mut owned: Vec<u8> =
            self.consumers.iter().flat_map(|consumer| consumer.assignment.clone().unwrap().to_vec()).collect();
        owned.sort_unstable();
        let all: Vec<u8> = if self.consumers.is_empty() { Vec::new() } else { (0..PARTITIONS).collect() };
        assert_eq!(owned, all);
        let group = self.cluster.engine.group_snapshot("g").unwrap();
        assert_eq!(group.members.len(), self.consumers.len());
        assert!(self.consumers.iter().all(|consumer| consumer.generation == group.generation));
        self.check_replay();
    }

    /// What is in the log says the same as what the coordinator knows.
    fn check_replay(&self) {
        let before = self.cluster.engine.group_snapshot("g").unwrap();
        let saved = self.cluster.engine.save(self.cluster.now);
        let mut other = TestCluster::new(1);
        other.engine.restore(saved).unwrap();
        assert_eq!(other.engine.group_snapshot("g").unwrap(), before);
        assert_eq!(members_of(&other), members_of(&self.cluster));
    }
}

#[test]
fn fifty_members_come_to_rest() {
    let mut crowd = Crowd::new();
    (0..50).for_each(|_| crowd.add());
    crowd.consumers.iter().for_each(|consumer| assert!(!consumer.crashed));
    crowd.settle_most(PARTITIONS);
}

impl Crowd {
    /// As `settle`, where there are more members than partitions.
    fn settle_most(&mut self, partitions: u8) {
        self.settle();
        let busy = self.consumers.iter().filter(|consumer| consumer.assignment.as_ref().is_some_and(|a| !a.is_empty()));
        assert_eq!(busy.count(), usize::from(partitions));
    }
}

#[test]
fn no_partition_has_two_owners_in_one_generation_whatever_happens() {
    for seed in 0..20 {
        let mut rng: Rng = Seed(seed).stream("crowd");
        let mut crowd = Crowd::new();
        crowd.add();
        for _ in 0..60 {
            let at = usize::try_from(rng.below(crowd.consumers.len().max(1) as u64)).unwrap();
            let there = at < crowd.consumers.len();
            match rng.below(8) {
                0 | 1 if crowd.consumers.len() < 8 => crowd.add(),
                2 if there => crowd.leave(at),
                3 if there => crowd.consumers[at].crashed = true,
                4 => crowd.cluster.pass_ms(i64::try_from(rng.below(12_000)).unwrap()),
                _ => crowd.turn(),
            }
        }
        crowd.settle();
        let offsets = crowd.owners.len();
        assert!(offsets > 1, "seed {seed} saw {offsets} generations");
    }
}
