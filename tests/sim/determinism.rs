//! The same seed is the same run: twice in one process, and in two.

use rehearsal::sim::{Error, Simulation, Swarm, WorkloadKind, check_determinism};
use std::cell::Cell;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn every_workload_is_the_same_run_twice_whatever_breaks() {
    for (seed, kind) in (100..).zip(WorkloadKind::ALL) {
        let file = Swarm::default().file_of(seed, *kind);
        let _ = file.check_determinism().unwrap_or_else(|error| panic!("{file}\n{error}"));
    }
}

#[test]
fn an_application_that_looks_outside_is_found_out() {
    let outside = Rc::new(Cell::new(0));
    let simulation = || {
        let outside = Rc::clone(&outside);
        Simulation::new(1).topic("orders", 1).app(move |node| {
            outside.set(outside.get() + 1);
            let later = Duration::from_millis(outside.get());
            async move {
                tokio::time::sleep(later).await;
                node.client().producer().build().send(rehearsal::client::ProducerRecord::new("orders")).await?;
                Ok(())
            }
        })
    };
    let Err(Error::Diverged(divergence)) = check_determinism(simulation) else { panic!("the same twice") };
    assert!(divergence.same > 0 && divergence.first != divergence.second, "{divergence}");
}

/// The file of the run that is done in two processes.
fn file() -> rehearsal::sim::RunFile {
    Swarm::default().file_of(5, WorkloadKind::Grouped)
}

/// What the other process runs; alone it shows nothing.
#[test]
fn one_run_for_another_process() {
    println!("trace hash {:016x}", file().run().unwrap().trace_hash());
}

#[test]
fn the_same_seed_is_the_same_run_in_two_processes() {
    let hash = |_| {
        let mut other = Command::new(std::env::current_exe().unwrap());
        let output =
            other.args(["--exact", "determinism::one_run_for_another_process", "--nocapture"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let at = text.find("trace hash ").unwrap_or_else(|| panic!("{text}"));
        text[at..at + 27].to_owned()
    };
    let (one, other) = (hash(1), hash(2));
    assert_eq!(one, other);
    assert_eq!(one, format!("trace hash {:016x}", file().run().unwrap().trace_hash()));
}
