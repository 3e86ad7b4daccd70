//! `ElectLeaders` (key 43): have preferred replicas lead, or any replica where nobody leads.
//!
//! * Needs `ALTER` on the cluster.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`, `ELECTION_NOT_NEEDED`,
//!   `PREFERRED_LEADER_NOT_AVAILABLE`, `ELIGIBLE_LEADERS_NOT_AVAILABLE` (unclean). For all: `INVALID_REQUEST` (an
//!   election type that there is not).
//! * No topics means all partitions; those without need are left out then.
//! * Source: KIP-183, KIP-460, `ReplicationControlManager.electLeaders`,
//!   <https://kafka.apache.org/protocol#The_Messages_ElectLeaders>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::Refusal;
use crate::wire::messages::elect_leaders::ElectLeadersRequest;
use crate::wire::messages::elect_leaders::ElectLeadersResponse;
use crate::wire::messages::elect_leaders::PartitionResult;
use crate::wire::messages::elect_leaders::ReplicaElectionResult;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: ElectLeadersRequest,
) -> Outcome<ElectLeadersResponse> {
    let election = request.election_type;
    if ![PREFERRED, UNCLEAN].contains(&election) {
        return Outcome::Reply(refuse(&request, ErrorCode::INVALID_REQUEST));
    }
    let is_all = request.topic_partitions.is_none();
    let wanted: Vec<(String, Vec<i32>)> = match request.topic_partitions {
        Some(topics) => topics.into_iter().map(|topic| (topic.topic.to_string(), topic.partitions)).collect(),
        None => {
            let all = state.topics.iter();
            all.map(|topic| (topic.name.to_string(), topic.partitions().map(|index| index.0).collect())).collect()
        }
    };
    let rows = wanted.into_iter().map(|(topic, partitions)| {
        let results = partitions.into_iter().map(|partition_id| {
            let elected = elect(state, ctx, &topic, partition_id, election);
            let (code, error_message) = elected.map_or_else(Refusal::answer, |()| (ErrorCode::NONE, None));
            PartitionResult { partition_id, error_code: code.code(), error_message, ..PartitionResult::default() }
        });
        let not_needed = ErrorCode::ELECTION_NOT_NEEDED.code();
        let partition_result = results.filter(|row| !is_all || row.error_code != not_needed).collect();
        ReplicaElectionResult { topic: topic.into(), partition_result, ..ReplicaElectionResult::default() }
    });
    let replica_election_results = rows.collect();
    Outcome::Reply(ElectLeadersResponse { replica_election_results, ..ElectLeadersResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &ElectLeadersRequest, code: ErrorCode) -> ElectLeadersResponse {
    let topics = request.topic_partitions.iter().flatten().map(|topic| {
        let rows = topic.partitions.iter().map(|partition_id| PartitionResult {
            partition_id: *partition_id,
            error_code: code.code(),
            ..PartitionResult::default()
        });
        let partition_result = rows.collect();
        ReplicaElectionResult { topic: topic.topic.clone(), partition_result, ..ReplicaElectionResult::default() }
    });
    ElectLeadersResponse {
        error_code: code.code(),
        replica_election_results: topics.collect(),
        ..ElectLeadersResponse::default()
    }
}

fn elect(state: &mut State, ctx: &RequestContext, topic: &str, partition: i32, election: i8) -> Result<(), Refusal> {
    let unknown = |what: String| Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what);
    let found = state.topics.get(topic);
    let id = found.ok_or_else(|| unknown(format!("No such topic as {topic}")))?.id;
    let key = (id, PartitionIndex(partition));
    let log = state.find_partition(key.0, key.1);
    let log = log.ok_or_else(|| unknown(format!("No such partition as {topic}-{partition}")))?;
    let not_needed = || {
        let message = "Leader election not needed for topic partition.";
        Err(Refusal::new(ErrorCode::ELECTION_NOT_NEEDED, message))
    };
    if election == PREFERRED {
        return match state.elect_preferred(ctx.now, key) {
            Some(true) => Ok(()),
            Some(false) => not_needed(),
            None => {
                let message = "The preferred leader was not available.";
                Err(Refusal::new(ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE, message))
            }
        };
    }
    if log.leader() != BrokerId::NONE {
        return not_needed();
    }
    let isr = log.isr().to_vec();
    let Some(choice) = state.choose_leader(log, &isr, true) else {
        let message = "Eligible topic partition leaders are not available.";
        return Err(Refusal::new(ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE, message));
    };
    let isr = if choice.is_clean { isr } else { vec![choice.leader] };
    state.set_leader(ctx.now, key, choice, &isr);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerAction;
    use crate::base::PartitionAction;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::elect_leaders::TopicPartitions;

    fn request(election_type: i8, rows: Option<&[(&str, i32)]>) -> ElectLeadersRequest {
        let row = |(topic, partition): &(&str, i32)| TopicPartitions {
            topic: (*topic).into(),
            partitions: vec![*partition],
            ..TopicPartitions::default()
        };
        let topic_partitions = rows.map(|rows| rows.iter().map(row).collect());
        ElectLeadersRequest { election_type, topic_partitions, ..ElectLeadersRequest::default() }
    }

    fn rows(response: &ElectLeadersResponse) -> Vec<(&str, i32, ErrorCode)> {
        let rows = response.replica_election_results.iter().flat_map(|topic| {
            topic.partition_result.iter().map(|row| (&*topic.topic, row.partition_id, ErrorCode::new(row.error_code)))
        });
        rows.collect()
    }

    fn leader(cluster: &TestCluster) -> i32 {
        cluster.engine.topic_snapshot("a").unwrap().partitions[0].leader.0
    }

    #[test]
    fn each_version_brings_the_preferred_replica_back() {
        for version in 0..=2 {
            let mut cluster = TestCluster::new(3).topic("a", 1, 3).topic("b", 1, 1);
            cluster.partition("a", PartitionAction::Elect { broker: BrokerId(2) });
            let response = cluster.ask(version, request(PREFERRED, None));
            assert_eq!((rows(&response), leader(&cluster)), (vec![("a", 0, ErrorCode::NONE)], 1), "{version}");
            let response = cluster.ask(version, request(PREFERRED, Some(&[("a", 0)])));
            assert_eq!(rows(&response), [("a", 0, ErrorCode::ELECTION_NOT_NEEDED)]);
        }
    }

    #[test]
    fn an_unclean_election_takes_whoever_is_there() {
        let mut cluster = TestCluster::new(2).topic("a", 1, 2);
        cluster.broker(2, BrokerAction::Shutdown);
        let one = [("a", 0)];
        cluster.broker(1, BrokerAction::Fence);
        assert_eq!(leader(&cluster), -1);
        let asked = || request(UNCLEAN, Some(&one));
        assert_eq!(rows(&cluster.ask(2, asked())), [("a", 0, ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE)]);
        cluster.broker(2, BrokerAction::Restart);
        assert_eq!(leader(&cluster), -1);
        assert_eq!(rows(&cluster.ask(2, asked())), [("a", 0, ErrorCode::NONE)]);
        assert_eq!(leader(&cluster), 2);
        assert_eq!(rows(&cluster.ask(2, asked())), [("a", 0, ErrorCode::ELECTION_NOT_NEEDED)]);
    }

    #[test]
    fn each_refusal_has_kafkas_code() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 3);
        cluster.broker(1, BrokerAction::Shutdown);
        let mut check = |topic: &str, partition: i32, expected: ErrorCode| {
            let response = cluster.ask_broker(2, 2, request(PREFERRED, Some(&[(topic, partition)])));
            assert_eq!((rows(&response), response.error_code), (vec![(topic, partition, expected)], 0));
        };
        check("b", 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check("a", 3, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check("a", 0, ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
        let response = cluster.ask_broker(2, 2, request(5, Some(&[("a", 0)])));
        assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST.code());
        assert_eq!(rows(&response), [("a", 0, ErrorCode::INVALID_REQUEST)]);
    }
}
