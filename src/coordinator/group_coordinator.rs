//! The coordinator of the groups of one partition of `__consumer_offsets`.
//!
//! Not here: the rules of a group (`group`), the bytes of records (`records`).

use super::CoordinatorRecord;
use super::Decision;
use super::Moment;
use super::OffsetAndMetadata;
use super::Then;
use super::Ticket;
use super::group::ClassicGroup;
use super::group::ConsumerGroup;
use super::group::Consumers;
use super::group::GroupState;
use super::group::Joining;
use super::group::Rebalance;
use super::offsets::Offsets;
use super::timers::Timers;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a coordinator's deadlines are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    /// A group has waited long enough for members to join.
    Join(Arc<str>),
    /// A group has waited long enough for members to ask for their assignment.
    Sync(Arc<str>),
    /// A member of a group was silent for its session time-out.
    Session(Arc<str>, Arc<str>),
    /// A member of a consumer group was silent for its session time-out.
    ConsumerSession(Arc<str>, Arc<str>),
    /// A member of a consumer group has not given up its partitions within its rebalance time-out.
    Revocation(Arc<str>, Arc<str>),
    /// A member of the classic protocol has not joined a consumer group again.
    ClassicJoin(Arc<str>, Arc<str>),
    /// A member of the classic protocol has not asked a consumer group for its assignment.
    ClassicSync(Arc<str>, Arc<str>),
    /// It is time to look for expired offsets.
    Expiry,
}

impl Deadline {
    /// Those of a member of a consumer group.
    pub(crate) fn of_consumer(group: &Arc<str>, member: &Arc<str>) -> [Self; 4] {
        [Self::ConsumerSession, Self::Revocation, Self::ClassicJoin, Self::ClassicSync]
            .map(|deadline: fn(Arc<str>, Arc<str>) -> Self| deadline(Arc::clone(group), Arc::clone(member)))
    }
}

/// The groups of one partition of `__consumer_offsets` and their offsets.
#[derive(Debug, Default)]
pub(crate) struct GroupCoordinator {
    pub(super) groups: BTreeMap<String, ClassicGroup>,
    /// No id is in both.
    pub(super) consumers: BTreeMap<String, ConsumerGroup>,
    offsets: Offsets,
    pub(super) timers: Timers<Deadline>,
}

/// The partition of `__consumer_offsets` that keeps a group, of so many.
///
/// Source: `GroupCoordinatorService.partitionFor`, `Utils.abs` of `String.hashCode`.
pub(crate) fn partition_of(group: &str, partitions: usize) -> PartitionIndex {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    let positive = if hash == i32::MIN { 0 } else { hash.abs() };
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    PartitionIndex(positive.checked_rem(partitions).unwrap_or(0))
}

impl GroupCoordinator {
    /// Takes in a record, of the log or one that has just been appended.
    pub(crate) fn replay(&mut self, record: &CoordinatorRecord) {
        match record {
            CoordinatorRecord::Offset { group, topic, partition, value } => {
                // Whoever commits without a group has one all the same, with nobody in it.
                if let Some(value) = value.as_ref().filter(|_| !self.consumers.contains_key(group)) {
                    let since = Timestamp(value.commit_timestamp);
                    self.groups.entry(group.clone()).or_insert_with(|| ClassicGroup::new(group, since));
                }
                self.offsets.replay(group, topic, *partition, value.as_ref());
            }
            CoordinatorRecord::Group { group, value: Some(value) } => {
                self.consumers.remove(group);
                self.groups.insert(group.clone(), ClassicGroup::of_value(group, value));
            }
            CoordinatorRecord::Group { group, value: None } => {
                self.groups.remove(group);
            }
            CoordinatorRecord::Consumer { group, record } => self.replay_consumer(group, record),
        }
    }

    /// Takes in a record that a transaction wrote: an offset that counts when the transaction commits.
    pub(crate) fn replay_in_transaction(&mut self, producer_id: ProducerId, record: &CoordinatorRecord) {
        if let CoordinatorRecord::Offset { group, topic, partition, value: Some(value) } = record {
            if !self.consumers.contains_key(group) {
                let since = Timestamp(value.commit_timestamp);
                self.groups.entry(group.clone()).or_insert_with(|| ClassicGroup::new(group, since));
            }
            self.offsets.replay_in_transaction(producer_id, group, topic, *partition, value);
        }
    }

