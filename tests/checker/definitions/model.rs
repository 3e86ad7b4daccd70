//! A history as plain lists.

use rehearsal::base::Instant;
use rehearsal::check::Event;
use rehearsal::check::Setup;
use rehearsal::check::event::Answer;
use rehearsal::check::event::Delivered;
use rehearsal::check::event::Isolation;
use rehearsal::check::event::Outcome;
use std::collections::BTreeMap;

pub(super) const NEVER: u64 = u64::MAX;

pub(super) fn ns(t: Instant) -> u64 {
    u64::try_from(t.since_start().as_nanos()).unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Fail,
    Info,
    Pending,
    Unasked,
}

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) p: String,
    pub(super) status: Status,
    pub(super) off: i64,
}

/// A logical send.
#[derive(Clone, Debug)]
pub(super) struct Send {
    pub(super) id: String,
    pub(super) producer: String,
    pub(super) seq: u64,
    pub(super) p: String,
    pub(super) inv: u64,
    pub(super) cmp: u64,
    pub(super) off: i64,
    pub(super) first: Status,
    pub(super) txn: Option<String>,
    pub(super) key: Option<String>,
    pub(super) hash: Option<u64>,
    pub(super) source: Option<(String, i64)>,
    pub(super) attempts: Vec<Attempt>,
}

impl Send {
    pub(super) fn status(&self) -> Status {
        let any = |status| self.attempts.iter().any(|attempt| attempt.status == status);
        let all = |status| self.attempts.iter().all(|attempt| attempt.status == status);
        match () {
            () if any(Status::Ok) => Status::Ok,
            () if all(Status::Fail) => Status::Fail,
            () if all(Status::Unasked) => Status::Unasked,
            () if any(Status::Pending) => Status::Pending,
            () => Status::Info,
        }
    }
}

/// A delivered record.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) process: String,
    pub(super) group: Option<String>,
    pub(super) committed: bool,
    pub(super) txn: Option<String>,
    pub(super) p: String,
    pub(super) off: i64,
    pub(super) id: Option<String>,
    pub(super) hash: Option<u64>,
    pub(super) poll: usize,
    pub(super) inv: u64,
    pub(super) cmp: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Visible,
    Aborted,
    Open,
    Marker,
}

/// An entry of a final log.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) off: i64,
    pub(super) id: Option<String>,
    pub(super) marker: Option<Outcome>,
    pub(super) pid: i64,
    pub(super) pepoch: i16,
    pub(super) seq: i32,
    pub(super) epoch: i32,
    pub(super) transactional: bool,
    pub(super) digest: Option<u64>,
    /// The first of its batch.
    pub(super) starts: bool,
    pub(super) in_batch: i32,
}

#[derive(Clone, Debug)]
pub(super) struct FinalLog {
    pub(super) start: i64,
    pub(super) hw: i64,
    pub(super) entries: Vec<Entry>,
}

impl FinalLog {
    pub(super) fn end(&self) -> i64 {
        self.entries.last().map_or(self.start, |entry| entry.off + 1)
    }

    pub(super) fn state(&self, place: usize) -> State {
        let entry = &self.entries[place];
        if entry.marker.is_some() {
            return State::Marker;
        }
        if !entry.transactional {
            return State::Visible;
        }
        let next = self.entries[place..].iter().find(|next| next.marker.is_some() && next.pid == entry.pid);
        match next.and_then(|next| next.marker) {
            Some(Outcome::Commit) => State::Visible,
            Some(Outcome::Abort) => State::Aborted,
            None => State::Open,
        }
    }
}

/// From when to when a process owned a partition.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) process: String,
    pub(super) p: String,
    pub(super) group: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What an observer knows of a partition's order: offset, id, what readers of committed data see of it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) off: i64,
    pub(super) id: Option<String>,
    pub(super) state: State,
}

