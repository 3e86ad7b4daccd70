//! A Kafka client: producer, consumer and admin over one set of connections.
//!
//! Not here: the broker. This client knows no more of it than any other client does, and works as well against a
//! real Kafka.
//!
//! ```no_run
//! # async fn example() -> rehearsal::client::Result<()> {
//! use rehearsal::NewTopic;
//! use rehearsal::client::{Client, ProducerRecord, StartFrom};
//!
//! let client = Client::connect("127.0.0.1:9092").await?;
//! client.admin().create_topics([NewTopic::new("orders").partitions(6)]).await?;
//!
//! let producer = client.producer().build();
//! let written = producer.send(ProducerRecord::new("orders").key("k1").value("two apples")).await?;
//!
//! let mut consumer = client.consumer().build();
//! consumer.assign_topic("orders", StartFrom::Earliest).await?;
//! let record = consumer.recv().await?;
//! assert_eq!(record.offset, written.offset);
//! # Ok(())
//! # }
//! ```

mod admin;
mod backoff;
mod clock;
mod connection;
mod consumer;
mod coordinators;
mod error;
mod group;
mod interceptor;
mod metadata;
mod mutant;
mod producer;
mod rounds;
mod routing;
mod settings;
mod transaction;
mod versions;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use admin::Admin;
pub use admin::AlterConfig;
pub use admin::ClusterDescription;
pub use admin::ConfigEntry;
pub use admin::ConfigResource;
pub use admin::ConfigSource;
pub use admin::CreatedTopic;
pub use admin::GroupDescription;
pub use admin::GroupFilter;
pub use admin::GroupListing;
pub use admin::GroupOffset;
pub use admin::GroupState;
pub use admin::GroupType;
pub use admin::ListedOffset;
pub use admin::MemberDescription;
pub use admin::MemberToRemove;
pub use admin::OffsetSpec;
pub use admin::PerItem;
pub use admin::ResetTo;
pub use clock::Clock;
pub use consumer::Claim;
pub use consumer::Committer;
pub use consumer::Consumer;
pub use consumer::ConsumerBuilder;
pub use consumer::ConsumerRecord;
pub use consumer::GroupHandler;
pub use consumer::IsolationLevel;
pub use consumer::Message;
pub use consumer::MessageStream;
pub use consumer::OffsetReset;
pub use consumer::Rebalance;
pub use consumer::RebalanceListener;
pub use consumer::RecordStream;
pub use consumer::StartFrom;
pub use error::Error;
pub use error::Result;
pub use group::assignor::Assignments;
pub use group::assignor::Assignor;
pub use group::assignor::CooperativeStickyAssignor;
pub use group::assignor::GroupMember;
pub use group::assignor::LastAssignment;
pub use group::assignor::RangeAssignor;
pub use group::assignor::RebalanceProtocol;
pub use group::assignor::RoundRobinAssignor;
pub use group::assignor::StickyAssignor;
pub use group::membership::GroupProtocol;
pub use group::membership::OnClose;
pub use interceptor::Interceptor;
pub use metadata::Broker;
pub use metadata::Metadata;
pub use metadata::Partition;
pub use metadata::Topic;
#[doc(hidden)]
pub use mutant::ClientMutant;
pub use producer::Acks;
pub use producer::Choice;
pub use producer::Delivery;
pub use producer::Partitioner;
pub use producer::Producer;
pub use producer::ProducerBuilder;
pub use producer::ProducerRecord;
pub use producer::RecordMetadata;
pub use producer::RoundRobinPartitioner;
pub use producer::StickyPartitioner;
pub use routing::Target;
pub use settings::ClientBuilder;
pub use transaction::GroupMetadata;
pub use transaction::OffsetAndMetadata;
pub use transaction::Outcome;
pub use transaction::Pipeline;
pub use transaction::Progress;
pub use transaction::Transaction;
pub use transaction::TransactionError;
pub use transaction::TransactionalBuilder;
pub use transaction::TransactionalProducer;

use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::net::Endpoint;
use crate::wire::RequestMessage;
use routing::Router;
use settings::Settings;
use std::fmt;
use std::sync::Arc;

/// A connection to a cluster. Clones share it; it ends when the last clone, producer and consumer is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    router: Arc<Router>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Names a partition.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the topic's name is not legal.
    /// ```
    /// use rehearsal::client::TopicPartition;
    /// assert_eq!(TopicPartition::new("orders", 3).unwrap().to_string(), "orders-3");
    /// assert!(TopicPartition::new("no spaces", 0).is_err());
    /// ```
    pub fn new(topic: &str, partition: i32) -> Result<Self> {
        Ok(Self { topic: legal(topic)?, partition: PartitionIndex(partition) })
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

fn legal(topic: &str) -> Result<TopicName> {
    TopicName::new(topic).map_err(|error| Error::Invalid(error.to_string()))
}

impl Client {
    /// Connects with default settings: to bootstrap servers (`host:port`, separated by commas), or to a cluster inside
    /// this process.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect(to: impl Into<Endpoint>) -> Result<Self> {
        Self::builder().endpoint(to).connect().await
    }

    /// Settings to change before connecting.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// What manages topics and their configuration.
    pub fn admin(&self) -> Admin {
        Admin::new(Arc::clone(&self.router))
    }

    /// Settings of a producer to change before it is built.
    pub fn producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(Arc::clone(&self.router))
    }

    /// Settings of a consumer to change before it is built.
    pub fn consumer(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(Arc::clone(&self.router))
    }

    /// What is known of brokers, and of the topics that this client uses.
    pub fn metadata(&self) -> Arc<Metadata> {
        self.router.metadata()
    }

    /// Sends one request as it is, in the highest version that both sides speak, and gives its answer as it is.
    ///
    /// # Errors
    /// [`Error`], but never for a code inside the answer.
    pub async fn call<R: RequestMessage>(&self, target: Target, request: &R) -> Result<R::Response> {
        self.call_at_most(target, request, i16::MAX).await
    }

    /// Sends one request as [`Client::call`] does, in no higher version than `version`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_at_most<R: RequestMessage>(
        &self,
        target: Target,
        request: &R,
        version: i16,
    ) -> Result<R::Response> {
        self.router.target(target).await?.call(request, version).await
    }
}
