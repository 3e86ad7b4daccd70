//! What a check says: findings with verdicts, what could not be judged, and what the run has seen at all.

use super::code::CATALOGUE;
use super::code::Code;
use super::code::IMPLIES;
use super::code::Severity;
use super::code::View;
use super::contract::Contract;
use super::contract::Lint;
use super::contract::Verdict;
use super::contract::judge;
use super::contract::lint;
use super::event::Event;
use super::event::FaultKind;
use super::facts::Facts;
use super::findings::Findings;
use super::history::History;
use super::invariants::RULES;
use super::setup::Setup;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

/// What a check says of a history. Its `Display` is the report as text; it serializes for machines.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be judged although the test requires it, and why.
    pub undecided: BTreeMap<&'static str, String>,
    /// Required, but not promised by the configuration.
    pub lints: Vec<Lint>,
    /// Findings that others explain, with the code that explains them.
    pub hidden: BTreeMap<&'static str, &'static str>,
    /// What the run has seen, by name.
    pub counters: BTreeMap<&'static str, u64>,
    /// Counters that must not be zero, and are; or that do not exist.
    pub unreached: Vec<String>,
    /// Rules that need a look into the cluster, which this history does not give.
    pub out_of_reach: Vec<&'static str>,
    #[serde(skip)]
    codes: Vec<Code>,
}

/// All violations of one rule.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What it means for the test; the worst of its examples'.
    pub verdict: Verdict,
    /// Why it means that.
    pub reason: String,
    /// How many violations there are.
    pub count: u64,
    /// Some of them, the smallest first.
    pub examples: Vec<Example>,
}

/// One violation with its witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Example {
    /// What it is about.
    pub subject: String,
    /// The variant of the rule, if it has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'static str>,
    /// What this one means.
    pub verdict: Verdict,
    /// The events that show it, in order, with what each shows.
    pub steps: Vec<Step>,
}

/// One step of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The event's number in the history, from 0; none for what follows from all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// What it shows.
    pub text: String,
}

/// How a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is wrong that was required, and all of it could be judged.
    Passed,
    /// Something required does not hold, or the run has not reached what it must.
    Failed,
    /// Nothing is wrong as far as one can see, which is not far enough.
    Undecided,
}

impl History {
    /// Holds every rule against this history.
    pub fn check(&self) -> Report {
        self.check_with(&mut |_, _| {}, false)
    }

    /// Does the same, and stops after the first rule that finds silent loss or corruption.
    pub fn check_first(&self) -> Report {
        self.check_with(&mut |_, _| {}, true)
    }

    /// Does the same, and tells `progress` how many rules of how many are done.
    pub fn check_with(&self, progress: &mut dyn FnMut(usize, usize), first_only: bool) -> Report {
        let facts = Facts::new(self);
        let mut findings = Findings::default();
        for (done, rule) in RULES.iter().enumerate() {
            progress(done, RULES.len());
            rule(&facts, &mut findings);
            let worst = findings.found.keys().any(|code| code.row().severity == Severity::S0);
            if first_only && worst {
                break;
            }
        }
        progress(RULES.len(), RULES.len());
        findings.sort();
        findings.count("retried sends", self.resends.len());
        findings.count("faults", self.others.iter().filter(|(_, event)| matches!(event, Event::Fault(_))).count());
        findings.count("rebalances", rebalances(self));
        Report::new(self, findings)
    }
}

fn rebalances(history: &History) -> usize {
    let generations = history.others.iter().filter_map(|(_, event)| match event {
        Event::Assigned(line) => Some((line.group.as_deref()?, line.generation)),
        Event::Kept(line) => Some((line.group.as_str(), Some(line.generation))),
        _ => None,
    });
    generations.collect::<BTreeSet<_>>().len()
}

fn loses_power(history: &History) -> bool {
    let is_loss = |event: &Event| matches!(event, Event::Fault(line) if line.kind == FaultKind::PowerLoss);
    history.others.iter().any(|(_, event)| is_loss(event))
}

