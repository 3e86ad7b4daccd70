//! Recording: a history of what our own client did, in any test, against any cluster.
//!
//! A [`ClientRecorder`] is an interceptor: it gives every record its id, and writes down sends, records that were handed
//! out, commits, assignments, seeks, resets and transactions, each with what its caller may believe of it: done, certainly
//! not done, or nobody knows. Simulations record by it as well.
//!
//! Not here: the history and its rules (`check`), other clients (they use [`Recorder`] themselves, or the [tap](crate::tap)),
//! and what only a cluster knows ([`tap::recorded`](crate::tap::recorded) adds it).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use rehearsal::check::{Outcome, Recorder, Setup};
//! use rehearsal::client::{ProducerRecord, StartFrom};
//! use rehearsal::{Client, Cluster, recording};
//!
//! let cluster = Cluster::builder().topic("orders", 1).start().await?; // or a real Kafka
//! let recorder = Recorder::new(Setup::default(), recording::clock());
//! let watch = recorder.client("orders-app");
//! let servers = cluster.bootstrap_servers();
//! let client = Client::builder().bootstrap_servers(&servers).interceptor(watch.clone()).connect().await?;
//!
//! client.producer().build().send(ProducerRecord::new("orders").value("two apples")).await?;
//! let mut consumer = client.consumer().build();
//! consumer.assign_topic("orders", StartFrom::Earliest).await?;
//! let record = consumer.recv().await?;
//! watch.processed("billing", &record); // only the application knows that
//!
//! let report = recorder.history()?.check();
//! assert_eq!(report.outcome(), Outcome::Passed);
//! assert_eq!((report.counters["acknowledged"], report.counters["delivered"]), (1, 1));
//! # Ok(()) }
//! ```

mod client;
mod interceptor;

#[cfg(feature = "sim")]
pub(crate) use client::Acknowledged;
pub use client::ClientRecorder;

use crate::base::Instant;
use crate::check::Recorder;
use crate::check::event::Source;
use crate::client::ConsumerRecord;
use crate::client::ProducerRecord;
use std::sync::Arc;

/// The header in which an output says which input it was made from: `orders-0@17`.
pub const SOURCE_HEADER: &str = "kf-src";

/// The header that names a record which may be sent again: sends with the same name are attempts at the same send.
pub const NAME_HEADER: &str = "kf-name";

/// A clock for a [`Recorder`]: the time since now, as Tokio tells it, so that a paused clock is followed too.
pub fn clock() -> impl Fn() -> Instant + Send + Sync + 'static {
    let started = tokio::time::Instant::now();
    move || Instant::after_start(started.elapsed())
}

impl Recorder {
    /// Starts to watch a client, which takes this as its
    /// [interceptor](crate::client::ClientBuilder::interceptor).
    ///
    /// `name` is that of the application's process; a second one of the same name is its next incarnation. Where the
    /// client's [id](crate::client::ClientBuilder::client_id) is the same, [`tap::recorded`](crate::tap::recorded) knows
    /// whose requests it sees.
    pub fn client(&self, name: &str) -> Arc<ClientRecorder> {
        Arc::new(ClientRecorder::new(self.clone(), self.incarnation(name)))
    }
}

/// Marks a record as made from another one, so that the checker knows whether each input has its outputs: by the header
/// [`SOURCE_HEADER`].
pub fn made_from(output: ProducerRecord, input: &ConsumerRecord) -> ProducerRecord {
    output.header(SOURCE_HEADER, format!("{}-{}@{}", input.topic, input.partition, input.offset))
}

/// Names a record that the application may send again, with another producer or in another life: by the header
/// [`NAME_HEADER`]. To the checker, all sends of one name are attempts at the same send, and it is there once or it is a
/// duplicate.
pub fn named(record: ProducerRecord, name: impl Into<String>) -> ProducerRecord {
    record.header(NAME_HEADER, name.into())
}

/// The record that [`SOURCE_HEADER`] names, if it names one.
pub(crate) fn source_of(header: &[u8]) -> Option<Source> {
    let (partition, offset) = std::str::from_utf8(header).ok()?.rsplit_once('@')?;
    Some(Source { partition: partition.to_owned(), offset: offset.parse().ok()? })
}
