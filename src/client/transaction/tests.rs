//! Transactions against a scripted peer: what is asked of whom in which order, and answers that are lost.

use super::*;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::client::consumer::ConsumerRecord;
use crate::client::fake::Act;
use crate::client::fake::Fake;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::messages::end_txn::EndTxnResponse;
use crate::wire::messages::produce::PartitionProduceResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceResponse;

async fn start(transaction_version: i16) -> Fake {
    let fake = Fake::start(2, &[("t", 2)]).await;
    fake.state.lock().unwrap().transaction_version = transaction_version;
    fake
}

async fn producer(fake: &Fake) -> TransactionalProducer {
    let client = fake.builder().request_timeout(Duration::from_secs(2)).api_timeout(Duration::from_secs(10));
    client.connect().await.unwrap().producer().transactional("id").init().await.unwrap()
}

fn record(partition: i32, value: &str) -> ProducerRecord {
    ProducerRecord::new("t").partition(partition).value(value.to_owned())
}

/// What was asked for from now on, but for what is not about transactions.
fn asked(fake: &Fake) -> Vec<(ApiKey, i16)> {
    let mut state = fake.state.lock().unwrap();
    let known = [ApiKey::ApiVersions, ApiKey::Metadata, ApiKey::FindCoordinator];
    let asked = std::mem::take(&mut state.asked).into_iter();
    asked.map(|(_, api, version)| (api, version)).filter(|(api, _)| !known.contains(api)).collect()
}

/// The epoch and the first sequence number of each batch of partition 0.
fn batches(fake: &Fake) -> Vec<(i16, i32, bool)> {
    let state = fake.state.lock().unwrap();
    let headers = state.topics["t"][0].log.iter().map(|batch| &batch.header);
    headers.map(|header| (header.producer_epoch.0, header.base_sequence, header.is_transactional())).collect()
}

fn refuse(request: &ProduceRequest, code: ErrorCode) -> Act {
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
    Act::Answer(response.into())
}

