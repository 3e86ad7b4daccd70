//! The checker: a history goes in, and what was lost, doubled, reordered or seen too early comes out, with its witness.
//!
//! Not here: where histories come from. They are recorded by a [`Recorder`], read from JSON lines, or made from a
//! cluster's journal by whoever knows both; they may come from a real Kafka as well.
//!
//! ```text
//!  events ──> History ──> facts ──> rules ──> findings ──> Report
//!             (tables)    (who saw   (one file  (counted,    (verdicts by contract,
//!                          what)      each)      examples)    consequences hidden)
//! ```
//!
//! An anomaly is not yet a verdict: what it means follows from what the configuration promises and what the test
//! requires ([`Contract`], [`Verdict`]). What the history does not show is [`Verdict::Unknown`], never a pass.

mod code;
mod contract;
mod definiteness;
pub mod event;
mod facts;
mod findings;
mod graph;
mod history;
mod invariants;
mod names;
mod recorder;
mod report;
mod setup;

pub use code::CATALOGUE;
pub use code::Code;
pub use code::IMPLIES;
pub use code::Row;
pub use code::Severity;
pub use code::View;
pub use contract::Contract;
pub use contract::Lint;
pub use contract::Verdict;
pub use contract::lint;
pub use definiteness::Attempt;
pub use definiteness::COMMIT;
pub use definiteness::Operation;
pub use definiteness::PRODUCE;
pub use definiteness::answer;
pub use definiteness::classify;
pub use event::Event;
pub use history::History;
pub use history::HistoryBuilder;
pub use history::HistoryError;
pub use history::Mistake;
pub use history::PartitionNumber;
pub use history::ProducerNumber;
pub use history::Reader;
pub use names::RecordName;
pub(crate) use names::hash;
pub use recorder::HEADER;
pub use recorder::OpGuard;
pub(crate) use recorder::Open;
pub use recorder::Process;
pub use recorder::Recorder;
pub use report::Example;
pub use report::Finding;
pub use report::Outcome;
pub use report::Report;
pub use report::Step;
pub use setup::Acks;
pub use setup::CommitPolicy;
pub use setup::OffsetReset;
pub use setup::Setup;
pub use setup::TopicSetup;
