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
    state: &mut State,
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
