//! Groups that go from one protocol to the other while their members are in them.
//!
//! Source: KIP-848, `GroupMetadataManager.convertToConsumerGroup` and `convertToClassicGroup` of Apache Kafka. Differs:
//! members take along what they have. In Kafka, members of a downgraded group take what they should have, and of an
//! upgraded one what they were last assigned, not what they said that they own; when one follows the other, or follows
//! a cooperative rebalance at once, a partition so gets a second member while the first still reads it.

use super::ConsumerGroup;
use super::classic::owned_by_name;
use super::heartbeat::Consumers;
use super::member::Classic;
use super::member::ConsumerMember;
use super::records::ConsumerRecord;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::CoordinatorRecord;
use crate::coordinator::Moment;
use crate::coordinator::Refused;
use crate::coordinator::group::CONSUMER;
use crate::coordinator::group::ClassicGroup;
use crate::coordinator::group::Member;
use crate::coordinator::group::assignor::Partitions;
use crate::coordinator::group::of_consumer;
use crate::coordinator::group::subscription;
use crate::coordinator::subscribed::TopicsImage;
use crate::wire::codec::Message;
use crate::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use crate::wire::messages::consumer_protocol::RequestTopicPartition;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The classic group that a consumer group becomes.
#[derive(Debug)]
pub(crate) struct Downgraded {
    pub(crate) group: ClassicGroup,
    /// Whether its members have to join anew.
    pub(crate) prepare: bool,
}

/// The consumer group that a classic group becomes, with the records that make it one.
///
/// # Errors
/// `GROUP_ID_NOT_FOUND`, with the reason why it stays what it is.
pub(crate) fn upgrade(
    classic: &ClassicGroup,
    at: &Moment<'_>,
) -> Result<(ConsumerGroup, Vec<CoordinatorRecord>), Refused> {
    let id = &*classic.id;
    let refuse = |why: &str| {
        let message = format!("The classic group {id} cannot become a consumer group: {why}.");
        Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, &message)
    };
    if !migrates(at, "UPGRADE") {
        return Err(refuse("that is switched off"));
    }
    if !classic.is_consumer() {
        return Err(refuse("its members are no consumers"));
    }
    if classic.members.len() > at.config.group_consumer_max_size {
        return Err(refuse("it has too many members"));
    }
    let protocol = classic.protocol_name.clone().or_else(|| classic.select_protocol()).unwrap_or_default();
    let mut members = Vec::with_capacity(classic.members.len());
    let mut taken: BTreeSet<(Uuid, PartitionIndex)> = BTreeSet::new();
    let mut owned = Vec::with_capacity(classic.members.len());
    for (member_id, member) in &classic.members {
        let wanted = subscription(&member.metadata(&protocol)).ok_or_else(|| refuse("a subscription is malformed"))?;
        let given = decode_assignment(&member.assignment).ok_or_else(|| refuse("an assignment is malformed"))?;
        if given.user_data.as_ref().is_some_and(|data| !data.is_empty()) {
            return Err(refuse("its assignor keeps data of its own in assignments"));
        }
        owned.push(owned_by_name(&wanted, at.topics));
        members.push(ConsumerMember {
            epoch: classic.generation,
            previous_epoch: classic.generation,
            instance_id: member.instance_id.clone(),
            rack_id: wanted.rack_id.as_deref().map(Into::into),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            client: member.client.clone(),
            topics: Arc::new(wanted.topics.iter().map(|name| (**name).into()).collect()),
            assigned: Arc::new(assigned(&given, at.topics, &mut taken)),
            classic: Some(Arc::new(Classic {
                session_timeout_ms: member.session_timeout_ms,
                protocols: member.protocols.clone(),
            })),
            ..ConsumerMember::new(member_id)
        });
    }
    // What a cooperative member has not given up yet is nobody's in the last assignment, or that was taken back already.
    for (member, owned) in members.iter_mut().zip(owned) {
        let assigned = Arc::make_mut(&mut member.assigned);
        for (topic, index) in owned.into_iter().flat_map(|(topic, all)| all.into_iter().map(move |i| (topic, i))) {
            if at.topics.has(topic, index) && taken.insert((topic, index)) {
                assigned.entry(topic).or_default().insert(index);
            }
        }
    }
    let names: BTreeSet<&Arc<str>> = members.iter().flat_map(|member| member.topics.iter()).collect();
    let hash = at.topics.hash_of(names.into_iter().map(|name| &**name));
    let mut records: Vec<ConsumerRecord> = members.iter().map(ConsumerRecord::member).collect();
    records.push(ConsumerRecord::epoch(classic.generation, hash));
    records.extend(members.iter().map(|member| ConsumerRecord::target(&member.id, &member.assigned)));
    records.push(ConsumerRecord::target_epoch(classic.generation));
    records.extend(members.iter().map(ConsumerRecord::current));
    let mut group = ConsumerGroup::new(id);
    records.iter().for_each(|record| group.replay(record));
    let mut all = vec![CoordinatorRecord::Group { group: id.to_owned(), value: None }];
    all.extend(records.into_iter().map(|record| CoordinatorRecord::Consumer { group: id.to_owned(), record }));
    Ok((group, all))
}

/// Whether groups may go from one protocol to the other in this direction.
fn migrates(at: &Moment<'_>, direction: &str) -> bool {
    let policy = &at.config.group_consumer_migration_policy;
    policy.eq_ignore_ascii_case(direction) || policy.eq_ignore_ascii_case("BIDIRECTIONAL")
}

