//! Groups of our own consumers on our own cluster, in memory on virtual time.

use rehearsal::client::{
    Assignor, Client, Consumer, ConsumerBuilder, CooperativeStickyAssignor, OffsetReset, RangeAssignor,
    RoundRobinAssignor, StickyAssignor,
};
use rehearsal::{Cluster, Record};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

async fn cluster(partitions: usize) -> Cluster {
    Cluster::in_memory().brokers(3).topic("t", partitions).start().await.unwrap()
}

async fn connect(cluster: &Cluster) -> Client {
    Client::connect(cluster).await.unwrap()
}

/// Values `0..count`, dealt to the partitions in turn.
fn fill(cluster: &Cluster, partitions: i32, values: std::ops::Range<i32>) {
    for value in values {
        cluster.seed("t", [Record::new(value.to_string()).partition(value % partitions)]).unwrap();
    }
}

fn strategy(assignor: impl Assignor + 'static) -> [Arc<dyn Assignor>; 1] {
    [Arc::new(assignor)]
}

async fn member(cluster: &Cluster, settings: impl FnOnce(ConsumerBuilder) -> ConsumerBuilder) -> Consumer {
    let builder = connect(cluster).await.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = settings(builder).build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

fn value(record: &rehearsal::client::ConsumerRecord) -> i32 {
    std::str::from_utf8(record.value.as_deref().unwrap()).unwrap().parse().unwrap()
}

fn indexes(consumer: &Consumer) -> Vec<i32> {
    consumer.assignment().iter().map(|partition| partition.partition.0).collect()
}

/// What a consumer gets within some time.
async fn drain(consumer: &mut Consumer, ms: u64) -> Vec<i32> {
    let mut values = Vec::new();
    let reading = async {
        loop {
            values.push(value(&consumer.recv().await.unwrap()));
        }
    };
    let _: Result<(), _> = timeout(Duration::from_millis(ms), reading).await;
    values
}

#[tokio::test(start_paused = true)]
async fn a_single_member_reads_everything_commits_and_goes_on_where_it_was() {
    let cluster = cluster(4).await;
    fill(&cluster, 4, 0..40);
    let mut consumer = member(&cluster, |builder| builder).await;
    let mut values = drain(&mut consumer, 1_000).await;
    values.sort_unstable();
    assert_eq!(values, (0..40).collect::<Vec<_>>());
    assert_eq!(indexes(&consumer), [0, 1, 2, 3]);
    consumer.close().await.unwrap();
    assert_eq!(cluster.group("g").lag("t"), 0);
    assert_eq!(cluster.group("g").members().len(), 0);
    fill(&cluster, 4, 40..44);
    let mut consumer = member(&cluster, |builder| builder).await;
    let mut values = drain(&mut consumer, 1_000).await;
    values.sort_unstable();
    assert_eq!(values, [40, 41, 42, 43]);
}

#[tokio::test(start_paused = true)]
async fn two_members_share_a_topic_and_one_inherits_it() {
    async fn check(assignor: [Arc<dyn Assignor>; 1]) {
        let cluster = cluster(4).await;
        let settings = |builder: ConsumerBuilder| builder.partition_assignment_strategy(assignor.clone());
        let mut one = member(&cluster, settings).await;
        drain(&mut one, 100).await;
        assert_eq!(indexes(&one), [0, 1, 2, 3]);
        let mut two = member(&cluster, settings).await;
        tokio::join!(drain(&mut one, 10_000), drain(&mut two, 10_000));
        let first = indexes(&one);
        assert_eq!((first.len(), indexes(&two).len()), (2, 2), "{assignor:?}");
        assert!(indexes(&two).iter().all(|index| !first.contains(index)), "{assignor:?}");
        fill(&cluster, 4, 0..40);
        let (ones, twos) = tokio::join!(drain(&mut one, 1_000), drain(&mut two, 1_000));
        assert_eq!((ones.len(), twos.len()), (20, 20));
        assert!(ones.iter().all(|value| first.contains(&(value % 4))));
        two.close().await.unwrap();
        drain(&mut one, 10_000).await;
        assert_eq!(indexes(&one), [0, 1, 2, 3]);
        one.close().await.unwrap();
        assert_eq!(cluster.group("g").lag("t"), 0, "{assignor:?}");
    }
    check(strategy(RangeAssignor)).await;
    check(strategy(RoundRobinAssignor)).await;
    check(strategy(StickyAssignor)).await;
    check(strategy(CooperativeStickyAssignor)).await;
}
