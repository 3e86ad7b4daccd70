//! How things end: clusters, connections, futures and conditions, in the middle of whatever they do.

use crate::peer::Peer;
use rehearsal::client::{Client, ProducerRecord, StartFrom};
use rehearsal::wire::messages as m;
use rehearsal::wire::{Request, Response};
use rehearsal::{Cluster, ClusterBuilder, NewTopic, Record};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::runtime::Handle;

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// A fetch that waits for ever.
fn long_poll() -> Request {
    let row = m::fetch::FetchPartition { partition_max_bytes: 1, ..Default::default() };
    let topic = m::fetch::FetchTopic { topic: "t".into(), partitions: vec![row], ..Default::default() };
    Request::Fetch(m::fetch::FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes: 1,
        max_bytes: 1,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    })
}

async fn shutdown_leaves_nothing(builder: ClusterBuilder) {
    let before = alive_tasks();
    let cluster = builder.brokers(3).topic("t", 3).start().await.unwrap();
    let _silent = Peer::connect(&cluster).await;
    let mut waiting = Peer::connect(&cluster).await;
    waiting.send(11, long_poll()).await;
    let mut half = Peer::connect(&cluster).await;
    half.write(b"\0\0\x7f\0a").await;
    cluster.wait_until(|c| c.requests().len() == 1).await.unwrap();
    assert_ne!(alive_tasks(), before);
    tokio::time::timeout(Duration::from_secs(20), cluster.shutdown()).await.expect("a cluster that stops");
    assert_eq!(alive_tasks(), before, "a task is left");
    assert!(waiting.receive().await.is_none());
}

#[tokio::test]
async fn shutdown_waits_for_every_task() {
    shutdown_leaves_nothing(Cluster::in_memory()).await;
    shutdown_leaves_nothing(Cluster::builder()).await;
}

#[tokio::test]
async fn a_port_is_free_again_after_shutdown() {
    let cluster = Cluster::start().await.unwrap();
    let port = cluster.bootstrap_servers().rsplit(':').next().unwrap().parse().unwrap();
    let _client = Client::connect(&cluster).await.unwrap();
    cluster.shutdown().await;
    // TIME_WAIT of an accepted connection is no obstacle to a listener.
    Cluster::builder().port(port).start().await.unwrap().shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_cluster_ends_what_clients_wait_for() {
    let before = alive_tasks();
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let client = Client::connect(&cluster).await.unwrap();
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    let mut waiting = Peer::connect(&cluster).await;
    waiting.send(11, long_poll()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), consumer.recv()).await.is_err());
    drop(cluster);
    assert!(waiting.receive().await.is_none());
    let sent = client.producer().build().send(ProducerRecord::new("t").value("x")).await;
    assert!(sent.is_err(), "{sent:?}");
    drop((consumer, client, waiting));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(alive_tasks(), before, "a task is left");
}

#[tokio::test(start_paused = true)]
async fn futures_that_are_dropped_in_the_middle_lose_nothing_of_others() {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    let client = Client::connect(&cluster).await.unwrap();
    let producer = client.producer().build();
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    for n in 0..50 {
        let sending = producer.send(ProducerRecord::new("t").value(format!("dropped {n}")));
        // Polled at least once, and at most as often as fits in before the time is up.
        let _ = tokio::time::timeout(Duration::ZERO, sending).await;
        let _ = tokio::time::timeout(Duration::ZERO, consumer.recv()).await;
        let _ = tokio::time::timeout(Duration::ZERO, Client::connect(&cluster)).await;
        producer.send(ProducerRecord::new("t").value(format!("kept {n}"))).await.unwrap();
    }
    producer.flush().await;
    let stored: Vec<String> = cluster.records("t").iter().map(|record| record.text()).collect();
    let kept: Vec<&String> = stored.iter().filter(|text| text.starts_with("kept")).collect();
    assert_eq!(kept, (0..50).map(|n| format!("kept {n}")).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

#[test]
fn a_condition_that_panics_leaves_the_cluster_usable() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::in_memory().topic("t", 1).start()).unwrap();
    let waited = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(cluster.wait_until(|c| {
            assert_eq!(c.records("t").len(), 1);
            true
        }))
    }));
    assert!(waited.is_err());
    cluster.seed("t", [Record::new("x")]).unwrap();
    runtime.block_on(cluster.wait_until(|c| c.records("t").len() == 1)).unwrap();
    runtime.block_on(cluster.shutdown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_may_be_looked_at_from_many_threads() {
    let cluster = Cluster::in_memory().topic("t", 2).start().await.unwrap();
    let client = Client::connect(&cluster).await.unwrap();
    let producer = client.producer().build();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < 100 {
                    let now = cluster.records("t").len();
                    assert!(now >= seen, "records do not disappear");
                    assert!(cluster.snapshot().topics.len() == 1 && cluster.partition("t", 1).exists());
                    seen = now;
                }
                assert!(cluster.requests().iter().any(|request| request.api() == rehearsal::ApiKey::Produce));
            });
        }
        let produce = async {
            for n in 0..100 {
                producer.send(ProducerRecord::new("t").value(n.to_string())).await.unwrap();
            }
        };
        tokio::task::block_in_place(|| Handle::current().block_on(produce));
    });
}

