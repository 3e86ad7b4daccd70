//! What librdkafka lost and doubled, from the cluster's journal alone: no client says anything, over TCP and in real time.
//!
//! Each row starts a cluster, lets librdkafka produce and consume, and holds what the wire tap makes of it against what
//! must be found. Prints one line per row; fails when one is not as expected.

use interop_faults::settings;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::producer::FutureProducer;
use rdkafka::producer::FutureRecord;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::check::Acks;
use rehearsal::check::Code;
use rehearsal::check::Contract;
use rehearsal::check::Report;
use rehearsal::check::Setup;
use rehearsal::journal::JournalDetail;
use rehearsal::tap;
use std::time::Duration;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

type Outcome = Result<Report, Box<dyn std::error::Error>>;

async fn cluster() -> rehearsal::Result<Cluster> {
    Cluster::builder().brokers(3).topic("t", 1).journal_detail(JournalDetail::Full).start().await
}

fn setup() -> Setup {
    Setup { intent: vec![Contract::Dur, Contract::NoDup, Contract::Base], ..Setup::default() }
}

async fn send(producer: &FutureProducer, value: &str) -> Result<(), Box<dyn std::error::Error>> {
    let record = FutureRecord::<(), str>::to("t").payload(value);
    producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
    Ok(())
}

/// Reads so many records, from the beginning, as a member of a group.
async fn read(cluster: &Cluster, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = settings(cluster);
    settings.set("group.id", "g").set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = settings.create()?;
    consumer.subscribe(&["t"])?;
    tokio::task::spawn_blocking(move || {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        while seen < count && Instant::now() < deadline {
            seen += usize::from(matches!(consumer.poll(Duration::from_millis(100)), Some(Ok(_))));
        }
        consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync)
    })
    .await??;
    Ok(())
}

async fn nothing_wrong() -> Outcome {
    let cluster = cluster().await?;
    let producer: FutureProducer = settings(&cluster).set("enable.idempotence", "true").create()?;
    for n in 0..10 {
        send(&producer, &n.to_string()).await?;
    }
    read(&cluster, 10).await?;
    Ok(tap::history(&cluster, setup())?.check())
}

/// The answer is lost, and the record is sent again.
async fn lost_answer(idempotence: bool) -> Outcome {
    let cluster = cluster().await?;
    let mut settings = settings(&cluster);
    let producer: FutureProducer = settings.set("enable.idempotence", idempotence.to_string()).create()?;
    send(&producer, "first").await?;
    let _fault = cluster.inject(Fault::on(ApiKey::Produce).lose_answer())?;
    send(&producer, "second").await?;
    read(&cluster, if idempotence { 2 } else { 3 }).await?;
    Ok(tap::history(&cluster, Setup { idempotence, ..setup() })?.check())
}

/// The leader alone has the record, and another one is elected.
async fn leader_alone(acks: &str) -> Outcome {
    let cluster = cluster().await?;
    let partition = cluster.partition("t", 0);
    let leader = partition.leader().ok_or("there is no leader")?;
    let followers: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
    let mut settings = settings(&cluster);
    let settings = settings.set("acks", acks).set("enable.idempotence", "false");
    let producer: FutureProducer = settings.create()?;
    send(&producer, "first").await?;
    let is_safe = acks == "all";
    if !is_safe {
        followers.iter().try_for_each(|id| partition.hold_replication(*id))?;
    }
    send(&producer, "second").await?;
    partition.elect(followers[0])?;
    if !is_safe {
        followers.iter().try_for_each(|id| partition.release_replication(*id))?;
    }
    send(&producer, "third").await?;
    read(&cluster, if is_safe { 3 } else { 2 }).await?;
    let acks = if is_safe { Acks::All } else { Acks::Leader };
    Ok(tap::history(&cluster, Setup { acks, idempotence: false, ..setup() })?.check())
}

#[tokio::main]
async fn main() {
    let mut failed = 0;
    let rows: Vec<(&str, Outcome, Option<Code>)> = vec![
        ("nothing wrong", nothing_wrong().await, None),
        ("lost answer, idempotent", lost_answer(true).await, None),
        ("lost answer, not idempotent", lost_answer(false).await, Some(Code::Dup)),
        ("leader moves, acks=all", leader_alone("all").await, None),
        ("leader moves, acks=1", leader_alone("1").await, Some(Code::Lost)),
    ];
    for (name, outcome, expected) in rows {
        let found = outcome.as_ref().map(|report| report.headline().map(|found| found.code));
        let acknowledged = outcome.as_ref().map_or(0, |report| report.counters["acknowledged"]);
        let is_right = found.as_ref().is_ok_and(|found| *found == expected) && acknowledged > 0;
        println!("{} {name}: {found:?}, {acknowledged} acknowledged", if is_right { "ok  " } else { "FAIL" });
        if !is_right {
            failed += 1;
            match outcome {
                Ok(report) => println!("{report}"),
                Err(error) => println!("{error}"),
            }
        }
    }
    if failed > 0 {
        std::process::exit(1);
    }
}
