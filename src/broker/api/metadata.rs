//! `Metadata` (key 3): which brokers, topics, partitions and leaders there are.
//!
//! * Needs `DESCRIBE` on each topic; topics that may not be described are left out of a full listing.
//! * Errors of all topics: `INVALID_REQUEST` (ids before version 12), `UNKNOWN_SERVER_ERROR` (a topic with neither
//!   name nor id). Per topic: `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_OR_PARTITION`, `UNKNOWN_TOPIC_ID`,
//!   `LEADER_NOT_AVAILABLE` (a topic that was just created); per partition: `LEADER_NOT_AVAILABLE`,
//!   `REPLICA_NOT_AVAILABLE` (version 0).
//! * Creates missing topics if the request (from version 4) and `auto.create.topics.enable` allow it.
//! * None of the missing topics is created when they would have more than 10,000 partitions together.
//! * Differs: an auto-created topic is there at once, so it is answered with its leaders and not with
//!   `LEADER_NOT_AVAILABLE`.
//! * Source: KIP-4, KIP-516, KIP-700, <https://kafka.apache.org/protocol#The_Messages_Metadata>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::broker::authorized;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::PARTITIONS_MAX;
use crate::metadata::Topic;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::metadata::MetadataRequestTopic;
use crate::wire::messages::metadata::MetadataResponse;
use crate::wire::messages::metadata::MetadataResponseBroker;
use crate::wire::messages::metadata::MetadataResponsePartition;
use crate::wire::messages::metadata::MetadataResponseTopic;
use bytestring::ByteString;
use indexmap::IndexSet;

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: MetadataRequest) -> Outcome<MetadataResponse> {
    // Version 0 could not say "no topics": an empty list meant all of them.
    let wanted = request.topics.filter(|topics| ctx.api_version > 0 || !topics.is_empty());
    // Versions 10 and 11 have the field, but brokers did not look topics up by it yet.
    let is_early = |topic: &MetadataRequestTopic| topic.name.is_none() || topic.topic_id != Uuid::ZERO;
    if let Some(topics) = wanted.as_ref().filter(|topics| ctx.api_version < 12 && topics.iter().any(is_early)) {
        return Outcome::Reply(refuse_topics(topics, ErrorCode::INVALID_REQUEST));
    }
    // Kafka trips over a topic with neither name nor id, unless it looks at ids alone.
    let is_none = |topic: &MetadataRequestTopic| topic.name.is_none() && topic.topic_id == Uuid::ZERO;
    let by_name = |topics: &&Vec<MetadataRequestTopic>| topics.iter().all(|topic| topic.topic_id == Uuid::ZERO);
    if let Some(topics) = wanted.as_ref().filter(by_name).filter(|topics| topics.iter().any(is_none)) {
        return Outcome::Reply(refuse_topics(topics, ErrorCode::UNKNOWN_SERVER_ERROR));
    }
    let may_create = ctx.api_version < 4 || request.allow_auto_topic_creation;
    let mut topics: Vec<MetadataResponseTopic> = match wanted {
        None => state.topics_seen_by(ctx.broker).iter().map(|topic| describe(state, ctx, topic)).collect(),
        Some(wanted) => {
            let wanted = each_once(wanted);
            let may_create = may_create && are_few(state, &wanted);
            wanted.iter().map(|wanted| find(state, ctx, wanted, may_create)).collect()
        }
    };
    if request.include_topic_authorized_operations {
        topics.iter_mut().for_each(|topic| topic.topic_authorized_operations = authorized::ON_TOPIC);
    }
    let active = state.brokers_seen_by(ctx.broker).active();
    // The journal keeps answers, and those who only know how many there may be at most reserve room for more.
    let mut brokers = Vec::with_capacity(active.clone().count());
    brokers.extend(active.map(|broker| MetadataResponseBroker {
        node_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(ByteString::from),
        ..MetadataResponseBroker::default()
    }));
    let asked = request.include_cluster_authorized_operations;
    Outcome::Reply(MetadataResponse {
        brokers,
        cluster_id: Some(state.cluster_id.as_str().into()),
        controller_id: state.brokers_seen_by(ctx.broker).controller().0,
        topics,
        cluster_authorized_operations: if asked { authorized::ON_CLUSTER } else { authorized::NOT_ASKED },
        ..MetadataResponse::default()
    })
}

