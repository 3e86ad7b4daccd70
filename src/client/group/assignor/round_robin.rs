//! `roundrobin`: partitions are dealt like cards.
//!
//! Not here: stickiness. Source: `org.apache.kafka.clients.consumer.RoundRobinAssignor`.

use super::Assignments;
use super::Assignor;
use super::GroupMember;
use super::nothing;
use super::partitions;
use super::subscribed;
use crate::client::metadata::Metadata;

/// Deals the partitions of all topics to members in turn; who does not subscribe to a topic is passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobinAssignor;

impl Assignor for RoundRobinAssignor {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(&self, members: &[GroupMember], metadata: &Metadata) -> Assignments {
        let mut assignments = nothing(members);
        let mut turn = 0;
        for topic in subscribed(members) {
            for partition in partitions(metadata, topic) {
                // Somebody subscribes to it, or it would not be looked at.
                while !members[turn].topics.contains(topic) {
                    turn = (turn + 1) % members.len();
                }
                if let Some(assigned) = assignments.get_mut(&members[turn].member_id) {
                    assigned.push(partition);
                }
                turn = (turn + 1) % members.len();
            }
        }
        assignments
    }
}
