//! What a log remembers of each producer, to tell a duplicate from a gap and a transaction from what comes too late.
//!
//! Not here: which transactions were aborted and up to where the log is stable; that is `transactions`.

use super::AppendError;
use super::AppendOrigin;
use super::transactions::CompletedTransaction;
use super::transactions::OpenTransactions;
use super::verification::Verification;
use super::verification::VerificationGuard;
use super::verification::Verifications;
use crate::base::BrokerMutant;
use crate::base::BrokerMutants;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchHeader;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use std::collections::BTreeMap;

/// How many batches are remembered per producer: the most it may have in flight.
const BATCHES_MAX: usize = 5;

/// The producers of one log by id; without any it takes no memory of its own.
///
/// Source: KIP-98; `ProducerStateManager`, `ProducerAppendInfo`.
#[derive(Clone, Debug, Default)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Box<ProducerState>>,
    /// Most logs see no transaction.
    transactional: Option<Box<Transactional>>,
}

#[derive(Clone, Debug, Default)]
struct Transactional {
    transactions: OpenTransactions,
    verifications: Verifications,
}

/// One producer's epoch and its last batches, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The newest epoch seen.
    pub producer_epoch: ProducerEpoch,
    /// The time of its last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the transaction coordinator that wrote its last marker; -1 without one.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<Offset>,
    batches: [AppendedBatch; BATCHES_MAX],
    count: usize,
}

/// Where a batch of a producer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct AppendedBatch {
    /// Its first sequence number.
    pub base_sequence: i32,
    /// Its last sequence number.
    pub last_sequence: i32,
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

impl ProducerState {
    fn new(producer_epoch: ProducerEpoch, last_timestamp: Timestamp) -> Self {
        Self {
            producer_epoch,
            last_timestamp,
            coordinator_epoch: -1,
            current_txn_first_offset: None,
            batches: [AppendedBatch::default(); BATCHES_MAX],
            count: 0,
        }
    }

    /// The remembered batches, oldest first; at most five.
    pub fn batches(&self) -> &[AppendedBatch] {
        &self.batches[..self.count]
    }

    /// The sequence number of its last record; -1 when none is remembered.
    pub fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(-1, |batch| batch.last_sequence)
    }

    fn push(&mut self, batch: AppendedBatch) {
        if self.count == BATCHES_MAX {
            self.batches.copy_within(1.., 0);
            self.count -= 1;
        }
        self.batches[self.count] = batch;
        self.count += 1;
    }

    /// Goes over to another epoch, in which sequence numbers begin anew.
    fn set_epoch(&mut self, producer_epoch: ProducerEpoch) {
        if self.producer_epoch != producer_epoch {
            self.producer_epoch = producer_epoch;
            self.count = 0;
        }
    }

    fn is_in_transaction(&self, producer_epoch: ProducerEpoch) -> bool {
        self.current_txn_first_offset.is_some() && self.producer_epoch == producer_epoch
    }
}

