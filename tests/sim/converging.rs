//! When a run is over: not before everybody knows what became of what was begun while something was broken.

use rehearsal::base::Offset;
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset as Reset, Setup, Verdict};
use rehearsal::client::{ConsumerBuilder, OffsetReset, ProducerRecord, StartFrom};
use rehearsal::fault::FaultPlan;
use rehearsal::sim::{Node, Run, Simulation};
use std::time::Duration;
use tokio::time::sleep;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn setup() -> Setup {
    Setup {
        intent: vec![Contract::Dur, Contract::Alo, Contract::Live, Contract::Base],
        commit: CommitPolicy::AfterProcessed,
        auto_offset_reset: Reset::Earliest,
        session_timeout_ms: 6_000,
        ..Setup::default()
    }
}

fn member(node: &Node) -> ConsumerBuilder {
    let consumer = node.client().consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
    consumer.session_timeout(secs(6)).enable_auto_commit(false)
}

/// Process 0 sends a record each second; the others read them as members of a group, and wait for the end meanwhile.
fn members(processes: usize, faults: &str) -> Run {
    let simulation = Simulation::new(1).topic("t", 1).processes(processes).app(|node| async move {
        if node.index() == 0 {
            let producer = node.client().producer().build();
            for _ in 0..12 {
                producer.send(ProducerRecord::new("t").value("x")).await?;
                sleep(secs(1)).await;
            }
            return Ok(());
        }
        sleep(secs(node.index() as u64)).await;
        let mut consumer = member(&node).build();
        consumer.subscribe(["t"])?;
        loop {
            let read = async {
                let record = consumer.recv().await?;
                node.processed("g", &record);
                consumer.commit().await
            };
            tokio::select! {
                biased;
                () = node.stopped() => return Ok(()),
                // What could not be committed is by the next one.
                read = read => drop(read),
            }
        }
    });
    let simulation = simulation.client(|client, _| client.request_timeout(secs(10)));
    let plan = FaultPlan::from_json(faults).unwrap();
    simulation.faults(plan).setup(setup()).converge_within(secs(60)).run().unwrap()
}

/// The answer to a commit was lost just before all was healed, and its consumer was told to wait for it no longer than
/// that: it passed for stuck.
#[test]
fn a_run_is_not_over_before_what_was_begun_in_bad_times_has_an_answer() {
    let run = members(
        2,
        r#"{"heal_at_ms": 15000, "faults": [{"on": {"api": "OffsetCommit"}, "from_ms": 10500, "action": "drop"}]}"#,
    );
    run.assert_ok();
    assert!(run.report().findings.is_empty(), "{run}");
    assert!(run.elapsed() > secs(20), "{run}");
}

/// A member was cut off, and its partition somebody else's when all was healed; that there was nothing left to do for the
/// other one did not mean that it knew.
#[test]
fn a_run_is_not_over_before_a_member_knows_that_its_partition_is_somebody_elses() {
    let run = members(
        3,
        r#"{"heal_at_ms": 15000, "faults": [{"on": {"client_id": "app-1"}, "always": true, "from_ms": 7500, "action": "drop"}]}"#,
    );
    run.assert_ok();
    let unexpected = run.report().findings.iter().filter(|found| found.verdict != Verdict::Expected);
    assert_eq!(unexpected.count(), 0, "{run}");
    assert!(run.elapsed() > secs(17), "{run}");
}

#[test]
fn a_partition_that_nobody_leads_when_all_should_be_well_is_noticed() {
    let simulation = Simulation::new(1).topic("t", 1).processes(2).app(|node| async move {
        if node.index() == 0 {
            node.client().producer().build().send(ProducerRecord::new("t").value("x")).await?;
            return Ok(());
        }
        let mut consumer = node.client().consumer().build();
        consumer.assign_topic("t", StartFrom::Offset(Offset(0))).await?;
        loop {
            tokio::select! {
                biased;
                () = node.stopped() => return Ok(()),
                _ = consumer.recv() => {}
            }
        }
    });
    let simulation = simulation.nemesis(|system| async move {
        sleep(secs(4)).await;
        system.cluster().partition("t", 0).leaderless()?;
        Ok(())
    });
    let run = simulation.setup(setup()).heal_after(secs(5)).converge_within(secs(20)).run().unwrap();
    assert!(!run.is_ok() && run.unmet().iter().any(|what| what == "t-0 has no leader"), "{run}");
    let found = run.report().findings.iter().find(|found| found.code == Code::Leaderless);
    assert_eq!(found.map(|found| found.verdict), Some(Verdict::Bug), "{run}");
}
