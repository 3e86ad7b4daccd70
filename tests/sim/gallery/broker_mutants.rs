//! Rows whose wrong side is a bug planted in the brokers, which are right in everything else.
//!
//! Not here: planted bugs that have no row in the catalogue of scenarios; they are in `mutants`.

use super::support::{
    GROUP, OUTPUT, Sending, TOPIC, cluster, copy_pipeline, leader_dies_ahead_of_its_followers, member, ms, record,
    safe_topic, secs,
};
use super::{Scenario, Side, judge};
use rehearsal::base::BrokerMutant;
use rehearsal::broker::TransactionState;
use rehearsal::check::{self, Code, CommitPolicy, Contract, Setup, TopicSetup, Verdict};
use rehearsal::client::{ClientMutant, IsolationLevel, OffsetReset, OnClose, StartFrom};
use rehearsal::fault::FaultPlan;
use rehearsal::sim::{AppError, Node, Run, Simulation};
use rehearsal::{ApiKey, Fault, NewTopic};
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[
    &OOOSN_BUMP_DUP,
    &GROUP_MARKER_MISS,
    &COMPACTION,
    &SEQ_REUSE_AFTER_ABORT,
    &ZERO_OFFSET,
    &ACK_BEFORE_COMMIT,
    &HW_TRUNCATION,
    &ZOMBIE_COMMIT,
    &JOIN_SYNC_DEATH,
    &LSO_PLUS_ONE,
    &LSO_RACE,
    &COORD_MOVE_PREPARE,
    &OVERSIZED_RECORD,
];

/// The bug is planted on the wrong side.
pub(super) fn planted(simulation: Simulation, side: Side, mutant: BrokerMutant) -> Simulation {
    simulation.cluster(|cluster| cluster.mutant(side.is_wrong().then_some(mutant)))
}

/// What all of them want of a producer.
pub(super) fn setup() -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base];
    Setup { intent, min_insync_replicas: 2, ..Setup::default() }
}

/// What all of them want of transactions.
pub(super) fn transactions() -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Iso, Contract::Base];
    Setup { intent, ..Setup::exactly_once() }
}

/// What all of them want of a group that processes what it has committed.
pub(super) fn group() -> Setup {
    let auto_offset_reset = check::OffsetReset::Earliest;
    Setup { commit: CommitPolicy::BeforeProcessed, auto_offset_reset, ..setup() }
}

/// What all of them want of a system that is to become well again.
fn live() -> Setup {
    Setup { intent: vec![Contract::Dur, Contract::Live, Contract::Base], ..group() }
}

/// Reads whatever comes, until nothing has come for a while.
pub(super) async fn read_along(node: &Node, isolation: IsolationLevel) -> Result<(), AppError> {
    let consumer = node.client().consumer().isolation_level(isolation);
    let mut consumer = consumer.auto_offset_reset(OffsetReset::Earliest).build();
    consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
    while let Ok(record) = timeout(secs(20), consumer.recv()).await {
        record?;
    }
    Ok(())
}

