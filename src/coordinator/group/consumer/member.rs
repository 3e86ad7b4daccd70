//! A member of a consumer group: who it is, what it wants, what it has.

use crate::base::PartitionIndex;
use crate::coordinator::ClientIdentity;
use crate::coordinator::group::assignor::Partitions;
use crate::wire::codec::Message;
use crate::wire::codec::TaggedFields;
use crate::wire::messages::group_records::ClassicMemberMetadata;
use crate::wire::messages::group_records::ClassicProtocol;
use crate::wire::messages::group_records::ConsumerGroupCurrentMemberAssignmentValue;
use crate::wire::messages::group_records::ConsumerGroupMemberMetadataValue;
use crate::wire::messages::group_records::TopicPartitions;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;
use bytestring::ByteString;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tag of what a member of the classic protocol has said.
const CLASSIC_TAG: u32 = 0;

/// How far a member is on its way to what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what its epoch says.
    Stable,
    /// It has to give partitions up before it goes on.
    UnrevokedPartitions,
    /// It waits for partitions that others have not given up yet.
    UnreleasedPartitions,
    /// Written by a release that is not known here.
    Unknown,
}

impl MemberState {
    fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    fn of_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// What a member of the classic protocol has said beside what the record has a place for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Classic {
    pub(crate) session_timeout_ms: i32,
    /// Names and metadata, the best first.
    pub(crate) protocols: Vec<(Arc<str>, Bytes)>,
}

impl Classic {
    pub(crate) fn new(session_timeout_ms: i32, protocols: &[JoinGroupRequestProtocol]) -> Self {
        let protocols = protocols.iter();
        let protocols = protocols.map(|row| ((*row.name).into(), Bytes::copy_from_slice(&row.metadata)));
        Self { session_timeout_ms, protocols: protocols.collect() }
    }

    /// A byte that says that it is there, and what it is.
    fn to_tagged(&self) -> Bytes {
        let value = ClassicMemberMetadata {
            session_timeout_ms: self.session_timeout_ms,
            supported_protocols: self.protocols.iter().map(to_protocol).collect(),
            ..ClassicMemberMetadata::default()
        };
        let mut bytes = BytesMut::new();
        bytes.put_u8(1);
        // Its texts came in a request, where they had to be as short.
        bytes.put(value.to_bytes(0).unwrap_or_default());
        bytes.freeze()
    }

    fn of_tagged(bytes: &Bytes) -> Option<Self> {
        let rest = bytes.strip_prefix(&[1])?;
        let value = ClassicMemberMetadata::from_bytes(Bytes::copy_from_slice(rest), 0).ok()?;
        let protocols = value.supported_protocols.iter();
        let protocols = protocols.map(|row| ((*row.name).into(), row.metadata.clone())).collect();
        Some(Self { session_timeout_ms: value.session_timeout_ms, protocols })
    }

    /// The protocol it likes best.
    pub(crate) fn protocol(&self) -> Option<&(Arc<str>, Bytes)> {
        self.protocols.first()
    }
}

/// A member; cheap to clone, as each change makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConsumerMember {
    pub(crate) id: Arc<str>,
    /// The epoch in which it is; -2 while a static member is away.
    pub(crate) epoch: i32,
    /// The epoch before, with which a member may come that did not get the last answer.
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) rack_id: Option<Arc<str>>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) client: ClientIdentity,
    pub(crate) topics: Arc<BTreeSet<Arc<str>>>,
    /// A regular expression for topics; empty for none.
    pub(crate) regex: Arc<str>,
    /// The assignor that it would like.
    pub(crate) assignor: Option<Arc<str>>,
    pub(crate) assigned: Arc<Partitions>,
    pub(crate) revoking: Arc<Partitions>,
    /// There when it speaks the classic protocol.
    pub(crate) classic: Option<Arc<Classic>>,
}

