//! `range`: of each topic every member gets a run of neighbouring partitions.
//!
//! Not here: stickiness. Source: `org.apache.kafka.clients.consumer.RangeAssignor`.
//! Differs: racks are not looked at (KIP-881).

use super::Assignments;
use super::Assignor;
use super::GroupMember;
use super::nothing;
use super::partitions;
use super::subscribed;
use crate::client::TopicPartition;
use crate::client::metadata::Metadata;

/// Cuts the partitions of each topic into runs of equal length, the first ones longer by one if need be.
///
/// Topics with the same number of partitions and the same subscribers are cut alike, so what belongs together by key
/// comes to the same member.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeAssignor;

impl Assignor for RangeAssignor {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments {
        let mut assignments = nothing(members);
        for topic in subscribed(members) {
            let mut partitions = partitions(metadata, topic).collect::<Vec<TopicPartition>>().into_iter();
            let takers: Vec<_> = members.iter().filter(|member| member.topics.contains(topic)).collect();
            let (each, more) = (partitions.len() / takers.len(), partitions.len() % takers.len());
            for (at, member) in takers.into_iter().enumerate() {
                let run = partitions.by_ref().take(each + usize::from(at < more));
                if let Some(assigned) = assignments.get_mut(&member.member_id) {
                    assigned.extend(run);
                }
            }
        }
        assignments
    }
}
