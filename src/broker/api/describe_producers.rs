//! `DescribeProducers` (key 61): show the producers that a partition's leader knows.
//!
//! * Needs `READ` on each topic.
//! * Errors per partition, in Kafka's order: `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_OR_PARTITION`,
//!   `NOT_LEADER_OR_FOLLOWER`.
//! * Source: KIP-664, <https://kafka.apache.org/protocol#The_Messages_DescribeProducers>.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::describe_producers::DescribeProducersRequest;
use crate::wire::messages::describe_producers::DescribeProducersResponse;
use crate::wire::messages::describe_producers::PartitionResponse;
use crate::wire::messages::describe_producers::ProducerState;
use crate::wire::messages::describe_producers::TopicResponse;
use bytestring::ByteString;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: DescribeProducersRequest,
) -> Outcome<DescribeProducersResponse> {
    let topics = request.topics.into_iter().map(|topic| {
        let rows = topic.partition_indexes.iter().map(|index| row(state, ctx, &topic.name, *index));
        let partitions = rows.collect();
        TopicResponse { name: topic.name, partitions, ..TopicResponse::default() }
    });
    Outcome::Reply(DescribeProducersResponse { topics: topics.collect(), ..DescribeProducersResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeProducersRequest, code: ErrorCode) -> DescribeProducersResponse {
    let topics = request.topics.iter().map(|topic| TopicResponse {
        name: topic.name.clone(),
        partitions: topic.partition_indexes.iter().map(|index| refused(*index, code, None)).collect(),
        ..TopicResponse::default()
    });
    DescribeProducersResponse { topics: topics.collect(), ..DescribeProducersResponse::default() }
}

fn refused(partition_index: i32, code: ErrorCode, error_message: Option<ByteString>) -> PartitionResponse {
    PartitionResponse { partition_index, error_code: code.code(), error_message, ..PartitionResponse::default() }
}

fn row(state: &State, ctx: &RequestContext, topic: &str, index: i32) -> PartitionResponse {
    if let Err(error) = TopicName::new(topic) {
        return refused(index, ErrorCode::INVALID_TOPIC_EXCEPTION, Some(error.to_string().into()));
    }
    let Ok(id) = state.topic_by_either(topic, Uuid::ZERO, false) else {
        let message = ByteString::from_static("This server does not host this topic-partition.");
        return refused(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(message));
    };
    let log = match state.partition_hosted_by(id, PartitionIndex(index), ctx.broker) {
        Ok(log) => log,
        Err(code) => return refused(index, code, None),
    };
    let Some(leader) = log.leader_replica().filter(|leader| leader.broker() == ctx.broker) else {
        return refused(index, ErrorCode::NOT_LEADER_OR_FOLLOWER, None);
    };
    let producers = leader.log().producers().iter().map(|(id, producer)| ProducerState {
        producer_id: id.0,
        producer_epoch: producer.producer_epoch.0.into(),
        last_sequence: producer.last_sequence(),
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_txn_first_offset.map_or(-1, |offset| offset.0),
        ..ProducerState::default()
    });
    PartitionResponse { partition_index: index, active_producers: producers.collect(), ..PartitionResponse::default() }
}
