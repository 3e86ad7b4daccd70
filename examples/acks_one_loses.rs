//! What does `acks=1` promise when a leader dies?
//!
//! Nothing that its followers had not fetched yet. Prints:
//!
//! ```text
//! acknowledged at offset 0: an order
//! acknowledged at offset 1: another order
//! broker 1 leads, broker 2 has 1 record, broker 3 has 1 record
//! broker 1 dies, broker 2 leads
//! what is left: an order
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::client::Acks;
use rehearsal::client::ProducerRecord;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let topic = NewTopic::new("orders").partitions(1).replication_factor(3);
    let cluster = Cluster::in_memory().brokers(3).new_topic(topic).start().await?;
    let producer = Client::connect(&cluster).await?.producer().acks(Acks::Leader).enable_idempotence(false).build();
    let orders = cluster.partition("orders", 0);

    let first = producer.send(ProducerRecord::new("orders").value("an order")).await?;
    println!("acknowledged at offset {}: an order", first.offset);
    // The followers fall a little behind.
    orders.hold_replication(2)?;
    orders.hold_replication(3)?;
    let second = producer.send(ProducerRecord::new("orders").value("another order")).await?;
    println!("acknowledged at offset {}: another order", second.offset);

    let has = |broker| orders.log_end_offset_on(broker).unwrap_or_default();
    println!("broker 1 leads, broker 2 has {} record, broker 3 has {} record", has(2), has(3));
    cluster.broker(1).crash()?;
    cluster.wait_until(|_| orders.leader() == Some(2)).await?;
    println!("broker 1 dies, broker 2 leads");

    let left: Vec<String> = cluster.records("orders").iter().map(|record| record.text()).collect();
    println!("what is left: {}", left.join(", "));
    Ok(())
}
