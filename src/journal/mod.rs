//! The one account of what happened: connections, requests, answers, commands, changes of state.
//!
//! Not here: deciding anything. The journal keeps what it is told, in order, within a bound: when one of its
//! [limits](JournalLimits) is passed, the oldest entries go first, and [`Journal::dropped`] counts them.

mod detail;
mod filter;
mod json_lines;
mod render;

pub use detail::AppendedHeader;
pub use detail::Compaction;
pub use detail::Detail;
pub use detail::Divergence;
pub use detail::JournalDetail;
pub use detail::KeyedRecord;
pub use detail::LogBounds;
pub use detail::RemovedBy;
pub use detail::ReplicaBounds;
pub use filter::EventKind;
pub use filter::Filter;
pub use json_lines::InvalidLine;

use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::RequestHeader;
use crate::wire::Response;
use crate::wire::codec::Encoder;
use crate::wire::json;
use bytes::Bytes;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// How much a journal keeps; when either bound is passed, the oldest entries go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// The number of entries. A request and its answer are two.
    pub entries_max: usize,
    /// The memory that the requests' and the answers' bodies hold on to, in bytes. Of answers it is an estimate, and
    /// record bytes count although they may be in a log as well.
    pub bytes_max: usize,
}

impl Default for JournalLimits {
    /// 100,000 entries and 64 MiB.
    fn default() -> Self {
        Self { entries_max: 100_000, bytes_max: 64 << 20 }
    }
}

/// How much more memory an answer takes as a value than as bytes: numbers are padded, and texts and lists have
/// pointers. An estimate from the sizes of the types.
const VALUE_RATIO: usize = 8;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 0; without gaps unless entries were selected.
    pub sequence: u64,
    /// When, since the cluster's start.
    pub at: Instant,
    /// What.
    pub event: Event,
    /// What it holds on to, besides itself, in bytes.
    size: usize,
}

/// What can happen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client connected.
    Connected {
        /// The new connection.
        connection: ConnectionId,
        /// The broker it is connected to.
        broker: BrokerId,
        /// The client's address.
        peer: Arc<str>,
    },
    /// A connection ended.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A request came.
    Request(RequestEntry),
    /// A request was answered.
    Response {
        /// The sequence number of the request's entry.
        request: u64,
        /// The answer.
        response: Arc<Response>,
    },
    /// What a broker would have answered at this moment, when a fault changes, delays or loses the answer, or when it has
    /// to wait for replication. Noted only with [`JournalDetail::Full`].
    Decided {
        /// The sequence number of the request's entry.
        request: u64,
        /// The answer, as nothing and nobody has touched it.
        response: Arc<Response>,
    },
    /// A request will not be answered (`acks=0`).
    NoResponse {
        /// The sequence number of the request's entry.
        request: u64,
    },
    /// A partition has a leader in a new epoch, or none.
    Leader {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The leader; -1 for none.
        leader: BrokerId,
        /// Its epoch.
        leader_epoch: LeaderEpoch,
        /// Those in sync.
        isr: Vec<BrokerId>,
        /// Whether the leader was in sync; if not, records may be lost.
        is_clean: bool,
    },
    /// A partition has another ISR.
    Isr {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Those in sync.
        isr: Vec<BrokerId>,
    },
    /// A replica has lost records at its end.
    Truncated {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The broker that held them.
        broker: BrokerId,
        /// Where its log ended before.
        from: Offset,
        /// Where its log ends now.
        to: Offset,
    },
    /// Something has become of a broker.
    Broker {
        /// The broker.
        broker: BrokerId,
        /// What: `running`, `paused`, `down`, `fenced`, `unfenced`, `registered`, `unregistered`.
        state: Arc<str>,
    },
    /// More of a partition can be read, or less after an unclean election. Noted only when that was asked for.
    HighWatermark {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Below this, records are replicated.
        high_watermark: Offset,
    },
    /// A group has gone from one state to another, or into another generation or epoch.
    Group {
        /// The group's id.
        group: Arc<str>,
        /// The state, by Kafka's name; `Dead` when the group is gone.
        state: Arc<str>,
        /// The generation of a classic group, the epoch of one of KIP-848.
        generation: i32,
        /// How many members it has.
        members: usize,
    },
    /// A fault has hit a request.
    Fault {
        /// The sequence number of the request's entry.
        request: Option<u64>,
        /// The fault's name.
        fault: Arc<str>,
        /// What it does, in words.
        action: Arc<str>,
    },
    /// A command of the test itself, in words.
    Command(Arc<str>),
    /// A change that is noted only with [`JournalDetail::Full`].
    Detail(Detail),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct RequestEntry {
    /// The connection on which it came.
    pub connection: ConnectionId,
    /// The broker that was asked.
    pub broker: BrokerId,
    /// The API.
    pub api: ApiKey,
    /// The header.
    pub header: RequestHeader,
    /// The body, as bytes of the header's version.
    pub body: Bytes,
}

