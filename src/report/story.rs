//! The steps of a witness in the order of time, with what led to them: faults, elections, appends, crashes.
//!
//! The checker's own steps show *that* something is wrong; what is added here shows *how* it came about, picked by what
//! it has in common with them: the same record, place, transaction, partition or process, within the same time.

use super::describe::Lane;
use super::describe::Leaders;
use super::describe::Line;
use super::describe::Sign;
use super::describe::describe;
use super::describe::numbered;
use super::time::nanos;
use crate::check::Example;
use crate::check::History;
use crate::check::RecordName;
use crate::check::event::Commit;
use crate::check::event::Delivered;
use crate::check::event::Event;
use crate::check::event::FaultKind;
use crate::check::event::Send;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How many events a picture shows, and on how many lanes; what is more is folded away.
const STEPS_MAX: usize = 12;
const LANES_MAX: usize = 8;

/// How many events of one kind are added.
const SAME_MAX: usize = 4;

/// What is at the same moment, in nanoseconds.
const MOMENT: u64 = 200_000_000;

/// A witness with what led to it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) steps: Vec<Told>,
    /// What follows from all of it.
    pub(super) conclusions: Vec<String>,
    /// How many events would have fitted too.
    pub(super) folded: usize,
    pub(super) scope: Scope,
    /// From when to when, in nanoseconds.
    pub(super) window: (u64, u64),
}

/// One step of a story.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) line: Line,
    pub(super) event: Event,
    /// What it shows, in the checker's words, or what happened.
    pub(super) text: String,
    /// Whether the checker named it; else it is what led there.
    pub(super) is_witness: bool,
    /// After which event's number it stands of what happens at the same time; its own unless somebody saw it before.
    pub(super) order: u32,
}

/// What a witness is about.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) ids: BTreeSet<RecordName>,
    pub(super) places: BTreeSet<(String, i64)>,
    pub(super) partitions: BTreeSet<String>,
    pub(super) txns: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) processes: BTreeSet<String>,
}

