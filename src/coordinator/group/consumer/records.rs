//! The records of a consumer group, between values and the bytes of a log.
//!
//! Not here: what follows from a record; that is `replay` of the group.

use super::member::ConsumerMember;
use super::member::to_rows;
use crate::coordinator::group::assignor::Partitions;
use crate::coordinator::records::split_version;
use crate::coordinator::records::versioned;
use crate::wire::codec::DecodeError;
use crate::wire::codec::EncodeError;
use crate::wire::codec::Message;
use crate::wire::messages::group_records::ConsumerGroupCurrentMemberAssignmentKey;
use crate::wire::messages::group_records::ConsumerGroupCurrentMemberAssignmentValue;
use crate::wire::messages::group_records::ConsumerGroupMemberMetadataKey;
use crate::wire::messages::group_records::ConsumerGroupMemberMetadataValue;
use crate::wire::messages::group_records::ConsumerGroupMetadataKey;
use crate::wire::messages::group_records::ConsumerGroupMetadataValue;
use crate::wire::messages::group_records::ConsumerGroupPartitionMetadataKey;
use crate::wire::messages::group_records::ConsumerGroupRegularExpressionKey;
use crate::wire::messages::group_records::ConsumerGroupRegularExpressionValue;
use crate::wire::messages::group_records::ConsumerGroupTargetAssignmentMemberKey;
use crate::wire::messages::group_records::ConsumerGroupTargetAssignmentMemberValue;
use crate::wire::messages::group_records::ConsumerGroupTargetAssignmentMetadataKey;
use crate::wire::messages::group_records::ConsumerGroupTargetAssignmentMetadataValue;
use bytes::Bytes;
use bytestring::ByteString;

/// A record of a consumer group; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConsumerRecord {
    /// The group and its epoch.
    Epoch(Option<ConsumerGroupMetadataValue>),
    /// What Kafka 4.0 knew of the topics; only ever deleted since.
    PartitionMetadata,
    /// Who a member is and what it wants.
    Member(String, Option<Box<ConsumerGroupMemberMetadataValue>>),
    /// Of which epoch the target is.
    TargetEpoch(Option<ConsumerGroupTargetAssignmentMetadataValue>),
    /// What a member should have.
    Target(String, Option<ConsumerGroupTargetAssignmentMemberValue>),
    /// What a member has.
    Current(String, Option<ConsumerGroupCurrentMemberAssignmentValue>),
    /// The topics of a regular expression.
    Regex(String, Option<ConsumerGroupRegularExpressionValue>),
}

impl ConsumerRecord {
    pub(super) fn epoch(epoch: i32, metadata_hash: i64) -> Self {
        Self::Epoch(Some(ConsumerGroupMetadataValue { epoch, metadata_hash, ..ConsumerGroupMetadataValue::default() }))
    }

    pub(super) fn member(member: &ConsumerMember) -> Self {
        Self::Member(member.id.to_string(), Some(Box::new(member.to_metadata())))
    }

