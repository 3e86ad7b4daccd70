//! What the README and the guide show is what there is: the example runs, and tables are those of the code.
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
    check("README.md", "example", &format!("\n```rust\n{uses}\n{}```\n\n", &here[from..to]));
}

static WRITING: Mutex<()> = Mutex::new(());

/// Compares what stands between `<!-- name: begin …` and `<!-- name: end -->`, or writes it when asked to.
fn check(file: &str, name: &str, expected: &str) {
    let _alone = WRITING.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let readme = std::fs::read_to_string(&path).unwrap();
    let begin = readme.find(&format!("<!-- {name}: begin")).expect("the file has the mark");
    let from = begin + readme[begin..].find("-->\n").unwrap() + "-->\n".len();
    let to = from + readme[from..].find(&format!("<!-- {name}: end -->")).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{}{expected}{}", &readme[..from], &readme[to..])).unwrap();
    } else {
        assert!(readme[from..to] == *expected, "{file} is stale; run UPDATE_README=1 cargo test --test readme");
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
    check("README.md", "support", &table);
}

#[test]
fn the_rust_version_is_that_of_the_manifest() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(concat!("Needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer")),
        "the README says otherwise"
    );
}

/// The point of a handler's header that begins with `* Differs: `, as one line.
fn differs(source: &str) -> Option<String> {
    let header = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let mut lines = header.skip_while(|line| !line.starts_with("* Differs: "));
    let first = lines.next()?.strip_prefix("* Differs: ")?.to_owned();
    let rest = lines.take_while(|line| !line.is_empty() && !line.starts_with("* "));
    Some(rest.fold(first, |text, line| text + " " + line))
}

#[test]
fn the_guide_lists_the_differences_that_handlers_admit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/broker/api");
    let mut list = "\n".to_owned();
    for row in support() {
        let snake = row.api.name().chars().flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c]));
        let file = snake.collect::<String>().trim_start_matches('_').to_ascii_lowercase();
        let source = std::fs::read_to_string(folder.join(file).with_extension("rs")).unwrap();
        if let Some(text) = differs(&source) {
            writeln!(list, "* `{}`: {text}", row.api.name()).unwrap();
        }
    }
    list.push('\n');
    check("src/guide/differences.md", "differs", &list);
}