impl Scope {
    /// What the subject says and what the events have in them.
    fn of(subject: &str, events: &[Event]) -> Self {
        let mut scope = Self::default();
        let tail = subject.rsplit_once(':').map_or(subject, |(_, tail)| tail);
        scope.ids.extend(subject.parse().into_iter().chain(tail.parse()));
        if let Some((partition, offset)) = tail.rsplit_once('@') {
            scope.places.extend(offset.parse().ok().map(|offset| (partition.to_owned(), offset)));
        }
        for event in events {
            scope.add(event);
        }
        // What polls and batches have in them counts where it is the matter.
        for event in events {
            scope.add_matching(event);
        }
        for (partition, _) in &scope.places {
            scope.partitions.insert(partition.clone());
        }
        scope
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::Send(line) => {
                self.ids.insert(line.id.clone());
                self.partitions.insert(line.to.clone());
                self.txns.extend(line.txn.clone());
                self.processes.insert(line.process.clone().unwrap_or_else(|| line.id.producer.clone()));
                let offset = line.end.as_ref().and_then(|end| end.offset);
                self.places.extend(offset.map(|offset| (line.to.clone(), offset)));
                if let Some(source) = &line.source {
                    self.places.insert((source.partition.clone(), source.offset));
                }
            }
            Event::Poll(line) => {
                self.processes.insert(line.process.clone());
                self.groups.extend(line.group.clone());
            }
            Event::Commit(line) => {
                self.processes.insert(line.process.clone());
                self.groups.insert(line.group.clone());
                self.partitions.extend(line.offsets.keys().cloned());
                self.txns.extend(line.txn.clone());
            }
            Event::FetchOffsets(line) => {
                self.processes.insert(line.process.clone());
                self.groups.insert(line.group.clone());
                self.partitions.extend(line.end.iter().flat_map(|end| end.offsets.keys().cloned()));
            }
            Event::EndTxn(line) => {
                self.processes.insert(line.process.clone());
                self.txns.insert(line.txn.clone());
            }
            Event::Assigned(line) => {
                self.processes.insert(line.process.clone());
                self.groups.extend(line.group.clone());
                self.partitions.extend(line.partitions.keys().cloned());
            }
            Event::Released(line) => {
                self.processes.insert(line.process.clone());
                self.groups.extend(line.group.clone());
                self.partitions.extend(line.partitions.iter().cloned());
            }
            Event::Processed(line) => {
                self.ids.insert(line.id.clone());
                self.processes.insert(line.process.clone());
                self.groups.insert(line.group.clone());
            }
            Event::Crashed(line) => {
                self.processes.insert(line.process.clone());
            }
            Event::Append(line) => {
                self.partitions.insert(line.partition.clone());
                self.places.insert((line.partition.clone(), line.offset));
                self.txns.extend(line.txn.clone());
                self.txns.extend(line.cause.clone());
            }
            Event::Settled(line) => {
                self.txns.insert(line.txn.clone());
                self.groups.insert(line.group.clone());
                self.partitions.insert(line.partition.clone());
            }
            Event::GroupState(line) => {
                self.groups.insert(line.group.clone());
            }
            Event::Seek(line) => {
                self.processes.insert(line.process.clone());
            }
            Event::Reset(line) => {
                self.processes.insert(line.process.clone());
            }
            _ => {}
        }
        if let Some(partition) = partition_of(event) {
            self.partitions.insert(partition.to_owned());
        }
    }

    fn add_matching(&mut self, event: &Event) {
        let mut found = Vec::new();
        match event {
            Event::Poll(line) => {
                let records = line.end.iter().flat_map(|end| &end.records);
                let all: Vec<(&String, &Delivered)> =
                    records.flat_map(|(partition, list)| list.iter().map(move |record| (partition, record))).collect();
                let ours = |(partition, record): &&(&String, &Delivered)| {
                    record.id().is_some_and(|id| self.ids.contains(id))
                        || self.places.contains(&((*partition).clone(), record.offset()))
                };
                let matching: Vec<_> = all.iter().filter(ours).collect();
                // A poll of which nothing was named is meant as a whole, as far as it is small.
                let meant = if matching.is_empty() { all.iter().take(2).collect() } else { matching };
                found.extend(meant.into_iter().map(|(partition, record)| ((*partition).clone(), record.offset())));
            }
            Event::Log(line) => {
                let offsets = |at: usize| {
                    let dense = line.offset.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
                    line.offsets.get(at).copied().unwrap_or(dense)
                };
                let named = line.ids.iter().enumerate();
                let named = named.filter(|(_, id)| id.as_ref().is_some_and(|id| self.ids.contains(id)));
                found.extend(named.map(|(at, _)| (line.partition.clone(), offsets(at))));
                if found.is_empty() {
                    found.push((line.partition.clone(), line.offset));
                }
            }
            _ => {}
        }
        self.places.extend(found);
    }

    fn has_process(&self, name: &str) -> bool {
        // A process's clients have its name before a slash; a later life has a dot and a number behind it.
        let root = |name: &str| name.split(['/', '.']).next().unwrap_or_default().to_owned();
        self.processes.contains(name) || self.processes.iter().any(|process| root(process) == root(name))
    }

    fn has_any(&self, partitions: &[String]) -> bool {
        partitions.iter().any(|partition| self.partitions.contains(partition))
    }

    /// How much an event has to do with it, up to 100; none for nothing.
    fn relevance(&self, event: &Event, near: bool) -> Option<u8> {
        let partition = partition_of(event).is_some_and(|partition| self.partitions.contains(partition));
        let score = match event {
            Event::Send(line) => self.ids.contains(&line.id).then_some(90),
            Event::Append(line) => {
                let here = self.places.contains(&(line.partition.clone(), line.offset));
                let of_txn = line.txn.as_ref().is_some_and(|txn| self.txns.contains(txn));
                match (here, of_txn && line.marker.is_some()) {
                    (true, _) => Some(86),
                    (false, true) => Some(76),
                    _ => None,
                }
            }
            Event::Poll(line) => {
                let mut records = line.end.iter().flat_map(|end| end.records.values().flatten());
                records.any(|record| record.id().is_some_and(|id| self.ids.contains(id))).then_some(79)
            }
            // What was set up is no cause.
            Event::Fault(line) if line.note.as_deref().is_some_and(is_preparation) => None,
            Event::Fault(line) if line.note.as_deref().is_some_and(|note| note.starts_with("end ")) => Some(40),
            Event::Fault(line) if self.txns.is_empty() && line.note.as_deref().is_some_and(is_of_transactions) => None,
            Event::Fault(line) => Some(match line.kind {
                FaultKind::UncleanElection => 97,
                FaultKind::PowerLoss => 96,
                FaultKind::Kill => 92,
                FaultKind::Other if near => 87,
                FaultKind::Other => 54,
            }),
            Event::Leader(line) if partition => Some(if line.unclean { 85 } else { 74 }),
            Event::Truncated(_) if partition => Some(87),
            Event::Isr(_) if partition => Some(52),
            // A process crashes with all its clients; once is enough.
            Event::Crashed(line) if line.process.contains('/') => None,
            Event::Crashed(line) => self.has_process(&line.process).then_some(83),
            Event::EndTxn(line) => self.txns.contains(&line.txn).then_some(80),
            Event::Settled(line) => self.txns.contains(&line.txn).then_some(72),
            Event::Commit(line) => {
                let partitions: Vec<String> = line.offsets.keys().cloned().collect();
                (self.groups.contains(&line.group) && self.has_any(&partitions)).then_some(62)
            }
            Event::FetchOffsets(line) => self.groups.contains(&line.group).then_some(48),
            Event::Assigned(line) => {
                let partitions: Vec<String> = line.partitions.keys().cloned().collect();
                let ours = line.group.as_ref().is_some_and(|group| self.groups.contains(group));
                (ours && self.has_any(&partitions)).then_some(56)
            }
            Event::Released(line) => {
                let ours = line.group.as_ref().is_some_and(|group| self.groups.contains(group));
                (ours && self.has_any(&line.partitions)).then_some(55)
            }
            Event::Reset(line) => (partition && self.has_process(&line.process)).then_some(75),
            Event::Seek(line) => (partition && self.has_process(&line.process)).then_some(60),
            Event::Processed(line) => (self.ids.contains(&line.id) && self.groups.contains(&line.group)).then_some(66),
            _ => None,
        };
        // What lies close by explains more than what lies far off.
        score.map(|score| if near { score } else { score - 8 })
    }
}

