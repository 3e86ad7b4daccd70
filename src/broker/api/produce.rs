//! `Produce` (key 0): append record batches to partitions.
//!
//! * Needs `WRITE` on each topic.
//! * Errors of the whole request: `TRANSACTIONAL_ID_AUTHORIZATION_FAILED` (records of a transaction, but no
//!   transactional id), `INVALID_PRODUCER_ID_MAPPING` (transactions of two producers). Per partition, in Kafka's order: `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`,
//!   `NOT_LEADER_OR_FOLLOWER`, then those of the append (`CORRUPT_MESSAGE`, `INVALID_RECORD`, `MESSAGE_TOO_LARGE`,
//!   `INVALID_TIMESTAMP`, `UNSUPPORTED_COMPRESSION_TYPE`, `OUT_OF_ORDER_SEQUENCE_NUMBER`, `INVALID_PRODUCER_EPOCH`,
//!   `NOT_ENOUGH_REPLICAS`), then `NOT_ENOUGH_REPLICAS_AFTER_APPEND` and `REQUEST_TIMED_OUT` of the wait.
//!   `INVALID_REQUIRED_ACKS` for all partitions that exist when `acks` is none of -1, 0 and 1.
//! * The first records of a transaction in a partition are verified with its coordinator, or from version 12 on add the
//!   partition to it: `INVALID_PRODUCER_EPOCH`, `INVALID_PRODUCER_ID_MAPPING`, `NOT_ENOUGH_REPLICAS` (the coordinator
//!   cannot be asked now), `INVALID_TXN_STATE` or from version 11 on `TRANSACTION_ABORTABLE` (not in the transaction),
//!   and from version 12 on `CONCURRENT_TRANSACTIONS` (the one before is still being completed).
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
use crate::broker::verification::Operation;
use crate::broker::verification::Verified;
use crate::broker::verification::Verifying;
use crate::broker::verification::verify;
use crate::coordinator::Producer;
use crate::log::AppendError;
use crate::log::AppendOrigin;
use crate::log::LogAppendInfo;
use crate::log::Verification;
use crate::wire::batch::BatchHeader;
use crate::wire::messages::produce::BatchIndexAndErrorMessage;
use crate::wire::messages::produce::LeaderIdAndEpoch;
use crate::wire::messages::produce::NodeEndpoint;
use crate::wire::messages::produce::PartitionProduceData;
use crate::wire::messages::produce::PartitionProduceResponse;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::produce::ProduceResponse;
use crate::wire::messages::produce::TopicProduceData;
use crate::wire::messages::produce::TopicProduceResponse;
use std::collections::BTreeMap;

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
    if request.transactional_id.is_none() && request.topic_data.iter().any(has_transactional_records) {
        return match acks {
            0 => Outcome::Close("a produce request with acks=0 failed"),
            _ => Outcome::Reply(refuse(&request, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)),
        };
    }
    let wanted = match transactional_batches(state, ctx, &request) {
        Ok(wanted) => wanted,
        Err(code) if acks == 0 => return failed_silently(code),
        Err(code) => return Outcome::Reply(refuse(&request, code)),
    };
    match wanted {
        None => append_all(state, ctx, request, &Verified::new()),
        Some(verifying) => verify(state, ctx, verifying)
            .then(state, ctx, move |state, ctx, verified| append_all(state, ctx, request, &verified)),
    }
}

fn failed_silently(_: ErrorCode) -> Outcome<ProduceResponse> {
    Outcome::Close("a produce request with acks=0 failed")
}

/// What of the request must be verified with the transaction's coordinator.
///
/// # Errors
/// `INVALID_PRODUCER_ID_MAPPING` for the batches of two producers.
fn transactional_batches(
    state: &State,
    ctx: &RequestContext,
    request: &ProduceRequest,
) -> Result<Option<Verifying>, ErrorCode> {
    let mut producer = None;
    let mut base_sequences = BTreeMap::new();
    for topic in &request.topic_data {
        let found = state.topic_by_either(&topic.name, topic.topic_id, ctx.api_version >= 13);
        for data in &topic.partition_data {
            let Ok(id) = found else { continue };
            let at = (id, PartitionIndex(data.index));
            let records = data.records.as_ref().and_then(|records| records.slices().first());
            let header = records.and_then(|bytes| BatchHeader::read(bytes).ok());
            let header = header.filter(|header| header.has_producer_id() && header.is_transactional());
            let Some(header) = header.filter(|_| state.find_partition(at.0, at.1).is_some()) else { continue };
            let this = Producer { id: header.producer_id, epoch: header.producer_epoch };
            if producer.is_some_and(|producer| producer != this) {
                return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
            }
            producer = Some(this);
            base_sequences.insert(at, header.base_sequence);
        }
    }
    let (Some(producer), Some(transactional_id)) = (producer, request.transactional_id.clone()) else {
        return Ok(None);
    };
    let operation = Operation::of_produce(ctx.api_version);
    Ok(Some(Verifying { transactional_id, producer, operation, base_sequences, since: ctx.now }))
}

