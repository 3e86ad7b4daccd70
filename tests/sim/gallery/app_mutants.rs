//! Rows about applications that use a client which is right, and do not listen to it.
//!
//! Not here: bugs of clients (`client_mutants`), and what is merely set up wrongly.

use super::support::{
    GROUP, OUTPUT, Sending, TOPIC, cluster, member, ms, output, safe_topic, secs, transactional_member,
};
use super::{Scenario, judge};
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset, Setup, Verdict};
use rehearsal::client::{
    Consumer, ConsumerRecord, OffsetAndMetadata, StartFrom, TopicPartition, TransactionError, TransactionalProducer,
};
use rehearsal::sim::{AppError, Node, Simulation};
use rehearsal::{ApiKey, ErrorCode, Fault, NewTopic};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[&ASYNC_COMMIT_RACE, &NO_REWIND_ON_ABORT, &TXN_TIMEOUT_SLOW];

const ASYNC_COMMIT_RACE: Scenario = Scenario {
    number: 24,
    name: "async-commit-race",
    wrong: "a commit that failed is made again by the application, although newer ones have been made since",
    schedule: "one commit is refused with `UNKNOWN_SERVER_ERROR`",
    expect: &[(Code::CommitRegress, Verdict::Bug)],
    right: Some("what is superseded is dropped"),
    must_reach: &["commits", "processed", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(2).app(move |node| async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            let mut consumer = member(&node).build();
            consumer.subscribe([TOPIC])?;
            let committer = consumer.committer()?;
            while let Ok(record) = timeout(secs(15), consumer.recv()).await {
                let record = record?;
                node.processed(GROUP, &record);
                let (committer, again) = (committer.clone(), side.is_wrong());
                tokio::spawn(async move {
                    let next = || [(record.topic_partition(), record.next_offset())];
                    if committer.commit_offsets(next()).await.is_err() && again {
                        sleep(ms(500)).await;
                        // Nobody looks whether this one succeeds.
                        let _ = committer.commit_offsets(next()).await;
                    }
                });
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let refused = Fault::on(ApiKey::OffsetCommit).nth(20).error(ErrorCode::UNKNOWN_SERVER_ERROR);
            system.cluster().inject(refused)?.keep();
            Ok(())
        });
        let setup = Setup {
            intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Alo, Contract::Base],
            min_insync_replicas: 2,
            commit: CommitPolicy::AfterProcessed,
            auto_offset_reset: OffsetReset::Earliest,
            ..Setup::default()
        };
        simulation.setup(setup).run().unwrap()
    },
};

#[test]
fn scenario_24_async_commit_race() {
    judge(&ASYNC_COMMIT_RACE);
}

/// Process 0 sends; process 1 copies.
fn copying<F, R>(copy: F) -> Simulation
where
    F: Fn(Node) -> R + Clone + 'static,
    R: Future<Output = Result<(), AppError>> + 'static,
{
    let outputs = NewTopic::new(OUTPUT).partitions(1).replication_factor(3).config("min.insync.replicas", "2");
    let simulation = cluster(safe_topic()).new_topic(outputs).processes(2).app(move |node| {
        let copy = copy.clone();
        async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            copy(node).await
        }
    });
    simulation.setup(Setup::exactly_once())
}

/// A copier of its own making: a batch is read, copied and stored in one transaction, for which it takes some time.
struct Copier {
    consumer: Consumer,
    producer: TransactionalProducer,
}

impl Copier {
    async fn new(node: &Node) -> Result<Self, AppError> {
        let mut consumer = transactional_member(node).build();
        consumer.subscribe([TOPIC])?;
        let producer = node.client().producer().transactional("copy").transaction_timeout(secs(10)).init().await?;
        Ok(Self { consumer, producer })
    }

    async fn batch(&mut self) -> Result<Vec<ConsumerRecord>, AppError> {
        Ok(self.consumer.poll_batch(10, secs(15)).await?)
    }

    async fn copy(&mut self, batch: &[ConsumerRecord], takes: Duration, commits: bool) -> Result<(), TransactionError> {
        let group = self.consumer.group_metadata()?;
        let transaction = self.producer.begin().await?;
        for record in batch {
            transaction.send(output(record)).await?;
        }
        let next: BTreeMap<TopicPartition, OffsetAndMetadata> =
            batch.iter().map(|record| (record.topic_partition(), record.next_offset())).collect();
        transaction.send_offsets(&group, next).await?;
        sleep(takes).await;
        if commits { transaction.commit().await } else { transaction.abort().await }
    }

    /// Reads a batch again.
    fn rewind(&mut self, batch: &[ConsumerRecord]) -> Result<(), AppError> {
        if let Some(first) = batch.first() {
            self.consumer.seek(&first.topic_partition(), StartFrom::Offset(first.offset))?;
        }
        Ok(())
    }
}

const NO_REWIND_ON_ABORT: Scenario = Scenario {
    number: 44,
    name: "no-rewind-on-abort",
    wrong: "after an abort the application reads on",
    schedule: "every tenth transaction is aborted",
    expect: &[(Code::EosLoss, Verdict::Bug), (Code::EosSplit, Verdict::Bug)],
    right: Some("it seeks to what is committed"),
    must_reach: &["transactions committed", "transactions aborted"],
    run: |side| {
        let simulation = copying(move |node| async move {
            let mut copier = Copier::new(&node).await?;
            for n in 1.. {
                let batch = copier.batch().await?;
                if batch.is_empty() {
                    break;
                }
                let commits = n % 10 != 0;
                copier.copy(&batch, Duration::ZERO, commits).await?;
                if !commits && !side.is_wrong() {
                    copier.rewind(&batch)?;
                }
            }
            Ok(())
        });
        simulation.run().unwrap()
    },
};

#[test]
fn scenario_44_no_rewind_on_abort() {
    judge(&NO_REWIND_ON_ABORT);
}

const TXN_TIMEOUT_SLOW: Scenario = Scenario {
    number: 46,
    name: "txn-timeout-slow",
    wrong: "the application does not look whether its transaction was committed",
    schedule: "work on one batch takes longer than `transaction.timeout.ms`",
    expect: &[(Code::EosLoss, Verdict::Bug), (Code::EosSplit, Verdict::Bug)],
    right: Some("it begins again with a new producer, where the last commit left off"),
    must_reach: &["transactions committed"],
    run: |side| {
        let simulation = copying(move |node| async move {
            let mut copier = Copier::new(&node).await?;
            for n in 1.. {
                let batch = copier.batch().await?;
                if batch.is_empty() {
                    break;
                }
                let takes = if n == 5 { secs(20) } else { ms(50) };
                let copied = copier.copy(&batch, takes, true).await;
                if copied.is_err() {
                    copier.producer =
                        node.client().producer().transactional("copy").transaction_timeout(secs(10)).init().await?;
                    if !side.is_wrong() {
                        copier.rewind(&batch)?;
                    }
                }
            }
            Ok(())
        });
        simulation.run().unwrap()
    },
};

#[test]
fn scenario_46_txn_timeout_slow() {
    judge(&TXN_TIMEOUT_SLOW);
}
