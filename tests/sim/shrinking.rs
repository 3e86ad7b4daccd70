//! Failures with many faults, made small: what is left, how many runs it takes, and that what is kept replays.

use rehearsal::base::Seed;
use rehearsal::check::{Acks, Code, Contract, Verdict};
use rehearsal::fault::{FaultPlan, PlanScope};
use rehearsal::sim::{Failure, RunFile, Shrink, ShrinkError, Shrunk, Workload, WorkloadKind};
use std::time::Instant;

rehearsal::regressions!("fixtures/regressions");

/// Something configured wrongly, and what comes of it when enough breaks.
struct Mistake {
    workload: Workload,
    intent: &'static [Contract],
    failure: Failure,
}

fn mistake(kind: WorkloadKind, code: Code, intent: &'static [Contract], make: fn(&mut Workload)) -> Mistake {
    let mut workload = Workload::new(kind);
    make(&mut workload);
    Mistake { workload, intent, failure: Failure::Finding(code, Verdict::Gap) }
}

fn without_idempotence() -> Mistake {
    let intent = &[Contract::NoDup, Contract::Base];
    mistake(WorkloadKind::Plain, Code::Dup, intent, |workload| workload.config.idempotence = false)
}

fn acks_1() -> Mistake {
    let intent = &[Contract::Dur, Contract::Base];
    mistake(WorkloadKind::Plain, Code::Lost, intent, |workload| workload.config.acks = Acks::Leader)
}

/// Nothing is wrong with committing after processing, but for those who want nothing processed twice.
fn committed_after_processing() -> Mistake {
    mistake(WorkloadKind::Grouped, Code::GroupDup, &[Contract::Amo, Contract::Base], |_| {})
}

/// The first run with many faults that fails in this way.
fn found(mistake: &Mistake) -> RunFile {
    let topics = vec![("orders".to_owned(), mistake.workload.partitions)];
    let scope = PlanScope { topics, groups: mistake.workload.groups(), processes: 0, heal_at_ms: 20_000 };
    let file = |seed| RunFile {
        faults: FaultPlan::random(Seed(seed), &scope),
        intent: mistake.intent.to_vec(),
        ..RunFile::new(seed, mistake.workload.clone())
    };
    let fails = |file: &RunFile| Failure::of(&file.run().unwrap()) == Some(mistake.failure);
    (0..2000).map(file).filter(|file| file.faults.len() >= 10).find(fails).expect("some seed fails")
}

/// Makes it small, and holds it to what 4.6 of the specification asks of every failure.
fn shrunk(mistake: &Mistake) -> Shrunk {
    let file = found(mistake);
    let start = Instant::now();
    let small = Shrink::new(file).run(RunFile::run).unwrap();
    println!("{small}in {:.2?}", start.elapsed());
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
    small
}

#[test]
fn a_duplicate_among_many_faults_shrinks_to_one_lost_answer() {
    let small = shrunk(&without_idempotence());
    assert_eq!((small.file.faults.len(), small.file.workload.records), (1, 1), "{small}");
}

#[test]
fn a_loss_under_acks_1_shrinks_to_what_takes_the_leader_away() {
    shrunk(&acks_1());
}

/// Members of a group are thrown out when they have been away for too long, which takes many lost requests.
#[test]
#[ignore = "takes a minute without optimization"]
fn a_failure_that_takes_many_lost_requests_is_left_to_chance() {
    shrunk(&committed_after_processing());
}

#[test]
fn a_run_that_does_not_fail_is_given_back() {
    let file = RunFile::new(1, Workload { records: 3, ..Workload::new(WorkloadKind::Plain) });
    let refused = Shrink::new(file).run(RunFile::run).unwrap_err();
    assert!(matches!(refused, ShrinkError::Passed(run) if run.is_ok()));
}

/// After a change that was meant to change what happens in them:
/// `cargo test --release --test sim write_the_regressions -- --ignored`.
#[test]
#[ignore = "writes fixtures/regressions"]
fn write_the_regressions() {
    for path in kept() {
        std::fs::remove_file(path).unwrap();
    }
    for mistake in [without_idempotence(), acks_1()] {
        println!("{}", shrunk(&mistake).write_to(KEPT).unwrap().display());
    }
}

/// After a change that was meant to change how something happens in them, but not what:
/// `cargo test --test sim refresh_the_regressions -- --ignored`.
#[test]
#[ignore = "writes fixtures/regressions"]
fn refresh_the_regressions() {
    for path in kept() {
        let file = RunFile::read(&path).unwrap();
        let run = file.run().unwrap();
        assert_eq!(run.expectation(), file.expect, "{}\n{run}", path.display());
        std::fs::write(path, run.file().to_json().unwrap()).unwrap();
    }
}

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/regressions");

fn kept() -> Vec<std::path::PathBuf> {
    std::fs::read_dir(KEPT).unwrap().map(|entry| entry.unwrap().path()).collect()
}
