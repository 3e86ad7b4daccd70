//! What must hold in the cluster for a fault to fire.

use super::target::World;
use crate::base::BrokerId;
use std::fmt;

/// Something that holds in the cluster or does not.
/// ```
/// use rehearsal::fault::Condition;
/// let condition = Condition::GroupMembers { group: "shipping".into(), at_least: 2 };
/// assert_eq!(condition.to_string(), "group shipping has at least 2 members");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Condition {
    /// A broker leads a partition.
    Leader {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// The broker's id.
        broker: i32,
    },
    /// A partition has no leader.
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
    },
    /// A partition's ISR has no more replicas than this.
    Isr {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// How many replicas.
        at_most: usize,
    },
    /// A partition's high watermark has come as far as this.
    HighWatermark {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// The offset.
        at_least: i64,
    },
    /// A group is in a state.
    GroupState {
        /// The group's id.
        group: String,
        /// The state by Kafka's name.
        state: String,
    },
    /// A group has as many members as this, or more.
    GroupMembers {
        /// The group's id.
        group: String,
        /// How many members.
        at_least: usize,
    },
}

impl Condition {
    /// Whether it holds now.
    pub fn holds(&self, world: &dyn World) -> bool {
        match self {
            Self::Leader { topic, partition, broker } => world.leader(topic, *partition) == Some(BrokerId(*broker)),
            Self::NoLeader { topic, partition } => {
                !world.replicas(topic, *partition).is_empty() && world.leader(topic, *partition).is_none()
            }
            Self::Isr { topic, partition, at_most } => {
                let known = !world.replicas(topic, *partition).is_empty();
                known && world.isr(topic, *partition).len() <= *at_most
            }
            Self::HighWatermark { topic, partition, at_least } => {
                world.high_watermark(topic, *partition).is_some_and(|offset| offset >= *at_least)
            }
            Self::GroupState { group, state } => {
                world.group(group).is_some_and(|(found, _)| found.eq_ignore_ascii_case(state))
            }
            Self::GroupMembers { group, at_least } => {
                world.group(group).is_some_and(|(_, members)| members >= *at_least)
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader { topic, partition, broker } => write!(f, "broker {broker} leads {topic}-{partition}"),
            Self::NoLeader { topic, partition } => write!(f, "{topic}-{partition} has no leader"),
            Self::Isr { topic, partition, at_most } => {
                write!(f, "the ISR of {topic}-{partition} has at most {at_most} replicas")
            }
            Self::HighWatermark { topic, partition, at_least } => {
                write!(f, "the high watermark of {topic}-{partition} is at least {at_least}")
            }
            Self::GroupState { group, state } => write!(f, "group {group} is {state}"),
            Self::GroupMembers { group, at_least } => write!(f, "group {group} has at least {at_least} members"),
        }
    }
}
