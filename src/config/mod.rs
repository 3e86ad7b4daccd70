//! Topic, broker, group and client configuration as data: what each config is called, takes and means.
//!
//! Not here: who may change a config and what follows from a change; the broker's handlers say that.

mod topic_config;

pub use topic_config::CleanupPolicy;
pub use topic_config::CompressionType;
pub use topic_config::MessageTimestampType;
pub use topic_config::TopicConfig;
