//! What a client tells its interceptor, handed on to its recorder.

use super::client::ClientRecorder;
use super::client::id_in;
use crate::base::Offset;
use crate::check::Event;
use crate::check::event;
use crate::client::ConsumerRecord;
use crate::client::Interceptor;
use crate::client::ProducerRecord;
use crate::client::RecordMetadata;
use crate::client::Result;
use crate::client::TopicPartition;
use std::collections::BTreeMap;

impl Interceptor for ClientRecorder {
    fn on_send(&self, producer: u64, record: ProducerRecord) -> ProducerRecord {
        self.send(producer, record)
    }

    fn on_enqueue(&self, producer: u64, record: &mut ProducerRecord, partition: &TopicPartition) {
        self.enqueue(producer, record, partition);
    }

    fn on_acknowledgement(&self, _: u64, record: &ProducerRecord, outcome: &Result<RecordMetadata>) {
        let _ = self.acknowledge(record, outcome);
    }

    fn on_transaction_begin(&self, producer: u64, transactional_id: &str) {
        self.begin_transaction(producer, transactional_id);
    }

    fn on_transaction_offsets_begin(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.begin_offsets(producer, group, offsets);
    }

    fn on_transaction_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.end_offsets(producer, group, offsets);
    }

    fn on_transaction_ending(&self, producer: u64, commit: bool) {
        self.begin_end(producer, commit);
    }

    fn on_transaction_end(&self, producer: u64, commit: bool, outcome: &Result<()>) {
        self.end_transaction(producer, commit, outcome);
    }

    fn on_consume(&self, consumer: u64, group: Option<&str>, record: &ConsumerRecord) {
        if self.is_alive(consumer) {
            self.consume(consumer, group, record, id_in(record));
        }
    }

    fn on_commit_begin(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        self.commit(consumer, group, offsets);
    }

    fn on_commit(&self, consumer: u64, _: &str, _: &BTreeMap<TopicPartition, Offset>, outcome: &Result<()>) {
        self.committed(consumer, outcome);
    }

    fn on_assigned(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        self.mark(consumer, |t, process| {
            Event::Assigned(event::Assigned {
                t,
                process,
                group: Some(group.to_owned()),
                generation: Some(i64::from(generation)),
                partitions: partitions.iter().map(|partition| (partition.to_string(), None)).collect(),
            })
        });
    }

    fn on_kept(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        self.mark(consumer, |t, process| {
            let partitions = partitions.iter().map(ToString::to_string).collect();
            Event::Kept(event::Kept { t, process, group: group.to_owned(), generation: generation.into(), partitions })
        });
    }

    fn on_released(&self, consumer: u64, group: &str, partitions: &[TopicPartition], _: bool) {
        self.mark(consumer, |t, process| {
            let partitions = partitions.iter().map(ToString::to_string).collect();
            Event::Released(event::Released { t, process, group: Some(group.to_owned()), partitions })
        });
    }

    fn on_seek(&self, consumer: u64, partition: &TopicPartition, to: Option<Offset>) {
        self.mark(consumer, |t, process| {
            let partition = partition.to_string();
            match to {
                Some(Offset(offset)) => Event::Seek(event::Seek { t, process, partition, offset }),
                None => {
                    let (position, to, log_start, log_end) = (None, None, None, None);
                    Event::Reset(event::Reset { t, process, partition, position, to, log_start, log_end })
                }
            }
        });
    }

    fn on_reset(&self, consumer: u64, partition: &TopicPartition, position: Offset, to: Offset) {
        self.reset(consumer, partition, (position, to), None);
    }
}
