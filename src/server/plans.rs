//! Fault plans of a running cluster.
//!
//! Not here: what a plan is (`fault`) and how it is carried out (the engine).

use super::cluster::Cluster;
use super::error::Result;
use super::faults::listed;
use super::shell::Shell;
use crate::fault::FaultId;
use crate::fault::FaultPlan;
use crate::fault::FaultReport;
use std::fmt;
use std::sync::Arc;

impl Cluster {
    /// Puts a plan into force until the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Fault`](super::Error::Fault) when a fault is one that cannot happen; then nothing of it is in force.
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rehearsal::base::{BrokerAction, Command};
    /// use rehearsal::client::ProducerRecord;
    /// use rehearsal::fault::{FaultPlan, PlannedCommand, Target};
    /// use rehearsal::{Client, Cluster};
    ///
    /// let crash = Command::Broker { broker: Target::Leader("orders".into(), 0), action: BrokerAction::Crash };
    /// let plan = FaultPlan::new().command(PlannedCommand::new(crash).at_ms(100).for_ms(5000));
    ///
    /// let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
    /// let plan = cluster.inject_plan(&plan)?;
    /// let producer = Client::connect(&cluster).await?.producer().build();
    /// for _ in 0..5 {
    ///     producer.send(ProducerRecord::new("orders").value("two books")).await?;
    ///     tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    /// }
    /// assert_eq!(cluster.records("orders").len(), 5);
    /// assert_eq!(plan.fired(), 1);
    /// # Ok(()) }
    /// ```
    pub fn inject_plan(&self, plan: &FaultPlan) -> Result<PlanGuard> {
        let ids = self.shell().with(|engine, now| engine.inject_plan(now, plan))?;
        Ok(PlanGuard { shell: self.shared_shell(), ids, is_kept: false })
    }
}

/// A plan in force; dropping the guard ends its faults and gives up the commands that have not been given. What was
/// done for a time is undone at its time all the same.
#[must_use = "the plan ends when the guard is dropped; call `keep` to let it stay"]
pub struct PlanGuard {
    shell: Arc<Shell>,
    ids: Vec<FaultId>,
    is_kept: bool,
}

impl PlanGuard {
    /// What has become of its faults and commands, in the order of the plan, faults first.
    pub fn reports(&self) -> Vec<FaultReport> {
        self.shell.look(|engine, _| self.ids.iter().filter_map(|id| engine.fault_report(*id)).collect())
    }

    /// How often its faults and commands have fired, all together.
    pub fn fired(&self) -> u64 {
        self.shell.look(|engine, _| self.ids.iter().filter_map(|id| engine.fault_fired(*id)).sum())
    }

    /// Panics unless every fault has hit a request and every command was given.
    ///
    /// # Panics
    /// With all of them and how often each has fired.
    #[track_caller]
    pub fn assert_all_fired(&self) {
        let reports = self.reports();
        let missing = reports.iter().filter(|report| report.fired == 0).count();
        assert_eq!(missing, 0, "{missing} parts of the plan have not fired:\n{}", listed(&reports));
    }

    /// Lets the plan stay in force as long as the cluster lives.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for PlanGuard {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shell.with_unless_poisoned(|engine, now| self.ids.iter().for_each(|id| engine.end_fault(now, *id)));
        }
    }
}

impl fmt::Display for PlanGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(&self.reports()))
    }
}

impl fmt::Debug for PlanGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanGuard({:?})", self.ids)
    }
}
