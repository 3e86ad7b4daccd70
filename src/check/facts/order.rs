//! The order of a partition: its final log where there is one, else what deliveries and acknowledgements give away.

use super::ClientOutcome;
use super::Facts;
use super::flag;
use crate::check::event::Event;
use crate::check::event::Keyed;
use crate::check::event::Outcome;
use crate::check::history::Entry;
use crate::check::history::FinalLogRow;
use crate::check::history::History;
use crate::check::history::Status;
use crate::check::names::Id;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What readers see of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Every reader sees it.
    Visible,
    /// It belongs to an aborted transaction.
    Aborted,
    /// It belongs to an open transaction, or to one of which nothing is known.
    Open,
    /// It is a marker; nobody sees it.
    Marker,
}

/// A partition's entries by offset.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// The final log, if it is known.
    pub(crate) log: Option<&'a FinalLogRow>,
    /// By offset; below the high watermark, if that is known.
    pub(crate) entries: Cow<'a, [Entry]>,
    /// By place in `entries`; empty when all are visible.
    states: Vec<State>,
    /// Whether a cleaner may have taken an entry before a reader came, by place; empty unless compacted.
    cleanable: Vec<bool>,
    /// Nothing below it can be asked for.
    pub(crate) log_start: i64,
    /// Where readers of committed data stop.
    pub(crate) last_stable: i64,
    /// The highest offset that was delivered; -1 for none.
    pub(crate) max_delivered: i64,
    /// Whether entries may go missing by compaction.
    pub(crate) compacted: bool,
}

impl Order<'_> {
    /// All that is known: the whole log, also what is not committed.
    pub(crate) fn all(&self) -> &[Entry] {
        match self.log {
            Some(log) => &log.entries,
            None => &self.entries,
        }
    }

    pub(crate) fn state(&self, place: usize) -> State {
        self.states.get(place).copied().unwrap_or(State::Visible)
    }

    /// Whether a reader sees the entry at this place.
    pub(crate) fn is_visible(&self, place: usize, committed: bool) -> bool {
        match self.state(place) {
            State::Visible => !committed || self.entries[place].offset < self.last_stable,
            State::Aborted | State::Open => !committed,
            State::Marker => false,
        }
    }

    /// The place of the first entry at or after `offset`.
    #[inline]
    pub(crate) fn place(&self, offset: i64) -> usize {
        // Logs have few gaps: the entry is where it would be without any, or not far before.
        let Some(first) = self.entries.first() else { return 0 };
        if offset <= first.offset {
            return 0;
        }
        let guess = usize::try_from(offset - first.offset).unwrap_or(usize::MAX);
        if self.entries.get(guess).is_some_and(|entry| entry.offset == offset)
            && self.entries[guess - 1].offset < offset
        {
            return guess;
        }
        self.entries.partition_point(|entry| entry.offset < offset)
    }

    /// Whether a cleaner may have taken the entry at this place before somebody came to read it. Every replica has a
    /// cleaner of its own: what is gone at one leader may be there again at the next.
    pub(crate) fn is_cleanable(&self, place: usize) -> bool {
        self.cleanable.get(place).copied().unwrap_or(false)
    }

    /// Whether a reader that comes by must be given the entry at this place.
    fn is_owed(&self, place: usize, committed: bool) -> bool {
        self.is_visible(place, committed) && !self.is_cleanable(place)
    }

    /// The first entry in `from..to` that a reader must be given.
    pub(crate) fn first_owed(&self, from: i64, to: i64, committed: bool) -> Option<Entry> {
        let start = self.place(from);
        let mut entries = self.entries[start..].iter().take_while(|entry| entry.offset < to).zip(start..);
        entries.find(|(_, place)| self.is_owed(*place, committed)).map(|(entry, _)| *entry)
    }

    /// The entries that a reader of committed data must be given.
    pub(crate) fn owed(&self) -> impl Iterator<Item = Entry> + '_ {
        self.visible().filter(|(place, _)| !self.is_cleanable(*place)).map(|(_, entry)| entry)
    }

    /// The places of all entries that a reader of committed data sees.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (usize, Entry)> + '_ {
        self.entries.iter().copied().enumerate().filter(|(place, _)| self.is_visible(*place, true))
    }
}