impl ProducerStates {
    /// Says whether a leader may append a batch that has a producer id: `Ok(None)`, or where it already is when it is
    /// a client's duplicate.
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_PRODUCER_EPOCH` for an epoch older than one seen, `INVALID_TXN_STATE` for a
    /// transaction that is not known to its coordinator or a plain batch within one, `OUT_OF_ORDER_SEQUENCE_NUMBER`
    /// for a gap, `TRANSACTION_COORDINATOR_FENCED` for the marker of a coordinator that has a successor.
    ///
    /// Source: `UnifiedLog.analyzeAndValidateProducerState`, `ProducerAppendInfo`.
    pub fn check(
        &self,
        batch: &Batch,
        origin: AppendOrigin,
        verification: Verification,
    ) -> Result<Option<AppendedBatch>, AppendError> {
        let header = &batch.header;
        if header.is_control() {
            return self.check_marker(batch, origin).map(|()| None);
        }
        let state = self.get(header.producer_id);
        if matches!(origin, AppendOrigin::Client { .. }) {
            if let Some(duplicate) = state.and_then(|state| duplicate_of(state, header)) {
                return Ok(Some(duplicate));
            }
        }
        if let Some(state) = state.filter(|state| header.producer_epoch < state.producer_epoch) {
            return Err(fenced(header, state.producer_epoch));
        }
        let in_transaction = state.is_some_and(|state| state.is_in_transaction(header.producer_epoch));
        if header.is_transactional() && !in_transaction && !self.is_verified(header.producer_id, verification) {
            let reason = "Record was not part of an ongoing transaction";
            return Err(AppendError::new(ErrorCode::INVALID_TXN_STATE, reason));
        }
        if matches!(origin, AppendOrigin::Client { .. }) {
            self.check_sequence(state, header)?;
        }
        if !header.is_transactional() && state.is_some_and(|state| state.current_txn_first_offset.is_some()) {
            let reason = format!("Expected transactional write from producer {}", header.producer_id);
            return Err(AppendError::new(ErrorCode::INVALID_TXN_STATE, reason));
        }
        Ok(None)
    }

    fn transactional(&mut self) -> &mut Transactional {
        self.transactional.get_or_insert_default()
    }

    fn is_verified(&self, id: ProducerId, verification: Verification) -> bool {
        match (&self.transactional, verification) {
            (_, Verification::Off) => true,
            (Some(known), verification) => known.verifications.is_verified(id, verification),
            (None, _) => false,
        }
    }

    fn check_sequence(&self, state: Option<&ProducerState>, header: &BatchHeader) -> Result<(), AppendError> {
        let refuse = |expected: i32| {
            let reason = format!(
                "producer {} sent sequence number {} where {expected} is next",
                header.producer_id, header.base_sequence
            );
            Err(AppendError::new(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, reason))
        };
        let is_empty = state.is_none_or(|state| state.count == 0);
        let verifications = self.transactional.as_ref().map(|known| &known.verifications);
        if let Some(verifying) = verifications.and_then(|known| known.get(header.producer_id)) {
            if verifying.supports_epoch_bump && is_empty && header.base_sequence != 0 {
                return refuse(0);
            }
            if header.base_sequence > verifying.lowest_sequence {
                return refuse(verifying.lowest_sequence);
            }
        }
        let Some(state) = state else {
            // Nothing is known, maybe because retention took all of its records: any sequence number may begin.
            return Ok(());
        };
        let expected = match state.batches().last() {
            _ if header.producer_epoch != state.producer_epoch => 0,
            // Sequence numbers go on from 0 behind the largest.
            Some(last) => last.last_sequence.checked_add(1).unwrap_or(0),
            None => 0,
        };
        if header.base_sequence == expected { Ok(()) } else { refuse(expected) }
    }

    /// Source: `ProducerAppendInfo.appendEndTxnMarker`.
    fn check_marker(&self, batch: &Batch, origin: AppendOrigin) -> Result<(), AppendError> {
        let header = &batch.header;
        let Some(state) = self.get(header.producer_id) else { return Ok(()) };
        let transaction_version = match origin {
            AppendOrigin::Marker { transaction_version } => transaction_version,
            AppendOrigin::Client { .. } | AppendOrigin::Coordinator => 0,
        };
        // In version 2 each end has an epoch of its own; that of the marker itself comes twice when its answer was lost.
        let is_again = header.producer_epoch == state.producer_epoch && state.current_txn_first_offset.is_none();
        let is_late = if transaction_version >= 2 {
            header.producer_epoch <= state.producer_epoch && !is_again
        } else {
            header.producer_epoch < state.producer_epoch
        };
        if is_late {
            return Err(fenced(header, state.producer_epoch));
        }
        let coordinator_epoch = ControlRecord::read(batch)?.coordinator_epoch;
        if coordinator_epoch < state.coordinator_epoch {
            let reason = format!(
                "coordinator epoch {coordinator_epoch} of producer {} is older than {}",
                header.producer_id, state.coordinator_epoch
            );
            return Err(AppendError::new(ErrorCode::TRANSACTION_COORDINATOR_FENCED, reason));
        }
        Ok(())
    }

    /// Begins to verify that a producer's transaction may write here, beginning with this sequence number: `None` when
    /// it has written before, otherwise what the append must show.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH`.
    ///
    /// Source: KIP-890; `UnifiedLog.maybeStartTransactionVerification`.
    pub fn start_verification(
        &mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: i32,
        supports_epoch_bump: bool,
        now: Timestamp,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        match self.get(id) {
            Some(state) if epoch < state.producer_epoch => Err(ErrorCode::INVALID_PRODUCER_EPOCH),
            Some(state) if state.is_in_transaction(epoch) => Ok(None),
            _ => {
                let verifications = &mut self.transactional().verifications;
                Ok(Some(verifications.start(id, epoch, base_sequence, supports_epoch_bump, now)))
            }
        }
    }

    /// Remembers a batch that was appended; returns the transaction that it ended, if it had written here.
    pub(super) fn update(&mut self, batch: &Batch, mutants: BrokerMutants) -> Option<CompletedTransaction> {
        let header = &batch.header;
        if !header.has_producer_id() {
            return None;
        }
        if header.is_transactional() {
            self.transactional().verifications.clear(header);
        }
        if header.is_control() {
            return self.update_marker(batch, mutants);
        }
        let state = self
            .producers
            .entry(header.producer_id)
            .or_insert_with(|| Box::new(ProducerState::new(header.producer_epoch, header.max_timestamp)));
        state.set_epoch(header.producer_epoch);
        state.last_timestamp = header.max_timestamp;
        state.push(AppendedBatch {
            base_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        });
        if header.is_transactional() && state.current_txn_first_offset.is_none() {
            state.current_txn_first_offset = Some(header.base_offset);
            self.transactional().transactions.begin(header.base_offset, header.producer_id);
        }
        None
    }

