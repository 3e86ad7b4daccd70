//! Requests and answers on their way between clients and brokers: over links that delay or keep them, to and from
//! brokers that stand still.
//!
//! As long as nothing is wrong with any link or broker, all pass at once.
//!
//! Not here: what an answer is.

use super::control::Aftermath;
use super::engine::Engine;
use super::engine::Input;
use super::engine::Output;
use super::links::Transit;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::Node;
use crate::metadata::BrokerState;
use crate::wire::Response;
use crate::wire::codec::Encoder;
use std::collections::BTreeMap;

/// What is on its way, or kept.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Whether something is wrong with a broker or a link.
    is_disturbed: bool,
    /// Requests by their time of arrival.
    travelling: BTreeMap<(Instant, u64), Input>,
    sequence: u64,
    /// Requests that do not arrive before something changes.
    kept_requests: Vec<Input>,
    /// Answers that do not leave before something changes.
    kept_outputs: Vec<Output>,
}

impl Engine {
    /// When the next request arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.gate.travelling.keys().next().map(|(at, _)| *at)
    }

    /// Lets a request pass, or keeps it until it arrives.
    pub(super) fn arrive(&mut self, now: Instant, input: Input) -> Option<Input> {
        let Input::Request { connection, body, header, .. } = &input else { return Some(input) };
        if !self.gate.is_disturbed {
            return Some(input);
        }
        let (connection, correlation_id) = (*connection, header.correlation_id);
        let Some((broker, client)) = self.ends_of(connection, &input) else { return Some(input) };
        match self.state.replication.links.send(now, &client, &Node::Broker(broker), body.len()) {
            Transit::Arrives(at) if at > now => {
                self.gate.sequence += 1;
                self.gate.travelling.insert((at, self.gate.sequence), input);
                self.note_underway(now, connection, correlation_id);
                None
            }
            Transit::Arrives(_) => self.reach(broker, input),
            Transit::Kept => {
                self.gate.kept_requests.push(input);
                self.note_underway(now, connection, correlation_id);
                None
            }
        }
    }

    /// Has a broker take a request, or keeps it while the broker stands still.
    fn reach(&mut self, broker: BrokerId, input: Input) -> Option<Input> {
        match self.state.brokers.state(broker) {
            BrokerState::Running => Some(input),
            BrokerState::Paused => {
                self.gate.kept_requests.push(input);
                None
            }
            BrokerState::Down => None,
        }
    }

    /// Takes out a request that has arrived.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Input> {
        loop {
            let entry = self.gate.travelling.first_entry().filter(|entry| entry.key().0 <= now)?;
            let input = entry.remove();
            let Input::Request { connection, .. } = &input else { continue };
            let Some((broker, _)) = self.ends_of(*connection, &input) else { continue };
            if let Some(input) = self.reach(broker, input) {
                return Some(input);
            }
        }
    }

    /// Puts an answer out, or keeps it back.
    pub(super) fn put_out(&mut self, now: Instant, mut output: Output) {
        if !self.gate.is_disturbed {
            self.outputs.push_back(output);
            return;
        }
        let (Output::Send { connection, .. } | Output::Continue { connection }) = &output else {
            self.outputs.push_back(output);
            return;
        };
        let Some(known) = self.connections.get(connection) else { return };
        let (broker, client) = (known.broker, known.client());
        if self.state.brokers.state(broker) == BrokerState::Paused {
            self.gate.kept_outputs.push(output);
            return;
        }
        if let Output::Send { response, api_version, not_before, .. } = &mut output {
            let bytes = size_of(response, *api_version);
            match self.state.replication.links.send(now, &Node::Broker(broker), &client, bytes) {
                Transit::Arrives(at) => *not_before = at.max(*not_before),
                Transit::Kept => {
                    self.gate.kept_outputs.push(output);
                    return;
                }
            }
        }
        self.outputs.push_back(output);
    }

    /// Who is at the ends of a connection on which a request comes.
    fn ends_of(&self, connection: ConnectionId, input: &Input) -> Option<(BrokerId, Node)> {
        let Input::Request { header, .. } = input else { return None };
        let broker = self.connections.get(&connection)?.broker;
        Some((broker, Node::Client(header.client_id.as_deref().unwrap_or_default().to_owned())))
    }

    /// Does what has to be done outside of the state after a command.
    pub(super) fn carry_out_aftermath(&mut self, now: Instant) {
        self.gate.is_disturbed = !self.state.is_undisturbed();
        for aftermath in std::mem::take(&mut self.state.aftermath) {
            match aftermath {
                Aftermath::Stop(broker) => {
                    self.outputs.push_back(Output::Listen { broker, is_open: false });
                    self.close_all(&format!("broker {broker} is down"), |at, _| at == broker);
                }
                Aftermath::Listen(broker) => self.outputs.push_back(Output::Listen { broker, is_open: true }),
                Aftermath::Release => self.release(now),
                Aftermath::Reset(from, to) => {
                    let is_between = |broker: BrokerId, client: &Node| {
                        let broker = Node::Broker(broker);
                        let is_of = |node: &Node| match node {
                            Node::AnyBroker | Node::AnyClient => true,
                            node => *node == broker || node == client,
                        };
                        is_of(&from) && is_of(&to)
                    };
                    self.close_all("the link was reset", is_between);
                }
            }
        }
    }

    /// Looks again at what was kept.
    fn release(&mut self, now: Instant) {
        // Those that cannot go on yet are kept again, in the same order.
        for output in std::mem::take(&mut self.gate.kept_outputs) {
            self.put_out(now, output);
        }
        for input in std::mem::take(&mut self.gate.kept_requests) {
            if let Some(input) = self.arrive(now, input) {
                self.take_request(now, input);
            }
        }
    }

    /// Closes connections, chosen by their broker and client.
    fn close_all(&mut self, reason: &str, is_chosen: impl Fn(BrokerId, &Node) -> bool) {
        let chosen = self.connections.iter().filter(|(_, known)| is_chosen(known.broker, &known.client()));
        let chosen: Vec<ConnectionId> = chosen.map(|(connection, _)| *connection).collect();
        for connection in chosen {
            self.purgatory.remove(connection);
            self.close(connection, reason.to_owned());
        }
        self.gate.kept_outputs.retain(|output| {
            let (Output::Send { connection, .. } | Output::Continue { connection }) = output else { return true };
            self.connections.get(connection).is_some_and(|known| !known.closing)
        });
    }
}

fn size_of(response: &Response, api_version: i16) -> usize {
    let mut encoder = Encoder::counting();
    // What cannot be written is not sent either.
    response.encode(&mut encoder, api_version).map_or(0, |()| encoder.len())
}
