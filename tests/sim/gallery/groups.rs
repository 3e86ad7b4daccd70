//! Rows about groups: who owns what, from where it goes on, and what becomes of a member that is lost.

use super::support::{GROUP, Sending, TOPIC, cluster, member, ms, record, safe_topic, secs};
use super::{Scenario, Side, judge};
use rehearsal::base::Offset;
use rehearsal::check::{Code, CommitPolicy, Contract, OffsetReset as Reset, Setup, TopicSetup, Verdict};
use rehearsal::client::{
    AlterConfig, ConfigResource, ConsumerBuilder, ConsumerRecord, OffsetReset, Rebalance, RebalanceListener,
    RoundRobinAssignor, TopicPartition,
};
use rehearsal::sim::{AppError, Node};
use rehearsal::{ApiKey, Fault};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[
    &SIMPLE_COMMIT_CLOBBER,
    &REVOKE_NO_COMMIT,
    &JOIN_SYNC_DEATH,
    &RESET_LATEST_RETENTION,
    &NEW_PARTITION_LATEST,
    &COMMIT_EXPIRED,
];

fn setup() -> Setup {
    Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Alo, Contract::Live, Contract::Base],
        min_insync_replicas: 2,
        commit: CommitPolicy::AfterProcessed,
        auto_offset_reset: Reset::Earliest,
        ..Setup::default()
    }
}

/// Works on each record for a while and commits it then, until nothing comes for a while.
async fn work(node: &Node, settings: ConsumerBuilder, each: Duration, idle: Duration) -> Result<u32, AppError> {
    let mut consumer = settings.build();
    consumer.subscribe([TOPIC])?;
    let mut done = 0;
    while let Ok(record) = timeout(idle, consumer.recv()).await {
        let record: ConsumerRecord = record?;
        sleep(each).await;
        node.processed(GROUP, &record);
        // Somebody else's by now, perhaps; then it will be worked on again.
        let _ = consumer.commit_record(&record).await;
        done += 1;
    }
    consumer.close().await?;
    Ok(done)
}

