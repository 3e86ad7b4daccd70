//! A system that does a bit of everything: keyed records, some of them large, transactions that abort and are taken
//! over, a group whose members come and go, and a topic that goes away.
//!
//! Not here: applications that mean something; the workloads of the crate do.

use super::members::Members;
use rehearsal::base::{ProcessAction, Rng, Seed};
use rehearsal::check::{self, CommitPolicy, Contract, Setup, event::Isolation};
use rehearsal::client::{IsolationLevel, OffsetReset, ProducerRecord, StartFrom, TransactionError};
use rehearsal::fault::{FaultPlan, PlanScope};
use rehearsal::sim::{AppError, Node, Simulation, System};
use rehearsal::{ApiKey, Fault, NewTopic};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::sleep;

pub(super) const ORDERS: &str = "orders";
const LEDGER: &str = "ledger";
const SCRATCH: &str = "scratch";
pub(super) const GROUP: &str = "g";
/// The plight in which a member dies.
const DEATH: u64 = 3;
/// The plight in which records are lost that all replicas in sync had.
const UNCLEAN: u64 = 4;
/// The plight in which a topic is deleted and created anew while its reader is cut off.
const RECREATED: u64 = 5;
/// The plight in which a follower has lost what those read who are near it.
const EMPTIED: u64 = 6;
/// The processes that are members of the group.
const MEMBERS: RangeInclusive<usize> = 3..=4;
/// The broker that is near to readers.
const FOLLOWER: i32 = 3;
/// When everything is mended.
const HEALED: Duration = Duration::from_secs(12);

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How the clients of a run are set up.
#[derive(Clone, Copy)]
struct Habits {
    request_timeout: Duration,
    api_timeout: Duration,
    delivery_timeout: Duration,
    batch_size: usize,
    /// How many records are on their way before one is waited for.
    ahead: usize,
    /// Whether they are sent at once, and a pause comes then.
    in_bursts: bool,
}

impl Habits {
    fn of(seed: u64) -> Self {
        let mut rng = Seed(seed).stream("search/habits");
        let mut pick = |from: &[u64]| from[usize::try_from(rng.below(from.len() as u64)).unwrap()];
        // A member whose commit is not answered holds what it is to give up for as long.
        let request_timeout = pick(&[1_000, 2_000, 10_000, 10_000]);
        Self {
            request_timeout: ms(request_timeout),
            api_timeout: ms(request_timeout * pick(&[2, 5])),
            // Some give up soon, and some never do.
            delivery_timeout: ms(pick(&[3_000, 60_000, 3_600_000])),
            batch_size: usize::try_from(pick(&[1, 200, 16_384])).unwrap(),
            ahead: usize::try_from(pick(&[1, 3, 8])).unwrap(),
            in_bursts: pick(&[0, 1]) == 1,
        }
    }
}

