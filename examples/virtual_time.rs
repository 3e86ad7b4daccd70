//! How long does an hour of waiting take?
//!
//! In memory and under a paused clock, as long as the work in it. Prints, with the time in the place of `…`:
//!
//! ```text
//! 120 long polls waited for an hour in vain.
//! It took ….
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::client::StartFrom;
use std::time::Duration;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stopwatch = std::time::Instant::now();
    let cluster = Cluster::in_memory().topic("orders", 6).start().await?;
    let client = Client::connect(&cluster).await?;
    let mut consumer = client.consumer().fetch_max_wait(Duration::from_secs(30)).build();
    consumer.assign_topic("orders", StartFrom::Latest).await?;

    // Nobody writes anything.
    let nothing = tokio::time::timeout(Duration::from_secs(3600), consumer.recv()).await;
    assert!(nothing.is_err());

    let polls = cluster.requests().iter().filter(|request| request.api() == ApiKey::Fetch).count();
    println!("{polls} long polls waited for an hour in vain.");
    println!("It took {:.0?}.", stopwatch.elapsed());
    Ok(())
}
