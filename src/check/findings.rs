//! What rules found: a count per code, and a few examples with the events that show it.

use super::code::Code;
use super::contract::Circumstances;
use super::event::Isolation;
use std::collections::BTreeMap;

/// How many examples of a code are kept.
pub(crate) const EXAMPLES_MAX: usize = 32;

/// One violation, with the steps that show it.
#[derive(Clone, Debug)]
pub(crate) struct Anomaly {
    /// What it is about: a record, an offset, a transaction.
    pub(crate) subject: String,
    /// A variant of the rule, by its own name.
    pub(crate) variant: Option<&'static str>,
    /// The events of the witness, each with what it shows.
    pub(crate) steps: Vec<(Option<u32>, String)>,
    pub(crate) circumstances: Circumstances,
}

impl Anomaly {
    pub(crate) fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), variant: None, steps: Vec::new(), circumstances: Circumstances::default() }
    }

    /// Adds an event and what it shows.
    pub(crate) fn at(mut self, event: u32, text: impl Into<String>) -> Self {
        self.steps.push((Some(event), text.into()));
        self
    }

    /// Adds what no single event shows.
    pub(crate) fn so(mut self, text: impl Into<String>) -> Self {
        self.steps.push((None, text.into()));
        self
    }

    pub(crate) fn variant(mut self, variant: &'static str) -> Self {
        self.variant = Some(variant);
        self
    }

    pub(crate) fn read_with(mut self, isolation: Isolation) -> Self {
        self.circumstances.isolation = Some(isolation);
        self
    }

    pub(crate) fn needs(mut self, setting: &'static str) -> Self {
        self.circumstances.needs = Some(setting);
        self
    }

    /// Kafka promises nothing else, unless this is set.
    pub(crate) fn allowed_without(mut self, setting: &'static str) -> Self {
        self.circumstances.allowed_without = Some(setting);
        self
    }

    pub(crate) fn over_budget(mut self, reason: Option<&'static str>) -> Self {
        self.circumstances.over_budget = reason;
        self
    }

    /// How much there is to look at: few steps that lie close together are best.
    fn size(&self) -> (usize, u32) {
        let events = || self.steps.iter().filter_map(|(event, _)| *event);
        let span = events().max().unwrap_or(0) - events().min().unwrap_or(0);
        (self.steps.len(), span)
    }
}

/// All violations of one code.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) count: u64,
    pub(crate) examples: Vec<Anomaly>,
}

/// What all rules found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) found: BTreeMap<Code, Found>,
    /// What could not be judged, and why.
    pub(crate) undecided: BTreeMap<Code, String>,
    /// How often each rule had something to look at.
    pub(crate) counters: BTreeMap<&'static str, u64>,
}

impl Findings {
    /// Notes a violation; the example is put together only while examples are kept.
    pub(crate) fn add(&mut self, code: Code, anomaly: impl FnOnce() -> Anomaly) {
        let found = self.found.entry(code).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES_MAX {
            found.examples.push(anomaly());
        }
    }

    /// Notes that a rule cannot be judged; the first reason is kept.
    pub(crate) fn undecided(&mut self, code: Code, why: impl Into<String>) {
        self.undecided.entry(code).or_insert_with(|| why.into());
    }

    pub(crate) fn count(&mut self, counter: &'static str, by: usize) {
        *self.counters.entry(counter).or_default() += u64::try_from(by).unwrap_or(u64::MAX);
    }

    /// Puts the smallest examples first.
    pub(crate) fn sort(&mut self) {
        for found in self.found.values_mut() {
            found.examples.sort_by_key(Anomaly::size);
        }
    }
}
