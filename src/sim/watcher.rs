//! Watches each process's client: writes the history of a run while it happens, and knows what it waits for.
//!
//! Not here: what is written (`recording`), what the cluster knows (`tap`), and judging (`check`).

use super::gate::Gate;
use super::ledger::Fate;
use super::ledger::Ledger;
use crate::base::Offset;
use crate::client::ConsumerRecord;
use crate::client::Interceptor;
use crate::client::ProducerRecord;
use crate::client::RecordMetadata;
use crate::client::Result;
use crate::client::TopicPartition;
use crate::recording::Acknowledged;
use crate::recording::ClientRecorder;
use crate::recording::SOURCE_HEADER;
use crate::recording::source_of;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Watches one process in one of its lives.
pub(super) struct Watcher {
    client: ClientRecorder,
    ledger: Arc<Ledger>,
    gate: Arc<Gate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What transactions without an end have written.
    written: BTreeMap<String, Vec<Acknowledged>>,
    /// From where to where the log was when a position was out of range.
    out_of_range: BTreeMap<(u64, TopicPartition), (i64, i64)>,
}

impl Watcher {
    pub(super) fn new(process: String, ledger: Arc<Ledger>) -> Arc<Self> {
        let client = ClientRecorder::new(ledger.recorder().clone(), process);
        Arc::new(Self { client, ledger, gate: Arc::default(), state: Mutex::default() })
    }

    /// What the process has to pass to go on.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The process has crashed: what it had begun stays unknown.
    pub(super) fn crash(&self) {
        self.ledger.crashed(self.client.process(), self.client.crash());
    }

    /// The process has processed a record for a group.
    pub(super) fn processed(&self, group: &str, record: &ConsumerRecord) {
        if let Some(id) = self.client.id_of(record) {
            self.ledger.settle(Fate::Processed, record.topic.as_str(), &id);
            self.client.processed(group, record);
        }
    }

    fn member(&self, consumer: u64) -> (String, u64) {
        (self.client.process().to_owned(), consumer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record is where it is for good.
    fn settled(&self, written: Acknowledged) {
        let topic = written.at.partition.rsplit_once('-').map_or("", |(topic, _)| topic).to_owned();
        self.ledger.acknowledged(&topic, written.at, &written.id);
        if let Some(source) = written.source {
            self.ledger.copied(source);
        }
    }
}

impl Interceptor for Watcher {
    fn on_send(&self, producer: u64, record: ProducerRecord) -> ProducerRecord {
        self.client.on_send(producer, record)
    }

    fn on_enqueue(&self, producer: u64, record: &mut ProducerRecord, partition: &TopicPartition) {
        if self.client.enqueue(producer, record, partition) {
            self.ledger.add_pending();
        }
    }

    fn on_acknowledgement(&self, _: u64, record: &ProducerRecord, outcome: &Result<RecordMetadata>) {
        let Some(written) = self.client.acknowledge(record, outcome) else { return };
        self.ledger.forget_pending(1);
        let Some(written) = written else { return };
        match &written.txn {
            Some(txn) => self.lock().written.entry(txn.clone()).or_default().push(written),
            None => self.settled(written),
        }
    }

    fn on_transaction_begin(&self, producer: u64, transactional_id: &str) {
        self.client.on_transaction_begin(producer, transactional_id);
    }

    fn on_transaction_offsets_begin(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.client.on_transaction_offsets_begin(producer, group, offsets);
    }

    fn on_transaction_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.client.on_transaction_offsets(producer, group, offsets);
    }

    fn on_transaction_ending(&self, producer: u64, commit: bool) {
        self.client.on_transaction_ending(producer, commit);
    }

    fn on_transaction_end(&self, producer: u64, commit: bool, outcome: &Result<()>) {
        if let Some(txn) = self.client.transaction(producer).filter(|_| !self.client.is_dead()) {
            let written = self.lock().written.remove(&txn).unwrap_or_default();
            if commit && outcome.is_ok() {
                written.into_iter().for_each(|written| self.settled(written));
            }
        }
        self.client.on_transaction_end(producer, commit, outcome);
    }

    fn on_consume(&self, consumer: u64, group: Option<&str>, record: &ConsumerRecord) {
        if !self.client.is_alive(consumer) {
            return;
        }
        let id = self.client.id_of(record);
        self.gate.on_record();
        self.ledger.expect(Fate::Delivered, record.topic.as_str());
        if let Some(id) = &id {
            self.ledger.settle(Fate::Delivered, record.topic.as_str(), id);
        }
        let source = record.headers.iter().find(|header| header.key == SOURCE_HEADER);
        if let Some(source) = source.and_then(|header| source_of(header.value.as_deref()?)) {
            // Whoever made it may have crashed before it learned that this was committed.
            self.ledger.copied(source);
        }
        self.client.consume(consumer, group, record, id);
    }

    fn on_commit_begin(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.client.on_commit_begin(consumer, group, offsets);
    }

    fn on_commit(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>, outcome: &Result<()>) {
        self.client.on_commit(consumer, group, offsets, outcome);
    }

    fn on_assigned(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        if self.client.is_alive(consumer) {
            for partition in partitions {
                self.ledger.expect(Fate::Delivered, partition.topic.as_str());
            }
            self.ledger.owned(group, partitions, &self.member(consumer));
        }
        self.client.on_assigned(consumer, group, generation, partitions);
    }

    fn on_released(&self, consumer: u64, group: &str, partitions: &[TopicPartition], lost: bool) {
        if self.client.is_alive(consumer) {
            self.ledger.released(group, partitions, &self.member(consumer));
        }
        self.client.on_released(consumer, group, partitions, lost);
    }

    fn on_kept(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        self.client.on_kept(consumer, group, generation, partitions);
    }

    fn on_seek(&self, consumer: u64, partition: &TopicPartition, to: Option<Offset>) {
        self.client.on_seek(consumer, partition, to);
    }

    fn on_out_of_range(&self, consumer: u64, partition: &TopicPartition, _: Offset) {
        if let Some(bounds) = self.ledger.bounds(partition) {
            self.lock().out_of_range.insert((consumer, partition.clone()), bounds);
        }
    }

    fn on_reset(&self, consumer: u64, partition: &TopicPartition, position: Offset, to: Offset) {
        let bounds = self.lock().out_of_range.remove(&(consumer, partition.clone()));
        self.client.reset(consumer, partition, (position, to), bounds);
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("process", &self.client.process()).finish_non_exhaustive()
    }
}
