//! Brokers that die and links that break, as clients see it: over TCP, and in memory on virtual time.

use rehearsal::Cluster;
use rehearsal::ClusterBuilder;
use rehearsal::NewTopic;
use rehearsal::Record;
use rehearsal::client::Client;
use rehearsal::client::Producer;
use rehearsal::client::ProducerRecord;
use std::time::Duration;
use tokio::time::Instant;

/// Three brokers and `t`, led by the first.
fn described(builder: ClusterBuilder) -> ClusterBuilder {
    builder.brokers(3).new_topic(NewTopic::new("t").partitions(1).replication_factor(3))
}

async fn client(cluster: &Cluster, name: &str) -> Client {
    let builder = Client::builder().endpoint(cluster.endpoint()).client_id(name);
    builder.api_timeout(Duration::from_secs(30)).connect().await.unwrap()
}

async fn send(producer: &Producer, value: &str) -> i64 {
    producer.send(ProducerRecord::new("t").value(value.to_owned())).await.unwrap().offset.0
}

fn values(cluster: &Cluster) -> Vec<String> {
    cluster.records("t").iter().map(|record| record.text()).collect()
}

async fn a_leader_dies(cluster: Cluster) {
    let producer = client(&cluster, "app").await.producer().build();
    for n in 0..3 {
        assert_eq!(send(&producer, &n.to_string()).await, n);
    }
    cluster.broker(1).crash().unwrap();
    for n in 3..6 {
        assert_eq!(send(&producer, &n.to_string()).await, n, "the client finds the next leader");
    }
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader(), partition.leader_epoch(), partition.isr()), (Some(2), 1, vec![2, 3]));
    assert_eq!(values(&cluster), ["0", "1", "2", "3", "4", "5"]);
    cluster.broker(1).restart().unwrap();
    cluster.broker(2).shutdown().unwrap();
    cluster.broker(3).shutdown().unwrap();
    assert_eq!((partition.leader(), partition.log_end_offset()), (Some(1), 6));
    assert_eq!(send(&producer, "6").await, 6, "it listens on its old address again");
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_producer_goes_on_with_the_next_leader() {
    a_leader_dies(described(Cluster::builder()).start().await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_goes_on_with_the_next_leader_in_memory() {
    a_leader_dies(described(Cluster::in_memory()).start().await.unwrap()).await;
}

async fn nobody_listens(cluster: Cluster) {
    let endpoint = cluster.endpoint();
    let address = endpoint.addresses()[0].clone();
    let dial = || async { endpoint.transport().dial(&address).await.map(drop) };
    dial().await.unwrap();
    cluster.broker(1).crash().unwrap();
    // The socket closes as soon as its task has run.
    while dial().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(dial().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    cluster.broker(1).restart().unwrap();
    while dial().await.is_err() {
        tokio::task::yield_now().await;
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_dead_broker_refuses_connections() {
    nobody_listens(described(Cluster::builder()).start().await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_broker_refuses_connections_in_memory() {
    nobody_listens(described(Cluster::in_memory()).start().await.unwrap()).await;
}

async fn a_slow_link(cluster: Cluster) {
    let (slow, quick) = (client(&cluster, "slow").await, client(&cluster, "quick").await);
    let (slow, quick) = (slow.producer().build(), quick.producer().build());
    send(&slow, "first").await;
    send(&quick, "first").await;
    cluster.links().between("slow", 1).latency(Duration::from_millis(40)).unwrap();
    let took = |start: Instant| start.elapsed().as_millis();
    let start = Instant::now();
    send(&slow, "x").await;
    assert!((80..2_000).contains(&took(start)), "{} ms", took(start));
    cluster.links().one_way("slow", 1).clog().unwrap();
    let waiting = send(&slow, "y");
    let mut waiting = std::pin::pin!(waiting);
    let passed = tokio::time::timeout(Duration::from_millis(200), waiting.as_mut()).await;
    assert!(passed.is_err(), "it is kept on the way");
    send(&quick, "z").await;
    cluster.links().one_way("slow", 1).release().unwrap();
    waiting.await;
    assert_eq!(values(&cluster), ["first", "first", "x", "z", "y"]);
    cluster.links().heal().unwrap();
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_link_of_one_client_is_slow_or_clogged() {
    a_slow_link(described(Cluster::builder()).start().await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_of_one_client_is_slow_or_clogged_in_memory() {
    a_slow_link(described(Cluster::in_memory()).start().await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_broker_keeps_its_clients_waiting() {
    let builder = described(Cluster::in_memory()).broker_config("broker.session.timeout.ms", "60000");
    let cluster = builder.start().await.unwrap();
    let producer = client(&cluster, "app").await.producer().build();
    send(&producer, "x").await;
    cluster.broker(1).pause().unwrap();
    let start = Instant::now();
    let resume = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        cluster.broker(1).resume().unwrap();
    };
    let (offset, ()) = tokio::join!(send(&producer, "y"), resume);
    assert_eq!((offset, start.elapsed().as_secs()), (1, 20));
}

#[tokio::test(start_paused = true)]
async fn brokers_come_and_go() {
    let cluster = described(Cluster::in_memory()).start().await.unwrap();
    cluster.seed("t", [Record::new("x")]).unwrap();
    assert_eq!(cluster.add_broker().await.unwrap(), 4);
    cluster.broker(1).decommission().unwrap();
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.replicas(), partition.leader()), (vec![4, 2, 3], Some(4)));
    let producer = client(&cluster, "app").await.producer().build();
    assert_eq!(send(&producer, "y").await, 1, "clients are led to the new broker");
    assert_eq!(cluster.snapshot().brokers.len(), 3);
    cluster.move_controller(3).unwrap();
    assert_eq!(cluster.controller(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_the_same_disaster_have_the_same_journal() {
    async fn run() -> String {
        let cluster = described(Cluster::in_memory()).seed(7).start().await.unwrap();
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_millis(30));
        cluster.links().between(1, 2).latency_between(shortest, longest).unwrap();
        cluster.links().between(2, 3).latency_between(shortest, longest).unwrap();
        let producer = client(&cluster, "app").await.producer().build();
        for n in 0..20 {
            if n == 10 {
                cluster.broker(1).crash().unwrap();
            }
            send(&producer, &n.to_string()).await;
        }
        cluster.broker(1).restart().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.journal()
    }
    let first = run().await;
    assert!(first.contains("t-0 leader 2 epoch 1 ISR [2, 3]"), "{first}");
    assert_eq!(first, run().await);
}
