//! What a simulated run came to.

use super::file::Expect;
use super::file::RunFile;
use crate::base::Seed;
use crate::base::fnv::Fnv;
use crate::broker::ClusterSnapshot;
use crate::check::Code;
use crate::check::History;
use crate::check::Outcome;
use crate::check::Report;
use crate::check::Verdict;
use crate::fault::FaultPlan;
use crate::fault::FaultReport;
use crate::journal::Event;
use crate::journal::Journal;
use crate::wire::codec::Encoder;
use std::fmt;
use std::time::Duration;

/// How a process of the application ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It returned.
    Finished,
    /// It returned an error, which is this in words.
    Failed(String),
    /// It had not returned when the time was up.
    Running,
    /// It has crashed, and nobody started it again.
    Crashed,
}

/// A run that is over: what happened, and whether the promises were kept.
#[derive(Clone, Debug)]
#[must_use = "a run that nobody looks at proves nothing; call `assert_ok`"]
pub struct Run {
    pub(super) seed: Seed,
    pub(super) elapsed: Duration,
    pub(super) endings: Vec<Ending>,
    pub(super) file: RunFile,
    pub(super) unmet: Vec<String>,
    pub(super) faults: Vec<FaultReport>,
    pub(super) unreached: Vec<String>,
    pub(super) broken: Vec<String>,
    pub(super) journal: Journal,
    pub(super) history: History,
    pub(super) report: Report,
    pub(super) snapshot: ClusterSnapshot,
}

impl Run {
    /// The seed from which everything followed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// How long it took, in virtual time.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How each process ended, by number.
    pub fn endings(&self) -> &[Ending] {
        &self.endings
    }

    /// What was broken by plan.
    pub fn plan(&self) -> &FaultPlan {
        &self.file.faults
    }

    /// What became of the plan's faults and commands, and of those that a nemesis injected.
    pub fn faults(&self) -> &[FaultReport] {
        &self.faults
    }

    /// What clients did and saw, and what the cluster made of it, as the checker was shown it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was not well when the time for it was up, in words; empty when all was, or when nothing was ever healed.
    pub fn unmet(&self) -> &[String] {
        &self.unmet
    }

    /// Which rules of the application's own do not hold, and why not.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// What it was to see and never saw, by the names of [`Run::counters`].
    pub fn unreached(&self) -> &[String] {
        &self.unreached
    }

    /// This run as data, with what it came to: what replays it.
    ///
    /// Of an application of one's own it has all but the application: see [`RunFile::apply`].
    pub fn file(&self) -> RunFile {
        let step = |step: &crate::check::Step| step.text.clone();
        let example = self.report.headline().and_then(|finding| finding.examples.first());
        RunFile {
            expect: self.expectation(),
            trace_hash: Some(self.trace_hash_text()),
            witness: example.map(|example| example.steps.iter().map(step).collect()).unwrap_or_default(),
            ..self.file.clone()
        }
    }

    /// What was found that makes this run fail, for [`RunFile::expect`].
    pub fn expectation(&self) -> Option<Expect> {
        let failing = |verdict: Verdict| matches!(verdict, Verdict::Bug | Verdict::Gap);
        let verdict = self.report.headline().map(|finding| finding.verdict).filter(|verdict| failing(*verdict))?;
        let same = self.report.findings.iter().filter(|finding| finding.verdict == verdict);
        let codes: Vec<Code> = same.map(|finding| finding.code).collect();
        Some(Expect { codes, verdict })
    }

    pub(super) fn trace_hash_text(&self) -> String {
        format!("{:016x}", self.trace_hash())
    }

    /// What the checker says of it.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What happened in the cluster.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the cluster looked like at the end.
    pub fn snapshot(&self) -> &ClusterSnapshot {
        &self.snapshot
    }

    /// A number that two runs share only if the same requests came at the same times and got the same answers.
    pub fn trace_hash(&self) -> u64 {
        let mut hash = Fnv::default();
        for entry in self.journal.entries() {
            hash.number(entry.sequence);
            hash.write(&entry.at.since_start().as_nanos().to_le_bytes());
            match &entry.event {
                Event::Request(request) => {
                    hash.write(&request.header.api_key.to_le_bytes());
                    hash.write(&request.header.api_version.to_le_bytes());
                    hash.write(&request.body);
                }
                Event::Response { request, response } => {
                    hash.number(*request);
                    let newest = response.api_key().versions().max;
                    let version = self.journal.request(*request).map_or(newest, |request| request.header.api_version);
                    let mut encoder = Encoder::new(false);
                    // What cannot be written was not sent either.
                    if response.encode(&mut encoder, version).is_ok() {
                        hash.write(&encoder.into_bytes());
                    }
                }
                other => hash.write(format!("{other:?}").as_bytes()),
            }
        }
        hash.finish()
    }

    /// Panics unless all processes ended well and all promises were kept.
    ///
    /// # Panics
    /// With the seed, and with what was found.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.is_ok(), "{self}");
    }

    /// Whether all processes ended well and all promises were kept.
    pub fn is_ok(&self) -> bool {
        let ended = self.endings.iter().all(|ending| matches!(ending, Ending::Finished | Ending::Crashed));
        ended
            && self.unmet.is_empty()
            && self.unreached.is_empty()
            && self.broken.is_empty()
            && self.report.outcome() != Outcome::Failed
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seed(seed) = self.seed;
        let verdict = if self.is_ok() { "ok" } else { "NOT OK" };
        writeln!(f, "seed {seed}: {verdict} after {:.3?} of virtual time", self.elapsed)?;
        for (index, ending) in self.endings.iter().enumerate() {
            match ending {
                Ending::Finished | Ending::Crashed => {}
                Ending::Failed(why) => writeln!(f, "  process {index} failed: {why}")?,
                Ending::Running => writeln!(f, "  process {index} had not ended when the time was up")?,
            }
        }
        for what in &self.unmet {
            writeln!(f, "  although all was healed, {what}")?;
        }
        for what in &self.broken {
            writeln!(f, "  {what}")?;
        }
        for name in &self.unreached {
            writeln!(f, "  this run proves nothing: it never saw any of: {name}")?;
        }
        write!(f, "{}", self.report)
    }
}
