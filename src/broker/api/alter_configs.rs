//! `AlterConfigs` (key 33): replace all that is set on resources.
//!
//! * Needs `ALTER_CONFIGS` on each topic and group, and on the cluster for the other resources.
//! * Errors per resource, in Kafka's order: `INVALID_REQUEST` (the same resource or config twice, a null value, an
//!   unknown type of resource, a broker's config that is not valid), `INVALID_TOPIC_EXCEPTION`, `INVALID_CONFIG`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`. A resource that is refused does not keep the others from being altered.
//! * Differs: a resource that is there twice is refused; a real broker of 4.2 fails on it and never answers.
//! * Source: KIP-133, <https://kafka.apache.org/protocol#The_Messages_AlterConfigs>.

use crate::base::ErrorCode;
use crate::broker::configs::Alteration;
use crate::broker::configs::Change;
use crate::broker::configs::SET;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::alter_configs::AlterConfigsRequest;
use crate::wire::messages::alter_configs::AlterConfigsResource;
use crate::wire::messages::alter_configs::AlterConfigsResourceResponse;
use crate::wire::messages::alter_configs::AlterConfigsResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: AlterConfigsRequest,
) -> Outcome<AlterConfigsResponse> {
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
    Outcome::Reply(AlterConfigsResponse { responses: responses.collect(), ..AlterConfigsResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &AlterConfigsRequest, code: ErrorCode) -> AlterConfigsResponse {
    let rows = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code: code.code(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..AlterConfigsResourceResponse::default()
    });
    AlterConfigsResponse { responses: rows.collect(), ..AlterConfigsResponse::default() }
}

fn wanted(resource: &AlterConfigsResource) -> Alteration<'_> {
    let changes =
        resource.configs.iter().map(|config| Change { name: &config.name, op: SET, value: config.value.as_deref() });
    Alteration {
        resource_type: resource.resource_type,
        name: &resource.resource_name,
        changes: changes.collect(),
        replaces: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::alter_configs::AlterableConfig;
    use crate::wire::messages::describe_configs::DescribeConfigsRequest;
    use crate::wire::messages::describe_configs::DescribeConfigsResource;

    type Wanted<'a> = (i8, &'a str, &'a [(&'a str, Option<&'a str>)]);

    fn alter(cluster: &mut TestCluster, version: i16, resources: &[Wanted<'_>]) -> Vec<(i16, Option<String>)> {
        let config = |(name, value): &(&str, Option<&str>)| AlterableConfig {
            name: (*name).into(),
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
        let response = cluster.ask(version, AlterConfigsRequest { resources, ..AlterConfigsRequest::default() });
        response.responses.into_iter().map(|row| (row.error_code, row.error_message.map(Into::into))).collect()
    }

    /// The configs that are set on a topic itself.
    fn set_on(cluster: &mut TestCluster, topic: &str) -> Vec<(String, String)> {
        let resource = DescribeConfigsResource {
            resource_type: 2,
            resource_name: topic.into(),
            configuration_keys: None,
            ..DescribeConfigsResource::default()
        };
        let response =
            cluster.ask(4, DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() });
        let own = response.results[0].configs.iter().filter(|row| row.config_source == 1);
        own.map(|row| (row.name.to_string(), row.value.clone().unwrap_or_default().to_string())).collect()
    }

    #[test]
    fn what_the_request_does_not_name_goes_back_to_its_default() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        let mut check = |version: i16, configs: &[(&str, Option<&str>)]| {
            assert_eq!(alter(&mut cluster, version, &[(2, "t", configs)]), [(0, None)]);
            let expected: Vec<_> =
                configs.iter().map(|(name, value)| ((*name).into(), value.unwrap().into())).collect();
            assert_eq!(set_on(&mut cluster, "t"), expected);
        };
        check(0, &[("cleanup.policy", Some("compact")), ("retention.ms", Some("5"))]);
        check(2, &[("retention.ms", Some("6"))]);
        check(1, &[]);
    }

    #[test]
    fn every_mistake_is_answered_in_kafkas_words() {
        let check = |kind: i8, name: &str, configs: &[(&str, Option<&str>)], expected: (i16, Option<&str>)| {
            let mut cluster = TestCluster::new(1).topic("t", 1, 1);
            let answer = alter(&mut cluster, 2, &[(kind, name, configs)]);
            assert_eq!(answer, [(expected.0, expected.1.map(str::to_owned))], "{kind} {name} {configs:?}");
        };
        let one = Some("1");
        check(2, "t", &[("a", one), ("a", Some("2"))], (42, Some("Error due to duplicate config keys")));
        check(
            2,
            "t",
            &[("retention.ms", None), ("b", None)],
            (42, Some("Null value not supported for : retention.ms, b")),
        );
        check(2, "", &[], (42, Some("Default topic resources are not allowed.")));
        check(2, "t", &[("foo", one)], (40, Some("Unknown topic config name: foo")));
        check(2, "nope", &[], (3, Some("The topic 'nope' does not exist.")));
        check(8, "1", &[("root", Some("INFO"))], (42, Some("Unknown resource type 8")));
        check(3, "z", &[], (42, Some("Unknown resource type 3")));
        check(
            4,
            "1",
            &[("num.partitions", Some("3"))],
            (42, Some("Cannot update these configs dynamically: Set(num.partitions)")),
        );
        check(4, "77", &[], (42, Some("Unexpected broker id, expected 1, but received 77")));
        check(4, "x", &[], (42, Some("Node id must be an integer, but it is: x")));
        check(4, "1", &[("log.retention.ms", Some("60000"))], (0, None));
        check(4, "", &[], (40, Some("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")));
        check(16, "", &[], (42, Some("Subscription name can't be empty")));
        check(32, "", &[], (42, Some("Default group resources are not allowed.")));
        check(32, "g", &[], (0, None));
    }

    #[test]
    fn a_resource_that_is_there_twice_is_refused_each_time() {
        let mut cluster = TestCluster::new(1).topic("t", 1, 1);
        let twice = (42, Some("Each resource must appear at most once.".to_owned()));
        assert_eq!(alter(&mut cluster, 1, &[(2, "t", &[]), (2, "t", &[])]), [twice.clone(), twice]);
    }
}
