//! `rehearsal apis`: the support table, from the same rows as dispatch and `ApiVersions`.

use super::arguments::Apis;
use rehearsal::ApiKey;
use rehearsal::broker::Release;
use rehearsal::broker::support;
use rehearsal::wire::schema::Versions;
use serde_json::json;
use std::error::Error;
use std::io::Write as _;

/// Prints the table.
pub(super) fn run(apis: &Apis) -> Result<(), Box<dyn Error>> {
    let release: Release = apis.kafka_version.as_deref().unwrap_or("latest").parse()?;
    let mut out = std::io::stdout().lock();
    if apis.json {
        let rows: Vec<_> = served(release).map(|(api, versions)| row_as_json(api, versions)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        writeln!(out, "key  {:<27}  versions", "API")?;
        for (api, versions) in served(release) {
            writeln!(out, "{:>3}  {:<27}  {versions}", api as i16, api.name())?;
        }
    }
    Ok(())
}

fn row_as_json(api: ApiKey, versions: Versions) -> serde_json::Value {
    json!({ "key": api as i16, "api": api.name(), "min_version": versions.min, "max_version": versions.max })
}

/// What is answered while `release` is emulated.
fn served(release: Release) -> impl Iterator<Item = (ApiKey, Versions)> {
    support().iter().filter_map(move |row| {
        let versions = row.versions.intersection(release.versions(row.api)?);
        (!versions.is_empty()).then_some((row.api, versions))
    })
}
