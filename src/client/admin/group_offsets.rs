//! What groups have committed: reading it, and setting it while nobody is in the group.
//!
//! Not here: finding offsets in logs (`offsets`).

use super::super::TopicPartition;
use super::super::connection::Connection;
use super::super::coordinators::ByKey;
use super::super::coordinators::CoordinatorKind;
use super::super::error::Error;
use super::super::error::Result;
use super::Admin;
use super::OffsetSpec;
use super::PerItem;
use super::check;
use super::topics::merge;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::ApiKey;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit::OffsetCommitRequestTopic;
use crate::wire::messages::offset_delete::OffsetDeleteRequest;
use crate::wire::messages::offset_delete::OffsetDeleteRequestPartition;
use crate::wire::messages::offset_delete::OffsetDeleteRequestTopic;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequestGroup;
use crate::wire::messages::offset_fetch::OffsetFetchResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last versions in which offsets are for topics by name (KIP-848 brought ids).
const BY_NAME: i16 = 9;

/// The first version of `OffsetFetch` that reads several groups at once (KIP-709).
const BATCHED: i16 = 8;

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read; `NONE` when that was not said.
    pub leader_epoch: LeaderEpoch,
    /// What the consumer wanted to keep beside it.
    pub metadata: String,
}

impl From<Offset> for GroupOffset {
    fn from(offset: Offset) -> Self {
        Self { offset, leader_epoch: LeaderEpoch::NONE, metadata: String::new() }
    }
}

/// Where a group is to go on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetTo {
    /// At the log start offset.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At this offset, or at the nearest one that the log has.
    Offset(Offset),
    /// At the first record whose timestamp is not before this one; behind the last record when there is none.
    Timestamp(Timestamp),
    /// So many records further than now, or back when it is negative, but not beyond the log's ends. Where nothing is
    /// committed, counted from the log start offset.
    By(i64),
}

type Offsets = Vec<(TopicPartition, GroupOffset)>;

impl Admin {
    /// Reads everything that a group has committed; nothing when there is no such group.
    ///
    /// # Errors
    /// [`Error`] when the coordinator refused.
    pub async fn list_group_offsets(&self, group: &str) -> Result<Offsets> {
        self.list_offsets_of_groups([group]).await.one(ApiKey::OffsetFetch)
    }

    /// Reads everything that groups have committed.
    pub async fn list_offsets_of_groups<S: Into<String>>(
        &self,
        groups: impl IntoIterator<Item = S>,
    ) -> PerItem<String, Offsets> {
        let items = groups.into_iter().map(|group| (group.into(), ())).collect();
        let ask = |_: BrokerId, connection, items| fetch(connection, items);
        PerItem::new(self.router.on_coordinators("OffsetFetch", CoordinatorKind::Group, items, ask).await)
    }

