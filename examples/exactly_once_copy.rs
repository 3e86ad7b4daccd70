//! Is each order shipped exactly once, although the process that ships them dies in the middle?
//!
//! It reads, writes and stores how far it has read in one transaction for every 20 orders. Prints:
//!
//! ```text
//! The first process died in the middle of its fourth transaction.
//! The log holds 120 shipments, of which 20 are void.
//! 100 orders were shipped, each exactly once.
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::client::ConsumerRecord;
use rehearsal::client::IsolationLevel;
use rehearsal::client::OffsetReset;
use rehearsal::client::Pipeline;
use rehearsal::client::ProducerRecord;
use rehearsal::client::Progress;
use rehearsal::client::StartFrom;
use rehearsal::client::TransactionError;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// What an order becomes.
fn ship(order: &ConsumerRecord) -> [ProducerRecord; 1] {
    [ProducerRecord::new("shipments").value(order.value.clone().unwrap_or_default())]
}

/// Ships until there is nothing left to ship.
async fn process(cluster: &Cluster) -> Result<(), TransactionError> {
    let client = Client::connect(cluster).await?;
    // Taking the transactional id fences whoever had it, and aborts what they left open.
    let producer = client.producer().transactional("shipper-1").init().await?;
    let settings = client.consumer().group_id("shippers").isolation_level(IsolationLevel::ReadCommitted);
    let mut consumer = settings.enable_auto_commit(false).auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["orders"])?;
    let mut pipeline = Pipeline::new(consumer, producer)?.max_poll_records(20).poll_timeout(Duration::from_secs(60));
    while !matches!(pipeline.step(ship).await?, Progress::Idle) {}
    Ok(())
}

/// How many records the shipments hold, by value.
async fn count(client: &Client, isolation: IsolationLevel) -> rehearsal::client::Result<BTreeMap<String, usize>> {
    let mut consumer = client.consumer().isolation_level(isolation).build();
    consumer.assign_topic("shipments", StartFrom::Earliest).await?;
    let mut counts = BTreeMap::new();
    while let Ok(record) = timeout(Duration::from_secs(5), consumer.recv()).await {
        let value = String::from_utf8_lossy(&record?.value.unwrap_or_default()).into_owned();
        *counts.entry(value).or_insert(0) += 1;
    }
    Ok(counts)
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).topic("shipments", 1).start().await?;
    cluster.seed("orders", (0..100).map(|n| Record::new(format!("order {n}"))))?;

    // The fourth commit is not answered, and before it is asked for again the process dies.
    let fault = cluster.inject(Fault::on(ApiKey::EndTxn).nth(4).drop_it())?;
    tokio::select! {
        biased;
        ended = process(&cluster) => panic!("it should have died: {ended:?}"),
        died = cluster.wait_until(|_| fault.fired() == 1) => died?,
    }
    println!("The first process died in the middle of its fourth transaction.");

    process(&cluster).await?;

    let client = Client::connect(&cluster).await?;
    let written: usize = count(&client, IsolationLevel::ReadUncommitted).await?.values().sum();
    let shipped = count(&client, IsolationLevel::ReadCommitted).await?;
    let valid: usize = shipped.values().sum();
    println!("The log holds {written} shipments, of which {} are void.", written - valid);
    assert!(shipped.values().all(|times| *times == 1));
    println!("{} orders were shipped, each exactly once.", shipped.len());
    Ok(())
}