/// Appends what may be appended, each partition for itself.
fn append_all(
    state: &mut State,
    ctx: &RequestContext,
    request: ProduceRequest,
    verified: &Verified,
) -> Outcome<ProduceResponse> {
    let acks = request.acks;
    let operation = Operation::of_produce(ctx.api_version);
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
                Ok(id) => match verified.get(&(id, index)).copied().unwrap_or(Ok(Verification::Off)) {
                    Err(code) => Err(unverified(code, operation)),
                    Ok(_) if !(-1..=1).contains(&acks) => Err(refusal(ErrorCode::INVALID_REQUIRED_ACKS)),
                    Ok(verification) => append(state, ctx, id, data, acks, verification),
                },
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

/// Looks at the first batch of each partition, as far as there is one.
fn has_transactional_records(topic: &TopicProduceData) -> bool {
    let mut records = topic.partition_data.iter().filter_map(|data| data.records.as_ref()?.slices().first());
    records.any(|bytes| BatchHeader::read(bytes).is_ok_and(|header| header.is_transactional()))
}

/// Refuses each partition of the request.
pub(super) fn refuse(request: &ProduceRequest, code: ErrorCode) -> ProduceResponse {
    let row = |data: &PartitionProduceData| PartitionProduceResponse {
        index: data.index,
        error_code: code.code(),
        base_offset: -1,
        log_start_offset: -1,
        ..PartitionProduceResponse::default()
    };
    let responses = request.topic_data.iter().map(|topic| TopicProduceResponse {
        partition_responses: topic.partition_data.iter().map(row).collect(),
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        ..TopicProduceResponse::default()
    });
    ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() }
}

fn append(
    state: &mut State,
    ctx: &RequestContext,
    topic: Uuid,
    data: PartitionProduceData,
    acks: i16,
    verification: Verification,
) -> Result<LogAppendInfo, AppendError> {
    let index = PartitionIndex(data.index);
    let unknown = state.release().refuses_unknown_producers();
    let log = state.partition_led_by(topic, index, ctx.broker).map_err(refusal)?;
    let records = data.records.unwrap_or_default().into_bytes();
    if let (Some(code), Ok(header)) = (unknown, BatchHeader::read(&records)) {
        let producers = log.leader_replica().map(|leader| leader.log().producers());
        let is_known = producers.is_some_and(|producers| producers.get(header.producer_id).is_some());
        if header.has_producer_id() && header.base_sequence > 0 && !is_known {
            return Err(refusal(code));
        }
    }
    let origin = AppendOrigin::Client { produce_version: ctx.api_version };
    let info = log.append_verified(ctx.broker, ctx.timestamp, &records, origin, acks, verification)?;
    state.touch(Watch::Partition(topic, index));
    Ok(info)
}

/// What a producer is told when its transaction could not be verified.
///
/// Source: `ReplicaManager.handleProduceAppend`.
fn unverified(code: ErrorCode, operation: Operation) -> AppendError {
    let is_concurrent = code == ErrorCode::CONCURRENT_TRANSACTIONS && operation != Operation::AddPartition;
    let (code, message) = match code {
        ErrorCode::INVALID_TXN_STATE => (code, Some("Partition was not added to the transaction".to_owned())),
        ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR => (ErrorCode::NOT_ENOUGH_REPLICAS, Some(not_verified(code))),
        ErrorCode::CONCURRENT_TRANSACTIONS if is_concurrent => {
            (ErrorCode::NOT_ENOUGH_REPLICAS, Some(not_verified(code)))
        }
        code => (code, None),
    };
    AppendError { message, ..refusal(code) }
}

fn not_verified(code: ErrorCode) -> String {
    format!("Unable to verify the partition has been added to the transaction. Underlying error: {code}")
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
    settle(state, ctx, response, pending, deadline, Woken::Changed)
}

