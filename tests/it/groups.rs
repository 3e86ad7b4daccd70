//! Groups of our own consumers on our own cluster, in memory on virtual time.

use rehearsal::base::{Offset, Seed};
use rehearsal::client::{
    Assignor, Claim, Client, Consumer, ConsumerBuilder, ConsumerRecord, CooperativeStickyAssignor, GroupHandler,
    GroupProtocol, Interceptor, OffsetReset, OnClose, ProducerRecord, RangeAssignor, Rebalance, RebalanceListener,
    RoundRobinAssignor, StartFrom, StickyAssignor, TopicPartition,
};
use rehearsal::{Cluster, ErrorCode, NewTopic, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

type Way = (&'static str, Box<dyn Fn(ConsumerBuilder) -> ConsumerBuilder>);

async fn cluster(partitions: usize) -> Cluster {
    Cluster::in_memory().brokers(3).topic("t", partitions).start().await.unwrap()
}

async fn connect(cluster: &Cluster) -> Client {
    Client::connect(cluster).await.unwrap()
}

/// Values `0..count`, dealt to the partitions in turn.
fn fill(cluster: &Cluster, partitions: i32, values: std::ops::Range<i32>) {
    for value in values {
        cluster.seed("t", [Record::new(value.to_string()).partition(value % partitions)]).unwrap();
    }
}

async fn member(cluster: &Cluster, settings: impl FnOnce(ConsumerBuilder) -> ConsumerBuilder) -> Consumer {
    let builder = connect(cluster).await.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = settings(builder).build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

fn value(record: &ConsumerRecord) -> i32 {
    std::str::from_utf8(record.value.as_deref().unwrap()).unwrap().parse().unwrap()
}

fn indexes(consumer: &Consumer) -> Vec<i32> {
    consumer.assignment().iter().map(|partition| partition.partition.0).collect()
}

/// What a consumer gets within some time.
async fn drain(consumer: &mut Consumer, ms: u64) -> Vec<i32> {
    let mut values = Vec::new();
    let reading = async {
        loop {
            values.push(value(&consumer.recv().await.unwrap()));
        }
    };
    let _: Result<(), _> = timeout(Duration::from_millis(ms), reading).await;
    values
}

#[tokio::test(start_paused = true)]
async fn a_single_member_reads_everything_commits_and_goes_on_where_it_was() {
    let cluster = cluster(4).await;
    fill(&cluster, 4, 0..40);
    let mut consumer = member(&cluster, |builder| builder).await;
    let mut values = drain(&mut consumer, 1_000).await;
    values.sort_unstable();
    assert_eq!(values, (0..40).collect::<Vec<_>>());
    assert_eq!(indexes(&consumer), [0, 1, 2, 3]);
    consumer.close().await.unwrap();
    assert_eq!(cluster.group("g").lag("t"), 0);
    assert_eq!(cluster.group("g").members().len(), 0);
    fill(&cluster, 4, 40..44);
    let mut consumer = member(&cluster, |builder| builder).await;
    let mut values = drain(&mut consumer, 1_000).await;
    values.sort_unstable();
    assert_eq!(values, [40, 41, 42, 43]);
}

/// Both protocols, and in the classic one each assignor.
fn ways() -> Vec<Way> {
    fn classic(assignor: impl Assignor + 'static) -> Box<dyn Fn(ConsumerBuilder) -> ConsumerBuilder> {
        let assignor: Arc<dyn Assignor> = Arc::new(assignor);
        Box::new(move |builder| builder.partition_assignment_strategy([Arc::clone(&assignor)]))
    }
    vec![
        ("range", classic(RangeAssignor)),
        ("roundrobin", classic(RoundRobinAssignor)),
        ("sticky", classic(StickyAssignor)),
        ("cooperative-sticky", classic(CooperativeStickyAssignor)),
        ("KIP-848", Box::new(|builder| builder.group_protocol(GroupProtocol::Consumer))),
    ]
}

#[tokio::test(start_paused = true)]
async fn two_members_share_a_topic_and_one_inherits_it() {
    for (way, settings) in ways() {
        let cluster = cluster(4).await;
        let mut one = member(&cluster, &settings).await;
        drain(&mut one, 100).await;
        assert_eq!(indexes(&one), [0, 1, 2, 3], "{way}");
        let mut two = member(&cluster, &settings).await;
        tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        let first = indexes(&one);
        assert_eq!((first.len(), indexes(&two).len()), (2, 2), "{way}");
        assert!(indexes(&two).iter().all(|index| !first.contains(index)), "{way}");
        fill(&cluster, 4, 0..40);
        let (ones, twos) = tokio::join!(drain(&mut one, 1_000), drain(&mut two, 1_000));
        assert_eq!((ones.len(), twos.len()), (20, 20), "{way}");
        assert!(ones.iter().all(|value| first.contains(&(value % 4))), "{way}");
        two.close().await.unwrap();
        drain(&mut one, 20_000).await;
        assert_eq!(indexes(&one), [0, 1, 2, 3], "{way}");
        one.close().await.unwrap();
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn older_releases_have_groups_as_well() {
    for version in ["0.11", "1.1", "2.8", "3.9", "4.1"] {
        for (way, settings) in ways() {
            if way == "KIP-848" && version != "4.1" {
                continue;
            }
            let cluster = Cluster::in_memory().topic("t", 4).kafka_version(version).start().await.unwrap();
            fill(&cluster, 4, 0..40);
            let mut one = member(&cluster, &settings).await;
            drain(&mut one, 1_000).await;
            let mut two = member(&cluster, &settings).await;
            tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
            assert_eq!((indexes(&one).len(), indexes(&two).len()), (2, 2), "{version} {way}");
            one.close().await.unwrap();
            two.close().await.unwrap();
            assert_eq!(cluster.group("g").lag("t"), 0, "{version} {way}");
            assert_eq!(cluster.group("g").members().len(), 0, "{version} {way}");
            let mut again = member(&cluster, &settings).await;
            assert_eq!(drain(&mut again, 1_000).await, Vec::<i32>::new(), "{version} {way}");
        }
    }
    let cluster = Cluster::in_memory().topic("t", 1).kafka_version("2.8").start().await.unwrap();
    let mut new = member(&cluster, |builder| builder.group_protocol(GroupProtocol::Consumer)).await;
    let error = timeout(Duration::from_secs(5), new.recv()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the broker does not have ConsumerGroupHeartbeat");
}

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn write(&self, what: &str, partitions: &[TopicPartition]) {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        self.0.lock().unwrap().push(format!("{what} {}", partitions.join(" ")));
    }
}

impl RebalanceListener for Log {
    fn on_assigned(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        self.write("assigned", partitions);
    }

    fn on_revoked(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        self.write("revoked", partitions);
    }

    fn on_lost(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
        self.write("lost", partitions);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_of_what_comes_and_goes() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        let log = Log::default();
        let mut one = member(&cluster, &settings).await;
        one.set_rebalance_listener(log.clone()).unwrap();
        drain(&mut one, 1_000).await;
        assert_eq!(log.take(), ["assigned t-0 t-1"], "{way}");
        let mut two = member(&cluster, &settings).await;
        tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        let (mine, other) = (indexes(&one)[0], indexes(&two)[0]);
        let eager = ["revoked t-0 t-1".to_owned(), format!("assigned t-{mine}")];
        let cooperative = [format!("revoked t-{other}")];
        let expected = if matches!(way, "cooperative-sticky" | "KIP-848") { &cooperative[..] } else { &eager[..] };
        assert_eq!(log.take(), expected, "{way}");
        // Somebody else takes the one for the other.
        cluster.group("g").expire_member(&cluster.group("g").members()[0].member_id).unwrap();
        tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        let told = log.take();
        assert_eq!(told[0], format!("lost t-{mine}"), "{way} {told:?}");
        let commits = one.positions().len();
        one.close().await.unwrap();
        assert_eq!(log.take().len(), commits.min(1), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_crashes_is_missed_after_its_session_and_its_partitions_are_read_on() {
    for (way, settings) in ways() {
        let cluster = Cluster::in_memory()
            .topic("t", 4)
            .broker_config("group.consumer.session.timeout.ms", "45000")
            .start()
            .await
            .unwrap();
        fill(&cluster, 4, 0..40);
        let mut one = member(&cluster, &settings).await;
        let mut two = member(&cluster, |builder| settings(builder).on_close(OnClose::RemainInGroup)).await;
        let (mut ones, _) = tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        fill(&cluster, 4, 40..80);
        drop(two);
        assert_eq!(drain(&mut one, 30_000).await.len(), 20, "{way}");
        ones.extend(drain(&mut one, 60_000).await);
        assert_eq!(indexes(&one), [0, 1, 2, 3], "{way}");
        assert_eq!(cluster.group("g").members().len(), 1, "{way}");
        one.close().await.unwrap();
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_ask_for_records_loses_its_partitions_and_comes_back() {
    for (way, settings) in ways() {
        let cluster = cluster(4).await;
        fill(&cluster, 4, 0..4);
        let log = Log::default();
        let slow = |builder| settings(builder).max_poll_interval(Duration::from_secs(10));
        let mut one = member(&cluster, slow).await;
        one.set_rebalance_listener(log.clone()).unwrap();
        assert_eq!(drain(&mut one, 5_000).await.len(), 4, "{way}");
        // Waiting for a record for long is not being away.
        assert_eq!(drain(&mut one, 60_000).await.len(), 0, "{way}");
        assert_eq!(log.take(), ["assigned t-0 t-1 t-2 t-3"], "{way}");
        sleep(Duration::from_secs(14)).await;
        assert_eq!(cluster.group("g").members().len(), 0, "{way}");
        let refused = one.commit().await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::UNKNOWN_MEMBER_ID), "{way}");
        drain(&mut one, 10_000).await;
        assert_eq!(log.take(), ["lost t-0 t-1 t-2 t-3", "assigned t-0 t-1 t-2 t-3"], "{way}");
        assert_eq!(indexes(&one), [0, 1, 2, 3], "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_static_member_is_waited_for() {
    for (way, settings) in ways() {
        let cluster = cluster(4).await;
        let named = |name: &'static str| {
            let settings = &settings;
            move |builder| settings(builder).group_instance_id(name)
        };
        let mut one = member(&cluster, named("one")).await;
        let mut two = member(&cluster, named("two")).await;
        tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        let (before, mine) = (cluster.group("g").generation(), indexes(&two));
        let log = Log::default();
        one.set_rebalance_listener(log.clone()).unwrap();
        two.close().await.unwrap();
        let mut two = member(&cluster, named("two")).await;
        tokio::join!(drain(&mut one, 5_000), drain(&mut two, 5_000));
        assert_eq!((cluster.group("g").generation(), indexes(&two)), (before, mine), "{way}");
        assert_eq!(log.take(), Vec::<String>::new(), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_with_one_name_only_one_is_a_member() {
    for (way, settings) in ways() {
        let cluster = cluster(4).await;
        let named = |builder| settings(builder).group_instance_id("me");
        let mut one = member(&cluster, named).await;
        drain(&mut one, 5_000).await;
        let mut two = member(&cluster, named).await;
        let (first, second) =
            tokio::join!(timeout(Duration::from_secs(20), one.recv()), timeout(Duration::from_secs(20), two.recv()));
        // The classic protocol puts the former one out, the new one refuses the latter.
        let (outcast, code) = match way {
            "KIP-848" => (second, ErrorCode::UNRELEASED_INSTANCE_ID),
            _ => (first, ErrorCode::FENCED_INSTANCE_ID),
        };
        assert_eq!(outcast.unwrap().unwrap_err().code(), Some(code), "{way}");
        let owned = [indexes(&one), indexes(&two)];
        assert_eq!(owned.iter().map(Vec::len).max(), Some(4), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_survives_its_coordinator() {
    for (way, settings) in ways() {
        let cluster = cluster(4).await;
        let mut one = member(&cluster, &settings).await;
        let mut two = member(&cluster, &settings).await;
        tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        let generation = cluster.group("g").generation();
        for round in 0..3 {
            let now = cluster.group("g").coordinator().unwrap().0;
            cluster.group("g").move_coordinator(now % 3 + 1).unwrap();
            fill(&cluster, 4, round * 8..round * 8 + 8);
            let (ones, twos) = tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
            assert_eq!(ones.len() + twos.len(), 8, "{way}");
            one.commit().await.unwrap();
            two.commit().await.unwrap();
            assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
        }
        assert_eq!(cluster.group("g").generation(), generation, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_partitions_and_new_topics_are_found() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        let client = Client::builder()
            .endpoint(cluster.endpoint())
            .metadata_max_age(Duration::from_secs(5))
            .allow_auto_create_topics(false)
            .connect()
            .await
            .unwrap();
        let builder = settings(client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest));
        let mut named = builder.clone().build();
        named.subscribe(["t", "later"]).unwrap();
        let mut matching = builder.group_id("h").build();
        matching.subscribe_pattern("t|lat.*").unwrap();
        tokio::join!(drain(&mut named, 10_000), drain(&mut matching, 10_000));
        assert_eq!((named.assignment().len(), matching.assignment().len()), (2, 2), "{way}");
        client.admin().create_partitions([("t", 3)]).await.unwrap().all().unwrap();
        cluster.create_topic(NewTopic::new("later").partitions(1)).unwrap();
        cluster.create_topic(NewTopic::new("a-later").partitions(1)).unwrap();
        cluster.seed("later", [Record::new("7")]).unwrap();
        let (one, two) = tokio::join!(drain(&mut named, 60_000), drain(&mut matching, 60_000));
        assert_eq!((named.assignment().len(), matching.assignment().len()), (4, 4), "{way}");
        assert_eq!((one, two), (vec![7], vec![7]), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_a_commit_is_read_as_the_reset_says() {
    async fn check(reset: OffsetReset, expected: &[i32]) {
        let cluster = cluster(1).await;
        let producer = connect(&cluster).await.producer().build();
        for value in 0..5 {
            producer.send(ProducerRecord::new("t").value(value.to_string())).await.unwrap();
            sleep(Duration::from_secs(10)).await;
        }
        let mut consumer = member(&cluster, |builder| builder.auto_offset_reset(reset)).await;
        let first = timeout(Duration::from_secs(2), consumer.recv()).await;
        if reset == OffsetReset::None {
            let reason = first.unwrap().unwrap_err().to_string();
            assert_eq!(reason, "nothing is committed for t-0, and auto.offset.reset is none");
            consumer.seek(&TopicPartition::new("t", 0).unwrap(), StartFrom::Offset(Offset(4))).unwrap();
            assert_eq!(drain(&mut consumer, 1_000).await, expected);
            return;
        }
        let mut values: Vec<i32> = first.ok().map(|first| value(&first.unwrap())).into_iter().collect();
        values.extend(drain(&mut consumer, 1_000).await);
        assert_eq!(values, expected, "{reset:?}");
    }
    check(OffsetReset::Earliest, &[0, 1, 2, 3, 4]).await;
    check(OffsetReset::Latest, &[]).await;
    check(OffsetReset::ByDuration(Duration::from_secs(25)), &[3, 4]).await;
    check(OffsetReset::None, &[4]).await;
}

#[tokio::test(start_paused = true)]
async fn commits_say_exactly_how_far_they_go() {
    let cluster = cluster(1).await;
    fill(&cluster, 1, 0..10);
    let mut consumer = member(&cluster, |builder| builder.enable_auto_commit(false)).await;
    let group = cluster.group("g");
    let third = {
        consumer.recv().await.unwrap();
        consumer.recv().await.unwrap();
        consumer.recv().await.unwrap()
    };
    assert_eq!(group.committed("t", 0), None);
    consumer.commit_record(&third).await.unwrap();
    assert_eq!(group.committed("t", 0), Some(3));
    consumer.recv().await.unwrap();
    consumer.commit().await.unwrap();
    assert_eq!(group.committed("t", 0), Some(4));
    let here = TopicPartition::new("t", 0).unwrap();
    consumer.commit_offsets([(here.clone(), Offset(2))]).await.unwrap();
    let committed = consumer.committed([&here]).await.unwrap();
    assert_eq!(committed[&here].as_ref().map(|committed| committed.offset), Some(Offset(2)));
    let message = {
        let mut stream = consumer.messages().unwrap();
        std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut stream), cx)).await
    };
    let message = message.unwrap().unwrap();
    message.commit().await.unwrap();
    assert_eq!((value(&message), group.committed("t", 0)), (4, Some(5)));
    assert_eq!(consumer.poll_batch(3, Duration::from_secs(1)).await.unwrap().len(), 3);
    assert_eq!(consumer.poll_batch(3, Duration::from_secs(1)).await.unwrap().len(), 2);
    assert_eq!(consumer.poll_batch(3, Duration::from_secs(1)).await.unwrap().len(), 0);
    consumer.commit_async().unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(group.committed("t", 0), Some(10));
    consumer.seek(&here, StartFrom::Committed).unwrap();
    consumer.commit_offsets([(here, Offset(8))]).await.unwrap();
    consumer.unsubscribe();
    assert_eq!(group.committed("t", 0), Some(8));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(group.members().len(), 0);
    consumer.subscribe(["t"]).unwrap();
    assert_eq!(drain(&mut consumer, 1_000).await, [8, 9]);
}

/// The interval used to switch on what had been switched off, so that an application which committed by hand had its
/// offsets moved under it.
#[tokio::test(start_paused = true)]
async fn an_interval_alone_does_not_make_a_consumer_commit() {
    let cluster = cluster(1).await;
    fill(&cluster, 1, 0..3);
    let often = Duration::from_millis(100);
    for (enabled, expected) in [(false, None), (true, Some(3))] {
        let settings = |builder: ConsumerBuilder| builder.enable_auto_commit(enabled).auto_commit_interval(often);
        let mut consumer = member(&cluster, settings).await;
        assert_eq!(drain(&mut consumer, 1_000).await, [0, 1, 2]);
        assert_eq!(cluster.group("g").committed("t", 0), expected);
        consumer.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_for_a_partition_that_went_to_somebody_else() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        fill(&cluster, 2, 0..20);
        let settings = |builder| settings(builder).enable_auto_commit(false);
        let mut one = member(&cluster, settings).await;
        let mut records = Vec::new();
        for _ in 0..20 {
            records.push(one.recv().await.unwrap());
        }
        // What is asked for before a partition goes is done before it goes.
        one.commit_async().unwrap();
        let mut two = member(&cluster, settings).await;
        let (_, again) = tokio::join!(drain(&mut one, 20_000), drain(&mut two, 20_000));
        assert_eq!(again, Vec::<i32>::new(), "{way}");
        let other = indexes(&two)[0];
        let stale = records.iter().find(|record| record.partition.0 == other).unwrap();
        let refused = one.commit_record(stale).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ILLEGAL_GENERATION), "{way}");
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_names_its_partitions_commits_without_being_a_member() {
    let cluster = cluster(2).await;
    fill(&cluster, 2, 0..10);
    let client = connect(&cluster).await;
    let read = async |values: usize| {
        let mut consumer = client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest).build();
        consumer.assign_topic("t", StartFrom::Committed).await.unwrap();
        for _ in 0..values {
            timeout(Duration::from_secs(5), consumer.recv()).await.unwrap().unwrap();
        }
        consumer.close().await.unwrap();
        cluster.group("g").lag("t")
    };
    assert_eq!((read(4).await, read(5).await), (6, 1));
    let mut alone = client.consumer().build();
    alone.assign([(TopicPartition::new("t", 0).unwrap(), StartFrom::Committed)]);
    let reason = alone.recv().await.unwrap_err().to_string();
    assert_eq!(reason, "t-0 cannot begin at what is committed: the consumer has no group_id");
    assert!(alone.subscribe(["t"]).is_err() && alone.commit().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_consumer_leaves_its_group_and_no_task_behind() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        sleep(Duration::from_secs(1)).await;
        let before = alive();
        let mut one = member(&cluster, &settings).await;
        drain(&mut one, 10_000).await;
        assert_eq!(cluster.group("g").members().len(), 1, "{way}");
        assert!(alive() > before);
        drop(one);
        // As long as the longest poll.
        sleep(Duration::from_millis(600)).await;
        assert_eq!(cluster.group("g").members().len(), 0, "{way}");
        assert_eq!(alive(), before, "{way}");
        // One that never came to be a member, and one whose cluster is gone.
        drop(member(&cluster, &settings).await);
        let orphan = member(&cluster, &settings).await;
        sleep(Duration::from_secs(10)).await;
        cluster.shutdown().await;
        drop(orphan);
        sleep(Duration::from_secs(40)).await;
        assert_eq!(alive(), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_fit_into_a_group_is_told_each_time() {
    let cluster = cluster(2).await;
    let range = |builder: ConsumerBuilder| builder.partition_assignment_strategy([Arc::new(RangeAssignor) as _]);
    let other = |builder: ConsumerBuilder| builder.partition_assignment_strategy([Arc::new(StickyAssignor) as _]);
    let mut one = member(&cluster, range).await;
    drain(&mut one, 1_000).await;
    let mut two = member(&cluster, other).await;
    for _ in 0..2 {
        let error = timeout(Duration::from_secs(10), two.recv()).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "JoinGroup was answered with INCONSISTENT_GROUP_PROTOCOL");
    }
    let mut three = member(&cluster, |builder| builder.group_protocol(GroupProtocol::Consumer)).await;
    let error = timeout(Duration::from_secs(10), three.recv()).await;
    // The group is upgraded by a member of the new kind, where its policy allows that; by default it does.
    assert!(error.is_err());
    one.close().await.unwrap();
    // It may try again.
    two.subscribe(["t"]).unwrap();
    three.close().await.unwrap();
    drain(&mut two, 10_000).await;
    assert_eq!(indexes(&two), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_past_a_record_under_way() {
    let cluster = cluster(1).await;
    fill(&cluster, 1, 0..20);
    let settings = |builder: ConsumerBuilder| builder.auto_commit_interval(Duration::from_millis(100));
    let mut consumer = member(&cluster, settings).await;
    let most = Arc::new(Mutex::new((0, 0)));
    let process = |record: ConsumerRecord| {
        let most = Arc::clone(&most);
        async move {
            {
                let mut most = most.lock().unwrap();
                *most = (most.0 + 1, most.1.max(most.0 + 1));
            }
            // The sixth takes long, the others do not.
            let long = if value(&record) == 5 { 10_000 } else { 10 };
            sleep(Duration::from_millis(long)).await;
            most.lock().unwrap().0 -= 1;
            Ok::<(), rehearsal::client::Error>(())
        }
    };
    let group = cluster.group("g");
    assert!(timeout(Duration::from_secs(9), consumer.for_each_concurrent(4, process)).await.is_err());
    assert_eq!((group.committed("t", 0), most.lock().unwrap().1), (Some(5), 4));
    // What was not finished comes again, and all behind it, whoever asks for it.
    assert!(timeout(Duration::from_secs(12), consumer.for_each_concurrent(4, process)).await.is_err());
    assert_eq!(group.committed("t", 0), Some(20));
    fill(&cluster, 1, 20..24);
    let failing = |record: ConsumerRecord| async move {
        let failed = value(&record) == 22;
        if failed { Err(rehearsal::client::Error::Invalid("no".to_owned())) } else { Ok(()) }
    };
    assert_eq!(consumer.for_each_concurrent(2, failing).await.unwrap_err().to_string(), "no");
    consumer.close().await.unwrap();
    assert_eq!(group.committed("t", 0), Some(22));
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_waits_for_the_records_under_way() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        fill(&cluster, 2, 0..2);
        let mut one = member(&cluster, &settings).await;
        let slow = |_| async {
            sleep(Duration::from_secs(20)).await;
            Ok::<(), rehearsal::client::Error>(())
        };
        let first = timeout(Duration::from_secs(60), one.for_each_concurrent(8, slow));
        let second = async {
            // It comes when the other has both records under way.
            sleep(Duration::from_secs(1)).await;
            let mut two = member(&cluster, &settings).await;
            (drain(&mut two, 60_000).await, two)
        };
        let (_, (seen, two)) = tokio::join!(first, second);
        assert_eq!(seen, Vec::<i32>::new(), "{way}");
        assert_eq!((indexes(&one).len(), indexes(&two).len()), (1, 1), "{way}");
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
    }
}

/// Marks what it reads and writes down what happens.
struct Handler(Log, u64);

impl GroupHandler for Handler {
    type Error = rehearsal::client::Error;

    async fn set_up(&self, partitions: &[TopicPartition]) -> Result<(), Self::Error> {
        self.0.write("set up", partitions);
        Ok(())
    }

    async fn consume(&self, mut claim: Claim) -> Result<(), Self::Error> {
        let mut count = 0;
        while let Some(record) = claim.recv().await? {
            sleep(Duration::from_millis(self.1)).await;
            claim.mark(&record);
            count += 1;
        }
        claim.cancelled().await;
        claim.commit().await?;
        self.0.0.lock().unwrap().push(format!("{} ends after {count}", claim.partition()));
        Ok(())
    }

    async fn clean_up(&self, partitions: &[TopicPartition]) -> Result<(), Self::Error> {
        self.0.write("clean up", partitions);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_a_task_for_each_partition() {
    for (way, settings) in ways() {
        let cluster = cluster(2).await;
        fill(&cluster, 2, 0..20);
        let log = Log::default();
        let mut one = member(&cluster, &settings).await;
        one.run(Handler(log.clone(), 0), sleep(Duration::from_secs(5))).await.unwrap();
        let told = log.take();
        assert_eq!(told[0], "set up t-0 t-1", "{way}");
        assert_eq!(told[1..3].iter().collect::<BTreeSet<_>>().len(), 2, "{way}");
        assert!(told[1..3].iter().all(|line| line.ends_with(" ends after 10")), "{way} {told:?}");
        assert_eq!(told[3], "clean up t-0 t-1", "{way}");
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");

        fill(&cluster, 2, 20..1_020);
        let mut two = member(&cluster, &settings).await;
        let other = Log::default();
        let both = tokio::join!(
            one.run(Handler(log.clone(), 20), sleep(Duration::from_secs(60))),
            two.run(Handler(other.clone(), 20), sleep(Duration::from_secs(60)))
        );
        both.0.unwrap();
        both.1.unwrap();
        let read = |log: &Log| -> usize {
            let counts = log.take().into_iter().filter_map(|line| line.rsplit_once(" after ")?.1.parse::<usize>().ok());
            counts.sum()
        };
        let (ones, twos) = (read(&log), read(&other));
        assert_eq!(ones + twos, 1_000, "{way}: each record once, as the rebalance waits for marks");
        assert!(ones > 400 && twos > 400, "{way} {ones} {twos}");
        one.close().await.unwrap();
        two.close().await.unwrap();
        assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
    }
}

/// Who owns what, as the members are told: nobody may be told of a partition in a generation in which somebody else
/// was.
#[derive(Clone, Debug, Default)]
struct Owners(Arc<Mutex<BTreeMap<(i32, TopicPartition), u64>>>);

#[derive(Debug)]
struct Watch(u64, Owners);

impl Interceptor for Watch {
    fn on_assigned(&self, _: u64, _: &str, generation: i32, partitions: &[TopicPartition]) {
        let mut owners = self.1.0.lock().unwrap();
        for partition in partitions {
            let other = owners.insert((generation, partition.clone()), self.0);
            assert!(other.is_none_or(|other| other == self.0), "{partition} has two owners in {generation}");
        }
    }
}

/// Members that read until they are told to end: `true` for a good end, `false` for a crash.
struct Crowd {
    cluster: Cluster,
    owners: Owners,
    born: u64,
    members: Vec<(tokio::sync::oneshot::Sender<bool>, tokio::task::JoinHandle<()>)>,
    owned: Arc<Mutex<BTreeMap<u64, Vec<TopicPartition>>>>,
    seen: Arc<Mutex<BTreeSet<i32>>>,
}

impl Crowd {
    async fn join(&mut self, settings: &Way, nap: Option<Duration>) {
        self.born += 1;
        let number = self.born;
        let client = Client::builder()
            .endpoint(self.cluster.endpoint())
            .metadata_max_age(Duration::from_secs(20))
            .interceptor(Arc::new(Watch(number, self.owners.clone())))
            .connect()
            .await
            .unwrap();
        let builder = client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
        let builder = settings.1(builder).on_close(OnClose::RemainInGroup);
        let builder = builder.session_timeout(Duration::from_secs(10)).max_poll_interval(Duration::from_secs(30));
        // Fewer long polls make a shorter test.
        let mut consumer = builder.fetch_max_wait(Duration::from_secs(20)).build();
        consumer.subscribe(["t"]).unwrap();
        let (end, mut ending) = tokio::sync::oneshot::channel();
        let (owned, seen) = (Arc::clone(&self.owned), Arc::clone(&self.seen));
        let task = tokio::spawn(async move {
            let mut nap = nap;
            let well = loop {
                tokio::select! {
                    biased;
                    well = &mut ending => break well.unwrap_or(false),
                    batch = consumer.poll_batch(10, Duration::from_secs(1)) => {
                        seen.lock().unwrap().extend(batch.unwrap().iter().map(value));
                        owned.lock().unwrap().insert(number, consumer.assignment());
                    }
                }
                if let Some(nap) = nap.take_if(|_| !consumer.assignment().is_empty()) {
                    sleep(nap).await;
                }
            };
            owned.lock().unwrap().remove(&number);
            if well {
                consumer.unsubscribe();
                consumer.close().await.unwrap();
            }
        });
        self.members.push((end, task));
    }

    async fn end(&mut self, at: usize, well: bool) {
        let (end, task) = self.members.remove(at);
        end.send(well).unwrap();
        task.await.unwrap();
    }
}

async fn crowd(partitions: usize) -> Crowd {
    let cluster = Cluster::in_memory()
        .brokers(3)
        .topic("t", partitions)
        .broker_config("group.consumer.session.timeout.ms", "10000")
        .broker_config("group.consumer.min.session.timeout.ms", "10000")
        .broker_config("group.consumer.heartbeat.interval.ms", "3000")
        .broker_config("group.consumer.min.heartbeat.interval.ms", "3000")
        .start()
        .await
        .unwrap();
    let (owners, owned, seen) = (Owners::default(), Arc::default(), Arc::default());
    Crowd { cluster, owners, born: 0, members: Vec::new(), owned, seen }
}

/// Every partition is owned once, and evenly.
fn assert_shared(crowd: &Crowd, partitions: usize, what: &str) {
    let owned = crowd.owned.lock().unwrap();
    let all: Vec<&TopicPartition> = owned.values().flatten().collect();
    let unique: BTreeSet<&TopicPartition> = all.iter().copied().collect();
    assert_eq!((all.len(), unique.len()), (partitions, partitions), "{what} {owned:?}");
    let loads = || owned.values().map(Vec::len);
    assert!(loads().max().unwrap() - loads().min().unwrap() <= 1, "{what} {owned:?}");
}

#[tokio::test(start_paused = true)]
async fn fifty_members_come_and_go() {
    for way in ways() {
        let mut crowd = crowd(120).await;
        for _ in 0..50 {
            crowd.join(&way, None).await;
        }
        sleep(Duration::from_secs(30)).await;
        assert_shared(&crowd, 120, way.0);
        for number in 0..20 {
            crowd.end(number, number % 2 == 0).await;
        }
        sleep(Duration::from_secs(40)).await;
        assert_eq!(crowd.cluster.group("g").members().len(), 30, "{}", way.0);
        assert_shared(&crowd, 120, way.0);
        for _ in 0..30 {
            crowd.end(0, true).await;
        }
        assert_eq!(crowd.cluster.group("g").members().len(), 0, "{}", way.0);
    }
}

/// Random members join, leave, crash and sleep, partitions are added, coordinators move: in the end everything is owned
/// once, everything has been read, and nothing was ever owned by two in one generation.
#[tokio::test(start_paused = true)]
async fn whatever_happens_every_partition_has_one_owner_in_the_end() {
    for way in ways() {
        for seed in [0, 1, 6, 12] {
            let what = format!("{} seed {seed}", way.0);
            let mut rng = Seed(seed).stream("crowd");
            let (mut crowd, mut partitions, mut written) = (crowd(5).await, 5, 0);
            for _ in 0..25 {
                match rng.below(10) {
                    0..=3 if crowd.members.len() < 7 => {
                        let nap = (rng.below(4) == 0).then(|| Duration::from_secs(20 + rng.below(40)));
                        crowd.join(&way, nap).await;
                    }
                    0..=5 if !crowd.members.is_empty() => {
                        let at = usize::try_from(rng.below(u64::try_from(crowd.members.len()).unwrap())).unwrap();
                        crowd.end(at, rng.below(2) == 0).await;
                    }
                    6 => {
                        partitions += 1;
                        let client = connect(&crowd.cluster).await;
                        let rows = [("t", i32::try_from(partitions).unwrap())];
                        client.admin().create_partitions(rows).await.unwrap().all().unwrap();
                    }
                    7 => {
                        let to = i32::try_from(rng.below(3)).unwrap() + 1;
                        crowd.cluster.group("g").move_coordinator(to).unwrap();
                    }
                    8 if crowd.cluster.group("g").exists() => drop(crowd.cluster.group("g").rebalance_now()),
                    _ => {}
                }
                fill(&crowd.cluster, 5, written..written + 5);
                written += 5;
                sleep(Duration::from_millis(rng.below(8_000))).await;
            }
            crowd.join(&way, None).await;
            sleep(Duration::from_secs(150)).await;
            assert_eq!(crowd.cluster.group("g").members().len(), crowd.members.len(), "{what}");
            assert_shared(&crowd, partitions, &what);
            let seen = crowd.seen.lock().unwrap().iter().copied().collect::<Vec<_>>();
            assert_eq!(seen, (0..written).collect::<Vec<_>>(), "{what}");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(crowd.cluster.group("g").lag("t"), 0, "{what}");
        }
    }
}

/// Against a real Kafka, whose address is in `KAFKA_BOOTSTRAP`: `cargo test --test it real_kafka -- --ignored`.
#[tokio::test]
#[ignore = "needs a real Kafka: `.ci/run kafka` starts one and runs this"]
async fn groups_of_a_real_kafka_are_joined() {
    let servers = std::env::var("KAFKA_BOOTSTRAP").expect("KAFKA_BOOTSTRAP says where the Kafka is");
    let client = Client::connect(&servers).await.unwrap();
    let topic = format!("rehearsal-groups-{}", std::process::id());
    client.admin().create_topic(NewTopic::new(topic.as_str()).partitions(4)).await.unwrap();
    let producer = client.producer().build();
    let write = async |values: std::ops::Range<i32>| {
        for value in values {
            let record = ProducerRecord::new(topic.as_str()).partition(value % 4).value(value.to_string());
            producer.send(record).await.unwrap();
        }
    };
    for (number, (way, settings)) in ways().into_iter().enumerate() {
        let group = format!("{topic}-{number}");
        let join = async |pattern: bool| {
            // A broker that has not heard of the topic yet shall be asked again soon.
            let client = Client::builder().bootstrap_servers(&servers);
            let client = client.metadata_max_age(Duration::from_secs(1)).connect().await.unwrap();
            let builder = client.consumer().group_id(group.as_str()).auto_offset_reset(OffsetReset::Latest);
            let builder = builder.heartbeat_interval(Duration::from_millis(200));
            let mut consumer = settings(builder).build();
            match pattern {
                true => consumer.subscribe_pattern(&format!("{topic}.?")).unwrap(),
                false => consumer.subscribe([&topic]).unwrap(),
            }
            consumer
        };
        let (mut one, mut two) = (join(true).await, join(false).await);
        for _ in 0..60 {
            tokio::join!(drain(&mut one, 500), drain(&mut two, 500));
            if indexes(&one).len() == 2 && indexes(&two).len() == 2 {
                break;
            }
        }
        let all: BTreeSet<i32> = indexes(&one).into_iter().chain(indexes(&two)).collect();
        assert_eq!(all.len(), 4, "{way} {:?} {:?}", indexes(&one), indexes(&two));
        write(0..40).await;
        let (ones, twos) = tokio::join!(drain(&mut one, 2_000), drain(&mut two, 2_000));
        assert_eq!((ones.len(), twos.len()), (20, 20), "{way}");
        two.close().await.unwrap();
        for _ in 0..60 {
            drain(&mut one, 500).await;
            if indexes(&one).len() == 4 {
                break;
            }
        }
        assert_eq!(indexes(&one), [0, 1, 2, 3], "{way}");
        one.commit().await.unwrap();
        let partitions = one.assignment();
        let committed = one.committed(&partitions).await.unwrap();
        let positions = committed.values().map(|committed| committed.as_ref().unwrap().offset.0);
        assert_eq!(positions.sum::<i64>(), i64::try_from(40 * (number + 1)).unwrap(), "{way}");
        one.close().await.unwrap();
    }
    client.admin().delete_topics([topic]).await.unwrap().all().unwrap();
}

/// Story: a random run expelled a member that had nothing to commit. It gave everything up, and joined again only when
/// its metadata was five minutes old: nothing else woke the task that should have sent the request.
#[tokio::test(start_paused = true)]
async fn who_is_expelled_with_nothing_to_commit_joins_again_at_once() {
    for (way, settings) in ways() {
        let cluster = cluster(1).await;
        let mut consumer = member(&cluster, |builder| settings(builder).enable_auto_commit(false)).await;
        assert_eq!(drain(&mut consumer, 1_000).await, [0; 0], "{way}");
        cluster.group("g").expire_member(&cluster.group("g").members()[0].member_id).unwrap();
        // A heartbeat tells it.
        assert_eq!(drain(&mut consumer, 6_000).await, [0; 0], "{way}");
        fill(&cluster, 1, 0..3);
        assert_eq!(drain(&mut consumer, 1_000).await, [0, 1, 2], "{way}");
    }
}
