//! Rows about a consumer that stops in the middle: what its commits promise about what was processed.

use super::support::{GROUP, Sending, cluster, member, ms, safe_topic, secs};
use super::{Scenario, Side, judge};
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset, Setup, Verdict};
use rehearsal::client::{Consumer, ConsumerRecord};
use rehearsal::sim::{AppError, Node, Run, Simulation};
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] =
    &[&AUTOCOMMIT_BEFORE_PROCESS, &AUTOCOMMIT_JAVA_SEMANTICS, &AUTOCOMMIT_ASYNC_WORKER, &ALO_CRASH];

fn setup(commit: CommitPolicy) -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Alo, Contract::Base];
    Setup { intent, min_insync_replicas: 2, commit, auto_offset_reset: OffsetReset::Earliest, ..Setup::default() }
}

/// Process 0 sends, process 1 reads as a member of the group, and crashes at this time.
fn reader_crashes<F, R>(at: Duration, reader: F) -> Simulation
where
    F: Fn(Node) -> R + Clone + 'static,
    R: Future<Output = Result<(), AppError>> + 'static,
{
    let simulation = cluster(safe_topic()).processes(2).app(move |node| {
        let reader = reader.clone();
        async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            reader(node).await
        }
    });
    simulation.nemesis(move |system| async move {
        sleep(at).await;
        system.crash_process(1, secs(1)).await?;
        Ok(())
    })
}

async fn next(consumer: &mut Consumer) -> Result<Option<ConsumerRecord>, AppError> {
    Ok(timeout(secs(15), consumer.recv()).await.ok().transpose()?)
}

const AUTOCOMMIT_BEFORE_PROCESS: Scenario = Scenario {
    number: 18,
    name: "autocommit-before-process",
    wrong: "a record counts as consumed when it is handed to the work on it",
    schedule: "the application dies in the middle of its work, and comes back",
    expect: &[(Code::GroupLoss, Verdict::Gap), (Code::CommitAhead, Verdict::Expected)],
    right: Some("it is committed when the work is done"),
    must_reach: &["processed", "commits"],
    run: |side| {
        let simulation = reader_crashes(ms(1030), move |node| async move {
            let mut consumer = member(&node).build();
            consumer.subscribe([super::support::TOPIC])?;
            while let Some(record) = next(&mut consumer).await? {
                if side.is_wrong() {
                    consumer.commit_record(&record).await?;
                }
                sleep(ms(40)).await;
                node.processed(GROUP, &record);
                if !side.is_wrong() {
                    consumer.commit_record(&record).await?;
                }
            }
            Ok(())
        });
        let commit = if side.is_wrong() { CommitPolicy::BeforeProcessed } else { CommitPolicy::AfterProcessed };
        simulation.setup(setup(commit)).run().unwrap()
    },
};

#[test]
fn scenario_18_autocommit_before_process() {
    judge(&AUTOCOMMIT_BEFORE_PROCESS);
}

const AUTOCOMMIT_JAVA_SEMANTICS: Scenario = Scenario {
    number: 19,
    name: "autocommit-java-semantics",
    wrong: "`enable.auto.commit=true`: what was handed out counts when more is asked for, by the same thread",
    schedule: "the application dies in the middle of its work, and comes back",
    expect: &[(Code::GroupDup, Verdict::Expected)],
    right: None,
    must_reach: &["processed", "commits"],
    run: |_| {
        let simulation = reader_crashes(ms(1030), |node| async move {
            let mut consumer = member(&node).enable_auto_commit(true).auto_commit_interval(ms(200)).build();
            consumer.subscribe([super::support::TOPIC])?;
            while let Some(record) = next(&mut consumer).await? {
                sleep(ms(40)).await;
                node.processed(GROUP, &record);
            }
            Ok(())
        });
        simulation.setup(setup(CommitPolicy::AfterProcessed)).run().unwrap()
    },
};

#[test]
fn scenario_19_autocommit_java_semantics() {
    judge(&AUTOCOMMIT_JAVA_SEMANTICS);
}

const AUTOCOMMIT_ASYNC_WORKER: Scenario = Scenario {
    number: 20,
    name: "autocommit-async-worker",
    wrong: "`enable.auto.commit=true`, and the work is done by somebody else, from a queue",
    schedule: "the application dies with a full queue, and comes back",
    expect: &[(Code::GroupLoss, Verdict::Gap), (Code::CommitAhead, Verdict::Expected)],
    right: Some("what the worker has done is committed"),
    must_reach: &["processed", "commits"],
    run: |side| {
        let simulation = reader_crashes(ms(1500), move |node| queue(side, node));
        let commit = if side.is_wrong() { CommitPolicy::Auto } else { CommitPolicy::AfterProcessed };
        simulation.setup(setup(commit)).run().unwrap()
    },
};

async fn queue(side: Side, node: Node) -> Result<(), AppError> {
    let consumer = member(&node).enable_auto_commit(side.is_wrong()).auto_commit_interval(ms(200));
    let mut consumer = consumer.build();
    consumer.subscribe([super::support::TOPIC])?;
    let committer = consumer.committer()?;
    let (queue, mut work) = mpsc::channel::<ConsumerRecord>(100);
    let reading = async move {
        while let Some(record) = next(&mut consumer).await? {
            queue.send(record).await?;
        }
        // What lies in the queue has to be done before the group is left.
        queue.closed().await;
        drop(queue);
        Ok::<(), AppError>(())
    };
    let working = async {
        while let Ok(Some(record)) = timeout(secs(10), work.recv()).await {
            sleep(ms(40)).await;
            node.processed(GROUP, &record);
            if !side.is_wrong() {
                committer.commit_offsets([(record.topic_partition(), record.next_offset())]).await?;
            }
        }
        drop(work);
        Ok::<(), AppError>(())
    };
    tokio::try_join!(reading, working)?;
    Ok(())
}

#[test]
fn scenario_20_autocommit_async_worker() {
    judge(&AUTOCOMMIT_ASYNC_WORKER);
}

const ALO_CRASH: Scenario = Scenario {
    number: 21,
    name: "alo-crash",
    wrong: "work first, then a commit: at least once",
    schedule: "the application dies between the two, and comes back",
    expect: &[(Code::GroupDup, Verdict::Expected)],
    right: Some("work, output and commit are one transaction"),
    must_reach: &["commits"],
    run: |side| if side.is_wrong() { at_least_once() } else { exactly_once() },
};

fn at_least_once() -> Run {
    let simulation = reader_crashes(ms(1030), |node| async move {
        let mut consumer = member(&node).build();
        consumer.subscribe([super::support::TOPIC])?;
        while let Some(record) = next(&mut consumer).await? {
            node.processed(GROUP, &record);
            sleep(ms(40)).await;
            consumer.commit_record(&record).await?;
        }
        Ok(())
    });
    simulation.setup(setup(CommitPolicy::AfterProcessed)).run().unwrap()
}

fn exactly_once() -> Run {
    let simulation = reader_crashes(ms(1030), |node| async move { super::support::copy_pipeline(&node, ms(40)).await });
    simulation.topic("out", 1).setup(Setup::exactly_once()).run().unwrap()
}

#[test]
fn scenario_21_alo_crash() {
    judge(&ALO_CRASH);
}
