//! `Fetch` (key 1): read record batches from partitions, waiting for them if asked.
//!
//! * Needs `READ` on each topic.
//! * Errors of the whole request: `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`,
//!   `FETCH_SESSION_TOPIC_ID_ERROR`. Per partition, in Kafka's order: `UNKNOWN_TOPIC_ID`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`,
//!   `OFFSET_OUT_OF_RANGE`.
//! * Waits until `min_bytes` can be read, a partition fails, or `max_wait_ms` have passed. The first batch of the
//!   answer comes whole even if it is larger than the limits.
//! * Source: KIP-227, KIP-320, KIP-392, KIP-516, KIP-595, <https://kafka.apache.org/protocol#The_Messages_Fetch>.

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
use crate::wire::messages::fetch::EpochEndOffset;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::FetchResponse;
use crate::wire::messages::fetch::FetchableTopicResponse;
use crate::wire::messages::fetch::LeaderIdAndEpoch;
use crate::wire::messages::fetch::PartitionData;

/// A fetch that has been read and may have to wait.
struct Fetching {
    plan: Plan,
    isolation: Isolation,
    min_bytes: usize,
    max_bytes: usize,
    deadline: Instant,
}

pub(super) fn handle(state: &mut State, ctx: &RequestContext, request: FetchRequest) -> Outcome<FetchResponse> {
    let plan = match state.begin_fetch(ctx, &request) {
        Ok(plan) => plan,
        Err(code) => {
            return Outcome::Reply(FetchResponse { error_code: code.code(), ..FetchResponse::default() });
        }
    };
    let fetching = Fetching {
        plan,
        isolation: if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted },
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).min(state.broker_config(ctx.broker).fetch_max_bytes),
        deadline: ctx.now.plus_ms(request.max_wait_ms.into()),
    };
    let woken = if request.max_wait_ms <= 0 { Woken::Expired } else { Woken::Changed };
    fetch(state, ctx, fetching, woken)
}

/// Reads everything once; answers if that is enough, else waits for any of the partitions to change.
fn fetch(state: &mut State, ctx: &RequestContext, fetching: Fetching, woken: Woken) -> Outcome<FetchResponse> {
    let mut rows = Vec::with_capacity(fetching.plan.partitions.len());
    let mut size = 0;
    let mut at_once = fetching.plan.partitions.is_empty() || woken == Woken::Expired;
    for (wanted, asked) in &fetching.plan.partitions {
        let limit = ReadLimit {
            max_bytes: usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(fetching.max_bytes - size),
            min_one: size == 0,
        };
        let row = read(state, ctx, wanted, asked, fetching.isolation, limit);
        at_once |= row.error_code != 0 || row.diverging_epoch.end_offset != -1;
        let read = row.records.as_ref().map_or(0, Records::len);
        size = (size + read).min(fetching.max_bytes);
        at_once |= read > fetching.max_bytes;
        rows.push((wanted.clone(), row));
    }
    if at_once || size >= fetching.min_bytes {
        let rows = state.sessions_of(ctx.broker).finish(&fetching.plan, rows);
        return Outcome::Reply(respond(fetching.plan.session, rows));
    }
    let watch = fetching.plan.partitions.iter().filter_map(|(wanted, _)| {
        let topic = state.topic_by_either(&wanted.name, wanted.id, ctx.api_version >= 13).ok()?;
        Some(Watch::Partition(topic, PartitionIndex(wanted.partition)))
    });
    Outcome::Park(Park {
        watch: watch.collect(),
        deadline: fetching.deadline,
        resume: Box::new(move |state, ctx, woken| fetch(state, ctx, fetching, woken)),
    })
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
        Err((code, topic)) => PartitionData {
            partition_index: wanted.partition,
            error_code: code.code(),
            high_watermark: -1,
            current_leader: topic.map_or_else(LeaderIdAndEpoch::default, |topic| hint(state, topic, wanted, code)),
            records: Some(Records::EMPTY),
            ..PartitionData::default()
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
    let log = state.partition_hosted_by(topic, index, ctx.broker).map_err(refuse)?;
    let current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
    // Consumers may read from followers since version 11 (KIP-392).
    if ctx.api_version >= 11 {
        log.check_epoch(current_leader_epoch).map_err(refuse)?;
    } else {
        log.check_leader(ctx.broker, current_leader_epoch).map_err(refuse)?;
    }
    let replica = log.replica(ctx.broker).ok_or(refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER))?;
    let mut row = PartitionData {
        partition_index: wanted.partition,
        high_watermark: replica.high_watermark().0,
        last_stable_offset: replica.high_watermark().0,
        log_start_offset: replica.log().log_start_offset().0,
        // Null says "not asked for"; an empty list says that nothing is aborted.
        aborted_transactions: (isolation == Isolation::ReadCommitted).then(Vec::new),
        records: Some(Records::EMPTY),
        ..PartitionData::default()
    };
    let from = Offset(asked.fetch_offset);
    if let Some(diverging) = log.diverging_epoch(LeaderEpoch(asked.last_fetched_epoch), from) {
        row.diverging_epoch = EpochEndOffset {
            epoch: diverging.leader_epoch.0,
            end_offset: diverging.end_offset.0,
            ..EpochEndOffset::default()
        };
        return Ok(row);
    }
    let read = log.read(ctx.broker, from, isolation, limit).map_err(refuse)?;
    row.records = Some(Records::from_slices(read.slices));
    Ok(row)
}

/// Who leads, for a client that asked the wrong broker or has an old epoch (KIP-951).
fn hint(state: &State, topic: Uuid, wanted: &Wanted, code: ErrorCode) -> LeaderIdAndEpoch {
    if !matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) {
        return LeaderIdAndEpoch::default();
    }
    let (leader_id, leader_epoch) = state.leader_of(topic, PartitionIndex(wanted.partition));
    LeaderIdAndEpoch { leader_id, leader_epoch, ..LeaderIdAndEpoch::default() }
}

/// Groups the rows by topic, as far as neighbours belong together.
fn respond(session: Option<i32>, rows: Vec<(Wanted, PartitionData)>) -> FetchResponse {
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
    FetchResponse { session_id: session.unwrap_or(0), responses, ..FetchResponse::default() }
}
