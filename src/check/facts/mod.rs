//! What rules want to know and several of them would have to work out: who saw what, what is visible, who owned what.
//!
//! Everything is worked out once, in time linear in the history, or with one sort.

mod groups;
mod order;
mod sessions;
mod txns;

pub(crate) use groups::Commit;
pub(crate) use groups::Interval;
pub(crate) use groups::Mark;
pub(crate) use order::Order;
pub(crate) use order::State;
pub(crate) use order::tombstones_removed;
pub(crate) use sessions::Opened;
pub(crate) use sessions::Session;
pub(crate) use txns::ClientOutcome;
pub(crate) use txns::Txn;

use super::event::Event;
use super::event::FaultKind;
use super::event::Isolation;
use super::history::Chunk;
use super::history::Entry;
use super::history::History;
use super::history::PollRow;
use super::history::Status;
use super::names::Id;
use super::setup::Acks;
use std::collections::BTreeMap;

/// What is known about a send, as bits.
pub(crate) mod flag {
    /// It is in a final log.
    pub(crate) const IN_LOG: u8 = 1;
    /// It is there at two offsets or more.
    pub(crate) const TWICE: u8 = 2;
    /// It is visible to readers of committed data.
    pub(crate) const VISIBLE: u8 = 4;
    /// It was delivered.
    pub(crate) const DELIVERED: u8 = 8;
    /// It was delivered to a reader of committed data.
    pub(crate) const DELIVERED_COMMITTED: u8 = 16;
}