#[tokio::test(start_paused = true)]
async fn each_transaction_version_asks_for_what_it_needs_and_no_more() {
    async fn check(level: i16, expected: &[(ApiKey, i16)], written: &[(i16, i32, bool)]) {
        let fake = start(level).await;
        let mut producer = producer(&fake).await;
        asked(&fake);
        let group = GroupMetadata::new("g");
        let transaction = producer.begin().await.unwrap();
        for value in ["a", "b"] {
            transaction.enqueue(record(0, value)).await.unwrap().await.unwrap();
        }
        let offset = |offset| [(TopicPartition::new("t", 1).unwrap(), Offset(offset))];
        transaction.send_offsets(&group, offset(1)).await.unwrap();
        transaction.send_offsets(&group, offset(2)).await.unwrap();
        transaction.commit().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "c")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(asked(&fake), expected);
        assert_eq!(batches(&fake), written);
        assert_eq!(fake.state.lock().unwrap().ends, [true, true]);
    }
    use ApiKey::*;
    let explicit = [
        (AddPartitionsToTxn, 3),
        (Produce, 11),
        (Produce, 11),
        (AddOffsetsToTxn, 4),
        (TxnOffsetCommit, 4),
        (TxnOffsetCommit, 4),
        (EndTxn, 4),
        (AddPartitionsToTxn, 3),
        (Produce, 11),
        (EndTxn, 4),
    ];
    check(0, &explicit, &[(0, 0, true), (0, 1, true), (0, 2, true)]).await;
    check(1, &explicit, &[(0, 0, true), (0, 1, true), (0, 2, true)]).await;
    let implicit = [
        (Produce, 13),
        (Produce, 13),
        (TxnOffsetCommit, 5),
        (TxnOffsetCommit, 5),
        (EndTxn, 5),
        (Produce, 13),
        (EndTxn, 5),
    ];
    check(2, &implicit, &[(0, 0, true), (0, 1, true), (1, 0, true)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_answer_is_asked_for_again_and_never_turned_into_an_abort() {
    for level in [1, 2] {
        let fake = start(level).await;
        let mut producer = producer(&fake).await;
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "a")).await.unwrap();
        let mut ends = 0;
        fake.script(move |_, _, request| match request {
            Request::EndTxn(_) => {
                ends += 1;
                if ends < 4 { Act::ServeAndBreak } else { Act::Serve }
            }
            _ => Act::Serve,
        });
        transaction.commit().await.unwrap();
        assert_eq!(fake.state.lock().unwrap().ends, [true; 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_end_is_not_known_is_resolved_before_the_next_transaction() {
    let fake = start(2).await;
    let mut producer = producer(&fake).await;
    let transaction = producer.begin().await.unwrap();
    transaction.send(record(0, "a")).await.unwrap();
    fake.script(|_, _, request| match request {
        Request::EndTxn(_) => Act::ServeAndBreak,
        _ => Act::Serve,
    });
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Retriable(_)), "{error}");
    assert!(matches!(producer.begin().await, Err(TransactionError::Retriable(_))));
    assert!(matches!(producer.resolve().await, Err(TransactionError::Retriable(_))));
    fake.script(|_, _, _| Act::Serve);
    assert_eq!(producer.resolve().await.unwrap(), Some(Outcome::Committed));
    assert_eq!(producer.resolve().await.unwrap(), None);
    assert!(fake.state.lock().unwrap().ends.iter().all(|committed| *committed));
    producer.begin().await.unwrap().commit().await.unwrap();
}

/// What is lost takes its sequence numbers with it: without a new epoch the next transaction would use them again, and
/// a late first attempt would pass for a part of it.
#[tokio::test(start_paused = true)]
async fn a_lost_record_aborts_its_transaction_and_the_next_one_has_another_epoch() {
    async fn check(level: i16, act: fn(&ProduceRequest) -> Act) {
        let fake = start(level).await;
        let client = fake.builder().request_timeout(Duration::from_secs(2)).connect().await.unwrap();
        let settings = client.producer().delivery_timeout(Duration::from_secs(5)).batch_size(1);
        let mut producer = settings.transactional("id").init().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        transaction.enqueue(record(0, "before")).await.unwrap().await.unwrap();
        fake.script(move |_, _, request| match request {
            Request::Produce(request) => act(request),
            _ => Act::Serve,
        });
        let lost = transaction.enqueue(record(0, "lost")).await.unwrap();
        // Those behind it are not to be in the log either.
        let mut behind = Vec::new();
        for partition in [0, 1] {
            behind.extend(transaction.enqueue(record(partition, "behind")).await);
        }
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
        assert!(lost.await.is_err());
        for delivery in behind {
            assert!(delivery.await.is_err());
        }
        assert_eq!(fake.state.lock().unwrap().ends, [false]);
        // The end itself brings the new epoch where it does that.
        assert_eq!(fake.count(ApiKey::InitProducerId), if level < 2 { 2 } else { 1 });
        fake.script(|_, _, _| Act::Serve);
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "next")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(fake.values("t", 0).last().unwrap(), "next");
        let (epoch, sequence, _) = *batches(&fake).last().unwrap();
        assert_eq!((epoch, sequence), (1, 0));
    }
    for level in [1, 2] {
        check(level, |request| refuse(request, ErrorCode::UNKNOWN_SERVER_ERROR)).await;
        check(level, |request| refuse(request, ErrorCode::INVALID_TXN_STATE)).await;
        check(level, |_| Act::Break).await;
        check(level, |_| Act::Ignore).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_sends_nothing_that_waits() {
    for level in [1, 2] {
        let fake = start(level).await;
        let client = fake.client().await;
        let settings = client.producer().linger(Duration::from_secs(60));
        let mut producer = settings.transactional("id").init().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        let delivery = transaction.enqueue(record(0, "waits")).await.unwrap();
        transaction.abort().await.unwrap();
        let error = delivery.await.unwrap_err();
        assert!(!error.may_be_in_log(), "{error}");
        assert!(error.to_string().ends_with("its transaction has been aborted"), "{error}");
        assert_eq!(fake.count(ApiKey::Produce), 0);
        // No sequence number was taken, so there is no need for another epoch.
        assert_eq!(fake.count(ApiKey::InitProducerId), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fenced_producer_is_of_no_more_use() {
    let fake = start(2).await;
    let mut producer = producer(&fake).await;
    let transaction = producer.begin().await.unwrap();
    transaction.send(record(0, "a")).await.unwrap();
    fake.script(|_, _, request| match request {
        Request::EndTxn(_) => {
            let error_code = ErrorCode::PRODUCER_FENCED.code();
            Act::Answer(EndTxnResponse { error_code, ..Default::default() }.into())
        }
        _ => Act::Serve,
    });
    assert!(transaction.commit().await.unwrap_err().is_fenced());
    fake.script(|_, _, _| Act::Serve);
    assert!(producer.begin().await.unwrap_err().is_fenced());
    assert!(producer.resolve().await.unwrap_err().is_fenced());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_transaction_is_aborted_without_anybody_asking() {
    let fake = start(2).await;
    let mut producer = producer(&fake).await;
    let transaction = producer.begin().await.unwrap();
    transaction.enqueue(record(0, "a")).await.unwrap().await.unwrap();
    drop(transaction);
    drop(producer);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.state.lock().unwrap().ends, [false]);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_transaction_is_aborted_by_the_next_one() {
    let fake = start(2).await;
    let mut producer = producer(&fake).await;
    let transaction = producer.begin().await.unwrap();
    transaction.enqueue(record(0, "a")).await.unwrap().await.unwrap();
    std::mem::forget(transaction);
    producer.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(fake.state.lock().unwrap().ends, [false]);
}

#[test]
fn what_users_spawn_can_be_sent_between_threads() {
    fn check<T: Send>(_: impl FnOnce(TransactionalProducer) -> T) {}
    check(|mut producer| async move {
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "x")).await.unwrap();
        transaction
            .send_offsets(&GroupMetadata::new("g"), [(TopicPartition::new("t", 0).unwrap(), Offset(1))])
            .await
            .unwrap();
        transaction.commit().await
    });
    check(|mut producer| async move { producer.resolve().await });
    fn copy(record: &ConsumerRecord) -> [ProducerRecord; 1] {
        [ProducerRecord::new("copies").value(record.value.clone().unwrap_or_default())]
    }
    fn check_pipeline<T: Send>(_: impl FnOnce(Pipeline) -> T) {}
    check_pipeline(|mut pipeline| async move { pipeline.step(copy).await });
    check(|mut producer| async move { producer.begin().await.unwrap().abort().await });
}
