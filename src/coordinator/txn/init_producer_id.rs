//! A producer begins: it gets an id and an epoch, and whoever had the transactional id before is fenced.
//!
//! Not here: producers without a transactional id, which need no coordinator.

use super::EndedBy;
use super::Producer;
use super::Then;
use super::Ticket;
use super::TransactionCoordinator;
use super::TxnEffect;
use super::TxnMoment;
use super::answer;
use super::append;
use super::transaction::Transaction;
use super::transaction::TransactionMetadata;
use super::transaction::TransactionState;
use super::transaction::is_epoch_exhausted;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::ProducerEpoch;
use crate::config::BrokerConfig;
use std::sync::Arc;

/// What a producer that begins makes necessary.
enum Begins {
    /// It gets an id or an epoch.
    With(Box<Transaction>),
    /// The open transaction must be aborted first.
    AfterAbort(Producer),
}

impl TransactionCoordinator {
    /// Gives a producer its id and epoch; the answer comes to its ticket.
    ///
    /// `expected` is who the producer believes to be, when it goes on after an error (KIP-360).
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_REQUEST`, `INVALID_TRANSACTION_TIMEOUT`, `CONCURRENT_TRANSACTIONS`,
    /// `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`, `UNKNOWN_SERVER_ERROR`.
    ///
    /// Source: `TransactionCoordinator.handleInitProducerId`.
    pub(crate) fn init_producer_id(
        &mut self,
        at: &mut TxnMoment<'_>,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
        ticket: Ticket,
    ) -> Vec<TxnEffect> {
        match self.begin(at, id, timeout_ms, expected) {
            Ok(Begins::With(next)) => vec![append(id, *next, Then::Initialized(ticket))],
            Ok(Begins::AfterAbort(fence)) => {
                let version = at.transaction_version;
                self.end_as(at, id, fence, false, version, EndedBy::Successor(ticket))
            }
            Err(code) => vec![answer(ticket, Err(code))],
        }
    }

    /// Checks what a producer asks for, before anybody looks for its coordinator.
    ///
    /// # Errors
    /// `INVALID_REQUEST`, `INVALID_TRANSACTION_TIMEOUT`.
    pub(crate) fn check_begin(config: &BrokerConfig, id: &str, timeout_ms: i32) -> Result<(), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let is_valid = (1..=config.transaction_max_timeout_ms).contains(&timeout_ms);
        if is_valid { Ok(()) } else { Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT) }
    }

    fn begin(
        &mut self,
        at: &mut TxnMoment<'_>,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
    ) -> Result<Begins, ErrorCode> {
        Self::check_begin(at.config, id, timeout_ms)?;
        let metadata = self.transactions.entry(Arc::from(id)).or_insert_with(|| {
            TransactionMetadata::new(Transaction::new(at.new_producer_id(), timeout_ms, at.timestamp))
        });
        if metadata.pending.is_some() {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        let current = &metadata.current;
        let is_known = |expected: Producer| {
            current.producer_epoch == ProducerEpoch::NONE
                || expected.id == current.producer_id
                || expected.id == current.previous_producer_id && is_epoch_exhausted(expected.epoch)
        };
        if !expected.is_none_or(is_known) {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match current.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TransactionState::Ongoing if current.producer_epoch == ProducerEpoch(i16::MAX) => {
                Err(ErrorCode::UNKNOWN_SERVER_ERROR)
            }
            TransactionState::Ongoing => {
                let fence = metadata.prepare_fence();
                Ok(Begins::AfterAbort(Producer { id: fence.producer_id, epoch: fence.producer_epoch }))
            }
            // Records never say that a transaction is in one of these states.
            TransactionState::Dead | TransactionState::PrepareEpochFence => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                let is_exhausted = is_epoch_exhausted(current.producer_epoch);
                if is_exhausted && expected.is_none_or(|expected| expected.epoch == current.producer_epoch) {
                    let new = at.new_producer_id();
                    let next = metadata.prepare_rotation(new, timeout_ms, at.timestamp, expected.is_some());
                    return Ok(Begins::With(Box::new(next)));
                }
                if is_exhausted {
                    return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
                }
                let expected = expected.map(|expected| expected.epoch);
                let epoch = current.producer_epoch;
                let mut next = metadata.prepare_epoch(timeout_ms, expected, at.timestamp);
                if at.moment.mutants.has(BrokerMutant::KeepsProducerEpoch) && epoch != ProducerEpoch::NONE {
                    next.iter_mut().for_each(|next| next.producer_epoch = epoch);
                }
                next.map(|next| Begins::With(Box::new(next))).ok_or(ErrorCode::PRODUCER_FENCED)
            }
        }
    }
}
