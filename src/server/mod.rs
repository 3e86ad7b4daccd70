//! A running cluster: listeners, connections, the clock, and what a test does without a client.
//!
//! Not here: what a broker answers; the shell only carries bytes to the engine and back.

mod acceptor;
mod broker;
mod builder;
mod clock;
mod cluster;
mod connection;
mod damage;
mod epitaph;
mod error;
mod exchange;
mod expectation;
mod expected;
mod faults;
mod group;
mod inspect;
mod links;
#[cfg(feature = "check")]
mod onlooker;
mod partition;
mod plans;
mod record;
mod saved;
mod seeding;
mod shell;
mod transaction;

pub use broker::Broker;
pub use builder::ClusterBuilder;
pub use cluster::Cluster;
pub use cluster::Topic;
pub use error::Error;
pub use error::Result;
pub use exchange::Exchange;
pub use expectation::Expectation;
pub use expected::Expected;
pub use faults::FaultGuard;
pub use group::Group;
pub use links::Link;
pub use links::Links;
#[cfg(feature = "sim")]
pub(crate) use onlooker::Onlooker;
pub use partition::Partition;
pub use plans::PlanGuard;
pub use record::Record;
pub use record::StoredRecord;
pub use saved::SavedCluster;
pub use transaction::HeldMarkers;
pub use transaction::Transaction;
