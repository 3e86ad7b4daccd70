//! `IncrementalAlterConfigs` (key 44): change single configs of resources.
//!
//! * Needs `ALTER_CONFIGS` on each topic and group, and on the cluster for the other resources.
//! * Errors per resource, in Kafka's order: `INVALID_REQUEST` (the same resource or config twice, a null value, an
//!   unknown type of resource, a broker's config that is not valid), `UNKNOWN_SERVER_ERROR` (an unknown operation),
//!   `INVALID_CONFIG` (a list operation on what is no list), `INVALID_TOPIC_EXCEPTION`, `INVALID_CONFIG`,
//!   `UNKNOWN_TOPIC_OR_PARTITION`. A resource that is refused does not keep the others from being altered.
//! * Differs: an unknown operation fails its own resource only, where Kafka fails all that the controller handles; log
//!   levels are kept and shown, but there are no loggers behind them.
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
