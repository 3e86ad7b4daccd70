//! Tells apart what clients have noted by a topic's name, where that was several topics' one after the other.
//!
//! A client knows names; which topic a record was in is seen from where brokers put it, and all else from what the name
//! stood for at that moment. Not here: what topics are called (`incarnations`).

use super::Incarnations;
use super::id_of;
use super::trace::decoded;
use crate::base::Instant;
use crate::check::Event;
use crate::check::RecordName;
use crate::check::event;
use crate::check::event::End;
use crate::journal::Event as Entry;
use crate::journal::Journal;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::batch::Batch;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Where records were put: partition and offset, by id.
type Places = BTreeMap<RecordName, BTreeSet<(String, i64)>>;

/// Renames the partitions in what clients noted, each event with the number of the journal's entry that came next.
///
/// Whoever owned a partition owns that of the next topic of its name, too.
pub(crate) fn tell_topics_apart(journal: &Journal, events: &mut Vec<(u64, Event)>) {
    let Some(places) = places(journal) else { return };
    let mut renaming = Renaming { topics: Incarnations::default(), places, owned: BTreeMap::new() };
    let mut entries = journal.entries().peekable();
    let mut taken_over = Vec::new();
    for (place, event) in events.iter_mut() {
        while let Some(entry) = entries.next_if(|entry| entry.sequence < *place) {
            if let Some(name) = renaming.topics.see(&entry.event) {
                taken_over.extend(renaming.taken_over(&name, entry.at).map(|event| (entry.sequence + 1, event)));
            }
        }
        renaming.rename(event);
    }
    events.extend(taken_over);
}

struct Renaming {
    topics: Incarnations,
    places: Places,
    /// Who owns what, by the name that it had when it was assigned.
    owned: BTreeMap<(String, String), (Option<String>, Option<i64>)>,
}

impl Renaming {
    fn now(&self, partition: &str) -> String {
        self.topics.of_partition(partition)
    }

    /// The partition of this name where a record is at this offset, or anywhere if the offset is not known.
    fn of_record(&self, partition: &str, id: &RecordName, offset: Option<i64>) -> String {
        let is_there = |(place, at): &&(String, i64)| {
            let is_same = plain(place) == partition;
            is_same && offset.is_none_or(|offset| offset == *at)
        };
        let found = self.places.get(id).and_then(|places| places.iter().find(is_there));
        found.map_or_else(|| self.now(partition), |(place, _)| place.clone())
    }

    fn rename(&mut self, event: &mut Event) {
        let topics = &self.topics;
        let all = |names: &mut Vec<String>| names.iter_mut().for_each(|name| *name = topics.of_partition(name));
        match event {
            Event::Send(line) => {
                let offset = line.end.as_ref().and_then(|end| end.offset);
                line.to = self.of_record(&line.to, &line.id, offset);
                if let Some(source) = &mut line.source {
                    source.partition = self.now(&source.partition);
                }
            }
            Event::Poll(line) => line.end.iter_mut().for_each(|end| self.rename_records(end)),
            Event::Commit(line) => line.offsets = self.keys(std::mem::take(&mut line.offsets)),
            Event::FetchOffsets(line) => {
                line.end.iter_mut().for_each(|end| end.offsets = self.keys(std::mem::take(&mut end.offsets)));
            }
            Event::Seek(line) => line.partition = self.now(&line.partition),
            Event::Reset(line) => line.partition = self.now(&line.partition),
            Event::Kept(line) => all(&mut line.partitions),
            Event::Assigned(line) => {
                for partition in line.partitions.keys() {
                    let owner = (line.process.clone(), partition.clone());
                    self.owned.insert(owner, (line.group.clone(), line.generation));
                }
                line.partitions = self.keys(std::mem::take(&mut line.partitions));
            }
            Event::Released(line) => {
                let released = |(process, partition): &(String, String)| {
                    *process == line.process && line.partitions.contains(partition)
                };
                self.owned.retain(|owner, _| !released(owner));
                all(&mut line.partitions);
            }
            Event::Crashed(line) => self.owned.retain(|(process, _), _| *process != line.process),
            _ => {}
        }
    }

    fn rename_records(&self, end: &mut End) {
        for (partition, records) in std::mem::take(&mut end.records) {
            for record in records {
                let name = match record.id() {
                    Some(id) => self.of_record(&partition, id, Some(record.offset())),
                    None => self.now(&partition),
                };
                end.records.entry(name).or_default().push(record);
            }
        }
    }

    fn keys<V>(&self, of: BTreeMap<String, V>) -> BTreeMap<String, V> {
        of.into_iter().map(|(partition, value)| (self.now(&partition), value)).collect()
    }

    /// A name is another topic's from now on.
    fn taken_over(&self, topic: &str, t: Instant) -> impl Iterator<Item = Event> {
        let of_topic = |partition: &str| partition.rsplit_once('-').is_some_and(|(name, _)| name == topic);
        let owned = self.owned.iter().filter(|((_, partition), _)| of_topic(partition));
        let assigned = owned.map(|((process, partition), (group, generation))| {
            let partitions = [(self.now(partition), None)].into();
            let (process, group, generation) = (process.clone(), group.clone(), *generation);
            Event::Assigned(event::Assigned { t, process, group, generation, partitions })
        });
        assigned.collect::<Vec<_>>().into_iter()
    }
}

/// `orders-0` of `orders#2-0`.
fn plain(partition: &str) -> String {
    match partition.rsplit_once('-') {
        Some((topic, index)) => format!("{}-{index}", topic.split_once('#').map_or(topic, |(name, _)| name)),
        None => partition.to_owned(),
    }
}

/// Where brokers have put records, if any name was that of several topics.
fn places(journal: &Journal) -> Option<Places> {
    let mut topics = Incarnations::default();
    let is_needed = journal.entries().filter_map(|entry| topics.see(&entry.event)).count() > 0;
    if !is_needed {
        return None;
    }
    let mut topics = Incarnations::default();
    let mut places = Places::new();
    let mut decided = BTreeSet::new();
    for entry in journal.entries() {
        topics.see(&entry.event);
        match &entry.event {
            Entry::Decided { request, response } if decided.insert(*request) => {
                put(journal, &topics, &mut places, *request, response);
            }
            Entry::Response { request, response } if !decided.contains(request) => {
                put(journal, &topics, &mut places, *request, response);
            }
            _ => {}
        }
    }
    Some(places)
}

fn put(journal: &Journal, topics: &Incarnations, places: &mut Places, request: u64, response: &Response) {
    let Response::Produce(response) = response else { return };
    let Some(Request::Produce(asked)) = journal.request(request).and_then(decoded) else { return };
    for (topic, answer) in asked.topic_data.iter().zip(&response.responses) {
        let by_name = || topics.of_name(&topic.name);
        let name = topics.of_id(topic.topic_id).unwrap_or_else(by_name);
        for data in &topic.partition_data {
            let row = answer.partition_responses.iter().find(|row| row.index == data.index);
            let Some(row) = row.filter(|row| row.error_code == 0 && row.base_offset >= 0) else { continue };
            let bytes = data.records.clone().unwrap_or_default().into_bytes();
            let batches = Batch::split(&bytes).filter_map(Result::ok);
            let records = batches
                .flat_map(|batch| batch.records().into_iter().flatten().filter_map(Result::ok).collect::<Vec<_>>());
            for (offset, record) in (row.base_offset..).zip(records) {
                if let Some(id) = id_of(&record) {
                    places.entry(id).or_default().insert((format!("{name}-{}", data.index), offset));
                }
            }
        }
    }
}
