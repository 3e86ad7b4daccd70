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
