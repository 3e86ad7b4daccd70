//! Coordinators that move, load and forget, and what is done to groups without a client.

use super::group_tests::SESSION_MS;
use super::group_tests::first_member;
use super::group_tests::join;
use super::group_tests::state;
use super::group_tests::sync;
use super::group_tests::two_members;
use super::txn_tests::Client;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::GroupAction;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::broker::GroupState;
use crate::broker::api::testing::Answer;
use crate::broker::api::testing::TestCluster;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
use crate::wire::messages::offset_commit::OffsetCommitResponse;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestTopic;
use crate::wire::messages::sync_group::SyncGroupResponse;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitResponse;

/// Three brokers, of which the first coordinates group `g`.
fn cluster() -> TestCluster {
    let mut cluster = TestCluster::new(3).topic("t", 4, 1);
    assert_eq!(cluster.coordinator("g"), 1);
    cluster
}

fn act(cluster: &mut TestCluster, action: GroupAction) -> ErrorCode {
    let done = cluster.engine.act_on_group(cluster.now, "g", &action);
    done.map_or_else(|refusal| refusal.code, |()| ErrorCode::NONE)
}

fn heartbeat(cluster: &mut TestCluster, broker: i32, member_id: &str) -> ErrorCode {
    let request =
        HeartbeatRequest { group_id: "g".into(), generation_id: 1, member_id: member_id.into(), ..Default::default() };
    ErrorCode::new(cluster.ask_broker(broker, 2, request).error_code)
}

/// The error, or the offset that was committed for partition 0.
fn committed(cluster: &mut TestCluster, broker: i32) -> Result<i64, ErrorCode> {
    let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let request = OffsetFetchRequest { group_id: "g".into(), topics: Some(vec![topic]), ..Default::default() };
    let response = cluster.ask_broker(broker, 5, request);
    match ErrorCode::new(response.error_code) {
        ErrorCode::NONE => Ok(response.topics[0].partitions[0].committed_offset),
        code => Err(code),
    }
}

fn list(cluster: &mut TestCluster, broker: i32) -> Result<usize, ErrorCode> {
    let response = cluster.ask_broker(broker, 4, ListGroupsRequest::default());
    match ErrorCode::new(response.error_code) {
        ErrorCode::NONE => Ok(response.groups.len()),
        code => Err(code),
    }
}

#[test]
fn a_coordinator_that_moves_tells_those_who_wait_and_the_new_one_knows_everything() {
    let mut cluster = cluster();
    let offset = ("t".to_owned(), PartitionIndex(0), Offset(7));
    cluster.engine.commit_offsets(cluster.now, "g", &[offset]).unwrap();
    let (_, first) = first_member(&mut cluster);
    let waiting = cluster.connect(1);
    assert_eq!(cluster.send(waiting, 3, join("")), Answer::Waiting);
    assert_eq!(act(&mut cluster, GroupAction::MoveCoordinator { broker: BrokerId(2) }), ErrorCode::NONE);
    let told = cluster.received::<crate::wire::messages::join_group::JoinGroupResponse>(waiting).response();
    assert_eq!(told.error_code, ErrorCode::NOT_COORDINATOR.code());
    assert_eq!(heartbeat(&mut cluster, 1, &first.member_id), ErrorCode::NOT_COORDINATOR);
    assert_eq!(cluster.coordinator("g"), 2);
    // The rebalance that was going on was in memory only.
    assert_eq!(heartbeat(&mut cluster, 2, &first.member_id), ErrorCode::NONE);
    assert_eq!(state(&cluster), GroupState::Stable);
    assert_eq!(committed(&mut cluster, 2), Ok(7));
    assert_eq!((list(&mut cluster, 1), list(&mut cluster, 2)), (Ok(0), Ok(1)));
}

#[test]
fn a_coordinator_refuses_while_it_reads_its_log() {
    let mut cluster = cluster();
    let (_, first) = first_member(&mut cluster);
    cluster.engine.set_coordinator_load_time(cluster.now, 500);
    assert_eq!(act(&mut cluster, GroupAction::MoveCoordinator { broker: BrokerId(3) }), ErrorCode::NONE);
    cluster.pass_ms(499);
    let loading = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    assert_eq!(committed(&mut cluster, 3), Err(loading));
    assert_eq!((list(&mut cluster, 3), list(&mut cluster, 2)), (Err(loading), Ok(0)));
    assert_eq!(cluster.ask_broker(3, 4, join("")).error_code, loading.code());
    // Kafka answers heartbeats blindly.
    assert_eq!(heartbeat(&mut cluster, 3, "who?"), ErrorCode::NONE);
    assert_eq!(cluster.coordinator("g"), 3);
    assert_eq!(act(&mut cluster, GroupAction::Rebalance), loading);
    cluster.pass_ms(1);
    assert_eq!(heartbeat(&mut cluster, 3, "who?"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut cluster, 3, &first.member_id), ErrorCode::NONE);
    // Sessions began when it was ready.
    cluster.pass_ms(i64::from(SESSION_MS) - 1);
    assert_eq!(state(&cluster), GroupState::Stable);
    cluster.pass_ms(1);
    assert_eq!(state(&cluster), GroupState::Empty);
}

