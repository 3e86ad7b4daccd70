//! What all processes of a run have done so far, and what of it has to come to an end before the run is over.
//!
//! Not here: watching them (`watcher`).

use crate::base::Instant;
use crate::check::Event;
use crate::check::RecordName;
use crate::check::Recorder;
use crate::check::event::Source;
use crate::client::TopicPartition;
use crate::server::Onlooker;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What all processes of a run have done so far.
#[derive(Debug)]
pub(super) struct Ledger {
    cluster: Onlooker,
    recorder: Recorder,
    unsettled: Mutex<Unsettled>,
}

/// What is to become of every record of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Somebody is given it.
    Delivered,
    /// Somebody processes it.
    Processed,
    /// Something is made from it, and committed.
    Copied,
}

impl Fate {
    const ALL: [Self; 3] = [Self::Delivered, Self::Processed, Self::Copied];

    const fn in_words(self) -> &'static str {
        match self {
            Self::Delivered => "have reached no reader",
            Self::Processed => "are not processed",
            Self::Copied => "have no output",
        }
    }
}

/// What has to come to an end before a run is over.
#[derive(Debug, Default)]
struct Unsettled {
    /// Sends without an outcome.
    pending: usize,
    /// Records by topic and fate.
    fates: BTreeMap<String, [Records; 3]>,
    /// Topics whose records may go before anybody has seen them.
    fleeting: BTreeSet<String>,
    /// Where acknowledged records are of which something is to be made.
    places: BTreeMap<Source, RecordName>,
    /// Of what something was made before it was acknowledged.
    copied: BTreeSet<Source>,
    /// Who takes a partition for theirs, by group and partition: somebody may not have heard yet that it no longer is.
    owners: BTreeMap<(String, TopicPartition), BTreeSet<Member>>,
}

/// A consumer: its process, and its number there.
type Member = (String, u64);

/// The records of a topic with regard to a fate.
#[derive(Debug, Default)]
struct Records {
    /// Whether it is what becomes of them.
    is_expected: bool,
    /// Those that are acknowledged and have not met it; of transactions, once they are committed.
    unmet: BTreeSet<RecordName>,
    /// Those that have met it and are not acknowledged.
    met: BTreeSet<RecordName>,
}

impl Unsettled {
    fn of(&mut self, topic: &str) -> &mut [Records; 3] {
        if !self.fates.contains_key(topic) {
            self.fates.insert(topic.to_owned(), Default::default());
        }
        self.fates.get_mut(topic).expect("it was just put there")
    }
}

impl Ledger {
    pub(super) fn new(recorder: Recorder, cluster: Onlooker) -> Arc<Self> {
        Arc::new(Self { cluster, recorder, unsettled: Mutex::default() })
    }

    /// Who writes down what processes do.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// From where to where a partition's log reaches, if it has a leader.
    pub(super) fn bounds(&self, partition: &TopicPartition) -> Option<(i64, i64)> {
        self.cluster.log_bounds(partition.topic.as_str(), partition.partition.0)
    }

    /// How many sends of living processes have no outcome yet.
    pub(super) fn pending(&self) -> usize {
        self.unsettled().pending
    }

    pub(super) fn add_pending(&self) {
        self.unsettled().pending += 1;
    }

    pub(super) fn forget_pending(&self, count: usize) {
        self.unsettled().pending -= count;
    }

    /// A member takes these partitions for its own.
    pub(super) fn owned(&self, group: &str, partitions: &[TopicPartition], member: &Member) {
        let mut unsettled = self.unsettled();
        for partition in partitions {
            let owners = unsettled.owners.entry((group.to_owned(), partition.clone())).or_default();
            owners.insert(member.clone());
        }
    }

    /// A member no longer takes these partitions for its own.
    pub(super) fn released(&self, group: &str, partitions: &[TopicPartition], member: &Member) {
        let mut unsettled = self.unsettled();
        for partition in partitions {
            if let Some(owners) = unsettled.owners.get_mut(&(group.to_owned(), partition.clone())) {
                owners.remove(member);
            }
        }
    }

