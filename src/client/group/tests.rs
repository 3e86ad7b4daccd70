//! Memberships of both kinds in dialogues with a coordinator that says what a test makes it say.

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::metadata::Metadata;
use super::super::mutant::Mutants;
use super::assignor::CooperativeStickyAssignor;
use super::assignor::RangeAssignor;
use super::membership::Action;
use super::membership::Answer;
use super::membership::Departure;
use super::membership::GroupConfig;
use super::membership::GroupProtocol;
use super::membership::Membership;
use super::membership::OnClose;
use super::membership::Wanted;
use super::subscription::encode_assignment;
use crate::base::ErrorCode;
use crate::base::Seed;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::ApiKey;
use crate::wire::messages::consumer_group_heartbeat::Assignment;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::consumer_group_heartbeat::ResponseTopicPartitions;
use crate::wire::messages::heartbeat::HeartbeatResponse;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use crate::wire::messages::metadata::MetadataResponse;
use crate::wire::messages::metadata::MetadataResponsePartition;
use crate::wire::messages::metadata::MetadataResponseTopic;
use crate::wire::messages::sync_group::SyncGroupResponse;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ID: Uuid = Uuid([7; 16]);

struct Dialogue {
    member: Membership,
    now: Instant,
    /// The last target's number.
    target: u64,
    heartbeat: Option<ConsumerGroupHeartbeatRequest>,
}

fn config(protocol: GroupProtocol, cooperative: bool, instance_id: Option<&str>) -> GroupConfig {
    GroupConfig {
        group_id: "g".into(),
        instance_id: instance_id.map(Into::into),
        rack: None,
        protocol,
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        poll_interval_max: Duration::from_secs(300),
        assignors: if cooperative { vec![Arc::new(CooperativeStickyAssignor)] } else { vec![Arc::new(RangeAssignor)] },
        server_assignor: None,
        on_close: OnClose::Default,
        retry_backoff: (Duration::from_millis(100), Duration::from_secs(1)),
        mutants: Mutants::default(),
    }
}

fn metadata(partitions: i32) -> Metadata {
    let row = |partition_index| MetadataResponsePartition { partition_index, ..Default::default() };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        topic_id: ID,
        partitions: (0..partitions).map(row).collect(),
        ..Default::default()
    };
    let mut metadata = Metadata::default();
    metadata.apply(MetadataResponse { topics: vec![topic], ..Default::default() });
    metadata
}

fn partitions(indexes: &[i32]) -> Vec<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index).unwrap()).collect()
}

impl Dialogue {
    fn start(config: GroupConfig) -> Self {
        let now = Instant::now();
        let member = Membership::new(&Arc::new(config), now, Seed(1).stream("member"));
        let mut this = Self { member, now, target: 0, heartbeat: None };
        this.want(&["t"]);
        this
    }

