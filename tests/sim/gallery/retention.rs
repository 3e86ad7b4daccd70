//! Rows about what a topic keeps, and what becomes of a topic.

use super::support::{Sending, TOPIC, cluster, ms, planted, read, safe_topic, secs};
use super::{Scenario, judge};
use rehearsal::base::Timestamp;
use rehearsal::check::{Code, Contract, OffsetReset, Setup, TopicSetup, Verdict};
use rehearsal::client::{ClientMutant, ProducerRecord, StartFrom, TopicPartition};
use rehearsal::sim::Run;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] =
    &[&CLOCK_SKEW_RETENTION, &GROW_PARTITIONS, &TOPIC_RECREATE, &COMPACTION_OK, &RETENTION_OK];

fn setup(topic: TopicSetup) -> Setup {
    Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base],
        min_insync_replicas: 2,
        auto_offset_reset: OffsetReset::Earliest,
        topics: [(TOPIC.to_owned(), topic)].into(),
        ..Setup::default()
    }
}

const HOUR_MS: i64 = 3_600_000;
/// When the brokers' clocks begin: 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;

const CLOCK_SKEW_RETENTION: Scenario = Scenario {
    number: 54,
    name: "clock-skew-retention",
    wrong: "`message.timestamp.type=CreateTime`, `retention.ms` of an hour",
    schedule: "the producer's clock is two hours late, and the log is cleaned",
    expect: &[(Code::EarlyDelete, Verdict::Expected)],
    right: Some("`message.timestamp.type=LogAppendTime`"),
    must_reach: &["acknowledged"],
    run: |side| {
        let stamps = if side.is_wrong() { "CreateTime" } else { "LogAppendTime" };
        let topic = safe_topic().config("retention.ms", HOUR_MS.to_string()).config("segment.ms", "5000");
        let simulation = cluster(topic.config("message.timestamp.type", stamps)).app(|node| async move {
            let producer = node.client().producer().build();
            for n in 0..60 {
                let stamp = Timestamp(START_MS - 2 * HOUR_MS + n * 1_000);
                producer.send(ProducerRecord::new(TOPIC).value(n.to_string()).timestamp(stamp)).await?;
                sleep(secs(1)).await;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(50)).await;
            system.cluster().clean_logs();
            Ok(())
        });
        simulation.setup(setup(TopicSetup { retention_ms: HOUR_MS, ..TopicSetup::default() })).run().unwrap()
    },
};

#[test]
fn scenario_54_clock_skew_retention() {
    judge(&CLOCK_SKEW_RETENTION);
}

const GROW_PARTITIONS: Scenario = Scenario {
    number: 57,
    name: "grow-partitions",
    wrong: "a topic grows from three partitions to six while keyed records are sent",
    schedule: "then it is read, and the reader is slow with the first three partitions",
    expect: &[(Code::KeyOrder, Verdict::Gap)],
    right: Some("it has six from the beginning"),
    must_reach: &["acknowledged", "delivered"],
    run: |side| {
        let count = if side.is_wrong() { 3 } else { 6 };
        let simulation = cluster(safe_topic().partitions(count)).app(move |node| async move {
            let producer = node.client().producer().build();
            for n in 0..120 {
                if n == 60 && side.is_wrong() {
                    node.client().admin().create_partitions([(TOPIC, 6)]).await?.all()?;
                    // Until the metadata are old.
                    sleep(secs(301)).await;
                }
                let record = ProducerRecord::new(TOPIC).key(format!("k{}", n % 7)).value(n.to_string());
                producer.send(record).await?;
                sleep(ms(10)).await;
            }
            let mut consumer = node.client().consumer().build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
            let old = [0, 1, 2].map(|partition| TopicPartition::new(TOPIC, partition));
            let old = old.into_iter().collect::<Result<Vec<_>, _>>()?;
            consumer.pause(&old)?;
            for _ in 0..2 {
                while let Ok(record) = timeout(secs(5), consumer.recv()).await {
                    record?;
                }
                consumer.resume(&old)?;
            }
            Ok(())
        });
        simulation.setup(setup(TopicSetup::default())).run().unwrap()
    },
};

