//! Rows about transactions: what they keep together, and what has to be right for that.

use super::support::{
    GROUP, OUTPUT, Sending, TOPIC, cluster, copy_pipeline, ms, output, read_isolated, safe_topic, secs,
    transactional_member,
};
use super::{Scenario, Side, judge};
use rehearsal::check::event::Isolation;
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset, Setup, Verdict};
use rehearsal::client::{
    GroupMetadata, IsolationLevel, OffsetAndMetadata, ProducerRecord, TopicPartition, TransactionError,
};
use rehearsal::sim::{AppError, Node, Run, Simulation};
use rehearsal::{ApiKey, Fault, NewTopic};
use std::collections::BTreeMap;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[
    &RU_ABORTED,
    &DELAYED_ENDTXN_COMMIT,
    &DELAYED_ENDTXN_ABORT,
    &HANGING_TXN,
    &KIP447_MISSING,
    &UNSTABLE_FETCH,
    &NONTXN_COMMIT,
    &COORD_MOVE_PREPARE,
];

/// What is wanted of those who write in transactions and read what is committed.
fn isolated() -> Setup {
    Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Iso, Contract::Base],
        min_insync_replicas: 2,
        transactional: true,
        isolation: Isolation::ReadCommitted,
        auto_offset_reset: OffsetReset::Earliest,
        ..Setup::default()
    }
}

fn record(partition: i32, value: &str) -> ProducerRecord {
    ProducerRecord::new(TOPIC).partition(partition).value(value.to_owned())
}

const RU_ABORTED: Scenario = Scenario {
    number: 34,
    name: "ru-aborted",
    wrong: "`isolation.level=read_uncommitted`",
    schedule: "every second transaction is aborted; then the topic is read",
    expect: &[(Code::G1a, Verdict::Gap)],
    right: Some("`isolation.level=read_committed`"),
    must_reach: &["transactions committed", "transactions aborted", "delivered"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(move |node| async move {
            let mut producer = node.client().producer().transactional("id").init().await?;
            for n in 0..20 {
                let transaction = producer.begin().await?;
                for part in ["a", "b"] {
                    transaction.enqueue(record(0, &format!("{n}{part}"))).await?.await?;
                }
                if n % 2 == 0 { transaction.commit().await? } else { transaction.abort().await? }
            }
            let level = if side.is_wrong() { IsolationLevel::ReadUncommitted } else { IsolationLevel::ReadCommitted };
            read_isolated(&node, level, secs(2)).await?;
            Ok(())
        });
        let isolation = if side.is_wrong() { Isolation::ReadUncommitted } else { Isolation::ReadCommitted };
        simulation.setup(Setup { isolation, ..isolated() }).run().unwrap()
    },
};

#[test]
fn scenario_34_ru_aborted() {
    judge(&RU_ABORTED);
}

/// The request that ends the first transaction is on its way for so long that the client sends another; it arrives in
/// the middle of the second transaction.
fn delayed_end(side: Side, first_commits: bool) -> Run {
    let topic = safe_topic().partitions(2);
    let simulation = cluster(topic).app(move |node| async move {
        if node.index() == 1 {
            read_isolated(&node, IsolationLevel::ReadCommitted, secs(100)).await?;
            return Ok(());
        }
        let mut producer = node.client().producer().transactional("id").init().await?;
        let first = producer.begin().await?;
        first.enqueue(record(0, "first")).await?.await?;
        if first_commits {
            first.commit().await?
        } else {
            first.abort().await?
        }
        let second = producer.begin().await?;
        second.enqueue(record(0, "second, early")).await?.await?;
        sleep(secs(10)).await;
        second.enqueue(record(1, "second, late")).await?.await?;
        if first_commits {
            second.abort().await?
        } else {
            second.commit().await?
        }
        Ok(())
    });
    let simulation = simulation.processes(2).nemesis(|system| async move {
        let late = system.cluster().inject(Fault::on(ApiKey::EndTxn).hold())?;
        // The client gives up waiting after 30 s, and tries again.
        sleep(secs(35)).await;
        late.assert_fired();
        late.release();
        Ok(())
    });
    let version = if side.is_wrong() { 1 } else { 2 };
    let simulation = simulation.cluster(|cluster| cluster.transaction_version(version));
    let version = u8::try_from(version).unwrap();
    simulation.setup(Setup { transaction_version: version, ..isolated() }).run().unwrap()
}

