//! Groups as plain values in a fixed order, and committing for them without a client.
//!
//! Not here: what members may do; that is asked through the protocol.

use super::effects::offset_record;
use super::engine::Engine;
use super::state::State;
use super::topics::Refusal;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::coordinator::ClassicGroup;
use crate::coordinator::ConsumerGroup;
use crate::coordinator::ConsumerMember;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::GroupState;
use crate::coordinator::Member;
use crate::coordinator::of_consumer;
use crate::journal::Event;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use std::fmt;

/// A group as its coordinator sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GroupSnapshot {
    /// The group's id.
    pub group_id: String,
    /// Where it stands.
    pub state: GroupState,
    /// How many rebalances it has completed; of a group of KIP-848, its epoch.
    pub generation: i32,
    /// `consumer` for consumers; empty for a group that only commits.
    pub protocol_type: String,
    /// What was agreed on: for consumers, an assignor.
    pub protocol: Option<String>,
    /// The member that assigns.
    pub leader: Option<String>,
    /// The members, in the order in which they joined; of a group of KIP-848, by id.
    pub members: Vec<GroupMemberSnapshot>,
    /// What was committed, by topic and partition.
    pub offsets: Vec<CommittedOffset>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GroupMemberSnapshot {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// The name of a static member (`group.instance.id`).
    pub group_instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka writes it: `/127.0.0.1`.
    pub client_host: String,
    /// The topics that it wants to read, if it is a consumer; in KIP-848 also a regular expression for more of them.
    pub subscription: Vec<String>,
    /// What it was given, by topic and partition, if it is a consumer.
    pub assignment: Vec<(String, PartitionIndex)>,
}

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CommittedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read; -1 when that was not said.
    pub leader_epoch: LeaderEpoch,
    /// What the consumer wanted to keep beside it.
    pub metadata: String,
    /// How many records there are from the offset on; `None` when there is no such partition any more.
    pub lag: Option<i64>,
}

/// One line for the group, then one per member and per committed offset, for messages of failed tests.
impl fmt::Display for GroupSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.members.len();
        writeln!(f, "group {}: {}, generation {}, {count} members", self.group_id, self.state, self.generation)?;
        for member in &self.members {
            let assignment = member.assignment.iter().map(|(topic, partition)| format!("{topic}-{partition}"));
            let assignment: Vec<String> = assignment.collect();
            writeln!(
                f,
                "  {} from {}: subscribed to [{}], has [{}]",
                member.member_id,
                member.client_host,
                member.subscription.join(", "),
                assignment.join(", ")
            )?;
        }
        for row in &self.offsets {
            let lag = row.lag.map_or_else(|| "no such partition".to_owned(), |lag| format!("lag {lag}"));
            writeln!(f, "  {}-{}: committed {}, {lag}", row.topic, row.partition, row.offset)?;
        }
        Ok(())
    }
}

impl Engine {
    /// A group, if there is one.
    pub fn group_snapshot(&self, group: &str) -> Option<GroupSnapshot> {
        let coordinator = self.state.coordinator_of(group)?;
        let classic = coordinator.group(group).map(|found| snapshot_of(&self.state, coordinator, group, found));
        classic.or_else(|| Some(consumer_snapshot(&self.state, coordinator, group, coordinator.consumer_group(group)?)))
    }

    /// How many records of a topic a group has not read: those behind what it committed, or all of a partition for
    /// which it committed nothing.
    pub fn group_lag(&self, group: &str, topic: &str) -> i64 {
        let Some(topic) = self.topic_snapshot(topic) else { return 0 };
        let id = self.state.topics.get(topic.name.as_str()).map(|topic| topic.id).unwrap_or_default();
        let coordinator = self.state.coordinator_of(group);
        let lags = topic.partitions.iter().map(|partition| {
            let committed =
                coordinator.and_then(|found| found.offset(group, topic.name.as_str(), id, partition.partition));
            let from = committed.map_or(partition.log_start_offset, |committed| committed.offset);
            (partition.high_watermark.0 - from.0).max(0)
        });
        lags.sum()
    }

    /// Commits offsets for a group that nobody is in, which need not exist yet; all or none.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such partition, or somebody is in the group.
    pub fn commit_offsets(
        &mut self,
        now: Instant,
        group: &str,
        offsets: &[(String, PartitionIndex, Offset)],
    ) -> Result<(), Refusal> {
        self.journal.record(now, Event::Command(format!("commit {} offsets for {group}", offsets.len()).into()));
        let refuse = |code: ErrorCode, message: String| Err(Refusal::new(code, message));
        let mut records = Vec::with_capacity(offsets.len());
        for (topic, partition, offset) in offsets {
            let found = self.state.topics.get(topic).map(|topic| topic.id);
            let Some(id) = found.filter(|id| self.state.find_partition(*id, *partition).is_some()) else {
                let message = format!("there is no partition {topic}-{partition}");
                return refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
            };
            records.push(offset_record(self.state.timestamp(now), group, topic, id, *partition, *offset));
        }
        let written = self.state.start_group_coordinator(now, group).and_then(|coordinator| {
            let consumers = coordinator.consumer_group(group).map(ConsumerGroup::state);
            match coordinator.group(group).map(ClassicGroup::state).or(consumers) {
                // What Kafka tells an administrator.
                Some(state) if state != GroupState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                _ => Ok(()),
            }
        });
        let written = written.and_then(|()| self.state.write_group_records(now, group, &records));
        self.wake_touched(now);
        written.or_else(|code| match code {
            ErrorCode::UNKNOWN_MEMBER_ID => refuse(code, format!("the group {group} is not empty")),
            code => refuse(code, format!("the coordinator of {group} cannot write")),
        })
    }

