//! A history: everything that was asked, answered, delivered and seen, in the order in which it began.
//!
//! Sends, deliveries and log entries lie in dense tables, 32 to 40 bytes each; everything else is kept as it was said.

mod builder;
mod error;
mod export;
mod jsonl;
mod rows;

pub(crate) use builder::Actor;
pub use builder::HistoryBuilder;
pub use builder::PartitionNumber;
pub(crate) use builder::Pending;
pub use builder::ProducerNumber;
pub use error::HistoryError;
pub use error::Mistake;
pub use jsonl::Reader;

pub(crate) use rows::Batch;
pub(crate) use rows::Chunk;
pub(crate) use rows::Entry;
pub(crate) use rows::FinalLogRow;
pub(crate) use rows::PollRow;
pub(crate) use rows::SendRow;
pub(crate) use rows::Status;

use super::event::Event;
use super::names::Id;
use super::names::Names;
use super::setup::Setup;
use rows::Column;
use rows::NONE;
use std::collections::BTreeMap;

/// What happened. Made by a [`HistoryBuilder`], read from JSON lines, or recorded by a [`Recorder`](super::Recorder).
///
/// ```
/// use rehearsal::check::{Code, History};
/// let history = History::from_json_lines(concat!(
///     r#"{"event":"send","t":1,"id":"p#0","to":"orders-0","end":{"t":2,"result":"ok","offset":0}}"#, "\n",
///     r#"{"event":"final_log","partition":"orders-0","high_watermark":0}"#, "\n",
///     r#"{"event":"finish","lines":2}"#, "\n",
/// ))?;
/// assert_eq!(history.check().codes(), [Code::Lost]);
/// # Ok::<(), rehearsal::check::HistoryError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub(crate) setup: Setup,
    pub(crate) producers: Names,
    pub(crate) partitions: Names,
    pub(crate) processes: Names,
    pub(crate) groups: Names,
    pub(crate) txns: Names,
    pub(crate) keys: Names,

    pub(crate) sends: Vec<SendRow>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) send_txns: Column,
    pub(crate) send_keys: Column,
    pub(crate) send_processes: Column,
    pub(crate) send_hashes: BTreeMap<u32, u64>,
    pub(crate) send_sources: BTreeMap<u32, (u32, i64)>,
    pub(crate) send_errors: BTreeMap<u32, String>,
    /// Further attempts at a send that has a row already.
    pub(crate) resends: Vec<Resend>,
    /// The rows of each producer's sends, by sequence.
    pub(crate) by_producer: Vec<Vec<u32>>,

    pub(crate) polls: Vec<PollRow>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) deliveries: Vec<Entry>,
    pub(crate) delivery_hashes: BTreeMap<u32, u64>,
    pub(crate) poll_errors: BTreeMap<u32, String>,

    pub(crate) logs: Vec<FinalLogRow>,
    pub(crate) others: Vec<(u32, Event)>,
    pub(crate) events: u32,
    /// The last moment that anything is said to have happened.
    pub(crate) end_t: u64,
}

/// Another attempt at a send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resend {
    /// The row of the first attempt.
    pub(crate) send: u32,
    pub(crate) row: SendRow,
    pub(crate) status: Status,
    pub(crate) txn: u32,
    pub(crate) process: u32,
    pub(crate) error: Option<String>,
}

impl History {
    /// Starts an empty one.
    pub fn builder() -> HistoryBuilder {
        HistoryBuilder::default()
    }

    /// Puts one together from events, in order.
    ///
    /// # Errors
    /// [`HistoryError`] for what cannot have happened, with the number of the event, from 1.
    pub fn from_events(events: impl IntoIterator<Item = Event>) -> Result<Self, HistoryError> {
        let mut builder = Self::builder();
        for event in events {
            builder.push(event)?;
        }
        builder.build()
    }

    /// What was configured and intended.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How many events it has; operations count once.
    pub fn len(&self) -> usize {
        self.events as usize
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Whether anything in it could only be seen inside of the cluster.
    pub fn is_white_box(&self) -> bool {
        !self.logs.is_empty() || self.others.iter().any(|(_, event)| is_white(event))
    }

    /// The record's name.
    pub(crate) fn record_name(&self, id: Id) -> String {
        if id == Id::FOREIGN {
            return "a record of somebody else".to_owned();
        }
        format!("{}#{}", self.producers.name(id.producer()), id.seq())
    }

    /// The place of a record among all sends, counted by producer; none when it was never sent.
    ///
    /// Constant time where a producer's numbers have no gaps.
    #[inline]
    pub(crate) fn find_send(&self, id: Id) -> Option<u32> {
        let rows = self.by_producer.get(id.producer())?;
        let first = self.sends[*rows.first()? as usize].id.seq();
        let guess = usize::try_from(id.seq().checked_sub(first)?).ok()?;
        if let Some(row) = rows.get(guess) {
            if self.sends[*row as usize].id == id {
                return Some(*row);
            }
        }
        let at = rows.binary_search_by_key(&id.seq(), |row| self.sends[*row as usize].id.seq()).ok()?;
        Some(rows[at])
    }

    pub(crate) fn partition_name(&self, partition: u32) -> &str {
        self.partitions.name(partition as usize)
    }

    pub(crate) fn process_name(&self, process: u32) -> &str {
        self.processes.name(process as usize)
    }

    pub(crate) fn group_name(&self, group: u32) -> &str {
        self.groups.name(group as usize)
    }

    pub(crate) fn txn_name(&self, txn: u32) -> &str {
        self.txns.name(txn as usize)
    }

    pub(crate) fn send_txn(&self, send: u32) -> Option<u32> {
        Some(self.send_txns.get(send)).filter(|txn| *txn != NONE)
    }

    pub(crate) fn send_key(&self, send: u32) -> Option<u32> {
        Some(self.send_keys.get(send)).filter(|key| *key != NONE)
    }

    /// The authoritative log of a partition.
    pub(crate) fn log(&self, partition: u32) -> Option<&FinalLogRow> {
        self.logs.iter().find(|log| log.partition == partition && log.broker.is_none())
    }
}

/// Whether it could only be seen inside of the cluster.
fn is_white(event: &Event) -> bool {
    !matches!(
        event,
        Event::Setup(_)
            | Event::Send(_)
            | Event::Poll(_)
            | Event::Commit(_)
            | Event::FetchOffsets(_)
            | Event::EndTxn(_)
            | Event::Done(_)
            | Event::Assigned(_)
            | Event::Kept(_)
            | Event::Released(_)
            | Event::Seek(_)
            | Event::Reset(_)
            | Event::Processed(_)
            | Event::Crashed(_)
            | Event::Fault(_)
            | Event::Healed(_)
            | Event::Stopping(_)
            | Event::Ended(_)
            | Event::Created(_)
            | Event::Deleted(_)
            | Event::CommitRemoved(_)
            | Event::Finish(_)
    )
}

/// `None` for the number that stands for it.
pub(crate) fn known(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number != NONE)
}
