//! Whether a run is the same run every time: twice the same, or the first thing that is not.
//!
//! Not here: what makes it so.

use super::error::Error;
use super::file::RunFile;
use super::run::Run;
use super::simulation::Simulation;
use std::fmt;

/// The first thing that happened otherwise when the same simulation ran again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// How many lines of the journal are the same.
    pub same: usize,
    /// What happened next the first time; nothing when it was over.
    pub first: Option<String>,
    /// What happened next the second time.
    pub second: Option<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |line: &Option<String>| line.clone().unwrap_or_else(|| "nothing more".to_owned());
        writeln!(f, "two runs of one seed differ after {} lines of the journal", self.same)?;
        writeln!(f, "  first:  {}", told(&self.first))?;
        write!(f, "  second: {}", told(&self.second))
    }
}

/// Runs a simulation twice, and gives the run if it was the same both times.
///
/// What an application does outside of the simulation (a clock, a random number, a map in the order of its hashes)
/// shows here:
/// ```
/// use rehearsal::sim::{Error, Simulation, check_determinism};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let simulation = || Simulation::new(7).topic("orders", 1);
/// let record = |n: u32| rehearsal::client::ProducerRecord::new("orders").value(n.to_string());
/// check_determinism(|| simulation().app(move |node| async move {
///     node.client().producer().build().send(record(1)).await?;
///     Ok(())
/// })).unwrap().assert_ok();
///
/// let outside = Rc::new(Cell::new(0));
/// let error = check_determinism(|| {
///     let outside = Rc::clone(&outside);
///     simulation().app(move |node| {
///         outside.set(outside.get() + 1);
///         let n = outside.get();
///         async move {
///             node.client().producer().build().send(record(n)).await?;
///             Ok(())
///         }
///     })
/// }).unwrap_err();
/// assert!(matches!(error, Error::Diverged(_)), "{error}");
/// ```
///
/// # Errors
/// [`Error::Diverged`] with the first difference; what [`Simulation::run`] says otherwise.
pub fn check_determinism(simulation: impl Fn() -> Simulation) -> Result<Run, Error> {
    let (first, second) = (simulation().run()?, simulation().run()?);
    if first.trace_hash() == second.trace_hash() {
        return Ok(first);
    }
    Err(Error::Diverged(first_difference(&first, &second)))
}

impl RunFile {
    /// Runs it twice, as [`check_determinism`].
    ///
    /// # Errors
    /// As [`check_determinism`].
    pub fn check_determinism(&self) -> Result<Run, Error> {
        check_determinism(|| self.simulation())
    }
}

fn first_difference(first: &Run, second: &Run) -> Divergence {
    let (one, other) = (first.journal().to_json_lines(), second.journal().to_json_lines());
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut same = 0;
    loop {
        let (first, second) = (one.next().map(str::to_owned), other.next().map(str::to_owned));
        if first != second || first.is_none() {
            return Divergence { same, first, second };
        }
        same += 1;
    }
}
