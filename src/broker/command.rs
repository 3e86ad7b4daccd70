//! What a test does to a cluster without a client.
//!
//! Not here: what clients may do; a command passes over authorization, and is noted in the journal in words.

use super::engine::Engine;
use super::outcome::Watch;
use super::topics::Refusal;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::config::NewTopic;
use crate::journal::Event;
use crate::log::AppendOrigin;
use crate::wire::batch::Batch;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// What time it is in the world of records.
    pub fn timestamp(&self, now: Instant) -> Timestamp {
        self.state.timestamp(now)
    }

    /// The largest request that brokers read, in bytes: `socket.request.max.bytes`.
    pub fn request_bytes_max(&self) -> usize {
        self.state.broker_config(self.state.brokers.controller()).socket_request_max_bytes
    }

    /// How long a connection may be silent before it is closed: `connections.max.idle.ms`; `None` for ever.
    pub fn connection_idle_max(&self) -> Option<Duration> {
        let ms = self.state.broker_config(self.state.brokers.controller()).connections_max_idle_ms;
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    /// Sets the level of the feature `transaction.version`, 0 to 2; releases before 4.0 know of 0 only.
    pub fn set_transaction_version(&mut self, level: i16) {
        self.state.set_transaction_version(level.clamp(0, 2));
    }

    /// The level of the feature `transaction.version` in force.
    pub fn transaction_version(&self) -> i16 {
        self.state.transaction_version()
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
        self.state.delete_topic(now, name)?;
        self.wake_touched(now);
        Ok(())
    }

    /// Appends a batch to each partition through its leader, checked as one from a client; all or none.
    ///
    /// Returns the base offsets in the order of the batches.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such partition or leader, or a batch is not one that the topic takes.
    pub fn append(
        &mut self,
        now: Instant,
        topic: &str,
        batches: Vec<(PartitionIndex, Batch)>,
    ) -> Result<Vec<Offset>, Refusal> {
        let records: i32 = batches.iter().map(|(_, batch)| batch.header.records_count).sum();
        self.note(now, || format!("append {records} records to {topic}"));
        let unknown = |what: String| Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what);
        let found = self.state.topics.get(topic);
        let id = found.ok_or_else(|| unknown(format!("there is no topic {topic}")))?.id;
        let timestamp = self.state.timestamp(now);
        for (partition, batch) in &batches {
            let log = self.state.find_partition(id, *partition);
            let log = log.ok_or_else(|| unknown(format!("{topic} has no partition {partition}")))?;
            if log.leader() == BrokerId::NONE {
                let message = format!("{topic}-{partition} has no leader");
                return Err(Refusal::new(ErrorCode::LEADER_NOT_AVAILABLE, message));
            }
            log.check_batch(timestamp, batch.clone()).map_err(|error| Refusal::new(error.code, error.reason))?;
        }
        let mut offsets = Vec::with_capacity(batches.len());
        for (partition, batch) in batches {
            let Some(log) = self.state.partitions.get_mut(&(id, partition)) else { continue };
            let origin = AppendOrigin::Client { produce_version: i16::MAX };
            let info = log.append_batch(log.leader(), timestamp, batch, origin, 1);
            offsets.push(info.map_err(|error| Refusal::new(error.code, error.reason))?.base_offset);
            self.state.touch(Watch::Partition(id, partition));
        }
        self.wake_touched(now);
        Ok(offsets)
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

    pub(super) fn note(&mut self, now: Instant, text: impl FnOnce() -> String) {
        self.journal.record(now, Event::Command(text().into()));
    }
}
