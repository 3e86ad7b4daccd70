//! `DeleteTopics` (key 20): delete topics by name or, from version 6, by id.
//!
//! * Needs `DELETE` on the cluster or on each topic.
//! * Errors of the whole request: `INVALID_REQUEST` or, from version 3, `TOPIC_DELETION_DISABLED` on every row. Per
//!   topic: `INVALID_REQUEST` (neither name nor id, both, twice, a name and its own id), `UNKNOWN_TOPIC_ID`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`.
//! * Rows come in the order in which the request first names each topic; Kafka shuffles them.
//! * Requests that wait for a partition of a deleted topic are answered at once.
//! * `REQUEST_TIMED_OUT` for all topics, and nothing is done, when `timeout_ms` is not positive; a positive one never
//!   runs out, as topics are gone at once on every broker.
//! * Source: KIP-4, KIP-516, KIP-599, `ControllerApis.deleteTopics`,
//!   <https://kafka.apache.org/protocol#The_Messages_DeleteTopics>.

use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Uuid;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::Refusal;
use crate::wire::messages::delete_topics::DeletableTopicResult;
use crate::wire::messages::delete_topics::DeleteTopicState;
use crate::wire::messages::delete_topics::DeleteTopicsRequest;
use crate::wire::messages::delete_topics::DeleteTopicsResponse;
use bytestring::ByteString;
use indexmap::IndexMap;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Named {
    ByName(ByteString),
    ById(Uuid),
}

/// A row of the answer and what has become of it.
type Row = (Option<ByteString>, Uuid, Result<(), Refusal>);

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: DeleteTopicsRequest,
) -> Outcome<DeleteTopicsResponse> {
    let by_name = request.topic_names.into_iter();
    let by_name = by_name.map(|name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() });
    let asked: Vec<DeleteTopicState> = by_name.chain(request.topics).collect();
    let refuse_all = |code: ErrorCode, asked: Vec<DeleteTopicState>| {
        let rows = asked.into_iter().map(|topic| DeletableTopicResult {
            name: topic.name,
            topic_id: topic.topic_id,
            error_code: code.code(),
            ..DeletableTopicResult::default()
        });
        reply(rows.collect())
    };
    if !state.broker_config(state.brokers.controller()).delete_topic_enable {
        let disabled =
            if ctx.api_version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        return refuse_all(disabled, asked);
    }
    if request.timeout_ms <= 0 {
        // Kafka's controller finds the deadline passed before it looks at the request.
        return refuse_all(ErrorCode::REQUEST_TIMED_OUT, asked);
    }
    let rows = delete(state, ctx.now, asked).into_iter().map(|(name, topic_id, deleted)| {
        let (error_code, error_message) = match deleted {
            Ok(()) => (ErrorCode::NONE, None),
            Err(refusal) => (refusal.code, Some(refusal.message.into())),
        };
        DeletableTopicResult {
            name,
            topic_id,
            error_code: error_code.code(),
            error_message,
            ..DeletableTopicResult::default()
        }
    });
    reply(rows.collect())
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DeleteTopicsRequest, code: ErrorCode) -> DeleteTopicsResponse {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let asked = by_name.chain(request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id)));
    let rows = asked.map(|(name, topic_id)| DeletableTopicResult {
        name,
        topic_id,
        error_code: code.code(),
        ..DeletableTopicResult::default()
    });
    DeleteTopicsResponse { responses: rows.collect(), ..DeleteTopicsResponse::default() }
}

fn reply(responses: Vec<DeletableTopicResult>) -> Outcome<DeleteTopicsResponse> {
    Outcome::Reply(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() })
}

fn delete(state: &mut State, now: Instant, asked: Vec<DeleteTopicState>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut counts: IndexMap<Named, usize> = IndexMap::new();
    for topic in asked {
        let named = match (topic.name, topic.topic_id) {
            (None, Uuid::ZERO) => {
                rows.push((None, Uuid::ZERO, invalid_request("Neither topic name nor id were specified.")));
                continue;
            }
            (Some(name), Uuid::ZERO) => Named::ByName(name),
            (None, id) => Named::ById(id),
            (Some(name), id) => {
                rows.push((Some(name), id, invalid_request("You may not specify both topic name and topic id.")));
                continue;
            }
        };
        *counts.entry(named).or_default() += 1;
    }
    for (named, count) in &counts {
        let row = match named {
            Named::ByName(name) if *count > 1 => {
                (Some(name.clone()), Uuid::ZERO, invalid_request("Duplicate topic name."))
            }
            Named::ById(id) if *count > 1 => (None, *id, invalid_request("Duplicate topic id.")),
            Named::ByName(name) => delete_by_name(state, now, &counts, name),
            Named::ById(id) => match delete_by_id(state, now, &counts, *id) {
                Some(row) => row,
                None => continue,
            },
        };
        rows.push(row);
    }
    rows
}

