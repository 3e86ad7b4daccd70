//! What does a consumer see of an unclean election?
//!
//! Records that it has read are not in the log any more, and others are in their place. Prints:
//!
//! ```text
//! read at offset 0: paid
//! read at offset 1: shipped
//! broker 2, which was not in sync, leads
//! orders-0 was truncated: the log differs from what was read from offset 1 on, and offset 2 was to be read next
//! read at offset 1: cancelled
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::Record;
use rehearsal::client::Error;
use rehearsal::client::OffsetReset;
use rehearsal::client::StartFrom;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let topic = NewTopic::new("orders").partitions(1).replication_factor(2);
    let cluster = Cluster::in_memory().brokers(2).new_topic(topic).start().await?;
    let orders = cluster.partition("orders", 0);
    let mut consumer = Client::connect(&cluster).await?.consumer().auto_offset_reset(OffsetReset::None).build();
    consumer.assign_topic("orders", StartFrom::Earliest).await?;

    cluster.seed("orders", [Record::new("paid")])?;
    // The follower falls behind, and out of the ISR; so what the leader alone holds can be read.
    orders.hold_replication(2)?;
    orders.shrink_isr(2)?;
    cluster.seed("orders", [Record::new("shipped")])?;
    for _ in 0..2 {
        let record = consumer.recv().await?;
        println!("read at offset {}: {}", record.offset, String::from_utf8_lossy(&record.value.unwrap_or_default()));
    }

    cluster.broker(1).crash()?;
    cluster.wait_until(|_| orders.leader().is_none()).await?;
    orders.elect_unclean(2)?;
    println!("broker 2, which was not in sync, leads");
    cluster.seed("orders", [Record::new("cancelled")])?;

    match consumer.recv().await {
        Err(Error::LogTruncated { topic, partition, position, diverged_at }) => {
            println!("{}", Error::LogTruncated { topic: topic.clone(), partition, position, diverged_at });
            let partition = rehearsal::client::TopicPartition { topic, partition };
            consumer.seek(&partition, StartFrom::Offset(diverged_at))?;
        }
        other => println!("nothing was noticed: {other:?}"),
    }
    let record = consumer.recv().await?;
    println!("read at offset {}: {}", record.offset, String::from_utf8_lossy(&record.value.unwrap_or_default()));
    Ok(())
}
