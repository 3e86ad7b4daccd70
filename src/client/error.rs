//! What the client's user may meet.
//!
//! Not here: what a broker answers item by item; that is an [`ErrorCode`] beside the item.

use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::wire::ApiKey;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of an operation of the client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of the client failed.
/// ```
/// use rehearsal::client::Error;
/// use rehearsal::{ApiKey, ErrorCode};
///
/// let error = Error::broker(ErrorCode::NOT_CONTROLLER, ApiKey::CreateTopics);
/// assert!(error.is_retriable());
/// assert_eq!(error.to_string(), "CreateTopics was answered with NOT_CONTROLLER");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A broker answered with an error code.
    Broker {
        /// The code.
        code: ErrorCode,
        /// The API that was asked.
        api: ApiKey,
        /// What it was about, as far as it was about one topic.
        topic: Option<TopicName>,
        /// What it was about, as far as it was about one partition.
        partition: Option<PartitionIndex>,
        /// The broker's own words, if it had any.
        message: Option<String>,
    },
    /// No connection could be made, or it broke.
    Connection {
        /// The broker's address.
        address: String,
        /// Whether the request had been handed to the connection, so that the broker may have acted on it.
        sent: bool,
        /// What happened.
        source: Arc<std::io::Error>,
    },
    /// The answer did not come in time.
    Timeout {
        /// What was waited for.
        operation: &'static str,
        /// For how long.
        after: Duration,
        /// What went wrong last, if the operation was tried several times.
        cause: Option<Box<Self>>,
    },
    /// The broker and this client have no version of the API in common.
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The broker's first and last version; `None` when it does not have the API.
        broker: Option<(i16, i16)>,
    },
    /// The broker sent something that is not the answer it should be.
    Protocol {
        /// The API that was asked.
        api: ApiKey,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The request cannot be made of what was given.
    Invalid(String),
    /// A record was not acknowledged.
    NotDelivered {
        /// The record's topic.
        topic: TopicName,
        /// The record's partition.
        partition: PartitionIndex,
        /// Whether the record may be in the log all the same: it was sent, and nobody knows what became of it.
        may_be_in_log: bool,
        /// Why.
        cause: Box<Self>,
    },
    /// A leader no longer holds what a consumer has read, and the consumer is not to go on by itself.
    LogTruncated {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset that was to be read next.
        position: Offset,
        /// The first offset at which the log is another than the one that was read.
        diverged_at: Offset,
    },
    /// The transaction that it was part of has been aborted.
    Aborted,
    /// The producer or the consumer has been closed.
    Closed,
}

impl Error {
    /// A broker's error code without more context.
    pub const fn broker(code: ErrorCode, api: ApiKey) -> Self {
        Self::Broker { code, api, topic: None, partition: None, message: None }
    }

    /// The broker's error code, if that is what it was, or what a wrapped error was.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::NotDelivered { cause, .. } => cause.code(),
            _ => None,
        }
    }

    /// Whether the same operation may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker { code, .. } => code.is_retriable(),
            Self::Connection { .. } | Self::Timeout { .. } => true,
            Self::NotDelivered { cause, .. } => cause.is_retriable(),
            Self::UnsupportedVersion { .. }
            | Self::Protocol { .. }
            | Self::Invalid(_)
            | Self::LogTruncated { .. }
            | Self::Aborted
            | Self::Closed => false,
        }
    }

    /// Whether a record that failed with this error may be in the log: then sending it again may write it twice.
    pub const fn may_be_in_log(&self) -> bool {
        matches!(self, Self::NotDelivered { may_be_in_log: true, .. })
    }

    pub(super) fn connection(address: &str, sent: bool, source: std::io::Error) -> Self {
        Self::Connection { address: address.to_owned(), sent, source: Arc::new(source) }
    }

    pub(super) fn protocol(api: ApiKey, reason: impl fmt::Display) -> Self {
        Self::Protocol { api, reason: reason.to_string() }
    }

    pub(super) fn about(self, name: &TopicName, index: Option<PartitionIndex>) -> Self {
        match self {
            Self::Broker { code, api, message, .. } => {
                Self::Broker { code, api, topic: Some(name.clone()), partition: index, message }
            }
            other => other,
        }
    }

    pub(super) fn saying(self, words: Option<impl fmt::Display>) -> Self {
        match self {
            Self::Broker { code, api, topic, partition, .. } => {
                Self::Broker { code, api, topic, partition, message: words.map(|words| words.to_string()) }
            }
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker { code, api, topic, partition, message } => {
                write!(f, "{api}")?;
                match (topic, partition) {
                    (Some(topic), Some(partition)) => write!(f, " for {topic}-{partition}")?,
                    (Some(topic), None) => write!(f, " for {topic}")?,
                    _ => {}
                }
                write!(f, " was answered with {code}")?;
                message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
            }
            Self::Connection { address, source, .. } => write!(f, "the connection to {address} failed: {source}"),
            Self::Timeout { operation, after, cause } => {
                write!(f, "{operation} did not finish within {after:?}")?;
                cause.as_ref().map_or(Ok(()), |cause| write!(f, "; last: {cause}"))
            }
            Self::UnsupportedVersion { api, broker: Some((min, max)) } => {
                let ours = api.versions();
                let (our_min, our_max) = (ours.min, ours.max);
                write!(f, "the broker speaks {api} {min} to {max}, and this client {our_min} to {our_max}")
            }
            Self::UnsupportedVersion { api, broker: None } => write!(f, "the broker does not have {api}"),
            Self::Protocol { api, reason } => write!(f, "the answer to {api} makes no sense: {reason}"),
            Self::Invalid(reason) => f.write_str(reason),
            Self::NotDelivered { topic, partition, may_be_in_log, cause } => {
                let fate = if *may_be_in_log { "may be in the log" } else { "is not in the log" };
                write!(f, "a record for {topic}-{partition} was not acknowledged and {fate}: {cause}")
            }
            Self::LogTruncated { topic, partition, position, diverged_at } => write!(
                f,
                "{topic}-{partition} was truncated: the log differs from what was read from offset {diverged_at} on, \
                 and offset {position} was to be read next"
            ),
            Self::Aborted => f.write_str("its transaction has been aborted"),
            Self::Closed => f.write_str("it has been closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection { source, .. } => Some(source),
            Self::NotDelivered { cause, .. } | Self::Timeout { cause: Some(cause), .. } => Some(cause),
            _ => None,
        }
    }
}
