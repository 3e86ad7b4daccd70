//! Kafka's answer to each request in each state, as one table.

use super::Producer;
use super::TopicPartition;
use super::Transaction;
use super::TransactionCoordinator;
use super::TransactionRecord;
use super::TransactionState;
use super::TxnEffect;
use super::TxnMoment;
use crate::base::BrokerMutants;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::config::BrokerConfig;
use crate::coordinator::Moment;
use crate::coordinator::Reply;
use crate::coordinator::Ticket;
use crate::coordinator::TopicsImage;
use std::collections::BTreeMap;

/// The states of the columns; in the first one nobody has heard of the transactional id.
const COLUMNS: [Option<TransactionState>; 7] = [
    None,
    Some(TransactionState::Empty),
    Some(TransactionState::Ongoing),
    Some(TransactionState::PrepareCommit),
    Some(TransactionState::PrepareAbort),
    Some(TransactionState::CompleteCommit),
    Some(TransactionState::CompleteAbort),
];

/// What is asked of producer id 7 in epoch 5.
#[derive(Clone, Copy, Debug)]
enum Request {
    /// By whom the producer believes to be.
    Init(Option<(i64, i16)>),
    Add(i64, i16),
    /// With the transaction version.
    End(i64, i16, bool, i16),
    Verify(i64, i16),
}

use Request::*;

/// Abbreviations, so that a row fits in a line.
const MAPPING: &str = "INVALID_PRODUCER_ID_MAPPING";
const FENCED: &str = "PRODUCER_FENCED";
const BUSY: &str = "CONCURRENT_TRANSACTIONS";
const STATE: &str = "INVALID_TXN_STATE";
const DONE: &str = "NONE";

fn coordinator(state: Option<TransactionState>) -> TransactionCoordinator {
    let mut coordinator = TransactionCoordinator::default();
    if let Some(state) = state {
        let mut value = Transaction::new(ProducerId(7), 60_000, Timestamp(0));
        value.producer_epoch = ProducerEpoch(5);
        value.state = state;
        if !state.is_complete() {
            value.start_timestamp = Timestamp(0);
            value.partitions = [partition(0)].into();
        }
        coordinator.replay(TransactionRecord { transactional_id: "t".into(), value: Some(value) });
    }
    coordinator
}

fn partition(index: i32) -> TopicPartition {
    ("a".into(), PartitionIndex(index))
}

/// The code of the answer, or the state and the epoch that are written.
fn ask(coordinator: &mut TransactionCoordinator, transaction_version: i16, request: Request) -> String {
    let (config, groups, topics) = (BrokerConfig::default(), BTreeMap::new(), TopicsImage::default());
    let moment = Moment {
        now: Instant::START,
        timestamp: Timestamp(0),
        config: &config,
        group_configs: &groups,
        topics: &topics,
        mutants: BrokerMutants::default(),
    };
    let mut next_producer_id = 9;
    let mut at = TxnMoment { moment, transaction_version, next_producer_id: &mut next_producer_id };
    let producer = |id: i64, epoch: i16| Producer { id: ProducerId(id), epoch: ProducerEpoch(epoch) };
    let ticket = Ticket(1);
    let effects = match request {
        Init(expected) => {
            let expected = expected.map(|(id, epoch)| producer(id, epoch));
            coordinator.init_producer_id(&mut at, "t", 60_000, expected, ticket)
        }
        Add(id, epoch) => coordinator.add_partitions(&at, "t", producer(id, epoch), &[partition(1)].into(), 0, ticket),
        End(id, epoch, committed, version) => {
            coordinator.end(&mut at, "t", producer(id, epoch), committed, version, ticket)
        }
        Verify(id, epoch) => {
            let partitions = [partition(0), partition(1)].into();
            return match coordinator.verify("t", producer(id, epoch), &partitions) {
                Err(code) => code.to_string(),
                Ok(codes) => codes.values().map(|code| code.to_string()).collect::<Vec<_>>().join(" "),
            };
        }
    };
    match &effects[..] {
        [TxnEffect::Complete(_, Reply::Txn(reply))] => ErrorCode::of(reply).to_string(),
        [TxnEffect::Append(appending)] => {
            let value = appending.record.value.as_ref().unwrap();
            format!("{} {}", value.state, value.producer_epoch)
        }
        other => panic!("{other:?}"),
    }
}

fn check(transaction_version: i16, request: Request, expected: [&str; 7]) {
    let found = COLUMNS.map(|state| ask(&mut coordinator(state), transaction_version, request));
    assert_eq!(found, expected, "version {transaction_version}: {request:?}");
}

