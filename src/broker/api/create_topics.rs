//! `CreateTopics` (key 19): create topics, or check whether they could be.
//!
//! * Needs `CREATE` on the cluster or on each topic.
//! * Errors per topic, in Kafka's order: `INVALID_REQUEST` (a name twice, `__cluster_metadata`),
//!   `INVALID_TOPIC_EXCEPTION`, `TOPIC_ALREADY_EXISTS`, `INVALID_CONFIG`, `INVALID_REQUEST` (replicas and their number),
//!   `INVALID_REPLICA_ASSIGNMENT`, `INVALID_REPLICATION_FACTOR`, `INVALID_PARTITIONS`. `POLICY_VIOLATION` for all
//!   topics when the request asks for more than 10,000 partitions.
//! * Rows come in the request's order; those of names given twice and of `__cluster_metadata` stand at the end.
//! * Every topic is checked before the first is made, so that two new names may collide with each other.
//! * `REQUEST_TIMED_OUT` for all topics, and nothing is done, when `timeout_ms` is not positive; a positive one never
//!   runs out, as topics are there at once on every broker.
//! * Source: KIP-4, KIP-464, KIP-525, `ControllerApis.createTopics`, `ReplicationControlManager.createTopics`,
//!   <https://kafka.apache.org/protocol#The_Messages_CreateTopics>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::CLUSTER_METADATA;
use crate::broker::topics::PARTITIONS_MAX;
use crate::broker::topics::Refusal;
use crate::broker::topics::check_given_by_assignment;
use crate::broker::topics::too_many_partitions;
use crate::config::Overrides;
use crate::metadata::Topic;
use crate::wire::messages::create_topics::CreatableTopic;
use crate::wire::messages::create_topics::CreatableTopicConfigs;
use crate::wire::messages::create_topics::CreatableTopicResult;
use crate::wire::messages::create_topics::CreateTopicsRequest;
use crate::wire::messages::create_topics::CreateTopicsResponse;
use bytestring::ByteString;
use indexmap::IndexMap;
use std::collections::BTreeMap;

pub(super) fn handle(
    state: &mut State,
    _ctx: &RequestContext,
    request: CreateTopicsRequest,
) -> Outcome<CreateTopicsResponse> {
    if request.timeout_ms <= 0 {
        // Kafka's controller finds the deadline passed before it looks at the request.
        let rows = request.topics.into_iter().map(|topic| CreatableTopicResult {
            error_message: None,
            ..refused(&topic.name, Refusal::new(ErrorCode::REQUEST_TIMED_OUT, ""))
        });
        return reply(rows.collect());
    }
    let mut counts: IndexMap<ByteString, usize> = IndexMap::new();
    for topic in &request.topics {
        *counts.entry(topic.name.clone()).or_default() += 1;
    }
    let (wanted, others): (Vec<_>, Vec<_>) =
        request.topics.into_iter().partition(|topic| counts[&topic.name] == 1 && topic.name != CLUSTER_METADATA);
    if partitions_of(state, &wanted) > PARTITIONS_MAX {
        let rows = wanted.iter().chain(&others).map(|topic| refused(&topic.name, too_many_partitions()));
        return reply(rows.collect());
    }
    let plans: Vec<_> = wanted.into_iter().map(|topic| (plan(state, &topic), topic.name)).collect();
    if let Err(refusal) = check_records(&plans) {
        let names = plans.iter().map(|(_, name)| name).chain(others.iter().map(|topic| &topic.name));
        return reply(names.map(|name| refused(name, refusal.clone())).collect());
    }
    let mut rows: Vec<CreatableTopicResult> = Vec::with_capacity(plans.len());
    for (plan, name) in plans {
        match plan {
            Err(refusal) => rows.push(refused(&name, refusal)),
            Ok(topic) => {
                rows.push(created(state, &topic));
                if !request.validate_only {
                    state.install_topic(topic);
                }
            }
        }
    }
    let twice = counts.iter().filter(|(_, count)| **count > 1);
    rows.extend(twice.map(|(name, _)| refused(name, invalid_request("Duplicate topic name."))));
    if counts.get(CLUSTER_METADATA) == Some(&1) {
        let message = format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.");
        rows.push(refused(&CLUSTER_METADATA.into(), invalid_request(&message)));
    }
    reply(rows)
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &CreateTopicsRequest, code: ErrorCode) -> CreateTopicsResponse {
    let rows = request
        .topics
        .iter()
        .map(|topic| CreatableTopicResult { error_message: None, ..refused(&topic.name, Refusal::new(code, "")) });
    CreateTopicsResponse { topics: rows.collect(), ..CreateTopicsResponse::default() }
}

fn reply(topics: Vec<CreatableTopicResult>) -> Outcome<CreateTopicsResponse> {
    Outcome::Reply(CreateTopicsResponse { topics, ..CreateTopicsResponse::default() })
}

