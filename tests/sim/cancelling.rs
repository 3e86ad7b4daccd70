//! Applications that give up waiting in the middle of anything: whatever they asked for goes on, or has not begun, and
//! no promise is broken by it.
//!
//! Not here: processes that crash, stand still or are closed (`processes`).

use rehearsal::NewTopic;
use rehearsal::base::Rng;
use rehearsal::check::{CommitPolicy, Contract, OffsetReset, Setup, Verdict};
use rehearsal::client::{
    ConsumerBuilder, ConsumerRecord, GroupProtocol, IsolationLevel, OffsetReset as Reset, Pipeline, ProducerRecord,
    Progress, TransactionError,
};
use rehearsal::sim::{AppError, Node, Run, Simulation};
use std::future::Future;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const GROUP: &str = "g";

/// How many seeds: `SEEDS=1000 cargo test --release --test sim cancelling` is the long form.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(3);
    0..count
}

/// What something comes to, unless nobody waits for so long: mostly hardly at all.
async fn impatiently<T>(rng: &mut Rng, what: impl Future<Output = T>) -> Option<T> {
    let patience = match rng.below(4) {
        0 => Duration::ZERO,
        1 => Duration::from_millis(rng.below(10)),
        2 => Duration::from_millis(rng.below(300)),
        _ => Duration::from_secs(60),
    };
    timeout(patience, what).await.ok()
}

fn topic(name: &str) -> NewTopic {
    NewTopic::new(name).partitions(2).config("min.insync.replicas", "2")
}

/// Process 0 sends for half a minute, and waits for some of it; process 1 does something with it. Links take some time,
/// so that there is something to give up on.
fn system<F, R>(seed: u64, read: F) -> Simulation
where
    F: Fn(Node) -> R + Clone + 'static,
    R: Future<Output = Result<(), AppError>> + 'static,
{
    let simulation = Simulation::new(seed).brokers(3).new_topic(topic("in")).new_topic(topic("out")).processes(2);
    let simulation = simulation.app(move |node| {
        let read = read.clone();
        async move {
            if node.index() > 0 {
                return read(node).await;
            }
            let mut rng = node.chance("patience");
            let producer = node.client().producer().build();
            for n in 0..150_u32 {
                // The history says what became of it.
                let record = ProducerRecord::new("in").key(format!("k{n}")).value(n.to_string());
                let _ = impatiently(&mut rng, producer.send(record)).await;
                sleep(Duration::from_millis(200)).await;
            }
            producer.close().await;
            Ok(())
        }
    });
    let simulation = simulation.nemesis(|system| async move {
        let links = system.cluster().links();
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_millis(40));
        links.of(rehearsal::base::Node::AnyClient).latency_between(shortest, longest)?;
        Ok(())
    });
    simulation.swarm(Duration::from_secs(40), [GROUP])
}

fn setup(of: &[Contract]) -> Setup {
    Setup {
        intent: [&[Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Live, Contract::Base], of].concat(),
        min_insync_replicas: 2,
        auto_offset_reset: OffsetReset::Earliest,
        ..Setup::default()
    }
}

fn member(node: &Node) -> ConsumerBuilder {
    let consumer = node.client().consumer().group_id(GROUP).auto_offset_reset(Reset::Earliest);
    consumer.session_timeout(Duration::from_secs(10)).enable_auto_commit(false)
}

#[track_caller]
fn judge(seed: u64, run: &Run) {
    let wrong = run.report().findings.iter().filter(|found| found.verdict != Verdict::Expected);
    assert!(wrong.count() == 0 && run.is_ok(), "seed {seed}\n{run}\n{}", run.plan().to_json().unwrap());
}

#[test]
fn who_gives_up_waiting_for_records_and_commits_loses_none() {
    for seed in seeds() {
        let protocol = [GroupProtocol::Classic, GroupProtocol::Consumer][usize::try_from(seed % 2).unwrap()];
        let simulation = system(seed, move |node| async move {
            let mut rng = node.chance("patience");
            let mut consumer = member(&node).group_protocol(protocol).build();
            consumer.subscribe(["in"])?;
            loop {
                let record = tokio::select! {
                    biased;
                    () = node.stopped() => break,
                    record = impatiently(&mut rng, consumer.recv()) => record,
                };
                let record = match record {
                    Some(Ok(record)) => record,
                    // Whatever it is, it is not skipped.
                    Some(Err(_)) => {
                        sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                    None => continue,
                };
                node.processed(GROUP, &record);
                let _ = impatiently(&mut rng, consumer.commit()).await;
            }
            consumer.close().await?;
            Ok(())
        });
        let setup = Setup { commit: CommitPolicy::AfterProcessed, ..setup(&[Contract::Alo]) };
        judge(seed, &simulation.setup(setup).run().unwrap());
    }
}

#[test]
fn who_gives_up_waiting_for_a_step_of_a_pipeline_has_every_output_once() {
    for seed in seeds() {
        let simulation = system(seed, |node| async move {
            while !copies(&node).await? {
                sleep(Duration::from_millis(500)).await;
            }
            Ok(())
        });
        let setup = Setup { intent: [Contract::exactly_once(), vec![]].concat(), ..Setup::exactly_once() };
        judge(seed, &simulation.setup(setup).run().unwrap());
    }
}

/// Copies until the run is over, or until its producer can do nothing any more.
async fn copies(node: &Node) -> Result<bool, AppError> {
    let mut rng = node.chance("patience");
    let mut consumer = member(node).isolation_level(IsolationLevel::ReadCommitted).build();
    consumer.subscribe(["in"])?;
    let producer = node.client().producer().transactional("copier").transaction_timeout(Duration::from_secs(15));
    let producer = tokio::select! {
        biased;
        () = node.stopped() => return Ok(true),
        producer = producer.init() => producer,
    };
    let Ok(producer) = producer else { return Ok(false) };
    let mut pipeline = Pipeline::new(consumer, producer)?.max_poll_records(5);
    let transform = |input: &ConsumerRecord| {
        let output = ProducerRecord::new("out").value(input.value.clone().unwrap_or_default());
        [node.made_from(output, input)]
    };
    loop {
        let step = pipeline.step(transform);
        let step = tokio::select! {
            biased;
            () = node.stopped() => break,
            step = impatiently(&mut rng, step) => step,
        };
        match step {
            Some(Err(TransactionError::Fatal(_))) => return Ok(false),
            Some(Err(_)) => sleep(Duration::from_millis(200)).await,
            Some(Ok(_)) | None => {}
        }
    }
    // What was given up last is still to be done.
    while !matches!(pipeline.step(transform).await, Ok(Progress::Idle) | Err(TransactionError::Fatal(_))) {}
    let (consumer, _) = pipeline.into_parts();
    consumer.close().await?;
    Ok(true)
}