    /// Takes in the end of a producer's transaction.
    pub(crate) fn replay_marker(&mut self, producer_id: ProducerId, committed: bool) {
        self.offsets.replay_marker(producer_id, committed);
    }

    /// Whether an open transaction may yet change an offset.
    pub(crate) fn is_unstable(&self, group: &str, topic: &str, partition: PartitionIndex) -> bool {
        self.offsets.is_unstable(group, topic, partition)
    }

    /// Takes in a record that this coordinator decided on: of a group, it knows already.
    pub(crate) fn replay_own(&mut self, record: &CoordinatorRecord) {
        if !matches!(record, CoordinatorRecord::Group { value: Some(_), .. }) {
            self.replay(record);
        }
    }

    /// Begins to work, after all records were replayed: members have their session time-out to say something.
    pub(crate) fn start(&mut self, at: &Moment<'_>) {
        self.schedule_expiry(at);
        let mut decision = Decision::default();
        for group in self.groups.values_mut() {
            let ids: Vec<Arc<str>> = group.members.keys().cloned().collect();
            let mut rebalance = Rebalance { group, timers: &mut self.timers, at, decision: &mut decision };
            ids.iter().for_each(|id| rebalance.renew_session(id));
        }
        for group in self.consumers.values() {
            Consumers::new(group, &mut self.timers, at).start();
        }
    }

    fn schedule_expiry(&mut self, at: &Moment<'_>) {
        let interval = at.config.offsets_retention_check_interval_ms.max(1);
        self.timers.schedule(Deadline::Expiry, at.now.plus_ms(interval));
    }

    /// The next deadline.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does one thing that is due; `None` when nothing is.
    pub(crate) fn handle_timeout(&mut self, at: &Moment<'_>) -> Option<Decision> {
        let mut decision = Decision::default();
        match self.timers.pop_due(at.now)? {
            Deadline::Join(group) => self.with(&group, at, &mut decision, |group| group.on_join_deadline()),
            Deadline::Sync(group) => self.with(&group, at, &mut decision, |group| group.on_sync_deadline()),
            Deadline::Session(group, member) => {
                self.with(&group, at, &mut decision, |group| group.on_session_deadline(&member))
            }
            Deadline::ConsumerSession(group, member)
            | Deadline::ClassicJoin(group, member)
            | Deadline::ClassicSync(group, member) => {
                self.with_consumers(&group, at, &mut decision, |consumers| consumers.on_deadline(&member))
            }
            Deadline::Revocation(group, member) => {
                self.with_consumers(&group, at, &mut decision, |consumers| consumers.on_revocation_deadline(&member))
            }
            Deadline::Expiry => {
                self.schedule_expiry(at);
                decision.records = self.expired(at);
                Some(())
            }
        };
        Some(decision)
    }

