//! Records as a test writes them into a cluster and reads them out of it, without a client.

use super::error::Error;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use bytes::Bytes;
use serde_json::Value;

/// A record to be seeded.
/// ```
/// use rehearsal::Record;
/// let record = Record::new("shipped").key("order-1").header("trace", "7f");
/// assert_eq!(record.value.as_deref(), Some(&b"shipped"[..]));
/// assert_eq!(Record::tombstone("order-1").value, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// When it was created; the cluster's own time when not given.
    pub timestamp: Option<Timestamp>,
    /// Where it goes; chosen by key as Java's producer does, or round-robin, when not given.
    pub partition: Option<PartitionIndex>,
}

impl Record {
    /// A record without key.
    pub fn new(value: impl Into<Bytes>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A record whose value is `value` as compact JSON.
    ///
    /// # Errors
    /// [`Error::Json`] when `value` cannot be written as JSON.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }

    /// A record that says that `key` is no more.
    pub fn tombstone(key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Sets the creation time, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(mut self, ms: i64) -> Self {
        self.timestamp = Some(Timestamp(ms));
        self
    }

    /// Sets the partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(PartitionIndex(partition));
        self
    }

    /// Reads one JSON line.
    ///
    /// An object that has a member `value`, and beside it none but `key`, `headers`, `partition` and `timestamp`,
    /// describes a record; strings in it stand for their text, null for nothing, everything else for its JSON.
    /// Any other JSON is the value itself.
    ///
    /// # Errors
    /// [`Error::Json`] when the line is no JSON, or a member has the wrong type.
    /// ```
    /// use rehearsal::Record;
    /// let described = Record::from_json_line(r#"{"key":"a","value":{"n":1},"partition":2}"#).unwrap();
    /// assert_eq!(described, Record::new(r#"{"n":1}"#).key("a").partition(2));
    /// assert_eq!(Record::from_json_line(r#"{"n":1}"#).unwrap(), Record::new(r#"{"n":1}"#));
    /// ```
    pub fn from_json_line(line: &str) -> Result<Self, Error> {
        const MEMBERS: [&str; 5] = ["key", "value", "headers", "partition", "timestamp"];
        let object = match serde_json::from_str(line)? {
            Value::Object(object)
                if object.contains_key("value") && object.keys().all(|name| MEMBERS.contains(&name.as_str())) =>
            {
                object
            }
            _ => return Ok(Self::new(line.trim().to_owned())),
        };
        let mut record = Self::default();
        for (name, value) in object {
            match name.as_str() {
                "key" => record.key = bytes_of(&value),
                "value" => record.value = bytes_of(&value),
                "timestamp" => record.timestamp = Some(serde_json::from_value(value)?),
                "partition" => record.partition = serde_json::from_value(value)?,
                _ => {
                    let headers: serde_json::Map<String, Value> = serde_json::from_value(value)?;
                    record.headers = headers.into_iter().map(|(name, value)| (name, bytes_of(&value))).collect();
                }
            }
        }
        Ok(record)
    }
}

fn bytes_of(value: &Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into()),
        other => Some(other.to_string().into()),
    }
}

/// A record that is in a partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The partition it is in.
    pub partition: PartitionIndex,
    /// Where in the partition.
    pub offset: Offset,
    /// Its time, of creation or of appending as the topic is configured.
    pub timestamp: Timestamp,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl StoredRecord {
    /// The value as text; what is not UTF-8 is replaced. Empty for a tombstone.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    /// The key as text; what is not UTF-8 is replaced. Empty when there is none.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The value read as JSON; a tombstone is `null`.
    ///
    /// # Errors
    /// [`Error::Json`] when it is not such JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(self.value.as_deref().unwrap_or(b"null"))?)
    }
}

/// Bytes as a reader likes them: text where they are UTF-8, otherwise `0x` and hexadecimal digits.
fn readable(bytes: &Bytes) -> String {
    use std::fmt::Write as _;
    std::str::from_utf8(bytes).map_or_else(
        |_| {
            bytes.iter().fold("0x".to_owned(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("writing to a String cannot fail");
                text
            })
        },
        str::to_owned,
    )
}

/// The order and the names are made for snapshots; empty parts are left out.
impl serde::Serialize for StoredRecord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("partition", &self.partition)?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        if let Some(key) = &self.key {
            map.serialize_entry("key", &readable(key))?;
        }
        map.serialize_entry("value", &self.value.as_ref().map(readable))?;
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, value)| (name, value.as_ref().map(readable)));
            map.serialize_entry("headers", &headers.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_describes_a_record_only_with_a_value_and_nothing_foreign() {
        let check =
            |line: &str, expected: Record| assert_eq!(Record::from_json_line(line).unwrap(), expected, "{line}");
        check(r#"{"value":null,"key":"k"}"#, Record::tombstone("k"));
        check(r#"{"value":"text","timestamp":5}"#, Record::new("text").timestamp(5));
        check(r#"{"value":[1, 2],"headers":{"h":"x"}}"#, Record::new("[1,2]").header("h", "x"));
        check(r#"{"value":1,"other":2}"#, Record::new(r#"{"value":1,"other":2}"#));
        check(r#"{"key":"k"}"#, Record::new(r#"{"key":"k"}"#));
        check(" 17 ", Record::new("17"));
    }

    #[test]
    fn a_bad_line_is_an_error() {
        assert!(Record::from_json_line("{").is_err());
        assert!(Record::from_json_line(r#"{"value":1,"partition":"x"}"#).is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_hexadecimal() {
        assert_eq!(readable(&Bytes::from_static(&[0xff, 0x00])), "0xff00");
        assert_eq!(readable(&Bytes::from_static(b"ok")), "ok");
    }
}