const SEQ_REUSE_AFTER_ABORT: Scenario = Scenario {
    number: 13,
    name: "seq-reuse-after-abort",
    wrong: "a planted bug: the broker keeps a producer's sequence numbers when its transaction is aborted",
    schedule: "one transaction in three is aborted",
    expect: &[(Code::Lost, Verdict::Bug), (Code::AckOff, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["transactions committed", "transactions aborted"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::KeepsSequencesOnAbort);
        let simulation = simulation.app(|node| async move {
            let mut producer = node.client().producer().transactional("t-1").init().await?;
            for n in 0..9 {
                let txn = producer.begin().await?;
                txn.enqueue(record(n)).await?.await?;
                sleep(ms(10)).await;
                if n % 3 == 0 { txn.abort().await? } else { txn.commit().await? }
            }
            Ok(())
        });
        simulation.setup(transactions()).run().unwrap()
    },
};

#[test]
fn scenario_13_seq_reuse_after_abort() {
    judge(&SEQ_REUSE_AFTER_ABORT);
}

const ZERO_OFFSET: Scenario = Scenario {
    number: 15,
    name: "zero-offset",
    wrong: "a planted bug: the broker answers a batch that is sent again with offset 0",
    schedule: "the answer to the 30th batch is lost, and its connection",
    expect: &[(Code::AckOff, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::AnswersOffsetZero).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(30).after_applied().close())?.keep();
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_15_zero_offset() {
    judge(&ZERO_OFFSET);
}

const ACK_BEFORE_COMMIT: Scenario = Scenario {
    number: 16,
    name: "ack-before-commit",
    wrong: "a planted bug: what the leader has counts as committed",
    schedule: "a reader at the tail; the followers stand still; 400 ms later the leader dies, and a follower takes over",
    expect: &[(Code::Lost, Verdict::Bug), (Code::HwBound, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "delivered", "elections", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::AcksBeforeCommit).processes(2);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            read_along(&node, IsolationLevel::ReadUncommitted).await
        });
        let simulation =
            simulation.nemesis(|system| async move { leader_dies_ahead_of_its_followers(&system, ms(1000)).await });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_16_ack_before_commit() {
    judge(&ACK_BEFORE_COMMIT);
}

const HW_TRUNCATION: Scenario = Scenario {
    number: 17,
    name: "hw-truncation",
    wrong: "a planted bug: a follower truncates to its own high watermark when it comes back, as before KIP-101",
    schedule: "replication takes 50 ms; the leader dies, and as soon as it has a successor, that one dies too",
    expect: &[(Code::Lost, Verdict::Bug), (Code::CommittedTrunc, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "elections", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::TruncatesToHighWatermark);
        let simulation = simulation.app(|node| async move {
            Sending { pause: ms(0), ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            for (one, other) in [(1, 2), (1, 3), (2, 3)] {
                cluster.links().between(one, other).latency(ms(50))?;
            }
            let partition = cluster.partition(TOPIC, 0);
            // The leader knows that the record is committed; the followers will learn it with the next answer.
            while partition.high_watermark() < 30 {
                sleep(ms(1)).await;
            }
            cluster.broker(1).crash()?;
            while partition.leader() != Some(2) {
                sleep(ms(1)).await;
            }
            cluster.broker(2).crash()?;
            sleep(secs(5)).await;
            cluster.broker(1).restart()?;
            cluster.broker(2).restart()?;
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_17_hw_truncation() {
    judge(&HW_TRUNCATION);
}

const ZOMBIE_COMMIT: Scenario = Scenario {
    number: 22,
    name: "zombie-commit",
    wrong: "a planted bug: the coordinator takes commits of members whose generation is over",
    schedule: "a member stands still for longer than its session, and nobody hears from it; another one takes over, and \
               commits; then the first one commits",
    expect: &[(Code::ZombieEffect, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["commits", "rebalances", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::ChecksNoGeneration).processes(3);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending { count: 200, pause: ms(100), ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            // The second one comes when the first one has something to commit.
            sleep(secs(if node.index() == 1 { 0 } else { 5 })).await;
            let mut consumer = member(&node).build();
            consumer.subscribe([TOPIC])?;
            let mut read = 0;
            while let Ok(record) = timeout(secs(30), consumer.recv()).await {
                let record = record?;
                read += 1;
                if (node.index(), read) == (1, 20) {
                    sleep(secs(15)).await;
                }
                // What it may not commit is another's to process.
                if consumer.commit().await.is_ok() {
                    node.processed(GROUP, &record);
                }
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let unheard = Fault::on(ApiKey::Heartbeat).client_id("app-1").between(secs(1)..secs(20)).always();
            system.cluster().inject(unheard.silence())?.keep();
            Ok(())
        });
        simulation.setup(group()).run().unwrap()
    },
};

#[test]
fn scenario_22_zombie_commit() {
    judge(&ZOMBIE_COMMIT);
}

const LSO_PLUS_ONE: Scenario = Scenario {
    number: 36,
    name: "lso-plus-one",
    wrong: "a planted bug: the broker serves one record behind the last stable offset",
    schedule: "a reader of committed records at the tail; every second transaction is aborted",
    // The catalogue names PRECOMMIT first; by its own table of implications the leak is what explains it.
    expect: &[(Code::LsoLeak, Verdict::Bug), (Code::Precommit, Verdict::Bug), (Code::G1a, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["delivered", "transactions committed", "transactions aborted"],
    run: |side| slow_transactions(side, BrokerMutant::ReadsBehindStable),
};

#[test]
fn scenario_36_lso_plus_one() {
    judge(&LSO_PLUS_ONE);
}

const LSO_RACE: Scenario = Scenario {
    number: 37,
    name: "lso-race",
    wrong: "a planted bug: the broker bounds a read of committed records by a later high watermark (KAFKA-9807)",
    schedule: "a reader of committed records waits at the tail while records of a transaction are appended",
    expect: &[(Code::LsoLeak, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["delivered", "transactions committed", "transactions aborted"],
    run: |side| slow_transactions(side, BrokerMutant::ReadsHighWatermarkTwice),
};

#[test]
fn scenario_37_lso_race() {
    judge(&LSO_RACE);
}

/// Transactions of two records that stay open for a while, of which every second one is aborted; a reader at the tail.
fn slow_transactions(side: Side, mutant: BrokerMutant) -> Run {
    let simulation = planted(cluster(safe_topic()), side, mutant).processes(2).app(|node| async move {
        if node.index() == 1 {
            return read_along(&node, IsolationLevel::ReadCommitted).await;
        }
        let mut producer = node.client().producer().transactional("t-1").init().await?;
        for n in 0..10 {
            let txn = producer.begin().await?;
            for part in 0..2 {
                txn.enqueue(record(2 * n + part)).await?.await?;
                sleep(ms(700)).await;
            }
            if n % 2 == 0 { txn.commit().await? } else { txn.abort().await? }
        }
        Ok(())
    });
    simulation.setup(transactions()).run().unwrap()
}

const COORD_MOVE_PREPARE: Scenario = Scenario {
    number: 47,
    name: "coord-move-prepare",
    wrong: "a planted bug: a new transaction coordinator takes what its predecessor had prepared for done",
    schedule: "a commit is prepared, one partition has its marker, the other one's is on its way; the coordinator moves",
    expect: &[(Code::Lost, Verdict::Bug), (Code::Torn, Verdict::Bug)],
    right: Some("without the bug: the new one sends the markers again"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let topic = safe_topic().partitions(3);
        let simulation = planted(cluster(topic), side, BrokerMutant::ForgetsPrepared).app(|node| async move {
            let mut producer = node.client().producer().transactional("t-1").init().await?;
            sleep(secs(1)).await;
            let txn = producer.begin().await?;
            for partition in 0..3 {
                txn.enqueue(record(0).partition(partition)).await?.await?;
            }
            txn.commit().await?;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            sleep(ms(500)).await;
            let transaction = cluster.transaction("t-1");
            let home = transaction.coordinator().ok_or("nobody coordinates the transaction")?.0;
            let next = home % 3 + 1;
            cluster.links().one_way(home, next).latency(ms(300))?;
            while transaction.state() != Some(TransactionState::PrepareCommit) {
                sleep(ms(1)).await;
            }
            sleep(ms(5)).await;
            cluster.links().heal()?;
            transaction.move_coordinator(next)?;
            Ok(())
        });
        simulation.setup(transactions()).run().unwrap()
    },
};

#[test]
fn scenario_47_coord_move_prepare() {
    judge(&COORD_MOVE_PREPARE);
}

const OVERSIZED_RECORD: Scenario = Scenario {
    number: 52,
    name: "oversized-record",
    wrong: "a planted bug: the broker serves nothing where the first batch is larger than the limit, as before KIP-74",
    schedule: "one record is larger than `max.partition.fetch.bytes`",
    expect: &[(Code::Unseen, Verdict::Bug), (Code::StuckConsumer, Verdict::Bug)],
    right: Some("without the bug: a first batch comes whole"),
    must_reach: &["acknowledged", "delivered"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::ServesNoOversized).processes(2);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                let producer = node.client().producer().build();
                for n in 0..20 {
                    let size = if n == 10 { 200_000 } else { 10 };
                    let _ = producer.send(record(n).value("x".repeat(size))).await;
                }
                // What comes late shows that time has passed.
                sleep(secs(300)).await;
                producer.send(record(20)).await?;
                return Ok(());
            }
            let mut consumer = member(&node).max_partition_fetch_bytes(100_000).build();
            consumer.subscribe([TOPIC])?;
            loop {
                tokio::select! {
                    biased;
                    () = node.stopped() => return Ok(()),
                    record = consumer.recv() => drop(record?),
                }
            }
        });
        let simulation = simulation.faults(FaultPlan::new().heal_at_ms(10_000));
        simulation.setup(Setup { converge_ms: 60_000, ..live() }).run().unwrap()
    },
};

#[test]
fn scenario_52_oversized_record() {
    judge(&OVERSIZED_RECORD);
}

const GROUP_MARKER_MISS: Scenario = Scenario {
    number: 48,
    name: "group-marker-miss",
    wrong: "a planted bug: offsets that a transaction commits get no marker",
    schedule: "records are copied in transactions, with the offsets that they were read at",
    expect: &[(Code::Torn, Verdict::Bug), (Code::EosSplit, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["transactions committed", "commits"],
    run: |side| {
        let output = NewTopic::new(OUTPUT).partitions(1).config("min.insync.replicas", "2");
        let simulation = cluster(safe_topic()).new_topic(output).processes(2);
        let simulation = planted(simulation, side, BrokerMutant::SkipsGroupMarkers).app(|node| async move {
            if node.index() == 0 {
                Sending { count: 40, ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            copy_pipeline(&node, ms(50)).await
        });
        simulation.setup(Setup::exactly_once()).run().unwrap()
    },
};

#[test]
fn scenario_48_group_marker_miss() {
    judge(&GROUP_MARKER_MISS);
}

const COMPACTION: Scenario = Scenario {
    number: 60,
    name: "compaction-ok",
    wrong: "a planted bug: compaction removes a key's last value",
    schedule: "ten keys are written over and over, and the log is compacted twice",
    expect: &[(Code::Lost, Verdict::Bug), (Code::CompactLost, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged"],
    run: |side| {
        let topic = safe_topic().config("cleanup.policy", "compact").config("segment.bytes", "1048576");
        let topic = topic.config("min.cleanable.dirty.ratio", "0.01").config("segment.ms", "1000");
        let simulation = planted(cluster(topic), side, BrokerMutant::CompactsLastValue).app(|node| async move {
            let producer = node.client().producer().build();
            for n in 0..60 {
                let _ = producer.send(record(n).key(format!("k{}", n % 10))).await;
                sleep(ms(100)).await;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            for _ in 0..2 {
                sleep(ms(2950)).await;
                system.cluster().clean_logs();
            }
            Ok(())
        });
        let compacted = TopicSetup { compacted: true, ..TopicSetup::default() };
        simulation.setup(Setup { topics: [(TOPIC.to_owned(), compacted)].into(), ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_60_compaction_ok() {
    judge(&COMPACTION);
}

const OOOSN_BUMP_DUP: Scenario = Scenario {
    number: 10,
    name: "ooosn-bump-dup",
    wrong: "a planted bug: the broker takes a batch that it has for one out of order; clients then take the next epoch",
    schedule: "the answer to the tenth batch is lost, and its connection",
    expect: &[(Code::Dup, Verdict::Bug)],
    right: Some("without the bug"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::RefusesDuplicates);
        // As Java's client does.
        let simulation =
            simulation.client(|client, _| client.mutant(ClientMutant::BumpUnresolved)).app(|node| async move {
                Sending::default().run(&node).await;
                Ok(())
            });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?.keep();
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_10_ooosn_bump_dup() {
    judge(&OOOSN_BUMP_DUP);
}

const JOIN_SYNC_DEATH: Scenario = Scenario {
    number: 28,
    name: "join-sync-death",
    wrong: "a planted bug: the coordinator waits for a dead member's assignment for ever",
    schedule: "two members join; the one that is to assign the partitions dies before it has done so",
    expect: &[(Code::StuckGroup, Verdict::Bug)],
    right: Some("without the bug: the dead member is put out"),
    must_reach: &["acknowledged", "rebalances", "faults"],
    run: |side| {
        let simulation = planted(cluster(safe_topic()), side, BrokerMutant::AwaitsSyncForever).processes(3);
        let simulation = simulation.app(|node| async move {
            if node.index() == 0 {
                Sending { pause: secs(5), ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            if node.index() == 1 && node.incarnation() > 0 {
                // It has died for good.
                return Ok(());
            }
            sleep(secs(if node.index() == 1 { 0 } else { 3 })).await;
            let mut consumer = member(&node).on_close(OnClose::RemainInGroup).build();
            consumer.subscribe([TOPIC])?;
            loop {
                tokio::select! {
                    biased;
                    () = node.stopped() => return Ok(()),
                    record = consumer.recv() => drop(record?),
                }
            }
        });
        let simulation = simulation.nemesis(|system| async move {
            // The first one is alone until then.
            sleep(secs(1)).await;
            let held = system.cluster().inject(Fault::on(ApiKey::SyncGroup).client_id("app-1").once().drop_it())?;
            while held.fired() == 0 {
                sleep(ms(1)).await;
            }
            held.keep();
            system.crash_process(1, secs(1)).await?;
            Ok(())
        });
        simulation.heal_after(secs(30)).setup(Setup { converge_ms: 100_000, ..live() }).run().unwrap()
    },
};

#[test]
fn scenario_28_join_sync_death() {
    judge(&JOIN_SYNC_DEATH);
}
