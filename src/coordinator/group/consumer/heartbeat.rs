//! `ConsumerGroupHeartbeat`: members come, say what they want and have, learn what they get, and go.
//!
//! Everything is decided on the group as it is; the records say what changes.
//! Source: KIP-848, `GroupMetadataManager` of Apache Kafka.

use super::ConsumerGroup;
use super::convert::Downgraded;
use super::member::ConsumerMember;
use super::member::MemberState;
use super::preferred;
use super::reconcile::Step;
use super::records::ConsumerRecord;
use super::subscriptions::Subscriptions;
use super::topics_of;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::config::BrokerConfig;
use crate::coordinator::ClientIdentity;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Moment;
use crate::coordinator::Refused;
use crate::coordinator::group::assignor::Assignor;
use crate::coordinator::group::assignor::MemberSpec;
use crate::coordinator::group::assignor::Partitions;
use crate::coordinator::group_coordinator::Deadline;
use crate::coordinator::timers::Timers;
use crate::wire::messages::consumer_group_heartbeat::Assignment;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::consumer_group_heartbeat::ResponseTopicPartitions;
use crate::wire::messages::consumer_group_heartbeat::TopicPartitions;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The epoch of a member that leaves.
const LEAVES: i32 = -1;
/// The epoch of a static member that means to come back.
const LEAVES_FOR_A_WHILE: i32 = -2;

/// A `ConsumerGroupHeartbeat` with what is known of its sender.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat<'a> {
    pub(crate) request: &'a ConsumerGroupHeartbeatRequest,
    /// The id that the sender has, or gets.
    pub(crate) member_id: &'a str,
    pub(crate) client: ClientIdentity,
}

/// A group with all that a decision about it touches.
pub(crate) struct Consumers<'a> {
    pub(crate) group: &'a ConsumerGroup,
    pub(crate) timers: &'a mut Timers<Deadline>,
    pub(crate) at: &'a Moment<'a>,
    pub(crate) records: Vec<CoordinatorRecord>,
    /// Whether the group's regular expressions are to be looked at afterwards.
    pub(crate) resolve: bool,
    /// What the group becomes when the records are written, if its last consumer member goes.
    pub(crate) downgraded: Option<Downgraded>,
    /// The version of the topics that was looked at, and the group's epoch after that.
    pub(crate) checked: Option<(u64, i32)>,
}

/// What a member should have, and in which epoch.
pub(super) struct Outlook {
    pub(super) target_epoch: i32,
    pub(super) target: Arc<Partitions>,
}

impl<'a> Consumers<'a> {
    pub(crate) fn new(group: &'a ConsumerGroup, timers: &'a mut Timers<Deadline>, at: &'a Moment<'a>) -> Self {
        Self { group, timers, at, records: Vec::new(), resolve: false, downgraded: None, checked: None }
    }

    pub(super) fn push(&mut self, record: ConsumerRecord) {
        self.records.push(CoordinatorRecord::Consumer { group: self.group.id.to_string(), record });
    }

