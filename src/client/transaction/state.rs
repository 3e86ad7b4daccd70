//! What a transactional producer knows of its transaction. It is told what happened and says what comes next.
//!
//! Not here: asking the coordinator, and sending records.

use super::super::TopicPartition;
use super::super::error::Error;
use super::error::TransactionError;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use bytestring::ByteString;
use std::collections::BTreeSet;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it counts.
    Committed,
    /// Nothing of it counts.
    Aborted,
}

/// What a producer id and its epoch are called together.
pub(super) type Identity = (ProducerId, ProducerEpoch);

/// One producer's transactions.
#[derive(Debug)]
pub(in crate::client) struct State {
    identity: Identity,
    phase: Phase,
    /// Whether brokers add partitions and groups by themselves, and every end brings a new epoch (KIP-890).
    implicit: bool,
    /// The partitions that the coordinator has been told of.
    partitions: BTreeSet<TopicPartition>,
    /// The groups that it has been told of.
    groups: BTreeSet<ByteString>,
    started: Started,
    /// Why the open transaction cannot be committed.
    doom: Option<Error>,
    /// The coordinator has ended the transaction; only a new epoch may still be missing.
    ended: bool,
    /// The epoch must not be used any more.
    epoch_spent: bool,
}

#[derive(Clone, Debug)]
enum Phase {
    Idle,
    Open,
    Ending(Outcome),
    Dead(Error),
}

/// Whether the coordinator knows that there is a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Started {
    No,
    /// It was asked to begin it, and has not said that it has.
    Maybe,
    Yes,
}

/// What is to be done to end a transaction, its records having been seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The coordinator is to be told how it ends.
    End(Outcome),
    /// A new epoch is needed before the next one.
    Renew,
    /// Nothing more.
    Done(Outcome),
}

impl State {
    pub(super) const fn new(identity: Identity) -> Self {
        Self {
            identity,
            phase: Phase::Idle,
            implicit: false,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: Started::No,
            doom: None,
            ended: false,
            epoch_spent: false,
        }
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether brokers add partitions and groups by themselves in the open transaction.
    pub(in crate::client) const fn is_implicit(&self) -> bool {
        self.implicit
    }

    /// Whether the user still holds the transaction.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether there is no transaction, as far as anybody asked for one.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Whether a transaction is to be aborted and has not been yet.
    pub(super) const fn is_aborting(&self) -> bool {
        matches!(self.phase, Phase::Ending(Outcome::Aborted))
    }

    /// Why no record is to be sent any more.
    pub(in crate::client) fn doom(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Dead(error) => Some(error),
            _ => self.doom.as_ref(),
        }
    }

    /// Opens a transaction.
    pub(super) fn begin(&mut self, implicit: bool) -> Result<(), TransactionError> {
        match &self.phase {
            Phase::Idle => {}
            Phase::Dead(error) => return Err(TransactionError::Fatal(error.clone())),
            Phase::Open | Phase::Ending(_) => {
                let words = "the last transaction has not ended: `resolve` does that and says how";
                return Err(TransactionError::Retriable(Error::Invalid(words.to_owned())));
            }
        }
        self.phase = Phase::Open;
        self.implicit = implicit;
        self.partitions.clear();
        self.groups.clear();
        (self.started, self.doom, self.ended) = (Started::No, None, false);
        Ok(())
    }

    /// Whether the transaction can still take something.
    pub(super) fn check(&self) -> Result<(), TransactionError> {
        match (&self.phase, &self.doom) {
            (Phase::Dead(error), _) => Err(TransactionError::Fatal(error.clone())),
            (_, Some(error)) => Err(TransactionError::Abortable(error.clone())),
            _ => Ok(()),
        }
    }

    /// Whether the coordinator has to be told of a partition before it is written to.
    pub(super) fn needs_partition(&mut self, partition: &TopicPartition) -> bool {
        if self.implicit {
            self.started = Started::Yes;
        }
        !self.implicit && !self.partitions.contains(partition)
    }

    /// Whether the coordinator has to be told of a group before its offsets are stored.
    pub(super) fn needs_group(&mut self, group: &ByteString) -> bool {
        if self.implicit {
            self.started = Started::Yes;
        }
        !self.implicit && !self.groups.contains(group)
    }

    /// The coordinator is being asked to add something.
    pub(super) fn on_adding(&mut self) {
        self.started = self.started.max(Started::Maybe);
    }

    /// The coordinator knows of a partition.
    pub(super) fn on_partition(&mut self, partition: TopicPartition) {
        self.started = Started::Yes;
        self.partitions.insert(partition);
    }

    /// The coordinator knows of a group.
    pub(super) fn on_group(&mut self, group: ByteString) {
        self.started = Started::Yes;
        self.groups.insert(group);
    }

