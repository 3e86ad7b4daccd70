//! Histories that our own client records: of our cluster over TCP and in memory, and of a real Kafka.

use rehearsal::base::Offset;
use rehearsal::check::event::Answer;
use rehearsal::check::{Code, Contract, Event, History, Outcome, Recorder, Report, Setup};
use rehearsal::client::{Acks, Error, IsolationLevel, OffsetReset, ProducerRecord, StartFrom, TopicPartition};
use rehearsal::journal::JournalDetail;
use rehearsal::net::Endpoint;
use rehearsal::recording::ClientRecorder;
use rehearsal::{ApiKey, Client, Cluster, Fault, NewTopic, recording, tap};
use std::sync::Arc;
use std::time::Duration;

fn setup() -> Setup {
    Setup { min_insync_replicas: 2, intent: vec![Contract::Dur, Contract::NoDup, Contract::Base], ..Setup::default() }
}

async fn watched(to: impl Into<Endpoint>, watch: &Arc<ClientRecorder>) -> Client {
    Client::builder().endpoint(to).client_id("app").interceptor(watch.clone()).connect().await.unwrap()
}

/// Sends, reads as a member of a group, commits, goes back, and copies within a transaction.
async fn everything(client: &Client, watch: &ClientRecorder, topic: &str) {
    let producer = client.producer().build();
    for n in 0..20_u32 {
        producer.send(ProducerRecord::new(topic).key(format!("{}", n % 4)).value(n.to_string())).await.unwrap();
    }
    let group = format!("group-of-{topic}");
    let mut consumer = client.consumer().group_id(group.as_str()).auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe([topic]).unwrap();
    for _ in 0..20 {
        watch.processed(&group, &consumer.recv().await.unwrap());
    }
    consumer.commit().await.unwrap();
    consumer.close().await.unwrap();

    let output = format!("{topic}-copies");
    client.admin().create_topic(NewTopic::new(output.as_str()).partitions(1)).await.unwrap();
    let id = format!("id-of-{topic}");
    let mut copier = client.producer().transactional(id.as_str()).init().await.unwrap();
    for n in 0..4_u32 {
        let transaction = copier.begin().await.unwrap();
        drop(transaction.enqueue(ProducerRecord::new(output.as_str()).value(n.to_string())).await.unwrap());
        if n % 2 == 0 { transaction.commit().await.unwrap() } else { transaction.abort().await.unwrap() }
    }
    let mut reader = client.consumer().isolation_level(IsolationLevel::ReadCommitted).build();
    reader.assign_topic(&output, StartFrom::Earliest).await.unwrap();
    for _ in 0..2 {
        reader.recv().await.unwrap();
    }
    reader.seek(&TopicPartition::new(&output, 0).unwrap(), StartFrom::Offset(Offset(0))).unwrap();
    reader.recv().await.unwrap();
}

/// All of it is there, and nothing is wrong with it.
fn assert_complete(history: &History) {
    let report = history.check();
    assert_eq!(report.codes(), [], "{report}\n{}", history.to_json_lines());
    let seen = |name: &str| report.counters.get(name).copied();
    let counts =
        ["acknowledged", "delivered", "processed", "commits", "transactions committed", "transactions aborted"];
    assert_eq!(counts.map(seen), [Some(22), Some(23), Some(20), Some(2), Some(2), Some(2)], "{report}");
    assert_eq!(seen("retried sends"), Some(0), "{report}");
    let kinds = ["assigned", "released", "seek"];
    let lines = history.to_json_lines();
    let missing: Vec<_> = kinds.iter().filter(|kind| !lines.contains(&format!("\"event\":\"{kind}\""))).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "{lines}");
}

