//! Whole systems in virtual time, one module per subject.
//!
//! Not here: what one request does (`tests/it`).

mod cancelling;
mod census;
mod converging;
mod core;
mod determinism;
mod gallery;
mod processes;
mod search;
mod shrinking;
mod white_box;
mod workloads;

use rehearsal::client::Consumer;
use rehearsal::client::StartFrom;

/// A partition whose records were damaged is told once, and rests until somebody says where to go on: where it was.
fn read_again(consumer: &mut Consumer) {
    for partition in consumer.assignment() {
        let start = consumer.position(&partition).map_or(StartFrom::Earliest, StartFrom::Offset);
        consumer.seek(&partition, start).expect("it is assigned");
    }
}