impl Report {
    fn new(history: &History, findings: Findings) -> Self {
        let setup = history.setup();
        // They are there for those who lose what they have not flushed: where nobody does, nothing hangs on them.
        let eligible_leader_replicas = setup.eligible_leader_replicas || !loses_power(history);
        let judged = Setup { eligible_leader_replicas, ..setup.clone() };
        let codes: Vec<Code> = findings.found.keys().copied().collect();
        let mut list: Vec<Finding> = Vec::new();
        for (code, found) in findings.found {
            let mut worst: Option<(Verdict, String)> = None;
            let mut examples = Vec::with_capacity(found.examples.len());
            for anomaly in found.examples {
                let (verdict, reason) = judge(&judged, code, &anomaly.circumstances);
                if worst.as_ref().is_none_or(|(known, _)| verdict < *known) {
                    worst = Some((verdict, reason));
                }
                let steps = anomaly.steps.into_iter().map(|(event, text)| Step { event, text }).collect();
                examples.push(Example { subject: anomaly.subject, variant: anomaly.variant, verdict, steps });
            }
            let Some((verdict, reason)) = worst else { continue };
            // What it costs to see comes first: a required example before an allowed one.
            examples.sort_by_key(|example| example.verdict);
            list.push(Finding { code, severity: code.row().severity, verdict, reason, count: found.count, examples });
        }
        let hidden = hidden(&list);
        let is_hidden = |finding: &Finding| hidden.contains_key(finding.code.name());
        list.sort_by_key(|finding| (is_hidden(finding), finding.verdict, finding.severity, finding.code));
        let intended = |contract: Option<Contract>| contract.is_some_and(|contract| setup.intent.contains(&contract));
        let undecided = findings
            .undecided
            .into_iter()
            .filter(|(code, _)| intended(code.row().contract))
            .map(|(code, why)| (code.name(), why))
            .collect();
        let out_of_reach = match history.is_white_box() {
            true => Vec::new(),
            false => CATALOGUE.iter().filter(|row| row.view == View::White).map(|row| row.name).collect(),
        };
        let counters = findings.counters;
        let reached = |name: &String| counters.iter().any(|(counter, count)| counter == name && *count > 0);
        let unreached = setup.must_reach.iter().filter(|name| !reached(name)).cloned().collect();
        Self { findings: list, undecided, lints: lint(setup), hidden, counters, unreached, out_of_reach, codes }
    }

    /// Every code that was found, also those that others explain, in the catalogue's order.
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// The finding that a reader should see first: the worst one that is not a consequence of another.
    pub fn headline(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// The findings of one code.
    pub fn finding(&self, code: Code) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == code)
    }

    /// How the check ends.
    pub fn outcome(&self) -> Outcome {
        let wrong = |finding: &Finding| matches!(finding.verdict, Verdict::Bug | Verdict::Gap);
        if self.findings.iter().any(wrong) || !self.unreached.is_empty() {
            Outcome::Failed
        } else if self.undecided.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Undecided
        }
    }

    /// Fails a test, with the report as its message, unless the check has passed.
    ///
    /// # Panics
    /// When something required does not hold or could not be judged.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.outcome() == Outcome::Passed, "{self}");
    }
}

/// The codes that another one explains, with that one. What is wrong does not hide behind what is not.
fn hidden(list: &[Finding]) -> BTreeMap<&'static str, &'static str> {
    let is_wrong = |code: Code| {
        let found = list.iter().find(|finding| finding.code == code);
        found.map(|finding| matches!(finding.verdict, Verdict::Bug | Verdict::Gap))
    };
    let mut hidden = BTreeMap::new();
    for (cause, consequences) in IMPLIES {
        let Some(cause_is_wrong) = is_wrong(*cause) else { continue };
        for consequence in
            consequences.iter().filter(|code| is_wrong(**code).is_some_and(|wrong| cause_is_wrong || !wrong))
        {
            hidden.entry(consequence.name()).or_insert_with(|| cause.name());
        }
    }
    hidden
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lint in &self.lints {
            writeln!(f, "note: {} is required, but the configuration does not give it: {}", lint.contract, lint.needs)?;
        }
        for finding in self.findings.iter().filter(|finding| !self.hidden.contains_key(finding.code.name())) {
            write!(f, "{finding}")?;
        }
        for (consequence, cause) in &self.hidden {
            writeln!(f, "{consequence} was found too; {cause} explains it")?;
        }
        for (code, why) in &self.undecided {
            writeln!(f, "UNKNOWN {code}: {why}")?;
        }
        for name in &self.unreached {
            writeln!(f, "this run proves nothing: it never saw any of: {name}")?;
        }
        if !self.out_of_reach.is_empty() {
            writeln!(f, "without a look into the cluster, {} rules were not held against it", self.out_of_reach.len())?;
        }
        let seen: Vec<String> = self.counters.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "seen: {}", seen.join(", "))?;
        f.write_str(match self.outcome() {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Undecided => "UNDECIDED",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.count == 1 { String::new() } else { format!(", {} times", self.count) };
        let row = self.code.row();
        writeln!(f, "{} {:?} {}{times}: {}", self.verdict, self.severity, row.name, row.violation)?;
        writeln!(f, "  {}", self.reason)?;
        if let Some(example) = self.examples.first() {
            if let Some(variant) = example.variant {
                writeln!(f, "  for example {} ({variant}):", example.subject)?;
            } else {
                writeln!(f, "  for example {}:", example.subject)?;
            }
            for (number, step) in (1..).zip(&example.steps) {
                match step.event {
                    Some(event) => writeln!(f, "  {number}. {} (event {event})", step.text)?,
                    None => writeln!(f, "  {number}. {}", step.text)?,
                }
            }
        }
        Ok(())
    }
}
