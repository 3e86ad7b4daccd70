//! What the README shows is what there is: its example runs, and its table is the one that requests are dispatched by.
//!
//! Not here: prose. `UPDATE_README=1 cargo test --test readme` writes the parts that are derived.

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::ErrorCode;
use rehearsal::broker::Release;
use rehearsal::broker::support;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

// The README's example begins.
#[tokio::test]
async fn every_paid_order_is_shipped() -> rehearsal::Result<()> {
    let cluster = Cluster::builder().brokers(3).topic("orders", 6).topic("shipments", 6).start().await?;
    cluster.seed_file("orders", "fixtures/orders.jsonl")?;

    tokio::spawn(my_app::run(cluster.bootstrap_servers())); // with any Kafka client

    cluster.wait_until(|c| c.records("shipments").len() == 50).await?;
    assert!(cluster.requests().iter().all(|request| request.error_code() == ErrorCode::NONE));
    Ok(())
}
// The README's example ends.

/// What the README leaves to its reader.
mod my_app {
    use super::Client;
    use rehearsal::client::ProducerRecord;
    use rehearsal::client::Result;
    use rehearsal::client::StartFrom;

    pub(super) async fn run(bootstrap_servers: String) -> Result<()> {
        let client = Client::connect(bootstrap_servers).await?;
        let producer = client.producer().build();
        let mut consumer = client.consumer().build();
        consumer.assign_topic("orders", StartFrom::Earliest).await?;
        loop {
            let order = consumer.recv().await?.value.unwrap_or_default();
            if order.windows(11).any(|part| part == b"\"paid\":true") {
                producer.send(ProducerRecord::new("shipments").value(order)).await?;
            }
        }
    }
}

#[test]
fn the_example_is_the_one_that_runs_here() {
    let here = include_str!("readme.rs");
    let from = here.find("#[tokio::test]").unwrap();
    let to = from + here[from..].find("// The README's example ends.").unwrap();
    let uses = "use rehearsal::{Cluster, ErrorCode};\n";
    check("example", &format!("\n```rust\n{uses}\n{}```\n\n", &here[from..to]));
}

static WRITING: Mutex<()> = Mutex::new(());

/// Compares what stands between `<!-- name: begin …` and `<!-- name: end -->`, or writes it when asked to.
fn check(name: &str, expected: &str) {
    let _alone = WRITING.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let begin = readme.find(&format!("<!-- {name}: begin")).expect("the README has the mark");
    let from = begin + readme[begin..].find("-->\n").unwrap() + "-->\n".len();
    let to = from + readme[from..].find(&format!("<!-- {name}: end -->")).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{}{expected}{}", &readme[..from], &readme[to..])).unwrap();
    } else {
        assert!(readme[from..to] == *expected, "stale; run UPDATE_README=1 cargo test --test readme");
    }
}

#[test]
fn the_support_table_is_that_of_the_handlers() {
    let newest: Release = Release::names().last().unwrap().parse().unwrap();
    let mut table = format!("\n| Key | API | Versions | {newest} |\n|--:|---|---|---|\n");
    for row in support() {
        let theirs = newest.versions(row.api).map_or_else(|| "none".to_owned(), |versions| versions.to_string());
        writeln!(table, "| {} | {} | {} | {theirs} |", row.api as i16, row.api.name(), row.versions).unwrap();
    }
    let missing: Vec<_> = ApiKey::ALL.iter().filter(|api| support().iter().all(|row| row.api != **api)).collect();
    let missing: Vec<_> = missing.iter().map(|api| api.name()).collect();
    writeln!(table, "\nNot served yet: {}.\n", missing.join(", ")).unwrap();
    check("support", &table);
}

#[test]
fn the_rust_version_is_that_of_the_manifest() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(concat!("Needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer")),
        "the README says otherwise"
    );
}