/// What follows from a history.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) history: &'a History,
    /// One byte of flags per send.
    pub(crate) flags: Vec<u8>,
    /// By partition.
    pub(crate) orders: Vec<Order<'a>>,
    /// By transaction.
    pub(crate) txns: Vec<Txn>,
    /// In order of process, partition and time.
    pub(crate) sessions: Vec<Session>,
    /// In order of partition and time.
    pub(crate) intervals: Vec<Interval>,
    /// By group and partition; in order of completion.
    pub(crate) commits: BTreeMap<(u32, u32), Vec<Commit>>,
    /// Processed marks by group, in order.
    pub(crate) processed: BTreeMap<u32, Vec<Mark>>,
    /// The numbers of the further attempts at a send.
    pub(crate) resends: BTreeMap<u32, Vec<usize>>,
    /// When the last fault was mended.
    pub(crate) healed: Option<u64>,
    /// When each process crashed.
    pub(crate) crashed: BTreeMap<u32, u64>,
    /// Partitions that were deleted.
    pub(crate) deleted: Vec<bool>,
    /// When a partition came into being, where that was seen.
    pub(crate) created: BTreeMap<u32, u64>,
    /// Why what happened is beyond any promise of durability.
    pub(crate) over_budget: Option<&'static str>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(history: &'a History) -> Self {
        let mut resends: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, resend) in history.resends.iter().enumerate() {
            resends.entry(resend.send).or_default().push(at);
        }
        let mut facts = Self {
            history,
            flags: vec![0; history.sends.len()],
            orders: Vec::new(),
            txns: txns::of(history),
            sessions: Vec::new(),
            intervals: Vec::new(),
            commits: BTreeMap::new(),
            processed: BTreeMap::new(),
            resends,
            healed: None,
            crashed: BTreeMap::new(),
            deleted: vec![false; history.partitions.len()],
            created: BTreeMap::new(),
            over_budget: None,
        };
        facts.read_marks();
        facts.read_deliveries();
        facts.orders = order::of(&mut facts);
        facts.intervals = groups::intervals(&facts);
        facts.commits = groups::commits(&facts);
        facts.processed = groups::processed(history);
        facts.sessions = sessions::of(&facts);
        facts
    }

    fn read_marks(&mut self) {
        let history = self.history;
        let mut without_power: Vec<i32> = Vec::new();
        for (_, event) in &history.others {
            let nanos = event.t().map_or(0, nanos);
            match event {
                Event::Healed(_) => self.healed = Some(nanos),
                Event::Crashed(line) => {
                    if let Some(process) = history.processes.find(&line.process) {
                        self.crashed.entry(process).or_insert(nanos);
                    }
                }
                Event::Created(line) => {
                    if let Some(partition) = history.partitions.find(&line.partition) {
                        self.created.insert(partition, nanos);
                    }
                }
                Event::Deleted(line) => {
                    if let Some(partition) = history.partitions.find(&line.partition) {
                        self.deleted[partition as usize] = true;
                    }
                }
                Event::Fault(line) => match line.kind {
                    FaultKind::UncleanElection => self.over_budget = Some("the schedule forced an unclean election"),
                    FaultKind::PowerLoss => {
                        without_power.extend(&line.brokers);
                        without_power.sort_unstable();
                        without_power.dedup();
                    }
                    FaultKind::Kill | FaultKind::Other => {}
                },
                _ => {}
            }
        }
        let needed = history.setup.min_insync_replicas.max(1);
        if history.setup.acks == Acks::All && !history.setup.flush_each && without_power.len() >= needed {
            let reason = "the schedule took the power of min.insync.replicas brokers, with what they had not flushed";
            self.over_budget.get_or_insert(reason);
        }
    }

    fn read_deliveries(&mut self) {
        let history = self.history;
        for chunk in &history.chunks {
            let committed = self.reads_committed(&history.polls[chunk.poll as usize]);
            let bits = if committed { flag::DELIVERED | flag::DELIVERED_COMMITTED } else { flag::DELIVERED };
            for entry in self.delivered(chunk) {
                if let Some(send) = history.find_send(entry.id) {
                    self.flags[send as usize] |= bits;
                    if committed {
                        if let Some(txn) = history.send_txn(send) {
                            self.txns[txn as usize].delivered_committed = true;
                        }
                    }
                }
            }
        }
    }

    /// What a chunk delivered.
    pub(crate) fn delivered(&self, chunk: &Chunk) -> &'a [Entry] {
        &self.history.deliveries[chunk.first as usize..(chunk.first + chunk.count) as usize]
    }

    pub(crate) fn poll_of(&self, chunk: &Chunk) -> &'a PollRow {
        &self.history.polls[chunk.poll as usize]
    }

    pub(crate) fn isolation(&self, poll: &PollRow) -> Isolation {
        poll.isolation.unwrap_or(self.history.setup.isolation)
    }

    pub(crate) fn reads_committed(&self, poll: &PollRow) -> bool {
        self.isolation(poll) == Isolation::ReadCommitted
    }

    /// How a send stands, all attempts taken together.
    pub(crate) fn status(&self, send: u32) -> Status {
        let first = self.history.statuses[send as usize];
        let Some(resends) = self.resends.get(&send) else { return first };
        let mut attempts: Vec<Status> = resends.iter().map(|at| self.history.resends[*at].status).collect();
        attempts.push(first);
        let all = |status| attempts.iter().all(|attempt| *attempt == status);
        if attempts.contains(&Status::Ok) {
            Status::Ok
        } else if all(Status::Fail) {
            Status::Fail
        } else if all(Status::Unasked) {
            Status::Unasked
        } else if attempts.contains(&Status::Pending) {
            Status::Pending
        } else {
            Status::Info
        }
    }

    /// Every place of a send that is known from its ends: acknowledged, or told by an end in doubt of what was applied.
    pub(crate) fn acked(&self, send: u32) -> impl Iterator<Item = (u32, i64)> + '_ {
        let row = &self.history.sends[send as usize];
        let proven = self.is_proven(send);
        let counts = move |status| status == Status::Ok || status == Status::Info && proven;
        let first = counts(self.history.statuses[send as usize]).then_some((row.partition, row.offset));
        let more = self.resends.get(&send).into_iter().flatten().filter_map(move |at| {
            let resend = &self.history.resends[*at];
            counts(resend.status).then_some((resend.row.partition, resend.row.offset))
        });
        first.into_iter().chain(more).filter(|(_, offset)| *offset >= 0)
    }

    /// Whether a send that nobody confirmed was applied all the same: somebody was given it, or its transaction must be.
    pub(crate) fn is_proven(&self, send: u32) -> bool {
        self.has(send, flag::DELIVERED) || self.txn_must(send)
    }

    /// Whether a send belongs to a transaction that must be there as a whole.
    pub(crate) fn txn_must(&self, send: u32) -> bool {
        self.history.send_txn(send).is_some_and(|txn| self.txns[txn as usize].must())
    }

    pub(crate) fn has(&self, send: u32, flag: u8) -> bool {
        self.flags[send as usize] & flag != 0
    }

    /// When the last fault was mended and time to converge has passed too; none when the history ends before.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let converge = u64::try_from(self.history.setup.converge().as_nanos()).unwrap_or(u64::MAX);
        let deadline = self.healed?.saturating_add(converge);
        (self.history.end_t >= deadline).then_some(deadline)
    }

    pub(crate) fn name(&self, id: Id) -> String {
        self.history.record_name(id)
    }

    /// Whether anything was delivered or logged of a partition, so that something can be said about it.
    pub(crate) fn order(&self, partition: u32) -> &Order<'a> {
        &self.orders[partition as usize]
    }
}

pub(crate) fn nanos(t: crate::base::Instant) -> u64 {
    u64::try_from(t.since_start().as_nanos()).unwrap_or(u64::MAX)
}
