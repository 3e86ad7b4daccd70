//! Log strips: one table per partition, with a column per offset and a row per replica and reader.
//!
//! Around the places that the witness is about; what lies in between is folded.

use super::describe::numbered;
use super::story::Scope;
use crate::check::History;
use crate::check::RecordName;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::Log;
use crate::check::event::Outcome;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How far around a place is shown, and how much of a partition at most.
const AROUND: i64 = 4;
const COLUMNS_MAX: usize = 48;
const READERS_MAX: usize = 6;

/// One partition.
#[derive(Debug)]
pub(super) struct Strip {
    pub(super) partition: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// Below it, everything is replicated, if that is known.
    pub(super) high_watermark: Option<i64>,
    pub(super) last_stable: Option<i64>,
    /// Producers by the letter that stands for them; empty when there is only one.
    pub(super) letters: Vec<(char, String)>,
    /// The only producer.
    pub(super) producer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Offset(i64),
    /// So many offsets are left out.
    Folded(i64),
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    /// `acked`, `log`, `replica` or `reader`.
    pub(super) kind: &'static str,
    /// By column; empty for folded ones.
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) title: String,
    pub(super) epoch: Option<i32>,
    /// What is the matter with it, by the styles' names.
    pub(super) classes: Vec<&'static str>,
}

/// What lies at an offset of one log.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Record(Option<RecordName>),
    Marker(Outcome),
}

#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<i64, (Entry, i32, Option<i64>)>,
    aborted: BTreeSet<i64>,
    high_watermark: i64,
    log_start: i64,
}

/// What a reader was given, by offset.
type Read = BTreeMap<i64, Vec<Option<RecordName>>>;

/// All that is known of one partition.
#[derive(Debug, Default)]
struct Known {
    acked: BTreeMap<i64, Vec<RecordName>>,
    logs: BTreeMap<Option<i32>, Contents>,
    readers: BTreeMap<String, Read>,
    last_stable: Option<i64>,
}

impl Strip {
    /// The strips of the partitions that a story is about.
    pub(super) fn all(history: &History, scope: &Scope) -> Vec<Self> {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for (_, event) in numbered(history) {
            note(&mut known, scope, event);
        }
        let strips = known.into_iter().map(|(partition, known)| known.strip(partition, scope));
        strips.filter(|strip| !strip.columns.is_empty()).collect()
    }
}

/// What is known of a partition, if the story is about it.
fn wanted<'a>(known: &'a mut BTreeMap<String, Known>, scope: &Scope, partition: &str) -> Option<&'a mut Known> {
    scope.partitions.contains(partition).then(|| known.entry(partition.to_owned()).or_default())
}

fn note(known: &mut BTreeMap<String, Known>, scope: &Scope, event: Event) {
    match event {
        Event::Send(send) => {
            let end = send.end.filter(|end| end.result == Answer::Ok);
            if let (Some(offset), Some(known)) = (end.and_then(|end| end.offset), wanted(known, scope, &send.to)) {
                known.acked.entry(offset).or_default().push(send.id);
            }
        }
        Event::Poll(poll) => {
            for (partition, records) in poll.end.into_iter().flat_map(|end| end.records) {
                let Some(known) = wanted(known, scope, &partition) else { continue };
                let reader = known.readers.entry(poll.process.clone()).or_default();
                for record in records {
                    reader.entry(record.offset()).or_default().push(record.id().cloned());
                }
            }
        }
        Event::FinalLog(log) => {
            if let Some(known) = wanted(known, scope, &log.partition) {
                let contents = known.logs.entry(log.broker).or_default();
                contents.high_watermark = log.high_watermark;
                contents.log_start = log.log_start;
            }
        }
        Event::Log(log) => {
            if let Some(known) = wanted(known, scope, &log.partition) {
                known.logs.entry(log.broker).or_default().add(log);
            }
        }
        Event::Lso(lso) => {
            if let Some(known) = wanted(known, scope, &lso.partition) {
                known.last_stable = Some(lso.offset);
            }
        }
        _ => {}
    }
}

