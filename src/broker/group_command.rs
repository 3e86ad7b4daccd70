//! What a test does to groups and their coordinators without a client.
//!
//! Not here: what becomes of a group then; it goes on as after the same event in a real cluster.

use super::engine::Engine;
use super::group_snapshot::GroupMemberSnapshot;
use super::leadership::Choice;
use super::topics::Refusal;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::GroupAction;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Decision;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::Moment;
use std::time::Duration;

impl Engine {
    /// The broker that coordinates a group; `None` while there is none.
    pub fn coordinator_of(&self, group: &str) -> Option<BrokerId> {
        let (topic, partition) = self.state.group_partition(group)?;
        let leader = self.state.find_partition(topic, partition)?.leader();
        (leader != BrokerId::NONE).then_some(leader)
    }

    /// Sets how long a broker that becomes a coordinator reads its log, if there is anything to read. Until then it
    /// answers `COORDINATOR_LOAD_IN_PROGRESS`. No time at all unless told otherwise.
    pub fn set_coordinator_load_time(&mut self, now: Instant, ms: u32) {
        self.note(now, || Command::<BrokerId>::CoordinatorLoadTime { ms }.to_string());
        self.state.coordinator_load_time = Duration::from_millis(ms.into());
    }

    /// Does something to a group or its coordinator.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such group or member, or nobody to coordinate it: see [`GroupAction`].
    pub fn act_on_group(&mut self, now: Instant, group: &str, action: &GroupAction) -> Result<(), Refusal> {
        self.note(now, || format!("group {group}: {action}"));
        let done = match action {
            GroupAction::Rebalance => self.steer(now, group, |coordinator, at| coordinator.rebalance(at, group)),
            GroupAction::ExpireMember { member } => {
                let id = self.find_member(group, member);
                self.steer(now, group, |coordinator, at| coordinator.expire_member(at, group, &id))
            }
            GroupAction::ExpireAny { n } => {
                let id = self.any_member(group, *n);
                self.steer(now, group, |coordinator, at| coordinator.expire_member(at, group, &id))
            }
            GroupAction::ExpireOffsets => self.steer(now, group, |coordinator, _| expire_offsets(coordinator, group)),
            GroupAction::MoveCoordinator { broker } => self.move_coordinator(now, group, *broker),
            GroupAction::UnloadCoordinator => self.offsets_partition(group).map(|(topic, partition)| {
                self.state.unseat::<GroupCoordinator>(now, partition);
                self.state.seat::<GroupCoordinator>(now, topic, partition);
            }),
        };
        self.wake_touched(now);
        done
    }

    fn move_coordinator(&mut self, now: Instant, group: &str, to: BrokerId) -> Result<(), Refusal> {
        let (topic, partition) = self.offsets_partition(group)?;
        let log = self.state.find_partition(topic, partition);
        let isr = log.map(|log| log.isr().to_vec()).unwrap_or_default();
        if !isr.contains(&to) {
            let message = format!("broker {to} has no replica in sync of __consumer_offsets-{partition}, only {isr:?}");
            return Err(Refusal::new(ErrorCode::REPLICA_NOT_AVAILABLE, message));
        }
        if log.is_none_or(|log| log.leader() == to) {
            return Ok(());
        }
        self.state.set_leader(now, (topic, partition), Choice { leader: to, is_clean: true }, &isr);
        Ok(())
    }

    /// The id of the member that is named by its id, its instance id or its client id.
    fn find_member(&self, group: &str, name: &str) -> String {
        let members = self.group_snapshot(group).map(|group| group.members).unwrap_or_default();
        let by_id = |member: &&GroupMemberSnapshot| member.group_instance_id.as_deref() == Some(name);
        let mut named = members.iter().filter(|member| member.client_id == name);
        let found = members.iter().find(by_id).or_else(|| named.next().filter(|_| named.next().is_none()));
        found.map_or(name, |member| &member.member_id).to_owned()
    }

    /// The id of the n-th member, counted round; of a group without members, one that nobody has.
    fn any_member(&self, group: &str, n: u32) -> String {
        let mut members = self.group_snapshot(group).map(|group| group.members).unwrap_or_default();
        match (usize::try_from(n).unwrap_or(0)).checked_rem(members.len()) {
            Some(at) => members.swap_remove(at).member_id,
            None => String::new(),
        }
    }

    /// Where the state of a group is kept; makes the offsets topic if there is none yet.
    fn offsets_partition(&mut self, group: &str) -> Result<(Uuid, PartitionIndex), Refusal> {
        let found = self.state.find_group_coordinator(group).map(|_| self.state.group_partition(group));
        found.ok().flatten().ok_or_else(|| {
            let message = format!("nobody can coordinate group {group}");
            Refusal::new(ErrorCode::COORDINATOR_NOT_AVAILABLE, message)
        })
    }

    /// Has the coordinator of a group decide, and does what it decides.
    fn steer(
        &mut self,
        now: Instant,
        group: &str,
        decide: impl FnOnce(&mut GroupCoordinator, &Moment<'_>) -> Result<Decision, ErrorCode>,
    ) -> Result<(), Refusal> {
        let broker = self.coordinator_of(group).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        let found = broker.and_then(|broker| self.state.coordinator::<GroupCoordinator>(now, broker, group));
        let decided = found.and_then(|(coordinator, at)| decide(coordinator, &at));
        let decided = decided.map(|decision| self.state.carry_out(now, group, decision));
        decided.map_err(|code| {
            let message = match code {
                ErrorCode::GROUP_ID_NOT_FOUND => format!("there is no group {group}"),
                ErrorCode::UNKNOWN_MEMBER_ID => {
                    let members = self.group_snapshot(group).map(|group| group.members).unwrap_or_default();
                    let names = members.iter().map(|member| format!("{} ({})", member.member_id, member.client_id));
                    let names: Vec<String> = names.collect();
                    format!("there is no such member in group {group}; its members are [{}]", names.join(", "))
                }
                _ => format!("nobody can coordinate group {group} now"),
            };
            Refusal::new(code, message)
        })
    }
}

/// The records that let go of what may expire.
fn expire_offsets(coordinator: &GroupCoordinator, group: &str) -> Result<Decision, ErrorCode> {
    let records = match coordinator.delete_group(group) {
        Err(ErrorCode::NON_EMPTY_GROUP) => {
            let all = coordinator.offsets_of(group);
            // What is read stays.
            let expired = all
                .filter_map(|(topic, partition, _)| coordinator.delete_offset(group, topic, partition).ok().flatten());
            expired.collect::<Vec<CoordinatorRecord>>()
        }
        result => result?,
    };
    Ok(Decision { records, ..Decision::default() })
}
