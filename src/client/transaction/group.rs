//! Whose offsets a transaction stores, and which.
//!
//! Not here: the group itself.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use bytestring::ByteString;

/// What a member of a group proves with that it still is one, so that a coordinator can refuse a zombie (KIP-447).
/// ```
/// use rehearsal::client::GroupMetadata;
///
/// // Of nobody in the group: only for offsets that no running group looks after.
/// let outside = GroupMetadata::new("copiers");
/// assert_eq!((outside.generation_id, &*outside.member_id), (-1, ""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group_id: ByteString,
    /// The generation, or the member's epoch; -1 for nobody in the group.
    pub generation_id: i32,
    /// The member; empty for nobody in the group.
    pub member_id: ByteString,
    /// The member's own name, if it has one.
    pub group_instance_id: Option<ByteString>,
}

impl GroupMetadata {
    /// Names a group without being a member of it: then nothing fences a zombie but its transactional id.
    pub fn new(group_id: impl Into<ByteString>) -> Self {
        Self { group_id: group_id.into(), generation_id: -1, member_id: ByteString::new(), group_instance_id: None }
    }

    pub(super) fn is_member(&self) -> bool {
        self.generation_id >= 0 || !self.member_id.is_empty()
    }
}

/// Where a group goes on in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to process: one above the last one that was processed.
    pub offset: Offset,
    /// The epoch of the leader that appended the record before; `NONE` if it is not known.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the group wants to remember.
    pub metadata: ByteString,
}

impl From<Offset> for OffsetAndMetadata {
    fn from(offset: Offset) -> Self {
        Self { offset, leader_epoch: LeaderEpoch::NONE, metadata: ByteString::new() }
    }
}
