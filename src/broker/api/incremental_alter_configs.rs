//! `IncrementalAlterConfigs` (key 44): change single configs of resources.
//!
//! * Needs `ALTER_CONFIGS` on each topic and group, and on the cluster for the other resources.
//! * Errors per resource, in Kafka's order: `INVALID_REQUEST` (the same resource or config twice, a null value, an
//!   unknown type of resource, a broker's config that is not valid), `UNKNOWN_SERVER_ERROR` (an unknown operation),
//!   `INVALID_CONFIG` (a list operation on what is no list), `INVALID_TOPIC_EXCEPTION`, `INVALID_CONFIG`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`. A resource that is refused does not keep the others from being altered.
//! * Differs: an unknown operation fails its own resource only, where Kafka fails all that the controller handles; log
//!   levels are kept and shown, but there are no loggers behind them; a client matching pattern need not be a regular
//!   expression; what topics fall back to is that of the broker with the lowest id, not of each leader.
//! * Source: KIP-339, KIP-412, <https://kafka.apache.org/protocol#The_Messages_IncrementalAlterConfigs>.

use crate::base::ErrorCode;
use crate::broker::configs::Alteration;
use crate::broker::configs::Change;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::incremental_alter_configs::AlterConfigsResource;
use crate::wire::messages::incremental_alter_configs::AlterConfigsResourceResponse;
use crate::wire::messages::incremental_alter_configs::IncrementalAlterConfigsRequest;
use crate::wire::messages::incremental_alter_configs::IncrementalAlterConfigsResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> Outcome<IncrementalAlterConfigsResponse> {
    let wanted: Vec<_> = request.resources.iter().map(wanted).collect();
    let results = state.alter_configs(ctx, &wanted, request.validate_only);
    let responses = request.resources.iter().zip(results).map(|(resource, result)| {
        let (code, message) = result.map_or_else(|why| why.answer(), |()| (ErrorCode::NONE, None));
        AlterConfigsResourceResponse {
            error_code: code.code(),
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..AlterConfigsResourceResponse::default()
        }
    });
    Outcome::Reply(IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &IncrementalAlterConfigsRequest, code: ErrorCode) -> IncrementalAlterConfigsResponse {
    let rows = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code: code.code(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..AlterConfigsResourceResponse::default()
    });
    IncrementalAlterConfigsResponse { responses: rows.collect(), ..IncrementalAlterConfigsResponse::default() }
}

