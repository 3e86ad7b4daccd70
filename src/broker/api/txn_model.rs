//! Transactions under random interleavings and accidents, against a ledger of what each producer was told.
//!
//! Several transactional producers of both versions write to two partitions while coordinators and leaders move, brokers
//! die and come back, links are slow, markers are held, answers are lost and transactions run out of time.

use super::testing::Answer;
use super::testing::TestCluster;
use super::txn_tests::Client;
use super::txn_tests::values_of;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::base::Rng;
use crate::base::Seed;
use crate::base::TransactionAction;
use crate::log::Isolation;
use crate::log::ReadLimit;
use crate::wire::Request;
use crate::wire::RequestMessage;
use crate::wire::Response;
use std::collections::BTreeMap;
use std::fmt::Debug;

const BROKERS: i32 = 3;
const PARTITIONS: i32 = 2;

/// What a producer knows of a transaction of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// It is open, and nobody has asked for a commit.
    Open,
    /// A commit was asked for, and the answer did not come yet, or was lost for good.
    Unknown,
    Committed,
    /// Nobody asked for a commit that could have been taken.
    Aborted,
}

struct Transaction {
    known: Known,
    values: Vec<(i32, String)>,
}

struct Producer {
    client: Client,
    /// Its open transaction in the ledger.
    open: Option<usize>,
    /// Whether it has to begin anew before it may do anything else.
    is_broken: bool,
}