#[test]
fn scenario_57_grow_partitions() {
    judge(&GROW_PARTITIONS);
}

const TOPIC_RECREATE: Scenario = Scenario {
    number: 58,
    name: "topic-recreate",
    wrong: "a consumer knows topics by their names alone, whatever their ids",
    schedule: "a topic is deleted when it has been read, and another one gets its name; the consumer is cut off until \
               that has more records than the first one had",
    expect: &[(Code::StartSkip, Verdict::Bug)],
    right: Some("topic ids (KIP-516): another topic is begun as `auto.offset.reset` says"),
    must_reach: &["acknowledged", "delivered"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(3).app(|node| async move {
            if node.index() == 2 {
                read(&node, secs(60)).await?;
                return Ok(());
            }
            // Each has a topic of its own.
            sleep(secs(if node.index() == 0 { 0 } else { 10 })).await;
            Sending { count: if node.index() == 0 { 30 } else { 60 }, ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(5)).await;
            let reader = system.cluster().links().of("app-2");
            reader.cut()?;
            system.cluster().delete_topic(TOPIC)?;
            system.cluster().create_topic(safe_topic())?;
            sleep(secs(15)).await;
            reader.heal()?;
            Ok(())
        });
        planted(simulation, side, ClientMutant::BlindToTopicIds).setup(setup(TopicSetup::default())).run().unwrap()
    },
};

#[test]
fn scenario_58_topic_recreate() {
    judge(&TOPIC_RECREATE);
}

const COMPACTION_OK: Scenario = Scenario {
    number: 60,
    name: "compaction-ok",
    wrong: "nothing: `cleanup.policy=compact`",
    schedule: "keys are written again and again, some deleted; the log is cleaned twice, and read",
    expect: &[],
    right: None,
    must_reach: &["acknowledged", "delivered"],
    run: |_| compaction(),
};

fn compaction() -> Run {
    let topic = safe_topic().config("cleanup.policy", "compact").config("segment.ms", "2000");
    let topic = topic.config("min.cleanable.dirty.ratio", "0.01");
    let simulation = cluster(topic).processes(2).app(|node| async move {
        if node.index() == 1 {
            sleep(secs(90)).await;
            read(&node, secs(5)).await?;
            return Ok(());
        }
        let producer = node.client().producer().build();
        for n in 0..120 {
            let record = ProducerRecord::new(TOPIC).key(format!("k{}", n % 7));
            let record = if n % 11 == 10 { record } else { record.value(n.to_string()) };
            producer.send(record).await?;
            sleep(ms(500)).await;
        }
        Ok(())
    });
    let simulation = simulation.nemesis(|system| async move {
        for _ in 0..2 {
            sleep(secs(35)).await;
            system.cluster().clean_logs();
        }
        let left = system.cluster().records(TOPIC).len();
        assert!((7..60).contains(&left), "{left}");
        Ok(())
    });
    simulation.setup(setup(TopicSetup { compacted: true, ..TopicSetup::default() })).run().unwrap()
}

#[test]
fn scenario_60_compaction_ok() {
    judge(&COMPACTION_OK);
}

const RETENTION_OK: Scenario = Scenario {
    number: 61,
    name: "retention-ok",
    wrong: "nothing: `retention.ms` of a second",
    schedule: "the log is cleaned behind a reader, all the time",
    expect: &[],
    right: None,
    must_reach: &["acknowledged", "delivered"],
    run: |_| {
        let topic = safe_topic().config("retention.ms", "1000").config("segment.ms", "500");
        let simulation = cluster(topic).processes(2).app(|node| async move {
            if node.index() == 0 {
                Sending { pause: ms(200), ..Sending::default() }.run(&node).await;
            } else {
                read(&node, secs(5)).await?;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            for _ in 0..25 {
                sleep(secs(1)).await;
                system.cluster().clean_logs();
            }
            let left = system.cluster().records(TOPIC).len();
            assert_eq!(left, 0);
            Ok(())
        });
        simulation.setup(setup(TopicSetup { retention_ms: 1_000, ..TopicSetup::default() })).run().unwrap()
    },
};

#[test]
fn scenario_61_retention_ok() {
    judge(&RETENTION_OK);
}
