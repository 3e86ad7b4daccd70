//! `ListPartitionReassignments` (key 46): list the moves of partitions that are under way.
//!
//! * Needs `DESCRIBE` on the cluster.
//! * No errors.
//! * Topics and partitions that are not being moved, or do not exist, have no rows; no topics means all of them.
//! * Source: KIP-455, `ReplicationControlManager.listPartitionReassignments`,
//!   <https://kafka.apache.org/protocol#The_Messages_ListPartitionReassignments>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::metadata::Topic;
use crate::wire::messages::list_partition_reassignments::ListPartitionReassignmentsRequest;
use crate::wire::messages::list_partition_reassignments::ListPartitionReassignmentsResponse;
use crate::wire::messages::list_partition_reassignments::OngoingPartitionReassignment;
use crate::wire::messages::list_partition_reassignments::OngoingTopicReassignment;

pub(super) fn handle(
    state: &State,
    _ctx: &RequestContext,
    request: ListPartitionReassignmentsRequest,
) -> Outcome<ListPartitionReassignmentsResponse> {
    let topics = match request.topics {
        None => state.topics.iter().filter_map(|topic| describe(state, topic, topic.partitions())).collect(),
        Some(topics) => {
            let rows = topics.into_iter().filter_map(|wanted| {
                let topic = state.topics.get(&wanted.name)?;
                describe(state, topic, wanted.partition_indexes.into_iter().map(PartitionIndex))
            });
            rows.collect()
        }
    };
    Outcome::Reply(ListPartitionReassignmentsResponse { topics, ..ListPartitionReassignmentsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(
    _request: &ListPartitionReassignmentsRequest,
    code: ErrorCode,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse { error_code: code.code(), ..ListPartitionReassignmentsResponse::default() }
}

/// The moves of a topic's partitions; `None` when there is none.
fn describe(
    state: &State,
    topic: &Topic,
    partitions: impl Iterator<Item = PartitionIndex>,
) -> Option<OngoingTopicReassignment> {
    let numbers = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect();
    let rows = partitions.filter_map(|index| {
        let under_way = state.reassignment((topic.id, index))?;
        let log = state.find_partition(topic.id, index)?;
        Some(OngoingPartitionReassignment {
            partition_index: index.0,
            replicas: log.replicas().iter().map(|replica| replica.broker().0).collect(),
            adding_replicas: numbers(&under_way.adding),
            removing_replicas: numbers(&under_way.removing),
            ..OngoingPartitionReassignment::default()
        })
    });
    let partitions: Vec<_> = rows.collect();
    let name = topic.name.as_str().into();
    (!partitions.is_empty()).then(|| OngoingTopicReassignment {
        name,
        partitions,
        ..OngoingTopicReassignment::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LinkAction;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::list_partition_reassignments::ListPartitionReassignmentsTopics;

    #[test]
    fn only_what_is_asked_for_and_under_way_is_shown() {
        let mut cluster = TestCluster::new(3).topic("a", 2, 1).topic("b", 1, 1);
        cluster.link(3, 1, LinkAction::Cut);
        let key = (cluster.engine.state.topics.get("a").unwrap().id, PartitionIndex(0));
        cluster.append("a", 0, &["x"]);
        cluster.engine.state.reassign(cluster.now, key, &[BrokerId(3)]);
        let mut check = |wanted: Option<&[(&str, &[i32])]>, expected: &[(&str, i32)]| {
            let topics = wanted.map(|wanted| {
                let rows = wanted.iter().map(|(name, indexes)| ListPartitionReassignmentsTopics {
                    name: (*name).into(),
                    partition_indexes: indexes.to_vec(),
                    ..ListPartitionReassignmentsTopics::default()
                });
                rows.collect()
            });
            let asked = ListPartitionReassignmentsRequest { topics, ..ListPartitionReassignmentsRequest::default() };
            let response = cluster.ask(0, asked);
            let rows = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|row| (&*topic.name, row.partition_index)).collect::<Vec<_>>()
            });
            assert_eq!(rows.collect::<Vec<_>>(), expected);
        };
        check(None, &[("a", 0)]);
        check(Some(&[]), &[]);
        check(Some(&[("a", &[0, 1, 7]), ("b", &[0]), ("c", &[0])]), &[("a", 0)]);
    }
}
