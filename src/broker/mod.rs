//! The brokers of a cluster as one state machine without clock, socket or task.
//!
//! Not here: bytes (the shell decodes requests and encodes responses) and time (the shell tells it).
//!
//! ```text
//! handle_input(now, Input) ----> dispatch ----> api/<one file per API> ----> State
//! handle_timeout(now) --------->    |  ^                                      |
//!                                   v  |  run again when a watched key ...    v
//! poll_output() <--------------- outputs  purgatory <------------------ touched keys
//! poll_timeout() <------------------------ deadlines
//! ```

mod api;
mod authorized;
mod changes;
mod command;
mod configs;
mod control;
mod coordinator_writes;
mod coordinators;
mod details;
mod effects;
mod engine;
mod faults;
mod fetch_session;
mod gate;
mod group_command;
mod group_snapshot;
mod leadership;
mod links;
mod outcome;
mod plans;
mod purgatory;
mod reassignment;
mod release;
mod replica_selector;
mod replication;
mod saved;
mod settings;
mod snapshot;
mod state;
mod topics;
mod transaction_command;
mod transaction_snapshot;
mod verification;
mod view;
mod world;

pub use crate::coordinator::GroupState;
pub use crate::coordinator::TransactionState;
pub use crate::metadata::Broker;
pub use crate::metadata::BrokerState;
pub use api::Support;
pub use api::support;
pub use engine::Engine;
pub use engine::EngineConfig;
pub use engine::Input;
pub use engine::Output;
pub use group_snapshot::CommittedOffset;
pub use group_snapshot::GroupMemberSnapshot;
pub use group_snapshot::GroupSnapshot;
pub use release::InvalidRelease;
pub use release::Release;
pub use saved::SavedState;
pub use snapshot::ClusterSnapshot;
pub use snapshot::PartitionSnapshot;
pub use snapshot::TopicSnapshot;
pub use topics::Refusal;
pub use transaction_snapshot::TransactionSnapshot;