impl ConsumerMember {
    /// A member of which nothing is known yet.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client: ClientIdentity { client_id: "".into(), host: "".into() },
            topics: Arc::default(),
            regex: "".into(),
            assignor: None,
            assigned: Arc::default(),
            revoking: Arc::default(),
            classic: None,
        }
    }

    /// Whether it has what the target of an epoch gives it.
    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// What it may be reading: what it has, and what it has been told to give up.
    pub(crate) fn held(&self) -> Arc<Partitions> {
        if self.revoking.is_empty() {
            return Arc::clone(&self.assigned);
        }
        let mut held = Partitions::clone(&self.assigned);
        for (topic, indexes) in self.revoking.iter() {
            held.entry(*topic).or_default().extend(indexes);
        }
        Arc::new(held)
    }

    /// Goes on to an epoch, or stays in it: the one before is the one it comes from.
    pub(crate) fn move_to(&mut self, epoch: i32) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    pub(super) fn to_metadata(&self) -> ConsumerGroupMemberMetadataValue {
        let optional = |text: &Option<Arc<str>>| text.as_deref().map(ByteString::from);
        let mut tagged = TaggedFields::default();
        tagged.push(CLASSIC_TAG, self.classic.as_deref().map_or_else(|| Bytes::from_static(&[0]), Classic::to_tagged));
        ConsumerGroupMemberMetadataValue {
            instance_id: optional(&self.instance_id),
            rack_id: optional(&self.rack_id),
            client_id: (*self.client.client_id).into(),
            client_host: (*self.client.host).into(),
            subscribed_topic_names: self.topics.iter().map(|name| (**name).into()).collect(),
            subscribed_topic_regex: Some((*self.regex).into()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: optional(&self.assignor),
            unknown_tagged_fields: tagged,
        }
    }

    /// Takes over what a record says of who it is and what it wants.
    pub(super) fn take_metadata(&mut self, value: &ConsumerGroupMemberMetadataValue) {
        let optional = |text: &Option<ByteString>| text.as_deref().map(Into::into);
        self.instance_id = optional(&value.instance_id);
        self.rack_id = optional(&value.rack_id);
        self.client = ClientIdentity { client_id: (*value.client_id).into(), host: (*value.client_host).into() };
        self.topics = Arc::new(value.subscribed_topic_names.iter().map(|name| (**name).into()).collect());
        self.regex = value.subscribed_topic_regex.as_deref().unwrap_or_default().into();
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.assignor = optional(&value.server_assignor);
        let tagged = value.unknown_tagged_fields.iter().find(|(tag, _)| *tag == CLASSIC_TAG);
        self.classic = tagged.and_then(|(_, bytes)| Classic::of_tagged(bytes)).map(Arc::new);
    }

    pub(super) fn to_assignment(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: to_rows(&self.assigned),
            partitions_pending_revocation: to_rows(&self.revoking),
            ..ConsumerGroupCurrentMemberAssignmentValue::default()
        }
    }

    /// Takes over what a record says of what it has; nothing when the record is a tombstone.
    pub(super) fn take_assignment(&mut self, value: Option<&ConsumerGroupCurrentMemberAssignmentValue>) {
        let Some(value) = value else {
            (self.epoch, self.previous_epoch) = (-1, -1);
            (self.assigned, self.revoking) = (Arc::default(), Arc::default());
            return;
        };
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::of_code(value.state);
        self.assigned = Arc::new(of_rows(&value.assigned_partitions));
        self.revoking = Arc::new(of_rows(&value.partitions_pending_revocation));
    }
}

fn to_protocol((name, metadata): &(Arc<str>, Bytes)) -> ClassicProtocol {
    ClassicProtocol { name: (**name).into(), metadata: metadata.clone(), ..ClassicProtocol::default() }
}

/// Partitions as records have them.
pub(super) fn to_rows(partitions: &Partitions) -> Vec<TopicPartitions> {
    let rows = partitions.iter().map(|(topic_id, indexes)| TopicPartitions {
        topic_id: *topic_id,
        partitions: indexes.iter().map(|index| index.0).collect(),
        ..TopicPartitions::default()
    });
    rows.collect()
}

pub(super) fn of_rows(rows: &[TopicPartitions]) -> Partitions {
    let mut partitions = Partitions::new();
    for row in rows.iter().filter(|row| !row.partitions.is_empty()) {
        partitions.entry(row.topic_id).or_default().extend(row.partitions.iter().copied().map(PartitionIndex));
    }
    partitions
}