/// The system of a seed.
pub(super) fn system(seed: u64, rng: &mut Rng) -> Simulation {
    let transaction_version = if rng.below(3) == 0 { 1 } else { 2 };
    // What else happens: sometimes one broker never comes back, a topic goes away, a member dies before it has assigned
    // the partitions, a leader is replaced while a follower stands still, or by one that has less, a topic becomes another
    // one, or a follower loses what it had.
    let plight = rng.below(10);
    let min_isr: usize = if plight == UNCLEAN { 1 } else { 2 };
    let topic = move |name: &str| NewTopic::new(name).partitions(2).config("min.insync.replicas", min_isr.to_string());
    let orders = topic(ORDERS).config("unclean.leader.election.enable", (plight == UNCLEAN).to_string());
    let habits = Habits::of(seed);
    let segments = if rng.below(2) == 0 { "1000" } else { "604800000" };
    let members = Members::draw(&mut Seed(seed).stream("search/members"), plight == DEATH);
    let simulation = Simulation::new(seed)
        .brokers(3)
        .new_topic(orders.config("segment.ms", segments))
        .new_topic(topic(LEDGER).config("segment.ms", segments))
        .new_topic(topic(SCRATCH))
        .processes(8)
        .cluster(|cluster| {
            let cluster = cluster.racks(["r1", "r2", "r3"]);
            let nearest = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
            let cluster = cluster.broker_config("replica.selector.class", nearest);
            let cluster = cluster.transaction_version(transaction_version);
            let cluster = cluster.broker_config("group.consumer.session.timeout.ms", "6000");
            let cluster = cluster.broker_config("group.consumer.heartbeat.interval.ms", "1000");
            cluster.broker_config("auto.create.topics.enable", "false")
        })
        .client(move |client, _| client.request_timeout(habits.request_timeout).api_timeout(habits.api_timeout))
        .setup(setup(transaction_version, plight == UNCLEAN))
        .app(move |node| async move {
            match node.index() {
                0 => send_orders(&node, habits).await,
                1 | 2 => ledger(&node).await,
                3 | 4 => members.run(&node, node.index() - MEMBERS.start()).await,
                5 => reader(&node, LEDGER, IsolationLevel::ReadCommitted).await,
                6 => scratch(&node).await,
                // Who reads what goes away can wait for ever.
                _ if plight == RECREATED => reader(&node, SCRATCH, IsolationLevel::ReadUncommitted).await,
                _ => Ok(()),
            }
        });
    let topics = vec![(ORDERS.to_owned(), 2), (LEDGER.to_owned(), 2)];
    let heal_at_ms = u64::try_from(HEALED.as_millis()).unwrap();
    let plan = || {
        FaultPlan::random(Seed(seed), &PlanScope { topics, groups: vec![GROUP.to_owned()], processes: 0, heal_at_ms })
    };
    let later = ms(2_000 + rng.below(4_000));
    match plight {
        0 => simulation.heal_after(HEALED).nemesis(|system| async move {
            sleep(ms(4_000)).await;
            system.cluster().broker(3).crash()?;
            Ok(())
        }),
        1 => simulation.heal_after(HEALED).nemesis(move |system| async move {
            sleep(later).await;
            for partition in [0, 1].map(|partition| system.cluster().partition(ORDERS, partition)) {
                let leader = partition.leader();
                let others: Vec<i32> = partition.replicas().into_iter().filter(|id| Some(*id) != leader).collect();
                partition.hold_replication(others[0])?;
                sleep(ms(500)).await;
                partition.elect(others[1])?;
                partition.release_replication(others[0])?;
            }
            Ok(())
        }),
        2 => simulation.heal_after(HEALED).nemesis(|system| async move {
            sleep(ms(5_000)).await;
            system.cluster().delete_topic(SCRATCH)?;
            Ok(())
        }),
        DEATH => simulation.heal_after(HEALED).nemesis(move |system| async move {
            sleep(later).await;
            let unheard = Fault::on(ApiKey::SyncGroup).client_id("app-4").always();
            system.cluster().inject(unheard.drop_it())?.keep();
            Ok(())
        }),
        UNCLEAN => simulation
            .heal_after(HEALED)
            .nemesis(move |system| leader_is_outlived(system, later / 2, Seed(seed).stream("search/outlived"))),
        RECREATED => simulation.heal_after(HEALED).nemesis(move |system| async move {
            sleep(later / 3).await;
            let reader = system.cluster().links().of("app-7");
            reader.cut()?;
            system.cluster().delete_topic(SCRATCH)?;
            system.cluster().create_topic(topic(SCRATCH))?;
            sleep(ms(5_000)).await;
            reader.heal()?;
            Ok(())
        }),
        EMPTIED => simulation.heal_after(HEALED).nemesis(move |system| async move {
            sleep(later).await;
            for partition in [0, 1].map(|partition| system.cluster().partition(LEDGER, partition)) {
                if partition.leader() != Some(FOLLOWER) {
                    partition.shrink_isr(FOLLOWER)?;
                    partition.hold_replication(FOLLOWER)?;
                    partition.truncate(FOLLOWER, 0)?;
                }
            }
            sleep(ms(1_500)).await;
            for partition in [0, 1].map(|partition| system.cluster().partition(LEDGER, partition)) {
                partition.release_replication(FOLLOWER)?;
                sleep(ms(1_000)).await;
                // What was taken out of the ISR by order comes back by order only.
                partition.expand_isr(FOLLOWER)?;
            }
            Ok(())
        }),
        _ => simulation.faults(plan()),
    }
}

/// A leader that was alone in sync dies, and one takes over that has less; sometimes nobody is in the group meanwhile.
async fn leader_is_outlived(system: System, after: Duration, mut rng: Rng) -> Result<(), AppError> {
    sleep(after).await;
    let cluster = system.cluster();
    let partition = cluster.partition(ORDERS, i32::try_from(rng.below(2)).unwrap_or(0));
    let Some(leader) = partition.leader() else { return Ok(()) };
    let others: Vec<i32> = partition.replicas().into_iter().filter(|id| *id != leader).collect();
    for follower in &others {
        partition.hold_replication(*follower)?;
        partition.shrink_isr(*follower)?;
    }
    sleep(ms(500 + rng.below(2_500))).await;
    let stops = rng.below(2) == 0;
    for member in MEMBERS.filter(|_| stops) {
        system.act(member, ProcessAction::Stop);
    }
    sleep(ms(rng.below(300))).await;
    cluster.broker(leader).crash()?;
    partition.elect_unclean(others[0])?;
    for follower in &others {
        partition.release_replication(*follower)?;
    }
    sleep(ms(1_000 + rng.below(4_000))).await;
    for member in MEMBERS.filter(|_| stops) {
        system.act(member, ProcessAction::Restart);
    }
    cluster.broker(leader).restart()?;
    sleep(ms(1_000)).await;
    // What was taken out of the ISR by order comes back by order only.
    others.iter().try_for_each(|follower| partition.expand_isr(*follower))?;
    Ok(())
}

