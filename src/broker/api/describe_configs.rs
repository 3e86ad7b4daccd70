//! `DescribeConfigs` (key 32): show what is set on resources, what is in force, and why.
//!
//! * Needs `DESCRIBE_CONFIGS` on each topic and group, and on the cluster for the other resources.
//! * Errors per resource: `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_OR_PARTITION`, `INVALID_REQUEST` (another broker than
//!   the one that was asked, an empty name where there must be one). An unknown type of resource makes the whole request
//!   an `INVALID_REQUEST`. Errors without words have an empty message, not a null one.
//! * Groups and client metrics subscriptions need not exist.
//! * Differs: a request for more than 250,000 configs and resources closes the connection.
//! * Differs: configs come sorted by name, where Kafka's come in no order.
//! * Source: KIP-133, KIP-226, KIP-569, <https://kafka.apache.org/protocol#The_Messages_DescribeConfigs>.

use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::TopicName;
use crate::broker::configs::ResourceType;
use crate::broker::configs::invalid_request;
use crate::broker::configs::node_id;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::broker::topics::Refusal;
use crate::config::ConfigKind;
use crate::config::ConfigSource;
use crate::config::Described;
use crate::config::Overrides;
use crate::config::Synonym;
use crate::config::describe_client_metrics;
use crate::wire::messages::describe_configs::DescribeConfigsRequest;
use crate::wire::messages::describe_configs::DescribeConfigsResource;
use crate::wire::messages::describe_configs::DescribeConfigsResourceResult;
use crate::wire::messages::describe_configs::DescribeConfigsResponse;
use crate::wire::messages::describe_configs::DescribeConfigsResult;
use crate::wire::messages::describe_configs::DescribeConfigsSynonym;
use bytestring::ByteString;
use std::collections::BTreeSet;

/// What Kafka says to a request that it finds malformed.
const MALFORMED: &str = "This most likely occurs because of a request being malformed by the client library or the \
                         message was sent to an incompatible broker. See the broker logs for more details.";

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: DescribeConfigsRequest,
) -> Outcome<DescribeConfigsResponse> {
    let shown = Shown {
        version: ctx.api_version,
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    };
    let mut rows_left = ROWS_MAX;
    let readable = request.resources.iter().all(|one| ResourceType::from_number(one.resource_type).is_some());
    let results = request.resources.into_iter().map(|wanted| {
        let rows = if readable { describe(state, ctx.broker, &wanted, shown) } else { Err(invalid_request(MALFORMED)) };
        let (code, message, configs) = match rows {
            Ok(configs) => (ErrorCode::NONE, String::new(), configs),
            Err(why) => (why.code, why.message, Vec::new()),
        };
        rows_left = rows_left.checked_sub(1 + configs.len())?;
        Some(DescribeConfigsResult {
            error_code: code.code(),
            error_message: Some(message.into()),
            resource_type: wanted.resource_type,
            resource_name: wanted.resource_name,
            configs,
            ..DescribeConfigsResult::default()
        })
    });
    match results.collect() {
        Some(results) => Outcome::Reply(DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() }),
        None => Outcome::Close("a DescribeConfigs request asks for more than 250,000 configs"),
    }
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &DescribeConfigsRequest, code: ErrorCode) -> DescribeConfigsResponse {
    let rows = request.resources.iter().map(|resource| DescribeConfigsResult {
        error_code: code.code(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..DescribeConfigsResult::default()
    });
    DescribeConfigsResponse { results: rows.collect(), ..DescribeConfigsResponse::default() }
}

/// How many resources and configs an answer shows at most: those of some 7,000 topics. A resource of six bytes may be
/// asked for again and again, and each time is answered with hundreds of configs.
const ROWS_MAX: usize = 250_000;

/// What of a config the request wants to see.
#[derive(Clone, Copy)]
struct Shown {
    version: i16,
    synonyms: bool,
    documentation: bool,
}

fn describe(
    state: &State,
    asked: BrokerId,
    wanted: &DescribeConfigsResource,
    shown: Shown,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let keys: BTreeSet<&str> = wanted.configuration_keys.iter().flatten().map(|key| &**key).collect();
    let is_wanted = |name: &str| keys.is_empty() || keys.contains(name);
    let name: &str = &wanted.resource_name;
    let layers = state.settings.layers(asked);
    let all = match ResourceType::from_number(wanted.resource_type) {
        Some(ResourceType::Topic) => layers.describe_topic(topic(state, name)?),
        Some(ResourceType::Broker) if name.is_empty() => layers.describe_default(),
        Some(ResourceType::Broker) => {
            if node_id(name, "Broker id")? != asked {
                let message = format!("Unexpected broker id, expected {asked} or empty string, but received {name}");
                return Err(invalid_request(message));
            }
            layers.describe()
        }
        Some(ResourceType::BrokerLogger) => {
            let loggers = loggers(state, asked, name)?.iter();
            return Ok(loggers
                .filter(|(name, _)| is_wanted(name))
                .map(|(name, level)| logger(name, level, shown))
                .collect());
        }
        Some(ResourceType::ClientMetrics) if name.is_empty() => {
            return Err(invalid_request("Client metrics subscription name must not be empty"));
        }
        Some(ResourceType::ClientMetrics) => describe_client_metrics(&own(state, ConfigKind::ClientMetrics, name)),
        Some(ResourceType::Group) if name.is_empty() => return Err(invalid_request("Group name must not be empty")),
        Some(ResourceType::Group) => layers.describe_group(&own(state, ConfigKind::Group, name)),
        None => return Err(invalid_request(MALFORMED)),
    };
    Ok(all.into_iter().filter(|one| is_wanted(&one.name)).map(|one| row(one, shown)).collect())
}

/// What is set on a topic.
fn topic<'a>(state: &'a State, name: &str) -> Result<&'a Overrides, Refusal> {
    TopicName::new(name).map_err(|error| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
    let missing = || Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "");
    state.topics.get(name).map(|topic| &topic.config).ok_or_else(missing)
}

