//! Transactions of our own client, on our own cluster and against a real Kafka.

use rehearsal::Cluster;
use rehearsal::ErrorCode;
use rehearsal::NewTopic;
use rehearsal::base::Offset;
use rehearsal::client::Client;
use rehearsal::client::Consumer;
use rehearsal::client::ConsumerRecord;
use rehearsal::client::GroupMetadata;
use rehearsal::client::IsolationLevel;
use rehearsal::client::OffsetReset;
use rehearsal::client::OffsetSpec;
use rehearsal::client::Outcome;
use rehearsal::client::Pipeline;
use rehearsal::client::ProducerRecord;
use rehearsal::client::Progress;
use rehearsal::client::StartFrom;
use rehearsal::client::Target;
use rehearsal::client::TopicPartition;
use rehearsal::client::TransactionError;
use rehearsal::client::TransactionalProducer;
use rehearsal::wire::messages::api_versions::ApiVersionsRequest;
use rehearsal::wire::messages::update_features::FeatureUpdateKey;
use rehearsal::wire::messages::update_features::UpdateFeaturesRequest;
use std::time::Duration;
use tokio::time::timeout;

/// What a reader with this isolation level finds in a topic, by partition.
async fn read(client: &Client, topic: &str, isolation: IsolationLevel) -> Vec<String> {
    let mut consumer = client.consumer().isolation_level(isolation).build();
    consumer.assign_topic(topic, StartFrom::Earliest).await.unwrap();
    let mut values: Vec<(i32, String)> = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(1), consumer.recv()).await {
        let record = record.unwrap();
        values.push((record.partition.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
    }
    values.sort_by_key(|(partition, _)| *partition);
    values.into_iter().map(|(partition, value)| format!("{partition}:{value}")).collect()
}

async fn committed(client: &Client, topic: &str) -> Vec<String> {
    read(client, topic, IsolationLevel::ReadCommitted).await
}

fn record(topic: &str, partition: i32, value: &str) -> ProducerRecord {
    ProducerRecord::new(topic).partition(partition).value(value.to_owned())
}

/// A topic of its own and a producer with a transactional id of its own.
struct Setting {
    client: Client,
    topic: String,
    id: String,
}

impl Setting {
    async fn new(client: &Client, name: &str) -> Self {
        let topic = format!("{name}-{}-{:?}", std::process::id(), tokio::time::Instant::now());
        let topic: String = topic.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let topic = topic[..topic.len().min(200)].to_owned();
        client.admin().create_topic(NewTopic::new(topic.as_str()).partitions(3)).await.unwrap();
        // A leader that does not know yet that it is one refuses records, and that leaves it open what became of them.
        let ends = (0..3).map(|index| (TopicPartition::new(&topic, index).unwrap(), OffsetSpec::Latest));
        client.admin().list_offsets(ends).await.all().unwrap();
        Self { client: client.clone(), id: topic.clone(), topic }
    }

    async fn producer(&self) -> TransactionalProducer {
        self.client.producer().transactional(self.id.as_str()).init().await.unwrap()
    }

    fn record(&self, partition: i32, value: &str) -> ProducerRecord {
        record(&self.topic, partition, value)
    }
}

async fn records_count_when_their_transaction_commits(client: &Client) {
    let setting = Setting::new(client, "commit").await;
    let mut producer = setting.producer().await;
    for round in 0..5 {
        let transaction = producer.begin().await.unwrap();
        for partition in 0..3 {
            transaction.send(setting.record(partition, &format!("c{round}"))).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        for partition in 0..2 {
            let sent = transaction.enqueue(setting.record(partition, &format!("a{round}"))).await.unwrap();
            sent.await.unwrap();
        }
        transaction.abort().await.unwrap();
    }
    // Nothing in it, and it is over all the same.
    producer.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(producer.resolve().await.unwrap(), None);
    let seen = committed(client, &setting.topic).await;
    let expected: Vec<String> =
        (0..3).flat_map(|partition| (0..5).map(move |round| format!("{partition}:c{round}"))).collect();
    assert_eq!(seen, expected);
    assert_eq!(read(client, &setting.topic, IsolationLevel::ReadUncommitted).await.len(), 25);
}

async fn a_dropped_transaction_is_aborted_and_the_next_one_begins(client: &Client) {
    let setting = Setting::new(client, "drop").await;
    let mut producer = setting.producer().await;
    {
        let transaction = producer.begin().await.unwrap();
        transaction.enqueue(setting.record(0, "dropped")).await.unwrap().await.unwrap();
    }
    let transaction = producer.begin().await.unwrap();
    transaction.send(setting.record(0, "kept")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(committed(client, &setting.topic).await, ["0:kept"]);
}

async fn an_open_transaction_holds_readers_back(client: &Client) {
    let setting = Setting::new(client, "open").await;
    let mut producer = setting.producer().await;
    let transaction = producer.begin().await.unwrap();
    transaction.enqueue(setting.record(0, "first")).await.unwrap().await.unwrap();
    let plain = client.producer().build();
    plain.send(setting.record(0, "plain")).await.unwrap();
    assert_eq!(committed(client, &setting.topic).await, Vec::<String>::new());
    transaction.commit().await.unwrap();
    assert_eq!(committed(client, &setting.topic).await, ["0:first", "0:plain"]);
}

async fn a_newer_producer_fences_the_older_one(client: &Client) {
    let setting = Setting::new(client, "fence").await;
    let mut zombie = setting.producer().await;
    let transaction = zombie.begin().await.unwrap();
    transaction.enqueue(setting.record(0, "zombie")).await.unwrap().await.unwrap();
    let mut producer = setting.producer().await;
    let next = producer.begin().await.unwrap();
    next.send(setting.record(0, "live")).await.unwrap();
    next.commit().await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert!(zombie.begin().await.unwrap_err().is_fenced());
    // A zombie that writes first is told as soon as it tries to end.
    let transaction = producer.begin().await.unwrap();
    transaction.enqueue(setting.record(1, "older")).await.unwrap().await.unwrap();
    let _newest = setting.producer().await;
    let error = transaction.enqueue(setting.record(1, "too late")).await.unwrap().await.unwrap_err();
    assert!(!error.may_be_in_log(), "{error}");
    let error = transaction.commit().await.unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert_eq!(committed(client, &setting.topic).await, ["0:live"]);
}

async fn a_refused_record_spoils_its_transaction_and_no_other(client: &Client) {
    let setting = Setting::new(client, "refused").await;
    let mut producer = setting.producer().await;
    let transaction = producer.begin().await.unwrap();
    transaction.send(setting.record(0, "spoiled")).await.unwrap();
    let large = setting.record(0, &"x".repeat(2_000_000));
    let error = transaction.enqueue(large).await.unwrap_err();
    assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    // The broker refuses it this time, behind another batch and before a third.
    let roomy = client.producer().max_request_size(4_000_000).transactional(setting.id.as_str());
    let mut producer = roomy.init().await.unwrap();
    for round in 0..2 {
        let transaction = producer.begin().await.unwrap();
        transaction.send(setting.record(0, "spoiled")).await.unwrap();
        let refused = transaction.enqueue(setting.record(0, &"x".repeat(2_000_000))).await.unwrap();
        transaction.send(setting.record(0, "behind it")).await.ok();
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
        let error = refused.await.unwrap_err();
        assert!(!error.may_be_in_log(), "{error}");
        let transaction = producer.begin().await.unwrap();
        transaction.send(setting.record(0, &format!("whole{round}"))).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(committed(client, &setting.topic).await, ["0:whole0", "0:whole1"]);
}

async fn offsets_are_stored_with_the_commit(client: &Client) {
    let setting = Setting::new(client, "offsets").await;
    let mut producer = setting.producer().await;
    let group = GroupMetadata::new(setting.id.as_str());
    let partition = TopicPartition::new(&setting.topic, 1).unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.send_offsets(&group, [(partition.clone(), Offset(5))]).await.unwrap();
    transaction.abort().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.send_offsets(&group, [(partition.clone(), Offset(7))]).await.unwrap();
    transaction.send(setting.record(0, "with offsets")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(committed(client, &setting.topic).await, ["0:with offsets"]);
    // Somebody whom the group does not know is refused, and the transaction cannot be committed.
    let stranger =
        GroupMetadata { generation_id: 3, member_id: "stranger".into(), ..GroupMetadata::new(setting.id.as_str()) };
    let transaction = producer.begin().await.unwrap();
    let error = transaction.send_offsets(&stranger, [(partition, Offset(9))]).await.unwrap_err();
    assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_MEMBER_ID), "{error}");
    assert_eq!(producer.resolve().await.unwrap(), None::<Outcome>);
}

fn consumer(client: &Client, topic: &str, group: &str) -> Consumer {
    let settings = client.consumer().group_id(group).auto_offset_reset(OffsetReset::Earliest);
    let settings = settings.isolation_level(IsolationLevel::ReadCommitted).enable_auto_commit(false);
    let mut consumer = settings.session_timeout(Duration::from_secs(6)).build();
    consumer.subscribe([topic]).unwrap();
    consumer
}

async fn pipeline(client: &Client, setting: &Setting, number: usize) -> Pipeline {
    let producer = client.producer().transactional(format!("{}-{number}", setting.id)).init().await.unwrap();
    let consumer = consumer(client, &setting.topic, &setting.id);
    Pipeline::new(consumer, producer).unwrap().max_poll_records(7)
}

/// What a record of the input becomes.
fn copy(topic: &str, record: &ConsumerRecord) -> [ProducerRecord; 1] {
    let value = std::str::from_utf8(record.value.as_deref().unwrap()).unwrap();
    [ProducerRecord::new(topic).partition(record.partition).value(format!("copy of {value}"))]
}

async fn a_pipeline_copies_each_record_once_though_it_is_stopped_again_and_again(client: &Client) {
    let input = Setting::new(client, "input").await;
    let output = Setting::new(client, "output").await;
    let mut source = input.producer().await;
    for chunk in 0..6 {
        let transaction = source.begin().await.unwrap();
        for n in 0..20 {
            let value = format!("{:03}{}", chunk * 20 + n, if chunk % 3 == 2 { " void" } else { "" });
            transaction.send(input.record(n % 3, &value)).await.unwrap();
        }
        if chunk % 3 == 2 { transaction.abort().await.unwrap() } else { transaction.commit().await.unwrap() }
    }
    let mut copied = 0;
    for round in 0_u32.. {
        // Each round is another process with the same transactional id.
        let mut pipeline = pipeline(client, &input, 0).await;
        let mut idle = 0;
        for step in 0.. {
            let work = pipeline.step(|record| copy(&output.topic, record));
            // Stopped in the midst of a transaction, or before or behind it.
            let work = async {
                if step == round + 1 && round < 6 {
                    timeout(Duration::from_millis(u64::from(round) * 2), work).await.unwrap_or(Ok(Progress::Idle))
                } else {
                    work.await
                }
            };
            match work.await.unwrap() {
                Progress::Committed(count) => copied += count,
                Progress::Idle => idle += 1,
                other => panic!("{other:?}"),
            }
            if step == round + 2 && round < 6 || idle > 3 {
                break;
            }
        }
        if idle > 3 {
            break;
        }
    }
    let seen = committed(client, &output.topic).await;
    let expected: Vec<String> =
        (committed(client, &input.topic).await.iter()).map(|value| value.replacen(':', ":copy of ", 1)).collect();
    assert_eq!(seen, expected);
    assert!(copied <= seen.len(), "{copied}");
    assert_eq!(seen.len(), 80);
}

async fn a_zombie_of_the_group_cannot_store_offsets(client: &Client) {
    let input = Setting::new(client, "zombie").await;
    let plain = client.producer().build();
    for n in 0..3 {
        plain.send(input.record(n, "x")).await.unwrap();
    }
    let mut zombie = consumer(client, &input.topic, &input.id);
    zombie.recv().await.unwrap();
    let known = zombie.group_metadata().unwrap();
    assert!(known.generation_id > 0 && !known.member_id.is_empty());
    // It leaves: the coordinator does not know it any more.
    let position = zombie.positions();
    zombie.close().await.unwrap();
    let mut producer = input.producer().await;
    let transaction = producer.begin().await.unwrap();
    let error = transaction.send_offsets(&known, position).await.unwrap_err();
    assert!(matches!(error, TransactionError::Abortable(_)), "{error}");
    transaction.abort().await.unwrap();
    // Who is no member yet cannot vouch for anything either.
    let fresh = consumer(client, &input.topic, &input.id);
    assert_eq!(fresh.group_metadata().unwrap_err().code(), Some(ErrorCode::UNKNOWN_MEMBER_ID));
}

async fn all(client: &Client) {
    records_count_when_their_transaction_commits(client).await;
    a_dropped_transaction_is_aborted_and_the_next_one_begins(client).await;
    an_open_transaction_holds_readers_back(client).await;
    a_newer_producer_fences_the_older_one(client).await;
    a_refused_record_spoils_its_transaction_and_no_other(client).await;
    offsets_are_stored_with_the_commit(client).await;
    a_pipeline_copies_each_record_once_though_it_is_stopped_again_and_again(client).await;
    a_zombie_of_the_group_cannot_store_offsets(client).await;
}

#[tokio::test(start_paused = true)]
async fn every_transaction_version_keeps_what_it_promises() {
    for level in [0, 1, 2] {
        let cluster = Cluster::in_memory().brokers(3).transaction_version(level).start().await.unwrap();
        all(&Client::connect(&cluster).await.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn releases_of_before_the_second_version_know_transactions_as_well() {
    for release in ["1.1", "2.8", "3.9"] {
        let cluster = Cluster::in_memory().brokers(3).kafka_version(release).start().await.unwrap();
        let client = Client::connect(&cluster).await.unwrap();
        records_count_when_their_transaction_commits(&client).await;
        a_newer_producer_fences_the_older_one(&client).await;
    }
}

/// Against a real Kafka, whose address is in `KAFKA_BOOTSTRAP`: `cargo test --test it real_kafka -- --ignored`.
#[tokio::test]
#[ignore = "needs a real Kafka: `.ci/run kafka` starts one and runs this"]
async fn a_real_kafka_keeps_our_transactions() {
    let servers = std::env::var("KAFKA_BOOTSTRAP").expect("KAFKA_BOOTSTRAP says where the Kafka is");
    for level in [1, 2] {
        let client = Client::connect(servers.as_str()).await.unwrap();
        let upgrade_type = if level == 1 { 2 } else { 1 };
        let feature = FeatureUpdateKey {
            feature: "transaction.version".into(),
            max_version_level: level,
            upgrade_type,
            ..Default::default()
        };
        let request =
            UpdateFeaturesRequest { timeout_ms: 10_000, feature_updates: vec![feature], ..Default::default() };
        let response = client.call(Target::Any, &request).await.unwrap();
        assert_eq!(response.error_code, 0, "{response:?}");
        // Brokers hear of it a moment later, and a connection of the time before does not.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let client = Client::connect(servers.as_str()).await.unwrap();
        let asked = ApiVersionsRequest {
            client_software_name: "test".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        let versions = client.call(Target::Any, &asked).await.unwrap();
        let levels = versions.finalized_features.iter().filter(|feature| &*feature.name == "transaction.version");
        assert_eq!(levels.map(|feature| feature.max_version_level).collect::<Vec<_>>(), [level]);
        all(&client).await;
    }
}