    /// The groups that are neither empty nor stable, each with its state.
    pub fn unsettled_groups(&self) -> Vec<(String, GroupState)> {
        let all = self.state.coordinators().flat_map(|coordinator| {
            let classic = coordinator.groups().map(|(id, group)| (id.to_owned(), group.state()));
            classic.chain(coordinator.consumer_groups().map(|(id, group)| (id.to_owned(), group.state())))
        });
        all.filter(|(_, state)| !matches!(state, GroupState::Empty | GroupState::Stable)).collect()
    }

    pub(super) fn group_snapshots(&self) -> Vec<GroupSnapshot> {
        let all = self.state.coordinators().flat_map(|coordinator| {
            let classic = coordinator.groups().map(|(id, group)| snapshot_of(&self.state, coordinator, id, group));
            let consumers = coordinator.consumer_groups();
            classic.chain(consumers.map(|(id, group)| consumer_snapshot(&self.state, coordinator, id, group)))
        });
        let mut all: Vec<GroupSnapshot> = all.collect();
        all.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        all
    }
}

fn snapshot_of(state: &State, coordinator: &GroupCoordinator, id: &str, group: &ClassicGroup) -> GroupSnapshot {
    let protocol = group.protocol_name().unwrap_or_default();
    GroupSnapshot {
        group_id: id.to_owned(),
        state: group.state(),
        generation: group.generation(),
        protocol_type: group.protocol_type().to_owned(),
        protocol: group.protocol_name().map(str::to_owned),
        leader: group.leader().map(str::to_owned),
        members: group.members().map(|(id, member)| member_of(id, member, protocol)).collect(),
        offsets: offsets_of(state, coordinator, id),
    }
}

/// A group of KIP-848, whose epoch is its generation.
fn consumer_snapshot(state: &State, coordinator: &GroupCoordinator, id: &str, group: &ConsumerGroup) -> GroupSnapshot {
    let config = state.broker_config(state.brokers.controller());
    GroupSnapshot {
        group_id: id.to_owned(),
        state: group.state(),
        generation: group.epoch(),
        protocol_type: "consumer".to_owned(),
        protocol: Some(GroupCoordinator::assignor_of(group, config).name().to_owned()),
        leader: None,
        members: group.members().map(|member| consumer_of(state, member)).collect(),
        offsets: offsets_of(state, coordinator, id),
    }
}

fn consumer_of(state: &State, member: &ConsumerMember) -> GroupMemberSnapshot {
    let assigned = member.assigned.iter().filter_map(|(topic, indexes)| {
        let name = state.topics.by_id(*topic)?.name.to_string();
        Some(indexes.iter().map(move |index| (name.clone(), *index)))
    });
    let mut assignment: Vec<(String, PartitionIndex)> = assigned.flatten().collect();
    assignment.sort();
    let regex = Some(&*member.regex).filter(|regex| !regex.is_empty());
    GroupMemberSnapshot {
        member_id: member.id.to_string(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client.client_id.to_string(),
        client_host: member.client.host.to_string(),
        subscription: member.topics.iter().map(|name| &**name).chain(regex).map(str::to_owned).collect(),
        assignment,
    }
}

fn offsets_of(state: &State, coordinator: &GroupCoordinator, id: &str) -> Vec<CommittedOffset> {
    let offsets = coordinator.offsets_of(id).map(|(topic, partition, committed)| {
        let log = state.topics.get(topic).and_then(|topic| state.find_partition(topic.id, partition));
        CommittedOffset {
            topic: topic.to_owned(),
            partition,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            lag: log.map(|log| log.high_watermark().0.saturating_sub(committed.offset.0).max(0)),
        }
    });
    offsets.collect()
}

fn member_of(id: &str, member: &Member, protocol: &str) -> GroupMemberSnapshot {
    let subscription = of_consumer::<ConsumerProtocolSubscription>(&member.metadata(protocol));
    let assignment = of_consumer::<ConsumerProtocolAssignment>(&member.assignment);
    let assigned = assignment.into_iter().flat_map(|assignment| assignment.assigned_partitions);
    let assigned = assigned.flat_map(|topic| {
        let name = topic.topic.to_string();
        topic.partitions.into_iter().map(move |partition| (name.clone(), PartitionIndex(partition)))
    });
    let mut assignment: Vec<(String, PartitionIndex)> = assigned.collect();
    assignment.sort();
    GroupMemberSnapshot {
        member_id: id.to_owned(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client.client_id.to_string(),
        client_host: member.client.host.to_string(),
        subscription: subscription.map_or_else(Vec::new, |s| s.topics.iter().map(ToString::to_string).collect()),
        assignment,
    }
}