    /// Takes in a heartbeat.
    ///
    /// # Errors
    /// In Kafka's order: `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`, `UNRELEASED_INSTANCE_ID`, `FENCED_INSTANCE_ID`,
    /// `FENCED_MEMBER_EPOCH`, `INVALID_REGULAR_EXPRESSION`.
    pub(crate) fn heartbeat(&mut self, beat: &Heartbeat<'_>) -> Result<ConsumerGroupHeartbeatResponse, Refused> {
        let request = beat.request;
        if matches!(request.member_epoch, LEAVES | LEAVES_FOR_A_WHILE) {
            return self.leave(request);
        }
        self.check_room(beat.member_id)?;
        let owned = request.topic_partitions.as_deref().map(owned_partitions);
        let member = self.find_member(beat, owned.as_ref())?;
        let mut updated = member.clone();
        let text = |text: &Option<ByteString>| text.as_deref().map(Arc::<str>::from);
        updated.instance_id = text(&request.instance_id).or(updated.instance_id);
        updated.rack_id = text(&request.rack_id).or(updated.rack_id);
        updated.assignor = text(&request.server_assignor).or(updated.assignor);
        updated.regex = text(&request.subscribed_topic_regex).unwrap_or(updated.regex);
        if request.rebalance_timeout_ms != -1 {
            updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(names) = &request.subscribed_topic_names {
            updated.topics = Arc::new(names.iter().map(|name| (**name).into()).collect());
        }
        updated.client = beat.client.clone();
        updated.classic = None;

        let renamed = self.write_subscription(&member, &updated);
        let regex = self.update_regex(&member, &updated)?;
        let bump = self.group.epoch == 0 || renamed || regex.updated && regex.resolved;
        let outlook = self.outlook(&member, &updated, bump);
        let updated = self.reconcile(&updated, &outlook, renamed || regex.updated, owned.as_ref())?;
        self.renew_session(&updated.id);

        let joins = request.member_epoch == 0;
        let subscribes = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
        // A client that tells everything wants to be told everything.
        let full = request.rebalance_timeout_ms != -1 && subscribes && request.topic_partitions.is_some();
        let tell = joins || full || member.assigned != updated.assigned;
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some((*updated.id).into()),
            member_epoch: updated.epoch,
            heartbeat_interval_ms: self.heartbeat_interval_ms(),
            assignment: tell.then(|| to_assignment(&updated.assigned)),
            ..ConsumerGroupHeartbeatResponse::default()
        })
    }

    pub(super) fn check_room(&self, member_id: &str) -> Result<(), Refused> {
        let max = self.at.config.group_consumer_max_size;
        if self.group.members.len() >= max && !self.group.members.contains_key(member_id) {
            let message = format!("The group has {max} members and takes no more.");
            return Err(Refused::new(ErrorCode::GROUP_MAX_SIZE_REACHED, &message));
        }
        Ok(())
    }

    fn find_member(&mut self, beat: &Heartbeat<'_>, owned: Option<&Partitions>) -> Result<ConsumerMember, Refused> {
        let (request, id) = (beat.request, beat.member_id);
        let joins = request.member_epoch == 0;
        let Some(instance_id) = request.instance_id.as_deref() else {
            let known = self.group.members.get(id);
            if let Some(member) = known {
                check_epoch(member, request.member_epoch, owned)?;
            } else if !joins {
                return Err(unknown(id, &self.group.id));
            }
            return Ok(known.cloned().unwrap_or_else(|| ConsumerMember::new(id)));
        };
        let known = self.group.static_member(instance_id);
        if joins {
            if let Some(existing) = known {
                if existing.classic.is_none() && existing.epoch != LEAVES_FOR_A_WHILE {
                    let message = format!("The instance id {instance_id} belongs to the member {}.", existing.id);
                    return Err(Refused::new(ErrorCode::UNRELEASED_INSTANCE_ID, &message));
                }
            }
            return Ok(self.join_static(instance_id, id));
        }
        let existing = known.ok_or_else(|| unknown(instance_id, &self.group.id))?;
        check_instance(existing, id, instance_id)?;
        check_epoch(existing, request.member_epoch, owned)?;
        Ok(existing.clone())
    }

    /// The static member that takes this name, in place of its former self if there is one.
    pub(super) fn join_static(&mut self, instance_id: &str, id: &str) -> ConsumerMember {
        let group = self.group;
        let Some(former) = group.static_member(instance_id) else {
            return group.members.get(id).cloned().unwrap_or_else(|| ConsumerMember::new(id));
        };
        let member = ConsumerMember { id: id.into(), epoch: 0, previous_epoch: 0, ..former.clone() };
        ConsumerRecord::removal(&former.id).into_iter().for_each(|record| self.push(record));
        self.push(ConsumerRecord::member(&member));
        self.push(ConsumerRecord::target(&member.id, &group.target(&former.id)));
        self.push(ConsumerRecord::current(&member));
        member
    }

    /// Writes down who a member is and what it wants, if that has changed; whether it reads other topics.
    pub(super) fn write_subscription(&mut self, before: &ConsumerMember, after: &ConsumerMember) -> bool {
        if before != after {
            self.push(ConsumerRecord::member(after));
        }
        before.topics != after.topics
    }

    pub(super) fn update_regex(
        &mut self,
        before: &ConsumerMember,
        after: &ConsumerMember,
    ) -> Result<super::regex::RegexChange, Refused> {
        let mut records = Vec::new();
        let change = self.group.update_regex(self.at, before, after, &mut records)?;
        records.into_iter().for_each(|record| self.push(record));
        self.resolve |= change.refresh;
        Ok(change)
    }

    /// Begins a new epoch if need be, and finds what the member should have.
    pub(super) fn outlook(&mut self, before: &ConsumerMember, after: &ConsumerMember, bump: bool) -> Outlook {
        let epoch = self.next_epoch(before, after, bump);
        self.outlook_of(before, after, epoch)
    }

    /// The epoch of the group with this change; a new one when it is asked for or the topics are not what they were.
    pub(super) fn next_epoch(&mut self, before: &ConsumerMember, after: &ConsumerMember, bump: bool) -> i32 {
        let group = self.group;
        let version = self.at.topics.version();
        let seen = group.checked.is_some_and(|(seen, epoch)| seen == version && group.epoch >= epoch);
        let mut epoch = group.epoch;
        if bump || !seen {
            let hash = self.at.topics.hash_of(self.subscriptions(before, after).topics());
            if bump || hash != group.metadata_hash {
                epoch += 1;
                self.push(ConsumerRecord::epoch(epoch, hash));
            }
            self.checked = Some((version, epoch));
        }
        epoch
    }

    fn subscriptions(&self, before: &ConsumerMember, after: &ConsumerMember) -> Subscriptions {
        let mut subscriptions = self.group.subscriptions.clone();
        subscriptions.count(before, false);
        subscriptions.count(after, true);
        if before.regex != after.regex && subscriptions.members_of(&before.regex) == 0 {
            if let Some(resolved) = self.group.resolved.get(&before.regex) {
                subscriptions.count_resolved(resolved, false);
            }
        }
        subscriptions
    }

    /// What the member should have in an epoch; a new assignment when that is ahead of the targets.
    pub(super) fn outlook_of(&mut self, before: &ConsumerMember, after: &ConsumerMember, epoch: i32) -> Outlook {
        let group = self.group;
        if epoch > group.target_epoch {
            let target = self.assign(after, epoch);
            return Outlook { target_epoch: epoch, target };
        }
        let former = after.instance_id.as_deref().and_then(|name| group.static_member(name)).unwrap_or(before);
        let target = group.target(&former.id);
        Outlook { target_epoch: group.target_epoch, target }
    }

    /// Assigns anew for an epoch; returns what `updated` should have.
    ///
    /// Cost: linear in members and partitions.
    fn assign(&mut self, updated: &ConsumerMember, epoch: i32) -> Arc<Partitions> {
        let group = self.group;
        let former = updated.instance_id.as_deref().and_then(|name| group.static_members.get(name));
        let stays = |id: &Arc<str>| *id != updated.id && Some(id) != former;
        let mut members: BTreeMap<&Arc<str>, &ConsumerMember> =
            group.members.iter().filter(|(id, _)| stays(id)).collect();
        members.insert(&updated.id, updated);
        let mut names: Arc<BTreeSet<Arc<str>>> = Arc::default();
        let mut ids: Arc<BTreeSet<Uuid>> = Arc::default();
        let mut specs = Vec::with_capacity(members.len());
        for (id, member) in &members {
            let read = topics_of(member, &group.resolved);
            // Members mostly read the same.
            if read != names {
                ids = Arc::new(read.iter().filter_map(|name| Some(self.at.topics.get(name)?.id)).collect());
                names = read;
            }
            let target = group.target(if **id == updated.id { former.unwrap_or(id) } else { id });
            specs.push(MemberSpec {
                id: Arc::clone(id),
                instance_id: member.instance_id.clone(),
                topics: Arc::clone(&ids),
                target,
            });
        }
        let assignor = preferred(members.into_values(), self.default_assignor());
        let targets = assignor.assign(&specs, self.at.topics);
        let mut mine = Arc::default();
        for (spec, target) in specs.iter().zip(targets) {
            if group.targets.get(&spec.id) != Some(&target) {
                self.push(ConsumerRecord::target(&spec.id, &target));
            }
            if spec.id == updated.id {
                mine = target;
            }
        }
        self.push(ConsumerRecord::target_epoch(epoch));
        mine
    }

    fn default_assignor(&self) -> Assignor {
        default_assignor(self.at.config)
    }

    /// Takes one step towards the target, and sees that the member takes its own in time.
    pub(super) fn reconcile(
        &mut self,
        member: &ConsumerMember,
        outlook: &Outlook,
        resubscribed: bool,
        owned: Option<&Partitions>,
    ) -> Result<ConsumerMember, Refused> {
        if !resubscribed && member.is_reconciled_to(outlook.target_epoch) {
            return Ok(member.clone());
        }
        let group = self.group;
        let names = topics_of(member, &group.resolved);
        let topics = names.iter().filter_map(|name| Some(self.at.topics.get(name)?.id)).collect();
        let step = Step {
            target_epoch: outlook.target_epoch,
            target: &outlook.target,
            resubscribed,
            topics: &topics,
            owned,
            is_owned: &|topic, index| group.is_owned(topic, index),
        };
        let next = step.take(member)?;
        if next != *member {
            self.push(ConsumerRecord::current(&next));
            if next.classic.is_none() {
                let deadline = Deadline::Revocation(Arc::clone(&group.id), Arc::clone(&next.id));
                if next.state == MemberState::UnrevokedPartitions {
                    self.timers.schedule(deadline, self.at.now.plus_ms(next.rebalance_timeout_ms.into()));
                } else {
                    self.timers.cancel(&deadline);
                }
            }
        }
        Ok(next)
    }

    /// Starts a member's session time-out again.
    pub(crate) fn renew_session(&mut self, member_id: &Arc<str>) {
        let ms = self.setting("consumer.session.timeout.ms", self.at.config.group_consumer_session_timeout_ms);
        self.renew_session_for(member_id, ms);
    }

    pub(super) fn renew_session_for(&mut self, member_id: &Arc<str>, ms: i32) {
        let deadline = Deadline::ConsumerSession(Arc::clone(&self.group.id), Arc::clone(member_id));
        self.timers.schedule(deadline, self.at.now.plus_ms(ms.into()));
    }

    fn heartbeat_interval_ms(&self) -> i32 {
        self.setting("consumer.heartbeat.interval.ms", self.at.config.group_consumer_heartbeat_interval_ms)
    }

    /// What is set on the group, or else on the broker.
    fn setting(&self, name: &str, of_broker: i32) -> i32 {
        let own = self.at.group_configs.get(&*self.group.id).and_then(|set| set.get(name));
        own.and_then(|text| text.parse().ok()).unwrap_or(of_broker)
    }

    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`.
    fn leave(&mut self, request: &ConsumerGroupHeartbeatRequest) -> Result<ConsumerGroupHeartbeatResponse, Refused> {
        let group = self.group;
        let member_id = &*request.member_id;
        let member = match request.instance_id.as_deref() {
            None => group.members.get(member_id).ok_or_else(|| unknown(member_id, &group.id))?,
            Some(instance_id) => {
                let member = group.static_member(instance_id).ok_or_else(|| unknown(instance_id, &group.id))?;
                check_instance(member, member_id, instance_id)?;
                member
            }
        };
        // Without an instance id nobody can come back, whatever the epoch says.
        if request.member_epoch == LEAVES_FOR_A_WHILE && request.instance_id.is_some() {
            let away = ConsumerMember { epoch: LEAVES_FOR_A_WHILE, revoking: Arc::default(), ..member.clone() };
            self.push(ConsumerRecord::current(&away));
        } else {
            self.fence(&[member]);
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some((*member.id).into()),
            member_epoch: request.member_epoch,
            ..ConsumerGroupHeartbeatResponse::default()
        })
    }

    /// Takes members out; if only members of the classic protocol are left then, the group becomes theirs.
    pub(crate) fn fence(&mut self, members: &[&ConsumerMember]) {
        if members.is_empty() {
            return;
        }
        if self.may_downgrade_without(members) {
            self.downgrade(members, None, true);
            return;
        }
        let mut after = self.group.subscriptions.clone();
        for member in members {
            ConsumerRecord::removal(&member.id).into_iter().for_each(|record| self.push(record));
            after.count(member, false);
        }
        for regex in self.group.subscriptions.regexes() {
            if after.members_of(regex) > 0 {
                continue;
            }
            self.push(ConsumerRecord::Regex(regex.to_string(), None));
            if let Some(resolved) = self.group.resolved.get(regex) {
                after.count_resolved(resolved, false);
            }
        }
        self.push(ConsumerRecord::epoch(self.group.epoch + 1, self.at.topics.hash_of(after.topics())));
        members.iter().for_each(|member| self.cancel_timers(&member.id));
    }

    fn cancel_timers(&mut self, member_id: &Arc<str>) {
        let all = Deadline::of_consumer(&self.group.id, member_id);
        all.iter().for_each(|deadline| self.timers.cancel(deadline));
    }

    /// A member was silent, or slow, for too long.
    pub(crate) fn on_deadline(&mut self, member_id: &str) {
        if let Some(member) = self.group.members.get(member_id) {
            self.fence(&[member]);
        }
    }

    /// A member has not given up its partitions in time, unless it is away or has gone on.
    pub(crate) fn on_revocation_deadline(&mut self, member_id: &str) {
        let late = |member: &&ConsumerMember| member.state == MemberState::UnrevokedPartitions && member.epoch >= 0;
        if let Some(member) = self.group.members.get(member_id).filter(late) {
            self.fence(&[member]);
        }
    }

    /// Begins a new epoch, in which the next heartbeat assigns anew.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID` when nobody is in the group.
    pub(crate) fn assign_anew(&mut self) -> Result<(), ErrorCode> {
        if self.group.is_empty() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let hash = self.at.topics.hash_of(self.group.subscriptions.topics());
        self.push(ConsumerRecord::epoch(self.group.epoch + 1, hash));
        Ok(())
    }

    /// Takes a member out as if it had been silent for too long.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`.
    pub(crate) fn expire(&mut self, member_id: &str) -> Result<(), ErrorCode> {
        let member = self.group.members.get(member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        self.fence(&[member]);
        Ok(())
    }

    /// Begins to work after the records were read: members have their time-outs to say something.
    pub(crate) fn start(&mut self) {
        for member in self.group.members.values() {
            self.renew_session(&member.id);
            if member.state == MemberState::UnrevokedPartitions {
                let deadline = Deadline::Revocation(Arc::clone(&self.group.id), Arc::clone(&member.id));
                self.timers.schedule(deadline, self.at.now.plus_ms(member.rebalance_timeout_ms.into()));
            }
        }
    }
}

