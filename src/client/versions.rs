//! Which version of each API a connection uses.
//!
//! Not here: asking the broker; that is the first thing that a connection does.

use super::error::Error;
use super::error::Result;
use crate::wire::ApiKey;
use crate::wire::messages::api_versions::ApiVersionsResponse;
use crate::wire::messages::api_versions::FinalizedFeatureKey;
use std::collections::BTreeMap;

/// What the broker at the other end speaks.
#[derive(Clone, Debug, Default)]
pub(super) struct BrokerVersions {
    ranges: BTreeMap<ApiKey, (i16, i16)>,
    /// The levels of the cluster's finalized features.
    features: BTreeMap<String, i16>,
}

impl BrokerVersions {
    /// Takes what concerns the APIs that this crate knows.
    pub(super) fn new(response: &ApiVersionsResponse) -> Self {
        let known = |api: &crate::wire::messages::api_versions::ApiVersion| {
            Some((ApiKey::new(api.api_key)?, (api.min_version, api.max_version)))
        };
        let level = |feature: &FinalizedFeatureKey| (feature.name.to_string(), feature.max_version_level);
        let features = response.finalized_features.iter().map(level).collect();
        Self { ranges: response.api_keys.iter().filter_map(known).collect(), features }
    }

    /// The level that the cluster has agreed on for a feature; 0 for one that it does not have.
    pub(super) fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The broker's first and last version of an API.
    pub(super) fn range(&self, api: ApiKey) -> Option<(i16, i16)> {
        self.ranges.get(&api).copied()
    }

    /// The highest version that both sides speak and that is not above `cap`.
    pub(super) fn pick(&self, api: ApiKey, cap: i16) -> Result<i16> {
        let broker = self.range(api);
        let ours = api.versions();
        broker
            .map(|(min, max)| (min.max(ours.min), max.min(ours.max).min(cap)))
            .filter(|(min, max)| min <= max)
            .map(|(_, max)| max)
            .ok_or(Error::UnsupportedVersion { api, broker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::api_versions::ApiVersion;

    #[test]
    fn the_highest_common_version_under_the_cap_is_picked() {
        let check = |min_version: i16, max_version: i16, cap: i16, expected: Option<i16>| {
            let row = ApiVersion { api_key: ApiKey::Fetch.code(), min_version, max_version, ..Default::default() };
            let response = ApiVersionsResponse { api_keys: vec![row], ..Default::default() };
            assert_eq!(BrokerVersions::new(&response).pick(ApiKey::Fetch, cap).ok(), expected);
        };
        check(0, 11, i16::MAX, Some(11));
        check(4, 99, i16::MAX, Some(18));
        check(4, 99, 12, Some(12));
        check(0, 3, i16::MAX, None);
        check(14, 17, 12, None);
        assert!(BrokerVersions::default().pick(ApiKey::Fetch, i16::MAX).is_err());
    }
}
