//! One step of a member from what it has towards what it should have: first it gives up, then it gets.
//!
//! ```text
//!              target differs, something to give up
//!   Stable ---------------------------------------------> UnrevokedPartitions
//!     ^  \                                                   | it owns that no more
//!     |   \ nothing to give up, but others still own some    v
//!     |    `-----------------------------------> UnreleasedPartitions
//!     `------- others have let go -----------------'
//! ```
//!
//! Not here: when a step is taken; that is with each heartbeat.
//! Source: KIP-848, `CurrentAssignmentBuilder` of Apache Kafka.

use super::member::ConsumerMember;
use super::member::MemberState;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::Refused;
use crate::coordinator::group::assignor::Partitions;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a step of a member depends on.
pub(super) struct Step<'a> {
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// Whether what it reads has just changed.
    pub(super) resubscribed: bool,
    /// The topics that it reads.
    pub(super) topics: &'a BTreeSet<Uuid>,
    /// What it says that it owns; `None` when it does not say.
    pub(super) owned: Option<&'a Partitions>,
    /// Whether a partition has an owner.
    pub(super) is_owned: &'a dyn Fn(Uuid, PartitionIndex) -> bool,
}

impl Step<'_> {
    /// The member after the step.
    ///
    /// # Errors
    /// `FENCED_MEMBER_EPOCH` when nobody knows where it stands.
    pub(super) fn take(&self, member: &ConsumerMember) -> Result<ConsumerMember, Refused> {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => Ok(self.next(member, member.epoch)),
            MemberState::Stable if self.resubscribed => Ok(self.unsubscribe(member)),
            MemberState::Stable => Ok(member.clone()),
            MemberState::UnrevokedPartitions if self.still_owns(&member.revoking) => {
                Ok(if self.resubscribed { self.unsubscribe(member) } else { member.clone() })
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => Ok(self.next(member, member.epoch)),
            MemberState::Unknown if self.owned.is_some_and(Partitions::is_empty) => {
                Ok(self.next(member, self.target_epoch))
            }
            MemberState::Unknown => Err(Refused::new(
                ErrorCode::FENCED_MEMBER_EPOCH,
                "The state of the member is unknown: it has to give up its partitions and join again.",
            )),
        }
    }

    /// Whether the member may still read some of these; if it does not say, it may.
    fn still_owns(&self, partitions: &Partitions) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, owned)| partitions.get(topic).is_some_and(|given_up| !given_up.is_disjoint(owned)))
    }

    /// Takes away at once what the member reads no more, within its epoch.
    fn unsubscribe(&self, member: &ConsumerMember) -> ConsumerMember {
        if member.assigned.keys().all(|topic| self.topics.contains(topic)) {
            return member.clone();
        }
        let (kept, lost) =
            Partitions::clone(&member.assigned).into_iter().partition(|(id, _)| self.topics.contains(id));
        let (kept, lost): (Partitions, Partitions) = (kept, lost);
        let mut revoking = Partitions::clone(&member.revoking);
        for (topic, indexes) in lost {
            revoking.entry(topic).or_default().extend(indexes);
        }
        let mut next = ConsumerMember { assigned: Arc::new(kept), ..member.clone() };
        if self.still_owns(&revoking) {
            next.state = MemberState::UnrevokedPartitions;
            next.revoking = Arc::new(revoking);
        }
        next
    }

    /// Compares what the member has with its target.
    fn next(&self, member: &ConsumerMember, epoch: i32) -> ConsumerMember {
        let nothing = BTreeSet::new();
        let (mut kept, mut lost, mut gained) = (Partitions::new(), Partitions::new(), Partitions::new());
        let mut waits = false;
        let topics: BTreeSet<Uuid> = self.target.keys().chain(member.assigned.keys()).copied().collect();
        for topic in topics {
            let target = self.target.get(&topic).filter(|_| self.topics.contains(&topic)).unwrap_or(&nothing);
            let has = member.assigned.get(&topic).unwrap_or(&nothing);
            let revoking = member.revoking.get(&topic).unwrap_or(&nothing);
            insert(&mut kept, topic, has.intersection(target));
            insert(&mut lost, topic, has.difference(target));
            let free = |index: &&PartitionIndex| revoking.contains(index) || !(self.is_owned)(topic, **index);
            waits |= !target.difference(has).all(|index| free(&index));
            insert(&mut gained, topic, target.difference(has).filter(free));
        }
        let mut next = member.clone();
        if !lost.is_empty() && self.still_owns(&lost) {
            next.state = MemberState::UnrevokedPartitions;
            next.move_to(epoch);
            next.assigned = Arc::new(kept);
            next.revoking = Arc::new(lost);
            return next;
        }
        for (topic, indexes) in gained {
            kept.entry(topic).or_default().extend(indexes);
        }
        next.state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        next.move_to(self.target_epoch);
        next.assigned = Arc::new(kept);
        next.revoking = Arc::default();
        next
    }
}

/// Adds what there is; a topic without partitions is not mentioned.
fn insert<'a>(partitions: &mut Partitions, topic: Uuid, indexes: impl Iterator<Item = &'a PartitionIndex>) {
    let indexes: BTreeSet<PartitionIndex> = indexes.copied().collect();
    if !indexes.is_empty() {
        partitions.insert(topic, indexes);
    }
}
