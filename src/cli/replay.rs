//! `rehearsal replay`: run a recorded run again, and compare what it comes to with what its file expects.

use super::arguments::Replay;
use rehearsal::sim::Run;
use rehearsal::sim::RunFile;
use serde_json::json;
use std::error::Error;
use std::io;
use std::io::Write as _;
use std::process::ExitCode;

/// It is not what the file expects.
const FAILED: u8 = 1;
/// The file is no run; clap ends with the same code when the arguments are wrong.
const NO_RUN: u8 = 2;

/// Runs the file, and ends with the code that says how that went.
pub(super) fn run(replay: &Replay) -> Result<ExitCode, Box<dyn Error>> {
    let path = replay.run.display();
    let file = match RunFile::read(&replay.run) {
        Ok(file) => file,
        Err(error) => {
            let place = if error.line == 0 { String::new() } else { format!("{path}: ") };
            eprintln!("error: {place}{error}");
            return Ok(ExitCode::from(NO_RUN));
        }
    };
    let run = match file.run() {
        Ok(run) => run,
        Err(error) => {
            eprintln!("error: {path}: {error}");
            return Ok(ExitCode::from(NO_RUN));
        }
    };
    let mismatches = file.mismatches(&run);
    let as_expected = mismatches.is_empty() && (file.expect.is_some() || run.is_ok());
    let page = replay.report.as_ref().map(|folder| run.write_report(folder)).transpose()?;
    let mut out = io::stdout().lock();
    if replay.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&run, &mismatches, as_expected))?)?;
    } else {
        writeln!(out, "{run}")?;
        for mismatch in &mismatches {
            writeln!(out, "not as expected: {mismatch}")?;
        }
        if let Some(expect) = file.expect.as_ref().filter(|_| mismatches.is_empty()) {
            writeln!(out, "as expected: {expect}")?;
        }
    }
    if let Some(page) = page {
        eprintln!("report: {}", page.display());
    }
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn as_json(run: &Run, mismatches: &[String], as_expected: bool) -> serde_json::Value {
    json!({
        "as_expected": as_expected,
        "mismatches": mismatches,
        "ok": run.is_ok(),
        "trace_hash": format!("{:016x}", run.trace_hash()),
        "report": run.report(),
    })
}
