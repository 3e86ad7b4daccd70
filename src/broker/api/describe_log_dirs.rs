//! `DescribeLogDirs` (key 35): show the log directories of a broker and the replicas in them.
//!
//! * Needs `DESCRIBE` on the cluster.
//! * Errors: `CLUSTER_AUTHORIZATION_FAILED` (from version 3).
//! * Shows the replicas of the broker that is asked. Partitions that it does not hold have no rows.
//! * Differs: logs live in memory, under the first directory of `log.dirs` or `log.dir`; the sizes of its volume are
//!   not known (-1).
//! * Source: KIP-113, KIP-827, `ReplicaManager.describeLogDirs`,
//!   <https://kafka.apache.org/protocol#The_Messages_DescribeLogDirs>.

use crate::base::ErrorCode;
use crate::base::PartitionIndex;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::metadata::Topic;
use crate::wire::messages::describe_log_dirs::DescribableLogDirTopic;
use crate::wire::messages::describe_log_dirs::DescribeLogDirsPartition;
use crate::wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use crate::wire::messages::describe_log_dirs::DescribeLogDirsResponse;
use crate::wire::messages::describe_log_dirs::DescribeLogDirsResult;
use crate::wire::messages::describe_log_dirs::DescribeLogDirsTopic;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The partitions that were asked for, by topic.
type Wanted = BTreeMap<String, BTreeSet<i32>>;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: DescribeLogDirsRequest,
) -> Outcome<DescribeLogDirsResponse> {
    let wanted = request.topics.map(wanted);
    let layers = state.settings.layers(ctx.broker);
    let dirs = layers.text("log.dirs").or_else(|| layers.text("log.dir")).unwrap_or_default();
    let first = dirs.split(',').next().unwrap_or_default().trim();
    let result = DescribeLogDirsResult {
        log_dir: first.into(),
        topics: state.topics.iter().filter_map(|topic| describe(state, ctx, topic, wanted.as_ref())).collect(),
        ..DescribeLogDirsResult::default()
    };
    Outcome::Reply(DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &DescribeLogDirsRequest, code: ErrorCode) -> DescribeLogDirsResponse {
    // Before version 3 only the rows have a code, and no directory is named by the request.
    let row = DescribeLogDirsResult { error_code: code.code(), ..DescribeLogDirsResult::default() };
    DescribeLogDirsResponse { error_code: code.code(), results: vec![row], ..DescribeLogDirsResponse::default() }
}

fn wanted(topics: Vec<DescribableLogDirTopic>) -> Wanted {
    let mut wanted = Wanted::new();
    for topic in topics {
        wanted.entry(topic.topic.to_string()).or_default().extend(topic.partitions);
    }
    wanted
}

/// The replicas that a broker holds of a topic; `None` when there is none to show.
fn describe(
    state: &State,
    ctx: &RequestContext,
    topic: &Topic,
    wanted: Option<&Wanted>,
) -> Option<DescribeLogDirsTopic> {
    let is_wanted = |index: PartitionIndex| {
        wanted.is_none_or(|all| all.get(topic.name.as_str()).is_some_and(|some| some.contains(&index.0)))
    };
    let rows = topic.partitions().filter(|index| is_wanted(*index)).filter_map(|index| {
        let replica = state.find_partition(topic.id, index)?.replica(ctx.broker)?;
        let lag = replica.high_watermark().0 - replica.log().log_end_offset().0;
        Some(DescribeLogDirsPartition {
            partition_index: index.0,
            partition_size: i64::try_from(replica.log().size_in_bytes()).unwrap_or(i64::MAX),
            offset_lag: lag.max(0),
            ..DescribeLogDirsPartition::default()
        })
    });
    let partitions: Vec<_> = rows.collect();
    let name = topic.name.as_str().into();
    (!partitions.is_empty()).then(|| DescribeLogDirsTopic { name, partitions, ..DescribeLogDirsTopic::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::broker::api::testing::batch;

    fn rows(response: &DescribeLogDirsResponse) -> Vec<(&str, i32, i64)> {
        assert_eq!(response.error_code, 0);
        let [dir] = &response.results[..] else { panic!("not one directory") };
        assert_eq!((dir.error_code, &*dir.log_dir), (0, "/tmp/kafka-logs"));
        assert_eq!((dir.total_bytes, dir.usable_bytes), (-1, -1));
        let mut rows = Vec::new();
        for topic in &dir.topics {
            for row in &topic.partitions {
                assert_eq!((row.offset_lag, row.is_future_key), (0, false));
                rows.push((&*topic.name, row.partition_index, row.partition_size));
            }
        }
        rows
    }

    fn asked(topics: &[(&str, &[i32])]) -> DescribeLogDirsRequest {
        let topics = topics.iter().map(|(topic, partitions)| DescribableLogDirTopic {
            topic: (*topic).into(),
            partitions: partitions.to_vec(),
            ..DescribableLogDirTopic::default()
        });
        DescribeLogDirsRequest { topics: Some(topics.collect()), ..DescribeLogDirsRequest::default() }
    }

    #[test]
    fn each_version_shows_the_replicas_of_the_broker_that_is_asked() {
        let mut cluster = TestCluster::new(3).topic("b", 3, 1).topic("a", 3, 2);
        cluster.append("a", 1, &["x"]);
        let size = i64::try_from(batch(&["x"]).to_bytes().len()).unwrap();
        for version in 0..=4 {
            let mut check = |broker: i32, expected: &[(&str, i32, i64)]| {
                let response = cluster.ask_broker(broker, version, DescribeLogDirsRequest::default());
                assert_eq!(rows(&response), expected, "{version}");
            };
            check(1, &[("a", 0, 0), ("a", 2, 0), ("b", 0, 0)]);
            check(2, &[("a", 0, 0), ("a", 1, size), ("b", 1, 0)]);
            check(3, &[("a", 1, size), ("a", 2, 0), ("b", 2, 0)]);
        }
    }

    #[test]
    fn only_what_is_asked_for_is_shown_and_what_is_not_there_is_left_out() {
        let mut cluster = TestCluster::new(1).topic("a", 2, 1).topic("b", 1, 1);
        let mut check = |topics: &[(&str, &[i32])], expected: &[(&str, i32, i64)]| {
            assert_eq!(rows(&cluster.ask(4, asked(topics))), expected);
        };
        check(&[], &[]);
        check(&[("a", &[1, 7, -1]), ("absent", &[0])], &[("a", 1, 0)]);
        check(&[("b", &[0]), ("a", &[])], &[("b", 0, 0)]);
    }

    #[test]
    fn the_directory_is_the_one_that_is_configured() {
        let mut cluster = TestCluster::with_config(1, &[("log.dirs", "/data/one,/data/two")]);
        let response = cluster.ask(4, DescribeLogDirsRequest::default());
        assert_eq!(&*response.results[0].log_dir, "/data/one");
    }
}
