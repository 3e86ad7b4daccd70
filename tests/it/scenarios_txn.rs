//! The gallery of what goes wrong with idempotence and transactions: each wrong setup shows its anomaly, and its right
//! twin does not. The numbers are those of the catalogue of scenarios.

use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::ErrorCode;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::base::Offset;
use rehearsal::client::Client;
use rehearsal::client::Consumer;
use rehearsal::client::ConsumerRecord;
use rehearsal::client::GroupMetadata;
use rehearsal::client::IsolationLevel;
use rehearsal::client::OffsetReset;
use rehearsal::client::Pipeline;
use rehearsal::client::ProducerRecord;
use rehearsal::client::Progress;
use rehearsal::client::StartFrom;
use rehearsal::client::Target;
use rehearsal::client::TopicPartition;
use rehearsal::client::TransactionError;
use rehearsal::client::TransactionalProducer;
use rehearsal::wire::batch::BatchBuilder;
use rehearsal::wire::codec::Records;
use rehearsal::wire::messages::end_txn::EndTxnRequest;
use rehearsal::wire::messages::produce::PartitionProduceData;
use rehearsal::wire::messages::produce::ProduceRequest;
use rehearsal::wire::messages::produce::TopicProduceData;
use std::time::Duration;
use tokio::time::sleep;
use tokio::time::timeout;

const COMMITTED: IsolationLevel = IsolationLevel::ReadCommitted;
const UNCOMMITTED: IsolationLevel = IsolationLevel::ReadUncommitted;

async fn cluster(level: i16) -> Cluster {
    let builder = Cluster::in_memory().brokers(3).topic("t", 2).topic("out", 2).transaction_version(level);
    builder.start().await.unwrap()
}

/// A client that does not wait long for an answer.
async fn client(cluster: &Cluster) -> Client {
    Client::builder().endpoint(cluster).request_timeout(Duration::from_secs(1)).connect().await.unwrap()
}

fn record(partition: i32, value: &str) -> ProducerRecord {
    ProducerRecord::new("t").partition(partition).value(value.to_owned())
}

async fn producer(client: &Client) -> TransactionalProducer {
    client.producer().transactional("id").init().await.unwrap()
}

fn text(record: &ConsumerRecord) -> String {
    String::from_utf8(record.value.as_deref().unwrap().to_vec()).unwrap()
}

/// The values of a topic, by partition.
async fn read_topic(cluster: &Cluster, topic: &str, isolation: IsolationLevel) -> Vec<String> {
    let client = Client::connect(cluster).await.unwrap();
    let mut consumer = client.consumer().isolation_level(isolation).build();
    consumer.assign_topic(topic, StartFrom::Earliest).await.unwrap();
    let mut values = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(2), consumer.recv()).await {
        let record = record.unwrap();
        values.push((record.partition.0, text(&record)));
    }
    values.sort_by_key(|(partition, _)| *partition);
    values.into_iter().map(|(_, value)| value).collect()
}

async fn read(cluster: &Cluster, isolation: IsolationLevel) -> Vec<String> {
    read_topic(cluster, "t", isolation).await
}

