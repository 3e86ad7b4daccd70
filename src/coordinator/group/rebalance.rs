//! What follows from what in a group: who is waited for, until when, and what everybody is told at the end.
//!
//! Source: `GroupMetadataManager` of Apache Kafka, the part for classic groups.

use super::Assignments;
use super::ClassicGroup;
use super::ClassicState;
use super::Member;
use super::requests::refused_join;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Decision;
use crate::coordinator::Moment;
use crate::coordinator::Ticket;
use crate::coordinator::group_coordinator::Deadline;
use crate::coordinator::timers::Timers;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;

/// A member that has not been answered yet is given up after this long.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 5 * 60 * 1000;

/// A group with all that a change of it touches.
pub(crate) struct Rebalance<'a> {
    pub(crate) group: &'a mut ClassicGroup,
    pub(crate) timers: &'a mut Timers<Deadline>,
    pub(crate) at: &'a Moment<'a>,
    pub(crate) decision: &'a mut Decision,
}

/// A static member that has come back, until its record is written.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(crate) group: Arc<str>,
    pub(crate) ticket: Ticket,
    pub(crate) instance_id: Arc<str>,
    pub(crate) old_id: Arc<str>,
    pub(crate) new_id: Arc<str>,
    /// Its former self, for the case that the record cannot be written.
    pub(crate) old: Member,
    /// The leader before, which clients before version 9 are told, so that they do not assign anew (KIP-814).
    pub(crate) old_leader: Option<Arc<str>>,
    pub(crate) skips_assignment: bool,
}

