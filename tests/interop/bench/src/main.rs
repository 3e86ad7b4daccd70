//! How fast is a cluster of ours, beside librdkafka's mock, kfake and Apache Kafka, in one run on one machine?
//!
//!     cargo build --release --features cli              (in the root: the cluster that is measured)
//!     (cd tests/interop/bench/kfake && go build -o ../target/kfake .)    (optional)
//!     cargo run --release -- [--kafka] [--no-kfake] [--no-mock] [--quick] [--runs N] [startup] [librdkafka] [clients] [raw] [memory] [transactions]
//!
//! Speeds are those of the quickest run and CPU seconds those of the cheapest: what else runs only ever adds.
//! CPU seconds count a cluster's own processes, user and system time, and not its client's.

mod clients;
mod librdkafka;
mod loopback;
mod memory;
mod ours;
mod process;
mod raw;
mod startup;
mod table;
mod target;
mod throughput;
mod transactions;

use std::future::Future;
use target::Kind;

/// What was asked for.
pub struct Options {
    pub kafka: bool,
    pub kfake: bool,
    pub mock: bool,
    pub quick: bool,
    pub runs: usize,
    /// How much one run of a client moves.
    pub bytes: usize,
    sections: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Self {
        let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let runs = arguments.iter().position(|argument| argument == "--runs").and_then(|at| arguments.get(at + 1));
        let sections = arguments.iter().filter(|argument| argument.chars().all(|c| c.is_ascii_lowercase()));
        Self {
            kafka: has("--kafka"),
            kfake: target::kfake().is_some() && !has("--no-kfake"),
            mock: !has("--no-mock"),
            quick: has("--quick"),
            runs: runs.and_then(|runs| runs.parse().ok()).unwrap_or(3),
            bytes: if has("--quick") { 50 << 20 } else { 200 << 20 },
            sections: sections.cloned().collect(),
        }
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }

    /// The clusters to compare, ours first.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![Kind::Ours];
        kinds.extend(self.mock.then_some(Kind::Mock));
        kinds.extend(self.kfake.then_some(Kind::Kfake));
        kinds.extend(self.kafka.then_some(Kind::Kafka));
        kinds
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve-mock", brokers, partitions] => return target::serve_mock(brokers, partitions),
        ["serve-loopback", size] => return loopback::serve(size),
        ["serve-clusters", transport, count] => return memory::serve_clusters(transport, count),
        _ => {}
    }
    let options = Options::parse(&arguments);
    let mut table = table::Table;
    if options.wants("startup") {
        startup::run(&mut table, &options);
    }
    if options.wants("librdkafka") {
        throughput::librdkafka(&mut table, &options);
    }
    if options.wants("clients") {
        clients::run(&mut table, &options);
    }
    if options.wants("raw") {
        throughput::raw(&mut table, &options);
    }
    if options.wants("memory") {
        table.section("e. memory");
        memory::run(&mut table);
    }
    if options.wants("transactions") {
        transactions::run(&mut table, &options);
    }
}

/// Runs a future on a runtime of its own, with one thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
