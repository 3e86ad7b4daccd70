//! What group coordinators write counts when it is replicated: until then, nobody is told that it was done.
//!
//! Not here: transaction coordinators, whose answers always wait; and replication. Where followers keep up, all of this is over before an answer is made.
//!
//! Source: `CoordinatorRuntime` of Apache Kafka, which completes an operation when the high watermark has passed it, and
//! gives up after `offsets.commit.timeout.ms`.

use super::api;
use super::outcome::Outcome;
use super::outcome::Park;
use super::outcome::Watch;
use super::outcome::Woken;
use super::state::State;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::Then;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::Response;

/// Records of a coordinator that not all of the ISR hold yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    topic: Uuid,
    partition: PartitionIndex,
    leader_epoch: LeaderEpoch,
    last_offset: Offset,
    deadline: Instant,
}

/// A decision that goes on when its records are replicated.
pub(super) struct Unfinished {
    write: Write,
    then: Then,
}

/// Whether handlers of an API have group coordinators write records and answer at once.
pub(super) const fn writes(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::OffsetCommit
            | ApiKey::LeaveGroup
            | ApiKey::DeleteGroups
            | ApiKey::OffsetDelete
            | ApiKey::ConsumerGroupHeartbeat
            | ApiKey::TxnOffsetCommit
    )
}

impl State {
    /// Notes what a coordinator has just appended, if it is not replicated yet.
    pub(super) fn note_write(&mut self, now: Instant, topic: Uuid, partition: PartitionIndex, last_offset: Offset) {
        let Some(log) = self.find_partition(topic, partition) else { return };
        let deadline = now.plus_ms(self.settings.broker(log.leader()).offsets_commit_timeout_ms.into());
        let write = Write { topic, partition, leader_epoch: log.leader_epoch(), last_offset, deadline };
        self.coordinator_write = (log.high_watermark() <= last_offset).then_some(write);
    }

    /// What has become of a write; `None` while that is open.
    fn written(&self, write: &Write) -> Option<Result<(), ErrorCode>> {
        match self.find_partition(write.topic, write.partition) {
            Some(log) if log.leader_epoch() == write.leader_epoch => {
                (log.high_watermark() > write.last_offset).then_some(Ok(()))
            }
            _ => Some(Err(ErrorCode::NOT_COORDINATOR)),
        }
    }

    /// Gives an answer when what it is about is replicated, and refuses when that takes too long or can no longer be.
    pub(super) fn once_replicated(&self, write: Write, request: Request, response: Response) -> Outcome<Response> {
        let refuse = move |request: &Request, code| {
            api::refuse(request, code).map_or(Outcome::Close("a coordinator's API cannot be refused"), Outcome::Reply)
        };
        match self.written(&write) {
            Some(Ok(())) => Outcome::Reply(response),
            Some(Err(code)) => refuse(&request, code),
            None => Outcome::Park(Park {
                watch: vec![Watch::Partition(write.topic, write.partition)],
                deadline: write.deadline,
                resume: Box::new(move |state, _, woken| match woken {
                    Woken::Expired => refuse(&request, ErrorCode::COORDINATOR_NOT_AVAILABLE),
                    Woken::Changed => state.once_replicated(write, request, response),
                }),
            }),
        }
    }

    /// Puts off what a coordinator does next until its records are replicated; gives it back when nobody need wait.
    pub(super) fn put_off(&mut self, partition: PartitionIndex, then: Then) -> Option<Then> {
        // What others decide on needs no answer of its own: those who ask wait for themselves.
        if !matches!(then, Then::Assign { .. } | Then::Replaced(_)) {
            return Some(then);
        }
        match self.coordinator_write {
            Some(write) if write.partition == partition => {
                self.unfinished.push(Unfinished { write, then });
                None
            }
            _ => Some(then),
        }
    }

    /// Goes on with what waited for a partition, or for too long.
    pub(super) fn finish_writes(&mut self, now: Instant) {
        let mut at = 0;
        while let Some(Unfinished { write, .. }) = self.unfinished.get(at) {
            let write = *write;
            let late = (write.deadline <= now).then_some(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
            let Some(result) = self.written(&write).or(late) else {
                at += 1;
                continue;
            };
            let Unfinished { then, .. } = self.unfinished.remove(at);
            // Those who waited for a coordinator that is gone have been told so.
            if result != Err(ErrorCode::NOT_COORDINATOR) {
                if let Some((coordinator, moment)) = self.coordinator_at::<GroupCoordinator>(now, write.partition) {
                    let decision = coordinator.on_appended(&moment, then, result);
                    self.carry_out_at(now, write.partition, decision);
                    self.notice_groups_at(write.partition);
                }
            }
        }
    }

    /// When the first of those who wait has waited for too long.
    pub(super) fn next_unfinished(&self) -> Option<Instant> {
        self.unfinished.iter().map(|unfinished| unfinished.write.deadline).min()
    }
}
