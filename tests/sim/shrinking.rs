//! Failures with many faults, made small: what is left, how many runs it takes, and that what is kept replays.

use rehearsal::base::{Command, ProcessAction, Seed};
use rehearsal::check::event::Isolation;
use rehearsal::check::{Acks, Code, CommitPolicy, Contract, Verdict};
use rehearsal::fault::{FaultPlan, PlanScope, PlannedCommand};
use rehearsal::sim::{Failure, RunFile, Shrink, ShrinkError, Shrunk, Workload, WorkloadKind};
use rehearsal::{ApiKey, Fault};
use std::time::Duration;
use std::time::Instant;

rehearsal::regressions!("fixtures/regressions");

/// Something configured wrongly, and what comes of it when enough breaks.
struct Mistake {
    workload: Workload,
    intent: &'static [Contract],
    failure: Failure,
    /// What has to happen beside what breaks by chance.
    also: Option<fn(FaultPlan) -> FaultPlan>,
}

fn mistake(kind: WorkloadKind, code: Code, intent: &'static [Contract], make: fn(&mut Workload)) -> Mistake {
    let mut workload = Workload::new(kind);
    make(&mut workload);
    Mistake { workload, intent, failure: Failure::Finding(code, Verdict::Gap), also: None }
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
fn committed_after_processing(make: fn(&mut Workload)) -> Mistake {
    mistake(WorkloadKind::Grouped, Code::GroupDup, &[Contract::Amo, Contract::Base], make)
}

/// There is always a batch half done.
fn slow(workload: &mut Workload) {
    workload.config.process_ms = 300;
}

fn to_a_member(action: ProcessAction, for_ms: u64) -> PlannedCommand {
    PlannedCommand::new(Command::Process { process: 2, action }).at_ms(3_020).for_ms(for_ms)
}

/// The same, and a member crashes that has processed what it has not committed.
fn crashed_before_the_commit() -> Mistake {
    Mistake {
        also: Some(|plan| plan.command(to_a_member(ProcessAction::Crash, 4_000))),
        ..committed_after_processing(slow)
    }
}

/// A member stands still for longer than its session lasts, and goes on as if nothing had happened.
fn zombie() -> Mistake {
    Mistake {
        also: Some(|plan| plan.command(to_a_member(ProcessAction::Pause, 15_000))),
        ..committed_after_processing(slow)
    }
}

/// Offsets are committed when records are handed out, and the member crashes that has them.
fn committed_at_hand_off() -> Mistake {
    let make = |workload: &mut Workload| {
        slow(workload);
        workload.config.commit = Some(CommitPolicy::BeforeProcessed);
    };
    let mistake = mistake(WorkloadKind::Grouped, Code::GroupLoss, &[Contract::Alo, Contract::Base], make);
    Mistake { also: Some(|plan| plan.command(to_a_member(ProcessAction::Crash, 4_000))), ..mistake }
}

/// No transaction can be ended in time, and somebody reads what is aborted all the same.
fn read_uncommitted() -> Mistake {
    let make = |workload: &mut Workload| {
        workload.config.isolation = Isolation::ReadUncommitted;
        // Who commits offsets with the outputs has to read what is committed.
        workload.config.commit = Some(CommitPolicy::AfterProcessed);
        workload.config.transaction_timeout_ms = 5_000;
    };
    let mistake = mistake(WorkloadKind::Copy, Code::G1a, &[Contract::Iso, Contract::Base], make);
    let also = |plan: FaultPlan| {
        let late = Duration::from_millis(1_000)..Duration::from_millis(18_000);
        plan.fault(Fault::on(ApiKey::EndTxn).always().between(late).drop_it())
    };
    Mistake { also: Some(also), ..mistake }
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
    let mut files = (0..2000).map(file).filter(|file| file.faults.len() >= 10);
    let Some(also) = mistake.also else {
        return files.find(fails).expect("some seed fails");
    };
    let with = |file: &RunFile| RunFile { faults: also(file.faults.clone()), ..file.clone() };
    let needs = |file: &RunFile| fails(&with(file)) && Failure::of(&file.run().unwrap()).is_none();
    with(&files.find(needs).expect("some seed fails with it, and not without"))
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

/// What is left of the plan.
fn parts(small: &Shrunk) -> Vec<String> {
    (0..).map_while(|n| small.file.faults.part(n)).collect()
}

/// Whatever is done to the process: it may be less than a crash.
#[test]
fn a_crash_among_many_faults_shrinks_to_that_one_step() {
    let small = shrunk(&crashed_before_the_commit());
    assert!(parts(&small).len() == 1 && parts(&small)[0].contains("process "), "{small}");
    assert!(small.is_minimal, "{small}");
}

/// Members of a group are thrown out when they have been away for too long, which takes many lost requests.
#[test]
#[ignore = "takes a minute without optimization"]
fn a_failure_that_takes_many_lost_requests_is_left_to_chance() {
    shrunk(&committed_after_processing(|_| {}));
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
    for mistake in [without_idempotence(), acks_1(), committed_at_hand_off(), zombie(), read_uncommitted()] {
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
