//! A member of a group whose coordinator assigns (KIP-848): one heartbeat that says and brings everything.
//!
//! Not here: sockets, tasks and the clock. Source: `ConsumerMembershipManager` and `ConsumerHeartbeatRequestManager` of
//! Apache Kafka.

use super::super::TopicPartition;
use super::super::backoff::Backoff;
use super::super::error::Error;
use super::super::metadata::Metadata;
use super::classic::in_ms;
use super::membership::Action;
use super::membership::Departure;
use super::membership::GroupConfig;
use super::membership::Identity;
use super::membership::OnClose;
use super::membership::Target;
use super::membership::Wanted;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::ApiKey;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::consumer_group_heartbeat::TopicPartitions;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The epoch of one who joins.
const JOINING: i32 = 0;
/// The epoch that says good-bye.
const LEAVING: i32 = -1;
/// The epoch of a static member that says it will be back.
const LEAVING_FOR_NOW: i32 = -2;

/// Partitions as the coordinator names them.
type Ids = BTreeSet<(Uuid, PartitionIndex)>;

/// A member of a consumer group, or one who wants to be.
#[derive(Debug)]
pub(in crate::client) struct NewMember {
    config: Arc<GroupConfig>,
    subscribed: bool,
    wanted: Wanted,
    phase: Phase,
    member_id: ByteString,
    epoch: i32,
    interval: Duration,
    heartbeat_at: Instant,
    backoff: Backoff,
    in_flight: bool,
    /// What the coordinator has been told; `None` when it has to be told all.
    sent: Option<Sent>,
    /// What the coordinator last assigned.
    assigned: Ids,
    /// What the user is to own.
    owned: Ids,
    /// What the user owns.
    held: Ids,
    names: BTreeMap<Uuid, TopicName>,
    targets: (u64, u64),
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    wanted: Wanted,
    owned: Ids,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// It joins as soon as the user has given up what was lost.
    Joining,
    Member,
}

impl NewMember {
    pub(super) fn new(config: Arc<GroupConfig>, member_id: Uuid, now: Instant, rng: Rng) -> Self {
        let backoff = Backoff::new(config.retry_backoff, rng);
        let interval = config.heartbeat_interval;
        Self {
            config,
            subscribed: false,
            wanted: Wanted::default(),
            phase: Phase::Idle,
            member_id: member_id.to_string().into(),
            epoch: JOINING,
            interval,
            heartbeat_at: now,
            backoff,
            in_flight: false,
            sent: None,
            assigned: Ids::new(),
            owned: Ids::new(),
            held: Ids::new(),
            names: BTreeMap::new(),
            targets: (0, 0),
            actions: VecDeque::new(),
        }
    }

    pub(super) fn identity(&self) -> Identity {
        let generation = if self.phase == Phase::Member { self.epoch } else { -1 };
        Identity { member_id: self.member_id.clone(), generation }
    }

    const fn user_is_ready(&self) -> bool {
        self.targets.0 == self.targets.1
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if self.phase == Phase::Member && self.user_is_ready() {
            let known: Ids = self.assigned.iter().filter(|(id, _)| self.names.contains_key(id)).copied().collect();
            if known != self.owned {
                self.own(known, false);
                return self.poll(now);
            }
        }
        let due = match self.phase {
            Phase::Idle => false,
            Phase::Joining => self.user_is_ready() && self.heartbeat_at <= now,
            Phase::Member => self.heartbeat_at <= now || self.has_news(),
        };
        if self.in_flight || !due {
            return None;
        }
        self.in_flight = true;
        Some(Action::ConsumerHeartbeat(self.heartbeat()))
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        let waits =
            self.in_flight || self.phase == Phase::Idle || self.phase == Phase::Joining && !self.user_is_ready();
        (!waits).then_some(self.heartbeat_at)
    }

