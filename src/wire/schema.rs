//! The tables of facts as data: what JSON, checks against Kafka's own definitions and generators read.

/// The versions of a message in which something is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub min: i16,
    /// The last version; [`i16::MAX`] for "and all later ones".
    pub max: i16,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// One byte.
    Bool,
    /// One byte.
    Int8,
    /// Two bytes.
    Int16,
    /// Two bytes, unsigned.
    Uint16,
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// Eight bytes.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 after a length.
    String,
    /// Bytes after a length.
    Bytes,
    /// Record batches after a length.
    Records,
    /// Elements after their number.
    Array(&'static Self),
    /// Fields one after the other, then tagged ones.
    Struct(&'static Struct),
}

/// A struct: a message or a part of one.
#[derive(Debug)]
pub struct Struct {
    /// Kafka's name.
    pub name: &'static str,
    /// The fields in the order of the wire; tagged fields last.
    pub fields: &'static [FieldFacts],
}

/// What is known of a field.
#[derive(Debug)]
pub struct FieldFacts {
    /// The name as the protocol guide writes it, in lower case with underscores.
    pub name: &'static str,
    /// The type.
    pub ty: FieldType,
    /// The versions that have the field.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Versions,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// Its default as Rust source, where that is not the type's own (zero, empty, or null if it may be null).
    pub default: Option<&'static str>,
}

/// A whole message.
#[derive(Debug)]
pub struct MessageFacts {
    /// The API key; `None` for data that travels inside bytes.
    pub api_key: Option<i16>,
    /// The versions that exist.
    pub versions: Versions,
    /// The versions that are flexible (KIP-482).
    pub flexible: Versions,
    /// The fields.
    pub body: &'static Struct,
}

/// The name of a field without the `r#` of names that are words of Rust.
pub(crate) const fn field_name(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', name @ ..] => match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => panic!("what follows `r#` is text"),
        },
        _ => identifier,
    }
}

impl Versions {
    /// No version at all.
    pub const NONE: Self = Self { min: 0, max: -1 };

    /// From `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of them.
    #[inline]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions from first to last.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.min..=self.max
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    /// Whether there is no version in it.
    pub const fn is_empty(self) -> bool {
        self.min > self.max
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            _ if self.is_empty() => f.write_str("none"),
            (min, i16::MAX) => write!(f, "{min}+"),
            (min, max) if min == max => write!(f, "{min}"),
            (min, max) => write!(f, "{min}\u{2013}{max}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_a_word_of_rust_is_written_without_its_marker() {
        assert_eq!(field_name("r#match"), "match");
        assert_eq!(field_name("rack_id"), "rack_id");
    }
}
