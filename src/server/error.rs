//! What can go wrong for the one who embeds a cluster.

use crate::base::ErrorCode;
use crate::broker::Refusal;
use crate::fault::FaultError;
use std::fmt;
use std::time::Duration;

/// Why a cluster did not start, or did not do what the test asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A broker's address could not be listened on.
    Bind {
        /// The address.
        address: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The builder was told something impossible; the text says what and what is possible.
    Config(String),
    /// The cluster refused, as it would refuse a client.
    Broker {
        /// Kafka's code.
        code: ErrorCode,
        /// What was refused and why.
        message: String,
    },
    /// A fault was refused when it was injected.
    Fault(FaultError),
    /// A file could not be read or written.
    Io {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Something is not the JSON that it should be.
    Json(serde_json::Error),
    /// A line of a file is not what it should be.
    Line {
        /// The file or the text's name.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// Requests did not come as expected; the text says what was expected, what came, and what came nearest to it.
    Unmet(String),
    /// What was waited for did not come true.
    TimedOut {
        /// What that was.
        waited_for: String,
        /// How long was waited.
        after: Duration,
        /// What there was at the end instead.
        seen: String,
    },
}

/// A result whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => {
                write!(f, "cannot listen on {address}: {source}; choose another port, or port 0 for any free one")
            }
            Self::Config(what) | Self::Unmet(what) => f.write_str(what),
            Self::Broker { code, message } => write!(f, "{code}: {message}"),
            Self::Io { path, source } => write!(f, "{path}: {source}"),
            Self::Fault(source) => source.fmt(f),
            Self::Json(source) => write!(f, "not the expected JSON: {source}"),
            Self::Line { path, line, source } => write!(f, "{path}, line {line}: {source}"),
            Self::TimedOut { waited_for, after, seen } => {
                write!(f, "{waited_for} did not come true within {after:?}; this is what there is:\n{seen}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Io { source, .. } => Some(source),
            Self::Fault(source) => Some(source),
            Self::Json(source) => Some(source),
            Self::Line { source, .. } => Some(source),
            Self::Config(_) | Self::Unmet(_) | Self::Broker { .. } | Self::TimedOut { .. } => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Broker { code: refusal.code, message: refusal.message }
    }
}

impl From<FaultError> for Error {
    fn from(source: FaultError) -> Self {
        Self::Fault(source)
    }
}

impl From<serde_json::Error> for Error {
    fn from(source: serde_json::Error) -> Self {
        Self::Json(source)
    }
}