const SIMPLE_COMMIT_CLOBBER: Scenario = Scenario {
    number: 23,
    name: "simple-commit-clobber",
    wrong: "a tool that assigns itself the partition commits under the name of the group",
    schedule: "the group stops; the tool commits offset 0; the group starts again",
    expect: &[(Code::CommitRegress, Verdict::Bug), (Code::GroupDup, Verdict::Expected)],
    right: Some("the tool has a group of its own"),
    must_reach: &["processed", "commits", "rebalances"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(3).app(move |node| async move {
            match node.index() {
                0 => Sending { count: 20, ..Sending::default() }.run(&node).await,
                1 => {
                    work(&node, member(&node), ms(10), secs(5)).await?;
                    sleep(secs(10)).await;
                    work(&node, member(&node), ms(10), secs(5)).await?;
                }
                _ => {
                    sleep(secs(11)).await;
                    let group = if side.is_wrong() { GROUP } else { "tool" };
                    let tool = node.client().consumer().group_id(group).enable_auto_commit(false).build();
                    tool.commit_offsets([(TopicPartition::new(TOPIC, 0)?, Offset(0))]).await?;
                }
            }
            Ok(())
        });
        // Nobody says what the tool has processed, so nothing can be said about it.
        let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base];
        simulation.setup(Setup { intent, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_23_simple_commit_clobber() {
    judge(&SIMPLE_COMMIT_CLOBBER);
}

const REVOKE_NO_COMMIT: Scenario = Scenario {
    number: 25,
    name: "revoke-no-commit",
    wrong: "commits every ten records, and none when partitions are revoked",
    schedule: "an eager group; a member more every five seconds",
    expect: &[(Code::GroupDup, Verdict::Expected)],
    right: Some("a commit in `on_revoked`"),
    must_reach: &["processed", "commits", "rebalances"],
    run: |side| {
        let simulation = cluster(safe_topic().partitions(6)).processes(4).app(move |node| async move {
            match node.index() {
                0 => Sending { count: 300, pause: ms(50), ..Sending::default() }.run(&node).await,
                index => {
                    sleep(secs(5) * u32::try_from(index - 1)?).await;
                    work_in_tens(&node, side).await?;
                }
            }
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

/// Commits all partitions that it has to give back; all that was handed out is done by then.
struct CommitsOnRevocation;

impl RebalanceListener for CommitsOnRevocation {
    fn on_revoked(&mut self, rebalance: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        for partition in partitions {
            rebalance.commit(partition);
        }
    }
}

async fn work_in_tens(node: &Node, side: Side) -> Result<(), AppError> {
    let mut consumer = member(node).partition_assignment_strategy([Arc::new(RoundRobinAssignor) as _]).build();
    if !side.is_wrong() {
        consumer.set_rebalance_listener(CommitsOnRevocation)?;
    }
    consumer.subscribe([TOPIC])?;
    let mut done = 0;
    while let Ok(record) = timeout(secs(20), consumer.recv()).await {
        node.processed(GROUP, &record?);
        done += 1;
        if done % 10 == 0 {
            consumer.commit().await?;
        }
    }
    consumer.commit().await?;
    consumer.close().await?;
    Ok(())
}

#[test]
fn scenario_25_revoke_no_commit() {
    judge(&REVOKE_NO_COMMIT);
}

const JOIN_SYNC_DEATH: Scenario = Scenario {
    number: 28,
    name: "join-sync-death",
    wrong: "nothing",
    schedule: "the leader of a group dies when it has joined and has assigned nothing yet, and does not come back",
    expect: &[],
    right: None,
    must_reach: &["processed", "rebalances", "faults"],
    run: |_| {
        let simulation = cluster(safe_topic()).processes(3).app(|node| async move {
            match (node.index(), node.incarnation()) {
                (0, _) => Sending { pause: ms(200), ..Sending::default() }.run(&node).await,
                (1, 0) => {
                    work(&node, member(&node), ms(10), secs(60)).await?;
                }
                (2, _) => {
                    sleep(secs(3)).await;
                    work(&node, member(&node), ms(10), secs(60)).await?;
                }
                _ => {}
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let cluster = system.cluster();
            sleep(secs(1)).await;
            // Nothing that it says arrives any more, and its session has to run out.
            let silent = cluster.inject(Fault::on(ApiKey::SyncGroup).client_id("app-1").drop_it())?;
            cluster.wait_until(|_| silent.fired() == 1).await?;
            cluster.links().of("app-1").clog()?;
            system.crash_process(1, secs(100)).await?;
            Ok(())
        });
        let simulation = simulation.setup(setup()).cluster(|cluster| cluster.wait_deadline(secs(60)));
        simulation.heal_after(secs(90)).converge_within(secs(60)).run().unwrap()
    },
};

#[test]
fn scenario_28_join_sync_death() {
    judge(&JOIN_SYNC_DEATH);
}

/// The other setting of `auto.offset.reset`, for the client and for the checker.
fn reset(side: Side) -> (OffsetReset, Setup) {
    if side.is_wrong() {
        (OffsetReset::Latest, Setup { auto_offset_reset: Reset::Latest, ..setup() })
    } else {
        (OffsetReset::Earliest, setup())
    }
}

const RESET_LATEST_RETENTION: Scenario = Scenario {
    number: 30,
    name: "reset-latest-retention",
    wrong: "`auto.offset.reset=latest`",
    schedule: "the group stops; retention takes the record where it stopped; it starts again",
    expect: &[(Code::GroupLoss, Verdict::Gap)],
    right: Some("`auto.offset.reset=earliest`"),
    must_reach: &["processed", "commits"],
    run: |side| {
        let (reset, setup) = reset(side);
        let topic = safe_topic().config("retention.ms", "10000").config("segment.ms", "5000");
        let simulation = cluster(topic).processes(2).app(move |node| async move {
            if node.index() == 0 {
                sleep(secs(1)).await;
                // 60 s long, so that a part of it is old and a part is not.
                Sending { count: 80, pause: ms(500), ..Sending::default() }.run(&node).await;
                // What there is now, and what comes, is kept.
                let keep = AlterConfig::Set("retention.ms".to_owned(), "-1".to_owned());
                let topic = ConfigResource::Topic(TOPIC.to_owned());
                node.client().admin().alter_configs([(topic, [keep])]).await?.all()?;
                Sending { count: 40, pause: ms(500), ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            let settings = || member(&node).auto_offset_reset(reset);
            let mut consumer = settings().build();
            consumer.subscribe([TOPIC])?;
            for _ in 0..20 {
                let record = consumer.recv().await?;
                node.processed(GROUP, &record);
                consumer.commit_record(&record).await?;
            }
            consumer.close().await?;
            sleep(secs(30)).await;
            work(&node, settings(), ms(0), secs(30)).await?;
            Ok(())
        });
        let topics = [(TOPIC.to_owned(), TopicSetup { retention_ms: 10_000, ..TopicSetup::default() })].into();
        simulation.setup(Setup { topics, ..setup }).run().unwrap()
    },
};

#[test]
fn scenario_30_reset_latest_retention() {
    judge(&RESET_LATEST_RETENTION);
}

const NEW_PARTITION_LATEST: Scenario = Scenario {
    number: 31,
    name: "new-partition-latest",
    wrong: "`auto.offset.reset=latest`",
    schedule: "a partition is added and written at once; consumers learn of it when their metadata are old",
    expect: &[(Code::GroupLoss, Verdict::Gap)],
    right: Some("`auto.offset.reset=earliest`"),
    must_reach: &["processed", "commits", "rebalances"],
    run: |side| {
        let (reset, setup) = reset(side);
        let simulation = cluster(safe_topic()).processes(2).app(move |node| async move {
            if node.index() == 1 {
                work(&node, member(&node).auto_offset_reset(reset), ms(0), secs(400)).await?;
                return Ok(());
            }
            sleep(secs(5)).await;
            let producer = Sending::default().producer(&node);
            producer.send(record(0).partition(0)).await?;
            let grown = node.client().admin().create_partitions([(TOPIC, 2)]).await?;
            grown.all()?;
            for n in 1..40 {
                sleep(secs(10)).await;
                producer.send(record(n).partition(1)).await?;
            }
            Ok(())
        });
        simulation.setup(setup).run().unwrap()
    },
};

#[test]
fn scenario_31_new_partition_latest() {
    judge(&NEW_PARTITION_LATEST);
}

const COMMIT_EXPIRED: Scenario = Scenario {
    number: 32,
    name: "commit-expired",
    wrong: "`offsets.retention.minutes` is less than the group is idle, and `auto.offset.reset=earliest`",
    schedule: "the group stops, and starts again twenty minutes later",
    expect: &[(Code::GroupDup, Verdict::Expected)],
    right: Some("`offsets.retention.minutes` is more"),
    must_reach: &["processed", "commits", "rebalances"],
    run: |side| {
        let minutes = if side.is_wrong() { 1 } else { 60 };
        let simulation = cluster(safe_topic()).processes(2).app(|node| async move {
            if node.index() == 0 {
                Sending { count: 20, ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            work(&node, member(&node), ms(10), secs(5)).await?;
            sleep(secs(20 * 60)).await;
            work(&node, member(&node), ms(10), secs(5)).await?;
            Ok(())
        });
        let simulation =
            simulation.cluster(|cluster| cluster.broker_config("offsets.retention.minutes", minutes.to_string()));
        simulation.setup(Setup { offsets_retention_ms: minutes * 60_000, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_32_commit_expired() {
    judge(&COMMIT_EXPIRED);
}
