//! One bad history per rule, as short as it can be: each is found, by its code, and reads back as it was written.

use rehearsal::check::CATALOGUE;
use rehearsal::check::Code;
use rehearsal::check::History;
use std::fs;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/histories"))
}

fn fixture(code: Code) -> String {
    let path = folder().join(format!("{}.jsonl", code.name().to_lowercase()));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rule_has_a_bad_history_and_finds_it() {
    for row in CATALOGUE {
        let history =
            History::from_json_lines(&fixture(row.code)).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let report = history.check();
        assert!(report.codes().contains(&row.code), "{} was not found, but {:?}\n{report}", row.name, report.codes());
        let finding = report.finding(row.code).unwrap();
        assert!(!finding.examples[0].steps.is_empty(), "{} shows nothing", row.name);
        for step in finding.examples.iter().flat_map(|example| &example.steps) {
            let event = step.event.map(|event| usize::try_from(event).unwrap());
            assert!(event.is_none_or(|event| event < history.len()), "{}: event {event:?}", row.name);
        }
    }
    assert_eq!(fs::read_dir(folder()).unwrap().count(), CATALOGUE.len(), "a file without a rule");
}

#[test]
fn what_was_written_reads_back_the_same() {
    for row in CATALOGUE {
        let history = History::from_json_lines(&fixture(row.code)).unwrap();
        let again = History::from_json_lines(&history.to_json_lines()).unwrap();
        assert_eq!(history, again, "{}", row.name);
        assert_eq!(history.to_json_lines(), again.to_json_lines());
        for number in 0..history.len() {
            let setup = usize::from(history.to_json_lines().starts_with(r#"{"event":"setup""#));
            assert_eq!(history.event(number), history.events().nth(number + setup), "{}", row.name);
        }
    }
}
