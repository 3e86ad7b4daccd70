//! A view of a transactional id of a running cluster, and what a test can do to it.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::BrokerId;
use crate::base::TransactionAction;
use crate::broker::TransactionSnapshot;
use crate::broker::TransactionState;

/// A view of a transactional id; each call looks anew.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::Cluster;
/// let cluster = Cluster::builder().topic("orders", 1).start().await?;
/// let transaction = cluster.transaction("shipping");
/// assert!(transaction.snapshot().is_none()); // until a producer with this `transactional.id` begins
/// assert!(cluster.transactions().is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Transaction<'a> {
    cluster: &'a Cluster,
    id: String,
}

/// Keeps the markers of transactions from arriving until it is dropped: see [`Cluster::hold_markers`].
#[derive(Debug)]
#[must_use = "markers are held back only as long as this is there"]
pub struct HeldMarkers<'a> {
    cluster: &'a Cluster,
}

impl<'a> HeldMarkers<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        cluster.shell().with(|engine, now| engine.hold_markers(now));
        Self { cluster }
    }

    /// How many markers are on their way.
    pub fn count(&self) -> usize {
        self.cluster.shell().look(|engine, _| engine.markers_on_the_way())
    }

    /// Lets them arrive.
    pub fn release(self) {}
}

impl Drop for HeldMarkers<'_> {
    fn drop(&mut self) {
        self.cluster.shell().with(|engine, now| engine.release_markers(now));
    }
}

impl<'a> Transaction<'a> {
    pub(super) fn new(cluster: &'a Cluster, id: &str) -> Self {
        Self { cluster, id: id.to_owned() }
    }

    /// Everything about it; `None` when there is no such transactional id.
    pub fn snapshot(&self) -> Option<TransactionSnapshot> {
        self.cluster.shell().look(|engine, _| engine.transaction(&self.id))
    }

    /// Where its last transaction stands; `None` when there is no such transactional id.
    pub fn state(&self) -> Option<TransactionState> {
        self.snapshot().map(|found| found.state)
    }

    /// The broker that coordinates it; `None` while there is none.
    pub fn coordinator(&self) -> Option<BrokerId> {
        self.snapshot().map(|found| found.coordinator)
    }

    // --- waiting

    /// Waits until something is true of it.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut) after the builder's
    /// [`wait_deadline`](crate::ClusterBuilder::wait_deadline), with what it looked like instead.
    pub async fn wait_until(&self, mut condition: impl FnMut(&TransactionSnapshot) -> bool) -> Result<()> {
        self.wait_for("the condition", || self.snapshot().is_some_and(|found| condition(&found))).await
    }

    /// Waits until no transaction is open and no marker on its way.
    ///
    /// # Errors
    /// As [`Transaction::wait_until`].
    pub async fn wait_until_complete(&self) -> Result<()> {
        self.wait_for("the end", || self.state().is_some_and(TransactionState::is_complete)).await
    }

    async fn wait_for(&self, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
        let seen = || match self.snapshot() {
            Some(found) => found.to_string(),
            None => {
                let all = self.cluster.transactions();
                let ids: Vec<&str> = all.iter().map(|found| found.transactional_id.as_str()).collect();
                format!("no transactional id {}; there are [{}]", self.id, ids.join(", "))
            }
        };
        self.cluster.wait_for(&format!("{what} (transaction {})", self.id), condition, seen).await
    }

    // --- doing

    /// Aborts the open transaction as if its time were over, and fences its producer.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when none is open.
    pub fn time_out(&self) -> Result<()> {
        self.act(TransactionAction::TimeOut)
    }

    /// Takes the transactional id as another producer does: an open transaction is aborted, and whoever had the id is
    /// fenced.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when there is no such transactional id.
    pub fn fence(&self) -> Result<()> {
        self.act(TransactionAction::Fence)
    }

    /// Uses up the epochs of its producer id but for one, which the next producer to begin gets.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when a transaction is open.
    pub fn exhaust_epoch(&self) -> Result<()> {
        self.act(TransactionAction::ExhaustEpoch)
    }

    /// Makes another broker its coordinator, and that of all that share its partition of `__transaction_state`.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when the broker has no replica of that partition in sync.
    pub fn move_coordinator(&self, to: i32) -> Result<()> {
        self.act(TransactionAction::MoveCoordinator { broker: BrokerId(to) })
    }

    /// Has its coordinator forget all that it has in memory and read its log again.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) when nobody can coordinate it.
    pub fn unload_coordinator(&self) -> Result<()> {
        self.act(TransactionAction::UnloadCoordinator)
    }

    fn act(&self, action: TransactionAction) -> Result<()> {
        Ok(self.cluster.shell().with(|engine, now| engine.act_on_transaction(now, &self.id, action))?)
    }
}