fn invalid_request(message: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_REQUEST, message)
}

/// How many partitions the request asks for, as Kafka counts before it looks at anything else.
fn partitions_of(state: &State, topics: &[CreatableTopic]) -> i64 {
    let count = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX),
        -1 => state.default_partitions().into(),
        partitions => i64::from(partitions).max(0),
    };
    topics.iter().map(count).fold(0, i64::saturating_add)
}

/// Kafka's controller writes at most 10,000 records for one request: one per topic, config and partition.
fn check_records(plans: &[(Result<Topic, Refusal>, ByteString)]) -> Result<(), Refusal> {
    let topics = plans.iter().filter_map(|(plan, _)| plan.as_ref().ok());
    let records: usize = topics.map(|topic| 1 + topic.config.len() + topic.assignment.len()).sum();
    if i64::try_from(records).is_ok_and(|records| records <= PARTITIONS_MAX) {
        return Ok(());
    }
    let message = "Unable to perform excessively large batch operation.";
    Err(Refusal::new(ErrorCode::POLICY_VIOLATION, message))
}

/// The topic that would be created.
fn plan(state: &mut State, wanted: &CreatableTopic) -> Result<Topic, Refusal> {
    let name = state.check_new_name(&wanted.name)?;
    let configs = configs_of(wanted)?;
    state.check_topic_config(&configs)?;
    let assignment = if wanted.assignments.is_empty() {
        state.place_topic(wanted.num_partitions, wanted.replication_factor)?
    } else {
        assignment_of(state, wanted)?
    };
    Ok(state.name_topic(name, assignment, configs))
}

fn configs_of(wanted: &CreatableTopic) -> Result<Overrides, Refusal> {
    let nulls: Vec<&str> =
        wanted.configs.iter().filter(|config| config.value.is_none()).map(|config| &*config.name).collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err(Refusal::new(ErrorCode::INVALID_CONFIG, message));
    }
    let set = wanted.configs.iter().filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?)));
    Ok(set.map(|(name, value)| (name, value.to_string())).collect())
}

