//! Random disasters against what replication promises: acknowledged records stay, replicas agree, high watermarks hold.

use super::testing::Answer;
use super::testing::TestCluster;
use super::testing::batch;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ConnectionId;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::config::NewTopic;
use crate::log::PartitionLog;
use crate::wire::codec::Records;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceData;
use proptest::prelude::*;
use std::collections::BTreeMap;

const BROKERS: i32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Produce { acks: i16 },
    Broker { broker: i32, action: BrokerAction },
    Link { from: i32, to: i32, action: LinkAction },
    Partition(PartitionAction),
    Pass { ms: i64 },
    HealLinks,
}

fn id() -> impl Strategy<Value = i32> {
    1..=BROKERS
}

fn broker() -> impl Strategy<Value = BrokerId> {
    id().prop_map(BrokerId)
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        1 => Just(BrokerAction::Crash),
        3 => Just(BrokerAction::Restart),
        1 => Just(BrokerAction::Shutdown),
        1 => Just(BrokerAction::Pause),
        2 => Just(BrokerAction::Resume),
        1 => Just(BrokerAction::Fence),
        2 => Just(BrokerAction::Unfence),
    ];
    let link = prop_oneof![
        1 => Just(LinkAction::Cut),
        1 => Just(LinkAction::Clog),
        1 => Just(LinkAction::Heal),
        1 => (0u32..50, 0u32..200).prop_map(|(min_ms, max_ms)| LinkAction::Latency { min_ms, max_ms }),
        1 => (10u64..10_000).prop_map(|bytes_per_second| LinkAction::Bandwidth { bytes_per_second }),
    ];
    let partition = prop_oneof![
        2 => broker().prop_map(|broker| PartitionAction::Elect { broker }),
        1 => Just(PartitionAction::ElectPreferred),
        1 => Just(PartitionAction::ElectAny),
        1 => Just(PartitionAction::Leaderless),
        1 => broker().prop_map(|broker| PartitionAction::HoldReplication { broker }),
        2 => broker().prop_map(|broker| PartitionAction::ReleaseReplication { broker }),
        1 => broker().prop_map(|broker| PartitionAction::ShrinkIsr { broker }),
    ];
    prop_oneof![
        8 => prop_oneof![Just(-1), Just(1)].prop_map(|acks| Step::Produce { acks }),
        4 => (id(), action).prop_map(|(broker, action)| Step::Broker { broker, action }),
        3 => (id(), id(), link).prop_map(|(from, to, action)| Step::Link { from, to, action }),
        2 => partition.prop_map(Step::Partition),
        4 => prop_oneof![0i64..100, 0i64..1_000, 0i64..40_000].prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::HealLinks),
    ]
}

struct Model {
    cluster: TestCluster,
    sent: usize,
    waiting: Vec<(ConnectionId, String)>,
    /// Values whose producers were told that all of the ISR have them.
    acknowledged: Vec<String>,
    /// What any leader ever showed below its high watermark.
    committed: BTreeMap<i64, String>,
    /// The highest high watermark of each leader epoch.
    high_watermarks: BTreeMap<i32, i64>,
}

fn log_of(cluster: &TestCluster) -> &PartitionLog {
    let topic = cluster.engine.state.topics.get("a").unwrap().id;
    cluster.engine.state.find_partition(topic, PartitionIndex(0)).unwrap()
}

/// Offset, epoch and value of what a replica holds, one record per batch.
fn contents(log: &PartitionLog, broker: BrokerId) -> Vec<(i64, i32, String)> {
    let batches = log.replica(broker).unwrap().log().batches(Offset(0));
    let row = |batch: &std::sync::Arc<crate::wire::batch::Batch>| {
        let record = batch.records().unwrap().next().unwrap().unwrap();
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        (batch.header.base_offset.0, batch.header.partition_leader_epoch.0, value)
    };
    batches.map(row).collect()
}

impl Model {
    fn new(min_insync_replicas: usize) -> Self {
        let mut cluster = TestCluster::new(3);
        let topic = NewTopic::new("a").partitions(1).replication_factor(3);
        let topic = topic.config("min.insync.replicas", min_insync_replicas.to_string());
        cluster.engine.create_topic(cluster.now, topic).unwrap();
        let (waiting, acknowledged) = (Vec::new(), Vec::new());
        let (committed, high_watermarks) = (BTreeMap::new(), BTreeMap::new());
        Self { cluster, sent: 0, waiting, acknowledged, committed, high_watermarks }
    }

    fn take(&mut self, step: Step) {
        let now = self.cluster.now;
        let command = match step {
            Step::Produce { acks } => return self.produce(acks),
            Step::Pass { ms } => return self.cluster.pass_ms(ms),
            Step::Broker { broker, action } => Command::Broker { broker: BrokerId(broker), action },
            Step::Link { from, to, action } if from != to => {
                Command::Link { from: Node::Broker(BrokerId(from)), to: Node::Broker(BrokerId(to)), action }
            }
            Step::Link { .. } => return,
            Step::Partition(action) => {
                Command::Partition { topic: "a".to_owned(), partition: PartitionIndex(0), action }
            }
            Step::HealLinks => Command::HealLinks,
        };
        // What cannot be done is not done.
        let _ = self.cluster.engine.apply(now, &command);
    }

