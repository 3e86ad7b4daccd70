//! Bugs planted in the brokers that no row of the catalogue is about: the numbers go on behind it.
//!
//! Not here: those that have a row (`broker_mutants`).

use super::broker_mutants::{group, planted, read_along, setup, transactions};
use super::support::{GROUP, Sending, TOPIC, cluster, member, ms, record, safe_topic, secs};
use super::{Scenario, judge};
use rehearsal::base::BrokerMutant;
use rehearsal::check::{Code, Contract, Setup, Verdict};
use rehearsal::client::{IsolationLevel, ProducerRecord, StartFrom, TransactionError};
use rehearsal::{ApiKey, Fault};
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[
    &EPOCH_NOT_BUMPED,
    &ISR_NOT_SHRUNK,
    &COMMIT_NOT_PERSISTED,
    &SEGMENT_END_SKIPPED,
    &FOLLOWER_HW_AHEAD,
    &MARKER_TWICE,
    &PRODUCERS_FORGOTTEN,
    &WRONG_TOPIC_ID,
];

const EPOCH_NOT_BUMPED: Scenario = Scenario {
    number: 65,
    name: "epoch-not-bumped",
    wrong: "a planted bug: a producer that begins gets the epoch of the one before it",
    schedule: "a second producer begins with the transactional id of the first one, between two of its transactions",
    expect: &[(Code::AckOff, Verdict::Bug)],
    right: Some("without the bug: the first one is fenced"),
    must_reach: &["transactions committed"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::KeepsProducerEpoch).processes(2);
        let simulation = simulation.app(|node| async move {
            sleep(secs(if node.index() == 0 { 0 } else { 2 })).await;
            let mut producer = node.client().producer().transactional("t-1").init().await?;
            for n in 0..4 {
                let sending = async {
                    let txn = producer.begin().await?;
                    if let Ok(sent) = txn.enqueue(record(n)).await?.await {
                        drop(sent);
                    }
                    sleep(ms(500)).await;
                    txn.commit().await
                };
                let sent: Result<(), TransactionError> = sending.await;
                if sent.is_err() {
                    // Fenced, as one of the two is to be.
                    return Ok(());
                }
                sleep(ms(if node.index() == 0 { 700 } else { 300 })).await;
            }
            Ok(())
        });
        simulation.setup(transactions()).run().unwrap()
    },
};

#[test]
fn scenario_65_epoch_not_bumped() {
    judge(&EPOCH_NOT_BUMPED);
}

const ISR_NOT_SHRUNK: Scenario = Scenario {
    number: 66,
    name: "isr-not-shrunk",
    wrong: "a planted bug: nobody is taken out of the ISR who lags or is dead",
    schedule: "a follower dies for good",
    expect: &[(Code::Livelock, Verdict::Bug)],
    right: Some("without the bug: two of three suffice"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::KeepsIsr).app(|node| async move {
            Sending { pause: secs(5), delivery_timeout: secs(40), ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(10)).await;
            system.cluster().broker(3).crash()?;
            Ok(())
        });
        let intent = vec![Contract::Dur, Contract::Live, Contract::Base];
        simulation.heal_after(secs(20)).setup(Setup { intent, converge_ms: 90_000, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_66_isr_not_shrunk() {
    judge(&ISR_NOT_SHRUNK);
}

const COMMIT_NOT_PERSISTED: Scenario = Scenario {
    number: 67,
    name: "commit-not-persisted",
    wrong: "a planted bug: committed offsets are in the coordinator's memory only",
    schedule: "the coordinator of the group moves, and a member dies and comes back",
    expect: &[
        (Code::CommitLost, Verdict::Bug),
        (Code::StartRewind, Verdict::Bug),
        (Code::CommitRegress, Verdict::Bug),
        (Code::GroupDup, Verdict::Bug),
    ],
    right: Some("without the bug"),
    must_reach: &["commits", "processed", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::CommitsInMemory).processes(2);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            let mut consumer = member(&node).build();
            consumer.subscribe([TOPIC])?;
            while let Ok(record) = timeout(secs(30), consumer.recv()).await {
                let record = record?;
                if consumer.commit().await.is_ok() {
                    node.processed(GROUP, &record);
                }
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(5)).await;
            let group = system.cluster().group(GROUP);
            let home = group.coordinator().ok_or("nobody coordinates the group")?.0;
            group.move_coordinator(home % 3 + 1)?;
            system.crash_process(1, secs(1)).await?;
            Ok(())
        });
        simulation.setup(group()).run().unwrap()
    },
};

#[test]
fn scenario_67_commit_not_persisted() {
    judge(&COMMIT_NOT_PERSISTED);
}

