//! Strategies for proptest: records, requests, plans of faults and histories, for tests of one's own clients, codecs,
//! applications and checkers.
//!
//! Not here: bytes that are no message; fuzzers make better ones.
//!
//! ```
//! use proptest::prelude::*;
//! use rehearsal::fault::{FaultPlan, PlanScope};
//! use rehearsal::strategy;
//!
//! let scope = PlanScope { topics: vec![("orders".into(), 3)], heal_at_ms: 30_000, ..PlanScope::default() };
//! proptest!(|(plan in strategy::plans(scope))| {
//!     let text = plan.to_json().unwrap();
//!     prop_assert_eq!(FaultPlan::from_json(&text).unwrap().len(), plan.len());
//! });
//! ```

#[cfg(feature = "check")]
mod histories;
mod plans;
mod records;
mod requests;

#[cfg(feature = "check")]
pub use histories::histories;
pub use plans::PlanStrategy;
pub use plans::PlanTree;
pub use plans::plans;
pub use records::batches;
pub use records::records;
pub use requests::requests;
pub use requests::requests_of;
