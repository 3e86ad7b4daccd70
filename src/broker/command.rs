//! What a test does to a cluster without a client.
//!
//! Not here: what clients may do; a command passes over authorization, and is noted in the journal in words.

use super::engine::Engine;
use super::outcome::Watch;
use super::topics::NewTopic;
use super::topics::Refusal;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::journal::Event;
use crate::log::AppendOrigin;
use crate::wire::batch::Batch;
use std::sync::Arc;

impl Engine {
    /// What time it is in the world of records.
    pub fn timestamp(&self, now: Instant) -> Timestamp {
        self.state.timestamp(now)
    }

    /// The largest request that brokers read, in bytes: `socket.request.max.bytes`.
    pub fn request_bytes_max(&self) -> usize {
        self.state.broker_config(self.state.brokers.controller()).socket_request_max_bytes
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`Refusal`], as a client would get it.
    pub fn create_topic(&mut self, now: Instant, topic: NewTopic) -> Result<(), Refusal> {
        self.note(now, || format!("create topic {}", topic.name));
        self.state.create_topic(topic)?;
        Ok(())
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`Refusal`] when there is none of this name.
    pub fn delete_topic(&mut self, now: Instant, name: &str) -> Result<(), Refusal> {
        self.note(now, || format!("delete topic {name}"));
        self.state.delete_topic(name)?;
        self.wake_touched(now);
        Ok(())
    }

    /// Appends a batch to a partition through its leader, checked as one from a client.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such partition or leader, or the batch is not one that the topic takes.
    pub fn append(
        &mut self,
        now: Instant,
        topic: &str,
        partition: PartitionIndex,
        batch: Batch,
    ) -> Result<Offset, Refusal> {
        self.note(now, || format!("append {} records to {topic}-{partition}", batch.header.records_count));
        let unknown = || {
            let message = format!("there is no partition {partition} of a topic {topic}");
            Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message)
        };
        let id = self.state.topics.get(topic).ok_or_else(unknown)?.id;
        let timestamp = self.state.timestamp(now);
        let log = self.state.partitions.get_mut(&(id, partition)).ok_or_else(unknown)?;
        let leader = log.leader();
        let origin = AppendOrigin::Client { produce_version: i16::MAX };
        let info = log
            .append_batch(leader, timestamp, batch, origin, 1)
            .map_err(|error| Refusal::new(error.code, error.reason))?;
        self.state.touch(Watch::Partition(id, partition));
        self.wake_touched(now);
        Ok(info.base_offset)
    }

    /// The batches of a partition as its leader holds them; none when there is no such partition.
    pub fn batches(&self, topic: &str, partition: PartitionIndex) -> Vec<Arc<Batch>> {
        let log = self.state.topics.get(topic).and_then(|topic| self.state.find_partition(topic.id, partition));
        let leader = log.and_then(|log| log.leader_replica().map(|replica| replica.log()));
        leader.map_or_else(Vec::new, |log| log.batches(log.log_start_offset()).cloned().collect())
    }

    /// Applies retention and compaction now.
    pub fn clean_logs(&mut self, now: Instant) {
        self.note(now, || "clean logs".to_owned());
        self.state.clean_logs(now);
        self.wake_touched(now);
    }

    fn note(&mut self, now: Instant, text: impl FnOnce() -> String) {
        self.journal.record(now, Event::Command(text().into()));
    }
}