    /// Whether the coordinator waits to hear that something has been given up or taken, or does not know what is wanted.
    fn has_news(&self) -> bool {
        // After an error everything is said again, but not before the next heartbeat.
        let moved = |sent: &Sent| self.user_is_ready() && sent.owned != self.held;
        self.sent.as_ref().is_some_and(|sent| moved(sent) || sent.wanted != self.wanted)
    }

    fn heartbeat(&mut self) -> ConsumerGroupHeartbeatRequest {
        let mut request = self.plain(self.epoch);
        let sent = self.sent.as_ref();
        if sent.is_none() {
            request.instance_id.clone_from(&self.config.instance_id);
            request.rack_id.clone_from(&self.config.rack);
            request.rebalance_timeout_ms = in_ms(self.config.poll_interval_max);
            request.server_assignor.clone_from(&self.config.server_assignor);
        }
        if sent.is_none_or(|sent| sent.wanted != self.wanted) {
            let topics = self.wanted.topics.iter().map(|topic| topic.as_str().into()).collect();
            request.subscribed_topic_names = Some(topics);
            request.subscribed_topic_regex.clone_from(&self.wanted.regex);
            let had_regex = sent.is_some_and(|sent| sent.wanted.regex.is_some());
            if had_regex && self.wanted.regex.is_none() {
                request.subscribed_topic_regex = Some(ByteString::new());
            }
        }
        // A user who has been offered something may be taking it by now: until it has answered nothing is given back.
        let owned = if self.user_is_ready() { self.held.clone() } else { &self.held | &self.owned };
        let told = sent.map(|sent| sent.owned.clone()).filter(|told| *told == owned || !self.user_is_ready());
        if told.is_none() {
            let mut topics: Vec<TopicPartitions> = Vec::new();
            for (topic_id, partition) in &owned {
                match topics.last_mut() {
                    Some(topic) if topic.topic_id == *topic_id => topic.partitions.push(partition.0),
                    _ => topics.push(TopicPartitions {
                        topic_id: *topic_id,
                        partitions: vec![partition.0],
                        ..Default::default()
                    }),
                }
            }
            request.topic_partitions = Some(topics);
        }
        self.sent = Some(Sent { wanted: self.wanted.clone(), owned: told.unwrap_or(owned) });
        request
    }

