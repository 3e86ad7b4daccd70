//! Making a failing run smaller until nothing can be left out: few faults, few records, settings as they should be but
//! for those that matter.
//!
//! Not here: the search itself (`base::reduce`), and what can be taken from a plan of faults (`fault`).
//!
//! ```
//! use rehearsal::sim::{RunFile, Shrink, Workload, WorkloadKind};
//!
//! // Somebody has turned idempotence off, and now and then a record is there twice.
//! let mut workload = Workload::new(WorkloadKind::Plain);
//! workload.config.idempotence = false;
//! let plan = r#"{
//!   "heal_at_ms": 20000,
//!   "faults": [
//!     {"name": "slow", "on": {"api": "Fetch"}, "probability": 0.1, "action": {"delay": {"fixed_ms": 70}}},
//!     {"name": "lost", "on": {"api": "Produce"}, "probability": 0.1, "stage": "answer", "action": "close"}
//!   ]
//! }"#;
//! let faults = rehearsal::fault::FaultPlan::from_json(plan).unwrap();
//! let file = RunFile { faults, ..RunFile::new(7, workload) };
//!
//! let small = Shrink::new(file).run(RunFile::run).unwrap();
//! assert_eq!(small.failure.to_string(), "GAP DUP");
//! assert_eq!(small.file.faults.len(), 1, "{small}");
//! assert_eq!((small.file.workload.producers, small.file.workload.records), (1, 1), "{small}");
//! assert!(small.contrast.is_some());
//! ```

mod passes;
mod trace;

use super::Ending;
use super::Error;
use super::Run;
use super::RunFile;
use crate::base::fnv::Fnv;
use crate::check::Code;
use crate::check::Outcome;
use crate::check::Verdict;
use crate::fault::FaultPlan;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use trace::Seen;

type Told<'a> = Box<dyn FnMut(&Progress<'_>) + 'a>;

/// A failing run that is to be made smaller.
#[must_use = "nothing is made smaller until `run` is called"]
pub struct Shrink<'a> {
    file: RunFile,
    runs_max: usize,
    is_any: bool,
    progress: Option<Told<'a>>,
}

/// How far the search has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// How many runs there were.
    pub runs: usize,
    /// How many there will be at most.
    pub runs_max: usize,
    /// How many faults the smallest run has.
    pub faults: usize,
    /// How many records it sends.
    pub records: usize,
    /// What was tried last.
    pub tried: &'a str,
    /// Whether the run failed as before.
    pub is_accepted: bool,
}

/// How a run fails: what must stay the same while it gets smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The checker found something.
    Finding(Code, Verdict),
    /// A process ended with an error, or not at all.
    Ended,
    /// All was healed, and not all became well.
    NotWell,
    /// It never saw what it is about.
    Unreached,
}

/// A step that made the run smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShrinkStep {
    /// The number of the run that showed it, from 1.
    pub run: usize,
    /// What was changed.
    pub what: String,
    /// How many faults were left.
    pub faults: usize,
    /// How many records were left.
    pub records: usize,
}

/// The smallest run that was found to fail in the same way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shrunk {
    /// The run as it was at first.
    pub original: RunFile,
    /// The smallest run, with what it comes to: a file to be kept.
    pub file: RunFile,
    /// What happens in it.
    pub run: Run,
    /// How it fails, and the first run did.
    pub failure: Failure,
    /// The run that is most like it and does not fail.
    pub contrast: Option<Contrast>,
    /// How it became smaller.
    pub steps: Vec<ShrinkStep>,
    /// How many runs it took.
    pub runs: usize,
    /// Whether the search came to its end: nothing that it knows can be left out.
    pub is_minimal: bool,
}

/// A run that does not fail, next to one that does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contrast {
    /// What is different in it.
    pub what: String,
    /// The run as data.
    pub file: RunFile,
    /// What happens in it.
    pub run: Run,
}

/// Why nothing could be made smaller.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShrinkError {
    /// The run cannot run.
    Run(Error),
    /// The run does not fail.
    Passed(Box<Run>),
    /// The run cannot be written: a closure is in its plan.
    Written(super::FileError),
}

impl fmt::Display for ShrinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => write!(f, "{error}"),
            Self::Passed(run) => write!(f, "the run does not fail, so there is nothing to make smaller\n{run}"),
            Self::Written(error) => write!(f, "only a run that can be written can be made smaller: {error}"),
        }
    }
}

impl std::error::Error for ShrinkError {}

impl Failure {
    /// How a run fails, if it does.
    pub fn of(run: &Run) -> Option<Self> {
        if let Some(expect) = run.expectation() {
            return Some(Self::Finding(*expect.codes.first()?, expect.verdict));
        }
        let ended = |ending: &Ending| matches!(ending, Ending::Finished | Ending::Crashed);
        if !run.endings().iter().all(ended) {
            Some(Self::Ended)
        } else if !run.unmet().is_empty() {
            Some(Self::NotWell)
        } else {
            (run.report().outcome() == Outcome::Failed || !run.is_ok()).then_some(Self::Unreached)
        }
    }

