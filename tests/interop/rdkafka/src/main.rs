//! The scenario through rdkafka (librdkafka): prints one JSON document of answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

const BASE: i64 = 1_600_000_000_000;
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const WAIT: Duration = Duration::from_secs(10);

type Answer = Result<Value, KafkaError>;

struct Scenario {
    settings: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
    /// A consumer without a group, for metadata and lookups.
    reader: BaseConsumer,
    answers: BTreeMap<String, Value>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", std::env::args().nth(1).expect("the bootstrap servers"));
    settings.set("group.id", "none").set("enable.auto.commit", "false");
    settings.set_log_level(RDKafkaLogLevel::Emerg);
    let admin = settings.create().expect("an admin client");
    let reader = settings.create().expect("a consumer");
    let mut scenario = Scenario { settings, admin, reader, answers: BTreeMap::new() };
    scenario.topics().await;
    scenario.producing().await;
    scenario.consuming();
    scenario.offsets_and_deletion().await;
    scenario.configuration().await;
    println!("{}", serde_json::to_string(&scenario.answers).expect("strings and numbers"));
}

impl Scenario {
    fn answer(&mut self, name: impl Into<String>, answer: Answer) {
        self.answers.insert(name.into(), answer.unwrap_or_else(|error| json!({ "error": code(&error) })));
    }

    async fn topics(&mut self) {
        let keep = |t: NewTopic<'static>| t.set("retention.ms", "-1");
        let plain =
            |name, partitions, replicas| keep(NewTopic::new(name, partitions, TopicReplication::Fixed(replicas)));
        let cases = [
            ("create.plain", plain("rd-plain", 3, 1)),
            ("create.codecs", plain("rd-codecs", 1, 3)),
            ("create.append_time", plain("rd-append-time", 1, 1).set("message.timestamp.type", "LogAppendTime")),
            ("create.small", plain("rd-small", 1, 1).set("max.message.bytes", "500")),
            ("create.compacted", plain("rd-compacted", 1, 1).set("cleanup.policy", "compact")),
            ("create.again", plain("rd-plain", 1, 1)),
            ("create.factor_too_large", plain("rd-bad", 1, 9)),
            ("create.unknown_config", plain("rd-bad", 1, 1).set("no.such.config", "1")),
            ("create.bad_config", plain("rd-bad", 1, 1).set("segment.bytes", "many")),
            ("create.bad_name", plain("rd bad name", 1, 1)),
            ("create.unknown_broker", NewTopic::new("rd-bad", 1, TopicReplication::Variable(&[&[99]]))),
        ];
        for (name, topic) in cases {
            let reply = self.admin.create_topics([&topic], &options()).await;
            self.answer(name, reply.map(|rows| outcomes(rows)));
        }
        for topic in ["rd-plain", "rd-codecs", "rd-append-time", "rd-small", "rd-compacted"] {
            self.until_led(topic);
        }
        let answer = self.describe("rd-plain");
        self.answer("describe.plain", answer);
    }

