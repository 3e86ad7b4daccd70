//! `CreatePartitions` (key 37): add partitions to topics.
//!
//! * Needs `ALTER` on each topic.
//! * Errors per topic, in Kafka's order: `INVALID_REQUEST` (a name twice), `UNKNOWN_TOPIC_OR_PARTITION` (without a
//!   message), `INVALID_PARTITIONS`, `INVALID_REPLICA_ASSIGNMENT`, `INVALID_REPLICATION_FACTOR`;
//!   `UNKNOWN_SERVER_ERROR` when the request would add more than 10,000 partitions.
//! * Rows of names given twice come first, the others in the request's order.
//! * `REQUEST_TIMED_OUT` for all topics, and nothing is done, when `timeout_ms` is not positive; a positive one never
//!   runs out, as partitions are there at once on every broker.
//! * Differs: too many partitions add none; Kafka answers with the error and adds the first 10,000.
//! * Source: KIP-195, `ControllerApis.createPartitions`, `ReplicationControlManager.createPartitions`,
//!   <https://kafka.apache.org/protocol#The_Messages_CreatePartitions>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::PARTITIONS_MAX;
use crate::broker::topics::Refusal;
use crate::wire::messages::create_partitions::CreatePartitionsRequest;
use crate::wire::messages::create_partitions::CreatePartitionsResponse;
use crate::wire::messages::create_partitions::CreatePartitionsTopic;
use crate::wire::messages::create_partitions::CreatePartitionsTopicResult;
use bytestring::ByteString;
use indexmap::IndexMap;