impl Contents {
    fn add(&mut self, log: Log) {
        let pid = log.pid.filter(|_| log.transactional || log.marker.is_some());
        if let Some(marker) = log.marker {
            if marker == Outcome::Abort {
                // Everything of this producer since its last marker was in the transaction.
                for (offset, (entry, _, of)) in self.entries.iter().rev() {
                    if *of == pid {
                        if matches!(entry, Entry::Marker(_)) {
                            break;
                        }
                        self.aborted.insert(*offset);
                    }
                }
            }
            self.entries.insert(log.offset, (Entry::Marker(marker), log.epoch, pid));
            return;
        }
        for (at, id) in log.ids.into_iter().enumerate() {
            let dense = log.offset.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
            let offset = log.offsets.get(at).copied().unwrap_or(dense);
            self.entries.insert(offset, (Entry::Record(id), log.epoch, pid));
        }
    }

    fn end(&self) -> i64 {
        self.entries.last_key_value().map_or(self.log_start, |(offset, _)| offset + 1)
    }
}

impl Known {
    fn strip(self, partition: String, scope: &Scope) -> Strip {
        let columns = self.columns(&partition, scope);
        let shown: BTreeSet<i64> = columns.iter().filter_map(|column| column.offset()).collect();
        let names = Names::of(&self, &shown);
        let mut rows = Vec::new();
        let at = |cell: &dyn Fn(i64) -> Cell| -> Vec<Cell> {
            columns.iter().map(|column| column.offset().map(cell).unwrap_or_default()).collect()
        };
        let is_subject = |offset: i64, id: Option<&RecordName>| {
            scope.places.contains(&(partition.clone(), offset)) && (scope.ids.is_empty() || id.is_none())
                || id.is_some_and(|id| scope.ids.contains(id))
        };
        let main = self.logs.get(&None).or_else(|| self.logs.values().next());
        if shown.iter().any(|offset| self.acked.contains_key(offset)) {
            let cells = at(&|offset| self.acked_cell(offset, main, &names, &is_subject));
            rows.push(Row { name: "acknowledged".to_owned(), kind: "acked", cells });
        }
        for (broker, log) in &self.logs {
            let name = broker.map_or_else(|| "the log".to_owned(), |broker| format!("replica on {broker}"));
            let cells = at(&|offset| self.log_cell(offset, log, main, &names, &is_subject));
            rows.push(Row { name, kind: if broker.is_some() { "replica" } else { "log" }, cells });
        }
        let mut readers: Vec<(&String, &Read)> = self.readers.iter().collect();
        readers.sort_by_key(|(name, _)| (!scope.processes.contains(*name), (*name).clone()));
        for (name, reader) in readers.into_iter().take(READERS_MAX) {
            if shown.iter().any(|offset| reader.contains_key(offset)) {
                let cells = at(&|offset| reader_cell(offset, reader, main, &names, &is_subject));
                rows.push(Row { name: format!("read by {name}"), kind: "reader", cells });
            }
        }
        let high_watermark = main.map(|log| log.high_watermark);
        let last_stable = self.last_stable.filter(|lso| Some(*lso) != high_watermark);
        Strip {
            partition,
            columns,
            rows,
            high_watermark,
            last_stable,
            letters: names.letters(),
            producer: names.only(),
        }
    }

    /// The offsets around the places that matter.
    fn columns(&self, partition: &str, scope: &Scope) -> Vec<Column> {
        let mut centres: BTreeSet<i64> = BTreeSet::new();
        centres.extend(scope.places.iter().filter(|(name, _)| name == partition).map(|(_, offset)| *offset));
        for log in self.logs.values() {
            let ours = log.entries.iter().filter(|(_, (entry, _, _))| match entry {
                Entry::Record(Some(id)) => scope.ids.contains(id),
                _ => false,
            });
            centres.extend(ours.map(|(offset, _)| *offset));
        }
        let ends = self.logs.values().map(Contents::end);
        let acked = self.acked.keys().map(|offset| offset + 1);
        let read = self.readers.values().filter_map(|reader| Some(reader.last_key_value()?.0 + 1));
        let end = ends.chain(acked).chain(read).max().unwrap_or(0);
        if centres.is_empty() {
            centres.extend((end > 0).then_some(end - 1));
        }
        let mut offsets: BTreeSet<i64> = BTreeSet::new();
        for centre in centres {
            if offsets.len() >= COLUMNS_MAX {
                break;
            }
            let to = centre.saturating_add(AROUND).min(end.max(centre + 1) - 1);
            offsets.extend(centre.saturating_sub(AROUND).max(0)..=to);
        }
        let mut columns = Vec::new();
        let mut next = 0;
        for offset in offsets {
            if offset > next {
                columns.push(Column::Folded(offset - next));
            }
            columns.push(Column::Offset(offset));
            next = offset + 1;
        }
        if next < end && next > 0 {
            columns.push(Column::Folded(end - next));
        }
        columns
    }