/// The first of `group.consumer.assignors` that is known here.
pub(crate) fn default_assignor(config: &BrokerConfig) -> Assignor {
    let names = config.group_consumer_assignors.iter();
    names.filter_map(|name| Assignor::of_name(name)).next().unwrap_or(Assignor::Uniform)
}

pub(super) fn unknown(who: &str, group: &str) -> Refused {
    Refused::new(ErrorCode::UNKNOWN_MEMBER_ID, &format!("{who} is no member of the group {group}."))
}

/// Checks that a static member is the one that has its name now.
pub(super) fn check_instance(existing: &ConsumerMember, member_id: &str, instance_id: &str) -> Result<(), Refused> {
    if *existing.id == *member_id {
        return Ok(());
    }
    let message = format!("The instance id {instance_id} belongs to the member {} now.", existing.id);
    Err(Refused::new(ErrorCode::FENCED_INSTANCE_ID, &message))
}

/// Checks that a member is in the epoch that it is known to be in, or that it has missed just the last answer.
fn check_epoch(member: &ConsumerMember, epoch: i32, owned: Option<&Partitions>) -> Result<(), Refused> {
    let has_only = |owned: &Partitions| {
        owned.iter().all(|(topic, indexes)| member.assigned.get(topic).is_some_and(|has| indexes.is_subset(has)))
    };
    let missed_one = || epoch == member.previous_epoch && owned.is_some_and(has_only);
    if epoch == 0 || epoch == member.epoch || epoch < member.epoch && missed_one() {
        return Ok(());
    }
    let message = format!(
        "The member is in epoch {} and came with {epoch}: it has to give up its partitions and join again.",
        member.epoch
    );
    Err(Refused::new(ErrorCode::FENCED_MEMBER_EPOCH, &message))
}

/// What a member says that it owns. A topic stays even if it owns nothing of it, as that has to be its own too.
fn owned_partitions(rows: &[TopicPartitions]) -> Partitions {
    let mut owned = Partitions::new();
    for row in rows {
        owned.entry(row.topic_id).or_default().extend(row.partitions.iter().copied().map(PartitionIndex));
    }
    owned
}

fn to_assignment(partitions: &Partitions) -> Assignment {
    let rows = partitions.iter().map(|(topic_id, indexes)| ResponseTopicPartitions {
        topic_id: *topic_id,
        partitions: indexes.iter().map(|index| index.0).collect(),
        ..ResponseTopicPartitions::default()
    });
    Assignment { topic_partitions: rows.collect(), ..Assignment::default() }
}