    /// Waits until every partition of the topic has a leader.
    fn until_led(&self, topic: &str) {
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            let metadata = self.reader.fetch_metadata(Some(topic), WAIT).expect("metadata");
            let partitions = metadata.topics()[0].partitions();
            if !partitions.is_empty() && partitions.iter().all(|p| p.leader() >= 0) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn describe(&self, topic: &str) -> Answer {
        let metadata = self.reader.fetch_metadata(Some(topic), WAIT)?;
        let row = &metadata.topics()[0];
        let partitions: Vec<Value> = row
            .partitions()
            .iter()
            .map(|p| json!([p.id(), p.replicas().len(), p.isr().len(), p.leader() >= 0]))
            .collect();
        Ok(json!({ "brokers": metadata.brokers().len(), "partitions": partitions }))
    }

    /// Sends one record after the other and returns where each landed.
    async fn send(
        &self,
        topic: &str,
        records: &[(i32, i64, Option<&str>, Option<&str>)],
        settings: &[(&str, &str)],
    ) -> Answer {
        let mut config = self.settings.clone();
        config.set("linger.ms", "0").set("message.timeout.ms", "8000");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let producer: FutureProducer = config.create()?;
        let mut landed = Vec::new();
        for (partition, timestamp, key, value) in records {
            let headers = OwnedHeaders::new()
                .insert(Header { key: "n", value: Some("1") })
                .insert(Header { key: "n", value: None::<&str> });
            let mut record =
                FutureRecord::<str, str>::to(topic).partition(*partition).timestamp(*timestamp).headers(headers);
            record.key = *key;
            record.payload = *value;
            let at = producer.send(record, WAIT).await.map_err(|(error, _)| error)?;
            landed.push(json!([at.partition, at.offset, moment(at.timestamp.to_millis())]));
        }
        Ok(landed.into())
    }

    async fn producing(&mut self) {
        for (n, codec) in (0..).zip(CODECS) {
            let text = format!("{codec} value ").repeat(20);
            let records: Vec<_> = (0..5).map(|i| (0, BASE + n * 1000 + i, Some("key"), Some(text.as_str()))).collect();
            let answer = self.send("rd-codecs", &records, &[("compression.type", codec)]).await;
            self.answer(format!("produce.{codec}"), answer);
        }
        for acks in ["0", "1", "all"] {
            let answer = self.send("rd-plain", &[(2, BASE, None, Some(acks))], &[("acks", acks)]).await;
            self.answer(format!("produce.acks_{acks}"), answer);
        }
        let odd = [
            (1, BASE, Some("tombstone"), None),
            (1, BASE + 9, None, Some("no key")),
            (1, BASE + 3, Some(""), Some("")),
        ];
        let answer = self.send("rd-plain", &odd, &[]).await;
        self.answer("produce.odd", answer);
        let answer = self.send("rd-plain", &odd[1..], &[("enable.idempotence", "true")]).await;
        self.answer("produce.idempotent", answer);
        let large = "x".repeat(1000);
        for (name, topic, record) in [
            ("append_time", "rd-append-time", (0, BASE, None, Some("stamped"))),
            ("too_large", "rd-small", (0, BASE, None, Some(large.as_str()))),
            ("compacted_without_key", "rd-compacted", (0, BASE, None, Some("v"))),
            ("no_partition", "rd-plain", (7, BASE, None, Some("v"))),
            ("auto_create", "rd-auto", (0, BASE, None, Some("made"))),
            ("bad_name", "rd bad name", (0, BASE, None, Some("v"))),
        ] {
            let answer = self.send(topic, &[record], &[]).await;
            self.answer(format!("produce.{name}"), answer);
        }
    }

    fn read(&self, topic: &str, partition: i32, start: Offset, reset: &str) -> Answer {
        let mut config = self.settings.clone();
        config.set("auto.offset.reset", reset).set("enable.partition.eof", "true").set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, start)?;
        consumer.assign(&list)?;
        let mut records = Vec::new();
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            match consumer.poll(Duration::from_millis(500)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => {
                    records.push(json!({ "error": code(&error) }));
                    break;
                }
                Some(Ok(m)) => {
                    let headers: Vec<_> = m
                        .headers()
                        .into_iter()
                        .flat_map(|h| h.iter())
                        .map(|h| json!([h.key, h.value.map(text)]))
                        .collect();
                    records.push(json!({
                        "offset": m.offset(), "timestamp": moment(m.timestamp().to_millis()), "key": m.key().map(text),
                        "value": m.payload().map(text), "headers": headers,
                    }));
                }
            }
        }
        Ok(records.into())
    }

    fn consuming(&mut self) {
        for (name, topic, partition, start, reset) in [
            ("codecs", "rd-codecs", 0, Offset::Beginning, "error"),
            ("odd", "rd-plain", 1, Offset::Beginning, "error"),
            ("acks", "rd-plain", 2, Offset::Beginning, "error"),
            ("append_time", "rd-append-time", 0, Offset::Beginning, "error"),
            ("from_17", "rd-codecs", 0, Offset::Offset(17), "error"),
            ("tail_of_3", "rd-codecs", 0, Offset::OffsetTail(3), "error"),
            ("end", "rd-codecs", 0, Offset::End, "error"),
            ("beyond_end", "rd-codecs", 0, Offset::Offset(26), "error"),
            ("beyond_end_reset", "rd-codecs", 0, Offset::Offset(1000), "earliest"),
        ] {
            let answer = self.read(topic, partition, start, reset);
            self.answer(format!("consume.{name}"), answer);
        }
    }

    fn at_time(&self, topic: &str, partition: i32, timestamp: i64) -> Answer {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(timestamp))?;
        let found = self.reader.offsets_for_times(list, WAIT)?;
        Ok(format!("{:?}", found.elements()[0].offset()).into())
    }

    fn watermarks(&self, topic: &str) -> Answer {
        self.reader.fetch_watermarks(topic, 0, WAIT).map(|(low, high)| json!([low, high]))
    }

    async fn delete_before(&self, topic: &str, offset: i64) -> Answer {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(offset))?;
        let done = self.admin.delete_records(&list, &options()).await?;
        done.elements()[0].error()?;
        Ok(format!("{:?}", done.elements()[0].offset()).into())
    }

    async fn offsets_and_deletion(&mut self) {
        for (name, partition, time) in
            [("first", 0, BASE), ("between", 0, BASE + 1500), ("after_all", 0, BASE + 1_000_000)]
        {
            let answer = self.at_time("rd-codecs", partition, time);
            self.answer(format!("offsets.{name}"), answer);
        }
        let answer = self.at_time("rd-plain", 1, BASE + 4);
        self.answer("offsets.out_of_order", answer);
        let answer = self.watermarks("rd-codecs");
        self.answer("watermarks.codecs", answer);
        for (name, topic, offset) in
            [("to_7", "rd-codecs", 7), ("beyond", "rd-codecs", 26), ("compacted", "rd-compacted", 0)]
        {
            let answer = self.delete_before(topic, offset).await;
            self.answer(format!("delete_records.{name}"), answer);
        }
        let answer = self.watermarks("rd-codecs");
        self.answer("watermarks.after_delete", answer);
        let answer = self.read("rd-codecs", 0, Offset::Offset(3), "error");
        self.answer("consume.deleted", answer);
    }

    async fn configs(&self, resource: ResourceSpecifier<'_>) -> Answer {
        let rows = self.admin.describe_configs([&resource], &options()).await?;
        let found = rows.into_iter().next().expect("one resource was asked for").map_err(KafkaError::AdminOp)?;
        let entries: BTreeMap<String, Value> = found
            .entries
            .into_iter()
            .map(|e| {
                let value = if e.source == ConfigSource::StaticBroker { Some("given".into()) } else { e.value };
                (e.name, json!([value, format!("{:?}", e.source), e.is_read_only, e.is_sensitive]))
            })
            .collect();
        Ok(json!(entries))
    }

    async fn configuration(&mut self) {
        let answer = self.configs(ResourceSpecifier::Topic("rd-plain")).await;
        self.answer("configs.topic", answer);
        let answer = self.configs(ResourceSpecifier::Topic("rd-absent")).await;
        self.answer("configs.absent", answer);
        // The binding drops the outcome of each resource, so the change is read back and refusals are not asked for.
        let change = AlterConfig::new(ResourceSpecifier::Topic("rd-plain")).set("retention.bytes", "123456");
        let reply = self.admin.alter_configs([&change], &options()).await;
        self.answer("configs.replace", reply.map(|rows| rows.len().into()));
        let deadline = Instant::now() + WAIT;
        let mut after = self.configs(ResourceSpecifier::Topic("rd-plain")).await;
        while !matches!(&after, Ok(rows) if rows["retention.bytes"][0] == "123456") && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
            after = self.configs(ResourceSpecifier::Topic("rd-plain")).await;
        }
        self.answer("configs.after_replace", after.map(|rows| json!([rows["retention.bytes"], rows["retention.ms"]])));
        for (name, topic, count) in [("to_5", "rd-plain", 5), ("again", "rd-plain", 5), ("absent", "rd-absent", 5)] {
            let reply = self.admin.create_partitions([&NewPartitions::new(topic, count)], &options()).await;
            self.answer(format!("partitions.{name}"), reply.map(outcomes));
        }
        for (name, topic) in [("topic", "rd-small"), ("absent", "rd-absent")] {
            let reply = self.admin.delete_topics(&[topic], &options()).await;
            self.answer(format!("delete.{name}"), reply.map(outcomes));
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(WAIT)).request_timeout(Some(WAIT))
}

fn outcomes(rows: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Value {
    rows.into_iter().map(|row| row.map_or_else(|(_, code)| format!("{code:?}"), |_| "done".into())).collect()
}

fn code(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| format!("{code:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A time given by the scenario stays; a time from a clock becomes a word.
fn moment(timestamp: Option<i64>) -> Value {
    match timestamp {
        Some(t) if t > BASE + 10_000_000_000 => json!("now"),
        other => json!(other),
    }
}
