//! Configurations of topics, brokers and groups.

use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Target;
use super::Admin;
use super::PerItem;
use super::check;
use super::wrong_broker;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::messages::describe_configs::DescribeConfigsRequest;
use crate::wire::messages::describe_configs::DescribeConfigsResource;
use crate::wire::messages::describe_configs::DescribeConfigsResourceResult;
use crate::wire::messages::incremental_alter_configs::AlterConfigsResource;
use crate::wire::messages::incremental_alter_configs::AlterableConfig;
use crate::wire::messages::incremental_alter_configs::IncrementalAlterConfigsRequest;

/// What is configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConfigResource {
    /// A topic.
    Topic(String),
    /// A broker.
    Broker(BrokerId),
    /// All brokers.
    BrokerDefaults,
    /// A group.
    Group(String),
}

/// One value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` for one that is not set, or that the broker keeps to itself.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether the broker keeps the value to itself.
    pub is_sensitive: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for the broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// In the broker's file.
    StaticBroker,
    /// Kafka's own.
    Default,
    /// Set for the broker's loggers.
    DynamicBrokerLogger,
    /// Set for client metrics.
    DynamicClientMetrics,
    /// Set for the group.
    DynamicGroup,
    /// None of these.
    Unknown,
}

/// One change of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlterConfig {
    /// Sets a value.
    Set(String, String),
    /// Goes back to the default.
    Delete(String),
    /// Adds to a list.
    Append(String, String),
    /// Takes away from a list.
    Subtract(String, String),
}

impl ConfigResource {
    fn on_wire(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (2, name.clone()),
            Self::Broker(broker) => (4, broker.to_string()),
            Self::BrokerDefaults => (4, String::new()),
            Self::Group(group) => (32, group.clone()),
        }
    }

    fn from_wire(resource_type: i8, name: &str) -> Option<Self> {
        match resource_type {
            2 => Some(Self::Topic(name.to_owned())),
            4 if name.is_empty() => Some(Self::BrokerDefaults),
            4 => name.parse().ok().map(|id| Self::Broker(BrokerId(id))),
            32 => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }

    /// A broker's own configuration is known to that broker alone.
    const fn target(&self, otherwise: Target) -> Target {
        match self {
            Self::Broker(broker) => Target::Broker(*broker),
            _ => otherwise,
        }
    }
}

impl AlterConfig {
    fn into_row(self) -> AlterableConfig {
        let (name, config_operation, value) = match self {
            Self::Set(name, value) => (name, 0, Some(value)),
            Self::Delete(name) => (name, 1, None),
            Self::Append(name, value) => (name, 2, Some(value)),
            Self::Subtract(name, value) => (name, 3, Some(value)),
        };
        AlterableConfig { name: name.into(), config_operation, value: value.map(Into::into), ..Default::default() }
    }
}

impl ConfigSource {
    const fn from_wire(source: i8, is_default: bool) -> Self {
        match source {
            1 => Self::DynamicTopic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::DynamicBrokerLogger,
            7 => Self::DynamicClientMetrics,
            8 => Self::DynamicGroup,
            // Version 0 has only a flag.
            -1 if is_default => Self::Default,
            _ => Self::Unknown,
        }
    }
}

impl ConfigEntry {
    fn new(row: DescribeConfigsResourceResult) -> Self {
        Self {
            name: row.name.to_string(),
            value: row.value.map(|value| value.to_string()),
            source: ConfigSource::from_wire(row.config_source, row.is_default),
            is_read_only: row.read_only,
            is_sensitive: row.is_sensitive,
        }
    }
}

impl Admin {
    /// All values of some configurations.
    ///
    /// # Errors
    /// [`Error`] when a request as a whole failed.
    pub async fn describe_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
    ) -> Result<PerItem<ConfigResource, Vec<ConfigEntry>>> {
        let mut items = Vec::new();
        for (target, group) in by_target(resources.into_iter().map(|resource| (resource, ())), Target::Any) {
            let row = |(resource, ()): (ConfigResource, ())| {
                let (resource_type, name) = resource.on_wire();
                DescribeConfigsResource { resource_type, resource_name: name.into(), ..Default::default() }
            };
            let resources = group.into_iter().map(row).collect();
            let request = DescribeConfigsRequest { resources, ..Default::default() };
            let response = self.router.call(target, i16::MAX, &request, |_| ErrorCode::NONE).await?;
            for row in response.results {
                let resource = known(ApiKey::DescribeConfigs, row.resource_type, &row.resource_name)?;
                let result = check(ApiKey::DescribeConfigs, row.error_code, row.error_message);
                items.push((resource, result.map(|()| row.configs.into_iter().map(ConfigEntry::new).collect())));
            }
        }
        Ok(PerItem::new(items))
    }

    /// Changes single values of configurations and leaves the others as they are.
    ///
    /// # Errors
    /// [`Error`] when a request as a whole failed.
    pub async fn alter_configs<C: IntoIterator<Item = AlterConfig>>(
        &self,
        changes: impl IntoIterator<Item = (ConfigResource, C)>,
    ) -> Result<PerItem<ConfigResource, ()>> {
        let mut items = Vec::new();
        for (target, group) in by_target(changes, Target::Controller) {
            let row = |(resource, changes): (ConfigResource, C)| {
                let (resource_type, name) = resource.on_wire();
                let configs = changes.into_iter().map(AlterConfig::into_row).collect();
                AlterConfigsResource { resource_type, resource_name: name.into(), configs, ..Default::default() }
            };
            let resources = group.into_iter().map(row).collect();
            let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
            let verdict =
                |response: &crate::wire::messages::incremental_alter_configs::IncrementalAlterConfigsResponse| {
                    wrong_broker(response.responses.iter().map(|row| row.error_code))
                };
            let response = self.router.call(target, i16::MAX, &request, verdict).await?;
            for row in response.responses {
                let api = ApiKey::IncrementalAlterConfigs;
                let resource = known(api, row.resource_type, &row.resource_name)?;
                items.push((resource, check(api, row.error_code, row.error_message)));
            }
        }
        Ok(PerItem::new(items))
    }
}

fn known(api: ApiKey, resource_type: i8, name: &str) -> Result<ConfigResource> {
    ConfigResource::from_wire(resource_type, name)
        .ok_or_else(|| Error::protocol(api, format_args!("it is about a resource of type {resource_type}")))
}

/// Puts together what one broker is to be asked, in the order of first mention.
fn by_target<T>(
    resources: impl IntoIterator<Item = (ConfigResource, T)>,
    otherwise: Target,
) -> Vec<(Target, Vec<(ConfigResource, T)>)> {
    let mut groups: Vec<(Target, Vec<(ConfigResource, T)>)> = Vec::new();
    for (resource, item) in resources {
        let target = resource.target(otherwise);
        match groups.iter_mut().find(|(other, _)| *other == target) {
            Some((_, group)) => group.push((resource, item)),
            None => groups.push((target, vec![(resource, item)])),
        }
    }
    groups
}
