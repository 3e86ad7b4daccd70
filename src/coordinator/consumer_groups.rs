//! The part of a coordinator that has to do with consumer groups (KIP-848): which group a request is for, what becomes
//! of it, and what is done once its records are in the log.
//!
//! Not here: the rules of a group; those are in `group::consumer`.

use super::CoordinatorRecord;
use super::Decision;
use super::Moment;
use super::Refused;
use super::Then;
use super::group::Assignor;
use super::group::ClassicJoined;
use super::group::ConsumerGroup;
use super::group::ConsumerRecord;
use super::group::Consumers;
use super::group::Downgraded;
use super::group::GroupState;
use super::group::Heartbeat;
use super::group::Joining;
use super::group::Rebalance;
use super::group::default_assignor;
use super::group::refused_join;
use super::group::upgrade;
use super::group_coordinator::Deadline;
use super::group_coordinator::GroupCoordinator;
use crate::base::ErrorCode;
use crate::config::BrokerConfig;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use std::sync::Arc;

impl GroupCoordinator {
    /// Takes in a record of a consumer group.
    pub(super) fn replay_consumer(&mut self, id: &str, record: &ConsumerRecord) {
        if matches!(record, ConsumerRecord::Epoch(None)) {
            self.consumers.remove(id);
            return;
        }
        let is_tombstone = matches!(
            record,
            ConsumerRecord::PartitionMetadata
                | ConsumerRecord::Member(_, None)
                | ConsumerRecord::TargetEpoch(None)
                | ConsumerRecord::Target(_, None)
                | ConsumerRecord::Current(_, None)
                | ConsumerRecord::Regex(_, None)
        );
        if is_tombstone {
            self.consumers.get_mut(id).into_iter().for_each(|group| group.replay(record));
            return;
        }
        // A group that only commits is what the offsets of a consumer group look like before its own records come.
        self.groups.remove(id);
        self.consumers.entry(id.to_owned()).or_insert_with(|| ConsumerGroup::new(id)).replay(record);
    }

    /// The records that end a group of either kind.
    pub(super) fn tombstones(&self, id: &str) -> Vec<CoordinatorRecord> {
        let Some(group) = self.consumers.get(id) else {
            return vec![CoordinatorRecord::Group { group: id.to_owned(), value: None }];
        };
        let records = group.tombstones().into_iter();
        records.map(|record| CoordinatorRecord::Consumer { group: id.to_owned(), record }).collect()
    }

    /// A consumer group, if there is one.
    pub(crate) fn consumer_group(&self, id: &str) -> Option<&ConsumerGroup> {
        self.consumers.get(id)
    }

    /// All consumer groups, by id.
    pub(crate) fn consumer_groups(&self) -> impl Iterator<Item = (&str, &ConsumerGroup)> {
        self.consumers.iter().map(|(id, group)| (id.as_str(), group))
    }

    /// The assignor of a consumer group.
    pub(crate) fn assignor_of(group: &ConsumerGroup, config: &BrokerConfig) -> Assignor {
        group.assignor(default_assignor(config))
    }

