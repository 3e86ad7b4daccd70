//! One event in one sentence: when, on which lane, with which sign.

use super::time::nanos;
use crate::check::History;
use crate::check::RecordName;
use crate::check::event::Answer;
use crate::check::event::Effect;
use crate::check::event::End;
use crate::check::event::Event;
use crate::check::event::FaultKind;
use crate::check::event::GroupStatus;
use crate::check::event::Outcome;
use crate::check::event::Poll;
use crate::check::event::TxnStatus;
use std::collections::BTreeMap;
use std::fmt;

/// Where an event is drawn; in the order from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Faults,
    Controller,
    Broker(i32),
    Coordinator(String),
    Client(String),
    App(String),
    Logs,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults => f.write_str("faults"),
            Self::Controller => f.write_str("controller"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Coordinator(name) | Self::Client(name) | Self::App(name) => f.write_str(name),
            Self::Logs => f.write_str("final logs"),
        }
    }
}

impl Lane {
    /// Where it stands in a picture: a process before its later lives (`app-1/c0` before `app-1.1/c0`).
    pub(super) fn place(&self) -> (u8, i32, String) {
        match self {
            Self::Faults => (0, 0, String::new()),
            Self::Controller => (1, 0, String::new()),
            Self::Broker(id) => (2, *id, String::new()),
            Self::Coordinator(scope) => (3, 0, scope.clone()),
            Self::Client(name) => (4, 0, name.replace('/', "\u{1}")),
            Self::App(name) => (5, 0, name.replace('/', "\u{1}")),
            Self::Logs => (6, 0, String::new()),
        }
    }

    /// What stands below its name.
    pub(super) fn role(&self) -> &'static str {
        match self {
            Self::Faults => "what was broken",
            Self::Controller => "elections, ISR",
            Self::Broker(_) => "broker",
            Self::Coordinator(_) => "coordinator",
            Self::Client(_) => "client",
            Self::App(_) => "application",
            Self::Logs => "at the end",
        }
    }
}

/// What kind of thing happened: its sign in the picture, and what one can filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Send,
    Poll,
    Commit,
    Ask,
    EndTxn,
    Assigned,
    Released,
    Seek,
    Processed,
    Crash,
    Fault,
    Heal,
    Leader,
    Isr,
    Append,
    Replicate,
    Hw,
    Marker,
    Acked,
    Served,
    Truncated,
    Fenced,
    Accepted,
    State,
    Removed,
    Log,
}

impl Sign {
    pub(super) const ALL: [Self; 26] = [
        Self::Send,
        Self::Poll,
        Self::Commit,
        Self::Ask,
        Self::EndTxn,
        Self::Assigned,
        Self::Released,
        Self::Seek,
        Self::Processed,
        Self::Crash,
        Self::Fault,
        Self::Heal,
        Self::Leader,
        Self::Isr,
        Self::Append,
        Self::Replicate,
        Self::Hw,
        Self::Marker,
        Self::Acked,
        Self::Served,
        Self::Truncated,
        Self::Fenced,
        Self::Accepted,
        Self::State,
        Self::Removed,
        Self::Log,
    ];

    /// The name in the legend and in the filter; also the symbol's, with dashes for blanks.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Poll => "poll",
            Self::Commit => "commit",
            Self::Ask => "offsets asked",
            Self::EndTxn => "end of transaction",
            Self::Assigned => "assigned",
            Self::Released => "released",
            Self::Seek => "position moved",
            Self::Processed => "processed",
            Self::Crash => "crash",
            Self::Fault => "fault",
            Self::Heal => "healed",
            Self::Leader => "election",
            Self::Isr => "ISR",
            Self::Append => "append",
            Self::Replicate => "log end moved",
            Self::Hw => "watermark",
            Self::Marker => "marker",
            Self::Acked => "acknowledged",
            Self::Served => "fetch served",
            Self::Truncated => "truncated",
            Self::Fenced => "epoch raised",
            Self::Accepted => "accepted",
            Self::State => "state",
            Self::Removed => "removed",
            Self::Log => "final log",
        }
    }

    /// Whether it takes time: drawn as a bar.
    pub(super) fn is_operation(self) -> bool {
        matches!(self, Self::Send | Self::Poll | Self::Commit | Self::Ask | Self::EndTxn)
    }
}

