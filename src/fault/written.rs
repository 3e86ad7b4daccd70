//! Faults in JSON and TOML: the fields under which they are written.

use super::action::Action;
use super::action::Stage;
use super::condition::Condition;
use super::error::FaultError;
use super::error::api_named;
use super::matching::Matching;
use super::rows::RowMatch;
use super::rule::Fault;
use super::rule::Trigger;
use super::target::Target;
use crate::base::ConnectionId;
use crate::wire::ApiKey;
use crate::wire::schema::Versions;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use serde::ser;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMatching {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api: Option<Api>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versions: Option<(i16, i16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broker: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transactional_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    producer_id: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    on: Matching,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    always: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    action: Action,
}

/// An API by its name, with the nearest one in the error.
struct Api(ApiKey);

impl Serialize for Api {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Api {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        api_named(&String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Matching {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.predicates.is_empty() {
            return Err(ser::Error::custom("a fault that matches by a closure cannot be written"));
        }
        let rows = self.rows.clone();
        let written = WrittenMatching {
            api: self.api.map(Api),
            versions: self.versions.map(|versions| (versions.min, versions.max)),
            broker: self.broker.clone(),
            client_id: self.client_id.clone(),
            client: self.client,
            principal: self.principal.clone(),
            connection: self.connection.map(|connection| connection.0),
            topic: rows.topic,
            partition: rows.partition,
            group: rows.group,
            transactional_id: rows.transactional_id,
            producer_id: self.producer_id,
            fields: self.fields.iter().cloned().collect(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matching {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |written: WrittenMatching| {
            let matching = Self::of(written);
            matching.check().map(|()| matching)
        };
        deserializer.deserialize_map(Checked(read, PhantomData))
    }
}

impl Matching {
    fn of(written: WrittenMatching) -> Self {
        Self {
            api: written.api.map(|api| api.0),
            versions: written.versions.map(|(min, max)| Versions::new(min, max)),
            broker: written.broker,
            client_id: written.client_id,
            client: written.client,
            principal: written.principal,
            connection: written.connection.map(ConnectionId),
            rows: RowMatch {
                topic: written.topic,
                partition: written.partition,
                group: written.group,
                transactional_id: written.transactional_id,
            },
            producer_id: written.producer_id,
            fields: written.fields.into_iter().collect(),
            predicates: Vec::new(),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let trigger = self.trigger.clone();
        if trigger.when_it_holds.is_some() {
            return Err(ser::Error::custom("a fault that waits for a closure to hold cannot be written"));
        }
        let Some(action) = self.action.clone() else {
            return Err(ser::Error::custom("a fault without an action cannot be written"));
        };
        let written = WrittenFault {
            name: self.name.clone(),
            on: self.on.clone(),
            nth: trigger.nth,
            every: trigger.every,
            times: trigger.times,
            always: trigger.always,
            probability: trigger.probability,
            from_ms: trigger.from_ms,
            until_ms: trigger.until_ms,
            after: trigger.after,
            when: trigger.when,
            stage: self.stage,
            action,
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |written: WrittenFault| {
            let fault = Self::of(written);
            fault.check().map(|()| fault)
        };
        deserializer.deserialize_map(Checked(read, PhantomData))
    }
}

impl Fault {
    fn of(written: WrittenFault) -> Self {
        Self {
            name: written.name,
            on: written.on,
            trigger: Trigger {
                nth: written.nth,
                every: written.every,
                times: written.times,
                always: written.always,
                probability: written.probability,
                from_ms: written.from_ms,
                until_ms: written.until_ms,
                after: written.after,
                when: written.when,
                when_it_holds: None,
            },
            stage: written.stage,
            action: Some(written.action),
        }
    }
}

/// Reads an object and checks it before its end, so that an error is said to be where the object is.
struct Checked<W, F>(F, PhantomData<W>);

impl<'de, W: Deserialize<'de>, T, F: FnOnce(W) -> Result<T, FaultError>> de::Visitor<'de> for Checked<W, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let written = W::deserialize(de::value::MapAccessDeserializer::new(map))?;
        (self.0)(written).map_err(de::Error::custom)
    }
}
