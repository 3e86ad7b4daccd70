//! `Produce` (key 0): append record batches to partitions.
//!
//! * Needs `WRITE` on each topic.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`,
//!   `NOT_LEADER_OR_FOLLOWER`, then those of the append (`CORRUPT_MESSAGE`, `INVALID_RECORD`, `MESSAGE_TOO_LARGE`,
//!   `INVALID_TIMESTAMP`, `UNSUPPORTED_COMPRESSION_TYPE`, `OUT_OF_ORDER_SEQUENCE_NUMBER`, `INVALID_PRODUCER_EPOCH`,
//!   `NOT_ENOUGH_REPLICAS`), then `NOT_ENOUGH_REPLICAS_AFTER_APPEND` and `REQUEST_TIMED_OUT` of the wait.
//!   `INVALID_REQUIRED_ACKS` for all partitions that exist when `acks` is none of -1, 0 and 1.
//! * `acks=0` is not answered, but an error closes the connection, so that the client notices.
//! * `acks=-1` waits until the high watermark has passed the batch, or for `timeout_ms`.
//! * Source: KIP-98, KIP-467, KIP-516, KIP-951, <https://kafka.apache.org/protocol#The_Messages_Produce>.

use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::Park;
use crate::broker::outcome::RequestContext;
use crate::broker::outcome::Watch;
use crate::broker::outcome::Woken;
use crate::broker::state::State;
use crate::log::AppendError;
use crate::log::AppendOrigin;
use crate::log::LogAppendInfo;
use crate::wire::messages::produce::BatchIndexAndErrorMessage;
use crate::wire::messages::produce::LeaderIdAndEpoch;
use crate::wire::messages::produce::NodeEndpoint;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::PartitionProduceResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceResponse;

/// A partition whose high watermark has not passed the batch yet.
struct Pending {
    /// Where its row is in the response: topic, then partition.
    at: (usize, usize),
    topic: Uuid,
    partition: PartitionIndex,
    last_offset: Offset,
}

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: ProduceRequest) -> Outcome<ProduceResponse> {
    let acks = request.acks;
    let mut pending = Vec::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let found = state.topic_by_either(&topic.name, topic.topic_id, ctx.api_version >= 13);
        let mut rows = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let index = PartitionIndex(data.index);
            let appended = match found {
                Err(code) => Err(refusal(code)),
                Ok(id) if state.find_partition(id, index).is_none() => {
                    Err(refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
                }
                Ok(_) if !(-1..=1).contains(&acks) => Err(refusal(ErrorCode::INVALID_REQUIRED_ACKS)),
                Ok(id) => append(state, ctx, id, data, acks),
            };
            if let (Ok(info), Ok(topic)) = (&appended, found) {
                let at = (responses.len(), rows.len());
                pending.push(Pending { at, topic, partition: index, last_offset: info.last_offset });
            }
            rows.push(answer(state, ctx, found.ok(), index, appended));
        }
        responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses: rows,
            ..TopicProduceResponse::default()
        });
    }
    let hinted = responses.iter().flat_map(|topic| &topic.partition_responses).map(|row| row.current_leader.leader_id);
    let node_endpoints = state.brokers.leaders(hinted).map(|broker| NodeEndpoint {
        node_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(Into::into),
        ..NodeEndpoint::default()
    });
    let node_endpoints = node_endpoints.collect();
    let response = ProduceResponse { responses, node_endpoints, ..ProduceResponse::default() };
    match acks {
        -1 => wait(state, ctx, response, pending, request.timeout_ms),
        0 if has_errors(&response) => Outcome::Close("a produce request with acks=0 failed"),
        0 => Outcome::Silent,
        _ => Outcome::Reply(response),
    }
}