fn delete_by_name(state: &mut State, now: Instant, counts: &IndexMap<Named, usize>, name: &ByteString) -> Row {
    if let Some(id) = state.topics.get(name).map(|topic| topic.id) {
        if counts.contains_key(&Named::ById(id)) {
            let message = "The provided topic name maps to an ID that was already supplied.";
            return (Some(name.clone()), id, invalid_request(message));
        }
    }
    match state.delete_topic(now, name) {
        Ok(id) => (Some(name.clone()), id, Ok(())),
        Err(refusal) => (Some(name.clone()), Uuid::ZERO, Err(refusal)),
    }
}

/// `None` when the request names the topic by its name too: that row answers for both.
fn delete_by_id(state: &mut State, now: Instant, counts: &IndexMap<Named, usize>, id: Uuid) -> Option<Row> {
    let Some(topic) = state.topics.by_id(id) else {
        let message = "This server does not host this topic ID.";
        return Some((None, id, Err(Refusal::new(ErrorCode::UNKNOWN_TOPIC_ID, message))));
    };
    let name = ByteString::from(topic.name.as_str());
    if counts.get(&Named::ByName(name.clone())) == Some(&1) {
        return None;
    }
    let deleted = state.delete_topic(now, &name).map(drop);
    Some((Some(name), id, deleted))
}