    /// Something failed for good; says what that means.
    pub(in crate::client) fn on_failure(&mut self, error: Error) -> TransactionError {
        let sorted = TransactionError::from(error);
        match &sorted {
            TransactionError::Retriable(_) => {}
            TransactionError::Abortable(error) => {
                self.doom.get_or_insert_with(|| error.clone());
            }
            TransactionError::Fatal(error) => {
                if !matches!(self.phase, Phase::Dead(_)) {
                    self.phase = Phase::Dead(error.clone());
                }
            }
        }
        sorted
    }

    /// A record of the transaction is lost, so that it must not be committed, whatever the reason.
    pub(in crate::client) fn on_record_lost(&mut self, error: Error) {
        if let TransactionError::Retriable(error) = self.on_failure(error) {
            self.doom.get_or_insert(error);
        }
    }

    /// The user wants the transaction to end.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Ending(outcome);
            if outcome == Outcome::Aborted {
                self.doom.get_or_insert(Error::Aborted);
            }
        }
    }

    /// How the transaction is to end as things are; a doomed one is aborted.
    pub(super) fn ending(&self) -> Result<Option<Outcome>, TransactionError> {
        match &self.phase {
            Phase::Dead(error) => Err(TransactionError::Fatal(error.clone())),
            Phase::Idle | Phase::Open => Ok(None),
            Phase::Ending(_) if self.doom.is_some() => Ok(Some(Outcome::Aborted)),
            Phase::Ending(outcome) => Ok(Some(*outcome)),
        }
    }

    /// What comes next, all records having their outcome; `gap` says that sequence numbers were lost with some.
    pub(super) fn step(&mut self, gap: bool) -> Result<Step, TransactionError> {
        let outcome = self.ending()?.expect("a transaction is ended by one who has seen that it is to end");
        self.epoch_spent |= gap && !self.ended;
        if self.started != Started::No && !self.ended {
            return Ok(Step::End(outcome));
        }
        Ok(if self.epoch_spent { Step::Renew } else { Step::Done(outcome) })
    }

    /// The coordinator has ended the transaction, and may have given out another identity.
    pub(super) fn on_ended(&mut self, identity: Option<Identity>) {
        self.ended = true;
        if let Some(identity) = identity {
            (self.identity, self.epoch_spent) = (identity, false);
        }
    }

    /// The coordinator did not end the transaction, and never will as asked. `Ok` when something else can be tried.
    pub(super) fn on_end_refused(&mut self, error: Error) -> Result<(), TransactionError> {
        let code = error.code();
        // It was never heard of, or the mapping has expired: a new epoch is all that is needed.
        let never_began = code == Some(crate::base::ErrorCode::INVALID_TXN_STATE) && self.started == Started::Maybe;
        let forgotten = matches!(
            code,
            Some(crate::base::ErrorCode::INVALID_PRODUCER_ID_MAPPING | crate::base::ErrorCode::UNKNOWN_PRODUCER_ID)
        );
        if never_began || forgotten {
            self.on_end_forgotten(error);
            return Ok(());
        }
        let was_doomed = self.doom.is_some();
        match self.on_failure(error) {
            TransactionError::Abortable(_) if !was_doomed => Ok(()),
            TransactionError::Abortable(error) => Err(self.on_dead_end(error)),
            sorted => Err(sorted),
        }
    }

    /// The transaction counts for nothing, and the coordinator need not be told; a new epoch is all that is missing.
    pub(super) fn on_end_forgotten(&mut self, error: Error) {
        self.doom.get_or_insert(error);
        (self.ended, self.epoch_spent) = (true, true);
    }

    fn on_dead_end(&mut self, error: Error) -> TransactionError {
        self.phase = Phase::Dead(error.clone());
        TransactionError::Fatal(error)
    }

    /// The coordinator has given out a new epoch.
    pub(super) const fn on_renewed(&mut self, identity: Identity) {
        (self.identity, self.epoch_spent) = (identity, false);
    }

    /// The coordinator did not give out a new epoch.
    pub(super) fn on_renewal_refused(&mut self, error: Error) -> TransactionError {
        match self.on_failure(error) {
            TransactionError::Abortable(error) => self.on_dead_end(error),
            sorted => sorted,
        }
    }

    /// The transaction is over. Gives why it was aborted, unless the user wanted that.
    pub(super) fn on_done(&mut self) -> Option<Error> {
        let wanted = std::mem::replace(&mut self.phase, Phase::Idle);
        let doom = self.doom.take();
        doom.filter(|_| matches!(wanted, Phase::Ending(Outcome::Committed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorCode;
    use crate::wire::ApiKey;

    const FIRST: Identity = (ProducerId(7), ProducerEpoch(0));
    const NEXT: Identity = (ProducerId(7), ProducerEpoch(1));

    fn open(implicit: bool) -> State {
        let mut state = State::new(FIRST);
        state.begin(implicit).unwrap();
        state
    }

    fn error(code: ErrorCode, api: ApiKey) -> Error {
        Error::broker(code, api)
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0).unwrap()
    }

    #[test]
    fn a_transaction_of_nothing_ends_without_the_coordinator() {
        for outcome in [Outcome::Committed, Outcome::Aborted] {
            let mut state = open(false);
            state.end(outcome);
            assert_eq!(state.step(false).unwrap(), Step::Done(outcome));
            assert!(state.on_done().is_none());
            state.begin(false).unwrap();
        }
    }

    #[test]
    fn partitions_are_announced_once_unless_brokers_add_them() {
        let mut state = open(false);
        assert!(state.needs_partition(&partition()));
        state.on_adding();
        state.on_partition(partition());
        assert!(!state.needs_partition(&partition()));
        let mut state = open(true);
        assert!(!state.needs_partition(&partition()));
        state.end(Outcome::Committed);
        assert_eq!(state.step(false).unwrap(), Step::End(Outcome::Committed));
        state.on_ended(Some(NEXT));
        assert_eq!(state.step(false).unwrap(), Step::Done(Outcome::Committed));
        assert_eq!(state.identity(), NEXT);
    }

    #[test]
    fn a_doomed_transaction_is_aborted_and_says_why() {
        let mut state = open(false);
        state.on_partition(partition());
        state.on_record_lost(error(ErrorCode::REQUEST_TIMED_OUT, ApiKey::Produce));
        assert!(matches!(state.check(), Err(TransactionError::Abortable(_))));
        state.end(Outcome::Committed);
        assert_eq!(state.step(true).unwrap(), Step::End(Outcome::Aborted));
        state.on_ended(None);
        // The lost record's sequence numbers must not come again under this epoch.
        assert_eq!(state.step(true).unwrap(), Step::Renew);
        state.on_renewed(NEXT);
        assert_eq!(state.step(true).unwrap(), Step::Done(Outcome::Aborted));
        assert_eq!(state.on_done().unwrap().code(), Some(ErrorCode::REQUEST_TIMED_OUT));
        state.begin(false).unwrap();
    }

    #[test]
    fn a_commit_that_is_refused_as_abortable_becomes_an_abort() {
        let mut state = open(true);
        assert!(!state.needs_partition(&partition()));
        state.end(Outcome::Committed);
        state.on_end_refused(error(ErrorCode::TRANSACTION_ABORTABLE, ApiKey::EndTxn)).unwrap();
        assert_eq!(state.step(false).unwrap(), Step::End(Outcome::Aborted));
        // An abort that cannot be had either is the end.
        let refused = state.on_end_refused(error(ErrorCode::TRANSACTION_ABORTABLE, ApiKey::EndTxn));
        assert!(matches!(refused, Err(TransactionError::Fatal(_))));
    }

    #[test]
    fn an_unanswered_commit_stays_a_commit() {
        let mut state = open(false);
        state.on_partition(partition());
        state.end(Outcome::Committed);
        let timeout = Error::Timeout { operation: "EndTxn", after: std::time::Duration::ZERO, cause: None };
        assert!(matches!(state.on_end_refused(timeout), Err(TransactionError::Retriable(_))));
        assert!(matches!(state.begin(false), Err(TransactionError::Retriable(_))));
        assert_eq!(state.step(false).unwrap(), Step::End(Outcome::Committed));
    }

    #[test]
    fn nothing_comes_after_a_fatal_error() {
        let mut state = open(false);
        state.on_partition(partition());
        state.end(Outcome::Committed);
        let fenced = state.on_end_refused(error(ErrorCode::PRODUCER_FENCED, ApiKey::EndTxn));
        assert!(fenced.unwrap_err().is_fenced());
        assert!(state.step(false).unwrap_err().is_fenced());
        assert!(state.begin(false).unwrap_err().is_fenced());
        assert!(state.check().unwrap_err().is_fenced());
    }

    #[test]
    fn an_abort_of_what_may_never_have_begun_needs_only_a_new_epoch() {
        let mut state = open(false);
        state.on_adding();
        state.end(Outcome::Aborted);
        assert_eq!(state.step(false).unwrap(), Step::End(Outcome::Aborted));
        state.on_end_refused(error(ErrorCode::INVALID_TXN_STATE, ApiKey::EndTxn)).unwrap();
        assert_eq!(state.step(false).unwrap(), Step::Renew);
    }
}
