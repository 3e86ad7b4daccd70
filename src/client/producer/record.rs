//! What is produced, and what is said about it afterwards.

use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::wire::batch::Header;
use bytes::Bytes;
use bytestring::ByteString;

/// A record to send. Only the topic has to be given.
/// ```
/// use rehearsal::client::ProducerRecord;
/// let record = ProducerRecord::new("orders").key("customer-7").value("two apples").header("trace", "42");
/// assert_eq!(record.value.as_deref(), Some(&b"two apples"[..]));
/// assert_eq!(record.partition, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a record goes nowhere until it is sent"]
pub struct ProducerRecord {
    /// The topic.
    pub topic: ByteString,
    /// The partition; the partitioner chooses if there is none.
    pub partition: Option<PartitionIndex>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; a record without one is a tombstone in compacted topics.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<Header>,
    /// The time; the client's clock if there is none.
    pub timestamp: Option<Timestamp>,
}

impl ProducerRecord {
    /// An empty record for a topic.
    pub fn new(topic: impl Into<ByteString>) -> Self {
        Self { topic: topic.into(), partition: None, key: None, value: None, headers: Vec::new(), timestamp: None }
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: impl Into<PartitionIndex>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds a header.
    pub fn header(mut self, key: impl Into<ByteString>, value: impl Into<Bytes>) -> Self {
        self.headers.push(Header::new(key, value));
        self
    }

    /// Sets the time.
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }
}

/// Where a record stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset; [`Offset::INVALID`] with `acks=0`, or when the broker had the record from an earlier attempt.
    pub offset: Offset,
    /// The record's time, or that of the append where the topic asks for it.
    pub timestamp: Timestamp,
}
