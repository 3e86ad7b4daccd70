//! What becomes of a record whose answer is lost?
//!
//! The broker has written it, but the producer never hears of that and tries again. Whether it is there twice depends on
//! who numbers the records. Prints:
//!
//! ```text
//! idempotent: sent once, tried 2 times, stored 1 time
//! not idempotent: sent once, tried 2 times, stored 2 times
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::client::ProducerRecord;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<()> {
    println!("idempotent: {}", send(true).await?);
    println!("not idempotent: {}", send(false).await?);
    Ok(())
}

async fn send(enable_idempotence: bool) -> Result<String> {
    let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    let lost = cluster.inject(Fault::on(ApiKey::Produce).lose_answer())?;

    let producer = Client::connect(&cluster).await?.producer().enable_idempotence(enable_idempotence).build();
    producer.send(ProducerRecord::new("orders").value("two books")).await?;

    lost.assert_fired();
    let tried = cluster.requests().iter().filter(|request| request.api() == ApiKey::Produce).count();
    let stored = cluster.records("orders").len();
    Ok(format!("sent once, tried {tried} times, stored {stored} time{}", if stored == 1 { "" } else { "s" }))
}
