//! `UpdateFeatures` (key 57): change the levels of features; here `transaction.version`.
//!
//! * Needs `ALTER` on the cluster.
//! * Errors of the whole request: `INVALID_UPDATE_VERSION` (a feature or level that there is not, a downgrade that is not
//!   called one). All features change or none.
//! * Differs: `metadata.version` and the others cannot be changed, as they switch nothing here.
//! * Source: KIP-584, KIP-1022, `FeatureControlManager.updateFeature`,
//!   <https://kafka.apache.org/protocol#The_Messages_UpdateFeatures>.

use super::api_versions::TRANSACTION_VERSION;
use crate::base::ErrorCode;
use crate::broker::outcome::Outcome;
use crate::broker::outcome::RequestContext;
use crate::broker::state::State;
use crate::wire::messages::update_features::FeatureUpdateKey;
use crate::wire::messages::update_features::UpdatableFeatureResult;
use crate::wire::messages::update_features::UpdateFeaturesRequest;
use crate::wire::messages::update_features::UpdateFeaturesResponse;

// `FeatureUpdate.UpgradeType`.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

pub(super) fn handle(
    state: &mut State,
    ctx: &RequestContext,
    request: UpdateFeaturesRequest,
) -> Outcome<UpdateFeaturesResponse> {
    for update in &request.feature_updates {
        if let Err(why) = check(state, update) {
            let (level, feature) = (update.max_version_level, &update.feature);
            let message = format!(
                "The update failed for all features since the following feature had an error: Invalid update version \
                 {level} for feature {feature}. {why}"
            );
            return Outcome::Reply(UpdateFeaturesResponse {
                error_code: ErrorCode::INVALID_UPDATE_VERSION.code(),
                error_message: Some(message.into()),
                ..UpdateFeaturesResponse::default()
            });
        }
    }
    if !request.validate_only {
        for update in &request.feature_updates {
            state.set_transaction_version(update.max_version_level);
        }
    }
    let results = request.feature_updates.into_iter().map(|update| UpdatableFeatureResult {
        feature: update.feature,
        error_message: Some("NONE".into()),
        ..UpdatableFeatureResult::default()
    });
    let results = if ctx.api_version <= 1 { results.collect() } else { Vec::new() };
    Outcome::Reply(UpdateFeaturesResponse { results, ..UpdateFeaturesResponse::default() })
}

/// Refuses the request with a code in every place that has one.
pub(super) fn refuse(request: &UpdateFeaturesRequest, code: ErrorCode) -> UpdateFeaturesResponse {
    let results = request.feature_updates.iter().map(|update| UpdatableFeatureResult {
        feature: update.feature.clone(),
        error_code: code.code(),
        ..UpdatableFeatureResult::default()
    });
    UpdateFeaturesResponse { error_code: code.code(), results: results.collect(), ..UpdateFeaturesResponse::default() }
}

/// Says why a feature cannot have this level.
fn check(state: &State, update: &FeatureUpdateKey) -> Result<(), String> {
    let level = update.max_version_level;
    if !matches!(update.upgrade_type, UPGRADE | SAFE_DOWNGRADE | UNSAFE_DOWNGRADE) {
        return Err("The controller does not support the given upgrade type.".to_owned());
    }
    if level < 0 {
        return Err("A feature version cannot be less than 0.".to_owned());
    }
    let controller = state.brokers.controller();
    let most = state.release().transaction_version_max();
    if *update.feature != *TRANSACTION_VERSION || most == 0 {
        return Err(format!("Local controller {controller} does not support this feature."));
    }
    if level > most {
        return Err(format!("Local controller {controller} only supports versions 0-{most}"));
    }
    let current = state.transaction_version();
    if level < current && update.upgrade_type == UPGRADE {
        let why = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                   unsafe downgrade.";
        return Err(why.to_owned());
    }
    if level > current && update.upgrade_type != UPGRADE {
        return Err("Can't downgrade to a newer version.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::api::testing::TestCluster;
    use crate::wire::messages::api_versions::ApiVersionsRequest;

    fn levels(cluster: &mut TestCluster) -> (i64, Vec<i16>) {
        let request = ApiVersionsRequest {
            client_software_name: "test".into(),
            client_software_version: "1".into(),
            ..ApiVersionsRequest::default()
        };
        let response = cluster.ask(4, request);
        let of_transactions = response.finalized_features.iter().filter(|row| *row.name == *TRANSACTION_VERSION);
        (response.finalized_features_epoch, of_transactions.map(|row| row.max_version_level).collect())
    }

    #[test]
    fn the_transaction_version_goes_down_and_up() {
        let mut cluster = TestCluster::new(1);
        let (first, before) = levels(&mut cluster);
        assert_eq!(before, [2]);
        let mut check = |version: i16, level: i16, upgrade_type: i8, expected: ErrorCode| {
            let update = FeatureUpdateKey {
                feature: TRANSACTION_VERSION.into(),
                max_version_level: level,
                upgrade_type,
                ..FeatureUpdateKey::default()
            };
            let request = UpdateFeaturesRequest { feature_updates: vec![update], ..UpdateFeaturesRequest::default() };
            let response = cluster.ask(version, request);
            assert_eq!(ErrorCode::new(response.error_code), expected, "{version} {level} {upgrade_type}");
            assert_eq!(response.results.len(), usize::from(version < 2 && !expected.is_error()));
            levels(&mut cluster)
        };
        let refused = ErrorCode::INVALID_UPDATE_VERSION;
        assert_eq!(check(2, 3, UPGRADE, refused), (first, vec![2]));
        assert_eq!(check(2, -1, UPGRADE, refused), (first, vec![2]));
        assert_eq!(check(2, 1, UPGRADE, refused), (first, vec![2]));
        assert_eq!(check(2, 1, 9, refused), (first, vec![2]));
        assert_eq!(check(1, 1, SAFE_DOWNGRADE, ErrorCode::NONE), (first + 1, vec![1]));
        assert_eq!(check(2, 2, UNSAFE_DOWNGRADE, refused), (first + 1, vec![1]));
        assert_eq!(check(2, 0, UNSAFE_DOWNGRADE, ErrorCode::NONE), (first + 2, vec![]));
        assert_eq!(check(0, 2, UPGRADE, ErrorCode::NONE), (first + 3, vec![2]));
    }
}
