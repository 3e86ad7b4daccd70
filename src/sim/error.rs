//! Why a simulation could not run.
//!
//! Not here: what goes wrong in a run; that is what a run is for.

use super::node::AppError;
use crate::check::HistoryError;
use std::fmt;

/// Why a simulation could not run. What goes wrong in a run is in the [`Run`](super::Run).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The description is not one of something that can be.
    Cluster(crate::server::Error),
    /// The plan of faults names something that does not exist, or says something that cannot happen.
    Faults(crate::server::Error),
    /// There is nothing to run.
    NoApp,
    /// A process could not connect, although nothing was broken yet.
    Connect(crate::client::Error),
    /// The operating system gave no runtime, or this was called from within one.
    Runtime(std::io::Error),
    /// What breaks things has failed itself.
    Nemesis(AppError),
    /// The same simulation did not run in the same way twice.
    Diverged(super::Divergence),
    /// What was noted cannot have happened: a bug of the simulator.
    History(HistoryError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "the simulated cluster did not start: {error}"),
            Self::Faults(error) => write!(f, "the plan of faults cannot be carried out: {error}"),
            Self::NoApp => f.write_str("there is nothing to simulate: describe the application with `app`"),
            Self::Connect(error) => write!(f, "a process could not connect: {error}"),
            Self::Runtime(error) => write!(f, "no runtime for the simulation: {error}"),
            Self::Nemesis(error) => write!(f, "the nemesis failed: {error}"),
            Self::Diverged(divergence) => divergence.fmt(f),
            Self::History(error) => write!(f, "what was noted makes no history: {error}"),
        }
    }
}

impl std::error::Error for Error {}