/// Whether a command of the test only prepares something: what it prepares tells by itself when it happens.
fn is_preparation(note: &str) -> bool {
    // That a broker crashed is told when it goes down.
    ["create ", "inject ", "crash ", "heal"].iter().any(|word| note.starts_with(word))
}

/// Whether a fault can matter to transactions only.
fn is_of_transactions(note: &str) -> bool {
    ["marker", "EndTxn", "transaction"].iter().any(|word| note.contains(word))
}

/// The partition that a mark of the cluster is about.
fn partition_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::Seek(line) => &line.partition,
        Event::Reset(line) => &line.partition,
        Event::Created(line) => &line.partition,
        Event::Deleted(line) => &line.partition,
        Event::CommitRemoved(line) => &line.partition,
        Event::FinalLog(line) => &line.partition,
        Event::Log(line) => &line.partition,
        Event::Leader(line) => &line.partition,
        Event::Isr(line) => &line.partition,
        Event::Leo(line) => &line.partition,
        Event::Hw(line) => &line.partition,
        Event::Lso(line) => &line.partition,
        Event::LogStart(line) => &line.partition,
        Event::Append(line) => &line.partition,
        Event::Acked(line) => &line.partition,
        Event::Served(line) => &line.partition,
        Event::Listed(line) => &line.partition,
        Event::Truncated(line) => &line.partition,
        Event::SegmentDeleted(line) => &line.partition,
        Event::Compacted(line) => &line.partition,
        Event::ProducerExpired(line) => &line.partition,
        _ => return None,
    })
}

