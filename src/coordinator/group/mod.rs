//! A classic group: its members and its state, and the rules of both.
//!
//! Not here: time and answers; those are in `rebalance` (what follows from what) and `requests` (who asks for what).
//! Source: `ClassicGroup` of Apache Kafka.
//!
//! ```text
//!            first member            everybody (or the time-out)           the leader's SyncGroup
//!   Empty ----------------> PreparingRebalance ----------> CompletingRebalance ----------> Stable
//!     ^                       |          ^                          |                        |
//!     +-- nobody is left -----+          +---- join, leave, time-out, new subscription ------+
//! ```

mod assignor;
mod consumer;
mod member;
mod rebalance;
mod requests;

pub(crate) use assignor::Assignor;
pub(crate) use assignor::Partitions;
pub(super) use consumer::ClassicJoined;
pub(crate) use consumer::ConsumerGroup;
pub(crate) use consumer::ConsumerMember;
pub(super) use consumer::ConsumerRecord;
pub(super) use consumer::Consumers;
pub(super) use consumer::Downgraded;
pub(crate) use consumer::Heartbeat;
pub(super) use consumer::default_assignor;
pub(super) use consumer::upgrade;
pub(crate) use member::Member;
pub(super) use rebalance::Rebalance;
pub(super) use rebalance::Replaced;
pub(crate) use requests::Joining;
pub(super) use requests::refused_join;

use crate::base::ErrorCode;
use crate::base::Timestamp;
use crate::wire::codec::Decoder;
use crate::wire::codec::Message;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::group_records::GroupMetadataValue;
use crate::wire::messages::group_records::MemberMetadata;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use bytes::Bytes;
use bytestring::ByteString;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What each member gets, as its leader wrote it.
pub(crate) type Assignments = BTreeMap<Arc<str>, Bytes>;

/// The protocol type of consumers, whose metadata the coordinator understands.
pub(super) const CONSUMER: &str = "consumer";

/// Where a group stands, of either protocol. Kafka's `Dead` is a group that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum GroupState {
    /// Nobody is in it; there may be committed offsets.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// It waits for its leader's assignment.
    CompletingRebalance,
    /// Each member knows what is its own.
    Stable,
    /// A consumer group (KIP-848) whose targets are not up to date.
    Assigning,
    /// A consumer group whose members are on their way to their targets.
    Reconciling,
}

impl GroupState {
    /// Kafka's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a classic group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassicState {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl From<ClassicState> for GroupState {
    fn from(state: ClassicState) -> Self {
        match state {
            ClassicState::Empty => Self::Empty,
            ClassicState::PreparingRebalance => Self::PreparingRebalance,
            ClassicState::CompletingRebalance => Self::CompletingRebalance,
            ClassicState::Stable => Self::Stable,
        }
    }
}

/// A group of the classic protocol, or one that only commits offsets.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    pub(super) id: Arc<str>,
    pub(super) state: ClassicState,
    /// The state before it; a group that has just been made was `Empty`.
    pub(super) previous: Option<ClassicState>,
    /// When it came into its state; -1 when that is not known.
    pub(super) state_since: Timestamp,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) generation: i32,
    pub(super) leader: Option<Arc<str>>,
    /// In the order in which they joined.
    pub(super) members: IndexMap<Arc<str>, Member>,
    /// From group instance id to member id.
    pub(super) static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were given out (`MEMBER_ID_REQUIRED`) and have not joined yet.
    pub(super) pending_join: BTreeSet<Arc<str>>,
    /// Members that have not asked for their assignment in this generation.
    pub(super) pending_sync: BTreeSet<Arc<str>>,
    /// How many members wait for the answer to their `JoinGroup`.
    pub(super) awaiting_join: usize,
    /// How many members support each protocol.
    supported: BTreeMap<Arc<str>, usize>,
    /// What a consumer group reads; `None` when that is not known.
    pub(super) subscribed_topics: Option<BTreeSet<String>>,
    /// Whether somebody joined during the initial delay.
    pub(super) new_member_added: bool,
    /// How long the initial delay is and how long it may go on.
    pub(super) initial_delay_ms: Option<(i64, i64)>,
}

