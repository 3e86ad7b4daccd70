//! What both kinds of membership have in common: what they are told to be, and what they say is to be done.
//!
//! Not here: what either does when; nor a clock.

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::metadata::Metadata;
use super::super::mutant::Mutants;
use super::assignor::Assignor;
use super::assignor::GroupMember;
use super::classic::Classic;
use super::consumer::NewMember;
use crate::base::ErrorCode;
use crate::base::Rng;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::heartbeat::HeartbeatResponse;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::join_group::JoinGroupResponse;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::sync_group::SyncGroupResponse;
use bytestring::ByteString;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How a member behaves in its group.
#[derive(Clone, Debug)]
pub(in crate::client) struct GroupConfig {
    pub(in crate::client) group_id: ByteString,
    pub(in crate::client) instance_id: Option<ByteString>,
    pub(in crate::client) rack: Option<ByteString>,
    pub(in crate::client) protocol: GroupProtocol,
    pub(in crate::client) session_timeout: Duration,
    pub(in crate::client) heartbeat_interval: Duration,
    /// As long may the user keep a rebalance waiting, and do without asking for records.
    pub(in crate::client) poll_interval_max: Duration,
    pub(in crate::client) assignors: Vec<Arc<dyn Assignor>>,
    /// `group.remote.assignor`.
    pub(in crate::client) server_assignor: Option<ByteString>,
    pub(in crate::client) on_close: OnClose,
    pub(in crate::client) retry_backoff: (Duration, Duration),
    pub(in crate::client) mutants: Mutants,
}

/// How members and coordinator speak to each other: `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupProtocol {
    /// A member that is elected assigns; in each rebalance all members join again.
    #[default]
    Classic,
    /// The coordinator assigns, and tells each member what changes for it (KIP-848).
    Consumer,
}

/// Whether a member leaves its group when its consumer is closed or dropped (KIP-1092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnClose {
    /// Static members stay, as they are expected back; others leave.
    #[default]
    Default,
    /// It leaves.
    LeaveGroup,
    /// It stays until its session times out.
    RemainInGroup,
}

/// What a member subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Wanted {
    pub(in crate::client) topics: BTreeSet<TopicName>,
    /// A pattern for the coordinator to match (KIP-848); otherwise `topics` has what matches.
    pub(in crate::client) regex: Option<ByteString>,
}

/// What the user is to own from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Target {
    /// What is said when it is so.
    pub(in crate::client) id: u64,
    pub(in crate::client) partitions: BTreeSet<TopicPartition>,
    /// Whether what is owned now may be somebody else's already.
    pub(in crate::client) lost: bool,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(in crate::client) enum Action {
    Join(JoinGroupRequest),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    ConsumerHeartbeat(ConsumerGroupHeartbeatRequest),
    /// Nobody waits for the answer.
    Leave(Departure),
    /// The topics of all these members have to be known; then the leader can go on.
    Assign(Vec<GroupMember>),
    /// The topics that belong to these ids have to be known.
    Resolve(BTreeSet<Uuid>),
    Own(Target),
    /// It is over, until the user subscribes anew.
    Fail(Error),
}

/// How a member takes its leave.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::client) enum Departure {
    Classic(LeaveGroupRequest),
    Consumer(ConsumerGroupHeartbeatRequest),
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// What came of an action.
#[derive(Debug)]
pub(in crate::client) enum Answer {
    Joined(Result<JoinGroupResponse, Error>),
    Synced(Result<SyncGroupResponse, Error>),
    Heartbeat(Result<HeartbeatResponse, Error>),
    ConsumerHeartbeat(Result<ConsumerGroupHeartbeatResponse, Error>),
}

/// As whom a member commits: its id, and its generation or epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Identity {
    pub(in crate::client) member_id: ByteString,
    /// -1 for those who are not in the group.
    pub(in crate::client) generation: i32,
}

/// A membership of either kind.
#[derive(Debug)]
pub(in crate::client) enum Membership {
    Classic(Classic),
    Consumer(NewMember),
}

macro_rules! either {
    ($self:expr, $member:ident => $body:expr) => {
        match $self {
            Membership::Classic($member) => $body,
            Membership::Consumer($member) => $body,
        }
    };
}

impl Membership {
    pub(in crate::client) fn new(config: &Arc<GroupConfig>, now: Instant, mut rng: Rng) -> Self {
        match config.protocol {
            GroupProtocol::Classic => Self::Classic(Classic::new(Arc::clone(config), now, rng)),
            GroupProtocol::Consumer => {
                let mut member_id = [0; 16];
                member_id[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
                member_id[8..].copy_from_slice(&rng.next_u64().to_be_bytes());
                Self::Consumer(NewMember::new(Arc::clone(config), Uuid(member_id), now, rng))
            }
        }
    }

    /// What is to be done now. To be asked again until there is nothing.
    pub(in crate::client) fn poll(&mut self, now: Instant) -> Option<Action> {
        either!(self, member => member.poll(now))
    }

    /// When to ask again even if nothing happens.
    pub(in crate::client) fn timeout(&self) -> Option<Instant> {
        either!(self, member => member.timeout())
    }

    pub(in crate::client) fn on_answer(&mut self, now: Instant, answer: Answer) {
        match (self, answer) {
            (Self::Classic(member), Answer::Joined(result)) => member.on_joined(now, result),
            (Self::Classic(member), Answer::Synced(result)) => member.on_synced(now, result),
            (Self::Classic(member), Answer::Heartbeat(result)) => member.on_heartbeat(now, result),
            (Self::Consumer(member), Answer::ConsumerHeartbeat(result)) => member.on_heartbeat(now, result),
            (_, answer) => tracing::error!(?answer, "an answer to nothing that was asked"),
        }
    }

    /// Something is known that was not, or has changed.
    pub(in crate::client) fn on_metadata(&mut self, now: Instant, metadata: &Metadata) {
        either!(self, member => member.on_metadata(now, metadata));
    }

    /// What was asked for by `Assign` or `Resolve` is known, as far as it can be.
    pub(in crate::client) fn on_resolved(&mut self, now: Instant, metadata: &Metadata) {
        match self {
            Self::Classic(member) => member.on_resolved(metadata),
            Self::Consumer(member) => member.on_metadata(now, metadata),
        }
    }

    /// The user owns what it was told to.
    pub(in crate::client) fn on_owned(&mut self, now: Instant, id: u64) {
        either!(self, member => member.on_owned(now, id));
    }

    /// The user subscribes to something else.
    pub(in crate::client) fn on_wanted(&mut self, now: Instant, wanted: Wanted) {
        either!(self, member => member.on_wanted(now, wanted));
    }

    /// The user has not asked for records for too long.
    pub(in crate::client) fn on_poll_expired(&mut self) {
        either!(self, member => member.on_poll_expired());
    }

    /// A commit was refused to the one who is named.
    pub(in crate::client) fn on_commit_refused(&mut self, identity: &Identity, code: ErrorCode) {
        match self {
            Self::Classic(member) => member.on_commit_refused(identity, code),
            // The next heartbeat will be told the same.
            Self::Consumer(_) => {}
        }
    }

    /// Ends the membership; the user has given everything up.
    pub(in crate::client) fn leave(&mut self, on_close: OnClose) -> Option<Departure> {
        either!(self, member => member.leave(on_close))
    }

    pub(in crate::client) fn identity(&self) -> Identity {
        either!(self, member => member.identity())
    }
}
