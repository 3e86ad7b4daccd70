//! What every layer speaks of: time, chance, identifiers, names and error codes.
//!
//! Not here: anything that knows a message, a log or a socket.

mod command;
mod error_code;
#[cfg(feature = "check")]
pub(crate) mod fnv;
mod ids;
pub mod murmur2;
mod mutant;
mod names;
pub mod reduce;
mod rng;
mod time;
mod uuid;

pub use command::BrokerAction;
pub use command::Command;
pub use command::GroupAction;
pub use command::LinkAction;
pub use command::Node;
pub use command::PartitionAction;
pub use command::ProcessAction;
pub use command::TransactionAction;
pub use error_code::ErrorCode;
pub use ids::BrokerId;
pub use ids::ConnectionId;
pub use ids::LeaderEpoch;
pub use ids::Offset;
pub use ids::PartitionIndex;
pub use ids::ProducerEpoch;
pub use ids::ProducerId;
#[doc(hidden)]
pub use mutant::BrokerMutant;
#[doc(hidden)]
pub use mutant::BrokerMutants;
pub use names::InvalidTopicName;
pub use names::TopicName;
pub use rng::Rng;
pub use rng::Seed;
pub use time::Instant;
pub use time::Timestamp;
pub use uuid::InvalidUuid;
pub use uuid::Uuid;
