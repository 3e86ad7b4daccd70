//! What does a producer do when a broker takes longer than it is willing to wait?
//!
//! The first answer takes a minute, and the producer waits for five seconds: it hangs up, connects again and repeats
//! the request, which the broker recognises. Prints:
//!
//! ```text
//! answered after 5s, on connection 2
//! stored once
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::client::ProducerRecord;
use std::time::Duration;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    let slow = Fault::on(ApiKey::Produce).after_applied().delay(Duration::from_secs(60));
    let slow = cluster.inject(slow)?;

    let client = Client::builder().endpoint(&cluster).request_timeout(Duration::from_secs(5)).connect().await?;
    let start = cluster.now();
    client.producer().build().send(ProducerRecord::new("orders").value("two books")).await?;

    slow.assert_fired();
    let answered = cluster.requests().into_iter().rfind(|request| request.api() == ApiKey::Produce);
    let answered = answered.ok_or("nothing was sent")?;
    println!("answered after {:.0?}, on connection {}", cluster.now().since(start), answered.connection());
    assert_eq!(cluster.records("orders").len(), 1);
    println!("stored once");
    Ok(())
}