/// What is set on a group or a client metrics subscription.
fn own(state: &State, kind: ConfigKind, name: &str) -> Overrides {
    state.settings.named(kind).and_then(|all| all.get(name)).cloned().unwrap_or_default()
}

fn loggers<'a>(state: &'a State, asked: BrokerId, name: &str) -> Result<&'a Overrides, Refusal> {
    if name.is_empty() {
        return Err(invalid_request("Broker id must not be empty"));
    }
    if node_id(name, "Broker id")? != asked {
        return Err(invalid_request(format!("Unexpected broker id, expected {asked} but received {name}")));
    }
    Ok(state.settings.loggers(asked))
}

fn logger(name: &str, level: &str, shown: Shown) -> DescribeConfigsResourceResult {
    let source = if shown.version >= 1 { ConfigSource::DynamicBrokerLoggerConfig.number() } else { -1 };
    DescribeConfigsResourceResult {
        name: name.into(),
        value: Some(level.into()),
        config_source: source,
        ..DescribeConfigsResourceResult::default()
    }
}

fn row(one: Described, shown: Shown) -> DescribeConfigsResourceResult {
    let (is_sensitive, config_type) = (one.is_sensitive(), one.type_number());
    let documentation =
        one.definition.filter(|_| shown.documentation).map(|row| ByteString::from_static(row.documentation));
    let mut result = DescribeConfigsResourceResult {
        name: one.name.into(),
        value: one.value.map(ByteString::from),
        read_only: one.read_only,
        is_sensitive,
        ..DescribeConfigsResourceResult::default()
    };
    // Version 0 knows only whether a value is the default; types and texts came with version 3.
    if shown.version == 0 {
        result.is_default = one.source == ConfigSource::DefaultConfig;
        return result;
    }
    result.config_source = one.source.number();
    if shown.synonyms {
        result.synonyms = one.synonyms.into_iter().map(synonym).collect();
    }
    if shown.version >= 3 {
        result.config_type = config_type;
        result.documentation = documentation;
    }
    result
}

