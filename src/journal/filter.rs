//! Choosing entries of a journal.
//!
//! Not here: what is inside a body; that is JSON to look into.

use super::Entry;
use super::Event;
use super::Journal;
use super::RequestEntry;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::wire::ApiKey;

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// Connections that begin and end.
    Connection,
    /// Requests.
    Request,
    /// Answers, also those that are never given.
    Response,
    /// What a test did by its own hand.
    Command,
    /// Faults that hit a request.
    Fault,
    /// Changes of the cluster's state, whoever brought them about.
    State,
}

/// Which entries are wanted; by default all. Everything that is said must hold.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rehearsal::journal::{EventKind, Filter};
/// use rehearsal::{Client, Cluster};
/// let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
/// Client::builder().endpoint(&cluster).client_id("app").connect().await?;
/// let of_app = cluster.recorded(&Filter::new().client("app").kind(EventKind::Request));
/// assert!(of_app.entries().len() >= 2); // versions and metadata
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a filter chooses nothing by itself"]
pub struct Filter {
    kinds: Vec<EventKind>,
    apis: Vec<ApiKey>,
    client_id: Option<String>,
    broker: Option<BrokerId>,
    connection: Option<ConnectionId>,
    from: Option<Instant>,
    until: Option<Instant>,
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Connected { .. } | Self::Disconnected { .. } => EventKind::Connection,
            Self::Request(_) => EventKind::Request,
            Self::Response { .. } | Self::Decided { .. } | Self::NoResponse { .. } => EventKind::Response,
            Self::Command(_) => EventKind::Command,
            Self::Fault { .. } => EventKind::Fault,
            Self::Leader { .. }
            | Self::Isr { .. }
            | Self::Truncated { .. }
            | Self::Broker { .. }
            | Self::HighWatermark { .. }
            | Self::Group { .. }
            | Self::Detail(_) => EventKind::State,
        }
    }
}

impl Filter {
    /// A filter that wants everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants entries of this kind, or of one of several.
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Wants requests of this API, or of one of several, and their answers.
    pub fn api(mut self, api: ApiKey) -> Self {
        self.apis.push(api);
        self
    }

    /// Wants what came from clients that give themselves this name, and the answers to it.
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Wants what came to this broker, and what became of it.
    pub fn broker(mut self, broker: BrokerId) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Wants what has to do with this connection.
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.connection = Some(connection);
        self
    }

    /// Wants nothing before this moment.
    pub fn from(mut self, moment: Instant) -> Self {
        self.from = Some(moment);
        self
    }

    /// Wants nothing from this moment on.
    pub fn until(mut self, moment: Instant) -> Self {
        self.until = Some(moment);
        self
    }

    fn wants(&self, journal: &Journal, entry: &Entry) -> bool {
        let request = || match &entry.event {
            Event::Request(request) => Some(request),
            Event::Response { request, .. }
            | Event::Decided { request, .. }
            | Event::NoResponse { request }
            | Event::Fault { request: Some(request), .. } => journal.request(*request),
            _ => None,
        };
        let of_request = |fits: &dyn Fn(&RequestEntry) -> bool| request().is_some_and(fits);
        let client_of = |request: &RequestEntry| request.header.client_id.as_deref().map(str::to_owned);
        (self.kinds.is_empty() || self.kinds.contains(&entry.event.kind()))
            && (self.apis.is_empty() || of_request(&|request| self.apis.contains(&request.api)))
            && (self.client_id.is_none() || of_request(&|request| client_of(request) == self.client_id))
            && self.broker.is_none_or(|wanted| match &entry.event {
                Event::Connected { broker, .. } | Event::Broker { broker, .. } => *broker == wanted,
                _ => of_request(&|request| request.broker == wanted),
            })
            && self.connection.is_none_or(|wanted| match &entry.event {
                Event::Connected { connection, .. } | Event::Disconnected { connection, .. } => *connection == wanted,
                _ => of_request(&|request| request.connection == wanted),
            })
            && self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

impl Journal {
    /// The entries that a filter wants, with their numbers.
    ///
    /// What an answer answers is remembered only if its request is wanted too.
    #[must_use]
    pub fn select(&self, filter: &Filter) -> Self {
        let entries = self.entries.iter().filter(|entry| filter.wants(self, entry)).cloned();
        Self { entries: entries.collect(), next: self.next, bytes: self.bytes, limits: self.limits }
    }
}
