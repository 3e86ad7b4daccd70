//! The records of `__transaction_state`, between values and the bytes of a log.
//!
//! Not here: what follows from a record.

use super::Transaction;
use super::TransactionState;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::coordinator::records::split_version;
use crate::coordinator::records::versioned;
use crate::wire::codec::DecodeError;
use crate::wire::codec::Message;
use crate::wire::messages::transaction_records::PartitionsSchema;
use crate::wire::messages::transaction_records::TransactionLogKey;
use crate::wire::messages::transaction_records::TransactionLogValue;
use bytes::Bytes;

/// A record; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TransactionRecord {
    pub(crate) transactional_id: String,
    pub(crate) value: Option<Transaction>,
}

impl TransactionRecord {
    /// The key and the value as Kafka 4.2 writes them with this `transaction.version`.
    ///
    /// As there, the ids before and after a change of the producer id are not written.
    ///
    /// # Errors
    /// `UNKNOWN_SERVER_ERROR` when a text is too long for its field.
    ///
    /// Source: `TransactionLog.valueToBytes`.
    pub(crate) fn encode(&self, transaction_version: i16) -> Result<(Bytes, Option<Bytes>), ErrorCode> {
        let key = TransactionLogKey { transactional_id: self.transactional_id.as_str().into(), ..Default::default() };
        let version = i16::from(transaction_version >= 1);
        let value = self.value.as_ref().map(|value| versioned(&to_value(value), version));
        let encoded = versioned(&key, 0).and_then(|key| Ok((key, value.transpose()?)));
        encoded.map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
    }

    /// Reads a record of the log; `None` when it is of a kind that is not known here.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, DecodeError> {
        let Some((0, key)) = split_version(key) else { return Ok(None) };
        let transactional_id = TransactionLogKey::from_bytes(key, 0)?.transactional_id.to_string();
        let Some(value) = value else { return Ok(Some(Self { transactional_id, value: None })) };
        let Some((version @ 0..=1, body)) = split_version(value) else { return Ok(None) };
        let value = of_value(&TransactionLogValue::from_bytes(body, version)?);
        Ok(value.map(|value| Self { transactional_id, value: Some(value) }))
    }
}

fn to_value(transaction: &Transaction) -> TransactionLogValue {
    let mut partitions: Vec<PartitionsSchema> = Vec::new();
    for (topic, partition) in &transaction.partitions {
        match partitions.last_mut() {
            Some(last) if *last.topic == **topic => last.partition_ids.push(partition.0),
            _ => partitions.push(PartitionsSchema {
                topic: topic.as_ref().into(),
                partition_ids: vec![partition.0],
                ..PartitionsSchema::default()
            }),
        }
    }
    TransactionLogValue {
        producer_id: transaction.producer_id.0,
        producer_epoch: transaction.producer_epoch.0,
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_status: transaction.state.id(),
        transaction_partitions: (transaction.state != TransactionState::Empty).then_some(partitions),
        transaction_last_update_timestamp_ms: transaction.last_update_timestamp.0,
        transaction_start_timestamp_ms: transaction.start_timestamp.0,
        client_transaction_version: transaction.client_transaction_version,
        ..TransactionLogValue::default()
    }
}

fn of_value(value: &TransactionLogValue) -> Option<Transaction> {
    let topics = value.transaction_partitions.iter().flatten();
    let partitions = topics.flat_map(|topic| {
        let name: std::sync::Arc<str> = (*topic.topic).into();
        topic.partition_ids.iter().map(move |id| (name.clone(), PartitionIndex(*id)))
    });
    Some(Transaction {
        producer_id: ProducerId(value.producer_id),
        previous_producer_id: ProducerId(value.previous_producer_id),
        next_producer_id: ProducerId(value.next_producer_id),
        producer_epoch: ProducerEpoch(value.producer_epoch),
        last_producer_epoch: ProducerEpoch::NONE,
        timeout_ms: value.transaction_timeout_ms,
        state: TransactionState::from_id(value.transaction_status)?,
        partitions: partitions.collect(),
        start_timestamp: Timestamp(value.transaction_start_timestamp_ms),
        last_update_timestamp: Timestamp(value.transaction_last_update_timestamp_ms),
        client_transaction_version: value.client_transaction_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &Bytes) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The expected bytes follow from the schemas in kafka-transaction-coordinator 4.2.1, field by field.
    #[test]
    fn records_have_kafkas_bytes() {
        let check = |value: Option<Transaction>, transaction_version: i16, bytes: Option<&str>| {
            let record = TransactionRecord { transactional_id: "t".into(), value };
            let (k, v) = record.encode(transaction_version).unwrap();
            assert_eq!((hex(&k).as_str(), v.as_ref().map(hex).as_deref()), ("0000000174", bytes));
            assert_eq!(TransactionRecord::decode(&k, v.as_ref()), Ok(Some(record)));
        };
        check(None, 2, None);
        let mut transaction = Transaction::new(ProducerId(7), 60_000, Timestamp(5));
        transaction.producer_epoch = ProducerEpoch(1);
        let empty = "0000000000000000000700010000ea6000ffffffff0000000000000005ffffffffffffffff";
        check(Some(transaction.clone()), 0, Some(empty));
        let empty = "0001000000000000000700010000ea6000000000000000000005ffffffffffffffff00";
        check(Some(transaction.clone()), 1, Some(empty));
        transaction.state = TransactionState::PrepareCommit;
        transaction.start_timestamp = Timestamp(4);
        transaction.client_transaction_version = 2;
        transaction.partitions = [("a".into(), PartitionIndex(0)), ("a".into(), PartitionIndex(2))].into();
        let prepared = "0001000000000000000700010000ea600202026103000000000000000200\
                        0000000000000005000000000000000401020200\
                        02"
        .replace(' ', "");
        check(Some(transaction), 2, Some(&prepared));
    }

    #[test]
    fn other_kinds_are_passed_over_and_damage_is_an_error() {
        let check = |key: &'static [u8], expected: Option<bool>| {
            let decoded = TransactionRecord::decode(&Bytes::from_static(key), None);
            assert_eq!(decoded.ok().map(|record| record.is_some()), expected, "{key:?}");
        };
        check(&[], Some(false));
        check(&[0, 9, 1], Some(false));
        check(&[0, 0, 0, 1, b't'], Some(true));
        check(&[0, 0, 0, 9, b't'], None);
    }
}