/// An event, ready to be drawn or printed.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    /// In nanoseconds; none for what is known only at the end.
    pub(super) t: Option<u64>,
    pub(super) end: Option<u64>,
    pub(super) lane: Lane,
    pub(super) sign: Sign,
    /// How an operation ended; none for what is no operation, and for what never ended.
    pub(super) answer: Option<Answer>,
    /// A few characters for the picture.
    pub(super) label: String,
    /// A sentence.
    pub(super) text: String,
    /// The partitions it is about.
    pub(super) partitions: Vec<String>,
}

/// Who leads which partition from which event on: what a white box says of a partition is drawn on its leader's lane.
#[derive(Debug, Default)]
pub(super) struct Leaders(BTreeMap<String, Vec<(u32, i32)>>);

impl Leaders {
    pub(super) fn of(history: &History) -> Self {
        let mut leaders = Self::default();
        for (number, event) in numbered(history) {
            if let Event::Leader(line) = event {
                let broker = line.broker.unwrap_or(-1);
                leaders.0.entry(line.partition).or_default().push((number, broker));
            }
        }
        leaders
    }

    fn at(&self, partition: &str, number: u32) -> Option<i32> {
        let known = self.0.get(partition)?;
        let after = known.partition_point(|(since, _)| *since <= number);
        // What comes before the first election that was seen was probably led by the same broker.
        let (_, broker) = known.get(after.saturating_sub(1))?;
        Some(*broker).filter(|broker| *broker >= 0)
    }

    fn lane(&self, partition: &str, number: u32) -> Lane {
        self.at(partition, number).map_or(Lane::Controller, Lane::Broker)
    }
}

/// All events with the numbers that reports give them; the setup has none.
pub(super) fn numbered(history: &History) -> impl Iterator<Item = (u32, Event)> + '_ {
    (0..).zip(history.events().filter(|event| !matches!(event, Event::Setup(_))))
}

/// What an operation ended with, in words.
fn ended(end: Option<&End>) -> String {
    match end {
        None => "never answered".to_owned(),
        Some(End { result: Answer::Ok, offset: Some(offset), .. }) => format!("acknowledged at offset {offset}"),
        Some(End { result: Answer::Ok, .. }) => "done".to_owned(),
        Some(End { result: Answer::Fail, error, .. }) => format!("failed: {}", error.as_deref().unwrap_or("refused")),
        Some(End { result: Answer::Info, error, .. }) => {
            format!("outcome unknown: {}", error.as_deref().unwrap_or("no answer"))
        }
    }
}

/// What a poll brought, in words and in a few characters.
fn brought(poll: &Poll) -> (String, String) {
    let Some(end) = &poll.end else { return ("polled and got no answer".to_owned(), "poll".to_owned()) };
    let mut parts = Vec::new();
    let mut first = None;
    let mut count = 0;
    for (partition, records) in &end.records {
        count += records.len();
        let name = |id: Option<&RecordName>| id.map_or_else(|| "a foreign record".to_owned(), ToString::to_string);
        match records.as_slice() {
            [] => {}
            [record] => parts.push(format!("{} at offset {} of {partition}", name(record.id()), record.offset())),
            [one, .., last] => parts.push(format!(
                "{} records at offsets {} to {} of {partition}",
                records.len(),
                one.offset(),
                last.offset()
            )),
        }
        first = first.or_else(|| records.first().map(|record| name(record.id())));
    }
    match first {
        Some(first) if count == 1 => (format!("was given {}", parts.join(", ")), first),
        Some(first) => (format!("was given {}", parts.join(", ")), format!("{first} +{}", count - 1)),
        None if end.result == Answer::Ok => ("polled and got nothing".to_owned(), "nothing".to_owned()),
        None => (format!("polled, {}", ended(Some(end))), "poll".to_owned()),
    }
}

fn offsets(offsets: &BTreeMap<String, i64>) -> String {
    let list: Vec<String> = offsets.iter().map(|(partition, offset)| format!("{partition} at {offset}")).collect();
    list.join(", ")
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn ids(brokers: &[i32]) -> String {
    let list: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    if list.is_empty() { "nobody".to_owned() } else { list.join(", ") }
}

pub(super) fn txn_status(status: TxnStatus) -> &'static str {
    match status {
        TxnStatus::Empty => "Empty",
        TxnStatus::Ongoing => "Ongoing",
        TxnStatus::PrepareCommit => "PrepareCommit",
        TxnStatus::PrepareAbort => "PrepareAbort",
        TxnStatus::CompleteCommit => "CompleteCommit",
        TxnStatus::CompleteAbort => "CompleteAbort",
        TxnStatus::Dead => "Dead",
    }
}

