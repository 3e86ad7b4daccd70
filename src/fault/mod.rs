//! Faults as data: which request is hit, when, and what happens to it.
//!
//! Not here: carrying a fault out. This module decides; the engine and the connections act.
//!
//! ```
//! use rehearsal::{ApiKey, ErrorCode, Fault};
//!
//! let fault = Fault::on(ApiKey::Produce).topic("orders").times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
//! assert_eq!(fault.to_string(), "Produce topic=orders times=2: error NOT_LEADER_OR_FOLLOWER");
//!
//! let written = serde_json::to_string(&fault).unwrap();
//! assert_eq!(serde_json::from_str::<Fault>(&written).unwrap().to_string(), fault.to_string());
//! ```
//!
//! Rules are asked in the order in which they were injected, and the first that fires has the request to itself. A rule
//! fires once unless it is told otherwise. What a rule draws by chance depends on the seed, its own name and its own
//! count of requests, so that taking one fault away does not change what the others do.

mod action;
mod condition;
mod error;
mod matching;
mod plan;
mod random;
mod rows;
mod rule;
mod rules;
mod simpler;
mod subject;
mod target;
mod written;

pub use action::Action;
pub use action::BytesFault;
pub use action::Delay;
pub use action::Stage;
pub use condition::Condition;
pub use error::FaultError;
pub use matching::Matching;
pub use plan::FaultPlan;
pub use plan::PlannedCommand;
pub use random::PlanScope;
pub use rule::Fault;
pub use rules::FaultId;
pub use rules::FaultReport;
pub use rules::Firing;
pub use simpler::PlanTrace;
pub use target::Target;
pub use target::World;

pub(crate) use plan::opposite;
pub(crate) use rows::Row;
pub(crate) use rows::RowMatch;
pub(crate) use rows::merge_rows;
pub(crate) use rows::retain_rows;
pub(crate) use rows::rows;
pub(crate) use rules::Decision;
pub(crate) use rules::Faults;
pub(crate) use subject::Known;
pub(crate) use subject::Subject;
