//! What all processes of a run have done so far, and what of it has to come to an end before the run is over.
//!
//! Not here: watching them (`watcher`).

use crate::base::Instant;
use crate::check::Event;
use crate::check::RecordName;
use crate::check::event::Source;
use crate::client::TopicPartition;
use crate::server::Onlooker;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What a process has done, and how many events of the cluster's journal came before: at one virtual instant much happens,
/// and time alone does not say in which order.
pub(super) type Noted = (u64, Event);

/// What all processes of a run have done so far.
#[derive(Debug)]
pub(super) struct Ledger {
    started: tokio::time::Instant,
    cluster: Onlooker,
    events: Mutex<Vec<Noted>>,
    unsettled: Mutex<Unsettled>,
    /// Records to which the application has given names.
    names: Mutex<BTreeMap<Vec<u8>, RecordName>>,
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
    owners: BTreeMap<(String, String), BTreeSet<String>>,
}

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

    fn note_owners(&mut self, event: &Event) {
        match event {
            Event::Assigned(line) => {
                for (group, partition) in
                    line.group.iter().flat_map(|group| line.partitions.keys().map(move |p| (group, p)))
                {
                    self.owners.entry((group.clone(), partition.clone())).or_default().insert(line.process.clone());
                }
            }
            Event::Released(line) => {
                for (group, partition) in
                    line.group.iter().flat_map(|group| line.partitions.iter().map(move |p| (group, p)))
                {
                    if let Some(owners) = self.owners.get_mut(&(group.clone(), partition.clone())) {
                        owners.remove(&line.process);
                    }
                }
            }
            event => {
                if let Some(process) = crashed(event) {
                    self.owners.values_mut().for_each(|owners| {
                        owners.remove(process);
                    });
                }
            }
        }
    }
}

/// Who has crashed, if that is what happened.
fn crashed(event: &Event) -> Option<&str> {
    match event {
        Event::Crashed(line) => Some(&line.process),
        _ => None,
    }
}

impl Ledger {
    pub(super) fn new(started: tokio::time::Instant, cluster: Onlooker) -> Arc<Self> {
        let (events, unsettled, names) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { started, cluster, events, unsettled, names })
    }

    /// From where to where a partition's log reaches, if it has a leader.
    pub(super) fn bounds(&self, partition: &TopicPartition) -> Option<(i64, i64)> {
        self.cluster.log_bounds(partition.topic.as_str(), partition.partition.0)
    }

    /// The time since the cluster's start.
    pub(super) fn now(&self) -> Instant {
        Instant::after_start(self.started.elapsed())
    }

    /// Notes an event, and gives its place.
    pub(super) fn note(&self, event: Event) -> usize {
        let before = self.cluster.events();
        self.unsettled().note_owners(&event);
        let mut events = self.lock();
        events.push((before, event));
        events.len() - 1
    }

    /// Changes an event.
    pub(super) fn amend(&self, place: usize, change: impl FnOnce(&mut Event)) {
        if let Some((_, event)) = self.lock().get_mut(place) {
            change(event);
        }
    }

    /// The record that has this name.
    pub(super) fn named(&self, name: &[u8]) -> Option<RecordName> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Gives a record a name, unless another one has it.
    pub(super) fn name(&self, name: &[u8], id: &RecordName) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.entry(name.to_vec()).or_insert_with(|| id.clone());
    }

    /// Takes all that was noted.
    pub(super) fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut *self.lock())
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

    /// What was begun by `long_ago` and has no outcome, in words.
    pub(super) fn overdue(&self, long_ago: Instant) -> Vec<String> {
        let events = self.lock();
        let crashed: BTreeSet<&str> = events.iter().filter_map(|(_, event)| crashed(event)).collect();
        let begun = events.iter().map(|(_, event)| event).filter(|event| event.t().is_some_and(|t| t <= long_ago));
        let open = begun.filter_map(|event| match event {
            Event::Commit(line) if line.end.is_none() => Some((&*line.process, "commit")),
            Event::EndTxn(line) if line.end.is_none() => Some((&*line.process, "end of a transaction")),
            _ => None,
        });
        let open = open.filter(|(process, _)| !crashed.contains(process));
        open.map(|(process, what)| format!("a {what} of {process} has no answer")).collect()
    }

    /// What acknowledged records and partitions wait for, in words.
    pub(super) fn waiting(&self) -> Vec<String> {
        let unsettled = self.unsettled();
        let mut waiting = Vec::new();
        for ((_, partition), owners) in &unsettled.owners {
            if owners.len() > 1 {
                let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
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

    fn lock(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