impl Consumers<'_> {
    /// Whether only members of the classic protocol are left without these, and the group may become theirs.
    pub(super) fn may_downgrade_without(&self, leaving: &[&ConsumerMember]) -> bool {
        let classic_leaving = leaving.iter().filter(|member| member.classic.is_some()).count();
        let left = self.group.members.len() - leaving.len();
        let classic_left = self.group.classic_members() - classic_leaving;
        left == classic_left && left > 0 && migrates(self.at, "DOWNGRADE") && left <= self.at.config.group_max_size
    }

    /// Whether a static member is the only one that does not speak the classic protocol, and the group may become that
    /// of the others when its new self does.
    pub(super) fn may_downgrade_replacing(&self, existing: &ConsumerMember) -> bool {
        existing.classic.is_none()
            && self.group.classic_members() + 1 == self.group.members.len()
            && migrates(self.at, "DOWNGRADE")
            && self.group.members.len() <= self.at.config.group_max_size
    }

    /// Turns the group into a classic one, without those who leave, of whom `joining` may be one's new self.
    pub(super) fn downgrade(&mut self, leaving: &[&ConsumerMember], joining: Option<&ConsumerMember>, prepare: bool) {
        let group = self.group;
        let renamed = |id: String| match joining {
            Some(joining) if leaving.iter().any(|member| *member.id == *id) => joining.id.to_string(),
            _ => id,
        };
        for record in group.tombstones() {
            // The former self of who joins is taken out already.
            self.push(match record {
                ConsumerRecord::Current(id, value) => ConsumerRecord::Current(renamed(id), value),
                ConsumerRecord::Target(id, value) => ConsumerRecord::Target(renamed(id), value),
                ConsumerRecord::Member(id, value) => ConsumerRecord::Member(renamed(id), value),
                other => other,
            });
        }
        let stays = |member: &&ConsumerMember| !leaving.iter().any(|leaving| leaving.id == member.id);
        let mut classic = ClassicGroup::new(&group.id, self.at.timestamp);
        let mut targets = Vec::new();
        for member in group.members.values().filter(stays) {
            add(&mut classic, member);
            targets.push((Arc::clone(&member.id), if prepare { member.held() } else { group.target(&member.id) }));
        }
        if let Some(joining) = joining {
            add(&mut classic, joining);
            let former = leaving.first().map_or(&joining.id, |member| &member.id);
            targets.push((Arc::clone(&joining.id), if prepare { joining.held() } else { group.target(former) }));
        }
        classic.become_stable(group.epoch, self.at.timestamp);
        let protocol = classic.protocol_name.clone().unwrap_or_default();
        for (id, target) in targets {
            if let Some(member) = classic.members.get_mut(&id) {
                member.assignment = encode_assignment(&target, self.at.topics, &member.metadata(&protocol));
            }
        }
        self.records.push(CoordinatorRecord::Group {
            group: group.id.to_string(),
            value: Some(classic.to_value(|_, member| member.assignment.clone())),
        });
        self.downgraded = Some(Downgraded { group: classic, prepare });
    }
}

fn add(group: &mut ClassicGroup, member: &ConsumerMember) {
    let Some(classic) = &member.classic else { return };
    let added = Member {
        instance_id: member.instance_id.clone(),
        client: member.client.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocols: classic.protocols.clone(),
        assignment: Bytes::new(),
        join: None,
        sync: None,
        is_new: false,
    };
    group.add(Arc::clone(&member.id), CONSUMER, added);
}

/// An assignment of the classic protocol; nothing at all is one, too.
fn decode_assignment(bytes: &Bytes) -> Option<ConsumerProtocolAssignment> {
    if bytes.is_empty() { Some(ConsumerProtocolAssignment::default()) } else { of_consumer(bytes) }
}

/// The partitions of an assignment that there are, and that nobody else has.
fn assigned(
    given: &ConsumerProtocolAssignment,
    topics: &TopicsImage,
    taken: &mut BTreeSet<(Uuid, PartitionIndex)>,
) -> Partitions {
    let mut partitions = Partitions::new();
    for row in &given.assigned_partitions {
        let Some(topic) = topics.get(&row.topic) else { continue };
        for index in row.partitions.iter().copied().map(PartitionIndex) {
            if topics.has(topic.id, index) && taken.insert((topic.id, index)) {
                partitions.entry(topic.id).or_default().insert(index);
            }
        }
    }
    partitions
}

/// Partitions as a member of the classic protocol is told of them, in the version in which it subscribed.
pub(super) fn encode_assignment(partitions: &Partitions, topics: &TopicsImage, subscription: &Bytes) -> Bytes {
    let newest = ConsumerProtocolAssignment::FACTS.versions.max;
    let version = subscription.first_chunk().map_or(0, |version| i16::from_be_bytes(*version)).clamp(0, newest);
    let rows = partitions.iter().filter_map(|(topic, indexes)| {
        Some(RequestTopicPartition {
            topic: (**topics.name(*topic)?).into(),
            partitions: indexes.iter().map(|index| index.0).collect(),
            ..RequestTopicPartition::default()
        })
    });
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: rows.collect(), ..ConsumerProtocolAssignment::default() };
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    // A topic's name is never too long for its field.
    bytes.put(assignment.to_bytes(version).unwrap_or_default());
    bytes.freeze()
}