fn member(client: &Client, isolation: IsolationLevel) -> Consumer {
    let settings = client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = settings.isolation_level(isolation).enable_auto_commit(false).build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

async fn pipeline(client: &Client) -> Pipeline {
    let wait = Duration::from_secs(20);
    Pipeline::new(member(client, COMMITTED), producer(client).await).unwrap().max_poll_records(5).poll_timeout(wait)
}

fn copy(record: &ConsumerRecord) -> [ProducerRecord; 1] {
    [ProducerRecord::new("out").partition(record.partition).value(record.value.clone().unwrap())]
}

fn fill(cluster: &Cluster, count: i32) -> Vec<String> {
    let values = |partition| (0..count).filter(move |n| n % 2 == partition).map(|n| format!("{n:03}"));
    for partition in 0..2 {
        cluster.seed("t", values(partition).map(|value| Record::new(value).partition(partition))).unwrap();
    }
    (0..2).flat_map(values).collect()
}

#[tokio::test(start_paused = true)]
async fn s08_a_lost_answer_makes_a_duplicate_unless_the_producer_is_idempotent() {
    for (idempotent, expected) in [(false, &["x", "x"][..]), (true, &["x"])] {
        let cluster = cluster(2).await;
        let fault = cluster.inject(Fault::on(ApiKey::Produce).once().lose_answer()).unwrap();
        let producer = client(&cluster).await.producer().enable_idempotence(idempotent).build();
        producer.send(record(0, "x")).await.unwrap();
        fault.assert_fired();
        assert_eq!(read(&cluster, UNCOMMITTED).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn s09_a_refused_batch_keeps_its_place_with_idempotence_or_one_in_flight() {
    // Without idempotence this client has one batch of a partition in flight, whatever is asked for.
    for idempotent in [false, true] {
        let cluster = cluster(2).await;
        let fault = Fault::on(ApiKey::Produce).nth(3).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        let fault = cluster.inject(fault).unwrap();
        let producer = client(&cluster).await.producer().enable_idempotence(idempotent).batch_size(1).build();
        let mut sent = Vec::new();
        for n in 0..12 {
            sent.push(producer.enqueue(record(0, &format!("{n:02}"))).await.unwrap());
        }
        for delivery in sent {
            delivery.await.unwrap();
        }
        fault.assert_fired();
        let values = read(&cluster, UNCOMMITTED).await;
        assert_eq!(values, (0..12).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    }
}

/// 10 and 11 without their planted bugs: the broker remembers five batches, and the client settles what came before a
/// batch that is lost for good.
#[tokio::test(start_paused = true)]
async fn s11_an_unresolved_batch_before_a_lost_one_is_neither_written_twice_nor_out_of_order() {
    let cluster = cluster(2).await;
    let client = client(&cluster).await;
    let producer = client.producer().batch_size(1).build();
    producer.send(record(0, "0")).await.unwrap();
    let after = cluster
        .inject(Fault::on(ApiKey::Produce).nth(1).after_applied().error(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND))
        .unwrap();
    let lost = cluster.inject(Fault::on(ApiKey::Produce).nth(2).error(ErrorCode::UNKNOWN_SERVER_ERROR)).unwrap();
    let mut sent = Vec::new();
    for value in ["1", "2", "3", "4"] {
        sent.push(producer.enqueue(record(0, value)).await.unwrap());
    }
    let mut acknowledged = Vec::new();
    for delivery in sent {
        acknowledged.push(delivery.await.is_ok());
    }
    after.assert_fired();
    lost.assert_fired();
    assert_eq!(acknowledged, [true, false, true, true]);
    assert_eq!(read(&cluster, UNCOMMITTED).await, ["0", "1", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn s12_sending_again_by_another_producer_makes_a_duplicate_unless_the_transactional_id_fences_the_first() {
    let hasty = |client: &Client| client.producer().delivery_timeout(Duration::from_secs(1));
    let lost = || Fault::on(ApiKey::Produce).once().lose_answer();
    let cluster = cluster(2).await;
    let client = client(&cluster).await;
    let fault = cluster.inject(lost()).unwrap();
    let error = hasty(&client).build().send(record(0, "x")).await.unwrap_err();
    fault.assert_fired();
    assert!(error.may_be_in_log(), "{error}");
    client.producer().build().send(record(0, "x")).await.unwrap();
    assert_eq!(read(&cluster, UNCOMMITTED).await, ["x", "x"]);

    for level in [1, 2] {
        let cluster = self::cluster(level).await;
        let client = self::client(&cluster).await;
        let fault = cluster.inject(lost()).unwrap();
        let mut first = hasty(&client).transactional("id").init().await.unwrap();
        let transaction = first.begin().await.unwrap();
        assert!(transaction.enqueue(record(0, "x")).await.unwrap().await.unwrap_err().may_be_in_log());
        fault.assert_fired();
        let mut second = producer(&client).await;
        let again = second.begin().await.unwrap();
        again.send(record(0, "x")).await.unwrap();
        again.commit().await.unwrap();
        assert!(transaction.commit().await.unwrap_err().is_fenced());
        assert_eq!(read(&cluster, COMMITTED).await, ["x"], "transaction.version {level}");
        assert_eq!(read(&cluster, UNCOMMITTED).await, ["x", "x"]);
    }
}

/// 13 without its planted bug: what an aborted transaction wrote is not taken for what the next one writes.
#[tokio::test(start_paused = true)]
async fn s13_the_sequence_numbers_of_an_aborted_transaction_do_not_come_again() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let mut producer = producer(&client(&cluster).await).await;
        let transaction = producer.begin().await.unwrap();
        let lost = cluster.inject(Fault::on(ApiKey::Produce).once().lose_answer()).unwrap();
        let first = transaction.enqueue(record(0, "first")).await.unwrap();
        cluster.wait_until(|_| lost.fired() == 1).await.unwrap();
        transaction.abort().await.unwrap();
        let _ = first.await;
        let transaction = producer.begin().await.unwrap();
        let second = transaction.enqueue(record(0, "second")).await.unwrap().await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(read(&cluster, COMMITTED).await, ["second"]);
        let stored = cluster.records("t").into_iter().find(|record| record.text() == "second").unwrap();
        assert_eq!(stored.offset, second.offset);
    }
}

#[tokio::test(start_paused = true)]
async fn s34_aborted_records_are_seen_by_those_who_do_not_ask_for_committed_ones() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let mut producer = producer(&client(&cluster).await).await;
        for n in 0..10 {
            let transaction = producer.begin().await.unwrap();
            transaction.enqueue(record(0, &n.to_string())).await.unwrap().await.unwrap();
            if n % 2 == 0 { transaction.commit().await.unwrap() } else { transaction.abort().await.unwrap() }
        }
        assert_eq!(read(&cluster, COMMITTED).await, ["0", "2", "4", "6", "8"]);
        assert_eq!(read(&cluster, UNCOMMITTED).await.len(), 10);
    }
}

/// 35 to 37 without their planted bugs: several transactions of one producer in one answer, and a reader at the tail of
/// an open one.
#[tokio::test(start_paused = true)]
async fn s35_a_reader_at_the_tail_sees_whole_committed_transactions_only() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let client = client(&cluster).await;
        let mut tail = client.consumer().isolation_level(COMMITTED).build();
        tail.assign_topic("t", StartFrom::Earliest).await.unwrap();
        let mut producer = producer(&client).await;
        for (value, commits) in [("1", true), ("2", false), ("3", true), ("4", false), ("5", false), ("6", true)] {
            let transaction = producer.begin().await.unwrap();
            for part in ["a", "b"] {
                transaction.enqueue(record(0, &format!("{value}{part}"))).await.unwrap().await.unwrap();
                assert!(timeout(Duration::from_secs(1), tail.recv()).await.is_err(), "before its end");
            }
            if !commits {
                transaction.abort().await.unwrap();
                assert!(timeout(Duration::from_secs(1), tail.recv()).await.is_err(), "after an abort");
                continue;
            }
            transaction.commit().await.unwrap();
            for part in ["a", "b"] {
                assert_eq!(text(&tail.recv().await.unwrap()), format!("{value}{part}"));
            }
        }
        // All of it in one answer.
        assert_eq!(read(&cluster, COMMITTED).await, ["1a", "1b", "3a", "3b", "6a", "6b"]);
    }
}

/// A first copy of the request that ended the first transaction is late: it arrives in the middle of the second one,
/// which then writes on.
async fn late_end(level: i16, first_commits: bool) -> Vec<String> {
    let cluster = cluster(level).await;
    let client = client(&cluster).await;
    let mut producer = producer(&client).await;
    let first = producer.begin().await.unwrap();
    first.enqueue(record(0, "first")).await.unwrap().await.unwrap();
    let known = cluster.transaction("id").snapshot().unwrap();
    let late = EndTxnRequest {
        transactional_id: "id".into(),
        producer_id: known.producer_id.0,
        producer_epoch: known.producer_epoch.0,
        committed: first_commits,
        ..Default::default()
    };
    if first_commits {
        first.commit().await.unwrap()
    } else {
        first.abort().await.unwrap()
    }
    let second = producer.begin().await.unwrap();
    second.enqueue(record(0, "second, early")).await.unwrap().await.unwrap();
    let answer = client.call_at_most(Target::Broker(known.coordinator), &late, if level < 2 { 4 } else { 5 }).await;
    assert_eq!(answer.unwrap().error_code == 0, level < 2, "transaction.version {level}");
    second.enqueue(record(1, "second, late")).await.unwrap().await.unwrap();
    if first_commits {
        second.abort().await.unwrap()
    } else {
        second.commit().await.unwrap()
    }
    read(&cluster, COMMITTED).await
}

#[tokio::test(start_paused = true)]
async fn s38_a_late_commit_commits_half_of_the_next_transaction_unless_each_has_its_epoch() {
    for level in [0, 1] {
        assert_eq!(late_end(level, true).await, ["first", "second, early"]);
    }
    assert_eq!(late_end(2, true).await, ["first"]);
}

#[tokio::test(start_paused = true)]
async fn s39_a_late_abort_loses_half_of_the_next_transaction_unless_each_has_its_epoch() {
    for level in [0, 1] {
        assert_eq!(late_end(level, false).await, ["second, late"]);
    }
    assert_eq!(late_end(2, false).await, ["second, early", "second, late"]);
}

#[tokio::test(start_paused = true)]
async fn s40_a_late_batch_leaves_a_hanging_transaction_unless_brokers_verify() {
    async fn check(level: i16, verification: bool, expected: &[&str]) {
        let cluster = Cluster::in_memory().brokers(1).topic("t", 1).transaction_version(level);
        let cluster = cluster.broker_config("transaction.partition.verification.enable", verification.to_string());
        let cluster = cluster.start().await.unwrap();
        let client = client(&cluster).await;
        let settings = client.producer().delivery_timeout(Duration::from_secs(1)).batch_size(1);
        let mut producer = settings.transactional("id").init().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        transaction.enqueue(record(0, "early")).await.unwrap().await.unwrap();
        let known = cluster.transaction("id").snapshot().unwrap();
        let on_its_way = cluster.inject(Fault::on(ApiKey::Produce).once().drop_it()).unwrap();
        assert!(transaction.enqueue(record(0, "late")).await.unwrap().await.unwrap_err().may_be_in_log());
        on_its_way.assert_fired();
        assert!(matches!(transaction.commit().await, Err(TransactionError::Abortable(_))));
        // Now it arrives.
        let mut batch = BatchBuilder::new().transactional(true).producer(known.producer_id, known.producer_epoch, 1);
        batch.append(cluster.timestamp(), None, Some(b"late"), &[]);
        let data = PartitionProduceData {
            index: 0,
            records: Some(Records::from_slices(batch.build().unwrap().to_slices().into())),
            ..Default::default()
        };
        let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
        let late = ProduceRequest {
            transactional_id: Some("id".into()),
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![topic],
            ..Default::default()
        };
        let answer = client.call_at_most(Target::Any, &late, if level < 2 { 11 } else { 12 }).await.unwrap();
        let code = answer.responses[0].partition_responses[0].error_code;
        assert_eq!(code == 0, expected.is_empty(), "{code}");
        sleep(Duration::from_secs(1)).await;
        client.producer().build().send(record(0, "plain")).await.unwrap();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(read(&cluster, COMMITTED).await, expected, "transaction.version {level}");
    }
    check(1, false, &[]).await;
    check(1, true, &["plain"]).await;
    check(2, true, &["plain"]).await;
}

#[tokio::test(start_paused = true)]
async fn s41_a_commit_whose_answers_are_lost_is_a_commit() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let mut producer = producer(&client(&cluster).await).await;
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "x")).await.unwrap();
        let lost = cluster.inject(Fault::on(ApiKey::EndTxn).times(5).lose_answer()).unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(lost.fired(), 5);
        assert_eq!(read(&cluster, COMMITTED).await, ["x"]);
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "y")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(read(&cluster, COMMITTED).await, ["x", "y"]);
    }
}

