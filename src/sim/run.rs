//! What a simulated run came to.

use crate::base::Instant;
use crate::base::Seed;
use crate::broker::ClusterSnapshot;
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
}

/// A run that is over: what happened, and whether the promises were kept.
#[derive(Clone, Debug)]
#[must_use = "a run that nobody looks at proves nothing; call `assert_ok`"]
pub struct Run {
    pub(super) seed: Seed,
    pub(super) elapsed: Duration,
    pub(super) endings: Vec<Ending>,
    pub(super) journal: String,
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

    /// The cluster's journal, one line per entry.
    pub fn journal(&self) -> &str {
        &self.journal
    }

    /// What the cluster looked like at the end.
    pub fn snapshot(&self) -> &ClusterSnapshot {
        &self.snapshot
    }

    /// A number that two runs share only if the same things happened in them at the same times (FNV-1a, 64 bits, over
    /// the journal).
    pub fn trace_hash(&self) -> u64 {
        fnv(self.journal.as_bytes())
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
        self.endings.iter().all(|ending| *ending == Ending::Finished)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seed(seed) = self.seed;
        let verdict = if self.is_ok() { "ok" } else { "NOT OK" };
        writeln!(f, "seed {seed}: {verdict} after {:.3?} of virtual time", self.elapsed)?;
        for (index, ending) in self.endings.iter().enumerate() {
            match ending {
                Ending::Finished => {}
                Ending::Failed(why) => writeln!(f, "  process {index} failed: {why}")?,
                Ending::Running => writeln!(f, "  process {index} had not ended when the time was up")?,
            }
        }
        Ok(())
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The length of a run so far.
pub(super) fn elapsed(now: Instant) -> Duration {
    now.since_start()
}
