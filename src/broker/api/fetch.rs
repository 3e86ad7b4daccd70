//! `Fetch` (key 1): read record batches from partitions, waiting for them if asked.
//!
//! * Needs `READ` on each topic.
//! * Errors of the whole request: `UNKNOWN_SERVER_ERROR` (an isolation level that there is not),
//!   `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`, `FETCH_SESSION_TOPIC_ID_ERROR`. Per partition, in Kafka's order: `UNKNOWN_TOPIC_ID`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`,
//!   `OFFSET_OUT_OF_RANGE`.
//! * Waits until `min_bytes` can be read, a partition fails, or `max_wait_ms` have passed. The first batch of the
//!   answer comes whole even if it is larger than the limits.
//! * Source: KIP-227, KIP-320, KIP-392, KIP-516, KIP-595, <https://kafka.apache.org/protocol#The_Messages_Fetch>.

use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Uuid;
use crate::broker::fetch_session::Plan;
use crate::broker::fetch_session::Wanted;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::Park;
use crate::broker::outcome::RequestContext;
use crate::broker::outcome::Watch;
use crate::broker::outcome::Woken;
use crate::broker::state::State;
use crate::log::Isolation;
use crate::log::ReadLimit;
use crate::wire::codec::Records;
use crate::wire::messages::fetch::AbortedTransaction;
use crate::wire::messages::fetch::EpochEndOffset;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchResponse;
use crate::wire::messages::fetch::FetchableTopicResponse;
use crate::wire::messages::fetch::LeaderIdAndEpoch;
use crate::wire::messages::fetch::NodeEndpoint;
use crate::wire::messages::fetch::PartitionData;
use bytestring::ByteString;

/// A fetch that has been read and may have to wait.
struct Fetching {
    plan: Plan,
    isolation: Isolation,
    min_bytes: usize,
    max_bytes: usize,
    deadline: Instant,
    rack: ByteString,
}

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: FetchRequest) -> Outcome<FetchResponse> {
    if !(0..=1).contains(&request.isolation_level) {
        return Outcome::Reply(refuse(&request, ErrorCode::UNKNOWN_SERVER_ERROR));
    }
    let plan = match state.begin_fetch(ctx, &request) {
        Ok(plan) => plan,
        Err(code) => {
            return Outcome::Reply(refused_session(code));
        }
    };
    let limit = state.broker_config(ctx.broker).fetch_max_bytes;
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0).min(limit);
    let fetching = Fetching {
        plan,
        isolation: if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted },
        // An answer that is full does not wait for more.
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0).min(max_bytes),
        max_bytes,
        deadline: ctx.now.plus_ms(request.max_wait_ms.into()),
        rack: request.rack_id,
    };
    let woken = if request.max_wait_ms <= 0 { Woken::Expired } else { Woken::Changed };
    fetch(state, ctx, fetching, woken)
}

/// Refuses the request as a whole and each partition in it.
pub(super) fn refuse(request: &FetchRequest, code: ErrorCode) -> FetchResponse {
    let responses = request.topics.iter().map(|topic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(|asked| failed(asked.partition, code)).collect(),
        ..FetchableTopicResponse::default()
    });
    FetchResponse { error_code: code.code(), responses: responses.collect(), ..FetchResponse::default() }
}

/// An answer that says what is wrong with a session, and nothing else.
pub(in crate::broker) fn refused_session(code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}

/// A row without anything but its error, as Kafka makes it where it has not come as far as the log.
fn failed(partition_index: i32, code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code: code.code(),
        high_watermark: -1,
        aborted_transactions: Some(Vec::new()),
        records: Some(Records::EMPTY),
        ..PartitionData::default()
    }
}