    fn update_marker(&mut self, batch: &Batch, mutants: BrokerMutants) -> Option<CompletedTransaction> {
        let header = &batch.header;
        // Compaction may have emptied it.
        let marker = ControlRecord::read(batch).ok()?;
        if matches!(marker.control_type, ControlType::Other(_)) {
            return None;
        }
        let state = self
            .producers
            .entry(header.producer_id)
            .or_insert_with(|| Box::new(ProducerState::new(header.producer_epoch, header.max_timestamp)));
        let is_aborted = marker.control_type == ControlType::Abort;
        if is_aborted && mutants.has(BrokerMutant::KeepsSequencesOnAbort) {
            state.producer_epoch = header.producer_epoch;
        }
        state.set_epoch(header.producer_epoch);
        state.coordinator_epoch = marker.coordinator_epoch;
        state.last_timestamp = header.max_timestamp;
        let first_offset = state.current_txn_first_offset.take()?;
        self.transactional().transactions.complete(first_offset, header.base_offset);
        Some(CompletedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset: header.base_offset,
            is_aborted,
        })
    }

    /// What is known of one producer.
    pub fn get(&self, id: ProducerId) -> Option<&ProducerState> {
        self.producers.get(&id).map(Box::as_ref)
    }

    /// All producers, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerState)> {
        self.producers.iter().map(|(id, state)| (*id, state.as_ref()))
    }

    /// The first offset that may still turn out to be aborted, if any, when all below `high_watermark` is replicated.
    pub fn first_unstable_offset(&self, high_watermark: Offset) -> Option<Offset> {
        self.transactional.as_ref()?.transactions.first_unstable_offset(high_watermark)
    }

    /// Where the log is stable up to behind `marker`, whether that is replicated or not.
    pub(super) fn stable_behind(&self, marker: Offset) -> Offset {
        let open = self.transactional.as_ref().and_then(|known| known.transactions.first_open());
        open.unwrap_or_else(|| marker.plus(1))
    }

    /// Forgets the transactions whose markers are replicated.
    pub(super) fn forget_replicated(&mut self, high_watermark: Offset) {
        if let Some(known) = &mut self.transactional {
            known.transactions.forget_replicated(high_watermark);
        }
    }

    /// Forgets producers whose last batch is older than `expiration_ms`, `producer.id.expiration.ms`; not those in a
    /// transaction.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        let is_fresh = |last: Timestamp| now.0.saturating_sub(last.0) < expiration_ms;
        self.producers.retain(|_, state| state.current_txn_first_offset.is_some() || is_fresh(state.last_timestamp));
        if let Some(known) = &mut self.transactional {
            known.verifications.retain(is_fresh);
        }
    }

    /// Puts a producer back as it was saved; of its batches the last five count.
    pub(super) fn restore(&mut self, id: ProducerId, saved: &ProducerState, batches: &[AppendedBatch]) {
        let mut state = ProducerState { count: 0, ..saved.clone() };
        batches.iter().for_each(|batch| state.push(*batch));
        if let Some(first_offset) = state.current_txn_first_offset {
            self.transactional().transactions.begin(first_offset, id);
        }
        self.producers.insert(id, Box::new(state));
    }

    /// A producer without batches, to be restored.
    pub(super) fn saved(
        producer_epoch: ProducerEpoch,
        last_timestamp: Timestamp,
        coordinator_epoch: i32,
        current_txn_first_offset: Option<Offset>,
    ) -> ProducerState {
        ProducerState {
            coordinator_epoch,
            current_txn_first_offset,
            ..ProducerState::new(producer_epoch, last_timestamp)
        }
    }

    /// Forgets everything, before the log is read again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn duplicate_of(state: &ProducerState, header: &BatchHeader) -> Option<AppendedBatch> {
    if header.producer_epoch != state.producer_epoch {
        return None;
    }
    let range = (header.base_sequence, header.last_sequence());
    state.batches().iter().find(|batch| (batch.base_sequence, batch.last_sequence) == range).copied()
}

fn fenced(header: &BatchHeader, current: ProducerEpoch) -> AppendError {
    let reason = format!("epoch {} of producer {} is older than {current}", header.producer_epoch, header.producer_id);
    AppendError::new(ErrorCode::INVALID_PRODUCER_EPOCH, reason)
}
