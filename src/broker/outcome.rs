//! What a handler decides about a request.

use super::faults::RefusedRows;
use super::state::State;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::coordinator::Ticket;
use bytestring::ByteString;
use std::sync::Arc;

/// Who asks what of whom, and when.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// The time since the cluster's start.
    pub(crate) now: Instant,
    /// The same moment as records are stamped.
    pub(crate) timestamp: Timestamp,
    /// The connection on which the request came.
    pub(crate) connection: ConnectionId,
    /// The broker that was asked.
    pub(crate) broker: BrokerId,
    /// The version of the request.
    pub(crate) api_version: i16,
    /// What the client calls itself.
    pub(crate) client_id: Option<ByteString>,
    /// The client's host, as Kafka writes it: `/127.0.0.1`.
    pub(crate) host: Arc<str>,
    /// The partitions that a fault refuses, for handlers that refuse them among others.
    pub(crate) refused: Option<Arc<RefusedRows>>,
}

/// What a handler decides.
pub(crate) enum Outcome<R> {
    /// This answers the request.
    Reply(R),
    /// The request waits.
    Park(Park<R>),
    /// Nothing answers the request (`acks=0`).
    Silent,
    /// The connection is closed, for this reason.
    Close(&'static str),
}

/// A request that waits until a watched key changes or the time is up.
pub(crate) struct Park<R> {
    /// Any change of one of these wakes it.
    pub(crate) watch: Vec<Watch>,
    /// When it stops waiting.
    pub(crate) deadline: Instant,
    /// What to do then. A closure rather than the handler from its start, because a produce request must not
    /// append twice.
    pub(crate) resume: Resume<R>,
}

/// The rest of a handler.
pub(crate) type Resume<R> = Box<dyn FnOnce(&mut State, &RequestContext, Woken) -> Outcome<R> + Send>;

/// Why a parked request runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// A watched key changed.
    Changed,
    /// The deadline has come; it must not park again.
    Expired,
}

/// Something that a parked request can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Watch {
    /// A partition's log: records were appended, the high watermark or the leader moved, it was deleted.
    Partition(Uuid, PartitionIndex),
    /// The answer of a coordinator.
    Ticket(Ticket),
}

impl<R: 'static> Outcome<R> {
    /// Changes the type of the answer, now or later.
    pub(crate) fn map<S: 'static>(self, convert: fn(R) -> S) -> Outcome<S> {
        self.map_with(convert)
    }

    /// Goes on with the answer, now or later.
    pub(crate) fn then<S: 'static>(
        self,
        state: &mut State,
        ctx: &RequestContext,
        go_on: impl FnOnce(&mut State, &RequestContext, R) -> Outcome<S> + Send + 'static,
    ) -> Outcome<S> {
        match self {
            Self::Reply(reply) => go_on(state, ctx, reply),
            Self::Silent => Outcome::Silent,
            Self::Close(why) => Outcome::Close(why),
            Self::Park(Park { watch, deadline, resume }) => Outcome::Park(Park {
                watch,
                deadline,
                resume: Box::new(move |state, ctx, woken| resume(state, ctx, woken).then(state, ctx, go_on)),
            }),
        }
    }

    /// Changes the answer, now or later, with something that is remembered until then.
    pub(crate) fn map_with<S: 'static>(self, convert: impl FnOnce(R) -> S + Send + 'static) -> Outcome<S> {
        match self {
            Self::Reply(reply) => Outcome::Reply(convert(reply)),
            Self::Silent => Outcome::Silent,
            Self::Close(why) => Outcome::Close(why),
            Self::Park(Park { watch, deadline, resume }) => Outcome::Park(Park {
                watch,
                deadline,
                resume: Box::new(move |state, ctx, woken| resume(state, ctx, woken).map_with(convert)),
            }),
        }
    }
}
