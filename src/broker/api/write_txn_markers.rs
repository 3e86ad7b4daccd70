//! `WriteTxnMarkers` (key 27): end transactions in partitions, as a transaction coordinator does.
//!
//! * Needs `ALTER` or `CLUSTER_ACTION` on the cluster.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`,
//!   `NOT_ENOUGH_REPLICAS`, `INVALID_PRODUCER_EPOCH`, `TRANSACTION_COORDINATOR_FENCED`, `REQUEST_TIMED_OUT`.
//! * Answers when each marker is replicated.
//! * Source: KIP-98, KIP-890, <https://kafka.apache.org/protocol#The_Messages_WriteTxnMarkers>.

use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerEpoch;
use crate::base::ProducerId;
use crate::base::Uuid;
use crate::broker::effects::TransactionMarker;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::Park;
use crate::broker::outcome::RequestContext;
use crate::broker::outcome::Watch;
use crate::broker::outcome::Woken;
use crate::broker::state::State;
use crate::coordinator::Producer;
use crate::wire::messages::write_txn_markers::WritableTxnMarkerPartitionResult;
use crate::wire::messages::write_txn_markers::WritableTxnMarkerResult;
use crate::wire::messages::write_txn_markers::WritableTxnMarkerTopicResult;
use crate::wire::messages::write_txn_markers::WriteTxnMarkersRequest;
use crate::wire::messages::write_txn_markers::WriteTxnMarkersResponse;

/// A marker that is not replicated yet, and where its row is in the response.
struct Pending {
    at: (usize, usize, usize),
    topic: Uuid,
    partition: PartitionIndex,
    offset: Offset,
}

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: WriteTxnMarkersRequest,
) -> Outcome<WriteTxnMarkersResponse> {
    let mut response = refuse(&request, ErrorCode::NONE);
    let mut pending = Vec::new();
    for (m, asked) in request.markers.iter().enumerate() {
        let producer = Producer { id: ProducerId(asked.producer_id), epoch: ProducerEpoch(asked.producer_epoch) };
        let marker = TransactionMarker {
            producer,
            committed: asked.transaction_result,
            coordinator_epoch: asked.coordinator_epoch,
            transaction_version: asked.transaction_version.into(),
        };
        for (t, topic) in asked.topics.iter().enumerate() {
            for (p, index) in topic.partition_indexes.iter().enumerate() {
                let partition = PartitionIndex(*index);
                let written = state.topic_by_either(&topic.name, Uuid::ZERO, false).and_then(|id| {
                    // Who has no replica does not know of the partition at all.
                    let hosted = state.partition_hosted_by(id, partition, ctx.broker).map(drop);
                    hosted.map_err(|_| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                    Ok((id, state.write_marker(ctx.now, ctx.broker, id, partition, &marker)?))
                });
                match written {
                    Ok((topic, offset)) => pending.push(Pending { at: (m, t, p), topic, partition, offset }),
                    Err(code) => set(&mut response, (m, t, p), code),
                }
            }
        }
    }
    let deadline = ctx.now.plus_ms(state.broker_config(ctx.broker).request_timeout_ms.into());
    settle(state, ctx, response, pending, deadline, Woken::Changed)
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &WriteTxnMarkersRequest, code: ErrorCode) -> WriteTxnMarkersResponse {
    let markers = request.markers.iter().map(|marker| {
        let topics = marker.topics.iter().map(|topic| {
            let rows = topic.partition_indexes.iter().map(|index| WritableTxnMarkerPartitionResult {
                partition_index: *index,
                error_code: code.code(),
                ..WritableTxnMarkerPartitionResult::default()
            });
            WritableTxnMarkerTopicResult {
                name: topic.name.clone(),
                partitions: rows.collect(),
                ..WritableTxnMarkerTopicResult::default()
            }
        });
        WritableTxnMarkerResult {
            producer_id: marker.producer_id,
            topics: topics.collect(),
            ..WritableTxnMarkerResult::default()
        }
    });
    WriteTxnMarkersResponse { markers: markers.collect(), ..WriteTxnMarkersResponse::default() }
}

fn set(response: &mut WriteTxnMarkersResponse, (m, t, p): (usize, usize, usize), code: ErrorCode) {
    response.markers[m].topics[t].partitions[p].error_code = code.code();
}

/// Answers when every marker is replicated, or says of the others that they are not.
fn settle(
    state: &State,
    ctx: &RequestContext,
    mut response: WriteTxnMarkersResponse,
    mut pending: Vec<Pending>,
    deadline: Instant,
    woken: Woken,
) -> Outcome<WriteTxnMarkersResponse> {
    pending.retain(|marker| match state.acknowledged(marker.topic, marker.partition, ctx.broker, marker.offset) {
        Some(Ok(())) => false,
        None if woken == Woken::Changed => true,
        outcome => {
            let code = outcome.and_then(Result::err).unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
            set(&mut response, marker.at, code);
            false
        }
    });
    if pending.is_empty() {
        return Outcome::Reply(response);
    }
    Outcome::Park(Park {
        watch: pending.iter().map(|marker| Watch::Partition(marker.topic, marker.partition)).collect(),
        deadline,
        resume: Box::new(move |state, ctx, woken| settle(state, ctx, response, pending, deadline, woken)),
    })
}