    fn want(&mut self, topics: &[&str]) {
        let topics = topics.iter().map(|topic| TopicName::new(topic).unwrap()).collect();
        self.member.on_wanted(self.now, Wanted { topics, regex: None });
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// What it does now, each in a few words.
    fn does(&mut self, expected: &[&str]) {
        let mut done = Vec::new();
        while let Some(action) = self.member.poll(self.now) {
            done.push(match action {
                Action::Join(request) => format!("join as {:?}", &*request.member_id),
                Action::Sync(request) => format!("sync {} with {}", request.generation_id, request.assignments.len()),
                Action::Heartbeat(request) => format!("heartbeat {}", request.generation_id),
                Action::ConsumerHeartbeat(request) => {
                    let owned = request
                        .topic_partitions
                        .as_ref()
                        .map(|topics| topics.iter().flat_map(|topic| topic.partitions.clone()).collect::<Vec<_>>());
                    let wants = request.subscribed_topic_names.as_ref().map(Vec::len);
                    let said = format!("epoch {} owns {owned:?} wants {wants:?}", request.member_epoch);
                    self.heartbeat = Some(request);
                    said
                }
                Action::Leave(Departure::Classic(request)) => format!("leave as {:?}", &*request.member_id),
                Action::Leave(Departure::Consumer(request)) => format!("epoch {}", request.member_epoch),
                Action::Assign(members) => format!("assign {}", members.len()),
                Action::Resolve(ids) => format!("resolve {}", ids.len()),
                Action::Own(target) => {
                    self.target = target.id;
                    let indexes: Vec<i32> = target.partitions.iter().map(|partition| partition.partition.0).collect();
                    format!("{} {indexes:?}", if target.lost { "lose all, own" } else { "own" })
                }
                Action::Fail(error) => format!("fail: {error}"),
            });
        }
        assert_eq!(done, expected);
    }

    fn owned(&mut self) {
        self.member.on_owned(self.now, self.target);
    }

    fn joined(&mut self, code: ErrorCode, generation_id: i32, leader: &str, members: &[&str]) {
        let topics = [TopicName::new("t").unwrap()].into();
        let owned = std::collections::BTreeSet::new();
        let row = |id: &&str| {
            let metadata = super::subscription::Subscription {
                topics: &topics,
                owned: &owned,
                generation: -1,
                rack: None,
                user_data: None,
            };
            JoinGroupResponseMember { member_id: (*id).into(), metadata: metadata.encode(), ..Default::default() }
        };
        let protocol = match &self.member {
            Membership::Classic(member) => member.first_assignor(),
            Membership::Consumer(_) => unreachable!(),
        };
        let response = JoinGroupResponse {
            error_code: code.code(),
            generation_id,
            member_id: "me".into(),
            leader: leader.into(),
            protocol_name: Some(protocol.into()),
            members: members.iter().map(row).collect(),
            ..Default::default()
        };
        self.member.on_answer(self.now, Answer::Joined(Ok(response)));
    }

    fn synced(&mut self, code: ErrorCode, indexes: &[i32]) {
        let assignment = encode_assignment(&partitions(indexes));
        let response = SyncGroupResponse { error_code: code.code(), assignment, ..Default::default() };
        self.member.on_answer(self.now, Answer::Synced(Ok(response)));
    }

    fn beaten(&mut self, code: ErrorCode) {
        let response = HeartbeatResponse { error_code: code.code(), ..Default::default() };
        self.member.on_answer(self.now, Answer::Heartbeat(Ok(response)));
    }

    /// Through the whole of the first rebalance.
    fn settle(&mut self, indexes: &[i32]) {
        self.does(&["join as \"\""]);
        self.joined(ErrorCode::MEMBER_ID_REQUIRED, -1, "", &[]);
        self.does(&["join as \"me\""]);
        self.joined(ErrorCode::NONE, 1, "other", &[]);
        self.does(&["sync 1 with 0"]);
        self.synced(ErrorCode::NONE, indexes);
        self.does(&[&format!("own {indexes:?}")]);
        self.owned();
        self.does(&[]);
    }

    fn told(&mut self, code: ErrorCode, member_epoch: i32, assignment: Option<&[i32]>) {
        let row = |indexes: &[i32]| ResponseTopicPartitions {
            topic_id: ID,
            partitions: indexes.to_vec(),
            ..Default::default()
        };
        let response = ConsumerGroupHeartbeatResponse {
            error_code: code.code(),
            member_epoch,
            heartbeat_interval_ms: 5_000,
            assignment: assignment
                .map(|indexes| Assignment { topic_partitions: vec![row(indexes)], ..Default::default() }),
            ..Default::default()
        };
        self.member.on_answer(self.now, Answer::ConsumerHeartbeat(Ok(response)));
    }
}

#[test]
fn a_classic_member_joins_beats_and_gives_everything_up_before_it_joins_again() {
    let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
    it.settle(&[0, 1]);
    it.pass(2);
    it.does(&[]);
    it.pass(1);
    it.does(&["heartbeat 1"]);
    it.beaten(ErrorCode::REBALANCE_IN_PROGRESS);
    it.does(&["own []"]);
    // As long as the user has not given them up it stays alive, and does not join.
    it.pass(3);
    it.does(&["heartbeat 1"]);
    it.beaten(ErrorCode::REBALANCE_IN_PROGRESS);
    it.does(&[]);
    it.owned();
    it.does(&["join as \"me\""]);
    it.joined(ErrorCode::NONE, 2, "other", &[]);
    it.does(&["sync 2 with 0"]);
    it.synced(ErrorCode::REBALANCE_IN_PROGRESS, &[]);
    it.does(&["join as \"me\""]);
}

#[test]
fn a_cooperative_member_keeps_what_stays_and_joins_again_when_it_gave_something_up() {
    let mut it = Dialogue::start(config(GroupProtocol::Classic, true, None));
    it.settle(&[0, 1]);
    it.pass(3);
    it.does(&["heartbeat 1"]);
    it.beaten(ErrorCode::REBALANCE_IN_PROGRESS);
    it.does(&["join as \"me\""]);
    it.joined(ErrorCode::NONE, 2, "other", &[]);
    it.does(&["sync 2 with 0"]);
    it.synced(ErrorCode::NONE, &[0]);
    it.does(&["own [0]"]);
    it.owned();
    it.does(&["join as \"me\""]);
    it.joined(ErrorCode::NONE, 3, "other", &[]);
    it.does(&["sync 3 with 0"]);
    it.synced(ErrorCode::NONE, &[0]);
    it.does(&["own [0]"]);
    it.owned();
    it.does(&[]);
    // Nobody else may have a topic that is no longer wanted, so it is given up first.
    it.want(&["u"]);
    it.does(&["own []"]);
    it.owned();
    it.does(&["join as \"me\""]);
}

#[test]
fn a_leader_assigns_when_it_knows_the_topics_and_again_when_they_change() {
    let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
    it.does(&["join as \"\""]);
    it.joined(ErrorCode::NONE, 1, "me", &["me", "other"]);
    it.does(&["assign 2"]);
    // News about something else are not what it waits for.
    it.member.on_metadata(it.now, &Metadata::default());
    it.does(&[]);
    it.member.on_resolved(it.now, &metadata(4));
    it.does(&["sync 1 with 2"]);
    it.synced(ErrorCode::NONE, &[0, 1]);
    it.does(&["own [0, 1]"]);
    it.owned();
    it.member.on_metadata(it.now, &metadata(4));
    it.does(&[]);
    it.member.on_metadata(it.now, &metadata(5));
    it.does(&["own []"]);
}

#[test]
fn refusals_are_retried_suffered_or_reported() {
    let check = |code: ErrorCode, expected: &[&str], later: &[&str]| {
        let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
        it.settle(&[0]);
        it.pass(3);
        it.does(&["heartbeat 1"]);
        it.beaten(code);
        it.does(expected);
        it.owned();
        it.pass(1);
        it.does(later);
    };
    check(ErrorCode::NONE, &[], &[]);
    check(ErrorCode::NOT_COORDINATOR, &[], &["heartbeat 1"]);
    check(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, &[], &["heartbeat 1"]);
    check(ErrorCode::UNKNOWN_MEMBER_ID, &["lose all, own []"], &["join as \"\""]);
    check(ErrorCode::ILLEGAL_GENERATION, &["lose all, own []"], &["join as \"me\""]);
    let failed = "fail: Heartbeat was answered with FENCED_INSTANCE_ID";
    check(ErrorCode::FENCED_INSTANCE_ID, &["lose all, own []", failed], &[]);

    let check = |code: ErrorCode, expected: &[&str], later: &[&str]| {
        let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
        it.does(&["join as \"\""]);
        it.joined(code, -1, "", &[]);
        it.does(expected);
        it.owned();
        it.pass(1);
        it.does(later);
    };
    check(ErrorCode::NOT_COORDINATOR, &[], &["join as \"\""]);
    check(ErrorCode::REBALANCE_IN_PROGRESS, &[], &["join as \"\""]);
    check(ErrorCode::UNKNOWN_MEMBER_ID, &["lose all, own []"], &["join as \"\""]);
    let failed = "fail: JoinGroup was answered with INCONSISTENT_GROUP_PROTOCOL";
    check(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, &["lose all, own []", failed], &[]);
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let lost = || Error::connection("b1:9092", true, std::io::ErrorKind::ConnectionReset.into());
    let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
    it.does(&["join as \"\""]);
    it.member.on_answer(it.now, Answer::Joined(Err(lost())));
    it.does(&[]);
    it.pass(1);
    it.does(&["join as \"\""]);
    it.joined(ErrorCode::NONE, 1, "other", &[]);
    it.does(&["sync 1 with 0"]);
    it.member.on_answer(it.now, Answer::Synced(Err(lost())));
    it.pass(1);
    it.does(&["join as \"me\""]);
    let refused = Error::UnsupportedVersion { api: ApiKey::JoinGroup, broker: None };
    it.member.on_answer(it.now, Answer::Joined(Err(refused)));
    it.does(&["lose all, own []", "fail: the broker does not have JoinGroup"]);
}

#[test]
fn who_is_away_for_too_long_leaves_and_comes_back() {
    let mut it = Dialogue::start(config(GroupProtocol::Classic, false, None));
    it.settle(&[0]);
    it.member.on_poll_expired();
    it.does(&["leave as \"me\"", "lose all, own []"]);
    it.pass(600);
    it.does(&[]);
    it.owned();
    it.does(&["join as \"\""]);
    // It was away again; the id that it gets now is nobody's.
    it.member.on_poll_expired();
    it.does(&["lose all, own []"]);
    it.joined(ErrorCode::NONE, 9, "other", &[]);
    it.does(&["leave as \"me\""]);
    it.owned();
    it.does(&["join as \"\""]);
}

#[test]
fn only_those_who_do_not_come_back_leave() {
    let check = |instance_id: Option<&str>, on_close: OnClose, classic: Option<&str>, consumer: Option<i32>| {
        let mut it = Dialogue::start(config(GroupProtocol::Classic, false, instance_id));
        it.settle(&[0]);
        let left = it.member.leave(on_close).map(|departure| match departure {
            Departure::Classic(request) => request.members[0].member_id.to_string(),
            Departure::Consumer(_) => unreachable!(),
        });
        assert_eq!(left.as_deref(), classic, "{instance_id:?} {on_close:?}");
        it.pass(60);
        it.does(&[]);
        let mut it = Dialogue::start(config(GroupProtocol::Consumer, false, instance_id));
        it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
        it.told(ErrorCode::NONE, 1, None);
        let left = it.member.leave(on_close).map(|departure| match departure {
            Departure::Consumer(request) => request.member_epoch,
            Departure::Classic(_) => unreachable!(),
        });
        assert_eq!(left, consumer, "{instance_id:?} {on_close:?}");
        it.pass(60);
        it.does(&[]);
    };
    check(None, OnClose::Default, Some("me"), Some(-1));
    check(None, OnClose::LeaveGroup, Some("me"), Some(-1));
    check(None, OnClose::RemainInGroup, None, None);
    check(Some("i"), OnClose::Default, None, Some(-2));
    check(Some("i"), OnClose::LeaveGroup, Some("me"), Some(-1));
    check(Some("i"), OnClose::RemainInGroup, None, Some(-2));
}

#[test]
fn a_member_of_the_new_kind_says_what_it_has_when_it_has_it() {
    let mut it = Dialogue::start(config(GroupProtocol::Consumer, false, Some("i")));
    it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
    assert_eq!(it.heartbeat.as_ref().unwrap().instance_id.as_deref(), Some("i"));
    it.told(ErrorCode::NONE, 3, Some(&[0, 1]));
    it.does(&["resolve 1"]);
    it.member.on_resolved(it.now, &metadata(4));
    it.does(&["own [0, 1]"]);
    it.pass(5);
    // The user has not taken them yet.
    it.does(&["epoch 3 owns None wants None"]);
    it.told(ErrorCode::NONE, 3, None);
    it.owned();
    it.does(&["epoch 3 owns Some([0, 1]) wants None"]);
    it.told(ErrorCode::NONE, 4, Some(&[1]));
    it.does(&["own [1]"]);
    it.owned();
    it.does(&["epoch 4 owns Some([1]) wants None"]);
    it.told(ErrorCode::NONE, 5, Some(&[1, 3]));
    it.does(&["own [1, 3]"]);
    it.owned();
    it.does(&["epoch 5 owns Some([1, 3]) wants None"]);
    it.told(ErrorCode::NONE, 5, None);
    it.does(&[]);
    it.want(&["t", "u"]);
    it.does(&["epoch 5 owns None wants Some(2)"]);
    it.told(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, 0, None);
    it.does(&[]);
    it.pass(1);
    // Nobody knows what the coordinator remembers, so it is told all.
    it.does(&["epoch 5 owns Some([1, 3]) wants Some(2)"]);
    it.told(ErrorCode::NONE, 5, None);
    it.pass(4);
    it.does(&[]);
    it.pass(1);
    it.does(&["epoch 5 owns None wants None"]);
}

/// A member that was offered a partition was still busy, and its coordinator took the partition back meanwhile. Having
/// lost an answer, the member said all it had, without the partition: that went to somebody else, and the user, who was
/// ready at last, took what it had been offered.
#[test]
fn what_the_user_has_been_offered_is_not_given_back_before_it_has_answered() {
    let mut it = Dialogue::start(config(GroupProtocol::Consumer, false, None));
    it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
    it.told(ErrorCode::NONE, 3, Some(&[0]));
    it.does(&["resolve 1"]);
    it.member.on_resolved(it.now, &metadata(4));
    it.does(&["own [0]"]);
    it.owned();
    it.does(&["epoch 3 owns Some([0]) wants None"]);
    it.told(ErrorCode::NONE, 4, Some(&[0, 2]));
    it.does(&["own [0, 2]"]);
    it.pass(5);
    it.does(&["epoch 4 owns None wants None"]);
    it.told(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, 0, None);
    it.pass(1);
    it.does(&["epoch 4 owns Some([0, 2]) wants Some(1)"]);
    it.told(ErrorCode::NONE, 4, Some(&[0]));
    it.does(&[]);
    it.owned();
    it.does(&["own [0]"]);
    it.owned();
    it.does(&["epoch 4 owns Some([0]) wants None"]);
}

#[test]
fn a_fenced_member_of_the_new_kind_loses_all_before_it_joins_again() {
    for code in [ErrorCode::FENCED_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID] {
        let mut it = Dialogue::start(config(GroupProtocol::Consumer, false, None));
        it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
        it.told(ErrorCode::NONE, 3, Some(&[0]));
        it.does(&["resolve 1"]);
        it.member.on_resolved(it.now, &metadata(4));
        it.does(&["own [0]"]);
        it.owned();
        it.does(&["epoch 3 owns Some([0]) wants None"]);
        it.told(code, 0, None);
        it.does(&["lose all, own []"]);
        it.pass(60);
        it.does(&[]);
        it.owned();
        it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
    }
    let mut it = Dialogue::start(config(GroupProtocol::Consumer, false, None));
    it.does(&["epoch 0 owns Some([]) wants Some(1)"]);
    it.told(ErrorCode::UNSUPPORTED_ASSIGNOR, 0, None);
    let failed = "fail: ConsumerGroupHeartbeat was answered with UNSUPPORTED_ASSIGNOR";
    it.does(&["lose all, own []", failed]);
}