struct Model {
    cluster: TestCluster,
    producers: Vec<Producer>,
    ledger: Vec<Transaction>,
    rng: Rng,
    values: u32,
    holds: u32,
    /// The last stable offset that was seen of each partition, and the leader epoch.
    stable: BTreeMap<i32, (LeaderEpoch, Offset)>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let config = [("transaction.state.log.num.partitions", "3"), ("min.insync.replicas", "2")];
        let mut cluster = TestCluster::with_config(3, &config).topic("a", PARTITIONS, 3);
        let ids = [("t", 0), ("u", 2), ("v", 2)];
        let producers = ids.map(|(id, version)| Producer {
            client: Client::begin(&mut cluster, id, version),
            open: None,
            is_broken: false,
        });
        Self {
            cluster,
            producers: producers.into(),
            ledger: Vec::new(),
            rng: Seed(seed).stream("transactions"),
            values: 0,
            holds: 0,
            stable: BTreeMap::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn any_broker(&mut self) -> BrokerId {
        BrokerId(1 + i32::try_from(self.below(BROKERS.try_into().unwrap())).unwrap())
    }

    /// Asks a broker and waits for the answer; `None` when there is none, or it was lost.
    fn ask<R>(&mut self, broker: i32, version: i16, request: R) -> Option<R::Response>
    where
        R: RequestMessage + Into<Request>,
        R::Response: TryFrom<Response, Error: Debug> + Debug,
    {
        if self.cluster.engine.broker_state(BrokerId(broker)) != crate::metadata::BrokerState::Running {
            return None;
        }
        let is_lost = self.below(10) == 0;
        let connection = self.cluster.connect(broker);
        let mut answer = self.cluster.send(connection, version, request);
        for _ in 0..400 {
            if !matches!(answer, Answer::Waiting) {
                break;
            }
            self.cluster.pass_ms(100);
            self.check();
            answer = self.cluster.received(connection);
        }
        match answer {
            Answer::Response(response) if !is_lost => Some(response),
            _ => None,
        }
    }

    /// Asks the coordinator of a producer.
    fn ask_coordinator<R>(&mut self, at: usize, version: i16, request: R) -> Option<R::Response>
    where
        R: RequestMessage + Into<Request>,
        R::Response: TryFrom<Response, Error: Debug> + Debug,
    {
        let id = self.producers[at].client.transactional_id;
        let broker = self.cluster.engine.state.leader_of_transactions(id)?;
        self.producers[at].client.coordinator = broker.0;
        self.ask(broker.0, version, request)
    }

    /// Begins anew, as a producer does after an error that it cannot go on from.
    fn begin_anew(&mut self, at: usize) {
        if let Some(open) = self.producers[at].open.take() {
            let transaction = &mut self.ledger[open];
            if transaction.known == Known::Open {
                transaction.known = Known::Aborted;
            }
        }
        self.producers[at].is_broken = true;
        for _ in 0..20 {
            let request = self.producers[at].client.init_request();
            if let Some(response) = self.ask_coordinator(at, 5, request) {
                let code = ErrorCode::new(response.error_code);
                if code == ErrorCode::NONE {
                    self.producers[at].client.become_producer(response.producer_id, response.producer_epoch);
                    self.producers[at].is_broken = false;
                    return;
                }
                assert!(code.is_retriable(), "{code}");
            }
            self.cluster.pass_ms(100);
            self.check();
        }
    }

    /// Writes a record within a transaction.
    fn send(&mut self, at: usize) {
        let partition = i32::try_from(self.below(PARTITIONS.try_into().unwrap())).unwrap();
        self.values += 1;
        let value = format!("{}-{}", self.producers[at].client.transactional_id, self.values);
        let open = *self.producers[at].open.get_or_insert(self.ledger.len());
        if open == self.ledger.len() {
            self.ledger.push(Transaction { known: Known::Open, values: Vec::new() });
        }
        if self.producers[at].client.version < 2 && !self.add(at, partition) {
            return self.begin_anew(at);
        }
        for _ in 0..30 {
            let topic = self.cluster.engine.topic_snapshot("a").unwrap();
            let leader = topic.partitions[usize::try_from(partition).unwrap()].leader;
            let (version, request) = self.producers[at].client.produce_request("a", partition, &[&value]);
            let answered = if leader == BrokerId::NONE { None } else { self.ask(leader.0, version, request) };
            let code = answered.map(|response| ErrorCode::new(response.responses[0].partition_responses[0].error_code));
            match code {
                Some(ErrorCode::NONE) => {
                    *self.producers[at].client.sequences.entry(partition).or_default() += 1;
                    self.ledger[open].values.push((partition, value));
                    return;
                }
                Some(code) if !code.is_retriable() => return self.begin_anew(at),
                _ => self.cluster.pass_ms(50),
            }
            self.check();
        }
        self.begin_anew(at);
    }

    fn add(&mut self, at: usize, partition: i32) -> bool {
        for _ in 0..100 {
            let request = self.producers[at].client.add_request("a", partition);
            let answered = self.ask_coordinator(at, 3, request);
            let row = |response: &crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnResponse| {
                let topic = &response.results_by_topic_v3_and_below[0];
                ErrorCode::new(topic.results_by_partition[0].partition_error_code)
            };
            match answered.as_ref().map(row) {
                Some(ErrorCode::NONE) => return true,
                Some(code) if !code.is_retriable() => return false,
                _ => self.cluster.pass_ms(50),
            }
        }
        false
    }

    fn end(&mut self, at: usize, committed: bool) {
        let Some(open) = self.producers[at].open else { return };
        let mut is_in_doubt = false;
        for _ in 0..40 {
            let (version, request) = self.producers[at].client.end_request(committed);
            if committed {
                self.ledger[open].known = Known::Unknown;
            }
            let answered = self.ask_coordinator(at, version, request);
            match answered.as_ref().map(|response| ErrorCode::new(response.error_code)) {
                Some(ErrorCode::NONE) => {
                    self.ledger[open].known = if committed { Known::Committed } else { Known::Aborted };
                    self.producers[at].open = None;
                    let (id, epoch) = answered.map(|response| (response.producer_id, response.producer_epoch)).unwrap();
                    if version >= 5 {
                        self.producers[at].client.become_producer(id, epoch);
                    }
                    return;
                }
                Some(code) if !code.is_retriable() => {
                    if committed && !is_in_doubt {
                        self.ledger[open].known = Known::Aborted;
                    }
                    return self.begin_anew(at);
                }
                // Decided, perhaps by the attempt before, or still by the transaction before that one.
                _ => is_in_doubt = true,
            }
            self.cluster.pass_ms(50);
            self.check();
        }
        self.begin_anew(at);
    }

    fn accident(&mut self) {
        let broker = self.any_broker();
        let command = match self.below(8) {
            0 => Command::Broker { broker, action: BrokerAction::Crash },
            1 | 2 => Command::Broker { broker, action: BrokerAction::Restart },
            3 => {
                let (from, to) = (Node::Broker(broker), Node::Broker(self.any_broker()));
                Command::Link { from, to, action: LinkAction::Latency { min_ms: 1, max_ms: 200 } }
            }
            4 => Command::HealLinks,
            5 => {
                let partition = PartitionIndex(i32::try_from(self.below(2)).unwrap());
                Command::Partition { topic: "a".into(), partition, action: PartitionAction::Elect { broker } }
            }
            _ => {
                let partition = PartitionIndex(i32::try_from(self.below(3)).unwrap());
                let topic = "__transaction_state".to_owned();
                Command::Partition { topic, partition, action: PartitionAction::Elect { broker } }
            }
        };
        // One at a time may be down, so that there are enough in sync before long.
        let down = (1..=BROKERS)
            .filter(|id| self.cluster.engine.broker_state(BrokerId(*id)) != crate::metadata::BrokerState::Running);
        if matches!(command, Command::Broker { action: BrokerAction::Crash, .. }) && down.count() > 0 {
            return;
        }
        // What cannot be done is not done.
        let _ = self.cluster.engine.apply(self.cluster.now, &command);
    }

    fn step(&mut self) {
        let at = usize::try_from(self.below(3)).unwrap();
        match self.below(20) {
            0..=14 if self.producers[at].is_broken => self.begin_anew(at),
            0..=8 => self.send(at),
            9..=11 => self.end(at, true),
            12 | 13 => self.end(at, false),
            14 => {
                let ms = i64::try_from(self.below(2_000)).unwrap();
                self.cluster.pass_ms(ms);
            }
            15 => self.begin_anew(at),
            16 if self.holds == 0 => {
                self.cluster.engine.hold_markers(self.cluster.now);
                self.holds = 1;
            }
            16 => self.release(),
            17 => {
                let id = self.producers[at].client.transactional_id;
                // None may be open.
                let _ = self.cluster.engine.act_on_transaction(self.cluster.now, id, TransactionAction::TimeOut);
            }
            _ => self.accident(),
        }
        self.check();
    }

    fn release(&mut self) {
        if self.holds > 0 {
            self.cluster.engine.release_markers(self.cluster.now);
            self.holds = 0;
        }
    }

    /// What a reader of committed transactions sees of a partition, at its leader.
    fn visible(&self, partition: i32) -> Vec<String> {
        let id = self.cluster.engine.state.topics.get("a").unwrap().id;
        let log = self.cluster.engine.state.find_partition(id, PartitionIndex(partition)).unwrap();
        if log.leader() == BrokerId::NONE {
            return Vec::new();
        }
        let limit = ReadLimit { max_bytes: usize::MAX, min_one: true };
        let read = log.read(log.leader(), Offset(0), Isolation::ReadCommitted, limit).unwrap();
        let leader = log.leader_replica().unwrap().log();
        let aborted = leader.aborted_transactions(Offset(0), read.next_offset);
        let aborted = aborted.map(|found| (found.producer_id.0, found.first_offset.0)).collect();
        values_of(&read.to_bytes(), Some(&aborted))
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        for partition in 0..PARTITIONS {
            let id = self.cluster.engine.state.topics.get("a").unwrap().id;
            let log = self.cluster.engine.state.find_partition(id, PartitionIndex(partition)).unwrap();
            if log.leader() == BrokerId::NONE {
                continue;
            }
            let (stable, high, end) = (log.last_stable_offset(), log.high_watermark(), log.log_end_offset());
            assert!(stable <= high && high <= end, "{stable} {high} {end}");
            let before = self.stable.insert(partition, (log.leader_epoch(), stable));
            if let Some((_, seen)) = before.filter(|(epoch, _)| *epoch == log.leader_epoch()) {
                assert!(stable >= seen, "the last stable offset went back from {seen} to {stable}");
            }
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            self.visible(partition).into_iter().for_each(|value| *times.entry(value).or_default() += 1);
            for transaction in &self.ledger {
                for (_, value) in transaction.values.iter().filter(|(at, _)| *at == partition) {
                    let seen = times.get(value).copied().unwrap_or(0);
                    let most = usize::from(!matches!(transaction.known, Known::Open | Known::Aborted));
                    assert!(seen <= most, "{value} of a transaction {:?} is seen {seen} times", transaction.known);
                }
            }
        }
    }

    /// Lets everything come to rest, and holds the ledger against what is there.
    fn finish(mut self) {
        self.release();
        for broker in 1..=BROKERS {
            let command = Command::Broker { broker: BrokerId(broker), action: BrokerAction::Restart };
            let _ = self.cluster.engine.apply(self.cluster.now, &command);
        }
        self.cluster.engine.apply(self.cluster.now, &Command::HealLinks).unwrap();
        self.cluster.pass_ms(200_000);
        self.check();
        assert_eq!(self.cluster.engine.markers_on_the_way(), 0);
        for found in self.cluster.engine.transactions() {
            assert!(found.state.is_complete(), "{found}");
        }
        let mut seen: BTreeMap<(i32, String), usize> = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let snapshot = self.cluster.engine.topic_snapshot("a").unwrap();
            let row = &snapshot.partitions[usize::try_from(partition).unwrap()];
            let id = self.cluster.engine.state.topics.get("a").unwrap().id;
            let log = self.cluster.engine.state.find_partition(id, PartitionIndex(partition)).unwrap();
            assert_eq!(log.last_stable_offset(), row.high_watermark, "a transaction hangs");
            assert_eq!(row.high_watermark, row.log_end_offset);
            self.visible(partition).into_iter().for_each(|value| *seen.entry((partition, value)).or_default() += 1);
        }
        for transaction in &self.ledger {
            let times = transaction.values.iter().map(|at| seen.get(at).copied().unwrap_or(0));
            let times: Vec<usize> = times.collect();
            let fits = match transaction.known {
                Known::Committed => times.iter().all(|times| *times == 1),
                Known::Aborted | Known::Open => times.iter().all(|times| *times == 0),
                Known::Unknown => times.iter().all(|n| *n == 1) || times.iter().all(|n| *n == 0),
            };
            assert!(fits, "{:?} {:?} was seen {times:?} times", transaction.known, transaction.values);
        }
    }
}

#[test]
fn a_reader_sees_committed_transactions_once_and_aborted_ones_never() {
    let mut committed = 0;
    for seed in 0..40 {
        let run = std::panic::AssertUnwindSafe(|| {
            let mut model = Model::new(seed);
            (0..60).for_each(|_| model.step());
            let count = model.ledger.iter().filter(|found| found.known == Known::Committed).count();
            model.finish();
            count
        });
        match std::panic::catch_unwind(run) {
            Ok(count) => committed += count,
            Err(why) => {
                let text = why.downcast_ref::<String>().cloned().unwrap_or_default();
                panic!("seed {seed}: {text}");
            }
        }
    }
    // Accidents leave room for success.
    assert!(committed > 50, "{committed}");
}
