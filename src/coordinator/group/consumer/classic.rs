//! Members of the classic protocol in a consumer group, as there are while an application is moved from one protocol to
//! the other: their generation is their member epoch, and nobody waits for anybody.
//!
//! Source: KIP-848, `GroupMetadataManager` of Apache Kafka, `classicGroup...ToConsumerGroup`.

use super::ConsumerGroup;
use super::convert::Downgraded;
use super::convert::encode_assignment;
use super::heartbeat::Consumers;
use super::heartbeat::check_instance;
use super::heartbeat::unknown;
use super::member::Classic;
use super::member::ConsumerMember;
use super::member::MemberState;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::coordinator::Refused;
use crate::coordinator::Ticket;
use crate::coordinator::group::CONSUMER;
use crate::coordinator::group::Joining;
use crate::coordinator::group::assignor::Partitions;
use crate::coordinator::group::subscription;
use crate::coordinator::group_coordinator::Deadline;
use crate::coordinator::subscribed::TopicsImage;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A member of the classic protocol has joined, as soon as its records are written.
#[derive(Debug)]
pub(crate) struct ClassicJoined {
    pub(crate) group: Arc<str>,
    pub(crate) ticket: Ticket,
    pub(crate) member_id: Arc<str>,
    pub(crate) response: JoinGroupResponse,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    /// What the group becomes, if this was the last member of the consumer protocol.
    pub(crate) downgraded: Option<Downgraded>,
    /// Whether the group's regular expressions are to be looked at.
    pub(crate) resolve: bool,
}

impl ConsumerGroup {
    /// Whether a member of the classic protocol that supports these protocols fits in.
    fn supports(&self, request: &JoinGroupRequest) -> bool {
        let classic = self.classic_members();
        let supported = |name: &str| {
            let has = |member: &&Arc<Classic>| member.protocols.iter().any(|(known, _)| **known == *name);
            self.members.values().filter_map(|member| member.classic.as_ref()).filter(has).count()
        };
        *request.protocol_type == *CONSUMER && request.protocols.iter().any(|row| supported(&row.name) == classic)
    }

    /// A member of the classic protocol as a request names it.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`.
    fn classic_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(&ConsumerMember, &Arc<Classic>), Refused> {
        let member = match instance_id {
            None => self.members.get(member_id).ok_or_else(|| unknown(member_id, &self.id))?,
            Some(instance_id) => {
                let member = self.static_member(instance_id).ok_or_else(|| unknown(instance_id, &self.id))?;
                check_instance(member, member_id, instance_id)?;
                member
            }
        };
        let classic = member.classic.as_ref().ok_or_else(|| unknown(member_id, &self.id))?;
        Ok((member, classic))
    }

    /// Whether a member still waits for partitions that others have.
    fn waits_for_others(&self, member: &ConsumerMember) -> bool {
        let target = self.target(&member.id);
        let mut missing = target.iter().flat_map(|(topic, indexes)| {
            let has = member.assigned.get(topic);
            let missing = indexes.iter().filter(move |index| has.is_none_or(|has| !has.contains(index)));
            missing.map(move |index| (*topic, *index))
        });
        missing.any(|(topic, index)| self.is_owned(topic, index))
    }
}

