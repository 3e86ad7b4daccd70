//! What can a process still do that was taken for dead and replaced?
//!
//! It pauses in the middle of a transaction for longer than anybody waits, and another takes its transactional id.
//! Prints:
//!
//! ```text
//! the zombie commits: the producer cannot go on: EndTxn was answered with PRODUCER_FENCED
//! the zombie begins anew: fenced
//! readers see ["from the new process"]
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::client::IsolationLevel;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().brokers(3).topic("payments", 1).start().await?;
    let client = Client::connect(&cluster).await?;

    let mut zombie = client.producer().transactional("teller-1").init().await?;
    let transaction = zombie.begin().await?;
    transaction.enqueue(ProducerRecord::new("payments").value("from the zombie")).await?.await?;
    tokio::time::sleep(Duration::from_secs(3600)).await; // a long pause

    let mut teller = client.producer().transactional("teller-1").init().await?;
    let replacement = teller.begin().await?;
    replacement.send(ProducerRecord::new("payments").value("from the new process")).await?;
    replacement.commit().await?;

    let error = transaction.commit().await.expect_err("its transaction was aborted long ago");
    println!("the zombie commits: {error}");
    let fenced = zombie.begin().await.is_err_and(|error| error.is_fenced());
    println!("the zombie begins anew: {}", if fenced { "fenced" } else { "goes on" });

    let mut seen = Vec::new();
    let mut consumer = client.consumer().isolation_level(IsolationLevel::ReadCommitted).build();
    consumer.assign_topic("payments", StartFrom::Earliest).await?;
    while let Ok(record) = timeout(Duration::from_secs(5), consumer.recv()).await {
        seen.push(String::from_utf8_lossy(&record?.value.unwrap_or_default()).into_owned());
    }
    println!("readers see {seen:?}");
    Ok(())
}
