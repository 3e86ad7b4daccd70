//! Records what an application does with librdkafka. Made to be copied: it needs `rdkafka` and `rehearsal`, nothing else.
//!
//! What librdkafka does not say is not recorded: how often it has sent a record, when it has begun to commit, and the
//! generation of an assignment. [`rehearsal::tap::recorded`] adds what a cluster of `rehearsal` knows of the first two.

use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::CommitMode;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::ConsumerContext;
use rdkafka::consumer::Rebalance;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::BorrowedMessage;
use rdkafka::message::Header;
use rdkafka::message::Headers;
use rdkafka::message::OwnedHeaders;
use rdkafka::message::ToBytes;
use rdkafka::producer::FutureProducer;
use rdkafka::producer::FutureRecord;
use rdkafka::producer::future_producer::Delivery;
use rehearsal::check::HEADER;
use rehearsal::check::OpGuard;
use rehearsal::check::Process;
use rehearsal::check::RecordName;
use rehearsal::check::Recorder;
use std::sync::Mutex;
use std::time::Duration;

/// A producer that records what it sends, and what it is told of it.
pub struct RecordedProducer {
    producer: FutureProducer,
    process: Process,
    /// Records get their numbers in the order in which librdkafka gets them.
    order: Mutex<()>,
}

impl RecordedProducer {
    /// Makes one; `name` is that of its process.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn new(config: &ClientConfig, recorder: &Recorder, name: &str) -> KafkaResult<Self> {
        let producer = config.create_with_context(DefaultClientContext)?;
        Ok(Self { producer, process: recorder.process(name), order: Mutex::new(()) })
    }

    /// Sends a record to the partition that it names, and waits for what becomes of it. Whoever stops waiting has a record
    /// of which nobody knows what became of it.
    ///
    /// # Errors
    /// librdkafka's.
    pub async fn send<K, P>(&self, mut record: FutureRecord<'_, K, P>) -> KafkaResult<Delivery>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let partition = record.partition.expect("a history tells the partition of a send before it is sent");
        let (send, delivery) = {
            let _in_order = self.order.lock().unwrap();
            let send = self.process.send(&format!("{}-{partition}", record.topic));
            let id = send.id().map(ToString::to_string);
            let header = Header { key: HEADER, value: id.as_deref() };
            record.headers = Some(record.headers.take().unwrap_or_else(OwnedHeaders::new).insert(header));
            match self.producer.send_result(record) {
                Ok(delivery) => (send, delivery),
                Err((error, _)) => {
                    // It was never taken.
                    send.failed(&error.to_string());
                    return Err(error);
                }
            }
        };
        match delivery.await {
            Ok(Ok(delivery)) => {
                send.acknowledged(Some(delivery.offset).filter(|offset| *offset >= 0));
                Ok(delivery)
            }
            Ok(Err((error, _))) => {
                if is_definite(&error) {
                    send.failed(&error.to_string())
                } else {
                    send.unknown(&error.to_string())
                }
                Err(error)
            }
            Err(_) => Err(KafkaError::Canceled),
        }
    }
}

/// Whether the last attempt's error says that no attempt was applied: only a refusal that would have met each of them, for
/// librdkafka does not tell of those before. Of all else nobody knows, a time-out before all.
fn is_definite(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::*;
    matches!(
        error.rdkafka_error_code(),
        Some(
            MessageSizeTooLarge
                | MessageBatchTooLarge
                | InvalidRequiredAcks
                | TopicAuthorizationFailed
                | InvalidTimestamp
                | PolicyViolation
                | InvalidRecord
        )
    )
}

/// A consumer that records what it hands out, what it owns and what it commits.
pub struct RecordedConsumer {
    consumer: BaseConsumer<Watch>,
    process: Process,
    group: String,
}

/// What librdkafka tells of a consumer.
pub struct Watch {
    process: Process,
    /// After a commit of which nobody knows, its process does nothing more; the consumer goes on.
    commits: Process,
    group: String,
}

