//! Names that have been checked once and cannot be wrong afterwards.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A legal topic name: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
///
/// It owns its text (a slice of a frame would keep the whole frame alive) and is cheap to clone.
/// ```
/// use rehearsal::TopicName;
/// assert_eq!(TopicName::new("orders").unwrap().as_str(), "orders");
/// assert!(TopicName::new("no spaces").is_err());
/// ```
/// Source: `org.apache.kafka.common.internals.Topic.validate`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is no topic name; its `Display` is Kafka's own reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTopicName(String);

impl Ord for TopicName {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most that are compared are copies of one.
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for TopicName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopicName {
    /// Kafka's limit, in characters.
    pub const LENGTH_MAX: usize = 249;

    /// Checks `name` and takes a copy of it.
    ///
    /// # Errors
    /// [`InvalidTopicName`] with the reason in Kafka's words.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        let refuse = |why: String| Err(InvalidTopicName(format!("Topic name is invalid: {why}")));
        if name.is_empty() {
            return refuse("the empty string is not allowed".into());
        }
        if name == "." || name == ".." {
            return refuse(format!("'{name}' is not allowed"));
        }
        if name.chars().count() > Self::LENGTH_MAX {
            return refuse(format!(
                "the length of '{name}' is longer than the max allowed length {}",
                Self::LENGTH_MAX
            ));
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return refuse(format!(
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether clients may not write to it or delete it: Kafka's own state topics.
    pub fn is_internal(&self) -> bool {
        matches!(self.as_str(), "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl serde::Serialize for TopicName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for TopicName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidTopicName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kafkas_alphabet_makes_a_name() {
        let check = |name: &str, legal: bool| assert_eq!(TopicName::new(name).is_ok(), legal, "{name:?}");
        check("a.b_c-9", true);
        check(&"x".repeat(249), true);
        check(&"x".repeat(250), false);
        check("", false);
        check(".", false);
        check("..", false);
        check("...", true);
        check("a/b", false);
        check("\u{e9}", false);
    }
}
