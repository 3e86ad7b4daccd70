//! The rules, one file per question that they ask. Each file says what it forbids, and reports with the events that show it.

mod acknowledgements;
mod commits;
mod compaction;
mod delivery;
mod duplicates;
mod end_to_end;
mod epochs;
mod fencing;
mod isolation;
mod key_order;
mod liveness;
mod log_shape;
mod loss;
mod ownership;
mod phantoms;
mod processing;
mod replication;
mod retention;
mod send_order;
mod stable_offset;
mod staleness;
mod starting;
mod transactions;
mod truncation;
mod txn_cycles;
mod unseen;
mod visible_failures;

use super::facts::Facts;
use super::findings::Findings;

/// A rule, or a few that share a pass.
pub(crate) type Rule = fn(&Facts<'_>, &mut Findings);

/// All rules, silent loss first.
pub(crate) const RULES: &[Rule] = &[
    loss::check,
    acknowledgements::check,
    phantoms::check,
    visible_failures::check,
    duplicates::check,
    send_order::check,
    log_shape::check,
    delivery::check,
    starting::check,
    unseen::check,
    staleness::check,
    key_order::check,
    ownership::check,
    commits::check,
    processing::check,
    isolation::check,
    transactions::check,
    txn_cycles::check,
    stable_offset::check,
    fencing::check,
    end_to_end::check,
    epochs::check,
    replication::check,
    truncation::check,
    retention::check,
    compaction::check,
    liveness::check,
];
