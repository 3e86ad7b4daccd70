//! Faults of a running cluster, and the guards that end them.
//!
//! Not here: what a fault is (`fault`) and how it is carried out (the engine, and `damage` for bytes).

use super::cluster::Cluster;
use super::error::Result;
use super::shell::Shell;
use crate::fault::Fault;
use crate::fault::FaultId;
use crate::fault::FaultReport;
use crate::fault::Firing;
use std::fmt;
use std::sync::Arc;

impl Cluster {
    /// Puts a fault into force until the guard is dropped. Rules are asked in the order in which they were injected,
    /// and the first that fires has the request to itself.
    ///
    /// # Errors
    /// [`Error::Fault`](super::Error::Fault) when the fault names something that does not exist or says something that
    /// cannot happen.
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rehearsal::client::ProducerRecord;
    /// use rehearsal::{ApiKey, Client, Cluster, ErrorCode, Fault};
    ///
    /// let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    /// let fault = Fault::on(ApiKey::Produce).topic("orders").times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    /// let fault = cluster.inject(fault)?;
    ///
    /// let producer = Client::connect(&cluster).await?.producer().build();
    /// producer.send(ProducerRecord::new("orders").value("two books")).await?; // retries by itself
    /// assert_eq!(fault.fired(), 2);
    /// # Ok(()) }
    /// ```
    pub fn inject(&self, fault: Fault) -> Result<FaultGuard> {
        let id = self.shell().with(|engine, now| engine.inject(now, fault, None, &[]))?;
        Ok(FaultGuard { shell: self.shared_shell(), id, is_kept: false })
    }

    /// All faults that were injected, and how often each fired: those that have ended, then those in force.
    ///
    /// When a test fails while its cluster lives, this is printed with the failure.
    pub fn faults(&self) -> Vec<FaultReport> {
        self.shell().look(|engine, _| engine.fault_reports())
    }
}

/// A fault in force; dropping the guard ends it, and what it holds goes on.
#[must_use = "the fault ends when the guard is dropped; call `keep` to let it stay"]
pub struct FaultGuard {
    shell: Arc<Shell>,
    id: FaultId,
    is_kept: bool,
}

impl FaultGuard {
    /// How many requests the fault has hit.
    pub fn fired(&self) -> u64 {
        self.shell.look(|engine, _| engine.fault_fired(self.id)).unwrap_or(0)
    }

    /// Which requests the fault has hit; the first thousand.
    pub fn fired_on(&self) -> Vec<Firing> {
        self.report().map_or_else(Vec::new, |report| report.fired_on)
    }

    /// Panics unless the fault has hit a request.
    ///
    /// # Panics
    /// With all faults of the cluster and how often each has fired.
    #[track_caller]
    pub fn assert_fired(&self) {
        if self.fired() == 0 {
            let reports = self.shell.look(|engine, _| engine.fault_reports());
            panic!("the fault has not fired: {self}\nall faults:\n{}", listed(&reports));
        }
    }

    /// Lets go on what the fault holds; what it holds later is held again.
    pub fn release(&self) {
        self.shell.with(|engine, now| engine.release_fault(now, self.id));
    }

    /// Lets the fault stay in force as long as the cluster lives.
    pub fn keep(mut self) {
        self.is_kept = true;
    }

    fn report(&self) -> Option<FaultReport> {
        self.shell.look(|engine, _| engine.fault_report(self.id))
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shell.with_unless_poisoned(|engine, now| engine.end_fault(now, self.id));
        }
    }
}

impl fmt::Display for FaultGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().map_or(Ok(()), |report| report.fmt(f))
    }
}

impl fmt::Debug for FaultGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultGuard({self})")
    }
}

/// One line per fault.
pub(super) fn listed(reports: &[FaultReport]) -> String {
    reports.iter().map(|report| format!("  {report}\n")).collect()
}
