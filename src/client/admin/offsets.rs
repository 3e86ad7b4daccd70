//! Finding offsets.

use super::super::TopicPartition;
use super::super::connection::Connection;
use super::super::consumer::IsolationLevel;
use super::super::error::Error;
use super::super::error::Result;
use super::super::routing::Answers;
use super::super::routing::Router;
use super::Admin;
use super::PerItem;
use super::check;
use super::topics::merge;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Timestamp;
use crate::wire::ApiKey;
use crate::wire::messages::list_offsets::ListOffsetsPartition;
use crate::wire::messages::list_offsets::ListOffsetsRequest;
use crate::wire::messages::list_offsets::ListOffsetsTopic;
use std::sync::Arc;
use std::time::Duration;

/// Which offset of a partition is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// The log start offset.
    Earliest,
    /// The offset that the next record will have.
    Latest,
    /// The first record whose timestamp is not before this one.
    Timestamp(Timestamp),
    /// The record with the greatest timestamp.
    MaxTimestamp,
    /// The first offset on the broker's own disk, where there is tiered storage.
    EarliestLocal,
    /// The last offset in tiered storage.
    LatestTiered,
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// The record's timestamp; `NONE` unless it was looked for by time.
    pub timestamp: Timestamp,
    /// The epoch of the leader that appended it; `NONE` if the broker does not tell.
    pub leader_epoch: LeaderEpoch,
}

impl OffsetSpec {
    /// The timestamp that says it on the wire, and the first version that knows it.
    const fn on_wire(self) -> (i64, i16) {
        match self {
            Self::Latest => (-1, 1),
            Self::Earliest => (-2, 1),
            Self::MaxTimestamp => (-3, 7),
            Self::EarliestLocal => (-4, 8),
            Self::LatestTiered => (-5, 9),
            Self::Timestamp(timestamp) => (timestamp.0, 1),
        }
    }
}

impl Admin {
    /// Finds an offset in each partition; `None` where no record is meant by it.
    pub async fn list_offsets(
        &self,
        specs: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
    ) -> PerItem<TopicPartition, Option<ListedOffset>> {
        PerItem::new(list_offsets(&self.router, specs.into_iter().collect(), IsolationLevel::ReadUncommitted).await)
    }
}

/// Asks the leaders of partitions for offsets.
pub(in crate::client) async fn list_offsets(
    router: &Router,
    specs: Vec<(TopicPartition, OffsetSpec)>,
    isolation: IsolationLevel,
) -> Answers<Option<ListedOffset>> {
    let timeout_ms = i32::try_from(router.settings.request_timeout.as_millis()).unwrap_or(i32::MAX);
    router
        .on_leaders("ListOffsets", specs, async |connection, rows| {
            ask(router, connection, rows, timeout_ms, isolation).await
        })
        .await
}

async fn ask(
    router: &Router,
    connection: Arc<Connection>,
    rows: Vec<(TopicPartition, OffsetSpec)>,
    timeout_ms: i32,
    isolation: IsolationLevel,
) -> Result<Answers<Option<ListedOffset>>> {
    let api = ApiKey::ListOffsets;
    let version = connection.version(api, i16::MAX)?;
    if rows.iter().any(|(_, spec)| spec.on_wire().1 > version) {
        return Err(Error::UnsupportedVersion { api, broker: Some((api.versions().min, version)) });
    }
    let metadata = router.metadata();
    let row = |(partition, spec): &(TopicPartition, OffsetSpec)| {
        let leader = metadata.leader(partition.topic.as_str(), partition.partition);
        ListOffsetsTopic {
            name: partition.topic.as_str().into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: partition.partition.0,
                current_leader_epoch: leader.map_or(LeaderEpoch::NONE, |leader| leader.epoch).0,
                timestamp: spec.on_wire().0,
                ..Default::default()
            }],
            ..Default::default()
        }
    };
    let topics = merge(rows.iter().map(row), |topic| &topic.name, |into, from| into.partitions.extend(from.partitions));
    let isolation_level = isolation.on_wire();
    let request = ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms, ..Default::default() };
    let response = connection.start(&request, version, Duration::ZERO)?.get().await?;
    let mut answers = Vec::new();
    for topic in response.topics {
        for row in topic.partitions {
            let partition = TopicPartition::new(&topic.name, row.partition_index)?;
            let listed = ListedOffset {
                offset: row.offset.into(),
                timestamp: Timestamp(row.timestamp),
                leader_epoch: row.leader_epoch.into(),
            };
            let result = check(api, row.error_code, None)
                .map(|()| (row.offset >= 0).then_some(listed))
                .map_err(|error| error.about(&partition.topic, Some(partition.partition)));
            answers.push((partition, result));
        }
    }
    Ok(answers)
}
