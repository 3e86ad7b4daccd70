//! Consume, transform, produce, exactly once: what is read, what is written and how far it was read go together.
//!
//! Not here: what the records become; and other effects than records, which no transaction takes back.

use super::super::TopicPartition;
use super::super::consumer::Consumer;
use super::super::consumer::ConsumerRecord;
use super::super::consumer::StartFrom;
use super::super::error::Error;
use super::super::producer::ProducerRecord;
use super::OffsetAndMetadata;
use super::Outcome;
use super::Result;
use super::TransactionError;
use super::TransactionalProducer;
use crate::base::Offset;
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads records, writes what becomes of them, and stores how far it has read, each batch in one transaction.
///
/// A batch whose transaction is aborted is read and processed again. A member that the group has given up, and a
/// producer whose transactional id somebody else has taken, cannot commit any more. Each running pipeline needs a
/// transactional id of its own.
/// ```no_run
/// # async fn example(client: rehearsal::client::Client) -> Result<(), rehearsal::client::TransactionError> {
/// use rehearsal::client::{IsolationLevel, OffsetReset, Pipeline, ProducerRecord};
///
/// let consumer = client.consumer().group_id("shouters").isolation_level(IsolationLevel::ReadCommitted);
/// let mut consumer = consumer.enable_auto_commit(false).auto_offset_reset(OffsetReset::Earliest).build();
/// consumer.subscribe(["words"])?;
/// let producer = client.producer().transactional("shouter-1").init().await?;
/// let mut pipeline = Pipeline::new(consumer, producer)?;
/// loop {
///     pipeline
///         .step(|word| {
///             let loud = word.value.as_deref().map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
///             [ProducerRecord::new("shouts").value(loud)]
///         })
///         .await?;
/// }
/// # }
/// ```
/// Source: KIP-98, KIP-447.
#[derive(Debug)]
pub struct Pipeline {
    consumer: Consumer,
    producer: TransactionalProducer,
    records_max: usize,
    wait_max: Duration,
    /// Where the batch under way began; it is read again unless its transaction turns out to be committed.
    begun: BTreeMap<TopicPartition, Offset>,
}

/// What a step of a [`Pipeline`] came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// There was nothing to read.
    Idle,
    /// So many records were processed, and count as such.
    Committed(usize),
    /// The batch counts for nothing, because of this, and will be processed again.
    Aborted(Error),
}

impl Pipeline {
    /// Joins a consumer and a producer.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`] with [`Error::Invalid`] unless the consumer has a group, reads committed records
    /// only, and does not commit by itself.
    pub fn new(consumer: Consumer, producer: TransactionalProducer) -> Result<Self> {
        consumer.check_transactional().map_err(TransactionError::Fatal)?;
        let wait_max = Duration::from_millis(500);
        Ok(Self { consumer, producer, records_max: 500, wait_max, begun: BTreeMap::new() })
    }

    /// How many records one transaction processes at most (500).
    #[must_use]
    pub const fn max_poll_records(mut self, records: usize) -> Self {
        self.records_max = if records == 0 { 1 } else { records };
        self
    }

    /// How long a step waits for a record (500 ms).
    #[must_use]
    pub const fn poll_timeout(mut self, timeout: Duration) -> Self {
        self.wait_max = timeout;
        self
    }

    /// Processes what there is to read in one transaction.
    ///
    /// Cancel safe: what was not committed is processed again by the next step.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`] when this pipeline can commit nothing any more; a new one goes on where the last
    /// commit left off. [`TransactionError::Retriable`] when nothing is lost and the next step goes on.
    pub async fn step<I: IntoIterator<Item = ProducerRecord>>(
        &mut self,
        mut transform: impl FnMut(&ConsumerRecord) -> I,
    ) -> Result<Progress> {
        self.settle().await?;
        let polled = self.consumer.poll_batch(self.records_max, self.wait_max).await;
        let records = polled.map_err(|error| {
            let passes = error.is_retriable();
            if passes { TransactionError::Retriable(error) } else { TransactionError::Fatal(error) }
        })?;
        if records.is_empty() {
            return Ok(Progress::Idle);
        }
        let mut offsets: BTreeMap<TopicPartition, OffsetAndMetadata> = BTreeMap::new();
        for record in &records {
            self.begun.entry(record.topic_partition()).or_insert(record.offset);
            offsets.insert(record.topic_partition(), record.next_offset());
        }
        let transaction = self.producer.begin().await?;
        let mut written = Ok(());
        'all: for record in &records {
            for output in transform(record) {
                written = transaction.send(output).await;
                if written.is_err() {
                    break 'all;
                }
            }
        }
        if written.is_ok() {
            written = match self.consumer.group_metadata() {
                Ok(group) => transaction.send_offsets(&group, offsets).await,
                Err(error) => Err(TransactionError::Abortable(error)),
            };
        }
        let ended = match written {
            Ok(()) => transaction.commit().await,
            Err(error) => transaction.abort().await.and(Err(error)),
        };
        match ended {
            Ok(()) => {
                self.begun.clear();
                Ok(Progress::Committed(records.len()))
            }
            // What could not be handed over in time may be next time.
            Err(TransactionError::Abortable(error)) => {
                self.rewind()?;
                Ok(Progress::Aborted(error))
            }
            Err(error) => Err(error),
        }
    }

    /// The consumer, to look at.
    pub const fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// Gives both back; what was not committed is aborted, and the consumer may be past it.
    pub fn into_parts(self) -> (Consumer, TransactionalProducer) {
        (self.consumer, self.producer)
    }

    /// Sees to a batch of which it is not known how it ended.
    async fn settle(&mut self) -> Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        match self.producer.resolve().await? {
            Some(Outcome::Committed) => self.begun.clear(),
            // Without one it was dropped, and has been aborted since.
            Some(Outcome::Aborted) | None => self.rewind()?,
        }
        Ok(())
    }

    /// Reads the batch again, as far as its partitions are still this consumer's; those that are not go on where the
    /// last commit left off, wherever that is.
    fn rewind(&mut self) -> Result<()> {
        let assigned = self.consumer.assignment();
        for (partition, offset) in std::mem::take(&mut self.begun) {
            if assigned.contains(&partition) {
                self.consumer.seek(&partition, StartFrom::Offset(offset)).map_err(TransactionError::Fatal)?;
            }
        }
        Ok(())
    }
}
