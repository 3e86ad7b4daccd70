//! Is what my application was told true of the cluster?
//!
//! The client records what it does, over TCP, so that the same lines work against a real Kafka, and the checker holds what
//! was read against what was sent. A connection breaks before the answer, and the producer tries again. Prints:
//!
//! ```text
//! idempotent: 10 acknowledged, 10 delivered, passed
//! not idempotent: 10 acknowledged, 11 delivered, DUP
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::check::Outcome;
use rehearsal::check::Recorder;
use rehearsal::check::Setup;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::recording;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!("idempotent: {}", run(true).await?);
    println!("not idempotent: {}", run(false).await?);
    Ok(())
}

async fn run(idempotence: bool) -> Result<String> {
    let cluster = Cluster::builder().topic("orders", 1).start().await?;
    let lost = cluster.inject(Fault::on(ApiKey::Produce).nth(5).after_applied().close())?;

    let recorder = Recorder::new(Setup { idempotence, ..Setup::default() }, recording::clock());
    let (servers, watch) = (cluster.bootstrap_servers(), recorder.client("orders-app"));
    let client = Client::builder().bootstrap_servers(&servers).interceptor(watch).connect().await?;

    let producer = client.producer().enable_idempotence(idempotence).build();
    for n in 0..10 {
        producer.send(ProducerRecord::new("orders").value(format!("{n} apples"))).await?;
    }
    lost.assert_fired();
    let mut consumer = client.consumer().build();
    consumer.assign_topic("orders", StartFrom::Earliest).await?;
    while consumer.recv().await?.value.as_deref() != Some(b"9 apples") {}

    let report = recorder.history()?.check();
    let verdict = match report.headline() {
        Some(found) => found.code.name(),
        None if report.outcome() == Outcome::Passed => "passed",
        None => "not known",
    };
    let seen = |name: &str| report.counters[name];
    Ok(format!("{} acknowledged, {} delivered, {verdict}", seen("acknowledged"), seen("delivered")))
}