pub(super) fn group_status(status: GroupStatus) -> &'static str {
    match status {
        GroupStatus::Empty => "Empty",
        GroupStatus::Rebalancing => "Rebalancing",
        GroupStatus::Stable => "Stable",
        GroupStatus::Dead => "Dead",
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Commit => "commit",
        Outcome::Abort => "abort",
    }
}

/// Says an event.
pub(super) fn describe(number: u32, event: &Event, leaders: &Leaders) -> Line {
    let mut line = Line {
        number,
        t: event.t().map(nanos),
        end: None,
        lane: Lane::Controller,
        sign: Sign::State,
        answer: None,
        label: String::new(),
        text: String::new(),
        partitions: Vec::new(),
    };
    operation(&mut line, event);
    mark(&mut line, event);
    cluster(&mut line, event, leaders);
    replica(&mut line, event, leaders);
    coordinator(&mut line, event, leaders);
    line
}

impl Line {
    fn is(&mut self, lane: Lane, sign: Sign, label: impl Into<String>, text: impl Into<String>) {
        self.lane = lane;
        self.sign = sign;
        self.label = label.into();
        self.text = text.into();
    }

    fn ends(&mut self, end: Option<&End>) {
        self.end = end.map(|end| nanos(end.t));
        self.answer = end.map(|end| end.result);
    }

    fn about(&mut self, partition: &str) {
        self.partitions.push(partition.to_owned());
    }
}

fn operation(line: &mut Line, event: &Event) {
    match event {
        Event::Send(send) => {
            let lane = Lane::Client(send.process.clone().unwrap_or_else(|| send.id.producer.clone()));
            let (id, to) = (&send.id, &send.to);
            let within = send.txn.as_ref().map(|txn| format!(" in {txn}")).unwrap_or_default();
            let ended = if send.acks0 { "no answer asked for".to_owned() } else { ended(send.end.as_ref()) };
            line.is(lane, Sign::Send, format!("#{}", id.seq), format!("sent {id} to {to}{within}: {ended}"));
            line.ends(send.end.as_ref());
            line.about(to);
        }
        Event::Poll(poll) => {
            let (text, label) = brought(poll);
            let short = label.rsplit_once('#').map_or_else(|| label.clone(), |(_, seq)| format!("#{seq}"));
            line.is(Lane::Client(poll.process.clone()), Sign::Poll, short, text);
            line.ends(poll.end.as_ref());
            line.partitions = poll.end.iter().flat_map(|end| end.records.keys().cloned()).collect();
        }
        Event::Commit(commit) => {
            let within = commit.txn.as_ref().map(|txn| format!(" in {txn}")).unwrap_or_default();
            let what = offsets(&commit.offsets);
            let label = match commit.offsets.values().next() {
                Some(offset) if commit.offsets.len() == 1 => format!("{offset}"),
                _ => format!("{} offsets", commit.offsets.len()),
            };
            let text = format!("committed {what} for {}{within}: {}", commit.group, ended(commit.end.as_ref()));
            line.is(Lane::Client(commit.process.clone()), Sign::Commit, label, text);
            line.ends(commit.end.as_ref());
            line.partitions = commit.offsets.keys().cloned().collect();
        }
        Event::FetchOffsets(asked) => {
            let answer = match &asked.end {
                Some(end) if end.result == Answer::Ok => format!("was told {}", offsets(&end.offsets)),
                end => ended(end.as_ref()),
            };
            let text = format!("asked for the offsets of {}: {answer}", asked.group);
            line.is(Lane::Client(asked.process.clone()), Sign::Ask, "offsets?", text);
            line.ends(asked.end.as_ref());
            line.partitions = asked.end.iter().flat_map(|end| end.offsets.keys().cloned()).collect();
        }
        Event::EndTxn(end) => {
            let what = if end.commit { "commit" } else { "abort" };
            let text = format!("asked to {what} {}: {}", end.txn, ended(end.end.as_ref()));
            line.is(Lane::Client(end.process.clone()), Sign::EndTxn, what, text);
            line.ends(end.end.as_ref());
        }
        Event::Done(done) => {
            let text = format!("operation {} ended: {}", done.op, ended(Some(&done.end)));
            line.is(Lane::Client("?".to_owned()), Sign::State, "", text);
            line.t = Some(nanos(done.end.t));
        }
        _ => {}
    }
}

