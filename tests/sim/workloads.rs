//! The workloads that come with the crate: what each shows when all is well, and that nothing is found that is not there.

use rehearsal::check::Verdict;
use rehearsal::fault::{FaultPlan, PlanScope};
use rehearsal::sim::{GroupProtocolName, RunFile, Workload, WorkloadKind};
use rehearsal::{base::Seed, sim::Run};

fn run(file: &RunFile) -> Run {
    file.run().unwrap()
}

fn all() -> Vec<Workload> {
    let mut all: Vec<Workload> = WorkloadKind::ALL.iter().map(|kind| Workload::new(*kind)).collect();
    for kind in [WorkloadKind::Grouped, WorkloadKind::Copy] {
        let mut workload = Workload::new(kind);
        workload.config.group_protocol = GroupProtocolName::Consumer;
        all.push(workload);
    }
    all
}

#[test]
fn without_faults_every_workload_keeps_its_promises_and_ends() {
    for workload in all() {
        let file = RunFile::new(1, workload);
        let run = run(&file);
        assert!(run.is_ok() && run.report().findings.is_empty(), "{:?}\n{run}", file.workload);
        assert_eq!(run.report().counters["acknowledged"] % 100, 0, "{:?}\n{run}", file.workload);
        assert!(run.report().counters["delivered"] > 0, "{run}");
        println!("{:?} {:?} {:?}", file.workload.kind, run.elapsed(), run.report().counters);
    }
}

#[test]
fn x_swarm() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(3);
    for workload in all() {
        let mut seen = std::collections::BTreeMap::<&str, u64>::new();
        for seed in 0..seeds {
            let mut file = RunFile::new(seed, workload.clone());
            let topics = vec![("orders".to_owned(), 2)];
            let scope = PlanScope { topics, groups: workload.groups(), heal_at_ms: 15_000 };
            file.faults = FaultPlan::random(Seed(seed), &scope);
            let started = std::time::Instant::now();
            let run = run(&file);
            run.report().counters.iter().for_each(|(name, count)| *seen.entry(name).or_default() += count);
            let wrong: Vec<_> =
                run.report().findings.iter().filter(|found| found.verdict != Verdict::Expected).collect();
            let slow = started.elapsed();
            if !wrong.is_empty() || !run.is_ok() {
                println!("{:?} {seed} {slow:?} {run}", file.workload.kind);
                std::fs::write(format!("/tmp/simfail-{:?}-{seed}.json", workload.kind), file.to_json().unwrap())
                    .unwrap();
            }
        }
        println!("{:?} {:?} {seen:?}", workload.kind, workload.config.group_protocol);
    }
}
