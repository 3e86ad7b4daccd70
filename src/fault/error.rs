//! Why a fault is refused when it is injected or read.

use crate::base::ErrorCode;
use crate::wire::ApiKey;
use std::fmt;

/// Why a fault was refused: it names something that does not exist, or says something that cannot happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// No API has this name.
    UnknownApi {
        /// The name.
        name: String,
        /// The API that was perhaps meant.
        nearest: Option<ApiKey>,
    },
    /// The brokers do not serve this API, or not in these versions.
    NotServed {
        /// The API.
        api: ApiKey,
        /// What is served of it, in words.
        served: String,
    },
    /// No error code has this name or number.
    UnknownErrorCode {
        /// The name.
        name: String,
        /// The code that was perhaps meant.
        nearest: Option<ErrorCode>,
    },
    /// The requests of this API have no such field.
    UnknownField {
        /// The API.
        api: ApiKey,
        /// The path as it was given.
        path: String,
        /// The field that was perhaps meant.
        nearest: Option<&'static str>,
    },
    /// The field cannot have this value.
    WrongType {
        /// The API.
        api: ApiKey,
        /// The path as it was given.
        path: String,
        /// What the field takes.
        expected: &'static str,
    },
    /// No fault has this name, so that nothing can happen after it.
    UnknownFault {
        /// The name.
        name: String,
        /// The fault that was perhaps meant.
        nearest: Option<String>,
    },
    /// No broker can be found in this way.
    UnknownTarget {
        /// The target as it was written.
        text: String,
    },
    /// Such a fault cannot happen on this API, or not at all; the text says why.
    Impossible(String),
    /// The text of a plan is not a plan.
    Plan {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApi { name, nearest } => {
                write!(f, "no API is called `{name}`")?;
                meant(f, nearest.as_ref())
            }
            Self::NotServed { api, served } => write!(f, "{api} is not served in this way: {served}"),
            Self::UnknownErrorCode { name, nearest } => {
                write!(f, "no error code is called `{name}`")?;
                meant(f, nearest.as_ref())
            }
            Self::UnknownField { api, path, nearest } => {
                write!(f, "a request of {api} has no field `{path}`")?;
                meant(f, nearest.as_ref())
            }
            Self::WrongType { api, path, expected } => {
                write!(f, "the field `{path}` of {api} takes {expected}, and can never have this value")
            }
            Self::UnknownFault { name, nearest } => {
                write!(f, "no fault is called `{name}`, so nothing can happen after it")?;
                meant(f, nearest.as_ref())
            }
            Self::UnknownTarget { text } => write!(
                f,
                "`{text}` names no broker: write its id, `leader(topic, 0)`, `follower(topic, 0, 0)`, `isr_min(topic, 0)`, \
                 `coordinator(group)`, `txn_coordinator(id)`, `controller` or `all`"
            ),
            Self::Impossible(why) => f.write_str(why),
            Self::Plan { line, message } => write!(f, "line {line}: {message}"),
        }
    }
}

fn meant(f: &mut fmt::Formatter<'_>, nearest: Option<&impl fmt::Display>) -> fmt::Result {
    nearest.map_or(Ok(()), |nearest| write!(f, "; did you mean `{nearest}`?"))
}

impl std::error::Error for FaultError {}

/// The name that is nearest to `name`, if any is near enough to have been meant.
pub(super) fn nearest<T>(candidates: impl Iterator<Item = (String, T)>, name: &str) -> Option<T> {
    let lower = name.to_lowercase();
    let scored = candidates.map(|(text, value)| (edits(&text.to_lowercase(), &lower), text.len(), value));
    let best = scored.min_by_key(|(distance, _, _)| *distance)?;
    (best.0 <= best.1.div_ceil(3)).then_some(best.2)
}

/// How many letters must be changed, added or removed to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Finds an API by name.
pub(super) fn api_named(name: &str) -> Result<ApiKey, FaultError> {
    ApiKey::from_name(name).ok_or_else(|| {
        let all = ApiKey::ALL.iter().map(|api| (api.name().to_owned(), *api));
        FaultError::UnknownApi { name: name.to_owned(), nearest: nearest(all, name) }
    })
}

/// Finds an error code by name.
pub(super) fn code_named(name: &str) -> Result<ErrorCode, FaultError> {
    ErrorCode::from_name(name).ok_or_else(|| {
        let all = ErrorCode::all().map(|code| (code.to_string(), code));
        FaultError::UnknownErrorCode { name: name.to_owned(), nearest: nearest(all, name) }
    })
}
