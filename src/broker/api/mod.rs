//! The APIs that the brokers serve: one file each, and one row each in the table below.
//!
//! A handler authorises, looks up, lets the domain decide, and answers in the request's order.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod alter_partition_reassignments;
mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
#[cfg(test)]
mod consumer_group_tests;
#[cfg(test)]
mod coordinator_tests;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
#[cfg(test)]
mod group_tests;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
#[cfg(test)]
mod mixed_group_tests;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
#[cfg(test)]
mod replication_model;
#[cfg(test)]
mod replication_tests;
mod sync_group;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod txn_model;
mod txn_offset_commit;
#[cfg(test)]
mod txn_tests;
mod unregister_broker;
mod update_features;
mod write_txn_markers;

use super::outcome::Outcome;
use super::outcome::RequestContext;
use super::release::Release;
use super::state::State;
use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::schema::Versions;

/// An API that the brokers serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// The API.
    pub api: ApiKey,
    /// The versions that are answered.
    pub versions: Versions,
}

macro_rules! handlers {
    ($($api:ident = $module:ident, $min:literal..=$max:literal;)*) => {
        const TABLE: &[Support] = &[$(Support { api: ApiKey::$api, versions: Versions::new($min, $max) }),*];

        /// Hands a request to the file that knows its API.
        pub(super) fn dispatch(state: &mut State, ctx: &RequestContext, request: Request) -> Outcome<Response> {
            match request {
                $(Request::$api(request) => $module::handle(state, ctx, request).map(Response::$api),)*
                _ => Outcome::Close("this API is not served"),
            }
        }

        /// Refuses a request with a code in every place where its API has one; `None` for an API that is not served.
        pub(super) fn refuse(request: &Request, code: ErrorCode) -> Option<Response> {
            match request {
                $(Request::$api(request) => Some(Response::$api($module::refuse(request, code))),)*
                _ => None,
            }
        }
    };
}

// Sorted by key.
handlers! {
    Produce = produce, 3..=13;
    Fetch = fetch, 4..=18;
    ListOffsets = list_offsets, 1..=11;
    Metadata = metadata, 0..=13;
    OffsetCommit = offset_commit, 0..=10;
    OffsetFetch = offset_fetch, 0..=10;
    FindCoordinator = find_coordinator, 0..=6;
    JoinGroup = join_group, 0..=9;
    Heartbeat = heartbeat, 0..=4;
    LeaveGroup = leave_group, 0..=5;
    SyncGroup = sync_group, 0..=5;
    DescribeGroups = describe_groups, 0..=6;
    ListGroups = list_groups, 0..=5;
    ApiVersions = api_versions, 0..=4;
    CreateTopics = create_topics, 0..=7;
    DeleteTopics = delete_topics, 0..=6;
    DeleteRecords = delete_records, 0..=2;
    InitProducerId = init_producer_id, 0..=5;
    OffsetForLeaderEpoch = offset_for_leader_epoch, 0..=4;
    AddPartitionsToTxn = add_partitions_to_txn, 0..=5;
    AddOffsetsToTxn = add_offsets_to_txn, 0..=4;
    EndTxn = end_txn, 0..=5;
    WriteTxnMarkers = write_txn_markers, 0..=2;
    TxnOffsetCommit = txn_offset_commit, 0..=5;
    DescribeConfigs = describe_configs, 0..=4;
    AlterConfigs = alter_configs, 0..=2;
    DescribeLogDirs = describe_log_dirs, 0..=4;
    CreatePartitions = create_partitions, 0..=3;
    DeleteGroups = delete_groups, 0..=2;
    ElectLeaders = elect_leaders, 0..=2;
    IncrementalAlterConfigs = incremental_alter_configs, 0..=1;
    AlterPartitionReassignments = alter_partition_reassignments, 0..=1;
    ListPartitionReassignments = list_partition_reassignments, 0..=0;
    OffsetDelete = offset_delete, 0..=0;
    DescribeQuorum = describe_quorum, 0..=2;
    UpdateFeatures = update_features, 0..=2;
    DescribeCluster = describe_cluster, 0..=2;
    DescribeProducers = describe_producers, 0..=0;
    UnregisterBroker = unregister_broker, 0..=0;
    DescribeTransactions = describe_transactions, 0..=0;
    ListTransactions = list_transactions, 0..=2;
    ConsumerGroupHeartbeat = consumer_group_heartbeat, 0..=1;
    ConsumerGroupDescribe = consumer_group_describe, 0..=1;
    ListConfigResources = list_config_resources, 0..=1;
    DescribeTopicPartitions = describe_topic_partitions, 0..=0;
}

pub(super) use api_versions::unsupported as unsupported_api_versions;
pub(super) use fetch::refused_session;

/// What the newest release that is emulated serves, by key.
///
/// ```
/// use rehearsal::ApiKey;
/// let produce = rehearsal::broker::support().iter().find(|row| row.api == ApiKey::Produce).unwrap();
/// assert!(produce.versions.contains(13));
/// ```
pub fn support() -> &'static [Support] {
    TABLE
}

/// What brokers of `release` serve of an API, if anything.
pub(super) fn served(release: Release, api: ApiKey) -> Option<Versions> {
    let ours = TABLE.iter().find(|row| row.api == api)?.versions;
    let both = ours.intersection(release.versions(api)?);
    (!both.is_empty()).then_some(both)
}

/// Whether brokers of `release` answer `version` of an API.
pub(super) fn is_served(release: Release, api: ApiKey, version: i16) -> bool {
    served(release, api).is_some_and(|versions| versions.contains(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::wire::codec::Decoder;
    use crate::wire::generate::Generator;
    use serde_json::Value;

    #[test]
    fn the_table_is_sorted_and_within_what_the_wire_can_say() {
        assert!(TABLE.is_sorted_by_key(|row| row.api));
        for row in TABLE {
            assert_eq!(row.versions.intersection(row.api.versions()), row.versions, "{}", row.api);
        }
    }

    /// Collects all fields of this name, however deep.
    fn codes(value: &Value, found: &mut Vec<i64>) {
        match value {
            Value::Object(fields) => {
                let own = ["error_code", "partition_error_code"].into_iter().filter_map(|name| fields.get(name));
                found.extend(own.filter_map(Value::as_i64));
                fields.values().for_each(|value| codes(value, found));
            }
            Value::Array(elements) => elements.iter().for_each(|value| codes(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_api_is_refused_with_the_code_in_each_field_that_has_one() {
        let mut generator = Generator::new(Seed(4).stream("refusals"));
        for row in TABLE {
            for version in row.versions.iter() {
                let mut most = 0;
                for _ in 0..20 {
                    let body = generator.body(row.api.request_facts(), version);
                    let request = Request::decode(&mut Decoder::new(body, false), row.api, version).unwrap();
                    let answer = refuse(&request, ErrorCode::KAFKA_STORAGE_ERROR).unwrap().to_json(version);
                    let (mut found, answer) = (Vec::new(), answer.unwrap());
                    codes(&answer, &mut found);
                    assert!(found.iter().all(|code| *code == 56), "{} {version} {answer}", row.api);
                    most = most.max(found.len());
                }
                assert!(most > 0, "{} version {version} cannot say why", row.api);
            }
        }
    }
}
