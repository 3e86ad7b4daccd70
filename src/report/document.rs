//! What a report is made of, whatever it is written as.

use super::cause;
use super::describe::Leaders;
use super::html;
use super::mermaid;
use super::metrics::Metrics;
use super::picture::Picture;
use super::settings::Setting;
use super::settings::settings;
use super::story::Story;
use super::strips::Strip;
use super::text;
use crate::check::Example;
use crate::check::Finding;
use crate::check::History;
use crate::check::Report;

/// How many findings are drawn; the others are listed.
const DRAWN_MAX: usize = 4;

/// A report on a history: what went wrong, drawn and told.
///
/// The same history, report and additions give the same bytes, on every machine and on every day.
///
/// ```
/// use rehearsal::check::History;
/// use rehearsal::report::Document;
///
/// let history = History::from_json_lines(include_str!("../../fixtures/histories/lost.jsonl"))?;
/// let report = history.check();
/// let document = Document::new(&history, &report).title("the order service").fact("seed", 7);
/// assert!(document.text().contains("1 of 1 acknowledged record is gone: p#0"));
/// assert!(document.html().starts_with("<!doctype html>"));
/// # Ok::<(), rehearsal::check::HistoryError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a document does nothing until it is written: `html`, `text` or `mermaid`"]
pub struct Document<'a> {
    pub(super) history: &'a History,
    pub(super) report: &'a Report,
    pub(super) title: Option<String>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) replay: Option<String>,
    pub(super) files: Vec<(String, String)>,
    pub(super) plan: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) contrast: Option<String>,
}

impl<'a> Document<'a> {
    /// Begins with what every history has: its events, and what the checker says of them.
    pub fn new(history: &'a History, report: &'a Report) -> Self {
        Self {
            history,
            report,
            title: None,
            facts: Vec::new(),
            replay: None,
            files: Vec::new(),
            plan: Vec::new(),
            notes: Vec::new(),
            contrast: None,
        }
    }

    /// Sets what was run, in a few words.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a fact about the run to the head of the report: its seed, its size, its trace hash.
    pub fn fact(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.facts.push((name.into(), value.to_string()));
        self
    }

    /// Sets the command that runs the same again.
    pub fn replay(mut self, command: impl Into<String>) -> Self {
        self.replay = Some(command.into());
        self
    }

    /// Adds a link to a file that lies beside the report.
    pub fn file(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.files.push((name.into(), path.into()));
        self
    }

    /// Sets what was broken by plan, one fault or command in a line.
    pub fn plan(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.plan = lines.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a sentence that a reader should see at the head: that a process did not end, for example.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets how a neighbouring run differs that passed; it completes "It does not happen …", as in ``without `lost` ``.
    pub fn contrast(mut self, difference: impl Into<String>) -> Self {
        self.contrast = Some(difference.into());
        self
    }

    /// Writes one page of HTML that needs nothing else: no network, no fonts, no other file; at most 2 MB.
    pub fn html(&self) -> String {
        html::write(&self.prepare())
    }

    /// Writes the same as text, for terminals and logs.
    pub fn text(&self) -> String {
        text::write(&self.prepare())
    }

    /// Writes the witness of the headline as a Mermaid sequence diagram, for comments on a pull request; empty when
    /// nothing was found.
    pub fn mermaid(&self) -> String {
        self.prepare().cases.first().map(mermaid::write).unwrap_or_default()
    }

    fn prepare(&self) -> Prepared<'_> {
        let leaders = Leaders::of(self.history);
        let shown = |finding: &&Finding| !self.report.hidden.contains_key(finding.code.name());
        let mut cases = Vec::new();
        for finding in self.report.findings.iter().filter(shown).take(DRAWN_MAX) {
            let Some(example) = finding.examples.first() else { continue };
            let story = Story::of(self.history, &leaders, example);
            cases.push(Case {
                finding,
                example,
                headline: cause::headline(finding, self.report),
                picture: Picture::of(self.history, &story),
                strips: Strip::all(self.history, &story.scope),
                prevention: cause::prevention(finding, self.history.setup(), self.contrast.as_deref()),
                mechanism: cause::mechanism(finding.code, example),
                story,
            });
        }
        Prepared {
            document: self,
            cases,
            settings: settings(self.history.setup()),
            metrics: Metrics::of(self.history),
            leaders,
        }
    }
}

/// Everything worked out, ready to be written in any form.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) cases: Vec<Case<'a>>,
    pub(super) settings: Vec<Setting>,
    pub(super) metrics: Metrics,
    pub(super) leaders: Leaders,
}

/// One finding, with one example drawn and told.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) finding: &'a Finding,
    pub(super) example: &'a Example,
    pub(super) headline: String,
    pub(super) story: Story,
    pub(super) picture: Picture,
    pub(super) strips: Vec<Strip>,
    pub(super) mechanism: Option<&'static str>,
    pub(super) prevention: String,
}

impl Prepared<'_> {
    /// The findings that are not drawn, and how many of each.
    pub(super) fn others(&self) -> impl Iterator<Item = &Finding> {
        let drawn = |finding: &&Finding| !self.cases.iter().any(|case| case.finding.code == finding.code);
        let hidden = |finding: &&Finding| !self.document.report.hidden.contains_key(finding.code.name());
        self.document.report.findings.iter().filter(drawn).filter(hidden)
    }
}
