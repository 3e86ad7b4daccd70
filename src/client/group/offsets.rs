//! Committing offsets and reading them back: one request each.
//!
//! Not here: trying again, and what to commit when.

use super::super::TopicPartition;
use super::super::error::Result;
use super::super::metadata::Metadata;
use super::super::mutant::ClientMutant;
use super::super::routing::Lane;
use super::super::transaction::OffsetAndMetadata;
use super::coordinator::Coordinator;
use super::membership::GroupConfig;
use super::membership::GroupProtocol;
use super::membership::Identity;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestGroup;
use crate::wire::messages::offset_fetch::OffsetFetchRequestTopic;
use crate::wire::messages::offset_fetch::OffsetFetchRequestTopics;
use bytestring::ByteString;
use std::collections::BTreeMap;
use std::time::Duration;

/// Positions by partition.
pub(in crate::client) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// From this version on topics go by their ids.
const BY_ID: i16 = 10;

/// The highest version in which all topics can be named.
fn cap<'a>(metadata: &Metadata, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> i16 {
    let named = partitions.into_iter().all(|partition| !id_of(metadata, &partition.topic).is_zero());
    if named { i16::MAX } else { BY_ID - 1 }
}

fn id_of(metadata: &Metadata, topic: &TopicName) -> Uuid {
    metadata.topic(topic.as_str()).map(|topic| topic.id).unwrap_or_default()
}

fn named(metadata: &Metadata, name: &str, id: Uuid) -> Option<TopicName> {
    if id.is_zero() { TopicName::new(name).ok() } else { metadata.name_of(id).cloned() }
}

/// Commits, and gives the code of each partition.
pub(in crate::client) async fn commit(
    coordinator: &Coordinator,
    config: &GroupConfig,
    identity: &Identity,
    offsets: &Offsets,
) -> Result<BTreeMap<TopicPartition, ErrorCode>> {
    let metadata = coordinator.router().metadata();
    let blind = coordinator.router().settings.mutants.has(ClientMutant::CommitWithoutEpoch);
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (partition, committed) in offsets {
        let row = OffsetCommitRequestPartition {
            partition_index: partition.partition.0,
            committed_offset: committed.offset.0,
            committed_leader_epoch: if blind { -1 } else { committed.leader_epoch.0 },
            committed_metadata: Some(committed.metadata.clone()),
            ..Default::default()
        };
        match topics.last_mut() {
            Some(topic) if &*topic.name == partition.topic.as_str() => topic.partitions.push(row),
            _ => topics.push(OffsetCommitRequestTopic {
                name: partition.topic.as_str().into(),
                topic_id: id_of(&metadata, &partition.topic),
                partitions: vec![row],
                ..Default::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: config.group_id.clone(),
        generation_id_or_member_epoch: identity.generation,
        member_id: identity.member_id.clone(),
        group_instance_id: config.instance_id.clone().filter(|_| identity.generation >= 0),
        topics,
        ..Default::default()
    };
    let cap = cap(&metadata, offsets.keys());
    let response = coordinator.call(Lane::SHARED, &request, cap, Duration::ZERO).await?;
    let mut codes = BTreeMap::new();
    for topic in response.topics {
        let Some(name) = named(&metadata, &topic.name, topic.topic_id) else { continue };
        for row in topic.partitions {
            let partition = TopicPartition { topic: name.clone(), partition: PartitionIndex(row.partition_index) };
            let code = ErrorCode::new(row.error_code);
            coordinator.on_code(code);
            codes.insert(partition, code);
        }
    }
    Ok(codes)
}

/// What is known of a partition's committed position.
pub(in crate::client) type Committed = Result<Option<OffsetAndMetadata>, ErrorCode>;

/// Reads what a group has committed for some partitions.
///
/// With `require_stable` a position that an open transaction may still move is not told (KIP-447).
pub(in crate::client) async fn fetch(
    coordinator: &Coordinator,
    config: &GroupConfig,
    identity: &Identity,
    partitions: &[TopicPartition],
    require_stable: bool,
) -> Result<BTreeMap<TopicPartition, Committed>> {
    let metadata = coordinator.router().metadata();
    let mut topics: Vec<OffsetFetchRequestTopics> = Vec::new();
    for partition in partitions {
        match topics.last_mut() {
            Some(topic) if &*topic.name == partition.topic.as_str() => {
                topic.partition_indexes.push(partition.partition.0);
            }
            _ => topics.push(OffsetFetchRequestTopics {
                name: partition.topic.as_str().into(),
                topic_id: id_of(&metadata, &partition.topic),
                partition_indexes: vec![partition.partition.0],
                ..Default::default()
            }),
        }
    }
    let older = |topic: &OffsetFetchRequestTopics| OffsetFetchRequestTopic {
        name: topic.name.clone(),
        partition_indexes: topic.partition_indexes.clone(),
        ..Default::default()
    };
    // Only coordinators that assign themselves check who asks.
    let member = (config.protocol == GroupProtocol::Consumer && identity.generation >= 0).then_some(identity);
    let request = OffsetFetchRequest {
        group_id: config.group_id.clone(),
        topics: Some(topics.iter().map(older).collect()),
        require_stable,
        groups: vec![OffsetFetchRequestGroup {
            group_id: config.group_id.clone(),
            member_id: member.map(|identity| identity.member_id.clone()),
            member_epoch: member.map_or(-1, |identity| identity.generation),
            topics: Some(topics),
            ..Default::default()
        }],
        ..Default::default()
    };
    let cap = cap(&metadata, partitions);
    let response = coordinator.call(Lane::SHARED, &request, cap, Duration::ZERO).await?;
    let mut rows: Vec<(Option<TopicName>, i32, ErrorCode, OffsetAndMetadata)> = Vec::new();
    let position = |offset: i64, epoch: i32, metadata: Option<ByteString>| OffsetAndMetadata {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(epoch),
        metadata: metadata.unwrap_or_default(),
    };
    let mut code = ErrorCode::new(response.error_code);
    for topic in response.topics {
        let name = named(&metadata, &topic.name, Uuid::ZERO);
        for row in topic.partitions {
            let committed = position(row.committed_offset, row.committed_leader_epoch, row.metadata);
            rows.push((name.clone(), row.partition_index, ErrorCode::new(row.error_code), committed));
        }
    }
    for group in response.groups {
        code = ErrorCode::new(group.error_code);
        for topic in group.topics {
            let name = named(&metadata, &topic.name, topic.topic_id);
            for row in topic.partitions {
                let committed = position(row.committed_offset, row.committed_leader_epoch, row.metadata);
                rows.push((name.clone(), row.partition_index, ErrorCode::new(row.error_code), committed));
            }
        }
    }
    if code.is_error() {
        coordinator.on_code(code);
        return Ok(partitions.iter().map(|partition| (partition.clone(), Err(code))).collect());
    }
    let mut answers = BTreeMap::new();
    for (name, index, code, committed) in rows {
        let Some(topic) = name else { continue };
        coordinator.on_code(code);
        let result = code.ok().map(|()| (committed.offset.0 >= 0).then_some(committed));
        answers.insert(TopicPartition { topic, partition: PartitionIndex(index) }, result);
    }
    Ok(answers)
}
