//! The wire tap: a history of what any client did, in any language, from the cluster's journal alone.
//!
//! The clients know nothing of it. Every send, acknowledgement, fetch, commit and end of a transaction is taken from the
//! requests and answers that the cluster saw, attempts and lost answers included.
//!
//! What a tap cannot know:
//! * Whether what was fetched was handed to the application, and what that made of it: rules about what was processed
//!   stay undecided.
//! * Which sends are one where a client says nothing of it. Records with an id in the header
//!   [`HEADER`](crate::check::HEADER) are told by it, those of idempotent producers by their sequence numbers, all others
//!   by content: the same key, value and timestamp from the same client for the same partition are the same send as long
//!   as no attempt at it was acknowledged. A batch that is sent again under another producer epoch counts as another one.
//! * Whether an answer that left its broker reached its client.
//!
//! A topic that is deleted and created anew is another topic; histories call the second one `orders#2`.
//!
//! What clients say of themselves can be added: [`recorded`] brings both together.
//!
//! Not here: judging (`check`), and recording within a client (`recording`).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use rehearsal::check::Setup;
//! use rehearsal::journal::JournalDetail;
//! use rehearsal::client::ProducerRecord;
//! use rehearsal::{Client, Cluster, tap};
//!
//! let cluster = Cluster::in_memory().topic("orders", 1).journal_detail(JournalDetail::Full).start().await?;
//! let client = Client::builder().endpoint(&cluster).connect().await?; // or any other client, over TCP
//! client.producer().build().send(ProducerRecord::new("orders").value("two apples")).await?;
//!
//! let report = tap::history(&cluster, Setup::default())?.check();
//! report.assert_ok();
//! assert_eq!(report.counters["acknowledged"], 1);
//! # Ok(()) }
//! ```

mod incarnations;
mod logs;
mod names;
mod recorded;
mod renaming;
mod trace;
mod wire;

pub(crate) use incarnations::Incarnations;
pub(crate) use logs::final_logs;
pub(crate) use logs::id_of;
pub use recorded::recorded;
pub use recorded::recorder;
pub(crate) use renaming::tell_topics_apart;
pub(crate) use trace::changes;
#[cfg(feature = "sim")]
pub(crate) use trace::decoded;

use crate::check::Event;
use crate::check::History;
use crate::check::HistoryError;
use crate::check::Setup;
use crate::server::Cluster;

/// What the clients of a cluster have done so far, and what the cluster made of it.
///
/// Ask for [`JournalDetail::Full`](crate::journal::JournalDetail) when the cluster is started; without it the history
/// lacks what brokers alone know, and what a broker had decided when its answer was lost. What the journal has
/// [dropped](crate::journal::Journal::dropped) is missing: its limits are the cluster's.
///
/// # Errors
/// [`HistoryError`] when the journal tells of what cannot be.
pub fn history(cluster: &Cluster, setup: Setup) -> Result<History, HistoryError> {
    let (journal, version) = cluster.look(|engine, _| (engine.journal().clone(), engine.transaction_version()));
    let (events, names) = wire::operations(&journal);
    let topics = Incarnations::last(&journal);
    let find = |place: &str, batch: &_, record: &_| names.find(place, batch, record);
    let logs = cluster.look(|engine, _| final_logs(engine, &topics, &find));
    let changes = changes(&journal, version, events.iter().map(|(_, event)| event), &logs);
    in_order(setup, events, changes, logs)
}

/// A history of what was done and of what became of it, each with its place in the journal: at one moment much happens, and
/// time alone does not say in which order. What a client has done comes before what the cluster makes of it.
///
/// Either list is in order but for a few, and events are large: merged, each is moved once.
pub(crate) fn in_order(
    setup: Setup,
    mut done: Vec<(u64, Event)>,
    mut changes: Vec<(u64, Event)>,
    logs: Vec<Event>,
) -> Result<History, HistoryError> {
    let key = |(place, event): &(u64, Event)| (event.t(), *place);
    done.sort_by_key(key);
    changes.sort_by_key(key);
    let (mut done, mut changes) = (done.into_iter(), changes.into_iter());
    let events = std::iter::from_fn(move || {
        let next = match (done.as_slice().first(), changes.as_slice().first()) {
            (Some(act), Some(change)) if key(change) < key(act) => changes.next(),
            (Some(_), _) => done.next(),
            (None, _) => changes.next(),
        };
        next.map(|(_, event)| event)
    });
    History::from_events([Event::Setup(Box::new(setup))].into_iter().chain(events).chain(logs))
}