fn synonym(one: Synonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: one.name.into(),
        value: one.value.map(ByteString::from),
        source: one.source.number(),
        ..DescribeConfigsSynonym::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;

    fn resource(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
        DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
            ..DescribeConfigsResource::default()
        }
    }

    fn ask(
        cluster: &mut TestCluster,
        version: i16,
        resources: Vec<DescribeConfigsResource>,
    ) -> Vec<DescribeConfigsResult> {
        let request = DescribeConfigsRequest {
            resources,
            include_synonyms: version >= 1,
            include_documentation: version >= 3,
            ..DescribeConfigsRequest::default()
        };
        cluster.ask(version, request).results
    }

    #[test]
    fn every_mistake_is_answered_in_kafkas_words() {
        let check = |kind: i8, name: &str, code: i16, message: &str| {
            let mut cluster = TestCluster::new(2).topic("t", 1, 1);
            let results = ask(&mut cluster, 4, vec![resource(kind, name, None)]);
            let row = &results[0];
            assert_eq!((row.error_code, row.error_message.as_deref()), (code, Some(message)), "{kind} {name}");
            assert_eq!((row.resource_type, &*row.resource_name), (kind, name));
            assert_eq!(row.configs.is_empty(), code != 0);
        };
        check(2, "t", 0, "");
        check(2, "nope", 3, "");
        check(2, "", 17, "Topic name is invalid: the empty string is not allowed");
        check(4, "", 0, "");
        check(4, "1", 0, "");
        check(4, "+1", 0, "");
        check(4, "2", 42, "Unexpected broker id, expected 1 or empty string, but received 2");
        check(4, " 1", 42, "Broker id must be an integer, but it is:  1");
        check(8, "1", 0, "");
        check(8, "", 42, "Broker id must not be empty");
        check(8, "x", 42, "Broker id must be an integer, but it is: x");
        check(8, "2", 42, "Unexpected broker id, expected 1 but received 2");
        check(16, "m", 0, "");
        check(16, "", 42, "Client metrics subscription name must not be empty");
        check(32, "g", 0, "");
        check(32, "", 42, "Group name must not be empty");
        check(3, "z", 42, MALFORMED);
    }

    #[test]
    fn an_unknown_type_spoils_the_whole_request() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        let results = ask(&mut cluster, 4, vec![resource(2, "t", None), resource(64, "z", None)]);
        let codes: Vec<_> = results.iter().map(|row| (row.error_code, row.error_message.as_deref())).collect();
        assert_eq!(codes, [(42, Some(MALFORMED)), (42, Some(MALFORMED))]);
    }

    #[test]
    fn only_the_configs_asked_for_are_answered_and_unknown_ones_left_out() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        let mut check = |keys: Option<&[&str]>, expected: usize| {
            assert_eq!(ask(&mut cluster, 4, vec![resource(2, "t", keys)])[0].configs.len(), expected, "{keys:?}");
        };
        check(Some(&["retention.ms", "no.such", "cleanup.policy"]), 2);
        check(Some(&[]), 33);
        check(None, 33);
    }

    #[test]
    fn each_version_answers_what_it_can_hold() {
        let mut cluster = TestCluster::with_config(1, &[("log.retention.ms", "3600000")]).topic("t", 1, 1);
        let mut check = |version: i16, expected: (bool, i8, usize, i8, bool)| {
            let results = ask(&mut cluster, version, vec![resource(2, "t", Some(&["retention.ms"]))]);
            let row = &results[0].configs[0];
            assert_eq!(row.value.as_deref(), Some("3600000"));
            let documented = row.documentation.as_ref().is_some_and(|text| !text.is_empty());
            let seen = (row.is_default, row.config_source, row.synonyms.len(), row.config_type, documented);
            assert_eq!(seen, expected, "version {version}");
        };
        check(0, (false, -1, 0, 0, false));
        check(1, (false, 4, 2, 0, false));
        check(2, (false, 4, 2, 0, false));
        check(3, (false, 4, 2, 5, true));
        check(4, (false, 4, 2, 5, true));
    }

    #[test]
    fn all_brokers_start_with_one_dynamic_default() {
        let check = |fixed: &[(&str, &str)], expected: &str| {
            let mut cluster = TestCluster::with_config(1, fixed);
            let results = ask(&mut cluster, 4, vec![resource(4, "", None)]);
            let rows = results[0].configs.iter().map(|row| (&*row.name, row.value.as_deref(), row.config_source));
            assert_eq!(rows.collect::<Vec<_>>(), [("min.insync.replicas", Some(expected), 3)]);
        };
        check(&[], "1");
        check(&[("min.insync.replicas", "2")], "2");
    }

    #[test]
    fn a_group_takes_from_its_broker_what_is_not_set_on_it() {
        let mut cluster = TestCluster::with_config(1, &[("group.consumer.session.timeout.ms", "50000")]);
        let results = ask(&mut cluster, 4, vec![resource(32, "g", Some(&["consumer.session.timeout.ms"]))]);
        let row = &results[0].configs[0];
        assert_eq!((row.value.as_deref(), row.config_source, row.config_type), (Some("50000"), 5, 3));
    }
}