impl Story {
    /// Tells one example of a finding.
    pub(super) fn of(history: &History, leaders: &Leaders, example: &Example) -> Self {
        let mut texts: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        let mut conclusions = Vec::new();
        for step in &example.steps {
            match step.event {
                Some(event) => texts.entry(event).or_default().push(&step.text),
                None => conclusions.push(step.text.clone()),
            }
        }
        let mut steps: Vec<Told> = Vec::new();
        for (number, texts) in &texts {
            let Some(event) = history.event(*number as usize) else { continue };
            let mut texts = texts.clone();
            texts.dedup();
            let line = describe(*number, &event, leaders);
            steps.push(Told { order: *number, line, event, text: texts.join("; "), is_witness: true });
        }
        say_when_it_was_written(history, leaders, &mut steps);
        let events: Vec<Event> = steps.iter().map(|step| step.event.clone()).collect();
        let scope = Scope::of(&example.subject, &events);
        let window = window(history, &steps);
        let folded = add_causes(history, leaders, &scope, window, &mut steps);
        put_before_readers(&mut steps);
        steps.sort_by_key(|step| (step.line.t.unwrap_or(u64::MAX), step.order, step.order == step.line.number));
        let first = steps.iter().filter_map(|step| step.line.t).min().unwrap_or(window.0);
        let window = (first.min(window.0), window.1);
        Self { steps, conclusions, folded, scope, window }
    }

    /// The lanes that have steps, from top to bottom.
    pub(super) fn lanes(&self) -> BTreeSet<Lane> {
        self.steps.iter().map(|step| step.line.lane.clone()).collect()
    }

    /// The sends of this story.
    pub(super) fn sends(&self) -> impl Iterator<Item = (usize, &Send)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| match &step.event {
            Event::Send(send) => Some((at, send)),
            _ => None,
        })
    }
}

/// What clients and the cluster did at the same time has no order of its own; nobody reads what is not written yet.
fn put_before_readers(steps: &mut [Told]) {
    let mut read: BTreeMap<(u64, String, i64), u32> = BTreeMap::new();
    for step in steps.iter() {
        let (Event::Poll(poll), Some(t)) = (&step.event, step.line.t) else { continue };
        for (partition, records) in poll.end.iter().flat_map(|end| &end.records) {
            for record in records {
                read.entry((t, partition.clone(), record.offset())).or_insert(step.line.number);
            }
        }
    }
    for step in steps {
        let (Event::Append(append), Some(t)) = (&step.event, step.line.t) else { continue };
        if let Some(reader) = read.get(&(t, append.partition.clone(), append.offset)) {
            step.order = step.order.min(*reader);
        }
    }
}

