//! What members ask of their group: to join, for their assignment, to be kept alive, to leave.
//!
//! Source: `GroupMetadataManager` of Apache Kafka, the part for classic groups.

use super::Assignments;
use super::ClassicState;
use super::Member;
use super::rebalance::Rebalance;
use super::rebalance::Replaced;
use crate::base::ErrorCode;
use crate::coordinator::ClientIdentity;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Then;
use crate::coordinator::Ticket;
use crate::coordinator::group_coordinator::Deadline;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;

/// A `JoinGroup` request with what is known of its sender.
#[derive(Clone, Debug)]
pub(crate) struct Joining<'a> {
    pub(crate) request: &'a JoinGroupRequest,
    pub(crate) ticket: Ticket,
    pub(crate) client: ClientIdentity,
    pub(crate) api_version: i16,
    /// A random part for an id, if one has to be made.
    pub(crate) uuid: String,
}

/// A refusal of `JoinGroup`.
pub(crate) fn refused_join(member_id: &str, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse { error_code: code.code(), member_id: member_id.into(), ..JoinGroupResponse::default() }
}

impl Rebalance<'_> {
    /// Takes in a `JoinGroup`.
    pub(crate) fn join(&mut self, joining: &Joining<'_>) {
        let request = joining.request;
        let member_id = &*request.member_id;
        if !self.has_room_for(member_id) {
            self.group.remove(member_id);
            self.decision.refuse_join(joining.ticket, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
            return;
        }
        let names = request.protocols.iter().map(|protocol| &*protocol.name);
        if !self.group.supports(&request.protocol_type, names) {
            self.decision.refuse_join(joining.ticket, member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        } else if member_id.is_empty() {
            self.join_as_new(joining);
        } else if self.group.pending_join.contains(member_id) {
            if request.group_instance_id.is_some() {
                // Static members are never given an id first.
                self.decision.refuse_join(joining.ticket, member_id, ErrorCode::UNKNOWN_SERVER_ERROR);
                return;
            }
            let member = Member::joining(joining.client.clone(), request, joining.ticket);
            self.add_member(member_id.into(), &request.protocol_type, member);
        } else {
            self.join_again(joining);
        }
    }

    fn has_room_for(&self, member_id: &str) -> bool {
        let max = self.at.config.group_max_size;
        match self.group.state {
            ClassicState::Empty => true,
            ClassicState::PreparingRebalance => {
                let waits = self.group.members.get(member_id).is_some_and(|member| member.join.is_some());
                waits || self.group.awaiting_join < max
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                self.group.members.contains_key(member_id) || self.group.members.len() < max
            }
        }
    }

    fn join_as_new(&mut self, joining: &Joining<'_>) {
        let request = joining.request;
        let prefix = request.group_instance_id.as_deref().unwrap_or(&joining.client.client_id);
        let new_id: Arc<str> = format!("{prefix}-{}", joining.uuid).into();
        if let Some(instance_id) = request.group_instance_id.as_deref() {
            if let Some(old_id) = self.group.static_members.get(instance_id).cloned() {
                self.replace_static(joining, instance_id, &old_id, &new_id);
                return;
            }
        } else if joining.api_version >= 4 {
            self.add_pending(&new_id, request.session_timeout_ms);
            self.decision.refuse_join(joining.ticket, &new_id, ErrorCode::MEMBER_ID_REQUIRED);
            return;
        }
        let member = Member::joining(joining.client.clone(), request, joining.ticket);
        self.add_member(new_id, &request.protocol_type, member);
    }

    fn replace_static(&mut self, joining: &Joining<'_>, instance_id: &str, old_id: &Arc<str>, new_id: &Arc<str>) {
        let instance_id: Arc<str> = instance_id.into();
        let old_leader = self.group.leader.clone();
        self.fence(old_id);
        let Some(old) = self.group.members.get(old_id).cloned() else { return };
        self.timers.cancel(&Deadline::Session(Arc::clone(&self.group.id), Arc::clone(old_id)));
        self.group.pending_sync.remove(old_id);
        self.group.rename(&instance_id, old_id, new_id);
        // As Kafka does, the session time-out is still the old one until the next heartbeat.
        self.renew_session(new_id);
        self.group.update(new_id, |member| member.rejoin(joining.request, joining.ticket));
        match self.group.state {
            ClassicState::Stable if self.group.select_protocol() == self.group.protocol_name => {
                self.decision.records.push(CoordinatorRecord::Group {
                    group: self.group.id.to_string(),
                    value: Some(self.group.to_value(|_, member| member.assignment.clone())),
                });
                self.decision.then = Some(Then::Replaced(Box::new(Replaced {
                    group: Arc::clone(&self.group.id),
                    ticket: joining.ticket,
                    instance_id,
                    old_id: Arc::clone(old_id),
                    new_id: Arc::clone(new_id),
                    old,
                    old_leader,
                    skips_assignment: joining.api_version >= 9,
                })));
            }
            ClassicState::Stable | ClassicState::CompletingRebalance => self.prepare(),
            ClassicState::PreparingRebalance | ClassicState::Empty => self.complete_join_if_all_joined(),
        }
    }

    fn join_again(&mut self, joining: &Joining<'_>) {
        let request = joining.request;
        let member_id = &*request.member_id;
        if let Err(code) = self.group.check_member(member_id, request.group_instance_id.as_deref()) {
            self.decision.refuse_join(joining.ticket, member_id, code);
            return;
        }
        let same = self.group.members.get(member_id).is_some_and(|member| member.matches(request));
        let answer_at_once = match self.group.state {
            // The answer to its last request got lost.
            ClassicState::CompletingRebalance => same,
            ClassicState::Stable => same && !self.group.is_leader(member_id),
            ClassicState::PreparingRebalance | ClassicState::Empty => false,
        };
        if answer_at_once {
            let response = self.joined(member_id);
            self.decision.join(joining.ticket, response);
            return;
        }
        let mut before = None;
        self.group.update(member_id, |member| {
            before = member.join.take();
            member.rejoin(request, joining.ticket);
        });
        if let Some(ticket) = before {
            // Nobody would answer it any more.
            self.decision.refuse_join(ticket, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.rebalance_or_complete_join();
    }

    /// Takes in a `SyncGroup`.
    pub(crate) fn sync(&mut self, request: &SyncGroupRequest, ticket: Ticket) {
        if let Err(code) = self.check_sync(request) {
            self.decision.refuse_sync(ticket, code);
            return;
        }
        let member_id = &*request.member_id;
        match self.group.state {
            ClassicState::Empty => self.decision.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID),
            ClassicState::PreparingRebalance => self.decision.refuse_sync(ticket, ErrorCode::REBALANCE_IN_PROGRESS),
            ClassicState::CompletingRebalance => {
                let member = self.group.members.get_mut(member_id);
                if let Some(before) = member.and_then(|member| member.sync.replace(ticket)) {
                    self.decision.refuse_sync(before, ErrorCode::UNKNOWN_MEMBER_ID);
                }
                self.on_sync(member_id);
                if self.group.is_leader(member_id) {
                    self.assign(request);
                }
            }
            ClassicState::Stable => {
                self.on_sync(member_id);
                let member = self.group.members.get(member_id);
                let response = SyncGroupResponse {
                    protocol_type: self.group.protocol_type.as_deref().map(ByteString::from),
                    protocol_name: self.group.protocol_name.as_deref().map(ByteString::from),
                    assignment: member.map(|member| member.assignment.clone()).unwrap_or_default(),
                    ..SyncGroupResponse::default()
                };
                self.decision.sync(ticket, response);
            }
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if self.group.state == ClassicState::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.group.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs = |asked: &Option<ByteString>, is: &Option<Arc<str>>| match (asked, is) {
            (Some(asked), Some(is)) => **asked != **is,
            _ => false,
        };
        if differs(&request.protocol_type, &self.group.protocol_type)
            || differs(&request.protocol_name, &self.group.protocol_name)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    /// Writes down the leader's assignment; members it forgot get nothing.
    fn assign(&mut self, request: &SyncGroupRequest) {
        let given = request.assignments.iter();
        let given = given.map(|row| ((*row.member_id).into(), Bytes::copy_from_slice(&row.assignment)));
        let assignments: Assignments = given.collect();
        self.decision.records.push(CoordinatorRecord::Group {
            group: self.group.id.to_string(),
            value: Some(self.group.to_value(|id, _| assignments.get(id).cloned().unwrap_or_default())),
        });
        self.decision.then =
            Some(Then::Assign { group: Arc::clone(&self.group.id), generation: self.group.generation, assignments });
    }

    /// Takes in a `Heartbeat`.
    pub(crate) fn heartbeat(&mut self, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        self.group.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        self.renew_session(&request.member_id);
        match self.group.state {
            ClassicState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            ClassicState::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            ClassicState::CompletingRebalance | ClassicState::Stable => Ok(()),
        }
    }

    /// Takes members out, and says of each whether it was one.
    pub(crate) fn leave(&mut self, members: &[MemberIdentity]) -> Vec<Result<(), ErrorCode>> {
        let results: Vec<Result<(), ErrorCode>> = members.iter().map(|member| self.leave_one(member)).collect();
        if results.iter().any(Result::is_ok) {
            match self.group.state {
                ClassicState::Stable | ClassicState::CompletingRebalance => self.prepare(),
                ClassicState::PreparingRebalance => self.complete_join_if_all_joined(),
                ClassicState::Empty => {}
            }
        }
        results
    }

    fn leave_one(&mut self, member: &MemberIdentity) -> Result<(), ErrorCode> {
        let instance_id = member.group_instance_id.as_deref();
        let member_id: Arc<str> = if member.member_id.is_empty() {
            let known = instance_id.and_then(|instance_id| self.group.static_members.get(instance_id));
            Arc::clone(known.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?)
        } else {
            (*member.member_id).into()
        };
        if self.group.pending_join.remove(&member_id) {
            self.remove_member(&member_id);
            return Ok(());
        }
        self.group.check_member(&member_id, instance_id)?;
        self.remove_member(&member_id);
        Ok(())
    }
}