/// A member is put out of the group in the middle of a transaction; another one processes its records as well.
async fn pause_of_a_member(level: i16, vouches: bool) -> (Vec<String>, Result<(), TransactionError>) {
    let cluster = cluster(level).await;
    cluster.seed("t", [Record::new("x").partition(0)]).unwrap();
    let paused = client(&cluster).await;
    let mut consumer = member(&paused, COMMITTED);
    let input = consumer.recv().await.unwrap();
    let group = if vouches { consumer.group_metadata().unwrap() } else { GroupMetadata::new("g") };
    let mut producer = paused.producer().transactional("paused").init().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    let [output] = copy(&input);
    transaction.enqueue(output).await.unwrap().await.unwrap();

    let members = cluster.group("g").members();
    cluster.group("g").expire_member(&members[0].member_id).unwrap();
    let other = client(&cluster).await;
    let mut pipeline =
        Pipeline::new(member(&other, COMMITTED), other.producer().transactional("other").init().await.unwrap())
            .unwrap();
    // The paused consumer is not asked for records, so it does not come back.
    while !matches!(pipeline.step(copy).await.unwrap(), Progress::Committed(_)) {}

    let stored = transaction.send_offsets(&group, [(input.topic_partition(), input.next_offset())]).await;
    let ended = match stored {
        Ok(()) => transaction.commit().await,
        Err(error) => transaction.abort().await.and(Err(error)),
    };
    (read_topic(&cluster, "out", COMMITTED).await, ended)
}