pub(super) fn handle(
    state: &mut State,
    _ctx: &RequestContext,
    request: CreatePartitionsRequest,
) -> Outcome<CreatePartitionsResponse> {
    if request.timeout_ms <= 0 {
        // Kafka's controller finds the deadline passed before it looks at the request.
        let late = request.topics.into_iter().map(|topic| row(topic.name, Err((ErrorCode::REQUEST_TIMED_OUT, None))));
        return Outcome::Reply(CreatePartitionsResponse {
            results: late.collect(),
            ..CreatePartitionsResponse::default()
        });
    }
    let mut counts: IndexMap<ByteString, usize> = IndexMap::new();
    for topic in &request.topics {
        *counts.entry(topic.name.clone()).or_default() += 1;
    }
    let twice = counts.iter().filter(|(_, count)| **count > 1).map(|(name, _)| {
        let refusal = Refusal::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        row(name.clone(), Err((refusal.code, Some(refusal.message))))
    });
    let mut results: Vec<CreatePartitionsTopicResult> = twice.collect();
    let mut left = PARTITIONS_MAX;
    for topic in request.topics.into_iter().filter(|topic| counts[&topic.name] == 1) {
        let planned = plan(state, &topic, left);
        let planned = planned.map(|assignment| {
            left -= i64::try_from(assignment.len()).unwrap_or(left);
            if !request.validate_only {
                state.add_partitions(&topic.name, assignment);
            }
        });
        results.push(row(topic.name, planned));
    }
    Outcome::Reply(CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &CreatePartitionsRequest, code: ErrorCode) -> CreatePartitionsResponse {
    let rows = request.topics.iter().map(|topic| row(topic.name.clone(), Err((code, None))));
    CreatePartitionsResponse { results: rows.collect(), ..CreatePartitionsResponse::default() }
}

fn row(name: ByteString, result: Result<(), (ErrorCode, Option<String>)>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = result.err().unwrap_or((ErrorCode::NONE, None));
    CreatePartitionsTopicResult {
        name,
        error_code: error_code.code(),
        error_message: error_message.map(Into::into),
        ..CreatePartitionsTopicResult::default()
    }
}

/// The replicas of the partitions to be added, of which there may be `left`.
fn plan(
    state: &State,
    wanted: &CreatePartitionsTopic,
    left: i64,
) -> Result<Vec<Vec<BrokerId>>, (ErrorCode, Option<String>)> {
    let refuse = |code: ErrorCode, message: String| Err((code, Some(message)));
    // Kafka throws this one without a sentence.
    let topic = state.topics.get(&wanted.name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
    let present = i32::try_from(topic.assignment.len()).unwrap_or(i32::MAX);
    let additional = wanted.count.saturating_sub(present);
    if additional == 0 {
        let message = format!("Topic already has {present} partition(s).");
        return refuse(ErrorCode::INVALID_PARTITIONS, message);
    }
    if additional < 0 {
        let message = format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            wanted.name, wanted.count
        );
        return refuse(ErrorCode::INVALID_PARTITIONS, message);
    }
    let given = wanted.assignments.as_ref();
    if let Some(given) = given.filter(|given| i32::try_from(given.len()) != Ok(additional)) {
        let message = format!(
            "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
            given.len()
        );
        return refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    }
    let factor = topic.assignment.first().map_or(0, Vec::len);
    if i64::from(additional) > left {
        // Kafka's list of records is full, which it does not expect.
        return Err((ErrorCode::UNKNOWN_SERVER_ERROR, None));
    }
    let explained = |refusal: Refusal| (refusal.code, Some(refusal.message));
    let Some(given) = given else {
        let factor = i32::try_from(factor).unwrap_or(i32::MAX);
        return state.place_replicas(present, wanted.count, factor).map_err(explained);
    };
    let given = given.iter().map(|row| {
        let replicas: Vec<BrokerId> = row.broker_ids.iter().copied().map(BrokerId).collect();
        state.check_replicas(&replicas, Some(factor)).map_err(explained)?;
        Ok(replicas)
    });
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PartitionIndex;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::create_partitions::CreatePartitionsAssignment;

    fn topic(name: &str, count: i32) -> CreatePartitionsTopic {
        CreatePartitionsTopic { name: name.into(), count, assignments: None, ..CreatePartitionsTopic::default() }
    }

    fn assigned(name: &str, count: i32, rows: &[&[i32]]) -> CreatePartitionsTopic {
        let rows = rows.iter().map(|row| CreatePartitionsAssignment {
            broker_ids: row.to_vec(),
            ..CreatePartitionsAssignment::default()
        });
        CreatePartitionsTopic { assignments: Some(rows.collect()), ..topic(name, count) }
    }

    fn request(topics: &[CreatePartitionsTopic]) -> CreatePartitionsRequest {
        CreatePartitionsRequest { topics: topics.to_vec(), timeout_ms: 1000, ..CreatePartitionsRequest::default() }
    }

    fn rows(response: &CreatePartitionsResponse) -> Vec<(&str, ErrorCode, Option<&str>)> {
        let cells = response.results.iter().map(|row| (&*row.name, row.error_code, row.error_message.as_deref()));
        cells.map(|(name, code, message)| (name, ErrorCode::new(code), message)).collect()
    }

    fn assignment<'a>(cluster: &'a TestCluster, name: &str) -> &'a [Vec<BrokerId>] {
        &cluster.engine.state.topics.get(name).unwrap().assignment
    }

    #[test]
    fn each_version_adds_partitions_that_can_be_used_at_once() {
        for version in 0..=3 {
            let mut cluster = TestCluster::new(3).topic("a", 1, 2);
            let response = cluster.ask(version, request(&[topic("a", 3)]));
            assert_eq!(rows(&response), [("a", ErrorCode::NONE, None)]);
            let ids = |ids: [i32; 2]| ids.map(BrokerId).to_vec();
            assert_eq!(assignment(&cluster, "a"), [ids([1, 2]), ids([2, 3]), ids([3, 1])]);
            cluster.append("a", 2, &["x"]);
            assert_eq!(cluster.engine.batches("a", PartitionIndex(2)).len(), 1);
        }
    }

    #[test]
    fn chosen_replicas_are_taken_as_they_are() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 1);
        let response = cluster.ask(3, request(&[assigned("a", 3, &[&[3], &[1]])]));
        assert_eq!(rows(&response), [("a", ErrorCode::NONE, None)]);
        assert_eq!(assignment(&cluster, "a"), [[BrokerId(1)], [BrokerId(3)], [BrokerId(1)]]);
    }

    #[test]
    fn what_is_only_validated_adds_nothing() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let response = cluster.ask(3, CreatePartitionsRequest { validate_only: true, ..request(&[topic("a", 3)]) });
        assert_eq!(rows(&response), [("a", ErrorCode::NONE, None)]);
        assert_eq!(assignment(&cluster, "a").len(), 1);
    }

    #[test]
    fn each_refusal_has_kafkas_code_and_sentence() {
        let mut cluster = TestCluster::new(3).topic("a", 5, 1);
        let mut check = |wanted: CreatePartitionsTopic, code: ErrorCode, message: Option<&str>| {
            let name = wanted.name.clone();
            let response = cluster.ask(3, request(&[wanted]));
            assert_eq!(rows(&response), [(&*name, code, message)]);
            assert_eq!(assignment(&cluster, "a").len(), 5);
        };
        let (fewer, wrong) = (ErrorCode::INVALID_PARTITIONS, ErrorCode::INVALID_REPLICA_ASSIGNMENT);
        check(topic("absent", 3), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
        check(topic("a", 5), fewer, Some("Topic already has 5 partition(s)."));
        check(
            topic("a", i32::MIN),
            fewer,
            Some("The topic a currently has 5 partition(s); -2147483648 would not be an increase."),
        );
        check(
            assigned("a", 6, &[&[1], &[2]]),
            wrong,
            Some("Attempted to add 1 additional partition(s), but only 2 assignment(s) were specified."),
        );
        check(
            assigned("a", 6, &[]),
            wrong,
            Some("Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified."),
        );
        check(
            assigned("a", 6, &[&[1, 2]]),
            wrong,
            Some(
                "The manual partition assignment includes a partition with 2 replica(s), but this is not consistent \
                 with previous partitions, which have 1 replica(s).",
            ),
        );
        check(
            assigned("a", 6, &[&[99]]),
            wrong,
            Some("The manual partition assignment includes broker 99, but no such broker is registered."),
        );
        check(topic("a", i32::MAX), ErrorCode::UNKNOWN_SERVER_ERROR, None);
    }

    #[test]
    fn without_time_nothing_is_done() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        let response = cluster.ask(3, CreatePartitionsRequest { timeout_ms: 0, ..request(&[topic("a", 2)]) });
        assert_eq!(rows(&response), [("a", ErrorCode::REQUEST_TIMED_OUT, None)]);
        assert_eq!(assignment(&cluster, "a").len(), 1);
    }

    #[test]
    fn one_bad_topic_does_not_hold_up_the_others_and_twice_comes_first() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1).topic("b", 1, 1);
        let wanted = [topic("absent", 2), topic("b", 2), topic("a", 2), topic("b", 3)];
        let response = cluster.ask(3, request(&wanted));
        let twice = ("b", ErrorCode::INVALID_REQUEST, Some("Duplicate topic name."));
        let absent = ("absent", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
        assert_eq!(rows(&response), [twice, absent, ("a", ErrorCode::NONE, None)]);
        assert_eq!((assignment(&cluster, "a").len(), assignment(&cluster, "b").len()), (2, 1));
    }
}