    fn acked_cell(
        &self,
        offset: i64,
        log: Option<&Contents>,
        names: &Names,
        is_subject: &dyn Fn(i64, Option<&RecordName>) -> bool,
    ) -> Cell {
        let Some(ids) = self.acked.get(&offset) else { return Cell::default() };
        let short: Vec<String> = ids.iter().take(2).map(|id| names.short(Some(id))).collect();
        let mut cell = Cell { text: short.join(" / "), ..Cell::default() };
        let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
        cell.title = format!("acknowledged at offset {offset}: {}", all.join(", "));
        if ids.len() > 1 {
            cell.classes.push("wrong");
        }
        if ids.iter().any(|id| is_subject(offset, Some(id))) {
            cell.classes.push("subject");
        }
        if let Some(log) = log.filter(|log| offset >= log.log_start) {
            let there = log.entries.get(&offset).map(|(entry, _, _)| entry);
            let held = matches!(there, Some(Entry::Record(Some(id))) if ids.contains(id));
            if !held {
                cell.classes.push("wrong");
                cell.title.push_str("; the log does not have it there");
            }
        }
        cell
    }

    fn log_cell(
        &self,
        offset: i64,
        log: &Contents,
        main: Option<&Contents>,
        names: &Names,
        is_subject: &dyn Fn(i64, Option<&RecordName>) -> bool,
    ) -> Cell {
        let Some((entry, epoch, _)) = log.entries.get(&offset) else { return self.gap(offset, log) };
        let mut cell = Cell { epoch: Some(*epoch), ..Cell::default() };
        match entry {
            Entry::Marker(outcome) => {
                let what = if *outcome == Outcome::Commit { "commit" } else { "abort" };
                cell.text = if *outcome == Outcome::Commit { "◆C" } else { "◆A" }.to_owned();
                cell.title = format!("offset {offset}, epoch {epoch}: {what} marker");
                cell.classes.push("marker");
            }
            Entry::Record(id) => {
                cell.text = id.as_ref().map_or_else(|| "·".to_owned(), |id| names.short(Some(id)));
                let name = id.as_ref().map_or_else(|| "a foreign record".to_owned(), ToString::to_string);
                cell.title = format!("offset {offset}, epoch {epoch}: {name}");
                if is_subject(offset, id.as_ref()) {
                    cell.classes.push("subject");
                }
                let same = |other: &Entry| *other == *entry;
                let copies = log.entries.values().filter(|(other, _, _)| id.is_some() && same(other)).count();
                if copies > 1 {
                    cell.classes.push("wrong");
                    cell.title.push_str(&format!("; it is in this log {copies} times"));
                }
            }
        }
        if log.aborted.contains(&offset) {
            cell.classes.push("aborted");
            cell.title.push_str("; aborted");
        }
        let differs = main.is_some_and(|main| main.entries.get(&offset).is_none_or(|(other, _, _)| other != entry));
        if differs {
            cell.classes.push("wrong");
            cell.title.push_str("; the leader's log differs");
        }
        cell
    }

