//! Many records at once, and nothing committed that has not been processed.
//!
//! Not here: one task for each partition; that is [`super::handler`].

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::routing::lock;
use super::Consumer;
use super::ConsumerRecord;
use super::Event;
use crate::base::Offset;
use crate::base::Uuid;
use std::collections::BTreeMap;
use std::future::Future;
use std::future::poll_fn;
use tokio::task::JoinSet;

/// What has been processed: the partition, when it was placed, and the offset.
type Processed<E> = (TopicPartition, u64, Offset, Result<(), E>);

/// Records under way. What is not finished when it is dropped is read again.
struct Work<'a, E> {
    consumer: &'a mut Consumer,
    tasks: JoinSet<Processed<E>>,
    /// How many records of each partition are under way.
    open: BTreeMap<TopicPartition, usize>,
}

impl<E> Drop for Work<'_, E> {
    fn drop(&mut self) {
        self.consumer.shared.pulse.leave();
        self.consumer.rewind_unfinished();
    }
}

impl Consumer {
    /// Processes records as they come, up to `limit` at once, each by a task of its own; those of one partition too,
    /// so in no particular order.
    ///
    /// Nothing is ever committed past a record that has not been processed, whoever commits: by itself, on a
    /// rebalance, by [`Consumer::commit`] or on closing. Partitions that are to be given up are held until their
    /// records under way have been processed. What was not finished when this ends is read again.
    ///
    /// # Errors
    /// The first that a record ends with, when those under way have ended, and those of [`Consumer::recv`]. It does
    /// not end otherwise; dropping it ends it, with all that is under way.
    pub async fn for_each_concurrent<F, Fut, E>(&mut self, limit: usize, mut process: F) -> Result<(), E>
    where
        F: FnMut(ConsumerRecord) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let limit = limit.max(1);
        let mut work = Work { consumer: self, tasks: JoinSet::new(), open: BTreeMap::new() };
        let mut end: Option<E> = None;
        let mut rebalances = false;
        loop {
            if rebalances && !work.holds_back() {
                rebalances = false;
                work.consumer.rebalance();
            }
            if work.tasks.is_empty() {
                if let Some(error) = end {
                    return Err(error);
                }
            }
            let has_room = work.tasks.len() < limit && !rebalances && end.is_none();
            let consumer = &mut *work.consumer;
            tokio::select! {
                biased;
                Some(done) = work.tasks.join_next() => match done {
                    Ok((partition, placed, offset, Ok(()))) => {
                        work.count(&partition, false);
                        lock(&work.consumer.shared.state).finish(&partition, placed, offset);
                    }
                    Ok((partition, _, _, Err(error))) => {
                        work.count(&partition, false);
                        end = end.or(Some(error));
                    }
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                event = poll_fn(|cx| consumer.poll_event(cx)), if has_room => match event {
                    Ok(Event::Record(record)) => {
                        let (partition, offset) = (record.topic_partition(), record.offset);
                        let topic_id = work.consumer.current.as_ref().map_or(Uuid::ZERO, |chunk| chunk.topic_id);
                        let placed = lock(&work.consumer.shared.state).begin(&partition, topic_id, offset);
                        work.count(&partition, true);
                        let processing = process(record);
                        work.tasks.spawn(async move { (partition, placed, offset, processing.await) });
                    }
                    Ok(Event::Rebalance) => rebalances = true,
                    Err(error) => end = Some(error.into()),
                },
            }
        }
    }

    /// Hands out again what was handed out and not finished.
    pub(super) fn rewind_unfinished(&mut self) {
        let unfinished: Vec<TopicPartition> = {
            let state = lock(&self.shared.state);
            let open = state.partitions.iter().filter(|(_, position)| !position.unfinished.is_empty());
            open.map(|(partition, _)| partition.clone()).collect()
        };
        for partition in unfinished {
            self.forget_current(&partition);
            self.rewind(&partition);
        }
        self.shared.wake.notify_one();
    }
}

impl<E> Work<'_, E> {
    fn count(&mut self, partition: &TopicPartition, more: bool) {
        let open = self.open.entry(partition.clone()).or_default();
        *open = if more { *open + 1 } else { open.saturating_sub(1) };
    }

    /// Whether records under way are of partitions that are to be given up. What is lost is lost, whatever is under
    /// way.
    fn holds_back(&self) -> bool {
        let lost = self.consumer.target.as_ref().is_some_and(|target| target.lost);
        let open = |partition: &TopicPartition| self.open.get(partition).is_some_and(|open| *open > 0);
        !lost && self.consumer.to_give_up().iter().any(open)
    }
}