fn wanted(resource: &AlterConfigsResource) -> Alteration<'_> {
    let changes = resource.configs.iter().map(|config| Change {
        name: &config.name,
        op: config.config_operation,
        value: config.value.as_deref(),
    });
    Alteration {
        resource_type: resource.resource_type,
        name: &resource.resource_name,
        changes: changes.collect(),
        replaces: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PartitionIndex;
    use crate::base::ProducerEpoch;
    use crate::base::ProducerId;
    use crate::base::Timestamp;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::batch::BatchBuilder;
    use crate::wire::messages::incremental_alter_configs::AlterableConfig;

    const SET: i8 = 0;
    const DELETE: i8 = 1;
    const APPEND: i8 = 2;
    const SUBTRACT: i8 = 3;

    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;
    const LOGGER: i8 = 8;
    const METRICS: i8 = 16;
    const GROUP: i8 = 32;

    type Wanted<'a> = (i8, &'a str, &'a [(&'a str, i8, Option<&'a str>)]);

    fn request(resources: &[Wanted<'_>], validate_only: bool) -> IncrementalAlterConfigsRequest {
        let config = |(name, op, value): &(&str, i8, Option<&str>)| AlterableConfig {
            name: (*name).into(),
            config_operation: *op,
            value: value.map(Into::into),
            ..AlterableConfig::default()
        };
        let resource = |(kind, name, configs): &Wanted<'_>| AlterConfigsResource {
            resource_type: *kind,
            resource_name: (*name).into(),
            configs: configs.iter().map(config).collect(),
            ..AlterConfigsResource::default()
        };
        let resources = resources.iter().map(resource).collect();
        IncrementalAlterConfigsRequest { resources, validate_only, ..IncrementalAlterConfigsRequest::default() }
    }

    /// Code and sentence of each resource's answer, which must name the resources in the request's order.
    fn alter(cluster: &mut TestCluster, resources: &[Wanted<'_>]) -> Vec<(i16, Option<String>)> {
        let response = cluster.ask(1, request(resources, false));
        let named = |row: &AlterConfigsResourceResponse| (row.resource_type, row.resource_name.to_string());
        let wanted: Vec<_> = resources.iter().map(|(kind, name, _)| (*kind, (*name).to_owned())).collect();
        assert_eq!(response.responses.iter().map(named).collect::<Vec<_>>(), wanted);
        response.responses.into_iter().map(|row| (row.error_code, row.error_message.map(Into::into))).collect()
    }

    fn cluster() -> TestCluster {
        TestCluster::new(2).topic("t", 1, 1).topic("u", 1, 1)
    }

    /// What broker 1 says of a config: value and source.
    fn shown(cluster: &mut TestCluster, kind: i8, name: &str, config: &str) -> (Option<String>, i8) {
        use crate::wire::messages::describe_configs::DescribeConfigsRequest;
        use crate::wire::messages::describe_configs::DescribeConfigsResource;
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: Some(vec![config.into()]),
            ..DescribeConfigsResource::default()
        };
        let response =
            cluster.ask(4, DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() });
        let row = response.results[0].configs.first().expect("there is such a config");
        (row.value.as_deref().map(str::to_owned), row.config_source)
    }

    #[test]
    fn every_mistake_is_answered_in_kafkas_words() {
        let check = |kind: i8, name: &str, configs: &[(&str, i8, Option<&str>)], expected: (i16, Option<&str>)| {
            let answer = alter(&mut cluster(), &[(kind, name, configs)]);
            assert_eq!(answer, [(expected.0, expected.1.map(str::to_owned))], "{kind} {name} {configs:?}");
        };
        let five = Some("5");
        check(TOPIC, "t", &[("retention.ms", SET, five)], (0, None));
        check(TOPIC, "t", &[], (0, None));
        check(
            TOPIC,
            "t",
            &[("retention.ms", SET, five), ("retention.ms", DELETE, None)],
            (42, Some("Error due to duplicate config keys")),
        );
        check(
            TOPIC,
            "t",
            &[("retention.ms", SET, None), ("cleanup.policy", APPEND, None)],
            (42, Some("Null value not supported for : retention.ms, cleanup.policy")),
        );
        check(TOPIC, "", &[("retention.ms", SET, five)], (42, Some("Default topic resources are not allowed.")));
        check(
            TOPIC,
            "a/b",
            &[("retention.ms", SET, five)],
            (
                17,
                Some(
                    "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', \
                     '_' and '-'",
                ),
            ),
        );
        check(TOPIC, "nope", &[], (3, Some("The topic 'nope' does not exist.")));
        check(
            TOPIC,
            "nope",
            &[("retention.ms", SET, Some("x"))],
            (40, Some("Invalid value x for configuration retention.ms: Not a number of type LONG")),
        );
        check(
            TOPIC,
            "t",
            &[("retention.ms", SET, Some("x")), ("foo", SET, five)],
            (40, Some("Unknown topic config name: foo")),
        );
        check(TOPIC, "t", &[("retention.ms", 9, five)], (-1, None));
        check(TOPIC, "t", &[("retention.ms", -1, None)], (42, Some("Null value not supported for : retention.ms")));
        for kind in [0, 3, 64] {
            let message = format!("Unknown resource type {kind}");
            check(kind, "z", &[("a", SET, five)], (42, Some(message.as_str())));
        }
        check(BROKER, "1", &[("log.retention.ms", 9, five)], (42, Some("Unknown operations type 9")));
        check(BROKER, "x", &[], (42, Some("Node id must be an integer, but it is: x")));
        check(BROKER, "2", &[], (42, Some("Unexpected broker id, expected 1, but received 2")));
        check(BROKER, "-1", &[], (42, Some("Unexpected broker id, expected 1, but received -1")));
        check(BROKER, "1", &[("zork", APPEND, five)], (-1, None));
        check(
            BROKER,
            "1",
            &[("log.retention.ms", SUBTRACT, five)],
            (40, Some("Config value subtract is not allowed for config key: log.retention.ms")),
        );
        check(
            BROKER,
            "1",
            &[("num.partitions", SET, five)],
            (42, Some("Cannot update these configs dynamically: Set(num.partitions)")),
        );
        check(
            BROKER,
            "1",
            &[("min.insync.replicas", SET, five)],
            (40, Some("Broker-level min.insync.replicas cannot be altered while ELR is enabled.")),
        );
        check(
            BROKER,
            "",
            &[("min.insync.replicas", DELETE, None)],
            (40, Some("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")),
        );
        check(BROKER, "", &[("min.insync.replicas", SET, Some("2"))], (0, None));
        check(GROUP, "", &[], (42, Some("Default group resources are not allowed.")));
        check(
            GROUP,
            "g",
            &[("consumer.session.timeout.ms", APPEND, five)],
            (40, Some("Can't APPEND to key consumer.session.timeout.ms because its type is not LIST.")),
        );
        check(METRICS, "", &[], (42, Some("Subscription name can't be empty")));
        check(
            METRICS,
            "m",
            &[("metrics", APPEND, five)],
            (40, Some("Can't APPEND to key metrics because its type is not LIST.")),
        );
        check(METRICS, "m", &[("match", SET, Some("foo"))], (40, Some("Illegal client matching pattern: foo")));
        check(METRICS, "m", &[("match", SET, Some("client_id=a.*,client_source_port=1"))], (0, None));
        check(LOGGER, "", &[], (42, Some("Node id must be an integer, but it is: ")));
        check(LOGGER, "2", &[], (42, Some("Unexpected node id. Expected 1, but received 2")));
        check(LOGGER, "1", &[("no.such", SET, Some("INFO"))], (40, Some("Logger no.such does not exist!")));
        check(
            LOGGER,
            "1",
            &[("root", SET, Some("info"))],
            (
                40,
                Some(
                    "Cannot set the log level of root to info as it is not a supported log level. Valid log levels \
                     are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                ),
            ),
        );
        check(
            LOGGER,
            "1",
            &[("root", DELETE, None)],
            (42, Some("Removing the log level of the root logger is not allowed")),
        );
        check(
            LOGGER,
            "1",
            &[("root", APPEND, Some("INFO"))],
            (42, Some("APPEND operation is not allowed for the BROKER_LOGGER resource")),
        );
    }

    #[test]
    fn a_refused_resource_does_not_keep_the_others_from_being_altered() {
        let mut cluster = cluster();
        let retention: &[_] = &[("retention.ms", SET, Some("111"))];
        let answers = alter(&mut cluster, &[(TOPIC, "nope", retention), (TOPIC, "t", retention)]);
        assert_eq!(answers.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [3, 0]);
        assert_eq!(shown(&mut cluster, TOPIC, "t", "retention.ms"), (Some("111".into()), 1));
    }

    #[test]
    fn a_resource_that_is_there_twice_is_refused_each_time() {
        let mut cluster = cluster();
        let retention: &[_] = &[("retention.ms", SET, Some("111"))];
        let answers = alter(&mut cluster, &[(TOPIC, "t", retention), (TOPIC, "u", retention), (TOPIC, "t", &[])]);
        let twice = (42, Some("Each resource must appear at most once.".to_owned()));
        assert_eq!(answers, [twice.clone(), (0, None), twice]);
        assert_eq!(shown(&mut cluster, TOPIC, "t", "retention.ms").1, 5);
    }

    #[test]
    fn what_is_only_validated_is_not_put_in_force() {
        let mut cluster = cluster();
        let retention: &[_] = &[("retention.ms", SET, Some("111"))];
        let response = cluster.ask(0, request(&[(TOPIC, "t", retention)], true));
        assert_eq!(response.responses[0].error_code, 0);
        assert_eq!(shown(&mut cluster, TOPIC, "t", "retention.ms").1, 5);
    }

    #[test]
    fn operations_change_what_is_set_and_start_from_the_default() {
        let mut cluster = cluster();
        let mut check = |op: i8, value: Option<&str>, expected: (&str, i8)| {
            let answers = alter(&mut cluster, &[(TOPIC, "t", &[("cleanup.policy", op, value)])]);
            assert_eq!(answers, [(0, None)]);
            let (text, source) = shown(&mut cluster, TOPIC, "t", "cleanup.policy");
            assert_eq!((text.as_deref(), source), (Some(expected.0), expected.1));
        };
        check(APPEND, Some("compact"), ("delete,compact", 1));
        check(SUBTRACT, Some("delete"), ("compact", 1));
        check(SET, Some("delete"), ("delete", 1));
        check(DELETE, None, ("delete", 5));
    }

    #[test]
    fn a_brokers_own_value_is_stronger_than_that_of_all() {
        let mut cluster = cluster();
        let set = |value| [("log.retention.ms", SET, Some(value))];
        alter(&mut cluster, &[(BROKER, "1", &set("70000")), (BROKER, "", &set("80000"))]);
        assert_eq!(shown(&mut cluster, BROKER, "1", "log.retention.ms"), (Some("70000".into()), 2));
        assert_eq!(shown(&mut cluster, BROKER, "", "log.retention.ms"), (Some("80000".into()), 3));
        assert_eq!(shown(&mut cluster, TOPIC, "t", "retention.ms"), (Some("70000".into()), 2));
        alter(&mut cluster, &[(BROKER, "1", &[("log.retention.ms", DELETE, None)])]);
        assert_eq!(shown(&mut cluster, TOPIC, "t", "retention.ms"), (Some("80000".into()), 3));
    }

    #[test]
    fn a_name_that_is_another_number_of_the_same_broker_changes_nothing() {
        let mut cluster = cluster();
        let answers = alter(&mut cluster, &[(BROKER, "01", &[("log.retention.ms", SET, Some("50000"))])]);
        assert_eq!(answers, [(0, None)]);
        assert_eq!(shown(&mut cluster, BROKER, "1", "log.retention.ms"), (None, 5));
    }

    #[test]
    fn a_logger_keeps_its_level_until_it_falls_back_to_the_root() {
        let mut cluster = cluster();
        let mut check = |op: i8, value: Option<&str>, expected: &str| {
            alter(&mut cluster, &[(LOGGER, "1", &[("kafka.request.logger", op, value)])]);
            assert_eq!(shown(&mut cluster, LOGGER, "1", "kafka.request.logger"), (Some(expected.into()), 6));
        };
        check(SET, Some("TRACE"), "TRACE");
        check(DELETE, None, "INFO");
    }

    /// Sets one config of the topic `t`, which must be possible.
    fn set(cluster: &mut TestCluster, config: &str, value: &str) {
        assert_eq!(alter(cluster, &[(TOPIC, "t", &[(config, SET, Some(value))])]), [(0, None)]);
    }

    /// Appends a batch with one record, and gives the code with which that is refused.
    fn append(cluster: &mut TestCluster, key: Option<&[u8]>, value: &[u8]) -> Option<ErrorCode> {
        let mut batch = BatchBuilder::new();
        batch.append(cluster.engine.timestamp(cluster.now), key, Some(value), &[]);
        let batches = vec![(PartitionIndex(0), batch.build().unwrap())];
        cluster.engine.append(cluster.now, "t", batches).err().map(|why| why.code)
    }

    /// The base offsets of what is in the partition.
    fn kept(cluster: &TestCluster) -> Vec<i64> {
        cluster.engine.batches("t", PartitionIndex(0)).iter().map(|batch| batch.header.base_offset.0).collect()
    }

    #[test]
    fn a_lower_limit_of_batches_holds_for_the_next_one() {
        let mut cluster = cluster();
        assert_eq!(append(&mut cluster, None, &[0; 200]), None);
        set(&mut cluster, "max.message.bytes", "100");
        assert_eq!(append(&mut cluster, None, &[0; 200]), Some(ErrorCode::MESSAGE_TOO_LARGE));
        alter(&mut cluster, &[(TOPIC, "t", &[("max.message.bytes", DELETE, None)])]);
        assert_eq!(append(&mut cluster, None, &[0; 200]), None);
    }

    #[test]
    fn the_limit_of_all_brokers_holds_for_a_topic_without_its_own() {
        let mut cluster = cluster();
        alter(
            &mut cluster,
            &[(BROKER, "", &[("message.max.bytes", SET, Some("100")), ("min.insync.replicas", SET, Some("1"))])],
        );
        assert_eq!(append(&mut cluster, None, &[0; 200]), Some(ErrorCode::MESSAGE_TOO_LARGE));
        set(&mut cluster, "max.message.bytes", "1000");
        assert_eq!(append(&mut cluster, None, &[0; 200]), None);
    }

    #[test]
    fn a_shorter_retention_drops_records_at_the_next_cleaning() {
        let mut cluster = cluster();
        append(&mut cluster, None, b"old");
        cluster.now = cluster.now.plus_ms(10_000);
        cluster.engine.clean_logs(cluster.now);
        assert_eq!(kept(&cluster), [0]);
        set(&mut cluster, "retention.ms", "5000");
        cluster.engine.clean_logs(cluster.now);
        assert_eq!(kept(&cluster), [0_i64; 0]);
    }

    #[test]
    fn a_topic_that_becomes_compacted_needs_keys_and_loses_old_values() {
        let mut cluster = cluster();
        for config in [("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0")] {
            set(&mut cluster, config.0, config.1);
        }
        for _ in 0..3 {
            append(&mut cluster, Some(b"key"), b"value");
            cluster.now = cluster.now.plus_ms(10);
        }
        cluster.pass_ms(100_000);
        assert_eq!(kept(&cluster), [0, 1, 2]);
        set(&mut cluster, "cleanup.policy", "compact");
        assert_eq!(append(&mut cluster, None, b"value"), Some(ErrorCode::INVALID_RECORD));
        // The cleaner starts by itself, long before the next look at retention.
        cluster.pass_ms(15_000);
        // The active segment is neither cleaned nor looked at, as in Kafka.
        assert_eq!(kept(&cluster), [1, 2]);
    }

    #[test]
    fn without_a_cleaner_nothing_is_compacted() {
        let mut cluster = TestCluster::with_config(1, &[("log.cleaner.enable", "false")]).topic("t", 1, 1);
        for config in [("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0"), ("cleanup.policy", "compact")] {
            set(&mut cluster, config.0, config.1);
        }
        for _ in 0..3 {
            append(&mut cluster, Some(b"key"), b"value");
            cluster.now = cluster.now.plus_ms(10);
        }
        cluster.engine.clean_logs(cluster.now);
        assert_eq!(kept(&cluster), [0, 1, 2]);
    }

    #[test]
    fn a_producer_that_was_silent_for_long_may_start_at_any_sequence() {
        let mut cluster = TestCluster::with_config(1, &[("producer.id.expiration.ms", "5000")]).topic("t", 1, 1);
        let append = |cluster: &mut TestCluster, base_sequence: i32| {
            let mut batch = BatchBuilder::new().producer(ProducerId(7), ProducerEpoch(0), base_sequence);
            batch.append(cluster.engine.timestamp(cluster.now), None, Some(b"value"), &[]);
            let batches = vec![(PartitionIndex(0), batch.build().unwrap())];
            cluster.engine.append(cluster.now, "t", batches).err().map(|why| why.code)
        };
        assert_eq!(append(&mut cluster, 0), None);
        assert_eq!(append(&mut cluster, 9), Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        cluster.now = cluster.now.plus_ms(10_000);
        cluster.engine.clean_logs(cluster.now);
        assert_eq!(append(&mut cluster, 9), None);
    }

    /// A compacted log is cleaned every 15 s, and records of long ago made their producer look long silent each time.
    #[test]
    fn a_producer_of_old_records_is_not_forgotten_while_logs_are_cleaned() {
        let mut cluster = TestCluster::with_config(1, &[]).topic("t", 1, 1);
        set(&mut cluster, "cleanup.policy", "compact");
        let append = |cluster: &mut TestCluster, base_sequence: i32| {
            let mut batch = BatchBuilder::new().producer(ProducerId(7), ProducerEpoch(0), base_sequence);
            batch.append(Timestamp(1_600_000_000_000), Some(b"key"), Some(b"value"), &[]);
            let batches = vec![(PartitionIndex(0), batch.build().unwrap())];
            cluster.engine.append(cluster.now, "t", batches).err().map(|why| why.code)
        };
        assert_eq!(append(&mut cluster, 0), None);
        cluster.now = cluster.now.plus_ms(60_000);
        cluster.engine.handle_timeout(cluster.now);
        assert_eq!(append(&mut cluster, 9), Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        cluster.now = cluster.now.plus_ms(600_000);
        cluster.engine.handle_timeout(cluster.now);
        assert_eq!(append(&mut cluster, 9), None, "after ten minutes Kafka looks, and sees the age of the records");
    }

    #[test]
    fn a_rack_of_the_static_configuration_is_told_to_clients() {
        use crate::wire::messages::metadata::MetadataRequest;
        let mut cluster = TestCluster::with_config(1, &[("broker.rack", "cellar")]);
        let response = cluster.ask(12, MetadataRequest::default());
        assert_eq!(response.brokers[0].rack.as_deref(), Some("cellar"));
    }
}
