//! What does my consumer notice when another one joins its group, and when that one dies?
//!
//! It gives up what the other is to read, once it has processed what it has; and inherits it when the other's session
//! has timed out. Prints:
//!
//! ```text
//! one: assigned orders-0 orders-1 orders-2 orders-3
//! one: revoked orders-2 orders-3
//! one read 4 of 8 new records
//! one: assigned orders-2 orders-3
//! every record was read, and 8 were read twice: the other one died before it committed
//! ```

use rehearsal::client::{
    Consumer, CooperativeStickyAssignor, OffsetReset, OnClose, Rebalance, RebalanceListener, TopicPartition,
};
use rehearsal::{Client, Cluster, Record};
use std::sync::Arc;
use std::time::Duration;

struct Print;

impl RebalanceListener for Print {
    fn on_assigned(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        println!("one: assigned {}", names(partitions));
    }

    fn on_revoked(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        println!("one: revoked {}", names(partitions));
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().topic("orders", 4).start().await?;
    let mut one = consumer(&cluster, OnClose::Default).await?;
    one.set_rebalance_listener(Print)?;
    read(&mut one, 5).await;

    let mut other = consumer(&cluster, OnClose::RemainInGroup).await?;
    tokio::join!(read(&mut one, 10), read(&mut other, 10));
    write(&cluster)?;
    let (ones, others) = tokio::join!(read(&mut one, 1), read(&mut other, 1));
    println!("one read {ones} of 8 new records");

    write(&cluster)?;
    let more = read(&mut other, 1).await;
    drop(other); // without a word, and without a commit
    let last = read(&mut one, 60).await;
    let twice = ones + others + more + last - 16;
    println!("every record was read, and {twice} were read twice: the other one died before it committed");
    Ok(())
}

async fn consumer(cluster: &Cluster, on_close: OnClose) -> Result<Consumer, Box<dyn std::error::Error>> {
    let builder = Client::connect(cluster).await?.consumer().group_id("shipping").on_close(on_close);
    let builder = builder.partition_assignment_strategy([Arc::new(CooperativeStickyAssignor) as _]);
    let builder = builder.auto_commit_interval(Duration::from_secs(3600));
    let mut consumer = builder.auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["orders"])?;
    Ok(consumer)
}

/// Two new records for each partition.
fn write(cluster: &Cluster) -> rehearsal::Result<()> {
    for n in 0..8 {
        cluster.seed("orders", [Record::new("an order").partition(n % 4)])?;
    }
    Ok(())
}

/// How many records come in some seconds.
async fn read(consumer: &mut Consumer, seconds: u64) -> usize {
    let mut count = 0;
    let all = async {
        while consumer.recv().await.is_ok() {
            count += 1;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(seconds), all).await;
    count
}