/// Source: `TransactionCoordinator` of 4.2.1, request by request.
#[test]
#[rustfmt::skip]
fn every_request_gets_kafkas_answer_in_every_state() {
    for version in [0, 2] {
        //                               unknown     Empty       Ongoing           PrepareCommit PrepareAbort CompleteCommit CompleteAbort
        check(version, Init(None),         ["Empty 0", "Empty 6", "PrepareAbort 6", BUSY,   BUSY,   "Empty 6", "Empty 6"]);
        check(version, Init(Some((7, 5))), ["Empty 0", "Empty 6", "PrepareAbort 6", BUSY,   BUSY,   "Empty 6", "Empty 6"]);
        // An open transaction is aborted whoever asks, as long as the id is right.
        check(version, Init(Some((7, 4))), ["Empty 0", FENCED,    "PrepareAbort 6", BUSY,   BUSY,   FENCED,    FENCED]);
        check(version, Init(Some((8, 5))), ["Empty 0", FENCED,    FENCED,           FENCED, FENCED, FENCED,    FENCED]);
        check(version, Add(7, 5),          [MAPPING, "Ongoing 5", "Ongoing 5",      BUSY,   BUSY,   "Ongoing 5", "Ongoing 5"]);
        for epoch in [4, 6] {
            check(version, Add(7, epoch),  [MAPPING, FENCED,      FENCED,           FENCED, FENCED, FENCED,    FENCED]);
            check(version, Verify(7, epoch), [MAPPING, FENCED,    FENCED,           FENCED, FENCED, FENCED,    FENCED]);
        }
        check(version, Add(8, 5), [MAPPING; 7]);
        check(version, Verify(8, 5), [MAPPING; 7]);
    }
    let (yes, no) = ("NONE TRANSACTION_ABORTABLE", "TRANSACTION_ABORTABLE TRANSACTION_ABORTABLE");
    check(2, Verify(7, 5),         [MAPPING, no,    yes,               BUSY, BUSY, no,    no]);
    check(0, End(7, 5, true, 0),   [MAPPING, STATE, "PrepareCommit 5", BUSY,  STATE, DONE,  STATE]);
    check(0, End(7, 5, false, 0),  [MAPPING, STATE, "PrepareAbort 5",  STATE, BUSY,  STATE, DONE]);
    check(2, End(7, 5, true, 2),   [MAPPING, STATE, "PrepareCommit 6", FENCED, FENCED, STATE, STATE]);
    check(2, End(7, 5, false, 2),  [MAPPING, "PrepareAbort 6", "PrepareAbort 6", FENCED, FENCED, "PrepareAbort 6", "PrepareAbort 6"]);
    // The same again, with the epoch before.
    check(2, End(7, 4, true, 2),   [MAPPING, FENCED, FENCED,           BUSY,  STATE, DONE,  STATE]);
    check(2, End(7, 4, false, 2),  [MAPPING, FENCED, FENCED,           STATE, BUSY,  STATE, DONE]);
    for committed in [true, false] {
        for epoch in [4, 6] {
            check(0, End(7, epoch, committed, 0), [MAPPING, FENCED, FENCED, FENCED, FENCED, FENCED, FENCED]);
        }
        check(2, End(7, 6, committed, 2), [MAPPING, FENCED, FENCED, FENCED, FENCED, FENCED, FENCED]);
        for version in [0, 2] {
            check(version, End(8, 5, committed, version), [MAPPING; 7]);
        }
    }
}

/// While a record is on its way, nobody but who it is for gets another answer.
#[test]
fn while_something_is_pending_everybody_has_to_come_again() {
    let check = |state: TransactionState, request: Request, expected: &str| {
        let mut coordinator = coordinator(Some(state));
        let before = if state.is_prepared() { Init(None) } else { Add(7, 5) };
        let (config, groups, topics) = (BrokerConfig::default(), BTreeMap::new(), TopicsImage::default());
        let now = Instant::START;
        let at = Moment {
            now,
            timestamp: Timestamp(0),
            config: &config,
            group_configs: &groups,
            topics: &topics,
            mutants: BrokerMutants::default(),
        };
        // Either the markers are on their way, or a partition is being added.
        coordinator.start(&at);
        ask(&mut coordinator, 2, before);
        assert!(coordinator.transaction("t").unwrap().pending.is_some());
        assert_eq!(ask(&mut coordinator, 2, request), expected, "{state} {request:?}");
    };
    for state in [TransactionState::PrepareCommit, TransactionState::PrepareAbort, TransactionState::Ongoing] {
        check(state, Init(None), BUSY);
        check(state, Init(Some((8, 5))), BUSY);
        check(state, Add(7, 5), BUSY);
        check(state, Add(8, 5), BUSY);
        check(state, End(7, 5, true, 0), BUSY);
        check(state, End(7, 4, true, 0), FENCED);
        check(state, End(8, 5, true, 0), MAPPING);
        check(state, End(7, 5, true, 2), BUSY);
        check(state, End(8, 4, false, 2), BUSY);
    }
}

#[test]
fn a_name_and_a_number_say_the_same_state() {
    for state in TransactionState::ALL {
        assert_eq!(TransactionState::from_name(state.name()), Some(state));
        assert_eq!(TransactionState::from_id(state.id()), Some(state));
    }
    assert_eq!((TransactionState::from_name("empty"), TransactionState::from_id(8)), (None, None));
}
