//! What a test does to transactions and their coordinators without a client.
//!
//! Not here: what becomes of a transaction then; it goes on as after the same event in a real cluster.

use super::engine::Engine;
use super::outcome::Watch;
use super::topics::Refusal;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::TransactionAction;
use crate::base::Uuid;
use crate::coordinator::TransactionCoordinator;
use crate::coordinator::TransactionState;
use std::time::Duration;

/// The epoch before the last one that a producer gets.
const LAST_BUT_ONE: ProducerEpoch = ProducerEpoch(i16::MAX - 2);
/// The time-out of transactions of an id that a test makes, in milliseconds: the producers' default.
const TIMEOUT_MS: i32 = 60_000;

impl Engine {
    /// Does something to a transactional id or its coordinator.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such id, it is not in a state for this, or there is nobody to coordinate it.
    pub fn act_on_transaction(&mut self, now: Instant, id: &str, action: TransactionAction) -> Result<(), Refusal> {
        self.note(now, || format!("transaction {id}: {action}"));
        let done = match action {
            TransactionAction::TimeOut => self.time_out(now, id),
            TransactionAction::Fence => self.fence(now, id),
            TransactionAction::ExhaustEpoch => self.exhaust_epoch(now, id),
            TransactionAction::MoveCoordinator { broker } => self.move_transaction_coordinator(id, broker),
            TransactionAction::UnloadCoordinator => self.transactions_partition(id).map(|(topic, partition)| {
                self.state.unseat::<TransactionCoordinator>(now, partition);
                self.state.follow_transactions(now, topic, partition);
            }),
        };
        self.wake_touched(now);
        done
    }

    /// Keeps the markers of all transactions from arriving, until every hold is released.
    pub fn hold_markers(&mut self, now: Instant) {
        self.note(now, || "hold markers".to_owned());
        self.state.hold_markers(now, true);
    }

    /// Releases a hold: when it is the last one, markers arrive.
    pub fn release_markers(&mut self, now: Instant) {
        self.note(now, || "release markers".to_owned());
        self.state.hold_markers(now, false);
        self.wake_touched(now);
    }

    /// Holds markers or lets them go as commands do, of which the last one counts, beside the holds of tests.
    pub(super) fn hold_markers_by_command(&mut self, now: Instant, hold: bool) {
        self.note(now, || if hold { "hold markers" } else { "release markers" }.to_owned());
        self.state.hold_markers_by_command(now, hold);
        self.wake_touched(now);
    }

    /// Sets how long markers travel, for those that are sent from now on. No time at all unless told otherwise.
    pub fn set_marker_delay(&mut self, now: Instant, delay: Duration) {
        self.note(now, || format!("markers take {delay:?}"));
        self.state.delay_markers(delay);
    }

    fn time_out(&mut self, now: Instant, id: &str) -> Result<(), Refusal> {
        let is_open = self.transaction(id).map(|found| found.state == TransactionState::Ongoing);
        match is_open {
            None => return Err(unknown(id)),
            Some(false) => {
                let message = format!("transaction {id} is not open");
                return Err(Refusal::new(ErrorCode::INVALID_TXN_STATE, message));
            }
            Some(true) => {}
        }
        self.steer_transaction(now, id, |state, broker| {
            state.ask_transaction(now, broker, id, |coordinator, at, _| coordinator.abort_as_timed_out(at, id))
        })
    }

    fn fence(&mut self, now: Instant, id: &str) -> Result<(), Refusal> {
        let before = self.transaction(id).ok_or_else(|| unknown(id))?;
        // The first time aborts what is open, as a producer's first attempt does.
        let times = if before.state == TransactionState::Ongoing { 2 } else { 1 };
        for _ in 0..times {
            self.steer_transaction(now, id, |state, broker| {
                state.ask_transaction(now, broker, id, |coordinator, at, ticket| {
                    coordinator.init_producer_id(at, id, before.timeout_ms, None, ticket)
                })
            })?;
        }
        Ok(())
    }

    fn exhaust_epoch(&mut self, now: Instant, id: &str) -> Result<(), Refusal> {
        self.transactions_partition(id)?;
        if let Some(found) = self.transaction(id).filter(|found| !found.state.is_complete()) {
            let message = format!("transaction {id} is in state {}", found.state);
            return Err(Refusal::new(ErrorCode::INVALID_TXN_STATE, message));
        }
        self.steer_transaction(now, id, |state, broker| {
            state.ask_transaction(now, broker, id, |coordinator, at, ticket| {
                coordinator.set_epoch(at, id, LAST_BUT_ONE, TIMEOUT_MS, ticket)
            })
        })
    }

    fn steer_transaction(
        &mut self,
        now: Instant,
        id: &str,
        ask: impl FnOnce(&mut super::state::State, BrokerId) -> Result<crate::coordinator::Ticket, ErrorCode>,
    ) -> Result<(), Refusal> {
        let broker = self.state.leader_of_transactions(id).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        let asked = broker.and_then(|broker| ask(&mut self.state, broker));
        // Nobody waits for the answer; it is dropped with the ticket.
        self.wake_touched(now);
        let refuse = |code| Refusal::new(code, format!("nobody can coordinate transaction {id} now"));
        asked.map(drop).map_err(refuse)
    }

    fn move_transaction_coordinator(&mut self, id: &str, to: BrokerId) -> Result<(), Refusal> {
        let (topic, partition) = self.transactions_partition(id)?;
        let log = self.state.find_partition(topic, partition);
        let isr = log.map(|log| log.isr().to_vec()).unwrap_or_default();
        if !isr.contains(&to) {
            let message =
                format!("broker {to} has no replica in sync of __transaction_state-{partition}, only {isr:?}");
            return Err(Refusal::new(ErrorCode::REPLICA_NOT_AVAILABLE, message));
        }
        if let Some(log) = self.state.partitions.get_mut(&(topic, partition)) {
            if log.leader() != to {
                log.elect(to, LeaderEpoch(log.leader_epoch().0 + 1), &isr);
            }
        }
        self.state.touch(Watch::Partition(topic, partition));
        Ok(())
    }

    /// Where the state of a transactional id is kept; makes the topic if there is none yet.
    fn transactions_partition(&mut self, id: &str) -> Result<(Uuid, PartitionIndex), Refusal> {
        let found = self.state.find_transaction_coordinator(id).map(|_| self.state.transaction_partition(id));
        found.ok().flatten().ok_or_else(|| {
            let message = format!("nobody can coordinate transaction {id}");
            Refusal::new(ErrorCode::COORDINATOR_NOT_AVAILABLE, message)
        })
    }
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND, format!("there is no transactional id {id}"))
}
