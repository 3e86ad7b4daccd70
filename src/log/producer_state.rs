//! What a log remembers of each idempotent producer, to tell a duplicate from a gap.
//!
//! Not here: open and aborted transactions.

use super::AppendError;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::batch::BatchHeader;
use std::collections::BTreeMap;

/// How many batches are remembered per producer: the most it may have in flight.
const BATCHES_MAX: usize = 5;

/// The producers of one log by id; without any it takes no memory of its own.
///
/// Source: KIP-98; `ProducerStateManager`, `ProducerAppendInfo`.
#[derive(Clone, Debug, Default)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Box<ProducerState>>,
}

/// One producer's epoch and its last batches, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The newest epoch seen.
    pub producer_epoch: ProducerEpoch,
    /// The time of its last batch.
    pub last_timestamp: Timestamp,
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
    /// The remembered batches, oldest first; at most five.
    pub fn batches(&self) -> &[AppendedBatch] {
        &self.batches[..self.count]
    }

    fn push(&mut self, batch: AppendedBatch) {
        if self.count == BATCHES_MAX {
            self.batches.copy_within(1.., 0);
            self.count -= 1;
        }
        self.batches[self.count] = batch;
        self.count += 1;
    }
}

impl ProducerStates {
    /// Says whether a client's batch may be appended: `Ok(None)`, or where it already is when it is a duplicate.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` for an epoch older than one seen, `OUT_OF_ORDER_SEQUENCE_NUMBER` for a gap.
    pub fn check(&self, header: &BatchHeader) -> Result<Option<AppendedBatch>, AppendError> {
        let Some(state) = self.producers.get(&header.producer_id) else {
            // Nothing is known, maybe because retention took all of its records: any sequence number may begin.
            return Ok(None);
        };
        let last_sequence = header.last_sequence();
        if header.producer_epoch < state.producer_epoch {
            return Err(AppendError::new(
                ErrorCode::INVALID_PRODUCER_EPOCH,
                format!(
                    "epoch {} of producer {} is older than {}",
                    header.producer_epoch, header.producer_id, state.producer_epoch
                ),
            ));
        }
        let refuse = |expected: i32| {
            Err(AppendError::new(
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
                format!(
                    "producer {} sent sequence number {} where {expected} is next",
                    header.producer_id, header.base_sequence
                ),
            ))
        };
        if header.producer_epoch > state.producer_epoch {
            return if header.base_sequence == 0 { Ok(None) } else { refuse(0) };
        }
        let same = |batch: &&AppendedBatch| {
            batch.base_sequence == header.base_sequence && batch.last_sequence == last_sequence
        };
        if let Some(duplicate) = state.batches().iter().find(same) {
            return Ok(Some(*duplicate));
        }
        let expected = match state.batches().last() {
            // Sequence numbers go on from 0 behind the largest.
            Some(last) => last.last_sequence.checked_add(1).unwrap_or(0),
            None => 0,
        };
        if header.base_sequence == expected { Ok(None) } else { refuse(expected) }
    }

    /// Remembers a batch that was appended.
    pub fn update(&mut self, header: &BatchHeader) {
        if !header.has_producer_id() {
            return;
        }
        let state = self.producers.entry(header.producer_id).or_insert_with(|| {
            Box::new(ProducerState {
                producer_epoch: header.producer_epoch,
                last_timestamp: header.max_timestamp,
                batches: [AppendedBatch::default(); BATCHES_MAX],
                count: 0,
            })
        });
        if header.producer_epoch > state.producer_epoch {
            state.producer_epoch = header.producer_epoch;
            state.count = 0;
        }
        state.last_timestamp = header.max_timestamp;
        // A transaction marker has no sequence number, and an emptied batch stands for its old offsets.
        if !header.is_control() {
            state.push(AppendedBatch {
                base_sequence: header.base_sequence,
                last_sequence: header.last_sequence(),
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                timestamp: header.max_timestamp,
            });
        }
    }

    /// What is known of one producer.
    pub fn get(&self, id: ProducerId) -> Option<&ProducerState> {
        self.producers.get(&id).map(Box::as_ref)
    }

    /// All producers, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerState)> {
        self.producers.iter().map(|(id, state)| (*id, state.as_ref()))
    }

    /// Forgets producers whose last batch is older than `expiration_ms`, `producer.id.expiration.ms`.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        self.producers.retain(|_, state| now.0.saturating_sub(state.last_timestamp.0) < expiration_ms);
    }

    /// Puts a producer back as it was saved; of its batches the last five count.
    pub(super) fn restore(
        &mut self,
        id: ProducerId,
        producer_epoch: ProducerEpoch,
        last_timestamp: Timestamp,
        batches: &[AppendedBatch],
    ) {
        let mut state = ProducerState {
            producer_epoch,
            last_timestamp,
            batches: [AppendedBatch::default(); BATCHES_MAX],
            count: 0,
        };
        batches.iter().for_each(|batch| state.push(*batch));
        self.producers.insert(id, Box::new(state));
    }

    /// Forgets everything, before the log is read again.
    pub fn clear(&mut self) {
        self.producers.clear();
    }
}