fn mark(line: &mut Line, event: &Event) {
    match event {
        Event::Assigned(given) => {
            let names: Vec<String> = given.partitions.keys().cloned().collect();
            let generation = given.generation.map(|number| format!(" in generation {number}")).unwrap_or_default();
            let label = if names.len() == 1 { names[0].clone() } else { format!("{} partitions", names.len()) };
            let text = format!("was assigned {}{generation}", list(&names));
            line.is(Lane::Client(given.process.clone()), Sign::Assigned, label, text);
            line.partitions = names;
        }
        Event::Kept(kept) => {
            let text = format!("keeps {} in generation {}", list(&kept.partitions), kept.generation);
            line.is(Lane::Client(kept.process.clone()), Sign::Assigned, "keeps", text);
            line.partitions.clone_from(&kept.partitions);
        }
        Event::Released(given) => {
            let text = format!("no longer owns {}", list(&given.partitions));
            line.is(Lane::Client(given.process.clone()), Sign::Released, "released", text);
            line.partitions.clone_from(&given.partitions);
        }
        Event::Seek(seek) => {
            let text = format!("moved its position in {} to {} on purpose", seek.partition, seek.offset);
            line.is(Lane::Client(seek.process.clone()), Sign::Seek, format!("→ {}", seek.offset), text);
            line.about(&seek.partition);
        }
        Event::Reset(reset) => {
            let to = reset.to.map_or_else(|| "elsewhere".to_owned(), |to| to.to_string());
            let from = reset.position.map(|position| format!(" from {position}")).unwrap_or_default();
            let text = format!("its position in {} was reset{from} to {to}", reset.partition);
            line.is(Lane::Client(reset.process.clone()), Sign::Seek, format!("reset → {to}"), text);
            line.about(&reset.partition);
        }
        Event::Processed(done) => {
            let text = format!("processed {} for {}", done.id, done.group);
            line.is(Lane::App(done.process.clone()), Sign::Processed, format!("#{}", done.id.seq), text);
        }
        Event::Crashed(crash) => {
            line.is(Lane::App(crash.process.clone()), Sign::Crash, "crash", format!("{} crashed", crash.process));
        }
        Event::Fault(fault) => {
            let what = match (fault.kind, &fault.note) {
                (FaultKind::PowerLoss, _) => {
                    format!("broker {} lost power and what it had not flushed", ids(&fault.brokers))
                }
                (FaultKind::Kill, _) => format!("broker {} went down", ids(&fault.brokers)),
                (_, Some(note)) => once(note),
                (FaultKind::UncleanElection, None) => "an election out of the ISR was forced".to_owned(),
                (FaultKind::Other, None) => "something was broken".to_owned(),
            };
            let label = match fault.kind {
                FaultKind::PowerLoss => format!("power loss {}", ids(&fault.brokers)),
                FaultKind::Kill => format!("kill {}", ids(&fault.brokers)),
                FaultKind::UncleanElection => "unclean election".to_owned(),
                FaultKind::Other => shortened(&link(&what).unwrap_or_else(|| what.clone()), 40),
            };
            line.is(Lane::Faults, Sign::Fault, label, what);
        }
        Event::Healed(_) => line.is(Lane::Faults, Sign::Heal, "healed", "everything that was broken works again"),
        Event::Stopping(_) => line.is(Lane::Faults, Sign::Heal, "stopping", "everybody is asked to end"),
        Event::Created(made) => {
            line.is(Lane::Controller, Sign::State, &made.partition, format!("{} came into being", made.partition));
            line.about(&made.partition);
        }
        Event::Deleted(gone) => {
            line.is(Lane::Controller, Sign::Removed, &gone.partition, format!("{} was deleted", gone.partition));
            line.about(&gone.partition);
        }
        Event::CommitRemoved(gone) => {
            let text = format!("the committed offset of {} in {} was removed", gone.partition, gone.group);
            line.is(Lane::Coordinator(format!("group {}", gone.group)), Sign::Removed, "removed", text);
            line.about(&gone.partition);
        }
        _ => {}
    }
}

/// `link from client "app-1" to any broker: cut`, in fewer words: `cut: client "app-1"`.
fn link(note: &str) -> Option<String> {
    let (ends, action) = note.strip_prefix("link from ")?.rsplit_once(": ")?;
    let (from, to) = ends.split_once(" to ")?;
    let one = if from.starts_with("any ") { to } else { from };
    Some(format!("{action}: {one}"))
}