impl Rebalance<'_> {
    fn join_deadline(&self) -> Deadline {
        Deadline::Join(Arc::clone(&self.group.id))
    }

    fn sync_deadline(&self) -> Deadline {
        Deadline::Sync(Arc::clone(&self.group.id))
    }

    fn session_deadline(&self, member_id: &str) -> Deadline {
        Deadline::Session(Arc::clone(&self.group.id), member_id.into())
    }

    fn schedule(&mut self, deadline: Deadline, ms: i64) {
        self.timers.schedule(deadline, self.at.now.plus_ms(ms));
    }

    /// Starts a member's session time-out again.
    pub(crate) fn renew_session(&mut self, member_id: &str) {
        if let Some(member) = self.group.members.get(member_id) {
            let ms = member.session_timeout_ms.into();
            self.schedule(self.session_deadline(member_id), ms);
        }
    }

    /// Remembers an id that was given out, until its owner joins or its session times out.
    pub(super) fn add_pending(&mut self, member_id: &Arc<str>, session_timeout_ms: i32) {
        self.group.pending_join.insert(Arc::clone(member_id));
        self.schedule(self.session_deadline(member_id), session_timeout_ms.into());
    }

    pub(super) fn add_member(&mut self, id: Arc<str>, protocol_type: &str, member: Member) {
        if self.group.state == ClassicState::PreparingRebalance && self.group.previous == Some(ClassicState::Empty) {
            self.group.new_member_added = true;
        }
        let session = self.session_deadline(&id);
        self.group.add(id, protocol_type, member);
        self.schedule(session, NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.rebalance_or_complete_join();
    }

    /// Begins a rebalance, or helps the one that is going on to its end.
    pub(super) fn rebalance_or_complete_join(&mut self) {
        if self.group.state == ClassicState::PreparingRebalance {
            self.complete_join_if_all_joined();
        } else {
            self.prepare();
        }
    }

    /// Completes the join phase if everybody is there; a group's first one waits for its delay to pass.
    pub(super) fn complete_join_if_all_joined(&mut self) {
        let first = self.group.previous == Some(ClassicState::Empty);
        if self.group.state == ClassicState::PreparingRebalance && !first && self.group.has_all_members_joined() {
            self.complete_join();
        }
    }

    pub(crate) fn prepare(&mut self) {
        if self.group.state == ClassicState::CompletingRebalance {
            self.reset_assignments(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.group.pending_sync.clear();
        self.timers.cancel(&self.sync_deadline());
        let initial = self.group.state == ClassicState::Empty;
        self.group.transition_to(ClassicState::PreparingRebalance, self.at.timestamp);
        if initial {
            let delay_ms = i64::from(self.at.config.group_initial_rebalance_delay_ms.max(0));
            let left_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
            self.group.initial_delay_ms = Some((delay_ms, left_ms));
            if delay_ms == 0 {
                self.end_initial_delay();
            } else {
                self.schedule(self.join_deadline(), delay_ms);
            }
        } else if self.group.has_all_members_joined() {
            self.complete_join();
        } else {
            self.schedule(self.join_deadline(), self.group.rebalance_timeout_ms());
        }
    }

    /// The time to wait for others is over.
    pub(crate) fn on_join_deadline(&mut self) {
        if self.group.initial_delay_ms.is_some() {
            self.end_initial_delay();
        } else {
            self.complete_join();
        }
    }

    /// Waits on while members keep coming and time is left.
    fn end_initial_delay(&mut self) {
        let Some((delay_ms, left_ms)) = self.group.initial_delay_ms else { return };
        if self.group.new_member_added && left_ms != 0 {
            self.group.new_member_added = false;
            let next_ms = left_ms.min(self.at.config.group_initial_rebalance_delay_ms.into());
            self.group.initial_delay_ms = Some((next_ms, (left_ms - delay_ms).max(0)));
            self.schedule(self.join_deadline(), next_ms);
        } else {
            self.complete_join();
        }
    }

    /// Ends the join phase: those who have not come are out, the rest are the next generation.
    fn complete_join(&mut self) {
        self.timers.cancel(&self.join_deadline());
        self.group.initial_delay_ms = None;
        self.group.new_member_added = false;
        let missing = self.group.members.iter();
        let missing = missing.filter(|(_, member)| member.join.is_none() && member.instance_id.is_none());
        let missing: Vec<Arc<str>> = missing.map(|(id, _)| Arc::clone(id)).collect();
        for id in missing {
            self.group.remove(&id);
            self.timers.cancel(&self.session_deadline(&id));
        }
        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // Only static members are left and none has come: they have as long again, and time has to pass.
            self.schedule(self.join_deadline(), self.group.rebalance_timeout_ms().max(1));
            return;
        }
        self.group.begin_generation(self.at.timestamp);
        if self.group.members.is_empty() {
            self.decision.records.push(CoordinatorRecord::Group {
                group: self.group.id.to_string(),
                value: Some(self.group.to_value(|_, member| member.assignment.clone())),
            });
            return;
        }
        let ids: Vec<Arc<str>> = self.group.members.keys().cloned().collect();
        for id in ids {
            let response = self.joined(&id);
            self.answer_join(&id, response);
            self.renew_session(&id);
            if let Some(member) = self.group.members.get_mut(&id) {
                member.is_new = false;
            }
            self.group.pending_sync.insert(id);
        }
        self.schedule(self.sync_deadline(), self.group.rebalance_timeout_ms());
    }

    /// What a member is told of its generation.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupResponse {
        let group = &self.group;
        JoinGroupResponse {
            members: if group.is_leader(member_id) { group.members_for_leader() } else { Vec::new() },
            member_id: member_id.into(),
            generation_id: group.generation,
            protocol_name: group.protocol_name.as_deref().map(ByteString::from),
            protocol_type: group.protocol_type.as_deref().map(ByteString::from),
            leader: group.leader.as_deref().unwrap_or_default().into(),
            ..JoinGroupResponse::default()
        }
    }

    fn answer_join(&mut self, member_id: &str, response: JoinGroupResponse) {
        let ticket = self.group.members.get_mut(member_id).and_then(|member| member.join.take());
        if let Some(ticket) = ticket {
            self.group.awaiting_join -= 1;
            self.decision.join(ticket, response);
        }
    }

    /// Takes a member out and answers what it was waiting for.
    pub(super) fn remove_member(&mut self, member_id: &str) {
        self.timers.cancel(&self.session_deadline(member_id));
        let Some(member) = self.group.remove(member_id) else { return };
        if let Some(ticket) = member.join {
            self.decision.refuse_join(ticket, "", ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if let Some(ticket) = member.sync {
            self.decision.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID);
        }
    }

    /// A member was silent for its session time-out.
    pub(crate) fn on_session_deadline(&mut self, member_id: &str) {
        if self.group.pending_join.remove(member_id) {
            // Kafka does so even while a group's first delay is running.
            if self.group.state == ClassicState::PreparingRebalance && self.group.has_all_members_joined() {
                self.complete_join();
            }
            return;
        }
        let Some(member) = self.group.members.get(member_id) else { return };
        if !member.has_satisfied_heartbeat() && !self.awaits_sync_forever() {
            self.expire(member_id);
        }
    }

    fn awaits_sync_forever(&self) -> bool {
        self.at.mutants.has(BrokerMutant::AwaitsSyncForever) && self.group.state == ClassicState::CompletingRebalance
    }

    /// Takes a member out as if it had been silent for too long, and begins a rebalance without it.
    pub(crate) fn expire(&mut self, member_id: &str) {
        self.remove_member(member_id);
        match self.group.state {
            ClassicState::Stable | ClassicState::CompletingRebalance => self.prepare(),
            ClassicState::PreparingRebalance if self.group.has_all_members_joined() => self.complete_join(),
            ClassicState::PreparingRebalance | ClassicState::Empty => {}
        }
    }

    /// Members have not asked for their assignment in time.
    pub(crate) fn on_sync_deadline(&mut self) {
        let rebalanced = matches!(self.group.state, ClassicState::CompletingRebalance | ClassicState::Stable);
        if !rebalanced || self.group.pending_sync.is_empty() || self.awaits_sync_forever() {
            return;
        }
        for id in std::mem::take(&mut self.group.pending_sync) {
            self.remove_member(&id);
        }
        self.prepare();
    }

    /// A member has asked for its assignment.
    pub(super) fn on_sync(&mut self, member_id: &str) {
        self.group.pending_sync.remove(member_id);
        if self.group.pending_sync.is_empty() {
            self.timers.cancel(&self.sync_deadline());
        }
    }

    fn reset_assignments(&mut self, code: ErrorCode) {
        self.group.members.values_mut().for_each(|member| member.assignment = Bytes::new());
        self.hand_out_assignments(code);
    }

    fn hand_out_assignments(&mut self, code: ErrorCode) {
        let (protocol_type, protocol_name) = match code {
            ErrorCode::NONE => (self.group.protocol_type.clone(), self.group.protocol_name.clone()),
            _ => (None, None),
        };
        let ids: Vec<Arc<str>> = self.group.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.group.members.get_mut(&id) else { continue };
            let Some(ticket) = member.sync.take() else { continue };
            let response = SyncGroupResponse {
                protocol_type: protocol_type.as_deref().map(ByteString::from),
                protocol_name: protocol_name.as_deref().map(ByteString::from),
                assignment: member.assignment.clone(),
                error_code: code.code(),
                ..SyncGroupResponse::default()
            };
            self.decision.sync(ticket, response);
            self.renew_session(&id);
        }
    }

    /// The leader's assignment is in the log, or could not be written.
    pub(crate) fn on_assigned(
        &mut self,
        generation: i32,
        mut assignments: Assignments,
        appended: Result<(), ErrorCode>,
    ) {
        if self.group.state != ClassicState::CompletingRebalance || self.group.generation != generation {
            return;
        }
        match appended {
            Ok(()) => {
                for (id, member) in &mut self.group.members {
                    member.assignment = assignments.remove(id).unwrap_or_default();
                }
                self.hand_out_assignments(ErrorCode::NONE);
                self.group.transition_to(ClassicState::Stable, self.at.timestamp);
            }
            Err(code) => {
                self.reset_assignments(code);
                self.prepare();
            }
        }
    }

    /// A static member's new self is in the log, or could not be written.
    pub(crate) fn on_replaced(&mut self, replaced: Replaced, appended: Result<(), ErrorCode>) {
        let mut response = self.joined(&replaced.new_id);
        response.members.truncate(if replaced.skips_assignment { usize::MAX } else { 0 });
        if replaced.skips_assignment {
            response.skip_assignment = self.group.is_leader(&replaced.new_id);
        } else {
            response.leader = replaced.old_leader.as_deref().unwrap_or_default().into();
        }
        if let Err(code) = appended {
            self.group.rename(&replaced.instance_id, &replaced.new_id, &replaced.old_id);
            self.timers.cancel(&self.session_deadline(&replaced.new_id));
            self.group.update(&replaced.old_id, |member| *member = replaced.old);
            self.renew_session(&replaced.old_id);
            response.member_id = ByteString::new();
            response.members.clear();
            response.error_code = code.code();
            self.decision.join(replaced.ticket, response);
        } else {
            self.answer_join(&replaced.new_id, response);
        }
    }

    /// Tells the former self of a static member that it is fenced.
    pub(super) fn fence(&mut self, member_id: &str) {
        let mut response = refused_join(member_id, ErrorCode::FENCED_INSTANCE_ID);
        response.protocol_name = None;
        self.answer_join(member_id, response);
        let ticket = self.group.members.get_mut(member_id).and_then(|member| member.sync.take());
        if let Some(ticket) = ticket {
            self.decision.refuse_sync(ticket, ErrorCode::FENCED_INSTANCE_ID);
        }
    }

    /// Answers everybody who waits with an error, because the coordinator is elsewhere now.
    pub(crate) fn unload(&mut self, code: ErrorCode) {
        for (id, member) in &mut self.group.members {
            if let Some(ticket) = member.join.take() {
                self.decision.refuse_join(ticket, id, code);
            }
            if let Some(ticket) = member.sync.take() {
                self.decision.refuse_sync(ticket, code);
            }
        }
        self.group.awaiting_join = 0;
    }
}