#[test]
fn a_coordinator_that_is_unloaded_knows_what_is_in_the_log() {
    let mut cluster = cluster();
    let [(one, first), (two, second)] = two_members(&mut cluster);
    assert_eq!(cluster.send(one, 9, join(&first.member_id)), Answer::Waiting);
    let rejoined = cluster.send(two, 3, join(&second.member_id)).response();
    assert_eq!(rejoined.generation_id, 3);
    assert_eq!(cluster.send(two, 4, sync(&rejoined, &[])), Answer::Waiting);
    assert_eq!(act(&mut cluster, GroupAction::UnloadCoordinator), ErrorCode::NONE);
    let told = cluster.received::<SyncGroupResponse>(two).response();
    assert_eq!(told.error_code, ErrorCode::NOT_COORDINATOR.code());
    // Of generation 3 nothing was written yet.
    let group = cluster.engine.group_snapshot("g").unwrap();
    assert_eq!((group.state, group.generation, group.members.len()), (GroupState::Stable, 2, 2));
}

#[test]
fn members_join_anew_when_a_test_says_so() {
    let mut cluster = cluster();
    let (one, first) = first_member(&mut cluster);
    assert_eq!(act(&mut cluster, GroupAction::Rebalance), ErrorCode::NONE);
    assert_eq!(heartbeat(&mut cluster, 1, &first.member_id), ErrorCode::REBALANCE_IN_PROGRESS);
    let again = cluster.send(one, 9, join(&first.member_id)).response();
    assert_eq!((again.error_code, again.generation_id), (0, 2));
}

