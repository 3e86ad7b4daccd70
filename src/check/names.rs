//! Names as text, and the small numbers that stand for them in tables.

use crate::base::fnv::Fnv;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A record's identity: which incarnation of which producer sent it, and which of its sends it is.
///
/// ```
/// use rehearsal::check::RecordName;
/// let name: RecordName = "billing.2#51".parse().unwrap();
/// assert_eq!((name.producer.as_str(), name.seq), ("billing.2", 51));
/// assert_eq!(name.to_string(), "billing.2#51");
/// assert!("billing".parse::<RecordName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    /// The producer's incarnation.
    pub producer: String,
    /// The send's number in the program's order.
    pub seq: u64,
}

impl RecordName {
    /// The greatest number of a send: 48 bits.
    pub const SEQ_MAX: u64 = (1 << 48) - 1;

    /// Puts a name together.
    pub fn new(producer: impl Into<String>, seq: u64) -> Self {
        Self { producer: producer.into(), seq }
    }

    /// The name that a record carries, from the value of its header [`HEADER`](super::HEADER).
    ///
    /// ```
    /// use rehearsal::check::RecordName;
    /// assert_eq!(RecordName::from_header(b"billing.2#51"), Some(RecordName::new("billing.2", 51)));
    /// assert_eq!(RecordName::from_header(b"of somebody else"), None);
    /// ```
    pub fn from_header(value: &[u8]) -> Option<Self> {
        std::str::from_utf8(value).ok()?.parse().ok()
    }
}

/// FNV-1a over a record's key and value, each with its length; a missing one is not an empty one.
pub(crate) fn hash(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hash = Fnv::default();
    for part in [key, value] {
        hash.number(part.map_or(u64::MAX, |part| part.len() as u64));
        hash.write(part.unwrap_or_default());
    }
    hash.finish()
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.producer, self.seq)
    }
}

impl FromStr for RecordName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no record's id: write producer#number, for example `p0#51`");
        let (producer, seq) = text.rsplit_once('#').ok_or_else(refuse)?;
        let seq: u64 = seq.parse().map_err(|_| refuse())?;
        if producer.is_empty() || seq > Self::SEQ_MAX {
            return Err(refuse());
        }
        Ok(Self::new(producer, seq))
    }
}

impl Serialize for RecordName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = RecordName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record's id, for example `p0#51`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RecordName, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A record's identity in 64 bits: the producer's number above 48 bits of its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(u64);

impl Id {
    /// A record that is not ours.
    pub(crate) const FOREIGN: Self = Self(u64::MAX);

    pub(crate) fn new(producer: u16, seq: u64) -> Self {
        Self(u64::from(producer) << 48 | (seq & RecordName::SEQ_MAX))
    }

    pub(crate) fn producer(self) -> usize {
        usize::from(u16::try_from(self.0 >> 48).unwrap_or(u16::MAX))
    }

    pub(crate) fn seq(self) -> u64 {
        self.0 & RecordName::SEQ_MAX
    }
}

/// Names in order of appearance; a name's number is its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    numbers: BTreeMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// The name's number; a new one when it has none. None when there are too many.
    pub(crate) fn intern(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.len()).ok().filter(|number| *number < u32::MAX)?;
        let name: Arc<str> = name.into();
        self.numbers.insert(name.clone(), number);
        self.names.push(name);
        Some(number)
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name, or a question mark for a number that was never given.
    pub(crate) fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("?", |name| name)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
