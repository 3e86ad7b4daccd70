//! Failures with many faults, made small: what is left, how many runs it takes, and that the file replays.

use rehearsal::base::Seed;
use rehearsal::check::{Acks, Code, Contract, Verdict};
use rehearsal::fault::{FaultPlan, PlanScope};
use rehearsal::sim::{Failure, RunFile, Shrink, ShrinkError, Shrunk, Workload, WorkloadKind};
use std::time::Instant;

/// The first run of a workload whose random faults make it fail in this way.
fn found(workload: &Workload, intent: &[Contract], failure: Failure, faults_min: usize) -> RunFile {
    let topics = vec![("orders".to_owned(), workload.partitions)];
    let scope = PlanScope { topics, heal_at_ms: 20_000, ..PlanScope::default() };
    let file = |seed| RunFile {
        faults: FaultPlan::random(Seed(seed), &scope),
        intent: intent.to_vec(),
        ..RunFile::new(seed, workload.clone())
    };
    let fails = |file: &RunFile| Failure::of(&file.run().unwrap()) == Some(failure);
    (0..2000).map(file).filter(|file| file.faults.len() >= faults_min).find(fails).expect("some seed fails")
}

fn shrunk(file: RunFile) -> Shrunk {
    let start = Instant::now();
    let small = Shrink::new(file).run(RunFile::run).unwrap();
    println!("{small}in {:.2?}\n{}", start.elapsed(), small.file.to_json().unwrap());
    small
}

/// What 4.6 of the specification asks of every failure.
fn assert_small(small: &Shrunk) {
    let Workload { producers, records, only, .. } = &small.file.workload;
    let sent = only.as_ref().map_or(producers * records, |only| u32::try_from(only.len()).unwrap());
    assert!(small.file.faults.len() <= 4, "{small}");
    assert!(sent <= 20, "{small}");
    assert!(small.runs <= 301, "{small}");
    // The file is what the run was.
    let again = RunFile::from_json(&small.file.to_json().unwrap()).unwrap();
    assert_eq!(again.mismatches(&again.run().unwrap()), [""; 0]);
    // The run next to it is fine.
    let contrast = small.contrast.as_ref().unwrap();
    assert_eq!(Failure::of(&contrast.run), None, "{small}");
}

#[test]
fn a_duplicate_among_many_faults_shrinks_to_one_lost_answer() {
    let mut workload = Workload::new(WorkloadKind::Plain);
    workload.config.idempotence = false;
    let failure = Failure::Finding(Code::Dup, Verdict::Gap);
    let small = shrunk(found(&workload, &[Contract::NoDup, Contract::Base], failure, 10));
    assert_small(&small);
    assert_eq!((small.file.faults.len(), small.file.workload.records), (1, 1), "{small}");
}

#[test]
fn a_loss_under_acks_1_shrinks_to_what_takes_the_leader_away() {
    let mut workload = Workload::new(WorkloadKind::Plain);
    workload.config.acks = Acks::Leader;
    let failure = Failure::Finding(Code::Lost, Verdict::Gap);
    let small = shrunk(found(&workload, &[Contract::Dur, Contract::Base], failure, 10));
    assert_small(&small);
}

#[test]
fn a_run_that_does_not_fail_is_given_back() {
    let file = RunFile::new(1, Workload { records: 3, ..Workload::new(WorkloadKind::Plain) });
    let refused = Shrink::new(file).run(RunFile::run).unwrap_err();
    assert!(matches!(refused, ShrinkError::Passed(run) if run.is_ok()));
}
