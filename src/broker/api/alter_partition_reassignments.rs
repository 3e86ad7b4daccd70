//! `AlterPartitionReassignments` (key 45): move partitions to other brokers, or call moves off.
//!
//! * Needs `ALTER` on the cluster.
//! * Errors per partition, in Kafka's order: `UNKNOWN_TOPIC_OR_PARTITION`, `NO_REASSIGNMENT_IN_PROGRESS` (nothing to
//!   call off), `INVALID_REPLICATION_FACTOR` (it would change, and the request does not allow that),
//!   `INVALID_REPLICA_ASSIGNMENT`.
//! * A move is done when all replicas that come are in sync; until then those that go stay.
//! * Source: KIP-455, KIP-860, `ReplicationControlManager.alterPartitionReassignments`,
//!   <https://kafka.apache.org/protocol#The_Messages_AlterPartitionReassignments>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::Refusal;
use crate::wire::messages::alter_partition_reassignments::AlterPartitionReassignmentsRequest;
use crate::wire::messages::alter_partition_reassignments::AlterPartitionReassignmentsResponse;
use crate::wire::messages::alter_partition_reassignments::ReassignablePartition;
use crate::wire::messages::alter_partition_reassignments::ReassignablePartitionResponse;
use crate::wire::messages::alter_partition_reassignments::ReassignableTopicResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: AlterPartitionReassignmentsRequest,
) -> Outcome<AlterPartitionReassignmentsResponse> {
    let allow = request.allow_replication_factor_change;
    let responses = request.topics.into_iter().map(|topic| {
        let rows = topic.partitions.iter().map(|wanted| {
            let done = alter(state, ctx, &topic.name, wanted, allow);
            let (code, error_message) = done.map_or_else(Refusal::answer, |()| (ErrorCode::NONE, None));
            ReassignablePartitionResponse {
                partition_index: wanted.partition_index,
                error_code: code.code(),
                error_message,
                ..ReassignablePartitionResponse::default()
            }
        });
        let partitions = rows.collect();
        ReassignableTopicResponse { name: topic.name, partitions, ..ReassignableTopicResponse::default() }
    });
    let responses = responses.collect();
    Outcome::Reply(AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: allow,
        responses,
        ..AlterPartitionReassignmentsResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(
    request: &AlterPartitionReassignmentsRequest,
    code: ErrorCode,
) -> AlterPartitionReassignmentsResponse {
    let row = |wanted: &ReassignablePartition| ReassignablePartitionResponse {
        partition_index: wanted.partition_index,
        error_code: code.code(),
        ..ReassignablePartitionResponse::default()
    };
    let topics = request.topics.iter().map(|topic| ReassignableTopicResponse {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(row).collect(),
        ..ReassignableTopicResponse::default()
    });
    AlterPartitionReassignmentsResponse {
        error_code: code.code(),
        responses: topics.collect(),
        ..AlterPartitionReassignmentsResponse::default()
    }
}

fn alter(
    state: &mut State,
    ctx: &RequestContext,
    topic: &str,
    wanted: &ReassignablePartition,
    allow_replication_factor_change: bool,
) -> Result<(), Refusal> {
    let unknown = |what: String| Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what);
    let found = state.topics.get(topic);
    let id = found.ok_or_else(|| unknown(format!("Unable to find a topic named {topic}.")))?.id;
    let index = wanted.partition_index;
    let key = (id, PartitionIndex(index));
    let present = state.find_partition(key.0, key.1).map(|log| log.replicas().len());
    let present = present.ok_or_else(|| unknown(format!("Unable to find partition {topic}:{index}.")))?;
    let Some(replicas) = &wanted.replicas else {
        if state.cancel_reassignment(ctx.now, key) {
            return Ok(());
        }
        let message = "No partition reassignment is in progress.";
        return Err(Refusal::new(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, message));
    };
    let replicas: Vec<BrokerId> = replicas.iter().copied().map(BrokerId).collect();
    // Of a move that is under way, its end counts.
    let factor = state.reassignment(key).map_or(present, |under_way| under_way.target.len());
    if !allow_replication_factor_change && factor != replicas.len() {
        let message = format!("The replication factor is changed from {factor} to {}", replicas.len());
        return Err(Refusal::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    state.check_replicas(&replicas, None)?;
    state.reassign(ctx.now, key, &replicas);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerAction;
    use crate::base::LinkAction;
    use crate::broker::PartitionSnapshot;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::alter_partition_reassignments::ReassignableTopic;
    use crate::wire::messages::list_partition_reassignments::ListPartitionReassignmentsRequest;

    fn request(topic: &str, partition_index: i32, replicas: Option<&[i32]>) -> AlterPartitionReassignmentsRequest {
        let replicas = replicas.map(<[i32]>::to_vec);
        let row = ReassignablePartition { partition_index, replicas, ..ReassignablePartition::default() };
        let topic = ReassignableTopic { name: topic.into(), partitions: vec![row], ..ReassignableTopic::default() };
        AlterPartitionReassignmentsRequest { topics: vec![topic], ..AlterPartitionReassignmentsRequest::default() }
    }

    fn move_to(cluster: &mut TestCluster, replicas: Option<&[i32]>) -> ErrorCode {
        let response = cluster.ask(1, request("a", 0, replicas));
        ErrorCode::new(response.responses[0].partitions[0].error_code)
    }

    fn look(cluster: &TestCluster) -> PartitionSnapshot {
        cluster.engine.topic_snapshot("a").unwrap().partitions.remove(0)
    }

    fn ids(brokers: &[BrokerId]) -> Vec<i32> {
        brokers.iter().map(|id| id.0).collect()
    }

    /// Replicas, those that come and those that go, of the moves under way.
    fn under_way(cluster: &mut TestCluster) -> Vec<(Vec<i32>, Vec<i32>, Vec<i32>)> {
        let response = cluster.ask(0, ListPartitionReassignmentsRequest::default());
        let rows = response.topics.into_iter().flat_map(|topic| topic.partitions);
        rows.map(|row| (row.replicas, row.adding_replicas, row.removing_replicas)).collect()
    }

    #[test]
    fn a_partition_moves_with_its_records() {
        for version in [0, 1] {
            let mut cluster = TestCluster::new(4).topic("a", 1, 2);
            cluster.append("a", 0, &["x"]);
            let response = cluster.ask(version, request("a", 0, Some(&[3, 4])));
            assert_eq!((response.error_code, response.responses[0].partitions[0].error_code), (0, 0));
            let seen = look(&cluster);
            assert_eq!((ids(&seen.replicas), seen.leader, seen.leader_epoch.0), (vec![3, 4], BrokerId(3), 1));
            let mut isr = ids(&seen.isr);
            isr.sort_unstable();
            assert_eq!((isr, seen.high_watermark.0), (vec![3, 4], 1));
            assert_eq!(under_way(&mut cluster), []);
        }
    }

    #[test]
    fn a_move_waits_for_those_that_come_and_can_be_called_off() {
        let mut cluster = TestCluster::new(4).topic("a", 1, 2);
        cluster.append("a", 0, &["x"]);
        cluster.link(3, 1, LinkAction::Cut);
        assert_eq!(move_to(&mut cluster, Some(&[1, 3])), ErrorCode::NONE);
        assert_eq!(under_way(&mut cluster), [(vec![1, 3, 2], vec![3], vec![2])]);
        assert_eq!(ids(&look(&cluster).isr), [1, 2]);
        assert_eq!(move_to(&mut cluster, None), ErrorCode::NONE);
        assert_eq!(under_way(&mut cluster), []);
        assert_eq!(ids(&look(&cluster).replicas), [1, 2]);
        assert_eq!(move_to(&mut cluster, None), ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
        assert_eq!(move_to(&mut cluster, Some(&[1, 3])), ErrorCode::NONE);
        cluster.link(3, 1, LinkAction::Heal);
        assert_eq!((ids(&look(&cluster).replicas), under_way(&mut cluster)), (vec![1, 3], vec![]));
        assert_eq!(look(&cluster).leader, BrokerId(1));
    }

    #[test]
    fn a_dead_broker_is_replaced_by_another() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 2);
        cluster.append("a", 0, &["x"]);
        cluster.broker(2, BrokerAction::Shutdown);
        assert_eq!(move_to(&mut cluster, Some(&[1, 3])), ErrorCode::NONE);
        assert_eq!((ids(&look(&cluster).replicas), ids(&look(&cluster).isr)), (vec![1, 3], vec![1, 3]));
    }

    #[test]
    fn each_refusal_has_kafkas_code() {
        let mut cluster = TestCluster::new(3).topic("a", 1, 2);
        let mut check = |asked: AlterPartitionReassignmentsRequest, expected: ErrorCode, message: &str| {
            let response = cluster.ask(1, asked);
            let row = &response.responses[0].partitions[0];
            assert_eq!((row.error_code, row.error_message.as_deref()), (expected.code(), Some(message)));
        };
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        check(request("b", 0, Some(&[1])), unknown, "Unable to find a topic named b.");
        check(request("a", 7, Some(&[1])), unknown, "Unable to find partition a:7.");
        let none = "No partition reassignment is in progress.";
        check(request("a", 0, None), ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, none);
        let invalid = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
        let message = "The manual partition assignment includes broker 9, but no such broker is registered.";
        check(request("a", 0, Some(&[9])), invalid, message);
        let fixed = |replicas| AlterPartitionReassignmentsRequest {
            allow_replication_factor_change: false,
            ..request("a", 0, Some(replicas))
        };
        let message = "The replication factor is changed from 2 to 1";
        check(fixed(&[1]), ErrorCode::INVALID_REPLICATION_FACTOR, message);
    }
}
