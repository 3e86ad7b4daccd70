//! `Metadata` (key 3): which brokers, topics, partitions and leaders there are.
//!
//! * Needs `DESCRIBE` on each topic; topics that may not be described are left out of a full listing.
//! * Errors per topic: `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_OR_PARTITION`, `UNKNOWN_TOPIC_ID`,
//!   `LEADER_NOT_AVAILABLE` (a topic that was just created); per partition: `LEADER_NOT_AVAILABLE`.
//! * Creates missing topics if the request (from version 4) and `auto.create.topics.enable` allow it.
//! * Differs: an auto-created topic is there at once, so it is answered with its leaders and not with
//!   `LEADER_NOT_AVAILABLE`; authorized operations are not reported.
//! * Source: KIP-4, KIP-516, KIP-700, <https://kafka.apache.org/protocol#The_Messages_Metadata>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::TopicName;
use crate::base::Uuid;
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

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: MetadataRequest) -> Outcome<MetadataResponse> {
    // Version 0 could not say "no topics": an empty list meant all of them.
    let all = match &request.topics {
        None => true,
        Some(topics) => ctx.api_version == 0 && topics.is_empty(),
    };
    let may_create = ctx.api_version < 4 || request.allow_auto_topic_creation;
    let topics = if all {
        state.topics.iter().map(|topic| describe(state, topic)).collect()
    } else {
        request.topics.unwrap_or_default().iter().map(|wanted| find(state, ctx, wanted, may_create)).collect()
    };
    let brokers = state.brokers.iter().map(|broker| MetadataResponseBroker {
        node_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(ByteString::from),
        ..MetadataResponseBroker::default()
    });
    Outcome::Reply(MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(state.cluster_id.as_str().into()),
        controller_id: state.brokers.controller().0,
        topics,
        ..MetadataResponse::default()
    })
}

/// Answers one topic of the request, by id or by name.
fn find(
    state: &mut State,
    ctx: &RequestContext,
    wanted: &MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let refused = |code: ErrorCode| MetadataResponseTopic {
        error_code: code.code(),
        name: wanted.name.clone().or_else(|| (ctx.api_version < 12).then(ByteString::new)),
        topic_id: wanted.topic_id,
        ..MetadataResponseTopic::default()
    };
    let Some(name) = wanted.name.as_deref().filter(|_| wanted.topic_id == Uuid::ZERO) else {
        return match state.topics.by_id(wanted.topic_id) {
            Some(topic) => describe(state, topic),
            None => refused(ErrorCode::UNKNOWN_TOPIC_ID),
        };
    };
    if state.topics.get(name).is_none() {
        if !may_create || !state.auto_create_topics() {
            let legal = TopicName::new(name).is_ok();
            let code = if legal { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
            return refused(code);
        }
        if let Err(refusal) = state.auto_create_topic(name) {
            return refused(refusal.code);
        }
    }
    match state.topics.get(name) {
        Some(topic) => describe(state, topic),
        None => refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
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
