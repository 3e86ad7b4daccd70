//! Requests of every API in every version.

use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::codec::Decoder;
use crate::wire::generate::Generator;
use proptest::sample::select;
use proptest::strategy::Strategy;

/// Requests of all APIs, each with a version that it can be written in. The values in them fit their fields, and mean
/// nothing.
///
/// Shrinks to the API with the lowest number, the oldest version and few elements.
/// ```
/// use proptest::prelude::*;
/// use rehearsal::strategy;
/// use rehearsal::wire::Request;
///
/// proptest!(|((version, request) in strategy::requests())| {
///     let json = request.to_json(version).unwrap();
///     prop_assert_eq!(Request::from_json(request.api_key(), &json, version).unwrap(), request);
/// });
/// ```
pub fn requests() -> impl Strategy<Value = (i16, Request)> {
    select(ApiKey::ALL).prop_flat_map(requests_of)
}

/// Requests of one API, each with a version that it can be written in.
/// ```
/// use proptest::prelude::*;
/// use rehearsal::{ApiKey, strategy};
///
/// proptest!(|((version, request) in strategy::requests_of(ApiKey::Fetch))| {
///     prop_assert_eq!(request.api_key(), ApiKey::Fetch);
///     prop_assert!(ApiKey::Fetch.versions().contains(version));
/// });
/// ```
pub fn requests_of(api: ApiKey) -> impl Strategy<Value = (i16, Request)> {
    let versions = api.versions();
    (versions.min..=versions.max).prop_flat_map(move |version| {
        Generator::strategy(api.request_facts(), version).prop_map(move |body| {
            let request = Request::decode(&mut Decoder::new(body, false), api, version);
            (version, request.expect("what was made from the tables is read by them"))
        })
    })
}
