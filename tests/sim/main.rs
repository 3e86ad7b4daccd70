//! Whole systems in virtual time, one module per subject.
//!
//! Not here: what one request does (`tests/it`).

mod cancelling;
mod census;
mod core;
mod determinism;
mod gallery;
mod processes;
mod search;
mod shrinking;
mod white_box;
mod workloads;
