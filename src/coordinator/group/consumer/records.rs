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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::CoordinatorRecord;
    use crate::coordinator::group::consumer::member::Classic;
    use std::sync::Arc;

    fn bytes(hex: &str) -> Bytes {
        let digits: Vec<u8> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
    }

    /// Keys and values that Kafka 4.2.1 wrote into `__consumer_offsets` for two members of librdkafka.
    #[test]
    fn records_have_kafkas_bytes() {
        let check = |key: &str, value: Option<&str>, group: &str| {
            let (key, value) = (bytes(key), value.map(bytes));
            let decoded = CoordinatorRecord::decode(&key, value.as_ref()).unwrap().unwrap();
            assert_eq!(decoded.encode().unwrap(), (key, value), "{decoded:?}");
            let CoordinatorRecord::Consumer { group: of, record } = decoded else { panic!("{decoded:?}") };
            assert_eq!(of, group);
            record
        };
        check("000300036e6577", Some("000000000001010008abf47d71ad76cfe6"), "new");
        check("000300036e6577", None, "new");
        check("000400036e6577", None, "new");
        check("000600036e6577", Some("00000000000100"), "new");
        let member = "6e6577001655476b585336365551782b786c39674a724f4a7a6b77";
        let topic = "6273bfc29d0846f6918d3c1a4e365e91";
        let target = format!("000002{topic}0300000000000000010000");
        check(&format!("00070003{member}"), Some(&target), "new");
        let current = format!("000000000001000000000002{topic}0500000000000000010000000200000003000100");
        let record = check(&format!("00080003{member}"), Some(&current), "new");
        let ConsumerRecord::Current(id, Some(value)) = record else { panic!("{record:?}") };
        assert_eq!((id.as_str(), value.member_epoch), ("UGkXS66UQx+xl9gJrOJzkw", 1));
        assert_eq!(value.assigned_partitions[0].partitions, [0, 1, 2, 3]);
        check(&format!("00080003{member}"), None, "new");
        let regex = "0000020378310000000000000035000001a1fcbe8e0c00";
        check("0010000572656765780006285e782e2a29", Some(regex), "regex");
    }

    #[test]
    fn a_member_has_kafkas_bytes() {
        let key = bytes("000500036e6577001655476b585336365551782b786c39674a724f4a7a6b77");
        let value = bytes("000000000872646b61666b610b2f3132372e302e302e3102027401000493e00001000100");
        let (_, record) = ConsumerRecord::decode(5, key.slice(2..), Some(&value)).unwrap().unwrap();
        let ConsumerRecord::Member(id, Some(read)) = &record else { panic!("{record:?}") };
        let mut member = ConsumerMember::new(id);
        member.take_metadata(read);
        assert_eq!((&*member.client.client_id, &*member.client.host), ("rdkafka", "/127.0.0.1"));
        assert_eq!((member.rebalance_timeout_ms, &*member.regex, &member.classic), (300_000, "", &None));
        assert_eq!(ConsumerRecord::member(&member).encode("new").unwrap(), (key, Some(value)));
        // What a member of the classic protocol has said beside it comes back too.
        let protocols = vec![("range".into(), Bytes::from_static(&[1, 2]))];
        member.classic = Some(Arc::new(Classic { session_timeout_ms: 5, protocols }));
        let mut other = ConsumerMember::new(id);
        other.take_metadata(&member.to_metadata());
        assert_eq!(other, member);
    }
}