    /// Whether a run fails in this way too, whatever else may be wrong with it.
    fn is_of(self, run: &Run) -> bool {
        match self {
            Self::Finding(code, verdict) => {
                run.expectation().is_some_and(|expect| expect.verdict == verdict && expect.codes.contains(&code))
            }
            other => Self::of(run) == Some(other),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(code, verdict) => write!(f, "{verdict} {}", code.name()),
            Self::Ended => f.write_str("a process failed"),
            Self::NotWell => f.write_str("not all became well"),
            Self::Unreached => f.write_str("it never saw what it is about"),
        }
    }
}

impl<'a> Shrink<'a> {
    /// A run that fails, to be made smaller in at most 300 runs.
    pub fn new(file: RunFile) -> Self {
        Self { file, runs_max: 300, is_any: false, progress: None }
    }

    /// Sets how many runs it may take at most. 300 unless told otherwise.
    pub fn runs_max(mut self, runs: usize) -> Self {
        self.runs_max = runs;
        self
    }

    /// Sets whether any failure will do. Otherwise what was found must stay the same, with the same verdict, or the search
    /// might end with another bug than it began with.
    pub fn any(mut self, is_any: bool) -> Self {
        self.is_any = is_any;
        self
    }

    /// Sets who is told after each run.
    pub fn progress(mut self, told: impl FnMut(&Progress<'_>) + 'a) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// Runs variants of it until nothing can be left out. `run` is [`RunFile::run`] for a workload of this crate; for an
    /// application of one's own it gives the file to it:
    ///
    /// ```
    /// use rehearsal::check::{Contract, Setup};
    /// use rehearsal::client::ProducerRecord;
    /// use rehearsal::sim::{Shrink, Simulation};
    /// use std::time::Duration;
    ///
    /// fn billing() -> Simulation {
    ///     let setup = Setup { idempotence: false, intent: vec![Contract::NoDup], ..Setup::default() };
    ///     Simulation::new(0).brokers(3).topic("bills", 1).setup(setup).app(|node| async move {
    ///         let producer = node.client().producer().enable_idempotence(false).build();
    ///         for bill in 0..50 {
    ///             let _ = producer.send(ProducerRecord::new("bills").value(bill.to_string())).await;
    ///             tokio::time::sleep(Duration::from_millis(200)).await;
    ///         }
    ///         Ok(())
    ///     })
    /// }
    ///
    /// // The first seed whose faults are too much for it.
    /// let swarm = |seed| billing().seed(seed).swarm(Duration::from_secs(10), [""; 0]).run().unwrap();
    /// let failed = (0..100).map(swarm).find(|run| !run.is_ok()).unwrap();
    /// let small = Shrink::new(failed.file()).run(|file| file.apply(billing()).run()).unwrap();
    /// assert_eq!(small.failure.to_string(), "GAP DUP");
    /// assert!(small.file.faults.len() <= 4, "{small}");
    /// ```
    ///
    /// # Errors
    /// [`ShrinkError`], for a run that does not fail, or cannot run.
    pub fn run(mut self, run: impl Fn(&RunFile) -> Result<Run, Error>) -> Result<Shrunk, ShrinkError> {
        let original = RunFile { expect: None, trace_hash: None, witness: Vec::new(), ..self.file.clone() };
        let first = run(&original).map_err(ShrinkError::Run)?;
        let Some(failure) = Failure::of(&first) else { return Err(ShrinkError::Passed(Box::new(first))) };
        let mut tried = BTreeSet::from([original.to_json().map_err(ShrinkError::Written)?]);
        let mut best = (original.clone(), Seen::new(first, &failure));
        let (mut runs, mut steps, mut passed) = (1, Vec::new(), Vec::new());
        let (mut reduction, mut is_tying) = (passes::all(true), true);
        // The smallest run before faults by chance were tied to the requests that they hit.
        let mut before_ties: Option<(RunFile, usize)> = None;
        let is_minimal = loop {
            let proposal = reduction.propose(&best.0, &best.1);
            let is_stuck = |at: usize| proposal.is_none() || runs >= at + self.runs_max.saturating_sub(at) / 2;
            if before_ties.as_ref().is_some_and(|(_, at)| is_stuck(*at)) {
                let Some((file, at)) = before_ties.take() else { continue };
                is_tying = false;
                if best.0.faults.len() > file.faults.len() {
                    // It takes very many of them: they are rather left to chance.
                    let Some(run) = run(&file).ok().filter(|run| failure.is_of(run)) else { break false };
                    runs += 1;
                    steps.retain(|step: &ShrinkStep| step.run <= at);
                    best = (file, Seen::new(run, &failure));
                    reduction = passes::all(false);
                    continue;
                }
            }
            let Some(proposal) = proposal else { break true };
            // What was tried before failed to fail; or it is the best there is.
            let is_new = proposal.value.to_json().is_ok_and(|text| tried.insert(text));
            if !is_new {
                reduction.answer(false);
                continue;
            }
            if runs >= self.runs_max {
                break false;
            }
            runs += 1;
            let seen = run(&proposal.value).ok();
            let accepted = seen.filter(|run| {
                let found = Failure::of(run);
                if found.is_none() {
                    passed.push((proposal.what.clone(), proposal.value.clone()));
                }
                failure.is_of(run) || self.is_any && found.is_some()
            });
            reduction.answer(accepted.is_some());
            let is_accepted = accepted.is_some();
            if let Some(run) = accepted {
                if is_tying && before_ties.is_none() && proposal.value.faults.len() > best.0.faults.len() {
                    before_ties = Some((best.0.clone(), runs - 1));
                }
                let failure = if self.is_any { Failure::of(&run).unwrap_or(failure) } else { failure };
                let seen = Seen::new(run, &failure);
                let (faults, records) = (proposal.value.faults.len(), passes::ops(&proposal.value).len());
                steps.push(ShrinkStep { run: runs, what: proposal.what.clone(), faults, records });
                best = (proposal.value, seen);
            }
            if let Some(told) = &mut self.progress {
                told(&Progress {
                    runs,
                    runs_max: self.runs_max,
                    faults: best.0.faults.len(),
                    records: passes::ops(&best.0).len(),
                    tried: &proposal.what,
                    is_accepted,
                });
            }
        };
        let (file, Seen { run: smallest, .. }) = best;
        let contrast =
            nearest(&file, passed).and_then(|(what, file)| Some(Contrast { what, run: run(&file).ok()?, file }));
        runs += usize::from(contrast.is_some());
        let failure = if self.is_any { Failure::of(&smallest).unwrap_or(failure) } else { failure };
        let seen = smallest.file();
        let file = RunFile { expect: seen.expect, trace_hash: seen.trace_hash, witness: seen.witness, ..file };
        Ok(Shrunk { original, file, run: smallest, failure, contrast, steps, runs, is_minimal })
    }
}

/// How many records a run sends at most.
pub(super) fn records(file: &RunFile) -> usize {
    passes::ops(file).len()
}

/// Of runs that pass the one that is most like this one; one without a single fault of it says more than any other.
fn nearest(file: &RunFile, passed: Vec<(String, RunFile)>) -> Option<(String, RunFile)> {
    let plan = |plan: &FaultPlan| plan.to_json().unwrap_or_default();
    let parts = |n| (plan(&file.faults.without_parts(n..n + 1)), file.faults.part(n));
    let smaller: Vec<_> = (0..file.faults.len()).map(parts).collect();
    let own = lines(file);
    let measured = passed.into_iter().rev().map(|(what, other)| {
        let (mut missing, mut more) = (own.clone(), 0);
        for line in lines(&other) {
            match missing.iter().position(|own| *own == line) {
                Some(at) => drop(missing.swap_remove(at)),
                None => more += 1,
            }
        }
        let is_same = lines(&RunFile { faults: file.faults.clone(), ..other.clone() }) == own;
        let others_plan = plan(&other.faults);
        let without = smaller.iter().find(|(smaller, _)| is_same && *smaller == others_plan);
        let what = without.and_then(|(_, part)| Some(format!("without `{}`", part.as_ref()?))).unwrap_or(what);
        ((without.is_none(), missing.len() + more), what, other)
    });
    measured.min_by_key(|(distance, ..)| *distance).map(|(_, what, other)| (what, other))
}

fn lines(file: &RunFile) -> Vec<String> {
    let text = file.to_json().unwrap_or_default();
    text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

impl Shrunk {
    /// What the file is called: what was found, and eight digits that depend on its content.
    pub fn file_name(&self) -> String {
        let name = match self.failure {
            Failure::Finding(code, _) => code.name(),
            Failure::Ended => "ENDED",
            Failure::NotWell => "NOT-WELL",
            Failure::Unreached => "UNREACHED",
        };
        let mut hash = Fnv::default();
        hash.write(self.file.to_json().unwrap_or_default().as_bytes());
        format!("{name}-{:08x}.json", hash.finish() >> 32)
    }

    /// Writes the smallest run to a directory, for [`regressions!`](crate::regressions). Returns where it is.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write_to(&self, directory: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = directory.as_ref().join(self.file_name());
        let text = self.file.to_json().map_err(io::Error::other)?;
        std::fs::create_dir_all(directory)?;
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// What was left out, and what is left.
impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |file: &RunFile| format!("{} faults and {} records", file.faults.len(), passes::ops(file).len());
        let (before, after) = (size(&self.original), size(&self.file));
        writeln!(f, "{}: from {before} to {after} in {} runs", self.failure, self.runs)?;
        for step in &self.steps {
            writeln!(f, "  run {:>3}: {}", step.run, step.what)?;
        }
        for fault in &self.file.faults.faults {
            writeln!(f, "fault: {fault}")?;
        }
        for command in &self.file.faults.commands {
            writeln!(f, "fault: {command}")?;
        }
        if let Some(contrast) = &self.contrast {
            writeln!(f, "it does not happen {}", contrast.what)?;
        }
        if !self.is_minimal {
            writeln!(f, "there may be something smaller still: the search ended with its last run")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shrink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shrink")
            .field("file", &self.file)
            .field("runs_max", &self.runs_max)
            .field("is_any", &self.is_any)
            .finish_non_exhaustive()
    }
}
