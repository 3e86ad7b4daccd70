//! What an application with librdkafka was told, and whether the cluster kept it: over TCP and in real time.
//!
//! Each row starts a cluster, lets an application produce and consume by the recording adapter ([`interop_faults::recording`])
//! and holds its history against what must be found: alone, as it would be of a real Kafka, and with what the cluster knows
//! of it besides. Prints one line per row; fails when one is not as expected.

use interop_faults::recording::RecordedConsumer;
use interop_faults::recording::RecordedProducer;
use interop_faults::settings;
use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::producer::FutureRecord;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::check::Acks;
use rehearsal::check::Code;
use rehearsal::check::CommitPolicy;
use rehearsal::check::Contract;
use rehearsal::check::OffsetReset;
use rehearsal::check::Recorder;
use rehearsal::check::Report;
use rehearsal::check::Setup;
use rehearsal::journal::JournalDetail;
use rehearsal::tap;
use std::time::Duration;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

type Error = Box<dyn std::error::Error>;
/// What the application's history says alone, and with the cluster's.
type Outcome = Result<[Report; 2], Error>;

async fn cluster() -> rehearsal::Result<Cluster> {
    Cluster::builder().brokers(3).topic("t", 1).journal_detail(JournalDetail::Full).start().await
}

fn setup() -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Alo, Contract::Base];
    let (commit, auto_offset_reset) = (CommitPolicy::AfterProcessed, OffsetReset::Earliest);
    Setup { intent, commit, auto_offset_reset, ..Setup::default() }
}

/// How the application's clients are set up: its id is the name of its process, by which the cluster knows whom it sees.
fn client(cluster: &Cluster, id: &str) -> ClientConfig {
    let mut settings = settings(cluster);
    settings.set("client.id", id).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    settings
}

fn reports(cluster: &Cluster, recorder: &Recorder) -> Outcome {
    Ok([recorder.history()?.check(), tap::recorded(cluster, recorder)?.check()])
}

async fn send(producer: &RecordedProducer, value: &str) -> Result<(), Error> {
    producer.send(FutureRecord::<(), str>::to("t").partition(0).payload(value)).await?;
    Ok(())
}

/// Polls until it has so many records, and processes those that it may.
fn read(consumer: &RecordedConsumer, count: usize, process: bool) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < count {
        if Instant::now() > deadline {
            return Err(format!("only {seen} of {count} records came").into());
        }
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            if process {
                consumer.processed(&message);
            }
            seen += 1;
        }
    }
    Ok(())
}

/// A member that reads so many records, processes them, and then commits.
fn read_and_commit(cluster: &Cluster, recorder: &Recorder, count: usize) -> Result<(), Error> {
    let consumer = RecordedConsumer::new(&client(cluster, "billing"), recorder, "billing", "g")?;
    consumer.inner().subscribe(&["t"])?;
    read(&consumer, count, true)?;
    consumer.commit()?;
    Ok(())
}

async fn nothing_wrong() -> Outcome {
    let cluster = cluster().await?;
    let recorder = tap::recorder(&cluster, setup());
    let config = client(&cluster, "orders").set("enable.idempotence", "true").clone();
    let producer = RecordedProducer::new(&config, &recorder, "orders")?;
    for n in 0..10 {
        send(&producer, &n.to_string()).await?;
    }
    read_and_commit(&cluster, &recorder, 10)?;
    reports(&cluster, &recorder)
}

/// The answer is lost, and librdkafka sends the record again.
async fn lost_answer(idempotence: bool) -> Outcome {
    let cluster = cluster().await?;
    let recorder = tap::recorder(&cluster, Setup { idempotence, ..setup() });
    let config = client(&cluster, "orders").set("enable.idempotence", idempotence.to_string()).clone();
    let producer = RecordedProducer::new(&config, &recorder, "orders")?;
    send(&producer, "first").await?;
    let _fault = cluster.inject(Fault::on(ApiKey::Produce).lose_answer())?;
    send(&producer, "second").await?;
    read_and_commit(&cluster, &recorder, if idempotence { 2 } else { 3 })?;
    reports(&cluster, &recorder)
}

/// The answer is lost, and librdkafka may not try again.
async fn nobody_knows() -> Outcome {
    let cluster = cluster().await?;
    let recorder = tap::recorder(&cluster, Setup { idempotence: false, ..setup() });
    let config = client(&cluster, "orders").set("enable.idempotence", "false").set("retries", "0").clone();
    let producer = RecordedProducer::new(&config, &recorder, "orders")?;
    let _fault = cluster.inject(Fault::on(ApiKey::Produce).lose_answer())?;
    if send(&producer, "first").await.is_ok() {
        return Err("the answer was not lost".into());
    }
    send(&producer, "second").await?;
    read_and_commit(&cluster, &recorder, 2)?;
    reports(&cluster, &recorder)
}

