//! What a transaction that stores a consumer's offsets asks of it: as whom, and what it has to be like.
//!
//! Not here: the transaction.

use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::lock;
use super::super::transaction::GroupMetadata;
use super::Consumer;
use super::IsolationLevel;
use crate::base::ErrorCode;
use crate::wire::ApiKey;

impl Consumer {
    /// As what the group knows this consumer now: with it a transaction can store offsets of partitions that are this
    /// consumer's, and a coordinator refuses it once they are somebody else's.
    ///
    /// A consumer that assigns partitions to itself is no member, and nothing but the transactional id fences it.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group; [`Error::Broker`] with `UNKNOWN_MEMBER_ID` as long as a subscribed consumer
    /// is no member, or has lost partitions and does not know it yet: what it read of them must not count.
    pub fn group_metadata(&self) -> Result<GroupMetadata> {
        let group = &self.shared.settings.group;
        let Some(subscribed) = self.is_subscribed() else {
            return Err(Error::Invalid("a consumer needs a group_id to store offsets".to_owned()));
        };
        let outside = GroupMetadata::new(group.group_id.clone());
        if !subscribed {
            return Ok(outside);
        }
        let state = lock(&self.shared.state);
        let targets = [self.target.as_ref(), state.attention.target.as_ref()];
        let lost = targets.into_iter().flatten().any(|target| target.lost);
        let identity = &state.attention.identity;
        if lost || identity.generation < 0 || identity.member_id.is_empty() {
            return Err(Error::broker(ErrorCode::UNKNOWN_MEMBER_ID, ApiKey::TxnOffsetCommit));
        }
        Ok(GroupMetadata {
            generation_id: identity.generation,
            member_id: identity.member_id.clone(),
            group_instance_id: group.instance_id.clone(),
            ..outside
        })
    }

    /// Why a transaction cannot rely on this consumer, if it cannot.
    pub(in crate::client) fn check_transactional(&self) -> Result<()> {
        let settings = &self.shared.settings;
        let refuse = |words: &str| Err(Error::Invalid(words.to_owned()));
        if self.is_subscribed().is_none() {
            return refuse("a consumer whose offsets go with a transaction needs a group_id");
        }
        if settings.auto_commit.is_some() {
            return refuse("a consumer whose offsets go with a transaction must not commit by itself");
        }
        if settings.isolation != IsolationLevel::ReadCommitted {
            return refuse("a consumer whose offsets go with a transaction has to read committed records only");
        }
        Ok(())
    }
}
