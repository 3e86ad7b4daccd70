//! A member of a classic group.

use crate::coordinator::ClientIdentity;
use crate::coordinator::Ticket;
use crate::wire::messages::group_records::MemberMetadata;
use crate::wire::messages::join_group::JoinGroupRequest;
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;

/// A member: who it is, what it wants, what it has, and what it waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client: ClientIdentity,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// Names and metadata, the best first.
    pub(super) protocols: Vec<(Arc<str>, Bytes)>,
    pub(crate) assignment: Bytes,
    /// Its `JoinGroup` that is not answered yet.
    pub(super) join: Option<Ticket>,
    /// Its `SyncGroup` that is not answered yet.
    pub(super) sync: Option<Ticket>,
    /// Whether it has never got an answer to `JoinGroup`.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn joining(client: ClientIdentity, request: &JoinGroupRequest, ticket: Ticket) -> Self {
        Self {
            instance_id: request.group_instance_id.as_deref().map(Into::into),
            client,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: protocols_of(request),
            assignment: Bytes::new(),
            join: Some(ticket),
            sync: None,
            is_new: true,
        }
    }

    pub(super) fn of_value(protocol: &Option<ByteString>, value: &MemberMetadata) -> Self {
        let rebalance_timeout_ms =
            if value.rebalance_timeout == -1 { value.session_timeout } else { value.rebalance_timeout };
        Self {
            instance_id: value.group_instance_id.as_deref().map(Into::into),
            client: ClientIdentity { client_id: (*value.client_id).into(), host: (*value.client_host).into() },
            rebalance_timeout_ms,
            session_timeout_ms: value.session_timeout,
            protocols: protocol.iter().map(|name| ((**name).into(), value.subscription.clone())).collect(),
            assignment: value.assignment.clone(),
            join: None,
            sync: None,
            is_new: false,
        }
    }

    /// Takes over what a new `JoinGroup` says.
    pub(super) fn rejoin(&mut self, request: &JoinGroupRequest, ticket: Ticket) {
        self.protocols = protocols_of(request);
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.session_timeout_ms = request.session_timeout_ms;
        self.join = Some(ticket);
    }

    /// What it says for a protocol; empty when it does not support it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| &**name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Whether it wants exactly this already.
    pub(super) fn matches(&self, request: &JoinGroupRequest) -> bool {
        self.protocols == protocols_of(request)
    }

    /// Whether it need not send heartbeats because it waits for the coordinator. One that is new must not wait for ever.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}

/// Each protocol once; copied, so that a few bytes do not keep a frame alive.
fn protocols_of(request: &JoinGroupRequest) -> Vec<(Arc<str>, Bytes)> {
    let mut protocols: Vec<(Arc<str>, Bytes)> = Vec::with_capacity(request.protocols.len());
    for protocol in &request.protocols {
        if !protocols.iter().any(|(name, _)| **name == *protocol.name) {
            protocols.push(((*protocol.name).into(), Bytes::copy_from_slice(&protocol.metadata)));
        }
    }
    protocols
}
