//! A Kafka cluster that lives inside a test.

pub mod base;
pub mod client;
pub mod config;
pub mod net;
pub mod wire;

pub use base::ErrorCode;
pub use base::TopicName;
pub use base::Uuid;
pub use wire::ApiKey;