impl Consumers<'_> {
    /// Takes in a `JoinGroup`.
    ///
    /// # Errors
    /// In Kafka's order: `GROUP_MAX_SIZE_REACHED`, `INCONSISTENT_GROUP_PROTOCOL`, `MEMBER_ID_REQUIRED` with the id,
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `UNKNOWN_SERVER_ERROR` for a subscription that cannot be read.
    pub(crate) fn classic_join(&mut self, joining: &Joining<'_>) -> Result<ClassicJoined, (Arc<str>, Refused)> {
        let request = joining.request;
        let id: Arc<str> =
            if request.member_id.is_empty() { joining.uuid.as_str().into() } else { (*request.member_id).into() };
        self.join_as(joining, &id).map_err(|refused| {
            let told = refused.code == ErrorCode::MEMBER_ID_REQUIRED;
            (if told { id } else { (*request.member_id).into() }, refused)
        })
    }

    fn join_as(&mut self, joining: &Joining<'_>, id: &Arc<str>) -> Result<ClassicJoined, Refused> {
        let (group, request) = (self.group, joining.request);
        let is_new = request.member_id.is_empty();
        self.check_room(id)?;
        if !group.supports(request) {
            return Err(Refused::new(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, "The protocols are not supported."));
        }
        let instance_id = request.group_instance_id.as_deref();
        if is_new && instance_id.is_none() && joining.api_version >= 4 {
            return Err(Refused::new(ErrorCode::MEMBER_ID_REQUIRED, "A member has to join with this id."));
        }
        let existing = instance_id.and_then(|instance_id| group.static_member(instance_id));
        let before = match instance_id {
            None => group.members.get(id).cloned().unwrap_or_else(|| ConsumerMember::new(id)),
            Some(instance_id) if is_new => self.join_static(instance_id, id),
            Some(instance_id) => {
                let existing = existing.ok_or_else(|| unknown(instance_id, &group.id))?;
                check_instance(existing, id, instance_id)?;
                existing.clone()
            }
        };
        let wanted = request.protocols.first().and_then(|row| subscription(&row.metadata));
        let wanted = wanted.ok_or_else(|| {
            Refused::new(ErrorCode::UNKNOWN_SERVER_ERROR, "The subscription of the member cannot be read.")
        })?;
        let mut after = before.clone();
        after.instance_id = instance_id.map(Into::into).or(after.instance_id);
        after.rack_id = wanted.rack_id.as_deref().map(Into::into).or(after.rack_id);
        if request.rebalance_timeout_ms != -1 {
            after.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        after.topics = Arc::new(wanted.topics.iter().map(|name| (**name).into()).collect());
        after.regex = "".into();
        after.client = joining.client.clone();
        after.classic = Some(Arc::new(Classic::new(request.session_timeout_ms, &request.protocols)));

        let renamed = self.write_subscription(&before, &after);
        let regex = self.update_regex(&before, &after)?;
        let bump = renamed || regex.updated;
        let epoch = self.next_epoch(&before, &after, bump);
        let owned = owned_by_name(&wanted, self.at.topics);
        let replaced = existing.filter(|existing| self.may_downgrade_replacing(existing));
        let joined = if let Some(replaced) = replaced {
            let joined = if bump {
                after
            } else {
                let outlook = self.outlook_of(&before, &after, group.target_epoch);
                self.reconcile(&after, &outlook, false, Some(&owned))?
            };
            self.downgrade(&[replaced], Some(&joined), bump);
            joined
        } else {
            let outlook = self.outlook_of(&before, &after, epoch);
            self.reconcile(&after, &outlook, bump, Some(&owned))?
        };
        let protocol = joined.classic.as_ref().and_then(|classic| classic.protocol()).map(|(name, _)| (**name).into());
        Ok(ClassicJoined {
            group: Arc::clone(&group.id),
            ticket: joining.ticket,
            member_id: Arc::clone(&joined.id),
            response: JoinGroupResponse {
                member_id: (*joined.id).into(),
                generation_id: joined.epoch,
                protocol_type: Some(CONSUMER.into()),
                protocol_name: protocol,
                ..JoinGroupResponse::default()
            },
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            downgraded: self.downgraded.take(),
            resolve: std::mem::take(&mut self.resolve),
        })
    }

    /// Takes in a `SyncGroup`.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`,
    /// `INCONSISTENT_GROUP_PROTOCOL`, `REBALANCE_IN_PROGRESS`.
    pub(crate) fn classic_sync(&mut self, request: &SyncGroupRequest) -> Result<SyncGroupResponse, Refused> {
        let group = self.group;
        let (member, classic) = group.classic_member(&request.member_id, request.group_instance_id.as_deref())?;
        check_generation(member, request.generation_id)?;
        let protocol = classic.protocol();
        let other_type = request.protocol_type.as_deref().is_some_and(|name| name != CONSUMER);
        let other_name = |name: &str| protocol.is_none_or(|(known, _)| **known != *name);
        if other_type || request.protocol_name.as_deref().is_some_and(other_name) {
            return Err(Refused::new(
                ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
                "The member has joined with another one.",
            ));
        }
        if group.epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
            self.expect_join(member);
            return Err(Refused::new(ErrorCode::REBALANCE_IN_PROGRESS, "The member has to join again."));
        }
        self.timers.cancel(&Deadline::ClassicSync(Arc::clone(&group.id), Arc::clone(&member.id)));
        self.renew_session_for(&member.id, classic.session_timeout_ms);
        let metadata = protocol.map(|(_, metadata)| metadata.clone()).unwrap_or_default();
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment: encode_assignment(&member.assigned, self.at.topics, &metadata),
            ..SyncGroupResponse::default()
        })
    }

    /// Takes in a `Heartbeat`.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    pub(crate) fn classic_heartbeat(&mut self, request: &HeartbeatRequest) -> Result<(), Refused> {
        let group = self.group;
        let (member, classic) = group.classic_member(&request.member_id, request.group_instance_id.as_deref())?;
        check_generation(member, request.generation_id)?;
        self.renew_session_for(&member.id, classic.session_timeout_ms);
        let goes_on = match member.state {
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !group.waits_for_others(member),
            MemberState::Stable | MemberState::Unknown => false,
        };
        if member.epoch < group.epoch || goes_on {
            self.expect_join(member);
            return Err(Refused::new(ErrorCode::REBALANCE_IN_PROGRESS, "The member has to join again."));
        }
        Ok(())
    }

    /// Gives a member its rebalance time-out to join again, from the first time it is told to.
    fn expect_join(&mut self, member: &ConsumerMember) {
        let deadline = Deadline::ClassicJoin(Arc::clone(&self.group.id), Arc::clone(&member.id));
        let until = self.at.now.plus_ms(member.rebalance_timeout_ms.into());
        self.timers.schedule_if_absent(deadline, until);
    }

    /// Takes in a `LeaveGroup`, and says of each whether it was a member.
    pub(crate) fn classic_leave(&mut self, members: &[MemberIdentity]) -> Vec<Result<(), ErrorCode>> {
        let group = self.group;
        let mut leaving: BTreeMap<&Arc<str>, &ConsumerMember> = BTreeMap::new();
        let results = members.iter().map(|identity| {
            let member = match identity.group_instance_id.as_deref() {
                None => group.members.get(&*identity.member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?,
                Some(instance_id) => {
                    let member = group.static_member(instance_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                    if !identity.member_id.is_empty() {
                        check_instance(member, &identity.member_id, instance_id).map_err(|refused| refused.code)?;
                    }
                    member
                }
            };
            leaving.insert(&member.id, member);
            Ok(())
        });
        let results = results.collect();
        let leaving: Vec<&ConsumerMember> = leaving.into_values().collect();
        self.fence(&leaving);
        results
    }

    /// What is to be done once the records of a member that joined are written.
    pub(crate) fn on_classic_joined(&mut self, joined: &ClassicJoined) {
        self.renew_session_for(&joined.member_id, joined.session_timeout_ms);
        let key = || (Arc::clone(&self.group.id), Arc::clone(&joined.member_id));
        let (group, member) = key();
        self.timers.cancel(&Deadline::ClassicJoin(group, member));
        let (group, member) = key();
        let until = self.at.now.plus_ms(joined.rebalance_timeout_ms.into());
        self.timers.schedule(Deadline::ClassicSync(group, member), until);
    }
}

fn check_generation(member: &ConsumerMember, generation: i32) -> Result<(), Refused> {
    if member.epoch == generation {
        return Ok(());
    }
    let message = format!("The member is in epoch {} and came with {generation}.", member.epoch);
    Err(Refused::new(ErrorCode::ILLEGAL_GENERATION, &message))
}

/// What a subscription says that its member owns.
pub(super) fn owned_by_name(subscription: &ConsumerProtocolSubscription, topics: &TopicsImage) -> Partitions {
    let mut owned = Partitions::new();
    for row in &subscription.owned_partitions {
        if let Some(topic) = topics.get(&row.topic) {
            owned.entry(topic.id).or_default().extend(row.partitions.iter().copied().map(PartitionIndex));
        }
    }
    owned
}
