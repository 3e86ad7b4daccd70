//! Rows about leaders and followers: who may lead, and what is lost with it.

use super::support::{Sending, TOPIC, cluster, ms, secs, topic};
use super::{Scenario, judge};
use rehearsal::check::{Code, Contract, Setup, Verdict};
use rehearsal::sim::{AppError, Run, System};
use tokio::time::sleep;

pub(super) const SCENARIOS: &[&Scenario] = &[&ISR_SHRINK_UNCLEAN, &OFFLINE_NOT_LOST, &LAST_REPLICA_STANDING];

/// The followers stand still until the leader is alone in sync; then it dies, and the followers go on.
async fn leader_dies_alone_in_sync(system: &System) -> Result<(), AppError> {
    let cluster = system.cluster();
    let partition = cluster.partition(TOPIC, 0);
    sleep(secs(5)).await;
    for follower in [2, 3] {
        partition.hold_replication(follower)?;
    }
    sleep(secs(40)).await;
    cluster.broker(1).crash()?;
    for follower in [2, 3] {
        partition.release_replication(follower)?;
    }
    sleep(secs(60)).await;
    cluster.broker(1).restart()?;
    Ok(())
}

fn shrinking(min_isr: usize, unclean: bool) -> Run {
    let topic = topic().config("min.insync.replicas", min_isr.to_string());
    let topic = topic.config("unclean.leader.election.enable", unclean.to_string());
    let simulation = cluster(topic).app(|node| async move {
        Sending { pause: ms(500), delivery_timeout: secs(200), ..Sending::default() }.run(&node).await;
        Ok(())
    });
    let setup = Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base],
        min_insync_replicas: min_isr,
        unclean_leader_election: unclean,
        ..Setup::default()
    };
    simulation.nemesis(|system| async move { leader_dies_alone_in_sync(&system).await }).setup(setup).run().unwrap()
}

const ISR_SHRINK_UNCLEAN: Scenario = Scenario {
    number: 3,
    name: "isr-shrink-unclean",
    wrong: "`min.insync.replicas=1`, `unclean.leader.election.enable=true`",
    schedule: "the followers stand still until the leader is alone in sync; it dies, and is back a minute later",
    expect: &[(Code::Lost, Verdict::Gap), (Code::CommittedTrunc, Verdict::Gap)],
    right: Some("`min.insync.replicas=2`, no unclean elections"),
    must_reach: &["acknowledged", "faults"],
    run: |side| if side.is_wrong() { shrinking(1, true) } else { shrinking(2, false) },
};

#[test]
fn scenario_03_isr_shrink_unclean() {
    judge(&ISR_SHRINK_UNCLEAN);
}

const OFFLINE_NOT_LOST: Scenario = Scenario {
    number: 4,
    name: "offline-not-lost",
    wrong: "`min.insync.replicas=1`, but no unclean elections",
    schedule: "as 03",
    expect: &[],
    right: None,
    must_reach: &["acknowledged", "elections", "faults"],
    run: |_| shrinking(1, false),
};

#[test]
fn scenario_04_offline_not_lost() {
    judge(&OFFLINE_NOT_LOST);
}

/// The right twin of the catalogue is eligible leader replicas (KIP-966), which the brokers do not have yet.
const LAST_REPLICA_STANDING: Scenario = Scenario {
    number: 6,
    name: "last-replica-standing",
    wrong: "nothing is flushed before it is acknowledged, and there are no eligible leader replicas",
    schedule: "one follower after the other stands still until the leader is alone in sync; it loses its power, and is \
               back before the followers go on",
    expect: &[(Code::Lost, Verdict::Gap), (Code::CommittedTrunc, Verdict::Gap), (Code::SeqHole, Verdict::Gap)],
    right: Some("`flush.messages=1`"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let flush_each = !side.is_wrong();
        let topic = topic().config("min.insync.replicas", "2");
        let topic = if flush_each { topic.config("flush.messages", "1") } else { topic };
        let simulation = cluster(topic).app(|node| async move {
            Sending { count: 200, pause: ms(200), delivery_timeout: secs(300), ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            let partition = cluster.partition(TOPIC, 0);
            for follower in [3, 2] {
                sleep(secs(5)).await;
                partition.hold_replication(follower)?;
                sleep(secs(40)).await;
            }
            assert_eq!(partition.isr(), [1]);
            cluster.broker(1).power_loss()?;
            sleep(secs(5)).await;
            cluster.broker(1).restart()?;
            sleep(secs(5)).await;
            for follower in [3, 2] {
                partition.release_replication(follower)?;
            }
            Ok(())
        });
        let setup = Setup {
            intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base],
            min_insync_replicas: 2,
            flush_each,
            ..Setup::default()
        };
        simulation.setup(setup).run().unwrap()
    },
};

#[test]
fn scenario_06_last_replica_standing() {
    judge(&LAST_REPLICA_STANDING);
}
