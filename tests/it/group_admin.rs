//! Groups managed from outside: by our client's admin, and by the cluster's own hands.

use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::Error;
use rehearsal::ErrorCode;
use rehearsal::Record;
use rehearsal::base::BrokerId;
use rehearsal::base::Offset;
use rehearsal::base::Timestamp;
use rehearsal::client::Client;
use rehearsal::client::GroupFilter;
use rehearsal::client::GroupOffset;
use rehearsal::client::GroupState;
use rehearsal::client::GroupType;
use rehearsal::client::MemberToRemove;
use rehearsal::client::PerItem;
use rehearsal::client::ResetTo;
use rehearsal::client::Target;
use rehearsal::client::TopicPartition;
use rehearsal::wire::messages::join_group::JoinGroupRequest;
use rehearsal::wire::messages::join_group::JoinGroupRequestProtocol;
use rehearsal::wire::messages::sync_group::SyncGroupRequest;
use rehearsal::wire::messages::sync_group::SyncGroupRequestAssignment;
use std::time::Duration;

/// Of version 0: topic `orders`, no user data.
const SUBSCRIPTION: &[u8] = b"\x00\x00\x00\x00\x00\x01\x00\x06orders\xff\xff\xff\xff";
/// Of version 0: partitions 0 and 1 of topic `orders`, no user data.
const ASSIGNMENT: &[u8] =
    b"\x00\x00\x00\x00\x00\x01\x00\x06orders\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff";

async fn start() -> (Cluster, Client) {
    let cluster =
        Cluster::in_memory().start_time(20_000).wait_deadline(Duration::from_secs(2)).brokers(3).topic("orders", 2);
    let cluster = cluster.start().await.unwrap();
    let records = (0..20).map(|n| Record::new(format!("{n}")).timestamp(1000 * n));
    cluster.seed("orders", records).unwrap();
    let client = connect(&cluster).await;
    (cluster, client)
}

async fn connect(cluster: &Cluster) -> Client {
    let builder = Client::builder().endpoint(cluster.endpoint()).client_id("app");
    builder.api_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("orders", index).unwrap()
}

fn codes<K: Clone, T>(results: &PerItem<K, T>) -> Vec<ErrorCode> {
    let code = |(_, result): &(K, Result<T, _>)| {
        result.as_ref().err().map_or(ErrorCode::NONE, |error: &rehearsal::client::Error| error.code().unwrap())
    };
    results.iter().map(code).collect()
}

/// One member joins a group and gets both partitions; it never sends a heartbeat.
async fn join(cluster: &Cluster, client: &Client, group: &str) -> String {
    client.admin().describe_groups([group]).await.all().unwrap_err();
    let coordinator = Target::Broker(cluster.group(group).coordinator().unwrap());
    let protocol = JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: SUBSCRIPTION.into(),
        ..JoinGroupRequestProtocol::default()
    };
    let request = JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 9_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    };
    let joined = client.call_at_most(coordinator, &request, 3).await.unwrap();
    let assignment = SyncGroupRequestAssignment {
        member_id: joined.member_id.clone(),
        assignment: ASSIGNMENT.into(),
        ..SyncGroupRequestAssignment::default()
    };
    let request = SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: vec![assignment],
        ..SyncGroupRequest::default()
    };
    assert_eq!(client.call_at_most(coordinator, &request, 3).await.unwrap().error_code, 0);
    joined.member_id.to_string()
}