fn invalid_request(message: &str) -> Result<(), Refusal> {
    Err(Refusal::new(ErrorCode::INVALID_REQUEST, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PartitionIndex;
    use crate::broker::api::testing::TestCluster;

    fn by_names(version: i16, names: &[&str]) -> DeleteTopicsRequest {
        if version < 6 {
            let topic_names = names.iter().map(|name| (*name).into()).collect();
            return DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..DeleteTopicsRequest::default() };
        }
        by_either(&names.iter().map(|name| (Some(*name), Uuid::ZERO)).collect::<Vec<_>>())
    }

    fn by_either(topics: &[(Option<&str>, Uuid)]) -> DeleteTopicsRequest {
        let topics = topics.iter().map(|(name, topic_id)| DeleteTopicState {
            name: name.map(Into::into),
            topic_id: *topic_id,
            ..DeleteTopicState::default()
        });
        DeleteTopicsRequest { topics: topics.collect(), timeout_ms: 1000, ..DeleteTopicsRequest::default() }
    }

    fn id_of(cluster: &TestCluster, name: &str) -> Uuid {
        cluster.engine.state.topics.get(name).unwrap().id
    }

    type Cells<'a> = (Option<&'a str>, Uuid, ErrorCode, Option<&'a str>);

    fn rows(response: &DeleteTopicsResponse) -> Vec<Cells<'_>> {
        let row = |row: &'_ DeletableTopicResult| (row.topic_id, ErrorCode::new(row.error_code));
        let cells = response.responses.iter().map(|topic| (topic.name.as_deref(), row(topic), &topic.error_message));
        cells.map(|(name, (id, code), message)| (name, id, code, message.as_deref())).collect()
    }

    const ABSENT: &str = "This server does not host this topic-partition.";

    #[test]
    fn each_version_deletes_by_name_in_the_requests_order() {
        for version in 0..=6 {
            let mut cluster = TestCluster::new(1).topic("a", 2, 1).topic("b", 1, 1);
            let id = if version >= 6 { id_of(&cluster, "b") } else { Uuid::ZERO };
            let response = cluster.ask(version, by_names(version, &["c", "b"]));
            let message = (version >= 5).then_some(ABSENT);
            let absent = (Some("c"), Uuid::ZERO, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
            assert_eq!(rows(&response), [absent, (Some("b"), id, ErrorCode::NONE, None)], "{version}");
            let left: Vec<_> = cluster.engine.state.topics.iter().map(|topic| topic.name.as_str()).collect();
            assert_eq!(left, ["a"]);
        }
    }

    #[test]
    fn a_topic_is_deleted_by_its_id() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let id = id_of(&cluster, "a");
        let response = cluster.ask(6, by_either(&[(None, id)]));
        assert_eq!(rows(&response), [(Some("a"), id, ErrorCode::NONE, None)]);
        assert!(cluster.engine.state.find_partition(id, PartitionIndex(0)).is_none());
        let response = cluster.ask(6, by_either(&[(None, id)]));
        let message = Some("This server does not host this topic ID.");
        assert_eq!(rows(&response), [(None, id, ErrorCode::UNKNOWN_TOPIC_ID, message)]);
    }

    #[test]
    fn unclear_names_delete_nothing() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let id = id_of(&cluster, "a");
        let wrong = ErrorCode::INVALID_REQUEST;
        let mut check = |asked: &[(Option<&str>, Uuid)], expected: &[Cells<'_>]| {
            let response = cluster.ask(6, by_either(asked));
            assert_eq!(rows(&response), expected);
            assert_eq!(id_of(&cluster, "a"), id);
        };
        let neither = "Neither topic name nor id were specified.";
        check(&[(None, Uuid::ZERO)], &[(None, Uuid::ZERO, wrong, Some(neither))]);
        let both = "You may not specify both topic name and topic id.";
        check(&[(Some("a"), id)], &[(Some("a"), id, wrong, Some(both))]);
        let twice = (Some("a"), Uuid::ZERO, wrong, Some("Duplicate topic name."));
        check(&[(Some("a"), Uuid::ZERO), (Some("a"), Uuid::ZERO)], &[twice]);
        let twice = (None, id, wrong, Some("Duplicate topic id."));
        check(&[(None, id), (None, id), (None, id)], &[twice]);
        let supplied = "The provided topic name maps to an ID that was already supplied.";
        let same = (Some("a"), id, wrong, Some(supplied));
        check(&[(None, id), (Some("a"), Uuid::ZERO)], &[same]);
        check(&[(None, id), (Some("a"), Uuid::ZERO), (None, id)], &[twice, same]);
    }

    #[test]
    fn an_id_counts_when_its_name_is_given_twice() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let id = id_of(&cluster, "a");
        let asked = [(Some("a"), Uuid::ZERO), (Some("a"), Uuid::ZERO), (None, id)];
        let response = cluster.ask(6, by_either(&asked));
        let twice = (Some("a"), Uuid::ZERO, ErrorCode::INVALID_REQUEST, Some("Duplicate topic name."));
        assert_eq!(rows(&response), [twice, (Some("a"), id, ErrorCode::NONE, None)]);
    }

    #[test]
    fn deletion_can_be_disabled() {
        let check = |version: i16, expected: ErrorCode| {
            let mut cluster = TestCluster::with_config(1, &[("delete.topic.enable", "false")]).topic("a", 1, 1);
            let response = cluster.ask(version, by_names(version, &["a", "b"]));
            let row = |name| (Some(name), Uuid::ZERO, expected, None);
            assert_eq!(rows(&response), [row("a"), row("b")]);
            assert!(!cluster.engine.state.topics.is_empty());
        };
        check(2, ErrorCode::INVALID_REQUEST);
        check(3, ErrorCode::TOPIC_DELETION_DISABLED);
        check(6, ErrorCode::TOPIC_DELETION_DISABLED);
    }

    #[test]
    fn without_time_nothing_is_done() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let response = cluster.ask(6, DeleteTopicsRequest { timeout_ms: 0, ..by_names(6, &["a"]) });
        assert_eq!(rows(&response), [(Some("a"), Uuid::ZERO, ErrorCode::REQUEST_TIMED_OUT, None)]);
        assert!(!cluster.engine.state.topics.is_empty());
    }

    #[test]
    fn a_topic_created_again_has_another_id_and_no_records() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        cluster.append("a", 0, &["x"]);
        let before = id_of(&cluster, "a");
        cluster.ask(6, by_names(6, &["a"]));
        let cluster = cluster.topic("a", 1, 1);
        assert_ne!(id_of(&cluster, "a"), before);
        assert!(cluster.engine.batches("a", PartitionIndex(0)).is_empty());
    }
}
