//! What an interceptor is told of a consumer, and in which order.

use rehearsal::base::Offset;
use rehearsal::client::{
    Client, Consumer, ConsumerRecord, Interceptor, OffsetReset, Result, StartFrom, TopicPartition,
};
use rehearsal::{Cluster, Record};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn write(&self, words: impl Into<String>) {
        self.0.lock().unwrap().push(words.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn places(offsets: &BTreeMap<TopicPartition, Offset>) -> String {
    offsets.iter().map(|(partition, offset)| format!("{partition}@{}", offset.0)).collect::<Vec<_>>().join(" ")
}

impl Interceptor for Notes {
    fn on_consume(&self, _: u64, _: Option<&str>, record: &ConsumerRecord) {
        self.write(format!("record {}@{}", record.topic_partition(), record.offset.0));
    }

    fn on_commit_begin(&self, _: u64, _: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        if !offsets.is_empty() {
            self.write(format!("begins to commit {}", places(offsets)));
        }
    }

    fn on_commit(&self, _: u64, _: &str, offsets: &BTreeMap<TopicPartition, Offset>, outcome: &Result<()>) {
        if !offsets.is_empty() {
            self.write(format!("committed {}: {}", places(offsets), outcome.is_ok()));
        }
    }

    fn on_assigned(&self, _: u64, _: &str, _: i32, partitions: &[TopicPartition]) {
        self.write(format!("assigned {}", names(partitions)));
    }

    fn on_kept(&self, _: u64, _: &str, _: i32, partitions: &[TopicPartition]) {
        self.write(format!("kept {}", names(partitions)));
    }

    fn on_released(&self, _: u64, _: &str, partitions: &[TopicPartition], lost: bool) {
        self.write(format!("{} {}", if lost { "lost" } else { "released" }, names(partitions)));
    }

    fn on_seek(&self, _: u64, partition: &TopicPartition, to: Option<Offset>) {
        self.write(format!("sought {partition}@{:?}", to.map(|to| to.0)));
    }

    fn on_out_of_range(&self, _: u64, partition: &TopicPartition, position: Offset) {
        self.write(format!("out of range {partition}@{}", position.0));
    }

    fn on_reset(&self, _: u64, partition: &TopicPartition, position: Offset, to: Offset) {
        self.write(format!("reset {partition}@{} to {}", position.0, to.0));
    }
}

/// A cluster with ten records in one partition, and somebody in a group who reads it.
async fn reader() -> (Cluster, Consumer, Arc<Notes>) {
    let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
    cluster.seed("t", (0..10).map(|n| Record::new(n.to_string()))).unwrap();
    let (consumer, notes) = member(&cluster).await;
    (cluster, consumer, notes)
}

async fn member(cluster: &Cluster) -> (Consumer, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let client = Client::builder().endpoint(cluster.endpoint()).interceptor(Arc::clone(&notes) as _);
    let consumer = client.connect().await.unwrap().consumer().group_id("g");
    let mut consumer = consumer.auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["t"]).unwrap();
    (consumer, notes)
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_still_owned_until_its_commit_is_through() {
    let (_cluster, mut consumer, notes) = reader().await;
    consumer.recv().await.unwrap();
    consumer.close().await.unwrap();
    let expected = ["assigned t-0", "record t-0@0", "begins to commit t-0@1", "committed t-0@1: true", "released t-0"];
    assert_eq!(notes.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn who_drops_a_consumer_owns_nothing_any_more() {
    let (_cluster, mut consumer, notes) = reader().await;
    consumer.recv().await.unwrap();
    drop(consumer);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(notes.take(), ["assigned t-0", "record t-0@0", "released t-0"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_lost_at_once_and_nothing_is_committed_for_it() {
    let (cluster, mut consumer, notes) = reader().await;
    consumer.recv().await.unwrap();
    cluster.group("g").expire_member(&cluster.group("g").members()[0].member_id).unwrap();
    sleep(Duration::from_secs(4)).await;
    consumer.recv().await.unwrap();
    assert_eq!(notes.take(), ["assigned t-0", "record t-0@0", "lost t-0", "assigned t-0", "record t-0@0"]);
}

#[tokio::test(start_paused = true)]
async fn each_generation_tells_what_is_kept() {
    let (cluster, mut one, notes) = reader().await;
    one.recv().await.unwrap();
    notes.take();
    // The second one gets nothing: there is one partition. By range everything is given up and comes back.
    let (mut two, others) = member(&cluster).await;
    let reads = async |consumer: &mut Consumer| {
        let _ = timeout(Duration::from_secs(10), async { while consumer.recv().await.is_ok() {} }).await;
    };
    tokio::join!(reads(&mut one), reads(&mut two));
    let told: Vec<String> = notes.take().into_iter().chain(others.take()).collect();
    assert_eq!(told.iter().filter(|told| told.starts_with("assigned")).count(), 1, "{told:?}");
    drop((one, two));
    let cooperative = async |cluster: &Cluster| {
        let notes = Arc::new(Notes::default());
        let client = Client::builder().endpoint(cluster.endpoint()).interceptor(Arc::clone(&notes) as _);
        let consumer = client.connect().await.unwrap().consumer().group_id("c");
        let strategy: Arc<dyn rehearsal::client::Assignor> = Arc::new(rehearsal::client::CooperativeStickyAssignor);
        let mut consumer = consumer.partition_assignment_strategy([strategy]).build();
        consumer.subscribe(["t"]).unwrap();
        (consumer, notes)
    };
    let (mut one, notes) = cooperative(&cluster).await;
    reads(&mut one).await;
    let (mut two, _) = cooperative(&cluster).await;
    tokio::join!(reads(&mut one), reads(&mut two));
    let mut told = notes.take();
    told.retain(|told| !told.contains("commit"));
    assert_eq!(told, ["assigned t-0", "kept t-0"]);
}

#[tokio::test(start_paused = true)]
async fn positions_that_are_moved_are_told() {
    let (cluster, mut consumer, notes) = reader().await;
    let partition = consumer.recv().await.unwrap().topic_partition();
    consumer.seek(&partition, StartFrom::Offset(Offset(7))).unwrap();
    consumer.recv().await.unwrap();
    consumer.seek(&partition, StartFrom::Earliest).unwrap();
    consumer.recv().await.unwrap();
    let sought = ["sought t-0@Some(7)", "record t-0@7", "sought t-0@None", "record t-0@0"];
    assert_eq!(notes.take()[2..], sought);
    // Nothing is there: the log begins again at its first record.
    consumer.seek(&partition, StartFrom::Offset(Offset(50))).unwrap();
    consumer.recv().await.unwrap();
    let reset = ["sought t-0@Some(50)", "out of range t-0@50", "reset t-0@50 to 0", "record t-0@0"];
    assert_eq!(notes.take(), reset);
    drop(cluster);
}