impl ClassicGroup {
    pub(super) fn new(id: &str, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            state: ClassicState::Empty,
            previous: None,
            state_since: now,
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: IndexMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            awaiting_join: 0,
            supported: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_delay_ms: None,
        }
    }

    pub(super) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    pub(crate) fn state(&self) -> GroupState {
        self.state.into()
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// `consumer` for consumers; empty while nobody has joined.
    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// The protocol that was chosen: for consumers, an assignor.
    pub(crate) fn protocol_name(&self) -> Option<&str> {
        self.protocol_name.as_deref()
    }

    pub(crate) fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = (&str, &Member)> {
        self.members.iter().map(|(id, member)| (&**id, member))
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn is_consumer(&self) -> bool {
        self.protocol_type() == CONSUMER
    }

    /// Whether the group's members read a topic, as far as the coordinator knows.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed_topics.as_ref().map_or_else(|| self.is_consumer(), |topics| topics.contains(topic))
    }

    /// Makes a group of members that come from elsewhere with their assignments.
    pub(super) fn become_stable(&mut self, generation: i32, now: Timestamp) {
        self.generation = generation;
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        self.transition_to(ClassicState::Stable, now);
    }

    pub(super) fn transition_to(&mut self, state: ClassicState, now: Timestamp) {
        self.previous = Some(self.state);
        self.state = state;
        self.state_since = now;
    }

    pub(super) fn add(&mut self, id: Arc<str>, protocol_type: &str, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(&id));
        }
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.into());
        }
        self.leader.get_or_insert_with(|| Arc::clone(&id));
        self.pending_join.remove(&id);
        self.count_protocols(&member, true);
        self.awaiting_join += usize::from(member.join.is_some());
        self.members.insert(id, member);
    }

    /// Takes a member out; the leader's place goes to the one that has been there longest.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.shift_remove(member_id);
        if let Some(member) = &member {
            self.count_protocols(member, false);
            self.awaiting_join -= usize::from(member.join.is_some());
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        member
    }

    fn count_protocols(&mut self, member: &Member, more: bool) {
        for (name, _) in &member.protocols {
            let count = self.supported.entry(Arc::clone(name)).or_default();
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.supported.remove(name);
            }
        }
    }

    /// Changes what a member wants.
    pub(super) fn update(&mut self, member_id: &str, change: impl FnOnce(&mut Member)) {
        let Some((at, id, mut member)) = self.members.shift_remove_full(member_id) else { return };
        self.count_protocols(&member, false);
        self.awaiting_join -= usize::from(member.join.is_some());
        change(&mut member);
        self.count_protocols(&member, true);
        self.awaiting_join += usize::from(member.join.is_some());
        self.members.shift_insert(at, id, member);
    }

    /// Gives the place of a static member to its new self.
    pub(super) fn rename(&mut self, instance_id: &Arc<str>, old_id: &str, new_id: &Arc<str>) {
        let Some((at, _, member)) = self.members.shift_remove_full(old_id) else { return };
        self.members.shift_insert(at, Arc::clone(new_id), member);
        if self.is_leader(old_id) {
            self.leader = Some(Arc::clone(new_id));
        }
        self.static_members.insert(Arc::clone(instance_id), Arc::clone(new_id));
    }

    /// Whether all members, and all that were given an id, have asked to join.
    pub(super) fn has_all_members_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_join.is_empty()
    }

    /// The longest time that a member wants to have for a rebalance.
    pub(super) fn rebalance_timeout_ms(&self) -> i64 {
        self.members.values().map(|member| member.rebalance_timeout_ms.into()).max().unwrap_or(0)
    }

    /// Whether a member of this type that supports these protocols fits in.
    pub(super) fn supports<'a>(&self, protocol_type: &str, mut names: impl Iterator<Item = &'a str>) -> bool {
        if self.state == ClassicState::Empty {
            return !protocol_type.is_empty() && names.next().is_some();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && names.any(|name| self.supported.get(name).copied().unwrap_or(0) == self.members.len())
    }

    /// The protocol that most members prefer among those that all support.
    ///
    /// Where Kafka leaves a tie to chance, the protocol wins that the oldest member prefers.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let common = |name: &Arc<str>| self.supported.get(name) == Some(&self.members.len());
        let mut votes: IndexMap<&Arc<str>, usize> = IndexMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| common(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let mut best: Option<(&Arc<str>, usize)> = None;
        for (name, count) in votes {
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((name, count));
            }
        }
        best.map(|(name, _)| Arc::clone(name))
    }

    /// Begins the next generation with those who are in the group.
    pub(super) fn begin_generation(&mut self, now: Timestamp) {
        self.generation += 1;
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        let state = if self.members.is_empty() { ClassicState::Empty } else { ClassicState::CompletingRebalance };
        self.transition_to(state, now);
        self.pending_sync.clear();
    }

    fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_consumer() {
            return None;
        }
        let Some(protocol) = &self.protocol_name else { return self.members.is_empty().then(BTreeSet::new) };
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let subscription = subscription(&member.metadata(protocol))?;
            topics.extend(subscription.topics.iter().map(ToString::to_string));
        }
        Some(topics)
    }

    /// Chooses a new leader when the old one has not asked to join; whether there is one then.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|leader| self.members.get(leader)) else { return false };
        if leader.join.is_some() {
            return true;
        }
        let joined = self.members.iter().find(|(_, member)| member.join.is_some()).map(|(id, _)| Arc::clone(id));
        let found = joined.is_some();
        self.leader = joined.or_else(|| self.leader.take());
        found
    }

    /// Checks that a request comes from a member.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID` when another member has this instance id now.
    pub(super) fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let known = self.static_members.get(instance_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if &**known != member_id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// Checks that offsets may be committed.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    ///
    /// Source: `ClassicGroup.validateOffsetCommit`.
    pub(super) fn check_offset_commit(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.state == ClassicState::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(member_id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        match self.state {
            ClassicState::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        }
    }

    /// Checks that offsets may be committed in a transaction; who says nothing of itself may always.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`.
    ///
    /// Source: `ClassicGroup.validateOffsetCommit`.
    pub(super) fn check_txn_offset_commit(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        let is_anonymous = generation < 0 && member_id.is_empty() && instance_id.is_none();
        if is_anonymous || generation < 0 && self.state == ClassicState::Empty {
            return Ok(());
        }
        self.check_member(member_id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    /// The members as the leader gets to see them.
    pub(super) fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let members = self.members.iter().map(|(id, member)| JoinGroupResponseMember {
            member_id: (**id).into(),
            group_instance_id: member.instance_id.as_deref().map(ByteString::from),
            metadata: member.metadata(protocol),
            ..JoinGroupResponseMember::default()
        });
        members.collect()
    }

    /// The group as its record says it, with these assignments.
    pub(super) fn to_value(&self, assignment: impl Fn(&str, &Member) -> Bytes) -> GroupMetadataValue {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let members = self.members.iter().map(|(id, member)| MemberMetadata {
            member_id: (**id).into(),
            group_instance_id: member.instance_id.as_deref().map(ByteString::from),
            client_id: (*member.client.client_id).into(),
            client_host: (*member.client.host).into(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: assignment(id, member),
            ..MemberMetadata::default()
        });
        GroupMetadataValue {
            members: members.collect(),
            protocol_type: self.protocol_type().into(),
            generation: self.generation,
            protocol: self.protocol_name.as_deref().map(ByteString::from),
            leader: self.leader.as_deref().map(ByteString::from),
            current_state_timestamp: self.state_since.0,
            ..GroupMetadataValue::default()
        }
    }

    /// The group that a record describes.
    pub(super) fn of_value(id: &str, value: &GroupMetadataValue) -> Self {
        let mut group = Self::new(id, Timestamp(value.current_state_timestamp));
        group.generation = value.generation;
        group.protocol_name = value.protocol.as_deref().map(Into::into);
        if !value.members.is_empty() {
            group.state = ClassicState::Stable;
        }
        for member in &value.members {
            group.add((*member.member_id).into(), &value.protocol_type, Member::of_value(&value.protocol, member));
        }
        group.protocol_type = Some(&*value.protocol_type).filter(|name| !name.is_empty()).map(Into::into);
        group.leader = value.leader.as_deref().map(Into::into);
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }
}

/// What a member of a consumer group wants, of any version; `None` when the bytes are something else.
pub(crate) fn subscription(metadata: &Bytes) -> Option<ConsumerProtocolSubscription> {
    of_consumer(metadata)
}

/// A message of the consumers' protocol behind its version. As Java does, newer versions are read as the newest known.
pub(crate) fn of_consumer<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let version = decoder.int16().ok().filter(|version| *version >= 0)?;
    M::decode_body(&mut decoder, version.min(M::FACTS.versions.max)).ok()
}