fn settle(
    state: &State,
    ctx: &RequestContext,
    mut response: ProduceResponse,
    mut pending: Vec<Pending>,
    deadline: crate::base::Instant,
    woken: Woken,
) -> Outcome<ProduceResponse> {
    pending.retain(|batch| match state.acknowledged(batch.topic, batch.partition, ctx.broker, batch.last_offset) {
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
        resume: Box::new(move |state, ctx, woken| settle(state, ctx, response, pending, deadline, woken)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerId;
    use crate::base::ProducerEpoch;
    use crate::base::ProducerId;
    use crate::broker::api::testing::Answer;
    use crate::broker::api::testing::START_TIME;
    use crate::broker::api::testing::TestCluster;
    use crate::broker::api::testing::batch;
    use crate::config::NewTopic;
    use crate::wire::batch::BatchBuilder;
    use crate::wire::codec::Records;

    fn request(cluster: &TestCluster, version: i16, acks: i16, rows: &[(&str, i32, &[&str])]) -> ProduceRequest {
        let topic_data = rows.iter().map(|(name, index, values)| TopicProduceData {
            name: if version < 13 { (*name).into() } else { "".into() },
            topic_id: match cluster.engine.state.topics.get(name) {
                Some(topic) if version >= 13 => topic.id,
                _ => Uuid::ZERO,
            },
            partition_data: vec![PartitionProduceData {
                index: *index,
                records: Some(Records::from(batch(values).to_bytes())),
                ..PartitionProduceData::default()
            }],
            ..TopicProduceData::default()
        });
        ProduceRequest { acks, timeout_ms: 1000, topic_data: topic_data.collect(), ..ProduceRequest::default() }
    }

    /// Partition, error and base offset of each row.
    fn rows(response: &ProduceResponse) -> Vec<(i32, ErrorCode, i64)> {
        let rows = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        rows.map(|row| (row.index, ErrorCode::new(row.error_code), row.base_offset)).collect()
    }

    fn count(cluster: &TestCluster, topic: &str) -> usize {
        cluster.engine.batches(topic, PartitionIndex(0)).len()
    }

    #[test]
    fn an_old_broker_wants_to_know_its_producers() {
        let check = |release: &str, version: i16, expected: ErrorCode| {
            let mut cluster = TestCluster::of_release(release, 1, &[]).topic("a", 1, 1);
            let mut asked = request(&cluster, version, 1, &[("a", 0, &["x"])]);
            let mut batch = BatchBuilder::new().producer(ProducerId(7), ProducerEpoch(0), 5);
            batch.append(START_TIME, None, Some(b"x"), &[]);
            let records = Records::from(batch.build().unwrap().to_bytes());
            asked.topic_data[0].partition_data[0].records = Some(records);
            assert_eq!(rows(&cluster.ask(version, asked))[0].1, expected, "{release}");
        };
        check("0.11", 3, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        check("1.1", 5, ErrorCode::UNKNOWN_PRODUCER_ID);
        check("2.8", 9, ErrorCode::NONE);
        check("latest", 12, ErrorCode::NONE);
    }

    #[test]
    fn each_version_appends_and_tells_the_offset() {
        for version in 3..=13 {
            for acks in [1, -1] {
                let mut cluster = TestCluster::new(3).topic("a", 1, 3);
                for base_offset in [0, 2] {
                    let asked = request(&cluster, version, acks, &[("a", 0, &["x", "y"])]);
                    let response = cluster.ask(version, asked);
                    assert_eq!(rows(&response), [(0, ErrorCode::NONE, base_offset)], "{version} {acks}");
                    let row = &response.responses[0].partition_responses[0];
                    let log_start_offset = if version >= 5 { 0 } else { -1 };
                    assert_eq!((row.log_append_time_ms, row.log_start_offset), (-1, log_start_offset));
                    assert_eq!((&row.error_message, row.record_errors.len()), (&None, 0));
                }
                assert_eq!(count(&cluster, "a"), 2);
            }
        }
    }

    #[test]
    fn log_append_time_is_told() {
        let mut cluster = TestCluster::new(1);
        let topic = NewTopic::new("a").partitions(1).config("message.timestamp.type", "LogAppendTime");
        cluster.engine.create_topic(cluster.now, topic).unwrap();
        cluster.pass_ms(7);
        let asked = request(&cluster, 9, 1, &[("a", 0, &["x"])]);
        let response = cluster.ask(9, asked);
        assert_eq!(response.responses[0].partition_responses[0].log_append_time_ms, START_TIME.0 + 7);
    }

    #[test]
    fn no_acks_no_answer_and_an_error_closes_the_connection() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let producer = cluster.connect(1);
        let asked = request(&cluster, 9, 0, &[("a", 0, &["x"])]);
        assert_eq!(cluster.send(producer, 9, asked), Answer::Silent);
        assert_eq!(count(&cluster, "a"), 1);
        let asked = request(&cluster, 9, 0, &[("absent", 0, &["x"]), ("a", 0, &["x"])]);
        let closed = Answer::Closed("a produce request with acks=0 failed".to_owned());
        assert_eq!(cluster.send(producer, 9, asked), closed);
        assert_eq!(count(&cluster, "a"), 2);
        // What a client sent before it noticed is not looked at.
        let late = request(&cluster, 9, 1, &[("a", 0, &["late"])]);
        assert_eq!(cluster.send(producer, 9, late), Answer::Waiting);
        assert_eq!(count(&cluster, "a"), 2);
    }

    #[test]
    fn each_refusal_has_kafkas_code_and_one_does_not_hold_up_the_others() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 1);
        let mut check = |broker: i32, version: i16, acks: i16, row: (&str, i32), expected: ErrorCode| {
            let asked = request(&cluster, version, acks, &[(row.0, row.1, &["x"])]);
            let response = cluster.ask_broker(broker, version, asked);
            assert_eq!(rows(&response), [(row.1, expected, -1)]);
            let row = &response.responses[0].partition_responses[0];
            assert_eq!((row.log_append_time_ms, row.log_start_offset), (-1, -1));
            let hinted = expected == ErrorCode::NOT_LEADER_OR_FOLLOWER && version >= 10;
            let hint = if hinted { (1, 0) } else { (-1, -1) };
            assert_eq!((row.current_leader.leader_id, row.current_leader.leader_epoch), hint);
            let endpoints: Vec<_> =
                response.node_endpoints.iter().map(|node| (node.node_id, &*node.host, node.port)).collect();
            assert_eq!(endpoints, if hinted { vec![(1, "broker-1", 9091)] } else { vec![] });
        };
        check(1, 12, 1, ("absent", 0), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, 13, 1, ("absent", 0), ErrorCode::UNKNOWN_TOPIC_ID);
        check(1, 13, 1, ("a", 1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(2, 9, 1, ("a", 0), ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(2, 10, -1, ("a", 0), ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(1, 9, 2, ("a", 0), ErrorCode::INVALID_REQUIRED_ACKS);
        check(2, 9, -2, ("a", 0), ErrorCode::INVALID_REQUIRED_ACKS);
        check(1, 9, 2, ("a", 1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(count(&cluster, "a"), 0);
        let asked = request(&cluster, 9, 1, &[("absent", 0, &["x"]), ("a", 0, &["x"])]);
        let expected = [(0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1), (0, ErrorCode::NONE, 0)];
        assert_eq!(rows(&cluster.ask(9, asked)), expected);
    }

    #[test]
    fn a_damaged_batch_is_not_appended() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut bytes = batch(&["x"]).to_bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let mut asked = request(&cluster, 9, 1, &[("a", 0, &["x"])]);
        asked.topic_data[0].partition_data[0].records = Some(Records::from(bytes::Bytes::from(bytes)));
        assert_eq!(rows(&cluster.ask(9, asked)), [(0, ErrorCode::CORRUPT_MESSAGE, -1)]);
        assert_eq!(count(&cluster, "a"), 0);
    }

    #[test]
    fn records_of_a_transaction_need_a_transactional_id() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut builder = BatchBuilder::new().producer(ProducerId(1), ProducerEpoch(0), 0).transactional(true);
        builder.append(START_TIME, None, Some(b"x"), &[]);
        let mut asked = request(&cluster, 9, 1, &[("a", 0, &["x"]), ("absent", 0, &["y"])]);
        asked.topic_data[1].partition_data[0].records = Some(Records::from(builder.build().unwrap().to_bytes()));
        let refused = (0, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1);
        assert_eq!(rows(&cluster.ask(9, asked.clone())), [refused, refused]);
        let producer = cluster.connect(1);
        let closed = Answer::Closed("a produce request with acks=0 failed".to_owned());
        assert_eq!(cluster.send(producer, 9, ProduceRequest { acks: 0, ..asked }), closed);
        assert_eq!(count(&cluster, "a"), 0);
    }

    #[test]
    fn a_senseless_magic_is_named() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut check = |magic: u8, code: ErrorCode, message: Option<&str>| {
            let mut bytes = batch(&["x"]).to_bytes().to_vec();
            bytes[16] = magic;
            let mut asked = request(&cluster, 9, 1, &[("a", 0, &["x"])]);
            asked.topic_data[0].partition_data[0].records = Some(Records::from(bytes::Bytes::from(bytes)));
            let response = cluster.ask(9, asked);
            assert_eq!(rows(&response), [(0, code, -1)]);
            assert_eq!(response.responses[0].partition_responses[0].error_message.as_deref(), message);
        };
        check(3, ErrorCode::CORRUPT_MESSAGE, Some("Invalid magic found in record: 3"));
        check(1, ErrorCode::INVALID_RECORD, None);
    }

    #[test]
    fn acks_all_waits_for_the_in_sync_replicas() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        let at = (cluster.engine.state.topics.get("a").unwrap().id, PartitionIndex(0));
        cluster.engine.state.partitions.get_mut(&at).unwrap().set_replicating(BrokerId(2), false);
        let producer = cluster.connect(1);
        let asked = request(&cluster, 9, -1, &[("a", 0, &["x"])]);
        assert_eq!(cluster.send(producer, 9, asked), Answer::Waiting);
        // The leader alone has it, which is enough for others.
        let asked = request(&cluster, 9, 1, &[("a", 0, &["y"])]);
        assert_eq!(rows(&cluster.ask(9, asked)), [(0, ErrorCode::NONE, 1)]);
        assert_eq!(cluster.received::<ProduceResponse>(producer), Answer::Waiting);
        let log = cluster.engine.state.partitions.get_mut(&at).unwrap();
        log.set_replicating(BrokerId(2), true);
        log.replicate();
        cluster.engine.state.touch(Watch::Partition(at.0, at.1));
        cluster.engine.wake_touched(cluster.now);
        assert_eq!(rows(&cluster.received(producer).response()), [(0, ErrorCode::NONE, 0)]);
    }

    #[test]
    fn acks_all_gives_up_in_time_and_keeps_the_offset() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        let at = (cluster.engine.state.topics.get("a").unwrap().id, PartitionIndex(0));
        cluster.engine.state.partitions.get_mut(&at).unwrap().set_replicating(BrokerId(2), false);
        let producer = cluster.connect(1);
        let asked = request(&cluster, 9, -1, &[("a", 0, &["x"])]);
        assert_eq!(cluster.send(producer, 9, asked), Answer::Waiting);
        cluster.pass_ms(999);
        assert_eq!(cluster.received::<ProduceResponse>(producer), Answer::Waiting);
        cluster.pass_ms(1);
        assert_eq!(rows(&cluster.received(producer).response()), [(0, ErrorCode::REQUEST_TIMED_OUT, 0)]);
    }

    #[test]
    fn too_few_in_sync_replicas_are_refused_before_the_append() {
        let mut cluster = TestCluster::new(3);
        let topic = NewTopic::new("a").partitions(1).replication_factor(3).config("min.insync.replicas", "2");
        cluster.engine.create_topic(cluster.now, topic).unwrap();
        let at = (cluster.engine.state.topics.get("a").unwrap().id, PartitionIndex(0));
        cluster.engine.state.partitions.get_mut(&at).unwrap().set_isr(&[BrokerId(1)]);
        let asked = request(&cluster, 9, -1, &[("a", 0, &["x"])]);
        assert_eq!(rows(&cluster.ask(9, asked)), [(0, ErrorCode::NOT_ENOUGH_REPLICAS, -1)]);
        let asked = request(&cluster, 9, 1, &[("a", 0, &["x"])]);
        assert_eq!(rows(&cluster.ask(9, asked)), [(0, ErrorCode::NONE, 0)]);
    }

    #[test]
    fn a_record_without_a_key_is_named_when_the_topic_is_compacted() {
        let mut cluster = TestCluster::new(1);
        let topic = NewTopic::new("a").partitions(1).config("cleanup.policy", "compact");
        cluster.engine.create_topic(cluster.now, topic).unwrap();
        let mut check = |version: i16, errors: usize| {
            let asked = request(&cluster, version, 1, &[("a", 0, &["x", "y"])]);
            let response = cluster.ask(version, asked);
            assert_eq!(rows(&response), [(0, ErrorCode::INVALID_RECORD, -1)], "{version}");
            let row = &response.responses[0].partition_responses[0];
            let indexes: Vec<i32> = row.record_errors.iter().map(|error| error.batch_index).collect();
            assert_eq!(indexes, (0..).take(errors).collect::<Vec<i32>>());
            assert_eq!(row.error_message.is_some(), version >= 8);
        };
        check(8, 2);
        check(13, 2);
    }
}
