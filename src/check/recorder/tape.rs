//! What a recorder writes on: tables that are ready to be checked, lines for a file, or a list beside a cluster's journal.
//!
//! Not here: who writes, and when.

use crate::base::Instant;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::Done;
use crate::check::event::End;
use crate::check::event::Event;
use crate::check::event::Poll;
use crate::check::event::Send;
use crate::check::history::Actor;
use crate::check::history::History;
use crate::check::history::HistoryBuilder;
use crate::check::history::HistoryError;
use crate::check::history::LineWriter;
use crate::check::history::Mistake;
use crate::check::history::Pending;
use crate::check::names::RecordName;
use crate::check::setup::Setup;
use std::io;

/// What a recorder writes on.
pub(super) enum Tape {
    Tables(Box<HistoryBuilder>),
    Lines(Box<LineWriter>),
    List(List),
}

/// Events, each with a number that says where it stands among those of a cluster.
pub(super) struct List {
    setup: Setup,
    stamp: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
    events: Vec<(u64, Event)>,
}

/// What a list holds: the setup, and the events in order, each with its stamp.
pub(crate) type Taped = (Setup, Vec<(u64, Event)>);

/// An operation that has begun on a tape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Open {
    Tables(Pending),
    Lines(u64),
    List(usize),
}

impl Tape {
    pub(super) fn tables(setup: Setup) -> (Self, Option<HistoryError>) {
        let mut builder = History::builder();
        let failed = builder.push(Event::Setup(Box::new(setup))).err();
        (Self::Tables(Box::new(builder)), failed)
    }

    pub(super) fn lines(setup: Setup, target: impl io::Write + std::marker::Send + 'static) -> Self {
        Self::Lines(Box::new(LineWriter::new(setup, Box::new(target))))
    }

    pub(super) fn list(setup: Setup, stamp: Box<dyn Fn() -> u64 + std::marker::Send + Sync>) -> Self {
        Self::List(List { setup, stamp, events: Vec::new() })
    }

    /// The numbers of somebody who sends under his own name, where there are any.
    pub(super) fn actor(&mut self, name: &str) -> Result<Option<Actor>, Mistake> {
        match self {
            Self::Tables(builder) => builder.actor(name).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes an event that is whole.
    pub(super) fn note(&mut self, event: Event) -> Result<(), Mistake> {
        match self {
            Self::Tables(builder) => builder.push(event).map_err(|error| error.mistake),
            Self::Lines(lines) => lines.write(&event),
            Self::List(list) => {
                list.note(event);
                Ok(())
            }
        }
    }

    /// Writes that an operation begins.
    pub(super) fn begin(&mut self, event: Event) -> Result<Open, Mistake> {
        match self {
            Self::Tables(builder) => builder.begin_event(event).map(Open::Tables),
            Self::Lines(lines) => lines.begin(event).map(Open::Lines),
            Self::List(list) => Ok(Open::List(list.note(event))),
        }
    }

    /// Writes that a send begins of which there is no more to say.
    pub(super) fn begin_send(
        &mut self,
        t: Instant,
        (name, actor): (&str, Option<Actor>),
        seq: u64,
        to: &str,
    ) -> Result<Open, Mistake> {
        match (self, actor) {
            (Self::Tables(builder), Some(actor)) => builder.begin_send(t, actor, seq, to).map(Open::Tables),
            (tape, _) => tape.begin(Event::Send(Send::new(t, RecordName::new(name, seq), to))),
        }
    }

    /// Writes how an operation has ended; the tape knows its number.
    pub(super) fn finish(&mut self, open: &Open, mut done: Done) -> Result<(), Mistake> {
        match (self, open) {
            (Self::Tables(builder), Open::Tables(pending)) => builder.finish(pending, done),
            (Self::Lines(lines), Open::Lines(op)) => {
                done.op = *op;
                lines.write(&Event::Done(done))
            }
            (Self::List(list), Open::List(place)) => {
                list.finish(*place, done);
                Ok(())
            }
            _ => Err(Mistake::ForeignEnd("operation")),
        }
    }

    /// Writes that a poll has ended with these records, `(partition, offset, id)`.
    pub(super) fn finish_poll<'a>(
        &mut self,
        open: &Open,
        t: Instant,
        records: impl IntoIterator<Item = (&'a str, i64, Option<RecordName>)>,
    ) -> Result<(), Mistake> {
        if let (Self::Tables(builder), Open::Tables(pending)) = (&mut *self, open) {
            return builder.finish_poll(pending, t, records);
        }
        let mut end = End { t, result: Answer::Ok, ..End::default() };
        for (partition, offset, id) in records {
            let delivered = Delivered::Record(offset, id);
            match end.records.get_mut(partition) {
                Some(chunk) => chunk.push(delivered),
                None => drop(end.records.insert(partition.to_owned(), vec![delivered])),
            }
        }
        self.finish(open, Done::of(end))
    }

    /// Writes that one record was handed out.
    pub(super) fn delivered(
        &mut self,
        t: Instant,
        process: &str,
        group: Option<&str>,
        partition: &str,
        record: Delivered,
    ) -> Result<(), Mistake> {
        if let Self::Tables(builder) = self {
            return builder.take_delivery(t, process, group, partition, &record);
        }
        let records = [(partition.to_owned(), vec![record])].into();
        let end = Some(End { t, result: Answer::Ok, records, ..End::default() });
        let (process, group) = (process.to_owned(), group.map(str::to_owned));
        self.note(Event::Poll(Poll { t, op: None, process, group, txn: None, isolation: None, end }))
    }

    /// Says which event a mistake was made in: the last one.
    pub(super) fn blame(&self, mistake: Mistake) -> HistoryError {
        match self {
            Self::Tables(builder) => builder.blame(mistake),
            Self::Lines(lines) => HistoryError { line: lines.count(), mistake },
            Self::List(list) => HistoryError { line: list.events.len() as u64, mistake },
        }
    }

    /// How many events there are so far.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Tables(builder) => builder.so_far().len() as u64,
            Self::Lines(lines) => lines.count(),
            Self::List(list) => list.events.len() as u64,
        }
    }