    /// Takes in a `ConsumerGroupHeartbeat`; the response holds if the records can be written.
    ///
    /// # Errors
    /// In Kafka's order: `GROUP_ID_NOT_FOUND` where there is no such group and the member does not join, or a classic
    /// group cannot be made one; then those of [`Consumers::heartbeat`].
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        at: &Moment<'_>,
        beat: &Heartbeat<'_>,
    ) -> Result<(Decision, ConsumerGroupHeartbeatResponse), Refused> {
        let id = &*beat.request.group_id;
        let mut decision = Decision::default();
        let joins = beat.request.member_epoch == 0;
        let made;
        let group = if let Some(group) = self.consumers.get(id) {
            group
        } else if joins {
            made = self.make_consumer_group(at, id, &mut decision)?;
            &made
        } else {
            let message = format!("There is no consumer group {id}.");
            return Err(Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, &message));
        };
        let mut consumers = Consumers::new(group, &mut self.timers, at);
        let response = consumers.heartbeat(beat)?;
        let checked = consumers.checked;
        finish(consumers, &mut decision);
        if let (Some(group), Some(checked)) = (self.consumers.get_mut(id), checked) {
            group.on_checked(checked);
        }
        Ok((decision, response))
    }

    /// A consumer group for its first member, or of a classic group.
    fn make_consumer_group(
        &mut self,
        at: &Moment<'_>,
        id: &str,
        decision: &mut Decision,
    ) -> Result<ConsumerGroup, Refused> {
        let Some(classic) = self.groups.get_mut(id) else { return Ok(ConsumerGroup::new(id)) };
        if classic.state() == GroupState::Empty {
            decision.records.push(CoordinatorRecord::Group { group: id.to_owned(), value: None });
            return Ok(ConsumerGroup::new(id));
        }
        let (group, records) = upgrade(classic, at)?;
        decision.records = records;
        // Everybody joins again, and finds another kind of group.
        Rebalance { group: classic, timers: &mut self.timers, at, decision }.unload(ErrorCode::REBALANCE_IN_PROGRESS);
        // Sessions may run out: they find nobody.
        let name: Arc<str> = id.into();
        self.timers.cancel(&Deadline::Join(Arc::clone(&name)));
        self.timers.cancel(&Deadline::Sync(name));
        let mut consumers = Consumers::new(&group, &mut self.timers, at);
        consumers.start();
        Ok(group)
    }

    /// A client of the classic protocol wants to join a consumer group; the answer comes to its ticket.
    ///
    /// Returns `None` when there is no such group with somebody in it.
    pub(super) fn join_consumer_group(&mut self, at: &Moment<'_>, joining: &Joining<'_>) -> Option<Decision> {
        let id = &*joining.request.group_id;
        let group = self.consumers.get(id).filter(|group| !group.is_empty())?;
        let mut decision = Decision::default();
        let mut consumers = Consumers::new(group, &mut self.timers, at);
        match consumers.classic_join(joining) {
            Ok(joined) => {
                let checked = consumers.checked;
                finish(consumers, &mut decision);
                decision.then = Some(Then::ClassicJoined(Box::new(joined)));
                if let (Some(group), Some(checked)) = (self.consumers.get_mut(id), checked) {
                    group.on_checked(checked);
                }
            }
            Err((member_id, refused)) => decision.refuse_join(joining.ticket, &member_id, refused.code),
        }
        Some(decision)
    }

    /// Asks a consumer group something that changes only deadlines, or leads to records.
    pub(super) fn with_consumers<T>(
        &mut self,
        id: &str,
        at: &Moment<'_>,
        decision: &mut Decision,
        act: impl FnOnce(&mut Consumers<'_>) -> T,
    ) -> Option<T> {
        let group = self.consumers.get(id)?;
        let mut consumers = Consumers::new(group, &mut self.timers, at);
        let result = act(&mut consumers);
        finish(consumers, decision);
        Some(result)
    }

    /// Goes on once the records of a member of the classic protocol are written, or could not be.
    pub(super) fn on_classic_joined(
        &mut self,
        at: &Moment<'_>,
        mut joined: ClassicJoined,
        appended: Result<(), ErrorCode>,
        decision: &mut Decision,
    ) {
        if let Err(code) = appended {
            decision.join(joined.ticket, refused_join(&joined.response.member_id, code));
            return;
        }
        decision.join(joined.ticket, std::mem::take(&mut joined.response));
        if let Some(downgraded) = joined.downgraded.take() {
            self.on_downgraded(at, downgraded, Ok(()), decision);
            return;
        }
        let group = Arc::clone(&joined.group);
        self.with_consumers(&group, at, decision, |consumers| consumers.on_classic_joined(&joined));
        if joined.resolve {
            decision.records.extend(self.resolve(at, &group));
        }
    }

    /// Puts a classic group in the place of a consumer group whose end is in the log.
    pub(super) fn on_downgraded(
        &mut self,
        at: &Moment<'_>,
        downgraded: Downgraded,
        appended: Result<(), ErrorCode>,
        decision: &mut Decision,
    ) {
        if appended.is_err() {
            return;
        }
        let id = downgraded.group.id.to_string();
        self.groups.insert(id.clone(), downgraded.group);
        self.with(&id, at, decision, |group| {
            let ids: Vec<Arc<str>> = group.group.members.keys().cloned().collect();
            for id in &ids {
                // Or they would run out in another life of the group.
                Deadline::of_consumer(&group.group.id(), id).iter().for_each(|deadline| group.timers.cancel(deadline));
                group.renew_session(id);
            }
            if downgraded.prepare {
                group.prepare();
            }
        });
    }

    /// The records that say which topics a group's regular expressions stand for now.
    pub(super) fn resolve(&self, at: &Moment<'_>, id: &str) -> Vec<CoordinatorRecord> {
        let records = self.consumers.get(id).map(|group| group.resolve_regexes(at)).unwrap_or_default();
        records.into_iter().map(|record| CoordinatorRecord::Consumer { group: id.to_owned(), record }).collect()
    }
}

/// Takes over what was decided about a group.
fn finish(consumers: Consumers<'_>, decision: &mut Decision) {
    decision.records.extend(consumers.records);
    if let Some(downgraded) = consumers.downgraded {
        decision.then = Some(Then::Downgraded(Box::new(downgraded)));
    } else if consumers.resolve {
        decision.then = Some(Then::Resolve(consumers.group.id()));
    }
}