#[tokio::test(start_paused = true)]
async fn s42_a_paused_member_processes_twice_unless_it_vouches_for_its_offsets() {
    for level in [1, 2] {
        let (seen, ended) = pause_of_a_member(level, false).await;
        ended.unwrap();
        assert_eq!(seen, ["x", "x"]);
        let (seen, ended) = pause_of_a_member(level, true).await;
        assert!(matches!(ended, Err(TransactionError::Abortable(_))), "{ended:?}");
        assert_eq!(seen, ["x"]);
    }
}

#[tokio::test(start_paused = true)]
async fn s43_a_decided_transaction_hides_its_offsets_from_those_who_do_not_wait_for_stable_ones() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let client = client(&cluster).await;
        let mut producer = producer(&client).await;
        let partition = TopicPartition::new("t", 0).unwrap();
        let held = cluster.hold_markers();
        let transaction = producer.begin().await.unwrap();
        transaction.send_offsets(&GroupMetadata::new("g"), [(partition.clone(), Offset(7))]).await.unwrap();
        transaction.commit().await.unwrap();
        let hasty = member(&client, UNCOMMITTED);
        assert_eq!(hasty.committed([&partition]).await.unwrap()[&partition], None);
        let patient = member(&client, COMMITTED);
        assert!(timeout(Duration::from_secs(5), patient.committed([&partition])).await.is_err());
        held.release();
        let known = patient.committed([&partition]).await.unwrap();
        assert_eq!(known[&partition].as_ref().unwrap().offset, Offset(7));
    }
}

