//! Which requests a fault is about.

use super::error::FaultError;
use super::error::nearest;
use super::rows::RowMatch;
use super::rows::kinds;
use super::subject::Subject;
use super::target::Target;
use crate::base::ConnectionId;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::schema::FieldFacts;
use crate::wire::schema::FieldType;
use crate::wire::schema::Struct;
use crate::wire::schema::Versions;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

type Predicate = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Which requests are meant; what is not said fits every request.
#[derive(Clone, Default)]
pub struct Matching {
    pub(super) api: Option<ApiKey>,
    pub(super) versions: Option<Versions>,
    pub(super) broker: Option<Target>,
    pub(super) client_id: Option<String>,
    pub(super) client: Option<usize>,
    pub(super) principal: Option<String>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) producer_id: Option<i64>,
    pub(super) rows: RowMatch,
    pub(super) fields: Vec<(String, Value)>,
    pub(super) predicates: Vec<Predicate>,
}

impl Matching {
    /// Whether a request is meant. `clients` are the names of clients in the order in which they first asked.
    pub(super) fn fits(&self, subject: &Subject<'_>, clients: &[String]) -> bool {
        let client_id = subject.client_id.unwrap_or_default();
        self.api.is_none_or(|api| api == subject.api())
            && self.versions.is_none_or(|versions| versions.contains(subject.api_version))
            && self.client_id.as_deref().is_none_or(|wanted| wanted == client_id)
            && self.client.is_none_or(|n| clients.get(n).is_some_and(|name| name == client_id))
            && self.principal.as_deref().is_none_or(|wanted| wanted == subject.principal)
            && self.connection.is_none_or(|wanted| wanted == subject.connection)
            && self.broker.as_ref().is_none_or(|target| target.resolve(subject.world).contains(&subject.broker))
            && (self.rows.is_everything() || subject.rows().iter().any(|row| self.rows.fits(row)))
            && self.producer_id.is_none_or(|wanted| subject.producer_ids().contains(&wanted))
            && self.fields.iter().all(|(path, value)| has(subject.json(), &segments(path), value))
            && self.predicates.iter().all(|predicate| predicate(subject.request))
    }

    /// Refuses what no request can fit.
    ///
    /// # Errors
    /// [`FaultError`] with what was perhaps meant.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        let Some(api) = self.api else {
            if self.fields.is_empty() {
                return Ok(());
            }
            let why = "a field can only be matched on one API; name the API".to_owned();
            return Err(FaultError::Impossible(why));
        };
        let exists = api.versions();
        if let Some(versions) = self.versions.filter(|wanted| wanted.intersection(exists).is_empty()) {
            return Err(FaultError::Impossible(format!("{api} has the versions {exists}, never {versions}")));
        }
        let facts = api.request_facts().body;
        let kinds = kinds(facts);
        let says = [
            (self.rows.topic.is_some(), kinds.topics, "topics"),
            (self.rows.partition.is_some(), kinds.partitions, "partitions"),
            (self.rows.group.is_some(), kinds.groups, "groups"),
            (self.rows.transactional_id.is_some(), kinds.transactional_ids, "transactional ids"),
            (self.producer_id.is_some(), has_producers(api), "producer ids"),
        ];
        for (is_matched, exists, what) in says {
            if is_matched && !exists {
                return Err(FaultError::Impossible(format!("a request of {api} names no {what}")));
            }
        }
        self.fields.iter().try_for_each(|(path, value)| check_field(api, facts, path, value))
    }
}

fn has_producers(api: ApiKey) -> bool {
    fn has(facts: &Struct) -> bool {
        facts.fields.iter().any(|field| {
            field.name == "producer_id"
                || matches!(&field.ty, FieldType::Array(FieldType::Struct(inner)) | FieldType::Struct(inner) if has(inner))
        })
    }
    api == ApiKey::Produce || has(api.request_facts().body)
}

/// `topic_data[].name` as its field names.
fn segments(path: &str) -> Vec<&str> {
    path.split('.').map(|segment| segment.trim_end_matches("[]")).collect()
}