/// Reads everything once; answers if that is enough, else waits for any of the partitions to change.
fn fetch(state: &mut State, ctx: &RequestContext, mut fetching: Fetching, woken: Woken) -> Outcome<FetchResponse> {
    let mut rows = Vec::with_capacity(fetching.plan.partitions.len());
    let mut size: usize = 0;
    let mut at_once = fetching.plan.partitions.is_empty() || woken == Woken::Expired;
    for (wanted, asked) in &fetching.plan.partitions {
        let limit = ReadLimit {
            max_bytes: usize::try_from(asked.partition_max_bytes)
                .unwrap_or(0)
                .min(fetching.max_bytes.saturating_sub(size)),
            min_one: size == 0 && !state.has(BrokerMutant::ServesNoOversized),
        };
        let mut row = read(state, ctx, wanted, asked, fetching.isolation, limit);
        if let Some(preferred) = preferred(state, ctx, wanted, asked, &fetching.rack).filter(|_| row.error_code == 0) {
            row.preferred_read_replica = preferred.0;
            row.records = Some(Records::EMPTY);
            at_once = true;
        }
        at_once |= row.error_code != 0 || row.diverging_epoch.end_offset != -1;
        size = size.saturating_add(row.records.as_ref().map_or(0, Records::len));
        rows.push((wanted.clone(), row));
    }
    if at_once || size >= fetching.min_bytes {
        let rows = state.sessions_of(ctx.broker).finish(&fetching.plan, rows);
        return Outcome::Reply(respond(state, fetching.plan.session, rows));
    }
    let watch = fetching.plan.partitions.iter().filter_map(|(wanted, _)| {
        let topic = state.topic_by_either(&wanted.name, wanted.id, ctx.api_version >= 13).ok()?;
        Some(Watch::Partition(topic, PartitionIndex(wanted.partition)))
    });
    let watch = watch.collect();
    if state.has(BrokerMutant::ReadsHighWatermarkTwice) {
        fetching.isolation = Isolation::ReadUncommitted;
    }
    Outcome::Park(Park {
        watch,
        deadline: fetching.deadline,
        resume: Box::new(move |state, ctx, woken| fetch(state, ctx, fetching, woken)),
    })
}

/// The replica that the consumer should read from instead.
fn preferred(
    state: &State,
    ctx: &RequestContext,
    wanted: &Wanted,
    asked: &FetchPartition,
    rack: &str,
) -> Option<BrokerId> {
    if rack.is_empty() || ctx.api_version < 11 {
        return None;
    }
    let topic = state.topic_by_either(&wanted.name, wanted.id, ctx.api_version >= 13).ok()?;
    state.preferred_read_replica(ctx, topic, PartitionIndex(wanted.partition), rack, Offset(asked.fetch_offset))
}

/// The row of one partition.
fn read(
    state: &State,
    ctx: &RequestContext,
    wanted: &Wanted,
    asked: &FetchPartition,
    isolation: Isolation,
    limit: ReadLimit,
) -> PartitionData {
    match try_read(state, ctx, wanted, asked, isolation, limit) {
        Ok(row) => row,
        Err((code @ (ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), _)) => {
            failed(wanted.partition, code)
        }
        Err((code, topic)) => PartitionData {
            current_leader: topic.map_or_else(LeaderIdAndEpoch::default, |topic| hint(state, ctx, topic, wanted, code)),
            aborted_transactions: None,
            ..failed(wanted.partition, code)
        },
    }
}

fn try_read(
    state: &State,
    ctx: &RequestContext,
    wanted: &Wanted,
    asked: &FetchPartition,
    isolation: Isolation,
    limit: ReadLimit,
) -> Result<PartitionData, (ErrorCode, Option<Uuid>)> {
    let by_id = ctx.api_version >= 13;
    let topic = state.topic_by_either(&wanted.name, wanted.id, by_id).map_err(|code| (code, None))?;
    let refuse = |code| (code, Some(topic));
    let index = PartitionIndex(wanted.partition);
    let injected = ctx.refused.as_ref().and_then(|refused| {
        let name = state.topics.by_id(topic)?.name.as_str();
        refused.code_for(name, wanted.partition)
    });
    if let Some(code) = injected {
        return Err(refuse(code));
    }
    let log = state.partition_hosted_by(topic, index, ctx.broker).map_err(refuse)?;
    let current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
    // Consumers may read from followers since version 11 (KIP-392).
    if ctx.api_version >= 11 {
        log.check_epoch(current_leader_epoch).map_err(refuse)?;
    } else {
        log.check_leader(ctx.broker, current_leader_epoch).map_err(refuse)?;
    }
    let replica = log.replica(ctx.broker).ok_or_else(|| refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER))?;
    let mut row = PartitionData {
        partition_index: wanted.partition,
        high_watermark: replica.high_watermark().0,
        last_stable_offset: replica.last_stable_offset().0,
        log_start_offset: replica.log().log_start_offset().0,
        // Null says "not asked for"; an empty list says that nothing is aborted.
        aborted_transactions: (isolation == Isolation::ReadCommitted).then(Vec::new),
        records: Some(Records::EMPTY),
        ..PartitionData::default()
    };
    let from = Offset(asked.fetch_offset);
    let diverging = log.diverging_epoch(ctx.broker, LeaderEpoch(asked.last_fetched_epoch), from).map_err(refuse)?;
    if let Some(diverging) = diverging {
        row.diverging_epoch = EpochEndOffset {
            epoch: diverging.leader_epoch.0,
            end_offset: diverging.end_offset.0,
            ..EpochEndOffset::default()
        };
        return Ok(row);
    }
    let read = log.read(ctx.broker, from, isolation, limit).map_err(refuse)?;
    if let Some(aborted) = &mut row.aborted_transactions {
        let found = replica.log().aborted_transactions(from, read.next_offset);
        aborted.extend(found.map(|found| AbortedTransaction {
            producer_id: found.producer_id.0,
            first_offset: found.first_offset.0,
            ..AbortedTransaction::default()
        }));
    }
    row.records = Some(Records::from_slices(read.slices));
    Ok(row)
}