/// The replicas as the client has chosen them, by partition.
fn assignment_of(state: &State, wanted: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    check_given_by_assignment(wanted.num_partitions, wanted.replication_factor)?;
    let refuse = |message: String| Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    let mut by_index = BTreeMap::new();
    let mut replication_factor = None;
    for row in &wanted.assignments {
        if by_index.contains_key(&row.partition_index) {
            let message = format!("Found multiple manual partition assignments for partition {}", row.partition_index);
            return refuse(message);
        }
        let replicas: Vec<BrokerId> = row.broker_ids.iter().copied().map(BrokerId).collect();
        state.check_replicas(&replicas, replication_factor)?;
        replication_factor = Some(replicas.len());
        by_index.insert(row.partition_index, replicas);
    }
    if !by_index.keys().copied().eq((0..).take(by_index.len())) {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(by_index.into_values().collect())
}

fn refused(name: &ByteString, refusal: Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code: refusal.code.code(),
        error_message: Some(refusal.message.into()),
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}

fn created(state: &State, topic: &Topic) -> CreatableTopicResult {
    let configs = state.settings.cluster().describe_topic(&topic.config).into_iter().map(|config| {
        let is_sensitive = config.is_sensitive();
        CreatableTopicConfigs {
            name: config.name.into(),
            value: config.value.map(Into::into),
            read_only: config.read_only,
            config_source: config.source.number(),
            is_sensitive,
            ..CreatableTopicConfigs::default()
        }
    });
    CreatableTopicResult {
        name: topic.name.as_str().into(),
        topic_id: topic.id,
        num_partitions: i32::try_from(topic.assignment.len()).unwrap_or(i32::MAX),
        replication_factor: topic.assignment.first().map_or(-1, |row| i16::try_from(row.len()).unwrap_or(i16::MAX)),
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Uuid;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::create_topics::CreatableReplicaAssignment;
    use crate::wire::messages::create_topics::CreatableTopicConfig;

    fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
        CreatableTopic { name: name.into(), num_partitions, replication_factor, ..CreatableTopic::default() }
    }

    fn with(mut topic: CreatableTopic, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
        topic.configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: (*name).into(),
                value: value.map(Into::into),
                ..CreatableTopicConfig::default()
            })
            .collect();
        topic
    }

    fn assigned(mut topic: CreatableTopic, rows: &[(i32, &[i32])]) -> CreatableTopic {
        topic.assignments = rows
            .iter()
            .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: broker_ids.to_vec(),
                ..CreatableReplicaAssignment::default()
            })
            .collect();
        topic
    }

    fn request(topics: &[CreatableTopic]) -> CreateTopicsRequest {
        CreateTopicsRequest { topics: topics.to_vec(), ..CreateTopicsRequest::default() }
    }

    /// Name, error and message of each row.
    fn rows(response: &CreateTopicsResponse) -> Vec<(&str, ErrorCode, Option<&str>)> {
        let row = |row: &'_ CreatableTopicResult| ErrorCode::new(row.error_code);
        response.topics.iter().map(|topic| (&*topic.name, row(topic), topic.error_message.as_deref())).collect()
    }

    #[test]
    fn each_version_creates_a_topic_and_says_as_much_as_it_can() {
        for version in 0..=7 {
            let mut cluster = TestCluster::new(3);
            let response = cluster.ask(version, request(&[topic("a", 4, 2)]));
            assert_eq!(rows(&response), [("a", ErrorCode::NONE, None)], "{version}");
            let row = &response.topics[0];
            let made = cluster.engine.state.topics.get("a").unwrap();
            assert_eq!((made.assignment.len(), made.assignment[0].len()), (4, 2));
            let numbers = if version >= 5 { (4, 2) } else { (-1, -1) };
            assert_eq!((row.num_partitions, row.replication_factor), numbers, "{version}");
            assert_eq!(row.configs.is_some(), version >= 5, "{version}");
            assert_eq!(row.topic_id, if version >= 7 { made.id } else { Uuid::ZERO }, "{version}");
        }
    }

    #[test]
    fn defaults_are_the_brokers() {
        let mut cluster = TestCluster::with_config(3, &[("num.partitions", "5")]);
        let response = cluster.ask(7, request(&[topic("a", -1, -1)]));
        let row = &response.topics[0];
        assert_eq!((row.num_partitions, row.replication_factor), (5, 3));
    }

    #[test]
    fn the_configs_in_force_are_described_with_their_sources() {
        let mut cluster = TestCluster::with_config(1, &[("log.segment.bytes", "2000000")]);
        let wanted = with(topic("a", 1, 1), &[("retention.ms", Some("60000"))]);
        let response = cluster.ask(7, request(&[wanted]));
        let configs = response.topics[0].configs.clone().unwrap();
        assert!(configs.is_sorted_by_key(|config| config.name.clone()));
        let check = |name: &str, value: &str, source: i8| {
            let config = configs.iter().find(|config| config.name == name).unwrap();
            assert_eq!((config.value.as_deref(), config.config_source), (Some(value), source), "{name}");
            assert!(!config.read_only && !config.is_sensitive);
        };
        check("retention.ms", "60000", 1);
        check("segment.bytes", "2000000", 4);
        check("cleanup.policy", "delete", 5);
    }

    #[test]
    fn what_is_only_validated_is_not_created() {
        let mut cluster = TestCluster::new(1);
        let ask = CreateTopicsRequest { validate_only: true, ..request(&[topic("a", 1, 1), topic("b", 0, 1)]) };
        let response = cluster.ask(7, ask);
        let message = "Number of partitions was set to an invalid non-positive value.";
        let expected = [("a", ErrorCode::NONE, None), ("b", ErrorCode::INVALID_PARTITIONS, Some(message))];
        assert_eq!(rows(&response), expected);
        assert!(!response.topics[0].topic_id.is_zero());
        assert!(cluster.engine.state.topics.is_empty());
    }

    #[test]
    fn each_refusal_has_kafkas_code_and_sentence() {
        let mut cluster = TestCluster::new(3).topic("there", 1, 1).topic("dotted.name", 1, 1);
        let mut check = |wanted: CreatableTopic, code: ErrorCode, message: &str| {
            let name = wanted.name.clone();
            let response = cluster.ask(7, request(&[wanted]));
            assert_eq!(rows(&response), [(&*name, code, Some(message))]);
            let row = &response.topics[0];
            assert_eq!((row.num_partitions, row.replication_factor), (-1, -1));
            assert_eq!(row.configs, Some(vec![]));
            assert!(row.topic_id.is_zero());
        };
        check(topic("there", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS, "Topic 'there' already exists.");
        check(
            topic("dotted_name", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic 'dotted_name' collides with existing topic: dotted.name",
        );
        check(
            topic("", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic name is invalid: the empty string is not allowed",
        );
        check(
            topic("__cluster_metadata", 1, 1),
            ErrorCode::INVALID_REQUEST,
            "Creation of internal topic __cluster_metadata is prohibited.",
        );
        check(
            with(topic("a", 1, 1), &[("retention.ms", None), ("no.such.config", Some("1"))]),
            ErrorCode::INVALID_CONFIG,
            "Null value not supported for topic configs: retention.ms",
        );
        check(
            with(topic("a", 0, 1), &[("no.such.config", Some("1"))]),
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: no.such.config",
        );
        check(
            topic("a", 0, 0),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        );
        check(
            topic("a", -2, 1),
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        );
        check(
            topic("a", 1, 9),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Unable to replicate the partition 9 time(s): The target replication factor of 9 cannot be reached because \
             only 3 broker(s) are registered.",
        );
    }

    #[test]
    fn an_assignment_has_to_make_sense() {
        let mut cluster = TestCluster::new(3);
        let mut check = |wanted: CreatableTopic, code: ErrorCode, message: &str| {
            let response = cluster.ask(7, request(&[wanted]));
            assert_eq!(rows(&response), [("a", code, Some(message))]);
        };
        let open = || topic("a", -1, -1);
        let wrong = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
        check(
            assigned(topic("a", 1, 1), &[(0, &[1])]),
            ErrorCode::INVALID_REQUEST,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        );
        check(
            assigned(topic("a", 1, -1), &[(0, &[1])]),
            ErrorCode::INVALID_REQUEST,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        );
        check(assigned(open(), &[(0, &[])]), wrong, "The manual partition assignment includes an empty replica list.");
        check(
            assigned(open(), &[(0, &[1, 2, 1])]),
            wrong,
            "The manual partition assignment includes the broker 1 more than once.",
        );
        check(
            assigned(open(), &[(0, &[99, -1])]),
            wrong,
            "The manual partition assignment includes broker -1, but no such broker is registered.",
        );
        check(
            assigned(open(), &[(0, &[1]), (1, &[1, 2])]),
            wrong,
            "The manual partition assignment includes a partition with 2 replica(s), but this is not consistent with \
             previous partitions, which have 1 replica(s).",
        );
        check(
            assigned(open(), &[(0, &[1]), (0, &[2])]),
            wrong,
            "Found multiple manual partition assignments for partition 0",
        );
        check(
            assigned(open(), &[(0, &[1]), (2, &[2])]),
            wrong,
            "partitions should be a consecutive 0-based integer sequence",
        );
    }

    #[test]
    fn an_assignment_is_taken_as_it_is_in_any_order() {
        let mut cluster = TestCluster::new(3);
        let wanted = assigned(topic("a", -1, -1), &[(1, &[3, 1]), (0, &[2, 3])]);
        let response = cluster.ask(7, request(&[wanted]));
        assert_eq!((response.topics[0].num_partitions, response.topics[0].replication_factor), (2, 2));
        let made = cluster.engine.state.topics.get("a").unwrap();
        assert_eq!(made.assignment, [[BrokerId(2), BrokerId(3)], [BrokerId(3), BrokerId(1)]]);
    }

    #[test]
    fn a_name_given_twice_is_refused_once_and_last() {
        let mut cluster = TestCluster::new(1);
        let wanted = [topic("b", 1, 1), topic("a", 1, 1), topic("b", 2, 1), topic("b", 2, 1)];
        let response = cluster.ask(7, request(&wanted));
        let twice = ("b", ErrorCode::INVALID_REQUEST, Some("Duplicate topic name."));
        assert_eq!(rows(&response), [("a", ErrorCode::NONE, None), twice]);
        assert!(cluster.engine.state.topics.get("b").is_none());
    }

    #[test]
    fn two_new_names_may_collide_with_each_other() {
        let mut cluster = TestCluster::new(1);
        let response = cluster.ask(7, request(&[topic("a.b", 1, 1), topic("a_b", 1, 1)]));
        assert_eq!(rows(&response), [("a.b", ErrorCode::NONE, None), ("a_b", ErrorCode::NONE, None)]);
    }

    #[test]
    fn a_request_for_too_many_partitions_fails_as_a_whole() {
        let mut cluster = TestCluster::new(1);
        let mut check = |count: i32, message: &str| {
            let response = cluster.ask(7, request(&[topic("a", count, 1), topic("b", 1, 1)]));
            let refused = |name| (name, ErrorCode::POLICY_VIOLATION, Some(message));
            assert_eq!(rows(&response), [refused("a"), refused("b")]);
        };
        check(i32::MAX, "Excessively large number of partitions per request.");
        check(10_000, "Excessively large number of partitions per request.");
        check(9_998, "Unable to perform excessively large batch operation.");
        assert!(cluster.engine.state.topics.is_empty());
    }

    #[test]
    fn without_time_nothing_is_done() {
        let mut cluster = TestCluster::new(1);
        for timeout_ms in [0, -1] {
            let response = cluster.ask(7, CreateTopicsRequest { timeout_ms, ..request(&[topic("a", 1, 1)]) });
            assert_eq!(rows(&response), [("a", ErrorCode::REQUEST_TIMED_OUT, None)]);
            assert!(cluster.engine.state.topics.is_empty());
        }
    }

    #[test]
    fn an_empty_request_has_an_empty_answer() {
        let response = TestCluster::new(1).ask(7, request(&[]));
        assert_eq!(response, CreateTopicsResponse::default());
    }
}
