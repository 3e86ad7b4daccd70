//! A Kafka cluster that lives inside a test.

pub mod base;
pub mod broker;
pub mod client;
pub mod config;
pub mod guide;
pub mod journal;
pub mod log;
pub mod metadata;
pub mod net;
pub mod server;
pub mod wire;

pub use base::ErrorCode;
pub use base::TopicName;
pub use base::Uuid;
pub use broker::NewTopic;
pub use client::Client;
pub use server::Cluster;
pub use server::ClusterBuilder;
pub use server::Error;
pub use server::Record;
pub use server::Result;
pub use server::SavedCluster;
pub use server::StoredRecord;
pub use wire::ApiKey;
