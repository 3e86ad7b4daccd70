//! Which requests are expected.
//!
//! Not here: how many, and what happens when they do not come (`expectation`).

use super::exchange::Exchange;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Uuid;
use crate::fault::Row;
use crate::fault::rows;
use crate::wire::ApiKey;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What a request must be like to be the expected one; everything that is said must hold.
///
/// ```
/// use rehearsal::{ApiKey, Expected};
/// let expected = Expected::of(ApiKey::Produce).to_topic("orders").from_client("app");
/// assert_eq!(expected.to_string(), "Produce, topic orders, client app");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a description of requests does nothing by itself"]
pub struct Expected {
    api: ApiKey,
    conditions: Vec<Condition>,
}

type Predicate = Arc<dyn Fn(&Exchange) -> bool + Send + Sync>;

#[derive(Clone)]
enum Condition {
    Topic(String),
    Partition(String, i32),
    Group(String),
    TransactionalId(String),
    Client(String),
    Broker(BrokerId),
    Version(i16),
    Answer(ErrorCode),
    Field(String, Value),
    Predicate(Predicate),
}

/// A request with what it is about.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) exchange: Exchange,
    rows: Vec<Row>,
}

impl Seen {
    pub(super) fn new(exchange: Exchange, names: &dyn Fn(Uuid) -> Option<String>) -> Self {
        let rows = rows(exchange.api().request_facts().body, &mut exchange.body(), names);
        Self { exchange, rows }
    }
}

impl Expected {
    /// Requests of an API.
    pub const fn of(api: ApiKey) -> Self {
        Self { api, conditions: Vec::new() }
    }

    fn with(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// That name this topic, among others perhaps. A fetch of a session names what has changed since the last one.
    pub fn to_topic(self, topic: impl Into<String>) -> Self {
        self.with(Condition::Topic(topic.into()))
    }

    /// That name this partition, among others perhaps.
    pub fn to_partition(self, topic: impl Into<String>, partition: i32) -> Self {
        self.with(Condition::Partition(topic.into(), partition))
    }

    /// That name this group.
    pub fn of_group(self, group: impl Into<String>) -> Self {
        self.with(Condition::Group(group.into()))
    }

    /// That name this transactional id.
    pub fn of_transactional_id(self, id: impl Into<String>) -> Self {
        self.with(Condition::TransactionalId(id.into()))
    }

    /// From clients that give themselves this name.
    pub fn from_client(self, client_id: impl Into<String>) -> Self {
        self.with(Condition::Client(client_id.into()))
    }

    /// To this broker.
    pub fn to_broker(self, broker: i32) -> Self {
        self.with(Condition::Broker(BrokerId(broker)))
    }

    /// In this version of the API.
    pub fn in_version(self, version: i16) -> Self {
        self.with(Condition::Version(version))
    }

    /// That were answered with this error code first; [`ErrorCode::NONE`] when there is no error in the answer.
    pub fn answered_with(self, code: ErrorCode) -> Self {
        self.with(Condition::Answer(code))
    }

    /// Whose body has this value in a field, named by its path: `acks`, or `topic_data.partition_data.index` where any
    /// of several counts.
    pub fn with_field(self, path: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(Condition::Field(path.into(), value.into()))
    }

    /// Of which this says true.
    pub fn such_that(self, predicate: impl Fn(&Exchange) -> bool + Send + Sync + 'static) -> Self {
        self.with(Condition::Predicate(Arc::new(predicate)))
    }

    pub(super) fn api(&self) -> ApiKey {
        self.api
    }

    pub(super) fn fits(&self, seen: &Seen) -> bool {
        seen.exchange.api() == self.api && self.conditions.iter().all(|condition| condition.fits(seen))
    }

    /// What a request of the API is not as expected, in words; empty when all is.
    pub(super) fn misses(&self, seen: &Seen) -> Vec<String> {
        let missed = self.conditions.iter().filter(|condition| !condition.fits(seen));
        missed.map(|condition| condition.miss(seen)).collect()
    }
}

impl Condition {
    fn fits(&self, seen: &Seen) -> bool {
        let exchange = &seen.exchange;
        match self {
            Self::Topic(topic) => seen.rows.iter().any(|row| row.topic.as_ref() == Some(topic)),
            Self::Partition(topic, partition) => {
                seen.rows.iter().any(|row| row.topic.as_ref() == Some(topic) && row.partition == Some(*partition))
            }
            Self::Group(group) => seen.rows.iter().any(|row| row.group.as_ref() == Some(group)),
            Self::TransactionalId(id) => seen.rows.iter().any(|row| row.transactional_id.as_ref() == Some(id)),
            Self::Client(client_id) => exchange.client_id() == client_id,
            Self::Broker(broker) => exchange.broker() == *broker,
            Self::Version(version) => exchange.version() == *version,
            Self::Answer(code) => exchange.response().is_some() && exchange.error_code() == *code,
            Self::Field(path, value) => has(&exchange.body(), path.split('.'), value),
            Self::Predicate(predicate) => predicate(exchange),
        }
    }

    /// What there is instead.
    fn miss(&self, seen: &Seen) -> String {
        let exchange = &seen.exchange;
        let all = |part: &dyn Fn(&Row) -> Option<String>| {
            let mut found: Vec<String> = seen.rows.iter().filter_map(part).collect();
            found.sort();
            found.dedup();
            if found.is_empty() { "none".to_owned() } else { found.join(", ") }
        };
        let instead = match self {
            Self::Topic(_) => all(&|row| row.topic.clone()),
            Self::Partition(..) => all(&|row| Some(format!("{}-{}", row.topic.as_ref()?, row.partition?))),
            Self::Group(_) => all(&|row| row.group.clone()),
            Self::TransactionalId(_) => all(&|row| row.transactional_id.clone()),
            Self::Client(_) => exchange.client_id().to_owned(),
            Self::Broker(_) => exchange.broker().to_string(),
            Self::Version(_) => exchange.version().to_string(),
            Self::Answer(_) if exchange.response().is_none() => "no answer".to_owned(),
            Self::Answer(_) => exchange.error_code().to_string(),
            Self::Field(..) | Self::Predicate(_) => return format!("not {self}"),
        };
        format!("not {self} but {instead}")
    }
}

/// Whether a field that the path leads to has this value.
fn has<'a>(value: &Value, mut path: impl Iterator<Item = &'a str> + Clone, wanted: &Value) -> bool {
    match value {
        Value::Array(elements) if value != wanted => elements.iter().any(|element| has(element, path.clone(), wanted)),
        Value::Object(fields) => match path.next() {
            Some(name) => fields.get(name).is_some_and(|value| has(value, path, wanted)),
            None => value == wanted,
        },
        value => path.next().is_none() && value == wanted,
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.api)?;
        self.conditions.iter().try_for_each(|condition| write!(f, ", {condition}"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic {topic}"),
            Self::Partition(topic, partition) => write!(f, "partition {topic}-{partition}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Client(client_id) => write!(f, "client {client_id}"),
            Self::Broker(broker) => write!(f, "broker {broker}"),
            Self::Version(version) => write!(f, "version {version}"),
            Self::Answer(code) => write!(f, "answered with {code}"),
            Self::Field(path, value) => write!(f, "{path} = {value}"),
            Self::Predicate(_) => f.write_str("as the closure says"),
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
