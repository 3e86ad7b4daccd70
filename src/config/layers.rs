//! Where a value in force comes from: the topic's own, the broker's three layers, or the default.
//!
//! Not here: whether a change is allowed; see `change`.

use std::collections::BTreeMap;

use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::Value;
use crate::config::tables::ConfigKind;
use crate::config::tables::definitions;
use crate::config::tables::find;

/// What somebody has set, by name, as it was written.
pub type Overrides = BTreeMap<String, String>;

/// Who set a value, as `DescribeConfigs` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each name is Kafka's own and says all there is to say")]
pub enum ConfigSource {
    TopicConfig = 1,
    DynamicBrokerConfig = 2,
    DynamicDefaultBrokerConfig = 3,
    StaticBrokerConfig = 4,
    DefaultConfig = 5,
    DynamicBrokerLoggerConfig = 6,
    ClientMetricsConfig = 7,
    GroupConfig = 8,
}

impl ConfigSource {
    /// The number in a `DescribeConfigs` answer.
    pub const fn number(self) -> i8 {
        self as i8
    }
}

/// What is set on one broker, strongest first; below them are the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BrokerLayers {
    /// Set while running, for this broker.
    pub dynamic: Overrides,
    /// Set while running, for every broker.
    pub dynamic_default: Overrides,
    /// Set before the start, as in `server.properties`.
    pub fixed: Overrides,
}

/// One of the values that a config has or would have, strongest first in a description.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Synonym {
    /// The config's name in that place.
    pub name: String,
    /// Its value; `None` is null or not to be shown.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
}

/// One config as `DescribeConfigs` answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The value in force; `None` is null or not to be shown.
    pub value: Option<String>,
    /// Who set the value in force.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Every value it has or would have, strongest first.
    pub synonyms: Vec<Synonym>,
    /// Its row; `None` for a name that no table has.
    pub definition: Option<&'static Definition>,
}

impl Described {
    /// Whether its value must not be shown; so is that of an unknown config.
    pub fn is_sensitive(&self) -> bool {
        self.definition.is_none_or(Definition::is_sensitive)
    }

    /// The type's number in the answer; 0 is unknown.
    pub fn type_number(&self) -> i8 {
        self.definition.map_or(0, |row| row.kind.number())
    }
}

impl BrokerLayers {
    fn named(&self) -> [(&Overrides, ConfigSource); 3] {
        [
            (&self.dynamic, ConfigSource::DynamicBrokerConfig),
            (&self.dynamic_default, ConfigSource::DynamicDefaultBrokerConfig),
            (&self.fixed, ConfigSource::StaticBrokerConfig),
        ]
    }

    /// The text in force for the broker config `name`; `None` is null.
    pub fn text(&self, name: &str) -> Option<&str> {
        let set = self.named().into_iter().find_map(|(layer, _)| layer.get(name));
        set.map(String::as_str).or_else(|| find(ConfigKind::Broker, name).and_then(|row| row.default))
    }

    /// The value in force for the broker config `name`; one that its own row refuses counts as not set.
    pub fn value(&self, name: &str) -> Option<Value> {
        let row = find(ConfigKind::Broker, name)?;
        let set = self.named().into_iter().find_map(|(layer, _)| row.parse(layer.get(name)?).ok());
        set.or_else(|| row.parse(row.default?).ok())
    }

    /// The value in force for the config `name` of a topic with `topic` set on it.
    pub fn topic_value(&self, topic: &Overrides, name: &str) -> Option<Value> {
        let row = find(ConfigKind::Topic, name)?;
        let own = topic.get(name).and_then(|text| row.parse(text).ok());
        own.or_else(|| row.synonyms.iter().find_map(|synonym| self.in_topics_unit(row, synonym)))
            .or_else(|| row.parse(row.default?).ok())
    }

    /// The broker config `synonym` in the unit of the topic config that it stands in for.
    fn in_topics_unit(&self, row: &Definition, synonym: &str) -> Option<Value> {
        let value = self.value(synonym)?;
        let factor = match synonym.rsplit('.').next() {
            Some("hours") => 60 * 60 * 1000,
            Some("minutes") => 60 * 1000,
            _ => return Some(if is_no_retention(row, &value) { Value::Long(-1) } else { value }),
        };
        let ms = Value::Long(value.whole()?.saturating_mul(factor));
        Some(if is_no_retention(row, &ms) { Value::Long(-1) } else { ms })
    }

    /// The values of the broker config `name`, strongest first; those stronger than it in its family are left out.
    fn synonyms(&self, name: &str) -> Vec<Synonym> {
        let row = find(ConfigKind::Broker, name);
        let own = [name];
        let family: &[&str] = row.map(|row| row.synonyms).filter(|family| !family.is_empty()).unwrap_or(&own);
        let shown = row.is_some_and(|row| !row.is_sensitive());
        let mut all = Vec::new();
        for (layer, source) in self.named() {
            for name in family {
                if let Some(value) = layer.get(*name) {
                    all.push(Synonym { name: (*name).into(), value: shown.then(|| value.clone()), source });
                }
            }
        }
        for name in family {
            if let Some(value) = find(ConfigKind::Broker, name).and_then(|row| row.default) {
                let value = shown.then(|| value.to_owned());
                all.push(Synonym { name: (*name).into(), value, source: ConfigSource::DefaultConfig });
            }
        }
        // Kafka drops what comes before the config's own name, so that `log.retention.ms` never set shows no hours.
        all.into_iter().skip_while(|synonym| synonym.name != name).collect()
    }

