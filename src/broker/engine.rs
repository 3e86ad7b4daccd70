//! The state machine: inputs and the time go in, outputs and the next deadline come out.

use super::api;
use super::coordinator_writes;
use super::faults::FaultLayer;
use super::gate::Gate;
use super::outcome::Outcome;
use super::outcome::Park;
use super::outcome::RequestContext;
use super::outcome::Watch;
use super::outcome::Woken;
use super::purgatory::Purgatory;
use super::release::Release;
use super::state::State;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::Node;
use crate::base::ProcessAction;
use crate::base::Seed;
use crate::base::Timestamp;
use crate::coordinator::GroupCoordinator;
use crate::fault::BytesFault;
use crate::journal::Event;
use crate::journal::Journal;
use crate::journal::JournalLimits;
use crate::journal::RequestEntry;
use crate::metadata::Broker;
use crate::metadata::BrokerState;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::RequestHeader;
use crate::wire::Response;
use crate::wire::codec::DecodeError;
use crate::wire::codec::DecodeErrorKind;
use bytes::Bytes;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// From which ids and all other chance follow.
    pub seed: Seed,
    /// What time it is in records when the cluster starts.
    pub start_time: Timestamp,
    /// The brokers.
    pub brokers: Vec<Broker>,
    /// Static broker configuration by Kafka's names (`server.properties`), the same for all brokers.
    pub broker_config: BTreeMap<String, String>,
    /// The release whose API versions are served.
    pub release: Release,
    /// How much the journal keeps.
    pub journal: JournalLimits,
}

/// Something that happens to the cluster.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every input is a request, and a box would cost each of them")]
pub enum Input {
    /// A client connected to a broker.
    Connected {
        /// A number never used before.
        connection: ConnectionId,
        /// The broker.
        broker: BrokerId,
        /// The client's address, for the journal.
        peer: Arc<str>,
    },
    /// A request came; the connection's previous one has been answered.
    Request {
        /// The connection.
        connection: ConnectionId,
        /// Its header.
        header: RequestHeader,
        /// Its body.
        request: Request,
        /// The bytes of its body, for the journal.
        body: Bytes,
    },
    /// A frame came that is no request of ours.
    Undecodable {
        /// The connection.
        connection: ConnectionId,
        /// Its header, if there is one.
        header: Option<RequestHeader>,
        /// What is wrong.
        error: DecodeError,
    },
    /// A connection ended.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
        /// Why, for the journal.
        reason: Arc<str>,
    },
}

/// Something that the shell has to do.
#[derive(Debug)]
pub enum Output {
    /// Send a response, then read the connection's next request.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The number of the request.
        correlation_id: i32,
        /// The version of the request, in which the response is written.
        api_version: i16,
        /// The response.
        response: Arc<Response>,
        /// Not earlier than this.
        not_before: Instant,
        /// What to do to its bytes, if anything.
        fault: Option<BytesFault>,
    },
    /// Send nothing, but read the connection's next request.
    Continue {
        /// The connection.
        connection: ConnectionId,
    },
    /// Close a connection.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// Why, for the log.
        reason: String,
    },
    /// Begin or cease to accept connections to a broker.
    Listen {
        /// The broker.
        broker: BrokerId,
        /// Whether connections are accepted, or refused.
        is_open: bool,
    },
    /// Do something to a process of the application, of which whoever simulates one knows.
    Process {
        /// Its number.
        process: u32,
        /// What to do.
        action: ProcessAction,
    },
}

/// A connection as the engine knows it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) broker: BrokerId,
    host: Arc<str>,
    /// What the client called itself last.
    client_id: Option<ByteString>,
    /// The correlation id and the journal's number of the request that is being handled.
    current: Option<(i32, u64)>,
    /// Whether the shell has been told to close it; nothing that still comes is looked at.
    pub(super) closing: bool,
}

impl Connection {
    /// The client as one end of a link.
    pub(super) fn client(&self) -> Node {
        Node::Client(self.client_id.as_deref().unwrap_or_default().to_owned())
    }
}

/// All brokers of a cluster.
pub struct Engine {
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) purgatory: Purgatory,
    pub(super) faults: FaultLayer,
    pub(super) gate: Gate,
    pub(super) outputs: VecDeque<Output>,
    /// Whether there are processes to which something can be done.
    pub(super) hosts_processes: bool,
}

impl Engine {
    /// A cluster without topics.
    ///
    /// # Errors
    /// A sentence about the broker configuration that is not valid.
    pub fn new(config: EngineConfig) -> Result<Self, String> {
        Ok(Self {
            journal: Journal::new(config.journal),
            faults: FaultLayer::new(config.seed),
            state: State::new(config)?,
            connections: BTreeMap::new(),
            purgatory: Purgatory::default(),
            gate: Gate::default(),
            outputs: VecDeque::new(),
            hosts_processes: false,
        })
    }