/// Who leads, for a client that asked the wrong broker or has an old epoch (KIP-951).
fn hint(state: &State, ctx: &RequestContext, topic: Uuid, wanted: &Wanted, code: ErrorCode) -> LeaderIdAndEpoch {
    let is_moved = matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
    if !is_moved || ctx.api_version < 16 {
        return LeaderIdAndEpoch::default();
    }
    let (leader_id, leader_epoch) = state.leader_of(topic, PartitionIndex(wanted.partition));
    LeaderIdAndEpoch { leader_id, leader_epoch, ..LeaderIdAndEpoch::default() }
}

/// Groups the rows by topic, as far as neighbours belong together.
fn respond(state: &State, session: Option<i32>, rows: Vec<(Wanted, PartitionData)>) -> FetchResponse {
    let hinted = rows.iter().map(|(_, row)| row.current_leader.leader_id);
    let node_endpoints = state.brokers.leaders(hinted).map(|broker| NodeEndpoint {
        node_id: broker.id.0,
        host: broker.host.as_str().into(),
        port: broker.port.into(),
        rack: broker.rack.as_deref().map(Into::into),
        ..NodeEndpoint::default()
    });
    let node_endpoints = node_endpoints.collect();
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (wanted, row) in rows {
        match responses.last_mut() {
            Some(last) if last.topic == wanted.name && last.topic_id == wanted.id => last.partitions.push(row),
            _ => responses.push(FetchableTopicResponse {
                topic: wanted.name,
                topic_id: wanted.id,
                partitions: vec![row],
                ..FetchableTopicResponse::default()
            }),
        }
    }
    FetchResponse { session_id: session.unwrap_or(0), responses, node_endpoints, ..FetchResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::Answer;
    use crate::broker::api::testing::TestCluster;
    use crate::broker::api::testing::batch;
    use crate::wire::messages::delete_topics::DeleteTopicsRequest;
    use crate::wire::messages::fetch::FetchTopic;
    use crate::wire::messages::fetch::ForgottenTopic;

    fn id_of(cluster: &TestCluster, name: &str) -> Uuid {
        cluster.engine.state.topics.get(name).unwrap().id
    }

    /// A request for partitions of topics from an offset, which does not wait.
    fn request(cluster: &TestCluster, rows: &[(&str, i32, i64)]) -> FetchRequest {
        let topics = rows.iter().map(|(name, partition, fetch_offset)| FetchTopic {
            topic: (*name).into(),
            topic_id: cluster.engine.state.topics.get(name).map_or(Uuid::ZERO, |topic| topic.id),
            partitions: vec![FetchPartition {
                partition: *partition,
                fetch_offset: *fetch_offset,
                partition_max_bytes: 1 << 20,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        });
        FetchRequest { max_bytes: 1 << 20, session_epoch: -1, topics: topics.collect(), ..FetchRequest::default() }
    }

    /// Fields that the version cannot say are set to what it would leave.
    fn at(version: i16, mut request: FetchRequest) -> FetchRequest {
        for topic in &mut request.topics {
            if version >= 13 {
                topic.topic = "".into();
            } else {
                topic.topic_id = Uuid::ZERO;
            }
        }
        request
    }

    /// Partition, error, high watermark and bytes of each row.
    fn rows(response: &FetchResponse) -> Vec<(i32, ErrorCode, i64, usize)> {
        assert_eq!(response.error_code, 0);
        let rows = response.responses.iter().flat_map(|topic| &topic.partitions);
        let cells = rows.map(|row| (row, row.records.as_ref().map_or(0, Records::len)));
        cells.map(|(row, len)| (row.partition_index, ErrorCode::new(row.error_code), row.high_watermark, len)).collect()
    }

    fn size_of(values: &[&str]) -> usize {
        batch(values).to_bytes().len()
    }

    #[test]
    fn each_version_reads_the_batches_as_they_are() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        cluster.append("a", 0, &["x", "y"]);
        cluster.append("a", 0, &["z"]);
        let kept = cluster.engine.batches("a", PartitionIndex(0));
        let expected: Vec<u8> = kept.iter().flat_map(|batch| batch.to_bytes()).collect();
        for version in 4..=18 {
            let asked = at(version, request(&cluster, &[("a", 0, 1)]));
            let response = cluster.ask(version, asked);
            let [topic] = &response.responses[..] else { panic!("one topic") };
            let row = &topic.partitions[0];
            assert_eq!(row.records.clone().unwrap().into_bytes(), expected, "{version}");
            assert_eq!((row.high_watermark, row.last_stable_offset), (3, 3));
            assert_eq!(row.log_start_offset, if version >= 5 { 0 } else { -1 });
            assert_eq!(row.aborted_transactions, None);
            assert_eq!(topic.topic_id, if version >= 13 { id_of(&cluster, "a") } else { Uuid::ZERO });
        }
        let asked = FetchRequest { isolation_level: 1, ..at(12, request(&cluster, &[("a", 0, 3)])) };
        let response = cluster.ask(12, asked);
        assert_eq!(rows(&response), [(0, ErrorCode::NONE, 3, 0)]);
        assert_eq!(response.responses[0].partitions[0].aborted_transactions, Some(vec![]));
    }

    #[test]
    fn each_refusal_has_kafkas_code() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 2);
        cluster.append("a", 0, &["x"]);
        let mut check = |broker: i32, version: i16, row: (&str, i32, i64), epoch: i32, expected: ErrorCode| {
            let mut asked = at(version, request(&cluster, &[row]));
            asked.topics[0].partitions[0].current_leader_epoch = epoch;
            asked.max_wait_ms = 1000;
            asked.min_bytes = 1;
            let response = cluster.ask_broker(broker, version, asked);
            assert_eq!(rows(&response), [(row.1, expected, -1, 0)]);
            let row = &response.responses[0].partitions[0];
            assert_eq!((row.last_stable_offset, row.log_start_offset), (-1, -1));
            let unknown = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID].contains(&expected);
            assert_eq!(row.aborted_transactions.is_some(), unknown);
            let hinted = expected == ErrorCode::NOT_LEADER_OR_FOLLOWER && version >= 16;
            assert_eq!(row.current_leader.leader_id, if hinted { 1 } else { -1 });
            assert_eq!(response.node_endpoints.len(), usize::from(hinted));
        };
        check(1, 12, ("absent", 0, 0), -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(1, 13, ("absent", 0, 0), -1, ErrorCode::UNKNOWN_TOPIC_ID);
        check(1, 13, ("a", 7, 0), -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(3, 15, ("a", 0, 0), 9, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(3, 16, ("a", 0, 0), 9, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(2, 10, ("a", 0, 0), 0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        check(2, 10, ("a", 0, 0), 9, ErrorCode::UNKNOWN_LEADER_EPOCH);
        check(1, 16, ("a", 0, 0), 9, ErrorCode::UNKNOWN_LEADER_EPOCH);
        check(1, 16, ("a", 0, 2), 0, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(1, 16, ("a", 0, -1), 0, ErrorCode::OFFSET_OUT_OF_RANGE);
    }

    #[test]
    fn a_follower_is_read_from_since_version_11() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        cluster.append("a", 0, &["x"]);
        let asked = at(11, request(&cluster, &[("a", 0, 0)]));
        assert_eq!(rows(&cluster.ask_broker(2, 11, asked)), [(0, ErrorCode::NONE, 1, size_of(&["x"]))]);
    }

    #[test]
    fn a_long_poll_wakes_at_once_when_there_is_enough() {
        let mut cluster = TestCluster::new(1).topic("a", 2, 1);
        let consumer = cluster.connect(1);
        let one = size_of(&["x"]);
        let mut asked = at(12, request(&cluster, &[("a", 0, 0), ("a", 1, 0)]));
        asked.max_wait_ms = 500;
        asked.min_bytes = i32::try_from(one).unwrap() + 1;
        assert_eq!(cluster.send(consumer, 12, asked), Answer::Waiting);
        cluster.append("a", 1, &["x"]);
        assert_eq!(cluster.received::<FetchResponse>(consumer), Answer::Waiting);
        cluster.pass_ms(499);
        assert_eq!(cluster.received::<FetchResponse>(consumer), Answer::Waiting);
        cluster.append("a", 0, &["x"]);
        let response = cluster.received(consumer).response();
        assert_eq!(rows(&response), [(0, ErrorCode::NONE, 1, one), (1, ErrorCode::NONE, 1, one)]);
    }

    #[test]
    fn a_long_poll_ends_on_time_with_what_there_is() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let consumer = cluster.connect(1);
        let asked = FetchRequest { max_wait_ms: 500, min_bytes: 1000, ..at(12, request(&cluster, &[("a", 0, 0)])) };
        assert_eq!(cluster.send(consumer, 12, asked), Answer::Waiting);
        cluster.append("a", 0, &["x"]);
        cluster.pass_ms(499);
        assert_eq!(cluster.received::<FetchResponse>(consumer), Answer::Waiting);
        cluster.pass_ms(1);
        let response = cluster.received(consumer).response();
        assert_eq!(rows(&response), [(0, ErrorCode::NONE, 1, size_of(&["x"]))]);
    }

    #[test]
    fn a_long_poll_ends_when_its_topic_is_deleted() {
        for version in [12, 13] {
            let mut cluster = TestCluster::new(1).topic("a", 1, 1);
            let consumer = cluster.connect(1);
            let asked = at(version, request(&cluster, &[("a", 0, 0)]));
            let asked = FetchRequest { max_wait_ms: 500, min_bytes: 1, ..asked };
            assert_eq!(cluster.send(consumer, version, asked), Answer::Waiting);
            let topic_names = vec!["a".into()];
            cluster.ask(5, DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..DeleteTopicsRequest::default() });
            let response = cluster.received(consumer).response();
            let expected =
                if version == 12 { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::UNKNOWN_TOPIC_ID };
            assert_eq!(rows(&response), [(0, expected, -1, 0)]);
        }
    }

    #[test]
    fn what_asks_for_no_bytes_or_no_time_or_nothing_does_not_wait() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let mut check = |max_wait_ms: i32, min_bytes: i32, partitions: &[(&str, i32, i64)]| {
            let asked = FetchRequest { max_wait_ms, min_bytes, ..at(12, request(&cluster, partitions)) };
            assert_eq!(rows(&cluster.ask(12, asked)).len(), partitions.len());
        };
        check(500, 0, &[("a", 0, 0)]);
        check(0, 1, &[("a", 0, 0)]);
        check(-1, 1, &[("a", 0, 0)]);
        check(500, 1, &[]);
    }

    #[test]
    fn the_first_batch_comes_whole_and_the_limits_hold_for_the_rest() {
        let mut cluster = TestCluster::new(1).topic("a", 3, 1);
        for partition in 0..3 {
            cluster.append("a", partition, &["x"]);
            cluster.append("a", partition, &["y"]);
        }
        let one = size_of(&["x"]);
        let mut check = |max_bytes: usize, partition_max_bytes: usize, expected: [usize; 3]| {
            let mut asked = at(12, request(&cluster, &[("a", 0, 0), ("a", 1, 0), ("a", 2, 0)]));
            asked.max_bytes = i32::try_from(max_bytes).unwrap();
            for topic in &mut asked.topics {
                topic.partitions[0].partition_max_bytes = i32::try_from(partition_max_bytes).unwrap();
            }
            // A full answer does not wait, whatever the minimum.
            (asked.max_wait_ms, asked.min_bytes) = (500, i32::try_from(3 * one).unwrap());
            let expected = [(0, expected[0]), (1, expected[1]), (2, expected[2])];
            let expected = expected.map(|(index, len)| (index, ErrorCode::NONE, 2, len));
            assert_eq!(rows(&cluster.ask(12, asked)), expected, "{max_bytes} {partition_max_bytes}");
        };
        check(0, 1000, [one, 0, 0]);
        check(1, 1000, [one, 0, 0]);
        check(2 * one, 1000, [2 * one, 0, 0]);
        check(3 * one, 1000, [2 * one, one, 0]);
        check(4 * one - 1, 1000, [2 * one, one, 0]);
        check(1 << 20, one, [one, one, one]);
    }

    #[test]
    fn a_session_answers_only_what_is_new() {
        for version in [7, 12, 13, 18] {
            let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
            let opening = at(version, request(&cluster, &[("a", 0, 0), ("b", 0, 0)]));
            let response = cluster.ask(version, FetchRequest { session_epoch: 0, ..opening });
            assert_eq!(rows(&response).len(), 2);
            let session_id = response.session_id;
            assert_ne!(session_id, 0);
            let next = |session_epoch| FetchRequest {
                session_id,
                session_epoch,
                max_bytes: 1 << 20,
                ..FetchRequest::default()
            };
            assert_eq!(rows(&cluster.ask(version, next(1))), []);
            cluster.append("b", 0, &["x"]);
            let response = cluster.ask(version, next(2));
            assert_eq!(
                (rows(&response), response.session_id),
                (vec![(0, ErrorCode::NONE, 1, size_of(&["x"]))], session_id)
            );
            // The same epoch again is one that was used.
            let response = cluster.ask(version, next(2));
            assert_eq!(response.error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH.code());
            assert_eq!((response.session_id, response.responses.len()), (0, 0));
            let mut forget = next(3);
            forget.forgotten_topics_data = vec![ForgottenTopic {
                topic: if version < 13 { "b".into() } else { "".into() },
                topic_id: if version < 13 { Uuid::ZERO } else { id_of(&cluster, "b") },
                partitions: vec![0],
                ..ForgottenTopic::default()
            }];
            assert_eq!(rows(&cluster.ask(version, forget)), []);
            let closing = FetchRequest { session_epoch: -1, ..next(0) };
            assert_eq!(rows(&cluster.ask(version, closing)), []);
            let response = cluster.ask(version, next(4));
            assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND.code());
        }
    }

    #[test]
    fn a_session_long_poll_wakes_for_its_own_partitions() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        let consumer = cluster.connect(1);
        let opening = at(13, request(&cluster, &[("a", 0, 0)]));
        let opening = FetchRequest { session_epoch: 0, ..opening };
        let session_id = cluster.send(consumer, 13, opening).response().session_id;
        let next = FetchRequest {
            session_id,
            session_epoch: 1,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 1 << 20,
            ..FetchRequest::default()
        };
        assert_eq!(cluster.send(consumer, 13, next), Answer::Waiting);
        cluster.append("b", 0, &["x"]);
        assert_eq!(cluster.received::<FetchResponse>(consumer), Answer::Waiting);
        cluster.append("a", 0, &["x"]);
        assert_eq!(rows(&cluster.received(consumer).response()), [(0, ErrorCode::NONE, 1, size_of(&["x"]))]);
    }

    #[test]
    fn a_reader_of_a_lost_epoch_is_told_where_the_logs_diverge() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        cluster.append("a", 0, &["x"]);
        let id = id_of(&cluster, "a");
        let log = cluster.engine.state.partitions.get_mut(&(id, PartitionIndex(0))).unwrap();
        log.elect(BrokerId(1), LeaderEpoch(2), &[BrokerId(1)]);
        cluster.append("a", 0, &["y"]);
        let mut asked = at(12, request(&cluster, &[("a", 0, 2)]));
        asked.topics[0].partitions[0].last_fetched_epoch = 1;
        (asked.max_wait_ms, asked.min_bytes) = (500, 1);
        let response = cluster.ask(12, asked);
        let row = &response.responses[0].partitions[0];
        assert_eq!((row.diverging_epoch.epoch, row.diverging_epoch.end_offset), (0, 1));
        assert_eq!(rows(&response), [(0, ErrorCode::NONE, 2, 0)]);
        let mut asked = at(12, request(&cluster, &[("a", 0, 2)]));
        asked.topics[0].partitions[0].last_fetched_epoch = 5;
        assert_eq!(rows(&cluster.ask(12, asked)), [(0, ErrorCode::OFFSET_OUT_OF_RANGE, -1, 0)]);
    }

    #[test]
    fn an_unknown_isolation_level_is_refused_as_a_whole() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        cluster.append("a", 0, &["x"]);
        let asked = FetchRequest { isolation_level: 3, ..at(12, request(&cluster, &[("a", 0, 0)])) };
        let mut response = cluster.ask(12, asked);
        assert_eq!(response.error_code, ErrorCode::UNKNOWN_SERVER_ERROR.code());
        response.error_code = 0;
        assert_eq!(rows(&response), [(0, ErrorCode::UNKNOWN_SERVER_ERROR, -1, 0)]);
        assert_eq!(response.responses[0].partitions[0].aborted_transactions, Some(vec![]));
    }
}