/// Whether any of the fields that the path leads to has this value.
fn has(value: &Value, path: &[&str], wanted: &Value) -> bool {
    match (value, path) {
        (Value::Array(elements), _) if !(path.is_empty() && wanted.is_array()) => {
            elements.iter().any(|element| has(element, path, wanted))
        }
        (Value::Object(fields), [name, rest @ ..]) => fields.get(*name).is_some_and(|value| has(value, rest, wanted)),
        (value, []) => value == wanted,
        _ => false,
    }
}

fn check_field(api: ApiKey, facts: &Struct, path: &str, value: &Value) -> Result<(), FaultError> {
    let mut facts = facts;
    let mut last: Option<&FieldFacts> = None;
    for segment in segments(path) {
        if let Some(field) = last {
            let (FieldType::Struct(inner) | FieldType::Array(FieldType::Struct(inner))) = &field.ty else {
                return Err(FaultError::UnknownField { api, path: path.to_owned(), nearest: None });
            };
            facts = inner;
        }
        last = facts.fields.iter().find(|field| field.name == segment);
        if last.is_none() {
            let names = facts.fields.iter().map(|field| (field.name.to_owned(), field.name));
            let nearest = nearest(names, segment);
            return Err(FaultError::UnknownField { api, path: path.to_owned(), nearest });
        }
    }
    let Some(field) = last else { return Ok(()) };
    let element = match (&field.ty, value) {
        (FieldType::Array(element), value) if !value.is_array() => element,
        (ty, _) => ty,
    };
    let (fits, expected) = match element {
        FieldType::Bool => (value.is_boolean(), "true or false"),
        FieldType::Int8 | FieldType::Int16 | FieldType::Uint16 | FieldType::Int32 | FieldType::Int64 => {
            (value.is_i64() || value.is_u64(), "a whole number")
        }
        FieldType::Float64 => (value.is_number(), "a number"),
        FieldType::Uuid => (value.is_string(), "a UUID of 22 characters"),
        FieldType::String => (value.is_string(), "a text"),
        FieldType::Bytes => (value.is_string(), "base64"),
        FieldType::Records => (value.is_object(), "records as {\"bytes\":…,\"batches\":…,\"records\":…}"),
        FieldType::Array(_) => (value.is_array(), "a list"),
        FieldType::Struct(_) => (value.is_object(), "an object"),
    };
    if fits || value.is_null() && !field.nullable.is_empty() {
        Ok(())
    } else {
        Err(FaultError::WrongType { api, path: path.to_owned(), expected })
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.api {
            Some(api) => write!(f, "{api}")?,
            None => f.write_str("any API")?,
        }
        let mut say = |name: &str, value: Option<String>| value.map_or(Ok(()), |value| write!(f, " {name}={value}"));
        say("versions", self.versions.map(|versions| format!("{}..={}", versions.min, versions.max)))?;
        say("broker", self.broker.as_ref().map(ToString::to_string))?;
        say("client_id", self.client_id.clone())?;
        say("client", self.client.map(|n| n.to_string()))?;
        say("principal", self.principal.clone())?;
        say("connection", self.connection.map(|id| id.to_string()))?;
        say("topic", self.rows.topic.clone())?;
        say("partition", self.rows.partition.map(|partition| partition.to_string()))?;
        say("group", self.rows.group.clone())?;
        say("transactional_id", self.rows.transactional_id.clone())?;
        say("producer_id", self.producer_id.map(|id| id.to_string()))?;
        for (path, value) in &self.fields {
            say(path, Some(value.to_string()))?;
        }
        say("and", (!self.predicates.is_empty()).then(|| "a closure".to_owned()))
    }
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matching({self})")
    }
}

/// Closures are equal if they are the same one.
impl PartialEq for Matching {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Predicate, &Predicate)| Arc::ptr_eq(a, b);
        self.api == other.api
            && self.versions == other.versions
            && self.broker == other.broker
            && self.client_id == other.client_id
            && self.client == other.client
            && self.principal == other.principal
            && self.connection == other.connection
            && self.producer_id == other.producer_id
            && self.rows == other.rows
            && self.fields == other.fields
            && self.predicates.len() == other.predicates.len()
            && self.predicates.iter().zip(&other.predicates).all(same)
    }
}
