//! What only the cluster knows: all of it reaches the checker, and each rule about it fires when it is falsified.

use rehearsal::check::event::{GroupStatus, Outcome, Poll, Removal, TxnStatus};
use rehearsal::check::{Code, Event, History, Setup, Severity};
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
        ("commits", events(commits())),
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
        "commit_removed",
        "producer_expired",
        "created",
        "deleted",
        "fetch_offsets",
    ] {
        assert!(seen.contains_key(kind), "no {kind}: {seen:?}");
    }
}

/// A run, a rule that it keeps, and what makes it break that rule; false when the run has nothing to falsify.
type Row = (&'static str, Code, fn(&mut Vec<Event>) -> bool);

/// Falsifies runs, and expects the codes.
#[track_caller]
fn convict(rows: &[Row]) {
    for (run, code, change) in rows {
        let mut events = RUNS.iter().find(|(name, _)| name == run).unwrap().1.clone();
        // What is wrong for a moment is wrong.
        if let Some(Event::Setup(setup)) = events.first_mut() {
            (setup.transaction_max_timeout_ms, setup.session_timeout_ms) = (0, 0);
        }
        let found = |events: &[Event]| History::from_events(events.iter().cloned()).unwrap().check();
        assert!(!found(&events).codes().contains(code), "{run} has {code} as it is");
        assert!(change(&mut events), "{run} has nothing to falsify for {code}");
        let report = found(&events);
        let hidden = report.hidden.contains_key(code.name());
        assert!(report.codes().contains(code) || hidden, "{code} was not found: {report}");
    }
}

/// The codes that falsified runs convict.
pub(crate) fn convicted() -> impl Iterator<Item = Code> {
    [REPLICATION, TRANSACTIONS, GROUPS, READERS, LOGS].into_iter().flatten().map(|(_, code, _)| *code)
}

/// Changes one field of the last event of one kind where a condition holds.
macro_rules! on {
    ($kind:ident, |$line:ident| $body:expr) => {
        |events: &mut Vec<Event>| {
            events.iter_mut().rev().any(|event| match event {
                Event::$kind($line) => $body,
                _ => false,
            })
        }
    };
}

fn set<T: PartialEq>(place: &mut T, value: T) -> bool {
    let is_another = *place != value;
    *place = value;
    is_another
}

const REPLICATION: &[Row] = &[
    ("copy", Code::HwBound, on!(Hw, |line| set(&mut line.offset, 10_000))),
    ("copy", Code::IsrAck, on!(Acked, |line| set(&mut line.offset, 10_000))),
    ("copy", Code::CommittedTrunc, on!(Append, |line| line.marker.is_none() && set(&mut line.offset, 0))),
    ("copy", Code::TwoLeaders, on!(Append, |line| set(&mut line.broker, 99))),
    ("copy", Code::EpochOrder, on!(Log, |line| line.offset == 0 && set(&mut line.epoch, 99))),
    ("copy", Code::LogMatch, on!(Log, |line| line.broker.is_some() && set(&mut line.digest, Some(1)))),
    (
        "truncation",
        Code::TruncPoint,
        on!(Truncated, |line| {
            line.to -= 1;
            true
        }),
    ),
    ("truncation", Code::ListoffRegress, on!(Listed, |line| set(&mut line.offset, 0))),
    (
        "copy",
        Code::FollowerRead,
        on!(Served, |line| {
            line.follower = true;
            set(&mut line.hw, 0)
        }),
    ),
];

const TRANSACTIONS: &[Row] = &[
    ("copy", Code::LsoLeak, on!(Served, |line| line.read_committed && set(&mut line.lso, 0))),
    ("copy", Code::LsoRegress, on!(Lso, |line| set(&mut line.offset, 0))),
    ("copy", Code::CrossTxn, on!(Append, |line| line.cause.is_some() && set(&mut line.cause, Some("x".to_owned())))),
    ("copy", Code::Torn, on!(Settled, |line| set(&mut line.outcome, Outcome::Abort))),
    ("copy", Code::ZombieEffect, on!(Accepted, |line| set(&mut line.value, -1))),
    (
        "copy",
        Code::Fence,
        on!(Log, |line| line.broker.is_none() && line.pid.is_some() && set(&mut line.pepoch, Some(-1))),
    ),
    (
        "copy",
        Code::HangTxn,
        on!(Log, |line| line.broker.is_none() && set(&mut line.marker, None) && {
            line.ids = vec![None];
            line.transactional = true;
            true
        }),
    ),
    ("copy", Code::Precommit, |events| mark_late(events)),
];

const GROUPS: &[Row] = &[
    ("grouped", Code::ZombieEffect, on!(Accepted, |line| line.scope == "group:shipping" && set(&mut line.value, 0))),
    (
        "grouped",
        Code::CommitLost,
        on!(FetchOffsets, |line| {
            line.end.as_mut().unwrap().offsets.values_mut().any(|offset| *offset > 0 && set(offset, -1))
        }),
    ),
    (
        "grouped",
        Code::CommitStale,
        on!(FetchOffsets, |line| {
            line.end.as_mut().unwrap().offsets.values_mut().any(|offset| *offset > 0 && set(offset, 0))
        }),
    ),
    ("copy", Code::HoleOwn, |events| subscribe_in_vain(events)),
    ("grouped", Code::ZombieOverlap, |events| keep_partition(events)),
    (
        "grouped",
        Code::UnownedRead,
        on!(Assigned, |line| {
            line.partitions.pop_first().is_some() && line.partitions.insert("orders-99".to_owned(), None).is_none()
        }),
    ),
    ("grouped", Code::StartSkip, |events| skip_first(events)),
    ("grouped", Code::Leaderless, |events| lose_leader(events)),
    ("commits", Code::CommitExpired, |events| commit_late(events)),
    ("commits", Code::CommitLost, |events| remove_nothing(events)),
];

const LOGS: &[Row] = &[
    ("copy", Code::NonmonoLog, on!(Log, |line| line.broker.is_none() && set(&mut line.offset, 1_000))),
    (
        "retention",
        Code::EarlyDelete,
        on!(SegmentDeleted, |line| { line.by == Removal::Expiry && set(&mut line.max_timestamp_ms, line.now_ms) }),
    ),
    ("retention", Code::LogstartRegress, on!(LogStart, |line| set(&mut line.offset, -1))),
    (
        "compacted",
        Code::CompactLost,
        on!(Compacted, |line| line.after.len() < line.before.len() && line.after.pop().is_some()),
    ),
    (
        "compacted",
        Code::CompactMove,
        on!(Compacted, |line| {
            line.after.len() < line.before.len()
                && line.after.last_mut().is_some_and(|entry| {
                    entry.offset += 1;
                    true
                })
        }),
    ),
    (
        "compacted",
        Code::CompactEarly,
        on!(Compacted, |line| line.after.len() < line.before.len() && set(&mut line.lso, 0)),
    ),
];

const READERS: &[Row] = &[
    ("compacted", Code::NonmonoPoll, on!(Poll, |line| repeat(line))),
    ("compacted", Code::StaleRead, |events| lag(events)),
];

#[test]
fn rules_of_replication_fire_on_falsified_runs() {
    convict(REPLICATION);
}

#[test]
fn rules_of_transactions_fire_on_falsified_runs() {
    convict(TRANSACTIONS);
    assert!(
        RUNS[0].1.iter().any(|event| matches!(event, Event::TxnState(line) if line.state == TxnStatus::CompleteCommit))
    );
}

#[test]
fn rules_of_groups_fire_on_falsified_runs() {
    convict(GROUPS);
}

#[test]
fn rules_of_readers_fire_on_falsified_runs() {
    convict(READERS);
}

#[test]
fn rules_of_logs_fire_on_falsified_runs() {
    convict(LOGS);
}

/// A commit marker is written only when the run ends, and what it commits has been read long before.
fn mark_late(events: &mut Vec<Event>) -> bool {
    let is_marker = |event: &Event| matches!(event, Event::Append(line) if line.marker == Some(Outcome::Commit) && line.txn.is_some());
    let Some(marker) = events.iter().position(is_marker) else { return false };
    let Some(ended) = events.iter().position(|event| matches!(event, Event::Ended(_))) else { return false };
    let (Event::Append(mut line), Event::Ended(end)) = (events[marker].clone(), &events[ended]) else { return false };
    line.t = end.t;
    events.insert(ended, Event::Append(line));
    events.remove(marker);
    true
}

/// In every generation, since some are over at once.
fn subscribe_in_vain(events: &mut [Event]) -> bool {
    let mut is_changed = false;
    for event in events {
        if let Event::GroupState(line) = event {
            if line.state == GroupStatus::Stable && !line.subscribed.is_empty() {
                line.subscribed.push("orders-99".to_owned());
                is_changed = true;
            }
        }
    }
    is_changed
}

/// A member does not let go of what another one is given later.
fn keep_partition(events: &mut [Event]) -> bool {
    for place in 0..events.len() {
        let Event::Released(line) = &events[place] else { continue };
        let is_next = |event: &Event| match event {
            Event::Assigned(next) => {
                next.process != line.process && next.partitions.keys().any(|name| line.partitions.contains(name))
            }
            _ => false,
        };
        if events[place..].iter().any(is_next) {
            let Event::Released(line) = &mut events[place] else { continue };
            line.partitions.clear();
            return true;
        }
    }
    false
}

/// A member that goes on where its group had been leaves out the first record.
fn skip_first(events: &mut [Event]) -> bool {
    for place in 0..events.len() {
        let Event::Assigned(line) = &events[place] else { continue };
        let (process, partitions) = (line.process.clone(), line.partitions.clone());
        let has_commit = |partition: &String| {
            let group = line.group.as_ref();
            events[..place].iter().any(|event| match event {
                Event::Commit(commit) => Some(&commit.group) == group && commit.offsets.contains_key(partition),
                _ => false,
            })
        };
        let Some(partition) = partitions.keys().find(|partition| has_commit(partition)).cloned() else { continue };
        let first = events[place..].iter_mut().find_map(|event| match event {
            Event::Poll(poll) if poll.process == process => poll.end.as_mut()?.records.get_mut(&partition),
            _ => None,
        });
        if let Some(records) = first.filter(|records| !records.is_empty()) {
            records.remove(0);
            return true;
        }
    }
    false
}

/// The last election leaves a partition without a leader, when all should have been well at once.
fn lose_leader(events: &mut [Event]) -> bool {
    if let Some(Event::Setup(setup)) = events.first_mut() {
        setup.converge_ms = 0;
    }
    events.iter_mut().rev().any(|event| match event {
        Event::Leader(line) => line.broker.take().is_some(),
        _ => false,
    })
}

/// Offsets expire that should have been kept for longer.
fn commit_late(events: &mut [Event]) -> bool {
    let Some(Event::Setup(setup)) = events.first_mut() else { return false };
    set(&mut setup.offsets_retention_ms, 3_600_000)
}

/// Nobody removes an offset, and it is gone all the same.
fn remove_nothing(events: &mut Vec<Event>) -> bool {
    let before = events.len();
    events.retain(|event| !matches!(event, Event::CommitRemoved(_)));
    events.len() < before
}

/// A reader that may not lag at all misses the last records of a partition, and reads on in another.
fn lag(events: &mut [Event]) -> bool {
    if let Some(Event::Setup(setup)) = events.first_mut() {
        setup.staleness_ms = Some(0);
    }
    let read = |event: &Event| match event {
        Event::Poll(poll) => {
            poll.end.as_ref()?.records.keys().next().map(|name| (poll.process.clone(), name.clone(), poll.t))
        }
        _ => None,
    };
    let reads: Vec<_> = (0..events.len()).filter_map(|place| Some((place, read(&events[place])?))).collect();
    for (at, (place, (process, partition, t))) in reads.iter().enumerate() {
        let later = reads[at + 1..].iter().map(|(_, read)| read).filter(|(other, ..)| other == process);
        let mut until_next = later.take_while(|(_, other, _)| other != partition).map(|(.., then)| then);
        let next =
            reads[at + 1..].iter().map(|(_, read)| read).find(|(who, other, _)| who == process && other == partition);
        if until_next.any(|then| then > t && next.is_none_or(|(.., next)| then < next)) {
            let Event::Poll(poll) = &mut events[*place] else { continue };
            poll.end.as_mut().unwrap().records.clear();
            return true;
        }
    }
    false
}

fn repeat(poll: &mut Poll) -> bool {
    let lists = poll.end.as_mut().map(|end| end.records.values_mut());
    lists.into_iter().flatten().any(|list| {
        let again = list.first().cloned();
        list.extend(again.clone());
        again.is_some()
    })
}

/// A group's offsets expire, another group is deleted, and a third one is told to forget a partition.
fn commits() -> Run {
    let topic = NewTopic::new("t").partitions(1);
    let setup = Setup { offsets_retention_ms: 60_000, ..Setup::default() };
    let brokers = |cluster: rehearsal::ClusterBuilder| {
        let cluster = cluster.broker_config("offsets.retention.minutes", "1");
        cluster.broker_config("offsets.retention.check.interval.ms", "10000")
    };
    let simulation = Simulation::new(5).brokers(3).new_topic(topic).setup(setup).cluster(brokers);
    let simulation = simulation.app(|node| async move {
        let client = node.client();
        let partition = TopicPartition::new("t", 0)?;
        let producer = client.producer().build();
        for n in 0..3 {
            producer.send(ProducerRecord::new("t").value(n.to_string())).await?;
        }
        for group in GROUPS_OF_COMMITS {
            let mut consumer = client
                .consumer()
                .group_id(*group)
                .auto_offset_reset(OffsetReset::Earliest)
                .enable_auto_commit(false)
                .build();
            consumer.subscribe(["t"])?;
            for _ in 0..3 {
                let record = consumer.recv().await?;
                node.processed(group, &record);
            }
            consumer.commit().await?;
            consumer.close().await?;
        }
        let admin = client.admin();
        assert!(admin.delete_groups(["deleted"]).await.into_iter().all(|(_, result)| result.is_ok()));
        let forgotten = admin.delete_group_offsets("forgetful", [partition.clone()]).await?;
        assert!(forgotten.into_iter().all(|(_, result)| result.is_ok()));
        tokio::time::sleep(Duration::from_secs(180)).await;
        for group in GROUPS_OF_COMMITS {
            let consumer = client.consumer().group_id(*group).build();
            assert_eq!(consumer.committed([&partition]).await?[&partition], None, "{group}");
        }
        Ok(())
    });
    simulation.run().unwrap()
}

const GROUPS_OF_COMMITS: &[&str] = &["expired", "deleted", "forgetful"];

#[test]
fn offsets_that_expire_or_are_deleted_are_told_to_the_checker_and_are_not_lost() {
    let run = commits();
    let found = run.report().codes().iter().filter(|code| code.row().severity < Severity::S3).count();
    assert_eq!((found, run.is_ok()), (0, true), "{run}");
    let removed = run.history().events().filter_map(|event| match event {
        Event::CommitRemoved(line) => Some((line.group, line.partition, line.by)),
        _ => None,
    });
    let mut removed: Vec<_> = removed.collect();
    removed.sort_by(|one, other| one.0.cmp(&other.0));
    let row = |group: &str, by: Removal| (group.to_owned(), "t-0".to_owned(), by);
    let expected =
        [row("deleted", Removal::Request), row("expired", Removal::Expiry), row("forgetful", Removal::Request)];
    assert_eq!(removed, expected);
}