#[tokio::test(start_paused = true)]
async fn s44_whoever_does_not_go_back_after_an_abort_loses_records() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let input = fill(&cluster, 60);
        let client = client(&cluster).await;
        let refused = Fault::on(ApiKey::Produce).topic("out").every(4).error(ErrorCode::INVALID_RECORD);
        let fault = cluster.inject(refused.clone()).unwrap();
        let mut consumer = member(&client, COMMITTED);
        let mut producer = producer(&client).await;
        loop {
            let records = consumer.poll_batch(5, Duration::from_secs(20)).await.unwrap();
            if records.is_empty() {
                break;
            }
            let transaction = producer.begin().await.unwrap();
            for record in &records {
                let [output] = copy(record);
                let _ = transaction.send(output).await;
            }
            // Aborted or not, it reads on.
            let _ = transaction.send_positions(&consumer).await;
            let _ = transaction.commit().await;
        }
        fault.assert_fired();
        drop((fault, consumer));
        assert!(read_topic(&cluster, "out", COMMITTED).await.len() < input.len());

        let cluster = self::cluster(level).await;
        let input = fill(&cluster, 60);
        let fault = cluster.inject(refused).unwrap();
        let mut pipeline = pipeline(&self::client(&cluster).await).await;
        let mut aborted = 0;
        loop {
            match pipeline.step(copy).await.unwrap() {
                Progress::Idle => break,
                Progress::Aborted(_) => aborted += 1,
                _ => {}
            }
        }
        fault.assert_fired();
        assert!(aborted > 2);
        assert_eq!(read_topic(&cluster, "out", COMMITTED).await, input);
    }
}

