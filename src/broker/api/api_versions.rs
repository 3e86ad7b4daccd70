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
use crate::wire::messages::api_versions::FinalizedFeatureKey;
use crate::wire::messages::api_versions::SupportedFeatureKey;

/// The feature of KIP-890.
pub(super) const TRANSACTION_VERSION: &str = "transaction.version";

pub(super) fn handle(state: &State, ctx: &RequestContext, request: ApiVersionsRequest) -> Outcome<ApiVersionsResponse> {
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
        supported_features: supported_features(state),
        finalized_features_epoch: state.features_epoch,
        finalized_features: finalized_features(state),
        ..ApiVersionsResponse::default()
    })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(_request: &ApiVersionsRequest, code: ErrorCode) -> ApiVersionsResponse {
    ApiVersionsResponse { error_code: code.code(), ..ApiVersionsResponse::default() }
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

/// The features that can be switched, with their levels.
fn supported_features(state: &State) -> Vec<SupportedFeatureKey> {
    let max_version = state.release().transaction_version_max();
    let feature = SupportedFeatureKey {
        name: TRANSACTION_VERSION.into(),
        min_version: 0,
        max_version,
        ..SupportedFeatureKey::default()
    };
    if max_version > 0 { vec![feature] } else { Vec::new() }
}

/// The features that are switched on.
fn finalized_features(state: &State) -> Vec<FinalizedFeatureKey> {
    let level = state.transaction_version();
    let feature = FinalizedFeatureKey {
        name: TRANSACTION_VERSION.into(),
        max_version_level: level,
        min_version_level: level,
        ..FinalizedFeatureKey::default()
    };
    if level > 0 { vec![feature] } else { Vec::new() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::Answer;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::metadata::MetadataRequest;

    fn request(name: &str, version: &str) -> ApiVersionsRequest {
        ApiVersionsRequest {
            client_software_name: name.into(),
            client_software_version: version.into(),
            ..ApiVersionsRequest::default()
        }
    }

    fn range(response: &ApiVersionsResponse, api: ApiKey) -> Option<(i16, i16)> {
        let row = response.api_keys.iter().find(|row| row.api_key == api.code())?;
        Some((row.min_version, row.max_version))
    }

    #[test]
    fn each_version_lists_the_table() {
        let mut cluster = TestCluster::new(1);
        for version in 0..=4 {
            let asked = if version >= 3 { request("test", "1.0") } else { ApiVersionsRequest::default() };
            let response = cluster.ask(version, asked);
            assert_eq!((response.error_code, response.api_keys.len()), (0, TABLE.len()));
            assert!(response.api_keys.is_sorted_by_key(|row| row.api_key));
            assert_eq!(range(&response, ApiKey::Produce), Some((0, 13)));
            assert_eq!(range(&response, ApiKey::Fetch), Some((4, 18)));
        }
    }

    #[test]
    fn an_older_release_has_fewer_apis_and_versions() {
        let mut cluster = TestCluster::of_release("1.1", 1, &[]);
        let response = cluster.ask(0, ApiVersionsRequest::default());
        assert_eq!(range(&response, ApiKey::Fetch), Some((4, 7)));
        assert_eq!(range(&response, ApiKey::DescribeCluster), None);
        let client = cluster.connect(1);
        let refused = Answer::Closed("Metadata version 6 is not supported by Kafka 1.1".to_owned());
        assert_eq!(cluster.send(client, 6, MetadataRequest::default()), refused);
    }

    #[test]
    fn a_client_has_to_name_itself_properly_since_version_3() {
        let mut cluster = TestCluster::new(1);
        let mut check = |name: &str, version: &str, expected: ErrorCode| {
            let response = cluster.ask(4, request(name, version));
            assert_eq!(response.error_code, expected.code(), "{name} {version}");
            assert_eq!(response.api_keys.is_empty(), expected.is_error());
        };
        check("apache-kafka-java", "4.2.0", ErrorCode::NONE);
        check("x", "1", ErrorCode::NONE);
        check("", "1", ErrorCode::INVALID_REQUEST);
        check("x", "", ErrorCode::INVALID_REQUEST);
        check("-x", "1", ErrorCode::INVALID_REQUEST);
        check("x", "1.", ErrorCode::INVALID_REQUEST);
        check("a b", "1", ErrorCode::INVALID_REQUEST);
        check("x_y", "1", ErrorCode::INVALID_REQUEST);
    }
}
