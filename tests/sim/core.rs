//! The basics of a run: what it shows, and that it is the same run every time.

use rehearsal::check::{Code, Contract, Setup, Verdict};
use rehearsal::client::{OffsetReset, ProducerRecord, StartFrom};
use rehearsal::sim::{Run, Simulation};
use rehearsal::{ApiKey, Fault, NewTopic};
use std::collections::BTreeMap;
use std::time::Duration;

/// One producer sends and one consumer reads along; nothing is broken.
fn plain(seed: u64) -> Simulation {
    Simulation::new(seed).brokers(3).topic("orders", 3).app(|node| async move {
        let producer = node.client().producer().build();
        let mut consumer = node.client().consumer().build();
        consumer.assign_topic("orders", StartFrom::Earliest).await?;
        for n in 0..50_u32 {
            producer.send(ProducerRecord::new("orders").key(format!("k{}", n % 7)).value(n.to_string())).await?;
            consumer.recv().await?;
        }
        Ok(())
    })
}

fn run(simulation: Simulation) -> Run {
    simulation.run().unwrap()
}

#[test]
fn a_run_without_faults_has_no_findings() {
    let run = run(plain(1));
    run.assert_ok();
    assert_eq!(run.report().counters["acknowledged"], 50, "{:?}", run.report().counters);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (first, second) = (run(plain(7)), run(plain(7)));
    assert_eq!(first.trace_hash(), second.trace_hash());
    assert_eq!(first.to_string(), second.to_string());
    assert_ne!(first.trace_hash(), run(plain(8)).trace_hash());
}

/// The oldest way of doubling a record: the answer is lost, the client tries again, and nobody can tell.
#[test]
fn a_lost_answer_doubles_a_record_without_idempotence() {
    let copies = |idempotent: bool| {
        let simulation = Simulation::new(3).brokers(3).topic("orders", 1).app(move |node| async move {
            let producer = node.client().producer().enable_idempotence(idempotent).build();
            for n in 0..20_u32 {
                producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?.keep();
            Ok(())
        });
        let mut setup = Setup { min_insync_replicas: 2, ..Default::default() };
        setup.idempotence = idempotent;
        setup.intent = vec![Contract::NoDup, Contract::Base];
        run(simulation.setup(setup))
    };
    let doubled = copies(false);
    assert_eq!(doubled.report().codes(), [Code::Dup], "{doubled}");
    assert!(!doubled.is_ok());
    copies(true).assert_ok();
}

/// A producer and a reader that keep at it whatever happens, with everything configured as it should be.
fn steady(seed: u64) -> Simulation {
    let orders = NewTopic::new("orders").partitions(2).config("min.insync.replicas", "2");
    let setup = Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Live, Contract::Base],
        min_insync_replicas: 2,
        ..Setup::default()
    };
    Simulation::new(seed).brokers(3).new_topic(orders).processes(2).setup(setup).app(|node| async move {
        if node.index() == 0 {
            let producer = node.client().producer().build();
            for n in 0..60_u32 {
                // What failed is not sent again: the history says whether it may be there.
                let _ = producer.send(ProducerRecord::new("orders").key(format!("k{n}")).value(n.to_string())).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        } else {
            let mut consumer = node.client().consumer().auto_offset_reset(OffsetReset::Earliest).build();
            consumer.assign_topic("orders", StartFrom::Earliest).await?;
            while let Ok(record) = tokio::time::timeout(Duration::from_secs(300), consumer.recv()).await {
                if record.is_err() {
                    crate::read_again(&mut consumer);
                }
            }
        }
        Ok(())
    })
}

/// How many seeds: `SEEDS=10000 cargo test --release --test sim baseline` is the long form.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(10);
    0..count
}

#[test]
fn the_baseline_has_no_findings_whatever_the_swarm_breaks() {
    let mut seen = BTreeMap::<&str, u64>::new();
    for seed in seeds() {
        let run = run(steady(seed).swarm(Duration::from_secs(40), [""; 0]));
        let wrong: Vec<_> = run.report().findings.iter().filter(|found| found.verdict != Verdict::Expected).collect();
        assert!(wrong.is_empty() && run.is_ok(), "{run}\n{}", run.plan().to_json().unwrap());
        run.report().counters.iter().for_each(|(name, count)| *seen.entry(name).or_default() += count);
    }
    // A baseline in which nothing happened would prove nothing.
    for name in ["acknowledged", "delivered", "elections", "faults"] {
        assert!(seen[name] > 0, "no {name}: {seen:?}");
    }
    println!("{seen:?}");
}

/// A producer and a group go on in a topic that is created anew: it is read from its beginning, and committed.
#[test]
fn a_group_begins_anew_when_its_topic_is_created_anew() {
    let topic = || NewTopic::new("orders").partitions(1).config("min.insync.replicas", "2");
    let setup = Setup {
        intent: vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Alo, Contract::Base],
        min_insync_replicas: 2,
        commit: rehearsal::check::CommitPolicy::AfterProcessed,
        auto_offset_reset: rehearsal::check::OffsetReset::Earliest,
        ..Setup::default()
    };
    let simulation =
        Simulation::new(5).brokers(3).new_topic(topic()).processes(2).setup(setup).app(|node| async move {
            if node.index() == 0 {
                let producer = node.client().producer().build();
                for n in 0..60_u32 {
                    producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                return Ok(());
            }
            let consumer = node.client().consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
            let mut consumer = consumer.enable_auto_commit(false).build();
            consumer.subscribe(["orders"])?;
            while let Ok(record) = tokio::time::timeout(Duration::from_secs(60), consumer.recv()).await {
                node.processed("g", &record?);
                consumer.commit().await?;
            }
            Ok(())
        });
    let simulation = simulation.nemesis(move |system| async move {
        tokio::time::sleep(Duration::from_millis(5_100)).await;
        system.cluster().delete_topic("orders")?;
        system.cluster().create_topic(topic())?;
        Ok(())
    });
    let run = run(simulation);
    run.assert_ok();
    assert_eq!(run.report().findings.len(), 0, "{run}");
    let counters = run.counters();
    assert_eq!((counters["acknowledged"], counters["processed"], counters["commits"]), (60, 60, 60));
}
