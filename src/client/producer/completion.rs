//! One outcome for all records of a batch, and a future for each record.

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::lock;
use super::record::RecordMetadata;
use crate::base::Offset;
use crate::base::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

/// What the broker said about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) base_offset: Offset,
    pub(super) log_append_time: Option<Timestamp>,
}

/// The outcome of a batch, now or later.
#[derive(Debug)]
pub(super) struct Completion {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Pending(Vec<Waker>),
    Done(Result<Ack>),
    /// The batch was too large: records before `at` went with `left`, the others with `right`.
    Split {
        at: i64,
        left: Arc<Completion>,
        right: Arc<Completion>,
    },
}

impl Completion {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Pending(Vec::new())) })
    }

    pub(super) fn finish(&self, result: Result<Ack>) {
        self.settle(State::Done(result));
    }

    pub(super) fn split(&self, at: i64, left: Arc<Self>, right: Arc<Self>) {
        self.settle(State::Split { at, left, right });
    }

    fn settle(&self, outcome: State) {
        let mut state = lock(&self.state);
        let State::Pending(wakers) = &mut *state else { return };
        let wakers = std::mem::take(wakers);
        *state = outcome;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The outcome for the record at `index`, whose place in its batch is given with it.
    fn poll(&self, index: i64, cx: &Context<'_>) -> Poll<(Result<Ack>, i64)> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Pending(wakers) => {
                // One task often waits for many records of a batch, one after the other.
                if !wakers.last().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
            State::Done(result) => Poll::Ready((result.clone(), index)),
            State::Split { at, left, right } => {
                let (part, index) =
                    if index < *at { (Arc::clone(left), index) } else { (Arc::clone(right), index - *at) };
                drop(state);
                part.poll(index, cx)
            }
        }
    }

    /// Waits until every record of the batch has an outcome; says nothing about which.
    pub(super) async fn settled(self: &Arc<Self>) {
        let mut open = vec![Arc::clone(self)];
        while let Some(completion) = open.pop() {
            std::future::poll_fn(|cx| {
                let mut state = lock(&completion.state);
                match &mut *state {
                    State::Pending(wakers) => {
                        wakers.push(cx.waker().clone());
                        Poll::Pending
                    }
                    State::Done(_) => Poll::Ready(()),
                    State::Split { left, right, .. } => {
                        open.extend([Arc::clone(left), Arc::clone(right)]);
                        Poll::Ready(())
                    }
                }
            })
            .await;
        }
    }
}

/// A record on its way; awaiting it gives its place in the log.
///
/// Dropping it changes nothing for the record.
#[derive(Debug)]
#[must_use = "whether the record was acknowledged is known only to those who wait for it"]
pub struct Delivery {
    pub(super) completion: Arc<Completion>,
    pub(super) index: i64,
    pub(super) partition: TopicPartition,
    pub(super) timestamp: Timestamp,
}

impl Delivery {
    /// The partition that the record goes to.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// A second future for the same outcome.
    pub(super) fn again(&self) -> Self {
        let Self { completion, index, partition, timestamp } = self;
        Self { completion: Arc::clone(completion), index: *index, partition: partition.clone(), timestamp: *timestamp }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.completion.poll(self.index, cx).map(|(result, index)| {
            let ack = result?;
            let known = ack.base_offset != Offset::INVALID;
            Ok(RecordMetadata {
                topic: self.partition.topic.clone(),
                partition: self.partition.partition,
                offset: if known { ack.base_offset.plus(index) } else { Offset::INVALID },
                timestamp: ack.log_append_time.unwrap_or(self.timestamp),
            })
        })
    }
}

/// Says that a batch's records were not acknowledged, and why.
pub(super) fn not_delivered(partition: &TopicPartition, may_be_in_log: bool, cause: Error) -> Error {
    Error::NotDelivered {
        topic: partition.topic.clone(),
        partition: partition.partition,
        may_be_in_log,
        cause: Box::new(cause),
    }
}