    /// Every config of this broker, by name, with those unknown to the table that somebody has set.
    pub fn describe(&self) -> Vec<Described> {
        let known = definitions(ConfigKind::Broker).iter().filter(|row| self.is_described(row)).map(|row| row.name);
        let set = self.named().into_iter().flat_map(|(layer, _)| layer.keys().map(String::as_str));
        let names: std::collections::BTreeSet<&str> = known.chain(set).collect();
        names.into_iter().map(|name| self.described(name, self.synonyms(name))).collect()
    }

    /// What is set for every broker, by name: the description of the broker resource without a name.
    pub fn describe_default(&self) -> Vec<Described> {
        let only = |synonym: &Synonym| synonym.source == ConfigSource::DynamicDefaultBrokerConfig;
        let names = self.dynamic_default.keys();
        names
            .map(|name| {
                let layer = Self { dynamic_default: self.dynamic_default.clone(), ..Self::default() };
                layer.described(name, layer.synonyms(name).into_iter().filter(only).collect())
            })
            .collect()
    }

    fn is_described(&self, row: &Definition) -> bool {
        !row.internal || self.named().into_iter().any(|(layer, _)| layer.contains_key(row.name))
    }

    fn described(&self, name: &str, synonyms: Vec<Synonym>) -> Described {
        let definition = find(ConfigKind::Broker, name);
        let shown = definition.is_some_and(|row| !row.is_sensitive());
        Described {
            name: name.into(),
            value: self.text(name).filter(|_| shown).map(|text| normal(definition, text)),
            source: synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source),
            read_only: definition.is_none_or(|row| row.update == super::UpdateMode::ReadOnly),
            synonyms,
            definition,
        }
    }

    /// Every config of a group with `own` set on it, by name; what it leaves open, this broker says.
    pub fn describe_group(&self, own: &Overrides) -> Vec<Described> {
        let rows = definitions(ConfigKind::Group).iter();
        rows.map(|row| {
            let set = own.get(row.name).map(String::as_str);
            let text = set.or_else(|| self.text(&format!("group.{}", row.name))).or(row.default);
            let value = text.map(|text| normal(Some(row), text));
            let source = if set.is_some() { ConfigSource::GroupConfig } else { ConfigSource::DefaultConfig };
            let synonyms = vec![Synonym { name: row.name.into(), value: value.clone(), source }];
            Described { name: row.name.into(), value, source, read_only: false, synonyms, definition: Some(row) }
        })
        .collect()
    }

    /// Every config of a topic with `topic` set on it, by name.
    pub fn describe_topic(&self, topic: &Overrides) -> Vec<Described> {
        let rows = definitions(ConfigKind::Topic).iter();
        rows.filter(|row| !row.internal || topic.contains_key(row.name))
            .map(|row| {
                let value = self.topic_value(topic, row.name).map(|value| value.to_string());
                let mut synonyms = row.synonyms.first().map_or_else(Vec::new, |name| self.synonyms(name));
                if topic.contains_key(row.name) {
                    let source = ConfigSource::TopicConfig;
                    synonyms.insert(0, Synonym { name: row.name.into(), value: value.clone(), source });
                }
                let source = synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source);
                Described { name: row.name.into(), value, source, read_only: false, synonyms, definition: Some(row) }
            })
            .collect()
    }
}

/// Every config of a client metrics subscription with `own` set on it, by name.
pub fn describe_client_metrics(own: &Overrides) -> Vec<Described> {
    let rows = definitions(ConfigKind::ClientMetrics).iter();
    rows.map(|row| {
        let set = own.get(row.name).map(String::as_str);
        let value = set.or(row.default).map(|text| normal(Some(row), text));
        let source = ConfigSource::ClientMetricsConfig;
        let synonyms: Vec<_> =
            set.map(|_| Synonym { name: row.name.into(), value: value.clone(), source }).into_iter().collect();
        let source = synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source);
        Described { name: row.name.into(), value, source, read_only: false, synonyms, definition: Some(row) }
    })
    .collect()
}

/// `text` as Kafka shows the value it stands for.
fn normal(row: Option<&Definition>, text: &str) -> String {
    row.and_then(|row| row.parse(text).ok()).map_or_else(|| text.to_owned(), |value| value.to_string())
}

/// Kafka takes any negative retention time of a broker for "no limit".
fn is_no_retention(row: &Definition, value: &Value) -> bool {
    row.name == "retention.ms" && row.kind == ConfigType::Long && value.whole().is_some_and(|ms| ms < 0)
}
