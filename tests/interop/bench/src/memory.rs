//! What idle clusters and idle connections weigh.

use crate::process::Server;
use crate::process::open_files;
use crate::process::resident_bytes;
use crate::table::Table;
use crate::target::Kind;
use crate::target::Target;
use rehearsal::Cluster;
use serde_json::json;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

/// Starts `count` clusters of three brokers, says what they weigh, and ends.
pub fn serve_clusters(transport: &str, count: &str) {
    let count: u32 = count.parse().expect("a number");
    crate::block_on(async {
        let builder = || match transport {
            "tcp" => Cluster::builder().brokers(3),
            _ => Cluster::in_memory().brokers(3),
        };
        drop(builder().start().await.expect("a cluster"));
        let before = resident_bytes(std::process::id());
        let started = Instant::now();
        let mut clusters = Vec::new();
        for _ in 0..count {
            clusters.push(builder().start().await.expect("a cluster"));
        }
        let took = started.elapsed() / count;
        // Every task has had its turn and waits.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let bytes = (resident_bytes(std::process::id()) - before) / f64::from(count);
        println!("{}", json!({ "bytes_each": bytes, "start_us_each": took.as_secs_f64() * 1e6 }));
    });
}

pub fn run(table: &mut Table) {
    let own = std::env::current_exe().expect("this program is a file");
    for transport in ["in memory", "tcp"] {
        let ready = Server::start(Command::new(&own).args(["serve-clusters", transport, "1000"])).ready.clone();
        let number = |name: &str| ready[name].as_f64().expect("a number");
        table.row(
            &format!("1,000 idle clusters, {transport}"),
            "KiB each",
            number("bytes_each") / 1024.0,
            "target < 100",
        );
        table.row(&format!("1,000 clusters started, {transport}"), "us each", number("start_us_each"), "");
    }
    let target = Target::start(Kind::Ours, 1, 1);
    let Target::Child(server) = &target else { return };
    let (before, files) = (resident_bytes(server.pid()), open_files(server.pid()));
    let streams: Vec<TcpStream> =
        (0..10_000).map(|_| TcpStream::connect(server.bootstrap_servers()).expect("a free file")).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while open_files(server.pid()) < files + streams.len() {
        assert!(Instant::now() < deadline, "not all connections were accepted");
        std::thread::sleep(Duration::from_millis(10));
    }
    let each = (resident_bytes(server.pid()) - before) / 10_000.0;
    table.row("10,000 idle connections", "KiB each", each / 1024.0, "");
}