fn setup(transaction_version: i16, is_unclean: bool) -> Setup {
    use Contract::{Alo, Base, Dur, Iso, Live, NoDup, Ord};
    // Where records are lost by choice nobody can promise that they are not.
    let durable = if is_unclean { None } else { Some(Dur) };
    Setup {
        intent: durable.into_iter().chain([NoDup, Ord, Iso, Alo, Live, Base]).collect(),
        min_insync_replicas: if is_unclean { 1 } else { 2 },
        unclean_leader_election: is_unclean,
        isolation: Isolation::ReadCommitted,
        commit: CommitPolicy::AfterProcessed,
        auto_offset_reset: check::OffsetReset::Earliest,
        transaction_version: u8::try_from(transaction_version).unwrap(),
        // A member takes what it is given when it asks for records, which may be `max.poll.interval.ms` from now.
        session_timeout_ms: 10_000,
        converge_ms: 120_000,
        ..Setup::default()
    }
}

/// Sends records with keys, a few of them large.
async fn send_orders(node: &Node, habits: Habits) -> Result<(), AppError> {
    let mut rng = node.chance("orders");
    let producer = node.client().producer().delivery_timeout(habits.delivery_timeout);
    let producer = producer.batch_size(habits.batch_size).build();
    let mut under_way = VecDeque::new();
    for n in 0..60_u32 {
        let size = if rng.below(20) == 0 { 5_000 } else { 20 };
        let record = ProducerRecord::new(ORDERS).key(format!("k{}", n % 7)).value(format!("{n:size$}"));
        // What failed is not sent again: the history says what became of it.
        under_way.extend(producer.enqueue(record).await);
        if under_way.len() >= habits.ahead {
            if let Some(first) = under_way.pop_front() {
                drop(first.await);
            }
        }
        let burst = if habits.in_bursts { u32::try_from(habits.ahead)? } else { 1 };
        if n % burst == 0 {
            sleep(ms(150) * burst).await;
        }
    }
    producer.close().await;
    Ok(())
}

/// Writes transactions, of which many are aborted; two processes share one transactional id, and take it from each
/// other a few times.
async fn ledger(node: &Node) -> Result<(), AppError> {
    let mut rng = node.chance("ledger");
    for _ in 0..3 {
        sleep(ms(if node.index() == 1 { 0 } else { 1_000 + rng.below(4_000) })).await;
        let builder = node.client().producer().delivery_timeout(ms(20_000)).transactional("ledger");
        let Ok(mut producer) = builder.transaction_timeout(ms(10_000)).init().await else { continue };
        for _ in 0..8 {
            let Ok(txn) = producer.begin().await else { break };
            let mut is_whole = true;
            for _ in 0..1 + rng.below(3) {
                let partition = i32::try_from(rng.below(2)).unwrap_or(0);
                let sent = txn.enqueue(ProducerRecord::new(LEDGER).partition(partition).value("x")).await;
                is_whole &= sent.is_ok();
                if let (Ok(sent), 0) = (sent, rng.below(2)) {
                    is_whole &= sent.await.is_ok();
                }
                sleep(ms(rng.below(600))).await;
            }
            let ended = if is_whole && rng.below(5) < 3 { txn.commit().await } else { txn.abort().await };
            match ended {
                Err(TransactionError::Fatal(_)) => break,
                Err(_) => drop(producer.resolve().await),
                Ok(()) => {}
            }
            sleep(ms(rng.below(300))).await;
        }
    }
    Ok(())
}

/// Reads a topic to its end, which is when the run is over.
async fn reader(node: &Node, topic: &str, isolation: IsolationLevel) -> Result<(), AppError> {
    let consumer = node.client().consumer().isolation_level(isolation).auto_offset_reset(OffsetReset::Earliest);
    // It reads from the followers there, where they do not lead.
    let mut consumer = consumer.max_partition_fetch_bytes(2_000).client_rack("r3").build();
    consumer.assign_topic(topic, StartFrom::Earliest).await?;
    loop {
        tokio::select! {
            biased;
            () = node.stopped() => return Ok(()),
            record = consumer.recv() => if let Err(error) = record {
                sleep(ms(100)).await;
                if !error.is_retriable() {
                    crate::read_again(&mut consumer);
                }
            }
        }
    }
}

/// Sends to a topic that may go away.
async fn scratch(node: &Node) -> Result<(), AppError> {
    let producer = node.client().producer().delivery_timeout(ms(5_000)).build();
    for n in 0..40_u32 {
        drop(producer.send(ProducerRecord::new(SCRATCH).value(n.to_string())).await);
        sleep(ms(200)).await;
    }
    producer.close().await;
    Ok(())
}