const DELAYED_ENDTXN_COMMIT: Scenario = Scenario {
    number: 38,
    name: "delayed-endtxn-commit",
    wrong: "`transaction.version=1`",
    schedule: "a late copy of the request that committed a transaction arrives in the middle of the next one, \
               which is aborted then (KAFKA-17754)",
    expect: &[(Code::CrossTxn, Verdict::Gap), (Code::Torn, Verdict::Bug), (Code::G1a, Verdict::Bug)],
    right: Some("`transaction.version=2`: each transaction has its own epoch"),
    must_reach: &["faults", "transactions committed", "transactions aborted", "delivered"],
    run: |side| delayed_end(side, true),
};

#[test]
fn scenario_38_delayed_endtxn_commit() {
    judge(&DELAYED_ENDTXN_COMMIT);
}

const DELAYED_ENDTXN_ABORT: Scenario = Scenario {
    number: 39,
    name: "delayed-endtxn-abort",
    wrong: "`transaction.version=1`",
    schedule: "as 38, but the first transaction is aborted, and the second one committed",
    expect: &[(Code::CrossTxn, Verdict::Gap), (Code::Torn, Verdict::Bug), (Code::Lost, Verdict::Bug)],
    right: Some("`transaction.version=2`"),
    must_reach: &["faults", "transactions committed", "transactions aborted"],
    run: |side| delayed_end(side, false),
};

#[test]
fn scenario_39_delayed_endtxn_abort() {
    judge(&DELAYED_ENDTXN_ABORT);
}

const HANGING_TXN: Scenario = Scenario {
    number: 40,
    name: "hanging-txn",
    wrong: "`transaction.version=1`, and brokers that do not verify",
    schedule: "a batch is on its way until its transaction is aborted for want of an answer",
    expect: &[(Code::HangTxn, Verdict::Gap), (Code::StuckLso, Verdict::Bug), (Code::Unseen, Verdict::Bug)],
    right: Some("`transaction.version=2`: late batches are refused"),
    must_reach: &["faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(2).app(|node| async move {
            if node.index() == 1 {
                let mut consumer = transactional_member(&node).build();
                consumer.subscribe([TOPIC])?;
                while timeout(secs(350), consumer.recv()).await.is_ok() {}
                return Ok(());
            }
            let settings = node.client().producer().delivery_timeout(secs(5)).transactional("id");
            let mut producer = settings.init().await?;
            let transaction = producer.begin().await?;
            transaction.enqueue(record(0, "early")).await?.await?;
            // Nobody knows what became of the second record, so the transaction cannot be committed.
            let _ = transaction.enqueue(record(0, "late")).await?.await;
            transaction.abort().await?;
            let plain = node.client().producer().build();
            for _ in 0..2 {
                sleep(secs(150)).await;
                plain.send(record(0, "plain")).await?;
            }
            Ok(())
        });
        let simulation = simulation.client(|client, _| client.request_timeout(secs(1)));
        let simulation = simulation.nemesis(|system| async move {
            let of_id = || Fault::on(ApiKey::Produce).transactional_id("id");
            let late = system.cluster().inject(of_id().nth(2).named("late").hold())?;
            let _again = system.cluster().inject(of_id().after("late").always().drop_it())?;
            sleep(secs(25)).await;
            late.assert_fired();
            late.release();
            Ok(())
        });
        let (version, verification) = if side.is_wrong() { (1, "false") } else { (2, "true") };
        let simulation = simulation.cluster(|cluster| {
            cluster
                .transaction_version(version)
                .broker_config("transaction.partition.verification.enable", verification)
                .broker_config("transaction.max.timeout.ms", "60000")
        });
        let setup = Setup {
            intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Iso, Contract::Live, Contract::Base],
            transaction_version: u8::try_from(version).unwrap(),
            transaction_max_timeout_ms: 60_000,
            ..isolated()
        };
        simulation.setup(setup).heal_after(secs(30)).converge_within(secs(100)).run().unwrap()
    },
};

#[test]
fn scenario_40_hanging_txn() {
    judge(&HANGING_TXN);
}

