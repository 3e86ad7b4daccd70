//! What sees everything that an application sends, is handed and commits.
//!
//! Not here: changing what the client does; an interceptor may mark records, and watches.

use super::TopicPartition;
use super::consumer::ConsumerRecord;
use super::error::Result;
use super::producer::ProducerRecord;
use super::producer::RecordMetadata;
use crate::base::Offset;
use std::collections::BTreeMap;
use std::fmt;

/// Watches producers and consumers of a client: for tracing, for counting, for a history that is checked afterwards.
///
/// It is called in the middle of things, so it must neither block nor call the client. Every method does nothing
/// unless it is written. Source: KIP-42, `ProducerInterceptor` and `ConsumerInterceptor`, which are one here.
/// ```
/// use rehearsal::client::{Interceptor, ProducerRecord};
///
/// /// Says in every record who sent it.
/// #[derive(Debug)]
/// struct Origin(&'static str);
///
/// impl Interceptor for Origin {
///     fn on_send(&self, _: u64, record: ProducerRecord) -> ProducerRecord {
///         record.header("origin", self.0)
///     }
/// }
/// assert_eq!(Origin("billing").on_send(0, ProducerRecord::new("t")).headers[0].key, "origin");
/// ```
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// A record was handed over to a producer; what is returned is sent in its place. `producer` is the producer's
    /// number in its client, from 0.
    fn on_send(&self, producer: u64, record: ProducerRecord) -> ProducerRecord {
        let _ = producer;
        record
    }

    /// A record joins a batch of a partition; those of one producer do so in the order in which they will be in the
    /// log. It may be changed, but must keep its size.
    fn on_enqueue(&self, producer: u64, record: &mut ProducerRecord, partition: &TopicPartition) {
        let _ = (producer, record, partition);
    }

    /// What became of a record after [`Interceptor::on_enqueue`].
    fn on_acknowledgement(&self, producer: u64, record: &ProducerRecord, outcome: &Result<RecordMetadata>) {
        let _ = (producer, record, outcome);
    }

    /// A producer begins a transaction: what it sends until the end belongs to it.
    fn on_transaction_begin(&self, producer: u64, transactional_id: &str) {
        let _ = (producer, transactional_id);
    }

    /// A producer's transaction is to take a group's offsets. Whoever stops waiting does not learn whether it has; then
    /// [`Interceptor::on_transaction_offsets`] is not told, nor when it has not.
    fn on_transaction_offsets_begin(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let _ = (producer, group, offsets);
    }

    /// A producer's transaction has taken a group's offsets, which are committed with it.
    fn on_transaction_offsets(&self, producer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let _ = (producer, group, offsets);
    }

    /// A producer's transaction is to end, as its application says or because it went wrong; the coordinator is asked now.
    fn on_transaction_ending(&self, producer: u64, commit: bool) {
        let _ = (producer, commit);
    }

    /// A producer's transaction has ended; after an error it is not known how, unless the error says so. A producer that
    /// is dropped with a transaction tells that it is closed.
    fn on_transaction_end(&self, producer: u64, commit: bool, outcome: &Result<()>) {
        let _ = (producer, commit, outcome);
    }

    /// A record is handed to the application; `group` is that of its consumer, if there is one. `consumer` is the
    /// consumer's number in its client, from 0.
    fn on_consume(&self, consumer: u64, group: Option<&str>, record: &ConsumerRecord) {
        let _ = (consumer, group, record);
    }

    /// Offsets are to be committed; what comes of it is told by [`Interceptor::on_commit`], in the same order.
    fn on_commit_begin(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>) {
        let _ = (consumer, group, offsets);
    }

    /// Offsets were committed, or not; after a time-out nobody knows. Those that go with a transaction are told by [`Interceptor::on_transaction_offsets`].
    fn on_commit(&self, consumer: u64, group: &str, offsets: &BTreeMap<TopicPartition, Offset>, outcome: &Result<()>) {
        let _ = (consumer, group, offsets, outcome);
    }

    /// A member of a group owns these partitions from now on, besides those that it had.
    fn on_assigned(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        let _ = (consumer, group, generation, partitions);
    }

    /// A member of a group keeps these partitions in another generation.
    fn on_kept(&self, consumer: u64, group: &str, generation: i32, partitions: &[TopicPartition]) {
        let _ = (consumer, group, generation, partitions);
    }

    /// A member of a group has given these partitions back, what it commits for them being committed; or it has lost
    /// them, and only finds out.
    fn on_released(&self, consumer: u64, group: &str, partitions: &[TopicPartition], lost: bool) {
        let _ = (consumer, group, partitions, lost);
    }

    /// The application has moved its position in a partition; `to` is where it reads on, if that is known already.
    fn on_seek(&self, consumer: u64, partition: &TopicPartition, to: Option<Offset>) {
        let _ = (consumer, partition, to);
    }

    /// A broker says that it has no such position; where it goes on is told by [`Interceptor::on_reset`] with the first
    /// record that is read there.
    fn on_out_of_range(&self, consumer: u64, partition: &TopicPartition, position: Offset) {
        let _ = (consumer, partition, position);
    }

    /// The consumer goes on elsewhere by itself, from `position` to `to`: the position was out of range, or what was
    /// read before it is not in the log any more. The next record of the partition is from there.
    fn on_reset(&self, consumer: u64, partition: &TopicPartition, position: Offset, to: Offset) {
        let _ = (consumer, partition, position, to);
    }
}