    /// A place where a log has nothing.
    fn gap(&self, offset: i64, log: &Contents) -> Cell {
        let title = |why: &str| format!("offset {offset}: {why}");
        if offset < log.log_start {
            return Cell { title: title("before the log's start"), classes: vec!["gone"], ..Cell::default() };
        }
        let acked = self.acked.get(&offset).and_then(|ids| ids.first());
        match acked {
            Some(id) if offset >= log.end() => Cell {
                text: "gone".to_owned(),
                title: title(&format!("{id} was acknowledged here; the log ends at {}", log.end())),
                classes: vec!["missing", "wrong"],
                ..Cell::default()
            },
            _ if offset >= log.end() => Cell { classes: vec!["beyond"], ..Cell::default() },
            _ => Cell { text: "–".to_owned(), title: title("nothing"), classes: vec!["gone"], ..Cell::default() },
        }
    }
}

fn reader_cell(
    offset: i64,
    reader: &Read,
    main: Option<&Contents>,
    names: &Names,
    is_subject: &dyn Fn(i64, Option<&RecordName>) -> bool,
) -> Cell {
    let Some(got) = reader.get(&offset) else { return Cell::default() };
    let first = got.first().and_then(Option::as_ref);
    let mut cell = Cell { text: first.map_or_else(|| "·".to_owned(), |id| names.short(Some(id))), ..Cell::default() };
    let name = first.map_or_else(|| "a foreign record".to_owned(), ToString::to_string);
    cell.title = format!("delivered from offset {offset}: {name}");
    if got.len() > 1 {
        cell.text.push_str(&format!(" ×{}", got.len()));
        cell.title.push_str(&format!(", {} times", got.len()));
        cell.classes.push("wrong");
    }
    if is_subject(offset, first) {
        cell.classes.push("subject");
    }
    if let Some(log) = main {
        let there = log.entries.get(&offset).map(|(entry, _, _)| entry);
        if log.aborted.contains(&offset) {
            cell.classes.extend(["aborted", "wrong"]);
            cell.title.push_str("; it was aborted");
        } else if offset >= log.log_start && !matches!(there, Some(Entry::Record(id)) if id.as_ref() == first) {
            cell.classes.push("wrong");
            cell.title.push_str("; the log does not have it there");
        }
    }
    cell
}

impl Column {
    pub(super) fn offset(&self) -> Option<i64> {
        match self {
            Self::Offset(offset) => Some(*offset),
            Self::Folded(_) => None,
        }
    }
}

/// Producers by a letter each, where there are several.
#[derive(Debug, Default)]
struct Names(Vec<String>);

impl Names {
    fn of(known: &Known, shown: &BTreeSet<i64>) -> Self {
        let acked = known.acked.iter().filter(|(offset, _)| shown.contains(offset)).flat_map(|(_, ids)| ids);
        let logs = known.logs.values().flat_map(|log| &log.entries);
        let logged = logs.filter(|(offset, _)| shown.contains(offset)).filter_map(|(_, (entry, _, _))| match entry {
            Entry::Record(id) => id.as_ref(),
            Entry::Marker(_) => None,
        });
        let read = known.readers.values().flatten().filter(|(offset, _)| shown.contains(offset));
        let read = read.flat_map(|(_, ids)| ids.iter().flatten());
        let all: BTreeSet<&String> = acked.chain(logged).chain(read).map(|id| &id.producer).collect();
        Self(all.into_iter().cloned().collect())
    }

    fn letter(place: usize) -> char {
        "abcdefghijklmnopqrstuvwxyz".chars().nth(place).unwrap_or('?')
    }

    fn short(&self, id: Option<&RecordName>) -> String {
        let Some(id) = id else { return "·".to_owned() };
        match self.0.iter().position(|producer| *producer == id.producer) {
            Some(place) if self.0.len() > 1 => format!("{}{}", Self::letter(place), id.seq),
            _ => format!("#{}", id.seq),
        }
    }

    fn letters(&self) -> Vec<(char, String)> {
        let all = self.0.iter().enumerate().map(|(place, producer)| (Self::letter(place), producer.clone()));
        if self.0.len() > 1 { all.collect() } else { Vec::new() }
    }

    fn only(&self) -> Option<String> {
        self.0.first().filter(|_| self.0.len() == 1).cloned()
    }
}
