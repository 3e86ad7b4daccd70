//! What a test does to a group that is coordinated here.
//!
//! Not here: what clients ask for.

use super::Decision;
use super::GroupCoordinator;
use super::Moment;
use super::group::GroupState;
use crate::base::ErrorCode;

impl GroupCoordinator {
    /// Makes the members of a group join anew, unless they are doing so already.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `UNKNOWN_MEMBER_ID` when nobody is in it.
    pub(crate) fn rebalance(&mut self, at: &Moment<'_>, group: &str) -> Result<Decision, ErrorCode> {
        let mut decision = Decision::default();
        if let Some(result) = self.with_consumers(group, at, &mut decision, |consumers| consumers.assign_anew()) {
            return result.map(|()| decision);
        }
        let found = self.with(group, at, &mut decision, |rebalance| match rebalance.group.state() {
            GroupState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => Ok(()),
            _ => {
                rebalance.prepare();
                Ok(())
            }
        });
        found.unwrap_or(Err(ErrorCode::GROUP_ID_NOT_FOUND)).map(|()| decision)
    }

    /// Takes a member out of a group as if its session had timed out.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `UNKNOWN_MEMBER_ID`.
    pub(crate) fn expire_member(
        &mut self,
        at: &Moment<'_>,
        group: &str,
        member_id: &str,
    ) -> Result<Decision, ErrorCode> {
        let mut decision = Decision::default();
        if let Some(result) = self.with_consumers(group, at, &mut decision, |consumers| consumers.expire(member_id)) {
            return result.map(|()| decision);
        }
        let found = self.with(group, at, &mut decision, |rebalance| {
            rebalance.group.members().find(|(id, _)| *id == member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            rebalance.expire(member_id);
            Ok(())
        });
        found.unwrap_or(Err(ErrorCode::GROUP_ID_NOT_FOUND)).map(|()| decision)
    }
}
