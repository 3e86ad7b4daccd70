//! Group coordinators: who is in a group, who gets what, and how far each group has read.
//!
//! A coordinator decides and returns data: records to append, and answers to requests that waited. Its state is a fold
//! of its records, so that moving it is replaying them.
//!
//! Not here: logs and connections. `broker::effects` appends the records, tells the coordinator what came of it, and
//! hands out the answers.

mod consumer_groups;
mod group;
mod group_coordinator;
mod offsets;
mod records;
mod steering;
mod subscribed;
mod timers;
mod txn;

pub(crate) use group::Assignor;
pub(crate) use group::ClassicGroup;
pub(crate) use group::ConsumerGroup;
pub(crate) use group::ConsumerMember;
pub use group::GroupState;
pub(crate) use group::Heartbeat;
pub(crate) use group::Joining;
pub(crate) use group::Member;
pub(crate) use group::Partitions;
pub(crate) use group::of_consumer;
pub(crate) use group_coordinator::GroupCoordinator;
pub(crate) use group_coordinator::partition_of;
pub(crate) use offsets::OffsetAndMetadata;
pub(crate) use records::CoordinatorRecord;
pub(crate) use subscribed::SubscribableTopic;
pub(crate) use subscribed::TopicsImage;
pub(crate) use txn::Appending;
pub(crate) use txn::Markers;
pub(crate) use txn::Producer;
pub(crate) use txn::TopicPartition;
pub(crate) use txn::Transaction;
pub(crate) use txn::TransactionCoordinator;
pub(crate) use txn::TransactionMetadata;
pub(crate) use txn::TransactionRecord;
pub use txn::TransactionState;
pub(crate) use txn::TxnEffect;
pub(crate) use txn::TxnMoment;
pub(crate) use txn::TxnReply;

use crate::base::BrokerMutants;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Timestamp;
use crate::config::BrokerConfig;
use crate::config::Overrides;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::sync_group::SyncGroupResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A request that waits for a coordinator's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// The answer to a request that waited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Txn(TxnReply),
}

/// Something to be done for a coordinator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Answer the request with this ticket.
    Complete(Ticket, Reply),
}

/// What a coordinator is told with everything it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Instant,
    pub(crate) timestamp: Timestamp,
    /// The configuration of the coordinator's broker.
    pub(crate) config: &'a BrokerConfig,
    /// What is set on groups, by their ids.
    pub(crate) group_configs: &'a BTreeMap<String, Overrides>,
    pub(crate) topics: &'a TopicsImage,
    /// What is wrong with the broker on purpose.
    pub(crate) mutants: BrokerMutants,
}

/// Why a coordinator does not do what it is asked to, where a client is told in words too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, "")
    }
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientIdentity {
    pub(crate) client_id: Arc<str>,
    /// As Kafka writes it: `/127.0.0.1`.
    pub(crate) host: Arc<str>,
}

/// What a coordinator has decided.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// To be appended to the coordinator's partition, all or none.
    pub(crate) records: Vec<CoordinatorRecord>,
    /// To be done at once.
    pub(crate) effects: Vec<Effect>,
    /// What the coordinator wants to be told when the records are appended, or could not be.
    pub(crate) then: Option<Then>,
}

impl Decision {
    pub(crate) fn join(&mut self, ticket: Ticket, response: JoinGroupResponse) {
        self.effects.push(Effect::Complete(ticket, Reply::Join(response)));
    }

    pub(crate) fn sync(&mut self, ticket: Ticket, response: SyncGroupResponse) {
        self.effects.push(Effect::Complete(ticket, Reply::Sync(response)));
    }

    pub(crate) fn refuse_join(&mut self, ticket: Ticket, member_id: &str, code: ErrorCode) {
        self.join(ticket, group::refused_join(member_id, code));
    }

    pub(crate) fn refuse_sync(&mut self, ticket: Ticket, code: ErrorCode) {
        self.sync(ticket, SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() });
    }
}

/// How a decision goes on once its records are in the log.
#[derive(Debug)]
pub(crate) enum Then {
    /// The leader's assignment becomes the group's.
    Assign { group: Arc<str>, generation: i32, assignments: group::Assignments },
    /// A static member has come back in place of its former self.
    Replaced(Box<group::Replaced>),
    /// The regular expressions of a consumer group are to be looked at.
    Resolve(Arc<str>),
    /// A consumer group becomes a classic one.
    Downgraded(Box<group::Downgraded>),
    /// A member of the classic protocol has joined a consumer group.
    ClassicJoined(Box<group::ClassicJoined>),
}