fn append(
    state: &mut State,
    ctx: &RequestContext,
    topic: Uuid,
    data: PartitionProduceData,
    acks: i16,
) -> Result<LogAppendInfo, AppendError> {
    let index = PartitionIndex(data.index);
    let log = state.partition_led_by(topic, index, ctx.broker).map_err(refusal)?;
    let records = data.records.unwrap_or_default().into_bytes();
    let origin = AppendOrigin::Client { produce_version: ctx.api_version };
    let info = log.append(ctx.broker, ctx.timestamp, &records, origin, acks)?;
    state.touch(Watch::Partition(topic, index));
    Ok(info)
}

fn refusal(code: ErrorCode) -> AppendError {
    AppendError::new(code, "")
}

/// The row of the response for one partition.
fn answer(
    state: &State,
    ctx: &RequestContext,
    topic: Option<Uuid>,
    index: PartitionIndex,
    appended: Result<LogAppendInfo, AppendError>,
) -> PartitionProduceResponse {
    match appended {
        Ok(info) => PartitionProduceResponse {
            index: index.0,
            base_offset: info.base_offset.0,
            log_append_time_ms: info.log_append_time.0,
            log_start_offset: info.log_start_offset.0,
            ..PartitionProduceResponse::default()
        },
        Err(error) => PartitionProduceResponse {
            index: index.0,
            error_code: error.code.code(),
            base_offset: -1,
            log_start_offset: error.log_start_offset.0,
            record_errors: error.record_errors.into_iter().map(row_of_record).collect(),
            error_message: error.message.map(Into::into),
            current_leader: hint(state, ctx, topic, index, error.code),
            ..PartitionProduceResponse::default()
        },
    }
}

fn row_of_record(error: crate::log::RecordError) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage {
        batch_index: error.batch_index,
        batch_index_error_message: Some(error.message.into()),
        ..BatchIndexAndErrorMessage::default()
    }
}

/// Who leads instead, for a client that asked the wrong broker (KIP-951).
fn hint(
    state: &State,
    ctx: &RequestContext,
    topic: Option<Uuid>,
    index: PartitionIndex,
    code: ErrorCode,
) -> LeaderIdAndEpoch {
    match topic {
        Some(topic) if code == ErrorCode::NOT_LEADER_OR_FOLLOWER && ctx.api_version >= 10 => {
            let (leader_id, leader_epoch) = state.leader_of(topic, index);
            LeaderIdAndEpoch { leader_id, leader_epoch, ..LeaderIdAndEpoch::default() }
        }
        _ => LeaderIdAndEpoch::default(),
    }
}

fn has_errors(response: &ProduceResponse) -> bool {
    response.responses.iter().flat_map(|topic| &topic.partition_responses).any(|row| row.error_code != 0)
}

/// Answers when every high watermark has passed, or marks those that have not in time.
fn wait(
    state: &State,
    ctx: &RequestContext,
    response: ProduceResponse,
    pending: Vec<Pending>,
    timeout_ms: i32,
) -> Outcome<ProduceResponse> {
    let deadline = ctx.now.plus_ms(timeout_ms.into());
    settle(state, response, pending, deadline, Woken::Changed)
}

fn settle(
    state: &State,
    mut response: ProduceResponse,
    mut pending: Vec<Pending>,
    deadline: crate::base::Instant,
    woken: Woken,
) -> Outcome<ProduceResponse> {
    pending.retain(|batch| match state.acknowledged(batch.topic, batch.partition, batch.last_offset) {
        Some(Ok(())) => false,
        None if woken == Woken::Changed => true,
        outcome => {
            let code = outcome.and_then(Result::err).unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
            let row = &mut response.responses[batch.at.0].partition_responses[batch.at.1];
            // The offset stays: the records are in the leader's log.
            row.error_code = code.code();
            false
        }
    });
    if pending.is_empty() {
        return Outcome::Reply(response);
    }
    Outcome::Park(Park {
        watch: pending.iter().map(|batch| Watch::Partition(batch.topic, batch.partition)).collect(),
        deadline,
        resume: Box::new(move |state, _, woken| settle(state, response, pending, deadline, woken)),
    })
}
