//! `rehearsal check`: read a history, hold the rules against it, say what was found.

use super::arguments::Check;
use super::progress::Progress;
use rehearsal::check::History;
use rehearsal::check::HistoryError;
use rehearsal::check::Outcome;
use rehearsal::check::Reader;
use rehearsal::check::Report;
use rehearsal::check::Verdict;
use rehearsal::report::Document;
use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Something required does not hold.
const FAILED: u8 = 1;
/// The file is no history; clap ends with the same code when the arguments are wrong.
const NO_HISTORY: u8 = 2;
/// The history does not say enough.
const UNDECIDED: u8 = 3;

/// Checks the file, and ends with the code that says how that went.
pub(super) fn run(check: &Check) -> Result<ExitCode, Box<dyn Error>> {
    let mut progress = Progress::new();
    let history = match read(check, &mut progress) {
        Ok(history) => history,
        Err(error) => {
            progress.clear();
            eprintln!("error: {}: {error}", check.history.display());
            return Ok(ExitCode::from(NO_HISTORY));
        }
    };
    let report = history.check_with(&mut |done, of| progress.show("checking", done as u64, of as u64), check.first);
    progress.clear();
    if let Some(path) = &check.report {
        write_report(path, check, &history, &report)?;
    }
    let mut out = io::stdout().lock();
    if check.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&report))?)?;
    } else {
        writeln!(out, "{report}")?;
        events(&mut out, &history, &report)?;
    }
    Ok(match report.outcome() {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Failed => ExitCode::from(FAILED),
        Outcome::Undecided => ExitCode::from(UNDECIDED),
    })
}

/// Writes the report in the form that the file's name asks for.
fn write_report(path: &Path, check: &Check, history: &History, report: &Report) -> io::Result<()> {
    let document = Document::new(history, report).title(format!("The history {}", check.history.display()));
    let text = match path.extension().and_then(|ending| ending.to_str()) {
        Some("txt") => document.text(),
        Some("mmd") => document.mermaid(),
        _ => document.html(),
    };
    std::fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn as_json(report: &Report) -> serde_json::Value {
    json!({ "outcome": report.outcome(), "report": report })
}

/// The events that the report names, as they stand in the history.
fn events(out: &mut impl io::Write, history: &History, report: &Report) -> Result<(), Box<dyn Error>> {
    let required = report.findings.iter().filter(|finding| finding.verdict <= Verdict::Gap);
    let shown = required.filter(|finding| !report.hidden.contains_key(finding.code.name()));
    let steps = shown.filter_map(|finding| finding.examples.first()).flat_map(|example| &example.steps);
    let mut numbers: Vec<u32> = steps.filter_map(|step| step.event).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        if let Some(event) = history.event(number as usize) {
            writeln!(out, "event {number}: {}", serde_json::to_string(&event)?)?;
        }
    }
    Ok(())
}

fn read(check: &Check, progress: &mut Progress) -> Result<History, Box<dyn Error>> {
    let path = check.history.as_path();
    if path.as_os_str() == "-" {
        return Ok(lines(io::stdin().lock(), 0, check.accept_cut, progress)?);
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok(lines(BufReader::with_capacity(1 << 20, file), size, check.accept_cut, progress)?)
}

fn lines(source: impl BufRead, size: u64, accept_cut: bool, progress: &mut Progress) -> Result<History, HistoryError> {
    let reader = if accept_cut { Reader::new().accept_cut() } else { Reader::new() };
    reader.read(source, &mut |done| progress.show("reading", done, size))
}
