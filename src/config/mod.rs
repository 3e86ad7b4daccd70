//! Topic, broker, group and client configuration as data: what each config is called, takes and means.
//!
//! Not here: who may change a config and what follows from a change; the broker's handlers say that.

mod broker_config;
mod broker_table;
mod change;
mod client_metrics_table;
mod definition;
mod group_table;
mod layers;
mod new_topic;
mod tables;
mod topic_config;
mod topic_table;
mod values;

#[cfg(test)]
mod tests;

pub use broker_config::BrokerConfig;
pub use change::ConfigOp;
pub use change::apply;
pub use change::validate;
pub use change::validate_dynamic;
pub use definition::ConfigError;
pub use definition::ConfigType;
pub use definition::Definition;
pub use definition::Importance;
pub use definition::UpdateMode;
pub use definition::Valid;
pub use definition::Value;
pub use layers::BrokerLayers;
pub use layers::ConfigSource;
pub use layers::Described;
pub use layers::Overrides;
pub use layers::Synonym;
pub use layers::describe_client_metrics;
pub use new_topic::NewTopic;
pub use tables::ConfigKind;
pub use tables::definitions;
pub use tables::find;
pub use topic_config::CleanupPolicy;
pub use topic_config::CompressionType;
pub use topic_config::MessageTimestampType;
pub use topic_config::TopicConfig;
