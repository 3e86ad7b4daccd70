//! Topics and brokers.

use super::super::TopicPartition;
use super::super::connection::Connection;
use super::super::error::Error;
use super::super::error::Result;
use super::super::metadata::Broker;
use super::super::metadata::Metadata;
use super::super::metadata::Topic;
use super::super::routing::Target;
use super::Admin;
use super::PerItem;
use super::check;
use super::wrong_broker;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::Uuid;
use crate::config::NewTopic;
use crate::wire::ApiKey;
use crate::wire::messages::create_partitions::CreatePartitionsRequest;
use crate::wire::messages::create_partitions::CreatePartitionsTopic;
use crate::wire::messages::create_topics::CreatableReplicaAssignment;
use crate::wire::messages::create_topics::CreatableTopic;
use crate::wire::messages::create_topics::CreatableTopicConfig;
use crate::wire::messages::create_topics::CreateTopicsRequest;
use crate::wire::messages::delete_records::DeleteRecordsPartition;
use crate::wire::messages::delete_records::DeleteRecordsRequest;
use crate::wire::messages::delete_records::DeleteRecordsTopic;
use crate::wire::messages::delete_topics::DeleteTopicState;
use crate::wire::messages::delete_topics::DeleteTopicsRequest;
use crate::wire::messages::describe_cluster::DescribeClusterRequest;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::metadata::MetadataRequestTopic;
use std::sync::Arc;

/// What the broker says about a topic that it has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero before Kafka 2.8.
    pub id: Uuid,
    /// How many partitions it has, if the broker tells.
    pub partitions: Option<i32>,
    /// How many replicas each has, if the broker tells.
    pub replication_factor: Option<i16>,
}

/// The brokers of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker to which changes are sent.
    pub controller: Option<BrokerId>,
    /// The brokers that are alive, by number.
    pub brokers: Vec<Broker>,
}

/// The topic as a row of the request.
fn row(topic: NewTopic) -> CreatableTopic {
    let assignment = |(partition_index, brokers): (i32, Vec<BrokerId>)| CreatableReplicaAssignment {
        partition_index,
        broker_ids: brokers.into_iter().map(|broker| broker.0).collect(),
        ..Default::default()
    };
    let config = |(name, value): (String, String)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    CreatableTopic {
        name: topic.name.into(),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        assignments: (0..).zip(topic.assignment).map(assignment).collect(),
        configs: topic.configs.into_iter().map(config).collect(),
        ..Default::default()
    }
}