    /// Commits offsets for a group that nobody is in, which need not exist yet.
    ///
    /// # Errors
    /// [`Error`] when the request as a whole failed. While somebody is in the group, every partition has the error
    /// `UNKNOWN_MEMBER_ID`.
    pub async fn alter_group_offsets<O: Into<GroupOffset>>(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<PerItem<TopicPartition, ()>> {
        let row = |(partition, offset): (TopicPartition, O)| {
            let GroupOffset { offset, leader_epoch, metadata } = offset.into();
            let row = OffsetCommitRequestPartition {
                partition_index: partition.partition.0,
                committed_offset: offset.0,
                committed_leader_epoch: leader_epoch.0,
                committed_metadata: Some(metadata.into()),
                ..Default::default()
            };
            let name = partition.topic.as_str().into();
            OffsetCommitRequestTopic { name, partitions: vec![row], ..Default::default() }
        };
        let topics = merge(
            offsets.into_iter().map(row),
            |topic| &topic.name,
            |into, from| into.partitions.extend(from.partitions),
        );
        let ask = |_: BrokerId, connection: Arc<Connection>, items: Vec<(String, Vec<OffsetCommitRequestTopic>)>| async move {
            let mut answers = Vec::new();
            for (group_id, topics) in items {
                let request = OffsetCommitRequest { group_id: group_id.as_str().into(), topics, ..Default::default() };
                let response = connection.call(&request, BY_NAME).await?;
                let rows = response.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|row| (topic.name.to_string(), row.partition_index, row.error_code))
                });
                let rows: Vec<(String, i32, i16)> = rows.collect();
                answers.push((group_id, for_all(ApiKey::OffsetCommit, &rows).map(|()| rows)));
            }
            Ok(answers)
        };
        let items = vec![(group.to_owned(), topics)];
        let answers = self.router.on_coordinators("OffsetCommit", CoordinatorKind::Group, items, ask).await;
        per_partition(ApiKey::OffsetCommit, PerItem::new(answers).one(ApiKey::OffsetCommit)?)
    }

    /// Moves a group that nobody is in to other places, and gives the offsets that it has now.
    ///
    /// # Errors
    /// As [`Admin::alter_group_offsets`]. A partition that does not exist has an error of its own.
    /// ```no_run
    /// # async fn example(client: rehearsal::client::Client) -> rehearsal::client::Result<()> {
    /// use rehearsal::client::{ResetTo, TopicPartition};
    /// let to = [(TopicPartition::new("orders", 0)?, ResetTo::Earliest)];
    /// let offsets = client.admin().reset_group_offsets("shipping", to).await?.all()?;
    /// # Ok(()) }
    /// ```
    pub async fn reset_group_offsets(
        &self,
        group: &str,
        to: impl IntoIterator<Item = (TopicPartition, ResetTo)>,
    ) -> Result<PerItem<TopicPartition, Offset>> {
        let to: Vec<(TopicPartition, ResetTo)> = to.into_iter().collect();
        let each = |spec: OffsetSpec| to.iter().map(move |(partition, _)| (partition.clone(), spec));
        let (mut ends, mut refused) = (BTreeMap::new(), Vec::new());
        for (partition, found) in self.list_offsets(each(OffsetSpec::Earliest)).await {
            match found {
                Ok(found) => drop(ends.insert(partition, found.map_or(Offset(0), |found| found.offset))),
                Err(error) => refused.push((partition, Err(error))),
            }
        }
        let mut bounds = BTreeMap::new();
        let latest = ends.keys().map(|partition| (partition.clone(), OffsetSpec::Latest));
        for (partition, found) in self.list_offsets(latest.collect::<Vec<_>>()).await {
            match found {
                Ok(found) => {
                    let first = ends.get(&partition).copied().unwrap_or(Offset(0));
                    bounds.insert(partition, (first, found.map_or(first, |found| found.offset.max(first))));
                }
                Err(error) => refused.push((partition, Err(error))),
            }
        }
        let at_times = to.iter().filter_map(|(partition, to)| match to {
            ResetTo::Timestamp(timestamp) => Some((partition.clone(), OffsetSpec::Timestamp(*timestamp))),
            _ => None,
        });
        let mut at_time = BTreeMap::new();
        for (partition, found) in self.list_offsets(at_times.collect::<Vec<_>>()).await {
            if let Some(found) = found? {
                at_time.insert(partition, found.offset);
            }
        }
        let relative = to.iter().any(|(_, to)| matches!(to, ResetTo::By(_)));
        let committed = if relative { self.list_group_offsets(group).await? } else { Vec::new() };
        let mut targets = Vec::with_capacity(to.len());
        for (partition, to) in to {
            let Some((first, end)) = bounds.get(&partition).copied() else { continue };
            let target = match to {
                ResetTo::Earliest => first,
                ResetTo::Latest => end,
                ResetTo::Offset(offset) => offset,
                ResetTo::Timestamp(_) => at_time.get(&partition).copied().unwrap_or(end),
                ResetTo::By(records) => {
                    let now = committed.iter().find(|(other, _)| *other == partition);
                    Offset(now.map_or(first, |(_, now)| now.offset).0.saturating_add(records))
                }
            };
            targets.push((partition, target.clamp(first, end)));
        }
        let altered = self.alter_group_offsets(group, targets.clone()).await?;
        let results = altered.into_iter().map(|(partition, result)| {
            let target = targets.iter().find(|(other, _)| *other == partition).map_or(Offset::INVALID, |row| row.1);
            (partition, result.map(|()| target))
        });
        refused.extend(results);
        Ok(PerItem::new(refused))
    }

    /// Moves a group that nobody is in to another place in all partitions of a topic.
    ///
    /// # Errors
    /// As [`Admin::reset_group_offsets`]; `UNKNOWN_TOPIC_OR_PARTITION` when there is no such topic.
    pub async fn reset_group(&self, group: &str, topic: &str, to: ResetTo) -> Result<PerItem<TopicPartition, Offset>> {
        let described = self.describe_topics([topic]).await?.one(ApiKey::Metadata)?;
        let partitions = described
            .partitions
            .iter()
            .map(|partition| TopicPartition::new(topic, partition.index.0).map(|partition| (partition, to)));
        self.reset_group_offsets(group, partitions.collect::<Result<Vec<_>>>()?).await
    }

    /// Lets a group forget what it has committed for partitions of topics that nobody in it reads.
    ///
    /// # Errors
    /// [`Error::Broker`] with `GROUP_ID_NOT_FOUND`, or `NON_EMPTY_GROUP` for active groups that are no consumers. A
    /// partition's may be `GROUP_SUBSCRIBED_TO_TOPIC`.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<PerItem<TopicPartition, ()>> {
        let row = |partition: TopicPartition| OffsetDeleteRequestTopic {
            name: partition.topic.as_str().into(),
            partitions: vec![OffsetDeleteRequestPartition {
                partition_index: partition.partition.0,
                ..Default::default()
            }],
            ..Default::default()
        };
        let topics = merge(
            partitions.into_iter().map(row),
            |topic| &topic.name,
            |into, from| into.partitions.extend(from.partitions),
        );
        let ask = |_: BrokerId, connection: Arc<Connection>, items: Vec<(String, Vec<OffsetDeleteRequestTopic>)>| async move {
            let mut answers = Vec::new();
            for (group_id, topics) in items {
                let request = OffsetDeleteRequest { group_id: group_id.as_str().into(), topics, ..Default::default() };
                let response = connection.call(&request, i16::MAX).await?;
                let rows = response.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|row| (topic.name.to_string(), row.partition_index, row.error_code))
                });
                let rows: Vec<(String, i32, i16)> = rows.collect();
                answers.push((group_id, check(ApiKey::OffsetDelete, response.error_code, None).map(|()| rows)));
            }
            Ok(answers)
        };
        let items = vec![(group.to_owned(), topics)];
        let answers = self.router.on_coordinators("OffsetDelete", CoordinatorKind::Group, items, ask).await;
        per_partition(ApiKey::OffsetDelete, PerItem::new(answers).one(ApiKey::OffsetDelete)?)
    }
}