    pub(super) fn target_epoch(assignment_epoch: i32) -> Self {
        Self::TargetEpoch(Some(ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch,
            ..ConsumerGroupTargetAssignmentMetadataValue::default()
        }))
    }

    pub(super) fn target(member_id: &str, partitions: &Partitions) -> Self {
        let value = ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: to_rows(partitions),
            ..ConsumerGroupTargetAssignmentMemberValue::default()
        };
        Self::Target(member_id.to_owned(), Some(value))
    }

    pub(super) fn current(member: &ConsumerMember) -> Self {
        Self::Current(member.id.to_string(), Some(member.to_assignment()))
    }

    /// The records that take a member out.
    pub(super) fn removal(member_id: &str) -> [Self; 3] {
        let id = || member_id.to_owned();
        [Self::Current(id(), None), Self::Target(id(), None), Self::Member(id(), None)]
    }

    /// The key with its version, which says of what kind it is, and the value.
    pub(crate) fn encode(&self, group: &str) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let id = || ByteString::from(group);
        Ok(match self {
            Self::Epoch(value) => {
                let key = ConsumerGroupMetadataKey { group_id: id(), ..Default::default() };
                (versioned(&key, 3)?, value_of(value.as_ref())?)
            }
            Self::PartitionMetadata => {
                let key = ConsumerGroupPartitionMetadataKey { group_id: id(), ..Default::default() };
                (versioned(&key, 4)?, None)
            }
            Self::Member(member, value) => {
                let member_id = member.as_str().into();
                let key = ConsumerGroupMemberMetadataKey { group_id: id(), member_id, ..Default::default() };
                (versioned(&key, 5)?, value_of(value.as_deref())?)
            }
            Self::TargetEpoch(value) => {
                let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: id(), ..Default::default() };
                (versioned(&key, 6)?, value_of(value.as_ref())?)
            }
            Self::Target(member, value) => {
                let member_id = member.as_str().into();
                let key = ConsumerGroupTargetAssignmentMemberKey { group_id: id(), member_id, ..Default::default() };
                (versioned(&key, 7)?, value_of(value.as_ref())?)
            }
            Self::Current(member, value) => {
                let member_id = member.as_str().into();
                let key = ConsumerGroupCurrentMemberAssignmentKey { group_id: id(), member_id, ..Default::default() };
                (versioned(&key, 8)?, value_of(value.as_ref())?)
            }
            Self::Regex(regex, value) => {
                let regular_expression = regex.as_str().into();
                let key =
                    ConsumerGroupRegularExpressionKey { group_id: id(), regular_expression, ..Default::default() };
                (versioned(&key, 16)?, value_of(value.as_ref())?)
            }
        })
    }

    /// Reads a record of the log whose key is of this kind; `None` when that is not one of a consumer group.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn decode(kind: i16, key: Bytes, value: Option<&Bytes>) -> Result<Option<(String, Self)>, DecodeError> {
        let decoded = match kind {
            3 => {
                let key = ConsumerGroupMetadataKey::from_bytes(key, kind)?;
                (key.group_id, Self::Epoch(read(value)?))
            }
            4 => {
                let key = ConsumerGroupPartitionMetadataKey::from_bytes(key, kind)?;
                (key.group_id, Self::PartitionMetadata)
            }
            5 => {
                let key = ConsumerGroupMemberMetadataKey::from_bytes(key, kind)?;
                (key.group_id, Self::Member(key.member_id.to_string(), read(value)?.map(Box::new)))
            }
            6 => {
                let key = ConsumerGroupTargetAssignmentMetadataKey::from_bytes(key, kind)?;
                (key.group_id, Self::TargetEpoch(read(value)?))
            }
            7 => {
                let key = ConsumerGroupTargetAssignmentMemberKey::from_bytes(key, kind)?;
                (key.group_id, Self::Target(key.member_id.to_string(), read(value)?))
            }
            8 => {
                let key = ConsumerGroupCurrentMemberAssignmentKey::from_bytes(key, kind)?;
                (key.group_id, Self::Current(key.member_id.to_string(), read(value)?))
            }
            16 => {
                let key = ConsumerGroupRegularExpressionKey::from_bytes(key, kind)?;
                (key.group_id, Self::Regex(key.regular_expression.to_string(), read(value)?))
            }
            _ => return Ok(None),
        };
        Ok(Some((decoded.0.to_string(), decoded.1)))
    }
}

fn value_of(value: Option<&impl Message>) -> Result<Option<Bytes>, EncodeError> {
    value.map(|value| versioned(value, 0)).transpose()
}

fn read<M: Message>(value: Option<&Bytes>) -> Result<Option<M>, DecodeError> {
    value.and_then(split_version).map(|(version, body)| M::from_bytes(body, version)).transpose()
}
