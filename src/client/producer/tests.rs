//! The producer against a scripted peer.

use super::*;
use crate::base::Offset;
use crate::base::Seed;
use crate::base::Timestamp;
use crate::client::Clock;
use crate::client::fake::Act;
use crate::client::fake::Fake;
use crate::wire::Request;
use crate::wire::batch::Batch;
use crate::wire::messages::produce::PartitionProduceResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceResponse;
use std::sync::Arc;

fn record(value: impl ToString) -> ProducerRecord {
    ProducerRecord::new("t").partition(0).value(value.to_string())
}

/// Answers a produce request with one code for all its partitions.
fn refuse(request: &ProduceRequest, code: ErrorCode) -> Act {
    Act::Answer(refusal(request, code))
}

fn refusal(request: &ProduceRequest, code: ErrorCode) -> crate::wire::Response {
    let mut response = ProduceResponse::default();
    for topic in &request.topic_data {
        let row = |index: i32| PartitionProduceResponse { index, error_code: code.code(), ..Default::default() };
        response.responses.push(TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses: topic.partition_data.iter().map(|data| row(data.index)).collect(),
            ..Default::default()
        });
    }
    response.into()
}

#[tokio::test(start_paused = true)]
async fn a_sent_record_tells_its_place_and_time() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let client = fake.builder().clock(Clock::tokio(Timestamp(1_000))).connect().await.unwrap();
    let producer = client.producer().build();
    let first = producer.send(record("a")).await.unwrap();
    let topic = TopicName::new("t").unwrap();
    let expected = |offset, timestamp| RecordMetadata {
        topic: topic.clone(),
        partition: PartitionIndex(0),
        offset: Offset(offset),
        timestamp: Timestamp(timestamp),
    };
    assert_eq!(first, expected(0, 1_000));
    tokio::time::advance(Duration::from_millis(5)).await;
    assert_eq!(producer.send(record("b")).await.unwrap(), expected(1, 1_005));
    assert_eq!(producer.send(record("c").timestamp(Timestamp(7))).await.unwrap(), expected(2, 7));
    assert_eq!(fake.values("t", 0), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn every_codec_and_every_acks_arrives() {
    for compression in Compression::ALL {
        for acks in [Acks::None, Acks::Leader, Acks::All] {
            let fake = Fake::start(1, &[("t", 1)]).await;
            let producer = fake.client().await.producer().compression(compression).acks(acks).build();
            let sent = producer.send(record("value")).await.unwrap();
            assert_eq!(sent.offset, if acks == Acks::None { Offset::INVALID } else { Offset(0) });
            // Without an answer the record may still be on its way.
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(fake.values("t", 0), ["value"], "{compression} {acks:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_linger_go_in_one_batch_and_a_flush_ends_the_wait() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let producer = fake.client().await.producer().linger(Duration::from_secs(5)).build();
    producer.send(record("first")).await.unwrap();
    let started = Instant::now();
    let mut deliveries = Vec::new();
    for n in 0..100 {
        deliveries.push(producer.enqueue(record(n)).await.unwrap());
    }
    producer.flush().await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    for (delivery, offset) in deliveries.into_iter().zip(1..) {
        assert_eq!(delivery.await.unwrap().offset, Offset(offset));
    }
    assert_eq!(fake.state.lock().unwrap().topics["t"][0].log.len(), 2);
    let lingered = Instant::now();
    producer.send(record("last")).await.unwrap();
    assert_eq!(lingered.elapsed(), Duration::from_secs(5));
}

/// Connections break before and after the append, leaders refuse, answers come late: in every order.
async fn storm(seed: u64, idempotent: bool) -> (Vec<Vec<String>>, usize) {
    let fake = Fake::start(2, &[("t", 3)]).await;
    let client = fake.builder().seed(Seed(seed)).request_timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut rng = Seed(seed).stream("storm");
    fake.script(move |_, _, request| match request {
        Request::Produce(request) => match rng.below(12) {
            0 => Act::Break,
            1 => Act::ServeAndBreak,
            2 => refuse(request, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            3 => refuse(request, ErrorCode::NOT_ENOUGH_REPLICAS),
            4 => Act::Ignore,
            5 | 6 => Act::Delay(Duration::from_millis(rng.below(200))),
            _ => Act::Serve,
        },
        _ => Act::Serve,
    });
    let producer = client.producer().enable_idempotence(idempotent).batch_size(150).build();
    let mut deliveries = Vec::new();
    for n in 0..90 {
        let record = ProducerRecord::new("t").partition(n % 3).value(format!("{n:03}"));
        deliveries.push(producer.enqueue(record).await.unwrap());
        if n % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
    let mut failed = 0;
    for delivery in deliveries {
        failed += usize::from(delivery.await.is_err());
    }
    ((0..3).map(|index| fake.values("t", index)).collect(), failed)
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_producer_writes_each_record_once_and_in_order() {
    for seed in 0..40 {
        let (partitions, failed) = storm(seed, true).await;
        assert_eq!(failed, 0, "seed {seed}");
        for (index, values) in (0..).zip(partitions) {
            let expected: Vec<String> = (0..30).map(|n| format!("{:03}", n * 3 + index)).collect();
            assert_eq!(values, expected, "partition {index}, seed {seed}");
        }
    }
}

/// Batches are lost for good while others are under way: some of them are in the log, and some are not.
async fn storm_with_losses(seed: u64) -> usize {
    let fake = Fake::start(2, &[("t", 2)]).await;
    let client = fake.builder().seed(Seed(seed)).request_timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut rng = Seed(seed).stream("storm");
    let state = Arc::clone(&fake.state);
    fake.script(move |_, _, request| match request {
        Request::Produce(request) => match rng.below(30) {
            0 => Act::Break,
            1 => Act::ServeAndBreak,
            2 => refuse(request, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            3 => refuse(request, ErrorCode::UNKNOWN_SERVER_ERROR),
            4 => Act::ServeAndAnswer(refusal(request, ErrorCode::UNKNOWN_SERVER_ERROR)),
            5 => refuse(request, ErrorCode::INVALID_RECORD),
            6 => Act::ServeAndAnswer(refusal(request, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)),
            7 => Act::Ignore,
            8 => {
                // The broker forgets what was written last, and takes nothing more under this epoch.
                let mut state = state.lock().unwrap();
                let sequences = &mut state.topics.get_mut("t").unwrap()[0].sequences;
                sequences.values_mut().for_each(|(_, expected)| *expected = -1);
                Act::Serve
            }
            9..14 => Act::Delay(Duration::from_millis(rng.below(200))),
            _ => Act::Serve,
        },
        _ => Act::Serve,
    });
    let producer = client.producer().batch_size(150).delivery_timeout(Duration::from_secs(5)).build();
    let mut deliveries = Vec::new();
    for n in 0..120 {
        let record = ProducerRecord::new("t").partition(n % 2).value(format!("{n:03}"));
        deliveries.push((n % 2, format!("{n:03}"), producer.enqueue(record).await.unwrap()));
        if n % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
    let mut outcomes = Vec::new();
    for (partition, value, delivery) in deliveries {
        outcomes.push((partition, value, delivery.await));
    }
    let mut lost = 0;
    for index in 0..2 {
        let values = fake.values("t", usize::try_from(index).unwrap());
        assert!(values.is_sorted_by(|a, b| a < b), "twice or out of order, seed {seed}: {values:?}");
        for (_, value, outcome) in outcomes.iter().filter(|(partition, ..)| *partition == index) {
            let there = values.contains(value);
            match outcome {
                Ok(_) => assert!(there, "{value} was acknowledged, seed {seed}"),
                Err(error) => {
                    lost += 1;
                    assert!(!there || error.may_be_in_log(), "{value} is there, seed {seed}: {error}");
                }
            }
        }
    }
    lost
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_puts_nothing_behind_it_out_of_order_or_there_twice() {
    let mut lost = 0;
    for seed in 0..150 {
        lost += storm_with_losses(seed).await;
    }
    assert!(lost > 100, "the storm is too weak: {lost}");
}

/// Who wrote each batch of partition 0, with the epoch and the first sequence number.
fn writers(fake: &Fake) -> Vec<(i64, i16, i32)> {
    let state = fake.state.lock().unwrap();
    let headers = state.topics["t"][0].log.iter().map(|batch| &batch.header);
    headers.map(|header| (header.producer_id.0, header.producer_epoch.0, header.base_sequence)).collect()
}

/// A broker that knows nothing of a producer takes any sequence number for its first. If the batch before is refused
/// meanwhile, or gets lost, it can only come behind.
#[tokio::test(start_paused = true)]
async fn the_first_batch_of_an_identity_is_under_way_alone() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let mut produced = 0;
    fake.script(move |_, _, request| match request {
        Request::Produce(request) => {
            produced += 1;
            if produced == 1 { refuse(request, ErrorCode::NOT_ENOUGH_REPLICAS) } else { Act::Serve }
        }
        _ => Act::Serve,
    });
    let producer = fake.client().await.producer().batch_size(1).build();
    let mut deliveries = Vec::new();
    for n in 0..4 {
        deliveries.push(producer.enqueue(record(n)).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    assert_eq!(fake.values("t", 0), ["0", "1", "2", "3"]);
    // None of those behind had to be refused.
    assert_eq!(fake.count(ApiKey::Produce), 5);
}

/// The first of three fails for good, so the two behind it need another epoch; but the last one may be in the log, and is
/// asked for under the old epoch first. That is refused, and it fails, although the one in the middle waits before it.
#[tokio::test(start_paused = true)]
async fn a_batch_in_doubt_behind_lost_sequence_numbers_does_not_wait_for_those_that_wait_for_it() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let mut asked_for_last = 0;
    fake.script(move |_, _, request| {
        let Request::Produce(request) = request else { return Act::Serve };
        let bytes = request.topic_data[0].partition_data[0].records.clone().unwrap().into_bytes();
        let batch = Batch::split(&bytes).next().unwrap().unwrap();
        let value = batch.records().unwrap().next().unwrap().unwrap().value.unwrap();
        match (batch.header.producer_epoch.0, &*value) {
            (0, b"first") => refuse(request, ErrorCode::UNKNOWN_SERVER_ERROR),
            (0, b"middle") => refuse(request, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            (0, b"last") => {
                asked_for_last += 1;
                let late = asked_for_last == 1;
                let code = if late { ErrorCode::REQUEST_TIMED_OUT } else { ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER };
                refuse(request, code)
            }
            _ => Act::Serve,
        }
    });
    let producer = fake.client().await.producer().batch_size(1).delivery_timeout(Duration::from_secs(3600)).build();
    producer.send(record("known")).await.unwrap();
    let started = Instant::now();
    let mut deliveries = Vec::new();
    for value in ["first", "middle", "last"] {
        deliveries.push(producer.enqueue(record(value)).await.unwrap());
    }
    let mut ends = Vec::new();
    for delivery in deliveries {
        ends.push(delivery.await.map_err(|error| (error.code().unwrap(), error.may_be_in_log())));
    }
    assert_eq!(ends[0], Err((ErrorCode::UNKNOWN_SERVER_ERROR, true)));
    assert!(ends[1].is_ok(), "{:?}", ends[1]);
    assert_eq!(ends[2], Err((ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, true)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(fake.values("t", 0), ["known", "middle"]);
}

/// KAFKA-14034: a batch is lost for good while the one before it has no outcome. Under a new epoch the one before
/// would not be recognised, so it is settled first.
#[tokio::test(start_paused = true)]
async fn what_comes_before_a_lost_batch_is_settled_under_the_old_epoch() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let mut produced = 0;
    fake.script(move |_, _, request| match request {
        Request::Produce(request) => {
            produced += 1;
            match produced {
                2 => Act::ServeAndAnswer(refusal(request, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)),
                3 => refuse(request, ErrorCode::UNKNOWN_SERVER_ERROR),
                _ => Act::Serve,
            }
        }
        _ => Act::Serve,
    });
    let producer = fake.client().await.producer().batch_size(1).build();
    producer.send(record("first")).await.unwrap();
    let mut deliveries = Vec::new();
    for value in ["written", "lost", "behind"] {
        deliveries.push(producer.enqueue(record(value)).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.push(delivery.await);
    }
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(outcomes[1].as_ref().unwrap_err().may_be_in_log());
    assert_eq!(fake.values("t", 0), ["first", "written", "behind"]);
    assert_eq!(writers(&fake), [(1, 0, 0), (1, 0, 1), (1, 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_has_forgotten_the_producer_is_written_to_under_the_next_epoch() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let producer = fake.client().await.producer().build();
    producer.send(record("one")).await.unwrap();
    fake.state.lock().unwrap().topics.get_mut("t").unwrap()[0].sequences.clear();
    producer.send(record("two")).await.unwrap();
    assert_eq!(fake.values("t", 0), ["one", "two"]);
    assert_eq!(writers(&fake), [(1, 0, 0), (1, 1, 0)]);
    assert_eq!(fake.count(ApiKey::InitProducerId), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_producer_id_fails_only_what_may_be_in_the_log() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let mut produced = 0;
    fake.script(move |_, _, request| match request {
        Request::Produce(request) => {
            produced += 1;
            match produced {
                1 => Act::ServeAndBreak,
                2 | 3 => refuse(request, ErrorCode::UNKNOWN_PRODUCER_ID),
                _ => Act::Serve,
            }
        }
        _ => Act::Serve,
    });
    let producer = fake.client().await.producer().build();
    let error = producer.send(record("one")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_PRODUCER_ID));
    assert!(error.may_be_in_log());
    producer.send(record("two")).await.unwrap();
    assert_eq!(fake.values("t", 0), ["one", "two"]);
    assert_eq!(writers(&fake), [(1, 0, 0), (1, 2, 0)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_epoch_is_followed_by_another_producer_id() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    fake.state.lock().unwrap().first_epoch = i16::MAX;
    let producer = fake.client().await.producer().build();
    producer.send(record("one")).await.unwrap();
    fake.state.lock().unwrap().topics.get_mut("t").unwrap()[0].sequences.clear();
    producer.send(record("two")).await.unwrap();
    assert_eq!(writers(&fake), [(1, i16::MAX, 0), (2, 0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_plain_producer_keeps_the_order_of_first_arrivals() {
    let mut repeated = 0;
    for seed in 0..40 {
        let (partitions, failed) = storm(seed, false).await;
        assert_eq!(failed, 0, "seed {seed}");
        for (index, values) in (0..).zip(partitions) {
            let mut first = Vec::new();
            for value in values {
                if first.contains(&value) {
                    repeated += 1;
                } else {
                    first.push(value);
                }
            }
            let expected: Vec<String> = (0..30).map(|n| format!("{:03}", n * 3 + index)).collect();
            assert_eq!(first, expected, "partition {index}, seed {seed}");
        }
    }
    assert!(repeated > 0, "the storm is too weak to show what idempotence is for");
}

#[tokio::test(start_paused = true)]
async fn records_follow_their_leader() {
    let fake = Fake::start(2, &[("t", 1)]).await;
    let producer = fake.client().await.producer().build();
    producer.send(record("one")).await.unwrap();
    {
        let mut state = fake.state.lock().unwrap();
        let partition = &mut state.topics.get_mut("t").unwrap()[0];
        (partition.leader, partition.epoch) = (2, 1);
    }
    assert_eq!(producer.send(record("two")).await.unwrap().offset, Offset(1));
    let state = fake.state.lock().unwrap();
    let asked: Vec<i32> =
        state.asked.iter().filter(|(_, api, _)| *api == ApiKey::Produce).map(|(broker, ..)| *broker).collect();
    assert_eq!(asked, [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn an_undelivered_record_says_whether_it_may_be_in_the_log() {
    async fn check(act: fn(&ProduceRequest) -> Act, may_be_in_log: bool, words: &str) {
        let fake = Fake::start(1, &[("t", 1)]).await;
        let client = fake.builder().request_timeout(Duration::from_secs(4)).connect().await.unwrap();
        fake.script(move |_, _, request| match request {
            Request::Produce(request) => act(request),
            _ => Act::Serve,
        });
        let producer = client.producer().delivery_timeout(Duration::from_secs(10)).build();
        let started = Instant::now();
        let error = producer.send(record("x")).await.unwrap_err();
        assert!(started.elapsed() <= Duration::from_secs(14), "{:?}", started.elapsed());
        assert_eq!(error.may_be_in_log(), may_be_in_log, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    check(|_| Act::Ignore, true, "may be in the log: delivery did not finish within 10s").await;
    check(|_| Act::Break, true, "may be in the log").await;
    check(|request| refuse(request, ErrorCode::NOT_ENOUGH_REPLICAS), false, "NOT_ENOUGH_REPLICAS").await;
    check(|request| refuse(request, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND), true, "may be in the log").await;
    check(|request| refuse(request, ErrorCode::INVALID_RECORD), false, "is not in the log: Produce for t-0").await;
    check(|request| refuse(request, ErrorCode::MESSAGE_TOO_LARGE), false, "MESSAGE_TOO_LARGE").await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_cut_until_it_fits() {
    for idempotent in [false, true] {
        let fake = Fake::start(1, &[("t", 1)]).await;
        let client = fake.client().await;
        fake.script(|_, _, request| match request {
            Request::Produce(request) => {
                let size = request.topic_data[0].partition_data[0].records.as_ref().unwrap().len();
                if size > 120 { refuse(request, ErrorCode::MESSAGE_TOO_LARGE) } else { Act::Serve }
            }
            _ => Act::Serve,
        });
        let producer =
            client.producer().enable_idempotence(idempotent).batch_size(600).linger(Duration::from_millis(5)).build();
        let mut deliveries = Vec::new();
        for n in 0..100 {
            deliveries.push(producer.enqueue(record(format!("{n:03}"))).await.unwrap());
        }
        for (delivery, offset) in deliveries.into_iter().zip(0..) {
            assert_eq!(delivery.await.unwrap().offset, Offset(offset));
        }
        let expected: Vec<String> = (0..100).map(|n| format!("{n:03}")).collect();
        assert_eq!(fake.values("t", 0), expected);
        assert_eq!(producer.handle.shared.memory.available_permits(), 32 * 1024 * 1024);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_holds_those_back_who_send_more() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    fake.script(|_, _, request| match request {
        Request::Produce(_) => Act::Delay(Duration::from_secs(3)),
        _ => Act::Serve,
    });
    let client = fake.client().await;
    let builder = || client.producer().buffer_memory(150);
    let producer = builder().build();
    let first = producer.enqueue(record("x".repeat(100))).await.unwrap();
    let started = Instant::now();
    producer.enqueue(record("y".repeat(100))).await.unwrap().await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(6));
    first.await.unwrap();

    let producer = builder().max_block(Duration::from_secs(1)).build();
    let _first = producer.enqueue(record("x".repeat(100))).await.unwrap();
    let error = producer.enqueue(record("y".repeat(100))).await.unwrap_err();
    assert_eq!(error.to_string(), "waiting for room in the producer's buffer did not finish within 1s");
    let error = producer.enqueue(record("z".repeat(200))).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
}

#[tokio::test(start_paused = true)]
async fn closing_and_dropping_send_what_is_left() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    let client = fake.client().await;
    let producer = client.producer().linger(Duration::from_secs(60)).build();
    let closed = producer.enqueue(record("closed")).await.unwrap();
    producer.close().await;
    assert_eq!(closed.await.unwrap().offset, Offset(0));
    assert!(matches!(producer.enqueue(record("late")).await, Err(Error::Closed)));

    let producer = client.producer().linger(Duration::from_secs(60)).build();
    let dropped = producer.enqueue(record("dropped")).await.unwrap();
    drop(producer);
    assert_eq!(dropped.await.unwrap().offset, Offset(1));
}

#[tokio::test(start_paused = true)]
async fn an_old_broker_gets_plain_batches() {
    let fake = Fake::start(1, &[("t", 1)]).await;
    {
        let mut state = fake.state.lock().unwrap();
        state.versions.insert(ApiKey::InitProducerId, None);
        state.versions.insert(ApiKey::Produce, Some((0, 3)));
        state.versions.insert(ApiKey::Metadata, Some((0, 5)));
    }
    let producer = fake.client().await.producer().build();
    assert_eq!(producer.send(record("x")).await.unwrap().offset, Offset(0));
    let state = fake.state.lock().unwrap();
    assert_eq!(state.topics["t"][0].log[0].header.producer_id.0, -1);
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    assert_eq!(storm(7, true).await, storm(7, true).await);
}

#[test]
fn what_users_spawn_can_be_sent_between_threads() {
    fn check<T: Send>(_: impl FnOnce(Producer, Arc<crate::client::Client>) -> T) {}
    check(|producer, _| async move { producer.send(record("x")).await });
    check(|producer, _| async move { producer.flush().await });
    check(|_, client| async move { client.admin().delete_records([]).await });
    check(|_, client| async move { client.admin().list_offsets([]).await });
    check(|_, client| async move { client.admin().create_topics([]).await });
    check(|_, client| async move { client.admin().describe_configs([]).await });
    check(|_, _| async move { crate::client::Client::connect("x:1").await });
}
