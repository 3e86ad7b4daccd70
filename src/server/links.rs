//! The links of a running cluster: between brokers, and between clients and brokers.
//!
//! Not here: what travels over them.

use super::cluster::Cluster;
use super::error::Result;
use crate::base::Command;
use crate::base::LinkAction;
use crate::base::Node;
use std::time::Duration;

/// All links of a cluster. A broker is named by its number, a client by its `client.id`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> rehearsal::Result<()> {
/// use rehearsal::{Cluster, Record};
/// use std::time::Duration;
/// let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
/// cluster.links().between(1, 3).latency(Duration::from_millis(20))?; // replication to broker 3 takes a while
/// cluster.links().one_way("shop", 1).cut()?; // what the client `shop` sends to broker 1 does not arrive
/// cluster.seed("orders", [Record::new("x")])?;
/// assert_eq!(cluster.partition("orders", 0).log_end_offset_on(3), Some(0));
/// cluster.links().heal()?;
/// assert_eq!(cluster.partition("orders", 0).log_end_offset_on(3), Some(1));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Links<'a> {
    cluster: &'a Cluster,
}

/// Some of a cluster's links: one direction between two nodes, or both.
#[derive(Debug)]
pub struct Link<'a> {
    cluster: &'a Cluster,
    directions: Vec<(Node, Node)>,
}

impl<'a> Links<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster }
    }

    /// Both directions between two nodes.
    pub fn between(&self, one: impl Into<Node>, other: impl Into<Node>) -> Link<'a> {
        let (one, other) = (one.into(), other.into());
        Link { cluster: self.cluster, directions: vec![(one.clone(), other.clone()), (other, one)] }
    }

    /// The direction from one node to another.
    pub fn one_way(&self, from: impl Into<Node>, to: impl Into<Node>) -> Link<'a> {
        Link { cluster: self.cluster, directions: vec![(from.into(), to.into())] }
    }

    /// All links of a node, in both directions, to brokers and to clients.
    pub fn of(&self, node: impl Into<Node>) -> Link<'a> {
        let node = node.into();
        let others = [Node::AnyBroker, Node::AnyClient];
        let directions = others.into_iter().flat_map(|other| [(node.clone(), other.clone()), (other, node.clone())]);
        Link { cluster: self.cluster, directions: directions.collect() }
    }

    /// Cuts a node off from everybody: `of(node).cut()`.
    ///
    /// # Errors
    /// None so far.
    pub fn isolate(&self, node: impl Into<Node>) -> Result<()> {
        self.of(node).cut()
    }

    /// Puts all links back as they were at the start.
    ///
    /// # Errors
    /// None so far.
    pub fn heal(&self) -> Result<()> {
        self.cluster.apply(&Command::HealLinks)
    }
}

impl Link<'_> {
    /// Lets nothing arrive any more. Between a client and a broker it arrives when the link heals, as by TCP.
    ///
    /// # Errors
    /// None so far.
    pub fn cut(&self) -> Result<()> {
        self.act(LinkAction::Cut)
    }

    /// Has everything take so long in this direction.
    ///
    /// # Errors
    /// None so far.
    pub fn latency(&self, delay: Duration) -> Result<()> {
        self.act(LinkAction::latency(delay))
    }

    /// Has everything take a while between two bounds, drawn from the cluster's seed.
    ///
    /// # Errors
    /// None so far.
    pub fn latency_between(&self, shortest: Duration, longest: Duration) -> Result<()> {
        let ms = |delay: Duration| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
        self.act(LinkAction::Latency { min_ms: ms(shortest), max_ms: ms(longest) })
    }

    /// Lets no more than so many bytes through in a second.
    ///
    /// # Errors
    /// None so far.
    pub fn bandwidth(&self, bytes_per_second: u64) -> Result<()> {
        self.act(LinkAction::Bandwidth { bytes_per_second })
    }

    /// Keeps everything on the way until [`Link::release`].
    ///
    /// # Errors
    /// None so far.
    pub fn clog(&self) -> Result<()> {
        self.act(LinkAction::Clog)
    }

    /// Lets what was kept go on.
    ///
    /// # Errors
    /// None so far.
    pub fn release(&self) -> Result<()> {
        self.act(LinkAction::Release)
    }

    /// Closes the connections over it.
    ///
    /// # Errors
    /// None so far.
    pub fn reset(&self) -> Result<()> {
        self.act(LinkAction::Reset)
    }

    /// Puts it back as it was at the start.
    ///
    /// # Errors
    /// None so far.
    pub fn heal(&self) -> Result<()> {
        self.act(LinkAction::Heal)
    }

    fn act(&self, action: LinkAction) -> Result<()> {
        for (from, to) in &self.directions {
            self.cluster.apply(&Command::Link { from: from.clone(), to: to.clone(), action })?;
        }
        Ok(())
    }
}
