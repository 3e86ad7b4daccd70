//! Histories from the journal alone: what clients did, that nobody instrumented.

use rehearsal::check::{Code, Contract, Report, Setup};
use rehearsal::client::{Acks, IsolationLevel, OffsetReset, ProducerRecord, StartFrom};
use rehearsal::journal::JournalDetail;
use rehearsal::{ApiKey, Client, Cluster, Fault, NewTopic, tap};
use std::time::Duration;

async fn cluster(min_isr: &str) -> Cluster {
    let topic = NewTopic::new("t").partitions(1).config("min.insync.replicas", min_isr);
    Cluster::in_memory().brokers(3).new_topic(topic).journal_detail(JournalDetail::Full).start().await.unwrap()
}

async fn client(cluster: &Cluster) -> Client {
    Client::builder().endpoint(cluster.endpoint()).client_id("app").connect().await.unwrap()
}

fn check(cluster: &Cluster, setup: Setup) -> Report {
    let history = tap::history(cluster, setup).unwrap();
    let report = history.check();
    println!("{report}\n{}", history.to_json_lines());
    report
}

fn setup() -> Setup {
    Setup { min_insync_replicas: 2, intent: vec![Contract::Dur, Contract::NoDup, Contract::Base], ..Setup::default() }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_watches_has_a_history() {
    let cluster = cluster("2").await;
    let client = client(&cluster).await;
    let producer = client.producer().build();
    for n in 0..10_u32 {
        producer.send(ProducerRecord::new("t").value(n.to_string())).await.unwrap();
    }
    let mut consumer = client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["t"]).unwrap();
    for _ in 0..10 {
        consumer.recv().await.unwrap();
    }
    consumer.commit().await.unwrap();
    let report = check(&cluster, setup());
    assert_eq!(report.codes(), []);
    let seen = |name: &str| report.counters[name];
    assert_eq!((seen("acknowledged"), seen("delivered"), seen("commits")), (10, 10, 1));
}

#[tokio::test(start_paused = true)]
async fn transactions_are_told_apart_and_their_ends_are_seen() {
    let cluster = cluster("2").await;
    let client = client(&cluster).await;
    let mut producer = client.producer().transactional("id").init().await.unwrap();
    for n in 0..4_u32 {
        let transaction = producer.begin().await.unwrap();
        for part in 0..2 {
            let sent = transaction.enqueue(ProducerRecord::new("t").value(format!("{n}.{part}"))).await.unwrap();
            drop(sent);
        }
        if n % 2 == 0 { transaction.commit().await.unwrap() } else { transaction.abort().await.unwrap() }
    }
    let mut reader = client.consumer().isolation_level(IsolationLevel::ReadCommitted).build();
    reader.assign_topic("t", StartFrom::Earliest).await.unwrap();
    for _ in 0..4 {
        reader.recv().await.unwrap();
    }
    let report = check(&cluster, Setup { transactional: true, ..setup() });
    assert_eq!(report.codes(), []);
    let seen = |name: &str| report.counters[name];
    assert_eq!((seen("transactions committed"), seen("transactions aborted"), seen("delivered")), (2, 2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_an_attempt_in_doubt_and_the_next_one_a_double() {
    let doubled = async |idempotent: bool| {
        let cluster = cluster("2").await;
        cluster.inject(Fault::on(ApiKey::Produce).nth(3).after_applied().close()).unwrap().keep();
        let producer = client(&cluster).await.producer().enable_idempotence(idempotent).build();
        for n in 0..5_u32 {
            producer.send(ProducerRecord::new("t").value(n.to_string())).await.unwrap();
        }
        let report = check(&cluster, Setup { idempotence: idempotent, ..setup() });
        assert_eq!(report.counters["retried sends"], 1, "{report}");
        report.codes().to_vec()
    };
    assert_eq!(doubled(false).await, [Code::Dup]);
    assert_eq!(doubled(true).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_dead_leader_had_is_missed() {
    let cluster = cluster("1").await;
    let leader = cluster.partition("t", 0).leader().unwrap();
    for follower in (1..=3).filter(|id| *id != leader) {
        cluster.partition("t", 0).hold_replication(follower).unwrap();
    }
    let producer = client(&cluster).await.producer().acks(Acks::Leader).enable_idempotence(false).build();
    producer.send(ProducerRecord::new("t").value("gone")).await.unwrap();
    cluster.broker(leader).crash().unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    for follower in (1..=3).filter(|id| *id != leader) {
        cluster.partition("t", 0).release_replication(follower).unwrap();
    }
    producer.send(ProducerRecord::new("t").value("there")).await.unwrap();
    let acks = rehearsal::check::Acks::Leader;
    let report = check(&cluster, Setup { acks, idempotence: false, min_insync_replicas: 1, ..setup() });
    assert_eq!(report.codes()[0], Code::Lost, "{report}");
}

/// Two topics of one name once counted as one, in which two records were at one offset.
#[tokio::test(start_paused = true)]
async fn a_topic_that_is_created_anew_is_another_one() {
    let cluster = cluster("2").await;
    let client = client(&cluster).await;
    let mut consumer = client.consumer().auto_offset_reset(OffsetReset::Earliest).build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    for life in ["first", "second"] {
        let producer = client.producer().build();
        for n in 0..5_i64 {
            let sent = producer.send(ProducerRecord::new("t").value(format!("{life} {n}"))).await.unwrap();
            assert_eq!(sent.offset.0, n);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for n in 0..5 {
            let read = consumer.recv().await.unwrap();
            assert_eq!((read.offset.0, read.value.unwrap()), (n, format!("{life} {n}").into()));
        }
        if life == "first" {
            cluster.delete_topic("t").unwrap();
            cluster.create_topic(NewTopic::new("t").partitions(1).config("min.insync.replicas", "2")).unwrap();
        }
    }
    let report = check(&cluster, setup());
    assert_eq!(report.codes(), []);
    let history = tap::history(&cluster, setup()).unwrap().to_json_lines();
    assert!(history.contains("\"t-0\"") && history.contains("\"t#2-0\""), "each has a name");
}
