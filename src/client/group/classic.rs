//! A member of a classic group: join, sync, heartbeat, and again.
//!
//! Not here: sockets, tasks and the clock. Source: `AbstractCoordinator` and `ConsumerCoordinator` of Apache Kafka.
//!
//! ```text
//!            topics are wanted           an id is given (MEMBER_ID_REQUIRED)
//!   Idle ------------------> Preparing -----> Joining -----> [Assigning] -----> Syncing -----> Stable
//!    ^                        ^  the user has      \___________ any refusal __________/          |
//!    |                        |  given up what it has to                                         |
//!    +-- nothing is wanted    +------- REBALANCE_IN_PROGRESS, other topics, lost, revoked -------+
//! ```

use super::super::TopicPartition;
use super::super::backoff::Backoff;
use super::super::error::Error;
use super::super::metadata::Metadata;
use super::super::mutant::ClientMutant;
use super::assignor::GroupMember;
use super::assignor::LastAssignment;
use super::assignor::RebalanceProtocol;
use super::assignor::sort;
use super::membership::Action;
use super::membership::Departure;
use super::membership::GroupConfig;
use super::membership::Identity;
use super::membership::OnClose;
use super::membership::Target;
use super::membership::Wanted;
use super::subscription::Subscription;
use super::subscription::decode_assignment;
use super::subscription::decode_member;
use super::subscription::encode_assignment;
use crate::base::ErrorCode;
use crate::base::Rng;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::heartbeat::HeartbeatResponse;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupRequestAssignment;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Kafka's name for groups of consumers.
const PROTOCOL_TYPE: &str = "consumer";

/// A member of a classic group, or one who wants to be.
#[derive(Debug)]
pub(in crate::client) struct Classic {
    config: Arc<GroupConfig>,
    /// Whether the user wants to be in the group.
    subscribed: bool,
    wanted: Wanted,
    phase: Phase,
    member_id: ByteString,
    /// -1 outside of the group.
    generation: i32,
    /// The protocol that the group has agreed on.
    protocol_name: Option<ByteString>,
    /// What the user owns, or is to own.
    owned: BTreeSet<TopicPartition>,
    last: LastAssignment,
    /// What was told when it last joined.
    joined: Wanted,
    /// The partitions by topic on which the leader has based its assignment.
    counted: Option<BTreeMap<TopicName, usize>>,
    /// The members whose topics the leader waits for.
    assigning: Vec<GroupMember>,
    /// One request at a time.
    in_flight: bool,
    heartbeat_at: Instant,
    not_before: Option<Instant>,
    backoff: Backoff,
    /// The newest target, and the newest that the user owns.
    targets: (u64, u64),
    /// Why it has to join again as soon as it is stable.
    rejoin: Option<&'static str>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is wanted, or it is over.
    Idle,
    /// It joins as soon as the user has given up what it has to.
    Preparing,
    /// A `JoinGroup` is to be sent or has been.
    Joining,
    /// The leader waits for metadata.
    Assigning,
    /// A `SyncGroup` has been sent.
    Syncing,
    Stable,
}