/// A fault without a name is called by what it does, and then says what it does.
fn once(note: &str) -> String {
    match note.rsplit_once(": ") {
        Some((name, action)) if name.ends_with(action) => name.to_owned(),
        _ => note.to_owned(),
    }
}

fn cluster(line: &mut Line, event: &Event, leaders: &Leaders) {
    match event {
        Event::Leader(leader) => {
            let (partition, epoch) = (&leader.partition, leader.epoch);
            let unclean = if leader.unclean { ", although it was out of the ISR" } else { "" };
            let (label, text) = match leader.broker {
                Some(broker) => {
                    (format!("{broker} leads"), format!("broker {broker} leads {partition} in epoch {epoch}{unclean}"))
                }
                None => ("no leader".to_owned(), format!("{partition} has no leader (epoch {epoch})")),
            };
            line.is(Lane::Controller, Sign::Leader, label, text);
            line.about(partition);
        }
        Event::Isr(isr) => {
            let who = ids(&isr.brokers);
            line.is(
                Lane::Controller,
                Sign::Isr,
                format!("ISR {who}"),
                format!("the ISR of {} is {who}", isr.partition),
            );
            line.about(&isr.partition);
        }
        Event::Hw(hw) => {
            let text = format!("the high watermark of {} is {}", hw.partition, hw.offset);
            line.is(leaders.lane(&hw.partition, line.number), Sign::Hw, format!("HW {}", hw.offset), text);
            line.about(&hw.partition);
        }
        Event::Lso(lso) => {
            let text = format!("the last stable offset of {} is {}", lso.partition, lso.offset);
            line.is(leaders.lane(&lso.partition, line.number), Sign::Hw, format!("LSO {}", lso.offset), text);
            line.about(&lso.partition);
        }
        Event::LogStart(start) => {
            let text = format!("the log of {} starts at {}", start.partition, start.offset);
            line.is(leaders.lane(&start.partition, line.number), Sign::Removed, format!("from {}", start.offset), text);
            line.about(&start.partition);
        }
        Event::Acked(acked) => {
            let text = format!("{} was acknowledged by the whole ISR up to offset {}", acked.partition, acked.offset);
            line.is(leaders.lane(&acked.partition, line.number), Sign::Acked, format!("acked {}", acked.offset), text);
            line.about(&acked.partition);
        }
        Event::Listed(listed) => {
            let text = format!("the end of {} was given as {}", listed.partition, listed.offset);
            line.is(leaders.lane(&listed.partition, line.number), Sign::Served, format!("end {}", listed.offset), text);
            line.about(&listed.partition);
        }
        _ => {}
    }
}

