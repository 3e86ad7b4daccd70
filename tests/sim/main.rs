//! Whole systems in virtual time, one module per subject.
//!
//! Not here: what one request does (`tests/it`).

mod core;
mod gallery;
mod search;
mod shrinking;
mod white_box;
mod workloads;