/// The leader alone has the record, and another one is elected.
async fn leader_alone(acks: &str) -> Outcome {
    let cluster = cluster().await?;
    let is_safe = acks == "all";
    let acks_of_all = if is_safe { Acks::All } else { Acks::Leader };
    let recorder = tap::recorder(&cluster, Setup { acks: acks_of_all, idempotence: false, ..setup() });
    let partition = cluster.partition("t", 0);
    let leader = partition.leader().ok_or("there is no leader")?;
    let followers: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
    let config = client(&cluster, "orders").set("acks", acks).set("enable.idempotence", "false").clone();
    let producer = RecordedProducer::new(&config, &recorder, "orders")?;
    send(&producer, "first").await?;
    if !is_safe {
        followers.iter().try_for_each(|id| partition.hold_replication(*id))?;
    }
    send(&producer, "second").await?;
    partition.elect(followers[0])?;
    if !is_safe {
        followers.iter().try_for_each(|id| partition.release_replication(*id))?;
    }
    send(&producer, "third").await?;
    read_and_commit(&cluster, &recorder, if is_safe { 3 } else { 2 })?;
    reports(&cluster, &recorder)
}

/// A member takes records, commits by the clock, and dies before it has processed them. Or it processes first, and commits
/// by itself.
async fn dies_before_it_has_processed(auto_commit: bool) -> Outcome {
    let cluster = cluster().await?;
    let commit = if auto_commit { CommitPolicy::Auto } else { CommitPolicy::AfterProcessed };
    let recorder = tap::recorder(&cluster, Setup { commit, ..setup() });
    let producer = RecordedProducer::new(&client(&cluster, "orders"), &recorder, "orders")?;
    for n in 0..5 {
        send(&producer, &n.to_string()).await?;
    }
    let mut config = client(&cluster, "billing");
    config.set("enable.auto.commit", auto_commit.to_string()).set("auto.commit.interval.ms", "50");
    let consumer = RecordedConsumer::new(&config, &recorder, "billing", "g")?;
    consumer.inner().subscribe(&["t"])?;
    read(&consumer, 5, false)?;
    let deadline = Instant::now() + PATIENCE;
    while auto_commit && cluster.group("g").committed("t", 0) != Some(5) {
        if Instant::now() > deadline {
            return Err("nothing was committed".into());
        }
        let _ = consumer.poll(Duration::from_millis(20));
    }
    // The callback comes with a poll after the commit.
    let _ = consumer.poll(Duration::from_millis(100));
    consumer.crashed();
    send(&producer, "5").await?;
    read_and_commit(&cluster, &recorder, if auto_commit { 1 } else { 6 })?;
    reports(&cluster, &recorder)
}

#[tokio::main]
async fn main() {
    let mut failed = 0;
    let rows: Vec<(&str, Outcome, Option<Code>)> = vec![
        ("nothing wrong", nothing_wrong().await, None),
        ("lost answer, idempotent", lost_answer(true).await, None),
        ("lost answer, not idempotent", lost_answer(false).await, Some(Code::Dup)),
        ("lost answer, not tried again", nobody_knows().await, None),
        ("leader moves, acks=all", leader_alone("all").await, None),
        ("leader moves, acks=1", leader_alone("1").await, Some(Code::Lost)),
        ("dies before it has processed, commits afterwards", dies_before_it_has_processed(false).await, None),
        (
            "dies before it has processed, commits by the clock",
            dies_before_it_has_processed(true).await,
            Some(Code::GroupLoss),
        ),
    ];
    for (name, outcome, expected) in rows {
        let has_all = |report: &Report| {
            ["acknowledged", "delivered", "processed", "commits"].iter().all(|name| report.counters[*name] > 0)
        };
        // Alone, nobody sees a leader cut its log: then there are two records at an offset as well (INCONS-OFF).
        let is_right = outcome.as_ref().is_ok_and(|[alone, with_cluster]| {
            let headline = |report: &Report| report.headline().map(|found| found.code);
            let alone_is_right = match expected {
                Some(code) => alone.codes().contains(&code),
                None => headline(alone).is_none(),
            };
            alone_is_right && headline(with_cluster) == expected && has_all(alone) && has_all(with_cluster)
        });
        let told = outcome.as_ref().map(|[alone, with_cluster]| {
            let codes = |report: &Report| match report.headline() {
                None => "nothing".to_owned(),
                Some(_) => report.codes().iter().map(|code| code.name()).collect::<Vec<_>>().join("+"),
            };
            let acknowledged = alone.counters["acknowledged"];
            format!("{} alone, {} with the cluster, {acknowledged} acknowledged", codes(alone), codes(with_cluster))
        });
        println!("{} {name}: {}", if is_right { "ok  " } else { "FAIL" }, told.unwrap_or_else(ToString::to_string));
        if !is_right {
            failed += 1;
            for report in outcome.iter().flatten() {
                println!("{report}");
            }
        }
    }
    if failed > 0 {
        std::process::exit(1);
    }
}
