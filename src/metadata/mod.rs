//! What the cluster's controller knows: topics and where their replicas live, brokers, overridden configuration.
//!
//! Not here: logs and leaders' epochs (each partition's log knows its own), and anything that answers a request.

mod brokers;
mod placement;
mod topics;

pub use brokers::Broker;
pub use brokers::BrokerState;
pub use brokers::Brokers;
pub use placement::place;
pub use topics::Topic;
pub use topics::Topics;