    pub(super) fn history(&self) -> Result<History, HistoryError> {
        match self {
            Self::Tables(builder) => Ok(builder.so_far().clone()),
            Self::Lines(lines) => Err(HistoryError { line: lines.count(), mistake: Mistake::Written }),
            Self::List(list) => {
                let setup = Event::Setup(Box::new(list.setup.clone()));
                History::from_events([setup].into_iter().chain(list.events.iter().map(|(_, event)| event.clone())))
            }
        }
    }

    /// What a list holds; of other tapes, all comes with the same stamp.
    pub(super) fn taped(&self) -> Result<Taped, HistoryError> {
        match self {
            Self::List(list) => Ok((list.setup.clone(), list.events.clone())),
            other => {
                let history = other.history()?;
                let events = history.events().filter(|event| !matches!(event, Event::Setup(_)));
                Ok((history.setup().clone(), events.map(|event| (0, event)).collect()))
            }
        }
    }

    /// The events of a list so far.
    #[cfg(feature = "sim")]
    pub(super) fn listed(&self) -> &[(u64, Event)] {
        match self {
            Self::List(list) => &list.events,
            _ => &[],
        }
    }

    /// Takes all events out of a list.
    #[cfg(feature = "sim")]
    pub(super) fn take(&mut self) -> Vec<(u64, Event)> {
        match self {
            Self::List(list) => std::mem::take(&mut list.events),
            _ => Vec::new(),
        }
    }

    /// Says that nothing follows.
    pub(super) fn close(&mut self) -> Result<(), Mistake> {
        match self {
            Self::Lines(lines) => lines.finish(),
            _ => Ok(()),
        }
    }
}

impl List {
    /// Notes an event, and gives its place.
    fn note(&mut self, event: Event) -> usize {
        self.events.push(((self.stamp)(), event));
        self.events.len() - 1
    }

    fn finish(&mut self, place: usize, done: Done) {
        let Done { process, acks0, end, .. } = done;
        match self.events.get_mut(place) {
            Some((_, Event::Send(line))) => {
                line.acks0 |= acks0;
                line.process = process.or_else(|| line.process.take());
                line.end = Some(end);
            }
            Some((
                _,
                Event::Poll(Poll { process: of, end: to, .. })
                | Event::Commit(crate::check::event::Commit { process: of, end: to, .. })
                | Event::FetchOffsets(crate::check::event::FetchOffsets { process: of, end: to, .. })
                | Event::EndTxn(crate::check::event::EndTxn { process: of, end: to, .. }),
            )) => {
                if let Some(process) = process {
                    *of = process;
                }
                *to = Some(end);
            }
            _ => {}
        }
    }
}