/// Ten records are there before anybody reads.
async fn fill(node: &Node) {
    Sending { count: 10, pause: ms(0), ..Sending::default() }.run(node).await;
}

fn copying(topic: NewTopic, processes: usize) -> Simulation {
    cluster(topic)
        .new_topic(NewTopic::new(OUTPUT).partitions(1).config("min.insync.replicas", "2"))
        .processes(processes)
}

const KIP447_MISSING: Scenario = Scenario {
    number: 42,
    name: "kip447-missing",
    wrong: "offsets go to the transaction without the group's metadata",
    schedule: "a member hears and says nothing for longer than its session, in the middle of a transaction; another one \
               takes over; then the first one goes on",
    expect: &[(Code::EosDup, Verdict::Gap)],
    right: Some("with them (KIP-447)"),
    must_reach: &["faults", "rebalances"],
    run: |side| {
        let simulation = copying(safe_topic(), 3).app(move |node| async move {
            match node.index() {
                0 => fill(&node).await,
                1 => pausing_copy(&node, !side.is_wrong()).await?,
                _ => {
                    sleep(secs(4)).await;
                    copy_pipeline(&node, ms(0)).await?;
                }
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(3)).await;
            system.cluster().links().of("app-1").clog()?;
            sleep(secs(20)).await;
            system.cluster().links().of("app-1").release()?;
            Ok(())
        });
        simulation.setup(Setup { group_metadata: !side.is_wrong(), ..Setup::exactly_once() }).run().unwrap()
    },
};

