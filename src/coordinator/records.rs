//! The records of `__consumer_offsets`, between values and the bytes of a log.
//!
//! Not here: what follows from a record; that is `replay` of the coordinator.

use super::group::ConsumerRecord;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::wire::codec::DecodeError;
use crate::wire::codec::EncodeError;
use crate::wire::codec::Message;
use crate::wire::messages::group_records::GroupMetadataKey;
use crate::wire::messages::group_records::GroupMetadataValue;
use crate::wire::messages::group_records::OffsetCommitKey;
use crate::wire::messages::group_records::OffsetCommitValue;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;

/// The version of a group's value that Kafka 4.2 writes.
const GROUP_VERSION: i16 = 3;

/// A record; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CoordinatorRecord {
    /// A committed position.
    Offset { group: String, topic: String, partition: PartitionIndex, value: Option<OffsetCommitValue> },
    /// A classic group after a rebalance.
    Group { group: String, value: Option<GroupMetadataValue> },
    /// Something of a consumer group.
    Consumer { group: String, record: ConsumerRecord },
}

impl CoordinatorRecord {
    /// The key and the value as Kafka 4.2 writes them.
    ///
    /// # Errors
    /// `UNKNOWN_SERVER_ERROR` when a text is too long for its field.
    pub(crate) fn encode(&self) -> Result<(Bytes, Option<Bytes>), ErrorCode> {
        self.try_encode().map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
    }

    fn try_encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        Ok(match self {
            Self::Offset { group, topic, partition, value } => {
                let key = OffsetCommitKey {
                    group: group.as_str().into(),
                    topic: topic.as_str().into(),
                    partition: partition.0,
                    ..OffsetCommitKey::default()
                };
                // Only version 1 can say when a single offset expires.
                let version = |value: &OffsetCommitValue| if value.expire_timestamp == -1 { 4 } else { 1 };
                let value = value.as_ref().map(|value| versioned(value, version(value))).transpose()?;
                (versioned(&key, 1)?, value)
            }
            Self::Group { group, value } => {
                let key = GroupMetadataKey { group: group.as_str().into(), ..GroupMetadataKey::default() };
                let value = value.as_ref().map(|value| versioned(value, GROUP_VERSION)).transpose()?;
                (versioned(&key, 2)?, value)
            }
            Self::Consumer { group, record } => record.encode(group)?,
        })
    }

    /// Reads a record of the log; `None` when it is of a kind that is not known here.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, DecodeError> {
        let Some((kind, key)) = split_version(key) else { return Ok(None) };
        Ok(Some(match kind {
            0 | 1 => {
                let key = OffsetCommitKey::from_bytes(key, kind)?;
                Self::Offset {
                    group: key.group.to_string(),
                    topic: key.topic.to_string(),
                    partition: PartitionIndex(key.partition),
                    value: value.and_then(split_version).map(|(v, body)| Message::from_bytes(body, v)).transpose()?,
                }
            }
            2 => Self::Group {
                group: GroupMetadataKey::from_bytes(key, kind)?.group.to_string(),
                value: value.and_then(split_version).map(|(v, body)| Message::from_bytes(body, v)).transpose()?,
            },
            kind => {
                let decoded = ConsumerRecord::decode(kind, key, value)?;
                return Ok(decoded.map(|(group, record)| Self::Consumer { group, record }));
            }
        }))
    }
}

pub(super) fn versioned(message: &impl Message, version: i16) -> Result<Bytes, EncodeError> {
    let body = message.to_bytes(version)?;
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(version);
    bytes.put(body);
    Ok(bytes.freeze())
}

pub(super) fn split_version(bytes: &Bytes) -> Option<(i16, Bytes)> {
    let version = i16::from_be_bytes(*bytes.first_chunk()?);
    // A copy, so that a few bytes of state do not keep a batch alive.
    Some((version, Bytes::copy_from_slice(&bytes[2..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Uuid;
    use crate::wire::messages::group_records::MemberMetadata;

    fn hex(bytes: &Bytes) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The expected bytes follow from the schemas in kafka-group-coordinator 4.2.1, field by field.
    #[test]
    fn records_have_kafkas_bytes() {
        let check = |record: CoordinatorRecord, key: &str, value: Option<&str>| {
            let (k, v) = record.encode().unwrap();
            assert_eq!((hex(&k).as_str(), v.as_ref().map(hex).as_deref()), (key, value));
            assert_eq!(CoordinatorRecord::decode(&k, v.as_ref()), Ok(Some(record)));
        };
        let offset = |value| CoordinatorRecord::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: PartitionIndex(3),
            value,
        };
        let key = "000100016700017400000003";
        check(offset(None), key, None);
        let value = OffsetCommitValue {
            offset: 5,
            leader_epoch: 2,
            metadata: "m".into(),
            commit_timestamp: 7,
            ..OffsetCommitValue::default()
        };
        let bytes = "0004000000000000000500000002026d000000000000000700";
        check(offset(Some(value.clone())), key, Some(bytes));
        let with_id = OffsetCommitValue { topic_id: Uuid([9; 16]), ..value.clone() };
        let bytes = format!("{}010010{}", &bytes[..bytes.len() - 2], "09".repeat(16));
        check(offset(Some(with_id)), key, Some(&bytes));
        let expiring = OffsetCommitValue { leader_epoch: -1, expire_timestamp: 8, ..value };
        check(offset(Some(expiring)), key, Some("0001000000000000000500016d00000000000000070000000000000008"));
        let group = |value| CoordinatorRecord::Group { group: "g".into(), value };
        check(group(None), "0002000167", None);
        let member = MemberMetadata {
            member_id: "m".into(),
            client_id: "c".into(),
            client_host: "/h".into(),
            rebalance_timeout: 2,
            session_timeout: 1,
            subscription: Bytes::from_static(&[1]),
            assignment: Bytes::from_static(&[2]),
            ..MemberMetadata::default()
        };
        let value = GroupMetadataValue {
            protocol_type: "p".into(),
            generation: 4,
            protocol: Some("r".into()),
            leader: Some("m".into()),
            current_state_timestamp: 6,
            members: vec![member],
            ..GroupMetadataValue::default()
        };
        let bytes = "00030001700000000400017200016d000000000000000600000001\
                     00016dffff00016300022f680000000200000001000000010100000001\
                     02"
        .replace(' ', "");
        check(group(Some(value)), "0002000167", Some(&bytes));
    }

    #[test]
    fn other_kinds_are_passed_over_and_damage_is_an_error() {
        let check = |key: &'static [u8], expected: Option<bool>| {
            let decoded = CoordinatorRecord::decode(&Bytes::from_static(key), None);
            assert_eq!(decoded.ok().map(|record| record.is_some()), expected, "{key:?}");
        };
        check(&[], Some(false));
        check(&[0, 9, 1], Some(false));
        check(&[0, 2, 0, 1, b'g'], Some(true));
        check(&[0, 2, 0, 9, b'g'], None);
        check(&[0, 1, 0], None);
    }
}