    pub(super) fn with<T>(
        &mut self,
        group: &str,
        at: &Moment<'_>,
        decision: &mut Decision,
        act: impl FnOnce(&mut Rebalance<'_>) -> T,
    ) -> Option<T> {
        let group = self.groups.get_mut(group)?;
        Some(act(&mut Rebalance { group, timers: &mut self.timers, at, decision }))
    }

    /// Goes on with what waited for records to be appended.
    pub(crate) fn on_appended(&mut self, at: &Moment<'_>, then: Then, appended: Result<(), ErrorCode>) -> Decision {
        let mut decision = Decision::default();
        match then {
            Then::Assign { group, generation, assignments } => {
                self.with(&group, at, &mut decision, |group| group.on_assigned(generation, assignments, appended))
            }
            Then::Replaced(replaced) => {
                let group = Arc::clone(&replaced.group);
                self.with(&group, at, &mut decision, |group| group.on_replaced(*replaced, appended))
            }
            Then::Resolve(group) => {
                decision.records = appended.map_or_else(|_| Vec::new(), |()| self.resolve(at, &group));
                Some(())
            }
            Then::Downgraded(downgraded) => {
                self.on_downgraded(at, *downgraded, appended, &mut decision);
                Some(())
            }
            Then::ClassicJoined(joined) => {
                self.on_classic_joined(at, *joined, appended, &mut decision);
                Some(())
            }
        };
        decision
    }

    /// Answers everybody who waits with an error, because the coordinator is elsewhere now.
    pub(crate) fn unload(mut self, at: &Moment<'_>, code: ErrorCode) -> Decision {
        let mut decision = Decision::default();
        for group in self.groups.values_mut() {
            Rebalance { group, timers: &mut self.timers, at, decision: &mut decision }.unload(code);
        }
        decision
    }

    /// A client wants to become or to stay a member; the answer comes to its ticket.
    pub(crate) fn join(&mut self, at: &Moment<'_>, joining: &Joining<'_>) -> Decision {
        if let Some(decision) = self.join_consumer_group(at, joining) {
            return decision;
        }
        let mut decision = Decision::default();
        let (id, member_id) = (&*joining.request.group_id, &*joining.request.member_id);
        if self.consumers.contains_key(id) {
            if !member_id.is_empty() {
                decision.refuse_join(joining.ticket, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
                return decision;
            }
            // Nobody is in it any more: it becomes a classic group.
            decision.records = self.tombstones(id);
        }
        if !self.groups.contains_key(id) {
            if !member_id.is_empty() {
                decision.refuse_join(joining.ticket, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
                return decision;
            }
            let group = ClassicGroup::new(id, at.timestamp);
            decision.records.push(CoordinatorRecord::Group {
                group: id.to_owned(),
                value: Some(group.to_value(|_, member| member.assignment.clone())),
            });
            self.groups.insert(id.to_owned(), group);
        }
        self.with(id, at, &mut decision, |group| group.join(joining));
        decision
    }

    /// A member asks for its assignment; the answer comes to its ticket.
    pub(crate) fn sync(&mut self, at: &Moment<'_>, request: &SyncGroupRequest, ticket: Ticket) -> Decision {
        let mut decision = Decision::default();
        let consumers = |group: &mut Consumers<'_>| group.classic_sync(request);
        if let Some(synced) = self.with_consumers(&request.group_id, at, &mut decision, consumers) {
            match synced {
                Ok(response) => decision.sync(ticket, response),
                Err(refused) => decision.refuse_sync(ticket, refused.code),
            }
            return decision;
        }
        let found = self.with(&request.group_id, at, &mut decision, |group| group.sync(request, ticket));
        if found.is_none() {
            decision.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        decision
    }

    /// A member says that it lives.
    ///
    /// # Errors
    /// In Kafka's order: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    pub(crate) fn heartbeat(&mut self, at: &Moment<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let mut decision = Decision::default();
        let consumers = |group: &mut Consumers<'_>| group.classic_heartbeat(request).map_err(|refused| refused.code);
        let found = self
            .with_consumers(&request.group_id, at, &mut decision, consumers)
            .or_else(|| self.with(&request.group_id, at, &mut decision, |group| group.heartbeat(request)));
        found.unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID))
    }

    /// Members leave; the results are in their order.
    pub(crate) fn leave(
        &mut self,
        at: &Moment<'_>,
        group: &str,
        members: &[MemberIdentity],
    ) -> (Decision, Vec<Result<(), ErrorCode>>) {
        let mut decision = Decision::default();
        let results = self
            .with_consumers(group, at, &mut decision, |consumers| consumers.classic_leave(members))
            .or_else(|| self.with(group, at, &mut decision, |group| group.leave(members)));
        let results = results.unwrap_or_else(|| vec![Err(ErrorCode::UNKNOWN_MEMBER_ID); members.len()]);
        (decision, results)
    }

    /// Checks that offsets may be committed, and takes it as a sign of life.
    ///
    /// # Errors
    /// In Kafka's order: `GROUP_ID_NOT_FOUND` (from version 9 on) or `ILLEGAL_GENERATION` where there is no such
    /// group, then those of [`ClassicGroup`] or [`ConsumerGroup`].
    ///
    /// Source: `OffsetMetadataManager.validateOffsetCommit`.
    pub(crate) fn check_offset_commit(
        &mut self,
        at: &Moment<'_>,
        group: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        api_version: i16,
    ) -> Result<(), ErrorCode> {
        if at.mutants.has(BrokerMutant::ChecksNoGeneration) {
            return Ok(());
        }
        if let Some(consumers) = self.consumers.get(group) {
            return consumers.check_offset_commit(member_id, generation, api_version);
        }
        let mut decision = Decision::default();
        let checked = self.with(group, at, &mut decision, |rebalance| {
            rebalance.group.check_offset_commit(member_id, instance_id, generation)?;
            if matches!(rebalance.group.state(), GroupState::Stable | GroupState::PreparingRebalance) {
                rebalance.renew_session(member_id);
            }
            Ok(())
        });
        match checked {
            Some(checked) => checked,
            None if generation < 0 => Ok(()),
            None if api_version >= 9 => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// Checks that offsets may be committed in a transaction (KIP-447).
    ///
    /// # Errors
    /// In Kafka's order: `ILLEGAL_GENERATION` where there is no such group, `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`,
    /// `ILLEGAL_GENERATION`.
    ///
    /// Source: `OffsetMetadataManager.validateTransactionalOffsetCommit`.
    pub(crate) fn check_txn_offset_commit(
        &self,
        group: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        let is_anonymous = generation < 0 && member_id.is_empty() && instance_id.is_none();
        if let Some(consumers) = self.consumers.get(group).filter(|_| !is_anonymous) {
            // No version of this request is too old for members of the newer protocol.
            let checked = consumers.check_offset_commit(member_id, generation, i16::MAX);
            return checked.map_err(|code| match code {
                ErrorCode::STALE_MEMBER_EPOCH => ErrorCode::ILLEGAL_GENERATION,
                code => code,
            });
        }
        match self.groups.get(group) {
            Some(group) => group.check_txn_offset_commit(member_id, instance_id, generation),
            None if generation < 0 => Ok(()),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// Checks that offsets of a group may be read by a member of it, or by somebody who is none.
    ///
    /// # Errors
    /// Those of [`ConsumerGroup`]; classic groups let everybody.
    pub(crate) fn check_offset_fetch(&self, group: &str, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        self.consumers.get(group).map_or(Ok(()), |group| group.check_offset_fetch(member_id, epoch))
    }

    /// A classic group, if there is one.
    pub(crate) fn group(&self, id: &str) -> Option<&ClassicGroup> {
        self.groups.get(id)
    }

    /// All classic groups, by id.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &ClassicGroup)> {
        self.groups.iter().map(|(id, group)| (id.as_str(), group))
    }

    /// A committed offset.
    pub(crate) fn offset(
        &self,
        group: &str,
        topic: &str,
        topic_id: Uuid,
        partition: PartitionIndex,
    ) -> Option<&OffsetAndMetadata> {
        self.offsets.get(group, topic, topic_id, partition)
    }

    /// All committed offsets of a group, by topic and partition.
    pub(crate) fn offsets_of(&self, group: &str) -> impl Iterator<Item = (&str, PartitionIndex, &OffsetAndMetadata)> {
        self.offsets.of_group(group)
    }

    /// The records that delete a group and its offsets.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub(crate) fn delete_group(&self, id: &str) -> Result<Vec<CoordinatorRecord>, ErrorCode> {
        let consumers = self.consumers.get(id);
        let state = consumers.map(ConsumerGroup::state).or_else(|| self.groups.get(id).map(ClassicGroup::state));
        if state.ok_or(ErrorCode::GROUP_ID_NOT_FOUND)? != GroupState::Empty {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let offsets = self.offsets.of_group(id).map(|(topic, partition, _)| forget(id, topic, partition));
        let mut records: Vec<CoordinatorRecord> = offsets.collect();
        records.extend(self.tombstones(id));
        Ok(records)
    }

    /// Checks that offsets of a group may be deleted.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP` for groups that are no consumers.
    pub(crate) fn check_offset_delete(&self, id: &str) -> Result<(), ErrorCode> {
        if self.consumers.contains_key(id) {
            return Ok(());
        }
        let group = self.groups.get(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let may = group.state() == GroupState::Empty || group.is_consumer();
        if may { Ok(()) } else { Err(ErrorCode::NON_EMPTY_GROUP) }
    }

    /// The record that deletes an offset, if there is one.
    ///
    /// # Errors
    /// `GROUP_SUBSCRIBED_TO_TOPIC`.
    pub(crate) fn delete_offset(
        &self,
        id: &str,
        topic: &str,
        partition: PartitionIndex,
    ) -> Result<Option<CoordinatorRecord>, ErrorCode> {
        let consumers = self.consumers.get(id);
        if consumers.is_some_and(|group| group.is_subscribed_to(topic))
            || self.groups.get(id).is_some_and(|group| group.is_subscribed_to(topic))
        {
            return Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
        }
        let found = self.offsets.get(id, topic, Uuid::ZERO, partition);
        Ok(found.map(|_| forget(id, topic, partition)))
    }

    /// The records that forget the offsets of a topic which is gone.
    pub(crate) fn forget_topic(&self, topic: &str) -> Vec<CoordinatorRecord> {
        let offsets = self.offsets.of_topic(topic).into_iter();
        offsets.map(|(group, partition)| forget(&group, topic, partition)).collect()
    }

    /// The records that delete expired offsets, and groups that have nothing left.
    ///
    /// Source: KIP-211; `OffsetMetadataManager.cleanupExpiredOffsets`.
    pub(crate) fn expired(&self, at: &Moment<'_>) -> Vec<CoordinatorRecord> {
        let retention_ms = i64::from(at.config.offsets_retention_minutes) * 60_000;
        let now = at.timestamp.0;
        let mut records = Vec::new();
        for (id, group) in &self.groups {
            let is_simple = group.protocol_type().is_empty();
            let is_empty = group.state() == GroupState::Empty;
            let reads = group.is_consumer() && group.state() == GroupState::Stable && group.subscribed_topics.is_some();
            let mut all = true;
            for (topic, partition, offset) in self.offsets.of_group(id) {
                // While somebody is in a group, only what it has stopped reading can expire.
                let since = match group.state_since {
                    Timestamp(since) if is_empty && !is_simple && since != -1 => since,
                    _ => offset.commit_timestamp.0,
                };
                let is_due = match offset.expire_timestamp {
                    Timestamp::NONE => now.saturating_sub(since) >= retention_ms,
                    Timestamp(at) => now >= at,
                };
                let may = (is_simple || is_empty || reads) && (is_empty || !group.is_subscribed_to(topic));
                if may && is_due && !self.offsets.is_unstable(id, topic, partition) {
                    records.push(forget(id, topic, partition));
                } else {
                    all = false;
                }
            }
            if all && is_empty && !self.offsets.has_unstable(id) {
                records.push(CoordinatorRecord::Group { group: id.clone(), value: None });
            }
        }
        for (id, group) in &self.consumers {
            let mut all = true;
            for (topic, partition, offset) in self.offsets.of_group(id) {
                let is_due = match offset.expire_timestamp {
                    Timestamp::NONE => now.saturating_sub(offset.commit_timestamp.0) >= retention_ms,
                    Timestamp(at) => now >= at,
                };
                if is_due && !group.is_subscribed_to(topic) {
                    records.push(forget(id, topic, partition));
                } else {
                    all = false;
                }
            }
            if all && group.is_empty() {
                records.extend(self.tombstones(id));
            }
        }
        records
    }
}

fn forget(group: &str, topic: &str, partition: PartitionIndex) -> CoordinatorRecord {
    CoordinatorRecord::Offset { group: group.to_owned(), topic: topic.to_owned(), partition, value: None }
}

#[cfg(test)]
mod tests {
    use super::super::group::ConsumerRecord;
    use super::*;
    use crate::wire::messages::group_records::OffsetCommitValue;

    /// A member of a consumer group committed in a transaction, and from then on there was an empty classic group of
    /// the same name before it: it hid the consumer group from the journal, and its offsets could expire.
    #[test]
    fn a_consumer_group_stays_the_only_one_of_its_name_when_it_commits_in_a_transaction() {
        let mut coordinator = GroupCoordinator::default();
        let record = ConsumerRecord::Epoch(Some(Default::default()));
        coordinator.replay(&CoordinatorRecord::Consumer { group: "g".to_owned(), record });
        let (group, topic, partition) = ("g".to_owned(), "t".to_owned(), PartitionIndex(0));
        let offset = CoordinatorRecord::Offset { group, topic, partition, value: Some(OffsetCommitValue::default()) };
        coordinator.replay_in_transaction(ProducerId(7), &offset);
        assert!(coordinator.is_unstable("g", "t", PartitionIndex(0)));
        assert!(coordinator.group("g").is_none() && coordinator.consumer_group("g").is_some());
    }

    /// As Java's `"...".hashCode()` says.
    #[test]
    fn a_group_lives_where_java_would_put_it() {
        let check = |group: &str, partitions: usize, expected: i32| {
            assert_eq!(partition_of(group, partitions), PartitionIndex(expected), "{group}");
        };
        check("", 50, 0);
        check("a", 50, 97 % 50);
        check("hello", 50, 99_162_322 % 50);
        // Its hash is -2147483648, of which Kafka makes 0.
        check("polygenelubricants", 50, 0);
        check("\u{e9}", 50, 233 % 50);
        check("hello", 1, 0);
    }
}
