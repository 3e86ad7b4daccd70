//! The workloads that come with the crate: what each shows when all is well, and that nothing is found that is not there.

use rehearsal::base::{Command, ProcessAction};
use rehearsal::check::{CommitPolicy, Verdict};
use rehearsal::fault::{FaultPlan, PlannedCommand};
use rehearsal::sim::{GroupProtocolName, Run, RunFile, Swarm, Workload, WorkloadKind};
use rehearsal::{ApiKey, Fault};
use std::collections::BTreeMap;

fn run(file: &RunFile) -> Run {
    file.run().unwrap_or_else(|error| panic!("{error}\n{file}\n{}", file.to_json().unwrap()))
}

#[test]
fn without_faults_every_workload_keeps_its_promises_and_ends() {
    let check = |workload: Workload| {
        let file = RunFile::new(1, workload);
        let run = run(&file);
        assert!(run.is_ok() && run.report().findings.is_empty(), "{file}\n{run}");
        assert!(run.counters()["acknowledged"] >= 100 && run.counters()["delivered"] >= 100, "{run}");
    };
    for kind in WorkloadKind::ALL {
        check(Workload::new(*kind));
    }
    for kind in [WorkloadKind::Grouped, WorkloadKind::Copy] {
        let mut workload = Workload::new(kind);
        workload.config.group_protocol = GroupProtocolName::Consumer;
        check(workload);
    }
}

/// How many seeds: `SEEDS=10000 cargo test --release --test sim baseline -- --nocapture` is the long form, and
/// `FIRST_SEED` says where it begins.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("FIRST_SEED").unwrap_or(0);
    first..first + number("SEEDS").unwrap_or(12)
}

#[test]
fn the_baseline_of_all_workloads_has_no_findings() {
    let mut seen = BTreeMap::<&str, u64>::new();
    let mut failures = 0;
    for seed in seeds() {
        // In turn, so that a few seeds see all.
        let kind = WorkloadKind::ALL[usize::try_from(seed).unwrap() % WorkloadKind::ALL.len()];
        let file = Swarm::default().file_of(seed, kind);
        let run = run(&file);
        run.counters().iter().for_each(|(name, count)| *seen.entry(name).or_default() += count);
        let wrong = run.report().findings.iter().any(|found| found.verdict != Verdict::Expected);
        if wrong || !run.is_ok() {
            failures += 1;
            println!("{file}\n{run}");
            if let Ok(dir) = std::env::var("FAILURES") {
                std::fs::write(format!("{dir}/{kind:?}-{seed}.json"), file.to_json().unwrap()).unwrap();
            }
        }
    }
    println!("{seen:?}");
    assert_eq!(failures, 0, "seeds with findings");
    // A baseline in which nothing happened would prove nothing.
    for name in ["acknowledged", "delivered", "processed", "failovers", "faults fired", "retried batches", "rebalances"]
    {
        assert!(seen[name] > 0, "no {name}: {seen:?}");
    }
}

/// Copiers died between the end of a transaction and its answer. Their copies had been committed, readers had them, and
/// the runs waited for them to their last moment and were undecided.
#[test]
fn a_copy_is_there_although_its_maker_never_learned_that_it_was_committed() {
    let mut workload = Workload::new(WorkloadKind::Copy);
    (workload.producers, workload.consumers, workload.records) = (1, 1, 5);
    let lost = Fault::on(ApiKey::EndTxn).once().lose_answer();
    let crash = Command::Process { process: 1, action: ProcessAction::Crash };
    let mut file = RunFile::new(1, workload);
    file.faults = FaultPlan::new()
        .fault(lost)
        .command(PlannedCommand::new(crash).named("crash").at_ms(1_000).for_ms(1_000))
        .heal_at_ms(5_000);
    let run = run(&file);
    assert!(run.is_ok() && run.report().findings.is_empty(), "{file}\n{run}");
}

#[test]
fn a_copier_that_commits_beside_its_transactions_is_convicted() {
    let mut codes = Vec::new();
    for seed in 40..60 {
        let mut file = Swarm::default().options(false).file_of(seed, WorkloadKind::Copy);
        file.workload.config.commit = Some(CommitPolicy::AfterProcessed);
        let run = run(&file);
        codes.extend(run.expectation().map(|expected| expected.codes).unwrap_or_default());
        if !codes.is_empty() {
            assert_eq!(run.expectation().unwrap().verdict, Verdict::Gap, "{run}");
            return;
        }
    }
    panic!("no seed shows it");
}