    fn produce(&mut self, acks: i16) {
        let leader = log_of(&self.cluster).leader();
        if leader == BrokerId::NONE {
            return;
        }
        self.sent += 1;
        let value = self.sent.to_string();
        let data = PartitionProduceData {
            index: 0,
            records: Some(Records::from(batch(&[&value]).to_bytes())),
            ..PartitionProduceData::default()
        };
        let topic = TopicProduceData { name: "a".into(), partition_data: vec![data], ..TopicProduceData::default() };
        let request = ProduceRequest { acks, timeout_ms: 5_000, topic_data: vec![topic], ..ProduceRequest::default() };
        let connection = self.cluster.connect(leader.0);
        let answer = self.cluster.send(connection, 9, request);
        self.on_answer(connection, value, acks, answer);
    }

    fn on_answer(&mut self, connection: ConnectionId, value: String, acks: i16, answer: Answer<ProduceResponse>) {
        match answer {
            Answer::Waiting if acks == -1 => self.waiting.push((connection, value)),
            Answer::Response(response)
                if acks == -1 && response.responses[0].partition_responses[0].error_code == 0 =>
            {
                self.acknowledged.push(value);
            }
            _ => {}
        }
    }

    fn collect(&mut self) {
        for (connection, value) in std::mem::take(&mut self.waiting) {
            let answer = self.cluster.received::<ProduceResponse>(connection);
            self.on_answer(connection, value, -1, answer);
        }
    }

    fn check(&mut self) {
        self.collect();
        let log = log_of(&self.cluster);
        let held: Vec<_> = (1..=BROKERS).map(|id| contents(log, BrokerId(id))).collect();
        for replica in log.replicas() {
            let (high_watermark, end) = (replica.high_watermark(), replica.log().log_end_offset());
            assert!(high_watermark <= end, "{high_watermark} is beyond {end}");
        }
        let leader = log.leader();
        if let Some(place) = usize::try_from(leader.0 - 1).ok().filter(|_| leader != BrokerId::NONE) {
            let high_watermark = log.high_watermark();
            for member in log.isr() {
                let end = log.replica(*member).unwrap().log().log_end_offset();
                assert!(end >= high_watermark, "broker {member} is in sync and ends at {end}, below {high_watermark}");
            }
            let highest = self.high_watermarks.entry(log.leader_epoch().0).or_insert(0);
            assert!(high_watermark.0 >= *highest, "the high watermark went back within an epoch");
            *highest = high_watermark.0;
            // What was committed is in every leader's log.
            for (offset, value) in &self.committed {
                let found = held[place].iter().find(|row| row.0 == *offset).map(|row| &row.2);
                assert_eq!(found, Some(value), "offset {offset} was committed");
            }
            for row in held[place].iter().filter(|row| row.0 < high_watermark.0) {
                self.committed.insert(row.0, row.2.clone());
            }
        }
        // One offset and epoch, one record, and the same before it.
        for one in &held {
            assert!(one.windows(2).all(|pair| pair[0].1 <= pair[1].1), "epochs rise with offsets: {one:?}");
            for other in &held {
                let common = one.iter().zip(other).rposition(|(a, b)| a.0 == b.0 && a.1 == b.1);
                if let Some(last) = common {
                    assert_eq!(one[..=last], other[..=last], "logs match");
                }
            }
        }
    }

    /// Everything heals; then all agree and nothing acknowledged is missing.
    fn heal(mut self) {
        self.take(Step::HealLinks);
        for broker in 1..=BROKERS {
            for action in [BrokerAction::Resume, BrokerAction::Restart, BrokerAction::Unfence] {
                self.take(Step::Broker { broker, action });
            }
            let broker = BrokerId(broker);
            self.take(Step::Partition(PartitionAction::ReleaseReplication { broker }));
            self.check();
        }
        self.take(Step::Partition(PartitionAction::ElectAny));
        for broker in 1..=BROKERS {
            self.take(Step::Partition(PartitionAction::ExpandIsr { broker: BrokerId(broker) }));
        }
        self.cluster.pass_ms(310_000);
        self.check();
        // A replica that was shut out of the ISR joins when something is replicated.
        self.produce(1);
        self.check();
        let log = log_of(&self.cluster);
        assert_eq!((log.leader(), log.isr().len()), (BrokerId(1), 3));
        let held: Vec<_> = (1..=BROKERS).map(|id| contents(log, BrokerId(id))).collect();
        assert!(held.iter().all(|one| *one == held[0]), "{held:?}");
        assert_eq!(log.high_watermark(), log.log_end_offset());
        for value in &self.acknowledged {
            assert!(held[0].iter().any(|row| row.2 == *value), "{value} was acknowledged and is lost: {held:?}");
        }
    }
}

fn run(min_insync_replicas: usize, steps: Vec<Step>) {
    let mut model = Model::new(min_insync_replicas);
    for step in steps {
        model.take(step);
        model.check();
    }
    model.heal();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_disaster_loses_what_was_acknowledged(
        min_insync_replicas in 1usize..=3,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        run(min_insync_replicas, steps);
    }
}