#[tokio::test(start_paused = true)]
async fn groups_are_listed_by_state_and_type() {
    let (cluster, client) = start().await;
    cluster.group("idle").commit("orders", 0, 3).unwrap();
    join(&cluster, &client, "busy").await;
    let admin = client.admin();
    let all = admin.list_groups().await.unwrap();
    let rows: Vec<_> = all.iter().map(|g| (&*g.group_id, g.state, g.group_type, &*g.protocol_type)).collect();
    assert_eq!(
        rows,
        [
            ("busy", GroupState::Stable, GroupType::Classic, "consumer"),
            ("idle", GroupState::Empty, GroupType::Classic, "")
        ]
    );
    let check = async |filter: GroupFilter, expected: &[&str]| {
        let found = admin.list_groups_by(&filter).await.unwrap();
        assert_eq!(found.iter().map(|group| &*group.group_id).collect::<Vec<_>>(), expected, "{filter:?}");
    };
    check(GroupFilter::default().state(GroupState::Empty), &["idle"]).await;
    check(GroupFilter::default().state(GroupState::Empty).state(GroupState::Stable), &["busy", "idle"]).await;
    check(GroupFilter::default().group_type(GroupType::Consumer), &[]).await;
    check(GroupFilter::default().group_type(GroupType::Classic).state(GroupState::Stable), &["busy"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_is_described_and_loses_its_members() {
    let (cluster, client) = start().await;
    let member_id = join(&cluster, &client, "g").await;
    let admin = client.admin();
    let group = admin.describe_group("g").await.unwrap();
    assert_eq!((group.state, &*group.assignor, group.epochs), (GroupState::Stable, "range", None));
    assert_eq!(Some(group.coordinator), cluster.group("g").coordinator());
    let [member] = &group.members[..] else { panic!("{group:?}") };
    assert_eq!((&*member.member_id, &*member.client_id, &*member.host), (&*member_id, "app", "/memory"));
    assert_eq!(member.subscription, ["orders"]);
    assert_eq!(member.assignment, [partition(0), partition(1)]);
    cluster.group("g").wait_for_assignment("orders").await.unwrap();

    let nobody = [MemberToRemove::Id("nobody".to_owned()), MemberToRemove::InstanceId("nobody".to_owned())];
    let removed = admin.remove_members("g", nobody).await.unwrap();
    assert_eq!(codes(&removed), [ErrorCode::UNKNOWN_MEMBER_ID; 2]);
    assert_eq!(admin.remove_all_members("g").await.unwrap().all().unwrap().len(), 1);
    assert_eq!(cluster.group("g").state(), Some(rehearsal::broker::GroupState::Empty));
    let missing = admin.describe_group("missing").await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[tokio::test(start_paused = true)]
async fn groups_are_deleted_when_nobody_is_in_them() {
    let (cluster, client) = start().await;
    cluster.group("idle").commit("orders", 0, 3).unwrap();
    join(&cluster, &client, "busy").await;
    let deleted = client.admin().delete_groups(["idle", "busy", "missing"]).await;
    let check = |group: &str, expected: ErrorCode| {
        let code =
            deleted.get(group).unwrap().as_ref().map_or_else(|error| error.code().unwrap(), |()| ErrorCode::NONE);
        assert_eq!(code, expected, "{group}");
    };
    check("idle", ErrorCode::NONE);
    check("busy", ErrorCode::NON_EMPTY_GROUP);
    check("missing", ErrorCode::GROUP_ID_NOT_FOUND);
    assert!(!cluster.group("idle").exists());
    let lookups = cluster.requests().into_iter().filter(|request| request.api() == ApiKey::FindCoordinator).last();
    assert_eq!(lookups.unwrap().body()["coordinator_keys"], serde_json::json!(["idle", "busy", "missing"]));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_read_altered_and_forgotten() {
    let (cluster, client) = start().await;
    let admin = client.admin();
    assert_eq!(admin.list_group_offsets("g").await.unwrap(), []);
    let note = GroupOffset { metadata: "by hand".to_owned(), ..Offset(4).into() };
    let altered = admin.alter_group_offsets("g", [(partition(0), note.clone()), (partition(1), Offset(2).into())]);
    altered.await.unwrap().all().unwrap();
    assert_eq!(admin.list_group_offsets("g").await.unwrap(), [(partition(0), note), (partition(1), Offset(2).into())]);
    assert_eq!((cluster.group("g").committed("orders", 0), cluster.group("g").lag("orders")), (Some(4), 14));
    let unknown = [(partition(7), Offset(1))];
    assert_eq!(codes(&admin.alter_group_offsets("g", unknown).await.unwrap()), [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    let forgotten = admin.delete_group_offsets("g", [partition(0), partition(7)]).await.unwrap();
    assert_eq!(codes(&forgotten), [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(admin.list_group_offsets("g").await.unwrap(), [(partition(1), Offset(2).into())]);
    let missing = admin.delete_group_offsets("missing", [partition(0)]).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_reset_to_any_place() {
    let (cluster, client) = start().await;
    let admin = client.admin();
    let check = async |to: ResetTo, expected: [i64; 2]| {
        let mut offsets: Vec<_> = admin.reset_group("g", "orders", to).await.unwrap().into_iter().collect();
        offsets.sort_by(|a, b| a.0.cmp(&b.0));
        let offsets: Vec<i64> = offsets.into_iter().map(|(_, offset)| offset.unwrap().0).collect();
        assert_eq!(offsets, expected, "{to:?}");
        let group = cluster.group("g");
        assert_eq!([0, 1].map(|index| group.committed("orders", index).unwrap()), expected, "{to:?}");
    };
    // Partition 0 has the even seconds, partition 1 the odd ones.
    check(ResetTo::Timestamp(Timestamp(5000)), [3, 2]).await;
    check(ResetTo::By(1), [4, 3]).await;
    check(ResetTo::By(-100), [0, 0]).await;
    check(ResetTo::Latest, [10, 10]).await;
    check(ResetTo::Earliest, [0, 0]).await;
    check(ResetTo::Offset(Offset(99)), [10, 10]).await;
    check(ResetTo::Timestamp(Timestamp(19_000)), [10, 9]).await;
    let missing = admin.reset_group("g", "missing", ResetTo::Earliest).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

#[tokio::test(start_paused = true)]
async fn an_active_group_keeps_its_offsets() {
    let (cluster, client) = start().await;
    join(&cluster, &client, "g").await;
    let admin = client.admin();
    let reset = admin.reset_group("g", "orders", ResetTo::Latest).await.unwrap();
    assert_eq!(codes(&reset), [ErrorCode::UNKNOWN_MEMBER_ID; 2]);
    let forgotten = admin.delete_group_offsets("g", [partition(0)]).await.unwrap();
    assert_eq!(codes(&forgotten), [ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC]);
    let seeded = cluster.group("g").commit("orders", 0, 1).unwrap_err();
    assert!(matches!(seeded, Error::Broker { code: ErrorCode::UNKNOWN_MEMBER_ID, .. }), "{seeded}");
}

#[tokio::test(start_paused = true)]
async fn an_admin_follows_a_coordinator_that_moves_and_takes_its_time() {
    let (cluster, client) = start().await;
    cluster.group("g").commit_offsets([("orders", 0, 5), ("orders", 1, 6)]).unwrap();
    assert_eq!(client.admin().list_group_offsets("g").await.unwrap().len(), 2);
    cluster.set_coordinator_load_time(Duration::from_secs(1));
    let old = cluster.group("g").coordinator().unwrap();
    let new = BrokerId(old.0 % 3 + 1);
    cluster.group("g").move_coordinator(new.0).unwrap();
    assert_eq!(cluster.group("g").coordinator(), Some(new));
    let before = cluster.now();
    let offsets = client.admin().list_group_offsets("g").await.unwrap();
    assert_eq!(offsets, [(partition(0), Offset(5).into()), (partition(1), Offset(6).into())]);
    assert!(cluster.now().since(before) >= Duration::from_secs(1));
    let told = cluster.requests().into_iter().filter(|request| request.api() == ApiKey::OffsetFetch);
    let told: Vec<ErrorCode> = told.map(|request| request.error_code()).collect();
    assert!(told.contains(&ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), "{told:?}");
    assert!(cluster.journal().contains("group g: move the coordinator to broker"), "{}", cluster.journal());
}

#[tokio::test(start_paused = true)]
async fn a_group_is_steered_and_waited_for() {
    let (cluster, client) = start().await;
    let group = cluster.group("g");
    let none = group.wait_until_stable().await.unwrap_err().to_string();
    assert!(none.starts_with("a stable group (group g) did not come true within 2s"), "{none}");
    assert!(none.contains("no group g; there are []"), "{none}");
    join(&cluster, &client, "g").await;
    group.wait_for_members(1).await.unwrap();
    let lagging = group.wait_until_lag_is(0).await.unwrap_err().to_string();
    assert!(lagging.contains("lag 20"), "{lagging}");

    group.expire_member("app").unwrap();
    group.commit_offsets([("orders", 0, 10), ("orders", 1, 10)]).unwrap();
    group.wait_until_lag_is(0).await.unwrap();
    join_again(&cluster, &client).await;
    group.rebalance_now().unwrap();
    assert_eq!(group.state(), Some(rehearsal::broker::GroupState::PreparingRebalance));
    group.expire_member("app").unwrap();
    assert_eq!(group.members(), []);
    let refused = group.expire_member("app").unwrap_err().to_string();
    assert!(refused.contains("no such member in group g; its members are []"), "{refused}");
    group.expire_offsets().unwrap();
    assert!(!group.exists());
}

async fn join_again(cluster: &Cluster, client: &Client) {
    let group = cluster.group("g");
    assert!(group.exists());
    let request = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 9_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: SUBSCRIPTION.into(),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    };
    let coordinator = Target::Broker(group.coordinator().unwrap());
    let joined = client.call_at_most(coordinator, &request, 3).await.unwrap();
    assert_eq!(joined.error_code, 0);
}