/// What happened, oldest first.
#[derive(Clone, Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    next: u64,
    bytes: usize,
    limits: JournalLimits,
}

impl Journal {
    /// An empty journal.
    pub fn new(limits: JournalLimits) -> Self {
        Self { entries: VecDeque::new(), next: 0, bytes: 0, limits }
    }

    /// Notes an event and gives it a number.
    pub fn record(&mut self, at: Instant, event: Event) -> u64 {
        let sequence = self.next;
        self.next += 1;
        let size = self.size_of(&event);
        self.bytes += size;
        self.entries.push_back(Entry { sequence, at, event, size });
        while self.entries.len() > self.limits.entries_max || self.bytes > self.limits.bytes_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.size;
        }
        sequence
    }

    /// The number that the next event gets.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    fn size_of(&self, event: &Event) -> usize {
        match event {
            Event::Request(request) => {
                request.body.len() + request.header.client_id.as_ref().map_or(0, |name| name.len())
            }
            Event::Response { request, response } | Event::Decided { request, response } => {
                let records = match &**response {
                    Response::Fetch(fetch) => {
                        let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
                        partitions.filter_map(|partition| partition.records.as_ref()).map(|records| records.len()).sum()
                    }
                    _ => 0,
                };
                let newest = response.api_key().versions().max;
                let version = self.request(*request).map_or(newest, RequestEntry::answer_version);
                let mut encoder = Encoder::counting();
                // What cannot be written is not sent either.
                let written = response.encode(&mut encoder, version).map_or(0, |()| encoder.len());
                records + written.saturating_sub(records).saturating_mul(VALUE_RATIO)
            }
            _ => 0,
        }
    }

    /// The entries that are kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// The request with this sequence number, if it is still kept.
    pub fn request(&self, sequence: u64) -> Option<&RequestEntry> {
        // Without gaps it is where its number says, and nothing has to be searched for.
        let place = usize::try_from(sequence.checked_sub(self.dropped())?).ok()?;
        let found = self.entries.get(place).filter(|entry| entry.sequence == sequence);
        let entry = match found {
            Some(entry) => entry,
            None => &self.entries[self.entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()?],
        };
        match &entry.event {
            Event::Request(request) => Some(request),
            _ => None,
        }
    }

    /// How many entries there have been, those that were dropped included: the number of the next one.
    pub const fn recorded(&self) -> u64 {
        self.next
    }

    /// How many entries have been dropped to stay within the limits.
    pub fn dropped(&self) -> u64 {
        self.entries.front().map_or(self.next, |oldest| oldest.sequence)
    }
}

impl RequestEntry {
    /// The body as JSON by field name; of records it tells the numbers only.
    pub fn body_json(&self) -> Value {
        json::summary(self.api.request_facts(), self.body.clone(), self.header.api_version).unwrap_or_default()
    }

    /// The version in which an answer is written: an unsupported version of ApiVersions is answered in version 0.
    fn answer_version(&self) -> i16 {
        let version = self.header.api_version;
        if self.api.versions().contains(version) { version } else { 0 }
    }

    /// An answer to this request as JSON by field name; of records it tells the numbers only.
    pub fn answer_json(&self, response: &Response) -> Value {
        let version = self.answer_version();
        let mut encoder = Encoder::new(false);
        match response.encode(&mut encoder, version) {
            Ok(()) => json::summary(self.api.response_facts(), encoder.into_bytes(), version).unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }
}

/// The first error code other than 0 anywhere in an answer's JSON, in the order of the answer.
pub fn first_error(answer: &Value) -> ErrorCode {
    match answer {
        Value::Object(fields) => {
            let own = fields.get("error_code").and_then(Value::as_i64).and_then(|code| i16::try_from(code).ok());
            let own = own.map_or(ErrorCode::NONE, ErrorCode::new);
            if own.is_error() { own } else { first_of(fields.values()) }
        }
        Value::Array(elements) => first_of(elements.iter()),
        _ => ErrorCode::NONE,
    }
}

fn first_of<'a>(values: impl Iterator<Item = &'a Value>) -> ErrorCode {
    values.map(first_error).find(|code| code.is_error()).unwrap_or(ErrorCode::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_go_first_and_are_counted() {
        let mut journal = Journal::new(JournalLimits { entries_max: 2, bytes_max: 1 << 10 });
        for n in 0..5 {
            journal.record(Instant::START, Event::Command(format!("c{n}").into()));
        }
        assert_eq!(journal.entries().map(|entry| entry.sequence).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(journal.dropped(), 3);
    }
}