#[tokio::test]
async fn a_client_over_tcp_is_recorded_from_within() {
    let cluster = Cluster::builder().brokers(3).topic("t", 2).start().await.unwrap();
    let setup = Setup { transactional: true, isolation: rehearsal::check::event::Isolation::ReadCommitted, ..setup() };
    let recorder = Recorder::new(setup, recording::clock());
    let watch = recorder.client("app");
    everything(&watched(cluster.bootstrap_servers().as_str(), &watch).await, &watch, "t").await;
    let history = recorder.history().unwrap();
    assert!(!history.is_white_box());
    assert_complete(&history);
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_knows_of_a_recorded_client_is_added() {
    let cluster = Cluster::in_memory().brokers(3).topic("t", 2).journal_detail(JournalDetail::Full);
    let cluster = cluster.start().await.unwrap();
    let setup = Setup { transactional: true, isolation: rehearsal::check::event::Isolation::ReadCommitted, ..setup() };
    let recorder = tap::recorder(&cluster, setup);
    let watch = recorder.client("app");
    everything(&watched(cluster.endpoint(), &watch).await, &watch, "t").await;
    let history = tap::recorded(&cluster, &recorder).unwrap();
    assert!(history.is_white_box());
    assert_complete(&history);
}

async fn in_memory(min_isr: &str) -> Cluster {
    let topic = NewTopic::new("t").partitions(1).config("min.insync.replicas", min_isr);
    Cluster::in_memory().brokers(3).new_topic(topic).journal_detail(JournalDetail::Full).start().await.unwrap()
}

fn check(cluster: &Cluster, recorder: &Recorder) -> (Report, String) {
    let history = tap::recorded(cluster, recorder).unwrap();
    (history.check(), history.to_json_lines())
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_record_that_a_dead_leader_alone_had_is_lost() {
    let cluster = in_memory("1").await;
    let acks = rehearsal::check::Acks::Leader;
    let setup = Setup { acks, idempotence: false, min_insync_replicas: 1, ..setup() };
    let recorder = tap::recorder(&cluster, setup);
    let watch = recorder.client("app");
    let partition = cluster.partition("t", 0);
    let leader = partition.leader().unwrap();
    let followers: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
    followers.iter().for_each(|id| partition.hold_replication(*id).unwrap());
    let client = watched(cluster.endpoint(), &watch).await;
    let producer = client.producer().acks(Acks::Leader).enable_idempotence(false).build();
    producer.send(ProducerRecord::new("t").value("gone")).await.unwrap();
    cluster.broker(leader).crash().unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    followers.iter().for_each(|id| partition.release_replication(*id).unwrap());
    producer.send(ProducerRecord::new("t").value("there")).await.unwrap();
    let (report, lines) = check(&cluster, &recorder);
    assert_eq!(report.codes()[0], Code::Lost, "{report}\n{lines}");
    let lost = report.headline().unwrap();
    assert!(lost.examples[0].steps.iter().any(|step| step.text.contains("app.0/p0#0")), "{report}");
}

/// What became of the only send, as its application was told.
fn told(history: &History) -> Vec<Answer> {
    let sends = history.events().filter_map(|event| match event {
        Event::Send(send) => Some(send),
        _ => None,
    });
    sends.map(|send| send.end.unwrap().result).collect()
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_nobody_was_told_is_info_and_its_client_goes_on() {
    let cluster = in_memory("2").await;
    let recorder = tap::recorder(&cluster, setup());
    let watch = recorder.client("app");
    let client = watched(cluster.endpoint(), &watch).await;
    let producer = client.producer().enable_idempotence(false).retries(0).build();
    cluster.inject(Fault::on(ApiKey::Produce).lose_answer()).unwrap().keep();
    let error = producer.send(ProducerRecord::new("t").value("who knows")).await.unwrap_err();
    assert!(matches!(error, Error::NotDelivered { may_be_in_log: true, .. }), "{error}");
    producer.send(ProducerRecord::new("t").value("goes on")).await.unwrap();
    let alone = recorder.history().unwrap();
    assert_eq!(told(&alone), [Answer::Info, Answer::Ok]);
    assert!(alone.to_json_lines().contains(r#""process":"app.0/p0?1""#), "{}", alone.to_json_lines());
    let (report, lines) = check(&cluster, &recorder);
    assert_eq!(report.codes(), [], "{report}\n{lines}");
    // The journal knows where it went.
    let first = lines.lines().find(|line| line.contains(r#""id":"app.0/p0#0""#)).unwrap();
    assert!(first.contains(r#""result":"info""#) && first.contains(r#""offset":0"#), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_send_that_was_sent_twice_is_a_double_of_the_same_name() {
    let doubled = async |idempotence: bool| {
        let cluster = in_memory("2").await;
        let recorder = tap::recorder(&cluster, Setup { idempotence, ..setup() });
        let watch = recorder.client("app");
        let client = watched(cluster.endpoint(), &watch).await;
        cluster.inject(Fault::on(ApiKey::Produce).nth(3).after_applied().close()).unwrap().keep();
        let producer = client.producer().enable_idempotence(idempotence).build();
        for n in 0..5_u32 {
            producer.send(ProducerRecord::new("t").value(n.to_string())).await.unwrap();
        }
        check(&cluster, &recorder).0.codes().to_vec()
    };
    assert_eq!(doubled(false).await, [Code::Dup]);
    assert_eq!(doubled(true).await, []);
}

#[tokio::test(start_paused = true)]
async fn clients_that_nobody_records_are_in_the_history_too() {
    let cluster = in_memory("2").await;
    let recorder = tap::recorder(&cluster, setup());
    let watch = recorder.client("app");
    // The id of its client says nothing; its records do.
    let client = Client::builder().endpoint(&cluster).client_id("other").interceptor(watch.clone());
    let client = client.connect().await.unwrap();
    client.producer().build().send(ProducerRecord::new("t").value("recorded")).await.unwrap();
    let stranger = Client::builder().endpoint(&cluster).client_id("stranger").connect().await.unwrap();
    stranger.producer().build().send(ProducerRecord::new("t").value("not recorded")).await.unwrap();
    for client in [&client, &stranger] {
        let mut consumer = client.consumer().build();
        consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
        consumer.recv().await.unwrap();
        consumer.recv().await.unwrap();
    }
    let (report, lines) = check(&cluster, &recorder);
    assert_eq!(report.codes(), [], "{report}\n{lines}");
    // Two of either, and none of them twice.
    assert_eq!((report.counters["acknowledged"], report.counters["delivered"]), (2, 4), "{lines}");
}

/// Against a real Kafka, whose address is in `KAFKA_BOOTSTRAP`: `cargo test --test it real_kafka -- --ignored`.
#[tokio::test]
#[ignore = "needs a real Kafka: `.ci/run kafka` starts one and runs this"]
async fn a_real_kafka_keeps_what_our_client_records() {
    let servers = std::env::var("KAFKA_BOOTSTRAP").expect("KAFKA_BOOTSTRAP says where the Kafka is");
    let topic = format!("recorded-{}", std::process::id());
    let setup = Setup {
        transactional: true,
        isolation: rehearsal::check::event::Isolation::ReadCommitted,
        min_insync_replicas: 1,
        ..setup()
    };
    let recorder = Recorder::new(setup, recording::clock());
    let watch = recorder.client("app");
    let client = watched(servers.as_str(), &watch).await;
    client.admin().create_topic(NewTopic::new(topic.as_str()).partitions(2)).await.unwrap();
    everything(&client, &watch, &topic).await;
    let history = recorder.history().unwrap();
    assert_ne!(history.check().outcome(), Outcome::Failed);
    assert_complete(&history);
}
