//! A process of the application under simulation.

use super::ledger::Fate;
use super::ledger::Ledger;
use super::stop::Stop;
use super::watcher::Watcher;
use crate::base::Rng;
use crate::base::Seed;
use crate::client::Client;
use crate::client::ConsumerRecord;
use crate::client::ProducerRecord;
use crate::net::Endpoint;
use crate::recording;
use std::sync::Arc;

/// What an application ends with when it fails.
pub type AppError = Box<dyn std::error::Error + Send + Sync>;

/// One process of the application, in one of its lives: after a crash it starts again as the next incarnation.
///
/// Clones are the same process.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) index: usize,
    pub(super) incarnation: u32,
    pub(super) seed: Seed,
    pub(super) endpoint: Endpoint,
    pub(super) client: Client,
    pub(super) watcher: Arc<Watcher>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) stop: Arc<Stop>,
}

impl Node {
    /// The number of the process, from 0.
    pub fn index(&self) -> usize {
        self.inner.index
    }

    /// How often it was started before.
    pub fn incarnation(&self) -> u32 {
        self.inner.incarnation
    }

    /// A name that no other process and no other incarnation has; its client calls itself this.
    pub fn name(&self) -> String {
        name_of(self.inner.index, self.inner.incarnation)
    }

    /// A client of the simulated cluster.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Where the brokers are, for a client that is set up otherwise.
    pub fn endpoint(&self) -> Endpoint {
        self.inner.endpoint.clone()
    }

    /// Says that a record was processed for a group: without it nobody can know whether the group lost or doubled any.
    pub fn processed(&self, group: &str, record: &ConsumerRecord) {
        self.inner.watcher.processed(group, record);
    }

    /// Waits until the run is over: nothing is broken any more, and everybody else has ended or waits for this too.
    ///
    /// A process without an end of its own, such as one that reads whatever comes, waits for it beside its work.
    /// ```
    /// use rehearsal::client::{ProducerRecord, StartFrom};
    /// use rehearsal::sim::Simulation;
    ///
    /// let simulation = Simulation::new(7).topic("orders", 1).processes(2).app(|node| async move {
    ///     if node.index() == 0 {
    ///         let producer = node.client().producer().build();
    ///         producer.send(ProducerRecord::new("orders").value("two apples")).await?;
    ///         return Ok(());
    ///     }
    ///     let mut consumer = node.client().consumer().build();
    ///     consumer.assign_topic("orders", StartFrom::Earliest).await?;
    ///     loop {
    ///         tokio::select! {
    ///             biased;
    ///             () = node.stopped() => return Ok(()),
    ///             record = consumer.recv() => println!("{:?}", record?.value),
    ///         }
    ///     }
    /// });
    /// simulation.run().unwrap().assert_ok();
    /// ```
    pub async fn stopped(&self) {
        self.inner.stop.wait(self.inner.index, self.inner.incarnation).await;
    }

    /// Waits until this process is to end: the run is over, or a plan has asked it to.
    ///
    /// As [`Node::stopped`] for those who have something to do still: the run is not over before they have done it.
    pub async fn asked_to_stop(&self) {
        self.inner.stop.wait_busily(self.inner.index, self.inner.incarnation).await;
    }

    /// Marks a record as made from another one, so that the checker knows whether each input has its outputs: by the
    /// header `kf-src`.
    pub fn made_from(&self, output: ProducerRecord, input: &ConsumerRecord) -> ProducerRecord {
        recording::made_from(output, input)
    }

    /// Names a record that the application may send again, with another producer or in another life: by the header
    /// `kf-name`. To the checker, all sends of one name are attempts at the same send, and it is there once or it is
    /// a duplicate.
    pub fn named(&self, record: ProducerRecord, name: impl Into<String>) -> ProducerRecord {
        recording::named(record, name)
    }

    /// Says that this process reads a topic: what is acknowledged there is to reach somebody before the run is over.
    pub(super) fn reads(&self, topic: &str) {
        self.inner.ledger.expect(Fate::Delivered, topic);
    }

    /// Says that this process processes a topic's records.
    pub(super) fn processes(&self, topic: &str) {
        self.inner.ledger.expect(Fate::Processed, topic);
    }

    /// Says that this process makes something from each record of a topic.
    pub(super) fn copies(&self, topic: &str) {
        self.inner.ledger.expect(Fate::Copied, topic);
    }

    /// Chance for this process, under a name: the same values in every run with the same seed.
    pub fn chance(&self, name: &str) -> Rng {
        self.inner.seed.stream(&format!("{}/{name}", self.name()))
    }
}

/// The name of a process in one of its lives.
pub(super) fn name_of(index: usize, incarnation: u32) -> String {
    if incarnation == 0 { format!("app-{index}") } else { format!("app-{index}.{incarnation}") }
}