/// Reads ten records and takes its time before it stores how far it has read.
async fn pausing_copy(node: &Node, vouches: bool) -> Result<(), AppError> {
    let mut consumer = transactional_member(node).build();
    consumer.subscribe([TOPIC])?;
    let mut producer = node.client().producer().transactional("paused").init().await?;
    let mut inputs = Vec::new();
    while inputs.len() < 10 {
        inputs.push(consumer.recv().await?);
    }
    let group = if vouches { consumer.group_metadata()? } else { GroupMetadata::new(GROUP) };
    let transaction = producer.begin().await?;
    for input in &inputs {
        transaction.send(output(input)).await?;
    }
    // Until the pause is over.
    sleep(secs(30)).await;
    let next = [(inputs[9].topic_partition(), inputs[9].next_offset())];
    let ended = match transaction.send_offsets(&group, next).await {
        Ok(()) => transaction.commit().await,
        Err(error) => transaction.abort().await.and(Err(error)),
    };
    match ended {
        // Somebody else has processed them.
        Ok(()) | Err(TransactionError::Abortable(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn scenario_42_kip447_missing() {
    judge(&KIP447_MISSING);
}

const UNSTABLE_FETCH: Scenario = Scenario {
    number: 43,
    name: "unstable-fetch",
    wrong: "committed offsets are asked for without `require_stable`",
    schedule: "a member commits and dies before the markers are written; another one takes its partition over",
    expect: &[(Code::CommitLost, Verdict::Gap), (Code::EosDup, Verdict::Gap)],
    right: Some("with it, as `isolation.level=read_committed` does"),
    must_reach: &["transactions committed"],
    run: |side| {
        let isolation = if side.is_wrong() { IsolationLevel::ReadUncommitted } else { IsolationLevel::ReadCommitted };
        let simulation = copying(safe_topic(), 3).app(move |node| async move {
            match (node.index(), node.incarnation()) {
                (0, _) => fill(&node).await,
                (1, 0) => copy_by_hand(&node, isolation).await?,
                (2, _) => {
                    sleep(secs(6)).await;
                    copy_by_hand(&node, isolation).await?;
                }
                _ => {}
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            sleep(secs(1)).await;
            let held = cluster.hold_markers();
            sleep(secs(4)).await;
            system.crash_process(1, secs(60)).await?;
            held.release();
            Ok(())
        });
        simulation.setup(Setup { require_stable: !side.is_wrong(), ..Setup::exactly_once() }).run().unwrap()
    },
};

/// Copies what there is, all at once, after two seconds; and waits then.
async fn copy_by_hand(node: &Node, isolation: IsolationLevel) -> Result<(), AppError> {
    let mut consumer = transactional_member(node).isolation_level(isolation).build();
    consumer.subscribe([TOPIC])?;
    let mut producer = node.client().producer().transactional(format!("copy-{}", node.index())).init().await?;
    sleep(secs(2)).await;
    while let Ok(first) = timeout(secs(90), consumer.recv()).await {
        let mut inputs = vec![first?];
        inputs.extend(consumer.poll_batch(9, ms(100)).await?);
        let transaction = producer.begin().await?;
        let mut next: BTreeMap<TopicPartition, OffsetAndMetadata> = BTreeMap::new();
        for input in &inputs {
            transaction.send(output(input)).await?;
            next.insert(input.topic_partition(), input.next_offset());
        }
        transaction.send_offsets(&consumer.group_metadata()?, next).await?;
        transaction.commit().await?;
    }
    Ok(())
}

#[test]
fn scenario_43_unstable_fetch() {
    judge(&UNSTABLE_FETCH);
}

const NONTXN_COMMIT: Scenario = Scenario {
    number: 45,
    name: "nontxn-commit",
    wrong: "offsets are committed by the consumer, after the transaction",
    schedule: "the application dies between the two, for good",
    expect: &[(Code::EosSplit, Verdict::Gap)],
    right: Some("`sendOffsetsToTransaction`"),
    must_reach: &["transactions committed", "commits"],
    run: |side| {
        let simulation = copying(safe_topic(), 2).app(move |node| async move {
            match (node.index(), node.incarnation()) {
                (0, _) => Sending::default().run(&node).await,
                (1, 0) if side.is_wrong() => commit_apart(&node).await?,
                (1, 0) => copy_pipeline(&node, ms(40)).await?,
                _ => {}
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(ms(1030)).await;
            system.crash_process(1, secs(1)).await?;
            Ok(())
        });
        let commit = if side.is_wrong() { CommitPolicy::AfterProcessed } else { CommitPolicy::InTransaction };
        simulation.setup(Setup { commit, group_metadata: !side.is_wrong(), ..Setup::exactly_once() }).run().unwrap()
    },
};

async fn commit_apart(node: &Node) -> Result<(), AppError> {
    let mut consumer = transactional_member(node).build();
    consumer.subscribe([TOPIC])?;
    let mut producer = node.client().producer().transactional("copy-1").init().await?;
    loop {
        let input = consumer.recv().await?;
        let transaction = producer.begin().await?;
        transaction.send(output(&input)).await?;
        transaction.commit().await?;
        sleep(ms(40)).await;
        consumer.commit_record(&input).await?;
    }
}

#[test]
fn scenario_45_nontxn_commit() {
    judge(&NONTXN_COMMIT);
}

const COORD_MOVE_PREPARE: Scenario = Scenario {
    number: 47,
    name: "coord-move-prepare",
    wrong: "nothing",
    schedule: "the transaction coordinator dies when it has decided and written no marker yet",
    expect: &[],
    right: None,
    must_reach: &["faults", "transactions committed", "delivered"],
    run: |_| {
        let simulation = cluster(safe_topic().partitions(2)).processes(2).app(|node| async move {
            if node.index() == 1 {
                read_isolated(&node, IsolationLevel::ReadCommitted, secs(60)).await?;
                return Ok(());
            }
            let mut producer = node.client().producer().transactional("id").init().await?;
            for n in 0..10 {
                let transaction = producer.begin().await?;
                for partition in [0, 1] {
                    transaction.send(record(partition, &n.to_string())).await?;
                }
                transaction.commit().await?;
                sleep(secs(1)).await;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            sleep(ms(3500)).await;
            let held = cluster.hold_markers();
            cluster.wait_until(|_| held.count() > 0).await?;
            let coordinator = cluster.transaction("id").coordinator().ok_or("nobody coordinates")?;
            cluster.broker(coordinator.0).crash()?;
            sleep(secs(3)).await;
            held.release();
            sleep(secs(3)).await;
            cluster.broker(coordinator.0).restart()?;
            Ok(())
        });
        let run = simulation.setup(isolated()).run().unwrap();
        assert_eq!(run.report().counters["delivered"], 20, "{run}");
        run
    },
};

#[test]
fn scenario_47_coord_move_prepare() {
    judge(&COORD_MOVE_PREPARE);
}