    /// Plants a bug in all brokers, before there are topics.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub fn plant(&mut self, mutant: crate::base::BrokerMutant) {
        self.state.settings.mutants = crate::base::BrokerMutants::of(mutant);
    }

    /// What happened so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Gives away what happened so far, once nothing more will happen.
    pub fn take_journal(&mut self) -> Journal {
        std::mem::replace(&mut self.journal, Journal::new(JournalLimits::default()))
    }

    /// Takes in what happened. The outputs must be drained before the next input.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connected { connection, broker, peer } => {
                let host = host_of(&peer);
                let known = Connection { broker, host, client_id: None, current: None, closing: false };
                self.connections.insert(connection, known);
                self.journal.record(now, Event::Connected { connection, broker, peer });
                if self.state.brokers.state(broker) == BrokerState::Down {
                    self.close(connection, format!("broker {broker} is down"));
                }
            }
            Input::Request { .. } => {
                if let Some(input) = self.arrive(now, input) {
                    self.take_request(now, input);
                }
            }
            Input::Undecodable { connection, header, error } => {
                self.on_undecodable(now, connection, header.as_ref(), error);
            }
            Input::Disconnected { connection, reason } => {
                if let Some(known) = self.connections.remove(&connection) {
                    self.purgatory.remove(connection);
                    let request = known.current.map(|(_, request)| request);
                    self.faults.forget(connection, request.filter(|_| !known.closing));
                    self.journal.record(now, Event::Disconnected { connection, reason });
                }
            }
        }
        self.wake_touched(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(input) = self.arrived(now) {
            self.take_request(now, input);
        }
        self.run_delayed(now);
        while let Some(waiting) = self.purgatory.expired(now) {
            let ctx = RequestContext { now, timestamp: self.state.timestamp(now), ..waiting.ctx };
            self.resume(ctx, waiting.park, waiting.writes, Woken::Expired);
        }
        self.state.handle_timeout(now);
        self.wake_touched(now);
    }

    /// The next thing to do, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Engine::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines =
            [self.purgatory.deadline(), self.state.next_timeout(), self.next_arrival(), self.faults.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Handles a request that has reached its broker.
    pub(super) fn take_request(&mut self, now: Instant, input: Input) {
        if let Input::Request { connection, header, request, body } = input {
            self.on_request(now, connection, header, request, body);
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        header: RequestHeader,
        request: Request,
        body: Bytes,
    ) {
        let api = request.api_key();
        let timestamp = self.state.timestamp(now);
        let Some(known) = self.connections.get_mut(&connection).filter(|known| !known.closing) else { return };
        let ctx = RequestContext {
            now,
            timestamp,
            connection,
            broker: known.broker,
            api_version: header.api_version,
            client_id: header.client_id.clone(),
            host: Arc::clone(&known.host),
            refused: None,
        };
        if known.client_id != header.client_id {
            // A slice would keep the frame.
            known.client_id = header.client_id.as_deref().map(ByteString::from);
        }
        let correlation_id = header.correlation_id;
        let shown = (!self.faults.is_idle()).then(|| body.clone());
        let entry = RequestEntry { connection, broker: known.broker, api, header, body };
        let sequence = self.journal.record(now, Event::Request(entry));
        known.current = Some((correlation_id, sequence));
        if !api::is_served(self.state.release(), api, ctx.api_version) {
            self.refuse_version(&ctx, api);
            return;
        }
        match shown {
            None => self.handle(ctx, request),
            Some(body) => self.meet_faults(ctx, request, body),
        }
    }

    /// Handles a request that no fault keeps from it.
    pub(super) fn handle(&mut self, ctx: RequestContext, request: Request) {
        let writes = coordinator_writes::writes(request.api_key()).then(|| request.clone());
        self.state.coordinator_write = None;
        self.note_handled(Some(ctx.connection));
        let outcome = api::dispatch(&mut self.state, &ctx, request);
        self.settle(ctx, writes, outcome);
    }

    /// Goes on with a request that has waited.
    fn resume(&mut self, ctx: RequestContext, park: Park<Response>, writes: Option<Request>, woken: Woken) {
        self.state.coordinator_write = None;
        let outcome = (park.resume)(&mut self.state, &ctx, woken);
        self.settle(ctx, writes, outcome);
    }

    fn on_undecodable(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        header: Option<&RequestHeader>,
        error: DecodeError,
    ) {
        let Some(known) = self.connections.get_mut(&connection).filter(|known| !known.closing) else { return };
        let unsupported = matches!(error.kind, DecodeErrorKind::UnsupportedVersion(_));
        match header {
            Some(header) if header.api() == Some(ApiKey::ApiVersions) && unsupported => {
                let entry = RequestEntry {
                    connection,
                    broker: known.broker,
                    api: ApiKey::ApiVersions,
                    // The name is a slice of a frame that nobody else keeps.
                    header: RequestHeader { client_id: header.client_id.as_deref().map(Into::into), ..header.clone() },
                    body: Bytes::new(),
                };
                let sequence = self.journal.record(now, Event::Request(entry));
                known.current = Some((header.correlation_id, sequence));
                let response = api::unsupported_api_versions(&self.state);
                // Version 0, which every client can read (KIP-511).
                self.send(now, connection, 0, response);
            }
            Some(header) => {
                let api = header.api().map_or_else(|| format!("API key {}", header.api_key), |api| api.to_string());
                self.close(connection, format!("cannot read {api} version {}: {error}", header.api_version));
            }
            None => self.close(connection, format!("cannot read a request header: {error}")),
        }
    }

    /// Answers a version that the emulated release does not have, as a broker does.
    fn refuse_version(&mut self, ctx: &RequestContext, api: ApiKey) {
        if api == ApiKey::ApiVersions {
            let response = api::unsupported_api_versions(&self.state);
            self.send(ctx.now, ctx.connection, 0, response);
        } else {
            let why = format!("{api} version {} is not supported by {}", ctx.api_version, self.state.release());
            self.close(ctx.connection, why);
        }
    }

    /// Does with a request what was decided; where a coordinator wrote something, its answer waits until that is
    /// replicated.
    fn settle(&mut self, ctx: RequestContext, writes: Option<Request>, outcome: Outcome<Response>) {
        let write = self.state.coordinator_write.take();
        let (outcome, writes) = match (outcome, writes, write) {
            (Outcome::Reply(response), Some(request), Some(write)) => {
                self.note_decided(ctx.now, ctx.connection, &response);
                (self.state.once_replicated(write, request, response), None)
            }
            (outcome, writes, _) => (outcome, writes),
        };
        self.note_handled(None);
        match outcome {
            Outcome::Reply(response) => self.send(ctx.now, ctx.connection, ctx.api_version, response),
            Outcome::Park(park) => self.purgatory.insert(ctx, park, writes),
            Outcome::Close(why) => self.close(ctx.connection, why.to_owned()),
            Outcome::Silent => {
                self.note_unanswered(ctx.now, ctx.connection);
                self.finish_without_answer(ctx.connection);
                self.go_on_reading(ctx.now, ctx.connection);
            }
        }
    }

    fn take_current(&mut self, connection: ConnectionId) -> Option<(i32, u64)> {
        self.connections.get_mut(&connection)?.current.take()
    }

    /// The journal's number of the request that is being handled.
    pub(super) fn current_request(&self, connection: ConnectionId) -> Option<u64> {
        match self.connections.get(&connection) {
            Some(known) => known.current.map(|(_, request)| request),
            None => self.faults.late(connection),
        }
    }

    /// Notes that the current request will not be answered.
    pub(super) fn note_unanswered(&mut self, now: Instant, connection: ConnectionId) {
        self.note_details(now);
        if let Some((_, request)) = self.take_current(connection) {
            self.journal.record(now, Event::NoResponse { request });
        }
    }

    /// Lets a connection read its next request.
    pub(super) fn go_on_reading(&mut self, now: Instant, connection: ConnectionId) {
        self.put_out(now, Output::Continue { connection });
    }

    pub(super) fn send(&mut self, now: Instant, connection: ConnectionId, api_version: i16, response: Response) {
        if self.is_awaited_by_faults(connection) {
            self.note_decided(now, connection, &response);
            self.send_past_faults(now, connection, api_version, response);
        } else {
            self.answer(now, connection, api_version, response, None);
        }
    }

    /// Answers the current request.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        api_version: i16,
        response: Response,
        fault: Option<BytesFault>,
    ) {
        self.note_details(now);
        let Some((correlation_id, request)) = self.take_current(connection) else {
            if let Some(request) = self.faults.take_late(connection) {
                // Nobody is there to read it.
                self.journal.record(now, Event::Response { request, response: Arc::new(response) });
            }
            return;
        };
        let response = Arc::new(response);
        self.journal.record(now, Event::Response { request, response: Arc::clone(&response) });
        let not_before = now;
        self.put_out(now, Output::Send { connection, correlation_id, api_version, response, not_before, fault });
    }

    pub(super) fn close(&mut self, connection: ConnectionId, reason: String) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.closing = true;
        }
        self.outputs.push_back(Output::Close { connection, reason });
    }

    /// Runs the parked requests whose keys were touched, until none is touched any more.
    pub(super) fn wake_touched(&mut self, now: Instant) {
        loop {
            self.state.answer_followers(now);
            for event in self.state.replication.news.drain(..) {
                self.journal.record(now, event);
            }
            let Some(watch) = self.state.take_touched() else {
                if self.run_released(now) || self.advance_plans(now) {
                    continue;
                }
                return;
            };
            if let Watch::Partition(topic, partition) = watch {
                self.state.notice_partition(topic, partition);
                self.state.follow::<GroupCoordinator>(now, topic, partition);
                self.state.follow_transactions(now, topic, partition);
                self.state.finish_writes(now);
            }
            for connection in self.purgatory.watching(watch) {
                let Some(waiting) = self.purgatory.remove(connection) else { continue };
                let ctx = RequestContext { now, timestamp: self.state.timestamp(now), ..waiting.ctx };
                self.resume(ctx, waiting.park, waiting.writes, Woken::Changed);
            }
            self.state.forget_reply(watch);
        }
    }
}

/// A peer's address without its port, as Java writes an address.
fn host_of(peer: &str) -> Arc<str> {
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    format!("/{}", host.trim_matches(['[', ']'])).into()
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("connections", &self.connections.len())
            .field("entries", &self.journal.entries().len())
            .finish_non_exhaustive()
    }
}
