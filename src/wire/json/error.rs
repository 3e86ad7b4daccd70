//! What can be wrong with JSON that should be a message.

use crate::wire::codec::DecodeError;
use crate::wire::codec::EncodeError;
use crate::wire::schema::Versions;
use serde_json::Value;
use std::fmt;

/// Why JSON is not the message it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The place, as `$.topics[0].name`.
    pub path: String,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// What is wrong with the JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// No field has this name; perhaps another one was meant.
    UnknownField(Option<&'static str>),
    /// The field exists in these versions only, and the message has another one.
    NotInVersion(Versions, i16),
    /// The value is of another type than the field.
    WrongType {
        /// What the field takes.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// The message has these versions only.
    UnsupportedVersion(Versions, i16),
    /// The value cannot be written.
    Unwritable(EncodeError),
    /// The message was written and cannot be read, because its arrays need too much memory.
    Unreadable(DecodeError),
}

impl JsonErrorKind {
    pub(super) fn at(self, path: impl Into<String>) -> JsonError {
        JsonError { path: path.into(), kind: self }
    }

    pub(super) fn wrong_type(expected: &'static str, found: &Value) -> Self {
        /// Longer values would hide what the message says.
        const SHOWN_CHARS_MAX: usize = 40;
        let found = match found {
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => {
                let text = other.to_string();
                match text.char_indices().nth(SHOWN_CHARS_MAX) {
                    Some((end, _)) => format!("{}\u{2026}", &text[..end]),
                    None => text,
                }
            }
        };
        Self::WrongType { expected, found }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.kind {
            JsonErrorKind::UnknownField(None) => f.write_str("unknown field"),
            JsonErrorKind::UnknownField(Some(name)) => write!(f, "unknown field; did you mean `{name}`?"),
            JsonErrorKind::NotInVersion(versions, version) => {
                write!(f, "this field has versions {versions}, but the message is version {version}")
            }
            JsonErrorKind::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            JsonErrorKind::UnsupportedVersion(versions, version) => {
                write!(f, "version {version} does not exist ({versions} do)")
            }
            JsonErrorKind::Unwritable(error) => error.fmt(f),
            JsonErrorKind::Unreadable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for JsonError {}
