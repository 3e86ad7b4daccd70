//! What do `acks=all` and `min.insync.replicas=2` promise when a leader dies?
//!
//! That what was acknowledged is on another broker. Prints:
//!
//! ```text
//! acknowledged at offset 0: an order
//! not acknowledged while the followers are behind: another order
//! broker 1 dies, broker 2 leads
//! acknowledged at offset 1: another order
//! what is left: an order, another order
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::client::Acks;
use rehearsal::client::ProducerRecord;
use std::time::Duration;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let topic = NewTopic::new("orders").partitions(1).replication_factor(3).config("min.insync.replicas", "2");
    let cluster = Cluster::in_memory().brokers(3).new_topic(topic).start().await?;
    let producer = Client::connect(&cluster).await?.producer().acks(Acks::All).build();
    let orders = cluster.partition("orders", 0);

    let first = producer.send(ProducerRecord::new("orders").value("an order")).await?;
    println!("acknowledged at offset {}: an order", first.offset);
    // The followers fall a little behind.
    orders.hold_replication(2)?;
    orders.hold_replication(3)?;
    let mut second = std::pin::pin!(producer.send(ProducerRecord::new("orders").value("another order")));
    let waited = tokio::time::timeout(Duration::from_secs(1), second.as_mut()).await;
    assert!(waited.is_err());
    println!("not acknowledged while the followers are behind: another order");

    cluster.broker(1).crash()?;
    cluster.wait_until(|_| orders.leader() == Some(2)).await?;
    println!("broker 1 dies, broker 2 leads");
    orders.release_replication(2)?;
    orders.release_replication(3)?;
    // The producer has not been answered, so it sends the order again, to the new leader.
    let second = second.await?;
    println!("acknowledged at offset {}: another order", second.offset);

    let left: Vec<String> = cluster.records("orders").iter().map(|record| record.text()).collect();
    println!("what is left: {}", left.join(", "));
    Ok(())
}
