//! A history as the events it was made of.

use super::History;
use super::PollRow;
use super::SendRow;
use super::Status;
use super::known;
use super::rows::NEVER;
use crate::base::Instant;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::End;
use crate::check::event::Event;
use crate::check::event::FinalLog;
use crate::check::event::Log;
use crate::check::event::Poll;
use crate::check::event::Processed;
use crate::check::event::Send;
use crate::check::event::Source;
use crate::check::names::Id;
use crate::check::names::RecordName;
use crate::check::setup::Setup;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where an event lies.
#[derive(Clone, Copy)]
enum Place {
    Send(usize),
    Resend(usize),
    Poll(usize),
    Processed(usize),
    FinalLog(usize),
    Log(usize, usize),
    Other(usize),
}

impl History {
    /// The events in order, each with its end.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let setup = (self.setup != Setup::default()).then(|| Event::Setup(Box::new(self.setup.clone())));
        setup.into_iter().chain(self.places().into_iter().map(|place| self.event_at(place)))
    }

    /// The event of this number, as it was said.
    pub fn event(&self, number: usize) -> Option<Event> {
        let number = u32::try_from(number).ok()?;
        let place = if let Ok(at) = self.sends.binary_search_by_key(&number, |row| row.event) {
            Place::Send(at)
        } else if let Ok(at) = self.polls.binary_search_by_key(&number, |row| row.event) {
            Place::Poll(at)
        } else if let Ok(at) = self.others.binary_search_by_key(&number, |(event, _)| *event) {
            Place::Other(at)
        } else if let Ok(at) = self.processed.binary_search_by_key(&number, |row| row.event) {
            Place::Processed(at)
        } else if let Ok(at) = self.resends.binary_search_by_key(&number, |resend| resend.row.event) {
            Place::Resend(at)
        } else {
            self.logs.iter().enumerate().find_map(|(at, log)| {
                if log.event == number {
                    return Some(Place::FinalLog(at));
                }
                Some(Place::Log(at, log.batches.binary_search_by_key(&number, |batch| batch.event).ok()?))
            })?
        };
        Some(self.event_at(place))
    }

    fn places(&self) -> Vec<Place> {
        let sends = self.sends.iter().enumerate().map(|(at, row)| (row.event, Place::Send(at)));
        let resends = self.resends.iter().enumerate().map(|(at, resend)| (resend.row.event, Place::Resend(at)));
        let polls = self.polls.iter().enumerate().map(|(at, row)| (row.event, Place::Poll(at)));
        let processed = self.processed.iter().enumerate().map(|(at, row)| (row.event, Place::Processed(at)));
        let others = self.others.iter().enumerate().map(|(at, (event, _))| (*event, Place::Other(at)));
        let logs = self.logs.iter().enumerate().flat_map(|(at, log)| {
            let batches = log.batches.iter().enumerate().map(move |(b, batch)| (batch.event, Place::Log(at, b)));
            std::iter::once((log.event, Place::FinalLog(at))).chain(batches)
        });
        let mut places: Vec<(u32, Place)> =
            sends.chain(resends).chain(polls).chain(processed).chain(others).chain(logs).collect();
        places.sort_unstable_by_key(|(event, _)| *event);
        places.into_iter().map(|(_, place)| place).collect()
    }

    fn event_at(&self, place: Place) -> Event {
        match place {
            Place::Send(at) => {
                let row = u32::try_from(at).unwrap_or(u32::MAX);
                let error = self.send_errors.get(&row).cloned();
                let (txn, process) = (self.send_txns.get(row), self.send_processes.get(row));
                self.send_event(row, &self.sends[at], self.statuses[at], txn, process, error)
            }
            Place::Resend(at) => {
                let resend = &self.resends[at];
                let (txn, process) = (resend.txn, resend.process);
                self.send_event(resend.send, &resend.row, resend.status, txn, process, resend.error.clone())
            }
            Place::Poll(at) => self.poll_event(at, &self.polls[at]),
            Place::Processed(at) => {
                let row = &self.processed[at];
                Event::Processed(Processed {
                    t: self::at(row.t),
                    process: self.process_name(row.process).to_owned(),
                    group: self.group_name(row.group).to_owned(),
                    id: RecordName::new(self.producers.name(row.id.producer()), row.id.seq()),
                })
            }
            Place::FinalLog(at) => {
                let log = &self.logs[at];
                Event::FinalLog(FinalLog {
                    partition: self.partition_name(log.partition).to_owned(),
                    broker: log.broker,
                    log_start: log.log_start,
                    high_watermark: log.high_watermark,
                })
            }
            Place::Log(at, batch) => self.log_event(at, batch),
            Place::Other(at) => self.others[at].1.clone(),
        }
    }

    fn send_event(
        &self,
        first: u32,
        row: &SendRow,
        status: Status,
        txn: u32,
        process: u32,
        error: Option<String>,
    ) -> Event {
        Event::Send(Send {
            t: at(row.invoked),
            op: None,
            process: known(process).map(|process| self.process_name(process).to_owned()),
            id: RecordName::new(self.producers.name(row.id.producer()), row.id.seq()),
            to: self.partition_name(row.partition).to_owned(),
            key: self.send_key(first).map(|key| self.keys.name(key as usize).to_owned()),
            hash: self.send_hashes.get(first),
            txn: known(txn).map(|txn| self.txn_name(txn).to_owned()),
            source: self.send_sources.get(&first).map(|(partition, offset)| Source {
                partition: self.partition_name(*partition).to_owned(),
                offset: *offset,
            }),
            acks0: status == Status::Unasked,
            end: (row.completed != NEVER).then(|| End {
                t: at(row.completed),
                result: answer(status),
                error,
                offset: Some(row.offset).filter(|offset| *offset >= 0),
                ..End::default()
            }),
        })
    }

    fn poll_event(&self, place: usize, row: &PollRow) -> Event {
        let mut records: BTreeMap<String, Vec<Delivered>> = BTreeMap::new();
        for chunk in &self.chunks[row.first_chunk as usize..(row.first_chunk + row.chunks) as usize] {
            let into = records.entry(self.partition_name(chunk.partition).to_owned()).or_default();
            for place in chunk.first..chunk.first + chunk.count {
                let entry = self.deliveries[place as usize];
                let id = self.id_name(entry.id);
                into.push(match self.delivery_hashes.get(place) {
                    Some(hash) => Delivered::Hashed(entry.offset, id, hash),
                    None => Delivered::Record(entry.offset, id),
                });
            }
        }
        let poll = u32::try_from(place).unwrap_or(u32::MAX);
        Event::Poll(Poll {
            t: at(row.invoked),
            op: None,
            process: self.process_name(row.process).to_owned(),
            group: known(row.group).map(|group| self.group_name(group).to_owned()),
            txn: known(row.txn).map(|txn| self.txn_name(txn).to_owned()),
            isolation: row.isolation,
            end: (row.completed != NEVER).then(|| End {
                t: at(row.completed),
                result: answer(row.status),
                error: self.poll_errors.get(&poll).cloned(),
                records,
                ..End::default()
            }),
        })
    }

    fn log_event(&self, log: usize, number: usize) -> Event {
        let log = &self.logs[log];
        let batch = &log.batches[number];
        let end = log.batches.get(number + 1).map_or(log.entries.len(), |next| next.first as usize);
        let entries = &log.entries[batch.first as usize..end];
        let dense = entries.windows(2).all(|pair| pair[0].offset + 1 == pair[1].offset);
        let known = |number: i64| Some(number).filter(|number| *number >= 0);
        Event::Log(Log {
            partition: self.partition_name(log.partition).to_owned(),
            broker: log.broker,
            offset: entries.first().map_or(0, |entry| entry.offset),
            offsets: if dense { Vec::new() } else { entries.iter().map(|entry| entry.offset).collect() },
            epoch: batch.epoch,
            pid: known(batch.pid),
            pepoch: Some(batch.pepoch).filter(|epoch| *epoch >= 0),
            seq: Some(batch.seq).filter(|seq| *seq >= 0),
            transactional: batch.transactional,
            marker: batch.marker,
            ids: match batch.marker {
                Some(_) => Vec::new(),
                None => entries.iter().map(|entry| self.id_name(entry.id)).collect(),
            },
            digest: batch.digest,
        })
    }

    fn id_name(&self, id: Id) -> Option<RecordName> {
        (id != Id::FOREIGN).then(|| RecordName::new(self.producers.name(id.producer()), id.seq()))
    }
}

fn answer(status: Status) -> Answer {
    match status {
        Status::Ok | Status::Unasked => Answer::Ok,
        Status::Fail => Answer::Fail,
        Status::Info | Status::Pending => Answer::Info,
    }
}

/// The instant of a table's time.
fn at(nanos: u64) -> Instant {
    Instant::START.plus(Duration::from_nanos(nanos))
}