const SEGMENT_END_SKIPPED: Scenario = Scenario {
    number: 68,
    name: "segment-end-skipped",
    wrong: "a planted bug: who asks for the last batch of a segment gets the next segment",
    schedule: "a log of small segments, and a reader that comes late and takes one batch at a time",
    expect: &[(Code::PollSkip, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "delivered"],
    run: |side| {
        let topic = safe_topic().config("segment.ms", "500");
        let simulation = planted(cluster(topic), side, BrokerMutant::SkipsEndOfSegment).processes(2);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending { pause: ms(50), ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            sleep(secs(7)).await;
            let mut consumer = node.client().consumer().max_partition_fetch_bytes(1).build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
            while let Ok(record) = timeout(secs(20), consumer.recv()).await {
                record?;
            }
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_68_segment_end_skipped() {
    judge(&SEGMENT_END_SKIPPED);
}

const FOLLOWER_HW_AHEAD: Scenario = Scenario {
    number: 69,
    name: "follower-hw-ahead",
    wrong: "a planted bug: a follower takes all that it has for committed",
    schedule: "a follower stands still; the other one becomes the leader",
    expect: &[(Code::HwBound, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "elections"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::FollowerRunsAhead).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let partition = system.cluster().partition(TOPIC, 0);
            system.cluster().links().between(1, 2).latency(ms(1))?;
            sleep(ms(1000)).await;
            partition.hold_replication(3)?;
            sleep(ms(400)).await;
            partition.elect(2)?;
            partition.release_replication(3)?;
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_69_follower_hw_ahead() {
    judge(&FOLLOWER_HW_AHEAD);
}

const MARKER_TWICE: Scenario = Scenario {
    number: 70,
    name: "marker-twice",
    wrong: "a planted bug: a marker is written again a second later; `transaction.version=1`, where epochs stay",
    schedule: "commits and aborts in turn, each transaction open for a while",
    expect: &[(Code::CrossTxn, Verdict::Gap)],
    right: Some("without the bug"),
    must_reach: &["transactions committed", "transactions aborted"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::WritesMarkersTwice).processes(2);
        let simulation = simulation.cluster(|cluster| cluster.transaction_version(1)).app(|node| async move {
            if node.index() == 1 {
                return read_along(&node, IsolationLevel::ReadCommitted).await;
            }
            let mut producer = node.client().producer().transactional("t-1").init().await?;
            for n in 0..10 {
                let txn = producer.begin().await?;
                txn.enqueue(record(n)).await?.await?;
                sleep(ms(1500)).await;
                if n % 2 == 0 { txn.commit().await? } else { txn.abort().await? }
            }
            Ok(())
        });
        simulation.setup(Setup { transaction_version: 1, ..transactions() }).run().unwrap()
    },
};

#[test]
fn scenario_70_marker_twice() {
    judge(&MARKER_TWICE);
}

const PRODUCERS_FORGOTTEN: Scenario = Scenario {
    number: 71,
    name: "producers-forgotten",
    wrong: "a planted bug: a new leader does not know what producers have sent",
    schedule: "the answer to the tenth batch is lost, and the partition gets another leader",
    expect: &[(Code::SeqHole, Verdict::Bug), (Code::Dup, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "elections", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::ForgetsProducers).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let lost = system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?;
            while lost.fired() == 0 {
                sleep(ms(1)).await;
            }
            system.cluster().partition(TOPIC, 0).elect(2)?;
            lost.keep();
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_71_producers_forgotten() {
    judge(&PRODUCERS_FORGOTTEN);
}

const WRONG_TOPIC_ID: Scenario = Scenario {
    number: 72,
    name: "wrong-topic-id",
    wrong: "a planted bug: the broker takes an unknown topic id for that of another topic",
    schedule: "the topic is deleted while a producer and a reader are at it; there is another one",
    expect: &[(Code::SeqHole, Verdict::Bug), (Code::Dup, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "delivered"],
    run: |side| {
        let simulation = cluster(safe_topic()).topic("other", 1).processes(3);
        let simulation = simulation.cluster(|cluster| cluster.broker_config("auto.create.topics.enable", "false"));
        let simulation = planted(simulation, side, BrokerMutant::MistakesTopicId).app(|node| async move {
            match node.index() {
                0 => Sending { delivery_timeout: secs(10), ..Sending::default() }.run(&node).await,
                1 => {
                    let producer = node.client().producer().build();
                    for n in 0..100_u32 {
                        let _ = producer.send(ProducerRecord::new("other").value(n.to_string())).await;
                        sleep(ms(20)).await;
                    }
                }
                _ => return read_along(&node, IsolationLevel::ReadUncommitted).await,
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(1)).await;
            system.cluster().delete_topic(TOPIC)?;
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_72_wrong_topic_id() {
    judge(&WRONG_TOPIC_ID);
}