/// The error that a coordinator gives all partitions because it is not one, or not yet.
fn for_all(api: ApiKey, rows: &[(String, i32, i16)]) -> Result<()> {
    let codes = rows.iter().map(|row| ErrorCode::new(row.2));
    let wrong =
        [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_NOT_AVAILABLE, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS];
    codes.into_iter().find(|code| wrong.contains(code)).map_or(Ok(()), |code| Err(Error::broker(code, api)))
}

fn per_partition(api: ApiKey, rows: Vec<(String, i32, i16)>) -> Result<PerItem<TopicPartition, ()>> {
    let row = |(topic, index, code): (String, i32, i16)| {
        let partition = TopicPartition::new(&topic, index)?;
        let result = check(api, code, None).map_err(|error| error.about(&partition.topic, Some(partition.partition)));
        Ok((partition, result))
    };
    Ok(PerItem::new(rows.into_iter().map(row).collect::<Result<_>>()?))
}

async fn fetch(connection: Arc<Connection>, items: Vec<(String, ())>) -> Result<ByKey<Offsets>> {
    let api = ApiKey::OffsetFetch;
    if connection.version(api, BY_NAME)? >= BATCHED {
        let group = |(id, ()): &(String, ())| OffsetFetchRequestGroup {
            group_id: id.as_str().into(),
            topics: None,
            ..Default::default()
        };
        let request = OffsetFetchRequest { groups: items.iter().map(group).collect(), ..Default::default() };
        let response: OffsetFetchResponse = connection.call(&request, BY_NAME).await?;
        let answer = |group: crate::wire::messages::offset_fetch::OffsetFetchResponseGroup| {
            let rows = group.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|row| {
                    let words = row.metadata.as_deref().unwrap_or_default();
                    (&*topic.name, row.partition_index, row.committed_offset, row.committed_leader_epoch, words)
                })
            });
            (group.group_id.to_string(), check(api, group.error_code, None).and_then(|()| offsets(rows)))
        };
        return Ok(response.groups.into_iter().map(answer).collect());
    }
    let mut answers = Vec::new();
    for (id, ()) in items {
        let request = OffsetFetchRequest { group_id: id.as_str().into(), topics: None, ..Default::default() };
        let response: OffsetFetchResponse = connection.call(&request, BATCHED - 1).await?;
        let rows = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|row| {
                let words = row.metadata.as_deref().unwrap_or_default();
                (&*topic.name, row.partition_index, row.committed_offset, row.committed_leader_epoch, words)
            })
        });
        answers.push((id, check(api, response.error_code, None).and_then(|()| offsets(rows))));
    }
    Ok(answers)
}

/// Rows of an answer, without those for which nothing is committed, in order.
fn offsets<'a>(rows: impl Iterator<Item = (&'a str, i32, i64, i32, &'a str)>) -> Result<Offsets> {
    let committed = rows.filter(|row| row.2 >= 0).map(|(topic, index, offset, leader_epoch, metadata)| {
        let found = GroupOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(leader_epoch),
            metadata: metadata.to_owned(),
        };
        Ok((TopicPartition::new(topic, index)?, found))
    });
    let mut offsets: Offsets = committed.collect::<Result<_>>()?;
    offsets.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(offsets)
}