pub(super) struct Model {
    pub(super) setup: Setup,
    pub(super) events: Vec<Event>,
    pub(super) sends: Vec<Send>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) logs: BTreeMap<(String, Option<i32>), FinalLog>,
    pub(super) log_order: Vec<(String, Option<i32>)>,
    pub(super) end: u64,
    pub(super) healed: Option<u64>,
    producers: Vec<String>,
}

impl Model {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut model = Self {
            setup: Setup::default(),
            events: events.to_vec(),
            sends: Vec::new(),
            deliveries: Vec::new(),
            logs: BTreeMap::new(),
            log_order: Vec::new(),
            end: 0,
            healed: None,
            producers: Vec::new(),
        };
        for (number, event) in events.iter().enumerate() {
            model.end = model.end.max(event.t().map_or(0, ns));
            match event {
                Event::Setup(setup) => model.setup = (**setup).clone(),
                Event::Healed(line) => model.healed = Some(ns(line.t)),
                Event::Send(line) => model.take_send(line),
                Event::Poll(line) => model.take_poll(number, line),
                Event::Commit(line) => model.until(line.end.as_ref().map(|end| end.t)),
                Event::FetchOffsets(line) => model.until(line.end.as_ref().map(|end| end.t)),
                Event::EndTxn(line) => model.until(line.end.as_ref().map(|end| end.t)),
                Event::Processed(line) => model.meet(&line.id.producer),
                Event::FinalLog(line) => {
                    let key = (line.partition.clone(), line.broker);
                    model.log_order.push(key.clone());
                    let log = FinalLog { start: line.log_start, hw: line.high_watermark, entries: Vec::new() };
                    model.logs.insert(key, log);
                }
                Event::Log(line) => {
                    let Some(log) = model.logs.get_mut(&(line.partition.clone(), line.broker)) else { continue };
                    let count = line.ids.len().max(1);
                    for place in 0..count {
                        let off = match line.offsets.get(place) {
                            Some(off) => *off,
                            None => line.offset + i64::try_from(place).unwrap(),
                        };
                        log.entries.push(Entry {
                            off,
                            id: line.ids.get(place).cloned().flatten().map(|id| id.to_string()),
                            marker: line.marker,
                            pid: line.pid.unwrap_or(-1),
                            pepoch: line.pepoch.unwrap_or(-1),
                            seq: line.seq.unwrap_or(-1),
                            epoch: line.epoch,
                            transactional: line.transactional || line.marker.is_some(),
                            digest: line.digest,
                            starts: place == 0,
                            in_batch: i32::try_from(count).unwrap(),
                        });
                    }
                    for id in line.ids.iter().flatten() {
                        model.meet(&id.producer);
                    }
                }
                _ => {}
            }
        }
        model
    }

    fn until(&mut self, t: Option<Instant>) {
        self.end = self.end.max(t.map_or(0, ns));
    }

    fn meet(&mut self, producer: &str) {
        if !self.producers.iter().any(|known| known == producer) {
            self.producers.push(producer.to_owned());
        }
    }

    fn take_send(&mut self, line: &rehearsal::check::event::Send) {
        self.meet(&line.id.producer);
        self.until(line.end.as_ref().map(|end| end.t));
        let status = match &line.end {
            _ if line.acks0 => Status::Unasked,
            None => Status::Pending,
            Some(end) => match end.result {
                Answer::Ok => Status::Ok,
                Answer::Fail => Status::Fail,
                Answer::Info => Status::Info,
            },
        };
        let off = line.end.as_ref().and_then(|end| end.offset).unwrap_or(-1);
        let attempt = Attempt { p: line.to.clone(), status, off };
        let id = line.id.to_string();
        if let Some(send) = self.sends.iter_mut().find(|send| send.id == id) {
            send.attempts.push(attempt);
            return;
        }
        self.sends.push(Send {
            id,
            producer: line.id.producer.clone(),
            seq: line.id.seq,
            p: line.to.clone(),
            inv: ns(line.t),
            cmp: line.end.as_ref().map_or(NEVER, |end| ns(end.t)),
            off,
            first: status,
            txn: line.txn.clone(),
            key: line.key.clone(),
            hash: line.hash,
            source: line.source.as_ref().map(|source| (source.partition.clone(), source.offset)),
            attempts: vec![attempt],
        });
    }

    fn take_poll(&mut self, number: usize, line: &rehearsal::check::event::Poll) {
        let Some(end) = &line.end else { return };
        self.until(Some(end.t));
        let isolation = line.isolation.unwrap_or(self.setup.isolation);
        for (p, records) in &end.records {
            for record in records {
                if let Some(id) = record.id() {
                    self.meet(&id.producer);
                }
                self.deliveries.push(Delivery {
                    process: line.process.clone(),
                    group: line.group.clone(),
                    committed: isolation == Isolation::ReadCommitted,
                    txn: line.txn.clone(),
                    p: p.clone(),
                    off: Delivered::offset(record),
                    id: record.id().map(ToString::to_string),
                    hash: record.hash(),
                    poll: number,
                    inv: ns(line.t),
                    cmp: ns(end.t),
                });
            }
        }
    }

    pub(super) fn send(&self, id: Option<&String>) -> Option<&Send> {
        self.sends.iter().find(|send| Some(&send.id) == id)
    }

    pub(super) fn log(&self, p: &str) -> Option<&FinalLog> {
        self.logs.get(&(p.to_owned(), None))
    }

    pub(super) fn compacted(&self, p: &str) -> bool {
        self.setup.topics.get(topic(p)).is_some_and(|topic| topic.compacted)
    }

    /// All partitions that are named anywhere.
    pub(super) fn partitions(&self) -> Vec<String> {
        let sends = self.sends.iter().flat_map(|send| &send.attempts).map(|attempt| attempt.p.clone());
        let deliveries = self.deliveries.iter().map(|delivery| delivery.p.clone());
        let logs = self.logs.keys().map(|(p, _)| p.clone());
        let mut all: Vec<String> = sends.chain(deliveries).chain(logs).collect();
        all.sort();
        all.dedup();
        all
    }

    pub(super) fn log_start(&self, p: &str) -> i64 {
        let moved = self.events.iter().filter_map(|event| match event {
            Event::LogStart(line) if line.partition == p => Some(line.offset),
            _ => None,
        });
        moved.chain(self.log(p).map(|log| log.start)).max().unwrap_or(0).max(0)
    }

    pub(super) fn last_stable(&self, p: &str) -> i64 {
        let Some(log) = self.log(p) else { return i64::MAX };
        let open = (0..log.entries.len()).filter(|place| log.state(*place) == State::Open);
        open.map(|place| log.entries[place].off).chain([log.hw]).min().unwrap()
    }

    pub(super) fn ends(&self, txn: &str) -> Vec<(bool, u64, u64, Option<Answer>)> {
        let ends = self.events.iter().filter_map(|event| match event {
            Event::EndTxn(line) if line.txn == txn => Some((
                line.commit,
                ns(line.t),
                line.end.as_ref().map_or(NEVER, |end| ns(end.t)),
                line.end.as_ref().map(|end| end.result),
            )),
            _ => None,
        });
        ends.collect()
    }

    pub(super) fn told_committed(&self, txn: &str) -> bool {
        self.ends(txn).iter().any(|(commit, _, _, answer)| *commit && *answer == Some(Answer::Ok))
    }

    /// An abort was accepted and no commit is in doubt, or every commit certainly failed.
    pub(super) fn told_aborted(&self, txn: &str) -> bool {
        let ends = self.ends(txn);
        let commits: Vec<_> = ends.iter().filter(|(commit, ..)| *commit).collect();
        let refused = commits.iter().all(|(.., answer)| *answer == Some(Answer::Fail));
        let aborted = ends.iter().any(|(commit, _, _, answer)| !commit && *answer == Some(Answer::Ok));
        !self.told_committed(txn) && refused && (aborted || !commits.is_empty())
    }

    pub(super) fn must(&self, txn: &str) -> bool {
        let delivered = self.deliveries.iter().any(|delivery| {
            delivery.committed && self.send(delivery.id.as_ref()).is_some_and(|send| send.txn.as_deref() == Some(txn))
        });
        delivered || self.told_committed(txn)
    }

    /// The order of a partition, by offset.
    pub(super) fn order(&self, p: &str) -> Vec<Known> {
        let mut order: Vec<Known> = Vec::new();
        if let Some(log) = self.log(p) {
            for (place, entry) in log.entries.iter().enumerate().filter(|(_, entry)| entry.off < log.hw) {
                order.push(Known { off: entry.off, id: entry.id.clone(), state: log.state(place) });
            }
            order.sort_by_key(|known| known.off);
            return order;
        }
        let by_client = |id: Option<&String>| match self.send(id).and_then(|send| send.txn.as_deref()) {
            None => State::Visible,
            Some(txn) if self.must(txn) => State::Visible,
            Some(txn) if self.told_aborted(txn) => State::Aborted,
            Some(_) => State::Open,
        };
        let mut note = |off: i64, id: Option<String>, state: State| match order
            .iter_mut()
            .find(|known| known.off == off && known.id == id)
        {
            Some(known) => known.state = known.state.min(state),
            None => order.push(Known { off, id, state }),
        };
        for delivery in self.deliveries.iter().filter(|delivery| delivery.p == p) {
            let state = if delivery.committed { State::Visible } else { by_client(delivery.id.as_ref()) };
            note(delivery.off, delivery.id.clone(), state);
        }
        for send in &self.sends {
            for attempt in &send.attempts {
                if attempt.p == p && self.counts(send, attempt) && attempt.off >= 0 {
                    note(attempt.off, Some(send.id.clone()), by_client(Some(&send.id)));
                }
            }
        }
        order.sort_by_key(|known| (known.off, self.rank(known.id.as_ref())));
        order
    }

    /// Whether an attempt's end says where the record is: it was acknowledged, or proved to be applied.
    pub(super) fn counts(&self, send: &Send, attempt: &Attempt) -> bool {
        let delivered = self.deliveries.iter().any(|delivery| delivery.id.as_ref() == Some(&send.id));
        let proven = delivered || send.txn.as_ref().is_some_and(|txn| self.must(txn));
        attempt.status == Status::Ok || attempt.status == Status::Info && proven
    }

    /// Ids in the order in which their producers were met.
    fn rank(&self, id: Option<&String>) -> (usize, u64) {
        let Some((producer, seq)) = id.and_then(|id| id.rsplit_once('#')) else { return (usize::MAX, 0) };
        let at = self.producers.iter().position(|known| known == producer).unwrap();
        (at, seq.parse().unwrap())
    }

    pub(super) fn sees(&self, p: &str, known: &Known, committed: bool) -> bool {
        match known.state {
            State::Visible => !committed || known.off < self.last_stable(p),
            State::Aborted | State::Open => !committed,
            State::Marker => false,
        }
    }

    /// Whether a cleaner may have taken an entry before a reader came.
    pub(super) fn cleanable(&self, p: &str, known: &Known) -> bool {
        let key = self.send(known.id.as_ref()).and_then(|send| send.key.as_ref());
        let newer = self.order(p).iter().any(|other| {
            let counts = !matches!(other.state, State::Aborted | State::Marker);
            let same = self.send(other.id.as_ref()).is_some_and(|send| send.key.as_ref() == key);
            other.off > known.off && counts && same
        });
        let unknown = key.is_none();
        self.compacted(p)
            && (known.state == State::Aborted || unknown || newer || self.tombstone_removed(p, known.off, key))
    }

    /// Whether a cleaner has removed the tombstone at an offset, or one of this key behind it.
    pub(super) fn tombstone_removed(&self, p: &str, off: i64, key: Option<&String>) -> bool {
        self.events.iter().any(|event| {
            let Event::Compacted(line) = event else { return false };
            line.partition == p
                && line.before.iter().any(|old| {
                    let gone = old.tombstone && line.after.iter().all(|kept| kept.offset != old.offset);
                    gone && (old.offset == off || old.offset > off && Some(&old.key) == key)
                })
        })
    }

    /// Whether some reader must be given something in `from..to`.
    pub(super) fn owes_between(&self, p: &str, from: i64, to: i64, committed: bool) -> bool {
        let order = self.order(p);
        let mut between = order.iter().filter(|known| from <= known.off && known.off < to);
        between.any(|known| self.sees(p, known, committed) && !self.cleanable(p, known))
    }

    pub(super) fn owns(&self) -> Vec<Own> {
        let mut owns: Vec<Own> = Vec::new();
        let close = |owns: &mut Vec<Own>, process: &str, p: Option<&str>, t: u64| {
            for own in owns.iter_mut() {
                if own.process == process && p.is_none_or(|p| own.p == p) && own.to == NEVER {
                    own.to = t;
                }
            }
        };
        for event in &self.events {
            let t = event.t().map_or(0, ns);
            match event {
                Event::Assigned(line) => {
                    for p in line.partitions.keys() {
                        close(&mut owns, &line.process, Some(p), t);
                        let (process, group, generation) = (line.process.clone(), line.group.clone(), line.generation);
                        owns.push(Own { process, p: p.clone(), group, generation, from: t, to: NEVER });
                    }
                }
                Event::Kept(line) => {
                    for p in &line.partitions {
                        close(&mut owns, &line.process, Some(p), t);
                        let (process, group) = (line.process.clone(), Some(line.group.clone()));
                        let generation = Some(line.generation);
                        owns.push(Own { process, p: p.clone(), group, generation, from: t, to: NEVER });
                    }
                }
                Event::Released(line) => {
                    for p in &line.partitions {
                        close(&mut owns, &line.process, Some(p), t);
                    }
                }
                Event::Crashed(line) => close(&mut owns, &line.process, None, t),
                _ => {}
            }
        }
        owns
    }

    pub(super) fn crashed(&self, process: &str) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Crashed(line) if line.process == process))
    }

    /// The moments at which a process's position may jump, each with where to, if it is known.
    pub(super) fn jumps(&self, process: &str, p: &str) -> Vec<(u64, Jump)> {
        let mut jumps = Vec::new();
        for event in &self.events {
            match event {
                Event::Assigned(line) if line.process == process => {
                    if let Some(from) = line.partitions.get(p) {
                        jumps.push((ns(line.t), Jump::Assigned(*from, line.group.clone())));
                    }
                }
                Event::Released(line) if line.process == process && line.partitions.iter().any(|name| name == p) => {
                    jumps.push((ns(line.t), Jump::Released));
                }
                Event::Seek(line) if line.process == process && line.partition == p => {
                    jumps.push((ns(line.t), Jump::Moved(Some(line.offset))));
                }
                Event::Reset(line) if line.process == process && line.partition == p => {
                    jumps.push((ns(line.t), Jump::Moved(line.to)));
                }
                _ => {}
            }
        }
        jumps
    }

    /// The last jump at or before `t`.
    pub(super) fn jump_before(&self, process: &str, p: &str, t: u64) -> Option<(u64, Jump)> {
        self.jumps(process, p).into_iter().filter(|(at, _)| *at <= t).max_by_key(|(at, _)| *at)
    }

    /// What a process was given of a partition, in order of completion.
    pub(super) fn given(&self, process: &str, p: &str) -> Vec<&Delivery> {
        let mut given: Vec<&Delivery> =
            self.deliveries.iter().filter(|delivery| delivery.process == process && delivery.p == p).collect();
        given.sort_by_key(|delivery| delivery.cmp);
        given
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Jump {
    Assigned(Option<i64>, Option<String>),
    Moved(Option<i64>),
    Released,
}

impl Jump {
    /// Where to, if it is known without asking for commits.
    pub(super) fn to(&self) -> Option<i64> {
        match self {
            Self::Assigned(to, _) | Self::Moved(to) => *to,
            Self::Released => None,
        }
    }
}

pub(super) fn topic(p: &str) -> &str {
    p.rsplit_once('-').map_or(p, |(topic, _)| topic)
}