impl RecordedConsumer {
    /// Makes one of this group; `name` is that of its process.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn new(config: &ClientConfig, recorder: &Recorder, name: &str, group: &str) -> KafkaResult<Self> {
        let process = recorder.process(name);
        let watch = Watch { process: process.clone(), commits: recorder.process(name), group: group.to_owned() };
        let consumer = config.clone().set("group.id", group).create_with_context(watch)?;
        Ok(Self { consumer, process, group: group.to_owned() })
    }

    /// The consumer itself, for all that is not recorded, or recorded by its callbacks.
    pub fn inner(&self) -> &BaseConsumer<Watch> {
        &self.consumer
    }

    /// As librdkafka's poll.
    pub fn poll(&self, timeout: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        let message = self.consumer.poll(timeout);
        if let Some(Ok(message)) = &message {
            let partition = format!("{}-{}", message.topic(), message.partition());
            let poll = self.process.poll(Some(&self.group));
            poll.delivered([(partition.as_str(), message.offset(), id_of(message))]);
        }
        message
    }

    /// Commits where it reads on, and waits for what becomes of that. librdkafka's callback is not told of it.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn commit(&self) -> KafkaResult<()> {
        let positions = self.consumer.position()?;
        let commit = self.consumer.context().begin_commit(&positions);
        let result = self.consumer.commit(&positions, CommitMode::Sync);
        end_commit(commit, result.as_ref().err());
        result
    }

    /// Says that a record was processed: only the application knows.
    pub fn processed(&self, message: &BorrowedMessage<'_>) {
        if let Some(id) = id_of(message) {
            self.process.processed(&self.group, id);
        }
    }

    /// Says that its process ends in the midst of things. What librdkafka does on its way out is not recorded.
    pub fn crashed(self) {
        self.process.crashed();
    }
}

/// The id that a record carries, if its producer was recorded.
fn id_of(message: &BorrowedMessage<'_>) -> Option<RecordName> {
    let header = message.headers()?.iter().find(|header| header.key == HEADER)?;
    RecordName::from_header(header.value?)
}

impl ClientContext for Watch {}

impl ConsumerContext for Watch {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let names = |list: &TopicPartitionList| -> Vec<String> {
            list.elements().iter().map(|element| format!("{}-{}", element.topic(), element.partition())).collect()
        };
        match rebalance {
            Rebalance::Assign(list) => {
                let names = names(list);
                self.process.assigned(Some(&self.group), None, names.iter().map(|name| (name.as_str(), None)));
            }
            Rebalance::Revoke(list) => {
                let names = names(list);
                self.process.released(Some(&self.group), names.iter().map(String::as_str));
            }
            Rebalance::Error(_) => {}
        }
    }

    /// It is told when they are over of commits by the clock, and of those that nobody waits for.
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        end_commit(self.begin_commit(offsets), result.as_ref().err());
    }
}

impl Watch {
    fn begin_commit(&self, offsets: &TopicPartitionList) -> OpGuard {
        let offsets = offsets.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((format!("{}-{}", element.topic(), element.partition()), offset)),
            _ => None,
        });
        let offsets: Vec<(String, i64)> = offsets.collect();
        self.commits.commit(&self.group, offsets.iter().map(|(name, offset)| (name.as_str(), *offset)), None)
    }
}

fn end_commit(commit: OpGuard, error: Option<&KafkaError>) {
    use RDKafkaErrorCode::*;
    let Some(error) = error else { return commit.ok() };
    match error.rdkafka_error_code() {
        // There was nothing to commit, or the coordinator has refused it.
        Some(NoOffset | IllegalGeneration | UnknownMemberId | RebalanceInProgress | FencedInstanceId) => {
            commit.failed(&error.to_string());
        }
        _ => commit.unknown(&error.to_string()),
    }
}