/// Refuses the request with a code in every place that has one; one for all topics has none before version 13.
pub(super) fn refuse(request: &MetadataRequest, code: ErrorCode) -> MetadataResponse {
    let topics = request.topics.as_deref().unwrap_or_default();
    MetadataResponse { error_code: code.code(), ..refuse_topics(topics, code) }
}

fn refuse_topics(topics: &[MetadataRequestTopic], code: ErrorCode) -> MetadataResponse {
    let topics = topics.iter().map(|topic| MetadataResponseTopic {
        error_code: code.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse { topics: topics.collect(), ..MetadataResponse::default() }
}

/// How a topic is asked for: by its id, or by its name.
#[derive(PartialEq, Eq, Hash)]
enum Wanted {
    ById(Uuid),
    ByName(ByteString),
}

/// The topics of a request without repetition; if any is asked for by id, names do not count.
fn each_once(topics: Vec<MetadataRequestTopic>) -> IndexSet<Wanted> {
    if topics.iter().any(|topic| topic.topic_id != Uuid::ZERO) {
        let ids = topics.into_iter().map(|topic| topic.topic_id).filter(|id| *id != Uuid::ZERO);
        return ids.map(Wanted::ById).collect();
    }
    topics.into_iter().filter_map(|topic| topic.name.map(Wanted::ByName)).collect()
}

/// Whether the missing topics are few enough to be created by one request, as Kafka's controller sees it.
fn are_few(state: &State, wanted: &IndexSet<Wanted>) -> bool {
    let missing = |wanted: &&Wanted| matches!(wanted, Wanted::ByName(name) if state.topics.get(name).is_none());
    let missing = i64::try_from(wanted.iter().filter(missing).count()).unwrap_or(i64::MAX);
    missing.saturating_mul(state.default_partitions().into()) <= PARTITIONS_MAX
}

/// Answers one topic of the request.
fn find(state: &mut State, ctx: &RequestContext, wanted: &Wanted, may_create: bool) -> MetadataResponseTopic {
    let name = match wanted {
        Wanted::ByName(name) => name,
        Wanted::ById(id) => {
            return match state.topics_seen_by(ctx.broker).by_id(*id) {
                Some(topic) => describe(state, ctx, topic),
                None => MetadataResponseTopic {
                    error_code: ErrorCode::UNKNOWN_TOPIC_ID.code(),
                    topic_id: *id,
                    ..MetadataResponseTopic::default()
                },
            };
        }
    };
    let checked = TopicName::new(name);
    if checked.is_ok() && state.topics.get(name).is_none() && may_create && state.auto_create_topics() {
        // What went wrong is not told here: Kafka's broker has answered before its controller has tried.
        let _ = state.auto_create_topic(name);
    }
    if let Some(topic) = state.topics_seen_by(ctx.broker).get(name) {
        return describe(state, ctx, topic);
    }
    let code = if checked.is_ok() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
    MetadataResponseTopic {
        error_code: code.code(),
        name: Some(name.clone()),
        is_internal: checked.is_ok_and(|name| name.is_internal()),
        ..MetadataResponseTopic::default()
    }
}

fn describe(state: &State, ctx: &RequestContext, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions().filter_map(|index| {
        let found = state.leadership_seen_by(ctx.broker, topic.id, index)?;
        let mut row = MetadataResponsePartition {
            partition_index: index.0,
            leader_id: found.leader_id,
            leader_epoch: found.leader_epoch,
            replica_nodes: found.replica_nodes,
            isr_nodes: found.isr_nodes,
            offline_replicas: found.offline_replicas,
            ..MetadataResponsePartition::default()
        };
        let mut code = ErrorCode::NONE;
        if ctx.api_version == 0 {
            // Clients of old are not told of replicas that cannot be reached.
            let counts = (row.replica_nodes.len(), row.isr_nodes.len());
            row.replica_nodes.retain(|id| !row.offline_replicas.contains(id));
            row.isr_nodes.retain(|id| !row.offline_replicas.contains(id));
            if counts != (row.replica_nodes.len(), row.isr_nodes.len()) {
                code = ErrorCode::REPLICA_NOT_AVAILABLE;
            }
        }
        if row.leader_id == BrokerId::NONE.0 {
            code = ErrorCode::LEADER_NOT_AVAILABLE;
        }
        row.error_code = code.code();
        Some(row)
    });
    MetadataResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;

    fn by_names(names: &[&str]) -> MetadataRequest {
        by_either(&names.iter().map(|name| (Some(*name), Uuid::ZERO)).collect::<Vec<_>>())
    }

    fn by_either(topics: &[(Option<&str>, Uuid)]) -> MetadataRequest {
        let topics = topics.iter().map(|(name, topic_id)| MetadataRequestTopic {
            name: name.map(Into::into),
            topic_id: *topic_id,
            ..MetadataRequestTopic::default()
        });
        MetadataRequest { topics: Some(topics.collect()), ..MetadataRequest::default() }
    }

    /// Every topic, as each version asks for it.
    fn all(version: i16) -> MetadataRequest {
        MetadataRequest { topics: (version == 0).then(Vec::new), ..MetadataRequest::default() }
    }

    /// Name, error and number of partitions of each topic.
    fn rows(response: &MetadataResponse) -> Vec<(Option<&str>, ErrorCode, usize)> {
        let cells = response.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code, &topic.partitions));
        cells.map(|(name, code, partitions)| (name, ErrorCode::new(code), partitions.len())).collect()
    }

    #[test]
    fn each_version_describes_brokers_topics_and_leaders() {
        for version in 0..=13 {
            let mut cluster = TestCluster::new(3).topic("b", 1, 1).topic("a", 2, 3);
            let response = cluster.ask_broker(2, version, all(version));
            let brokers: Vec<_> = response.brokers.iter().map(|row| (row.node_id, &*row.host, row.port)).collect();
            assert_eq!(brokers, [(1, "broker-1", 9091), (2, "broker-2", 9092), (3, "broker-3", 9093)]);
            assert_eq!(response.cluster_id.is_some(), version >= 2);
            assert_eq!(response.controller_id, if version >= 1 { 1 } else { -1 });
            assert_eq!(rows(&response), [(Some("a"), ErrorCode::NONE, 2), (Some("b"), ErrorCode::NONE, 1)]);
            let id = cluster.engine.state.topics.get("a").unwrap().id;
            assert_eq!(response.topics[0].topic_id, if version >= 10 { id } else { Uuid::ZERO });
            let row = &response.topics[0].partitions[1];
            assert_eq!((row.error_code, row.partition_index, row.leader_id), (0, 1, 2));
            assert_eq!(row.leader_epoch, if version >= 7 { 0 } else { -1 });
            assert_eq!((&row.replica_nodes[..], &row.isr_nodes[..]), (&[2, 3, 1][..], &[2, 3, 1][..]));
            assert!(row.offline_replicas.is_empty());
        }
    }

    #[test]
    fn an_empty_list_means_no_topics_since_version_1() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        for version in 1..=13 {
            assert_eq!(rows(&cluster.ask(version, by_names(&[]))), [], "{version}");
        }
    }

    #[test]
    fn missing_topics_are_created_if_everybody_agrees() {
        let check = |version: i16, broker: &str, client: bool, expected: ErrorCode| {
            let config = [("auto.create.topics.enable", broker), ("num.partitions", "3")];
            let mut cluster = TestCluster::with_config(1, &config);
            let asked = MetadataRequest { allow_auto_topic_creation: client, ..by_names(&["a"]) };
            let response = cluster.ask(version, asked);
            let partitions = if expected.is_error() { 0 } else { 3 };
            assert_eq!(rows(&response), [(Some("a"), expected, partitions)]);
            assert_eq!(cluster.engine.state.topics.is_empty(), expected.is_error());
        };
        check(3, "true", true, ErrorCode::NONE);
        check(13, "true", true, ErrorCode::NONE);
        check(4, "true", false, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(3, "false", true, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(13, "false", true, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }

    #[test]
    fn what_cannot_be_created_is_not_there() {
        let mut cluster = TestCluster::new(1).topic("a.b", 1, 1);
        let response = cluster.ask(12, by_names(&["a/b", "", "a_b", "__cluster_metadata"]));
        let illegal = |name| (Some(name), ErrorCode::INVALID_TOPIC_EXCEPTION, 0);
        let absent = |name| (Some(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0);
        let expected = [illegal("a/b"), illegal(""), absent("a_b"), absent("__cluster_metadata")];
        assert_eq!(rows(&response), expected);
    }

    #[test]
    fn a_topic_asked_for_twice_is_answered_once() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        let response = cluster.ask(12, by_names(&["b", "a", "b"]));
        assert_eq!(rows(&response), [(Some("b"), ErrorCode::NONE, 1), (Some("a"), ErrorCode::NONE, 1)]);
    }

    #[test]
    fn topics_are_found_by_id_since_version_12() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        for version in [12, 13] {
            // Beside an id, names do not count.
            let asked = by_either(&[(None, Uuid([7; 16])), (None, id), (Some("b"), Uuid::ZERO)]);
            let response = cluster.ask(version, asked);
            let unknown = (None, ErrorCode::UNKNOWN_TOPIC_ID, 0);
            assert_eq!(rows(&response), [unknown, (Some("a"), ErrorCode::NONE, 1)]);
            assert_eq!(response.topics[0].topic_id, Uuid([7; 16]));
        }
        for version in [10, 11] {
            let response = cluster.ask(version, by_either(&[(None, id), (Some("b"), Uuid::ZERO)]));
            let refused = |name| (Some(name), ErrorCode::INVALID_REQUEST, 0);
            assert_eq!(rows(&response), [refused(""), refused("b")]);
            assert_eq!((response.brokers.len(), response.controller_id), (0, -1));
        }
    }

    #[test]
    fn a_topic_with_neither_name_nor_id_fails_the_request() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let response = cluster.ask(12, by_either(&[(Some("a"), Uuid::ZERO), (None, Uuid::ZERO)]));
        let refused = |name| (Some(name), ErrorCode::UNKNOWN_SERVER_ERROR, 0);
        assert_eq!(rows(&response), [refused("a"), refused("")]);
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        let response = cluster.ask(12, by_either(&[(None, id), (None, Uuid::ZERO)]));
        assert_eq!(rows(&response), [(Some("a"), ErrorCode::NONE, 1)]);
    }

    #[test]
    fn what_is_allowed_is_told_to_those_who_ask() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut check = |version: i16, ask: bool, cluster_operations: i32, topic_operations: i32| {
            let asked = MetadataRequest {
                include_cluster_authorized_operations: ask && version <= 10,
                include_topic_authorized_operations: ask,
                ..by_names(&["a"])
            };
            let response = cluster.ask(version, asked);
            assert_eq!(response.cluster_authorized_operations, cluster_operations, "{version}");
            assert_eq!(response.topics[0].topic_authorized_operations, topic_operations, "{version}");
        };
        check(8, true, 8096, 3576);
        check(10, true, 8096, 3576);
        check(13, true, i32::MIN, 3576);
        check(8, false, i32::MIN, i32::MIN);
        check(13, false, i32::MIN, i32::MIN);
    }

    #[test]
    fn a_partition_without_a_leader_says_so() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        let id = cluster.engine.state.topics.get("a").unwrap().id;
        let at = (id, crate::base::PartitionIndex(0));
        let log = cluster.engine.state.partitions.get_mut(&at).unwrap();
        log.elect(BrokerId::NONE, crate::base::LeaderEpoch(1), &[BrokerId(1)]);
        let row = &cluster.ask(13, by_names(&["a"])).topics[0].partitions[0];
        assert_eq!((row.error_code, row.leader_id), (ErrorCode::LEADER_NOT_AVAILABLE.code(), -1));
        assert_eq!((row.leader_epoch, &row.isr_nodes[..]), (1, &[1][..]));
    }
}
