//! `Metadata` (key 3): which brokers, topics, partitions and leaders there are.
//!
//! * Needs `DESCRIBE` on each topic; topics that may not be described are left out of a full listing.
//! * Errors per topic: `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_OR_PARTITION`, `UNKNOWN_TOPIC_ID`,
//!   `LEADER_NOT_AVAILABLE` (a topic that was just created); per partition: `LEADER_NOT_AVAILABLE`.
//! * Creates missing topics if the request (from version 4) and `auto.create.topics.enable` allow it.
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
        return Outcome::Reply(refuse(topics, ErrorCode::INVALID_REQUEST));
    }
    let may_create = ctx.api_version < 4 || request.allow_auto_topic_creation;
    let mut topics: Vec<MetadataResponseTopic> = match wanted {
        None => state.topics.iter().map(|topic| describe(state, topic)).collect(),
        Some(wanted) => each_once(wanted).iter().map(|wanted| find(state, wanted, may_create)).collect(),
    };
    if request.include_topic_authorized_operations {
        topics.iter_mut().for_each(|topic| topic.topic_authorized_operations = authorized::ON_TOPIC);
    }
    let brokers = state.brokers.iter().map(|broker| MetadataResponseBroker {
        node_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(ByteString::from),
        ..MetadataResponseBroker::default()
    });
    let asked = request.include_cluster_authorized_operations;
    Outcome::Reply(MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(state.cluster_id.as_str().into()),
        controller_id: state.brokers.controller().0,
        topics,
        cluster_authorized_operations: if asked { authorized::ON_CLUSTER } else { authorized::NOT_ASKED },
        ..MetadataResponse::default()
    })
}

fn refuse(topics: &[MetadataRequestTopic], code: ErrorCode) -> MetadataResponse {
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

/// Answers one topic of the request.
fn find(state: &mut State, wanted: &Wanted, may_create: bool) -> MetadataResponseTopic {
    let name = match wanted {
        Wanted::ByName(name) => name,
        Wanted::ById(id) => {
            return match state.topics.by_id(*id) {
                Some(topic) => describe(state, topic),
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
    if let Some(topic) = state.topics.get(name) {
        return describe(state, topic);
    }
    let code = if checked.is_ok() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
    MetadataResponseTopic {
        error_code: code.code(),
        name: Some(name.clone()),
        is_internal: checked.is_ok_and(|name| name.is_internal()),
        ..MetadataResponseTopic::default()
    }
}

fn describe(state: &State, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions().filter_map(|index| {
        let log = state.find_partition(topic.id, index)?;
        let led = log.leader() != BrokerId::NONE;
        let code = if led { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
        Some(MetadataResponsePartition {
            error_code: code.code(),
            partition_index: index.0,
            leader_id: log.leader().0,
            leader_epoch: log.leader_epoch().0,
            replica_nodes: log.replicas().iter().map(|replica| replica.broker().0).collect(),
            isr_nodes: log.isr().iter().map(|id| id.0).collect(),
            ..MetadataResponsePartition::default()
        })
    });
    MetadataResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}
