//! `ApiVersions` (key 18): which versions of which APIs this broker speaks.
//!
//! * Needs no authorization.
//! * Errors: `UNSUPPORTED_VERSION` (the answer is then of version 0, which every client can read),
//!   `INVALID_REQUEST` for a client software name or version that is not of letters, digits, `-` and `.`.
//! * Produce is offered from version 0 although 3 is the first that is served: some clients would otherwise
//!   believe that the broker cannot take compressed records.
//! * Source: KIP-35, KIP-511, KIP-584, <https://kafka.apache.org/protocol#The_Messages_ApiVersions>.

use super::TABLE;
use super::served;
use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::ApiKey;
use crate::wire::Response;
use crate::wire::messages::api_versions::ApiVersion;
use crate::wire::messages::api_versions::ApiVersionsRequest;
use crate::wire::messages::api_versions::ApiVersionsResponse;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: ApiVersionsRequest,
) -> Outcome<ApiVersionsResponse> {
    let named = |text: &str| {
        let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let ends = text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).len() == text.len();
        !text.is_empty() && inner && ends
    };
    if ctx.api_version >= 3 && !(named(&request.client_software_name) && named(&request.client_software_version)) {
        let error_code = ErrorCode::INVALID_REQUEST.code();
        return Outcome::Reply(ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() });
    }
    Outcome::Reply(ApiVersionsResponse {
        api_keys: all(state),
        finalized_features_epoch: 0,
        ..ApiVersionsResponse::default()
    })
}

/// The answer to a version that is not served.
pub(in crate::broker) fn unsupported(state: &State) -> Response {
    let own = all(state).into_iter().filter(|row| row.api_key == ApiKey::ApiVersions.code());
    Response::ApiVersions(ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION.code(),
        api_keys: own.collect(),
        ..ApiVersionsResponse::default()
    })
}

fn all(state: &State) -> Vec<ApiVersion> {
    let rows = TABLE.iter().filter_map(|row| {
        let versions = served(state.release(), row.api)?;
        Some(ApiVersion {
            api_key: row.api.code(),
            min_version: if row.api == ApiKey::Produce { 0 } else { versions.min },
            max_version: versions.max,
            ..ApiVersion::default()
        })
    });
    rows.collect()
}