impl Classic {
    pub(super) fn new(config: Arc<GroupConfig>, now: Instant, rng: Rng) -> Self {
        let backoff = Backoff::new(config.retry_backoff, rng);
        Self {
            config,
            subscribed: false,
            wanted: Wanted::default(),
            phase: Phase::Idle,
            member_id: ByteString::new(),
            generation: -1,
            protocol_name: None,
            owned: BTreeSet::new(),
            last: LastAssignment { generation: -1, partitions: Vec::new() },
            joined: Wanted::default(),
            counted: None,
            assigning: Vec::new(),
            in_flight: false,
            heartbeat_at: now,
            not_before: None,
            backoff,
            targets: (0, 0),
            rejoin: None,
            actions: VecDeque::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn first_assignor(&self) -> &'static str {
        if self.protocol() == RebalanceProtocol::Eager { "range" } else { "cooperative-sticky" }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { member_id: self.member_id.clone(), generation: self.generation }
    }

    /// The protocol of all assignors: cooperative only if each is.
    fn protocol(&self) -> RebalanceProtocol {
        let protocols = self.config.assignors.iter().map(|assignor| assignor.protocol());
        protocols.min().unwrap_or(RebalanceProtocol::Eager)
    }

    fn user_is_ready(&self) -> bool {
        self.targets.0 == self.targets.1
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if self.phase == Phase::Stable {
            if let Some(reason) = self.rejoin.take() {
                self.prepare(reason);
                return self.poll(now);
            }
        }
        if self.in_flight {
            return None;
        }
        if self.phase == Phase::Preparing && self.user_is_ready() {
            self.phase = Phase::Joining;
        }
        let waits = self.not_before.is_some_and(|not_before| not_before > now);
        match self.phase {
            Phase::Joining if !waits => {
                self.in_flight = true;
                Some(Action::Join(self.join_request()))
            }
            // Whoever takes long to give up its partitions stays alive meanwhile.
            Phase::Stable | Phase::Preparing if self.generation >= 0 && self.heartbeat_at <= now => {
                self.in_flight = true;
                Some(Action::Heartbeat(HeartbeatRequest {
                    group_id: self.config.group_id.clone(),
                    generation_id: self.generation,
                    member_id: self.member_id.clone(),
                    group_instance_id: self.config.instance_id.clone(),
                    ..Default::default()
                }))
            }
            _ => None,
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        if self.in_flight {
            return None;
        }
        match self.phase {
            Phase::Joining => self.not_before,
            Phase::Stable | Phase::Preparing if self.generation >= 0 => Some(self.heartbeat_at),
            _ => None,
        }
    }

    // --- what the user wants

    pub(super) fn on_wanted(&mut self, now: Instant, wanted: Wanted) {
        self.wanted = wanted;
        self.subscribed = true;
        match self.phase {
            Phase::Idle => {
                self.not_before = None;
                self.heartbeat_at = now;
                self.phase = Phase::Preparing;
            }
            Phase::Stable if self.wanted != self.joined => self.rejoin = Some("the subscription has changed"),
            _ => {}
        }
    }

    pub(super) fn on_owned(&mut self, _: Instant, id: u64) {
        self.targets.1 = self.targets.1.max(id);
    }

    pub(super) fn on_poll_expired(&mut self) {
        if self.phase == Phase::Idle || self.owned.is_empty() && self.generation < 0 && !self.in_flight {
            return;
        }
        tracing::warn!(
            group = &*self.config.group_id,
            "no record was asked for within max.poll.interval.ms; leaving the group"
        );
        let departure = self.departure("consumer poll timeout has expired", self.config.instance_id.is_none());
        self.actions.extend(departure.map(Action::Leave));
        self.forget_member();
        self.lose();
    }

    pub(super) fn leave(&mut self, on_close: OnClose) -> Option<Departure> {
        let leaves = match on_close {
            OnClose::Default => self.config.instance_id.is_none(),
            OnClose::LeaveGroup => true,
            OnClose::RemainInGroup => false,
        };
        let departure = self.departure("the consumer is being closed", leaves);
        self.forget_member();
        self.owned.clear();
        self.phase = Phase::Idle;
        self.subscribed = false;
        self.rejoin = None;
        self.actions.clear();
        // Whatever the user was told to own, it owns nothing now.
        self.targets.1 = self.targets.0;
        departure
    }

    fn departure(&self, reason: &str, leaves: bool) -> Option<Departure> {
        if !leaves || self.member_id.is_empty() {
            return None;
        }
        let member = MemberIdentity {
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            reason: Some(reason.into()),
            ..Default::default()
        };
        Some(Departure::Classic(LeaveGroupRequest {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            members: vec![member],
            ..Default::default()
        }))
    }

    pub(super) fn on_commit_refused(&mut self, identity: &Identity, code: ErrorCode) {
        if *identity != self.identity() || self.phase != Phase::Stable {
            return;
        }
        match code {
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => self.on_expelled(code),
            ErrorCode::FENCED_INSTANCE_ID => self.fail(Error::broker(code, ApiKey::OffsetCommit)),
            _ => {}
        }
    }

    // --- what becomes of it

    fn own(&mut self, partitions: BTreeSet<TopicPartition>, lost: bool) {
        self.owned.clone_from(&partitions);
        self.targets.0 += 1;
        // What has not been done yet need not be done any more; but what is lost stays lost.
        let lost = lost | self.actions.iter().any(|action| matches!(action, Action::Own(target) if target.lost));
        self.actions.retain(|action| !matches!(action, Action::Own(_)));
        self.actions.push_back(Action::Own(Target { id: self.targets.0, partitions, lost }));
    }

    /// Joins again, after what the protocol says has been given up.
    fn prepare(&mut self, reason: &str) {
        tracing::debug!(group = &*self.config.group_id, member = &*self.member_id, reason, "joining again");
        self.phase = Phase::Preparing;
        let kept: BTreeSet<TopicPartition> = match self.protocol() {
            RebalanceProtocol::Eager => BTreeSet::new(),
            RebalanceProtocol::Cooperative => {
                self.owned.iter().filter(|partition| self.wanted.topics.contains(&partition.topic)).cloned().collect()
            }
        };
        if kept != self.owned {
            self.own(kept, false);
        }
    }

    /// What it owned may be somebody else's by now.
    fn lose(&mut self) {
        self.generation = -1;
        self.rejoin = None;
        self.phase = if self.subscribed { Phase::Preparing } else { Phase::Idle };
        self.own(BTreeSet::new(), true);
    }

    fn forget_member(&mut self) {
        // A static member is known by its name, and gets a new id when it comes back.
        self.member_id = ByteString::new();
        self.generation = -1;
    }

    fn on_expelled(&mut self, code: ErrorCode) {
        tracing::info!(group = &*self.config.group_id, member = &*self.member_id, %code, "no longer in the group");
        if code == ErrorCode::UNKNOWN_MEMBER_ID {
            self.forget_member();
        }
        if self.config.mutants.has(ClientMutant::TrustStaleOwners) {
            self.phase = Phase::Joining;
            return;
        }
        self.lose();
    }

    fn fail(&mut self, error: Error) {
        self.subscribed = false;
        self.lose();
        self.actions.push_back(Action::Fail(error));
    }

    fn try_again(&mut self, now: Instant, phase: Phase) {
        self.phase = phase;
        self.not_before = Some(now + self.backoff.next());
    }

    // --- joining

    fn join_request(&mut self) -> JoinGroupRequest {
        self.joined = self.wanted.clone();
        let row = |assignor: &Arc<dyn super::assignor::Assignor>| {
            let subscription = Subscription {
                topics: &self.wanted.topics,
                owned: &self.owned,
                generation: if self.owned.is_empty() { -1 } else { self.last.generation },
                rack: self.config.rack.as_deref(),
                user_data: assignor.user_data(&self.last),
            };
            let (name, metadata) = (assignor.name().into(), subscription.encode());
            JoinGroupRequestProtocol { name, metadata, ..Default::default() }
        };
        JoinGroupRequest {
            group_id: self.config.group_id.clone(),
            session_timeout_ms: in_ms(self.config.session_timeout),
            rebalance_timeout_ms: in_ms(self.config.poll_interval_max),
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: self.config.assignors.iter().map(row).collect(),
            ..Default::default()
        }
    }

    pub(super) fn on_joined(&mut self, now: Instant, result: Result<JoinGroupResponse, Error>) {
        self.in_flight = false;
        if self.phase != Phase::Joining {
            // The user has left meanwhile, or was away for too long.
            let stranger = result.ok().filter(|joined| joined.error_code == 0 && joined.member_id != self.member_id);
            if let Some(joined) = stranger.filter(|_| self.config.instance_id.is_none()) {
                let own = std::mem::replace(&mut self.member_id, joined.member_id);
                let departure = self.departure("it was not waited for", true);
                self.member_id = own;
                self.actions.extend(departure.map(Action::Leave));
            }
            return;
        }
        let joined = match result {
            Ok(joined) => joined,
            Err(error) if error.is_retriable() => return self.try_again(now, Phase::Joining),
            Err(error) => return self.fail(error),
        };
        match ErrorCode::new(joined.error_code) {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.member_id = joined.member_id;
                return;
            }
            code @ (ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => {
                self.on_expelled(code);
                // An id that is not known once may be refused again and again.
                return self.try_again(now, Phase::Preparing);
            }
            ErrorCode::REBALANCE_IN_PROGRESS => return self.try_again(now, Phase::Joining),
            code if code.is_retriable() => return self.try_again(now, Phase::Joining),
            code => return self.fail(Error::broker(code, ApiKey::JoinGroup)),
        }
        self.backoff.reset();
        self.not_before = None;
        self.member_id = joined.member_id;
        self.generation = joined.generation_id;
        self.protocol_name = joined.protocol_name;
        self.counted = None;
        self.heartbeat_at = now + self.config.heartbeat_interval;
        if joined.leader != self.member_id || self.member_id.is_empty() {
            return self.sync(Vec::new());
        }
        self.assigning = joined.members.iter().map(decode_member).collect();
        sort(&mut self.assigning);
        self.phase = Phase::Assigning;
        if joined.skip_assignment {
            // The assignment stands, but whether it still fits is for the leader to see.
            self.assigning.clear();
            return self.sync(Vec::new());
        }
        self.actions.push_back(Action::Assign(self.assigning.clone()));
    }

    pub(super) fn on_metadata(&mut self, _: Instant, metadata: &Metadata) {
        if self.phase == Phase::Stable && self.rejoin.is_none() {
            let changed = |(topic, count): (&TopicName, &usize)| counted(metadata, topic) != *count;
            if self.counted.as_ref().is_some_and(|topics| topics.iter().any(changed)) {
                self.rejoin = Some("the topics have changed");
            }
        }
    }

    pub(super) fn on_resolved(&mut self, metadata: &Metadata) {
        if self.phase != Phase::Assigning {
            return;
        }
        let members = std::mem::take(&mut self.assigning);
        let topics: BTreeSet<&TopicName> = members.iter().flat_map(|member| &member.topics).collect();
        self.counted = Some(topics.into_iter().map(|topic| (topic.clone(), counted(metadata, topic))).collect());
        let chosen =
            |assignor: &&Arc<dyn super::assignor::Assignor>| Some(assignor.name()) == self.protocol_name.as_deref();
        let Some(assignor) = self.config.assignors.iter().find(chosen) else {
            let reason = format!("it chose {:?}, which was not offered", self.protocol_name);
            return self.fail(Error::protocol(ApiKey::JoinGroup, reason));
        };
        let mut assignments = assignor.assign(&members, metadata);
        if self.config.mutants.has(ClientMutant::TrustStaleOwners) {
            for member in members.iter().filter(|member| !member.owned.is_empty()) {
                assignments.insert(member.member_id.clone(), member.owned.clone());
            }
        }
        let row = |member: &GroupMember| SyncGroupRequestAssignment {
            member_id: member.member_id.as_str().into(),
            assignment: encode_assignment(assignments.get(&member.member_id).map(Vec::as_slice).unwrap_or_default()),
            ..Default::default()
        };
        let rows = members.iter().map(row).collect();
        self.sync(rows);
    }

    fn sync(&mut self, assignments: Vec<SyncGroupRequestAssignment>) {
        self.phase = Phase::Syncing;
        self.in_flight = true;
        self.actions.push_back(Action::Sync(SyncGroupRequest {
            group_id: self.config.group_id.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: self.protocol_name.clone(),
            assignments,
            ..Default::default()
        }));
    }

    pub(super) fn on_synced(&mut self, now: Instant, result: Result<SyncGroupResponse, Error>) {
        self.in_flight = false;
        if self.phase != Phase::Syncing {
            return;
        }
        let synced = match result {
            Ok(synced) => synced,
            Err(error) if error.is_retriable() => return self.try_again(now, Phase::Joining),
            Err(error) => return self.fail(error),
        };
        match ErrorCode::new(synced.error_code) {
            ErrorCode::NONE => {}
            // The next generation is being made already.
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.phase = Phase::Joining;
                return;
            }
            code @ (ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => return self.on_expelled(code),
            code if code.is_retriable() => return self.try_again(now, Phase::Joining),
            code => return self.fail(Error::broker(code, ApiKey::SyncGroup)),
        }
        let Some(assigned) = decode_assignment(&synced.assignment) else {
            return self.fail(Error::protocol(ApiKey::SyncGroup, "the assignment cannot be read"));
        };
        self.phase = Phase::Stable;
        self.heartbeat_at = now + self.config.heartbeat_interval;
        let partitions = assigned.iter().cloned().collect();
        self.last = LastAssignment { generation: self.generation, partitions };
        if self.owned.iter().any(|partition| !assigned.contains(partition)) {
            // What is given up can go to somebody else in the next generation.
            self.rejoin = Some("partitions were given up");
        }
        if self.wanted != self.joined {
            self.rejoin = Some("the subscription has changed");
        }
        self.own(assigned, false);
    }

    // --- staying

    pub(super) fn on_heartbeat(&mut self, now: Instant, result: Result<HeartbeatResponse, Error>) {
        self.in_flight = false;
        if self.generation < 0 {
            return;
        }
        self.heartbeat_at = now + self.config.heartbeat_interval;
        let code = match result {
            Ok(response) => ErrorCode::new(response.error_code),
            Err(error) if error.is_retriable() => {
                self.heartbeat_at = now + self.backoff.next();
                return;
            }
            Err(error) => return self.fail(error),
        };
        match code {
            ErrorCode::NONE => self.backoff.reset(),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if self.phase == Phase::Stable {
                    self.rejoin = Some("the group rebalances");
                }
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => self.on_expelled(code),
            code if code.is_retriable() => self.heartbeat_at = now + self.backoff.next(),
            code => self.fail(Error::broker(code, ApiKey::Heartbeat)),
        }
    }
}

fn counted(metadata: &Metadata, topic: &TopicName) -> usize {
    metadata.topic(topic.as_str()).map_or(0, |topic| topic.partitions.len())
}

/// As the wire has it.
pub(super) fn in_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
