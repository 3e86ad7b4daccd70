//! The consumer against a scripted peer.

use super::*;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::PartitionIndex;
use crate::base::Seed;
use crate::base::TopicName;
use crate::client::Client;
use crate::client::ProducerRecord;
use crate::client::fake::Act;
use crate::client::fake::Fake;
use crate::wire::Request;
use crate::wire::batch::Header;
use crate::wire::batch::TimestampType;
use crate::wire::compression::Compression;
use crate::wire::messages::fetch::FetchResponse;
use crate::wire::messages::fetch::FetchableTopicResponse;
use crate::wire::messages::fetch::PartitionData;
use tokio::time::sleep;
use tokio::time::timeout;

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index).unwrap()
}

/// Writes `0`, `1`, … one batch each, with their number as timestamp.
async fn fill(client: &Client, index: i32, values: std::ops::Range<i64>) {
    let producer = client.producer().compression(Compression::Gzip).build();
    for value in values {
        let record = ProducerRecord::new("t").partition(index).value(value.to_string()).timestamp(Timestamp(value));
        producer.send(record.key("k").header("h", "1").header("h", "2")).await.unwrap();
    }
}

/// What comes within a second of virtual time.
async fn drain(consumer: &mut Consumer) -> Vec<(i32, i64)> {
    let mut seen = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(1), consumer.recv()).await {
        let record = record.unwrap();
        seen.push((record.partition.0, record.offset.0));
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_record_comes_out_as_it_went_in() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..2).await;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Offset(Offset(1))).await.unwrap();
    let record = consumer.recv().await.unwrap();
    let expected = ConsumerRecord {
        topic: TopicName::new("t").unwrap(),
        partition: PartitionIndex(0),
        offset: Offset(1),
        timestamp: Timestamp(1),
        timestamp_type: TimestampType::CreateTime,
        leader_epoch: LeaderEpoch(0),
        key: Some("k".into()),
        value: Some("1".into()),
        headers: vec![Header::new("h", "1"), Header::new("h", "2")],
    };
    assert_eq!(record, expected);
    assert_eq!(consumer.position(&partition(0)), Some(Offset(2)));
    assert_eq!(consumer.lag(&partition(0)), Some(0));
}

#[tokio::test(start_paused = true)]
async fn reading_begins_where_it_is_told_to() {
    async fn check(start: StartFrom, expected: &[i64]) {
        let fake = Fake::start(1, &[("t", 1)]).await;
        let client = fake.client().await;
        fill(&client, 0, 0..5).await;
        let mut consumer = client.consumer().build();
        consumer.assign([(partition(0), start)]);
        let before = drain(&mut consumer).await;
        fill(&client, 0, 5..6).await;
        let after = drain(&mut consumer).await;
        let offsets: Vec<i64> = before.into_iter().chain(after).map(|(_, offset)| offset).collect();
        assert_eq!(offsets, expected, "{start:?}");
    }
    check(StartFrom::Earliest, &[0, 1, 2, 3, 4, 5]).await;
    check(StartFrom::Latest, &[5]).await;
    check(StartFrom::Offset(Offset(3)), &[3, 4, 5]).await;
    check(StartFrom::Timestamp(Timestamp(2)), &[2, 3, 4, 5]).await;
    check(StartFrom::Timestamp(Timestamp(99)), &[5]).await;
}

#[tokio::test(start_paused = true)]
async fn an_offset_out_of_range_is_reset_as_configured() {
    async fn check(reset: OffsetReset, expected: &[i64]) {
        let fake = Fake::start(1, &[("t", 1)]).await;
        let client = fake.client().await;
        fill(&client, 0, 0..3).await;
        let mut consumer = client.consumer().auto_offset_reset(reset).build();
        consumer.assign([(partition(0), StartFrom::Offset(Offset(77)))]);
        if reset == OffsetReset::None {
            let error = consumer.recv().await.unwrap_err();
            assert_eq!(error.to_string(), "Fetch for t-0 was answered with OFFSET_OUT_OF_RANGE");
            assert_eq!(drain(&mut consumer).await, []);
            consumer.seek(&partition(0), StartFrom::Offset(Offset(2))).unwrap();
        }
        let offsets: Vec<i64> = drain(&mut consumer).await.into_iter().map(|(_, offset)| offset).collect();
        assert_eq!(offsets, expected, "{reset:?}");
    }
    check(OffsetReset::Earliest, &[0, 1, 2]).await;
    check(OffsetReset::Latest, &[]).await;
    check(OffsetReset::None, &[2]).await;
}