#[test]
fn a_member_expires_by_any_of_its_names() {
    let mut cluster = cluster();
    let [(_, first), (_, second)] = two_members(&mut cluster);
    // Both clients have this name.
    let expire = |member: &str| GroupAction::ExpireMember { member: member.to_owned() };
    assert_eq!(act(&mut cluster, expire("test")), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(act(&mut cluster, expire(&first.member_id)), ErrorCode::NONE);
    let left = cluster.engine.group_snapshot("g").unwrap().members;
    assert_eq!(left.iter().map(|member| &*member.member_id).collect::<Vec<_>>(), [&*second.member_id]);
    assert_eq!(state(&cluster), GroupState::PreparingRebalance);
    assert_eq!(act(&mut cluster, expire("test")), ErrorCode::NONE);
    assert_eq!(state(&cluster), GroupState::Empty);
}

#[test]
fn some_member_expires_as_long_as_there_is_one() {
    let mut cluster = cluster();
    let [(_, first), (_, second)] = two_members(&mut cluster);
    let mut ids = [first.member_id, second.member_id];
    ids.sort_unstable();
    assert_eq!(act(&mut cluster, GroupAction::ExpireAny { n: 5 }), ErrorCode::NONE);
    let left = cluster.engine.group_snapshot("g").unwrap().members;
    assert_eq!(left.iter().map(|member| &*member.member_id).collect::<Vec<_>>(), [&*ids[0]]);
    assert_eq!(act(&mut cluster, GroupAction::ExpireAny { n: 5 }), ErrorCode::NONE);
    assert_eq!(state(&cluster), GroupState::Empty);
    assert_eq!(act(&mut cluster, GroupAction::ExpireAny { n: 5 }), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn offsets_expire_when_a_test_says_so() {
    let mut cluster = cluster();
    assert_eq!(act(&mut cluster, GroupAction::ExpireOffsets), ErrorCode::GROUP_ID_NOT_FOUND);
    let offset = ("t".to_owned(), PartitionIndex(0), Offset(7));
    cluster.engine.commit_offsets(cluster.now, "g", &[offset]).unwrap();
    assert_eq!(act(&mut cluster, GroupAction::ExpireOffsets), ErrorCode::NONE);
    assert_eq!(cluster.engine.group_snapshot("g"), None);
    assert_eq!(committed(&mut cluster, 1), Ok(-1));
}

#[test]
fn a_coordinator_moves_to_a_replica_in_sync_only() {
    let mut cluster = cluster();
    let to = GroupAction::MoveCoordinator { broker: BrokerId(9) };
    assert_eq!(act(&mut cluster, to), ErrorCode::REPLICA_NOT_AVAILABLE);
    assert_eq!(cluster.coordinator("g"), 1);
}

/// Stops both followers of the group's partition, or lets them go on.
fn hold(cluster: &mut TestCluster, on: bool) {
    hold_followers(cluster, "__consumer_offsets", 3, on);
}

fn hold_followers(cluster: &mut TestCluster, topic: &str, partition: i32, on: bool) {
    for broker in [2, 3].map(BrokerId) {
        let action = match on {
            true => PartitionAction::HoldReplication { broker },
            false => PartitionAction::ReleaseReplication { broker },
        };
        cluster.apply(Command::Partition { topic: topic.to_owned(), partition: PartitionIndex(partition), action });
    }
}

fn commit() -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition { partition_index: 0, committed_offset: 1, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest { group_id: "g".into(), topics: vec![topic], ..OffsetCommitRequest::default() }
}

#[test]
fn a_commit_is_answered_when_it_is_replicated() {
    let code = |response: OffsetCommitResponse| ErrorCode::new(response.topics[0].partitions[0].error_code);
    let waiting = || {
        let mut cluster = cluster();
        hold(&mut cluster, true);
        let connection = cluster.connect(1);
        assert_eq!(cluster.send(connection, 7, commit()), Answer::Waiting);
        (cluster, connection)
    };
    let (mut cluster, connection) = waiting();
    cluster.pass_ms(4_999);
    assert_eq!(cluster.received::<OffsetCommitResponse>(connection), Answer::Waiting);
    hold(&mut cluster, false);
    assert_eq!(code(cluster.received(connection).response()), ErrorCode::NONE);

    let (mut cluster, connection) = waiting();
    cluster.pass_ms(5_000);
    assert_eq!(code(cluster.received(connection).response()), ErrorCode::COORDINATOR_NOT_AVAILABLE);

    let (mut cluster, connection) = waiting();
    assert_eq!(act(&mut cluster, GroupAction::MoveCoordinator { broker: BrokerId(2) }), ErrorCode::NONE);
    assert_eq!(code(cluster.received(connection).response()), ErrorCode::NOT_COORDINATOR);
    // What was not replicated is lost with its leader, and nobody was told otherwise.
    assert_eq!(committed(&mut cluster, 2), Ok(-1));
}

/// A transaction's coordinator was slow to take the group's partition in, and by then nobody minded any more whether
/// the offsets were replicated: a producer was told that they are stored, their leader died, the next one had never
/// heard of them, and somebody else read and copied the same records again.
#[test]
fn offsets_in_a_transaction_are_answered_when_they_are_replicated_however_long_their_proof_took() {
    let code = |response: TxnOffsetCommitResponse| ErrorCode::new(response.topics[0].partitions[0].error_code);
    let waiting = || {
        let mut cluster = cluster();
        let client = Client::begin(&mut cluster, "m", 2);
        // Where Java puts `m`.
        hold_followers(&mut cluster, "__transaction_state", 9, true);
        hold(&mut cluster, true);
        let connection = cluster.connect(1);
        assert_eq!(cluster.send(connection, 5, client.offset_request("t", 7)), Answer::Waiting);
        hold_followers(&mut cluster, "__transaction_state", 9, false);
        (cluster, connection)
    };
    let (mut cluster, connection) = waiting();
    assert_eq!(cluster.received::<TxnOffsetCommitResponse>(connection), Answer::Waiting);
    hold(&mut cluster, false);
    assert_eq!(code(cluster.received(connection).response()), ErrorCode::NONE);

    let (mut cluster, connection) = waiting();
    assert_eq!(act(&mut cluster, GroupAction::MoveCoordinator { broker: BrokerId(2) }), ErrorCode::NONE);
    assert_eq!(code(cluster.received(connection).response()), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn an_assignment_is_handed_out_when_it_is_replicated() {
    let waiting = || {
        let mut cluster = cluster();
        let (one, first) = first_member(&mut cluster);
        assert_eq!(act(&mut cluster, GroupAction::Rebalance), ErrorCode::NONE);
        let joined = cluster.send(one, 9, join(&first.member_id)).response();
        hold(&mut cluster, true);
        let assignments = [(&*joined.member_id, "new")];
        assert_eq!(cluster.send(one, 4, sync(&joined, &assignments)), Answer::Waiting);
        (cluster, one)
    };
    let check = |mut cluster: TestCluster, connection, code: ErrorCode, assignment: &str, expected: GroupState| {
        let synced = cluster.received::<SyncGroupResponse>(connection).response();
        assert_eq!((synced.error_code, &*synced.assignment), (code.code(), assignment.as_bytes()));
        assert_eq!(state(&cluster), expected);
    };
    let (mut cluster, connection) = waiting();
    assert_eq!(state(&cluster), GroupState::CompletingRebalance);
    hold(&mut cluster, false);
    check(cluster, connection, ErrorCode::NONE, "new", GroupState::Stable);

    let (mut cluster, connection) = waiting();
    cluster.pass_ms(5_000);
    check(cluster, connection, ErrorCode::COORDINATOR_NOT_AVAILABLE, "", GroupState::PreparingRebalance);

    let (mut cluster, connection) = waiting();
    assert_eq!(act(&mut cluster, GroupAction::MoveCoordinator { broker: BrokerId(2) }), ErrorCode::NONE);
    check(cluster, connection, ErrorCode::NOT_COORDINATOR, "", GroupState::Stable);
}