fn replica(line: &mut Line, event: &Event, leaders: &Leaders) {
    match event {
        Event::Leo(leo) => {
            let (partition, offset) = (&leo.partition, leo.offset);
            let text = format!("broker {}'s log of {partition} ends at {offset}", leo.broker);
            line.is(Lane::Broker(leo.broker), Sign::Replicate, format!("LEO {offset}"), text);
            line.about(partition);
        }
        Event::Append(append) => {
            let (partition, offset, broker) = (&append.partition, append.offset, append.broker);
            match append.marker {
                Some(marker) => {
                    let of = append.txn.as_deref().unwrap_or("a transaction");
                    let caused = append.cause.as_ref().filter(|cause| Some(*cause) != append.txn.as_ref());
                    let caused = caused.map(|cause| format!(", caused by the end of {cause}")).unwrap_or_default();
                    let text =
                        format!("wrote the {} marker of {of} to {partition} at {offset}{caused}", outcome(marker));
                    line.is(Lane::Broker(broker), Sign::Marker, format!("{} @{offset}", outcome(marker)), text);
                }
                None => {
                    let text = format!("appended to {partition} at offset {offset} in epoch {}", append.epoch);
                    line.is(Lane::Broker(broker), Sign::Append, format!("@{offset}"), text);
                }
            }
            line.about(partition);
        }
        Event::Served(served) => {
            let as_follower = if served.follower { ", as a follower" } else { "" };
            let text = format!(
                "served {} up to offset {} (HW {}, LSO {}){as_follower}",
                served.partition, served.last, served.hw, served.lso
            );
            line.is(Lane::Broker(served.broker), Sign::Served, format!("..{}", served.last), text);
            line.about(&served.partition);
        }
        Event::Truncated(cut) => {
            let text = format!("truncated its log of {} from {} to {}", cut.partition, cut.own_end, cut.to);
            line.is(Lane::Broker(cut.broker), Sign::Truncated, format!("cut to {}", cut.to), text);
            line.about(&cut.partition);
        }
        Event::SegmentDeleted(gone) => {
            let text = format!("a segment of {} was removed", gone.partition);
            line.is(leaders.lane(&gone.partition, line.number), Sign::Removed, "segment", text);
            line.about(&gone.partition);
        }
        Event::Compacted(pass) => {
            let (before, after) = (pass.before.len(), pass.after.len());
            let text = format!("{} was compacted from {before} to {after} records", pass.partition);
            line.is(leaders.lane(&pass.partition, line.number), Sign::Removed, "compacted", text);
            line.about(&pass.partition);
        }
        Event::ProducerExpired(gone) => {
            let text = format!("{} forgot producer {}", gone.partition, gone.pid);
            line.is(leaders.lane(&gone.partition, line.number), Sign::Removed, format!("pid {}", gone.pid), text);
            line.about(&gone.partition);
        }
        Event::FinalLog(log) => {
            let whose = log.broker.map(|broker| format!("broker {broker}'s ")).unwrap_or_default();
            let text = format!("at the end, {whose}log of {} has HW {}", log.partition, log.high_watermark);
            line.is(Lane::Logs, Sign::Log, &log.partition, text);
            line.about(&log.partition);
        }
        Event::Log(log) => {
            let whose = log.broker.map(|broker| format!("broker {broker}'s ")).unwrap_or_default();
            let what = match (log.marker, log.ids.as_slice()) {
                (Some(marker), _) => format!("{} marker", outcome(marker)),
                (None, [Some(id)]) => id.to_string(),
                (None, ids) => format!("{} records", ids.len()),
            };
            let text = format!("at the end, {whose}log of {} has at {}: {what}", log.partition, log.offset);
            line.is(Lane::Logs, Sign::Log, format!("@{}", log.offset), text);
            line.about(&log.partition);
        }
        _ => {}
    }
}

/// `group:billing` as `group billing`.
fn scope(scope: &str) -> String {
    scope.replacen(':', " ", 1)
}

fn coordinator(line: &mut Line, event: &Event, leaders: &Leaders) {
    match event {
        Event::Epoch(epoch) => {
            let text = format!("raised the epoch of {} to {}", scope(&epoch.scope), epoch.value);
            line.is(Lane::Coordinator(scope(&epoch.scope)), Sign::Fenced, format!("epoch {}", epoch.value), text);
        }
        Event::Accepted(accepted) => {
            let what = match accepted.what {
                Effect::Commit => "OffsetCommit",
                Effect::TxnCommit => "TxnOffsetCommit",
                Effect::Produce => "Produce",
                Effect::EndTxn => "EndTxn",
            };
            let place = accepted.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
            let text = format!("accepted {what} under {} {}{place}", scope(&accepted.scope), accepted.value);
            let lane = match (&accepted.place, accepted.what) {
                (Some(place), Effect::Produce) => leaders.lane(place, line.number),
                _ => Lane::Coordinator(scope(&accepted.scope)),
            };
            line.is(lane, Sign::Accepted, what, text);
            line.partitions.extend(accepted.place.clone());
        }
        Event::TxnState(state) => {
            let (name, pid) = (txn_status(state.state), state.pid);
            line.is(Lane::Coordinator(format!("pid {pid}")), Sign::State, name, format!("producer {pid} is {name}"));
        }
        Event::Settled(settled) => {
            let did = if settled.outcome == Outcome::Commit { "took effect" } else { "were dropped" };
            let text = format!("the offsets of {} for {} {did}", settled.txn, settled.partition);
            line.is(
                Lane::Coordinator(format!("group {}", settled.group)),
                Sign::Marker,
                outcome(settled.outcome),
                text,
            );
            line.about(&settled.partition);
        }
        Event::GroupState(state) => {
            let name = group_status(state.state);
            let text = format!("{} is {name} in generation {}", state.group, state.generation);
            line.is(Lane::Coordinator(format!("group {}", state.group)), Sign::State, name, text);
        }
        _ => {}
    }
}

/// The beginning of a text, at a word's end where that is near.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let head: String = text.chars().take(max).collect();
    let cut = head.rfind(' ').filter(|at| *at * 2 > head.len()).unwrap_or(head.len());
    format!("{}…", head[..cut].trim_end_matches([',', ':', ' ']))
}