impl Admin {
    /// Creates one topic.
    ///
    /// # Errors
    /// [`Error::Broker`] with the topic's code, for example `TOPIC_ALREADY_EXISTS`.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<CreatedTopic> {
        self.create_topics([topic]).await?.one(ApiKey::CreateTopics)
    }

    /// Creates topics.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<PerItem<String, CreatedTopic>> {
        let topics = topics.into_iter().map(row).collect();
        let request = CreateTopicsRequest { topics, timeout_ms: self.timeout_ms(), ..Default::default() };
        let verdict = |response: &crate::wire::messages::create_topics::CreateTopicsResponse| {
            wrong_broker(response.topics.iter().map(|row| row.error_code))
        };
        let response = self.router.call(Target::Controller, i16::MAX, &request, verdict).await?;
        let item = |row: crate::wire::messages::create_topics::CreatableTopicResult| {
            let name = row.name.to_string();
            let result = check(ApiKey::CreateTopics, row.error_code, row.error_message).map(|()| CreatedTopic {
                name: name.clone(),
                id: row.topic_id,
                partitions: (row.num_partitions >= 0).then_some(row.num_partitions),
                replication_factor: (row.replication_factor >= 0).then_some(row.replication_factor),
            });
            (name, result)
        };
        Ok(PerItem::new(response.topics.into_iter().map(item).collect()))
    }

    /// Deletes topics by name.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed.
    pub async fn delete_topics<S: Into<String>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<PerItem<String, ()>> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let state = |name: &String| DeleteTopicState { name: Some(name.as_str().into()), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: names.iter().map(state).collect(),
            topic_names: names.iter().map(|name| name.as_str().into()).collect(),
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let verdict = |response: &crate::wire::messages::delete_topics::DeleteTopicsResponse| {
            wrong_broker(response.responses.iter().map(|row| row.error_code))
        };
        let response = self.router.call(Target::Controller, i16::MAX, &request, verdict).await?;
        let item = |row: crate::wire::messages::delete_topics::DeletableTopicResult| {
            let name = row.name.map(|name| name.to_string()).unwrap_or_default();
            (name, check(ApiKey::DeleteTopics, row.error_code, row.error_message))
        };
        Ok(PerItem::new(response.responses.into_iter().map(item).collect()))
    }

    /// Raises the number of partitions of topics to what is given with each.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed.
    pub async fn create_partitions<S: Into<String>>(
        &self,
        counts: impl IntoIterator<Item = (S, i32)>,
    ) -> Result<PerItem<String, ()>> {
        let row =
            |(name, count): (S, i32)| CreatePartitionsTopic { name: name.into().into(), count, ..Default::default() };
        let topics = counts.into_iter().map(row).collect();
        let request = CreatePartitionsRequest { topics, timeout_ms: self.timeout_ms(), ..Default::default() };
        let verdict = |response: &crate::wire::messages::create_partitions::CreatePartitionsResponse| {
            wrong_broker(response.results.iter().map(|row| row.error_code))
        };
        let response = self.router.call(Target::Controller, i16::MAX, &request, verdict).await?;
        let item = |row: crate::wire::messages::create_partitions::CreatePartitionsTopicResult| {
            (row.name.to_string(), check(ApiKey::CreatePartitions, row.error_code, row.error_message))
        };
        Ok(PerItem::new(response.results.into_iter().map(item).collect()))
    }

    /// The names of all topics that are not Kafka's own, in order.
    ///
    /// # Errors
    /// [`Error`] when the request failed.
    pub async fn list_topics(&self) -> Result<Vec<String>> {
        let metadata = self.ask_metadata(None).await?;
        let topics = metadata.topics.into_values().filter(|topic| !topic.is_internal);
        Ok(topics.map(|topic| topic.name.to_string()).collect())
    }

    /// What there is to know about topics; none is created by asking.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed.
    pub async fn describe_topics<S: Into<String>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<PerItem<String, Topic>> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let mut metadata = self.ask_metadata(Some(&names)).await?;
        let item = |name: String| {
            let result = match metadata.topics.remove(name.as_str()) {
                Some(topic) if topic.error.is_error() => {
                    Err(Error::broker(topic.error, ApiKey::Metadata).about(&topic.name, None))
                }
                Some(topic) => Ok(topic),
                None => Err(Error::broker(ErrorCode::INVALID_TOPIC_EXCEPTION, ApiKey::Metadata)),
            };
            (name, result)
        };
        Ok(PerItem::new(names.into_iter().map(item).collect()))
    }

    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// [`Error`] when the request failed.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let request = DescribeClusterRequest::default();
        let verdict = |response: &crate::wire::messages::describe_cluster::DescribeClusterResponse| {
            ErrorCode::new(response.error_code)
        };
        match self.router.call(Target::Any, i16::MAX, &request, verdict).await {
            Ok(response) => {
                check(ApiKey::DescribeCluster, response.error_code, response.error_message)?;
                let broker = |row: crate::wire::messages::describe_cluster::DescribeClusterBroker| {
                    let rack = row.rack.map(|rack| rack.to_string());
                    let port = u16::try_from(row.port).ok()?;
                    Some(Broker { id: row.broker_id.into(), host: row.host.to_string(), port, rack })
                };
                let mut brokers: Vec<Broker> = response.brokers.into_iter().filter_map(broker).collect();
                brokers.sort_by_key(|broker| broker.id);
                Ok(ClusterDescription {
                    cluster_id: Some(response.cluster_id.to_string()),
                    controller: (response.controller_id >= 0).then_some(BrokerId(response.controller_id)),
                    brokers,
                })
            }
            // Before Kafka 2.8 the metadata said it.
            Err(Error::UnsupportedVersion { .. }) => {
                let metadata = self.ask_metadata(Some(&[])).await?;
                let brokers = metadata.brokers.into_values().collect();
                Ok(ClusterDescription { cluster_id: metadata.cluster_id, controller: metadata.controller, brokers })
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes the records before an offset in each partition; [`Offset::HIGH_WATERMARK`] deletes all of them.
    ///
    /// Gives the first offset that is left, for each partition.
    pub async fn delete_records(
        &self,
        before: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> PerItem<TopicPartition, Offset> {
        let timeout_ms = self.timeout_ms();
        let items = before.into_iter().collect();
        let ask = |connection: Arc<Connection>, rows: Vec<(TopicPartition, Offset)>| async move {
            let row = |(partition, offset): &(TopicPartition, Offset)| DeleteRecordsTopic {
                name: partition.topic.as_str().into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition.partition.0,
                    offset: offset.0,
                    ..Default::default()
                }],
                ..Default::default()
            };
            let topics = merge(
                rows.iter().map(row),
                |topic| &topic.name,
                |into, from| {
                    into.partitions.extend(from.partitions);
                },
            );
            let request = DeleteRecordsRequest { topics, timeout_ms, ..Default::default() };
            let response = connection.call(&request, i16::MAX).await?;
            let mut answers = Vec::new();
            for topic in response.topics {
                for row in topic.partitions {
                    let partition = TopicPartition::new(&topic.name, row.partition_index)?;
                    let result = check(ApiKey::DeleteRecords, row.error_code, None)
                        .map(|()| Offset(row.low_watermark))
                        .map_err(|error| error.about(&partition.topic, Some(partition.partition)));
                    answers.push((partition, result));
                }
            }
            Ok(answers)
        };
        PerItem::new(self.router.on_leaders("DeleteRecords", items, ask).await)
    }

    /// Metadata of some topics, or of all, without touching the client's own view.
    async fn ask_metadata(&self, names: Option<&[String]>) -> Result<Metadata> {
        let row = |name: &String| MetadataRequestTopic { name: Some(name.as_str().into()), ..Default::default() };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(row).collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let response = self.router.call(Target::Any, i16::MAX, &request, |_| ErrorCode::NONE).await?;
        check(ApiKey::Metadata, response.error_code, None)?;
        let mut metadata = Metadata::default();
        metadata.apply(response);
        Ok(metadata)
    }
}

/// Puts rows of the same name together: brokers expect each topic once.
pub(super) fn merge<T, K: PartialEq + ?Sized>(
    rows: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &K,
    join: impl Fn(&mut T, T),
) -> Vec<T> {
    let mut merged: Vec<T> = Vec::new();
    for row in rows {
        match merged.iter_mut().find(|other| name(other) == name(&row)) {
            Some(other) => join(other, row),
            None => merged.push(row),
        }
    }
    merged
}