pub(super) fn of<'a>(facts: &mut Facts<'a>) -> Vec<Order<'a>> {
    let history = facts.history;
    let count = history.partitions.len();
    let mut max_delivered = vec![-1; count];
    for chunk in &history.chunks {
        let max = &mut max_delivered[chunk.partition as usize];
        *max = facts.delivered(chunk).iter().map(|entry| entry.offset).fold(*max, i64::max);
    }
    let mut log_starts = vec![0; count];
    for (_, event) in &history.others {
        if let Event::LogStart(line) = event {
            if let Some(partition) = history.partitions.find(&line.partition) {
                let start = &mut log_starts[partition as usize];
                *start = line.offset.max(*start);
            }
        }
    }
    let mut logs: Vec<Option<&FinalLogRow>> = vec![None; count];
    for log in history.logs.iter().filter(|log| log.broker.is_none()) {
        logs[log.partition as usize] = Some(log);
    }
    let unlogged = gather(facts, &logs);
    let mut orders = Vec::with_capacity(count);
    for (partition, (log, entries)) in (0..).zip(logs.into_iter().zip(unlogged)) {
        let place = orders.len();
        let compacted = history.setup.topic(history.partition_name(partition)).compacted;
        let (max_delivered, log_start) = (max_delivered[place], log_starts[place]);
        let mut order = match log {
            Some(log) => of_log(facts, log),
            None => of_observations(entries),
        };
        order.log_start = order.log_start.max(log_start);
        order.max_delivered = max_delivered;
        order.compacted = compacted;
        orders.push(order);
    }
    if orders.iter().any(|order| order.compacted) {
        let tombstones: Vec<(u32, &Keyed)> = tombstones_removed(history).collect();
        for (partition, order) in (0..).zip(&mut orders).filter(|(_, order)| order.compacted) {
            let own = tombstones.iter().filter(|(of, _)| *of == partition).map(|(_, entry)| *entry);
            order.cleanable = cleanable(history, order, own);
        }
    }
    orders
}

/// The tombstones that cleaners have removed; whether it was time is for the rules of compaction to say.
pub(crate) fn tombstones_removed(history: &History) -> impl Iterator<Item = (u32, &Keyed)> {
    let passes = history.others.iter().filter_map(|(_, event)| match event {
        Event::Compacted(line) => Some((history.partitions.find(&line.partition)?, line)),
        _ => None,
    });
    passes.flat_map(|(partition, line)| {
        let kept: BTreeSet<i64> = line.after.iter().map(|entry| entry.offset).collect();
        let gone = line.before.iter().filter(move |entry| entry.tombstone && !kept.contains(&entry.offset));
        gone.map(move |entry| (partition, entry))
    })
}

/// What is aborted, what another record of its key comes behind, and what cannot be told to have a key.
fn cleanable<'a>(history: &History, order: &Order<'_>, tombstones: impl Iterator<Item = &'a Keyed>) -> Vec<bool> {
    let mut last: BTreeMap<u32, i64> = BTreeMap::new();
    let mut removed: BTreeSet<i64> = BTreeSet::new();
    for entry in tombstones {
        removed.insert(entry.offset);
        if let Some(key) = history.keys.find(&entry.key) {
            last.entry(key).and_modify(|last| *last = entry.offset.max(*last)).or_insert(entry.offset);
        }
    }
    let mut cleanable = vec![false; order.entries.len()];
    for (place, entry) in order.entries.iter().enumerate().rev() {
        let state = order.state(place);
        let key = history.find_send(entry.id).and_then(|send| history.send_key(send));
        let is_followed = key.is_none_or(|key| last.get(&key).is_some_and(|last| *last > entry.offset));
        cleanable[place] = state == State::Aborted || is_followed || removed.contains(&entry.offset);
        if let Some(key) = key.filter(|_| !matches!(state, State::Aborted | State::Marker)) {
            last.entry(key).and_modify(|last| *last = entry.offset.max(*last)).or_insert(entry.offset);
        }
    }
    cleanable
}