    fn plain(&self, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            member_epoch,
            // A static member goes by its name whenever it says hello or good-bye.
            instance_id: self.config.instance_id.clone().filter(|_| member_epoch <= JOINING),
            ..Default::default()
        }
    }

    pub(super) fn on_heartbeat(&mut self, now: Instant, result: Result<ConsumerGroupHeartbeatResponse, Error>) {
        self.in_flight = false;
        if self.phase == Phase::Idle || self.sent.is_none() {
            // The user has left or was away for too long since it was sent.
            return;
        }
        let response = match result {
            Ok(response) => response,
            Err(error) if error.is_retriable() => return self.say_all_again(now),
            Err(error) => return self.fail(error),
        };
        let code = ErrorCode::new(response.error_code);
        match code {
            ErrorCode::NONE => {}
            ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => {
                tracing::info!(group = &*self.config.group_id, member = &*self.member_id, %code, "no longer in the group");
                self.lose();
                self.heartbeat_at = now;
                return;
            }
            code if code.is_retriable() => return self.say_all_again(now),
            code => {
                return self.fail(Error::broker(code, ApiKey::ConsumerGroupHeartbeat).saying(response.error_message));
            }
        }
        self.backoff.reset();
        self.phase = Phase::Member;
        self.epoch = response.member_epoch;
        if let Some(member_id) = response.member_id.filter(|id| !id.is_empty()) {
            self.member_id = member_id;
        }
        self.interval = Duration::from_millis(u64::try_from(response.heartbeat_interval_ms).unwrap_or(0).max(1));
        self.heartbeat_at = now + self.interval;
        let Some(assignment) = response.assignment else { return };
        let rows = assignment.topic_partitions.iter();
        let ids = rows.flat_map(|row| row.partitions.iter().map(|index| (row.topic_id, PartitionIndex(*index))));
        self.assigned = ids.collect();
        let unknown = self.unknown();
        if !unknown.is_empty() {
            self.actions.push_back(Action::Resolve(unknown));
        }
    }

    fn unknown(&self) -> BTreeSet<Uuid> {
        self.assigned.iter().map(|(id, _)| *id).filter(|id| !self.names.contains_key(id)).collect()
    }

    fn say_all_again(&mut self, now: Instant) {
        self.sent = None;
        self.heartbeat_at = now + self.backoff.next();
    }

    pub(super) fn on_metadata(&mut self, _: Instant, metadata: &Metadata) {
        for id in self.unknown() {
            if let Some(name) = metadata.name_of(id) {
                self.names.insert(id, name.clone());
            }
        }
    }

    // --- what the user wants

    pub(super) fn on_wanted(&mut self, now: Instant, wanted: Wanted) {
        self.wanted = wanted;
        self.subscribed = true;
        if self.phase == Phase::Idle {
            self.heartbeat_at = now;
            self.begin();
        }
    }

    pub(super) fn on_owned(&mut self, _: Instant, id: u64) {
        self.targets.1 = self.targets.1.max(id);
        if self.user_is_ready() {
            self.held.clone_from(&self.owned);
        }
    }

    pub(super) fn on_poll_expired(&mut self) {
        if self.phase != Phase::Member {
            return;
        }
        tracing::warn!(
            group = &*self.config.group_id,
            "no record was asked for within max.poll.interval.ms; leaving the group"
        );
        let epoch = if self.config.instance_id.is_some() { LEAVING_FOR_NOW } else { LEAVING };
        self.actions.push_back(Action::Leave(Departure::Consumer(self.plain(epoch))));
        self.lose();
    }

    pub(super) fn leave(&mut self, on_close: OnClose) -> Option<Departure> {
        let epoch = match (on_close, &self.config.instance_id) {
            (OnClose::LeaveGroup, _) | (OnClose::Default, None) => Some(LEAVING),
            (OnClose::Default | OnClose::RemainInGroup, Some(_)) => Some(LEAVING_FOR_NOW),
            (OnClose::RemainInGroup, None) => None,
        };
        // A heartbeat that is under way may make it a member.
        let inside = self.phase == Phase::Member || self.in_flight;
        let departure = epoch.filter(|_| inside).map(|epoch| Departure::Consumer(self.plain(epoch)));
        self.phase = Phase::Idle;
        self.subscribed = false;
        self.forget();
        self.actions.clear();
        self.targets.1 = self.targets.0;
        departure
    }

    // --- what becomes of it

    fn own(&mut self, owned: Ids, lost: bool) {
        let named = |(id, partition): &(Uuid, PartitionIndex)| {
            Some(TopicPartition { topic: self.names.get(id)?.clone(), partition: *partition })
        };
        let partitions = owned.iter().filter_map(named).collect();
        self.owned = owned;
        self.targets.0 += 1;
        let lost = lost | self.actions.iter().any(|action| matches!(action, Action::Own(target) if target.lost));
        self.actions.retain(|action| !matches!(action, Action::Own(_)));
        self.actions.push_back(Action::Own(Target { id: self.targets.0, partitions, lost }));
    }

    fn forget(&mut self) {
        self.assigned.clear();
        self.owned.clear();
        self.held.clear();
        self.sent = None;
        self.epoch = JOINING;
    }

    fn begin(&mut self) {
        self.phase = if self.subscribed { Phase::Joining } else { Phase::Idle };
        self.forget();
    }

    fn lose(&mut self) {
        self.begin();
        self.own(Ids::new(), true);
    }

    fn fail(&mut self, error: Error) {
        self.subscribed = false;
        self.lose();
        self.actions.push_back(Action::Fail(error));
    }
}
