//! A Kafka cluster that lives inside a test.
//!
//! It speaks Kafka's real wire protocol, so any Kafka client in any language connects to it unchanged. A test starts it
//! with one line, fills it, waits for it and looks into it without a client:
//!
//! ```
//! # mod my_app {
//! #     use rehearsal::client::{Client, ProducerRecord, Result};
//! #     pub async fn run(bootstrap_servers: String) -> Result<()> {
//! #         let producer = Client::connect(&bootstrap_servers).await?.producer().build();
//! #         producer.send(ProducerRecord::new("shipments").key("order-1").value("by night train")).await?;
//! #         Ok(())
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use rehearsal::{ApiKey, Cluster, Record};
//!
//! let cluster = Cluster::builder().brokers(3).topic("orders", 6).topic("shipments", 6).start().await?;
//! cluster.seed("orders", [Record::new(r#"{"express":true}"#).key("order-1")])?;
//!
//! my_app::run(cluster.bootstrap_servers()).await?; // any Kafka client
//!
//! cluster.wait_until(|c| c.records("shipments").len() == 1).await?;
//! assert_eq!(cluster.records("shipments")[0].text(), "by night train");
//! assert!(cluster.requests().iter().any(|request| request.api() == ApiKey::Produce));
//! # Ok(()) }
//! ```
//!
//! [`Cluster::in_memory`] does without sockets and, under a paused Tokio clock, lives on virtual time: an hour of idle
//! waiting passes in milliseconds, and the same test does the same thing every time ([why](guide::determinism)).
//!
//! # Where to read on
//!
//! | | |
//! |---|---|
//! | [`Cluster`], [`Record`] | start, seed, look, wait, save: all that most tests need |
//! | [`client`] | a producer, a consumer and an admin of our own; they work as well against a real Kafka |
//! | [`guide`] | chapters: how it is built, how it is deterministic, how it differs from Kafka, groups, other languages |
//! | [`broker`] | the engine: all brokers as one state machine without clock, socket or task |
//! | [`log`], [`metadata`], [`config`] | what it is made of: partition logs, topics and replicas, configuration as data |
//! | [`fault`] | what can go wrong with requests, as data; [a chapter](guide::faults) shows each |
//! | [`journal`] | what happened, as data; [`Cluster::expect`] says what has to |
//! | `sim` (feature `sim`) | an application's processes, a cluster, faults and the checker in virtual time, from one seed |
//! | `check` (feature `check`) | histories and the checker: what was lost, doubled, reordered or seen too early, with its witness |
//! | `recording` (feature `check`) | the history of what our client did, against any cluster, a real Kafka included |
//! | `tap` (feature `check`) | the history of what any client did, from the cluster's journal alone |
//! | `strategy` (feature `proptest`) | strategies for property tests; a plan of faults shrinks to few of them |
//! | `report` (feature `check`) | what a check found: one page of HTML, text, a diagram; the guide's chapter `reports` explains it |
//! | [`wire`], [`net`] | messages, record batches, frames; byte streams over TCP or in memory |
//! | [`base`] | identifiers, time, chance and error codes |
//!
//! # Features
//!
//! | | |
//! |---|---|
//! | `compression` (default) | gzip, snappy, lz4 and zstd, in pure Rust |
//! | `check` | the checker of histories |
//! | `sim` | whole systems in virtual time: `sim`; brings the clock of Tokio that can be paused |
//! | `toml` | fault plans in TOML; in JSON they need no feature |
//! | `zstd-c` | zstd by the C library |
//! | `proptest` | strategies for records, requests, plans of faults and histories: `strategy` |
//! | `cli` | the program `rehearsal`: a cluster for tests in other languages, searches from seeds, checks of histories |

pub mod base;
pub mod broker;
#[cfg(feature = "check")]
pub mod check;
pub mod client;
pub mod config;
mod coordinator;
pub mod fault;
pub mod guide;
pub mod journal;
pub mod log;
pub mod metadata;
pub mod net;
#[cfg(feature = "check")]
pub mod recording;
#[cfg(feature = "check")]
pub mod report;
pub mod server;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "proptest")]
pub mod strategy;
#[cfg(feature = "check")]
pub mod tap;
pub mod wire;

pub use base::ErrorCode;
pub use base::TopicName;
pub use base::Uuid;
pub use client::Client;
pub use config::NewTopic;
pub use fault::Fault;
pub use server::Cluster;
pub use server::ClusterBuilder;
pub use server::Error;
pub use server::Expected;
pub use server::Record;
pub use server::Result;
pub use server::SavedCluster;
pub use server::StoredRecord;
pub use wire::ApiKey;
