//! The same report as plain text.

use super::cause;
use super::document::Case;
use super::document::Prepared;
use super::strips::Column;
use super::strips::Strip;
use super::time::grouped;
use super::time::readable;
use crate::check::Outcome;

pub(super) fn write(prepared: &Prepared<'_>) -> String {
    let document = prepared.document;
    let report = document.report;
    let mut out = String::new();
    if let Some(title) = &document.title {
        out.push_str(&format!("{title}\n"));
    }
    out.push_str(match report.outcome() {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Undecided => "UNDECIDED",
    });
    let facts: Vec<String> = document.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
    out.push_str(&format!("{facts}\n"));
    for note in &document.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    if let Some(replay) = &document.replay {
        out.push_str(&format!("run it again: {replay}\n"));
    }
    for case in &prepared.cases {
        write_case(&mut out, case);
    }
    let others: Vec<_> = prepared.others().collect();
    if !others.is_empty() || !report.hidden.is_empty() || !report.undecided.is_empty() || !report.unreached.is_empty() {
        out.push_str("\nOther findings\n");
    }
    for finding in others {
        let (verdict, code) = (finding.verdict, finding.code);
        out.push_str(&format!("  {verdict} {code} {}\n", cause::headline(finding, report)));
    }
    for (consequence, cause) in &report.hidden {
        out.push_str(&format!("  {consequence} was found too; {cause} explains it\n"));
    }
    for (code, why) in &report.undecided {
        out.push_str(&format!("  UNKNOWN {code}: {why}\n"));
    }
    for name in &report.unreached {
        out.push_str(&format!("  this run proves nothing: it never saw any of: {name}\n"));
    }
    if !document.plan.is_empty() {
        out.push_str("\nFault plan\n");
        for line in &document.plan {
            out.push_str(&format!("  {line}\n"));
        }
    }
    configuration(&mut out, prepared);
    out.push_str("\nSeen\n");
    for (name, count) in &report.counters {
        out.push_str(&format!("  {:>9}  {name}\n", grouped(*count)));
    }
    for series in &prepared.metrics.series {
        out.push_str(&format!("  {:>9}  {}, at most ({})\n", grouped(series.max), series.name, series.unit));
    }
    out
}

fn write_case(out: &mut String, case: &Case<'_>) {
    let finding = case.finding;
    out.push_str(&format!("\n{} {}\n", finding.code, case.headline));
    out.push_str(&format!("  {}: {}\n", finding.verdict, cause::verdict(finding.verdict)));
    out.push_str(&format!("  {}. Severity {:?}.\n", cause::capital(&finding.reason), finding.severity));
    let variant = case.example.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
    out.push_str(&format!("\n  The witness: {}{variant}\n", case.example.subject));
    let when = |t: Option<u64>| t.map_or_else(|| "at the end".to_owned(), readable);
    let steps = &case.story.steps;
    let wide = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let times = wide(&mut steps.iter().map(|step| when(step.line.t)));
    let lanes = wide(&mut steps.iter().map(|step| step.line.lane.to_string()));
    for (number, step) in (1..).zip(steps) {
        let (sign, lane) = (if step.is_witness { '*' } else { ' ' }, step.line.lane.to_string());
        out.push_str(&format!(
            "  {sign}{number:>2}. {:>times$}  {lane:<lanes$}  {} (event {})\n",
            when(step.line.t),
            step.text,
            step.line.number
        ));
    }
    for conclusion in &case.story.conclusions {
        out.push_str(&format!("       So {conclusion}.\n"));
    }
    if case.story.folded > 0 {
        out.push_str(&format!("       {} more events of the same participants are left out.\n", case.story.folded));
    }
    out.push_str("      Steps with a star prove it; the others led there.\n\n");
    if let Some(mechanism) = case.mechanism {
        out.push_str(&format!("  {mechanism}\n"));
    }
    out.push_str(&format!("  {}.\n", case.prevention));
    for strip in &case.strips {
        write_strip(out, strip);
    }
}

/// A strip as a table of fixed width; what is wrong has an exclamation mark, what was aborted stands in brackets.
fn write_strip(out: &mut String, strip: &Strip) {
    out.push_str(&format!("\n  The log of {}", strip.partition));
    if let Some(high_watermark) = strip.high_watermark {
        out.push_str(&format!(", high watermark {high_watermark}"));
    }
    if let Some(last_stable) = strip.last_stable {
        out.push_str(&format!(", last stable offset {last_stable}"));
    }
    if let Some(producer) = &strip.producer {
        out.push_str(&format!(", records of {producer}"));
    }
    for (letter, producer) in &strip.letters {
        out.push_str(&format!(", {letter} = {producer}"));
    }
    out.push('\n');
    let mut table: Vec<Vec<String>> = Vec::new();
    let mut first = vec!["offset".to_owned()];
    first.extend(strip.columns.iter().map(|column| match column {
        Column::Offset(offset) => offset.to_string(),
        Column::Folded(count) => format!("~{count}~"),
    }));
    table.push(first);
    for row in &strip.rows {
        let mut line = vec![row.name.clone()];
        for cell in &row.cells {
            let has = |class| cell.classes.contains(&class);
            let text = if has("aborted") { format!("[{}]", cell.text) } else { cell.text.clone() };
            line.push(if has("wrong") { format!("{text}!") } else { text });
        }
        table.push(line);
    }
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| table.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &table {
        let mut line = String::from("    ");
        for (at, (text, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - text.chars().count());
            line.push_str(&if at == 0 { format!("{text}{pad}") } else { format!("  {pad}{text}") });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn configuration(out: &mut String, prepared: &Prepared<'_>) {
    let intent: Vec<&str> = prepared.document.history.setup().intent.iter().map(|contract| contract.name()).collect();
    out.push_str(&format!("\nConfiguration (required: {})\n", intent.join(", ")));
    let differ: Vec<_> = prepared.settings.iter().filter(|row| row.differs).collect();
    if differ.is_empty() {
        out.push_str("  as in the safe preset\n");
    }
    for row in differ {
        out.push_str(&format!("  {} is {}, safe is {}\n", row.name, row.here, row.safe));
    }
}
