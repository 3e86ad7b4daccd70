//! Plans of faults and commands, run on a cluster with our client.

use crate::peer::Peer;
use rehearsal::base::{BrokerAction, BrokerId, Command, Seed, TransactionAction};
use rehearsal::client::{Client, ProducerRecord, StartFrom, TransactionError, TransactionalProducer};
use rehearsal::fault::{Condition, FaultPlan, PlanScope, PlannedCommand, Target};
use rehearsal::wire::Request;
use rehearsal::wire::messages::metadata::MetadataRequest;
use rehearsal::{ApiKey, Cluster, ErrorCode, Fault};
use std::fmt::Write as _;
use std::time::Duration;

async fn cluster() -> Cluster {
    Cluster::in_memory().brokers(3).topic("t", 1).start().await.unwrap()
}

fn leader(cluster: &Cluster) -> BrokerId {
    cluster.partition("t", 0).snapshot().unwrap().leader
}

fn at_leader(action: BrokerAction) -> Command<Target> {
    Command::Broker { broker: Target::Leader("t".into(), 0), action }
}

async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_is_given_at_its_time_and_undone_after_it() {
    let cluster = cluster().await;
    let first = leader(&cluster);
    let crash = PlannedCommand::new(at_leader(BrokerAction::Shutdown)).at_ms(1000).for_ms(500);
    let plan = cluster.inject_plan(&FaultPlan::new().command(crash)).unwrap();
    sleep(999).await;
    assert_eq!((leader(&cluster), plan.fired()), (first, 0));
    sleep(2).await;
    assert_ne!(leader(&cluster), first);
    plan.assert_all_fired();
    assert!(cluster.partition("t", 0).isr().len() < 3);
    sleep(2000).await;
    assert_eq!(cluster.partition("t", 0).isr().len(), 3, "{}", cluster.journal());
}

#[tokio::test(start_paused = true)]
async fn a_command_waits_for_a_fault_and_for_the_cluster() {
    let cluster = cluster().await;
    let first = leader(&cluster);
    let asked = Fault::on(ApiKey::Metadata).named("asked").delay(Duration::ZERO);
    let crash = PlannedCommand::new(at_leader(BrokerAction::Shutdown)).named("crash").after("asked", 100);
    let holds = Condition::Isr { topic: "t".into(), partition: 0, at_most: 2 };
    let second = PlannedCommand::new(at_leader(BrokerAction::Shutdown)).when(holds).after("crash", 300);
    let plan = FaultPlan::new().fault(asked).command(crash).command(second);
    let guard = cluster.inject_plan(&plan).unwrap();
    sleep(1000).await;
    assert_eq!(guard.fired(), 0);
    let mut peer = Peer::connect(&cluster).await;
    peer.send(9, Request::Metadata(MetadataRequest::default())).await;
    sleep(99).await;
    assert_eq!((guard.fired(), leader(&cluster)), (1, first));
    sleep(2).await;
    let next = leader(&cluster);
    assert_ne!(next, first);
    sleep(300).await;
    assert_ne!(leader(&cluster), next);
    guard.assert_all_fired();
}

