//! The gallery: systems that are set up wrongly, each with the schedule that shows it, and its twin that is set up
//! rightly and shows nothing. It proves that the checker sees what it should, and nothing else.
//!
//! Not here: chance. A scenario is a script with one seed; who searches for schedules is `search`, and the baseline of
//! random faults on systems that are set up rightly (row 64) is in `core`.
//!
//! A row is a `const` of type [`Scenario`] in a file by subject, listed in that file's `SCENARIOS`, with one test that
//! has its number and its name. The table in the guide is written from them:
//! `UPDATE_GUIDE=1 cargo test --test sim the_guide`.

mod app_mutants;
mod broker_mutants;
mod client_mutants;
mod consumers;
mod groups;
mod network;
mod producers;
mod replication;
mod retention;
mod support;
mod transactions;
mod truncation;
mod unlisted_mutants;

use rehearsal::check::{Code, IMPLIES, Outcome, Severity, Verdict};
use rehearsal::sim::{Ending, Run};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// All rows, by file.
const GALLERY: &[&[&Scenario]] = &[
    producers::SCENARIOS,
    consumers::SCENARIOS,
    groups::SCENARIOS,
    network::SCENARIOS,
    replication::SCENARIOS,
    retention::SCENARIOS,
    transactions::SCENARIOS,
    broker_mutants::SCENARIOS,
    client_mutants::SCENARIOS,
    unlisted_mutants::SCENARIOS,
    app_mutants::SCENARIOS,
    truncation::SCENARIOS,
];

/// One row of the gallery.
pub(crate) struct Scenario {
    /// Its number in the catalogue of scenarios. Several may share one: a configuration, and a planted bug.
    pub(crate) number: u8,
    /// Its name, as in `acks1-leader-kill`.
    pub(crate) name: &'static str,
    /// What is set up wrongly.
    pub(crate) wrong: &'static str,
    /// What happens, and when.
    pub(crate) schedule: &'static str,
    /// What the checker must say of the wrong side: the headline first, each with its verdict. Others may be found only
    /// where one of these explains them, or where Kafka allows it anyway. Nothing at all for what is wrong for nobody.
    pub(crate) expect: &'static [(Code, Verdict)],
    /// What the right side has instead; none where the wrong side is not wrong.
    pub(crate) right: Option<&'static str>,
    /// Counters of the report that must not be zero on either side.
    pub(crate) must_reach: &'static [&'static str],
    /// Runs one side.
    pub(crate) run: fn(Side) -> Run,
}

/// The codes that wrong sides are convicted of, each by the test of its row.
pub(crate) fn convicted() -> impl Iterator<Item = Code> {
    GALLERY.iter().copied().flatten().flat_map(|row| row.expect).map(|(code, _)| *code)
}

/// One of the two set-ups of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// As it should not be.
    Wrong,
    /// As it should be.
    Right,
}

impl Side {
    pub(crate) fn is_wrong(self) -> bool {
        self == Self::Wrong
    }
}

/// Runs both sides of a scenario and holds what was found against what should be.
#[track_caller]
pub(crate) fn judge(scenario: &Scenario) {
    check_side(scenario, Side::Wrong);
    if scenario.right.is_some() {
        check_side(scenario, Side::Right);
    }
}

#[track_caller]
fn check_side(scenario: &Scenario, side: Side) {
    let run = (scenario.run)(side);
    let report = run.report();
    let title = format!("{:02} {}, {side:?}", scenario.number, scenario.name);
    keep(&run, &title);
    let expect = if side.is_wrong() { scenario.expect } else { &[] };
    for (code, verdict) in expect {
        let found = report.finding(*code).map(|found| found.verdict);
        assert_eq!(found, Some(*verdict), "{title}: {code}\n{run}");
    }
    for found in &report.findings {
        let expected = expect.iter().any(|(code, _)| explains(*code, found.code));
        // What is legal in Kafka under any configuration says nothing about a set-up.
        assert!(expected || found.severity == Severity::S3, "{title}: {}\n{run}", found.code);
    }
    if let Some((headline, _)) = expect.first() {
        assert_eq!(report.headline().map(|found| found.code), Some(*headline), "{title}\n{run}");
    } else {
        assert_eq!(report.outcome(), Outcome::Passed, "{title}\n{run}");
        assert!(run.endings().iter().all(|ending| *ending == Ending::Finished), "{title}\n{run}");
    }
    for counter in scenario.must_reach {
        let reached = report.counters.get(counter).is_some_and(|count| *count > 0);
        assert!(reached, "{title} proves nothing: {counter} is zero\n{run}");
    }
}

/// `REPORTS=target/reports cargo test --test sim scenario` writes a report of every side.
fn keep(run: &Run, title: &str) {
    if let Some(folder) = std::env::var_os("REPORTS") {
        let folder = Path::new(&folder).join("gallery");
        std::fs::create_dir_all(&folder).unwrap();
        let page = run.document().title(format!("Gallery {title}")).html();
        std::fs::write(folder.join(format!("{}.html", title.to_lowercase().replace([' ', ','], "-"))), page).unwrap();
    }
}

/// Whether `found` is what `cause` is about, or a consequence of it.
fn explains(cause: Code, found: Code) -> bool {
    let direct = IMPLIES.iter().filter(|(code, _)| *code == cause).flat_map(|(_, consequences)| consequences.iter());
    cause == found || direct.into_iter().any(|consequence| explains(*consequence, found))
}

fn scenarios() -> Vec<&'static Scenario> {
    let mut all: Vec<&Scenario> = GALLERY.iter().flat_map(|file| file.iter().copied()).collect();
    all.sort_by_key(|scenario| (scenario.number, scenario.name));
    all
}

#[test]
fn every_scenario_has_a_test_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/gallery");
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let sources: String = files.collect();
    for scenario in scenarios() {
        let name = format!("fn scenario_{:02}_{}()", scenario.number, scenario.name.replace('-', "_"));
        assert!(sources.contains(&name), "{name} is missing");
    }
}

#[test]
fn the_guide_shows_the_gallery() {
    let mut table = "\n| # | Wrong | Schedule | Found | Right |\n|--:|---|---|---|---|\n".to_owned();
    for scenario in scenarios() {
        let Scenario { number, name, wrong, schedule, expect, right, .. } = scenario;
        let found = expect.iter().map(|(code, verdict)| format!("`{code}` ({verdict})")).collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() { "nothing" } else { &found };
        writeln!(
            table,
            "| {number:02} | **{name}**: {wrong} | {schedule} | {found} | {} |",
            right.unwrap_or("not needed")
        )
        .unwrap();
    }
    table.push('\n');
    show_in_guide("gallery", &table);
}

/// Sees to it that the chapter has this table between the marks of this name.
#[track_caller]
pub(crate) fn show_in_guide(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/gallery.md");
    // Two tables are in one file.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let guide = std::fs::read_to_string(&path).unwrap();
    let begin = guide.find(&format!("<!-- {name}: begin")).expect("the chapter has the mark");
    let from = begin + guide[begin..].find("-->\n").unwrap() + "-->\n".len();
    let to = from + guide[from..].find(&format!("<!-- {name}: end -->")).unwrap();
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        std::fs::write(path, format!("{}{table}{}", &guide[..from], &guide[to..])).unwrap();
    } else {
        assert!(guide[from..to] == *table, "its {name} is stale; run UPDATE_GUIDE=1 cargo test --test sim the_guide");
    }
}
