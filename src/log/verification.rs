//! Proof that a coordinator knows of a transaction before its first record is appended here (KIP-890).
//!
//! Not here: who asks the coordinator.

use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::wire::batch::BatchHeader;
use std::collections::BTreeMap;

/// What an append shows when it begins a transaction in a partition; each is given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// How an append proves that its transaction is known to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It need not: `transaction.partition.verification.enable` is false, or nobody but the broker writes.
    Off,
    /// It cannot, so it may only go on with a transaction that has written before.
    Missing,
    /// By what [`start_verification`](super::ProducerStates::start_verification) gave out.
    Guard(VerificationGuard),
}

/// A verification that has begun.
#[derive(Clone, Debug)]
pub(super) struct Verifying {
    guard: VerificationGuard,
    producer_epoch: ProducerEpoch,
    since: Timestamp,
    /// The lowest sequence number that asked; a higher one must not overtake it.
    pub(super) lowest_sequence: i32,
    /// Whether the client bumps its epoch with each transaction.
    pub(super) supports_epoch_bump: bool,
}

/// The verifications of one log, by producer.
///
/// Source: `VerificationStateEntry`.
#[derive(Clone, Debug, Default)]
pub(super) struct Verifications {
    by_producer: BTreeMap<ProducerId, Verifying>,
    given: u64,
}

impl Verifications {
    pub(super) fn start(
        &mut self,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        base_sequence: i32,
        supports_epoch_bump: bool,
        now: Timestamp,
    ) -> VerificationGuard {
        let given = &mut self.given;
        let verifying = self.by_producer.entry(producer_id).or_insert_with(|| {
            *given += 1;
            Verifying {
                guard: VerificationGuard(*given),
                producer_epoch,
                since: now,
                lowest_sequence: base_sequence,
                supports_epoch_bump,
            }
        });
        if producer_epoch > verifying.producer_epoch {
            verifying.producer_epoch = producer_epoch;
            verifying.lowest_sequence = base_sequence;
        } else if producer_epoch == verifying.producer_epoch {
            verifying.lowest_sequence = verifying.lowest_sequence.min(base_sequence);
        }
        verifying.guard
    }

    pub(super) fn get(&self, producer_id: ProducerId) -> Option<&Verifying> {
        self.by_producer.get(&producer_id)
    }

    pub(super) fn is_verified(&self, producer_id: ProducerId, verification: Verification) -> bool {
        match verification {
            Verification::Off => true,
            Verification::Missing => false,
            Verification::Guard(guard) => self.get(producer_id).is_some_and(|verifying| verifying.guard == guard),
        }
    }

    /// Ends a verification with the batch that it was for, or with the end of the transaction.
    pub(super) fn clear(&mut self, header: &BatchHeader) {
        // A marker with the epoch of the next transaction leaves that one's verification alone.
        let is_next = self.get(header.producer_id).is_some_and(|verifying| {
            header.is_control() && verifying.supports_epoch_bump && verifying.producer_epoch == header.producer_epoch
        });
        if !is_next {
            self.by_producer.remove(&header.producer_id);
        }
    }

    /// Keeps those that began at such a time.
    pub(super) fn retain(&mut self, is_fresh: impl Fn(Timestamp) -> bool) {
        self.by_producer.retain(|_, verifying| is_fresh(verifying.since));
    }
}