#[tokio::test(start_paused = true)]
async fn seeking_and_pausing_hand_out_nothing_twice_and_nothing_wrong() {
    let fake = Fake::start(1, &[("t", 2)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..4).await;
    fill(&client, 1, 0..4).await;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    assert_eq!(consumer.recv().await.unwrap().partition.0, 0);
    consumer.pause([&partition(0)]).unwrap();
    assert_eq!(drain(&mut consumer).await, [(1, 0), (1, 1), (1, 2), (1, 3)]);
    assert_eq!(consumer.position(&partition(0)), Some(Offset(1)));
    consumer.seek(&partition(1), StartFrom::Offset(Offset(3))).unwrap();
    consumer.resume([&partition(0)]).unwrap();
    let mut seen = drain(&mut consumer).await;
    seen.sort_unstable();
    assert_eq!(seen, [(0, 1), (0, 2), (0, 3), (1, 3)]);
    assert!(consumer.seek(&partition(7), StartFrom::Earliest).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_costs_two_polls_a_second_and_no_time() {
    let fake = Fake::start(1, &[("t", 3)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..1).await;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Latest).await.unwrap();
    assert!(timeout(Duration::from_secs(60), consumer.recv()).await.is_err());
    let polls = fake.count(ApiKey::Fetch);
    assert!((115..=121).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn only_changes_are_fetched_again_in_a_session() {
    let fake = Fake::start(1, &[("t", 3)]).await;
    let client = fake.client().await;
    let sizes = Arc::new(Mutex::new(Vec::new()));
    fake.script({
        let sizes = Arc::clone(&sizes);
        move |_, _, request| {
            if let Request::Fetch(request) = request {
                let rows: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
                sizes.lock().unwrap().push((request.session_epoch, rows));
            }
            Act::Serve
        }
    });
    let mut consumer = client.consumer().build();
    consumer.assign((0..3).map(|index| (partition(index), StartFrom::Offset(Offset(0)))));
    assert_eq!(drain(&mut consumer).await, []);
    fill(&client, 1, 0..1).await;
    assert_eq!(drain(&mut consumer).await, [(1, 0)]);
    let sizes = sizes.lock().unwrap();
    assert_eq!(sizes[..2], [(0, 3), (1, 0)]);
    assert_eq!(sizes.iter().filter(|(epoch, rows)| *epoch > 0 && *rows > 0).count(), 1, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn fetching_stops_when_enough_lies_in_memory() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..40).await;
    // The fake hands out two batches of about 100 bytes at a time.
    let mut consumer = client.consumer().prefetch_bytes(500).build();
    consumer.assign([(partition(0), StartFrom::Earliest)]);
    sleep(Duration::from_secs(10)).await;
    let fetches = fake.count(ApiKey::Fetch);
    assert!(fetches <= 4, "{fetches}");
    assert!(lock(&consumer.shared.state).buffered < 900);
    let offsets: Vec<i64> = drain(&mut consumer).await.into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, (0..40).collect::<Vec<_>>());
    assert_eq!(lock(&consumer.shared.state).buffered, 0);
}

/// With the defaults two brokers that had nothing to say once took all 64 MiB between them, each for its long poll,
/// and the third, which had the records, was never asked.
#[tokio::test(start_paused = true)]
async fn long_polls_do_not_keep_a_broker_from_being_asked() {
    let fake = Fake::start(3, &[("t", 3)]).await;
    let client = fake.client().await;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    for index in [2, 1, 0] {
        fill(&client, index, 0..1).await;
        let record = timeout(Duration::from_secs(1), consumer.recv()).await.expect("it is fetched").unwrap();
        assert_eq!(record.partition.0, index);
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_comes_once_and_in_order_through_broken_connections_and_moving_leaders() {
    for seed in 0..10 {
        let fake = Fake::start(3, &[("t", 4)]).await;
        let client = fake.builder().request_timeout(Duration::from_secs(3)).connect().await.unwrap();
        for index in 0..4 {
            fill(&client, index, 0..25).await;
        }
        let mut rng = Seed(seed).stream("storm");
        let state = Arc::clone(&fake.state);
        fake.script(move |_, _, request| {
            let Request::Fetch(_) = request else { return Act::Serve };
            match rng.below(10) {
                0 => Act::Break,
                1 => Act::ServeAndBreak,
                2 => Act::Ignore,
                3 => Act::Delay(Duration::from_millis(rng.below(300))),
                4 => {
                    let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.code();
                    Act::Answer(FetchResponse { error_code, ..Default::default() }.into())
                }
                5 => {
                    let mut state = state.lock().unwrap();
                    let partition = &mut state.topics.get_mut("t").unwrap()[usize::try_from(rng.below(4)).unwrap()];
                    partition.leader = partition.leader % 3 + 1;
                    partition.epoch += 1;
                    Act::Serve
                }
                _ => Act::Serve,
            }
        });
        let mut consumer = client.consumer().prefetch_bytes(800).build();
        consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
        let mut next = [0; 4];
        for _ in 0..100 {
            let record = timeout(Duration::from_secs(600), consumer.recv()).await.expect("it goes on").unwrap();
            let expected = &mut next[usize::try_from(record.partition.0).unwrap()];
            assert_eq!(record.offset.0, *expected, "partition {}, seed {seed}", record.partition);
            *expected += 1;
        }
        assert_eq!(next, [25; 4]);
    }
}

/// The leader had moved, and what the old one had been asked failed at last while the position was being reset at the
/// new one. It was looked up once more for that, and the second answer moved a reader back that had long gone on.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_fails_late_does_not_disturb_a_reset() {
    let fake = Fake::start(2, &[("t", 1)]).await;
    let client = fake.builder().request_timeout(Duration::from_secs(3));
    let client = client.metadata_max_age(Duration::from_secs(1)).connect().await.unwrap();
    fill(&client, 0, 0..3).await;
    let mut searches = 0;
    fake.script(move |broker, _, request| match request {
        Request::Fetch(_) if broker == 1 => Act::Ignore,
        // The first answer comes after the old leader's time is up, the second one after records have been fetched.
        Request::ListOffsets(_) => {
            searches += 1;
            Act::Delay(Duration::from_millis(if searches == 1 { 2_900 } else { 500 }))
        }
        _ => Act::Serve,
    });
    let mut consumer = client.consumer().auto_offset_reset(OffsetReset::Earliest).build();
    consumer.assign([(partition(0), StartFrom::Offset(Offset(77)))]);
    assert!(timeout(Duration::from_millis(100), consumer.recv()).await.is_err());
    {
        let mut state = fake.state.lock().unwrap();
        let partition = &mut state.topics.get_mut("t").unwrap()[0];
        (partition.leader, partition.epoch) = (2, 1);
    }
    let mut seen = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(10), consumer.recv()).await {
        seen.push(record.unwrap().offset.0);
    }
    assert_eq!(seen, [0, 1, 2]);
    assert_eq!(fake.count(ApiKey::ListOffsets), 1);
}

#[tokio::test(start_paused = true)]
async fn damaged_records_are_told_once_and_the_others_go_on() {
    let fake = Fake::start(1, &[("t", 2)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..3).await;
    fill(&client, 1, 0..3).await;
    fake.state.lock().unwrap().topics.get_mut("t").unwrap()[0].log[2].header.crc ^= 1;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while let Ok(result) = timeout(Duration::from_secs(5), consumer.recv()).await {
        match result {
            Ok(record) => good.push((record.partition.0, record.offset.0)),
            Err(error) => bad.push(error.to_string()),
        }
    }
    good.sort_unstable();
    assert_eq!(good, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(bad[0].starts_with("the answer to Fetch makes no sense: the records of t-0 from offset 2 on"), "{bad:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_of_before_sessions_and_topic_ids_is_read_as_well() {
    for max in [4, 6, 12] {
        let fake = Fake::start(2, &[("t", 2)]).await;
        let client = fake.client().await;
        fill(&client, 0, 0..3).await;
        fill(&client, 1, 0..3).await;
        fake.state.lock().unwrap().versions.insert(ApiKey::Fetch, Some((4, max)));
        let client = fake.client().await;
        let mut consumer = client.consumer().build();
        consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
        let mut seen = drain(&mut consumer).await;
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], "Fetch {max}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_gives_what_recv_gives() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let client = fake.client().await;
    fill(&client, 0, 0..2).await;
    let mut consumer = client.consumer().build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    let mut stream = consumer.stream();
    for expected in 0..2 {
        let next = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
        assert_eq!(next.unwrap().unwrap().offset, Offset(expected));
    }
}

#[test]
fn what_users_spawn_can_be_sent_between_threads() {
    fn check<T: Send>(_: impl FnOnce(Consumer) -> T) {}
    check(|mut consumer| async move { consumer.recv().await });
    check(|mut consumer| async move { consumer.assign_topic("t", StartFrom::Latest).await });
}

/// A leader goes on naming a follower that is not there by all that the client knows: it is asked now and then.
#[tokio::test(start_paused = true)]
async fn a_leader_that_names_nobody_who_is_there_is_not_asked_all_the_time() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    fake.script(|_, _, request| {
        let Request::Fetch(request) = request else { return Act::Serve };
        let mut response = FetchResponse::default();
        for topic in &request.topics {
            let row =
                |index: i32| PartitionData { partition_index: index, preferred_read_replica: 9, ..Default::default() };
            response.responses.push(FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: topic.partitions.iter().map(|asked| row(asked.partition)).collect(),
                ..Default::default()
            });
        }
        Act::Answer(response.into())
    });
    let mut consumer = fake.client().await.consumer().client_rack("r").build();
    consumer.assign_topic("t", StartFrom::Earliest).await.unwrap();
    assert!(timeout(Duration::from_secs(10), consumer.recv()).await.is_err());
    let asked = fake.count(ApiKey::Fetch);
    assert!((2..1_000).contains(&asked), "{asked} fetches in ten seconds");
}
