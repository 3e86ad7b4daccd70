//! The rules as their definitions read: sets and quantifiers over a handful of events, with no regard for speed.
//!
//! Nothing is shared with the rules but the reading of events; random histories hold the two against each other.

mod cluster;
mod groups;
mod histories;
mod model;
mod records;
mod txns;

use histories::random;
use model::Model;
use rehearsal::check::Event;
use rehearsal::check::History;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A violation: code and subject.
type Violations = BTreeSet<(&'static str, String)>;

fn by_definition(events: &[Event]) -> Violations {
    let model = Model::of(events);
    let mut found = Violations::new();
    records::check(&model, &mut found);
    groups::check(&model, &mut found);
    txns::check(&model, &mut found);
    cluster::check(&model, &mut found);
    found
}

fn by_rules(history: &History) -> Violations {
    let report = history.check();
    let examples = |finding: &rehearsal::check::Finding| {
        let code = finding.code.name();
        finding.examples.iter().map(|example| (code, example.subject.clone())).collect::<Vec<_>>()
    };
    report.findings.iter().flat_map(examples).collect()
}

/// Holds rules and definitions against each other; returns how often each code was found.
fn agree(seeds: std::ops::Range<u64>) -> BTreeMap<&'static str, u32> {
    let mut seen = BTreeMap::new();
    let mut differences: BTreeMap<&str, String> = BTreeMap::new();
    for seed in seeds {
        let events = random(seed);
        // What is no history has no verdict.
        let Ok(history) = History::from_events(events.clone()) else { continue };
        let (expected, found) = (by_definition(&events), by_rules(&history));
        for difference in expected.symmetric_difference(&found) {
            let whose = if found.contains(difference) { "the rules invent" } else { "the rules miss" };
            let lines = history.to_json_lines();
            differences.entry(difference.0).or_insert_with(|| format!("seed {seed}: {whose} {difference:?}\n{lines}"));
        }
        for (code, _) in found {
            *seen.entry(code).or_default() += 1;
        }
    }
    let differences: Vec<String> = differences.into_values().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    seen
}

#[test]
fn the_rules_say_what_the_definitions_say() {
    let seen = agree(0..6_000);
    let never: Vec<&str> =
        rehearsal::check::CATALOGUE.iter().map(|row| row.name).filter(|name| !seen.contains_key(name)).collect();
    assert!(never.is_empty(), "no random history has {never:?}");
}

#[test]
#[ignore = "the long form: two minutes"]
fn the_rules_say_what_the_definitions_say_on_many_histories() {
    agree(6_000..100_000);
}
