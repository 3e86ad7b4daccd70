//! What only the cluster knows: all of it reaches the checker, and each rule about it fires when it is falsified.

use rehearsal::check::event::{Compacted, GroupStatus, Outcome, Removal, TxnStatus};
use rehearsal::check::{Code, Event, History};
use rehearsal::client::{OffsetReset, OffsetSpec, ProducerRecord, StartFrom, TopicPartition};
use rehearsal::fault::{FaultPlan, PlanScope};
use rehearsal::sim::{Run, RunFile, Simulation, Workload, WorkloadKind};
use rehearsal::{NewTopic, base::Seed};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

fn workload(kind: WorkloadKind, swarm: bool) -> Run {
    let mut file = RunFile::new(3, Workload::new(kind));
    if swarm {
        let scope = PlanScope {
            topics: vec![("orders".to_owned(), 2)],
            groups: file.workload.groups(),
            processes: 0,
            heal_at_ms: 15_000,
        };
        file.faults = FaultPlan::random(Seed(3), &scope);
    }
    let run = file.run().unwrap();
    assert!(run.is_ok(), "{run}");
    run
}

/// Followers lag, the leader dies, and what only it had is cut off when it is back; in the end its topic is deleted.
fn truncation() -> Run {
    let topic = NewTopic::new("t").partitions(1).config("min.insync.replicas", "1");
    let brokers = |cluster: rehearsal::ClusterBuilder| cluster.broker_config("producer.id.expiration.ms", "60000");
    let simulation = Simulation::new(5).brokers(3).new_topic(topic).new_topic(NewTopic::new("gone").partitions(1));
    let simulation = simulation.cluster(brokers).app(|node| async move {
        let client = node.client();
        let producer = client.producer().acks(rehearsal::client::Acks::Leader).enable_idempotence(false).build();
        let idempotent = client.producer().build();
        idempotent.send(ProducerRecord::new("t").value("once")).await?;
        let mut consumer = client.consumer().auto_offset_reset(OffsetReset::Latest).build();
        for n in 0..40_u32 {
            let _ = producer.send(ProducerRecord::new("t").value(n.to_string())).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        consumer.assign_topic("t", StartFrom::Latest).await?;
        let _ = tokio::time::timeout(Duration::from_secs(1), consumer.recv()).await;
        for _ in 0..2 {
            let asked = [(TopicPartition::new("t", 0)?, OffsetSpec::Latest)];
            let _ = client.admin().list_offsets(asked).await;
        }
        Ok(())
    });
    let simulation = simulation.nemesis(|system| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let cluster = system.cluster();
        for follower in [2, 3] {
            cluster.partition("t", 0).hold_replication(follower)?;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        cluster.broker(1).crash()?;
        for follower in [2, 3] {
            cluster.partition("t", 0).release_replication(follower)?;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        cluster.broker(1).restart()?;
        tokio::time::sleep(Duration::from_secs(900)).await;
        cluster.delete_topic("gone")?;
        Ok(())
    });
    simulation.run().unwrap()
}

static RUNS: LazyLock<Vec<(&str, Vec<Event>)>> = LazyLock::new(|| {
    let events = |run: Run| run.history().events().collect();
    vec![
        ("copy", events(workload(WorkloadKind::Copy, false))),
        ("grouped", events(workload(WorkloadKind::Grouped, true))),
        ("compacted", events(workload(WorkloadKind::Compacted, false))),
        ("retention", events(workload(WorkloadKind::Retention, false))),
        ("truncation", events(truncation())),
    ]
});

fn kind(event: &Event) -> String {
    serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()
}

#[test]
fn every_kind_of_event_reaches_the_checker() {
    let mut seen = BTreeMap::<String, usize>::new();
    RUNS.iter().flat_map(|(_, events)| events).for_each(|event| *seen.entry(kind(event)).or_default() += 1);
    println!("{seen:?}");
    for kind in [
        "final_log",
        "log",
        "leader",
        "isr",
        "leo",
        "hw",
        "lso",
        "log_start",
        "append",
        "acked",
        "served",
        "listed",
        "truncated",
        "epoch",
        "accepted",
        "txn_state",
        "settled",
        "group_state",
        "segment_deleted",
        "compacted",
        "producer_expired",
        "created",
        "deleted",
        "fetch_offsets",
    ] {
        assert!(seen.contains_key(kind), "no {kind}: {seen:?}");
    }
}

/// Changes the last event of a run that can be changed, and expects the code.
#[track_caller]
fn falsified(run: &str, code: Code, mut change: impl FnMut(&mut Event) -> bool) {
    let mut events = RUNS.iter().find(|(name, _)| *name == run).unwrap().1.clone();
    // What is wrong for a moment is wrong.
    if let Some(Event::Setup(setup)) = events.first_mut() {
        (setup.transaction_max_timeout_ms, setup.session_timeout_ms) = (0, 0);
    }
    let found = |events: &[Event]| History::from_events(events.iter().cloned()).unwrap().check();
    assert!(!found(&events).codes().contains(&code), "{run} has {code} as it is");
    assert!(events.iter_mut().rev().any(&mut change), "{run} has nothing to falsify");
    let report = found(&events);
    let hidden = report.hidden.contains_key(code.name());
    assert!(report.codes().contains(&code) || hidden, "{code} was not found: {report}");
}

/// A change of one field of one kind of event, where a condition holds.
macro_rules! on {
    ($kind:ident, |$line:ident| $body:expr) => {
        |event: &mut Event| match event {
            Event::$kind($line) => $body,
            _ => false,
        }
    };
}

fn set<T: PartialEq>(place: &mut T, value: T) -> bool {
    let is_another = *place != value;
    *place = value;
    is_another
}

#[test]
fn rules_of_replication_fire_on_falsified_runs() {
    falsified("copy", Code::HwBound, on!(Hw, |line| set(&mut line.offset, 10_000)));
    falsified("copy", Code::IsrAck, on!(Acked, |line| set(&mut line.offset, 10_000)));
    falsified("copy", Code::CommittedTrunc, on!(Append, |line| line.marker.is_none() && set(&mut line.offset, 0)));
    falsified("copy", Code::TwoLeaders, on!(Append, |line| set(&mut line.broker, 99)));
    falsified("copy", Code::EpochOrder, on!(Log, |line| line.offset == 0 && set(&mut line.epoch, 99)));
    falsified("copy", Code::LogMatch, on!(Log, |line| line.broker.is_some() && set(&mut line.digest, Some(1))));
    falsified(
        "truncation",
        Code::TruncPoint,
        on!(Truncated, |line| {
            line.to -= 1;
            true
        }),
    );
    falsified("truncation", Code::ListoffRegress, on!(Listed, |line| set(&mut line.offset, 0)));
    falsified(
        "copy",
        Code::FollowerRead,
        on!(Served, |line| {
            line.follower = true;
            set(&mut line.hw, 0)
        }),
    );
}

#[test]
fn rules_of_transactions_fire_on_falsified_runs() {
    falsified("copy", Code::LsoLeak, on!(Served, |line| line.read_committed && set(&mut line.lso, 0)));
    falsified("copy", Code::LsoRegress, on!(Lso, |line| set(&mut line.offset, 0)));
    falsified(
        "copy",
        Code::CrossTxn,
        on!(Append, |line| line.cause.is_some() && set(&mut line.cause, Some("x".to_owned()))),
    );
    falsified("copy", Code::Torn, on!(Settled, |line| set(&mut line.outcome, Outcome::Abort)));
    falsified("copy", Code::ZombieEffect, on!(Accepted, |line| set(&mut line.value, -1)));
    falsified(
        "copy",
        Code::Fence,
        on!(Log, |line| line.broker.is_none() && line.pid.is_some() && set(&mut line.pepoch, Some(-1))),
    );
    // A marker that is missing, and a coordinator that takes the transaction for done.
    falsified(
        "copy",
        Code::HangTxn,
        on!(Log, |line| line.broker.is_none() && set(&mut line.marker, None) && {
            line.ids = vec![None];
            line.transactional = true;
            true
        }),
    );
    assert!(
        RUNS[0].1.iter().any(|event| matches!(event, Event::TxnState(line) if line.state == TxnStatus::CompleteCommit))
    );
}

#[test]
fn rules_of_groups_fire_on_falsified_runs() {
    falsified(
        "grouped",
        Code::ZombieEffect,
        on!(Accepted, |line| line.scope == "group:shipping" && set(&mut line.value, 0)),
    );
    // In every generation: some are over at once.
    let mut is_changed = false;
    falsified("copy", Code::HoleOwn, |event| match event {
        Event::GroupState(line) if line.state == GroupStatus::Stable && !line.subscribed.is_empty() => {
            line.subscribed.push("orders-99".to_owned());
            is_changed = true;
            false
        }
        Event::Setup(_) => is_changed,
        _ => false,
    });
    falsified(
        "grouped",
        Code::CommitLost,
        on!(FetchOffsets, |line| {
            line.end.as_mut().unwrap().offsets.values_mut().any(|offset| *offset > 0 && set(offset, -1))
        }),
    );
    falsified(
        "grouped",
        Code::CommitStale,
        on!(FetchOffsets, |line| {
            line.end.as_mut().unwrap().offsets.values_mut().any(|offset| *offset > 0 && set(offset, 0))
        }),
    );
}

#[test]
fn rules_of_retention_and_compaction_fire_on_falsified_runs() {
    falsified(
        "retention",
        Code::EarlyDelete,
        on!(SegmentDeleted, |line| { line.by == Removal::Expiry && set(&mut line.max_timestamp_ms, line.now_ms) }),
    );
    falsified("retention", Code::LogstartRegress, on!(LogStart, |line| set(&mut line.offset, -1)));
    let shrunk = |line: &mut Compacted| line.after.len() < line.before.len();
    falsified("compacted", Code::CompactLost, on!(Compacted, |line| shrunk(line) && line.after.pop().is_some()));
    falsified(
        "compacted",
        Code::CompactMove,
        on!(Compacted, |line| {
            shrunk(line)
                && line.after.last_mut().is_some_and(|entry| {
                    entry.offset += 1;
                    true
                })
        }),
    );
    falsified("compacted", Code::CompactEarly, on!(Compacted, |line| shrunk(line) && set(&mut line.lso, 0)));
}