/// Where the log at the end is the proof and the append was seen, the append is the better step: it has a time.
fn say_when_it_was_written(history: &History, leaders: &Leaders, steps: &mut [Told]) {
    let wanted: BTreeMap<(String, i64), usize> = steps
        .iter()
        .enumerate()
        .filter_map(|(at, step)| match &step.event {
            Event::Log(log) if log.broker.is_none() => Some(((log.partition.clone(), log.offset), at)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return;
    }
    let mut appended: BTreeMap<usize, (u32, Event)> = BTreeMap::new();
    for (number, event) in numbered(history) {
        if let Event::Append(append) = &event {
            if let Some(at) = wanted.get(&(append.partition.clone(), append.offset)) {
                // The last one counts: what came before was truncated.
                appended.insert(*at, (number, event));
            }
        }
    }
    for (at, (number, event)) in appended {
        let line = describe(number, &event, leaders);
        let text = format!("{}; at the end, {}", said(&line), steps[at].text);
        steps[at] = Told { order: number, line, event, text, is_witness: true };
    }
}

/// From the first moment of the witness to its last; what is known only at the end reaches to the end.
fn window(history: &History, steps: &[Told]) -> (u64, u64) {
    let begin = steps.iter().filter_map(|step| step.line.t).min().unwrap_or(0);
    let timeless = steps.iter().any(|step| step.line.t.is_none());
    let last = steps.iter().filter_map(|step| step.line.end.max(step.line.t)).max();
    let end = last.filter(|_| !timeless).unwrap_or(history.end_t);
    (begin, end.max(begin))
}

/// Adds what led to the witness, the most telling first; gives back how much was left out.
fn add_causes(
    history: &History,
    leaders: &Leaders,
    scope: &Scope,
    (begin, end): (u64, u64),
    steps: &mut Vec<Told>,
) -> usize {
    let spans: Vec<(u64, u64)> =
        steps.iter().filter_map(|step| Some((step.line.t?, step.line.end.max(step.line.t)?))).collect();
    let known: BTreeSet<u32> = steps.iter().map(|step| step.line.number).collect();
    let mut candidates: Vec<(u8, u64, u32, Event)> = Vec::new();
    let mut led: BTreeSet<String> = BTreeSet::new();
    for (number, event) in numbered(history) {
        // How it was from the beginning is no cause: the first leader, and the ISR that came with it.
        let is_first = match &event {
            Event::Leader(line) => led.insert(line.partition.clone()) && !line.unclean,
            Event::Isr(line) => led.insert(format!("{} ISR", line.partition)),
            _ => false,
        };
        if is_first {
            continue;
        }
        let Some(t) = event.t().map(nanos) else { continue };
        if known.contains(&number) || t > end {
            continue;
        }
        let near = spans.iter().any(|(from, to)| match event {
            // Of faults there may be many; those at the moment of a step are those that made it what it is.
            Event::Fault(_) => t.abs_diff(*from) <= MOMENT || t.abs_diff(*to) <= MOMENT,
            _ => (*from..=*to).contains(&t),
        });
        let before = t < begin;
        // Of what came before, what was broken and who led is still in force.
        let in_force = matches!(event, Event::Fault(_) | Event::Leader(_) | Event::Isr(_) | Event::Assigned(_));
        if before && !in_force {
            let same_record = matches!(&event, Event::Send(send) if scope.ids.contains(&send.id));
            if !same_record {
                continue;
            }
        }
        let Some(score) = scope.relevance(&event, near) else { continue };
        let score = if before { score.saturating_sub(20) } else { score };
        let distance = spans.iter().map(|(from, to)| from.saturating_sub(t).max(t.saturating_sub(*to))).min();
        candidates.push((score, distance.unwrap_or(0), number, event));
    }
    // The commit that first says that a record is done decides where the next owner begins.
    let covers = |commit: &Commit| scope.places.iter().any(|(name, offset)| commit.offsets.get(name) > Some(offset));
    let first = candidates.iter_mut().find(|(_, _, _, event)| matches!(event, Event::Commit(commit) if covers(commit)));
    if let Some((score, ..)) = first {
        *score = 85;
    }
    candidates.sort_by_key(|(score, distance, number, _)| (u8::MAX - score, *distance, *number));
    let mut lanes: BTreeSet<Lane> = steps.iter().map(|step| step.line.lane.clone()).collect();
    let mut same: BTreeMap<Sign, usize> = BTreeMap::new();
    let mut folded = 0;
    for (_, _, number, event) in candidates {
        let line = describe(number, &event, leaders);
        let count = same.entry(line.sign).or_default();
        let fits = lanes.contains(&line.lane) || lanes.len() < LANES_MAX;
        let again = steps.iter().any(|step| says_the_same(&step.line, &line) && !step.is_witness);
        if steps.len() >= STEPS_MAX || *count >= SAME_MAX || !fits || again {
            folded += 1;
            continue;
        }
        *count += 1;
        lanes.insert(line.lane.clone());
        let text = said(&line);
        steps.push(Told { order: number, line, event, text, is_witness: false });
    }
    folded
}

/// Twice the same says no more than once: every answer of a broken link is a fault of its own, and both directions of
/// all links of a client break at the same moment.
fn says_the_same(one: &Line, other: &Line) -> bool {
    let is_link = |line: &Line| line.sign == Sign::Fault && line.text.starts_with("link ");
    let action = |line: &Line| line.text.rsplit_once(": ").map(|(_, action)| action.to_owned());
    one.lane == other.lane && one.text == other.text
        || is_link(one) && is_link(other) && one.t == other.t && action(one) == action(other)
}

/// A sentence with its subject.
pub(super) fn said(line: &Line) -> String {
    match &line.lane {
        Lane::Client(name) | Lane::App(name) if !line.text.starts_with(name.as_str()) => {
            format!("{name} {}", line.text)
        }
        Lane::Broker(id) if !line.text.contains("broker") && !line.text.starts_with("the ") => {
            format!("broker {id} {}", line.text)
        }
        _ => line.text.clone(),
    }
}
