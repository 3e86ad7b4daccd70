//! Proof from a transaction's coordinator, before a broker appends the first record of the transaction to a partition.
//!
//! Older clients have told the coordinator before, and it is asked; newer ones leave it to the broker to tell it.
//!
//! Not here: the append, to which the proof is shown.

use super::outcome::Outcome;
use super::outcome::Park;
use super::outcome::RequestContext;
use super::state::State;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::coordinator::Producer;
use crate::coordinator::TopicPartition;
use crate::log::Verification;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How much the client knows of KIP-890.
///
/// Source: `AddPartitionsToTxnManager.TransactionSupportedOperation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Nothing.
    DefaultError,
    /// The error `TRANSACTION_ABORTABLE`.
    GenericError,
    /// That its partitions are added by what it writes.
    AddPartition,
}

/// What is to be verified.
#[derive(Clone, Debug)]
pub(crate) struct Verifying {
    pub(crate) transactional_id: ByteString,
    pub(crate) producer: Producer,
    pub(crate) operation: Operation,
    /// The partitions with the sequence numbers with which their batches begin.
    pub(crate) base_sequences: BTreeMap<(Uuid, PartitionIndex), i32>,
    /// When it began.
    pub(crate) since: Instant,
}

/// The proof for each partition, or why there is none.
pub(crate) type Verified = BTreeMap<(Uuid, PartitionIndex), Result<Verification, ErrorCode>>;

impl Operation {
    /// By the version of `Produce`.
    pub(crate) const fn of_produce(version: i16) -> Self {
        match version {
            12.. => Self::AddPartition,
            11 => Self::GenericError,
            _ => Self::DefaultError,
        }
    }

    /// By the version of `TxnOffsetCommit`.
    pub(crate) const fn of_offset_commit(version: i16) -> Self {
        match version {
            5.. => Self::AddPartition,
            4 => Self::GenericError,
            _ => Self::DefaultError,
        }
    }
}

/// Verifies that a transaction may write to partitions that `ctx`'s broker leads, and adds them to it if need be.
///
/// While the transaction before is being completed the coordinator is asked again for a moment, so that the client need
/// not send its records twice.
///
/// Source: KIP-890; `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`.
pub(crate) fn verify(state: &mut State, ctx: &RequestContext, verifying: Verifying) -> Outcome<Verified> {
    let config = state.broker_config(ctx.broker);
    let adds = verifying.operation == Operation::AddPartition;
    if !adds && !config.transaction_partition_verification_enable {
        let keys = verifying.base_sequences.into_keys();
        return Outcome::Reply(keys.map(|at| (at, Ok(Verification::Off))).collect());
    }
    let pause_ms = config.add_partitions_to_txn_retry_backoff_ms;
    let retry_ms = config.add_partitions_to_txn_retry_backoff_max_ms.min(config.request_timeout_ms);
    let mut verified = Verified::new();
    let mut asked: BTreeMap<TopicPartition, (Uuid, PartitionIndex)> = BTreeMap::new();
    for (at @ (topic, index), base_sequence) in &verifying.base_sequences {
        let started = state.partition_led_by(*topic, *index, ctx.broker).and_then(|log| {
            log.start_verification(
                ctx.broker,
                ctx.timestamp,
                verifying.producer.id,
                verifying.producer.epoch,
                *base_sequence,
                adds,
            )
        });
        if let (Ok(Some(_)), Some(topic)) = (&started, state.topics.by_id(*topic)) {
            asked.insert((topic.name.as_str().into(), *index), *at);
        }
        let proof = started.map(|guard| guard.map_or(Verification::Missing, Verification::Guard));
        verified.insert(*at, proof);
    }
    if asked.is_empty() {
        return Outcome::Reply(verified);
    }
    let operation = verifying.operation;
    ask(state, ctx, &verifying, asked.keys().cloned().collect()).then(state, ctx, move |_, ctx, codes| {
        let is_concurrent = codes.values().any(|code| *code == ErrorCode::CONCURRENT_TRANSACTIONS);
        let again_until = verifying.since.plus_ms(retry_ms.into());
        if adds && is_concurrent && ctx.now < again_until {
            return Outcome::Park(Park {
                watch: Vec::new(),
                deadline: ctx.now.plus_ms(pause_ms.into()),
                resume: Box::new(move |state, ctx, _| verify(state, ctx, verifying)),
            });
        }
        for (partition, code) in codes {
            let code = match code {
                ErrorCode::NONE => continue,
                // What producers expect here.
                ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
                ErrorCode::TRANSACTION_ABORTABLE if operation == Operation::DefaultError => {
                    ErrorCode::INVALID_TXN_STATE
                }
                code => code,
            };
            if let Some(at) = asked.get(&partition) {
                verified.insert(*at, Err(code));
            }
        }
        Outcome::Reply(verified)
    })
}

/// Asks the coordinator whether partitions are in a transaction, or adds them.
fn ask(
    state: &mut State,
    ctx: &RequestContext,
    verifying: &Verifying,
    partitions: BTreeSet<TopicPartition>,
) -> Outcome<BTreeMap<TopicPartition, ErrorCode>> {
    let (id, producer) = (&verifying.transactional_id, verifying.producer);
    let Some(coordinator) = state.leader_of_transactions(id) else {
        let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        return Outcome::Reply(partitions.into_iter().map(|partition| (partition, code)).collect());
    };
    if !state.reaches(ctx.broker, coordinator) {
        let code = ErrorCode::NETWORK_EXCEPTION;
        return Outcome::Reply(partitions.into_iter().map(|partition| (partition, code)).collect());
    }
    if verifying.operation == Operation::AddPartition {
        let asked = state.ask_transaction(ctx.now, coordinator, id, |coordinator, at, ticket| {
            coordinator.add_partitions(at, id, producer, &partitions, 2, ticket)
        });
        return state.await_transaction(asked).map_with(move |reply| {
            let code = ErrorCode::of(&reply);
            partitions.into_iter().map(|partition| (partition, code)).collect()
        });
    }
    let found = state.look_at_transaction(ctx.now, coordinator, id);
    let codes = found.and_then(|coordinator| coordinator.verify(id, producer, &partitions));
    Outcome::Reply(codes.unwrap_or_else(|code| partitions.into_iter().map(|at| (at, code)).collect()))
}
