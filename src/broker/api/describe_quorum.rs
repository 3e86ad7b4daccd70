//! `DescribeQuorum` (key 55): show the quorum of controllers.
//!
//! * Needs `DESCRIBE` on the cluster.
//! * Errors per partition: `UNKNOWN_TOPIC_OR_PARTITION`, for anything but partition 0 of `__cluster_metadata`.
//! * Differs: there is no metadata log. Every broker is a voter; the log's end is counted as if the controller wrote
//!   a record every half second, as Kafka's does when nothing happens, and those that are down have nothing of it.
//! * Source: KIP-595, KIP-836, KIP-853, `KafkaRaftClient.handleDescribeQuorumRequest`,
//!   <https://kafka.apache.org/protocol#The_Messages_DescribeQuorum>.

use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::CLUSTER_METADATA;
use crate::wire::messages::describe_quorum::DescribeQuorumRequest;
use crate::wire::messages::describe_quorum::DescribeQuorumResponse;
use crate::wire::messages::describe_quorum::Listener;
use crate::wire::messages::describe_quorum::Node;
use crate::wire::messages::describe_quorum::PartitionData;
use crate::wire::messages::describe_quorum::ReplicaState;
use crate::wire::messages::describe_quorum::ResponsePartitionData;
use crate::wire::messages::describe_quorum::ResponseTopicData;

/// `metadata.max.idle.interval.ms`.
const IDLE_INTERVAL_MS: u128 = 500;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: DescribeQuorumRequest,
) -> Outcome<DescribeQuorumResponse> {
    let is_the_one = match &request.topics[..] {
        [topic] => {
            &*topic.topic_name == CLUSTER_METADATA
                && matches!(&topic.partitions[..], [PartitionData { partition_index: 0, .. }])
        }
        _ => false,
    };
    if !is_the_one {
        let refused = refuse(&request, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        return Outcome::Reply(DescribeQuorumResponse { error_code: 0, ..refused });
    }
    let end = i64::try_from(ctx.now.since_start().as_millis() / IDLE_INTERVAL_MS).unwrap_or(i64::MAX);
    let voters = state.brokers.iter().map(|broker| {
        let follows = state.brokers.is_running(broker.id);
        ReplicaState {
            replica_id: broker.id.0,
            log_end_offset: if follows { end } else { -1 },
            last_fetch_timestamp: if follows { ctx.timestamp.0 } else { -1 },
            last_caught_up_timestamp: if follows { ctx.timestamp.0 } else { -1 },
            ..ReplicaState::default()
        }
    });
    let row = ResponsePartitionData {
        partition_index: 0,
        leader_id: state.brokers.controller().0,
        leader_epoch: 1,
        high_watermark: end,
        current_voters: voters.collect(),
        ..ResponsePartitionData::default()
    };
    let topic = ResponseTopicData {
        topic_name: CLUSTER_METADATA.into(),
        partitions: vec![row],
        ..ResponseTopicData::default()
    };
    let nodes = state.brokers.iter().map(|broker| Node {
        node_id: broker.id.0,
        listeners: vec![Listener {
            name: "CONTROLLER".into(),
            host: broker.host.as_str().into(),
            port: broker.port,
            ..Listener::default()
        }],
        ..Node::default()
    });
    let nodes = nodes.collect();
    Outcome::Reply(DescribeQuorumResponse { topics: vec![topic], nodes, ..DescribeQuorumResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeQuorumRequest, code: ErrorCode) -> DescribeQuorumResponse {
    let row = |asked: &PartitionData| ResponsePartitionData {
        partition_index: asked.partition_index,
        error_code: code.code(),
        ..ResponsePartitionData::default()
    };
    let topics = request.topics.iter().map(|topic| ResponseTopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic.partitions.iter().map(row).collect(),
        ..ResponseTopicData::default()
    });
    DescribeQuorumResponse { error_code: code.code(), topics: topics.collect(), ..DescribeQuorumResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BrokerAction;
    use crate::base::BrokerId;
    use crate::base::Command;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::describe_quorum::TopicData;

    fn request(topic: &str, partition_index: i32) -> DescribeQuorumRequest {
        let partitions = vec![PartitionData { partition_index, ..PartitionData::default() }];
        let topic = TopicData { topic_name: topic.into(), partitions, ..TopicData::default() };
        DescribeQuorumRequest { topics: vec![topic], ..DescribeQuorumRequest::default() }
    }

    #[test]
    fn each_version_shows_the_controller_and_the_voters() {
        for version in 0..=2 {
            let mut cluster = TestCluster::new(3);
            cluster.pass_ms(1_000);
            cluster.apply(Command::MoveController { broker: BrokerId(2) });
            cluster.broker(3, BrokerAction::Crash);
            let response = cluster.ask(version, request(CLUSTER_METADATA, 0));
            let row = &response.topics[0].partitions[0];
            assert_eq!((row.error_code, row.leader_id, row.high_watermark), (0, 2, 2));
            let voters: Vec<_> = row.current_voters.iter().map(|row| (row.replica_id, row.log_end_offset)).collect();
            assert_eq!(voters, [(1, 2), (2, 2), (3, -1)]);
            assert_eq!(response.nodes.len(), if version >= 2 { 3 } else { 0 });
        }
    }

    #[test]
    fn there_is_one_quorum_only() {
        let mut cluster = TestCluster::new(1).topic("a", 1, 1);
        for (topic, partition) in [("a", 0), (CLUSTER_METADATA, 1)] {
            let response = cluster.ask(2, request(topic, partition));
            assert_eq!(response.error_code, 0);
            let row = &response.topics[0].partitions[0];
            assert_eq!(row.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code());
        }
    }
}
