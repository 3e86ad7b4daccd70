//! Rows about readers of a log that is cut back under them by an unclean election, which is no secret: each leader has
//! an epoch.
//!
//! Not here: whether such an election should be allowed (`replication`). What it takes is lost on the right side too,
//! and expected there.

use super::support::{GROUP, Sending, TOPIC, cluster, member, planted, secs, topic};
use super::{Scenario, Side, check_side};
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset, Outcome, Setup, Verdict};
use rehearsal::client::{ClientMutant, StartFrom};
use rehearsal::sim::{AppError, Ending, Run, Simulation, System};
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[&SILENT_TRUNCATION, &COMMIT_WITHOUT_EPOCH];

/// The wrong side as everywhere; on the right side nothing but what the election took may be found.
#[track_caller]
fn judge(scenario: &Scenario) {
    check_side(scenario, Side::Wrong);
    let run = (scenario.run)(Side::Right);
    assert_eq!(run.report().outcome(), Outcome::Passed, "{run}");
    assert!(run.endings().iter().all(|ending| *ending == Ending::Finished), "{run}");
    let (headline, _) = scenario.expect[0];
    assert!(run.report().finding(headline).is_none(), "{run}");
}

fn setup(of: &[Contract]) -> Setup {
    Setup {
        intent: [&[Contract::NoDup, Contract::Ord, Contract::Base], of].concat(),
        unclean_leader_election: true,
        commit: CommitPolicy::AfterProcessed,
        auto_offset_reset: OffsetReset::Earliest,
        ..Setup::default()
    }
}

/// Records are sent all the time. After two seconds the leader dies that has been alone in sync for one; a follower
/// takes over that has less, and writes over the same offsets.
fn cut_back(simulation: Simulation) -> Simulation {
    simulation.nemesis(|system| async move { leader_is_outlived(&system).await })
}

async fn leader_is_outlived(system: &System) -> Result<(), AppError> {
    let partition = system.cluster().partition(TOPIC, 0);
    sleep(secs(1)).await;
    for follower in [2, 3] {
        partition.hold_replication(follower)?;
        partition.shrink_isr(follower)?;
    }
    sleep(secs(1)).await;
    system.cluster().broker(1).crash()?;
    partition.elect_unclean(2)?;
    for follower in [2, 3] {
        partition.release_replication(follower)?;
    }
    sleep(secs(5)).await;
    system.cluster().broker(1).restart()?;
    Ok(())
}

const SILENT_TRUNCATION: Scenario = Scenario {
    number: 5,
    name: "silent-truncation",
    wrong: "fetches do not say in which epoch the last record was written",
    schedule: "a reader pauses; the leader dies, one takes over that has less, and writes over what was read",
    expect: &[
        (Code::SilentTrunc, Verdict::Bug),
        (Code::InconsOff, Verdict::Expected),
        (Code::Lost, Verdict::Expected),
        (Code::CommittedTrunc, Verdict::Expected),
    ],
    right: Some("they do (KIP-320): the reader goes back to where the logs part"),
    must_reach: &["delivered", "elections", "faults"],
    run: |side| {
        let simulation = cluster(topic().config("unclean.leader.election.enable", "true")).processes(2);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending { count: 200, ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            let mut consumer = node.client().consumer().build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
            for _ in 0..80 {
                consumer.recv().await?;
            }
            let assigned = consumer.assignment();
            consumer.pause(&assigned)?;
            sleep(secs(10)).await;
            consumer.resume(&assigned)?;
            while timeout(secs(5), consumer.recv()).await.is_ok() {}
            Ok(())
        });
        planted(cut_back(simulation), side, ClientMutant::BlindToEpochs).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_05_silent_truncation() {
    judge(&SILENT_TRUNCATION);
}

const COMMIT_WITHOUT_EPOCH: Scenario = Scenario {
    number: 33,
    name: "commit-without-epoch",
    wrong: "offsets are committed without the epoch of the last record",
    schedule: "a member commits and leaves; the leader dies, one takes over that has less, and writes over what was \
               read; another member comes",
    expect: &[
        (Code::GroupLoss, Verdict::Bug),
        (Code::InconsOff, Verdict::Expected),
        (Code::Lost, Verdict::Expected),
        (Code::CommittedTrunc, Verdict::Expected),
    ],
    right: Some("with it: the next member goes back to where the logs part"),
    must_reach: &["processed", "commits", "elections", "faults"],
    run: run_commit_without_epoch,
};

fn run_commit_without_epoch(side: Side) -> Run {
    let simulation = cluster(topic().config("unclean.leader.election.enable", "true")).processes(3);
    let simulation = simulation.app(|node| async move {
        if node.index() == 0 {
            Sending { count: 200, ..Sending::default() }.run(&node).await;
            return Ok(());
        }
        let (after, at_most) = if node.index() == 1 { (secs(0), 80) } else { (secs(12), usize::MAX) };
        sleep(after).await;
        let mut consumer = member(&node).build();
        consumer.subscribe([TOPIC])?;
        let mut count = 0;
        while let Ok(record) = timeout(secs(5), consumer.recv()).await {
            let record = record?;
            node.processed(GROUP, &record);
            consumer.commit_record(&record).await?;
            count += 1;
            if count == at_most {
                break;
            }
        }
        consumer.close().await?;
        Ok(())
    });
    let setup = setup(&[Contract::Alo]);
    planted(cut_back(simulation), side, ClientMutant::CommitWithoutEpoch).setup(setup).run().unwrap()
}

#[test]
fn scenario_33_commit_without_epoch() {
    judge(&COMMIT_WITHOUT_EPOCH);
}
