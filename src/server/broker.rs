//! A broker of a running cluster: what has become of it, and what can be done to it.
//!
//! Not here: what the cluster makes of it; sessions, elections and replication follow on their own.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::broker::BrokerState;

/// A view of a broker; each call looks anew. What makes no difference, as to crash a broker that is down, is no error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::Cluster;
/// let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
/// cluster.broker(1).crash()?;
/// assert_eq!(cluster.partition("orders", 0).leader(), Some(1), "nobody has noticed yet");
/// cluster.wait_until(|c| c.partition("orders", 0).leader() == Some(2)).await?;
/// cluster.broker(1).restart()?;
/// assert_eq!(cluster.partition("orders", 0).isr(), [2, 3, 1]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Broker<'a> {
    cluster: &'a Cluster,
    id: BrokerId,
}

impl<'a> Broker<'a> {
    pub(super) fn new(cluster: &'a Cluster, id: i32) -> Self {
        Self { cluster, id: BrokerId(id) }
    }

    /// What has become of its process; one that does not exist is down.
    pub fn state(&self) -> BrokerState {
        self.cluster.shell().look(|engine, _| engine.broker_state(self.id))
    }

    /// Whether the controller takes it for dead.
    pub fn is_fenced(&self) -> bool {
        self.cluster.shell().look(|engine, _| engine.is_fenced(self.id))
    }

    /// Kills its process: connections are cut and new ones refused. What it wrote is there when it restarts.
    ///
    /// As in Kafka the controller notices when `broker.session.timeout.ms` have passed, and then others lead: half a
    /// second here unless told otherwise.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such broker.
    pub fn crash(&self) -> Result<()> {
        self.act(BrokerAction::Crash)
    }

    /// Cuts the power of its machine: as [`Broker::crash`], but what was not flushed to disk is gone too.
    ///
    /// A log is flushed when a segment is closed, after `flush.messages` records, and by [`Broker::flush`].
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn power_loss(&self) -> Result<()> {
        self.act(BrokerAction::PowerLoss)
    }

    /// Shuts it down in order: others lead before it goes.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn shutdown(&self) -> Result<()> {
        self.act(BrokerAction::Shutdown)
    }

    /// Starts it again, on the same address and with what its logs hold.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn restart(&self) -> Result<()> {
        self.act(BrokerAction::Restart)
    }

    /// Has its process stand still, as by `SIGSTOP` or a long garbage collection: connections stay, nothing is answered.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn pause(&self) -> Result<()> {
        self.act(BrokerAction::Pause)
    }

    /// Has it go on after a pause.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn resume(&self) -> Result<()> {
        self.act(BrokerAction::Resume)
    }

    /// Has the controller take it for dead, although it runs.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn fence(&self) -> Result<()> {
        self.act(BrokerAction::Fence)
    }

    /// Has the controller take it for what it is again.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn unfence(&self) -> Result<()> {
        self.act(BrokerAction::Unfence)
    }

    /// Moves its replicas to other brokers, shuts it down and forgets it.
    ///
    /// # Errors
    /// As [`Broker::crash`], and when it is the last one.
    pub fn decommission(&self) -> Result<()> {
        self.act(BrokerAction::Decommission)
    }

    /// Flushes all its logs to disk.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn flush(&self) -> Result<()> {
        self.act(BrokerAction::Flush)
    }

    /// Has it answer requests for metadata with what is true now, whatever happens from here on.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn freeze_metadata(&self) -> Result<()> {
        self.act(BrokerAction::FreezeMetadata)
    }

    /// Has it answer requests for metadata with the truth again.
    ///
    /// # Errors
    /// As [`Broker::crash`].
    pub fn refresh_metadata(&self) -> Result<()> {
        self.act(BrokerAction::RefreshMetadata)
    }

    fn act(&self, action: BrokerAction) -> Result<()> {
        self.cluster.apply(&Command::Broker { broker: self.id, action })
    }
}