/// The entries that are known of partitions without a log, with what is known about them.
fn gather(facts: &Facts<'_>, logs: &[Option<&FinalLogRow>]) -> Vec<BTreeMap<Entry, State>> {
    let history = facts.history;
    let mut known: Vec<BTreeMap<Entry, State>> = vec![BTreeMap::new(); logs.len()];
    let mut note = |partition: u32, entry: Entry, state: State| {
        let row = known[partition as usize].entry(entry).or_insert(state);
        // A reader of committed data knows best.
        *row = state.min(*row);
    };
    let by_client = |send: Option<u32>| {
        let Some(txn) = send.and_then(|send| history.send_txn(send)) else { return State::Visible };
        let txn = &facts.txns[txn as usize];
        match txn.client_outcome() {
            _ if txn.must() => State::Visible,
            ClientOutcome::Aborted => State::Aborted,
            _ => State::Open,
        }
    };
    for chunk in &history.chunks {
        if logs[chunk.partition as usize].is_some() {
            continue;
        }
        let committed = facts.reads_committed(facts.poll_of(chunk));
        for entry in facts.delivered(chunk) {
            let state = if committed { State::Visible } else { by_client(history.find_send(entry.id)) };
            note(chunk.partition, *entry, state);
        }
    }
    if logs.iter().all(Option::is_some) {
        return known;
    }
    for (send, row) in (0..).zip(&history.sends) {
        let may_be = matches!(history.statuses[send as usize], Status::Ok | Status::Info);
        if may_be || facts.resends.contains_key(&send) {
            for (partition, offset) in facts.acked(send) {
                if logs[partition as usize].is_none() {
                    note(partition, Entry { offset, id: row.id }, by_client(Some(send)));
                }
            }
        }
    }
    known
}

fn of_observations<'a>(known: BTreeMap<Entry, State>) -> Order<'a> {
    let (entries, states): (Vec<Entry>, Vec<State>) = known.into_iter().unzip();
    Order {
        log: None,
        entries: Cow::Owned(entries),
        states,
        log_start: 0,
        last_stable: i64::MAX,
        max_delivered: -1,
        compacted: false,
        cleanable: Vec::new(),
    }
}

fn of_log<'a>(facts: &mut Facts<'a>, log: &'a FinalLogRow) -> Order<'a> {
    let plain = log.batches.iter().all(|batch| !batch.transactional && batch.marker.is_none());
    let mut states = Vec::new();
    let mut last_stable = log.high_watermark;
    if !plain {
        states = vec![State::Visible; log.entries.len()];
        // From the end: the next marker of its producer decides what becomes of a record.
        let mut next: BTreeMap<i64, State> = BTreeMap::new();
        let batches: Vec<_> = log.batches().collect();
        for (batch, places) in batches.into_iter().rev() {
            let state = match batch.marker {
                Some(marker) => {
                    let outcome = match marker {
                        Outcome::Commit => State::Visible,
                        Outcome::Abort => State::Aborted,
                    };
                    next.insert(batch.pid, outcome);
                    State::Marker
                }
                None if batch.transactional => next.get(&batch.pid).copied().unwrap_or(State::Open),
                None => State::Visible,
            };
            if state == State::Open {
                last_stable = last_stable.min(log.entries[places.start].offset);
            }
            states[places].fill(state);
        }
    }
    let visible_end = last_stable;
    for (place, entry) in log.entries.iter().enumerate() {
        if entry.id == Id::FOREIGN {
            continue;
        }
        let Some(send) = facts.history.find_send(entry.id) else { continue };
        let flags = &mut facts.flags[send as usize];
        *flags |= if *flags & flag::IN_LOG == 0 { flag::IN_LOG } else { flag::TWICE };
        let state = states.get(place).copied().unwrap_or(State::Visible);
        if state == State::Visible && entry.offset < visible_end {
            *flags |= flag::VISIBLE;
        }
    }
    let sorted = log.entries.windows(2).all(|pair| pair[0].offset < pair[1].offset);
    let mut entries = Cow::Borrowed(log.entries.as_slice());
    if !sorted {
        let mut places: Vec<usize> = (0..log.entries.len()).collect();
        places.sort_by_key(|place| log.entries[*place].offset);
        if !states.is_empty() {
            states = places.iter().map(|place| states[*place]).collect();
        }
        entries = Cow::Owned(places.into_iter().map(|place| log.entries[place]).collect());
    }
    let below = entries.partition_point(|entry| entry.offset < log.high_watermark);
    entries = match entries {
        Cow::Borrowed(all) => Cow::Borrowed(&all[..below]),
        Cow::Owned(mut all) => {
            all.truncate(below);
            Cow::Owned(all)
        }
    };
    states.truncate(below);
    Order {
        log: Some(log),
        entries,
        states,
        log_start: log.log_start,
        last_stable,
        max_delivered: -1,
        compacted: false,
        cleanable: Vec::new(),
    }
}
