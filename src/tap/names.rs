//! Names for records that carry none: by sequence number, by content, by place.
//!
//! Not here: what became of them.

use super::id_of;
use crate::base::Timestamp;
use crate::check::RecordName;
use crate::check::hash;
use crate::wire::batch::Batch;
use crate::wire::batch::Record;
use std::collections::BTreeMap;

/// Client and partition, hash of the content, timestamp.
type Content = (String, u64, i64);

/// The names of all records that were sent.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By client, partition, content and timestamp: the sends that may be tried again, oldest first.
    open: BTreeMap<Content, Vec<RecordName>>,
    /// Where each of these stands.
    of: BTreeMap<RecordName, Content>,
    /// How many each client has sent to each partition.
    counts: BTreeMap<String, u64>,
    /// By partition and offset, each with its content: truncation may give a place to another one.
    places: BTreeMap<(String, i64), Vec<(u64, RecordName)>>,
    /// Where nothing else says it: by partition and content.
    contents: BTreeMap<(String, u64), RecordName>,
    /// The clients by their producers.
    producers: BTreeMap<(i64, i16), String>,
}

impl Names {
    /// The name of a record on its way from a client to a partition; `taken` are those that the request has named
    /// already.
    pub(super) fn sent(
        &mut self,
        client: &str,
        partition: &str,
        batch: &Batch,
        (index, record): (usize, &Record),
        taken: &[RecordName],
    ) -> RecordName {
        if let Some(name) = id_of(record) {
            return name;
        }
        let header = &batch.header;
        if header.producer_id.0 >= 0 {
            self.producers.entry((header.producer_id.0, header.producer_epoch.0)).or_insert_with(|| client.to_owned());
        }
        if let Some(name) = self.by_sequence(partition, batch, index) {
            return name;
        }
        let content = hash(record.key.as_deref(), record.value.as_deref());
        let process = format!("{client}:{partition}");
        let Timestamp(timestamp) = record.timestamp;
        let open = self.open.entry((process.clone(), content, timestamp)).or_default();
        if let Some(name) = open.iter().find(|name| !taken.contains(name)) {
            return name.clone();
        }
        let count = self.counts.entry(process.clone()).or_default();
        let name = RecordName::new(process, *count);
        *count += 1;
        open.push(name.clone());
        self.of.insert(name.clone(), (name.producer.clone(), content, timestamp));
        self.contents.entry((partition.to_owned(), content)).or_insert_with(|| name.clone());
        name
    }

    fn by_sequence(&self, partition: &str, batch: &Batch, index: usize) -> Option<RecordName> {
        let header = &batch.header;
        let (id, epoch) = (header.producer_id, header.producer_epoch);
        let first = u64::try_from(header.base_sequence).ok().filter(|_| id.0 >= 0)?;
        let client = self.producers.get(&(id.0, epoch.0))?;
        let producer = format!("{client}:{id}.{epoch}:{partition}");
        Some(RecordName::new(producer, first + u64::try_from(index).unwrap_or(0)))
    }

    /// A client knows that this send was applied: the same content again is another send.
    pub(super) fn close(&mut self, name: &RecordName) {
        if let Some(open) = self.of.remove(name).and_then(|content| self.open.get_mut(&content)) {
            open.retain(|other| other != name);
        }
    }

    /// A broker has put a record here.
    pub(super) fn placed(&mut self, partition: &str, offset: i64, content: u64, name: &RecordName) {
        let here = self.places.entry((partition.to_owned(), offset)).or_default();
        here.push((content, name.clone()));
    }

    /// The name of a record that somebody was given who knows of it only where it was, and perhaps what is in it.
    pub(super) fn given(&self, partition: &str, offset: i64, content: Option<u64>) -> Option<&RecordName> {
        let here = self.places.get(&(partition.to_owned(), offset))?;
        let is_it = |(known, _): &&(u64, RecordName)| content.is_none_or(|content| content == *known);
        here.iter().rev().find(is_it).map(|(_, name)| name)
    }

    /// The name of a record that is in a log.
    pub(crate) fn find(&self, partition: &str, batch: &Batch, record: &Record) -> Option<RecordName> {
        if let Some(name) = id_of(record) {
            return Some(name);
        }
        let index = usize::try_from(record.offset.0 - batch.header.base_offset.0).ok()?;
        if let Some(name) = self.by_sequence(partition, batch, index) {
            return Some(name);
        }
        let content = hash(record.key.as_deref(), record.value.as_deref());
        let here = self.places.get(&(partition.to_owned(), record.offset.0));
        let here = here.and_then(|here| here.iter().rev().find(|(known, _)| *known == content));
        // What was sent without an answer has no place.
        here.map(|(_, name)| name).or_else(|| self.contents.get(&(partition.to_owned(), content))).cloned()
    }
}