#[tokio::test(start_paused = true)]
async fn s45_offsets_that_are_committed_outside_of_the_transaction_go_their_own_way() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        fill(&cluster, 10);
        let client = client(&cluster).await;
        for _ in 0..2 {
            let mut consumer = member(&client, COMMITTED);
            let mut producer = producer(&client).await;
            let mut records = Vec::new();
            while records.len() < 10 {
                records.extend(consumer.poll_batch(10, Duration::from_secs(20)).await.unwrap());
            }
            let transaction = producer.begin().await.unwrap();
            for record in &records {
                let [output] = copy(record);
                transaction.send(output).await.unwrap();
            }
            transaction.commit().await.unwrap();
            // Here it dies, before it says `consumer.commit()`.
            consumer.close().await.unwrap();
        }
        assert_eq!(read_topic(&cluster, "out", COMMITTED).await.len(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn s46_a_slow_transaction_is_fenced_and_done_again_by_a_new_producer() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let input = fill(&cluster, 10);
        let client = client(&cluster).await;
        let mut consumer = member(&client, COMMITTED);
        let settings = client.producer().transactional("id").transaction_timeout(Duration::from_secs(60));
        let mut slow = settings.init().await.unwrap();
        let records = consumer.poll_batch(5, Duration::from_secs(20)).await.unwrap();
        let transaction = slow.begin().await.unwrap();
        for record in &records {
            let [output] = copy(record);
            transaction.enqueue(output).await.unwrap().await.unwrap();
        }
        sleep(Duration::from_secs(100)).await;
        let stored = transaction.send_positions(&consumer).await;
        assert!(stored.is_err(), "transaction.version {level}");
        let error = transaction.commit().await.unwrap_err();
        assert!(error.is_fenced(), "{error}");
        drop(consumer);
        let mut pipeline = pipeline(&client).await;
        while !matches!(pipeline.step(copy).await.unwrap(), Progress::Idle) {}
        assert_eq!(read_topic(&cluster, "out", COMMITTED).await, input);
    }
}

#[tokio::test(start_paused = true)]
async fn s47_another_coordinator_completes_what_was_decided() {
    for level in [1, 2] {
        let cluster = cluster(level).await;
        let mut producer = producer(&client(&cluster).await).await;
        let held = cluster.hold_markers();
        let transaction = producer.begin().await.unwrap();
        for partition in [0, 1] {
            transaction.send(record(partition, "x")).await.unwrap();
        }
        transaction.commit().await.unwrap();
        assert_eq!(read(&cluster, COMMITTED).await, Vec::<String>::new());
        let coordinator = cluster.transaction("id").coordinator().unwrap();
        cluster.transaction("id").move_coordinator(coordinator.0 % 3 + 1).unwrap();
        held.release();
        cluster.transaction("id").wait_until_complete().await.unwrap();
        assert_eq!(read(&cluster, COMMITTED).await, ["x", "x"]);
        // The producer finds it.
        let transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "y")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(read(&cluster, COMMITTED).await, ["x", "y", "x"]);
    }
}

/// 48 without its planted bug: records and offsets have the same fate.
#[tokio::test(start_paused = true)]
async fn s48_the_group_hears_of_the_end_as_the_partitions_do() {
    for level in [1, 2] {
        for commits in [true, false] {
            let cluster = cluster(level).await;
            let mut producer = producer(&client(&cluster).await).await;
            let transaction = producer.begin().await.unwrap();
            transaction.enqueue(record(0, "x")).await.unwrap().await.unwrap();
            let partition = TopicPartition::new("t", 1).unwrap();
            transaction.send_offsets(&GroupMetadata::new("g"), [(partition, Offset(3))]).await.unwrap();
            if commits {
                transaction.commit().await.unwrap()
            } else {
                transaction.abort().await.unwrap()
            }
            let seen = read(&cluster, COMMITTED).await.len();
            assert_eq!((seen, cluster.group("g").committed("t", 1)), if commits { (1, Some(3)) } else { (0, None) });
        }
    }
}