    /// A process is no more, and with it so many sends without an outcome.
    pub(super) fn crashed(&self, process: &str, pending: usize) {
        self.forget_pending(pending);
        self.unsettled().owners.values_mut().for_each(|owners| owners.retain(|(owner, _)| owner != process));
    }

    /// What was begun by `long_ago` and has no outcome, in words.
    pub(super) fn overdue(&self, long_ago: Instant) -> Vec<String> {
        self.recorder.look(|events| {
            let crashed = events.iter().filter_map(|(_, event)| match event {
                Event::Crashed(line) => Some(&*line.process),
                _ => None,
            });
            let crashed: BTreeSet<&str> = crashed.collect();
            let begun = events.iter().map(|(_, event)| event).filter(|event| event.t().is_some_and(|t| t <= long_ago));
            let open = begun.filter_map(|event| match event {
                Event::Commit(line) if line.end.is_none() => Some((&*line.process, "commit")),
                Event::EndTxn(line) if line.end.is_none() => Some((&*line.process, "end of a transaction")),
                _ => None,
            });
            let open = open.filter(|(process, _)| !crashed.contains(process));
            open.map(|(process, what)| format!("a {what} of {process} has no answer")).collect()
        })
    }

    /// What acknowledged records and partitions wait for, in words.
    pub(super) fn waiting(&self) -> Vec<String> {
        let unsettled = self.unsettled();
        let mut waiting = Vec::new();
        for ((_, partition), owners) in &unsettled.owners {
            if owners.len() > 1 {
                let owners: Vec<String> =
                    owners.iter().map(|(process, number)| format!("{process}/c{number}")).collect();
                waiting.push(format!("{} each take {partition} for theirs", owners.join(" and ")));
            }
        }
        for (topic, fates) in &unsettled.fates {
            for (fate, records) in Fate::ALL.iter().zip(fates) {
                if records.is_expected && !records.unmet.is_empty() {
                    let count = records.unmet.len();
                    waiting.push(format!("{count} acknowledged records of {topic} {}", fate.in_words()));
                }
            }
        }
        waiting
    }

    /// Nothing is expected of the records of this topic, since they may go before anybody has seen them.
    pub(super) fn expect_nothing(&self, topic: &str) {
        self.unsettled().fleeting.insert(topic.to_owned());
    }

    /// This is what becomes of a topic's records, also of those that are there already.
    pub(super) fn expect(&self, fate: Fate, topic: &str) {
        let mut unsettled = self.unsettled();
        if !unsettled.fleeting.contains(topic) {
            unsettled.of(topic)[fate as usize].is_expected = true;
        }
    }

    /// A record is where it is for good.
    pub(super) fn acknowledged(&self, topic: &str, at: Source, id: &RecordName) {
        let mut unsettled = self.unsettled();
        if unsettled.fleeting.contains(topic) {
            return;
        }
        let is_copied = unsettled.copied.remove(&at);
        let mut is_to_be_copied = false;
        for (fate, records) in Fate::ALL.into_iter().zip(unsettled.of(topic)) {
            let is_met = if fate == Fate::Copied { is_copied } else { records.met.remove(id) };
            if !is_met {
                records.unmet.insert(id.clone());
                is_to_be_copied |= fate == Fate::Copied;
            }
        }
        if is_to_be_copied {
            unsettled.places.insert(at, id.clone());
        }
    }

    /// A record has met a fate.
    pub(super) fn settle(&self, fate: Fate, topic: &str, id: &RecordName) {
        let mut unsettled = self.unsettled();
        let records = &mut unsettled.of(topic)[fate as usize];
        if !records.unmet.remove(id) {
            records.met.insert(id.clone());
        }
    }

    /// Something was made from the record there, and committed.
    pub(super) fn copied(&self, from: Source) {
        let mut unsettled = self.unsettled();
        match unsettled.places.remove(&from) {
            Some(id) => {
                let topic = from.partition.rsplit_once('-').map_or("", |(topic, _)| topic);
                unsettled.of(topic)[Fate::Copied as usize].unmet.remove(&id);
            }
            None => drop(unsettled.copied.insert(from)),
        }
    }

    fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
