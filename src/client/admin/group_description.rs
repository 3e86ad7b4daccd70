//! A group as its coordinator describes it, of either protocol.
//!
//! Not here: asking for it (`groups`).

use super::super::TopicPartition;
use crate::base::BrokerId;
use crate::wire::codec::Decoder;
use crate::wire::codec::Message;
use crate::wire::messages::consumer_group_describe;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::describe_groups;
use bytes::Bytes;
use std::fmt;

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$word:meta])* $name:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $($(#[$word])* $name,)*
            /// A broker that is newer than this client has named another one, or an older one named none.
            Unknown,
        }

        impl $kind {
            /// Kafka's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Unknown => "Unknown",
                }
            }

            pub(super) fn of(name: &str) -> Self {
                [$(Self::$name),*].into_iter().find(|one| one.name().eq_ignore_ascii_case(name)).unwrap_or(Self::Unknown)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// Where a group stands.
    GroupState {
        /// Nobody is in it; there may be committed offsets.
        Empty,
        /// Classic: it waits for its members to join.
        PreparingRebalance,
        /// Classic: it waits for its leader's assignment.
        CompletingRebalance,
        /// Each member knows what is its own.
        Stable,
        /// It does not exist.
        Dead,
        /// KIP-848: the coordinator computes a new assignment.
        Assigning,
        /// KIP-848: members are on their way to the new assignment.
        Reconciling,
        /// Streams: its topology is not complete.
        NotReady,
    }
}

named! {
    /// By which protocol the members of a group join.
    GroupType {
        /// JoinGroup and SyncGroup; also groups that only commit.
        Classic,
        /// KIP-848.
        Consumer,
        /// KIP-932.
        Share,
        /// KIP-1071.
        Streams,
    }
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group's id.
    pub group_id: String,
    /// By which protocol its members join.
    pub group_type: GroupType,
    /// Where it stands.
    pub state: GroupState,
    /// `consumer` for consumers; empty for a group that only commits.
    pub protocol_type: String,
    /// The assignor, or whatever else members agreed on; empty when nothing is agreed on.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// The epoch of a group of KIP-848, and the one of its assignment.
    pub epochs: Option<(i32, i32)>,
    /// The members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// The id that the coordinator knows it by.
    pub member_id: String,
    /// The name of a static member (`group.instance.id`).
    pub group_instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka writes it: `/127.0.0.1`.
    pub host: String,
    /// The topics that it wants to read, if the broker tells and it is a consumer.
    pub subscription: Vec<String>,
    /// The pattern of topics that it wants to read, if it has one.
    pub subscription_pattern: Option<String>,
    /// What it has, if it is a consumer.
    pub assignment: Vec<TopicPartition>,
    /// What a member of KIP-848 will have.
    pub target_assignment: Option<Vec<TopicPartition>>,
    /// The epoch of a member of KIP-848.
    pub member_epoch: Option<i32>,
}

impl GroupDescription {
    pub(super) fn of_classic(coordinator: BrokerId, row: &describe_groups::DescribedGroup) -> Self {
        let member = |row: &describe_groups::DescribedGroupMember| {
            let subscription = of_consumer::<ConsumerProtocolSubscription>(&row.member_metadata);
            let assignment = of_consumer::<ConsumerProtocolAssignment>(&row.member_assignment);
            let topics = assignment.iter().flat_map(|assignment| &assignment.assigned_partitions);
            MemberDescription {
                member_id: row.member_id.to_string(),
                group_instance_id: row.group_instance_id.as_ref().map(ToString::to_string),
                client_id: row.client_id.to_string(),
                host: row.client_host.to_string(),
                subscription: subscription
                    .map_or_else(Vec::new, |s| s.topics.iter().map(ToString::to_string).collect()),
                subscription_pattern: None,
                assignment: partitions(topics.map(|topic| (&*topic.topic, &topic.partitions[..]))),
                target_assignment: None,
                member_epoch: None,
            }
        };
        Self {
            group_id: row.group_id.to_string(),
            group_type: GroupType::Classic,
            state: GroupState::of(&row.group_state),
            protocol_type: row.protocol_type.to_string(),
            assignor: row.protocol_data.to_string(),
            coordinator,
            epochs: None,
            members: row.members.iter().map(member).collect(),
        }
    }

    pub(super) fn of_consumer(coordinator: BrokerId, row: &consumer_group_describe::DescribedGroup) -> Self {
        let assigned = |assignment: &consumer_group_describe::Assignment| {
            partitions(assignment.topic_partitions.iter().map(|topic| (&*topic.topic_name, &topic.partitions[..])))
        };
        let member = |row: &consumer_group_describe::Member| MemberDescription {
            member_id: row.member_id.to_string(),
            group_instance_id: row.instance_id.as_ref().map(ToString::to_string),
            client_id: row.client_id.to_string(),
            host: row.client_host.to_string(),
            subscription: row.subscribed_topic_names.iter().map(ToString::to_string).collect(),
            subscription_pattern: row
                .subscribed_topic_regex
                .as_ref()
                .map(ToString::to_string)
                .filter(|r| !r.is_empty()),
            assignment: assigned(&row.assignment),
            target_assignment: Some(assigned(&row.target_assignment)),
            member_epoch: Some(row.member_epoch),
        };
        Self {
            group_id: row.group_id.to_string(),
            group_type: GroupType::Consumer,
            state: GroupState::of(&row.group_state),
            protocol_type: "consumer".to_owned(),
            assignor: row.assignor_name.to_string(),
            coordinator,
            epochs: Some((row.group_epoch, row.assignment_epoch)),
            members: row.members.iter().map(member).collect(),
        }
    }
}

/// In order; a name that is not legal cannot come from a broker, and is left out.
fn partitions<'a>(topics: impl Iterator<Item = (&'a str, &'a [i32])>) -> Vec<TopicPartition> {
    let each = |(topic, indexes): (&'a str, &'a [i32])| {
        indexes.iter().filter_map(move |index| TopicPartition::new(topic, *index).ok())
    };
    let mut all: Vec<TopicPartition> = topics.flat_map(each).collect();
    all.sort();
    all
}

/// A message of the consumers' protocol behind its version. As Java does, newer versions are read as the newest known.
fn of_consumer<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let version = decoder.int16().ok().filter(|version| *version >= 0)?;
    M::decode_body(&mut decoder, version.min(M::FACTS.versions.max)).ok()
}
