//! Requests that wait, by what they wait for and until when.

use super::outcome::Park;
use super::outcome::RequestContext;
use super::outcome::Watch;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::wire::Request;
use crate::wire::Response;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A waiting request with what is needed to answer it.
pub(super) struct Waiting {
    pub(super) ctx: RequestContext,
    pub(super) park: Park<Response>,
    /// The request, if its handler has a coordinator write something yet.
    pub(super) writes: Option<Request>,
}

/// All waiting requests; at most one per connection.
#[derive(Default)]
pub(super) struct Purgatory {
    /// In boxes: a node of the tree is moved with every request that comes or goes.
    waiting: BTreeMap<ConnectionId, Box<Waiting>>,
    watchers: BTreeMap<Watch, BTreeSet<ConnectionId>>,
    deadlines: BTreeSet<(Instant, ConnectionId)>,
}

impl Purgatory {
    pub(super) fn insert(&mut self, ctx: RequestContext, park: Park<Response>, writes: Option<Request>) {
        let connection = ctx.connection;
        for watch in &park.watch {
            self.watchers.entry(*watch).or_default().insert(connection);
        }
        self.deadlines.insert((park.deadline, connection));
        let before = self.waiting.insert(connection, Box::new(Waiting { ctx, park, writes }));
        assert!(before.is_none(), "a connection has one request at a time");
    }

    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Box<Waiting>> {
        let waiting = self.waiting.remove(&connection)?;
        for watch in &waiting.park.watch {
            if let Some(connections) = self.watchers.get_mut(watch) {
                connections.remove(&connection);
                if connections.is_empty() {
                    self.watchers.remove(watch);
                }
            }
        }
        self.deadlines.remove(&(waiting.park.deadline, connection));
        Some(waiting)
    }

    /// The connections whose requests wait for `watch`, in order of acceptance.
    pub(super) fn watching(&self, watch: Watch) -> Vec<ConnectionId> {
        self.watchers.get(&watch).map(|connections| connections.iter().copied().collect()).unwrap_or_default()
    }

    /// The next deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out a request whose deadline has come.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Box<Waiting>> {
        let (deadline, connection) = *self.deadlines.first()?;
        if deadline > now { None } else { self.remove(connection) }
    }
}
