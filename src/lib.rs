//! A Kafka cluster that lives inside a test.

pub mod base;
pub mod broker;
pub mod config;
pub mod journal;
pub mod log;
pub mod metadata;
pub mod net;
pub mod wire;

pub use base::ErrorCode;
pub use base::TopicName;
pub use base::Uuid;
pub use broker::NewTopic;
pub use wire::ApiKey;
