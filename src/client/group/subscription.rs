//! What members of a classic group tell each other: subscriptions and assignments, in Kafka's bytes.
//!
//! Not here: who decides what. What cannot be understood is left out, since it was written by other clients.

use super::super::TopicPartition;
use super::assignor::GroupMember;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::wire::codec::Decoder;
use crate::wire::codec::Encoder;
use crate::wire::codec::Message;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use crate::wire::messages::consumer_protocol::RequestTopicPartition;
use crate::wire::messages::consumer_protocol::TopicPartition as TopicPartitions;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What a member says of itself when it joins.
#[derive(Debug)]
pub(super) struct Subscription<'a> {
    pub(super) topics: &'a BTreeSet<TopicName>,
    pub(super) owned: &'a BTreeSet<TopicPartition>,
    pub(super) generation: i32,
    pub(super) rack: Option<&'a str>,
    pub(super) user_data: Option<Bytes>,
}

impl Subscription<'_> {
    /// In the newest version; those who are older read as much of it as they know.
    pub(super) fn encode(self) -> Bytes {
        let owned = by_topic(self.owned).into_iter();
        let message = ConsumerProtocolSubscription {
            topics: self.topics.iter().map(|topic| topic.as_str().into()).collect(),
            user_data: self.user_data,
            owned_partitions: owned
                .map(|(topic, partitions)| TopicPartitions {
                    topic: topic.as_str().into(),
                    partitions,
                    ..Default::default()
                })
                .collect(),
            generation_id: self.generation,
            rack_id: self.rack.map(Into::into),
            ..Default::default()
        };
        versioned(&message)
    }
}

/// What the leader is told of a member; a subscription that makes no sense is to nothing.
pub(super) fn decode_member(row: &JoinGroupResponseMember) -> GroupMember {
    let mut member = GroupMember::new(&row.member_id);
    member.instance_id = row.group_instance_id.as_deref().map(str::to_owned);
    let Some(subscription) = opened::<ConsumerProtocolSubscription>(&row.metadata) else {
        tracing::warn!(member = &*row.member_id, "the subscription of a member cannot be read");
        return member;
    };
    member.topics = subscription.topics.iter().filter_map(|topic| TopicName::new(topic).ok()).collect();
    member.topics.sort_unstable();
    member.topics.dedup();
    for row in &subscription.owned_partitions {
        member.owned.extend(partitions(&row.topic, &row.partitions));
    }
    member.generation = subscription.generation_id;
    member.rack = subscription.rack_id.as_deref().map(str::to_owned);
    member.user_data = subscription.user_data;
    member
}

/// What a member gets.
pub(super) fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let row = |(topic, partitions): (&TopicName, Vec<i32>)| RequestTopicPartition {
        topic: topic.as_str().into(),
        partitions,
        ..Default::default()
    };
    let assigned_partitions = by_topic(partitions).into_iter().map(row).collect();
    versioned(&ConsumerProtocolAssignment { assigned_partitions, ..Default::default() })
}

/// What this member gets; `None` when it makes no sense. Nothing at all is an empty assignment.
pub(super) fn decode_assignment(bytes: &Bytes) -> Option<BTreeSet<TopicPartition>> {
    if bytes.is_empty() {
        return Some(BTreeSet::new());
    }
    let assignment: ConsumerProtocolAssignment = opened(bytes)?;
    let rows = assignment.assigned_partitions.iter();
    Some(rows.flat_map(|row| partitions(&row.topic, &row.partitions)).collect())
}

fn by_topic<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> BTreeMap<&'a TopicName, Vec<i32>> {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition.0);
    }
    topics
}

fn partitions(topic: &str, indexes: &[i32]) -> Vec<TopicPartition> {
    let Ok(topic) = TopicName::new(topic) else { return Vec::new() };
    let row = |index: &i32| TopicPartition { topic: topic.clone(), partition: PartitionIndex(*index) };
    indexes.iter().map(row).collect()
}

/// A message behind its version.
fn versioned<M: Message>(message: &M) -> Bytes {
    let version = M::FACTS.versions.max;
    let mut encoder = Encoder::new(false);
    encoder.raw(&version.to_be_bytes());
    match message.encode_body(&mut encoder, version) {
        Ok(()) => encoder.into_bytes(),
        Err(error) => {
            // Only a text of more than 32 KiB can do that, and names are checked before.
            tracing::error!(%error, "a message between members cannot be written");
            Bytes::new()
        }
    }
}

/// Reads as much as this client knows of a message that may be newer: what follows is ignored.
fn opened<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let version = decoder.int16().ok().filter(|version| *version >= 0)?;
    M::decode_body(&mut decoder, version.min(M::FACTS.versions.max)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, index: i32) -> TopicPartition {
        TopicPartition::new(topic, index).unwrap()
    }

    fn member(metadata: Bytes) -> GroupMember {
        decode_member(&JoinGroupResponseMember { member_id: "m".into(), metadata, ..Default::default() })
    }

    #[test]
    fn a_subscription_arrives_as_it_was_sent() {
        let topics = ["a", "b"].map(|name| TopicName::new(name).unwrap()).into();
        let owned = [partition("a", 0), partition("a", 2), partition("b", 1)].into();
        let user_data = Some(Bytes::from_static(b"x"));
        let sent = Subscription { topics: &topics, owned: &owned, generation: 7, rack: Some("r1"), user_data };
        let read = member(sent.encode());
        assert_eq!(read.topics, topics.into_iter().collect::<Vec<_>>());
        assert_eq!(read.owned, owned.into_iter().collect::<Vec<_>>());
        assert_eq!(
            (read.generation, read.rack.as_deref(), read.user_data.as_deref()),
            (7, Some("r1"), Some(&b"x"[..]))
        );
    }

    #[test]
    fn older_newer_and_broken_subscriptions_are_read_as_far_as_they_go() {
        let check = |bytes: &[u8], topics: &[&str]| {
            let read = member(Bytes::copy_from_slice(bytes));
            assert_eq!(read.topics.iter().map(TopicName::as_str).collect::<Vec<_>>(), topics, "{bytes:?}");
        };
        let v0 = b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff";
        check(v0, &["t"]);
        check(b"\0\x09\0\0\0\x01\0\x01t\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xffand more", &["t"]);
        check(b"", &[]);
        check(b"\xff\xff\0\0\0\x01\0\x01t\xff\xff\xff\xff", &[]);
        check(&v0[..9], &[]);
        check(b"\0\0\x7f\xff\xff\xff", &[]);
        check(b"\0\0\0\0\0\x02\0\x01t\0\x01/\xff\xff\xff\xff", &["t"]);
    }

    #[test]
    fn an_assignment_arrives_as_it_was_sent() {
        let check = |partitions: Vec<TopicPartition>| {
            let read = decode_assignment(&encode_assignment(&partitions)).unwrap();
            assert_eq!(read.into_iter().collect::<Vec<_>>(), partitions);
        };
        check(vec![]);
        check(vec![partition("a", 0), partition("a", 3), partition("b", 1)]);
        assert_eq!(decode_assignment(&Bytes::new()), Some(BTreeSet::new()));
        assert_eq!(decode_assignment(&Bytes::from_static(b"\0")), None);
    }
}