#[tokio::test(start_paused = true)]
async fn the_leader_dies_after_the_append_and_before_the_answer() {
    let cluster = cluster().await;
    let first = leader(&cluster);
    let fault = Fault::on(ApiKey::Produce).after_applied().command(at_leader(BrokerAction::Crash));
    let guard = cluster.inject(fault).unwrap();
    let producer = Client::connect(&cluster).await.unwrap().producer().build();
    producer.send(ProducerRecord::new("t").value("x")).await.unwrap();
    guard.assert_fired();
    assert_ne!(leader(&cluster), first);
    assert_eq!(cluster.records("t").len(), 1, "the producer is idempotent, and has tried again");
    let produced = cluster.requests().into_iter().filter(|exchange| exchange.api() == ApiKey::Produce);
    let answered: Vec<bool> = produced.map(|exchange| exchange.response().is_some()).collect();
    assert_eq!(answered, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn any_part_of_a_plan_is_a_plan() {
    let asked = Fault::on(ApiKey::Metadata).named("asked").delay(Duration::ZERO);
    let late = Fault::on(ApiKey::Metadata).named("late").after("asked").error(ErrorCode::LEADER_NOT_AVAILABLE);
    let twice = || PlannedCommand::new(Command::Broker { broker: 1.into(), action: BrokerAction::Crash });
    let nobody = Command::Broker { broker: Target::Leader("absent".into(), 0), action: BrokerAction::Crash };
    let absent = Command::Broker { broker: 9.into(), action: BrokerAction::Restart };
    let plan = FaultPlan::new()
        .fault(asked)
        .fault(late)
        .command(twice())
        .command(twice())
        .command(PlannedCommand::new(nobody))
        .command(PlannedCommand::new(absent).after("late", 5))
        .heal_at_ms(10_000);
    for n in 0..=plan.len() {
        let cluster = cluster().await;
        let guard = cluster.inject_plan(&plan.without(n)).unwrap();
        let mut peer = None;
        for broker in 0..2 {
            let endpoint = cluster.endpoint();
            let dialled = endpoint.transport().dial(&endpoint.addresses()[broker]).await;
            if let Ok(stream) = dialled {
                peer = Some(stream);
            }
        }
        assert!(peer.is_some());
        sleep(20_000).await;
        assert!(cluster.snapshot().to_string().contains("t"), "{guard}");
        assert_eq!(cluster.partition("t", 0).isr().len(), 3, "healed: {}", cluster.journal());
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_healed_at_its_time() {
    let cluster = cluster().await;
    let down = Command::Broker { broker: Target::All, action: BrokerAction::Pause };
    let hold = Fault::on(ApiKey::Metadata).hold();
    let plan = FaultPlan::new().fault(hold).command(PlannedCommand::new(down).at_ms(500)).heal_at_ms(1000);
    let guard = cluster.inject_plan(&plan).unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let start = cluster.now();
    peer.ask(9, Request::Metadata(MetadataRequest::default())).await;
    assert_eq!(cluster.now().since(start).as_millis(), 1000);
    peer.ask(9, Request::Metadata(MetadataRequest::default())).await;
    assert_eq!(guard.fired(), 2);
    assert!(guard.reports().iter().all(|report| report.ended), "{guard}");
}

/// The preferred replica was out of the ISR for a moment longer than the partition was to have no leader: nobody was
/// elected then, and nobody ever after, with two replicas in sync that could have led.
#[tokio::test(start_paused = true)]
async fn a_partition_without_a_leader_gets_one_although_the_preferred_replica_cannot_lead() {
    let preferred = r#"{"broker": {"broker": 1, "action": "shutdown"}}"#;
    let leaderless = r#"{"partition": {"topic": "t", "partition": 0, "action": "leaderless"}}"#;
    let undone = r#""for_ms": 500, "#;
    for (heal, for_ms) in [("", undone), (r#""heal_at_ms": 1500, "#, "")] {
        let cluster = cluster().await;
        cluster.partition("t", 0).hold_replication(1).unwrap();
        let stays_out = format!(r#"{{"at_ms": 100, "for_ms": 100, "do": {preferred}}}"#);
        let plan = format!(r#"{{{heal}"commands": [{stays_out}, {{"at_ms": 1000, {for_ms}"do": {leaderless}}}]}}"#);
        let guard = cluster.inject_plan(&FaultPlan::from_json(&plan).unwrap()).unwrap();
        sleep(1100).await;
        assert_eq!(leader(&cluster), BrokerId::NONE, "{plan}");
        sleep(500).await;
        assert_eq!(leader(&cluster), BrokerId(2), "{plan}: {}", cluster.journal());
        guard.assert_all_fired();
    }
}

async fn transactional(cluster: &Cluster) -> TransactionalProducer {
    Client::connect(cluster).await.unwrap().producer().transactional("id").init().await.unwrap()
}

/// Sends a record and commits it.
async fn commit(producer: &mut TransactionalProducer) -> Result<(), TransactionError> {
    let transaction = producer.begin().await?;
    transaction.send(ProducerRecord::new("t").value("x")).await?;
    transaction.commit().await
}

#[tokio::test(start_paused = true)]
async fn markers_are_held_for_a_while_or_until_all_is_healed() {
    let held = r#"{"commands": [{"at_ms": 1000, "for_ms": 4000, "do": "hold_markers"}]}"#;
    let slow = r#"{"commands": [{"at_ms": 1000, "do": {"marker_delay": {"ms": 4000}}}]}"#;
    let healed = r#"{"heal_at_ms": 5000, "commands": [{"at_ms": 1000, "do": "hold_markers"}]}"#;
    let by_fault =
        r#"{"heal_at_ms": 5000, "faults": [{"on": {"api": "EndTxn"}, "action": {"command": "hold_markers"}}]}"#;
    for plan in [held, slow, healed, by_fault] {
        let cluster = cluster().await;
        let mut producer = transactional(&cluster).await;
        let guard = cluster.inject_plan(&FaultPlan::from_json(plan).unwrap()).unwrap();
        sleep(1500).await;
        commit(&mut producer).await.unwrap();
        assert!(!cluster.transaction("id").state().unwrap().is_complete(), "{plan}");
        guard.assert_all_fired();
        sleep(3000).await;
        assert!(!cluster.transaction("id").state().unwrap().is_complete(), "{plan}");
        sleep(1100).await;
        assert!(cluster.transaction("id").state().unwrap().is_complete(), "{plan}: {}", cluster.journal());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_heals_leaves_the_test_its_own_hold_of_markers() {
    let cluster = cluster().await;
    let mut producer = transactional(&cluster).await;
    let held = cluster.hold_markers();
    let plan = FaultPlan::new().command(PlannedCommand::new(Command::HoldMarkers).for_ms(10)).heal_at_ms(1000);
    let _plan = cluster.inject_plan(&plan).unwrap();
    commit(&mut producer).await.unwrap();
    sleep(2000).await;
    assert_eq!(held.count(), 1);
    held.release();
    cluster.transaction("id").wait_until_complete().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_plan_fences_a_producer_and_moves_its_coordinator() {
    let cluster = cluster().await;
    let mut producer = transactional(&cluster).await;
    commit(&mut producer).await.unwrap();
    let to = leader(&cluster).0 % 3 + 1;
    let plan = r#"{"commands": [
        {"name": "home", "do": {"transaction": {
            "transactional_id": "id", "action": {"move_coordinator": {"broker": "leader(t, 0)"}}}}},
        {"name": "away", "after": "home", "after_ms": 100, "do": {"transaction": {
            "transactional_id": "id", "action": {"move_coordinator": {"broker": TO}}}}},
        {"at_ms": 5000, "do": {"transaction": {"transactional_id": "id", "action": "fence"}}}
    ]}"#;
    let plan = FaultPlan::from_json(&plan.replace("TO", &to.to_string())).unwrap();
    assert_eq!(plan.commands[2].to_string(), "transaction id: fence its producer at 5000 ms");
    let guard = cluster.inject_plan(&plan).unwrap();
    assert_eq!(cluster.transaction("id").coordinator(), Some(leader(&cluster)));
    sleep(200).await;
    assert_eq!(cluster.transaction("id").coordinator(), Some(BrokerId(to)));
    commit(&mut producer).await.unwrap();
    sleep(5000).await;
    guard.assert_all_fired();
    let refused = commit(&mut producer).await.unwrap_err();
    assert!(matches!(refused, TransactionError::Fatal(_)), "{refused:?}");
    assert_eq!(cluster.records("t").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_to_a_transaction_is_noted() {
    let cluster = cluster().await;
    let action = TransactionAction::TimeOut;
    let planned = Command::Transaction { transactional_id: "absent".into(), action };
    let plan = cluster.inject_plan(&FaultPlan::new().command(PlannedCommand::new(planned))).unwrap();
    plan.assert_all_fired();
    let journal = cluster.journal();
    assert!(journal.contains("transaction absent: time out: there is no transactional id absent"), "{journal}");
}

/// What one client sees, and the cluster's journal, under a random plan.
async fn run(seed: u64) -> String {
    let scope = PlanScope { topics: vec![("t".into(), 2)], groups: vec!["g".into()], processes: 0, heal_at_ms: 20_000 };
    let plan = FaultPlan::random(Seed(seed), &scope);
    let cluster = Cluster::in_memory().brokers(3).topic("t", 2).seed(seed).start().await.unwrap();
    let guard = cluster.inject_plan(&plan).unwrap();
    let mut seen = String::new();
    let Ok(client) = Client::connect(&cluster).await else {
        return cluster.journal();
    };
    let producer = client.producer().build();
    let mut consumer = client.consumer().build();
    let assigned = consumer.assign_topic("t", StartFrom::Earliest).await;
    writeln!(seen, "{assigned:?}").unwrap();
    for n in 0..12 {
        let record = ProducerRecord::new("t").key(format!("k{n}")).value(format!("v{n}"));
        let sent = tokio::time::timeout(Duration::from_secs(60), producer.send(record)).await;
        writeln!(seen, "{:?} {sent:?}", cluster.now()).unwrap();
        let read = tokio::time::timeout(Duration::from_millis(700), consumer.recv()).await;
        writeln!(seen, "{:?} {read:?}", cluster.now()).unwrap();
    }
    writeln!(seen, "{guard}").unwrap();
    drop((producer, consumer, client));
    format!("{}\n{seen}\n{}", plan.to_json().unwrap(), cluster.journal())
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn runs() -> u64 {
    std::env::var("REHEARSAL_FAULT_PLANS").ok().and_then(|count| count.parse().ok()).unwrap_or(12)
}

fn trace() -> String {
    let mut lines = String::new();
    for seed in 0..runs() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        writeln!(lines, "plan {seed}: {:016x}", hash(&runtime.block_on(run(seed)))).unwrap();
    }
    lines
}

/// `REHEARSAL_FAULT_PLANS=1000 cargo test --test it fault_plans` for the long form.
#[test]
fn the_same_seed_and_plan_give_the_same_journal_in_two_processes() {
    const CHILD: &str = "REHEARSAL_FAULT_PLANS_CHILD";
    let own = trace();
    if std::env::var_os(CHILD).is_some() {
        println!("{own}");
        return;
    }
    let name = "fault_plans::the_same_seed_and_plan_give_the_same_journal_in_two_processes";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let other = String::from_utf8(child.stdout).unwrap();
    let other: Vec<&str> = other.lines().filter_map(|line| Some(&line[line.find("plan ")?..])).collect();
    assert_eq!(own.lines().collect::<Vec<_>>(), other);
    let distinct: std::collections::BTreeSet<&str> = own.lines().map(|line| &line[line.len() - 16..]).collect();
    assert_eq!(u64::try_from(distinct.len()).unwrap(), runs(), "every seed is a story of its own");
}
