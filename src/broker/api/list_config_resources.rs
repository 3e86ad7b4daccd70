//! `ListConfigResources` (key 74): say what can be configured, by type and name.
//!
//! * Needs `DESCRIBE_CONFIGS` on the cluster.
//! * Errors: `UNSUPPORTED_VERSION` when a type is asked for that does not exist.
//! * Version 0 asks for client metrics subscriptions and nothing else. No types are all types.
//! * Groups and subscriptions are there while something is set on them.
//! * Differs: a group of which everything was deleted again is no longer there; Kafka shows it until it restarts.
//! * Source: KIP-714, KIP-1142, <https://kafka.apache.org/protocol#The_Messages_ListConfigResources>.

use crate::base::ErrorCode;
use crate::broker::configs::ResourceType;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::list_config_resources::ConfigResource;
use crate::wire::messages::list_config_resources::ListConfigResourcesRequest;
use crate::wire::messages::list_config_resources::ListConfigResourcesResponse;

pub(super) fn handle(
    state: &State,
    ctx: &RequestContext,
    request: ListConfigResourcesRequest,
) -> Outcome<ListConfigResourcesResponse> {
    let wanted = if ctx.api_version == 0 { vec![ResourceType::ClientMetrics.number()] } else { request.resource_types };
    if wanted.iter().any(|number| ResourceType::from_number(*number).is_none()) {
        return Outcome::Reply(ListConfigResourcesResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION.code(),
            ..ListConfigResourcesResponse::default()
        });
    }
    let types = ResourceType::ALL.into_iter().filter(|one| wanted.is_empty() || wanted.contains(&one.number()));
    let config_resources = types.flat_map(|one| {
        let row = move |name: String| ConfigResource {
            resource_name: name.into(),
            resource_type: one.number(),
            ..ConfigResource::default()
        };
        state.config_resources(one).into_iter().map(row)
    });
    Outcome::Reply(ListConfigResourcesResponse {
        config_resources: config_resources.collect(),
        ..ListConfigResourcesResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &ListConfigResourcesRequest, code: ErrorCode) -> ListConfigResourcesResponse {
    ListConfigResourcesResponse { error_code: code.code(), ..ListConfigResourcesResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::incremental_alter_configs::AlterConfigsResource;
    use crate::wire::messages::incremental_alter_configs::AlterableConfig;
    use crate::wire::messages::incremental_alter_configs::IncrementalAlterConfigsRequest;

    /// Two brokers, two topics, a group and a subscription with something set on them.
    fn cluster() -> TestCluster {
        let mut cluster = TestCluster::new(2).topic("u", 1, 1).topic("t", 1, 1);
        let set = |kind: i8, name: &str, config: &str, value: &str| AlterConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configs: vec![AlterableConfig {
                name: config.into(),
                value: Some(value.into()),
                ..AlterableConfig::default()
            }],
            ..AlterConfigsResource::default()
        };
        let resources = vec![set(16, "m", "interval.ms", "1000"), set(32, "g", "consumer.session.timeout.ms", "50000")];
        let request = IncrementalAlterConfigsRequest { resources, ..IncrementalAlterConfigsRequest::default() };
        let response = cluster.ask(1, request);
        assert!(response.responses.iter().all(|row| row.error_code == 0), "{response:?}");
        cluster
    }

    #[test]
    fn resources_come_by_type_in_kafkas_order_and_by_name() {
        let mut cluster = cluster();
        let mut check = |version: i16, resource_types: &[i8], code: i16, expected: &[(&str, i8)]| {
            let resource_types = resource_types.to_vec();
            let request = ListConfigResourcesRequest { resource_types, ..ListConfigResourcesRequest::default() };
            let response = cluster.ask(version, request);
            let rows = response.config_resources.iter().map(|row| (&*row.resource_name, row.resource_type));
            assert_eq!((response.error_code, rows.collect::<Vec<_>>()), (code, expected.to_vec()));
        };
        let all = [("g", 32), ("m", 16), ("1", 8), ("2", 8), ("1", 4), ("2", 4), ("t", 2), ("u", 2)];
        check(1, &[], 0, &all);
        check(0, &[], 0, &[("m", 16)]);
        check(1, &[2], 0, &[("t", 2), ("u", 2)]);
        check(1, &[4, 8, 4], 0, &[("1", 8), ("2", 8), ("1", 4), ("2", 4)]);
        check(1, &[2, 3], 35, &[]);
        check(1, &[0], 35, &[]);
    }
}