fn alter(
    resource_type: i8,
    name: &str,
    config: &str,
    value: &str,
) -> m::incremental_alter_configs::AlterConfigsResource {
    m::incremental_alter_configs::AlterConfigsResource {
        resource_type,
        resource_name: name.into(),
        configs: vec![m::incremental_alter_configs::AlterableConfig {
            name: config.into(),
            value: Some(value.into()),
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_set_while_a_cluster_ran_is_saved_and_restored() {
    let compacted = NewTopic::new("t").partitions(1).config("cleanup.policy", "compact");
    let cluster = Cluster::in_memory().brokers(2).new_topic(compacted).start().await.unwrap();
    let mut peer = Peer::connect(&cluster).await;
    let resources = vec![
        alter(4, "", "message.max.bytes", "2000000"),
        alter(4, "1", "log.cleaner.backoff.ms", "1234"),
        alter(32, "g", "consumer.session.timeout.ms", "50000"),
        alter(16, "m", "interval.ms", "5000"),
    ];
    let request = m::incremental_alter_configs::IncrementalAlterConfigsRequest { resources, ..Default::default() };
    let Response::IncrementalAlterConfigs(altered) = peer.ask(1, Request::IncrementalAlterConfigs(request)).await
    else {
        panic!()
    };
    assert!(altered.responses.iter().all(|row| row.error_code == 0), "{altered:?}");
    let asked = [(2, "t"), (4, "1"), (4, ""), (16, "m"), (32, "g")];
    let resources = asked.map(|(resource_type, name)| m::describe_configs::DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: None,
        ..Default::default()
    });
    let request = m::describe_configs::DescribeConfigsRequest { resources: resources.into(), ..Default::default() };
    let before = peer.ask(4, Request::DescribeConfigs(request.clone())).await;
    assert!(format!("{before:?}").contains("1234"));

    let restored = Cluster::in_memory().restore(cluster.saved()).start().await.unwrap();
    let after = Peer::connect(&restored).await.ask(4, Request::DescribeConfigs(request)).await;
    assert_eq!(after, before);
    assert_eq!(restored.saved(), restored.saved());
}

#[tokio::test(start_paused = true)]
async fn an_open_transaction_is_seen_and_outlives_a_restart_with_its_version() {
    let cluster = Cluster::in_memory().topic("t", 1).transaction_version(1).start().await.unwrap();
    let client = Client::connect(&cluster).await.unwrap();
    let mut producer = client.producer().transactional("id").init().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.enqueue(ProducerRecord::new("t").value("x")).await.unwrap().await.unwrap();
    let seen = cluster.snapshot();
    assert_eq!(seen.transactions, [cluster.transaction("id").snapshot().unwrap()]);
    assert!(seen.to_string().contains("transaction id  Ongoing"), "{seen}");

    let restored = Cluster::in_memory().restore(cluster.saved()).start().await.unwrap();
    let known = || restored.snapshot().transactions.into_iter().next();
    restored.wait_until(|_| known().is_some()).await.unwrap();
    assert_eq!(known().unwrap().partitions, seen.transactions[0].partitions);
    // In the first version no end of a transaction raises the epoch.
    let mut next = Client::connect(&restored).await.unwrap().producer().transactional("id").init().await.unwrap();
    let before = known().unwrap().producer_epoch;
    let transaction = next.begin().await.unwrap();
    transaction.enqueue(ProducerRecord::new("t").value("y")).await.unwrap().await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(known().unwrap().producer_epoch, before);
}

#[tokio::test]
async fn racks_of_brokers_count_for_more_than_one_for_all() {
    let builder = Cluster::in_memory().brokers(3).broker_config("broker.rack", "all");
    let cluster = builder.clone().racks(["a", "b"]).start().await.unwrap();
    let racks =
        |cluster: &Cluster| cluster.snapshot().brokers.into_iter().map(|broker| broker.rack).collect::<Vec<_>>();
    assert_eq!(racks(&cluster), ["a", "b", "a"].map(|rack| Some(rack.to_owned())));
    let cluster = builder.start().await.unwrap();
    assert_eq!(racks(&cluster), ["all"; 3].map(|rack| Some(rack.to_owned())));
}
