//! What a run has seen at all: a run that never saw what it is about proves nothing.
//!
//! Not here: what the checker counts in a history; both are shown together.

use super::run::Run;
use crate::base::PartitionIndex;
use crate::journal::Detail;
use crate::journal::Event;
use crate::journal::Journal;
use crate::tap::decoded;
use crate::wire::Request;
use crate::wire::batch::Batch;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A batch as those recognise it who have seen it: partition, producer, epoch, first sequence number.
type Known = (PartitionIndex, i64, i16, i32);

impl Run {
    /// What the run has seen, by name: what the checker counts ([`Report::counters`](crate::check::Report)), and of the
    /// cluster
    ///
    /// * `requests`, and `faults fired`, `commands`, `crashes` and `closed connections`,
    /// * `failovers`: elections of another leader while there was one, or after there was none,
    /// * `retried batches`: batches of an idempotent producer that came again, and `dedup hits`: those of them that
    ///   were in the log already,
    /// * `transactions timed out`: aborted by their coordinator and by nobody's request.
    ///
    /// ```
    /// use rehearsal::sim::{RunFile, Workload, WorkloadKind};
    /// let run = RunFile::new(1, Workload::new(WorkloadKind::Keyed)).run().unwrap();
    /// assert_eq!(run.counters()["acknowledged"], 100);
    /// assert_eq!(run.counters()["dedup hits"], 0);
    /// ```
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        let mut counters = self.report().counters.clone();
        counters.extend(counted(self.journal()));
        counters
    }
}

fn counted(journal: &Journal) -> BTreeMap<&'static str, u64> {
    let names = [
        "requests",
        "faults fired",
        "commands",
        "crashes",
        "closed connections",
        "failovers",
        "retried batches",
        "dedup hits",
        "transactions timed out",
    ];
    let mut counters: BTreeMap<&'static str, u64> = names.into_iter().map(|name| (name, 0)).collect();
    let mut count = |name| *counters.entry(name).or_default() += 1;
    let (mut sent, mut written): (BTreeSet<Known>, BTreeSet<Known>) = (BTreeSet::new(), BTreeSet::new());
    for entry in journal.entries() {
        match &entry.event {
            Event::Request(request) => {
                count("requests");
                let Some(Request::Produce(produce)) = (request.header.api_key == 0).then(|| decoded(request)).flatten()
                else {
                    continue;
                };
                let partitions = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
                for partition in partitions {
                    let slices = partition.records.iter().flat_map(|records| records.slices());
                    let batches = slices.flat_map(|slice| Batch::split(slice).ignoring_partial_tail()).flatten();
                    for header in batches.map(|batch| batch.header).filter(|header| header.producer_id.0 >= 0) {
                        let (pid, epoch) = (header.producer_id.0, header.producer_epoch.0);
                        let known = (PartitionIndex(partition.index), pid, epoch, header.base_sequence);
                        if !sent.insert(known) {
                            count("retried batches");
                        }
                        if written.contains(&known) {
                            count("dedup hits");
                        }
                    }
                }
            }
            Event::Detail(detail) => match detail {
                Detail::Append { partition, batch, .. } => {
                    let (pid, epoch) = (batch.producer_id.0, batch.producer_epoch.0);
                    written.insert((*partition, pid, epoch, batch.base_sequence));
                }
                Detail::Transaction { state, request: None, .. } if state == "PrepareAbort" => {
                    count("transactions timed out");
                }
                _ => {}
            },
            Event::Disconnected { .. } => count("closed connections"),
            Event::Fault { .. } => count("faults fired"),
            Event::Command(_) => count("commands"),
            Event::Broker { state, .. } if &**state == "down" => count("crashes"),
            Event::Leader { leader, leader_epoch, .. } if leader.0 >= 0 && leader_epoch.0 > 0 => count("failovers"),
            _ => {}
        }
    }
    counters
}
